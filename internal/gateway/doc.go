// Package gateway puts the bearer check in front of services that exist already.
//
// A route has a path prefix and an upstream address. A request for it passes
// bearer.Require and is then forwarded; everything else is 404. A path that two
// parsers could read differently is refused, never repaired, and the very string
// that was matched is the one that is forwarded. Headers by which an upstream
// learns who calls are set here and stripped from what comes in, in every
// spelling.
//
// It must not know what the upstreams do, nor how tokens are issued.
package gateway
