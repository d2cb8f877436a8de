package sluice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// houseServer is a server on a fresh database, or on that of another one.
func houseServer(t *testing.T, where store.Config, now func() time.Time) *Server {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Database, cfg.Data = where.URL, filepath.Dir(where.Path)
	s, err := New(context.Background(), cfg, WithLog(slog.New(slog.DiscardHandler)), WithCheapPasswords(), WithClock(now))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fillSeen makes expired rows.
func fillSeen(t *testing.T, s *Server, rows int) {
	t.Helper()
	err := s.db.Write(t.Context(), func(tx *store.Tx) error {
		for n := range rows {
			if _, err := tx.Exec(t.Context(), `INSERT INTO seen_ids (hash, expires_at) VALUES ($1, 0)`, fmt.Appendf(nil, "row %d", n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func seenLeft(t *testing.T, s *Server) (n int) {
	t.Helper()
	if err := s.db.QueryRow(t.Context(), []any{&n}, `SELECT COUNT(*) FROM seen_ids`); err != nil {
		t.Fatal(err)
	}
	return n
}

// Thousands of rows leave in batches of 500, and another's write is committed between
// any two of them.
func TestHousekeepingGoesInBatches(t *testing.T) {
	t.Parallel()
	s := houseServer(t, storetest.Config(t), time.Now)
	fillSeen(t, s, 3203)
	var left []int
	s.house.pause = func(ctx context.Context) error {
		left = append(left, seenLeft(t, s))
		_, err := s.db.Exec(ctx, `INSERT INTO sequences (name, value) VALUES ($1, 0)`, fmt.Sprint(len(left)))
		return err
	}
	done, err := s.Admin().Housekeeping(t.Context())
	if err != nil || done.Rows["seen_ids"] != 3203 {
		t.Errorf("%v went, %v", done.Rows, err)
	}
	r := httptest.NewRequest(http.MethodGet, "/management/prometheus", nil)
	r.RemoteAddr = "127.0.0.1:1"
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if want := fmt.Sprintf(`sluice_housekeeping_rows_total{kind="seen_ids"} %d`, done.Rows["seen_ids"]); !strings.Contains(w.Body.String(), want+"\n") {
		t.Errorf("%d: the metrics have no %s", w.Code, want)
	}
	if want := "[2703 2203 1703 1203 703 203]"; fmt.Sprint(left) != want {
		t.Errorf("after each batch %v were left, not %s", left, want)
	}
	if n := seenLeft(t, s); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// A kind that cannot be swept is told, and the others leave all the same.
func TestHousekeepingGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	s := houseServer(t, storetest.Config(t), time.Now)
	fillSeen(t, s, 3)
	if _, err := s.db.Exec(t.Context(), `DROP TABLE pushed_requests`); err != nil {
		t.Fatal(err)
	}
	done, err := s.Admin().Housekeeping(t.Context())
	if err == nil || done.Rows["seen_ids"] != 3 {
		t.Errorf("%v went, %v", done.Rows, err)
	}
}

// Nothing goes on when the server stops.
func TestHousekeepingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := houseServer(t, storetest.Config(t), time.Now)
	fillSeen(t, s, 1600)
	ctx, stop := context.WithCancel(t.Context())
	s.house.pause = func(ctx context.Context) error { stop(); return restBetween(ctx) }
	if _, err := s.Admin().Housekeeping(ctx); err == nil {
		t.Error("it told of no end")
	}
	if n := seenLeft(t, s); n != 1100 {
		t.Errorf("%d are left, not 1100", n)
	}
}

// One process at a time keeps house on a database. The other one is told so by hand,
// and does it when the first one has ended, or has died and its lease has run out.
func TestOneProcessKeepsHouse(t *testing.T) {
	t.Parallel()
	clock := bearertest.NewClock()
	where := storetest.Config(t)
	one, two := houseServer(t, where, clock.Now), houseServer(t, where, clock.Now)
	fillSeen(t, one, 1200)
	var rounds int
	one.house.pause = func(ctx context.Context) error {
		rounds++
		before := seenLeft(t, one)
		if done, err := two.Admin().Housekeeping(ctx); !errors.Is(err, errHouseKept) || len(done.Rows) != 0 || seenLeft(t, one) != before {
			t.Errorf("beside it: %v, %v", done.Rows, err)
		}
		clock.Move(houseLease - time.Second) // it is renewed after each batch
		return nil
	}
	if done, err := one.Admin().Housekeeping(t.Context()); err != nil || done.Rows["seen_ids"] != 1200 || rounds != 2 {
		t.Errorf("%v went in %d pauses, %v", done.Rows, rounds, err)
	}
	fillSeen(t, one, 1200)
	one.house.pause = func(ctx context.Context) error {
		clock.Move(houseLease) // it was held up
		mine, err := two.db.TakeLease(ctx, "housekeeping", "a process that will die", clock.Now(), clock.Now().Add(houseLease))
		if err != nil || !mine {
			t.Errorf("a lease that ran out: %t %v", mine, err)
		}
		return nil
	}
	if done, err := one.Admin().Housekeeping(t.Context()); !errors.Is(err, errHouseKept) || done.Rows["seen_ids"] != 500 {
		t.Errorf("after it lost its lease: %v, %v", done.Rows, err)
	}
	if _, err := one.Admin().Housekeeping(t.Context()); !errors.Is(err, errHouseKept) {
		t.Errorf("the lease of the dead: %v", err)
	}
	clock.Move(houseLease)
	if done, err := two.Admin().Housekeeping(t.Context()); err != nil || done.Rows["seen_ids"] != 700 {
		t.Errorf("after the dead one's lease: %v, %v", done.Rows, err)
	}
}
