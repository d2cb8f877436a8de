package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// FormData is a form with what it is bound to and what is in it.
type FormData struct {
	DeployedForm // its ID is empty and its Form nil when there is none with that key
	// Values are the variables that can be seen there, and over them what was saved of the
	// form before it is submitted.
	Values     map[string]any
	Outcome    string     // that was chosen when it was submitted
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
		if data, err = c.taskForm(p); err != nil || !t.EndedAt.IsZero() {
			return err
		}
		return c.draft(t.ID, data.Values)
	})
	return data, err
}

// taskForm reads the form of a task: an open one as it is to be filled in, an ended one
// as it was submitted.
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
	if !t.EndedAt.IsZero() {
		if done, err := c.asSubmitted(data, `task_id = $1 AND task_id <> ''`, t.ID); done || err != nil {
			return data, errors.Join(err, c.besides(data, t.InstanceID))
		}
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
	return data, nil
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

// SaveForm keeps what a form of an open task holds, without checking it; the contents that
// its fields name become the task's.
func (e *Engine) SaveForm(ctx context.Context, actor Actor, taskID string, values map[string]any) error {
	text, err := encodeForm(values)
	if err != nil {
		return err
	}
	return e.do(ctx, actor, func(c *command) error {
		t, err := c.permitted(taskID, toUpdate)
		if err != nil {
			return err
		}
		data, err := c.taskForm(place{c: c, x: t.x, t: t})
		if err != nil {
			return err
		}
		if err := c.takeContents(data.Form, values, taskID, t.InstanceID); err != nil {
			return err
		}
		_, err = c.tx.Exec(ctx, `INSERT INTO form_drafts (task_id, content, user_id, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (task_id) DO UPDATE SET content = excluded.content, user_id = excluded.user_id, at = excluded.at`, taskID, text, actor.UserID, store.Millis(c.now))
		return err
	})
}

// CompleteForm checks what was submitted to a task's form, keeps it and completes the
// task, all in one transaction. A task without a form takes the values as variables.
// Errors: Invalid with every problem by field, and those of Complete.
func (e *Engine) CompleteForm(ctx context.Context, actor Actor, taskID string, values map[string]any, outcome string) error {
	number, err := e.submissions.take(ctx, e.db)
	if err != nil {
		return err
	}
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
		if err := c.submitted(data, sub, number, t.InstanceID, t.keeps(e)); err != nil {
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

// submitted keeps what was submitted, under a number, unless no history is kept, and
// gives the contents that were chosen to the task or instance.
func (c *command) submitted(d *FormData, sub *form.Submission, number int64, instance string, keep bool) error {
	text, err := encodeForm(sub.Values)
	if err != nil || d.Form == nil {
		return err
	}
	task, definition := "", ""
	if d.Task != nil {
		task = d.Task.ID
		c.along(`DELETE FROM form_drafts WHERE task_id = $1`, task)
	}
	if d.Definition != nil {
		definition = d.Definition.ID
	}
	if err := c.takeContents(d.Form, sub.Values, task, instance); err != nil || !keep {
		return err
	}
	c.along(`INSERT INTO submitted_forms (`+submittedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		number, d.ID, task, instance, definition, text, sub.Outcome, c.actor.UserID, store.Millis(c.now))
	return nil
}

// StartWithForm checks what was submitted to a start form, and starts the definition
// with the variables that come of it. One without a form takes the values as variables.
func (e *Engine) StartWithForm(ctx context.Context, actor Actor, o StartOptions, values map[string]any, outcome string) (*Instance, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	number, err := e.submissions.take(ctx, e.db)
	if err != nil {
		return nil, err
	}
	var made *instance
	err = e.do(ctx, actor, func(c *command) error {
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
		return c.submitted(data, sub, number, made.ID, made.def.keeps("activity"))
	})
	if err != nil {
		return nil, err
	}
	return &made.Instance, nil
}
