package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sluicehq/sluice/internal/fault"
)

// classify turns a driver's error into a fault: trouble that may pass is
// Unavailable, a broken uniqueness is Conflict. What is a fault already, or a
// missing row, stays as it is; the rest is a defect and stays unclassified.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.Is(err, sql.ErrNoRows) || errors.As(err, &known) {
		return err
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return classifySQLite(lite.Code(), err)
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return classifyPostgres(pg.Code, err)
	}
	if unreachable(err) {
		return unavailable(err)
	}
	return err
}

func unavailable(err error) error {
	return fault.Wrap(fault.Unavailable, err, "The database does not answer now. Try again in a moment.")
}

func conflict(err error) error {
	return fault.Wrap(fault.Conflict, err, "That exists already.")
}

func classifySQLite(code int, err error) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return conflict(err)
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_ABORT:
		return unavailable(err)
	}
	return err
}

// classifyPostgres goes by the SQLSTATE's class: 08 connection, 25 read-only
// standby, 28 we are not let in, 3D the database is gone, 40 rollback, 53
// resources, 55 lock, 57 operator, 58 system, XX broken.
func classifyPostgres(state string, err error) error {
	switch state {
	case "23505":
		return conflict(err)
	case "22021": // bytes that are no UTF-8, or NUL: SQLite takes them, and finds nothing by them
		return fault.Wrap(fault.Invalid, err, "The request has characters that no text can have.")
	}
	if len(state) == 5 && strings.Contains("08 25 28 3D 40 53 55 57 58 XX", state[:2]) {
		return unavailable(err)
	}
	return err
}

// unreachable reports whether err says that no answer came at all.
func unreachable(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err)
}
