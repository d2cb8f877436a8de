package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
)

// The types of fields that are known; others are passed on as they come.
const (
	Container = "container"
	Group     = "group" // a header with fields below it

	Text         = "text"
	MultiLine    = "multi-line-text"
	Integer      = "integer"
	Amount       = "amount"
	Decimal      = "bigdecimal"
	Boolean      = "boolean"
	Date         = "date"
	DateTime     = "datetime"
	Dropdown     = "dropdown"
	Radio        = "radio-buttons"
	Typeahead    = "typeahead"
	People       = "people"
	FunctGroup   = "functional-group"
	Upload       = "upload"
	Folder       = "select-folder"
	Table        = "dynamic-table"
	Hyperlink    = "hyperlink"
	ReadOnly     = "readonly"
	ReadOnlyText = "readonly-text"
)

// The bounds of a form.
const (
	maxBytes  = 2 << 20
	maxFields = 2000
	maxDepth  = 20
)

// Form is a form as it was drawn.
type Form struct {
	Key      string // of Activiti's own forms; APS names forms by number
	Name     string
	Fields   []*Field // those that hold or show a value, in the order of the form; containers excepted
	Tabs     []Tab
	Outcomes []Outcome // empty: the form has the one outcome that needs no name
	// Variables are the form's own, with their values from the start; conditions ask them.
	Variables []Variable
	// Warnings tell what can only be checked by the page: patterns that are not regular.
	Warnings []string

	byID map[string]*Field // by lower-cased id
}

// Field is one field.
type Field struct {
	ID, Name, Type     string
	Required, ReadOnly bool
	Value              any // from the start; nil without one
	MinLength          int // in characters; 0: none
	MaxLength          int
	MinValue, MaxValue string // a number or a date as text; empty: none
	Pattern            *regexp.Regexp
	Options            []Option
	Choice             string // where options come from: manual, rest, variable; empty: manual
	HasEmpty           bool   // the first option means that nothing was chosen
	URL                string // where options come from, when Choice is rest
	Path, IDs, Labels  string // in its answer: the list, and an entry's id and label
	Fractions          bool   // Amount: decimals are allowed
	Currency           string
	DateFormat         string // as moment.js writes it; empty: D-M-YYYY
	Columns            []Column
	Source             string // ReadOnly: the variable or field that is shown
	SourceType         string // its type
	Multiple           bool   // more than one may be chosen or uploaded

	Condition *Condition // nil: always visible
	Within    []*Field   // the containers and groups that it stands in, the outermost first
	Tab       string     // id of the tab of its outermost container; empty: none
}

// Option is what can be chosen.
type Option struct {
	ID   string
	Name string
}

// Column is a column of a table.
type Column struct {
	Field
	Editable bool
}

// Tab is a page of a form.
type Tab struct {
	ID, Title string
	Condition *Condition
}

// Outcome is a way to end a form.
type Outcome struct {
	ID, Name  string
	Condition *Condition
}

// Variable is one of a form's own.
type Variable struct {
	Name, Type string
	Value      any
}

// source is a form's JSON, in APS's file (editorJson), in APS's answers and in Activiti's
// .form (the members themselves).
type source struct {
	Key, Name string
	Editor    *definition `json:"editorJson"`
	Form      *definition `json:"formDefinition"`
	definition
}

type definition struct {
	Fields []sourceField
	Tabs   []struct {
		ID, Title string
		Condition *Condition `json:"visibilityCondition"`
	}
	Outcomes []struct {
		ID        *text
		Name      string
		Condition *Condition `json:"visibilityCondition"`
	}
	Variables []struct {
		Name, Type string
		Value      any
	}
}

type sourceField struct {
	ID, Name, Type        text
	Required, ReadOnly    bool
	Value                 any
	MinLength, MaxLength  number
	MinValue, MaxValue    text
	RegexPattern          text
	Options               []struct{ ID, Name text }
	OptionType            text
	HasEmptyValue         bool
	RestURL               text `json:"restUrl"`
	RestResponsePath      text
	RestIDProperty        text `json:"restIdProperty"`
	RestLabelProperty     text
	EnableFractions       bool
	AmountEnableFractions bool // of a column
	Currency              text
	DateDisplayFormat     text
	Tab                   text
	SelectionType         text
	Editable              *bool
	Params                params
	VisibilityCondition   *Condition
	Fields                json.RawMessage
	ColumnDefinitions     []sourceField
}

type params struct {
	Field    *struct{ ID, Name, Type text }
	Multiple bool
}

// UnmarshalJSON takes what it knows of params and no other form for an error.
func (p *params) UnmarshalJSON(data []byte) error {
	type plain params
	var known plain
	if json.Unmarshal(data, &known) == nil {
		*p = params(known)
	}
	return nil
}

// text is a text or a number that stands for one.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(data []byte) error {
	var v any
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		*t = ""
	case string:
		*t = text(v)
	case json.Number:
		*t = text(v.String())
	case bool:
		*t = text(strconv.FormatBool(v))
	default:
		return fmt.Errorf("a text was expected, not %.40s", data)
	}
	return nil
}

// number is a whole number, also as text; null is 0.
type number int

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(data []byte) error {
	var t text
	if err := t.UnmarshalJSON(data); err != nil {
		return err
	}
	if t == "" {
		*n = 0
		return nil
	}
	v, err := strconv.ParseFloat(string(t), 64)
	if err != nil || v < 0 || v > 1<<31 {
		return fmt.Errorf("%.40s is no length", data)
	}
	*n = number(v)
	return nil
}

// Parse reads a form. The error is an Invalid fault.
func Parse(data []byte) (*Form, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) > maxBytes || !utf8.Valid(data) {
		return nil, fault.New(fault.Invalid, "A form must be JSON in UTF-8 of at most %d bytes.", maxBytes)
	}
	var s source
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fault.New(fault.Invalid, "The form is not JSON of the form that is known: %v.", err)
	}
	d := &s.definition
	if s.Editor != nil {
		d = s.Editor
	} else if s.Form != nil {
		d = s.Form
	}
	f := &Form{Key: s.Key, Name: s.Name, byID: map[string]*Field{}}
	for _, t := range d.Tabs {
		f.Tabs = append(f.Tabs, Tab(t))
	}
	for _, o := range d.Outcomes {
		outcome := Outcome{Name: o.Name, Condition: o.Condition}
		if o.ID != nil {
			outcome.ID = string(*o.ID)
		}
		f.Outcomes = append(f.Outcomes, outcome)
	}
	for _, v := range d.Variables {
		f.Variables = append(f.Variables, Variable(v))
	}
	if err := f.add(d.Fields, nil, ""); err != nil {
		return nil, fault.New(fault.Invalid, "The form %q: %v.", f.Name, err)
	}
	return f, nil
}

// add adds fields that stand in the given containers.
func (f *Form) add(fields []sourceField, within []*Field, tab string) error {
	if len(within) > maxDepth {
		return fmt.Errorf("containers are nested deeper than %d", maxDepth)
	}
	for i := range fields {
		s := &fields[i]
		field := f.field(s)
		field.Within = within
		if field.Tab = tab; tab == "" {
			field.Tab = string(s.Tab)
		}
		if nested := bytes.TrimSpace(s.Fields); len(nested) > 0 && !bytes.Equal(nested, []byte("null")) && field.Type != Table {
			columns, err := inner(nested)
			if err != nil {
				return fmt.Errorf("the fields in %q: %w", field.ID, err)
			}
			if err := f.add(columns, append(slices.Clone(within), field), field.Tab); err != nil {
				return err
			}
			continue
		}
		if field.Type == Container || field.Type == Group {
			continue
		}
		if field.ID == "" {
			return fmt.Errorf("a field of type %q has no id", field.Type)
		}
		if f.Field(field.ID) != nil {
			return fmt.Errorf("the field %q is there twice", field.ID)
		}
		f.byID[strings.ToLower(field.ID)] = field
		if f.Fields = append(f.Fields, field); len(f.Fields) > maxFields {
			return fmt.Errorf("there are more than %d fields", maxFields)
		}
	}
	return nil
}

// inner reads a container's fields: columns by number, or a list.
func inner(data []byte) ([]sourceField, error) {
	if data[0] == '[' {
		var list []sourceField
		return list, json.Unmarshal(data, &list)
	}
	var columns map[string][]sourceField
	if err := json.Unmarshal(data, &columns); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(columns))
	for name := range columns {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	var list []sourceField
	for _, name := range names {
		list = append(list, columns[name]...)
	}
	return list, nil
}

func (f *Form) field(s *sourceField) *Field {
	field := &Field{
		ID: string(s.ID), Name: string(s.Name), Type: string(s.Type), Required: s.Required, ReadOnly: s.ReadOnly, Value: s.Value,
		MinLength: int(s.MinLength), MaxLength: int(s.MaxLength), MinValue: string(s.MinValue), MaxValue: string(s.MaxValue),
		Choice: string(s.OptionType), HasEmpty: s.HasEmptyValue, URL: string(s.RestURL), Path: string(s.RestResponsePath),
		IDs: string(s.RestIDProperty), Labels: string(s.RestLabelProperty), Fractions: s.EnableFractions || s.AmountEnableFractions,
		Currency: string(s.Currency), DateFormat: string(s.DateDisplayFormat), Multiple: s.Params.Multiple || s.SelectionType == "multiple",
		Condition: s.VisibilityCondition,
	}
	if s.Params.Field != nil {
		field.SourceType = string(s.Params.Field.Type)
		if field.Source = string(s.Params.Field.ID); field.Source == "" {
			field.Source = string(s.Params.Field.Name)
		}
	}
	for _, o := range s.Options {
		field.Options = append(field.Options, Option{string(o.ID), string(o.Name)})
	}
	if s.RegexPattern != "" {
		pattern, err := regexp.Compile(`^(?:` + string(s.RegexPattern) + `)$`)
		if err != nil {
			f.Warnings = append(f.Warnings, fmt.Sprintf("the pattern of the field %q is checked by pages alone: it is not a regular expression of RE2", field.ID))
		}
		field.Pattern = pattern
	}
	for i := range s.ColumnDefinitions {
		column := f.field(&s.ColumnDefinitions[i])
		editable := s.ColumnDefinitions[i].Editable
		field.Columns = append(field.Columns, Column{Field: *column, Editable: editable == nil || *editable})
	}
	return field
}

// Field returns the field with that id, in any case as ADF looks for it; nil when there
// is none.
func (f *Form) Field(id string) *Field {
	return f.byID[strings.ToLower(id)]
}

// shows reports whether a field shows something and takes no value.
func (f *Field) shows() bool {
	switch f.Type {
	case ReadOnly, ReadOnlyText, Hyperlink:
		return true
	}
	return f.ReadOnly
}

// label is how a field is called in a message.
func (f *Field) label() string {
	if f.Name != "" {
		return f.Name
	}
	return f.ID
}
