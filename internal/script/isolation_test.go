package script_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/script"
)

// probe is what a script sees of a machine that none has changed.
const probe = `[typeof left, typeof Object.prototype.poison, [].push.call([1], 2), 'a'.replace('a', 'b'), JSON.stringify({a: 1}), Math.max(1, 2),
	typeof kept, new Date(0).getTime(), [3, 1, 2].sort().join(), /a/.test('a'), list.size(), map.get('a'), (function () { return typeof this.left })(),
	Object.keys({b: 1}).join(), String(list), typeof Function, [...'ab'].length, typeof print].join(' ')`

const clean = "undefined undefined 2 b {\"a\":1} 2 undefined 0 1,2,3 true 3 1 undefined b [1, two, [3]] undefined 2 function"

// TestScriptsDoNotSeeOneAnother poisons everything within reach, and looks at the
// machine of the next script, of the same program and of another.
func TestScriptsDoNotSeeOneAnother(t *testing.T) {
	t.Parallel()
	for _, poison := range []string{
		"left = 1; var kept = 2; this.left = 3",
		"Object.prototype.poison = 1; Object.prototype.toString = function () { return 'p' }",
		"Array.prototype.push = function () { return 'p' }; Array.prototype.sort = Array.prototype.join = null",
		"String.prototype.replace = function () { return 'p' }; RegExp.prototype.test = function () { return false }",
		"JSON.stringify = function () { return 'p' }; Math.max = null; JSON = Math = Date = Object = Array = String = RegExp = 1",
		"Object.defineProperty(Object.prototype, 'poison', {get: function () { return 1 }}); Object.defineProperty(this, 'left', {value: 1})",
		"Date.prototype.getTime = function () { return 1 }; Object.freeze(Array.prototype); Object.freeze(this)",
		"list.__proto__.size = function () { return 0 }; map.__proto__.get = function () { return 0 }; list.__proto__.toString = null",
		"Object.keys = function () { return ['p'] }; var it = [].values().__proto__; it.next = function () { return {done: true} }",
		"Object.getPrototypeOf(function () {}).call = null; try { (function () {}).constructor('left = 1')() } catch (e) {}",
		"print = java = Packages = execution = 1; list.add(9); map.put('a', 9)",
		"function tag(parts) { try { parts[0] = 'p' } catch (e) {} try { Object.defineProperty(parts, 0, {value: 'p'}) } catch (e) {} } tag`a${1}`",
		"var kept = []; Object.prototype.keep = function () { kept.push(this) }; ({}).keep(); throw kept",
	} {
		whole := poison + ";\n" + "1"
		for i, source := range []string{probe, "if (typeof again === 'undefined') { " + probe + " }", "var first = " + probe + "; " + strings.TrimSuffix(whole, "1") + " first"} {
			first, err := script.Compile("javascript", whole)
			if err != nil {
				t.Fatalf("%s: %v", poison, err)
			}
			_, _ = first.Run(context.Background(), newProcess(), limits)
			program, err := script.Compile("javascript", source)
			if err != nil {
				t.Fatalf("%s: %v", source, err)
			}
			for range 2 {
				got, err := program.Run(context.Background(), newProcess(), limits)
				if i == 2 { // a program that poisons itself: its second run must see what its first saw
					if !fails(poison) && (err != nil || got != clean) {
						t.Errorf("after itself, %s\ngives %v, %v; want %v", poison, got, err, clean)
					}
				} else if err != nil || got != clean {
					t.Errorf("after %s\nthe next script sees %v, %v; want %v", poison, got, err, clean)
				}
			}
		}
	}
}

// fails are the scripts whose declarations hide what the probe looks at, or that end
// with an error.
func fails(poison string) bool {
	return strings.Contains(poison, "var kept") || strings.Contains(poison, "throw")
}

// TestTemplatesOfAProgramAreNotShared changes the one thing of a program that
// JavaScript hands out: the texts of a template.
func TestTemplatesOfAProgramAreNotShared(t *testing.T) {
	t.Parallel()
	program, err := script.Compile("javascript", "function tag(p) { var was = p[0] + p.raw[0]; try { p[0] = 'x'; p.raw[0] = 'x' } catch (e) {} return was } tag`a${1}`")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got, err := program.Run(context.Background(), newProcess(), limits); got != "aa" || err != nil {
			t.Errorf("the template is %v, %v; want aa", got, err)
		}
	}
}

// TestProgramsAreKept compiles one source twice, and more sources than are kept.
func TestProgramsAreKept(t *testing.T) {
	t.Parallel()
	compile := func(language, source string) *script.Program {
		p, err := script.Compile(language, source)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if compile("javascript", "1 + 41") == compile("groovy", "1 + 41") {
		t.Error("two languages share a program")
	}
	before := compile("javascript", "2 + 40")
	if before != compile("javascript", "2 + 40") {
		t.Error("the same source was compiled again")
	}
	for i := range 3000 {
		compile("juel", fmt.Sprintf("${%d}", i))
	}
	if before == compile("javascript", "2 + 40") {
		t.Error("3000 programs are kept") // one of them stays with chance 1 in 100
	}
}

// TestJavaScriptBuiltIns holds what the bounded built-ins give to what JavaScript
// says they give.
func TestJavaScriptBuiltIns(t *testing.T) {
	t.Parallel()
	checkValues(t, "javascript", []value{
		{"'abc'.replace(/(b)/, '[$1]') + 'abc'.replace(/(?<y>b)/, '<$<y>>') + 'a-b'.replace('-', \"$`$'$$$&\")", "a[b]ca<b>caab$-b"},
		{"'aXbX'.replace(/x/gi, '$&$0$2') + 'aaa'.replaceAll('a', 'b') + 'ab'.replace(/(a)(z)?/, '$1$2$3')", "aX$0$2bX$0$2bbba$3b"},
		{"'a1b2'.split(/\\d/).join() + 'a,b'.split(',').length + 'abc'.match(/[ab]/g).length + 'xyz'.search('y')", "a,b,221"},
		{"'abc'.replace(/b/, function (found, at, whole) { return found + at + whole })", "ab1abcc"},
		{"/a/ instanceof RegExp && RegExp('b').test('b') && /a/.constructor === RegExp && new RegExp(/c/g).flags === 'g'", true},
		{"'a'.concat(1, null, [2, 3]) + ''.concat()", "a1null2,3"},
		{"[1, [2, [3, null]], undefined, 'x'].join('-') + [].join() + '' + [1, [2]]", "1-2,3,--x1,2"},
		{"let a = [1]; a.push(a); a.join()", "1,"},
		{"[...new Set([1, 1, 2])].join() + new Map([['a', 1]]).get('a') + Array.from('xy').length + Math.max(...[1, 5])", "1,2125"},
		{"Array.from([1, 2], function (x) { return x * 2 }).join() + Array.from({length: 2}).length + Object.fromEntries([['k', 3]]).k", "2,423"},
		{"JSON.stringify({...{a: 1}, ...new Map([[1, 2]]), ...'xy', b: [...list]})", `{"0":"x","1":"y","a":1,"b":[1,"two",[3]]}`},
		{"JSON.stringify({a: [1, {b: 'x', c: 2}], b: undefined}, ['a', 'b'])", `{"a":[1,{"b":"x"}]}`},
		{"JSON.stringify({a: 1, b: {toJSON: function () { return 'j' }}}, function (k, v) { return k === 'a' ? v + 1 : v }, 1)", "{\n \"a\": 2,\n \"b\": \"j\"\n}"},
		{"JSON.parse('{\"a\": [1, 2]}', function (k, v) { return v === 2 ? 3 : v }).a.join()", "1,3"},
		{"var s = 'a'; s += name; `${s}-${list}-${1}` + s + name", "aAnn-[1, two, [3]]-1aAnnAnn"},
		{"let o = {valueOf: function () { return 3 }, toString: function () { return 't' }}; (o + o) + `${o}${o}`", "6tt"},
		{"var n = ''; for (var k in {a: 1, b: 2}) n += k; n + [1, 2].concat([3], 4).length", "ab4"},
		{"this.x = 1; delete this.x; typeof x", "undefined"},
	})
	checkFailures(t, "javascript", []failure{
		{"with ({a: 1}) { a }", 1, 1, "with is not supported"},
		{"var {a, ...b} = map", 1, 5, "the rest of an object's members is not supported"},
		{"\nvar [a, ...b] = list", 2, 5, "the rest of a list's items is not supported"},
		{"/" + strings.Repeat("a", 3000) + "/", 1, 1, "the regular expression has more than 2000 characters"},
		{"`${Symbol('x')}`", 1, 4, "TypeError"},
		{"String.prototype.concat.call(null)", 1, 29, "TypeError"},
		{"JSON.parse('{')", 1, 11, "SyntaxError"},
		{"new RegExp('(')", 1, 1, "SyntaxError"},
	})
}

// TestJavaScriptMakesNothingHuge asks built-ins for what they would make without
// looking at the clock. Each entry hung or ended the process before it had its limit.
func TestJavaScriptMakesNothingHuge(t *testing.T) {
	t.Parallel()
	nested := "var a = ['x']; for (var i = 0; i < 60; i++) a = [a, a]; "
	endless := "var it = [].values(); it.next = Object; "
	lasting(t, "javascript", map[string]string{
		"var s = 'x'; for (;;) s += s":                                       "more than 4000000 characters",
		"var s = 'x'; for (;;) s = s + s":                                    "more than 4000000 characters",
		"var s = 'x'; for (;;) s = `${s}${s}`":                               "more than 2000000 characters",
		"var s = 'x'; for (;;) s = s.concat(s)":                              "more than 4000000 characters",
		"var s = 'x'.repeat(1e6); new Array(1e5).join(s)":                    "more than 4000000 characters",
		"var s = 'x'.repeat(1e6); new Array(1e5).fill(s).join('')":           "more than 4000000 characters",
		"var s = 'x'.repeat(1e5); s.replace(/x/g, s)":                        "replace would make more",
		"var s = 'x'.repeat(1e5); s.replace(/x/g, '$`')":                     "replace would make more",
		"var s = 'x'.repeat(1e5); s.replaceAll('x', s)":                      "replace would make more",
		"var s = 'x'.repeat(1e5); s.replace(/x/g, function () { return s })": "replace would make more",
		"var s = 'x'.repeat(1e5); /x/g[Symbol.replace](s, s)":                "replace would make more",
		"'x'.repeat(2e6).split('')":                                          "split would make more",
		"/x/[Symbol.split]('x'.repeat(2e6))":                                 "cut into pieces",
		"encodeURIComponent(encodeURIComponent('%'.repeat(4e6)))":            "encodeURIComponent would make more",
		nested + "'' + a":            "longer than 100ms",
		nested + "JSON.stringify(a)": "JSON.stringify would make more",
		"var a = []; for (var i = 0; i < 5000; i++) a = [a]; JSON.stringify(a)":         "200 levels",
		"var a = []; for (var i = 0; i < 5000; i++) a = [a]; '' + a":                    "more than 200 calls of built-ins",
		"var o = {toJSON: function () { return JSON.stringify(o) }}; JSON.stringify(o)": "calls lie in one another",
		"JSON.parse('['.repeat(1e6))":                                                   "more than 1000 deep",
		"function f() { return [1].map(f) } f()":                                        "more than 100 calls",
		"var o = {get a() { return o.a }}; o.a":                                         "more than 100 calls",
		"new RegExp('(?=a'.repeat(1e5) + ')'.repeat(1e5))":                              "regular expression has more than 2000",
		"'a'.match('('.repeat(1e6))":                                                    "regular expression has more than 2000",
		"({...'x'.repeat(1e6)})":                                                        "taken apart",
		"[...'x'.repeat(1e6)]":                                                          "taken apart",
		"new Set('x'.repeat(1e6))":                                                      "taken apart",
		"for (var k in 'x'.repeat(1e6)) ;":                                              "taken apart",
		"Object.entries('x'.repeat(1e6))":                                               "entries would make more",
		"Object.assign({}, 'x'.repeat(1e6))":                                            "assign would make more",
		"var a = new Array(9e5); a.concat(a)":                                           "concat would make more",
		endless + "[...it]":                                                             "longer than 100ms",
		endless + "new Set(it)":                                                         "longer than 100ms",
		endless + "new Map(it)":                                                         "",
		endless + "Array.from(it)":                                                      "longer than 100ms",
		endless + "Object.fromEntries(it)":                                              "longer than 100ms",
		endless + "Math.max(...it)":                                                     "longer than 100ms",
		endless + "for (var x of it) ;":                                                 "longer than 100ms",
		"this[' text'] = function (v) { return v }; var s = 'x'; for (;;) s += s":       "more than 4000000 characters",
	})
}

// TestCatastrophicPatterns holds that a match which goes back without end is ended.
func TestCatastrophicPatterns(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a", 60) + "!"
	checkValues(t, "javascript", []value{
		{"/^(a+)+$/.test('" + text + "')", false}, // in time linear in the text
	})
	lasting(t, "javascript", map[string]string{
		"for (;;) /(?=a)(a+)+$/.test('" + text + "')": "longer than 100ms",
	})
}

// TestScriptsThatLieDeep reads what would take a parser or a compiler very long, or
// more stack than there is.
func TestScriptsThatLieDeep(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"parentheses":  strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000),
		"lists":        strings.Repeat("[", 100_000) + "1" + strings.Repeat("]", 100_000),
		"blocks":       strings.Repeat("{", 100_000) + "1" + strings.Repeat("}", 100_000),
		"negations":    strings.Repeat("!", 200_000) + "1",
		"sums":         "1" + strings.Repeat("+a", 100_000),
		"arrows":       strings.Repeat("a=>", 80_000) + "1",
		"conditions":   strings.Repeat("1?1:", 50_000) + "1",
		"alternatives": strings.Repeat("if (0) ; else ", 15_000) + "1",
	} {
		var p *script.Problem
		if _, err := script.Compile("javascript", source); !errors.As(err, &p) || !strings.Contains(p.Message, "more than 1000 deep") {
			t.Errorf("%s: %v", name, err)
		}
	}
	lines := strings.Repeat("'a line' + name +\n", 400) + "'the end'"
	if v, _, err := evaluate(t, "javascript", lines); err != nil || len(v.(string)) != 400*9+7 {
		t.Errorf("a sum of 800: %v, %v", v, err)
	}
}

// TestMemoryLimit lets scripts keep what they make. It runs alone, as what others
// make counts too.
func TestMemoryLimit(t *testing.T) {
	tight := script.Limits{Time: time.Minute, Memory: 16 << 20, Now: now}
	for language, source := range map[string]string{
		"javascript": "var all = []; for (;;) { try { all.push([1, 2, 3, {a: 'b'}]) } catch (e) {} }",
		"groovy":     "def all = [:]; def i = 0; while (true) { def l = []; 1000.times { l << [it] }; all[i] = l; i = i + 1 }",
	} {
		program, err := script.Compile(language, source)
		if err != nil {
			t.Fatal(err)
		}
		_, err = program.Run(context.Background(), newProcess(), tight)
		if !errors.Is(err, script.ErrLimit) || !strings.Contains(err.Error(), "grew by more than 16777216 bytes") {
			t.Errorf("%s ended with %v", language, err)
		}
	}
	// What is thrown away does not count: this makes four times as much.
	program, err := script.Compile("javascript", "var s = 'x'.repeat(1000000), n = 0; for (var i = 0; i < 60; i++) { n += (s + name + i).length } n")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := program.Run(context.Background(), newProcess(), tight); err != nil || !reflect.DeepEqual(v, int32(60*1_000_003+10+100)) {
		t.Errorf("a script that keeps nothing gives %v, %v", v, err)
	}
}

// TestAllocations keeps the price of a run from growing unseen: most of it is the
// machine, which is made for each run.
func TestAllocations(t *testing.T) {
	for language, most := range map[string]float64{"javascript": 4000, "groovy": 60, "juel": 40} {
		source := "execution.setVariable('sum', amount + list.get(0))"
		if language == "juel" {
			source = "${" + source + "}"
		}
		program, err := script.Compile(language, source)
		if err != nil {
			t.Fatal(err)
		}
		p := newProcess()
		got := testing.AllocsPerRun(20, func() {
			if _, err := program.Run(context.Background(), p, limits); err != nil {
				t.Error(err)
			}
		})
		if got > most {
			t.Errorf("a run of %s allocates %v times; at most %v are expected", language, got, most)
		}
	}
}
