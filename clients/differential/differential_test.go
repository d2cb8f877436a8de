package differential

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/bearer/bearertest"
)

var verifier = strings.Repeat("0123456789", 5)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is an authorization request of a client, with more behind it.
func request(client string, more ...string) []string {
	return append([]string{"client_id", client, "response_type", "code", "redirect_uri", callback, "scope", "openid read", "state", "s"}, more...)
}

var s256 = []string{"code_challenge", challenge(), "code_challenge_method", "S256"}

// code gets a code with a challenge.
func (s *server) code(t *testing.T, client string, more ...string) string {
	t.Helper()
	a := s.visit(t, request(client, append(s256, more...)...)...)
	if a.back.Get("code") == "" {
		t.Fatalf("%s gives no code: %s %v", s.name, a, a.back)
	}
	return a.back.Get("code")
}

// redeem redeems a code with everything right but what more changes.
func (s *server) redeem(t *testing.T, client, code string, more ...string) answer {
	t.Helper()
	pairs := map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": callback, "code_verifier": verifier}
	for i := 0; i+1 < len(more); i += 2 {
		pairs[more[i]] = more[i+1]
	}
	var list []string
	for name, value := range pairs {
		if value != "" {
			list = append(list, name, value)
		}
	}
	return s.post(t, "token", as(client), list...)
}

func (s *server) tokens(t *testing.T, client string) answer {
	t.Helper()
	a := s.redeem(t, client, s.code(t, client))
	if a.text("access_token") == "" || a.text("refresh_token") == "" {
		t.Fatalf("%s gives no tokens: %s", s.name, a)
	}
	return a
}

func (s *server) own(t *testing.T, more ...string) answer {
	t.Helper()
	return s.post(t, "token", as("web"), append([]string{"grant_type", "client_credentials", "scope", "read"}, more...)...)
}

func (s *server) refresh(t *testing.T, client, token string, more ...string) answer {
	t.Helper()
	return s.post(t, "token", as(client), append([]string{"grant_type", "refresh_token", "refresh_token", token}, more...)...)
}

func (s *server) introspect(t *testing.T, token string) answer {
	t.Helper()
	return s.post(t, "introspection", as("web"), "token", token)
}

// claims are those of an id_token.
func claims(t *testing.T, a answer) answer {
	t.Helper()
	parts := strings.Split(a.text("id_token"), ".")
	if len(parts) != 3 {
		t.Fatalf("no id_token: %s", a)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	out := answer{status: a.status}
	if err := json.Unmarshal(text, &out.json); err != nil {
		t.Fatal(err)
	}
	return out
}

// says is one member of the metadata.
func (s *server) says(member string) answer {
	return answer{json: map[string]any{"": s.metadata[member] != nil}}
}

// lists reports whether a list of the metadata holds a value.
func (s *server) lists(member, value string) answer {
	list, _ := s.metadata[member].([]any)
	found := false
	for _, v := range list {
		found = found || v == value
	}
	return answer{json: map[string]any{"": found}}
}

// check is one request, or a few, and the answer that counts.
type check func(t *testing.T, s *server) answer

func metadataChecks() map[string]check {
	all := map[string]check{}
	for _, m := range []string{"issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "introspection_endpoint", "revocation_endpoint",
		"pushed_authorization_request_endpoint", "authorization_response_iss_parameter_supported", "dpop_signing_alg_values_supported"} {
		all["metadata has "+m] = func(_ *testing.T, s *server) answer { return s.says(m) }
	}
	for _, m := range [][2]string{{"response_types_supported", "code"}, {"response_modes_supported", "form_post"}, {"grant_types_supported", "client_credentials"},
		{"grant_types_supported", "refresh_token"}, {"code_challenge_methods_supported", "S256"}, {"code_challenge_methods_supported", "plain"},
		{"id_token_signing_alg_values_supported", "RS256"}, {"id_token_signing_alg_values_supported", "none"}, {"subject_types_supported", "public"},
		{"token_endpoint_auth_methods_supported", "client_secret_basic"}, {"token_endpoint_auth_methods_supported", "none"}, {"scopes_supported", "openid"}} {
		all["metadata "+m[0]+" "+m[1]] = func(_ *testing.T, s *server) answer { return s.lists(m[0], m[1]) }
	}
	return all
}

func clientChecks() map[string]check {
	wrong := func(r *http.Request, _ url.Values) { r.SetBasicAuth("web", "wrong") }
	return map[string]check{
		"own token": func(t *testing.T, s *server) answer { return s.own(t) },
		"own token, no scope": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", "client_credentials")
		},
		"own token, openid": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", "client_credentials", "scope", "openid")
		},
		"own token, unknown scope": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", "client_credentials", "scope", "nonsense")
		},
		"own token, scope twice":       func(t *testing.T, s *server) answer { return s.own(t, "scope", "write") },
		"own token, unknown parameter": func(t *testing.T, s *server) answer { return s.own(t, "foo", "bar") },
		"wrong secret": func(t *testing.T, s *server) answer {
			return s.post(t, "token", wrong, "grant_type", "client_credentials")
		},
		"unknown client": func(t *testing.T, s *server) answer {
			return s.post(t, "token", func(r *http.Request, _ url.Values) { r.SetBasicAuth("nobody", secret) }, "grant_type", "client_credentials")
		},
		"no client": func(t *testing.T, s *server) answer {
			return s.post(t, "token", nobody, "grant_type", "client_credentials")
		},
		"client without proof": func(t *testing.T, s *server) answer {
			return s.post(t, "token", nobody, "grant_type", "client_credentials", "client_id", "web")
		},
		"secret in the body of a client by Basic": func(t *testing.T, s *server) answer {
			return s.post(t, "token", nobody, "grant_type", "client_credentials", "client_id", "web", "client_secret", secret)
		},
		"Basic and another client_id": func(t *testing.T, s *server) answer { return s.own(t, "client_id", "other") },
		"Basic and a secret beside":   func(t *testing.T, s *server) answer { return s.own(t, "client_secret", secret) },
		"broken Basic": func(t *testing.T, s *server) answer {
			return s.post(t, "token", func(r *http.Request, _ url.Values) { r.Header.Set("Authorization", "Basic !!!") }, "grant_type", "client_credentials")
		},
		"no grant_type":      func(t *testing.T, s *server) answer { return s.post(t, "token", as("web"), "scope", "read") },
		"unknown grant_type": func(t *testing.T, s *server) answer { return s.post(t, "token", as("web"), "grant_type", "nonsense") },
		"grant of others only": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as(public), "grant_type", "client_credentials")
		},
		"GET at the token endpoint": func(t *testing.T, s *server) answer {
			return s.get(t, s.endpoint(t, "token")+"?grant_type=client_credentials")
		},
	}
}

func codeChecks() map[string]check {
	return map[string]check{
		"code":                    func(t *testing.T, s *server) answer { return s.redeem(t, "web", s.code(t, "web")) },
		"code of a public client": func(t *testing.T, s *server) answer { return s.redeem(t, public, s.code(t, public)) },
		"id_token": func(t *testing.T, s *server) answer {
			return claims(t, s.redeem(t, "web", s.code(t, "web", "nonce", "n")))
		},
		"wrong verifier": func(t *testing.T, s *server) answer {
			return s.redeem(t, "web", s.code(t, "web"), "code_verifier", strings.Repeat("x", 43))
		},
		"no verifier": func(t *testing.T, s *server) answer { return s.redeem(t, "web", s.code(t, "web"), "code_verifier", "") },
		"short verifier": func(t *testing.T, s *server) answer {
			return s.redeem(t, "web", s.code(t, "web"), "code_verifier", "short")
		},
		"code of another client": func(t *testing.T, s *server) answer { return s.redeem(t, "other", s.code(t, "web")) },
		"redirect_uri missing":   func(t *testing.T, s *server) answer { return s.redeem(t, "web", s.code(t, "web"), "redirect_uri", "") },
		"redirect_uri of another": func(t *testing.T, s *server) answer {
			return s.redeem(t, "web", s.code(t, "web"), "redirect_uri", callback+"/x")
		},
		"unknown code": func(t *testing.T, s *server) answer { return s.redeem(t, "web", "nonsense") },
		"no code":      func(t *testing.T, s *server) answer { return s.redeem(t, "web", "") },
		"verifier without challenge": func(t *testing.T, s *server) answer {
			return s.redeem(t, "web", s.visit(t, request("web")...).back.Get("code"))
		},
		"code without PKCE": func(t *testing.T, s *server) answer {
			return s.redeem(t, "web", s.visit(t, request("web")...).back.Get("code"), "code_verifier", "")
		},
		"code twice": func(t *testing.T, s *server) answer {
			k := s.code(t, "web")
			s.redeem(t, "web", k)
			return s.redeem(t, "web", k)
		},
		"the token of a code used twice": func(t *testing.T, s *server) answer {
			k := s.code(t, "web")
			first := s.redeem(t, "web", k)
			s.redeem(t, "web", k)
			return s.introspect(t, first.text("access_token"))
		},
		"a right try after a wrong one": func(t *testing.T, s *server) answer {
			k := s.code(t, "web")
			s.redeem(t, "web", k, "code_verifier", strings.Repeat("x", 43))
			return s.redeem(t, "web", k)
		},
	}
}

func visitChecks() map[string]check {
	visits := map[string][]string{
		"visit":                            request("web", s256...),
		"visit, unknown client":            {"client_id", "nobody", "response_type", "code", "redirect_uri", callback},
		"visit, no client":                 {"response_type", "code", "redirect_uri", callback},
		"visit, unregistered address":      {"client_id", "web", "response_type", "code", "redirect_uri", "https://evil.example.com/callback"},
		"visit, address with a suffix":     {"client_id", "web", "response_type", "code", "redirect_uri", callback + "/../x"},
		"visit, address with a query":      {"client_id", "web", "response_type", "code", "redirect_uri", callback + "?x=1"},
		"visit, no address":                {"client_id", "web", "response_type", "code", "scope", "openid"},
		"visit, no response_type":          {"client_id", "web", "redirect_uri", callback, "scope", "openid", "state", "s"},
		"visit, unknown response_type":     {"client_id", "web", "redirect_uri", callback, "scope", "openid", "state", "s", "response_type", "nonsense"},
		"visit, response_type of others":   {"client_id", "web", "redirect_uri", callback, "scope", "openid", "state", "s", "response_type", "token"},
		"visit, unknown scope":             {"client_id", "web", "redirect_uri", callback, "scope", "openid nonsense", "state", "s", "response_type", "code"},
		"visit, no scope":                  {"client_id", "web", "redirect_uri", callback, "state", "s", "response_type", "code"},
		"visit, public without PKCE":       request(public),
		"visit, plain challenge":           request("web", "code_challenge", verifier, "code_challenge_method", "plain"),
		"visit, unknown challenge method":  request("web", "code_challenge", verifier, "code_challenge_method", "S512"),
		"visit, challenge without method":  request("web", "code_challenge", challenge()),
		"visit, method without challenge":  request("web", "code_challenge_method", "S256"),
		"visit, fragment":                  request("web", append(s256, "response_mode", "fragment")...),
		"visit, form_post":                 request("web", append(s256, "response_mode", "form_post")...),
		"visit, unknown response_mode":     request("web", append(s256, "response_mode", "nonsense")...),
		"visit, prompt none":               request("web", append(s256, "prompt", "none")...),
		"visit, prompt none login":         request("web", append(s256, "prompt", "none login")...),
		"visit, negative max_age":          request("web", append(s256, "max_age", "-1")...),
		"visit, request_uri of a stranger": {"client_id", "web", "request_uri", "https://evil.example.com/request.jwt"},
		"visit, state twice":               request("web", append(s256, "state", "t")...),
	}
	all := map[string]check{}
	for name, pairs := range visits {
		all[name] = func(t *testing.T, s *server) answer { return s.visit(t, pairs...) }
	}
	return all
}

func refreshChecks() map[string]check {
	return map[string]check{
		"refresh": func(t *testing.T, s *server) answer {
			return s.refresh(t, "web", s.tokens(t, "web").text("refresh_token"))
		},
		"refresh of a public client": func(t *testing.T, s *server) answer {
			return s.refresh(t, public, s.tokens(t, public).text("refresh_token"))
		},
		"refresh, narrower": func(t *testing.T, s *server) answer {
			return s.refresh(t, "web", s.tokens(t, "web").text("refresh_token"), "scope", "read")
		},
		"refresh, wider": func(t *testing.T, s *server) answer {
			return s.refresh(t, "web", s.tokens(t, "web").text("refresh_token"), "scope", "read write")
		},
		"refresh of another client": func(t *testing.T, s *server) answer {
			return s.refresh(t, "other", s.tokens(t, "web").text("refresh_token"))
		},
		"refresh, unknown": func(t *testing.T, s *server) answer { return s.refresh(t, "web", "nonsense") },
		"refresh, missing": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", "refresh_token")
		},
		"refresh with an access token": func(t *testing.T, s *server) answer {
			return s.refresh(t, "web", s.tokens(t, "web").text("access_token"))
		},
		"refresh twice": func(t *testing.T, s *server) answer {
			token := s.tokens(t, "web").text("refresh_token")
			s.refresh(t, "web", token)
			return s.refresh(t, "web", token)
		},
		"refresh with one that was used long ago": func(t *testing.T, s *server) answer {
			first := s.tokens(t, "web").text("refresh_token")
			s.refresh(t, "web", s.refresh(t, "web", first).text("refresh_token"))
			return s.refresh(t, "web", first)
		},
	}
}

// after does something with new tokens and asks what one of them is then.
func after(act func(*testing.T, *server, answer), member string) check {
	return func(t *testing.T, s *server) answer {
		a := s.tokens(t, "web")
		act(t, s, a)
		return answer{json: map[string]any{"active": s.introspect(t, a.text(member)).json["active"]}}
	}
}

func revocationChecks() map[string]check {
	revoke := func(who, member string) func(*testing.T, *server, answer) {
		return func(t *testing.T, s *server, a answer) { s.post(t, "revocation", as(who), "token", a.text(member)) }
	}
	return map[string]check{
		"revoke": func(t *testing.T, s *server) answer {
			return s.post(t, "revocation", as("web"), "token", s.own(t).text("access_token"))
		},
		"revoke, unknown token": func(t *testing.T, s *server) answer { return s.post(t, "revocation", as("web"), "token", "nonsense") },
		"revoke, no token":      func(t *testing.T, s *server) answer { return s.post(t, "revocation", as("web")) },
		"revoke, no client":     func(t *testing.T, s *server) answer { return s.post(t, "revocation", nobody, "token", "nonsense") },
		"revoke, unknown hint": func(t *testing.T, s *server) answer {
			return s.post(t, "revocation", as("web"), "token", "nonsense", "token_type_hint", "x")
		},
		"access after its revocation":    after(revoke("web", "access_token"), "access_token"),
		"refresh after access is gone":   after(revoke("web", "access_token"), "refresh_token"),
		"access after refresh is gone":   after(revoke("web", "refresh_token"), "access_token"),
		"refresh after its revocation":   after(revoke("web", "refresh_token"), "refresh_token"),
		"access after a stranger's word": after(revoke("other", "access_token"), "access_token"),
		"revoke another's token": func(t *testing.T, s *server) answer {
			return s.post(t, "revocation", as("other"), "token", s.own(t).text("access_token"))
		},
	}
}

func introspectionChecks() map[string]check {
	return map[string]check{
		"introspect own token":     func(t *testing.T, s *server) answer { return s.introspect(t, s.own(t).text("access_token")) },
		"introspect user's token":  func(t *testing.T, s *server) answer { return s.introspect(t, s.tokens(t, "web").text("access_token")) },
		"introspect refresh token": func(t *testing.T, s *server) answer { return s.introspect(t, s.tokens(t, "web").text("refresh_token")) },
		"introspect, wrong hint": func(t *testing.T, s *server) answer {
			return s.post(t, "introspection", as("web"), "token", s.own(t).text("access_token"), "token_type_hint", "refresh_token")
		},
		"introspect unknown":   func(t *testing.T, s *server) answer { return s.introspect(t, "nonsense") },
		"introspect, no token": func(t *testing.T, s *server) answer { return s.post(t, "introspection", as("web")) },
		"introspect, nobody":   func(t *testing.T, s *server) answer { return s.post(t, "introspection", nobody, "token", "nonsense") },
		"introspect, public": func(t *testing.T, s *server) answer {
			return s.post(t, "introspection", as(public), "token", "nonsense")
		},
		"userinfo": func(t *testing.T, s *server) answer {
			return s.get(t, s.endpoint(t, "userinfo"), "Authorization", "Bearer "+s.tokens(t, "web").text("access_token"))
		},
		"userinfo, no token": func(t *testing.T, s *server) answer { return s.get(t, s.endpoint(t, "userinfo")) },
		"userinfo, unknown token": func(t *testing.T, s *server) answer {
			return s.get(t, s.endpoint(t, "userinfo"), "Authorization", "Bearer nonsense")
		},
		"userinfo, client's own": func(t *testing.T, s *server) answer {
			return s.get(t, s.endpoint(t, "userinfo"), "Authorization", "Bearer "+s.own(t).text("access_token"))
		},
		"keys": func(t *testing.T, s *server) answer {
			address, _ := s.metadata["jwks_uri"].(string)
			return s.get(t, address)
		},
	}
}

// exchange asks for another token instead of web's own user's.
func (s *server) exchange(t *testing.T, client string, more ...string) answer {
	t.Helper()
	return s.post(t, "token", as(client), append([]string{"grant_type", exchangeGrant, "subject_token", s.tokens(t, "web").text("access_token"), "subject_token_type", accessType}, more...)...)
}

func exchangeChecks() map[string]check {
	return map[string]check{
		"exchange":           func(t *testing.T, s *server) answer { return s.exchange(t, "web", "scope", "read") },
		"exchange another's": func(t *testing.T, s *server) answer { return s.exchange(t, "other", "scope", "read") },
		"exchange, access token": func(t *testing.T, s *server) answer {
			return s.exchange(t, "web", "scope", "read", "requested_token_type", accessType)
		},
		"exchange, id_token": func(t *testing.T, s *server) answer {
			return s.exchange(t, "web", "scope", "read", "requested_token_type", idType)
		},
		"exchange, no such type": func(t *testing.T, s *server) answer {
			return s.exchange(t, "web", "scope", "read", "requested_token_type", "magic")
		},
		"exchange, no such scope": func(t *testing.T, s *server) answer { return s.exchange(t, "web", "scope", "admin") },
		"exchange, actor's type alone": func(t *testing.T, s *server) answer {
			return s.exchange(t, "web", "scope", "read", "actor_token_type", accessType)
		},
		"exchange, actor without type": func(t *testing.T, s *server) answer {
			return s.exchange(t, "web", "scope", "read", "actor_token", s.own(t).text("access_token"))
		},
		"exchange, unknown token": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", exchangeGrant, "scope", "read", "subject_token", "nonsense", "subject_token_type", accessType)
		},
		"exchange, dead token": func(t *testing.T, s *server) answer {
			token := s.tokens(t, "web").text("access_token")
			s.post(t, "revocation", as("web"), "token", token)
			return s.post(t, "token", as("web"), "grant_type", exchangeGrant, "scope", "read", "subject_token", token, "subject_token_type", accessType)
		},
		"exchange, no token": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", exchangeGrant, "scope", "read", "subject_token_type", accessType)
		},
		"exchange, token's type is unknown": func(t *testing.T, s *server) answer {
			return s.post(t, "token", as("web"), "grant_type", exchangeGrant, "scope", "read", "subject_token", "x", "subject_token_type", "magic")
		},
		"exchange by a public client": func(t *testing.T, s *server) answer { return s.exchange(t, public, "scope", "read") },
		"exchange by nobody": func(t *testing.T, s *server) answer {
			return s.post(t, "token", nobody, "grant_type", exchangeGrant, "subject_token", "x", "subject_token_type", accessType)
		},
	}
}

func pushedChecks() map[string]check {
	const par = "pushed_authorization_request"
	push := func(t *testing.T, s *server) string {
		t.Helper()
		a := s.post(t, par, as("web"), request("web", s256...)...)
		if a.text("request_uri") == "" {
			t.Fatalf("%s: %s", s.name, a)
		}
		return a.text("request_uri")
	}
	return map[string]check{
		"push":            func(t *testing.T, s *server) answer { return s.post(t, par, as("web"), request("web", s256...)...) },
		"push, no client": func(t *testing.T, s *server) answer { return s.post(t, par, nobody, request("web", s256...)...) },
		"push with a request_uri": func(t *testing.T, s *server) answer {
			return s.post(t, par, as("web"), request("web", "request_uri", "urn:x")...)
		},
		"push, unregistered address": func(t *testing.T, s *server) answer {
			return s.post(t, par, as("web"), "response_type", "code", "client_id", "web", "redirect_uri", "https://evil.example.com/")
		},
		"push, unknown scope": func(t *testing.T, s *server) answer {
			return s.post(t, par, as("web"), "response_type", "code", "client_id", "web", "redirect_uri", callback, "scope", "nonsense")
		},
		"push for another client": func(t *testing.T, s *server) answer { return s.post(t, par, as("web"), request("other", s256...)...) },
		"visit what was pushed":   func(t *testing.T, s *server) answer { return s.visit(t, "client_id", "web", "request_uri", push(t, s)) },
		"visit what another pushed": func(t *testing.T, s *server) answer {
			return s.visit(t, "client_id", "other", "request_uri", push(t, s))
		},
		"visit twice what was pushed": func(t *testing.T, s *server) answer {
			uri := push(t, s)
			s.visit(t, "client_id", "web", "request_uri", uri)
			return s.visit(t, "client_id", "web", "request_uri", uri)
		},
		"visit what nobody pushed": func(t *testing.T, s *server) answer {
			return s.visit(t, "client_id", "web", "request_uri", "urn:ietf:params:oauth:request_uri:nonsense")
		},
	}
}

func proofChecks() map[string]check {
	proved := func(change func(t *testing.T, s *server, k *bearertest.Key, r *http.Request)) check {
		return func(t *testing.T, s *server) answer {
			k := bearertest.NewKey(t, "ES256")
			return s.post(t, "token", func(r *http.Request, f url.Values) { as("web")(r, f); change(t, s, k, r) }, "grant_type", "client_credentials", "scope", "read")
		}
	}
	return map[string]check{
		"proof": proved(func(t *testing.T, s *server, k *bearertest.Key, r *http.Request) {
			r.Header.Set("DPoP", k.Proof("POST", s.endpoint(t, "token"), "", nil))
		}),
		"proof for another method": proved(func(t *testing.T, s *server, k *bearertest.Key, r *http.Request) {
			r.Header.Set("DPoP", k.Proof("GET", s.endpoint(t, "token"), "", nil))
		}),
		"proof for another address": proved(func(_ *testing.T, _ *server, k *bearertest.Key, r *http.Request) {
			r.Header.Set("DPoP", k.Proof("POST", "https://elsewhere.example.com/token", "", nil))
		}),
		"proof of yesterday": proved(func(t *testing.T, s *server, k *bearertest.Key, r *http.Request) {
			r.Header.Set("DPoP", k.Proof("POST", s.endpoint(t, "token"), "", bearertest.Claims{"iat": 1_700_000_000}))
		}),
		"proof without jti": proved(func(t *testing.T, s *server, k *bearertest.Key, r *http.Request) {
			r.Header.Set("DPoP", k.Proof("POST", s.endpoint(t, "token"), "", bearertest.Claims{"jti": nil}))
		}),
		"two proofs": proved(func(t *testing.T, s *server, k *bearertest.Key, r *http.Request) {
			r.Header.Add("DPoP", k.Proof("POST", s.endpoint(t, "token"), "", nil))
			r.Header.Add("DPoP", k.Proof("POST", s.endpoint(t, "token"), "", nil))
		}),
		"no proof but nonsense": proved(func(_ *testing.T, _ *server, _ *bearertest.Key, r *http.Request) { r.Header.Set("DPoP", "nonsense") }),
		"proof twice": func(t *testing.T, s *server) answer {
			proof := bearertest.NewKey(t, "ES256").Proof("POST", s.endpoint(t, "token"), "", nil)
			prove := func(r *http.Request, f url.Values) { as("web")(r, f); r.Header.Set("DPoP", proof) }
			s.post(t, "token", prove, "grant_type", "client_credentials")
			return s.post(t, "token", prove, "grant_type", "client_credentials")
		},
	}
}

// Both servers answer the same requests alike, but for the differences that the
// table holds and explains.
func TestSameRequestsSameAnswers(t *testing.T) {
	ours, theirs := sluiceServer(t), oracle(t)
	checks := map[string]check{}
	for _, group := range []map[string]check{metadataChecks(), clientChecks(), codeChecks(), visitChecks(), refreshChecks(), revocationChecks(), introspectionChecks(), exchangeChecks(), pushedChecks(), proofChecks()} {
		for name, c := range group {
			checks[name] = c
		}
	}
	if len(checks) < 60 {
		t.Fatalf("only %d checks", len(checks))
	}
	for name, c := range checks {
		t.Run(name, func(t *testing.T) {
			got, want := c(t, ours).String(), c(t, theirs).String()
			d, known := differences[name]
			switch {
			case known && got == want:
				t.Errorf("the difference has gone: both say %q; take it out of the table", got)
			case known && (got != d.ours || want != d.theirs):
				t.Errorf("the difference has changed: {%q, %q}", got, want)
			case !known && got != want:
				t.Errorf("a new difference: {%q, %q}", got, want)
			}
		})
	}
	for name, d := range differences {
		if checks[name] == nil || d.why == "" || d.section == "" {
			t.Errorf("the difference %q is of no check, or has no reason", name)
		}
	}
	t.Logf("%d checks, %d known differences", len(checks), len(differences))
}
