package dmn

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// Result is what a table decides.
type Result struct {
	// Multiple says that the policy gives a list; else there is one row at most.
	Multiple bool
	// Rows are the outputs by name: of each rule that counts, in the policy's order,
	// or the one row that First, Unique, Any, Priority and the aggregations give.
	Rows []map[string]any
	// Audit tells of every rule that was looked at, in the order of the table.
	Audit []RuleAudit
	// Notes say what was odd and no error, as rules of an Any table that disagree.
	Notes []string
}

// Outputs returns the one row of a table that gives one, nil when no rule matched;
// of a table that gives several, the first.
func (r *Result) Outputs() map[string]any {
	if len(r.Rows) == 0 {
		return nil
	}
	return r.Rows[0]
}

// RuleAudit tells of one rule. Cells behind the first one that did not match were not
// looked at and are not in it.
type RuleAudit struct {
	Number  int // from 1
	Matched bool
	Inputs  []InputAudit
	Outputs []OutputAudit
}

// InputAudit tells of one condition.
type InputAudit struct {
	ID         string
	Expression string // of the column
	Text       string // of the cell
	Value      any    // of the column
	Matched    bool
	Error      string // why the cell could not be looked at; such a cell does not match
}

// OutputAudit tells of one conclusion.
type OutputAudit struct {
	ID    string
	Name  string
	Text  string
	Value any
	Error string
}

// Decide is DecideAt at the present time, in the program's time zone.
func (t *Table) Decide(scope juel.Scope) (*Result, error) { return t.DecideAt(scope, time.Now()) }

// DecideAt finds the rules that match the values of the scope and gives the outputs
// that the hit policy takes. Now is the date of fn_now(), and its zone that of dates
// without one.
//
// As in Activiti 6, a cell that cannot be compared does not match and says so in the
// audit; a boolean input that does not exist is false; any other one that does not
// exist ends the decision with an error, as do an output that has no value of its
// type, a second rule of a Unique table and a table without rules. Then, too, the
// result tells what was found up to there. In an Any table each rule sees the outputs
// of those before it, and the last one counts where they disagree.
func (t *Table) DecideAt(scope juel.Scope, now time.Time) (*Result, error) {
	d := &decision{table: t, scope: scope, now: now, result: &Result{}, set: map[string]any{}}
	if len(t.Rules) == 0 {
		return d.result, d.fail(errors.New("it has no rules"))
	}
	for i := range t.Rules {
		matched, err := d.rule(&t.Rules[i])
		if err != nil {
			return d.result, d.fail(err)
		}
		if matched && t.HitPolicy == First {
			break
		}
	}
	if err := d.conclude(); err != nil {
		return d.result, d.fail(err)
	}
	return d.result, nil
}

// decision is one run over a table.
type decision struct {
	table  *Table
	scope  juel.Scope
	now    time.Time
	result *Result
	set    map[string]any // outputs that the next rules see
	input  any            // of the cell that is looked at
	hits   []hit
}

// hit is a rule that matched.
type hit struct {
	rule    int
	outputs map[string]any
}

func (d *decision) fail(err error) error {
	return fmt.Errorf("deciding by table %q: %w", d.table.Key, err)
}

// Lookup is the scope of cells: the functions, the column's value, outputs of rules
// before, then the caller's names, then what Activiti gives outputs to begin with.
func (d *decision) Lookup(name string) (any, bool) {
	switch name {
	case inputName:
		return d.input, true
	case functionsName:
		return functionObject{d.now}, true
	}
	if value, ok := d.set[name]; ok {
		return value, true
	}
	if d.scope != nil {
		if value, ok := d.scope.Lookup(name); ok {
			return value, true
		}
	}
	return d.initial(name)
}

// initial is the value that an output has before it is set.
func (d *decision) initial(name string) (any, bool) {
	for _, output := range d.table.Outputs {
		if output.Name != name {
			continue
		}
		switch output.Type {
		case Number:
			return 0.0, true
		case Integer, Long:
			return int64(0), true
		case Date:
			return d.now, true
		}
		return "", true
	}
	return nil, false
}

// rule looks at one rule and, when it matches, at its outputs.
func (d *decision) rule(rule *Rule) (bool, error) {
	d.result.Audit = append(d.result.Audit, RuleAudit{Number: rule.Number})
	audit := &d.result.Audit[len(d.result.Audit)-1]
	for i := range rule.Inputs {
		cell, err := d.inputCell(&d.table.Inputs[i], &rule.Inputs[i])
		audit.Inputs = append(audit.Inputs, cell)
		if err != nil {
			return false, fmt.Errorf("rule %d: %w", rule.Number, err)
		}
		if !cell.Matched {
			return false, nil
		}
	}
	audit.Matched = true
	outputs := map[string]any{}
	for i := range rule.Outputs {
		if rule.Outputs[i].value == nil {
			continue
		}
		cell, err := d.outputCell(&d.table.Outputs[i], &rule.Outputs[i])
		audit.Outputs = append(audit.Outputs, cell)
		if err != nil {
			return false, fmt.Errorf("rule %d: %w", rule.Number, err)
		}
		outputs[cell.Name] = cell.Value
		d.set[cell.Name] = cell.Value
	}
	if d.table.HitPolicy != Any {
		clear(d.set)
	}
	d.hits = append(d.hits, hit{rule.Number, outputs})
	return true, nil
}

func (d *decision) inputCell(column *Input, cell *Entry) (InputAudit, error) {
	audit := InputAudit{ID: cell.ID, Expression: column.Expression, Text: cell.Text, Matched: cell.test == nil}
	if cell.test == nil {
		return audit, nil
	}
	value, err := column.compiled.Eval(d)
	if errors.Is(err, juel.ErrUnknownVariable) && column.Type == Boolean {
		value, err = false, nil
	}
	if err != nil {
		audit.Error = plain(err)
		return audit, fmt.Errorf("input %q: %s", column.Expression, audit.Error)
	}
	audit.Value = value
	d.input, err = d.typed(value, column.Type)
	if err == nil {
		audit.Matched, err = d.matches(cell.test)
	}
	if err != nil {
		audit.Error = plain(err)
	}
	return audit, nil
}

// typed makes of a text what the column says, when it can: forms give texts. A text
// that is no date has no place before or behind one.
func (d *decision) typed(value any, kind Type) (any, error) {
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	var converted any
	var err error
	switch kind {
	case Number, Integer, Long:
		converted, err = juel.Float(text)
	case Boolean:
		converted, err = juel.Truth(text)
	case Date:
		if text == "" {
			return nil, nil
		}
		return parseDate(text, d.now.Location())
	default:
		return value, nil
	}
	if err != nil || text == "" {
		return value, nil
	}
	return converted, nil
}

// matches reports whether an alternative is true; an expression of the modeller's own
// may also be equal to the input. Null is neither: a method of null gives it.
func (d *decision) matches(t *test) (bool, error) {
	for _, alternative := range t.alternatives {
		value, err := alternative.Eval(d)
		if err != nil {
			return false, err
		}
		matched, ok := value.(bool)
		switch {
		case !ok && t.free:
			matched = equal(d.input, value)
		case !ok && value != nil:
			return false, errors.New("the condition gives neither true nor false")
		}
		if matched {
			return !t.not, nil
		}
	}
	return t.not, nil
}

func (d *decision) outputCell(column *Output, cell *Entry) (OutputAudit, error) {
	audit := OutputAudit{ID: cell.ID, Name: column.Name, Text: cell.Text}
	value, err := cell.value.eval(d)
	if err == nil {
		value, err = d.converted(value, column.Type)
	}
	if err != nil {
		audit.Error = plain(err)
		return audit, fmt.Errorf("output %q: %s", column.Name, audit.Error)
	}
	audit.Value = value
	return audit, nil
}

// converted makes of an output's value what its column says.
func (d *decision) converted(value any, kind Type) (any, error) {
	if value == nil && kind != Unknown {
		return nil, fmt.Errorf("it is null, and should be of type %s", kind)
	}
	switch kind {
	case String:
		return juel.Text(value)
	case Number:
		return juel.Float(value)
	case Long:
		return juel.Integer(value)
	case Integer:
		number, err := juel.Integer(value)
		if err == nil && int64(int32(number)) != number {
			err = errors.New("it is beyond 32 bits")
		}
		return int32(number), err
	case Boolean:
		return juel.Truth(value)
	case Date:
		return functionObject{d.now}.date(value)
	}
	return value, nil
}

// plain is an error as a modeller reads it: without the expression that was made of
// the cell.
func plain(err error) string {
	var failed *juel.EvalError
	if errors.As(err, &failed) {
		err = failed.Cause
	}
	return readable(err.Error())
}
