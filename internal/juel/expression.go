package juel

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits. What is over one of them is refused with an error that says so.
const (
	MaxLength = 256 << 10 // bytes of an expression, its text included
	MaxDepth  = 500       // levels of operators, parentheses and members
	MaxSteps  = 1_000_000 // work of one evaluation; a step is one operation or 64 bytes
	MaxText   = 4 << 20   // bytes of a text that an expression builds
)

// What an EvalError may be about, for errors.Is.
var (
	ErrUnknownVariable = errors.New("there is no variable of that name")
	ErrNoProperty      = errors.New("there is no such property")
	ErrNoMethod        = errors.New("there is no such method")
	ErrForbidden       = errors.New("expressions cannot reach classes or anything behind them")
	ErrLimit           = errors.New("the expression is over its limits")
)

// SyntaxError says why a text is no expression.
type SyntaxError struct {
	Text     string // the whole expression
	Position int    // the character at which it goes wrong, from 0
	Message  string // what is wrong, and what was expected
}

// Error returns expression, position and message.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("parsing expression %q: at character %d: %s", shorten(e.Text), e.Position+1, e.Message)
}

// EvalError says why an expression has no value. Values of variables are not in it.
type EvalError struct {
	Expression string // the whole expression
	Position   int    // the character of the part that failed, from 0
	Cause      error  // what happened
}

// Error returns expression, position and cause.
func (e *EvalError) Error() string {
	return fmt.Sprintf("evaluating expression %q: at character %d: %s", shorten(e.Expression), e.Position+1, e.Cause)
}

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Cause }

// shorten keeps a long expression from filling a log.
func shorten(text string) string {
	const most = 300
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// Scope is where an expression finds its variables and beans.
type Scope interface {
	// Lookup returns the value of a name; false when there is none, which is an
	// error of the expression. A name whose value is nil exists.
	Lookup(name string) (value any, ok bool)
}

// Setter is a Scope whose names can be assigned to.
type Setter interface {
	Set(name string, value any) error
}

// Object is a value with members of its own, as the engine offers them. It decides
// alone what can be reached. When Call knows no method getX or isX without
// arguments, the property x is taken.
type Object interface {
	// Property returns the value of a property; false when there is none.
	Property(name string) (value any, ok bool, err error)
	// Call calls a method; the error is ErrNoMethod when there is none of that name
	// and number of arguments.
	Call(method string, args []any) (any, error)
}

// PropertySetter is an Object whose properties can be assigned to.
type PropertySetter interface {
	SetProperty(name string, value any) error
}

// Expression is a parsed text: literal text, one ${…} or #{…}, or several of them
// with text between. It is immutable and may be used by many goroutines.
type Expression struct {
	text      string
	root      *node
	variables []string
}

// Parse reads a text. The error is a *SyntaxError.
func Parse(text string) (*Expression, error) {
	p := parser{lexer: lexer{input: text}}
	if len(text) > MaxLength {
		return nil, &SyntaxError{Text: text, Message: fmt.Sprintf("the expression has %d bytes, %d are allowed", len(text), MaxLength)}
	}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Expression{text: text, root: root, variables: p.variables}, nil
}

// Text returns the text that was parsed.
func (e *Expression) Text() string { return e.text }

// Literal returns the text that the expression stands for, escapes resolved, and
// true when nothing in it is evaluated.
func (e *Expression) Literal() (string, bool) {
	if e.root.kind != kindText {
		return "", false
	}
	text, _ := e.root.value.(string)
	return text, true
}

// Variables returns the names that the expression looks up in its scope, each once,
// in the order in which they appear.
func (e *Expression) Variables() []string { return slices.Clone(e.variables) }

// Eval returns the value of the expression. Text with ${…} in it has a string as its
// value. The error is an *EvalError.
func (e *Expression) Eval(s Scope) (any, error) {
	r := run{expression: e, scope: s, left: MaxSteps}
	return r.eval(e.root)
}

// position turns an offset in bytes into one in characters.
func position(text string, offset int) int {
	return utf8.RuneCountInString(text[:min(offset, len(text))])
}
