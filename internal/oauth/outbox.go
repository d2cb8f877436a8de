package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/store"
)

// The outbox tells other servers what has happened here. What is to be told is a
// row that the deciding transaction writes, so that nothing is told that was not
// committed and nothing that was committed is forgotten. Delivery is at least
// once: a process that dies while it sends leaves the row to the next one.

const (
	outboxSenders = 8                     // deliveries at once, in one process
	outboxPoll    = 50 * time.Millisecond // how often it looks for rows that other processes wrote, by one indexed read
	outboxLease   = 30 * time.Second      // after this, a delivery that has not ended is another's
	outboxFirst   = 2 * time.Second       // pause after the first failure; it doubles
	outboxLongest = 15 * time.Minute
	outboxAge     = 24 * time.Hour // what could not be delivered for so long is given up
	outboxSend    = 10 * time.Second
)

// delivery is a row of the outbox.
type delivery struct {
	id, kind, target string
	payload          []byte
	attempts         int64
	created          time.Time
}

// deliverer sends one delivery. Its error has the delivery tried again, unless it
// is errGiveUp.
type deliverer func(ctx context.Context, d *delivery) error

// errGiveUp ends a delivery that no repetition can help.
var errGiveUp = errors.New("it is of no use to try again")

// enqueue writes a row in the transaction that makes it true. payload becomes JSON
// and must hold no secret; target is whom the row is for, such as a client's id.
func (s *Service) enqueue(ctx context.Context, tx *store.Tx, kind, target string, payload any) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("making a delivery's id: %w", err)
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("writing a delivery: %w", err)
	}
	now := store.Millis(s.now())
	tx.AfterCommit(s.wakeSender)
	_, err = tx.Exec(ctx, `INSERT INTO outbox (id, kind, target, payload, next_at, created_at) VALUES ($1, $2, $3, $4, $5, $5)`,
		id.String(), kind, target, string(text), now)
	return err
}

// wakeSender has this process's sender look at once.
func (s *Service) wakeSender() {
	select {
	case s.wake <- struct{}{}:
	default: // it has not begun to look since the last one
	}
}

// Deliver sends what stands in the outbox until ctx ends and what is being sent
// then has ended.
func (s *Service) Deliver(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	ended := make(chan struct{}, outboxSenders)
	tick := time.NewTicker(outboxPoll)
	defer tick.Stop()
	for busy := 0; ; {
		due, err := s.due(ctx, outboxSenders-busy)
		if err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "reading the outbox", "error", err)
		}
		for _, d := range due {
			busy++
			sending.Go(func() {
				s.deliver(context.WithoutCancel(ctx), d)
				ended <- struct{}{}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-ended:
			busy--
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// due takes at most n rows that are due; nobody else has them until the lease
// ends. The second look at next_at makes it one guarded statement: of two
// processes that found the same row, one gets it.
func (s *Service) due(ctx context.Context, n int) ([]*delivery, error) {
	if n < 1 {
		return nil, nil
	}
	now := s.now()
	var waiting int
	err := s.db.QueryRow(ctx, []any{&waiting}, `SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE next_at <= $1 LIMIT 1) due`, store.Millis(now))
	if err != nil || waiting == 0 {
		return nil, err
	}
	var list []*delivery
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		list = nil
		return tx.Query(ctx, func(r store.Row) error {
			d := &delivery{}
			list = append(list, d)
			return r.Scan(&d.id, &d.kind, &d.target, &d.payload, &d.attempts, store.Time(&d.created))
		}, `UPDATE outbox SET attempts = attempts + 1, next_at = $1
			WHERE id IN (SELECT id FROM outbox WHERE next_at <= $2 ORDER BY next_at, id LIMIT $3) AND next_at <= $2
			RETURNING id, kind, target, payload, attempts, created_at`, store.Millis(now.Add(outboxLease)), store.Millis(now), n)
	})
	return list, err
}

// deliver sends one row and writes down how it ended.
func (s *Service) deliver(ctx context.Context, d *delivery) {
	send, ok := s.deliverers[d.kind]
	err := fmt.Errorf("nobody delivers %q: %w", d.kind, errGiveUp)
	if ok {
		sending, cancel := context.WithTimeout(ctx, outboxSend)
		err = send(sending, d)
		cancel()
	}
	log := s.cfg.Log.With("kind", d.kind, "target", d.target, "attempt", d.attempts)
	switch {
	case err == nil:
		log.InfoContext(ctx, "delivered")
	case errors.Is(err, errGiveUp), s.now().Sub(d.created) > outboxAge:
		log.WarnContext(ctx, "delivery given up", "error", err)
	default:
		log.InfoContext(ctx, "delivery failed and will be tried again", "error", err)
		if err = s.postpone(ctx, d, err); err != nil {
			log.ErrorContext(ctx, "postponing a delivery; it is repeated after its lease", "error", err)
		}
		return
	}
	if _, err := s.db.Exec(ctx, `DELETE FROM outbox WHERE id = $1`, d.id); err != nil {
		log.ErrorContext(ctx, "dropping a delivery; it is repeated after its lease", "error", err)
	}
}

// postpone has a delivery tried again later, and with it all others for the same
// target, so that one dead server does not keep every sender busy.
func (s *Service) postpone(ctx context.Context, d *delivery, why error) error {
	next := store.Millis(s.now().Add(pauseAfter(d.attempts)))
	if _, err := s.db.Exec(ctx, `UPDATE outbox SET next_at = $1, last_error = $2 WHERE id = $3`, next, errorText(why), d.id); err != nil {
		return err
	}
	_, err := s.db.Exec(ctx, `UPDATE outbox SET next_at = $1 WHERE kind = $2 AND target = $3 AND next_at < $1`, next, d.kind, d.target)
	return err
}

// errorText is what a column holds of an error.
func errorText(err error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(err.Error(), ""), "\x00", "")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "")
	}
	return text
}

// pauseAfter is how long a delivery rests after that many attempts.
func pauseAfter(attempts int64) time.Duration {
	pause := outboxFirst
	for ; attempts > 1 && pause < outboxLongest; attempts-- {
		pause *= 2
	}
	return min(pause, outboxLongest)
}
