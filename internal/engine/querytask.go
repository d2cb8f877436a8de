package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// TaskQuery says which tasks are meant. The zero value means all open ones.
type TaskQuery struct {
	State State
	// For restricts the list to what that actor may see: what he is assignee, owner,
	// candidate or another link of, and the tasks of instances that he started or takes
	// part in. nil means everything, as an administrator sees it.
	For *Actor

	ID, ExecutionID, InstanceID, ParentID string
	InstanceIDs                           []string
	Name, NameLike, NameContains          string // Contains: in any case
	Description, DescriptionLike          string
	Key, KeyLike                          string // the user task's id
	Category, FormKey                     string
	Assignee, AssigneeLike                string
	Owner, OwnerLike                      string
	// The same in any case of the letters.
	NameLikeFold, DescriptionLikeFold, AssigneeLikeFold, OwnerLikeFold string

	Unassigned, Assigned           bool
	Delegation                     string
	DeleteReason, DeleteReasonLike string
	// Candidate asks for unassigned tasks that the actor may claim, by himself or one of
	// his groups. One without groups means his own links alone, one without a user those
	// groups'.
	Candidate *Actor
	// CandidateOrAssigned asks for those and the ones that he is assignee of.
	CandidateOrAssigned *Actor
	// Involved asks for those that the user is assignee or owner of, or linked to.
	Involved string

	Priority                 *int
	MinPriority, MaxPriority *int
	Created, Due, Finished   Between
	WithoutDue               bool
	NoSubtasks               bool
	Suspended                *bool
	InstanceEnded            *bool // whether the task's instance has ended
	Tenant                   Tenant

	DefinitionID, DefinitionKey, DefinitionKeyLike string
	DefinitionKeys                                 []string
	DefinitionName, DefinitionNameLike             string
	BusinessKey, BusinessKeyLike                   string
	BusinessKeyLikeFold, DefinitionKeyLikeFold     string // in any case
	DeploymentID, DeploymentKey                    string
	// AppID asks for the tasks of an app: of instances of all its deployments, and tasks of
	// their own whose category is the app's number, as APS's clients make them. 0: any.
	AppID int64

	Variables         []VariableFilter // of the task alone
	InstanceVariables []VariableFilter

	Order Order // created (the default, newest first), due, name, priority, assignee, ended, id, description, owner, instance, execution, definition, key, tenant, duration
	Page  Page
}

var taskOrders = columnOrder{"id": "t.id", "name": "t.name", "description": "t.description", "priority": "t.priority", "assignee": "t.assignee", "owner": "t.owner", "created": "t.created_at",
	"due": "t.due_at", "ended": "t.ended_at", "instance": "t.instance_id", "execution": "t.execution_id", "definition": "t.definition_id", "key": "t.key", "tenant": "t.tenant_id",
	"duration": "t.ended_at - t.created_at"}

// Tasks returns a page of tasks and how many there are.
func (e *Engine) Tasks(ctx context.Context, tq TaskQuery) ([]Task, int, error) {
	q := &query{}
	from := tq.where(q)
	return list(ctx, e, q, of("t", taskColumns), from, tq.Order.clause(q, taskOrders, `t.created_at DESC, t.id DESC`, "t.id"), tq.Page, scanInto((*Task).fields))
}

// where adds the conditions and returns where tasks are read from.
func (tq *TaskQuery) where(q *query) (from string) {
	from = tq.people(q)
	q.state("t.", tq.State)
	q.equal("t.id", tq.ID, "t.execution_id", tq.ExecutionID, "t.instance_id", tq.InstanceID, "t.parent_id", tq.ParentID, "t.name", tq.Name, "t.description", tq.Description,
		"t.key", tq.Key, "t.category", tq.Category, "t.form_key", tq.FormKey, "t.assignee", tq.Assignee, "t.owner", tq.Owner, "t.delegation", tq.Delegation, "t.definition_id", tq.DefinitionID, "t.delete_reason", tq.DeleteReason)
	q.like("t.name", tq.NameLike, "t.description", tq.DescriptionLike, "t.key", tq.KeyLike, "t.assignee", tq.AssigneeLike, "t.owner", tq.OwnerLike, "t.delete_reason", tq.DeleteReasonLike)
	q.likeFold("t.name", tq.NameLikeFold, "t.description", tq.DescriptionLikeFold, "t.assignee", tq.AssigneeLikeFold, "t.owner", tq.OwnerLikeFold)
	q.contains("t.name", tq.NameContains)
	q.among("t.instance_id", tq.InstanceIDs)
	q.between("t.created_at", tq.Created)
	q.between("t.due_at", tq.Due)
	q.between("t.ended_at", tq.Finished)
	q.is("t.suspended", tq.Suspended)
	q.tenant("t.tenant_id", tq.Tenant)
	for condition, on := range map[string]bool{`t.assignee = ''`: tq.Unassigned, `t.assignee <> ''`: tq.Assigned, `t.due_at IS NULL`: tq.WithoutDue, `t.parent_id = ''`: tq.NoSubtasks} {
		if on {
			q.Add(condition)
		}
	}
	for op, n := range map[string]*int{"=": tq.Priority, ">=": tq.MinPriority, "<=": tq.MaxPriority} {
		if n != nil {
			q.Add(`t.priority `+op+` ?`, *n)
		}
	}
	tq.process(q)
	q.variables(`v.task_id = t.id AND v.task_id <> ''`, tq.Variables)
	q.variables(`v.instance_id = t.instance_id AND v.execution_id = t.instance_id AND v.task_id = '' AND v.instance_id <> ''`, tq.InstanceVariables)
	return from
}

// people returns where tasks are read from, and adds the conditions on who has to do with
// them. What somebody has to do with is gathered first, through indexes, and read from
// there: a page of few tasks among many is found at once, and databases do not come to
// walk all tasks in the list's order. Where the query names tasks by something narrower,
// each is looked at instead.
func (tq *TaskQuery) people(q *query) (from string) {
	from = `FROM tasks t`
	narrow := tq.ID+tq.ExecutionID+tq.InstanceID+tq.ParentID != "" || len(tq.InstanceIDs) > 0
	q.narrow = narrow
	gather := func(ids string, args []any) {
		if !narrow && from == `FROM tasks t` {
			from = `FROM (` + q.Text(ids, args...) + `) m CROSS JOIN tasks t`
			q.Add(`t.id = m.id`)
			return
		}
		q.Add(`t.id IN (`+ids+`)`, args...)
	}
	if tq.Candidate != nil {
		q.Add(`t.assignee = ''`)
		gather(linked(*tq.Candidate, "task_id", Candidate))
	}
	if a := tq.CandidateOrAssigned; a != nil {
		ids, args := linked(*a, "task_id", Candidate)
		mine, more := tq.column("assignee", a.UserID)
		q.Add(`t.assignee IN ('', ?)`, a.UserID)
		gather(ids+` UNION `+mine, append(args, more...))
	}
	if tq.Involved != "" {
		gather(tq.involved(Actor{UserID: tq.Involved}))
	}
	if tq.For != nil {
		tq.visible(q, narrow, gather)
	}
	return from
}

// column is a SELECT of the ids of the tasks in whose column a user is, of the state that
// is asked for: each state has an index of its own.
func (tq *TaskQuery) column(name, user string) (string, []any) {
	states := []string{` AND ended_at IS NULL`, ` AND ended_at IS NOT NULL`}
	switch {
	case name == "owner":
		states = []string{` AND owner <> ''`}
	case tq.State == Running:
		states = states[:1]
	case tq.State == Ended:
		states = states[1:]
	}
	var parts []string
	var args []any
	for _, state := range states {
		parts, args = append(parts, `SELECT id FROM tasks WHERE `+name+` = ?`+state), append(args, user)
	}
	return strings.Join(parts, ` UNION `), args
}

// involved is a SELECT of the ids of the tasks that an actor is assignee or owner of, or
// linked to.
func (tq *TaskQuery) involved(a Actor) (string, []any) {
	assigned, args := tq.column("assignee", a.UserID)
	owned, more := tq.column("owner", a.UserID)
	links, most := linked(a, "task_id")
	return assigned + ` UNION ` + owned + ` UNION ` + links, slices.Concat(args, more, most)
}

// visible adds the condition that an actor may know of a task.
func (tq *TaskQuery) visible(q *query, narrow bool, gather func(string, []any)) {
	if narrow || tq.For.Admin || tq.For.UserID == "" {
		visibleTasks(q, *tq.For)
		return
	}
	tq.For.seen(q, "t.tenant_id")
	ids, args := tq.involved(*tq.For)
	instances, more := linked(*tq.For, "instance_id")
	gather(ids+` UNION SELECT o.id FROM tasks o JOIN instances i ON i.id = o.instance_id WHERE i.started_by = ? UNION SELECT o.id FROM tasks o WHERE o.instance_id IN (`+instances+`)`,
		slices.Concat(args, []any{tq.For.UserID}, more))
}

// visibleTasks adds the condition that an actor may know of a task: what roles says, as
// SQL, looked up for each task.
func visibleTasks(q *query, a Actor) {
	a.seen(q, "t.tenant_id")
	if a.Admin {
		return
	}
	if a.UserID == "" {
		q.Add(`1 = 0`)
		return
	}
	who, args := `l.user_id = ?`, []any{a.UserID}
	if len(a.Groups) > 0 {
		who, args = `(`+who+` OR l.group_id IN (`+marks(len(a.Groups))+`))`, append(args, anys(a.Groups)...)
	}
	all := slices.Concat([]any{a.UserID, a.UserID}, args, []any{a.UserID}, args)
	q.Add(`(t.assignee = ? OR t.owner = ? OR EXISTS (SELECT 1 FROM links l WHERE l.task_id = t.id AND `+who+`) OR t.instance_id <> '' AND (
		EXISTS (SELECT 1 FROM instances i WHERE i.id = t.instance_id AND i.started_by = ?) OR
		EXISTS (SELECT 1 FROM links l WHERE l.instance_id = t.instance_id AND l.instance_id <> '' AND `+who+`)))`, all...)
}

// process adds the conditions on the process that a task is part of.
func (tq *TaskQuery) process(q *query) {
	const definition = `t.definition_id IN (SELECT id FROM definitions WHERE `
	q.when(tq.DefinitionKey, definition+`key = ?)`)
	q.when(tq.DefinitionKeyLike, definition+`key`+likes+`)`)
	q.when(tq.DefinitionKeyLikeFold, definition+`LOWER(key)`+likesFold+`)`)
	q.when(tq.DefinitionName, definition+`name = ?)`)
	q.when(tq.DefinitionNameLike, definition+`name`+likes+`)`)
	q.when(tq.DeploymentID, definition+`deployment_id = ?)`)
	q.when(tq.DeploymentKey, definition+`deployment_id IN (SELECT id FROM deployments WHERE key = ?))`)
	if tq.AppID != 0 {
		q.Add(`(t.definition_id IN (`+appDefinitions+`) OR t.category = ? AND t.definition_id = '')`, tq.AppID, strconv.FormatInt(tq.AppID, 10))
	}
	if tq.InstanceEnded != nil {
		q.Add(`t.instance_id IN (SELECT id FROM instances WHERE ended_at IS ` + map[bool]string{true: `NOT NULL`, false: `NULL`}[*tq.InstanceEnded] + `)`)
	}
	q.when(tq.BusinessKey, `t.instance_id IN (SELECT id FROM instances WHERE business_key = ?)`)
	q.when(tq.BusinessKeyLike, `t.instance_id IN (SELECT id FROM instances WHERE business_key`+likes+`)`)
	q.when(tq.BusinessKeyLikeFold, `t.instance_id IN (SELECT id FROM instances WHERE LOWER(business_key)`+likesFold+`)`)
	if len(tq.DefinitionKeys) > 0 {
		q.Add(definition+`key IN (`+marks(len(tq.DefinitionKeys))+`))`, anys(tq.DefinitionKeys)...)
	}
}

// Task returns a task, open or ended. Errors: NotFound, and Forbidden when it is not the
// actor's to see.
func (e *Engine) Task(ctx context.Context, actor Actor, id string) (*Task, error) {
	t, err := e.anyTask(ctx, id)
	if err == nil && !actor.sees(t.TenantID) {
		err = fault.New(fault.NotFound, "There is no task %q.", shown(id))
	}
	if err != nil || actor.Admin {
		return t, err
	}
	may, err := e.maySee(ctx, actor, t)
	if err != nil {
		return nil, err
	}
	if !may {
		return nil, fault.New(fault.Forbidden, "The task %q is not yours.", shown(id))
	}
	return t, nil
}

func (e *Engine) anyTask(ctx context.Context, id string) (*Task, error) {
	t := &Task{}
	err := e.db.QueryRow(ctx, t.fields(), `SELECT `+taskColumns+` FROM tasks WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no task %q.", shown(id))
	}
	return t, err
}

func (e *Engine) maySee(ctx context.Context, actor Actor, t *Task) (bool, error) {
	q := &query{}
	q.Add(`t.id = ?`, t.ID)
	visibleTasks(q, actor)
	n := 0
	err := e.db.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM tasks t`+q.String(), q.Args...)
	return n > 0, err
}

// Links returns who has to do with a task, an instance or a definition: exactly one id is
// given. Assignee and owner of a task are among them.
func (e *Engine) Links(ctx context.Context, taskID, instanceID, definitionID string) ([]Link, error) {
	var all []Link
	column, id := "definition_id", definitionID
	switch {
	case taskID != "":
		column, id = "task_id", taskID
		t, err := e.anyTask(ctx, taskID)
		if err != nil {
			return nil, err
		}
		if t.Assignee != "" {
			all = append(all, Link{TaskID: t.ID, Kind: "assignee", UserID: t.Assignee})
		}
		if t.Owner != "" {
			all = append(all, Link{TaskID: t.ID, Kind: "owner", UserID: t.Owner})
		}
	case instanceID != "":
		column, id = "instance_id", instanceID
	}
	err := e.db.Query(ctx, func(row store.Row) error {
		var l Link
		err := row.Scan(l.fields()...)
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
		return err
	}, `SELECT `+linkColumns+` FROM links WHERE `+column+` = $1 AND `+column+` <> '' ORDER BY kind, user_id, group_id`, id)
	return all, err
}
