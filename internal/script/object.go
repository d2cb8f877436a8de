package script

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dop251/goja"

	"github.com/sluicehq/sluice/internal/juel"
)

// objectOf is a value of package juel as JavaScript sees it: its properties, and
// behind every other name a method, which exists or not when it is called.
type objectOf struct {
	h     *host
	value any
	known map[string]goja.Value
}

// Get implements goja.DynamicObject.
func (o *objectOf) Get(name string) goja.Value {
	v, err := o.h.property(o.value, name)
	_, document := o.value.(juel.JSON)
	switch {
	case err == nil && (v != nil || !document):
		return o.h.to(v)
	case err != nil && !errors.Is(err, juel.ErrNoProperty):
		o.h.throw(err)
	case name == "toString" || name == "valueOf" || name == "toJSON" || name == "then" || name == "constructor":
		return nil
	}
	if o.known[name] == nil {
		if o.known == nil {
			o.known = map[string]goja.Value{}
		}
		o.known[name] = o.h.rt.ToValue(func(call goja.FunctionCall) goja.Value { return o.h.call(o.value, name, o.h.arguments(call)) })
	}
	return o.known[name]
}

// Set implements goja.DynamicObject: it assigns where juel lets one.
func (o *objectOf) Set(name string, v goja.Value) bool {
	setter, ok := o.value.(juel.PropertySetter)
	if !ok {
		o.h.throw(fmt.Errorf("%s cannot be assigned to", name))
	}
	value, err := leave(o.h.from(v, 0))
	if err == nil {
		err = setter.SetProperty(name, value)
	}
	if err != nil {
		o.h.throw(err)
	}
	return true
}

// Has implements goja.DynamicObject.
func (o *objectOf) Has(name string) bool {
	_, err := o.h.property(o.value, name)
	return err == nil
}

// Delete implements goja.DynamicObject.
func (*objectOf) Delete(string) bool { return false }

// Keys implements goja.DynamicObject.
func (*objectOf) Keys() []string { return nil }

// arrayOf is a list as JavaScript sees it.
type arrayOf struct {
	h *host
	l *list
}

// Len implements goja.DynamicArray.
func (a arrayOf) Len() int { return len(a.l.items) }

// Get implements goja.DynamicArray.
func (a arrayOf) Get(i int) goja.Value {
	if i < 0 || i >= len(a.l.items) {
		return goja.Undefined()
	}
	return a.h.to(a.l.at(i))
}

// Set implements goja.DynamicArray.
func (a arrayOf) Set(i int, v goja.Value) bool {
	if err := a.l.set(i, a.h.from(v, 0)); err != nil {
		a.h.throw(err)
	}
	return true
}

// SetLen implements goja.DynamicArray.
func (a arrayOf) SetLen(n int) bool {
	if n > 0 && n > len(a.l.items) {
		return a.Set(n-1, goja.Null())
	}
	a.l.items = a.l.items[:max(n, 0)]
	return true
}

// mapOf is a map as JavaScript sees it.
type mapOf struct {
	h *host
	d *dict
}

// Get implements goja.DynamicObject.
func (m mapOf) Get(key string) goja.Value {
	if v, ok := m.d.get(key); ok {
		return m.h.to(v)
	}
	return nil
}

// Set implements goja.DynamicObject.
func (m mapOf) Set(key string, v goja.Value) bool {
	if err := m.d.put(key, m.h.from(v, 0)); err != nil {
		m.h.throw(err)
	}
	return true
}

// Has implements goja.DynamicObject.
func (m mapOf) Has(key string) bool { _, ok := m.d.values[key]; return ok }

// Delete implements goja.DynamicObject.
func (m mapOf) Delete(key string) bool { m.d.remove(key); return true }

// Keys implements goja.DynamicObject.
func (m mapOf) Keys() []string { return slices.Clone(m.d.keys) }

// scope is where JavaScript looks for names that are neither declared nor built in:
// the prototype of the global object.
type scope struct{ h *host }

// Get implements goja.DynamicObject.
func (s scope) Get(name string) goja.Value {
	if v, ok := s.h.given(name); ok {
		return v
	}
	if v, ok := s.h.lookup(name); ok {
		return s.h.to(v)
	}
	return nil
}

// Set implements goja.DynamicObject.
func (scope) Set(string, goja.Value) bool { return false }

// Has implements goja.DynamicObject.
func (s scope) Has(name string) bool {
	if s.h.names[name] != nil || nashorn[name] != nil {
		return true
	}
	_, ok := s.h.lookup(name)
	return ok
}

// Delete implements goja.DynamicObject.
func (scope) Delete(string) bool { return false }

// Keys implements goja.DynamicObject.
func (scope) Keys() []string { return nil }

// pack is a package of Java: names lead to packages and to classes that are known.
type pack struct {
	h    *host
	path string
}

// Get implements goja.DynamicObject.
func (p pack) Get(name string) goja.Value {
	if name == "toString" || name == "valueOf" || name == "" {
		return nil
	}
	full := p.path + name
	if c := classes[full]; c != nil {
		return p.h.to(c)
	}
	if name[0] >= 'A' && name[0] <= 'Z' {
		p.h.throw(errors.New("the class " + full + " is not open to scripts; these are: " + knownNames()))
	}
	return p.h.rt.NewDynamicObject(pack{p.h, full + "."})
}

// Set implements goja.DynamicObject.
func (pack) Set(string, goja.Value) bool { return false }

// Has implements goja.DynamicObject.
func (pack) Has(string) bool { return true }

// Delete implements goja.DynamicObject.
func (pack) Delete(string) bool { return false }

// Keys implements goja.DynamicObject.
func (pack) Keys() []string { return nil }

// classObject makes a constructor of a class of Java.
func (h *host) classObject(c *class) *goja.Object {
	o := h.rt.ToValue(func(call goja.ConstructorCall) *goja.Object {
		v, err := c.construct(h.run, h.arguments(goja.FunctionCall{Arguments: call.Arguments}))
		if err != nil {
			h.throw(err)
		}
		made, _ := h.to(v).(*goja.Object)
		return made
	}).(*goja.Object)
	for name := range c.methods {
		_ = o.Set(name, func(call goja.FunctionCall) goja.Value { return h.call(c, name, h.arguments(call)) })
	}
	for name, v := range c.constants {
		_ = o.Set(name, h.to(v))
	}
	return o
}

// prepare takes away what scripts do not need and gives what Nashorn has.
func (h *host) prepare() {
	h.restrict()
	_ = h.rt.GlobalObject().SetPrototype(h.rt.NewDynamicObject(scope{h}))
}

// nashorn makes what Nashorn gives a script by name, when a script first asks for it.
var nashorn map[string]func(h *host) any

func init() {
	nashorn = map[string]func(h *host) any{
		"java":        func(h *host) any { return h.rt.NewDynamicObject(pack{h, "java."}) },
		"javax":       func(h *host) any { return h.rt.NewDynamicObject(pack{h, "javax."}) },
		"org":         func(h *host) any { return h.rt.NewDynamicObject(pack{h, "org."}) },
		"com":         func(h *host) any { return h.rt.NewDynamicObject(pack{h, "com."}) },
		"Packages":    func(h *host) any { return h.rt.NewDynamicObject(pack{h, ""}) },
		"print":       func(h *host) any { return h.printer() },
		"println":     func(h *host) any { return h.printer() },
		"out":         (*host).out,
		"Java":        (*host).java,
		"importClass": func(h *host) any { return h.importClass },
		"load":        func(h *host) any { return h.load },
	}
}

// given returns what Nashorn has by a name, or what was imported by it.
func (h *host) given(name string) (goja.Value, bool) {
	if v := h.names[name]; v != nil {
		return v, true
	}
	create := nashorn[name]
	if create == nil {
		return nil, false
	}
	h.names[name] = h.rt.ToValue(create(h))
	return h.names[name], true
}

func (h *host) out() any {
	out := h.rt.NewObject()
	_ = out.Set("print", h.printer())
	_ = out.Set("println", h.printer())
	return out
}

func (h *host) java() any {
	java := h.rt.NewObject()
	_ = java.Set("type", func(call goja.FunctionCall) goja.Value {
		name := call.Argument(0).String()
		c := classes[name]
		if c == nil {
			h.throw(errors.New("the class " + name + " is not open to scripts; these are: " + knownNames()))
		}
		return h.to(c)
	})
	_ = java.Set("from", func(call goja.FunctionCall) goja.Value { return h.array(call.Argument(0)) })
	_ = java.Set("to", func(call goja.FunctionCall) goja.Value { return h.to(h.from(call.Argument(0), 0)) })
	return java
}

func (h *host) importClass(call goja.FunctionCall) goja.Value {
	for _, arg := range call.Arguments {
		o, _ := arg.(*goja.Object)
		if c, ok := h.values[o].(*class); ok {
			h.names[c.short()] = arg
		}
	}
	return goja.Undefined()
}

func (h *host) load(call goja.FunctionCall) goja.Value {
	if call.Argument(0).String() != "nashorn:mozilla_compat.js" {
		h.throw(errors.New("scripts load nothing"))
	}
	return goja.Undefined()
}

// array copies a list into an array of JavaScript's own.
func (h *host) array(v goja.Value) goja.Value {
	all, err := items(h.from(v, 0))
	if err != nil {
		h.throw(err)
	}
	values := make([]any, len(all))
	for i, item := range all {
		values[i] = h.to(item)
	}
	return h.rt.NewArray(values...)
}

func (h *host) printer() func(goja.FunctionCall) goja.Value {
	return func(call goja.FunctionCall) goja.Value {
		line := ""
		for i, arg := range call.Arguments {
			if i > 0 {
				line += " "
			}
			if line += arg.String(); len(line) > maxPrinted {
				break
			}
		}
		h.print(line)
		return goja.Undefined()
	}
}

// listMethods and mapMethods are those of Java that JavaScript finds on lists and
// maps beside its own.
var (
	listMethods = []string{
		"size", "get", "add", "addAll", "set", "remove", "clear", "contains", "containsAll", "isEmpty", "indexOf", "lastIndexOf", "subList", "iterator", "equals", "hashCode", "toArray",
	}
	mapMethods = []string{
		"size", "get", "put", "putAll", "putIfAbsent", "getOrDefault", "remove", "clear", "containsKey", "containsValue", "isEmpty", "keySet", "values", "entrySet", "equals", "hashCode",
	}
)

// prototypes makes what objects, lists and maps inherit, once.
func (h *host) prototypes() {
	if h.plain != nil {
		return
	}
	h.plain, h.maps = h.rt.NewObject(), h.rt.NewObject()
	h.lists = h.rt.CreateObject(h.arrays)
	for _, name := range listMethods {
		hidden(h.lists, name, h.method(name))
	}
	for _, name := range mapMethods {
		hidden(h.maps, name, h.method(name))
	}
	show := func(call goja.FunctionCall) goja.Value {
		o, _ := call.This.(*goja.Object)
		shown, err := text(h.values[o])
		if err != nil {
			shown = "an object"
		}
		return h.rt.ToValue(shown)
	}
	for _, prototype := range []*goja.Object{h.plain, h.lists, h.maps} {
		hidden(prototype, "toString", h.rt.ToValue(show))
	}
	_ = h.plain.DefineDataPropertySymbol(goja.SymToPrimitive, h.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		o, _ := call.This.(*goja.Object)
		if t, ok := h.values[o].(time.Time); ok && call.Argument(0).String() == "number" {
			return h.rt.ToValue(t.UnixMilli())
		}
		return show(call)
	}), goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}

// hidden sets a property that loops over an object do not come to.
func hidden(o *goja.Object, name string, v goja.Value) {
	_ = o.DefineDataProperty(name, v, goja.FLAG_TRUE, goja.FLAG_TRUE, goja.FLAG_FALSE)
}
