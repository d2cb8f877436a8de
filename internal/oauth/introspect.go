package oauth

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// live is a token that stands: neither it nor its grant, user or client is gone.
type live struct {
	clientID string
	grantID  string
	user     *identity.User // nil for client credentials
	scope    []string
	extras   extras
	issued   time.Time
	expires  time.Time
	authTime time.Time
	refresh  bool
}

// errDead says that a token is unknown or does not stand any more.
var errDead = errors.New("dead token")

// maxToken is longer than any token of ours.
const maxToken = 8 << 10

// lookUp finds a token of either kind, whatever the caller's hint says (RFC 7662
// §2.1). It returns errDead for one that is definitely dead, and errChanged when
// asker, for whom it looks, is remembered and not what he was; nil is this process
// itself. Of the user of an access token it reads what user says.
func (s *Service) lookUp(ctx context.Context, token string, asker *Client, user part) (*live, error) {
	switch {
	case token == "" || len(token) > maxToken:
		return nil, errDead
	case !strings.HasPrefix(token, refreshPrefix):
		return s.lookUpAccess(ctx, token, asker, user)
	}
	l, err := s.lookUpRefresh(ctx, token)
	if err == nil && asker != nil {
		err = unchanged(ctx, s.db, asker)
	}
	return l, err
}

// A part of a token's user: each column costs as much as finding its row.
type part struct {
	columns string
	scan    func(*identity.User) []any
}

var (
	whole = part{identity.UserColumns, (*identity.User).Columns}
	named = part{identity.NameColumns, (*identity.User).Names}
)

// accessStatement finds an access token that stands, with part of its user, and what the
// client that asks is now.
func accessStatement(user part) string {
	return `SELECT ` + user.columns + `, t.client_id, COALESCE(t.grant_id, ''), t.user_id, t.scope, t.extras, t.issued_at, t.expires_at, g.auth_at,
			(SELECT version FROM clients WHERE id = $2)
		FROM access_tokens t JOIN clients c ON c.id = t.client_id AND c.birth = t.client_birth LEFT JOIN grants g ON g.id = t.grant_id LEFT JOIN users u ON u.id = t.user_id
		WHERE t.hash = $1 AND t.expires_at > $3 AND t.revoked_at IS NULL AND g.revoked_at IS NULL AND c.status = '` + clientActive + `'
			AND (t.user_id IS NULL OR u.status = '` + identity.Active + `')`
}

var accessStatements = map[string]string{whole.columns: accessStatement(whole), named.columns: accessStatement(named)}

// lookUpAccess finds an access token with all that it stands or falls with, and what
// the client that asks is now, by one statement.
func (s *Service) lookUpAccess(ctx context.Context, token string, asker *Client, part part) (*live, error) {
	var user identity.User
	var l live
	var userID, version sql.Null[int64]
	if asker == nil {
		asker = &Client{}
	}
	err := s.db.QueryRow(ctx, append(part.scan(&user), &l.clientID, &l.grantID, &userID, wordList{&l.scope}, jsonColumn{&l.extras}, store.Time(&l.issued),
		store.Time(&l.expires), store.Time(&l.authTime), &version), accessStatements[part.columns], hash(token), asker.ID, store.Millis(s.now()))
	if err == nil && version.V != asker.version {
		return nil, errChanged
	}
	if userID.Valid {
		l.user, user.ID = &user, userID.V
	}
	return &l, dead(err)
}

func (s *Service) lookUpRefresh(ctx context.Context, token string) (*live, error) {
	row, err := s.readRefresh(ctx, token)
	if isDeadRefresh(err) {
		return nil, errDead
	}
	if err != nil {
		return nil, err
	}
	if err := dead(nil, !row.used.IsZero(), !row.grant.revoked.IsZero(), !s.now().Before(row.expires), !row.grant.user.Active()); err != nil {
		return nil, err
	}
	if client, err := s.Client(ctx, row.grant.clientID); err != nil || client.Disabled {
		return nil, dead(err, true)
	}
	return &live{clientID: row.grant.clientID, grantID: row.grant.id, scope: row.grant.scope, issued: row.issued, expires: row.expires,
		authTime: row.grant.authTime, user: row.grant.user, refresh: true}, nil
}

func isDeadRefresh(err error) bool {
	var f *Failure
	return errors.As(err, &f)
}

// dead turns the signs of death, or a missing row, into errDead.
func dead(err error, signs ...bool) error {
	if errors.Is(err, store.ErrNoRow) || (err == nil && slices.Contains(signs, true)) {
		return errDead
	}
	return err
}

// facts are the members of an introspection answer (RFC 7662 §2.2). Username is
// the login name that process services match.
type facts struct {
	Active    bool            `json:"active"`
	Scope     string          `json:"scope,omitempty"`
	ClientID  string          `json:"client_id"`
	Username  string          `json:"username,omitempty"`
	TokenType string          `json:"token_type,omitempty"`
	Expiry    int64           `json:"exp"`
	IssuedAt  int64           `json:"iat"`
	NotBefore int64           `json:"nbf"`
	Subject   string          `json:"sub"`
	Audience  any             `json:"aud"` // a string, or a list when there are several
	Issuer    string          `json:"iss"`
	AuthTime  int64           `json:"auth_time,omitempty"`
	Email     string          `json:"email,omitempty"`
	Name      string          `json:"name,omitempty"`
	ACR       string          `json:"acr,omitempty"`
	AMR       []string        `json:"amr,omitempty"`
	Bound     *confirmation   `json:"cnf,omitempty"`
	Details   json.RawMessage `json:"authorization_details,omitempty"`
	Actor     json.RawMessage `json:"act,omitempty"`
}

func (s *Service) facts(l *live) facts {
	f := facts{Active: true, Scope: strings.Join(l.scope, " "), ClientID: l.clientID, Expiry: l.expires.Unix(), IssuedAt: l.issued.Unix(),
		NotBefore: l.issued.Unix(), Issuer: s.cfg.Issuer, Subject: l.subject(), TokenType: l.extras.tokenType(),
		ACR: l.extras.ACR, AMR: l.extras.AMR, Bound: l.extras.Bound, Details: l.extras.Details, Actor: l.extras.Actor}
	audience := s.audienceOf(&l.extras)
	if f.Audience = audience; len(audience) == 1 {
		f.Audience = audience[0]
	}
	if l.refresh {
		f.TokenType = "refresh_token"
	}
	if l.user != nil {
		p := peopleOf(l.user)
		f.Username, f.Email, f.Name = l.user.Email, p.Email, p.Name
		f.AuthTime = l.authTime.Unix()
	}
	return f
}

// tokenType is what the token is to be sent as (RFC 9449 §7.1).
func (x *extras) tokenType() string {
	if x.Bound != nil && x.Bound.JKT != "" {
		return "DPoP"
	}
	return "Bearer"
}

// ask looks a token up for a client that may know: its own tokens, or any for a
// resource server. Another's token is told as dead.
func (s *Service) ask(ctx context.Context, r *http.Request, f form, user part) (l *live, client *Client, err error) {
	err = s.withRemembered(r, f, func(find finder) error {
		if client, err = s.confidential(ctx, r, f, find); err != nil {
			return err
		}
		if f["token"] == "" {
			return invalidRequest("token is missing")
		}
		l, err = s.lookUp(ctx, f["token"], client, user)
		if err == nil && !client.Introspect && l.clientID != client.ID {
			err = errDead
		}
		return err
	})
	return l, client, err
}

// introspect is RFC 7662 and, for callers that ask for it, RFC 9701. What cannot be known is an error, never inactive.
func (s *Service) introspect(w http.ResponseWriter, r *http.Request, f form) {
	l, caller, err := s.ask(r.Context(), r, f, named)
	switch {
	case errors.Is(err, errDead):
		s.answerIntrospection(w, r, caller, struct {
			Active bool `json:"active"`
		}{})
	case err != nil:
		s.refuse(w, r, err)
	default:
		s.answerIntrospection(w, r, caller, s.facts(l))
	}
}

// checkToken answers in the dialect of Spring Security OAuth 2: user_name,
// authorities, lists for scope and aud, and 400 for a dead token.
func (s *Service) checkToken(w http.ResponseWriter, r *http.Request, f form) {
	l, _, err := s.ask(r.Context(), r, f, whole)
	if errors.Is(err, errDead) || (err == nil && l.refresh) {
		err = &Failure{Code: "invalid_token", Description: "Token was not recognised"}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, s.springFacts(l))
}

func (s *Service) springFacts(l *live) any {
	f := s.facts(l)
	answer := struct {
		facts
		Scope       []string `json:"scope"`
		Audience    []string `json:"aud"`
		UserName    string   `json:"user_name,omitempty"`
		Authorities []string `json:"authorities,omitempty"`
	}{facts: f, Scope: l.scope, Audience: s.audienceOf(&l.extras), UserName: f.Username}
	if l.user != nil {
		answer.Authorities = []string{"ROLE_USER"}
		if l.user.Admin {
			answer.Authorities = append(answer.Authorities, "ROLE_ADMIN")
		}
	}
	return answer
}

// revoke is RFC 7009. A refresh token takes its whole grant along; an access
// token only itself. Unknown tokens and those of other clients are left alone
// and answered alike. The body is an object because clients parse it.
func (s *Service) revoke(w http.ResponseWriter, r *http.Request, f form) {
	err := s.end(r.Context(), r, f)
	if err != nil && !errors.Is(err, errDead) {
		s.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct{}{})
}

func (s *Service) end(ctx context.Context, r *http.Request, f form) error {
	client, err := s.known(ctx, r, f)
	if err != nil {
		return err
	}
	if f["token"] == "" {
		return invalidRequest("token is missing")
	}
	if strings.HasPrefix(f["token"], refreshPrefix) {
		return s.endRefresh(ctx, client, f["token"])
	}
	l, err := s.lookUp(ctx, f["token"], nil, named)
	if err != nil || l.clientID != client.ID {
		return err
	}
	ctx = audit.WithActor(ctx, audit.Client(client.ID), client.Title())
	s.cfg.Log.InfoContext(ctx, "token revoked", "client", client.ID, "refresh", false)
	return s.revokeToken(ctx, hash(f["token"]), l)
}

// endRefresh ends the grant of a refresh token, of a used one as well: its owner
// may have missed the successor, and somebody else may hold that.
func (s *Service) endRefresh(ctx context.Context, client *Client, token string) error {
	row, err := s.readRefresh(ctx, token)
	if isDeadRefresh(err) {
		return errDead
	}
	if err != nil || row.grant.clientID != client.ID {
		return err
	}
	s.cfg.Log.InfoContext(ctx, "token revoked", "client", client.ID, "refresh", true)
	return s.endGrant(audit.WithActor(ctx, audit.Client(client.ID), client.Title()), row.grant.id, s.now(), "the client revoked it")
}

// Validate makes the authorization server in the same process a
// bearer.Validator: no HTTP call to itself, and a revocation or a disabled user
// counts on the very next request.
func (s *Service) Validate(ctx context.Context, token string) (*bearer.Token, error) {
	l, err := s.lookUp(ctx, token, nil, whole)
	if errors.Is(err, errDead) || (err == nil && l.refresh) {
		return nil, bearer.ErrInvalid
	}
	if err != nil {
		return nil, err
	}
	f := s.facts(l)
	t := &bearer.Token{Subject: f.Subject, Username: f.Username, ClientID: f.ClientID, Issuer: f.Issuer, Type: f.TokenType,
		Scopes: l.scope, Audience: s.audienceOf(&l.extras), ACR: f.ACR, Expiry: l.expires, IssuedAt: l.issued, NotBefore: l.issued, AuthTime: l.authTime}
	if l.extras.Bound != nil {
		if t.Confirmation, err = json.Marshal(l.extras.Bound); err != nil {
			return nil, err
		}
	}
	if l.user != nil {
		t.UserID, t.Principal = l.user.ID, l.user
	}
	return t, nil
}

// userinfoAnswer is OpenID Connect Core §5.3. It tells about the token's own user alone;
// by a token of the scope openid alone (§3.1.2.1) where no client needs more.
func (s *Service) userinfoAnswer(w http.ResponseWriter, r *http.Request) {
	t := bearer.FromContext(r.Context())
	switch {
	case t.UserID == 0:
		s.refuse(w, r, &Failure{Code: "insufficient_scope", Description: "the token speaks for no user", status: http.StatusForbidden})
		return
	case !slices.Contains(t.Scopes, openid) && !s.cfg.UserinfoWithoutOpenID:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice", error="insufficient_scope", scope="openid"`) // RFC 6750 §3.1
		s.refuse(w, r, &Failure{Code: "insufficient_scope", Description: "the token was not asked for with the scope openid", status: http.StatusForbidden})
		return
	}
	user, err := s.users.ByID(r.Context(), t.UserID)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Subject string `json:"sub"`
		people
		Updated int64 `json:"updated_at"`
	}{subject(user.ID, ""), peopleOf(user), user.LastUpdate.Unix()})
}

// userinfoHandler stands behind the bearer module like every other resource.
func (s *Service) userinfoHandler() (http.Handler, error) {
	check, err := bearer.New(bearer.Config{Validator: s, Realm: "sluice", Log: s.cfg.Log, Now: s.cfg.Now,
		DPoP: s.proofConfig(), Certificates: &s.cfg.Certificates})
	if err != nil {
		return nil, err
	}
	return check.Require(http.HandlerFunc(s.userinfoAnswer)), nil
}
