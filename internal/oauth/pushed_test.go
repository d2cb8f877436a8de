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

func push(t *testing.T, srv *sluicetest.Server, pairs ...string) string {
	t.Helper()
	a := srv.PostAs(t, "web", "secret", "/oauth/par", form(pairs...))
	if a.Status != 201 || !strings.HasPrefix(a.Text("request_uri"), "urn:ietf:params:oauth:request_uri:") || a.JSON["expires_in"] != 90.0 {
		t.Fatalf("push: %d %s", a.Status, a.Body)
	}
	return a.Text("request_uri")
}

// RFC 9126 §2, §4: what was pushed counts, and nothing beside it.
//
// Requirement R192, RFC 9126 §2.2 MUST: the answer is 201 with an unguessable request_uri and its short lifetime
// Requirement R195, RFC 9126 §4 SHOULD: a pushed request gives one answer
func TestPushedRequests(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	uri := push(t, srv, "response_type", "code", "scope", "read", "state", "pushed", "code_challenge", challenge(verifier), "code_challenge_method", "S256")
	b := srv.Browser(t)
	away := b.Authorize(t, form("client_id", "web", "request_uri", uri, "state", "beside", "scope", "write", "redirect_uri", "https://evil.example.com/"), kermit, password)
	q := away.Query()
	if q.Get("state") != "pushed" || q.Get("iss") != srv.URL || !strings.HasPrefix(away.String(), callback) {
		t.Fatalf("%s", away)
	}
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", q.Get("code"), "code_verifier", verifier))
	if a.Status != 200 || a.Text("scope") != "read" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	// Once it was answered it gives no second code (RFC 9126 §4), to this browser or
	// another.
	if away := b.Open(t, authorize("client_id", "web", "request_uri", uri)); away != nil || b.Page.Status != 409 {
		t.Errorf("a second answer: %v %d", away, b.Page.Status)
	}
}

// Until it is answered a browser may come back to it.
func TestAPushedRequestSurvivesAReload(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	uri := push(t, srv, "response_type", "code", "state", "x")
	b := srv.Browser(t)
	for range 2 {
		if away := b.Open(t, authorize("client_id", "web", "request_uri", uri)); away != nil || b.At.Path != "/login" {
			t.Fatalf("%v %s", away, b.At)
		}
	}
	if away := b.Authorize(t, form("client_id", "web", "request_uri", uri), kermit, password); away.Query().Get("code") == "" {
		t.Errorf("%s", away)
	}
}

// Requirement R196, RFC 9126 §4 MUST: a late request_uri is refused
// Requirement R197, RFC 9126 §5 own: a client registered for pushing alone cannot do without
func TestPushedRequestsOfOthers(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("strict", "secret", func(c *sluice.Client) { c.RequirePAR = true }))
	uri := push(t, srv, "response_type", "code")
	for name, address := range map[string]string{
		// Requirement R193, RFC 9126 §2.2 MUST: a pushed request works for its client alone
		"another client": authorize("client_id", "other", "request_uri", uri),
		"unknown":        authorize("client_id", "web", "request_uri", uri+"x"),
		"elsewhere":      authorize("client_id", "web", "request_uri", "https://evil.example.com/request.jwt"),
		"two":            authorize("client_id", "web", "request_uri", uri, "request", "x.y.z"),
	} {
		if a := srv.Get(t, address); a.Status != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d %s", name, a.Status, a.Header.Get("Location"))
		}
	}
	c.Move(91 * time.Second)
	if a := srv.Get(t, authorize("client_id", "web", "request_uri", uri)); a.Status != 400 || !strings.Contains(a.Body, "invalid_request_uri") {
		t.Errorf("expired: %d %s", a.Status, a.Body)
	}
	a := srv.Get(t, authorize("client_id", "strict", "response_type", "code", "redirect_uri", callback))
	if to, err := url.Parse(a.Header.Get("Location")); err != nil || to.Query().Get("error") != "invalid_request" {
		t.Errorf("not pushed: %d %s", a.Status, a.Header.Get("Location"))
	}
}

// RFC 9126 §2.3: what /oauth/authorize would refuse is refused here already.
//
// Requirement R190, RFC 9126 §2.1 MUST: who pushes proves himself as at the token endpoint
// Requirement R194, RFC 9126 §2.3 MUST: another method is 405, too large a body 413
func TestPushingWhatIsRefused(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for name, x := range map[string]struct {
		form   url.Values
		status int
		code   string
	}{
		"no response type": {form("scope", "read"), 400, "invalid_request"},
		"unknown scope":    {form("response_type", "code", "scope", "root"), 400, "invalid_scope"},
		// Requirement R191, RFC 9126 §2.1 MUST: a pushed request is checked like any other
		"strange address": {form("response_type", "code", "redirect_uri", "https://evil.example.com/"), 400, "invalid_request"},
		// Requirement R189, RFC 9126 §2.1 MUST NOT: a request_uri cannot be pushed
		"a request_uri":      {form("response_type", "code", "request_uri", "urn:ietf:params:oauth:request_uri:x"), 400, "invalid_request"},
		"another client":     {form("response_type", "code", "client_id", "other"), 400, "invalid_request"},
		"PKCE by plain":      {form("response_type", "code", "code_challenge", verifier, "code_challenge_method", "plain"), 400, "invalid_request"},
		"an unsigned object": {form("request", "eyJhbGciOiJub25lIn0.e30."), 400, "invalid_request_object"},
	} {
		if a := srv.PostAs(t, "web", "secret", "/oauth/par", x.form); a.Status != x.status || a.Text("error") != x.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := srv.PostAs(t, "web", "wrong", "/oauth/par", form("response_type", "code")); a.Status != 401 || a.Text("error") != "invalid_client" {
		t.Errorf("wrong secret: %d %s", a.Status, a.Body)
	}
	if a := srv.Post(t, "/oauth/par", form("response_type", "code", "client_id", "web")); a.Status != 401 {
		t.Errorf("no secret: %d %s", a.Status, a.Body)
	}
	if a := srv.Get(t, "/oauth/par"); a.Status != 405 {
		t.Errorf("GET: %d", a.Status)
	}
}

// object is a request object's claims.
func object(srv *sluicetest.Server, id string, changes bearertest.Claims) bearertest.Claims {
	claims := assertion(srv, id, time.Now(), nil)
	delete(claims, "sub")
	claims["client_id"], claims["response_type"], claims["redirect_uri"] = id, "code", callback
	claims["scope"], claims["state"] = "openid read", "signed"
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// RFC 9101 §6: what is signed counts, and nothing beside it.
//
// Requirement X06, RFC 9101 §10.2 own: a request object gives one answer
func TestRequestObjects(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, client("signer", "secret", func(c *sluice.Client) { c.JWKS = bearertest.JWKS(key) }))
	signed := key.Sign(bearertest.Claims{"typ": "oauth-authz-req+jwt"}, object(srv, "signer", bearertest.Claims{
		"max_age": 3600, "claims": map[string]any{"userinfo": map[string]any{"email": nil}}, "resource": []string{srv.URL + "/activiti-app"}}))
	b := srv.Browser(t)
	away := b.Authorize(t, form("client_id", "signer", "request", signed, "state", "beside", "scope", "write", "redirect_uri", callback+"/x"), kermit, password)
	if away.Query().Get("state") != "signed" {
		t.Fatalf("%s", away)
	}
	a := srv.PostAs(t, "signer", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", away.Query().Get("code"), "redirect_uri", callback))
	if a.Status != 200 || a.Text("scope") != "openid read" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if away := b.Open(t, authorize("client_id", "signer", "request", signed)); away != nil || b.Page.Status != 409 {
		t.Errorf("a second answer to one object: %v %d", away, b.Page.Status)
	}
	again := key.Sign(nil, object(srv, "signer", nil))
	uri := srv.PostAs(t, "signer", "secret", "/oauth/par", form("request", again)).Text("request_uri")
	if away := b.Open(t, authorize("client_id", "signer", "request_uri", uri)); away == nil || away.Query().Get("state") != "signed" {
		t.Errorf("a pushed object: %v %s", away, b.Page.Body)
	}
}

// Requirement X05, RFC 9101 §6 MUST: a request object of another key, client, server or time is refused
func TestRequestObjectsThatAreRefused(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	rsa := bearertest.NewKey(t, "RS256")
	srv := setup(t, client("signer", "secret", func(c *sluice.Client) { c.JWKS, c.RequireSignedRequest = bearertest.JWKS(key, rsa), true }),
		client("picky", "secret", func(c *sluice.Client) { c.JWKS, c.RequestAlg = bearertest.JWKS(key, rsa), "RS256" }))
	now := time.Now()
	for name, text := range map[string]string{
		"another's key":      other.Sign(nil, object(srv, "signer", nil)),
		"another client_id":  key.Sign(nil, object(srv, "signer", bearertest.Claims{"client_id": "web"})),
		"another issuer":     key.Sign(nil, object(srv, "signer", bearertest.Claims{"iss": "web"})),
		"another server":     key.Sign(nil, object(srv, "signer", bearertest.Claims{"aud": "https://other.example.com"})),
		"no audience":        key.Sign(nil, object(srv, "signer", bearertest.Claims{"aud": nil})),
		"expired":            key.Sign(nil, object(srv, "signer", bearertest.Claims{"exp": now.Add(-time.Minute).Unix()})),
		"no end":             key.Sign(nil, object(srv, "signer", bearertest.Claims{"exp": nil})),
		"one inside":         key.Sign(nil, object(srv, "signer", bearertest.Claims{"request": "x"})),
		"a uri inside":       key.Sign(nil, object(srv, "signer", bearertest.Claims{"request_uri": "https://a.example.com"})),
		"an assertion's typ": key.Sign(bearertest.Claims{"typ": "client-authentication+jwt"}, object(srv, "signer", nil)),
		"a logout token":     key.Sign(bearertest.Claims{"typ": "logout+jwt"}, object(srv, "signer", nil)),
		"not JWT":            "x",
	} {
		a := srv.Get(t, authorize("client_id", "signer", "request", text, "response_type", "code", "redirect_uri", callback, "state", "s"))
		to, err := url.Parse(a.Header.Get("Location"))
		if err != nil || to.Query().Get("error") != "invalid_request_object" || to.Query().Get("state") != "s" || !strings.HasPrefix(to.String(), callback) {
			t.Errorf("%s: %d %s", name, a.Status, a.Header.Get("Location"))
		}
		if a := srv.Get(t, authorize("client_id", "signer", "request", text)); a.Status != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%s, nowhere to go: %d %s", name, a.Status, a.Header.Get("Location"))
		}
	}
	a := srv.Get(t, authorize("client_id", "signer", "response_type", "code", "redirect_uri", callback))
	if to, err := url.Parse(a.Header.Get("Location")); err != nil || to.Query().Get("error") != "invalid_request" {
		t.Errorf("unsigned: %d %s", a.Status, a.Header.Get("Location"))
	}
	if a := srv.PostAs(t, "picky", "secret", "/oauth/par", form("request", key.Sign(nil, object(srv, "picky", nil)))); a.Text("error") != "invalid_request_object" {
		t.Errorf("another algorithm: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "picky", "secret", "/oauth/par", form("request", rsa.Sign(nil, object(srv, "picky", nil)))); a.Status != 201 {
		t.Errorf("the registered algorithm: %d %s", a.Status, a.Body)
	}
}
