package dmn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// ParseJSON reads a table of APS's decision table editor: the file of an app's
// decision-table-models, or the editorJson in it. The error is *Problems, a fault:
// every problem with its place.
func ParseJSON(document []byte) (*Table, error) {
	if len(document) > MaxBytes {
		return nil, tooLarge("the document has %d bytes, %d are allowed", len(document), MaxBytes)
	}
	p := &Problems{}
	model, err := readModel(document)
	if err != nil {
		p.add("", "%s", err)
		return nil, p.err()
	}
	t := model.draft(p).build(p)
	if err := p.err(); err != nil {
		return nil, err
	}
	return t, nil
}

// editorModel is the editor's JSON. Ids and cells may be texts or numbers.
type editorModel struct {
	Name            scalar
	Key             scalar
	Description     scalar
	HitIndicator    scalar
	CollectOperator scalar
	Inputs          []editorColumn `json:"inputExpressions"`
	Outputs         []editorColumn `json:"outputExpressions"`
	Rules           []map[string]scalar
	EditorJSON      json.RawMessage `json:"editorJson"`
}

type editorColumn struct {
	ID         scalar
	Label      scalar
	VariableID scalar `json:"variableId"`
	Type       scalar
	Entries    []scalar
}

// scalar is a text, a number, true, false or null, as a text.
type scalar string

// UnmarshalJSON takes what is no text as it is written.
func (s *scalar) UnmarshalJSON(text []byte) error {
	switch text[0] {
	case '"':
		var plain string
		err := json.Unmarshal(text, &plain)
		*s = scalar(plain)
		return err
	case '{', '[':
		return fmt.Errorf("a text or number is expected, and %s found", clip(string(text)))
	case 'n':
		*s = ""
	default:
		*s = scalar(text)
	}
	return nil
}

func (s scalar) trimmed() string { return strings.TrimSpace(string(s)) }

// readModel finds the editor's model, which a file has in it as an object or as text.
func readModel(document []byte) (*editorModel, error) {
	var outer editorModel
	if err := json.Unmarshal(document, &outer); err != nil {
		return nil, fmt.Errorf("this is no JSON of a decision table: %s", clip(err.Error()))
	}
	inner := bytes.TrimSpace(outer.EditorJSON)
	if len(inner) == 0 || bytes.Equal(inner, []byte("null")) {
		return &outer, nil
	}
	if inner[0] == '"' {
		var text string
		if err := json.Unmarshal(inner, &text); err != nil {
			return nil, fmt.Errorf("editorJson is no JSON: %s", clip(err.Error()))
		}
		inner = []byte(text)
	}
	var model editorModel
	if err := json.Unmarshal(inner, &model); err != nil {
		return nil, fmt.Errorf("editorJson is no JSON of a decision table: %s", clip(err.Error()))
	}
	if model.Name == "" {
		model.Name = outer.Name
	}
	if model.Description == "" {
		model.Description = outer.Description
	}
	return &model, nil
}

func (m *editorModel) draft(p *Problems) *draft {
	d := &draft{
		key: m.Key.trimmed(), name: m.Name.trimmed(), description: m.Description.trimmed(),
		policy: m.HitIndicator.trimmed(), aggregation: m.CollectOperator.trimmed(),
	}
	for i, c := range m.Inputs {
		identified(c, fmt.Sprintf("input %d", i+1), p)
		d.inputs = append(d.inputs, draftInput{id: c.ID.trimmed(), label: c.Label.trimmed(), expression: c.VariableID.trimmed(), kind: c.Type.trimmed()})
	}
	for i, c := range m.Outputs {
		identified(c, fmt.Sprintf("output %d", i+1), p)
		o := draftOutput{id: c.ID.trimmed(), label: c.Label.trimmed(), name: c.VariableID.trimmed(), kind: c.Type.trimmed()}
		for _, entry := range c.Entries {
			o.values = append(o.values, literal(entry.trimmed(), o.kind))
		}
		d.outputs = append(d.outputs, o)
	}
	if len(m.Rules)*(len(m.Inputs)+len(m.Outputs)) > MaxCells || len(m.Rules) > MaxRules {
		d.rules = make([]draftRule, len(m.Rules)) // build refuses it; the cells are not needed
		return d
	}
	for number, cells := range m.Rules {
		d.rules = append(d.rules, m.rule(cells, number+1))
	}
	return d
}

func identified(c editorColumn, place string, p *Problems) {
	if c.ID.trimmed() == "" {
		p.add(place, "the column has no id; rules name it by that")
	}
}

// rule finds the cells of a row by the ids of the columns. Entries get the ids that
// Activiti gives them.
func (m *editorModel) rule(cells map[string]scalar, number int) draftRule {
	var r draftRule
	for _, c := range m.Inputs {
		id := c.ID.trimmed()
		text, ok := cells[id]
		if !ok { // Flowable's editor keeps operator and value apart
			text = cells[id+"_operator"] + " " + cells[id+"_expression"]
			if cells[id+"_expression"].trimmed() == "-" {
				text = "-"
			}
		}
		r.inputs = append(r.inputs, Entry{ID: fmt.Sprintf("inputEntry_%s_%d", id, number), Text: text.trimmed()})
	}
	for _, c := range m.Outputs {
		id := c.ID.trimmed()
		r.outputs = append(r.outputs, Entry{ID: fmt.Sprintf("outputEntry_%s_%d", id, number), Text: cells[id].trimmed()})
	}
	return r
}

// literal quotes a value of a list of texts, which the editor keeps without quotes.
func literal(value, kind string) string {
	known, _ := typeOf(kind)
	if known != String || quotedDates.MatchString(value) || isExpression(value) {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
}
