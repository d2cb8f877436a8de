package dmn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// maxCompared is how many pairs of items two lists may have to be compared.
const maxCompared = 1_000_000

// functionObject is the object behind the functions of cells.
type functionObject struct{ now time.Time }

// Property knows none.
func (functionObject) Property(string) (any, bool, error) { return nil, false, nil }

// Call calls a function. The first argument of those about lists is the column's value.
func (f functionObject) Call(name string, args []any) (any, error) {
	switch {
	case name == "now" && len(args) == 0:
		return midnight(f.now), nil
	case name == "date" && len(args) == 1:
		return f.date(args[0])
	case (name == "addDate" || name == "subtractDate") && len(args) == 4:
		return f.shift(name == "addDate", args)
	case name == "same" && len(args) == 2:
		return equal(args[0], args[1]), nil
	case len(args) > 1:
		return aboutLists(name, args[0], flat(args[1:]))
	}
	return nil, unknownFunction(name, args)
}

// aboutLists calls the functions that compare the column's value with a list.
func aboutLists(name string, value any, wanted []any) (any, error) {
	values := asList(value)
	if len(values)*len(wanted) > maxCompared {
		return nil, fmt.Errorf("lists of %d and %d items take too long to compare", len(values), len(wanted))
	}
	switch name {
	case "contains":
		return contains(value, wanted)
	case "in":
		return anyEqual([]any{value}, wanted), nil
	case "anyOf":
		return anyEqual(values, wanted), nil
	case "noneOf":
		return !anyEqual(values, wanted), nil
	case "allOf":
		return allEqual(values, wanted), nil
	}
	return nil, unknownFunction(name, wanted)
}

func unknownFunction(name string, args []any) error {
	return fmt.Errorf("the function %s with %d arguments: %w", name, len(args), juel.ErrNoMethod)
}

// date makes a date of a text; a date stays one.
func (f functionObject) date(v any) (any, error) {
	if date, ok := v.(time.Time); ok {
		return date, nil
	}
	text, err := juel.Text(v)
	if err != nil {
		return nil, err
	}
	return parseDate(text, f.now.Location())
}

// dateForms are how dates are written; those without zone are in the decision's.
var dateForms = []string{"2006-01-02", "02-01-2006", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02Z07:00"}

func parseDate(text string, zone *time.Location) (time.Time, error) {
	text = strings.TrimSpace(text)
	for _, form := range dateForms {
		if date, err := time.ParseInLocation(form, text, zone); err == nil {
			return date, nil
		}
	}
	return time.Time{}, errors.New("a text is no date; write it as 2016-01-31")
}

func midnight(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, t.Location())
}

// shift adds years, months and days to a date, or takes them off; its time is
// dropped. A day that a month does not have becomes the month's last.
func (f functionObject) shift(forward bool, args []any) (any, error) {
	v, err := f.date(args[0])
	if err != nil {
		return nil, err
	}
	var by [3]int
	for i := range by {
		n, err := juel.Integer(args[i+1])
		if err != nil {
			return nil, err
		}
		if n < -1_000_000 || n > 1_000_000 {
			return nil, errors.New("a date is moved by a million years, months or days at most")
		}
		if by[i] = int(n); !forward {
			by[i] = -by[i]
		}
	}
	date, _ := v.(time.Time)
	date = midnight(date.In(f.now.Location()))
	return addMonths(addMonths(date, 12*by[0]), by[1]).AddDate(0, 0, by[2]), nil
}

func addMonths(t time.Time, months int) time.Time {
	first := t.AddDate(0, 0, 1-t.Day()).AddDate(0, months, 0)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// contains reports whether a text has all of the others in it, or a list all of the
// items.
func contains(v any, wanted []any) (bool, error) {
	text, ok := v.(string)
	if !ok {
		return allEqual(asList(v), wanted), nil
	}
	for _, one := range wanted {
		part, err := juel.Text(one)
		if err != nil || !strings.Contains(text, part) {
			return false, err
		}
	}
	return true, nil
}

// asList is a list, and what is none is a list of itself; null is an empty one.
func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// flat takes the lists among values apart.
func flat(values []any) []any {
	var out []any
	for _, v := range values {
		if list, ok := v.([]any); ok {
			out = append(out, list...)
			continue
		}
		out = append(out, v)
	}
	return out
}

func anyEqual(values, wanted []any) bool {
	for _, one := range wanted {
		if slices.ContainsFunc(values, func(value any) bool { return equal(value, one) }) {
			return true
		}
	}
	return false
}

func allEqual(values, wanted []any) bool {
	for _, one := range wanted {
		if !anyEqual(values, []any{one}) {
			return false
		}
	}
	return true
}

// same is the operator == of expressions.
var same = mustParse("${a == b}")

func mustParse(text string) *juel.Expression {
	e, err := juel.Parse(text)
	if err != nil {
		panic(err)
	}
	return e
}

// equal compares two values; those of types that cannot be compared are not equal.
func equal(a, b any) bool {
	v, err := same.Eval(names{"a": a, "b": b})
	return err == nil && v == true
}

// names is a scope made of a map.
type names map[string]any

// Lookup returns what the map has.
func (n names) Lookup(name string) (any, bool) {
	value, ok := n[name]
	return value, ok
}
