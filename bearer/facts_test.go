package bearer

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

func factOf(d digest, hard int64) *fact { return &fact{digest: d, token: &Token{}, hard: hard} }

// The table is a map of the digests that were added and not dropped, whatever the
// order of what happens to it; half of the digests want the same few places.
func TestFactsAreAMap(t *testing.T) {
	t.Parallel()
	const now = 1000
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f, want := newFacts(1000), map[digest]*fact{}
		for range 400 {
			d := digest{random.Uint64N(100), random.Uint64N(2)}
			if random.IntN(2) == 0 {
				d.high = firstPlaces - 1 - d.high%3
			}
			if random.IntN(3) == 0 {
				f.drop(d)
				delete(want, d)
			} else {
				want[d] = factOf(d, now+1)
				f.set(want[d], now)
			}
		}
		for high := range uint64(100) {
			for low := range uint64(2) {
				d := digest{high, low}
				if got := f.get(d); got != want[d] {
					t.Fatalf("%v: %v, want %v", d, got, want[d])
				}
			}
		}
		seen := 0
		f.all(func(*fact) { seen++ })
		if f.count != len(want) || seen != len(want) {
			t.Fatalf("%d facts, %d counted, want %d", seen, f.count, len(want))
		}
	}
}

// The table holds as many facts as it may and no more; one that is used stays when
// others come and go, and one that is too old goes by itself.
func TestFactsThatMustGo(t *testing.T) {
	t.Parallel()
	const most, now = 100, 1000
	f := newFacts(most)
	used := digest{7, 7}
	f.set(factOf(used, now+1), now)
	for n := range uint64(20 * most) {
		if k := f.get(used); k == nil {
			t.Fatalf("a used fact is gone after %d others", n)
		} else {
			k.used.Store(true)
		}
		f.set(factOf(digest{n, 1}, now+1), now)
		if f.count > most || (n >= most && f.count != most) {
			t.Fatalf("%d facts", f.count)
		}
		if f.get(digest{n, 1}) == nil {
			t.Fatal("what was just added is gone")
		}
	}
	for n := range uint64(most) {
		f.set(factOf(digest{n, 2}, now+9), now+1)
	}
	f.all(func(k *fact) {
		if k.hard <= now+1 {
			t.Errorf("%v is too old and still there", k.digest)
		}
	})
	if places := len(*f.places.Load()); places != 256 {
		t.Errorf("%d places for %d facts", places, most)
	}
}

// When everything is used all the time, something goes all the same.
func TestFactsThatAreAllUsed(t *testing.T) {
	t.Parallel()
	f := newFacts(10)
	for n := range uint64(1000) {
		f.all(func(k *fact) { k.used.Store(true) })
		f.set(factOf(digest{n, 1}, 10), 1)
		if f.count > 10 || f.get(digest{n, 1}) == nil {
			t.Fatalf("%d facts", f.count)
		}
	}
}

// Readers beside a writer find nothing that is another's, and everything that nobody
// drops once the writer rests.
func TestFactsAreReadWithoutALock(t *testing.T) {
	t.Parallel()
	f := newFacts(1000)
	var stop sync.WaitGroup
	done := make(chan struct{})
	for r := range 4 {
		stop.Go(func() {
			random := rand.New(rand.NewPCG(uint64(r), 2))
			for {
				select {
				case <-done:
					return
				default:
				}
				d := digest{random.Uint64N(300), 1}
				if k := f.get(d); k != nil && (k.digest != d || k.token.ID != fmt.Sprint(d.high)) {
					t.Errorf("%v: found %v", d, k.digest)
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(9, 9))
	for range 50_000 {
		d := digest{random.Uint64N(300), 1}
		if random.IntN(2) == 0 {
			f.drop(d)
			continue
		}
		k := factOf(d, 10)
		k.token.ID = fmt.Sprint(d.high)
		f.set(k, 1)
	}
	close(done)
	stop.Wait()
}
