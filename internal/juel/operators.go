package juel

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// calculate is + - * / and %: in Double when one side is one or is a text with a
// point or exponent, else in Long, which wraps around; / is always in Double. Null
// and "" count as 0 (EL 2.2, 1.7).
func calculate(op symbol, left, right any) (any, error) {
	if left == nil && right == nil {
		return int64(0), nil
	}
	if op == symDiv || floating(left) || floating(right) {
		return calculateFloat(op, left, right)
	}
	a, b, err := both(Integer, left, right)
	if err != nil {
		return nil, err
	}
	switch op {
	case symPlus:
		return a + b, nil
	case symMinus:
		return a - b, nil
	case symMul:
		return a * b, nil
	}
	if b == 0 {
		return nil, errors.New("the remainder of a division by zero does not exist")
	}
	return a % b, nil
}

func calculateFloat(op symbol, left, right any) (any, error) {
	a, b, err := both(Float, left, right)
	if err != nil {
		return nil, err
	}
	switch op {
	case symPlus:
		return a + b, nil
	case symMinus:
		return a - b, nil
	case symMul:
		return a * b, nil
	case symDiv:
		return a / b, nil
	}
	return math.Mod(a, b), nil
}

// both coerces two operands, the left one first.
func both[T any](coerce func(any) (T, error), left, right any) (a, b T, err error) {
	if a, err = coerce(left); err == nil {
		b, err = coerce(right)
	}
	return a, b, err
}

// floating reports whether an operand makes an operation one of Doubles.
func floating(v any) bool {
	switch v := v.(type) {
	case float64:
		return true
	case string:
		return fractional(v)
	}
	return false
}

// fractional reports whether a number in a text is to be read as a Double.
func fractional(s string) bool {
	for i := range len(s) {
		if s[i] == '.' || s[i] == 'e' || s[i] == 'E' {
			return true
		}
	}
	return false
}

func negate(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return int64(0), nil
	case int32:
		return -v, nil
	case int64:
		return -v, nil
	case float64:
		return -v, nil
	case string:
		if fractional(v) {
			number, err := Float(v)
			return -number, err
		}
		number, err := Integer(v)
		return -number, err
	}
	return nil, fmt.Errorf("%s cannot be negated", typeName(v))
}

// compare is == != < <= > >=. Null is equal to null only and never less or greater
// (EL 2.2, 1.8).
func compare(op symbol, left, right any) (bool, error) {
	switch op {
	case symEq:
		return equal(left, right)
	case symNe:
		same, err := equal(left, right)
		return !same, err
	}
	if left == nil || right == nil {
		return left == nil && right == nil && (op == symLe || op == symGe), nil
	}
	if identical(left, right) {
		return op == symLe || op == symGe, nil
	}
	less, greater, err := order(left, right)
	switch op {
	case symLt:
		return less, err
	case symGt:
		return greater, err
	case symLe:
		return !greater, err
	}
	return !less, err
}

// identical reports whether two lists or maps are one and the same.
func identical(left, right any) bool {
	switch a := left.(type) {
	case []any:
		b, ok := right.([]any)
		return ok && len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
	case map[string]any:
		b, ok := right.(map[string]any)
		return ok && reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
	}
	return false
}

// order compares as numbers when one side is a number, else as texts when one side
// is a text, else two of the same type.
func order(left, right any) (less, greater bool, err error) {
	switch {
	case double(left) || double(right):
		return ordered(Float, left, right)
	case whole(left) || whole(right):
		return ordered(Integer, left, right)
	case isText(left) || isText(right):
		return orderTexts(left, right)
	}
	switch a := left.(type) {
	case time.Time:
		if b, ok := right.(time.Time); ok {
			return a.Before(b), a.After(b), nil
		}
	case bool:
		if b, ok := right.(bool); ok {
			return !a && b, a && !b, nil
		}
	}
	return false, false, fmt.Errorf("%s and %s have no order", typeName(left), typeName(right))
}

func ordered[T cmp.Ordered](coerce func(any) (T, error), left, right any) (less, greater bool, err error) {
	a, b, err := both(coerce, left, right)
	return a < b, a > b, err
}

// orderTexts goes by UTF-16, as Java does.
func orderTexts(left, right any) (less, greater bool, err error) {
	a, b, err := both(Text, left, right)
	c := compareText(a, b)
	return c < 0, c > 0, err
}

func double(v any) bool { _, ok := v.(float64); return ok }

func isText(v any) bool { _, ok := v.(string); return ok }

func whole(v any) bool {
	switch v.(type) {
	case int32, int64:
		return true
	}
	return false
}

// equal is ==: the types are adjusted as in order, Booleans included.
func equal(left, right any) (bool, error) {
	if left == nil || right == nil {
		return left == nil && right == nil, nil
	}
	_, leftBool := left.(bool)
	_, rightBool := right.(bool)
	switch {
	case double(left) || double(right):
		return bothAre(left, right, Float, sameDouble)
	case whole(left) || whole(right):
		return bothAre(left, right, Integer, same[int64])
	case leftBool || rightBool:
		return bothAre(left, right, Truth, same[bool])
	case isText(left) || isText(right):
		return bothAre(left, right, Text, same[string])
	}
	return equals(left, right, 0), nil
}

func bothAre[T any](left, right any, convert func(any) (T, error), same func(a, b T) bool) (bool, error) {
	a, err := convert(left)
	if err != nil {
		return false, err
	}
	b, err := convert(right)
	return err == nil && same(a, b), err
}

func same[T comparable](a, b T) bool { return a == b }

// sameDouble is Double.equals: NaN is equal to itself, 0.0 is not equal to -0.0.
func sameDouble(a, b float64) bool {
	return doubleBits(a) == doubleBits(b)
}

// doubleBits is Double.doubleToLongBits: there is one NaN.
func doubleBits(f float64) uint64 {
	if math.IsNaN(f) {
		return 0x7ff8000000000000
	}
	return math.Float64bits(f)
}

// equals is the method equals of Java: the types must be the same.
func equals(left, right any, depth int) bool {
	if depth > maxNesting {
		return false
	}
	left, right = normal(left), normal(right)
	switch a := left.(type) {
	case float64:
		b, ok := right.(float64)
		return ok && sameDouble(a, b)
	case time.Time:
		b, ok := right.(time.Time)
		return ok && a.UnixMilli() == b.UnixMilli()
	case []any:
		b, ok := right.([]any)
		return ok && equalLists(a, b, depth)
	case map[string]any:
		b, ok := right.(map[string]any)
		return ok && equalMaps(a, b, depth)
	case JSON:
		b, ok := right.(JSON)
		return ok && equalDocuments(a, b)
	}
	if left == nil || right == nil {
		return left == nil && right == nil
	}
	return reflect.ValueOf(left).Comparable() && reflect.ValueOf(right).Comparable() && left == right
}

func equalLists(a, b []any, depth int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !equals(a[i], b[i], depth+1) {
			return false
		}
	}
	return true
}

func equalMaps(a, b map[string]any, depth int) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		other, ok := b[key]
		if !ok || !equals(value, other, depth+1) {
			return false
		}
	}
	return true
}

// empty is the operator of that name: null, "", and lists and maps without anything.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
