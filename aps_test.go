package sluice_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// What the documentation of APS calls, as it calls it.
func TestTheDocumentedAddresses(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	token := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	// Requirement R260, APS §docs 1.8 own: the documented addresses answer
	for _, path := range []string{"/oauth/introspect", "/oauth/check_token", "/introspect"} {
		if a := srv.PostAs(t, "app", "app secret", path, url.Values{"token": {token}}); a.Status != 200 || a.Text("username") != kermit {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	query := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "state": {"s"}}.Encode()
	for _, path := range []string{"/oauth/authorize", "/authorize"} {
		if a := srv.Get(t, path+"?"+query); a.Status != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/login?next=") {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
		// Requirement R261, APS §docs 1.8 own: the documented POST to authorize gives no code without the user
		if a := srv.PostAs(t, "app", "app secret", path+"?"+query, nil); a.Status != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/login?next=") {
			t.Errorf("POST %s with the client's secret: %d %v", path, a.Status, a.Header)
		}
	}
}

// Two users at once: each token is its own user's, by whichever way it is checked.
func TestATokenIsItsUser(t *testing.T) {
	t.Parallel()
	const piggy = "piggy@example.com"
	srv := newServer(t, sluicetest.User(piggy, "moi"))
	for email, secret := range map[string]string{kermit: password, piggy: "moi"} {
		token := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {email}, "password": {secret}})
		// Requirement R264, APS §docs 1.8 own: a token's user is that user and no other
		if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != email {
			t.Errorf("%s: %d %s", email, a.Status, a.Body)
		}
		call := func(headers ...string) sluicetest.Answer {
			return srv.Get(t, "/activiti-app/api/enterprise/profile", headers...)
		}
		// Requirement R079, RFC 6750 §2.1 MUST: a token in the Authorization header is taken, its scheme in any case
		if a := call("Authorization", "Bearer "+token); a.Status != 200 || a.Text("email") != email {
			t.Errorf("%s: %d %s", email, a.Status, a.Body)
		}
		// Requirement R263, APS §docs 1.8 own: Bearer without a space is no token
		if a := call("Authorization", "Bearer"+token); a.Status != 401 {
			t.Errorf("without a space: %d %s", a.Status, a.Body)
		}
		// Requirement R267, APS §js-api own: cookie and header of js-api's CSRF protection do no harm
		if a := call("Authorization", "Bearer "+token, "Cookie", "CSRF-TOKEN=abc", "X-CSRF-TOKEN", "abc"); a.Status != 200 || a.Text("email") != email {
			t.Errorf("with a CSRF token of js-api's: %d %s", a.Status, a.Body)
		}
	}
}

// js-api 7 refreshes by Basic with an id and nothing behind it.
//
// Lesson L20, js-api
func TestRefreshByBasicWithoutASecret(t *testing.T) {
	t.Parallel()
	own := spa
	own.GrantTypes = append([]string{"password"}, own.GrantTypes...)
	own.ID = "jsapi"
	srv := newServer(t, sluicetest.Client(own))
	// Requirement R265, APS §js-api own: an empty secret is none
	a := srv.Post(t, "/oauth/token", url.Values{"grant_type": {"password"}, "client_id": {"jsapi"}, "client_secret": {""}, "username": {kermit}, "password": {password}})
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	// Requirement R266, APS §js-api own: Basic with an id and nothing else names a public client
	b := srv.Post(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}}, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("jsapi:")))
	if b.Status != 200 || b.Text("access_token") == "" {
		t.Errorf("%d %s", b.Status, b.Body)
	}
	confidential := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if c := srv.Post(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {confidential.Text("refresh_token")}}, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("app:"))); c.Status != 401 {
		t.Errorf("a confidential client: %d %s", c.Status, c.Body)
	}
}

// A browser that hides its origin signs in by the form's own token, and nothing
// else does.
//
// Requirement R268, APS §fetch
// Lesson L21, Chromium: a hidden Origin is tolerated when the form's own proof is right
func TestSignInWithAHiddenOrigin(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	b := srv.Browser(t)
	b.Open(t, "/login")
	_, fields := b.Form(t)
	fields.Set("email", kermit)
	fields.Set("password", password)
	post := func(token string) int {
		fields.Set("form_token", token)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/login", strings.NewReader(fields.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null")
		resp, err := b.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	right := fields.Get("form_token")
	if wrong, good := post(right[1:]+"x"), post(right); wrong != 403 || good != 303 {
		t.Errorf("wrong token %d, right token %d", wrong, good)
	}
}

// One token is one user's on both sides of the module: introspection, id_token and
// userinfo agree.
//
// Requirement R256, OpenID Connect §5.3
func TestUserinfoAndIDTokenAgree(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}, "scope": {"openid"}})
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(a.Text("id_token"), ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	sub := srv.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+a.Text("access_token")).Text("sub")
	if sub == "" || !strings.Contains(string(raw), `"sub":"`+sub+`"`) {
		t.Errorf("userinfo %q, id_token %s", sub, raw)
	}
}
