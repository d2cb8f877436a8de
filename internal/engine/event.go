package engine

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// attach makes the boundary events of an activity wait beside it.
func (c *command) attach(x *execution) error {
	for _, b := range x.node.Boundary {
		if b.Event == nil || b.Event.Kind == bpmn.CompensationEvent {
			continue
		}
		y := c.spawn(x, b)
		y.watching = true
		if err := c.watch(y); err != nil {
			return err
		}
	}
	return nil
}

// watch makes an execution wait for what its event says. Errors, escalations and
// cancellations need nothing: whoever throws them looks for the execution.
func (c *command) watch(x *execution) error {
	ev := x.node.Event
	if ev == nil {
		return nil
	}
	switch ev.Kind {
	case bpmn.TimerEvent:
		return c.setTimer(x)
	case bpmn.MessageEvent:
		return c.subscribe(x, OfMessage, waitMessage)
	case bpmn.SignalEvent:
		return c.subscribe(x, OfSignal, waitSignal)
	case bpmn.ConditionalEvent:
		x.inst.recheck = true
	case bpmn.LinkEvent:
		c.plan(x, (*command).leave)
	}
	return nil
}

// subscribe makes an execution wait for a message or a signal.
func (c *command) subscribe(x *execution, kind string, of byte) error {
	name, err := c.at(x).text(x.node.Event.Name)
	if err != nil {
		return err
	}
	if name == "" {
		return c.failure(x, fmt.Errorf("the name of the %s is empty", kind))
	}
	s := &Subscription{ID: newID(), Kind: kind, Name: name, InstanceID: x.inst.ID, ExecutionID: x.id, DefinitionID: x.inst.DefinitionID, ActivityID: x.node.ID,
		CreatedAt: c.now, TenantID: x.inst.TenantID}
	c.rows.subs = append(c.rows.subs, s)
	x.waits = append(x.waits, wait{of, s.ID, name})
	x.inst.changed = true
	return nil
}

// trigger lets an execution go on that has waited for an event.
func (c *command) trigger(x *execution) error {
	switch {
	case x.watching && x.node.Kind == bpmn.BoundaryEvent:
		return c.boundary(x)
	case x.watching:
		return c.eventScope(x)
	case x.node.Kind == bpmn.CatchEvent:
		if err := c.dropRivals(x); err != nil {
			return err
		}
	}
	c.plan(x, (*command).leave)
	return nil
}

// dropRivals removes the other events after an event-based gateway, once one came.
func (c *command) dropRivals(x *execution) error {
	for _, in := range x.node.In {
		if in.From.Kind != bpmn.EventGateway {
			continue
		}
		for _, y := range x.parent.children {
			if y == x || y.ended || !follows(y.node, in.From) {
				continue
			}
			if err := c.drop(y, "event based gateway cancel"); err != nil {
				return err
			}
		}
	}
	return nil
}

// follows reports whether a flow leads from one node straight to the other.
func follows(n, from *bpmn.Node) bool {
	for _, f := range from.Out {
		if f.To == n {
			return true
		}
	}
	return false
}

// boundary takes the way of a boundary event: instead of the activity that it is
// attached to, or beside it.
func (c *command) boundary(x *execution) error {
	activity := x.parent
	if !x.node.Interrupting {
		y := c.spawn(activity.parent, x.node)
		c.visit(y)
		c.plan(y, (*command).leave)
		return nil
	}
	c.release(x)
	c.move(x, activity.parent)
	x.watching, x.entered = false, true
	if err := c.drop(activity, "boundary event ("+x.node.ID+")"); err != nil {
		return err
	}
	c.visit(x)
	c.plan(x, (*command).leave)
	return nil
}

// eventScope begins an event sub-process: instead of what is under way in its scope, or
// beside it.
func (c *command) eventScope(x *execution) error {
	scope, start := x.parent, x.node
	if start.Interrupting {
		for _, y := range scope.children {
			if y.eventScope || y.watching && y.node.Kind == bpmn.BoundaryEvent {
				continue
			}
			if err := c.drop(y, "event subprocess ("+start.ID+")"); err != nil {
				return err
			}
		}
	}
	sub := c.spawn(scope, start.Scope)
	sub.scope, sub.entered = true, true
	if err := c.openScope(sub, start.Scope); err != nil {
		return err
	}
	y := c.spawn(sub, start)
	y.entered = true
	c.visit(y)
	if err := c.listen(y, start.Listeners, "start"); err != nil {
		return err
	}
	c.plan(y, (*command).leave)
	return nil
}

// endEvent ends a token in the way that its event says.
func (c *command) endEvent(x *execution) error {
	ev := x.node.Event
	if ev == nil {
		c.plan(x, (*command).leave)
		return nil
	}
	switch ev.Kind {
	case bpmn.ErrorEvent:
		return c.throwError(x)
	case bpmn.TerminateEvent:
		return c.terminate(x)
	case bpmn.CancelEvent:
		return c.cancel(x)
	}
	return c.throwEvent(x)
}

// throwError ends the token and throws the end event's error.
func (c *command) throwError(x *execution) error {
	thrown := &Error{Code: x.node.Event.Code}
	if err := c.listen(x, x.node.Listeners, "end"); err != nil {
		return err
	}
	c.depart(x, "")
	return c.throw(x, thrown)
}

// throwEvent throws what an event says and goes on.
func (c *command) throwEvent(x *execution) error {
	ev := x.node.Event
	if ev == nil {
		c.plan(x, (*command).leave)
		return nil
	}
	var err error
	switch ev.Kind {
	case bpmn.SignalEvent:
		err = c.throwSignal(x)
	case bpmn.EscalationEvent:
		err = c.escalate(x)
	case bpmn.CompensationEvent:
		err = c.compensate(x)
	case bpmn.LinkEvent:
		return c.follow(x)
	case bpmn.MessageEvent:
		if x.node.Work != nil {
			return c.work(x)
		}
	}
	if err == nil && !x.ended {
		c.plan(x, (*command).leave)
	}
	return err
}

// follow goes from a throwing link to the catching one.
func (c *command) follow(x *execution) error {
	if x.node.Event.Target == nil {
		return c.failure(x, errors.New("there is no link event that catches this one"))
	}
	c.depart(x, "")
	x.node = x.node.Event.Target
	return c.enter(x)
}

// conditions looks at the conditional events of an instance whose variables have changed.
func (c *command) conditions(inst *instance) error {
	if !inst.recheck {
		return nil
	}
	inst.recheck = false
	var errs []error
	inst.root.each(func(x *execution) {
		if !x.conditional() {
			return
		}
		ok, err := c.at(x).truth(x.node.Event.Condition)
		if errors.Is(err, juel.ErrUnknownVariable) {
			return // it may come
		}
		if err != nil {
			errs = append(errs, err)
			return
		}
		if ok && !x.held {
			c.plan(x, (*command).trigger)
		}
		if ok != x.held {
			x.held = ok
			inst.changed = true
		}
	})
	return errors.Join(errs...)
}

// conditional reports whether an execution waits for a condition.
func (x *execution) conditional() bool {
	if x.ended || x.node == nil || x.node.Event == nil || x.node.Event.Kind != bpmn.ConditionalEvent {
		return false
	}
	return x.watching || x.node.Kind == bpmn.CatchEvent && x.entered
}

// terminate ends the scope of a terminate end event, or more when it says so.
func (c *command) terminate(x *execution) error {
	reason := "terminate end event (" + x.node.ID + ")"
	last := x.node
	c.depart(x, "")
	if x.node.Event.TerminateAll {
		return c.terminateAll(x, reason)
	}
	if x.node.Event.TerminateMultiInstance {
		for p := x.parent; p != nil; p = p.parent {
			if p.multi {
				return c.endLoop(p, reason)
			}
		}
	}
	scope := x.scopeOf()
	if scope.parent == nil {
		return c.terminateInstance(scope.inst, last, reason)
	}
	for _, y := range scope.children {
		if y.watching && y.node.Kind == bpmn.BoundaryEvent {
			continue
		}
		if err := c.drop(y, reason); err != nil {
			return err
		}
	}
	c.plan(scope, (*command).leave)
	return nil
}

// terminateInstance ends an instance; one that was called lets its caller go on.
func (c *command) terminateInstance(inst *instance, last *bpmn.Node, reason string) error {
	if inst.ParentID == "" {
		return c.close(inst, last.ID, reason)
	}
	return c.completeFor(inst, last, "terminate end event")
}

// terminateAll ends the outermost instance with everything that it called.
func (c *command) terminateAll(x *execution, reason string) error {
	top, err := c.instance(x.inst.RootID)
	if err != nil {
		return err
	}
	return c.close(top, x.node.ID, reason)
}
