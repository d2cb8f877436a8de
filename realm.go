package sluice

import (
	"net/http"
	"net/url"
	"strings"
)

// keycloakPaths are the addresses below a realm of Keycloak and what answers them
// here. js-api, ADF and the mobile apps of APS have some of them built in.
var keycloakPaths = map[string]string{
	"/protocol/openid-connect/auth":             "/oauth/authorize",
	"/protocol/openid-connect/auth/device":      "/oauth/device_authorization",
	"/protocol/openid-connect/token":            "/oauth/token",
	"/protocol/openid-connect/token/introspect": "/oauth/introspect",
	"/protocol/openid-connect/userinfo":         "/oauth/userinfo",
	"/protocol/openid-connect/logout":           "/oauth/logout",
	"/protocol/openid-connect/certs":            "/oauth/jwks",
	"/protocol/openid-connect/revoke":           "/oauth/revoke",
	"/protocol/openid-connect/ext/par/request":  "/oauth/par",
	"/clients-registrations/openid-connect":     "/oauth/register",
}

// mountRealm answers at Keycloak's addresses, with /auth before them as older
// versions have it and without. The metadata there is the same as everywhere.
func (s *Server) mountRealm(mux *http.ServeMux) {
	realm := s.cfg.OAuth.KeycloakRealm
	if realm == "" {
		return
	}
	paths := map[string]string{"/.well-known/openid-configuration": "/.well-known/openid-configuration"}
	if u, err := url.Parse(s.cfg.issuer()); err == nil {
		paths["/.well-known/openid-configuration"] += strings.TrimSuffix(u.Path, "/")
	}
	for from, to := range keycloakPaths {
		paths[from] = to
	}
	for _, base := range []string{"/auth/realms/" + realm, "/realms/" + realm} {
		for from, to := range paths {
			mux.Handle(base+from, renamed(to, s.AuthServer))
		}
	}
}

// renamed passes requests on as if they had come to another path.
func renamed(path string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r2, u := new(http.Request), *r.URL
		*r2 = *r
		u.Path, u.RawPath = path, ""
		r2.URL = &u
		next.ServeHTTP(w, r2)
	})
}

// validRealm reports whether a name can stand in a path as it is.
func validRealm(name string) bool {
	return len(name) <= 100 && name != "." && name != ".." && !strings.ContainsFunc(name, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~", r)
	})
}
