package engine

import (
	"errors"

	"github.com/sluicehq/sluice/internal/juel"
)

// decisionService is the name by which expressions of APS's processes reach decision
// tables.
const decisionService = "dmnRuleService"

// decisionBean is APS's dmnRuleService at a place of a process:
// executeDecisionByKey(key, variables) decides by a table over the variables that it is
// given, and keeps an audit of it as a decision task does.
type decisionBean struct{ place }

// Property implements juel.Object.
func (decisionBean) Property(string) (any, bool, error) { return nil, false, nil }

// Call implements juel.Object.
func (b decisionBean) Call(method string, args []any) (any, error) {
	if method != "executeDecisionByKey" || len(args) != 2 {
		return nil, juel.ErrNoMethod
	}
	key, err := juel.Text(args[0])
	if err != nil {
		return nil, err
	}
	given, ok := args[1].(map[string]any)
	if !ok {
		return nil, errors.New("executeDecisionByKey takes the key of a decision table and a map of variables")
	}
	id, table, err := b.c.decisionTable(b.x.inst.def, reference{key: key})
	if err != nil {
		return nil, err
	}
	result, err := table.DecideAt(givenScope(given), b.c.now.In(b.c.e.cfg.Location))
	b.c.keepDecision(b.x, id, table, result, err)
	if err != nil {
		return nil, err
	}
	return decided(result.Rows), nil
}

// givenScope are variables in a map.
type givenScope map[string]any

// Lookup implements juel.Scope.
func (s givenScope) Lookup(name string) (any, bool) {
	v, ok := s[name]
	return v, ok
}

// decided are the rows that a table gave. Its property resultVariables is one map; of
// several rows with one output the last one counts.
type decided []map[string]any

// Property implements juel.Object.
func (d decided) Property(name string) (any, bool, error) {
	if name != "resultVariables" {
		return nil, false, nil
	}
	all := map[string]any{}
	for _, row := range d {
		for output, v := range row {
			all[output] = v
		}
	}
	return all, true, nil
}

// Call implements juel.Object.
func (decided) Call(string, []any) (any, error) { return nil, juel.ErrNoMethod }
