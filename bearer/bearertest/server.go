package bearertest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// Server is an authorization server that follows a script. It has metadata
// (RFC 8414), keys at /jwks and introspection (RFC 7662) at /introspect. It is
// safe for concurrent use and ends with the test.
type Server struct {
	// URL is its address and its issuer.
	URL string

	t        testing.TB
	mu       sync.Mutex
	keys     []*Key
	tokens   map[string]Claims
	trouble  http.HandlerFunc
	requests map[string]int
}

// The credentials that the server's Introspection uses.
const (
	ClientID     = "resource-server"
	ClientSecret = "resource-server-secret"
)

// NewServer starts a server with one ES256 key and no token.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, tokens: map[string]Claims{}, requests: map[string]int{}, keys: []*Key{NewKey(t, "ES256")}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("GET /jwks", s.jwks)
	mux.HandleFunc("POST /introspect", s.introspect)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests[r.URL.Path]++
		trouble := s.trouble
		s.mu.Unlock()
		if trouble != nil {
			trouble(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s.URL = srv.URL
	return s
}

// Put makes token active with these members; "active" is added.
func (s *Server) Put(token string, members Claims) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := Claims{"active": true}
	merge(answer, members)
	s.tokens[token] = answer
}

// Revoke makes token inactive.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
}

// Rotate makes a new key, which signs from now on, and withdraws the others when
// it is told so.
func (s *Server) Rotate(withdraw bool) *Key {
	s.t.Helper()
	k := NewKey(s.t, "ES256")
	s.mu.Lock()
	defer s.mu.Unlock()
	if withdraw {
		s.keys = nil
	}
	s.keys = append(s.keys, k)
	return k
}

// Key is the key that signs now.
func (s *Server) Key() *Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1]
}

// Trouble answers every request by h until Trouble(nil).
func (s *Server) Trouble(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = h
}

// Requests counts the requests to a path since the start.
func (s *Server) Requests(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[path]
}

// Introspection asks this server.
func (s *Server) Introspection() *bearer.Introspection {
	return &bearer.Introspection{URL: s.URL + "/introspect", ClientID: ClientID, ClientSecret: ClientSecret}
}

// AccessToken makes a JWT of this issuer for an audience.
func (s *Server) AccessToken(audience string, claims Claims) string {
	s.t.Helper()
	all := Claims{"iss": s.URL, "aud": audience}
	merge(all, claims)
	return s.Key().AccessToken(all)
}

// Event makes a security event token (RFC 8417) that tells the receiver audience of a
// revocation: members are those of bearer.RevocationEvent.
func (s *Server) Event(audience string, members Claims) string {
	s.t.Helper()
	now := time.Now().Unix()
	return s.Key().Sign(Claims{"typ": "secevent+jwt"}, Claims{"iss": s.URL, "aud": audience, "jti": rand.Text(), "iat": now, "toe": now,
		"events": map[string]any{bearer.RevocationEvent: members}})
}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	write(w, map[string]any{"issuer": s.URL, "jwks_uri": s.URL + "/jwks", "introspection_endpoint": s.URL + "/introspect"})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	text := JWKS(s.keys...)
	s.mu.Unlock()
	write(w, json.RawMessage(text))
}

func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if id, secret, _ := r.BasicAuth(); id != ClientID || secret != ClientSecret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	token := r.PostFormValue("token")
	s.mu.Lock()
	answer, ok := s.tokens[token]
	s.mu.Unlock()
	if !ok {
		answer = Claims{"active": false}
	}
	write(w, answer)
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
