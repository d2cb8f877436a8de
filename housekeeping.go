package sluice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/internal/oauth"
)

// What housekeeping drops at once, and how long it lets other writes go first
// before it goes on.
const (
	houseBatch = oauth.MaxSweep
	housePause = 20 * time.Millisecond
)

// A chore is a kind of rows that leave. sweep drops at most limit of them in one
// transaction and returns how many went; fewer than limit are all.
type chore struct {
	kind  string
	sweep func(ctx context.Context, limit int) (int64, error)
}

// Housekeeping is what one round of it did.
type Housekeeping struct {
	// Rows is how many rows went, by kind; a kind of which none went is not in it.
	Rows map[string]int64 `json:"rows"`
}

// Housekeeping drops what has expired, now and in small batches, until none of it is
// left or ctx ends. A server does so by itself. What went before an error stays away
// and is told with it.
func (a *Admin) Housekeeping(ctx context.Context) (Housekeeping, error) {
	rows, err := a.house.run(ctx)
	return Housekeeping{Rows: rows}, err
}

// housekeeping drops what has expired: all chores in turn, in small batches.
type housekeeping struct {
	chores   []chore
	interval time.Duration
	pause    func(context.Context) error // after each full batch
	dropped  *prometheus.CounterVec
	log      *slog.Logger
	mu       sync.Mutex // one round at a time
}

// newHousekeeping collects the chores of the rooms; without a database there are none.
func (s *Server) newHousekeeping() *housekeeping {
	h := &housekeeping{interval: s.cfg.HousekeepingInterval, pause: restBetween, log: s.log,
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sluice_housekeeping_rows_total",
			Help: "Rows that housekeeping has dropped, by kind."}, []string{"kind"})}
	if s.db == nil {
		return h
	}
	add := func(kind string, sweep func(context.Context, int) (int64, error)) {
		h.chores = append(h.chores, chore{kind, sweep})
	}
	for _, kind := range oauth.SweptKinds() {
		add(kind, func(ctx context.Context, limit int) (int64, error) { return s.auth.Sweep(ctx, kind, limit) })
	}
	add("grants", s.grantsWalk())
	add("sessions", s.users.Sweep)
	add("attempts", s.guard.Sweep)
	add("audit_events", func(ctx context.Context, limit int) (int64, error) {
		return s.audit.Sweep(ctx, s.cfg.Audit.Retention, limit)
	})
	return h
}

// grantsWalk looks at one page of all grants each time, where it left off. Nothing
// depends on how soon it comes round: a grant goes with the last of what came of it,
// and few are left behind.
func (s *Server) grantsWalk() func(context.Context, int) (int64, error) {
	var last string
	return func(ctx context.Context, limit int) (n int64, err error) {
		n, last, err = s.auth.SweepGrants(ctx, last, limit)
		return n, err
	}
}

func restBetween(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(housePause):
		return nil
	}
}

// loop keeps house now and then until ctx ends.
func (h *housekeeping) loop(ctx context.Context) {
	every(ctx, h.interval, func() {
		if _, err := h.run(ctx); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "housekeeping", "error", err)
		}
	})
}

// run does every chore. One that fails leaves the others to be done.
func (h *housekeeping) run(ctx context.Context) (map[string]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := map[string]int64{}
	var errs []error
	for _, c := range h.chores {
		n, err := h.do(ctx, c)
		if n > 0 {
			rows[c.kind] = n
			h.dropped.WithLabelValues(c.kind).Add(float64(n))
			h.log.DebugContext(ctx, "housekeeping", "kind", c.kind, "rows", n)
		}
		if errs = append(errs, err); ctx.Err() != nil {
			break
		}
	}
	return rows, errors.Join(errs...)
}

// do drops batches of one kind until none are left, and returns how many rows went.
func (h *housekeeping) do(ctx context.Context, c chore) (total int64, err error) {
	for {
		n, err := c.sweep(ctx, houseBatch)
		total += n
		if err != nil {
			return total, fmt.Errorf("dropping %s: %w", c.kind, err)
		}
		if n < houseBatch {
			return total, nil
		}
		if err := h.pause(ctx); err != nil {
			return total, err
		}
	}
}
