package page

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/fault"
)

func setup(t *testing.T, secure bool) *Pages {
	t.Helper()
	p, err := New(Config{Secure: secure, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const evil = `"><script>alert(1)</script>`

func views() []View {
	return []View{
		Login{Client: evil, Email: evil, Message: evil, Next: evil, Elsewhere: evil, ElsewhereURL: "javascript:" + evil}, Consent{Client: evil, ClientID: evil, User: evil, Email: evil, Request: evil, RedirectHost: evil,
			Scopes: []ScopeText{{Name: evil, Text: evil}, {Name: evil}, {Name: evil, Own: map[string]string{"": evil}}}, Resources: []string{evil}, Switch: "/login?next=" + evil, PolicyURI: "javascript:" + evil, TermsURI: evil,
			Details: []DetailText{{evil, []Detail{{Name: evil, Value: evil}, {Name: evil, Members: []Detail{{Name: evil, Value: evil, Text: evil}}}}}}},
		Device{Code: evil, Message: evil}, DeviceDone{Client: evil}, DeviceDone{Client: evil, Allowed: true}, LogoutConfirm{Email: evil, Client: evil, Action: evil, Fields: []Field{{evil, evil}}, Next: "/" + evil}, LoggedOut{}, LoggedOut{Client: evil, ClientURI: "javascript:" + evil, Frames: []string{"javascript:" + evil, "https://x;script-src *"}, Next: "javascript:" + evil}, Error{Status: 400, Title: evil, Message: evil, Detail: evil, Link: Link{Href: evil, Text: evil}},
		FormPost{Action: "https://app.example.com/cb", Fields: []Field{{evil, evil}}}, Home{Version: evil, Issuer: evil, User: evil, Demo: true, Accounts: []Account{{evil, evil, evil}},
			Curl: []string{evil}, Links: []Link{{evil, evil, evil}}}, DemoCallback{Code: evil, Curl: evil}, DemoCallback{Error: evil, Description: evil},
	}
}

// Requirement R228, RFC 9700 §4.2.4 SHOULD: pages load nothing from elsewhere and tell nobody where they were
// Requirement R239, RFC 9700 §4.16 MUST: the content security policy forbids framing
// Requirement R074, RFC 6749 §10.13
// Lesson L01, CVE-2016-4977: nothing that is sent is evaluated again on a page
func TestEveryPageIsEscapedAndGuarded(t *testing.T) {
	t.Parallel()
	p := setup(t, true)
	for _, v := range views() {
		w := httptest.NewRecorder()
		w.Header().Set("X-Request-Id", evil)
		p.Write(w, httptest.NewRequest(http.MethodGet, "/", nil), 200, v)
		h := w.Header()
		policy := h.Get("Content-Security-Policy")
		if strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), `"javascript:`) || strings.Contains(w.Body.String(), `"><`+"script") {
			t.Errorf("%T: not escaped", v)
		}
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%T: the policy lacks %s", v, part)
			}
		}
		if _, posts := v.(FormPost); strings.Contains(policy, "script-src") != posts || strings.Contains(policy, "unsafe") {
			t.Errorf("%T: %s", v, policy)
		}
		if h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "same-origin" ||
			h.Get("X-Frame-Options") != "DENY" || h.Get("Strict-Transport-Security") == "" {
			t.Errorf("%T: %v", v, h)
		}
		for _, part := range []string{`<html lang="en">`, `name="viewport"`, "<title>", `<h1 id="title">`} {
			if !strings.Contains(w.Body.String(), part) {
				t.Errorf("%T lacks %s", v, part)
			}
		}
	}
}

func TestNamesInWords(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"creditorName": "Creditor name", "payment_initiation": "Payment initiation", "iban": "Iban", "given-name": "Given name",
		"accountIBAN": "Account iBAN", "from2to3": "From2to3", "1": "1", "": "", "https://example.com/type": "https://example.com/type", "naïve": "naïve", "<b>": "<b>"} {
		if got := words(name); got != want {
			t.Errorf("%q is %q in words, want %q", name, got, want)
		}
	}
}

func TestFormPostSendsNowhereUnsafe(t *testing.T) {
	t.Parallel()
	for action, want := range map[string]string{"https://a.example.com/cb?x=1": "https://a.example.com/cb?x=1", "com.example.app:/cb": "com.example.app:/cb",
		"javascript:alert(1)": "about:blank", "JavaScript:alert(1)": "about:blank", "/cb": "about:blank", "\x00": "about:blank"} {
		if got := string(FormPost{Action: action}.ActionURL()); got != want {
			t.Errorf("%q posts to %q", action, got)
		}
	}
}

func TestFaultsArePages(t *testing.T) {
	t.Parallel()
	p := setup(t, false)
	for _, c := range []struct {
		err    error
		status int
		text   string
	}{
		{fault.New(fault.NotFound, "no such thing"), 404, "no such thing"}, {fault.New(fault.Unavailable, "later"), 503, "later"},
		{errors.New("secret detail"), 500, "has been logged"}, {fault.New(fault.Forbidden, "not you"), 403, "not you"},
	} {
		w := httptest.NewRecorder()
		p.Fault(w, httptest.NewRequest(http.MethodGet, "/", nil), c.err)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.text) || strings.Contains(w.Body.String(), "secret detail") || (w.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: %d", c.err, w.Code)
		}
	}
}

// form shows a login page and returns its cookie and token.
func form(t *testing.T, p *Pages) (*http.Cookie, string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.Write(w, httptest.NewRequest(http.MethodGet, "/login", nil), 200, Login{})
	_, rest, ok := strings.Cut(w.Body.String(), `name="form_token" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	if cookies := w.Result().Cookies(); ok && len(cookies) == 1 {
		return cookies[0], token
	}
	t.Fatal("no form token")
	return nil, ""
}

// Each line fails when its rule in checkForm is taken away.
//
// Requirement R073, RFC 6749 §10.12
func TestForgedFormsAreRefused(t *testing.T) {
	t.Parallel()
	p := setup(t, false)
	cookie, token := form(t, p)
	other, otherToken := form(t, p)
	const plain = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		cookie  *http.Cookie
		token   string
		kind    string
		headers []string
		status  int
	}{
		"right":          {cookie, token, plain, []string{"Sec-Fetch-Site", "same-origin"}, 200},
		"an old browser": {cookie, token, plain, nil, 200},
		// Requirement R268, APS §fetch own: a hidden Origin is accepted with the right form token alone
		"Origin hidden, right token": {cookie, token, plain, []string{"Origin", "null"}, 200},
		"no token":                   {cookie, "", plain, nil, 403},
		"no cookie":                  {nil, token, plain, nil, 403},
		"another browser's token":    {cookie, otherToken, plain, nil, 403},
		"another browser's cookie":   {other, token, plain, nil, 403},
		"the cookie as token":        {cookie, cookie.Value, plain, nil, 403},
		"another site":               {cookie, token, plain, []string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another origin":             {cookie, token, plain, []string{"Origin", "https://evil.example.com"}, 403},
		"Origin hidden, wrong token": {cookie, otherToken, plain, []string{"Origin", "null"}, 403},
		"another type":               {cookie, token, "text/plain", nil, 400},
		"too large":                  {cookie, token + "&x=" + strings.Repeat("x", maxForm), plain, nil, 413},
		"not a form":                 {cookie, token + "&%zz", plain, nil, 400},
	} {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("form_token="+strings.ReplaceAll(url.QueryEscape(c.token), "%26", "&")))
		if name == "not a form" {
			r = httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("form_token=%zz"))
		}
		if name == "too large" {
			r = httptest.NewRequest(http.MethodPost, "/login", strings.NewReader("form_token="+token+"&x="+strings.Repeat("x", maxForm)))
		}
		r.Header.Set("Content-Type", c.kind)
		if c.cookie != nil {
			r.AddCookie(c.cookie)
		}
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		w := httptest.NewRecorder()
		p.Protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", name, w.Code, c.status)
		}
	}
}

func TestCookiesOnHTTPS(t *testing.T) {
	t.Parallel()
	cookie, _ := form(t, setup(t, true))
	if cookie.Name != "__Host-sluice-form" || !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("%+v", cookie)
	}
}

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	p := setup(t, false)
	for address := range p.files {
		w := httptest.NewRecorder()
		p.Static().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
	}
	for _, address := range []string{"/static/", "/static/style.css", "/static/../page.go", "/static/%2e%2e/page.go"} {
		w := httptest.NewRecorder()
		p.Static().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d", address, w.Code)
		}
	}
}
