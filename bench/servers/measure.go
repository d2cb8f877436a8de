package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// entry is a contender in this run and what was measured of it.
type entry struct {
	contender
	missing error // why it could not be had
	process *process
	door    door
	launch  launch

	first, again time.Duration // start on fresh storage, and on storage that is there
	idle, loaded int64         // memory in bytes
	samples      map[string][]sample
	wrong        error           // the first wrong answer; nothing more is asked then
	without      map[string]bool // scenarios that it does not have
}

// measure runs everything and prints the report. Whoever cannot be had is in the
// report; a wrong answer is an error.
func measure(ctx context.Context, o options) (err error) {
	s, err := newSite(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var entries []*entry
	for _, c := range contenders {
		if chosen(o.only, c.name) {
			entries = append(entries, &entry{contender: c, samples: map[string][]sample{}, without: map[string]bool{}})
		}
	}
	for _, e := range entries {
		s.progress("starting %s", e.name)
		if e.missing = e.open(ctx, s, o); e.missing != nil {
			s.progress("%s cannot be had: %v", e.name, e.missing)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	hash := s.scenarios(ctx, entries, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrong []error
	for _, e := range entries {
		if e.missing == nil {
			e.loaded = resident(e.process.cmd.Process.Pid)
		}
		wrong = append(wrong, e.wrong)
	}
	return errors.Join(append(wrong, report(os.Stdout, s, entries, o, hash))...)
}

// open builds and starts a contender and measures that; the last process stays.
func (e *entry) open(ctx context.Context, s *site, o options) error {
	program, err := e.build(ctx, s)
	if err != nil {
		return fmt.Errorf("building: %w", err)
	}
	starts := o.starts
	if !chosen(o.scenarios, starting) {
		starts = 1
	}
	var first, again []time.Duration
	for i := range starts {
		if err := e.begin(ctx, s, program); err != nil {
			return err
		}
		first = append(first, e.process.began)
		if e.durable {
			e.process.stop()
			if e.process, err = start(ctx, e.launch, e.launch.base+e.ready); err != nil {
				return err
			}
			again = append(again, e.process.began)
		}
		if i < starts-1 {
			e.process.stop()
		}
	}
	s.running = append(s.running, e.process)
	e.first, e.again = middle(first), middle(again)
	if chosen(o.scenarios, starting) && until(ctx, time.Now().Add(o.idle)) {
		e.idle = resident(e.process.cmd.Process.Pid)
	}
	e.door, err = e.settle(ctx, e.launch)
	return err
}

// begin starts it on fresh storage.
func (e *entry) begin(ctx context.Context, s *site, program string) error {
	dir, err := s.fresh()
	if err != nil {
		return err
	}
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	if e.launch, err = e.contender.launch(ctx, s, program, dir, port); err != nil {
		return err
	}
	e.process, err = start(ctx, e.launch, e.launch.base+e.ready)
	return err
}

func middle(times []time.Duration) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// scenarios runs each of them in rounds through all servers. hash are samples of
// the password hash alone, taken in the same rounds as the sign-ins.
func (s *site) scenarios(ctx context.Context, entries []*entry, o options) (hash []sample) {
	for _, what := range scenarios {
		if !chosen(o.scenarios, what.name) {
			continue
		}
		for round := range o.rounds {
			s.progress("%s, round %d of %d", what.name, round+1, o.rounds)
			for _, e := range entries {
				e.take(ctx, s, what, o)
			}
			if what.name == "password" && slices.ContainsFunc(entries, func(e *entry) bool { return len(e.samples["password"]) > 0 }) {
				hash = append(hash, hashAlone(o.span))
			}
		}
	}
	return hash
}

// longest is where a span is not made longer any more.
const longest = 10 * time.Second

// take runs one scenario once.
func (e *entry) take(ctx context.Context, s *site, what scenario, o options) {
	if e.missing != nil || e.wrong != nil || e.without[what.name] || e.lacks[what.name] != "" || ctx.Err() != nil {
		return
	}
	got, err := e.sample(ctx, s, what, o)
	switch {
	case errors.Is(err, errNotOffered):
		e.without[what.name] = true
	case err != nil:
		e.wrong = fmt.Errorf("%s: %s: %w", e.name, what.name, err)
		s.progress("%v", e.wrong)
	default:
		e.samples[what.name] = append(e.samples[what.name], got)
	}
}

func (e *entry) sample(ctx context.Context, s *site, what scenario, o options) (sample, error) {
	addr, steps, err := what.prepare(ctx, e.door, o.connections)
	if err != nil {
		return sample{}, err
	}
	roots := []int{e.process.cmd.Process.Pid}
	if e.launch.database != "" && s.postgres.pid != 0 {
		roots = append(roots, s.postgres.pid)
	}
	// A short span on a busy machine may end before the first answers do.
	for span := o.span; ; span *= 2 {
		got, err := drive(ctx, addr, load{warm: span / 5, span: span, cpu: func() time.Duration { return processorTime(roots...) }}, steps)
		if !errors.Is(err, errNothing) || span > longest {
			return got, err
		}
	}
}
