package engine

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// StartOptions say which process is started and with what. Exactly one of
// DefinitionID, Key and Message is set.
type StartOptions struct {
	DefinitionID string
	Key          string // the newest version is started
	Message      string // whose start event is used
	TenantID     string // of Key and Message; empty: the actor's
	BusinessKey  string
	Name         string
	Variables    map[string]any
}

// Start makes an instance and runs it until it waits. Errors: NotFound without such a
// definition, Forbidden when the actor may not start it, Conflict when it is suspended,
// Invalid when the process fails.
func (e *Engine) Start(ctx context.Context, actor Actor, o StartOptions) (*Instance, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var made *instance
	err := e.do(ctx, actor, func(c *command) error {
		d, start, err := c.chosen(o)
		if err != nil {
			return err
		}
		made, err = c.start(d, start, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &made.Instance, nil
}

func (o StartOptions) check() error {
	n := 0
	for _, s := range []string{o.DefinitionID, o.Key, o.Message} {
		if s != "" {
			n++
		}
	}
	if n != 1 {
		return fault.New(fault.Invalid, "Name the process to be started by exactly one of its definition's id, its key and a message.")
	}
	if utf8.RuneCountInString(o.Name) > maxName || utf8.RuneCountInString(o.BusinessKey) > maxName {
		return fault.New(fault.Invalid, "Name and business key have %d characters at most.", maxName)
	}
	return nil
}

// chosen finds the definition and the start event that the options mean, which the actor
// must be allowed to start; an empty event means the one without an event.
func (c *command) chosen(o StartOptions) (Definition, string, error) {
	d, activity, err := c.meant(o)
	if err == nil {
		err = c.mayStart(&d)
	}
	return d, activity, err
}

func (c *command) meant(o StartOptions) (Definition, string, error) {
	tenant := or(o.TenantID, c.actor.TenantID)
	switch {
	case o.Message != "":
		var id, activity string
		err := c.tx.QueryRow(c.ctx, []any{&id, &activity}, `SELECT definition_id, activity_id FROM subscriptions WHERE kind = $1 AND name = $2 AND tenant_id = $3 AND instance_id = ''`,
			OfMessage, o.Message, tenant)
		if errors.Is(err, store.ErrNoRow) {
			return Definition{}, "", fault.New(fault.NotFound, "No process starts with the message %q.", shown(o.Message))
		}
		if err != nil {
			return Definition{}, "", err
		}
		d, err := row(c.ctx, c.tx, id)
		return d, activity, err
	case o.Key != "":
		d, err := newest(c.ctx, c.tx, tenant, o.Key)
		return d, "", err
	}
	d, err := row(c.ctx, c.tx, o.DefinitionID)
	return d, "", err
}

// start makes an instance and plans its first step. activity names the start event;
// empty means the one without an event.
func (c *command) start(d Definition, activity string, o StartOptions) (*instance, error) {
	if d.Suspended {
		return nil, fault.New(fault.Conflict, "The process definition %q is suspended.", d.ID)
	}
	def, err := c.e.definition(c.ctx, c.tx, d.ID)
	if err != nil {
		return nil, err
	}
	start := def.process.Nodes[activity]
	if activity == "" {
		if start = firstStart(def.process); start == nil {
			return nil, fault.New(fault.Invalid, "The process %q has no start event.", d.Key)
		}
	}
	if start == nil {
		return nil, fault.New(fault.Invalid, "The process %q has no start event %q.", d.Key, activity)
	}
	inst := c.create(def, start, o)
	if c.actor.UserID != "" {
		c.link(Link{InstanceID: inst.ID, Kind: Starter, UserID: c.actor.UserID})
	}
	return inst, c.launch(inst, start, o.Variables)
}

// create makes an instance that has not begun.
func (c *command) create(def *definition, start *bpmn.Node, o StartOptions) *instance {
	inst := &instance{fresh: true, changed: true, def: def, Instance: Instance{ID: newID(), DefinitionID: def.ID, BusinessKey: o.BusinessKey, Name: o.Name,
		StartedBy: c.actor.UserID, StartActivity: start.ID, StartedAt: c.now, TenantID: def.TenantID}}
	inst.RootID = inst.ID
	inst.root = &execution{id: inst.ID, inst: inst, active: true, scope: true}
	c.instances = append(c.instances, inst)
	return inst
}

// launch gives an instance its variables and plans its first step.
func (c *command) launch(inst *instance, start *bpmn.Node, values map[string]any) error {
	here := c.at(inst.root)
	if err := here.setAll(values, true); err != nil {
		return err
	}
	if start.Start != nil && start.Start.Initiator != "" {
		if err := here.setLocal(start.Start.Initiator, null(c.actor.UserID)); err != nil {
			return err
		}
	}
	if err := c.listen(inst.root, inst.def.process.Root.Listeners, "start"); err != nil {
		return err
	}
	return c.begin(inst, start)
}

// complete ends an instance whose last token has ended.
func (c *command) complete(inst *instance, last *bpmn.Node) error {
	return c.completeFor(inst, last, "")
}

// completeFor ends an instance and lets the one that called it go on.
func (c *command) completeFor(inst *instance, last *bpmn.Node, reason string) error {
	caller, err := c.caller(inst)
	if err != nil {
		return err
	}
	if caller != nil {
		if err := c.handBack(inst, caller); err != nil {
			return err
		}
		caller.called = ""
		caller.inst.changed = true
		c.plan(caller, (*command).leave)
	}
	end := ""
	if last != nil {
		end = last.ID
	}
	if err := c.listen(inst.root, inst.def.process.Root.Listeners, "end"); err != nil {
		return err
	}
	return c.close(inst, end, reason)
}

// close ends an instance with everything in it.
func (c *command) close(inst *instance, activity, reason string) error {
	inst.EndedAt, inst.EndActivity, inst.DeleteReason = c.now, activity, reason
	inst.changed = true
	return c.drop(inst.root, reason)
}

// deleteCalled ends an instance whose caller is gone.
func (c *command) deleteCalled(id, reason string) error {
	inst, err := c.instance(id)
	if err != nil || inst.root == nil || inst.root.ended {
		return err
	}
	return c.close(inst, "", reason)
}

// DeleteInstance ends an instance and everything that it called. reason may be empty. Who
// started it may, and an administrator. Errors: NotFound when it does not run, Forbidden.
func (e *Engine) DeleteInstance(ctx context.Context, actor Actor, id, reason string) error {
	if utf8.RuneCountInString(reason) > maxText {
		return fault.New(fault.Invalid, "A reason has %d characters at most.", maxText)
	}
	return e.do(ctx, actor, func(c *command) error {
		if _, err := c.permittedInstance(id, toCancel); err != nil {
			return err
		}
		inst, err := c.unended(id)
		if err != nil {
			return err
		}
		if inst.ParentID != "" {
			return fault.New(fault.Conflict, "The process instance %q was called by %q. Delete that one.", shown(id), inst.ParentID)
		}
		return c.close(inst, "", or(reason, "process instance deleted"))
	})
}

// ActiveActivities returns the ids of the activities at which tokens of a running
// instance are, one for each token, sub-processes and waiting boundary events included.
func (e *Engine) ActiveActivities(ctx context.Context, id string) ([]string, error) {
	executions, err := e.Executions(ctx, id)
	var ids []string
	for _, x := range executions {
		if x.Active && x.ActivityID != "" {
			ids = append(ids, x.ActivityID)
		}
	}
	return ids, err
}

// Place is one execution of a running instance, as queries show it.
type Place struct {
	ID         string
	InstanceID string
	ParentID   string
	ActivityID string
	CalledID   string
	TenantID   string // of the instance
	Active     bool
	Scope      bool
	Suspended  bool // its instance is
}

// Executions returns the tree of a running instance, the instance itself first; nothing
// when it has ended.
func (e *Engine) Executions(ctx context.Context, id string) ([]Place, error) {
	var all []Place
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		inst := &Instance{}
		var state []byte
		err := tx.QueryRow(ctx, append(inst.fields(), &state), `SELECT `+instanceColumns+`, state FROM instances WHERE id = $1`, id)
		if errors.Is(err, store.ErrNoRow) {
			return fault.New(fault.NotFound, "There is no process instance %q.", shown(id))
		}
		if err != nil || len(state) == 0 {
			return err
		}
		def, err := e.definition(ctx, tx, inst.DefinitionID)
		if err != nil {
			return err
		}
		root, err := decodeState(state, &instance{Instance: *inst}, def.process)
		if err != nil {
			return err
		}
		all = places(root, nil)
		return nil
	})
	return all, err
}

func places(x *execution, all []Place) []Place {
	all = append(all, x.shown())
	for _, child := range x.children {
		all = places(child, all)
	}
	return all
}

// shown is the execution as queries show it.
func (x *execution) shown() Place {
	p := Place{ID: x.id, InstanceID: x.inst.ID, TenantID: x.inst.TenantID, Suspended: x.inst.Suspended, CalledID: x.called, Active: x.active, Scope: x.scope}
	if x.parent != nil {
		p.ParentID = x.parent.id
	}
	if x.node != nil {
		p.ActivityID = x.node.ID
	}
	return p
}
