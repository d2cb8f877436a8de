package diagram

import (
	"github.com/sluicehq/sluice/internal/bpmn"
)

// route takes the places of the grid over into the block, and draws its flows.
func (b *block) route(g *grid, scope *bpmn.Node) {
	for n, c := range g.byNode {
		r := b.boxes[n]
		r.X, r.Y = c.x-r.Width/2, c.y-r.Height/2
		b.boxes[n] = r
	}
	b.attach(scope)
	depth := g.bottom()
	for _, l := range g.links {
		from, to := b.boxes[l.flow.From], b.boxes[l.flow.To]
		e := bpmn.Edge{Element: l.flow.ID, Type: "sequenceFlow", Name: l.flow.Name}
		switch {
		case l.back:
			depth += spare
			e.Points = loopBack(from, to, depth)
		case l.flow.From.Kind == bpmn.BoundaryEvent:
			e.Points = b.fromBoundary(l, from, to)
		default:
			e.Points = b.forward(l, from, to)
		}
		b.lines = append(b.lines, e)
	}
	b.handlers(scope)
}

// forward leads from the right of a node to the left of another, by way of the places
// it passes, and bends half way between layers.
func (b *block) forward(l *link, from, to bpmn.Rect) []bpmn.Point {
	return steps(bpmn.Point{X: from.X + from.Width, Y: from.Y + from.Height/2}, l, to)
}

// fromBoundary leaves an event at the lower border of its activity downwards.
func (b *block) fromBoundary(l *link, from, to bpmn.Rect) []bpmn.Point {
	x, y := centre(from)
	start := bpmn.Point{X: x, Y: y + from.Height/2}
	host := b.boxes[l.flow.From.AttachedTo]
	turn := bpmn.Point{X: x, Y: start.Y + 14}
	rest := steps(bpmn.Point{X: host.X + host.Width, Y: turn.Y}, l, to)
	return append([]bpmn.Point{start, turn}, rest[1:]...)
}

// steps leads from a point to the left of a node.
func steps(from bpmn.Point, l *link, to bpmn.Rect) []bpmn.Point {
	out := []bpmn.Point{from}
	right := l.from.x + l.from.width/2
	for _, c := range l.path {
		out = bend(out, right, c.y)
		right = c.x
	}
	end := bpmn.Point{X: to.X, Y: to.Y + to.Height/2}
	out = bend(out, end.X-gapX, end.Y)
	return append(out, end)
}

// bend goes to another height in the gap that begins at x.
func bend(points []bpmn.Point, x, y float64) []bpmn.Point {
	last := points[len(points)-1]
	if last.Y == y {
		return points
	}
	at := max(x, last.X) + gapX/2
	return append(points, bpmn.Point{X: at, Y: last.Y}, bpmn.Point{X: at, Y: y})
}

// loopBack leads back: out at the right of a node, left below everything, and in at
// the left of another. Between layers nothing stands in its way.
func loopBack(from, to bpmn.Rect, depth float64) []bpmn.Point {
	const out = 14
	start := bpmn.Point{X: from.X + from.Width, Y: from.Y + from.Height/2}
	end := bpmn.Point{X: to.X, Y: to.Y + to.Height/2}
	return []bpmn.Point{
		start, {X: start.X + out, Y: start.Y}, {X: start.X + out, Y: depth},
		{X: end.X - out - 8, Y: depth}, {X: end.X - out - 8, Y: end.Y}, end,
	}
}

// handlers joins compensation events to what undoes their activities.
func (b *block) handlers(scope *bpmn.Node) {
	for _, n := range scope.Children {
		if n.Compensation == nil {
			continue
		}
		for _, e := range n.Boundary {
			to, ok := b.boxes[n.Compensation]
			if !ok || e.Event == nil || e.Event.Kind != bpmn.CompensationEvent {
				continue
			}
			x, y := centre(b.boxes[e])
			b.lines = append(b.lines, bpmn.Edge{Element: e.ID + "-" + n.Compensation.ID, Type: "association", Points: []bpmn.Point{
				{X: x, Y: y + 18}, {X: x, Y: to.Y - 15}, {X: to.X + to.Width/2, Y: to.Y - 15}, {X: to.X + to.Width/2, Y: to.Y},
			}})
		}
	}
}
