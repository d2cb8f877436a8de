package sluice_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// overridden is a server whose tokens an operator's endpoint judges.
func overridden(t *testing.T, settings string, h http.HandlerFunc) *sluicetest.Server {
	t.Helper()
	endpoint := httptest.NewServer(h)
	t.Cleanup(endpoint.Close)
	cfg, _, err := load(t, "security.oauth2.override.url="+endpoint.URL+"/validate\n"+settings)
	if err != nil {
		t.Fatal(err)
	}
	return newServer(t, sluicetest.Config(func(c *sluice.Config) { c.Bearer = cfg.Bearer }))
}

// An operator's endpoint decides by what no standard knows of: a header, the path.
func TestOverrideStory(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	srv := overridden(t, "security.oauth2.override.headers=X-Tenant\nsecurity.oauth2.override.clientId=sluice\nsecurity.oauth2.override.clientSecret=its secret",
		func(w http.ResponseWriter, r *http.Request) {
			var asked struct {
				Token, Method, Path string
				Headers             map[string][]string
			}
			_ = json.NewDecoder(r.Body).Decode(&asked)
			id, secret, _ := r.BasicAuth()
			if down.Load() || id != "sluice" || secret != "its+secret" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			active := asked.Token == "magic" && asked.Method == "GET" && asked.Path == "/activiti-app/api/enterprise/profile" &&
				len(asked.Headers["X-Tenant"]) == 1 && asked.Headers["X-Tenant"][0] == "muppets"
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"active": active, "username": kermit})
		})
	call := func(token, operation, tenant string) sluicetest.Answer {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/activiti-app/api/enterprise/"+operation, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("X-Tenant", tenant)
		return srv.Do(t, r)
	}
	if a := call("magic", "profile", "muppets"); a.Status != 200 || a.Text("email") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := call("magic", "profile", "others"); a.Status != 401 {
		t.Errorf("another header: %d %s", a.Status, a.Body)
	}
	if a := call("magic", "app-version", "muppets"); a.Status != 401 {
		t.Errorf("another path: %d %s", a.Status, a.Body)
	}
	own := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	if a := call(own, "profile", "muppets"); a.Status != 401 {
		t.Errorf("this server's own token: %d, want 401: the check is replaced", a.Status)
	}
	down.Store(true)
	if a := call("magic", "profile", "muppets"); a.Status != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("the endpoint fails: %d %s", a.Status, a.Body)
	}
}

// When the endpoint sees the token alone, its answers are remembered.
func TestOverrideByTokenOnly(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	srv := overridden(t, "security.oauth2.override.token-only=true\nsecurity.oauth2.audience=muppets", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		text, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		audience := "others"
		if string(text) == `{"token":"magic"}` {
			audience = "muppets"
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"active": true, "username": kermit, "aud": audience})
	})
	for range 3 {
		if a := srv.Call(t, "magic", http.MethodGet, "profile", nil); a.Status != 200 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("the endpoint was asked %d times, want once", asked.Load())
	}
	if a := srv.Call(t, "other", http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("a token for others: %d %s", a.Status, a.Body)
	}
}

// Tokens of this server and of two foreign issuers side by side.
func TestForeignIssuersStory(t *testing.T) {
	t.Parallel()
	one, two, stranger := bearertest.NewServer(t), bearertest.NewServer(t), bearertest.NewServer(t)
	other := app
	other.ID, other.Resources = "other", []string{"https://other.example.com"}
	srv := newServer(t, sluicetest.Client(other), sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.JWT.Issuers = []string{one.URL, two.URL}
		c.Bearer.UsernameAttributes = []string{"email"}
	}))
	audience := srv.URL + "/activiti-app"
	claims := bearertest.Claims{"email": kermit, "scope": "read"}
	own := srv.Token(t, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}})
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"of this server": {own, 200},
		"of this server for another service": {srv.Token(t, "other", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit},
			"password": {password}, "resource": {"https://other.example.com"}}), 401},
		"of the first issuer":  {one.AccessToken(audience, claims), 200},
		"of the second issuer": {two.AccessToken(audience, claims), 200},
		"of a stranger":        {stranger.AccessToken(audience, claims), 401},
		"of a liar":            {stranger.AccessToken(audience, bearertest.Claims{"email": kermit, "iss": one.URL, "iat": time.Now().Unix() - 60}), 401},
		"for another service":  {one.AccessToken("https://other.example.com", claims), 401},
		"an id_token":          {one.Key().Sign(bearertest.Claims{"typ": "JWT"}, bearertest.Claims{"iss": one.URL, "aud": audience, "email": kermit, "sub": "1", "exp": 4000000000}), 401},
	} {
		if a := srv.Call(t, c.token, http.MethodGet, "profile", nil); a.Status != c.status || (c.status == 200 && a.Text("email") != kermit) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	a := srv.Get(t, "/.well-known/oauth-protected-resource/activiti-app")
	if servers, _ := a.JSON["authorization_servers"].([]any); len(servers) != 3 || servers[0] != srv.URL || servers[1] != one.URL {
		t.Errorf("metadata: %s", a.Body)
	}
}

// A token that was asked for another service (RFC 8707) does not work here.
//
// Requirement R091, RFC 6750 §5.3 MUST: a token that is meant for another service is refused
// Requirement R223, RFC 9700 §2.3 SHOULD: a token can be for one service alone
func TestOwnTokenForAnotherService(t *testing.T) {
	t.Parallel()
	other := app
	other.ID, other.Resources = "other", []string{"https://other.example.com"}
	srv := newServer(t, sluicetest.Client(other))
	ask := func(resource string) string {
		return srv.Token(t, "other", "app secret", url.Values{"grant_type": {"password"}, "username": {kermit}, "password": {password}, "resource": {resource}})
	}
	if a := srv.Call(t, ask("https://other.example.com"), http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("for another service: %d %s", a.Status, a.Body)
	}
	if a := srv.Call(t, ask(srv.URL+"/activiti-app"), http.MethodGet, "profile", nil); a.Status != 200 {
		t.Errorf("for this one: %d %s", a.Status, a.Body)
	}
}

// A token bound to a key works with a proof of it, once, and not as a bearer token.
func TestBoundTokenStory(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	key := bearertest.NewKey(t, "ES256")
	auth.Put("bound", bearertest.Claims{"username": kermit, "token_type": "DPoP", "cnf": map[string]string{"jkt": key.Thumbprint()}})
	auth.Put("plain", bearertest.Claims{"username": kermit})
	srv := sluicetest.NewServer(t, sluicetest.User(kermit, password), asking(auth, nil))
	strict := sluicetest.NewServer(t, sluicetest.User(kermit, password), asking(auth, func(c *sluice.Config) { c.Bearer.DPoPRequired = true }))
	prove := func(srv *sluicetest.Server) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/activiti-app/api/enterprise/profile", nil)
		if err != nil {
			t.Fatal(err)
		}
		key.Prove(r, "bound")
		return r
	}
	r := prove(srv)
	if a := srv.Do(t, r); a.Status != 200 || a.Text("email") != kermit {
		t.Errorf("with a proof: %d %s", a.Status, a.Body)
	}
	if a := srv.Do(t, r); a.Status != 401 || !strings.Contains(a.Header.Get("WWW-Authenticate"), "invalid_dpop_proof") {
		t.Errorf("with the same proof: %d %v", a.Status, a.Header)
	}
	if a := srv.Call(t, "bound", http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("as a bearer token: %d %s", a.Status, a.Body)
	}
	if a := srv.Call(t, "plain", http.MethodGet, "profile", nil); a.Status != 200 {
		t.Errorf("a plain one: %d %s", a.Status, a.Body)
	}
	if a := strict.Call(t, "plain", http.MethodGet, "profile", nil); a.Status != 401 {
		t.Errorf("a plain one where a key is required: %d %s", a.Status, a.Body)
	}
	if a := strict.Do(t, prove(strict)); a.Status != 200 {
		t.Errorf("a proof where a key is required: %d %s", a.Status, a.Body)
	}
}

// A token bound to a client certificate works with it: as a proxy tells it, and from
// nobody else.
func TestCertificateBoundTokenStory(t *testing.T) {
	t.Parallel()
	own, other := selfSigned(t), selfSigned(t)
	sum := sha256.Sum256(own)
	auth := bearertest.NewServer(t)
	auth.Put("bound", bearertest.Claims{"username": kermit, "cnf": map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}})
	serverFor := func(proxy string) *sluicetest.Server {
		return sluicetest.NewServer(t, sluicetest.User(kermit, password), asking(auth, func(c *sluice.Config) {
			if proxy != "" {
				c.TLS.ClientCertificateHeader, c.TrustedProxies = "X-Client-Cert", []string{proxy}
			}
		}))
	}
	near, far, none := serverFor("127.0.0.1"), serverFor("10.1.2.3"), serverFor("")
	for name, c := range map[string]struct {
		srv         *sluicetest.Server
		certificate []byte
		status      int
	}{
		"its certificate":               {near, own, 200},
		"another":                       {near, other, 401},
		"none":                          {near, nil, 401},
		"from somebody else":            {far, own, 401},
		"where none can be seen at all": {none, own, 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.srv.URL+"/activiti-app/api/enterprise/profile", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer bound")
		if c.certificate != nil {
			r.Header.Set("X-Client-Cert", ":"+base64.StdEncoding.EncodeToString(c.certificate)+":")
		}
		if a := c.srv.Do(t, r); a.Status != c.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// selfSigned makes a certificate, in DER.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	file := write(t, t.TempDir(), "jwks.json", string(bearertest.JWKS(bearertest.NewKey(t, "ES256"))))
	const check = "security.oauth2.client.checkToken=https://x/i\n"
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	secret := write(t, t.TempDir(), "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	for text, part := range map[string]string{
		check: "clientId",
		check + "security.oauth2.client.authMethod=none":                                                                                                 "",
		check + "security.oauth2.client.authMethod=magic":                                                                                                "authMethod",
		check + "security.oauth2.client.dialect=latin\nsecurity.oauth2.client.authMethod=none":                                                           "dialect",
		check + "security.oauth2.client.dialect=userinfo":                                                                                                "",
		check + "security.oauth2.client.dialect=userinfo\nsecurity.oauth2.client.authMethod=client_secret_post":                                          "authMethod",
		check + "security.oauth2.client.dialect=tokeninfo\nsecurity.oauth2.client.authMethod=none":                                                       "security.oauth2.audience",
		check + "security.oauth2.client.authMethod=private_key_jwt\nsecurity.oauth2.client.clientId=a":                                                   "private key in PEM",
		check + "security.oauth2.client.authMethod=private_key_jwt\nsecurity.oauth2.client.clientId=a\nsecurity.oauth2.client.privateKey-file=" + secret: "",
		check + "security.oauth2.client.authMethod=tls_client_auth\nsecurity.oauth2.client.clientId=a\nsecurity.oauth2.client.privateKey-file=" + secret: "belong together",
		"security.oauth2.override.url=https://x/v":                                                                                                       "",
		"security.oauth2.override.url=http://localhost:1/v":                                                                                              "",
		"security.oauth2.override.url=http://x/v":                                                                                                        "insecure-introspection",
		"security.oauth2.override.url=http://x/v\nsluice.insecure-introspection=true":                                                                    "",
		"security.oauth2.override.url=https://me@x/v":                                                                                                    "override.url",
		"security.oauth2.override.headers=X-A":                                                                                                           "override.url",
		"security.oauth2.override.url=https://x/v\nsecurity.oauth2.override.headers=X-A,Authorization":                                                   "override.headers",
		"security.oauth2.override.url=https://x/v\nsecurity.oauth2.override.clientId=a":                                                                  "clientSecret",
		"security.oauth2.override.url=https://x/v\nsecurity.oauth2.override.token-only=true\nsecurity.oauth2.override.headers=X-A":                       "token-only",
		"security.oauth2.jwt.issuers=https://a,https://b":                                                                                                "",
		"security.oauth2.jwt.issuers=https://a,https://a":                                                                                                "twice",
		"security.oauth2.jwt.issuers=http://a.example.com":                                                                                               "insecure-introspection",
		"security.oauth2.jwt.issuers=a":                                                                                                                  "jwt.issuers",
		"security.oauth2.jwt.issuers=a\nsecurity.oauth2.jwt.jwks=https://a/keys":                                                                         "",
		"security.oauth2.jwt.issuers=a\nsecurity.oauth2.jwt.jwks=" + file:                                                                                "",
		"security.oauth2.jwt.issuers=a\nsecurity.oauth2.jwt.jwks=/no/such/file":                                                                          "neither an address nor a file",
		"security.oauth2.jwt.issuers=https://a,https://b\nsecurity.oauth2.jwt.jwks=https://a/keys":                                                       "1 addresses for 2 issuers",
		"security.oauth2.jwt.issuers=https://a\nsecurity.oauth2.jwt.algorithms=HS256":                                                                    "HS256",
		"security.oauth2.authentication.enabled=false\nsecurity.oauth2.override.url=http://x/v":                                                          "",
	} {
		_, _, err := load(t, text)
		if (part == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), part)) {
			t.Errorf("%q: %v, want %q", text, err, part)
		}
	}
}

// Keys from a file need no network.
func TestIssuerWithKeysInAFile(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "EdDSA")
	file := write(t, t.TempDir(), "jwks.json", string(bearertest.JWKS(key)))
	srv := newServer(t, sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.JWT = sluice.JWTConfig{Issuers: []string{"urn:offline"}, JWKS: []string{file}, Audience: "muppets"}
	}))
	token := key.AccessToken(bearertest.Claims{"iss": "urn:offline", "aud": "muppets", "preferred_username": kermit})
	if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if _, err := sluice.New(t.Context(), func() sluice.Config {
		c := sluice.DefaultConfig()
		c.Data, c.Bearer.JWT = t.TempDir(), sluice.JWTConfig{Issuers: []string{"urn:offline"}, JWKS: []string{write(t, t.TempDir(), "empty", "{}")}}
		return c
	}()); err == nil || !strings.Contains(err.Error(), "JWTConfig.Keys") {
		t.Errorf("a file without keys: %v", err)
	}
}

// Each dialect of checkToken, by its setting.
func TestDialectsOfCheckToken(t *testing.T) {
	t.Parallel()
	answer := func(w http.ResponseWriter, body string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /spring", func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("token") != "good" || r.PostFormValue("client_id") != "a" || r.PostFormValue("client_secret") != "b" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_token"}`)
			return
		}
		answer(w, `{"user_name":"`+kermit+`","client_id":"c","exp":4000000000,"scope":["read"]}`)
	})
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, `{"sub":"7","preferred_username":"`+kermit+`"}`)
	})
	mux.HandleFunc("GET /tokeninfo", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("access_token") != "good" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_token"}`)
			return
		}
		answer(w, `{"aud":"muppets","sub":"7","email":"`+kermit+`","expires_in":"3000"}`)
	})
	foreign := httptest.NewServer(mux)
	t.Cleanup(foreign.Close)
	for path, settings := range map[string]string{
		"/spring":    "dialect=spring\nsecurity.oauth2.client.authMethod=client_secret_post\nsecurity.oauth2.client.clientId=a\nsecurity.oauth2.client.clientSecret=b",
		"/userinfo":  "dialect=userinfo",
		"/tokeninfo": "dialect=tokeninfo\nsecurity.oauth2.client.authMethod=none\nsecurity.oauth2.audience=muppets",
	} {
		cfg, _, err := load(t, "security.oauth2.client.checkToken="+foreign.URL+path+"\nsecurity.oauth2.client."+settings)
		if err != nil {
			t.Fatal(path, err)
		}
		srv := newServer(t, sluicetest.Config(func(c *sluice.Config) { c.Bearer = cfg.Bearer }))
		if a := srv.Call(t, "good", http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		if a := srv.Call(t, "bad", http.MethodGet, "profile", nil); a.Status != 401 {
			t.Errorf("%s, a bad token: %d %s", path, a.Status, a.Body)
		}
	}
}
