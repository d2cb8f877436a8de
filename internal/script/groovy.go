package script

import (
	"errors"
	"fmt"
)

// groovy is a script of the subset, made into functions of Go.
type groovy struct {
	main    eval
	methods map[string]*function
}

func compileGroovy(source string) (body, error) {
	l := lexer{source: source, line: 1, column: 1}
	tokens, err := l.lex(false)
	if err != nil {
		return nil, err
	}
	if len(l.open) > 0 {
		return nil, tokens[len(tokens)-1].problem("%q is not closed", string(l.open[len(l.open)-1]))
	}
	p := &reader{tokens: tokens, methods: map[string]*function{}, imports: map[string]*class{}}
	main, err := p.statements(func(t token) bool { return t.kind == endToken })
	if err != nil {
		return nil, err
	}
	return &groovy{main: main, methods: p.methods}, nil
}

func (g *groovy) run(r *run) (any, error) {
	m := &machine{run: r, methods: g.methods}
	v, err := g.main(&frame{machine: m, names: map[string]any{}})
	var jump *jump
	if errors.As(err, &jump) {
		v, err = jump.value, nil // return; break and continue were refused
	}
	if err != nil {
		return nil, err
	}
	if _, ok := v.(*closure); ok {
		return nil, nil
	}
	return leave(v)
}

// machine is one run of a Groovy script.
type machine struct {
	*run
	methods map[string]*function
	steps   int
	depth   int
}

// frame are the names of a block and of those around it.
type frame struct {
	*machine
	names map[string]any
	up    *frame
}

func (f *frame) inner() *frame { return &frame{machine: f.machine, up: f} }

func (f *frame) declare(name string, value any) {
	if f.names == nil {
		f.names = map[string]any{}
	}
	f.names[name] = value
}

// owner returns the frame that declares a name, nil when none does.
func (f *frame) owner(name string) *frame {
	for ; f != nil; f = f.up {
		if _, ok := f.names[name]; ok {
			return f
		}
	}
	return nil
}

// value is what a name stands for: a local name, what the script gave an undeclared
// one, a variable or bean, a method of the script, a class.
func (f *frame) value(name string) (any, error) {
	if owner := f.owner(name); owner != nil {
		return owner.names[name], nil
	}
	if v, ok := f.assigned[name]; ok {
		return v, nil
	}
	if v, ok := f.lookup(name); ok {
		return v, nil
	}
	if name == "out" {
		return output{}, nil
	}
	return nil, fmt.Errorf("there is no variable %q", name)
}

func (f *frame) give(name string, value any) {
	if owner := f.owner(name); owner != nil {
		owner.names[name] = value
		return
	}
	f.assign(name, value)
}

// eval is a statement or expression.
type eval func(f *frame) (any, error)

// node is an expression with what an assignment to it does.
type node struct {
	token
	eval eval
	set  func(f *frame, value any) error // nil: nothing can be assigned to it
	name string                          // of a name that stands alone
}

// jump is how break, continue and return leave.
type jump struct {
	kind  string
	value any
}

func (*jump) Error() string { return "a jump" }

// here makes a node whose errors say where they come from, and which counts as work.
func here(t token, do eval) *node {
	return &node{token: t, eval: func(f *frame) (any, error) {
		if f.steps++; f.steps%256 == 0 {
			if err := f.over(); err != nil {
				return nil, placed(t, err)
			}
		}
		v, err := do(f)
		return v, placed(t, err)
	}}
}

// placed adds a place to an error that has none.
func placed(t token, err error) error {
	var p *Problem
	var j *jump
	if err == nil || errors.As(err, &j) || errors.As(err, &p) {
		return err
	}
	return &Problem{Line: t.line, Column: t.column, Message: err.Error(), Cause: err}
}

// function is a method of the script or the text of a closure.
type function struct {
	params []param
	body   eval
}

type param struct {
	name, kind  string
	alternative *node // of a parameter that may be left out
}

// closure is a function with the names around it.
type closure struct {
	*function
	around *frame
}

// call calls a closure. One argument that is a list fills several parameters.
func (c *closure) call(args ...any) (any, error) {
	m := c.around.machine
	if m.depth++; m.depth > m.limits.CallStack {
		return nil, tooMuch("more than %d calls lie in one another", m.limits.CallStack)
	}
	defer func() { m.depth-- }()
	if m.steps++; m.steps%256 == 0 {
		if err := m.over(); err != nil {
			return nil, err
		}
	}
	f := c.around.inner()
	if l, ok := first(args).(*list); ok && len(args) == 1 && len(c.params) > 1 {
		args = l.items
	}
	if len(args) > len(c.params) && (len(args) > 1 || c.params != nil) {
		return nil, fmt.Errorf("%d arguments are given, %d are taken", len(args), len(c.params))
	}
	if c.params == nil {
		f.declare("it", first(args))
	}
	for i, p := range c.params {
		v := any(nil)
		var err error
		switch {
		case i < len(args):
			v, err = cast(p.kind, args[i])
		case p.alternative != nil:
			v, err = p.alternative.eval(f)
		case len(c.params) > 1:
			err = fmt.Errorf("%d arguments are given, %d are taken", len(args), len(c.params))
		}
		if err != nil {
			return nil, err
		}
		f.declare(p.name, v)
	}
	v, err := c.body(f)
	var j *jump
	if errors.As(err, &j) && j.kind == "return" {
		return j.value, nil
	}
	return v, err
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

// output is out, to which scripts print.
type output struct{}
