package delegate

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestAddressesThatAreCalled looks at the very addresses that connections go to.
func TestAddressesThatAreCalled(t *testing.T) {
	t.Parallel()
	open, err := newGuard(Calls{})
	if err != nil {
		t.Fatal(err)
	}
	some, err := newGuard(Calls{Private: []string{"10.1.0.0/16", "fd00:1::/32"}})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"93.184.216.34": true, "2606:4700::1111": true, "::ffff:93.184.216.34": true,
		"10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "fd00:1::1": false, "127.0.0.1": false, "::1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "2606:4700::1%eth0": false, "224.0.0.1": false, "ff02::1": false,
		"0.0.0.0": false, "0.1.2.3": false, "::": false, "100.64.0.1": false, "192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false,
		"203.0.113.5": false, "240.0.0.1": false, "255.255.255.255": false, "::ffff:127.0.0.1": false, "::ffff:10.1.2.3": false, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "100::1": false, "2001::1": false, "2001:db8::1": false, "2002:7f00:1::": false, "fec0::1": false,
	} {
		at := net.JoinHostPort(address, "443")
		if err := open.dial("tcp", at, nil); (err == nil) != want {
			t.Errorf("%s: %v, want called: %v", address, err, want)
		}
		within := strings.HasSuffix(address, "10.1.2.3") || address == "fd00:1::1"
		if err := some.dial("tcp", at, nil); (err == nil) != (want || within) {
			t.Errorf("%s, with ranges allowed: %v", address, err)
		}
	}
	if err := open.dial("tcp", "no-address", nil); err == nil {
		t.Error("what is no address was called")
	}
	for _, wrong := range []string{"10.0.0.0", "10.0.0.0/40", "ten"} {
		if _, err := newGuard(Calls{Private: []string{wrong}}); err == nil {
			t.Errorf("the range %q is taken", wrong)
		}
	}
	if a := netip.MustParseAddr("10.1.2.3"); public(a) {
		t.Errorf("%s is public", a)
	}
}

// TestDestinationsThatAreCalled holds each part of a URL against the list.
func TestDestinationsThatAreCalled(t *testing.T) {
	t.Parallel()
	g, err := newGuard(Calls{Allow: []string{"https://*.example.com", "api.test:8443", "http://plain.test", "http://[2606:4700::1111]:8080"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		"https://a.example.com": true, "https://a.b.example.com:443/x?y": true, "https://A.EXAMPLE.COM": true, "https://api.test:8443/": true,
		"http://plain.test": true, "http://plain.test:80": true, "http://[2606:4700::1111]:8080/": true,
		"https://example.com": false, "https://evilexample.com": false, "https://a.example.com.evil.test": false, "https://a.example.com:444": false,
		"http://a.example.com": false, "http://a.example.com:443": false, "https://plain.test:80": false, "https://plain.test": false, "https://api.test": false,
		"ftp://a.example.com": false, "file:///etc/passwd": false, "gopher://a.example.com:443": false, "//a.example.com": false, "a.example.com": false, "": false,
		"https://user@a.example.com": false, "https://user:pw@a.example.com": false, "https://a.example.com@evil.test": false, "https://evil.test#.example.com": false,
		"https://evil.test/.example.com": false, "https://evil.test?.example.com": false, "https://a.example.com.": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.check(u); (err == nil) != want {
			t.Errorf("%q: %v, want called: %v", text, err, want)
		}
	}
	if err := (&guard{}).check(&url.URL{Scheme: "https", Host: "a.test"}); err == nil {
		t.Error("an empty list allows something")
	}
	every, err := newGuard(Calls{Allow: []string{"https://*"}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"https://any.test": true, "http://any.test:443": false, "https://:443/": false} {
		if u, err := url.Parse(text); err != nil || (every.check(u) == nil) != want {
			t.Errorf("%q of every host: want called: %v", text, want)
		}
	}
}

// TestTheClientOfCalls has limits, no proxy, and looks where it connects.
func TestTheClientOfCalls(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	g, err := newGuard(Calls{Allow: []string{"https://*"}})
	if err != nil {
		t.Fatal(err)
	}
	c := g.client(3 * time.Second)
	tr, ok := c.Transport.(*http.Transport)
	if c.Timeout != 3*time.Second || c.CheckRedirect == nil || c.Jar != nil || !ok {
		t.Fatalf("the client is %+v", c)
	}
	if tr.Proxy != nil || tr.MaxResponseHeaderBytes != 64<<10 || tr.TLSHandshakeTimeout != 3*time.Second {
		t.Errorf("the transport has a proxy or no limits: %+v", tr)
	}
}
