package oauth_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const wellKnown = "/.well-known/oauth-authorization-server"

func words(v any) (list []string) {
	all, _ := v.([]any)
	for _, w := range all {
		list = append(list, fmt.Sprint(w))
	}
	return list
}

func TestTheMetadataDocument(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.Get(t, wellKnown)
	// Requirement R143, RFC 8414 §3.1 MUST: the document is JSON that any page may read
	if a.Status != 200 || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	// Requirement R138, RFC 8414 §2 REQUIRED: the document has what clients cannot do without
	for name, path := range map[string]string{"authorization_endpoint": "/oauth/authorize", "token_endpoint": "/oauth/token", "jwks_uri": "/oauth/jwks", "introspection_endpoint": "/oauth/introspect",
		"revocation_endpoint": "/oauth/revoke", "userinfo_endpoint": "/oauth/userinfo", "device_authorization_endpoint": "/oauth/device_authorization"} {
		if a.Text(name) != srv.URL+path {
			t.Errorf("%s is %v", name, a.JSON[name])
		}
	}
	// Requirement R188, RFC 9126 §2 SHOULD: the endpoint is announced
	if a.Text("pushed_authorization_request_endpoint") != srv.URL+"/oauth/par" {
		t.Errorf("PAR: %v", a.JSON["pushed_authorization_request_endpoint"])
	}
	// Requirement R220, RFC 9700 §2.1.1 MUST: PKCE is announced
	if got := words(a.JSON["code_challenge_methods_supported"]); !slices.Equal(got, []string{"S256"}) {
		t.Errorf("PKCE: %q", got)
	}
	// Requirement R139, RFC 8414 §2 MUST: no list is empty
	// Requirement R141, RFC 8414 §2 MUST NOT: no algorithm is none
	for name, value := range a.JSON {
		list, ok := value.([]any)
		if ok && len(list) == 0 || strings.HasSuffix(name, "_alg_values_supported") && (!ok || slices.ContainsFunc(words(value), func(alg string) bool { return alg == "none" || strings.HasPrefix(alg, "HS") })) {
			t.Errorf("%s: %v", name, value)
		}
	}
	// Requirement R225, RFC 9700 §2.5 RECOMMENDED: clients may prove themselves by a key, with the algorithm that is theirs
	if got := words(a.JSON["token_endpoint_auth_methods_supported"]); !slices.Contains(got, "private_key_jwt") {
		t.Errorf("client authentication: %q", got)
	}
	// Requirement R258, OpenID Connect §Discovery 4 MUST: the discovery document has what libraries need
	for _, name := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} {
		if a.JSON[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if !slices.Contains(words(a.JSON["id_token_signing_alg_values_supported"]), "RS256") {
		t.Error("RS256 is missing")
	}
	// Requirement R201, RFC 9207 §2.3 MUST: iss is announced
	if a.JSON["authorization_response_iss_parameter_supported"] != true {
		t.Error("iss is not announced")
	}
}

// Every listed grant, response type and mode is one that the server knows, and one
// that is not listed is none.
//
// Requirement R140, RFC 8414 §2 SHOULD: what is announced works, and what is not is refused
func TestTheMetadataIsTrue(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	m := srv.Get(t, wellKnown).JSON
	for _, g := range append(words(m["grant_types_supported"]), "urn:x:unknown", "magic") {
		known := slices.Contains(words(m["grant_types_supported"]), g) && g != "implicit" // has no grant_type of its own
		a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", g))
		if (a.Text("error") != "unsupported_grant_type") != known {
			t.Errorf("grant %s: %d %s", g, a.Status, a.Body)
		}
	}
	for _, kind := range append(words(m["response_types_supported"]), "none", "magic") {
		to := srv.Get(t, authorize("client_id", "web", "response_type", kind, "scope", "openid", "nonce", "n")).Header.Get("Location")
		if known := slices.Contains(words(m["response_types_supported"]), kind); strings.HasPrefix(to, "/login?") != known || strings.Contains(to, "unsupported_response_type") == known {
			t.Errorf("response type %s: %s", kind, to)
		}
	}
	for _, mode := range append(words(m["response_modes_supported"]), "jwt", "web_message") {
		to := srv.Get(t, authorize("client_id", "web", "response_type", "code", "response_mode", mode)).Header.Get("Location")
		if strings.HasPrefix(to, "/login?") != slices.Contains(words(m["response_modes_supported"]), mode) {
			t.Errorf("response mode %s: %s", mode, to)
		}
	}
	for method, status := range map[string]int{"client_secret_basic": 200, "client_secret_post": 200, "client_secret_jwt": 401, "none": 200} {
		a := map[string]sluicetest.Answer{
			"client_secret_basic": srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "client_credentials")),
			"client_secret_post":  srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret")),
			"client_secret_jwt":   srv.Post(t, "/oauth/token", asserted("eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJ3ZWIiLCJzdWIiOiJ3ZWIifQ.AAAA", "grant_type", "client_credentials")),
			"none":                srv.Post(t, "/oauth/token", form("grant_type", "password", "client_id", "spa", "username", kermit, "password", password)),
		}[method]
		if listed := slices.Contains(words(m["token_endpoint_auth_methods_supported"]), method); a.Status != status || listed != (status == 200) {
			t.Errorf("%s: listed %v, %d %s", method, listed, a.Status, a.Body)
		}
	}
}

// What a request says about the host changes nothing.
//
// Requirement R147, RFC 8414 §2
// Lesson L18, openid-client: the metadata names S256 and does not follow the Host header
func TestTheMetadataComesFromTheConfiguration(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	want := srv.Get(t, wellKnown)
	for _, path := range []string{wellKnown, "/.well-known/openid-configuration"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "evil.example.com"
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Host", "X-Forwarded-Prefix"} {
			r.Header.Set(name, "evil.example.com")
		}
		// Requirement R148, RFC 8414 §7.3 own: both well-known addresses give the same document
		if a := srv.Do(t, r); a.Status != 200 || a.Body != want.Body || strings.Contains(a.Body, "evil") {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// An issuer with a path of its own: the well-known part stands before the path for
// RFC 8414 and behind it for OpenID Connect.
func TestAnIssuerWithAPath(t *testing.T) {
	t.Parallel()
	srv := sluicetest.NewServer(t, sluicetest.Config(func(c *sluice.Config) { c.Issuer += "/tenant" }))
	// Requirement R137, RFC 8414 §2 MUST: issuer is the configured one, and cannot have query or fragment
	// Requirement R142, RFC 8414 §3 MUST: the well-known part stands before the issuer's own path
	for _, path := range []string{wellKnown + "/tenant", "/.well-known/openid-configuration/tenant", "/tenant/.well-known/openid-configuration"} {
		a := srv.Get(t, path)
		if a.Status != 200 || a.Text("issuer") != srv.URL+"/tenant" || a.Text("token_endpoint") != srv.URL+"/tenant/oauth/token" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	// Requirement R144, RFC 8414 §3.2 MUST: another issuer's path is 404
	for _, path := range []string{wellKnown, wellKnown + "/other", wellKnown + "/tenant/more", "/.well-known/openid-configuration", "/other/.well-known/openid-configuration"} {
		if a := srv.Get(t, path); a.Status != 404 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}
