package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
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
	// Timeout bounds one question, whoever waits for it. 0 means 1.8 s, so that
	// callers are told within two.
	Timeout time.Duration
	// Prompt says that the validator returns when its context ends, without fail:
	// whoever asks first about a token then asks by himself instead of by a goroutine,
	// which is quicker, and stays until the answer is there although his own client may
	// have left. Introspection with its own HTTP client, JWT, and a ByIssuer of these,
	// are known to be so.
	Prompt bool
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
	set(&c.Timeout, askTimeout)
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
	good  *facts
	bad   *refused
	// Who may ask: about tokens that are new here, and about those that are known.
	strangers, acquainted chan struct{}

	mu      sync.Mutex
	flights map[digest]*flight
	breaker breaker
	ended   ended

	counts counts
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
	late  context.Context // ends when the time for it is over
	spent func()          // gives the place and what late holds back
	probe bool
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
		cfg: cfg, key: newDigestKey(), good: newFacts(cfg.Size), bad: newRefused(cfg.Size / 10), flights: map[digest]*flight{},
		strangers: make(chan struct{}, cfg.InFlight), acquainted: make(chan struct{}, cfg.InFlight),
		breaker: breaker{limit: cfg.Failures, pause: cfg.Pause},
	}
	c.cfg.Prompt = cfg.Prompt || isPrompt(cfg.Validator)
	c.clock.now = cfg.Now
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

// prompt is a validator that may know of itself that it returns when its context
// ends.
type prompt interface{ prompt() bool }

func isPrompt(v Validator) bool {
	p, ok := v.(prompt)
	return ok && p.prompt()
}

// Validate answers from memory or asks, once for all who ask the same.
func (c *Cache) Validate(ctx context.Context, token string) (*Token, error) {
	d := c.key.of(token)
	now := c.clock.nano()
	if t, known, err := c.seen(d).at(c, token, d, now); known {
		return t, err
	}
	return c.wait(ctx, token, d, now)
}

// memory is what is remembered of a digest, whatever its age. Most of what was
// never seen is told from it without a look at the clock.
type memory struct {
	refused *refusedToken
	fact    *fact
}

func (m memory) empty() bool { return m.refused == nil && m.fact == nil }

func (c *Cache) seen(d digest) (m memory) {
	if m.refused = c.bad.get(d); m.refused == nil {
		m.fact = c.good.get(d)
	}
	return m
}

// at answers from memory; known is false when there is nothing to answer with.
func (m memory) at(c *Cache, token string, d digest, now int64) (t *Token, known bool, err error) {
	f := m.fact
	if m.refused != nil {
		if now < m.refused.until {
			c.counts.refusals.Add(1)
			return nil, true, ErrInvalid
		}
		f = c.good.get(d)
	}
	if f == nil || now >= f.hard {
		return nil, false, nil
	}
	c.counts.hits.Add(1)
	if !f.used.Load() {
		f.used.Store(true)
	}
	if soft := f.soft.Load(); now >= soft && f.soft.CompareAndSwap(soft, now+int64(retrySoft)) {
		c.refresh(token, d)
	}
	return f.token, true, nil
}

// wait asks about token, or joins whoever does for as long as the caller stays.
func (c *Cache) wait(ctx context.Context, token string, d digest, now int64) (*Token, error) {
	c.counts.misses.Add(1)
	f, mine, err := c.join(token, d, now)
	switch {
	case err != nil:
		return nil, err
	case mine:
		c.ask(token, d, f)
		return f.token, f.err
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-f.late.Done():
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
	if f, err := c.begin(d, c.acquainted); err == nil {
		c.counts.refreshes.Add(1)
		go c.ask(token, d, f)
	}
}

// join returns the question about token that is under way, or begins one, which is
// the caller's own to ask when mine is true. It is detached from whoever asked first:
// his leaving does not fail the others. One that ended since the caller looked is not
// asked again; now is when he looked.
func (c *Cache) join(token string, d digest, now int64) (f *flight, mine bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.flights[d]; f != nil {
		return f, false, nil
	}
	if known := c.good.get(d); known != nil && now < known.hard {
		return &flight{done: landed, token: known.token, late: context.Background()}, false, nil
	}
	f, err = c.begin(d, c.strangers)
	if err == nil && !c.cfg.Prompt {
		go c.ask(token, d, f)
	}
	return f, c.cfg.Prompt, err
}

// begin makes room for a question, if there is a place and the breaker allows it;
// c.mu is held. Whoever gets it has to ask.
func (c *Cache) begin(d digest, places chan struct{}) (*flight, error) {
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
	f := &flight{begun: c.ended.count, done: make(chan struct{}), late: ctx, probe: probe, spent: func() { cancel(); <-places }}
	c.flights[d] = f
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

// ask puts the question and tells all who wait.
func (c *Cache) ask(token string, d digest, f *flight) {
	defer f.spent()
	defer close(f.done)
	f.mark = mark(token)
	begun := time.Now()
	f.token, f.err = call(f.late, c.cfg.Validator, token)
	c.counts.answered(time.Since(begun), f.err)
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, d)
	now := c.clock.time()
	c.breaker.report(f.probe, definite(f.err), now)
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
		c.good.drop(d)
		c.bad.add(d, now.Add(c.cfg.Negative).UnixNano())
	case f.err == nil:
		hard := now.Add(c.cfg.Hard)
		if end := f.token.Expiry; !end.IsZero() && end.Before(hard) {
			hard = end
		}
		if !hard.After(now) {
			c.good.drop(d)
			return
		}
		known := &fact{digest: d, token: f.token, mark: f.mark, hard: hard.UnixNano()}
		known.soft.Store(now.Add(c.cfg.Soft).UnixNano())
		c.bad.drop(d)
		c.good.set(known, now.UnixNano())
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
		c.good.drop(what.digest)
	}
	if what.mark == 0 && r.Subject == "" && r.Username == "" && r.ClientID == "" {
		return
	}
	var gone []digest
	c.good.all(func(f *fact) {
		if what.matches(f.digest, f.mark, f.token) {
			gone = append(gone, f.digest)
		}
	})
	for _, d := range gone {
		c.good.drop(d)
	}
}
