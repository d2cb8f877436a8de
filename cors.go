package sluice

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cors lets other sites' pages call an endpoint from a browser, as the cors.*
// settings say.
func cors(cfg CORSConfig, next http.Handler) http.Handler {
	if !cfg.Enabled {
		return next
	}
	named := origins(cfg)
	share := sharing{methods: cfg.Methods, headers: cfg.Headers, exposed: cfg.Exposed, credentials: cfg.Credentials, maxAge: cfg.MaxAge,
		allowed: func(_ *http.Request, origin string) bool { return named(origin) }}
	return share.with(next)
}

// sharing is what other sites' pages may do. The origin is echoed, never "*",
// because clients of APS send credentials along; what they may do still rests on
// the token alone, since the endpoints behind it take no cookies.
type sharing struct {
	allowed                   func(r *http.Request, origin string) bool
	methods, headers, exposed []string
	credentials               bool
	maxAge                    time.Duration
}

// with stands in front of next and answers preflights itself.
func (s sharing) with(next http.Handler) http.Handler {
	methods, headers, exposed := strings.Join(s.methods, ", "), strings.Join(s.headers, ", "), strings.Join(s.exposed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		h := w.Header()
		h.Add("Vary", "Origin")
		if origin != "" && s.allowed(r, origin) {
			h.Set("Access-Control-Allow-Origin", origin)
			if s.credentials {
				h.Set("Access-Control-Allow-Credentials", "true")
			}
			if exposed != "" {
				h.Set("Access-Control-Expose-Headers", exposed)
			}
		}
		if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
			next.ServeHTTP(w, r)
			return
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			h.Set("Access-Control-Allow-Methods", methods)
			h.Set("Access-Control-Allow-Headers", headers)
			h.Set("Access-Control-Max-Age", strconv.Itoa(int(s.maxAge/time.Second)))
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// origins returns whether an origin is allowed.
func origins(cfg CORSConfig) func(string) bool {
	var patterns []*regexp.Regexp
	for _, p := range cfg.OriginPatterns {
		if re, err := originPattern(p); err == nil { // Validate has refused the others
			patterns = append(patterns, re)
		}
	}
	return func(origin string) bool {
		return slices.Contains(cfg.Origins, "*") || slices.Contains(cfg.Origins, origin) ||
			slices.ContainsFunc(patterns, func(re *regexp.Regexp) bool { return re.MatchString(origin) })
	}
}

// originPattern turns https://*.example.com:* into an expression. A * stands for
// anything but a slash, so that it cannot leave the host and port.
func originPattern(pattern string) (*regexp.Regexp, error) {
	if pattern != "*" && !strings.Contains(pattern, "://") {
		return nil, errors.New("no scheme")
	}
	if pattern == "*" {
		return regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[^/]+$`), nil
	}
	parts := strings.Split(pattern, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.Compile("^" + strings.Join(parts, "[^/]*") + "$")
}
