// Package bearertest helps to test programs that check tokens with package bearer.
//
// Tokens is a validator that knows what a test tells it:
//
//	check, err := bearer.New(bearer.Config{Validator: bearertest.Tokens{
//		"good": {Username: "kermit", Scopes: []string{"read"}},
//	}})
//
// Key signs access tokens (RFC 9068) and DPoP proofs (RFC 9449). Server is an
// authorization server that follows a script: it publishes keys, answers
// introspection, signs tokens and revocation events, and fails in the ways a test
// asks for. Clock is a time that a test moves.
package bearertest
