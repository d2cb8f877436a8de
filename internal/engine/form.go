package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// FormData is a form with what it is bound to and what is in it.
type FormData struct {
	ID      string
	Key     string // what formKey names
	Version int
	Name    string
	JSON    []byte // as it was deployed; nil when there is none with that key
	Form    *form.Form
	// Values are the variables that can be seen there, and over them what was saved of the
	// form before it is submitted.
	Values     map[string]any
	Properties []Property // those of the model itself (activiti:formProperty)
	Task       *Task      // nil for a start form
	Definition *Definition
}

// Property is one activiti:formProperty with its value.
type Property struct {
	ID, Name, Type               string // string, long, double, boolean, date, enum, or one's own
	Value                        any
	Readable, Writable, Required bool
	DatePattern                  string
	Values                       []bpmn.FormValue // of an enum

	variable string
}

// maxDraft is the most bytes of what is kept of a form.
const maxDraft = 4 << 20

// StartForm returns the form by which a definition is started; one without JSON and
// properties when it has none. Errors: NotFound; Forbidden when the actor may not start it.
func (e *Engine) StartForm(ctx context.Context, actor Actor, definitionID string) (*FormData, error) {
	var data *FormData
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, actor: actor, now: e.now()}
		def, err := e.definition(ctx, tx, definitionID)
		if err != nil {
			return err
		}
		if err := c.mayStart(&def.Definition); err != nil {
			return err
		}
		data, err = c.startForm(def)
		return err
	})
	return data, err
}

func (c *command) startForm(def *definition) (*FormData, error) {
	data := &FormData{Definition: &def.Definition, Values: map[string]any{}}
	start := noneStart(def.process.Root)
	if start == nil || start.Form == nil {
		return data, nil
	}
	if start.Form.Key != nil {
		key, err := c.outside(start.Form.Key)
		if err != nil {
			return nil, err
		}
		if err := c.findForm(data, key, def.DeploymentID, def.TenantID); err != nil {
			return nil, err
		}
	}
	for _, p := range start.Form.Properties {
		property := newProperty(p)
		if p.Default != nil {
			if text, ok := p.Default.Literal(); ok {
				property.Value = text
			}
		}
		data.Properties = append(data.Properties, property)
	}
	return data, nil
}

// findForm fills in the form of that key: the deployment's own, or else the newest one.
func (c *command) findForm(data *FormData, key, deployment, tenant string) error {
	if data.Key = key; key == "" {
		return nil
	}
	err := c.tx.QueryRow(c.ctx, []any{&data.ID, &data.Version, &data.Name, &data.JSON}, `SELECT id, version, name, json FROM forms WHERE tenant_id = $1 AND key = $2
		ORDER BY CASE WHEN deployment_id = $3 THEN 0 ELSE 1 END, version DESC LIMIT 1`, tenant, key, deployment)
	if errors.Is(err, store.ErrNoRow) {
		return nil
	}
	if err == nil {
		data.Form, err = form.Parse(data.JSON)
	}
	return err
}

func newProperty(p bpmn.FormProperty) Property {
	return Property{ID: p.ID, Name: p.Name, Type: or(p.Type, "string"), Readable: p.Readable, Writable: p.Writable, Required: p.Required, DatePattern: p.DatePattern, Values: p.Values,
		variable: or(p.Variable, p.ID)}
}

// TaskForm returns the form of a task; one without JSON and properties when it has none.
// Errors: NotFound, Forbidden.
func (e *Engine) TaskForm(ctx context.Context, actor Actor, taskID string) (*FormData, error) {
	t, err := e.Task(ctx, actor, taskID)
	if err != nil {
		return nil, err
	}
	var data *FormData
	err = e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		p := place{c: c, t: &task{Task: *t}}
		if t.InstanceID != "" {
			inst, err := c.read(t.InstanceID)
			if err != nil {
				return err
			}
			p.x = inst.find(t.ExecutionID)
		}
		data, err = c.taskForm(p)
		return err
	})
	return data, err
}

// taskForm reads the form of a task, which may have ended.
func (c *command) taskForm(p place) (*FormData, error) {
	t := p.t
	data := &FormData{Task: &t.Task, Values: map[string]any{}}
	var node *bpmn.Node
	deployment := ""
	if t.DefinitionID != "" {
		def, err := c.e.definition(c.ctx, c.tx, t.DefinitionID)
		if err != nil {
			return nil, err
		}
		data.Definition, deployment, node = &def.Definition, def.DeploymentID, def.process.Nodes[t.Key]
	}
	if err := c.findForm(data, t.FormKey, deployment, t.TenantID); err != nil {
		return nil, err
	}
	if p.x != nil || t.InstanceID == "" {
		values, err := p.all()
		if err != nil {
			return nil, err
		}
		data.Values = values
	}
	if node != nil && node.Form != nil && p.x != nil {
		for _, fp := range node.Form.Properties {
			property, err := p.property(fp)
			if err != nil {
				return nil, err
			}
			data.Properties = append(data.Properties, property)
		}
	}
	return data, c.draft(t.ID, data.Values)
}

// property is a property with the value that it has now.
func (p place) property(fp bpmn.FormProperty) (Property, error) {
	property := newProperty(fp)
	v, ok, err := p.get(property.variable)
	if err == nil && fp.Expression != nil {
		v, err = p.eval(fp.Expression)
		ok = true
	}
	if err == nil && !ok && fp.Default != nil {
		v, err = p.eval(fp.Default)
	}
	property.Value = v
	return property, err
}

// draft puts what was saved of a task's form over the values.
func (c *command) draft(taskID string, values map[string]any) error {
	var text string
	err := c.tx.QueryRow(c.ctx, []any{&text}, `SELECT content FROM form_drafts WHERE task_id = $1`, taskID)
	if errors.Is(err, store.ErrNoRow) {
		return nil
	}
	if err != nil {
		return err
	}
	var saved map[string]any
	if err := json.Unmarshal([]byte(text), &saved); err != nil {
		return fmt.Errorf("reading what was saved of the form of task %s: %w", taskID, err)
	}
	for name, v := range saved {
		values[name] = v
	}
	return nil
}

// encodeForm writes the values of a form.
func encodeForm(values map[string]any) (string, error) {
	text, err := json.Marshal(values)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "The values of the form cannot be kept.")
	}
	if len(text) > maxDraft {
		return "", fault.New(fault.TooLarge, "The values of the form have %d bytes; %d are allowed.", len(text), maxDraft)
	}
	return string(text), nil
}

// SaveForm keeps what a form of an open task holds, without checking it.
func (e *Engine) SaveForm(ctx context.Context, actor Actor, taskID string, values map[string]any) error {
	text, err := encodeForm(values)
	if err != nil {
		return err
	}
	return e.do(ctx, actor, func(c *command) error {
		if _, err := c.permitted(taskID, toUpdate); err != nil {
			return err
		}
		_, err := c.tx.Exec(ctx, `INSERT INTO form_drafts (task_id, content, user_id, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (task_id) DO UPDATE SET content = excluded.content, user_id = excluded.user_id, at = excluded.at`, taskID, text, actor.UserID, store.Millis(c.now))
		return err
	})
}

// CompleteForm checks what was submitted to a task's form, keeps it and completes the
// task, all in one transaction. A task without a form takes the values as variables.
// Errors: Invalid with every problem by field, and those of Complete.
func (e *Engine) CompleteForm(ctx context.Context, actor Actor, taskID string, values map[string]any, outcome string) error {
	return e.do(ctx, actor, func(c *command) error {
		t, err := c.permitted(taskID, toComplete)
		if err != nil {
			return err
		}
		if t.Delegation == Pending {
			return fault.New(fault.Conflict, "The task %q is delegated. It has to be resolved before it can be completed.", shown(taskID))
		}
		data, err := c.taskForm(place{c: c, x: t.x, t: t})
		if err != nil {
			return err
		}
		sub, err := data.submit(values, outcome)
		if err != nil {
			return err
		}
		if err := c.submitted(data, sub, t.InstanceID); err != nil {
			return err
		}
		here := place{c: c, x: t.x}
		if t.x == nil {
			here.t = t
		}
		if err := here.setAll(sub.Variables, false); err != nil {
			return err
		}
		return c.completeTask(t)
	})
}

// submit checks what was submitted; the outcome is one of its variables.
func (d *FormData) submit(values map[string]any, outcome string) (*form.Submission, error) {
	if d.Form == nil {
		sub := &form.Submission{Values: values, Variables: values, Outcome: outcome}
		if outcome != "" && d.Key != "" {
			sub.Variables = map[string]any{form.OutcomeVariable(d.Key): outcome}
			for name, v := range values {
				sub.Variables[name] = v
			}
		}
		return sub, nil
	}
	sub, problems := d.Form.Check(values, outcome, d.Values)
	if len(problems) > 0 {
		return nil, problems.Err()
	}
	if sub.Outcome != "" {
		sub.Variables[form.OutcomeVariable(d.Key)] = sub.Outcome
	}
	return sub, nil
}

// submitted keeps what was submitted.
func (c *command) submitted(d *FormData, sub *form.Submission, instance string) error {
	text, err := encodeForm(sub.Values)
	if err != nil || d.Form == nil {
		return err
	}
	task, definition := "", ""
	if d.Task != nil {
		task = d.Task.ID
		if _, err := c.tx.Exec(c.ctx, `DELETE FROM form_drafts WHERE task_id = $1`, task); err != nil {
			return err
		}
	}
	if d.Definition != nil {
		definition = d.Definition.ID
	}
	id, err := c.tx.Next(c.ctx, "submitted_form")
	if err != nil {
		return err
	}
	return c.insert("submitted_forms", submittedColumns, [][]any{{id, d.ID, task, instance, definition, text, sub.Outcome, c.actor.UserID, store.Millis(c.now)}}, "")
}

// StartWithForm checks what was submitted to a start form, and starts the definition
// with the variables that come of it. One without a form takes the values as variables.
func (e *Engine) StartWithForm(ctx context.Context, actor Actor, o StartOptions, values map[string]any, outcome string) (*Instance, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var made *instance
	err := e.do(ctx, actor, func(c *command) error {
		d, start, err := c.chosen(o)
		if err != nil {
			return err
		}
		def, err := e.definition(ctx, c.tx, d.ID)
		if err != nil {
			return err
		}
		data, err := c.startForm(def)
		if err != nil {
			return err
		}
		sub, err := data.submit(values, outcome)
		if err != nil {
			return err
		}
		with := o
		with.Variables = map[string]any{}
		for _, m := range []map[string]any{o.Variables, sub.Variables} {
			for name, v := range m {
				with.Variables[name] = v
			}
		}
		if made, err = c.start(d, start, with); err != nil {
			return err
		}
		return c.submitted(data, sub, made.ID)
	})
	if err != nil {
		return nil, err
	}
	return &made.Instance, nil
}

// Submitted is a form as it was submitted.
type Submitted struct {
	ID           int64
	FormID       string
	FormKey      string
	FormName     string
	TaskID       string // empty: a start form
	TaskName     string
	InstanceID   string
	DefinitionID string
	Values       map[string]any
	Outcome      string
	UserID       string
	At           time.Time
}

const submittedColumns = `id, form_id, task_id, instance_id, definition_id, content, outcome, user_id, at`

// SubmittedForms returns a page of what was submitted for a task or, when taskID is empty,
// an instance, the newest first.
func (e *Engine) SubmittedForms(ctx context.Context, actor Actor, taskID, instanceID string, p Page) ([]Submitted, int, error) {
	if _, err := e.subject(ctx, actor, taskID, instanceID); err != nil {
		return nil, 0, err
	}
	q := &query{}
	if taskID != "" {
		q.Add(`s.task_id = ? AND s.task_id <> ''`, taskID)
	} else {
		q.Add(`s.instance_id = ? AND s.instance_id <> ''`, instanceID)
	}
	return list(ctx, e, q, of("s", submittedColumns)+`, COALESCE((SELECT key FROM forms f WHERE f.id = s.form_id), ''), COALESCE((SELECT name FROM forms f WHERE f.id = s.form_id), ''),
		COALESCE((SELECT name FROM tasks t WHERE t.id = s.task_id), '')`, `FROM submitted_forms s`, ` ORDER BY s.at DESC, s.id DESC`, p, func(row store.Row) (Submitted, error) {
		var s Submitted
		var text string
		err := row.Scan(&s.ID, &s.FormID, &s.TaskID, &s.InstanceID, &s.DefinitionID, &text, &s.Outcome, &s.UserID, store.Time(&s.At), &s.FormKey, &s.FormName, &s.TaskName)
		if err == nil {
			err = json.Unmarshal([]byte(text), &s.Values)
		}
		return s, err
	})
}
