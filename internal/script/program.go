package script

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

const (
	maxSource  = 256 << 10 // bytes of a script
	maxPrinted = 4096      // bytes of what is printed at a time
)

// What Limits mean when they are zero.
const (
	defaultTime      = 5 * time.Second
	defaultCallStack = 500
)

// ErrLimit is the cause of what ends a script that took too long, went too deep or
// made something too large. A script cannot catch it.
var ErrLimit = errors.New("the script went over a limit")

// Problem is what is wrong with a script, and where in it.
type Problem struct {
	Line, Column int // from 1; 0 when the place is not known
	Message      string
	Cause        error // what a bean or the context said; may be nil
}

// Error returns place and message.
func (p *Problem) Error() string {
	if p.Line == 0 {
		return "script: " + p.Message
	}
	return fmt.Sprintf("script, line %d, column %d: %s", p.Line, p.Column, p.Message)
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// BPMNError is what a script has thrown by new BpmnError(code, message), to be caught
// by an error event of the process.
type BPMNError struct {
	Code, Message string
}

// Error returns code and message.
func (e *BPMNError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("BPMN error %q", e.Code)
	}
	return fmt.Sprintf("BPMN error %q: %s", e.Code, e.Message)
}

// Bindings are what a script sees by name, and who is told what it assigns.
type Bindings interface {
	juel.Scope

	// Set is called when a script has ended well, once for each name that it gave a
	// value without declaring it: x = 5 in Groovy; x = 5 and, outside of functions,
	// var x = 5 in JavaScript. That is what Activiti stores as variables when
	// autoStoreVariables is set; Bindings that store nothing return nil.
	Set(name string, value any) error
}

// Limits bound one run.
type Limits struct {
	Time      time.Duration    // how long it may take; 0: five seconds
	CallStack int              // how many calls may lie in one another; 0: 500
	Memory    int64            // by how many bytes the process may grow meanwhile; 0: 256 MB
	Now       func() time.Time // what new Date() is; nil: time.Now
	Print     func(string)     // what print and println write, at most 4096 bytes a time; nil: nowhere
}

// Program is a script that was read. It does not change, and many may run it at
// once.
type Program struct {
	body body
}

// body is a script in one language.
type body interface {
	run(r *run) (any, error)
}

var languages = map[string]func(source string) (body, error){
	"javascript": compileJavaScript,
	"js":         compileJavaScript,
	"ecmascript": compileJavaScript,
	"nashorn":    compileJavaScript,
	"groovy":     compileGroovy,
	"juel":       compileExpression,
}

// Compile reads a script in javascript (also js, ecmascript, nashorn), groovy or juel.
// The error is a *Problem.
func Compile(language, source string) (*Program, error) {
	compile, ok := languages[strings.ToLower(strings.TrimSpace(language))]
	if !ok {
		return nil, &Problem{Message: fmt.Sprintf("the language %.50q is not known; scripts can be written in javascript, groovy and juel", language)}
	}
	if len(source) > maxSource {
		return nil, &Problem{Message: fmt.Sprintf("the script has %d bytes, %d are allowed", len(source), maxSource)}
	}
	key := sha256.Sum256([]byte(language + "\x00" + source))
	if p := compiled.get(key); p != nil {
		return p, nil
	}
	b, err := compile(source)
	if err != nil {
		return nil, err
	}
	p := &Program{body: b}
	compiled.put(key, p)
	return p, nil
}

// maxCompiled bounds how many programs are kept.
const maxCompiled = 500

// cache are programs by their language and source. Programs do not change, so that
// whoever has the same script may run the same program.
type cache struct {
	mu       sync.Mutex
	programs map[[sha256.Size]byte]*Program
}

var compiled = &cache{programs: map[[sha256.Size]byte]*Program{}}

func (c *cache) get(key [sha256.Size]byte) *Program {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.programs[key]
}

func (c *cache) put(key [sha256.Size]byte, p *Program) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.programs { // any one makes room
		if len(c.programs) < maxCompiled {
			break
		}
		delete(c.programs, other)
	}
	c.programs[key] = p
}

// Run runs the program and returns the value of its last expression. The error is a
// *Problem; its cause is ErrLimit, the error of ctx or of a bean, a *BPMNError, or
// nil when the script is to blame.
func (p *Program) Run(ctx context.Context, b Bindings, limits Limits) (result any, err error) {
	if limits.Time <= 0 {
		limits.Time = defaultTime
	}
	if limits.CallStack <= 0 {
		limits.CallStack = defaultCallStack
	}
	if limits.Memory <= 0 {
		limits.Memory = defaultMemory
	}
	if limits.Now == nil {
		limits.Now = time.Now
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, limits.Time, fmt.Errorf("it took longer than %s: %w", limits.Time, ErrLimit))
	defer cancel()
	watch := time.AfterFunc(watchEvery, func() { watchMemory(ctx, limits.Memory, stop) })
	defer watch.Stop()
	defer func() {
		if x := recover(); x != nil { // a script does not take the server down
			result, err = nil, &Problem{Message: fmt.Sprintf("the interpreter broke down: %v", x)}
		}
	}()
	r := &run{ctx: ctx, bindings: b, limits: limits, read: map[string]*readValue{}, assigned: map[string]any{}}
	if result, err = p.body.run(r); err == nil {
		err = r.store()
	}
	var problem *Problem
	if err != nil && !errors.As(err, &problem) {
		err = &Problem{Message: err.Error(), Cause: err}
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// run is one run of a program.
type run struct {
	ctx      context.Context
	bindings Bindings
	limits   Limits
	read     map[string]*readValue
	assigned map[string]any // what the script gave names that it has not declared
	order    []string       // the names in assigned, in that order
}

// readValue is a list or map of the bindings with the copy that the script has.
type readValue struct {
	raw, copy any
}

// lookup returns the value of a name of the bindings. A script that reads a list
// twice finds its own changes in it, unless the variable has another value by now.
func (r *run) lookup(name string) (any, bool) {
	raw, ok := r.bindings.Lookup(name)
	if !ok {
		return nil, false
	}
	if known := r.read[name]; known != nil && same(known.raw, raw) {
		return known.copy, true
	}
	value := enter(raw)
	if value != nil && isCollection(value) {
		r.read[name] = &readValue{raw: raw, copy: value}
	}
	return value, true
}

// assign notes what an undeclared name is given.
func (r *run) assign(name string, value any) {
	if !slices.Contains(r.order, name) {
		r.order = append(r.order, name)
	}
	r.assigned[name] = value
}

// store tells the bindings of what was assigned.
func (r *run) store() error {
	for _, name := range r.order {
		value, err := leave(r.assigned[name])
		if err == nil {
			err = r.bindings.Set(name, value)
		}
		if err != nil {
			return &Problem{Message: fmt.Sprintf("the variable %q: %v", name, err), Cause: err}
		}
	}
	return nil
}

// print writes a text for whoever reads along.
func (r *run) print(text string) {
	if r.limits.Print != nil {
		r.limits.Print(strings.ToValidUTF8(text[:min(len(text), maxPrinted)], ""))
	}
}

// over returns why the run has to end, nil when it may go on.
func (r *run) over() error {
	if r.ctx.Err() == nil {
		return nil
	}
	return &ended{context.Cause(r.ctx)}
}

// ended is why a run ends although the script might want to go on.
type ended struct{ cause error }

func (e *ended) Error() string { return "the script was ended: " + e.cause.Error() }

func (e *ended) Unwrap() error { return e.cause }

func tooMuch(format string, args ...any) error {
	return &ended{fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrLimit)}
}

// expression is a script in the language of expressions.
type expression struct{ parsed *juel.Expression }

func compileExpression(source string) (body, error) {
	e, err := juel.Parse(strings.TrimSpace(source))
	if err != nil {
		return nil, &Problem{Message: err.Error(), Cause: err}
	}
	return expression{e}, nil
}

func (e expression) run(r *run) (any, error) { return e.parsed.Eval(r.bindings) }
