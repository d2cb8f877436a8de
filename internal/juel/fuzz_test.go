package juel_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/juel"
)

var seeds = []string{
	"", "plain", "${a}", "#{a.b['c'][0].d(1, 'x')}", `\${a} ${b}!`, "${a == 'x' && !b || c >= 1.5e3 ? empty d : -e % 2}", "${''.class}", "${i += 1}", "${ns:foo(1)}",
	"${(execution.hasVariable('form1') && form1 == 'Approve')or(zz == 1)}", `${"a\"b"}`, "${9223372036854775807 + 1}", "${s.replaceAll('(a)(?P<n>b)', '$1${n}')}", "${'\\\\'}", "${((((1))))}", "a#{b}c#{d}e",
}

// FuzzParse: whatever the text, the answer is an expression or a place in the text.
func FuzzParse(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := juel.Parse(text)
		var syntax *juel.SyntaxError
		switch {
		case err == nil && e.Text() != text:
			t.Errorf("text %q became %q", text, e.Text())
		case err != nil && !errors.As(err, &syntax):
			t.Errorf("%q: %v is no syntax error", text, err)
		case err != nil && (syntax.Position < 0 || syntax.Position > utf8.RuneCountInString(text)):
			t.Errorf("%q: position %d lies outside", text, syntax.Position)
		}
	})
}

// FuzzEval: an evaluation ends soon, with a value or an error of the language, and
// the scope is as before.
func FuzzEval(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed, "x", int64(1), 2.5)
	}
	f.Fuzz(func(t *testing.T, text, s string, n int64, d float64) {
		e, err := juel.Parse(text)
		if err != nil {
			return
		}
		scope := modeller()
		scope["a"], scope["b"], scope["c"], scope["d"], scope["e"] = s, n, d, []any{s, n}, map[string]any{s: d}
		scope["j"] = juel.JSON(s)
		value, err := e.Eval(scope)
		var failed *juel.EvalError
		if err != nil && !errors.As(err, &failed) {
			t.Errorf("%q: %v is no error of an evaluation", text, err)
		}
		if built, ok := value.(string); ok && len(built) > max(juel.MaxText, len(s), len(text)) {
			t.Errorf("%q made a text of %d bytes", text, len(built))
		}
		if err := e.Assign(scope, s); err != nil && !errors.As(err, &failed) {
			t.Errorf("%q: %v is no error of an evaluation", text, err)
		}
	})
}
