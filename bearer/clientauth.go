package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// ClientAuth is how this program proves to the authorization server who it is.
type ClientAuth uint8

// The ways of RFC 6749 §2.3, RFC 7523 and RFC 8705.
const (
	// Basic sends ClientID and ClientSecret by HTTP Basic.
	Basic ClientAuth = iota
	// Body sends both in the form, for servers that know no other way.
	Body
	// PrivateKeyJWT signs an assertion with Key (RFC 7523 §2.2).
	PrivateKeyJWT
	// Certificate sends ClientID in the form over a TLS connection that TLS has a
	// client certificate for (RFC 8705 §2).
	Certificate
	// Anonymous sends nothing, for an endpoint that is protected otherwise.
	Anonymous
)

// ClientKey signs the assertions of PrivateKeyJWT.
type ClientKey struct {
	// Key is an *rsa.PrivateKey (RS256), *ecdsa.PrivateKey (ES256, ES384, ES512 by
	// its curve) or ed25519.PrivateKey (EdDSA). Needed.
	Key crypto.Signer
	// ID is the "kid". Empty means none.
	ID string
	// Audience is the "aud" of the assertion, which the server must know as its own.
	// Empty means the endpoint's URL; the server's issuer is the better one.
	Audience string
}

func (k *ClientKey) algorithm() (jose.SignatureAlgorithm, error) {
	switch key := k.Key.(type) {
	case *rsa.PrivateKey:
		if key.N.BitLen() >= 2048 {
			return jose.RS256, nil
		}
	case *ecdsa.PrivateKey:
		switch key.Curve.Params().BitSize {
		case 256:
			return jose.ES256, nil
		case 384:
			return jose.ES384, nil
		case 521:
			return jose.ES512, nil
		}
	case ed25519.PrivateKey:
		return jose.EdDSA, nil
	}
	return "", errors.New("bearer: ClientKey.Key must be an RSA key of 2048 bits or more, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key")
}

// signer makes assertions for a client.
type signer struct {
	jose.Signer
	clientID, audience string
}

func newSigner(clientID, address string, k *ClientKey) (*signer, error) {
	alg, err := k.algorithm()
	if err != nil {
		return nil, err
	}
	options := (&jose.SignerOptions{}).WithType("JWT")
	if k.ID != "" {
		options.WithHeader("kid", k.ID)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: k.Key}, options)
	if err != nil {
		return nil, fmt.Errorf("bearer: ClientKey: %w", err)
	}
	audience := k.Audience
	if audience == "" {
		audience = address
	}
	return &signer{s, clientID, audience}, nil
}

// assertion is good for a minute and for one use (RFC 7523 §3).
func (s *signer) assertion(now time.Time) (string, error) {
	payload, err := json.Marshal(map[string]any{"iss": s.clientID, "sub": s.clientID, "aud": s.audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
	if err != nil {
		return "", err
	}
	signed, err := s.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// basic is the header of HTTP Basic, form-encoded first as RFC 6749 §2.3.1 says.
func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

// identify adds what proves who asks.
func (i *Introspection) identify(h http.Header, form url.Values) error {
	switch i.Auth {
	case Basic:
		h.Set("Authorization", i.basic)
	case Body:
		form.Set("client_id", i.ClientID)
		form.Set("client_secret", i.ClientSecret)
	case Certificate:
		form.Set("client_id", i.ClientID)
	case PrivateKeyJWT:
		assertion, err := i.signer.assertion(i.now())
		if err != nil {
			return errors.New("introspection: the client assertion cannot be signed")
		}
		form.Set("client_id", i.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	return nil
}
