// Package origin settles from which address a request comes, once and for
// everybody who counts, logs or remembers addresses.
//
// A connection's own address is the truth. Only proxies that the operator has
// named are believed when they say for whom they ask (X-Forwarded-For).
//
// It serves no URL and must not know what addresses are used for.
package origin
