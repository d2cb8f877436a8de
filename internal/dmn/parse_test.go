package dmn_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/dmn"
	"github.com/sluicehq/sluice/internal/fault"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The same table in both forms decides the same.
func TestBothForms(t *testing.T) {
	t.Parallel()
	xml, err := dmn.Parse(read(t, "shipping.dmn"))
	if err != nil {
		t.Fatal(err)
	}
	json, err := dmn.ParseJSON(read(t, "shipping.json"))
	if err != nil {
		t.Fatal(err)
	}
	for form, table := range map[string]*dmn.Table{"xml": xml, "json": json} {
		if table.Key != "shipping" || table.Name != "Shipping costs" || table.Description != "What sending a parcel costs" || table.HitPolicy != dmn.First {
			t.Errorf("%s: head is %q %q %q %q", form, table.Key, table.Name, table.Description, table.HitPolicy)
		}
		if in := table.Inputs; len(in) != 2 || in[0].Label != "Weight" || in[0].Expression != "parcel.weight" || in[0].Type != dmn.Number || in[1].Type != dmn.Date {
			t.Errorf("%s: inputs are %+v", form, in)
		}
		if out := table.Outputs; len(out) != 2 || out[0].Name != "costs" || out[0].Type != dmn.Number || out[1].Label != "Carrier" {
			t.Errorf("%s: outputs are %+v", form, out)
		}
		if rule := table.Rules[1]; rule.Number != 2 || rule.Inputs[0].ID != "inputEntry_1_2" || rule.Outputs[1].Text != `"courier"` || rule.Outputs[1].ID != "outputEntry_4_2" {
			t.Errorf("%s: rule 2 is %+v", form, rule)
		}
		for weight, want := range map[float64]map[string]any{1.5: {"costs": 4.5, "carrier": "post"}, 4: {"costs": 12.0, "carrier": "courier"}} {
			got, err := table.DecideAt(names{"parcel": map[string]any{"weight": weight}, "ordered": "2026-02-01"}, now)
			if err != nil || !reflect.DeepEqual(got.Outputs(), want) {
				t.Errorf("%s, %v: got %v, %v, want %v", form, weight, got.Outputs(), err, want)
			}
		}
	}
	if got := json.Outputs[1].Values; !reflect.DeepEqual(got, []string{`"post"`, `"courier"`}) {
		t.Errorf("values are %q", got)
	}
}

// Decide takes the present time: now is neither in the past nor in the future.
func TestDecideTakesTheTime(t *testing.T) {
	t.Parallel()
	table := grid{"", "", []string{"in|date"}, []string{"out|boolean"}, [][]string{{"<= fn_now()", "true"}, {"", "false"}}}.table(t)
	for when, want := range map[time.Time]bool{time.Now().AddDate(0, 0, -2): true, time.Now().AddDate(0, 0, 2): false} {
		got, err := table.Decide(names{"in": when})
		if err != nil || got.Outputs()["out"] != want {
			t.Errorf("%v: got %v, %v, want %v", when, got.Outputs(), err, want)
		}
	}
}

func TestEditorJSONForms(t *testing.T) {
	t.Parallel()
	whole := read(t, "shipping.json")
	var outer struct{ EditorJSON json.RawMessage }
	if err := json.Unmarshal(whole, &outer); err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(string(outer.EditorJSON))
	if err != nil {
		t.Fatal(err)
	}
	for form, document := range map[string]string{"bare": string(outer.EditorJSON), "as text": `{"name":"x","editorJson":` + string(quoted) + `}`} {
		if table, err := dmn.ParseJSON([]byte(document)); err != nil || table.Key != "shipping" || len(table.Rules) != 2 {
			t.Errorf("%s: %v", form, err)
		}
	}
	flowable := `{"modelVersion":"3","key":"k","name":"n","hitIndicator":"COLLECT","collectOperator":"SUM","inputExpressions":[{"id":"i1","variableId":"a","type":"number"}],
		"outputExpressions":[{"id":"o1","variableId":"b","type":"number"}],"rules":[{"i1_operator":">","i1_expression":"5","o1":"1"},{"i1_operator":"==","i1_expression":"-","o1":"2"}]}`
	table, err := dmn.ParseJSON([]byte(flowable))
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[int64]float64{6: 3, 5: 2} {
		if got, err := table.DecideAt(names{"a": a}, now); err != nil || got.Outputs()["b"] != want {
			t.Errorf("%d: got %v, %v, want %v", a, got.Outputs(), err, want)
		}
	}
}

// Every problem is reported at once, each with its place.
func TestEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	g := grid{"WHATEVER", "AVG", []string{"age|number", "|string", "x +|colour"}, []string{"out|string", "out|money", "|string"}, [][]string{
		{"> ", "== 'a", "1", "'a'", "1 +", ""}, {"5, ", "in ()", ".a(", "${a", "", "foo(1)"},
	}}
	_, err := dmn.Parse(g.xml())
	var problems *dmn.Problems
	if !errors.As(err, &problems) || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("got %v", err)
	}
	want := []string{
		`the hit policy "WHATEVER" is not known`, `the aggregation "AVG" is not known`, `input 2: the column has no expression`, `input 3: the type "colour" is not known`, `input 3: “}” does not belong here`,
		`output 2: the type "money" is not known`, `output 3: the output has no name`, `output 2: output 1 sets "out" too`,
		`rule 1 (line 4), input 1 (age): there is no value behind the operator: ">"`, `rule 1 (line 4), input 2 (): the string that begins here has no end`, `rule 1 (line 4), output 2 (out): “}” does not belong here`,
		`rule 2 (line 5), input 1 (age): a value is missing beside a comma`, `rule 2 (line 5), input 2 (): there is no value behind the operator`, `rule 2 (line 5), input 3 (x +): “}” does not belong here`,
		`rule 2 (line 5), output 1 (out): the expression ends too early`, `rule 2 (line 5), output 3 (): there are no functions`,
	}
	for i, one := range problems.List {
		if i >= len(want) || !strings.Contains(one.String(), want[i]) {
			t.Errorf("problem %d is %q, want %q", i, one, append(want, make([]string, 99)...)[i])
		}
		if !strings.Contains(fault.Message(err), one.Message) {
			t.Errorf("%q is not shown", one.Message)
		}
	}
	if len(problems.List) != len(want) {
		t.Errorf("%d problems, want %d", len(problems.List), len(want))
	}
}

func TestBadDocuments(t *testing.T) {
	t.Parallel()
	decision := func(inside string) string {
		return `<definitions><decision id="k"><decisionTable>` + inside + `</decisionTable></decision></definitions>`
	}
	for want, document := range map[string]string{
		"the document is empty":                                  "",
		"this is no XML":                                         "<definitions>",
		"line 2, column 2: this is no XML":                       "<definitions>\n<",
		"begins with <html>":                                     "<html/>",
		"no decision with a decision table":                      `<definitions><decision id="k"><literalExpression/></decision></definitions>`,
		"a document type and entities are not allowed":           `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><definitions>&x;</definitions>`,
		"invalid character entity &x;":                           "<definitions>&x;</definitions>",
		"more than 100 elements":                                 strings.Repeat("<definitions>", 101),
		"a second root element":                                  "<definitions/><definitions/>",
		`the charset "klingon" cannot be read`:                   `<?xml version="1.0" encoding="klingon"?><definitions/>`,
		"the table has no outputs":                               decision(""),
		"the decision has no id":                                 strings.Replace(decision(""), ` id="k"`, "", 1),
		"the rule has 1 input and 0 output entries":              decision(`<output name="a"/><rule><inputEntry/></rule>`),
		"the document has 2 decision tables":                     strings.Replace(decision(`<output name="a"/>`), "</definitions>", `<decision id="l"><decisionTable><output name="a"/></decisionTable></decision></definitions>`, 1),
		"the aggregation SUM needs the hit policy COLLECT":       strings.Replace(decision(`<output name="a"/>`), "<decisionTable>", `<decisionTable hitPolicy="FIRST" aggregation="SUM">`, 1),
		"the aggregation MAX needs one output; the table has":    strings.Replace(decision(`<output name="a"/><output name="b"/>`), "<decisionTable>", `<decisionTable hitPolicy="C>">`, 1),
		"PRIORITY needs a list of output values":                 strings.Replace(decision(`<output name="a"/>`), "<decisionTable>", `<decisionTable hitPolicy="PRIORITY">`, 1),
		`decision "k", line 1: two decisions have this id`:       strings.Replace(decision(`<output name="a"/>`), "</definitions>", `<decision id="k"><decisionTable><output name="a"/></decisionTable></decision></definitions>`, 1),
		`output 1: output values: “}” does not belong here`:      decision(`<output name="a"><outputValues><text>1,2 +</text></outputValues></output>`),
		"input 1: the column has no expression":                  decision(`<input/><output name="a"/>`),
		"the cell has more than 20000 bytes":                     decision(`<output name="a"/><rule><outputEntry><text>'` + strings.Repeat("x", dmn.MaxText) + `'</text></outputEntry></rule>`),
		`decision "k", rule 1 (line 1): the rule has 0 input an`: strings.Replace(decision(`<output name="a"/><rule/>`), "</definitions>", `<decision id="l"/></definitions>`, 1),
	} {
		if _, err := dmn.Parse([]byte(document)); err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.80q: got %v, want %q", document, err, want)
		}
	}
	for want, document := range map[string]string{
		"this is no JSON":                             "",
		"this is no JSON of a decision table":         "[]",
		"a text or number is expected":                `{"key":{}}`,
		"editorJson is no JSON of a decision table":   `{"editorJson":[1]}`,
		"editorJson is no JSON of a decision table: ": `{"editorJson":"{"}`,
		"the decision has no id":                      `{"editorJson":{"outputExpressions":[{"id":1,"variableId":"a"}]}}`,
		"input 1: the column has no id":               `{"key":"k","inputExpressions":[{"variableId":"a"}],"outputExpressions":[{"id":1,"variableId":"a"}]}`,
		"rule 1, output 1 (a): the string":            `{"key":"k","outputExpressions":[{"id":1,"variableId":"a"}],"rules":[{"1":"'x"}]}`,
		`the hit policy "LAST" is not known`:          `{"key":"k","hitIndicator":"LAST","outputExpressions":[{"id":1,"variableId":"a"}]}`,
	} {
		if _, err := dmn.ParseJSON([]byte(document)); err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%.80q: got %v, want %q", document, err, want)
		}
	}
}

func TestSeveralDecisions(t *testing.T) {
	t.Parallel()
	document := `<?xml version="1.0" encoding="ISO-8859-1"?><definitions xmlns:d="urn:x"><d:decision id="a" name="caf` + "\xe9" + `"><decisionTable><output name="x"/></decisionTable></d:decision>
		<decision id="b"><literalExpression/></decision><decision id="c"><decisionTable hitPolicy="U"><output name="x"/></decisionTable></decision></definitions>`
	tables, err := dmn.ParseAll([]byte(document))
	if err != nil || len(tables) != 2 {
		t.Fatalf("%d tables, %v", len(tables), err)
	}
	if tables[0].Key != "a" || tables[0].Name != "café" || tables[0].HitPolicy != dmn.First || tables[1].Key != "c" || tables[1].HitPolicy != dmn.Unique {
		t.Errorf("got %+v and %+v", tables[0], tables[1])
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	columns := func(n int) string {
		return `{"key":"k","outputExpressions":[{"id":1,"variableId":"o"}],"inputExpressions":[` + strings.TrimSuffix(strings.Repeat(`{"id":1,"variableId":"a"},`, n), ",") + `]`
	}
	rules := func(n int) string { return `,"rules":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}` }
	for want, document := range map[string]string{
		"the document has 5242881 bytes": strings.Repeat(" ", dmn.MaxBytes+1), "501 columns": columns(500) + "}", "10001 rules": columns(1) + rules(10001), "205000 cells": columns(40) + rules(5000),
	} {
		if _, err := dmn.ParseJSON([]byte(document)); err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.TooLarge {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := dmn.ParseJSON([]byte(columns(1) + rules(10000))); err != nil {
		t.Errorf("within the limits: %v", err)
	}
	if _, err := dmn.Parse([]byte(strings.Repeat(" ", dmn.MaxBytes+1))); fault.KindOf(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
	var many [][]string
	for range 300 {
		many = append(many, []string{"", "1 +"})
	}
	_, err := dmn.Parse(grid{"", "", []string{"a|number"}, []string{"b|number"}, many}.xml())
	var problems *dmn.Problems
	if !errors.As(err, &problems) || len(problems.List) != 200 || problems.More != 100 || !strings.Contains(err.Error(), "and 100 more problems") {
		t.Errorf("got %d problems and %d more", len(problems.List), problems.More)
	}
}

// The tables of real apps, where they are at hand.
func TestRealExports(t *testing.T) {
	t.Parallel()
	const apps = "../../../shared/aps/apps"
	if _, err := os.Stat(apps); err != nil {
		t.Skip("no real apps beside this checkout; TestBothForms has a table of the same form")
	}
	for _, c := range []struct {
		file  string
		scope names
		want  map[string]any
	}{
		{"DMN_Deployment/decision-table-models/UserAssignmentRules-32052.json", names{"processName": "process-1", "environment": "prod"}, map[string]any{"assignee": "admin@app.activiti.com"}},
		{"DMN_Deployment/decision-table-models/UserAssignmentRules-32052.json", names{"processName": "process-1", "environment": "dev"}, map[string]any{"assignee": "devuser@example.com"}},
		{"enterprise-features-aps-demo-1.0-SNAPSHOT-App/decision-table-models/DiscountRules-10013.json", names{"discountrequested": int64(25)}, map[string]any{"autoApproved": false}},
		{"enterprise-features-aps-demo-1.0-SNAPSHOT-App/decision-table-models/DiscountRules-10013.json", names{"discountrequested": "20"}, map[string]any{"autoApproved": true}},
	} {
		document, err := os.ReadFile(filepath.Join(apps, c.file))
		if err != nil {
			t.Fatal(err)
		}
		table, err := dmn.ParseJSON(document)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := table.DecideAt(c.scope, now); err != nil || !reflect.DeepEqual(got.Outputs(), c.want) {
			t.Errorf("%s, %v: got %v, %v, want %v", c.file, c.scope, got.Outputs(), err, c.want)
		}
	}
}

func FuzzXML(f *testing.F) {
	f.Add(read(f, "shipping.dmn"), "x")
	f.Add(bands("OUTPUT ORDER", "", `name|string|"child","adult"`).xml(), "30")
	f.Add([]byte(`<!DOCTYPE d [<!ENTITY x "y">]><definitions>&x;</definitions>`), "")
	f.Fuzz(func(t *testing.T, document []byte, value string) {
		tables, err := dmn.ParseAll(document)
		checkParsed(t, tables, err, value)
	})
}

func FuzzJSON(f *testing.F) {
	f.Add(read(f, "shipping.json"), "x")
	f.Add([]byte(`{"key":"k","hitIndicator":"ANY","inputExpressions":[{"id":1,"variableId":"a","type":"date"}],"outputExpressions":[{"id":2,"variableId":"b","type":"number"}],"rules":[{"1":"not(> 5, [1..2])","2":"fn_now()"}]}`), "2020-01-01")
	f.Fuzz(func(t *testing.T, document []byte, value string) {
		table, err := dmn.ParseJSON(document)
		var tables []*dmn.Table
		if table != nil {
			tables = append(tables, table)
		}
		checkParsed(t, tables, err, value)
	})
}

// checkParsed: what cannot be read is an error with problems; what can be read
// decides something or says why not, with each matching rule in the audit.
func checkParsed(t *testing.T, tables []*dmn.Table, err error, value string) {
	var problems *dmn.Problems
	if err != nil {
		if !errors.As(err, &problems) || len(problems.List) == 0 {
			t.Errorf("%v has no problems", err)
		}
		return
	}
	for _, table := range tables {
		scope := names{}
		for i, in := range table.Inputs {
			scope[in.Expression] = []any{value, int64(i), now, nil, true}[i%5]
		}
		result, err := table.DecideAt(scope, now)
		if result == nil || err == nil && len(result.Rows) > len(result.Audit)+1 {
			t.Errorf("%q: %+v, %v", table.Key, result, err)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	b.ReportAllocs()
	var rules [][]string
	for i := range 100 {
		rules = append(rules, []string{fmt.Sprintf("> %d", 1000-i), "== 'gold'", "'yes'"})
	}
	table := grid{"FIRST", "", []string{"a|number", "b|string"}, []string{"c|string"}, append(rules, []string{"", "", "'no'"})}.table(b)
	scope := names{"a": int64(1), "b": "gold"}
	for b.Loop() {
		if got, err := table.DecideAt(scope, now); err != nil || got.Outputs()["c"] != "no" {
			b.Fatal(got, err)
		}
	}
}
