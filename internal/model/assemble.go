package model

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// dirs and ends make the paths of models in an archive.
var (
	dirs = map[Kind]string{Process: "bpmn-models", Form: "form-models", Decision: "decision-table-models"}
	ends = map[Kind]string{Process: ".bpmn20.xml", Form: ".json", Decision: ".json", App: ".json"}
)

// Export returns an app as an archive that can be imported, and its name. An app that came
// as one is the same files again. Errors: NotFound, Forbidden, Invalid for another model.
func (s *Service) Export(ctx context.Context, by Actor, id int64) (name string, archive []byte, err error) {
	m, files, err := s.files(ctx, by, id)
	if err != nil {
		return "", nil, err
	}
	var b bytes.Buffer
	if err := app.WriteZip(&b, files); err != nil {
		return "", nil, err
	}
	return app.Named(m.Name) + ".zip", b.Bytes(), nil
}

// files puts an app together: what it is made of, what its processes need, and the rest.
func (s *Service) files(ctx context.Context, by Actor, id int64) (m *Model, files []app.File, err error) {
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.sees); err != nil {
			return err
		}
		if m.Kind != App {
			return fault.New(fault.Invalid, "No app definition found for id %d.", id)
		}
		parts, err := usedBy(ctx, tx, id)
		if err != nil {
			return err
		}
		if parts, err = withNeeded(ctx, tx, by, parts); err != nil {
			return err
		}
		files = named(m, parts)
		return tx.Query(ctx, func(r store.Row) error {
			var f app.File
			err := r.Scan(&f.Name, &f.Bytes)
			if !slices.ContainsFunc(files, func(o app.File) bool { return o.Name == f.Name }) {
				files = append(files, f)
			}
			return err
		}, `SELECT name, bytes FROM model_files WHERE app_id = $1 ORDER BY name`, id)
	})
	return m, files, err
}

// named gives models the paths that they came with, or new ones where two would be the same
// or there is none.
func named(m *Model, parts []Model) []app.File {
	var files []app.File
	taken := map[string]bool{}
	add := func(name string, data []byte) {
		taken[name] = true
		files = append(files, app.File{Name: name, Bytes: data})
	}
	own := m.File
	if own == "" {
		own = app.Named(m.Name) + ends[App]
	}
	add(own, m.Content)
	for _, p := range parts {
		file := p.File
		if file == "" || taken[file] {
			file = dirs[p.Kind] + "/" + app.Named(p.Name) + "-" + p.number() + ends[p.Kind]
		}
		add(file, p.Content)
		if p.Editor != nil {
			add(dirs[Process]+"/"+(app.File{Name: file}).Base()+".json", p.Editor)
		}
	}
	return files
}

// number ends the name of a model's file: its key, where that is a number.
func (m *Model) number() string {
	if _, err := strconv.ParseInt(m.Key, 10, 64); err == nil {
		return m.Key
	}
	return strconv.FormatInt(m.ID, 10)
}

// withNeeded adds the forms and decision tables that were made for an app's processes, and
// the forms that they name by the numbers that models have here, as far as the actor may
// see them.
func withNeeded(ctx context.Context, tx *store.Tx, by Actor, parts []Model) ([]Model, error) {
	w := &store.Where{}
	if !needed(w, parts) {
		return parts, nil
	}
	w.Add(`m.tenant_id = ?`, by.TenantID)
	if !by.Admin && !by.Reader {
		w.Add(`m.created_by = ?`, by.UserID)
	}
	err := tx.Query(ctx, func(r store.Row) error {
		var m Model
		err := r.Scan(m.all()...)
		if !slices.ContainsFunc(parts, func(p Model) bool { return p.ID == m.ID || p.Kind == m.Kind && p.key() == m.key() }) {
			parts = append(parts, m)
		}
		return err
	}, `SELECT `+whole+` FROM models m`+w.String()+` ORDER BY m.id`, w.Args...)
	return parts, err
}

// needed adds the condition on what an app's processes need; false when they need nothing
// that could be a model.
func needed(w *store.Where, parts []Model) bool {
	var processes, forms []any
	for _, p := range parts {
		if p.Kind != Process {
			continue
		}
		processes = append(processes, p.ID)
		for _, key := range formKeys(p.Content) {
			id, err := strconv.ParseInt(key, 10, 64)
			if err == nil && !slices.ContainsFunc(parts, func(m Model) bool { return m.Kind == Form && m.key() == key }) {
				forms = append(forms, id)
			}
		}
	}
	if len(processes) == 0 || len(processes)+len(forms) > MaxPage {
		return false
	}
	condition := `(m.reference_id IN (` + marks(len(processes)) + `) AND m.kind IN (2, 4)`
	if len(forms) > 0 {
		condition += ` OR m.id IN (` + marks(len(forms)) + `) AND m.kind = 2`
	}
	w.Add(condition+`)`, append(processes, forms...)...)
	return true
}

func marks(n int) string {
	return string(bytes.TrimSuffix(bytes.Repeat([]byte("?, "), n), []byte(", ")))
}

// formKeys are the forms that a process names outright.
func formKeys(content []byte) (keys []string) {
	doc, err := bpmn.Parse(content, "process")
	if err != nil {
		return nil // publishing tells what is wrong with it
	}
	for _, p := range doc.Processes {
		for _, n := range p.Order {
			if n.Form == nil || n.Form.Key == nil {
				continue
			}
			if key, ok := n.Form.Key.Literal(); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
