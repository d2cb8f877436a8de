package script

import (
	"cmp"
	"errors"
	"math"

	"github.com/sluicehq/sluice/internal/juel"
)

// Numbers are those of Java without BigDecimal, for which a Double stands.

// compareNumbers compares two numbers by value.
func compareNumbers(a, b any) int {
	x, isLong := whole(a)
	y, isLong2 := whole(b)
	if isLong && isLong2 {
		return cmp.Compare(x, y)
	}
	f, _ := juel.Float(a)
	g, _ := juel.Float(b)
	return cmp.Compare(f, g)
}

func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}

func negate(v any) (any, error) {
	switch v := v.(type) {
	case int32:
		return -v, nil
	case int64:
		return -v, nil
	case float64:
		return -v, nil
	}
	return nil, errors.New("only a number has a negative")
}

// calculate is + - * / % and ** of two numbers, as Groovy has it: Integer stays
// Integer and Long stays Long (and wraps around), / is never whole.
func calculate(op string, a, b any) (any, error) {
	x, isLong := whole(a)
	y, isLong2 := whole(b)
	if !isLong || !isLong2 || op == "/" || op == "**" && y < 0 {
		return calculateFloat(op, a, b)
	}
	var n int64
	switch op {
	case "+":
		n = x + y
	case "-":
		n = x - y
	case "*":
		n = x * y
	case "%":
		if y == 0 {
			return nil, errors.New("division by zero")
		}
		n = x % y
	case "**":
		f := math.Pow(float64(x), float64(y))
		if math.Abs(f) >= 1<<53 {
			return f, nil
		}
		if math.Abs(f) > math.MaxInt32 {
			return int64(f), nil
		}
		n = int64(f)
	}
	_, int1 := a.(int32)
	_, int2 := b.(int32)
	if int1 && int2 {
		return int32(n), nil
	}
	return n, nil
}

func calculateFloat(op string, a, b any) (any, error) {
	f, err := juel.Float(a)
	if err != nil {
		return nil, err
	}
	g, err := juel.Float(b)
	if err != nil {
		return nil, err
	}
	switch op {
	case "+":
		return f + g, nil
	case "-":
		return f - g, nil
	case "*":
		return f * g, nil
	case "**":
		return math.Pow(f, g), nil
	}
	if g == 0 {
		return nil, errors.New("division by zero")
	}
	if op == "/" {
		return f / g, nil
	}
	return math.Mod(f, g), nil
}
