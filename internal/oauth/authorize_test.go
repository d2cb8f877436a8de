package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

func authorize(pairs ...string) string { return "/oauth/authorize?" + form(pairs...).Encode() }

// RFC 6749 §4.1.2.1: with a client or an address that cannot be trusted, the user
// sees a page and is sent nowhere.
//
// Requirement R076, RFC 6749 §10.15
// Requirement R233, RFC 9700 §4.11.2 MUST: an evil client or address ends on a page
func TestRequestsWithoutATrustedAddressEndOnAPage(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("two", "secret", func(c *sluice.Client) { c.RedirectURIs = []string{callback, "https://app.example.com/cb?x=1"} }))
	for name, query := range map[string]string{
		"no client":      "response_type=code",
		"unknown client": "response_type=code&client_id=nobody",
		// Requirement R011, RFC 6749 §3.1 MUST NOT: a parameter of the authorization request comes once
		"client twice": "response_type=code&client_id=web&client_id=web",
		"URI twice":    "response_type=code&client_id=web&redirect_uri=" + callback + "&redirect_uri=" + callback,
		// Requirement R020, RFC 6749 §3.1.2.3 MUST: a client of several redirection URIs has to name one
		"several, none": "response_type=code&client_id=two",
		// Requirement R022, RFC 6749 §3.1.2.4 MUST NOT: for an unknown redirection URI the user sees a page and is sent nowhere
		"not registered":  "response_type=code&client_id=web&redirect_uri=https://evil.example.com/",
		"bad escape":      "response_type=code&client_id=web&state=%zz",
		"not UTF-8":       "response_type=code&client_id=web&state=%ff",
		"script in there": "response_type=code&client_id=%3Cscript%3Ealert(1)%3C/script%3E",
	} {
		a := srv.Get(t, "/oauth/authorize?"+query)
		if a.Status != 400 || a.Header.Get("Location") != "" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || strings.Contains(a.Body, "<script>alert") {
			t.Errorf("%s: %d %v", name, a.Status, a.Header)
		}
	}
}

// RFC 9700 §2.1: byte equality, and only a loopback port may vary where none was
// registered.
//
// Requirement R021, RFC 6749 §3.1.2.3 MUST: what only resembles a registered redirection URI is refused
// Requirement R016, RFC 6749 §3.1.2
// Requirement R017, RFC 6749 §3.1.2
// Requirement R215, RFC 9700 §2.1 MUST: redirection URIs are compared exactly, but for a loopback port that was left open
// Requirement R240, OAuth 2.1 §2.3.1 MUST: a registered address plus anything is another one
// Requirement R249, OAuth 2.1 §8.4.2
// Requirement X08, RFC 8252 §7.3 MUST: only a loopback address may come with another port
// Lesson L07, CVE-2023-6291: redirection URIs are compared byte for byte, without wildcards
func TestRedirectURIsThatOnlyLookAlike(t *testing.T) {
	t.Parallel()
	const known = "https://app.example.com/cb?x=1"
	srv := setup(t, client("site", "secret", func(c *sluice.Client) { c.RedirectURIs = []string{known} }),
		client("native", "secret", func(c *sluice.Client) {
			c.RedirectURIs = []string{"http://127.0.0.1/callback", "http://[::1]/callback", "com.example.app:/callback"}
		}))
	for _, uri := range []string{
		"https://app.example.com/cb", known + "&y=2", known + "#f", known + "/", "https://app.example.com/cb/?x=1", "https://app.example.com/CB?x=1",
		"http://app.example.com/cb?x=1", "https://app.example.com:443/cb?x=1", "https://app.example.com.evil.com/cb?x=1", "https://evil.com/app.example.com/cb?x=1",
		"https://user@app.example.com/cb?x=1", "https://app.example.com@evil.com/cb?x=1", "https://app.example.com\\@evil.com/cb?x=1",
		"https://app.example.com/cb?x=1 ", " " + known, "https://app.example.com/./cb?x=1", "https://app.example.com/a/../cb?x=1", "https://app.example.com/%63b?x=1",
		"HTTPS://app.example.com/cb?x=1", "https://APP.example.com/cb?x=1", "//app.example.com/cb?x=1", "/cb", "javascript:alert(1)", known + "\r\nX: y", known + "\x00",
	} {
		if a := srv.Get(t, authorize("client_id", "site", "response_type", "code", "redirect_uri", uri)); a.Status != 400 || a.Header.Get("Location") != "" {
			t.Errorf("%q: %d to %q", uri, a.Status, a.Header.Get("Location"))
		}
	}
	for _, uri := range []string{
		"http://localhost:1234/callback", "http://127.0.0.1:1234/callback/", "http://127.0.0.1:1234@evil.com/callback", "http://127.0.0.1:/callback",
		"http://127.0.0.1:12a4/callback", "http://127.0.0.1:1234?/callback", "http://127.0.0.2/callback", "https://127.0.0.1:1234/callback", "http://127.0.0.1:123456789/callback",
	} {
		if a := srv.Get(t, authorize("client_id", "native", "response_type", "code", "redirect_uri", uri)); a.Status != 400 {
			t.Errorf("%q: %d", uri, a.Status)
		}
	}
	for client, uris := range map[string][]string{"site": {known}, "native": {
		"http://127.0.0.1/callback", "http://127.0.0.1:51000/callback", "http://[::1]:1/callback", "com.example.app:/callback"}} {
		for _, uri := range uris {
			if a := srv.Get(t, authorize("client_id", client, "response_type", "code", "redirect_uri", uri)); a.Status != 303 || !strings.HasPrefix(a.Header.Get("Location"), "/login?") {
				t.Errorf("%q: %d to %q", uri, a.Status, a.Header.Get("Location"))
			}
		}
	}
}

// RFC 6749 §4.1.2.1, §4.2.2.1: the rest is told to the client, with state and iss.
//
// Requirement R199, RFC 9207 §2
// Requirement R203, RFC 9207 §4
func TestErrorsThatAreToldToTheClient(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("codeonly", "secret", func(c *sluice.Client) { c.GrantTypes = []string{"authorization_code"} }),
		client("implicitonly", "secret", func(c *sluice.Client) { c.GrantTypes = []string{"implicit"} }))
	s256 := challenge(verifier)
	for name, c := range map[string]struct {
		query    []string
		code     string
		fragment bool
	}{
		// Requirement R014, RFC 6749 §3.1.1 REQUIRED: a missing response_type and an unknown one are told apart and refused
		"no response type": {[]string{"client_id", "web"}, "invalid_request", false},
		// Requirement R014, RFC 6749 §3.1.1
		// Requirement R035, RFC 6749 §4.1.2.1 MUST: errors behind a trusted address go there, with state
		"unknown response type": {[]string{"client_id", "web", "response_type", "magic"}, "unsupported_response_type", false},
		// Requirement R037, RFC 6749 §4.1.2.1 MUST: a response type beyond the client's registration is unauthorized_client
		"implicit not registered": {[]string{"client_id", "codeonly", "response_type", "token"}, "unauthorized_client", true},
		"code not registered":     {[]string{"client_id", "implicitonly", "response_type", "code"}, "unauthorized_client", false},
		"unknown scope":           {[]string{"client_id", "web", "response_type", "code", "scope", "root"}, "invalid_scope", false},
		"implicit, unknown scope": {[]string{"client_id", "web", "response_type", "token", "scope", "root"}, "invalid_scope", true},
		// Requirement R011, RFC 6749 §3.1
		"response type twice": {[]string{"client_id", "web", "response_type", "code", "response_type", "code"}, "invalid_request", false},
		"scope twice":         {[]string{"client_id", "web", "response_type", "code", "scope", "read", "scope", "read"}, "invalid_request", false},
		// Requirement R110, RFC 7636 §4.4.1 MUST: a public client without a challenge is told invalid_request
		// Requirement R219, RFC 9700 §2.1.1 MUST: public clients have to use PKCE
		"no PKCE, public client": {[]string{"client_id", "spa", "response_type", "code"}, "invalid_request", false},
		// Requirement R108, RFC 7636 §4.3 MUST: a challenge without a method would be plain and is refused
		"challenge without method": {[]string{"client_id", "web", "response_type", "code", "code_challenge", s256}, "invalid_request", false},
		// Requirement R115, RFC 7636 §7.2 SHOULD: plain is neither offered nor taken
		"plain": {[]string{"client_id", "web", "response_type", "code", "code_challenge", verifier, "code_challenge_method", "plain"}, "invalid_request", false},
		// Requirement R111, RFC 7636 §4.4.1 MUST: an unknown method is invalid_request
		"unknown method": {[]string{"client_id", "web", "response_type", "code", "code_challenge", s256, "code_challenge_method", "S512"}, "invalid_request", false},
		// Requirement R107, RFC 7636 §4.2
		"padded challenge":         {[]string{"client_id", "web", "response_type", "code", "code_challenge", s256 + "=", "code_challenge_method", "S256"}, "invalid_request", false},
		"method without challenge": {[]string{"client_id", "web", "response_type", "code", "code_challenge_method", "S256"}, "invalid_request", false},
		"token in the query":       {[]string{"client_id", "web", "response_type", "token", "response_mode", "query"}, "invalid_request", true},
		"unknown response mode":    {[]string{"client_id", "web", "response_type", "code", "response_mode", "carrier-pigeon"}, "invalid_request", false},
		"id_token without nonce":   {[]string{"client_id", "web", "response_type", "id_token", "scope", "openid"}, "invalid_request", true},
		"id_token without openid":  {[]string{"client_id", "web", "response_type", "id_token", "scope", "read", "nonce", "n"}, "invalid_scope", true},
		"request object":           {[]string{"client_id", "web", "response_type", "code", "request", "x.y.z"}, "invalid_request_object", false},
		// Lesson L08, CVE-2020-10770: the server fetches nothing that a request names
		"request_uri":                {[]string{"client_id", "web", "response_type", "code", "request_uri", "https://evil.example.com/"}, "request_uri_not_supported", false},
		"none with login":            {[]string{"client_id", "web", "response_type", "code", "prompt", "none login"}, "invalid_request", false},
		"unknown prompt":             {[]string{"client_id", "web", "response_type", "code", "prompt", "dance"}, "invalid_request", false},
		"max_age no number":          {[]string{"client_id", "web", "response_type", "code", "max_age", "x"}, "invalid_request", false},
		"none, not signed in":        {[]string{"client_id", "web", "response_type", "code", "prompt", "none"}, "login_required", false},
		"implicit none, not present": {[]string{"client_id", "web", "response_type", "token", "prompt", "none"}, "login_required", true},
	} {
		a := srv.Get(t, authorize(append(c.query, "state", "s 1")...)+"&iss=https://evil.example.com")
		u, err := url.Parse(a.Header.Get("Location"))
		if err != nil || a.Status != 303 || !strings.HasPrefix(a.Header.Get("Location"), callback) {
			t.Errorf("%s: %d to %q", name, a.Status, a.Header.Get("Location"))
			continue
		}
		values := u.Query()
		if c.fragment {
			values, _ = url.ParseQuery(u.Fragment)
		}
		if values.Get("error") != c.code || values.Get("state") != "s 1" || len(values["iss"]) != 1 || values.Get("iss") != srv.URL || values.Has("code") {
			t.Errorf("%s: %s; want %s", name, u, c.code)
		}
	}
}

// Requirement R034, RFC 6749 §4.1.2
// Requirement R009, RFC 6749 §3.1
func TestStateIsNotInvented(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for _, query := range []string{authorize("client_id", "web", "response_type", "magic"), authorize("client_id", "web", "response_type", "magic", "state", ""),
		authorize("client_id", "web", "response_type", "code", "state", "a", "state", "b")} {
		if a := srv.Get(t, query); strings.Contains(a.Header.Get("Location"), "state=") {
			t.Errorf("%s: %s", query, a.Header.Get("Location"))
		}
	}
}

// Requirement R036, RFC 6749 §4.1.2.1 MUST: the user's no is access_denied
func TestConsent(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("own", "secret", func(c *sluice.Client) { c.SkipConsent = true }))
	b := srv.Browser(t)
	web := authorize("client_id", "web", "response_type", "code", "scope", "read")
	b.Open(t, web)
	b.SignIn(t, kermit, password)
	if !strings.Contains(b.Page.Body, "Allow web to act for you?") || !strings.Contains(b.Page.Body, "See your tasks") || !strings.Contains(b.Page.Body, kermit) {
		t.Fatalf("no consent page: %s", b.Page.Body)
	}
	if away := b.Submit(t, "decision", "deny"); away == nil || away.Query().Get("error") != "access_denied" {
		t.Fatalf("deny: %v", away)
	}
	b.Open(t, web)
	if away := b.Submit(t, "decision", "allow"); away == nil || away.Query().Get("code") == "" {
		t.Fatalf("allow: %v", away)
	}
	if away := b.Open(t, web); away == nil || away.Query().Get("code") == "" {
		t.Errorf("the yes was not remembered: %s", b.At)
	}
	if away := b.Open(t, authorize("client_id", "web", "response_type", "code", "scope", "read write")); away != nil {
		t.Errorf("a wider scope was not asked for: %s", away)
	}
	if away := b.Open(t, web+"&prompt=consent"); away != nil {
		t.Errorf("prompt=consent did not ask: %s", away)
	}
	if away := b.Open(t, web+"&prompt=none"); away == nil || away.Query().Get("code") == "" {
		t.Errorf("prompt=none after consent: %v", away)
	}
	if away := b.Open(t, authorize("client_id", "other", "response_type", "code", "prompt", "none")); away == nil || away.Query().Get("error") != "consent_required" {
		t.Errorf("prompt=none without consent: %v", away)
	}
	if away := b.Open(t, authorize("client_id", "own", "response_type", "code")); away == nil || away.Query().Get("code") == "" {
		t.Errorf("the operator's own client asked: %s", b.At)
	}
}

// CVE-2018-15758: the form says yes or no, and nothing about what to.
//
// Lesson L02, CVE-2018-15758: consent reads the stored request alone
func TestConsentReadsOnlyTheStoredRequest(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	b := srv.Browser(t)
	b.Open(t, authorize("client_id", "web", "response_type", "code", "scope", "read"))
	b.SignIn(t, kermit, password)
	away := b.Submit(t, "decision", "allow", "scope", "read write", "redirect_uri", "https://evil.example.com/", "client_id", "other")
	if away == nil || !strings.HasPrefix(away.String(), callback) {
		t.Fatalf("sent to %v", away)
	}
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", away.Query().Get("code")))
	if a.Text("scope") != "read" {
		t.Errorf("granted %q", a.Text("scope"))
	}
}

// A stored request belongs to the browser that began it, gives one answer, and
// ends.
//
// Lesson L03, CVE-2022-39222: each step of a sign-in belongs to the browser that began it
func TestStoredRequestsAreBound(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option())
	attacker, victim := srv.Browser(t), srv.Browser(t)
	attacker.Open(t, authorize("client_id", "web", "response_type", "code"))
	next := attacker.At.Query().Get("next")
	victim.SignIn(t, kermit, password)
	victim.Open(t, next)
	if victim.Page.Status != 404 || strings.Contains(victim.Page.Body, "decision") {
		t.Errorf("another browser's request: %d", victim.Page.Status)
	}
	victim.Open(t, authorize("client_id", "web", "response_type", "code"))
	action, fields := victim.Form(t)
	if away := victim.Submit(t, "decision", "allow"); away == nil {
		t.Fatal("no answer")
	}
	fields.Set("decision", "allow")
	if away := victim.Send(t, action, fields); away != nil || victim.Page.Status != 404 {
		t.Errorf("a second answer: %d, %v", victim.Page.Status, away)
	}
	late := srv.Browser(t)
	late.Open(t, authorize("client_id", "web", "response_type", "code"))
	next = late.At.Query().Get("next")
	c.Move(31 * time.Minute)
	if late.Open(t, next); late.Page.Status != 404 {
		t.Errorf("after half an hour: %d", late.Page.Status)
	}
}

func TestPromptLoginAndMaxAge(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option())
	b := srv.Browser(t)
	b.Authorize(t, form("client_id", "web", "response_type", "code"), kermit, password)
	c.Move(time.Minute)
	if away := b.Open(t, authorize("client_id", "web", "response_type", "code", "max_age", "120")); away == nil {
		t.Error("max_age=120 after a minute asked for a sign-in")
	}
	for _, query := range []string{"prompt=login", "max_age=30", "max_age=0"} {
		c.Move(time.Minute)
		if away := b.Open(t, authorize("client_id", "web", "response_type", "code")+"&"+query); away != nil || b.At.Path != "/login" {
			t.Errorf("%s: no sign-in: %v", query, away)
			continue
		}
		if away := b.SignIn(t, kermit, password); away == nil || away.Query().Get("code") == "" {
			t.Errorf("%s: after the sign-in: %d at %s", query, b.Page.Status, b.At)
		}
	}
	if away := b.Open(t, authorize("client_id", "web", "response_type", "code", "prompt", "none", "max_age", "0")); away == nil || away.Query().Get("error") == "" && away.Query().Get("code") == "" {
		t.Errorf("prompt=none: %v", away)
	}
}

// OpenID Connect Core §2, §3.2: what ADF and js-api read.
//
// Requirement R254, OpenID Connect §3.1.3.7
// Requirement R255, OpenID Connect §3.2.2.9 MUST: at_hash vouches for the access token beside it
// Requirement R259, OpenID Connect §Session 2 own: session_state comes with implicit answers
func TestIDTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	away := srv.Browser(t).Authorize(t, form("client_id", "spa", "response_type", "id_token token", "scope", "openid read", "nonce", "n-1"), kermit, password)
	f, err := url.ParseQuery(away.Fragment)
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"access_token", "id_token", "expires_in", "session_state", "token_type", "iss"} {
		if f.Get(member) == "" {
			t.Errorf("the implicit answer lacks %s: %s", member, away)
		}
	}
	claims := claimsOf(t, f.Get("id_token"))
	want := map[string]any{"iss": srv.URL, "aud": "spa", "sub": "1", "nonce": "n-1", "preferred_username": kermit, "email": kermit, "at_hash": halfHash(f.Get("access_token"))}
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("id_token %s = %v, want %v", name, claims[name], value)
		}
	}
	k := code(t, srv, "client_id", "web", "scope", "openid", "nonce", "n-2")
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", k))
	if claims := claimsOf(t, a.Text("id_token")); claims["nonce"] != "n-2" || claims["aud"] != "web" {
		t.Errorf("code flow's id_token: %v", claims)
	}
	b := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", a.Text("refresh_token")))
	if claims := claimsOf(t, b.Text("id_token")); claims["nonce"] != nil || claims["sub"] != "1" {
		t.Errorf("refreshed id_token: %v", claims)
	}
	if c := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password, "scope", "read")); c.Text("id_token") != "" {
		t.Error("an id_token without openid")
	}
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func halfHash(token string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(challenge(token))
	return base64.RawURLEncoding.EncodeToString(raw[:16])
}

// RFC 9068: the form of JWT access tokens.
//
// Requirement R170, RFC 9068 §2.1 MUST NOT: JWT access tokens are signed with RS256 or ES256
// Requirement R171, RFC 9068 §2.1 MUST: their typ is at+jwt
// Requirement R172, RFC 9068 §2.2 REQUIRED: every required claim is there
// Requirement R173, RFC 9068 §2.2 SHOULD: no client's sub can be taken for a user's
// Requirement R174, RFC 9068 §2.2.3 SHOULD: the granted scope is in the token
func TestJWTAccessTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("jwt", "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	a := srv.PostAs(t, "jwt", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password, "scope", "read write"))
	token := a.Text("access_token")
	head, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || !strings.Contains(string(head), `"typ":"at+jwt"`) || !strings.Contains(string(head), `"alg":"RS256"`) || !strings.Contains(string(head), `"kid":"`) {
		t.Errorf("header %s", head)
	}
	claims := claimsOf(t, token)
	want := map[string]any{"iss": srv.URL, "aud": srv.URL + "/activiti-app", "sub": "1", "client_id": "jwt", "scope": "read write", "preferred_username": kermit, "email": kermit}
	for name, value := range want {
		if claims[name] != value {
			t.Errorf("%s = %v, want %v", name, claims[name], value)
		}
	}
	for _, name := range []string{"exp", "iat", "jti", "auth_time"} {
		if claims[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	own := claimsOf(t, srv.Token(t, "jwt", "secret", form("grant_type", "client_credentials")))
	if own["sub"] != "client:jwt" {
		t.Errorf("the client's own sub: %v", own["sub"])
	}
	if b := srv.Call(t, token, "GET", "profile", nil); b.Status != 200 {
		t.Errorf("call: %d", b.Status)
	}
	payload := strings.Split(token, ".")
	forged := payload[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"2"}`)) + "." + payload[2]
	if b := srv.Call(t, forged, "GET", "profile", nil); b.Status != 401 {
		t.Errorf("changed payload: %d", b.Status)
	}
	if b := srv.Call(t, a.Text("id_token")+"x", "GET", "profile", nil); b.Status != 401 {
		t.Errorf("not a token: %d", b.Status)
	}
}

func TestFormPost(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	b := srv.Browser(t)
	b.Open(t, authorize("client_id", "web", "response_type", "code", "response_mode", "form_post", "state", `"><b>`))
	b.SignIn(t, kermit, password)
	b.Submit(t, "decision", "allow")
	action, fields := b.Form(t)
	if action != callback || fields.Get("code") == "" || fields.Get("state") != `"><b>` || fields.Get("iss") != srv.URL || strings.Contains(b.Page.Body, `"><b>`) {
		t.Errorf("%s %v", action, fields)
	}
}

// Requirement R073, RFC 6749 §10.12 MUST: another site's forms neither sign in nor consent
// Requirement R074, RFC 6749 §10.13 SHOULD: login and consent refuse to be framed
func TestPagesCannotBeFramedOrForged(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	b := srv.Browser(t)
	b.Open(t, authorize("client_id", "web", "response_type", "code"))
	guarded := func() {
		h := b.Page.Header
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Frame-Options") != "DENY" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", b.At, h)
		}
	}
	guarded()
	b.SignIn(t, kermit, password)
	guarded()
	_, fields := b.Form(t)
	fields.Set("decision", "allow")
	for name, headers := range map[string][]string{
		"another site":    {"Origin", "https://evil.example.com"},
		"cross-site":      {"Sec-Fetch-Site", "cross-site"},
		"no form cookie":  {},
		"null, no cookie": {"Origin", "null"},
	} {
		if a := srv.Post(t, "/oauth/consent", fields, headers...); a.Status != 403 || a.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, a.Status)
		}
		if a := srv.Post(t, "/login", form("email", kermit, "password", password), headers...); a.Status != 403 || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("login, %s: %d %s", name, a.Status, a.Header.Get("Set-Cookie"))
		}
	}
}

// An operator's own scopes are told in his words, in the user's language where he has
// some; the name stays visible, and the metadata lists them.
func TestScopesOfTheOperatorsOwnAreTold(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("shop", "secret", func(c *sluice.Client) { c.Scopes = []string{"orders:read", "orders.write", "read"} }), sluicetest.Config(func(c *sluice.Config) {
		c.OAuth.ScopeTexts = map[string]map[string]string{"orders:read": {"": "See your orders", "de": "Ihre <b>Bestellungen</b> sehen"}, "read": {"": "Look at it all"}}
	}))
	for locale, want := range map[string][]string{
		"en": {"See your orders <span", "(orders:read)", "Use the permission <code>orders.write</code>", "Look at it all"},
		"de": {"Ihre &lt;b&gt;Bestellungen&lt;/b&gt; sehen <span", "(orders:read)", "Look at it all"},
		"fr": {"See your orders <span", "(orders:read)"},
	} {
		b := srv.Browser(t)
		b.Open(t, authorize("client_id", "shop", "response_type", "code", "scope", "orders:read orders.write read", "ui_locales", locale))
		b.SignIn(t, kermit, password)
		for _, text := range want {
			if !contains(b.Page.Body, text) {
				t.Errorf("%s: no %q in %s", locale, text, b.Page.Body)
			}
		}
	}
	scopes, _ := srv.Get(t, "/.well-known/openid-configuration").JSON["scopes_supported"].([]any)
	if len(scopes) != 6 || scopes[4] != "orders:read" || scopes[5] != "read" {
		t.Errorf("%v", scopes)
	}
}
