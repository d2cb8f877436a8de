package juel_test

import (
	"testing"

	"github.com/sluicehq/sluice/internal/juel"
)

const condition = "${a == 'x'}"

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := juel.Parse(condition); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEval(b *testing.B) {
	b.ReportAllocs()
	e, scope := parse(b, condition), variables{"a": "x"}
	for b.Loop() {
		if got, err := e.Eval(scope); err != nil || got != true {
			b.Fatal(got, err)
		}
	}
}

func BenchmarkEvalMethods(b *testing.B) {
	b.ReportAllocs()
	e, scope := parse(b, "${(execution.hasVariable('form123outcome') && form123outcome == 'Approve')or(execution.hasVariable('zz') && zz == 1)}"), modeller()
	for b.Loop() {
		if got, err := e.Eval(scope); err != nil || got != true {
			b.Fatal(got, err)
		}
	}
}

// A condition on a flow is evaluated for each token: it must not make garbage.
func TestAllocations(t *testing.T) {
	e := parse(t, condition)
	var scope juel.Scope = variables{"a": "x"}
	if got := testing.AllocsPerRun(100, func() {
		if got, err := e.Eval(scope); err != nil || got != true {
			t.Fatal(got, err)
		}
	}); got > 1 {
		t.Errorf("%v allocations for %s, want at most 1", got, condition)
	}
}
