package bearer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// hotServer is a server with a cache and one token as they are made in earnest.
func hotServer(t testing.TB) (srv *bearer.Server, hit, negative, malformed *http.Request) {
	t.Helper()
	const good, bad = "slc_at_9f8b6c1e4d7a40f3b2a5c8d9e0f1a2b3c4d5e6f7", "slc_at_000000000000000000000000000000000000000000"
	v := bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		if token != good {
			return nil, bearer.ErrInvalid
		}
		return &bearer.Token{Username: "kermit", Subject: "1", ClientID: "app", Scopes: []string{"openid", "read", "write"},
			Audience: []string{"https://api.example.com"}, Expiry: time.Now().Add(time.Hour), IssuedAt: time.Now()}, nil
	})
	srv, err := bearer.New(bearer.Config{Validator: bearer.Cached(v), Audience: "https://api.example.com", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	with := func(token string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/tasks?size=10", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, _ = srv.Authenticate(r)
		return r
	}
	return srv, with(good), with(bad), with(good + `,"`)
}

type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

func BenchmarkAuthenticate(b *testing.B) {
	srv, hit, negative, malformed := hotServer(b)
	for name, r := range map[string]*http.Request{"cached": hit, "negative": negative, "malformed": malformed} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = srv.Authenticate(r)
			}
		})
	}
}

func BenchmarkRequire(b *testing.B) {
	srv, hit, _, _ := hotServer(b)
	h := srv.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), bearer.Scope("read"))
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, hit)
	}
}

// What a cached token, a refused one and a malformed one cost in memory: nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	srv, hit, negative, malformed := hotServer(t)
	h := srv.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), bearer.Scope("read"))
	w := nowhere{http.Header{}}
	for name, c := range map[string]struct {
		most float64
		call func()
	}{
		"cached": {0, func() {
			if _, err := srv.Authenticate(hit); err != nil {
				t.Error(err)
			}
		}},
		"negatively cached": {0, func() {
			if _, err := srv.Authenticate(negative); err == nil {
				t.Error("accepted")
			}
		}},
		"malformed": {0, func() {
			if _, err := srv.Authenticate(malformed); err == nil {
				t.Error("accepted")
			}
		}},
		"Require": {2, func() { h.ServeHTTP(w, hit) }},
	} {
		if n := testing.AllocsPerRun(500, c.call); n > c.most {
			t.Errorf("%s: %v allocations, want %v at most", name, n, c.most)
		}
	}
}

// A hundred thousand tokens, as a server of today answers for them, live in 64 MiB;
// a fifth of them is measured.
func TestMemory(t *testing.T) {
	if raceEnabled || testing.Short() {
		t.Skip("the race detector needs memory of its own")
	}
	const tokens = 20_000
	in := &bearer.Introspection{URL: "http://localhost/introspect", Client: &http.Client{Transport: answers{}}}
	cache := bearer.NewCache(bearer.CacheConfig{Validator: in, Hard: time.Hour, Soft: time.Hour, Size: tokens})
	before := heap()
	for n := range tokens {
		if _, err := cache.Validate(t.Context(), fmt.Sprintf("slc_at_%043d", n)); err != nil {
			t.Fatal(err)
		}
	}
	after, size := heap(), cache.Stats().Size
	if size < tokens*99/100 {
		t.Errorf("%d tokens are held", size)
	}
	each := float64(after-before) / float64(size)
	t.Logf("%.0f bytes each", each)
	if each*100_000 > 64<<20 {
		t.Errorf("%.0f bytes each are more than 64 MiB for 100 000", each)
	}
	if got, err := cache.Validate(t.Context(), fmt.Sprintf("slc_at_%043d", 7)); err != nil || got.Username == "" {
		t.Errorf("%v %v", got, err)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// answers is an authorization server without a network.
type answers struct{}

func (answers) RoundTrip(r *http.Request) (*http.Response, error) {
	_ = r.ParseForm()
	n := strings.TrimLeft(strings.TrimPrefix(r.PostForm.Get("token"), "slc_at_"), "0")
	end := time.Now().Add(time.Hour).Unix()
	body := fmt.Sprintf(`{"active":true,"scope":"openid profile read write","client_id":"a-web-application","username":"user-%[1]s@example.com","token_type":"Bearer",`+
		`"exp":%[2]d,"iat":%[3]d,"nbf":%[3]d,"sub":"5f0c1e9a-3b57-4c1e-9c55-%012[1]s","aud":["https://api.example.com/activiti-app","account"],`+
		`"iss":"https://id.example.com/realms/sluice","jti":"0a4c8d1e-77aa-4b1f-8e0e-%012[1]s","name":"User %[1]s"}`, n, end, end-3600)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}
