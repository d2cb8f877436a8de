package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/bearer"
)

// Route forwards what stands below a path.
type Route struct {
	// Name is for messages and logs.
	Name string
	// Path is the prefix that selects the route: "/bpm" takes "/bpm" and all
	// below "/bpm/". It begins with a slash; the longest one wins.
	Path string
	// URL is the upstream: http or https, without query and fragment.
	URL string
	// StripPath removes Path before the rest is put behind URL's own path.
	StripPath bool
}

// Config is a gateway's routes and its door.
type Config struct {
	Routes []Route
	// Guard puts the bearer check in front of a handler.
	Guard func(http.Handler) http.Handler
	// Transport reaches the upstreams; nil means one of its own with deadlines.
	Transport http.RoundTripper
	Log       *slog.Logger
}

// The headers by which an upstream learns who calls.
const (
	userHeader   = "X-Forwarded-User"
	clientHeader = "X-Forwarded-Client"
	scopeHeader  = "X-Forwarded-Scope"
)

// stripped are the headers that a caller may not set: ours, and those by which
// services of this kind are told whom to believe. They are compared after
// folding (see fold).
var stripped = []string{
	"x-forwarded-user", "x-forwarded-client", "x-forwarded-scope", "x-forwarded-email", "x-forwarded-groups",
	"x-forwarded-preferred-username", "x-forwarded-access-token", "x-auth-request-user", "x-auth-request-email",
	"x-auth-request-groups", "remote-user", "x-remote-user", "x-user", "activiti-user", "activiti-user-value-type",
	"forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-prefix",
	"x-forwarded-server", "x-real-ip", "x-original-url", "x-rewrite-url", "x-http-method-override",
}

// New checks the routes, listing every problem, and returns the gateway.
func New(cfg Config) (http.Handler, error) {
	if cfg.Transport == nil {
		cfg.Transport = transport()
	}
	g := &gateway{log: cfg.Log}
	var problems []error
	for _, r := range cfg.Routes {
		route, err := newRoute(r, cfg)
		if err != nil {
			problems = append(problems, fmt.Errorf("gateway route %s: %w", r.Name, err))
			continue
		}
		if slices.ContainsFunc(g.routes, func(o *entry) bool { return o.path == route.path }) {
			problems = append(problems, fmt.Errorf("gateway route %s: another route has the path %s", r.Name, r.Path))
		}
		g.routes = append(g.routes, route)
	}
	// Longest first: the first match is the right one.
	slices.SortFunc(g.routes, func(a, b *entry) int { return cmp.Compare(len(b.path), len(a.path)) })
	return g, errors.Join(problems...)
}

func transport() http.RoundTripper {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 60 * time.Second,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
	}
}

type gateway struct {
	routes []*entry
	log    *slog.Logger
}

type entry struct {
	name, path string
	handler    http.Handler
}

// newRoute builds one route's chain: door, then proxy.
func newRoute(r Route, cfg Config) (*entry, error) {
	path := strings.TrimSuffix(r.Path, "/")
	if r.Path == "" || r.Path[0] != '/' || !unambiguous(path+"/") {
		return nil, errors.New("the path must begin with / and hold no dots, escapes, ; or //")
	}
	target, err := url.Parse(r.URL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") {
		return nil, errors.New("the url must be http(s)://host[:port][/path]")
	}
	if target.RawQuery != "" || target.Fragment != "" || target.User != nil {
		return nil, errors.New("the url must have no query, fragment or user")
	}
	strip := ""
	if r.StripPath {
		strip = path
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { rewrite(pr, target, strip) },
		Transport: cfg.Transport,
		ErrorHandler: func(w http.ResponseWriter, req *http.Request, err error) {
			cfg.Log.WarnContext(req.Context(), "upstream failed", "route", r.Name, "error", err)
			refuse(w, http.StatusBadGateway, "The service behind this address does not answer.")
		},
		FlushInterval: -1, // server-sent events pass as they come
	}
	return &entry{name: r.Name, path: path, handler: cfg.Guard(proxy)}, nil
}

// ServeHTTP finds the route of an unambiguous path.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	if r.URL.IsAbs() || !unambiguous(path) {
		refuse(w, http.StatusBadRequest, "This address can be read in more than one way and is not forwarded.")
		return
	}
	for _, e := range g.routes {
		if path == e.path || strings.HasPrefix(path, e.path+"/") {
			e.handler.ServeHTTP(w, r)
			return
		}
	}
	refuse(w, http.StatusNotFound, "Nothing is behind this address.")
}

// unambiguous reports whether every parser reads the path alike: no dot segments, no
// encoded or doubled slashes, no backslashes, parameters or NUL, valid UTF-8.
func unambiguous(path string) bool {
	lower := strings.ToLower(path)
	for _, bad := range []string{"//", "\\", ";", "%2e", "%2f", "%5c", "%00", "%25", "%3b", "/./", "/../"} {
		if strings.Contains(lower, bad) {
			return false
		}
	}
	plain, err := url.PathUnescape(path)
	return err == nil && utf8.ValidString(plain) && strings.HasPrefix(path, "/") &&
		!strings.HasSuffix(path, "/.") && !strings.HasSuffix(path, "/..") &&
		!strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// rewrite points the request at the upstream and says who calls.
func rewrite(pr *httputil.ProxyRequest, target *url.URL, strip string) {
	path := strings.TrimPrefix(pr.In.URL.EscapedPath(), strip)
	out := pr.Out.URL
	out.Scheme, out.Host = target.Scheme, target.Host
	out.RawPath = strings.TrimSuffix(target.EscapedPath(), "/") + path
	if plain, err := url.PathUnescape(out.RawPath); err == nil {
		out.Path = plain
	}
	if out.Path == "" {
		out.Path, out.RawPath = "/", ""
	}
	pr.Out.Host = target.Host
	stripHeaders(pr.Out.Header)
	pr.SetXForwarded()
	token := bearer.FromContext(pr.In.Context())
	if token == nil {
		return
	}
	set(pr.Out.Header, userHeader, token.Username)
	set(pr.Out.Header, clientHeader, token.ClientID)
	set(pr.Out.Header, scopeHeader, strings.Join(token.Scopes, " "))
}

// stripHeaders removes what a caller could forge, in every spelling. It looks at
// the outgoing request, from which ReverseProxy has taken what Connection names;
// ours are set afterwards, so that Connection cannot take them away.
func stripHeaders(h http.Header) {
	for name := range h {
		if slices.Contains(stripped, fold(name)) {
			delete(h, name)
		}
	}
}

// fold spells a header's name in one way: servers behind CGI-like interfaces
// read "X_Forwarded_User" and "X.Forwarded.User" as "X-Forwarded-User".
func fold(name string) string {
	return strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
}

// set sets a header to text that is safe in one.
func set(h http.Header, name, value string) {
	if value != "" && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		h.Set(name, value)
	} else if value != "" {
		h.Set(name, url.PathEscape(value))
	}
}

func refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.Error(w, text, status)
}
