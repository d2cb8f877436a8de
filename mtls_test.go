package sluice_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
)

// certificate writes a self-signed certificate and its key into files.
func certificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// freeAddr is an address on this machine that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// RFC 8705 §5: certificates are asked for at an address of their own, and the metadata
// tells clients that address; nobody is asked at the other one.
func TestCertificatesAreAskedForElsewhere(t *testing.T) {
	t.Parallel()
	cfg := sluice.DefaultConfig()
	cfg.Data, cfg.Addr = t.TempDir(), freeAddr(t)
	cfg.Issuer = "https://" + cfg.Addr
	cfg.TLS.Certificate, cfg.TLS.Key = certificate(t)
	cfg.TLS.ClientCertificates, cfg.TLS.ClientCertificatesAddr = true, freeAddr(t)
	cfg.TLS.ClientCertificatesURL = "https://" + cfg.TLS.ClientCertificatesAddr
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- sluice.Run(ctx, cfg, func(context.Context, *sluice.Server) error { close(ready); return nil }, sluice.WithLog(slog.New(slog.DiscardHandler)))
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
	get := func(base string) (asked bool, metadata map[string]any) {
		t.Helper()
		transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				asked = true
				return &tls.Certificate{}, nil
			}}}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/.well-known/oauth-authorization-server", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if err := json.NewDecoder(resp.Body).Decode(&metadata); err != nil {
			t.Fatal(err)
		}
		return asked, metadata
	}
	asked, metadata := get(cfg.Issuer)
	aliases, _ := metadata["mtls_endpoint_aliases"].(map[string]any)
	if asked || aliases["token_endpoint"] != cfg.TLS.ClientCertificatesURL+"/oauth/token" || len(aliases) != 6 || metadata["token_endpoint"] != cfg.Issuer+"/oauth/token" {
		t.Errorf("asked: %t, %v", asked, metadata)
	}
	if asked, _ := get(cfg.TLS.ClientCertificatesURL); !asked {
		t.Error("nobody is asked at the address for it")
	}
}

// Each mistake about that address is told at start.
func TestAddressForCertificatesIsChecked(t *testing.T) {
	t.Parallel()
	pem, key := certificate(t)
	for name, change := range map[string]func(*sluice.TLSConfig){
		"client-certificates is needed": func(c *sluice.TLSConfig) { c.ClientCertificates = false },
		"no client knows where":         func(c *sluice.TLSConfig) { c.ClientCertificatesURL = "" },
		"it must be https":              func(c *sluice.TLSConfig) { c.ClientCertificatesURL = "http://mtls.example.com" },
		"slash at the end":              func(c *sluice.TLSConfig) { c.ClientCertificatesURL += "/" },
		"nobody asks":                   func(c *sluice.TLSConfig) { c.ClientCertificates, c.ClientCertificatesAddr = false, "" },
		"":                              func(*sluice.TLSConfig) {},
	} {
		cfg := sluice.DefaultConfig()
		cfg.TLS = sluice.TLSConfig{Certificate: pem, Key: key, ClientCertificates: true, ClientCertificatesAddr: "127.0.0.1:0", ClientCertificatesURL: "https://mtls.example.com"}
		change(&cfg.TLS)
		if err := cfg.Validate(); (err == nil) != (name == "") || (err != nil && !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
