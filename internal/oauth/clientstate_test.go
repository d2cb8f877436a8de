package oauth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/sluicetest"
)

func setActive(t *testing.T, srv *sluicetest.Server, id string, active bool) {
	t.Helper()
	if err := srv.Admin.SetClientActive(t.Context(), id, active); err != nil {
		t.Fatal(err)
	}
}

// asWeb posts to the token endpoint as the client web.
func asWeb(t *testing.T, srv *sluicetest.Server, pairs ...string) sluicetest.Answer {
	t.Helper()
	return srv.PostAs(t, "web", "secret", "/oauth/token", form(pairs...))
}

func codeForm(code string) []string {
	return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback}
}

// Everything of a disabled client is dead with the next request, in every place, and
// stays dead when the client comes back; others go on.
func TestDisabledClient(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	people, own := tokens(t, srv), asWeb(t, srv, "grant_type", "client_credentials")
	unused := code(t, srv, "client_id", "web", "redirect_uri", callback)
	other := srv.PostAs(t, "other", odd, "/oauth/token", form("grant_type", "password", "username", kermit, "password", password))
	b := srv.Browser(t)
	b.Open(t, authorize("client_id", "web", "response_type", "code", "redirect_uri", callback)) // at the login page
	pushed := srv.PostAs(t, "web", "secret", "/oauth/par", form("response_type", "code", "redirect_uri", callback))
	refresh := []string{"grant_type", "refresh_token", "refresh_token", people.Text("refresh_token")}

	setActive(t, srv, "web", false)
	for _, token := range []string{people.Text("access_token"), people.Text("refresh_token"), own.Text("access_token")} {
		if active(t, srv, token) {
			t.Errorf("%.8s… is active", token)
		}
	}
	if a := srv.Call(t, people.Text("access_token"), http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("the API: %d", a.Status)
	}
	for _, pairs := range [][]string{{"grant_type", "client_credentials"}, refresh, codeForm(unused)} {
		if a := asWeb(t, srv, pairs...); a.Status != 401 || a.Text("error") != "invalid_client" {
			t.Errorf("%s: %d %s", pairs[1], a.Status, a.Body)
		}
	}
	if away := srv.Browser(t).Open(t, authorize("client_id", "web", "response_type", "code", "redirect_uri", callback, "prompt", "none")); away != nil {
		t.Errorf("a request was answered at the client: %s", away)
	}
	if away := b.SignIn(t, kermit, password); away != nil || b.Page.Status != 404 {
		t.Errorf("a request that was under way: %s %d", away, b.Page.Status)
	}
	if !active(t, srv, other.Text("access_token")) {
		t.Error("another client's token ended too")
	}

	setActive(t, srv, "web", true)
	for _, token := range []string{people.Text("access_token"), people.Text("refresh_token"), own.Text("access_token")} {
		if active(t, srv, token) {
			t.Errorf("%.8s… is active again", token)
		}
	}
	for _, pairs := range [][]string{refresh, codeForm(unused)} {
		if a := asWeb(t, srv, pairs...); a.Status != 400 || a.Text("error") != "invalid_grant" {
			t.Errorf("after its return, %s: %d %s", pairs[1], a.Status, a.Body)
		}
	}
	if away := b.Open(t, authorize("client_id", "web", "request_uri", pushed.Text("request_uri"))); away != nil || b.Page.Status != 400 {
		t.Errorf("a pushed request came back: %s %d", away, b.Page.Status)
	}
	if !active(t, srv, asWeb(t, srv, "grant_type", "client_credentials").Text("access_token")) || !active(t, srv, other.Text("access_token")) {
		t.Error("what is new, or another's, is not active")
	}
}

// Clients that prove nothing are refused as well: where they name themselves, where
// their refresh token names them, on devices, and where they manage themselves.
func TestDisabledPublicClient(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv), sluicetest.Config(func(c *sluice.Config) { c.OAuth.DeviceWithoutSecret = true }))
	a := srv.Post(t, "/oauth/token", form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password))
	waits := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	allowed := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	enterCode(t, srv, allowed.Text("user_code")).Submit(t, "decision", "allow")
	setActive(t, srv, "spa", false)
	setActive(t, srv, "tv", false)
	for name, f := range map[string]url.Values{
		"by its id":            form("grant_type", "refresh_token", "client_id", "spa", "refresh_token", a.Text("refresh_token")),
		"by its refresh token": form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token")),
	} {
		if a := srv.Post(t, "/oauth/token", f); a.Status != 401 || a.Text("error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv")); a.Status != 401 || a.Text("error") != "invalid_client" {
		t.Errorf("a device begins: %d %s", a.Status, a.Body)
	}
	b := srv.Browser(t)
	b.Open(t, "/device")
	if b.Submit(t, "user_code", waits.Text("user_code")); b.Page.Status != 400 || !contains(b.Page.Body, "This code is not known") {
		t.Errorf("the device's page: %d", b.Page.Status)
	}
	setActive(t, srv, "tv", true)
	for _, code := range []string{waits.Text("device_code"), allowed.Text("device_code")} {
		if a := poll(t, srv, "tv", code); a.Status != 400 || a.Text("error") != "invalid_grant" {
			t.Errorf("a device code came back: %d %s", a.Status, a.Body)
		}
	}
}

func TestDisabledClientDoesNotManageItself(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	made := send(t, srv, http.MethodPost, "/oauth/register", initial(t, srv, sluice.NewInitialAccessToken{}), `{"redirect_uris": ["`+callback+`"]}`)
	at := "/oauth/register/" + made.Text("client_id")
	if a := send(t, srv, http.MethodGet, at, made.Text("registration_access_token"), ""); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	setActive(t, srv, made.Text("client_id"), false)
	if a := send(t, srv, http.MethodGet, at, made.Text("registration_access_token"), ""); a.Status != 401 || a.Text("error") != "invalid_token" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// A token that a request under way inserts after its client was disabled does not
// live again with the client, nor does a grant.
func TestStragglersOfADisabledClient(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	db := tables(t, srv)
	a := tokens(t, srv)
	setActive(t, srv, "web", false)
	own := "slc_at_straggler"
	expires := store.Millis(time.Now().Add(time.Hour))
	for _, statement := range []string{
		`UPDATE grants SET revoked_at = NULL WHERE client_id = 'web'`,
		`INSERT INTO access_tokens (hash, client_id, scope, issued_at, expires_at, client_birth) SELECT $1, id, '', 0, $2, birth FROM clients WHERE id = 'web'`,
	} {
		args := []any{sum256([]byte(own)), expires}
		if strings.HasPrefix(statement, "UPDATE") {
			args = nil
		}
		if n, err := db.Exec(ctx, statement, args...); err != nil || n == 0 {
			t.Fatal(n, err)
		}
	}
	for _, at := range []string{"while it is disabled", "after its return"} {
		for _, token := range []string{own, a.Text("access_token"), a.Text("refresh_token")} {
			if active(t, srv, token) {
				t.Errorf("%s: %.8s… is active", at, token)
			}
		}
		setActive(t, srv, "web", true)
	}
}

// The tokens of a client that comes back leave in small steps, and nobody else's do.
func TestManyTokensOfADisabledClient(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	db := tables(t, srv)
	const many = 1203
	err := db.Write(ctx, func(tx *store.Tx) error {
		for n := range many {
			id := []string{"web", "other"}[n%2]
			if _, err := tx.Exec(ctx, `INSERT INTO access_tokens (hash, client_id, scope, issued_at, expires_at) VALUES ($1, $2, '', 0, 0)`,
				sum256([]byte{byte(n), byte(n >> 8)}), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	setActive(t, srv, "web", false)
	setActive(t, srv, "web", true)
	for id, want := range map[string]int{"web": 0, "other": many / 2} {
		var left int
		if err := db.QueryRow(ctx, []any{&left}, `SELECT COUNT(*) FROM access_tokens WHERE client_id = $1`, id); err != nil || left != want {
			t.Errorf("%s: %d tokens are left, not %d (%v)", id, left, want, err)
		}
	}
}

// What a user had is dead with him, in every form, and does not come back with him.
func TestDisabledUserComesBackWithNothing(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), client("tv", "", tv))
	b := srv.Browser(t)
	offline := enter(t, srv, b, "one", "openid offline_access", kermit)
	byPassword := tokens(t, srv)
	unused := code(t, srv, "client_id", "web", "redirect_uri", callback)
	device := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	enterCode(t, srv, device.Text("user_code")).Submit(t, "decision", "allow")
	own := asWeb(t, srv, "grant_type", "client_credentials").Text("access_token")
	live := []string{offline.Text("access_token"), offline.Text("refresh_token"), byPassword.Text("access_token"), byPassword.Text("refresh_token")}
	for _, status := range []bool{false, true} {
		if err := srv.Admin.SetUserActive(t.Context(), kermit, status); err != nil {
			t.Fatal(err)
		}
		for _, token := range live {
			if token == "" || active(t, srv, token) {
				t.Errorf("active %v: %.8s… counts", status, token)
			}
		}
	}
	for _, pairs := range [][]string{{"grant_type", "refresh_token", "refresh_token", byPassword.Text("refresh_token")}, codeForm(unused)} {
		if a := asWeb(t, srv, pairs...); a.Status != 400 || a.Text("error") != "invalid_grant" {
			t.Errorf("%s: %d %s", pairs[1], a.Status, a.Body)
		}
	}
	if a := poll(t, srv, "tv", device.Text("device_code")); a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("the device: %d %s", a.Status, a.Body)
	}
	if b.Open(t, "/"); contains(b.Page.Body, kermit) {
		t.Error("the session came back")
	}
	if !active(t, srv, own) || !active(t, srv, tokens(t, srv).Text("access_token")) {
		t.Error("a client's own token, or a new one, is dead")
	}
}

// A new password ends what the old one opened: sessions, and grants by it, by the
// browser and by devices, offline_access or not; not what another server vouches for.
func TestNewPasswordEndsWhatTheOldOneOpened(t *testing.T) {
	t.Parallel()
	srv := setup(t, webApp("one", nil), client("tv", "", tv), client("partner", "secret", func(c *sluice.Client) {
		c.GrantTypes = []string{"external"}
	}), sluicetest.With(sluice.WithGrant("external", func(context.Context, sluice.GrantRequest) (sluice.GrantResult, error) {
		return sluice.GrantResult{Username: kermit}, nil
	})))
	b := srv.Browser(t)
	device := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	enterCode(t, srv, device.Text("user_code")).Submit(t, "decision", "allow")
	ended := map[string]string{
		"password": tokens(t, srv).Text("access_token"), "offline": enter(t, srv, b, "one", "openid offline_access", kermit).Text("refresh_token"),
		"plain OAuth": enter(t, srv, b, "one", "read", kermit).Text("access_token"), "device": poll(t, srv, "tv", device.Text("device_code")).Text("access_token"),
	}
	stays := srv.PostAs(t, "partner", "secret", "/oauth/token", form("grant_type", "external")).Text("access_token")
	for name, token := range ended {
		if !active(t, srv, token) {
			t.Fatalf("%s: not active before", name)
		}
	}
	if err := srv.Admin.SetPassword(t.Context(), kermit, "another"); err != nil {
		t.Fatal(err)
	}
	for name, token := range ended {
		if active(t, srv, token) {
			t.Errorf("%s: still active", name)
		}
	}
	if !active(t, srv, stays) {
		t.Error("another server's word ended with the password")
	}
	if b.Open(t, "/"); contains(b.Page.Body, kermit) {
		t.Error("the session stands")
	}
}

// A client that was deleted or disabled a moment ago, and is remembered, spoils no code: a
// code that it presents stays good for whose it is.
func TestClientThatIsGoneSpoilsNothing(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for name, end := range map[string]func(id string) error{
		"deleted":  func(id string) error { return srv.Admin.DeleteClient(t.Context(), id) },
		"disabled": func(id string) error { return srv.Admin.SetClientActive(t.Context(), id, false) },
	} {
		_, err := srv.Admin.CreateClient(t.Context(), sluice.NewClient{Secret: "x", Client: sluice.Client{ID: name, Scopes: []string{"read"}, RedirectURIs: []string{callback},
			GrantTypes: []string{"client_credentials", "authorization_code"}}})
		if err != nil {
			t.Fatal(err)
		}
		if a := srv.PostAs(t, name, "x", "/oauth/token", form("grant_type", "client_credentials")); a.Status != 200 { // it is remembered now
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		unused := code(t, srv, "client_id", "web", "redirect_uri", callback)
		if err := end(name); err != nil {
			t.Fatal(err)
		}
		if a := srv.PostAs(t, name, "x", "/oauth/token", form(codeForm(unused)...)); a.Status != 401 || a.Text("error") != "invalid_client" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if a := asWeb(t, srv, codeForm(unused)...); a.Status != 200 {
			t.Errorf("the code that a %s client presented: %d %s", name, a.Status, a.Body)
		}
	}
}
