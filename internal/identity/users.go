package identity

import (
	"context"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// UserQuery selects users. The zero value selects the first page of all.
type UserQuery struct {
	Filter     string  // part of the name or login, in any case
	Email      string  // the whole login, in any case
	ExternalID string  // the whole external id
	FoldID     string  // the whole external id in any case
	Status     string  // Active or Inactive; empty means both
	Company    string  // part of the company's name
	Account    string  // Enterprise or Trial; empty means both
	GroupID    int64   // members of that group; 0 means everybody
	IDs        []int64 // these users alone, at most MaxPage; none means everybody
	TenantID   int64   // 0 means every tenant
	Sort       string  // createdAsc, createdDesc, emailAsc or emailDesc; empty means by name
	Offset     int
	Limit      int // 0 means 25; at most MaxPage
}

// MaxPage is the longest page of any list.
const MaxPage = 1000

var userOrders = map[string]string{
	"":            "u.last_name, u.first_name, u.email_folded, u.id",
	"createdAsc":  "u.created_at, u.id",
	"createdDesc": "u.created_at DESC, u.id DESC",
	"emailAsc":    "u.email_folded, u.id",
	"emailDesc":   "u.email_folded DESC, u.id DESC",
}

// pageOf adds a page as APS's lists have it: 25 when nobody says how many.
func pageOf(w *store.Where, offset, limit int) string {
	if limit <= 0 {
		limit = 25
	}
	return w.Page(max(offset, 0), min(limit, MaxPage))
}

func (q *UserQuery) where() *store.Where {
	w := &store.Where{}
	if q.Filter != "" {
		w.Add(`(LOWER(u.first_name || ' ' || u.last_name) LIKE ? ESCAPE '!' OR u.email_folded LIKE ? ESCAPE '!')`, store.Contains(q.Filter))
	}
	if q.Email != "" {
		w.Add(`u.email_folded = ?`, fold(q.Email))
	}
	if q.ExternalID != "" {
		w.Add(`u.external_id = ?`, q.ExternalID)
	}
	if q.FoldID != "" {
		w.Add(`LOWER(u.external_id) = ?`, fold(q.FoldID))
	}
	if q.Status != "" {
		w.Add(`u.status = ?`, q.Status)
	}
	if q.Company != "" {
		w.Add(`LOWER(u.company) LIKE ? ESCAPE '!'`, store.Contains(q.Company))
	}
	if q.Account != "" {
		w.Add(`u.account_type = ?`, q.Account)
	}
	if q.GroupID != 0 {
		w.Add(`u.id IN (SELECT user_id FROM memberships WHERE group_id = ?)`, q.GroupID)
	}
	if len(q.IDs) > 0 {
		store.In(w, `u.id`, q.IDs)
	}
	if q.TenantID != 0 {
		w.Add(`u.tenant_id = ?`, q.TenantID)
	}
	return w
}

// List returns a page of users and how many there are in all.
func (s *Service) List(ctx context.Context, q UserQuery) (users []*User, total int, err error) {
	order, ok := userOrders[q.Sort]
	if !ok {
		return nil, 0, fault.New(fault.Invalid, "unknown sort %q", q.Sort)
	}
	w := q.where()
	err = s.db.Read(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(ctx, []any{&total}, `SELECT COUNT(*) FROM users u`+w.String(), w.Args...); err != nil {
			return err
		}
		condition := w.String()
		return tx.Query(ctx, func(r store.Row) error {
			var u User
			users = append(users, &u)
			return r.Scan(u.Columns()...)
		}, `SELECT `+UserColumns+` FROM users u`+condition+` ORDER BY `+order+pageOf(w, q.Offset, q.Limit), w.Args...)
	})
	return users, total, err
}

// UserUpdate holds what changes; a nil field stays as it is.
type UserUpdate struct {
	Email, FirstName, LastName, ExternalID, Company, Status *string
	TenantID, PrimaryGroupID                                *int64 // 0 means none
	AccountType                                             *string
	Password                                                *string
}

// Update changes a user and returns him as he is then. Another status and another
// password end his sessions and what came of them; the last active administrator
// cannot be deactivated.
func (s *Service) Update(ctx context.Context, id int64, change UserUpdate) (*User, error) {
	users, err := s.UpdateMany(ctx, []int64{id}, change)
	if err != nil {
		return nil, err
	}
	return users[0], nil
}

// UpdateMany is Update for several users together: all of them change, or none. A
// password is hashed once and shared by them.
func (s *Service) UpdateMany(ctx context.Context, ids []int64, change UserUpdate) ([]*User, error) {
	var hash string
	if change.Password != nil {
		var err error
		if hash, err = s.HashPassword(ctx, *change.Password); err != nil {
			return nil, err
		}
	}
	var users []*User
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		users = users[:0]
		for _, id := range ids {
			u, err := s.updateOne(ctx, tx, id, &change, hash)
			if err != nil {
				return err
			}
			users = append(users, u)
		}
		return nil
	})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "Another user has that login or external id.")
	}
	return users, err
}

func (s *Service) updateOne(ctx context.Context, tx *store.Tx, id int64, change *UserUpdate, hash string) (*User, error) {
	u, err := userWhere(ctx, tx, `u.id = $1`, id)
	if err != nil {
		return nil, err
	}
	was := *u
	if hash != "" {
		u.passwordHash = hash
	}
	if err = change.apply(u); err != nil {
		return nil, err
	}
	if err = s.belongs(ctx, tx, value(change.TenantID), value(change.PrimaryGroupID)); err != nil {
		return nil, err
	}
	if err = s.save(ctx, tx, u); err != nil {
		return nil, err
	}
	if err = s.endOld(ctx, tx, u, u.Status != was.Status, hash != ""); err != nil {
		return nil, err
	}
	if err = s.recordUpdate(ctx, tx, &was, u); err != nil {
		return nil, err
	}
	return u, s.keepAnAdministrator(ctx, tx, u)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// belongs refuses a tenant and a first group that do not exist; 0 means none.
func (s *Service) belongs(ctx context.Context, tx *store.Tx, tenantID, groupID int64) error {
	if tenantID != 0 {
		if _, err := tenantByID(ctx, tx, tenantID); err != nil {
			return err
		}
	}
	if groupID == 0 {
		return nil
	}
	_, err := groupByID(ctx, tx, groupID)
	return err
}

// recordUpdate writes a line for each kind of change: his status, his password, and
// the names of whatever else is another than it was.
func (s *Service) recordUpdate(ctx context.Context, tx *store.Tx, was, is *User) error {
	var events []string
	details := audit.Details{"login": is.Email}
	if was.Status != is.Status {
		events = append(events, map[string]string{Active: "user.enable", Inactive: "user.disable"}[is.Status])
	}
	if was.passwordHash != is.passwordHash {
		events = append(events, "user.password")
	}
	var changed []string
	for _, field := range []struct {
		name    string
		another bool
	}{{"login", was.Email != is.Email}, {"first_name", was.FirstName != is.FirstName}, {"last_name", was.LastName != is.LastName},
		{"external_id", was.ExternalID != is.ExternalID}, {"company", was.Company != is.Company}, {"tenant_id", was.TenantID != is.TenantID},
		{"primary_group_id", was.PrimaryGroupID != is.PrimaryGroupID}, {"account_type", was.AccountType != is.AccountType}} {
		if field.another {
			changed = append(changed, field.name)
		}
	}
	if len(changed) > 0 {
		events = append(events, "user.change")
		details["changed"] = changed
	}
	for _, event := range events {
		if err := s.record(ctx, tx, event, is.ID, details); err != nil {
			return err
		}
	}
	return nil
}

// endOld ends what came of the status or the password that a user had until now.
func (s *Service) endOld(ctx context.Context, tx *store.Tx, u *User, status, password bool) error {
	if !status && !password {
		return nil
	}
	list, err := dropSessions(ctx, tx, `user_id = $1`, u.ID)
	if err == nil {
		err = s.ended(ctx, tx, list)
	}
	if err == nil && status && s.cfg.StatusChanged != nil {
		err = s.cfg.StatusChanged(ctx, tx, u.ID)
	}
	if err == nil && password && s.cfg.PasswordChanged != nil {
		err = s.cfg.PasswordChanged(ctx, tx, u.ID)
	}
	return err
}

func (c *UserUpdate) apply(u *User) error {
	set := func(to *string, from *string) {
		if from != nil {
			*to = *from
		}
	}
	set(&u.Email, c.Email)
	set(&u.FirstName, c.FirstName)
	set(&u.LastName, c.LastName)
	set(&u.ExternalID, c.ExternalID)
	set(&u.Company, c.Company)
	set(&u.Status, c.Status)
	set(&u.AccountType, c.AccountType)
	if c.TenantID != nil {
		u.TenantID = *c.TenantID
	}
	if c.PrimaryGroupID != nil {
		u.PrimaryGroupID = *c.PrimaryGroupID
	}
	if u.Status != Active && u.Status != Inactive {
		return fault.New(fault.Invalid, "the status must be active or inactive")
	}
	n := NewUser{Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, ExternalID: u.ExternalID, Company: u.Company, AccountType: u.AccountType}
	return n.check()
}

func (s *Service) save(ctx context.Context, tx *store.Tx, u *User) error {
	tx.AfterCommit(s.strangers.forget)
	_, err := tx.Exec(ctx, `UPDATE users SET email = $1, email_folded = $2, first_name = $3, last_name = $4, external_id = $5,
		company = $6, tenant_id = $7, status = $8, password_hash = $9, account_type = $10, primary_group_id = $11, updated_at = $12 WHERE id = $13`,
		u.Email, fold(u.Email), u.FirstName, u.LastName, orNull(u.ExternalID), u.Company, orNullNumber(u.TenantID), u.Status,
		u.passwordHash, u.AccountType, orNullNumber(u.PrimaryGroupID), store.Millis(s.cfg.Now()), u.ID)
	u.LastUpdate = s.cfg.Now().UTC()
	return err
}

// keepAnAdministrator refuses a change after which nobody could administer.
func (s *Service) keepAnAdministrator(ctx context.Context, tx *store.Tx, changed *User) error {
	if !changed.Admin || changed.Active() {
		return nil
	}
	n, err := administrators(ctx, tx)
	if err == nil && n == 0 {
		err = fault.New(fault.Forbidden, "The last active administrator cannot be deactivated.")
	}
	return err
}

func administrators(ctx context.Context, tx *store.Tx) (n int, err error) {
	err = tx.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM users u WHERE u.status = 'active' AND EXISTS (SELECT 1 FROM memberships m
		JOIN user_groups g ON g.id = m.group_id JOIN capabilities c ON c.group_id = g.id
		WHERE m.user_id = u.id AND g.status = 'active' AND c.name = $1)`, AdminCapability)
	return n, err
}

// ChangePassword sets a new password for a user who knows the old one.
func (s *Service) ChangePassword(ctx context.Context, u *User, old, password string) error {
	if _, err := s.Authenticate(ctx, u.Email, old); err != nil {
		if fault.Is(err, fault.Unauthorized) {
			return fault.New(fault.Invalid, "The old password is wrong.")
		}
		return err
	}
	_, err := s.Update(ctx, u.ID, UserUpdate{Password: &password})
	return err
}
