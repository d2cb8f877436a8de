package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"

	"modernc.org/sqlite"
)

// liteConn is one connection to a file, with the statements it has prepared. One
// goroutine has it at a time, so that it needs none of the locks of database/sql, which
// cost more than what is read.
type liteConn struct {
	conn       driver.Conn
	statements map[string]driver.Stmt
}

// openLite opens a connection.
func openLite(dsn string) (*liteConn, error) {
	conn, err := (&sqlite.Driver{}).Open(dsn)
	if err != nil {
		return nil, err
	}
	return &liteConn{conn: conn, statements: map[string]driver.Stmt{}}, nil
}

func (r *liteConn) close() error { return errors.Join(r.forget(), r.conn.Close()) }

// forget closes the statements.
func (r *liteConn) forget() error {
	var errs []error
	for _, s := range r.statements {
		errs = append(errs, s.Close())
	}
	clear(r.statements)
	return errors.Join(errs...)
}

// maxStatements bounds how many statements a connection keeps: lists with many filters have
// as many texts as there are combinations of them.
const maxStatements = 1000

// trim forgets the statements when they are too many. Nothing may be under way.
func (r *liteConn) trim() error {
	if len(r.statements) <= maxStatements {
		return nil
	}
	return r.forget()
}

// prepared returns a statement and its arguments as the driver takes them.
func (r *liteConn) prepared(query string, args []any) (driver.Stmt, []driver.NamedValue, error) {
	s := r.statements[query]
	if s == nil {
		var err error
		if s, err = r.conn.Prepare(query); err != nil {
			return nil, nil, err
		}
		r.statements[query] = s
	}
	values := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		v, err := argument(i, arg)
		if err != nil {
			return nil, nil, err
		}
		values[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	return s, values, nil
}

// rows begins a query.
func (r *liteConn) rows(ctx context.Context, query string, args []any) (driver.Rows, error) {
	s, values, err := r.prepared(query, args)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtQueryContext).QueryContext(ctx, values)
}

// argument is one as drivers know it; i counts from 0.
func argument(i int, arg any) (driver.Value, error) {
	v, err := driver.DefaultParameterConverter.ConvertValue(arg)
	if err != nil {
		return nil, fmt.Errorf("argument $%d: %w", i+1, err)
	}
	return v, nil
}

// Query implements Querier.
func (r *liteConn) Query(ctx context.Context, scan func(Row) error, query string, args ...any) error {
	rows, err := r.rows(ctx, query, args)
	if err != nil {
		return err
	}
	row := make(liteRow, len(rows.Columns()))
	for {
		err := rows.Next(row)
		if errors.Is(err, io.EOF) {
			return rows.Close()
		}
		if err == nil {
			err = scan(row)
		}
		if err != nil {
			return errors.Join(err, rows.Close())
		}
	}
}

// QueryRow implements Querier.
func (r *liteConn) QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	rows, err := r.rows(ctx, query, args)
	if err != nil {
		return err
	}
	row := make(liteRow, len(rows.Columns()))
	err = rows.Next(row)
	if errors.Is(err, io.EOF) {
		err = sql.ErrNoRows
	}
	if err == nil {
		err = row.Scan(dest...)
	}
	if closing := rows.Close(); err == nil {
		err = closing
	}
	return err
}

// Exec implements Querier.
func (r *liteConn) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	s, values, err := r.prepared(query, args)
	if err != nil {
		return 0, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(ctx, values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// liteRow is one row as the driver gives it: int64, float64, string, []byte or nil.
type liteRow []driver.Value

// Scan implements Row for the types that the rooms keep things in.
func (r liteRow) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("scanning %d columns into %d variables", len(r), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, r[i]); err != nil {
			return fmt.Errorf("scanning column %d: %w", i+1, err)
		}
	}
	return nil
}

// assign puts a column into a variable as database/sql does.
func assign(dest any, src driver.Value) error {
	switch d := dest.(type) {
	case *sql.Null[int64]:
		n, number := driverInt(src)
		if src != nil && !number {
			return d.Scan(src)
		}
		*d = sql.Null[int64]{V: n, Valid: number}
		return nil
	case sql.Scanner:
		return d.Scan(src)
	case *string:
		return assignTo(d, src, textOf)
	case *int64:
		return assignTo(d, src, driverInt)
	case *int:
		return assignTo(d, src, func(v driver.Value) (int, bool) { n, ok := driverInt(v); return int(n), ok })
	case *bool:
		return assignTo(d, src, func(v driver.Value) (bool, bool) { n, ok := driverInt(v); return n == 1, ok && (n == 0 || n == 1) })
	case *[]byte:
		*d = nil
		if src == nil {
			return nil
		}
		return assignTo(d, src, bytesOf)
	case **string:
		return assignPointer(d, src, textOf)
	case **int64:
		return assignPointer(d, src, driverInt)
	}
	return assignNamed(dest, src)
}

// assignNamed is assign for types that a room has made of numbers and text.
func assignNamed(dest any, src driver.Value) error {
	v := reflect.ValueOf(dest)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
		if n, ok := driverInt(src); ok && v.CanInt() && !v.OverflowInt(n) {
			v.SetInt(n)
			return nil
		}
		if text, ok := textOf(src); ok && v.Kind() == reflect.String {
			v.SetString(text)
			return nil
		}
	}
	return fmt.Errorf("a column of type %T does not fit into %T", src, dest)
}

func assignTo[T any](dest *T, src driver.Value, as func(driver.Value) (T, bool)) error {
	v, ok := as(src)
	if !ok {
		return fmt.Errorf("a column of type %T does not fit into %T", src, dest)
	}
	*dest = v
	return nil
}

// assignPointer is assignTo for what may be NULL.
func assignPointer[T any](dest **T, src driver.Value, as func(driver.Value) (T, bool)) error {
	*dest = nil
	if src == nil {
		return nil
	}
	*dest = new(T)
	return assignTo(*dest, src, as)
}

func textOf(v driver.Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	}
	return "", false
}

func bytesOf(v driver.Value) ([]byte, bool) {
	switch v := v.(type) {
	case string:
		return []byte(v), true
	case []byte:
		return v, true // the driver has copied it
	}
	return nil, false
}

func driverInt(v driver.Value) (int64, bool) {
	n, ok := v.(int64)
	return n, ok
}
