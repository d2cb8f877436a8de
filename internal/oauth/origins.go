package oauth

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"
)

// CrossSite reports whether pages of other sites need to call the endpoint at
// path from a browser. The authorization endpoint is visited, never called (RFC
// 9700 §2.6), and introspection and registration are no business of a page.
func CrossSite(path string) bool {
	switch path {
	case "/oauth/token", "/oauth/revoke", "/oauth/userinfo", "/oauth/jwks", "/oauth/par":
		return true
	}
	return strings.HasPrefix(path, "/.well-known/")
}

// AllowsOrigin reports whether a client without a secret runs at that origin: it
// has a redirect URI there, or any client names it in allowed_cors_origins. When
// that cannot be found out the answer is no.
func (s *Service) AllowsOrigin(ctx context.Context, origin string) bool {
	known, err := s.origins.has(ctx, origin)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "clients' origins cannot be read", "error", err)
	}
	return known
}

// origins remembers where browser clients run. Preflights name no client, so all
// clients count.
type origins struct {
	read func(ctx context.Context) (map[string]bool, error)
	now  func() time.Time

	mu    sync.Mutex
	known map[string]bool
	at    time.Time
}

const (
	// originsAge is how long a client that is gone may still be answered.
	originsAge = time.Minute
	// originsPause bounds how often unknown origins cause the clients to be read.
	originsPause = time.Second
)

func (o *origins) has(ctx context.Context, origin string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	age := o.now().Sub(o.at).Abs()
	if o.known == nil || age >= originsAge || (age >= originsPause && !matchesOrigin(o.known, origin)) {
		known, err := o.read(ctx)
		if err != nil {
			return false, err
		}
		o.known, o.at = known, o.now()
	}
	return matchesOrigin(o.known, origin), nil
}

// matchesOrigin knows that a loopback client without a port may run at any.
func matchesOrigin(known map[string]bool, origin string) bool {
	if known[origin] {
		return true
	}
	portless := withoutPort(origin)
	return portless != origin && loopbackWithoutPort(portless) && known[portless]
}

// readOrigins goes through all clients.
func (s *Service) readOrigins(ctx context.Context) (map[string]bool, error) {
	const many = 500
	known := map[string]bool{}
	for offset := 0; ; offset += many {
		list, err := s.Clients(ctx, offset, many)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			c.addOrigins(known)
		}
		if len(list) < many {
			return known, nil
		}
	}
}

func (c *Client) addOrigins(to map[string]bool) {
	if c.Disabled {
		return
	}
	for _, o := range c.AllowedOrigins {
		to[o] = true
	}
	if c.secret != "" {
		return
	}
	for _, uri := range c.RedirectURIs {
		if o := originOf(uri); o != "" {
			to[o] = true
		}
	}
}

// originOf is the origin of a web address as browsers write it (RFC 6454 §6.2);
// empty for others.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	host := strings.ToLower(u.Host)
	if port := map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; strings.HasSuffix(host, port) {
		host = strings.TrimSuffix(host, port)
	}
	return u.Scheme + "://" + host
}
