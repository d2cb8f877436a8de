package bearertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Claims are the members of a JWT.
type Claims map[string]any

// Key is a key pair that signs.
type Key struct {
	// ID is the "kid".
	ID string

	t       testing.TB
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

// NewKey makes a key for an algorithm: ES256, ES384, RS256, PS256 or EdDSA.
func NewKey(t testing.TB, algorithm string) *Key {
	t.Helper()
	k := &Key{ID: rand.Text()[:8], t: t, alg: jose.SignatureAlgorithm(algorithm)}
	var err error
	switch k.alg {
	case jose.ES256:
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		k.private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.RS256, jose.PS256:
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.EdDSA:
		_, k.private, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("bearertest: no key for the algorithm %q", algorithm)
	}
	if err != nil {
		t.Fatal("bearertest: making a key:", err)
	}
	return k
}

func (k *Key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.ID, Algorithm: string(k.alg), Use: "sig"}
}

// Thumbprint is the key's "jkt" (RFC 7638, SHA-256).
func (k *Key) Thumbprint() string {
	k.t.Helper()
	jwk := k.public()
	sum, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		k.t.Fatal("bearertest: thumbprint:", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// JWKS is the JWK Set that publishes the keys.
func JWKS(keys ...*Key) []byte {
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, k.public())
	}
	text, err := json.Marshal(set)
	if err != nil {
		panic("bearertest: writing a JWK Set: " + err.Error())
	}
	return text
}

// Sign makes a JWT of any kind; header members win over those that the key sets.
func (k *Key) Sign(header, claims Claims) string {
	k.t.Helper()
	options := &jose.SignerOptions{ExtraHeaders: map[jose.HeaderKey]any{"kid": k.ID}}
	for name, value := range header {
		options.ExtraHeaders[jose.HeaderKey(name)] = value
		if value == nil {
			delete(options.ExtraHeaders, jose.HeaderKey(name))
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.private}, options)
	if err != nil {
		k.t.Fatal("bearertest: signing:", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		k.t.Fatal("bearertest: signing:", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		k.t.Fatal("bearertest: signing:", err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		k.t.Fatal("bearertest: signing:", err)
	}
	return text
}

// AccessToken makes an access token (RFC 9068). It is good for five minutes unless
// the claims say otherwise; a claim that is nil is left out.
func (k *Key) AccessToken(claims Claims) string {
	k.t.Helper()
	now := time.Now()
	all := Claims{"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text(), "sub": "1", "client_id": "client"}
	merge(all, claims)
	return k.Sign(Claims{"typ": "at+jwt"}, all)
}

func merge(into, from Claims) {
	for name, value := range from {
		into[name] = value
		if value == nil {
			delete(into, name)
		}
	}
}

// Proof makes a DPoP proof for a request to address with token (RFC 9449 §4.2);
// changes replace its claims, nil leaves one out.
func (k *Key) Proof(method, address, token string, changes Claims) string {
	k.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		k.t.Fatal("bearertest: proof:", err)
	}
	u.RawQuery, u.Fragment = "", ""
	sum := sha256.Sum256([]byte(token))
	claims := Claims{"jti": rand.Text(), "htm": method, "htu": u.String(), "iat": time.Now().Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(sum[:])}
	merge(claims, changes)
	return k.Sign(Claims{"typ": "dpop+jwt", "jwk": jose.JSONWebKey{Key: k.private.Public()}, "kid": nil}, claims)
}

// Prove sets a request's Authorization and DPoP headers; the request's URL must be
// the whole address.
func (k *Key) Prove(r *http.Request, token string) {
	k.t.Helper()
	r.Header.Set("Authorization", "DPoP "+token)
	r.Header.Set("DPoP", k.Proof(r.Method, r.URL.String(), token, nil))
}
