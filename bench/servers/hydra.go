package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

// hydraTime is how long one call to the administrative API may take.
const hydraTime = 30 * time.Second

// buildHydra takes a C compiler, for SQLite, and a quarter of an hour the first
// time.
func buildHydra(ctx context.Context, s *site) (string, error) {
	out := filepath.Join(s.dir, "hydra")
	if s.hydra != "" {
		return s.hydra, nil
	}
	if _, err := execute(ctx, "servers/hydra", []string{"CGO_ENABLED=1"}, "go", "build", "-tags", "sqlite", "-o", out, "github.com/ory/hydra/v2"); err != nil {
		return "", err
	}
	s.hydra = out
	return out, nil
}

func launchHydraSQLite(ctx context.Context, _ *site, program, dir string, port int) (launch, error) {
	return launchHydra(ctx, launch{program: program, dir: dir}, "sqlite://"+filepath.Join(dir, "hydra.sqlite")+"?_fk=true", port)
}

func launchHydraPostgres(ctx context.Context, s *site, program, dir string, port int) (launch, error) {
	l := launch{program: program, dir: dir}
	var err error
	if l.database, err = s.postgres.database(ctx); err != nil {
		return l, err
	}
	return launchHydra(ctx, l, l.database+"&max_conns=40&max_idle_conns=40", port) // its default is too few for 32 flows at once
}

// launchHydra makes the tables, which is a step of its own there. The login and the
// consent application is the load generator itself.
func launchHydra(ctx context.Context, l launch, dsn string, port int) (launch, error) {
	admin, err := freePort(ctx)
	if err != nil {
		return l, err
	}
	l.base, l.admin = "http://"+address(port), "http://"+address(admin)
	l.args = []string{"serve", "all", "--dev"}
	l.env = []string{"DSN=" + dsn, "SECRETS_SYSTEM=a-system-secret-of-the-harness-1", "URLS_SELF_ISSUER=" + l.base,
		"URLS_LOGIN=http://127.0.0.1:5999/login", "URLS_CONSENT=http://127.0.0.1:5999/consent", "SQA_OPT_OUT=true",
		"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT=" + strconv.Itoa(port), "SERVE_ADMIN_HOST=127.0.0.1", "SERVE_ADMIN_PORT=" + strconv.Itoa(admin)}
	_, err = execute(ctx, l.dir, l.env, l.program, "migrate", "sql", "--read-from-env", "--yes")
	return l, err
}

func settleHydra(ctx context.Context, l launch) (door, error) {
	h := &hydraAdmin{base: l.admin, client: &http.Client{Timeout: hydraTime, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	err := h.call(ctx, http.MethodPost, "/admin/clients", map[string]any{
		"client_id": plain.id, "client_secret": plain.secret, "redirect_uris": []string{callback}, "scope": "openid read", "skip_consent": true,
		"grant_types": []string{"authorization_code", "client_credentials"}, "response_types": []string{"code"},
		"token_endpoint_auth_method": "client_secret_basic",
	}, nil)
	return door{base: l.base, admin: l.admin, token: "/oauth2/token", introspect: "/admin/oauth2/introspect", authorize: "/oauth2/auth", user: user,
		client: plain, service: plain, resource: plain, away: func(location string) (string, error) { return h.away(ctx, location) }}, err
}

// hydraAdmin calls Hydra's administrative API.
type hydraAdmin struct {
	base   string
	client *http.Client
}

// away says yes to what a redirect to the login and consent application asks.
func (h *hydraAdmin) away(ctx context.Context, location string) (string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("reading a redirect: %w", err)
	}
	kind, body := "login", map[string]any{"subject": user.id, "remember": true, "remember_for": 3600}
	if u.Query().Get("consent_challenge") != "" {
		kind, body = "consent", map[string]any{"grant_scope": []string{"openid"}, "remember": true, "remember_for": 3600}
	}
	name := kind + "_challenge"
	var answer struct {
		To string `json:"redirect_to"`
	}
	path := "/admin/oauth2/auth/requests/" + kind + "/accept?" + url.Values{name: {u.Query().Get(name)}}.Encode()
	err = h.call(ctx, http.MethodPut, path, body, &answer)
	return answer.To, err
}

func (h *hydraAdmin) call(ctx context.Context, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, h.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := h.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answered %d: %s", pathOf(path), resp.StatusCode, tail(answer))
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
