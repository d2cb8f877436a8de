package bearer

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// CacheConfig is how a Cache remembers and asks.
type CacheConfig struct {
	// Validator is asked for what is not remembered. Needed.
	Validator Validator
	// Soft is the age at which facts are asked anew in the background while they
	// are still used. 0 means 15 s.
	Soft time.Duration
	// Hard is the age at which facts are used no more. 0 means 30 s. A token's own
	// end comes first.
	Hard time.Duration
	// Negative is how long a definite refusal is remembered. 0 means 5 s.
	Negative time.Duration
	// Size is the most tokens remembered. 0 means 100 000. Refusals have a memory
	// of their own, a tenth of it, so that a flood of random tokens pushes no good
	// one out.
	Size int
	// InFlight is the most questions under way at once; more are refused at once,
	// as "cannot know". 0 means 256.
	InFlight int
	// Timeout bounds one question, whoever waits for it. 0 means 5 s.
	Timeout time.Duration
	// Failures in a row open the breaker: for Pause nobody asks, and everybody is
	// told "cannot know" at once; then one question probes. 0 means 10 and 500 ms.
	Failures int
	Pause    time.Duration
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

func (c *CacheConfig) defaults() {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.Soft, 15*time.Second)
	set(&c.Hard, 30*time.Second)
	set(&c.Negative, 5*time.Second)
	set(&c.Timeout, 5*time.Second)
	set(&c.Pause, 500*time.Millisecond)
	if c.Size == 0 {
		c.Size = 100_000
	}
	if c.InFlight == 0 {
		c.InFlight = 256
	}
	if c.Failures == 0 {
		c.Failures = 10
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// ErrBusy is what a Cache returns, as "cannot know", when too many questions are
// under way or the breaker is open.
var ErrBusy = errors.New("the validator is not asked now")

// Cache is a Validator with a memory. It remembers facts, never verdicts: scope,
// audience and expiry are checked against them on every request. Trouble is never
// remembered. It is safe for concurrent use.
type Cache struct {
	cfg     CacheConfig
	good    *otter.Cache[string, *fact]
	bad     *otter.Cache[string, int64] // until when, in Unix nanoseconds
	breaker breaker
	places  chan struct{}

	mu      sync.Mutex
	flights map[string]*flight
	ended   ended

	hits, misses, refreshes, refusals atomic.Uint64
}

// fact is a remembered token. Times are Unix nanoseconds.
type fact struct {
	token      *Token
	soft, hard int64
	refreshing atomic.Bool
}

// landed is the done of an answer that is there already.
var landed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// flight is one question under way, for all who wait for its answer.
type flight struct {
	begun uint64 // the revocations that had happened when it began
	done  chan struct{}
	token *Token
	err   error
}

// Cached is NewCache with its defaults.
func Cached(next Validator) *Cache { return NewCache(CacheConfig{Validator: next}) }

// NewCache returns a Cache in front of cfg.Validator. It keeps no goroutine
// beyond the questions under way.
func NewCache(cfg CacheConfig) *Cache {
	cfg.defaults()
	return &Cache{
		cfg: cfg, places: make(chan struct{}, cfg.InFlight), flights: map[string]*flight{}, ended: newEnded(),
		good:    otter.Must(&otter.Options[string, *fact]{MaximumSize: cfg.Size, ExpiryCalculator: otter.ExpiryWriting[string, *fact](cfg.Hard)}),
		bad:     otter.Must(&otter.Options[string, int64]{MaximumSize: max(cfg.Size/10, 1), ExpiryCalculator: otter.ExpiryWriting[string, int64](cfg.Negative)}),
		breaker: breaker{limit: cfg.Failures, pause: cfg.Pause},
	}
}

// Validate answers from memory or asks, once for all who ask the same.
func (c *Cache) Validate(ctx context.Context, token string) (*Token, error) {
	now := c.cfg.Now().UnixNano()
	if f, ok := c.good.GetIfPresent(token); ok && now < f.hard {
		c.hits.Add(1)
		if now >= f.soft && f.refreshing.CompareAndSwap(false, true) {
			c.refresh(token, f)
		}
		return f.token, nil
	}
	if until, ok := c.bad.GetIfPresent(token); ok && now < until {
		c.refusals.Add(1)
		return nil, ErrInvalid
	}
	c.misses.Add(1)
	f, err := c.join(token, now)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refresh asks anew in the background; a failure leaves the facts until they are
// too old.
func (c *Cache) refresh(token string, f *fact) {
	flight, err := c.join(token, math.MaxInt64)
	if err != nil {
		f.refreshing.Store(false)
		return
	}
	c.refreshes.Add(1)
	go func() {
		<-flight.done
		f.refreshing.Store(false)
	}()
}

// join returns the question about token that is under way, or begins one. It is
// detached from whoever asked first: his leaving does not fail the others. One
// that ended since the caller looked is not asked again; now is when he looked.
func (c *Cache) join(token string, now int64) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[token]; f != nil {
		return f, nil
	}
	if f, ok := c.good.GetIfPresent(token); ok && now < f.hard {
		return &flight{done: landed, token: f.token}, nil
	}
	probe, ok := c.breaker.allow(c.cfg.Now())
	if !ok {
		return nil, ErrBusy
	}
	select {
	case c.places <- struct{}{}:
	default:
		c.breaker.forget(probe)
		return nil, ErrBusy
	}
	f := &flight{begun: c.ended.count, done: make(chan struct{})}
	c.flights[token] = f
	go c.ask(token, f, probe)
	return f, nil
}

func (c *Cache) ask(token string, f *flight, probe bool) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Timeout)
	defer cancel()
	defer func() { <-c.places }()
	defer close(f.done)
	f.token, f.err = call(ctx, c.cfg.Validator, token)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, token)
	c.breaker.report(probe, f.err == nil || errors.Is(f.err, ErrInvalid), c.cfg.Now())
	// What was revoked while the answer was under way stays revoked.
	if f.err == nil && c.ended.since(f.begun, token, f.token) {
		f.token, f.err = nil, ErrInvalid
		return
	}
	c.remember(token, f)
}

// call keeps a validator's panic from taking the program down: it is trouble.
func call(ctx context.Context, v Validator, token string) (t *Token, err error) {
	defer func() {
		if recover() != nil {
			t, err = nil, errors.New("the validator panicked")
		}
	}()
	t, err = v.Validate(ctx, token)
	if t == nil && err == nil {
		err = errors.New("the validator returned neither token nor error")
	}
	return t, err
}

// remember keeps a definite answer; c.mu is held, so that no revocation comes in
// between.
func (c *Cache) remember(token string, f *flight) {
	now := c.cfg.Now()
	switch {
	case errors.Is(f.err, ErrInvalid):
		c.good.Invalidate(token)
		c.bad.Set(token, now.Add(c.cfg.Negative).UnixNano())
	case f.err == nil:
		hard := now.Add(c.cfg.Hard).UnixNano()
		if !f.token.Expiry.IsZero() {
			hard = min(hard, f.token.Expiry.UnixNano())
		}
		c.bad.Invalidate(token)
		c.good.Set(token, &fact{token: f.token, soft: now.Add(c.cfg.Soft).UnixNano(), hard: hard})
	}
}

// Revoke makes a Cache forget: on the very next request the validator is asked,
// and an answer that was under way before counts as a refusal.
func (c *Cache) Revoke(r Revocation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended.add(r, c.cfg.Now())
	if r.Token != "" {
		c.good.Invalidate(r.Token)
	}
	if r.Subject == "" && r.Username == "" && r.ClientID == "" {
		return
	}
	for token, f := range c.good.All() {
		if r.matches(token, f.token) {
			c.good.Invalidate(token)
		}
	}
}

// CacheStats counts since the start.
type CacheStats struct {
	Hits      uint64 // answered from facts
	Refusals  uint64 // answered from remembered refusals
	Misses    uint64 // waited for an answer
	Refreshes uint64 // asked anew in the background
	Size      int    // facts held now
}

// Stats returns the counts.
func (c *Cache) Stats() CacheStats {
	return CacheStats{Hits: c.hits.Load(), Refusals: c.refusals.Load(), Misses: c.misses.Load(), Refreshes: c.refreshes.Load(), Size: c.good.EstimatedSize()}
}

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
