package model

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Kind is what a model is; the numbers are APS's.
type Kind int

// The kinds of models.
const (
	Process  Kind = 0
	Form     Kind = 2
	App      Kind = 3
	Decision Kind = 4
)

// words are what the kinds are called.
var words = map[Kind]string{Process: "process", Form: "form", App: "app", Decision: "decision table"}

// Model is something that is drawn before it is deployed.
type Model struct {
	ID          int64
	Kind        Kind
	Name        string
	Description string
	Key         string // by which files of its app name it; empty: its id
	File        string // its path in the app that it came with; empty: made of name and id
	TenantID    string
	ReferenceID int64 // the process model that it was made for; 0: none, it can be used again
	Version     int   // from 1
	Comment     string
	CreatedBy   int64 // 0: nobody
	CreatedAt   time.Time
	UpdatedBy   int64
	UpdatedAt   time.Time
	// Content is the file: BPMN, APS's JSON of a form, a decision table or an app. A list
	// leaves it out.
	Content []byte
	Editor  []byte // a process's JSON of APS's editor; nil: none
}

// The bounds of a model, in characters and bytes.
const (
	maxName        = 255
	maxDescription = 4000
	maxModels      = 10_000 // that one user may have made
)

// Service is the room's door. It is safe for concurrent use.
type Service struct {
	db     *store.DB
	engine *engine.Engine
	limits app.Limits
	now    func() time.Time
}

// New returns the room on a migrated database. limits bound what is read; now is the
// clock, nil means time.Now.
func New(db *store.DB, e *engine.Engine, limits app.Limits, now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	return &Service{db, e, limits, now}
}

const columns = `m.id, m.kind, m.name, m.description, m.key, m.file, m.tenant_id, m.reference_id, m.version, m.comment, m.created_by, m.created_at, m.updated_by, m.updated_at`

func (m *Model) fields() []any {
	return []any{&m.ID, &m.Kind, &m.Name, &m.Description, &m.Key, &m.File, &m.TenantID, &m.ReferenceID, &m.Version, &m.Comment,
		&m.CreatedBy, store.Time(&m.CreatedAt), &m.UpdatedBy, store.Time(&m.UpdatedAt)}
}

// whole are the columns of a model with its files.
const whole = columns + `, m.content, m.editor`

func (m *Model) all() []any { return append(m.fields(), &m.Content, &m.Editor) }

// key is by what files name the model.
func (m *Model) key() string {
	if m.Key != "" {
		return m.Key
	}
	return strconv.FormatInt(m.ID, 10)
}

// check says what is wrong with a model's words.
func (m *Model) check() error {
	switch {
	case !printable(m.Name, maxName) || strings.TrimSpace(m.Name) == "":
		return fault.New(fault.Invalid, "A model needs a name of 1 to %d characters.", maxName)
	case !utf8.ValidString(m.Description) || utf8.RuneCountInString(m.Description) > maxDescription || !utf8.ValidString(m.Comment) || utf8.RuneCountInString(m.Comment) > maxDescription:
		return fault.New(fault.Invalid, "A model's description and comment have %d characters at most.", maxDescription)
	case strings.Contains(m.Description+m.Comment, "\x00"):
		return fault.New(fault.Invalid, "A model's description or comment has a character that cannot be kept.")
	}
	return nil
}

func printable(text string, most int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, unicode.IsControl)
}

// load returns a model whole, without asking who wants it.
func load(ctx context.Context, q store.Querier, id int64) (*Model, error) {
	m := &Model{}
	err := q.QueryRow(ctx, m.all(), `SELECT `+whole+` FROM models m WHERE m.id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, missing(id)
	}
	return m, err
}

func missing(id int64) error { return fault.New(fault.NotFound, "There is no model %d.", id) }

// Get returns a model whole. Errors: NotFound, Forbidden.
func (s *Service) Get(ctx context.Context, by Actor, id int64) (*Model, error) {
	return s.loadFor(ctx, s.db, by, id, Actor.sees)
}

// GetKind is Get for a model of that kind; another one is not found.
func (s *Service) GetKind(ctx context.Context, by Actor, id int64, kind Kind) (*Model, error) {
	m, err := s.Get(ctx, by, id)
	if err == nil && m.Kind != kind {
		return nil, fault.New(fault.NotFound, "There is no %s with the id %d.", words[kind], id)
	}
	return m, err
}

// loadFor loads a model that the actor may do something with. One of another tenant is
// not there for him.
func (s *Service) loadFor(ctx context.Context, q store.Querier, by Actor, id int64, may func(Actor, *Model) bool) (*Model, error) {
	m, err := load(ctx, q, id)
	switch {
	case err != nil:
		return nil, err
	case m.TenantID != by.TenantID:
		return nil, missing(id)
	case !may(by, m):
		return nil, fault.New(fault.Forbidden, "The model %d is not yours.", id)
	}
	return m, nil
}

// insert keeps a new model and gives it its number.
func (s *Service) insert(ctx context.Context, tx *store.Tx, by Actor, m *Model) (err error) {
	if err = m.check(); err != nil {
		return err
	}
	if m.ID == 0 {
		if m.ID, err = s.number(ctx, tx); err != nil {
			return err
		}
	}
	m.TenantID, m.Version, m.CreatedBy, m.UpdatedBy = by.TenantID, 1, by.UserID, by.UserID
	m.CreatedAt = s.now().UTC().Truncate(time.Millisecond)
	m.UpdatedAt = m.CreatedAt
	_, err = tx.Exec(ctx, `INSERT INTO models (id, kind, name, description, key, file, tenant_id, reference_id, version, comment, created_by, created_at, updated_by, updated_at, content, editor)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, m.ID, int(m.Kind), m.Name, m.Description, m.Key, m.File, m.TenantID, m.ReferenceID, m.Version, m.Comment,
		m.CreatedBy, store.Millis(m.CreatedAt), m.UpdatedBy, store.Millis(m.UpdatedAt), m.Content, m.Editor)
	return err
}

// number is the next model's.
func (s *Service) number(ctx context.Context, tx *store.Tx) (int64, error) {
	return tx.Next(ctx, engine.AppSequence)
}

// save writes a model that was loaded; anew keeps what it was as a version, and the new
// one counts one up. Errors: Conflict when somebody else has saved it meanwhile.
func (s *Service) save(ctx context.Context, tx *store.Tx, by Actor, m *Model, anew bool) error {
	if err := m.check(); err != nil {
		return err
	}
	was := m.Version
	if anew {
		id, err := tx.Next(ctx, "model-version")
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, `INSERT INTO model_versions (id, model_id, name, description, version, comment, content, editor, updated_by, updated_at)
			SELECT CAST($1 AS BIGINT), id, name, description, version, comment, content, editor, updated_by, updated_at FROM models WHERE id = $2`, id, m.ID); err != nil {
			return err
		}
		m.Version++
	}
	m.UpdatedBy, m.UpdatedAt = by.UserID, s.now().UTC().Truncate(time.Millisecond)
	n, err := tx.Exec(ctx, `UPDATE models SET name = $1, description = $2, key = $3, file = $4, reference_id = $5, version = $6, comment = $7, updated_by = $8, updated_at = $9, content = $10, editor = $11
		WHERE id = $12 AND version = $13`, m.Name, m.Description, m.Key, m.File, m.ReferenceID, m.Version, m.Comment, m.UpdatedBy, store.Millis(m.UpdatedAt), m.Content, m.Editor, m.ID, was)
	if err == nil && n == 0 {
		err = fault.New(fault.Conflict, "The model %d has been changed meanwhile. Load it again.", m.ID)
	}
	return err
}

// Change changes a model's words; nil leaves a member as it is.
type Change struct {
	Name, Description *string
	ReferenceID       *int64
}

// Update changes a model and returns it as it is then. Errors: NotFound, Forbidden, Invalid.
func (s *Service) Update(ctx context.Context, by Actor, id int64, change Change) (m *Model, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.Owns); err != nil {
			return err
		}
		if change.ReferenceID != nil {
			if err := s.refer(ctx, tx, by, m, *change.ReferenceID); err != nil {
				return err
			}
		}
		m.rename(change.Name, change.Description)
		return s.save(ctx, tx, by, m, false)
	})
	return m, err
}

func (m *Model) rename(name, description *string) {
	if name != nil {
		m.Name = *name
	}
	if description != nil {
		m.Description = *description
	}
}

// refer notes that a model was made for a process model that the actor may see; 0 is none.
func (s *Service) refer(ctx context.Context, tx *store.Tx, by Actor, m *Model, process int64) error {
	if process != 0 && process != m.ReferenceID {
		other, err := s.loadFor(ctx, tx, by, process, Actor.sees)
		if err == nil && other.Kind != Process {
			err = fault.New(fault.Invalid, "The model %d is no process.", process)
		}
		if err != nil {
			return err
		}
	}
	m.ReferenceID = process
	return nil
}

// Delete takes a model away with its versions. With cascade an app takes along what no
// other app is made of. What was deployed stays. Errors: NotFound, Forbidden.
func (s *Service) Delete(ctx context.Context, by Actor, id int64, cascade bool) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		m, err := s.loadFor(ctx, tx, by, id, Actor.Owns)
		if err != nil {
			return err
		}
		if cascade && m.Kind == App {
			if _, err := tx.Exec(ctx, `DELETE FROM models WHERE created_by = $2 AND id IN (SELECT model_id FROM model_uses WHERE app_id = $1)
				AND NOT EXISTS (SELECT 1 FROM model_uses u WHERE u.model_id = models.id AND u.app_id <> $1)`, id, m.CreatedBy); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM models WHERE id = $1`, id)
		return err
	})
}
