package script

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

const scriptName = "script"

func init() {
	// Regular expressions that need to go back (look-around, references) cannot be
	// interrupted. This ends each match of one; goja alone uses that package.
	regexp2.DefaultMatchTimeout = time.Second
}

type javaScript struct {
	program *goja.Program
	names   []string // of what the script may have put into the global object; nil: of anything
}

func compileJavaScript(source string) (b body, err error) {
	defer func() {
		if x := recover(); x != nil { // what goja's compiler did not expect
			b, err = nil, &Problem{Message: fmt.Sprintf("the script cannot be read: %v", x)}
		}
	}()
	if nesting(source, "([{", ")]}") > maxTree || strings.Count(source, "=>") > maxTree {
		return nil, &Problem{Message: fmt.Sprintf("the script lies more than %d deep in itself, or has more arrows", maxTree)}
	}
	tree, err := goja.Parse(scriptName, source, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxProblem(source, err)
	}
	var refused *Problem
	woven := weave(tree, func(at file.Idx, message string) {
		if refused == nil {
			place := tree.File.Position(int(at) - 1)
			refused = &Problem{Line: place.Line, Column: place.Column, Message: message}
		}
	})
	if refused != nil {
		return nil, refused
	}
	program, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, syntaxProblem(source, err)
	}
	j := javaScript{program: program}
	if !woven.global && !woven.names["globalThis"] {
		j.names = slices.Sorted(maps.Keys(woven.names))
	}
	return j, nil
}

var place = regexp.MustCompile(`^(?:SyntaxError: |ReferenceError: )?(?:\(anonymous\)|script): Line (\d+):(\d+) (.*?)(?: \(and \d+ more errors\))?$`)

// syntaxProblem makes a Problem of what goja says of a text.
func syntaxProblem(source string, err error) *Problem {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return &Problem{Line: list[0].Position.Line, Column: list[0].Position.Column, Message: list[0].Message}
	}
	message := err.Error()
	if m := place.FindStringSubmatch(message); m != nil {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		return &Problem{Line: line, Column: column, Message: m[3]}
	}
	p := &Problem{Message: message}
	var syntax *goja.CompilerSyntaxError
	if errors.As(err, &syntax) && syntax.File != nil {
		at := syntax.File.Position(syntax.Offset)
		p.Line, p.Column, p.Message = at.Line, at.Column, syntax.Message
	}
	return p
}

// host is a JavaScript machine for one run.
type host struct {
	*run
	rt      *goja.Runtime
	values  map[*goja.Object]any // what objects of ours stand for
	objects map[any]*goja.Object // the object of a list, a map, a class
	causes  map[*goja.Object]error
	handed  int                   // how many values were turned into ours
	deep    int                   // how many built-ins lie in one another
	joining map[*goja.Object]bool // the lists that are being joined
	names   map[string]goja.Value // what was made of nashorn, and what was imported

	arrays, plain, lists, maps *goja.Object // prototypes
}

func (j javaScript) run(r *run) (any, error) {
	h := newHost(r)
	stop := context.AfterFunc(r.ctx, func() { h.rt.Interrupt(r.over()) })
	defer stop()
	value, err := h.rt.RunProgram(j.program)
	var result any
	if err == nil {
		// Reading what was made may run more of the script, under the same limits.
		read, _ := goja.AssertFunction(h.rt.ToValue(func(goja.FunctionCall) goja.Value {
			result = h.leaving(value)
			h.collect(j.names)
			return nil
		}))
		_, err = read(nil)
	}
	if err != nil {
		return nil, h.problem(err)
	}
	return leave(result)
}

// newHost makes a machine that no script has seen. It is not used again: whatever a
// script does to globals and prototypes ends with it.
func newHost(r *run) *host {
	h := &host{
		run: r, rt: goja.New(), values: map[*goja.Object]any{}, objects: map[any]*goja.Object{}, causes: map[*goja.Object]error{},
		joining: map[*goja.Object]bool{}, names: map[string]goja.Value{},
	}
	h.rt.SetMaxCallStackSize(r.limits.CallStack)
	h.rt.SetTimeSource(r.limits.Now)
	h.prepare()
	return h
}

// standard are the names that the global object of a machine has by itself.
var standard = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{textGuard: true, fewGuard: true, listGuard: true}
	for _, name := range goja.New().GlobalObject().GetOwnPropertyNames() {
		names[name] = true
	}
	return names
})

// leaving is the script's value; what can be no value of ours is none.
func (h *host) leaving(v goja.Value) any {
	if _, ok := goja.AssertFunction(v); ok {
		return nil
	}
	return h.from(v, 0)
}

// collect notes what the script has put into the global object.
func (h *host) collect(names []string) {
	global := h.rt.GlobalObject()
	if names == nil {
		names = global.GetOwnPropertyNames()
	}
	outside := global.Prototype()
	for _, name := range names {
		if standard()[name] {
			continue
		}
		_ = global.SetPrototype(nil) // what the script was given is not what it has put there
		v := global.Get(name)
		_ = global.SetPrototype(outside)
		if _, ok := goja.AssertFunction(v); v != nil && !ok {
			h.assign(name, h.from(v, 0))
		}
	}
}

// problem says where and why a script stopped.
func (h *host) problem(err error) *Problem {
	p := &Problem{Message: err.Error()}
	var thrown *goja.Exception
	var broken *goja.InterruptedError
	var deep *goja.StackOverflowError
	switch {
	case errors.As(err, &broken):
		p.Cause = broken.Unwrap()
		p.Message = fmt.Sprint(broken.Value())
		p.at(broken.Stack())
	case errors.As(err, &deep):
		p.Cause = tooMuch("more than %d calls lie in one another", h.limits.CallStack)
		p.Message = p.Cause.Error()
		p.at(deep.Stack())
	case errors.As(err, &thrown):
		h.thrown(p, thrown)
	}
	return p
}

func (h *host) thrown(p *Problem, e *goja.Exception) {
	p.Message = "an object was thrown"
	p.at(e.Stack())
	object, ok := e.Value().(*goja.Object)
	if !ok {
		p.Message = e.Value().String()
		return
	}
	if x, ok := h.values[object].(exception); ok {
		p.Message, p.Cause = x.err.Error(), x.err
		return
	}
	if p.Cause = h.causes[object]; p.Cause != nil {
		p.Message = p.Cause.Error()
		return
	}
	// The texts of an error may be code of the script's, which runs under its limits
	// too, and may fail.
	read, _ := goja.AssertFunction(h.rt.ToValue(func(goja.FunctionCall) goja.Value {
		if name, message := object.Get("name"), object.Get("message"); name != nil && message != nil {
			if text, ok := message.Export().(string); ok {
				p.Message = fmt.Sprintf("%v: %s", name.Export(), text)
			}
		}
		return nil
	}))
	if _, err := read(nil); err != nil {
		p.Message = "an object was thrown whose message cannot be read"
	}
}

func (p *Problem) at(stack []goja.StackFrame) {
	for _, frame := range stack {
		if at := frame.Position(); frame.SrcName() == scriptName && at.Line > 0 {
			p.Line, p.Column = at.Line, at.Column
			return
		}
	}
}

// throw ends a call of ours with an error that the script may catch, or may not.
func (h *host) throw(err error) {
	var end *ended
	if errors.As(err, &end) {
		h.rt.Interrupt(end)
		err = end
	}
	object, failure := h.rt.New(h.rt.Get("Error"), h.rt.ToValue(err.Error()))
	if failure != nil {
		panic(h.rt.ToValue(err.Error()))
	}
	h.causes[object] = err
	panic(object)
}

// to turns a value of ours into one of JavaScript's.
func (h *host) to(v any) goja.Value {
	v = enter(v)
	switch v := v.(type) {
	case nil:
		return goja.Null()
	case bool, int32, int64, float64, string:
		return h.rt.ToValue(v)
	}
	h.prototypes()
	switch v := v.(type) {
	case *list:
		return h.object(v, func() *goja.Object { return h.rt.NewDynamicArray(arrayOf{h, v}) }, h.lists)
	case *dict:
		return h.object(v, func() *goja.Object { return h.rt.NewDynamicObject(mapOf{h, v}) }, h.maps)
	case *class:
		return h.object(v, func() *goja.Object { return h.classObject(v) }, nil)
	default:
		o := h.rt.NewDynamicObject(&objectOf{h: h, value: v})
		h.values[o] = v
		_ = o.SetPrototype(h.plain)
		return o
	}
}

// object returns the one object that stands for a value.
func (h *host) object(v any, create func() *goja.Object, prototype *goja.Object) *goja.Object {
	if o := h.objects[v]; o != nil {
		return o
	}
	o := create()
	h.objects[v], h.values[o] = o, v
	if prototype != nil {
		_ = o.SetPrototype(prototype)
	}
	return o
}

// from turns a value of JavaScript's into one of ours. Whole numbers are Integers or
// Longs, as Nashorn makes them.
func (h *host) from(v goja.Value, depth int) any {
	if h.handed++; h.handed > 3*maxItems {
		h.throw(tooMuch("more than %d values were handed on", 3*maxItems))
	}
	if h.handed%1024 == 0 {
		if err := h.over(); err != nil {
			h.throw(err)
		}
	}
	if depth > maxDepth {
		h.throw(fmt.Errorf("objects lie more than %d deep in one another", maxDepth))
	}
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	if o, ok := v.(*goja.Object); ok {
		return h.fromObject(o, depth)
	}
	if _, ok := v.(*goja.Symbol); ok {
		h.throw(errors.New("symbols cannot be kept or handed on"))
	}
	switch x := v.Export().(type) {
	case bool:
		return x
	case string:
		return strings.ToValidUTF8(x, "\uFFFD")
	case int64:
		return narrow(x)
	case float64:
		return narrowFloat(x)
	}
	h.throw(errors.New("numbers of any length cannot be kept or handed on"))
	return nil
}

func narrow(n int64) any {
	if n >= math.MinInt32 && n <= math.MaxInt32 {
		return int32(n)
	}
	return n
}

func narrowFloat(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= 1<<53 && (f != 0 || !math.Signbit(f)) {
		return narrow(int64(f))
	}
	return f
}

func (h *host) fromObject(o *goja.Object, depth int) any {
	if v, ok := h.values[o]; ok {
		return v
	}
	switch kind := o.ClassName(); {
	case kind == "Array":
		return h.fromArray(o, depth)
	case kind == "String":
		return o.String()
	case kind == "Number" || kind == "Boolean":
		return h.from(h.rt.ToValue(o.Export()), depth)
	case kind == "Date":
		if t, ok := o.Export().(time.Time); ok {
			return t.In(h.limits.Now().Location())
		}
		h.throw(errors.New("the date is not a valid one"))
	case kind == "Error":
		if message := o.Get("message"); message != nil {
			return message.String()
		}
	case kind == "Object" && o.ExportType() == reflect.TypeFor[map[string]any]():
		d := newDict()
		for _, key := range o.Keys() {
			if err := d.put(key, h.from(o.Get(key), depth+1)); err != nil {
				h.throw(err)
			}
		}
		return d
	default:
		h.throw(errors.New("functions, maps, sets and expressions of JavaScript cannot be kept or handed on"))
	}
	return nil
}

func (h *host) fromArray(o *goja.Object, depth int) any {
	length := o.Get("length").ToInteger()
	if length > maxItems {
		h.throw(tooMuch("an array has more than %d items", maxItems))
	}
	l := &list{items: make([]any, length)}
	for i := range l.items {
		l.items[i] = h.from(o.Get(strconv.Itoa(i)), depth+1)
	}
	return l
}

func (h *host) arguments(call goja.FunctionCall) []any {
	args := make([]any, len(call.Arguments))
	for i, arg := range call.Arguments {
		args[i] = h.from(arg, 0)
	}
	return args
}

// function makes a function that calls a method of what it is called on.
func (h *host) method(name string) goja.Value {
	return h.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		on, ok := call.This.(*goja.Object)
		v, known := h.values[on]
		if !ok || !known {
			h.throw(fmt.Errorf("%s is called on something that has no such method", name))
		}
		return h.call(v, name, h.arguments(call))
	})
}

func (h *host) call(v any, method string, args []any) goja.Value {
	result, err := h.member(v, method, args)
	if err != nil {
		h.throw(err)
	}
	return h.to(result)
}
