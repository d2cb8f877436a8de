package juel

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// forbidden are the names by which the original reaches classes, threads and
// whatever lies behind them. They are refused before an object is asked.
var forbidden = map[string]bool{
	"class": true, "getClass": true, "forName": true, "classLoader": true, "getClassLoader": true,
	"newInstance": true, "declaringClass": true, "getDeclaringClass": true,
	"wait": true, "notify": true, "notifyAll": true, "clone": true, "finalize": true,
}

// Property returns a property of a value, as value.name does. Null has every
// property, and it is null. The keys of a map are its properties, one that is not
// there is null. Errors: ErrNoProperty, ErrForbidden.
func Property(v any, name string) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return normal(v[name]), nil
	case JSON:
		return v.member(name)
	case []any:
		return element(v, name)
	}
	if forbidden[name] {
		return nil, fmt.Errorf("%s: %w", quoted(name), ErrForbidden)
	}
	if object, ok := v.(Object); ok {
		return objectProperty(object, name)
	}
	if value, ok := getter(v, name); ok {
		return value, nil
	}
	return nil, fmt.Errorf("%s of %s: %w", quoted(name), typeName(v), ErrNoProperty)
}

func objectProperty(o Object, name string) (any, error) {
	value, ok, err := o.Property(name)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", quoted(name), ErrNoProperty)
	}
	return normal(value), err
}

// getter finds what Java has as a getter without arguments.
func getter(v any, name string) (any, bool) {
	switch v := v.(type) {
	case string:
		switch name {
		case "empty":
			return v == "", true
		case "blank":
			return strings.TrimFunc(v, whitespace) == "", true
		}
	case float64:
		switch name {
		case "naN":
			return v != v, true
		case "infinite":
			return v-v != 0 && v == v, true
		}
	case time.Time:
		return dateProperty(v, name)
	}
	return nil, false
}

// element is base[key].
func element(base, key any) (any, error) {
	switch v := base.(type) {
	case []any:
		index, err := toIndex(key)
		if err != nil || index < 0 || index >= int64(len(v)) {
			return nil, err
		}
		return normal(v[index]), nil
	case map[string]any:
		name, ok := key.(string)
		if !ok {
			return nil, nil
		}
		return normal(v[name]), nil
	}
	name, err := Text(key)
	if err != nil {
		return nil, err
	}
	return Property(base, name)
}

// toIndex reads the index of a list: a number, a text that is one, or a Boolean.
func toIndex(key any) (int64, error) {
	switch v := key.(type) {
	case int32, int64, float64:
		return Integer(v)
	case bool:
		return int64(truthNumber(v)), nil
	case string:
		if index, err := Integer(v); err == nil && v != "" {
			return index, nil
		}
	}
	return 0, errors.New("a list has elements by number only; its methods are called with parentheses, as in size()")
}

// Call calls a method of a value, as value.method(args) does. Which methods there
// are is a fixed list for each type; none changes its value. Arguments are coerced
// to what the method takes. Errors: ErrNoMethod, ErrForbidden.
func Call(v any, method string, args []any) (any, error) {
	if forbidden[method] {
		return nil, fmt.Errorf("%s: %w", quoted(method), ErrForbidden)
	}
	if v == nil {
		return nil, fmt.Errorf("the method %s is called on null; test for null first", quoted(method))
	}
	v = normal(v)
	c := call{method: method, args: args}
	for i := range args {
		args[i] = normal(args[i])
	}
	value, err := c.on(v)
	if errors.Is(err, ErrNoMethod) && !isObject(v) {
		return nil, fmt.Errorf("%s with %d arguments on %s: %w", quoted(method), len(args), typeName(v), ErrNoMethod)
	}
	return normal(value), err
}

func isObject(v any) bool { _, ok := v.(Object); return ok }

// call is a method's name with its arguments.
type call struct {
	method string
	args   []any
}

// on finds the type's methods; those that all types have come last.
func (c *call) on(v any) (value any, err error) {
	err = ErrNoMethod
	switch v := v.(type) {
	case string:
		value, err = c.onString(v)
	case []any:
		value, err = c.onList(v)
	case map[string]any:
		value, err = c.onMap(v)
	case time.Time:
		value, err = c.onDate(v)
	case int32, int64, float64:
		value, err = c.onNumber(v)
	case bool:
		value, err = c.onBoolean(v)
	case JSON:
		value, err = c.onJSON(v)
	case Object:
		return c.onObject(v)
	}
	if errors.Is(err, ErrNoMethod) {
		return c.onAny(v)
	}
	return value, err
}

// onAny is what every value but an Object can do.
func (c *call) onAny(v any) (any, error) {
	switch {
	case c.is("toString", 0):
		return Text(v)
	case c.is("equals", 1):
		return equals(v, c.args[0], 0), nil
	case c.is("hashCode", 0):
		return hash(v, 0), nil
	}
	return nil, ErrNoMethod
}

// onObject asks the object; a getter that it does not know is its property.
func (c *call) onObject(o Object) (any, error) {
	value, err := o.Call(c.method, c.args)
	if errors.Is(err, ErrNoMethod) {
		if name, ok := propertyOf(c.method); ok && len(c.args) == 0 {
			if forbidden[name] {
				return nil, fmt.Errorf("%s: %w", quoted(c.method), ErrForbidden)
			}
			if value, ok, err := o.Property(name); ok || err != nil {
				return value, err
			}
		}
		return nil, fmt.Errorf("%s with %d arguments: %w", quoted(c.method), len(c.args), err)
	}
	return value, err
}

// propertyOf is the property that a getter reads: tenantId of getTenantId, URL of getURL.
func propertyOf(method string) (string, bool) {
	name, ok := strings.CutPrefix(method, "get")
	if !ok {
		name, ok = strings.CutPrefix(method, "is")
	}
	first, size := utf8.DecodeRuneInString(name)
	if !ok || !unicode.IsUpper(first) {
		return "", false
	}
	if second, _ := utf8.DecodeRuneInString(name[size:]); unicode.IsUpper(second) {
		return name, true
	}
	return string(unicode.ToLower(first)) + name[size:], true
}

// is reports whether the call is of this method with so many arguments.
func (c *call) is(method string, args int) bool {
	return c.method == method && len(c.args) == args
}

// text returns an argument as String; null is none.
func (c *call) text(i int) (string, error) {
	if c.args[i] == nil {
		return "", fmt.Errorf("argument %d of %s is null", i+1, quoted(c.method))
	}
	return Text(c.args[i])
}

// number returns an argument as int, which has 32 bits in Java.
func (c *call) number(i int) (int, error) {
	value, err := Integer(c.args[i])
	if err == nil && int64(int32(value)) != value {
		err = fmt.Errorf("argument %d of %s is beyond 32 bits", i+1, quoted(c.method))
	}
	return int(value), err
}
