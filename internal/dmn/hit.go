package dmn

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/internal/juel"
)

// conclude makes the rows of the rules that matched.
func (d *decision) conclude() error {
	switch d.table.HitPolicy {
	case Unique:
		if len(d.hits) > 1 {
			return fmt.Errorf("rules %d and %d both match, and the hit policy %s allows one", d.hits[0].rule, d.hits[1].rule, Unique)
		}
	case Any:
		d.merge()
		return nil
	case Priority, OutputOrder:
		if err := d.order(); err != nil {
			return err
		}
		if d.table.HitPolicy == Priority && len(d.hits) > 1 {
			d.hits = d.hits[:1]
		}
	case Collect:
		if d.table.Aggregation != None {
			return d.aggregate()
		}
	}
	d.result.Multiple = d.table.HitPolicy == RuleOrder || d.table.HitPolicy == OutputOrder || d.table.HitPolicy == Collect
	for _, h := range d.hits {
		d.result.Rows = append(d.result.Rows, h.outputs)
	}
	return nil
}

// merge lays the outputs of all rules over one another and notes where they disagree.
func (d *decision) merge() {
	if len(d.hits) == 0 {
		return
	}
	row := map[string]any{}
	for _, h := range d.hits {
		for _, name := range slices.Sorted(maps.Keys(h.outputs)) {
			before, ok := row[name]
			if ok && !equal(before, h.outputs[name]) {
				d.result.Notes = append(d.result.Notes, fmt.Sprintf("rule %d sets %q to another value than a rule before it; with the hit policy %s they should agree", h.rule, name, Any))
			}
			row[name] = h.outputs[name]
		}
	}
	d.result.Rows = []map[string]any{row}
}

// order sorts the hits by the places of their outputs in the lists of output values,
// column by column; what is in no list comes last.
func (d *decision) order() error {
	places := make(map[int][]int, len(d.hits))
	for _, h := range d.hits {
		for _, output := range d.table.Outputs {
			place, err := d.place(&output, h.outputs)
			if err != nil {
				return err
			}
			places[h.rule] = append(places[h.rule], place)
		}
	}
	slices.SortStableFunc(d.hits, func(a, b hit) int { return slices.Compare(places[a.rule], places[b.rule]) })
	return nil
}

func (d *decision) place(output *Output, outputs map[string]any) (int, error) {
	value, ok := outputs[output.Name]
	for i, rank := range output.ranks {
		listed, err := rank.Eval(d)
		if err != nil {
			return 0, fmt.Errorf("output %q: value %d: %s", output.Name, i+1, plain(err))
		}
		if ok && equal(value, listed) {
			return i, nil
		}
	}
	return len(output.ranks), nil
}

// aggregate makes one value of the values of the one output. No hit counts as 0 and
// has no sum, least or greatest value.
func (d *decision) aggregate() error {
	name := d.table.Outputs[0].Name
	var values []float64
	for _, h := range d.hits {
		value, ok := h.outputs[name]
		if !ok {
			continue
		}
		number, err := number(value, d.table.Aggregation)
		if err != nil {
			return fmt.Errorf("rule %d: output %q: %w", h.rule, name, err)
		}
		values = append(values, number)
	}
	total, ok := aggregated(values, d.table.Aggregation)
	if !ok {
		return nil
	}
	value, err := d.converted(total, d.table.Outputs[0].Type)
	if d.table.Aggregation == Count {
		value, err = int64(len(values)), nil
	}
	d.result.Rows = []map[string]any{{name: value}}
	return err
}

// number is a value to be aggregated; what is counted need not be one.
func number(value any, by Aggregation) (float64, error) {
	switch value.(type) {
	case int, int32, int64, float64:
		return juel.Float(value)
	}
	if by == Count {
		return 0, nil
	}
	return 0, errors.New("it is no number; give the output the type number, or use no aggregation")
}

func aggregated(values []float64, by Aggregation) (float64, bool) {
	if by == Count {
		return 0, true
	}
	if len(values) == 0 {
		return 0, false
	}
	total := values[0]
	for _, v := range values[1:] {
		switch by {
		case Sum:
			total += v
		case Min:
			total = min(total, v)
		case Max:
			total = max(total, v)
		}
	}
	return total, true
}
