package sluice_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// abroad is another authorization server, and here is ours, where its users may sign in.
// gonzo has an account there alone, kermit and the disabled piggy at both.
type abroad struct {
	there, here *sluicetest.Server
}

const piggy = "piggy@example.com"

func newAbroad(t *testing.T, options ...sluicetest.Option) abroad {
	t.Helper()
	there := sluicetest.NewServer(t, sluicetest.User(kermit, "red"), sluicetest.User(gonzo, "red"), sluicetest.User(piggy, "red"))
	here := newServer(t, append([]sluicetest.Option{sluicetest.User(piggy, password), sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.ClientID, c.Bearer.ClientSecret = "here", "a secret"
		c.Bearer.SignIn = sluice.SignInConfig{AuthorizationURL: there.URL + "/oauth/authorize", TokenURL: there.URL + "/oauth/token",
			UserInfoURL: there.URL + "/oauth/userinfo", Issuer: there.URL, Scopes: []string{"openid"}, Title: "The Studio"}
	})}, options...)...)
	_, err := there.Admin.CreateClient(t.Context(), sluice.NewClient{Secret: "a secret", Client: sluice.Client{ID: "here", GrantTypes: []string{"authorization_code"},
		RedirectURIs: []string{here.URL + "/login/elsewhere/callback"}, Scopes: []string{"openid"}, SkipConsent: true}})
	if err == nil {
		err = here.Admin.SetUserActive(t.Context(), piggy, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	return abroad{there, here}
}

// signIn signs a user in there, in a browser that began here, and returns where he is
// sent back to. The browser there is another one because cookies know no ports.
func (a abroad) signIn(t *testing.T, b *sluicetest.Browser, next, user string) *url.URL {
	t.Helper()
	away := b.Open(t, "/login/elsewhere?"+url.Values{"next": {next}}.Encode())
	if away == nil || !strings.HasPrefix(away.String(), a.there.URL+"/oauth/authorize?") || away.Query().Get("code_challenge_method") != "S256" || away.Query().Get("scope") != "openid" {
		t.Fatalf("sent to %v", away)
	}
	back := a.there.Browser(t).Authorize(t, away.Query(), user, "red")
	if back.Query().Get("code") == "" {
		t.Fatalf("no code: %s", back)
	}
	return back
}

// A user of the other server signs in here, and an application here gets him.
//
// Requirement R056, RFC 6749 §5.1 MUST: a client of ours skips members of a token answer that it does not know
func TestSigningInElsewhere(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	b := a.here.Browser(t)
	b.Open(t, "/login?next=%2Flogout")
	if !strings.Contains(b.Page.Body, "Sign in at The Studio") || !strings.Contains(b.Page.Body, `href="/login/elsewhere?next=%2Flogout"`) {
		t.Fatalf("the login page does not offer it: %s", b.Page.Body)
	}
	back := a.signIn(t, b, "/logout", kermit)
	if b.Open(t, back.String()); b.At.Path != "/logout" || !strings.Contains(b.Page.Body, kermit) {
		t.Fatalf("%s: %d %s", b.At, b.Page.Status, b.Page.Body)
	}
	if b.Open(t, back.String()); b.Page.Status != 400 {
		t.Errorf("the same answer again: %d", b.Page.Status)
	}
	ask := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"openid"}}
	b.Open(t, "/oauth/authorize?"+ask.Encode())
	code := b.Submit(t, "decision", "allow").Query().Get("code")
	got := a.here.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}})
	facts := a.here.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {got.Text("access_token")}}).JSON
	if facts["username"] != kermit || facts["amr"] != nil || facts["acr"] != nil {
		t.Errorf("%v", facts)
	}
	if away := b.Open(t, "/login/elsewhere"); away.Query().Get("prompt") != "login" {
		t.Errorf("who has a session is not asked to sign in anew: %s", away)
	}
	events, _, err := a.here.Admin.Audit(t.Context(), sluice.AuditQuery{Event: "sign_in"})
	if err != nil || len(events) != 1 || events[0].Details["by"] != "elsewhere" || events[0].Outcome != "success" {
		t.Errorf("%+v %v", events, err)
	}
}

// Nobody gets in whom the other server does not name, who has no account here, or who
// brings somebody else's answer; and nobody is sent to another site.
//
// Requirement R202, RFC 9207 §2.4 MUST: a client of ours refuses an answer of another issuer
// Dex CVE-2022-39222: a sign-in elsewhere is finished by the browser that began it.
func TestSigningInElsewhereIsRefused(t *testing.T) {
	t.Parallel()
	a := newAbroad(t)
	in := func(b *sluicetest.Browser) bool {
		b.Open(t, "/logout")
		return strings.Contains(b.Page.Body, `action="/logout"`)
	}
	for name, c := range map[string]struct {
		user   string
		change func(back *url.URL, b *sluicetest.Browser) (*url.URL, *sluicetest.Browser)
		status int
		says   string
	}{
		"no account here":       {gonzo, nil, 403, "no active account here"},
		"a disabled account":    {piggy, nil, 403, "no active account here"},
		"another browser":       {kermit, func(u *url.URL, _ *sluicetest.Browser) (*url.URL, *sluicetest.Browser) { return u, a.here.Browser(t) }, 400, "another browser"},
		"another state":         {kermit, with("state", "x"), 400, "another browser"},
		"no state":              {kermit, with("state", ""), 400, "another browser"},
		"an unknown code":       {kermit, with("code", "slc_ac_unknown"), 200, "did not sign you in"},
		"another issuer":        {kermit, with("iss", "https://id.example.com"), 200, "did not sign you in"},
		"no issuer":             {kermit, with("iss", ""), 200, "did not sign you in"},
		"no code":               {kermit, with("code", ""), 200, "did not sign you in"},
		"an error, not to show": {kermit, with("error", "<b>access_denied"), 200, "did not sign you in"},
	} {
		b := a.here.Browser(t)
		back := a.signIn(t, b, "/", c.user)
		if c.change != nil {
			back, b = c.change(back, b)
		}
		if b.Open(t, back.String()); b.Page.Status != c.status || !strings.Contains(b.Page.Body, c.says) || strings.Contains(b.Page.Body, "access_denied") {
			t.Errorf("%s: %d %s", name, b.Page.Status, b.Page.Body)
		}
		if in(b) {
			t.Errorf("%s: signed in", name)
		}
	}
	b := a.here.Browser(t)
	away := b.Open(t, a.signIn(t, b, "//evil.example.com/", kermit).String())
	if away != nil || b.At.Path != "/" || !in(b) {
		t.Errorf("sent to %v, at %s", away, b.At)
	}
	failures, _, err := a.here.Admin.Audit(t.Context(), sluice.AuditQuery{Event: "sign_in", Outcome: "failure"})
	if err != nil || len(failures) != 7 || !slices.ContainsFunc(failures, func(e sluice.AuditEvent) bool { return e.Details["reason"] == "no active user here" }) {
		t.Errorf("%d failures in the record: %+v %v", len(failures), failures, err)
	}
}

func with(name, value string) func(*url.URL, *sluicetest.Browser) (*url.URL, *sluicetest.Browser) {
	return func(u *url.URL, b *sluicetest.Browser) (*url.URL, *sluicetest.Browser) {
		query, changed := u.Query(), *u
		query.Set(name, value)
		changed.RawQuery = query.Encode()
		return &changed, b
	}
}

// What the other server cannot say is told as such, and a code of it does not get
// through by another server's trouble.
func TestTroubleElsewhere(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*sluice.SignInConfig){
		"no token endpoint": func(i *sluice.SignInConfig) { i.TokenURL = "http://127.0.0.1:1/token" },
		"no userinfo":       func(i *sluice.SignInConfig) { i.UserInfoURL = "http://127.0.0.1:1/me" },
		"a moved userinfo": func(i *sluice.SignInConfig) {
			i.UserInfoURL = strings.TrimSuffix(i.UserInfoURL, "/oauth/userinfo") + "/logout"
		},
	} {
		a := newAbroad(t, sluicetest.Config(func(c *sluice.Config) { change(&c.Bearer.SignIn) }))
		b := a.here.Browser(t)
		if b.Open(t, a.signIn(t, b, "/", kermit).String()); b.Page.Status != http.StatusServiceUnavailable || !strings.Contains(b.Page.Body, "does not answer now") {
			t.Errorf("%s: %d %s", name, b.Page.Status, b.Page.Body)
		}
	}
	if a := newServer(t).Get(t, "/login/elsewhere"); a.Status != http.StatusNotFound {
		t.Errorf("where nobody signs in elsewhere: %d", a.Status)
	}
}
