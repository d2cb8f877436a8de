package script

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenKind says what a piece of Groovy is.
type tokenKind int

const (
	endToken tokenKind = iota
	lineToken
	nameToken
	numberToken
	textToken // with parts when it is a GString
	signToken // operators and brackets
)

type token struct {
	kind         tokenKind
	text         string // of names and signs
	value        any    // of numbers and texts
	parts        []part
	line, column int
}

func (t token) is(sign string) bool { return t.kind == signToken && t.text == sign }

func (t token) word(name string) bool { return t.kind == nameToken && t.text == name }

// String names a token for errors.
func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end of the script"
	case lineToken:
		return "the end of the line"
	case textToken:
		return "a text"
	case numberToken:
		return "a number"
	}
	return fmt.Sprintf("%q", t.text)
}

func (t token) problem(format string, args ...any) *Problem {
	return &Problem{Line: t.line, Column: t.column, Message: fmt.Sprintf(format, args...)}
}

// unsupported says that the subset lacks something.
func (t token) unsupported(what string) *Problem {
	return t.problem("%s is not among the Groovy that is supported here", what)
}

// part is a piece of a GString: text, or the tokens of ${…}.
type part struct {
	text   string
	tokens []token
}

// lexer cuts Groovy into tokens.
type lexer struct {
	source       string
	at           int
	line, column int
	open         []byte // brackets; line ends count in { } only
	tokens       []token
	depth        int // of GStrings in GStrings
}

var signs = []string{
	"<=>", "===", "!==", "==~", "**=", ">>>", "<<=", ">>=", "..<", "...",
	"==", "!=", "<=", ">=", "&&", "||", "++", "--", "+=", "-=", "*=", "/=", "%=", "?.", "?:", "?=", "->", "..", "**", "<<", ">>", "=~", "*.", ".&", ".@", "::",
	"+", "-", "*", "/", "%", "=", "<", ">", "!", "?", ":", ".", ",", ";", "(", ")", "[", "]", "{", "}", "&", "|", "^", "~", "@",
}

// lex reads all tokens up to the end, or to the } that ends a piece of a GString.
func (l *lexer) lex(nested bool) ([]token, error) {
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		start := token{line: l.line, column: l.column}
		rest := l.source[l.at:]
		if rest == "" {
			if nested {
				return nil, start.problem("${ is not closed")
			}
			return append(l.tokens, start), nil
		}
		if nested && rest[0] == '}' && len(l.open) == 0 {
			l.step(1)
			return append(l.tokens, start), nil
		}
		t, err := l.next(start, rest)
		if err != nil {
			return nil, err
		}
		l.tokens = append(l.tokens, t)
	}
}

// step goes n bytes on.
func (l *lexer) step(n int) {
	for _, r := range l.source[l.at : l.at+n] {
		l.column++
		if r == '\n' {
			l.line, l.column = l.line+1, 1
		}
	}
	l.at += n
}

// space skips white space, comments, and the ends of lines where they do not count.
func (l *lexer) space() error {
	for l.at < len(l.source) {
		rest := l.source[l.at:]
		inside := len(l.open) > 0 && l.open[len(l.open)-1] != '{'
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\f' || rest[0] == '\n' && inside:
			l.step(1)
		case strings.HasPrefix(rest, "\\\n"):
			l.step(2)
		case strings.HasPrefix(rest, "//"), l.at == 0 && strings.HasPrefix(rest, "#!"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.step(end)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return token{line: l.line, column: l.column}.problem("the comment is not closed")
			}
			l.step(end + 4)
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) next(t token, rest string) (token, error) {
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\n':
		l.step(1)
		t.kind = lineToken
		return t, nil
	case r == '_' || r == '$' || unicode.IsLetter(r):
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && r != '$' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(rest)
		}
		l.step(end)
		t.kind, t.text = nameToken, rest[:end]
		return t, nil
	case r >= '0' && r <= '9':
		return l.number(t, rest)
	case r == '\'' || r == '"':
		return l.quoted(t, rest)
	case r == '/' && !l.afterOperand():
		return t, t.unsupported("a text between slashes")
	}
	for _, sign := range signs {
		if strings.HasPrefix(rest, sign) {
			return l.sign(t, sign)
		}
	}
	return t, t.problem("the character %q has no meaning here", r)
}

func (l *lexer) sign(t token, sign string) (token, error) {
	switch sign {
	case "(", "[", "{":
		l.open = append(l.open, sign[0])
	case ")", "]", "}":
		want := map[string]byte{")": '(', "]": '[', "}": '{'}[sign]
		if len(l.open) == 0 || l.open[len(l.open)-1] != want {
			return t, t.problem("%q closes nothing", sign)
		}
		l.open = l.open[:len(l.open)-1]
	}
	l.step(len(sign))
	t.kind, t.text = signToken, sign
	return t, nil
}

// afterOperand reports whether the token before is one that can be divided.
func (l *lexer) afterOperand() bool {
	if len(l.tokens) == 0 {
		return false
	}
	last := l.tokens[len(l.tokens)-1]
	switch last.kind {
	case nameToken:
		return last.text != "return" && last.text != "in"
	case numberToken, textToken:
		return true
	}
	return last.is(")") || last.is("]") || last.is("}")
}

func (l *lexer) number(t token, rest string) (token, error) {
	t.kind = numberToken
	end := 0
	hex := strings.HasPrefix(rest, "0x") || strings.HasPrefix(rest, "0X")
	for end < len(rest) {
		c := rest[end]
		digit := c >= '0' && c <= '9' || c == '_'
		letter := c|32 >= 'a' && c|32 <= 'z'
		fraction := c == '.' && !hex && end+1 < len(rest) && rest[end+1] >= '0' && rest[end+1] <= '9' && !strings.Contains(rest[:end], ".")
		exponent := (c == '-' || c == '+') && !hex && end > 0 && rest[end-1]|32 == 'e'
		if !digit && !letter && !fraction && !exponent {
			break
		}
		end++
	}
	l.step(end)
	var ok bool
	if t.value, ok = numeral(strings.ReplaceAll(rest[:end], "_", ""), hex); !ok {
		return t, t.problem("%.40q is not a number that is supported here", rest[:end])
	}
	return t, nil
}

// numeral reads a number as Java has it: Integer when it fits, else Long; with a
// fraction or exponent a Double. Octal numbers are refused.
func numeral(text string, hex bool) (any, bool) {
	last := text[len(text)-1] | 32
	long := last == 'l'
	if !hex && (last == 'd' || last == 'f' || last == 'g' && strings.Contains(text, ".")) || strings.ContainsAny(text, ".") || !hex && strings.ContainsAny(text, "eE") {
		f, err := strconv.ParseFloat(strings.TrimRight(text, "dDfFgG"), 64)
		return f, err == nil
	}
	text = strings.TrimRight(text, "lLiI")
	if len(text) > 1 && text[0] == '0' && !hex {
		return nil, false
	}
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		return nil, false
	}
	if long {
		return n, true
	}
	return narrow(n), true
}

// quoted reads 'a', "a", triple quotes, and in double quotes $a.b and ${…}.
func (l *lexer) quoted(t token, rest string) (token, error) {
	t.kind = textToken
	quote := rest[:1]
	if strings.HasPrefix(rest, strings.Repeat(quote, 3)) {
		quote = rest[:3]
	}
	l.step(len(quote))
	var out strings.Builder
	for {
		rest = l.source[l.at:]
		switch {
		case rest == "" || rest[0] == '\n' && len(quote) == 1:
			return t, t.problem("the text is not closed")
		case strings.HasPrefix(rest, quote):
			l.step(len(quote))
			if t.parts != nil {
				t.parts = append(t.parts, part{text: out.String()})
			}
			t.value = out.String()
			return t, nil
		case rest[0] == '\\':
			if err := l.escape(&out, rest); err != nil {
				return t, err
			}
		case rest[0] == '$' && quote[0] == '"':
			tokens, err := l.inserted(rest)
			if err != nil {
				return t, err
			}
			t.parts = append(t.parts, part{text: out.String()}, part{tokens: tokens})
			out.Reset()
		default:
			_, n := utf8.DecodeRuneInString(rest)
			out.WriteString(rest[:n])
			l.step(n)
		}
	}
}

func (l *lexer) escape(out *strings.Builder, rest string) error {
	here := token{line: l.line, column: l.column}
	if len(rest) < 2 {
		return here.problem("the text is not closed")
	}
	if rest[1] == 'u' && len(rest) >= 6 {
		n, err := strconv.ParseUint(rest[2:6], 16, 32)
		if err != nil {
			return here.problem(`after \u come four hexadecimal digits`)
		}
		out.WriteRune(rune(n))
		l.step(6)
		return nil
	}
	plain, ok := map[byte]string{'n': "\n", 't': "\t", 'r': "\r", 'b': "\b", 'f': "\f", '\\': "\\", '\'': "'", '"': "\"", '$': "$", '\n': ""}[rest[1]]
	if !ok {
		return here.problem("a text has no escape %q", rest[:2])
	}
	out.WriteString(plain)
	l.step(2)
	return nil
}

// inserted reads ${…}, or $a.b, up to its end.
func (l *lexer) inserted(rest string) ([]token, error) {
	here := token{line: l.line, column: l.column}
	if strings.HasPrefix(rest, "${") {
		if l.depth > 5 {
			return nil, here.problem("texts lie too deep in one another")
		}
		l.step(2)
		inner := lexer{source: l.source, at: l.at, line: l.line, column: l.column, depth: l.depth + 1}
		tokens, err := inner.lex(true)
		l.at, l.line, l.column = inner.at, inner.line, inner.column
		return tokens, err
	}
	l.step(1)
	var tokens []token
	for {
		rest = l.source[l.at:]
		end := strings.IndexFunc(rest, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if end < 0 {
			end = len(rest)
		}
		if end == 0 || rest[0] >= '0' && rest[0] <= '9' {
			return nil, here.problem(`in double quotes a $ stands before a name or {; else write \$`)
		}
		tokens = append(tokens, token{kind: nameToken, text: rest[:end], line: l.line, column: l.column})
		l.step(end)
		next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(l.source[l.at:], "."))
		if !strings.HasPrefix(l.source[l.at:], ".") || next != '_' && !unicode.IsLetter(next) {
			return append(tokens, token{line: l.line, column: l.column}), nil
		}
		tokens = append(tokens, token{kind: signToken, text: ".", line: l.line, column: l.column})
		l.step(1)
	}
}
