package oauth

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// MaxSweep is the most rows that Sweep drops at once. It bounds how long one
// transaction of housekeeping holds up other writes.
const MaxSweep = 500

// keepSpent is how long after its expiry a code or token stays, so that a late
// replay is still recognised as one.
const keepSpent = 10 * time.Minute

// sweeps are the statements that drop what has expired, in the order of a round; $1 is
// the latest expiry that goes, $2 how many go at most. Those of a family give its
// grant, which goes when nothing of it is left.
var sweeps = []struct {
	kind, statement string
	family          bool
}{
	{kind: "authorization_requests", statement: `DELETE FROM authorization_requests WHERE hash IN (SELECT hash FROM authorization_requests WHERE expires_at < $1 LIMIT $2)`},
	{"codes", `DELETE FROM codes WHERE hash IN (SELECT hash FROM codes WHERE expires_at < $1 AND used_at IS NULL LIMIT $2) RETURNING grant_id`, true},
	{kind: "pushed_requests", statement: `DELETE FROM pushed_requests WHERE hash IN (SELECT hash FROM pushed_requests WHERE expires_at < $1 LIMIT $2)`},
	{"device_codes", `DELETE FROM device_codes WHERE hash IN (SELECT hash FROM device_codes WHERE expires_at < $1 LIMIT $2) RETURNING grant_id`, true},
	{kind: "seen_ids", statement: `DELETE FROM seen_ids WHERE hash IN (SELECT hash FROM seen_ids WHERE expires_at < $1 LIMIT $2)`},
	{kind: "foreign_revocations", statement: `DELETE FROM foreign_revocations WHERE (member, name) IN (SELECT member, name FROM foreign_revocations WHERE expires_at < $1 LIMIT $2)`},
	{"access_tokens", `DELETE FROM access_tokens WHERE hash IN (SELECT hash FROM access_tokens WHERE expires_at < $1 LIMIT $2) RETURNING grant_id`, true},
	{"refresh_tokens", `DELETE FROM refresh_tokens WHERE hash IN (SELECT hash FROM refresh_tokens WHERE expires_at < $1 LIMIT $2) RETURNING grant_id`, true},
	{kind: "initial_access_tokens", statement: `DELETE FROM initial_access_tokens WHERE id IN (SELECT id FROM initial_access_tokens WHERE expires_at < $1 LIMIT $2)`},
}

// SweptKinds are the kinds of rows that Sweep knows, in the order in which they are
// best dropped. Grants go with the last of what came of them.
func SweptKinds() (kinds []string) {
	for _, sweep := range sweeps {
		kinds = append(kinds, sweep.kind)
	}
	return kinds
}

// childless is true of a grant from which nothing can come any more. A used code
// gives nothing: it goes with its grant.
const childless = `NOT EXISTS (SELECT 1 FROM codes c WHERE c.grant_id = grants.id AND c.used_at IS NULL)
	AND NOT EXISTS (SELECT 1 FROM device_codes d WHERE d.grant_id = grants.id)
	AND NOT EXISTS (SELECT 1 FROM access_tokens a WHERE a.grant_id = grants.id)
	AND NOT EXISTS (SELECT 1 FROM refresh_tokens r WHERE r.grant_id = grants.id)`

// Sweep drops at most limit expired rows of a kind in one transaction, together with
// the grants of which nothing is left, and returns how many expired rows went: fewer
// than limit are all. limit is from 1 to MaxSweep.
func (s *Service) Sweep(ctx context.Context, kind string, limit int) (n int64, err error) {
	at := slices.Index(SweptKinds(), kind)
	if at < 0 || limit < 1 || limit > MaxSweep {
		return 0, fmt.Errorf("sweeping %d rows of %q: there is no such kind, or the limit is not from 1 to %d", limit, kind, MaxSweep)
	}
	sweep, before := sweeps[at], store.Millis(s.now().Add(-keepSpent))
	if !sweep.family {
		return s.db.Exec(ctx, sweep.statement, before, limit)
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n = 0
		grants := map[string]bool{}
		err := tx.Query(ctx, func(r store.Row) error {
			var id sql.Null[string]
			err := r.Scan(&id)
			if n++; id.Valid {
				grants[id.V] = true
			}
			return err
		}, sweep.statement, before, limit)
		if err != nil || len(grants) == 0 {
			return err
		}
		ids := make([]any, 0, len(grants))
		for id := range grants {
			ids = append(ids, id)
		}
		_, err = dropGrants(ctx, tx, ids)
		return err
	})
	return n, err
}

// SweepGrants looks at the limit grants after the one named last, without holding up
// other writes, and drops those of which nothing is left: what ended in another way
// than by its expiry leaves them behind. It returns how many went and where to go on;
// empty is the beginning.
func (s *Service) SweepGrants(ctx context.Context, last string, limit int) (n int64, next string, err error) {
	var page []string
	err = s.db.Query(ctx, func(r store.Row) error {
		var id string
		err := r.Scan(&id)
		page = append(page, id)
		return err
	}, `SELECT id FROM grants WHERE id > $1 ORDER BY id LIMIT $2`, last, limit)
	if err != nil || len(page) == 0 {
		return 0, "", err
	}
	if len(page) == limit {
		next = page[limit-1]
	}
	var ids []any
	err = s.db.Query(ctx, func(r store.Row) error {
		var id string
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM grants WHERE id >= $1 AND id <= $2 AND `+childless, page[0], page[len(page)-1])
	if err != nil || len(ids) == 0 {
		return 0, next, err
	}
	n, err = dropGrants(ctx, s.db, ids)
	return n, next, err
}

// dropGrants drops those of at most MaxSweep grants of which nothing is left.
func dropGrants(ctx context.Context, q store.Querier, ids []any) (int64, error) {
	return q.Exec(ctx, `DELETE FROM grants WHERE id IN `+oneOfMany+` AND `+childless, filled(ids)...)
}

// oneOfMany is a list of parameters MaxSweep values: a fixed number, so that
// each statement with such a list is prepared once.
var oneOfMany = func() string {
	marks := make([]string, MaxSweep)
	for n := range marks {
		marks[n] = fmt.Sprintf("$%d", n+1)
	}
	return "(" + strings.Join(marks, ", ") + ")"
}()

// filled repeats the first of the values until there are as many as oneOfMany has places.
func filled(values []any) []any {
	all := make([]any, MaxSweep)
	for n := copy(all, values); n < MaxSweep; n++ {
		all[n] = values[0]
	}
	return all
}
