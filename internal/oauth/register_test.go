package oauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// initial makes an initial access token.
func initial(t *testing.T, srv *sluicetest.Server, n sluice.NewInitialAccessToken) string {
	t.Helper()
	token, made, err := srv.Admin.CreateInitialAccessToken(context.Background(), n)
	if err != nil || made.ID == "" || strings.Contains(token, made.ID) {
		t.Fatalf("initial access token: %+v, %v", made, err)
	}
	return token
}

// send sends JSON with a bearer token, which may be empty.
func send(t *testing.T, srv *sluicetest.Server, method, path, token, body string) sluicetest.Answer {
	t.Helper()
	path = strings.TrimPrefix(path, srv.URL)
	r, err := http.NewRequest(method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return srv.Do(t, r)
}

const app = `{"redirect_uris":["https://app.example.com/cb"],"client_name":"An app"}`

// RFC 7591 §3.2.1 and RFC 7592 §2.
func TestAClientRegistersItself(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	token := initial(t, srv, sluice.NewInitialAccessToken{Uses: 2})
	a := send(t, srv, "POST", "/oauth/register", token, `{"redirect_uris":["http://127.0.0.1/cb"],"client_name":"An app","scope":"openid email",
		"grant_types":["authorization_code","refresh_token"],"contacts":["me@example.com"],"unknown_member":{"a":1},"client_name#de":"Eine App"}`)
	if a.Status != 201 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "application/json;charset=UTF-8" {
		t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
	}
	id, secret, manage, where := a.Text("client_id"), a.Text("client_secret"), a.Text("registration_access_token"), a.Text("registration_client_uri")
	for member, want := range map[string]any{"client_name": "An app", "scope": "openid email", "token_endpoint_auth_method": "client_secret_basic",
		"client_secret_expires_at": 0.0, "grant_types": "[authorization_code refresh_token]", "response_types": "[code]",
		"redirect_uris": "[http://127.0.0.1/cb]", "contacts": "[me@example.com]", "registration_client_uri": srv.URL + "/oauth/register/" + id} {
		if got := a.JSON[member]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, not %v", member, got, want)
		}
	}
	if issued, _ := a.JSON["client_id_issued_at"].(float64); time.Since(time.Unix(int64(issued), 0)).Abs() > time.Minute || len(id) < 32 || len(secret) < 40 {
		t.Errorf("%s", a.Body)
	}
	c := code(t, srv, "client_id", id, "redirect_uri", "http://127.0.0.1:5999/cb", "scope", "openid email")
	got := srv.PostAs(t, id, secret, "/oauth/token", form("grant_type", "authorization_code", "code", c, "redirect_uri", "http://127.0.0.1:5999/cb"))
	if got.Status != 200 || got.Text("id_token") == "" || got.Text("refresh_token") == "" {
		t.Fatalf("the new client gets %d %s", got.Status, got.Body)
	}

	read := send(t, srv, "GET", where, manage, "")
	if read.Status != 200 || read.Text("client_id") != id || read.Text("registration_access_token") != manage || read.Text("client_name") != "An app" || read.Text("client_secret") != "" {
		t.Errorf("read: %d %s", read.Status, read.Body)
	}
	changed := send(t, srv, "PUT", where, manage, fmt.Sprintf(`{"client_id":%q,"client_secret":%q,"redirect_uris":["https://app.example.com/new"],"client_name":"New"}`, id, secret))
	next := changed.Text("registration_access_token")
	if changed.Status != 200 || changed.Text("client_name") != "New" || next == "" || next == manage || changed.JSON["contacts"] != nil || changed.Text("client_secret") != "" {
		t.Fatalf("changed: %d %s", changed.Status, changed.Body)
	}
	if again := send(t, srv, "GET", where, manage, ""); again.Status != 401 || !strings.Contains(again.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
		t.Errorf("the old registration access token: %d %s", again.Status, again.Body)
	}
	if c, err := srv.Admin.Client(context.Background(), id); err != nil || c.Name != "New" || fmt.Sprint(c.RedirectURIs) != "[https://app.example.com/new]" || len(c.GrantTypes) != 1 {
		t.Errorf("the client is now %+v, %v", c, err)
	}
	gone := send(t, srv, "DELETE", where, next, "")
	if gone.Status != 204 || gone.Body != "" {
		t.Errorf("deleted: %d %s", gone.Status, gone.Body)
	}
	if again := send(t, srv, "GET", where, next, ""); again.Status != 401 {
		t.Errorf("after the end: %d %s", again.Status, again.Body)
	}
	if active(t, srv, got.Text("access_token")) {
		t.Error("a token outlived its client")
	}
}

func TestRegistrationNeedsAToken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	srv := setup(t, clock.option())
	status := func(token string) int {
		t.Helper()
		a := send(t, srv, "POST", "/oauth/register", token, app)
		if challenge := a.Header.Get("WWW-Authenticate"); a.Status == 401 && (!strings.HasPrefix(challenge, "Bearer ") || a.Text("error") != "invalid_token" || strings.Contains(challenge, "error") == (token == "")) {
			t.Errorf("401 with %q %s", challenge, a.Body)
		}
		return a.Status
	}
	short := initial(t, srv, sluice.NewInitialAccessToken{TTL: time.Minute, Uses: 100})
	once := initial(t, srv, sluice.NewInitialAccessToken{Name: "once", TTL: time.Hour})
	for token, want := range map[string]int{"": 401, "slc_ia_forged": 401, short: 201} {
		if got := status(token); got != want {
			t.Errorf("%q: %d, not %d", token, got, want)
		}
	}
	clock.Move(time.Minute)
	if got := status(short); got != 401 {
		t.Errorf("expired: %d", got)
	}
	if bad := send(t, srv, "POST", "/oauth/register", once, `{"redirect_uris":["http://evil.example.com/cb"]}`); bad.Text("error") != "invalid_redirect_uri" {
		t.Errorf("%s", bad.Body)
	}
	var statuses [8]int
	var wait sync.WaitGroup
	for i := range statuses {
		wait.Go(func() { statuses[i] = status(once) })
	}
	wait.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	if count[201] != 1 || count[401] != 7 {
		t.Errorf("one use, eight at once: %v", count)
	}
	lost := initial(t, srv, sluice.NewInitialAccessToken{Name: "lost"})
	list, err := srv.Admin.InitialAccessTokens(context.Background(), 0, 10)
	if err != nil || len(list) != 3 || list[0].Name != "lost" || list[0].UsesLeft != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := srv.Admin.RevokeInitialAccessToken(context.Background(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := status(lost); got != 401 {
		t.Errorf("revoked: %d", got)
	}
	if err := srv.Admin.RevokeInitialAccessToken(context.Background(), list[0].ID); err == nil {
		t.Error("revoked twice")
	}
	r, _ := http.NewRequest("POST", srv.URL+"/oauth/register", strings.NewReader(app))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Basic d2ViOnNlY3JldA==")
	if a := srv.Do(t, r); a.Status != 401 {
		t.Errorf("Basic: %d", a.Status)
	}
}

func TestOpenRegistrationIsASetting(t *testing.T) {
	t.Parallel()
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.InsecureOpenRegistration = true }))
	a := send(t, srv, "POST", "/oauth/register", "", `{"redirect_uris":["com.example:/cb"],"token_endpoint_auth_method":"none","application_type":"native"}`)
	if a.Status != 201 || a.Text("client_secret") != "" || a.JSON["client_secret_expires_at"] != nil || a.Text("scope") != "openid profile email offline_access" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := send(t, srv, "POST", "/oauth/register", "slc_ia_forged", app); a.Status != 401 {
		t.Errorf("a wrong token in an open house: %d", a.Status)
	}
	if a := send(t, srv, "POST", "/oauth/register", "", `{"grant_types":["client_credentials"]}`); a.Status != 400 {
		t.Errorf("the open house gives more than the default: %d %s", a.Status, a.Body)
	}
}

// Nobody fills the database with clients: in a day so many come without a token and no
// more, whatever those with a token do.
func TestOpenRegistrationHasAQuota(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), sluicetest.Config(func(cfg *sluice.Config) {
		cfg.OAuth.InsecureOpenRegistration, cfg.OAuth.OpenRegistrations = true, 2
	}))
	token := initial(t, srv, sluice.NewInitialAccessToken{Uses: 5})
	register := func(step, token string, want int) {
		t.Helper()
		if a := send(t, srv, "POST", "/oauth/register", token, app); a.Status != want || (want == 429) != (a.Header.Get("Retry-After") != "") {
			t.Errorf("%s: %d %v %s", step, a.Status, a.Header, a.Body)
		}
	}
	register("by token", token, 201)
	register("the first", "", 201)
	c.Move(time.Hour)
	register("the second", "", 201)
	register("the third", "", 429)
	register("by token, again", token, 201)
	c.Move(23*time.Hour + time.Minute)
	register("a day after the first", "", 201)
	register("and one more", "", 429)
}

// What self-registered clients may have is what their token says.
func TestRegistrationRefusals(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	policy := sluice.RegistrationPolicy{GrantTypes: []string{"authorization_code", "client_credentials", "implicit"}, Scopes: []string{"openid", "read"}, DetailTypes: []string{"payment"}}
	token := initial(t, srv, sluice.NewInitialAccessToken{Uses: 1000, Policy: &policy})
	const uri = `"redirect_uris":["https://app.example.com/cb"]`
	const key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	for _, x := range []struct{ body, code, says string }{
		{`{`, "invalid_client_metadata", "one JSON object"},
		{`[]`, "invalid_client_metadata", ""},
		{`{"scope":"read","scope":"read","grant_types":["client_credentials"]}`, "invalid_client_metadata", "repeated"},
		{`{"redirect_uris":"https://app.example.com/cb"}`, "invalid_client_metadata", "/redirect_uris"},
		{`{}`, "invalid_redirect_uri", "redirect_uris is needed"},
		{`{"redirect_uris":["https://app.example.com/*"]}`, "invalid_redirect_uri", ""},
		{`{"redirect_uris":["https://app.example.com/cb#x"]}`, "invalid_redirect_uri", ""},
		{`{"redirect_uris":["javascript:alert(1)"]}`, "invalid_redirect_uri", ""},
		{`{"redirect_uris":["http://localhost/cb"],"grant_types":["implicit"]}`, "invalid_redirect_uri", "https"},
		{`{` + uri + `,"grant_types":["password"]}`, "invalid_client_metadata", "password may not"},
		{`{` + uri + `,"grant_types":["authorization_code","refresh_token"]}`, "invalid_client_metadata", "refresh_token may not"},
		{`{` + uri + `,"scope":"read write"}`, "invalid_client_metadata", "write may not"},
		{`{` + uri + `,"authorization_details_types":["account"]}`, "invalid_client_metadata", "account may not"},
		{`{` + uri + `,"response_types":["token"]}`, "invalid_client_metadata", "needs the grant type implicit"},
		{`{` + uri + `,"response_types":["magic"]}`, "invalid_client_metadata", "magic"},
		{`{"grant_types":["client_credentials"],"response_types":["code"]}`, "invalid_client_metadata", "needs the grant type authorization_code"},
		{`{"grant_types":["client_credentials"],"token_endpoint_auth_method":"none"}`, "invalid_client_metadata", "needs a client with a secret"},
		{`{` + uri + `,"token_endpoint_auth_method":"client_secret_jwt"}`, "invalid_client_metadata", "token_endpoint_auth_method"},
		{`{` + uri + `,"token_endpoint_auth_method":"private_key_jwt"}`, "invalid_client_metadata", "needs jwks"},
		{`{` + uri + `,"jwks":{"keys":[` + key + `]},"jwks_uri":"https://app.example.com/k"}`, "invalid_client_metadata", "exclude"},
		{`{` + uri + `,"jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}}`, "invalid_client_metadata", "public keys"},
		{`{` + uri + `,"jwks_uri":"http://169.254.169.254/keys"}`, "invalid_client_metadata", "jwks_uri"},
		{`{` + uri + `,"software_statement":"a.b.c"}`, "unapproved_software_statement", ""},
		{`{` + uri + `,"subject_type":"pairwise"}`, "invalid_client_metadata", "subject_type"},
		{`{` + uri + `,"id_token_encrypted_response_alg":"RSA-OAEP"}`, "invalid_client_metadata", "id_token_encrypted_response_alg"},
		{`{` + uri + `,"id_token_signed_response_alg":"none"}`, "invalid_client_metadata", "id_token_signed_response_alg"},
		{`{` + uri + `,"sector_identifier_uri":"https://127.0.0.1:1/x"}`, "invalid_client_metadata", "sector_identifier_uri"},
		{`{` + uri + `,"client_name":"` + strings.Repeat("x", 201) + `"}`, "invalid_client_metadata", "200 characters"},
	} {
		a := send(t, srv, "POST", "/oauth/register", token, x.body)
		if a.Status != 400 || a.Text("error") != x.code || !strings.Contains(a.Text("error_description"), x.says) {
			t.Errorf("%s: %d %s", x.body, a.Status, a.Body)
		}
	}
	if a := send(t, srv, "POST", "/oauth/register", token, `{"x":"`+strings.Repeat("x", 64<<10)+`"}`); a.Status != 413 {
		t.Errorf("a large body: %d", a.Status)
	}
	if a := srv.Post(t, "/oauth/register", form("redirect_uris", "x"), "Authorization", "Bearer "+token); a.Status != 400 {
		t.Errorf("a form: %d %s", a.Status, a.Body)
	}
	for method, path := range map[string]string{"GET": "/oauth/register", "POST": "/oauth/register/x", "PATCH": "/oauth/register/x"} {
		if a := send(t, srv, method, path, token, `{}`); a.Status != 405 || a.Header.Get("Allow") == "" {
			t.Errorf("%s %s: %d", method, path, a.Status)
		}
	}
	list, err := srv.Admin.InitialAccessTokens(context.Background(), 0, 1)
	if err != nil || list[0].UsesLeft != 1000 {
		t.Errorf("refusals cost uses: %+v, %v", list, err)
	}
	a := send(t, srv, "POST", "/oauth/register", token, `{"grant_types":["client_credentials"],"token_endpoint_auth_method":"private_key_jwt","jwks":{"keys":[`+key+`]}}`)
	if a.Status != 201 || a.Text("client_secret") != "" || a.Text("scope") != "openid read" || a.JSON["response_types"] != nil {
		t.Errorf("by key: %d %s", a.Status, a.Body)
	}
}

// The members of our own give rights; only the operator gives them, and an update
// does not take them away.
func TestOwnMembersAreTheOperators(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := send(t, srv, "POST", "/oauth/register", initial(t, srv, sluice.NewInitialAccessToken{}), `{"redirect_uris":["https://app.example.com/cb"],
		"roles":["admin"],"resources":["https://other.example.com"],"token_exchange_from":["*"],"skip_consent":true,"introspect":true,
		"assertion_issuers":[{"iss":"https://evil.example.com","jwks_uri":"https://evil.example.com/k"}]}`)
	ctx := context.Background()
	c, err := srv.Admin.Client(ctx, a.Text("client_id"))
	if err != nil || a.Status != 201 || c.SkipConsent || c.Introspect || len(c.Roles)+len(c.Resources)+len(c.ExchangeFrom)+len(c.AssertionIssuers) > 0 {
		t.Fatalf("%d %+v, %v", a.Status, c, err)
	}
	c.Roles, c.Scopes, c.GrantTypes, c.SkipConsent = []string{"clerk"}, append(c.Scopes, "read"), append(c.GrantTypes, "password"), true
	if _, err := srv.Admin.UpdateClient(ctx, c); err != nil {
		t.Fatal(err)
	}
	update := func(token, more string) sluicetest.Answer {
		return send(t, srv, "PUT", a.Text("registration_client_uri"), token, fmt.Sprintf(`{"client_id":%q,"redirect_uris":["https://app.example.com/cb"]%s}`, c.ID, more))
	}
	b := update(a.Text("registration_access_token"), `,"grant_types":["authorization_code","password"],"scope":"openid read","roles":["admin"]`)
	c, err = srv.Admin.Client(ctx, c.ID)
	if err != nil || b.Status != 200 || fmt.Sprint(c.Roles, c.Scopes, c.GrantTypes, c.SkipConsent) != "[clerk] [openid read] [authorization_code password] true" {
		t.Errorf("after an update: %d %s %+v, %v", b.Status, b.Body, c, err)
	}
	token := b.Text("registration_access_token")
	for more, says := range map[string]string{
		`,"grant_types":["client_credentials"]`:  "client_credentials may not",
		`,"client_secret":"chosen"`:              "cannot choose",
		`,"registration_access_token":"x"`:       "must not be sent",
		`,"client_secret_expires_at":0`:          "must not be sent",
		`,"redirect_uris":["https://x.test/*"]`:  "repeated",
		`,"token_endpoint_auth_method":"secret"`: "token_endpoint_auth_method",
	} {
		if b := update(token, more); b.Status != 400 || !strings.Contains(b.Text("error_description"), says) {
			t.Errorf("%s: %d %s", more, b.Status, b.Body)
		}
	}
	other := send(t, srv, "POST", "/oauth/register", initial(t, srv, sluice.NewInitialAccessToken{}), app)
	if b := update(other.Text("registration_access_token"), ""); b.Status != 401 {
		t.Errorf("another client's token: %d", b.Status)
	}
	if b := send(t, srv, "PUT", other.Text("registration_client_uri"), other.Text("registration_access_token"), fmt.Sprintf(`{"client_id":%q,"redirect_uris":["https://app.example.com/cb"]}`, c.ID)); b.Status != 400 {
		t.Errorf("another client's id: %d %s", b.Status, b.Body)
	}
	if b := send(t, srv, "GET", "/oauth/register/web", other.Text("registration_access_token"), ""); b.Status != 401 {
		t.Errorf("an operator's client: %d", b.Status)
	}
	public := update(token, `,"jwks":null,"contacts":null,"token_endpoint_auth_method":"none","application_type":"native"`)
	if c, err := srv.Admin.Client(ctx, c.ID); public.Status != 200 || err != nil || !c.Public {
		t.Errorf("from secret to none: %d %s", public.Status, public.Body)
	}
	back := update(public.Text("registration_access_token"), "")
	if back.Status != 200 || !strings.HasPrefix(back.Text("client_secret"), "slc_cs_") || back.Text("client_secret") == a.Text("client_secret") {
		t.Errorf("from none to secret: %d %s", back.Status, back.Body)
	}
}

// OpenID Connect Registration §5.
func TestSectorIdentifier(t *testing.T) {
	t.Parallel()
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode([]string{"https://app.example.com/cb", "https://app.example.com/other"})
	}))
	t.Cleanup(list.Close)
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.InsecureLoopbackFetch = true }))
	token := initial(t, srv, sluice.NewInitialAccessToken{Uses: 10})
	for uri, want := range map[string]int{"https://app.example.com/cb": 201, "https://app.example.com/third": 400} {
		if a := send(t, srv, "POST", "/oauth/register", token, fmt.Sprintf(`{"redirect_uris":[%q],"sector_identifier_uri":%q}`, uri, list.URL)); a.Status != want {
			t.Errorf("%s: %d %s", uri, a.Status, a.Body)
		}
	}
}
