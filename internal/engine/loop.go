package engine

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// The variables of a multi-instance activity.
const (
	nrOfInstances = "nrOfInstances"
	nrOfCompleted = "nrOfCompletedInstances"
	nrOfActive    = "nrOfActiveInstances"
)

// counter is the variable that tells an instance of a loop its number.
func counter(l *bpmn.Loop) string {
	if l.ElementIndex != "" {
		return l.ElementIndex
	}
	return "loopCounter"
}

// beginLoop begins a multi-instance activity: the execution stands for all of its
// instances, which are its children.
func (c *command) beginLoop(x *execution) error {
	x.multi, x.entered = true, true
	// Listeners may make the collection.
	if err := c.listen(x, x.node.Listeners, "start"); err != nil {
		return err
	}
	if err := c.attach(x); err != nil {
		return err
	}
	n, err := c.size(x)
	if err != nil {
		return err
	}
	if n == 0 {
		return c.endLoop(x, "")
	}
	l := x.node.Loop
	at := n
	if l.Sequential {
		at = 1
	}
	if err := c.counts(x, n, 0, at); err != nil {
		return err
	}
	x.active = false
	for i := range at {
		y := c.spawn(x, x.node)
		y.rounds = i
		if err := c.element(y); err != nil {
			return err
		}
		c.plan(y, (*command).arrive)
	}
	return nil
}

// counts sets the variables of the loop.
func (c *command) counts(x *execution, all, completed, active int) error {
	return c.at(x).setAll(map[string]any{nrOfInstances: int32(all), nrOfCompleted: int32(completed), nrOfActive: int32(active)}, true)
}

// count returns one of the variables of the loop.
func (c *command) count(x *execution, name string) (int, error) {
	v, err := c.at(x).local(name)
	if err != nil || v == nil {
		return 0, err
	}
	n, err := juel.Integer(v.Value)
	return int(n), err
}

// size returns how many instances there are to be.
func (c *command) size(x *execution) (int, error) {
	l := x.node.Loop
	if l.Cardinality != nil {
		n, err := c.at(x).integer(l.Cardinality)
		if err == nil && n < 0 {
			err = c.failure(x, fmt.Errorf("the number of instances is %d", n))
		}
		return n, err
	}
	list, err := c.collection(x)
	return len(list), err
}

// collection returns what the loop goes through.
func (c *command) collection(x *execution) ([]any, error) {
	l := x.node.Loop
	var v any
	var err error
	if l.CollectionName != "" {
		var ok bool
		if v, ok, err = c.at(x).get(l.CollectionName); err == nil && !ok {
			err = c.failure(x, fmt.Errorf("the variable %q is not found", l.CollectionName))
		}
	} else {
		v, err = c.at(x).eval(l.Collection)
	}
	if err != nil {
		return nil, err
	}
	if list, ok := items(v); ok {
		return list, nil
	}
	return nil, c.failure(x, errors.New("what the loop goes through is not a collection"))
}

// items returns the elements of a list, or of a JSON array.
func items(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case juel.JSON:
		parsed, err := readJSON(v)
		list, ok := parsed.([]any)
		return list, ok && err == nil
	}
	return nil, false
}

// element tells an instance its number and its element.
func (c *command) element(x *execution) error {
	l := x.node.Loop
	if err := c.at(x).setLocal(counter(l), int32(x.rounds)); err != nil {
		return err
	}
	if l.Element == "" || l.Cardinality != nil && l.Collection == nil && l.CollectionName == "" {
		return nil
	}
	list, err := c.collection(x)
	if err != nil {
		return err
	}
	if x.rounds >= len(list) {
		return c.failure(x, errors.New("the collection has become shorter while the loop went through it"))
	}
	return c.at(x).setLocal(l.Element, list[x.rounds])
}

// nextInstance goes on after one instance of a loop has ended.
func (c *command) nextInstance(x *execution) error {
	root, l := x.parent, x.node.Loop
	all, err := c.count(root, nrOfInstances)
	if err != nil {
		return err
	}
	completed, err := c.count(root, nrOfCompleted)
	if err != nil {
		return err
	}
	completed++
	active := 1
	if !l.Sequential {
		if active, err = c.count(root, nrOfActive); err != nil {
			return err
		}
		active--
	}
	if err := c.counts(root, all, completed, active); err != nil {
		return err
	}
	done := completed >= all
	if l.Completion != nil && !done {
		if done, err = c.at(x).truth(l.Completion); err != nil {
			return err
		}
	}
	switch {
	case done && l.Sequential:
		return c.endSequence(x)
	case done:
		if err := c.drop(x, ""); err != nil {
			return err
		}
		return c.endLoop(root, "")
	case l.Sequential:
		return c.nextRound(x)
	}
	return c.drop(x, "")
}

// nextRound lets the execution of a sequential loop begin the next instance.
func (c *command) nextRound(x *execution) error {
	x.rounds++
	x.entered = false
	if err := c.element(x); err != nil {
		return err
	}
	c.plan(x, (*command).arrive)
	return nil
}

// endSequence ends a sequential loop, whose counter leaves no trace.
func (c *command) endSequence(x *execution) error {
	v, err := c.at(x).local(counter(x.node.Loop))
	if err != nil {
		return err
	}
	if v != nil {
		c.at(x).remove(v)
	}
	root := x.parent
	if err := c.drop(x, ""); err != nil {
		return err
	}
	return c.endLoop(root, "")
}

// endLoop ends a multi-instance activity with what is still under way in it.
func (c *command) endLoop(root *execution, reason string) error {
	for _, y := range root.children {
		if err := c.drop(y, reason); err != nil {
			return err
		}
	}
	if err := c.listen(root, root.node.Listeners, "end"); err != nil {
		return err
	}
	x := c.replace(root)
	if err := c.drop(root, reason); err != nil {
		return err
	}
	return c.goOn(x)
}

// again lets an activity with a standard loop run once more, if it has to.
func (c *command) again(x *execution) (bool, error) {
	l := x.node.Loop
	x.rounds++
	if l.Maximum != nil {
		most, err := c.at(x).integer(l.Maximum)
		if err != nil {
			return false, err
		}
		if x.rounds >= most {
			x.rounds = 0
			return false, nil
		}
	}
	if l.Condition != nil {
		ok, err := c.at(x).truth(l.Condition)
		if err != nil || !ok {
			x.rounds = 0
			return false, err
		}
	} else if l.Maximum == nil {
		x.rounds = 0
		return false, nil
	}
	if err := c.at(x).setLocal("loopCounter", int32(x.rounds)); err != nil {
		return false, err
	}
	c.plan(x, (*command).enter)
	return true, nil
}

// texts returns the elements of a list, or of a text with commas, as texts.
func texts(v any) ([]string, error) {
	if list, ok := items(v); ok {
		all := make([]string, 0, len(list))
		for _, item := range list {
			text, err := juel.Text(item)
			if err != nil {
				return nil, err
			}
			all = append(all, text)
		}
		return all, nil
	}
	if v == nil {
		return nil, nil
	}
	text, err := juel.Text(v)
	if err != nil {
		return nil, err
	}
	var all []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all, nil
}
