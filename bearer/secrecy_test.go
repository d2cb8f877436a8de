package bearer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// everything collects what comes out of a server, in each form that Go prints.
type everything struct {
	mu   sync.Mutex
	text strings.Builder
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.Write(p)
}

func (e *everything) print(values ...any) {
	for _, v := range values {
		_, _ = fmt.Fprintf(e, "%v %+v %#v %s\n", v, v, v, v)
		slog.New(slog.NewJSONHandler(e, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(e, nil)).Info("x", "v", v)
	}
}

// No token and no secret comes out, whatever happens: all output is searched.
func TestNothingTellsATokenOrASecret(t *testing.T) {
	t.Parallel()
	const secret = "cl1ent-s3cret"
	tokens := []string{"t0ken-good", "t0ken-bad", "t0ken-down", "t0ken-silly", "t0ken-limited"}
	out := &everything{}
	as := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _ = r.ParseForm(); r.Form.Get("token") + r.Form.Get("access_token") {
		case "t0ken-good":
			fixed(200, "application/json", `{"active":true,"username":"kermit","sub":"1","client_id":"app","aud":"api","exp":1900000000,"echo":"t0ken-good"}`)(w, r)
		case "t0ken-bad":
			fixed(200, "application/json", `{"active":false}`)(w, r)
		case "t0ken-down":
			panic(http.ErrAbortHandler)
		case "t0ken-silly":
			fixed(200, "application/json", `{"active":"t0ken-silly","t0ken-silly":true,"t0ken-silly":false}`)(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			fixed(429, "application/json", `{"error":"t0ken-limited"}`)(w, r)
		}
	}))
	t.Cleanup(as.Close)
	for _, dialect := range []bearer.Dialect{bearer.AnyIntrospection, bearer.RFC7662, bearer.CheckToken, bearer.TokenInfo} {
		in := &bearer.Introspection{URL: as.URL, ClientID: "id", ClientSecret: secret, Dialect: dialect}
		cache := bearer.Cached(in)
		srv, err := bearer.New(bearer.Config{Validator: cache, Audience: "api", Log: slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Observe: func(_ context.Context, e bearer.Event) { out.print(e) }})
		if err != nil {
			t.Fatal(err)
		}
		h := srv.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { out.print(bearer.FromContext(r.Context())) }), bearer.Scope("write"))
		for _, token := range tokens {
			w := get(h, token)
			out.print(w.Header(), w.Body.String())
			got, err := in.Validate(t.Context(), token)
			out.print(got, err)
			got, err = srv.AuthenticateToken(t.Context(), token)
			out.print(got, err)
			if got != nil {
				out.print(*got)
			}
			r := bearer.Revocation{Token: token}
			out.print(r, &r)
			srv.Revoke(r)
		}
		out.print(srv, srv.Stats(), cache.Stats(), in, srv.Metadata())
		out.print(bearer.HTTPConfig{URL: as.URL, ClientID: "id", ClientSecret: secret})
	}
	down := &bearer.Introspection{URL: "http://127.0.0.1:1/", ClientID: "id", ClientSecret: secret, Dialect: bearer.TokenInfo}
	_, err := down.Validate(t.Context(), "t0ken-good")
	out.print(err, errors.Unwrap(err))
	all := out.text.String()
	for _, part := range append(tokens, secret, "t0ken") {
		if at := strings.Index(all, part); at >= 0 {
			t.Errorf("%q came out: …%s…", part, all[max(at-300, 0):min(at+100, len(all))])
		}
	}
	for _, part := range []string{"token checked", "tokens cannot be checked", "token of 1 for client app", "insufficient_scope", "introspection at "} {
		if !strings.Contains(all, part) {
			t.Errorf("%q did not come out: the search proves nothing", part)
		}
	}
}

// Each request is one event, for the observer, the log and the counts.
func TestEvents(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var events []bearer.Event
	srv, err := bearer.New(bearer.Config{Validator: bearer.Cached(known(bearer.Token{Subject: "1", ClientID: "app"})),
		Log:     slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(_ context.Context, e bearer.Event) { events = append(events, e) }})
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Require(fine)
	get(h, "good")
	get(h, "good")
	get(h, "bad")
	get(h, "bad")
	get(h, "down")
	get(h, `"`)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	get(srv.Require(fine, bearer.Scope("x")), "good")
	for i, want := range []bearer.Event{
		{Status: 200, Subject: "1", ClientID: "app"}, {Status: 200, Subject: "1", ClientID: "app", Cached: true},
		{Status: 401, Code: "invalid_token"}, {Status: 401, Code: "invalid_token", Cached: true}, {Status: 503, Code: "temporarily_unavailable"},
		{Status: 401, Code: "invalid_token"}, {Status: 401}, {Status: 403, Code: "insufficient_scope", Cached: true},
	} {
		got := events[i]
		if (got.Reason == "") != (got.Status == 200) || got.Latency <= 0 {
			t.Errorf("event %d: %+v", i, got)
		}
		got.Reason, got.Latency = "", 0
		if got != want {
			t.Errorf("event %d: %+v, want %+v", i, got, want)
		}
	}
	counts := srv.Stats()
	for code, want := range map[string]uint64{"accepted": 2, "invalid_token": 3, "no_token": 1, "temporarily_unavailable": 1, "insufficient_scope": 1, "other": 0} {
		if counts[code] != want {
			t.Errorf("%s: %d, want %d", code, counts[code], want)
		}
	}
	stats, ok := srv.Caches()[""]
	if !ok || stats.Hits != 2 || stats.Refusals != 1 || stats.Misses != 3 || stats.Failed != 1 || stats.Asked.Count != 3 || stats.Size != 1 {
		t.Errorf("%+v", stats)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	checked := 0
	for _, line := range lines {
		var event struct {
			Message string `json:"msg"`
			Level   string `json:"level"`
		}
		if json.Unmarshal([]byte(line), &event) != nil {
			t.Errorf("%s", line)
		}
		if event.Message == "token checked" && event.Level == "DEBUG" {
			checked++
		}
	}
	if checked != len(events) || len(lines) != len(events)+1 {
		t.Errorf("%d of %d lines for %d events", checked, len(lines), len(events))
	}
}

// A server that is down does not fill the log: one line a second, with a count.
func TestTroubleIsLoggedOnceASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		srv, err := bearer.New(bearer.Config{Log: slog.New(slog.NewTextHandler(&log, nil)),
			Validator: bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) { return nil, errors.New("connection refused") })})
		if err != nil {
			t.Fatal(err)
		}
		for range 500 {
			get(srv.Require(fine), "good")
			time.Sleep(10 * time.Millisecond)
		}
		if n := strings.Count(log.String(), "\n"); n != 5 || !strings.Contains(log.String(), "skipped=99") || !strings.Contains(log.String(), "connection refused") {
			t.Errorf("%d lines: %s", n, log.String())
		}
	})
}
