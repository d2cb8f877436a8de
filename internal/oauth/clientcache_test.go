package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// twin starts a second process's server on the same database.
func twin(t *testing.T, srv *sluicetest.Server) *sluicetest.Server {
	t.Helper()
	return sluicetest.NewServer(t, sluicetest.Config(func(c *sluice.Config) {
		c.Data, c.Database, c.Issuer = srv.Config.Data, srv.Config.Database, srv.Config.Issuer
	}))
}

// A process remembers clients; what another one changes counts with the very next
// request all the same.
func TestClientChangedByAnotherProcess(t *testing.T) {
	srv := setup(t)
	other := twin(t, srv)
	ctx := context.Background()
	own := form("grant_type", "client_credentials")
	ask := func(id, secret string) sluicetest.Answer { return srv.PostAs(t, id, secret, "/oauth/token", own) }
	introspect := func(secret, token string) sluicetest.Answer {
		return srv.PostAs(t, "rs", secret, "/oauth/introspect", form("token", token))
	}
	check := func(what string, a sluicetest.Answer, status int, code string) {
		t.Helper()
		if a.Status != status || a.Text("error") != code {
			t.Errorf("%s: %d %q, want %d %q", what, a.Status, a.Text("error"), status, code)
		}
	}
	for range 2 { // the second time from memory
		check("before", ask("web", "secret"), http.StatusOK, "")
		check("introspection before", introspect("rs secret", "slc_at_none"), http.StatusOK, "")
	}
	live, refresh := srv.Token(t, "web", "secret", own), tokens(t, srv).Text("refresh_token")

	must := func(_ string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(other.Admin.SetClientSecret(ctx, "web", "another"))
	check("the old secret", ask("web", "secret"), http.StatusUnauthorized, "invalid_client")
	check("the new secret", ask("web", "another"), http.StatusOK, "")

	web, err := other.Admin.Client(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	web.Scopes, web.GrantTypes = []string{"read"}, []string{"client_credentials"}
	must(other.Admin.UpdateClient(ctx, web))
	if a := ask("web", "another"); a.Status != http.StatusOK || a.Text("scope") != "read" {
		t.Errorf("after a narrower scope: %d %q", a.Status, a.Text("scope"))
	}
	check("a scope that was taken away", srv.PostAs(t, "web", "another", "/oauth/token", form("grant_type", "client_credentials", "scope", "write")), http.StatusBadRequest, "invalid_scope")

	secret := "rs secret"
	change := func() (old string) {
		t.Helper()
		introspect(secret, "slc_at_none") // remembers
		old, secret = secret, secret+"!"
		must(other.Admin.SetClientSecret(ctx, "rs", secret))
		return old
	}
	for _, token := range []string{live, refresh, "slc_at_none", "slc_rt_none", strings.Repeat("x", 9<<10)} {
		check("introspection with the old secret", introspect(change(), token), http.StatusUnauthorized, "invalid_client")
		change()
		if a := introspect(secret, token); a.Status != http.StatusOK || a.JSON["active"] != (token == live || token == refresh) {
			t.Errorf("introspection with the new secret: %d %s", a.Status, a.Body)
		}
	}

	must("", other.Admin.DeleteClient(ctx, "web"))
	check("a deleted client", ask("web", "another"), http.StatusUnauthorized, "invalid_client")
	must("", other.Admin.DeleteClient(ctx, "rs"))
	check("introspection by a deleted client", introspect(secret, "slc_at_none"), http.StatusUnauthorized, "invalid_client")
}

// Whatever changes a client must tell those who remember it.
func TestEveryChangeCountsAClientUp(t *testing.T) {
	update := regexp.MustCompile("UPDATE clients SET[^`]*`")
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		text, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range update.FindAllString(string(text), -1) {
			found++
			if !strings.Contains(statement, "version = version + 1") {
				t.Errorf("%s: this leaves the version alone: %s", f.Name(), statement)
			}
		}
	}
	if found == 0 {
		t.Error("no statement was found")
	}
}

var statements = regexp.MustCompile(`(?m)^sluice_store_statements_total (\S+)$`)

// How many statements a request costs; a rise is a mistake or a decision.
func TestStatementsOfARequest(t *testing.T) {
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.Metrics = "all" }))
	count := func() int {
		t.Helper()
		found := statements.FindStringSubmatch(srv.Get(t, "/management/prometheus").Body)
		if found == nil {
			t.Fatal("the metrics have no count")
		}
		n, err := strconv.ParseFloat(found[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(n)
	}
	post := func(id, secret, path string, f url.Values) sluicetest.Answer {
		t.Helper()
		a := srv.PostAs(t, id, secret, path, f)
		if a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		return a
	}
	own := form("grant_type", "client_credentials")
	srv.Get(t, "/oauth/jwks") // when the keys are there, nobody is busy with them
	post("web", "secret", "/oauth/token", own)
	user := post("web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password))
	post("rs", "rs secret", "/oauth/introspect", form("token", user.Text("access_token")))
	ask := form("response_type", "code", "client_id", "web", "redirect_uri", callback, "code_challenge", challenge(verifier), "code_challenge_method", "S256")
	browser := srv.Browser(t)
	browser.Authorize(t, ask, kermit, password) // signs in and allows
	before := count()
	code := browser.Authorize(t, ask, kermit, password).Query().Get("code")
	if got, want := count()-before, 6; got != want {
		t.Errorf("asking for a code anew takes %d statements, want %d", got, want)
	}
	redemption := form("grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier)
	tests := []struct {
		what             string
		id, secret, path string
		form             url.Values
		want             int
	}{
		{"client credentials", "web", "secret", "/oauth/token", own, 1},
		{"introspection of a user's token", "rs", "rs secret", "/oauth/introspect", form("token", user.Text("access_token")), 1},
		{"introspection of a dead token", "rs", "rs secret", "/oauth/introspect", form("token", "slc_at_none"), 2},
		{"a code: one read, and one transaction of four, the audit line among them", "web", "secret", "/oauth/token", redemption, 5},
		{"a refresh: one read, and one transaction of four, the audit line among them", "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", user.Text("refresh_token")), 5},
	}
	for _, test := range tests {
		before = count()
		post(test.id, test.secret, test.path, test.form)
		if got := count() - before; got != test.want {
			t.Errorf("%s takes %d statements, want %d", test.what, got, test.want)
		}
	}
	fresh := tokens(t, srv).Text("access_token")
	before = count()
	if a := srv.Call(t, fresh, http.MethodGet, "app-version", nil); a.Status != http.StatusOK {
		t.Errorf("an API call: %d %s", a.Status, a.Body)
	}
	if got := count() - before; got != 1 {
		t.Errorf("an API call's check takes %d statements, want 1", got)
	}
}

// A client that was deleted and made again is another one, whatever its id.
func TestAClientMadeAgainIsNotRemembered(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	own := form("grant_type", "client_credentials")
	old := srv.Token(t, "web", "secret", own)
	other := twin(t, srv)
	if err := other.Admin.DeleteClient(context.Background(), "web"); err != nil {
		t.Fatal(err)
	}
	c := sluice.Client{ID: "web", GrantTypes: []string{"client_credentials"}, Scopes: []string{"read"}}
	if _, err := other.Admin.CreateClient(context.Background(), sluice.NewClient{Client: c, Secret: "another"}); err != nil {
		t.Fatal(err)
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", own); a.Status != http.StatusUnauthorized {
		t.Errorf("the old secret: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "web", "another", "/oauth/token", own); a.Status != http.StatusOK || a.Text("scope") != "read" {
		t.Errorf("the new secret: %d %s", a.Status, a.Body)
	}
	if active(t, srv, old) {
		t.Error("the old client's token lives")
	}
}
