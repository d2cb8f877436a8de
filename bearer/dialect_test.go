package bearer_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/bearer"
)

// Each dialect takes its own answers and no other's.
func TestDialects(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	const spring = `{"user_name":"kermit","client_id":"c","exp":1900000000,"scope":["a"]}`
	const google = `{"azp":"c","aud":"api","sub":"7","scope":"a b","exp":"1900000000","expires_in":"3599","email":"kermit@example.com","email_verified":"true"}`
	for name, c := range map[string]struct {
		dialect bearer.Dialect
		answer  http.HandlerFunc
		user    string
		dead    bool
		status  int // of an *Error, when the dialect makes one
	}{
		"RFC 7662":                      {bearer.RFC7662, fixed(200, jsonType, `{"active":true,"username":"kermit"}`), "kermit", false, 0},
		"RFC 7662, dead":                {bearer.RFC7662, fixed(200, jsonType, `{"active":false}`), "", true, 0},
		"RFC 7662 with Spring's":        {bearer.RFC7662, fixed(200, jsonType, spring), "", false, 0},
		"RFC 7662 with Spring's dead":   {bearer.RFC7662, fixed(400, jsonType, `{"error":"invalid_token"}`), "", false, 0},
		"check_token":                   {bearer.CheckToken, fixed(200, jsonType, spring), "kermit", false, 0},
		"check_token, dead":             {bearer.CheckToken, fixed(400, jsonType, `{"error":"invalid_token","error_description":"Token was not recognised"}`), "", true, 0},
		"check_token, active false":     {bearer.CheckToken, fixed(200, jsonType, `{"active":false}`), "", true, 0},
		"check_token, another 400":      {bearer.CheckToken, fixed(400, jsonType, `{"error":"invalid_client"}`), "", false, 0},
		"check_token without end":       {bearer.CheckToken, fixed(200, jsonType, `{"user_name":"kermit","client_id":"c"}`), "", false, 0},
		"tokeninfo":                     {bearer.TokenInfo, fixed(200, jsonType, google), "kermit@example.com", false, 0},
		"tokeninfo, email not verified": {bearer.TokenInfo, fixed(200, jsonType, strings.Replace(google, `"true"`, `false`, 1)), "7", false, 0},
		"tokeninfo, text says not":      {bearer.TokenInfo, fixed(200, jsonType, strings.Replace(google, `"true"`, `"false"`, 1)), "7", false, 0},
		"tokeninfo, seconds left":       {bearer.TokenInfo, fixed(200, jsonType, `{"issued_to":"c","aud":"api","sub":"7","expires_in":3599}`), "7", false, 0},
		"tokeninfo, nothing left":       {bearer.TokenInfo, fixed(200, jsonType, `{"issued_to":"c","aud":"api","sub":"7","expires_in":0}`), "", true, 0},
		"tokeninfo, dead":               {bearer.TokenInfo, fixed(400, jsonType, `{"error":"invalid_token","error_description":"Invalid Value"}`), "", true, 0},
		"tokeninfo, dead, in short":     {bearer.TokenInfo, fixed(400, jsonType, `{"error_description":"Invalid Value"}`), "", true, 0},
		"tokeninfo without audience":    {bearer.TokenInfo, fixed(200, jsonType, `{"sub":"7","exp":"1900000000"}`), "", false, 0},
		"tokeninfo without end":         {bearer.TokenInfo, fixed(200, jsonType, `{"sub":"7","aud":"api"}`), "", false, 0},
		"tokeninfo, end is no number":   {bearer.TokenInfo, fixed(200, jsonType, `{"sub":"7","aud":"api","exp":"never"}`), "", false, 0},
		"tokeninfo, end is NaN":         {bearer.TokenInfo, fixed(200, jsonType, `{"sub":"7","aud":"api","exp":"NaN"}`), "", false, 0},
		"userinfo":                      {bearer.UserInfo, fixed(200, jsonType, `{"sub":"7","preferred_username":"kermit"}`), "kermit", false, 0},
		"userinfo, dead":                {bearer.UserInfo, fixed(401, "text/plain", ``), "", true, 0},
		"userinfo, scope missing":       {bearer.UserInfo, fixed(403, jsonType, `{"error":"insufficient_scope"}`), "", false, 403},
		"userinfo without sub":          {bearer.UserInfo, fixed(200, jsonType, `{"email":"kermit@example.com"}`), "", false, 0},
		"userinfo, 400":                 {bearer.UserInfo, fixed(400, jsonType, `{"error":"invalid_token"}`), "", false, 0},
		"userinfo, down":                {bearer.UserInfo, fixed(502, "text/html", `bad gateway`), "", false, 0},
		"too many": {bearer.RFC7662, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "7")
			fixed(429, jsonType, `{}`)(w, r)
		}, "", false, 503},
		"too many, a date of long ago": {bearer.RFC7662, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")
			fixed(503, jsonType, `{}`)(w, r)
		}, "", false, 0},
		"too many, Retry-After of no kind": {bearer.RFC7662, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "1h")
			fixed(503, jsonType, `{}`)(w, r)
		}, "", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := answering(t, c.answer)
			in.Dialect = c.dialect
			got, err := in.Validate(t.Context(), "token")
			var refused *bearer.Error
			errors.As(err, &refused)
			switch {
			case c.user != "" && (err != nil || got.Username != c.user):
				t.Errorf("%+v %v", got, err)
			case c.user == "" && (err == nil || errors.Is(err, bearer.ErrInvalid) != c.dead):
				t.Errorf("%+v %v; dead should be %v", got, err, c.dead)
			case (refused != nil) != (c.status != 0) || (refused != nil && refused.Status != c.status):
				t.Errorf("%v, want status %d", err, c.status)
			}
		})
	}
}

// What tokeninfo says about the token is told as what other servers say.
func TestTokenInfoFacts(t *testing.T) {
	t.Parallel()
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Query().Get("access_token") != "a+b/c=" || r.URL.Query().Get("v") != "3" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		fixed(200, "application/json", `{"issued_to":"web","audience":"x","aud":"api","scope":"a b","expires_in":3600,"sub":"7"}`)(w, r)
	})
	now := time.Unix(1_800_000_000, 0)
	in.Dialect, in.URL, in.ClientID, in.Now = bearer.TokenInfo, in.URL+"?v=3", "", func() time.Time { return now }
	got, err := in.Validate(t.Context(), "a+b/c=")
	if err != nil || got.ClientID != "web" || !got.Expiry.Equal(now.Add(time.Hour)) || !got.HasScope("b") || got.Audience[0] != "api" || got.Username != "7" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestUserInfoSendsTheTokenAlone(t *testing.T) {
	t.Parallel()
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodGet || r.Header.Get("Authorization") != "Bearer token" || r.URL.RawQuery != "" || len(body) > 0 {
			t.Errorf("%s %s %v %s", r.Method, r.URL, r.Header, body)
		}
		fixed(200, "application/json", `{"sub":"7","email":"kermit@example.com"}`)(w, r)
	})
	in.Dialect = bearer.UserInfo
	if got, err := in.Validate(t.Context(), "token"); err != nil || got.Username != "kermit@example.com" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestClientSecretInTheBody(t *testing.T) {
	t.Parallel()
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("client_id") != "my api" || r.PostFormValue("client_secret") != "s:e%c" || r.Header.Get("Authorization") != "" {
			t.Errorf("%v %v", r.Header, r.PostForm)
		}
		fixed(200, "application/json", `{"active":true}`)(w, r)
	})
	in.Auth = bearer.Body
	if _, err := in.Validate(t.Context(), "token"); err != nil {
		t.Error(err)
	}
}

// RFC 7523 §3, for each kind of key.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for alg, key := range map[jose.SignatureAlgorithm]bearer.ClientKey{
		jose.RS256: {Key: rsaKey, ID: "k1", Audience: "https://id.example.com"}, jose.ES384: {Key: ecKey, ID: "k1", Audience: "https://id.example.com"},
		jose.EdDSA: {Key: edKey, ID: "k1", Audience: "https://id.example.com"},
	} {
		in := answering(t, func(w http.ResponseWriter, r *http.Request) {
			signed, err := jwt.ParseSigned(r.PostFormValue("client_assertion"), []jose.SignatureAlgorithm{alg})
			if err != nil {
				t.Error(err)
				return
			}
			var claims jwt.Claims
			if err := signed.Claims(key.Key.Public(), &claims); err != nil {
				t.Error(err)
			}
			err = claims.ValidateWithLeeway(jwt.Expected{Issuer: "my api", Subject: "my api", AnyAudience: jwt.Audience{"https://id.example.com"}, Time: time.Now()}, time.Second)
			if err != nil || claims.ID == "" || ids[claims.ID] || signed.Headers[0].KeyID != "k1" || time.Until(claims.Expiry.Time()) > time.Minute {
				t.Errorf("%s: %v %+v", alg, err, claims)
			}
			ids[claims.ID] = true
			if r.PostFormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || r.PostFormValue("client_secret") != "" || r.Header.Get("Authorization") != "" {
				t.Errorf("%v %v", r.Header, r.PostForm)
			}
			fixed(200, "application/json", `{"active":true}`)(w, r)
		})
		in.Auth, in.Key = bearer.PrivateKeyJWT, &key
		for range 2 {
			if _, err := in.Validate(t.Context(), "token"); err != nil {
				t.Error(err)
			}
		}
	}
	if len(ids) != 6 {
		t.Errorf("%d assertions", len(ids))
	}
}

// RFC 8705 §2: the connection proves the client.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	own, thumbprint := certificate(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 || r.PostFormValue("client_id") != "api" || r.Header.Get("Authorization") != "" || thumbprint == "" {
			t.Errorf("%v %v", r.Header, r.PostForm)
		}
		fixed(200, "application/json", `{"active":true,"username":"kermit"}`)(w, r)
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	authorities := x509.NewCertPool()
	authorities.AddCert(srv.Certificate())
	in := &bearer.Introspection{URL: srv.URL, ClientID: "api", Auth: bearer.Certificate,
		TLS: &tls.Config{RootCAs: authorities, Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12}}
	if got, err := in.Validate(t.Context(), "token"); err != nil || got.Username != "kermit" {
		t.Errorf("%+v %v", got, err)
	}
	// A server that nobody vouches for is none: neither good nor bad.
	stranger := &bearer.Introspection{URL: srv.URL, ClientID: "api"}
	if _, err := stranger.Validate(t.Context(), "token"); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("an unknown authority: %v", err)
	}
}

// A client of the program's own follows no redirect either.
func TestOwnClientFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	in := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	own := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	in.Client = own
	if _, err := in.Validate(t.Context(), "token"); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Error(err)
	}
	if own.CheckRedirect != nil {
		t.Error("the program's own client was changed")
	}
}

func TestIntrospectionChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Log("small keys cannot even be made:", err)
	}
	for part, in := range map[string]*bearer.Introspection{
		"must be an http(s) URL":  {URL: "id.example.com/introspect"},
		"URL without user":        {URL: "https://u:p@id.example.com/"},
		"plain http to another":   {URL: "http://id.example.com/introspect"},
		"Dialect":                 {URL: "https://id.example.com", Dialect: 9},
		"userinfo is asked with":  {URL: "https://id.example.com", Dialect: bearer.UserInfo, Auth: bearer.Body},
		"needs Key and ClientID":  {URL: "https://id.example.com", Auth: bearer.PrivateKeyJWT},
		"ClientKey.Key":           {URL: "https://id.example.com", ClientID: "c", Auth: bearer.PrivateKeyJWT, Key: &bearer.ClientKey{Key: small}},
		"needs a certificate":     {URL: "https://id.example.com", ClientID: "c", Auth: bearer.Certificate},
		"needs a certificate in ": {URL: "https://id.example.com", ClientID: "c", Auth: bearer.Certificate, TLS: &tls.Config{MinVersion: tls.VersionTLS12}},
	} {
		_, err := bearer.New(bearer.Config{Validator: bearer.ByIssuer{Opaque: bearer.Cached(in)}})
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
		if _, err := in.Validate(t.Context(), "token"); err == nil {
			t.Errorf("%s: it was asked all the same", part)
		}
	}
	for _, address := range []string{"https://id.example.com/introspect", "http://localhost:8080/x", "http://127.0.0.1/x", "http://[::1]:1/x"} {
		if err := (&bearer.Introspection{URL: address}).Check(); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := (&bearer.Introspection{URL: "http://keycloak:8080/x", InsecureHTTP: true}).Check(); err != nil {
		t.Error(err)
	}
	if _, err := bearer.New(bearer.Config{Validator: bearer.Cached(nil)}); err == nil {
		t.Error("a cache in front of nothing")
	}
}

// Members without a field of their own are kept, and only those.
func TestClaims(t *testing.T) {
	t.Parallel()
	got, err := bearer.ParseIntrospection([]byte(`{"active":true,"sub":"1","email":"k@example.com","realm_access":{"roles":["a"]},"n":5}`))
	if err != nil || string(got.Claims) != `{"email":"k@example.com","realm_access":{"roles":["a"]},"n":5}` {
		t.Fatalf("%+v %v", got, err)
	}
	var email string
	var access struct {
		Roles []string `json:"roles"`
	}
	if !got.Claim("email", &email) || email != "k@example.com" || !got.Claim("realm_access", &access) || access.Roles[0] != "a" {
		t.Errorf("%q %v", email, access)
	}
	if got.Claim("n", &email) || got.Claim("sub", &email) || (&bearer.Token{}).Claim("x", &email) || (&bearer.Token{Claims: json.RawMessage("[")}).Claim("x", &email) {
		t.Error("a claim that is not there, or of another type, was read")
	}
}
