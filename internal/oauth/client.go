package oauth

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// The grants a client may be registered for. Implicit has no grant_type of its
// own; it stands for response types with "token".
const (
	AuthorizationCode = "authorization_code"
	Password          = "password"
	ClientCredentials = "client_credentials"
	RefreshToken      = "refresh_token"
	Implicit          = "implicit"
	DeviceCode        = "urn:ietf:params:oauth:grant-type:device_code"    // RFC 8628
	TokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693
	JWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // RFC 7523
)

// GrantTypes lists every grant of this server's own that a client may be registered
// for.
var GrantTypes = []string{AuthorizationCode, Password, ClientCredentials, RefreshToken, Implicit, DeviceCode, TokenExchange, JWTBearer}

// Token formats of a client.
const (
	Opaque = "opaque"
	JWT    = "jwt"
)

// openid is the scope that turns an OAuth request into one of OpenID Connect.
const openid = "openid"

// Client is an application that asks for tokens.
type Client struct {
	ID           string        // client_id: printable ASCII without space, at most 100 characters
	Name         string        // what the consent page calls it; empty means the id
	GrantTypes   []string      // what it may do; see GrantTypes
	RedirectURIs []string      // where browsers may be sent; see checkRedirectURI
	Scopes       []string      // what it may ask for; also what it gets when it asks for nothing, but for openid
	TokenFormat  string        // Opaque, JWT or empty: as the server is set
	AccessTTL    time.Duration // 0 means as the server is set
	RefreshTTL   time.Duration // 0 means as the server is set
	SkipConsent  bool          // its users are not asked; for an operator's own applications
	Introspect   bool          // may introspect every token: a resource server
	Metadata                   // what it registered beyond these
	Disabled     bool          // gets nothing, and nothing that it got counts
	Created      time.Time
	Updated      time.Time
	// OldSecretUntil is how long the secret from before the last rotation is good;
	// zero when there is none.
	OldSecretUntil time.Time

	secret    string // the stored form; empty for a public client
	version   int64  // counts its changes; see clientCache
	oldSecret string // the stored form of the one before; empty when there is none
	fragments bool   // its redirect URIs may have a fragment; see Config.FragmentURIs
}

// Public reports whether the client can prove nothing: it has neither secret nor
// key (RFC 6749 §2.1).
func (c *Client) Public() bool { return c.secret == "" && !c.byKey() }

// Title is what people see.
func (c *Client) Title() string {
	if c.Name != "" {
		return visible(c.Name)
	}
	return c.ID
}

func (c *Client) may(grant string) bool { return slices.Contains(c.GrantTypes, grant) }

// GenerateSecret asks CreateClient and SetClientSecret to make the secret.
const GenerateSecret = "\x00generate"

// CreateClient registers c. secret is empty for a public client, GenerateSecret
// for one to be made, or chosen by the operator. It returns the secret when it
// was made here; it cannot be read again.
func (s *Service) CreateClient(ctx context.Context, c Client, secret string) (generated string, err error) {
	stored, generated, err := s.storedSecret(ctx, secret)
	if err != nil {
		return "", err
	}
	c.secret, c.fragments = stored, s.cfg.FragmentURIs
	if err := c.check(s.customGrants()...); err != nil {
		return "", err
	}
	return generated, s.db.Write(ctx, func(tx *store.Tx) error { return s.insertClient(ctx, tx, &c, nil) })
}

// insertClient keeps a new client and writes it down.
func (s *Service) insertClient(ctx context.Context, tx *store.Tx, c *Client, details audit.Details) error {
	if err := c.insert(ctx, tx, s.now()); err != nil {
		return err
	}
	return s.recordClient(ctx, tx, "client.create", c.ID, details)
}

// insert keeps a new client, with its secret.
func (c *Client) insert(ctx context.Context, q store.Querier, now time.Time) error {
	_, err := q.Exec(ctx, `INSERT INTO clients (id, name, secret_hash, grant_types, redirect_uris, scope, token_format,
		access_ttl, refresh_ttl, skip_consent, introspect, metadata, created_at, updated_at, version, birth)
		VALUES ($1, $2, $12, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, $13, $14, $15)`,
		append(c.values(), c.secret, store.Millis(now), draw(), draw())...)
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Conflict, "a client %q exists already", c.ID)
	}
	return err
}

// draw gives a new client its first version and its birth: one that was deleted and
// made again under the same id must not look like what a process remembers, nor be
// whom a token was issued to.
func draw() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) >> 2)
}

// values are the columns of a client from id to metadata, without its secret.
func (c *Client) values() []any {
	metadata, err := json.Marshal(c.Metadata)
	if err != nil {
		panic("oauth: a client's metadata is no JSON: " + err.Error()) // check has read its raw parts
	}
	return []any{c.ID, c.Name, strings.Join(c.GrantTypes, " "), strings.Join(c.RedirectURIs, " "), strings.Join(c.Scopes, " "),
		c.TokenFormat, c.AccessTTL.Milliseconds(), c.RefreshTTL.Milliseconds(), number(c.SkipConsent), number(c.Introspect), string(metadata)}
}

// UpdateClient replaces everything that c says of the client with its id. The
// secret stays, unless the way of authentication needs one that is not there,
// which is made and returned, or needs none. What the client may no longer do ends
// with its next request.
func (s *Service) UpdateClient(ctx context.Context, c Client) (generated string, err error) {
	old, err := s.Client(ctx, c.ID)
	if err != nil {
		return "", err
	}
	c.secret, c.fragments = old.secret, s.cfg.FragmentURIs
	generated = c.renewSecret()
	if err := c.check(s.customGrants()...); err != nil {
		return "", err
	}
	return generated, s.db.Write(ctx, func(tx *store.Tx) error {
		return s.updateClient(ctx, tx, &c, old.secret)
	})
}

// updateClient keeps everything that was registered of a client. secret is the
// stored form that it had: another one in its place ends it and the one before it.
func (s *Service) updateClient(ctx context.Context, tx *store.Tx, c *Client, secret string) error {
	if c.secret != secret {
		if err := s.setSecret(ctx, tx, c.ID, c.secret); err != nil {
			return err
		}
	}
	err := s.changeClient(ctx, tx, c.ID, `name = $3, grant_types = $4, redirect_uris = $5, scope = $6, token_format = $7,
		access_ttl = $8, refresh_ttl = $9, skip_consent = $10, introspect = $11, metadata = $12`, c.values()[1:]...)
	if err != nil {
		return err
	}
	return s.recordClient(ctx, tx, "client.change", c.ID, audit.Details{"another_secret": c.secret != secret})
}

// storedSecret returns the form in which a secret is kept: a digest for a
// generated one, the slow password hash for one that a person chose.
func (s *Service) storedSecret(ctx context.Context, secret string) (stored, generated string, err error) {
	switch {
	case secret == "":
		return "", "", nil
	case secret == GenerateSecret:
		generated = newSecret(secretPrefix)
		return digestSecret(generated), generated, nil
	case len(secret) > 200 || !clean(secret):
		return "", "", fault.New(fault.Invalid, "a client secret is UTF-8 text of at most 200 bytes")
	}
	stored, err = s.users.HashPassword(ctx, secret)
	return stored, "", err
}

// check lists everything that is wrong with a registration; custom are the grants
// that the program or its configuration adds.
func (c *Client) check(custom ...string) error {
	var problems []string
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, text)
		}
	}
	add(!validClientID(c.ID), "the id must be 1 to 100 printable ASCII characters without space")
	add(len(c.Name) > 200 || strings.ContainsFunc(c.Name, unicode.IsControl), "the name must be at most 200 characters of text")
	add(len(c.GrantTypes) == 0, "at least one grant is needed")
	known := append(slices.Clone(GrantTypes), custom...)
	for _, g := range c.GrantTypes {
		add(!slices.Contains(known, g), "unknown grant "+g+" (known: "+strings.Join(known, ", ")+")")
	}
	browser := c.may(AuthorizationCode) || c.may(Implicit)
	add(browser && len(c.RedirectURIs) == 0, "authorization_code and implicit need at least one redirect URI")
	add(c.Public() && c.may(ClientCredentials), "client_credentials needs a client with a secret (RFC 6749 §4.4)")
	add(c.Public() && c.may(TokenExchange), "token exchange needs a client that proves itself (RFC 8693 §2.1)")
	add(c.may(JWTBearer) && len(c.AssertionIssuers) == 0, "the jwt-bearer grant needs assertion_issuers")
	add(c.Public() && c.Introspect, "introspection of every token needs a client with a secret")
	for _, u := range c.RedirectURIs {
		if err := c.checkRedirect(u); err != nil {
			problems = append(problems, "redirect URI "+u+": "+err.Error())
		}
	}
	for _, scope := range c.Scopes {
		add(!validScope(scope), "the scope "+scope+" has characters that RFC 6749 §3.3 does not allow")
	}
	add(!slices.Contains([]string{"", Opaque, JWT}, c.TokenFormat), "the token format must be opaque or jwt")
	add(c.AccessTTL < 0 || c.AccessTTL > 24*time.Hour, "access tokens live between one second and 24 hours")
	add(c.RefreshTTL < 0 || c.RefreshTTL > 10*365*24*time.Hour, "refresh tokens live at most ten years")
	add(c.AccessTTL > 0 && c.AccessTTL < time.Second, "access tokens live between one second and 24 hours")
	if problem := c.frontchannelProblem(); problem != "" {
		add(true, problem)
	}
	c.authProblems(add)
	c.problems(add)
	if len(problems) > 0 {
		return fault.New(fault.Invalid, "client %q: %s", c.ID, strings.Join(problems, "; "))
	}
	return nil
}

// authProblems checks that the client has what its way of authentication needs.
func (c *Client) authProblems(add func(bad bool, text string)) {
	switch c.AuthMethod {
	case authBasic, authPost:
		add(c.secret == "", c.AuthMethod+" needs a secret")
	case authNone:
		add(c.secret != "", "a client with a secret cannot have token_endpoint_auth_method none")
	case authKey, authTLS, authSelfSigned:
		add(c.secret != "", c.AuthMethod+" goes with no secret")
	}
}

func validClientID(id string) bool {
	return id != "" && len(id) <= 100 && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
}

// validScope follows the scope-token of RFC 6749 §3.3.
func validScope(scope string) bool {
	return scope != "" && len(scope) <= 100 &&
		!strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}

const clientColumns = `id, name, secret_hash, grant_types, redirect_uris, scope, token_format, access_ttl, refresh_ttl,
	skip_consent, introspect, metadata, created_at, updated_at, version, CASE WHEN status = 'disabled' THEN 1 ELSE 0 END, old_secret_hash, old_secret_until`

// Client returns the client with that id, or a NotFound fault.
func (s *Service) Client(ctx context.Context, id string) (*Client, error) {
	var c Client
	err := s.db.QueryRow(ctx, c.columns(), `SELECT `+clientColumns+` FROM clients WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, noClient(id)
	}
	return &c, err
}

// Clients returns a page of the clients in the order of their ids.
func (s *Service) Clients(ctx context.Context, offset, limit int) ([]*Client, error) {
	var list []*Client
	err := s.db.Query(ctx, func(r store.Row) error {
		var c Client
		list = append(list, &c)
		return r.Scan(c.columns()...)
	}, `SELECT `+clientColumns+` FROM clients ORDER BY id LIMIT $1 OFFSET $2`, limit, offset)
	return list, err
}

// columns scans clientColumns into c.
func (c *Client) columns() []any {
	return []any{&c.ID, &c.Name, &c.secret, wordList{&c.GrantTypes}, wordList{&c.RedirectURIs}, wordList{&c.Scopes}, &c.TokenFormat,
		millis{&c.AccessTTL}, millis{&c.RefreshTTL}, &c.SkipConsent, &c.Introspect, jsonColumn{&c.Metadata}, store.Time(&c.Created), store.Time(&c.Updated),
		&c.version, &c.Disabled, &c.oldSecret, store.Time(&c.OldSecretUntil)}
}

// DeleteClient removes the client and everything that was issued to it. It disables
// it first: everything is dead at once, is told as such once, and leaves in small steps. When it fails on
// the way, it can be called again.
func (s *Service) DeleteClient(ctx context.Context, id string) error {
	if err := s.SetClientActive(ctx, id, false); err != nil {
		return err
	}
	if err := s.dropClientTokens(ctx, id); err != nil {
		return err
	}
	if err := s.dropClientGrants(ctx, id); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM clients WHERE id = $1`, id)
		if err == nil && n == 0 {
			err = noClient(id)
		}
		if err != nil {
			return err
		}
		return s.recordClient(ctx, tx, "client.delete", id, nil)
	})
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// wordList scans space-separated words.
type wordList struct{ words *[]string }

// Scan implements sql.Scanner.
func (l wordList) Scan(src any) error {
	switch v := src.(type) {
	case string:
		*l.words = strings.Fields(v)
	case []byte:
		*l.words = strings.Fields(string(v))
	default:
		return errors.New("scanning words: not text")
	}
	return nil
}

// jsonColumn scans JSON text into v; empty text leaves it alone.
type jsonColumn struct{ v any }

// Scan implements sql.Scanner.
func (j jsonColumn) Scan(src any) error {
	text, ok := src.(string)
	if b, isBytes := src.([]byte); isBytes {
		text, ok = string(b), true
	}
	if src == nil || (ok && text == "") {
		return nil
	}
	if !ok {
		return errors.New("scanning JSON: not text")
	}
	return json.Unmarshal([]byte(text), j.v)
}

// millis scans milliseconds.
type millis struct{ d *time.Duration }

// Scan implements sql.Scanner.
func (m millis) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return errors.New("scanning a duration: not a number")
	}
	*m.d = time.Duration(n) * time.Millisecond
	return nil
}

// textOf returns one sentence for people about what a scope allows.
func textOf(scope string) string {
	switch scope {
	case openid:
		return "Know who you are"
	case "profile":
		return "See your name"
	case "email":
		return "See your e-mail address"
	case "offline_access":
		return "Stay signed in for you while you are away"
	case "read":
		return "See your tasks, processes and content"
	case "write":
		return "Work on your tasks, processes and content for you"
	}
	return ""
}

// activeUserNamed returns the user whom somebody else vouches for, by the name that
// tokens give him, while he may act; refusal is what the client is told when not.
func (s *Service) activeUserNamed(ctx context.Context, name, refusal string) (*identity.User, error) {
	u, err := s.users.Lookup(ctx, name)
	if fault.Is(err, fault.NotFound) || (err == nil && !u.Active()) {
		return nil, invalidGrant(refusal)
	}
	return u, err
}
