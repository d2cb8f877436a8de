package form

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/internal/juel"
)

// Show returns the definition of a form that was parsed from data, as JSON's members, with
// the values that value gives for its fields; a field of which it says false stays as it is.
func (f *Form) Show(data []byte, value func(*Field) (any, bool)) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	d.UseNumber()
	var all map[string]any
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("reading the form %q: %w", f.Name, err)
	}
	for _, name := range []string{"editorJson", "formDefinition"} {
		if inner, ok := all[name].(map[string]any); ok {
			all = inner
			break
		}
	}
	f.show(all["fields"], value)
	return all, nil
}

// show puts values into a list of fields, or into the lists of a container's columns.
func (f *Form) show(fields any, value func(*Field) (any, bool)) {
	switch fields := fields.(type) {
	case map[string]any:
		for _, column := range fields {
			f.show(column, value)
		}
	case []any:
		for _, one := range fields {
			members, ok := one.(map[string]any)
			if !ok {
				continue
			}
			id, _ := members["id"].(string)
			if field := f.Field(id); field != nil {
				if v, ok := value(field); ok {
					members["value"] = v
				}
			}
			f.show(members["fields"], value)
		}
	}
}

// Chosen are the contents that an upload field names.
type Chosen struct {
	Field *Field
	IDs   []int64 // in ascending order, each once
}

// Contents returns the contents that are named by the form's upload fields, in their order.
func (f *Form) Contents(values map[string]any) []Chosen {
	var all []Chosen
	for _, field := range f.Fields {
		if field.Type != Upload || field.shows() {
			continue
		}
		if ids := Numbers(values[field.ID]); len(ids) > 0 {
			all = append(all, Chosen{field, ids})
		}
	}
	return all
}

// Numbers returns the numbers that a value names, of contents or people: as itself, in a text
// with commas, in a list, as the ids of objects. Each is there once, in ascending order.
func Numbers(v any) []int64 {
	var ids []int64
	for _, part := range parts(Plain(v)) {
		if n, err := strconv.ParseInt(show(Plain(ID(part))), 10, 64); err == nil && n > 0 {
			ids = append(ids, n)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// ID is the id of an object, or the value itself.
func ID(v any) any {
	if m, ok := v.(map[string]any); ok {
		return m["id"]
	}
	return v
}

var placeholder = regexp.MustCompile(`\$\{\s*([\p{L}_][\p{L}\p{N}_.-]*)\s*\}`)

// Fill puts values in the place of ${name} in a text that stands in a form, once: what comes
// in is not looked at again. A name without a value stays as it is. escape, which may be nil,
// makes of a value what may stand there.
func Fill(text string, values map[string]any, escape func(string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		name := placeholder.FindStringSubmatch(found)[1]
		v, ok := values[name]
		if !ok {
			return found
		}
		s := show(member(Plain(v), false))
		if escape != nil {
			s = escape(s)
		}
		return s
	})
}

// Column returns a table's column with that id; nil when there is none.
func (f *Field) Column(id string) *Field {
	for i := range f.Columns {
		if f.Columns[i].ID == id {
			return &f.Columns[i].Field
		}
	}
	return nil
}

// Address is where the choices of a field are, with values in the place of ${name}: escaped,
// so that a value cannot lead elsewhere. A name without a value leaves nothing there.
func (f *Field) Address(values map[string]any) string {
	return placeholder.ReplaceAllString(Fill(f.URL, values, url.QueryEscape), "")
}

// maxChoices is the most entries of a list that come from elsewhere.
const maxChoices = 10_000

// Choices reads the options of a field out of the answer of the service that its URL names.
func (f *Field) Choices(answer []byte) ([]Option, error) {
	d := json.NewDecoder(bytes.NewReader(answer))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the answer is no JSON")
	}
	list, ok := juel.Part(v, f.Path).([]any)
	if !ok {
		return nil, fmt.Errorf("the answer has no list at %q", clip(f.Path))
	}
	if len(list) > maxChoices {
		return nil, fmt.Errorf("the answer has %d entries; %d are allowed", len(list), maxChoices)
	}
	options := make([]Option, 0, len(list))
	for _, entry := range list {
		o := Option{ID: show(Plain(entry))}
		o.Name = o.ID
		if m, ok := entry.(map[string]any); ok {
			o.ID, o.Name = show(Plain(juel.Part(m, or(f.IDs, "id")))), show(Plain(juel.Part(m, or(f.Labels, "name"))))
		}
		options = append(options, o)
	}
	return options, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
