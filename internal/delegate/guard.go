package delegate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Calls say where REST calls may go, and their limits.
type Calls struct {
	// Allow are the destinations: [scheme://]host[:port]. The scheme is https unless
	// given, the port the scheme's own; a host may be * or begin with "*.". Empty means
	// that nothing is called.
	Allow []string
	// Private are ranges of private addresses, loopback among them, that may be called
	// all the same: 10.1.0.0/16.
	Private []string
	// Timeout bounds one call as a whole; 0 means 30 s.
	Timeout time.Duration
	// MaxAnswer bounds the bytes of an answer's body; 0 means 1 MiB.
	MaxAnswer int64
	// Endpoints are the base endpoints of APS by name, which processes refer to.
	Endpoints map[string]Endpoint
}

// Endpoint is a base endpoint: what stands before a call's path, and how it signs in.
type Endpoint struct {
	URL            string
	User, Password string // Basic; neither is kept with a request
}

const (
	defaultTimeout   = 30 * time.Second
	defaultMaxAnswer = 1 << 20
	maxRedirects     = 5
)

// destination is one entry of Calls.Allow.
type destination struct{ scheme, host, port string }

// guard decides where a call may go.
type guard struct {
	allow   []destination
	private []netip.Prefix
}

// newGuard reads the lists. The error tells everything that is wrong with them.
func newGuard(c Calls) (*guard, error) {
	g := &guard{}
	var wrong []error
	for _, text := range c.Allow {
		d, err := parseDestination(text)
		if err != nil {
			wrong = append(wrong, err)
		}
		g.allow = append(g.allow, d)
	}
	for _, text := range c.Private {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%q is no range of addresses such as 10.0.0.0/8", text))
		}
		g.private = append(g.private, p)
	}
	return g, errors.Join(wrong...)
}

func parseDestination(text string) (destination, error) {
	d := destination{scheme: "https"}
	rest := strings.ToLower(strings.TrimSpace(text))
	if scheme, after, ok := strings.Cut(rest, "://"); ok {
		d.scheme, rest = scheme, after
	}
	d.host, d.port = rest, portOf(d.scheme)
	if host, port, err := net.SplitHostPort(rest); err == nil {
		d.host, d.port = host, port
	}
	d.host = strings.Trim(d.host, "[]")
	n, err := strconv.Atoi(d.port)
	bad := d.host == "" || strings.ContainsAny(d.host, "/?#@ ") || strings.Contains(strings.TrimPrefix(d.host, "*"), "*")
	if d.scheme != "http" && d.scheme != "https" || err != nil || n < 1 || n > 65535 || bad {
		return d, fmt.Errorf("%q is no destination such as https://api.example.com or http://*.example.com:8080", text)
	}
	return d, nil
}

func portOf(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// check refuses an address that is not on the list.
func (g *guard) check(u *url.URL) error {
	if u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("the URL of the call is none of http or https, or has a user in it")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = portOf(u.Scheme)
	}
	for _, d := range g.allow {
		if d.scheme == u.Scheme && d.port == port && d.matches(host) {
			return nil
		}
	}
	return fmt.Errorf("calls to %s://%s:%s are not allowed; an operator can add it to sluice.rest-call.allow", u.Scheme, host, port)
}

func (d destination) matches(host string) bool {
	if suffix, ok := strings.CutPrefix(d.host, "*"); ok {
		return host != "" && strings.HasSuffix(host, suffix)
	}
	return d.host == host
}

// reserved are addresses that are not private by their kind and still lead nowhere, or
// to an address of IPv4 that is written inside.
var reserved = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fec0::/10")

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// public reports whether an address belongs to the internet at large.
func public(a netip.Addr) bool {
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	for _, p := range reserved {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// dial is asked for the very address that a connection is about to go to, so that a name
// which resolves to another one than before does not help.
func (g *guard) dial(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	a := at.Addr().Unmap()
	if public(a) {
		return nil
	}
	for _, p := range g.private {
		if p.Contains(a) {
			return nil
		}
	}
	return fmt.Errorf("the address %s is private; an operator can allow its range by sluice.rest-call.private", a)
}

// client makes the HTTP client of a guard. It uses no proxy, which would make the
// connections itself, and keeps no cookies.
func (g *guard) client(timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, Control: g.dial}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, address)
			},
			TLSHandshakeTimeout: timeout, MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: g.redirect,
	}
}

// redirect follows to the same scheme, host and port alone: headers and body are meant for
// that one. Anything else is the answer.
func (g *guard) redirect(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if len(before) > maxRedirects || next.URL.Scheme != first.Scheme || !strings.EqualFold(next.URL.Host, first.Host) {
		return http.ErrUseLastResponse
	}
	return nil
}
