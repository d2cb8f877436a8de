package main

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// late is when a caller that cannot be told must have been told so, and what the
// machine may take besides.
const late = 2*time.Second + 500*time.Millisecond

// settling is how long after the beginning of a phase answers may still be from the
// one before.
const settling = 2 * time.Second

// seen is what became of the requests of one phase.
type seen struct {
	mu                        sync.Mutex
	byStatus                  map[int]int
	accepted, denied, guessed int // bad tokens accepted, good ones told as bad, verdicts that nobody can have made
	unpatient, lateAnswers    int // 503 without Retry-After, 503 too late
	broken                    int // no answer, or the open route fails
	latest                    time.Duration
	lastBad                   time.Time // when the last request with a good token began that was not accepted
	opened                    []time.Duration
}

func (s *seen) note(resp *http.Response, err error, good bool, begun time.Time, took, into time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.broken++
		return
	}
	if s.byStatus == nil {
		s.byStatus = map[int]int{}
	}
	s.byStatus[resp.StatusCode]++
	if good && resp.StatusCode != http.StatusOK && begun.After(s.lastBad) {
		s.lastBad = begun
	}
	switch resp.StatusCode {
	case http.StatusOK:
		s.accepted += count(!good)
	case http.StatusUnauthorized:
		s.denied += count(good)
		s.guessed += count(into > settling)
	case http.StatusServiceUnavailable:
		s.unpatient += count(resp.Header.Get("Retry-After") == "")
		s.lateAnswers += count(took > late)
		s.latest = max(s.latest, took)
	default:
		s.broken++
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func (s *seen) print(name string, recovery time.Duration) {
	all := 0
	for _, n := range s.byStatus {
		all += n
	}
	slices.Sort(s.opened)
	fmt.Printf("%-10s %8d %6d %6d %6d %10v %10v %12v %10v\n", name, all, s.byStatus[200], s.byStatus[401], s.byStatus[503],
		s.latest.Round(time.Millisecond), recovery.Round(time.Millisecond), s.part(50).Round(10*time.Microsecond), s.part(99).Round(10*time.Microsecond))
}

func (s *seen) part(percent int) time.Duration {
	if len(s.opened) == 0 {
		return 0
	}
	return s.opened[len(s.opened)*percent/100]
}

// A route that needs no token is as fast in trouble as in the calm before and after it,
// up to what a machine with others on it does by itself.
const (
	slowerRatio = 2
	slowerSlack = 25 * time.Millisecond
)

// slower compares the open route's p99 with that of calm phases of the same run.
func (s *seen) slower(name string, calm ...*seen) []string {
	var base time.Duration
	for _, c := range calm {
		base = max(base, c.part(99))
	}
	if got := s.part(99); got > slowerRatio*base+slowerSlack {
		return []string{fmt.Sprintf("%s: the open route's p99 is %v, and %v in calm", name, got, base)}
	}
	return nil
}

// problems lists what must not be. In trouble nobody can know, so that even a bad
// token is not told as one.
func (s *seen) problems(name string, trouble bool) (list []string) {
	add := func(n int, what string) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s: %d %s", name, n, what))
		}
	}
	add(s.accepted, "bad tokens were accepted")
	add(s.denied, "good tokens were told as bad")
	if trouble {
		add(s.guessed, "tokens were told as bad that nobody had checked")
	}
	add(s.unpatient, "answers 503 had no Retry-After")
	add(s.lateAnswers, "answers 503 came late")
	add(s.broken, "requests had no answer, or one that there is not")
	return list
}
