package oauth_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
	jwtType       = "urn:ietf:params:oauth:token-type:jwt"
	elsewhere     = "https://api.example.com"
)

// broker may exchange web's tokens, for elsewhere too, but has only the scope read.
func broker(change func(*sluice.Client)) sluicetest.Option {
	return client("broker", "secret", func(c *sluice.Client) {
		c.GrantTypes, c.Scopes = []string{exchangeGrant, "client_credentials"}, []string{"read"}
		c.ExchangeFrom, c.Resources = []string{"web"}, []string{elsewhere}
		if change != nil {
			change(c)
		}
	})
}

func exchange(t *testing.T, srv *sluicetest.Server, subject string, pairs ...string) sluicetest.Answer {
	t.Helper()
	return srv.PostAs(t, "broker", "secret", "/oauth/token", form(append([]string{"grant_type", exchangeGrant,
		"subject_token", subject, "subject_token_type", accessType}, pairs...)...))
}

func introspected(t *testing.T, srv *sluicetest.Server, token string) map[string]any {
	t.Helper()
	return srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", token)).JSON
}

// RFC 8693: the new token may do less than the old one, for no longer, and ends
// with it.
//
// Requirement R166, RFC 8693 §2.2.1 REQUIRED: the answer names the type of what was issued
// Requirement R168, RFC 8693 §2.1
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), broker(func(c *sluice.Client) { c.AccessTTL = 2 * time.Hour }))
	first := tokens(t, srv)
	c.Move(10 * time.Minute)
	a := exchange(t, srv, first.Text("access_token"))
	if a.Status != 200 || a.Text("scope") != "read" || a.Text("issued_token_type") != accessType || a.Text("token_type") != "Bearer" ||
		a.JSON["expires_in"] != 3000.0 || a.Text("refresh_token") != "" || a.Text("id_token") != "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	facts := introspected(t, srv, a.Text("access_token"))
	if facts["username"] != kermit || facts["client_id"] != "broker" || facts["aud"] != srv.URL+"/activiti-app" || facts["act"] != nil {
		t.Errorf("%v", facts)
	}
	if a := srv.Call(t, a.Text("access_token"), "GET", "profile", nil); a.Text("email") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	away := exchange(t, srv, first.Text("access_token"), "audience", elsewhere, "requested_token_type", jwtType)
	claims := claimsOf(t, away.Text("access_token"))
	if away.Text("issued_token_type") != jwtType || fmt.Sprint(claims["aud"]) != "["+elsewhere+"]" && claims["aud"] != elsewhere {
		t.Errorf("%s %v", away.Body, claims)
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", first.Text("refresh_token"))); a.Status != 200 {
		t.Fatal(a.Body)
	}
	if active(t, srv, a.Text("access_token")) || active(t, srv, away.Text("access_token")) {
		t.Error("the exchanged tokens outlive their grant")
	}
}

// CVE-2022-1245, RFC 8693 §5: nothing is gained by an exchange.
//
// Requirement R168, RFC 8693 §2.1 own: an exchange gains neither scope nor time, and only registered clients exchange
// Lesson L10, CVE-2022-1245: a token exchange gains nothing
func TestExchangeGainsNothing(t *testing.T) {
	t.Parallel()
	srv := setup(t, broker(nil), client("greedy", "secret", func(c *sluice.Client) {
		c.GrantTypes, c.ExchangeFrom, c.Resources = []string{exchangeGrant, "client_credentials"}, []string{"*"}, []string{elsewhere}
	}))
	narrow := srv.Token(t, "web", "secret", form("grant_type", "password", "username", kermit, "password", password, "scope", "read"))
	whole := tokens(t, srv)
	foreign := srv.Token(t, "other", odd, form("grant_type", "password", "username", kermit, "password", password))
	own := srv.Token(t, "web", "secret", form("grant_type", "client_credentials"))
	afar := exchange(t, srv, narrow, "resource", elsewhere).Text("access_token")
	as := func(id string) func(...string) sluicetest.Answer {
		return func(pairs ...string) sluicetest.Answer {
			return srv.PostAs(t, id, "secret", "/oauth/token", form(append([]string{"grant_type", exchangeGrant}, pairs...)...))
		}
	}
	for name, x := range map[string]struct {
		answer sluicetest.Answer
		code   string
	}{
		"a scope the subject lacks": {as("greedy")("subject_token", narrow, "subject_token_type", accessType, "scope", "write"), "invalid_scope"},
		"a scope the client lacks":  {as("broker")("subject_token", whole.Text("access_token"), "subject_token_type", accessType, "scope", "write"), "invalid_scope"},
		"a token of another client": {as("broker")("subject_token", foreign, "subject_token_type", accessType), "invalid_request"},
		"a client's own token":      {as("broker")("subject_token", own, "subject_token_type", accessType), "invalid_request"},
		"a refresh token":           {as("broker")("subject_token", whole.Text("refresh_token"), "subject_token_type", accessType), "invalid_request"},
		// Requirement R165, RFC 8693 §2.1
		"nonsense": {as("broker")("subject_token", "x", "subject_token_type", accessType), "invalid_request"},
		// Requirement R167, RFC 8693 §2.2.2 SHOULD: an unknown audience is invalid_target
		"an unregistered audience":        {as("broker")("subject_token", narrow, "subject_token_type", accessType, "audience", "https://other.example.com"), "invalid_target"},
		"back from elsewhere to this API": {as("greedy")("subject_token", afar, "subject_token_type", accessType, "audience", srv.URL+"/activiti-app"), "invalid_target"},
		// Requirement R163, RFC 8693 §2.1
		"no type":               {as("broker")("subject_token", narrow), "invalid_request"},
		"another type":          {as("broker")("subject_token", narrow, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		"for a refresh token":   {as("broker")("subject_token", narrow, "subject_token_type", accessType, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request"},
		"an actor without type": {as("broker")("subject_token", narrow, "subject_token_type", accessType, "actor_token", narrow), "invalid_request"},
		"not registered":        {as("web")("subject_token", narrow, "subject_token_type", accessType), "unauthorized_client"},
	} {
		if x.answer.Status != 400 || x.answer.Text("error") != x.code {
			t.Errorf("%s: %d %s", name, x.answer.Status, x.answer.Body)
		}
	}
	stays := as("greedy")("subject_token", afar, "subject_token_type", accessType)
	if facts := introspected(t, srv, stays.Text("access_token")); facts["aud"] != elsewhere {
		t.Errorf("a token for elsewhere became one for %v", facts["aud"])
	}
	if err := srv.Admin.SetUserActive(t.Context(), kermit, false); err != nil {
		t.Fatal(err)
	}
	if a := exchange(t, srv, narrow); a.Text("error") != "invalid_request" {
		t.Errorf("a disabled user's token: %d %s", a.Status, a.Body)
	}
}

// RFC 8693 §4.1: who acts for whom is told, the last one first.
//
// Requirement R169, RFC 8693 §4.1 own: who acts for whom stands in the token and its introspection
func TestActors(t *testing.T) {
	t.Parallel()
	srv := setup(t, broker(func(c *sluice.Client) { c.Introspect = true }))
	user := srv.Token(t, "web", "secret", form("grant_type", "password", "username", kermit, "password", password))
	actor := srv.Token(t, "broker", "secret", form("grant_type", "client_credentials"))
	once := exchange(t, srv, user, "actor_token", actor, "actor_token_type", accessType)
	facts := introspected(t, srv, once.Text("access_token"))
	act, _ := facts["act"].(map[string]any)
	if act["sub"] != "client:broker" || act["act"] != nil || facts["username"] != kermit {
		t.Fatalf("%v", facts)
	}
	twice := exchange(t, srv, once.Text("access_token"), "actor_token", actor, "actor_token_type", accessType)
	act, _ = introspected(t, srv, twice.Text("access_token"))["act"].(map[string]any)
	before, _ := act["act"].(map[string]any)
	if before["sub"] != "client:broker" {
		t.Errorf("%v", act)
	}
	silent := exchange(t, srv, once.Text("access_token"))
	if act, _ := introspected(t, srv, silent.Text("access_token"))["act"].(map[string]any); act["sub"] != "client:broker" {
		t.Errorf("who acted was forgotten: %v", act)
	}
	foreign := srv.Token(t, "other", odd, form("grant_type", "client_credentials"))
	if a := exchange(t, srv, user, "actor_token", foreign, "actor_token_type", accessType); a.Text("error") != "invalid_request" {
		t.Errorf("another's actor: %s", a.Body)
	}
}

// RFC 7523 §2.1, §3: somebody whom the client is registered for vouches for a user.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	srv := setup(t, client("desk", "secret", func(c *sluice.Client) {
		c.GrantTypes, c.Scopes = []string{bearerGrant}, []string{"read", "write"}
		c.AssertionIssuers = []sluice.AssertionIssuer{{Issuer: "https://hr.example.com", JWKS: bearertest.JWKS(key)}}
	}))
	now := time.Now()
	sign := func(by *bearertest.Key, changes bearertest.Claims) string {
		claims := bearertest.Claims{"iss": "https://hr.example.com", "sub": kermit, "aud": srv.URL, "jti": rand.Text(), "exp": now.Add(time.Minute).Unix()}
		for name, value := range changes {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
		return by.Sign(nil, claims)
	}
	ask := func(text string, pairs ...string) sluicetest.Answer {
		return srv.PostAs(t, "desk", "secret", "/oauth/token", form(append([]string{"grant_type", bearerGrant, "assertion", text}, pairs...)...))
	}
	used := sign(key, nil)
	a := ask(used, "scope", "read")
	if a.Status != 200 || a.Text("scope") != "read" || a.Text("refresh_token") != "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := srv.Call(t, a.Text("access_token"), "GET", "profile", nil); a.Text("email") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for name, text := range map[string]string{
		"used": used, "another's key": sign(other, nil), "another issuer": sign(key, bearertest.Claims{"iss": "https://evil.example.com"}),
		"another server": sign(key, bearertest.Claims{"aud": "https://other.example.com"}), "expired": sign(key, bearertest.Claims{"exp": now.Add(-time.Minute).Unix()}),
		"no end": sign(key, bearertest.Claims{"exp": nil}), "too far an end": sign(key, bearertest.Claims{"exp": now.Add(3 * time.Hour).Unix()}),
		"no jti": sign(key, bearertest.Claims{"jti": nil}), "no subject": sign(key, bearertest.Claims{"sub": nil}), "unknown user": sign(key, bearertest.Claims{"sub": "nobody@example.com"}),
		"nonsense": "x.y.z",
	} {
		if a := ask(text); a.Status != 400 || a.Text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	parallel := sign(key, nil)
	if got := together(20, func() int { return ask(parallel).Status }); got[200] != 1 || got[400] != 19 {
		t.Errorf("parallel uses: %v", got)
	}
	if a := ask(""); a.Text("error") != "invalid_request" {
		t.Errorf("no assertion: %s", a.Body)
	}
}

// A custom grant is one Go function.
func TestCustomGrantInGo(t *testing.T) {
	t.Parallel()
	badge := func(_ context.Context, r sluice.GrantRequest) (sluice.GrantResult, error) {
		switch r.Parameters["badge"] {
		case "":
			return sluice.GrantResult{}, &sluice.GrantError{Code: "invalid_request", Description: "badge is missing"}
		case "lost":
			return sluice.GrantResult{}, &sluice.GrantError{Code: "invalid_grant", Description: "the badge is lost"}
		case "door":
			return sluice.GrantResult{}, nil
		case "wide":
			return sluice.GrantResult{Username: kermit, Scope: []string{"root"}}, nil
		case "broken":
			return sluice.GrantResult{}, fmt.Errorf("the reader at %s is broken", "desk 7")
		case "stranger":
			return sluice.GrantResult{Username: "nobody@example.com"}, nil
		}
		return sluice.GrantResult{Username: kermit, Scope: []string{"read"}}, nil
	}
	const badgeGrant = "urn:example:badge"
	srv := setup(t, sluicetest.With(sluice.WithGrant(badgeGrant, badge)), client("gate", "secret", func(c *sluice.Client) {
		c.GrantTypes, c.Scopes = []string{badgeGrant, "refresh_token"}, []string{"read", "write"}
	}))
	ask := func(badge string) sluicetest.Answer {
		return srv.PostAs(t, "gate", "secret", "/oauth/token", form("grant_type", badgeGrant, "badge", badge))
	}
	if a := ask("7"); a.Status != 200 || a.Text("scope") != "read" || a.Text("refresh_token") == "" || introspected(t, srv, a.Text("access_token"))["username"] != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := ask("door"); a.Status != 200 || introspected(t, srv, a.Text("access_token"))["sub"] != "client:gate" {
		t.Errorf("the client's own: %d %s", a.Status, a.Body)
	}
	for badge, x := range map[string]struct {
		status int
		code   string
	}{"": {400, "invalid_request"}, "lost": {400, "invalid_grant"}, "stranger": {400, "invalid_grant"}, "wide": {500, "server_error"}, "broken": {503, "temporarily_unavailable"}} {
		if a := ask(badge); a.Status != x.status || a.Text("error") != x.code || contains(a.Body, "desk 7") {
			t.Errorf("%q: %d %s", badge, a.Status, a.Body)
		}
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", badgeGrant, "badge", "7")); a.Text("error") != "unauthorized_client" {
		t.Errorf("not registered: %s", a.Body)
	}
}

// A custom grant is one HTTP endpoint; external_token is an instance, and takes an
// introspection endpoint.
func TestExternalToken(t *testing.T) {
	t.Parallel()
	var seen url.Values
	status, body := http.StatusOK, `{"active":true,"username":"`+kermit+`","scope":"root"}`
	foreign := serve(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil || id != "sluice" || secret != "shared" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		seen = r.PostForm
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) {
		c.OAuth.Grants = []sluice.GrantConfig{{Name: "external_token", URL: foreign, ClientID: "sluice", Secret: "shared"}}
	}), client("app", "secret", func(c *sluice.Client) {
		c.GrantTypes, c.Scopes = []string{"external_token"}, []string{"read"}
	}))
	ask := func() sluicetest.Answer {
		return srv.PostAs(t, "app", "secret", "/oauth/token", form("grant_type", "external_token", "external_token", "abc", "client_id", "app"))
	}
	a := ask()
	if a.Status != 200 || a.Text("scope") != "read" || introspected(t, srv, a.Text("access_token"))["username"] != kermit {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if seen.Get("token") != "abc" || seen.Get("client_id") != "app" || seen.Has("client_secret") || seen.Get("grant_type") != "external_token" {
		t.Errorf("%v", seen)
	}
	for _, x := range []struct {
		status int
		body   string
		want   int
		code   string
	}{
		{200, `{"active":false}`, 400, "invalid_grant"}, {200, `{"active":true}`, 400, "invalid_grant"}, {200, `<html>`, 503, "temporarily_unavailable"},
		{200, `{"active":false,"active":true,"username":"` + kermit + `"}`, 503, "temporarily_unavailable"}, {500, `{}`, 503, "temporarily_unavailable"},
		{302, `{}`, 503, "temporarily_unavailable"}, {401, `{}`, 503, "temporarily_unavailable"}, {400, `{"error":"invalid_grant","error_description":"too \"old\""}`, 400, "invalid_grant"},
		{400, `{"error":"made_up"}`, 503, "temporarily_unavailable"}, {200, `{"username":"nobody@example.com"}`, 400, "invalid_grant"},
	} {
		status, body = x.status, x.body
		if a := ask(); a.Status != x.want || a.Text("error") != x.code {
			t.Errorf("%d %s: %d %s", x.status, x.body, a.Status, a.Body)
		}
	}
}
