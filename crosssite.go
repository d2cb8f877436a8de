package sluice

import (
	"net/http"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/oauth"
)

// crossSite lets other sites' pages call the endpoints that browsers need: those
// of clients that run there and, with authentication.oauth.corsFilter, those of
// the cors.* settings.
func (s *Server) crossSite(programs http.Handler) http.Handler {
	named := func(string) bool { return false }
	if s.cfg.OAuth.CORSFilter && s.cfg.CORS.Enabled {
		named = origins(s.cfg.CORS)
	}
	share := sharing{
		methods: []string{http.MethodGet, http.MethodPost, http.MethodOptions},
		headers: union([]string{"Authorization", "Content-Type", "Accept", "Origin", "Cache-Control", "X-Requested-With", "X-CSRF-Token", "DPoP"}, s.cfg.CORS.Headers),
		exposed: union([]string{"WWW-Authenticate", "DPoP-Nonce", "Retry-After"}, s.cfg.CORS.Exposed),
		// Clients of APS send credentials along; these endpoints read no cookie.
		credentials: true, maxAge: max(s.cfg.CORS.MaxAge, 10*time.Second),
		allowed: func(r *http.Request, origin string) bool {
			return named(origin) || (s.cfg.OAuth.CORSClientOrigins && s.auth.AllowsOrigin(r.Context(), origin))
		},
	}
	shared := share.with(programs)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if oauth.CrossSite(r.URL.Path) {
			shared.ServeHTTP(w, r)
			return
		}
		programs.ServeHTTP(w, r)
	})
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}
