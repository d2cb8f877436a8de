package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// idleCheck is how long a gatherer's connection may rest before it is asked whether it
// still stands.
const idleCheck = time.Second

// gatherer sends the single statements of many callers to PostgreSQL together: those
// that wait while one batch is under way are the next. A batch is one implicit
// transaction, so that its writes share a commit. When one of its statements fails
// nothing of it was kept, and each is sent anew by itself: a statement that fails does
// not fail its neighbours.
type gatherer struct {
	conf    *pgx.ConnConfig
	timeout time.Duration
	broken  *atomic.Int64 // connections that were lost: when one was, others may be
	reads   bool          // its statements change nothing, so that they may be sent twice
	jobs    chan *asked
	quit    chan struct{}
	once    sync.Once
	workers sync.WaitGroup
}

// asked is one statement. What comes back belongs to the worker until ended is closed,
// and to the caller afterwards.
type asked struct {
	query string
	args  []any
	row   liteRow // the first row of the answer; nil: there is none
	n     int64   // rows that were changed
	err   error
	ended chan struct{}
}

func (db *postgresDB) gatherer(conf *pgx.ConnConfig, workers int, reads bool) *gatherer {
	g := &gatherer{conf: conf, timeout: db.timeout, broken: &db.broken, reads: reads, jobs: make(chan *asked, batch), quit: make(chan struct{})}
	for range workers {
		g.workers.Go(func() { (&gathering{gatherer: g}).loop() })
	}
	return g
}

// stop refuses new statements and waits for those that are under way.
func (g *gatherer) stop() {
	g.once.Do(func() { close(g.quit) })
	g.workers.Wait()
}

// do sends a statement and waits for its outcome, or until ctx ends: then nobody knows
// whether it was done, as with a lost connection.
func (g *gatherer) do(ctx context.Context, query string, args []any) (*asked, error) {
	j := &asked{query: query, args: make([]any, len(args)), ended: make(chan struct{})}
	for i, arg := range args { // what cannot be sent must not come into a batch
		v, err := argument(i, arg)
		if err != nil {
			return nil, err
		}
		j.args[i] = v
	}
	select {
	case <-g.quit:
		return nil, closed()
	default:
	}
	select {
	case g.jobs <- j:
	case <-g.quit:
		return nil, closed()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-j.ended:
		return j, j.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// gathering is one worker with its connection.
type gathering struct {
	*gatherer
	conn *pgx.Conn
	used time.Time
	seen int64 // of broken, when the connection stood
}

func (w *gathering) loop() {
	defer w.drop()
	for {
		select {
		case j := <-w.jobs:
			w.work(w.gather(j))
		case <-w.quit:
			for {
				select {
				case j := <-w.jobs:
					w.work(w.gather(j))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits behind first, up to a batch.
func (w *gathering) gather(first *asked) []*asked {
	jobs := []*asked{first}
	for len(jobs) < batch {
		select {
		case j := <-w.jobs:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// work sends the statements together, or one by one when that fails because of one of
// them, and tells each caller.
func (w *gathering) work(jobs []*asked) {
	err := w.send(jobs)
	if err != nil && w.reads && !refused(err) {
		err = w.send(jobs) // the connection was gone
	}
	if refused(err) && len(jobs) > 1 {
		for _, j := range jobs {
			j.err = w.send([]*asked{j})
			close(j.ended)
		}
		return
	}
	for _, j := range jobs {
		j.err = err
		close(j.ended)
	}
}

// refused reports whether the server has told that a statement failed, so that nothing
// of its batch was kept. What ends the connection as well tells nothing of the batch.
func refused(err error) bool {
	var told *pgconn.PgError
	return errors.As(err, &told) && told.Severity == "ERROR"
}

// send runs the statements as one batch, one implicit transaction. Only when there is no
// error do its answers count.
func (w *gathering) send(jobs []*asked) error {
	ctx, cancel := context.WithTimeout(context.Background(), w.timeout)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return err
	}
	b := &pgx.Batch{}
	for _, j := range jobs {
		b.Queue(j.query, j.args...)
	}
	results := w.conn.SendBatch(ctx, b)
	var err error
	for _, j := range jobs {
		if err == nil {
			err = j.read(results)
		}
	}
	if ended := results.Close(); err == nil {
		err = ended // the commit
	}
	w.used = time.Now()
	if w.conn.IsClosed() || (err != nil && !refused(err)) {
		w.broken.Add(1)
		w.drop()
	}
	return err
}

// read takes the answer to one statement.
func (j *asked) read(results pgx.BatchResults) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	j.row = nil
	if rows.Next() {
		if j.row, err = pgRow(rows); err != nil {
			return err
		}
	}
	rows.Close()
	j.n = rows.CommandTag().RowsAffected()
	return rows.Err()
}

// connect opens the connection when there is none, or when it may be gone and is.
func (w *gathering) connect(ctx context.Context) (err error) {
	broken := w.broken.Load()
	if w.conn != nil && (time.Since(w.used) > idleCheck || w.seen != broken) && w.conn.Ping(ctx) != nil {
		w.drop()
	}
	w.seen = broken
	if w.conn == nil {
		w.conn, err = pgx.ConnectConfig(ctx, w.conf.Copy())
	}
	return err
}

func (w *gathering) drop() {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = w.conn.Close(ctx) // it is of no use any more
	w.conn = nil
}

// scan puts the answer's first row into dest.
func (j *asked) scan(dest []any) error {
	if j.row == nil {
		return sql.ErrNoRows
	}
	return j.row.Scan(dest...)
}
