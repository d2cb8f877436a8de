package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresDB is a pool of connections, and beside it the few that send single
// statements of many callers together. pgx prepares each statement once per connection
// by itself.
type postgresDB struct {
	pool    *sql.DB
	conf    *pgx.ConnConfig
	log     *slog.Logger
	timeout time.Duration
	reads   *gatherer // nil, as shares, when there are too few connections for it
	shares  *gatherer // writes that share a commit
	broken  atomic.Int64
}

// gatherers is how many connections send reads together, and how many writes: while one
// batch is on its way, the next one is sent. With fewer connections than fewConnections
// there is one of each, with fewer than enoughConnections none.
const (
	rollbackTimeout   = 2 * time.Second
	gatherers         = 2
	fewConnections    = 8
	enoughConnections = 4
)

func openPostgres(ctx context.Context, cfg Config) (*postgresDB, error) {
	conf, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// pgx masks the password in this message.
		return nil, fmt.Errorf("reading the database URL: %w", err)
	}
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = 2 * time.Second
	}
	if conf.RuntimeParams["application_name"] == "" {
		conf.RuntimeParams["application_name"] = "sluice"
	}
	pool := stdlib.OpenDB(*conf)
	n := cfg.Connections
	if n == 0 {
		n = 16
	}
	workers := gatherers
	switch {
	case n < enoughConnections:
		workers = 0
	case n < fewConnections:
		workers = 1
	}
	pool.SetMaxOpenConns(n - 2*workers)
	pool.SetMaxIdleConns(n - 2*workers)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("opening database %s on %s: %w", conf.Database, conf.Host, err), pool.Close())
	}
	db := &postgresDB{pool: pool, conf: conf, log: cfg.Log, timeout: cfg.Timeout}
	if workers > 0 {
		db.reads, db.shares = db.gatherer(conf, workers, true), db.gatherer(conf, workers, false)
	}
	return db, nil
}

func (db *postgresDB) name() string { return "postgres" }

func (db *postgresDB) close() error {
	for _, g := range []*gatherer{db.reads, db.shares} {
		if g != nil {
			g.stop()
		}
	}
	return db.pool.Close()
}

func (db *postgresDB) ping(ctx context.Context) error {
	var n int
	return db.pool.QueryRowContext(ctx, `SELECT 1`).Scan(&n)
}

func (db *postgresDB) migrate(ctx context.Context) (int, error) {
	return migrate(ctx, goose.DialectPostgres, db.pool)
}

func (db *postgresDB) read(ctx context.Context, fn func(*Tx) error) error {
	return db.transact(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", fn)
}

func (db *postgresDB) write(ctx context.Context, fn func(*Tx) error) error {
	return db.transact(ctx, "BEGIN", fn)
}

func (db *postgresDB) transact(ctx context.Context, begin string, fn func(*Tx) error) error {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives it back
	return conn.Raw(func(driver any) (err error) {
		tx := &pgTx{conn: driver.(*stdlib.Conn).Conn(), begin: begin}
		defer func() {
			if !tx.ended {
				err = also(err, tx.rollback(ctx))
			}
		}()
		if err := fn(&Tx{Querier: tx, batch: tx.batch, reads: tx.reads, end: tx.end}); err != nil || tx.ended {
			return err
		}
		return tx.end(ctx, nil)
	})
}

func (db *postgresDB) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	return execOn(ctx, db.pool, query, args)
}

func (db *postgresDB) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	rows, err := db.pool.QueryContext(ctx, query, args...)
	return queryRows(rows, err, scan)
}

func (db *postgresDB) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	if db.reads == nil {
		return db.pool.QueryRowContext(ctx, query, args...).Scan(dest...)
	}
	j, err := db.reads.do(ctx, query, args)
	if err != nil {
		return err
	}
	return j.scan(dest)
}

// share runs a statement together with others that wait.
func (db *postgresDB) share(ctx context.Context, query string, args ...any) (int64, error) {
	if db.shares == nil {
		return db.Exec(ctx, query, args...)
	}
	j, err := db.shares.do(ctx, query, args)
	if err != nil {
		return 0, err
	}
	return j.n, nil
}

func execOn(ctx context.Context, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args []any) (int64, error) {
	r, err := on.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
