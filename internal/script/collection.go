package script

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

const (
	maxItems = 1_000_000 // of one list or map, and of all that a value holds
	maxDepth = 100       // of lists and maps in one another
)

// list and dict are java.util.List and Map that can be changed. What lies in them
// has entered, or enters when it is read.
type (
	list struct{ items []any }
	dict struct {
		keys   []string // in the order in which they came
		values map[string]any
	}
)

func newDict() *dict { return &dict{values: map[string]any{}} }

func isCollection(v any) bool {
	switch v.(type) {
	case *list, *dict:
		return true
	}
	return false
}

// enter turns a value of the bindings into what scripts work on.
func enter(v any) any {
	switch v := v.(type) {
	case []any:
		return &list{items: slices.Clone(v)}
	case []string:
		l := &list{}
		for _, text := range v {
			l.items = append(l.items, text)
		}
		return l
	case map[string]any:
		d := newDict()
		for key := range v {
			d.keys = append(d.keys, key)
			d.values[key] = v[key]
		}
		slices.Sort(d.keys)
		return d
	case int:
		return int64(v)
	case int16:
		return int32(v)
	case int8:
		return int32(v)
	case float32:
		return float64(v)
	}
	return v
}

// leave turns a value of a script into one of package juel.
func leave(v any) (any, error) {
	left := maxItems
	return leaving(v, 0, &left)
}

func leaving(v any, depth int, left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, tooMuch("a value holds more than %d others", maxItems)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("lists and maps lie more than %d deep in one another", maxDepth)
	}
	switch v := v.(type) {
	case *list:
		items := make([]any, len(v.items))
		for i, item := range v.items {
			var err error
			if items[i], err = leaving(item, depth+1, left); err != nil {
				return nil, err
			}
		}
		return items, nil
	case *dict:
		values := make(map[string]any, len(v.keys))
		for _, key := range v.keys {
			var err error
			if values[key], err = leaving(v.values[key], depth+1, left); err != nil {
				return nil, err
			}
		}
		return values, nil
	case *closure, *class:
		return nil, errors.New("functions and classes cannot be kept or handed on")
	}
	return v, nil
}

func leaveAll(args []any) ([]any, error) {
	out := make([]any, len(args))
	for i, arg := range args {
		var err error
		if out[i], err = leave(arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// same reports whether a variable still has the value that was read: of lists and
// maps what they hold, of anything else nothing is asked.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }

// at returns an item, entered for good, so that changes in it last.
func (l *list) at(i int) any {
	l.items[i] = enter(l.items[i])
	return l.items[i]
}

func (l *list) insert(at int, items ...any) error {
	if at < 0 || at > len(l.items) {
		return fmt.Errorf("the list has %d items, none can be put at %d", len(l.items), at)
	}
	if len(l.items)+len(items) > maxItems {
		return tooMuch("a list has more than %d items", maxItems)
	}
	l.items = slices.Insert(l.items, at, items...)
	return nil
}

// set puts an item anywhere, as Groovy's list[i] = item does.
func (l *list) set(at int, item any) error {
	if at < 0 || at >= maxItems {
		return tooMuch("a list has no item at %d", at)
	}
	for len(l.items) <= at {
		l.items = append(l.items, nil)
	}
	l.items[at] = item
	return nil
}

func (d *dict) get(key string) (any, bool) {
	v, ok := d.values[key]
	if ok && !isCollection(v) {
		v = enter(v)
		d.values[key] = v
	}
	return v, ok
}

func (d *dict) put(key string, value any) error {
	if _, ok := d.values[key]; !ok {
		if len(d.keys) >= maxItems {
			return tooMuch("a map has more than %d keys", maxItems)
		}
		d.keys = append(d.keys, key)
	}
	d.values[key] = value
	return nil
}

func (d *dict) remove(key string) any {
	v, ok := d.get(key)
	if ok {
		delete(d.values, key)
		d.keys = slices.DeleteFunc(d.keys, func(other string) bool { return other == key })
	}
	return v
}

// keyOf is the text by which a map knows a key.
func keyOf(v any) (string, error) {
	switch v.(type) {
	case string, int32, int64, float64, bool:
		return juel.Text(v)
	}
	return "", errors.New("the keys of maps are texts and numbers")
}

// member calls a method of any value: what changes lists and maps here, the rest as
// package juel has it.
func (r *run) member(v any, method string, args []any) (any, error) {
	var err error
	result := any(nil)
	switch v := v.(type) {
	case *list:
		result, err = r.onList(v, method, args)
	case *dict:
		result, err = r.onDict(v, method, args)
	case *class:
		return v.call(r, method, args)
	default:
		err = juel.ErrNoMethod
	}
	if !errors.Is(err, juel.ErrNoMethod) {
		return result, err
	}
	plain, err := leave(v)
	if err != nil {
		return nil, err
	}
	if args, err = leaveAll(args); err != nil {
		return nil, err
	}
	result, err = juel.Call(plain, method, args)
	return enter(result), err
}

func (r *run) onList(l *list, method string, args []any) (any, error) {
	switch key := fmt.Sprintf("%s/%d", method, len(args)); key {
	case "size/0":
		return int32(len(l.items)), nil
	case "get/1":
		i, err := l.index(args[0])
		if err != nil {
			return nil, err
		}
		return l.at(i), nil
	case "add/1":
		return true, l.insert(len(l.items), args[0])
	case "add/2":
		i, err := juel.Integer(args[0])
		if err != nil {
			return nil, err
		}
		return nil, l.insert(int(min(i, maxItems+1)), args[1])
	case "addAll/1":
		other, err := items(args[0])
		if err != nil {
			return nil, err
		}
		return len(other) > 0, l.insert(len(l.items), slices.Clone(other)...)
	case "set/2":
		i, err := l.index(args[0])
		if err != nil {
			return nil, err
		}
		old := l.at(i)
		l.items[i] = args[1]
		return old, nil
	case "remove/1":
		return l.remove(args[0])
	case "clear/0":
		l.items = nil
		return nil, nil
	case "iterator/0":
		return &iterator{items: slices.Clone(l.items)}, nil
	}
	return nil, juel.ErrNoMethod
}

// remove is remove(index) for a number, else remove(item).
func (l *list) remove(v any) (any, error) {
	switch v.(type) {
	case int32, int64:
		i, err := l.index(v)
		if err != nil {
			return nil, err
		}
		old := l.at(i)
		l.items = slices.Delete(l.items, i, i+1)
		return old, nil
	}
	for i := range l.items {
		if equal(l.items[i], v) {
			l.items = slices.Delete(l.items, i, i+1)
			return true, nil
		}
	}
	return false, nil
}

func (l *list) index(v any) (int, error) {
	i, err := juel.Integer(v)
	if err == nil && (i < 0 || i >= int64(len(l.items))) {
		err = fmt.Errorf("the list has %d items, there is none at %d", len(l.items), i)
	}
	return int(i), err
}

func (r *run) onDict(d *dict, method string, args []any) (any, error) {
	if len(args) > 0 && method != "putAll" && method != "containsValue" && method != "equals" {
		if key, err := keyOf(args[0]); err == nil {
			return d.onKey(key, method, args)
		}
	}
	switch key := fmt.Sprintf("%s/%d", method, len(args)); key {
	case "size/0":
		return int32(len(d.keys)), nil
	case "clear/0":
		*d = *newDict()
		return nil, nil
	case "keySet/0":
		l := &list{}
		for _, key := range d.keys {
			l.items = append(l.items, key)
		}
		return l, nil
	case "values/0":
		l := &list{}
		for _, key := range d.keys {
			v, _ := d.get(key)
			l.items = append(l.items, v)
		}
		return l, nil
	case "entrySet/0":
		return &list{items: d.entries()}, nil
	case "putAll/1":
		other, ok := args[0].(*dict)
		if !ok {
			return nil, errors.New("putAll takes a map")
		}
		for _, key := range slices.Clone(other.keys) {
			v, _ := other.get(key)
			if err := d.put(key, v); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	return nil, juel.ErrNoMethod
}

// onKey are the methods of a map that take a key first.
func (d *dict) onKey(key, method string, args []any) (any, error) {
	old, ok := d.get(key)
	switch name := fmt.Sprintf("%s/%d", method, len(args)); {
	case name == "get/1":
		return old, nil
	case name == "containsKey/1":
		return ok, nil
	case name == "getOrDefault/2" && ok, name == "putIfAbsent/2" && old != nil:
		return old, nil
	case name == "getOrDefault/2":
		return args[1], nil
	case name == "put/2" || name == "putIfAbsent/2":
		return old, d.put(key, args[1])
	case name == "remove/1":
		return d.remove(key), nil
	}
	return nil, juel.ErrNoMethod
}

// entries returns the pairs of a map.
func (d *dict) entries() []any {
	pairs := make([]any, len(d.keys))
	for i, key := range d.keys {
		v, _ := d.get(key)
		pairs[i] = pair{key, v}
	}
	return pairs
}

// pair is Map.Entry.
type pair struct {
	key   string
	value any
}

// Property is the key or the value.
func (p pair) Property(name string) (any, bool, error) {
	switch name {
	case "key":
		return p.key, true, nil
	case "value":
		return p.value, true, nil
	}
	return nil, false, nil
}

// Call has the getters of its properties, by Property.
func (p pair) Call(string, []any) (any, error) { return nil, juel.ErrNoMethod }

// iterator is java.util.Iterator over what a list had when it began.
type iterator struct {
	items []any
	next  int
}

// Property knows none.
func (i *iterator) Property(string) (any, bool, error) { return nil, false, nil }

// Call is hasNext and next.
func (i *iterator) Call(method string, args []any) (any, error) {
	switch {
	case method == "hasNext" && len(args) == 0:
		return i.next < len(i.items), nil
	case method == "next" && len(args) == 0 && i.next < len(i.items):
		i.next++
		return i.items[i.next-1], nil
	case method == "next" && len(args) == 0:
		return nil, errors.New("there is no next element; ask hasNext() first")
	}
	return nil, juel.ErrNoMethod
}

// items returns what a list, or null, holds.
func items(v any) ([]any, error) {
	if l, ok := v.(*list); ok {
		for i := range l.items {
			l.at(i)
		}
		return l.items, nil
	}
	return nil, errors.New("a list is expected here")
}

// property is value.name.
func (r *run) property(v any, name string) (any, error) {
	switch v := v.(type) {
	case *dict:
		value, _ := v.get(name)
		return value, nil
	case *class:
		return v.constant(name)
	}
	plain, err := leave(v)
	if err != nil {
		return nil, err
	}
	value, err := juel.Property(plain, name)
	return enter(value), err
}

// equal is equals of Java where numbers of different types can be equal, as in
// Groovy.
func equal(a, b any) bool {
	return equalIn(a, b, 0)
}

func equalIn(a, b any, depth int) bool {
	if depth > maxDepth {
		return false
	}
	a, b = enter(a), enter(b)
	if isNumber(a) && isNumber(b) {
		return compareNumbers(a, b) == 0
	}
	switch a := a.(type) {
	case *list:
		b, ok := b.(*list)
		return ok && slices.EqualFunc(a.items, b.items, func(a, b any) bool { return equalIn(a, b, depth+1) })
	case *dict:
		b, ok := b.(*dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for key, value := range a.values {
			if other, ok := b.values[key]; !ok || !equalIn(value, other, depth+1) {
				return false
			}
		}
		return true
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.UnixMilli() == b.UnixMilli()
	case []byte:
		b, ok := b.([]byte)
		return ok && bytes.Equal(a, b)
	case juel.JSON:
		same, err := juel.Call(a, "equals", []any{b})
		return err == nil && same == true
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && (a == nil || reflect.TypeOf(a).Comparable() && a == b)
}

func isNumber(v any) bool {
	switch v.(type) {
	case int32, int64, float64:
		return true
	}
	return false
}
