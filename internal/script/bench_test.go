package script_test

import (
	"context"
	"testing"

	"github.com/sluicehq/sluice/internal/script"
)

// BenchmarkRun is a short script, its machine included.
func BenchmarkRun(b *testing.B) {
	for language, source := range map[string]string{
		"javascript": "execution.setVariable('sum', amount + list.get(0))",
		"groovy":     "execution.setVariable('sum', amount + list.get(0))",
		"juel":       "${execution.setVariable('sum', amount + list.get(0))}",
	} {
		program, err := script.Compile(language, source)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(language, func(b *testing.B) {
			b.ReportAllocs()
			p := newProcess()
			for b.Loop() {
				if _, err := program.Run(context.Background(), p, limits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
