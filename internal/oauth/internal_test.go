package oauth

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Requirement R077, RFC 6749 §App. B
func FuzzForm(f *testing.F) {
	for _, s := range []string{"a=b", "grant_type=x&grant_type=y", "a=%zz", "a=%ff", "a=%00", "a", "=", "&&", "a=b;c=d", "scope=a+b"} {
		f.Add(s)
	}
	s := &Service{}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/oauth/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := s.postForm(r)
		if err != nil {
			if failure(err).Code != "invalid_request" {
				t.Errorf("%q: %v", body, err)
			}
			return
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q was accepted: %v", body, err)
		}
		for name, list := range values {
			if slices.Contains(lists, name) { // RFC 8707 §2, RFC 8693 §2.1
				list = []string{strings.Join(list, " ")}
			}
			if len(list) > 1 || form[name] != list[0] || !clean(list[0]) {
				t.Errorf("%q: %s is %q", body, name, list)
			}
		}
	})
}

func FuzzBasic(f *testing.F) {
	for _, s := range []string{"YTpi", "YQ==", "", "?", "Og==", "YSUzQTpi", "YTpiJXp6"} {
		f.Add(s)
	}
	s := &Service{cfg: Config{BasicWithoutColon: true}}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := s.basic(value)
		if err == nil && (c.id == "" || !clean(c.id) || !clean(c.secret)) {
			t.Errorf("%q gives %+v", value, c)
		}
	})
}

// Whatever is asked for, only a registered address or its loopback twin on
// another port is taken.
//
// Requirement R215, RFC 9700 §2.1
func FuzzRedirectURI(f *testing.F) {
	known := []string{"https://app.example.com/cb?x=1", "http://127.0.0.1/cb", "http://localhost/cb", "http://[::1]/cb", "com.example:/cb"}
	for _, s := range append(known, "http://127.0.0.1:80/cb", "http://127.0.0.1:80@evil/cb", "http://127.0.0.1:x/cb", "https://evil/cb") {
		f.Add(s)
	}
	c := &Client{RedirectURIs: known}
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.registered(uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatalf("%q was accepted: %v", uri, err)
		}
		if u.User != nil || u.Fragment != "" || (u.Scheme == "http" && !loopback(u.Hostname())) || (u.Scheme == "https" && uri != known[0]) {
			t.Errorf("%q was accepted", uri)
		}
	})
}

// Requirement R112, RFC 7636 §4.5
// Requirement R218, RFC 9700 §2.1.1
// Lesson L05, CVE-2024-22258
func FuzzVerifier(f *testing.F) {
	f.Add(strings.Repeat("a", 43), "x")
	f.Add("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM") // RFC 7636 appendix B
	f.Fuzz(func(t *testing.T, verifier, challenge string) {
		if err := checkVerifier(challenge, verifier); err == nil && (challenge == "") != (verifier == "") {
			t.Errorf("%q for %q", verifier, challenge)
		}
	})
}

// A challenge that is taken is one that some verifier can meet: the 43 characters of
// a SHA-256 digest, in their only spelling.
//
// Requirement R218, RFC 9700 §2.1.1
func FuzzChallenge(f *testing.F) {
	f.Add("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256") // RFC 7636 appendix B
	public, secret := &Client{}, &Client{secret: "x"}
	f.Fuzz(func(t *testing.T, challenge, method string) {
		asked := form{"code_challenge": challenge, "code_challenge_method": method}
		r := &request{ResponseType: []string{"code"}}
		err := r.checkChallenge(public, asked)
		if err == nil && (method != "S256" || len(challenge) != 43 || strings.ContainsAny(challenge, "+/=\r\n") || r.Challenge != challenge) {
			t.Errorf("%q by %q was taken as %q", challenge, method, r.Challenge)
		}
		if other := (&request{ResponseType: []string{"code"}}).checkChallenge(secret, asked); (err == nil) != (other == nil) && challenge+method != "" {
			t.Errorf("%q by %q: %v for a public client, %v for another", challenge, method, err, other)
		}
	})
}

// A signed request's parameters obey the rules of those in an address, and only the
// client's own are taken.
func FuzzRequestObject(f *testing.F) {
	f.Add([]byte(`{"iss":"app","client_id":"app","scope":"a b","resource":["https://a/","https://b/"],"max_age":5,"claims":{"userinfo":null},"state":null}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got, err := objectForm(payload, "app")
		if err != nil {
			if failure(err).Code != "invalid_request_object" {
				t.Errorf("%q: %v", payload, err)
			}
			return
		}
		if got["client_id"] != "app" || got["request"] != "" || got["request_uri"] != "" {
			t.Errorf("%q becomes %q", payload, got)
		}
		for name, value := range got {
			if value == "" || !clean(name) || !clean(value) {
				t.Errorf("%q: %q is %q", payload, name, value)
			}
		}
	})
}

// Nothing that is no JWT of the algorithm a client is registered with, or of one that
// every client may use, gets as far as the keys.
func FuzzSigned(f *testing.F) {
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "ES256")
	f.Fuzz(func(t *testing.T, text, only string) {
		if only != "" && !slices.Contains(algorithmNames(), only) {
			return // no client is registered so
		}
		signed, ok := parseSigned(text, only)
		if !ok {
			return
		}
		alg := signed.Signatures[0].Protected.Algorithm
		if len(text) > maxSigned || !slices.Contains(algorithmNames(), alg) || (only != "" && alg != only) {
			t.Errorf("%q with %q was taken: %s", text, only, alg)
		}
	})
}

// Requirement R107, RFC 7636 §4.2
func TestPKCEByTheRFCsExample(t *testing.T) {
	t.Parallel()
	if err := checkVerifier("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); err != nil {
		t.Error(err)
	}
}

// The successor is readable only with the very token it replaces.
func TestSeal(t *testing.T) {
	t.Parallel()
	sealed := seal("old", "new")
	if got, err := unseal("old", sealed); err != nil || got != "new" || strings.Contains(string(sealed), "new") {
		t.Errorf("%q %v", got, err)
	}
	if _, err := unseal("other", sealed); err == nil {
		t.Error("another token opens it")
	}
	if _, err := unseal("old", nil); err == nil {
		t.Error("nothing opens")
	}
}

// Requirement R016, RFC 6749 §3.1.2
// Requirement R017, RFC 6749 §3.1.2
// Requirement R019, RFC 6749 §3.1.2.2
// Requirement R216, RFC 9700 §2.1 MUST NOT: plain http is registered for this machine alone
// Requirement R227, RFC 9700 §4.1.3 MUST: a redirection URI with a wildcard is not registered
// Lesson L07, CVE-2023-6291
func TestRegistrationsAreChecked(t *testing.T) {
	t.Parallel()
	good := Client{ID: "app", GrantTypes: []string{AuthorizationCode}, RedirectURIs: []string{"https://a.example.com/cb"}, Scopes: []string{"read"}, secret: "x"}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", "a b", "é", strings.Repeat("x", 101), "a\n"} {
		c := good
		c.ID = id
		if c.check() == nil {
			t.Errorf("id %q was accepted", id)
		}
	}
	for _, uri := range []string{"/cb", "cb", "http://client.example/cb", "https://*.example.com/cb", "https://a/cb#f", "https://u@a/cb", "https:///cb", "javascript:alert(1)",
		"data:text/html,x", "file:///x", "https://a/ b", "https://a/\\b", "mailto:x@y", "https://é/"} {
		c := good
		c.RedirectURIs = []string{uri}
		if c.check() == nil {
			t.Errorf("redirect URI %q was accepted", uri)
		}
	}
	for name, change := range map[string]func(*Client){
		"no grant": func(c *Client) { c.GrantTypes = nil }, "no redirect URI": func(c *Client) { c.RedirectURIs = nil }, "quote in a scope": func(c *Client) { c.Scopes = []string{`a"b`} },
		"unknown format": func(c *Client) { c.TokenFormat = "xml" }, "public with client_credentials": func(c *Client) { c.secret, c.GrantTypes = "", []string{ClientCredentials} },
		"public resource server": func(c *Client) { c.secret, c.Introspect = "", true }, "tokens of a day and more": func(c *Client) { c.AccessTTL = 1 << 60 },
	} {
		c := good
		change(&c)
		if c.check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
