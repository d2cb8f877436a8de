package engine

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// Run works on jobs until the context or the engine ends, and returns when the last job
// that it began has ended. Several engines may run on one database.
func (e *Engine) Run(ctx context.Context) {
	e.running.Add(1)
	defer e.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ended, cancel)()
	defer e.hold(context.WithoutCancel(ctx))()
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	listening.Go(func() { e.listen(ctx) })
	w := workers{e: e, free: make(chan struct{}, e.cfg.Workers)}
	defer w.busy.Wait()
	for ctx.Err() == nil {
		began, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			e.cfg.Log.Error("looking for jobs", "error", err)
		}
		if !began {
			e.rest(ctx)
		}
	}
}

// workers are the goroutines that work on jobs.
type workers struct {
	e    *Engine
	free chan struct{} // a place for each job that is worked on
	busy sync.WaitGroup
}

// round takes jobs and begins each when there is a free place. It reports whether there
// were any.
func (w *workers) round(ctx context.Context) (bool, error) {
	jobs, err := w.e.acquire(ctx, chunk)
	for i, j := range jobs {
		select {
		case w.free <- struct{}{}:
		case <-ctx.Done():
			w.e.release(jobs[i:])
			return true, nil
		}
		w.busy.Go(func() {
			defer func() { <-w.free }()
			// What was begun is ended, even when everything else stops.
			if err := w.e.execute(context.WithoutCancel(ctx), j); err != nil {
				w.e.cfg.Log.Error("noting a job's failure", "job", j.ID, "error", err)
			}
			if j.Exclusive {
				w.e.nudge() // others of its instance may have waited
			}
		})
	}
	return len(jobs) > 0, err
}

// rest waits until there may be a job: somebody made one, the next one is due, or it is
// time to look whether another process made one.
func (e *Engine) rest(ctx context.Context) {
	wait := e.cfg.Poll
	e.resting.Store(e.now().Add(wait).UnixMilli()) // before the look, so that none slips through
	defer e.resting.Store(0)
	var next time.Time
	err := e.db.QueryRow(ctx, []any{store.Time(&next)}, `SELECT due_at FROM jobs WHERE queue IN ('ready', 'timer') AND lease_until < $1 ORDER BY due_at LIMIT 1`, e.now().UnixMilli())
	if err == nil && !next.IsZero() {
		wait = min(wait, max(next.Sub(e.now()), time.Millisecond))
		e.resting.Store(e.now().Add(wait).UnixMilli())
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.wake:
	case <-timer.C:
	}
}

// jobsChannel is where processes tell one another that there are jobs.
const jobsChannel = "sluice_jobs"

// listen wakes Run when another process has made a job that can be run, or is due soon.
func (e *Engine) listen(ctx context.Context) {
	e.db.Listen(ctx, jobsChannel, func(by string) {
		if by != e.id {
			e.nudge()
		}
	})
}

// tellPause is how long a process keeps silent after it has told of jobs: PostgreSQL lets
// commits that tell something pass one at a time.
const tellPause = 20 * time.Millisecond

// news wakes this process for a job that was made, and has the others told of it.
func (e *Engine) news() {
	e.nudge()
	if e.db.Name() != "postgres" {
		return // there are no others
	}
	select {
	case e.tell <- struct{}{}:
	default: // they will be told anyway
	}
	e.telling.Do(func() { e.running.Go(e.teller) })
}

// expect wakes Run when it rests for longer than until a job that was made is due.
func (e *Engine) expect(due time.Time) {
	if due.UnixMilli() < e.resting.Load() {
		e.nudge()
	}
}

// teller tells other processes of jobs until the engine ends.
func (e *Engine) teller() {
	for {
		select {
		case <-e.ended.Done():
			return
		case <-e.tell:
		}
		if err := e.db.Tell(e.ended, jobsChannel, e.id); err != nil && e.ended.Err() == nil {
			e.cfg.Log.Warn("telling other processes of jobs", "error", err) // they look by themselves
		}
		pause := time.NewTimer(tellPause)
		select {
		case <-e.ended.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}
