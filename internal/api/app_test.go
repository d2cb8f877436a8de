package api_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const remember = "ACTIVITI_REMEMBER_ME"

// app sends a request to an address under /app. Headers are pairs of name and value.
func (w world) app(t *testing.T, method, path string, form url.Values, headers ...string) sluicetest.Answer {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/activiti-app/app/"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return w.Do(t, r)
}

// cookieOf returns the remember-me cookie that an answer sets.
func cookieOf(t *testing.T, a sluicetest.Answer) *http.Cookie {
	t.Helper()
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == remember {
			return c
		}
	}
	t.Fatalf("no cookie: %d %v %s", a.Status, a.Header, a.Body)
	return nil
}

var credentials = url.Values{"j_username": {"kermit@example.com"}, "j_password": {"green"}, "_spring_security_remember_me": {"true"}, "submit": {"Login"}}

// pair is what js-api sends in a browser; Node sends the path along as if it were a
// cookie.
var pair = []string{"Origin", "https://adf.example.com", "X-CSRF-TOKEN", "made-up", "Cookie", "CSRF-TOKEN=made-up;path=/"}

func TestAPSSignIn(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	w := setup(t, sluicetest.With(sluice.WithClock(func() time.Time { return time.Unix(0, now.Load()) })))
	a := w.app(t, "POST", "authentication", credentials, pair...)
	c := cookieOf(t, a)
	empty(t, "sign-in", a)
	if !c.HttpOnly || c.Path != "/activiti-app" || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 31*24*3600 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%+v %v", c, a.Header)
	}
	forgetful := url.Values{"j_username": {"kermit@example.com"}, "j_password": {"green"}}
	short := cookieOf(t, w.app(t, "POST", "authentication", forgetful, pair...))
	if short.MaxAge != 0 {
		t.Errorf("it was not asked for, and the browser keeps it: %+v", short)
	}
	w.upload(t, w.user, "profile-picture", "file", "x.gif", []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"))
	picture := func(cookie string) int {
		return w.app(t, "GET", "rest/admin/profile-picture", nil, "Cookie", cookie).Status
	}
	for name, cookie := range map[string]string{"remembered": remember + "=" + c.Value, "not remembered": remember + "=" + short.Value} {
		if got := picture(cookie); got != 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, cookie := range map[string]string{"none": "x=y", "another": remember + "=" + c.Value[1:], "as the page's": "sluice-session=" + c.Value} {
		if got := picture(cookie); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// It opens nothing but /app.
	refused(t, "the public API", w.Get(t, "/activiti-app/api/enterprise/profile", "Cookie", remember+"="+c.Value), 401, "GENERAL.ERROR.UNAUTHORIZED")
	if a := w.Get(t, "/oauth/authorize?client_id=app&response_type=code", "Cookie", "sluice-session="+c.Value); a.Status == 200 || strings.Contains(a.Header.Get("Location"), "code=") {
		t.Errorf("the authorization server: %d %v", a.Status, a.Header)
	}
	now.Add(int64(13 * time.Hour))
	if got := picture(remember + "=" + short.Value); got != 401 {
		t.Errorf("not remembered, after 13 hours: %d", got)
	}
	if got := picture(remember + "=" + c.Value); got != 200 {
		t.Errorf("remembered, after 13 hours: %d", got)
	}
	now.Add(int64(31 * 24 * time.Hour))
	if got := picture(remember + "=" + c.Value); got != 401 {
		t.Errorf("remembered, after 31 days: %d", got)
	}
}

func TestAPSSignInRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	form := func(name, password string) url.Values {
		return url.Values{"j_username": {name}, "j_password": {password}}
	}
	for name, c := range map[string]struct {
		form   url.Values
		header []string
		status int
		key    string
	}{
		"a wrong password": {form("kermit@example.com", "blue"), pair, 401, "GENERAL.ERROR.UNAUTHORIZED"},
		"nobody":           {form("nobody@example.com", "green"), pair, 401, "GENERAL.ERROR.UNAUTHORIZED"},
		"nothing":          {url.Values{}, pair, 401, "GENERAL.ERROR.UNAUTHORIZED"},
		"no pair":          {credentials, []string{"Origin", "https://evil.example"}, 403, "GENERAL.ERROR.FORBIDDEN"},
		"half a pair":      {credentials, []string{"Origin", "https://evil.example", "X-CSRF-TOKEN", "x"}, 403, "GENERAL.ERROR.FORBIDDEN"},
		"another pair":     {credentials, []string{"Sec-Fetch-Site", "cross-site", "X-CSRF-TOKEN", "x", "Cookie", "CSRF-TOKEN=y"}, 403, "GENERAL.ERROR.FORBIDDEN"},
		"an empty pair":    {credentials, []string{"Origin", "https://evil.example", "X-CSRF-TOKEN", "", "Cookie", "CSRF-TOKEN="}, 403, "GENERAL.ERROR.FORBIDDEN"},
		"too large":        {form("kermit@example.com", strings.Repeat("x", 20_000)), pair, 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED"},
	} {
		a := w.app(t, "POST", "authentication", c.form, c.header...)
		refused(t, name, a, c.status, c.key)
		if a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: a cookie", name)
		}
	}
	empty(t, "a program that is no browser", w.app(t, "POST", "authentication", credentials))
	off := setup(t, sluicetest.Config(func(c *sluice.Config) { c.Users.CSRFDisabled = true }))
	empty(t, "without the check", off.app(t, "POST", "authentication", credentials, "Origin", "https://adf.example.com"))
}

// The names are public, the guesses are counted as at the page.
func TestAPSSignInIsCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var statuses []int
	for range 7 {
		statuses = append(statuses, w.app(t, "POST", "authentication", url.Values{"j_username": {"kermit@example.com"}, "j_password": {"blue"}}).Status)
	}
	if !slices.Contains(statuses, 401) || statuses[6] != 429 {
		t.Errorf("%v", statuses)
	}
}

func TestAPSSignOut(t *testing.T) {
	t.Parallel()
	w := setup(t)
	in := func() string {
		return remember + "=" + cookieOf(t, w.app(t, "POST", "authentication", credentials)).Value
	}
	open := func(cookie string) bool {
		return w.app(t, "GET", "rest/users/1001/picture", nil, "Cookie", cookie).Status == 404 // who is let in sees that there is none
	}
	cookie := in()
	for name, mode := range map[string]string{"another site's link": "navigate", "another site's image": "no-cors"} {
		refused(t, name, w.app(t, "GET", "logout", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", mode), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	if !open(cookie) {
		t.Error("another site ended the session")
	}
	a := w.app(t, "GET", "logout", nil, "Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors")
	empty(t, "logout", a)
	if c := cookieOf(t, a); c.MaxAge >= 0 || open(cookie) {
		t.Errorf("after signing out: %+v, open %v", c, open(cookie))
	}
	empty(t, "without a cookie", w.app(t, "GET", "logout", nil))
	// What ends a user's sessions ends these.
	cookie = in()
	empty(t, "a new password", w.Call(t, w.user, "POST", "profile-password", map[string]string{"oldPassword": "green", "newPassword": "green"}))
	if open(cookie) {
		t.Error("the session outlives the password")
	}
	cookie = in()
	if err := w.Admin.SetUserActive(t.Context(), "kermit@example.com", false); err != nil {
		t.Fatal(err)
	}
	if open(cookie) {
		t.Error("the session outlives the user")
	}
}

// Under /app each way of signing in does, and one at a time.
func TestWaysIntoApp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	get := func(headers ...string) int { return w.app(t, "GET", "rest/users/1001/picture", nil, headers...).Status }
	b := w.Browser(t)
	b.SignIn(t, "kermit@example.com", "green")
	b.Open(t, "/activiti-app/app/rest/users/1001/picture")
	for name, got := range map[string]int{"a bearer token": get("Authorization", "bearer "+w.user), "the page's session": b.Page.Status} {
		if got != 404 {
			t.Errorf("%s: %d", name, got)
		}
	}
	cookie := remember + "=" + cookieOf(t, w.app(t, "POST", "authentication", credentials)).Value
	for name, got := range map[string]int{
		"nothing": get(), "Basic, which is off": get("Authorization", "Basic a2VybWl0QGV4YW1wbGUuY29tOmdyZWVu"),
		"a wrong token beside a good cookie": get("Authorization", "Bearer x", "Cookie", cookie),
	} {
		if got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// What changes something needs the pair, when a browser asks for it.
	post := func(headers ...string) int {
		return w.app(t, "POST", "rest/reporting/default-reports", nil, append(headers, "Cookie", cookie)...).Status
	}
	if got := post("Origin", "https://evil.example"); got != 403 {
		t.Errorf("without the pair: %d", got)
	}
	if got := post("Origin", "https://adf.example.com", "X-CSRF-TOKEN", "made-up", "Cookie", "CSRF-TOKEN=made-up"); got != 501 {
		t.Errorf("with the pair: %d", got)
	}
}
