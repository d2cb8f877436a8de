package sluice_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// database opens the server's database a second time, beside it.
func database(t *testing.T, srv *sluicetest.Server) *sql.DB {
	t.Helper()
	driver, source := "sqlite", srv.Config.Data+"/sluice.db?_pragma=busy_timeout(5000)"
	if srv.Config.Database != "" {
		driver, source = "pgx", srv.Config.Database
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

// failing makes one kind of statement on one table fail, and returns what ends that.
func failing(t *testing.T, srv *sluicetest.Server, event, table string) (mend func()) {
	t.Helper()
	db := database(t, srv)
	if srv.Config.Database == "" {
		exec(t, db, `CREATE TRIGGER broken BEFORE `+event+` ON `+table+` BEGIN SELECT RAISE(ABORT, 'broken by a test'); END`)
		return func() { exec(t, db, `DROP TRIGGER broken`); _ = db.Close() }
	}
	exec(t, db, `CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken by a test'; END $$`,
		`CREATE TRIGGER broken BEFORE `+event+` ON `+table+` FOR EACH ROW EXECUTE FUNCTION broken()`)
	return func() { exec(t, db, `DROP TRIGGER broken ON `+table); _ = db.Close() }
}

// RELIABILITY F6: when one statement fails, the answer says so. Nothing is given out
// that is not kept, nothing is told as ended that has not ended (fosite
// CVE-2020-15223), and when the statement works again so does the request.
func TestOneStatementFails(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	tokens := func(t *testing.T) (access, refresh string) {
		t.Helper()
		a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
		if a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		return a.Text("access_token"), a.Text("refresh_token")
	}
	post := func(path string, pairs ...string) func(*testing.T) func() sluicetest.Answer {
		return func(t *testing.T) func() sluicetest.Answer {
			access, refresh := tokens(t)
			form := url.Values{}
			for i := 0; i < len(pairs); i += 2 {
				form.Set(pairs[i], strings.NewReplacer("ACCESS", access, "REFRESH", refresh).Replace(pairs[i+1]))
			}
			return func() sluicetest.Answer { return srv.PostAs(t, "app", "app secret", path, form) }
		}
	}
	signIn := []string{"grant_type", "password", "username", kermit, "password", password}
	for name, c := range map[string]struct {
		event, table string
		prepare      func(*testing.T) func() sluicetest.Answer
	}{
		"issue, no access token":        {"INSERT", "access_tokens", post("/oauth/token", "grant_type", "client_credentials")},
		"sign in, no grant":             {"INSERT", "grants", post("/oauth/token", signIn...)},
		"sign in, no access token":      {"INSERT", "access_tokens", post("/oauth/token", signIn...)},
		"sign in, no refresh token":     {"INSERT", "refresh_tokens", post("/oauth/token", signIn...)},
		"refresh, not marked as used":   {"UPDATE", "refresh_tokens", post("/oauth/token", "grant_type", "refresh_token", "refresh_token", "REFRESH")},
		"refresh, no successor":         {"INSERT", "refresh_tokens", post("/oauth/token", "grant_type", "refresh_token", "refresh_token", "REFRESH")},
		"refresh, no access token":      {"INSERT", "access_tokens", post("/oauth/token", "grant_type", "refresh_token", "refresh_token", "REFRESH")},
		"revoke an access token":        {"UPDATE", "access_tokens", post("/oauth/revoke", "token", "ACCESS")},
		"revoke a refresh token":        {"UPDATE", "grants", post("/oauth/revoke", "token", "REFRESH")},
		"push an authorization request": {"INSERT", "pushed_requests", post("/oauth/par", "response_type", "code")},
	} {
		t.Run(name, func(t *testing.T) {
			ask := c.prepare(t)
			mend := failing(t, srv, c.event, c.table)
			if a := ask(); a.Status < 500 || !slices.Contains([]string{"server_error", "temporarily_unavailable"}, a.Text("error")) ||
				a.Text("access_token") != "" || strings.Contains(a.Body, "broken") || strings.Contains(a.Body, c.table) {
				t.Errorf("while it fails: %d %s", a.Status, a.Body)
			}
			if h := srv.Get(t, "/management/health"); h.Status != 200 {
				t.Errorf("health: %d %s", h.Status, h.Body)
			}
			mend()
			if a := ask(); a.Status/100 != 2 {
				t.Errorf("afterwards: %d %s", a.Status, a.Body)
			}
		})
	}
}

// The same at pages, and for those who register themselves: nobody is sent back with a
// code that was not kept, no device is told that it may, no client has an id that does
// not exist; and when the statement works again, the same request works too.
func TestOneStatementFailsForPeopleAndClients(t *testing.T) {
	t.Parallel()
	srv := newServer(t, tv)
	token, _, err := srv.Admin.CreateInitialAccessToken(t.Context(), sluice.NewInitialAccessToken{Uses: 100})
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		status int
		code   string // of RFC 6749 §4.1.2.1, or of an endpoint's JSON
		gave   bool   // something that is of use
		body   string
	}
	register := func(method, path, with, body string) sluicetest.Answer {
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+with)
		return srv.Do(t, r)
	}
	const metadata = `{"redirect_uris":["https://app.example.com/cb"]}`
	program := func(a sluicetest.Answer) outcome {
		return outcome{a.Status, a.Text("error"), a.Status/100 == 2, a.Body}
	}
	consent := func(t *testing.T, decision string) func() outcome {
		b := srv.Browser(t)
		b.SignIn(t, kermit, password)
		b.Open(t, askForCode("read", "prompt", "consent"))
		action, fields := b.Form(t)
		fields.Set("decision", decision)
		return func() outcome {
			if away := b.Send(t, action, fields); away != nil {
				return outcome{302, away.Query().Get("error"), away.Query().Get("code") != "", away.String()}
			}
			return outcome{b.Page.Status, "", false, b.Page.Body}
		}
	}
	device := func(t *testing.T, decision string) func() outcome {
		a := srv.Post(t, "/oauth/device_authorization", url.Values{"client_id": {"tv"}})
		b := srv.Browser(t)
		b.Open(t, "/device")
		b.Submit(t, "user_code", a.Text("user_code"))
		b.SignIn(t, kermit, password)
		action, fields := b.Form(t)
		fields.Set("decision", decision)
		return func() outcome {
			b.Send(t, action, fields)
			state := pollDevice(t, srv, a.Text("device_code")).Text("error")
			return outcome{b.Page.Status, "", b.Page.Status == 200 || !slices.Contains([]string{"authorization_pending", "slow_down", "server_error"}, state), b.Page.Body}
		}
	}
	manage := func(method, body string) func(*testing.T) func() outcome {
		return func(t *testing.T) func() outcome {
			a := register("POST", "/oauth/register", token, metadata)
			if a.Status != 201 {
				t.Fatal(a.Body)
			}
			id := a.Text("client_id")
			return func() outcome {
				return program(register(method, "/oauth/register/"+id, a.Text("registration_access_token"), strings.ReplaceAll(body, "ID", id)))
			}
		}
	}
	for name, c := range map[string]struct {
		event, table string
		prepare      func(*testing.T) func() outcome
	}{
		"register, no client": {"INSERT", "clients", func(*testing.T) func() outcome {
			return func() outcome { return program(register("POST", "/oauth/register", token, metadata)) }
		}},
		"register, no registration": {"INSERT", "registrations", func(*testing.T) func() outcome {
			return func() outcome { return program(register("POST", "/oauth/register", token, metadata)) }
		}},
		"register, not counted": {"UPDATE", "initial_access_tokens", func(*testing.T) func() outcome {
			return func() outcome { return program(register("POST", "/oauth/register", token, metadata)) }
		}},
		"register, no audit line": {"INSERT", "audit_events", func(*testing.T) func() outcome {
			return func() outcome { return program(register("POST", "/oauth/register", token, metadata)) }
		}},
		"change a registration": {"UPDATE", "clients", manage("PUT", `{"client_id":"ID","redirect_uris":["https://app.example.com/other"]}`)},
		"delete a registration": {"DELETE", "clients", manage("DELETE", "")},
		"ask for a device code": {"INSERT", "device_codes", func(*testing.T) func() outcome {
			return func() outcome {
				return program(srv.Post(t, "/oauth/device_authorization", url.Values{"client_id": {"tv"}}))
			}
		}},
		"allow a device, no grant": {"INSERT", "grants", func(t *testing.T) func() outcome { return device(t, "allow") }},
		"allow a device, not kept": {"UPDATE", "device_codes", func(t *testing.T) func() outcome { return device(t, "allow") }},
		"deny a device, not kept":  {"UPDATE", "device_codes", func(t *testing.T) func() outcome { return device(t, "deny") }},
		"consent, not remembered":  {"INSERT", "consents", func(t *testing.T) func() outcome { return consent(t, "allow") }},
		"consent, no grant":        {"INSERT", "grants", func(t *testing.T) func() outcome { return consent(t, "allow") }},
		"consent, no code":         {"INSERT", "codes", func(t *testing.T) func() outcome { return consent(t, "allow") }},
		"consent, no audit line":   {"INSERT", "audit_events", func(t *testing.T) func() outcome { return consent(t, "allow") }},
		"consent, not used up":     {"DELETE", "authorization_requests", func(t *testing.T) func() outcome { return consent(t, "allow") }},
	} {
		t.Run(name, func(t *testing.T) {
			ask := c.prepare(t)
			mend := failing(t, srv, c.event, c.table)
			o := ask()
			told := o.status >= 500 || (o.status == 302 && slices.Contains([]string{"server_error", "temporarily_unavailable"}, o.code))
			if !told || o.gave || strings.Contains(o.body, "broken") || (c.table != "clients" && c.table != "codes" && c.table != "grants" && strings.Contains(o.body, c.table)) {
				t.Errorf("while it fails: %+v", o)
			}
			if h := srv.Get(t, "/management/health"); h.Status != 200 {
				t.Errorf("health: %d %s", h.Status, h.Body)
			}
			mend()
			if o = ask(); name == "delete a registration" {
				// It was disabled before, so that its registration is gone (RFC 7592 §2.3).
				o.gave, o.status = o.status == 401, 204
			}
			if !o.gave || o.status >= 400 {
				t.Errorf("afterwards: %+v", o)
			}
		})
	}
}

// A sign-out that could not be kept is not told as done.
func TestSigningOutFails(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	b.Open(t, "/logout")
	mend := failing(t, srv, "DELETE", "sessions")
	action, fields := b.Form(t)
	if b.Send(t, action, fields); b.Page.Status < 500 {
		t.Errorf("sign-out: %d %s", b.Page.Status, b.Page.Body)
	}
	mend()
	if b.Open(t, "/logout"); !strings.Contains(b.Page.Body, `action="/logout"`) {
		t.Fatal("the session has ended although the sign-out failed")
	}
	if b.Submit(t); b.Page.Status != 200 {
		t.Errorf("afterwards: %d", b.Page.Status)
	}
}

// Somebody else holds SQLite's lock: writes are answered 503 after the busy timeout,
// reads go on, and nobody is told that a live token is dead.
func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	if srv.Config.Database != "" {
		t.Skip("for SQLite")
	}
	token := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"client_credentials"}})
	db := database(t, srv)
	exec(t, db, `BEGIN EXCLUSIVE`)
	var wg sync.WaitGroup
	for path, form := range map[string]url.Values{"/oauth/token": {"grant_type": {"client_credentials"}}, "/oauth/revoke": {"token": {token}}} {
		wg.Go(func() {
			if a := srv.PostAs(t, "app", "app secret", path, form); a.Status != 503 || a.Text("error") != "temporarily_unavailable" || a.Header.Get("Retry-After") == "" {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		})
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {token}}); a.Status != 200 || a.JSON["active"] != true {
		t.Errorf("introspection: %d %s", a.Status, a.Body)
	}
	wg.Wait()
	exec(t, db, `ROLLBACK`)
	if a := srv.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {token}}); a.Status != 200 {
		t.Errorf("afterwards: %d %s", a.Status, a.Body)
	}
}

// link is a connection to a server that can be cut.
type link struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     []net.Conn
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: target}
	go l.serve()
	t.Cleanup(func() { _ = listener.Close(); l.set(true) })
	return l
}

func (l *link) serve() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.target)
		l.mu.Lock()
		if err != nil || l.cut {
			l.mu.Unlock()
			_ = near.Close()
			if err == nil {
				_ = far.Close()
			}
			continue
		}
		l.open = append(l.open, near, far)
		l.mu.Unlock()
		go pump(near, far)
		go pump(far, near)
	}
}

func pump(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

// set cuts the link, or lets connections through again.
func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut = cut; cut {
		for _, c := range l.open {
			_ = c.Close()
		}
		l.open = nil
	}
}

// PostgreSQL goes and comes back while the server runs: 503 meanwhile, never a
// success and never a dead token; two seconds after its return at the latest
// everything works.
func TestPostgreSQLGoesAndComesBack(t *testing.T) {
	t.Parallel()
	var between *link
	srv := newServer(t, sluicetest.Config(func(c *sluice.Config) {
		u, err := url.Parse(c.Database)
		if err != nil || c.Database == "" {
			return
		}
		between = newLink(t, u.Host)
		u.Host = between.listener.Addr().String()
		c.Database = u.String()
	}))
	if between == nil {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	ask := func(path string, form url.Values) sluicetest.Answer {
		return srv.PostAs(t, "app", "app secret", path, form)
	}
	token := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"client_credentials"}})
	for range 3 {
		between.set(true)
		for path, form := range map[string]url.Values{"/oauth/token": {"grant_type": {"client_credentials"}}, "/oauth/revoke": {"token": {token}}, "/oauth/introspect": {"token": {token}}} {
			if a := ask(path, form); a.Status != 503 || a.Text("error") != "temporarily_unavailable" {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		}
		if h := srv.Get(t, "/management/health"); h.Status != 503 {
			t.Errorf("health: %d", h.Status)
		}
		between.set(false)
		back := time.Now()
		for srv.Get(t, "/management/health").Status != http.StatusOK {
			if time.Since(back) > 2*time.Second {
				t.Fatal("not ready two seconds after the database's return")
			}
		}
		if a := ask("/oauth/introspect", url.Values{"token": {token}}); a.Status != 200 || a.JSON["active"] != true {
			t.Fatalf("afterwards: %d %s", a.Status, a.Body)
		}
		if a := ask("/oauth/token", url.Values{"grant_type": {"client_credentials"}}); a.Status != 200 {
			t.Fatalf("afterwards: %d %s", a.Status, a.Body)
		}
	}
}
