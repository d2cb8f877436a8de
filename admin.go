package sluice

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/oauth"
	"github.com/sluicehq/sluice/internal/throttle"
)

// Admin makes and changes users, clients and signing keys. It works on the same database as a
// running server, which sees every change at once.
type Admin struct {
	audit *audit.Log
	users *identity.Service
	auth  *oauth.Service
	guard *throttle.Guard
	house *housekeeping
	// engine and limits are of processes.
	engine *engine.Engine
	limits app.Limits
	close  func() error
}

// OpenAdmin opens the database of cfg, brings it up to date and returns its Admin;
// Close it when done.
func OpenAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	cfg.Role = RoleAll
	s, err := New(ctx, cfg, func(s *Server) error { s.admin = true; return nil })
	if err != nil {
		return nil, err
	}
	a := s.Admin()
	a.close = s.Close
	return a, nil
}

// Admin returns the server's own.
func (s *Server) Admin() *Admin {
	return &Admin{audit: s.audit, users: s.users, auth: s.auth, guard: s.guard, house: s.house, engine: s.engine, limits: s.deploymentLimits(), close: func() error { return nil }}
}

// Close closes what OpenAdmin opened.
func (a *Admin) Close() error { return a.close() }

// Migrate brings the database of cfg up to date and returns how many steps it
// took.
func Migrate(ctx context.Context, cfg Config) (int, error) {
	db, err := openUnmigrated(ctx, cfg, newLog(cfg, os.Stderr))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return db.Migrate(ctx)
}

// User is a person as the command line sees one.
type User struct {
	ID         int64     `json:"id"`         // the number in APS's JSON
	Email      string    `json:"email"`      // the login
	FirstName  string    `json:"firstName"`  // may be empty
	LastName   string    `json:"lastName"`   // may be empty
	ExternalID string    `json:"externalId"` // may be empty
	Status     string    `json:"status"`     // active or inactive
	Admin      bool      `json:"admin"`      // has the capability tenant-admin
	Created    time.Time `json:"created"`    // in UTC
}

// NewUser is what makes a user.
type NewUser struct {
	Email, FirstName, LastName, ExternalID string
	// Password is what the user signs in with; empty means that nobody signs in by
	// password.
	Password string
	// PasswordHash is an imported hash instead: argon2id, bcrypt or that of
	// Spring's StandardPasswordEncoder, as APS stores it.
	PasswordHash string
	// Admin makes an administrator.
	Admin bool
}

// CreateUser makes a user. It fails when the login or external id exists.
func (a *Admin) CreateUser(ctx context.Context, n NewUser) (User, error) {
	u, err := a.users.Create(ctx, identity.NewUser{Email: n.Email, FirstName: n.FirstName, LastName: n.LastName, ExternalID: n.ExternalID,
		Password: n.Password, PasswordHash: n.PasswordHash, Admin: n.Admin})
	if err != nil {
		return User{}, err
	}
	return newUser(u), nil
}

func newUser(u *identity.User) User {
	return User{ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName, ExternalID: u.ExternalID, Status: u.Status,
		Admin: u.Admin, Created: u.Created}
}

// Users returns the users whose name or login contains filter, in the order of
// their logins: at most limit of them, from offset on, and how many there are.
func (a *Admin) Users(ctx context.Context, filter string, offset, limit int) ([]User, int, error) {
	found, total, err := a.users.List(ctx, identity.UserQuery{Filter: filter, Sort: "emailAsc", Offset: offset, Limit: limit})
	var list []User
	for _, u := range found {
		list = append(list, newUser(u))
	}
	return list, total, err
}

// SetUserActive lets a user sign in, or ends his sessions, grants and tokens at
// once; they do not come back with him.
func (a *Admin) SetUserActive(ctx context.Context, email string, active bool) error {
	u, err := a.users.ByEmail(ctx, email)
	if err != nil {
		return err
	}
	status := identity.Inactive
	if active {
		status = identity.Active
	}
	_, err = a.users.Update(ctx, u.ID, identity.UserUpdate{Status: &status})
	return err
}

// SetPassword gives a user a new password and ends his sessions and the tokens that
// came of the old one.
func (a *Admin) SetPassword(ctx context.Context, email, password string) error {
	u, err := a.users.ByEmail(ctx, email)
	if err != nil {
		return err
	}
	_, err = a.users.Update(ctx, u.ID, identity.UserUpdate{Password: &password})
	return err
}

// Bootstrap makes the first administrator, admin@app.activiti.com, with a random
// password when there is no user at all, and returns it; else it returns "". The
// password cannot be read again.
func (a *Admin) Bootstrap(ctx context.Context) (email, password string, err error) {
	email, password = "admin@app.activiti.com", strings.ToLower(rand.Text())
	made, err := a.users.Bootstrap(ctx, identity.NewUser{Email: email, Password: password, FirstName: "Sluice", LastName: "Administrator"})
	if err != nil || !made {
		return "", "", err
	}
	return email, password, nil
}

// Client is an application that asks for tokens (RFC 6749 §2).
type Client struct {
	ID           string        `json:"client_id"`
	Name         string        `json:"client_name"`      // what people see; empty means the id
	GrantTypes   []string      `json:"grant_types"`      // authorization_code, password, client_credentials, refresh_token, implicit
	RedirectURIs []string      `json:"redirect_uris"`    // where browsers may be sent
	Scopes       []string      `json:"scopes"`           // what it may ask for
	TokenFormat  string        `json:"token_format"`     // opaque, jwt or empty: as the server is set
	AccessTTL    time.Duration `json:"access_ttl"`       // 0: as the server is set
	RefreshTTL   time.Duration `json:"refresh_ttl"`      // 0: as the server is set
	SkipConsent  bool          `json:"skip_consent"`     // users are not asked
	Introspect   bool          `json:"introspect"`       // may introspect every token
	Public       bool          `json:"public"`           // can prove nothing of itself; set on reading
	Disabled     bool          `json:"disabled"`         // gets nothing; set on reading
	Created      time.Time     `json:"created,omitzero"` // set on reading
	// OldSecretUntil is how long the secret from before the last rotation is good; set
	// on reading, zero when there is none.
	OldSecretUntil time.Time `json:"old_secret_until,omitzero"`

	ClientMetadata // what it registered beyond these, in the names of RFC 7591
}

// ClientMetadata is what a client registers beyond the basics.
type ClientMetadata = oauth.Metadata

// AssertionIssuer is somebody whose signed word about a user is taken (RFC 7523 §3).
type AssertionIssuer = oauth.AssertionIssuer

// room is c as the authorization server's room knows it.
func (c Client) room() oauth.Client {
	return oauth.Client{ID: c.ID, Name: c.Name, GrantTypes: c.GrantTypes, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		TokenFormat: c.TokenFormat, AccessTTL: c.AccessTTL, RefreshTTL: c.RefreshTTL, SkipConsent: c.SkipConsent,
		Introspect: c.Introspect, Metadata: c.ClientMetadata}
}

func newClient(c *oauth.Client) Client {
	return Client{ID: c.ID, Name: c.Name, GrantTypes: c.GrantTypes, RedirectURIs: c.RedirectURIs, Scopes: c.Scopes,
		TokenFormat: c.TokenFormat, AccessTTL: c.AccessTTL, RefreshTTL: c.RefreshTTL, SkipConsent: c.SkipConsent,
		Introspect: c.Introspect, Public: c.Public(), Disabled: c.Disabled, Created: c.Created, OldSecretUntil: c.OldSecretUntil, ClientMetadata: c.Metadata}
}

// NewClient is what makes a client.
type NewClient struct {
	Client
	// Secret is the client's secret; empty means a public client.
	Secret string
	// GenerateSecret makes one instead.
	GenerateSecret bool
}

// CreateClient registers a client and returns its secret when one was made; it
// cannot be read again.
func (a *Admin) CreateClient(ctx context.Context, n NewClient) (secret string, err error) {
	secret = n.Secret
	if n.GenerateSecret {
		secret = oauth.GenerateSecret
	}
	return a.auth.CreateClient(ctx, n.room(), secret)
}

// Client returns the client with that id.
func (a *Admin) Client(ctx context.Context, id string) (Client, error) {
	c, err := a.auth.Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	return newClient(c), nil
}

// UpdateClient replaces everything that c says of the client with its id. The
// secret stays; when the client's way of authentication needs one that it does
// not have, one is made and returned, and when it needs none the secret goes.
func (a *Admin) UpdateClient(ctx context.Context, c Client) (secret string, err error) {
	return a.auth.UpdateClient(ctx, c.room())
}

// Clients returns at most limit clients from offset on, in the order of their ids.
func (a *Admin) Clients(ctx context.Context, offset, limit int) ([]Client, error) {
	found, err := a.auth.Clients(ctx, offset, limit)
	var list []Client
	for _, c := range found {
		list = append(list, newClient(c))
	}
	return list, err
}

// DeleteClient removes a client and ends everything that was issued to it.
func (a *Admin) DeleteClient(ctx context.Context, id string) error {
	return a.auth.DeleteClient(ctx, id)
}

// SetClientSecret gives a client another secret; the old one ends at once. An
// empty secret makes one and returns it.
func (a *Admin) SetClientSecret(ctx context.Context, id, secret string) (made string, err error) {
	if secret == "" {
		secret = oauth.GenerateSecret
	}
	return a.auth.SetClientSecret(ctx, id, secret)
}

// RotateClientSecret gives a client another secret and lets the present one be good
// besides for overlap, at most 90 days. Of an earlier rotation nothing stays: there
// are never more than two secrets. An empty secret makes one and returns it.
func (a *Admin) RotateClientSecret(ctx context.Context, id, secret string, overlap time.Duration) (made string, err error) {
	if secret == "" {
		secret = oauth.GenerateSecret
	}
	return a.auth.RotateClientSecret(ctx, id, secret, overlap)
}

// EndOldClientSecret ends the secret from before the last rotation before its time.
func (a *Admin) EndOldClientSecret(ctx context.Context, id string) error {
	return a.auth.EndOldClientSecret(ctx, id)
}

// SetClientActive disables a client and ends everything that was issued to it at
// once, or lets it come back, without what it had before.
func (a *Admin) SetClientActive(ctx context.Context, id string, active bool) error {
	return a.auth.SetClientActive(ctx, id, active)
}

// Key is what may be told of a signing key.
type Key struct {
	ID        string    `json:"kid"`
	Algorithm string    `json:"alg"`                // RS256 or ES256
	State     string    `json:"state"`              // next: published; active: signs; retired: published while its tokens live
	Encrypted string    `json:"encrypted_by"`       // fingerprint of the key it is encrypted by; empty: it is not
	Created   time.Time `json:"created"`            // in UTC
	SignsFrom time.Time `json:"signs_from"`         // when it begins, or began, to sign
	SignsTo   time.Time `json:"signs_to,omitzero"`  // when it stops; zero until its successor exists
	GoneFrom  time.Time `json:"gone_from,omitzero"` // when it is not published any more; zero as SignsTo
}

// Keys lists the signing keys, the newest of each algorithm first.
func (a *Admin) Keys(ctx context.Context) ([]Key, error) {
	found, err := a.auth.SigningKeys(ctx)
	list := make([]Key, len(found))
	for i, k := range found {
		list[i] = Key{ID: k.ID, Algorithm: k.Algorithm, State: string(k.State), Encrypted: k.SealedBy, Created: k.Created,
			SignsFrom: k.Active, SignsTo: k.Retired, GoneFrom: k.Gone}
	}
	return list, err
}

// RotateKeys makes the successors of the signing keys of the given algorithms,
// RS256 and ES256 when there is none. They are published at once and sign after
// the overlap; with atOnce they sign at once, which verifiers that keep keys
// without looking again may not follow.
func (a *Admin) RotateKeys(ctx context.Context, atOnce bool, algorithms ...string) error {
	return a.auth.RotateKeys(ctx, atOnce, algorithms...)
}

// RevokeKey ends a signing key that others may have: its successor signs at once,
// and JWTs that it signed are refused wherever signatures are checked.
func (a *Admin) RevokeKey(ctx context.Context, kid string) error { return a.auth.RevokeKey(ctx, kid) }

// ReencryptKeys encrypts every signing key by the configured key and returns how
// many were not. A server does so at its start.
func (a *Admin) ReencryptKeys(ctx context.Context) (int, error) { return a.auth.ReencryptKeys(ctx) }
