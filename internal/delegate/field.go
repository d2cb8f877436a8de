package delegate

import (
	"errors"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// fields read what a model injects into a task; the first error stays.
type fields struct {
	x   *engine.Execution
	err error
}

// text is a field as Activiti reads it: a text as it stands, an expression's value.
func (f *fields) text(name string) string {
	v, _, err := f.x.Field(name)
	if err != nil {
		f.err = errors.Join(f.err, err)
		return ""
	}
	return f.string(v)
}

func (f *fields) string(v any) string {
	if v == nil {
		return ""
	}
	text, err := juel.Text(v)
	f.err = errors.Join(f.err, err)
	return text
}

func (f *fields) yes(name string) bool {
	return strings.EqualFold(strings.TrimSpace(f.text(name)), "true")
}

// filled is a field whose text may hold ${…} too, as APS's editor writes it. What a
// variable holds is put in as it is.
func (f *fields) filled(name string) string {
	for _, field := range f.own() {
		if field.Name == name {
			return f.fill(field.String)
		}
	}
	return ""
}

// raw is a field as it is written.
func (f *fields) raw(name string) string {
	for _, field := range f.own() {
		if field.Name == name {
			return field.String
		}
	}
	return ""
}

func (f *fields) own() []bpmn.Field {
	if n := f.x.Node(); n != nil && n.Work != nil {
		return n.Work.Fields
	}
	return nil
}

// fill evaluates a text of the model.
func (f *fields) fill(text string) string {
	if !strings.Contains(text, "${") && !strings.Contains(text, "#{") {
		return text
	}
	e, err := juel.Parse(text)
	if err != nil {
		f.err = errors.Join(f.err, err)
		return ""
	}
	v, err := f.x.Eval(e)
	if err != nil {
		f.err = errors.Join(f.err, err)
		return ""
	}
	return f.string(v)
}

// variable is the value of a variable or of a path into one, as customer.name; nil when
// there is none.
func (f *fields) variable(path string) any {
	name, rest, deep := strings.Cut(path, ".")
	v, _, err := f.x.Variable(name)
	f.err = errors.Join(f.err, err)
	if err != nil || !deep {
		return v
	}
	return follow(v, rest)
}
