package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
)

// fetcher gets what a registration names by its address. Whoever may register a
// client chooses these addresses, so the server must not be led to places that
// only it can reach: the guard looks at the address that is really connected to,
// after the name was resolved, and no redirect is followed.
type fetcher struct {
	private  []string // hosts that may have private addresses
	loopback bool     // this very machine may be asked, by http too
	client   *http.Client
}

const (
	// maxFetch is the largest document that is read, in bytes.
	maxFetch = 64 << 10
	// fetchTimeout is for name, connection and answer together.
	fetchTimeout = 3 * time.Second
)

func newFetcher(private []string, loopback bool) *fetcher {
	f := &fetcher{private: private, loopback: loopback}
	f.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect for us, unguarded
			DialContext:            f.dial,
			DisableKeepAlives:      true, // seldom used; nothing stays open
			DisableCompression:     true,
			TLSHandshakeTimeout:    fetchTimeout,
			MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return f
}

// fetch returns the JSON document at an address that a registration names. Its
// errors are all of the kind Unavailable: that a document cannot be had says
// nothing about who is asking.
func (s *Service) fetch(ctx context.Context, address string) ([]byte, error) {
	text, err := s.fetcher.get(ctx, address)
	return text, fault.Wrap(fault.Unavailable, err, "what the client has registered cannot be fetched now")
}

func (f *fetcher) get(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || !webAddress(address) {
		return nil, errors.New("fetching: the address is no https URL")
	}
	if u.Scheme == "http" && !f.loopback {
		return nil, fmt.Errorf("fetching from %s: plain http is refused (sluice.insecure-loopback-fetch allows it for this machine)", u.Host)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("fetching: the address is no https URL")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Sluice")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching from %s: the server answered %d", u.Host, resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxFetch+1))
	if err == nil && len(text) > maxFetch {
		err = errors.New("the answer is larger than 64 KiB")
	}
	if err != nil {
		return nil, fmt.Errorf("fetching from %s: %w", u.Host, err)
	}
	return text, nil
}

// dial connects to host:port if the address that the name stands for is allowed.
func (f *fetcher) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	private := slices.Contains(f.private, host) || slices.Contains(f.private, hostPort)
	here := f.loopback && loopback(host)
	d := net.Dialer{Timeout: fetchTimeout, Control: func(_, connected string, _ syscall.RawConn) error {
		return guard(connected, private, here)
	}}
	return d.DialContext(ctx, network, hostPort)
}

// guard refuses to connect to an address that is not one of the public internet.
// private lets those of inner networks through, here those of this machine.
func guard(connected string, private, here bool) error {
	at, err := netip.ParseAddrPort(connected)
	if err != nil {
		return fmt.Errorf("connecting to %s: no address and port", connected)
	}
	ip := at.Addr().WithZone("").Unmap()
	switch {
	case public(ip), private && inner(ip), here && ip.IsLoopback():
		return nil
	}
	return fmt.Errorf("connecting to %s is refused: it is no public address (sluice.oauth.fetch-private-hosts names exceptions)", ip)
}

// inner reports whether an operator may allow the address by naming its host:
// never link-local (where clouds keep credentials), multicast or unspecified.
func inner(ip netip.Addr) bool {
	return ip.IsPrivate() || ip.IsLoopback() || carrierNAT.Contains(ip)
}

var (
	carrierNAT = netip.MustParsePrefix("100.64.0.0/10")
	globalIPv6 = netip.MustParsePrefix("2000::/3")
	nat64      = netip.MustParsePrefix("64:ff9b::/96")
	// special are the ranges of the IANA special-purpose registries that netip
	// does not know by a method.
	special = []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		carrierNAT,
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"), // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("2001::/23"), // Teredo, ORCHID
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"), // 6to4 holds an IPv4 address
		netip.MustParsePrefix("3fff::/20"),
	}
)

// public reports whether ip belongs to the public internet. A NAT64 address is
// what the IPv4 address in it is (RFC 6052 §2.1).
func public(ip netip.Addr) bool {
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !globalIPv6.Contains(ip) {
		return false
	}
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(ip) })
}
