package sluice

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/oauth"
	"github.com/sluicehq/sluice/internal/store"
)

// What housekeeping drops at once, and how long it lets other writes go first
// before it goes on.
const (
	houseBatch = oauth.MaxSweep
	housePause = 20 * time.Millisecond
)

// houseLease is how long a process keeps house for all on its database without saying
// that it still does: longer than a round takes that drops no full batch, however slow
// the database is. After each full batch it says so.
const houseLease = 5 * time.Minute

// errHouseKept says that another process keeps house.
var errHouseKept = fault.New(fault.Conflict, "another process keeps house on this database at this moment; it does the same. If it has died, try again in five minutes")

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
// and is told with it. It is an error when another process on the same database does
// it at this moment.
func (a *Admin) Housekeeping(ctx context.Context) (Housekeeping, error) {
	rows, err := a.house.run(ctx)
	return Housekeeping{Rows: rows}, err
}

// housekeeping drops what has expired: all chores in turn, in small batches.
type housekeeping struct {
	db       *store.DB // nil: there are no chores
	holder   string    // of the lease
	now      func() time.Time
	chores   []chore
	interval time.Duration
	pause    func(context.Context) error // after each full batch
	dropped  *prometheus.CounterVec
	log      *slog.Logger
	mu       sync.Mutex // one round at a time
}

// newHousekeeping collects the chores of the rooms; without a database there are none.
func (s *Server) newHousekeeping() *housekeeping {
	h := &housekeeping{db: s.db, holder: rand.Text(), now: s.now, interval: s.cfg.HousekeepingInterval, pause: restBetween, log: s.log,
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
	if s.engine != nil {
		add("unfinished_uploads", s.engine.SweepUploads)
		add("content_files", s.engine.SweepFiles)
		add("form_drafts", s.engine.SweepDrafts)
	}
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
		if _, err := h.run(ctx); err != nil && !errors.Is(err, errHouseKept) && ctx.Err() == nil {
			h.log.WarnContext(ctx, "housekeeping", "error", err)
		}
	})
}

// renew takes the lease, or says that this process still keeps house.
func (h *housekeeping) renew(ctx context.Context) error {
	now := h.now()
	mine, err := h.db.TakeLease(ctx, "housekeeping", h.holder, now, now.Add(houseLease))
	if err == nil && !mine {
		err = errHouseKept
	}
	return err
}

// run does every chore, unless another process does. One that fails leaves the others
// to be done.
func (h *housekeeping) run(ctx context.Context) (map[string]int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.db == nil {
		return nil, nil
	}
	if err := h.renew(ctx); err != nil {
		return nil, err
	}
	defer func() { // a lease that stays runs out
		if err := h.db.DropLease(context.WithoutCancel(ctx), "housekeeping", h.holder); err != nil {
			h.log.WarnContext(ctx, "housekeeping: giving the lease back", "error", err)
		}
	}()
	rows := map[string]int64{}
	var errs []error
	for _, c := range h.chores {
		n, err := h.do(ctx, c)
		if n > 0 {
			rows[c.kind] = n
			h.dropped.WithLabelValues(c.kind).Add(float64(n))
			h.log.DebugContext(ctx, "housekeeping", "kind", c.kind, "rows", n)
		}
		if errs = append(errs, err); ctx.Err() != nil || errors.Is(err, errHouseKept) {
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
		if err := h.renew(ctx); err != nil {
			return total, err
		}
	}
}
