package script

import (
	"errors"
	"slices"
	"strings"
)

// maxNesting is how deep statements and expressions may lie in one another.
const maxNesting = 100

// reader makes functions of the tokens of a Groovy script.
type reader struct {
	tokens  []token
	at      int
	depth   int
	loops   int // around what is read
	methods map[string]*function
	imports map[string]*class
}

func (p *reader) peek() token { return p.tokens[p.at] }

func (p *reader) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *reader) take() token {
	t := p.tokens[p.at]
	if t.kind != endToken {
		p.at++
	}
	return t
}

// accept takes a sign when it is the next token.
func (p *reader) accept(sign string) bool {
	if p.peek().is(sign) {
		p.at++
		return true
	}
	return false
}

func (p *reader) expect(sign string) error {
	if !p.accept(sign) {
		return p.peek().problem("%q is expected, not %s", sign, p.peek())
	}
	return nil
}

func (p *reader) lines() {
	for p.peek().kind == lineToken {
		p.at++
	}
}

// deeper guards the stack; the function it returns goes back up.
func (p *reader) deeper() (func(), error) {
	if p.depth++; p.depth > maxNesting {
		return nil, p.peek().problem("the script lies more than %d deep in itself", maxNesting)
	}
	return func() { p.depth-- }, nil
}

// statements reads up to a token that ends them. Their value is the last one's.
func (p *reader) statements(end func(token) bool) (eval, error) {
	var all []eval
	for {
		for p.peek().kind == lineToken || p.peek().is(";") {
			p.at++
		}
		if end(p.peek()) {
			break
		}
		statement, err := p.statement()
		if err != nil {
			return nil, err
		}
		all = append(all, statement)
		if t := p.peek(); t.kind != lineToken && !t.is(";") && !end(t) {
			return nil, t.problem("the end of the statement is expected, not %s", t)
		}
	}
	return func(f *frame) (v any, err error) {
		for _, do := range all {
			if v, err = do(f); err != nil {
				return nil, err
			}
		}
		return v, nil
	}, nil
}

// block reads { … }, with names of its own.
func (p *reader) block() (eval, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	body, err := p.statements(func(t token) bool { return t.is("}") || t.kind == endToken })
	if err != nil {
		return nil, err
	}
	return func(f *frame) (any, error) { return body(f.inner()) }, p.expect("}")
}

// branch reads what follows if, else and loops: a block or one statement.
func (p *reader) branch() (eval, error) {
	p.lines()
	if p.peek().is("{") {
		return p.block()
	}
	if p.peek().is(";") {
		return func(*frame) (any, error) { return nil, nil }, nil
	}
	return p.statement()
}

// refused are words that begin what the subset lacks.
var refused = map[string]string{
	"class": "a class", "interface": "an interface", "enum": "an enumeration", "trait": "a trait", "package": "a package", "assert": "assert", "goto": "goto",
	"synchronized": "synchronized", "do": "do … while", "static": "static", "abstract": "abstract", "public": "public", "private": "private", "protected": "protected",
	"this": "this", "super": "super", "native": "native", "extends": "extends", "implements": "implements", "const": "const",
}

func (p *reader) statement() (eval, error) {
	up, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer up()
	t := p.peek()
	if t.is("@") {
		return nil, t.unsupported("an annotation")
	}
	if what, ok := refused[t.text]; ok && t.kind == nameToken {
		return nil, t.unsupported(what)
	}
	if t.kind == nameToken {
		if read, ok := map[string]func() (eval, error){
			"import": p.importing, "if": p.branching, "while": p.whileLoop, "for": p.forLoop, "switch": p.switching, "try": p.trying,
			"return": p.leaving, "throw": p.leaving, "break": p.leaving, "continue": p.leaving,
		}[t.text]; ok {
			return read()
		}
	}
	if kind, n := p.declared(); n > 0 {
		p.at += n
		return p.declaration(kind)
	}
	if t.kind == nameToken && p.ahead(1).is(":") {
		return nil, t.unsupported("a label")
	}
	if t.word("println") || t.word("print") {
		if next := p.ahead(1); !next.is("(") && next.kind != lineToken && next.kind != endToken && !next.is(".") && !next.is("=") {
			return p.printing()
		}
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e.eval, nil
}

// printing is println without parentheses.
func (p *reader) printing() (eval, error) {
	p.take()
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return func(f *frame) (any, error) {
		v, err := e.eval(f)
		if err == nil {
			err = f.show([]any{v})
		}
		return nil, err
	}, nil
}

// importing is import a.b.C of a class that is known.
func (p *reader) importing() (eval, error) {
	p.take()
	at := p.peek()
	if at.word("static") {
		return nil, at.unsupported("a static import")
	}
	name := p.take().text
	for p.accept(".") {
		name += "." + p.take().text
	}
	if p.peek().word("as") {
		return nil, p.peek().unsupported("import … as")
	}
	if packages := strings.TrimSuffix(name, ".*"); packages != name {
		if !slices.Contains([]string{"java.util", "java.lang", "java.math", "java.text", "java.io", "java.net"}, packages) {
			return nil, at.unsupported("the package " + packages)
		}
		return func(*frame) (any, error) { return nil, nil }, nil
	}
	c := classes[name]
	if c == nil {
		return nil, at.unsupported("the class " + name)
	}
	p.imports[c.short()] = c
	return func(*frame) (any, error) { return nil, nil }, nil
}

// kinds are the types that a declaration may name, with what a value becomes.
var kinds = map[string]string{
	"def": "", "var": "", "final": "", "Object": "", "void": "", "Date": "", "Closure": "", "Iterable": "", "Exception": "", "Throwable": "", "UUID": "",
	"int": "int", "Integer": "int", "short": "int", "byte": "int", "long": "long", "Long": "long", "BigInteger": "long",
	"float": "double", "double": "double", "Float": "double", "Double": "double", "BigDecimal": "double", "Number": "",
	"boolean": "boolean", "Boolean": "boolean", "String": "String", "GString": "String", "CharSequence": "String", "char": "String",
	"List": "", "ArrayList": "", "LinkedList": "", "Collection": "", "Map": "", "HashMap": "", "LinkedHashMap": "",
}

// declared returns the type of a declaration that begins here and how many tokens it
// takes, 0 when none begins.
func (p *reader) declared() (kind string, n int) {
	if p.peek().kind != nameToken {
		return "", 0
	}
	for p.ahead(n).word("final") || p.ahead(n).word("def") || p.ahead(n).word("var") {
		n++
	}
	marked := n > 0
	t := p.ahead(n)
	k, known := kinds[t.text]
	if known && t.kind == nameToken {
		next := p.generic(n + 1)
		if name := p.ahead(next); name.kind == nameToken && name.text != "in" && name.text != "as" && name.text != "instanceof" {
			return k, next
		}
	}
	if marked {
		return "", n
	}
	return "", 0
}

// generic returns the offset behind <A, B<C>> and [] that begin n tokens ahead.
func (p *reader) generic(n int) int {
	if p.ahead(n).is("<") {
		depth := 0
		for ; ; n++ {
			t := p.ahead(n)
			switch {
			case t.is("<"):
				depth++
			case t.is(">"):
				depth--
			case t.is(">>"):
				depth -= 2
			case t.kind != nameToken && !t.is(",") && !t.is("?") && !t.is("."):
				return n
			}
			if depth <= 0 {
				n++
				break
			}
		}
	}
	if p.ahead(n).is("[") && p.ahead(n+1).is("]") {
		n += 2
	}
	return n
}

// declaration reads name = value, …, or the method whose name comes next.
func (p *reader) declaration(kind string) (eval, error) {
	if p.peek().is("(") {
		return nil, p.peek().unsupported("the declaration of several names in parentheses")
	}
	if p.peek().kind == nameToken && p.ahead(1).is("(") {
		return p.method()
	}
	var all []eval
	for {
		t := p.take()
		if t.kind != nameToken || kinds[t.text] != "" {
			return nil, t.problem("a name is expected, not %s", t)
		}
		if p.peek().kind == nameToken {
			return nil, t.unsupported("the type " + t.text)
		}
		value := &node{eval: func(*frame) (any, error) { return nil, nil }}
		if p.accept("=") {
			var err error
			p.lines()
			if value, err = p.expression(); err != nil {
				return nil, err
			}
		}
		all = append(all, here(t, func(f *frame) (any, error) {
			v, err := value.eval(f)
			if err == nil {
				v, err = cast(kind, v)
			}
			f.declare(t.text, v)
			return v, err
		}).eval)
		if !p.accept(",") {
			break
		}
		p.lines()
	}
	return func(f *frame) (v any, err error) {
		for _, do := range all {
			if v, err = do(f); err != nil {
				return nil, err
			}
		}
		return v, nil
	}, nil
}

// method reads a method of the script. It sees no local names of the script.
func (p *reader) method() (eval, error) {
	name := p.take()
	p.take()
	params, err := p.params(")")
	if err != nil {
		return nil, err
	}
	p.lines()
	body, err := p.functionBody(p.block)
	if err != nil {
		return nil, err
	}
	if p.methods[name.text] != nil {
		return nil, name.unsupported("a second method " + name.text)
	}
	p.methods[name.text] = &function{params: params, body: body}
	return func(*frame) (any, error) { return nil, nil }, nil
}

// functionBody reads a body out of which break and continue do not lead.
func (p *reader) functionBody(read func() (eval, error)) (eval, error) {
	loops := p.loops
	p.loops = 0
	body, err := read()
	p.loops = loops
	return body, err
}

// params reads parameters up to a sign.
func (p *reader) params(end string) ([]param, error) {
	all := []param{}
	for {
		p.lines()
		if p.accept(end) {
			return all, nil
		}
		kind, n := p.declared()
		p.at += n
		t := p.take()
		if t.kind != nameToken {
			return nil, t.problem("the name of a parameter is expected, not %s", t)
		}
		one := param{name: t.text, kind: kind}
		if p.accept("=") {
			var err error
			if one.alternative, err = p.expression(); err != nil {
				return nil, err
			}
		}
		all = append(all, one)
		p.lines()
		if !p.accept(",") && !p.peek().is(end) {
			return nil, p.peek().problem("a comma is expected, not %s", p.peek())
		}
	}
}

// condition reads ( … ).
func (p *reader) condition() (*node, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	return e, p.expect(")")
}

func (p *reader) branching() (eval, error) {
	p.take()
	condition, err := p.condition()
	if err != nil {
		return nil, err
	}
	yes, err := p.branch()
	if err != nil {
		return nil, err
	}
	no := eval(func(*frame) (any, error) { return nil, nil })
	mark := p.at
	for p.peek().kind == lineToken || p.peek().is(";") {
		p.at++
	}
	if p.peek().word("else") {
		p.take()
		if no, err = p.branch(); err != nil {
			return nil, err
		}
	} else {
		p.at = mark
	}
	return func(f *frame) (any, error) {
		v, err := condition.eval(f)
		if err != nil {
			return nil, err
		}
		if truth(v) {
			return yes(f)
		}
		return no(f)
	}, nil
}

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

// leaving reads return, throw, break and continue.
func (p *reader) leaving() (eval, error) {
	t := p.take()
	if t.text == "break" || t.text == "continue" {
		if p.loops == 0 {
			return nil, t.problem("%s stands outside of a loop", t.text)
		}
		if p.peek().kind == nameToken {
			return nil, p.peek().unsupported("a label")
		}
		return func(*frame) (any, error) { return nil, &jump{kind: t.text} }, nil
	}
	value := &node{eval: func(*frame) (any, error) { return nil, nil }}
	if next := p.peek(); next.kind != lineToken && next.kind != endToken && !next.is(";") && !next.is("}") {
		var err error
		if value, err = p.expression(); err != nil {
			return nil, err
		}
	}
	return here(t, func(f *frame) (any, error) {
		v, err := value.eval(f)
		if err != nil {
			return nil, err
		}
		if t.text == "return" {
			return nil, &jump{kind: "return", value: v}
		}
		if x, ok := v.(exception); ok {
			return nil, x.err
		}
		return nil, errors.New("only exceptions can be thrown")
	}).eval, nil
}

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
