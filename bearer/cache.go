package bearer

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/maypok86/otter/v2"
)

// How long facts are remembered. The negative time is short, so that a token that
// becomes valid is not refused for long.
const (
	positiveTTL = 30 * time.Second
	negativeTTL = 5 * time.Second
	cacheSize   = 100_000
)

// cached is a Validator with a memory.
type cached struct {
	next    Validator
	now     func() time.Time
	key     [32]byte
	entries *otter.Cache[[32]byte, entry]
}

// entry is a token or, when nil, the knowledge that there is none.
type entry struct {
	token *Token
	until time.Time
}

// Cached remembers what next says of a token for 30 s, never past its expiry, and
// that it is invalid for 5 s. What could not be known is not remembered. Many
// requests with one new token ask once. Tokens are kept as keyed hashes.
func Cached(next Validator) Validator {
	c := &cached{next: next, now: time.Now}
	_, _ = rand.Read(c.key[:]) // never fails
	c.entries = otter.Must(&otter.Options[[32]byte, entry]{
		MaximumSize:      cacheSize,
		ExpiryCalculator: otter.ExpiryWriting[[32]byte, entry](positiveTTL),
	})
	return c
}

// Validate answers from memory or asks.
func (c *cached) Validate(ctx context.Context, token string) (*Token, error) {
	key := c.digest(token)
	if e, ok := c.entries.GetIfPresent(key); ok {
		if c.now().Before(e.until) {
			return e.result()
		}
		c.entries.Invalidate(key)
	}
	// One question per token; it goes on when the first asker has left.
	e, err := c.entries.Get(context.WithoutCancel(ctx), key, otter.LoaderFunc[[32]byte, entry](
		func(ctx context.Context, _ [32]byte) (entry, error) { return c.load(ctx, token) }))
	if err != nil {
		return nil, err
	}
	return e.result()
}

func (e entry) result() (*Token, error) {
	if e.token == nil {
		return nil, ErrInvalid
	}
	return e.token, nil
}

func (c *cached) load(ctx context.Context, token string) (entry, error) {
	t, err := c.next.Validate(ctx, token)
	now := c.now()
	switch {
	case errors.Is(err, ErrInvalid):
		return entry{until: now.Add(negativeTTL)}, nil
	case err != nil:
		return entry{}, err
	}
	e := entry{token: t, until: now.Add(positiveTTL)}
	if !t.Expiry.IsZero() && t.Expiry.Before(e.until) {
		e.until = t.Expiry
	}
	return e, nil
}

func (c *cached) digest(token string) [32]byte {
	m := hmac.New(sha256.New, c.key[:])
	m.Write([]byte(token))
	return [32]byte(m.Sum(nil))
}
