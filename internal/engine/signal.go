package engine

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// receiver is who waits for a signal: an execution, or a start event.
type receiver struct {
	x          *execution
	definition string
	activity   string
}

// throwSignal throws the signal of an event.
func (c *command) throwSignal(x *execution) error {
	ev := x.node.Event
	name, err := c.at(x).text(ev.Name)
	if err != nil {
		return err
	}
	var only *instance
	if !ev.GlobalScope {
		only = x.inst
	}
	all, err := c.receivers(name, x.inst.TenantID, only)
	if err != nil {
		return err
	}
	if ev.Async {
		return c.signalLater(all, name)
	}
	return c.deliver(all, nil)
}

// receivers finds everybody who waits for a signal. only restricts it to one instance.
func (c *command) receivers(name, tenant string, only *instance) ([]receiver, error) {
	var all []receiver
	// What this command has loaded may have changed since it was written.
	for _, inst := range c.instances {
		if inst.root == nil || inst.root.ended || inst.TenantID != tenant || only != nil && inst != only {
			continue
		}
		inst.root.each(func(x *execution) {
			if x.awaits(waitSignal, name) {
				all = append(all, receiver{x: x})
			}
		})
	}
	if only != nil {
		return all, nil
	}
	rows, err := c.subscribed(OfSignal, name, tenant)
	if err != nil {
		return nil, err
	}
	loaded := len(c.instances)
	for _, s := range rows {
		r, err := c.receiver(s, loaded)
		if err != nil {
			return nil, err
		}
		if r != nil {
			all = append(all, *r)
		}
	}
	return all, nil
}

// awaits reports whether an execution waits for a message or signal of that name.
func (x *execution) awaits(kind byte, name string) bool {
	for _, w := range x.waits {
		if w.kind == kind && w.name == name {
			return !x.ended
		}
	}
	return false
}

// receiver finds who a subscription belongs to; nobody when it is one of the first
// loaded instances, or when its instance is suspended.
func (c *command) receiver(s Subscription, loaded int) (*receiver, error) {
	if s.InstanceID == "" {
		return &receiver{definition: s.DefinitionID, activity: s.ActivityID}, nil
	}
	for _, inst := range c.instances[:loaded] {
		if inst.ID == s.InstanceID {
			return nil, nil
		}
	}
	inst, err := c.instance(s.InstanceID)
	if err != nil || inst.Suspended {
		return nil, err
	}
	if x := inst.find(s.ExecutionID); x != nil {
		return &receiver{x: x}, nil
	}
	return nil, nil
}

// subscribed reads the subscriptions to a name, the oldest first.
func (c *command) subscribed(kind, name, tenant string) ([]Subscription, error) {
	var all []Subscription
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		var s Subscription
		err := row.Scan(s.fields()...)
		all = append(all, s)
		return err
	}, `SELECT `+subscriptionColumns+` FROM subscriptions WHERE kind = $1 AND name = $2 AND tenant_id = $3 ORDER BY id`, kind, name, tenant)
	return all, err
}

// deliver lets everybody go on, and starts what starts with the signal.
func (c *command) deliver(all []receiver, values map[string]any) error {
	for _, r := range all {
		if r.x != nil {
			if err := c.at(r.x).setAll(values, false); err != nil {
				return err
			}
			c.plan(r.x, (*command).trigger)
			continue
		}
		d, err := row(c.ctx, c.tx, r.definition)
		if err != nil {
			return err
		}
		if d.Suspended {
			continue
		}
		if _, err := c.start(d, r.activity, StartOptions{Variables: values}); err != nil {
			return err
		}
	}
	return nil
}

// signalLater makes a job for everybody who waits for a signal.
func (c *command) signalLater(all []receiver, name string) error {
	for _, r := range all {
		if r.x != nil {
			if err := c.jobFor(r.x, jobSignal, name); err != nil {
				return err
			}
			continue
		}
		d, err := row(c.ctx, c.tx, r.definition)
		if err != nil {
			return err
		}
		c.rows.jobs = append(c.rows.jobs, &Job{ID: newID(), Queue: Ready, Kind: jobSignal, DefinitionID: d.ID, ActivityID: r.activity, Payload: name, DueAt: c.now,
			Retries: c.e.cfg.Retries, CreatedAt: c.now, TenantID: d.TenantID})
	}
	return nil
}

// SignalOptions say which signal is thrown.
type SignalOptions struct {
	Name        string
	ExecutionID string // only this one receives it; empty: everybody
	TenantID    string // empty: the actor's
	// Async has a job deliver it to each who waits for it now, after Signal has returned; one
	// that waits no more by then is left alone. No variables then, as in Activiti.
	Async     bool
	Variables map[string]any
}

// Signal throws a signal: to everybody of a tenant, which needs an administrator, or to an
// execution of an instance that the actor started. Errors: NotFound when that one does not
// wait for it, Forbidden, Invalid.
func (e *Engine) Signal(ctx context.Context, actor Actor, o SignalOptions) error {
	if o.Async && (len(o.Variables) > 0 || o.ExecutionID != "") {
		return fault.New(fault.Invalid, "A signal that is thrown asynchronously goes to everybody and takes no variables.")
	}
	return e.do(ctx, actor, func(c *command) error {
		if o.ExecutionID != "" {
			return c.receive(o.ExecutionID, waitSignal, o.Name, o.Variables)
		}
		tenant := or(o.TenantID, actor.TenantID)
		if !actor.administers(tenant) {
			return fault.New(fault.Forbidden, "Only an administrator may throw a signal to everybody.")
		}
		all, err := c.receivers(o.Name, tenant, nil)
		switch {
		case err != nil:
			return err
		case o.Async:
			return c.signalLater(all, o.Name)
		}
		return c.deliver(all, o.Variables)
	})
}

// receive lets one execution go on that waits for a message or signal.
func (c *command) receive(execution string, kind byte, name string, values map[string]any) error {
	inst, err := c.runs(instanceOf(execution), toChange)
	if err != nil {
		return err
	}
	x := inst.find(execution)
	if x == nil || !x.awaits(kind, name) {
		return fault.New(fault.NotFound, "The execution %q does not wait for %q.", shown(execution), shown(name))
	}
	return c.deliver([]receiver{{x: x}}, values)
}

// MessageOptions say which message has come and for whom.
type MessageOptions struct {
	Name        string
	ExecutionID string // which execution receives it; empty: the only one that waits for it
	TenantID    string // empty: the actor's
	Variables   map[string]any
}

// Message tells a waiting execution of a message. Who started its instance may, and an
// administrator. Errors: NotFound when nobody waits for it, Forbidden, Conflict when
// several do and none is named.
func (e *Engine) Message(ctx context.Context, actor Actor, o MessageOptions) error {
	return e.do(ctx, actor, func(c *command) error {
		execution := o.ExecutionID
		if execution == "" {
			tenant := or(o.TenantID, actor.TenantID)
			if !actor.sees(tenant) {
				return noWaiter(o.Name)
			}
			rows, err := c.subscribed(OfMessage, o.Name, tenant)
			if err != nil {
				return err
			}
			for _, s := range rows {
				if s.InstanceID != "" && execution != "" {
					return fault.New(fault.Conflict, "Several executions wait for the message %q. Name one.", shown(o.Name))
				}
				execution = or(s.ExecutionID, execution)
			}
		}
		if execution == "" {
			return noWaiter(o.Name)
		}
		err := c.receive(execution, waitMessage, o.Name, o.Variables)
		if o.ExecutionID == "" && fault.Is(err, fault.NotFound) {
			return noWaiter(o.Name) // of an instance that is not his to know of
		}
		return err
	})
}

func noWaiter(message string) error {
	return fault.New(fault.NotFound, "Nobody waits for the message %q.", shown(message))
}

// Trigger lets an execution go on that waits at a receive task, at an intermediate
// event, or at a service task that is triggered. Errors: NotFound when it does not wait.
func (e *Engine) Trigger(ctx context.Context, actor Actor, execution string, values map[string]any) error {
	return e.do(ctx, actor, func(c *command) error {
		inst, err := c.runs(instanceOf(execution), toChange)
		if err != nil {
			return err
		}
		x := inst.find(execution)
		if x == nil || !x.triggerable() {
			return fault.New(fault.NotFound, "There is no execution %q that waits to be triggered.", shown(execution))
		}
		if err := c.at(x).setAll(values, false); err != nil {
			return err
		}
		c.plan(x, (*command).trigger)
		return nil
	})
}

// triggerable reports whether an execution waits for nothing but to be told to go on.
func (x *execution) triggerable() bool {
	if x.node == nil || !x.active || !x.entered || x.multi || x.watching {
		return false
	}
	for _, w := range x.waits {
		if w.kind == waitJob {
			return false
		}
	}
	switch x.node.Kind {
	case bpmn.ReceiveTask, bpmn.CatchEvent:
		return true
	case bpmn.ServiceTask, bpmn.BusinessRuleTask, bpmn.ThrowEvent, bpmn.EndEvent:
		return x.node.Work != nil && x.node.Work.Triggerable
	}
	return false
}

// SetVariables sets variables of an execution: the instance's when its id is given. local
// keeps them in the execution itself.
func (e *Engine) SetVariables(ctx context.Context, actor Actor, execution string, values map[string]any, local bool) error {
	return e.do(ctx, actor, func(c *command) error {
		x, err := c.executing(execution)
		if err != nil {
			return err
		}
		return c.at(x).setAll(values, local)
	})
}

// executing loads an execution of a running instance.
func (c *command) executing(id string) (*execution, error) {
	inst, err := c.runs(instanceOf(id), toChange)
	if err != nil {
		return nil, err
	}
	x := inst.find(id)
	if x == nil {
		return nil, fault.New(fault.NotFound, "There is no execution %q.", shown(id))
	}
	return x, nil
}

// RemoveVariables takes variables of an execution away, with their history.
func (e *Engine) RemoveVariables(ctx context.Context, actor Actor, execution string, names ...string) error {
	return e.do(ctx, actor, func(c *command) error {
		x, err := c.executing(execution)
		if err != nil {
			return err
		}
		return c.removeAll(c.at(x), names)
	})
}

func (c *command) removeAll(p place, names []string) error {
	for _, name := range names {
		v, err := p.local(name)
		if err != nil {
			return err
		}
		if v == nil {
			return fault.New(fault.NotFound, "There is no variable %q.", shown(name))
		}
		p.remove(v)
	}
	return nil
}

// SetTaskVariables sets variables of a task: those that a process sees, unless local.
func (e *Engine) SetTaskVariables(ctx context.Context, actor Actor, id string, values map[string]any, local bool) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		here := place{c: c, x: t.x, t: t}
		if !local && t.x != nil {
			here.t = nil
		}
		return here.setAll(values, local)
	})
}

// RemoveTaskVariables takes variables away that belong to the task alone.
func (e *Engine) RemoveTaskVariables(ctx context.Context, actor Actor, id string, names ...string) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		return c.removeAll(place{c: c, x: t.x, t: t}, names)
	})
}

// Variables returns the variables that can be seen at an execution, by name.
func (e *Engine) Variables(ctx context.Context, execution string) (map[string]any, error) {
	var values map[string]any
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		inst, err := c.read(instanceOf(execution))
		if err != nil {
			return err
		}
		x := inst.find(execution)
		if x == nil {
			return fault.New(fault.NotFound, "There is no execution %q.", shown(execution))
		}
		values, err = c.at(x).all()
		return err
	})
	return values, err
}

// read loads an instance to look at it, without a lock.
func (c *command) read(id string) (*instance, error) {
	inst := &instance{}
	var state []byte
	err := c.tx.QueryRow(c.ctx, append(inst.fields(), &inst.rev, &state), `SELECT `+instanceColumns+`, rev, state FROM instances WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no process instance %q.", shown(id))
	}
	if err != nil {
		return nil, err
	}
	return inst, c.revive(inst, state)
}
