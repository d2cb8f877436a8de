package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/sluicetest"
)

// together is how many requests use one thing at once.
const together = 10

// double is a place where one thing is used by many at once, on one or two server
// processes.
type double struct {
	callers []*caller
	browser *sluicetest.Browser // that is signed in
	person  *http.Client        // the same, for several pages at once
	first   *program
}

func newDouble(t *testing.T, settings ...string) *double {
	t.Helper()
	addr := freeAddress(t)
	place := newPlace(t, "http://"+addr)
	d := &double{first: place.run(t, addr, settings...)}
	d.callers = append(d.callers, newCaller(d.first.URL, place.secret))
	if place.where.URL != "" { // a SQLite file has one process
		second := place.run(t, freeAddress(t), settings...)
		d.callers = append(d.callers, newCaller(second.URL, place.secret))
	}
	for _, c := range d.callers { // connections that are open already make the uses meet
		c.client.Transport = &http.Transport{MaxIdleConnsPerHost: together}
	}
	d.signIn(t)
	return d
}

// signIn signs the user in and keeps the browser.
func (d *double) signIn(t *testing.T) {
	t.Helper()
	d.browser = d.first.Browser(t)
	d.browser.SignIn(t, frog, frogSecret)
	d.person = &http.Client{Jar: d.browser.Client().Jar, Transport: &http.Transport{MaxIdleConnsPerHost: together}, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), comeBack) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

// open goes to a page of a process and returns its status and, when the browser is
// sent back to the client, what it brings.
func (d *double) open(base, path string) (status int, brings url.Values, err error) {
	resp, err := d.person.Get(base + path)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if away, err := resp.Location(); err == nil {
		return resp.StatusCode, away.Query(), nil
	}
	return resp.StatusCode, nil, nil
}

func (d *double) code(t *testing.T) string {
	t.Helper()
	status, brings, err := d.open(d.first.URL, "/oauth/authorize?"+url.Values{"client_id": {"app"}, "response_type": {"code"}}.Encode())
	if err != nil || brings.Get("code") == "" {
		t.Fatalf("no code: %d %v %v", status, brings, err)
	}
	return brings.Get("code")
}

func (d *double) must(t *testing.T, status int, path string, form url.Values) reply {
	t.Helper()
	a, err := d.callers[0].post(path, form)
	if err != nil || a.status != status {
		t.Fatalf("%s: %d %s %v", path, a.status, a.body, err)
	}
	return a
}

// atOnce has the same form posted by many, spread over the processes, and returns
// the answers.
func (d *double) atOnce(t *testing.T, path string, form url.Values) []reply {
	t.Helper()
	answers, problems := make([]reply, together), make([]error, together)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range together {
		wg.Go(func() {
			<-gate
			answers[i], problems[i] = d.callers[i%len(d.callers)].post(path, form)
		})
	}
	close(gate)
	wg.Wait()
	for _, err := range problems {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// won returns the one answer that succeeded; every other one must have failed with
// 400 and the code.
func won(answers []reply, code string) (one reply, err error) {
	for _, a := range answers {
		switch {
		case a.status == http.StatusOK && one.status == 0:
			one = a
		case a.status == http.StatusOK:
			return one, fmt.Errorf("two successes")
		case a.status != http.StatusBadRequest || a.text("error") != code:
			return one, fmt.Errorf("%d %s", a.status, a.body)
		}
	}
	if one.status == 0 {
		return one, fmt.Errorf("no success")
	}
	return one, nil
}

func (d *double) active(t *testing.T, token string) bool {
	t.Helper()
	live, ok := d.must(t, http.StatusOK, "/oauth/introspect", url.Values{"token": {token}}).json["active"].(bool)
	if !ok {
		t.Fatal("introspection says nothing")
	}
	return live
}

// RELIABILITY F3: ten requests use one code, refresh token, device code or pushed
// request at once, on two processes with one PostgreSQL or on one with SQLite:
// exactly one success and no 5xx. SLUICE_TEST_ROUNDS says how often.
func TestDoubleUse(t *testing.T) {
	t.Parallel()
	rounds := often(t, "SLUICE_TEST_ROUNDS", 8)
	d := newDouble(t)
	for name, round := range map[string]func(*testing.T, *double){
		"code": oneCode, "device code": oneDevice, "pushed request": onePushed, "refresh token": newChain(t, d).one,
	} {
		t.Run(name, func(t *testing.T) {
			begun := time.Now()
			for range rounds {
				round(t, d)
			}
			t.Logf("%d × %d at once on %d processes in %s", rounds, together, len(d.callers), time.Since(begun).Round(time.Millisecond))
		})
	}
}

// oneCode: a second use of a code ends what the first one gave (RFC 6749 §4.1.2).
func oneCode(t *testing.T, d *double) {
	t.Helper()
	one, err := won(d.atOnce(t, "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {d.code(t)}}), "invalid_grant")
	if err != nil {
		t.Fatal(err)
	}
	if d.active(t, one.text("access_token")) || d.active(t, one.text("refresh_token")) {
		t.Fatal("the tokens of a code that was used twice live")
	}
}

func oneDevice(t *testing.T, d *double) {
	t.Helper()
	a := d.must(t, http.StatusOK, "/oauth/device_authorization", url.Values{})
	d.allow(t, a.text("user_code"))
	form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "device_code": {a.text("device_code")}}
	one, err := won(d.atOnce(t, "/oauth/token", form), "invalid_grant")
	if err != nil {
		t.Fatal(err)
	}
	if !d.active(t, one.text("access_token")) || !d.active(t, one.text("refresh_token")) {
		t.Fatal("the device's tokens are dead")
	}
}

// allow enters a device's code and says yes, as the signed-in user.
func (d *double) allow(t *testing.T, code string) {
	t.Helper()
	b := d.browser
	b.Open(t, "/device")
	b.Submit(t, "user_code", code)
	b.Submit(t, "decision", "allow")
	if b.Page.Status != http.StatusOK || !strings.Contains(b.Page.Body, "Your device is connected") {
		t.Fatalf("%d %s", b.Page.Status, b.Page.Body)
	}
}

func onePushed(t *testing.T, d *double) {
	t.Helper()
	uri := d.must(t, http.StatusCreated, "/oauth/par", url.Values{"response_type": {"code"}}).text("request_uri")
	path := "/oauth/authorize?" + url.Values{"client_id": {"app"}, "request_uri": {uri}}.Encode()
	statuses, codes, problems := make([]int, together), make([]string, together), make([]error, together)
	var wg sync.WaitGroup
	for i := range together {
		wg.Go(func() {
			var brings url.Values
			statuses[i], brings, problems[i] = d.open(d.callers[i%len(d.callers)].base, path)
			codes[i] = brings.Get("code")
		})
	}
	wg.Wait()
	given := 0
	for i, code := range codes {
		if code != "" {
			given++
		} else if problems[i] != nil || statuses[i] >= 500 {
			t.Fatalf("%d %v", statuses[i], problems[i])
		}
	}
	if given != 1 {
		t.Fatalf("one pushed request gave %d codes: %v", given, statuses)
	}
}

// chain is a family of refresh tokens, one used after the other.
type chain struct{ token string }

func newChain(t *testing.T, d *double) *chain {
	t.Helper()
	a := d.must(t, http.StatusOK, "/oauth/token", url.Values{"grant_type": {"password"}, "username": {frog}, "password": {frogSecret}})
	return &chain{a.text("refresh_token")}
}

// one: within the grace window every use gives the same successor, so that there is
// one line only.
func (c *chain) one(t *testing.T, d *double) {
	t.Helper()
	next := ""
	for _, a := range d.atOnce(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {c.token}}) {
		successor := a.text("refresh_token")
		if a.status != http.StatusOK || successor == "" || (next != "" && successor != next) {
			t.Fatalf("another line: %d %s", a.status, a.body)
		}
		next = successor
	}
	if d.active(t, c.token) || !d.active(t, next) {
		t.Fatal("the used token lives, or its successor does not")
	}
	c.token = next
}

// Without a grace window one use succeeds and the others end the family.
func TestDoubleUseOfARefreshTokenWithoutGrace(t *testing.T) {
	t.Parallel()
	rounds := often(t, "SLUICE_TEST_ROUNDS", 4)
	d := newDouble(t, "sluice.oauth.refresh-grace=0s")
	for range rounds {
		given := d.must(t, http.StatusOK, "/oauth/token", url.Values{"grant_type": {"authorization_code"}, "code": {d.code(t)}})
		one, err := won(d.atOnce(t, "/oauth/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {given.text("refresh_token")}}), "invalid_grant")
		if err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{given.text("access_token"), one.text("access_token"), one.text("refresh_token")} {
			if d.active(t, token) {
				t.Fatal("a token of a family whose refresh token was used twice lives")
			}
		}
	}
}
