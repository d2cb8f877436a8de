package script

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// truth is Groovy's: null, zero, empty texts, lists and maps are false.
func truth(v any) bool {
	switch v := enter(v).(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int32:
		return v != 0
	case int64:
		return v != 0
	case float64:
		return v != 0
	case *list:
		return len(v.items) > 0
	case *dict:
		return len(v.keys) > 0
	}
	return true
}

// binary is a op b.
func binary(f *frame, op string, a, b any) (any, error) {
	switch op {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "<", "<=", ">", ">=", "<=>":
		return compared(op, a, b)
	case "in":
		return contains(b, a)
	case "..", "..<":
		return span(a, b, op == "..<")
	case "<<":
		return appended(a, b)
	case "&", "|", "^":
		return bits(op, a, b)
	}
	if isNumber(a) && isNumber(b) {
		return calculate(op, a, b)
	}
	switch op {
	case "+":
		return plus(a, b)
	case "-":
		return minus(a, b)
	case "*":
		if s, ok := a.(string); ok && isNumber(b) {
			n, err := juel.Integer(b)
			if err != nil || n < 0 || n*int64(max(len(s), 1)) > maxLength {
				return nil, tooMuch("a text would be repeated %d times", n)
			}
			return strings.Repeat(s, int(n)), nil
		}
	}
	return nil, noOperator(op, a, b)
}

func noOperator(op string, a, b any) error {
	if a == nil || b == nil {
		return fmt.Errorf("%s has null on one side; test for null first, or write (a ?: 0)", op)
	}
	return fmt.Errorf("%s and %s have no %s", kindOf(a), kindOf(b), op)
}

// kindOf names a value's type for errors.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a Boolean"
	case int32, int64, float64:
		return "a number"
	case string:
		return "a text"
	case time.Time:
		return "a date"
	case *list:
		return "a list"
	case *dict:
		return "a map"
	case *closure:
		return "a closure"
	case *class:
		return "a class"
	}
	return "an object"
}

func plus(a, b any) (any, error) {
	_, text1 := a.(string)
	_, text2 := b.(string)
	if text1 || text2 {
		left, err := text(a)
		if err != nil {
			return nil, err
		}
		right, err := text(b)
		if len(left)+len(right) > maxLength {
			return nil, tooMuch("a text is longer than %d bytes", maxLength)
		}
		return left + right, err
	}
	switch x := a.(type) {
	case *list:
		sum := &list{items: slices.Clone(x.items)}
		if y, ok := b.(*list); ok {
			return sum, sum.insert(len(sum.items), y.items...)
		}
		return sum, sum.insert(len(sum.items), b)
	case *dict:
		y, ok := b.(*dict)
		if !ok {
			break
		}
		sum := newDict()
		for _, d := range []*dict{x, y} {
			for _, key := range d.keys {
				v, _ := d.get(key)
				if err := sum.put(key, v); err != nil {
					return nil, err
				}
			}
		}
		return sum, nil
	case time.Time:
		if days, ok := whole(b); ok && days < 1e6 && days > -1e6 {
			return x.AddDate(0, 0, int(days)), nil
		}
	}
	return nil, noOperator("+", a, b)
}

func minus(a, b any) (any, error) {
	switch x := a.(type) {
	case string:
		other, err := text(b)
		return strings.Replace(x, other, "", 1), err
	case *list:
		y, ok := b.(*list)
		if !ok {
			y = &list{items: []any{b}}
		}
		if len(x.items)*len(y.items) > 10*maxItems {
			return nil, tooMuch("lists of %d and %d items are too long to subtract", len(x.items), len(y.items))
		}
		rest := &list{}
		for _, item := range x.items {
			if !slices.ContainsFunc(y.items, func(other any) bool { return equal(item, other) }) {
				rest.items = append(rest.items, item)
			}
		}
		return rest, nil
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return int32(x.Sub(y) / (24 * time.Hour)), nil
		}
		if days, ok := whole(b); ok && days < 1e6 && days > -1e6 {
			return x.AddDate(0, 0, -int(days)), nil
		}
	}
	return nil, noOperator("-", a, b)
}

// order compares two values, null before all others.
func order(a, b any) (int, error) {
	if a == nil || b == nil {
		return cmp.Compare(btoi(a != nil), btoi(b != nil)), nil
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), nil
		}
	case time.Time:
		if y, ok := b.(time.Time); ok {
			return cmp.Compare(x.UnixMilli(), y.UnixMilli()), nil
		}
	case bool:
		if y, ok := b.(bool); ok {
			return cmp.Compare(btoi(x), btoi(y)), nil
		}
	}
	if isNumber(a) && isNumber(b) {
		return compareNumbers(a, b), nil
	}
	return 0, fmt.Errorf("%s and %s have no order", kindOf(a), kindOf(b))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compared(op string, a, b any) (any, error) {
	n, err := order(a, b)
	if err != nil {
		return nil, err
	}
	switch op {
	case "<":
		return n < 0, nil
	case "<=":
		return n <= 0, nil
	case ">":
		return n > 0, nil
	case ">=":
		return n >= 0, nil
	}
	return int32(n), nil
}

func contains(where, v any) (any, error) {
	switch w := where.(type) {
	case nil:
		return false, nil
	case *list:
		return slices.ContainsFunc(w.items, func(item any) bool { return equal(item, v) }), nil
	case *dict:
		key, err := keyOf(v)
		_, ok := w.values[key]
		return ok && err == nil, nil
	case string:
		part, ok := v.(string)
		return ok && strings.Contains(w, part), nil
	}
	return nil, noOperator("in", v, where)
}

// span is a..b, as a list.
func span(a, b any, open bool) (any, error) {
	from, ok := whole(a)
	to, ok2 := whole(b)
	if !ok || !ok2 {
		return nil, errors.New("a range goes from one whole number to another here")
	}
	if max(from, to)-min(from, to) >= maxItems || max(from, -from) > math.MaxInt32 || max(to, -to) > math.MaxInt32 {
		return nil, tooMuch("a range has more than %d numbers", maxItems)
	}
	l := &list{}
	down := from > to
	for n := from; ; {
		if n == to && open {
			break
		}
		l.items = append(l.items, narrow(n))
		if n == to {
			break
		}
		if n++; down {
			n -= 2
		}
	}
	return l, nil
}

func appended(a, b any) (any, error) {
	if l, ok := a.(*list); ok {
		return l, l.insert(len(l.items), b)
	}
	if _, ok := a.(string); ok {
		return plus(a, b)
	}
	return nil, noOperator("<<", a, b)
}

func bits(op string, a, b any) (any, error) {
	x, ok := a.(bool)
	y, ok2 := b.(bool)
	if ok && ok2 {
		return map[string]bool{"&": x && y, "|": x || y, "^": x != y}[op], nil
	}
	n, ok := whole(a)
	m, ok2 := whole(b)
	if !ok || !ok2 {
		return nil, noOperator(op, a, b)
	}
	result := map[string]int64{"&": n & m, "|": n | m, "^": n ^ m}[op]
	if _, ok := a.(int32); ok {
		if _, ok := b.(int32); ok {
			return int32(result), nil
		}
	}
	return result, nil
}

// cast is v as a type, and what a declaration with a type makes of its value.
func cast(kind string, v any) (any, error) {
	if v == nil || kind == "" {
		return v, nil
	}
	switch kind {
	case "String":
		return text(v)
	case "boolean":
		return truth(v), nil
	}
	if kind == "int" || kind == "long" {
		n, err := integer(v)
		if kind == "int" {
			return int32(n), err
		}
		return n, err
	}
	if v == "" {
		return nil, errors.New("there is no number to read")
	}
	return juel.Float(v)
}

// instance is v instanceof name.
func instance(name string, v any) bool {
	switch v.(type) {
	case nil:
		return false
	case string:
		return name == "String" || name == "CharSequence" || name == "Object"
	case int32:
		return name == "Integer" || name == "Number" || name == "Object"
	case int64:
		return name == "Long" || name == "Number" || name == "Object"
	case float64:
		return name == "Double" || name == "BigDecimal" || name == "Number" || name == "Object"
	case bool:
		return name == "Boolean" || name == "Object"
	case time.Time:
		return name == "Date" || name == "Object"
	case *list:
		return strings.Contains("List ArrayList Collection Iterable Object", name)
	case *dict:
		return strings.Contains("Map HashMap LinkedHashMap Object", name)
	}
	return name == "Object"
}
