package model

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// part is a file of an archive that becomes a model of its own.
type part struct {
	Model
	process int64 // the number, in the archive, of the process that it was made for
}

// Import takes an app's archive apart and makes models of what is in it. Their documents
// are not checked before they are published. Errors: Forbidden; Invalid and TooLarge with
// everything that is wrong with the archive.
func (s *Service) Import(ctx context.Context, by Actor, name string, archive []byte) (*Model, error) {
	if err := by.mayMake(App); err != nil {
		return nil, err
	}
	a, err := s.read(name, archive)
	if err != nil {
		return nil, err
	}
	m := &Model{Kind: App, Name: a.Name, Description: a.Description}
	if m.Content, err = ownFile(a); err != nil {
		return nil, err
	}
	m.File = a.Own
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if err := by.room(ctx, tx); err != nil {
			return err
		}
		m.ID = 0
		if err := s.insert(ctx, tx, by, m); err != nil {
			return err
		}
		return s.fill(ctx, tx, by, m.ID, a)
	})
	return m, err
}

// Reimport makes new versions of an app's models out of an archive: of those that have
// the same key, or else the same name. What is new is added; what is not in the archive is
// a model still, and no more of the app. Errors: as Import, and NotFound.
func (s *Service) Reimport(ctx context.Context, by Actor, id int64, name string, archive []byte) (m *Model, err error) {
	if err := by.mayMake(App); err != nil {
		return nil, err
	}
	a, err := s.read(name, archive)
	if err != nil {
		return nil, err
	}
	content, err := ownFile(a)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.Owns); err != nil {
			return err
		}
		if m.Kind != App {
			return fault.New(fault.Invalid, "No app definition found for id %d.", id)
		}
		m.Name, m.Description, m.File, m.Content, m.Comment = a.Name, a.Description, a.Own, content, importComment
		if err := s.save(ctx, tx, by, m, true); err != nil {
			return err
		}
		return s.fill(ctx, tx, by, id, a)
	})
	return m, err
}

// importComment is what versions are called that an import has made, as in APS.
const importComment = "App definition import"

// read reads an app's archive.
func (s *Service) read(name string, archive []byte) (*app.App, error) {
	if !bytes.HasPrefix(archive, []byte("PK")) {
		return nil, fault.New(fault.Invalid, "Invalid file name, only .zip files are supported.")
	}
	a, err := app.Read(name, archive, s.limits)
	if err != nil {
		return nil, err
	}
	_, err = a.Readers()
	return a, err
}

// ownFile returns the app's own file, or makes one for an archive without it, as other
// engines write them: it lists every process.
func ownFile(a *app.App) ([]byte, error) {
	for _, f := range a.Others {
		if f.Name == a.Own && a.Own != "" {
			return f.Bytes, nil
		}
	}
	d := newDefinition()
	for _, f := range a.Processes {
		d.Models = append(d.Models, app.Model{ID: f.Number(), Name: f.Title()})
	}
	return d.write(nil, a.Name, a.Description)
}

// fill makes models of an archive's files, new ones or new versions, and notes that the app
// is made of them.
func (s *Service) fill(ctx context.Context, tx *store.Tx, by Actor, id int64, a *app.App) error {
	before, err := usedBy(ctx, tx, id)
	if err != nil {
		return err
	}
	parts, rest := takeApart(a)
	processes := map[int64]int64{} // by their numbers in the archive
	for i := range parts {
		p := &parts[i]
		p.ReferenceID = processes[p.process]
		if err := s.fillOne(ctx, tx, by, p, before); err != nil {
			return err
		}
		if number, err := strconv.ParseInt(p.Key, 10, 64); err == nil && p.Kind == Process {
			processes[number] = p.ID
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM model_uses WHERE app_id = $1`, id); err != nil {
		return err
	}
	for i, p := range parts {
		if err := use(ctx, tx, id, p.ID, i); err != nil {
			return err
		}
	}
	return keepFiles(ctx, tx, id, rest)
}

func use(ctx context.Context, tx *store.Tx, app, model int64, position int) error {
	_, err := tx.Exec(ctx, `INSERT INTO model_uses (app_id, model_id, position) VALUES ($1, $2, $3)`, app, model, position)
	return err
}

func keepFiles(ctx context.Context, tx *store.Tx, app int64, files []app.File) error {
	if _, err := tx.Exec(ctx, `DELETE FROM model_files WHERE app_id = $1`, app); err != nil {
		return err
	}
	for _, f := range files {
		if _, err := tx.Exec(ctx, `INSERT INTO model_files (app_id, name, bytes) VALUES ($1, $2, $3)`, app, f.Name, f.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// fillOne makes a new version of the model that a part was before, or a new model.
func (s *Service) fillOne(ctx context.Context, tx *store.Tx, by Actor, p *part, before []Model) error {
	same := func(m Model) bool { return m.Kind == p.Kind && m.Key == p.Key && p.Key != "" }
	i := slices.IndexFunc(before, same)
	if i < 0 {
		i = slices.IndexFunc(before, func(m Model) bool { return m.Kind == p.Kind && m.Name == p.Name })
	}
	if i < 0 || !by.Owns(&before[i]) {
		return s.insert(ctx, tx, by, &p.Model)
	}
	m := before[i]
	changed := !bytes.Equal(m.Content, p.Content) || !bytes.Equal(m.Editor, p.Editor)
	m.Name, m.Description, m.Key, m.File, m.ReferenceID, m.Content, m.Editor, m.Comment = p.Name, p.Description, p.Key, p.File, p.ReferenceID, p.Content, p.Editor, importComment
	p.Model = m
	return s.save(ctx, tx, by, &p.Model, changed)
}

// usedBy returns what an app is made of, whole and in its order.
func usedBy(ctx context.Context, q store.Querier, app int64) (all []Model, err error) {
	err = q.Query(ctx, func(r store.Row) error {
		var m Model
		err := r.Scan(m.all()...)
		all = append(all, m)
		return err
	}, `SELECT `+whole+` FROM model_uses u JOIN models m ON m.id = u.model_id WHERE u.app_id = $1 ORDER BY u.position, m.id`, app)
	return all, err
}

// takeApart sorts an archive's files into models, processes first, and the rest.
func takeApart(a *app.App) (parts []part, rest []app.File) {
	editors := map[string]app.File{}
	for _, f := range a.Others {
		switch {
		case f.Name == a.Own && a.Own != "":
		case path.Dir(f.Name) == dirs[Process] && strings.HasSuffix(f.Name, ".json"):
			editors[f.Base()] = f
		default:
			rest = append(rest, f)
		}
	}
	for _, f := range a.Processes {
		p := part{Model: Model{Kind: Process, Name: f.Title(), Key: keyOf(f.Number(), ""), File: f.Name, Content: f.Bytes}}
		if e, ok := editors[f.Base()]; ok && path.Dir(f.Name) == dirs[Process] {
			p.Editor = e.Bytes
			delete(editors, f.Base())
		}
		for _, m := range a.Models {
			if m.ID != 0 && m.ID == f.Number() && strings.TrimSpace(m.Name) != "" {
				p.Name, p.Description = m.Name, m.Description
			}
		}
		parts = append(parts, p)
	}
	for _, f := range a.Forms {
		parts = append(parts, part{Model: Model{Kind: Form, Name: f.Name, Description: f.Description, Key: keyOf(f.ID, f.Key), File: f.File.Name, Content: f.Bytes}, process: f.ReferenceID})
	}
	for _, d := range a.Decisions {
		parts = append(parts, part{Model: Model{Kind: Decision, Name: d.Name, Key: keyOf(d.ID, d.Key), File: d.File.Name, Content: d.Bytes}})
	}
	rest = append(rest, a.Stencils...)
	for _, f := range editors { // of no process
		rest = append(rest, f)
	}
	for i := range parts {
		parts[i].shorten()
	}
	return parts, rest
}

// shorten keeps the names that an archive gives within bounds.
func (p *part) shorten() {
	cut := func(text string, most int) string {
		text = strings.Map(func(r rune) rune {
			if r < ' ' || r == 0x7f {
				return ' '
			}
			return r
		}, text)
		if runes := []rune(text); len(runes) > most {
			text = string(runes[:most])
		}
		return text
	}
	p.Name, p.Description = strings.TrimSpace(cut(p.Name, maxName)), cut(p.Description, maxDescription)
	if p.Name == "" {
		p.Name = words[p.Kind]
	}
}

// keyOf is by what files name a model: its number, or else what it calls itself.
func keyOf(number int64, own string) string {
	if number != 0 {
		return strconv.FormatInt(number, 10)
	}
	return own
}
