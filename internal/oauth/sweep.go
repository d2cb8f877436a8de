package oauth

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// sweepBatch bounds how long one sweep statement holds up other writes.
const sweepBatch = 500

// keepSpent is how long after its expiry a code or token stays, so that a late
// replay is still recognised as one.
const keepSpent = 10 * time.Minute

// sweeps are the statements that drop what has expired; $1 is the latest expiry
// that goes. A grant goes when nothing of it is left.
var sweeps = []string{
	`DELETE FROM authorization_requests WHERE hash IN (SELECT hash FROM authorization_requests WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM pushed_requests WHERE hash IN (SELECT hash FROM pushed_requests WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM seen_ids WHERE hash IN (SELECT hash FROM seen_ids WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM foreign_revocations WHERE (member, name) IN (SELECT member, name FROM foreign_revocations WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM access_tokens WHERE hash IN (SELECT hash FROM access_tokens WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM initial_access_tokens WHERE expires_at < $1 LIMIT $2)`,
	`DELETE FROM grants WHERE id IN (SELECT g.id FROM grants g WHERE g.created_at < $1
		AND NOT EXISTS (SELECT 1 FROM codes c WHERE c.grant_id = g.id)
		AND NOT EXISTS (SELECT 1 FROM device_codes d WHERE d.grant_id = g.id)
		AND NOT EXISTS (SELECT 1 FROM access_tokens a WHERE a.grant_id = g.id)
		AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.grant_id = g.id) LIMIT $2)`,
}

// Sweep drops expired rows in small batches until none are left or ctx ends, and
// returns how many went.
func (s *Service) Sweep(ctx context.Context) (int64, error) {
	before := store.Millis(s.now().Add(-keepSpent))
	var total int64
	for _, statement := range sweeps {
		for {
			n, err := s.db.Exec(ctx, statement, before, sweepBatch)
			total += n
			if err != nil {
				return total, err
			}
			if n < sweepBatch {
				break
			}
		}
	}
	return total, nil
}
