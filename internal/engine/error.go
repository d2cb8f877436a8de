package engine

import (
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// Error is a BPMN error: a delegate returns it to be caught by an error event of the
// process.
type Error struct {
	Code    string
	Message string
}

// Error returns code and message.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("BPMN error %q", e.Code)
	}
	return fmt.Sprintf("BPMN error %q: %s", e.Code, e.Message)
}

// throw looks for who catches an error that happened at an execution: event
// sub-processes before boundary events, inner scopes before outer ones, then the
// instance that called.
func (c *command) throw(x *execution, thrown *Error) error {
	at := x
	for {
		catcher := at.catcher(bpmn.ErrorEvent, thrown.Code)
		if catcher != nil {
			return c.caught(catcher, thrown)
		}
		outer, err := c.outward(at)
		if err != nil {
			return err
		}
		if outer == nil {
			return c.failure(x, fmt.Errorf("nothing catches the error with the code %q, neither in this process nor in one that called it", thrown.Code))
		}
		at = outer
	}
}

// outward returns what stands around an execution: its parent, or for a whole instance
// the execution that called it; nil when there is none.
func (c *command) outward(at *execution) (*execution, error) {
	if at.parent != nil {
		return at.parent, nil
	}
	return c.caller(at.inst)
}

// caller returns the execution that waits for a called instance; nil when nobody does.
func (c *command) caller(inst *instance) (*execution, error) {
	if inst.ParentID == "" {
		return nil, nil
	}
	parent, err := c.instance(inst.ParentID)
	if err != nil {
		return nil, err
	}
	return parent.find(inst.ParentExecution), nil
}

// catcher returns what waits directly at an execution for an error or an escalation:
// the exact code before no code, event sub-processes before boundary events.
func (x *execution) catcher(kind bpmn.EventKind, code string) *execution {
	var best *execution
	rank := 0
	for _, y := range x.children {
		if !y.watching || y.ended || y.node.Event == nil || y.node.Event.Kind != kind {
			continue
		}
		n := 0
		switch y.node.Event.Code {
		case code:
			n = 2
		case "":
			n = 1
		default:
			continue
		}
		if y.node.Kind != bpmn.BoundaryEvent {
			n += 2
		}
		if n > rank {
			best, rank = y, n
		}
	}
	return best
}

// caught gives the catching event the error's code and message, where it wants them.
func (c *command) caught(catcher *execution, thrown *Error) error {
	ev := catcher.node.Event
	scope := catcher.scopeOf()
	for name, value := range map[string]string{ev.CodeVariable: thrown.Code, ev.MessageVariable: thrown.Message} {
		if name == "" {
			continue
		}
		if err := c.at(scope).set(name, value); err != nil {
			return err
		}
	}
	return c.trigger(catcher)
}

// escalate throws an escalation. One that nobody catches goes unnoticed.
func (c *command) escalate(x *execution) error {
	code := x.node.Event.Code
	for at := x.parent; at != nil; {
		if catcher := at.catcher(bpmn.EscalationEvent, code); catcher != nil {
			return c.caught(catcher, &Error{Code: code})
		}
		var err error
		if at, err = c.outward(at); err != nil {
			return err
		}
	}
	return nil
}

// mapped turns a delegate's failure into a BPMN error, where the activity says so.
func mapped(n *bpmn.Node, err error) error {
	if n.Work == nil {
		return err
	}
	name := ""
	if named, ok := err.(interface{ Exception() string }); ok {
		name = named.Exception()
	}
	for _, m := range n.Work.Exceptions {
		if m.Exception == "" || m.Exception == name {
			return &Error{Code: m.Code, Message: err.Error()}
		}
	}
	return err
}
