package script

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/dop251/goja"
)

const (
	maxLength  = 4_000_000 // UTF-16 units of a text that a script builds
	maxFew     = 100_000   // characters of a text that is taken apart in one step
	maxRecurse = 200       // how deep built-ins call one another for lists in lists
)

// removed are the global names that no script needs: what makes code out of texts,
// what reserves memory at once, what runs later.
var removed = []string{
	"eval", "Function", "Proxy", "Reflect", "ArrayBuffer", "SharedArrayBuffer", "DataView", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array",
	"Uint16Array", "Int32Array", "Uint32Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array", "BigInt", "WeakRef", "FinalizationRegistry", "Promise",
}

// restrict removes what scripts must not have, and bounds what makes long texts and
// lists in one call: goja looks at the clock between instructions only.
func (h *host) restrict() {
	global := h.rt.GlobalObject()
	for _, name := range removed {
		_ = global.Delete(name)
	}
	if _, err := h.rt.RunProgram(withoutConstructors); err != nil {
		panic(err)
	}
	for name, f := range map[string]func(goja.FunctionCall) goja.Value{textGuard: h.guardText, fewGuard: h.guardFew, listGuard: h.guardList} {
		_ = global.DefineDataProperty(name, h.rt.ToValue(f), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
	}
	for _, name := range []string{"keys", "values", "entries", "assign", "getOwnPropertyNames", "getOwnPropertyDescriptors"} {
		h.bound(global.Get("Object").(*goja.Object), name, maxFew, func(call goja.FunctionCall) (most float64) {
			for _, arg := range call.Arguments {
				most = max(most, units(arg))
			}
			return most
		})
	}
	for _, name := range []string{"encodeURI", "encodeURIComponent", "escape"} {
		h.bound(global, name, maxLength, func(call goja.FunctionCall) float64 { return units(call.Argument(0)) })
	}
	texts := prototypeOf(global, "String")
	_ = global.Get("String").(*goja.Object).Delete("raw")
	h.restrictTexts(texts)
	h.restrictPatterns(global, texts)
	h.restrictArrays(global)
	h.restrictJSON(global.Get("JSON").(*goja.Object))
	functions := prototypeOf(global, "Object").Get("toString").(*goja.Object).Prototype()
	h.bound(functions, "apply", maxItems, func(call goja.FunctionCall) float64 { return length(call.Argument(1)) })
}

func prototypeOf(global *goja.Object, name string) *goja.Object {
	return global.Get(name).(*goja.Object).Get("prototype").(*goja.Object)
}

// guardText is textGuard: it returns its argument, unless that is too long a text.
// What is part of a template of several becomes a text.
func (h *host) guardText(call goja.FunctionCall) goja.Value {
	v, most := call.Argument(0), maxLength
	if parts := call.Argument(1); !goja.IsUndefined(parts) {
		v, most = v.ToString(), maxLength/int(parts.ToInteger())
	}
	if s, ok := v.(goja.String); ok && s.Length() > most {
		h.throw(tooMuch("a text would have more than %d characters", most))
	}
	return v
}

// guardFew is fewGuard.
func (h *host) guardFew(call goja.FunctionCall) goja.Value {
	if units(call.Argument(0)) > maxFew {
		h.throw(tooMuch("a text of more than %d characters would be taken apart", maxFew))
	}
	return call.Argument(0)
}

// guardList is listGuard: what it returns ends. In an object literal it takes apart
// what cannot be gone through.
func (h *host) guardList(call goja.FunctionCall) goja.Value {
	h.guardFew(call)
	return h.list(call.Argument(0))
}

// list goes through what a script may have made without an end, with a look at the
// clock. What is not to be gone through, or known to end, it returns.
func (h *host) list(v goja.Value) goja.Value {
	o, ok := v.(*goja.Object)
	if !ok {
		return v
	}
	start, ok := goja.AssertFunction(o.GetSymbol(goja.SymIterator))
	if !ok {
		return v
	}
	iterator := h.must(start(o)).ToObject(h.rt)
	next, ok := goja.AssertFunction(iterator.Get("next"))
	if !ok {
		return v
	}
	items := []any{}
	for {
		step := h.must(next(iterator)).ToObject(h.rt)
		if done := step.Get("done"); done != nil && done.ToBoolean() {
			return h.rt.NewArray(items...)
		}
		if items = append(items, step.Get("value")); len(items) > maxItems {
			h.throw(tooMuch("more than %d items would be gone through", maxItems))
		}
		if err := h.over(); err != nil {
			h.throw(err)
		}
	}
}

// listed hands a built-in a list in place of what it would go through.
func (h *host) listed(on *goja.Object, name string) {
	original, _ := goja.AssertFunction(on.Get(name))
	h.native(on, name, func(call goja.FunctionCall) goja.Value {
		defer h.enter()()
		v := h.list(call.Argument(0))
		if length(v) > maxItems {
			h.throw(tooMuch("%s would make more than %d characters or items", name, maxItems))
		}
		return h.must(original(call.This, append([]goja.Value{v}, call.Arguments[min(1, len(call.Arguments)):]...)...))
	})
}

// wrap puts a constructor before one, which changes the arguments or refuses them.
func (h *host) wrap(global *goja.Object, name string, change func([]goja.Value) []goja.Value) {
	original := global.Get(name).(*goja.Object)
	wrapped := h.rt.ToValue(func(call goja.ConstructorCall) *goja.Object {
		made, err := h.rt.New(original, change(call.Arguments)...)
		h.must(made, err)
		return made
	}).(*goja.Object)
	prototype := original.Get("prototype").(*goja.Object)
	_ = wrapped.DefineDataProperty("prototype", prototype, goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE)
	hidden(prototype, "constructor", wrapped)
	hidden(global, name, wrapped)
}

func (h *host) restrictTexts(texts *goja.Object) {
	h.bound(texts, "repeat", maxLength, func(call goja.FunctionCall) float64 {
		return units(call.This) * math.Max(call.Argument(0).ToFloat(), 0)
	})
	for _, name := range []string{"padStart", "padEnd"} {
		h.bound(texts, name, maxLength, func(call goja.FunctionCall) float64 { return call.Argument(0).ToFloat() })
	}
	h.bound(texts, "normalize", maxLength, func(call goja.FunctionCall) float64 { return 18 * units(call.This) }) // U+FDFA becomes 18
	iterate, _ := goja.AssertFunction(texts.GetSymbol(goja.SymIterator))
	_ = texts.DefineDataPropertySymbol(goja.SymIterator, h.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		h.guardFew(goja.FunctionCall{Arguments: []goja.Value{call.This}})
		return h.must(iterate(call.This))
	}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
	h.native(texts, "concat", func(call goja.FunctionCall) goja.Value {
		if goja.IsUndefined(call.This) || goja.IsNull(call.This) {
			panic(h.rt.NewTypeError("concat is called on " + call.This.String()))
		}
		t := h.newText()
		t.add(call.This)
		for _, arg := range call.Arguments {
			t.add(arg)
		}
		return t.String()
	})
}

// builder collects a text up to a length.
type builder struct {
	h *host
	goja.StringBuilder
	units int
}

func (h *host) newText() *builder { return &builder{h: h} }

func (b *builder) add(v goja.Value) {
	s, ok := v.ToString().(goja.String)
	if !ok {
		s = b.h.rt.ToValue(v.String()).(goja.String)
	}
	b.room(s.Length())
	b.WriteString(s)
}

func (b *builder) room(n int) {
	if b.units += n; b.units > maxLength {
		b.h.throw(tooMuch("a text would have more than %d characters", maxLength))
	}
}

// units is the length of a text, 0 of what is none.
func units(v goja.Value) float64 {
	if s, ok := v.(goja.String); ok {
		return float64(s.Length())
	}
	return 0
}

// length is the property length of an object, 0 for what has none.
func length(v goja.Value) float64 {
	if o, ok := v.(*goja.Object); ok && o.Get("length") != nil {
		return o.Get("length").ToFloat()
	}
	return units(v)
}

// withoutConstructors takes away the way from any function to Function.
var withoutConstructors = goja.MustCompile("prepare", `
	for (const f of [function () {}, function* () {}, async function () {}, () => {}])
		delete Object.getPrototypeOf(f).constructor;
`, true)

// native gives a built-in name another function.
func (h *host) native(on *goja.Object, name string, f func(goja.FunctionCall) goja.Value) {
	hidden(on, name, h.rt.ToValue(f))
}

// bound keeps a built-in from making something larger than most, and ends it when the
// time is over, as built-ins may call one another without end.
func (h *host) bound(on *goja.Object, name string, most float64, size func(goja.FunctionCall) float64) {
	original, ok := goja.AssertFunction(on.Get(name))
	if !ok {
		return
	}
	h.native(on, name, func(call goja.FunctionCall) goja.Value {
		defer h.enter()()
		if n := size(call); n > most {
			h.throw(tooMuch("%s would make more than %.0f characters or items", name, most))
		}
		return h.must(original(call.This, call.Arguments...))
	})
}

// must passes what a script's code has thrown on to the script.
func (h *host) must(v goja.Value, err error) goja.Value {
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		panic(thrown.Value())
	}
	if err != nil {
		panic(err)
	}
	return v
}

// enter counts how deep built-ins lie in one another; the function it returns leaves.
func (h *host) enter() func() {
	if err := h.over(); err != nil {
		h.throw(err)
	}
	if h.deep++; h.deep > maxRecurse {
		h.deep = 0
		h.throw(tooMuch("more than %d calls of built-ins lie in one another", maxRecurse))
	}
	return func() { h.deep-- }
}

// restrictArrays bounds what goes through a list, which may be as long as its length
// claims, and writes lists of lists with a limit.
func (h *host) restrictArrays(global *goja.Object) {
	array := global.Get("Array").(*goja.Object)
	arrays := prototypeOf(global, "Array")
	h.arrays = arrays
	for _, name := range []string{"flat", "toLocaleString"} {
		_ = arrays.Delete(name)
	}
	for _, name := range through() {
		h.bound(arrays, name, maxItems, func(call goja.FunctionCall) float64 { return length(call.This) })
	}
	h.bound(arrays, "concat", maxItems, func(call goja.FunctionCall) float64 {
		n := length(call.This)
		for _, arg := range call.Arguments {
			n += length(arg)
		}
		return n
	})
	h.listed(array, "from")
	h.listed(global.Get("Object").(*goja.Object), "fromEntries")
	for _, name := range []string{"Set", "Map", "WeakSet", "WeakMap"} {
		h.wrap(global, name, func(args []goja.Value) []goja.Value {
			return append([]goja.Value{h.list(goja.FunctionCall{Arguments: args}.Argument(0))}, args[min(1, len(args)):]...)
		})
	}
	h.native(arrays, "join", h.join)
}

// through are the methods of arrays that go through all items.
var through = sync.OnceValue(func() []string {
	names := prototypeOf(goja.New().GlobalObject(), "Array").GetOwnPropertyNames()
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains([]string{"constructor", "length", "push", "pop", "join", "toString", "flat", "toLocaleString", "concat", "keys", "values", "entries"}, name)
	})
})

// join is Array.prototype.join. A list in itself is empty there.
func (h *host) join(call goja.FunctionCall) goja.Value {
	defer h.enter()()
	list := call.This.ToObject(h.rt)
	if h.joining[list] {
		return h.rt.ToValue("")
	}
	h.joining[list] = true
	defer delete(h.joining, list)
	n := length(list)
	if n > maxItems {
		h.throw(tooMuch("join would make more than %d items", maxItems))
	}
	separator := goja.Value(h.rt.ToValue(","))
	if given := call.Argument(0); !goja.IsUndefined(given) {
		separator = given.ToString()
	}
	t := h.newText()
	for i := range int(math.Max(n, 0)) {
		if i > 0 {
			t.add(separator)
		}
		if v := list.Get(strconv.Itoa(i)); v != nil && !goja.IsUndefined(v) && !goja.IsNull(v) {
			t.add(v)
		}
		if i%1024 == 0 && h.over() != nil {
			h.throw(h.over())
		}
	}
	return t.String()
}

// restrictJSON bounds both ways of JSON.
func (h *host) restrictJSON(object *goja.Object) {
	stringify, _ := goja.AssertFunction(object.Get("stringify"))
	h.native(object, "stringify", func(call goja.FunctionCall) goja.Value {
		defer h.enter()()
		counting := newCount(h, call.Argument(1))
		return h.must(stringify(call.This, call.Argument(0), h.rt.ToValue(counting.see), call.Argument(2)))
	})
	parse, _ := goja.AssertFunction(object.Get("parse"))
	h.native(object, "parse", func(call goja.FunctionCall) goja.Value {
		defer h.enter()()
		source := call.Argument(0).ToString()
		if nesting(source.String(), "[{", "]}") > maxTree {
			h.throw(tooMuch("the JSON lies more than %d deep in itself", maxTree))
		}
		return h.must(parse(call.This, append([]goja.Value{source}, call.Arguments[min(1, len(call.Arguments)):]...)...))
	})
}

// nesting is how deep brackets lie in one another; those in texts count too.
func nesting(source, opening, closing string) int {
	deep, deepest := 0, 0
	for i := range len(source) {
		switch c := source[i]; {
		case strings.IndexByte(opening, c) >= 0:
			deep++
			deepest = max(deepest, deep)
		case strings.IndexByte(closing, c) >= 0:
			deep--
		}
	}
	return deepest
}

// count is the replacer of a JSON.stringify: it sees every value before it is
// written.
type count struct {
	h        *host
	replacer goja.Callable   // the script's own; may be nil
	names    map[string]bool // the only members that are written; nil: all
	depths   map[*goja.Object]int
	size     int
}

func newCount(h *host, replacer goja.Value) *count {
	c := &count{h: h, depths: map[*goja.Object]int{}}
	c.replacer, _ = goja.AssertFunction(replacer)
	o, ok := replacer.(*goja.Object)
	if ok && c.replacer == nil && strings.HasSuffix(o.ClassName(), "Array") {
		c.names = map[string]bool{}
		if n := length(o); n <= maxItems {
			for i := range int(n) {
				c.names[o.Get(strconv.Itoa(i)).String()] = true
			}
		}
	}
	return c
}

func (c *count) see(call goja.FunctionCall) goja.Value {
	key, v := call.Argument(0), call.Argument(1)
	holder, _ := call.This.(*goja.Object)
	if c.replacer != nil {
		v = c.h.must(c.replacer(call.This, key, v))
	}
	depth := c.depths[holder]
	if c.names != nil && depth > 0 && holder.ClassName() != "Array" && !c.names[key.String()] {
		return goja.Undefined()
	}
	if o, ok := v.(*goja.Object); ok {
		c.depths[o] = depth + 1
	}
	if c.size += int(units(key)+units(v)) + 10*(depth+1); c.size > maxLength || depth > maxRecurse {
		c.h.throw(tooMuch("JSON.stringify would make more than %d characters, or %d levels", maxLength, maxRecurse))
	}
	if err := c.h.over(); err != nil {
		c.h.throw(err)
	}
	return v
}
