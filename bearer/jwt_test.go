package bearer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/bearer"
)

// issuer is an authorization server that a test scripts.
type issuer struct {
	*httptest.Server
	mu      sync.Mutex
	keys    []jose.JSONWebKey // private
	status  int               // of the keys' address; 0 means 200
	extra   string            // put into the key list as it is
	fetches atomic.Int32
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/oauth-authorization-server", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.fetches.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.status != 0 {
			w.WriteHeader(i.status)
			return
		}
		var list []string
		for _, k := range i.keys {
			text, _ := k.Public().MarshalJSON()
			list = append(list, string(text))
		}
		if i.extra != "" {
			list = append(list, i.extra)
		}
		_, _ = fmt.Fprintf(w, `{"keys":[%s]}`, strings.Join(list, ","))
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	i.rotate(t, "k1")
	return i
}

// rotate makes a new signing key, the only one published.
func (i *issuer) rotate(t *testing.T, id string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = []jose.JSONWebKey{{Key: key, KeyID: id, Algorithm: "ES256", Use: "sig"}}
}

func (i *issuer) claims(now time.Time) map[string]any {
	return map[string]any{"iss": i.URL, "aud": []string{"api", "other"}, "sub": "1", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"client_id": "app", "scope": "read write", "preferred_username": "kermit", "jti": "x"}
}

// sign makes a JWT; change may change its claims and headers.
func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any, headers map[jose.HeaderKey]any) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("at+jwt")
	for k, v := range headers {
		options.WithHeader(k, v)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *issuer) token(t *testing.T, change func(claims map[string]any, headers map[jose.HeaderKey]any)) string {
	t.Helper()
	claims, headers := i.claims(time.Now()), map[jose.HeaderKey]any{}
	if change != nil {
		change(claims, headers)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return sign(t, jose.ES256, i.keys[0], claims, headers)
}

func newJWT(t *testing.T, cfg bearer.JWTConfig) *bearer.JWT {
	t.Helper()
	if cfg.Audience == "" {
		cfg.Audience = "api"
	}
	v, err := bearer.NewJWT(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type (
	claims  = map[string]any
	headers = map[jose.HeaderKey]any
)

// RFC 9068 §4, RFC 8725: what must be refused, each for one reason.
func TestJWTs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL})
	now := time.Now()
	for name, c := range map[string]struct {
		change func(claims, headers)
		good   bool
	}{
		"good":                 {nil, true},
		"audience as text":     {func(c claims, _ headers) { c["aud"] = "api" }, true},
		"expired a moment ago": {func(c claims, _ headers) { c["exp"] = now.Add(-2 * time.Second).Unix() }, true},
		"clocks differ": {func(c claims, _ headers) {
			c["nbf"], c["iat"] = now.Add(20*time.Second).Unix(), now.Add(20*time.Second).Unix()
		}, true},
		"long type": {func(_ claims, h headers) { h["typ"] = "application/at+JWT" }, true},
		// Requirement R177, RFC 9068 §4 MUST: another issuer is refused, be it by a slash
		"another issuer": {func(c claims, _ headers) { c["iss"] = "https://evil.example.com" }, false},
		// Requirement R177, RFC 9068 §4
		"issuer with a slash": {func(c claims, _ headers) { c["iss"] = i.URL + "/" }, false},
		"no issuer":           {func(c claims, _ headers) { delete(c, "iss") }, false},
		// Requirement R178, RFC 9068 §4 MUST: a token for another audience is refused
		"another audience": {func(c claims, _ headers) { c["aud"] = "other" }, false},
		"no audience":      {func(c claims, _ headers) { delete(c, "aud") }, false},
		// Requirement R180, RFC 9068 §4 MUST: an expired token is refused after a few seconds' leeway
		"expired":        {func(c claims, _ headers) { c["exp"] = now.Add(-time.Minute).Unix() }, false},
		"no expiry":      {func(c claims, _ headers) { delete(c, "exp") }, false},
		"expiry as text": {func(c claims, _ headers) { c["exp"] = "tomorrow" }, false},
		// Requirement R186, RFC 9068 §own own: tokens from the future are refused beyond the leeway
		"not yet": {func(c claims, _ headers) { c["nbf"] = now.Add(time.Hour).Unix() }, false},
		// Requirement R186, RFC 9068 §own
		"issued in the future": {func(c claims, _ headers) { c["iat"] = now.Add(time.Hour).Unix() }, false},
		"no subject":           {func(c claims, _ headers) { delete(c, "sub") }, false},
		// Requirement R176, RFC 9068 §4 MUST: another typ than at+jwt is refused
		// Requirement R182, RFC 9068 §5
		"an id_token": {func(_ claims, h headers) { h["typ"] = "JWT" }, false},
		// Requirement R182, RFC 9068 §5
		"a logout token": {func(_ claims, h headers) { h["typ"] = "logout+jwt" }, false},
		"a huge key id":  {func(_ claims, h headers) { h["kid"] = strings.Repeat("x", 300) }, false},
		// Requirement R187, RFC 9068 §own own: critical, compressed, nested and encrypted JWTs are refused
		"critical extension":    {func(_ claims, h headers) { h["crit"] = []string{"x"}; h["x"] = 1 }, false},
		"scope as a number":     {func(c claims, _ headers) { c["scope"] = 5 }, false},
		"expiry far beyond all": {func(c claims, _ headers) { c["exp"] = 1e300 }, false},
	} {
		token, err := v.Validate(t.Context(), i.token(t, c.change))
		if (err == nil) != c.good || err != nil && !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (token.Username != "kermit" || token.ClientID != "app" || !token.HasScope("write") || token.Issuer != i.URL) {
			t.Errorf("%s: %+v", name, token)
		}
	}
}

// Keys of the wrong kind, and tokens that try to bring their own.
//
// Requirement R179, RFC 9068 §4 MUST: none, HMAC by a public key and keys that the token brings are refused without a fetch
// Lesson L15, JOSE: length and parts are bounded before a JWT is read, and its alg decides nothing
func TestForgedJWTs(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL})
	mine, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := i.keys[0].Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := i.token(t, nil)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	changed := b64([]byte(`{"iss":"` + i.URL + `","aud":"api","sub":"2","exp":9999999999}`))
	symmetric := jose.JSONWebKey{Key: public, KeyID: "k1"}
	for name, token := range map[string]string{
		// Requirement R090, RFC 6750 §5.2 MUST: a token that was changed anywhere is refused
		"payload changed": parts[0] + "." + changed + "." + parts[2],
		// Requirement R090, RFC 6750 §5.2
		"signature cut":             parts[0] + "." + parts[1] + "." + parts[2][:len(parts[2])-4],
		"no signature":              parts[0] + "." + parts[1] + ".",
		"none":                      b64([]byte(`{"alg":"none","typ":"at+jwt","kid":"k1"}`)) + "." + parts[1] + ".",
		"HS256 with the public key": sign(t, jose.HS256, symmetric, i.claims(time.Now()), nil),
		"another key, same id":      sign(t, jose.RS256, jose.JSONWebKey{Key: mine, KeyID: "k1"}, i.claims(time.Now()), nil),
		"its own jwk":               sign(t, jose.RS256, jose.JSONWebKey{Key: mine, KeyID: "k1"}, i.claims(time.Now()), headers{"jwk": jose.JSONWebKey{Key: mine.Public()}}),
		"its own jku":               sign(t, jose.RS256, jose.JSONWebKey{Key: mine, KeyID: "k1"}, i.claims(time.Now()), headers{"jku": "http://127.0.0.1:1/keys"}),
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + ".x",
		"nothing":                   "..",
		"opaque":                    "slc_at_x",
		"too long":                  strings.Repeat("x", 9000) + ".a.b",
	} {
		if _, err := v.Validate(t.Context(), token); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := i.fetches.Load(); n > 1 {
		t.Errorf("%d fetches of the keys; a known key id must cost none", n)
	}
}

// A new key works after the pause at the latest, whatever a flood of made-up key
// ids does, and the flood costs one fetch in ten seconds.
//
// Requirement R185, RFC 9068 §own own: keys rotate without a good token refused, and a flood of key ids fetches little
func TestRotationUnderAFlood(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	var offset atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL, Now: clock})
	if _, err := v.Validate(t.Context(), i.token(t, nil)); err != nil {
		t.Fatal(err)
	}
	flood := func() {
		var wg sync.WaitGroup
		for n := range 200 {
			wg.Go(func() {
				mine := sign(t, jose.HS256, jose.JSONWebKey{Key: make([]byte, 32), KeyID: fmt.Sprint("made-up-", n)}, i.claims(clock()), nil)
				_, _ = v.Validate(t.Context(), mine)
				token := i.token(t, func(_ claims, h headers) { h["kid"] = fmt.Sprint("unknown-", n) })
				if _, err := v.Validate(t.Context(), token); err == nil {
					t.Error("an unknown key id was accepted")
				}
			})
		}
		wg.Wait()
	}
	flood()
	i.rotate(t, "k2")
	rotated := i.token(t, nil)
	flood()
	// Within the pause nobody knows whether its key is a good one.
	if _, err := v.Validate(t.Context(), rotated); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("within the pause: %v", err)
	}
	old := i.token(t, func(c claims, h headers) { h["kid"], c["iat"] = "never", time.Now().Add(-time.Minute).Unix() })
	if _, err := v.Validate(t.Context(), old); !errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("a token that is older than the keys, of an unknown one: %v", err)
	}
	offset.Store(int64(11 * time.Second))
	if _, err := v.Validate(t.Context(), rotated); err != nil {
		t.Errorf("a rotated key after the pause: %v", err)
	}
	if n := i.fetches.Load(); n > 2 {
		t.Errorf("%d fetches", n)
	}
}

// With the keys out of reach nothing is known: no token passes, none is told as
// bad, and what is known goes on.
func TestKeysOutOfReach(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	var offset atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	i.status = http.StatusInternalServerError
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL, Now: clock})
	if _, err := v.Validate(t.Context(), i.token(t, nil)); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("no keys: %v, want neither good nor bad", err)
	}
	i.mu.Lock()
	i.status = 0
	i.mu.Unlock()
	offset.Store(int64(2 * time.Second))
	known := i.token(t, nil)
	if _, err := v.Validate(t.Context(), known); err != nil {
		t.Errorf("a second later: %v", err)
	}
	i.mu.Lock()
	i.status = http.StatusServiceUnavailable
	i.mu.Unlock()
	offset.Store(int64(30 * time.Second))
	if _, err := v.Validate(t.Context(), i.token(t, func(_ claims, h headers) { h["kid"] = "new" })); err == nil || errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("an unknown key id while the keys are out of reach: %v", err)
	}
	if _, err := v.Validate(t.Context(), known); err != nil {
		t.Errorf("a known key while the keys are out of reach: %v", err)
	}
}

func TestKeySetsOfTheWrongKind(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	i.extra = `{"kty":"oct","kid":"sym","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"},{"kty":"unknown"},5`
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL})
	if _, err := v.Validate(t.Context(), i.token(t, nil)); err != nil {
		t.Errorf("beside keys of other kinds: %v", err)
	}
	for _, text := range []string{``, `[]`, `{}`, `{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, `{"keys":5}`} {
		if _, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "x", Audience: "y", Keys: []byte(text)}); err == nil {
			t.Errorf("the key set %s was accepted", text)
		}
	}
	for _, algorithm := range []string{"none", "HS256", "RS1", ""} {
		if _, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "x", Audience: "y", Algorithms: []string{algorithm}}); err == nil {
			t.Errorf("the algorithm %q was accepted", algorithm)
		}
	}
}

func TestFixedKeysAreNeverFetched(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.keys[0].Public()}})
	if err != nil {
		t.Fatal(err)
	}
	v := newJWT(t, bearer.JWTConfig{Issuer: i.URL, Keys: public, AnyType: true})
	if _, err := v.Validate(t.Context(), i.token(t, func(_ claims, h headers) { h["typ"] = "JWT" })); err != nil {
		t.Error(err)
	}
	if _, err := v.Validate(t.Context(), i.token(t, func(_ claims, h headers) { h["kid"] = "x" })); !errors.Is(err, bearer.ErrInvalid) || i.fetches.Load() != 0 {
		t.Errorf("%v, %d fetches", err, i.fetches.Load())
	}
}

func TestByIssuer(t *testing.T) {
	t.Parallel()
	one, two := newIssuer(t), newIssuer(t)
	opaque := bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		return &bearer.Token{Username: "opaque"}, nil
	})
	v := bearer.ByIssuer{Issuers: map[string]bearer.Validator{
		one.URL: newJWT(t, bearer.JWTConfig{Issuer: one.URL}), two.URL: newJWT(t, bearer.JWTConfig{Issuer: two.URL})}}
	for name, token := range map[string]string{"one": one.token(t, nil), "two": two.token(t, nil)} {
		if _, err := v.Validate(t.Context(), token); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A key of one issuer signs nothing of the other.
	crossed := one.token(t, func(c claims, _ headers) { c["iss"] = two.URL })
	for name, token := range map[string]string{"crossed": crossed, "unknown issuer": one.token(t, func(c claims, _ headers) { c["iss"] = "x" }), "opaque": "x"} {
		if _, err := v.Validate(t.Context(), token); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	v.Opaque = opaque
	if got, err := v.Validate(t.Context(), "x"); err != nil || got.Username != "opaque" {
		t.Errorf("opaque: %v %v", got, err)
	}
	if _, err := v.Validate(t.Context(), crossed); !errors.Is(err, bearer.ErrInvalid) {
		t.Errorf("crossed, with opaque: %v", err)
	}
}

func FuzzJWT(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k"}}})
	if err != nil {
		f.Fatal(err)
	}
	v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "i", Audience: "a", Keys: public})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"a.b.c", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsifQ.e30.AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := v.Validate(t.Context(), token); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%q: %v", token, err)
		}
	})
}
