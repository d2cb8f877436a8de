package bearer_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

// Requirement R081, RFC 6750 §2.2 MAY: a token in a form body is not looked at
// Requirement R246, OAuth 2.1 §5.1
func TestTokensElsewhereAreNotSeen(t *testing.T) {
	t.Parallel()
	srv, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{"good": {Username: "kermit"}}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("access_token=good"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	query := httptest.NewRequest(http.MethodGet, "/?access_token=good", nil)
	cookie := httptest.NewRequest(http.MethodGet, "/", nil)
	cookie.AddCookie(&http.Cookie{Name: "access_token", Value: "good"})
	for name, r := range map[string]*http.Request{"body": r, "query": query, "cookie": cookie} {
		w := httptest.NewRecorder()
		srv.Require(fine).ServeHTTP(w, r)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || !strings.HasPrefix(got, `Bearer realm="api"`) || strings.Contains(got, "error") {
			t.Errorf("%s: %d %q", name, w.Code, got)
		}
	}
}

var (
	// one is a challenge: a scheme and parameters whose values are quoted and hold
	// what RFC 6750 §3 allows.
	one       = regexp.MustCompile(`^(Bearer|DPoP) ([a-z_]+="[\x20-\x21\x23-\x5B\x5D-\x7E]*")(, [a-z_]+="[\x20-\x21\x23-\x5B\x5D-\x7E]*")*$`)
	parameter = regexp.MustCompile(`([a-z_]+)="`)
)

// Requirement R086, RFC 6750 §3 MUST NOT: a challenge is well formed and says each attribute once
func TestChallengesAreWellFormed(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	now := time.Now()
	srv := dpopServer(t, key, bearer.DPoPConfig{}, func(c *bearer.Config) {
		c.Validator = bearertest.Tokens{"good": {Scopes: []string{"read"}}, "bound": bound(key.Thumbprint()), "old": {Expiry: now.Add(-time.Hour)}}
	})
	for name, c := range map[string]struct {
		authorization []string
		options       []bearer.Option
	}{
		"nothing": {nil, nil}, "unknown": {[]string{"Bearer bad"}, nil}, "expired": {[]string{"Bearer old"}, nil}, "quotes": {[]string{`Bearer "a\b"`}, nil},
		"two": {[]string{"Bearer good", "Bearer good"}, nil}, "scope": {[]string{"Bearer good"}, []bearer.Option{bearer.Scope("write", "admin")}},
		"any scope": {[]string{"Bearer good"}, []bearer.Option{bearer.AnyScope("write", "admin")}}, "bound": {[]string{"Bearer bound"}, nil},
		"no proof": {[]string{"DPoP bound"}, nil}, "acr": {[]string{"Bearer good"}, []bearer.Option{bearer.ACR("mfa"), bearer.MaxAge(time.Minute)}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = c.authorization
		challenges := call(srv, r, c.options...).Header().Values("WWW-Authenticate")
		if len(challenges) == 0 {
			t.Errorf("%s: none", name)
		}
		for _, challenge := range challenges {
			seen := map[string]bool{}
			for _, p := range parameter.FindAllStringSubmatch(challenge, -1) {
				if seen[p[1]] {
					t.Errorf("%s: %s comes twice: %s", name, p[1], challenge)
				}
				seen[p[1]] = true
			}
			if !one.MatchString(challenge) || !seen["realm"] {
				t.Errorf("%s: %s", name, challenge)
			}
		}
	}
}

// Requirement R087, RFC 6750 §3.1 MUST: expired, revoked, malformed and unknown tokens are invalid_token with 401
// Requirement R181, RFC 9068 §4 MUST: refusals of JWTs are invalid_token
func TestDeadTokensAreTold(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	as.Put("revoked", bearertest.Claims{"username": "kermit"})
	as.Revoke("revoked")
	jwts := newJWT(t, bearer.JWTConfig{Issuer: as.URL})
	srv, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler), Validator: bearer.ByIssuer{Issuers: map[string]bearer.Validator{as.URL: jwts}, Opaque: as.Introspection()}})
	if err != nil {
		t.Fatal(err)
	}
	good := as.AccessToken("api", nil)
	if w := get(srv.Require(fine), good); w.Code != 200 {
		t.Fatalf("a good one: %d %s", w.Code, w.Body)
	}
	for name, token := range map[string]string{
		"revoked": "revoked", "unknown": "unknown", "malformed": "a b", "expired": as.AccessToken("api", bearertest.Claims{"exp": time.Now().Add(-time.Minute).Unix()}),
		"for others": as.AccessToken("other", nil), "cut": good[:len(good)-4], "of a stranger": bearertest.NewKey(t, "ES256").AccessToken(bearertest.Claims{"iss": "https://evil.example.com", "aud": "api"}),
	} {
		if w := get(srv.Require(fine), token); w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}
