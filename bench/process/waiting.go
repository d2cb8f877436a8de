package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
)

// waiting prints what a database full of waiting instances costs: opening it with an
// engine, the newest 25 tasks of one user, memory.
func (s *site) waiting(ctx context.Context) error {
	fmt.Printf("\n### Waiting instances\n\n| database | instances | open and first command | newest 25 tasks of a user | heap |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, c := range s.on {
		s.progress("%d instances on %s", s.o.waiting, c.name)
		if err := c.startMany(ctx, "tasks", s.o.waiting); err != nil {
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
	if _, err := c.engine.Start(ctx, boss, engine.StartOptions{Key: "tasks"}); err != nil {
		return err
	}
	opened := time.Since(began)
	listed, err := c.list(ctx)
	if err != nil {
		return err
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Printf("| %s | %d | %s | %s | %.0f MB |\n", c.name, n, opened.Round(time.Millisecond), listed.Round(10*time.Microsecond), float64(m.HeapInuse)/1e6)
	return nil
}

// list returns the median time of reading one user's newest tasks.
func (c *contender) list(ctx context.Context) (time.Duration, error) {
	var all []sample
	for range 21 {
		began := time.Now()
		n := 0
		err := c.db.Query(ctx, func(row store.Row) error {
			var id, name string
			n++
			return row.Scan(&id, &name)
		}, `SELECT id, name FROM tasks WHERE assignee = $1 AND ended_at IS NULL ORDER BY created_at DESC LIMIT 25`, "kermit")
		if err != nil || n != 25 {
			return 0, fmt.Errorf("%d tasks were read: %w", n, err)
		}
		all = append(all, sample{rate: float64(time.Since(began))})
	}
	return time.Duration(median(all).rate), nil
}
