package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
)

// outAdHoc goes on from an activity of an ad-hoc sub-process, and ends the sub-process
// when its completion condition holds.
func (c *command) outAdHoc(x *execution) error {
	sub := x.parent
	done := false
	if h := sub.node.AdHoc; h != nil && h.Completion != nil {
		var err error
		if done, err = c.at(x).truth(h.Completion); err != nil {
			return err
		}
	}
	if len(x.node.Out) > 0 {
		if err := c.outFlows(x); err != nil {
			return err
		}
	} else if err := c.drop(x, ""); err != nil {
		return err
	}
	if !done || sub.node.AdHoc != nil && !sub.node.AdHoc.CancelRemaining && sub.busy() {
		return nil
	}
	return c.endAdHoc(sub)
}

// endAdHoc ends an ad-hoc sub-process with what is still under way in it.
func (c *command) endAdHoc(sub *execution) error {
	for _, y := range sub.children {
		if y.live() {
			if err := c.drop(y, ""); err != nil {
				return err
			}
		}
	}
	c.plan(sub, (*command).leave)
	return nil
}

// adHoc returns the execution of an ad-hoc sub-process.
func (c *command) adHoc(instance, execution string) (*execution, error) {
	inst, err := c.running(instance)
	if err != nil {
		return nil, err
	}
	x := inst.find(execution)
	if x == nil || x.node == nil || x.node.Kind != bpmn.AdHocSubProcess || !x.scope {
		return nil, fault.New(fault.NotFound, "The execution %q is not an ad-hoc sub-process at work.", shown(execution))
	}
	return x, nil
}

// AdHocActivities returns the ids of the activities that can be begun in an ad-hoc
// sub-process: those that no flow leads to. None can while another one is under way in a
// sequential one.
func (e *Engine) AdHocActivities(ctx context.Context, actor Actor, instance, execution string) ([]string, error) {
	var ids []string
	err := e.do(ctx, actor, func(c *command) error {
		ids = nil
		x, err := c.adHoc(instance, execution)
		if err != nil || sequential(x) && x.busy() {
			return err
		}
		for _, n := range x.node.Children {
			if beginnable(n) {
				ids = append(ids, n.ID)
			}
		}
		return nil
	})
	return ids, err
}

func sequential(x *execution) bool { return x.node.AdHoc != nil && x.node.AdHoc.Sequential }

func beginnable(n *bpmn.Node) bool {
	return len(n.In) == 0 && n.Kind != bpmn.BoundaryEvent && !n.ForCompensation
}

// ExecuteActivity begins an activity of an ad-hoc sub-process. Errors: NotFound without
// one of that id, Conflict while another one is under way in a sequential sub-process.
func (e *Engine) ExecuteActivity(ctx context.Context, actor Actor, instance, execution, activity string) error {
	return e.do(ctx, actor, func(c *command) error {
		x, err := c.adHoc(instance, execution)
		if err != nil {
			return err
		}
		if sequential(x) && x.busy() {
			return fault.New(fault.Conflict, "Another activity of the sub-process %q is under way.", x.node.ID)
		}
		for _, n := range x.node.Children {
			if n.ID == activity && beginnable(n) {
				c.plan(c.spawn(x, n), (*command).arrive)
				return nil
			}
		}
		return fault.New(fault.NotFound, "The sub-process %q has no activity %q that can be begun.", x.node.ID, shown(activity))
	})
}

// CompleteAdHoc ends an ad-hoc sub-process. Errors: Conflict while something is under
// way in it.
func (e *Engine) CompleteAdHoc(ctx context.Context, actor Actor, instance, execution string) error {
	return e.do(ctx, actor, func(c *command) error {
		x, err := c.adHoc(instance, execution)
		if err != nil {
			return err
		}
		if x.busy() {
			return fault.New(fault.Conflict, "Something is under way in the sub-process %q.", x.node.ID)
		}
		c.plan(x, (*command).leave)
		return nil
	})
}
