package engine

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
)

// SubmitProperties completes a task with the values of its activiti:formProperty elements,
// or starts a definition when taskID is empty. A property that is not written to keeps
// its value. Errors: Invalid with every problem.
func (e *Engine) SubmitProperties(ctx context.Context, actor Actor, taskID string, start StartOptions, values map[string]string) (*Instance, error) {
	if taskID == "" {
		data, err := e.StartForm(ctx, actor, start.DefinitionID)
		if err != nil {
			return nil, err
		}
		if start.Variables, err = typed(data.Properties, values); err != nil {
			return nil, err
		}
		return e.Start(ctx, actor, start)
	}
	data, err := e.TaskForm(ctx, actor, taskID)
	if err != nil {
		return nil, err
	}
	variables, err := typed(data.Properties, values)
	if err != nil {
		return nil, err
	}
	return nil, e.Complete(ctx, actor, taskID, CompleteOptions{Variables: variables})
}

// typed turns submitted texts into variables.
func typed(properties []Property, values map[string]string) (map[string]any, error) {
	var problems []string
	variables := map[string]any{}
	known := map[string]bool{}
	for _, p := range properties {
		known[p.ID] = true
		text, given := values[p.ID]
		if given && !p.Writable {
			problems = append(problems, "the property "+strconv.Quote(shown(p.ID))+" cannot be written")
			continue
		}
		if text == "" && p.Required && (given || p.Value == nil) {
			problems = append(problems, "the property "+strconv.Quote(shown(p.ID))+" is required")
			continue
		}
		if !given {
			if p.Value != nil && p.Writable {
				variables[p.variable] = p.Value
			}
			continue
		}
		v, problem := p.value(text)
		if problem != "" {
			problems = append(problems, "the property "+strconv.Quote(shown(p.ID))+" "+problem)
			continue
		}
		variables[p.variable] = v
	}
	for _, name := range sorted(values) {
		if !known[name] {
			variables[name] = values[name] // as Activiti: what the form does not know is a variable
		}
	}
	if len(problems) > 0 {
		return nil, fault.New(fault.Invalid, "The form cannot be taken: %s.", strings.Join(problems, "; "))
	}
	return variables, nil
}

// value reads a text as the property's type has it.
func (p *Property) value(text string) (any, string) {
	if text == "" && p.Type != "string" {
		return nil, ""
	}
	switch p.Type {
	case "long":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, "must be a whole number"
		}
		return n, ""
	case "double":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, "must be a number"
		}
		return f, ""
	case "boolean":
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, "must be true or false"
		}
		return b, ""
	case "date":
		for _, layout := range []string{javaLayout(p.DatePattern), "2006-01-02T15:04:05Z07:00", "2006-01-02"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), ""
			}
		}
		return nil, "must be a date"
	case "enum":
		for _, v := range p.Values {
			if v.ID == text {
				return text, ""
			}
		}
		return nil, "must be one of its values"
	}
	return text, ""
}

// javaLayout is a pattern of Java's SimpleDateFormat in the words of Go.
func javaLayout(pattern string) string {
	if pattern == "" {
		pattern = "dd/MM/yyyy"
	}
	return strings.NewReplacer("yyyy", "2006", "yy", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1", "dd", "02", "d", "2", "HH", "15", "hh", "03", "mm", "04", "ss", "05", "a", "PM", "'T'", "T").Replace(pattern)
}
