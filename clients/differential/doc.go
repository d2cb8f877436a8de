// Package differential sends the same requests to Sluice and to an authorization
// server made of github.com/luikyv/go-oidc, and compares status, error code and
// members of the answers. Every difference stands in a table with its reason; one
// that is new, changed or gone fails. It is a module of its own, so that the library
// stays out of Sluice's dependencies. It holds tests only.
package differential
