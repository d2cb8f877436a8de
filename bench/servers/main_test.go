package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseRefusesWhatIsNotThere(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"-only sluice-sqlite,hydro", `there is no server "hydro"`}, {"-scenarios codes", `there is no scenario "codes"`},
		{"-rounds 0", "above zero"}, {"-for 0s", "above zero"}, {"now", "arguments are not understood: now"},
	} {
		if _, err := parse(strings.Fields(tt.args)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: err = %v, want %q", tt.args, err, tt.want)
		}
	}
	o, err := parse(strings.Fields("-only bare,sluice-sqlite -scenarios start -for 300ms -set a=b -set c=d"))
	if err != nil || strings.Join(o.only, " ") != "bare sluice-sqlite" || o.span != 300*time.Millisecond || strings.Join(o.settings, " ") != "a=b c=d" {
		t.Errorf("got %+v, err = %v", o, err)
	}
	if !chosen(o.only, "bare") || chosen(o.only, "zitadel") || !chosen(nil, "zitadel") {
		t.Error("-only chooses others")
	}
}

func TestReportHasRatiosAndWhoIsMissing(t *testing.T) {
	s := &site{postgres: &postgres{}, flush: 640 * time.Microsecond}
	one := func(name string, rate float64) *entry {
		return &entry{contender: contender{name: name, title: "T " + name}, first: 40 * time.Millisecond, idle: 30e6,
			samples: map[string][]sample{"introspection": {{rate: rate, p50: 1500 * time.Microsecond, p99: 2 * time.Millisecond, cpu: 20500}}}}
	}
	lacking := &entry{contender: contender{title: "T lacking", lacks: map[string]string{"introspection": "it has none"}}}
	entries := []*entry{one(reference, 20000), one("zitadel", 10000), one(ceiling, 40000), lacking,
		{contender: contender{title: "T hydra"}, missing: errNoCode}}
	var out strings.Builder
	if err := report(&out, s, entries, options{rounds: 3, connections: 32, span: time.Second, idle: time.Second}, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a flush to disk takes 640 µs", "32 connections, 3 rounds of 1s",
		"| T sluice-sqlite | 20 000 | 1.00 | 0.50 | 1.5 ms | 2 ms | 20.5 µs |", "| T zitadel | 10 000 | 0.50 | 0.25 |", "| T bare | 40 000 | 2.00 | 1.00 |",
		"| T zitadel |  | – | 40 ms | 30 MB | – |", "| T lacking | not asked: it has none |", "Not measured: T hydra: " + errNoCode.Error(),
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestProcessorTimeCountsWhatIsBelow(t *testing.T) {
	parents := map[int]int{10: 1, 11: 10, 12: 11, 20: 1, 21: 20}
	for pid, want := range map[int]bool{10: true, 11: true, 12: true, 20: false, 21: false, 99: false} {
		if got := below(pid, parents, []int{10}); got != want {
			t.Errorf("%d: %v, want %v", pid, got, want)
		}
	}
}
