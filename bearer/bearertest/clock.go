package bearertest

import (
	"sync"
	"time"
)

// Clock is a time that a test moves: its Now is for the Now of configurations.
//
//	clock := bearertest.NewClock()
//	cache := bearer.NewCache(bearer.CacheConfig{Validator: v, Now: clock.Now})
//	clock.Move(time.Minute)
//
// What waits or times out goes by the machine's clock all the same; testing/synctest
// is for that. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands at the machine's time.
func NewClock() *Clock { return &Clock{at: time.Now()} }

// Now returns the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Move moves the clock on by d, or back when d is negative.
func (c *Clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
