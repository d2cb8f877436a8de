// Command luikyv is an authorization server made of luikyv/go-oidc and maps, for
// comparison. (The storage that the library brings along holds a hundred tokens and
// searches them one by one.) Its login says yes without asking.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"flag"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

const callback = "http://127.0.0.1:5999/callback"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	op, err := newProvider("http://" + *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: *addr, Handler: op.Handler(), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func newProvider(issuer string) (*provider.Provider, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	keys := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{{KeyID: "k", Key: key, Algorithm: "RS256", Use: "sig"}, {KeyID: "e", Key: curve, Algorithm: "ES256", Use: "sig"}}}
	kept := &store{sessions: newTable[goidc.AuthnSession](), grants: newTable[goidc.Grant](), codes: newTable[goidc.Grant](), tokens: newTable[goidc.Token]()}
	app, other := client("load", goidc.SigAlgRS256), client("es256", goidc.SigAlgES256)
	return provider.New(provider.Config{Issuer: issuer, Manager: kept, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgRS256, goidc.SigAlgES256},
		JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil }},
		provider.WithScopes(goidc.ScopeOpenID, goidc.NewScope("read")), provider.WithSecretBasicAuthn(), provider.WithStaticClients(app, other),
		provider.WithClientCredentialsGrant(),
		provider.WithAuthCodeGrant(provider.AuthCodeGrantConfig{Manager: kept, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}},
			provider.WithIssuerResponseParameter(), provider.WithPKCE([]goidc.CodeChallengeMethod{goidc.CodeChallengeMethodSHA256}, provider.WithPKCERequired()),
			provider.WithAuthPolicies(goidc.NewPolicy("yes", func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }, signIn))),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewOpaqueTokenOptions(3600)
		},
			provider.WithOpaqueTokens(kept)),
		provider.WithTokenIntrospection(func(context.Context, *goidc.Client, goidc.TokenInfo) bool { return true }))
}

// client signs its id_tokens as alg says.
func client(id string, alg goidc.SignatureAlgorithm) *goidc.Client {
	return &goidc.Client{ID: id, Secret: "load-secret", ClientMeta: goidc.ClientMeta{
		TokenAuthnMethod: goidc.AuthnMethodSecretBasic, ScopeIDs: "openid read", RedirectURIs: []string{callback},
		GrantTypes:    []goidc.GrantType{goidc.GrantAuthorizationCode, goidc.GrantClientCredentials},
		ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}, IDTokenSigAlg: alg,
	}}
}

const cookie = "signed_in"

// signIn takes every browser for the same user's.
func signIn(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession, _ *goidc.Client) (goidc.Status, error) {
	if _, err := r.Cookie(cookie); err != nil {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: rand.Text(), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	as.Subject, as.Username, as.GrantedScopes = "1", "kermit@example.com", as.Scopes
	return goidc.StatusSuccess, nil
}

// table is a map that several requests may use at once.
type table[T any] struct {
	mu   sync.RWMutex
	rows map[string]*T
}

func newTable[T any]() *table[T] { return &table[T]{rows: map[string]*T{}} }

func (t *table[T]) save(id string, row *T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[id] = row
}

func (t *table[T]) get(id string) (*T, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if row, ok := t.rows[id]; ok {
		return row, nil
	}
	return nil, goidc.ErrNotFound
}

type store struct {
	sessions      *table[goidc.AuthnSession]
	grants, codes *table[goidc.Grant]
	tokens        *table[goidc.Token]
}

func (s *store) SaveSession(_ context.Context, as *goidc.AuthnSession) error {
	s.sessions.save(as.ID, as)
	return nil
}

func (s *store) Session(_ context.Context, id string) (*goidc.AuthnSession, error) {
	return s.sessions.get(id)
}

func (s *store) SaveGrant(_ context.Context, g *goidc.Grant) error {
	s.grants.save(g.ID, g)
	if g.AuthCode != "" {
		s.codes.save(g.AuthCode, g)
	}
	return nil
}

func (s *store) Grant(_ context.Context, id string) (*goidc.Grant, error) { return s.grants.get(id) }

func (s *store) GrantByAuthCode(_ context.Context, code string) (*goidc.Grant, error) {
	return s.codes.get(code)
}

func (s *store) SaveToken(_ context.Context, t *goidc.Token) error {
	s.tokens.save(t.ID, t)
	return nil
}

func (s *store) Token(_ context.Context, id string) (*goidc.Token, error) { return s.tokens.get(id) }
