package sluicetest

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// Browser goes through the pages as a person's browser does: it keeps cookies,
// follows every redirect on the server, and fills in forms.
type Browser struct {
	server *Server
	client *http.Client
	// At is the address of the page that is shown; Page is its answer.
	At   *url.URL
	Page Answer
}

// Browser returns a new browser without cookies.
func (s *Server) Browser(t testing.TB) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Browser{server: s, client: &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Client returns the browser's HTTP client, with its cookies, for requests that a
// page's own would not be: several at once, or to another address. It follows no
// redirects.
func (b *Browser) Client() *http.Client { return b.client }

// Open opens a path or address. It stops at a page, or at a redirect to another
// server, which it returns.
func (b *Browser) Open(t testing.TB, address string) (away *url.URL) {
	t.Helper()
	u, err := url.Parse(b.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if u, err = u.Parse(address); err != nil {
		t.Fatal(err)
	}
	return b.follow(t, request(t, http.MethodGet, u.String(), nil, nil))
}

// follow sends a request and goes on while the answer leads on.
func (b *Browser) follow(t testing.TB, r *http.Request) *url.URL {
	t.Helper()
	for range 10 {
		b.Page, b.At = read(t, b.client, r), r.URL
		location := b.Page.Header.Get("Location")
		if location == "" {
			return nil
		}
		next, err := r.URL.Parse(location)
		if err != nil {
			t.Fatal(err)
		}
		if next.Host != r.URL.Host || strings.HasSuffix(next.Path, "/callback") {
			return next
		}
		r = request(t, http.MethodGet, next.String(), nil, nil)
	}
	t.Fatal("too many redirects")
	return nil
}

var (
	formTag   = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	hiddenTag = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
)

// Form returns the shown form's address and hidden fields.
func (b *Browser) Form(t testing.TB) (action string, fields url.Values) {
	t.Helper()
	tag := formTag.FindStringSubmatch(b.Page.Body)
	if tag == nil {
		t.Fatalf("no form at %s: %d %s", b.At, b.Page.Status, b.Page.Body)
	}
	fields = url.Values{}
	for _, hidden := range hiddenTag.FindAllStringSubmatch(b.Page.Body, -1) {
		fields.Add(html.UnescapeString(hidden[1]), html.UnescapeString(hidden[2]))
	}
	return html.UnescapeString(tag[1]), fields
}

// Submit fills in the shown form and sends it. Values are pairs of name and value.
func (b *Browser) Submit(t testing.TB, values ...string) (away *url.URL) {
	t.Helper()
	action, fields := b.Form(t)
	for i := 0; i+1 < len(values); i += 2 {
		fields.Set(values[i], values[i+1])
	}
	return b.Send(t, action, fields)
}

// Send posts fields to an address as a form of the shown page would.
func (b *Browser) Send(t testing.TB, action string, fields url.Values) (away *url.URL) {
	t.Helper()
	target, err := b.At.Parse(action)
	if err != nil {
		t.Fatal(err)
	}
	return b.follow(t, request(t, http.MethodPost, target.String(), strings.NewReader(fields.Encode()),
		[]string{"Content-Type", "application/x-www-form-urlencoded", "Origin", b.server.URL, "Sec-Fetch-Site", "same-origin"}))
}

// SignIn signs in on the login page.
func (b *Browser) SignIn(t testing.TB, email, password string) (away *url.URL) {
	t.Helper()
	if b.At == nil || b.At.Path != "/login" {
		b.Open(t, "/login")
	}
	return b.Submit(t, "email", email, "password", password)
}

// Authorize goes to the authorization endpoint and through whatever it asks: it
// signs in, allows, and returns the address that the client is sent back to.
func (b *Browser) Authorize(t testing.TB, query url.Values, email, password string) *url.URL {
	t.Helper()
	away := b.Open(t, "/oauth/authorize?"+query.Encode())
	if away == nil && b.At.Path == "/login" {
		away = b.SignIn(t, email, password)
	}
	if away == nil && strings.Contains(b.Page.Body, `action="/oauth/consent"`) {
		away = b.Submit(t, "decision", "allow")
	}
	if away == nil {
		t.Fatalf("no way back to the client: %d at %s: %s", b.Page.Status, b.At, b.Page.Body)
	}
	return away
}
