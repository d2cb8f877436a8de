package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // registers the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// startTimeout bounds how long a starter waits for others, startPause is how long
// it waits between two tries.
const (
	startTimeout = 15 * time.Second
	startPause   = 5 * time.Millisecond
)

// readers is how many connections answer reads; more only queue for two cores.
const readers = 4

// sqliteDB is one file, one writing connection and a pool of reading ones.
type sqliteDB struct {
	path       string
	file       fs.FileInfo // as it was opened; see inPlace
	reader     *sql.DB
	statements sync.Map      // query → *sql.Stmt of reader
	places     chan struct{} // one for each connection of reader
	timeout    time.Duration
	writer     *sql.DB
	queue      *queue
}

func openSQLite(ctx context.Context, cfg Config) (*sqliteDB, error) {
	if cfg.Path == "" {
		return nil, errors.New("opening store: no path and no URL")
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		return nil, fmt.Errorf("making data directory: %w", err)
	}
	if err := private(cfg.Path); err != nil {
		return nil, err
	}
	db := &sqliteDB{path: cfg.Path, places: make(chan struct{}, readers), timeout: cfg.Timeout}
	var err error
	if db.writer, err = openPool(ctx, cfg.Path, 1, "&_txlock=immediate"); err != nil {
		return nil, err
	}
	if db.reader, err = openPool(ctx, cfg.Path, readers, "&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	if db.file, err = os.Stat(cfg.Path); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	db.queue = startQueue(db.writer, db.inPlace)
	return db, nil
}

// private makes the file, when it is new, readable by its owner alone.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("opening store: %w", err)
	}
	return f.Close()
}

// openPool opens n connections. The pragmas stand in the DSN, because a PRAGMA
// statement would reach only one pooled connection; busy_timeout is first, so
// that the others wait for a lock instead of failing.
func openPool(ctx context.Context, path string, n int, more string) (*sql.DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	dsn := (&url.URL{Scheme: "file", Path: absolute}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)" + more
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	if err := connect(ctx, pool); err != nil {
		return nil, errors.Join(fmt.Errorf("opening store %s: %w", path, err), pool.Close())
	}
	return pool, nil
}

// connect opens the pool's first connection. SQLite does not wait when two
// starters turn one new file to WAL at the same time: one of them is told that it
// is busy at once, whatever its timeout, and has to try again.
func connect(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		err := pool.PingContext(ctx)
		var lite *sqlite.Error
		if err == nil || !errors.As(err, &lite) || lite.Code()&0xff != sqlite3.SQLITE_BUSY {
			return err
		}
		select {
		case <-time.After(startPause):
		case <-ctx.Done():
			return err
		}
	}
}

// inPlace reports whether the file that was opened still stands at its path. A
// file that was deleted or replaced goes on taking writes that nobody will ever
// read again.
func (db *sqliteDB) inPlace() error {
	now, err := os.Stat(db.path)
	if err == nil && os.SameFile(now, db.file) {
		return nil
	}
	return unavailable(fmt.Errorf("%s was removed or replaced while it was open (restart to use the new file)", db.path))
}

func (db *sqliteDB) name() string { return "sqlite" }

func (db *sqliteDB) close() error {
	db.queue.stop()
	return errors.Join(db.reader.Close(), db.writer.Close())
}

func (db *sqliteDB) ping(ctx context.Context) error {
	if err := db.inPlace(); err != nil {
		return err
	}
	var n int
	return db.reader.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_schema`).Scan(&n)
}

func (db *sqliteDB) migrate(ctx context.Context) (n int, err error) {
	err = db.queue.exclusive(ctx, func() error {
		n, err = migrate(ctx, goose.DialectSQLite3, db.writer)
		return err
	})
	return n, err
}

func (db *sqliteDB) write(ctx context.Context, fn func(*Tx) error) error {
	return db.queue.run(ctx, fn)
}

func (db *sqliteDB) read(ctx context.Context, fn func(*Tx) error) error {
	if err := db.enter(ctx); err != nil {
		return err
	}
	defer db.leave()
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	return fn(&Tx{Querier: plainTx{tx}})
}

// Exec is one write in the queue.
func (db *sqliteDB) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = db.queue.submit(ctx, &job{single: true, ended: make(chan struct{}), fn: func(tx *Tx) error {
		n, err = tx.Exec(ctx, query, args...)
		return err
	}})
	return n, err
}

func (db *sqliteDB) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	if err := db.enter(ctx); err != nil {
		return err
	}
	defer db.leave()
	stmt, err := db.prepared(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	return queryRows(rows, err, scan)
}

// QueryRow waits for a connection no longer than it may. Then it runs to its end: what
// finds one row takes microseconds, and to be able to interrupt it costs as much again.
func (db *sqliteDB) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	if err := db.enter(ctx); err != nil {
		return err
	}
	defer db.leave()
	ctx = context.WithoutCancel(ctx)
	stmt, err := db.prepared(ctx, query)
	if err != nil {
		return err
	}
	return stmt.QueryRowContext(ctx, args...).Scan(dest...)
}

// enter waits until a reading connection is free.
func (db *sqliteDB) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case db.places <- struct{}{}:
		return nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	select {
	case db.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (db *sqliteDB) leave() { <-db.places }

// prepared returns the statement of a query; the set of queries is that of the
// program's text, so the map does not grow with its use.
func (db *sqliteDB) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := db.statements.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := db.reader.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if other, loaded := db.statements.LoadOrStore(query, s); loaded {
		return other.(*sql.Stmt), s.Close()
	}
	return s, nil
}
