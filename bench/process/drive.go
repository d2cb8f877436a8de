package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
)

// sample is one measured span.
type sample struct {
	rate     float64 // transactions in a second
	p50, p99 time.Duration
}

// throughput prints how many transactions a second each contender does: a start and
// each completion is one.
func (s *site) throughput(ctx context.Context, f flow) error {
	fmt.Printf("\n### %s\n\n| clients | contender | transactions/s | of raw | p50 | p99 |\n| ---: | --- | ---: | ---: | ---: | ---: |\n", f.title)
	for _, clients := range s.o.clients {
		got := map[string][]sample{}
		for round := range s.o.rounds {
			s.progress("%s, %d clients, round %d", f.name, clients, round+1)
			for _, c := range s.on {
				one, err := s.drive(ctx, clients, func(ctx context.Context, timed func(func() error) error) error { return c.story(ctx, f, timed) })
				if err != nil {
					return fmt.Errorf("%s on %s: %w", f.name, c.name, err)
				}
				got[c.name] = append(got[c.name], one)
				if c.raw == nil {
					continue
				}
				if one, err = s.drive(ctx, clients, c.raw.story); err != nil {
					return fmt.Errorf("the raw program: %w", err)
				}
				got["raw"] = append(got["raw"], one)
			}
		}
		base := 0.0
		if len(got["raw"]) > 0 {
			base = median(got["raw"]).rate
		}
		for _, name := range []string{"sqlite", "postgres", "raw"} {
			if len(got[name]) > 0 {
				line(clients, name, median(got[name]), base)
			}
		}
	}
	return nil
}

func line(clients int, name string, m sample, base float64) {
	ratio := "–"
	if base > 0 && name != "sqlite" {
		ratio = fmt.Sprintf("%.2f", m.rate/base)
	}
	title := map[string]string{"sqlite": "Sluice, SQLite", "postgres": "Sluice, PostgreSQL", "raw": "nine statements, PostgreSQL"}[name]
	fmt.Printf("| %d | %s | %.0f | %s | %s | %s |\n", clients, title, m.rate, ratio, m.p50.Round(10*time.Microsecond), m.p99.Round(10*time.Microsecond))
}

// drive lets clients repeat a story for the run's span; what they time is counted.
func (s *site) drive(ctx context.Context, clients int, story func(context.Context, func(func() error) error) error) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	took := make([][]time.Duration, clients)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range clients {
		wg.Go(func() {
			timed := func(fn func() error) error {
				at := time.Now()
				err := fn()
				took[i] = append(took[i], time.Since(at))
				return err
			}
			for time.Since(began) < s.o.span && ctx.Err() == nil {
				if err := story(ctx, timed); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	span := time.Since(began)
	if ctx.Err() != nil {
		return sample{}, context.Cause(ctx)
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return sample{float64(len(all)) / span.Seconds(), all[len(all)/2], all[len(all)*99/100]}, nil
}

func median(all []sample) sample {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b sample) int { return int(a.rate - b.rate) })
	return all[len(all)/2]
}

// story starts an instance and completes its tasks until its end.
func (c *contender) story(ctx context.Context, f flow, timed func(func() error) error) error {
	var inst *engine.Instance
	err := timed(func() (err error) {
		inst, err = c.engine.Start(ctx, boss, engine.StartOptions{Key: f.name})
		return err
	})
	if err != nil {
		return err
	}
	for done := 0; done < f.tasks; {
		ids, err := c.open(ctx, inst.ID)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return fmt.Errorf("instance %s has no task after %d of %d", inst.ID, done, f.tasks)
		}
		for _, id := range ids {
			if err := timed(func() error { return c.engine.Complete(ctx, boss, id, engine.CompleteOptions{}) }); err != nil {
				return err
			}
			done++
		}
	}
	return nil
}

// open returns the open tasks of an instance.
func (c *contender) open(ctx context.Context, instance string) ([]string, error) {
	var ids []string
	err := c.db.Query(ctx, func(row store.Row) error {
		var id string
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM tasks WHERE instance_id = $1 AND ended_at IS NULL ORDER BY id`, instance)
	return ids, err
}

// drain prints how fast due timers are worked off by one process.
func (s *site) drain(ctx context.Context) error {
	fmt.Printf("\n### Due timers\n\n| database | timers | jobs/s |\n| --- | ---: | ---: |\n")
	for _, c := range s.on {
		s.progress("%d timers on %s", s.o.timers, c.name)
		if err := c.startMany(ctx, s.o.timers, func(int) engine.StartOptions { return engine.StartOptions{Key: "timer"} }); err != nil {
			return err
		}
		time.Sleep(time.Second + 100*time.Millisecond) // the last one is due then
		e, err := newEngine(c.db)
		if err != nil {
			return err
		}
		run, stop := context.WithCancel(ctx)
		began := time.Now()
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(run) }()
		for left := 1; left > 0; {
			time.Sleep(20 * time.Millisecond)
			if err = c.db.QueryRow(ctx, []any{&left}, `SELECT COUNT(*) FROM jobs`); err != nil {
				break
			}
		}
		took := time.Since(began)
		stop()
		<-ended
		if err != nil {
			return err
		}
		if err := e.Close(); err != nil {
			return err
		}
		fmt.Printf("| %s | %d | %.0f |\n", c.name, s.o.timers, float64(s.o.timers)/took.Seconds())
	}
	return nil
}

// startMany starts n instances, 32 at once.
func (c *contender) startMany(ctx context.Context, n int, what func(i int) engine.StartOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for k := i; k < n && ctx.Err() == nil; k += 32 {
				if _, err := c.engine.Start(ctx, boss, what(k)); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
