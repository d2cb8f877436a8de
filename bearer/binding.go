package bearer

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	jsontext "encoding/json"

	"github.com/go-json-experiment/json"
)

// scheme is how a request sends its token.
type scheme uint8

const (
	noScheme scheme = iota
	bearerScheme
	dpopScheme // RFC 9449 §7.1
)

// schemeOf reads the Authorization header's scheme; a header that has none of
// ours is none.
func schemeOf(header string) scheme {
	name, _, _ := strings.Cut(header, " ")
	switch {
	case strings.EqualFold(name, "Bearer"):
		return bearerScheme
	case strings.EqualFold(name, "DPoP"):
		return dpopScheme
	}
	return noScheme
}

var (
	errExpired       = invalidToken("the token has expired")
	errNotYet        = invalidToken("the token is not valid yet")
	errOtherAudience = invalidToken("the token is meant for another service")
	errOtherType     = invalidToken("the token is of another type")
	errUnknownBond   = invalidToken("the token is bound in a way that this service does not check")
	errSendAsDPoP    = invalidToken("the token is bound to a key; send it with the scheme DPoP and a proof")
	errSendAsBearer  = invalidToken("the token is not bound to a key; send it with the scheme Bearer")
	errNeedsKey      = invalidToken("this service takes only tokens that are bound to a key")
	errOtherKey      = invalidToken("the token is bound to another key")
	errNoCertificate = invalidToken("the token is bound to a client certificate, and the request came without one")
	errOtherCert     = invalidToken("the token is bound to another client certificate")
)

// stands checks the facts that hold for every route: time, audience, type. now is in
// Unix nanoseconds.
func (s *Server) stands(t *Token, how scheme, now int64) *Error {
	// In milliseconds, since this runs for every request; a zero time is long ago.
	at := now / int64(time.Millisecond)
	latest := at + s.cfg.Leeway.Milliseconds()
	switch {
	case !t.Expiry.IsZero() && at > t.Expiry.UnixMilli()+expiryLeeway.Milliseconds():
		return errExpired
	case t.NotBefore.UnixMilli() > latest || t.IssuedAt.UnixMilli() > latest:
		return errNotYet
	case s.cfg.Audience != "" && !slices.Contains(t.Audience, s.cfg.Audience):
		return errOtherAudience
	case t.Type == "Bearer" || t.Type == "" || strings.EqualFold(t.Type, "Bearer"):
		return nil
	case strings.EqualFold(t.Type, "DPoP") && how == dpopScheme:
		return nil
	case strings.EqualFold(t.Type, "DPoP"):
		return errSendAsDPoP
	}
	return errOtherType
}

// plain reports whether the token may be used by whoever holds it.
func (t *Token) plain() bool {
	return len(t.Confirmation) == 0 || string(t.Confirmation) == "null"
}

// bound checks that the caller holds what the token is bound to ("cnf", RFC 7800).
// A token that is bound by anything unknown is refused: to take it as a plain one
// would undo what its issuer meant. r is nil when there is no HTTP request.
func (s *Server) bound(r *http.Request, how scheme, raw string, t *Token) error {
	if t.plain() {
		switch {
		case how == dpopScheme:
			return errSendAsBearer
		case s.dpop != nil && s.dpop.cfg.Required:
			return errNeedsKey
		}
		return nil
	}
	bonds, err := readBonds(t.Confirmation)
	if err != nil || r == nil {
		return errUnknownBond
	}
	if bonds.certificate != "" {
		if err := s.holdsCertificate(r, bonds.certificate); err != nil {
			return err
		}
	}
	switch {
	case bonds.key == "" && how == dpopScheme:
		return errSendAsBearer
	case bonds.key == "" && s.dpop != nil && s.dpop.cfg.Required:
		return errNeedsKey
	case bonds.key == "":
		return nil
	case s.dpop == nil:
		return errUnknownBond
	case how != dpopScheme:
		return errSendAsDPoP
	}
	return s.dpop.check(r, raw, bonds.key)
}

// bonds are the members of "cnf" that are understood; empty means absent.
type bonds struct {
	key         string // "jkt": SHA-256 thumbprint of a JWK (RFC 9449 §6.1)
	certificate string // "x5t#S256": SHA-256 of a certificate (RFC 8705 §3.1)
}

var errBonds = errors.New("cnf has a member that is not understood, or none")

func readBonds(cnf jsontext.RawMessage) (b bonds, err error) {
	members := map[string]string{}
	if json.Unmarshal(cnf, &members) != nil || len(members) == 0 {
		return b, errBonds
	}
	for name, value := range members {
		switch {
		case value == "":
			return b, errBonds
		case name == "jkt":
			b.key = value
		case name == "x5t#S256":
			b.certificate = value
		default:
			return b, errBonds
		}
	}
	return b, nil
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
