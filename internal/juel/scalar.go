package juel

import (
	"cmp"
	"errors"
	"math"
	"time"
)

// onNumber is java.lang.Number with what Integer, Long and Double add to it.
func (c *call) onNumber(v any) (any, error) {
	f, _ := v.(float64)
	switch {
	case c.is("intValue", 0):
		return int32Value(v), nil
	case c.is("shortValue", 0):
		return int32(int16(int32Value(v))), nil
	case c.is("byteValue", 0):
		return int32(int8(int32Value(v))), nil
	case c.is("longValue", 0):
		return Integer(v)
	case c.is("doubleValue", 0):
		return Float(v)
	case c.is("floatValue", 0):
		number, err := Float(v)
		return float64(float32(number)), err
	case c.is("isNaN", 0) && double(v):
		return math.IsNaN(f), nil
	case c.is("isInfinite", 0) && double(v):
		return math.IsInf(f, 0), nil
	case c.is("compareTo", 1):
		return c.compareNumber(v)
	}
	return nil, ErrNoMethod
}

// int32Value is Java's cast to int: a Double stops at the ends, a Long loses its
// upper half.
func int32Value(v any) int32 {
	if f, ok := v.(float64); ok {
		return int32(max(math.MinInt32, min(math.MaxInt32, truncate(f))))
	}
	number, _ := Integer(v)
	return int32(number)
}

// compareNumber is compareTo: for Doubles NaN is the greatest, and -0.0 is less than 0.0.
func (c *call) compareNumber(v any) (any, error) {
	if c.args[0] == nil {
		return nil, errors.New("compareTo takes a number")
	}
	if f, ok := v.(float64); ok {
		other, err := Float(c.args[0])
		return int32(compareDoubles(f, other)), err
	}
	number, err := Integer(v)
	if err != nil {
		return nil, err
	}
	other, err := Integer(c.args[0])
	return int32(cmp.Compare(number, other)), err
}

func compareDoubles(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return cmp.Compare(int64(doubleBits(a)), int64(doubleBits(b)))
}

// onBoolean is java.lang.Boolean.
func (c *call) onBoolean(v bool) (any, error) {
	switch {
	case c.is("booleanValue", 0):
		return v, nil
	case c.is("compareTo", 1):
		other, err := Truth(c.args[0])
		return int32(cmp.Compare(truthNumber(v), truthNumber(other))), err
	}
	return nil, ErrNoMethod
}

func truthNumber(v bool) int {
	if v {
		return 1
	}
	return 0
}

// dateProperty is what java.util.Date tells of itself, in the date's own location:
// the year counts from 1900, months and days of the week from 0.
func dateProperty(t time.Time, name string) (any, bool) {
	switch name {
	case "time":
		return t.UnixMilli(), true
	case "year":
		return int32(t.Year() - 1900), true
	case "month":
		return int32(t.Month() - 1), true
	case "date":
		return int32(t.Day()), true
	case "day":
		return int32(t.Weekday()), true
	case "hours":
		return int32(t.Hour()), true
	case "minutes":
		return int32(t.Minute()), true
	case "seconds":
		return int32(t.Second()), true
	case "timezoneOffset":
		_, seconds := t.Zone()
		return int32(-seconds / 60), true
	}
	return nil, false
}

// onDate is java.util.Date without what changes it.
func (c *call) onDate(t time.Time) (any, error) {
	if name, ok := propertyOf(c.method); ok && len(c.args) == 0 {
		if value, ok := dateProperty(t, name); ok {
			return value, nil
		}
	}
	if !c.is("before", 1) && !c.is("after", 1) && !c.is("compareTo", 1) {
		return nil, ErrNoMethod
	}
	other, ok := c.args[0].(time.Time)
	if !ok {
		return nil, errors.New("a date can be compared with a date only")
	}
	order := cmp.Compare(t.UnixMilli(), other.UnixMilli())
	switch c.method {
	case "before":
		return order < 0, nil
	case "after":
		return order > 0, nil
	}
	return int32(order), nil
}
