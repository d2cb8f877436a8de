package sluice_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// An authorization server that is down, slow or talks nonsense: 503 with
// Retry-After within two seconds, never 401, never through.
//
// Requirement R132, RFC 7662 §4 MUST: whatever the server answers instead of a clear yes, nobody gets through
func TestTroubleAtCheckToken(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	says := func(status int, kind, body string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Location", "/login")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	for name, address := range map[string]string{
		"down":                "http://127.0.0.1:1/introspect",
		"slow":                "http://" + silent.Addr().String() + "/introspect",
		"HTML":                says(200, "text/html", "<html>Sign in</html>"),
		"500":                 says(500, "application/json", `{"active":true}`),
		"302":                 says(302, "application/json", `{"active":true}`),
		"401 of our own":      says(401, "application/json", `{"error":"invalid_client"}`),
		"active in quotes":    says(200, "application/json", `{"active":"true","username":"`+kermit+`"}`),
		"nothing":             says(200, "application/json", ``),
		"no word about it":    says(200, "application/json", `{"username":"`+kermit+`"}`),
		"someone else's 404":  says(404, "application/json", `{"active":false}`),
		"larger than allowed": says(200, "application/json", `{"active":true,"x":"`+strings.Repeat("x", 70_000)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := sluicetest.NewServer(t, sluicetest.User(kermit, password), sluicetest.Config(func(c *sluice.Config) {
				c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = address, "a", "b"
			}))
			for range 2 { // the second must not be a remembered refusal
				begun := time.Now()
				a := srv.Call(t, "some-token", http.MethodGet, "app-version", nil)
				if a.Status != 503 || a.Header.Get("Retry-After") == "" || a.Header.Get("WWW-Authenticate") != "" || a.Text("messageKey") != "GENERAL.ERROR.SERVICE-UNAVAILABLE" {
					t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
				}
				if took := time.Since(begun); took > 4*time.Second {
					t.Errorf("answered after %s", took)
				}
			}
		})
	}
}

// With the database gone nothing is told as known: no active:false, no 401, no
// success.
//
// Requirement R038, RFC 6749 §4.1.2.1
// Requirement R103, RFC 7009 §2.2.1 MUST: a revocation that could not be kept is 503, never 200
// Lesson L16, CVE-2020-15223: a revocation that could not be kept is never answered with 200
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *sluicetest.Server){"closed": closeDatabase, "dropped": dropDatabase} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := newServer(t)
			a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
			token, refresh := a.Text("access_token"), a.Text("refresh_token")
			if h := srv.Get(t, "/management/health"); h.Status != 200 || strings.TrimSpace(h.Body) != `{"status":"UP"}` {
				t.Fatalf("health before: %d %s", h.Status, h.Body)
			}
			lose(t, srv)
			if h := srv.Get(t, "/management/health"); h.Status != 503 || strings.TrimSpace(h.Body) != `{"status":"DOWN"}` {
				t.Errorf("health: %d %s", h.Status, h.Body)
			}
			for path, form := range map[string]url.Values{
				"/oauth/introspect": {"token": {token}}, "/oauth/check_token": {"token": {token}}, "/oauth/revoke": {"token": {token}},
				"/oauth/token":   {"grant_type": {"client_credentials"}},
				"/oauth/token?1": {"grant_type": {"refresh_token"}, "refresh_token": {refresh}},
				"/oauth/token?2": {"grant_type": {"password"}, "username": {kermit}, "password": {password}},
			} {
				a := srv.PostAs(t, "app", "app secret", path, form)
				if a.Status != 503 || a.Text("error") != "temporarily_unavailable" || a.Header.Get("Retry-After") == "" || strings.Contains(a.Body, "sql") {
					t.Errorf("%s: %d %s", path, a.Status, a.Body)
				}
			}
			if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 503 {
				t.Errorf("API: %d %s", a.Status, a.Body)
			}
			if a := srv.Get(t, "/oauth/authorize?client_id=app&response_type=code"); a.Status != 503 || strings.Contains(a.Header.Get("Location"), "code=") {
				t.Errorf("authorize: %d %v", a.Status, a.Header)
			}
		})
	}
}

func closeDatabase(t *testing.T, srv *sluicetest.Server) {
	t.Helper()
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
}

// dropDatabase takes the database away from under a running server.
func dropDatabase(t *testing.T, srv *sluicetest.Server) {
	t.Helper()
	server := os.Getenv("SLUICE_TEST_POSTGRES")
	if server == "" {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	u, err := url.Parse(srv.Config.Database)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := strings.TrimPrefix(u.Path, "/")
	if _, err := db.ExecContext(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // for the helper that drops it at the end
		again, err := sql.Open("pgx", server)
		if err == nil {
			_, err = again.ExecContext(context.Background(), `CREATE DATABASE `+name)
			_ = again.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
}

// A SQLite file that was removed takes no writes that would be lost.
func TestRemovedDatabaseFile(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	if srv.Config.Database != "" {
		t.Skip("for SQLite")
	}
	for _, name := range []string{"sluice.db", "sluice.db-wal", "sluice.db-shm"} {
		if err := os.Remove(srv.Config.Data + "/" + name); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if h := srv.Get(t, "/management/health"); h.Status != 503 {
		t.Errorf("health: %d %s", h.Status, h.Body)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"client_credentials"}}); a.Status != 503 {
		t.Errorf("token: %d %s", a.Status, a.Body)
	}
}

// Requirement X14, RFC 9700 §4.13 own: a path that can be read in two ways is refused
// Lesson L13, CVE-2022-25237: paths that can be read in two ways are refused
func TestAmbiguousAddressesAreRefused(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	for _, path := range []string{"/oauth//token", "/activiti-app/api/../../oauth/jwks", "/./login", "//evil.example.com/"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(srv.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		answer, err := io.ReadAll(conn)
		_ = conn.Close()
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %.60s %v", path, answer, err)
		}
	}
}

// Requirement R226, RFC 9700 §2.6
func TestCORS(t *testing.T) {
	t.Parallel()
	srv := newServer(t, sluicetest.Config(func(c *sluice.Config) {
		c.CORS.Enabled, c.OAuth.CORSFilter = true, true
		c.CORS.Origins, c.CORS.OriginPatterns = []string{"https://a.example.com"}, []string{"https://*.b.example.com"}
	}))
	const api, token, authorize = "/activiti-app/api/enterprise/profile", "/oauth/token", "/oauth/authorize?client_id=app&response_type=code"
	for _, c := range []struct {
		path, origin string
		allowed      bool
	}{
		{api, "https://a.example.com", true}, {token, "https://a.example.com", true}, {authorize, "https://a.example.com", false}, {api, "https://x.b.example.com", true},
		{api, "https://b.example.com", false}, {api, "http://a.example.com", false}, {api, "https://a.example.com.evil.com", false}, {api, "https://evil.com/.b.example.com", false}, {api, "null", false},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, srv.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		h := srv.Do(t, r).Header
		got := h.Get("Access-Control-Allow-Origin") == c.origin && h.Get("Access-Control-Allow-Credentials") == "true" && strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization")
		if got != c.allowed || (!c.allowed && h.Get("Access-Control-Allow-Origin") != "") {
			t.Errorf("%s from %s: %v", c.path, c.origin, h)
		}
		if c.path == api && c.allowed {
			if a := srv.Get(t, api, "Origin", c.origin); a.Status != 401 || a.Header.Get("Access-Control-Allow-Origin") != c.origin {
				t.Errorf("a refusal must be readable too: %d %v", a.Status, a.Header)
			}
		}
	}
	off := newServer(t)
	if a := off.Get(t, api, "Origin", "https://a.example.com"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("CORS is on by default")
	}
}
