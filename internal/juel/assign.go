package juel

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Assign sets what the expression names: a variable as ${a}, a key, element or
// property below one as ${order.lines[0].price}. Maps and lists are not changed:
// copies with the new value are set, up to the variable, so that a Setter sees every
// change. Properties of an Object go to its PropertySetter. The error is an
// *EvalError.
func (e *Expression) Assign(s Scope, value any) error {
	r := run{expression: e, scope: s, left: MaxSteps}
	return r.assign(e.root, normal(value))
}

func (r *run) assign(n *node, value any) error {
	if err := r.spend(1); err != nil {
		return r.fail(n, err)
	}
	switch n.kind {
	case kindIdentifier:
		if err := r.set(n.name, value); err != nil {
			return r.fail(n, err)
		}
		return nil
	case kindMember:
		return r.assignMember(n, value)
	}
	return r.fail(n, errors.New("only a variable, or a property of one as in "+quoted("${a.b}")+", can be assigned to"))
}

func (r *run) set(name string, value any) error {
	setter, ok := r.scope.(Setter)
	if !ok {
		return fmt.Errorf("%s: variables cannot be set here", name)
	}
	return setter.Set(name, value)
}

func (r *run) assignMember(n *node, value any) error {
	base, err := r.eval(n.left)
	if err != nil {
		return err
	}
	key, err := r.key(n)
	if err != nil {
		return err
	}
	if object, ok := base.(PropertySetter); ok {
		if err := setProperty(object, key, value); err != nil {
			return r.fail(n, err)
		}
		return nil
	}
	if err := r.weigh(base); err != nil {
		return r.fail(n, err)
	}
	changed, err := with(base, key, value)
	if err != nil {
		return r.fail(n, err)
	}
	return r.assign(n.left, changed)
}

func setProperty(object PropertySetter, key, value any) error {
	name, err := Text(key)
	if err != nil {
		return err
	}
	if forbidden[name] {
		return fmt.Errorf("%s: %w", quoted(name), ErrForbidden)
	}
	return object.SetProperty(name, value)
}

// with returns a copy of base in which key has the value.
func with(base, key, value any) (any, error) {
	switch v := base.(type) {
	case map[string]any:
		name, ok := key.(string)
		if !ok {
			return nil, errors.New("the keys of a map are texts")
		}
		changed := maps.Clone(v)
		if changed == nil {
			changed = map[string]any{}
		}
		changed[name] = value
		return changed, nil
	case []any:
		index, err := toIndex(key)
		if err != nil {
			return nil, err
		}
		if index < 0 || index >= int64(len(v)) {
			return nil, outside()
		}
		changed := slices.Clone(v)
		changed[index] = value
		return changed, nil
	case JSON:
		return v.with(key, value)
	case nil:
		return nil, errors.New("null has no properties to set; give the variable a map first")
	}
	return nil, fmt.Errorf("%s has no properties that can be set", typeName(base))
}

// with returns the object with a member set: numbers, Booleans, null and JSON as
// they are, all else as text.
func (j JSON) with(key, value any) (any, error) {
	name, ok := key.(string)
	fields, err := j.fields()
	if err != nil {
		return nil, err
	}
	if !ok || fields == nil {
		return nil, errors.New("only the members of a JSON object can be set")
	}
	switch v := value.(type) {
	case nil, bool, int32, int64, float64, string:
	case JSON:
		value = json.RawMessage(v)
	default:
		if value, err = Text(v); err != nil {
			return nil, err
		}
	}
	if fields[name], err = json.Marshal(value); err != nil {
		return nil, errors.New("the value cannot be written as JSON")
	}
	document, err := json.Marshal(fields)
	return JSON(document), err
}
