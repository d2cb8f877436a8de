package identity

import (
	"sync"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

// strangers remembers names in tokens of other servers that no active user here has,
// for a few seconds, so that a client that does not give up costs no look at the
// database. A user who is made or changed in this process makes it forget at once;
// one of another process counts after those seconds.
type strangers struct {
	mu      sync.Mutex
	changes uint64 // of users, in this process
	until   map[string]time.Time
}

const (
	strangerTTL   = 5 * time.Second
	strangerLimit = 10_000
)

// strangerName is what a token is remembered by; empty when its user is known without
// a name, or there is none.
func strangerName(t *bearer.Token) string {
	if t.Principal != nil || t.UserID != 0 {
		return ""
	}
	return t.Username
}

// known reports whether nobody active has the name, as far as is remembered, and
// how often users had changed then, for add.
func (s *strangers) known(name string, now time.Time) (changes uint64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes, name != "" && now.Before(s.until[name])
}

// add remembers what was looked up after known said how often users had changed. When
// one has changed since, it may be about the one before.
func (s *strangers) add(name string, changes uint64, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name == "" || s.changes != changes {
		return
	}
	if s.until == nil || len(s.until) >= strangerLimit {
		s.until = map[string]time.Time{}
	}
	s.until[name] = now.Add(strangerTTL)
}

// forget is called after each change of users.
func (s *strangers) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	clear(s.until)
}
