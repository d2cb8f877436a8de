package bearer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is a validator whose answer a test changes, and how often it was asked.
type counted struct {
	asked atomic.Int64
	err   atomic.Pointer[error]
}

func (v *counted) Validate(context.Context, string) (*Token, error) {
	v.asked.Add(1)
	if err := v.err.Load(); err != nil {
		return nil, *err
	}
	return &Token{}, nil
}

func (v *counted) say(err error) { v.err.Store(&err) }

// Facts that turn out to be past do not come back when the refusal is forgotten.
func TestARefusalEndsTheFacts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		v := &counted{}
		c := Cached(v)
		ask := func(after time.Duration, ok bool, questions int64) {
			t.Helper()
			time.Sleep(after)
			_, err := c.Validate(t.Context(), "token")
			synctest.Wait()
			if (err == nil) != ok || v.asked.Load() != questions {
				t.Errorf("%v, %d questions; want %v, %d", err, v.asked.Load(), ok, questions)
			}
		}
		ask(0, true, 1)
		v.say(ErrInvalid)
		ask(16*time.Second, true, 2) // renewed in the background
		ask(time.Second, false, 2)
		if c.Stats().Size != 0 {
			t.Error("the facts are still held")
		}
		v.say(errors.New("down"))
		ask(5*time.Second, false, 3) // the refusal is forgotten, and the facts are no more
	})
}

// What ended between a caller's look and his turn is not asked again, unless it is
// too old by then.
func TestAnAnswerThatCameMeanwhile(t *testing.T) {
	t.Parallel()
	v := &counted{}
	c := Cached(v)
	if _, err := c.Validate(t.Context(), "token"); err != nil {
		t.Fatal(err)
	}
	d := c.key.of("token")
	for now, questions := range map[int64]int64{c.clock.nano(): 1, c.good.get(d).hard: 2} {
		before := v.asked.Load()
		if got, err := c.wait(t.Context(), "token", d, now); err != nil || got == nil || v.asked.Load()-before != questions-1 {
			t.Errorf("%v %v, %d questions more", got, err, v.asked.Load()-before)
		}
	}
}

// A probe that finds no place is not lost: the next question is one.
func TestAProbeWithoutAPlace(t *testing.T) {
	t.Parallel()
	v := &counted{}
	c := NewCache(CacheConfig{Validator: v, InFlight: 1, Pause: time.Hour})
	c.breaker.failed, c.breaker.until = c.breaker.limit, time.Now().Add(-time.Second)
	c.strangers <- struct{}{}
	if _, err := c.Validate(t.Context(), "token"); !errors.Is(err, ErrBusy) {
		t.Fatalf("without a place: %v", err)
	}
	<-c.strangers
	if _, err := c.Validate(t.Context(), "token"); err != nil || v.asked.Load() != 1 {
		t.Errorf("with a place: %v, %d questions", err, v.asked.Load())
	}
}

// Whoever asks first of a validator that is prompt asks by himself and stays, and his
// leaving spoils nothing; of any other he may leave.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	for name, prompt := range map[string]bool{"prompt": true, "any": false} {
		synctest.Test(t, func(t *testing.T) {
			c := NewCache(CacheConfig{Prompt: prompt, Validator: ValidatorFunc(func(ctx context.Context, _ string) (*Token, error) {
				time.Sleep(time.Second)
				return &Token{}, ctx.Err()
			})})
			ctx, leave := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer leave()
			begun := time.Now()
			_, err := c.Validate(ctx, "token")
			if took := time.Since(begun); (took == time.Second) != prompt || (err == nil) != prompt {
				t.Errorf("%s: told after %v: %v", name, took, err)
			}
			if _, err := c.Validate(t.Context(), "token"); err != nil || time.Since(begun) != time.Second {
				t.Errorf("%s: after %v: %v", name, time.Since(begun), err)
			}
		})
	}
	jwt, err := NewJWT(JWTConfig{Issuer: "https://id.example.com", Audience: "api"})
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct {
		Validator
		prompt bool
	}{
		"introspection":                {&Introspection{}, true},
		"with another client":          {&Introspection{Client: newClient()}, false},
		"jwt":                          {jwt, true},
		"by issuer":                    {ByIssuer{Issuers: map[string]Validator{"a": jwt}}, true},
		"by issuer with a function":    {ByIssuer{Issuers: map[string]Validator{"a": ValidatorFunc(nil)}}, false},
		"by issuer, opaque a function": {ByIssuer{Issuers: map[string]Validator{"a": jwt}, Opaque: ValidatorFunc(nil)}, false},
		"a function":                   {ValidatorFunc(nil), false},
	} {
		if c := Cached(v.Validator); c.cfg.Prompt != v.prompt {
			t.Errorf("%s: prompt %v", name, c.cfg.Prompt)
		}
	}
}

// A validator that panics is in trouble; whoever waits is told, and the next one asks
// again.
func TestAValidatorThatPanics(t *testing.T) {
	t.Parallel()
	for _, prompt := range []bool{true, false} {
		asked := 0
		c := NewCache(CacheConfig{Prompt: prompt, Validator: ValidatorFunc(func(context.Context, string) (*Token, error) {
			if asked++; asked == 1 {
				panic("oops")
			}
			return &Token{}, nil
		})})
		if got, err := c.Validate(t.Context(), "token"); got != nil || err == nil || errors.Is(err, ErrInvalid) {
			t.Errorf("prompt %v: %v %v", prompt, got, err)
		}
		if _, err := c.Validate(t.Context(), "token"); err != nil || asked != 2 {
			t.Errorf("prompt %v: the next one: %v, asked %d times", prompt, err, asked)
		}
	}
}

// A token that is used stays while others come and go.
func TestWhatIsUsedStays(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	c := NewCache(CacheConfig{Size: 16, Validator: ValidatorFunc(func(_ context.Context, token string) (*Token, error) {
		asked[token]++
		return &Token{}, nil
	})})
	for n := range 500 {
		for _, token := range []string{"used", fmt.Sprint("once-", n)} {
			if _, err := c.Validate(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
	}
	if asked["used"] != 1 || c.Stats().Size != 16 {
		t.Errorf("asked %d times about the token that is used; %d facts", asked["used"], c.Stats().Size)
	}
}

// A renewal that takes longer than the pause between two is not begun again.
func TestOneRenewalAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		c := Cached(ValidatorFunc(func(context.Context, string) (*Token, error) {
			asked.Add(1)
			time.Sleep(1500 * time.Millisecond)
			return &Token{}, nil
		}))
		for _, after := range []time.Duration{0, 16 * time.Second, 1200 * time.Millisecond} {
			time.Sleep(after)
			if _, err := c.Validate(t.Context(), "token"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if asked.Load() != 2 || c.Stats().Refreshes != 1 {
			t.Errorf("%d questions, %d renewals", asked.Load(), c.Stats().Refreshes)
		}
		time.Sleep(2 * time.Second)
	})
}
