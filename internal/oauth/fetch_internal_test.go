package oauth

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice/internal/fault"
)

func TestGuardLetsOnlyPublicAddressesThrough(t *testing.T) {
	t.Parallel()
	const never, named, always = 0, 1, 2
	for address, want := range map[string]int{
		"93.184.216.34": always, "2606:2800:220:1:248:1893:25c8:1946": always, "::ffff:93.184.216.34": always, "64:ff9b::5db8:d822": always,
		"127.0.0.1": named, "127.8.9.1": named, "::1": named, "::ffff:127.0.0.1": named,
		"10.1.2.3": named, "172.16.0.1": named, "172.31.255.255": named, "192.168.1.1": named, "fd00::1": named,
		"::ffff:10.0.0.1": named, "100.64.0.1": named, "100.127.255.255": named,
		"169.254.169.254": never, "::ffff:169.254.169.254": never, "fe80::1": never, "fe80::1%eth0": never,
		"0.0.0.0": never, "::": never, "0.1.2.3": never, "224.0.0.1": never, "ff02::1": never, "255.255.255.255": never, "240.0.0.1": never,
		"192.0.0.1": never, "192.0.2.1": never, "198.18.0.1": never, "198.51.100.1": never, "203.0.113.1": never, "192.88.99.1": never,
		"64:ff9b::7f00:1": never, "64:ff9b::a00:1": never, "64:ff9b::a9fe:a9fe": never, "64:ff9b:1::1": never,
		"2002:7f00:1::1": never, "2002:a00:1::": never, "2002:5db8:d822::1": never, "2001:0:a00:1::1": never, "2001:db8::1": never, "3fff::1": never,
		"::10.0.0.1": never, "fec0::1": never, "100::1": never, "4000::1": never,
	} {
		at := "[" + address + "]:443"
		if !strings.Contains(address, ":") {
			at = address + ":443"
		}
		if err := guard(at, false, false); (err == nil) != (want == always) {
			t.Errorf("%s: %v", address, err)
		}
		if err := guard(at, true, false); (err == nil) != (want >= named) {
			t.Errorf("%s for a named host: %v", address, err)
		}
	}
	if guard("10.0.0.1:80", false, true) == nil || guard("127.0.0.1:80", false, true) != nil || guard("nonsense", true, true) == nil {
		t.Error("the exception for this machine is for it alone")
	}
}

// Lesson L08, CVE-2020-10770
func TestFetchGoesNowhereInside(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/large":
			_, _ = fmt.Fprint(w, strings.Repeat(" ", maxFetch+1))
		case "/broken":
			w.WriteHeader(http.StatusTeapot)
		default:
			_, _ = fmt.Fprint(w, `{"ok":true}`)
		}
	}))
	t.Cleanup(srv.Close)
	trusting := func(private []string, loopback bool) *fetcher {
		f := newFetcher(private, loopback)
		pool := x509.NewCertPool()
		pool.AddCert(srv.Certificate())
		transport := f.client.Transport.(*http.Transport)
		transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		transport.TLSClientConfig.RootCAs = pool
		return f
	}
	ctx := context.Background()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	for _, address := range []string{srv.URL + "/ok", "https://localhost" + port + "/ok", "http://127.0.0.1" + port + "/ok",
		"https://[::ffff:127.0.0.1]" + port + "/ok", "https://0.0.0.0" + port + "/ok", "file:///etc/passwd", "https://user@127.0.0.1" + port, "ftp://127.0.0.1", ""} {
		if text, err := trusting(nil, false).get(ctx, address); err == nil {
			t.Errorf("%q was fetched: %s", address, text)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d requests reached this machine", n)
	}
	for _, f := range []*fetcher{trusting([]string{"127.0.0.1"}, false), trusting([]string{"127.0.0.1" + port}, false), trusting(nil, true)} {
		if text, err := f.get(ctx, srv.URL+"/ok"); err != nil || string(text) != `{"ok":true}` {
			t.Errorf("an allowed host: %s, %v", text, err)
		}
		for path, reason := range map[string]string{"/away": "302", "/large": "larger than 64 KiB", "/broken": "418"} {
			if _, err := f.get(ctx, srv.URL+path); err == nil || !strings.Contains(err.Error(), reason) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	if _, err := trusting([]string{"127.0.0.1:1"}, false).get(ctx, srv.URL); err == nil {
		t.Error("an exception for another port was taken")
	}
	s := &Service{fetcher: newFetcher(nil, false)}
	if _, err := s.fetch(ctx, srv.URL); failure(err).status != http.StatusServiceUnavailable {
		t.Errorf("what cannot be fetched is not known: %v", err)
	}
}

// publisher is an address with keys that a test changes.
type publisher struct {
	now     time.Time
	text    atomic.Pointer[string]
	fetches atomic.Int32
	hold    chan struct{} // a fetch waits for it when not nil
}

func (p *publisher) fetch(context.Context, string) ([]byte, error) {
	p.fetches.Add(1)
	if p.hold != nil {
		<-p.hold
	}
	text := p.text.Load()
	if text == nil {
		return nil, fault.New(fault.Unavailable, "down")
	}
	return []byte(*text), nil
}

func (p *publisher) publish(ids ...string) {
	set := `{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}` // symmetric: must be dropped
	for _, id := range ids {
		set += `,{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"` + id + `"}`
	}
	set += `]}`
	p.text.Store(&set)
}

func ids(keys []jose.JSONWebKey) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.KeyID)
	}
	return strings.Join(list, " ")
}

func TestFetchedKeys(t *testing.T) {
	t.Parallel()
	p := &publisher{now: time.Unix(1_000_000, 0)}
	s := &Service{keySets: newKeySets(func() time.Time { return p.now }, p.fetch)}
	c := &Client{Metadata: Metadata{JWKSURI: "https://app.example.com/keys"}}
	expect := func(what, kid, want string, fetches int32, fails bool) {
		t.Helper()
		keys, err := s.clientKeys(context.Background(), c, kid)
		if got := ids(keys); got != want || p.fetches.Load() != fetches || (err != nil) != fails {
			t.Errorf("%s: keys %q, %d fetches, %v; want %q, %d", what, got, p.fetches.Load(), err, want, fetches)
		}
		if err != nil && failure(err).status != http.StatusServiceUnavailable {
			t.Errorf("%s: %v is no 503", what, err)
		}
	}
	expect("nothing is known", "one", "", 1, true)
	expect("at once again", "one", "", 1, true)
	p.publish("one", "two")
	p.now = p.now.Add(firstPause)
	expect("back again", "one", "one", 2, false)
	expect("without an id", "", "one two", 2, false)
	for i := range 200 {
		expect("a flood of ids", fmt.Sprint("forged", i), "", 2, false)
	}
	p.publish("two", "three")
	p.now = p.now.Add(keysPause - time.Millisecond)
	expect("a new key, too early", "three", "", 2, false)
	p.now = p.now.Add(time.Millisecond)
	expect("a new key", "three", "three", 3, false)
	expect("the old one", "one", "", 3, false)
	p.text.Store(nil)
	p.now = p.now.Add(keysPause)
	expect("unknown while it is down: we cannot know", "four", "", 4, true)
	expect("known while it is down", "two", "two", 4, false)
	p.now = p.now.Add(keysAge)
	expect("too old to be trusted", "two", "", 5, true)
	nonsense := `{"keys":[{"kty":"oct","kid":"two","k":"c2VjcmV0"}]}`
	p.text.Store(&nonsense)
	p.now = p.now.Add(keysPause)
	expect("no public key in it", "two", "", 6, true)
}

func TestOneFetchForAllWhoWait(t *testing.T) {
	t.Parallel()
	p := &publisher{now: time.Unix(1_000_000, 0), hold: make(chan struct{})}
	p.publish("one")
	s := &Service{keySets: newKeySets(func() time.Time { return p.now }, p.fetch)}
	c := &Client{Metadata: Metadata{JWKSURI: "https://app.example.com/keys"}}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.clientKeys(gone, c, "one"); failure(err).status != http.StatusServiceUnavailable {
		t.Errorf("a caller that left: %v", err)
	}
	results := make(chan error, 50)
	for range cap(results) {
		go func() {
			keys, err := s.clientKeys(context.Background(), c, "one")
			if err == nil && ids(keys) != "one" {
				err = fmt.Errorf("keys %q", ids(keys))
			}
			results <- err
		}()
	}
	close(p.hold)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

func TestRegisteredKeys(t *testing.T) {
	t.Parallel()
	s := &Service{keySets: newKeySets(time.Now, nil)}
	const key = `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":`
	c := &Client{Metadata: Metadata{JWKS: []byte(`{"keys":[` + key + `"a"},` + key + `"b","use":"enc"},` + key + `"c","use":"sig"}]}`)}}
	for kid, want := range map[string]string{"": "a c", "a": "a", "b": "", "c": "c", "d": ""} {
		keys, err := s.clientKeys(context.Background(), c, kid)
		if err != nil || ids(keys) != want {
			t.Errorf("%q: %q, %v; want %q", kid, ids(keys), err, want)
		}
	}
	if keys, err := s.clientKeys(context.Background(), &Client{}, ""); err != nil || keys != nil {
		t.Errorf("no keys at all: %v, %v", keys, err)
	}
}
