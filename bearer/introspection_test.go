package bearer_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// answering is an authorization server that answers as a test says.
func answering(t *testing.T, h http.HandlerFunc) *bearer.Introspection {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &bearer.Introspection{URL: srv.URL + "/introspect", ClientID: "my api", ClientSecret: "s:e%c"}
}

func fixed(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Requirement R133, RFC 7662 §2.1 MUST: the module asks by POST, form, Basic and Accept as it should
func TestIntrospectionRequest(t *testing.T) {
	t.Parallel()
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if err := r.ParseForm(); err != nil || r.Method != http.MethodPost || r.PostForm.Get("token") != "a+b/c=" || r.Header.Get("Accept") != "application/json" ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || id != "my+api" || secret != "s%3Ae%25c" || r.URL.RawQuery != "" {
			t.Errorf("%s %s %v %v as %q:%q", r.Method, r.URL, r.Header, r.PostForm, id, secret)
		}
		fixed(200, "application/json", `{"active":true,"username":"kermit","exp":1900000000,"scope":"a b","aud":["x","y"],"client_id":"c","sub":"1"}`)(w, r)
	})
	got, err := in.Validate(t.Context(), "a+b/c=")
	if err != nil || got.Username != "kermit" || got.Expiry.Unix() != 1900000000 || !got.HasScope("b") || len(got.Audience) != 2 || got.ClientID != "c" || got.Subject != "1" {
		t.Errorf("%+v %v", got, err)
	}
}

// Only a definite answer is one. Everything else is "cannot know".
//
// Requirement R132, RFC 7662 §4
func TestIntrospectionAnswers(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		user   string
		dead   bool
	}{
		"active":         {fixed(200, jsonType, `{"active":true,"username":"kermit"}`), "kermit", false},
		"with a charset": {fixed(200, "application/json;charset=UTF-8", `{"active":true,"username":"kermit"}`), "kermit", false},
		"inactive":       {fixed(200, jsonType, `{"active":false}`), "", true},
		// Requirement R125, RFC 7662 §2.2
		"Spring's":                {fixed(200, jsonType, `{"user_name":"kermit","client_id":"c","exp":1900000000,"scope":["a"]}`), "kermit", false},
		"Spring's dead":           {fixed(400, jsonType, `{"error":"invalid_token"}`), "", true},
		"Spring's other 400":      {fixed(400, jsonType, `{"error":"invalid_request"}`), "", false},
		"400 in words":            {fixed(400, "text/plain", `invalid_token`), "", false},
		"our credentials refused": {fixed(401, jsonType, `{"error":"invalid_client"}`), "", false},
		"forbidden":               {fixed(403, jsonType, `{}`), "", false},
		"404":                     {fixed(404, jsonType, `{"active":false}`), "", false},
		"500":                     {fixed(500, jsonType, `{"active":true}`), "", false},
		"503":                     {fixed(503, jsonType, ``), "", false},
		"empty":                   {fixed(200, jsonType, ``), "", false},
		"HTML":                    {fixed(200, "text/html", `<html>Sign in</html>`), "", false},
		"JSON told as HTML":       {fixed(200, "text/html", `{"active":true}`), "", false},
		"empty object":            {fixed(200, jsonType, `{}`), "", false},
		"a list":                  {fixed(200, jsonType, `[{"active":true}]`), "", false},
		"active is text":          {fixed(200, jsonType, `{"active":"true"}`), "", false},
		"active is a number":      {fixed(200, jsonType, `{"active":1}`), "", false},
		"active is null":          {fixed(200, jsonType, `{"active":null}`), "", false},
		"ACTIVE":                  {fixed(200, jsonType, `{"ACTIVE":true}`), "", false},
		"active twice":            {fixed(200, jsonType, `{"active":false,"active":true}`), "", false},
		"active in two cases":     {fixed(200, jsonType, `{"active":false,"ACTIVE":true}`), "", true},
		"more behind":             {fixed(200, jsonType, `{"active":true} {}`), "", false},
		"cut":                     {fixed(200, jsonType, `{"active":true`), "", false},
		"not UTF-8":               {fixed(200, jsonType, "{\"active\":true,\"username\":\"\xff\"}"), "", false},
		// Lesson L22, mod_auth_openidc: username is text
		"username is a number": {fixed(200, jsonType, `{"active":true,"username":5}`), "", false},
		"exp is text":          {fixed(200, jsonType, `{"active":true,"exp":"tomorrow"}`), "", false},
		"exp is far":           {fixed(200, jsonType, `{"active":true,"exp":1e300}`), "", false},
		"huge":                 {fixed(200, jsonType, `{"active":true,"x":"`+strings.Repeat("x", 70_000)+`"}`), "", false},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				t.Error("the redirect was followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, "", false},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := answering(t, c.answer).Validate(t.Context(), "token")
			switch {
			case c.user != "" && (err != nil || got.Username != c.user):
				t.Errorf("%+v %v", got, err)
			case c.user == "" && (err == nil || errors.Is(err, bearer.ErrInvalid) != c.dead):
				t.Errorf("%+v %v; dead should be %v", got, err, c.dead)
			}
		})
	}
}

func TestIntrospectionOfAServerThatHangs(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	in := answering(t, func(http.ResponseWriter, *http.Request) { <-release })
	in.Timeout = 50 * time.Millisecond
	_, err := in.Validate(t.Context(), "token")
	close(release)
	if err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

func TestIntrospectionOfAServerThatIsDown(t *testing.T) {
	t.Parallel()
	in := &bearer.Introspection{URL: "http://127.0.0.1:1/"}
	if _, err := in.Validate(t.Context(), "token"); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("%v", err)
	}
}

// A thousand requests with one new token ask once, and the first one's leaving
// does not fail the others.
func TestOneQuestionPerToken(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	asked, release := make(chan struct{}), make(chan struct{})
	v := bearer.Cached(bearer.ValidatorFunc(func(ctx context.Context, _ string) (*bearer.Token, error) {
		if calls.Add(1) == 1 {
			close(asked)
		}
		<-release
		return &bearer.Token{Username: "kermit"}, ctx.Err()
	}))
	first, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = v.Validate(first, "token") })
	<-asked
	leave()
	for range 999 {
		wg.Go(func() {
			if got, err := v.Validate(t.Context(), "token"); err != nil || got.Username != "kermit" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	close(release)
	wg.Wait()
	if calls.Load() != 1 {
		t.Errorf("%d questions", calls.Load())
	}
}

// Facts and definite refusals are remembered, trouble is not, and nothing past
// the token's own end.
func TestWhatIsRemembered(t *testing.T) {
	t.Parallel()
	calls := map[string]int{}
	v := bearer.Cached(bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		calls[token]++
		switch token {
		case "dead":
			return nil, bearer.ErrInvalid
		case "trouble":
			return nil, errors.New("down")
		case "ended":
			return &bearer.Token{Expiry: time.Now().Add(-time.Second)}, nil
		}
		return &bearer.Token{}, nil
	}))
	for token, want := range map[string]int{"good": 1, "dead": 1, "trouble": 3, "ended": 3} {
		for range 3 {
			_, _ = v.Validate(t.Context(), token)
		}
		if calls[token] != want {
			t.Errorf("%s: %d questions, want %d", token, calls[token], want)
		}
	}
	if size := v.Stats().Size; size != 1 {
		t.Errorf("%d facts are held, want one", size)
	}
}

func FuzzIntrospectionAnswer(f *testing.F) {
	for _, s := range []string{`{"active":true}`, `{"active":false}`, `{"active":true,"exp":1,"scope":"a","aud":["b"]}`, `{"active":"true"}`, `{}`, `[]`, `{"active":true,"active":true}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		token, err := bearer.ParseIntrospection(body)
		if (token == nil) == (err == nil) {
			t.Errorf("%v %v", token, err)
		}
		if err == nil && strings.Count(string(body), "active") == 0 && strings.Count(string(body), "client_id") == 0 && !strings.Contains(string(body), `\`) {
			t.Errorf("%s was taken as active", body)
		}
	})
}
