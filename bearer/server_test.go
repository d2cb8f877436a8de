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
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// known is a validator that knows one token by heart.
func known(t bearer.Token) bearer.Validator {
	return bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		switch token {
		case "good":
			return &t, nil
		case "down":
			return nil, errors.New("connection refused")
		case "nothing":
			return nil, nil
		}
		return nil, fmt.Errorf("looking it up: %w", bearer.ErrInvalid)
	})
}

func serve(t *testing.T, cfg bearer.Config, options ...bearer.Option) func(headers http.Header, target string) *httptest.ResponseRecorder {
	t.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	srv, err := bearer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	h := srv.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, bearer.FromContext(r.Context()).Username)
	}), options...)
	return func(headers http.Header, target string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, target, nil)
		r.Header = headers
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
}

// One line per line of the failure table.
func TestFailureTable(t *testing.T) {
	t.Parallel()
	ask := serve(t, bearer.Config{Validator: known(bearer.Token{Username: "kermit", Scopes: []string{"read"}}), Resource: "https://api.example.com/base"},
		bearer.Scope("read"))
	auth := func(values ...string) http.Header { return http.Header{"Authorization": values} }
	const meta = `, resource_metadata="https://api.example.com/.well-known/oauth-protected-resource/base"`
	for name, c := range map[string]struct {
		header    http.Header
		target    string
		status    int
		challenge string // beginning
	}{
		// Requirement R079, RFC 6750 §2.1
		"good": {auth("Bearer good"), "/", 200, ""},
		// Requirement R079, RFC 6750 §2.1
		"lower case": {auth("bearer good"), "/", 200, ""},
		// Requirement R084, RFC 6750 §3 MUST: 401 comes with a Bearer challenge and its realm
		// Requirement R085, RFC 6750 §3 SHOULD NOT: without credentials the challenge names no error
		// Requirement R253, RFC 9728 §5.1 MAY: the challenge names the metadata
		"no token":       {nil, "/", 401, `Bearer realm="api"` + meta},
		"another scheme": {auth("Basic eDp5"), "/", 401, `Bearer realm="api"` + meta},
		// Requirement R082, RFC 6750 §2.3 SHOULD NOT: a token in the query is not looked at
		// Requirement R246, OAuth 2.1 §5.1 MUST NOT: the API takes no token from the query
		"token in the query": {nil, "/?access_token=good", 401, `Bearer realm="api"` + meta},
		"unknown":            {auth("Bearer bad"), "/", 401, `Bearer realm="api", error="invalid_token", error_description="`},
		// Requirement R078, RFC 6750 §2 MUST NOT: a token in two places at once is refused
		// Requirement R088, RFC 6750 §3.1 SHOULD: a malformed request is invalid_request with 400
		"header and query": {auth("Bearer good"), "/?access_token=good", 400, `Bearer realm="api", error="invalid_request"`},
		// Requirement R088, RFC 6750 §3.1
		"two headers": {auth("Bearer good", "Bearer good"), "/", 400, `Bearer realm="api", error="invalid_request"`},
		// Requirement R263, APS §docs 1.8
		"no space":           {auth("Bearergood"), "/", 401, `Bearer realm="api"` + meta},
		"nothing behind":     {auth("Bearer"), "/", 400, `Bearer realm="api", error="invalid_request"`},
		"only spaces behind": {auth("Bearer  "), "/", 400, `Bearer realm="api", error="invalid_request"`},
		// Requirement R080, RFC 6750 §2.1 MUST: what is not of a token's syntax is refused before anybody is asked
		"two words": {auth("Bearer good good"), "/", 401, `Bearer realm="api", error="invalid_token"`},
		// Requirement R080, RFC 6750 §2.1
		"quotes": {auth(`Bearer "good"`), "/", 401, `Bearer realm="api", error="invalid_token"`},
		// Requirement R080, RFC 6750 §2.1
		"control character":  {auth("Bearer go\x01od"), "/", 401, `Bearer realm="api", error="invalid_token"`},
		"huge":               {auth("Bearer " + strings.Repeat("x", 9000)), "/", 401, `Bearer realm="api", error="invalid_token"`},
		"validator down":     {auth("Bearer down"), "/", 503, ""},
		"validator silent":   {auth("Bearer nothing"), "/", 503, ""},
		"padding alone":      {auth("Bearer ==="), "/", 401, `Bearer realm="api", error="invalid_token"`},
		"padding in between": {auth("Bearer a=b"), "/", 401, `Bearer realm="api", error="invalid_token"`},
		"not ASCII":          {auth("Bearer gööd"), "/", 401, `Bearer realm="api", error="invalid_token"`},
		// Requirement R080, RFC 6750 §2.1
		"comma": {auth("Bearer good,good"), "/", 401, `Bearer realm="api", error="invalid_token"`},
	} {
		w := ask(c.header, c.target)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != c.status || !strings.HasPrefix(got, c.challenge) || (c.challenge == "") != (got == "") {
			t.Errorf("%s: %d %q; want %d %q", name, w.Code, got, c.status, c.challenge)
		}
		if retry := w.Header().Get("Retry-After"); (retry != "") != (c.status == 503) {
			t.Errorf("%s: Retry-After %q", name, retry)
		}
		if c.status == 401 && c.header == nil && strings.Contains(w.Header().Get("WWW-Authenticate"), "error") {
			t.Errorf("%s: an error without credentials", name)
		}
		if c.status != 200 && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: body %s", name, w.Body)
		}
	}
}

// Requirement R089, RFC 6750 §3.1 SHOULD: too little scope is 403 and names the scope that is needed
func TestMissingScopeIs403(t *testing.T) {
	t.Parallel()
	ask := serve(t, bearer.Config{Validator: known(bearer.Token{Scopes: []string{"read", "readwrite"}})}, bearer.Scope("read"), bearer.Scope("write"))
	w := ask(http.Header{"Authorization": {"Bearer good"}}, "/")
	if got := w.Header().Get("WWW-Authenticate"); w.Code != 403 || !strings.Contains(got, `error="insufficient_scope"`) || !strings.Contains(got, `scope="read write"`) {
		t.Errorf("%d %q", w.Code, got)
	}
}

// What holds on every route is checked on every request, whoever answered.
func TestFactsAreChecked(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		token  bearer.Token
		status int
	}{
		"plain":        {bearer.Token{Audience: []string{"api"}}, 200},
		"just expired": {bearer.Token{Audience: []string{"api"}, Expiry: now.Add(-4 * time.Second)}, 200},
		// Requirement R087, RFC 6750 §3.1
		"expired":              {bearer.Token{Audience: []string{"api"}, Expiry: now.Add(-6 * time.Second)}, 401},
		"clocks differ":        {bearer.Token{Audience: []string{"api"}, NotBefore: now.Add(29 * time.Second), IssuedAt: now.Add(29 * time.Second)}, 200},
		"not yet":              {bearer.Token{Audience: []string{"api"}, NotBefore: now.Add(31 * time.Second)}, 401},
		"issued in the future": {bearer.Token{Audience: []string{"api"}, IssuedAt: now.Add(time.Hour)}, 401},
		// Requirement R091, RFC 6750 §5.3
		"another audience":     {bearer.Token{Audience: []string{"other"}}, 401},
		"no audience":          {bearer.Token{}, 401},
		"bound to a key":       {bearer.Token{Audience: []string{"api"}, Confirmation: json.RawMessage(`{"jkt":"x"}`)}, 401},
		"bound, DPoP type":     {bearer.Token{Audience: []string{"api"}, Type: "DPoP"}, 401},
		"type in another case": {bearer.Token{Audience: []string{"api"}, Type: "bearer"}, 200},
		// Requirement R068, RFC 6749 §7 MUST NOT: a token of a type that the module does not know is not taken
		"a refresh token's type": {bearer.Token{Audience: []string{"api"}, Type: "refresh_token"}, 401},
	} {
		ask := serve(t, bearer.Config{Validator: known(c.token), Audience: "api", Now: func() time.Time { return now }})
		if w := ask(http.Header{"Authorization": {"Bearer good"}}, "/"); w.Code != c.status {
			t.Errorf("%s: %d, want %d (%s)", name, w.Code, c.status, w.Body)
		}
	}
}

func TestNewListsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := bearer.New(bearer.Config{Realm: `a"b`, Resource: "not a url"})
	for _, part := range []string{"Validator", "Realm", "Resource"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}

func TestNoTokenInLogsAndErrors(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	const secret = "s3cr3t-t0ken"
	v := bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) { return nil, errors.New("down") })
	ask := serve(t, bearer.Config{Validator: v, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	w := ask(http.Header{"Authorization": {"Bearer " + secret}}, "/")
	in := &bearer.Introspection{URL: "http://127.0.0.1:1/", ClientID: "id", ClientSecret: "cl1ent"}
	_, err := in.Validate(t.Context(), secret)
	token := &bearer.Token{Subject: "1", Claims: json.RawMessage(`{"token":"` + secret + `"}`)}
	all := log.String() + w.Body.String() + fmt.Sprint(w.Header()) + fmt.Sprint(err) + fmt.Sprintf("%v %s", token, token)
	if log.Len() == 0 || err == nil {
		t.Fatal("nothing was logged")
	}
	if strings.Contains(all, secret) || strings.Contains(all, "cl1ent") {
		t.Errorf("a secret came out: %s", all)
	}
}

// Requirement R250, RFC 9728 §2
// Requirement R251, RFC 9728 §3.1 MUST: the well-known part stands before the resource's path
func TestMetadata(t *testing.T) {
	t.Parallel()
	srv, err := bearer.New(bearer.Config{Validator: known(bearer.Token{}), Resource: "https://api.example.com/base", AuthorizationServers: []string{"https://id.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if srv.MetadataPath() != "/.well-known/oauth-protected-resource/base" {
		t.Errorf("path %s", srv.MetadataPath())
	}
	r := httptest.NewRequest(http.MethodGet, srv.MetadataPath(), nil)
	r.Host = "evil.example.com"
	w := httptest.NewRecorder()
	srv.Metadata().ServeHTTP(w, r)
	want := `{"resource":"https://api.example.com/base","authorization_servers":["https://id.example.com"],"bearer_methods_supported":["header"]}`
	if strings.TrimSpace(w.Body.String()) != want {
		t.Errorf("%s", w.Body)
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{"Bearer good", "bearer x", "Bearer", "Bearer ", "Basic x", "Bearer a b", "BEARER\tgood", "Bearer good=", ""} {
		f.Add(s)
	}
	srv, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler), Validator: bearer.ValidatorFunc(
		func(_ context.Context, token string) (*bearer.Token, error) {
			if token == "" || strings.ContainsAny(token, " \t\r\n\",") {
				panic("a token of another form came through: " + token)
			}
			return &bearer.Token{}, nil
		})})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		if _, err := srv.Authenticate(r); err == nil && !strings.EqualFold(header[:7], "bearer ") {
			t.Errorf("%q was accepted", header)
		}
	})
}
