package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// scripts are the texts of a definition that are compiled when they are first needed.
type scripts struct {
	expressions *sync.Map // text → *juel.Expression
}

func newScripts() scripts { return scripts{expressions: &sync.Map{}} }

// expression returns a text of the definition, parsed once.
func (s scripts) expression(text string) (*juel.Expression, error) {
	if e, ok := s.expressions.Load(text); ok {
		return e.(*juel.Expression), nil
	}
	e, err := juel.Parse(text)
	if err == nil {
		s.expressions.Store(text, e)
	}
	return e, err
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

// script runs a script and returns what it gives.
func (c *command) script(p place, s *bpmn.Script) (any, error) {
	switch language := strings.ToLower(s.Language); language {
	case "juel":
		return c.juelScript(p, s.Source)
	case "":
		return nil, errors.New("the script has no language")
	default:
		return nil, fmt.Errorf("scripts in %q cannot be run", language)
	}
}

// juelScript evaluates a script that is an expression. Assignments, which the language
// of processes has in scripts alone, set variables.
func (c *command) juelScript(p place, source string) (any, error) {
	e, err := p.x.inst.def.scripts.expression(strings.TrimSpace(source))
	if err != nil {
		return nil, err
	}
	return p.eval(e)
}
