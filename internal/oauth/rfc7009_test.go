package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// Who may end a token, and by what.
func TestWhatRevokesNothing(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := tokens(t, srv)
	access, refresh := a.Text("access_token"), a.Text("refresh_token")
	for _, token := range []string{access, refresh} {
		// Requirement R105, RFC 7009 §2 MUST NOT: a GET revokes nothing
		if b := srv.Get(t, "/oauth/revoke?token="+url.QueryEscape(token), "Authorization", basic("web", "secret")); b.Status != 405 || b.Header.Get("Allow") != "POST" {
			t.Errorf("GET: %d", b.Status)
		}
		if b := srv.PostAs(t, "web", "secret", "/oauth/revoke?token="+url.QueryEscape(token), nil); b.Status != 400 {
			t.Errorf("in the address: %d %s", b.Status, b.Body)
		}
		for name, b := range map[string]sluicetest.Answer{
			// Requirement R094, RFC 7009 §2.1 MUST: who revokes is asked first, and a stranger's attempt changes nothing
			"nobody":           srv.Post(t, "/oauth/revoke", form("token", token)),
			"a wrong secret":   srv.PostAs(t, "web", "x", "/oauth/revoke", form("token", token)),
			"an unknown name":  srv.PostAs(t, "nobody", "x", "/oauth/revoke", form("token", token)),
			"the id alone":     srv.Post(t, "/oauth/revoke", form("token", token, "client_id", "web")),
			"an empty secret":  srv.Post(t, "/oauth/revoke", form("token", token, "client_id", "web", "client_secret", "")),
			"a Bearer of ours": srv.Post(t, "/oauth/revoke", form("token", token), "Authorization", "Bearer "+access),
		} {
			if b.Status != 401 || b.Text("error") != "invalid_client" {
				t.Errorf("%s: %d %s", name, b.Status, b.Body)
			}
		}
		// Requirement R095, RFC 7009 §2.1 MUST: another client's token lives on
		for id, secret := range map[string]string{"other": odd, "rs": "rs secret"} {
			if b := srv.PostAs(t, id, secret, "/oauth/revoke", form("token", token)); b.Status != 200 {
				t.Errorf("%s: %d %s", id, b.Status, b.Body)
			}
		}
		if b := srv.Post(t, "/oauth/revoke", form("token", token, "client_id", "spa")); b.Status != 200 {
			t.Errorf("spa: %d %s", b.Status, b.Body)
		}
		if !active(t, srv, token) {
			t.Fatal("the token is dead")
		}
	}
}

// Lesson L17, simple-oauth2, oidc-client-ts: a revocation is answered with an empty JSON object
func TestRevocationCountsAtOnce(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := tokens(t, srv)
	access, refresh := a.Text("access_token"), a.Text("refresh_token")
	if b := srv.Call(t, access, "GET", "app-version", nil); b.Status != 200 {
		t.Fatalf("before: %d", b.Status)
	}
	// Requirement R102, RFC 7009 §2.2 own: success is an empty JSON object
	if b := srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", access)); b.Status != 200 || b.Header.Get("Content-Type") != "application/json;charset=UTF-8" || strings.TrimSpace(b.Body) != "{}" {
		t.Errorf("%d %v %s", b.Status, b.Header, b.Body)
	}
	// Requirement R097, RFC 7009 §2.1 MUST: a revoked token is dead at the next call
	if b := srv.Call(t, access, "GET", "app-version", nil); b.Status != 401 || active(t, srv, access) {
		t.Errorf("after: %d", b.Status)
	}
	// Requirement R100, RFC 7009 §2.1 MAY: a revoked access token leaves its refresh token alone
	b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", refresh))
	if b.Status != 200 || !active(t, srv, b.Text("access_token")) {
		t.Fatalf("its refresh token: %d %s", b.Status, b.Body)
	}
	// Requirement R099, RFC 7009 §2.1 SHOULD: a revoked refresh token takes its access tokens along
	srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", b.Text("refresh_token")))
	if c := srv.Call(t, b.Text("access_token"), "GET", "app-version", nil); c.Status != 401 {
		t.Errorf("the grant's access token: %d", c.Status)
	}
	if c := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", b.Text("refresh_token"))); c.Status != 400 || c.Text("error") != "invalid_grant" {
		t.Errorf("the revoked refresh token: %d %s", c.Status, c.Body)
	}
}
