package store

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
)

// How long a listener waits before it connects again, at first and at most, how long a
// step of connecting may take, and after how much silence it asks whether the connection
// still stands.
const (
	listenPause    = 100 * time.Millisecond
	listenMost     = 15 * time.Second
	listenTimeout  = 5 * time.Second
	listenInterval = 30 * time.Second
)

// Tell sends a text to all processes that listen on a channel. It may be lost, so that
// what hangs on it must be looked for as well now and then. On SQLite, which serves one
// process, it does nothing. channel is a word of the program's, text has less than 8000
// bytes.
func (db *DB) Tell(ctx context.Context, channel, text string) error {
	if db.name() != "postgres" {
		return nil
	}
	_, err := db.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, text)
	return err
}

// Listen calls heard for each text that is told on a channel, by this process too, until
// ctx ends; and with an empty text whenever it has begun to listen, because what was told
// before was lost. On PostgreSQL it holds a connection of its own, and connects again when
// that breaks; on SQLite it only waits. heard must be quick.
func (db *DB) Listen(ctx context.Context, channel string, heard func(text string)) {
	pg, ok := db.backend.(*postgresDB)
	if !ok {
		<-ctx.Done()
		return
	}
	l := &listener{conf: pg.conf, log: pg.log, channel: channel, heard: heard}
	for pause := listenPause; ctx.Err() == nil; pause = min(2*pause, listenMost) {
		if l.listen(ctx) {
			pause = listenPause
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

type listener struct {
	conf    *pgx.ConnConfig
	log     *slog.Logger
	channel string
	heard   func(string)
}

// listen connects and listens until the connection breaks or ctx ends. It reports whether
// it came to listen.
func (l *listener) listen(ctx context.Context) bool {
	conn, err := l.connect(ctx)
	if err != nil {
		l.told(ctx, err)
		return false
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // it is of no use any more
	}()
	l.heard("")
	for ctx.Err() == nil {
		if err := l.next(ctx, conn); err != nil {
			l.told(ctx, err)
			break
		}
	}
	return true
}

func (l *listener) connect(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, l.conf.Copy())
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{l.channel}.Sanitize()); err != nil {
		return nil, also(err, conn.Close(ctx))
	}
	return conn, nil
}

// next waits for what is told next, or asks after a long silence whether the connection
// still stands.
func (l *listener) next(ctx context.Context, conn *pgx.Conn) error {
	waiting, cancel := context.WithTimeout(ctx, listenInterval)
	defer cancel()
	n, err := conn.WaitForNotification(waiting)
	if err == nil {
		l.heard(n.Payload)
		return nil
	}
	if waiting.Err() == nil || ctx.Err() != nil || conn.IsClosed() {
		return err
	}
	asking, done := context.WithTimeout(ctx, listenTimeout)
	defer done()
	return conn.Ping(asking)
}

// told logs why nobody listens for a while; the server's own end is no reason.
func (l *listener) told(ctx context.Context, err error) {
	if ctx.Err() == nil {
		l.log.WarnContext(ctx, "listening for news of other processes", "channel", l.channel, "error", err)
	}
}
