package bearer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

const apiBase = "https://api.example.com"

// bound is a token that is bound to a key.
func bound(thumbprint string) *bearer.Token {
	return &bearer.Token{Username: "kermit", Scopes: []string{"read"}, Confirmation: json.RawMessage(`{"jkt":"` + thumbprint + `"}`)}
}

// dpopServer is a server that knows the tokens good (bound to key) and plain.
func dpopServer(t testing.TB, key *bearertest.Key, cfg bearer.DPoPConfig, change func(*bearer.Config)) *bearer.Server {
	t.Helper()
	c := bearer.Config{DPoP: &cfg, Resource: apiBase + "/base", Log: slog.New(slog.DiscardHandler),
		Validator: bearertest.Tokens{"good": bound(key.Thumbprint()), "plain": {Username: "piggy"}}}
	if change != nil {
		change(&c)
	}
	srv, err := bearer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func call(srv *bearer.Server, r *http.Request, options ...bearer.Option) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	srv.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, bearer.FromContext(r.Context()).Username)
	}), options...).ServeHTTP(w, r)
	return w
}

func proving(method, target, token string, proofs ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "evil.example.net" // nothing may depend on it
	r.Header.Set("X-Forwarded-Host", "evil.example.net")
	r.Header.Set("Authorization", "DPoP "+token)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	return r
}

// One line per check of RFC 9449 §4.3.
func TestProofs(t *testing.T) {
	t.Parallel()
	key, other := bearertest.NewKey(t, "ES256"), bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{}, nil)
	now := time.Now()
	const path = "/base/tasks"
	proof := func(changes bearertest.Claims) string { return key.Proof("GET", apiBase+path, "good", changes) }
	header := func(h bearertest.Claims) string {
		all := bearertest.Claims{"typ": "dpop+jwt", "kid": nil, "jwk": json.RawMessage(publicJWK(t, key))}
		for k, v := range h {
			all[k] = v
		}
		return key.Sign(all, bearertest.Claims{"jti": "by hand " + fmt.Sprint(h), "htm": "GET", "htu": apiBase + path, "iat": now.Unix(), "ath": hashOf("good")})
	}
	valid := proof(nil)
	cut := strings.LastIndexByte(valid, '.')
	for name, c := range map[string]struct {
		proofs []string
		code   string
	}{
		"good":         {[]string{proof(nil)}, ""},
		"made by hand": {[]string{header(nil)}, ""},
		// Requirement R205, RFC 9449 §4.3
		"htu with query":          {[]string{proof(bearertest.Claims{"htu": apiBase + path + "?a=b#c"})}, ""},
		"htu in another spelling": {[]string{proof(bearertest.Claims{"htu": "HTTPS://API.example.com:443/base/%74asks"})}, ""},
		"a minute old":            {[]string{proof(bearertest.Claims{"iat": now.Add(-58 * time.Second).Unix()})}, ""},
		"clock is ahead":          {[]string{proof(bearertest.Claims{"iat": now.Add(58 * time.Second).Unix()})}, ""},
		"none":                    {nil, "invalid_dpop_proof"},
		// Requirement R206, RFC 9449 §4.3 MUST: a request brings one proof
		"two":                  {[]string{proof(nil), proof(nil)}, "invalid_dpop_proof"},
		"two in one header":    {[]string{proof(nil) + "," + proof(nil)}, "invalid_dpop_proof"},
		"empty":                {[]string{""}, "invalid_dpop_proof"},
		"words":                {[]string{"a proof"}, "invalid_dpop_proof"},
		"huge":                 {[]string{proof(bearertest.Claims{"jti": strings.Repeat("x", 9000)})}, "invalid_dpop_proof"},
		"signature of another": {[]string{valid[:cut] + proof(nil)[strings.LastIndexByte(proof(nil), '.'):]}, "invalid_dpop_proof"},
		"no signature":         {[]string{valid[:cut+1]}, "invalid_dpop_proof"},
		// Requirement R210, RFC 9449 §7.1
		"another key":               {[]string{other.Proof("GET", apiBase+path, "good", nil)}, "invalid_token"},
		"another key in the header": {[]string{header(bearertest.Claims{"jwk": json.RawMessage(publicJWK(t, other))})}, "invalid_token"},
		// Requirement R204, RFC 9449 §4.2 MUST: a proof has the right typ, an asymmetric algorithm and a public key
		"typ JWT":      {[]string{header(bearertest.Claims{"typ": "JWT"})}, "invalid_dpop_proof"},
		"typ at+jwt":   {[]string{header(bearertest.Claims{"typ": "at+jwt"})}, "invalid_dpop_proof"},
		"no typ":       {[]string{header(bearertest.Claims{"typ": nil})}, "invalid_dpop_proof"},
		"no jwk":       {[]string{header(bearertest.Claims{"jwk": nil})}, "invalid_dpop_proof"},
		"unknown crit": {[]string{header(bearertest.Claims{"crit": []string{"x"}, "x": 1})}, "invalid_dpop_proof"},
		"alg none":     {[]string{forged(`{"typ":"dpop+jwt","alg":"none","jwk":` + publicJWK(t, key) + `}`)}, "invalid_dpop_proof"},
		// Requirement R204, RFC 9449 §4.2
		"alg HS256":         {[]string{forged(`{"typ":"dpop+jwt","alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`)}, "invalid_dpop_proof"},
		"another algorithm": {[]string{es384Proof(t, apiBase+path)}, "invalid_dpop_proof"},
		// Requirement R205, RFC 9449 §4.3 MUST: a proof is for one method and one address
		"another method":         {[]string{proof(bearertest.Claims{"htm": "POST"})}, "invalid_dpop_proof"},
		"method in another case": {[]string{proof(bearertest.Claims{"htm": "get"})}, "invalid_dpop_proof"},
		// Requirement R205, RFC 9449 §4.3
		"another path":          {[]string{proof(bearertest.Claims{"htu": apiBase + "/base/tasks/1"})}, "invalid_dpop_proof"},
		"an encoded slash":      {[]string{proof(bearertest.Claims{"htu": apiBase + "/base%2Ftasks"})}, "invalid_dpop_proof"},
		"dots in the path":      {[]string{proof(bearertest.Claims{"htu": apiBase + "/base/x/../tasks"})}, "invalid_dpop_proof"},
		"another host":          {[]string{proof(bearertest.Claims{"htu": "https://evil.example.net" + path})}, "invalid_dpop_proof"},
		"another port":          {[]string{proof(bearertest.Claims{"htu": "https://api.example.com:444" + path})}, "invalid_dpop_proof"},
		"plain http":            {[]string{proof(bearertest.Claims{"htu": "http://api.example.com" + path})}, "invalid_dpop_proof"},
		"a user in the address": {[]string{proof(bearertest.Claims{"htu": "https://x@api.example.com" + path})}, "invalid_dpop_proof"},
		"path alone":            {[]string{proof(bearertest.Claims{"htu": path})}, "invalid_dpop_proof"},
		"no htu":                {[]string{proof(bearertest.Claims{"htu": nil})}, "invalid_dpop_proof"},
		"no htm":                {[]string{proof(bearertest.Claims{"htm": nil})}, "invalid_dpop_proof"},
		"no jti":                {[]string{proof(bearertest.Claims{"jti": nil})}, "invalid_dpop_proof"},
		"long jti":              {[]string{proof(bearertest.Claims{"jti": strings.Repeat("x", 257)})}, "invalid_dpop_proof"},
		"jti is a number":       {[]string{proof(bearertest.Claims{"jti": 5})}, "invalid_dpop_proof"},
		"no iat":                {[]string{proof(bearertest.Claims{"iat": nil})}, "invalid_dpop_proof"},
		"iat is far":            {[]string{proof(bearertest.Claims{"iat": int64(1) << 62})}, "invalid_dpop_proof"},
		// Requirement R207, RFC 9449 §4.3 MUST: a proof is made now
		"old": {[]string{proof(bearertest.Claims{"iat": now.Add(-63 * time.Second).Unix()})}, "invalid_dpop_proof"},
		// Requirement R207, RFC 9449 §4.3
		"made in the future": {[]string{proof(bearertest.Claims{"iat": now.Add(70 * time.Second).Unix()})}, "invalid_dpop_proof"},
		// Requirement R210, RFC 9449 §7.1 MUST: a proof is for one token, by the key that it is bound to
		"no ath":                 {[]string{proof(bearertest.Claims{"ath": nil})}, "invalid_dpop_proof"},
		"made for another token": {[]string{proof(bearertest.Claims{"ath": hashOf("other")})}, "invalid_dpop_proof"},
	} {
		w := call(srv, proving("GET", path+"?x=1", "good", c.proofs...))
		challenges := strings.Join(w.Header().Values("WWW-Authenticate"), "; ")
		switch {
		case c.code == "" && (w.Code != 200 || w.Body.String() != "kermit"):
			t.Errorf("%s: %d %s %s", name, w.Code, challenges, w.Body)
		case c.code != "" && (w.Code != 401 || !strings.HasPrefix(challenges, "DPoP ") || !strings.Contains(challenges, `error="`+c.code+`"`) ||
			!strings.Contains(challenges, `algs="ES256 EdDSA PS256 RS256"`)):
			t.Errorf("%s: %d %s; want %s", name, w.Code, challenges, c.code)
		}
	}
}

func TestProofsOfEveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "EdDSA", "PS256", "RS256"} {
		key := bearertest.NewKey(t, alg)
		srv := dpopServer(t, key, bearer.DPoPConfig{}, nil)
		r := httptest.NewRequest("POST", apiBase+"/x?y=z", nil)
		key.Prove(r, "good")
		if w := call(srv, r); w.Code != 200 {
			t.Errorf("%s: %d %v", alg, w.Code, w.Header())
		}
	}
}

// Requirement R214, RFC 9449 §11.1
func TestProofWorksOnce(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{}, nil)
	proof := key.Proof("GET", apiBase+"/", "good", nil)
	var accepted, refused atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			switch w := call(srv, proving("GET", "/", "good", proof)); {
			case w.Code == 200:
				accepted.Add(1)
			case w.Code == 401 && strings.Contains(w.Header().Get("WWW-Authenticate"), `error="invalid_dpop_proof"`):
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 1 || refused.Load() != 19 {
		t.Errorf("%d accepted, %d refused", accepted.Load(), refused.Load())
	}
	// What was refused for another reason is not used up.
	again := key.Proof("GET", apiBase+"/", "good", nil)
	if w := call(srv, proving("POST", "/", "good", again)); w.Code != 401 {
		t.Errorf("another method: %d", w.Code)
	}
	if w := call(srv, proving("GET", "/", "good", again)); w.Code != 200 {
		t.Errorf("after a refusal: %d", w.Code)
	}
}

// An id is remembered for as long as its proof would pass otherwise, and the
// memory has an end: a full one is "cannot know".
func TestProofMemory(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	clock := bearertest.NewClock()
	srv := dpopServer(t, key, bearer.DPoPConfig{Size: 4}, func(c *bearer.Config) { c.Now = clock.Now })
	at := func(d time.Duration) string {
		return key.Proof("GET", apiBase+"/", "good", bearertest.Claims{"iat": clock.Now().Add(d).Unix()})
	}
	status := func(proof string) int { return call(srv, proving("GET", "/", "good", proof)).Code }
	if got := status(at(0)); got != 200 {
		t.Fatalf("the very first: %d", got)
	}
	clock.Move(59 * time.Second)
	ahead := at(59 * time.Second)
	if got := status(ahead); got != 200 {
		t.Fatalf("first: %d", got)
	}
	for range 11 {
		clock.Move(10 * time.Second)
		if got := status(ahead); got != 401 {
			t.Fatalf("a replay was answered with %d", got)
		}
	}
	for range 2 {
		if got := status(at(0)); got != 200 {
			t.Fatalf("a new proof: %d", got)
		}
	}
	w := call(srv, proving("GET", "/", "good", at(0)))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("a full memory: %d", w.Code)
	}
	clock.Move(4 * time.Minute)
	if got := status(at(0)); got != 200 {
		t.Errorf("after the memory was emptied: %d", got)
	}
}

func TestSharedProofMemory(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	seen, down := map[string]time.Time{}, false
	cfg := bearer.DPoPConfig{Remember: func(_ context.Context, id string, until time.Time) (bool, error) {
		if down {
			return false, errors.New("the shared memory is away")
		}
		_, known := seen[id]
		seen[id] = until
		return !known, nil
	}}
	one, two := dpopServer(t, key, cfg, nil), dpopServer(t, key, cfg, nil)
	proof := key.Proof("GET", apiBase+"/", "good", nil)
	if a, b := call(one, proving("GET", "/", "good", proof)).Code, call(two, proving("GET", "/", "good", proof)).Code; a != 200 || b != 401 {
		t.Errorf("first %d, at the other process %d", a, b)
	}
	down = true
	if w := call(one, proving("GET", "/", "good", key.Proof("GET", apiBase+"/", "good", nil))); w.Code != 503 {
		t.Errorf("without the shared memory: %d", w.Code)
	}
}

// A token goes with its scheme.
func TestBindingAndScheme(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	typed := bound(key.Thumbprint())
	typed.Type = "DPoP"
	tokens := bearertest.Tokens{"good": bound(key.Thumbprint()), "typed": typed, "plain": {Username: "piggy"}, "typed plain": {Type: "DPoP"}}
	for name, c := range map[string]struct {
		config    bearer.DPoPConfig
		off       bool
		scheme    string
		token     string
		status    int
		challenge string
	}{
		"bound as DPoP":  {scheme: "DPoP", token: "good", status: 200},
		"bound, told so": {scheme: "dpop", token: "typed", status: 200},
		// Requirement R211, RFC 9449 §7.2
		"bound as Bearer":          {scheme: "Bearer", token: "good", status: 401, challenge: `Bearer realm="api", error="invalid_token"`},
		"told bound as Bearer":     {scheme: "Bearer", token: "typed", status: 401, challenge: `Bearer realm="api", error="invalid_token"`},
		"plain as Bearer":          {scheme: "Bearer", token: "plain", status: 200},
		"plain as DPoP":            {scheme: "DPoP", token: "plain", status: 401, challenge: `DPoP realm="api", error="invalid_token"`},
		"plain, bound ones only":   {config: bearer.DPoPConfig{Required: true}, scheme: "Bearer", token: "plain", status: 401, challenge: `Bearer realm="api", error="invalid_token"`},
		"bound, bound ones only":   {config: bearer.DPoPConfig{Required: true}, scheme: "DPoP", token: "good", status: 200},
		"DPoP is off":              {off: true, scheme: "DPoP", token: "good", status: 401, challenge: `Bearer realm="api", resource`},
		"bound, while DPoP is off": {off: true, scheme: "Bearer", token: "good", status: 401, challenge: `Bearer realm="api", error="invalid_token"`},
		"unknown":                  {scheme: "DPoP", token: "unknown", status: 401, challenge: `DPoP realm="api", error="invalid_token"`},
	} {
		srv := dpopServer(t, key, c.config, func(cfg *bearer.Config) {
			cfg.Validator = tokens
			if c.off {
				cfg.DPoP = nil
			}
		})
		r := proving("GET", "/", c.token, key.Proof("GET", apiBase+"/", c.token, nil))
		r.Header.Set("Authorization", c.scheme+" "+c.token)
		w := call(srv, r)
		got := w.Header().Values("WWW-Authenticate")
		if w.Code != c.status || (c.challenge != "" && !strings.HasPrefix(got[0], c.challenge)) || (c.challenge == "") != (len(got) == 0) {
			t.Errorf("%s: %d %q; want %d %s", name, w.Code, got, c.status, c.challenge)
		}
		if told := strings.Contains(strings.Join(got, ""), `algs="`); told != (c.status == 401 && !c.off) {
			t.Errorf("%s: algs told: %v in %q", name, told, got)
		}
	}
}

func TestBearerAloneProvesNothing(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{}, nil)
	if _, err := srv.AuthenticateToken(t.Context(), "good"); err == nil || !strings.HasPrefix(err.Error(), "invalid_token") {
		t.Errorf("a bound token without a request: %v", err)
	}
	if got, err := srv.AuthenticateToken(t.Context(), "plain"); err != nil || got.Username != "piggy" {
		t.Errorf("%v %v", got, err)
	}
	for _, raw := range []string{"", "a b", "none", strings.Repeat("x", 9000)} {
		var e *bearer.Error
		if _, err := srv.AuthenticateToken(t.Context(), raw); !errors.As(err, &e) || e.Status != 401 {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
}

func TestNonces(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	clock := bearertest.NewClock()
	shared := []byte(strings.Repeat("n", 32))
	cfg := bearer.DPoPConfig{Nonces: true, NonceKey: shared}
	srv := dpopServer(t, key, cfg, func(c *bearer.Config) { c.Now = clock.Now })
	ask := func(nonce any) *httptest.ResponseRecorder {
		return call(srv, proving("GET", "/", "good", key.Proof("GET", apiBase+"/", "good",
			bearertest.Claims{"nonce": nonce, "iat": clock.Now().Unix()})))
	}
	w := ask(nil)
	nonce := w.Header().Get("DPoP-Nonce")
	if w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), `error="use_dpop_nonce"`) || nonce == "" {
		t.Fatalf("without nonce: %d %v", w.Code, w.Header())
	}
	if w := ask(nonce); w.Code != 200 || w.Header().Get("DPoP-Nonce") == "" {
		t.Errorf("with nonce: %d %v", w.Code, w.Header())
	}
	for name, wrong := range map[string]any{"empty": "", "made up": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a number": 5, "changed": nonce[:31] + string(rune(nonce[31]^1))} {
		if w := ask(wrong); w.Code != 401 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	other := dpopServer(t, key, cfg, func(c *bearer.Config) { c.Now = clock.Now })
	if w := call(other, proving("GET", "/", "good", key.Proof("GET", apiBase+"/", "good",
		bearertest.Claims{"nonce": nonce, "iat": clock.Now().Unix()}))); w.Code != 200 {
		t.Errorf("at a process with the same key: %d", w.Code)
	}
	clock.Move(10 * time.Minute)
	if w := ask(nonce); w.Code != 401 || w.Header().Get("DPoP-Nonce") == nonce {
		t.Errorf("an old nonce: %d", w.Code)
	}
}

// A proxy that cuts a path off is told by Base; a mux that does so here is not
// noticed.
func TestProofBehindProxy(t *testing.T) {
	t.Parallel()
	key := bearertest.NewKey(t, "ES256")
	srv := dpopServer(t, key, bearer.DPoPConfig{Base: "https://public.example.com/outer/"}, nil)
	h := http.StripPrefix("/inner", srv.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	for htu, want := range map[string]int{
		"https://public.example.com/outer/inner/x": 200,
		"https://public.example.com/inner/x":       401,
		"https://public.example.com/outer/x":       401,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, proving("GET", "/inner/x", "good", key.Proof("GET", htu, "good", nil)))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", htu, w.Code, want)
		}
	}
}

func TestDPoPConfigListsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{}, DPoP: &bearer.DPoPConfig{
		Algorithms: []string{"ES256", "HS256"}, NonceKey: []byte("short"), Base: "ftp://x"},
		Certificates: &bearer.CertificateConfig{Header: "X-Cert"}})
	for _, part := range []string{"DPoPConfig.Base", `"HS256"`, "NonceKey", "CertificateConfig"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}

func FuzzProof(f *testing.F) {
	key := bearertest.NewKey(f, "ES256")
	srv := dpopServer(f, key, bearer.DPoPConfig{}, nil)
	f.Add(key.Proof("GET", apiBase+"/", "good", bearertest.Claims{"ath": "x"}))
	f.Add(key.Proof("GET", apiBase+"/", "good", nil))
	f.Add(forged(`{"typ":"dpop+jwt","alg":"none"}`))
	f.Add("..")
	f.Fuzz(func(t *testing.T, proof string) {
		// The token's hash differs, so that no input can be right.
		w := call(srv, proving("GET", "/elsewhere", "good", proof))
		if w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "DPoP ") {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
}
