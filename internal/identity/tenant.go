package identity

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Tenant is a set of users and groups that does not see the others.
type Tenant struct {
	ID         int64
	Name       string
	Domain     string // empty means none
	Active     bool
	MaxUsers   int64     // a note: 0 means as many as come
	Created    time.Time // zero: with the database
	LastUpdate time.Time
}

// Sees reports whether the user may know of what belongs to a tenant: his own, or any
// when he belongs to none.
func (u *User) Sees(tenantID int64) bool { return u.TenantID == 0 || u.TenantID == tenantID }

// Administers reports whether the user administers what belongs to a tenant.
func (u *User) Administers(tenantID int64) bool { return u.Admin && u.Sees(tenantID) }

// TenantName is how processes and what belongs to them name a tenant: not at all the
// default one, which has the number 1 and to which belongs whoever belongs to none.
func TenantName(id int64) string {
	if id <= 1 {
		return ""
	}
	return "tenant_" + strconv.FormatInt(id, 10)
}

const tenantColumns = `id, name, domain, active, max_users, created_at, updated_at`

func (t *Tenant) columns() []any {
	return []any{&t.ID, &t.Name, &t.Domain, &t.Active, &t.MaxUsers, store.Time(&t.Created), store.Time(&t.LastUpdate)}
}

func tenantByID(ctx context.Context, q store.Querier, id int64) (*Tenant, error) {
	var t Tenant
	err := q.QueryRow(ctx, t.columns(), `SELECT `+tenantColumns+` FROM tenants WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no such tenant.")
	}
	return &t, err
}

// Tenant returns the tenant with that number, or a NotFound fault.
func (s *Service) Tenant(ctx context.Context, id int64) (*Tenant, error) {
	return tenantByID(ctx, s.db, id)
}

// Tenants returns the tenants in the order of their numbers, at most MaxPage of them.
func (s *Service) Tenants(ctx context.Context) (list []*Tenant, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var t Tenant
		list = append(list, &t)
		return r.Scan(t.columns()...)
	}, `SELECT `+tenantColumns+` FROM tenants ORDER BY id LIMIT $1`, MaxPage)
	return list, err
}

// check says what is wrong with a tenant.
func (t *Tenant) check() error {
	if t.Name == "" || !validText(t.Name) || !validText(t.Domain) || t.MaxUsers < 0 {
		return fault.New(fault.Invalid, "a tenant needs a name of 1 to 200 characters, a domain of at most 200 and no negative number of users")
	}
	return nil
}

// CreateTenant makes a tenant and gives it its number.
func (s *Service) CreateTenant(ctx context.Context, t Tenant) (*Tenant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var made *Tenant
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		id, err := nextTenant(ctx, tx)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO tenants (id, name, domain, active, max_users, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6)`,
			id, t.Name, t.Domain, t.Active, t.MaxUsers, store.Millis(s.cfg.Now()))
		if err == nil {
			err = s.recordTenant(ctx, tx, "tenant.create", id, t.Name)
		}
		if err != nil {
			return err
		}
		made, err = tenantByID(ctx, tx, id)
		return err
	})
	return made, err
}

// nextTenant returns the next number that no tenant has: some came with the database.
func nextTenant(ctx context.Context, tx *store.Tx) (int64, error) {
	for {
		id, err := tx.Next(ctx, "tenant")
		if err != nil {
			return 0, err
		}
		if _, err := tenantByID(ctx, tx, id); fault.Is(err, fault.NotFound) {
			return id, nil
		} else if err != nil {
			return 0, err
		}
	}
}

// UpdateTenant replaces everything of the tenant with t's number but its times. It
// says nothing to its users: an inactive tenant is a note of its administrators.
func (s *Service) UpdateTenant(ctx context.Context, t Tenant) (*Tenant, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	var is *Tenant
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tenantByID(ctx, tx, t.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE tenants SET name = $1, domain = $2, active = $3, max_users = $4, updated_at = $5 WHERE id = $6`,
			t.Name, t.Domain, t.Active, t.MaxUsers, store.Millis(s.cfg.Now()), t.ID)
		if err == nil {
			err = s.recordTenant(ctx, tx, "tenant.change", t.ID, t.Name)
		}
		if err != nil {
			return err
		}
		is, err = tenantByID(ctx, tx, t.ID)
		return err
	})
	return is, err
}

func (s *Service) recordTenant(ctx context.Context, tx *store.Tx, event string, id int64, name string) error {
	return s.cfg.Audit.Write(ctx, tx, audit.Event{Name: event, Details: audit.Details{"tenant": id, "name": name}})
}
