package oauth_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

func tv(c *sluice.Client) {
	c.Name, c.GrantTypes, c.RedirectURIs = "Living room", []string{deviceGrant, "refresh_token"}, nil
}

func poll(t *testing.T, srv *sluicetest.Server, id, code string) sluicetest.Answer {
	t.Helper()
	return srv.Post(t, "/oauth/token", form("grant_type", deviceGrant, "client_id", id, "device_code", code))
}

// enterCode types a code and signs in; it ends at the question.
func enterCode(t *testing.T, srv *sluicetest.Server, code string) *sluicetest.Browser {
	t.Helper()
	b := srv.Browser(t)
	b.Open(t, "/device")
	b.Submit(t, "user_code", code)
	if b.At.Path == "/login" {
		b.SignIn(t, kermit, password)
	}
	return b
}

// RFC 8628, from the device's question to its tokens.
//
// Requirement R151, RFC 8628 §3.2 REQUIRED: the answer has both codes, the address, lifetime and interval
// Requirement R154, RFC 8628 §3.4 MUST: the device's grant gives tokens after the user's yes
// Requirement R155, RFC 8628 §3.5 MUST: until the user has answered the device is told to wait
// Requirement R156, RFC 8628 §3.5 MUST: a hasty device is slowed down, by five seconds each time
// Requirement R158, RFC 8628 §3.5 MUST: a device code works once
// Requirement R159, RFC 8628 §5.1 SHOULD: user codes have no vowels, and guessing them is slowed down
// Requirement R161, RFC 8628 §5.4 SHOULD: the page names who asks and for what
// Requirement R162, RFC 8628 §6.1 SHOULD: case and punctuation of a typed code do not matter
func TestDevice(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("tv", "", tv))
	a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "read"))
	userCode, device := a.Text("user_code"), a.Text("device_code")
	if a.Status != 200 || !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(userCode) ||
		a.Text("verification_uri") != srv.URL+"/device" || a.Text("verification_uri_complete") != srv.URL+"/device?user_code="+userCode ||
		a.JSON["expires_in"] != 600.0 || a.JSON["interval"] != 5.0 || !strings.HasPrefix(device, "slc_dc_") {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := poll(t, srv, "tv", device); a.Status != 400 || a.Text("error") != "authorization_pending" {
		t.Errorf("first poll: %d %s", a.Status, a.Body)
	}
	if a := poll(t, srv, "tv", device); a.Text("error") != "slow_down" {
		t.Errorf("hasty poll: %s", a.Body)
	}
	c.Move(6 * time.Second)
	if a := poll(t, srv, "tv", device); a.Text("error") != "slow_down" {
		t.Errorf("after slow_down five seconds are not enough (RFC 8628 §3.5): %s", a.Body)
	}
	c.Move(16 * time.Second)
	if a := poll(t, srv, "tv", device); a.Text("error") != "authorization_pending" {
		t.Errorf("a patient poll: %s", a.Body)
	}
	typed := " " + strings.ToLower(strings.ReplaceAll(userCode, "-", " "))
	b := enterCode(t, srv, typed)
	if !strings.Contains(b.Page.Body, userCode) || !strings.Contains(b.Page.Body, "Living room") || !strings.Contains(b.Page.Body, "See your tasks") {
		t.Fatalf("the question: %d %s", b.Page.Status, b.Page.Body)
	}
	b.Submit(t, "decision", "allow")
	if b.Page.Status != 200 || !strings.Contains(b.Page.Body, "Your device is connected") {
		t.Fatalf("%d %s", b.Page.Status, b.Page.Body)
	}
	c.Move(16 * time.Second)
	got := together(20, func() int { return poll(t, srv, "tv", device).Status })
	if got[200] != 1 || got[400] != 19 {
		t.Errorf("parallel polls: %v", got)
	}
	if a := poll(t, srv, "tv", device); a.Text("error") != "invalid_grant" {
		t.Errorf("used: %s", a.Body)
	}
}

func TestDeviceTokens(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv))
	a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv", "scope", "openid read"))
	enterCode(t, srv, a.Text("user_code")).Submit(t, "decision", "allow")
	a = poll(t, srv, "tv", a.Text("device_code"))
	if a.Status != 200 || a.Text("scope") != "openid read" || a.Text("id_token") == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := srv.Call(t, a.Text("access_token"), "GET", "profile", nil); a.Text("email") != kermit {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	a = srv.Post(t, "/oauth/token", form("grant_type", "refresh_token", "client_id", "tv", "refresh_token", a.Text("refresh_token")))
	if a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// Requirement R149, RFC 8628 §3.1
// Requirement R153, RFC 8628 §3.3 MUST: the user's no reaches the device
// Requirement R157, RFC 8628 §3.5 MUST: a late device is told that its code has expired
// Requirement R160, RFC 8628 §5.2 MUST: a device code has 256 bits and works for its client alone
// Requirement R152, RFC 8628 §3.2 MAY: the address with the code fills it in and still asks
func TestDeviceRefused(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("tv", "", tv), client("tv2", "", tv), client("box", "secret", tv))
	begin := func() (user, device string) {
		a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv"))
		return a.Text("user_code"), a.Text("device_code")
	}
	user, device := begin()
	b := enterCode(t, srv, user)
	action, fields := b.Form(t)
	b.Submit(t, "decision", "deny")
	if !strings.Contains(b.Page.Body, "was not connected") {
		t.Errorf("denied: %d %s", b.Page.Status, b.Page.Body)
	}
	if a := poll(t, srv, "tv", device); a.Text("error") != "access_denied" {
		t.Errorf("denied: %s", a.Body)
	}
	fields.Set("decision", "allow")
	if b.Send(t, action, fields); b.Page.Status != 404 {
		t.Errorf("another answer: %d", b.Page.Status)
	}
	user, device = begin()
	if a := poll(t, srv, "tv2", device); a.Text("error") != "invalid_grant" {
		t.Errorf("another client: %s", a.Body)
	}
	if a := poll(t, srv, "tv", device+"x"); a.Text("error") != "invalid_grant" {
		t.Errorf("unknown: %s", a.Body)
	}
	first, second := enterCode(t, srv, user), enterCode(t, srv, user)
	first.Submit(t, "decision", "allow")
	if second.Submit(t, "decision", "allow"); second.Page.Status != 409 {
		t.Errorf("two users for one device: %d", second.Page.Status)
	}
	user, device = begin()
	c.Move(11 * time.Minute)
	if a := poll(t, srv, "tv", device); a.Text("error") != "expired_token" {
		t.Errorf("expired: %s", a.Body)
	}
	b = srv.Browser(t)
	b.Open(t, "/device?user_code="+url.QueryEscape(user))
	if !strings.Contains(b.Page.Body, user) {
		t.Error("the code in the address is not filled in")
	}
	if b.Submit(t, "user_code", user); b.Page.Status != 400 || !strings.Contains(b.Page.Body, "This code is not known") {
		t.Errorf("an expired code: %d", b.Page.Status)
	}
	for name, x := range map[string]struct {
		form url.Values
		code string
	}{
		"not registered": {form("client_id", "spa"), "unauthorized_client"}, "unknown": {form("client_id", "nobody"), "invalid_client"},
		"no secret": {form("client_id", "box"), "invalid_client"}, "scope": {form("client_id", "tv", "scope", "root"), "invalid_scope"},
	} {
		if a := srv.Post(t, "/oauth/device_authorization", x.form); a.Text("error") != x.code {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// A remembered consent is none for a device: somebody else may have begun it (RFC
// 8628 §5.4).
//
// Requirement X09, RFC 8628 §5.4 own: a device's question is asked each time, and answered in the browser that it was shown in
func TestADeviceIsAlwaysAskedAbout(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", func(c *sluice.Client) { tv(c); c.SkipConsent = true }))
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	for range 2 {
		a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv"))
		b.Open(t, "/device")
		b.Submit(t, "user_code", a.Text("user_code"))
		if !strings.Contains(b.Page.Body, `action="/oauth/consent"`) {
			t.Fatalf("not asked: %s", b.Page.Body)
		}
		b.Submit(t, "decision", "allow")
	}
}

// The form is of no use to other sites (CSRF), nor is one browser's question to
// another browser.
//
// Requirement X09, RFC 8628 §5.4
func TestADevicesQuestionIsBoundToItsBrowser(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("tv", "", tv))
	a := srv.Post(t, "/oauth/device_authorization", form("client_id", "tv"))
	if got := srv.Post(t, "/device", form("user_code", a.Text("user_code")), "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site"); got.Status != 403 {
		t.Errorf("from another site: %d", got.Status)
	}
	attacker := enterCode(t, srv, a.Text("user_code"))
	_, fields := attacker.Form(t)
	victim := srv.Browser(t)
	victim.SignIn(t, kermit, password)
	victim.Open(t, "/device")
	_, own := victim.Form(t)
	fields.Set("form_token", own.Get("form_token"))
	fields.Set("decision", "allow")
	if victim.Send(t, "/oauth/consent", fields); victim.Page.Status != 404 {
		t.Errorf("another browser's question: %d", victim.Page.Status)
	}
}

// golang.org/x/oauth2 sends no secret when a device begins.
func TestDeviceWithoutItsSecret(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("box", "secret", tv), sluicetest.Config(func(c *sluice.Config) { c.OAuth.DeviceWithoutSecret = true }))
	a := srv.Post(t, "/oauth/device_authorization", form("client_id", "box"))
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := poll(t, srv, "box", a.Text("device_code")); a.Text("error") != "invalid_client" {
		t.Errorf("a poll without the secret: %s", a.Body)
	}
	if a := srv.Post(t, "/oauth/device_authorization", form("client_id", "box", "client_secret", "wrong")); a.Status != 401 {
		t.Errorf("a wrong secret: %d", a.Status)
	}
}
