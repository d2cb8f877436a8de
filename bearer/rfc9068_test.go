package bearer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

// A key id is looked up among the known ones and used for nothing else: what it
// says is no path, address or query.
//
// Requirement R184, RFC 9068 §own own: a key id is a name to look up, whatever it says
func TestKeyIDsAreOnlyLookedUp(t *testing.T) {
	t.Parallel()
	var strange atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strange.Add(1) }))
	t.Cleanup(stranger.Close)
	i := newIssuer(t)
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL})
	if _, err := v.Validate(t.Context(), i.token(t, nil)); err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{"../../../../etc/passwd", "/dev/null", "' OR '1'='1", stranger.URL + "/jwks", "file:///etc/passwd", "k1\x00", "K1", " k1", strings.Repeat("k", 10_000)} {
		old := func(c claims, h headers) { h["kid"], c["iat"] = kid, time.Now().Add(-time.Hour).Unix() }
		if _, err := v.Validate(t.Context(), i.token(t, old)); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%.30q: %v", kid, err)
		}
	}
	if n := i.fetches.Load(); strange.Load() > 0 || n > 2 {
		t.Errorf("%d questions to a stranger, %d fetches", strange.Load(), n)
	}
}

// Forms of JWTs that nobody asked for.
//
// Requirement R187, RFC 9068 §own
// Requirement R179, RFC 9068 §4
func TestStrangeFormsOfJWTs(t *testing.T) {
	t.Parallel()
	var strange atomic.Int32
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strange.Add(1) }))
	t.Cleanup(stranger.Close)
	i := newIssuer(t)
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL})
	good := i.token(t, nil)
	if _, err := v.Validate(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.ECDH_ES, Key: i.keys[0].Public().Key, KeyID: "k1"},
		(&jose.EncrypterOptions{Compression: jose.DEFLATE}).WithType("at+jwt").WithContentType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := encrypter.Encrypt([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	flat, err := json.Marshal(map[string]string{"protected": parts[0], "payload": parts[1], "signature": parts[2]})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.keys[0]}, (&jose.SignerOptions{}).WithType("at+jwt").WithContentType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	inside, err := signer.Sign([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := inside.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"encrypted": encrypted, "nested": wrapped, "critical": i.token(t, func(_ claims, h headers) { h["crit"], h["exp"] = []string{"exp"}, 1 }),
		"compressed": i.token(t, func(_ claims, h headers) { h["zip"] = "DEF" }), "JSON": string(flat), "padded": good + "=", "a space": good + " ",
		"detached": parts[0] + ".." + parts[2], "b64 false": i.token(t, func(_ claims, h headers) { h["b64"], h["crit"] = false, []string{"b64"} }),
		"x5u": signedBy(t, i, headers{"x5u": stranger.URL}), "jku": signedBy(t, i, headers{"jku": stranger.URL}),
	} {
		if _, err := v.Validate(t.Context(), token); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if strange.Load() > 0 {
		t.Error("an address that a token brought was asked")
	}
}

// signedBy is a token that a key of nobody's signed under the issuer's key id.
func signedBy(t *testing.T, i *issuer, h headers) string {
	t.Helper()
	key := bearertest.NewKey(t, "ES256")
	key.ID = "k1"
	head := bearertest.Claims{"typ": "at+jwt"}
	for name, value := range h {
		head[string(name)] = value
	}
	return key.Sign(head, i.claims(time.Now()))
}

// The leeway is 5 s for the end and 30 s for the beginning; a second more is too
// much.
//
// Requirement R180, RFC 9068 §4
// Requirement R186, RFC 9068 §own
func TestTheLeewayIsShort(t *testing.T) {
	t.Parallel()
	as, clock := bearertest.NewServer(t), bearertest.NewClock()
	srv, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler), Now: clock.Now, Validator: newJWT(t, bearer.JWTConfig{Issuer: as.URL, Now: clock.Now})})
	if err != nil {
		t.Fatal(err)
	}
	now := clock.Now()
	for name, c := range map[string]struct {
		change bearertest.Claims
		status int
	}{
		"ended 4 s ago": {bearertest.Claims{"exp": now.Add(-4 * time.Second).Unix()}, 200}, "ended 7 s ago": {bearertest.Claims{"exp": now.Add(-7 * time.Second).Unix()}, 401},
		"ended 61 s ago": {bearertest.Claims{"exp": now.Add(-61 * time.Second).Unix()}, 401}, "ended an hour ago": {bearertest.Claims{"exp": now.Add(-time.Hour).Unix()}, 401},
		"begins in 29 s": {bearertest.Claims{"nbf": now.Add(29 * time.Second).Unix()}, 200}, "begins in 32 s": {bearertest.Claims{"nbf": now.Add(32 * time.Second).Unix()}, 401},
		"begins in an hour": {bearertest.Claims{"nbf": now.Add(time.Hour).Unix()}, 401}, "made in 32 s": {bearertest.Claims{"iat": now.Add(32 * time.Second).Unix()}, 401},
	} {
		if w := get(srv.Require(fine), as.AccessToken("api", c.change)); w.Code != c.status {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
}

// The document says whose it is, and that has to be the issuer that was asked.
func TestTheIssuersOfDocuments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		said func(url string) string
		fine bool
	}{
		"its own": {func(url string) string { return url + "/t\u00e9" }, true},
		// Requirement R145, RFC 8414 §3.3 MUST: the module compares a document's issuer byte for byte
		"with a slash":    {func(url string) string { return url + "/t\u00e9/" }, false},
		"in capitals":     {func(url string) string { return strings.ToUpper(url) + "/t\u00e9" }, false},
		"another's":       {func(string) string { return "https://evil.example.com" }, false},
		"nothing":         {func(string) string { return "" }, false},
		"percent-encoded": {func(url string) string { return url + "/t%C3%A9" }, false},
		// Requirement R146, RFC 8414 §4 MUST NOT: issuers that differ in Unicode form alone are two
		"decomposed": {func(url string) string { return url + "/te\u0301" }, false},
	} {
		key := bearertest.NewKey(t, "ES256")
		var srv *httptest.Server
		srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/jwks" {
				_, _ = w.Write(bearertest.JWKS(key))
				return
			}
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]string{"issuer": c.said(srv.URL), "jwks_uri": srv.URL + "/jwks"})
		}))
		t.Cleanup(srv.Close)
		issuer := srv.URL + "/t\u00e9"
		v := newJWT(t, bearer.JWTConfig{Issuer: issuer})
		_, err := v.Validate(t.Context(), key.AccessToken(bearertest.Claims{"iss": issuer, "aud": "api"}))
		if (err == nil) != c.fine || errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One connection, many requests: each is checked for itself.
//
// Requirement R247, OAuth 2.1 §5.2 MUST: each request on a connection is checked for itself
func TestEachRequestOfAConnectionIsChecked(t *testing.T) {
	t.Parallel()
	clock := bearertest.NewClock()
	auth, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler), Now: clock.Now,
		Validator: bearer.NewCache(bearer.CacheConfig{Now: clock.Now, Validator: bearertest.Tokens{"good": {Scopes: []string{"read"}, Expiry: clock.Now().Add(time.Minute)}}})})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/read", auth.Require(fine, bearer.Scope("read")))
	mux.Handle("/write", auth.Require(fine, bearer.Scope("write")))
	var connections atomic.Int32
	srv := httptest.NewUnstartedServer(mux)
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	t.Cleanup(srv.Close)
	ask := func(path, token string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	srv.Start()
	for _, c := range []struct {
		path, token string
		status      int
	}{{"/read", "good", 200}, {"/write", "good", 403}, {"/read", "bad", 401}, {"/read", "good", 200}} {
		if got := ask(c.path, c.token); got != c.status {
			t.Errorf("%s with %s: %d, want %d", c.path, c.token, got, c.status)
		}
	}
	clock.Move(66 * time.Second)
	if got := ask("/read", "good"); got != 401 {
		t.Errorf("after the end: %d", got)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Requirement R204, RFC 9449 §4.2
func TestKeysInProofsArePublic(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{}, nil)
	public := publicJWK(t, key)
	private := strings.TrimSuffix(public, "}") + `,"d":"` + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("d", 32))) + `"}`
	for jwk, want := range map[string]int{public: 200, private: 401} {
		proof := key.Sign(bearertest.Claims{"typ": "dpop+jwt", "kid": nil, "jwk": json.RawMessage(jwk)},
			bearertest.Claims{"jti": jwk, "htm": "GET", "htu": apiBase + "/", "iat": time.Now().Unix(), "ath": hashOf("good")})
		if w := call(srv, proving("GET", "/", "good", proof)); w.Code != want {
			t.Errorf("%s: %d %v", jwk, w.Code, w.Header())
		}
	}
}
