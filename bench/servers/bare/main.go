// Command bare is what net/http alone reaches: a handler over a map that answers
// the same bytes as an authorization server and checks no more than it must to give
// the right ones; id_tokens are signed, since no server can do without. It is the
// ceiling of the machine for what Go programs are asked here, not a server to use.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// idToken is signed as the client wants it.
func (s *store) idToken(id, nonce string) string {
	algorithm := "RS256"
	if id == "es256" {
		algorithm = "ES256"
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+algorithm+`","kid":"k","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"http://127.0.0.1","sub":"1","aud":"`+id+`","nonce":"`+nonce+
			`","sid":"0123456789abcdef","exp":1900000000,"iat":1800000000,"auth_time":1800000000}`))
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	if algorithm == "ES256" {
		signature = make([]byte, 64)
		var x, y *big.Int
		if x, y, err = ecdsa.Sign(rand.Reader, s.curve, sum[:]); err == nil {
			x.FillBytes(signature[:32])
			y.FillBytes(signature[32:])
		}
	} else {
		signature, err = rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	}
	if err != nil {
		panic(err) // no input leads there
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

type store struct {
	key    *rsa.PrivateKey
	curve  *ecdsa.PrivateKey
	mu     sync.RWMutex
	tokens map[string]string // to the client
	codes  map[string]string
}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		log.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	s := &store{key: key, curve: curve, tokens: map[string]string{}, codes: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /introspect", s.introspect)
	server := &http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// authorize takes every browser for one that has signed in.
func (s *store) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	s.mu.Lock()
	s.codes[code] = q.Get("client_id")
	s.mu.Unlock()
	w.Header().Set("Location", q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

func (s *store) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	if secret != "load-secret" || r.ParseForm() != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	more, token, code := "", "bare_"+rand.Text()+rand.Text(), r.PostForm.Get("code")
	s.mu.Lock()
	if code != "" {
		id = s.codes[code]
		delete(s.codes, code)
	}
	s.tokens[token] = id
	s.mu.Unlock()
	if code != "" {
		more = `,"id_token":"` + s.idToken(id, code) + `"`
	}
	if id == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer(w, `{"access_token":"`+token+`","token_type":"Bearer","expires_in":3600,"scope":"openid read"`+more+`}`)
}

func (s *store) introspect(w http.ResponseWriter, r *http.Request) {
	_, secret, _ := r.BasicAuth()
	if secret != "load-secret" || r.ParseForm() != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.mu.RLock()
	id, ok := s.tokens[r.PostForm.Get("token")]
	s.mu.RUnlock()
	if !ok {
		answer(w, `{"active":false}`)
		return
	}
	answer(w, `{"active":true,"client_id":"`+id+`","sub":"1","username":"kermit@example.com","scope":"openid read",`+
		`"token_type":"Bearer","exp":1900000000,"iat":1800000000,"iss":"http://127.0.0.1","aud":"http://127.0.0.1/activiti-app"}`)
}

func answer(w http.ResponseWriter, body string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, body)
}
