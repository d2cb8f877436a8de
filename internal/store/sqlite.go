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
	path    string
	file    fs.FileInfo    // as it was opened; see inPlace
	readers chan *liteConn // those that are free; nil is one that has not been opened
	dsn     string         // of readers
	ended   chan struct{}  // closed by close, once
	once    sync.Once
	timeout time.Duration
	writer  *sql.DB
	queue   *queue
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
	dsn, err := dataSource(cfg.Path)
	if err != nil {
		return nil, err
	}
	db := &sqliteDB{path: cfg.Path, dsn: dsn + "&mode=rw&_pragma=query_only(1)", readers: make(chan *liteConn, readers), ended: make(chan struct{}), timeout: cfg.Timeout}
	for range readers {
		db.readers <- nil
	}
	// Savepoints keep the pages that they would restore: in memory, not in a file.
	dsn += "&_txlock=immediate&_pragma=temp_store(MEMORY)"
	if db.writer, err = openWriter(ctx, dsn); err != nil {
		return nil, fmt.Errorf("opening store %s: %w", cfg.Path, err)
	}
	if db.file, err = os.Stat(cfg.Path); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	db.queue = startQueue(dsn, db.inPlace)
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

// dataSource names the file and its settings, which each connection needs.
// busy_timeout is first, so that the others wait for a lock instead of failing. LIKE minds
// case, as on PostgreSQL.
func dataSource(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("opening store: %w", err)
	}
	return (&url.URL{Scheme: "file", Path: absolute}).String() +
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)&_pragma=case_sensitive_like(1)", nil
}

// openWriter opens the one connection that writes.
func openWriter(ctx context.Context, dsn string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	if err := connect(ctx, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
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
	first := false
	db.once.Do(func() { first = true; close(db.ended) })
	if !first {
		return nil
	}
	var errs []error
	for range readers {
		if r := <-db.readers; r != nil {
			errs = append(errs, r.close())
		}
	}
	return errors.Join(append(errs, db.writer.Close())...)
}

func (db *sqliteDB) ping(ctx context.Context) error {
	if err := db.inPlace(); err != nil {
		return err
	}
	var n int
	return db.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM sqlite_schema`)
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

// read runs fn in one transaction of a reading connection.
func (db *sqliteDB) read(ctx context.Context, fn func(*Tx) error) error {
	return db.reading(ctx, func(r *liteConn) error {
		none := func(Row) error { return nil }
		if err := r.Query(ctx, none, "BEGIN"); err != nil {
			return err
		}
		defer func() { _ = r.Query(context.WithoutCancel(ctx), none, "ROLLBACK") }() // nothing was written
		return fn(&Tx{Querier: r})
	})
}

// Exec is one write in the queue.
func (db *sqliteDB) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = db.queue.submit(ctx, &job{single: true, ended: make(chan struct{}), fn: func(tx *Tx) error {
		n, err = tx.Exec(ctx, query, args...)
		return err
	}})
	return n, err
}

// share is Exec: in the queue all writes share commits.
func (db *sqliteDB) share(ctx context.Context, query string, args ...any) (int64, error) {
	return db.Exec(ctx, query, args...)
}

func (db *sqliteDB) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	return db.reading(ctx, func(r *liteConn) error { return r.Query(ctx, scan, query, args...) })
}

// QueryRow waits for a connection no longer than it may. Then it runs to its end: what
// finds one row takes microseconds, and to be able to interrupt it costs as much again.
func (db *sqliteDB) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	return db.reading(ctx, func(r *liteConn) error { return r.QueryRow(context.WithoutCancel(ctx), dest, query, args...) })
}

// reading lends fn a connection. One that SQLite has told of trouble is not used again.
func (db *sqliteDB) reading(ctx context.Context, fn func(*liteConn) error) (err error) {
	r, err := db.borrow(ctx)
	if err != nil {
		return err
	}
	defer func() { db.readers <- r }()
	if r == nil {
		if err := db.inPlace(); err != nil {
			return err
		}
		if r, err = openLite(db.dsn); err != nil {
			return err
		}
	}
	if err = r.trim(); err == nil {
		err = fn(r)
	}
	if err != nil && troubled(err) {
		err = errors.Join(err, r.close())
		r = nil
	}
	return err
}

// troubled reports whether it is SQLite that tells of an error.
func troubled(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite)
}

// borrow waits until a reading connection is free; nil is one that has not been opened.
func (db *sqliteDB) borrow(ctx context.Context) (*liteConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-db.ended:
		return nil, closed()
	case r := <-db.readers:
		return r, nil
	default:
	}
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	select {
	case <-db.ended:
		return nil, closed()
	case r := <-db.readers:
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
