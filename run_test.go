package sluice_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// Told to stop, the server refuses new requests and finishes those it has.
func TestStopFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	cfg := sluice.DefaultConfig()
	cfg.Addr, cfg.Data = "127.0.0.1:0", t.TempDir()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	prepare := func(ctx context.Context, s *sluice.Server) error {
		defer close(ready)
		_, err := s.Admin().CreateClient(ctx, app)
		return err
	}
	go func() { ended <- sluice.Run(ctx, cfg, prepare, sluice.WithLog(slog.New(slog.DiscardHandler))) }()
	<-ready
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", cfg.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const body = "grant_type=client_credentials"
	_, _ = fmt.Fprintf(conn, "POST /oauth/token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YXBwOmFwcCtzZWNyZXQ=\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") { // the handler is reading: the request is in flight
		t.Fatalf("%q %v", line, err)
	}
	stop()
	for { // the listener closes
		again, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", cfg.Addr)
		if err != nil {
			break
		}
		_ = again.Close()
	}
	_, _ = io.WriteString(conn, body)
	_, _ = answers.ReadString('\n') // the empty line behind 100 Continue
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "access_token") {
		t.Errorf("the request in flight: %d %s %v", resp.StatusCode, text, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

// A gateway on its own: it checks tokens at another server and needs no database.
func TestGatewayRole(t *testing.T) {
	t.Parallel()
	auth := newServer(t)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.URL.Path, " for ", r.Header.Get("X-Forwarded-User"))
	}))
	t.Cleanup(upstream.Close)
	cfg := sluice.DefaultConfig()
	cfg.Role, cfg.Data = sluice.RoleGateway, "/dev/null/no-database"
	cfg.Routes = []sluice.RouteConfig{{Name: "bpm", Path: "/bpm", URL: upstream.URL + "/app", StripPath: true}}
	cfg.Bearer.CheckToken, cfg.Bearer.ClientID, cfg.Bearer.ClientSecret = auth.URL+"/oauth/introspect", "app", "app secret"
	srv, err := sluice.New(t.Context(), cfg, sluice.WithLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	ask := func(target, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		return w
	}
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if w := ask("/bpm/tasks", token); w.Code != 200 || w.Body.String() != "/app/tasks for "+kermit {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for target, status := range map[string]int{"/bpm/tasks": 401, "/other": 404, "/oauth/token": 404, "/management/health": 200, "/": 200} {
		if w := ask(target, ""); w.Code != status {
			t.Errorf("%s without a token: %d, want %d", target, w.Code, status)
		}
	}
}

// Both roles on one database: the API sees what the authorization server did.
func TestRolesShareADatabase(t *testing.T) {
	t.Parallel()
	auth := newServer(t, sluicetest.Config(func(c *sluice.Config) { c.Role = sluice.RoleAuth }))
	if a := auth.Get(t, "/activiti-app/api/enterprise/app-version"); a.Status != 404 {
		t.Errorf("role auth answers the API: %d", a.Status)
	}
	cfg := auth.Config
	cfg.Role = sluice.RoleProcess
	process, err := sluice.New(t.Context(), cfg, sluice.WithLog(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close()
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	call := func() int {
		r := httptest.NewRequest(http.MethodGet, "/activiti-app/api/enterprise/profile", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		process.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if got := call(); got != 200 {
		t.Errorf("call: %d", got)
	}
	auth.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}})
	if got := call(); got != 401 {
		t.Errorf("call after revocation in the other process: %d", got)
	}
}
