package identity

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Statuses of users and groups.
const (
	Active   = "active"
	Inactive = "inactive"
)

// Types of account.
const (
	Enterprise = "enterprise"
	Trial      = "trial"
)

// User is a person. It is a value of one moment: what the database said when the
// request began.
type User struct {
	ID         int64  // as in APS: the first administrator is 1, others count from 1001
	Email      string // the login; mostly an e-mail address, but any name will do
	FirstName  string
	LastName   string
	ExternalID string // the id in a directory; empty means none
	Company    string
	TenantID   int64 // 0 means none
	Status     string
	// AccountType is what APS's licence counts him as: enterprise or trial.
	AccountType    string
	PrimaryGroupID int64 // the group that he belongs to first; 0 means none
	PictureID      int64 // 0 means none
	Created        time.Time
	LastUpdate     time.Time
	Admin          bool // holds the capability tenant-admin through a group

	passwordHash string
}

// Active reports whether the user may sign in and act.
func (u *User) Active() bool { return u.Status == Active }

// FullName returns what people call the user; the login when there is no name.
func (u *User) FullName() string {
	if name := strings.TrimSpace(u.FirstName + " " + u.LastName); name != "" {
		return name
	}
	return u.Email
}

// firstUser is the number after which users count, but for the very first.
const firstUser = 1000

// AdminCapability is the capability that makes an administrator, as APS calls it.
const AdminCapability = "tenant-admin"

// UserColumns selects a user from users AS u, also for statements of other rooms that
// need the user of something else. An outer join without a user gives one whose ID
// is 0.
const UserColumns = `COALESCE(u.id, 0), COALESCE(u.email, ''), COALESCE(u.first_name, ''), COALESCE(u.last_name, ''),
	COALESCE(u.external_id, ''), COALESCE(u.company, ''), COALESCE(u.tenant_id, 0), COALESCE(u.status, ''), COALESCE(u.password_hash, ''),
	u.created_at, u.updated_at, COALESCE(u.account_type, ''), COALESCE(u.primary_group_id, 0), COALESCE(u.picture_id, 0), CASE WHEN EXISTS (SELECT 1 FROM memberships m
		JOIN user_groups g ON g.id = m.group_id JOIN capabilities c ON c.group_id = g.id
		WHERE m.user_id = u.id AND g.status = 'active' AND c.name = '` + AdminCapability + `') THEN 1 ELSE 0 END`

// Columns scans UserColumns into u.
func (u *User) Columns() []any {
	return []any{&u.ID, &u.Email, &u.FirstName, &u.LastName, &u.ExternalID, &u.Company, &u.TenantID,
		&u.Status, &u.passwordHash, store.Time(&u.Created), store.Time(&u.LastUpdate), &u.AccountType, &u.PrimaryGroupID, &u.PictureID, &u.Admin}
}

// NameColumns selects of a user from users AS u what he is called.
const NameColumns = `COALESCE(u.email, ''), COALESCE(u.first_name, ''), COALESCE(u.last_name, '')`

// Names scans NameColumns into u.
func (u *User) Names() []any { return []any{&u.Email, &u.FirstName, &u.LastName} }

func userWhere(ctx context.Context, q store.Querier, condition string, arg any) (*User, error) {
	var u User
	err := q.QueryRow(ctx, u.Columns(), `SELECT `+UserColumns+` FROM users u WHERE `+condition, arg)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no such user.")
	}
	return &u, err
}

// ByID returns the user with that number, or a NotFound fault.
func (s *Service) ByID(ctx context.Context, id int64) (*User, error) {
	return userWhere(ctx, s.db, `u.id = $1`, id)
}

// ByEmail returns the user with that login, compared as the configuration says.
func (s *Service) ByEmail(ctx context.Context, email string) (*User, error) {
	if s.cfg.CaseSensitive {
		return userWhere(ctx, s.db, `u.email = $1`, email)
	}
	return userWhere(ctx, s.db, `u.email_folded = $1`, fold(email))
}

// ByExternalID returns the user with that id in a directory.
func (s *Service) ByExternalID(ctx context.Context, id string) (*User, error) {
	if id == "" {
		return nil, fault.New(fault.NotFound, "There is no such user.")
	}
	return userWhere(ctx, s.db, `u.external_id = $1`, id)
}

// Lookup finds the user a token names: by external id when the configuration
// says so, by login otherwise. Nothing is trimmed, and no letters but ASCII ones
// are folded: a name that only looks alike is another name.
func (s *Service) Lookup(ctx context.Context, name string) (*User, error) {
	if s.cfg.UseExternalID {
		return s.ByExternalID(ctx, name)
	}
	return s.ByEmail(ctx, name)
}

// fold maps A-Z to a-z and nothing else.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// Authenticate checks a login and password. A wrong password, an unknown login
// and an inactive user give the same Unauthorized fault after the same work, and
// after too many of them a TooMany fault without any, for the right password too.
func (s *Service) Authenticate(ctx context.Context, login, password string) (*User, error) {
	return s.authenticate(ctx, login, password, 0)
}

// authenticate is Authenticate; what was right is taken for keep without another
// slow hash.
func (s *Service) authenticate(ctx context.Context, login, password string, keep time.Duration) (*User, error) {
	u, err := s.byLogin(ctx, login)
	if fault.Is(err, fault.NotFound) {
		u, err = &User{}, nil
	}
	if err != nil {
		return nil, err
	}
	a := attempt(login)
	a.Stored, a.Secret, a.Keep = u.Status+u.passwordHash, password, keep
	looked := false
	right, err := s.cfg.Guard.Check(ctx, a, func(ctx context.Context) (bool, error) {
		looked = true
		right, err := s.VerifyHash(ctx, u.passwordHash, password)
		if right = right && err == nil && u.Active(); right {
			s.rehash(ctx, u, password)
		}
		return right, err
	})
	if err != nil {
		return nil, err
	}
	if !right {
		s.cfg.Log.InfoContext(ctx, "sign-in refused", "user", u.ID)
		return nil, fault.New(fault.Unauthorized, "The user name or the password is wrong.")
	}
	if keep > 0 && looked {
		s.cfg.Audit.Try(ctx, audit.Event{Name: "sign_in", Actor: audit.User(u.ID), ActorName: u.Email, Details: audit.Details{"by": "basic"}})
	}
	return u, nil
}

// byLogin finds whom a person means who signs in: people do not mind case.
func (s *Service) byLogin(ctx context.Context, login string) (*User, error) {
	if s.cfg.CaseSensitive {
		return userWhere(ctx, s.db, `u.email = $1`, login)
	}
	return userWhere(ctx, s.db, `u.email_folded = $1`, fold(login))
}

// rehash brings an imported or old hash up to date. The guard keeps a password
// that was changed meanwhile. Failing at it does not fail the sign-in.
func (s *Service) rehash(ctx context.Context, u *User, password string) {
	if !s.costs.outdated(u.passwordHash) {
		return
	}
	stored, err := s.HashPassword(ctx, password)
	if err == nil {
		_, err = s.db.Exec(ctx, `UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3`, stored, u.ID, u.passwordHash)
	}
	if err != nil {
		s.cfg.Log.WarnContext(ctx, "bringing a password hash up to date", "user", u.ID, "error", err)
	}
}

// NewUser is what makes a user.
type NewUser struct {
	Email, FirstName, LastName, ExternalID, Company string
	TenantID, PrimaryGroupID                        int64
	Inactive                                        bool
	AccountType                                     string // Enterprise or Trial; empty means Enterprise
	// Password is hashed here; empty means that nobody signs in by password.
	Password string
	// PasswordHash is an imported hash (argon2id, bcrypt or Spring's
	// StandardPasswordEncoder) instead of Password.
	PasswordHash string
	// Admin adds the user to the administrators' group.
	Admin bool
}

// Create makes a user. A login or external id that exists gives a Conflict; a tenant or
// group that does not, a NotFound.
func (s *Service) Create(ctx context.Context, n NewUser) (*User, error) {
	if err := n.check(); err != nil {
		return nil, err
	}
	if n.Password != "" {
		stored, err := s.HashPassword(ctx, n.Password)
		if err != nil {
			return nil, err
		}
		n.PasswordHash = stored
	}
	var u *User
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		u, err = s.insert(ctx, tx, n)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return nil, fault.New(fault.Conflict, "A user with the login %q or that external id exists already.", n.Email)
	}
	return u, err
}

// insert adds the row; the very first user gets number 1.
func (s *Service) insert(ctx context.Context, tx *store.Tx, n NewUser) (*User, error) {
	tx.AfterCommit(s.strangers.forget)
	id, err := tx.Next(ctx, "user")
	if err != nil {
		return nil, err
	}
	if id > 1 {
		id += firstUser - 1
	}
	status := Active
	if n.Inactive {
		status = Inactive
	}
	if err := s.belongs(ctx, tx, n.TenantID, n.PrimaryGroupID); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO users (id, email, email_folded, first_name, last_name, external_id, company, tenant_id, status,
		password_hash, account_type, primary_group_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)`,
		id, n.Email, fold(n.Email), n.FirstName, n.LastName, orNull(n.ExternalID), n.Company, orNullNumber(n.TenantID), status,
		n.PasswordHash, cmp.Or(n.AccountType, Enterprise), orNullNumber(n.PrimaryGroupID), store.Millis(s.cfg.Now()))
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, tx, "user.create", id, audit.Details{"login": n.Email, "status": status}); err != nil {
		return nil, err
	}
	if n.Admin {
		if err := s.makeAdmin(ctx, tx, id); err != nil {
			return nil, err
		}
	}
	return userWhere(ctx, tx, `u.id = $1`, id)
}

// record writes the line of a change of a user.
func (s *Service) record(ctx context.Context, tx *store.Tx, event string, userID int64, details audit.Details) error {
	return s.cfg.Audit.Write(ctx, tx, audit.Event{Name: event, Subject: audit.User(userID), Details: details})
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func orNullNumber(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// check lists what is wrong with a new user.
func (n *NewUser) check() error {
	var problems []string
	if !validLogin(n.Email) {
		problems = append(problems, "the e-mail (login) must be 1 to 200 characters without white space and control characters")
	}
	for name, text := range map[string]string{"first name": n.FirstName, "last name": n.LastName, "external id": n.ExternalID, "company": n.Company} {
		if !validText(text) {
			problems = append(problems, "the "+name+" must be at most 200 characters of text")
		}
	}
	if n.AccountType != "" && n.AccountType != Enterprise && n.AccountType != Trial {
		problems = append(problems, "the account type must be enterprise or trial")
	}
	if len(problems) > 0 {
		return fault.New(fault.Invalid, "user: %s", strings.Join(problems, "; "))
	}
	return nil
}

const maxText = 200

func validText(text string) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxText && !strings.ContainsFunc(text, unicode.IsControl)
}

func validLogin(login string) bool {
	return login != "" && validText(login) && !strings.ContainsFunc(login, unicode.IsSpace)
}

// Bootstrap makes the first administrator when there is no user at all. It
// reports whether it did; of several processes that start at once, one does.
func (s *Service) Bootstrap(ctx context.Context, n NewUser) (made bool, err error) {
	if err := n.check(); err != nil {
		return false, err
	}
	if n.PasswordHash, err = s.HashPassword(ctx, n.Password); err != nil {
		return false, err
	}
	n.Admin = true
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Next(ctx, "bootstrap"); err != nil { // one starter at a time
			return err
		}
		var users int
		if err := tx.QueryRow(ctx, []any{&users}, `SELECT COUNT(*) FROM users`); err != nil || users > 0 {
			return err
		}
		made = true
		_, err := s.insert(ctx, tx, n)
		return err
	})
	return made && err == nil, err
}

// Empty reports whether there is no user at all.
func (s *Service) Empty(ctx context.Context) (bool, error) {
	var users int
	err := s.db.QueryRow(ctx, []any{&users}, `SELECT COUNT(*) FROM (SELECT id FROM users LIMIT 1) AS one`)
	return users == 0, err
}
