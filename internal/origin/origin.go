package origin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// header is where proxies say for whom they ask: each adds the address that it saw
// at the end.
const header = "X-Forwarded-For"

// maxHops is the most proxies that a request is followed back through.
const maxHops = 16

// Addresses finds where requests come from. It is safe for concurrent use.
type Addresses struct {
	proxies []netip.Prefix
	log     *slog.Logger
	warned  sync.Once
}

// New returns Addresses that believe these proxies; see Prefixes. log receives a
// warning when a proxy seems to be missing among them.
func New(proxies []string, log *slog.Logger) (*Addresses, error) {
	prefixes, err := Prefixes(proxies)
	return &Addresses{proxies: prefixes, log: log}, err
}

// Prefixes reads address ranges ("10.0.0.0/8", "2001:db8::/32") and single
// addresses. The range that holds every address is an error, as what cannot be read
// is.
func Prefixes(list []string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	var problems []error
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if single, ok := parse(text); ok {
			prefix, err = netip.PrefixFrom(single, single.BitLen()), nil
		}
		if err != nil || prefix.Bits() == 0 {
			problems = append(problems, fmt.Errorf("%q is no address range, or it holds every address", text))
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, errors.Join(problems...)
}

// Contains reports whether an address lies in one of the ranges.
func Contains(ranges []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(address) })
}

type key struct{}

// Settle finds out where each request comes from before next sees it. Where that
// was done already, it changes nothing.
func (a *Addresses) Settle(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, done := r.Context().Value(key{}).(netip.Addr); !done {
			r = r.WithContext(With(r.Context(), a.of(r)))
		}
		next.ServeHTTP(w, r)
	})
}

// With returns a context of a request that comes from address.
func With(ctx context.Context, address netip.Addr) context.Context {
	return context.WithValue(ctx, key{}, address)
}

// From returns where the request comes from that ctx belongs to: an IPv4 address as
// such, IPv6 without zone. Outside of requests, and where the connection has no
// address, it is the zero Addr.
func From(ctx context.Context) netip.Addr {
	address, _ := ctx.Value(key{}).(netip.Addr)
	return address
}

// Text is From as text, empty for the zero Addr.
func Text(ctx context.Context) string {
	if address := From(ctx); address.IsValid() {
		return address.String()
	}
	return ""
}

// Network is what counts as one caller: an IPv4 address, or the /64 of an IPv6
// address, since whoever has one of those has them all. Empty for the zero Addr.
func Network(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	if address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}

// of follows the request back through known proxies, from the nearest on: the first
// address that is none of theirs is the origin. What stands before it may be made
// up.
func (a *Addresses) of(r *http.Request) netip.Addr {
	address, ok := parse(r.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	said := r.Header.Values(header)
	if len(said) == 0 {
		return address
	}
	if !Contains(a.proxies, address) {
		a.warn(r, address)
		return address
	}
	hops := strings.Split(strings.Join(said, ","), ",")
	for range min(len(hops), maxHops) {
		before, ok := parse(strings.TrimSpace(hops[len(hops)-1]))
		if !ok || !Contains(a.proxies, address) {
			break
		}
		address, hops = before, hops[:len(hops)-1]
	}
	return address
}

// warn tells the operator once of what looks like a proxy of his that he has not
// named: all its users would count as one.
func (a *Addresses) warn(r *http.Request, peer netip.Addr) {
	if peer.IsLoopback() || peer.IsPrivate() {
		a.warned.Do(func() {
			a.log.WarnContext(r.Context(), "X-Forwarded-For is not believed: its sender is not in sluice.trusted-proxies", "sender", peer.String())
		})
	}
}

// parse reads an address with or without a port.
func parse(text string) (netip.Addr, bool) {
	if with, err := netip.ParseAddrPort(text); err == nil {
		return with.Addr().Unmap().WithZone(""), true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return address.Unmap().WithZone(""), err == nil
}
