package oauth_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// Requirement R119, RFC 7662 §2.1 MUST: a wrong or unknown hint hides no token
// Requirement R121, RFC 7662 §2.2
// Requirement R124, RFC 7662 §2.2
func TestIntrospectionTellsTheFacts(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := tokens(t, srv)
	for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
		b := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", a.Text("access_token"), "token_type_hint", hint))
		want := map[string]any{"active": true, "username": kermit, "client_id": "web", "scope": "read write", "token_type": "Bearer", "sub": "1", "iss": srv.URL}
		for name, value := range want {
			if b.JSON[name] != value {
				t.Errorf("hint %q: %s = %v, want %v", hint, name, b.JSON[name], value)
			}
		}
		exp, _ := b.JSON["exp"].(float64)
		iat, _ := b.JSON["iat"].(float64)
		if exp-iat != 3600 {
			t.Errorf("exp %v - iat %v", exp, iat)
		}
	}
	b := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", a.Text("refresh_token"), "token_type_hint", "access_token"))
	if b.JSON["active"] != true || b.JSON["token_type"] != "refresh_token" {
		t.Errorf("refresh token: %s", b.Body)
	}
}

// Requirement R122, RFC 7662 §2.2
// Requirement R123, RFC 7662 §2.2 SHOULD NOT: an inactive token is told as that and nothing else
func TestIntrospectionTellsNothingOfDeadTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	revoked := tokens(t, srv).Text("access_token")
	srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", revoked))
	for name, token := range map[string]string{"unknown": "x", "revoked": revoked, "cut": revoked[:len(revoked)-1], "huge": strings.Repeat("x", 20_000), "odd": "%00\x01é"} {
		if a := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", token)); a.Status != 200 || strings.TrimSpace(a.Body) != `{"active":false}` {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// A client sees its own tokens, a resource server everybody's, anybody else none.
//
// Requirement R118, RFC 7662 §2.1 MUST: nobody introspects without proving himself
// Requirement R120, RFC 7662 §2.1 REQUIRED: token has to be there, once
// Requirement R122, RFC 7662 §2.2 MUST: unknown, changed and foreign tokens are inactive
// Requirement R128, RFC 7662 §2.3
func TestWhoMayIntrospect(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	token := tokens(t, srv).Text("access_token")
	if a := srv.PostAs(t, "web", "secret", "/oauth/introspect", form("token", token)); a.JSON["active"] != true {
		t.Errorf("its own client: %s", a.Body)
	}
	if a := srv.PostAs(t, "other", odd, "/oauth/introspect", form("token", token)); strings.TrimSpace(a.Body) != `{"active":false}` {
		t.Errorf("another client: %s", a.Body)
	}
	for name, f := range map[string][]string{"nobody": {"token", token}, "a public client": {"token", token, "client_id", "spa"},
		"a wrong secret": {"token", token, "client_id", "rs", "client_secret", "x"}} {
		if a := srv.Post(t, "/oauth/introspect", form(f...)); a.Status != 401 || a.Text("error") != "invalid_client" || a.JSON["active"] != nil {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, f := range map[string][]string{"no token": {}, "two tokens": {"token", token, "token", token}} {
		if a := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form(f...)); a.Status != 400 || a.Text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// Requirement R125, RFC 7662 §2.2 own: Spring's user_name is understood, and said beside username
func TestSpringDialect(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.PostAs(t, "rs", "rs secret", "/oauth/check_token", form("token", tokens(t, srv).Text("access_token")))
	if a.Status != 200 || a.Text("user_name") != kermit || a.Text("username") != kermit || fmt.Sprint(a.JSON["scope"]) != "[read write]" ||
		fmt.Sprint(a.JSON["authorities"]) != "[ROLE_USER]" || fmt.Sprint(a.JSON["aud"]) != "["+srv.URL+"/activiti-app]" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "rs", "rs secret", "/oauth/check_token", form("token", "x")); a.Status != 400 || a.Text("error") != "invalid_token" {
		t.Errorf("unknown: %d %s", a.Status, a.Body)
	}
}

// RFC 7009.
//
// Requirement R093, RFC 7009 §2.1 MUST: a revocation without a token is refused
// Requirement R094, RFC 7009 §2.1
// Requirement R095, RFC 7009 §2.1
// Requirement R096, RFC 7009 §2.1 MUST: a wrong hint hides no token
// Requirement R098, RFC 7009 §2.1 MUST: refresh tokens and access tokens can both be revoked
// Requirement R099, RFC 7009 §2.1
// Requirement R100, RFC 7009 §2.1
// Requirement R101, RFC 7009 §2.2 MUST: an unknown token is answered like a revoked one
// Requirement R102, RFC 7009 §2.2
func TestRevocation(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := tokens(t, srv)
	access, refresh := a.Text("access_token"), a.Text("refresh_token")
	for name, f := range map[string][]string{"nobody": {"token", access}, "a wrong secret": {"token", access, "client_id", "web", "client_secret", "x"}} {
		if b := srv.Post(t, "/oauth/revoke", form(f...)); b.Status != 401 {
			t.Errorf("%s: %d", name, b.Status)
		}
	}
	if b := srv.PostAs(t, "web", "secret", "/oauth/revoke", form()); b.Status != 400 {
		t.Errorf("no token: %d", b.Status)
	}
	if b := srv.PostAs(t, "other", odd, "/oauth/revoke", form("token", access)); b.Status != 200 || !active(t, srv, access) {
		t.Errorf("another client: %d, and the token must live", b.Status)
	}
	if b := srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", "rubbish")); b.Status != 200 || strings.TrimSpace(b.Body) != "{}" || !strings.HasPrefix(b.Header.Get("Content-Type"), "application/json") {
		t.Errorf("rubbish: %d %s", b.Status, b.Body)
	}
	if b := srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", access, "token_type_hint", "refresh_token")); b.Status != 200 || active(t, srv, access) || !active(t, srv, refresh) {
		t.Error("an access token alone must end, whatever the hint")
	}
	b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", refresh))
	srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", b.Text("refresh_token")))
	if active(t, srv, b.Text("access_token")) || active(t, srv, b.Text("refresh_token")) {
		t.Error("revoking a refresh token must end its grant")
	}
}

func TestDeletedClientTakesItsTokensAlong(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	user, own := tokens(t, srv), srv.Token(t, "web", "secret", form("grant_type", "client_credentials"))
	if err := srv.Admin.DeleteClient(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	again := sluice.NewClient{Secret: "secret", Client: sluice.Client{ID: "web", GrantTypes: everything, RedirectURIs: []string{callback}, Scopes: []string{"read", "write"}}}
	if _, err := srv.Admin.CreateClient(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{user.Text("access_token"), user.Text("refresh_token"), own} {
		if active(t, srv, token) {
			t.Error("a token of the deleted client lives on under its successor")
		}
	}
}

func TestSecretRotation(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	srv.Token(t, "web", "secret", form("grant_type", "client_credentials")) // fills the cache of verified secrets
	made, err := srv.Admin.SetClientSecret(t.Context(), "web", "")
	if err != nil || !strings.HasPrefix(made, "slc_cs_") {
		t.Fatal(made, err)
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "client_credentials")); a.Status != 401 {
		t.Errorf("the old secret: %d", a.Status)
	}
	srv.Token(t, "web", made, form("grant_type", "client_credentials"))
	if _, err := srv.Admin.SetClientSecret(t.Context(), "spa", ""); err == nil {
		t.Error("a public client got a secret")
	}
}

// Requirement R256, OpenID Connect §5.3 MUST: userinfo and id_token name the same sub
func TestUserInfo(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	signed := srv.Token(t, "web", "secret", form("grant_type", "password", "username", kermit, "password", password, "scope", "openid"))
	a := srv.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+signed, "Content-Type", "application/x-www-form-urlencoded")
	if a.Status != 200 || a.Text("sub") != "1" || a.Text("preferred_username") != kermit || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := srv.Get(t, "/oauth/userinfo"); a.Status != 401 || strings.Contains(a.Header.Get("WWW-Authenticate"), "error=") {
		t.Errorf("no token: %d %s", a.Status, a.Header.Get("WWW-Authenticate"))
	}
	own := srv.Token(t, "web", "secret", form("grant_type", "client_credentials"))
	if a := srv.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+own); a.Status != 403 {
		t.Errorf("a client's own token: %d", a.Status)
	}
}

// OpenID Connect Core §5.3: userinfo is for tokens of OpenID Connect requests; a token
// for something else tells nobody who its user is where the operator wants it so.
func TestUserInfoNeedsOpenID(t *testing.T) {
	t.Parallel()
	strict := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.UserinfoWithoutOpenID = false }))
	a := strict.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+tokens(t, strict).Text("access_token"))
	if a.Status != 403 || a.Text("error") != "insufficient_scope" || !strings.Contains(a.Header.Get("WWW-Authenticate"), `scope="openid"`) || strings.Contains(a.Body, kermit) {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	lenient := setup(t)
	if a := lenient.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+tokens(t, lenient).Text("access_token")); a.Status != 200 || a.Text("preferred_username") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	own := lenient.Token(t, "web", "secret", form("grant_type", "client_credentials"))
	if a := lenient.Get(t, "/oauth/userinfo", "Authorization", "Bearer "+own); a.Status != 403 {
		t.Errorf("a client's own token: %d", a.Status)
	}
}

// Requirement R115, RFC 7636 §7.2
// Requirement R137, RFC 8414 §2
// Requirement R139, RFC 8414 §2
// Requirement R144, RFC 8414 §3.2
// Requirement R147, RFC 8414 §2 own: Host and forwarding headers do not change the document
// Requirement R250, RFC 9728 §2 REQUIRED: resource is the API's own identifier
// Lesson L18, openid-client
func TestMetadata(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.Get(t, "/.well-known/oauth-authorization-server", "Host", "evil.example.com", "X-Forwarded-Host", "evil.example.com")
	b := srv.Get(t, "/.well-known/openid-configuration")
	if a.Status != 200 || a.Body != b.Body || a.Text("issuer") != srv.URL || strings.Contains(a.Body, "evil") || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for name, value := range a.JSON {
		if list, ok := value.([]any); ok && len(list) == 0 {
			t.Errorf("%s is an empty list", name)
		}
		if strings.HasSuffix(name, "_endpoint") || name == "jwks_uri" {
			if c := srv.Get(t, strings.TrimPrefix(value.(string), srv.URL)); c.Status == 404 {
				t.Errorf("%s leads nowhere", name)
			}
		}
	}
	if fmt.Sprint(a.JSON["code_challenge_methods_supported"]) != "[S256]" || a.JSON["authorization_response_iss_parameter_supported"] != true {
		t.Errorf("%s", a.Body)
	}
	if c := srv.Get(t, "/.well-known/oauth-authorization-server/other"); c.Status != 404 {
		t.Errorf("an unknown issuer path: %d", c.Status)
	}
	if c := srv.Get(t, "/.well-known/oauth-protected-resource/activiti-app"); c.Text("resource") != srv.URL+"/activiti-app" {
		t.Errorf("the resource's metadata: %d %s", c.Status, c.Body)
	}
}

// An independent library accepts the documents, the keys and the id_token.
//
// Requirement R254, OpenID Connect §3.1.3.7 MUST: an id_token has its claims, and an independent library verifies it
// Requirement R258, OpenID Connect §Discovery 4
func TestGoOIDCVerifiesOurIDToken(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	provider, err := oidc.NewProvider(context.Background(), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	k := code(t, srv, "client_id", "web", "scope", "openid", "nonce", "n")
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", k))
	token, err := provider.Verifier(&oidc.Config{ClientID: "web"}).Verify(t.Context(), a.Text("id_token"))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.VerifyAccessToken(a.Text("access_token")); err != nil || token.Nonce != "n" || token.Subject != "1" {
		t.Errorf("at_hash %v, nonce %q, sub %q", err, token.Nonce, token.Subject)
	}
}

// A token that a request under way leaves to a user who is being disabled, as PostgreSQL
// lets it, is dead by the user's state alone.
func TestTokenOfADisabledUserIsDeadWhateverItsGrant(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	token := tokens(t, srv)
	if !active(t, srv, token.Text("access_token")) {
		t.Fatal("it is dead before")
	}
	if _, err := tables(t, srv).Exec(t.Context(), `UPDATE users SET status = 'inactive'`); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"access_token", "refresh_token"} {
		if active(t, srv, token.Text(kind)) {
			t.Errorf("the %s is live", kind)
		}
	}
	if a := srv.Call(t, token.Text("access_token"), "GET", "profile", nil); a.Status != 401 {
		t.Errorf("the API: %d", a.Status)
	}
}
