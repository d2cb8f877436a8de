package form

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/juel"
)

// The bounds of what is submitted in one field.
const (
	maxText = 1 << 20 // bytes
	maxRows = 10_000
)

// Plain brings numbers and times into the forms that the checks know: float64, int64 as
// float64 unless that loses something, and text.
func Plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && math.Abs(f) <= 1<<53 {
			return f
		}
		return v.String()
	case int:
		return float64(v)
	case int16:
		return float64(v)
	case int32:
		return float64(v)
	case int64:
		if v > 1<<53 || v < -1<<53 {
			return strconv.FormatInt(v, 10)
		}
		return float64(v)
	case time.Time:
		return v.UTC().Format(isoMillis)
	case juel.JSON:
		var parsed any
		if json.Unmarshal(v, &parsed) == nil {
			return parsed
		}
		return nil
	}
	return v
}

// checked is a value on its way.
type checked struct {
	field    *Field
	value    any
	problems []string
	result   any // the variable
	label    string
	labelled bool
}

func (c *checked) bad(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// check fills in result, or tells what is wrong.
func (c *checked) check() {
	if c.empty() {
		if c.field.Required {
			c.bad("is required")
		}
		return
	}
	switch c.field.Type {
	case Text, MultiLine:
		c.text()
	case Integer:
		c.number(0)
	case Amount:
		places := 0
		if c.field.Fractions {
			places = 2
		}
		c.number(places)
	case Decimal:
		c.number(20)
	case Boolean:
		c.boolean()
	case Date:
		c.date(parseDay)
	case DateTime:
		c.date(parseMoment)
	case Dropdown, Radio, Typeahead:
		c.choice()
	case People, FunctGroup:
		c.member()
	case Upload:
		c.upload()
	case Table:
		c.table()
	default:
		c.any()
	}
}

// empty reports whether nothing was filled in. An unchecked box that is required is empty,
// as it is for ADF.
func (c *checked) empty() bool {
	switch v := c.value.(type) {
	case nil:
		return true
	case string:
		return v == "" || (c.isChoice() && v == "empty")
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0 || (c.isChoice() && (v["id"] == nil || v["id"] == "" || v["id"] == "empty"))
	case bool:
		return c.field.Type == Boolean && c.field.Required && !v
	}
	return false
}

func (c *checked) isChoice() bool {
	switch c.field.Type {
	case Dropdown, Radio, Typeahead:
		return true
	}
	return false
}

// variables adds what the process gets.
func (c *checked) variables(to map[string]any) {
	to[c.field.ID] = c.result
	if c.labelled {
		to[c.field.ID+"_LABEL"] = c.label
	}
}

func (c *checked) text() {
	s, ok := c.value.(string)
	if n, isNumber := c.value.(float64); isNumber {
		s, ok = show(n), true
	}
	if !ok {
		c.bad("must be a text")
		return
	}
	if len(s) > maxText {
		c.bad("is longer than %d bytes", maxText)
		return
	}
	n := utf8.RuneCountInString(s)
	if c.field.MinLength > 0 && n < c.field.MinLength {
		c.bad("must have at least %d characters", c.field.MinLength)
	}
	if c.field.MaxLength > 0 && n > c.field.MaxLength {
		c.bad("must have at most %d characters", c.field.MaxLength)
	}
	if c.field.Pattern != nil && !c.field.Pattern.MatchString(s) {
		c.bad("has not the form that is asked for")
	}
	c.result = s
}

// number checks a number of at most that many decimals. Without any the result is an
// int64, else a float64.
func (c *checked) number(places int) {
	s, ok := c.value.(string)
	if n, isNumber := c.value.(float64); isNumber {
		s, ok = strconv.FormatFloat(n, 'f', -1, 64), true
	}
	whole, fraction, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if !ok || whole == "" || len(s) > 40 || !digits(whole) || !digits(fraction) || strings.HasSuffix(s, ".") {
		c.bad("must be a number")
		return
	}
	if len(fraction) > places {
		if places == 0 {
			c.bad("must be a whole number")
		} else {
			c.bad("must have at most %d decimals", places)
		}
		return
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		c.bad("must be a number")
		return
	}
	c.result = f
	if c.field.Type == Integer {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			c.bad("is too large")
			return
		}
		c.result = n
	}
	if least, err := strconv.ParseFloat(c.field.MinValue, 64); err == nil && f < least {
		c.bad("must be at least %s", c.field.MinValue)
	}
	if most, err := strconv.ParseFloat(c.field.MaxValue, 64); err == nil && f > most {
		c.bad("must be at most %s", c.field.MaxValue)
	}
}

func (c *checked) boolean() {
	switch v := c.value.(type) {
	case bool:
		c.result = v
		return
	case string:
		if b, err := strconv.ParseBool(v); err == nil {
			c.result = b
			if !b && c.field.Required {
				c.bad("is required")
			}
			return
		}
	}
	c.bad("must be true or false")
}

func (c *checked) date(parse func(s, format string) (time.Time, error)) {
	s, ok := c.value.(string)
	t, err := parse(s, c.field.DateFormat)
	if !ok || err != nil {
		format := c.field.DateFormat
		if format == "" {
			format = defaultDay
		}
		c.bad("must be a date such as 2026-03-01 or in the form %s", clip(format))
		return
	}
	if least, err := parse(c.field.MinValue, c.field.DateFormat); err == nil && t.Before(least) {
		c.bad("must not be before %s", c.field.MinValue)
	}
	if most, err := parse(c.field.MaxValue, c.field.DateFormat); err == nil && t.After(most) {
		c.bad("must not be after %s", c.field.MaxValue)
	}
	c.result = t
}

// choice checks what was chosen: an option as an object with id and name, or as the id or
// the name alone; several of them where the field allows it.
func (c *checked) choice() {
	if list, ok := c.value.([]any); ok {
		if !c.field.Multiple {
			c.bad("takes one choice only")
			return
		}
		var ids, names []string
		for _, e := range list {
			o, ok := c.option(e)
			if !ok {
				return
			}
			ids, names = append(ids, o.ID), append(names, o.Name)
		}
		c.result, c.label, c.labelled = strings.Join(ids, ","), strings.Join(names, ","), true
		return
	}
	if o, ok := c.option(c.value); ok {
		c.result, c.label, c.labelled = o.ID, o.Name, true
	}
}

func (c *checked) option(v any) (Option, bool) {
	var o Option
	switch v := v.(type) {
	case string:
		o = Option{ID: v}
	case float64:
		o = Option{ID: show(v)}
	case map[string]any:
		o = Option{ID: show(v["id"]), Name: show(v["name"])}
	}
	if o.ID == "" || len(o.ID) > maxText || len(o.Name) > maxText {
		c.bad("must be one of the choices")
		return o, false
	}
	if c.field.Choice == "rest" || c.field.Choice == "variable" || len(c.field.Options) == 0 {
		return o, true // the choices are not the form's
	}
	for _, known := range c.field.Options {
		if known.ID == o.ID || (known.ID == "" && known.Name == o.ID) {
			return Option{o.ID, known.Name}, true
		}
	}
	for _, known := range c.field.Options {
		if known.Name == o.ID {
			return known, true
		}
	}
	c.bad("must be one of the choices")
	return o, false
}

// member checks a user or a group: an object with an id, or the id.
func (c *checked) member() {
	id := func(v any) (string, bool) {
		v = Plain(ID(v))
		switch v.(type) {
		case string, float64:
			s := show(v)
			return s, s != "" && len(s) <= 255
		}
		return "", false
	}
	list, several := c.value.([]any)
	if !several {
		list = []any{c.value}
	}
	var ids []string
	for _, e := range list {
		s, ok := id(e)
		if !ok {
			c.bad("must name a user or a group by id")
			return
		}
		ids = append(ids, s)
	}
	c.result = strings.Join(ids, ",")
}

// upload checks references to contents: ids with commas, a list of ids or of objects with
// an id. The result is the ids with commas.
func (c *checked) upload() {
	var ids []string
	for _, p := range parts(c.value) {
		s := show(Plain(ID(p)))
		if n, err := strconv.ParseInt(s, 10, 64); err != nil || n < 1 {
			c.bad("must name uploaded contents by their numbers")
			return
		}
		ids = append(ids, s)
	}
	if len(ids) > 1 && !c.field.Multiple {
		c.bad("takes one file only")
	}
	c.result = strings.Join(ids, ",")
}

// parts are the things that a value names: in a text with commas, in a list, or the one that
// it is.
func parts(v any) []any {
	var all []any
	switch v := v.(type) {
	case nil:
	case string:
		for _, p := range strings.Split(v, ",") {
			all = append(all, strings.TrimSpace(p))
		}
	case []any:
		return v
	default:
		all = append(all, v)
	}
	return all
}

// table checks rows by their columns.
func (c *checked) table() {
	rows, ok := c.value.([]any)
	if !ok || len(rows) > maxRows {
		c.bad("must be a list of at most %d rows", maxRows)
		return
	}
	for i, r := range rows {
		row, ok := r.(map[string]any)
		if !ok {
			c.bad("row %d: must be an object", i+1)
			return
		}
		for j := range c.field.Columns {
			column := &c.field.Columns[j]
			cell := checked{field: tableField(&column.Field), value: Plain(row[column.ID])}
			cell.check()
			for _, message := range cell.problems {
				c.bad("row %d, %s: %s", i+1, column.label(), message)
			}
		}
		if len(c.problems) > 50 {
			return
		}
	}
	c.any()
}

// tableField gives a column's type the name that fields have.
func tableField(f *Field) *Field {
	names := map[string]string{"String": Text, "Number": Integer, "Amount": Amount, "Date": Date, "Dropdown": Dropdown, "Boolean": Boolean}
	name, ok := names[f.Type]
	if !ok {
		return f
	}
	named := *f
	named.Type = name
	return &named
}

// any passes on what it gets: scalars as they are, the rest as JSON.
func (c *checked) any() {
	switch v := c.value.(type) {
	case string:
		if len(v) > maxText {
			c.bad("is longer than %d bytes", maxText)
			return
		}
		c.result = v
	case bool:
		c.result = v
	case float64:
		if c.result = v; v == math.Trunc(v) && math.Abs(v) <= 1<<53 {
			c.result = int64(v)
		}
	default:
		data, err := json.Marshal(v)
		if err != nil || len(data) > maxText {
			c.bad("is longer than %d bytes", maxText)
			return
		}
		c.result = juel.JSON(data)
	}
}
