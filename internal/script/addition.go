package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// addition is a method that Groovy adds; it answers ErrNoMethod for a type that it
// does not fit.
type addition = func(f *frame, v any, args []any) (any, error)

var additions map[string]addition

func init() {
	additions = map[string]addition{
		"each/1": func(_ *frame, v any, args []any) (any, error) {
			return v, walk(v, args[0], func(any, any) bool { return true })
		},
		"eachWithIndex/1": withIndex,
		"collect/1": func(_ *frame, v any, args []any) (any, error) {
			l := &list{}
			return l, walk(v, args[0], func(_, got any) bool { l.items = append(l.items, got); return true })
		},
		"findAll/1": func(_ *frame, v any, args []any) (any, error) { return filtered(v, args[0]) },
		"find/1": func(_ *frame, v any, args []any) (found any, err error) {
			return found, walkInto(v, args[0], func(item, got any) bool {
				if truth(got) {
					found = item
				}
				return !truth(got)
			}, &found)
		},
		"any/1": func(_ *frame, v any, args []any) (any, error) {
			some := false
			err := walk(v, args[0], func(_, got any) bool { some = truth(got); return !some })
			return some, err
		},
		"every/1": func(_ *frame, v any, args []any) (any, error) {
			all := true
			err := walk(v, args[0], func(_, got any) bool { all = truth(got); return all })
			return all, err
		},
		"count/1":   counted,
		"join/1":    onItems(func(all []any, args []any) (any, error) { return joined(all, args[0]) }),
		"sum/0":     onItems(func(all []any, _ []any) (any, error) { return summed(all) }),
		"sum/1":     func(_ *frame, v any, args []any) (any, error) { return summedBy(v, args[0]) },
		"max/0":     onItems(func(all []any, _ []any) (any, error) { return extreme(all, 1) }),
		"min/0":     onItems(func(all []any, _ []any) (any, error) { return extreme(all, -1) }),
		"sort/0":    sorted,
		"sort/1":    sorted,
		"unique/0":  onItems(func(all []any, _ []any) (any, error) { return unique(all) }),
		"reverse/0": reversed,
		"first/0":   onItems(func(all []any, _ []any) (any, error) { return end(all, 0) }),
		"last/0":    onItems(func(all []any, _ []any) (any, error) { return end(all, len(all)-1) }),
		"plus/1":    func(f *frame, v any, args []any) (any, error) { return binary(f, "+", v, args[0]) },
		"minus/1":   func(f *frame, v any, args []any) (any, error) { return binary(f, "-", v, args[0]) },
		"getAt/1":   func(f *frame, v any, args []any) (any, error) { return f.element(v, args[0]) },
		"intdiv/1":  intdiv,
		"times/1":   times,
		"upto/2":    upto,
		"abs/0": func(_ *frame, v any, _ []any) (any, error) {
			if isNumber(v) && compareNumbers(v, int32(0)) < 0 {
				return negate(v)
			}
			return v, noMethodUnless(isNumber(v))
		},
		"size/0":         onText(func(s string, _ []any) (any, error) { return int32(len([]rune(s))), nil }),
		"toInteger/0":    onScalar("int"),
		"toLong/0":       onScalar("long"),
		"toDouble/0":     onScalar("double"),
		"toFloat/0":      onScalar("double"),
		"toBigDecimal/0": onScalar("double"),
		"toBoolean/0": onText(func(s string, _ []any) (any, error) {
			return slices.Contains([]string{"true", "y", "1"}, strings.ToLower(strings.TrimSpace(s))), nil
		}),
		"toList/0":    func(_ *frame, v any, _ []any) (any, error) { all, err := each(v); return &list{items: all}, err },
		"isNumber/0":  onText(func(s string, _ []any) (any, error) { _, err := juel.Float(s); return err == nil && s != "", nil }),
		"isInteger/0": onText(func(s string, _ []any) (any, error) { _, err := integer(s); return err == nil, nil }),
		"capitalize/0": onText(func(s string, _ []any) (any, error) {
			r := []rune(s)
			return strings.ToUpper(string(r[:min(1, len(r))])) + string(r[min(1, len(r)):]), nil
		}),
		"tokenize/1": onText(tokenized),
		"tokenize/0": onText(func(s string, _ []any) (any, error) { return tokenized(s, []any{" \t\n\r"}) }),
		"split/0":    onText(func(s string, _ []any) (any, error) { return tokenized(s, []any{" \t\n\r"}) }),
		"padLeft/2":  onText(func(s string, args []any) (any, error) { return padded(s, args, true) }),
		"padRight/2": onText(func(s string, args []any) (any, error) { return padded(s, args, false) }),
		"format/1": func(_ *frame, v any, args []any) (any, error) {
			t, ok := v.(time.Time)
			pattern, ok2 := args[0].(string)
			if !ok || !ok2 {
				return nil, juel.ErrNoMethod
			}
			return formatDate(t, pattern)
		},
	}
}

func noMethodUnless(fits bool) error {
	if fits {
		return nil
	}
	return juel.ErrNoMethod
}

// walk calls a closure for each item until see says no. Of a map the closure gets
// the entry, or key and value.
func walk(v, with any, see func(item, got any) bool) error {
	switch v.(type) {
	case *list, *dict, string:
	default:
		return juel.ErrNoMethod
	}
	c, ok := with.(*closure)
	if !ok {
		return errors.New("a closure is expected")
	}
	all, err := each(v)
	if err != nil {
		return err
	}
	for _, item := range all {
		args := []any{item}
		if p, ok := item.(pair); ok && len(c.params) == 2 {
			args = []any{p.key, p.value}
		}
		got, err := c.call(args...)
		if err != nil {
			return err
		}
		if !see(item, got) {
			return nil
		}
	}
	return nil
}

// walkInto is walk; found is what it leaves behind.
func walkInto(v, with any, see func(item, got any) bool, found *any) error {
	err := walk(v, with, see)
	if err != nil {
		*found = nil
	}
	return err
}

func withIndex(_ *frame, v any, args []any) (any, error) {
	c, ok := args[0].(*closure)
	if !ok {
		return nil, errors.New("a closure is expected")
	}
	all, err := each(v)
	if err != nil {
		return nil, err
	}
	for i, item := range all {
		if _, err := c.call(item, int32(i)); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// filtered is findAll: of a map it is a map.
func filtered(v, with any) (any, error) {
	l, d := &list{}, newDict()
	var failed error
	err := walk(v, with, func(item, got any) bool {
		if !truth(got) {
			return true
		}
		if p, ok := item.(pair); ok {
			failed = d.put(p.key, p.value)
		}
		l.items = append(l.items, item)
		return failed == nil
	})
	if _, ok := v.(*dict); ok {
		return d, errors.Join(err, failed)
	}
	return l, err
}

func counted(_ *frame, v any, args []any) (any, error) {
	n := int32(0)
	if _, ok := args[0].(*closure); ok {
		err := walk(v, args[0], func(_, got any) bool { n += int32(btoi(truth(got))); return true })
		return n, err
	}
	l, ok := v.(*list)
	if !ok {
		return nil, juel.ErrNoMethod
	}
	for _, item := range l.items {
		n += int32(btoi(equal(item, args[0])))
	}
	return n, nil
}

// onItems makes a method of lists.
func onItems(do func(all, args []any) (any, error)) addition {
	return func(_ *frame, v any, args []any) (any, error) {
		l, ok := v.(*list)
		if !ok {
			return nil, juel.ErrNoMethod
		}
		all, err := items(l)
		if err != nil {
			return nil, err
		}
		return do(all, args)
	}
}

// onText makes a method of texts.
func onText(do func(s string, args []any) (any, error)) addition {
	return func(_ *frame, v any, args []any) (any, error) {
		s, ok := v.(string)
		if !ok {
			return nil, juel.ErrNoMethod
		}
		return do(s, args)
	}
}

// onScalar makes a method of texts and numbers that makes a number of them.
func onScalar(kind string) addition {
	return func(_ *frame, v any, _ []any) (any, error) {
		s, ok := v.(string)
		if !ok && !isNumber(v) {
			return nil, juel.ErrNoMethod
		}
		if ok {
			v = strings.TrimSpace(s)
		}
		return cast(kind, v)
	}
}

func joined(all []any, with any) (any, error) {
	separator, err := text(with)
	if err != nil {
		return nil, err
	}
	var out strings.Builder
	for i, item := range all {
		shown, err := text(item)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out.WriteString(separator)
		}
		if out.WriteString(shown); out.Len() > maxLength {
			return nil, tooMuch("a text is longer than %d bytes", maxLength)
		}
	}
	return out.String(), nil
}

func summed(all []any) (sum any, err error) {
	for i, item := range all {
		if i == 0 {
			sum = item
		} else if sum, err = binary(nil, "+", sum, item); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

func summedBy(v, with any) (any, error) {
	var all []any
	if err := walk(v, with, func(_, got any) bool { all = append(all, got); return true }); err != nil {
		return nil, err
	}
	return summed(all)
}

func extreme(all []any, sign int) (best any, err error) {
	for i, item := range all {
		n := 0
		if i > 0 {
			if n, err = order(item, best); err != nil {
				return nil, err
			}
		}
		if i == 0 || n*sign > 0 {
			best = item
		}
	}
	return best, nil
}

// sorted sorts a list in place, by the items, by a key or by a comparison of two.
func sorted(_ *frame, v any, args []any) (any, error) {
	l, ok := v.(*list)
	if !ok {
		return nil, juel.ErrNoMethod
	}
	all, err := items(l)
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	by, _ := first(args).(*closure)
	if by == nil && len(args) > 0 {
		return nil, errors.New("a closure is expected")
	}
	slices.SortStableFunc(all, func(a, b any) int {
		if err != nil {
			return 0
		}
		n := 0
		n, err = compareBy(by, a, b)
		return n
	})
	if err == nil {
		l.items = all
	}
	return l, err
}

func compareBy(by *closure, a, b any) (int, error) {
	if by == nil {
		return order(a, b)
	}
	if len(by.params) == 2 {
		v, err := by.call(a, b)
		if err != nil {
			return 0, err
		}
		n, err := juel.Integer(v)
		return int(max(-1, min(1, n))), err
	}
	x, err := by.call(a)
	if err != nil {
		return 0, err
	}
	y, err := by.call(b)
	if err != nil {
		return 0, err
	}
	return order(x, y)
}

func unique(all []any) (any, error) {
	if len(all) > 5000 {
		return nil, tooMuch("unique is for lists of up to 5000 items")
	}
	l := &list{}
	for _, item := range all {
		if !slices.ContainsFunc(l.items, func(other any) bool { return equal(item, other) }) {
			l.items = append(l.items, item)
		}
	}
	return l, nil
}

func reversed(_ *frame, v any, _ []any) (any, error) {
	switch v := v.(type) {
	case *list:
		l := &list{items: slices.Clone(v.items)}
		slices.Reverse(l.items)
		return l, nil
	case string:
		letters := []rune(v)
		slices.Reverse(letters)
		return string(letters), nil
	}
	return nil, juel.ErrNoMethod
}

func end(all []any, i int) (any, error) {
	if len(all) == 0 {
		return nil, errors.New("the list is empty")
	}
	return all[i], nil
}

func intdiv(_ *frame, v any, args []any) (any, error) {
	a, ok := whole(v)
	b, ok2 := whole(args[0])
	if !ok || !ok2 || b == 0 {
		return nil, errors.New("intdiv takes whole numbers, and not zero")
	}
	if _, ok := v.(int64); ok {
		return a / b, nil
	}
	return narrow(a / b), nil
}

func times(_ *frame, v any, args []any) (any, error) {
	n, ok := whole(v)
	c, ok2 := args[0].(*closure)
	if !ok || !ok2 {
		return nil, juel.ErrNoMethod
	}
	for i := range n {
		if _, err := c.call(narrow(i)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func upto(_ *frame, v any, args []any) (any, error) {
	from, ok := whole(v)
	to, ok2 := whole(args[0])
	c, ok3 := args[1].(*closure)
	if !ok || !ok2 || !ok3 {
		return nil, juel.ErrNoMethod
	}
	for i := from; i <= to; i++ {
		if _, err := c.call(narrow(i)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func tokenized(s string, args []any) (any, error) {
	at, ok := args[0].(string)
	if !ok {
		return nil, errors.New("tokenize takes a text")
	}
	l := &list{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(at, r) }) {
		l.items = append(l.items, part)
	}
	return l, nil
}

func padded(s string, args []any, left bool) (any, error) {
	n, ok := whole(args[0])
	with, ok2 := args[1].(string)
	if !ok || !ok2 || with == "" || n > maxLength {
		return nil, errors.New("a length and a text are expected")
	}
	missing := int(n) - len([]rune(s))
	if missing <= 0 {
		return s, nil
	}
	fill := string([]rune(strings.Repeat(with, missing/len([]rune(with))+1))[:missing])
	if left {
		return fill + s, nil
	}
	return s + fill, nil
}

// patterns are the letters of java.text.SimpleDateFormat, as Go writes them.
var patterns = map[string]string{
	"yyyy": "2006", "yy": "06", "y": "2006", "MMMM": "January", "MMM": "Jan", "MM": "01", "M": "1", "dd": "02", "d": "2", "HH": "15", "H": "15", "hh": "03", "h": "3",
	"mm": "04", "m": "4", "ss": "05", "s": "5", "SSS": ".000", "a": "PM", "EEEE": "Monday", "EEE": "Mon", "EE": "Mon", "E": "Mon", "z": "MST", "Z": "-0700", "XXX": "Z07:00", "X": "Z07",
}

// formatDate writes a date by a pattern of java.text.SimpleDateFormat.
func formatDate(t time.Time, pattern string) (any, error) {
	var out strings.Builder
	for pattern != "" {
		c := pattern[0]
		n := len(pattern) - len(strings.TrimLeft(pattern, string(c)))
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[1:], '\'')
			if end < 0 {
				return nil, errors.New("the pattern has a quote that is not closed")
			}
			if n = end + 2; end == 0 {
				out.WriteByte('\'')
			}
			out.WriteString(pattern[1 : end+1])
		case c|32 >= 'a' && c|32 <= 'z':
			layout, ok := patterns[pattern[:n]]
			if !ok {
				return nil, fmt.Errorf("%.20q means nothing in a pattern of dates here", pattern[:n])
			}
			out.WriteString(strings.TrimPrefix(t.Format(layout), "."))
		default:
			out.WriteString(pattern[:n])
		}
		pattern = pattern[n:]
	}
	return out.String(), nil
}
