package differential

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"encoding/json"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	kermit   = "kermit@example.com"
	password = "green"
	callback = "http://127.0.0.1:5999/callback"
	secret   = "a-secret-of-more-than-32-characters-0123456789"
)

const (
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessType    = "urn:ietf:params:oauth:token-type:access_token"
	idType        = "urn:ietf:params:oauth:token-type:id_token"
)

// server is one of the two.
type server struct {
	name     string
	metadata map[string]any
	browser  *http.Client // signed in; stops at the client's address
}

// The clients that both servers know: two confidential ones by HTTP Basic, and a
// public one.
var confidential = []string{"web", "other"}

const public = "spa"

// sluiceServer is ours.
func sluiceServer(t *testing.T) *server {
	t.Helper()
	options := []sluicetest.Option{sluicetest.User(kermit, password)}
	for _, id := range append(confidential, public) {
		c := sluice.Client{ID: id, GrantTypes: []string{"authorization_code", "client_credentials", "refresh_token"}, RedirectURIs: []string{callback},
			Scopes: []string{"openid", "read", "write"}, SkipConsent: true, TokenFormat: "opaque", Introspect: id == "web"}
		n := sluice.NewClient{Client: c, Secret: secret}
		if id == public {
			n.Secret, n.GrantTypes = "", []string{"authorization_code", "refresh_token"}
		} else {
			n.AuthMethod, n.GrantTypes = "client_secret_basic", append(n.GrantTypes, exchangeGrant)
			n.ExchangeFrom = []string{"web"}
		}
		options = append(options, sluicetest.Client(n))
	}
	srv := sluicetest.NewServer(t, options...)
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	return newServer(t, "sluice", srv.URL, b.Client().Jar)
}

// oracle is luikyv/go-oidc with what it keeps in memory by itself; whoever comes is
// signed in.
func oracle(t *testing.T) *server {
	t.Helper()
	listener := httptest.NewUnstartedServer(nil)
	issuer := "http://" + listener.Listener.Addr().String()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{KeyID: "k", Key: key, Algorithm: "RS256", Use: "sig"}}}
	var clients []*goidc.Client
	for _, id := range append(confidential, public) {
		clients = append(clients, oracleClient(id))
	}
	var op *provider.Provider
	// The oracle leaves the subject token to a function: one that it does not know, or
	// that is of another client than web, is refused as an invalid request.
	exchange := func(ctx context.Context, r goidc.TokenExchangeRequest) (goidc.TokenExchangeResult, error) {
		info, _, err := op.Introspect(ctx, r.SubjectToken)
		if err != nil || !info.IsActive {
			return goidc.TokenExchangeResult{}, goidc.NewError(goidc.ErrorCodeInvalidRequest, "the subject_token is not good")
		}
		return goidc.TokenExchangeResult{Subject: info.Subject}, nil
	}
	op, err = provider.New(provider.Config{Issuer: issuer, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgRS256},
		JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil }},
		provider.WithScopes(goidc.ScopeOpenID, goidc.NewScope("read"), goidc.NewScope("write")), provider.WithStaticClients(clients...),
		provider.WithSecretBasicAuthn(), provider.WithSecretPostAuthn(), provider.WithNoneAuthn(), provider.WithClientCredentialsGrant(),
		provider.WithAuthCodeGrant(provider.AuthCodeGrantConfig{ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}},
			provider.WithIssuerResponseParameter(), provider.WithFormPostResponseMode(), provider.WithPAR(nil),
			provider.WithPKCE([]goidc.CodeChallengeMethod{goidc.CodeChallengeMethodSHA256}),
			provider.WithAuthPolicies(goidc.NewPolicy("yes", func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }, signIn))),
		provider.WithTokenExchangeGrant(exchange, provider.WithTokenExchangeClientAuthnRequired()),
		provider.WithRefreshTokenGrant(nil, provider.WithRefreshTokenRotation()),
		provider.WithTokenIntrospection(func(context.Context, *goidc.Client, goidc.TokenInfo) bool { return true }),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),
		provider.WithDPoP([]goidc.SignatureAlgorithm{goidc.SigAlgES256}),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewOpaqueTokenOptions(3600)
		}, provider.WithOpaqueTokens(nil)))
	if err != nil {
		t.Fatal(err)
	}
	listener.Config.Handler = op.Handler()
	listener.Start()
	t.Cleanup(listener.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return newServer(t, "go-oidc", issuer, jar)
}

func oracleClient(id string) *goidc.Client {
	c := &goidc.Client{ID: id, Secret: secret, ClientMeta: goidc.ClientMeta{TokenAuthnMethod: goidc.AuthnMethodSecretBasic, ScopeIDs: "openid read write",
		RedirectURIs: []string{callback}, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode},
		GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantClientCredentials, goidc.GrantRefreshToken, goidc.GrantTokenExchange}}}
	if id == public {
		c.Secret, c.TokenAuthnMethod = "", goidc.AuthnMethodNone
		c.GrantTypes = []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantRefreshToken}
	}
	return c
}

func signIn(_ http.ResponseWriter, _ *http.Request, as *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	as.Subject, as.Username, as.GrantedScopes = "1", kermit, as.Scopes
	return goidc.StatusSuccess, nil
}

func newServer(t *testing.T, name, issuer string, jar http.CookieJar) *server {
	t.Helper()
	s := &server{name: name, browser: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
	resp, err := http.Get(issuer + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&s.metadata); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) endpoint(t *testing.T, name string) string {
	t.Helper()
	address, _ := s.metadata[name+"_endpoint"].(string)
	if address == "" {
		t.Fatalf("%s has no %s_endpoint", s.name, name)
	}
	return address
}

// answer is what came back, of a program's endpoint or of the browser's journey.
type answer struct {
	status int
	json   map[string]any
	back   url.Values // what the browser brings to the client; nil: it was not sent there
}

func (a answer) text(member string) string {
	s, _ := a.json[member].(string)
	return s
}

// String writes down what both servers must agree on: the status, the error code or
// the members, with the values of those that a specification settles.
func (a answer) String() string {
	switch {
	case a.back != nil && a.back.Has("error"):
		return "back with " + a.back.Get("error") + members(a.back)
	case a.back != nil:
		return "back" + members(a.back)
	case a.json == nil:
		return http.StatusText(a.status)
	case a.text("error") != "":
		return http.StatusText(a.status) + " " + a.text("error")
	}
	line := http.StatusText(a.status)
	for _, name := range slices.Sorted(mapKeys(a.json)) {
		line += " " + name
		switch v := a.json[name].(type) {
		case bool:
			line += "=" + map[bool]string{true: "true", false: "false"}[v]
		case string:
			if slices.Contains(settled, name) {
				line += "=" + strings.ReplaceAll(v, " ", "+")
			}
		}
	}
	return line
}

var settled = []string{"token_type", "scope", "client_id", "nonce"}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func members(v url.Values) string {
	line := ""
	for _, name := range []string{"code", "iss", "state"} {
		if v.Has(name) {
			line += " " + name
		}
	}
	return line
}

// login adds client authentication to a request.
type login func(r *http.Request, form url.Values)

func as(id string) login {
	if id == public {
		return func(_ *http.Request, form url.Values) { form.Set("client_id", id) }
	}
	return func(r *http.Request, _ url.Values) { r.SetBasicAuth(id, secret) }
}

func nobody(*http.Request, url.Values) {}

func form(pairs ...string) url.Values {
	f := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Add(pairs[i], pairs[i+1])
	}
	return f
}

// post sends a form to an endpoint.
func (s *server) post(t *testing.T, endpoint string, who login, pairs ...string) answer {
	t.Helper()
	fields := form(pairs...)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.endpoint(t, endpoint), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	who(r, fields)
	text := fields.Encode()
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return read(t, http.DefaultClient, r)
}

// get calls an endpoint with the headers.
func (s *server) get(t *testing.T, address string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return read(t, http.DefaultClient, r)
}

// visit sends the browser to the authorization endpoint.
func (s *server) visit(t *testing.T, pairs ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.endpoint(t, "authorization")+"?"+form(pairs...).Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, s.browser, r)
}

func read(t *testing.T, c *http.Client, r *http.Request) (a answer) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a.status = resp.StatusCode
	_ = json.Unmarshal(body, &a.json) // a page is no JSON
	if away, err := resp.Location(); err == nil {
		a.back = away.Query()
		if away.Fragment != "" {
			if a.back, err = url.ParseQuery(away.Fragment); err != nil {
				t.Fatal(err)
			}
		}
	}
	return a
}
