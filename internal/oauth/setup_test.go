package oauth_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	kermit   = "kermit@example.com"
	password = "green"
	callback = "http://127.0.0.1:5999/callback"
	odd      = `a:b%c+d é` // an id cannot hold this, a secret can
)

var everything = []string{"authorization_code", "password", "client_credentials", "implicit", "refresh_token"}

func client(id, secret string, change func(*sluice.Client)) sluicetest.Option {
	c := sluice.Client{ID: id, GrantTypes: everything, RedirectURIs: []string{callback}, Scopes: []string{"openid", "read", "write"}}
	if secret == "" {
		c.GrantTypes = []string{"authorization_code", "password", "implicit", "refresh_token"}
	}
	if change != nil {
		change(&c)
	}
	return sluicetest.Client(sluice.NewClient{Client: c, Secret: secret})
}

// setup starts a server with a user and four clients: web (may everything), other
// (another confidential one), rs (a resource server) and spa (public).
func setup(t *testing.T, options ...sluicetest.Option) *sluicetest.Server {
	t.Helper()
	return sluicetest.NewServer(t, append([]sluicetest.Option{
		sluicetest.User(kermit, password), client("web", "secret", nil), client("other", odd, nil),
		client("rs", "rs secret", func(c *sluice.Client) { c.GrantTypes, c.Introspect = []string{"client_credentials"}, true }),
		client("spa", "", nil),
	}, options...)...)
}

// clock is the server's.
type clock struct{ *bearertest.Clock }

func newClock() *clock { return &clock{bearertest.NewClock()} }

func (c *clock) option() sluicetest.Option { return sluicetest.With(sluice.WithClock(c.Now)) }

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var verifier = strings.Repeat("0123456789", 5)

func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// code goes through sign-in and consent and returns an authorization code.
func code(t *testing.T, srv *sluicetest.Server, pairs ...string) string {
	t.Helper()
	away := srv.Browser(t).Authorize(t, form(append([]string{"response_type", "code"}, pairs...)...), kermit, password)
	c := away.Query().Get("code")
	if c == "" {
		t.Fatalf("no code: %s", away)
	}
	return c
}

func tokens(t *testing.T, srv *sluicetest.Server) sluicetest.Answer {
	t.Helper()
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password))
	if a.Status != 200 {
		t.Fatalf("tokens: %d %s", a.Status, a.Body)
	}
	return a
}

func active(t *testing.T, srv *sluicetest.Server, token string) bool {
	t.Helper()
	a := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", token))
	if a.Status != 200 {
		t.Fatalf("introspection: %d %s", a.Status, a.Body)
	}
	live, ok := a.JSON["active"].(bool)
	if !ok {
		t.Fatalf("introspection: %s", a.Body)
	}
	return live
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func contains(text, part string) bool { return strings.Contains(text, part) }

// serve answers on a port of its own until the test ends, and returns its address.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
