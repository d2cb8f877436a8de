package sluice_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// RELIABILITY F16: the keys rotate each minute under load, at once and without
// overlap, and strangers send tokens with random key ids: whoever checks by the keys
// over HTTP refuses no valid token and fetches them once in ten seconds at most.
func TestKeysRotateEachMinuteUnderAFlood(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().Unix())
	clock := func() time.Time { return time.Unix(now.Load(), 0) }
	srv := newServer(t, sluicetest.With(sluice.WithClock(clock)), sluicetest.Config(func(c *sluice.Config) { c.OAuth.JWT = true }))
	var fetches atomic.Int64
	keys := countedKeys(t, srv, &fetches)
	const audience = "/activiti-app"
	v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: srv.URL, Audience: srv.URL + audience, JWKS: keys, InsecureHTTP: true, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	forger := bearertest.NewKey(t, "ES256")
	flood := func() {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					token := forger.Sign(bearertest.Claims{"typ": "at+jwt", "kid": rand.Text()},
						bearertest.Claims{"iss": srv.URL, "aud": srv.URL + audience, "exp": now.Load() + 60})
					if _, err := v.Validate(t.Context(), token); !errors.Is(err, bearer.ErrInvalid) {
						t.Errorf("a forged token: %v", err)
					}
				}
			})
		}
		wg.Wait()
	}
	var issued []string
	for minute := range 10 {
		if err := srv.Admin.RotateKeys(context.Background(), true, "RS256"); err != nil {
			t.Fatal(err)
		}
		before := fetches.Load()
		issued = append(issued, srv.Token(t, "app", "app secret", url.Values{"grant_type": {"client_credentials"}}))
		for _, token := range issued {
			if _, err := v.Validate(t.Context(), token); err != nil {
				t.Fatalf("minute %d: a valid token is refused: %v", minute, err)
			}
		}
		flood()
		if n := fetches.Load() - before; n > 1 {
			t.Errorf("minute %d: %d fetches at one moment", minute, n)
		}
		for range 5 { // the flood goes on for the rest of the minute
			now.Add(10)
			flood()
		}
		if n := fetches.Load() - before; n > 6 {
			t.Errorf("minute %d: %d fetches in fifty seconds", minute, n)
		}
		now.Add(10)
	}
	if n := fetches.Load(); n < 10 {
		t.Errorf("%d fetches for ten keys: the count counts nothing", n)
	}
}

// countedKeys passes the server's keys on and counts how often they are fetched.
func countedKeys(t *testing.T, srv *sluicetest.Server, fetches *atomic.Int64) string {
	t.Helper()
	target, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	counted := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(counted.Close)
	return counted.URL + "/oauth/jwks"
}
