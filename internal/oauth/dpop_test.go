package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// proved asks for tokens with a DPoP proof.
func proved(t *testing.T, srv *sluicetest.Server, key *bearertest.Key, f url.Values, changes bearertest.Claims) sluicetest.Answer {
	t.Helper()
	return srv.Post(t, "/oauth/token", f, "DPoP", key.Proof("POST", srv.URL+"/oauth/token", "", changes))
}

// RFC 9449 §5: a proof binds the access token, and the refresh token of a client
// that has no other proof of itself.
//
// Requirement R208, RFC 9449 §5 MUST: a bound token says DPoP, and a public client's refresh token needs its key
// Requirement R209, RFC 9449 §6 MUST: the key's thumbprint stands in the token and its introspection
// Requirement R211, RFC 9449 §7.2 MUST: a bound token is no bearer token
func TestDPoPBindsTokens(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	srv := setup(t)
	login := form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password, "scope", "openid read")
	a := proved(t, srv, key, login, nil)
	if a.Status != 200 || a.Text("token_type") != "DPoP" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	cnf, _ := introspected(t, srv, a.Text("access_token"))["cnf"].(map[string]any)
	if cnf["jkt"] != key.Thumbprint() || introspected(t, srv, a.Text("access_token"))["token_type"] != "DPoP" {
		t.Errorf("cnf %v", cnf)
	}
	if got := srv.Call(t, a.Text("access_token"), "GET", "profile", nil); got.Status != 401 {
		t.Errorf("as a bearer token: %d", got.Status)
	}
	at := srv.URL + "/oauth/userinfo"
	if got := srv.Get(t, "/oauth/userinfo", "Authorization", "DPoP "+a.Text("access_token"), "DPoP", key.Proof("GET", at, a.Text("access_token"), nil)); got.Text("email") != kermit {
		t.Errorf("userinfo with the key: %d %s", got.Status, got.Body)
	}
	if got := srv.Get(t, "/oauth/userinfo", "Authorization", "DPoP "+a.Text("access_token"), "DPoP", other.Proof("GET", at, a.Text("access_token"), nil)); got.Status != 401 {
		t.Errorf("userinfo with another key: %d %s", got.Status, got.Body)
	}
	again := form("grant_type", "refresh_token", "client_id", "spa", "refresh_token", a.Text("refresh_token"))
	if b := srv.Post(t, "/oauth/token", again); b.Text("error") != "invalid_grant" {
		t.Errorf("refreshed without a proof: %d %s", b.Status, b.Body)
	}
	if b := proved(t, srv, other, again, nil); b.Text("error") != "invalid_grant" {
		t.Errorf("refreshed with another key: %d %s", b.Status, b.Body)
	}
	b := proved(t, srv, key, again, nil)
	if b.Status != 200 || b.Text("token_type") != "DPoP" {
		t.Fatalf("refreshed with the key: %d %s", b.Status, b.Body)
	}
	if c := srv.Post(t, "/oauth/token", form("grant_type", "refresh_token", "client_id", "spa", "refresh_token", b.Text("refresh_token"))); c.Text("error") != "invalid_grant" {
		t.Errorf("the successor is free: %d %s", c.Status, c.Body)
	}
}

// Requirement R205, RFC 9449 §4.3
// Requirement R206, RFC 9449 §4.3
// Requirement R207, RFC 9449 §4.3
// Requirement R214, RFC 9449 §11.1 own: a proof counts once
func TestProofsThatAreRefused(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, client("bound", "secret", func(c *sluice.Client) { c.DPoPBound = true }))
	login := form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret")
	now := time.Now()
	for name, changes := range map[string]bearertest.Claims{
		"another method": {"htm": "GET"}, "another address": {"htu": srv.URL + "/oauth/introspect"}, "another host": {"htu": "https://evil.example.com/oauth/token"},
		"old": {"iat": now.Add(-3 * time.Minute).Unix()}, "future": {"iat": now.Add(3 * time.Minute).Unix()}, "no id": {"jti": nil},
	} {
		if a := proved(t, srv, key, login, changes); a.Status != 400 || a.Text("error") != "invalid_dpop_proof" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	proof := key.Proof("POST", srv.URL+"/oauth/token", "", nil)
	got := together(20, func() int { return srv.Post(t, "/oauth/token", login, "DPoP", proof).Status })
	if got[200] != 1 || got[400] != 19 {
		t.Errorf("one proof, many times: %v", got)
	}
	if a := srv.Post(t, "/oauth/token", login, "DPoP", proof, "DPoP", proof); a.Text("error") != "invalid_dpop_proof" {
		t.Errorf("two proofs: %s", a.Body)
	}
	if a := srv.PostAs(t, "bound", "secret", "/oauth/token", form("grant_type", "client_credentials")); a.Text("error") != "invalid_dpop_proof" {
		t.Errorf("a client that needs one, without: %d %s", a.Status, a.Body)
	}
	if a := srv.Get(t, authorize("client_id", "bound", "response_type", "token")); a.Status != 303 || !contains(a.Header.Get("Location"), "unauthorized_client") {
		t.Errorf("its tokens by the browser: %d %s", a.Status, a.Header.Get("Location"))
	}
}

// Requirement R209, RFC 9449 §6
func TestTheThumbprintIsInTheToken(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, client("jwt", "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	for _, id := range []string{"web", "jwt"} {
		token := proved(t, srv, key, form("grant_type", "client_credentials", "client_id", id, "client_secret", "secret"), nil).Text("access_token")
		facts := []any{introspected(t, srv, token)["cnf"]}
		if id == "jwt" {
			facts = append(facts, claimsOf(t, token)["cnf"])
		}
		for _, fact := range facts {
			if cnf, _ := fact.(map[string]any); cnf["jkt"] != key.Thumbprint() {
				t.Errorf("%s: cnf %v", id, fact)
			}
		}
	}
}

// RFC 9449 §10: a code that is bound to a key is of no use without it.
//
// Requirement R213, RFC 9449 §10 MUST: a code bound to a key is of no use without it
func TestCodesBoundToAKey(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	srv := setup(t)
	redeem := func(code string) url.Values {
		return form("grant_type", "authorization_code", "client_id", "web", "client_secret", "secret", "code", code)
	}
	get := func() string { return code(t, srv, "client_id", "web", "dpop_jkt", key.Thumbprint()) }
	if a := srv.Post(t, "/oauth/token", redeem(get())); a.Text("error") != "invalid_grant" {
		t.Errorf("without a proof: %s", a.Body)
	}
	if a := proved(t, srv, other, redeem(get()), nil); a.Text("error") != "invalid_grant" {
		t.Errorf("with another key: %s", a.Body)
	}
	if a := proved(t, srv, key, redeem(get()), nil); a.Status != 200 || a.Text("token_type") != "DPoP" {
		t.Errorf("with the key: %s", a.Body)
	}
	a := srv.Post(t, "/oauth/par", form("client_id", "web", "client_secret", "secret", "response_type", "code"),
		"DPoP", key.Proof("POST", srv.URL+"/oauth/par", "", nil))
	away := srv.Browser(t).Authorize(t, form("client_id", "web", "request_uri", a.Text("request_uri")), kermit, password)
	if b := srv.Post(t, "/oauth/token", redeem(away.Query().Get("code"))); b.Text("error") != "invalid_grant" {
		t.Errorf("pushed with a proof, redeemed without: %s", b.Body)
	}
	a = srv.Post(t, "/oauth/par", form("client_id", "web", "client_secret", "secret", "response_type", "code", "dpop_jkt", other.Thumbprint()),
		"DPoP", key.Proof("POST", srv.URL+"/oauth/par", "", nil))
	if a.Text("error") != "invalid_request" {
		t.Errorf("two keys: %s", a.Body)
	}
}

// RFC 9449 §8: the server chooses a value that proofs must hold.
//
// Requirement R212, RFC 9449 §8 MUST: a required nonce is asked for, and has to be ours
func TestNonces(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.DPoPNonces = true }))
	login := form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret")
	a := proved(t, srv, key, login, nil)
	nonce := a.Header.Get("DPoP-Nonce")
	if a.Status != 400 || a.Text("error") != "use_dpop_nonce" || nonce == "" {
		t.Fatalf("%d %s %q", a.Status, a.Body, nonce)
	}
	if a := proved(t, srv, key, login, bearertest.Claims{"nonce": nonce}); a.Status != 200 || a.Header.Get("DPoP-Nonce") == "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := proved(t, srv, key, login, bearertest.Claims{"nonce": strings.Repeat("A", len(nonce))}); a.Text("error") != "use_dpop_nonce" {
		t.Errorf("a forged nonce: %s", a.Body)
	}
}
