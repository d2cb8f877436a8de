package oauth_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// seconds returns a time of a token's claims.
func seconds(t *testing.T, claims map[string]any, name string) int64 {
	t.Helper()
	n, ok := claims[name].(float64)
	if !ok {
		t.Fatalf("%s is %v", name, claims[name])
	}
	return int64(n)
}

// OpenID Connect Core §2, §3.1.2.1: auth_time is when the user signed in, not when
// the token was made; it stays over a refresh (§12.2) and moves with a new sign-in
// alone.
func TestAuthTime(t *testing.T) {
	t.Parallel()
	at := newClock()
	srv := setup(t, at.option(), webApp("one", nil), webApp("two", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	b := srv.Browser(t)
	begun := at.Now().Unix()
	first := enter(t, srv, b, "one", "openid", kermit)
	for name, a := range map[string]sluicetest.Answer{"first": first, "later": {}, "with max_age": {}, "another client": {}} {
		switch name {
		case "later":
			at.Move(time.Minute)
			a = enter(t, srv, b, "one", "openid", kermit)
		case "with max_age":
			a = enter(t, srv, b, "one", "openid", kermit, "max_age", "3600")
		case "another client":
			a = enter(t, srv, b, "two", "openid", kermit)
			if got := seconds(t, claimsOf(t, a.Text("access_token")), "auth_time"); got != begun {
				t.Errorf("the access token's auth_time is %d, not %d", got, begun)
			}
		}
		claims := claimsOf(t, a.Text("id_token"))
		if got := seconds(t, claims, "auth_time"); got != begun {
			t.Errorf("%s: auth_time is %d, not %d", name, got, begun)
		}
	}
	at.Move(time.Minute)
	refreshed := srv.PostAs(t, "one", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.Text("refresh_token")))
	claims := claimsOf(t, refreshed.Text("id_token"))
	if seconds(t, claims, "auth_time") != begun || seconds(t, claims, "iat") != at.Now().Unix() {
		t.Errorf("after a refresh: %v", claims)
	}
	for _, more := range [][]string{{"prompt", "login"}, {"max_age", "30"}, {"prompt", "select_account"}} {
		at.Move(time.Minute)
		claims := claimsOf(t, enter(t, srv, b, "one", "openid", kermit, more...).Text("id_token"))
		if got := seconds(t, claims, "auth_time"); got != at.Now().Unix() {
			t.Errorf("%q: auth_time is %d, not %d", more, got, at.Now().Unix())
		}
	}
}

// §3.1.2.1, §3.1.2.6: prompt=none never shows a page; its answer says exactly what
// is in the way. The answer comes to the redirect URI with state and iss.
//
// Requirement R257, OpenID Connect §3.1.2.1 MUST: prompt=none never shows a page
func TestPromptNoneSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	at := newClock()
	srv := setup(t, at.option(), sluicetest.Config(func(c *sluice.Config) { c.SessionTTL = time.Hour }), webApp("own", nil))
	b := srv.Browser(t)
	ask := func(id string, more ...string) string {
		t.Helper()
		away := b.Open(t, authorize(append([]string{"client_id", id, "response_type", "code", "scope", "openid", "state", "s", "prompt", "none"}, more...)...))
		if away == nil {
			t.Fatalf("a page: %d at %s", b.Page.Status, b.At)
		}
		q := away.Query()
		if !strings.HasPrefix(away.String(), callback+"?") || q.Get("state") != "s" || q.Get("iss") != srv.URL || (q.Get("code") == "") == (q.Get("error") == "") {
			t.Errorf("%s", away)
		}
		return q.Get("error")
	}
	if got := ask("own"); got != "login_required" {
		t.Errorf("not signed in: %q", got)
	}
	b.SignIn(t, kermit, password)
	for _, c := range []struct {
		id, want string
		more     []string
	}{
		{"own", "", nil}, {"web", "consent_required", nil}, {"own", "", []string{"max_age", "60"}}, {"own", "login_required", []string{"max_age", "10"}},
		{"own", "", []string{"ui_locales", "de-CH fr en", "claims_locales", "de", "display", "page", "login_hint", piggy}},
		{"own", "invalid_request", []string{"max_age", "-1"}},
	} {
		if c.want == "" || c.want == "login_required" {
			at.Move(15 * time.Second)
		}
		if got := ask(c.id, c.more...); got != c.want {
			t.Errorf("%s %q: %q instead of %q", c.id, c.more, got, c.want)
		}
	}
	at.Move(time.Hour)
	if got := ask("own"); got != "login_required" {
		t.Errorf("after the session's time: %q", got)
	}
}

// §3.1.2.1: prompt=consent asks although the user agreed before, and prompt "login
// consent" asks for both, each once.
func TestPromptConsentAsksAgain(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	b := srv.Browser(t)
	if away := b.Authorize(t, form("client_id", "web", "response_type", "code", "scope", "openid"), kermit, password); away.Query().Get("code") == "" {
		t.Fatal(away)
	}
	for _, prompt := range []string{"consent", "login consent"} {
		away := b.Open(t, authorize("client_id", "web", "response_type", "code", "scope", "openid", "prompt", prompt))
		if strings.HasPrefix(prompt, "login") {
			if away != nil || b.At.Path != "/login" {
				t.Fatalf("%s: no sign-in: %v", prompt, away)
			}
			away = b.SignIn(t, kermit, password)
		}
		if away != nil || !strings.Contains(b.Page.Body, `action="/oauth/consent"`) {
			t.Fatalf("%s: no question: %v", prompt, away)
		}
		if away = b.Submit(t, "decision", "allow"); away == nil || away.Query().Get("code") == "" {
			t.Errorf("%s: after yes: %v, %d", prompt, away, b.Page.Status)
		}
	}
}

// §3.1.2.1: login_hint fills the form in, escaped, and decides nothing; unknown
// ui_locales are no error.
func TestLoginHintFillsTheForm(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), sluicetest.User(piggy, password))
	value := regexp.MustCompile(`id="email" name="email" value="([^"]*)"`)
	for hint, want := range map[string]string{piggy: piggy, `"><script>alert(1)</script>`: "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;", "": ""} {
		b := srv.Browser(t)
		b.Open(t, authorize("client_id", "one", "response_type", "code", "scope", "openid", "login_hint", hint, "ui_locales", "xx-YY tlh"))
		if got := value.FindStringSubmatch(b.Page.Body); b.At.Path != "/login" || got == nil || got[1] != want {
			t.Errorf("%q: %q at %s", hint, got, b.At)
		}
	}
	b := srv.Browser(t)
	a := enter(t, srv, b, "one", "openid", kermit, "login_hint", piggy)
	if got := claimsOf(t, a.Text("id_token"))["preferred_username"]; got != kermit {
		t.Errorf("it decided who signs in: %v", got)
	}
}

// Session Management §2, §3: session_state is client, origin and session under a
// salt: opaque, one shape, another for every session. js-api needs it in implicit
// answers; silent refreshes get it too.
//
// Requirement R259, OpenID Connect §Session 2
func TestSessionState(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil))
	state := func(b *sluicetest.Browser, responseType, mode string, more ...string) string {
		t.Helper()
		away := b.Authorize(t, form(append([]string{"client_id", "one", "response_type", responseType, "scope", "openid", "nonce", "n"}, more...)...), kermit, password)
		values := away.Query()
		if mode == "fragment" {
			values, _ = url.ParseQuery(away.Fragment)
		}
		return values.Get("session_state")
	}
	b := srv.Browser(t)
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]{43}\.[A-Za-z0-9_-]{16}$`)
	seen := map[string]bool{}
	for _, c := range [][]string{{"id_token token", "fragment"}, {"id_token", "fragment"}, {"code", "query"}, {"code id_token", "fragment"}, {"id_token token", "fragment", "prompt", "none"}} {
		got := state(b, c[0], c[1], c[2:]...)
		if !shape.MatchString(got) || seen[got] {
			t.Errorf("%q: session_state %q", c, got)
		}
		seen[got] = true
	}
	away := b.Open(t, authorize("client_id", "one", "response_type", "token", "scope", "read"))
	if away == nil || strings.Contains(away.Fragment, "session_state") || !strings.Contains(away.Fragment, "access_token=") {
		t.Errorf("without openid: %v", away)
	}
	sid, _ := claimsOf(t, enter(t, srv, b, "one", "openid", kermit).Text("id_token"))["sid"].(string)
	for s := range seen {
		if strings.Contains(s, sid) {
			t.Error("it gives the session's id away")
		}
	}
}
