package engine

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// call starts the process that a call activity names. The execution waits until it ends.
func (c *command) call(x *execution) error {
	n := x.node
	if x.inst.root.rounds+1 > c.e.cfg.MaxDepth {
		return c.failure(x, fmt.Errorf("more than %d processes call one another", c.e.cfg.MaxDepth))
	}
	d, err := c.called(x)
	if err != nil {
		return err
	}
	if d.Suspended {
		return fault.New(fault.Conflict, "The process definition %q is suspended.", d.ID)
	}
	def, err := c.e.definition(c.ctx, c.tx, d.ID)
	if err != nil {
		return err
	}
	start := firstStart(def.process)
	if start == nil {
		return c.failure(x, fmt.Errorf("the called process %q has no start event", d.Key))
	}
	key, err := c.at(x).text(n.Call.BusinessKey)
	if err != nil {
		return err
	}
	if n.Call.BusinessKey == nil && n.Call.InheritBusinessKey {
		key = x.inst.BusinessKey
	}
	values, err := c.handOver(x)
	if err != nil {
		return err
	}
	inst := c.create(def, start, StartOptions{BusinessKey: key})
	inst.ParentID, inst.ParentExecution, inst.RootID = x.inst.ID, x.id, x.inst.RootID
	inst.StartedBy = x.inst.StartedBy
	inst.root.rounds = x.inst.root.rounds + 1
	x.called = inst.ID
	if a := c.opened(x.visit); a != nil {
		a.CalledID = inst.ID
	}
	if v := n.Call.ProcessInstanceIDVariable; v != "" {
		if err := c.at(x).set(v, inst.ID); err != nil {
			return err
		}
	}
	return c.launch(inst, start, values)
}

// called finds the definition that a call activity means.
func (c *command) called(x *execution) (Definition, error) {
	n := x.node
	name, err := c.at(x).text(n.Call.Element)
	if err != nil {
		return Definition{}, err
	}
	var d Definition
	switch {
	case n.Call.ByID:
		d, err = row(c.ctx, c.tx, name)
	case n.Call.SameDeployment:
		err = c.tx.QueryRow(c.ctx, d.fields(), `SELECT `+definitionColumns+` FROM definitions WHERE deployment_id = $1 AND key = $2`, x.inst.def.DeploymentID, name)
		if errors.Is(err, store.ErrNoRow) {
			d, err = newest(c.ctx, c.tx, x.inst.TenantID, name)
		}
	default:
		d, err = newest(c.ctx, c.tx, x.inst.TenantID, name)
	}
	if fault.Is(err, fault.NotFound) {
		err = c.failure(x, fmt.Errorf("there is no process %q to be called", name))
	}
	return d, err
}

// handOver returns the variables that a called process begins with.
func (c *command) handOver(x *execution) (map[string]any, error) {
	values := map[string]any{}
	here := c.at(x)
	if x.node.Call.InheritVariables {
		all, err := here.all()
		if err != nil {
			return nil, err
		}
		values = all
	}
	return values, c.mapTo(here, x.node.Call.In, func(name string, v any) error {
		values[name] = v
		return nil
	})
}

// mapTo evaluates mappings at a place and gives what comes out to set.
func (c *command) mapTo(from place, mappings []bpmn.Mapping, set func(string, any) error) error {
	for _, m := range mappings {
		if m.All {
			all, err := from.all()
			if err != nil {
				return err
			}
			for _, name := range sorted(all) {
				if err := set(name, all[name]); err != nil {
					return err
				}
			}
			continue
		}
		var v any
		var err error
		if m.SourceExpression != nil {
			v, err = from.eval(m.SourceExpression)
		} else {
			v, _, err = from.get(m.Source)
		}
		if err != nil {
			return err
		}
		target := m.Target
		if m.TargetExpression != nil {
			if target, err = from.text(m.TargetExpression); err != nil {
				return err
			}
		}
		if err := set(target, v); err != nil {
			return err
		}
	}
	return nil
}

// handBack copies what a called process gives back to the one that called it.
func (c *command) handBack(inst *instance, caller *execution) error {
	to := c.at(caller)
	set := to.set
	if caller.node.Call != nil && caller.node.Call.UseLocalScopeForOut {
		set = to.setLocal
	}
	if caller.node.Call == nil {
		return nil
	}
	return c.mapTo(c.at(inst.root), caller.node.Call.Out, set)
}
