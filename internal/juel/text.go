package juel

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// onString is java.lang.String without what is static, what makes bytes and streams,
// and format. Regular expressions are Go's: their time is linear, and look-around
// and back references do not exist.
func (c *call) onString(s string) (any, error) {
	if f, ok := textMethods[c.method]; ok && len(c.args) >= f.least && len(c.args) <= f.most {
		return f.do(c, s)
	}
	return nil, ErrNoMethod
}

type textMethod struct {
	least, most int // arguments
	do          func(c *call, s string) (any, error)
}

var textMethods = map[string]textMethod{
	"length":              {0, 0, func(_ *call, s string) (any, error) { return int32(length16(s)), nil }},
	"isEmpty":             {0, 0, func(_ *call, s string) (any, error) { return s == "", nil }},
	"isBlank":             {0, 0, func(_ *call, s string) (any, error) { return strings.TrimFunc(s, whitespace) == "", nil }},
	"trim":                {0, 0, func(_ *call, s string) (any, error) { return strings.TrimFunc(s, control), nil }},
	"strip":               {0, 0, func(_ *call, s string) (any, error) { return strings.TrimFunc(s, whitespace), nil }},
	"stripLeading":        {0, 0, func(_ *call, s string) (any, error) { return strings.TrimLeftFunc(s, whitespace), nil }},
	"stripTrailing":       {0, 0, func(_ *call, s string) (any, error) { return strings.TrimRightFunc(s, whitespace), nil }},
	"intern":              {0, 0, func(_ *call, s string) (any, error) { return s, nil }},
	"toLowerCase":         {0, 0, func(_ *call, s string) (any, error) { return strings.ToLower(s), nil }},
	"toUpperCase":         {0, 0, func(_ *call, s string) (any, error) { return upper(s), nil }},
	"toCharArray":         {0, 0, func(_ *call, s string) (any, error) { return split(s, "", 0) }},
	"charAt":              {1, 1, (*call).charAt},
	"substring":           {1, 2, (*call).substring},
	"subSequence":         {2, 2, (*call).substring},
	"indexOf":             {1, 2, (*call).indexOf},
	"lastIndexOf":         {1, 2, (*call).lastIndexOf},
	"contains":            withText(func(s, arg string) (any, error) { return strings.Contains(s, arg), nil }),
	"endsWith":            withText(func(s, arg string) (any, error) { return strings.HasSuffix(s, arg), nil }),
	"startsWith":          {1, 2, (*call).startsWith},
	"equals":              {1, 1, func(c *call, s string) (any, error) { return c.args[0] == any(s), nil }},
	"contentEquals":       withText(func(s, arg string) (any, error) { return s == arg, nil }),
	"equalsIgnoreCase":    {1, 1, (*call).equalsIgnoreCase},
	"compareTo":           withText(func(s, arg string) (any, error) { return int32(compareText(s, arg)), nil }),
	"compareToIgnoreCase": withText(func(s, arg string) (any, error) { return int32(compareFolded(s, arg)), nil }),
	"concat":              withText(func(s, arg string) (any, error) { return bounded(len(s)+len(arg), func() string { return s + arg }) }),
	"repeat":              {1, 1, (*call).repeat},
	"replace":             {2, 2, (*call).replace},
	"matches":             withText(func(s, arg string) (any, error) { return matches(s, arg) }),
	"replaceAll":          {2, 2, func(c *call, s string) (any, error) { return c.replacePattern(s, maxItems) }},
	"replaceFirst":        {2, 2, func(c *call, s string) (any, error) { return c.replacePattern(s, 1) }},
	"split":               {1, 2, (*call).split},
}

// withText makes a method of one argument that is a text.
func withText(do func(s, arg string) (any, error)) textMethod {
	return textMethod{1, 1, func(c *call, s string) (any, error) {
		arg, err := c.text(0)
		if err != nil {
			return nil, err
		}
		return do(s, arg)
	}}
}

func (c *call) equalsIgnoreCase(s string) (any, error) {
	if c.args[0] == nil {
		return false, nil
	}
	other, err := c.text(0)
	return err == nil && strings.EqualFold(s, other), err
}

// control is what trim takes off.
func control(r rune) bool { return r <= ' ' }

// upper makes SS of ß, as Java does.
func upper(s string) string {
	return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS")
}

// bounded builds a text unless it would be too long.
func bounded(length int, build func() string) (any, error) {
	if length > MaxText {
		return nil, tooLong()
	}
	return build(), nil
}

func (c *call) charAt(s string) (any, error) {
	at, err := c.number(0)
	if err != nil {
		return nil, err
	}
	offset, err := offset16(s, at)
	if err != nil || offset == len(s) {
		return nil, outside()
	}
	for _, r := range s[offset:] {
		return string(r), nil
	}
	return "", nil
}

func (c *call) substring(s string) (any, error) {
	from, err := c.number(0)
	to := length16(s)
	if err == nil && len(c.args) == 2 {
		to, err = c.number(1)
	}
	if err != nil {
		return nil, err
	}
	return slice16(s, from, to)
}

// needle returns the text to look for and where to begin, as an offset in bytes.
func (c *call) needle(s string, from int) (string, int, error) {
	text, err := c.text(0)
	if err == nil && len(c.args) == 2 {
		from, err = c.number(1)
	}
	if err != nil {
		return "", 0, err
	}
	offset, err := offset16(s, max(from, 0))
	if err != nil {
		offset = len(s)
	}
	return text, offset, nil
}

func (c *call) indexOf(s string) (any, error) {
	text, offset, err := c.needle(s, 0)
	if err != nil {
		return nil, err
	}
	at := strings.Index(s[offset:], text)
	if at < 0 {
		return int32(-1), nil
	}
	return int32(length16(s[:offset+at])), nil
}

func (c *call) lastIndexOf(s string) (any, error) {
	text, offset, err := c.needle(s, len(s))
	if err != nil {
		return nil, err
	}
	at := strings.LastIndex(s[:min(offset+len(text), len(s))], text)
	if before := len(c.args) == 2 && isNegative(c.args[1]); before || at < 0 {
		return int32(-1), nil
	}
	return int32(length16(s[:at])), nil
}

// isNegative reports whether an argument that is a number lies before a text.
func isNegative(v any) bool {
	at, _ := Integer(v)
	return at < 0
}

func (c *call) startsWith(s string) (any, error) {
	prefix, err := c.text(0)
	from := 0
	if err == nil && len(c.args) == 2 {
		from, err = c.number(1)
	}
	if err != nil {
		return nil, err
	}
	offset, err := offset16(s, from)
	return err == nil && strings.HasPrefix(s[offset:], prefix), nil
}

func (c *call) repeat(s string) (any, error) {
	count, err := c.number(0)
	switch {
	case err != nil:
		return nil, err
	case count < 0:
		return nil, errors.New("a text cannot be repeated less than 0 times")
	case s != "" && count > MaxText/len(s):
		return nil, tooLong()
	}
	return strings.Repeat(s, count), nil
}

func (c *call) replace(s string) (any, error) {
	from, err := c.text(0)
	if err != nil {
		return nil, err
	}
	to, err := c.text(1)
	if err != nil {
		return nil, err
	}
	length := len(s) + strings.Count(s, from)*(len(to)-len(from))
	return bounded(length, func() string { return strings.ReplaceAll(s, from, to) })
}

func (c *call) split(s string) (any, error) {
	expression, err := c.text(0)
	limit := 0
	if err == nil && len(c.args) == 2 {
		limit, err = c.number(1)
	}
	if err != nil {
		return nil, err
	}
	return split(s, expression, limit)
}

// split is String.split of Java 8: a limit above 0 is the most parts, with 0 the
// empty parts at the end are dropped, below 0 they are kept.
func split(s, expression string, limit int) (any, error) {
	re, err := compile(expression)
	if err != nil {
		return nil, err
	}
	found := re.FindAllStringIndex(s, maxItems+1)
	if len(found) > maxItems {
		return nil, fmt.Errorf("the text has more than %d parts: %w", maxItems, ErrLimit)
	}
	var parts []any
	begin := 0
	for _, m := range found {
		if limit > 0 && len(parts) == limit-1 {
			break
		}
		if m[1] == 0 { // nothing, found before the first character
			continue
		}
		parts = append(parts, s[begin:m[0]])
		begin = m[1]
	}
	if begin == 0 && len(parts) == 0 {
		return []any{s}, nil
	}
	parts = append(parts, s[begin:])
	for limit == 0 && len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	return parts, nil
}

// replacePattern is replaceAll and replaceFirst. In the replacement $1 and ${name}
// are what a group found, and a backslash takes the meaning off the next character.
func (c *call) replacePattern(s string, most int) (any, error) {
	expression, err := c.text(0)
	if err != nil {
		return nil, err
	}
	replacement, err := c.text(1)
	if err != nil {
		return nil, err
	}
	re, err := compile(expression)
	if err != nil {
		return nil, err
	}
	parts, err := template(replacement, re.NumSubexp(), re.SubexpIndex)
	if err != nil {
		return nil, err
	}
	found := re.FindAllStringSubmatchIndex(s, most+1)
	if len(found) > maxItems {
		return nil, fmt.Errorf("there is more than %d times something to replace: %w", maxItems, ErrLimit)
	}
	return fill(s, found[:min(most, len(found))], parts)
}

// fill puts the parts of a replacement in the place of what was found.
func fill(s string, found [][]int, parts []part) (any, error) {
	var out strings.Builder
	begin := 0
	for _, m := range found {
		out.WriteString(s[begin:m[0]])
		for _, p := range parts {
			out.WriteString(p.text)
			if p.group >= 0 && m[2*p.group] >= 0 {
				out.WriteString(s[m[2*p.group]:m[2*p.group+1]])
			}
			if out.Len() > MaxText {
				return nil, tooLong()
			}
		}
		begin = m[1]
	}
	return bounded(out.Len()+len(s)-begin, func() string { return out.String() + s[begin:] })
}

// part is text of a replacement, or a group when that is 0 or more.
type part struct {
	text  string
	group int
}

// template reads a replacement.
func template(s string, groups int, named func(string) int) ([]part, error) {
	var parts []part
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' && s[i] != '$':
			parts = append(parts, part{s[i : i+1], -1})
		case i+1 == len(s):
			return nil, errors.New(`the replacement ends with a single $ or \; write \$ or \\ for the character`)
		case s[i] == '\\':
			i++
			parts = append(parts, part{s[i : i+1], -1})
		default:
			group, length := reference(s[i+1:], groups, named)
			if group < 0 {
				return nil, errors.New(`the replacement names a group that the expression does not have; write \$ for the character`)
			}
			parts = append(parts, part{"", group})
			i += length
		}
	}
	return parts, nil
}

// reference reads what stands behind $: as many digits as name a group, or {name}.
func reference(s string, groups int, named func(string) int) (group, length int) {
	if name, _, ok := strings.Cut(s, "}"); ok && s[0] == '{' {
		return named(name[1:]), len(name) + 1
	}
	group = -1
	for length < len(s) && unicode.IsDigit(rune(s[length])) {
		next := max(group, 0)*10 + int(s[length]-'0')
		if next > groups {
			break
		}
		group, length = next, length+1
	}
	return group, length
}
