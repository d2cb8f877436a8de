package script

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// primary reads a value: a literal, a name, new, a cast, parentheses, a closure.
func (p *reader) primary() (*node, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	t := p.peek()
	switch {
	case t.kind == numberToken:
		p.take()
		return here(t, func(*frame) (any, error) { return t.value, nil }), nil
	case t.kind == textToken:
		p.take()
		return p.gstring(t)
	case t.is("("):
		return p.parentheses()
	case t.is("["):
		return p.collection()
	case t.is("{"):
		return p.closure()
	case t.word("new"):
		return p.creation()
	case t.kind == nameToken:
		return p.naming()
	}
	return nil, t.problem("a value is expected, not %s", t)
}

// gstring makes a text of its parts. What a part gives is put in as it is: a text
// with ${…} in it stays one.
func (p *reader) gstring(t token) (*node, error) {
	if t.parts == nil {
		return here(t, func(*frame) (any, error) { return t.value, nil }), nil
	}
	pieces := make([]eval, len(t.parts))
	for i, piece := range t.parts {
		if piece.tokens == nil {
			pieces[i] = func(*frame) (any, error) { return piece.text, nil }
			continue
		}
		inner := &reader{tokens: piece.tokens, depth: p.depth, methods: p.methods, imports: p.imports}
		inner.lines()
		e, err := inner.expression()
		if err != nil {
			return nil, err
		}
		if inner.lines(); inner.peek().kind != endToken {
			return nil, inner.peek().problem("the end of ${} is expected, not %s", inner.peek())
		}
		pieces[i] = e.eval
	}
	return here(t, func(f *frame) (any, error) {
		var out strings.Builder
		for _, piece := range pieces {
			v, err := piece(f)
			if err != nil {
				return nil, err
			}
			shown, err := text(v)
			if err != nil {
				return nil, err
			}
			if out.Len()+len(shown) > maxLength {
				return nil, tooMuch("a text is longer than %d bytes", maxLength)
			}
			out.WriteString(shown)
		}
		return out.String(), nil
	}), nil
}

// parentheses reads (a), or a cast: (int) a.
func (p *reader) parentheses() (*node, error) {
	open := p.take()
	if kind, known := kinds[p.peek().text]; known && p.peek().kind == nameToken {
		end := p.generic(1)
		next := p.ahead(end + 1)
		operand := next.kind == nameToken && precedence[next.text] == 0 || next.kind == numberToken || next.kind == textToken || next.is("(") || next.is("[")
		if p.ahead(end).is(")") && operand {
			p.at += end + 1
			value, err := p.unary()
			if err != nil {
				return nil, err
			}
			return here(open, func(f *frame) (any, error) {
				v, err := value.eval(f)
				if err != nil {
					return nil, err
				}
				return cast(kind, v)
			}), nil
		}
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.peek().is(",") {
		return nil, p.peek().unsupported("several values in parentheses")
	}
	return &node{token: open, eval: e.eval}, p.expect(")")
}

// collection reads [a, b], [a: 1] and [:].
func (p *reader) collection() (*node, error) {
	open := p.take()
	if p.accept(":") {
		return here(open, func(*frame) (any, error) { return newDict(), nil }), p.expect("]")
	}
	var keys, values []*node
	for !p.accept("]") {
		item, err := p.expression()
		if err != nil {
			return nil, err
		}
		if p.accept(":") {
			if name := item; name.name != "" {
				item = here(name.token, func(*frame) (any, error) { return name.name, nil })
			}
			if len(keys) < len(values) {
				return nil, p.peek().problem("a list or a map is expected, not both")
			}
			keys = append(keys, item)
			if item, err = p.expression(); err != nil {
				return nil, err
			}
		} else if keys != nil {
			return nil, p.peek().problem("a list or a map is expected, not both")
		}
		values = append(values, item)
		if !p.accept(",") && !p.peek().is("]") {
			return nil, p.peek().problem("a comma is expected, not %s", p.peek())
		}
	}
	return here(open, func(f *frame) (any, error) {
		all, err := evaluate(f, values)
		if keys == nil || err != nil {
			return &list{items: all}, err
		}
		names, err := evaluate(f, keys)
		if err != nil {
			return nil, err
		}
		d := newDict()
		for i, name := range names {
			key, err := keyOf(name)
			if err == nil {
				err = d.put(key, all[i])
			}
			if err != nil {
				return nil, err
			}
		}
		return d, nil
	}), nil
}

// closure reads { a, b -> … }, or { … } with it.
func (p *reader) closure() (*node, error) {
	open := p.take()
	fn := &function{}
	if p.hasParams() {
		var err error
		if fn.params, err = p.params("->"); err != nil {
			return nil, err
		}
	}
	body, err := p.functionBody(func() (eval, error) {
		return p.statements(func(t token) bool { return t.is("}") || t.kind == endToken })
	})
	if err != nil {
		return nil, err
	}
	fn.body = body
	return here(open, func(f *frame) (any, error) { return &closure{fn, f}, nil }), p.expect("}")
}

// hasParams looks for -> before anything that is no parameter.
func (p *reader) hasParams() bool {
	for n := 0; ; n++ {
		t := p.ahead(n)
		switch {
		case t.is("->"):
			return true
		case t.kind == nameToken, t.kind == lineToken, t.kind == numberToken, t.kind == textToken:
		case t.is(","), t.is("="), t.is("<"), t.is(">"), t.is("["), t.is("]"):
		default:
			return false
		}
	}
}

// creation reads new C(…).
func (p *reader) creation() (*node, error) {
	p.take()
	at := p.peek()
	name := p.take().text
	for p.accept(".") {
		name += "." + p.take().text
	}
	p.at += p.generic(0)
	c := p.class(name)
	if c == nil || c.make == nil {
		return nil, at.unsupported("new " + name)
	}
	args, err := p.arguments()
	return here(at, func(f *frame) (any, error) {
		values, err := evaluate(f, args)
		if err != nil {
			return nil, err
		}
		return c.construct(f.run, values)
	}), err
}

func (p *reader) class(name string) *class {
	if c := p.imports[name]; c != nil {
		return c
	}
	if name == "BpmnError" {
		return nil // has to be imported, as in the original
	}
	return known(name)
}

// naming reads a name, a constant, or a class with its package.
func (p *reader) naming() (*node, error) {
	t := p.take()
	switch t.text {
	case "true", "false":
		return here(t, func(*frame) (any, error) { return t.text == "true", nil }), nil
	case "null":
		return here(t, func(*frame) (any, error) { return nil, nil }), nil
	}
	if what, ok := refused[t.text]; ok {
		return nil, t.unsupported(what)
	}
	if (t.text == "java" || t.text == "javax" || t.text == "groovy" || t.text == "org" || t.text == "com") && p.peek().is(".") {
		return p.qualified(t)
	}
	c := p.class(t.text)
	n := here(t, func(f *frame) (any, error) {
		v, err := f.value(t.text)
		if err != nil && c != nil {
			return c, nil
		}
		return v, err
	})
	if c == nil && forbiddenClass(t.text) && p.peek().is(".") {
		return nil, t.unsupported("the class " + t.text)
	}
	n.name = t.text
	n.set = func(f *frame, value any) error {
		f.give(t.text, value)
		return nil
	}
	return n, nil
}

// forbiddenClass reports whether a name is a class that Groovy knows without import,
// and that no script gets here.
func forbiddenClass(name string) bool {
	switch name {
	case "Runtime", "Process", "ProcessBuilder", "Thread", "Class", "ClassLoader", "File", "URL", "URI", "Socket", "GroovyShell", "Eval", "Binding", "Object", "Locale", "Calendar", "Collections":
		return true
	}
	return false
}

// qualified reads a.b.C.
func (p *reader) qualified(t token) (*node, error) {
	name := t.text
	for p.peek().is(".") {
		p.take()
		part := p.take()
		name += "." + part.text
		if c := classes[name]; c != nil {
			return here(t, func(*frame) (any, error) { return c, nil }), nil
		}
		if part.text == "" || unicode.IsUpper(rune(part.text[0])) {
			break
		}
	}
	return nil, t.unsupported("the class " + name)
}

// callName calls what a name stands for: a closure, a method of the script, or what
// Groovy has everywhere.
func (f *frame) callName(name string, args []any) (any, error) {
	if c, ok := f.local(name).(*closure); ok {
		return c.call(args...)
	}
	if fn := f.methods[name]; fn != nil {
		return (&closure{fn, &frame{machine: f.machine}}).call(args...)
	}
	switch {
	case name == "println" || name == "print":
		return nil, f.show(args)
	case f.local(name) != nil:
		return nil, fmt.Errorf("%s is not a closure", name)
	}
	return nil, fmt.Errorf("there is no method %q", name)
}

func (f *frame) local(name string) any {
	if owner := f.owner(name); owner != nil {
		return owner.names[name]
	}
	return f.assigned[name]
}

func (f *frame) show(args []any) error {
	if len(args) > 1 {
		return errors.New("println writes one value")
	}
	line := ""
	if len(args) == 1 {
		var err error
		if line, err = text(args[0]); err != nil {
			return err
		}
	}
	f.print(line)
	return nil
}
