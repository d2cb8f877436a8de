package script_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/script"
)

func TestGroovyValues(t *testing.T) {
	t.Parallel()
	checkValues(t, "groovy", []value{
		{"", nil},
		{"1 + 2", int32(3)},
		{"5 / 2", 2.5},
		{"4 / 2", 2.0},
		{"5.intdiv(2)", int32(2)},
		{"7 % 4 - -1", int32(4)},
		{"2 ** 10", int32(1024)},
		{"2147483647 + 1", int32(-2147483648)},
		{"2147483648", int64(2147483648)},
		{"1L + 1", int64(2)},
		{"1_000 + 0xff", int32(1255)},
		{"1.5 + 1", 2.5},
		{"1e3", 1000.0},
		{"amount + 1", int32(71)},
		{"'a' + 1 + null", "a1null"},
		{"'abcb' - 'b'", "acb"},
		{"'ab' * 2", "abab"},
		{"\"a${amount + 1}b$name c${map.b.c}$map.a\"", "a71bAnn cd1"},
		{"\"${tricky}\" + \"$tricky\"", "${execution.setVariable('hacked', 1)}${execution.setVariable('hacked', 1)}"},
		{"'$name ${name}'", "$name ${name}"},
		{"\"\\$name \\u0041\\n\"", "$name A\n"},
		{"'''a\n'b' '''", "a\n'b' "},
		{"\"\"\"a\n\"$name\" ${\"in ${amount}\"}\"\"\"", "a\n\"Ann\" in 70"},
		// Equality, order and truth.
		{"1 == 1L && 1 == 1.0 && '1' != 1 && null == null && null != 0", true},
		{"[1, [2]] == [1L, [2.0]] && [a: 1] == [a: 1.0]", true},
		{"\"${1}\" == '1'", true},
		{"'b' > 'a' && 2 > 1.5 && null < 0 && !(1 < null)", true},
		{"(1 <=> 2) + ('b' <=> 'a')", int32(0)},
		{"[0, '', [], [:], null, false].collect { !it }", []any{true, true, true, true, true, true}},
		{"[1, 'a', [0], [a: 0], true].collect { it ? 'y' : 'n' }.join('')", "yyyyy"},
		{"nothing ?: 'other'", "other"},
		{"name ?: 'other'", "Ann"},
		{"nothing?.length()", nil},
		{"nothing?.a?.b", nil},
		{"2 in [1, 2] && 'a' in map && !('z' in map)", true},
		{"true && false || !false", true},
		{"5 & 3 | 8 ^ 1", int32(9)},
		{"amount instanceof Integer && name instanceof String && !(name instanceof List)", true},
		// Lists, maps and ranges.
		{"def list = []\nlist.add(1)\nlist << 2 << 'x'\nlist", []any{int32(1), int32(2), "x"}},
		{"list[0] + list.get(0) + list[-3]", int32(3)},
		{"list[9]", nil},
		{"list[0..1]", []any{int32(1), "two"}},
		{"list[2] << 4; list[2]", []any{int32(3), int32(4)}},
		{"def l = [1]; l[3] = 4; l", []any{int32(1), nil, nil, int32(4)}},
		{"[1, 2] + [3] + 4 - 2", []any{int32(1), int32(3), int32(4)}},
		{"def m = [a: 1, 'b c': 2, (name): 3]; m.d = 4; m['e'] = 5; m.put('f', 6); m.remove('a'); m", map[string]any{"b c": int32(2), "Ann": int32(3), "d": int32(4), "e": int32(5), "f": int32(6)}},
		{"[:]", map[string]any{}},
		{"[a: 1] + [b: 2]", map[string]any{"a": int32(1), "b": int32(2)}},
		{"map.a + map['a'] + map.get('a') + map.b.size()", int32(4)},
		{"map.missing", nil},
		{"(1..3) + (3..1) + (0..<2)", []any{int32(1), int32(2), int32(3), int32(3), int32(2), int32(1), int32(0), int32(1)}},
		{"[[n: 1], [n: 2]].n", []any{int32(1), int32(2)}},
		{"'hello'[1] + 'hello'[-1] + 'hello'[1..2]", "eoel"},
		// Closures.
		{"def s = 0; list[2].each { s += it }; (1..4).each { n -> s += n }; s", int32(13)},
		{"[3, 1, 2].sort().join(',') + [3, 1, 2].sort { -it }.join(',') + [3, 1, 2].sort { a, b -> b <=> a }", "1,2,33,2,1[3, 2, 1]"},
		{"(1..5).findAll { it % 2 }.collect { it * it }.sum()", int32(35)},
		{"(1..5).find { it > 2 } + (1..5).count { it > 2 }", int32(6)},
		{"(1..5).any { it > 4 } && (1..5).every { it > 0 } && ![].any { true }", true},
		{"map.collect { k, v -> k }.join('') + map.findAll { it.key == 'a' }.size() + map.any { k, v -> v == 1 }", "ab1true"},
		{"def s = ''; ['a', 'b'].eachWithIndex { x, i -> s += x + i }; s", "a0b1"},
		{"def add = { a, b = 10 -> a + b }; add(1, 2) + add(1) + add.call(1, 1)", int32(16)},
		{"def twice = { f, x -> f(f(x)) }; twice({ it * 3 }, 2)", int32(18)},
		{"def n = 0; 3.times { n += it }; n", int32(3)},
		{"[1, 2, 3].max() + [1, 2, 3].min() + [3, 3].unique().size() + [1, 2].last() + [1, 2].first() + [1, 2].reverse()[0]", int32(10)},
		// Statements.
		{"if (amount > 50)\n  'big'\nelse\n  'small'", "big"},
		{"if (amount > 100) { 'big' } else if (amount > 60) { 'middle' }\nelse { 'small' }", "middle"},
		{"def i = 0; while (true) { i++; if (i == 3) continue; if (i > 5) break }; i", int32(6)},
		{"def s = 0\nfor (x in 1..4) { if (x == 2) continue\n s += x }\nfor (int i = 0; i < 3; i++) s += i\nfor (String k : map.keySet()) s += k.length()\ns", int32(13)},
		{"for (e in map) { return e.key + e.value }", "a1"},
		{"switch (name) { case 'Bob': return 1\n case ['Ann', 'Eve']: return 2\n default: return 3 }", int32(2)},
		{"switch (3) { case 1: 'a'; break; default: 'd' }", "d"},
		{"def f(int a, b = 2) { return a * b }\nf(3) + f(3, 3)", int32(15)},
		{"String twice(String s) {\n s + s\n}\ntwice('a')", "aa"},
		{"def fact(n) { n < 2 ? 1 : n * fact(n - 1) }; fact(10)", int32(3628800)},
		{"try { failing.run() } catch (Exception e) { e.message } finally { amount }", "the bean is out of order"},
		{"try { throw new RuntimeException('a' + 1) } catch (java.lang.Exception e) { e.getMessage() }", "a1"},
		{"try { 1 / 0 } catch (e) { 'zero' }", "zero"},
		{"def a = 1, b = 2; a += b; a *= 3; a -= 1; a", int32(8)},
		{"int a = 5.7; long b = 2; double c = 1; String d = 5; boolean e = 'x'; [a, b, c, d, e]", []any{int32(5), int64(2), 1.0, "5", true}},
		{"List<Map<String, Object>> l = new ArrayList<Map<String, Object>>(); String[] none = null; l.size()", int32(0)},
		{"'5' as int + ('7' as Long) + (int) 2.9 + '3'.toInteger()", int64(17)},
		{"def a = 1; a++ + ++a - a--", int32(1)},
		{"name\n  .toLowerCase()\n  .length()", int32(3)},
		{"def x = amount > 1 &&\n  name\nx", true},
		{"a = 5; b = a + 1; b", int32(6)},
		{"// only\n/* comments */\n5 // end", int32(5)},
		{"def Amount = json.get('Amount').asDouble();\nAmount * ((100 - 10)/100)", 11.25},
		// Java's and Groovy's members.
		{"' a,b '.trim().split(',').size() + 'abc'.size() + 'abc'.length() + 'a b'.tokenize().size()", int32(10)},
		{"'abc'.substring(1).toUpperCase() + 'ab'.capitalize() + 'abc'.reverse() + '7'.padLeft(3, '0')", "BCAbcba007"},
		{"'12'.isNumber() && !'x'.isNumber() && '12'.isInteger() && 'true'.toBoolean()", true},
		{"name.equals('Ann') && !list.isEmpty() && list.contains('two')", true},
		{"Math.max(1, 2) + Integer.parseInt('3') + Integer.valueOf('4')", int32(9)},
		{"Math.round(2.5) + Math.abs(-1)", int64(4)},
		{"new Date()", now()},
		{"new Date() - day", int32(298)},
		{"(day + 1).format(\"yyyy-MM-dd'T'HH:mm:ss.SSS\")", "2026-02-01T10:00:00.000"},
		{"day.before(new Date()) && day < new Date() && day.time == 1769853600000L", true},
		{"import java.util.UUID\nimport java.util.*\nUUID.randomUUID().toString().length()", int32(36)},
		{"new java.util.HashMap().size() + new LinkedHashMap([a: 1]).size()", int32(1)},
		{"import java.util.Base64;\n\ndef sign = 'data:image/png;base64,aGk=';\nBase64.getDecoder().decode(sign.substring(sign.indexOf('base64,') + 7 , sign.length()))", []byte("hi")},
		{"execution.id + execution.getProcessInstanceId()", "4242"},
		{"execution.setVariable('x', [1, [a: 2.5]]); execution.getVariable('x').get(1).a", 2.5},
		{"println 'a'; out.println(1); print(2)", nil},
		{"{ -> 1 }", nil},
		// From real applications.
		{"def list = []\nlist.add(name)\nif(empty)\nlist.add(empty)\nif(amount)\nlist.add(amount)\nexecution.setVariable(\"collection\",list)\nexecution.setVariable(\"approvalCount\",0)\nexecution.getVariable('collection')", []any{"Ann", int32(70)}},
		{"if((amount+1)/100 >= 0.5 && execution.getVariable(\"amount\")/100 >= 0.5){\n    execution.setVariable(\"approved\",true)\n}\nexecution.getVariable('approved')", true},
	})
}

func TestGroovyFailures(t *testing.T) {
	t.Parallel()
	checkFailures(t, "groovy", []failure{
		// What the subset lacks, told when the script is read.
		{"def a = 1\nclass B { }", 2, 1, "a class is not among the Groovy that is supported"},
		{"enum E { A }", 1, 1, "an enumeration"},
		{"@Grab('x') import a", 1, 1, "an annotation"},
		{"assert true", 1, 1, "assert"},
		{"do { } while (true)", 1, 1, "do … while"},
		{"def (a, b) = [1, 2]", 1, 5, "several names"},
		{"a: for (;;) { }", 1, 1, "a label"},
		{"for (;;) { break a }", 1, 18, "a label"},
		{"import java.io.File", 1, 8, "the class java.io.File"},
		{"import static java.lang.Math.*", 1, 8, "a static import"},
		{"import groovy.sql.*", 1, 8, "the package groovy.sql"},
		{"1\n  new File('/etc/passwd').text", 2, 7, "new File"},
		{"new groovy.lang.GroovyShell()", 1, 5, "new groovy.lang.GroovyShell"},
		{"java.lang.Runtime.getRuntime()", 1, 1, "the class java.lang.Runtime"},
		{"Runtime.getRuntime().exec('ls')", 1, 1, "the class Runtime"},
		{"Foo x = 1", 1, 5, "the end of the statement"},
		{"'a' =~ 'b'", 1, 5, "the operator =~"},
		{"list*.size()", 1, 5, "the operator *."},
		{"list.&size", 1, 5, "the operator .&"},
		{"x = /a/", 1, 5, "a text between slashes"},
		{"f(*list)", 1, 3, "the operator *"},
		{"f(a: 1)", 1, 3, "an argument with a name"},
		{"1 as File", 1, 6, "the type File"},
		{"this.x", 1, 1, "this"},
		{"1 === 1", 1, 3, "the operator ==="},
		{"try { } catch (IOException e) { }", 1, 16, "catching IOException"},
		{"a >>= 1", 1, 3, ">>="},
		{"def f() {}\ndef f() {}", 2, 5, "a second method f"},
		{"\"${1", 1, 5, "${ is not closed"},
		{"'a", 1, 1, "not closed"},
		{"/* a", 1, 1, "not closed"},
		{"\"$\"", 1, 2, "before a name"},
		{"'\\q'", 1, 2, "no escape"},
		{"(1", 1, 3, "not closed"},
		{"1)", 1, 2, "closes nothing"},
		{"1 +", 1, 4, "a value is expected, not the end"},
		{"def x = \n", 2, 1, "a value is expected"},
		{"1 2", 1, 3, "the end of the statement"},
		{"if true", 1, 4, "\"(\" is expected"},
		{"break", 1, 1, "outside of a loop"},
		{"[1].each { break }", 1, 12, "outside of a loop"},
		{"1 = 2", 1, 3, "cannot be assigned"},
		{"[1, a: 2]", 1, 8, "not both"},
		{"010", 1, 1, "not a number"},
		{"#", 1, 1, "no meaning"},
		{strings.Repeat("(", 200), 1, 201, "not closed"},
		{strings.Repeat("(", 200) + strings.Repeat(")", 200), 1, 50, "deep"},
		{strings.Repeat("[", 150) + strings.Repeat("]", 150), 1, 50, "deep"},
		{strings.Repeat("!", 150) + "1", 1, 99, "deep"},
		// What goes wrong when it runs.
		{"def a = 1\n\n  missing + a", 3, 3, "there is no variable \"missing\""},
		{"nothing.length()", 1, 9, "called on null"},
		{"nothing.x", 1, 9, "read from null"},
		{"1 + nothing", 1, 3, "null on one side"},
		{"1 < 'a'", 1, 3, "no order"},
		{"1 / 0", 1, 3, "division by zero"},
		{"list.get(9)", 1, 6, "none at 9"},
		{"nope(1)", 1, 1, "no method \"nope\""},
		{"def c = { a, b -> 1 }; c(1, 2, 3)", 1, 24, "3 arguments are given"},
		{"name.nope()", 1, 6, "nope"},
		{"'ls'.execute()", 1, 6, "execute"},
		{"execution.class", 1, 11, "class"},
		{"''.class.forName('java.lang.Runtime')", 1, 4, "class"},
		{"''.getClass()", 1, 4, "getClass"},
		{"name.metaClass", 1, 6, "metaClass"},
		{"System.exit(1)", 1, 8, "System.exit"},
		{"Integer.MAX", 1, 9, "Integer.MAX"},
		{"execution.x = 1", 1, 11, "cannot be assigned"},
		{"execution.setVariable('f', { 1 })", 1, 11, "functions"},
		{"throw 'text'", 1, 1, "only exceptions"},
		{"throw new Exception('own')", 1, 1, "own"},
		{"failing.run()", 1, 9, "out of order"},
		{"'x' as int", 1, 5, "a whole number"},
		{"day.format('QQ')", 1, 5, "means nothing"},
		{"refused = 1", 0, 0, "not this one"},
		{"for (x in 5) { }", 1, 11, "nothing to go through"},
	})
}

func TestGroovyLimits(t *testing.T) {
	t.Parallel()
	lasting(t, "groovy", map[string]string{
		"while (true) { }": "longer than 100ms",
		"while (true) ;":   "longer than 100ms",
		"done = 1; for (;;) { try { while (true) { } } catch (e) { } finally { } }": "longer than 100ms",
		"def f(n) { f(n + 1) }\ntry { f(1) } catch (Throwable e) { done = 1 }":      "more than 100 calls",
		"def c\nc = { c() }\nc()":                                "more than 100 calls",
		"def s = 'x'; while (true) s += s":                       "longer than",
		"def s = 'x'; while (true) s = \"$s$s\"":                 "longer than",
		"'x' * 1000000000":                                       "repeated",
		"(1..1000000000).size()":                                 "more than 1000000 numbers",
		"def l = []; l[2000000000] = 1":                          "no item at",
		"def l = [1]; while (true) l.addAll(l)":                  "",
		"def l = []; 40.times { l = [l, l] }; l":                 "more than",
		"2000000000.times { }":                                   "longer than 100ms",
		"1.upto(2000000000) { }":                                 "longer than 100ms",
		"def m = [:]; def i = 0; while (true) { i++; m[i] = i }": "",
		"(1..1000000).sort { a, b -> while (true) { } }":         "longer than 100ms",
	})
}

func TestWhatGroovyAssigns(t *testing.T) {
	t.Parallel()
	_, p, err := evaluate(t, "groovy", "def a = 1; b = [2]; int c = 3; amount = amount + 1; [1].each { d = it; def e = 5 }; b << 3; b = b")
	if want := map[string]any{"b": []any{int32(2), int32(3)}, "amount": int32(71), "d": int32(1)}; err != nil || !reflect.DeepEqual(p.sets, want) {
		t.Errorf("set %v, %v; want %v", p.sets, err, want)
	}
	v, p, err := evaluate(t, "groovy", "list.add(9); execution.setVariable('longer', list); list.size()")
	if err != nil || v != int32(4) || len(p.vars["list"].([]any)) != 3 || len(p.vars["longer"].([]any)) != 4 {
		t.Errorf("list %v, longer %v, %v", p.vars["list"], p.vars["longer"], err)
	}
	if _, p, err = evaluate(t, "groovy", "a = 1; 1 / 0"); err == nil || len(p.sets) > 0 {
		t.Errorf("set %v, %v", p.sets, err)
	}
}

func TestGroovyErrors(t *testing.T) {
	t.Parallel()
	_, _, err := evaluate(t, "groovy", "import org.activiti.engine.delegate.BpmnError\nthrow new BpmnError('late', 'too late')")
	var thrown *script.BPMNError
	if !errors.As(err, &thrown) || *thrown != (script.BPMNError{Code: "late", Message: "too late"}) {
		t.Errorf("thrown: %v", err)
	}
	for _, source := range []string{"failing.run()", "try { failing.run() } catch (e) { throw e }", "try { failing.run() } finally { 1 }"} {
		if _, _, err = evaluate(t, "groovy", source); !errors.Is(err, errFailing) {
			t.Errorf("%s: a bean's error became %v", source, err)
		}
	}
	source := "try { throw new org.activiti.engine.delegate.BpmnError('x') } catch (BpmnError e) { e.errorCode }"
	if v, _, err := evaluate(t, "groovy", source); v != "x" || err != nil {
		t.Errorf("caught %v, %v", v, err)
	}
	stopped := errors.New("the server stops")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stopped)
	program, err := script.Compile("groovy", "for (;;) { try { 1 } catch (e) { } }")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := program.Run(ctx, newProcess(), limits); !errors.Is(err, stopped) || errors.Is(err, script.ErrLimit) {
		t.Errorf("ended with %v", err)
	}
}

// TestProgramsAreShared runs one program many times at once.
func TestProgramsAreShared(t *testing.T) {
	t.Parallel()
	for language, source := range map[string]string{
		"groovy":     "def l = []; for (i in 1..amount) { l << i }; total = l.sum(); total",
		"javascript": "var l = []; for (var i = 1; i <= amount; i++) { l.push(i) } total = l.reduce(function (a, b) { return a + b }); total",
	} {
		program, err := script.Compile(language, source)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 20)
		for range cap(done) {
			go func() {
				p := newProcess()
				v, err := program.Run(context.Background(), p, script.Limits{Time: 30 * time.Second})
				if v != int32(2485) || p.sets["total"] != int32(2485) {
					err = errors.Join(err, errors.New("a wrong sum"))
				}
				done <- err
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Errorf("%s: %v", language, err)
			}
		}
	}
}

// FuzzGroovy reads and runs any text within small limits.
func FuzzGroovy(f *testing.F) {
	for _, seed := range []string{
		"def list = []\nlist.add(name)\nif(empty)\nlist.add(empty)\nexecution.setVariable(\"c\", list)", "\"a${amount + 1}b$name ${\"x${1}\"}\"", "map.collect { k, v -> k }.join('')",
		"def f(int a, b = 2) { return a * b }\nf(3)", "switch (name) { case ['Ann']: return 2\n default: 3 }", "try { failing.run() } catch (Exception e) { e.message } finally { 1 }",
		"import java.util.*\nList<Map<String, Object>> l = new ArrayList<>(); l[3] = (int) 2.5; l?.size() ?: 5", "for (int i = 0; i < 3; i++) { if (i) continue; x = i }",
		"def c = { a, b -> a <=> b }; [3, 1, 2].sort(c)[-1..0]", "'abc'.tokenize('b')*2 ** 3 in 1..<5", "(day + 1).format(\"yyyy-MM-dd'T'HH:mm\")",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) { fuzz(t, "groovy", source) })
}
