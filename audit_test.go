package sluice_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// recorded returns the lines that q selects, the oldest first, each as
// "event outcome actor subject".
func recorded(t *testing.T, srv *sluicetest.Server, q sluice.AuditQuery) (list []string) {
	t.Helper()
	q.Oldest = true
	for e, err := range srv.Admin.AuditAll(t.Context(), q) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, strings.TrimSpace(strings.Join([]string{e.Name, e.Outcome, e.Actor, e.Subject}, " ")))
	}
	return list
}

const chief = "chief@example.com"

// Every sign-in, grant, revocation and change has its line, with who did it, from
// where, and how it ended; and none of them holds anything that opens anything.
func TestAuditRecord(t *testing.T) {
	t.Parallel()
	ctx := sluice.WithActor(t.Context(), "cli", "root")
	srv := newServer(t, sluicetest.Administrator(chief, "chief's password"))
	begun := time.Now().Add(-time.Minute)
	users, _, err := srv.Admin.Users(ctx, kermit, 0, 1)
	if err != nil || len(users) != 1 {
		t.Fatal(users, err)
	}
	who := "user:" + jsonText(t, users[0].ID)
	away := srv.Browser(t).Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}}, kermit, password)
	code := away.Query().Get("code")
	redeem := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}}
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", redeem)
	refreshed := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}})
	srv.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {a.Text("access_token")}})
	srv.PostAs(t, "app", "app secret", "/oauth/token", redeem) // the code again: its grant ends
	srv.PostAs(t, "app", "wrong secret", "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
	own := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
	srv.Browser(t).SignIn(t, kermit, "wrong password")
	srv.Browser(t).SignIn(t, "password typed as a name", password)
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	b.Open(t, "/logout")
	b.Submit(t)

	made := func(secret string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	secret := made(srv.Admin.CreateClient(ctx, sluice.NewClient{Client: sluice.Client{ID: "more", GrantTypes: []string{"client_credentials"}}, GenerateSecret: true}))
	second := made(srv.Admin.RotateClientSecret(ctx, "more", "", time.Hour))
	made("", srv.Admin.EndOldClientSecret(ctx, "more"))
	made(srv.Admin.UpdateClient(ctx, sluice.Client{ID: "more", Name: "More", GrantTypes: []string{"client_credentials"}}))
	made("", srv.Admin.SetClientActive(ctx, "more", false))
	made("", srv.Admin.SetClientActive(ctx, "more", true))
	made("", srv.Admin.DeleteClient(ctx, "more"))
	token, initial, err := srv.Admin.CreateInitialAccessToken(ctx, sluice.NewInitialAccessToken{Name: "partner"})
	made("", err)
	made("", srv.Admin.RevokeInitialAccessToken(ctx, initial.ID))
	made("", srv.Admin.RotateKeys(ctx, false, "ES256"))
	made("", srv.Admin.SetUserActive(ctx, kermit, false))
	made("", srv.Admin.SetUserActive(ctx, kermit, true))
	made("", srv.Admin.SetPassword(ctx, kermit, "another password"))

	for subject, want := range map[string][]string{
		"": {
			"sign_in success " + who, "consent.give success " + who + " client:app", "grant.begin success " + who + " client:app",
			"token.issue success client:app " + who, "token.issue success client:app " + who, "token.revoke success client:app " + who,
			"client.authenticate failure  client:app",
			"sign_in failure  " + who, "sign_in failure", "sign_out success " + who,
		},
		"client:more": {
			"client.create success cli client:more", "client.secret success cli client:more", "client.secret.end_old success cli client:more",
			"client.change success cli client:more", "client.disable success cli client:more", "client.enable success cli client:more",
			"client.disable success cli client:more", "client.delete success cli client:more",
		},
		who: {"user.disable success cli " + who, "user.enable success cli " + who, "user.password success cli " + who},
		"initial_token:" + initial.ID: {
			"initial_token.create success cli initial_token:" + initial.ID, "initial_token.revoke success cli initial_token:" + initial.ID,
		},
	} {
		got := recorded(t, srv, sluice.AuditQuery{Subject: subject, From: begun})
		for _, line := range want {
			if n := slices.Index(got, line); n < 0 {
				t.Errorf("%q: there is no line %q in\n%s", subject, line, strings.Join(got, "\n"))
			} else if subject != "" {
				got = got[n+1:] // they come in this order
			}
		}
	}
	if got := recorded(t, srv, sluice.AuditQuery{Event: "grant.revoke"}); len(got) != 1 || !strings.Contains(got[0], who) {
		t.Errorf("the code was used twice: %q", got)
	}
	if got := recorded(t, srv, sluice.AuditQuery{Event: "key", Actor: "root"}); len(got) != 1 || !strings.HasPrefix(got[0], "key.create success cli key:") {
		t.Errorf("keys: %q", got)
	}
	if got := recorded(t, srv, sluice.AuditQuery{Event: "key", Actor: "system"}); len(got) != 2 {
		t.Errorf("the server's first keys: %q", got)
	}
	list, _, err := srv.Admin.Audit(t.Context(), sluice.AuditQuery{Event: "sign_in", Outcome: "failure", Limit: 1000})
	if err != nil || len(list) != 2 || list[0].Address != "127.0.0.1" || list[0].Request == "" {
		t.Errorf("%+v %v", list, err)
	}
	all, _, err := srv.Admin.Audit(t.Context(), sluice.AuditQuery{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	text := jsonText(t, all)
	for _, s := range []string{
		"app secret", password, "wrong password", "wrong secret", "another password", "chief's password", "password typed as a name", secret, second, token, code,
		a.Text("access_token"), a.Text("refresh_token"), refreshed.Text("access_token"), refreshed.Text("refresh_token"), own.Text("access_token"), "argon2id", "sha256:",
	} {
		if s == "" || strings.Contains(text, s) {
			t.Errorf("the record holds %.8q…", s)
		}
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What administrators do by the REST API is theirs, also when they act as another.
func TestAuditOfTheAPI(t *testing.T) {
	t.Parallel()
	srv := newServer(t, sluicetest.Administrator(chief, "x"))
	token := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {chief}, "password": {"x"}})
	a := srv.Call(t, token, http.MethodPost, "admin/users", map[string]any{"email": "new@example.com", "firstName": "New"})
	if a.Status != 200 {
		t.Fatal(a.Body)
	}
	id := jsonText(t, a.JSON["id"])
	g := srv.Call(t, token, http.MethodPost, "admin/groups", map[string]any{"name": "Accounting", "type": 1})
	for _, method := range []string{http.MethodPost, http.MethodPost, http.MethodDelete} { // who is a member already is not added
		srv.Call(t, token, method, "admin/groups/"+jsonText(t, g.JSON["id"])+"/members/"+id, nil)
	}
	srv.Call(t, token, http.MethodPut, "admin/users/"+id, map[string]any{"lastName": "Newer", "status": "inactive"})
	srv.Call(t, token, http.MethodPut, "admin/users/"+id, map[string]any{"lastName": "Newer"}) // nothing is another than before
	want := []string{"user.create", "group.join", "group.leave", "user.disable", "user.change"}
	var got []string
	for e, err := range srv.Admin.AuditAll(t.Context(), sluice.AuditQuery{Subject: "user:" + id, Oldest: true}) {
		if err != nil || e.ActorName != chief || e.Address != "127.0.0.1" || e.Request == "" {
			t.Errorf("%+v %v", e, err)
		}
		got = append(got, e.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// No change without its line: when the line cannot be written, the change is not
// made, and nobody is told that it was. No line without its change.
func TestChangeAndLineAreOne(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	srv := newServer(t)
	a := srv.PostAs(t, "app", "app secret", "/oauth/token", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	lines := func() int { // but of keys, which the server makes beside
		return len(slices.DeleteFunc(recorded(t, srv, sluice.AuditQuery{}), func(line string) bool { return strings.HasPrefix(line, "key.") }))
	}
	before := lines()
	if err := srv.Admin.DeleteClient(ctx, "none"); err == nil {
		t.Fatal("there is no such client")
	}
	if _, err := srv.Admin.CreateUser(ctx, sluice.NewUser{Email: kermit}); err == nil {
		t.Fatal("the user exists")
	}
	if got := lines(); got != before {
		t.Errorf("%d lines tell of changes that were not made", got-before)
	}
	refuseLines(t, srv)
	for name, change := range map[string]func() error{
		"create a user": func() error {
			_, err := srv.Admin.CreateUser(ctx, sluice.NewUser{Email: "new@example.com"})
			return err
		},
		"disable a user":   func() error { return srv.Admin.SetUserActive(ctx, kermit, false) },
		"set a password":   func() error { return srv.Admin.SetPassword(ctx, kermit, "other") },
		"delete a client":  func() error { return srv.Admin.DeleteClient(ctx, "app") },
		"disable a client": func() error { return srv.Admin.SetClientActive(ctx, "app", false) },
		"change a secret":  func() error { _, err := srv.Admin.SetClientSecret(ctx, "app", ""); return err },
		"make a client": func() error {
			_, err := srv.Admin.CreateClient(ctx, sluice.NewClient{Client: sluice.Client{ID: "x", GrantTypes: []string{"client_credentials"}}, Secret: "x"})
			return err
		},
		"rotate a key": func() error { return srv.Admin.RotateKeys(ctx, true) },
		"make a token": func() error {
			_, _, err := srv.Admin.CreateInitialAccessToken(ctx, sluice.NewInitialAccessToken{})
			return err
		},
		"change what it is": func() error {
			_, err := srv.Admin.UpdateClient(ctx, sluice.Client{ID: "app", GrantTypes: []string{"password"}})
			return err
		},
	} {
		if change() == nil {
			t.Errorf("%s: done without a line", name)
		}
	}
	for name, f := range map[string]url.Values{
		"password": {"grant_type": {"password"}, "username": {kermit}, "password": {password}}, "refresh": {"grant_type": {"refresh_token"}, "refresh_token": {a.Text("refresh_token")}},
	} {
		if a := srv.PostAs(t, "app", "app secret", "/oauth/token", f); a.Status < 500 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/revoke", url.Values{"token": {a.Text("access_token")}}); a.Status < 500 {
		t.Errorf("revoke: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {a.Text("access_token")}}); a.JSON["active"] != true {
		t.Errorf("something was changed: %d %s", a.Status, a.Body)
	}
	if users, n, err := srv.Admin.Users(ctx, "", 0, 10); err != nil || n != 1 || users[0].Status != "active" {
		t.Errorf("%v %v", users, err)
	}
}

// refuseLines lets the database refuse every further line of the record.
func refuseLines(t *testing.T, srv *sluicetest.Server) {
	t.Helper()
	driver, source := "sqlite", "file:"+filepath.Join(srv.Config.Data, "sluice.db")
	statements := []string{`CREATE TRIGGER refuse BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'no line'); END`}
	if srv.Config.Database != "" {
		driver, source = "pgx", srv.Config.Database
		statements = []string{`CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no line'; END $$ LANGUAGE plpgsql`,
			`CREATE TRIGGER refuse BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse()`}
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// A client's own tokens are their own record, unless they are asked for.
func TestAuditOfTokens(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]int{"none": 0, "people": 1, "all": 2} {
		srv := newServer(t, sluicetest.Config(func(c *sluice.Config) { c.Audit.Tokens = setting }))
		srv.Token(t, "app", "app secret", url.Values{"grant_type": {"client_credentials"}})
		srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
		if got := recorded(t, srv, sluice.AuditQuery{Event: "token.issue"}); len(got) != want {
			t.Errorf("%s: %q", setting, got)
		}
	}
}

func TestAuditSettings(t *testing.T) {
	t.Parallel()
	for text, part := range map[string]string{
		"sluice.audit.tokens=all\nsluice.audit.retention=0s": "", "sluice.audit.tokens=some": "audit.tokens", "sluice.audit.retention=1m": "audit.retention", "sluice.audit.retention=-1h": "audit.retention",
	} {
		_, _, err := load(t, text)
		if (part == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), part)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
