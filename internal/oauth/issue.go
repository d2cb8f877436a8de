package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// signIn is a row of grants: one user's sign-in at one client.
type signIn struct {
	id       string
	clientID string
	userID   int64
	user     *identity.User // as it was read with the grant
	kind     string
	scope    []string
	nonce    string
	session  string // the public id of the browser session it came of; empty: none
	context  grantContext
	authTime time.Time
	created  time.Time
	revoked  time.Time
}

// grantContext are the rarer facts of a grant, kept as JSON.
type grantContext struct {
	ACR       string          `json:"acr,omitempty"`
	AMR       []string        `json:"amr,omitempty"`
	Claims    *claimsRequest  `json:"claims,omitempty"`
	Resources []string        `json:"resources,omitempty"`             // RFC 8707: what its tokens may be for
	Details   json.RawMessage `json:"authorization_details,omitempty"` // RFC 9396
	Actor     json.RawMessage `json:"act,omitempty"`                   // RFC 8693 §4.1
	Key       string          `json:"jkt,omitempty"`                   // thumbprint of the key that its code needs (RFC 9449 §10)
}

// confirmation names the key that a token is bound to (RFC 7800 §3.1): the
// thumbprint of a DPoP key (RFC 9449 §6.1) or of a certificate (RFC 8705 §3.1).
type confirmation struct {
	JKT  string `json:"jkt,omitempty"`
	X5TS string `json:"x5t#S256,omitempty"`
}

// extras are the rarer facts of an access token, kept as JSON.
type extras struct {
	Audience []string        `json:"aud,omitempty"` // empty: this server's own API
	Bound    *confirmation   `json:"cnf,omitempty"`
	Details  json.RawMessage `json:"authorization_details,omitempty"`
	Actor    json.RawMessage `json:"act,omitempty"`
	ACR      string          `json:"acr,omitempty"`
	AMR      []string        `json:"amr,omitempty"`
	Claims   *claimsRequest  `json:"claims,omitempty"` // what userinfo answers besides
}

// textOfJSON is v as a column holds it: empty for the zero value.
func textOfJSON(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("writing JSON for a column: %w", err)
	}
	if string(text) == "{}" {
		return "", nil
	}
	return string(text), nil
}

func newSignIn(c *Client, user *identity.User, kind string, scope []string, now time.Time) (*signIn, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("making a grant's id: %w", err)
	}
	return &signIn{id: id.String(), clientID: c.ID, userID: user.ID, user: user, kind: kind, scope: scope, authTime: now, created: now}, nil
}

func (g *signIn) insert(ctx context.Context, tx *store.Tx) error {
	text, err := textOfJSON(g.context)
	if err != nil {
		return err
	}
	return tx.Later(ctx, store.Statement{Query: `INSERT INTO grants (id, client_id, user_id, kind, scope, nonce, session_id, context, auth_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, Args: []any{g.id, g.clientID, g.userID, g.kind, strings.Join(g.scope, " "), g.nonce,
		g.session, text, store.Millis(g.authTime), store.Millis(g.created)}}, nil)
}

// issue is a set of tokens made in memory; insert makes it real.
type issue struct {
	answer  *answer
	grant   *signIn // nil for client credentials
	client  *Client
	scope   []string
	extras  extras
	issued  time.Time
	expires time.Time
	refresh time.Time // expiry of the refresh token, when there is one

	grantType string     // what the tokens were asked for by
	record    *audit.Log // tells of them; nil: it does not
}

// newIssue makes an access token, and an id_token when the scope asks for one,
// without touching the database: signing is slow and writes wait for one another.
func (s *Service) newIssue(c *call, g *signIn, user *identity.User, scope []string) (*issue, error) {
	i, err := s.newTokens(c, g, user, scope)
	if err == nil && user != nil && slices.Contains(scope, openid) {
		i.answer.IDToken, err = s.idToken(i, user, halves{access: i.answer.AccessToken})
	}
	return i, err
}

// newTokens is newIssue without the id_token.
func (s *Service) newTokens(c *call, g *signIn, user *identity.User, scope []string) (*issue, error) {
	return s.newTokensFor(c, g, user, scope, func(*issue) {})
}

// newTokensFor is newTokens with a last change before the token is made.
func (s *Service) newTokensFor(c *call, g *signIn, user *identity.User, scope []string, change func(*issue)) (*issue, error) {
	ttl := c.client.AccessTTL
	if ttl == 0 {
		ttl = s.cfg.AccessTTL
	}
	now := c.now.Truncate(time.Second) // what JWT and introspection can say
	i := &issue{client: c.client, grant: g, scope: scope, issued: now, expires: now.Add(ttl)}
	i.answer = &answer{TokenType: "Bearer", ExpiresIn: int64(ttl / time.Second), Scope: strings.Join(scope, " ")}
	if err := s.addExtras(c, g, i); err != nil {
		return nil, err
	}
	if user != nil {
		i.answer.userID = user.ID
	}
	if i.grantType = c.form["grant_type"]; i.grantType == "" && g != nil {
		i.grantType = g.kind
	}
	if s.tells(i) {
		i.record = s.cfg.Audit
	}
	change(i)
	var err error
	i.answer.AccessToken, err = s.accessToken(i, user)
	return i, err
}

// addExtras settles what the token is for, what it is bound to and what it says
// besides.
func (s *Service) addExtras(c *call, g *signIn, i *issue) (err error) {
	if i.extras.Audience, err = s.audience(c, g); err != nil {
		return err
	}
	if i.extras.Bound = c.bound; c.bound != nil && c.bound.JKT != "" {
		i.answer.TokenType = "DPoP"
	}
	if g != nil {
		i.extras.Details, i.extras.Actor, i.extras.Claims = g.context.Details, g.context.Actor, g.context.Claims
		i.extras.ACR, i.extras.AMR = g.context.ACR, g.context.AMR
		i.answer.Details = g.context.Details
	}
	return nil
}

// audience is what the token is for: what the request names by resource (RFC 8707
// §2.2), within what the grant, or else the client, may name. Nil means this
// server's own API.
func (s *Service) audience(c *call, g *signIn) ([]string, error) {
	var granted []string
	if g != nil {
		granted = g.context.Resources
	}
	asked := unique(strings.Fields(c.form["resource"]))
	if len(asked) == 0 {
		return granted, nil
	}
	allowed := granted
	if len(granted) == 0 {
		allowed = append([]string{s.cfg.Audience}, c.client.Resources...)
	}
	for _, r := range asked {
		if !slices.Contains(allowed, r) {
			return nil, invalidTarget("the client may not ask for a token for this resource, or there is none")
		}
	}
	return asked, nil
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

// insert keeps the tokens' hashes, and the line that tells of them if one does. It
// gives errChanged when the client is not what the tokens were made for.
func (i *issue) insert(ctx context.Context, tx *store.Tx) error {
	if i.record != nil {
		if err := i.record.Write(ctx, tx, i.event()); err != nil {
			return err
		}
	}
	access, err := i.accessStatement()
	if err != nil {
		return err
	}
	if err := tx.Later(ctx, access, stillThere); err != nil || i.refresh.IsZero() {
		return err
	}
	bond, err := i.refreshBond()
	if err != nil {
		return err
	}
	return tx.Later(ctx, store.Statement{Query: `INSERT INTO refresh_tokens (hash, grant_id, bound, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		Args: []any{hash(i.answer.RefreshToken), i.grant.id, bond, store.Millis(i.issued), store.Millis(i.refresh)}}, nil)
}

// accessStatement keeps the access token's hash, if the client is what it was made for:
// otherwise no row comes.
func (i *issue) accessStatement() (store.Statement, error) {
	var grantID, userID any
	if i.grant != nil {
		grantID, userID = i.grant.id, i.grant.userID
	}
	text, err := textOfJSON(i.extras)
	return store.Statement{Query: `INSERT INTO access_tokens (hash, grant_id, client_id, user_id, scope, extras, issued_at, expires_at, client_birth)
		SELECT $1, $2, id, $4, $5, $6, $7, $8, birth FROM clients WHERE id = $3 AND version = $9`,
		Args: []any{hash(i.answer.AccessToken), grantID, i.client.ID, userID, i.answer.Scope, text, store.Millis(i.issued), store.Millis(i.expires), i.client.version}}, err
}

// stillThere gives errChanged when no row came, since the client is not what it was.
func stillThere(rows int64) error {
	if rows == 0 {
		return errChanged
	}
	return nil
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

// realmAccess is where ADF looks for a user's roles, in Keycloak's form.
type realmAccess struct {
	Roles []string `json:"roles"`
}

// rolesOf are the roles in a token's realm_access: the groups a user has
// capabilities by are told as Spring's and Keycloak's clients know them.
func rolesOf(c *Client, u *identity.User) *realmAccess {
	if u == nil {
		if len(c.Roles) == 0 {
			return nil
		}
		return &realmAccess{Roles: c.Roles}
	}
	roles := []string{"user"}
	if u.Admin {
		roles = append(roles, "ACTIVITI_ADMIN")
	}
	return &realmAccess{Roles: roles}
}

// accessClaims are the claims of an access token (RFC 9068 §2.2).
type accessClaims struct {
	jwt.Claims
	people
	ClientID    string           `json:"client_id"`
	Scope       string           `json:"scope,omitempty"`
	AuthTime    *jwt.NumericDate `json:"auth_time,omitempty"`
	ACR         string           `json:"acr,omitempty"`
	AMR         []string         `json:"amr,omitempty"`
	RealmAccess *realmAccess     `json:"realm_access,omitempty"`
	Bound       *confirmation    `json:"cnf,omitempty"`
	Details     json.RawMessage  `json:"authorization_details,omitempty"`
	Actor       json.RawMessage  `json:"act,omitempty"`
}

// jwtAccessToken follows RFC 9068.
func (s *Service) jwtAccessToken(i *issue, user *identity.User) (string, error) {
	x := &i.extras
	claims := accessClaims{ClientID: i.client.ID, Scope: i.answer.Scope, ACR: x.ACR, AMR: x.AMR, Bound: x.Bound, Details: x.Details,
		Actor: x.Actor, RealmAccess: rolesOf(i.client, user)}
	claims.Claims = s.claims(i, subject(0, i.client.ID), s.audienceOf(x)...)
	claims.ID = newSecret("")
	if user != nil {
		claims.Subject, claims.people = subject(user.ID, ""), peopleOf(user)
		claims.AuthTime = jwt.NewNumericDate(i.grant.authTime)
	}
	return s.keys.sign(s.accessTokenAlg(i.client), typeAccess, claims)
}

// audienceOf is who a token is for.
func (s *Service) audienceOf(x *extras) []string {
	if len(x.Audience) > 0 {
		return x.Audience
	}
	return []string{s.cfg.Audience}
}

func (s *Service) claims(i *issue, sub string, audience ...string) jwt.Claims {
	return jwt.Claims{Issuer: s.cfg.Issuer, Subject: sub, Audience: audience,
		IssuedAt: jwt.NewNumericDate(i.issued), Expiry: jwt.NewNumericDate(i.expires)}
}

// halves are what an id_token vouches for by half of its digest: at_hash and
// c_hash (OpenID Connect Core §3.3.2.11), and s_hash for the state that comes with it
// (FAPI 1.0 part 2 §5.1). Any may be empty.
type halves struct{ access, code, state string }

// half is the left half of the digest, as every algorithm of ours has 256 bits.
func half(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// idToken follows OpenID Connect Core §2.
func (s *Service) idToken(i *issue, user *identity.User, vouched halves) (string, error) {
	claims := struct {
		jwt.Claims
		people
		AuthTime        *jwt.NumericDate `json:"auth_time"`
		Nonce           string           `json:"nonce,omitempty"`
		AccessTokenHash string           `json:"at_hash,omitempty"`
		CodeHash        string           `json:"c_hash,omitempty"`
		StateHash       string           `json:"s_hash,omitempty"`
		AuthorizedParty string           `json:"azp"`
		ACR             string           `json:"acr,omitempty"`
		AMR             []string         `json:"amr,omitempty"`
		Session         string           `json:"sid,omitempty"` // OpenID Connect Back-Channel Logout §2.1
	}{people: peopleOf(user), AuthTime: jwt.NewNumericDate(i.grant.authTime), Nonce: i.grant.nonce, AuthorizedParty: i.client.ID, Session: i.grant.session,
		ACR: i.grant.context.ACR, AMR: i.grant.context.AMR, AccessTokenHash: half(vouched.access), CodeHash: half(vouched.code), StateHash: half(vouched.state)}
	claims.Claims = s.claims(i, subject(user.ID, ""), i.client.ID)
	return s.keys.sign(i.client.idTokenAlg(), typeID, claims)
}
