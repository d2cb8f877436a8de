package sluice_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// What js-api, ADF and the mobile apps have built in works without a word about
// endpoints.
func TestKeycloaksAddresses(t *testing.T) {
	t.Parallel()
	srv := sluicetest.NewServer(t, sluicetest.User("kermit@example.com", "green"),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "spa", GrantTypes: []string{"authorization_code", "password", "refresh_token"},
			RedirectURIs: []string{"http://localhost/cb"}, Scopes: []string{"openid"}, TokenFormat: "jwt", SkipConsent: true}}),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "rs", GrantTypes: []string{"client_credentials"}, Introspect: true}, Secret: "secret"}),
		sluicetest.Config(func(c *sluice.Config) {
			c.OAuth.KeycloakRealm = "alfresco"
			c.Issuer += "/auth/realms/alfresco"
		}))
	for _, base := range []string{"/auth/realms/alfresco", "/realms/alfresco"} {
		document := srv.Get(t, base+"/.well-known/openid-configuration")
		if document.Status != 200 || document.Text("issuer") != srv.Config.Issuer {
			t.Fatalf("%s: %d %s", base, document.Status, document.Body)
		}
		for _, member := range []string{"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "revocation_endpoint", "end_session_endpoint"} {
			address := document.Text(member)
			if a := srv.Get(t, strings.TrimPrefix(address, srv.URL)); !strings.HasPrefix(address, srv.Config.Issuer) || a.Status == 404 {
				t.Errorf("%s is %s and answers %d", member, address, a.Status)
			}
		}
		at := base + "/protocol/openid-connect"
		got := srv.Post(t, at+"/token", url.Values{"grant_type": {"password"}, "username": {"kermit@example.com"}, "password": {"green"}, "client_id": {"spa"}, "scope": {"openid"}})
		token := got.Text("access_token")
		if got.Status != 200 || got.Text("refresh_token") == "" || strings.Count(token, ".") != 2 {
			t.Fatalf("token: %d %s", got.Status, got.Body)
		}
		if a := srv.Get(t, at+"/userinfo", "Authorization", "bearer "+token); a.Status != 200 || a.Text("preferred_username") != "kermit@example.com" {
			t.Errorf("userinfo: %d %s", a.Status, a.Body)
		}
		if a := srv.Get(t, at+"/logout"); a.Status != 200 || !strings.Contains(a.Body, "<h1") {
			t.Errorf("logout: %d %s", a.Status, a.Body)
		}
		if a := srv.Get(t, at+"/certs"); a.Status != 200 || a.JSON["keys"] == nil {
			t.Errorf("certs: %d %s", a.Status, a.Body)
		}
		if a := srv.PostAs(t, "rs", "secret", at+"/token/introspect", url.Values{"token": {token}}); a.Status != 200 || a.JSON["active"] != true {
			t.Errorf("introspect: %d %s", a.Status, a.Body)
		}
		if a := srv.Post(t, at+"/revoke", url.Values{"token": {token}, "client_id": {"spa"}, "client_secret": {"dummyClientSecret"}}); a.Status != 200 {
			t.Errorf("revoke: %d %s", a.Status, a.Body)
		}
		if a := srv.PostAs(t, "rs", "secret", at+"/token/introspect", url.Values{"token": {token}}); a.Status != 200 || a.JSON["active"] != false {
			t.Errorf("after revocation: %d %s", a.Status, a.Body)
		}
		b := srv.Browser(t)
		b.Open(t, srv.URL+at+"/auth?"+url.Values{"client_id": {"spa"}, "response_type": {"code"}, "redirect_uri": {"http://localhost:4200/cb"}, "scope": {"openid"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}.Encode())
		away := b.SignIn(t, "kermit@example.com", "green")
		if away == nil || away.Query().Get("code") == "" || away.Query().Get("iss") != srv.Config.Issuer {
			t.Errorf("auth: %v", away)
		}
	}
	if a := srv.Get(t, "/auth/realms/other/protocol/openid-connect/certs"); a.Status != 404 {
		t.Errorf("another realm: %d", a.Status)
	}
	off := sluicetest.NewServer(t)
	if a := off.Get(t, "/auth/realms/alfresco/protocol/openid-connect/certs"); a.Status != 404 {
		t.Errorf("without a realm: %d", a.Status)
	}
	for _, realm := range []string{"a/b", "{x}", "..", "a b", "%2e"} {
		cfg := sluice.DefaultConfig()
		cfg.OAuth.KeycloakRealm = realm
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "keycloak-realm") {
			t.Errorf("the realm %q: %v", realm, err)
		}
	}
}

// Pages of browser clients may call what they need and nothing else.
//
// Requirement R104, RFC 7009 §2.3 MAY: pages of browser clients may revoke
// Requirement R226, RFC 9700 §2.6 MUST NOT: no page of another site reads the authorization endpoint
func TestClientsOriginsMayCall(t *testing.T) {
	t.Parallel()
	clock := bearertest.NewClock()
	browser := func(id, secret string, uris, more []string) sluicetest.Option {
		return sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: id, GrantTypes: []string{"authorization_code"}, RedirectURIs: uris,
			ClientMetadata: sluice.ClientMetadata{AllowedOrigins: more}}, Secret: secret})
	}
	srv := sluicetest.NewServer(t, sluicetest.With(sluice.WithClock(clock.Now)), sluicetest.Config(func(c *sluice.Config) { c.OAuth.KeycloakRealm = "alfresco" }),
		browser("spa", "", []string{"https://SPA.example.com:443/cb", "http://localhost/cb", "com.example:/cb"}, nil),
		browser("web", "secret", []string{"https://web.example.com/cb"}, []string{"https://pages.example.com:8443"}))
	call := func(method, path, origin string) http.Header {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		if method == http.MethodOptions {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		return srv.Do(t, r).Header
	}
	allowed := func(path, origin string) bool {
		t.Helper()
		h := call(http.MethodOptions, path, origin)
		if got := h.Get("Access-Control-Allow-Origin"); got != "" && (got != origin || h.Get("Access-Control-Allow-Credentials") != "true" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "DPoP") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization")) {
			t.Errorf("%s from %s: %v", path, origin, h)
		}
		return h.Get("Access-Control-Allow-Origin") != ""
	}
	for origin, want := range map[string]bool{
		"https://spa.example.com": true, "http://localhost": true, "http://localhost:4200": true, "https://pages.example.com:8443": true,
		"https://web.example.com": false, "http://spa.example.com": false, "https://spa.example.com:8443": false, "https://spa.example.com.evil.com": false,
		"https://evil.com": false, "null": false, "http://localhost.evil.com:4200": false, "https://localhost:4200": false, "com.example://": false,
	} {
		if got := allowed("/oauth/token", origin); got != want {
			t.Errorf("from %s: %v", origin, got)
		}
	}
	for path, want := range map[string]bool{
		"/oauth/revoke": true, "/oauth/userinfo": true, "/oauth/jwks": true, "/.well-known/openid-configuration": true,
		"/auth/realms/alfresco/protocol/openid-connect/token": true, "/realms/alfresco/protocol/openid-connect/certs": true,
		"/oauth/authorize": false, "/oauth/introspect": false, "/oauth/check_token": false, "/oauth/register": false, "/login": false, "/logout": false,
		"/auth/realms/alfresco/protocol/openid-connect/auth": false, "/activiti-app/api/enterprise/profile": false,
	} {
		if got := allowed(path, "https://spa.example.com"); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if h := call(http.MethodPost, "/oauth/token", "https://spa.example.com"); h.Get("Access-Control-Allow-Origin") != "https://spa.example.com" || h.Get("Vary") == "" {
		t.Errorf("a refusal must be readable: %v", h)
	}
	for origin, want := range map[string]string{"https://spa.example.com": "https://spa.example.com", "https://evil.com": "*"} {
		for _, path := range []string{"/oauth/jwks", "/.well-known/openid-configuration"} {
			h := call(http.MethodGet, path, origin)
			if h.Get("Access-Control-Allow-Origin") != want || (want == "*") != (h.Get("Access-Control-Allow-Credentials") == "") {
				t.Errorf("%s from %s: %v", path, origin, h)
			}
		}
	}
	if err := srv.Admin.DeleteClient(t.Context(), "spa"); err != nil {
		t.Fatal(err)
	}
	clock.Move(time.Minute)
	if allowed("/oauth/token", "https://spa.example.com") {
		t.Error("a client that is gone is still answered")
	}
	if _, err := srv.Admin.CreateClient(t.Context(), sluice.NewClient{Client: sluice.Client{ID: "new", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{"https://new.example.com/"}}}); err != nil {
		t.Fatal(err)
	}
	clock.Move(time.Second)
	if !allowed("/oauth/token", "https://new.example.com") {
		t.Error("a new client is not answered after a second")
	}
	off := sluicetest.NewServer(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.CORSClientOrigins = false }),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "spa", GrantTypes: []string{"authorization_code"}, RedirectURIs: []string{"https://spa.example.com/"}}}))
	if a := off.Get(t, "/oauth/userinfo", "Origin", "https://spa.example.com"); a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the switch does nothing")
	}
}
