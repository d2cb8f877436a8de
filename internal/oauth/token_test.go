package oauth_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// RFC 6749 §2.3, §3.2, §5.2: what the token endpoint answers to requests that are
// wrong in one way each.
//
// Requirement R059, RFC 6749 §5.2 MUST: every other refusal of the token endpoint is 400 in JSON
func TestTokenRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("plain", "plain secret", func(c *sluice.Client) { c.GrantTypes = []string{"client_credentials"} }))
	const urlencoded = "application/x-www-form-urlencoded"
	web := basic("web", "secret")
	for name, c := range map[string]struct {
		body, kind string
		headers    []string
		status     int
		code       string
	}{
		"no grant type": {"scope=read", urlencoded, []string{web}, 400, "invalid_request"},
		// Requirement R052, RFC 6749 §4.5 MUST: a grant_type nobody knows is unsupported_grant_type
		"unknown grant type": {"grant_type=urn:x:y", urlencoded, []string{web}, 400, "unsupported_grant_type"},
		// Requirement R060, RFC 6749 §5.2 MUST: a grant beyond the client's registration is unauthorized_client
		"grant not registered": {"grant_type=password&username=a&password=b", urlencoded, []string{basic("plain", "plain+secret")}, 400, "unauthorized_client"},
		// Requirement R058, RFC 6749 §5.2 MUST: bad credentials by Basic are 401 with a Basic challenge
		"wrong secret":   {"grant_type=client_credentials", urlencoded, []string{basic("web", "wrong")}, 401, "invalid_client"},
		"unknown client": {"grant_type=client_credentials", urlencoded, []string{basic("nobody", "secret")}, 401, "invalid_client"},
		"no client":      {"grant_type=client_credentials", urlencoded, nil, 401, "invalid_client"},
		// Requirement R026, RFC 6749 §3.2.1 MUST: a confidential client gets nothing by its bare id
		"secret missing": {"grant_type=client_credentials&client_id=web", urlencoded, nil, 401, "invalid_client"},
		// Requirement R001, RFC 6749 §2.3 MUST NOT: a request that proves its client in two ways is refused
		// Requirement R241, OAuth 2.1 §2.4
		"two ways at once": {"grant_type=client_credentials&client_id=web&client_secret=secret", urlencoded, []string{web}, 400, "invalid_request"},
		"two clients":      {"grant_type=client_credentials&client_id=other", urlencoded, []string{web}, 400, "invalid_request"},
		"two headers":      {"grant_type=client_credentials", urlencoded, []string{web, web}, 400, "invalid_request"},
		"not base64":       {"grant_type=client_credentials", urlencoded, []string{"Basic ?"}, 401, "invalid_client"},
		"unknown scheme":   {"grant_type=client_credentials", urlencoded, []string{"Digest x"}, 401, "invalid_client"},
		// Requirement R003, RFC 6749 §2.3.1
		"secret not form-encoded": {"grant_type=client_credentials", urlencoded, []string{basic("other", odd)}, 401, "invalid_client"},
		// Requirement R025, RFC 6749 §3.2 MUST NOT: a parameter of the token request comes once
		"repeated parameter":  {"grant_type=client_credentials&scope=read&scope=read", urlencoded, []string{web}, 400, "invalid_request"},
		"repeated, one empty": {"grant_type=client_credentials&grant_type=", urlencoded, []string{web}, 400, "invalid_request"},
		"JSON":                {`{"grant_type":"client_credentials"}`, "application/json", []string{web}, 400, "invalid_request"},
		"no content type":     {"grant_type=client_credentials", "", []string{web}, 400, "invalid_request"},
		"bad escape":          {"grant_type=%zz", urlencoded, []string{web}, 400, "invalid_request"},
		"not UTF-8":           {"grant_type=client_credentials&scope=%ff", urlencoded, []string{web}, 400, "invalid_request"},
		"NUL":                 {"grant_type=client_credentials&scope=%00", urlencoded, []string{web}, 400, "invalid_request"},
		"too large":           {"grant_type=client_credentials&x=" + strings.Repeat("x", 64<<10), urlencoded, []string{web}, 413, "invalid_request"},
		// Requirement R061, RFC 6749 §5.2 MUST: a scope beyond the client's registration is invalid_scope
		"unknown scope": {"grant_type=client_credentials&scope=admin", urlencoded, []string{web}, 400, "invalid_scope"},
		// Requirement R028, RFC 6749 §3.3
		"scope in another case": {"grant_type=client_credentials&scope=READ", urlencoded, []string{web}, 400, "invalid_scope"},
		// Requirement R050, RFC 6749 §4.4 MUST: a public client gets no token of its own
		"public client's own": {"grant_type=client_credentials&client_id=spa", urlencoded, nil, 400, "unauthorized_client"},
		// Requirement R046, RFC 6749 §4.3.2 MUST: the password grant wants both user name and password
		"password missing":        {"grant_type=password&username=x", urlencoded, []string{web}, 400, "invalid_request"},
		"wrong password":          {"grant_type=password&username=" + kermit + "&password=x", urlencoded, []string{web}, 400, "invalid_grant"},
		"unknown user":            {"grant_type=password&username=x&password=x", urlencoded, []string{web}, 400, "invalid_grant"},
		"code missing":            {"grant_type=authorization_code", urlencoded, []string{web}, 400, "invalid_request"},
		"unknown code":            {"grant_type=authorization_code&code=x", urlencoded, []string{web}, 400, "invalid_grant"},
		"refresh token missing":   {"grant_type=refresh_token", urlencoded, []string{web}, 400, "invalid_request"},
		"unknown refresh token":   {"grant_type=refresh_token&refresh_token=x", urlencoded, []string{web}, 400, "invalid_grant"},
		"refresh, client unnamed": {"grant_type=refresh_token&refresh_token=x", urlencoded, nil, 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/oauth/token", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			r.Header["Authorization"] = c.headers
			a := srv.Do(t, r)
			if a.Status != c.status || a.Text("error") != c.code || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%d %s %s; want %d %s", a.Status, a.Header.Get("Content-Type"), a.Body, c.status, c.code)
			}
			if challenged := strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic realm="); challenged != (c.status == 401 && len(c.headers) > 0) {
				t.Errorf("challenge: %q", a.Header.Get("WWW-Authenticate"))
			}
			if a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("Cache-Control: %q", a.Header.Get("Cache-Control"))
			}
		})
	}
}

// Requirement R049, RFC 6749 §4.3.3 MUST: a wrong password and an unknown user are one and the same answer
func TestTheSameAnswerForAWrongPasswordAndAnUnknownUser(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", "wrong"))
	b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", "nobody@example.com", "password", "wrong"))
	if a.Status != 400 || a.Body != b.Body || b.Status != a.Status {
		t.Errorf("%d %s and %d %s differ", a.Status, a.Body, b.Status, b.Body)
	}
}

// Lesson L20, js-api: an empty secret is none, and a refresh may come without a client
func TestTokenRequestsThatAreAccepted(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for name, c := range map[string]struct {
		form    url.Values
		headers []string
	}{
		// Requirement R002, RFC 6749 §2.3.1 MUST: a client with a secret may send it by HTTP Basic
		"Basic":                 {form("grant_type", "client_credentials"), []string{"Authorization", basic("web", "secret")}},
		"Basic in another case": {form("grant_type", "client_credentials"), []string{"Authorization", "bAsIc " + basic("web", "secret")[6:]}},
		// Requirement R003, RFC 6749 §2.3.1
		"Basic, form-encoded":           {form("grant_type", "client_credentials"), []string{"Authorization", basic("other", url.QueryEscape(odd))}},
		"Basic with the same client_id": {form("grant_type", "client_credentials", "client_id", "web"), []string{"Authorization", basic("web", "secret")}},
		// Requirement R004, RFC 6749 §2.3.1 MAY: a secret in the body is taken, unless the client is registered for Basic
		"secret in the body": {form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret"), nil},
		// Requirement R024, RFC 6749 §3.2 MUST: the token endpoint, too, takes empty as absent and ignores the unknown
		"empty and unknown parameters": {form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret", "scope", "", "foo", "bar"), nil},
		// Requirement R028, RFC 6749 §3.3
		"scope in any order, repeated": {form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret", "scope", "write read write"), nil},
		"public client":                {form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password), nil},
		// Requirement R265, APS §js-api
		"public client, empty secret": {form("grant_type", "password", "client_id", "spa", "client_secret", "", "username", kermit, "password", password), nil},
		"public client with a secret": {form("grant_type", "password", "client_id", "spa", "client_secret", "dummyClientSecret", "username", kermit, "password", password), nil},
		// Requirement R266, APS §js-api
		"public client, Basic id:":       {form("grant_type", "password", "username", kermit, "password", password), []string{"Authorization", basic("spa", "")}},
		"public client, Basic, no colon": {form("grant_type", "password", "username", kermit, "password", password), []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("spa"))}},
		"an old Bearer token beside it":  {form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password), []string{"Authorization", "Bearer old"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if a := srv.Post(t, "/oauth/token", c.form, c.headers...); a.Status != 200 || a.Text("access_token") == "" {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
}

// Each leniency has a switch, and the switch works.
//
// Requirement R242, OAuth 2.1 §3.2.2 MUST: with the switch on, a refresh without client_id is refused
func TestLenienciesCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) {
		c.OAuth.BasicWithoutColon, c.OAuth.IgnorePublicClientSecret, c.OAuth.RefreshWithoutClientID = false, false, false
		c.OAuth.PasswordError401 = true
	}))
	login := []string{"grant_type", "password", "username", kermit, "password", password}
	if a := srv.Post(t, "/oauth/token", form(append(login, "client_id", "spa", "client_secret", "x")...)); a.Status != 401 {
		t.Errorf("public client with a secret: %d", a.Status)
	}
	if a := srv.Post(t, "/oauth/token", form(login...), "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("spa"))); a.Status != 401 {
		t.Errorf("Basic without colon: %d", a.Status)
	}
	a := srv.Post(t, "/oauth/token", form(append(login, "client_id", "spa")...))
	if b := srv.Post(t, "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token"))); b.Status != 401 {
		t.Errorf("refresh without a client: %d", b.Status)
	}
	if a := srv.Post(t, "/oauth/token", form("grant_type", "password", "username", kermit, "password", "x", "client_id", "spa")); a.Status != 401 || a.Text("error") != "invalid_grant" {
		t.Errorf("wrong password: %d %s", a.Status, a.Body)
	}
}

// The documentation's curl lines have everything in the address.
//
// Requirement R262, APS §docs 1.8 own: the documented password in the address is refused unless a switch allows it
func TestParametersInTheAddress(t *testing.T) {
	t.Parallel()
	const line = "/oauth/token?username=admin&password=admin&grant_type=password"
	strict := setup(t, sluicetest.User("admin", "admin"))
	if a := strict.PostAs(t, "web", "secret", line, nil); a.Status != 400 || a.Text("error") != "invalid_request" {
		t.Errorf("by default: %d %s", a.Status, a.Body)
	}
	if a := strict.PostAs(t, "web", "secret", "/oauth/token?tenant=x", form("grant_type", "client_credentials")); a.Status != 200 {
		t.Errorf("a foreign parameter in the address: %d %s", a.Status, a.Body)
	}
	lenient := setup(t, sluicetest.User("admin", "admin"), sluicetest.Config(func(c *sluice.Config) { c.OAuth.TokenParametersInQuery = true }))
	if a := lenient.PostAs(t, "web", "secret", line, nil); a.Status != 200 {
		t.Errorf("when allowed: %d %s", a.Status, a.Body)
	}
	if a := lenient.PostAs(t, "web", "secret", line, form("grant_type", "password")); a.Status != 400 {
		t.Errorf("in both places: %d %s", a.Status, a.Body)
	}
}

// Requirement R023, RFC 6749 §3.2 MUST: the token endpoint answers POST alone
// Requirement R105, RFC 7009 §2
// Requirement R117, RFC 7662 §2.1 MUST: the introspection endpoint answers POST alone
func TestOnlyPostIsAnswered(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for _, path := range []string{"/oauth/token", "/oauth/introspect", "/oauth/check_token", "/oauth/revoke"} {
		if a := srv.Get(t, path+"?token=x&grant_type=client_credentials", "Authorization", basic("web", "secret")); a.Status != 405 || a.Header.Get("Allow") != "POST" {
			t.Errorf("GET %s: %d, Allow %q", path, a.Status, a.Header.Get("Allow"))
		}
	}
}

// RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9700 §4.8: who may redeem a code, and how.
//
// Requirement R114, RFC 7636 §4.6 own: a failed verification uses the code up
// Requirement R217, RFC 9700 §2.1.1 MUST: any client may use PKCE, and then has to
// Requirement R230, RFC 9700 §4.5 MUST: a stolen code is of no use at another client or without its verifier
// Lesson L05, CVE-2024-22258: a challenge without verifier and a verifier without challenge are errors for every client
func TestCodesAreBound(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("two", "secret", func(c *sluice.Client) { c.RedirectURIs = []string{callback, callback + "?x=1"} }))
	s256 := []string{"code_challenge", challenge(verifier), "code_challenge_method", "S256"}
	for name, c := range map[string]struct {
		asked   []string // of the authorization endpoint, besides the client
		client  string
		redeem  []string
		mistake bool
	}{
		"right":                    {[]string{"redirect_uri", callback}, "web", []string{"redirect_uri", callback}, false},
		"URI not sent, not needed": {nil, "web", nil, false},
		// Requirement R033, RFC 6749 §4.1.2 MUST: a code works for its client and its redirection URI alone
		"another client": {[]string{"redirect_uri", callback}, "other", []string{"redirect_uri", callback}, true},
		// Requirement R040, RFC 6749 §4.1.3
		"URI left out": {[]string{"redirect_uri", callback}, "web", nil, true},
		// Requirement R033, RFC 6749 §4.1.2
		// Requirement R040, RFC 6749 §4.1.3 REQUIRED: a redirection URI that was sent first has to be repeated exactly
		"another URI":    {[]string{"redirect_uri", callback}, "web", []string{"redirect_uri", callback + "/"}, true},
		"right verifier": {s256, "web", []string{"code_verifier", verifier}, false},
		// Requirement R112, RFC 7636 §4.5 MUST: who sent a challenge has to send the verifier
		"no verifier": {s256, "web", nil, true},
		// Requirement R113, RFC 7636 §4.6 MUST: a verifier that does not match is invalid_grant
		"wrong verifier": {s256, "web", []string{"code_verifier", strings.Repeat("x", 43)}, true},
		// Requirement R113, RFC 7636 §4.6
		"challenge as verifier": {s256, "web", []string{"code_verifier", challenge(verifier)}, true},
		// Requirement R106, RFC 7636 §4.1
		"verifier too short": {s256, "web", []string{"code_verifier", verifier[:42]}, true},
		// Requirement R218, RFC 9700 §2.1.1 MUST: a verifier without a challenge is refused
		// Requirement R231, RFC 9700 §4.8.2 MUST: a challenge that somebody took away is noticed
		"verifier without a challenge": {nil, "web", []string{"code_verifier", verifier}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := code(t, srv, append([]string{"client_id", "web"}, c.asked...)...)
			secret := map[string]string{"web": "secret", "other": odd}[c.client]
			redeem := form(append([]string{"grant_type", "authorization_code", "code", k}, c.redeem...)...)
			a := srv.PostAs(t, c.client, secret, "/oauth/token", redeem)
			if c.mistake != (a.Status == 400 && a.Text("error") == "invalid_grant") || !c.mistake && a.Status != 200 {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			if !c.mistake {
				return
			}
			// A failed attempt ends the code, even for its owner with everything right.
			right := form(append([]string{"grant_type", "authorization_code", "code", k, "code_verifier", verifier}, c.asked...)...)
			if len(c.asked) < 4 {
				right.Del("code_verifier")
			}
			if a := srv.PostAs(t, "web", "secret", "/oauth/token", right); a.Status != 400 || a.Text("error") != "invalid_grant" {
				t.Errorf("afterwards: %d %s", a.Status, a.Body)
			}
		})
	}
}

// Requirement R071, RFC 6749 §10.6 MUST: a code asked for at one registered URI is not redeemed with another
func TestACodeOfOneURIIsNotRedeemedWithAnother(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("two", "secret", func(c *sluice.Client) { c.RedirectURIs = []string{callback, "http://127.0.0.1:5998/callback"} }))
	k := code(t, srv, "client_id", "two", "redirect_uri", callback)
	a := srv.PostAs(t, "two", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", k, "redirect_uri", "http://127.0.0.1:5998/callback"))
	if a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// RFC 6749 §4.1.2: a second use ends what the first one gave.
//
// Requirement R031, RFC 6749 §4.1.2 MUST NOT: a code is redeemed once
// Requirement R032, RFC 6749 §4.1.2 SHOULD: a second use of a code ends the tokens of the first
func TestAReplayedCodeEndsItsTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	k := code(t, srv, "client_id", "web")
	redeem := form("grant_type", "authorization_code", "code", k)
	first := srv.PostAs(t, "web", "secret", "/oauth/token", redeem)
	if first.Status != 200 || !active(t, srv, first.Text("access_token")) {
		t.Fatalf("first: %d %s", first.Status, first.Body)
	}
	if second := srv.PostAs(t, "web", "secret", "/oauth/token", redeem); second.Status != 400 || second.Text("error") != "invalid_grant" {
		t.Fatalf("second: %d %s", second.Status, second.Body)
	}
	if active(t, srv, first.Text("access_token")) || active(t, srv, first.Text("refresh_token")) {
		t.Error("the first use's tokens still stand")
	}
}

// Requirement R030, RFC 6749 §4.1.2 MUST: a code ends a minute after it was made
// Requirement R237, RFC 9700 §4.14.2 SHOULD: a refresh token that is not used ends
func TestExpiry(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option())
	late := code(t, srv, "client_id", "web")
	c.Move(59 * time.Second)
	inTime := code(t, srv, "client_id", "web")
	c.Move(2 * time.Second)
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", late)); a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("code after 61 s: %d %s", a.Status, a.Body)
	}
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", inTime))
	if a.Status != 200 {
		t.Fatalf("code after 2 s: %d %s", a.Status, a.Body)
	}
	c.Move(59 * time.Minute)
	if !active(t, srv, a.Text("access_token")) {
		t.Error("the access token ended before its hour")
	}
	c.Move(2 * time.Minute)
	if active(t, srv, a.Text("access_token")) {
		t.Error("the access token outlived its hour")
	}
	if b := srv.Call(t, a.Text("access_token"), "GET", "app-version", nil); b.Status != 401 {
		t.Errorf("call with the expired token: %d", b.Status)
	}
	c.Move(720 * time.Hour)
	if b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token"))); b.Status != 400 || b.Text("error") != "invalid_grant" {
		t.Errorf("refresh token after 720 h: %d %s", b.Status, b.Body)
	}
}

// Requirement R064, RFC 6749 §6 MUST NOT: refreshing never widens the scope
// Requirement R065, RFC 6749 §6 MAY: a refresh may ask for less, and the next one has everything again
func TestRefreshScope(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password, "scope", "read write"))
	refresh := func(scope string) sluicetest.Answer {
		b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token"), "scope", scope))
		if b.Status == 200 {
			a = b
		}
		return b
	}
	if b := refresh("read openid"); b.Status != 400 || b.Text("error") != "invalid_scope" {
		t.Errorf("wider: %d %s", b.Status, b.Body)
	}
	if b := refresh("read"); b.Text("scope") != "read" {
		t.Errorf("narrower: %d %s", b.Status, b.Body)
	}
	if b := refresh(""); b.Text("scope") != "read write" {
		t.Errorf("afterwards: %d %s", b.Status, b.Body)
	}
}

// Requirement R062, RFC 6749 §6 MUST: a refresh token works for its client alone
// Requirement R063, RFC 6749 §6 MUST: a confidential client proves itself to refresh
func TestARefreshTokenIsBoundToItsClient(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	token := tokens(t, srv).Text("refresh_token")
	if a := srv.PostAs(t, "other", odd, "/oauth/token", form("grant_type", "refresh_token", "refresh_token", token)); a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("another client: %d %s", a.Status, a.Body)
	}
	if a := srv.Post(t, "/oauth/token", form("grant_type", "refresh_token", "refresh_token", token)); a.Status != 401 || a.Text("error") != "invalid_client" {
		t.Errorf("a confidential client without authentication: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", token)); a.Status != 200 {
		t.Errorf("its own client: %d %s", a.Status, a.Body)
	}
}

// RFC 9700 §4.14.2 with the grace window: a repetition gets the same successor; a
// reuse after it, or after the successor was used, ends the whole grant.
//
// Requirement R070, RFC 6749 §10.4 MUST: a rotated refresh token that comes again ends its family
// Requirement R236, RFC 9700 §4.14.2
func TestRefreshReuse(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option())
	refresh := func(token string) sluicetest.Answer {
		return srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", token))
	}
	first := tokens(t, srv).Text("refresh_token")
	a := refresh(first)
	second := a.Text("refresh_token")
	c.Move(9 * time.Second)
	if b := refresh(first); b.Status != 200 || b.Text("refresh_token") != second || b.Text("access_token") == a.Text("access_token") {
		t.Fatalf("repeated in the window: %d %s", b.Status, b.Body)
	}
	c.Move(time.Second)
	if b := refresh(first); b.Status != 400 || b.Text("error") != "invalid_grant" {
		t.Fatalf("repeated after the window: %d %s", b.Status, b.Body)
	}
	if active(t, srv, a.Text("access_token")) || refresh(second).Status != 400 {
		t.Error("the grant outlived the reuse")
	}

	first = tokens(t, srv).Text("refresh_token")
	second = refresh(first).Text("refresh_token")
	third := refresh(second).Text("refresh_token")
	if b := refresh(first); b.Status != 400 || refresh(third).Status != 400 {
		t.Errorf("reuse behind the successor's use: %d, and the grant must end", b.Status)
	}
}

// Requirement R236, RFC 9700 §4.14.2
func TestWithoutGraceEveryReuseEndsTheGrant(t *testing.T) {
	t.Parallel()
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.RefreshGrace = 0 }))
	first := tokens(t, srv).Text("refresh_token")
	refresh := form("grant_type", "refresh_token", "refresh_token", first)
	a := srv.PostAs(t, "web", "secret", "/oauth/token", refresh)
	if b := srv.PostAs(t, "web", "secret", "/oauth/token", refresh); b.Status != 400 || active(t, srv, a.Text("access_token")) {
		t.Errorf("reuse: %d; the grant must end", b.Status)
	}
}

// together runs fn n times at once and counts the statuses.
func together(n int, fn func() int) map[int]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	start := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-start
			status := fn()
			mu.Lock()
			defer mu.Unlock()
			counts[status]++
		})
	}
	close(start)
	wg.Wait()
	return counts
}

// Requirement R244, OAuth 2.1 §4.1.3 MUST: of parallel redemptions one succeeds
// Requirement X01, RFC 6749 §10.5 own: of fifty parallel redemptions of a code one succeeds
func TestFiftyRedeemOneCode(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	k := code(t, srv, "client_id", "web")
	counts := together(50, func() int {
		return srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", k)).Status
	})
	if counts[200] != 1 || counts[400] != 49 {
		t.Errorf("%v; want one 200 and 49 times 400", counts)
	}
}

// Requirement X02, RFC 9700 §4.14.2 own: fifty parallel refreshes with one token give one successor
func TestFiftyRefreshWithOneToken(t *testing.T) {
	t.Parallel()
	for name, grace := range map[string]time.Duration{"with grace": 10 * time.Second, "without": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.RefreshGrace = grace }))
			token := tokens(t, srv).Text("refresh_token")
			var next sync.Map
			var different atomic.Int32
			counts := together(50, func() int {
				a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", token))
				if _, seen := next.LoadOrStore(a.Text("refresh_token"), true); !seen && a.Status == 200 {
					different.Add(1)
				}
				return a.Status
			})
			want := 50
			if grace == 0 {
				want = 1
			}
			if counts[200] != want || counts[400] != 50-want || different.Load() != 1 {
				t.Errorf("%v with %d successors; want %d times 200 with one successor", counts, different.Load(), want)
			}
		})
	}
}

// Requirement R069, RFC 6749 §10.3 MUST: fifty tokens show no pattern and 256 bits each
func TestTokensAreRandomAndRecognisable(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	seen := map[string]bool{}
	for range 50 {
		token := srv.Token(t, "web", "secret", form("grant_type", "client_credentials"))
		if seen[token] || len(token) != len("slc_at_")+43 || !strings.HasPrefix(token, "slc_at_") {
			t.Fatalf("token %q", token)
		}
		seen[token] = true
	}
}
