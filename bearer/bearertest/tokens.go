package bearertest

import (
	"context"

	"github.com/sluicehq/sluice/bearer"
)

// Tokens is a bearer.Validator that knows these tokens by heart; any other is
// invalid, and one that is nil cannot be known: its request is answered with 503.
// It must not change while it is in use.
type Tokens map[string]*bearer.Token

// Validate returns the token as it stands in the map.
func (t Tokens) Validate(_ context.Context, token string) (*bearer.Token, error) {
	known, ok := t[token]
	if !ok {
		return nil, bearer.ErrInvalid
	}
	if known == nil {
		return nil, errUnknown
	}
	return known, nil
}

var errUnknown = unknown{}

type unknown struct{}

func (unknown) Error() string { return "bearertest: the test says that this cannot be known" }
