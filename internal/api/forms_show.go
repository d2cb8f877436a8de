package api

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/identity"
)

// formDefinition is APS's FormDefinitionRepresentation, for the description. What is
// answered is the form as it was drawn, with these members set.
type formDefinition struct {
	ID              int64   `json:"id"`
	Name            string  `json:"name"`
	DefinitionID    *string `json:"processDefinitionId"`
	DefinitionKey   *string `json:"processDefinitionKey"`
	DefinitionName  *string `json:"processDefinitionName"`
	TaskID          *string `json:"taskId"`
	TaskName        *string `json:"taskName"`
	TaskKey         *string `json:"taskDefinitionKey"`
	Tabs            []any   `json:"tabs"`
	Fields          []any   `json:"fields"` // containers with fields by column
	Outcomes        []any   `json:"outcomes"`
	Variables       []any   `json:"variables"`
	Events          []any   `json:"javascriptEvents"`
	ClassName       string  `json:"className"`
	Style           string  `json:"style"`
	Metadata        any     `json:"metadata"`
	Templates       any     `json:"customFieldTemplates"`
	ValueInfo       any     `json:"customFieldsValueInfo"`
	Gridster        bool    `json:"gridsterForm"`
	SelectedOutcome *string `json:"selectedOutcome"`
	DateFormat      string  `json:"globalDateFormat"`
}

// shownDates is how APS's pages show a date unless a field says otherwise.
const shownDates = "D-M-YYYY"

// finish gives a form's members those that clients count on. A page that reads them must
// find lists where lists are meant.
func finish(f *engine.DeployedForm, shown map[string]any) map[string]any {
	for _, name := range []string{"tabs", "fields", "outcomes", "variables", "javascriptEvents"} {
		if _, ok := shown[name].([]any); !ok {
			shown[name] = []any{}
		}
	}
	for _, name := range []string{"metadata", "customFieldTemplates", "customFieldsValueInfo"} {
		if shown[name] == nil {
			shown[name] = map[string]any{}
		}
	}
	for name, otherwise := range map[string]any{"className": "", "style": "", "gridsterForm": false, "globalDateFormat": shownDates} {
		if shown[name] == nil {
			shown[name] = otherwise
		}
	}
	for _, name := range []string{"processDefinitionId", "processDefinitionKey", "processDefinitionName", "taskId", "taskName", "taskDefinitionKey", "selectedOutcome"} {
		shown[name] = nil // none yet, whatever the form's author wrote
	}
	shown["id"], shown["name"] = f.Number, f.Name
	return shown
}

// emptyForm is a deployed form without anything in it.
func emptyForm(f *engine.DeployedForm) (map[string]any, error) {
	shown, err := f.Form.Show(f.JSON, func(*form.Field) (any, bool) { return nil, false })
	if err != nil {
		return nil, err
	}
	return finish(f, shown), nil
}

// showForm is a form with its values, as ADF reads them.
func (a *API) showForm(v *visit, data *engine.FormData) (map[string]any, error) {
	things, err := a.named(v, data)
	if err != nil {
		return nil, err
	}
	s := &shownForm{data: data, named: things}
	shown, err := data.Form.Show(data.JSON, s.value)
	if err != nil {
		return nil, err
	}
	finish(&data.DeployedForm, shown)
	if d := data.Definition; d != nil {
		shown["processDefinitionId"], shown["processDefinitionKey"], shown["processDefinitionName"] = d.ID, d.Key, d.Name
	}
	if t := data.Task; t != nil {
		shown["taskId"], shown["taskName"], shown["taskDefinitionKey"] = t.ID, t.Name, orNil(t.Key)
	}
	shown["selectedOutcome"] = orNil(data.Outcome)
	return shown, nil
}

// shownForm is a form on its way to a client.
type shownForm struct {
	data  *engine.FormData
	named *namedThings
}

// value is what a field shows. What the form itself says stays when nothing else is known.
func (s *shownForm) value(f *form.Field) (any, bool) {
	switch f.Type {
	case form.ReadOnlyText:
		text, ok := f.Value.(string)
		return form.Fill(text, s.data.Values, nil), ok
	case form.ReadOnly:
		return s.display(f)
	}
	raw, ok := s.data.Values[f.ID]
	if !ok || raw == nil {
		return nil, false
	}
	return s.as(f, f.Type, f.ID, raw), true
}

// display is the value of another field or a variable, of which a choice is shown by what
// it is called.
func (s *shownForm) display(f *form.Field) (any, bool) {
	raw, ok := s.data.Values[f.Source]
	if !ok || raw == nil {
		return nil, false
	}
	switch f.SourceType {
	case form.Dropdown, form.Radio, form.Typeahead:
		if chosen, ok := raw.(map[string]any); ok {
			return chosen["name"], true
		}
		if label, ok := s.data.Values[f.Source+"_LABEL"]; ok && label != "" {
			return label, true
		}
	}
	return s.as(f, f.SourceType, f.Source, raw), true
}

// as is a value in the form in which pages read fields of a type.
func (s *shownForm) as(f *form.Field, kind, id string, raw any) any {
	plain := form.Plain(raw)
	switch kind {
	case form.Dropdown, form.Radio, form.Typeahead:
		if f.Multiple {
			return s.several(id, plain)
		}
		return form.ID(plain)
	case form.People:
		return s.named.person(plain)
	case form.FunctGroup:
		return s.named.group(plain)
	case form.Upload:
		return s.named.files(plain)
	}
	return plain
}

// several are the choices of a field that takes more than one: with their names, which are
// kept beside.
func (s *shownForm) several(id string, plain any) any {
	ids, ok := plain.(string)
	if !ok {
		return plain
	}
	labels, _ := s.data.Values[id+"_LABEL"].(string)
	names := strings.Split(labels, ",")
	list := []namedObject{}
	for i, one := range strings.Split(ids, ",") {
		o := namedObject{ID: one, Name: one}
		if len(names) > i && labels != "" {
			o.Name = names[i]
		}
		list = append(list, o)
	}
	return list
}

// namedThings are the people, groups and contents that a form's values name.
type namedThings struct {
	people   map[string]*lightUser
	groups   map[int64]lightGroup
	contents map[int64]relatedContent
}

// named reads them: each kind at once.
func (a *API) named(v *visit, data *engine.FormData) (*namedThings, error) {
	var people, groups, contents []int64
	for _, f := range data.Form.Fields {
		kind, id := f.Type, f.ID
		if kind == form.ReadOnly {
			kind, id = f.SourceType, f.Source
		}
		switch kind {
		case form.People:
			people = append(people, form.Numbers(data.Values[id])...)
		case form.FunctGroup:
			groups = append(groups, form.Numbers(data.Values[id])...)
		case form.Upload:
			contents = append(contents, form.Numbers(data.Values[id])...)
		}
	}
	things := &namedThings{groups: map[int64]lightGroup{}, contents: map[int64]relatedContent{}}
	ids := make([]string, len(people))
	for i, n := range people {
		ids[i] = strconv.FormatInt(n, 10)
	}
	var err error
	if things.people, err = a.people(v.Context(), ids...); err != nil {
		return nil, err
	}
	if err := a.nameGroups(v.Context(), groups, things); err != nil {
		return nil, err
	}
	return things, a.nameContents(v, contents, things)
}

func (a *API) nameGroups(ctx context.Context, ids []int64, things *namedThings) error {
	if len(ids) == 0 {
		return nil
	}
	names := make([]string, len(ids))
	for i, n := range ids {
		names[i] = strconv.FormatInt(n, 10)
	}
	groups, _, err := a.users.Groups(ctx, identity.GroupQuery{Named: names[:min(len(names), identity.MaxPage)], Limit: identity.MaxPage})
	for _, g := range groups {
		things.groups[g.ID] = newLightGroup(g)
	}
	return err
}

func (a *API) nameContents(v *visit, ids []int64, things *namedThings) error {
	if len(ids) == 0 {
		return nil
	}
	found, _, err := a.cfg.Engine.Attachments(v.Context(), v.actor, engine.AttachmentQuery{IDs: ids, Page: engine.Page{Limit: engine.MaxPage}})
	if err != nil {
		return err
	}
	list, err := a.showContents(v.Context(), found)
	for _, c := range list {
		things.contents[c.ID] = c
	}
	return err
}

// members is a value when it is an object, and nothing otherwise.
func members(v any) any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	return nil
}

// person is the user that a value names; a value that names none stays as it is, when it
// is an object.
func (n *namedThings) person(v any) any {
	for _, id := range form.Numbers(v) {
		if u := n.people[strconv.FormatInt(id, 10)]; u != nil {
			return u
		}
	}
	return members(v)
}

func (n *namedThings) group(v any) any {
	for _, id := range form.Numbers(v) {
		if g, ok := n.groups[id]; ok {
			return g
		}
	}
	return members(v)
}

// files are the contents that a value names and the caller may see.
func (n *namedThings) files(v any) any {
	list := []relatedContent{}
	for _, id := range form.Numbers(v) {
		if c, ok := n.contents[id]; ok {
			list = append(list, c)
		}
	}
	return list
}

// newFormVariable is a variable as visibility conditions of pages read it.
func newFormVariable(of *engine.Variable) formVariable {
	shown := formVariable{ID: of.Name, Type: of.Type}
	switch v := of.Value.(type) {
	case time.Time:
		shown.Value = date(v)
	case engine.JSON:
		shown.Value = json.RawMessage(v)
	case []byte: // bytes are nobody's to read here
	default:
		shown.Value = v
	}
	return shown
}
