package bearer

import (
	"net/http"
	"strings"
)

// Option is something a route asks of a token beyond being valid.
type Option func(*route)

type route struct {
	scopes []string
}

// Scope asks for all of the given scopes.
func Scope(scopes ...string) Option {
	return func(r *route) { r.scopes = append(r.scopes, scopes...) }
}

// check decides from the facts; it runs on every request.
func (n *route) check(t *Token) error {
	for _, scope := range n.scopes {
		if !t.HasScope(scope) {
			return &Error{Status: http.StatusForbidden, Code: "insufficient_scope",
				Description: "the token does not have the scope that this needs", Scope: strings.Join(n.scopes, " ")}
		}
	}
	return nil
}
