package dmn

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// draft is a table as a document has it, before it is checked.
type draft struct {
	key, name, description string
	policy, aggregation    string
	inputs                 []draftInput
	outputs                []draftOutput
	rules                  []draftRule
	place                  string // of the table, "" when the document has one only
}

type draftInput struct{ id, label, expression, kind string }

type draftOutput struct {
	id, label, name, kind string
	values                []string
}

type draftRule struct {
	inputs, outputs []Entry
	place           string // beside its number, "line 12"; may be ""
}

// build checks a draft and compiles its cells. What is wrong is added to the problems.
func (d *draft) build(p *Problems) *Table {
	t := &Table{Key: d.key, Name: d.name, Description: d.description}
	if d.tooLarge(p) {
		return t
	}
	d.head(t, p)
	for i, in := range d.inputs {
		t.Inputs = append(t.Inputs, d.input(in, i, p))
	}
	for i, out := range d.outputs {
		t.Outputs = append(t.Outputs, d.output(out, i, p))
	}
	d.distinct(p)
	d.policyFits(t, p)
	for i, rule := range d.rules {
		t.Rules = append(t.Rules, d.rule(t, rule, i+1, p))
	}
	return t
}

// at is a place within the table.
func (d *draft) at(format string, args ...any) string {
	place := fmt.Sprintf(format, args...)
	if d.place != "" && place != "" {
		return d.place + ", " + place
	}
	return d.place + place
}

func (d *draft) tooLarge(p *Problems) bool {
	columns := len(d.inputs) + len(d.outputs)
	switch {
	case columns > MaxColumns:
		p.add(d.at(""), "the table has %d columns, %d are allowed; divide it", columns, MaxColumns)
	case len(d.rules) > MaxRules:
		p.add(d.at(""), "the table has %d rules, %d are allowed; divide it", len(d.rules), MaxRules)
	case len(d.rules)*columns > MaxCells:
		p.add(d.at(""), "the table has %d cells, %d are allowed; divide it", len(d.rules)*columns, MaxCells)
	default:
		return false
	}
	p.kind = fault.TooLarge
	return true
}

func (d *draft) head(t *Table, p *Problems) {
	if d.key == "" {
		p.add(d.at(""), "the decision has no id; processes find it by that")
	}
	if len(d.outputs) == 0 {
		p.add(d.at(""), "the table has no outputs; add one")
	}
	var known bool
	if t.HitPolicy, t.Aggregation, known = policyOf(d.policy); !known {
		p.add(d.at(""), "the hit policy %q is not known; use FIRST, ANY, UNIQUE, PRIORITY, RULE ORDER, OUTPUT ORDER or COLLECT", clip(d.policy))
	}
	aggregation, known := aggregationOf(d.aggregation)
	if !known {
		p.add(d.at(""), "the aggregation %q is not known; use SUM, MIN, MAX or COUNT", clip(d.aggregation))
	}
	if aggregation != None {
		t.Aggregation = aggregation
	}
}

// policyFits checks what policies ask of the outputs.
func (d *draft) policyFits(t *Table, p *Problems) {
	if t.Aggregation != None {
		switch {
		case t.HitPolicy != Collect:
			p.add(d.at(""), "the aggregation %s needs the hit policy %s; the table has %s", t.Aggregation, Collect, t.HitPolicy)
		case len(t.Outputs) > 1:
			p.add(d.at(""), "the aggregation %s needs one output; the table has %d", t.Aggregation, len(t.Outputs))
		}
	}
	if t.HitPolicy != Priority && t.HitPolicy != OutputOrder {
		return
	}
	for _, out := range t.Outputs {
		if len(out.Values) > 0 {
			return
		}
	}
	p.add(d.at(""), "the hit policy %s needs a list of output values on an output, the most important one first", t.HitPolicy)
}

func (d *draft) input(in draftInput, i int, p *Problems) Input {
	place := d.at("input %d", i+1)
	kind, ok := typeOf(in.kind)
	if !ok {
		p.add(place, "the type %q is not known; use string, number, boolean or date", clip(in.kind))
	}
	compiled, err := compileInput(in.expression)
	if err != nil {
		p.add(place, "%s: %q", err, clip(in.expression))
	}
	return Input{ID: in.id, Label: in.label, Expression: strings.TrimSpace(in.expression), Type: kind, compiled: compiled}
}

func (d *draft) output(out draftOutput, i int, p *Problems) Output {
	place := d.at("output %d", i+1)
	kind, ok := typeOf(out.kind)
	if !ok {
		p.add(place, "the type %q is not known; use string, number, boolean or date", clip(out.kind))
	}
	o := Output{ID: out.id, Label: out.label, Name: strings.TrimSpace(out.name), Type: kind, Values: out.values}
	if o.Name == "" {
		p.add(place, "the output has no name; name the variable that it sets")
	}
	for _, value := range out.values {
		rank, err := compileValue(value, kind)
		switch {
		case err != nil:
			p.add(place, "output values: %s: %q", err, clip(value))
		case rank != nil:
			o.ranks = append(o.ranks, rank)
		}
	}
	return o
}

// distinct checks that no two outputs set the same variable.
func (d *draft) distinct(p *Problems) {
	seen := map[string]int{}
	for i, out := range d.outputs {
		name := strings.TrimSpace(out.name)
		if before, ok := seen[name]; ok && name != "" {
			p.add(d.at("output %d", i+1), "output %d sets %q too; give one of them another name", before, clip(name))
		}
		seen[name] = i + 1
	}
}

func (d *draft) rule(t *Table, rule draftRule, number int, p *Problems) Rule {
	place := d.at("rule %d", number)
	if rule.place != "" {
		place += " (" + rule.place + ")"
	}
	if len(rule.inputs) != len(t.Inputs) || len(rule.outputs) != len(t.Outputs) {
		p.add(place, "the rule has %d input and %d output entries, the table has %d and %d columns", len(rule.inputs), len(rule.outputs), len(t.Inputs), len(t.Outputs))
		return Rule{}
	}
	var err error
	for i := range rule.inputs {
		cell := &rule.inputs[i]
		if cell.test, err = compileTest(cell.Text, t.Inputs[i].Type); err != nil {
			p.add(fmt.Sprintf("%s, input %d (%s)", place, i+1, clip(t.Inputs[i].Expression)), "%s: %q", err, clip(cell.Text))
		}
	}
	for i := range rule.outputs {
		cell := &rule.outputs[i]
		if cell.value, err = compileOutput(cell.Text, t.Outputs[i].Type); err != nil {
			p.add(fmt.Sprintf("%s, output %d (%s)", place, i+1, clip(t.Outputs[i].Name)), "%s: %q", err, clip(cell.Text))
		}
	}
	return Rule{Number: number, Inputs: rule.inputs, Outputs: rule.outputs}
}

// clip keeps what is shown of a document short.
func clip(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
