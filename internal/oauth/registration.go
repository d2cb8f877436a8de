package oauth

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Metadata is what a client registers beyond the basics. The JSON names are those
// of RFC 7591 §2, OpenID Connect Registration §2 and the specifications that add
// to them; a zero value is left out and means the default.
type Metadata struct {
	// AuthMethod is the one way in which the client authenticates
	// (token_endpoint_auth_method): client_secret_basic, client_secret_post, none,
	// private_key_jwt, tls_client_auth or self_signed_tls_client_auth. Empty means
	// either of the first two for a client with a secret.
	AuthMethod string `json:"token_endpoint_auth_method,omitempty"`
	// AuthAlg is the one algorithm of its assertions; empty means any of ours.
	AuthAlg string `json:"token_endpoint_auth_signing_alg,omitempty"`
	// JWKS are the client's public keys (RFC 7591 §2); JWKSURI is where they are
	// instead.
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`
	// The certificate that tls_client_auth expects (RFC 8705 §2.1.2): exactly one.
	TLSSubjectDN string `json:"tls_client_auth_subject_dn,omitempty"`
	TLSDNS       string `json:"tls_client_auth_san_dns,omitempty"`
	TLSURI       string `json:"tls_client_auth_san_uri,omitempty"`
	TLSIP        string `json:"tls_client_auth_san_ip,omitempty"`
	TLSEmail     string `json:"tls_client_auth_san_email,omitempty"`

	// ResponseTypes narrows what the grants allow; empty means all of it.
	ResponseTypes []string `json:"response_types,omitempty"`
	// ApplicationType is web or native; empty means web.
	ApplicationType string `json:"application_type,omitempty"`
	// What people may want to read or see.
	ClientURI       string   `json:"client_uri,omitempty"`
	LogoURI         string   `json:"logo_uri,omitempty"`
	PolicyURI       string   `json:"policy_uri,omitempty"`
	TermsURI        string   `json:"tos_uri,omitempty"`
	Contacts        []string `json:"contacts,omitempty"`
	SoftwareID      string   `json:"software_id,omitempty"`
	SoftwareVersion string   `json:"software_version,omitempty"`

	// IDTokenAlg signs its id_tokens: RS256 or ES256; empty means RS256.
	IDTokenAlg string `json:"id_token_signed_response_alg,omitempty"`
	// AccessTokenAlg signs its access tokens when they are JWTs: RS256 or ES256; empty
	// means as the server is set.
	AccessTokenAlg string `json:"access_token_signed_response_alg,omitempty"`
	// IntrospectionAlg signs answers to its introspection (RFC 9701); empty means
	// as for id_tokens.
	IntrospectionAlg string `json:"introspection_signed_response_alg,omitempty"`
	// DefaultMaxAge is the max_age, in seconds, of requests that name none.
	DefaultMaxAge *int64 `json:"default_max_age,omitempty"`
	// DefaultACR are the acr_values of requests that name none.
	DefaultACR []string `json:"default_acr_values,omitempty"`
	// RequireAuthTime is kept; id_tokens always have auth_time.
	RequireAuthTime bool `json:"require_auth_time,omitempty"`
	// InitiateLoginURI is kept for catalogues of applications.
	InitiateLoginURI string `json:"initiate_login_uri,omitempty"`

	// PostLogoutRedirectURIs are where a browser may go after signing out.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
	// BackchannelLogoutURI is told when a user signs out; with the session's id
	// always in it when BackchannelLogoutSession.
	BackchannelLogoutURI     string `json:"backchannel_logout_uri,omitempty"`
	BackchannelLogoutSession bool   `json:"backchannel_logout_session_required,omitempty"`
	// FrontchannelLogoutURI is loaded in a frame of the page that tells a user that he is
	// signed out; always with iss and sid, as FrontchannelLogoutSession asks.
	FrontchannelLogoutURI     string `json:"frontchannel_logout_uri,omitempty"`
	FrontchannelLogoutSession bool   `json:"frontchannel_logout_session_required,omitempty"`

	// RequirePAR takes authorization requests by /oauth/par alone (RFC 9126 §6).
	RequirePAR bool `json:"require_pushed_authorization_requests,omitempty"`
	// RequireSignedRequest takes signed request objects alone (RFC 9101 §10.5).
	RequireSignedRequest bool `json:"require_signed_request_object,omitempty"`
	// RequestAlg is the one algorithm of its request objects; empty means any of
	// ours.
	RequestAlg string `json:"request_object_signing_alg,omitempty"`
	// DPoPBound refuses token requests without a DPoP proof (RFC 9449 §5.2).
	DPoPBound bool `json:"dpop_bound_access_tokens,omitempty"`
	// CertificateBound binds tokens to the client's certificate (RFC 8705 §3.4).
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	// DetailTypes are the authorization_details types it may ask for (RFC 9396 §10).
	DetailTypes []string `json:"authorization_details_types,omitempty"`

	// Resources are the other APIs it may name by resource (RFC 8707) or audience
	// (RFC 8693), besides this server's own. Our own member.
	Resources []string `json:"resources,omitempty"`
	// ExchangeFrom are the clients whose tokens it may exchange (RFC 8693); "*"
	// means all. Tokens issued to itself it may always exchange. Our own member.
	ExchangeFrom []string `json:"token_exchange_from,omitempty"`
	// AssertionIssuers are who may sign its jwt-bearer assertions about users (RFC
	// 7523 §3), with their keys. Our own member.
	AssertionIssuers []AssertionIssuer `json:"assertion_issuers,omitempty"`
	// AllowedOrigins are the origins of its pages that its redirect URIs do not show.
	// Our own member.
	AllowedOrigins []string `json:"allowed_cors_origins,omitempty"`
	// Roles are put into its own tokens' realm_access.roles. Our own member.
	Roles []string `json:"roles,omitempty"`
}

// AssertionIssuer is somebody whose signed word about a user is taken.
type AssertionIssuer struct {
	Issuer  string          `json:"iss"`
	JWKS    json.RawMessage `json:"jwks,omitempty"`
	JWKSURI string          `json:"jwks_uri,omitempty"`
}

// The ways in which a client authenticates (RFC 6749 §2.3, RFC 7523, RFC 8705).
const (
	authBasic      = "client_secret_basic"
	authPost       = "client_secret_post"
	authNone       = "none"
	authKey        = "private_key_jwt"
	authTLS        = "tls_client_auth"
	authSelfSigned = "self_signed_tls_client_auth"
)

var authMethods = []string{authBasic, authPost, authNone, authKey, authTLS, authSelfSigned}

// clientAlgorithms are what clients may sign with: assertions, request objects
// and proofs. None is symmetric (RFC 8725 §3.1).
var clientAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// byKey reports whether the client proves itself by a key instead of a secret.
func (m *Metadata) byKey() bool {
	return m.AuthMethod == authKey || m.AuthMethod == authTLS || m.AuthMethod == authSelfSigned
}

// problems adds what is wrong with the metadata.
func (m *Metadata) problems(add func(bad bool, text string)) {
	one := func(value, what string, known ...string) {
		add(value != "" && !slices.Contains(known, value), what+" must be one of "+strings.Join(known, ", "))
	}
	one(m.AuthMethod, "token_endpoint_auth_method", authMethods...)
	one(m.AuthAlg, "token_endpoint_auth_signing_alg", algorithmNames()...)
	one(m.RequestAlg, "request_object_signing_alg", algorithmNames()...)
	one(m.IDTokenAlg, "id_token_signed_response_alg", signingAlgorithms...)
	one(m.AccessTokenAlg, "access_token_signed_response_alg", signingAlgorithms...)
	one(m.IntrospectionAlg, "introspection_signed_response_alg", signingAlgorithms...)
	one(m.ApplicationType, "application_type", "web", "native")
	for _, t := range m.ResponseTypes {
		words := strings.Fields(t)
		slices.Sort(words)
		_, known := responseTypes[strings.Join(words, " ")]
		add(!known, "this server does not know the response type "+t)
	}
	add(m.DefaultMaxAge != nil && (*m.DefaultMaxAge < 0 || *m.DefaultMaxAge > int64(10*365*24*time.Hour/time.Second)), "default_max_age is a number of seconds")
	add(len(m.SoftwareID) > 200 || len(m.SoftwareVersion) > 200, "software_id and software_version have 200 characters at most")
	m.keyProblems(add)
	m.addressProblems(add)
}

func algorithmNames() []string {
	names := make([]string, len(clientAlgorithms))
	for i, a := range clientAlgorithms {
		names[i] = string(a)
	}
	return names
}

// keyProblems checks what the client proves itself with.
func (m *Metadata) keyProblems(add func(bad bool, text string)) {
	add(len(m.JWKS) > 0 && m.JWKSURI != "", "jwks and jwks_uri exclude one another (RFC 7591 §2)")
	if len(m.JWKS) > 0 {
		_, err := publicKeys(m.JWKS)
		add(err != nil, "jwks: it must be a JWK Set of public keys")
	}
	named := 0
	for _, v := range []string{m.TLSSubjectDN, m.TLSDNS, m.TLSURI, m.TLSIP, m.TLSEmail} {
		if v != "" {
			named++
		}
	}
	noKeys := len(m.JWKS) == 0 && m.JWKSURI == ""
	add((m.AuthMethod == authKey || m.AuthMethod == authSelfSigned) && noKeys, m.AuthMethod+" needs jwks or jwks_uri")
	add(m.AuthMethod == authTLS && named != 1, "tls_client_auth needs exactly one of tls_client_auth_subject_dn, _san_dns, _san_uri, _san_ip, _san_email (RFC 8705 §2.1.2)")
	add(m.RequireSignedRequest && noKeys, "require_signed_request_object needs jwks or jwks_uri")
	for _, i := range m.AssertionIssuers {
		add(i.Issuer == "" || (len(i.JWKS) == 0) == (i.JWKSURI == ""), "an assertion issuer needs iss and one of jwks and jwks_uri")
		if len(i.JWKS) > 0 {
			_, err := publicKeys(i.JWKS)
			add(err != nil, "assertion_issuers: jwks must be a JWK Set of public keys")
		}
	}
}

// addressProblems checks every address by what it is for.
func (m *Metadata) addressProblems(add func(bad bool, text string)) {
	for _, u := range m.PostLogoutRedirectURIs {
		if err := checkRedirectURI(u); err != nil {
			add(true, "post-logout redirect URI "+u+": "+err.Error())
		}
	}
	for _, o := range m.AllowedOrigins {
		add(o == "" || originOf(o) != o, "allowed_cors_origins: "+o+" is no origin such as https://app.example.com")
	}
	for _, r := range m.Resources {
		add(!validResource(r), "the resource "+r+" must be an absolute URI without fragment (RFC 8707 §2)")
	}
	for name, u := range map[string]string{
		"jwks_uri": m.JWKSURI, "backchannel_logout_uri": m.BackchannelLogoutURI, "client_uri": m.ClientURI, "logo_uri": m.LogoURI,
		"policy_uri": m.PolicyURI, "tos_uri": m.TermsURI, "initiate_login_uri": m.InitiateLoginURI,
	} {
		add(u != "" && !webAddress(u), name+" must be an https address (http to this machine only)")
	}
	for _, i := range m.AssertionIssuers {
		add(i.JWKSURI != "" && !webAddress(i.JWKSURI), "assertion_issuers: jwks_uri must be an https address (http to this machine only)")
	}
}

// webAddress reports whether text is an https URL, or an http one of this very
// machine.
func webAddress(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return false
	}
	return u.Scheme == "https" || (u.Scheme == "http" && loopback(u.Hostname()))
}

// validResource follows RFC 8707 §2.
func validResource(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.IsAbs() && u.Fragment == "" && !strings.Contains(text, "#") && len(text) <= 500 &&
		!strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

// publicKeys reads a JWK Set and refuses symmetric and private keys in it.
func publicKeys(text []byte) ([]jose.JSONWebKey, error) {
	var set jose.JSONWebKeySet
	if len(text) > maxBody {
		return nil, errKeys
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&set); err != nil || len(set.Keys) == 0 || len(set.Keys) > maxClientKeys {
		return nil, errKeys
	}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return nil, errKeys
		}
	}
	return set.Keys, nil
}

// maxClientKeys bounds the work that one client's key set can cause.
const maxClientKeys = 50

var errKeys = invalidRequest("the keys are no JWK Set of public keys")
