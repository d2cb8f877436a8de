package script

import (
	"errors"
	"slices"
	"strings"
)

// expression reads one expression, assignments included.
func (p *reader) expression() (*node, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	left, err := p.conditional()
	if err != nil {
		return nil, err
	}
	t := p.peek()
	if t.kind != signToken || !slices.Contains([]string{"=", "+=", "-=", "*=", "/=", "%=", "**=", "?=", "<<=", ">>="}, t.text) {
		return left, nil
	}
	if left.set == nil {
		return nil, t.problem("this cannot be assigned to")
	}
	if t.is("<<=") || t.is(">>=") || t.is("?=") {
		return nil, t.unsupported(t.text)
	}
	p.take()
	p.lines()
	right, err := p.expression()
	if err != nil {
		return nil, err
	}
	op := strings.TrimSuffix(t.text, "=")
	return here(t, func(f *frame) (any, error) {
		v, err := right.eval(f)
		if err == nil && op != "" {
			var old any
			if old, err = left.eval(f); err == nil {
				v, err = binary(f, op, old, v)
			}
		}
		if err == nil {
			err = left.set(f, v)
		}
		return v, err
	}), nil
}

// conditional reads a ? b : c and a ?: b.
func (p *reader) conditional() (*node, error) {
	condition, err := p.binary(1)
	if err != nil {
		return nil, err
	}
	p.continued("?", "?:")
	t := p.peek()
	if !t.is("?") && !t.is("?:") {
		return condition, nil
	}
	p.take()
	p.lines()
	yes := condition
	if t.is("?") {
		if yes, err = p.expression(); err == nil {
			p.lines()
			err = p.expect(":")
		}
		if err != nil {
			return nil, err
		}
		p.lines()
	}
	no, err := p.expression()
	if err != nil {
		return nil, err
	}
	return here(t, func(f *frame) (any, error) {
		v, err := condition.eval(f)
		switch {
		case err != nil:
			return nil, err
		case !truth(v):
			return no.eval(f)
		case t.is("?:"):
			return v, nil
		}
		return yes.eval(f)
	}), nil
}

// continued goes to the next line when it begins with one of some signs.
func (p *reader) continued(signs ...string) {
	mark := p.at
	p.lines()
	if t := p.peek(); t.kind != signToken || !slices.Contains(signs, t.text) {
		p.at = mark
	}
}

// precedence orders the operators with two sides; the words are in it as well.
var precedence = map[string]int{
	"||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<=>": 6, "<": 7, "<=": 7, ">": 7, ">=": 7, "in": 7, "instanceof": 7, "as": 7,
	"<<": 8, "..": 8, "..<": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 11,
}

// lacking are operators of Groovy that the subset does not have.
var lacking = []string{"===", "!==", "==~", "=~", ">>", ">>>", "*.", ".&", ".@", "::", "..."}

func (p *reader) binary(least int) (*node, error) {
	left, err := p.unary()
	if err != nil {
		return nil, err
	}
	for {
		p.continued("&&", "||")
		t := p.peek()
		if t.kind == signToken && slices.Contains(lacking, t.text) {
			return nil, t.unsupported("the operator " + t.text)
		}
		level := precedence[t.text]
		if t.kind != signToken && t.kind != nameToken || level < least {
			return left, nil
		}
		p.take()
		p.lines()
		if t.word("as") || t.word("instanceof") {
			if left, err = p.typed(t, left); err != nil {
				return nil, err
			}
			continue
		}
		right, err := p.binary(level + 1)
		if err != nil {
			return nil, err
		}
		left = join(t, left, right)
	}
}

// typed reads the type after as and instanceof.
func (p *reader) typed(t token, left *node) (*node, error) {
	name := p.take()
	kind, known := kinds[name.text]
	if name.kind != nameToken || !known {
		return nil, name.unsupported("the type " + name.text)
	}
	p.at += p.generic(0)
	return here(t, func(f *frame) (any, error) {
		v, err := left.eval(f)
		switch {
		case err != nil:
			return nil, err
		case t.word("as"):
			return cast(kind, v)
		}
		return instance(name.text, v), nil
	}), nil
}

func join(t token, left, right *node) *node {
	op := t.text
	return here(t, func(f *frame) (any, error) {
		a, err := left.eval(f)
		if err != nil {
			return nil, err
		}
		if op == "&&" && !truth(a) || op == "||" && truth(a) {
			return op == "||", nil
		}
		b, err := right.eval(f)
		if err != nil {
			return nil, err
		}
		if op == "&&" || op == "||" {
			return truth(b), nil
		}
		return binary(f, op, a, b)
	})
}

func (p *reader) unary() (*node, error) {
	t := p.peek()
	if t.kind != signToken || !slices.Contains([]string{"!", "-", "+", "++", "--", "~", "*"}, t.text) {
		return p.postfix()
	}
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	if t.is("~") || t.is("*") {
		return nil, t.unsupported("the operator " + t.text + " before a value")
	}
	p.take()
	operand, err := p.unary()
	if err != nil {
		return nil, err
	}
	if t.is("++") || t.is("--") {
		return step(t, operand, true)
	}
	return here(t, func(f *frame) (any, error) {
		v, err := operand.eval(f)
		switch {
		case err != nil:
			return nil, err
		case t.is("!"):
			return !truth(v), nil
		case t.is("-"):
			return negate(v)
		}
		return v, nil
	}), nil
}

// step is ++ and --, before a name or after it.
func step(t token, operand *node, before bool) (*node, error) {
	if operand.set == nil {
		return nil, t.problem("%s stands at something that cannot be assigned to", t.text)
	}
	return here(t, func(f *frame) (any, error) {
		old, err := operand.eval(f)
		if err != nil {
			return nil, err
		}
		v, err := binary(f, t.text[:1], old, int32(1))
		if err == nil {
			err = operand.set(f, v)
		}
		if before {
			return v, err
		}
		return old, err
	}), nil
}

// postfix reads what follows a value: members, indexes, calls, ++.
func (p *reader) postfix() (*node, error) {
	left, err := p.primary()
	for err == nil {
		p.continued(".", "?.")
		t := p.peek()
		switch {
		case t.is(".") || t.is("?."):
			left, err = p.member(left)
		case t.is("["):
			left, err = p.index(left)
		case t.is("(") || t.is("{") && (left.kind == nameToken && left.name != ""):
			var args []*node
			if args, err = p.arguments(); err == nil {
				left = called(t, left, args)
			}
		case t.is("++") || t.is("--"):
			p.take()
			left, err = step(t, left, false)
		default:
			return left, nil
		}
	}
	return nil, err
}

// member reads .name and .name(…).
func (p *reader) member(left *node) (*node, error) {
	safe := p.take().is("?.")
	p.lines()
	t := p.take()
	name := t.text
	if t.kind == textToken && t.parts == nil {
		name, _ = t.value.(string)
	} else if t.kind != nameToken {
		return nil, t.problem("the name of a member is expected, not %s", t)
	}
	if p.peek().is("(") || p.peek().is("{") {
		args, err := p.arguments()
		return here(t, func(f *frame) (any, error) {
			v, err := left.eval(f)
			if err != nil || v == nil && safe {
				return nil, err
			}
			values, err := evaluate(f, args)
			if err != nil {
				return nil, err
			}
			return f.method(v, name, values)
		}), err
	}
	n := here(t, func(f *frame) (any, error) {
		v, err := left.eval(f)
		switch {
		case err != nil || v == nil && safe:
			return nil, err
		case v == nil:
			return nil, errors.New("the property " + name + " is read from null; test for null first, or use ?.")
		}
		return f.read(v, name)
	})
	n.set = func(f *frame, value any) error {
		v, err := left.eval(f)
		if err != nil || v == nil && safe {
			return err
		}
		return placed(t, f.write(v, name, value))
	}
	return n, nil
}

// index reads [i].
func (p *reader) index(left *node) (*node, error) {
	t := p.take()
	at, err := p.expression()
	if err == nil {
		err = p.expect("]")
	}
	if err != nil {
		return nil, err
	}
	both := func(f *frame) (v, i any, err error) {
		if v, err = left.eval(f); err == nil {
			i, err = at.eval(f)
		}
		return v, i, err
	}
	n := here(t, func(f *frame) (any, error) {
		v, i, err := both(f)
		if err != nil {
			return nil, err
		}
		return f.element(v, i)
	})
	n.set = func(f *frame, value any) error {
		v, i, err := both(f)
		if err != nil {
			return err
		}
		return placed(t, f.setElement(v, i, value))
	}
	return n, nil
}

// arguments reads (a, b) and a closure behind it, or the closure alone.
func (p *reader) arguments() ([]*node, error) {
	var args []*node
	if p.accept("(") {
		for !p.accept(")") {
			if t := p.peek(); t.kind == nameToken && p.ahead(1).is(":") {
				return nil, t.unsupported("an argument with a name")
			}
			arg, err := p.expression()
			if err != nil {
				return nil, err
			}
			args = append(args, arg)
			if !p.accept(",") && !p.peek().is(")") {
				return nil, p.peek().problem("a comma is expected, not %s", p.peek())
			}
		}
	}
	if p.peek().is("{") {
		c, err := p.closure()
		return append(args, c), err
	}
	return args, nil
}

func evaluate(f *frame, nodes []*node) ([]any, error) {
	values := make([]any, len(nodes))
	for i, n := range nodes {
		var err error
		if values[i], err = n.eval(f); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// called is name(…) and value(…).
func called(t token, left *node, args []*node) *node {
	if left.name != "" {
		t = left.token
	}
	return here(t, func(f *frame) (any, error) {
		values, err := evaluate(f, args)
		if err != nil {
			return nil, err
		}
		if left.name != "" {
			return f.callName(left.name, values)
		}
		v, err := left.eval(f)
		if err != nil {
			return nil, err
		}
		return f.method(v, "call", values)
	})
}
