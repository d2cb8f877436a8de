package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

// Each test here is named after a defect that a well-known Go library has.

// 200 forged tokens with a known key id → 200 fetches of the keys.
func TestForgedTokensWithAKnownKeyFetchNothing(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	v := newJWT(t, bearer.JWTConfig{Issuer: as.URL})
	if _, err := v.Validate(t.Context(), as.AccessToken("api", nil)); err != nil {
		t.Fatal(err)
	}
	mine := bearertest.NewKey(t, "ES256")
	mine.ID = as.Key().ID
	for range 200 {
		forged := mine.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api"})
		if _, err := v.Validate(t.Context(), forged); !errors.Is(err, bearer.ErrInvalid) {
			t.Fatalf("a forged token: %v", err)
		}
	}
	if n := as.Requests("/jwks"); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// One random key id blocks rotation for five minutes.
func TestARandomKeyIDDoesNotBlockRotation(t *testing.T) {
	t.Parallel()
	as, clock := bearertest.NewServer(t), bearertest.NewClock()
	v := newJWT(t, bearer.JWTConfig{Issuer: as.URL, Now: clock.Now})
	random := bearertest.NewKey(t, "ES256")
	_, _ = v.Validate(t.Context(), as.AccessToken("api", nil))
	for range 60 {
		clock.Move(time.Second)
		_, _ = v.Validate(t.Context(), random.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "iat": clock.Now().Unix()}))
	}
	as.Rotate(true)
	rotated := as.AccessToken("api", bearertest.Claims{"iat": clock.Now().Unix()})
	for second := range 11 {
		_, err := v.Validate(t.Context(), rotated)
		if errors.Is(err, bearer.ErrInvalid) {
			t.Fatalf("%d s after the rotation a good token was told as bad", second)
		}
		if err == nil {
			return
		}
		clock.Move(time.Second)
		_, _ = v.Validate(t.Context(), random.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "iat": clock.Now().Unix()}))
	}
	t.Error("the new key is not known after ten seconds")
}

// The first caller's disconnect fails twenty who wait for the same answer.
func TestTheFirstCallersDisconnectFailsNobodyElse(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	as.Put("good", bearertest.Claims{"username": "kermit"})
	arrived, release := make(chan struct{}), make(chan struct{})
	as.Trouble(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		fixed(200, "application/json", `{"active":true,"username":"kermit"}`)(w, nil)
	})
	cache := bearer.Cached(as.Introspection())
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, err := cache.Validate(ctx, "good")
		first <- err
	}()
	<-arrived
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, err := cache.Validate(t.Context(), "good"); err != nil || got.Username != "kermit" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	leave()
	close(release)
	wg.Wait()
	if err := <-first; err != nil {
		t.Errorf("who left, and stayed for the others, was told %v", err)
	}
	if n := as.Requests("/introspect"); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// A data race on a principal that requests share: run with -race, this test reads
// the token as handlers do, while it is renewed and revoked.
func TestTheSharedTokenIsOnlyRead(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	as.Put("good", bearertest.Claims{"username": "kermit", "scope": "read write", "aud": []string{"api"}, "email": "k@example.com", "cnf": nil})
	cache := bearer.NewCache(bearer.CacheConfig{Validator: as.Introspection(), Soft: time.Millisecond, Hard: 5 * time.Millisecond})
	srv, err := bearer.New(bearer.Config{Validator: cache, Audience: "api", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		token := bearer.FromContext(r.Context())
		var email string
		if token.Username != "kermit" || !token.HasScope("write") || token.Audience[0] != "api" || !token.Claim("email", &email) {
			t.Errorf("%+v", token)
		}
	}), bearer.Scope("read"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 200 {
				if w := get(h, "good"); w.Code != 200 {
					t.Errorf("%d %s", w.Code, w.Body)
				}
				if n%20 == 0 {
					cache.Revoke(bearer.Revocation{Username: "nobody"})
				}
			}
		})
	}
	wg.Wait()
}

// A rotated key is refused for fifteen minutes.
func TestARotatedKeyIsTakenAtOnce(t *testing.T) {
	t.Parallel()
	as, clock := bearertest.NewServer(t), bearertest.NewClock()
	v := newJWT(t, bearer.JWTConfig{Issuer: as.URL, Now: clock.Now})
	for n := range 5 {
		if _, err := v.Validate(t.Context(), as.AccessToken("api", bearertest.Claims{"iat": clock.Now().Unix(), "exp": clock.Now().Unix() + 60})); err != nil {
			t.Errorf("rotation %d: %v", n, err)
		}
		as.Rotate(true)
		clock.Move(11 * time.Second)
	}
	// What the issuer has withdrawn is forgotten, though no key is unknown.
	old := as.Key()
	token := old.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "exp": time.Now().Add(time.Hour).Unix()})
	if _, err := v.Validate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	as.Rotate(true)
	clock.Move(11 * time.Minute)
	for range 200 {
		if _, err := v.Validate(t.Context(), token); errors.Is(err, bearer.ErrInvalid) {
			return
		}
		time.Sleep(5 * time.Millisecond) // the fetch is in the background, over a real connection
	}
	t.Error("a withdrawn key works for ever")
}

// A JWKS endpoint that hangs makes callers wait one after the other, and answers 401.
func TestAHangingKeySetHoldsUpNobody(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	good := as.AccessToken("api", nil)
	clock := bearertest.NewClock()
	v := newJWT(t, bearer.JWTConfig{Issuer: as.URL, Now: clock.Now, Client: &http.Client{Timeout: 200 * time.Millisecond}})
	if _, err := v.Validate(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	var hanging atomic.Int32
	as.Trouble(func(_ http.ResponseWriter, r *http.Request) {
		hanging.Add(1)
		<-r.Context().Done()
	})
	clock.Move(time.Minute)
	random := bearertest.NewKey(t, "ES256").AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api"})
	begun := time.Now()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := v.Validate(t.Context(), random); err == nil || errors.Is(err, bearer.ErrInvalid) {
				t.Errorf("an unknown key, with no way to ask: %v", err)
			}
		})
		wg.Go(func() {
			if _, err := v.Validate(t.Context(), good); err != nil {
				t.Errorf("a known key: %v", err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begun); took > 2*time.Second || hanging.Load() > 2 {
		t.Errorf("%v, %d requests", took, hanging.Load())
	}
}

// A cached token is used past its end.
func TestACachedTokenEndsInTime(t *testing.T) {
	t.Parallel()
	clock := bearertest.NewClock()
	asked := 0
	v := bearer.NewCache(bearer.CacheConfig{Now: clock.Now, Validator: bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) {
		asked++
		return &bearer.Token{Expiry: clock.Now().Add(10 * time.Second)}, nil
	})})
	end := clock.Now().Add(10 * time.Second)
	first, err := v.Validate(t.Context(), "good")
	if err != nil || !first.Expiry.Equal(end) {
		t.Fatal(first, err)
	}
	clock.Move(10*time.Second - 1)
	if _, err := v.Validate(t.Context(), "good"); err != nil || asked != 1 {
		t.Errorf("before the end: %v, %d questions", err, asked)
	}
	clock.Move(1)
	if again, err := v.Validate(t.Context(), "good"); err != nil || asked != 2 || again == first {
		t.Errorf("at the end: %v, %d questions", err, asked)
	}
	// With a server that still says active, our own clock ends it.
	srv, err := bearer.New(bearer.Config{Now: clock.Now, Log: slog.New(slog.DiscardHandler), Validator: bearer.NewCache(bearer.CacheConfig{Now: clock.Now,
		Validator: bearertest.Tokens{"good": {Expiry: clock.Now().Add(-6 * time.Second)}}})})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(srv.Require(fine), "good"); w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
}

// A token that is bound by cnf is accepted as bearer; from the cache too.
func TestABoundTokenIsNoBearerToken(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	as.Put("good", bearertest.Claims{"cnf": map[string]string{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}})
	jwts := newJWT(t, bearer.JWTConfig{Issuer: as.URL})
	srv, err := bearer.New(bearer.Config{Validator: bearer.Cached(bearer.ByIssuer{Issuers: map[string]bearer.Validator{as.URL: jwts}, Opaque: as.Introspection()}),
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	signed := as.AccessToken("api", bearertest.Claims{"cnf": map[string]string{"x5t#S256": "x"}})
	for range 2 {
		for _, token := range []string{"good", signed} {
			if w := get(srv.Require(fine), token); w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "invalid_token") {
				t.Errorf("%d %v", w.Code, w.Header())
			}
		}
	}
}

// A flood of unknown key ids through a Cache neither opens its breaker nor keeps
// anybody with a known key out.
func TestUnknownKeysSayNothingOfOthers(t *testing.T) {
	t.Parallel()
	as := bearertest.NewServer(t)
	cache := bearer.Cached(newJWT(t, bearer.JWTConfig{Issuer: as.URL}))
	if _, err := cache.Validate(t.Context(), as.AccessToken("api", nil)); err != nil {
		t.Fatal(err)
	}
	random := bearertest.NewKey(t, "ES256")
	for n := range 100 {
		if _, err := cache.Validate(t.Context(), random.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "iat": time.Now().Unix() + 20})); err == nil {
			t.Fatal("accepted")
		}
		if _, err := cache.Validate(t.Context(), as.AccessToken("api", bearertest.Claims{"jti": fmt.Sprint(n)})); err != nil {
			t.Fatalf("a good token after %d unknown keys: %v", n, err)
		}
	}
	if stats := cache.Stats(); stats.Open || stats.Failed > 0 || as.Requests("/jwks") > 2 {
		t.Errorf("%+v, %d fetches", stats, as.Requests("/jwks"))
	}
}

// F16: the key changes each minute, published a little before it signs; under a
// flood of unknown key ids no good token is refused, and the keys are fetched once
// in ten seconds at most.
func TestRotationEachMinuteUnderAFlood(t *testing.T) {
	t.Parallel()
	as, clock := bearertest.NewServer(t), bearertest.NewClock()
	v := newJWT(t, bearer.JWTConfig{Issuer: as.URL, Now: clock.Now})
	random := bearertest.NewKey(t, "ES256")
	signing := as.Key()
	const minutes = 10
	for second := range minutes * 60 {
		switch second % 60 {
		case 40:
			as.Rotate(false)
		case 55:
			signing = as.Key()
		}
		now := clock.Now().Unix()
		random.ID = fmt.Sprint("random-", second)
		if _, err := v.Validate(t.Context(), random.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "iat": now})); err == nil {
			t.Fatal("an unknown key was accepted")
		}
		if _, err := v.Validate(t.Context(), signing.AccessToken(bearertest.Claims{"iss": as.URL, "aud": "api", "iat": now, "exp": now + 300})); err != nil {
			t.Fatalf("second %d: a good token was refused: %v", second, err)
		}
		clock.Move(time.Second)
	}
	if n := as.Requests("/jwks"); n > minutes*6+1 {
		t.Errorf("%d fetches in %d minutes", n, minutes)
	}
}
