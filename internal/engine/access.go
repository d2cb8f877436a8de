package engine

import (
	"slices"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// right is something that an actor may want to do with a task.
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
// when he may not know of it, Forbidden when he may not do it.
func (c *command) permitted(id string, what right) (*task, error) {
	t, err := c.task(id)
	if err != nil || c.actor.Admin {
		return t, err
	}
	links, err := linksOf(c, t)
	if err != nil {
		return nil, err
	}
	startedBy, may := "", false
	if t.x != nil {
		startedBy, may = t.x.inst.StartedBy, initiatorMay(t.x.node)
	}
	r := roles(c.actor, &t.Task, links, startedBy, may)
	switch {
	case r&allowed[what] != 0:
		return t, nil
	case r&allowed[toRead] != 0:
		return nil, fault.New(fault.Forbidden, "You may not do that with the task %q.", shown(id))
	}
	return nil, fault.New(fault.Forbidden, "The task %q is not yours.", shown(id))
}

// linksOf returns the links of a task and of its instance.
func linksOf(c *command, t *task) ([]Link, error) {
	var links []Link
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		var l Link
		err := row.Scan(l.fields()...)
		links = append(links, l)
		return err
	}, `SELECT `+linkColumns+` FROM links WHERE task_id = $1 AND instance_id = '' AND definition_id = '' OR instance_id = $2 AND instance_id <> '' AND task_id = ''`, t.ID, t.InstanceID)
	return links, err
}

// mayInvolve checks that the actor started an instance or takes part in it.
func (c *command) mayInvolve(id string) error {
	inst, err := c.running(id)
	if err != nil || c.actor.Admin {
		return err
	}
	if inst.StartedBy != "" && inst.StartedBy == c.actor.UserID {
		return nil
	}
	n := 0
	if err := c.tx.QueryRow(c.ctx, []any{&n}, `SELECT count(*) FROM links WHERE instance_id = $1 AND user_id = $2 AND task_id = ''`, id, c.actor.UserID); err != nil {
		return err
	}
	if n == 0 || c.actor.UserID == "" {
		return fault.New(fault.Forbidden, "You have nothing to do with the process instance %q.", shown(id))
	}
	return nil
}
