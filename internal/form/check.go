package form

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// Problem is what is wrong with a value.
type Problem struct {
	Field   string // its id; empty for the form as a whole
	Name    string // what the form calls it
	Message string
}

// String is what people read.
func (p Problem) String() string {
	if p.Field == "" {
		return p.Message
	}
	return fmt.Sprintf("%s (%s) %s", p.Name, p.Field, p.Message)
}

// Problems are everything that is wrong with a submission.
type Problems []Problem

// Err is nil without problems, and a Refusal that lists them otherwise.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	const shown = 50
	lines := make([]string, 0, len(p))
	for _, problem := range p {
		if len(lines) == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(p)-shown))
			break
		}
		lines = append(lines, problem.String())
	}
	return &Refusal{fault.New(fault.Invalid, "The form cannot be taken: %s.", strings.Join(lines, "; ")), p[:min(len(p), shown)]}
}

// Refusal is an Invalid fault that says what is wrong with which field.
type Refusal struct {
	error
	Problems Problems // the first 50
}

// Unwrap returns the fault.
func (r *Refusal) Unwrap() error { return r.error }

// Submission is what passed.
type Submission struct {
	// Values are what the form holds, by field, as they came: without fields that are not
	// visible, are only shown or do not exist.
	Values map[string]any
	// Variables are what the process gets, in its types: string, int64, float64, bool,
	// time.Time, juel.JSON, nil.
	Variables map[string]any
	Outcome   string // the chosen one's name; empty for the one without a name
}

// OutcomeVariable is the variable that tells the outcome of the form with that number
// or key, as APS names it.
func OutcomeVariable(id string) string { return "form" + id + "outcome" }

// Check checks what was submitted: values by field id, as JSON gives them, and the
// outcome's name; variables are the process's, which conditions ask.
func (f *Form) Check(values map[string]any, outcome string, variables map[string]any) (*Submission, Problems) {
	s := &state{form: f, values: values, variables: variables}
	sub := &Submission{Values: map[string]any{}, Variables: map[string]any{}}
	var problems Problems
	for _, field := range f.Fields {
		if field.shows() || !s.visible(field) {
			continue
		}
		v, given := values[field.ID]
		c := checked{field: field, value: Plain(v)}
		c.check()
		for _, message := range c.problems {
			problems = append(problems, Problem{field.ID, field.label(), message})
		}
		if given && len(c.problems) == 0 {
			sub.Values[field.ID] = c.value
			c.variables(sub.Variables)
		}
	}
	var problem *Problem
	if sub.Outcome, problem = s.outcome(outcome); problem != nil {
		problems = append(problems, *problem)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return sub, nil
}

// outcome returns the name of the chosen outcome.
func (s *state) outcome(name string) (string, *Problem) {
	if name == "" {
		return "", nil
	}
	if len(s.form.Outcomes) == 0 && slices.Contains([]string{"complete", "start process", "save"}, strings.ToLower(name)) {
		return "", nil // the buttons that every form has
	}
	for _, o := range s.form.Outcomes {
		if o.Name == name || (o.ID == name && o.ID != "") {
			if !s.holds(o.Condition) {
				break
			}
			return o.Name, nil
		}
	}
	return "", &Problem{Message: fmt.Sprintf("%q is not an outcome that can be chosen", clip(name))}
}

// clip is a text as it may stand in a message.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return s
}
