package filter

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Kind is what a filter finds.
type Kind string

// The kinds of filter.
const (
	Task    Kind = "task"
	Process Kind = "process"
)

// Filter is a search with a name.
type Filter struct {
	ID     int64
	AppID  int64 // 0 means that it belongs to no app
	Name   string
	Icon   string // a word of the client's own; empty means none
	Recent bool
	Index  int64  // its place in the list
	Query  string // JSON
}

// MaxFilters is how many filters of a kind a user may keep, in all apps together.
const MaxFilters = 200

// The bounds of a filter, in characters and bytes.
const (
	maxName  = 200
	maxQuery = 8 << 10
)

// Service is the room's door. It is safe for concurrent use.
type Service struct{ db *store.DB }

// New returns the room on a migrated database.
func New(db *store.DB) *Service { return &Service{db} }

const columns = `id, app_id, name, icon, recent, position, query`

func (f *Filter) columns() []any {
	return []any{&f.ID, &f.AppID, &f.Name, &f.Icon, &f.Recent, &f.Index, &f.Query}
}

// check says what is wrong with a filter.
func (f *Filter) check() error {
	if !validText(f.Name) || f.Name == "" || !validText(f.Icon) {
		return fault.New(fault.Invalid, "a filter needs a name of 1 to %d characters, and an icon of at most as many", maxName)
	}
	if len(f.Query) > maxQuery || f.Index < 0 || f.AppID < 0 {
		return fault.New(fault.Invalid, "the filter is longer than %d bytes, or its index or app is negative", maxQuery)
	}
	return nil
}

func validText(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxName && !strings.ContainsFunc(text, unicode.IsControl)
}

// List returns a user's filters of an app, or of no app (0), in their order.
func (s *Service) List(ctx context.Context, userID int64, kind Kind, appID int64) ([]Filter, error) {
	return list(ctx, s.db, userID, kind, appID)
}

func list(ctx context.Context, q store.Querier, userID int64, kind Kind, appID int64) (all []Filter, err error) {
	err = q.Query(ctx, func(r store.Row) error {
		var f Filter
		if err := r.Scan(f.columns()...); err != nil {
			return err
		}
		all = append(all, f)
		return nil
	}, `SELECT `+columns+` FROM filters WHERE user_id = $1 AND kind = $2 AND app_id = $3 ORDER BY position, id`, userID, string(kind), appID)
	return all, err
}

// Get returns one of the user's filters, or a NotFound fault.
func (s *Service) Get(ctx context.Context, userID int64, kind Kind, id int64) (*Filter, error) {
	return get(ctx, s.db, userID, kind, id)
}

func get(ctx context.Context, q store.Querier, userID int64, kind Kind, id int64) (*Filter, error) {
	var f Filter
	err := q.QueryRow(ctx, f.columns(), `SELECT `+columns+` FROM filters WHERE id = $1 AND user_id = $2 AND kind = $3`, id, userID, string(kind))
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no such filter.")
	}
	return &f, err
}

// Create keeps a filter and returns it with its number. One without a place (index
// nil) goes to the end of its list.
func (s *Service) Create(ctx context.Context, userID int64, kind Kind, f Filter, index *int64) (*Filter, error) {
	if index != nil {
		f.Index = *index
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		var all, last int64
		err := tx.QueryRow(ctx, []any{&all, &last}, `SELECT COUNT(*), COALESCE(MAX(CASE WHEN app_id = $1 THEN position ELSE -1 END), -1)
			FROM filters WHERE user_id = $2 AND kind = $3`, f.AppID, userID, string(kind))
		if err == nil && all >= MaxFilters {
			err = fault.New(fault.Invalid, "A user may keep at most %d filters.", MaxFilters)
		}
		if err != nil {
			return err
		}
		if index == nil {
			f.Index = last + 1
		}
		if f.ID, err = tx.Next(ctx, "filter"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO filters (id, user_id, kind, app_id, name, icon, recent, position, query)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, f.ID, userID, string(kind), f.AppID, f.Name, f.Icon, f.Recent, f.Index, f.Query)
		return err
	})
	return &f, err
}

// Update changes one of the user's filters as change says, and returns it as it is
// then. It stays in its app.
func (s *Service) Update(ctx context.Context, userID int64, kind Kind, id int64, change func(*Filter)) (*Filter, error) {
	var f *Filter
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if f, err = get(ctx, tx, userID, kind, id); err != nil {
			return err
		}
		change(f)
		if err = f.check(); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE filters SET name = $1, icon = $2, recent = $3, position = $4, query = $5 WHERE id = $6`,
			f.Name, f.Icon, f.Recent, f.Index, f.Query, id)
		return err
	})
	return f, err
}

// Delete drops one of the user's filters.
func (s *Service) Delete(ctx context.Context, userID int64, kind Kind, id int64) error {
	n, err := s.db.Exec(ctx, `DELETE FROM filters WHERE id = $1 AND user_id = $2 AND kind = $3`, id, userID, string(kind))
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "There is no such filter.")
	}
	return err
}

// Order puts the user's filters of an app into the order of ids. Those that are not
// named follow in the order that they had; an id that is none of them is refused.
func (s *Service) Order(ctx context.Context, userID int64, kind Kind, appID int64, ids []int64) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		all, err := list(ctx, tx, userID, kind, appID)
		if err != nil {
			return err
		}
		var order []int64
		for _, id := range ids {
			if !slices.ContainsFunc(all, func(f Filter) bool { return f.ID == id }) || slices.Contains(order, id) {
				return fault.New(fault.Invalid, "The order must name filters of that app, each once.")
			}
			order = append(order, id)
		}
		for _, f := range all {
			if !slices.Contains(order, f.ID) {
				order = append(order, f.ID)
			}
		}
		for i, id := range order {
			if _, err := tx.Exec(ctx, `UPDATE filters SET position = $1 WHERE id = $2`, i, id); err != nil {
				return err
			}
		}
		return nil
	})
}
