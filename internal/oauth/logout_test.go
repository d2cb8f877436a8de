package oauth_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	bye    = "http://127.0.0.1:5999/bye"
	piggy  = "piggy@example.com"
	logout = "/oauth/logout?"
)

// webApp is a client that may do everything a browser's client does.
func webApp(id string, change func(*sluice.Client)) sluicetest.Option {
	return client(id, "secret", func(c *sluice.Client) {
		c.Name, c.SkipConsent, c.Scopes = "The "+id, true, []string{"openid", "read", "offline_access"}
		c.PostLogoutRedirectURIs = []string{bye, "https://app.example.com/out?x=1"}
		if change != nil {
			change(c)
		}
	})
}

// enter signs the browser in at a client and returns its tokens.
func enter(t *testing.T, srv *sluicetest.Server, b *sluicetest.Browser, id, scope, email string, more ...string) sluicetest.Answer {
	t.Helper()
	away := b.Authorize(t, form(append([]string{"client_id", id, "response_type", "code", "scope", scope, "nonce", "n"}, more...)...), email, password)
	a := srv.PostAs(t, id, "secret", "/oauth/token", form("grant_type", "authorization_code", "code", away.Query().Get("code")))
	if a.Status != 200 {
		t.Fatalf("%s: %s", away, a.Body)
	}
	return a
}

// signedIn asks without a page whether the browser has a session.
func signedIn(t *testing.T, b *sluicetest.Browser, id string) bool {
	t.Helper()
	away := b.Open(t, authorize("client_id", id, "response_type", "code", "scope", "openid", "prompt", "none"))
	if away == nil {
		t.Fatalf("prompt=none shows a page: %d %s", b.Page.Status, b.At)
	}
	if problem := away.Query().Get("error"); problem != "" && problem != "login_required" {
		t.Fatalf("prompt=none: %s", away)
	}
	return away.Query().Get("code") != ""
}

// OpenID Connect Back-Channel Logout §2.1: the id_tokens of one session share a sid,
// also after the same user signed in again; another session has another.
func TestSidNamesTheSession(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), webApp("two", nil), sluicetest.User(piggy, password))
	b := srv.Browser(t)
	sid := func(a sluicetest.Answer) string {
		s, _ := claimsOf(t, a.Text("id_token"))["sid"].(string)
		return s
	}
	first := sid(enter(t, srv, b, "one", "openid", kermit))
	if first == "" || sid(enter(t, srv, b, "two", "openid", kermit)) != first {
		t.Error("two clients of one session have not one sid")
	}
	if again := enter(t, srv, b, "two", "openid", kermit, "prompt", "login"); sid(again) != first {
		t.Error("signing in again changed the sid")
	}
	refreshed := enter(t, srv, b, "one", "openid", kermit)
	a := srv.PostAs(t, "one", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", refreshed.Text("refresh_token")))
	if a.Text("id_token") == "" || sid(a) != first {
		t.Errorf("after a refresh: %s", a.Body)
	}
	if other := sid(enter(t, srv, srv.Browser(t), "one", "openid", kermit)); other == first || other == "" {
		t.Error("another browser has the same sid")
	}
	if other := sid(enter(t, srv, b, "one", "openid", piggy, "prompt", "login")); other == first {
		t.Error("another user has the same sid")
	}
}

// RP-Initiated Logout §2, §3: an id_token of this very session ends it without a
// question, with the tokens that belong to it, and the browser goes where the
// client has registered, with state.
func TestLogoutByHint(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), webApp("two", nil))
	for name, open := range map[string]func(b *sluicetest.Browser, f url.Values) *url.URL{
		"GET": func(b *sluicetest.Browser, f url.Values) *url.URL { return b.Open(t, logout+f.Encode()) },
		"POST": func(b *sluicetest.Browser, f url.Values) *url.URL {
			b.Open(t, "/")
			return b.Send(t, "/oauth/logout", f)
		},
	} {
		b := srv.Browser(t)
		other := enter(t, srv, b, "two", "openid read", kermit)
		offline := enter(t, srv, b, "two", "openid offline_access", kermit)
		plain := enter(t, srv, b, "two", "read", kermit)
		stranger := srv.Browser(t)
		elsewhere := enter(t, srv, stranger, "one", "openid", kermit)
		mine := enter(t, srv, b, "one", "openid", kermit)
		away := open(b, form("id_token_hint", mine.Text("id_token"), "post_logout_redirect_uri", bye, "state", "a b&c", "client_id", "one", "ui_locales", "de fr"))
		if away == nil || away.String() != bye+"?state=a+b%26c" {
			t.Errorf("%s: to %v (%d %s)", name, away, b.Page.Status, b.Page.Body)
		}
		if got := b.Page.Header.Get("Referrer-Policy") + " " + b.Page.Header.Get("Cache-Control"); got != "no-referrer no-store" {
			t.Errorf("%s: %s", name, got)
		}
		if signedIn(t, b, "one") {
			t.Errorf("%s: the session goes on", name)
		}
		for what, c := range map[string]struct {
			a    sluicetest.Answer
			live bool
		}{"mine": {mine, false}, "another client's": {other, false}, "offline": {offline, true}, "plain OAuth": {plain, true}, "another session's": {elsewhere, true}} {
			if active(t, srv, c.a.Text("access_token")) != c.live {
				t.Errorf("%s: the access token of %s is live: %v", name, what, !c.live)
			}
			if active(t, srv, c.a.Text("refresh_token")) != c.live {
				t.Errorf("%s: the refresh token of %s is live: %v", name, what, !c.live)
			}
		}
		if !signedIn(t, stranger, "one") {
			t.Errorf("%s: another browser was signed out", name)
		}
	}
}

// §2: the hint may have expired, and its key may have retired.
func TestLogoutByOldHint(t *testing.T) {
	t.Parallel()
	at := newClock()
	srv := setup(t, at.option(), webApp("one", func(c *sluice.Client) { c.IDTokenAlg = "ES256" }))
	b := srv.Browser(t)
	hint := enter(t, srv, b, "one", "openid", kermit).Text("id_token")
	at.Move(2 * time.Hour)
	if err := srv.Admin.RotateKeys(context.Background(), true); err != nil {
		t.Fatal(err)
	}
	at.Move(time.Hour)
	if away := b.Open(t, logout+form("id_token_hint", hint, "post_logout_redirect_uri", bye).Encode()); away == nil || away.String() != bye {
		t.Errorf("to %v: %d %s", away, b.Page.Status, b.Page.Body)
	}
	if signedIn(t, b, "one") {
		t.Error("the session goes on")
	}
}

// Whoever cannot show that he speaks of this session has the user asked first.
func TestLogoutAsksWhenTheHintIsNotOfThisSession(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", func(c *sluice.Client) { c.TokenFormat, c.ClientURI = "jwt", "https://one.example.com/" }), webApp("two", nil), sluicetest.User(piggy, password))
	b := srv.Browser(t)
	mine := enter(t, srv, b, "one", "openid", kermit)
	parts := strings.Split(mine.Text("id_token"), ".")
	for name, query := range map[string][]string{
		"nothing":                  {},
		"client_id alone":          {"client_id", "one"},
		"unknown client":           {"client_id", "nobody"},
		"another user's":           {"id_token_hint", enter(t, srv, srv.Browser(t), "one", "openid", piggy).Text("id_token")},
		"another session's":        {"id_token_hint", enter(t, srv, srv.Browser(t), "one", "openid", kermit).Text("id_token")},
		"an access token":          {"id_token_hint", mine.Text("access_token")},
		"signature cut off":        {"id_token_hint", parts[0] + "." + parts[1] + "."},
		"unsigned":                 {"id_token_hint", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."},
		"changed":                  {"id_token_hint", parts[0] + "." + strings.Replace(parts[1], "a", "b", 1) + "." + parts[2]},
		"no JWT":                   {"id_token_hint", "x"},
		"unbelievable, client, to": {"id_token_hint", "x", "client_id", "one", "post_logout_redirect_uri", bye},
	} {
		if away := b.Open(t, logout+form(query...).Encode()); away != nil || b.Page.Status != 200 || !strings.Contains(b.Page.Body, "Sign out?") {
			t.Errorf("%s: to %v, %d", name, away, b.Page.Status)
		}
		if !signedIn(t, b, "one") {
			t.Fatalf("%s: signed out without a question", name)
		}
	}

	b.Open(t, logout+form("client_id", "one", "post_logout_redirect_uri", bye, "state", "s&1").Encode())
	if !strings.Contains(b.Page.Body, "The one") || !strings.Contains(b.Page.Body, kermit) {
		t.Errorf("it says not who asks whom: %s", b.Page.Body)
	}
	if away := b.Submit(t); away == nil || away.String() != bye+"?state=s%261" {
		t.Errorf("after yes: to %v, %d", away, b.Page.Status)
	}
	if signedIn(t, b, "one") || active(t, srv, mine.Text("access_token")) {
		t.Error("after yes the session goes on")
	}

	enter(t, srv, b, "one", "openid", kermit)
	b.Open(t, logout+form("client_id", "one").Encode())
	if away := b.Submit(t); away != nil || b.Page.Status != 200 || !strings.Contains(b.Page.Body, "You are signed out") || !strings.Contains(b.Page.Body, `href="https://one.example.com/"`) {
		t.Errorf("%d %s", b.Page.Status, b.Page.Body)
	}
}

// The question is answered by its own form alone (CSRF), and only what was checked
// is done.
//
// Requirement X10, RFC 6749 §10.12 own: signing out is confirmed by the form's own token
func TestLogoutConfirmationCannotBeForged(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil))
	b := srv.Browser(t)
	enter(t, srv, b, "one", "openid", kermit)
	b.Open(t, "/oauth/logout")
	_, fields := b.Form(t)
	fields.Set("form_token", "x")
	if away := b.Send(t, "/oauth/logout/confirm", fields); away != nil || b.Page.Status != 403 {
		t.Errorf("without the token: %v %d", away, b.Page.Status)
	}
	b.Open(t, logout+form("client_id", "one", "post_logout_redirect_uri", bye).Encode())
	if away := b.Submit(t, "post_logout_redirect_uri", "https://evil.example.com/"); away != nil || b.Page.Status != 400 {
		t.Errorf("with another address: %v %d", away, b.Page.Status)
	}
	if !signedIn(t, b, "one") {
		t.Error("signed out by a forged answer")
	}
}

// §3: the address is compared byte for byte with the registered ones; whatever does
// not fit shows a page and goes nowhere.
func TestLogoutGoesToRegisteredAddressesOnly(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), webApp("two", func(c *sluice.Client) { c.PostLogoutRedirectURIs = []string{"https://two.example.com/"} }))
	b := srv.Browser(t)
	hint := enter(t, srv, b, "one", "openid", kermit).Text("id_token")
	for name, query := range map[string]string{
		"not registered":        form("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example.com/").Encode(),
		"another client's":      form("id_token_hint", hint, "post_logout_redirect_uri", "https://two.example.com/").Encode(),
		"a redirect_uri":        form("id_token_hint", hint, "post_logout_redirect_uri", callback).Encode(),
		"prefix":                form("id_token_hint", hint, "post_logout_redirect_uri", bye+"/more").Encode(),
		"query":                 form("id_token_hint", hint, "post_logout_redirect_uri", bye+"?x=1").Encode(),
		"another port":          form("id_token_hint", hint, "post_logout_redirect_uri", "http://127.0.0.1:6000/bye").Encode(),
		"nobody's":              form("post_logout_redirect_uri", bye).Encode(),
		"unknown client's":      form("client_id", "nobody", "post_logout_redirect_uri", bye).Encode(),
		"client is not hinted":  form("id_token_hint", hint, "client_id", "two", "post_logout_redirect_uri", bye).Encode(),
		"client is not hinted2": form("id_token_hint", hint, "client_id", "two").Encode(),
		"twice":                 form("id_token_hint", hint, "post_logout_redirect_uri", bye, "post_logout_redirect_uri", bye).Encode(),
		"long state":            form("id_token_hint", hint, "post_logout_redirect_uri", bye, "state", strings.Repeat("x", 2001)).Encode(),
		"bad escape":            "state=%zz",
		"switch is off":         form("id_token_hint", hint, "redirect_uri", "https://evil.example.com/", "post_logout_redirect_uri", "x").Encode(),
	} {
		if away := b.Open(t, logout+query); away != nil || b.Page.Status != 400 || !strings.Contains(b.Page.Body, `href="/logout"`) {
			t.Errorf("%s: to %v, %d", name, away, b.Page.Status)
		}
		if !signedIn(t, b, "one") {
			t.Fatalf("%s: signed out", name)
		}
	}
	if away := b.Open(t, logout+form("id_token_hint", hint, "post_logout_redirect_uri", "https://app.example.com/out?x=1", "state", "s").Encode()); away == nil ||
		away.String() != "https://app.example.com/out?x=1&state=s" {
		t.Errorf("to %v", away)
	}
	// Nobody is signed in any more: nothing to ask.
	if away := b.Open(t, logout+form("client_id", "one", "post_logout_redirect_uri", bye).Encode()); away == nil || away.String() != bye {
		t.Errorf("without a session: to %v, %d", away, b.Page.Status)
	}
	if away := b.Open(t, "/oauth/logout"); away != nil || !strings.Contains(b.Page.Body, "You are signed out") {
		t.Errorf("without a session: to %v, %s", away, b.Page.Body)
	}
}

// Keycloak's older clients say redirect_uri; the switch reads it, and it must be
// registered all the same.
func TestLogoutReadsRedirectURIBehindItsSwitch(t *testing.T) {
	t.Parallel()
	for on, want := range map[bool]string{false: "", true: bye} {
		srv := setup(t, webApp("one", nil), sluicetest.Config(func(c *sluice.Config) { c.OAuth.LogoutRedirectURI = on }))
		b := srv.Browser(t)
		hint := enter(t, srv, b, "one", "openid", kermit).Text("id_token")
		if on {
			if away := b.Open(t, logout+form("id_token_hint", hint, "redirect_uri", "https://evil.example.com/").Encode()); away != nil || b.Page.Status != 400 {
				t.Errorf("to %v", away)
			}
		}
		away := b.Open(t, logout+form("id_token_hint", hint, "redirect_uri", bye).Encode())
		if got := address(away); got != want || signedIn(t, b, "one") {
			t.Errorf("%v: to %q", on, got)
		}
	}
}

func address(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.String()
}

// A form of another site comes without the session's cookie (SameSite=Lax): it is
// sent round as a link, which brings it, instead of saying "signed out" to somebody
// who is not.
func TestLogoutByAnotherSitesForm(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil))
	a := srv.Post(t, "/oauth/logout", form("client_id", "one", "post_logout_redirect_uri", bye, "state", "s"), "Origin", "https://one.example.com", "Sec-Fetch-Site", "cross-site")
	if want := logout + form("client_id", "one", "post_logout_redirect_uri", bye, "state", "s").Encode(); a.Status != 303 || a.Header.Get("Location") != want {
		t.Errorf("%d to %s", a.Status, a.Header.Get("Location"))
	}
}

// Discovery §3, RP-Initiated Logout §2.1, Back-Channel Logout §2.1.
func TestLogoutIsAnnounced(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	m := srv.Get(t, "/.well-known/openid-configuration").JSON
	if m["end_session_endpoint"] != srv.URL+"/oauth/logout" || m["backchannel_logout_supported"] != true || m["backchannel_logout_session_supported"] != true {
		t.Errorf("%v", m)
	}
	a := srv.Get(t, "/oauth/logout")
	if a.Status != http.StatusOK || !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}
