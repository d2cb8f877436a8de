package throttle

import "time"

// rule is how a counter grows and is forgotten.
type rule struct {
	free      int           // failures before there is a delay
	base, max time.Duration // the first delay; each failure doubles it up to max
	forget    time.Duration // in which one failure is forgotten
}

// state is a counter: it leaks, so two times say everything about it.
type state struct {
	next  time.Time // nothing is checked before
	clear time.Time // when its last failure will be forgotten
}

// What is further ahead than the rule puts it was written by a clock that was wrong,
// or under other settings, and does not count.

// wait returns how long nothing is checked.
func (r rule) wait(s state, now time.Time) time.Duration {
	return within(s.next.Sub(now), r.max)
}

// failures returns how many are not forgotten.
func (r rule) failures(s state, now time.Time) int {
	left := within(s.clear.Sub(now), time.Duration(r.most())*r.forget)
	return int((left + r.forget - 1) / r.forget)
}

// within returns d, or 0 when it is not between 0 and most.
func within(d, most time.Duration) time.Duration {
	if d < 0 || d > most {
		return 0
	}
	return d
}

// delay is what the n-th failure brings.
func (r rule) delay(n int) time.Duration {
	if n < r.free {
		return 0
	}
	d := r.base
	for range n - r.free {
		if d >= r.max/2 {
			return r.max
		}
		d *= 2
	}
	return min(d, r.max)
}

// most is the number of failures from which on the delay does not grow. No more are
// counted, so that an account is forgotten in bounded time.
func (r rule) most() int {
	n := r.free
	for r.delay(n) < r.max {
		n++
	}
	return n
}

// count adds a failure.
func (r rule) count(s state, now time.Time) state {
	most := time.Duration(r.most()) * r.forget
	left := within(s.clear.Sub(now), most) + r.forget
	s.clear = now.Add(min(left, most))
	s.next = now.Add(r.delay(r.failures(s, now)))
	return s
}

// undo takes back the failure that count made of counted. The delay that came of it
// goes too, unless another failure has brought a later one.
func (r rule) undo(s, counted state, now time.Time) state {
	if s.clear = s.clear.Add(-r.forget); s.clear.Before(now) {
		s.clear = now
	}
	if s.next.Equal(counted.next) {
		s.next = now
	}
	return s
}
