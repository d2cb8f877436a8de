package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
)

// registerForms adds the operations on forms: of tasks, of what starts a process, and those
// that are deployed.
func (a *API) registerForms() {
	choices := []namedObject{}
	a.process("GET task-forms/{taskId}", a.taskForm).about(nil, formDefinition{})
	a.process("POST task-forms/{taskId}", a.completeForm).about(completeForm{}, nil)
	a.process("POST task-forms/{taskId}/save-form", a.saveForm).about(completeForm{}, nil)
	a.process("GET task-forms/{taskId}/variables", a.formVariables).about(nil, []formVariable{})
	a.process("GET task-forms/{taskId}/form-values/{field}", a.taskChoices).about(nil, choices)
	a.process("GET task-forms/{taskId}/form-values/{field}/{column}", a.taskChoices).about(nil, choices)
	a.process("GET process-definitions/{processDefinitionId}/start-form", a.startForm).about(nil, formDefinition{})
	a.process("GET process-definitions/{processDefinitionId}/start-form-values/{field}", a.startChoices).about(nil, choices)
	a.process("GET process-definitions/{processDefinitionId}/start-form-values/{field}/{column}", a.startChoices).about(nil, choices)
	a.process("GET process-instances/{processInstanceId}/start-form", a.instanceStartForm).about(nil, formDefinition{})
	a.process("PUT tasks/{taskId}/action/attach-form", a.attachForm).about(formIdentifier{}, nil)
	a.process("DELETE tasks/{taskId}/action/remove-form", a.removeForm)
	a.process("GET forms", a.forms).about(nil, page[runtimeForm]{})
	a.process("GET process-definitions/{processDefinitionId}/forms", a.definitionForms).about(nil, page[runtimeForm]{})
	a.process("GET forms/{formId}/editorJson", a.editorJSON).about(nil, formDefinition{})
}

// maxForm is the largest body of a form that is read: a signature or a table may be in it.
const maxForm = 4 << 20

// completeForm is APS's CompleteFormRepresentation, and its SaveFormRepresentation, which
// has no outcome.
type completeForm struct {
	Values  formValues `json:"values"`
	Outcome *string    `json:"outcome"`
}

// formValues are values by field. Numbers stay as they were written: 1 is no 1.0.
type formValues map[string]any

// UnmarshalJSON reads an object; null leaves none.
func (f *formValues) UnmarshalJSON(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode((*map[string]any)(f)) != nil {
		return fault.New(fault.Invalid, "The member values must be an object.")
	}
	return nil
}

// formIdentifier is APS's FormIdentifierRepresentation.
type formIdentifier struct {
	FormID digits `json:"formId"`
}

// formVariable is APS's ProcessInstanceVariableRepresentation.
type formVariable struct {
	ID    string `json:"id"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// runtimeForm is APS's RuntimeFormRepresentation.
type runtimeForm struct {
	ID          int64   `json:"id"`
	Name        string  `json:"name"`
	Description *string `json:"description"`
	ModelID     *int64  `json:"modelId"`
	AppID       *int64  `json:"appDefinitionId"`
	AppNumber   *int64  `json:"appDeploymentId"`
	TenantID    int64   `json:"tenantId"`
}

func (a *API) taskForm(v *visit) (any, error) {
	data, err := a.cfg.Engine.TaskForm(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	if data.Form == nil {
		return nil, fault.New(fault.NotFound, "Task with id: %s has no form.", data.Task.ID)
	}
	return a.showForm(v, data)
}

// submittedForm reads what is submitted.
func (v *visit) submittedForm() (values map[string]any, outcome string, err error) {
	var body completeForm
	if err := v.decodeUpTo(maxForm, "4 MiB", &body); err != nil {
		return nil, "", err
	}
	if body.Values == nil {
		body.Values = formValues{}
	}
	return body.Values, value(body.Outcome), nil
}

func (a *API) completeForm(v *visit) (any, error) {
	values, outcome, err := v.submittedForm()
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.CompleteForm(v.Context(), v.actor, v.PathValue("taskId"), values, outcome)
}

func (a *API) saveForm(v *visit) (any, error) {
	values, _, err := v.submittedForm()
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.SaveForm(v.Context(), v.actor, v.PathValue("taskId"), values)
}

// formVariables are the variables that a task's form can see, without what was saved of
// the form.
func (a *API) formVariables(v *visit) (any, error) {
	t, err := a.cfg.Engine.Task(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	if !t.EndedAt.IsZero() {
		return a.endedVariables(v, t)
	}
	variables, err := a.cfg.Engine.TaskVariables(v.Context(), t.ID)
	if err != nil {
		return nil, err
	}
	list := make([]formVariable, 0, len(variables))
	for _, one := range variables {
		list = append(list, newFormVariable(&one))
	}
	slices.SortFunc(list, func(a, b formVariable) int { return strings.Compare(a.ID, b.ID) })
	return list, nil
}

// endedVariables are those of an ended task's process, or of the task when it has none.
func (a *API) endedVariables(v *visit, t *engine.Task) (any, error) {
	vq := engine.VariableQuery{InstanceID: t.InstanceID, Instances: true, Page: engine.Page{Limit: engine.MaxPage}}
	if t.InstanceID == "" {
		vq.TaskID, vq.Instances = t.ID, false
	}
	all, _, err := a.cfg.Engine.AllVariables(v.Context(), vq)
	list := make([]formVariable, len(all))
	for i := range all {
		list[i] = newFormVariable(&all[i])
	}
	return list, err
}

// startForm is the form by which a definition that the caller may start is started.
func (a *API) startForm(v *visit) (any, error) {
	data, err := a.startFormData(v)
	if err != nil {
		return nil, err
	}
	return a.showForm(v, data)
}

func (a *API) startFormData(v *visit) (*engine.FormData, error) {
	id := v.PathValue("processDefinitionId")
	if err := a.mayFillIn(v, id); err != nil {
		return nil, err
	}
	data, err := a.cfg.Engine.StartForm(v.Context(), v.actor, id)
	if err == nil && data.Form == nil {
		err = fault.New(fault.NotFound, "Process definition %s has no start form.", id)
	}
	return data, err
}

// mayFillIn refuses definitions of other tenants, and those that the caller may not start.
func (a *API) mayFillIn(v *visit, id string) error {
	d, err := a.cfg.Engine.Definition(v.Context(), v.actor, id)
	if err != nil {
		return err
	}
	if d.TenantID != v.tenant() {
		return fault.New(fault.NotFound, "There is no process definition %q.", id)
	}
	if v.actor.Admin {
		return nil
	}
	_, n, err := a.cfg.Engine.Definitions(v.Context(), engine.DefinitionQuery{ID: id, StartableBy: &v.actor, Page: engine.Page{Limit: 1}})
	if err == nil && n == 0 {
		err = fault.New(fault.Forbidden, "You may not start the process definition %s.", id)
	}
	return err
}

func (a *API) instanceStartForm(v *visit) (any, error) {
	data, err := a.cfg.Engine.InstanceStartForm(v.Context(), v.actor, v.PathValue("processInstanceId"))
	if err != nil {
		return nil, err
	}
	if data.Form == nil {
		return nil, fault.New(fault.NotFound, "Process instance with id: %s has no start form.", v.PathValue("processInstanceId"))
	}
	return a.showForm(v, data)
}

func (a *API) attachForm(v *visit) (any, error) {
	var body formIdentifier
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	if body.FormID == 0 {
		return nil, fault.New(fault.Invalid, "The member formId is missing.")
	}
	task := v.PathValue("taskId")
	if _, err := a.cfg.Engine.Task(v.Context(), v.actor, task); err != nil {
		return nil, err
	}
	number, err := a.attachable(v, int64(body.FormID))
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.AttachForm(v.Context(), v.actor, task, number)
}

// attachable is the number of a deployed form: the one given, or, when that is a form
// model's, as ADF sends it, of what the model is deployed as for this. Numbers of models
// and of deployed forms are of one sequence.
func (a *API) attachable(v *visit, id int64) (int64, error) {
	by, err := a.modeler(v)
	if err != nil {
		return 0, err
	}
	deployment, err := a.cfg.Models.DeployForm(v.Context(), by, id)
	if fault.Is(err, fault.NotFound) {
		return id, nil
	}
	if err != nil {
		return 0, err
	}
	forms, _, err := a.cfg.Engine.Forms(v.Context(), engine.FormQuery{DeploymentID: deployment, Page: engine.Page{Limit: 1}})
	if err != nil || len(forms) == 0 {
		return 0, errors.Join(err, fault.New(fault.NotFound, "The form %d was deployed and is not there any more.", id))
	}
	return forms[0].Number, nil
}

func (a *API) removeForm(v *visit) (any, error) {
	return nil, a.cfg.Engine.AttachForm(v.Context(), v.actor, v.PathValue("taskId"), 0)
}

// formSorts are APS's words for the order of forms.
var formSorts = map[string]string{"": "", "name": "name", "id": "id", "version": "version"}

// forms lists deployed forms of the caller's tenant. An administrator sees no others either:
// the parameter tenantId says which, and there is one that he belongs to.
func (a *API) forms(v *visit) (any, error) {
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	q := v.URL.Query()
	var app, tenant int64
	if err := v.numbers(map[string]*int64{"appId": &app, "tenantId": &tenant}); err != nil {
		return nil, err
	}
	by, ok := formSorts[q.Get("sort")]
	if !ok {
		return nil, fault.New(fault.Invalid, "Forms cannot be sorted by %q.", q.Get("sort"))
	}
	if tenant != 0 && tenant != value(tenantNumber(v.tenant())) {
		return newPage[runtimeForm](nil, 0, offset), nil
	}
	fq := engine.FormQuery{NameContains: strings.ReplaceAll(q.Get("nameLike"), "%", ""), AppID: app, Tenant: v.ofTenant(),
		Order: engine.Order{By: by, Desc: q.Get("order") == "desc"}, Page: engine.Page{Offset: offset, Limit: limit}}
	return a.formPage(v, fq)
}

// definitionForms lists the forms that were deployed with a definition.
func (a *API) definitionForms(v *visit) (any, error) {
	id := v.PathValue("processDefinitionId")
	if err := a.mayFillIn(v, id); err != nil {
		return nil, err
	}
	d, err := a.cfg.Engine.Definition(v.Context(), v.actor, id)
	if err != nil {
		return nil, err
	}
	return a.formPage(v, engine.FormQuery{DeploymentID: d.DeploymentID, Page: engine.Page{Limit: engine.MaxPage}})
}

func (a *API) formPage(v *visit, fq engine.FormQuery) (any, error) {
	all, total, err := a.cfg.Engine.Forms(v.Context(), fq)
	if err != nil {
		return nil, err
	}
	list := make([]runtimeForm, len(all))
	for i, f := range all {
		list[i] = runtimeForm{ID: f.Number, Name: f.Name, AppID: orNil(f.AppID), AppNumber: orNil(f.AppNumber), TenantID: value(tenantNumber(f.TenantID))}
		if number, err := strconv.ParseInt(f.Key, 10, 64); err == nil {
			list[i].ModelID = &number // APS names a form by the number of its model
		}
	}
	return newPage(list, total, fq.Page.Offset), nil
}

func (a *API) editorJSON(v *visit) (any, error) {
	number, err := v.pathNumber("formId")
	if err != nil {
		return nil, err
	}
	f, err := a.cfg.Engine.Form(v.Context(), v.tenant(), number)
	if err != nil {
		return nil, err
	}
	return emptyForm(f)
}

// taskChoices are the choices of a field, or of a table's column, that a service gives.
func (a *API) taskChoices(v *visit) (any, error) {
	data, err := a.cfg.Engine.TaskForm(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	return a.choices(v, data)
}

func (a *API) startChoices(v *visit) (any, error) {
	data, err := a.startFormData(v)
	if err != nil {
		return nil, err
	}
	return a.choices(v, data)
}

// choices asks the service that the field, or the column, names.
func (a *API) choices(v *visit, data *engine.FormData) (any, error) {
	id, column := v.PathValue("field"), v.PathValue("column")
	var f *form.Field
	if data.Form != nil {
		f = data.Form.Field(id)
	}
	if f != nil && column != "" {
		f = f.Column(column)
	}
	if f == nil || f.URL == "" {
		return nil, fault.New(fault.NotFound, "The form has no field %s whose choices come from a service.", strings.Trim(fmt.Sprintf("%q %q", id, column), ` "`))
	}
	answer, err := a.cfg.Fetch(v.Context(), f.Address(data.Values))
	if err != nil {
		return nil, err
	}
	options, err := f.Choices(answer)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "The service of the field %q gave no choices: %s.", f.ID, err)
	}
	list := make([]namedObject, len(options))
	for i, o := range options {
		list[i] = namedObject(o)
	}
	return list, nil
}
