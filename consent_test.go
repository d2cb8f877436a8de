package sluice_test

import (
	"context"
	"database/sql"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

// tv is a client of devices.
var tv = sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "tv", GrantTypes: []string{deviceGrant, "refresh_token"}, Scopes: []string{"read"}}})

// askForCode asks for a code of the client "app", without a page when that can be.
func askForCode(scope string, pairs ...string) string {
	query := url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {scope}}
	for i := 0; i < len(pairs); i += 2 {
		query.Set(pairs[i], pairs[i+1])
	}
	return "/oauth/authorize?" + query.Encode()
}

// held runs a statement in a transaction beside the server, which the test ends.
func held(t *testing.T, srv *sluicetest.Server, statement string) *sql.Tx {
	t.Helper()
	tx, err := database(t, srv).BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	return tx
}

// waits waits until n requests wait for what the test holds in PostgreSQL; ended says
// that one of them did not.
func waits(t *testing.T, srv *sluicetest.Server, n int, ended <-chan struct{}) {
	t.Helper()
	db := database(t, srv)
	for found := 0; found < n; {
		err := db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&found)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-ended:
			t.Fatalf("%d wait, not %d: one went on", found, n)
		case <-time.After(time.Millisecond):
		}
	}
}

// A consent that is withdrawn while a grant is being made on it: the grant is not made.
//
// RFC 6749 §10.3: what the user has taken back gives nothing
func TestConsentIsWithdrawnMeanwhile(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	b := srv.Browser(t)
	b.Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read"}}, kermit, password)
	if away := b.Open(t, askForCode("read", "prompt", "none")); away == nil || away.Query().Get("code") == "" {
		t.Fatalf("the consent is not remembered: %v", away)
	}
	withdrawing := held(t, srv, `DELETE FROM consents`)
	answered := make(chan struct{})
	var away *url.URL
	go func() {
		defer close(answered)
		away = b.Open(t, askForCode("read", "prompt", "none"))
	}()
	if srv.Config.Database != "" { // SQLite cannot tell; there a grant is made before or after
		waits(t, srv, 1, answered)
	}
	if err := withdrawing.Commit(); err != nil {
		t.Fatal(err)
	}
	<-answered
	if away == nil || away.Query().Get("code") != "" || away.Query().Get("error") != "consent_required" {
		t.Errorf("sent to %v", away)
	}
	grants, _, err := srv.Admin.Grants(t.Context(), sluice.Selection{})
	if err != nil || len(grants) != 2 {
		t.Errorf("%d grants, want the two from before; %v", len(grants), err)
	}
}

// Who withdraws a consent while a grant is being made on it waits for the grant, and
// ends it too. On SQLite nobody else writes meanwhile anyway.
func TestWithdrawalWaitsForTheGrant(t *testing.T) {
	t.Parallel()
	srv := newServer(t)
	if srv.Config.Database == "" {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	b := srv.Browser(t)
	b.Authorize(t, url.Values{"client_id": {"app"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"read"}}, kermit, password)
	// The grant's transaction stops between its consent and its end: at the client's row.
	holding := held(t, srv, `SELECT 1 FROM clients WHERE id = 'app' FOR UPDATE`)
	granted, withdrawn := make(chan struct{}), make(chan struct{})
	var away *url.URL
	var failed error
	go func() {
		defer close(granted)
		away = b.Open(t, askForCode("read"))
	}()
	waits(t, srv, 1, granted)
	go func() {
		defer close(withdrawn)
		failed = srv.Admin.RevokeConsent(context.Background(), kermit, "app")
	}()
	waits(t, srv, 2, withdrawn)
	if err := holding.Rollback(); err != nil {
		t.Fatal(err)
	}
	<-granted
	<-withdrawn
	if away == nil || away.Query().Get("code") == "" || failed != nil {
		t.Fatalf("sent to %v, %v", away, failed)
	}
	if grants, _, err := srv.Admin.Grants(t.Context(), sluice.Selection{}); err != nil || len(grants) != 0 {
		t.Errorf("%+v live, %v", grants, err)
	}
	if a := srv.PostAs(t, "app", "app secret", "/oauth/token",
		url.Values{"grant_type": {"authorization_code"}, "code": {away.Query().Get("code")}, "redirect_uri": {callback}}); a.Text("error") != "invalid_grant" {
		t.Errorf("its code: %d %s", a.Status, a.Body)
	}
}

// connect allows a device, and returns what it polls with.
func connect(t *testing.T, srv *sluicetest.Server) (deviceCode string) {
	t.Helper()
	a := srv.Post(t, "/oauth/device_authorization", url.Values{"client_id": {"tv"}, "scope": {"read"}})
	b := srv.Browser(t)
	b.Open(t, "/device")
	b.Submit(t, "user_code", a.Text("user_code"))
	b.SignIn(t, kermit, password)
	if b.Submit(t, "decision", "allow"); b.Page.Status != 200 || !strings.Contains(b.Page.Body, "Your device is connected") {
		t.Fatalf("%d %s", b.Page.Status, b.Page.Body)
	}
	return a.Text("device_code")
}

func pollDevice(t *testing.T, srv *sluicetest.Server, deviceCode string) sluicetest.Answer {
	t.Helper()
	return srv.Post(t, "/oauth/token", url.Values{"grant_type": {deviceGrant}, "client_id": {"tv"}, "device_code": {deviceCode}})
}

// A yes for a device is not remembered, but it can be withdrawn: the device loses its
// tokens, and one that was allowed and has not asked yet gets none.
func TestWithdrawnConsentEndsDevices(t *testing.T) {
	t.Parallel()
	srv := newServer(t, tv)
	issued := pollDevice(t, srv, connect(t, srv))
	if issued.Status != 200 {
		t.Fatal(issued.Body)
	}
	waiting := connect(t, srv)
	other := byPage(t, srv, "read")
	counts(t, srv, "another client's", other, true)
	active := func() any {
		return srv.PostAs(t, "app", "app secret", "/oauth/introspect", url.Values{"token": {issued.Text("access_token")}}).JSON["active"]
	}
	api := func() int { return srv.Call(t, issued.Text("access_token"), "GET", "profile", nil).Status }
	if got := api(); got != 200 || active() == nil {
		t.Fatalf("before: %d", got)
	}
	if err := srv.Admin.RevokeConsent(t.Context(), kermit, "tv"); err != nil {
		t.Fatal(err)
	}
	if got := api(); got != 401 || active() != false {
		t.Errorf("afterwards: %d", got)
	}
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"tv"}, "refresh_token": {issued.Text("refresh_token")}}
	if a := srv.Post(t, "/oauth/token", refresh); a.Status != 400 || a.Text("error") != "invalid_grant" {
		t.Errorf("refresh: %d %s", a.Status, a.Body)
	}
	if a := pollDevice(t, srv, waiting); a.Status != 400 || a.Text("error") != "invalid_grant" || a.Text("access_token") != "" {
		t.Errorf("the device that waits: %d %s", a.Status, a.Body)
	}
	if err := srv.Admin.RevokeConsent(t.Context(), kermit, "tv"); err == nil {
		t.Error("there is nothing left to withdraw, and nothing is said")
	}
	if a := srv.Call(t, other.Text("access_token"), "GET", "profile", nil); a.Status != 200 {
		t.Errorf("another client's: %d", a.Status)
	}
	if got := recorded(t, srv, sluice.AuditQuery{Event: "consent.revoke"}); len(got) != 1 || !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "consent.revoke success") }) {
		t.Errorf("%q", got)
	}
}

// Who says no is in the record too, at a page and for a device.
func TestARefusedConsentIsRecorded(t *testing.T) {
	t.Parallel()
	srv := newServer(t, tv)
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	b.Open(t, askForCode("read"))
	if away := b.Submit(t, "decision", "deny"); away == nil || away.Query().Get("error") != "access_denied" {
		t.Fatalf("sent to %v", away)
	}
	a := srv.Post(t, "/oauth/device_authorization", url.Values{"client_id": {"tv"}})
	b.Open(t, "/device")
	b.Submit(t, "user_code", a.Text("user_code"))
	if b.Submit(t, "decision", "deny"); b.Page.Status != 200 || pollDevice(t, srv, a.Text("device_code")).Text("error") != "access_denied" {
		t.Fatalf("%d %s", b.Page.Status, b.Page.Body)
	}
	events, _, err := srv.Admin.Audit(t.Context(), sluice.AuditQuery{Event: "consent.give", Oldest: true})
	if err != nil || len(events) != 2 {
		t.Fatalf("%+v %v", events, err)
	}
	for i, client := range []string{"client:app", "client:tv"} {
		if e := events[i]; e.Outcome != "denied" || e.Subject != client || !strings.HasPrefix(e.Actor, "user:") || e.ActorName != kermit {
			t.Errorf("%+v", e)
		}
	}
}

// Receivers are told of a deleted client once.
func TestADeletedClientIsToldOnce(t *testing.T) {
	t.Parallel()
	srv := pushing(t, newDoor(t))
	byPassword(t, srv, kermit)
	if err := srv.Admin.DeleteClient(t.Context(), "app"); err != nil {
		t.Fatal(err)
	}
	if list, _, err := srv.Admin.Outbox(t.Context(), 0, 0); err != nil || len(list) != 1 || list[0].Kind != "revocation" {
		t.Errorf("%+v %v", list, err)
	}
}
