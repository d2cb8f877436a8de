package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// signIn is a row of grants: one user's sign-in at one client.
type signIn struct {
	id       string
	clientID string
	userID   int64
	kind     string
	scope    []string
	nonce    string
	authTime time.Time
	created  time.Time
	revoked  time.Time
}

func newSignIn(c *Client, user *identity.User, kind string, scope []string, now time.Time) (*signIn, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("making a grant's id: %w", err)
	}
	return &signIn{id: id.String(), clientID: c.ID, userID: user.ID, kind: kind, scope: scope, authTime: now, created: now}, nil
}

func (g *signIn) insert(ctx context.Context, q store.Querier) error {
	_, err := q.Exec(ctx, `INSERT INTO grants (id, client_id, user_id, kind, scope, nonce, auth_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		g.id, g.clientID, g.userID, g.kind, strings.Join(g.scope, " "), g.nonce, store.Millis(g.authTime), store.Millis(g.created))
	return err
}

// revokeGrant ends a grant and with it every code and token that came of it.
func revokeGrant(ctx context.Context, q store.Querier, id string, now time.Time) error {
	_, err := q.Exec(ctx, `UPDATE grants SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL`, store.Millis(now), id)
	return err
}

// issue is a set of tokens made in memory; insert makes it real.
type issue struct {
	answer  *answer
	grant   *signIn // nil for client credentials
	client  *Client
	scope   []string
	issued  time.Time
	expires time.Time
	refresh time.Time // expiry of the refresh token, when there is one
}

// newIssue makes an access token, and whatever else the scope asks for, without
// touching the database: signing is slow and writes wait for one another.
func (s *Service) newIssue(c *Client, g *signIn, user *identity.User, scope []string, now time.Time) (*issue, error) {
	ttl := c.AccessTTL
	if ttl == 0 {
		ttl = s.cfg.AccessTTL
	}
	now = now.Truncate(time.Second) // what JWT and introspection can say
	i := &issue{client: c, grant: g, scope: scope, issued: now, expires: now.Add(ttl)}
	i.answer = &answer{TokenType: "Bearer", ExpiresIn: int64(ttl / time.Second), Scope: strings.Join(scope, " ")}
	var err error
	if i.answer.AccessToken, err = s.accessToken(i, user); err != nil {
		return nil, err
	}
	if user == nil {
		return i, nil
	}
	i.answer.userID = user.ID
	if slices.Contains(scope, openid) && g.kind != Implicit {
		i.answer.IDToken, err = s.idToken(i, user, i.answer.AccessToken)
	}
	return i, err
}

// withRefresh adds a refresh token when the client may use one.
func (s *Service) withRefresh(i *issue) {
	if !i.client.may(RefreshToken) {
		return
	}
	ttl := i.client.RefreshTTL
	if ttl == 0 {
		ttl = s.cfg.RefreshTTL
	}
	i.answer.RefreshToken = newSecret(refreshPrefix)
	i.refresh = i.issued.Add(ttl)
}

// insert keeps the tokens' hashes.
func (i *issue) insert(ctx context.Context, q store.Querier) error {
	var grantID, userID any
	if i.grant != nil {
		grantID, userID = i.grant.id, i.grant.userID
	}
	_, err := q.Exec(ctx, `INSERT INTO access_tokens (hash, grant_id, client_id, user_id, scope, issued_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		hash(i.answer.AccessToken), grantID, i.client.ID, userID, i.answer.Scope, store.Millis(i.issued), store.Millis(i.expires))
	if err != nil || i.refresh.IsZero() {
		return err
	}
	_, err = q.Exec(ctx, `INSERT INTO refresh_tokens (hash, grant_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)`,
		hash(i.answer.RefreshToken), i.grant.id, store.Millis(i.issued), store.Millis(i.refresh))
	return err
}

// accessToken makes the token in the client's format.
func (s *Service) accessToken(i *issue, user *identity.User) (string, error) {
	format := i.client.TokenFormat
	if format == JWT || (format == "" && s.cfg.JWT) {
		return s.jwtAccessToken(i, user)
	}
	return newSecret(accessPrefix), nil
}

// people are the claims by which clients recognise a user; ADF and the mobile
// apps read them from the access token as well as from the id_token.
type people struct {
	PreferredUsername string `json:"preferred_username,omitempty"`
	Email             string `json:"email,omitempty"`
	Name              string `json:"name,omitempty"`
	GivenName         string `json:"given_name,omitempty"`
	FamilyName        string `json:"family_name,omitempty"`
}

func peopleOf(u *identity.User) people {
	p := people{PreferredUsername: u.Email, Name: u.FullName(), GivenName: u.FirstName, FamilyName: u.LastName}
	if strings.Contains(u.Email, "@") {
		p.Email = u.Email
	}
	return p
}

// subject names the user or the client in "sub" so that no client's id can look
// like a user's (RFC 9068 §2.2, RFC 9700 §4.15).
func subject(userID int64, clientID string) string {
	if userID != 0 {
		return fmt.Sprint(userID)
	}
	return "client:" + clientID
}

// jwtAccessToken follows RFC 9068.
func (s *Service) jwtAccessToken(i *issue, user *identity.User) (string, error) {
	claims := struct {
		jwt.Claims
		people
		ClientID string           `json:"client_id"`
		Scope    string           `json:"scope,omitempty"`
		AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	}{ClientID: i.client.ID, Scope: i.answer.Scope}
	claims.Claims = s.claims(i, subject(0, i.client.ID), s.cfg.Audience)
	claims.ID = newSecret("")
	if user != nil {
		claims.Subject, claims.people = subject(user.ID, ""), peopleOf(user)
		claims.AuthTime = jwt.NewNumericDate(i.grant.authTime)
	}
	return jwt.Signed(s.keys.access).Claims(claims).Serialize()
}

func (s *Service) claims(i *issue, sub, audience string) jwt.Claims {
	return jwt.Claims{Issuer: s.cfg.Issuer, Subject: sub, Audience: jwt.Audience{audience},
		IssuedAt: jwt.NewNumericDate(i.issued), Expiry: jwt.NewNumericDate(i.expires)}
}

// idToken follows OpenID Connect Core §2; accessToken may be empty.
func (s *Service) idToken(i *issue, user *identity.User, accessToken string) (string, error) {
	claims := struct {
		jwt.Claims
		people
		AuthTime        *jwt.NumericDate `json:"auth_time"`
		Nonce           string           `json:"nonce,omitempty"`
		AccessTokenHash string           `json:"at_hash,omitempty"`
		AuthorizedParty string           `json:"azp"`
	}{people: peopleOf(user), AuthTime: jwt.NewNumericDate(i.grant.authTime), Nonce: i.grant.nonce, AuthorizedParty: i.client.ID}
	claims.Claims = s.claims(i, subject(user.ID, ""), i.client.ID)
	if accessToken != "" {
		sum := sha256.Sum256([]byte(accessToken))
		claims.AccessTokenHash = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	return jwt.Signed(s.keys.signer).Claims(claims).Serialize()
}
