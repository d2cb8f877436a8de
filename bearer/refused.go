package bearer

import (
	"math/bits"
	"sync/atomic"
)

// refused remembers definite refusals, apart from the facts, so that a flood of
// random tokens pushes no good one out. Each digest has one place; who comes later
// takes it. A look costs one load and no lock.
type refused struct {
	places []atomic.Pointer[refusedToken]
	mask   uint64
}

type refusedToken struct {
	digest digest
	until  int64 // Unix nanoseconds
}

// newRefused holds size tokens at most, rounded up to a power of two.
func newRefused(size int) *refused {
	n := 1 << bits.Len(uint(max(size, 1)-1))
	return &refused{places: make([]atomic.Pointer[refusedToken], n), mask: uint64(n - 1)}
}

// get returns what is remembered of d, whatever its age, or nil.
func (r *refused) get(d digest) *refusedToken {
	if t := r.places[d.high&r.mask].Load(); t != nil && t.digest == d {
		return t
	}
	return nil
}

func (r *refused) add(d digest, until int64) {
	r.places[d.high&r.mask].Store(&refusedToken{d, until})
}

func (r *refused) drop(d digest) {
	place := &r.places[d.high&r.mask]
	if t := place.Load(); t != nil && t.digest == d {
		place.CompareAndSwap(t, nil)
	}
}
