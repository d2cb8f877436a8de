package oauth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// clientCredentials is RFC 6749 §4.4: a token of the client's own, without a
// user and without a refresh token.
func (s *Service) clientCredentials(ctx context.Context, c *call) (*answer, error) {
	scope, err := c.client.scope(c.form["scope"])
	if err != nil {
		return nil, err
	}
	i, err := s.newIssue(c, nil, nil, scope)
	if err != nil {
		return nil, err
	}
	return i.answer, s.commit(ctx, i)
}

// password is RFC 6749 §4.3.
func (s *Service) password(ctx context.Context, c *call) (*answer, error) {
	if c.form["username"] == "" || c.form["password"] == "" {
		return nil, invalidRequest("username and password are needed")
	}
	scope, err := c.client.scope(c.form["scope"])
	if err != nil {
		return nil, err
	}
	user, err := s.users.Authenticate(ctx, c.form["username"], c.form["password"])
	if err != nil {
		s.users.RecordRefused(ctx, c.form["username"], "password grant", c.client.ID, err)
	}
	if fault.Is(err, fault.Unauthorized) {
		wrong := invalidGrant("the user name or the password is wrong")
		if s.cfg.PasswordError401 {
			wrong.status = http.StatusUnauthorized
		}
		return nil, wrong
	}
	if err != nil {
		return nil, err
	}
	g, err := newSignIn(c.client, user, Password, scope, c.now)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, c, g, user)
}

// begin issues the first tokens of a new grant.
func (s *Service) begin(ctx context.Context, c *call, g *signIn, user *identity.User) (*answer, error) {
	i, err := s.newIssue(c, g, user, g.scope)
	if err != nil {
		return nil, err
	}
	s.withRefresh(i)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if err := g.insert(ctx, tx); err != nil {
			return err
		}
		if g.kind == Password {
			e := audit.Event{Name: "sign_in", Actor: audit.User(user.ID), ActorName: user.Email, ClientID: c.client.ID, Details: audit.Details{"by": "password grant"}}
			if err := s.record(ctx, tx, e); err != nil {
				return err
			}
		}
		return i.insert(ctx, tx)
	})
	return i.answer, err
}

// code is a row of codes with its grant.
type code struct {
	hash        []byte
	grant       signIn
	redirectURI string
	challenge   string
	expires     time.Time
	used        time.Time
}

func (s *Service) readCode(ctx context.Context, h []byte) (*code, error) {
	c := code{hash: h}
	err := s.db.QueryRow(ctx, append(c.grant.columns(), &c.redirectURI, &c.challenge, store.Time(&c.expires), store.Time(&c.used)),
		`SELECT `+grantColumns+`, c.redirect_uri, c.code_challenge, c.expires_at, c.used_at
		FROM codes c JOIN grants g ON g.id = c.grant_id `+grantUser+` WHERE c.hash = $1`, h)
	if errors.Is(err, store.ErrNoRow) {
		return nil, invalidGrant("the code is unknown, expired or used")
	}
	return &c, err
}

// A grant is read together with its user.
const (
	grantColumns = `g.id, g.client_id, g.user_id, g.kind, g.scope, g.nonce, g.session_id, g.context, g.auth_at, g.created_at, g.revoked_at, ` +
		identity.UserColumns
	grantUser = `JOIN users u ON u.id = g.user_id`
)

// readGrant reads a grant that something refers to.
func (s *Service) readGrant(ctx context.Context, id string) (*signIn, error) {
	var g signIn
	return &g, s.db.QueryRow(ctx, g.columns(), `SELECT `+grantColumns+` FROM grants g `+grantUser+` WHERE g.id = $1`, id)
}

// columns scans grantColumns into g.
func (g *signIn) columns() []any {
	g.user = &identity.User{}
	return append([]any{&g.id, &g.clientID, &g.userID, &g.kind, wordList{&g.scope}, &g.nonce, &g.session, jsonColumn{&g.context},
		store.Time(&g.authTime), store.Time(&g.created), store.Time(&g.revoked)}, g.user.Columns()...)
}

// activeUser returns the user that the grant speaks for while he may still act.
func (g *signIn) activeUser() (*identity.User, error) {
	if !g.user.Active() {
		return nil, invalidGrant("the user may not sign in any more")
	}
	return g.user, nil
}

// redeemCode is RFC 6749 §4.1.3 with RFC 7636. A code works once: the guarded
// UPDATE decides, and a second use ends what the first one gave.
func (s *Service) redeemCode(ctx context.Context, c *call) (*answer, error) {
	if c.form["code"] == "" {
		return nil, invalidRequest("code is missing")
	}
	code, err := s.readCode(ctx, hash(c.form["code"]))
	if err != nil {
		return nil, err
	}
	if err := code.check(c); err != nil {
		return nil, s.spoil(ctx, c, code, err)
	}
	user, err := code.grant.activeUser()
	if err != nil {
		return nil, err
	}
	i, err := s.newIssue(c, &code.grant, user, code.grant.scope)
	if err != nil {
		return nil, err
	}
	s.withRefresh(i)
	var replayed bool
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE codes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL`, store.Millis(c.now), code.hash)
		if err != nil {
			return err
		}
		if replayed = n == 0; replayed {
			return s.revokeGrant(ctx, tx, code.grant.id, c.now, "a code was used twice")
		}
		return i.insert(ctx, tx)
	})
	if err == nil && replayed {
		err = invalidGrant("the code is unknown, expired or used")
	}
	if err != nil {
		return nil, err
	}
	return i.answer, nil
}

// check tells whether the code is this client's to redeem as it asks.
func (k *code) check(c *call) error {
	switch {
	case !k.used.IsZero() || !k.grant.revoked.IsZero() || !c.now.Before(k.expires):
		return invalidGrant("the code is unknown, expired or used")
	case k.grant.clientID != c.client.ID:
		return invalidGrant("the code was issued to another client")
	case k.redirectURI != "" && c.form["redirect_uri"] != k.redirectURI:
		return invalidGrant("redirect_uri is not the one of the authorization request")
	case k.redirectURI == "" && c.form["redirect_uri"] != "" && !c.client.registered(c.form["redirect_uri"]):
		return invalidGrant("redirect_uri is not the one of the authorization request")
	}
	if key := k.grant.context.Key; key != "" && (c.bound == nil || c.bound.JKT != key) {
		return invalidGrant("the code is bound to another key")
	}
	return checkVerifier(k.challenge, c.form["code_verifier"])
}

// checkVerifier is RFC 7636 §4.6 with S256; a verifier without a challenge means
// that somebody took the challenge away (RFC 9700 §4.8.2).
func checkVerifier(challenge, verifier string) error {
	switch {
	case challenge == "" && verifier == "":
		return nil
	case challenge == "":
		return invalidGrant("code_verifier was sent, but the authorization request had no code_challenge")
	case verifier == "":
		return invalidGrant("code_verifier is missing")
	case !validVerifier(verifier):
		return invalidGrant("code_verifier must be 43 to 128 unreserved characters")
	}
	sum := sha256.Sum256([]byte(verifier))
	if subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) != 1 {
		return invalidGrant("code_verifier does not match")
	}
	return nil
}

// validVerifier follows RFC 7636 §4.1.
func validVerifier(v string) bool {
	return len(v) >= 43 && len(v) <= 128 && !strings.ContainsFunc(v, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-._~", r)
	})
}

// spoil ends a code that somebody tried to redeem wrongly: it has leaked or it
// is being guessed at. A second use of a redeemed code ends its tokens too. A client that
// is remembered and was deleted or disabled meanwhile spoils nothing: it gives errChanged.
func (s *Service) spoil(ctx context.Context, c *call, k *code, why error) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		if err := unchanged(ctx, tx, c.client); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE codes SET used_at = $1 WHERE hash = $2 AND used_at IS NULL`, store.Millis(c.now), k.hash)
		if err != nil || n > 0 {
			return err
		}
		return s.revokeGrant(ctx, tx, k.grant.id, c.now, "a code was used twice")
	})
	if err != nil {
		return err
	}
	s.cfg.Log.WarnContext(ctx, "code spoiled", "client", k.grant.clientID, "user", k.grant.userID, "reason", why.Error())
	return why
}
