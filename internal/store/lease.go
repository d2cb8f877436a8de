package store

import (
	"context"
	"time"
)

// TakeLease gives the named work to holder until the given time, if nobody else has it
// at now, and reports whether holder has it. Who holds a lease renews it in this way.
// A process that dies leaves a lease that runs out.
func (db *DB) TakeLease(ctx context.Context, name, holder string, now, until time.Time) (bool, error) {
	n, err := db.Exec(ctx, `INSERT INTO leases (name, holder, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
		WHERE leases.holder = excluded.holder OR leases.expires_at <= $4`, name, holder, Millis(until), Millis(now))
	return n > 0, err
}

// DropLease gives the work back, if holder has it.
func (db *DB) DropLease(ctx context.Context, name, holder string) error {
	_, err := db.Exec(ctx, `DELETE FROM leases WHERE name = $1 AND holder = $2`, name, holder)
	return err
}
