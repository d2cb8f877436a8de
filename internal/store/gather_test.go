package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

func share(db *store.DB, name string) error {
	_, err := db.Share(context.Background(), `INSERT INTO sequences (name, value) VALUES ($1, 1)`, name)
	return err
}

// Statements that share a commit, and reads that are sent together, do not share their
// failures.
func TestSharedStatementsFailAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if err := share(db, "taken"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 500)
	for i := range errs {
		wg.Go(func() {
			var n int
			ctx := context.Background()
			switch i % 5 {
			case 0:
				errs[i] = share(db, fmt.Sprint(i))
			case 1:
				errs[i] = share(db, "taken")
			case 2:
				_, errs[i] = db.Share(ctx, `INSERT INTO sequences (name, value) VALUES ($1, $2)`, "odd", struct{}{})
			case 3:
				if errs[i] = db.QueryRow(ctx, []any{&n}, `SELECT value FROM sequences WHERE name = $1`, "taken"); n != 1 {
					t.Errorf("read %d: %d", i, n)
				}
			case 4:
				errs[i] = db.QueryRow(ctx, []any{&n}, `SELECT CAST(name AS BIGINT) / 0 + nothing FROM sequences`)
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if (err == nil) != (i%5 == 0 || i%5 == 3) || (i%5 == 1 && !fault.Is(err, fault.Conflict)) || fault.Is(err, fault.Unavailable) {
			t.Errorf("statement %d: %v", i, err)
		}
	}
	if n := count(t, db); n != 101 {
		t.Errorf("%d rows, want 101", n)
	}
}

// Those that wait while a batch is under way share the next commit; when one of them
// fails, each has one of its own.
func TestWaitingStatementsShareACommit(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t)
	if cfg.URL == "" {
		t.Skip("needs PostgreSQL: SLUICE_TEST_POSTGRES")
	}
	cfg.Connections = 4
	db, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		doubled bool
		commits int
	}{"good": {false, 1}, "doubled": {true, 10}} {
		release := hold(t, cfg.URL, name)
		var wg sync.WaitGroup
		wg.Go(func() { _ = share(db, name) }) // waits for the row that is held
		awaitLock(t, db)
		failed := make([]error, 10)
		for i := range failed {
			wg.Go(func() {
				key := fmt.Sprint(name, i)
				if c.doubled && i == 9 {
					key = name + "0"
				}
				failed[i] = share(db, key)
			})
		}
		for store.SharesWaiting(db) < 10 {
			time.Sleep(time.Millisecond)
		}
		release()
		wg.Wait()
		bad := 0
		for _, err := range failed {
			if err != nil {
				bad++
			}
		}
		var rows, commits int
		err := db.QueryRow(t.Context(), []any{&rows, &commits}, `SELECT COUNT(*), COUNT(DISTINCT CAST(xmin AS TEXT)) FROM sequences WHERE name LIKE $1 AND name <> $2`, name+"%", name)
		want := c.commits - bad
		if err != nil || rows+bad != 10 || commits != want || (bad > 0) != c.doubled || bad > 1 {
			t.Errorf("%s: %d rows by %d commits, %d failed, %v", name, rows, commits, bad, err)
		}
	}
}

// hold keeps a row of that name from being written until it is released.
func hold(t *testing.T, url, name string) (release func()) {
	t.Helper()
	other, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := other.BeginTx(context.Background(), nil)
	if err == nil {
		_, err = tx.ExecContext(context.Background(), `INSERT INTO sequences (name, value) VALUES ($1, 1)`, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), other.Close()); err != nil {
			t.Error(err)
		}
	}
}

// awaitLock waits until a statement waits for the row that is held.
func awaitLock(t *testing.T, db *store.DB) {
	t.Helper()
	for n := 0; n == 0; {
		if err := db.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`); err != nil {
			t.Fatal(err)
		}
	}
}

// Text that is none is nothing that a database could have failed by.
func TestBrokenText(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	n := 0
	err := db.QueryRow(t.Context(), []any{&n}, `SELECT 1 FROM users WHERE email = $1`, "a\xff")
	if !errors.Is(err, store.ErrNoRow) && !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
