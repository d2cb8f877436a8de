package juel_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/internal/juel"
)

func parse(t testing.TB, text string) *juel.Expression {
	t.Helper()
	e, err := juel.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func assign(text string, scope juel.Scope, value any) error {
	e, err := juel.Parse(text)
	if err != nil {
		return err
	}
	return e.Assign(scope, value)
}

// bean is an Object whose property name can be set.
type bean struct{ fields map[string]any }

func (b bean) Property(name string) (any, bool, error) {
	value, ok := b.fields[name]
	return value, ok, nil
}

func (b bean) Call(string, []any) (any, error) { return nil, juel.ErrNoMethod }

func (b bean) SetProperty(name string, value any) error {
	if name != "name" {
		return fmt.Errorf("%s: %w", name, juel.ErrNoProperty)
	}
	b.fields[name] = value
	return nil
}

func TestLiteral(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "kermit": "kermit", `a \${b}`: "a ${b}", `\#{b}`: "#{b}", "$5": "$5", "{x}": "{x}"} {
		if got, ok := parse(t, text).Literal(); !ok || got != want {
			t.Errorf("%q: got %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"${a}", "x${a}", "${'x'}", "#{null}"} {
		if got, ok := parse(t, text).Literal(); ok || got != "" {
			t.Errorf("%q: got %q as literal text", text, got)
		}
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	e := parse(t, "${a.b[c].d(e, a) ? 'x' : f} and ${g + a}")
	if got, want := e.Variables(), []string{"a", "c", "e", "f", "g"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	e.Variables()[0] = "changed"
	if got := e.Variables()[0]; got != "a" {
		t.Errorf("a caller has changed the expression: %v", got)
	}
	if got := e.Text(); got != "${a.b[c].d(e, a) ? 'x' : f} and ${g + a}" {
		t.Errorf("text is %q", got)
	}
}

// What a variable holds is data. Were it evaluated, whoever fills in a form could
// run expressions (Activiti #5438).
func TestNothingIsEvaluatedTwice(t *testing.T) {
	t.Parallel()
	scope := variables{"a": "${b}", "b": "secret", "list": []any{"#{b}"}, "map": map[string]any{"${b}": "${b}"}}
	for text, want := range map[string]any{
		"${a}": "${b}", "x ${a}": "x ${b}", "${a.concat('#{b}')}": "${b}#{b}", "${list[0]}": "#{b}", "${list}!": "[#{b}]!", "${map}!": "{${b}=${b}}!", "${a.toString()}": "${b}",
		"${a.replace('b', 'a')}": "${a}", "${true ? a : b}": "${b}", `${'${b}'}`: "${b}", "${a}${a}": "${b}${b}",
	} {
		got, err := evaluate(text, scope)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func TestAssign(t *testing.T) {
	t.Parallel()
	inner := map[string]any{"c": "deep"}
	lines := []any{map[string]any{"price": int64(1)}, "other"}
	before := func() variables {
		return variables{
			"a": "old", "map": map[string]any{"b": inner}, "lines": lines, "json": juel.JSON(`{"x":1,"o":{"y":2}}`), "key": "k",
			"bean": bean{map[string]any{"name": "old", "list": []any{"p"}}},
		}
	}
	for text, want := range map[string]variables{
		"${a}":              {"a": "new"},
		"#{fresh}":          {"fresh": "new"},
		"${(a)}":            {"a": "new"},
		"${map.b.c}":        {"map": map[string]any{"b": map[string]any{"c": "new"}}},
		"${map[key]}":       {"map": map[string]any{"b": inner, "k": "new"}},
		"${lines[1]}":       {"lines": []any{lines[0], "new"}},
		"${lines[0].price}": {"lines": []any{map[string]any{"price": "new"}, "other"}},
		"${json.x}":         {"json": juel.JSON(`{"o":{"y":2},"x":"new"}`)},
		"${json.o.z}":       {"json": juel.JSON(`{"o":{"y":2,"z":"new"},"x":1}`)},
		"${bean.name}":      {"bean": bean{map[string]any{"name": "new", "list": []any{"p"}}}},
	} {
		scope := before()
		if err := assign(text, scope, "new"); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		expected := before()
		for name, value := range want {
			expected[name] = value
		}
		if !reflect.DeepEqual(scope, expected) {
			t.Errorf("%s: got %v, want %v", text, scope, expected)
		}
	}
	if inner["c"] != "deep" || lines[1] != "other" {
		t.Error("a map or list that others may hold has been changed")
	}
	for text, says := range map[string]string{
		"text": "only a variable", "${a + 1}": "only a variable", "${a}${a}": "only a variable", "${'x'}": "only a variable", "${a.length()}": "only a variable", "${true ? a : b}": "only a variable",
		"${a.b}": "no properties that can be set", "${lines['x']}": "by number", "${lines[7]}": "outside", "${map[1]}": "keys of a map are texts", "${map.gone.x}": "null has no properties",
		"${undefined.x}": "there is no variable", "${bean.other}": "no such property", "${bean.list[0]}": "no such property", "${json.x.y}": "no properties that can be set", "${lines.size().x}": "no properties",
	} {
		if err := assign(text, before(), "new"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if err := assign("${a}", readOnly{}, 1); err == nil || !strings.Contains(err.Error(), "cannot be set here") {
		t.Errorf("a scope without Set: %v", err)
	}
}

// readOnly is a scope that nothing can be assigned to.
type readOnly struct{}

func (readOnly) Lookup(string) (any, bool) { return nil, false }

func TestAssignedJSON(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]any{
		`{"x":5}`: int32(5), `{"x":2.5}`: 2.5, `{"x":true}`: true, `{"x":null}`: nil, `{"x":{"a":[1]}}`: juel.JSON(`{"a":[1]}`), `{"x":"[a]"}`: []any{"a"},
	} {
		scope := variables{"json": juel.JSON(`{}`)}
		if err := assign("${json.x}", scope, value); err != nil {
			t.Errorf("%v: %v", value, err)
		}
		if got := string(scope["json"].(juel.JSON)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	deep := func(open, shut string, n int) string {
		return "${" + strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) + "}"
	}
	for name, text := range map[string]string{
		"length": strings.Repeat("x", juel.MaxLength+1), "parentheses": deep("(", ")", juel.MaxDepth), "minus": deep("-", "", juel.MaxDepth+1), "sums": deep("1+", "", juel.MaxDepth),
		"choices": deep("true?1:", "", juel.MaxDepth), "members": "${a" + strings.Repeat(".b", juel.MaxDepth) + "}", "indexes": "${" + strings.Repeat("a[", juel.MaxDepth) + "1" + strings.Repeat("]", juel.MaxDepth) + "}",
	} {
		if _, err := juel.Parse(text); err == nil {
			t.Errorf("%s: no limit", name)
		}
	}
	for _, text := range []string{strings.Repeat("x", juel.MaxLength), deep("(", ")", juel.MaxDepth-1), deep("-", "", juel.MaxDepth-2), deep("1+", "", juel.MaxDepth-1)} {
		if _, err := juel.Parse(text); err != nil {
			t.Errorf("within the limits: %v", err)
		}
	}
}

// No expression of a few characters takes all memory or time.
func TestBombs(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", juel.MaxText/2)
	cyclic := map[string]any{}
	cyclic["self"] = cyclic
	wide := make([]any, 200_000)
	for i := range wide {
		wide[i] = big[:64]
	}
	scope := variables{"big": big, "cyclic": cyclic, "wide": wide}
	for _, text := range []string{
		"${'x'.repeat(2147483647)}", "${big.repeat(3)}", "${big.concat(big).concat(big)}", "${big}${big}${big}", "${big.replace('x', 'xxx')}", "${big.replaceAll('x', 'xxx')}",
		"${big.replaceAll('(.+)', '$1$1$1')}", "${big.split('').size()}", "${cyclic}!", "${wide}!", "${big.matches('" + strings.Repeat("a", 1001) + "')}",
		"${" + strings.TrimSuffix(strings.Repeat("wide.contains(1) || ", 20), " || ") + "}", "${wide.containsAll(wide)}", "${big.matches('(x{500}|y)*')}", "${big.replaceAll('" + strings.Repeat("(x|y)*", 100) + "', '')}", "${'" + strings.Repeat("x", 2000) + "'" + strings.Repeat(".replace('x', 'xx')", 20) + "}",
	} {
		got, err := evaluate(text, scope)
		if !errors.Is(err, juel.ErrLimit) {
			if s, ok := got.(string); ok && len(s) > 100 {
				got = len(s)
			}
			t.Errorf("%.80s: got %v, %v, want that it is over a limit", text, got, err)
		}
	}
	if got, err := evaluate("${big}", scope); err != nil || got != big {
		t.Errorf("a large variable cannot be read: %v", err)
	}
	if got, err := evaluate("${cyclic == cyclic}", scope); err != nil && !errors.Is(err, juel.ErrLimit) {
		t.Errorf("comparing a value with itself in it: %v, %v", got, err)
	}
}

// An expression is used by many at once; the race detector looks on.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	e := parse(t, "${n * 2 + list.size()} of ${map.a}")
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			got, err := e.Eval(variables{"n": int64(n), "list": []any{1}, "map": map[string]any{"a": n}})
			if want := fmt.Sprintf("%d of %d", n*2+1, n); err != nil || got != want {
				t.Errorf("got %v, %v, want %v", got, err, want)
			}
		})
	}
	all.Wait()
}
