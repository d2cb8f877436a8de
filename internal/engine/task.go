package engine

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/store"
)

// initiator stands in APS's models for whoever started the process.
const initiator = "$INITIATOR"

// task is a task that a command works on.
type task struct {
	Task
	rev     int64
	fresh   bool
	changed bool
	x       *execution // nil for a task of its own
	links   []Link     // its own and its instance's, as they were read
}

// keeps reports whether the task's row stays when it has ended.
func (t *task) keeps(e *Engine) bool {
	if t.x != nil {
		return t.x.inst.def.keeps("activity")
	}
	return e.cfg.History != "none"
}

func (c *command) link(l Link) {
	if !slices.Contains(c.rows.links, l) {
		c.rows.links = append(c.rows.links, l)
	}
}

func (c *command) unlink(l Link) {
	c.rows.links = slices.DeleteFunc(c.rows.links, func(o Link) bool { return o == l })
	c.rows.unlinks = append(c.rows.unlinks, l)
}

// involve makes a user a participant of a task's instance.
func (c *command) involve(t *task, user string) {
	if user != "" && t.InstanceID != "" {
		c.link(Link{InstanceID: t.InstanceID, Kind: Participant, UserID: user})
	}
}

// createTask makes the task of a user task. The execution waits until it is completed.
func (c *command) createTask(x *execution) error {
	t := &task{fresh: true, x: x, Task: Task{ID: newID(), InstanceID: x.inst.ID, ExecutionID: x.id, DefinitionID: x.inst.DefinitionID, Key: x.node.ID,
		Priority: 50, CreatedAt: c.now, TenantID: x.inst.TenantID}}
	c.tasks = append(c.tasks, t)
	x.task = t.ID
	if a := c.opened(x.visit); a != nil {
		a.TaskID = t.ID
	}
	here := place{c: c, x: x, t: t}
	if err := c.describe(here); err != nil {
		return err
	}
	if x.node.User != nil {
		if err := c.address(here); err != nil {
			return err
		}
	}
	if err := c.listenTask(t, "create"); err != nil {
		return err
	}
	if utf8.RuneCountInString(t.Name) > maxName {
		t.Name = string([]rune(t.Name)[:maxName])
	}
	return nil
}

// describe gives a task what its user task says about it.
func (c *command) describe(p place) error {
	t, n := p.t, p.x.node
	var err error
	set := func(to *string, e *juel.Expression) {
		if err == nil && e != nil {
			*to, err = p.text(e)
		}
	}
	t.Name, t.Description = n.Name, n.Documentation
	if n.Form != nil {
		set(&t.FormKey, n.Form.Key)
	}
	u := n.User
	if u == nil || err != nil {
		return err
	}
	set(&t.Name, u.Name)
	set(&t.Description, u.Description)
	set(&t.Owner, u.Owner)
	set(&t.Category, u.Category)
	if err == nil && u.Priority != nil {
		t.Priority, err = p.integer(u.Priority)
	}
	if err == nil && u.DueDate != nil {
		var v any
		if v, err = p.eval(u.DueDate); err == nil {
			if t.DueAt, err = c.moment(v); err != nil {
				err = c.failure(p.x, err)
			}
		}
	}
	return err
}

// address says who is to do a task and who may.
func (c *command) address(p place) error {
	t, u := p.t, p.x.node.User
	c.involve(t, t.Owner)
	assignee, err := p.text(u.Assignee)
	if err != nil {
		return err
	}
	people, err := c.acquainted(p.x)
	if err != nil {
		return err
	}
	if err := c.linkAll(p, Candidate, u.CandidateUsers, u.CandidateGroups, people); err != nil {
		return err
	}
	for _, l := range u.Links {
		if err := c.linkAll(p, l.Type, l.Users, l.Groups, people); err != nil {
			return err
		}
	}
	if assignee == initiator {
		assignee = or(p.x.inst.StartedBy, initiator)
	}
	assignee = or(people[stranger{userKind, assignee}], assignee)
	if assignee == "" {
		return nil
	}
	return c.assigned(t, assignee)
}

// linkAll links users and groups to a task. Each expression gives one name, several with
// commas between, or a list. people are those of another server as they are here.
func (c *command) linkAll(p place, kind string, users, groups []*juel.Expression, people map[stranger]string) error {
	for i, e := range append(slices.Clone(users), groups...) {
		v, err := p.eval(e)
		if err != nil {
			return err
		}
		names, err := texts(v)
		if err != nil {
			return c.failure(p.x, err)
		}
		for _, name := range names {
			l := Link{TaskID: p.t.ID, Kind: kind, GroupID: or(people[stranger{groupKind, name}], name)}
			if i < len(users) {
				l.UserID, l.GroupID = or(map[bool]string{true: p.x.inst.StartedBy}[name == initiator], people[stranger{userKind, name}], name), ""
			}
			c.link(l)
		}
	}
	return nil
}

// assign gives a task to somebody, or to nobody.
func (c *command) assign(t *task, user string) {
	t.Assignee, t.changed = user, true
	c.involve(t, user)
	if t.x == nil || t.x.visit == "" {
		return
	}
	if a := c.opened(t.x.visit); a != nil {
		a.Assignee = user
	} else if !slices.Contains(c.rows.assigned, t) {
		c.rows.assigned = append(c.rows.assigned, t)
	}
}

// assigned assigns a task and tells its listeners.
func (c *command) assigned(t *task, user string) error {
	c.assign(t, user)
	return c.listenTask(t, "assignment")
}

// task loads an open task with its execution. Errors: NotFound when it has ended,
// Conflict when it is suspended.
func (c *command) task(id string) (*task, error) {
	for _, t := range c.tasks {
		if t.ID == id {
			return t, nil
		}
	}
	t, inst, err := c.readTask(id)
	if err != nil {
		return nil, err
	}
	if t.ID == "" || !t.EndedAt.IsZero() {
		return nil, fault.New(fault.NotFound, "There is no open task %q.", shown(id))
	}
	if t.Suspended {
		return nil, fault.New(fault.Conflict, "The task %q is suspended.", shown(id))
	}
	if t.InstanceID != "" {
		if inst == nil || inst.root == nil || inst.root.ended {
			return nil, errStale // it has ended since the task was read
		}
		if inst.Suspended {
			return nil, suspendedInstance(inst.ID)
		}
		if t.x = inst.find(t.ExecutionID); t.x == nil || t.x.task != t.ID {
			return nil, errStale
		}
	}
	c.tasks = append(c.tasks, t)
	return t, nil
}

// readTask reads a task, its instance, which is locked first, and for whoever is no
// administrator the links that say what he may do; a task without an id was not found.
func (c *command) readTask(id string) (*task, *instance, error) {
	const instanceOf = `(SELECT instance_id FROM tasks WHERE id = $1 AND ended_at IS NULL)`
	t, inst := &task{}, &instance{}
	var state []byte
	reads := []store.Read{
		c.reading(inst, &state, instanceOf, id),
		{Query: `SELECT ` + taskColumns + `, rev FROM tasks WHERE id = $1`, Args: []any{id}, Scan: func(row store.Row) error {
			return row.Scan(append(t.fields(), &t.rev)...)
		}},
	}
	if !c.actor.Admin {
		reads = append(reads, store.Read{Query: `SELECT ` + linkColumns + ` FROM links WHERE task_id = $1 AND instance_id = '' AND definition_id = ''
			OR instance_id = ` + instanceOf + ` AND instance_id <> '' AND task_id = ''`, Args: []any{id}, Scan: func(row store.Row) error {
			var l Link
			err := row.Scan(l.fields()...)
			t.links = append(t.links, l)
			return err
		}})
	}
	if err := c.tx.Reads(c.ctx, reads); err != nil || inst.ID == "" {
		return t, nil, err
	}
	inst, err := c.revived(inst, state)
	return t, inst, err
}

// CompleteOptions say with what a task is completed.
type CompleteOptions struct {
	Variables map[string]any
	Local     bool   // the variables belong to the task alone
	Outcome   string // of its form; kept in the variable form<key>outcome
}

// Complete ends a task and lets its process go on. Errors: NotFound when the task is not
// open, Forbidden when it is somebody else's, Conflict when it was delegated or when
// others change the same instance.
func (e *Engine) Complete(ctx context.Context, actor Actor, id string, o CompleteOptions) error {
	return e.do(ctx, actor, func(c *command) error {
		t, err := c.permitted(id, toComplete)
		if err != nil {
			return err
		}
		if t.Delegation == Pending {
			return fault.New(fault.Conflict, "The task %q is delegated. It has to be resolved before it can be completed.", shown(id))
		}
		here := place{c: c, x: t.x, t: t}
		if !o.Local && t.x != nil {
			here.t = nil
		}
		if err := here.setAll(o.Variables, o.Local); err != nil {
			return err
		}
		if o.Outcome != "" {
			if err := here.set("form"+t.FormKey+"outcome", o.Outcome); err != nil {
				return err
			}
		}
		return c.completeTask(t)
	})
}

// completeTask ends a task; its execution goes on.
func (c *command) completeTask(t *task) error {
	if err := c.listenTask(t, "complete"); err != nil {
		return err
	}
	c.endTask(t, "", c.actor.UserID)
	if t.x != nil {
		t.x.task = ""
		c.plan(t.x, (*command).leave)
	}
	return nil
}

func (c *command) endTask(t *task, reason, by string) {
	t.EndedAt, t.DeleteReason, t.EndedBy, t.changed = c.now, reason, by, true
	if t.x != nil {
		t.x.inst.changed = true
	}
}

// cancelTask ends the task of an execution that is removed.
func (c *command) cancelTask(x *execution, reason string) error {
	id := x.task
	x.task = ""
	for _, t := range c.tasks {
		if t.ID == id {
			if !t.EndedAt.IsZero() {
				return nil
			}
			return c.cancelLoaded(t, reason)
		}
	}
	if !listens(x.node, "delete") {
		if x.taskLocals {
			c.rows.taskScopes = append(c.rows.taskScopes, id)
		}
		if c.rows.cancelled == nil {
			c.rows.cancelled = map[string][]string{}
		}
		if !x.inst.def.keeps("activity") {
			c.rows.doneTasks = append(c.rows.doneTasks, id)
		} else {
			c.rows.cancelled[reason] = append(c.rows.cancelled[reason], id)
		}
		return nil
	}
	t := &task{x: x}
	err := c.tx.QueryRow(c.ctx, append(t.fields(), &t.rev), `SELECT `+taskColumns+`, rev FROM tasks WHERE id = $1`, id)
	if err != nil {
		return err
	}
	c.tasks = append(c.tasks, t)
	return c.cancelLoaded(t, reason)
}

func (c *command) cancelLoaded(t *task, reason string) error {
	if err := c.listenTask(t, "delete"); err != nil {
		return err
	}
	c.endTask(t, reason, "")
	return nil
}

// listens reports whether a user task has listeners for an event.
func listens(n *bpmn.Node, event string) bool {
	return n != nil && n.User != nil && slices.ContainsFunc(n.User.Listeners, func(l bpmn.Listener) bool { return l.Event == event || l.Event == "all" })
}

// Claim makes the actor the assignee of a task. Errors: Conflict when somebody else is.
func (e *Engine) Claim(ctx context.Context, actor Actor, id string) error {
	return e.ClaimFor(ctx, actor, id, actor.UserID)
}

// ClaimFor is Claim for another user, which needs the right to assign the task.
func (e *Engine) ClaimFor(ctx context.Context, actor Actor, id, user string) error {
	what := toClaim
	if user != actor.UserID {
		what = toAssign
	}
	return e.change(ctx, actor, id, what, func(c *command, t *task) error {
		switch t.Assignee {
		case user:
			return nil
		case "":
			t.ClaimedAt = c.now
			return c.assigned(t, user)
		}
		return fault.New(fault.Conflict, "The task %q has an assignee already.", shown(id))
	})
}

// Unclaim gives a task back to its candidates.
func (e *Engine) Unclaim(ctx context.Context, actor Actor, id string) error {
	return e.change(ctx, actor, id, toUnclaim, func(c *command, t *task) error {
		t.ClaimedAt = t.EndedAt
		c.assign(t, "")
		return nil
	})
}

// Assign gives a task to a user; an empty one means nobody.
func (e *Engine) Assign(ctx context.Context, actor Actor, id, user string) error {
	return e.change(ctx, actor, id, toAssign, func(c *command, t *task) error {
		if user == "" {
			c.assign(t, "")
			return nil
		}
		return c.assigned(t, user)
	})
}

// Delegate has somebody else work on a task; who did so until now becomes its owner.
func (e *Engine) Delegate(ctx context.Context, actor Actor, id, user string) error {
	return e.change(ctx, actor, id, toAssign, func(c *command, t *task) error {
		t.Delegation = Pending
		if t.Owner == "" {
			t.Owner = t.Assignee
		}
		return c.assigned(t, user)
	})
}

// Resolve gives a delegated task back to its owner.
func (e *Engine) Resolve(ctx context.Context, actor Actor, id string, values map[string]any) error {
	return e.change(ctx, actor, id, toComplete, func(c *command, t *task) error {
		here := place{c: c, x: t.x}
		if t.x == nil {
			here.t = t
		}
		if err := here.setAll(values, false); err != nil {
			return err
		}
		t.Delegation = Resolved
		c.assign(t, t.Owner)
		return nil
	})
}

// change runs a change of one task for an actor who may make it.
func (e *Engine) change(ctx context.Context, actor Actor, id string, what right, fn func(*command, *task) error) error {
	return e.do(ctx, actor, func(c *command) error {
		t, err := c.permitted(id, what)
		if err != nil {
			return err
		}
		t.changed = true
		return fn(c, t)
	})
}

// TaskChange says what of a task is to be changed; nil leaves it.
type TaskChange struct {
	Name, Description, Category, Owner, FormKey, ParentID *string
	Priority                                              *int
	DueAt                                                 *Moment
}

// UpdateTask changes what a task says about itself.
func (e *Engine) UpdateTask(ctx context.Context, actor Actor, id string, change TaskChange) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error { return change.apply(c, t) })
}

func (ch TaskChange) apply(c *command, t *task) error {
	for _, s := range []struct {
		from *string
		to   *string
		most int
	}{{ch.Name, &t.Name, maxName}, {ch.Description, &t.Description, maxText}, {ch.Category, &t.Category, maxName}, {ch.Owner, &t.Owner, maxName},
		{ch.FormKey, &t.FormKey, maxName}, {ch.ParentID, &t.ParentID, maxName}} {
		if s.from == nil {
			continue
		}
		if utf8.RuneCountInString(*s.from) > s.most {
			return fault.New(fault.Invalid, "A task's texts are too long: %d characters are allowed.", s.most)
		}
		*s.to = *s.from
	}
	if ch.Owner != nil {
		c.involve(t, t.Owner)
	}
	if ch.Priority != nil {
		t.Priority = *ch.Priority
	}
	if ch.DueAt != nil {
		t.DueAt = ch.DueAt.At
	}
	return nil
}

// NewTask makes a task that belongs to no process. Only its texts, people, priority, due
// date, tenant (empty: the actor's) and parent are read.
func (e *Engine) NewTask(ctx context.Context, actor Actor, from Task) (*Task, error) {
	if utf8.RuneCountInString(from.Name) > maxName || utf8.RuneCountInString(from.Description) > maxText {
		return nil, fault.New(fault.Invalid, "A task's name has %d characters at most, its description %d.", maxName, maxText)
	}
	if from.TenantID = or(from.TenantID, actor.TenantID); !actor.sees(from.TenantID) {
		return nil, fault.New(fault.Forbidden, "You may not make a task for the tenant %q.", shown(from.TenantID))
	}
	var made *task
	err := e.do(ctx, actor, func(c *command) error {
		made = &task{fresh: true, Task: Task{ID: newID(), Name: from.Name, Description: from.Description, Category: from.Category, Assignee: from.Assignee,
			Owner: from.Owner, Priority: or(from.Priority, 50), FormKey: from.FormKey, ParentID: from.ParentID, DueAt: from.DueAt, CreatedAt: c.now, TenantID: from.TenantID}}
		if from.ParentID != "" {
			if _, err := c.permitted(from.ParentID, toUpdate); err != nil {
				return err
			}
		}
		c.tasks = append(c.tasks, made)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &made.Task, nil
}

// DeleteTask ends a task that belongs to no process. Errors: Forbidden for one that does,
// as in Activiti.
func (e *Engine) DeleteTask(ctx context.Context, actor Actor, id, reason string) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		if t.x != nil {
			return fault.New(fault.Forbidden, "The task %q is part of a running process and cannot be deleted.", shown(id))
		}
		c.endTask(t, or(reason, "deleted"), actor.UserID)
		return nil
	})
}

// AddLink says that somebody has to do with a task, an instance or, as one who may start
// it, a definition.
func (e *Engine) AddLink(ctx context.Context, actor Actor, l Link) error {
	return e.linked(ctx, actor, l, (*command).link, (*command).linkTask)
}

// RemoveLink is the inverse of AddLink.
func (e *Engine) RemoveLink(ctx context.Context, actor Actor, l Link) error {
	return e.linked(ctx, actor, l, (*command).unlink, (*command).unlinkTask)
}

// subjects is how many things a link is about.
func (l Link) subjects() (n int) {
	for _, id := range []string{l.TaskID, l.InstanceID, l.DefinitionID} {
		if id != "" {
			n++
		}
	}
	return n
}

func (e *Engine) linked(ctx context.Context, actor Actor, l Link, fn func(*command, Link), ofTask func(*command, *task, Link) error) error {
	if l.Kind == "" || utf8.RuneCountInString(l.Kind) > maxName || (l.UserID == "") == (l.GroupID == "") || l.subjects() != 1 {
		return fault.New(fault.Invalid, "A link has a kind, a user or a group, and a task, an instance or a definition.")
	}
	return e.do(ctx, actor, func(c *command) error {
		if l.TaskID != "" {
			t, err := c.permitted(l.TaskID, linkRight(l))
			if err != nil {
				return err
			}
			return ofTask(c, t, l)
		}
		if err := c.mayLink(l); err != nil {
			return err
		}
		fn(c, l)
		return nil
	})
}
