package script

import (
	"errors"
)

// loop runs a body once and says whether the loop goes on.
func loop(body eval, f *frame) (bool, error) {
	if f.steps++; f.steps%256 == 0 {
		if err := f.over(); err != nil {
			return false, err
		}
	}
	_, err := body(f.inner())
	var j *jump
	if errors.As(err, &j) && j.kind != "return" {
		return j.kind == "continue", nil
	}
	return true, err
}

func (p *reader) loopBody() (eval, error) {
	p.loops++
	body, err := p.branch()
	p.loops--
	return body, err
}

func (p *reader) whileLoop() (eval, error) {
	p.take()
	condition, err := p.condition()
	if err != nil {
		return nil, err
	}
	body, err := p.loopBody()
	return func(f *frame) (any, error) {
		for {
			v, err := condition.eval(f)
			if err != nil || !truth(v) {
				return nil, err
			}
			if on, err := loop(body, f); err != nil || !on {
				return nil, err
			}
		}
	}, err
}

func (p *reader) forLoop() (eval, error) {
	p.take()
	if err := p.expect("("); err != nil {
		return nil, err
	}
	mark := p.at
	_, n := p.declared()
	p.at += n
	name := p.take()
	if name.kind != nameToken || !p.peek().word("in") && !p.peek().is(":") {
		p.at = mark
		return p.countingLoop()
	}
	p.take()
	source, err := p.expression()
	if err == nil {
		err = p.expect(")")
	}
	if err != nil {
		return nil, err
	}
	body, err := p.loopBody()
	return func(f *frame) (any, error) {
		v, err := source.eval(f)
		if err != nil {
			return nil, err
		}
		all, err := each(v)
		if err != nil {
			return nil, placed(source.token, err)
		}
		for _, item := range all {
			inner := f.inner()
			inner.declare(name.text, item)
			if on, err := loop(body, inner); err != nil || !on {
				return nil, err
			}
		}
		return nil, nil
	}, err
}

// countingLoop is for (start; condition; step).
func (p *reader) countingLoop() (eval, error) {
	nothing := eval(func(*frame) (any, error) { return true, nil })
	pieces := [3]eval{nothing, nothing, nothing}
	for i, end := range []string{";", ";", ")"} {
		if p.accept(end) {
			continue
		}
		piece, err := p.statement()
		if err == nil {
			err = p.expect(end)
		}
		if err != nil {
			return nil, err
		}
		pieces[i] = piece
	}
	body, err := p.loopBody()
	return func(f *frame) (any, error) {
		f = f.inner()
		if _, err := pieces[0](f); err != nil {
			return nil, err
		}
		for {
			v, err := pieces[1](f)
			if err != nil || !truth(v) {
				return nil, err
			}
			if on, err := loop(body, f); err != nil || !on {
				return nil, err
			}
			if _, err := pieces[2](f); err != nil {
				return nil, err
			}
		}
	}, err
}
