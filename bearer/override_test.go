package bearer_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// endpoint is an operator's own validation.
func endpoint(t *testing.T, cfg bearer.HTTPConfig, h http.HandlerFunc) *bearer.HTTPValidator {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	cfg.URL = srv.URL + "/validate"
	v, err := bearer.NewHTTPValidator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHTTPValidatorQuestion(t *testing.T) {
	t.Parallel()
	var got map[string]any
	var auth, kind string
	v := endpoint(t, bearer.HTTPConfig{Headers: []string{"x-tenant", "host", "X-Absent"}, ClientID: "my api", ClientSecret: "s:e"}, func(w http.ResponseWriter, r *http.Request) {
		auth, kind, got = r.Header.Get("Authorization"), r.Header.Get("Content-Type"), nil
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Method != http.MethodPost || r.URL.Path != "/validate" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		fixed(200, "application/json", `{"active":true,"username":"kermit"}`)(w, r)
	})
	check, err := bearer.New(bearer.Config{Validator: v})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPut, "http://api.example.com/a%2Fb/c?secret=1", nil)
	r.Header = http.Header{"Authorization": {"Bearer good"}, "X-Tenant": {"one", "two"}, "Cookie": {"session=secret"}}
	token, err := check.Authenticate(r)
	if err != nil || token.Username != "kermit" {
		t.Fatalf("%+v %v", token, err)
	}
	want := map[string]any{"token": "good", "method": "PUT", "path": "/a%2Fb/c",
		"headers": map[string]any{"X-Tenant": []any{"one", "two"}, "Host": []any{"api.example.com"}}}
	if !reflect.DeepEqual(got, want) || kind != "application/json" || auth != "Basic bXkrYXBpOnMlM0Fl" {
		t.Errorf("%v as %q, %q", got, kind, auth)
	}
	if _, err := check.AuthenticateToken(t.Context(), "good"); err != nil || !reflect.DeepEqual(got, map[string]any{"token": "good"}) {
		t.Errorf("without a request: %v %v", got, err)
	}
	r.Header.Set("X-Tenant", "\xff")
	got = nil
	var refused *bearer.Error
	if _, err := check.Authenticate(r); !errors.As(err, &refused) || refused.Status != 400 || got != nil {
		t.Errorf("a header that is no text: %v, asked %v", err, got)
	}
}

// What one request was answered says nothing of the next, however alike the tokens.
func TestHTTPValidatorIsAskedEachTime(t *testing.T) {
	t.Parallel()
	v := endpoint(t, bearer.HTTPConfig{}, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		active := strings.Contains(string(text), `"path":"/open"`)
		fixed(200, "application/json", `{"active":`+map[bool]string{true: "true", false: "false"}[active]+`}`)(w, r)
	})
	ask := serve(t, bearer.Config{Validator: v})
	auth := http.Header{"Authorization": {"Bearer good"}}
	for _, step := range []struct {
		path   string
		status int
	}{{"/open", 200}, {"/closed", 401}, {"/open", 200}} {
		if w := ask(auth.Clone(), step.path); w.Code != step.status {
			t.Errorf("%s: %d %s", step.path, w.Code, w.Body)
		}
	}
}

// The failure table holds for an operator's endpoint too: trouble is never 401.
func TestHTTPValidatorFailures(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"active":            {fixed(200, jsonType, `{"active":true}`), 200},
		"inactive":          {fixed(200, jsonType, `{"active":false}`), 401},
		"expired":           {fixed(200, jsonType, `{"active":true,"exp":1000000000}`), 401},
		"bound":             {fixed(200, jsonType, `{"active":true,"cnf":{"kid":"x"}}`), 401},
		"refuses us":        {fixed(401, jsonType, `{"active":false}`), 503},
		"forbids us":        {fixed(403, jsonType, `{"active":false}`), 503},
		"does not know":     {fixed(404, jsonType, `{"active":false}`), 503},
		"invalid request":   {fixed(400, jsonType, `{"error":"invalid_request"}`), 503},
		"broken":            {fixed(500, jsonType, `{"active":true}`), 503},
		"created":           {fixed(201, jsonType, `{"active":true}`), 503},
		"HTML":              {fixed(200, "text/html", `<html>`), 503},
		"HTML with facts":   {fixed(200, "text/html", `{"active":true}`), 503},
		"empty":             {fixed(200, jsonType, ``), 503},
		"active is text":    {fixed(200, jsonType, `{"active":"true"}`), 503},
		"active twice":      {fixed(200, jsonType, `{"active":false,"active":true}`), 503},
		"ACTIVE":            {fixed(200, jsonType, `{"ACTIVE":true}`), 503},
		"too large":         {fixed(200, jsonType, `{"active":true,"x":"`+strings.Repeat("x", 64<<10)+`"}`), 503},
		"redirects":         {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/validate", http.StatusFound) }, 503},
		"hangs":             {hanging, 503},
		"cuts the line off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 503},
	} {
		v := endpoint(t, bearer.HTTPConfig{Timeout: 500 * time.Millisecond}, c.answer)
		w := serve(t, bearer.Config{Validator: v})(http.Header{"Authorization": {"Bearer good"}}, "/tasks")
		if w.Code != c.status || (c.status == 503 && (w.Header().Get("Retry-After") == "" || w.Header().Get("WWW-Authenticate") != "")) {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
}

// hanging reads the question, so that net/http notices when its caller leaves.
func hanging(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestHTTPValidatorBreaker(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	var now atomic.Int64
	var well atomic.Bool
	v := endpoint(t, bearer.HTTPConfig{Failures: 3, Pause: time.Second, Now: func() time.Time { return time.Unix(now.Load(), 0) }},
		func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if well.Load() {
				fixed(200, "application/json", `{"active":true}`)(w, r)
				return
			}
			fixed(500, "application/json", `{}`)(w, r)
		})
	for range 10 {
		if _, err := v.Validate(t.Context(), "good"); err == nil || errors.Is(err, bearer.ErrInvalid) {
			t.Fatal(err)
		}
	}
	if asked.Load() != 3 {
		t.Errorf("a broken endpoint was asked %d times", asked.Load())
	}
	well.Store(true)
	if _, err := v.Validate(t.Context(), "good"); !errors.Is(err, bearer.ErrBusy) {
		t.Errorf("within the pause: %v", err)
	}
	now.Add(2)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := v.Validate(gone, "good"); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has left: %v", err)
	}
	if _, err := v.Validate(t.Context(), "good"); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

func TestHTTPValidatorInFlight(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan bool), make(chan bool)
	v := endpoint(t, bearer.HTTPConfig{InFlight: 1, Timeout: time.Minute}, func(w http.ResponseWriter, r *http.Request) {
		inside <- true
		<-leave
		fixed(200, "application/json", `{"active":true}`)(w, r)
	})
	done := make(chan error)
	go func() {
		_, err := v.Validate(t.Context(), "good")
		done <- err
	}()
	<-inside
	if _, err := v.Validate(t.Context(), "good"); !errors.Is(err, bearer.ErrBusy) {
		t.Errorf("one too many: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestHTTPValidatorConfig(t *testing.T) {
	t.Parallel()
	_, err := bearer.NewHTTPValidator(bearer.HTTPConfig{URL: "ftp://x", ClientID: "a", Headers: []string{"authorization", "dpop", "two words", "X-Fine"}})
	if _, plain := bearer.NewHTTPValidator(bearer.HTTPConfig{URL: "http://id.example.com/v"}); plain == nil || !strings.Contains(plain.Error(), "InsecureHTTP") {
		t.Errorf("plain http to another machine: %v", plain)
	}
	for _, part := range []string{"URL", "both ClientID", `"authorization"`, `"dpop"`, `"two words"`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("no word of %s in: %v", part, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "X-Fine") {
		t.Error(err)
	}
}

// A validator chooses its refusal by an *Error; one that is none is trouble.
func TestValidatorsOwnRefusal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ says, status int }{{403, 403}, {400, 400}, {200, 503}, {0, 503}} {
		v := bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) {
			return nil, &bearer.Error{Status: c.says, Code: "access_denied", Description: "not on Sundays"}
		})
		if w := serve(t, bearer.Config{Validator: v})(http.Header{"Authorization": {"Bearer good"}}, "/"); w.Code != c.status {
			t.Errorf("%d gave %d %s", c.says, w.Code, w.Body)
		}
	}
}
