package sluice_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
)

// Who may read the metrics, and what is in them.
func TestMetrics(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-the-monitoring"
	upstream := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(upstream.Close)
	for name, c := range map[string]struct {
		who, remote string
		header      http.Header
		status      int
	}{
		"from here":                   {"local", "127.0.0.1:1", nil, 200},
		"from here by IPv6":           {"local", "[::1]:1", nil, 200},
		"from elsewhere":              {"local", "192.0.2.1:1", nil, 404},
		"through a proxy":             {"local", "127.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, 404},
		"through another":             {"local", "127.0.0.1:1", http.Header{"Forwarded": {"for=127.0.0.1"}}, 404},
		"from elsewhere, by token":    {"local", "192.0.2.1:1", http.Header{"Authorization": {"Bearer " + token}}, 200},
		"from elsewhere, wrong token": {"local", "192.0.2.1:1", http.Header{"Authorization": {"Bearer " + token + "x"}}, 404},
		"none":                        {"none", "127.0.0.1:1", nil, 404},
		"none, by token":              {"none", "127.0.0.1:1", http.Header{"Authorization": {"Bearer " + token}}, 200},
		"all":                         {"all", "192.0.2.1:1", nil, 200},
	} {
		cfg := sluice.DefaultConfig()
		cfg.Role, cfg.Metrics, cfg.MetricsToken = sluice.RoleGateway, c.who, token
		cfg.Routes = []sluice.RouteConfig{{Name: "bpm", Path: "/bpm", URL: upstream.URL}}
		cfg.Bearer.CheckToken, cfg.Bearer.ClientID, cfg.Bearer.ClientSecret = upstream.URL, "app", "app secret"
		srv, err := sluice.New(t.Context(), cfg, sluice.WithLog(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		denied := httptest.NewRequest(http.MethodGet, "/bpm/x", nil)
		srv.Handler().ServeHTTP(httptest.NewRecorder(), denied)
		r := httptest.NewRequest(http.MethodGet, "/management/prometheus", nil)
		r.RemoteAddr = c.remote
		if c.header != nil {
			r.Header = c.header
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		if w.Code != c.status || strings.Contains(w.Body.String(), token) {
			t.Errorf("%s: %d", name, w.Code)
		}
		for _, line := range []string{`sluice_bearer_requests_total{result="no_token"} 1`, `sluice_bearer_cache_tokens{cache=""} 0`, "go_goroutines "} {
			if strings.Contains(w.Body.String(), line) != (c.status == 200) {
				t.Errorf("%s: %q is missing, or should be", name, line)
			}
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, change := range []func(*sluice.Config){func(c *sluice.Config) { c.Metrics = "everybody" }, func(c *sluice.Config) { c.MetricsToken = "short" }} {
		cfg := sluice.DefaultConfig()
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "sluice.metrics") {
			t.Errorf("%v", err)
		}
	}
}
