package bearer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// document is RFC 9728 §2. It says what the configuration makes true.
type document struct {
	Resource     string   `json:"resource"`
	Servers      []string `json:"authorization_servers,omitempty"`
	Scopes       []string `json:"scopes_supported,omitempty"`
	Methods      []string `json:"bearer_methods_supported,omitempty"`
	DPoP         []string `json:"dpop_signing_alg_values_supported,omitempty"`
	DPoPOnly     bool     `json:"dpop_bound_access_tokens_required,omitempty"`
	Certificates bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

func (s *Server) document() document {
	d := document{Resource: s.cfg.Resource, Servers: s.cfg.AuthorizationServers, Scopes: s.cfg.Scopes, Methods: []string{"header"},
		Certificates: s.cfg.Certificates != nil}
	if s.dpop != nil {
		d.DPoP, d.DPoPOnly = s.dpop.cfg.Algorithms, s.dpop.cfg.Required
	}
	return d
}

// Metadata answers the protected resource document of RFC 9728, at the path that
// MetadataPath gives.
func (s *Server) Metadata() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.cfg.Resource == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_ = json.NewEncoder(w).Encode(s.document())
	})
}

// MetadataPath is where Metadata belongs: the well-known part stands before the
// resource's own path (RFC 9728 §3.1). Empty without Config.Resource.
func (s *Server) MetadataPath() string {
	u, err := url.Parse(s.metadata)
	if err != nil {
		return ""
	}
	return u.Path
}

func metadataPath(u *url.URL) string {
	return "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.EscapedPath(), "/")
}
