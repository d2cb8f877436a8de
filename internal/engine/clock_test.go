package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
)

// TestClockJumps: a clock that goes back an hour, on an hour and on a day while processes run
// loses no timer and fires none twice.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="wait"/>
		<intermediateCatchEvent id="wait"><timerEventDefinition><timeDuration>PT30M</timeDuration></timerEventDefinition></intermediateCatchEvent>
		<sequenceFlow id="g" sourceRef="wait" targetRef="after"/><userTask id="after" name="after"/>`))
	start := func() {
		for range 10 {
			w.start("p", nil)
		}
	}
	start()
	for i, step := range []struct {
		by      time.Duration
		starts  bool
		fired   int
		waiting int
	}{
		{-time.Hour, true, 0, 20}, // what is started now is due half an hour before the first begins to count
		{0, false, 0, 20},
		{time.Hour, false, 10, 10},
		{0, false, 0, 10},
		{-time.Hour, false, 0, 10},
		{25 * time.Hour, true, 10, 10},
		{-25 * time.Hour, false, 0, 10},
		{25 * time.Hour, false, 0, 10},
		{time.Hour, false, 10, 0},
	} {
		w.now = w.now.Add(step.by)
		if step.starts {
			start()
		}
		if got, left := w.runDue(), len(w.jobs()); got != step.fired || left != step.waiting {
			t.Fatalf("step %d: %d timers fired and %d wait, want %d and %d", i, got, left, step.fired, step.waiting)
		}
	}
	if _, n, err := w.e.Tasks(context.Background(), engine.TaskQuery{Key: "after"}); n != 30 || err != nil {
		t.Errorf("%d tasks, want 30, %v", n, err)
	}
}

// TestDatesInLists: dates in lists and maps are dates again when they are read, and keys that
// look like the mark of one are themselves.
func TestDatesInLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(taskThenEnd))
	at := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	early := time.Date(1970, 1, 1, 0, 0, 1, 0, time.UTC)
	want := map[string]any{
		"list": []any{at, early, "2026-03-04", []any{at}, map[string]any{"x": at, "n": int32(1)}},
		"map":  map[string]any{"when": at, "$date": int32(7), "$$date": map[string]any{"$date": int32(9)}, "$": "s", "none": nil},
	}
	id := w.start("p", want)
	got, err := w.e.Variables(context.Background(), id)
	w.must(err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
