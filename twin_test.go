package sluice_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// twin starts another process's server on the same database, as after a restart or
// beside the first.
func twin(t *testing.T, srv *sluicetest.Server, options ...sluicetest.Option) *sluicetest.Server {
	t.Helper()
	same := sluicetest.Config(func(c *sluice.Config) {
		addr := c.Addr
		*c = srv.Config
		c.Addr = addr
	})
	return sluicetest.NewServer(t, append([]sluicetest.Option{same}, options...)...)
}

// at is the same request at another process.
func at(t *testing.T, srv *sluicetest.Server, r *http.Request) *http.Request {
	t.Helper()
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	r2 := r.Clone(t.Context())
	r2.URL.Host, r2.Host = u.Host, ""
	return r2
}

// A proof that was used at one process is used up at the others; a nonce of one is
// known to the others.
func TestProofsAreSharedByProcesses(t *testing.T) {
	t.Parallel()
	auth, key := bearertest.NewServer(t), bearertest.NewKey(t, "ES256")
	auth.Put("bound", bearertest.Claims{"username": kermit, "token_type": "DPoP", "cnf": map[string]string{"jkt": key.Thumbprint()}})
	for memory, again := range map[string]int{"": 200, "shared": 401, "process": 200} {
		if memory == "" && os.Getenv("SLUICE_TEST_POSTGRES") != "" {
			again = 401
		}
		one := sluicetest.NewServer(t, sluicetest.User(kermit, password), asking(auth, func(c *sluice.Config) { c.Bearer.DPoPMemory = memory }))
		two := twin(t, one)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, one.URL+"/activiti-app/api/enterprise/profile", nil)
		if err != nil {
			t.Fatal(err)
		}
		key.Prove(r, "bound")
		if a := one.Do(t, r); a.Status != 200 {
			t.Fatalf("%q: at the first: %d %s", memory, a.Status, a.Body)
		}
		if a := two.Do(t, at(t, two, r)); a.Status != again || (again == 401) != strings.Contains(a.Header.Get("WWW-Authenticate"), "invalid_dpop_proof") {
			t.Errorf("%q: at the second: %d %v, want %d", memory, a.Status, a.Header, again)
		}
	}
	one := sluicetest.NewServer(t, asking(auth, func(c *sluice.Config) { c.Bearer.DPoPNonces = true }), sluicetest.User(kermit, password))
	two := twin(t, one)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, one.URL+"/activiti-app/api/enterprise/profile", nil)
	if err != nil {
		t.Fatal(err)
	}
	key.Prove(r, "bound")
	a := one.Do(t, r)
	nonce := a.Header.Get("DPoP-Nonce")
	if a.Status != 401 || nonce == "" {
		t.Fatalf("without a nonce: %d %v", a.Status, a.Header)
	}
	r.Header.Set("DPoP", key.Proof(http.MethodGet, r.URL.String(), "bound", bearertest.Claims{"nonce": nonce}))
	if a := two.Do(t, at(t, two, r)); a.Status != 200 {
		t.Errorf("with a nonce of the other process: %d %v", a.Status, a.Header)
	}
}

// What another server has revoked stays so in a process that begins anew, although
// the JWT's signature still holds.
func TestForeignRevocationsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	change := func(c *sluice.Config) {
		c.Bearer.JWT.Issuers = []string{auth.URL}
		c.Bearer.JWT.Audience = "api"
		c.Bearer.Revocations.Issuer, c.Bearer.Revocations.Audience = auth.URL, "here"
	}
	first := sluicetest.NewServer(t, sluicetest.User(kermit, password), sluicetest.Config(change))
	claims := func(sub, client string) bearertest.Claims {
		return bearertest.Claims{"email": kermit, "sub": sub, "client_id": client}
	}
	byHash, bySubject, byClient, other := auth.AccessToken("api", claims("1", "a")), auth.AccessToken("api", claims("2", "b")),
		auth.AccessToken("api", claims("3", "c")), auth.AccessToken("api", claims("4", "d"))
	want := func(srv *sluicetest.Server, when string, status int) {
		t.Helper()
		for name, token := range map[string]string{"by hash": byHash, "by subject": bySubject, "by client": byClient} {
			if a := srv.Call(t, token, http.MethodGet, "profile", nil); a.Status != status {
				t.Errorf("%s, %s: %d, want %d", when, name, a.Status, status)
			}
		}
		if a := srv.Call(t, other, http.MethodGet, "profile", nil); a.Status != 200 {
			t.Errorf("%s: another token: %d %s", when, a.Status, a.Body)
		}
	}
	want(first, "before", 200)
	for range 2 { // it may come twice
		push(t, first, auth.Event("here", bearertest.Claims{"token_hashes": []string{bearer.TokenHash(byHash)}, "sub": "2"}))
		push(t, first, auth.Event("here", bearertest.Claims{"client_id": "c"}))
	}
	want(first, "told", 401)
	second := twin(t, first)
	want(second, "after a restart", 401)
	want(first, "the first again", 401)
}

// push sends an event to a server that takes it.
func push(t *testing.T, srv *sluicetest.Server, event string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+revocations, strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/secevent+jwt")
	if a := srv.Do(t, r); a.Status != http.StatusAccepted {
		t.Fatalf("the event: %d %s", a.Status, a.Body)
	}
}
