package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

func count(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM sequences`); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(ctx context.Context, q store.Querier, name string) error {
	_, err := q.Exec(ctx, `INSERT INTO sequences (name, value) VALUES ($1, 1)`, name)
	return err
}

func TestWriteKeepsAllOrNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		if err := insert(t.Context(), tx, "a"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || count(t, db) != 0 {
		t.Fatalf("error %v, %d rows; want boom and none", err, count(t, db))
	}
	if err := insert(t.Context(), db, "a"); err != nil || count(t, db) != 1 {
		t.Fatalf("error %v, %d rows; want one", err, count(t, db))
	}
}

// What is called after a commit sees what was written; without one it is not called.
func TestAfterCommit(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	boom := errors.New("boom")
	for _, fails := range []error{nil, boom} {
		seen := -1
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			tx.AfterCommit(func() { seen = count(t, db) })
			if err := insert(t.Context(), tx, "a"); err != nil && fails == nil {
				return err
			}
			if seen != -1 {
				t.Error("called before the commit")
			}
			return fails
		})
		if want := map[bool]int{true: 1, false: -1}[fails == nil]; (err == nil) != (fails == nil) || seen != want {
			t.Errorf("failing by %v: %v, seen %d rows, want %d", fails, err, seen, want)
		}
		if _, err := db.Exec(t.Context(), `DELETE FROM sequences`); err != nil {
			t.Fatal(err)
		}
	}
}

// Statements that travel together are told apart, and leave nothing when one fails.
// Statements that may wait are seen by the next one, and undone with their transaction:
// by their own failure, by the check of one of them, by the failure of what follows.
func TestLater(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	boom := errors.New("boom")
	add := func(tx *store.Tx, name string, check func(int64) error) error {
		return tx.Later(t.Context(), store.Statement{Query: `INSERT INTO sequences (name, value) SELECT CAST($1 AS TEXT), 1 WHERE CAST($1 AS TEXT) <> ''`, Args: []any{name}}, check)
	}
	var rows []int64
	note := func(n int64) error { rows = append(rows, n); return nil }
	err := db.Write(t.Context(), func(tx *store.Tx) error {
		if err := errors.Join(add(tx, "a", note), add(tx, "", note)); err != nil {
			return err
		}
		n := 0
		if err := tx.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM sequences`); err != nil || n != 1 {
			return fmt.Errorf("%d rows were seen: %w", n, err)
		}
		return add(tx, "b", note)
	})
	if err != nil || !slices.Equal(rows, []int64{1, 0, 1}) || count(t, db) != 2 {
		t.Errorf("%v, rows %v, %d in all", err, rows, count(t, db))
	}
	for name, fn := range map[string]func(tx *store.Tx) error{
		"its check": func(tx *store.Tx) error {
			return errors.Join(add(tx, "c", nil), add(tx, "d", func(int64) error { return boom }), add(tx, "e", nil))
		},
		"what follows": func(tx *store.Tx) error { return errors.Join(add(tx, "c", nil), boom) },
	} {
		if err := db.Write(t.Context(), fn); !errors.Is(err, boom) || count(t, db) != 2 {
			t.Errorf("%s: %v, %d rows", name, err, count(t, db))
		}
	}
	err = db.Write(t.Context(), func(tx *store.Tx) error { return errors.Join(add(tx, "c", nil), add(tx, "a", nil)) })
	if !fault.Is(err, fault.Conflict) || count(t, db) != 2 {
		t.Errorf("a key that is taken: %v, %d rows", err, count(t, db))
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	all := []store.Statement{
		{Query: `INSERT INTO sequences (name, value) VALUES ($1, $2), ($3, $2)`, Args: []any{"a", 1, "b"}},
		{Query: `UPDATE sequences SET value = value + 1 WHERE name = $1`, Args: []any{"a"}},
		{Query: `UPDATE sequences SET value = value + 1 WHERE name = $1`, Args: []any{"none"}},
	}
	var changed []int64
	before := db.Statements()
	batch := func(tx *store.Tx) (err error) {
		changed, err = tx.Batch(t.Context(), all)
		return err
	}
	if err := db.Write(t.Context(), batch); err != nil || !slices.Equal(changed, []int64{2, 1, 0}) || db.Statements() != before+3 {
		t.Errorf("changed %v rows by %d statements: %v", changed, db.Statements()-before, err)
	}
	all[0].Args = []any{"c", 1, "a"} // which is there
	if err := db.Write(t.Context(), batch); !fault.Is(err, fault.Conflict) {
		t.Errorf("a name that is taken: %v", err)
	}
	if n := count(t, db); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

// Writes that share a commit must not share their failures.
func TestConcurrentWritesFailAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	var wg sync.WaitGroup
	errs := make([]error, 200)
	for i := range errs {
		wg.Go(func() {
			errs[i] = db.Write(context.Background(), func(tx *store.Tx) error {
				if err := insert(context.Background(), tx, fmt.Sprint(i)); err != nil {
					return err
				}
				if i%2 == 1 {
					return errors.New("odd")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if (err != nil) != (i%2 == 1) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if n := count(t, db); n != 100 {
		t.Errorf("%d rows, want 100", n)
	}
}

// Single statements share a commit without a savepoint: one that breaks a constraint,
// or that SQLite never sees, fails alone.
func TestConcurrentStatementsFailAlone(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if err := insert(t.Context(), db, "taken"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 300)
	for i := range errs {
		wg.Go(func() {
			switch i % 3 {
			case 0:
				errs[i] = insert(context.Background(), db, fmt.Sprint(i))
			case 1:
				errs[i] = insert(context.Background(), db, "taken")
			case 2:
				_, errs[i] = db.Exec(context.Background(), `INSERT INTO sequences (name, value) VALUES ($1, $2)`, "odd", struct{}{})
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if (err == nil) != (i%3 == 0) || (i%3 == 1 && !fault.Is(err, fault.Conflict)) {
			t.Errorf("statement %d: %v", i, err)
		}
	}
	if n := count(t, db); n != 101 {
		t.Errorf("%d rows, want 101", n)
	}
}

// A reader of a file waits for a connection no longer than it may. The clock is a
// bubble's: it stands still until everybody waits, so a slow machine does not make the
// four who hold a connection late.
func TestReadersWaitNoLongerThanTheyMay(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sluice.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{Path: path, Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ended sync.WaitGroup
		release := make(chan struct{})
		for range 4 {
			ended.Go(func() {
				if err := db.Read(context.Background(), func(*store.Tx) error { <-release; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		var n int
		start := time.Now()
		if err := db.QueryRow(context.Background(), []any{&n}, `SELECT COUNT(*) FROM sequences`); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v, want unavailable", err)
		}
		if waited := time.Since(start); waited != 300*time.Millisecond {
			t.Errorf("it waited %v, want 300ms", waited)
		}
		close(release)
		ended.Wait()
		if count(t, db) != 0 {
			t.Error("there are rows")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM sequences`); !fault.Is(err, fault.Unavailable) {
			t.Errorf("for a caller who has gone: %v, want unavailable", err)
		}
	})
}

func TestPanicReachesTheCallerAndLeavesNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v", p)
			}
		}()
		_ = db.Write(t.Context(), func(tx *store.Tx) error {
			_ = insert(t.Context(), tx, "a")
			panic("boom")
		})
	}()
	if err := insert(t.Context(), db, "b"); err != nil || count(t, db) != 1 {
		t.Fatalf("after the panic: %v, %d rows", err, count(t, db))
	}
}

func TestSequenceHasNoHolesNorDoubles(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	var mu sync.Mutex
	seen := map[int64]bool{}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			var n int64
			err := db.Write(context.Background(), func(tx *store.Tx) (err error) {
				n, err = tx.Next(context.Background(), "user")
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil || seen[n] || n < 1 || n > 50 {
				t.Errorf("got %d, %v", n, err)
			}
			seen[n] = true
		})
	}
	wg.Wait()
}

func TestErrorsBecomeFaults(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if err := insert(t.Context(), db, "a"); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), db, "a"); !fault.Is(err, fault.Conflict) {
		t.Errorf("doubled key: %v, want a conflict", err)
	}
	var n int
	if err := db.QueryRow(t.Context(), []any{&n}, `SELECT value FROM sequences WHERE name = $1`, "none"); !errors.Is(err, store.ErrNoRow) {
		t.Errorf("no row: %v", err)
	}
	if _, err := db.Exec(t.Context(), `INSERT INTO nowhere VALUES (1)`); err == nil || fault.KindOf(err) != fault.Internal {
		t.Errorf("bad SQL: %v, want an internal error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := insert(ctx, db, "b"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("cancelled: %v, want unavailable", err)
	}
}

func TestAfterCloseEverythingIsUnavailable(t *testing.T) {
	t.Parallel()
	db, err := store.Open(t.Context(), storetest.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("a write after Close succeeded")
	}
	if err := db.Ping(t.Context()); err == nil {
		t.Error("a ping after Close succeeded")
	}
}

func TestFourStartersMigrateOnce(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t)
	var wg sync.WaitGroup
	steps := make([]int, 4)
	for i := range steps {
		wg.Go(func() {
			db, err := store.Open(context.Background(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if steps[i], err = db.Migrate(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	total := 0
	for _, n := range steps {
		total += n
	}
	if total < 2 {
		t.Errorf("%v steps; want every migration taken", steps)
	}
}

func TestTimesAreMillisecondsAndNull(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	at := time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC)
	_, err := db.Exec(t.Context(), `INSERT INTO signing_keys (id, algorithm, private_key, created_at) VALUES ($1, $2, $3, $4)`,
		"k", "RS256", []byte{0, 1, 255}, store.Millis(at))
	if err != nil {
		t.Fatal(err)
	}
	var got time.Time
	var key []byte
	if err := db.QueryRow(t.Context(), []any{&key, store.Time(&got)}, `SELECT private_key, created_at FROM signing_keys WHERE id = $1`, "k"); err != nil {
		t.Fatal(err)
	}
	if !got.Equal(at) || len(key) != 3 || key[2] != 255 {
		t.Errorf("got %v %v", got, key)
	}
	if store.Millis(time.Time{}) != nil {
		t.Error("the zero time is not NULL")
	}
}

// A file that was removed still takes writes that are lost on restart.
func TestRemovedFileIsNoticed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sluice.db")
	db, err := store.Open(t.Context(), store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := insert(t.Context(), db, "a"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("write: %v, want unavailable", err)
	}
	if err := db.Ping(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("ping: %v, want unavailable", err)
	}
}

// The clock is a bubble's, so that only the lock makes anybody wait, not a slow machine.
func TestLockedFileIsUnavailableAndRecovers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sluice.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(t.Context(), store.Config{Path: path, Timeout: 200 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		tx, err := other.Begin()
		if err != nil {
			t.Fatal(err)
		}
		// The first write holds the queue in SQLite's busy timeout; the second waits behind it.
		go func() { _ = insert(context.Background(), db, "first") }()
		if err := insert(t.Context(), db, "second"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("write on a locked file: %v, want unavailable", err)
		}
		var n int
		if err := db.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM sequences`); err != nil {
			t.Errorf("reading beside the lock: %v", err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if db.Ping(t.Context()) == nil && insert(t.Context(), db, "third") == nil {
				return
			}
		}
		t.Fatal("no write after the lock was gone")
	})
}

func TestContainsEscapesWildcards(t *testing.T) {
	t.Parallel()
	if got := store.Contains("50%_Off!"); got != "%50!%!_off!!%" {
		t.Errorf("got %q", got)
	}
}

// What a variable cannot hold is told; nothing is put into it.
func TestScanRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if err := insert(t.Context(), db, "word"); err != nil {
		t.Fatal(err)
	}
	var number int
	var small int8
	type word string
	var named word
	var text, none *string
	var yes bool
	var bytes []byte
	for what, dest := range map[string][]any{
		"text into a number": {&number}, "a column too few": {}, "a variable too many": {&text, &number}, "text into a truth value": {&yes}, "a type of numbers": {&small}, "no pointer": {named},
	} {
		if err := db.QueryRow(t.Context(), dest, `SELECT name FROM sequences`); err == nil {
			t.Errorf("%s is taken: %v %v %v", what, number, yes, small)
		}
	}
	err := db.QueryRow(t.Context(), []any{&text, &none, &bytes, &number, &yes, &small, &named}, `SELECT name, NULL, name, value, value, value, name FROM sequences`)
	if err != nil || text == nil || *text != "word" || none != nil || string(bytes) != "word" || number != 1 || !yes || small != 1 || named != "word" {
		t.Errorf("%v %v %s %d %t %d %s: %v", text, none, bytes, number, yes, small, named, err)
	}
	if err := db.QueryRow(t.Context(), []any{&number}, `INSERT INTO sequences (name, value) VALUES ('x', 1) RETURNING value`); db.Name() == "sqlite" && err == nil {
		t.Error("a reading connection writes")
	}
	if got := count(t, db); db.Name() == "sqlite" && got != 1 {
		t.Errorf("%d rows, want 1", got)
	}
}
