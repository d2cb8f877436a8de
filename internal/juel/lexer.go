package juel

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// symbol is the kind of a token.
type symbol uint8

const (
	symEOF symbol = iota
	symText
	symDynamic  // ${
	symDeferred // #{
	symEnd      // }
	symIdentifier
	symString
	symInteger
	symFloat
	symTrue
	symFalse
	symNull
	symPlus
	symMinus
	symMul
	symDiv
	symMod
	symNot
	symAnd
	symOr
	symEmpty
	symInstanceof
	symEq
	symNe
	symLt
	symLe
	symGt
	symGe
	symQuestion
	symColon
	symDot
	symComma
	symLparen
	symRparen
	symLbrack
	symRbrack
)

var keywords = map[string]symbol{
	"true": symTrue, "false": symFalse, "null": symNull, "empty": symEmpty, "not": symNot, "and": symAnd, "or": symOr,
	"div": symDiv, "mod": symMod, "eq": symEq, "ne": symNe, "lt": symLt, "le": symLe, "gt": symGt, "ge": symGe,
	"instanceof": symInstanceof,
}

// operators are what is made of signs, the longer ones first.
var operators = []struct {
	text string
	symbol
}{
	{"==", symEq}, {"!=", symNe}, {"<=", symLe}, {">=", symGe}, {"&&", symAnd}, {"||", symOr},
	{"+", symPlus}, {"-", symMinus}, {"*", symMul}, {"/", symDiv}, {"%", symMod}, {"!", symNot}, {"<", symLt}, {">", symGt},
	{"?", symQuestion}, {":", symColon}, {".", symDot}, {",", symComma},
	{"(", symLparen}, {")", symRparen}, {"[", symLbrack}, {"]", symRbrack},
}

// token is a piece of the input. Its text is what it stands for: a name, digits, a
// string without quotes and escapes.
type token struct {
	symbol
	text     string
	from, to int // offsets in bytes
}

// lexer cuts the input into tokens. Whether text or an expression comes next follows
// from the token before.
type lexer struct {
	input  string
	offset int
	inside bool // between ${ and }
}

func (l *lexer) next() (token, error) {
	if l.inside {
		l.offset += len(l.input[l.offset:]) - len(strings.TrimLeftFunc(l.input[l.offset:], whitespace))
	}
	if l.offset == len(l.input) {
		return token{symbol: symEOF, from: l.offset, to: l.offset}, nil
	}
	t, err := l.scan()
	l.offset = t.to
	return t, err
}

func (l *lexer) scan() (token, error) {
	rest := l.input[l.offset:]
	switch {
	case l.inside && rest[0] == '}':
		l.inside = false
		return l.take(symEnd, "}", 1), nil
	case l.inside:
		return l.scanInside(rest)
	case strings.HasPrefix(rest, "${"):
		l.inside = true
		return l.take(symDynamic, "${", 2), nil
	case strings.HasPrefix(rest, "#{"):
		l.inside = true
		return l.take(symDeferred, "#{", 2), nil
	}
	return l.scanText(rest), nil
}

func (l *lexer) take(s symbol, text string, length int) token {
	return token{symbol: s, text: text, from: l.offset, to: l.offset + length}
}

// scanText reads up to the next ${ or #{ that no backslash stands before. A backslash
// that escapes nothing is kept.
func (l *lexer) scanText(rest string) token {
	var out strings.Builder
	escaped := false
	for i := 0; i < len(rest); i++ {
		c := rest[i]
		opens := (c == '$' || c == '#') && strings.HasPrefix(rest[i+1:], "{")
		switch {
		case c == '\\' && !escaped:
			escaped = true
			continue
		case c == '\\': // stays escaped, as in the original: \\${x} is text too
			out.WriteByte(c)
			continue
		case opens && !escaped:
			return l.take(symText, out.String(), i)
		case escaped && !opens:
			out.WriteByte('\\')
		}
		out.WriteByte(c)
		escaped = false
	}
	if escaped {
		out.WriteByte('\\')
	}
	return l.take(symText, out.String(), len(rest))
}

func (l *lexer) scanInside(rest string) (token, error) {
	c := rest[0]
	switch {
	case c == '"' || c == '\'':
		return l.scanString(rest)
	case digit(c) || c == '.' && len(rest) > 1 && digit(rest[1]):
		return l.scanNumber(rest), nil
	}
	for _, o := range operators {
		if strings.HasPrefix(rest, o.text) {
			return l.take(o.symbol, o.text, len(o.text)), nil
		}
	}
	length := nameLength(rest)
	if length == 0 {
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, l.fail(l.offset, "the character "+quoted(string(r))+" has no meaning here")
	}
	name := rest[:length]
	if keyword, ok := keywords[name]; ok {
		return l.take(keyword, name, length), nil
	}
	return l.take(symIdentifier, name, length), nil
}

// nameLength is the length of the identifier at the front of s, 0 when there is none.
func nameLength(s string) int {
	for i, r := range s {
		if !nameStart(r) && (i == 0 || !namePart(r)) {
			return i
		}
	}
	return len(s)
}

func (l *lexer) scanString(rest string) (token, error) {
	quote := rest[0]
	var out strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote:
			return l.take(symString, out.String(), i+1), nil
		case c != '\\':
			out.WriteByte(c)
		case i+1 < len(rest) && (rest[i+1] == '\\' || rest[i+1] == quote):
			i++
			out.WriteByte(rest[i])
		default:
			return token{}, l.fail(l.offset+i, `in a string a backslash stands before \ or the quote only; write \\ for a backslash`)
		}
	}
	return token{}, l.fail(l.offset, "the string that begins here has no end; it needs a closing "+string(quote))
}

func (l *lexer) scanNumber(rest string) token {
	s, i := symInteger, digits(rest, 0)
	if i < len(rest) && rest[i] == '.' {
		s, i = symFloat, digits(rest, i+1)
	}
	if i < len(rest) && (rest[i] == 'e' || rest[i] == 'E') {
		from := i + 1
		if from < len(rest) && (rest[from] == '+' || rest[from] == '-') {
			from++
		}
		if to := digits(rest, from); to > from {
			s, i = symFloat, to
		}
	}
	return l.take(s, rest[:i], i)
}

// digits returns the offset behind the digits that begin at from.
func digits(s string, from int) int {
	for from < len(s) && digit(s[from]) {
		from++
	}
	return from
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// whitespace is Character.isWhitespace of Java.
func whitespace(r rune) bool {
	switch r {
	case 0x85, 0xA0, 0x2007, 0x202F:
		return false
	case 0x1C, 0x1D, 0x1E, 0x1F:
		return true
	}
	return unicode.IsSpace(r)
}

// nameStart and namePart are Java's rules for identifiers.
func nameStart(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.In(r, unicode.Nl, unicode.Sc, unicode.Pc))
}

func namePart(r rune) bool {
	return r != utf8.RuneError && unicode.In(r, unicode.Nd, unicode.Mn, unicode.Mc)
}

func (l *lexer) fail(offset int, message string) error {
	return &SyntaxError{Text: l.input, Position: position(l.input, offset), Message: message}
}

// quoted shows a piece of an expression in an error.
func quoted(s string) string { return "“" + shorten(s) + "”" }
