package dmn_test

import (
	"encoding/xml"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/dmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// now is the time of every decision here.
var now = time.Date(2026, 3, 31, 15, 30, 0, 0, time.UTC)

// names is a scope.
type names map[string]any

func (n names) Lookup(name string) (any, bool) {
	value, ok := n[name]
	return value, ok
}

// grid writes a document. Columns are "name|type"; an output may have values behind
// a second bar.
type grid struct {
	policy, aggregation string
	inputs, outputs     []string
	rules               [][]string
}

func (g grid) xml() []byte {
	var b strings.Builder
	esc := func(s string) string {
		var out strings.Builder
		_ = xml.EscapeText(&out, []byte(s))
		return out.String()
	}
	fmt.Fprintf(&b, `<definitions xmlns="http://www.omg.org/spec/DMN/20151101/dmn.xsd" id="d"><decision id="table" name="A table"><decisionTable id="t" hitPolicy="%s" aggregation="%s">`, g.policy, esc(g.aggregation))
	for i, column := range g.inputs {
		name, kind, _ := strings.Cut(column, "|")
		fmt.Fprintf(&b, `<input id="in%d" label="L"><inputExpression id="e%d" typeRef="%s"><text>%s</text></inputExpression></input>`, i, i, kind, esc(name))
	}
	for i, column := range g.outputs {
		parts := strings.SplitN(column+"||", "|", 3)
		fmt.Fprintf(&b, `<output id="out%d" name="%s" typeRef="%s">`, i, parts[0], parts[1])
		if values := strings.TrimRight(parts[2], "|"); values != "" {
			fmt.Fprintf(&b, `<outputValues><text>%s</text></outputValues>`, esc(values))
		}
		b.WriteString("</output>\n")
	}
	for r, rule := range g.rules {
		b.WriteString("<rule>")
		for i, cell := range rule {
			tag := "inputEntry"
			if i >= len(g.inputs) {
				tag = "outputEntry"
			}
			fmt.Fprintf(&b, `<%s id="c%d_%d"><text>%s</text></%s>`, tag, r+1, i+1, esc(cell), tag)
		}
		b.WriteString("</rule>\n")
	}
	b.WriteString("</decisionTable></decision></definitions>")
	return []byte(b.String())
}

func (g grid) table(t testing.TB) *dmn.Table {
	t.Helper()
	table, err := dmn.Parse(g.xml())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// bands is a table whose rules overlap.
func bands(policy, aggregation, output string) grid {
	return grid{policy, aggregation, []string{"age|number"}, []string{output}, [][]string{
		{"> 60", `"senior"`}, {"> 18", `"adult"`}, {"> 12", `"teen"`}, {"", `"child"`},
	}}
}

func TestHitPolicies(t *testing.T) {
	t.Parallel()
	name := func(values ...any) []map[string]any {
		var rows []map[string]any
		for _, v := range values {
			rows = append(rows, map[string]any{"name": v})
		}
		return rows
	}
	fee := func(policy, aggregation string) grid {
		return grid{policy, aggregation, []string{"age|number"}, []string{"name|number"}, [][]string{{"> 60", "2"}, {"> 18", "10"}, {"> 12", "5.5"}, {"> 100", "99"}}}
	}
	for label, c := range map[string]struct {
		grid     grid
		age      int64
		rows     []map[string]any
		multiple bool
		looked   int // rules in the audit
	}{
		"first":                  {bands("FIRST", "", "name|string"), 30, name("adult"), false, 2},
		"no policy":              {bands("", "", "name|string"), 30, name("adult"), false, 2},
		"first, last rule":       {bands("FIRST", "", "name|string"), 3, name("child"), false, 4},
		"any, the last one wins": {bands("ANY", "", "name|string"), 30, name("child"), false, 4},
		"unique":                 {fee("UNIQUE", ""), 15, name(5.5), false, 4},
		"unique, none":           {fee("UNIQUE", ""), 1, nil, false, 4},
		"priority":               {bands("PRIORITY", "", `name|string|"teen","child","adult","senior"`), 30, name("teen"), false, 4},
		"priority, not listed":   {bands("PRIORITY", "", `name|string|"adult"`), 15, name("teen"), false, 4},
		"rule order":             {bands("RULE ORDER", "", "name|string"), 30, name("adult", "teen", "child"), true, 4},
		"output order":           {bands("OUTPUT ORDER", "", `name|string|"child","senior","teen"`), 70, name("child", "senior", "teen", "adult"), true, 4},
		"collect":                {bands("COLLECT", "", "name|string"), 15, name("teen", "child"), true, 4},
		"collect, none":          {fee("COLLECT", ""), 1, nil, true, 4},
		"sum":                    {fee("COLLECT", "SUM"), 70, name(17.5), false, 4},
		"min":                    {fee("COLLECT", "MIN"), 70, name(2.0), false, 4},
		"max":                    {fee("COLLECT", "MAX"), 70, name(10.0), false, 4},
		"count":                  {fee("COLLECT", "COUNT"), 70, name(int64(3)), false, 4},
		"count, none":            {fee("COLLECT", "COUNT"), 1, name(int64(0)), false, 4},
		"sum, none":              {fee("COLLECT", "SUM"), 1, nil, false, 4},
		"signs":                  {fee("C+", ""), 70, name(17.5), false, 4},
		"underscore":             {bands("RULE_ORDER", "", "name|string"), 15, name("teen", "child"), true, 4},
		"count of texts":         {bands("COLLECT", "COUNT", "name|string"), 15, name(int64(2)), false, 4},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			got, err := c.grid.table(t).DecideAt(names{"age": c.age}, now)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Rows, c.rows) || got.Multiple != c.multiple {
				t.Errorf("got %v, several %v, want %v, %v", got.Rows, got.Multiple, c.rows, c.multiple)
			}
			if len(got.Audit) != c.looked {
				t.Errorf("%d rules were looked at, want %d", len(got.Audit), c.looked)
			}
			if len(c.rows) > 0 && !reflect.DeepEqual(got.Outputs(), c.rows[0]) || len(c.rows) == 0 && got.Outputs() != nil {
				t.Errorf("outputs are %v", got.Outputs())
			}
		})
	}
}

func TestPolicyErrors(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		grid  grid
		scope names
	}{
		"rules 2 and 3 both match":                 {bands("UNIQUE", "", "name|string"), names{"age": int64(30)}},
		`input "age": age: there is no variable`:   {bands("FIRST", "", "name|string"), names{}},
		`rule 2: output "name": a text is not a n`: {bands("FIRST", "", "name|number"), names{"age": int64(30)}},
		"it is no number; give the output":         {bands("COLLECT", "SUM", "name|string"), names{"age": int64(30)}},
		"it has no rules":                          {grid{"", "", []string{"age|number"}, []string{"name|string"}, nil}, names{"age": int64(30)}},
		`output "name": it is null`:                {grid{"", "", []string{"age|number"}, []string{"name|string"}, [][]string{{"", "nil"}}}, names{"age": nil}},
		`output "name": a text is no date`:         {grid{"", "", []string{"age|number"}, []string{"name|date"}, [][]string{{"", "'soon'"}}}, names{"age": nil}},
		`output "name": it is beyond 32 bits`:      {grid{"", "", []string{"age|number"}, []string{"name|integer"}, [][]string{{"", "3000000000"}}}, names{"age": nil}},
		`output "name": other: there is no var`:    {grid{"", "", []string{"age|number"}, []string{"name|string"}, [][]string{{"", "other"}}}, names{"age": nil}},
	} {
		result, err := c.grid.table(t).DecideAt(c.scope, now)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `table "table"`) {
			t.Errorf("got %v, want %q", err, want)
		}
		if result == nil || result.Rows != nil {
			t.Errorf("%s: the result is %v, want an audit without rows", want, result)
		}
	}
}

// As APS says it: every rule in turn sets its values, so that later ones see them and
// the last one counts.
func TestAnyRunsThroughAllRules(t *testing.T) {
	t.Parallel()
	table := grid{"ANY", "", []string{"age|number", "level|string"}, []string{"level|string", "points|number"}, [][]string{
		{"> 18", "", "'adult'", ""},
		{"", "== 'adult'", "", "points + 5"},
		{"", "== 'adult'", "", "points * 2"},
		{"> 99", "", "'old'", "0"},
	}}.table(t)
	got, err := table.DecideAt(names{"age": int64(30), "level": "none"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if want := (map[string]any{"level": "adult", "points": 10.0}); !reflect.DeepEqual(got.Outputs(), want) {
		t.Errorf("got %v, want %v", got.Outputs(), want)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], `rule 3 sets "points" to another value`) {
		t.Errorf("notes are %q", got.Notes)
	}
}

// With other policies rules do not see what others set.
func TestRulesAreIndependent(t *testing.T) {
	t.Parallel()
	table := grid{"RULE ORDER", "", []string{"level|string"}, []string{"level|string", "copy|string"}, [][]string{
		{"== 'none'", "'adult'", "level"}, {"== 'none'", "level", ""}, {"== 'adult'", "'old'", ""},
	}}.table(t)
	got, err := table.DecideAt(names{"level": "none"}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"level": "adult", "copy": "adult"}, {"level": "none"}}
	if !reflect.DeepEqual(got.Rows, want) {
		t.Errorf("got %v, want %v", got.Rows, want)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	table := grid{"FIRST", "", []string{"age|number", "town|string"}, []string{"fee|number", "word|string"}, [][]string{
		{"> 60", "", "1", "'a'"}, {"< town", "", "2", "'b'"}, {"> 18", "== 'Bern'", "3 + 4", ""}, {"", "", "9", "''"},
	}}.table(t)
	got, err := table.DecideAt(names{"age": "30", "town": "Bern"}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []dmn.RuleAudit{
		{Number: 1, Inputs: []dmn.InputAudit{{ID: "c1_1", Expression: "age", Text: "> 60", Value: "30"}}},
		{Number: 2, Inputs: []dmn.InputAudit{{ID: "c2_1", Expression: "age", Text: "< town", Value: "30", Error: "a text is not a number: it has other characters in it than a number has"}}},
		{Number: 3, Matched: true, Inputs: []dmn.InputAudit{
			{ID: "c3_1", Expression: "age", Text: "> 18", Value: "30", Matched: true}, {ID: "c3_2", Expression: "town", Text: "== 'Bern'", Value: "Bern", Matched: true},
		}, Outputs: []dmn.OutputAudit{{ID: "c3_3", Name: "fee", Text: "3 + 4", Value: 7.0}}},
	}
	if !reflect.DeepEqual(got.Audit, want) {
		t.Errorf("got  %+v\nwant %+v", got.Audit, want)
	}
	if want := (map[string]any{"fee": 7.0}); !reflect.DeepEqual(got.Outputs(), want) {
		t.Errorf("got %v, want %v", got.Outputs(), want)
	}
}

// A variable's value is data, however it looks.
func TestNothingIsEvaluatedTwice(t *testing.T) {
	t.Parallel()
	table := grid{"", "", []string{"a|string"}, []string{"b|string"}, [][]string{{`== "${secret}"`, "a"}, {"", "'none'"}}}.table(t)
	if _, err := table.DecideAt(names{"a": "${secret}", "secret": "s"}, now); err != nil {
		t.Fatal(err)
	}
	table = grid{"", "", []string{"a|string"}, []string{"b|string"}, [][]string{{"", "a"}}}.table(t)
	got, err := table.DecideAt(names{"a": "${secret}", "secret": "s"}, now)
	if err != nil || got.Outputs()["b"] != "${secret}" {
		t.Errorf("got %v, %v", got.Outputs(), err)
	}
}

func TestNoReflectionInCells(t *testing.T) {
	t.Parallel()
	table := grid{"", "", []string{"a|string"}, []string{"b|string"}, [][]string{{"", "a.class"}}}.table(t)
	if got, err := table.DecideAt(names{"a": "x"}, now); err == nil || !strings.Contains(err.Error(), juel.ErrForbidden.Error()) {
		t.Errorf("got %v, %v", got.Outputs(), err)
	}
}
