package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/maphash"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// credential is a name and a secret.
type credential struct{ id, secret string }

// door is how a server is asked.
type door struct {
	base                         string     // http://host:port
	token, introspect, authorize string     // paths below base
	admin                        string     // where introspect is, when not below base
	client, service, resource    credential // of the code flow, of client credentials, of introspection
	es256                        credential // of the code flow, when it can choose how id_tokens are signed
	user                         credential
	scope                        string       // of client credentials
	people                       []credential // who sign in by the password grant; none: it has none
	// away goes on where a redirect leads to another program: a login application.
	away func(location string) (next string, err error)
}

const callback = "http://127.0.0.1:5999/callback"

// scenario is one thing that servers are asked for.
type scenario struct {
	name, title, unit string
	// prepare makes a step for each connection.
	prepare func(ctx context.Context, d door, connections int) (addr string, steps []step, err error)
}

var scenarios = []scenario{
	{"client-credentials", "Client credentials", "requests", prepareClientCredentials},
	{"introspection", "Introspection", "requests", prepareIntrospection},
	{"code", "Code with PKCE, id_token by RS256", "flows", prepareCode},
	{"code-es256", "Code with PKCE, id_token by ES256", "flows", prepareES256},
	{"password", "Sign-in by password", "requests", preparePassword},
}

var fingerprints = maphash.MakeSeed()

// request builds the bytes of a request. A form is posted, unless it is nil.
func request(base, target string, who *credential, cookie string, form url.Values) []byte {
	var b bytes.Buffer
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n", method, target, host(base))
	if who != nil {
		fmt.Fprintf(&b, "Authorization: Basic %s\r\n", who.basic())
	}
	if cookie != "" {
		fmt.Fprintf(&b, "Cookie: %s\r\n", cookie)
	}
	if form == nil {
		b.WriteString("\r\n")
		return b.Bytes()
	}
	body := form.Encode()
	fmt.Fprintf(&b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// basic encodes as RFC 6749 §2.3.1 has it.
func (c credential) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.id) + ":" + url.QueryEscape(c.secret)))
}

func host(base string) string { return strings.TrimPrefix(base, "http://") }

// issued reads the token out of a token answer.
func issued(a answer) ([]byte, error) {
	if a.status != http.StatusOK {
		return nil, fmt.Errorf("the token endpoint answered %d: %s", a.status, tail(a.body))
	}
	token := member(a.body, "access_token")
	if len(token) == 0 {
		return nil, errors.New("the token endpoint answered 200 without an access_token")
	}
	return token, nil
}

// asking is a step that sends the same request over and over for new tokens.
func asking(prepared []byte) step {
	return func(w *wire) (uint64, error) {
		a, err := w.exchange(prepared)
		if err != nil {
			return 0, err
		}
		token, err := issued(a)
		return maphash.Bytes(fingerprints, token), err
	}
}

func same(s step, connections int) []step {
	steps := make([]step, connections)
	for i := range steps {
		steps[i] = s
	}
	return steps
}

func prepareClientCredentials(_ context.Context, d door, connections int) (string, []step, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	if d.scope != "" {
		form.Set("scope", d.scope)
	}
	return host(d.base), same(asking(request(d.base, d.token, &d.service, "", form)), connections), nil
}

// errNotOffered: the server has no such thing.
var errNotOffered = errors.New("not offered")

// preparePassword signs another user in on each connection: who signs in twice at
// once may be checked once. There are as many as keep the processors busy with
// hashes; more would only wait.
func preparePassword(_ context.Context, d door, connections int) (string, []step, error) {
	if len(d.people) == 0 {
		return "", nil, errNotOffered
	}
	steps := make([]step, min(connections, len(d.people)))
	for i := range steps {
		form := url.Values{"grant_type": {"password"}, "username": {d.people[i].id}, "password": {d.people[i].secret}}
		steps[i] = asking(request(d.base, d.token, &d.client, "", form))
	}
	return host(d.base), steps, nil
}

// prepareIntrospection asks about a user's token, another one on each connection.
func prepareIntrospection(ctx context.Context, d door, connections int) (string, []step, error) {
	base := d.base
	if d.admin != "" {
		base = d.admin
	}
	b, err := signIn(ctx, d)
	if err != nil {
		return "", nil, err
	}
	steps := make([]step, connections)
	for i := range steps {
		f := newFlow(d, b)
		w := dial(host(d.base), time.Now().Add(time.Minute))
		token, err := f.run(w)
		w.close()
		if err != nil {
			return "", nil, fmt.Errorf("getting a token to ask about: %w", err)
		}
		prepared := request(base, d.introspect, &d.resource, "", url.Values{"token": {string(token)}})
		steps[i] = func(w *wire) (uint64, error) { return 0, introspected(w.exchange(prepared)) }
	}
	return host(base), steps, nil
}

func introspected(a answer, err error) error {
	if err != nil {
		return err
	}
	if a.status != http.StatusOK || !active(a.body) {
		return fmt.Errorf("introspection answered %d: %s", a.status, tail(a.body))
	}
	return nil
}

// prepareCode signs a session in for each connection.
func prepareCode(ctx context.Context, d door, connections int) (string, []step, error) {
	steps := make([]step, connections)
	for i := range steps {
		b, err := signIn(ctx, d)
		if err != nil {
			return "", nil, err
		}
		f := newFlow(d, b)
		steps[i] = func(w *wire) (uint64, error) {
			token, err := f.run(w)
			return maphash.Bytes(fingerprints, token), err
		}
	}
	return host(d.base), steps, nil
}

func prepareES256(ctx context.Context, d door, connections int) (string, []step, error) {
	if d.es256.id == "" {
		return "", nil, errNotOffered
	}
	d.client = d.es256
	return prepareCode(ctx, d, connections)
}

const verifier = "a-verifier-of-the-load-generator-0123456789abcdef"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func authorizeTarget(d door, state string) string {
	return d.authorize + "?" + url.Values{
		"response_type": {"code"}, "client_id": {d.client.id}, "redirect_uri": {callback}, "scope": {"openid"}, "state": {state},
		"nonce": {"nonce-" + state}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"},
	}.Encode()
}

// flow is the code flow of one browser.
type flow struct {
	door    door
	cookies map[string]string
	header  string // of the cookies
	count   int
}

func newFlow(d door, cookies []*http.Cookie) *flow {
	f := &flow{door: d, cookies: map[string]string{}}
	for _, c := range cookies {
		f.cookies[c.Name] = c.Value
	}
	f.join()
	return f
}

func (f *flow) join() {
	pairs := make([]string, 0, len(f.cookies))
	for name, value := range f.cookies {
		pairs = append(pairs, name+"="+value)
	}
	f.header = strings.Join(pairs, "; ")
}

// keep takes over what an answer says of cookies.
func (f *flow) keep(lines []string) {
	for _, line := range lines {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			continue
		}
		if c.MaxAge < 0 || c.Value == "" || (!c.Expires.IsZero() && c.Expires.Before(time.Now())) {
			delete(f.cookies, c.Name)
		} else {
			f.cookies[c.Name] = c.Value
		}
	}
	if len(lines) > 0 {
		f.join()
	}
}

// run goes to the authorization endpoint, follows it back to the callback, and
// redeems the code. It returns the access token.
func (f *flow) run(w *wire) ([]byte, error) {
	f.count++
	code, err := f.authorize(w, authorizeTarget(f.door, "state-of-"+strconv.Itoa(f.count)))
	if err != nil {
		return nil, err
	}
	a, err := w.exchange(request(f.door.base, f.door.token, &f.door.client, "", url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}))
	if err != nil {
		return nil, err
	}
	token, err := issued(a)
	if err == nil && len(member(a.body, "id_token")) == 0 {
		err = errors.New("the token endpoint answered without an id_token")
	}
	return token, err
}

func (f *flow) authorize(w *wire, target string) (code string, err error) {
	for range 10 {
		a, err := w.exchange(request(f.door.base, target, nil, f.header, nil))
		if err != nil {
			return "", err
		}
		f.keep(a.cookies)
		if a.location == "" {
			return "", fmt.Errorf("%s answered %d without a redirect: %s", pathOf(target), a.status, tail(a.body))
		}
		if strings.HasPrefix(a.location, callback) {
			return codeOf(a.location)
		}
		if target, err = f.next(a.location); err != nil {
			return "", err
		}
	}
	return "", errors.New("the authorization endpoint redirects without end")
}

// next returns where on the server a redirect leads, if need be by way of the
// login application.
func (f *flow) next(location string) (string, error) {
	if !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, f.door.base+"/") && f.door.away != nil {
		var err error
		if location, err = f.door.away(location); err != nil {
			return "", err
		}
	}
	target := strings.TrimPrefix(location, f.door.base)
	if !strings.HasPrefix(target, "/") {
		return "", fmt.Errorf("redirected to %s", pathOf(location))
	}
	return target, nil
}

func pathOf(target string) string {
	path, _, _ := strings.Cut(target, "?")
	return path
}

var (
	formTag  = regexp.MustCompile(`<form[^>]*action="([^"]*)"`)
	inputTag = regexp.MustCompile(`<input[^>]*>`)
	nameAt   = regexp.MustCompile(`\bname="([^"]*)"`)
	valueAt  = regexp.MustCompile(`\bvalue="([^"]*)"`)
)

// signIn goes through the code flow once as a browser does, by whatever pages the
// server shows, and returns the cookies of the session.
func signIn(ctx context.Context, d door) ([]*http.Cookie, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	at, form := d.base+authorizeTarget(d, "state-of-0"), url.Values(nil)
	for range 20 {
		location, page, err := visit(ctx, browser, at, form)
		if err != nil {
			return nil, fmt.Errorf("signing in: %w", err)
		}
		here, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(location, callback) {
			if _, err := codeOf(location); err != nil {
				return nil, fmt.Errorf("signing in: %w", err)
			}
			return jar.Cookies(&url.URL{Scheme: "http", Host: host(d.base), Path: d.authorize}), nil
		}
		form = nil
		if location == "" {
			if location, form, err = fill(page, d.user); err != nil {
				return nil, fmt.Errorf("signing in at %s: %w", here.Path, err)
			}
		} else if !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, d.base) && d.away != nil {
			if location, err = d.away(location); err != nil {
				return nil, err
			}
		}
		next, err := here.Parse(location)
		if err != nil {
			return nil, err
		}
		at = next.String()
	}
	return nil, errors.New("signing in: it does not end")
}

func visit(ctx context.Context, browser *http.Client, at string, form url.Values) (location string, page []byte, err error) {
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, at, body)
	if err != nil {
		return "", nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := browser.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	page, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err == nil && resp.Header.Get("Location") == "" && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", r.URL.Path, resp.StatusCode, tail(page))
	}
	return resp.Header.Get("Location"), page, err
}

// fill fills in the first form of a page with the user's name and password.
func fill(page []byte, user credential) (action string, form url.Values, err error) {
	tag := formTag.FindSubmatch(page)
	if tag == nil {
		return "", nil, fmt.Errorf("the page has no form: %s", tail(page))
	}
	form = url.Values{}
	for _, input := range inputTag.FindAll(page, -1) {
		name, value := nameAt.FindSubmatch(input), valueAt.FindSubmatch(input)
		switch {
		case name == nil:
		case value != nil && len(value[1]) > 0:
			form.Set(string(name[1]), html.UnescapeString(string(value[1])))
		case string(name[1]) == "password":
			form.Set("password", user.secret)
		default:
			form.Set(string(name[1]), user.id)
		}
	}
	return html.UnescapeString(string(tag[1])), form, nil
}
