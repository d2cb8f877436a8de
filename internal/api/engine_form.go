package api

import (
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func (p *Processes) registerForms() {
	p.handle("GET form/form-data", p.formData)
	p.handle("POST form/form-data", p.submitForm)
}

type restEnum struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type restProperty struct {
	ID          string     `json:"id"`
	Name        *string    `json:"name"`
	Type        string     `json:"type"`
	Value       any        `json:"value"`
	Readable    bool       `json:"readable"`
	Writable    bool       `json:"writable"`
	Required    bool       `json:"required"`
	DatePattern *string    `json:"datePattern"`
	EnumValues  []restEnum `json:"enumValues"`
}

type restForm struct {
	FormKey              *string        `json:"formKey"`
	DeploymentID         *string        `json:"deploymentId"`
	ProcessDefinitionID  *string        `json:"processDefinitionId"`
	ProcessDefinitionURL *string        `json:"processDefinitionUrl"`
	TaskID               *string        `json:"taskId"`
	TaskURL              *string        `json:"taskUrl"`
	FormProperties       []restProperty `json:"formProperties"`
}

// keyOfDefinition is the key at the beginning of a definition's id.
func keyOfDefinition(id string) string {
	key, _, _ := strings.Cut(id, ":")
	return key
}

func (v *visit) form(d *engine.FormData) restForm {
	f := restForm{FormKey: orNil(d.Key), FormProperties: []restProperty{}}
	if d.Task != nil {
		f.TaskID, f.TaskURL = &d.Task.ID, v.link(d.Task.ID, "runtime", "tasks")
	} else if d.Definition != nil {
		f.ProcessDefinitionID, f.ProcessDefinitionURL = &d.Definition.ID, v.link(d.Definition.ID, "repository", "process-definitions")
	}
	if d.Definition != nil {
		f.DeploymentID = &d.Definition.DeploymentID
	}
	for _, q := range d.Properties {
		one := restProperty{ID: q.ID, Name: orNil(q.Name), Type: q.Type, Value: q.Value, Readable: q.Readable, Writable: q.Writable, Required: q.Required, DatePattern: orNil(q.DatePattern), EnumValues: []restEnum{}}
		for _, e := range q.Values {
			one.EnumValues = append(one.EnumValues, restEnum(e))
		}
		f.FormProperties = append(f.FormProperties, one)
	}
	return f
}

func (p *Processes) formData(v *visit) (any, error) {
	q := v.URL.Query()
	task, definition := q.Get("taskId"), q.Get("processDefinitionId")
	if (task == "") == (definition == "") {
		return nil, fault.New(fault.Invalid, "One of taskId and processDefinitionId is required, and not both.")
	}
	var d *engine.FormData
	var err error
	if task != "" {
		d, err = p.engine.TaskForm(v.Context(), v.actor, task)
	} else {
		d, err = p.engine.StartForm(v.Context(), v.actor, definition)
	}
	if err != nil {
		return nil, err
	}
	return v.form(d), nil
}

func (p *Processes) submitForm(v *visit) (any, error) {
	var body struct {
		TaskID, ProcessDefinitionID, BusinessKey string
		Properties                               []struct {
			ID    string
			Value *string
		}
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	if (body.TaskID == "") == (body.ProcessDefinitionID == "") {
		return nil, fault.New(fault.Invalid, "One of taskId and processDefinitionId is required, and not both.")
	}
	given := map[string]string{}
	for _, q := range body.Properties {
		given[q.ID] = value(q.Value)
	}
	o := engine.StartOptions{DefinitionID: body.ProcessDefinitionID, BusinessKey: body.BusinessKey}
	i, err := p.engine.SubmitProperties(v.Context(), v.actor, body.TaskID, o, given)
	if err != nil {
		return nil, err
	}
	if i == nil {
		return gone{}, nil
	}
	return v.instance(i), nil
}
