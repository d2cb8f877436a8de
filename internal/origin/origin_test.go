package origin

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	proxies := []string{"10.0.0.0/8", "::1", "2001:db8:1::/48"}
	for name, c := range map[string]struct {
		peer string
		said []string
		want string
	}{
		"straight":                              {"203.0.113.7:5000", nil, "203.0.113.7"},
		"IPv4 in IPv6":                          {"[::ffff:203.0.113.7]:5000", nil, "203.0.113.7"},
		"with a zone":                           {"[fe80::1%eth0]:5000", nil, "fe80::1"},
		"a stranger says something":             {"203.0.113.7:5000", []string{"198.51.100.1"}, "203.0.113.7"},
		"a proxy says nothing":                  {"10.1.1.1:5000", nil, "10.1.1.1"},
		"a proxy says it":                       {"10.1.1.1:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		"IPv4 proxy on a socket for both":       {"[::ffff:10.1.1.1]:5000", []string{"198.51.100.1"}, "198.51.100.1"},
		"a caller made something up":            {"10.1.1.1:5000", []string{"192.0.2.1, 198.51.100.1"}, "198.51.100.1"},
		"made up to look like a proxy":          {"10.1.1.1:5000", []string{"192.0.2.1, 10.2.2.2, 198.51.100.1"}, "198.51.100.1"},
		"in a header of its own":                {"10.1.1.1:5000", []string{"192.0.2.1", "198.51.100.1"}, "198.51.100.1"},
		"two proxies":                           {"10.1.1.1:5000", []string{"198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		"two proxies over IPv6":                 {"[::1]:5000", []string{"2001:db8:2::9, 2001:db8:1::5"}, "2001:db8:2::9"},
		"with ports":                            {"10.1.1.1:5000", []string{"198.51.100.1:999, [2001:db8:1::5]:99"}, "198.51.100.1"},
		"in brackets":                           {"[::1]:5000", []string{"[2001:db8:2::9]"}, "2001:db8:2::9"},
		"a proxy that will not tell":            {"10.1.1.1:5000", []string{"unknown"}, "10.1.1.1"},
		"one that will not tell behind one":     {"10.1.1.1:5000", []string{"198.51.100.1, _hidden, 10.2.2.2"}, "10.2.2.2"},
		"everybody is a proxy":                  {"10.1.1.1:5000", []string{"10.3.3.3, 10.2.2.2"}, "10.3.3.3"},
		"an empty header":                       {"10.1.1.1:5000", []string{""}, "10.1.1.1"},
		"no address at all":                     {"@", []string{"198.51.100.1"}, ""},
		"more hops than anybody has":            {"10.1.1.1:5000", []string{"198.51.100.1" + strings.Repeat(",10.2.2.2", maxHops)}, "10.2.2.2"},
		"as many hops as are followed, at most": {"10.1.1.1:5000", []string{"198.51.100.1" + strings.Repeat(",10.2.2.2", maxHops-1)}, "198.51.100.1"},
	} {
		a, err := New(proxies, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header[header] = c.said
		var got string
		seen := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = Text(r.Context()) })
		a.Settle(seen).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Handlers stand inside one another; the outermost one settles it.
func TestOriginIsSettledOnce(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	outer, err := New([]string{"10.0.0.0/8"}, log)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := New(nil, log)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.1.1.1:5"
	r.Header.Set(header, "198.51.100.1")
	var got string
	seen := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = Text(r.Context()) })
	outer.Settle(inner.Settle(seen)).ServeHTTP(httptest.NewRecorder(), r)
	if got != "198.51.100.1" {
		t.Errorf("origin %q", got)
	}
	if Text(t.Context()) != "" || From(t.Context()).IsValid() {
		t.Error("there is an origin outside of a request")
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"203.0.113.7": "203.0.113.7", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::1": "2001:db8::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64",
	} {
		if got := Network(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("no address: %q", got)
	}
}

func TestPrefixesAreChecked(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"0.0.0.0/0", "::/0", "proxy.example.com", "10.0.0.0/33", "", "10.0.0"} {
		if _, err := Prefixes([]string{"10.0.0.0/8", bad}); err == nil || !strings.Contains(err.Error(), `"`+bad+`"`) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if list, err := Prefixes([]string{"10.1.2.3/8", "192.0.2.1", "2001:db8::1"}); err != nil || len(list) != 3 || list[0].String() != "10.0.0.0/8" || list[1].Bits() != 32 || list[2].Bits() != 128 {
		t.Errorf("%v %v", list, err)
	}
}

// What looks like an operator's own proxy is told of once, a stranger's header never.
func TestUnnamedProxyIsToldOfOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a, err := New(nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"203.0.113.7:1", "127.0.0.1:1", "10.0.0.9:1", "127.0.0.1:1"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = peer
		r.Header.Set(header, "198.51.100.1")
		a.Settle(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	}
	if text := log.String(); strings.Count(text, "sluice.trusted-proxies") != 1 || !strings.Contains(text, "sender=127.0.0.1") || strings.Contains(text, "198.51.100.1") {
		t.Errorf("log: %s", text)
	}
}
