package api

import (
	"cmp"
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// taskBody is what a client says of a new task: members of APS's TaskRepresentation.
type taskBody struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Category    string `json:"category"` // the number of the app that it is made in
	DueDate     date   `json:"dueDate"`
	Priority    int    `json:"priority"`
	FormKey     string `json:"formKey"`
	ParentID    string `json:"parentTaskId"`
	Assignee    *struct {
		ID digits `json:"id"`
	} `json:"assignee"`
}

func (a *API) newTask(v *visit) (any, error) {
	var body taskBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	return a.makeTask(v, &body)
}

// makeTask makes a task that belongs to no process. Its owner is who makes it, and its
// assignee too when nobody else is named; a task of a checklist belongs to the same app.
func (a *API) makeTask(v *visit, body *taskBody) (any, error) {
	if body.Name == "" {
		return nil, fault.New(fault.Invalid, "Task name is required")
	}
	from := engine.Task{Name: body.Name, Description: body.Description, Category: body.Category, DueAt: time.Time(body.DueDate), Priority: body.Priority, FormKey: body.FormKey,
		ParentID: body.ParentID, Owner: v.actor.UserID, Assignee: v.actor.UserID}
	if body.Assignee != nil && body.Assignee.ID != 0 {
		var err error
		if from.Assignee, err = a.find(v, somebody{UserID: body.Assignee.ID}); err != nil {
			return nil, err
		}
	}
	if from.ParentID != "" {
		parent, err := a.cfg.Engine.Task(v.Context(), v.actor, from.ParentID)
		if err != nil {
			return nil, err
		}
		from.Category = cmp.Or(from.Category, parent.Category)
	}
	t, err := a.cfg.Engine.NewTask(v.Context(), v.actor, from)
	if err != nil {
		return nil, err
	}
	return a.showTask(v, t)
}

// told is a member that tells apart what is absent and what is null.
type told[T any] struct {
	there, null bool
	value       T // the zero value for null
}

// UnmarshalJSON is called for null too, and not for what is absent.
func (m *told[T]) UnmarshalJSON(text []byte) error {
	m.there, m.null = true, string(text) == "null"
	return json.Unmarshal(text, &m.value)
}

// holds is the type of the member, for its description.
func (told[T]) holds() reflect.Type { return reflect.TypeFor[T]() }

// taskUpdate is APS's TaskUpdateRepresentation. As there, a member that is present is set
// and null empties it; its ...Set flag says the same of one that is absent, and false that
// it stays as it is.
type taskUpdate struct {
	Name           told[string] `json:"name"`
	Description    told[string] `json:"description"`
	Category       told[string] `json:"category"`
	FormKey        told[string] `json:"formKey"`
	ParentID       told[string] `json:"parentTaskId"`
	DueDate        told[date]   `json:"dueDate"`
	Priority       told[int]    `json:"priority"`
	NameSet        *bool        `json:"nameSet"`
	DescriptionSet *bool        `json:"descriptionSet"`
	CategorySet    *bool        `json:"categorySet"`
	FormKeySet     *bool        `json:"formKeySet"`
	ParentIDSet    *bool        `json:"parentTaskIdSet"`
	DueDateSet     *bool        `json:"dueDateSet"`
	PrioritySet    *bool        `json:"prioritySet"`
}

// unless is the member's value when it is to be set, and nil when it is not.
func (m told[T]) unless(set *bool) *T {
	if set != nil && !*set || set == nil && !m.there {
		return nil
	}
	return &m.value
}

// change is what the engine is to change. A task keeps its name and its priority: there is
// none without.
func (b *taskUpdate) change() engine.TaskChange {
	c := engine.TaskChange{Name: b.Name.unless(b.NameSet), Description: b.Description.unless(b.DescriptionSet), Category: b.Category.unless(b.CategorySet),
		FormKey: b.FormKey.unless(b.FormKeySet), ParentID: b.ParentID.unless(b.ParentIDSet), Priority: b.Priority.unless(b.PrioritySet)}
	if c.Name != nil && *c.Name == "" {
		c.Name = nil
	}
	if !b.Priority.there || b.Priority.null {
		c.Priority = nil
	}
	if due := b.DueDate.unless(b.DueDateSet); due != nil {
		c.DueAt = &engine.Moment{At: time.Time(*due)}
	}
	return c
}

func (a *API) updateTask(v *visit) (any, error) {
	var body taskUpdate
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	if err := a.cfg.Engine.UpdateTask(v.Context(), v.actor, v.PathValue("taskId"), body.change()); err != nil {
		return nil, err
	}
	return a.getTask(v)
}

func (a *API) deleteTask(v *visit) (any, error) {
	return nil, a.cfg.Engine.DeleteTask(v.Context(), v.actor, v.PathValue("taskId"), "")
}

// taskAudit is APS's TaskAuditInfoRepresentation.
type taskAudit struct {
	TaskID            string         `json:"taskId"`
	TaskName          string         `json:"taskName"`
	InstanceID        *string        `json:"processInstanceId"`
	DefinitionName    *string        `json:"processDefinitionName"`
	DefinitionVersion *int           `json:"processDefinitionVersion"`
	Assignee          *string        `json:"assignee"` // as people call him
	StartTime         auditTime      `json:"startTime"`
	EndTime           auditTime      `json:"endTime"`
	FormData          []auditField   `json:"formData"`
	Outcome           *string        `json:"selectedOutcome"`
	Comments          []auditComment `json:"comments"`
}

// auditField is APS's AuditLogFormDataRepresentation.
type auditField struct {
	ID    string `json:"fieldId"`
	Name  string `json:"fieldName"`
	Value string `json:"value"`
}

// auditComment is APS's CommentAuditInfo.
type auditComment struct {
	Author  string `json:"author"`
	Message string `json:"message"`
}

// auditForm is how Java writes a moment by itself.
const auditForm = "Mon Jan 02 15:04:05 MST 2006"

// auditTime is a moment in the form that APS's audits have, unlike all else.
type auditTime time.Time

// MarshalJSON writes the moment in UTC, or null for none.
func (t auditTime) MarshalJSON() ([]byte, error) {
	at := time.Time(t)
	if at.IsZero() {
		return []byte("null"), nil
	}
	return []byte(strconv.Quote(t.told())), nil
}

// taskAudit tells what happened in a task: who did it, what was filled in and what was said.
func (a *API) taskAudit(v *visit) (any, error) {
	ctx, id := v.Context(), v.PathValue("taskId")
	t, err := a.cfg.Engine.Task(ctx, v.actor, id)
	if err != nil {
		return nil, err
	}
	around, err := a.cfg.Engine.TaskContexts(ctx, v.actor, nil, []engine.Task{*t})
	if err != nil {
		return nil, err
	}
	told := &taskAudit{TaskID: t.ID, TaskName: t.Name, InstanceID: orNil(t.InstanceID), StartTime: auditTime(t.CreatedAt), EndTime: auditTime(t.EndedAt), FormData: []auditField{}, Comments: []auditComment{}}
	if d := around[t.ID].Definition; d != nil {
		told.DefinitionName, told.DefinitionVersion = orNil(d.Name), &d.Version
	}
	if err := a.auditForm(v, told); err != nil {
		return nil, err
	}
	return told, a.auditPeople(v, told, t.Assignee)
}

// auditForm adds what was filled in last.
func (a *API) auditForm(v *visit, told *taskAudit) error {
	forms, _, err := a.cfg.Engine.SubmittedForms(v.Context(), v.actor, told.TaskID, "", engine.Page{Limit: 1})
	if err != nil || len(forms) == 0 {
		return err
	}
	filled, err := a.audited(v, forms)
	if err != nil {
		return err
	}
	told.Outcome, told.FormData = filled[0].outcome, filled[0].fields
	return nil
}

// auditPeople adds what was said, the oldest first, and the people's names.
func (a *API) auditPeople(v *visit, told *taskAudit, assignee string) error {
	said, _, err := a.cfg.Engine.Comments(v.Context(), v.actor, engine.CommentQuery{TaskID: told.TaskID, OldestFirst: true, Page: engine.Page{Limit: engine.MaxPage}})
	if err != nil {
		return err
	}
	ids := []string{assignee}
	for i := range said {
		ids = append(ids, said[i].UserID)
	}
	names, err := a.names(v.Context(), ids...)
	if err != nil {
		return err
	}
	told.Assignee = orNil(names[assignee])
	for i := range said {
		told.Comments = append(told.Comments, auditComment{Author: names[said[i].UserID], Message: said[i].Message})
	}
	return nil
}

// names returns what people call the users with these numbers, by number; a number of
// nobody is its own name.
func (a *API) names(ctx context.Context, ids ...string) (map[string]string, error) {
	people, err := a.people(ctx, ids...)
	names := map[string]string{}
	for _, id := range ids {
		names[id] = id
		if u := people[id]; u != nil {
			full := strings.TrimSpace(value(u.FirstName) + " " + value(u.LastName))
			names[id] = cmp.Or(full, u.Email)
		}
	}
	return names, err
}

// auditValue is a form's value as a text.
func auditValue(v any) string {
	if text, ok := v.(string); ok || v == nil {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
