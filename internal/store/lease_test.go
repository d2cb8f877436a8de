package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/store/storetest"
)

// One holder at a time has a lease: it renews it, gives it back, or lets it run out.
func TestLease(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	now := time.UnixMilli(1_000_000)
	for _, step := range []struct {
		what, holder string
		after        time.Duration
		want         bool
	}{
		{"nobody has it", "a", 0, true},
		{"another has it", "b", time.Second, false},
		{"renewed", "a", 30 * time.Second, true},
		{"another has renewed it", "b", 80 * time.Second, false},
		{"it ran out", "b", 90 * time.Second, true},
		{"it was lost", "a", 91 * time.Second, false},
	} {
		at := now.Add(step.after)
		if got, err := db.TakeLease(t.Context(), "house", step.holder, at, at.Add(time.Minute)); err != nil || got != step.want {
			t.Errorf("%s: %t %v", step.what, got, err)
		}
	}
	if got, err := db.TakeLease(t.Context(), "another", "a", now, now.Add(time.Minute)); err != nil || !got {
		t.Errorf("another lease: %t %v", got, err)
	}
	for _, drop := range []struct {
		holder string
		free   bool
	}{{"a", false}, {"b", true}} {
		if err := db.DropLease(t.Context(), "house", drop.holder); err != nil {
			t.Fatal(err)
		}
		at := now.Add(92 * time.Second)
		if got, err := db.TakeLease(t.Context(), "house", "c", at, at.Add(time.Minute)); err != nil || got != drop.free {
			t.Errorf("dropped by %s: %t %v", drop.holder, got, err)
		}
	}
}

func TestLeaseHasOneTaker(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	now := time.Now()
	var taken atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			got, err := db.TakeLease(context.Background(), "house", fmt.Sprint(i), now, now.Add(time.Minute))
			if err != nil {
				t.Error(err)
			}
			if got {
				taken.Add(1)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d have it", taken.Load())
	}
}
