package bearer

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// CertificateConfig takes tokens that are bound to the caller's TLS client
// certificate (RFC 8705 §3). The zero value looks at the connection itself; its
// server must ask for a certificate (tls.RequestClientCert or stricter). Who
// signed the certificate does not matter here: holding its key is the proof.
type CertificateConfig struct {
	// Header is where a proxy that ends TLS puts the caller's certificate: as
	// RFC 9440 says (:base64:), as base64, or as percent-encoded PEM (nginx
	// $ssl_client_escaped_cert). Empty means that there is none.
	Header string
	// Proxies are the addresses of such proxies, as CIDR ("10.0.0.0/8") or single
	// addresses. The header counts from them alone and is ignored from everybody
	// else. Needed with Header.
	Proxies []string
}

// certificates is the checked configuration.
type certificates struct {
	header  string
	proxies []netip.Prefix
}

func newCertificates(cfg CertificateConfig) (*certificates, error) {
	var problems []error
	c := &certificates{header: http.CanonicalHeaderKey(cfg.Header)}
	if (cfg.Header == "") != (len(cfg.Proxies) == 0) {
		problems = append(problems, errors.New("bearer: CertificateConfig needs both Header and Proxies, or neither"))
	}
	for _, text := range cfg.Proxies {
		prefix, err := netip.ParsePrefix(text)
		if addr, single := netip.ParseAddr(text); single == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || prefix.Bits() == 0 {
			problems = append(problems, fmt.Errorf("bearer: CertificateConfig.Proxies: %q is no address range, or it holds every address", text))
		}
		c.proxies = append(c.proxies, prefix)
	}
	return c, errors.Join(problems...)
}

// holdsCertificate checks that the request came with the certificate.
func (s *Server) holdsCertificate(r *http.Request, thumbprint string) error {
	if s.certs == nil {
		return errUnknownBond
	}
	der := s.certs.of(r)
	if der == nil {
		return errNoCertificate
	}
	sum := sha256.Sum256(der)
	if !same(base64.RawURLEncoding.EncodeToString(sum[:]), thumbprint) {
		return errOtherCert
	}
	return nil
}

// of returns the caller's certificate, or nil. From a proxy only its header
// counts: the connection's certificate would be the proxy's own.
func (c *certificates) of(r *http.Request) []byte {
	if c.fromProxy(r.RemoteAddr) {
		values := r.Header[c.header]
		if len(values) != 1 {
			return nil
		}
		return readCertificate(values[0])
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0].Raw
}

func (c *certificates) fromProxy(remote string) bool {
	addr, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	for _, p := range c.proxies {
		if p.Contains(addr.Addr().Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// maxCertificate is longer than any client certificate in a header.
const maxCertificate = 16 << 10

// readCertificate reads a certificate out of a proxy's header, or returns nil.
func readCertificate(text string) []byte {
	if len(text) > maxCertificate {
		return nil
	}
	der := []byte(nil)
	if strings.HasPrefix(text, "-----BEGIN") {
		if text, err := url.PathUnescape(text); err == nil {
			if block, _ := pem.Decode([]byte(text)); block != nil && block.Type == "CERTIFICATE" {
				der = block.Bytes
			}
		}
	} else {
		if strings.HasPrefix(text, ":") && strings.HasSuffix(text, ":") {
			text = strings.Trim(text, ":")
		}
		der, _ = base64.StdEncoding.DecodeString(text)
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return nil
	}
	return der
}
