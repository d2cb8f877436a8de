package oauth

import (
	"net/http"
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

// document is the metadata of RFC 8414 §2 and OpenID Connect Discovery §3.
type document struct {
	logoutMetadata
	Issuer                 string   `json:"issuer"`
	Authorization          string   `json:"authorization_endpoint"`
	Token                  string   `json:"token_endpoint"`
	Introspection          string   `json:"introspection_endpoint"`
	Revocation             string   `json:"revocation_endpoint"`
	UserInfo               string   `json:"userinfo_endpoint"`
	JWKS                   string   `json:"jwks_uri"`
	Registration           string   `json:"registration_endpoint"`
	ResponseTypes          []string `json:"response_types_supported"`
	ResponseModes          []string `json:"response_modes_supported"`
	GrantTypes             []string `json:"grant_types_supported"`
	Scopes                 []string `json:"scopes_supported"`
	Claims                 []string `json:"claims_supported"`
	ChallengeMethods       []string `json:"code_challenge_methods_supported"`
	TokenAuthMethods       []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionMethods   []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationMethods      []string `json:"revocation_endpoint_auth_methods_supported"`
	SubjectTypes           []string `json:"subject_types_supported"`
	SigningAlgorithms      []string `json:"id_token_signing_alg_values_supported"`
	Prompts                []string `json:"prompt_values_supported"`
	Iss                    bool     `json:"authorization_response_iss_parameter_supported"`
	RequestParameter       bool     `json:"request_parameter_supported"`
	RequestURIParameter    bool     `json:"request_uri_parameter_supported"`
	ClaimsParameterSupport bool     `json:"claims_parameter_supported"`
}

// openToAll lets every site's pages read the answer, unless one that may send
// credentials along has been named before.
func openToAll(w http.ResponseWriter) {
	if h := w.Header(); h.Get("Access-Control-Allow-Origin") == "" {
		h.Set("Access-Control-Allow-Origin", "*")
	}
}

// metadata tells what this server does, and nothing that it does not. It is made
// from the configured issuer alone: no request header changes it.
func (s *Service) metadata(w http.ResponseWriter, _ *http.Request) {
	base := strings.TrimSuffix(s.cfg.Issuer, "/")
	secret := []string{"client_secret_basic", "client_secret_post"}
	open := []string{"client_secret_basic", "client_secret_post", "none"}
	w.Header().Set("Cache-Control", "public, max-age=300")
	openToAll(w)
	writeJSON(w, http.StatusOK, document{
		logoutMetadata:       newLogoutMetadata(base),
		Issuer:               s.cfg.Issuer,
		Authorization:        base + "/oauth/authorize",
		Token:                base + "/oauth/token",
		Introspection:        base + "/oauth/introspect",
		Revocation:           base + "/oauth/revoke",
		UserInfo:             base + "/oauth/userinfo",
		JWKS:                 base + "/oauth/jwks",
		Registration:         s.registrationEndpoint(),
		ResponseTypes:        []string{"code", "token", "id_token", "id_token token"},
		ResponseModes:        []string{"query", "fragment", "form_post"},
		GrantTypes:           []string{AuthorizationCode, Password, ClientCredentials, RefreshToken, Implicit},
		Scopes:               []string{openid, "profile", "email", "offline_access"},
		Claims:               []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "c_hash", "azp", "acr", "amr", "sid", "preferred_username", "email", "name", "given_name", "family_name"},
		ChallengeMethods:     []string{"S256"},
		TokenAuthMethods:     open,
		IntrospectionMethods: secret,
		RevocationMethods:    open,
		SubjectTypes:         []string{"public"},
		SigningAlgorithms:    signingAlgorithms,
		Prompts:              []string{"none", "login", "consent", "select_account"},
		Iss:                  true,
	})
}
