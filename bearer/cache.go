package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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
	// InFlight is the most questions under way at once about tokens that are not
	// remembered; more are refused at once, as "cannot know". 0 means 256. As many
	// again may be asked in the background about tokens that are, so that a flood of
	// random tokens does not keep good ones from being renewed.
	InFlight int
	// Timeout bounds one question, whoever waits for it. 0 means 2 s.
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
		if *d <= 0 {
			*d = to
		}
	}
	set(&c.Soft, 15*time.Second)
	set(&c.Hard, 30*time.Second)
	set(&c.Negative, 5*time.Second)
	set(&c.Timeout, 2*time.Second)
	set(&c.Pause, 500*time.Millisecond)
	count := func(n *int, to int) {
		if *n <= 0 {
			*n = to
		}
	}
	count(&c.Size, 100_000)
	count(&c.InFlight, 256)
	count(&c.Failures, 10)
}

// ErrBusy is what a Cache returns, as "cannot know", when too many questions are
// under way or the breaker is open.
var ErrBusy = errors.New("the validator is not asked now")

// Cache is a Validator with a memory. It remembers facts, never verdicts: scope,
// audience and expiry are checked against them on every request. Trouble is never
// remembered, and no token is: a keyed hash stands for it. It is safe for
// concurrent use.
type Cache struct {
	cfg   CacheConfig
	key   *digestKey
	clock clock
	good  *otter.Cache[uint64, *fact] // by the digest's first half
	bad   *refused
	// Who may ask: about tokens that are new here, and about those that are known.
	strangers, acquainted chan struct{}

	mu      sync.Mutex
	flights map[digest]*flight
	breaker breaker
	ended   ended

	counts counts
}

// fact is a remembered token. Times are Unix nanoseconds.
type fact struct {
	token *Token
	low   uint64       // the digest's other half
	mark  uint64       // by which a Revocation finds it
	hard  int64        // used until then
	soft  atomic.Int64 // asked anew from then on
}

// retrySoft is how soon after a renewal was begun another one may be.
const retrySoft = time.Second

// landed is the done of an answer that is there already.
var landed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// flight is one question under way, for all who wait for its answer.
type flight struct {
	begun uint64 // the revocations that had happened when it began
	mark  uint64
	done  chan struct{}
	late  <-chan struct{} // closed when the time for it is over
	token *Token
	err   error
}

// Cached is NewCache with its defaults.
func Cached(next Validator) *Cache { return NewCache(CacheConfig{Validator: next}) }

// NewCache returns a Cache in front of cfg.Validator. It keeps no goroutine
// beyond the questions under way.
func NewCache(cfg CacheConfig) *Cache {
	cfg.defaults()
	c := &Cache{
		cfg: cfg, key: newDigestKey(), bad: newRefused(cfg.Size / 10), flights: map[digest]*flight{},
		strangers: make(chan struct{}, cfg.InFlight), acquainted: make(chan struct{}, cfg.InFlight),
		breaker: breaker{limit: cfg.Failures, pause: cfg.Pause},
	}
	c.clock.now = cfg.Now
	lazy := &lazyClock{clock: &c.clock}
	c.good = otter.Must(&otter.Options[uint64, *fact]{MaximumSize: cfg.Size, Clock: lazy,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[uint64, *fact]) time.Duration { return time.Duration(e.Value.hard - lazy.NowNano()) })})
	return c
}

// Check lists what is wrong with the configuration of the validator behind.
func (c *Cache) Check() error {
	if c.cfg.Validator == nil {
		return errors.New("bearer: CacheConfig.Validator is missing")
	}
	if v, ok := c.cfg.Validator.(checker); ok {
		return v.Check()
	}
	return nil
}

// Validate answers from memory or asks, once for all who ask the same.
func (c *Cache) Validate(ctx context.Context, token string) (*Token, error) {
	return c.validateAt(ctx, token, c.clock.nano())
}

// validateAt is Validate for a caller who has read the clock.
func (c *Cache) validateAt(ctx context.Context, token string, now int64) (*Token, error) {
	d := c.key.of(token)
	if t, known, err := c.recall(token, d, now); known {
		return t, err
	}
	return c.wait(ctx, token, d, now)
}

// recall answers from memory; known is false when there is nothing to answer with.
func (c *Cache) recall(token string, d digest, now int64) (t *Token, known bool, err error) {
	if c.bad.has(d, now) {
		c.counts.refusals.Add(1)
		return nil, true, ErrInvalid
	}
	f := c.known(d, now)
	if f == nil {
		return nil, false, nil
	}
	c.counts.hits.Add(1)
	if soft := f.soft.Load(); now >= soft && f.soft.CompareAndSwap(soft, now+int64(retrySoft)) {
		c.refresh(token, d)
	}
	return f.token, true, nil
}

// known returns the facts that may still be used, or nil.
func (c *Cache) known(d digest, now int64) *fact {
	f, ok := c.good.GetIfPresent(d.high)
	if !ok || f.low != d.low || now >= f.hard {
		return nil
	}
	return f
}

// wait joins the question about token for as long as the caller stays.
func (c *Cache) wait(ctx context.Context, token string, d digest, now int64) (*Token, error) {
	c.counts.misses.Add(1)
	f, err := c.join(token, d, now)
	if err != nil {
		return nil, err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-f.late:
		select {
		case <-f.done:
			return f.token, f.err
		default: // the validator does not keep to its deadline
			return nil, context.DeadlineExceeded
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refresh asks anew in the background; a failure leaves the facts until they are
// too old.
func (c *Cache) refresh(token string, d digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flights[d] != nil {
		return
	}
	if _, err := c.begin(token, d, c.acquainted); err == nil {
		c.counts.refreshes.Add(1)
	}
}

// join returns the question about token that is under way, or begins one. It is
// detached from whoever asked first: his leaving does not fail the others. One
// that ended since the caller looked is not asked again; now is when he looked.
func (c *Cache) join(token string, d digest, now int64) (*flight, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[d]; f != nil {
		return f, nil
	}
	if f := c.known(d, now); f != nil {
		return &flight{done: landed, token: f.token}, nil
	}
	return c.begin(token, d, c.strangers)
}

// begin asks, if there is a place and the breaker allows it; c.mu is held.
func (c *Cache) begin(token string, d digest, places chan struct{}) (*flight, error) {
	now := c.clock.time()
	probe, ok := c.breaker.allow(now)
	if !ok {
		return nil, c.busy(now)
	}
	select {
	case places <- struct{}{}:
	default:
		c.breaker.forget(probe)
		return nil, c.busy(now)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Timeout)
	f := &flight{begun: c.ended.count, done: make(chan struct{}), late: ctx.Done()}
	c.flights[d] = f
	go func() {
		defer func() { <-places }()
		defer cancel()
		c.ask(ctx, token, d, f, probe)
	}()
	return f, nil
}

// busy is ErrBusy, with the time that a server asked for.
func (c *Cache) busy(now time.Time) error {
	c.counts.busy.Add(1)
	if d := c.breaker.open(now); d > c.cfg.Pause {
		return fmt.Errorf("%w: %w", ErrBusy, tryAgain(d))
	}
	return ErrBusy
}

func (c *Cache) ask(ctx context.Context, token string, d digest, f *flight, probe bool) {
	defer close(f.done)
	f.mark = mark(token)
	begun := time.Now()
	f.token, f.err = call(ctx, c.cfg.Validator, token)
	c.counts.answered(time.Since(begun), f.err)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, d)
	now := c.clock.time()
	c.breaker.report(probe, definite(f.err), now)
	if e := (*Error)(nil); errors.As(f.err, &e) && e.RetryAfter > 0 && !e.alone {
		c.breaker.rest(e.RetryAfter, now)
	}
	// What was revoked while the answer was under way stays revoked.
	if f.err == nil && c.ended.since(f.begun, d, f.mark, f.token) {
		f.token, f.err = nil, ErrInvalid
		return
	}
	c.remember(d, f, now)
}

// definite reports whether the validator is in order, whatever it says of a token.
func definite(err error) bool {
	if err == nil || errors.Is(err, ErrInvalid) {
		return true
	}
	var e *Error
	return errors.As(err, &e) && (e.alone || (e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError))
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
		err = errNothingSaid
	}
	return t, err
}

var errNothingSaid = errors.New("the validator returned neither token nor error")

// remember keeps a definite answer; c.mu is held, so that no revocation comes in
// between.
func (c *Cache) remember(d digest, f *flight, now time.Time) {
	switch {
	case errors.Is(f.err, ErrInvalid):
		c.good.Invalidate(d.high)
		c.bad.add(d, now.Add(c.cfg.Negative).UnixNano())
	case f.err == nil:
		hard := now.Add(c.cfg.Hard)
		if end := f.token.Expiry; !end.IsZero() && end.Before(hard) {
			hard = end
		}
		if !hard.After(now) {
			c.good.Invalidate(d.high)
			return
		}
		known := &fact{token: f.token, low: d.low, mark: f.mark, hard: hard.UnixNano()}
		known.soft.Store(now.Add(c.cfg.Soft).UnixNano())
		c.bad.drop(d)
		c.good.Set(d.high, known)
	}
}

// Revoke makes a Cache forget: on the very next request the validator is asked,
// and an answer that was under way before counts as a refusal.
func (c *Cache) Revoke(r Revocation) {
	what := ending{Revocation: r, mark: markOf(r.TokenHash)}
	if r.Token != "" {
		what.digest, what.Token = c.key.of(r.Token), ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended.add(what, c.clock.time())
	if what.digest != (digest{}) {
		c.good.Invalidate(what.digest.high)
	}
	if what.mark == 0 && r.Subject == "" && r.Username == "" && r.ClientID == "" {
		return
	}
	for high, f := range c.good.All() {
		if what.matches(digest{high, f.low}, f.mark, f.token) {
			c.good.Invalidate(high)
		}
	}
}

// lazyClock is the time for otter, which needs it only to give memory back: facts
// carry their own end. It has no ticks, so that a Cache needs no goroutine.
type lazyClock struct{ clock *clock }

func (l *lazyClock) NowNano() int64 {
	if r := l.clock.last.Load(); l.clock.now == nil && r != nil {
		return r.unix
	}
	return l.clock.nano()
}

func (*lazyClock) Tick(time.Duration) <-chan time.Time { return nil }
