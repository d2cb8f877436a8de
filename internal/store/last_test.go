package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// A statement that must change one row ends its transaction when it does not, whether it
// travels with the commit, before another statement or in a batch; when it does, it counts.
func TestARowThatMustBeChanged(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if err := insert(t.Context(), db, "there"); err != nil {
		t.Fatal(err)
	}
	raise := func(name string) store.Statement {
		return store.Statement{Query: `UPDATE sequences SET value = value + 1 WHERE name = $1`, Args: []any{name}, One: true}
	}
	plain := store.Statement{Query: `INSERT INTO sequences (name, value) VALUES ($1, 1)`, Args: []any{"beside"}}
	for name, way := range map[string]func(tx *store.Tx, s store.Statement) error{
		"with the commit": func(tx *store.Tx, s store.Statement) error {
			return errors.Join(tx.Later(t.Context(), plain, nil), tx.Later(t.Context(), s, nil))
		},
		"before another": func(tx *store.Tx, s store.Statement) error {
			if err := tx.Later(t.Context(), s, nil); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), plain.Query, plain.Args...)
			return err
		},
		"in a batch": func(tx *store.Tx, s store.Statement) error {
			_, err := tx.Batch(t.Context(), []store.Statement{plain, s})
			return err
		},
	} {
		value := 0
		err := db.Write(t.Context(), func(tx *store.Tx) error { return way(tx, raise("gone")) })
		if !errors.Is(err, store.ErrMissed) || count(t, db) != 1 {
			t.Errorf("%s, the row is gone: %v, %d rows", name, err, count(t, db))
		}
		err = db.Write(t.Context(), func(tx *store.Tx) error { return way(tx, raise("there")) })
		if err != nil || count(t, db) != 2 {
			t.Errorf("%s, the row is there: %v, %d rows", name, err, count(t, db))
		}
		if _, err := db.Exec(t.Context(), `DELETE FROM sequences WHERE name = 'beside'`); err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(t.Context(), []any{&value}, `SELECT value FROM sequences WHERE name = 'there'`); err != nil || value < 2 {
			t.Errorf("%s: %v, %d", name, err, value)
		}
	}
}

// PostgreSQL gives a transaction up when one of its statements fails. Who goes on as if
// nothing had happened is told at the commit.
func TestAFailureThatWasPassedOver(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if db.Name() != "postgres" {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		_ = insert(t.Context(), tx, "twice")
		_ = insert(t.Context(), tx, "twice") // fails
		return nil
	})
	if err == nil || count(t, db) != 0 {
		t.Errorf("%v, %d rows", err, count(t, db))
	}
	if err := db.Write(t.Context(), func(tx *store.Tx) error { return insert(t.Context(), tx, "once") }); err != nil || count(t, db) != 1 {
		t.Errorf("the next one: %v, %d rows", err, count(t, db))
	}
}

type own struct{}

func (*own) Error() string { return "ours" }

// Rooms tell their own errors by what they are, not by what they wrap.
func TestWriteReturnsTheErrorItself(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	boom := &own{}
	for name, before := range map[string]bool{"with a statement before": true, "without": false} {
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			if before {
				if err := insert(t.Context(), tx, "a"); err != nil {
					return err
				}
			}
			return boom
		})
		if fmt.Sprintf("%T", err) != fmt.Sprintf("%T", boom) {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

// Reads that travel together each give their own rows, in their order.
func TestReadsTogether(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for _, name := range []string{"a", "b"} {
		if err := insert(t.Context(), db, name); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	scan := func(row store.Row) error {
		var name string
		err := row.Scan(&name)
		seen = append(seen, name)
		return err
	}
	const one, all = `SELECT name FROM sequences WHERE name = $1`, `SELECT name FROM sequences ORDER BY name`
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.Later(t.Context(), store.Statement{Query: `INSERT INTO sequences (name, value) VALUES ($1, 1)`, Args: []any{"c"}}, nil); err != nil {
			return err
		}
		return tx.Reads(t.Context(), []store.Read{{Query: one, Args: []any{"b"}, Scan: scan}, {Query: one, Args: []any{"none"}, Scan: scan}, {Query: all, Scan: scan}})
	})
	if err != nil || !slices.Equal(seen, []string{"b", "a", "b", "c"}) {
		t.Errorf("%v, %v", seen, err)
	}
	boom := errors.New("boom")
	err = db.Write(t.Context(), func(tx *store.Tx) error {
		if err := insert(t.Context(), tx, "d"); err != nil {
			return err
		}
		return tx.Reads(t.Context(), []store.Read{{Query: all, Scan: func(store.Row) error { return boom }}, {Query: all, Scan: scan}})
	})
	if !errors.Is(err, boom) || count(t, db) != 3 {
		t.Errorf("%v, %d rows", err, count(t, db))
	}
}
