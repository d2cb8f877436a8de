package sluice

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/bearer"
)

// BearerConfig is how API calls are checked.
type BearerConfig struct {
	// Enabled is whether OAuth 2 is the way to call the API. When false, HTTP Basic
	// is on and CheckToken is not used; tokens of this very server go on working.
	// security.oauth2.authentication.enabled. Default true.
	Enabled bool
	// CheckToken is the introspection endpoint of another authorization server;
	// empty means this server. security.oauth2.client.checkToken.
	CheckToken string
	// ClientID and ClientSecret authenticate at CheckToken.
	// security.oauth2.client.clientId, security.oauth2.client.clientSecret.
	ClientID, ClientSecret string
	// Dialect is how CheckToken is asked and answers: rfc7662, spring, any (either of
	// these), tokeninfo or userinfo. security.oauth2.client.dialect. Default any.
	Dialect string
	// AuthMethod is how this server proves itself at CheckToken:
	// client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or
	// none. security.oauth2.client.authMethod. Default client_secret_basic; none for
	// the dialect userinfo.
	AuthMethod string
	// PrivateKey is PEM (PKCS #8) and Certificate PEM, for private_key_jwt and
	// tls_client_auth; KeyID is the "kid" of private_key_jwt.
	// security.oauth2.client.privateKey, security.oauth2.client.certificate,
	// security.oauth2.client.keyId.
	PrivateKey, Certificate, KeyID string
	// UsernameAttributes are the members of CheckToken's answer that may name the
	// user; the first one present counts. security.oauth2.client.usernameAttribute,
	// with commas. Empty means username, then user_name.
	UsernameAttributes []string
	// InsecureIntrospection allows CheckToken, Override and the JWT issuers to be
	// plain http to another host.
	// sluice.insecure-introspection. Default false.
	InsecureIntrospection bool
	// Audience must be in the audience of tokens that CheckToken, Override or a
	// program's own validator vouch for. security.oauth2.audience. Empty means that
	// it is not looked at, since many servers do not say; tokens of this server must
	// always be meant for it.
	Audience string
	// JWT checks signed tokens of other issuers here.
	JWT JWTConfig
	// Revocations are pushed by another authorization server.
	Revocations RevocationsConfig
	// Override leaves the whole decision to an endpoint of the operator's own.
	Override OverrideConfig
	// DPoPRequired refuses tokens that are not bound to a key of the caller's (RFC
	// 9449). security.oauth2.dpop.required. Default false: both kinds are taken.
	DPoPRequired bool
	// DPoPNonces makes callers put a value of this server's into their proofs (RFC
	// 9449 §9). security.oauth2.dpop.nonces. Default false.
	DPoPNonces bool
	// DPoPMemory says who remembers which proofs were used: "shared" is the database,
	// for every process on it and across restarts, at the price of a write for each
	// request; "process" is each process for itself. security.oauth2.dpop.memory.
	// Empty means shared on PostgreSQL and process on SQLite.
	DPoPMemory string
	// SignIn lets people sign in at another authorization server.
	SignIn SignInConfig
	// BasicAuth says whether HTTP Basic works; nil means exactly when Enabled is
	// false. security.oauth2.basicAuth.enabled.
	BasicAuth *bool
}

// Basic reports whether HTTP Basic works at the API.
func (b BearerConfig) Basic() bool {
	if b.BasicAuth != nil {
		return *b.BasicAuth
	}
	return !b.Enabled
}

// JWTConfig is how signed tokens (RFC 9068) of other issuers are checked here,
// beside the ones of this server or of CheckToken.
type JWTConfig struct {
	// Issuers are the "iss" of tokens that are checked so, byte for byte.
	// security.oauth2.jwt.issuers, with commas. Empty means none.
	Issuers []string
	// JWKS are the addresses of the issuers' keys in the same order, or files that
	// hold them. security.oauth2.jwt.jwks, with commas. Empty means that each is
	// found by its issuer's metadata.
	JWKS []string
	// Audience must be in the tokens' audience. security.oauth2.jwt.audience. Empty
	// means this API's own name, sluice.issuer with /activiti-app behind it.
	Audience string
	// Algorithms are accepted. security.oauth2.jwt.algorithms, with commas. Empty
	// means RS256, PS256, ES256 and EdDSA.
	Algorithms []string
	// AnyType accepts tokens that do not say in their head that they are access
	// tokens, as issuers before RFC 9068 make them. security.oauth2.jwt.any-type.
	// Default false.
	AnyType bool
}

// RevocationsConfig is the authorization server that tells this one at once what it
// has ended, at /management/revocations (see bearer.RevocationReceiver). Without it,
// answers of CheckToken are used for up to 30 seconds.
type RevocationsConfig struct {
	// Issuer is that server. security.oauth2.revocations.issuer. Empty means none.
	Issuer string
	// JWKS is the address of its keys. security.oauth2.revocations.jwks. Empty means
	// that they are found by its metadata.
	JWKS string
	// Audience is this server's address as it stands in that server's
	// sluice.oauth.revocation-receivers. security.oauth2.revocations.audience. Empty
	// means sluice.issuer with /management/revocations behind it.
	Audience string
}

// OverrideConfig replaces the check of tokens by an endpoint of the operator's own;
// see bearer.HTTPValidator for what it reads and answers.
type OverrideConfig struct {
	// URL is the endpoint. security.oauth2.override.url. Empty means none. When it
	// is set, CheckToken and JWT are not used, and tokens of this server count only
	// if the endpoint says so.
	URL string
	// Headers are the request headers that it sees. security.oauth2.override.headers,
	// with commas.
	Headers []string
	// ClientID and ClientSecret authenticate there by HTTP Basic; empty means that
	// no credentials are sent. security.oauth2.override.clientId,
	// security.oauth2.override.clientSecret.
	ClientID, ClientSecret string
	// TokenOnly sends nothing but the token and remembers the answers as those of
	// CheckToken. security.oauth2.override.token-only. Default false.
	TokenOnly bool
}

// elsewhere reports whether somebody else than this server vouches for tokens.
func (b BearerConfig) elsewhere() bool {
	return b.Enabled && (b.CheckToken != "" || b.Override.URL != "" || len(b.JWT.Issuers) > 0)
}

// Who remembers which DPoP proofs were used.
const (
	dpopShared  = "shared"
	dpopProcess = "process"
)

func (c Config) validateBearer(p *problems) {
	b := c.Bearer
	p.add(!slices.Contains([]string{"", dpopShared, dpopProcess}, b.DPoPMemory), "security.oauth2.dpop.memory", "%q is neither shared nor process", b.DPoPMemory)
	if !b.Enabled {
		return
	}
	if b.CheckToken != "" {
		b.validateCheckToken(p)
	}
	b.validateSignIn(p)
	b.validateJWT(p)
	b.validateOverride(p)
	const key = "security.oauth2.revocations."
	if b.Revocations.Issuer != "" {
		b.validateAddress(p, key+"issuer", b.Revocations.Issuer)
	}
	if b.Revocations.JWKS != "" {
		b.validateAddress(p, key+"jwks", b.Revocations.JWKS)
	}
	p.add(b.Revocations.Issuer == "" && b.Revocations != RevocationsConfig{}, key+"issuer", "it is needed with the other settings of that name")
}

// dialects are the values of security.oauth2.client.dialect.
var dialects = map[string]bearer.Dialect{"": bearer.AnyIntrospection, "any": bearer.AnyIntrospection, "rfc7662": bearer.RFC7662,
	"spring": bearer.CheckToken, "tokeninfo": bearer.TokenInfo, "userinfo": bearer.UserInfo}

// authMethods are the values of security.oauth2.client.authMethod, as RFC 7591 §2
// and RFC 8705 name them.
var authMethods = map[string]bearer.ClientAuth{"": bearer.Basic, "client_secret_basic": bearer.Basic, "client_secret_post": bearer.Body,
	"private_key_jwt": bearer.PrivateKeyJWT, "tls_client_auth": bearer.Certificate, "none": bearer.Anonymous}

func (b BearerConfig) validateCheckToken(p *problems) {
	const key = "security.oauth2.client."
	b.validateAddress(p, key+"checkToken", b.CheckToken)
	dialect, known := dialects[b.Dialect]
	p.add(!known, key+"dialect", "%q is not any, rfc7662, spring, tokeninfo or userinfo", b.Dialect)
	auth, known := authMethods[b.AuthMethod]
	p.add(!known, key+"authMethod", "%q is not client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth or none", b.AuthMethod)
	p.add(dialect == bearer.TokenInfo && b.Audience == "", "security.oauth2.audience",
		"it is needed with the dialect tokeninfo, or tokens that other programs were given would work here")
	if auth == bearer.Anonymous || dialect == bearer.UserInfo {
		p.add(dialect == bearer.UserInfo && b.AuthMethod != "" && b.AuthMethod != "none", key+"authMethod", "userinfo is asked with the token alone")
		return
	}
	p.add(b.ClientID == "", key+"clientId", "it is needed with checkToken")
	if auth == bearer.Basic || auth == bearer.Body {
		p.add(b.ClientSecret == "", key+"clientSecret", "it is needed with checkToken and must not be empty")
		return
	}
	_, err := b.introspection()
	p.add(err != nil, key+"privateKey", "%v", err)
}

// introspection is the question to CheckToken.
func (b BearerConfig) introspection() (*bearer.Introspection, error) {
	i := &bearer.Introspection{URL: b.CheckToken, Dialect: dialects[b.Dialect], Auth: authMethods[b.AuthMethod], ClientID: b.ClientID,
		ClientSecret: b.ClientSecret, UsernameMembers: b.UsernameAttributes, InsecureHTTP: b.InsecureIntrospection}
	switch i.Auth {
	case bearer.PrivateKeyJWT:
		signer, err := readSigner(b.PrivateKey)
		if err != nil {
			return nil, err
		}
		i.ClientSecret, i.Key = "", &bearer.ClientKey{Key: signer, ID: b.KeyID}
	case bearer.Certificate:
		pair, err := tls.X509KeyPair([]byte(b.Certificate), []byte(b.PrivateKey))
		if err != nil {
			return nil, errors.New("certificate and privateKey must be PEM and belong together")
		}
		i.ClientSecret, i.TLS = "", &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	return i, i.Check()
}

// readSigner reads a private key; its text appears in no error.
func readSigner(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it must be a private key in PEM (PKCS #8)")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it must be a private key in PEM (PKCS #8)")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("it is a private key of a kind that cannot sign")
	}
	return signer, nil
}

// validateAddress checks where tokens are sent to, or keys fetched from.
func (b BearerConfig) validateAddress(p *problems, key, address string) {
	host, bad, open := checkEndpoint(address)
	p.add(bad, key, "%q must be an http(s) URL without user and fragment", address)
	p.add(open && !b.InsecureIntrospection, key,
		"tokens, secrets or keys would cross the network in the clear to %s; use https, or set sluice.insecure-introspection=true", host)
}

func (b BearerConfig) validateJWT(p *problems) {
	const key = "security.oauth2.jwt."
	for i, issuer := range b.JWT.Issuers {
		p.add(slices.Contains(b.JWT.Issuers[:i], issuer), key+"issuers", "%q is there twice", issuer)
		if len(b.JWT.JWKS) == 0 {
			b.validateAddress(p, key+"issuers", issuer)
		}
	}
	p.add(len(b.JWT.JWKS) != 0 && len(b.JWT.JWKS) != len(b.JWT.Issuers), key+"jwks", "%d addresses for %d issuers; name one for each, or none",
		len(b.JWT.JWKS), len(b.JWT.Issuers))
	for _, where := range b.JWT.JWKS {
		if strings.Contains(where, "://") {
			b.validateAddress(p, key+"jwks", where)
			continue
		}
		_, err := os.Stat(where)
		p.add(err != nil, key+"jwks", "%q is neither an address nor a file that can be read", where)
	}
	for _, issuer := range b.JWT.Issuers {
		_, err := bearer.NewJWT(bearer.JWTConfig{Issuer: issuer, Audience: "any", JWKS: "https://localhost", Algorithms: b.JWT.Algorithms})
		p.add(err != nil, key+"algorithms", "%v", err)
		return // the same algorithms for all
	}
}

func (b BearerConfig) validateOverride(p *problems) {
	const key = "security.oauth2.override."
	o := b.Override
	if o.URL == "" {
		p.add(len(o.Headers) > 0 || o.ClientID != "" || o.ClientSecret != "" || o.TokenOnly, key+"url", "it is needed with the other settings of that name")
		return
	}
	b.validateAddress(p, key+"url", o.URL)
	p.add((o.ClientID == "") != (o.ClientSecret == ""), key+"clientId", "it needs clientSecret, and clientSecret needs it")
	p.add(o.TokenOnly && len(o.Headers) > 0, key+"headers", "with token-only no header is sent")
	_, err := bearer.NewHTTPValidator(bearer.HTTPConfig{URL: "https://localhost", Headers: o.Headers})
	p.add(err != nil, key+"headers", "%v", err)
}
