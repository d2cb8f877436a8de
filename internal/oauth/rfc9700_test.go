package oauth_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/sluicetest"
)

// A client that was registered for nothing but the code may do nothing else.
func TestAFreshClientMayDoLittle(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("fresh", "secret", func(c *sluice.Client) { c.GrantTypes = []string{"authorization_code"} }))
	// Requirement R221, RFC 9700 §2.1.2 SHOULD NOT: implicit is for clients registered for it
	for _, kind := range []string{"token", "id_token", "id_token token", "code token"} {
		to := srv.Get(t, authorize("client_id", "fresh", "response_type", kind, "scope", "openid", "nonce", "n")).Header.Get("Location")
		if !strings.HasPrefix(to, callback+"#") || !strings.Contains(to, "error=unauthorized_client") {
			t.Errorf("%s: %s", kind, to)
		}
	}
	// Requirement R224, RFC 9700 §2.4 MUST NOT: the password grant is for clients registered for it
	for name, f := range map[string]url.Values{"password": form("grant_type", "password", "username", kermit, "password", password), "client credentials": form("grant_type", "client_credentials"),
		"refresh": form("grant_type", "refresh_token", "refresh_token", "x"), "device": form("grant_type", deviceGrant, "device_code", "x"), "exchange": form("grant_type", exchangeGrant)} {
		if a := srv.PostAs(t, "fresh", "secret", "/oauth/token", f); a.Status != 400 || a.Text("error") != "unauthorized_client" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// Requirement R222, RFC 9700 §2.2.2 MUST: a public client's refresh token is replaced at each use
// Requirement R245, OAuth 2.1 §4.3.1 MUST: a public client's first refresh token is dead after its use
func TestRotationForPublicClients(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option())
	refresh := func(token string) sluicetest.Answer {
		return srv.Post(t, "/oauth/token", form("grant_type", "refresh_token", "client_id", "spa", "refresh_token", token))
	}
	first := srv.Post(t, "/oauth/token", form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password)).Text("refresh_token")
	a := refresh(first)
	second := a.Text("refresh_token")
	if a.Status != 200 || second == first || second == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	c.Move(11 * time.Second) // behind the window for repetitions
	if b := refresh(first); b.Status != 400 || b.Text("error") != "invalid_grant" {
		t.Errorf("the first again: %d %s", b.Status, b.Body)
	}
	// Requirement R236, RFC 9700 §4.14.2 MUST: a refresh token that comes again ends its grant
	if b := refresh(second); b.Status != 400 || active(t, srv, a.Text("access_token")) {
		t.Errorf("its family lives: %d %s", b.Status, b.Body)
	}
}

// Requirement R237, RFC 9700 §4.14.2
func TestAnIdleRefreshTokenEnds(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("short", "secret", func(c *sluice.Client) { c.RefreshTTL = time.Hour }))
	a := srv.PostAs(t, "short", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password))
	for _, step := range []time.Duration{59 * time.Minute, 59 * time.Minute, 60 * time.Minute} {
		c.Move(step)
		b := srv.PostAs(t, "short", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token")))
		if fine := step < time.Hour; (b.Status == 200) != fine || !fine && b.Text("error") != "invalid_grant" {
			t.Fatalf("after %s: %d %s", step, b.Status, b.Body)
		}
		a = b
	}
}

// Requirement R225, RFC 9700 §2.5
func TestAPublicKeyIsNoSecret(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "RS256")
	srv := setup(t, keyed("keyed", key, nil))
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: bearertest.JWKS(key)}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"iss":"keyed","sub":"keyed","aud":"` + srv.URL + `","jti":"x","exp":4102444800}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	if a := srv.Post(t, "/oauth/token", asserted(text, "grant_type", "client_credentials")); a.Status != 401 || a.Text("error") != "invalid_client" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// No client is called what a user is called, wherever somebody looks.
//
// Requirement R173, RFC 9068 §2.2
// Requirement R238, RFC 9700 §4.15
func TestAClientNamedLikeAUser(t *testing.T) {
	t.Parallel()
	srv := setup(t, client(kermit, "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }), client("1", "secret", nil))
	for _, id := range []string{kermit, "1"} {
		token := srv.Token(t, id, "secret", form("grant_type", "client_credentials"))
		facts := introspected(t, srv, token)
		if facts["sub"] != "client:"+id || facts["username"] != nil {
			t.Errorf("%s: %v", id, facts)
		}
		if strings.Count(token, ".") == 2 && (claimsOf(t, token)["sub"] != "client:"+id || claimsOf(t, token)["preferred_username"] != nil) {
			t.Errorf("%s: %v", id, claimsOf(t, token))
		}
		if a := srv.Call(t, token, "GET", "profile", nil); a.Status != 403 {
			t.Errorf("%s calls as a user: %d %s", id, a.Status, a.Body)
		}
	}
}

// What a browser keeps: an id of ours, out of scripts' reach, and no token.
//
// Requirement R092, RFC 6750 §5.3 MUST NOT: no cookie holds a token or code, and scripts cannot read ours
func TestCookiesHoldNoTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	var mu sync.Mutex
	jar := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		srv.Handler().ServeHTTP(rec, r)
		mu.Lock()
		defer mu.Unlock()
		for _, c := range rec.Result().Cookies() {
			jar[c.Name] = c.Value
			if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
				t.Errorf("%+v", c)
			}
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	through := *srv
	through.URL = server.URL
	away := through.Browser(t).Authorize(t, form("client_id", "web", "response_type", "code id_token token", "scope", "openid read", "nonce", "n"), kermit, password)
	f, err := url.ParseQuery(away.Fragment)
	mu.Lock()
	defer mu.Unlock()
	if err != nil || f.Get("access_token") == "" || len(jar) < 2 {
		t.Fatalf("%s, cookies %v", away, jar)
	}
	for name, value := range jar {
		for _, secret := range []string{f.Get("access_token"), f.Get("id_token"), f.Get("code"), password} {
			if strings.Contains(value, secret) {
				t.Errorf("the cookie %s holds a secret", name)
			}
		}
	}
}

// Requirement R234, RFC 9700 §4.12 MUST NOT: a form with a password is answered with 303
func TestFormsWithPasswordsAreNotRepeated(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	b := srv.Browser(t)
	post := func(values ...string) string {
		action, fields := b.Form(t)
		for i := 0; i+1 < len(values); i += 2 {
			fields.Set(values[i], values[i+1])
		}
		resp, err := b.Client().PostForm(srv.URL+action, fields)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		to := resp.Header.Get("Location")
		if resp.StatusCode != http.StatusSeeOther || strings.Contains(to, url.QueryEscape(password)) {
			t.Errorf("%s: %d to %s", action, resp.StatusCode, to)
		}
		return to
	}
	b.Open(t, authorize("client_id", "web", "response_type", "code"))
	b.Open(t, post("email", kermit, "password", password))
	if to := post("decision", "allow"); !strings.HasPrefix(to, callback+"?code=") {
		t.Errorf("to %s", to)
	}
}

// The database holds no secret that is of use to whoever reads it.
//
// Requirement R232, RFC 9700 §4.9.3
func TestTheDatabaseHoldsNoSecrets(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv), client("jwt", "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	a := tokens(t, srv)
	made, err := srv.Admin.SetClientSecret(t.Context(), "other", "")
	if err != nil {
		t.Fatal(err)
	}
	device := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv"))
	refreshed := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token")))
	secrets := []string{a.Text("access_token"), a.Text("refresh_token"), refreshed.Text("access_token"), refreshed.Text("refresh_token"), made, device.Text("device_code"),
		code(t, srv, "client_id", "web"), push(t, srv, "response_type", "code"), "rs secret", odd,
		strings.Split(srv.Token(t, "jwt", "secret", form("grant_type", "client_credentials")), ".")[2]}
	all := everythingIn(t, srv)
	if !bytes.Contains(all, []byte(kermit)) {
		t.Fatal("this is not the database")
	}
	for n, secret := range secrets {
		if secret == "" || bytes.Contains(all, []byte(secret)) {
			t.Errorf("secret %d is there: %.12q…", n, secret)
		}
	}
}

// everythingIn is all that the database keeps: SQLite's files, or every row of every
// table of PostgreSQL.
func everythingIn(t *testing.T, srv *sluicetest.Server) (all []byte) {
	t.Helper()
	if srv.Config.Database != "" {
		return everyRow(t, tables(t, srv))
	}
	files, err := filepath.Glob(filepath.Join(srv.Config.Data, "sluice.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return all
}

// everyRow is PostgreSQL's rows as text, and what their bytes hold besides.
func everyRow(t *testing.T, db *store.DB) (all []byte) {
	t.Helper()
	columns := map[string][]string{}
	err := db.Query(t.Context(), func(r store.Row) error {
		var table, column, kind string
		err := r.Scan(&table, &column, &kind)
		if kind == "bytea" {
			column = "ENCODE(" + column + ", 'escape')"
		}
		columns[table] = append(columns[table], "COALESCE(CAST("+column+" AS TEXT), '')")
		return err
	}, `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'`)
	if err != nil || len(columns) < 15 {
		t.Fatal(len(columns), err)
	}
	for table, list := range columns {
		err := db.Query(t.Context(), func(r store.Row) error {
			var row string
			err := r.Scan(&row)
			all = append(append(all, row...), '\n')
			return err
		}, `SELECT `+strings.Join(list, ` || ' ' || `)+` FROM `+table)
		if err != nil {
			t.Fatal(table, err)
		}
	}
	return all
}
