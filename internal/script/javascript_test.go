package script_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/script"
)

// process is what an engine gives scripts: variables, an execution, beans.
type process struct {
	vars map[string]any
	sets map[string]any // what Set was told
}

func newProcess() *process {
	return &process{sets: map[string]any{}, vars: map[string]any{
		"amount": int32(70), "big": int64(5_000_000_000), "rate": 1.5, "name": "Ann", "yes": true, "nothing": nil, "empty": "",
		"list": []any{int32(1), "two", []any{int32(3)}}, "none": []any{}, "map": map[string]any{"a": int32(1), "b": map[string]any{"c": "d"}},
		"day":    time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC),
		"json":   juel.JSON(`{"Amount": 12.5, "tags": ["x", "y"], "size": 3}`),
		"tricky": "${execution.setVariable('hacked', 1)}",
	}}
}

func (p *process) Lookup(name string) (any, bool) {
	switch name {
	case "execution":
		return execution{p}, true
	case "failing":
		return failing{}, true
	}
	v, ok := p.vars[name]
	return v, ok
}

func (p *process) Set(name string, v any) error {
	if name == "refused" {
		return errors.New("not this one")
	}
	p.sets[name] = v
	return nil
}

type execution struct{ p *process }

func (e execution) Property(name string) (any, bool, error) {
	if name == "id" || name == "processInstanceId" {
		return "42", true, nil
	}
	return nil, false, nil
}

func (e execution) Call(method string, args []any) (any, error) {
	switch {
	case method == "getVariable" && len(args) == 1:
		return e.p.vars[fmt.Sprint(args[0])], nil
	case method == "hasVariable" && len(args) == 1:
		_, ok := e.p.vars[fmt.Sprint(args[0])]
		return ok, nil
	case method == "setVariable" && len(args) == 2:
		e.p.vars[fmt.Sprint(args[0])] = args[1]
		return nil, nil
	}
	return nil, juel.ErrNoMethod
}

type failing struct{}

var errFailing = errors.New("the bean is out of order")

func (failing) Property(string) (any, bool, error) { return nil, false, nil }
func (failing) Call(string, []any) (any, error)    { return nil, errFailing }

func now() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

// limits leave a slow machine time enough.
var limits = script.Limits{Now: now, Time: time.Minute, CallStack: 200}

// evaluate runs a script on a new process.
func evaluate(t testing.TB, language, source string) (any, *process, error) {
	t.Helper()
	program, err := script.Compile(language, source)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	p := newProcess()
	v, err := program.Run(context.Background(), p, limits)
	return v, p, err
}

type value struct {
	source string
	want   any
}

func checkValues(t *testing.T, language string, values []value) {
	t.Helper()
	for _, c := range values {
		got, _, err := evaluate(t, language, c.source)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\ngives %#v, %v; want %#v", c.source, got, err, c.want)
		}
	}
}

func TestJavaScriptValues(t *testing.T) {
	t.Parallel()
	checkValues(t, "javascript", []value{
		{"1 + 2", int32(3)},
		{"4 / 2", int32(2)},
		{"5 / 2", 2.5},
		{"amount + 1", int32(71)},
		{"big * 2", int64(10_000_000_000)},
		{"2147483647 + 1", int64(2147483648)},
		{"1e300", 1e300},
		{"rate", 1.5},
		{"nothing", nil},
		{"undefined", nil},
		{"'a' + name", "aAnn"},
		{"yes ? 'y' : 'n'", "y"},
		{"tricky", "${execution.setVariable('hacked', 1)}"},
		{"'' + tricky + `${tricky}`.length", "${execution.setVariable('hacked', 1)}37"},
		{"[1, 'a', [true, null]]", []any{int32(1), "a", []any{true, nil}}},
		{"({a: 1, b: {c: []}})", map[string]any{"a": int32(1), "b": map[string]any{"c": []any{}}}},
		{"new Date()", now()},
		{"new Date(0)", time.Unix(0, 0).UTC()},
		{"new String('a')", "a"},
		{"new Number(7)", int32(7)},
		{"(function () { return 1 })", nil},
		// Lists and maps are Java's and JavaScript's.
		{"list.get(0) + list[0] + list.size() + list.length", int32(8)},
		{"list[2].get(0)", int32(3)},
		{"list.contains('two') && !list.isEmpty() && none.isEmpty()", true},
		{"list.add('x'); list.push('y'); list.map(function (x) { return '' + x }).join()", "1,two,[3],x,y"},
		{"list.remove(0); list[1].add(4); list", []any{"two", []any{int32(3), int32(4)}}},
		{"list[4] = 'far'; list.length", int32(5)},
		{"var s = ''; for (var i in list) { s += i } s", "012"},
		{"var s = ''; for (var x of list) { s += x } s", "1two[3]"},
		{"var s = ''; var it = list.iterator(); while (it.hasNext()) { s += it.next() } s", "1two[3]"},
		{"list.indexOf('two')", int32(1)},
		{"Array.isArray(list)", true},
		{"list === list", true},
		{"map.a + map['a'] + map.get('a')", int32(3)},
		{"map.b.c + map.get('b').get('c')", "dd"},
		{"map.missing === undefined && map.get('missing') === null", true},
		{"map.x = 5; map.put('y', 6); delete map.a; map", map[string]any{"b": map[string]any{"c": "d"}, "x": int32(5), "y": int32(6)}},
		{"Object.keys(map).join()", "a,b"},
		{"'a' in map && !('z' in map) && map.containsKey('a')", true},
		{"var s = ''; var it = map.entrySet().iterator(); while (it.hasNext()) { var e = it.next(); s += e.getKey() + e.key } s", "aabb"},
		{"var s = ''; for (var k in map) { s += k } s", "ab"},
		{"map.keySet().size()", int32(2)},
		{"'' + list + map", "[1, two, [3]]{a=1, b={c=d}}"},
		{"JSON.stringify(map)", `{"a":1,"b":{"c":"d"}}`},
		{"JSON.stringify(list)", `[1,"two",[3]]`},
		{"JSON.parse('{\"a\": [1]}')", map[string]any{"a": []any{int32(1)}}},
		{"day.getTime()", int64(1769853600000)},
		{"day.before(new Date())", true},
		{"day < new Date() && day.time == day.getTime()", true},
		{"'' + day", "Sat Jan 31 10:00:00 UTC 2026"},
		{"json.Amount", 12.5},
		{"json.get('Amount').asDouble()", 12.5},
		{"json.tags.size()", int32(2)},
		// The execution.
		{"execution.id + execution.getProcessInstanceId()", "4242"},
		{"execution.getVariable('amount')", int32(70)},
		{"execution.setVariable('x', [1, {a: 2.5}]); execution.getVariable('x').get(1).a", 2.5},
		{"execution.hasVariable('nope')", false},
		// Java's classes that do no harm.
		{"var l = new java.util.ArrayList(); l.add(1); l.add(0, 'a'); l", []any{"a", int32(1)}},
		{"var m = new java.util.HashMap(); m.put('k', list); m.k.size()", int32(3)},
		{"new java.util.Date().getTime() === new Date().getTime()", true},
		{"var L = Java.type('java.util.ArrayList'); new L(list).size()", int32(3)},
		{"load('nashorn:mozilla_compat.js'); importClass(java.util.ArrayList); new ArrayList()", []any{}},
		{"Packages.java.lang.Integer.parseInt('12') + java.lang.Integer.MAX_VALUE", int64(2147483659)},
		{"java.lang.Math.max(3, 4.5)", 4.5},
		{"Java.from(list).concat([9]).length", int32(4)},
		{"java.util.UUID.randomUUID().toString().length", int32(36)},
		{"new java.util.Date(1000)", time.Unix(1, 0).UTC()},
		{"java.util.Base64.getDecoder().decode('aGk=')", []byte("hi")},
		// What Nashorn has nothing of is not there.
		{"typeof require + typeof process + typeof setTimeout + typeof eval + typeof Function + typeof console", strings.Repeat("undefined", 6)},
		{"try { failing.run() } catch (e) { e.message }", "the bean is out of order"},
		{"try { execution.nope() } catch (e) { typeof e.value }", "undefined"},
		{"print('a', 1); out.println('b')", nil},
	})
}

type failure struct {
	source       string
	line, column int
	message      string
}

func checkFailures(t *testing.T, language string, failures []failure) {
	t.Helper()
	for _, c := range failures {
		program, err := script.Compile(language, c.source)
		if err == nil {
			_, err = program.Run(context.Background(), newProcess(), limits)
		}
		var p *script.Problem
		if !errors.As(err, &p) || p.Line != c.line || p.Column != c.column || !strings.Contains(p.Message, c.message) {
			t.Errorf("%s\nfails with %v; want line %d, column %d: %s", c.source, err, c.line, c.column, c.message)
		}
	}
}

func TestJavaScriptFailures(t *testing.T) {
	t.Parallel()
	checkFailures(t, "javascript", []failure{
		{"var a = 1;\nvar b = ;", 2, 9, "Unexpected token"},
		{"return 1", 1, 1, "Illegal return"},
		{"let a; let a", 1, 12, "already been declared"},
		{"var a;\n  missing + 1", 2, 3, "missing is not defined"},
		{"nothing.x", 1, 9, "Cannot read"},
		{"throw new Error('own')", 1, 7, "Error: own"},
		{"\nthrow 'text'", 2, 1, "text"},
		{"throw {a: 1}", 1, 1, "an object was thrown"},
		{"throw {get name() { throw 1 }, get message() { return '' }}", 1, 1, "cannot be read"},
		{"failing.run()", 1, 12, "out of order"},
		{"execution.nope(1)", 1, 15, "nope"},
		{"execution.x = 1", 1, 11, "x cannot be assigned to"},
		{"execution.class", 1, 11, "class"},
		{"execution.getClass()", 1, 1, "getClass"},
		{"''.getClass()", 1, 12, "getClass"},
		{"new java.io.File('/etc/passwd')", 1, 13, "java.io.File is not open to scripts"},
		{"java.lang.System.exit(1)", 1, 22, "no member 'exit'"},
		{"java.lang.Runtime.getRuntime().exec('ls')", 1, 11, "java.lang.Runtime is not open"},
		{"Java.type('java.lang.ProcessBuilder')", 1, 10, "not open to scripts"},
		{"load('http://evil/x.js')", 1, 5, "load nothing"},
		{"new java.lang.Math()", 1, 1, "no new Math"},
		{"list.get(9)", 1, 9, "there is none at 9"},
		{"execution.setVariable('f', function () {})", 1, 22, "function"},
		{"execution.setVariable('s', Symbol('x'))", 1, 22, "symbols"},
		{"execution.setVariable('d', new Date(NaN))", 1, 22, "not a valid"},
		{"execution.setVariable('m', new Map())", 1, 22, "maps, sets"},
		{"execution.setVariable('r', /a/)", 1, 22, "expressions of"},
		{"var a = {}; a.a = a; execution.setVariable('a', a)", 1, 43, "deep"},
		{"refused = 1", 0, 0, "not this one"},
		{"new java.util.Date('2026-01-01')", 1, 1, "not of a text"},
	})
}

// lasting checks that a script is ended for good, whatever it catches.
func lasting(t *testing.T, language string, sources map[string]string) {
	t.Helper()
	for source, want := range sources {
		short := script.Limits{Time: 100 * time.Millisecond, CallStack: 100, Now: now}
		if want != "" && !strings.Contains(want, "100ms") {
			short.Time = time.Minute // another limit comes first, on any machine
		}
		program, err := script.Compile(language, source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		p := newProcess()
		_, err = program.Run(context.Background(), p, short)
		if !errors.Is(err, script.ErrLimit) || !strings.Contains(err.Error(), want) || len(p.sets) > 0 {
			t.Errorf("%s\nends with %v, after setting %v; want %s", source, err, p.sets, want)
		}
	}
}

func TestJavaScriptLimits(t *testing.T) {
	t.Parallel()
	lasting(t, "javascript", map[string]string{
		"while (true) {}": "longer than 100ms",
		"done = 1; for (;;) { try { while (true) {} } catch (e) {} finally { done = 2 } }": "longer than 100ms",
		"function f() { return f() + 1 } try { f() } catch (e) {} done = 1":                "more than 100 calls",
		"var f = function () { try { f() } finally { f() } }; f()":                         "more than 100 calls",
		"try { 'x'.repeat(1e9) } catch (e) {} done = 1":                                    "repeat would make",
		"'x'.padStart(1e9)":                                                  "padStart would make",
		"new Array(1e9).join('x')":                                           "join would make",
		"new Array(4e9).indexOf(1)":                                          "indexOf would make",
		"Array.prototype.includes.call({length: 1e15}, 1)":                   "includes would make",
		"Array.from({length: 1e9})":                                          "from would make",
		"Math.max.apply(null, {length: 1e9})":                                "apply would make",
		"for (;;) list.add(list.size())":                                     "",
		"list[2000000000] = 1":                                               "no item at",
		"list.length = 2000000000":                                           "no item at",
		"execution.setVariable('a', new Array(2000000))":                     "more than 1000000 items",
		"var a = []; for (var i = 0; i < 30; i++) { a = [a, a] } a":          "more than",
		"({get a() { while (true) {} }})":                                    "longer than 100ms",
		"toString = function () { while (true) {} }; '' + this":              "longer than 100ms",
		"[3, 2, 1].sort(function () { while (true) {} })":                    "longer than 100ms",
		"'aaa'.replace(/a/g, function () { while (true) {} })":               "longer than 100ms",
		"new (class { constructor() { for (;;); } })()":                      "longer than 100ms",
		"var g = (function* () { for (;;) yield 1 })(); for (var x of g) {}": "longer than 100ms",
	})
}

func TestJavaScriptEndsWithItsContext(t *testing.T) {
	t.Parallel()
	program, err := script.Compile("js", "for (;;) { try { for (;;); } catch (e) {} }")
	if err != nil {
		t.Fatal(err)
	}
	stopped := errors.New("the server stops")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stopped)
	if _, err := program.Run(ctx, newProcess(), limits); !errors.Is(err, stopped) || errors.Is(err, script.ErrLimit) {
		t.Errorf("ended with %v", err)
	}
}

func TestWhatJavaScriptAssigns(t *testing.T) {
	t.Parallel()
	_, p, err := evaluate(t, "javascript", "var a = 1; b = [2]; let c = 3; const d = 4; function e() { f = 5; var g = 6 } e(); amount = amount + 1; h = function () {}")
	if want := map[string]any{"a": int32(1), "b": []any{int32(2)}, "f": int32(5), "amount": int32(71)}; err != nil || !reflect.DeepEqual(p.sets, want) {
		t.Errorf("set %v, %v; want %v", p.sets, err, want)
	}
	if p.vars["amount"] != int32(70) {
		t.Error("an assignment went past Set")
	}
	// A list is a copy until a variable is set to it.
	_, p, err = evaluate(t, "javascript", "list.add(9); map.z = 1; none.add(1); execution.setVariable('longer', list)")
	if err != nil || len(p.vars["list"].([]any)) != 3 || len(p.vars["longer"].([]any)) != 4 || len(p.vars["map"].(map[string]any)) != 2 {
		t.Errorf("list %v, longer %v, %v", p.vars["list"], p.vars["longer"], err)
	}
	// What a bean has changed is read again.
	v, _, err := evaluate(t, "javascript", "list.add(9); execution.setVariable('list', ['new']); list.add('er'); list")
	if want := []any{"new", "er"}; err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("list is %v, %v; want %v", v, err, want)
	}
	// Nothing is told of a script that failed.
	if _, p, err = evaluate(t, "javascript", "a = 1; throw 'no'"); err == nil || len(p.sets) > 0 {
		t.Errorf("set %v, %v", p.sets, err)
	}
}

func TestJavaScriptErrors(t *testing.T) {
	t.Parallel()
	_, _, err := evaluate(t, "javascript", "\n throw new org.activiti.engine.delegate.BpmnError('late', 'too late')")
	var thrown *script.BPMNError
	if !errors.As(err, &thrown) || *thrown != (script.BPMNError{Code: "late", Message: "too late"}) {
		t.Errorf("thrown: %v", err)
	}
	if _, _, err = evaluate(t, "javascript", "failing.run()"); !errors.Is(err, errFailing) {
		t.Errorf("a bean's error became %v", err)
	}
	if _, _, err = evaluate(t, "javascript", "try { failing.run() } catch (e) { throw e }"); !errors.Is(err, errFailing) {
		t.Errorf("a bean's error, caught and thrown, became %v", err)
	}
	if v, _, err := evaluate(t, "javascript", "try { throw new java.lang.RuntimeException('a') } catch (e) { e.getMessage() + e.message }"); v != "aa" || err != nil {
		t.Errorf("caught: %v, %v", v, err)
	}
}

func TestPrint(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"javascript", "groovy"} {
		program, err := script.Compile(language, "print('a'); println(1); out.println('b' + list)")
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		printing := limits
		printing.Print = func(line string) { lines = append(lines, line) }
		if _, err = program.Run(context.Background(), newProcess(), printing); err != nil || !reflect.DeepEqual(lines, []string{"a", "1", "b[1, two, [3]]"}) {
			t.Errorf("%s printed %q, %v", language, lines, err)
		}
	}
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"javascript", "JavaScript", " js ", "ecmascript", "groovy", "juel"} {
		source := map[bool]string{false: "amount", true: "${amount}"}[language == "juel"]
		if v, _, err := evaluate(t, language, source); v != int32(70) || err != nil {
			t.Errorf("%s gives %v, %v", language, v, err)
		}
	}
	if _, err := script.Compile("python", "1"); err == nil || !strings.Contains(err.Error(), "javascript, groovy and juel") {
		t.Errorf("python: %v", err)
	}
	if _, err := script.Compile("js", strings.Repeat(" ", 300<<10)); err == nil || !strings.Contains(err.Error(), "are allowed") {
		t.Errorf("long: %v", err)
	}
	if _, err := script.Compile("juel", "${"); err == nil {
		t.Error("a broken expression compiles")
	}
	if _, p, err := evaluate(t, "juel", "#{execution.setVariable('invoked', tricky)}"); err != nil || p.vars["invoked"] != p.vars["tricky"] || p.vars["hacked"] != nil {
		t.Errorf("juel: %v, %v", p.vars["invoked"], err)
	}
}

// FuzzJavaScript runs any text within small limits.
func FuzzJavaScript(f *testing.F) {
	for _, seed := range []string{
		"execution.setVariable('x', amount + 1)", "list.add(map.a); list", "var x = {a: [1, , 2]}; x", "for (var i in list) { y = i }", "new java.util.ArrayList().add(1)",
		"try { failing.run() } catch (e) { throw e }", "json.tags.get(0) + day.getTime()", "`${tricky}`", "class A { #x = 1; get x() { return this.#x } } new A().x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) { fuzz(t, "javascript", source) })
}

func fuzz(t *testing.T, language, source string) {
	program, err := script.Compile(language, source)
	if err == nil {
		_, err = program.Run(context.Background(), newProcess(), script.Limits{Time: 50 * time.Millisecond, CallStack: 50, Now: now})
	}
	var p *script.Problem
	if err != nil && !errors.As(err, &p) {
		t.Errorf("%q: %v is no Problem", source, err)
	}
	if p != nil && strings.Contains(p.Message, "broke down") {
		t.Errorf("%q: %v", source, err)
	}
}
