package form

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Condition says when something is visible. It is the first of a chain; the links are and,
// or, and-not and or-not, of which "and" binds closer, as ADF evaluates them.
type Condition struct {
	terms []term
}

type term struct {
	left, right operand
	operator    string
	link        string // to the next term
}

// operand is a field, a variable or a value.
type operand struct {
	kind  string // field | variable | value
	name  string
	value any
}

const maxTerms = 100

type sourceCondition struct {
	LeftFormFieldID       text `json:"leftFormFieldId"`
	LeftRestResponseID    text `json:"leftRestResponseId"`
	LeftType              text
	LeftValue             text
	Operator              text
	RightValue            any
	RightType             text
	RightFormFieldID      text `json:"rightFormFieldId"`
	RightRestResponseID   text `json:"rightRestResponseId"`
	NextConditionOperator text
	NextCondition         *sourceCondition
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Condition) UnmarshalJSON(data []byte) error {
	var s sourceCondition
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	for next := &s; next != nil && (next.Operator != "" || next == &s); next = next.NextCondition {
		if len(c.terms) == maxTerms {
			return fmt.Errorf("a condition has more than %d terms", maxTerms)
		}
		c.terms = append(c.terms, term{next.leftOperand(), next.rightOperand(), string(next.Operator), string(next.NextConditionOperator)})
	}
	return nil
}

func (s *sourceCondition) leftOperand() operand {
	switch {
	case s.LeftFormFieldID != "":
		return operand{kind: "field", name: string(s.LeftFormFieldID)}
	case s.LeftRestResponseID != "":
		return operand{kind: "variable", name: string(s.LeftRestResponseID)}
	}
	return operand{kind: string(s.LeftType), name: string(s.LeftValue)}
}

func (s *sourceCondition) rightOperand() operand {
	name, _ := s.RightValue.(string)
	switch {
	case s.RightType == "field" || s.RightType == "variable":
		if name == "" {
			name = string(s.RightFormFieldID + s.RightRestResponseID)
		}
		return operand{kind: string(s.RightType), name: name}
	case s.RightValue != nil && s.RightValue != "":
		return operand{kind: "value", value: day(s.RightValue)}
	case s.RightRestResponseID != "":
		return operand{kind: "variable", name: string(s.RightRestResponseID)}
	case s.RightFormFieldID != "":
		return operand{kind: "field", name: string(s.RightFormFieldID)}
	}
	return operand{kind: "value", value: s.RightValue}
}

// day writes a day as the value of a date field is written.
func day(v any) any {
	s, ok := v.(string)
	if !ok || len(s) != len("2006-01-02") {
		return v
	}
	if t, err := parseDay(s, ""); err == nil && s[4] == '-' {
		return t.Format(isoMillis)
	}
	return v
}

// state is what conditions ask.
type state struct {
	form      *Form
	values    map[string]any // as submitted
	variables map[string]any // of the process
}

// holds reports whether a condition is met; nil and one without a left side are.
func (s *state) holds(c *Condition) bool {
	if c == nil || len(c.terms) == 0 || c.terms[0].left.name == "" {
		return true
	}
	any, all, not := false, true, false
	for i, t := range c.terms {
		v := s.compare(t) != not
		all = all && v
		if i == len(c.terms)-1 {
			break
		}
		if not = strings.HasSuffix(t.link, "-not"); strings.HasPrefix(t.link, "or") {
			any, all = any || all, true
		}
	}
	return any || all
}

// visible reports whether a field can be seen: it, what it stands in, and its tab.
func (s *state) visible(f *Field) bool {
	for _, outer := range f.Within {
		if !s.holds(outer.Condition) {
			return false
		}
	}
	for _, t := range s.form.Tabs {
		if t.ID == f.Tab && f.Tab != "" && !s.holds(t.Condition) {
			return false
		}
	}
	return s.holds(f.Condition)
}

func (s *state) value(o operand) any {
	switch o.kind {
	case "variable":
		return s.variable(o.name)
	case "field":
		if v := s.fieldValue(o.name); v != nil && v != "" {
			return v
		}
		return s.variable(o.name)
	}
	return o.value
}

func (s *state) variable(name string) any {
	if v, ok := s.variables[name]; ok {
		return Plain(v)
	}
	for _, v := range s.form.Variables {
		if v.Name == name {
			return v.Value
		}
	}
	return nil
}

// fieldValue is what a field holds: the id of what was chosen, or its name when the
// field's id has _LABEL behind it.
func (s *state) fieldValue(id string) any {
	id, label := strings.CutSuffix(id, "_LABEL")
	f := s.form.Field(id)
	if f == nil {
		return nil
	}
	v, ok := s.values[f.ID]
	if f.shows() || !ok {
		if v, ok = s.variables[f.ID]; !ok {
			v = f.Value
		}
	}
	v = Plain(v)
	if chosen, ok := v.(string); ok && label {
		for _, o := range f.Options {
			if o.ID == chosen {
				return o.Name
			}
		}
	}
	return member(v, label)
}

func member(v any, label bool) any {
	name := "id"
	if label {
		name = "name"
	}
	switch v := v.(type) {
	case map[string]any:
		return v[name]
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			if m, ok := e.(map[string]any); ok {
				e = m[name]
			}
			list[i] = e
		}
		return list
	}
	return v
}

// compare is a term without its link, as JavaScript would compare: == by text, < by number
// unless both are text. An operator that is not known is never met.
func (s *state) compare(t term) bool {
	left, right := s.value(t.left), s.value(t.right)
	switch t.operator {
	case "==":
		return show(left) == show(right)
	case "!=":
		return show(left) != show(right)
	case "<", ">", "<=", ">=":
		return ordered(left, right, t.operator)
	case "empty":
		return falsy(left)
	case "!empty":
		return !falsy(left)
	case "contains":
		return contains(left, right)
	case "!contains":
		return !contains(left, right)
	}
	return false
}

// show is a value as text.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = show(e)
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}

func falsy(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	}
	return false
}

func ordered(left, right any, operator string) bool {
	l, isText := left.(string)
	r, both := right.(string)
	c := strings.Compare(l, r)
	if !isText || !both {
		a, err1 := strconv.ParseFloat(show(left), 64)
		b, err2 := strconv.ParseFloat(show(right), 64)
		if err1 != nil || err2 != nil || a != a || b != b {
			return false
		}
		switch {
		case a < b:
			c = -1
		case a > b:
			c = 1
		default:
			c = 0
		}
	}
	switch operator {
	case "<":
		return c < 0
	case ">":
		return c > 0
	case "<=":
		return c <= 0
	}
	return c >= 0
}

// contains reports whether a list holds every entry of another.
func contains(left, right any) bool {
	list, ok1 := left.([]any)
	wanted, ok2 := right.([]any)
	if !ok1 || !ok2 {
		return false
	}
	have := map[string]bool{}
	for _, e := range list {
		have[show(e)] = true
	}
	for _, e := range wanted {
		if !have[show(e)] {
			return false
		}
	}
	return true
}
