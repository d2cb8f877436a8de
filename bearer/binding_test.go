package bearer_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// publicJWK is the key as a proof's header shows it.
func publicJWK(t testing.TB, k *bearertest.Key) string {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(bearertest.JWKS(k), &set); err != nil {
		t.Fatal(err)
	}
	text, err := jose.JSONWebKey{Key: set.Keys[0].Key}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// forged is a JWT with a header of any kind and a signature of no kind.
func forged(header string) string {
	b := base64.RawURLEncoding.EncodeToString
	return b([]byte(header)) + "." + b([]byte(`{"jti":"x","htm":"GET","htu":"`+apiBase+`/","iat":1,"ath":"`+hashOf("good")+`"}`)) + "."
}

func es384Proof(t testing.TB, address string) string {
	t.Helper()
	return bearertest.NewKey(t, "ES384").Proof("GET", address, "good", nil)
}

// certificate is a self-signed one, with its "x5t#S256".
func certificate(t *testing.T) (c tls.Certificate, thumbprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, base64.RawURLEncoding.EncodeToString(sum[:])
}

func certServer(t *testing.T, cnf string, cfg *bearer.CertificateConfig) *bearer.Server {
	t.Helper()
	srv, err := bearer.New(bearer.Config{Certificates: cfg, Log: slog.New(slog.DiscardHandler),
		Validator: bearertest.Tokens{"good": {Username: "kermit", Confirmation: json.RawMessage(cnf)}}})
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// RFC 8705 §3 over a real TLS connection.
func TestCertificateBoundToken(t *testing.T) {
	t.Parallel()
	mine, thumbprint := certificate(t)
	others, _ := certificate(t)
	check := certServer(t, `{"x5t#S256":"`+thumbprint+`"}`, &bearer.CertificateConfig{})
	srv := httptest.NewUnstartedServer(check.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for name, c := range map[string]struct {
		certificates []tls.Certificate
		status       int
	}{"mine": {[]tls.Certificate{mine}, 200}, "another": {[]tls.Certificate{others}, 401}, "none": {nil, 401}} {
		pool := x509.NewCertPool()
		pool.AddCert(srv.Certificate())
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: c.certificates, MinVersion: tls.VersionTLS13}}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer good")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		client.CloseIdleConnections()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != c.status || (c.status == 401) != strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, got)
		}
	}
}

// The header counts from the proxy alone.
func TestCertificateFromProxy(t *testing.T) {
	t.Parallel()
	mine, thumbprint := certificate(t)
	others, _ := certificate(t)
	der := mine.Certificate[0]
	plain := base64.StdEncoding.EncodeToString(der)
	text := url.QueryEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	nginx := strings.ReplaceAll(strings.ReplaceAll(text, "-----BEGIN+CERTIFICATE-----", "-----BEGIN%20CERTIFICATE-----"), "-----END+CERTIFICATE-----", "-----END%20CERTIFICATE-----")
	check := certServer(t, `{"x5t#S256":"`+thumbprint+`"}`, &bearer.CertificateConfig{Header: "client-cert", Proxies: []string{"10.1.0.0/16", "::1"}})
	for name, c := range map[string]struct {
		remote string
		header []string
		own    *tls.Certificate
		status int
	}{
		"RFC 9440":              {"10.1.2.3:5", []string{":" + plain + ":"}, nil, 200},
		"base64":                {"10.1.2.3:5", []string{plain}, nil, 200},
		"nginx":                 {"[::1]:5", []string{nginx}, nil, 200},
		"IPv4 in IPv6":          {"[::ffff:10.1.2.3]:5", []string{plain}, nil, 200},
		"from somebody else":    {"10.2.2.3:5", []string{plain}, nil, 401},
		"own, from a client":    {"10.2.2.3:5", nil, &mine, 200},
		"the proxy's own":       {"10.1.2.3:5", nil, &mine, 401},
		"header against own":    {"10.2.2.3:5", []string{plain}, &others, 401},
		"two headers":           {"10.1.2.3:5", []string{plain, plain}, nil, 401},
		"empty":                 {"10.1.2.3:5", []string{""}, nil, 401},
		"another":               {"10.1.2.3:5", []string{base64.StdEncoding.EncodeToString(others.Certificate[0])}, nil, 401},
		"not a certificate":     {"10.1.2.3:5", []string{base64.StdEncoding.EncodeToString([]byte("hello"))}, nil, 401},
		"huge":                  {"10.1.2.3:5", []string{strings.Repeat("A", 20_000)}, nil, 401},
		"address of no network": {"@", []string{plain}, nil, 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header.Set("Authorization", "Bearer good")
		r.Header["Client-Cert"] = c.header
		if c.own != nil {
			own, err := x509.ParseCertificate(c.own.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}
		}
		if w := call(check, r); w.Code != c.status {
			t.Errorf("%s: %d, want %d (%s)", name, w.Code, c.status, w.Body)
		}
	}
}

// What binds a token and is not understood refuses it, whatever else is there.
func TestUnknownBindingIsRefused(t *testing.T) {
	t.Parallel()
	mine, thumbprint := certificate(t)
	own, err := x509.ParseCertificate(mine.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	known := `"x5t#S256":"` + thumbprint + `"`
	for cnf, want := range map[string]int{
		`{` + known + `}`: 200, `null`: 200, ``: 200,
		`{` + known + `,"jwk":{}}`: 401, `{` + known + `,"kid":"x"}`: 401, `{"jwe":"x"}`: 401, `{}`: 401, `[]`: 401, `"x"`: 401, `true`: 401,
		`{"x5t#S256":""}`: 401, `{"x5t#S256":5}`: 401, `{"X5T#S256":"` + thumbprint + `"}`: 401, `{` + known + `,"jkt":"x"}`: 401,
		`{` + known + `,` + known + `}`: 401,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer good")
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}
		if w := call(certServer(t, cnf, &bearer.CertificateConfig{}), r); w.Code != want {
			t.Errorf("%s: %d, want %d", cnf, w.Code, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer good")
	r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{own}}
	if w := call(certServer(t, `{`+known+`}`, nil), r); w.Code != 401 {
		t.Errorf("certificates are off: %d", w.Code)
	}
}

func TestProxiesAreChecked(t *testing.T) {
	t.Parallel()
	for _, cfg := range []bearer.CertificateConfig{
		{Header: "X"}, {Proxies: []string{"10.0.0.0/8"}}, {Header: "X", Proxies: []string{"0.0.0.0/0"}}, {Header: "X", Proxies: []string{"::/0"}},
		{Header: "X", Proxies: []string{"proxy.example.com"}},
	} {
		if _, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{}, Certificates: &cfg}); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	token := bearer.Token{Username: "kermit", Scopes: []string{"read", "write"}, Audience: []string{"api", "tasks"}, ACR: "mfa", AuthTime: now.Add(-time.Minute)}
	without := token
	without.ACR, without.AuthTime = "", time.Time{}
	for name, c := range map[string]struct {
		token     bearer.Token
		options   []bearer.Option
		status    int
		challenge string
	}{
		"nothing asked":        {token, nil, 200, ""},
		"all scopes":           {token, []bearer.Option{bearer.Scope("read", "write")}, 200, ""},
		"one is missing":       {token, []bearer.Option{bearer.Scope("read", "admin")}, 403, `error="insufficient_scope", error_description="the token does not have the scope that this needs", scope="read admin"`},
		"any scope":            {token, []bearer.Option{bearer.AnyScope("admin", "write")}, 200, ""},
		"none of any":          {token, []bearer.Option{bearer.AnyScope("admin", "root")}, 403, `scope="admin root"`},
		"any of nothing":       {token, []bearer.Option{bearer.AnyScope()}, 403, `error="insufficient_scope"`},
		"any, twice":           {token, []bearer.Option{bearer.AnyScope("read"), bearer.AnyScope("root")}, 403, `scope="root"`},
		"audience":             {token, []bearer.Option{bearer.Audience("tasks")}, 200, ""},
		"another audience":     {token, []bearer.Option{bearer.Audience("tasks"), bearer.Audience("mail")}, 401, `error="invalid_token"`},
		"acr":                  {token, []bearer.Option{bearer.ACR("phr", "mfa")}, 200, ""},
		"weaker acr":           {token, []bearer.Option{bearer.ACR("phr", "phrh")}, 401, `error="insufficient_user_authentication", error_description="a stronger sign-in is needed", acr_values="phr phrh"`},
		"no acr":               {without, []bearer.Option{bearer.ACR("mfa")}, 401, `acr_values="mfa"`},
		"recent":               {token, []bearer.Option{bearer.MaxAge(time.Minute)}, 200, ""},
		"old":                  {token, []bearer.Option{bearer.MaxAge(30 * time.Second)}, 401, `error="insufficient_user_authentication", error_description="a more recent sign-in is needed", max_age="30"`},
		"no auth_time":         {without, []bearer.Option{bearer.MaxAge(time.Hour)}, 401, `max_age="3600"`},
		"the nearest counts":   {token, []bearer.Option{bearer.MaxAge(time.Hour), bearer.MaxAge(30 * time.Second)}, 401, `max_age="30"`},
		"weak and old":         {without, []bearer.Option{bearer.MaxAge(time.Hour), bearer.ACR("mfa")}, 401, `acr_values="mfa", max_age="3600"`},
		"a quote in the value": {without, []bearer.Option{bearer.ACR(`a"b\c`)}, 401, `acr_values="a\"b\\c"`},
	} {
		srv, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{"good": &c.token}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer good")
		w := call(srv, r, c.options...)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != c.status || !strings.Contains(got, c.challenge) {
			t.Errorf("%s: %d %s; want %d %s", name, w.Code, got, c.status, c.challenge)
		}
		if err := srv.Authorize(&c.token, c.options...); (err == nil) != (c.status == 200) {
			t.Errorf("%s: Authorize says %v", name, err)
		}
	}
}

// A cached token is checked against each route's own needs: facts are remembered,
// never verdicts.
//
// Lesson L11, CVE-2021-32701: a remembered token is checked against each route's own scopes
func TestCachedFactsMeetEachRoute(t *testing.T) {
	t.Parallel()
	srv, err := bearer.New(bearer.Config{Validator: bearer.Cached(bearertest.Tokens{"good": {Scopes: []string{"read"}}}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for scope, want := range map[string]int{"read": 200, "write": 403} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer good")
			if w := call(srv, r, bearer.Scope(scope)); w.Code != want {
				t.Errorf("%s: %d, want %d", scope, w.Code, want)
			}
		}
	}
}

func TestMetadataSaysWhatIsConfigured(t *testing.T) {
	t.Parallel()
	srv, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{}, Resource: apiBase, Scopes: []string{"read"},
		DPoP: &bearer.DPoPConfig{Algorithms: []string{"ES256"}, Required: true}, Certificates: &bearer.CertificateConfig{}})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	srv.Metadata().ServeHTTP(w, httptest.NewRequest(http.MethodGet, srv.MetadataPath(), nil))
	want := `{"resource":"https://api.example.com","scopes_supported":["read"],"bearer_methods_supported":["header"],` +
		`"dpop_signing_alg_values_supported":["ES256"],"dpop_bound_access_tokens_required":true,"tls_client_certificate_bound_access_tokens":true}`
	if got := string(bytes.TrimSpace(w.Body.Bytes())); got != want {
		t.Errorf("%s", got)
	}
}

// The way of a plain bearer token costs nothing for those that are bound.
func TestPlainTokenAllocatesNothing(t *testing.T) {
	key := bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{Nonces: true}, func(c *bearer.Config) {
		c.Validator, c.Certificates = bearer.Cached(bearertest.Tokens{"plain": {Username: "piggy", Type: "Bearer"}}), &bearer.CertificateConfig{}
	})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer plain")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := srv.Authenticate(r); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
