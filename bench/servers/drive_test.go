package main

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Four connections, ten milliseconds each: 100 a second on each of them, whatever
// the clock of the test machine says.
func TestDriveCountsWhatEndsInTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Uint64
		do := func(*wire) (uint64, error) {
			time.Sleep(10 * time.Millisecond)
			return done.Add(1), nil
		}
		processor := 7 * time.Second
		l := load{warm: 500 * time.Millisecond, span: 2 * time.Second, cpu: func() time.Duration { processor += 4 * time.Second; return processor }}
		got, err := drive(t.Context(), "", l, []step{do, do, do, do})
		if err != nil {
			t.Fatal(err)
		}
		want := sample{rate: 400, p50: 10 * time.Millisecond, p99: 10 * time.Millisecond, cpu: 5 * time.Millisecond}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if done.Load() != 1000 { // the first half second was not counted
			t.Errorf("%d steps were taken, want 1000", done.Load())
		}
	})
}

func TestDriveReportsTheFirstError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("introspection answered 500")
		var calls atomic.Int64
		do := func(*wire) (uint64, error) {
			time.Sleep(time.Millisecond)
			if calls.Add(1) == 20 {
				return 0, bad
			}
			return 0, nil
		}
		begin := time.Now()
		_, err := drive(t.Context(), "", load{span: time.Hour}, []step{do, do})
		if !errors.Is(err, bad) || !strings.Contains(err.Error(), "1 of 2 connections") {
			t.Errorf("err = %v", err)
		}
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the other connection went on for %s", took)
		}
	})
}

func TestDriveRefusesRepeatedTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Uint64
		do := func(*wire) (uint64, error) {
			time.Sleep(time.Millisecond)
			return calls.Add(1)/2 + 1, nil
		}
		if _, err := drive(t.Context(), "", load{span: 10 * time.Millisecond}, []step{do}); !errors.Is(err, errRepeated) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestDriveRefusesAnEmptySpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(*wire) (uint64, error) { time.Sleep(time.Minute); return 0, nil }
		if _, err := drive(t.Context(), "", load{span: time.Second}, []step{slow}); !errors.Is(err, errNothing) {
			t.Errorf("err = %v", err)
		}
	})
}

func TestMedianTakesTheMiddleOfEach(t *testing.T) {
	got := median([]sample{{rate: 1, p50: 9, p99: 10, cpu: 5}, {rate: 3, p50: 7, p99: 30, cpu: 4}, {rate: 2, p50: 8, p99: 20, cpu: 6}})
	if want := (sample{rate: 2, p50: 8, p99: 20, cpu: 5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
