package oauth

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// metadataPaths are the two well-known documents. For an issuer with a path RFC
// 8414 §3 puts the well-known part before it and OpenID Connect Discovery §4
// behind it; both are answered.
func (s *Service) metadataPaths() []string {
	const oauth, openid = "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	path := strings.TrimSuffix(s.issuer.Path, "/")
	if path == "" {
		return []string{oauth, openid}
	}
	return []string{oauth + path, openid + path, path + openid}
}

// document is the metadata of RFC 8414 §2 and OpenID Connect Discovery §3, and of
// the specifications that add to them.
type document struct {
	logoutMetadata
	Issuer               string   `json:"issuer"`
	Authorization        string   `json:"authorization_endpoint"`
	Token                string   `json:"token_endpoint"`
	Introspection        string   `json:"introspection_endpoint"`
	Revocation           string   `json:"revocation_endpoint"`
	UserInfo             string   `json:"userinfo_endpoint"`
	JWKS                 string   `json:"jwks_uri"`
	Registration         string   `json:"registration_endpoint"`
	Pushed               string   `json:"pushed_authorization_request_endpoint"`
	Device               string   `json:"device_authorization_endpoint"`
	ResponseTypes        []string `json:"response_types_supported"`
	ResponseModes        []string `json:"response_modes_supported"`
	GrantTypes           []string `json:"grant_types_supported"`
	Scopes               []string `json:"scopes_supported"`
	Claims               []string `json:"claims_supported"`
	ACRValues            []string `json:"acr_values_supported"`
	ChallengeMethods     []string `json:"code_challenge_methods_supported"`
	TokenAuthMethods     []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs        []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionSigning []string `json:"introspection_signing_alg_values_supported"`
	IntrospectionAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	RevocationMethods    []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgs       []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	SubjectTypes         []string `json:"subject_types_supported"`
	SigningAlgorithms    []string `json:"id_token_signing_alg_values_supported"`
	RequestAlgs          []string `json:"request_object_signing_alg_values_supported"`
	ProofAlgs            []string `json:"dpop_signing_alg_values_supported"`
	Prompts              []string `json:"prompt_values_supported"`
	Displays             []string `json:"display_values_supported"`
	ClaimTypes           []string `json:"claim_types_supported"`
	Iss                  bool     `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter      bool     `json:"claims_parameter_supported"`
	RequestParameter     bool     `json:"request_parameter_supported"`
	RequestURI           bool     `json:"request_uri_parameter_supported"`
	RequirePushed        bool     `json:"require_pushed_authorization_requests"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens"`
	// MTLSAliases are where clients with certificates are to call instead (RFC 8705 §5).
	MTLSAliases map[string]string `json:"mtls_endpoint_aliases,omitempty"`
}

// openToAll lets every site's pages read the answer, unless one that may send
// credentials along has been named before.
func openToAll(w http.ResponseWriter) {
	if h := w.Header(); h.Get("Access-Control-Allow-Origin") == "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
}

// metadata tells what this server does, and nothing that it does not. It is made
// from the configuration alone: no request header changes it.
func (s *Service) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	openToAll(w)
	writeJSON(w, http.StatusOK, s.document())
}

func (s *Service) document() document {
	proving := []string{authBasic, authPost, authKey}
	if s.takesCertificates() {
		proving = append(proving, authTLS, authSelfSigned)
	}
	open := append(slices.Clone(proving), authNone)
	algorithms := algorithmNames()
	return document{
		logoutMetadata:       newLogoutMetadata(strings.TrimSuffix(s.cfg.Issuer, "/")),
		Issuer:               s.cfg.Issuer,
		Authorization:        s.endpoint("/oauth/authorize"),
		Token:                s.endpoint("/oauth/token"),
		Introspection:        s.endpoint("/oauth/introspect"),
		Revocation:           s.endpoint("/oauth/revoke"),
		UserInfo:             s.endpoint("/oauth/userinfo"),
		JWKS:                 s.endpoint("/oauth/jwks"),
		Registration:         s.registrationEndpoint(),
		Pushed:               s.endpoint("/oauth/par"),
		Device:               s.endpoint("/oauth/device_authorization"),
		ResponseTypes:        []string{"code", "token", "id_token", "id_token token", "code id_token", "code token", "code id_token token"},
		ResponseModes:        []string{"query", "fragment", "form_post"},
		GrantTypes:           append(slices.Clone(GrantTypes), s.customGrants()...),
		Scopes:               append([]string{openid, "profile", "email", "offline_access"}, slices.Sorted(maps.Keys(s.cfg.ScopeTexts))...),
		Claims:               []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "c_hash", "s_hash", "azp", "acr", "amr", "sid", "preferred_username", "email", "name", "given_name", "family_name"},
		ACRValues:            []string{passwordACR},
		ChallengeMethods:     []string{"S256"},
		TokenAuthMethods:     open,
		TokenAuthAlgs:        algorithms,
		IntrospectionMethods: proving,
		IntrospectionSigning: signingAlgorithms,
		IntrospectionAlgs:    algorithms,
		RevocationMethods:    open,
		RevocationAlgs:       algorithms,
		SubjectTypes:         []string{"public"},
		SigningAlgorithms:    signingAlgorithms,
		RequestAlgs:          algorithms,
		ProofAlgs:            proofAlgorithms,
		Prompts:              []string{"none", "login", "consent", "select_account"},
		Displays:             []string{"page"},
		ClaimTypes:           []string{"normal"},
		Iss:                  true,
		ClaimsParameter:      true,
		RequestParameter:     true,
		RequestURI:           false, // nothing is fetched; those of /oauth/par need no support
		CertificateBound:     s.takesCertificates(),
		MTLSAliases:          s.mtlsAliases(),
	}
}

// mtlsAliases are the endpoints that clients prove themselves at, at the address that
// asks for certificates; nil when that is the same one.
func (s *Service) mtlsAliases() map[string]string {
	if s.cfg.CertificateURL == "" {
		return nil
	}
	aliases := map[string]string{}
	for member, path := range map[string]string{"token_endpoint": "/oauth/token", "revocation_endpoint": "/oauth/revoke", "introspection_endpoint": "/oauth/introspect",
		"pushed_authorization_request_endpoint": "/oauth/par", "device_authorization_endpoint": "/oauth/device_authorization", "userinfo_endpoint": "/oauth/userinfo"} {
		aliases[member] = s.cfg.CertificateURL + path
	}
	return aliases
}

// takesCertificates reports whether callers' certificates are known here at all.
func (s *Service) takesCertificates() bool {
	return s.cfg.AsksCertificates || s.cfg.Certificates.Header != ""
}
