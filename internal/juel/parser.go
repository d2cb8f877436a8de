package juel

import (
	"fmt"
	"slices"
	"strconv"
)

// kind is what a node does.
type kind uint8

const (
	kindText kind = iota // text outside of ${}
	kindComposite
	kindLiteral
	kindIdentifier
	kindMember // left.name or left[right]
	kindMethod // left.name(args) or left[right](args)
	kindUnary
	kindBinary
	kindChoice
)

// node is a part of an expression. Which fields are set follows from its kind.
type node struct {
	kind
	symbol             // of an operator
	offset      int    // in bytes, for errors
	depth       int    // levels below and with this one
	name        string // of an identifier, a property or a method
	value       any    // of a literal or text
	left, right *node
	kids        []*node // arguments; parts of a composite; the two branches of a choice
}

// parser reads by recursive descent, one token ahead (three to tell a function).
type parser struct {
	lexer
	token
	ahead     []token
	depth     int
	variables []string
}

// parse reads text? (eval text?)*; all evals of a text begin alike.
func (p *parser) parse() (*node, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	var parts []*node
	opening := symEOF
	for p.symbol != symEOF {
		part, err := p.part(&opening)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	switch len(parts) {
	case 0:
		return &node{kind: kindText, value: ""}, nil
	case 1:
		return parts[0], nil
	}
	return &node{kind: kindComposite, kids: parts}, nil
}

func (p *parser) part(opening *symbol) (*node, error) {
	if p.symbol == symText {
		n := &node{kind: kindText, value: p.text, offset: p.from}
		return n, p.advance()
	}
	if *opening != symEOF && p.symbol != *opening {
		return nil, p.fail(p.from, "${ and #{ cannot be mixed in one text; use one of them throughout")
	}
	*opening = p.symbol
	if err := p.advance(); err != nil {
		return nil, err
	}
	n, err := p.expression()
	if err != nil {
		return nil, err
	}
	return n, p.expect(symEnd, "an operator or }")
}

// advance takes the next token.
func (p *parser) advance() (err error) {
	if len(p.ahead) > 0 {
		p.token, p.ahead = p.ahead[0], p.ahead[1:]
		return nil
	}
	p.token, err = p.next()
	return err
}

// peek returns a token behind the current one.
func (p *parser) peek(i int) (symbol, error) {
	for len(p.ahead) <= i {
		t, err := p.next()
		if err != nil {
			return 0, err
		}
		p.ahead = append(p.ahead, t)
	}
	return p.ahead[i].symbol, nil
}

func (p *parser) expect(s symbol, what string) error {
	if p.symbol != s {
		return p.unexpected(what)
	}
	return p.advance()
}

func (p *parser) unexpected(what string) error {
	if p.symbol == symEOF {
		return p.fail(p.from, "the expression ends too early; "+what+" is expected")
	}
	return p.fail(p.from, quoted(p.input[p.from:p.to])+" does not belong here; "+what+" is expected")
}

// enter counts how deep the parser is in itself.
func (p *parser) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.tooDeep(p.from)
	}
	return nil
}

func (p *parser) tooDeep(offset int) error {
	return p.fail(offset, fmt.Sprintf("the expression has more than %d levels; divide it", MaxDepth))
}

// grow finishes a node that has children: chains such as a+b+c are deep without
// the parser being so.
func (p *parser) grow(n *node) (*node, error) {
	deepest := 0
	for _, kid := range n.kids {
		deepest = max(deepest, kid.depth)
	}
	for _, kid := range []*node{n.left, n.right} {
		if kid != nil {
			deepest = max(deepest, kid.depth)
		}
	}
	if n.depth = deepest + 1; n.depth > MaxDepth {
		return nil, p.tooDeep(n.offset)
	}
	return n, nil
}

// expression reads or ('?' expression ':' expression)?
func (p *parser) expression() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	n, err := p.binary(0)
	if err != nil || p.symbol != symQuestion {
		return n, err
	}
	choice := &node{kind: kindChoice, offset: p.from, left: n, kids: make([]*node, 2)}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if choice.kids[0], err = p.expression(); err != nil {
		return nil, err
	}
	if err := p.expect(symColon, "“:” and the other value of the choice"); err != nil {
		return nil, err
	}
	if choice.kids[1], err = p.expression(); err != nil {
		return nil, err
	}
	return p.grow(choice)
}

// levels are the binary operators from those that bind least to those that bind most.
var levels = [][]symbol{
	{symOr},
	{symAnd},
	{symEq, symNe},
	{symLt, symLe, symGt, symGe},
	{symPlus, symMinus},
	{symMul, symDiv, symMod},
}

func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	n, err := p.binary(level + 1)
	for err == nil && slices.Contains(levels[level], p.symbol) {
		op := &node{kind: kindBinary, symbol: p.symbol, offset: p.from, left: n}
		if err = p.advance(); err != nil {
			break
		}
		if op.right, err = p.binary(level + 1); err != nil {
			break
		}
		n, err = p.grow(op)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (p *parser) unary() (*node, error) {
	if p.symbol != symNot && p.symbol != symMinus && p.symbol != symEmpty {
		return p.value()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	n := &node{kind: kindUnary, symbol: p.symbol, offset: p.from}
	err := p.advance()
	if err != nil {
		return nil, err
	}
	if n.left, err = p.unary(); err != nil {
		return nil, err
	}
	return p.grow(n)
}

// value reads a literal, a name or parentheses with the members behind them.
func (p *parser) value() (*node, error) {
	n, err := p.primary()
	for err == nil && (p.symbol == symDot || p.symbol == symLbrack) {
		n, err = p.member(n)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

func (p *parser) member(base *node) (*node, error) {
	n := &node{kind: kindMember, left: base, offset: p.from}
	bracket := p.symbol == symLbrack
	err := p.advance()
	if err != nil {
		return nil, err
	}
	if bracket {
		if n.right, err = p.expression(); err != nil {
			return nil, err
		}
		err = p.expect(symRbrack, "an operator or “]”")
	} else {
		n.name, n.offset = p.text, p.from
		err = p.expect(symIdentifier, "the name of a property or method")
	}
	if err != nil {
		return nil, err
	}
	if p.symbol == symLparen {
		n.kind = kindMethod
		if n.kids, err = p.arguments(); err != nil {
			return nil, err
		}
	}
	return p.grow(n)
}

func (p *parser) arguments() ([]*node, error) {
	var args []*node
	if err := p.advance(); err != nil {
		return nil, err
	}
	for p.symbol != symRparen {
		if len(args) > 0 {
			if err := p.expect(symComma, "“,” or “)”"); err != nil {
				return nil, err
			}
		}
		arg, err := p.expression()
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
	}
	return args, p.advance()
}

// primary reads what stands at the beginning of a value.
func (p *parser) primary() (*node, error) {
	n := &node{kind: kindLiteral, offset: p.from, depth: 1}
	switch p.symbol {
	case symTrue, symFalse:
		n.value = p.symbol == symTrue
	case symNull:
	case symString:
		n.value = p.text
	case symInteger:
		number, err := strconv.ParseInt(p.text, 10, 64)
		if err != nil {
			return nil, p.fail(p.from, "the number is larger than 64 bits can hold; write it with a decimal point")
		}
		n.value = number
	case symFloat:
		number, err := parseDouble(p.text)
		if err != nil {
			return nil, p.fail(p.from, err.Error())
		}
		n.value = number
	case symIdentifier:
		return p.identifier(n)
	case symLparen:
		if err := p.advance(); err != nil {
			return nil, err
		}
		n, err := p.expression()
		if err != nil {
			return nil, err
		}
		return n, p.expect(symRparen, "an operator or “)”")
	default:
		return nil, p.unexpected("a value (a name, a string, a number, true, false, null, -, !, not, empty or “(”)")
	}
	return n, p.advance()
}

func (p *parser) identifier(n *node) (*node, error) {
	if err := p.noFunction(); err != nil {
		return nil, err
	}
	n.kind, n.name = kindIdentifier, p.text
	if !slices.Contains(p.variables, n.name) {
		p.variables = append(p.variables, n.name)
	}
	return n, p.advance()
}

// noFunction refuses name(…) and prefix:name(…): no functions are defined.
func (p *parser) noFunction() error {
	next, err := p.peek(0)
	if err != nil {
		return err
	}
	function := next == symLparen
	if next == symColon {
		if next, err = p.peek(1); err == nil && next == symIdentifier {
			next, err = p.peek(2)
			function = next == symLparen
		}
		if err != nil {
			return err
		}
	}
	if function {
		return p.fail(p.from, "there are no functions; call a method of a variable or bean, as in "+quoted("name.method()"))
	}
	return nil
}
