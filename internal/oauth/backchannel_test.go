package oauth_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/sluicetest"
)

// party is a client's server that is told of logouts.
type party struct {
	*httptest.Server
	told   chan string // logout tokens, in the order of their coming
	mu     sync.Mutex
	status int // 0 means 200
}

func newParty(t *testing.T) *party {
	t.Helper()
	p := &party{told: make(chan string, 100)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.status != 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(p.status)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/out" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			p.told <- r.Method + " " + r.URL.Path
			return
		}
		p.told <- r.PostFormValue("logout_token")
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *party) answer(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// next is the logout token that comes next.
func (p *party) next(t *testing.T) string {
	t.Helper()
	select {
	case token := <-p.told:
		return token
	case <-time.After(20 * time.Second):
		t.Fatal("nobody was told")
		return ""
	}
}

func (p *party) client(id string, change func(*sluice.Client)) sluicetest.Option {
	return webApp(id, func(c *sluice.Client) {
		c.BackchannelLogoutURI, c.BackchannelLogoutSession = p.URL+"/out", true
		if change != nil {
			change(c)
		}
	})
}

// background runs what Run runs beside the handlers until the test ends.
func background(t *testing.T, srv *sluicetest.Server) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { srv.Background(ctx) })
	t.Cleanup(func() { stop(); loops.Wait() })
}

var loopbackFetch = sluicetest.Config(func(c *sluice.Config) { c.OAuth.InsecureLoopbackFetch = true })

// tables is a second door to the server's database.
func tables(t *testing.T, srv *sluicetest.Server) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Config{URL: srv.Config.Database, Path: filepath.Join(srv.Config.Data, "sluice.db"), Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func waiting(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(context.Background(), []any{&n}, `SELECT COUNT(*) FROM outbox`); err != nil {
		t.Fatal(err)
	}
	return n
}

// Back-Channel Logout §2.4, §2.5: what the client is told, and that it can check it
// by the published keys.
func TestLogoutTokens(t *testing.T) {
	t.Parallel()
	at := newClock()
	p := newParty(t)
	srv := setup(t, at.option(), loopbackFetch, p.client("one", nil), p.client("fast", func(c *sluice.Client) { c.IDTokenAlg = "ES256" }), webApp("untold", nil))
	background(t, srv)
	b := srv.Browser(t)
	idTokens := map[string]map[string]any{}
	for _, id := range []string{"one", "fast", "untold"} {
		idTokens[id] = claimsOf(t, enter(t, srv, b, id, "openid", kermit).Text("id_token"))
	}
	enter(t, srv, b, "one", "openid", kermit) // a second grant of the same client
	b.Open(t, "/logout")
	b.Submit(t)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(srv.Get(t, "/oauth/jwks").Body), &set); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 2 {
		token := p.next(t)
		signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
		if err != nil {
			t.Fatalf("%q: %v", token, err)
		}
		head := header(t, token)
		if _, err := signed.Verify(set.Key(head.Kid)[0].Key); err != nil || head.Typ != "logout+jwt" {
			t.Errorf("%+v: %v", head, err)
		}
		c := claimsOf(t, token)
		id := c["aud"].(string)
		seen[id] = true
		idToken := idTokens[id]
		if want := map[string]string{"one": "RS256", "fast": "ES256"}[id]; head.Alg != want {
			t.Errorf("%s: signed by %s", id, head.Alg)
		}
		if c["iss"] != srv.URL || c["sub"] != idToken["sub"] || c["sid"] != idToken["sid"] || c["sid"] == "" || c["jti"] == "" {
			t.Errorf("%s: %v for %v", id, c, idToken)
		}
		if life := c["exp"].(float64) - c["iat"].(float64); life != 120 || int64(c["iat"].(float64)) != at.Now().Unix() {
			t.Errorf("%s: issued at %v for %v s", id, c["iat"], life)
		}
		event, ok := c["events"].(map[string]any)["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
		if _, nonce := c["nonce"]; !ok || len(event) != 0 || nonce {
			t.Errorf("%s: %v", id, c)
		}
		// It passes neither as an id_token nor as an access token.
		if away := b.Open(t, logout+form("id_token_hint", token, "post_logout_redirect_uri", bye).Encode()); away != nil || b.Page.Status != 400 {
			t.Errorf("%s: a logout token passes as id_token_hint: %v", id, away)
		}
		rs, _ := resourceServer(t, srv, at.Now)
		if _, err := rs.Validate(context.Background(), token); err == nil {
			t.Errorf("%s: a logout token passes as an access token", id)
		}
	}
	if !seen["one"] || !seen["fast"] {
		t.Errorf("told: %v", seen)
	}
	if db := tables(t, srv); waiting(t, db) > 0 {
		select { // a delivery's row may outlive its answer for a moment; a third token must not come
		case token := <-p.told:
			t.Errorf("told again: %v", claimsOf(t, token))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Every end of a session before its time is told; signing in again is none.
func TestWhatEndsSessionsIsTold(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newParty(t)
	srv := setup(t, loopbackFetch, p.client("one", nil), sluicetest.User(piggy, password))
	background(t, srv)
	told := func(what string, a sluicetest.Answer) {
		t.Helper()
		if got, want := claimsOf(t, p.next(t))["sid"], claimsOf(t, a.Text("id_token"))["sid"]; got != want {
			t.Errorf("%s: told of %v instead of %v", what, got, want)
		}
		if active(t, srv, a.Text("access_token")) || active(t, srv, a.Text("refresh_token")) {
			t.Errorf("%s: its tokens live", what)
		}
	}
	b := srv.Browser(t)
	first := enter(t, srv, b, "one", "openid", kermit)
	again := enter(t, srv, b, "one", "openid", kermit, "prompt", "login")
	if !active(t, srv, first.Text("access_token")) {
		t.Error("signing in again ended the session")
	}
	other := enter(t, srv, b, "one", "openid", piggy, "prompt", "login")
	told("another user", again) // and not of first besides: it is one session
	if err := srv.Admin.SetPassword(ctx, piggy, "another long password"); err != nil {
		t.Fatal(err)
	}
	told("another password", other)
	disabled := enter(t, srv, b, "one", "openid", kermit)
	if err := srv.Admin.SetUserActive(ctx, kermit, false); err != nil {
		t.Fatal(err)
	}
	told("disabled", disabled)
}

// §2.8: a client that is down is told later, by a token of its own; one that refuses
// or redirects is not asked again.
func TestBackChannelLogoutIsRepeated(t *testing.T) {
	t.Parallel()
	at := newClock()
	p := newParty(t)
	srv := setup(t, at.option(), loopbackFetch, p.client("one", nil))
	db := tables(t, srv)
	background(t, srv)
	leave := func() {
		b := srv.Browser(t)
		enter(t, srv, b, "one", "openid", kermit)
		b.Open(t, "/logout")
		b.Submit(t)
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !done(); {
			if time.Now().After(end) {
				t.Fatalf("%s: never", what)
			}
			time.Sleep(5 * time.Millisecond) // what a delivery writes behind its answer
		}
	}
	p.answer(http.StatusServiceUnavailable)
	leave()
	first := claimsOf(t, p.next(t))
	until("postponed", func() bool {
		var text string
		err := db.QueryRow(context.Background(), []any{&text}, `SELECT last_error FROM outbox`)
		return err == nil && strings.Contains(text, "503")
	})
	p.answer(0)
	at.Move(3 * time.Second)
	second := claimsOf(t, p.next(t))
	if first["jti"] == second["jti"] || first["sid"] != second["sid"] || second["iat"].(float64) < first["iat"].(float64)+3 {
		t.Errorf("%v, then %v", first, second)
	}
	until("dropped", func() bool { return waiting(t, db) == 0 })
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusFound} {
		p.answer(status)
		leave()
		p.next(t)
		until("given up", func() bool { return waiting(t, db) == 0 })
	}
	if len(p.told) > 0 {
		t.Errorf("told again: %v", <-p.told)
	}
}

// A session and what is to be told of it end together or not at all, and the answer
// says which.
func TestLogoutWithoutItsOutboxFails(t *testing.T) {
	t.Parallel()
	p := newParty(t)
	srv := setup(t, loopbackFetch, p.client("one", nil))
	b := srv.Browser(t)
	a := enter(t, srv, b, "one", "openid", kermit)
	if _, err := tables(t, srv).Exec(context.Background(), `DROP TABLE outbox`); err != nil {
		t.Fatal(err)
	}
	away := b.Open(t, logout+form("id_token_hint", a.Text("id_token"), "post_logout_redirect_uri", bye).Encode())
	if away != nil || b.Page.Status != 500 {
		t.Errorf("%v %d", away, b.Page.Status)
	}
	if !signedIn(t, b, "one") || !active(t, srv, a.Text("access_token")) {
		t.Error("the session has ended and its client will never know")
	}
}

// The address goes through the guard: this very machine is not called unless the
// operator said so.
func TestBackChannelLogoutIsGuarded(t *testing.T) {
	t.Parallel()
	p := newParty(t)
	srv := setup(t, p.client("one", nil))
	db := tables(t, srv)
	b := srv.Browser(t)
	enter(t, srv, b, "one", "openid", kermit)
	b.Open(t, "/logout")
	b.Submit(t)
	if waiting(t, db) != 1 {
		t.Fatal("nothing is to be told")
	}
	background(t, srv)
	for end := time.Now().Add(20 * time.Second); waiting(t, db) > 0; {
		if time.Now().After(end) {
			t.Fatal("it is never given up")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if len(p.told) > 0 {
		t.Error("this machine was called")
	}
}
