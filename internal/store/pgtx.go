package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// divisionByZero is what a statement that end guards fails with.
const divisionByZero = "22012"

// pgTx is a transaction on a connection of PostgreSQL. BEGIN travels with the first
// statement, COMMIT with the last ones.
type pgTx struct {
	conn  *pgx.Conn
	begin string // empty once it has been sent
	ended bool
}

// run sends statements in one round trip, the beginning of the transaction before them
// when it is due, and reads each answer.
func (t *pgTx) run(ctx context.Context, all []Statement, read func(i int, results pgx.BatchResults) error) error {
	var b pgx.Batch
	begins := t.begin != ""
	if begins {
		b.Queue(t.begin)
		t.begin = ""
	}
	for _, s := range all {
		b.Queue(s.Query, s.Args...)
	}
	results := t.conn.SendBatch(ctx, &b)
	var err error
	if begins {
		_, err = results.Exec()
	}
	for i := range all {
		if err == nil {
			err = read(i, results)
		}
	}
	if closing := results.Close(); err == nil { // of a failure it tells again
		err = closing
	}
	return err
}

// also is err, which stays itself when there is no more to tell.
func also(err, more error) error {
	if more == nil {
		return err
	}
	return errors.Join(err, more)
}

// Exec implements Querier.
func (t *pgTx) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	if t.begin == "" {
		tag, err := t.conn.Exec(ctx, query, args...)
		return tag.RowsAffected(), err
	}
	err = t.run(ctx, []Statement{{Query: query, Args: args}}, func(_ int, results pgx.BatchResults) error {
		tag, err := results.Exec()
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// Query implements Querier.
func (t *pgTx) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	if t.begin == "" {
		rows, err := t.conn.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return pgRows(rows, scan)
	}
	return t.run(ctx, []Statement{{Query: query, Args: args}}, func(_ int, results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		return pgRows(rows, scan)
	})
}

// QueryRow implements Querier.
func (t *pgTx) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	found := false
	err := t.Query(ctx, func(row Row) error {
		if found {
			return nil
		}
		found = true
		return row.Scan(dest...)
	}, query, args...)
	if err == nil && !found {
		err = sql.ErrNoRows
	}
	return err
}

// pgRows walks through an answer.
func pgRows(rows pgx.Rows, scan func(Row) error) error {
	defer rows.Close()
	for rows.Next() {
		row, err := pgRow(rows)
		if err == nil {
			err = scan(row)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// pgRow is the row that an answer stands at.
func pgRow(rows pgx.Rows) (liteRow, error) {
	values, err := rows.Values()
	if err != nil {
		return nil, err
	}
	row := make(liteRow, len(values))
	for i, v := range values {
		row[i] = driverValue(v)
	}
	return row, nil
}

// driverValue is a column in the form that assign knows.
func driverValue(v any) any {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case int16:
		return int64(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case pgtype.Numeric: // sums of BIGINT
		if n, err := v.Int64Value(); err == nil && n.Valid {
			return n.Int64
		}
	}
	return v
}

// reads runs reading statements together.
func (t *pgTx) reads(ctx context.Context, all []Read) error {
	statements := make([]Statement, len(all))
	for i, r := range all {
		statements[i] = Statement{Query: r.Query, Args: r.Args}
	}
	return t.run(ctx, statements, func(i int, results pgx.BatchResults) error {
		rows, err := results.Query()
		if err != nil {
			return err
		}
		return pgRows(rows, all[i].Scan)
	})
}

// batch runs statements together and returns how many rows each has changed.
func (t *pgTx) batch(ctx context.Context, all []Statement) ([]int64, error) {
	changed := make([]int64, len(all))
	err := t.run(ctx, all, func(i int, results pgx.BatchResults) error {
		tag, err := results.Exec()
		changed[i] = tag.RowsAffected()
		return err
	})
	return changed, err
}

// end runs the last statements and commits, in one round trip. A statement that must change
// one row and does not fails by itself, so that there is nothing to commit.
func (t *pgTx) end(ctx context.Context, all []Statement) error {
	t.ended = true
	if t.begin != "" && len(all) == 0 {
		return nil // nothing was ever sent
	}
	guarded, guards := make([]Statement, len(all), len(all)+1), false
	for i, s := range all {
		guarded[i], guards = s, guards || s.One
		if s.One {
			guarded[i].Query = `WITH changed AS (` + s.Query + ` RETURNING 1) SELECT 1 / COUNT(*) FROM changed`
		}
	}
	err := t.run(ctx, append(guarded, Statement{Query: "COMMIT"}), func(i int, results pgx.BatchResults) error {
		tag, err := results.Exec()
		if err == nil && i == len(all) && tag.String() != "COMMIT" {
			err = pgx.ErrTxCommitRollback // a statement had failed, which nobody minded
		}
		return err
	})
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	if guards && errors.As(err, &pg) && pg.Code == divisionByZero {
		err = fmt.Errorf("%w: %w", ErrMissed, err)
	}
	return also(err, t.rollback(ctx))
}

// rollback gives up what has begun. A connection on which that fails is closed, which gives
// it up too.
func (t *pgTx) rollback(ctx context.Context) error {
	if t.conn.IsClosed() || t.conn.PgConn().TxStatus() == 'I' {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, err := t.conn.Exec(ctx, "ROLLBACK")
	if err != nil {
		err = also(err, t.conn.Close(ctx))
	}
	return err
}
