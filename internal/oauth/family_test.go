package oauth_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// The lives of a family's tokens, short enough to pass within one run.
const (
	familyAccess  = 5 * time.Minute
	familyRefresh = 20 * time.Minute
	familyCode    = time.Minute
	familyDevice  = 10 * time.Minute
	familyGrace   = 10 * time.Second
)

// TestWhateverTheOrderNoDeadTokenLives does whatever people and programs do to a
// grant in any order, keeps a simple account of what must be live, and asks after
// each step: introspection (RFC 7662), userinfo and the check in front of the API
// say of every token what the account says, and nobody gets two successors.
//
//	go test ./internal/oauth -run WhateverTheOrder -rapid.checks=500 -rapid.steps=60
func TestWhateverTheOrderNoDeadTokenLives(t *testing.T) {
	t.Parallel()
	for name, n := range map[string]string{"rapid.checks": "12", "rapid.steps": "25"} {
		if !isSet(name) {
			if err := flag.Set(name, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := newClock()
	c.Move(-time.Duration(c.Now().Nanosecond())) // whole seconds: nothing is rounded
	srv := setup(t, c.option(), sluicetest.Config(func(cfg *sluice.Config) {
		cfg.OAuth.UserinfoWithoutOpenID = false
		cfg.Throttle.Enabled = false // a run has more wrong attempts than one address may make
		cfg.OAuth.CodeTTL, cfg.OAuth.DeviceTTL, cfg.OAuth.RefreshGrace = familyCode, familyDevice, familyGrace
	}))
	var worlds atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt, srv, c, worlds.Add(1))
		rt.Repeat(map[string]func(*rapid.T){
			"": w.compare, "password": w.password, "client credentials": w.clientCredentials, "code": w.newCode, "redeem": w.redeem,
			"device": w.newDevice, "poll": w.pollDevice, "refresh": w.refresh, "refresh again": w.refresh, "revoke": w.revoke, "wait": w.wait,
			"exchange": w.exchange, "consent withdrawn": w.withdraw, "user on or off": w.switchUser, "client deleted or made": w.switchClient, "client on or off": w.disableClient, "sign out": w.signOut,
		})
		w.compareAll(rt)
	})
}

func isSet(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// family is the account of one grant.
type family struct {
	how     string
	client  *familyClient
	user    *familyUser    // nil: a client's own token
	session *familySession // nil: it came of no browser
	follows bool           // it ends with its session (OpenID Connect Back-Channel Logout §2.7)
	ended   bool
}

type familyToken struct {
	of        *family
	client    *familyClient // nil: the family's own; else who got it by an exchange
	openid    bool
	value     string
	refresh   bool
	expires   time.Time
	revoked   bool
	used      time.Time
	successor *familyToken
}

// oneUse is a code or a device code.
type oneUse struct {
	of      *family
	value   string
	device  bool
	expires time.Time
	used    bool
	unknown bool // it went with its client
}

// familySession is known by its address; an empty struct has none of its own.
type familySession struct{ _ byte }

type familyUser struct {
	name    string
	browser *sluicetest.Browser
	session *familySession
	off     bool
}

type familyClient struct {
	id, secret string
	jwt        bool
	gone       bool // deleted
	off        bool // disabled
}

// out reports that the client gets nothing at all.
func (k *familyClient) out() bool { return k.gone || k.off }

// world is one run's users, clients and everything that was given out.
type world struct {
	t       *testing.T // for what has nothing to do with the property
	srv     *sluicetest.Server
	clock   *clock
	users   []*familyUser
	clients []*familyClient
	tokens  []*familyToken
	once    []*oneUse
}

func newWorld(t *testing.T, rt *rapid.T, srv *sluicetest.Server, c *clock, n int64) *world {
	t.Helper()
	w := &world{t: t, srv: srv, clock: c}
	for i := range 2 {
		u := &familyUser{name: fmt.Sprintf("frog-%d-%d@example.com", n, i), browser: srv.Browser(t)}
		if _, err := srv.Admin.CreateUser(context.Background(), sluice.NewUser{Email: u.name, Password: password}); err != nil {
			rt.Fatal(err)
		}
		w.users = append(w.users, u)
		k := &familyClient{id: fmt.Sprintf("family-%d-%d", n, i), jwt: i == 1}
		w.makeClient(rt, k)
		w.clients = append(w.clients, k)
	}
	return w
}

func (w *world) makeClient(rt *rapid.T, k *familyClient) {
	format := "opaque"
	if k.jwt {
		format = "jwt"
	}
	c := sluice.Client{
		ID: k.id, GrantTypes: []string{"authorization_code", "password", "client_credentials", "refresh_token", deviceGrant, exchangeGrant}, RedirectURIs: []string{callback},
		Scopes: []string{"openid", "read", "offline_access"}, SkipConsent: true, TokenFormat: format, AccessTTL: familyAccess, RefreshTTL: familyRefresh,
	}
	c.ExchangeFrom = []string{"*"}
	secret, err := w.srv.Admin.CreateClient(context.Background(), sluice.NewClient{GenerateSecret: true, Client: c})
	if err != nil {
		rt.Fatal(err)
	}
	k.secret, k.gone, k.off = secret, false, false
}

func pick[T any](rt *rapid.T, name string, list []T) T {
	if len(list) == 0 {
		rt.Skip("there is none yet")
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(rt, name)]
}

func (w *world) client(rt *rapid.T) *familyClient { return pick(rt, "client", w.clients) }
func (w *world) user(rt *rapid.T) *familyUser     { return pick(rt, "user", w.users) }

// owner is mostly the right client.
func (w *world) owner(rt *rapid.T, f *family) *familyClient {
	if rapid.IntRange(0, 4).Draw(rt, "somebody else's") == 0 {
		return w.client(rt)
	}
	return f.client
}

// ask posts a form and compares how it went: want is the error's code, empty for
// success. A client that is gone is always told so.
func (w *world) ask(rt *rapid.T, k *familyClient, path, want string, pairs ...string) sluicetest.Answer {
	a := w.srv.PostAs(w.t, k.id, k.secret, path, form(pairs...))
	status := http.StatusBadRequest
	switch {
	case k.out():
		want, status = "invalid_client", http.StatusUnauthorized
	case want == "":
		status = http.StatusOK
	}
	if a.Status != status || a.Text("error") != want {
		rt.Fatalf("%s %v: %d %s; the account says %d %q", path, pairs, a.Status, a.Body, status, want)
	}
	return a
}

// take writes down what was given.
func (w *world) take(f *family, a sluicetest.Answer) (refresh *familyToken) {
	now := w.clock.Now()
	w.tokens = append(w.tokens, &familyToken{of: f, value: a.Text("access_token"), expires: now.Add(familyAccess), openid: strings.Contains(a.Text("scope"), "openid")})
	if a.Text("refresh_token") != "" {
		refresh = &familyToken{of: f, value: a.Text("refresh_token"), refresh: true, expires: now.Add(familyRefresh)}
	}
	return refresh
}

func (w *world) keep(refresh *familyToken) { w.tokens = append(w.tokens, refresh) }

func (w *world) clientCredentials(rt *rapid.T) {
	k := w.client(rt)
	if a := w.ask(rt, k, "/oauth/token", "", "grant_type", "client_credentials", "scope", "read"); !k.out() {
		w.take(&family{how: "client credentials", client: k}, a)
	}
}

func (w *world) password(rt *rapid.T) {
	k, u := w.client(rt), w.user(rt)
	want := ""
	if u.off {
		want = "invalid_grant"
	}
	a := w.ask(rt, k, "/oauth/token", want, "grant_type", "password", "username", u.name, "password", password, "scope", "openid read")
	if !k.out() && !u.off {
		w.keep(w.take(&family{how: "password", client: k, user: u}, a))
	}
}

// signIn opens an address as the user and signs in when asked to.
func (w *world) signIn(u *familyUser, open func()) {
	open()
	if u.browser.At.Path == "/login" {
		u.session = &familySession{}
		u.browser.SignIn(w.t, u.name, password)
	}
}

func (w *world) newCode(rt *rapid.T) {
	k, u := w.client(rt), w.user(rt)
	if k.out() || u.off {
		rt.Skip("nobody could")
	}
	scope := pick(rt, "scope", []string{"openid read", "read", "openid read offline_access"})
	given := ""
	w.signIn(u, func() {
		if away := u.browser.Open(w.t, authorize("client_id", k.id, "response_type", "code", "scope", scope)); away != nil {
			given = away.Query().Get("code")
		}
	})
	if given == "" { // it signed in: once more, now without a question
		given = u.browser.Open(w.t, authorize("client_id", k.id, "response_type", "code", "scope", scope)).Query().Get("code")
	}
	w.once = append(w.once, &oneUse{value: given, expires: w.clock.Now().Add(familyCode), of: w.ofBrowser("code", k, u, scope)})
}

func (w *world) ofBrowser(how string, k *familyClient, u *familyUser, scope string) *family {
	follows := strings.Contains(scope, "openid") && !strings.Contains(scope, "offline_access")
	return &family{how: how, client: k, user: u, session: u.session, follows: follows}
}

// redeem is RFC 6749 §4.1.2: a wrong try ends the code, a second one its tokens.
func (w *world) redeem(rt *rapid.T) {
	c := pick(rt, "code", codesOf(w.once, false))
	k := w.owner(rt, c.of)
	right := !c.used && !c.of.ended && w.clock.Now().Before(c.expires) && k == c.of.client && !c.of.client.out()
	want := ""
	if !right || c.of.user.off {
		want = "invalid_grant"
	}
	a := w.ask(rt, k, "/oauth/token", want, "grant_type", "authorization_code", "code", c.value)
	switch {
	case k.out() || right && c.of.user.off:
	case right:
		w.keep(w.take(c.of, a))
		c.used = true
	case c.used:
		c.of.ended = true
	default:
		c.used = true
	}
}

func codesOf(all []*oneUse, device bool) (list []*oneUse) {
	for _, c := range all {
		if c.device == device {
			list = append(list, c)
		}
	}
	return list
}

func (w *world) newDevice(rt *rapid.T) {
	k, u := w.client(rt), w.user(rt)
	if k.out() || u.off {
		rt.Skip("nobody could")
	}
	a := w.ask(rt, k, "/oauth/device_authorization", "", "scope", "openid read")
	w.signIn(u, func() { u.browser.Open(w.t, "/device"); u.browser.Submit(w.t, "user_code", a.Text("user_code")) })
	u.browser.Submit(w.t, "decision", "allow")
	if !strings.Contains(u.browser.Page.Body, "Your device is connected") {
		rt.Fatalf("%d %s", u.browser.Page.Status, u.browser.Page.Body)
	}
	w.once = append(w.once, &oneUse{value: a.Text("device_code"), device: true, expires: w.clock.Now().Add(familyDevice), of: w.ofBrowser("device", k, u, "openid read")})
}

func (w *world) pollDevice(rt *rapid.T) {
	c := pick(rt, "device", codesOf(w.once, true))
	k := w.owner(rt, c.of)
	want := ""
	switch {
	case k != c.of.client || c.unknown:
		want = "invalid_grant"
	case !w.clock.Now().Before(c.expires):
		want = "expired_token"
	case c.used || c.of.ended || c.of.user.off:
		want = "invalid_grant"
	}
	if a := w.ask(rt, k, "/oauth/token", want, "grant_type", deviceGrant, "device_code", c.value); want == "" && !k.out() {
		w.keep(w.take(c.of, a))
		c.used = true
	}
}

// refresh is RFC 9700 §4.14.2 with the grace window.
func (w *world) refresh(rt *rapid.T) {
	r := pick(rt, "refresh token", tokensOf(w.tokens, true))
	k := w.owner(rt, r.of)
	if k.out() {
		w.ask(rt, k, "/oauth/token", "", "grant_type", "refresh_token", "refresh_token", r.value)
		return
	}
	now := w.clock.Now()
	stands := k == r.of.client && !r.of.ended && now.Before(r.expires) && !r.of.user.off
	repeated := !r.used.IsZero()
	honest := repeated && now.Sub(r.used) < familyGrace && r.successor.used.IsZero()
	want := ""
	if !stands || repeated && !honest {
		want = "invalid_grant"
	}
	a := w.ask(rt, k, "/oauth/token", want, "grant_type", "refresh_token", "refresh_token", r.value)
	switch {
	case want == "" && repeated:
		if w.take(r.of, a).value != r.successor.value {
			rt.Fatal("two successors of one refresh token")
		}
	case want == "":
		r.used, r.successor = now, w.take(r.of, a)
		w.keep(r.successor)
	case stands:
		r.of.ended = true
	}
}

func tokensOf(all []*familyToken, refresh bool) (list []*familyToken) {
	for _, t := range all {
		if t.refresh == refresh {
			list = append(list, t)
		}
	}
	return list
}

// revoke is RFC 7009: always 200 for a client that is known.
func (w *world) revoke(rt *rapid.T) {
	token := pick(rt, "token", w.tokens)
	k := w.owner(rt, token.of)
	w.ask(rt, k, "/oauth/revoke", "", "token", token.value)
	if k.out() || k != token.owner() {
		return
	}
	if token.refresh {
		token.of.ended = true
	} else {
		token.revoked = true
	}
}

// exchange is RFC 8693: the new token lives in the family of the old one, for no longer
// than it, and for the one who got it.
func (w *world) exchange(rt *rapid.T) {
	subject, k := pick(rt, "token", w.tokens), w.client(rt)
	want := ""
	if !w.live(subject) || subject.refresh || (subject.of.user == nil && subject.of.client != k) {
		want = "invalid_request"
	}
	a := w.ask(rt, k, "/oauth/token", want, "grant_type", exchangeGrant, "subject_token", subject.value, "subject_token_type", accessType)
	if want == "" && !k.out() {
		w.tokens = append(w.tokens, &familyToken{of: subject.of, client: k, value: a.Text("access_token"), expires: subject.expires})
	}
}

// withdraw ends what a page has begun, by a browser or for a device.
func (w *world) withdraw(rt *rapid.T) {
	k, u := w.client(rt), w.user(rt)
	if k.gone {
		rt.Skip("it is gone")
	}
	var live int
	for _, c := range w.once {
		if c.of.client == k && c.of.user == u && !c.of.ended {
			live++
		}
	}
	err := w.srv.Admin.RevokeConsent(context.Background(), u.name, k.id)
	if live > 0 && err != nil {
		rt.Fatal(err)
	}
	w.end(func(f *family) bool { return f.client == k && f.user == u && (f.how == "code" || f.how == "device") })
}

func (w *world) wait(rt *rapid.T) {
	w.clock.Move(pick(rt, "how long", []time.Duration{time.Second, 9 * time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 11 * time.Minute}))
}

// switchUser: what a disabled user had does not come back with him.
func (w *world) switchUser(rt *rapid.T) {
	u := w.user(rt)
	if err := w.srv.Admin.SetUserActive(context.Background(), u.name, u.off); err != nil {
		rt.Fatal(err)
	}
	u.off = !u.off
	w.end(func(f *family) bool { return f.user == u })
}

func (w *world) switchClient(rt *rapid.T) {
	k := w.client(rt)
	if k.gone {
		w.makeClient(rt, k)
		return
	}
	if err := w.srv.Admin.DeleteClient(context.Background(), k.id); err != nil {
		rt.Fatal(err)
	}
	k.gone = true
	w.end(func(f *family) bool { return f.client == k })
	w.forget(k)
}

// disableClient: what a disabled client had does not come back with it.
func (w *world) disableClient(rt *rapid.T) {
	k := w.client(rt)
	if k.gone {
		rt.Skip("it is gone")
	}
	if err := w.srv.Admin.SetClientActive(context.Background(), k.id, k.off); err != nil {
		rt.Fatal(err)
	}
	k.off = !k.off
	w.end(func(f *family) bool { return f.client == k })
	w.forget(k)
}

// forget drops codes of a deleted client: they are unknown now, so that using them
// ends nothing.
func (w *world) forget(k *familyClient) {
	for _, c := range w.once {
		if c.of.client == k {
			c.used, c.unknown = true, true
		}
	}
}

func (w *world) signOut(rt *rapid.T) {
	u := w.user(rt)
	u.browser.Open(w.t, "/logout")
	if !strings.Contains(u.browser.Page.Body, `action="/logout"`) {
		return // there is no session
	}
	u.browser.Submit(w.t)
	w.end(func(f *family) bool { return f.session != nil && f.session == u.session && f.follows })
}

func (w *world) end(which func(*family) bool) {
	for _, t := range w.tokens {
		t.of.ended = t.of.ended || which(t.of)
	}
	for _, c := range w.once {
		c.of.ended = c.of.ended || which(c.of)
	}
}

// owner is the client that a token was issued to.
func (t *familyToken) owner() *familyClient {
	if t.client != nil {
		return t.client
	}
	return t.of.client
}

func (w *world) live(t *familyToken) bool {
	return !t.revoked && t.used.IsZero() && !t.of.ended && !t.owner().out() && !t.of.client.out() && (t.of.user == nil || !t.of.user.off) && w.clock.Now().Before(t.expires)
}

// compare asks about every token at introspection.
func (w *world) compare(rt *rapid.T) {
	for _, t := range w.tokens {
		if told := active(w.t, w.srv, t.value); told != w.live(t) {
			rt.Fatalf("a token of %+v (refresh: %v) is told as active=%v; the account says %v", *t.of, t.refresh, told, w.live(t))
		}
	}
	if n := len(w.tokens); n > 0 {
		w.compareElsewhere(rt, w.tokens[n-1])
	}
}

func (w *world) compareAll(rt *rapid.T) {
	for _, t := range w.tokens {
		w.compareElsewhere(rt, t)
	}
}

// compareElsewhere asks userinfo and the check in front of the API, which lets no
// refresh token in.
func (w *world) compareElsewhere(rt *rapid.T, t *familyToken) {
	live := w.live(t) && !t.refresh
	userinfo, api := http.StatusUnauthorized, http.StatusUnauthorized
	switch {
	case live && t.of.user == nil: // it speaks for nobody
		userinfo, api = http.StatusForbidden, http.StatusForbidden
	case live && !t.openid:
		userinfo, api = http.StatusForbidden, http.StatusOK
	case live:
		userinfo, api = http.StatusOK, http.StatusOK
	}
	if a := w.srv.Get(w.t, "/oauth/userinfo", "Authorization", "Bearer "+t.value); a.Status != userinfo {
		rt.Fatalf("userinfo: %d %s; the account says %d", a.Status, a.Body, userinfo)
	}
	if a := w.srv.Call(w.t, t.value, http.MethodGet, "app-version", nil); a.Status != api {
		rt.Fatalf("API: %d %s; the account says %d", a.Status, a.Body, api)
	}
}
