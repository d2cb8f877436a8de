package bearer

import (
	"math"
	"time"
)

// breaker stops asking a validator that keeps failing. Its user holds a lock.
type breaker struct {
	limit   int
	pause   time.Duration
	failed  int // in a row
	until   time.Time
	probing bool
}

// allow reports whether a question may be asked, and whether it is the probe.
func (b *breaker) allow(now time.Time) (probe, ok bool) {
	if b.failed < b.limit {
		return false, true
	}
	if b.probing || now.Before(b.until) {
		return false, false
	}
	b.probing = true
	return true, true
}

// forget takes back a probe that was not asked.
func (b *breaker) forget(probe bool) {
	if probe {
		b.probing = false
	}
}

func (b *breaker) report(probe, answered bool, now time.Time) {
	b.forget(probe)
	if answered {
		b.failed = 0
		return
	}
	b.failed = min(b.failed+1, math.MaxInt-1)
	if b.failed >= b.limit {
		b.until = now.Add(b.pause)
	}
}

// maxRest is the longest that a server may ask to be left alone.
const maxRest = time.Minute

// rest opens the breaker for as long as the server asked (Retry-After).
func (b *breaker) rest(d time.Duration, now time.Time) {
	b.failed, b.until = max(b.failed, b.limit), now.Add(min(d, maxRest))
}

// open tells how long nobody will ask; 0 when somebody may.
func (b *breaker) open(now time.Time) time.Duration {
	if b.failed < b.limit {
		return 0
	}
	return max(b.until.Sub(now), 0)
}
