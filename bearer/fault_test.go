package bearer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// script is an authorization server that does as it is told, without a network, so
// that time is the test's own. Tokens that begin with "good" are active.
type script struct {
	mu     sync.Mutex
	act    func(*http.Request) (*http.Response, error) // nil: it is well
	asked  int
	ended  map[string]bool // revoked
	answer time.Duration   // how long a good answer takes
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	act, wait := s.act, s.answer
	s.asked++
	s.mu.Unlock()
	if act != nil {
		return act(r)
	}
	_, rest, _ := strings.Cut(string(body), "token=")
	token, _, _ := strings.Cut(rest, "&")
	s.mu.Lock()
	active := strings.HasPrefix(token, "good") && !s.ended[token]
	s.mu.Unlock()
	time.Sleep(wait)
	if active {
		return reply(r, 200, "application/json", `{"active":true,"username":"kermit","scope":"read"}`), nil
	}
	return reply(r, 200, "application/json", `{"active":false}`), nil
}

func (s *script) do(act func(*http.Request) (*http.Response, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.act = act
}

func reply(r *http.Request, status int, kind, body string, headers ...string) *http.Response {
	h := http.Header{"Content-Type": {kind}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func always(status int, kind, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) { return reply(r, status, kind, body, headers...), nil }
}

// scripted is a server with a cache that asks the script.
func scripted(t *testing.T, s *script, change func(*bearer.CacheConfig)) (*bearer.Server, *bearer.Cache) {
	t.Helper()
	cfg := bearer.CacheConfig{Validator: &bearer.Introspection{URL: "http://localhost/introspect", ClientID: "api", Client: &http.Client{Transport: s}}}
	if change != nil {
		change(&cfg)
	}
	cache := bearer.NewCache(cfg)
	srv, err := bearer.New(bearer.Config{Validator: cache, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return srv, cache
}

// get asks once and returns the answer.
func get(h http.Handler, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var fine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

// F5: in each kind of trouble, a minute long and at 200 requests a second, nothing
// is accepted that was not checked, no good token is told as bad, who cannot be told
// is told so within two seconds, and a second after the end all is well.
//
// Requirement R132, RFC 7662 §4
func TestEveryTroubleOfTheServer(t *testing.T) {
	t.Parallel()
	hang := func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	for name, c := range map[string]struct {
		act     func(*http.Request) (*http.Response, error)
		recover time.Duration
	}{
		"down":                {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }, time.Second},
		"hanging":             {hang, time.Second},
		"slow":                {func(r *http.Request) (*http.Response, error) { time.Sleep(10 * time.Second); return hang(r) }, 11 * time.Second},
		"500":                 {always(500, "text/plain", "oops"), time.Second},
		"an empty answer":     {always(200, "application/json", ""), time.Second},
		"a page":              {always(200, "text/html", "<html>Sign in</html>"), time.Second},
		"active in capitals":  {always(200, "application/json", `{"ACTIVE":true}`), time.Second},
		"active twice":        {always(200, "application/json", `{"active":false,"active":true}`), time.Second},
		"redirecting":         {always(302, "text/html", "", "Location", "http://localhost/elsewhere"), time.Second},
		"huge":                {always(200, "application/json", `{"active":true,"x":"`+strings.Repeat("x", 70_000)+`"}`), time.Second},
		"limiting":            {always(429, "application/json", `{}`, "Retry-After", "3"), 4 * time.Second},
		"refusing our secret": {always(401, "application/json", `{"error":"invalid_client"}`), time.Second},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { trouble(t, c.act, c.recover) }) })
	}
}

func trouble(t *testing.T, act func(*http.Request) (*http.Response, error), within time.Duration) {
	s := &script{answer: 5 * time.Millisecond}
	srv, cache := scripted(t, s, nil)
	h := srv.Require(fine)
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int]int{}
	ask := func(token string, expect bool) {
		begun := time.Now()
		w := get(h, token)
		took := time.Since(begun)
		mu.Lock()
		defer mu.Unlock()
		seen[w.Code]++
		good := strings.HasPrefix(token, "good")
		switch {
		case took > 2*time.Second:
			t.Errorf("%s was answered after %v", token, took)
		case w.Code == 200 && !good:
			t.Errorf("%s was accepted", token)
		case w.Code == 401 && good:
			t.Errorf("%s was told as bad", token)
		case w.Code == 503 && w.Header().Get("Retry-After") == "":
			t.Error("503 without Retry-After")
		case expect && good && w.Code != 200:
			t.Errorf("all is well, and %s got %d", token, w.Code)
		}
	}
	run := func(d time.Duration, expect bool) {
		for n := range int(d / (5 * time.Millisecond)) {
			token := fmt.Sprint("good-", n%40)
			if n%10 == 9 {
				token = fmt.Sprint("random-", n, "-", expect)
			}
			wg.Go(func() { ask(token, expect) })
			time.Sleep(5 * time.Millisecond)
		}
	}
	run(5*time.Second, true)
	s.do(act)
	run(time.Minute, false)
	s.do(nil)
	if !cache.Stats().Open {
		t.Error("the breaker is closed after a minute of trouble")
	}
	run(within, false)
	run(2*time.Second, true)
	wg.Wait()
	if seen[503] == 0 || seen[200] == 0 || seen[401] == 0 || len(seen) != 3 {
		t.Errorf("answers by status: %v", seen)
	}
}

// While the breaker is open, one question is asked in half a second, not one for
// each request.
func TestBreakerSparesTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.do(always(500, "text/plain", ""))
		srv, _ := scripted(t, s, nil)
		h := srv.Require(fine)
		for n := range 2000 {
			get(h, fmt.Sprint("good-", n))
			time.Sleep(5 * time.Millisecond)
		}
		if s.asked > 31 {
			t.Errorf("%d questions in ten seconds", s.asked)
		}
	})
}

// What a server asks for by Retry-After is passed on, and kept to.
func TestRetryAfterIsPassedOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		s.do(always(429, "application/json", "{}", "Retry-After", "20"))
		srv, _ := scripted(t, s, nil)
		h := srv.Require(fine)
		if w := get(h, "good-1"); w.Code != 503 || w.Header().Get("Retry-After") != "20" {
			t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
		time.Sleep(5 * time.Second)
		if w := get(h, "good-2"); w.Code != 503 || w.Header().Get("Retry-After") != "15" || s.asked != 1 {
			t.Errorf("%d, Retry-After %q, %d questions", w.Code, w.Header().Get("Retry-After"), s.asked)
		}
		s.do(nil)
		time.Sleep(15 * time.Second)
		if w := get(h, "good-2"); w.Code != 200 {
			t.Errorf("after the time: %d", w.Code)
		}
	})
}

// A flood of random tokens fills its own places: who is known is answered from
// memory, and renewed in time.
//
// Requirement R131, RFC 7662 §4
func TestFloodOfRandomTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{answer: 100 * time.Millisecond}
		srv, cache := scripted(t, s, func(c *bearer.CacheConfig) { c.InFlight, c.Size = 8, 100 })
		h := srv.Require(fine)
		for n := range 20 {
			if w := get(h, fmt.Sprint("good-", n)); w.Code != 200 {
				t.Fatal(w.Code)
			}
		}
		var wg sync.WaitGroup
		for n := range 60_000 { // a minute
			wg.Go(func() {
				if w := get(h, fmt.Sprint("random-", n)); w.Code == 200 {
					t.Error("a random token was accepted")
				}
			})
			if n%50 == 0 {
				if w := get(h, fmt.Sprint("good-", n/50%20)); w.Code != 200 {
					t.Errorf("after %d random tokens a good one got %d", n, w.Code)
				}
			}
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		if stats := cache.Stats(); stats.Busy == 0 || stats.Refreshes < 20 {
			t.Errorf("%+v", stats)
		}
	})
}

// Facts are used for thirty seconds, asked anew after fifteen, and not at all after
// the token's end; a refusal is remembered for five.
//
// Requirement R130, RFC 7662 §4 MUST: what the module remembers ends with the token and within its time
func TestLifetimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		var mu sync.Mutex
		begin := time.Now()
		v := bearer.Cached(bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[token]++
			switch {
			case token == "bad":
				return nil, bearer.ErrInvalid
			case token == "short":
				return &bearer.Token{Expiry: begin.Add(12 * time.Second)}, nil
			case asked[token] > 1 && token == "stale":
				return nil, errors.New("down")
			}
			return &bearer.Token{Expiry: begin.AddDate(7000, 0, 0)}, nil
		}))
		at := func(seconds float64, token string, want int, ok bool) {
			t.Helper()
			time.Sleep(time.Until(begin.Add(time.Duration(seconds * float64(time.Second)))))
			_, err := v.Validate(t.Context(), token)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if asked[token] != want || (err == nil) != ok {
				t.Errorf("%s after %v s: %d questions, %v; want %d, %v", token, seconds, asked[token], err, want, ok)
			}
		}
		for _, token := range []string{"bad", "short", "stale", "long"} {
			at(0, token, 1, token != "bad")
		}
		at(4.9, "bad", 1, false)
		at(5.1, "bad", 2, false)
		at(11.9, "short", 1, true)
		at(12, "short", 2, true) // asked again: the server decides, and the server's leeway
		at(14.9, "stale", 1, true)
		at(14.9, "long", 1, true)
		at(15.1, "stale", 2, true)
		at(15.1, "long", 2, true)
		at(15.5, "stale", 2, true)
		at(16.2, "stale", 3, true)
		at(29.9, "stale", 4, true)
		at(30.0, "long", 2, true)
		at(30.1, "stale", 5, false)
		at(45.0, "long", 3, true)
	})
}

// A revocation counts at once, for facts and for answers that are under way.
func TestRevocationDuringACall(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]bearer.Revocation{"by token": {Token: "good-1"}, "by subject": {Subject: "1"}, "by user": {Username: "kermit"}, "by client": {ClientID: "app"}} {
		synctest.Test(t, func(t *testing.T) {
			v := bearer.Cached(bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) {
				time.Sleep(time.Second)
				return &bearer.Token{Subject: "1", Username: "kermit", ClientID: "app"}, nil
			}))
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := v.Validate(t.Context(), "good-1"); !errors.Is(err, bearer.ErrInvalid) {
					t.Errorf("%s: the answer under way counted: %v", name, err)
				}
			})
			time.Sleep(500 * time.Millisecond)
			v.Revoke(r)
			wg.Wait()
			if v.Stats().Size != 0 {
				t.Errorf("%s: the answer under way was remembered", name)
			}
			v.Revoke(bearer.Revocation{Subject: "another", Username: "another", ClientID: "another", Token: "another"})
			if _, err := v.Validate(t.Context(), "good-1"); err != nil {
				t.Errorf("%s: asked anew: %v", name, err)
			}
			v.Revoke(r)
			if v.Stats().Size != 0 {
				t.Errorf("%s: facts are still there", name)
			}
		})
	}
}
