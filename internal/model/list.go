package model

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// MaxPage is the most models that a list gives at once.
const MaxPage = 1000

// Query says which models are meant. The zero value means all that the actor may see.
type Query struct {
	IDs         []int64
	Kind        *Kind
	Mine        bool   // that the actor has made
	Others      bool   // that somebody else has made
	Reusable    bool   // that were made for no process in particular
	ReferenceID int64  // that were made for that process model
	Text        string // in the name, in any case
	Sort        string // modifiedDesc (the default), modifiedAsc, nameAsc, nameDesc
	Offset      int
	Limit       int // 0 means MaxPage
}

var sorts = map[string]string{
	"": "m.updated_at DESC, m.id DESC", "modifiedDesc": "m.updated_at DESC, m.id DESC", "modifiedAsc": "m.updated_at, m.id",
	"nameAsc": "LOWER(m.name), m.id", "nameDesc": "LOWER(m.name) DESC, m.id DESC",
}

// List returns a page of models without their content, and how many there are. Errors:
// Invalid for a sort that is not known.
func (s *Service) List(ctx context.Context, by Actor, q Query) (all []Model, total int, err error) {
	order, ok := sorts[q.Sort]
	if !ok {
		return nil, 0, fault.New(fault.Invalid, "Models are sorted by modifiedDesc, modifiedAsc, nameAsc or nameDesc.")
	}
	if len(q.IDs) > MaxPage {
		return nil, 0, fault.New(fault.Invalid, "At most %d models can be asked for at once.", MaxPage)
	}
	where := q.where(by)
	if q.Limit <= 0 || q.Limit > MaxPage {
		q.Limit = MaxPage
	}
	condition, args := where.String(), where.Args[:len(where.Args):len(where.Args)]
	tail := where.Page(max(q.Offset, 0), q.Limit)
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		all = nil
		if err := tx.QueryRow(ctx, []any{&total}, `SELECT COUNT(*) FROM models m`+condition, args...); err != nil || total == 0 {
			return err
		}
		return tx.Query(ctx, func(r store.Row) error {
			var m Model
			err := r.Scan(m.fields()...)
			all = append(all, m)
			return err
		}, `SELECT `+columns+` FROM models m`+condition+` ORDER BY `+order+tail, where.Args...)
	})
	return all, total, err
}

func (q *Query) where(by Actor) *store.Where {
	w := &store.Where{}
	w.Add(`m.tenant_id = ?`, by.TenantID)
	if !by.Admin && !by.Reader {
		w.Add(`m.created_by = ?`, by.UserID)
	}
	if q.IDs != nil {
		if len(q.IDs) == 0 {
			w.Add(`1 = 0`)
		} else {
			store.In(w, "m.id", q.IDs)
		}
	}
	if q.Kind != nil {
		w.Add(`m.kind = ?`, int(*q.Kind))
	}
	if q.Mine {
		w.Add(`m.created_by = ?`, by.UserID)
	}
	if q.Others {
		w.Add(`m.created_by <> ?`, by.UserID)
	}
	if q.Reusable {
		w.Add(`m.reference_id = 0`)
	}
	if q.ReferenceID != 0 {
		w.Add(`m.reference_id = ?`, q.ReferenceID)
	}
	if q.Text != "" {
		w.Add(`LOWER(m.name) LIKE ? ESCAPE '!'`, store.Contains(q.Text))
	}
	return w
}

// Contents returns the content of models, by id. Whether the actor may see them has been
// asked before.
func (s *Service) contents(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	w := &store.Where{}
	store.In(w, "id", ids)
	found := map[int64][]byte{}
	err := s.db.Query(ctx, func(r store.Row) error {
		var id int64
		var data []byte
		err := r.Scan(&id, &data)
		found[id] = data
		return err
	}, `SELECT id, content FROM models`+w.String(), w.Args...)
	return found, err
}

// maxForms is how many forms are given with what is in them at once.
const maxForms = 100

// Forms returns a page of form models with their content, and how many there are.
func (s *Service) Forms(ctx context.Context, by Actor, q Query) ([]Model, int, error) {
	kind := Form
	q.Kind = &kind
	if q.Limit <= 0 || q.Limit > maxForms {
		q.Limit = maxForms
	}
	all, total, err := s.List(ctx, by, q)
	if err != nil || len(all) == 0 {
		return nil, total, err
	}
	ids := make([]int64, len(all))
	for i := range all {
		ids[i] = all[i].ID
	}
	contents, err := s.contents(ctx, ids)
	for i := range all {
		all[i].Content = contents[all[i].ID]
	}
	return all, total, err
}

// Old is what a model was before; its ID is that of the version.
type Old = Model

const oldColumns = `v.id, m.kind, v.name, v.description, m.key, m.file, m.tenant_id, m.reference_id, v.version, v.comment, m.created_by, m.created_at, v.updated_by, v.updated_at`

// History returns a page of what a model was before, the newest first, without content,
// and how many versions there are. Errors: NotFound, Forbidden.
func (s *Service) History(ctx context.Context, by Actor, id int64, offset, limit int) (all []Old, total int, err error) {
	if _, err := s.Get(ctx, by, id); err != nil {
		return nil, 0, err
	}
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		all = nil
		if err := tx.QueryRow(ctx, []any{&total}, `SELECT COUNT(*) FROM model_versions WHERE model_id = $1`, id); err != nil || total == 0 {
			return err
		}
		return tx.Query(ctx, func(r store.Row) error {
			var m Old
			err := r.Scan(m.fields()...)
			all = append(all, m)
			return err
		}, `SELECT `+oldColumns+` FROM model_versions v JOIN models m ON m.id = v.model_id WHERE v.model_id = $1 ORDER BY v.version DESC LIMIT $2 OFFSET $3`, id, limit, max(offset, 0))
	})
	return all, total, err
}

// Version returns one of what a model was before, whole. Errors: NotFound, Forbidden.
func (s *Service) Version(ctx context.Context, by Actor, id, version int64) (*Old, error) {
	if _, err := s.Get(ctx, by, id); err != nil {
		return nil, err
	}
	m := &Old{}
	err := s.db.QueryRow(ctx, m.all(), `SELECT `+oldColumns+`, v.content, v.editor FROM model_versions v JOIN models m ON m.id = v.model_id WHERE v.model_id = $1 AND v.id = $2`, id, version)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "The model %d has no version with the id %d.", id, version)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}
