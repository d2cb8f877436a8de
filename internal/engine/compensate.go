package engine

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// remember notes that an activity has ended that can be undone.
func (c *command) remember(x *execution) {
	scope := x.scopeOf()
	r := record{activity: x.node.ID, handler: x.node.Compensation.ID, id: newID()}
	scope.records = append(scope.records, r)
	scope.inst.changed = true
	c.rows.subs = append(c.rows.subs, &Subscription{ID: r.id, Kind: OfCompensate, InstanceID: x.inst.ID, ExecutionID: scope.id, DefinitionID: x.inst.DefinitionID,
		ActivityID: r.handler, CreatedAt: c.now, TenantID: x.inst.TenantID})
}

// undone is a record with the scope that holds it.
type undone struct {
	scope *execution
	record
}

// compensate undoes what has ended in the scope of a throwing event, or one activity of
// it. As in Activiti, the token that throws does not wait for it.
func (c *command) compensate(x *execution) error {
	scope := x.scopeOf()
	for scope.parent != nil && scope.node.Kind == bpmn.EventSubProcess {
		scope = scope.scopeOf()
	}
	return c.undo(scope, x.node.Event.Activity)
}

// undo starts the handlers of a scope, what ended last first. activity restricts it to
// one activity; empty means all.
func (c *command) undo(scope *execution, activity string) error {
	var all []undone
	for _, r := range scope.records {
		if activity == "" || r.activity == activity {
			all = append(all, undone{scope, r})
		}
	}
	for _, y := range scope.children {
		if y.eventScope && (activity == "" || y.node.ID == activity) {
			all = append(all, below(y)...)
		}
	}
	// Ids grow with time.
	slices.SortFunc(all, func(a, b undone) int { return strings.Compare(b.id, a.id) })
	for _, u := range all {
		handler := scope.inst.def.process.Nodes[u.handler]
		if handler == nil {
			return c.failure(scope, errors.New("there is no compensation handler "+u.handler))
		}
		u.scope.records = slices.DeleteFunc(u.scope.records, func(r record) bool { return r.id == u.id })
		c.rows.subsGone = append(c.rows.subsGone, u.id)
		c.plan(c.spawn(u.scope, handler), (*command).arrive)
	}
	return nil
}

// below returns everything that can be undone in an event scope.
func below(x *execution) []undone {
	var all []undone
	for _, r := range x.records {
		all = append(all, undone{x, r})
	}
	for _, y := range x.children {
		if y.eventScope {
			all = append(all, below(y)...)
		}
	}
	return all
}

// cancel ends a transaction: what has been done in it is undone, and it is left by its
// cancel boundary event.
func (c *command) cancel(x *execution) error {
	t := x.scopeOf()
	for t != nil && t.parent != nil && t.node.Kind != bpmn.Transaction {
		t = t.scopeOf()
	}
	if t == nil || t.parent == nil {
		return c.failure(x, errors.New("a cancel end event needs a transaction around it"))
	}
	holder := t
	if t.inner() {
		holder = t.parent
	}
	b := holder.catcher(bpmn.CancelEvent, "")
	if b == nil {
		return c.failure(x, errors.New("the transaction has no cancel boundary event"))
	}
	c.depart(x, "")
	for _, y := range t.children {
		if !y.eventScope && y != b {
			if err := c.drop(y, "transaction cancelled"); err != nil {
				return err
			}
		}
	}
	if err := c.undo(t, ""); err != nil {
		return err
	}
	if err := c.keep(t, holder, b); err != nil {
		return err
	}
	c.visit(b)
	c.plan(b, (*command).leave)
	return nil
}

// keep takes a cancelled transaction out of the way: while handlers run in it, it stays
// as an event scope.
func (c *command) keep(t, holder, b *execution) error {
	up := holder.scopeOf()
	c.release(b)
	c.move(b, up)
	b.watching, b.entered = false, true
	c.depart(t, "")
	t.scope, t.active, t.eventScope = false, false, true
	c.move(t, up)
	if holder != t {
		if err := c.drop(holder, "transaction cancelled"); err != nil {
			return err
		}
	}
	if !t.busy() {
		return c.drop(t, "")
	}
	return nil
}
