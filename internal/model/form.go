package model

import (
	"context"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// maxForm is the most bytes of a form.
const maxForm = 2 << 20

// FormDefinition returns what a form model's file says of the form itself: its tabs, fields
// and outcomes.
func (m *Model) FormDefinition() (json.RawMessage, error) {
	var file struct {
		EditorJSON json.RawMessage `json:"editorJson"`
	}
	if err := json.Unmarshal(m.Content, &file); err != nil {
		return nil, err
	}
	if file.EditorJSON == nil {
		return m.Content, nil // a form of Activiti's own
	}
	return file.EditorJSON, nil
}

// FormSave is a form as somebody has drawn it; nil leaves a member as it is.
type FormSave struct {
	Name, Description *string
	Definition        json.RawMessage
	NewVersion        bool
	Comment           string
	Reusable          bool // it is no more that of one process
}

// SaveForm keeps a form model as it was drawn, and returns it as it is then. Errors:
// NotFound, Forbidden, TooLarge, Invalid with what is wrong with the form.
func (s *Service) SaveForm(ctx context.Context, by Actor, id int64, f FormSave) (m *Model, err error) {
	if len(f.Definition) > maxForm {
		return nil, fault.New(fault.TooLarge, "The form is larger than %d bytes.", maxForm)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.Owns); err != nil {
			return err
		}
		if m.Kind != Form {
			return fault.New(fault.NotFound, "There is no form with the id %d.", id)
		}
		m.rename(f.Name, f.Description)
		if m.Comment = f.Comment; f.Reusable {
			m.ReferenceID = 0
		}
		definition := f.Definition
		if definition == nil {
			if definition, err = m.FormDefinition(); err != nil {
				return err
			}
		}
		if m.Content, err = writeForm(m.Content, m, definition); err != nil {
			return err
		}
		if _, err := form.Parse(m.Content); err != nil {
			return err
		}
		return s.save(ctx, tx, by, m, f.NewVersion)
	})
	return m, err
}

// writeForm returns a form's file with another definition. What the file before had besides
// stays.
func writeForm(before []byte, m *Model, definition json.RawMessage) ([]byte, error) {
	file := map[string]json.RawMessage{}
	if before != nil {
		if err := json.Unmarshal(before, &file); err != nil {
			return nil, err
		}
		if file["editorJson"] == nil { // a form of Activiti's own
			return ownForm(file["key"], m, definition)
		}
	}
	words := map[string]any{"name": m.Name, "description": m.Description}
	if before == nil {
		words["referenceId"] = orNull(m.ReferenceID)
	}
	for member, value := range words {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		file[member] = text
	}
	file["editorJson"] = definition
	return json.Marshal(file)
}

func ownForm(key json.RawMessage, m *Model, definition json.RawMessage) ([]byte, error) {
	file := map[string]any{}
	if json.Unmarshal(definition, &file) != nil || file == nil {
		return nil, fault.New(fault.Invalid, "The form's definition is no JSON object.")
	}
	file["key"], file["name"], file["description"] = key, m.Name, m.Description
	return json.Marshal(file)
}
