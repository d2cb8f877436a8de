package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// batch is the most writes that share one commit.
const batch = 64

// queue runs writes on one connection, those that wait together in one
// transaction.
type queue struct {
	jobs    chan *job
	quit    chan struct{} // closed by stop
	done    chan struct{} // closed when the last accepted write has ended
	once    sync.Once
	dsn     string
	conn    *liteConn // nil: not opened
	inPlace func() error
}

// job is one write. Its state says who owns it: the caller may take it back
// only while it waits.
type job struct {
	fn       func(*Tx) error
	alone    func() error // when set, runs outside a transaction instead of fn
	single   bool         // fn is one statement, which keeps all or nothing by itself
	state    atomic.Int32
	err      error
	panicked any
	ended    chan struct{}
}

const (
	waiting int32 = iota
	running
	abandoned
)

func startQueue(dsn string, inPlace func() error) *queue {
	q := &queue{
		jobs: make(chan *job, batch), quit: make(chan struct{}), done: make(chan struct{}),
		dsn: dsn, inPlace: inPlace,
	}
	go q.loop()
	return q
}

// stop refuses new writes, finishes the accepted ones and waits for them.
func (q *queue) stop() {
	q.once.Do(func() { close(q.quit) })
	<-q.done
}

func (q *queue) run(ctx context.Context, fn func(*Tx) error) error {
	return q.submit(ctx, &job{fn: fn, ended: make(chan struct{})})
}

// exclusive runs fn while no write does and without the writing connection
// being open, so that fn may use one of its own.
func (q *queue) exclusive(ctx context.Context, fn func() error) error {
	return q.submit(ctx, &job{alone: fn, ended: make(chan struct{})})
}

func (q *queue) submit(ctx context.Context, j *job) error {
	select {
	case <-q.quit:
		return closed()
	default:
	}
	select {
	case q.jobs <- j:
	case <-q.quit:
		return closed()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-j.ended:
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		<-j.ended // it runs already: its outcome is the truth
	case <-q.done:
		if j.state.CompareAndSwap(waiting, abandoned) {
			return closed()
		}
		<-j.ended
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

func (q *queue) loop() {
	defer close(q.done)
	defer q.release()
	for {
		select {
		case j := <-q.jobs:
			q.work(q.gather(j))
		case <-q.quit:
			for {
				select {
				case j := <-q.jobs:
					q.work(q.gather(j))
				default:
					return
				}
			}
		}
	}
}

// gather takes what waits behind first, up to a batch.
func (q *queue) gather(first *job) []*job {
	jobs := []*job{first}
	for len(jobs) < batch {
		select {
		case j := <-q.jobs:
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// work runs the jobs that nobody took back and tells each caller its outcome.
func (q *queue) work(jobs []*job) {
	var group []*job
	for _, j := range jobs {
		switch {
		case !j.state.CompareAndSwap(waiting, running):
		case j.alone != nil:
			q.release()
			j.err = j.alone()
			close(j.ended)
		default:
			group = append(group, j)
		}
	}
	if len(group) == 0 {
		return
	}
	if err := q.commit(group); err != nil {
		for _, j := range group {
			if j.err == nil {
				j.err = err
			}
		}
		q.release() // the transaction's state is unknown: begin anew
	}
	for _, j := range group {
		close(j.ended)
	}
}

// commit runs the group in one transaction. The error is of the whole group:
// nothing of it was kept.
func (q *queue) commit(group []*job) error {
	// Statements of a group are never interrupted by one caller's deadline:
	// SQLite would roll back the whole transaction.
	ctx := context.Background()
	if err := q.inPlace(); err != nil {
		return err
	}
	if err := q.connect(); err != nil {
		return err
	}
	if err := q.conn.trim(); err != nil {
		return err
	}
	tx := &Tx{Querier: queueTx{q.conn}}
	if _, err := tx.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, j := range group {
		if err := q.step(ctx, tx, j); err != nil {
			rollback(ctx, tx)
			return err
		}
	}
	if _, err := tx.Exec(ctx, "COMMIT"); err != nil {
		rollback(ctx, tx)
		return err
	}
	return nil
}

func rollback(ctx context.Context, tx *Tx) {
	_, _ = tx.Exec(ctx, "ROLLBACK") // fails when SQLite has rolled back by itself, which is as good
}

// step runs one job, in a savepoint if it needs one.
func (q *queue) step(ctx context.Context, tx *Tx, j *job) error {
	if j.single {
		if j.err = j.call(tx); endsTransaction(j.err) {
			return j.err
		}
		return nil
	}
	if _, err := tx.Exec(ctx, "SAVEPOINT job"); err != nil {
		return err
	}
	if j.err = j.call(tx); j.err != nil {
		if _, err := tx.Exec(ctx, "ROLLBACK TO job"); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "RELEASE job")
	return err
}

// endsTransaction reports whether SQLite may have given up more than the statement
// that failed. It has not when a constraint was broken, or when it was never reached.
func endsTransaction(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff != sqlite3.SQLITE_CONSTRAINT
}

// call runs the job's function and keeps its panic for the caller's goroutine.
func (j *job) call(tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			j.panicked, err = p, fmt.Errorf("panic: %v", p)
		}
	}()
	return j.fn(tx)
}

func (q *queue) connect() error {
	if q.conn != nil {
		return nil
	}
	conn, err := openLite(q.dsn)
	if err != nil {
		return fmt.Errorf("opening the writing connection: %w", err)
	}
	q.conn = conn
	return nil
}

// release closes the connection.
func (q *queue) release() {
	if q.conn != nil {
		_ = q.conn.close() // what it has committed is kept
		q.conn = nil
	}
}

// queueTx runs statements on the writing connection. Only the queue's goroutine uses it.
// None is interrupted by its caller's deadline.
type queueTx struct{ conn *liteConn }

func (t queueTx) Exec(_ context.Context, query string, args ...any) (int64, error) {
	return t.conn.Exec(context.Background(), query, args...)
}

func (t queueTx) Query(_ context.Context, scan func(Row) error, query string, args ...any) error {
	return t.conn.Query(context.Background(), scan, query, args...)
}

func (t queueTx) QueryRow(_ context.Context, dest []any, query string, args ...any) error {
	return t.conn.QueryRow(context.Background(), dest, query, args...)
}
