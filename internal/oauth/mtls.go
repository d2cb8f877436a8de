package oauth

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// proveByCertificate is tls_client_auth and self_signed_tls_client_auth (RFC 8705
// §2). TLS itself, or the proxy in front, has proved that the caller holds the
// certificate's key.
func (s *Service) proveByCertificate(ctx context.Context, r *http.Request, c *Client) error {
	chain, err := s.certs.Of(r)
	if err != nil || len(chain) == 0 {
		return invalidClient(false)
	}
	if c.AuthMethod == authTLS {
		if !s.signedByCA(chain) || !c.namedBy(chain[0]) {
			return invalidClient(false)
		}
		return nil
	}
	keys, err := s.clientKeys(ctx, c, "")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool { return holds(k, chain[0]) }) {
		return invalidClient(false)
	}
	return nil
}

// signedByCA reports whether a configured authority has signed the certificate for
// a client, and it has not expired.
func (s *Service) signedByCA(chain []*x509.Certificate) bool {
	if s.cfg.ClientCAs == nil {
		return false
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{Roots: s.cfg.ClientCAs, Intermediates: between, CurrentTime: s.now(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err == nil
}

// namedBy reports whether the certificate has the one name that the client is
// registered under (RFC 8705 §2.1.2).
func (c *Client) namedBy(cert *x509.Certificate) bool {
	switch {
	case c.TLSSubjectDN != "":
		return cert.Subject.String() == c.TLSSubjectDN
	case c.TLSDNS != "":
		return slices.Contains(cert.DNSNames, c.TLSDNS)
	case c.TLSEmail != "":
		return slices.Contains(cert.EmailAddresses, c.TLSEmail)
	case c.TLSIP != "":
		want := net.ParseIP(c.TLSIP)
		return want != nil && slices.ContainsFunc(cert.IPAddresses, want.Equal)
	case c.TLSURI != "":
		for _, u := range cert.URIs {
			if u.String() == c.TLSURI {
				return true
			}
		}
	}
	return false
}

// holds reports whether a registered key is the certificate's: the certificate
// itself when the registration has it (x5c), or else its key.
func holds(k jose.JSONWebKey, cert *x509.Certificate) bool {
	if len(k.Certificates) > 0 {
		return k.Certificates[0].Equal(cert)
	}
	key, ok := k.Key.(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && key.Equal(cert.PublicKey)
}

// certificatePrint is the thumbprint that tokens are bound by (RFC 8705 §3.1), or
// "" when the request came without a certificate.
func (s *Service) certificatePrint(r *http.Request) string {
	chain, err := s.certs.Of(r)
	if err != nil || len(chain) == 0 {
		return ""
	}
	sum := sha256.Sum256(chain[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
