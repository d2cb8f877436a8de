package bearer

import (
	"context"
	"crypto/tls"
	"encoding/base64"
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

	jsontext "encoding/json"

	"github.com/go-json-experiment/json"
)

// Introspection is a Validator that asks an authorization server (RFC 7662). It
// understands the older Spring dialect too: user_name, lists for scope, and 400
// invalid_token for a dead token.
type Introspection struct {
	// URL is the endpoint, as security.oauth2.client.checkToken names it. Needed.
	URL string
	// ClientID and ClientSecret authenticate this program there by HTTP Basic.
	ClientID, ClientSecret string
	// UsernameMembers are the members that may name the user, the first one present
	// counts. Nil means username, then user_name.
	UsernameMembers []string
	// Timeout bounds one question in whole. 0 means 1.8 s, so that the caller is
	// told within two.
	Timeout time.Duration
	// Client replaces the HTTP client; it must not follow redirects. Nil means
	// one of its own.
	Client *http.Client

	once   sync.Once
	client *http.Client
}

// maxAnswer is the largest answer that is read.
const maxAnswer = 64 << 10

// Validate asks about token. Only a definite answer is one: whatever else comes
// back, or nothing, is an error that is not ErrInvalid.
func (i *Introspection) Validate(ctx context.Context, token string) (*Token, error) {
	i.once.Do(i.prepare)
	ctx, cancel := context.WithTimeout(ctx, i.timeout())
	defer cancel()
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, i.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("introspection: the address is wrong")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString(
		[]byte(url.QueryEscape(i.ClientID)+":"+url.QueryEscape(i.ClientSecret))))
	resp, err := i.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("introspection: reading the answer: %w", err)
	}
	return i.read(resp, body)
}

func (i *Introspection) timeout() time.Duration {
	if i.Timeout > 0 {
		return i.Timeout
	}
	return 1800 * time.Millisecond
}

// prepare settles the HTTP client.
func (i *Introspection) prepare() {
	if i.client = i.Client; i.client == nil {
		i.client = newClient()
	}
}

// newClient returns an HTTP client for talking to an authorization server: short
// dials, many idle connections to the one host, and no redirects, which would
// carry our credentials elsewhere.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
			TLSHandshakeTimeout: 2 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// read turns an answer into facts.
func (i *Introspection) read(resp *http.Response, body []byte) (*Token, error) {
	if len(body) > maxAnswer {
		return nil, errors.New("introspection: the answer is larger than 64 KiB")
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	isJSON := kind == "application/json" || strings.HasSuffix(kind, "+json")
	switch {
	case resp.StatusCode == http.StatusBadRequest && isJSON:
		return nil, springRefusal(body)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("introspection: the server answered %d", resp.StatusCode)
	case !isJSON:
		return nil, errors.New("introspection: the answer is not JSON")
	}
	return ParseIntrospection(body, i.UsernameMembers...)
}

// springRefusal reads 400: only invalid_token is about the token, the rest is
// about us.
func springRefusal(body []byte) error {
	var answer struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return errors.New("introspection: the server answered 400 without a reason")
	}
	if answer.Error == "invalid_token" {
		return ErrInvalid
	}
	return errors.New("introspection: the server refused our request")
}

// ParseIntrospection reads an introspection answer (RFC 7662 §2.2). It is strict:
// member names count with their case, none may come twice, and active must be a
// JSON boolean — or be absent in an answer that has a client_id and an exp, as
// Spring's. An inactive token gives ErrInvalid. usernames are the members that
// may name the user; none means username, then user_name.
func ParseIntrospection(body []byte, usernames ...string) (*Token, error) {
	members := map[string]jsontext.RawMessage{}
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, errors.New("introspection: the answer is not a JSON object with each member once")
	}
	if err := active(members); err != nil {
		return nil, err
	}
	if len(usernames) == 0 {
		usernames = []string{"username", "user_name"}
	}
	r := reader{members: members}
	t := r.token(usernames)
	if r.err != nil {
		return nil, r.err
	}
	return t, nil
}

func active(members map[string]jsontext.RawMessage) error {
	raw, ok := members["active"]
	switch {
	case ok && string(raw) == "true":
		return nil
	case ok && string(raw) == "false":
		return ErrInvalid
	case !ok && members["client_id"] != nil && members["exp"] != nil:
		return nil
	}
	return errors.New("introspection: the answer does not say whether the token is active")
}

// reader takes typed members out of an answer and keeps the first error: an
// answer with a member of the wrong type is not understood.
type reader struct {
	members map[string]jsontext.RawMessage
	err     error
}

// token reads the members that introspection answers and JWTs share.
func (r *reader) token(usernames []string) *Token {
	t := &Token{Claims: r.members, Subject: r.text("sub"), ClientID: r.text("client_id"), Issuer: r.text("iss"), ID: r.text("jti"),
		Type: r.text("token_type"), ACR: r.text("acr"), Scopes: r.words("scope"), Audience: r.list("aud"),
		Expiry: r.time("exp"), IssuedAt: r.time("iat"), NotBefore: r.time("nbf"), AuthTime: r.time("auth_time")}
	t.Confirmation = r.members["cnf"]
	for _, name := range usernames {
		if t.Username = r.text(name); t.Username != "" {
			break
		}
	}
	return t
}

func (r *reader) into(name string, v any) bool {
	raw, ok := r.members[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		if r.err == nil {
			r.err = fmt.Errorf("introspection: the member %s has the wrong type", name)
		}
		return false
	}
	return true
}

func (r *reader) text(name string) (s string) {
	r.into(name, &s)
	return s
}

// list reads a string or a list of them.
func (r *reader) list(name string) []string {
	if raw := r.members[name]; len(raw) > 0 && raw[0] == '[' {
		var list []string
		r.into(name, &list)
		return list
	}
	if s := r.text(name); s != "" {
		return []string{s}
	}
	return nil
}

// words reads a space-separated string or, as Spring sends it, a list.
func (r *reader) words(name string) []string {
	return strings.Fields(strings.Join(r.list(name), " "))
}

// lastSecond is the end of the year 9999; what lies past it is no date.
const lastSecond = 253402300799

func (r *reader) time(name string) time.Time {
	var n float64
	if !r.into(name, &n) {
		return time.Time{}
	}
	if n < 0 || n > lastSecond {
		if r.err == nil {
			r.err = fmt.Errorf("introspection: the member %s is no date", name)
		}
		return time.Time{}
	}
	return time.Unix(int64(n), 0)
}
