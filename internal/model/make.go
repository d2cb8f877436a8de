package model

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/diagram"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Draft says what a model is called that is made from nothing.
type Draft struct {
	Kind              Kind
	Name, Description string
	ReferenceID       int64 // the process model that it is made for; 0: none
}

// Create makes a model that is empty: a process that only starts, a form without fields, an
// app without processes, a decision table without inputs and rules. Errors: Forbidden, Invalid.
func (s *Service) Create(ctx context.Context, by Actor, d Draft) (*Model, error) {
	if words[d.Kind] == "" {
		return nil, fault.New(fault.Invalid, "A model's type is 0 for a process, 2 for a form, 3 for an app or 4 for a decision table.")
	}
	return s.add(ctx, by, d, func(m *Model) (err error) {
		m.Content, err = blank(m)
		return err
	})
}

// Clone makes a model with the content of another. Errors: NotFound, Forbidden, Invalid.
func (s *Service) Clone(ctx context.Context, by Actor, id int64, name, description *string) (*Model, error) {
	from, err := s.Get(ctx, by, id)
	if err != nil {
		return nil, err
	}
	from.rename(name, description)
	made, err := s.add(ctx, by, Draft{from.Kind, from.Name, from.Description, from.ReferenceID}, func(m *Model) error {
		m.Content, m.Editor = from.Content, from.Editor
		return nil
	})
	if err != nil || from.Kind != App {
		return made, err
	}
	return made, s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO model_files (app_id, name, bytes) SELECT CAST($1 AS BIGINT), name, bytes FROM model_files WHERE app_id = $2`, made.ID, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO model_uses (app_id, model_id, position) SELECT CAST($1 AS BIGINT), model_id, position FROM model_uses WHERE app_id = $2`, made.ID, id)
		return err
	})
}

// add keeps a new model, whose content fill makes when it knows its number.
func (s *Service) add(ctx context.Context, by Actor, d Draft, fill func(*Model) error) (*Model, error) {
	if err := by.mayMake(d.Kind); err != nil {
		return nil, err
	}
	var m *Model
	return m, s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if err := by.room(ctx, tx); err != nil {
			return err
		}
		m = &Model{Kind: d.Kind, Name: d.Name, Description: d.Description}
		if err := s.refer(ctx, tx, by, m, d.ReferenceID); err != nil {
			return err
		}
		if m.ID, err = s.number(ctx, tx); err != nil {
			return err
		}
		if err := fill(m); err != nil {
			return err
		}
		return s.insert(ctx, tx, by, m)
	})
}

// ImportProcess makes a model of a BPMN document. Errors: Forbidden; Invalid with
// everything that is wrong with the document.
func (s *Service) ImportProcess(ctx context.Context, by Actor, file string, content []byte) (*Model, error) {
	if err := by.mayMake(Process); err != nil {
		return nil, err
	}
	name, description, err := readProcess(file, content)
	if err != nil {
		return nil, err
	}
	p := part{Model: Model{Kind: Process, Name: name, Description: description}}
	p.shorten()
	return s.add(ctx, by, Draft{Kind: Process, Name: p.Name, Description: p.Description}, func(m *Model) error {
		m.Content = content
		return nil
	})
}

// ImportVersion makes a new version of a process model out of a BPMN document. Errors:
// as ImportProcess, and NotFound.
func (s *Service) ImportVersion(ctx context.Context, by Actor, id int64, file string, content []byte) (m *Model, err error) {
	if _, _, err := readProcess(file, content); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.Owns); err != nil {
			return err
		}
		if m.Kind != Process {
			return fault.New(fault.Invalid, "The model %d is no process.", id)
		}
		m.Content, m.Editor, m.Comment = content, nil, ""
		return s.save(ctx, tx, by, m, true)
	})
	return m, err
}

func readProcess(file string, content []byte) (name, description string, err error) {
	if file = strings.ToLower(file); !strings.HasSuffix(file, ".bpmn") && !strings.HasSuffix(file, ".bpmn20.xml") {
		return "", "", fault.New(fault.Invalid, "Invalid file name, only .bpmn and .bpmn20.xml files are supported.")
	}
	doc, err := bpmn.Parse(content, "the file")
	if err != nil {
		return "", "", fault.Wrap(fault.Invalid, err, "The process cannot be imported: "+err.Error())
	}
	if len(doc.Processes) == 0 {
		return "", "", fault.New(fault.Invalid, "No process found in the file.")
	}
	p := doc.Processes[0]
	if name = p.Name; strings.TrimSpace(name) == "" {
		name = p.ID
	}
	return name, p.Documentation, nil
}

// Thumbnail draws a process model as SVG; nil for other kinds, and for a process that
// cannot be drawn.
func (m *Model) Thumbnail() []byte {
	if m.Kind != Process {
		return nil
	}
	doc, err := bpmn.Parse(m.Content, m.Name)
	if err != nil || len(doc.Processes) == 0 {
		return nil
	}
	svg, err := diagram.SVG(doc.Processes[0], diagram.Options{Title: m.Name})
	if err != nil {
		return nil
	}
	return svg
}

// blank is the content of a model that nobody has drawn yet.
func blank(m *Model) ([]byte, error) {
	switch m.Kind {
	case Process:
		return blankBPMN(m), nil
	case Form:
		return writeForm(nil, m, json.RawMessage(`{"tabs":[],"fields":[],"outcomes":[],"javascriptEvents":[],"className":"","style":"","metadata":{},"variables":[],"gridsterForm":false}`))
	case App:
		return newDefinition().write(nil, m.Name, m.Description)
	}
	key := identifier(m.Name, m.ID)
	return json.Marshal(map[string]any{"referenceId": orNull(m.ReferenceID), "name": m.Name, "description": m.Description, "editorJson": map[string]any{
		"name": m.Name, "key": key, "hitIndicator": "FIRST", "inputExpressions": []any{},
		"outputExpressions": []any{map[string]any{"id": "1", "variableId": "result", "variableType": "variable", "type": "string", "label": "Result", "newVariable": true}},
		"rules":             []any{}}})
}

func orNull(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// blankBPMN is a process that starts and ends.
func blankBPMN(m *Model) []byte {
	var name bytes.Buffer
	_ = xml.EscapeText(&name, []byte(m.Name)) // a buffer takes everything
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="http://www.activiti.org/processdef">
  <process id="` + identifier(m.Name, m.ID) + `" name="` + name.String() + `" isExecutable="true">
    <startEvent id="startEvent1"/>
  </process>
</definitions>
`)
}

// identifier makes a name one that documents can use: letters, digits and hyphens. The
// number makes it the model's own.
func identifier(name string, id int64) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || b.Len() > 0 && r >= '0' && r <= '9' {
			b.WriteRune(r)
		}
	}
	if b.Len() == 0 {
		b.WriteString("model")
	}
	return b.String() + "-" + strconv.FormatInt(id, 10)
}
