package script

import (
	"errors"
	"slices"
)

// choice is a case of a switch, or its default.
type choice struct {
	value *node // nil: default
	body  eval
}

func (p *reader) switching() (eval, error) {
	p.take()
	subject, err := p.condition()
	if err == nil {
		p.lines()
		err = p.expect("{")
	}
	if err != nil {
		return nil, err
	}
	var choices []choice
	p.loops++
	defer func() { p.loops-- }()
	for p.lines(); !p.accept("}"); p.lines() {
		c, err := p.choice()
		if err != nil {
			return nil, err
		}
		choices = append(choices, c)
	}
	return func(f *frame) (any, error) {
		v, err := subject.eval(f)
		if err != nil {
			return nil, err
		}
		start, err := chosen(f, choices, v)
		if err != nil || start < 0 {
			return nil, err
		}
		var result any
		for _, c := range choices[start:] {
			result, err = c.body(f.inner())
			var j *jump
			if errors.As(err, &j) && j.kind == "break" {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
		}
		return result, nil
	}, nil
}

func (p *reader) choice() (c choice, err error) {
	t := p.take()
	switch {
	case t.word("case"):
		if c.value, err = p.expression(); err != nil {
			return c, err
		}
	case !t.word("default"):
		return c, t.problem("case is expected, not %s", t)
	}
	if err = p.expect(":"); err != nil {
		return c, err
	}
	c.body, err = p.statements(func(t token) bool { return t.is("}") || t.word("case") || t.word("default") || t.kind == endToken })
	return c, err
}

// chosen returns which case a value is, else the default, else -1.
func chosen(f *frame, choices []choice, v any) (int, error) {
	for i, c := range choices {
		if c.value == nil {
			continue
		}
		want, err := c.value.eval(f)
		if err != nil {
			return -1, err
		}
		if l, ok := want.(*list); ok && slices.ContainsFunc(l.items, func(item any) bool { return equal(item, v) }) || equal(want, v) {
			return i, nil
		}
	}
	return slices.IndexFunc(choices, func(c choice) bool { return c.value == nil }), nil
}

// catcher is a catch of a try.
type catcher struct {
	name string
	bpmn bool // catches BpmnError only
	body eval
}

func (p *reader) trying() (eval, error) {
	p.take()
	body, err := p.block()
	if err != nil {
		return nil, err
	}
	var catchers []catcher
	finally := eval(func(*frame) (any, error) { return nil, nil })
	for {
		mark := p.at
		p.lines()
		switch {
		case p.peek().word("catch"):
			c, err := p.catching()
			if err != nil {
				return nil, err
			}
			catchers = append(catchers, c)
			continue
		case p.peek().word("finally"):
			p.take()
			if finally, err = p.block(); err != nil {
				return nil, err
			}
		case len(catchers) == 0:
			return nil, p.peek().problem("catch or finally is expected, not %s", p.peek())
		default:
			p.at = mark
		}
		break
	}
	return func(f *frame) (any, error) {
		v, err := body(f)
		for _, c := range catchers {
			if c.catches(err) {
				inner := f.inner()
				inner.declare(c.name, exception{cause(err)})
				v, err = c.body(inner)
				break
			}
		}
		var end *ended
		if errors.As(err, &end) {
			return nil, err
		}
		if _, failed := finally(f); failed != nil {
			return nil, failed
		}
		return v, err
	}, nil
}

func (p *reader) catching() (c catcher, err error) {
	p.take()
	if err = p.expect("("); err != nil {
		return c, err
	}
	t := p.take()
	for p.peek().kind == nameToken || p.peek().is(".") || p.peek().is("|") {
		switch next := p.take(); {
		case t.word("BpmnError"):
			c.bpmn = true
		case next.is(".") || t.is(".") || t.is("|") || t.word("def") || t.word("Exception") || t.word("Throwable") || t.word("RuntimeException"):
		default:
			return c, t.unsupported("catching " + t.text)
		}
		t = p.tokens[p.at-1]
	}
	if c.name = t.text; t.kind != nameToken {
		return c, t.problem("the name of the exception is expected, not %s", t)
	}
	if err = p.expect(")"); err != nil {
		return c, err
	}
	p.lines()
	c.body, err = p.block()
	return c, err
}

func (c catcher) catches(err error) bool {
	var j *jump
	var end *ended
	var thrown *BPMNError
	return err != nil && !errors.As(err, &j) && !errors.As(err, &end) && (!c.bpmn || errors.As(err, &thrown))
}

// cause is the error without the place where it happened.
func cause(err error) error {
	var p *Problem
	if errors.As(err, &p) && p.Cause != nil {
		return p.Cause
	}
	if p != nil {
		return errors.New(p.Message)
	}
	return err
}
