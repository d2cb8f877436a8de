package bearer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// RevocationListConfig is what a RevocationList remembers.
type RevocationListConfig struct {
	// Validator checks tokens. Needed.
	Validator Validator
	// Keep is how long a revocation is remembered: as long as its issuer lets
	// tokens live. 0 means 24 hours.
	Keep time.Duration
	// Size is the most revocations remembered; beyond it the oldest is forgotten.
	// 0 means 100 000.
	Size int
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// RevocationList is a Validator in front of one that would go on accepting what its
// issuer has revoked, because it checks signatures and asks nobody (JWT). It
// remembers what Revoke told it, in this process; ReceiverConfig.Keep is for what must
// outlast it. It is safe for concurrent use.
type RevocationList struct {
	cfg  RevocationListConfig
	size atomic.Int64 // while it is 0, nothing is looked up

	mu    sync.RWMutex
	ended map[listed]listedAt
	queue []listed // in the order in which they are forgotten
}

// listed is what ended, and by which member it is known.
type listed struct {
	member byte // 't'oken hash, 's'ubject, 'u'ser name, 'c'lient
	name   string
}

type listedAt struct {
	at    time.Time // what was issued later stands
	until time.Time
}

// NewRevocationList returns an empty list in front of cfg.Validator.
func NewRevocationList(cfg RevocationListConfig) *RevocationList {
	if cfg.Keep == 0 {
		cfg.Keep = 24 * time.Hour
	}
	if cfg.Size == 0 {
		cfg.Size = 100_000
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &RevocationList{cfg: cfg, ended: map[listed]listedAt{}}
}

// Check is the validator's own.
func (l *RevocationList) Check() error {
	if v, ok := l.cfg.Validator.(checker); ok {
		return v.Check()
	}
	return nil
}

// Unwrap returns the validator behind.
func (l *RevocationList) Unwrap() Validator { return l.cfg.Validator }

// Validate refuses what was revoked.
func (l *RevocationList) Validate(ctx context.Context, token string) (*Token, error) {
	t, err := l.cfg.Validator.Validate(ctx, token)
	if err != nil || t == nil || l.size.Load() == 0 {
		return t, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if _, ok := l.ended[listed{'t', TokenHash(token)}]; ok || l.before('s', t.Subject, t) || l.before('u', t.Username, t) || l.before('c', t.ClientID, t) {
		return nil, ErrInvalid
	}
	return t, nil
}

// before reports whether all of name's tokens ended after t was issued. Tokens say
// when in whole seconds, so one of the very second counts as ended; so does one
// that does not say.
func (l *RevocationList) before(member byte, name string, t *Token) bool {
	if name == "" {
		return false
	}
	e, ok := l.ended[listed{member, name}]
	return ok && !t.IssuedAt.After(e.at)
}

// Revoke remembers r, and tells the validator when it remembers anything itself.
func (l *RevocationList) Revoke(r Revocation) {
	if v, ok := l.cfg.Validator.(Revoker); ok {
		v.Revoke(r)
	}
	if r.Token != "" {
		r.TokenHash = TokenHash(r.Token)
	}
	now := l.cfg.Now()
	if r.At.IsZero() {
		r.At = now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, what := range []listed{{'t', r.TokenHash}, {'s', r.Subject}, {'u', r.Username}, {'c', r.ClientID}} {
		if what.name != "" {
			l.add(what, r.At, now)
		}
	}
	l.forget(now)
	l.size.Store(int64(len(l.ended)))
}

func (l *RevocationList) add(what listed, at, now time.Time) {
	e, again := l.ended[what]
	if e.until = now.Add(l.cfg.Keep); at.After(e.at) { // they may arrive in any order
		e.at = at
	}
	if l.ended[what] = e; !again {
		l.queue = append(l.queue, what)
	}
}

// forget drops what is too old, and the oldest when there is too much. Something
// that ended again keeps its place but is not too old; what stands behind it waits.
func (l *RevocationList) forget(now time.Time) {
	for len(l.queue) > 0 {
		first := l.queue[0]
		alive := now.Before(l.ended[first].until)
		if alive && len(l.queue) <= l.cfg.Size {
			return
		}
		l.queue = l.queue[1:]
		delete(l.ended, first)
	}
}
