package engine

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// Lookup implements juel.Scope: the execution and the task, who is acting, variables,
// then beans and delegates.
func (p place) Lookup(name string) (any, bool) {
	value, ok, err := p.resolve(name)
	return value, ok && err == nil
}

func (p place) resolve(name string) (any, bool, error) {
	switch {
	case name == "execution" && p.x != nil:
		return &executionObject{place: place{c: p.c, x: p.x}}, true, nil
	case name == "task" && p.t != nil:
		return &taskObject{place: p}, true, nil
	case name == "authenticatedUserId":
		return null(p.c.actor.UserID), true, nil
	}
	if value, ok, err := p.get(name); ok || err != nil {
		return value, ok, err
	}
	if bean := p.bean(name); bean != nil {
		return bean, true, nil
	}
	if d := p.c.e.cfg.delegate(name); d != nil {
		return d, true, nil
	}
	return nil, false, nil
}

// Set implements juel.Setter.
func (p place) Set(name string, value any) error { return p.set(name, value) }

// null is nil for the empty text, as Java has null where we have nothing.
func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// eval evaluates an expression; a nil one is nil. What a variable holds is a value and
// is never evaluated again.
func (p place) eval(e *juel.Expression) (any, error) {
	if e == nil {
		return nil, nil
	}
	if text, ok := e.Literal(); ok {
		return text, nil
	}
	// A variable that cannot be read is an error of the database, not of the expression.
	if _, err := p.vars(); err != nil {
		return nil, err
	}
	v, err := e.Eval(p)
	if err != nil && p.x != nil {
		return nil, p.c.failure(p.x, err)
	}
	return v, err
}

// text evaluates an expression to a text; null is empty.
func (p place) text(e *juel.Expression) (string, error) {
	v, err := p.eval(e)
	if err != nil || v == nil {
		return "", err
	}
	return juel.Text(v)
}

// truth evaluates a condition. As in Activiti it has to be a Boolean.
func (p place) truth(e *juel.Expression) (bool, error) {
	v, err := p.eval(e)
	if err != nil {
		return false, err
	}
	switch v := v.(type) {
	case bool:
		return v, nil
	case string:
		if v == "true" || v == "false" {
			return v == "true", nil
		}
	}
	err = fmt.Errorf("the condition %q is not true or false", e.Text())
	if p.x != nil {
		err = p.c.failure(p.x, err)
	}
	return false, err
}

// integer evaluates an expression to a whole number.
func (p place) integer(e *juel.Expression) (int, error) {
	v, err := p.eval(e)
	if err != nil {
		return 0, err
	}
	n, err := juel.Integer(v)
	if err != nil && p.x != nil {
		err = p.c.failure(p.x, fmt.Errorf("%q is not a number: %w", e.Text(), err))
	}
	return int(n), err
}

// empty is the scope of expressions that are evaluated where there is no instance: a
// start event's timer or message.
type empty struct{ e *Engine }

// Lookup implements juel.Scope.
func (s empty) Lookup(name string) (any, bool) {
	bean, ok := s.e.cfg.Beans[name]
	return bean, ok
}

// outside evaluates an expression where there is no instance.
func (c *command) outside(e *juel.Expression) (string, error) {
	if e == nil {
		return "", fmt.Errorf("there is none")
	}
	v, err := e.Eval(empty{c.e})
	if err != nil || v == nil {
		return "", err
	}
	return juel.Text(v)
}

// moment reads a date that a model or a caller gives: a Date, an ISO 8601 date or a
// duration from now.
func (c *command) moment(v any) (time.Time, error) {
	switch v := v.(type) {
	case nil:
		return time.Time{}, nil
	case time.Time:
		return v, nil
	}
	text, err := juel.Text(v)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	return c.e.due(text, c.now)
}
