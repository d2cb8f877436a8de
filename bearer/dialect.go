package bearer

import (
	"context"
	"errors"
	"fmt"
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
		return newRequest(ctx, http.MethodGet, i.URL, h, "")
	}
	if i.Dialect != TokenInfo || i.ClientID != "" {
		if err := i.identify(h, form); err != nil {
			return nil, err
		}
	}
	if i.Dialect == TokenInfo {
		form.Set("access_token", token)
		return newRequest(ctx, http.MethodGet, withQuery(i.URL, form), h, "")
	}
	form.Set("token", token)
	form.Set("token_type_hint", "access_token")
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	return newRequest(ctx, http.MethodPost, i.URL, h, form.Encode())
}

func newRequest(ctx context.Context, method, address string, h http.Header, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return nil, errors.New("introspection: the address is wrong")
	}
	req.Header = h
	return req, nil
}

func withQuery(address string, form url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + form.Encode()
	}
	return address + "?" + form.Encode()
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
