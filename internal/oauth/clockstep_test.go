package oauth_test

import (
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// RELIABILITY F8: the clock steps while the server runs, an hour or a day ahead and
// back. No token is taken past its expiry, no life is negative, and what was used
// stays used.
func TestTheClockSteps(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("tv", "", tv))
	first := tokens(t, srv)
	access := func(step string, live bool) {
		t.Helper()
		if active(t, srv, first.Text("access_token")) != live {
			t.Errorf("%s: introspection, want active=%v", step, live)
		}
		if a := srv.Call(t, first.Text("access_token"), "GET", "app-version", nil); (a.Status == 200) != live {
			t.Errorf("%s: API: %d", step, a.Status)
		}
	}
	issue := func(step string) {
		t.Helper()
		a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "client_credentials"))
		if a.Status != 200 || a.JSON["expires_in"] != 3600.0 || !active(t, srv, a.Text("access_token")) {
			t.Errorf("%s: a new token: %d %s", step, a.Status, a.Body)
		}
	}
	// What is begun now.
	b := srv.Browser(t)
	unused := b.Authorize(t, form("client_id", "web", "response_type", "code"), kermit, password).Query().Get("code")
	used := b.Authorize(t, form("client_id", "web", "response_type", "code"), kermit, password).Query().Get("code")
	redeem := func(code string) sluicetest.Answer {
		return srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", code))
	}
	if a := redeem(used); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	device := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv")).Text("device_code")
	key := bearertest.NewKey(t, "ES256")
	proof := key.Proof("POST", srv.URL+"/oauth/token", "", bearertest.Claims{"iat": c.Now().Unix()})
	prove := func() sluicetest.Answer {
		return srv.Post(t, "/oauth/token", form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret"), "DPoP", proof)
	}
	if a := prove(); a.Status != 200 {
		t.Fatalf("proof: %d %s", a.Status, a.Body)
	}

	c.Move(-time.Hour)
	if a := srv.Call(t, first.Text("access_token"), "GET", "app-version", nil); !active(t, srv, first.Text("access_token")) || a.Status != 401 {
		t.Errorf("an hour back: the token of an hour ahead is not in force at the API yet (nbf), and not dead: %d", a.Status)
	}
	issue("an hour back")
	if a := prove(); a.Text("error") != "invalid_dpop_proof" {
		t.Errorf("a proof of an hour ahead: %d %s", a.Status, a.Body)
	}
	c.Move(time.Hour)
	access("as before", true)
	if a := prove(); a.Text("error") != "invalid_dpop_proof" {
		t.Errorf("a proof again: %d %s", a.Status, a.Body)
	}
	c.Move(time.Hour)
	access("an hour ahead", false)
	issue("an hour ahead")
	if a := redeem(unused); a.Text("error") != "invalid_grant" {
		t.Errorf("a code of an hour ago: %d %s", a.Status, a.Body)
	}
	if a := poll(t, srv, "tv", device); a.Text("error") != "expired_token" {
		t.Errorf("a device code of an hour ago: %d %s", a.Status, a.Body)
	}
	c.Move(23 * time.Hour)
	access("a day ahead", false)
	issue("a day ahead")
	if b.Open(t, authorize("client_id", "web", "response_type", "code")); b.At.Path != "/login" {
		t.Errorf("a session of a day ago is taken: %s", b.At)
	}
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "refresh_token", "refresh_token", first.Text("refresh_token")))
	if a.Status != 200 || a.JSON["expires_in"] != 3600.0 {
		t.Errorf("refresh a day later: %d %s", a.Status, a.Body)
	}

	c.Move(-24 * time.Hour) // and back to where it began
	if a := redeem(used); a.Text("error") != "invalid_grant" {
		t.Errorf("a used code after the clock went back: %d %s", a.Status, a.Body)
	}
	if a := prove(); a.Text("error") != "invalid_dpop_proof" {
		t.Errorf("a used proof after the clock went back: %d %s", a.Status, a.Body)
	}
	if active(t, srv, first.Text("refresh_token")) {
		t.Error("a used refresh token is live after the clock went back")
	}
	if next := a.Text("refresh_token"); !active(t, srv, next) {
		t.Error("its successor is dead")
	}
}

// RELIABILITY F8: ids that count once, and nonces, while the clock steps. What was used
// stays used when the clock comes back to the time in which it counts.
func TestTheClockStepsBeneathIDs(t *testing.T) {
	t.Parallel()
	c := newClock()
	key := bearertest.NewKey(t, "ES256")
	srv := setup(t, c.option(), keyed("keyed", key, nil), sluicetest.Config(func(cfg *sluice.Config) { cfg.OAuth.DPoPNonces = true }))
	begun := c.Now()
	sign := func() string { return key.Sign(nil, assertion(srv, "keyed", begun, nil)) }
	used, unused := sign(), sign()
	present := func(step, assertion string, want int) {
		t.Helper()
		f := asserted(assertion)
		f.Set("grant_type", "client_credentials")
		if a := srv.Post(t, "/oauth/token", f); a.Status != want {
			t.Errorf("%s: an assertion: %d %s", step, a.Status, a.Body)
		}
	}
	own := form("grant_type", "client_credentials", "client_id", "web", "client_secret", "secret")
	prove := func(nonce string) sluicetest.Answer {
		return proved(t, srv, key, own, bearertest.Claims{"nonce": nonce, "iat": c.Now().Unix()})
	}
	nonce := srv.Post(t, "/oauth/token", own, "DPoP", key.Proof("POST", srv.URL+"/oauth/token", "", bearertest.Claims{"iat": c.Now().Unix()})).Header.Get("DPoP-Nonce")
	noncesIn := func(step string, old int) {
		t.Helper()
		a := prove(nonce)
		if a.Status != old || (old != 200 && a.Text("error") != "use_dpop_nonce") {
			t.Errorf("%s: the nonce: %d %s", step, a.Status, a.Body)
		}
		if b := prove(a.Header.Get("DPoP-Nonce")); b.Status != 200 {
			t.Errorf("%s: the nonce that it names: %d %s", step, b.Status, b.Body)
		}
	}
	present("now", used, 200)
	noncesIn("now", 200)
	for _, step := range []time.Duration{-time.Hour, time.Hour, 24 * time.Hour} {
		c.Move(step)
		present(step.String(), used, 401)
		present(step.String(), unused, 401)
		noncesIn(step.String(), 400)
		c.Move(-step)
		present("back from "+step.String(), used, 401)
		noncesIn("back from "+step.String(), 200)
	}
	present("back", unused, 200)
	present("back", unused, 401)
}
