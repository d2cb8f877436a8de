package bearer

import (
	"sync/atomic"
	"time"
)

// clock tells the time in Unix nanoseconds. Reading the wall clock costs half of
// what a cached token may cost in whole, so it is read once a second and the
// monotonic clock in between: a step of the wall clock counts after a second.
type clock struct {
	now  func() time.Time // nil: the machine's
	last atomic.Pointer[reading]
}

type reading struct {
	at   time.Time
	unix int64
}

func (c *clock) nano() int64 {
	if c.now != nil {
		return c.now().UnixNano()
	}
	if r := c.last.Load(); r != nil {
		if d := time.Since(r.at); d < time.Second {
			return r.unix + int64(d)
		}
	}
	now := time.Now()
	c.last.Store(&reading{now, now.UnixNano()})
	return now.UnixNano()
}

func (c *clock) time() time.Time { return time.Unix(0, c.nano()) }
