package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
)

// people is how many users the waiting tasks are shared among.
const people = 1000

// waiting prints what a database full of waiting instances costs: opening it with an
// engine, the newest 25 tasks of one user with their number, memory.
func (s *site) waiting(ctx context.Context) error {
	fmt.Printf("\n### Waiting instances\n\n| database | instances | open and first command | 25 tasks assigned to a user | 25 tasks that a user may see | heap |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, c := range s.on {
		s.progress("%d instances on %s", s.o.waiting, c.name)
		if err := c.startMany(ctx, s.o.waiting, func(i int) engine.StartOptions {
			return engine.StartOptions{Key: "desk", Variables: map[string]any{"who": fmt.Sprintf("user%d", i%people)}}
		}); err != nil {
			return err
		}
		if err := c.reopened(ctx, s.o.waiting); err != nil {
			return err
		}
	}
	return nil
}

func (c *contender) reopened(ctx context.Context, n int) error {
	if err := c.db.Close(); err != nil {
		return err
	}
	began := time.Now()
	var err error
	if c.db, err = store.Open(ctx, c.cfg); err != nil {
		return err
	}
	if _, err := c.db.Migrate(ctx); err != nil {
		return err
	}
	if c.engine, err = newEngine(c.db); err != nil {
		return err
	}
	if _, err := c.engine.Start(ctx, boss, engine.StartOptions{Key: "desk", Variables: map[string]any{"who": "user1"}}); err != nil {
		return err
	}
	opened := time.Since(began)
	assigned, err := c.list(ctx, engine.TaskQuery{Assignee: "user1"})
	if err != nil {
		return err
	}
	seen, err := c.list(ctx, engine.TaskQuery{For: &engine.Actor{UserID: "user1", Groups: []string{"1", "staff"}}})
	if err != nil {
		return err
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	const fine = 10 * time.Microsecond
	fmt.Printf("| %s | %d | %s | %s | %s | %.0f MB |\n", c.name, n, opened.Round(time.Millisecond), assigned.Round(fine), seen.Round(fine), float64(m.HeapInuse)/1e6)
	return nil
}

// list returns the median time of reading one user's newest tasks and how many he has.
func (c *contender) list(ctx context.Context, q engine.TaskQuery) (time.Duration, error) {
	var all []sample
	q.Page = engine.Page{Limit: 25}
	for range 21 {
		began := time.Now()
		tasks, total, err := c.engine.Tasks(ctx, q)
		if err != nil || len(tasks) == 0 || total < len(tasks) {
			return 0, fmt.Errorf("%d tasks of %d were read: %w", len(tasks), total, err)
		}
		all = append(all, sample{rate: float64(time.Since(began))})
	}
	return time.Duration(median(all).rate), nil
}
