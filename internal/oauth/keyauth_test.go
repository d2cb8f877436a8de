package oauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// keyed is a client that proves itself by a key.
func keyed(id string, key *bearertest.Key, change func(*sluice.Client)) sluicetest.Option {
	return client(id, "", func(c *sluice.Client) {
		c.GrantTypes = everything
		c.AuthMethod, c.JWKS = "private_key_jwt", bearertest.JWKS(key)
		if change != nil {
			change(c)
		}
	})
}

// assertion are the claims of a client's assertion; changes replace them, nil
// leaves one out.
func assertion(srv *sluicetest.Server, id string, now time.Time, changes bearertest.Claims) bearertest.Claims {
	claims := bearertest.Claims{"iss": id, "sub": id, "aud": srv.URL, "jti": rand.Text(), "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func asserted(text string, pairs ...string) url.Values {
	return form(append([]string{"client_assertion_type", assertionType, "client_assertion", text}, pairs...)...)
}

// RFC 7523 §3, RFC 7521 §4.2, OpenID Connect Core §9.
//
// Requirement R225, RFC 9700 §2.5
// Requirement R241, OAuth 2.1 §2.4 MUST NOT: a client proves itself in one way
// Requirement X04, RFC 7523 §3 MUST: an assertion for another server, by another key or of another time proves nothing
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	c := newClock()
	srv := setup(t, c.option(), keyed("keyed", key, nil), keyed("second", other, nil),
		keyed("rsaonly", bearertest.NewKey(t, "RS256"), func(c *sluice.Client) { c.AuthAlg = "PS256" }))
	now := c.Now()
	sign := func(changes bearertest.Claims) string { return key.Sign(nil, assertion(srv, "keyed", now, changes)) }
	for name, x := range map[string]struct {
		form url.Values
		code string
	}{
		"issuer as audience":          {asserted(sign(nil)), ""},
		"token endpoint as audience":  {asserted(sign(bearertest.Claims{"aud": []string{srv.URL + "/oauth/token", "x"}})), ""},
		"with client_id":              {asserted(sign(nil), "client_id", "keyed"), ""},
		"another audience":            {asserted(sign(bearertest.Claims{"aud": "https://other.example.com"})), "invalid_client"},
		"no audience":                 {asserted(sign(bearertest.Claims{"aud": nil})), "invalid_client"},
		"another issuer":              {asserted(sign(bearertest.Claims{"iss": "second"})), "invalid_client"},
		"another subject":             {asserted(sign(bearertest.Claims{"sub": "second"})), "invalid_client"},
		"another client_id":           {asserted(sign(nil), "client_id", "second"), "invalid_client"},
		"expired":                     {asserted(sign(bearertest.Claims{"exp": now.Add(-time.Minute).Unix()})), "invalid_client"},
		"no end":                      {asserted(sign(bearertest.Claims{"exp": nil})), "invalid_client"},
		"an end that is far away":     {asserted(sign(bearertest.Claims{"exp": now.Add(2 * time.Hour).Unix()})), "invalid_client"},
		"not yet":                     {asserted(sign(bearertest.Claims{"nbf": now.Add(time.Minute).Unix()})), "invalid_client"},
		"made in the future":          {asserted(sign(bearertest.Claims{"iat": now.Add(time.Minute).Unix()})), "invalid_client"},
		"no jti":                      {asserted(sign(bearertest.Claims{"jti": nil})), "invalid_client"},
		"another's key":               {asserted(other.Sign(nil, assertion(srv, "keyed", now, nil))), "invalid_client"},
		"an access token's type":      {asserted(key.Sign(bearertest.Claims{"typ": "at+jwt"}, assertion(srv, "keyed", now, nil))), "invalid_client"},
		"unknown client":              {asserted(key.Sign(nil, assertion(srv, "nobody", now, nil))), "invalid_client"},
		"no JWT":                      {asserted("x.y"), "invalid_client"},
		"two ways":                    {asserted(sign(nil), "client_secret", "x"), "invalid_request"},
		"another type":                {form("client_assertion_type", "saml", "client_assertion", sign(nil)), "invalid_request"},
		"type alone":                  {form("client_assertion_type", assertionType, "client_id", "keyed"), "invalid_request"},
		"no proof at all":             {form("client_id", "keyed"), "invalid_client"},
		"a secret instead":            {form("client_id", "keyed", "client_secret", "x"), "invalid_client"},
		"assertion instead of secret": {asserted(key.Sign(nil, assertion(srv, "web", now, nil))), "invalid_client"},
	} {
		x.form.Set("grant_type", "client_credentials")
		a := srv.Post(t, "/oauth/token", x.form)
		want := 200
		if x.code == "invalid_client" {
			want = 401
		} else if x.code != "" {
			want = 400
		}
		if a.Status != want || a.Text("error") != x.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	signed := key.Sign(nil, assertion(srv, "keyed", now, bearertest.Claims{"aud": srv.URL + "/oauth/introspect"}))
	if a := srv.Post(t, "/oauth/introspect", asserted(signed, "token", "x")); a.Status != 200 || a.JSON["active"] != false {
		t.Errorf("the called endpoint as audience: %d %s", a.Status, a.Body)
	}
	if a := srv.PostAs(t, "keyed", "x", "/oauth/token", asserted(sign(nil), "grant_type", "client_credentials")); a.Status != 400 || a.Text("error") != "invalid_request" {
		t.Errorf("Basic and an assertion: %d %s", a.Status, a.Body)
	}
}

// An algorithm is the client's choice, never the sender's (RFC 8725 §3.1).
//
// Requirement R225, RFC 9700 §2.5
func TestAssertionsOfTheWrongAlgorithm(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "RS256")
	srv := setup(t, keyed("keyed", key, func(c *sluice.Client) { c.AuthAlg = "PS256" }), keyed("any", key, nil))
	post := func(id, text string) int {
		return srv.Post(t, "/oauth/token", asserted(text, "grant_type", "client_credentials", "client_id", id)).Status
	}
	if got := post("keyed", key.Sign(nil, assertion(srv, "keyed", time.Now(), nil))); got != 401 {
		t.Errorf("RS256 for a client of PS256: %d", got)
	}
	if got := post("any", key.Sign(nil, assertion(srv, "any", time.Now(), nil))); got != 200 {
		t.Errorf("RS256 for a client of any: %d", got)
	}
	encode := base64.RawURLEncoding.EncodeToString
	none := encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(`{"iss":"any","sub":"any","aud":"`+srv.URL+`","jti":"x","exp":4102444800}`)) + "."
	if got := post("any", none); got != 401 {
		t.Errorf("none: %d", got)
	}
}

// CVE-2020-5300: an assertion counts once, also when many send it at a time.
//
// Requirement X03, RFC 7523 §3 MUST: a client's assertion counts once, in parallel too
// Lesson L06, CVE-2020-5300: an assertion's id is remembered
func TestAnAssertionCountsOnce(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, keyed("keyed", key, nil))
	signed := key.Sign(nil, assertion(srv, "keyed", time.Now(), nil))
	got := together(20, func() int {
		return srv.Post(t, "/oauth/token", asserted(signed, "grant_type", "client_credentials")).Status
	})
	if got[200] != 1 || got[401] != 19 {
		t.Errorf("%v", got)
	}
}

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.cert, a.key = certificate(t, nil, "authority", func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	return a
}

func certificate(t *testing.T, by *authority, name string, change func(*x509.Certificate)) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// certHeader is the certificate as a proxy passes it on (RFC 9440).
func certHeader(c *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
}

func certificates(t *testing.T, a *authority, proxies ...string) sluicetest.Option {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return sluicetest.Config(func(c *sluice.Config) {
		c.TLS.ClientCA, c.TLS.ClientCertificateHeader, c.TrustedProxies = file, "Client-Cert", proxies
	})
}

// RFC 8705 §2.1: the certificate must be signed by an authority of ours and have
// the one name that is registered.
//
// Requirement X07, RFC 8705 §2.1 MUST: a certificate proves its own name alone, and a stranger's header proves nothing
func TestTLSClientAuth(t *testing.T) {
	t.Parallel()
	ca, foreign := newAuthority(t), newAuthority(t)
	tls := func(id string, change func(*sluice.Client)) sluicetest.Option {
		return client(id, "", func(c *sluice.Client) {
			c.GrantTypes, c.AuthMethod = everything, "tls_client_auth"
			change(c)
		})
	}
	srv := setup(t, certificates(t, ca, "127.0.0.1"),
		tls("dn", func(c *sluice.Client) { c.TLSSubjectDN = "CN=app,O=Example" }),
		tls("dns", func(c *sluice.Client) { c.TLSDNS = "app.example.com" }),
		tls("bound", func(c *sluice.Client) { c.TLSDNS, c.CertificateBound = "app.example.com", true }))
	named, _ := certificate(t, ca, "app", func(c *x509.Certificate) { c.DNSNames = []string{"app.example.com"} })
	nameless, _ := certificate(t, ca, "other", nil)
	forged, _ := certificate(t, foreign, "app", func(c *x509.Certificate) { c.DNSNames = []string{"app.example.com"} })
	expired, _ := certificate(t, ca, "app", func(c *x509.Certificate) {
		c.DNSNames, c.NotAfter = []string{"app.example.com"}, time.Now().Add(-time.Minute)
	})
	server, _ := certificate(t, ca, "app", func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{"app.example.com"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	for _, x := range []struct {
		name, id string
		cert     *x509.Certificate
		want     int
	}{
		{"by its subject", "dn", named, 200}, {"by its host", "dns", named, 200}, {"another name", "dns", nameless, 401}, {"another subject", "dn", nameless, 401},
		{"another authority", "dns", forged, 401}, {"expired", "dns", expired, 401}, {"not for clients", "dns", server, 401}, {"none", "dns", nil, 401},
	} {
		var headers []string
		if x.cert != nil {
			headers = []string{"Client-Cert", certHeader(x.cert)}
		}
		a := srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", x.id), headers...)
		if a.Status != x.want {
			t.Errorf("%s: %d %s", x.name, a.Status, a.Body)
		}
	}
	a := srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", "bound"), "Client-Cert", certHeader(named))
	facts := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", a.Text("access_token")))
	cnf, _ := facts.JSON["cnf"].(map[string]any)
	if facts.JSON["active"] != true || cnf["x5t#S256"] != base64.RawURLEncoding.EncodeToString(sum256(named.Raw)) {
		t.Errorf("a bound token: %s", facts.Body)
	}
}

// From anybody but a known proxy the header proves nothing.
//
// Requirement X07, RFC 8705 §2.1
func TestACertificateHeaderOfAStranger(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	srv := setup(t, certificates(t, ca, "192.0.2.1"), client("dns", "", func(c *sluice.Client) {
		c.GrantTypes, c.AuthMethod, c.TLSDNS = everything, "tls_client_auth", "app.example.com"
	}))
	named, _ := certificate(t, ca, "app", func(c *x509.Certificate) { c.DNSNames = []string{"app.example.com"} })
	if a := srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", "dns"), "Client-Cert", certHeader(named)); a.Status != http.StatusUnauthorized {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// RFC 8705 §2.2: the key of a self-signed certificate is registered beforehand.
func TestSelfSignedTLSClientAuth(t *testing.T) {
	t.Parallel()
	own, key := certificate(t, nil, "app", nil)
	other, _ := certificate(t, nil, "app", nil)
	jwk := `{"keys":[{"kty":"EC","crv":"P-256","x":"` + coordinate(key.X) + `","y":"` + coordinate(key.Y) + `"}]}`
	srv := setup(t, certificates(t, newAuthority(t), "127.0.0.1"), client("self", "", func(c *sluice.Client) {
		c.GrantTypes, c.AuthMethod, c.JWKS = everything, "self_signed_tls_client_auth", []byte(jwk)
	}))
	for name, x := range map[string]struct {
		headers []string
		want    int
	}{"its own": {[]string{"Client-Cert", certHeader(own)}, 200}, "another": {[]string{"Client-Cert", certHeader(other)}, 401}, "none": {nil, 401}} {
		a := srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", "self"), x.headers...)
		if a.Status != x.want {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

func coordinate(n *big.Int) string {
	return base64.RawURLEncoding.EncodeToString(n.FillBytes(make([]byte, 32)))
}

// A client that is registered for one way of authentication has no other.
//
// Requirement R004, RFC 6749 §2.3.1
func TestRegisteredMethods(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("basic", "secret", func(c *sluice.Client) { c.AuthMethod = "client_secret_basic" }),
		client("post", "secret", func(c *sluice.Client) { c.AuthMethod = "client_secret_post" }))
	inBody := func(id string) int {
		return srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", id, "client_secret", "secret")).Status
	}
	inHeader := func(id string) int {
		return srv.PostAs(t, id, "secret", "/oauth/token", form("grant_type", "client_credentials")).Status
	}
	if a, b, c, d := inHeader("basic"), inBody("basic"), inHeader("post"), inBody("post"); a != 200 || b != 401 || c != 401 || d != 200 {
		t.Error(a, b, c, d)
	}
}
