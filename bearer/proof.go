package bearer

import (
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// Proofs checks DPoP proofs that come without an access token, as they do at an
// authorization server (RFC 9449 §5). It is safe for concurrent use.
type Proofs struct{ d *dpop }

// NewProofs checks cfg, whose Base is needed, and returns a Proofs. now may be nil.
func NewProofs(cfg DPoPConfig, now func() time.Time) (*Proofs, error) {
	if now == nil {
		now = time.Now
	}
	d, err := newDPoP(cfg, "", now)
	return &Proofs{d}, err
}

// Thumbprint checks the request's one proof and returns the SHA-256 thumbprint of
// its key (RFC 7638), to bind a token to. It returns an *Error for a proof that is
// missing or wrong, and any other error when that cannot be known.
func (p *Proofs) Thumbprint(r *http.Request) (string, error) { return p.d.prove(r, "", "") }

// Nonce returns the value for the DPoP-Nonce header of an answer, or "" when no
// nonces are asked for.
func (p *Proofs) Nonce() string {
	if !p.d.cfg.Nonces {
		return ""
	}
	return p.d.nonce()
}

// ClientCertificates finds the certificates with which callers have come. It is
// safe for concurrent use.
type ClientCertificates struct{ c *certificates }

// NewClientCertificates checks cfg and returns a ClientCertificates.
func NewClientCertificates(cfg CertificateConfig) (*ClientCertificates, error) {
	c, err := newCertificates(cfg)
	return &ClientCertificates{c}, err
}

// Of returns the certificate whose key the caller has proved to hold, followed by
// those that he sent to link it to an authority; nothing when he came without one.
// Nobody has checked who signed it.
func (c *ClientCertificates) Of(r *http.Request) ([]*x509.Certificate, error) {
	der := c.c.of(r)
	if der == nil {
		return nil, nil
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 && string(r.TLS.PeerCertificates[0].Raw) == string(der) {
		return r.TLS.PeerCertificates, nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errors.New("the client's certificate cannot be read")
	}
	return []*x509.Certificate{cert}, nil
}
