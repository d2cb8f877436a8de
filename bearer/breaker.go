package bearer

import (
	"math"
	"time"
)

// breaker stops asking a validator that keeps failing, but for one probe in each
// pause. A probe that hangs does not keep the next one from being asked, so that
// recovery is noticed within a pause. Its user holds a lock.
type breaker struct {
	limit  int
	pause  time.Duration
	failed int       // in a row
	until  time.Time // when the next probe may be asked
}

// allow reports whether a question may be asked, and whether it is a probe.
func (b *breaker) allow(now time.Time) (probe, ok bool) {
	if b.failed < b.limit {
		return false, true
	}
	if now.Before(b.until) {
		return false, false
	}
	b.until = now.Add(b.pause)
	return true, true
}

// forget takes back a probe that was not asked.
func (b *breaker) forget(probe bool) {
	if probe {
		b.until = time.Time{}
	}
}

func (b *breaker) report(probe, answered bool, now time.Time) {
	if answered {
		b.failed = 0
		return
	}
	b.failed = min(b.failed+1, math.MaxInt-1)
	if b.failed >= b.limit && !probe && b.until.Before(now) {
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
