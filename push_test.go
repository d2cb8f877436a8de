package sluice_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// door is an address that is known before the server behind it. It lets through
// unless status is set, and keeps what came.
type door struct {
	*httptest.Server
	behind atomic.Pointer[http.Handler]
	status atomic.Int64
	mu     sync.Mutex
	came   []string
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		d.mu.Lock()
		d.came = append(d.came, string(text))
		d.mu.Unlock()
		if status := d.status.Load(); status != 0 {
			w.WriteHeader(int(status))
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(text)))
		(*d.behind.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *door) events() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.came...)
}

const revocations = "/management/revocations"

// pushing starts an authorization server that tells door of revocations.
func pushing(t *testing.T, d *door, options ...sluicetest.Option) *sluicetest.Server {
	t.Helper()
	rs := sluice.NewClient{Client: sluice.Client{ID: "rs", GrantTypes: []string{"client_credentials"}, Introspect: true}, Secret: "rs secret"}
	return newServer(t, append(options, sluicetest.Client(rs), sluicetest.Config(func(c *sluice.Config) {
		c.OAuth.RevocationReceivers = []string{d.URL + revocations}
	}))...)
}

// inBackground runs what a server does beside answering, until the test ends.
func inBackground(t *testing.T, srv *sluicetest.Server) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { srv.Background(ctx) })
	t.Cleanup(func() {
		cancel()
		loops.Wait()
	})
}

// relying starts a process server that asks auth about tokens and is told by d.
func relying(t *testing.T, auth *sluicetest.Server, d *door, change func(*sluice.Config)) *sluicetest.Server {
	t.Helper()
	srv := sluicetest.NewServer(t, sluicetest.User(kermit, password), sluicetest.User(gonzo, password), sluicetest.Config(func(c *sluice.Config) {
		c.Role = sluice.RoleProcess
		c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = auth.URL+"/oauth/introspect", "rs", "rs secret"
		if d != nil {
			c.Bearer.Revocations.Issuer, c.Bearer.Revocations.Audience = auth.URL, d.URL+revocations
		}
		if change != nil {
			change(c)
		}
	}))
	if d != nil {
		h := srv.Handler()
		d.behind.Store(&h)
	}
	return srv
}

const gonzo = "gonzo@example.com"

// becomes waits until a call with token is answered with status. It gives up before
// the 15 s after which a remembered answer is asked about anew, pushed or not.
func becomes(t *testing.T, srv *sluicetest.Server, token string, status int) time.Duration {
	t.Helper()
	begun := time.Now()
	for time.Since(begun) < 8*time.Second {
		if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status == status {
			return time.Since(begun)
		}
		time.Sleep(2 * time.Millisecond) // polling another process's state, as its callers would
	}
	t.Fatalf("the call was not answered with %d in time", status)
	return 0
}

// What ends at the authorization server ends at once where its answers are
// remembered. Without being told, the other process goes on for its half minute.
//
// Requirement R130, RFC 7662 §4
func TestRevocationIsPushed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	auth := pushing(t, d, sluicetest.User(gonzo, password))
	inBackground(t, auth)
	told, untold := relying(t, auth, d, nil), relying(t, auth, nil, nil)
	tokens := func(user string) sluicetest.Answer {
		a := auth.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {user}, "password": {password}})
		if a.Status != 200 {
			t.Fatal(a.Body)
		}
		return a
	}
	revoke := func(token string) {
		if a := auth.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}}); a.Status != 200 {
			t.Fatal(a.Body)
		}
	}
	for _, c := range []struct {
		name string
		user string
		end  func(sluicetest.Answer)
	}{
		{"its token is revoked", kermit, func(a sluicetest.Answer) { revoke(a.Text("access_token")) }},
		{"its grant is revoked", kermit, func(a sluicetest.Answer) { revoke(a.Text("refresh_token")) }},
		{"its user has a new password", gonzo, func(sluicetest.Answer) {
			if err := auth.Admin.SetPassword(t.Context(), gonzo, password); err != nil {
				t.Fatal(err)
			}
		}},
		{"its user is disabled", gonzo, func(sluicetest.Answer) {
			if err := auth.Admin.SetUserActive(t.Context(), gonzo, false); err != nil {
				t.Fatal(err)
			}
		}},
		{"its client is disabled", kermit, func(sluicetest.Answer) {
			for _, active := range []bool{false, true} {
				if err := auth.Admin.SetClientActive(t.Context(), "app", active); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"its client is deleted", kermit, func(sluicetest.Answer) {
			if err := auth.Admin.DeleteClient(t.Context(), "app"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		var bystander sluicetest.Answer
		if !strings.HasPrefix(c.name, "its client") {
			bystander = tokens(kermit)
			becomes(t, told, bystander.Text("access_token"), 200)
		}
		a := tokens(c.user)
		token := a.Text("access_token")
		for _, srv := range []*sluicetest.Server{told, untold} {
			if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 {
				t.Fatalf("%s: before: %d %s", c.name, a.Status, a.Body)
			}
		}
		c.end(a)
		took := becomes(t, told, token, 401)
		t.Logf("%s: refused after %s", c.name, took)
		if a := untold.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 {
			t.Errorf("%s: the process that was not told answers %d: nothing was cached, so the test proves nothing", c.name, a.Status)
		}
		if bystander.Status != 0 && told.Call(t, bystander.Text("access_token"), http.MethodGet, "profile", nil).Status != 200 {
			t.Errorf("%s: another token ended too", c.name)
		}
		for _, text := range d.events() {
			if strings.Contains(text, token) {
				t.Errorf("%s: the event holds the token", c.name)
			}
		}
	}
}

// What another process ends, such as the command line, is pushed by the one that runs.
func TestRevocationByAnotherProcessIsPushed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	auth := pushing(t, d, sluicetest.User(gonzo, password))
	inBackground(t, auth)
	command := twin(t, auth)
	srv := relying(t, auth, d, nil)
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {gonzo}, "password": {password}})
	becomes(t, srv, token, 200)
	if err := command.Admin.SetUserActive(t.Context(), gonzo, false); err != nil {
		t.Fatal(err)
	}
	t.Logf("refused after %s", becomes(t, srv, token, 401))
}

// A JWT that is checked by its signature alone ends, too.
//
// Requirement R183, RFC 9068 §5 own: a revoked JWT is refused at once where it was issued, and by introspection
func TestRevocationOfJWTIsPushed(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	auth := pushing(t, d, sluicetest.Config(func(c *sluice.Config) { c.OAuth.JWT = true }))
	inBackground(t, auth)
	srv := relying(t, auth, d, func(c *sluice.Config) {
		c.Bearer.CheckToken = ""
		c.Bearer.JWT = sluice.JWTConfig{Issuers: []string{auth.URL}, Audience: auth.URL + "/activiti-app"}
	})
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	other := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	becomes(t, srv, token, 200)
	auth.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}})
	becomes(t, srv, token, 401)
	if a := srv.Call(t, other, http.MethodGet, "profile", nil); a.Status != 200 {
		t.Errorf("another token: %d", a.Status)
	}
}

// What could not be told is told later: by a process that starts anew, and again
// when the receiver was in trouble.
func TestRevocationOutlivesTrouble(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	auth := pushing(t, d)
	srv := relying(t, auth, d, nil)
	token := auth.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	becomes(t, srv, token, 200)
	d.status.Store(http.StatusServiceUnavailable)
	auth.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}}) // nothing sends yet
	if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || len(d.events()) != 0 {
		t.Fatalf("before anything was sent: %d, %d events", a.Status, len(d.events()))
	}
	inBackground(t, auth)
	for begun := time.Now(); len(d.events()) == 0 && time.Since(begun) < 10*time.Second; {
		time.Sleep(2 * time.Millisecond)
	}
	if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || len(d.events()) == 0 {
		t.Fatalf("while the receiver is in trouble: %d, %d events", a.Status, len(d.events()))
	}
	d.status.Store(0)
	becomes(t, srv, token, 401)
	if len(d.events()) < 2 {
		t.Errorf("%d attempts, want two or more", len(d.events()))
	}
}

// Nobody but the issuer is heard, and only where one is configured.
func TestRevocationsFromStrangers(t *testing.T) {
	t.Parallel()
	post := func(srv *sluicetest.Server, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+revocations, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/secevent+jwt")
		return srv.Do(t, r).Status
	}
	d := newDoor(t)
	auth := pushing(t, d)
	srv := relying(t, auth, d, nil)
	if got := post(srv, "x.y.z"); got != http.StatusBadRequest {
		t.Errorf("forged: %d", got)
	}
	if got := post(auth, "x.y.z"); got != http.StatusNotFound {
		t.Errorf("where no issuer is configured: %d", got)
	}
}

func TestRevocationSettings(t *testing.T) {
	t.Parallel()
	for text, part := range map[string]string{
		"sluice.oauth.revocation-receivers=https://a/r,http://localhost:1/r":               "",
		"sluice.oauth.revocation-receivers=http://a.example.com/r":                         "insecure-http",
		"sluice.oauth.revocation-receivers=a":                                              "revocation-receivers",
		"sluice.oauth.revocation-receivers=https://a/r,https://a/r":                        "twice",
		"security.oauth2.revocations.issuer=https://a":                                     "",
		"security.oauth2.revocations.issuer=a":                                             "revocations.issuer",
		"security.oauth2.revocations.audience=https://a":                                   "revocations.issuer",
		"security.oauth2.revocations.issuer=https://a\nsecurity.oauth2.revocations.jwks=b": "revocations.jwks",
	} {
		_, _, err := load(t, text)
		if (part == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), part)) {
			t.Errorf("%q: %v, want %q", text, err, part)
		}
	}
}
