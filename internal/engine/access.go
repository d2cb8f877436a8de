package engine

import (
	"context"
	"errors"
	"slices"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// right is something that an actor may want to do with a task or an instance.
type right int

// The rights.
const (
	toRead right = iota
	toComplete
	toClaim
	toUnclaim
	toAssign
	toUpdate
	toInvolve
	toCancel     // an instance, or to delete what is kept of it
	toChange     // an instance's variables and name, and to tell it of events
	toInvolveIn  // an instance
	toAdminister // suspend, migrate
)

// role is what an actor is to a task.
type role int

// The roles. Somebody may have several.
const (
	isAssignee    role = 1 << iota
	isOwner            // of the task
	isCandidate        // by himself or one of his groups
	isLinked           // by any other link of the task
	isInitiator        // who started the process, where the task lets him complete it
	isStarter          // who started the process
	isParticipant      // of the instance
)

// allowed says which roles may do what. It is APS's rule: Activiti itself lets anyone.
var allowed = map[right]role{
	toRead:     isAssignee | isOwner | isCandidate | isLinked | isInitiator | isStarter | isParticipant,
	toComplete: isAssignee | isOwner | isInitiator,
	toClaim:    isAssignee | isCandidate | isLinked,
	toUnclaim:  isAssignee,
	toAssign:   isAssignee | isOwner | isInitiator,
	toUpdate:   isAssignee | isOwner | isInitiator | isLinked,
	toInvolve:  isAssignee | isOwner | isInitiator,

	toCancel:     isStarter,
	toChange:     isStarter,
	toInvolveIn:  isStarter | isParticipant,
	toAdminister: 0, // administrators alone
}

// sees reports whether the actor may know of what belongs to a tenant.
func (a *Actor) sees(tenant string) bool { return a.AllTenants || a.TenantID == tenant }

// administers reports whether he may do everything with what belongs to a tenant.
func (a *Actor) administers(tenant string) bool { return a.Admin && a.sees(tenant) }

// seen adds the condition that a row belongs to a tenant of which the actor may know.
func (a *Actor) seen(q *query, column string) {
	if !a.AllTenants {
		q.Add(column+` = ?`, a.TenantID)
	}
}

// roles returns what an actor is to a task with these links; the links of its instance
// are among them.
func roles(actor Actor, t *Task, links []Link, startedBy string, initiatorMay bool) role {
	var r role
	if actor.UserID == "" {
		return 0
	}
	set := func(is bool, what role) {
		if is {
			r |= what
		}
	}
	set(t.Assignee == actor.UserID, isAssignee)
	set(t.Owner == actor.UserID, isOwner)
	set(startedBy == actor.UserID, isStarter)
	set(startedBy == actor.UserID && initiatorMay, isInitiator)
	for _, l := range links {
		if l.UserID != actor.UserID && (l.GroupID == "" || !slices.Contains(actor.Groups, l.GroupID)) {
			continue
		}
		switch {
		case l.TaskID == "":
			r |= isParticipant
		case l.Kind == Candidate:
			r |= isCandidate
		default:
			r |= isLinked
		}
	}
	return r
}

// initiatorMay reports whether a user task lets whoever started the process complete it.
func initiatorMay(n *bpmn.Node) bool {
	return n != nil && n.Modeler["initiator-can-complete"] == "true"
}

// permitted loads an open task that the actor may do something with. Errors: NotFound
// when it is another tenant's, Forbidden when he may not do it, as in APS also when he
// may not see it.
func (c *command) permitted(id string, what right) (*task, error) {
	t, err := c.task(id)
	if err == nil && !c.actor.sees(t.TenantID) {
		err = fault.New(fault.NotFound, "There is no open task %q.", shown(id))
	}
	if err != nil {
		return nil, err
	}
	if c.actor.Admin {
		return t, nil
	}
	startedBy, may := "", false
	if t.x != nil {
		startedBy, may = t.x.inst.StartedBy, initiatorMay(t.x.node)
	}
	r := roles(c.actor, &t.Task, t.links, startedBy, may)
	switch {
	case r&allowed[what] != 0:
		return t, nil
	case r&allowed[toRead] != 0:
		return nil, fault.New(fault.Forbidden, "You may not do that with the task %q.", shown(id))
	}
	return nil, fault.New(fault.Forbidden, "The task %q is not yours.", shown(id))
}

// permittedInstance loads an instance, running or ended, that the actor may do something
// with. Errors: NotFound when he may not see it, as in APS, Forbidden when he may not do it.
func (c *command) permittedInstance(id string, what right) (*instance, error) {
	inst, err := c.instance(id)
	if err != nil {
		return nil, err
	}
	return inst, c.mayDo(&inst.Instance, what)
}

// mayDo checks that the actor may do something with an instance.
func (c *command) mayDo(i *Instance, what right) error {
	if c.actor.administers(i.TenantID) {
		return nil
	}
	if !c.actor.sees(i.TenantID) || c.actor.UserID == "" {
		return noInstance(i.ID)
	}
	var is role
	if i.StartedBy == c.actor.UserID {
		is |= isStarter
	}
	n := 0
	if err := c.tx.QueryRow(c.ctx, []any{&n}, `SELECT count(*) FROM links WHERE instance_id = $1 AND user_id = $2 AND task_id = ''`, i.ID, c.actor.UserID); err != nil {
		return err
	}
	if n > 0 {
		is |= isParticipant
	}
	if is&allowed[what] != 0 {
		return nil
	}
	may, err := maySeeInstance(c.ctx, c.tx, c.actor, i.ID)
	if err != nil {
		return err
	}
	if !may {
		return noInstance(i.ID)
	}
	return fault.New(fault.Forbidden, "You may not do that with the process instance %q.", shown(i.ID))
}

// mayLink checks that the actor may link somebody to an instance, as who started it or
// takes part in it, or to a definition, as an administrator.
func (c *command) mayLink(l Link) error {
	if l.DefinitionID != "" {
		_, err := administered(c.ctx, c.tx, c.actor, l.DefinitionID)
		return err
	}
	_, err := c.runs(l.InstanceID, toInvolveIn)
	return err
}

func noInstance(id string) error {
	return fault.New(fault.NotFound, "There is no process instance %q.", shown(id))
}

// runs is permittedInstance for what needs an instance that has not ended and is not
// suspended.
func (c *command) runs(id string, what right) (*instance, error) {
	if _, err := c.permittedInstance(id, what); err != nil {
		return nil, err
	}
	return c.running(id)
}

// maySeeInstance reports whether an actor started an instance, takes part in it, or has to
// do with one of its tasks.
func maySeeInstance(ctx context.Context, db store.Querier, actor Actor, id string) (bool, error) {
	q := &query{}
	q.Add(`i.id = ?`, id)
	visibleInstances(q, actor)
	n := 0
	err := db.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM instances i`+q.String(), q.Args...)
	return n > 0, err
}

// visibleInstances adds the condition that an actor may know of an instance i: he started
// it, takes part in it, has to do with one of its tasks, or administers its tenant.
func visibleInstances(q *query, a Actor) {
	a.seen(q, "i.tenant_id")
	ofVisible(q, "i.id", a)
}

// ofVisible adds the condition that a column names an instance that an actor has to do
// with. It says nothing of tenants.
func ofVisible(q *query, column string, a Actor) {
	if a.Admin {
		return
	}
	instances, args := theirs(a)
	q.Add(column+` IN (`+instances+`)`, args...)
}

// theirs is a SELECT of the ids of the instances that an actor has to do with.
func theirs(a Actor) (string, []any) {
	if a.UserID == "" {
		return `SELECT '' WHERE 1 = 0`, nil
	}
	instances, args := linked(a, "instance_id")
	tasks, more := linked(a, "task_id")
	return `SELECT id FROM instances WHERE started_by = ? UNION ` + instances + ` UNION SELECT instance_id FROM tasks WHERE instance_id <> '' AND id IN (` + tasks + `)`,
		slices.Concat([]any{a.UserID}, args, more)
}

// visibleVariables adds the condition that an actor may know of a variable, by the columns
// that name its instance and its task: of an instance that he has to do with or, where there
// is none, of a task that he is assignee or owner of, or linked to; in a tenant of which he
// may know.
func visibleVariables(q *query, table string, a Actor) {
	if !a.AllTenants {
		q.Add(`(EXISTS (SELECT 1 FROM instances n WHERE n.id = `+table+`.instance_id AND n.tenant_id = ?) OR `+table+`.instance_id = '' AND
			EXISTS (SELECT 1 FROM tasks n WHERE n.id = `+table+`.task_id AND n.tenant_id = ?))`, a.TenantID, a.TenantID)
	}
	if a.Admin {
		return
	}
	instances, args := theirs(a)
	tasks, more := linked(a, "task_id")
	q.Add(`(`+table+`.instance_id <> '' AND `+table+`.instance_id IN (`+instances+`) OR `+table+`.instance_id = '' AND `+table+`.task_id IN (`+tasks+
		` UNION SELECT id FROM tasks WHERE assignee = ? AND assignee <> '' UNION SELECT id FROM tasks WHERE owner = ? AND owner <> ''))`,
		slices.Concat(args, more, []any{a.UserID, a.UserID})...)
}

// mayStart checks that the actor may start a definition: who is named as its candidate
// starter, or everybody of its tenant where nobody is. Errors: NotFound when it is another
// tenant's, Forbidden.
func (c *command) mayStart(d *Definition) error {
	switch {
	case !c.actor.sees(d.TenantID):
		return noDefinition(d.ID)
	case c.actor.Admin:
		return nil
	}
	named, mine := 0, false
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		var user, group string
		err := row.Scan(&user, &group)
		named++
		mine = mine || user != "" && user == c.actor.UserID || group != "" && slices.Contains(c.actor.Groups, group)
		return err
	}, `SELECT user_id, group_id FROM links WHERE definition_id = $1 AND definition_id <> '' AND kind = $2`, d.ID, Candidate)
	if err == nil && (c.actor.UserID == "" || named > 0 && !mine) {
		err = fault.New(fault.Forbidden, "You may not start the process definition %q.", shown(d.ID))
	}
	return err
}

func noDefinition(id string) error {
	return fault.New(fault.NotFound, "There is no process definition %q.", shown(id))
}

// startable adds the condition that an actor may start a definition d, as mayStart has it.
func startable(q *query, a Actor) {
	a.seen(q, "d.tenant_id")
	if a.Admin {
		return
	}
	ids, args := linked(a, "definition_id", Candidate)
	q.Add(`(NOT EXISTS (SELECT 1 FROM links l WHERE l.definition_id = d.id AND l.definition_id <> '' AND l.kind = 'candidate') OR d.id IN (`+ids+`))`, args...)
}

// mayDeploy checks that the actor may bring something to a tenant; empty: his own. It
// returns the tenant.
func (a *Actor) mayDeploy(tenant string) (string, error) {
	tenant = or(tenant, a.TenantID)
	if !a.sees(tenant) {
		return "", fault.New(fault.Forbidden, "You may not deploy for the tenant %q.", shown(tenant))
	}
	return tenant, nil
}

// administered returns a definition that the actor administers. Errors: NotFound when it
// is another tenant's, Forbidden.
func administered(ctx context.Context, db store.Querier, actor Actor, id string) (Definition, error) {
	d, err := row(ctx, db, id)
	switch {
	case err != nil:
		return d, err
	case !actor.sees(d.TenantID):
		return d, noDefinition(id)
	case !actor.Admin:
		return d, fault.New(fault.Forbidden, "Only an administrator may do that with the process definition %q.", shown(id))
	}
	return d, nil
}

// mayWork checks that the actor administers a job. Errors: NotFound when it is another
// tenant's, Forbidden.
func (e *Engine) mayWork(ctx context.Context, actor Actor, id string) error {
	var tenant string
	err := e.db.QueryRow(ctx, []any{&tenant}, `SELECT tenant_id FROM jobs WHERE id = $1`, id)
	switch {
	case errors.Is(err, store.ErrNoRow) || err == nil && !actor.sees(tenant):
		return fault.New(fault.NotFound, "There is no job %q.", shown(id))
	case err == nil && !actor.Admin:
		return fault.New(fault.Forbidden, "Only an administrator may do that with the job %q.", shown(id))
	}
	return err
}
