package script

import (
	"cmp"
	"errors"

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
