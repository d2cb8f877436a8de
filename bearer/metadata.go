package bearer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

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
		_ = json.NewEncoder(w).Encode(struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers,omitempty"`
			Methods  []string `json:"bearer_methods_supported"`
		}{s.cfg.Resource, s.cfg.AuthorizationServers, []string{"header"}})
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
