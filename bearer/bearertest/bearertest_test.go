package bearertest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

// protect puts a check in front of a handler that tells the user's name.
func protect(t *testing.T, cfg bearer.Config) http.Handler {
	t.Helper()
	cfg.Log = slog.New(slog.DiscardHandler)
	check, err := bearer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return check.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, bearer.FromContext(r.Context()).Username)
	}))
}

func get(h http.Handler, token string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestTokens(t *testing.T) {
	t.Parallel()
	h := protect(t, bearer.Config{Validator: bearertest.Tokens{"good": {Username: "kermit"}, "down": nil}})
	for token, want := range map[string]int{"good": 200, "bad": 401, "down": 503} {
		if code, body := get(h, token); code != want || (want == 200 && body != "kermit") {
			t.Errorf("%s: %d %s", token, code, body)
		}
	}
}

// The scripted server is asked as a real one is: it answers, revokes, fails and
// recovers.
func TestServerIntrospects(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	auth.Put("good", bearertest.Claims{"username": "kermit", "exp": time.Now().Add(time.Hour).Unix()})
	h := protect(t, bearer.Config{Validator: auth.Introspection()})
	if code, body := get(h, "good"); code != 200 || body != "kermit" {
		t.Errorf("%d %s", code, body)
	}
	auth.Trouble(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	if code, _ := get(h, "good"); code != 503 {
		t.Errorf("in trouble: %d", code)
	}
	auth.Trouble(nil)
	auth.Revoke("good")
	if code, _ := get(h, "good"); code != 401 {
		t.Errorf("revoked: %d", code)
	}
	if n := auth.Requests("/introspect"); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	other := auth.Introspection()
	other.ClientSecret = "wrong"
	if _, err := other.Validate(t.Context(), "good"); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("with a wrong secret: %v", err)
	}
}

// Each algorithm makes tokens that the real check takes, and rotation is as a real
// issuer's.
func TestKeysAndRotation(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"ES256", "ES384", "RS256", "PS256", "EdDSA"} {
		key := bearertest.NewKey(t, algorithm)
		v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "urn:i", Audience: "api", Keys: bearertest.JWKS(key), Algorithms: []string{algorithm}})
		if err != nil {
			t.Fatal(err)
		}
		token := key.AccessToken(bearertest.Claims{"iss": "urn:i", "aud": "api", "preferred_username": "kermit"})
		if got, err := v.Validate(t.Context(), token); err != nil || got.Username != "kermit" {
			t.Errorf("%s: %v %v", algorithm, got, err)
		}
	}
	auth := bearertest.NewServer(t)
	old := auth.AccessToken("api", nil)
	auth.Rotate(true)
	v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: auth.URL, Audience: "api"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Validate(t.Context(), auth.AccessToken("api", nil)); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if _, err := v.Validate(t.Context(), old); err == nil {
		t.Error("a withdrawn key is taken")
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	h := protect(t, bearer.Config{DPoP: &bearer.DPoPConfig{Base: "https://api.example.com"}, Validator: bearertest.Tokens{
		"bound": {Username: "kermit", Confirmation: []byte(`{"jkt":"` + key.Thumbprint() + `"}`)},
	}})
	ask := func(prover *bearertest.Key) int {
		r := httptest.NewRequest(http.MethodGet, "https://api.example.com/tasks?x=1", nil)
		prover.Prove(r, "bound")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	if got := ask(key); got != 200 {
		t.Errorf("with the key: %d", got)
	}
	if got := ask(bearertest.NewKey(t, "ES256")); got != 401 {
		t.Errorf("with another key: %d", got)
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	var told []bearer.Revocation
	h, err := bearer.NewRevocationReceiver(bearer.ReceiverConfig{Issuer: auth.URL, Audience: "https://api.example.com/r",
		Revoke: func(r bearer.Revocation) { told = append(told, r) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for audience, want := range map[string]int{"https://api.example.com/r": 202, "https://other.example.com/r": 400} {
		r := httptest.NewRequest(http.MethodPost, "/r", strings.NewReader(auth.Event(audience, bearertest.Claims{"sub": "7"})))
		r.Header.Set("Content-Type", "application/secevent+jwt")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%s: %d %s", audience, w.Code, w.Body)
		}
	}
	if len(told) != 1 || told[0].Subject != "7" {
		t.Errorf("%+v", told)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	c, asked := bearertest.NewClock(), 0
	cache := bearer.NewCache(bearer.CacheConfig{Now: c.Now, Validator: bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) {
		asked++
		return &bearer.Token{}, nil
	})})
	for _, d := range []time.Duration{0, 14 * time.Second, 16 * time.Second} { // the facts are 30 seconds old then
		c.Move(d)
		if _, err := cache.Validate(t.Context(), "token"); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times, want twice", asked)
	}
}
