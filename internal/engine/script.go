package engine

import (
	"errors"
	"sync"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/script"
)

// scripts are the scripts of a definition, each compiled when it is first needed.
type scripts struct {
	programs *sync.Map // *bpmn.Script → *script.Program
}

func newScripts() scripts { return scripts{&sync.Map{}} }

func (s scripts) program(source *bpmn.Script) (*script.Program, error) {
	if p, ok := s.programs.Load(source); ok {
		return p.(*script.Program), nil
	}
	p, err := script.Compile(source.Language, source.Source)
	if err == nil {
		s.programs.Store(source, p)
	}
	return p, err
}

// runScript runs a script task.
func (c *command) runScript(x *execution) error {
	s := x.node.Script
	if s == nil {
		c.plan(x, (*command).leave)
		return nil
	}
	v, err := c.script(c.at(x), s)
	if err == nil {
		err = c.result(c.at(x), s.ResultVariable, false, v)
	}
	if err != nil {
		return c.failure(x, mapped(x.node, err))
	}
	c.plan(x, (*command).leave)
	return nil
}

// bindings are what a script sees. Names that it gives values to become variables when
// the model wants that.
type bindings struct {
	listening
	keep bool
}

// Set implements script.Bindings.
func (b bindings) Set(name string, value any) error {
	if !b.keep {
		return nil
	}
	return b.set(name, value)
}

// script runs a script and returns what it gives.
func (c *command) script(p place, s *bpmn.Script) (any, error) {
	return c.scriptFor(listening{place: p}, s)
}

// scriptFor is script for a listener, which is told of an event.
func (c *command) scriptFor(l listening, s *bpmn.Script) (any, error) {
	program, err := l.x.inst.def.scripts.program(s)
	if err != nil {
		return nil, err
	}
	if _, err := l.vars(); err != nil {
		return nil, err
	}
	v, err := program.Run(c.ctx, bindings{l, s.AutoStoreVariables}, script.Limits{Now: c.e.cfg.Now})
	var thrown *script.BPMNError
	if errors.As(err, &thrown) {
		return nil, &Error{Code: thrown.Code, Message: thrown.Message}
	}
	return v, err
}

// checkScripts compiles every script of a process and says with its deployment which
// cannot be run, and why. As with delegates that nobody knows this is a warning: the
// process may never come to it, and fails with the same words when it does.
func checkScripts(p *bpmn.Process) []bpmn.Problem {
	var warnings []bpmn.Problem
	for at, s := range scriptsOf(p) {
		if _, err := script.Compile(s.Language, s.Source); err != nil {
			warnings = append(warnings, bpmn.Problem{Name: "sluice-script", Message: err.Error(), Process: p.ID, Element: at, Line: s.Line, Warning: true})
		}
	}
	return warnings
}

// scriptsOf goes through the scripts of a process with the ids of what they belong to.
func scriptsOf(p *bpmn.Process) func(yield func(string, *bpmn.Script) bool) {
	return func(yield func(string, *bpmn.Script) bool) {
		each := func(id string, s *bpmn.Script) bool { return s == nil || yield(id, s) }
		listeners := func(id string, all []bpmn.Listener) bool {
			for i := range all {
				if !each(id, all[i].Script) {
					return false
				}
			}
			return true
		}
		if !listeners(p.ID, p.Root.Listeners) {
			return
		}
		for _, n := range p.Order {
			if !each(n.ID, n.Script) || !listeners(n.ID, n.Listeners) || n.User != nil && !listeners(n.ID, n.User.Listeners) {
				return
			}
			for _, f := range n.Out {
				if !listeners(f.ID, f.Listeners) || f.Condition != nil && !each(f.ID, f.Condition.Script) {
					return
				}
			}
		}
	}
}
