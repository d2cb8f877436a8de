package script

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluicehq/sluice/internal/juel"
)

// each returns what a for goes through.
func each(v any) ([]any, error) {
	switch v := enter(v).(type) {
	case nil:
		return nil, nil
	case *list:
		all, err := items(v)
		return slices.Clone(all), err
	case *dict:
		return v.entries(), nil
	case string:
		var all []any
		for _, r := range v {
			all = append(all, string(r))
		}
		return all, nil
	}
	return nil, fmt.Errorf("%s has nothing to go through", kindOf(v))
}

// read is v.name.
func (f *frame) read(v any, name string) (any, error) {
	if l, ok := v.(*list); ok {
		all := &list{}
		for i := range l.items {
			value, err := f.read(l.at(i), name)
			if err != nil {
				return nil, err
			}
			all.items = append(all.items, value)
		}
		return all, nil
	}
	if name == "metaClass" || name == "properties" {
		return nil, fmt.Errorf("%s: %w", name, juel.ErrForbidden)
	}
	return f.property(v, name)
}

// write is v.name = value.
func (f *frame) write(v any, name string, value any) error {
	if d, ok := v.(*dict); ok {
		return d.put(name, value)
	}
	setter, ok := v.(juel.PropertySetter)
	if !ok {
		return fmt.Errorf("the property %s of %s cannot be assigned to", name, kindOf(v))
	}
	plain, err := leave(value)
	if err != nil {
		return err
	}
	return setter.SetProperty(name, plain)
}

// element is v[i]: a list has null where it has no item, and counts from its end
// below zero.
func (f *frame) element(v, i any) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, errors.New("an element of null is read; test for null first")
	case *list:
		if many, ok := i.(*list); ok {
			return picked(many, func(at any) (any, error) { return f.element(v, at) })
		}
		n, ok := whole(i)
		if !ok {
			return nil, errors.New("a list has elements by whole number")
		}
		if n < 0 {
			n += int64(len(v.items))
		}
		if n < 0 || n >= int64(len(v.items)) {
			return nil, nil
		}
		return v.at(int(n)), nil
	case *dict:
		key, err := keyOf(i)
		value, _ := v.get(key)
		return value, err
	case string:
		letters := []rune(v)
		if many, ok := i.(*list); ok {
			l, err := picked(many, func(at any) (any, error) { return f.element(v, at) })
			if err != nil {
				return nil, err
			}
			return joined(l.items, "")
		}
		n, ok := whole(i)
		if ok && n < 0 {
			n += int64(len(letters))
		}
		if !ok || n < 0 || n >= int64(len(letters)) {
			return nil, errors.New("the text has no such character")
		}
		return string(letters[n]), nil
	}
	key, err := keyOf(i)
	if err != nil {
		return nil, err
	}
	return f.read(v, key)
}

func picked(many *list, pick func(any) (any, error)) (*list, error) {
	l := &list{}
	for _, at := range many.items {
		v, err := pick(at)
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, v)
	}
	return l, nil
}

// setElement is v[i] = value.
func (f *frame) setElement(v, i, value any) error {
	switch v := v.(type) {
	case *list:
		n, ok := whole(i)
		if ok && n < 0 {
			n += int64(len(v.items))
		}
		if !ok || n < 0 {
			return errors.New("a list has elements by whole number")
		}
		return v.set(int(min(n, maxItems)), value)
	case *dict:
		key, err := keyOf(i)
		if err != nil {
			return err
		}
		return v.put(key, value)
	}
	return fmt.Errorf("no element of %s can be set", kindOf(v))
}

// method is v.name(args): what Groovy adds to Java's classes first.
func (f *frame) method(v any, name string, args []any) (any, error) {
	v = enter(v)
	if v == nil {
		return nil, fmt.Errorf("the method %s is called on null; test for null first, or use ?. to call it", name)
	}
	if c, ok := v.(*closure); ok && (name == "call" || name == "doCall") {
		return c.call(args...)
	}
	if _, ok := v.(output); ok && (name == "println" || name == "print") {
		return nil, f.show(args)
	}
	var result any
	err := juel.ErrNoMethod
	if do := additions[fmt.Sprintf("%s/%d", name, len(args))]; do != nil {
		result, err = do(f, v, args)
	}
	if !errors.Is(err, juel.ErrNoMethod) {
		return result, err
	}
	return f.member(v, name, args)
}
