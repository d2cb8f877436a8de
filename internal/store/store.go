package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
)

// Config says where the database is.
type Config struct {
	// URL is a PostgreSQL connection URL (postgres://…). Empty means SQLite.
	URL string
	// Path is the SQLite file; its directory is made when absent. Used when URL
	// is empty.
	Path string
	// Timeout bounds every read and write whose context has no nearer deadline;
	// 0 means 10 s. It is longer than SQLite's busy timeout of 5 s, so that a
	// locked file is told as such.
	Timeout time.Duration
	// Connections is the most PostgreSQL connections held; 0 means 16.
	Connections int
	// Log receives what callers may not see; nil means slog.Default().
	Log *slog.Logger
}

// Querier is what a *DB and a *Tx share: one statement at a time.
type Querier interface {
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query runs a statement that gives rows; scan is called once per row.
	Query(ctx context.Context, scan func(Row) error, query string, args ...any) error
	// QueryRow runs a statement that gives at most one row and scans it into
	// dest. Without a row it returns ErrNoRow.
	QueryRow(ctx context.Context, dest []any, query string, args ...any) error
}

// Row is one row of an answer.
type Row interface {
	Scan(dest ...any) error
}

// ErrNoRow is what QueryRow returns when there is no row.
var ErrNoRow = sql.ErrNoRows

// DB is an open database. It is safe for concurrent use.
type DB struct {
	backend
	timeout    time.Duration
	ended      atomic.Bool
	statements atomic.Int64
}

// backend is what SQLite and PostgreSQL do differently.
type backend interface {
	Querier
	share(ctx context.Context, query string, args ...any) (int64, error)
	read(ctx context.Context, fn func(*Tx) error) error
	write(ctx context.Context, fn func(*Tx) error) error
	ping(ctx context.Context) error
	migrate(ctx context.Context) (int, error)
	close() error
	name() string
}

// Tx is a transaction; it ends with the function it was given to.
type Tx struct {
	Querier
	after  *[]func()                                                   // nil in a reading one
	batch  func(ctx context.Context, all []Statement) ([]int64, error) // nil: one after the other
	reads  func(ctx context.Context, all []Read) error                 // nil, as batch
	end    func(ctx context.Context, all []Statement) error            // commits with the last statements; nil: others commit
	counts *atomic.Int64
	later  []later
}

// later is a statement that waits to travel with others.
type later struct {
	Statement
	check func(changed int64) error
}

// Statement is a writing statement with its arguments.
type Statement struct {
	Query string
	Args  []any
	// One says that it must change exactly one row: ErrMissed ends the transaction when
	// it does not. Such a statement must not have RETURNING.
	One bool
}

// Read is a reading statement with its arguments. Scan is called once per row.
type Read struct {
	Query string
	Args  []any
	Scan  func(Row) error
}

// ErrMissed is why a transaction ended in which a statement did not change the one row that
// it had to.
var ErrMissed = errors.New("a row that was to be changed is not as it was")

// Later has a writing statement run before the transaction's next other statement or its
// commit: on PostgreSQL those that wait travel together, with the commit when none has a
// check, on SQLite it runs at once. check,
// when not nil, gets how many rows it changed; an error of either ends the transaction,
// and may come from a later call or from Write.
func (tx *Tx) Later(ctx context.Context, s Statement, check func(changed int64) error) error {
	tx.later = append(tx.later, later{s, check})
	if tx.batch == nil {
		return tx.flush(ctx)
	}
	return nil
}

// flush runs what waits.
func (tx *Tx) flush(ctx context.Context) error {
	waiting, all := tx.waiting()
	if len(all) == 0 {
		return nil
	}
	changed, err := tx.Batch(ctx, all)
	for i, w := range waiting {
		if err == nil && w.check != nil {
			err = w.check(changed[i])
		}
	}
	return err
}

// waiting takes what waits.
func (tx *Tx) waiting() ([]later, []Statement) {
	waiting := tx.later
	tx.later = nil
	all := make([]Statement, len(waiting))
	for i, w := range waiting {
		all[i] = w.Statement
	}
	return waiting, all
}

// finish runs what waits, together with the commit where that is possible: when nobody
// here must see first what came of it.
func (tx *Tx) finish(ctx context.Context) error {
	if tx.end == nil || slices.ContainsFunc(tx.later, func(w later) bool { return w.check != nil }) {
		return tx.flush(ctx)
	}
	_, all := tx.waiting()
	tx.counts.Add(int64(len(all)))
	return tx.end(ctx, all)
}

// Exec runs one writing statement after those that wait, as Query and QueryRow do.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := tx.flush(ctx); err != nil {
		return 0, err
	}
	return tx.Querier.Exec(ctx, query, args...)
}

// Query reads rows.
func (tx *Tx) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	if err := tx.flush(ctx); err != nil {
		return err
	}
	return tx.Querier.Query(ctx, scan, query, args...)
}

// QueryRow reads one row.
func (tx *Tx) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	if err := tx.flush(ctx); err != nil {
		return err
	}
	return tx.Querier.QueryRow(ctx, dest, query, args...)
}

// Batch runs writing statements in their order and returns how many rows each of them
// changed. On PostgreSQL they travel together, which costs one round trip instead of
// one each. After an error the transaction is of no use.
func (tx *Tx) Batch(ctx context.Context, all []Statement) ([]int64, error) {
	if err := tx.flush(ctx); err != nil {
		return nil, err
	}
	if tx.batch != nil {
		tx.counts.Add(int64(len(all)))
		changed, err := tx.batch(ctx, all)
		for i, s := range all {
			if err == nil && s.One && changed[i] != 1 {
				err = ErrMissed
			}
		}
		return changed, err
	}
	changed := make([]int64, len(all))
	for i, s := range all {
		var err error
		if changed[i], err = tx.Exec(ctx, s.Query, s.Args...); err != nil {
			return nil, err
		}
		if s.One && changed[i] != 1 {
			return nil, ErrMissed
		}
	}
	return changed, nil
}

// Reads runs reading statements in their order, each of which sees what others have
// committed before it began. On PostgreSQL they travel together.
func (tx *Tx) Reads(ctx context.Context, all []Read) error {
	if err := tx.flush(ctx); err != nil {
		return err
	}
	if tx.reads != nil {
		tx.counts.Add(int64(len(all)))
		return tx.reads(ctx, all)
	}
	for _, r := range all {
		if err := tx.Query(ctx, r.Scan, r.Query, r.Args...); err != nil {
			return err
		}
	}
	return nil
}

// AfterCommit has fn called when the transaction has been committed, before Write
// returns; never when it has not. fn must be quick and needs no error: what must not
// be lost is a row.
func (tx *Tx) AfterCommit(fn func()) {
	if tx.after != nil {
		*tx.after = append(*tx.after, fn)
	}
}

// Open opens the database and checks that it answers. It does not migrate.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	var b backend
	var err error
	if cfg.URL != "" {
		b, err = openPostgres(ctx, cfg)
	} else {
		b, err = openSQLite(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	return &DB{backend: b, timeout: cfg.Timeout}, nil
}

// Name returns "sqlite" or "postgres".
func (db *DB) Name() string { return db.name() }

// Close ends the writer after the writes it has accepted and closes every
// connection.
func (db *DB) Close() error {
	db.ended.Store(true)
	return db.close()
}

// Statements is how many statements have been run, without those that begin and end
// transactions.
func (db *DB) Statements() int64 { return db.statements.Load() }

// counted counts the statements of a transaction.
type counted struct {
	Querier
	n *atomic.Int64
}

func (c counted) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	c.n.Add(1)
	return c.Querier.Exec(ctx, query, args...)
}

func (c counted) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	c.n.Add(1)
	return c.Querier.Query(ctx, scan, query, args...)
}

func (c counted) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	c.n.Add(1)
	return c.Querier.QueryRow(ctx, dest, query, args...)
}

// told gives the caller a backend's error in the form that rooms know.
func (db *DB) told(err error) error {
	if err != nil && db.ended.Load() {
		return closed()
	}
	return classify(err)
}

// Migrate brings the schema up to this program's version and returns how many
// steps it took. Several processes may call it at once.
func (db *DB) Migrate(ctx context.Context) (int, error) { return db.migrate(ctx) }

// Ping reports whether the database can be read now.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(db.timeout, 2*time.Second))
	defer cancel()
	return db.told(db.ping(ctx))
}

// Read runs fn on one consistent snapshot.
func (db *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	return db.told(db.read(ctx, func(tx *Tx) error { return fn(&Tx{Querier: counted{tx.Querier, &db.statements}}) }))
}

// Write runs fn in a transaction and returns after its commit is durable. An
// error from fn, or a panic in it, leaves nothing behind. fn may run on another
// goroutine, but never after Write has returned; it must not wait for anything
// but its own statements, because other writes wait for it.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	var after []func()
	err := db.write(ctx, func(tx *Tx) error {
		after = after[:0]
		ours := &Tx{Querier: counted{tx.Querier, &db.statements}, after: &after, batch: tx.batch, reads: tx.reads, end: tx.end, counts: &db.statements}
		if err := fn(ours); err != nil {
			return err
		}
		return ours.finish(ctx)
	})
	if err != nil {
		return db.told(err)
	}
	for _, fn := range after {
		fn()
	}
	return nil
}

// Exec runs one writing statement as a transaction of its own.
func (db *DB) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	db.statements.Add(1)
	n, err := db.backend.Exec(ctx, query, args...)
	return n, db.told(err)
}

// Share is Exec for a statement that waits for no row that others hold, such as an insert
// under a key that nobody else draws: on PostgreSQL it shares a commit with others of
// its kind, which would wait with it.
func (db *DB) Share(ctx context.Context, query string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	db.statements.Add(1)
	n, err := db.share(ctx, query, args...)
	return n, db.told(err)
}

// Query runs one reading statement.
func (db *DB) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	db.statements.Add(1)
	return db.told(db.backend.Query(ctx, scan, query, args...))
}

// QueryRow runs one reading statement that gives at most one row.
func (db *DB) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	db.statements.Add(1)
	return db.told(db.backend.QueryRow(ctx, dest, query, args...))
}

// Next returns the next number of the named sequence, starting at 1. The
// sequence is made on first use. It holds the sequence until the transaction
// ends, so numbers have no holes.
func (tx *Tx) Next(ctx context.Context, sequence string) (int64, error) {
	var n int64
	err := tx.QueryRow(ctx, []any{&n}, `INSERT INTO sequences (name, value) VALUES ($1, 1)
		ON CONFLICT (name) DO UPDATE SET value = sequences.value + 1 RETURNING value`, sequence)
	return n, err
}

// SharedKey returns the 32 random bytes of that name, which all processes on this
// database share; the first one that asks makes them.
func (db *DB) SharedKey(ctx context.Context, name string) ([]byte, error) {
	const read = `SELECT value FROM shared_keys WHERE name = $1`
	var key []byte
	err := db.QueryRow(ctx, []any{&key}, read, name)
	if !errors.Is(err, ErrNoRow) {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if _, err := db.Exec(ctx, `INSERT INTO shared_keys (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, key); err != nil {
		return nil, err
	}
	return key, db.QueryRow(ctx, []any{&key}, read, name)
}

// Millis turns a time into the form that columns hold: milliseconds since 1970
// in UTC. The zero time becomes NULL.
func Millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Time scans a millisecond column into *t; NULL becomes the zero time.
func Time(t *time.Time) sql.Scanner { return timeScanner{t} }

type timeScanner struct{ t *time.Time }

func (s timeScanner) Scan(src any) error {
	n := sql.Null[int64]{Valid: src != nil}
	var number bool
	if n.V, number = src.(int64); n.Valid && !number { // not as a database's driver gives it
		if err := n.Scan(src); err != nil {
			return err
		}
	}
	*s.t = time.Time{}
	if n.Valid {
		*s.t = time.UnixMilli(n.V).UTC()
	}
	return nil
}

// Contains returns a LIKE pattern that finds text anywhere in a lower-cased
// column. Use it with ESCAPE '!'.
func Contains(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(text)) + "%"
}

// queryRows runs a query by the given function and walks through its rows.
func queryRows(rows *sql.Rows, err error, scan func(Row) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func closed() error { return fault.New(fault.Unavailable, "The server is stopping.") }
