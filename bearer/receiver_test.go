package bearer_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

const receiverName = "https://api.example.com/revocations"

// receiver is an endpoint for events of issuer, and what it was told.
func receiver(t *testing.T, issuer string, change func(*bearer.ReceiverConfig)) (*bearer.RevocationReceiver, *[]bearer.Revocation) {
	t.Helper()
	told := &[]bearer.Revocation{}
	cfg := bearer.ReceiverConfig{Issuer: issuer, Audience: receiverName, Log: slog.New(slog.DiscardHandler),
		Revoke: func(r bearer.Revocation) { *told = append(*told, r) }}
	if change != nil {
		change(&cfg)
	}
	h, err := bearer.NewRevocationReceiver(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h, told
}

func tell(h http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/revocations", strings.NewReader(token))
	r.Header.Set("Content-Type", "application/secevent+jwt")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// event makes a security event token; changes replace its claims.
func event(key *bearertest.Key, issuer string, what, changes bearertest.Claims) string {
	now := time.Now().Unix()
	claims := bearertest.Claims{"iss": issuer, "aud": receiverName, "jti": "event-1", "iat": now, "toe": now - 1,
		"events": map[string]any{bearer.RevocationEvent: what}}
	for name, value := range changes {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	return key.Sign(bearertest.Claims{"typ": "secevent+jwt"}, claims)
}

func TestRevocationReceiver(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	h, told := receiver(t, auth.URL, nil)
	hash := bearer.TokenHash("good")
	token := event(auth.Key(), auth.URL, bearertest.Claims{"sub": "7", "client_id": "app", "token_hashes": []string{hash}}, bearertest.Claims{"toe": 1700000000})
	for range 2 { // the second time it was heeded before
		if w := tell(h, token); w.Code != http.StatusAccepted || w.Body.Len() != 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	at := time.Unix(1700000000, 0)
	if len(*told) != 2 || (*told)[0] != (bearer.Revocation{Subject: "7", ClientID: "app", At: at}) || (*told)[1] != (bearer.Revocation{TokenHash: hash, At: at}) {
		t.Errorf("%+v", *told)
	}
	next := auth.Rotate(true)
	if w := tell(h, event(next, auth.URL, bearertest.Claims{"sub": "8"}, bearertest.Claims{"jti": "event-2"})); w.Code == http.StatusAccepted {
		t.Error("a key that was not published when keys were fetched was taken within the pause")
	}
}

// What cannot be kept is not heeded, and the issuer is asked to come again: then it
// is both.
func TestRevocationReceiverKeeps(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	trouble := errors.New("the disk is full")
	var kept []bearer.Revocation
	h, told := receiver(t, auth.URL, func(c *bearer.ReceiverConfig) {
		c.Keep = func(_ context.Context, r bearer.Revocation) error {
			if trouble == nil {
				kept = append(kept, r)
			}
			return trouble
		}
	})
	token := event(auth.Key(), auth.URL, bearertest.Claims{"sub": "7", "token_hashes": []string{bearer.TokenHash("good")}}, nil)
	if w := tell(h, token); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || len(*told) != 0 {
		t.Errorf("not kept: %d, heeded %v", w.Code, *told)
	}
	trouble = nil
	if w := tell(h, token); w.Code != http.StatusAccepted || len(*told) != 2 || len(kept) != 2 || kept[0] != (*told)[0] || kept[1] != (*told)[1] {
		t.Errorf("kept: %d, heeded %v, kept %v", w.Code, *told, kept)
	}
}

// Every line is one thing that must not be believed.
func TestRevocationReceiverRefuses(t *testing.T) {
	t.Parallel()
	auth, stranger := bearertest.NewServer(t), bearertest.NewServer(t)
	h, told := receiver(t, auth.URL, nil)
	key, now := auth.Key(), time.Now().Unix()
	what := bearertest.Claims{"sub": "7"}
	for name, c := range map[string]struct{ token, code string }{
		"another's key":      {event(stranger.Key(), auth.URL, what, bearertest.Claims{"iat": now - 40}), "invalid_key"},
		"another issuer":     {event(key, stranger.URL, what, nil), "invalid_issuer"},
		"another audience":   {event(key, auth.URL, what, bearertest.Claims{"aud": "https://other.example.com"}), "invalid_audience"},
		"no audience":        {event(key, auth.URL, what, bearertest.Claims{"aud": nil}), "invalid_audience"},
		"old":                {event(key, auth.URL, what, bearertest.Claims{"iat": now - 120}), "invalid_request"},
		"of the future":      {event(key, auth.URL, what, bearertest.Claims{"iat": now + 120}), "invalid_request"},
		"will happen":        {event(key, auth.URL, what, bearertest.Claims{"toe": now + 1000}), "invalid_request"},
		"no iat":             {event(key, auth.URL, what, bearertest.Claims{"iat": nil}), "invalid_request"},
		"no jti":             {event(key, auth.URL, what, bearertest.Claims{"jti": nil}), "invalid_request"},
		"another event":      {event(key, auth.URL, what, bearertest.Claims{"events": map[string]any{"urn:x": what}}), "invalid_request"},
		"an access token":    {auth.AccessToken(receiverName, bearertest.Claims{"events": map[string]any{bearer.RevocationEvent: what}}), "invalid_request"},
		"members of no type": {event(key, auth.URL, bearertest.Claims{"sub": 7}, nil), "invalid_request"},
		"no JWT":             {"hello", "invalid_request"},
		"nothing":            {"", "invalid_request"},
		"unsigned":           {"eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0.e30.", "invalid_request"},
		"huge":               {strings.Repeat("x", 65<<10), "invalid_request"},
	} {
		if w := tell(h, c.token); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"err":"`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %s", name, w.Code, w.Body, c.code)
		}
	}
	good := event(key, auth.URL, what, nil)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(good))
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusBadRequest {
		t.Errorf("without its content type: %d", w.Code)
	}
	r, w = httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d", w.Code)
	}
	if len(*told) != 0 {
		t.Errorf("heeded: %+v", *told)
	}
	auth.Trouble(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	fresh, _ := receiver(t, auth.URL, nil)
	if w := tell(fresh, good); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("the issuer's keys cannot be had: %d", w.Code)
	}
	if _, err := bearer.NewRevocationReceiver(bearer.ReceiverConfig{}); err == nil || !strings.Contains(err.Error(), "Revoke") ||
		!strings.Contains(err.Error(), "Issuer") || !strings.Contains(err.Error(), "Audience") {
		t.Errorf("an empty configuration: %v", err)
	}
}

// Nothing is heeded but what the issuer has signed, and every refusal says why in a
// code of RFC 8935 §2.4.
func FuzzRevocationEvent(f *testing.F) {
	key := bearertest.NewKey(f, "ES256")
	heeded := false
	h, err := bearer.NewRevocationReceiver(bearer.ReceiverConfig{Issuer: "i", Audience: receiverName, Keys: bearertest.JWKS(key),
		Log: slog.New(slog.DiscardHandler), Revoke: func(bearer.Revocation) { heeded = true }})
	if err != nil {
		f.Fatal(err)
	}
	if w := tell(h, event(key, "i", bearertest.Claims{"sub": "7"}, nil)); w.Code != http.StatusAccepted || !heeded {
		f.Fatalf("a good one: %d %s", w.Code, w.Body)
	}
	heeded = false
	f.Add(event(bearertest.NewKey(f, "ES256"), "i", bearertest.Claims{"sub": "7"}, nil))
	f.Fuzz(func(t *testing.T, token string) {
		w := tell(h, token)
		if heeded || w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"err":"invalid_`) {
			t.Errorf("%q: heeded %v, %d %s", token, heeded, w.Code, w.Body)
		}
	})
}

// A cache finds what it remembers by a token's hash alone.
func TestCacheRevokesByTokenHash(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		fixed(200, "application/json", `{"active":true,"sub":"7"}`)(w, r)
	})
	cache := bearer.Cached(in)
	ask := func(token string) {
		if _, err := cache.Validate(t.Context(), token); err != nil {
			t.Fatal(err)
		}
	}
	ask("one")
	ask("two")
	for _, hash := range []string{bearer.TokenHash("three"), "", "nonsense", bearer.TokenHash("one")[:10]} {
		cache.Revoke(bearer.Revocation{TokenHash: hash})
	}
	ask("one")
	if asked.Load() != 2 {
		t.Fatalf("asked %d times, want 2: another's hash made it forget", asked.Load())
	}
	cache.Revoke(bearer.Revocation{TokenHash: bearer.TokenHash("one")})
	ask("two")
	if asked.Load() != 2 {
		t.Error("another token was forgotten")
	}
	ask("one")
	if asked.Load() != 3 {
		t.Error("the revoked token was not asked about")
	}
}

// A token that is revoked by its hash while it is asked about is refused.
func TestRevokeByTokenHashInFlight(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan bool), make(chan bool)
	cache := bearer.Cached(answering(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		inside <- true
		<-leave
		fixed(200, "application/json", `{"active":true}`)(w, r)
	}))
	done := make(chan error)
	go func() {
		_, err := cache.Validate(t.Context(), "good")
		done <- err
	}()
	<-inside
	cache.Revoke(bearer.Revocation{TokenHash: bearer.TokenHash("good")})
	close(leave)
	if err := <-done; !errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// JWTs that are checked by signature alone end by the list.
func TestRevocationList(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	issued := now.Add(-time.Minute)
	tokens := bearertest.Tokens{
		"old":      {Subject: "7", Username: "kermit", ClientID: "app", IssuedAt: issued},
		"new":      {Subject: "7", Username: "kermit", ClientID: "app", IssuedAt: now.Add(2 * time.Second)},
		"timeless": {Subject: "7", Username: "kermit", ClientID: "app"},
		"other":    {Subject: "8", Username: "gonzo", ClientID: "web", IssuedAt: issued},
	}
	for name, c := range map[string]struct {
		revoke bearer.Revocation
		refuse string
	}{
		"nothing":              {bearer.Revocation{}, ""},
		"a token":              {bearer.Revocation{Token: "old"}, "old"},
		"a token by hash":      {bearer.Revocation{TokenHash: bearer.TokenHash("old")}, "old"},
		"a subject":            {bearer.Revocation{Subject: "7"}, "old timeless"},
		"a user":               {bearer.Revocation{Username: "kermit"}, "old timeless"},
		"a client":             {bearer.Revocation{ClientID: "app"}, "old timeless"},
		"a subject, long ago":  {bearer.Revocation{Subject: "7", At: issued.Add(-time.Second)}, "timeless"},
		"a subject, then":      {bearer.Revocation{Subject: "7", At: issued}, "old timeless"},
		"an unknown subject":   {bearer.Revocation{Subject: "app"}, ""},
		"a subject and client": {bearer.Revocation{Subject: "7", ClientID: "web"}, "old timeless other"},
	} {
		list := bearer.NewRevocationList(bearer.RevocationListConfig{Validator: tokens, Now: func() time.Time { return now }})
		list.Revoke(c.revoke)
		for token := range tokens {
			_, err := list.Validate(t.Context(), token)
			if want := strings.Contains(c.refuse, token); errors.Is(err, bearer.ErrInvalid) != want {
				t.Errorf("%s: %s gives %v", name, token, err)
			}
		}
	}
}

func TestRevocationListForgets(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	tokens := bearertest.Tokens{"a": {}, "b": {}, "c": {}}
	list := bearer.NewRevocationList(bearer.RevocationListConfig{Validator: tokens, Keep: time.Hour, Size: 2, Now: func() time.Time { return now }})
	refused := func() (s string) {
		for _, token := range []string{"a", "b", "c"} {
			if _, err := list.Validate(t.Context(), token); err != nil {
				s += token
			}
		}
		return s
	}
	for i, step := range []struct {
		revoke string
		wait   time.Duration
		want   string
	}{{"a", 0, "a"}, {"b", 0, "ab"}, {"b", 0, "ab"}, {"c", 0, "bc"}, {"", 61 * time.Minute, "bc"}, {"a", 0, "a"}} {
		now = now.Add(step.wait)
		if step.revoke != "" {
			list.Revoke(bearer.Revocation{Token: step.revoke})
		}
		if got := refused(); got != step.want {
			t.Errorf("step %d: %q refused, want %q", i, got, step.want)
		}
	}
}

// What stands behind a list or a chain is told, too.
func TestRevokeReachesEveryValidator(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	auth.Put("good", bearertest.Claims{"sub": "7"})
	cache := bearer.Cached(auth.Introspection())
	check, err := bearer.New(bearer.Config{Validator: bearer.ByIssuer{Opaque: bearer.NewRevocationList(bearer.RevocationListConfig{Validator: cache})}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check.AuthenticateToken(t.Context(), "good"); err != nil {
		t.Fatal(err)
	}
	auth.Revoke("good")
	if _, err := check.AuthenticateToken(t.Context(), "good"); err != nil {
		t.Fatal("it is not cached:", err)
	}
	check.Revoke(bearer.Revocation{Subject: "7"})
	var refused *bearer.Error
	if _, err := check.AuthenticateToken(t.Context(), "good"); !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("%v", err)
	}
}
