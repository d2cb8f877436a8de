package bearer

import "time"

// Revocation says what ended: one token, or everything of a subject, a user or a
// client. Empty members match nothing.
type Revocation struct {
	Token    string // the very token
	Subject  string // the "sub" of tokens
	Username string // the user name of tokens
	ClientID string // the "client_id" of tokens
}

// ending is a Revocation whose token is a digest.
type ending struct {
	Revocation
	digest digest
}

func (r *ending) matches(d digest, t *Token) bool {
	return (r.digest != digest{} && r.digest == d) || (r.Subject != "" && r.Subject == t.Subject) ||
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
func (e *ended) since(number uint64, d digest, t *Token) bool {
	for i := len(e.list) - 1; i >= 0 && e.list[i].number > number; i-- {
		if e.list[i].what.matches(d, t) {
			return true
		}
	}
	return false
}
