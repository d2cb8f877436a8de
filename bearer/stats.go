package bearer

import (
	"sync/atomic"
	"time"
)

// counts are what CacheStats shows.
type counts struct {
	hits, misses, refreshes, refusals, busy, failed atomic.Uint64
	asked                                           histogram
}

// answered counts a question to the validator that has ended.
func (c *counts) answered(d time.Duration, err error) {
	if !definite(err) {
		c.failed.Add(1)
	}
	c.asked.observe(d)
}

// CacheStats counts since the start.
type CacheStats struct {
	Hits      uint64    // answered from facts
	Refusals  uint64    // answered from remembered refusals
	Misses    uint64    // not remembered
	Refreshes uint64    // asked anew in the background
	Busy      uint64    // not asked: breaker open, or too many questions under way
	Failed    uint64    // asked without a definite answer
	Asked     Histogram // how long the validator took to answer
	Size      int       // facts held now
	Open      bool      // the breaker is open
}

// Stats returns the counts.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	open, size := c.breaker.failed >= c.breaker.limit, c.good.count
	c.mu.Unlock()
	n := &c.counts
	return CacheStats{Hits: n.hits.Load(), Refusals: n.refusals.Load(), Misses: n.misses.Load(), Refreshes: n.refreshes.Load(),
		Busy: n.busy.Load(), Failed: n.failed.Load(), Asked: n.asked.read(), Size: size, Open: open}
}

// buckets are the upper bounds of a Histogram's buckets.
var buckets = [...]time.Duration{50 * time.Microsecond, 100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond}

// Histogram counts durations.
type Histogram struct {
	Count   uint64
	Sum     time.Duration
	Buckets []Bucket // without the last one, which would be Count
}

// Bucket counts the durations that took UpTo at most.
type Bucket struct {
	UpTo  time.Duration
	Count uint64
}

type histogram struct {
	count [len(buckets) + 1]atomic.Uint64
	sum   atomic.Int64
}

func (h *histogram) observe(d time.Duration) {
	i := 0
	for i < len(buckets) && d > buckets[i] {
		i++
	}
	h.count[i].Add(1)
	h.sum.Add(int64(d))
}

func (h *histogram) read() Histogram {
	r := Histogram{Sum: time.Duration(h.sum.Load()), Buckets: make([]Bucket, len(buckets))}
	for i := range buckets {
		r.Count += h.count[i].Load()
		r.Buckets[i] = Bucket{buckets[i], r.Count}
	}
	r.Count += h.count[len(buckets)].Load()
	return r
}
