package bearer

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// Revocation says what ended: one token, or everything of a subject, a user or a
// client. Empty members match nothing.
type Revocation struct {
	Token     string // the very token
	TokenHash string // the same, by TokenHash, for whoever may not see the token
	Subject   string // the "sub" of tokens
	Username  string // the user name of tokens
	ClientID  string // the "client_id" of tokens
	// At is when it ended. What a subject, user or client was issued later stands,
	// for a RevocationList; a Cache asks anew in any case. Zero means now.
	At time.Time
}

// TokenHash names a token without telling it: its SHA-256 in base64url without
// padding.
func TokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// mark is the beginning of a token's SHA-256, enough to find a remembered token by
// it: when two have the same one, the other is asked about once more.
func mark(token string) uint64 {
	sum := sha256.Sum256([]byte(token))
	return binary.BigEndian.Uint64(sum[:8])
}

// markOf is the mark in a TokenHash; 0 when it is none.
func markOf(tokenHash string) uint64 {
	sum, err := base64.RawURLEncoding.DecodeString(tokenHash)
	if err != nil || len(sum) != sha256.Size {
		return 0
	}
	return binary.BigEndian.Uint64(sum[:8])
}

// ending is a Revocation whose token is a digest.
type ending struct {
	Revocation
	digest digest
	mark   uint64 // 0: none
}

func (r *ending) matches(d digest, mark uint64, t *Token) bool {
	return (r.digest != digest{} && r.digest == d) || (r.mark != 0 && r.mark == mark) || (r.Subject != "" && r.Subject == t.Subject) ||
		(r.Username != "" && r.Username == t.Username) || (r.ClientID != "" && r.ClientID == t.ClientID)
}

// Revoker is a Validator that can be told of revocations; Cache is one.
type Revoker interface {
	Revoke(r Revocation)
}

// Revoke tells the validator, when it remembers anything, that something ended:
// it counts on the very next request.
func (s *Server) Revoke(r Revocation) {
	if v, ok := s.cfg.Validator.(Revoker); ok {
		v.Revoke(r)
	}
}

// ended remembers revocations for as long as an answer from before them can be
// under way.
type ended struct {
	count uint64 // how many there have been
	list  []endedAt
}

type endedAt struct {
	number uint64
	at     time.Time
	what   ending
}

// keepEnded is longer than any question takes.
const keepEnded = time.Minute

func (e *ended) add(what ending, now time.Time) {
	for len(e.list) > 0 && now.Sub(e.list[0].at) > keepEnded {
		e.list = e.list[1:]
	}
	e.count++
	e.list = append(e.list, endedAt{e.count, now, what})
}

// since reports whether a token was revoked after the given number of
// revocations.
func (e *ended) since(number uint64, d digest, mark uint64, t *Token) bool {
	for i := len(e.list) - 1; i >= 0 && e.list[i].number > number; i-- {
		if e.list[i].what.matches(d, mark, t) {
			return true
		}
	}
	return false
}
