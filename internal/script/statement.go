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
	return inOrder(all), nil
}

// inOrder does one after the other; its value is the last one's.
func inOrder(all []eval) eval {
	return func(f *frame) (v any, err error) {
		for _, do := range all {
			if v, err = do(f); err != nil {
				return nil, err
			}
		}
		return v, nil
	}
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
	return inOrder(all), nil
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
