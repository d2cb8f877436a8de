package sluice

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/origin"
)

// TLSConfig is how the server speaks TLS, and how it learns of its callers'
// certificates (RFC 8705).
type TLSConfig struct {
	// Certificate and Key are PEM files; with both the server speaks https itself.
	// sluice.tls.certificate, sluice.tls.key. Default: http, for a proxy in front.
	Certificate, Key string
	// ClientCertificates asks callers for a certificate; none is needed to connect.
	// sluice.tls.client-certificates. Default false.
	ClientCertificates bool
	// ClientCertificatesAddr is a second address to listen on, which alone asks for
	// certificates then: browsers that come to Config.Addr show nobody a choice of them.
	// sluice.tls.client-certificates-addr. Default none.
	ClientCertificatesAddr string
	// ClientCertificatesURL is how clients reach it, or a proxy that asks for
	// certificates; the metadata tells them (RFC 8705 §5).
	// sluice.tls.client-certificates-url. Default none.
	ClientCertificatesURL string
	// ClientCA is a PEM file of the authorities that sign the certificates of clients
	// registered for tls_client_auth. sluice.tls.client-ca. Default none.
	ClientCA string
	// ClientCertificateHeader is where a proxy that ends TLS puts the caller's
	// certificate; from others than Config.TrustedProxies it is ignored.
	// sluice.tls.client-certificate-header. Default none.
	ClientCertificateHeader string
}

func (c Config) validateTLS(p *problems) {
	t := c.TLS
	p.add((t.Certificate == "") != (t.Key == ""), "sluice.tls.certificate", "it and sluice.tls.key go together")
	p.add(t.ClientCertificates && t.Certificate == "", "sluice.tls.client-certificates", "only a server with sluice.tls.certificate can ask for certificates")
	t.validateOwnAddress(p)
	p.add(t.ClientCertificateHeader != "" && len(c.TrustedProxies) == 0, "sluice.tls.client-certificate-header",
		"sluice.trusted-proxies is needed with it: from others than known proxies the header proves nothing")
	_, err := origin.Prefixes(c.TrustedProxies)
	p.add(err != nil, "sluice.trusted-proxies", "%v", err)
	if t.Certificate != "" && t.Key != "" {
		_, err := t.listener(t.ClientCertificates)
		p.add(err != nil, "sluice.tls.certificate", "%v", err)
	}
	_, err = t.authorities()
	p.add(err != nil, "sluice.tls.client-ca", "%v", err)
}

// validateOwnAddress checks where certificates alone are asked for.
func (t TLSConfig) validateOwnAddress(p *problems) {
	p.add(t.ClientCertificatesAddr != "" && !t.ClientCertificates, "sluice.tls.client-certificates-addr", "sluice.tls.client-certificates is needed with it")
	p.add(t.ClientCertificatesAddr != "" && t.ClientCertificatesURL == "", "sluice.tls.client-certificates-url",
		"it is needed with sluice.tls.client-certificates-addr: else no client knows where to call")
	if t.ClientCertificatesURL == "" {
		return
	}
	u, err := url.Parse(t.ClientCertificatesURL)
	p.add(err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(t.ClientCertificatesURL, "/"),
		"sluice.tls.client-certificates-url", "it must be https without query, fragment or slash at the end")
	p.add(!t.ClientCertificates && t.ClientCertificateHeader == "", "sluice.tls.client-certificates-url", "nobody asks for certificates")
}

// certificates says where callers' certificates are found.
func (c Config) certificates() bearer.CertificateConfig {
	if c.TLS.ClientCertificateHeader == "" {
		return bearer.CertificateConfig{}
	}
	return bearer.CertificateConfig{Header: http.CanonicalHeaderKey(c.TLS.ClientCertificateHeader), Proxies: c.TrustedProxies}
}

// listener returns what the server speaks TLS with; nil means that it does not. Who
// signed a caller's certificate is looked at where it matters, not when he connects.
func (t TLSConfig) listener(asks bool) (*tls.Config, error) {
	if t.Certificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(t.Certificate, t.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate and its key: %w", err)
	}
	settings := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	if asks {
		settings.ClientAuth = tls.RequestClientCert
	}
	return settings, nil
}

// authorities reads ClientCA; nil means that nobody signs for clients.
func (t TLSConfig) authorities() (*x509.CertPool, error) {
	if t.ClientCA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(t.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("reading the authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("the file holds no certificate in PEM form")
	}
	return pool, nil
}
