package bench

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	jwtmiddleware "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/jwks"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	zitadel "github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	opaque = "slc_at_9f8b6c1e4d7a40f3b2a5c8d9e0f1a2b3c4d5"
	dead   = "slc_at_000000000000000000000000000000000000"
	answer = `{"active":true,"scope":"openid profile read write","client_id":"a-web-application","username":"kermit@example.com","token_type":"Bearer",` +
		`"exp":4000000000,"iat":1700000000,"sub":"5f0c1e9a-3b57-4c1e-9c55-000000000001","aud":["api"],"iss":"https://id.example.com","jti":"0a4c8d1e"}`
)

// authority is an authorization server that costs next to nothing itself.
type authority struct {
	*httptest.Server
	rs256, es256 *bearertest.Key
}

func newAuthority(b *testing.B) *authority {
	b.Helper()
	a := &authority{rs256: bearertest.NewKey(b, "RS256"), es256: bearertest.NewKey(b, "ES256")}
	keys := bearertest.JWKS(a.rs256, a.es256)
	mux := http.NewServeMux()
	write := func(text []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(text)
		}
	}
	mux.HandleFunc("/jwks", write(keys))
	mux.HandleFunc("/introspect", write([]byte(answer)))
	a.Server = httptest.NewServer(mux)
	b.Cleanup(a.Close)
	return a
}

func (a *authority) token(k *bearertest.Key) string {
	return k.AccessToken(bearertest.Claims{"iss": a.URL, "aud": "api", "sub": "5f0c1e9a-3b57-4c1e-9c55-000000000001", "scope": "openid profile read write",
		"exp": time.Now().Add(24 * time.Hour).Unix(), "preferred_username": "kermit@example.com"})
}

func check(b *testing.B, v bearer.Validator) *bearer.Server {
	b.Helper()
	srv, err := bearer.New(bearer.Config{Validator: v, Audience: "api", Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	return srv
}

// known is a cache with one good token.
func known() *bearer.Cache {
	return bearer.Cached(bearer.ValidatorFunc(func(_ context.Context, token string) (*bearer.Token, error) {
		if token != opaque {
			return nil, bearer.ErrInvalid
		}
		return bearer.ParseIntrospection([]byte(answer))
	}))
}

func request(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/tasks", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header       { return n.header }
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) WriteHeader(int)             {}

var (
	nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	fine    = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
)

// loop measures a call, also by the processor time that the whole process took, which
// says more than the clock on a machine that has other work.
func loop(b *testing.B, name string, call func() error) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		var begun int64
		for n := 0; b.Loop(); n++ {
			if n == 0 {
				begun = processorTime(b)
			}
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(processorTime(b)-begun)/float64(b.N), "cpu-ns/op")
	})
}

// What a request costs whose token is known already, and one that is refused. The
// peers remember keys, not tokens: for them a known token is one more signature.
func BenchmarkBearerKnownToken(b *testing.B) {
	a, srv := newAuthority(b), check(b, known())
	w := nowhere{http.Header{}}
	good, bad, malformed := request(opaque), request(dead), request(opaque+`,"`)
	h := srv.Require(nothing, bearer.Scope("read"))
	loop(b, "sluice/Authenticate", func() error { _, err := srv.Authenticate(good); return err })
	loop(b, "sluice/Require", func() error { h.ServeHTTP(w, good); return nil })
	refused := func(r *http.Request) func() error {
		return func() error {
			if _, err := srv.Authenticate(r); err == nil {
				b.Fatal("accepted")
			}
			return nil
		}
	}
	loop(b, "sluice/refuse-known", refused(bad))
	loop(b, "sluice/refuse-malformed", refused(malformed))
	signed := a.token(a.rs256)
	r := request(signed)
	local, err := bearer.NewJWT(bearer.JWTConfig{Issuer: a.URL, JWKS: a.URL + "/jwks", Audience: "api"})
	if err != nil {
		b.Fatal(err)
	}
	jwts := check(b, bearer.Cached(local)).Require(nothing)
	loop(b, "sluice/Require-JWT", func() error { jwts.ServeHTTP(w, r); return nil })
	peer := auth0(b, a).CheckJWT(nothing)
	loop(b, "auth0-go-jwt-middleware/CheckJWT", func() error { peer.ServeHTTP(w, r); return nil })
}

// What a token costs that nobody has seen: one question to the authorization server.
func BenchmarkBearerNewToken(b *testing.B) {
	a := newAuthority(b)
	var n atomic.Int64
	r := request(opaque)
	fresh := func() *http.Request {
		r.Header["Authorization"][0] = "Bearer " + opaque + strconv.FormatInt(n.Add(1), 10)
		return r
	}
	process := check(b, bearer.NewCache(bearer.CacheConfig{Prompt: true, Validator: bearer.ValidatorFunc(func(context.Context, string) (*bearer.Token, error) {
		return bearer.ParseIntrospection([]byte(answer))
	})}))
	loop(b, "sluice/in-process", func() error { _, err := process.Authenticate(fresh()); return err })
	in := &bearer.Introspection{URL: a.URL + "/introspect", ClientID: "api", ClientSecret: "secret"}
	asked := check(b, bearer.Cached(in))
	loop(b, "sluice/loopback", func() error { _, err := asked.Authenticate(fresh()); return err })
	loop(b, "sluice/loopback-without-cache", func() error { _, err := in.Validate(b.Context(), opaque); return err })
	peer, err := rs.NewResourceServerClientCredentials(b.Context(), a.URL, "api", "secret", rs.WithStaticEndpoints(a.URL+"/token", a.URL+"/introspect"))
	if err != nil {
		b.Fatal(err)
	}
	loop(b, "zitadel-rs/loopback", func() error {
		_, err := rs.Introspect[*zitadel.IntrospectionResponse](b.Context(), peer, opaque)
		return err
	})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	loop(b, "bare-POST/loopback", func() error {
		resp, err := client.PostForm(a.URL+"/introspect", url.Values{"token": {opaque}})
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return err
	})
}

func auth0(b *testing.B, a *authority) *jwtmiddleware.JWTMiddleware {
	b.Helper()
	issuer, err := url.Parse(a.URL)
	if err != nil {
		b.Fatal(err)
	}
	provider := jwks.NewCachingProvider(issuer, time.Hour, jwks.WithCustomJWKSURI(issuer.JoinPath("jwks")))
	v, err := validator.New(provider.KeyFunc, validator.RS256, a.URL, []string{"api"})
	if err != nil {
		b.Fatal(err)
	}
	return jwtmiddleware.New(v.ValidateToken)
}

// What a signature costs, by the standard library alone and with all that belongs
// to a check: parsing, finding the key, claims.
func BenchmarkBearerSignature(b *testing.B) {
	a := newAuthority(b)
	ours, err := bearer.NewJWT(bearer.JWTConfig{Issuer: a.URL, JWKS: a.URL + "/jwks", Audience: "api"})
	if err != nil {
		b.Fatal(err)
	}
	coreos := oidc.NewVerifier(a.URL, oidc.NewRemoteKeySet(b.Context(), a.URL+"/jwks"), &oidc.Config{ClientID: "api", SupportedSigningAlgs: []string{"RS256", "ES256"}})
	keys, err := keyfunc.NewDefaultCtx(b.Context(), []string{a.URL + "/jwks"})
	if err != nil {
		b.Fatal(err)
	}
	peer := auth0(b, a)
	w := nowhere{http.Header{}}
	for alg, key := range map[string]*bearertest.Key{"RS256": a.rs256, "ES256": a.es256} {
		token := a.token(key)
		loop(b, alg+"/crypto", raw(b, key, token))
		loop(b, alg+"/sluice", func() error { _, err := ours.Validate(b.Context(), token); return err })
		loop(b, alg+"/coreos-go-oidc", func() error { _, err := coreos.Verify(b.Context(), token); return err })
		loop(b, alg+"/golang-jwt+keyfunc", func() error {
			_, err := jwt.Parse(token, keys.Keyfunc, jwt.WithIssuer(a.URL), jwt.WithAudience("api"), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{alg}))
			return err
		})
		if alg == "RS256" {
			r, h := request(token), peer.CheckJWT(nothing)
			loop(b, alg+"/auth0-go-jwt-middleware", func() error { h.ServeHTTP(w, r); return nil })
		}
	}
}

// raw verifies with the standard library and nothing else.
func raw(b *testing.B, k *bearertest.Key, token string) func() error {
	b.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(bearertest.JWKS(k), &set); err != nil {
		b.Fatal(err)
	}
	at := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil {
		b.Fatal(err)
	}
	input := []byte(token[:at])
	return func() error {
		sum := sha256.Sum256(input)
		switch key := set.Keys[0].Key.(type) {
		case *rsa.PublicKey:
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
		case *ecdsa.PublicKey:
			if !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
				return bearer.ErrInvalid
			}
		}
		return nil
	}
}

// Whole requests over loopback from 16 clients: a bare handler, and the same one
// behind the check of a known token.
func BenchmarkBearerThroughput(b *testing.B) {
	srv := check(b, known())
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"bare", fine}, {"sluice", srv.Require(fine, bearer.Scope("read"))}} {
		b.Run(c.name, func(b *testing.B) {
			s := httptest.NewServer(c.h)
			defer s.Close()
			load(b, http.MethodGet, s.URL+"/tasks", nil, "Authorization", "Bearer "+opaque)
		})
	}
}

// A request with a DPoP proof, where each process remembers proofs for itself and
// where the database does, which is a write for each request: one client, and 16.
func BenchmarkBearerProof(b *testing.B) {
	auth, key := bearertest.NewServer(b), bearertest.NewKey(b, "ES256")
	auth.Put("bound", bearertest.Claims{"username": "kermit@example.com", "token_type": "DPoP", "cnf": map[string]string{"jkt": key.Thumbprint()}})
	for _, memory := range []string{"process", "shared"} {
		srv := sluicetest.NewServer(b, sluicetest.User("kermit@example.com", "green"), sluicetest.Config(func(c *sluice.Config) {
			c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = auth.URL+"/introspect", bearertest.ClientID, bearertest.ClientSecret
			c.Bearer.DPoPMemory = memory
		}))
		h := srv.Handler()
		ask := func() {
			r := httptest.NewRequest(http.MethodGet, srv.URL+"/activiti-app/api/enterprise/app-version", nil)
			key.Prove(r, "bound")
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				b.Errorf("%d %s", w.Code, w.Body)
			}
		}
		b.Run(memory+"/1-client", func(b *testing.B) {
			for b.Loop() {
				ask()
			}
		})
		b.Run(memory+"/16-clients", func(b *testing.B) {
			b.SetParallelism(clients / 2)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask()
				}
			})
		})
	}
}
