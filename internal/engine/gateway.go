package engine

import (
	"github.com/sluicehq/sluice/internal/bpmn"
)

// gateway lets an execution through, or has it wait for others.
func (c *command) gateway(x *execution) error {
	switch x.node.Kind {
	case bpmn.ParallelGateway:
		return c.join(x)
	case bpmn.InclusiveGateway:
		x.active = false // see joins
		return nil
	case bpmn.ComplexGateway:
		return c.complex(x)
	}
	c.plan(x, (*command).leave)
	return nil
}

// join waits until as many tokens have come as flows lead to the gateway.
func (c *command) join(x *execution) error {
	c.depart(x, "")
	x.active = false
	there := waitingAt(x)
	if len(there) < len(x.node.In) {
		return nil
	}
	return c.merge(x, there)
}

// waitingAt returns the tokens of the same scope that wait in the execution's gateway.
func waitingAt(x *execution) []*execution {
	var there []*execution
	for _, y := range x.parent.children {
		if y.node == x.node && !y.active && !y.ended && y.entered {
			there = append(there, y)
		}
	}
	return there
}

// merge makes one token of several and lets it go on.
func (c *command) merge(x *execution, there []*execution) error {
	for _, y := range there {
		if y != x {
			if err := c.drop(y, ""); err != nil {
				return err
			}
		}
	}
	x.active = true
	c.plan(x, (*command).leave)
	return nil
}

// joins opens the inclusive gateways that no other token can reach any more.
func (c *command) joins(inst *instance) {
	done := map[*execution]map[*bpmn.Node]bool{}
	inst.root.each(func(x *execution) {
		if x.ended || x.active || x.node == nil || x.node.Kind != bpmn.InclusiveGateway || done[x.parent][x.node] {
			return
		}
		if done[x.parent] == nil {
			done[x.parent] = map[*bpmn.Node]bool{}
		}
		done[x.parent][x.node] = true
		if !expected(x) {
			c.plan(x, (*command).merged)
		}
	})
}

// merged lets the tokens that wait in an inclusive gateway go on as one.
func (c *command) merged(x *execution) error { return c.merge(x, waitingAt(x)) }

// expected reports whether a token of the same scope may still come to the gateway at
// which the execution waits.
func expected(x *execution) bool {
	for _, y := range x.parent.children {
		if y.node != x.node && y.live() && x.node.Process.Reaches(y.node, x.node) {
			return true
		}
	}
	return false
}

// complex waits until the activation condition holds; without one it is a join of all.
// Tokens that come later are taken in by the next activation.
func (c *command) complex(x *execution) error {
	if len(x.node.In) < 2 {
		c.plan(x, (*command).leave)
		return nil
	}
	if x.node.Activation == nil {
		return c.join(x)
	}
	c.depart(x, "")
	x.active = false
	there := waitingAt(x)
	if err := c.at(x).setLocal("nrOfActivations", int32(len(there))); err != nil {
		return err
	}
	ok, err := c.at(x).truth(x.node.Activation)
	if err != nil || !ok {
		return err
	}
	return c.merge(x, there)
}
