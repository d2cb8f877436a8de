package bearer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
)

// Token is what is known about a checked access token: facts, never a verdict.
// Whether it may do a thing is decided on every request, from these facts.
// A Token is shared between requests: treat it and all it holds as read-only.
type Token struct {
	// Subject is the "sub" member: the issuer's own name for the user or client.
	Subject string
	// Username is the name of the user the token speaks for, as the issuer knows
	// it; empty for a token without a user (client credentials).
	Username string
	// UserID is the user's number in this program's own database, when the
	// validator shares that database; 0 otherwise.
	UserID int64
	// ClientID is the client the token was issued to ("client_id").
	ClientID string
	// Issuer is the "iss" member; empty when the answer does not say.
	Issuer string
	// ID is the "jti" member; empty when the answer does not say.
	ID string
	// Type is the "token_type" member ("Bearer", "DPoP"); empty means Bearer.
	Type string
	// Scopes are the granted scopes, in the issuer's order.
	Scopes []string
	// Audience is who the token is meant for; empty when the answer does not say.
	Audience []string
	// Expiry is the moment the token ends; zero when the answer does not say.
	Expiry time.Time
	// IssuedAt and NotBefore are zero when the answer does not say.
	IssuedAt, NotBefore time.Time
	// AuthTime is when the user last signed in ("auth_time"); zero when unknown.
	AuthTime time.Time
	// ACR is the authentication context class ("acr"); empty when unknown.
	ACR string
	// Confirmation is the raw "cnf" member; nil for a plain bearer token.
	Confirmation json.RawMessage
	// Principal is what the validator already knows of the user in this program's
	// own terms, to save a second look; nil otherwise.
	Principal any
	// Claims is a JSON object with the members of the answer that have no field
	// here; nil when there are none. Claim reads one.
	Claims json.RawMessage
}

// Claim reads the member name of Claims into v and reports whether it is there and
// of v's type. Names count with their case, in v's struct tags too.
func (t *Token) Claim(name string, v any) bool {
	var members map[string]json.RawMessage
	if len(t.Claims) == 0 || jsonv2.Unmarshal(t.Claims, &members) != nil {
		return false
	}
	raw, ok := members[name]
	return ok && jsonv2.Unmarshal(raw, v) == nil
}

// HasScope reports whether scope was granted.
func (t *Token) HasScope(scope string) bool {
	for _, s := range t.Scopes {
		if s == scope {
			return true
		}
	}
	return false
}

// ErrInvalid is what a Validator returns (wrapped or bare) for a token that is
// known to be bad: unknown, expired, revoked, forged. The caller answers 401.
// Every other error means "cannot know" and becomes 503.
var ErrInvalid = errors.New("invalid token")

// Validator tells what a token is. It is the one joint between a program and
// whoever issues its tokens. It returns an error that wraps ErrInvalid for a
// token that is definitely bad and any other error when it cannot know.
// Implementations must be safe for concurrent use.
type Validator interface {
	Validate(ctx context.Context, token string) (*Token, error)
}

// ValidatorFunc lets a plain function be a Validator.
type ValidatorFunc func(ctx context.Context, token string) (*Token, error)

// Validate calls f.
func (f ValidatorFunc) Validate(ctx context.Context, token string) (*Token, error) {
	return f(ctx, token)
}

type contextKey struct{}

// tokenContext is context.WithValue for the one key, in less memory.
type tokenContext struct {
	context.Context
	token *Token
}

// Value knows the token and asks the parent for the rest.
func (c *tokenContext) Value(key any) any {
	if key == (contextKey{}) {
		return c.token
	}
	return c.Context.Value(key)
}

// String does not tell the token.
func (c *tokenContext) String() string { return fmt.Sprint(c.Context, ".WithToken") }

// NewContext returns a context that carries t.
func NewContext(ctx context.Context, t *Token) context.Context {
	return &tokenContext{ctx, t}
}

// FromContext returns the token that Require put into the request's context,
// or nil when the request passed without one.
func FromContext(ctx context.Context) *Token {
	t, _ := ctx.Value(contextKey{}).(*Token)
	return t
}
