package sluice_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/sluicetest"
)

// Every story begins with a user, a confidential client that may do everything
// and a public one.
const (
	kermit   = "kermit@example.com"
	password = "it's not easy"
	callback = "http://127.0.0.1:5999/callback"
)

var (
	app = sluice.NewClient{Secret: "app secret", Client: sluice.Client{ID: "app", Name: "The App",
		GrantTypes:   []string{"authorization_code", "password", "client_credentials", "implicit", "refresh_token"},
		RedirectURIs: []string{callback}, Scopes: []string{"openid", "read", "write"}, Introspect: true}}
	spa = sluice.NewClient{Client: sluice.Client{ID: "spa", GrantTypes: []string{"authorization_code", "refresh_token"},
		RedirectURIs: []string{"http://localhost/callback"}, Scopes: []string{"openid", "read"}, TokenFormat: "jwt"}}
)

func newServer(t *testing.T, options ...sluicetest.Option) *sluicetest.Server {
	t.Helper()
	return sluicetest.NewServer(t, append([]sluicetest.Option{sluicetest.User(kermit, password), sluicetest.Client(app), sluicetest.Client(spa)}, options...)...)
}

func pkce() (verifier, challenge string) {
	verifier = strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	return verifier, base64.RawURLEncoding.EncodeToString(sum[:])
}

// live is the rest of every story: the token calls the API as the user, is
// refreshed, revoked and then refused.
func live(t *testing.T, srv *sluicetest.Server, token, refresh, client, secret string) {
	t.Helper()
	post := func(path string, form url.Values) sluicetest.Answer {
		if secret == "" {
			form.Set("client_id", client)
			return srv.Post(t, path, form)
		}
		return srv.PostAs(t, client, secret, path, form)
	}
	if a := srv.Call(t, token, http.MethodGet, "app-version", nil); a.Status != 200 || a.Text("type") != "bpmSuite" {
		t.Fatalf("app-version: %d %s", a.Status, a.Body)
	}
	if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
		t.Fatalf("profile: %d %s", a.Status, a.Body)
	}
	if refresh != "" {
		a := post("/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
		if a.Status != 200 || a.Text("refresh_token") == refresh {
			t.Fatalf("refresh: %d %s", a.Status, a.Body)
		}
		next := a.Text("access_token")
		if a := srv.Call(t, next, http.MethodGet, "app-version", nil); a.Status != 200 {
			t.Fatalf("app-version after refresh: %d %s", a.Status, a.Body)
		}
		if b := post("/oauth/revoke", url.Values{"token": {a.Text("refresh_token")}}); b.Status != 200 || strings.TrimSpace(b.Body) != "{}" {
			t.Fatalf("revoke: %d %s", b.Status, b.Body)
		}
		if a := srv.Call(t, next, http.MethodGet, "app-version", nil); a.Status != 401 {
			t.Fatalf("app-version after the grant was revoked: %d", a.Status)
		}
	} else if a := post("/oauth/revoke", url.Values{"token": {token}}); a.Status != 200 {
		t.Fatalf("revoke: %d %s", a.Status, a.Body)
	}
	a := srv.Call(t, token, http.MethodGet, "app-version", nil)
	if a.Status != 401 || !strings.Contains(a.Header.Get("WWW-Authenticate"), `error="invalid_token"`) || a.Text("messageKey") != "GENERAL.ERROR.UNAUTHORIZED" {
		t.Fatalf("app-version after revocation: %d %q %s", a.Status, a.Header.Get("WWW-Authenticate"), a.Body)
	}
}

// Requirement R199, RFC 9207 §2
func TestAuthorizationCodeStory(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	query := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read"}, "state": {`a b&c=d%é"<`}}
	away := srv.Browser(t).Authorize(t, query, kermit, password)
	if !strings.HasPrefix(away.String(), callback+"?") || away.Query().Get("state") != query.Get("state") || away.Query().Get("iss") != srv.URL {
		t.Fatalf("sent back to %s", away)
	}
	a := srv.PostAs(t, "app", "app secret", "/oauth/token",
		url.Values{"grant_type": {"authorization_code"}, "code": {away.Query().Get("code")}, "redirect_uri": {callback}})
	if a.Status != 200 || a.Text("token_type") != "Bearer" || a.JSON["expires_in"] != 3600.0 || a.Text("scope") != "read" {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Pragma") != "no-cache" {
		t.Errorf("headers: %v", a.Header)
	}
	live(t, srv, a.Text("access_token"), a.Text("refresh_token"), "app", "app secret")
}

// Requirement R183, RFC 9068 §5
// Requirement R249, OAuth 2.1 §8.4.2 MUST: a native client may use any port of the loopback
func TestAuthorizationCodeWithoutSecretStory(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	verifier, challenge := pkce()
	redirect := "http://localhost:43210/callback" // registered without a port
	away := srv.Browser(t).Authorize(t, url.Values{"client_id": {"spa"}, "response_type": {"code"}, "redirect_uri": {redirect},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}, kermit, password)
	a := srv.Post(t, "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {away.Query().Get("code")},
		"redirect_uri": {redirect}, "client_id": {"spa"}, "code_verifier": {verifier}})
	if a.Status != 200 || strings.Count(a.Text("access_token"), ".") != 2 {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	live(t, srv, a.Text("access_token"), a.Text("refresh_token"), "spa", "")
}

// Requirement R097, RFC 7009 §2.1
func TestPasswordStory(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if a.Status != 200 || a.Text("scope") != "read write" {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	live(t, srv, a.Text("access_token"), a.Text("refresh_token"), "app", "app secret")
}

func TestImplicitStory(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	away := srv.Browser(t).Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"token"}, "redirect_uri": {callback}, "state": {"s"}}, kermit, password)
	f, err := url.ParseQuery(away.Fragment)
	if err != nil || away.RawQuery != "" || f.Get("token_type") != "Bearer" || f.Get("expires_in") != "3600" || f.Get("state") != "s" || f.Has("refresh_token") {
		t.Fatalf("sent back to %s", away)
	}
	live(t, srv, f.Get("access_token"), "", "app", "app secret")
}

// A token of a client's own has no user; the API does not run without one, and
// it must say so without making the client sign in again.
//
// Requirement R135, RFC 7662 §2.2 MUST: a client's own token acts as nobody
// Requirement R051, RFC 6749 §4.4.3
// Requirement R238, RFC 9700 §4.15 SHOULD NOT: a client cannot look like a user
func TestClientCredentialsStory(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"read"}})
	if a.Status != 200 || a.Text("refresh_token") != "" || a.Text("scope") != "read" {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	token := a.Text("access_token")
	if a := srv.Call(t, token, http.MethodGet, "app-version", nil); a.Status != 403 || a.Text("messageKey") != "GENERAL.ERROR.FORBIDDEN" {
		t.Errorf("app-version: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {token}}); a.Text("sub") != "client:app" || a.JSON["username"] != nil {
		t.Errorf("introspection: %s", a.Body)
	}
	srv.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}})
	if a := srv.Call(t, token, http.MethodGet, "app-version", nil); a.Status != 401 {
		t.Errorf("app-version after revocation: %d", a.Status)
	}
}

// The module against a second Sluice, as the documentation sets it up.
func TestCheckTokenAtAnotherServer(t *testing.T) {
	t.Parallel()
	auth := newServer(t)
	for _, endpoint := range []string{"/oauth/introspect", "/oauth/check_token"} {
		process := sluicetest.NewServer(t, sluicetest.User(kermit, "another password"), sluicetest.Config(func(c *sluice.Config) {
			c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = auth.URL+endpoint, "app", "app secret"
			c.Role = sluice.RoleProcess
		}))
		token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
		if a := process.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
			t.Errorf("%s: profile: %d %s", endpoint, a.Status, a.Body)
		}
		if a := process.Call(t, "unknown", http.MethodGet, "profile", nil); a.Status != 401 {
			t.Errorf("%s: unknown token: %d %s", endpoint, a.Status, a.Body)
		}
		if a := process.Get(t, "/oauth/authorize"); a.Status != 404 {
			t.Errorf("role process answers /oauth/authorize: %d", a.Status)
		}
	}
}

// A user of the authorization server who is not one here, or not an active one.
//
// Requirement R134, RFC 7662 §2.2 MUST: a user who is unknown or disabled here is refused and not created
func TestUsersUnknownHereAreForbidden(t *testing.T) {
	t.Parallel()
	auth := newServer(t, sluicetest.User("stranger@example.com", "stranger"))
	process := sluicetest.NewServer(t, sluicetest.User(kermit, "another"), sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = auth.URL+"/oauth/introspect", "app", "app secret"
	}))
	stranger := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {"stranger@example.com"}, "password": {"stranger"}})
	if a := process.Call(t, stranger, http.MethodGet, "app-version", nil); a.Status != 403 {
		t.Errorf("unknown user: %d %s", a.Status, a.Body)
	}
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if err := process.Admin.SetUserActive(t.Context(), kermit, false); err != nil {
		t.Fatal(err)
	}
	if a := process.Call(t, token, http.MethodGet, "app-version", nil); a.Status != 403 {
		t.Errorf("inactive user: %d %s", a.Status, a.Body)
	}
}

// The program's own function replaces the check, as APS's override did.
func TestOwnValidator(t *testing.T) {
	t.Parallel()
	own := bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		if token != "let-me-in" {
			return nil, bearer.ErrInvalid
		}
		return &bearer.Token{Username: kermit}, nil
	})
	srv := newServer(t, sluicetest.With(sluice.WithValidator(own)))
	if a := srv.Call(t, "let-me-in", http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
		t.Errorf("own token: %d %s", a.Status, a.Body)
	}
	real := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if a := srv.Call(t, real, http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("the server's own token: %d, want 401: the check is replaced", a.Status)
	}
}

// Requirement R129, RFC 7662 §4 MUST: expired, revoked and ended tokens are inactive, whatever ended them
// Requirement X11, RFC 9700 §4.14 own: a disabled user's tokens, refresh tokens and sessions end at once
// Lesson L12, CVE-2025-64521: a disabled user loses tokens, sessions and refresh tokens
func TestDisabledUserIsOutAtOnce(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	browser := srv.Browser(t)
	browser.SignIn(t, kermit, password)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if err := srv.Admin.SetUserActive(t.Context(), kermit, false); err != nil {
		t.Fatal(err)
	}
	if a := srv.Call(t, a.Text("access_token"), http.MethodGet, "app-version", nil); a.Status != 401 {
		t.Errorf("token: %d", a.Status)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}}); a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("refresh: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {a.Text("access_token")}}); strings.TrimSpace(a.Body) != `{"active":false}` {
		t.Errorf("introspection: %s", a.Body)
	}
	browser.Open(t, "/")
	if strings.Contains(browser.Page.Body, kermit) {
		t.Error("the session of the disabled user still stands")
	}
}

// No secret of any kind may appear in the log, whatever happens to it.
//
// Requirement R232, RFC 9700 §4.9.3 MUST: neither log nor database holds a secret in plain
func TestLogHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var log bytes.Buffer
	sink := slog.New(slog.NewJSONHandler(writer(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return log.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	srv := newServer(t, sluicetest.With(sluice.WithLog(sink)))
	away := srv.Browser(t).Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}}, kermit, password)
	code := away.Query().Get("code")
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
	secrets := []string{"app secret", "app+secret", password, url.QueryEscape(password), code, a.Text("access_token"), a.Text("refresh_token"), "wrong password", "wrong secret"}
	srv.Call(t, a.Text("access_token"), http.MethodGet, "profile", nil)
	srv.Get(t, "/activiti-app/api/enterprise/profile?access_token="+a.Text("access_token"))
	srv.PostAs(t, "app", "wrong secret", "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
	srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {"wrong password"}})
	srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
	srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {a.Text("access_token")}})
	srv.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {a.Text("refresh_token")}})
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), "token issued") {
		t.Fatal("the log was not captured")
	}
	for _, s := range secrets {
		if s == "" || strings.Contains(log.String(), s) {
			t.Errorf("the log holds the secret %.6q…", s)
		}
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
