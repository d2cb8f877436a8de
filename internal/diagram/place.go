package diagram

import "github.com/sluicehq/sluice/internal/bpmn"

// Place returns where the elements of a process stand: as its document says, or else as the
// layout here places them. The error is that they are more than MaxElements.
func Place(p *bpmn.Process) (*bpmn.Diagram, error) {
	at := p.Diagram
	if at == nil || len(at.Shapes) == 0 {
		if n := len(p.Order) + len(p.Flows); n > MaxElements {
			return nil, tooMany(n)
		}
		at = layout(p)
	}
	if n := len(at.Shapes) + len(at.Edges); n > MaxElements {
		return nil, tooMany(n)
	}
	return at, nil
}
