package bearer

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Option is something a route asks of a token beyond being valid. Options of a
// kind add up: all of them must hold.
type Option func(*route)

type route struct {
	scopes   []string
	anyScope [][]string
	audience []string
	acr      []string
	maxAge   time.Duration
}

// Scope asks for all of the given scopes.
func Scope(scopes ...string) Option {
	return func(r *route) { r.scopes = append(r.scopes, scopes...) }
}

// AnyScope asks for at least one of the given scopes.
func AnyScope(scopes ...string) Option {
	return func(r *route) { r.anyScope = append(r.anyScope, scopes) }
}

// Audience asks that the token is meant for audience too (RFC 9068 §4), beside
// Config.Audience, which holds for every route.
func Audience(audience string) Option {
	return func(r *route) { r.audience = append(r.audience, audience) }
}

// ACR asks that the user signed in in one of the given ways ("acr"). A token that
// does not say how is answered with 401 insufficient_user_authentication and the
// values, so that the client can ask for a stronger sign-in (RFC 9470 §3).
func ACR(values ...string) Option {
	return func(r *route) { r.acr = append(r.acr, values...) }
}

// MaxAge asks that the user signed in at most d ago ("auth_time"), in whole
// seconds. A token that does not say when is answered with 401
// insufficient_user_authentication and max_age (RFC 9470 §3). The nearest of
// several counts.
func MaxAge(d time.Duration) Option {
	return func(r *route) {
		if d = max(d.Truncate(time.Second), time.Second); r.maxAge == 0 || d < r.maxAge {
			r.maxAge = d
		}
	}
}

func newRoute(options []Option) *route {
	n := &route{}
	for _, o := range options {
		o(n)
	}
	return n
}

// Authorize reports, as an *Error, what a token lacks of what the options ask
// for, and nil when it lacks nothing. It is for programs that choose by
// themselves what a request needs; Require does it for its route.
func (s *Server) Authorize(t *Token, options ...Option) error {
	if refused := newRoute(options).check(t, s.clock.nano()); refused != nil {
		return refused
	}
	return nil
}

// check decides from the facts; it runs on every request. now is in Unix nanoseconds.
func (n *route) check(t *Token, now int64) *Error {
	for _, scope := range n.scopes {
		if !t.HasScope(scope) {
			return n.lacksScope(n.scopes)
		}
	}
	for _, some := range n.anyScope {
		if !slices.ContainsFunc(some, t.HasScope) {
			return n.lacksScope(some)
		}
	}
	for _, audience := range n.audience {
		if !slices.Contains(t.Audience, audience) {
			return errOtherAudience
		}
	}
	if len(n.acr) == 0 && n.maxAge == 0 {
		return nil
	}
	return n.checkSignIn(t, time.Unix(0, now))
}

func (n *route) lacksScope(scopes []string) *Error {
	return &Error{Status: http.StatusForbidden, Code: "insufficient_scope",
		Description: "the token does not have the scope that this needs", Scope: strings.Join(scopes, " ")}
}

// checkSignIn is RFC 9470: the token is good, but the sign-in behind it is too
// weak or too old.
func (n *route) checkSignIn(t *Token, now time.Time) *Error {
	weak := len(n.acr) > 0 && !slices.Contains(n.acr, t.ACR)
	old := n.maxAge > 0 && (t.AuthTime.IsZero() || now.Sub(t.AuthTime) > n.maxAge+signInLeeway)
	if !weak && !old {
		return nil
	}
	e := &Error{Status: http.StatusUnauthorized, Code: "insufficient_user_authentication", MaxAge: n.maxAge, ACRValues: n.acr}
	switch {
	case weak && old:
		e.Description = "a stronger and more recent sign-in is needed"
	case weak:
		e.Description = "a stronger sign-in is needed"
	default:
		e.Description = "a more recent sign-in is needed"
	}
	return e
}

// signInLeeway is for clocks that differ and for auth_time being in whole seconds.
const signInLeeway = 5 * time.Second
