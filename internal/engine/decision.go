package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sluicehq/sluice/internal/dmn"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/store"
)

// decisionDelegate is the name by which APS's processes call the delegate that decides
// by a table; decisionType is what Activiti's call it.
const (
	decisionDelegate = "activiti_executeDecisionDelegate"
	decisionType     = typePrefix + "dmn"
)

// delegate returns the delegate of that name: the program's own, or what the engine itself
// brings along; nil when nobody knows it.
func (c *Config) delegate(name string) Delegate {
	if d := c.Delegates[name]; d != nil {
		return d
	}
	if name == decisionDelegate || name == decisionType {
		return decider{}
	}
	return nil
}

// decider is the delegate that decides by the table which its activity names: by the
// field decisionTableReferenceKey, or by the table's model id in the data of APS's
// modeler. The outputs of the one row that a table gives become variables. A table that
// gives several rows sets one variable, a list of them: the activity's resultVariable,
// or one with the table's key. With decisionTaskThrowErrorOnNoHits it is an error that no
// rule matched.
type decider struct{}

// Run implements Delegate.
func (decider) Run(_ context.Context, x *Execution) error {
	c := x.place.c
	ref, err := x.reference()
	if err != nil {
		return err
	}
	id, table, err := c.decisionTable(x.place.x.inst.def, ref)
	if err != nil {
		return err
	}
	if _, err := x.place.vars(); err != nil { // of the database, not of the table
		return err
	}
	result, err := table.DecideAt(x.place.asVariables(), c.now.In(c.e.cfg.Location))
	if err == nil && ref.mustHit && len(result.Rows) == 0 {
		err = fmt.Errorf("no rule of the decision table %q matched", table.Key)
	}
	c.keepDecision(x.place.x, id, table, result, err)
	if err != nil {
		return err
	}
	return x.place.conclude(table, result, ref.result)
}

// reference is how an activity names a decision table.
type reference struct {
	key     string
	model   string // APS: the table's model id
	result  string // the variable that receives the rows
	mustHit bool
}

func (x *Execution) reference() (reference, error) {
	var r reference
	node := x.place.x.node
	own := x.event == "" && node != nil // not a listener's
	if own && node.Rules != nil {
		key, err := x.place.text(node.Rules.DecisionKey)
		if err != nil {
			return r, err
		}
		r = reference{key: key, model: node.Rules.DecisionID, result: node.Rules.ResultVariable}
	}
	for name, set := range map[string]func(string){
		"decisionTableReferenceKey":      func(v string) { r.key = or(r.key, v) },
		"decisionTaskThrowErrorOnNoHits": func(v string) { r.mustHit = v == "true" },
	} {
		v, ok, err := x.Field(name)
		if err != nil {
			return r, err
		}
		if text, err := juel.Text(v); ok && err == nil {
			set(text)
		}
	}
	switch {
	case r.key != "" || r.model != "":
		return r, nil
	case own && node.Rules != nil && (len(node.Rules.Rules) > 0 || len(node.Rules.Input) > 0):
		return r, fmt.Errorf("it runs Drools rules, which this server does not have; use a decision table: %w", errUnknown)
	}
	return r, errors.New("it names no decision table: the field decisionTableReferenceKey is missing or empty")
}

// decisionTable finds a table: that of the process's own deployment before the newest
// one, by key before by model id.
func (c *command) decisionTable(def *definition, ref reference) (string, *dmn.Table, error) {
	for _, by := range []struct{ column, value string }{{"key", ref.key}, {"model_id", ref.model}} {
		if by.value == "" {
			continue
		}
		id, table, err := c.decisionTableBy(def, by.column, by.value)
		if !errors.Is(err, store.ErrNoRow) {
			return id, table, err
		}
	}
	return "", nil, fmt.Errorf("there is no decision table %q; deploy it, with the process or before it", shown(or(ref.key, ref.model)))
}

func (c *command) decisionTableBy(def *definition, column, value string) (string, *dmn.Table, error) {
	var id, key, deployment, resource string
	err := c.tx.QueryRow(c.ctx, []any{&id, &key, &deployment, &resource}, `SELECT id, key, deployment_id, resource FROM decision_tables WHERE tenant_id = $1 AND `+column+` = $2
		ORDER BY CASE WHEN deployment_id = $3 THEN 0 ELSE 1 END, version DESC, id DESC LIMIT 1`, def.TenantID, value, def.DeploymentID)
	if err != nil {
		return "", nil, err
	}
	if table := c.e.tables.get(id); table != nil {
		return id, table, nil
	}
	var data []byte
	if err := c.tx.QueryRow(c.ctx, []any{&data}, `SELECT bytes FROM resources WHERE deployment_id = $1 AND name = $2`, deployment, resource); err != nil {
		return "", nil, fmt.Errorf("reading the decision table %s: %w", id, err)
	}
	tables, err := readTables(resource, data)
	if err != nil {
		return "", nil, err
	}
	for _, table := range tables {
		if table.Key == key {
			c.e.tables.put(id, table)
			return id, table, nil
		}
	}
	return "", nil, fmt.Errorf("reading the decision table %s: its file has no decision %q", id, key)
}

// asVariables is the scope of decision tables: variables, and nothing that can do
// something.
func (p place) asVariables() juel.Scope { return variableScope{p} }

type variableScope struct{ p place }

// Lookup implements juel.Scope.
func (s variableScope) Lookup(name string) (any, bool) {
	value, ok, err := s.p.get(name)
	return value, ok && err == nil
}

// conclude gives variables what a table has decided.
func (p place) conclude(table *dmn.Table, result *dmn.Result, variable string) error {
	if result.Multiple {
		rows := make([]any, len(result.Rows))
		for i, row := range result.Rows {
			rows[i] = row
		}
		return p.set(or(variable, table.Key), rows)
	}
	outputs := result.Outputs()
	for _, name := range sorted(outputs) {
		if err := p.set(name, outputs[name]); err != nil {
			return err
		}
	}
	if variable == "" {
		return nil
	}
	if outputs == nil {
		return p.set(variable, nil)
	}
	return p.set(variable, outputs)
}

// Limits of what is kept of a decision.
const (
	maxAudited      = 500      // bytes of a cell or value
	maxAuditedRules = 64 << 10 // bytes of rules that did not match
	maxAuditedHits  = 1 << 20  // bytes of those that did
)

// decisionRecord is what the column audit of decisions holds, as JSON.
type decisionRecord struct {
	Name      string            `json:"name"`
	HitPolicy dmn.HitPolicy     `json:"hitPolicy"`
	Rules     []json.RawMessage `json:"rules"`
	LeftOut   int               `json:"rulesLeftOut,omitempty"`
	Outputs   []map[string]any  `json:"outputs"`
	Notes     []string          `json:"notes,omitempty"`
	Problem   string            `json:"problem,omitempty"`
}

type ruleRecord struct {
	Number  int            `json:"number"`
	Matched bool           `json:"matched"`
	Inputs  []inputRecord  `json:"inputs"`
	Outputs []outputRecord `json:"outputs,omitempty"`
}

type inputRecord struct {
	ID         string `json:"id"`
	Expression string `json:"expression"`
	Text       string `json:"text"`
	Value      any    `json:"value"`
	Matched    bool   `json:"matched"`
	Error      string `json:"error,omitempty"`
}

type outputRecord struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Text  string `json:"text"`
	Value any    `json:"value"`
	Error string `json:"error,omitempty"`
}

// keepDecision notes what was decided, where the process keeps history at all. The row is
// written together with what the decision did: a failure that ends the command leaves
// none, one that is mapped to a BPMN error does.
func (c *command) keepDecision(x *execution, id string, table *dmn.Table, result *dmn.Result, problem error) {
	if !x.inst.def.keeps("activity") {
		return
	}
	record := decisionRecord{Name: table.Name, HitPolicy: table.HitPolicy, Notes: result.Notes, Rules: []json.RawMessage{}, Outputs: []map[string]any{}}
	if problem != nil {
		record.Problem = clip(problem.Error(), maxMessage)
	}
	for _, row := range result.Rows {
		outputs := map[string]any{}
		for name, value := range row {
			outputs[name] = audited(value)
		}
		record.Outputs = append(record.Outputs, outputs)
	}
	record.rules(result.Audit)
	text, err := json.Marshal(record)
	if err != nil { // audited leaves nothing that could not be written
		c.e.cfg.Log.Error("writing down a decision", "table", id, "error", err)
		return
	}
	activity := "" // now: the execution goes on before the row is written
	if x.node != nil {
		activity = x.node.ID
	}
	c.rows.decisions = append(c.rows.decisions, []any{newID(), id, table.Key, x.inst.ID, x.id, activity, problem != nil, string(text), store.Millis(c.now), x.inst.TenantID})
}

// rules keeps what was found, within limits: rules that matched longer than those that
// did not.
func (r *decisionRecord) rules(audit []dmn.RuleAudit) {
	size := map[bool]int{}
	most := map[bool]int{true: maxAuditedHits, false: maxAuditedRules}
	for i := range audit {
		text, err := json.Marshal(recordOf(&audit[i]))
		size[audit[i].Matched] += len(text)
		if err != nil || size[audit[i].Matched] > most[audit[i].Matched] {
			r.LeftOut++
			continue
		}
		r.Rules = append(r.Rules, text)
	}
}

func recordOf(a *dmn.RuleAudit) ruleRecord {
	r := ruleRecord{Number: a.Number, Matched: a.Matched, Inputs: []inputRecord{}}
	for _, in := range a.Inputs {
		r.Inputs = append(r.Inputs, inputRecord{in.ID, in.Expression, clip(in.Text, maxAudited), audited(in.Value), in.Matched, in.Error})
	}
	for _, out := range a.Outputs {
		r.Outputs = append(r.Outputs, outputRecord{out.ID, out.Name, clip(out.Text, maxAudited), audited(out.Value), out.Error})
	}
	return r
}

// audited is a value as the record shows it: what is no plain value, or too long, as a
// text.
func audited(v any) any {
	switch v := v.(type) {
	case nil, bool, int16, int32, int64:
		return v
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Sprint(v)
		}
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case string:
		return clip(v, maxAudited)
	case []byte:
		return fmt.Sprintf("%d bytes", len(v))
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%T", v)
	}
	return clip(string(text), maxAudited)
}

// writeDecisions writes the rows of what was decided.
func (c *command) writeDecisions() error {
	return c.insert("decisions", `id, table_id, table_key, instance_id, execution_id, activity_id, failed, audit, at, tenant_id`, c.rows.decisions, "")
}
