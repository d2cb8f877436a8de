package bearer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Introspection is a Validator that asks an authorization server, by RFC 7662 or
// in one of the ways that servers had before it. It remembers nothing: put Cached
// in front of it. It must not change while it is in use.
type Introspection struct {
	// URL is the endpoint, as security.oauth2.client.checkToken names it: https, or
	// http on this machine. Needed.
	URL string
	// Dialect is how the server is asked and how it answers. The zero value asks by
	// POST and understands RFC 7662 and Spring's check_token.
	Dialect Dialect
	// ClientID and ClientSecret are this program's own at the server.
	ClientID, ClientSecret string
	// Auth is how they are sent; the zero value is HTTP Basic.
	Auth ClientAuth
	// Key signs when Auth is PrivateKeyJWT.
	Key *ClientKey
	// TLS configures the connection: the client certificate when Auth is
	// Certificate, a private authority. Nil means the system's authorities and
	// TLS 1.2 or later. Not used with Client.
	TLS *tls.Config
	// UsernameMembers are the members that may name the user, the first one present
	// counts. Nil means username, then user_name; in the dialects TokenInfo and
	// UserInfo preferred_username, email, sub.
	UsernameMembers []string
	// Timeout bounds one question in whole. 0 means 1.8 s, so that the caller is
	// told within two.
	Timeout time.Duration
	// InsecureHTTP allows plain http to another machine, where everybody between
	// can read tokens and secrets.
	InsecureHTTP bool
	// Client replaces the HTTP client; redirects are not followed with it either.
	// Nil means one of its own: one second to connect, 64 idle connections, no proxy.
	Client *http.Client
	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	once   sync.Once
	client *http.Client
	url    *url.URL
	basic  string
	signer *signer
	broken error
	shares shares
}

// maxAnswer is the largest answer that is read.
const maxAnswer = 64 << 10

// Check lists every problem of the configuration. New calls it, also through a
// Cache or ByIssuer; Validate fails with it.
func (i *Introspection) Check() error {
	i.once.Do(i.prepare)
	return i.broken
}

// prepare settles what is the same for every question.
func (i *Introspection) prepare() {
	i.client = quiet(i.Client, i.TLS)
	i.url, _ = url.Parse(i.URL) // checkAddress tells when it is none
	i.basic = basic(i.ClientID, i.ClientSecret)
	problems := []error{checkAddress("Introspection.URL", i.URL, i.InsecureHTTP)}
	if i.Dialect > UserInfo || i.Auth > Anonymous {
		problems = append(problems, errors.New("bearer: Introspection.Dialect or Auth is none that there is"))
	}
	if i.Dialect == UserInfo && i.Auth != Basic {
		problems = append(problems, errors.New("bearer: Introspection.Auth: userinfo is asked with the token alone"))
	}
	switch {
	case i.Auth == PrivateKeyJWT && (i.Key == nil || i.ClientID == ""):
		problems = append(problems, errors.New("bearer: Introspection.Auth PrivateKeyJWT needs Key and ClientID"))
	case i.Auth == PrivateKeyJWT:
		var err error
		i.signer, err = newSigner(i.ClientID, i.URL, i.Key)
		problems = append(problems, err)
	case i.Auth == Certificate && i.Client == nil && !presents(i.TLS):
		problems = append(problems, errors.New("bearer: Introspection.Auth Certificate needs a certificate in TLS"))
	}
	i.broken = errors.Join(problems...)
}

func presents(c *tls.Config) bool {
	return c != nil && (len(c.Certificates) > 0 || c.GetClientCertificate != nil)
}

// checkAddress refuses an address that tokens and secrets must not be sent to.
func checkAddress(field, address string, insecure bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Fragment != "":
		return fmt.Errorf("bearer: %s must be an http(s) URL without user and fragment", field)
	case u.Scheme == "http" && !insecure && !loopback(u.Hostname()):
		return fmt.Errorf("bearer: %s is plain http to another machine; use https, or allow it by InsecureHTTP", field)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

func (i *Introspection) now() time.Time {
	if i.Now != nil {
		return i.Now()
	}
	return time.Now()
}

// Validate asks about token. Only a definite answer is one: whatever else comes
// back, or nothing, is an error that is not ErrInvalid.
func (i *Introspection) Validate(ctx context.Context, token string) (*Token, error) {
	if err := i.Check(); err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, i.Timeout)
	defer cancel()
	req, err := i.request(ctx, token)
	if err != nil {
		return nil, err
	}
	resp, err := i.send(req)
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", withoutAddress(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("introspection: reading the answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errors.New("introspection: the answer is larger than 64 KiB")
	}
	return i.read(resp, body)
}

// askTimeout bounds a question to an authorization server by default, so that who
// waits for it is told within two seconds.
const askTimeout = 1800 * time.Millisecond

// within bounds ctx, unless it ends by then anyway, as it does when a Cache asks.
func within(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		timeout = askTimeout
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, timeout)
}

// prompt: our own client returns when the context ends; somebody else's may not.
func (i *Introspection) prompt() bool { return i.Client == nil }

// send goes around what http.Client does for redirects and cookies, when the client
// is our own: there are none.
func (i *Introspection) send(req *http.Request) (*http.Response, error) {
	if i.Client == nil {
		return i.client.Transport.RoundTrip(req)
	}
	return i.client.Do(req)
}

// withoutAddress takes the address out of an error of net/http: in the dialect
// TokenInfo the token is in it.
func withoutAddress(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

// quiet returns client, or one of our own, that follows no redirect: that would
// carry our credentials elsewhere.
func quiet(client *http.Client, cfg *tls.Config) *http.Client {
	if client == nil {
		client = newClient()
		if cfg != nil {
			client.Transport.(*http.Transport).TLSClientConfig = cfg.Clone()
		}
		return client
	}
	c := *client
	c.CheckRedirect = noRedirect
	return &c
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newClient returns an HTTP client for talking to an authorization server: short
// dials, many idle connections to the one host, and no redirects.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxAnswer,
		},
		CheckRedirect: noRedirect,
	}
}

// read turns an answer into facts.
func (i *Introspection) read(resp *http.Response, body []byte) (*Token, error) {
	isJSON := jsonType(resp.Header.Get("Content-Type"))
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable:
		return nil, i.later(resp)
	case resp.StatusCode != http.StatusOK:
		return nil, i.refusedBy(resp, isJSON, body)
	case !isJSON:
		return nil, errors.New("introspection: the answer is not JSON")
	}
	r, err := readAnswer(body)
	if err != nil {
		return nil, err
	}
	r.shares = &i.shares
	return i.understand(r)
}

func jsonType(header string) bool {
	if header == "application/json" || header == "application/json;charset=UTF-8" { // what nearly all send
		return true
	}
	kind, _, _ := mime.ParseMediaType(header)
	return kind == "application/json" || strings.HasSuffix(kind, "+json")
}

// later passes on when the server wants to be asked again.
func (i *Introspection) later(resp *http.Response) error {
	err := fmt.Errorf("introspection: the server answered %d", resp.StatusCode)
	if d := retryAfter(resp.Header.Get("Retry-After"), i.now()); d > 0 {
		return fmt.Errorf("%w: %w", err, tryAgain(d))
	}
	return err
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3); 0 means none.
func retryAfter(text string, now time.Time) time.Duration {
	if d, err := time.ParseDuration(text + "s"); err == nil && !strings.ContainsAny(text, "hmsµun.") {
		return min(max(d, 0), maxRest)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRest)
	}
	return 0
}
