package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Dialect is a way of asking an authorization server what a token is.
type Dialect uint8

const (
	// AnyIntrospection posts the token and takes an answer of RFC7662 or CheckToken.
	AnyIntrospection Dialect = iota
	// RFC7662 posts the token and takes nothing but RFC 7662 §2.2: "active" decides.
	RFC7662
	// CheckToken is Spring Security OAuth's /oauth/check_token: user_name, lists for
	// scope, 400 invalid_token for a dead token, and "active" only since its last
	// releases.
	CheckToken
	// TokenInfo is Google's way: GET with the token in the query, numbers as text,
	// 400 for a dead token. Such an answer says who the token was made for
	// ("aud"): set Config.Audience, or tokens of any other program are accepted.
	// Mind that queries end up in logs on the way.
	TokenInfo
	// UserInfo asks for the user with the token itself (OpenID Connect Core §5.3).
	// The answer has no scope, no audience and no end: a route that asks for one
	// refuses. Only for servers that have nothing better.
	UserInfo
)

// request is the question in the server's dialect.
func (i *Introspection) request(ctx context.Context, token string) (*http.Request, error) {
	h := http.Header{"Accept": {"application/json"}}
	form := url.Values{}
	if i.Dialect == UserInfo {
		h.Set("Authorization", "Bearer "+token)
		return i.newRequest(ctx, http.MethodGet, i.url, h, ""), nil
	}
	if i.Dialect != TokenInfo || i.ClientID != "" {
		if err := i.identify(h, form); err != nil {
			return nil, err
		}
	}
	if i.Dialect == TokenInfo {
		form.Set("access_token", token)
		return i.newRequest(ctx, http.MethodGet, withQuery(i.url, form), h, ""), nil
	}
	h["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	body := "token_type_hint=access_token&token=" + url.QueryEscape(token)
	if len(form) > 0 {
		body += "&" + form.Encode()
	}
	return i.newRequest(ctx, http.MethodPost, i.url, h, body), nil
}

// newRequest is http.NewRequestWithContext for an address that has been read
// already. The body can be sent again when an idle connection turns out to be closed.
func (i *Introspection) newRequest(ctx context.Context, method string, to *url.URL, h http.Header, body string) *http.Request {
	req := &http.Request{Method: method, URL: to, Host: to.Host, Header: h, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if body != "" {
		req.ContentLength = int64(len(body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
		req.Body, _ = req.GetBody()
		h["Idempotency-Key"] = nil // a question may be asked again; net/http sends no header for this
	}
	return req.WithContext(ctx)
}

func withQuery(to *url.URL, form url.Values) *url.URL {
	u := *to
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += form.Encode()
	return &u
}

// refusedBy reads an answer that is not 200: does it speak of the token, or of us?
func (i *Introspection) refusedBy(resp *http.Response, isJSON bool, body []byte) error {
	status := resp.StatusCode
	switch {
	case i.Dialect == UserInfo && status == http.StatusUnauthorized:
		return ErrInvalid // the token was all that we sent
	case i.Dialect == UserInfo && status == http.StatusForbidden:
		return &Error{Status: status, Code: "insufficient_scope", Description: "the token does not let this service ask who the user is", Scope: "openid"}
	case status == http.StatusBadRequest && isJSON && i.Dialect != RFC7662 && i.Dialect != UserInfo:
		return i.about(body)
	}
	return fmt.Errorf("introspection: the server answered %d", status)
}

// about reads 400: only invalid_token is about the token, the rest is about us.
func (i *Introspection) about(body []byte) error {
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return errors.New("introspection: the server answered 400 without a reason")
	}
	if answer.Error == "invalid_token" || (i.Dialect == TokenInfo && answer.Error == "" && answer.Description == "Invalid Value") {
		return ErrInvalid
	}
	return errors.New("introspection: the server refused our request")
}

// understand turns the members of a good answer into facts.
func (i *Introspection) understand(r *reader) (*Token, error) {
	usernames := i.UsernameMembers
	if len(usernames) == 0 && (i.Dialect == TokenInfo || i.Dialect == UserInfo) {
		usernames = []string{"preferred_username", "email", "sub"}
	}
	switch i.Dialect {
	case UserInfo:
		if r.text("sub") == "" {
			return nil, errors.New("introspection: the answer of userinfo has no sub")
		}
		return r.finish(usernames)
	case TokenInfo:
		return i.tokenInfo(r, usernames)
	}
	if err := r.active(i.Dialect); err != nil {
		return nil, err
	}
	return r.finish(usernames)
}

// tokenInfo reads Google's members: azp or issued_to is the client, and the end is
// told as exp or as the seconds that are left.
func (i *Introspection) tokenInfo(r *reader, usernames []string) (*Token, error) {
	r.numbers = true
	t, err := r.finish(usernames)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"azp", "issued_to"} {
		if t.ClientID == "" {
			t.ClientID = r.text(name)
		}
	}
	if left, ok := r.number("expires_in"); ok && t.Expiry.IsZero() {
		if !(left > 0 && left < lastSecond) {
			return nil, ErrInvalid
		}
		t.Expiry = i.now().Add(time.Duration(min(left, maxLeft)) * time.Second)
	}
	if len(t.Audience) == 0 || t.Expiry.IsZero() {
		return nil, errors.New("introspection: the answer of tokeninfo lacks aud or its end")
	}
	return t, r.err
}

// maxLeft is ten years in seconds; nothing that lives longer is remembered so long.
const maxLeft = 10 * 365 * 24 * 3600
