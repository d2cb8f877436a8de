package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// table is a decision table in the JSON of APS's editor: amount gives level.
func table(key, policy string, rules ...string) engine.Resource {
	return engine.Resource{Name: "decision-table-models/" + key + "-77.json", Bytes: fmt.Appendf(nil, `{"name":%q,"editorJson":{"name":%[1]q,"key":%[1]q,"hitIndicator":%q,
		"inputExpressions":[{"id":"1","variableId":"amount","type":"number","label":"Amount"}],
		"outputExpressions":[{"id":"2","variableId":"level","type":"string","label":"Level"}],"rules":[%s]}}`, key, policy, strings.Join(rules, ","))}
}

// rule is a row of such a table.
func rule(input, output string) string {
	text, err := json.Marshal(map[string]string{"1": input, "2": output})
	if err != nil {
		panic(err)
	}
	return string(text)
}

const (
	startTo   = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="it"/>`
	thenWait  = `<sequenceFlow id="f2" sourceRef="it" targetRef="wait"/><userTask id="wait"/>`
	byKey     = startTo + `<serviceTask id="it" activiti:delegateExpression="${activiti_executeDecisionDelegate}"><extensionElements><activiti:field name="decisionTableReferenceKey"><activiti:string>Levels</activiti:string></activiti:field></extensionElements></serviceTask>` + thenWait
	byModel   = startTo + `<serviceTask id="it" activiti:delegateExpression="${activiti_executeDecisionDelegate}"><extensionElements><modeler:decisiontable-reference modeler:decisiontablereferenceid="77" modeler:decisiontablereferencename="Levels"/></extensionElements></serviceTask>` + thenWait
	byRules   = startTo + `<businessRuleTask id="it" activiti:decisionTableReferenceKey="${which}" activiti:resultVariable="answer"/>` + thenWait
	byType    = startTo + `<serviceTask id="it" activiti:type="dmn"><extensionElements><activiti:field name="decisionTableReferenceKey" stringValue="Levels"/><activiti:field name="decisionTaskThrowErrorOnNoHits" stringValue="true"/></extensionElements></serviceTask>` + thenWait
	withError = startTo + `<serviceTask id="it" activiti:type="dmn"><extensionElements><activiti:field name="decisionTableReferenceKey" stringValue="Levels"/><activiti:mapException errorCode="broken"/></extensionElements></serviceTask>` +
		`<boundaryEvent id="b" attachedToRef="it"><errorEventDefinition errorRef="broken"/></boundaryEvent><sequenceFlow id="f3" sourceRef="b" targetRef="caught"/><userTask id="caught"/>` + thenWait
)

// decision is a row of decisions.
type decision struct {
	key, activity string
	failed        bool
	audit         map[string]any
}

func (w *world) decisions() []decision {
	w.t.Helper()
	var all []decision
	w.must(w.db.Query(context.Background(), func(row store.Row) error {
		var d decision
		var text string
		if err := row.Scan(&d.key, &d.activity, &d.failed, &text); err != nil {
			return err
		}
		all = append(all, d)
		return json.Unmarshal([]byte(text), &all[len(all)-1].audit)
	}, `SELECT table_key, activity_id, failed, audit FROM decisions ORDER BY at, id`))
	return all
}

func (w *world) variable(name string) any {
	w.t.Helper()
	vars, err := w.e.Variables(context.Background(), w.last)
	w.must(err)
	return vars[name]
}

func (w *world) at(names ...string) {
	w.t.Helper()
	var got []string
	for _, task := range w.openTasks() {
		got = append(got, task.key)
	}
	if diff := cmp.Diff(names, got); diff != "" {
		w.t.Errorf("open tasks (-want +got):\n%s", diff)
	}
}

var levels = table("Levels", "FIRST", rule("> 1000", `"high"`), rule("> 10", `"middle"`))

func TestDecisionSetsVariables(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"key": byKey, "model id": byModel, "type": byType} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine.Config{})
			w.deploy(process(body), levels)
			w.start("p", map[string]any{"amount": int32(50)})
			w.at("wait")
			if got := w.variable("level"); got != "middle" {
				t.Errorf("level %v", got)
			}
			want := []decision{{"Levels", "it", false, map[string]any{"name": "Levels", "hitPolicy": "FIRST", "outputs": []any{map[string]any{"level": "middle"}}, "rules": []any{
				map[string]any{"number": 1., "matched": false, "inputs": []any{map[string]any{"id": "inputEntry_1_1", "expression": "amount", "text": "> 1000", "value": 50., "matched": false}}},
				map[string]any{"number": 2., "matched": true, "inputs": []any{map[string]any{"id": "inputEntry_1_2", "expression": "amount", "text": "> 10", "value": 50., "matched": true}},
					"outputs": []any{map[string]any{"id": "outputEntry_2_2", "name": "level", "text": `"middle"`, "value": "middle"}}},
			}}}}
			if diff := cmp.Diff(want, w.decisions(), cmp.AllowUnexported(decision{})); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBusinessRuleTaskGivesItsResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(byRules), levels, table("All", "RULE ORDER", rule("> 1", `"some"`), rule("> 10", `"more"`)))
	w.start("p", map[string]any{"amount": int32(50), "which": "Levels"})
	if diff := cmp.Diff(map[string]any{"level": "middle"}, w.variable("answer")); diff != "" {
		t.Errorf("one row (-want +got):\n%s", diff)
	}
	w.start("p", map[string]any{"amount": int32(50), "which": "All"})
	if diff := cmp.Diff([]any{map[string]any{"level": "some"}, map[string]any{"level": "more"}}, w.variable("answer")); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if got := w.variable("level"); got != nil {
		t.Errorf("level %v of a table with several rows", got)
	}
	w.start("p", map[string]any{"amount": int32(5), "which": "Levels"})
	if vars, err := w.e.Variables(context.Background(), w.last); err != nil || vars["answer"] != nil || vars["level"] != nil {
		t.Errorf("variables %v without a rule that matches, error %v", vars, err)
	}
}

func TestTableOfTheSameDeploymentComesFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(byKey), levels)
	w.deploy(table("Levels", "FIRST", rule("", `"newest"`)))
	w.start("p", map[string]any{"amount": int32(50)})
	if got := w.variable("level"); got != "middle" {
		t.Errorf("level %v, want that of the process's own table", got)
	}
	w.deploy(process(byKey))
	w.start("p", map[string]any{"amount": int32(50)})
	if got := w.variable("level"); got != "newest" {
		t.Errorf("level %v, want that of the newest table", got)
	}
}

func TestFailingDecisionChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(byType), levels)
	before := w.dump()
	for name, tc := range map[string]struct {
		vars map[string]any
		says string
	}{"no input": {nil, `"amount"`}, "no rule": {map[string]any{"amount": int32(5)}, "no rule of the decision table"}} {
		_, err := w.e.Start(context.Background(), admin, engine.StartOptions{Key: "p", Variables: tc.vars})
		w.wants(fault.Invalid, err)
		if !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), `"it"`) {
			t.Errorf("%s: error %v does not say %q and where", name, err, tc.says)
		}
	}
	if diff := cmp.Diff(before, w.dump()); diff != "" || w.decisions() != nil {
		t.Errorf("left behind: %v (-before +after):\n%s", w.decisions(), diff)
	}
	w.deploy(process(strings.ReplaceAll(byKey, "Levels", "Missing")))
	_, err := w.e.Start(context.Background(), admin, engine.StartOptions{Key: "p"})
	w.wants(fault.Invalid, err)
	if !strings.Contains(err.Error(), `no decision table "Missing"`) {
		t.Errorf("error %v", err)
	}
}

func TestFailingDecisionThatIsCaughtIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(withError), levels)
	w.start("p", nil)
	w.at("caught")
	got := w.decisions()
	if len(got) != 1 || !got[0].failed || !strings.Contains(fmt.Sprint(got[0].audit["problem"]), `"amount"`) {
		t.Errorf("decisions %v, want one that failed and says why", got)
	}
}

// A table sees variables, and nothing by which it could do something.
func TestTableSeesVariablesOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(withError), table("Levels", "FIRST", rule("", `${execution.setVariable('stolen', true)}`)))
	w.start("p", map[string]any{"amount": int32(5)})
	w.at("caught")
	if got := w.variable("stolen"); got != nil {
		t.Errorf("a cell set a variable: %v", got)
	}
}

func TestDroolsIsAnIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(startTo + `<businessRuleTask id="it" activiti:ruleVariablesInput="${x}" activiti:rules="R"/>` + thenWait))
	w.start("p", nil)
	var queue, message string
	w.must(w.db.QueryRow(context.Background(), []any{&queue, &message}, `SELECT queue, message FROM jobs`))
	if queue != "dead" || !strings.Contains(message, "Drools") {
		t.Errorf("job in %q says %q", queue, message)
	}
}

func TestBrokenTableIsNotDeployed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	_, err := w.e.Deploy(context.Background(), admin, engine.Deployment{Name: "n", Resources: []engine.Resource{process(byKey), table("One", "NONSENSE", rule("", `"x"`)), {Name: "two.dmn", Bytes: []byte("<x")}}})
	w.wants(fault.Invalid, err)
	for _, says := range []string{"decision-table-models/One-77.json", "NONSENSE", "two.dmn"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("error %v does not say %q", err, says)
		}
	}
	_, err = w.e.Deploy(context.Background(), admin, engine.Deployment{Name: "n", Resources: []engine.Resource{levels, {Name: "b/decision-table-models/Levels-78.json", Bytes: levels.Bytes}}})
	w.wants(fault.Invalid, err)
}

func TestRecordOfALargeTableIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	rules := make([]string, 3000)
	for i := range rules {
		rules[i] = rule(fmt.Sprintf("== %d", i+1), `"`+strings.Repeat("x", 900)+`"`)
	}
	w.deploy(process(byKey), table("Levels", "ANY", rules...))
	w.start("p", map[string]any{"amount": int32(2999)})
	audit := w.decisions()[0].audit
	kept := audit["rules"].([]any)
	if last := kept[len(kept)-1].(map[string]any); last["number"] != 2999. || last["matched"] != true {
		t.Errorf("the rule that matched is not kept: %v", last)
	}
	if left := audit["rulesLeftOut"].(float64); int(left)+len(kept) != len(rules) || len(kept) > 1000 {
		t.Errorf("%v rules left out, %d kept", left, len(kept))
	}
}

// The real exports: their tables decide.
func TestExportDecides(t *testing.T) {
	t.Parallel()
	dir := "../../../shared/aps/apps/DMN_Deployment"
	var files []engine.Resource
	for _, name := range []string{"bpmn-models/UserAssignmentRulesDeployment-32053.bpmn20.xml", "decision-table-models/UserAssignmentRules-32052.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Skip("the exports are not here")
		}
		files = append(files, engine.Resource{Name: name, Bytes: data})
	}
	w := newWorld(t, engine.Config{})
	w.deploy(files...)
	w.start("UserAssignmentRulesDeployment", map[string]any{"processName": "process-1", "environment": "prod"})
	w.start("UserAssignmentRulesDeployment", map[string]any{"processName": "other", "environment": "prod"})
	got := map[any]bool{}
	for _, d := range w.decisions() {
		got[fmt.Sprint(d.audit["outputs"])] = true
	}
	if diff := cmp.Diff(map[any]bool{"[map[assignee:admin@app.activiti.com]]": true, "[map[assignee:devuser@example.com]]": true}, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

// TestDecisionInAnExpression decides by APS's dmnRuleService over the variables that it is
// given, and keeps what was decided.
func TestDecisionInAnExpression(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	task := func(expression string) string {
		return startTo + `<serviceTask id="it" activiti:expression="${` + expression + `}" activiti:resultVariable="answer"/>` + thenWait
	}
	w.deploy(process(task(`dmnRuleService.executeDecisionByKey('Levels', execution.getVariables()).getResultVariables().get('level')`)), levels)
	for amount, want := range map[int32]any{50: "middle", 5000: "high", 1: nil} {
		w.start("p", map[string]any{"amount": amount})
		if got := w.variable("answer"); got != want || w.variable("level") != nil {
			t.Errorf("%d gives %v and the variable level %v; want %v and none", amount, got, w.variable("level"), want)
		}
	}
	kept := w.decisions()
	if len(kept) != 3 || kept[0].key != "Levels" || kept[0].activity != "it" || kept[0].failed {
		t.Errorf("kept %+v", kept)
	}
	for expression, want := range map[string]string{
		"dmnRuleService.executeDecisionByKey('None', execution.getVariables())":        `no decision table "None"`,
		"dmnRuleService.executeDecisionByKey('Levels', 5)":                             "takes the key of a decision table and a map",
		"dmnRuleService.deleteDecisionTable('Levels')":                                 "deleteDecisionTable",
		"dmnRuleService.executeDecisionByKey('Levels', execution.getVariables()).rows": "rows",
	} {
		w.deploy(process(task(expression)), levels)
		_, err := w.e.Start(context.Background(), engine.Actor{Admin: true}, engine.StartOptions{Key: "p", Variables: map[string]any{"amount": int32(5)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want an error about %s", expression, err, want)
		}
	}
}
