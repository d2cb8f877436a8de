package juel

import (
	"errors"
	"maps"
	"slices"
)

// changing are the methods of lists and maps that an expression does not have.
var changing = map[string]bool{
	"add": true, "addAll": true, "set": true, "remove": true, "removeAll": true, "removeIf": true, "retainAll": true, "clear": true,
	"sort": true, "put": true, "putAll": true, "putIfAbsent": true, "replace": true, "replaceAll": true,
}

func readOnly() error {
	return errors.New("expressions do not change lists and maps; set a variable to a new one instead")
}

// onList is java.util.List without what changes it and without streams.
func (c *call) onList(list []any) (any, error) {
	switch {
	case c.is("size", 0):
		return int32(len(list)), nil
	case c.is("isEmpty", 0):
		return len(list) == 0, nil
	case c.is("get", 1):
		return c.item(list)
	case c.is("getFirst", 0) && len(list) > 0:
		return list[0], nil
	case c.is("getLast", 0) && len(list) > 0:
		return list[len(list)-1], nil
	case c.is("contains", 1):
		return find(list, c.args[0]) >= 0, nil
	case c.is("containsAll", 1):
		return c.containsAll(list)
	case c.is("indexOf", 1):
		return int32(find(list, c.args[0])), nil
	case c.is("lastIndexOf", 1):
		return int32(findLast(list, c.args[0])), nil
	case c.is("subList", 2):
		return c.subList(list)
	case c.is("toArray", 0):
		return list, nil
	case c.is("iterator", 0):
		return &iterator{items: list}, nil
	case changing[c.method]:
		return nil, readOnly()
	}
	return nil, ErrNoMethod
}

func (c *call) item(list []any) (any, error) {
	at, err := c.number(0)
	if err != nil {
		return nil, err
	}
	if at < 0 || at >= len(list) {
		return nil, outside()
	}
	return list[at], nil
}

func (c *call) containsAll(list []any) (any, error) {
	wanted, ok := c.args[0].([]any)
	if !ok {
		return nil, errors.New("containsAll takes a list")
	}
	if len(list) > 0 && len(wanted) > 10_000_000/len(list) {
		return nil, ErrLimit
	}
	for _, item := range wanted {
		if find(list, item) < 0 {
			return false, nil
		}
	}
	return true, nil
}

func (c *call) subList(list []any) (any, error) {
	from, err := c.number(0)
	if err != nil {
		return nil, err
	}
	to, err := c.number(1)
	if err != nil {
		return nil, err
	}
	if from < 0 || to > len(list) || from > to {
		return nil, outside()
	}
	return list[from:to:to], nil
}

func find(list []any, item any) int {
	return slices.IndexFunc(list, func(other any) bool { return equals(other, item, 0) })
}

func findLast(list []any, item any) int {
	for i := len(list) - 1; i >= 0; i-- {
		if equals(list[i], item, 0) {
			return i
		}
	}
	return -1
}

// onMap is java.util.Map without what changes it. Keys come sorted.
func (c *call) onMap(m map[string]any) (any, error) {
	switch {
	case c.is("size", 0):
		return int32(len(m)), nil
	case c.is("isEmpty", 0):
		return len(m) == 0, nil
	case c.is("get", 1), c.is("getOrDefault", 2):
		if value, ok := m[c.key()]; ok && isText(c.args[0]) {
			return value, nil
		}
		return slices.Concat(c.args[1:], []any{nil})[0], nil
	case c.is("containsKey", 1):
		_, ok := m[c.key()]
		return ok && isText(c.args[0]), nil
	case c.is("containsValue", 1):
		return find(slices.Collect(maps.Values(m)), c.args[0]) >= 0, nil
	case c.is("keySet", 0):
		return collect(m, func(key string, _ any) any { return key }), nil
	case c.is("values", 0):
		return collect(m, func(_ string, value any) any { return value }), nil
	case c.is("entrySet", 0):
		return collect(m, func(key string, value any) any { return entry{key, value} }), nil
	case changing[c.method]:
		return nil, readOnly()
	}
	return nil, ErrNoMethod
}

// key is the first argument when it is a text, else a key that nobody asks for.
func (c *call) key() string {
	key, _ := c.args[0].(string)
	return key
}

func collect(m map[string]any, pick func(key string, value any) any) []any {
	list := make([]any, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, pick(key, m[key]))
	}
	return list
}

// entry is one of entrySet.
type entry struct {
	key   string
	value any
}

// Property is the key or the value.
func (e entry) Property(name string) (any, bool, error) {
	switch name {
	case "key":
		return e.key, true, nil
	case "value":
		return e.value, true, nil
	}
	return nil, false, nil
}

// Call knows no method but the getters of its properties.
func (e entry) Call(string, []any) (any, error) { return nil, ErrNoMethod }

// iterator goes over a list or the fields of a JSON value.
type iterator struct {
	items []any
	at    int
}

// Property knows none.
func (i *iterator) Property(string) (any, bool, error) { return nil, false, nil }

// Call is hasNext and next.
func (i *iterator) Call(method string, args []any) (any, error) {
	c := call{method: method, args: args}
	switch {
	case c.is("hasNext", 0):
		return i.at < len(i.items), nil
	case c.is("next", 0) && i.at < len(i.items):
		i.at++
		return i.items[i.at-1], nil
	case c.is("next", 0):
		return nil, errors.New("there is no next element; ask hasNext() first")
	}
	return nil, ErrNoMethod
}
