package bearer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

// quiet keeps the examples' output to what they print.
var quiet = slog.New(slog.DiscardHandler)

// show asks api for path with a token and prints what it answers.
func show(api http.Handler, method, path, token string) {
	r := httptest.NewRequest(method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	says := w.Header().Get("WWW-Authenticate")
	if w.Code == http.StatusOK {
		says = w.Body.String()
	}
	fmt.Println(strings.TrimSpace(fmt.Sprintf("%s %s as %q: %d %s", method, path, token, w.Code, says)))
}

// hello greets the user whom the token speaks for.
var hello = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	t := bearer.FromContext(r.Context())
	_, _ = fmt.Fprintf(w, "hello %s of %s", t.Username, t.ClientID)
})

// A mux with what each route asks for. With chi it is the same:
//
//	r.With(func(next http.Handler) http.Handler { return check.Require(next, bearer.Scope("read")) }).Get("/tasks", tasks)
func Example() {
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearertest.Tokens{ // a test's; see the other examples for real ones
		"reader": {Username: "kermit", ClientID: "app", Scopes: []string{"read"}},
		"writer": {Username: "piggy", ClientID: "app", Scopes: []string{"read", "write"}},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /tasks", check.Require(hello, bearer.Scope("read")))
	mux.Handle("POST /tasks", check.Require(hello, bearer.Scope("write")))
	show(mux, "GET", "/tasks", "reader")
	show(mux, "POST", "/tasks", "writer")
	show(mux, "POST", "/tasks", "reader")
	show(mux, "GET", "/tasks", "")
	// Output:
	// GET /tasks as "reader": 200 hello kermit of app
	// POST /tasks as "writer": 200 hello piggy of app
	// POST /tasks as "reader": 403 Bearer realm="api", error="insufficient_scope", error_description="the token does not have the scope that this needs", scope="write"
	// GET /tasks as "": 401 Bearer realm="api"
}

// Any server that speaks RFC 7662 will do. Answers are remembered for half a
// minute; when the server is in trouble, callers are told 503, never 401.
func ExampleIntrospection() {
	up := true
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if !up || id != "api" || secret != "secret" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		active := r.PostFormValue("token") == "good"
		_ = json.NewEncoder(w).Encode(map[string]any{"active": active, "username": "kermit", "client_id": "app"})
	}))
	defer foreign.Close()
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearer.Cached(&bearer.Introspection{
		URL: foreign.URL, ClientID: "api", ClientSecret: "secret",
	})})
	if err != nil {
		fmt.Println(err)
		return
	}
	api := check.Require(hello)
	show(api, "GET", "/", "good")
	show(api, "GET", "/", "bad")
	up = false
	show(api, "GET", "/", "good") // remembered
	show(api, "GET", "/", "new")
	// Output:
	// GET / as "good": 200 hello kermit of app
	// GET / as "bad": 401 Bearer realm="api", error="invalid_token", error_description="the token is unknown, expired or revoked"
	// GET / as "good": 200 hello kermit of app
	// GET / as "new": 503
}

// Signed tokens are checked here with the issuer's published keys. Nobody is asked,
// so revocations are learnt from the issuer: see RevocationList.
func ExampleNewJWT() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	key := jose.JSONWebKey{Key: private, KeyID: "1", Algorithm: "ES256", Use: "sig"}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := bearer.NewJWT(bearer.JWTConfig{
		Issuer: "https://id.example.com", Audience: "https://api.example.com",
		Keys: keys, // without it, they are fetched as the issuer's metadata says
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: v})
	if err != nil {
		fmt.Println(err)
		return
	}
	sign := func(audience string) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("at+jwt"))
		if err != nil {
			return err.Error()
		}
		token, err := jwt.Signed(signer).Claims(map[string]any{"iss": "https://id.example.com", "aud": audience, "sub": "7",
			"preferred_username": "kermit", "exp": time.Now().Add(time.Minute).Unix()}).Serialize()
		if err != nil {
			return err.Error()
		}
		return token
	}
	for _, audience := range []string{"https://api.example.com", "https://other.example.com"} {
		t, err := check.AuthenticateToken(context.Background(), sign(audience))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("hello", t.Username)
	}
	// Output:
	// hello kermit
	// invalid_token: the token is unknown, expired or revoked
}

// A function of your own is a validator. It says what a token is; what is bad gives
// ErrInvalid, and any other error means that it cannot know.
func ExampleValidatorFunc() {
	lookUp := func(_ context.Context, token string) (*bearer.Token, error) {
		switch token {
		case "good":
			return &bearer.Token{Username: "kermit", ClientID: "app"}, nil
		case "down":
			return nil, io.ErrUnexpectedEOF
		}
		return nil, bearer.ErrInvalid
	}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearer.ValidatorFunc(lookUp)})
	if err != nil {
		fmt.Println(err)
		return
	}
	api := check.Require(hello)
	show(api, "GET", "/", "good")
	show(api, "GET", "/", "bad")
	show(api, "GET", "/", "down")
	// Output:
	// GET / as "good": 200 hello kermit of app
	// GET / as "bad": 401 Bearer realm="api", error="invalid_token", error_description="the token is unknown, expired or revoked"
	// GET / as "down": 503
}

// An endpoint of the operator's own decides, by whatever it likes in the request.
func ExampleNewHTTPValidator() {
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		fmt.Println("asked:", string(text))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"active": true, "username": "kermit", "client_id": "app"}`)
	}))
	defer endpoint.Close()
	v, err := bearer.NewHTTPValidator(bearer.HTTPConfig{URL: endpoint.URL, Headers: []string{"X-Tenant"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: v})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(check.Require(hello), "GET", "/tasks?secret=1", "good")
	// Output:
	// asked: {"token":"good","method":"GET","path":"/tasks"}
	// GET /tasks?secret=1 as "good": 200 hello kermit of app
}

// JWTs of known issuers are checked here; whatever else comes is introspected.
func ExampleByIssuer() {
	tokens := bearertest.Tokens{"opaque": {Username: "kermit"}}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearer.ByIssuer{
		Issuers: map[string]bearer.Validator{"https://id.example.com": tokens},
		Opaque:  tokens,
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	t, err := check.AuthenticateToken(context.Background(), "opaque")
	fmt.Println(t.Username, err)
	// Output: kermit <nil>
}

// A program that has no use for Require asks and answers by itself.
func ExampleServer_Authenticate() {
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearertest.Tokens{"good": {Username: "kermit", Scopes: []string{"read"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	api := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := check.Authenticate(r)
		if err == nil && r.Method != http.MethodGet {
			err = check.Authorize(token, bearer.Scope("write"))
		}
		if err != nil {
			check.Deny(w, r, err)
			return
		}
		_, _ = fmt.Fprint(w, "hello ", token.Username)
	})
	show(api, "GET", "/", "good")
	show(api, "POST", "/", "good")
	// Output:
	// GET / as "good": 200 hello kermit
	// POST / as "good": 403 Bearer realm="api", error="insufficient_scope", error_description="the token does not have the scope that this needs", scope="write"
}

// Something ended: what is remembered of it is forgotten.
func ExampleServer_Revoke() {
	tokens := bearertest.Tokens{"good": {Subject: "7"}}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearer.Cached(tokens)})
	if err != nil {
		fmt.Println(err)
		return
	}
	ask := func() {
		_, err := check.AuthenticateToken(context.Background(), "good")
		fmt.Println(err)
	}
	ask()
	delete(tokens, "good") // revoked where it was issued
	ask()
	check.Revoke(bearer.Revocation{Subject: "7"})
	ask()
	// Output:
	// <nil>
	// <nil>
	// invalid_token: the token is unknown, expired or revoked
}

// The document of RFC 9728 tells clients where to get a token. It stands where
// challenges say.
func ExampleServer_Metadata() {
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearertest.Tokens{}, Resource: "https://api.example.com/v1",
		AuthorizationServers: []string{"https://id.example.com"}, Scopes: []string{"read"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+check.MetadataPath(), check.Metadata())
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, check.MetadataPath(), nil))
	fmt.Print(w.Body)
	// Output: {"resource":"https://api.example.com/v1","authorization_servers":["https://id.example.com"],"scopes_supported":["read"],"bearer_methods_supported":["header"]}
}

// An authorization server that revokes tells a receiver, and JWTs end before their
// time.
func ExampleNewRevocationReceiver() {
	v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: "https://id.example.com", Audience: "https://api.example.com"})
	if err != nil {
		fmt.Println(err)
		return
	}
	check, err := bearer.New(bearer.Config{Log: quiet, Validator: bearer.NewRevocationList(bearer.RevocationListConfig{Validator: v})})
	if err != nil {
		fmt.Println(err)
		return
	}
	receiver, err := bearer.NewRevocationReceiver(bearer.ReceiverConfig{
		Issuer: "https://id.example.com", Audience: "https://api.example.com/revocations", Revoke: check.Revoke, Log: quiet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /revocations", receiver)
	show(mux, "POST", "/revocations", "") // no event
	// Output: POST /revocations as "": 400
}
