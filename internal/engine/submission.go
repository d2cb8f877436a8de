package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

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

// SubmittedQuery says which submitted forms are meant.
type SubmittedQuery struct {
	ID                 int64
	TaskID, InstanceID string
	FormNumber         int64
	UserID             string // who submitted it
	// For restricts the list to what that actor may see: what was submitted in his tasks
	// and instances, and by himself; nil means everything.
	For    *Actor
	Tenant Tenant // of the form

	Page Page
}

var parameter = regexp.MustCompile(`\$[0-9]+`)

// nested is a query's clause as a part of another's condition: a mark for each argument,
// of which each is there once and in its order.
func nested(q *query) string { return parameter.ReplaceAllString(q.String(), "?") }

func (sq *SubmittedQuery) where() *query {
	q := &query{}
	q.equal("s.user_id", sq.UserID)
	if sq.TaskID != "" {
		q.Add(`s.task_id = ? AND s.task_id <> ''`, sq.TaskID)
	}
	if sq.InstanceID != "" {
		q.Add(`s.instance_id = ? AND s.instance_id <> ''`, sq.InstanceID)
	}
	if sq.ID != 0 {
		q.Add(`s.id = ?`, sq.ID)
	}
	if sq.FormNumber != 0 {
		q.Add(`s.form_id IN (SELECT id FROM forms WHERE number = ?)`, sq.FormNumber)
	}
	if sq.Tenant != (Tenant{}) {
		of := &query{}
		of.tenant("o.tenant_id", sq.Tenant)
		q.Add(`s.form_id IN (SELECT o.id FROM forms o`+nested(of)+`)`, of.Args...)
	}
	if a := sq.For; a != nil {
		tasks, instances := &query{}, &query{}
		visibleTasks(tasks, *a)
		visibleInstances(instances, *a)
		q.Add(`(s.user_id = ? OR s.task_id IN (SELECT t.id FROM tasks t`+nested(tasks)+`) OR s.instance_id IN (SELECT i.id FROM instances i`+nested(instances)+`))`,
			append(append([]any{a.UserID}, tasks.Args...), instances.Args...)...)
	}
	return q
}

// Submissions returns a page of submitted forms, the newest first, and how many there are.
func (e *Engine) Submissions(ctx context.Context, sq SubmittedQuery) ([]Submitted, int, error) {
	return list(ctx, e, sq.where(), of("s", submittedColumns)+`, COALESCE(f.key, ''), COALESCE(f.name, ''), COALESCE((SELECT name FROM tasks t WHERE t.id = s.task_id), '')`,
		`FROM submitted_forms s LEFT JOIN forms f ON f.id = s.form_id`, ` ORDER BY s.at DESC, s.id DESC`, sq.Page, scanSubmitted)
}

func scanSubmitted(row store.Row) (Submitted, error) {
	var s Submitted
	var text string
	err := row.Scan(&s.ID, &s.FormID, &s.TaskID, &s.InstanceID, &s.DefinitionID, &text, &s.Outcome, &s.UserID, store.Time(&s.At), &s.FormKey, &s.FormName, &s.TaskName)
	if err == nil {
		err = json.Unmarshal([]byte(text), &s.Values)
	}
	return s, err
}

// SubmittedForms returns a page of what was submitted for a task or, when taskID is empty,
// an instance, the newest first. Errors: NotFound, Forbidden.
func (e *Engine) SubmittedForms(ctx context.Context, actor Actor, taskID, instanceID string, p Page) ([]Submitted, int, error) {
	if _, err := e.subject(ctx, actor, taskID, instanceID); err != nil {
		return nil, 0, err
	}
	if taskID != "" {
		instanceID = ""
	}
	return e.Submissions(ctx, SubmittedQuery{TaskID: taskID, InstanceID: instanceID, Page: p})
}

// FormsOf returns the forms that were submitted, by their ids, with what they are made of.
func (e *Engine) FormsOf(ctx context.Context, all []Submitted) (map[string]*DeployedForm, error) {
	found := map[string]*DeployedForm{}
	return found, e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		for _, s := range all {
			if s.FormKey == "" && s.FormName == "" || found[s.FormID] != nil {
				continue
			}
			f, err := c.deployedForm(s.FormID)
			if err != nil {
				return err
			}
			found[s.FormID] = f
		}
		return nil
	})
}

// Submission returns one submitted form that the actor may see. Errors: NotFound, Forbidden.
func (e *Engine) Submission(ctx context.Context, actor Actor, tenant Tenant, id int64) (*Submitted, error) {
	if id < 1 {
		return nil, fault.New(fault.NotFound, "There is no submitted form %d.", id)
	}
	all, _, err := e.Submissions(ctx, SubmittedQuery{ID: id, Tenant: tenant})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "There is no submitted form %d.", id)
	}
	s := &all[0]
	if actor.Admin || s.UserID == actor.UserID && actor.UserID != "" {
		return s, nil
	}
	if s.TaskID == "" && s.InstanceID == "" {
		return nil, fmt.Errorf("the submitted form %d belongs to nothing", id)
	}
	_, err = e.subject(ctx, actor, s.TaskID, s.InstanceID)
	return s, err
}
