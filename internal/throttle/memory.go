package throttle

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
)

// most bounds the memory; over it the memory starts anew.
const mostRemembered = 10_000

// mark is a keyed digest. Its key lives in memory only, so that a dump of the
// memory gives no secret away.
type mark [sha256.Size]byte

// memory knows which secrets were right lately, and which are being checked.
type memory struct {
	hashes  sync.Pool // of hash.Hash: HMAC with a key that is kept nowhere else
	mu      sync.Mutex
	right   map[mark]proof   // by whose secret it is and where it came from
	flights map[mark]*flight // by what is being checked
}

// proof is what was right.
type proof struct {
	what  mark
	until time.Time
}

// flight is a check under way. Everybody who asks the same meanwhile gets its
// verdict.
type flight struct {
	done  chan struct{}
	right bool
	err   error
}

func newMemory() *memory {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	return &memory{right: map[mark]proof{}, flights: map[mark]*flight{}, hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key[:]) }}}
}

// mark digests parts so that no two lists of parts give the same text.
func (m *memory) mark(parts ...string) mark {
	h := m.hashes.Get().(hash.Hash)
	defer m.hashes.Put(h)
	h.Reset()
	text := make([]byte, 0, 256)
	for _, p := range parts {
		text = append(binary.AppendUvarint(text, uint64(len(p))), p...)
	}
	h.Write(text)
	var sum mark
	h.Sum(sum[:0])
	return sum
}

func (m *memory) knows(who, what mark, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.right[who]
	return ok && hmac.Equal(p.what[:], what[:]) && now.Before(p.until)
}

func (m *memory) remember(who, what mark, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.right) >= mostRemembered {
		clear(m.right)
	}
	m.right[who] = proof{what, until}
}

func (m *memory) forget(who mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.right, who)
}

// once runs fn, or waits for the same that runs already. fn does not end with the
// caller that began it, because others may wait for it.
func (m *memory) once(ctx context.Context, what mark, fn func(context.Context) (bool, error)) (bool, error) {
	m.mu.Lock()
	f, running := m.flights[what]
	if !running {
		f = &flight{done: make(chan struct{}), err: fault.New(fault.Unavailable, "The check was given up. Try again in a moment.")}
		m.flights[what] = f
	}
	m.mu.Unlock()
	if !running {
		defer m.land(what, f)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
		defer cancel()
		f.right, f.err = fn(within)
		return f.right, f.err
	}
	select {
	case <-f.done:
		return f.right, f.err
	case <-ctx.Done():
		return false, fault.Wrap(fault.Unavailable, ctx.Err(), "The check took too long. Try again in a moment.")
	}
}

// land lets those who wait go on, after a panic too.
func (m *memory) land(what mark, f *flight) {
	m.mu.Lock()
	delete(m.flights, what)
	m.mu.Unlock()
	close(f.done)
}
