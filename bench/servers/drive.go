package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// step does one unit of a scenario over a connection. It returns a fingerprint of
// what the server made, which must differ from all others; 0 when it made nothing.
type step func(w *wire) (made uint64, err error)

// load is how a scenario is driven.
type load struct {
	warm, span time.Duration        // the first is not counted
	cpu        func() time.Duration // processor time of the server so far; nil: not known
}

// sample is the outcome of one span.
type sample struct {
	rate     float64 // per second
	p50, p99 time.Duration
	cpu      time.Duration // of the server, per unit; 0: not known
}

// tally is what one connection counted.
type tally struct {
	times []time.Duration
	made  []uint64
	err   error
}

// drive runs one step after the other on each connection until the span is over.
// The first wrong answer ends it.
func drive(ctx context.Context, addr string, l load, steps []step) (sample, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begin := time.Now()
	counted, end := begin.Add(l.warm), begin.Add(l.warm+l.span)
	tallies := make([]tally, len(steps))
	var wg sync.WaitGroup
	for i, do := range steps {
		wg.Go(func() {
			w := dial(addr, end.Add(30*time.Second))
			defer w.close()
			if tallies[i] = work(ctx, w, do, counted, end); tallies[i].err != nil {
				cancel()
			}
		})
	}
	spent := watch(ctx, l, counted, end)
	wg.Wait()
	var errs []error
	for i := range tallies {
		if tallies[i].err != nil {
			errs = append(errs, tallies[i].err)
		}
	}
	if len(errs) > 0 {
		return sample{}, fmt.Errorf("%d of %d connections ended by errors, the first: %w", len(errs), len(steps), errs[0])
	}
	if err := ctx.Err(); err != nil {
		return sample{}, err
	}
	return sum(tallies, l.span, spent)
}

func work(ctx context.Context, w *wire, do step, counted, end time.Time) (t tally) {
	for ctx.Err() == nil {
		from := time.Now()
		if !from.Before(end) {
			return t
		}
		made, err := do(w)
		if err != nil {
			t.err = err
			return t
		}
		if made != 0 {
			t.made = append(t.made, made)
		}
		if now := time.Now(); !from.Before(counted) && !now.After(end) {
			t.times = append(t.times, now.Sub(from))
		}
	}
	return t
}

// watch returns the processor time that the server spends in the counted span.
func watch(ctx context.Context, l load, counted, end time.Time) time.Duration {
	if l.cpu == nil || !until(ctx, counted) {
		return 0
	}
	before := l.cpu()
	if !until(ctx, end) {
		return 0
	}
	return l.cpu() - before
}

func until(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var (
	errRepeated = errors.New("a token was given twice")
	errNothing  = errors.New("nothing was answered in time")
)

func sum(tallies []tally, span, spent time.Duration) (sample, error) {
	var times []time.Duration
	var made []uint64
	for _, t := range tallies {
		times, made = append(times, t.times...), append(made, t.made...)
	}
	slices.Sort(made)
	if len(slices.Compact(slices.Clone(made))) != len(made) {
		return sample{}, errRepeated
	}
	if len(times) == 0 {
		return sample{}, fmt.Errorf("%w: %s", errNothing, span)
	}
	slices.Sort(times)
	return sample{
		rate: float64(len(times)) / span.Seconds(),
		p50:  times[len(times)/2], p99: times[len(times)*99/100],
		cpu: spent / time.Duration(len(times)),
	}, nil
}

// median returns the sample with the median rate, and the medians of the rest.
func median(samples []sample) sample {
	mid := func(by func(sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = by(s)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return sample{
		rate: mid(func(s sample) float64 { return s.rate }),
		p50:  time.Duration(mid(func(s sample) float64 { return float64(s.p50) })),
		p99:  time.Duration(mid(func(s sample) float64 { return float64(s.p99) })),
		cpu:  time.Duration(mid(func(s sample) float64 { return float64(s.cpu) })),
	}
}
