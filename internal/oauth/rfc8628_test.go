package oauth_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestDeviceRequests(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv), client("box", "secret", tv))
	for name, c := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		// Requirement R150, RFC 8628 §3.1 MUST NOT: a parameter of the device request comes once
		"client twice": {url.Values{"client_id": {"tv", "tv"}}, 400, "invalid_request"},
		"scope twice":  {url.Values{"client_id": {"tv"}, "scope": {"read", "read"}}, 400, "invalid_request"},
		// Requirement R149, RFC 8628 §3.1 MUST: a device's client proves itself as at the token endpoint
		"no client":    {nil, 401, "invalid_client"},
		"wrong secret": {form("client_id", "box", "client_secret", "x"), 401, "invalid_client"},
		"right secret": {form("client_id", "box", "client_secret", "secret"), 200, ""},
	} {
		if a := srv.Post(t, "/oauth/device_authorization", c.form); a.Status != c.status || a.Text("error") != c.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := srv.Get(t, "/oauth/device_authorization?client_id=tv"); a.Status != 405 {
		t.Errorf("GET: %d", a.Status)
	}
}

// The address with the code in it saves typing, not the question.
//
// Requirement R152, RFC 8628 §3.2
// Requirement R161, RFC 8628 §5.4
func TestTheCompleteAddressStillAsks(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv))
	a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	b.Open(t, a.Text("verification_uri_complete"))
	if !strings.Contains(b.Page.Body, a.Text("user_code")) || b.Page.Status != 200 {
		t.Fatalf("%d %s", b.Page.Status, b.Page.Body)
	}
	if c := poll(t, srv, "tv", a.Text("device_code")); c.Text("error") != "authorization_pending" {
		t.Errorf("opening it was enough: %s", c.Body)
	}
	b.Submit(t, "user_code", a.Text("user_code"))
	for _, part := range []string{`action="/oauth/consent"`, "Living room", "See your tasks", a.Text("user_code"), kermit} {
		if !strings.Contains(b.Page.Body, part) {
			t.Errorf("the question lacks %s: %s", part, b.Page.Body)
		}
	}
}
