package juel_test

import (
	"math"
	"testing"
)

// TestEval holds what the language gives, in the project's own cases.
func TestEval(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		// literals
		"": "", "plain": "plain", "${7}": int64(7), "${7.0}": 7.0, "${.5}": 0.5, "${1e3}": 1000.0, "${2.}": 2.0, "${true}": true, "${null}": nil,
		`${'it\'s'}`: "it's", `${"say \"x\" \\"}`: `say "x" \`, `${'"'}`: `"`, "#{i}": int32(5), "${ \t\n i }": int32(5),
		// text around
		"Hello ${s}": "Hello abc", "${i}${s}": "5abc", "a #{i} b #{d}": "a 5 b 2.5", "${nul}": nil, "${nul}!": "!", "$ {i}": "$ {i}",
		`\${i}`: "${i}", `a\#{i}b`: "a#{i}b", `\\${i}`: `\${i}`, `a\b ${i}`: `a\b 5`, `c:\`: `c:\`, "${list} ${map}": "[x, y, z] {a=1, b={c=deep}}",
		"${date}.": "Mon Jan 05 08:00:00 UTC 2026.", "${json}.": `{"name":"kermit","age":7,"arr":[1,2],"o":{"x":true}}.`, "${'}'}": "}", "{}": "{}",
		// arithmetic
		"${5 + 1}": int64(6), "${i + i}": int64(10), "${7 / 2}": 3.5, "${8 div 2}": 4.0, "${7 % 4}": int64(3), "${-7 mod 4}": int64(-3), "${7.5 % 2}": 1.5,
		"${null + 1}": int64(1), "${null + null}": int64(0), "${null / null}": int64(0), "${'' + 1}": int64(1), "${n + 1}": int64(43), "${'1.5' + 1}": 2.5,
		"${'1e2' * 2}": 200.0, "${1 + 2 * 3}": int64(7), "${(1 + 2) * 3}": int64(9), "${10 - 3 - 2}": int64(5), "${-i}": int32(-5), "${-'3'}": int64(-3),
		"${-'3.0'}": -3.0, "${-nul}": int64(0), "${--i}": int32(5), "${1 / 0}": math.Inf(1), "${-1 / 0}": math.Inf(-1),
		"${9223372036854775807 + 1}": int64(math.MinInt64), "${' 1.5 ' + 0}": 1.5,
		// comparison
		"${i == 5.0}": true, "${i == '5'}": true, "${n == '42'}": true, "${'42' > 5}": true, "${'10' > '9'}": false, "${s eq 'ABC'}": false, "${nul == null}": true,
		"${nul == ''}": false, "${nul < 1}": false, "${nul <= nul}": true, "${t eq 'TRUE'}": true, "${t == 'yes'}": false, "${f == ''}": true, "${i != 5}": false,
		"${i ne 4}": true, "${'a' lt 'b'}": true, "${i ge 5}": true, "${i le '5'}": true, "${f < t}": true, "${date == date}": true, "${date < date}": false,
		"${date <= date}": true, "${list == list}": true, "${list <= list}": true, "${map > map}": false, "${map == map.b}": false, "${json == json}": true, "${'\U0001F600' < '\uFF5E'}": true,
		"${0.0 == -0.0}": false, "${list == '[x, y, z]'}": true,
		// logic
		"${t && f}": false, "${t and 'true'}": true, "${f || 'TRUE'}": true, "${f or nul}": false, "${not f}": true, "${!''}": true, "${'yes' && t}": false,
		"${f && undefined}": false, "${t || undefined}": true, "${(t == true)or(f == true)}": true, "${f || t && f}": false, "${!t || t}": true,
		"${t ? 1 : undefined}": int64(1), "${f ? 1 : 2.5}": 2.5, "${f ? 1 : t ? 2 : 3}": int64(2), "${t ? f ? 1 : 2 : 3}": int64(2),
		"${empty nul}": true, "${empty ''}": true, "${empty elist}": true, "${empty list}": false, "${empty map}": false, "${not empty s}": true, "${empty 0}": false, "${empty json}": false,
		// members
		"${list[1]}": "y", "${list['2']}": "z", "${list[9]}": nil, "${list[-1]}": nil, "${list[1.9]}": "y", "${map.a}": int32(1), "${map['b'].c}": "deep", "${map.zz}": nil,
		"${map.zz.deeper}": nil, "${map[nul]}": nil, "${map[1]}": nil, "${nul.x.y}": nil, "${nul[undefined]}": nil,
		"${date.time}": int64(1767600000000), "${date.year}": int32(126), "${execution.id}": "4711", "${execution.tenantId}": "", "${execution['id']}": "4711",
		"${json.age}": "7", "${json.arr[0]}": nil, "${json.missing}": nil, "${json.o.x}": true, "${json['name']}": "kermit", "${json.missing.x}": nil,
		// methods
		"${execution.getVariable('i')}": int32(5), "${execution.hasVariable('zz')}": false, "${execution.getTenantId()}": "", "${list['size']()}": int32(3), "${nul.foo(undefined)}": nil, "${map.q.foo().x}": nil, "${list[t]}": "y", "${list[f]}": "x",
		"${(s).length()}": int32(3), "${'abc'.length()}": int32(3),
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := evaluate(text, modeller())
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("got %#v, want %#v", got, want)
			}
		})
	}
}
