package bearer

import (
	"math"
	"sync/atomic"
)

// fact is a remembered token. Times are Unix nanoseconds.
type fact struct {
	digest digest
	token  *Token
	mark   uint64       // by which a Revocation finds it
	hard   int64        // used until then
	soft   atomic.Int64 // asked anew from then on
	used   atomic.Bool  // since the hand came by
}

// facts is a table of what is known about tokens. Readers take no lock: what they
// miss while it is moved they find when they look again under the lock, and whatever
// they find has the whole digest. One writer at a time, which holds the Cache's lock.
//
// It is open addressing with linear probing, at most half full. When it may grow no
// more, a hand goes around and drops what is too old, or was not used since it came
// by last.
type facts struct {
	places atomic.Pointer[places]
	count  int
	most   int
	hand   uint64
}

type places []atomic.Pointer[fact]

// firstPlaces and sweepEach are how many places there are at first, and how many the
// hand looks at for each fact that is added, to give back what is too old.
const (
	firstPlaces = 64
	sweepEach   = 4
)

func newFacts(most int) *facts {
	f := &facts{most: most}
	f.places.Store(newPlaces(firstPlaces))
	return f
}

func newPlaces(n int) *places {
	p := make(places, n)
	return &p
}

// find returns what is known about d and its place, or nil and the place to put it.
func (p places) find(d digest) (*fact, uint64) {
	mask := uint64(len(p) - 1)
	for i := d.high & mask; ; i = (i + 1) & mask {
		if k := p[i].Load(); k == nil || k.digest == d {
			return k, i
		}
	}
}

// get returns the facts about d, whatever their age, or nil.
func (f *facts) get(d digest) *fact {
	k, _ := f.places.Load().find(d)
	return k
}

// set adds a fact, or puts it in the place of an older one.
func (f *facts) set(k *fact, now int64) {
	p := *f.places.Load()
	old, i := p.find(k.digest)
	if old == nil {
		switch {
		case f.count >= f.most:
			f.evict(now)
			_, i = p.find(k.digest)
		case 2*(f.count+1) > len(p):
			p = f.grow()
			_, i = p.find(k.digest)
		}
		f.count++
	}
	p[i].Store(k)
	for range sweepEach {
		f.step(now, false)
	}
}

// drop forgets d.
func (f *facts) drop(d digest) {
	p := *f.places.Load()
	if k, i := p.find(d); k != nil {
		p.clear(i)
		f.count--
	}
}

// clear empties a place and moves up what would not be found behind an empty one.
func (p places) clear(i uint64) {
	mask := uint64(len(p) - 1)
	for j := i; ; {
		j = (j + 1) & mask
		k := p[j].Load()
		if k == nil {
			break
		}
		if home := k.digest.high & mask; (j-home)&mask >= (j-i)&mask {
			p[i].Store(k)
			i = j
		}
	}
	p[i].Store(nil)
}

// grow doubles the table.
func (f *facts) grow() places {
	old := *f.places.Load()
	next := newPlaces(2 * len(old))
	for i := range old {
		if k := old[i].Load(); k != nil {
			_, at := next.find(k.digest)
			(*next)[at].Store(k)
		}
	}
	f.places.Store(next)
	return *next
}

// evict drops one fact. Readers may mark facts as used faster than the hand goes:
// after two turns the next one goes in any case.
func (f *facts) evict(now int64) {
	for range 2 * len(*f.places.Load()) {
		if f.step(now, true) {
			return
		}
	}
	for !f.step(math.MaxInt64, true) { // to which every fact is too old
	}
}

// step moves the hand by one place and drops what is there, when it is too old or,
// if that is asked for, unused.
func (f *facts) step(now int64, unused bool) (dropped bool) {
	p := *f.places.Load()
	i := f.hand & uint64(len(p)-1)
	k := p[i].Load()
	if k != nil && (now >= k.hard || (unused && !k.used.Swap(false))) {
		p.clear(i) // the next look is at the same place: something may have moved up
		f.count--
		return true
	}
	f.hand++
	return false
}

// all calls visit for each fact; it must change nothing.
func (f *facts) all(visit func(*fact)) {
	p := *f.places.Load()
	for i := range p {
		if k := p[i].Load(); k != nil {
			visit(k)
		}
	}
}
