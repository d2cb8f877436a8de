package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const framed = "http://127.0.0.1:5999/out?app=1"

// framedClient wants to be framed when a user signs out.
func framedClient(id string) sluicetest.Option {
	return client(id, "secret", func(c *sluice.Client) {
		c.FrontchannelLogoutURI, c.FrontchannelLogoutSession = framed, true
		c.PostLogoutRedirectURIs, c.SkipConsent = []string{callback}, true
	})
}

// OpenID Connect Front-Channel Logout §2, §3: the browser that is signed out loads what
// the applications of its session registered, with issuer and session, and goes on.
func TestFrontChannelLogout(t *testing.T) {
	t.Parallel()
	srv := setup(t, framedClient("shop"), framedClient("unused"))
	document := srv.Get(t, "/.well-known/openid-configuration").JSON
	if document["frontchannel_logout_supported"] != true || document["frontchannel_logout_session_supported"] != true {
		t.Error("the metadata does not say so")
	}
	signIn := func(scope string) (*sluicetest.Browser, string, string) {
		t.Helper()
		b := srv.Browser(t)
		away := b.Authorize(t, form("client_id", "shop", "response_type", "code", "scope", scope, "redirect_uri", callback), kermit, password)
		a := srv.PostAs(t, "shop", "secret", "/oauth/token", form(codeForm(away.Query().Get("code"))...))
		if a.Status != http.StatusOK {
			t.Fatal(a.Body)
		}
		if scope == "read" {
			return b, "", ""
		}
		sid, _ := claimsOf(t, a.Text("id_token"))["sid"].(string)
		return b, a.Text("id_token"), sid
	}
	frame := func(sid string) string {
		return `<iframe src="http://127.0.0.1:5999/out?app=1&amp;` + strings.ReplaceAll(url.Values{"iss": {srv.URL}, "sid": {sid}}.Encode(), "&", "&amp;") + `"`
	}
	check := func(name string, b *sluicetest.Browser, sid string) {
		t.Helper()
		policy := b.Page.Header.Get("Content-Security-Policy")
		if b.Page.Status != http.StatusOK || strings.Count(b.Page.Body, "<iframe") != 1 || !strings.Contains(b.Page.Body, frame(sid)) || !strings.HasSuffix(policy, "; frame-src http://127.0.0.1:5999") {
			t.Errorf("%s: %d %s %s", name, b.Page.Status, policy, b.Page.Body)
		}
	}
	b, hint, sid := signIn("openid read")
	away := b.Open(t, "/oauth/logout?"+form("id_token_hint", hint, "post_logout_redirect_uri", callback, "state", "x").Encode())
	if check("an application's request", b, sid); away != nil || b.Page.Header.Get("Refresh") != "3; url="+callback+"?state=x" || !strings.Contains(b.Page.Body, `href="`+callback+`?state=x"`) {
		t.Errorf("%v %v", away, b.Page.Header)
	}
	if b.Open(t, "/logout"); strings.Contains(b.Page.Body, `action="/logout"`) || strings.Contains(b.Page.Body, "<iframe") {
		t.Errorf("he is still signed in: %s", b.Page.Body)
	}
	b, _, sid = signIn("openid")
	b.Open(t, "/logout")
	b.Submit(t)
	check("the user's own", b, sid)
	b, _, _ = signIn("read")
	b.Open(t, "/logout")
	if b.Submit(t); strings.Contains(b.Page.Body, "<iframe") || strings.Contains(b.Page.Header.Get("Content-Security-Policy"), "frame-src") {
		t.Errorf("a client without openid is no part of the session: %s", b.Page.Body)
	}
}

// Front-Channel Logout §2: the address belongs to a site that the client is sent to.
func TestFrontChannelAddressIsTheClientsOwn(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for uri, good := range map[string]bool{"http://127.0.0.1:5999/out": true, "http://127.0.0.1:5998/out": false, "https://127.0.0.1:5999/out": false,
		"https://evil.example.com/": false, "javascript:alert(1)": false, "http://127.0.0.1:5999/out#x": false} {
		c := sluice.Client{ID: "c" + strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
				return r
			}
			return '-'
		}, uri), GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{callback}, Scopes: []string{"openid"}}
		c.FrontchannelLogoutURI = uri
		if _, err := srv.Admin.CreateClient(context.Background(), sluice.NewClient{Client: c, Secret: "secret"}); (err == nil) != good {
			t.Errorf("%s: %v", uri, err)
		}
	}
}
