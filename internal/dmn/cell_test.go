package dmn_test

import (
	"reflect"
	"testing"
	"time"
)

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// TestInputCells holds what a cell asks of a value: which of the values match it.
func TestInputCells(t *testing.T) {
	t.Parallel()
	scope := names{"limit": int64(10), "gold": "gold", "colours": []any{"red", "blue"}, "day": date(2020, 5, 17)}
	for _, c := range []struct {
		kind, cell string
		yes, no    []any
	}{
		{"number", "", []any{int64(1), nil, "x"}, nil},
		{"number", " - ", []any{int64(1), nil}, nil},
		{"number", "== 5", []any{int64(5), int32(5), 5.0, "5", " 5.0 "}, []any{int64(6), nil, "five", []any{}}},
		{"number", "= 5", []any{int64(5)}, []any{int64(6)}},
		{"number", "5", []any{5.0}, []any{6.0}},
		{"number", "-5", []any{int64(-5)}, []any{int64(5)}},
		{"number", "!= 5", []any{int64(6), nil}, []any{5.0}},
		{"number", "!= 5", []any{"abc", date(2020, 1, 1)}, []any{"5"}},
		{"number", "!= 5 && limit == 10", []any{int64(6)}, []any{int64(5), "abc"}},
		{"number", "> 5", []any{6.5, "10"}, []any{5.0, nil}},
		{"number", ">= 5", []any{5.0}, []any{4.9}},
		{"number", "< limit", []any{int64(9)}, []any{int64(10)}},
		{"number", "<=limit - 1", []any{int64(9)}, []any{int64(10)}},
		{"number", "> 5 && limit == 10", []any{int64(6)}, []any{int64(5)}},
		{"number", "[1..5]", []any{int64(1), 5.0}, []any{0.9, 5.1}},
		{"number", "(1..limit)", []any{1.1, 9.9}, []any{int64(1), int64(10)}},
		{"number", "]1..5[", []any{int64(2)}, []any{int64(1), int64(5)}},
		{"number", "< 2, > 8", []any{int64(1), int64(9)}, []any{int64(5)}},
		{"number", "1, 2,3", []any{int64(3)}, []any{int64(4)}},
		{"number", "not(1, [5..9])", []any{int64(2)}, []any{int64(1), int64(7)}},
		{"number", "IN (1, 2, limit)", []any{int64(10), 2.0}, []any{int64(3)}},
		{"number", "not in [1,2]", []any{int64(3)}, []any{int64(1)}},
		{"number", "== empty", []any{nil, ""}, []any{int64(0)}},
		{"number", "== nil", []any{nil}, []any{int64(0)}},
		{"number", ".intValue() > 2", []any{int64(3)}, []any{int64(1)}},
		{"number", "${limit}", []any{int64(10)}, []any{int64(9)}},
		{"number", "${limit > 5}", []any{int64(1), nil}, nil},
		{"number", "#{limit > 50}", nil, []any{int64(1)}},
		{"string", `== "gold"`, []any{"gold"}, []any{"Gold", nil}},
		{"string", `"gold"`, []any{"gold"}, []any{"silver"}},
		{"string", "gold", []any{"gold"}, []any{"silver"}},
		{"string", "'gold', \"a,b\"", []any{"gold", "a,b"}, []any{"a"}},
		{"string", `not("gold")`, []any{"silver", nil}, []any{"gold"}},
		{"string", `!= 'gold'`, []any{"silver", nil}, []any{"gold"}},
		{"string", "!= empty", []any{"x"}, []any{"", nil}},
		{"string", "== 5", []any{"5", int64(5)}, []any{"6"}},
		{"string", ".startsWith('te')", []any{"test"}, []any{"x"}},
		{"string", "== '5'", []any{"5", int64(5), 5.0}, []any{"6", 6.0}},
		{"string", ".startsWith('a')", []any{"a"}, []any{nil, int64(5)}},
		{"string", ".concat('a')", nil, []any{"a"}},
		{"string", `== "a\n\"b\"\u0041\\"`, []any{"a\n\"b\"A\\"}, nil},
		{"string", `== 'it\'s \"so\"'`, []any{`it's "so"`}, nil},
		{"string", `.matches('\d+')`, []any{"42"}, []any{"d"}},
		{"string", ".length() == 4 || gold == 'x'", []any{"test"}, []any{"x"}},
		{"string", "contains 'oo'", []any{"foobar"}, []any{"bar", nil}},
		{"string", "not contains 'oo'", []any{"bar", nil}, []any{"foobar"}},
		{"string", "contains('oo')", []any{"foobar"}, []any{"bar"}},
		{"string", `IN ("a", "b, c")`, []any{"a", "b, c"}, []any{"b", nil}},
		{"string", `is in "a", "b"`, []any{"b"}, []any{"c"}},
		{"string", "IS NOT IN colours", []any{"green"}, []any{"red"}},
		{"string", `.matches("fn_date('x')")`, []any{"fn_date'x'"}, []any{"x"}},
		{"string", `"nil"`, []any{"nil"}, []any{nil}},
		{"string", "< 'b'", []any{"a"}, []any{"b"}},
		{"string", "== true", []any{true, "true"}, []any{"yes"}},
		{"boolean", "== true", []any{true, "true"}, []any{false, nil, "x"}},
		{"boolean", "false", []any{false, "false"}, []any{true}},
		{"boolean", "!= true", []any{false}, []any{true}},
		{"date", "== fn_date('2016-01-31')", []any{date(2016, 1, 31), "2016-01-31", "2016-01-31T00:00:00Z"}, []any{date(2016, 2, 1), "soon", nil}},
		{"date", `> "2016-01-31"`, []any{date(2016, 2, 1)}, []any{date(2016, 1, 31)}},
		{"date", "<= 18-09-1977", []any{date(1977, 9, 18)}, []any{date(1977, 9, 19)}},
		{"date", "< 2016-01-31", []any{date(2016, 1, 30)}, []any{date(2016, 1, 31)}},
		{"date", "< fn_now()", []any{date(2026, 3, 30)}, []any{date(2026, 3, 31)}},
		{"date", "== fn_addDate(fn_now(), 0, -1, 0)", []any{date(2026, 2, 28)}, []any{date(2026, 3, 1)}},
		{"date", "== fn_addDate(fn_date('2024-02-29'), 1, 0, 1)", []any{date(2025, 3, 1)}, []any{date(2025, 2, 28)}},
		{"date", "== fn_subtractDate(day, 1, 2, 3)", []any{date(2019, 3, 14)}, []any{date(2020, 5, 17)}},
		{"date", "== date:addDate(date:toDate('2020-01-31'), 0, 1, 0)", []any{date(2020, 2, 29)}, nil},
		{"date", `[date("2020-01-01")..date("2020-12-31")]`, []any{date(2020, 6, 1)}, []any{date(2021, 1, 1)}},
		{"date", "<= fn_date('2016-01-31')", []any{date(2016, 1, 31)}, []any{"", "5", "soon"}},
		{"date", ".before(day)", []any{date(2020, 5, 16)}, []any{date(2020, 5, 17)}},
		{"date", "IN ('2020-01-01', '2021-01-01')", []any{date(2021, 1, 1)}, []any{date(2022, 1, 1)}},
		{"", "ANY OF ('red', 'green')", []any{[]any{"red"}, "green"}, []any{[]any{"blue"}, nil}},
		{"collection", "ALL OF colours", []any{[]any{"blue", "red", "x"}}, []any{[]any{"red"}, nil}},
		{"collection", "none of ('red')", []any{[]any{"blue"}, nil}, []any{[]any{"red"}}},
		{"collection", "contains 'red'", []any{[]any{"red", "blue"}}, []any{[]any{"blue"}}},
		{"collection", "contains 1", []any{[]any{int32(1), 2.0}}, []any{[]any{2.0}}},
	} {
		table := grid{"", "", []string{"in|" + c.kind}, []string{"out|string"}, [][]string{{c.cell, "'yes'"}}}.table(t)
		try := func(value any, want bool) {
			with := names{"in": value}
			for k, v := range scope {
				with[k] = v
			}
			got, err := table.DecideAt(with, now)
			if err != nil || got.Audit[0].Matched != want {
				t.Errorf("%q (%s) of %#v: got %v, %v, want %v", c.cell, c.kind, value, got.Audit, err, want)
			}
		}
		for _, value := range c.yes {
			try(value, true)
		}
		for _, value := range c.no {
			try(value, false)
		}
	}
}

// TestOutputCells holds what an output is, and what becomes of it by its type.
func TestOutputCells(t *testing.T) {
	t.Parallel()
	scope := names{"in": "x", "n": int64(3), "list": []any{"a"}}
	for _, c := range []struct {
		kind, cell string
		want       any
	}{
		{"string", `"a"`, "a"},
		{"string", "'a'", "a"},
		{"string", "3 + 4", "7"},
		{"string", "in.concat('y')", "xy"},
		{"string", "${in} and ${n}", "x and 3"},
		{"string", "'Dear ' + in + \", you have \" + n + '+' + (n + 1)", "Dear x, you have 3+4"},
		{"string", "n + 1 + ' of ' + n", "4 of 3"},
		{"string", "in + fn_date('2020-02-03').year", "x120"},
		{"string", "'a' == 'a' ? 'x' : 'y'", "x"},
		{"string", "1e+2", "100.0"},
		{"number", "'2' + n", 5.0},
		{"", "in + '1'", "x1"},
		{"string", "n > 2 ? 'big' : 'small'", "big"},
		{"string", `'fn_now()'`, "fn_now()"},
		{"number", "1", 1.0},
		{"number", "10 / 4", 2.5},
		{"number", "n * 2", 6.0},
		{"number", "'2.5'", 2.5},
		{"double", "n", 3.0},
		{"integer", "n", int32(3)},
		{"long", "n", int64(3)},
		{"boolean", "true", true},
		{"boolean", "'false'", false},
		{"boolean", "n == 3", true},
		{"date", "fn_date('2020-02-03')", date(2020, 2, 3)},
		{"date", "'2020-02-03'", date(2020, 2, 3)},
		{"date", "fn_addDate(fn_now(), 0, 0, 1)", date(2026, 4, 1)},
		{"date", "#{date:now()}", date(2026, 3, 31)},
		{"feel:string", "'a'", "a"},
		{"", "list", []any{"a"}},
		{"any", "nil", nil},
	} {
		table := grid{"", "", []string{"in|string"}, []string{"out|" + c.kind}, [][]string{{"", c.cell}}}.table(t)
		got, err := table.DecideAt(scope, now)
		if err != nil {
			t.Errorf("%q (%s): %v", c.cell, c.kind, err)
			continue
		}
		if value := got.Outputs()["out"]; !reflect.DeepEqual(value, c.want) {
			t.Errorf("%q (%s): got %#v, want %#v", c.cell, c.kind, value, c.want)
		}
	}
}

// A boolean that nobody has set is false, as in Activiti; other inputs must exist.
func TestMissingBoolean(t *testing.T) {
	t.Parallel()
	table := grid{"", "", []string{"in|boolean"}, []string{"out|string"}, [][]string{{"== true", "'yes'"}, {"== false", "'no'"}}}.table(t)
	got, err := table.DecideAt(nil, now)
	if err != nil || got.Outputs()["out"] != "no" {
		t.Errorf("got %v, %v", got.Outputs(), err)
	}
}

// Dates without a zone are in the zone of the decision.
func TestZone(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	table := grid{"", "", []string{"in|date"}, []string{"out|date"}, [][]string{{"== fn_date('2020-02-03')", "fn_now()"}}}.table(t)
	got, err := table.DecideAt(names{"in": time.Date(2020, 2, 2, 23, 0, 0, 0, time.UTC)}, now.In(zone))
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 3, 31, 0, 0, 0, 0, zone); !reflect.DeepEqual(got.Outputs()["out"], want) {
		t.Errorf("got %v, want %v", got.Outputs(), want)
	}
}
