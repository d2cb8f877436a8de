package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
)

// The bounds of lines that tell of no change: a refused request must not cost more
// because it is written down, nor fill the disk.
const (
	tryAtOnce = 4           // being written at the same time, in one process
	tryBurst  = 500         // at once after a quiet time
	tryRate   = 20          // a second, in the long run
	tryWait   = time.Second // the longest that one is waited for
)

// Log writes and reads the record. It is safe for concurrent use; a nil one writes
// nothing, for rooms that are tested alone.
type Log struct {
	db      *store.DB
	log     *slog.Logger
	now     func() time.Time
	writing chan struct{}

	mu      sync.Mutex
	room    float64 // how many lines Try may still write
	at      time.Time
	dropped int64 // how many it has not written since the last that it has
}

// New returns the record on a migrated database. log receives what cannot be
// written.
func New(db *store.DB, log *slog.Logger, now func() time.Time) *Log {
	return &Log{db: db, log: log, now: now, writing: make(chan struct{}, tryAtOnce), room: tryBurst, at: now()}
}

// Write writes a line in the transaction of the change that it tells of, beside the
// statements that follow (see store.Tx.Later). Its error must undo the change.
func (l *Log) Write(ctx context.Context, tx *store.Tx, e Event) error {
	if l == nil {
		return nil
	}
	statement, err := l.line(ctx, e)
	if err == nil {
		err = tx.Later(ctx, statement, nil)
	}
	return told(e, err)
}

func told(e Event, err error) error {
	if err != nil {
		return fmt.Errorf("writing the audit line %s: %w", e.Name, err)
	}
	return nil
}

// line is the statement that writes a line.
func (l *Log) line(ctx context.Context, e Event) (store.Statement, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Statement{}, fmt.Errorf("making an event's id: %w", err)
	}
	e.complete(ctx)
	details, err := e.Details.text()
	return store.Statement{Query: `INSERT INTO audit_events (at, id, event, outcome, actor, actor_name, client_id, subject, address, request, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, Args: []any{store.Millis(l.now()), id.String(), e.Name, e.Outcome, line(e.Actor), line(e.ActorName),
		line(e.ClientID), line(e.Subject), origin.Text(ctx), line(e.Request), details}}, err
}

// Try writes a line about something that changed nothing. It waits a second at
// most, and of a flood it writes a part: the next line tells how many are missing.
func (l *Log) Try(ctx context.Context, e Event) {
	if l == nil {
		return
	}
	missing, ok := l.admit()
	if !ok {
		return
	}
	select {
	case l.writing <- struct{}{}:
	default:
		l.drop(missing + 1)
		return
	}
	defer func() { <-l.writing }()
	if missing > 0 {
		details := Details{"missing_before": missing}
		for name, value := range e.Details {
			details[name] = value
		}
		e.Details = details
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryWait)
	defer cancel()
	statement, err := l.line(ctx, e)
	if err == nil {
		_, err = l.db.Exec(ctx, statement.Query, statement.Args...)
	}
	if err := told(e, err); err != nil {
		l.drop(missing + 1)
		l.log.WarnContext(ctx, "an audit line is missing", "event", e.Name, "outcome", e.Outcome, "error", err)
	}
}

// admit takes one line from what may be written now; missing is how many were not
// written before it.
func (l *Log) admit() (missing int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if passed := now.Sub(l.at).Seconds(); passed > 0 {
		l.room = min(l.room+passed*tryRate, tryBurst)
	}
	l.at = now
	if l.room < 1 {
		l.dropped++
		return 0, false
	}
	l.room--
	missing, l.dropped = l.dropped, 0
	return missing, true
}

func (l *Log) drop(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += n
}

// Sweep drops at most limit lines that are older than keep, the oldest first, and
// returns how many went. A keep of 0 drops none.
func (l *Log) Sweep(ctx context.Context, keep time.Duration, limit int) (int64, error) {
	if keep == 0 {
		return 0, nil
	}
	return l.db.Exec(ctx, `DELETE FROM audit_events WHERE (at, id) IN (SELECT at, id FROM audit_events WHERE at < $1 ORDER BY at, id LIMIT $2)`,
		store.Millis(l.now().Add(-keep)), limit)
}
