package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/bearer"
)

// setup returns a gateway whose door lets everybody in as kermit, and what the
// upstream saw last.
func setup(t *testing.T, routes ...Route) (http.Handler, *http.Request) {
	t.Helper()
	seen := &http.Request{}
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*seen = *r.Clone(t.Context())
		_, _ = io.WriteString(w, "upstream")
	}))
	t.Cleanup(up.Close)
	for i := range routes {
		routes[i].URL = strings.Replace(routes[i].URL, "UP", up.URL, 1)
	}
	g, err := New(Config{Routes: routes, Guard: kermit, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return g, seen
}

func kermit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := &bearer.Token{Username: "kermit@example.com", ClientID: "app", Scopes: []string{"read", "write"}}
		next.ServeHTTP(w, r.WithContext(bearer.NewContext(r.Context(), token)))
	})
}

func get(g http.Handler, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://gateway/", nil)
	u, err := url.ParseRequestURI(target) // as net/http reads the request line
	if err != nil {
		panic(err)
	}
	r.URL, r.RequestURI = u, target
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func TestRoutesForwardWhatTheyMatch(t *testing.T) {
	t.Parallel()
	g, seen := setup(t, Route{Name: "bpm", Path: "/bpm", URL: "UP/activiti-app", StripPath: true},
		Route{Name: "whole", Path: "/bpm/whole/", URL: "UP"})
	for target, want := range map[string]string{
		"/bpm":                     "/activiti-app",
		"/bpm/api/tasks?x=1":       "/activiti-app/api/tasks?x=1",
		"/bpm/a%20b/%C3%A9":        "/activiti-app/a%20b/%C3%A9",
		"/bpm/whole/thing":         "/bpm/whole/thing",
		"/bpm/definitions/a:1:200": "/activiti-app/definitions/a:1:200",
	} {
		if w := get(g, target, nil); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		} else if got := seen.URL.RequestURI(); got != want {
			t.Errorf("%s: upstream saw %s, want %s", target, got, want)
		}
	}
	for _, target := range []string{"/", "/bpmx", "/other/bpm"} {
		if w := get(g, target, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", target, w.Code)
		}
	}
}

// Requirement X14, RFC 9700 §4.13
// Lesson L13, CVE-2022-25237
func TestAmbiguousPathsAreRefused(t *testing.T) {
	t.Parallel()
	g, _ := setup(t, Route{Name: "bpm", Path: "/bpm", URL: "UP"})
	for _, target := range []string{
		"/bpm/../admin", "/bpm/..", "/bpm/./x", "/bpm/%2e%2e/admin", "/bpm/%2E/", "/bpm/a%2fb", "/bpm/a%5Cb", "/bpm//x", "//bpm/x",
		"/bpm;x=1/y", "/bpm/%3Bx", "/bpm/%00", "/bpm/%ff", "/bpm/%252e%252e", "/bpm/%0a",
	} {
		if w := get(g, target, nil); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d, want 400", target, w.Code)
		}
	}
}

// Requirement R235, RFC 9700 §4.13 MUST: who calls is told upstream by the gateway alone, however the header is spelt
// Lesson L14, CVE-2025-64484: identity headers are stripped in every spelling
func TestIdentityHeadersComeFromTheTokenAlone(t *testing.T) {
	t.Parallel()
	g, seen := setup(t, Route{Name: "bpm", Path: "/bpm", URL: "UP"})
	get(g, "/bpm/x", http.Header{
		"X-Forwarded-User": {"admin"}, "X_Forwarded_User": {"admin"}, "X.Forwarded.User": {"admin"}, "x-forwarded-user": {"admin"},
		"Remote-User": {"admin"}, "Remote_user": {"admin"}, "Activiti-User": {"1"}, "X-Forwarded-For": {"10.0.0.1"},
		"X-Original-Url": {"/admin"}, "Connection": {"X-Forwarded-User, X-Forwarded-Client"}, "X-Kept": {"yes"},
	})
	for name, values := range seen.Header {
		if fold(name) == "x-forwarded-user" && (name != userHeader || len(values) != 1) {
			t.Errorf("upstream saw %s: %q", name, values)
		}
		if strings.Contains(strings.Join(values, " "), "admin") || fold(name) == "activiti-user" {
			t.Errorf("upstream saw %s: %q", name, values)
		}
	}
	want := map[string]string{userHeader: "kermit@example.com", clientHeader: "app", scopeHeader: "read write", "X-Kept": "yes"}
	for name, value := range want {
		if got := seen.Header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if got := seen.Header.Get("X-Forwarded-For"); strings.Contains(got, "10.0.0.1") {
		t.Errorf("X-Forwarded-For: %q came through", got)
	}
}

// Requirement R235, RFC 9700 §4.13
func TestAForgedUserIsGoneWithoutAnyToken(t *testing.T) {
	t.Parallel()
	h := http.Header{"X-Forwarded-User": {"admin"}, "X_forwarded_user": {"admin"}, "Authorization": {"Bearer x"}}
	stripHeaders(h)
	if len(h) != 1 || h.Get("Authorization") == "" {
		t.Errorf("left: %v", h)
	}
}

// What goes upstream in the address is what came, and never a token.
//
// Requirement R229, RFC 9700 §4.3.2 MUST NOT: no token goes upstream in a query
func TestTheQueryGoesUpstreamAsItCame(t *testing.T) {
	t.Parallel()
	g, seen := setup(t, Route{Name: "bpm", Path: "/bpm", URL: "UP"})
	get(g, "/bpm/x?a=%20b&d=e", http.Header{"Authorization": {"Bearer secret-token"}})
	if seen.URL.RawQuery != "a=%20b&d=e" || strings.Contains(seen.URL.String(), "secret-token") {
		t.Errorf("upstream saw %s %v", seen.URL, seen.Header)
	}
}

func TestEveryBadRouteIsListed(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Guard: kermit, Routes: []Route{
		{Name: "a", Path: "bpm", URL: "http://h"}, {Name: "b", Path: "/b/../c", URL: "http://h"}, {Name: "c", Path: "/c", URL: "ftp://h"},
		{Name: "d", Path: "/d", URL: "http://h?x=1"}, {Name: "e", Path: "/e", URL: "http://h"}, {Name: "f", Path: "/e/", URL: "http://h"},
	}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"a", "b", "c", "d", "f"} {
		if !strings.Contains(err.Error(), "route "+name+":") {
			t.Errorf("%v does not name route %s", err, name)
		}
	}
}

func TestADeadUpstreamIs502(t *testing.T) {
	t.Parallel()
	g, err := New(Config{Guard: kermit, Log: slog.New(slog.DiscardHandler), Routes: []Route{{Name: "x", Path: "/x", URL: "http://127.0.0.1:1"}}})
	if err != nil {
		t.Fatal(err)
	}
	if w := get(g, "/x/y", nil); w.Code != http.StatusBadGateway || strings.Contains(w.Body.String(), "127.0.0.1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func FuzzUnambiguous(f *testing.F) {
	for _, seed := range []string{"/a/b", "/a/../b", "/%2e", "/a;b", "//", "/a%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !unambiguous(path) {
			return
		}
		for _, part := range strings.Split(path, "/") {
			if part == "." || part == ".." {
				t.Errorf("%q has a dot segment", path)
			}
		}
	})
}

// What is forwarded under a route stays under it, however its path is spelled: the
// upstream reads a path that begins with the route's, or with what replaces it.
func FuzzRoute(f *testing.F) {
	f.Add("/bpm/a%20b?x=/../y")
	f.Add("/whole/../bpm")
	var seen string
	up := roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = r.URL.RequestURI()
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})
	g, err := New(Config{Guard: kermit, Log: slog.New(slog.DiscardHandler), Transport: up, Routes: []Route{
		{Name: "bpm", Path: "/bpm", URL: "http://up/activiti-app", StripPath: true}, {Name: "whole", Path: "/whole", URL: "http://up"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		seen = ""
		r := httptest.NewRequest(http.MethodGet, "http://gateway/", nil)
		r.URL, r.RequestURI = u, target
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			if seen != "" {
				t.Errorf("%q was refused with %d and forwarded as %q", target, w.Code, seen)
			}
			return
		}
		read, err := url.ParseRequestURI(seen)
		if err != nil {
			t.Fatalf("%q was forwarded as %q: %v", target, seen, err)
		}
		plain := path.Clean(read.Path)
		under := func(at string) bool { return plain == at || strings.HasPrefix(plain, at+"/") }
		if !under("/activiti-app") && !under("/whole") {
			t.Errorf("%q was forwarded as %q", target, seen)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (do roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return do(r) }
