package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// outboxTest is a process with an outbox of the kind "test" and a clock.
type outboxTest struct {
	*Service
	mu  sync.Mutex
	at  time.Time
	got map[string]int // how often each payload was sent
}

func newOutboxTest(db *store.DB, send deliverer) *outboxTest {
	o := &outboxTest{at: noon, got: map[string]int{}}
	o.Service = &Service{db: db, cfg: Config{Log: slog.New(slog.DiscardHandler), Now: func() time.Time {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.at
	}}}
	o.deliverers = map[string]deliverer{"test": func(ctx context.Context, d *delivery) error {
		o.mu.Lock()
		o.got[string(d.payload)]++
		o.mu.Unlock()
		return send(ctx, d)
	}}
	return o
}

func (o *outboxTest) put(t *testing.T, target string, payload int) {
	t.Helper()
	err := o.db.Write(context.Background(), func(tx *store.Tx) error { return o.enqueue(context.Background(), tx, "test", target, payload) })
	if err != nil {
		t.Fatal(err)
	}
}

// step delivers what is due after d has passed, one after the other, and returns
// what was sent.
func (o *outboxTest) step(t *testing.T, d time.Duration) []string {
	t.Helper()
	o.mu.Lock()
	o.at = o.at.Add(d)
	o.mu.Unlock()
	due, err := o.due(context.Background(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, d := range due {
		o.deliver(context.Background(), d)
		sent = append(sent, string(d.payload))
	}
	return sent
}

func left(t *testing.T, db *store.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(context.Background(), []any{&n}, `SELECT COUNT(*) FROM outbox`); err != nil {
		t.Fatal(err)
	}
	return n
}

// Two processes on one database send every row once between them.
func TestOutboxSendsEachRowOnce(t *testing.T) {
	t.Parallel()
	const rows = 60
	db := storetest.Open(t)
	done := make(chan struct{}, 2*rows)
	send := func(context.Context, *delivery) error { done <- struct{}{}; return nil }
	one, two := newOutboxTest(db, send), newOutboxTest(db, send)
	for n := range rows {
		one.put(t, fmt.Sprint("client", n%3), n)
	}
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	loops.Go(func() { one.Deliver(ctx) })
	loops.Go(func() { two.Deliver(ctx) })
	for range rows {
		<-done
	}
	stop()
	loops.Wait() // what is being sent has ended, so that every row is gone
	for n := range rows {
		if payload := fmt.Sprint(n); one.got[payload]+two.got[payload] != 1 {
			t.Errorf("row %s was sent %d times", payload, one.got[payload]+two.got[payload])
		}
	}
	if n := left(t, db); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// What a process had taken when it died is another's after the lease, not before.
func TestOutboxSurvivesItsProcess(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	send := func(context.Context, *delivery) error { return nil }
	dead, alive := newOutboxTest(db, send), newOutboxTest(db, send)
	dead.put(t, "client", 1)
	if taken, err := dead.due(context.Background(), 8); err != nil || len(taken) != 1 {
		t.Fatal(taken, err)
	}
	if sent := alive.step(t, outboxLease-time.Millisecond); sent != nil {
		t.Errorf("sent within the lease: %q", sent)
	}
	if sent := alive.step(t, time.Millisecond); len(sent) != 1 || left(t, db) != 0 {
		t.Errorf("sent after the lease: %q", sent)
	}
}

// A failure is repeated after pauses that double, holds up its target and nobody
// else, and is given up after a day.
func TestOutboxRepeatsFailures(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	o := newOutboxTest(db, func(_ context.Context, d *delivery) error {
		if d.target == "down" {
			return errors.New("connection refused\x00")
		}
		return nil
	})
	o.put(t, "down", 1)
	if sent := o.step(t, 0); len(sent) != 1 {
		t.Fatalf("sent %q", sent)
	}
	var why string
	if err := db.QueryRow(context.Background(), []any{&why}, `SELECT last_error FROM outbox`); err != nil || why != "connection refused" {
		t.Errorf("%q %v", why, err)
	}
	for _, pause := range []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		if sent := o.step(t, pause*time.Second-time.Millisecond); sent != nil {
			t.Errorf("sent before %d s have passed: %q", pause, sent)
		}
		if sent := o.step(t, time.Millisecond); len(sent) != 1 {
			t.Errorf("after %d s: %q", pause, sent)
		}
	}
	// Rows for the same target that come now are tried, and then wait with it.
	o.put(t, "down", 2)
	o.put(t, "down", 3)
	o.put(t, "up", 4)
	if sent := o.step(t, 0); len(sent) != 3 {
		t.Errorf("sent %q", sent)
	}
	o.put(t, "down", 5)
	if n := left(t, db); n != 4 {
		t.Errorf("%d rows are left", n)
	}
	if sent := o.step(t, 0); len(sent) != 1 || left(t, db) != 4 {
		t.Errorf("sent %q", sent)
	}
	o.step(t, outboxAge+time.Second)
	if n := left(t, db); n != 0 {
		t.Errorf("%d rows outlived the day", n)
	}
}

// What no repetition can help, or nobody knows, leaves at once.
func TestOutboxGivesUp(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	o := newOutboxTest(db, func(context.Context, *delivery) error { return fmt.Errorf("400: %w", errGiveUp) })
	o.put(t, "client", 1)
	err := db.Write(ctx, func(tx *store.Tx) error { return o.enqueue(ctx, tx, "unknown", "client", 2) })
	if err != nil {
		t.Fatal(err)
	}
	if o.step(t, 0); left(t, db) != 0 {
		t.Error("it is kept")
	}
}

// Nothing is told that was not committed.
func TestOutboxIsPartOfItsTransaction(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := storetest.Open(t)
	o := newOutboxTest(db, func(context.Context, *delivery) error { return nil })
	broken := errors.New("broken")
	err := db.Write(ctx, func(tx *store.Tx) error {
		if err := o.enqueue(ctx, tx, "test", "client", 1); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) || left(t, db) != 0 {
		t.Errorf("%v, %d rows", err, left(t, db))
	}
}
