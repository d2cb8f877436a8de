package diagram

import (
	"math"
	"slices"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// What the automatic layout keeps between things, in pixels.
const (
	gapX    = 70.0 // between layers
	gapY    = 30.0 // between nodes of a layer
	padding = 25.0 // within a sub-process
	heading = 30.0 // above what is in a sub-process
	spare   = 18.0 // height of a flow that passes a layer
)

// block is the layout of one scope: boxes and lines from its own origin.
type block struct {
	boxes map[*bpmn.Node]bpmn.Rect
	inner map[*bpmn.Node]*block
	lines []bpmn.Edge
	size  bpmn.Point
}

// layout places a process that has no diagram: from left to right by layers, each
// sub-process within itself.
func layout(p *bpmn.Process) *bpmn.Diagram {
	b := arrange(p.Root)
	d := &bpmn.Diagram{}
	b.place(d, p.Root, 0, 0)
	return d
}

// place writes a block into a diagram at a point.
func (b *block) place(d *bpmn.Diagram, scope *bpmn.Node, x, y float64) {
	for _, n := range slices.Concat(scope.Children, scope.Events) {
		r, ok := b.boxes[n]
		if !ok {
			continue
		}
		r.X, r.Y = r.X+x, r.Y+y
		d.Shapes = append(d.Shapes, bpmn.Shape{Element: n.ID, Type: elementOf(n), Name: n.Name, Bounds: r, Expanded: n.Kind.IsScope(), Horizontal: true})
		if inner := b.inner[n]; inner != nil {
			inner.place(d, n, r.X+padding, r.Y+heading)
		}
	}
	for _, e := range b.lines {
		for i := range e.Points {
			e.Points[i].X, e.Points[i].Y = e.Points[i].X+x, e.Points[i].Y+y
		}
		d.Edges = append(d.Edges, e)
	}
}

// elementOf returns the XML name of a node, as diagrams in documents have it.
func elementOf(n *bpmn.Node) string {
	switch n.Type {
	case "throwEvent":
		return "intermediateThrowEvent"
	case "eventGateway":
		return "eventBasedGateway"
	case "eventSubProcess":
		return "subProcess"
	case "adhocSubProcess":
		return "adHocSubProcess"
	}
	return n.Type
}

// arrange lays out the nodes of a scope.
func arrange(scope *bpmn.Node) *block {
	b := &block{boxes: map[*bpmn.Node]bpmn.Rect{}, inner: map[*bpmn.Node]*block{}}
	for _, n := range slices.Concat(scope.Children, scope.Events) {
		b.boxes[n] = b.sizeOf(n)
	}
	g := newGrid(scope, b)
	g.layers()
	g.passes()
	g.order()
	g.across()
	g.down()
	g.settle()
	b.attach(scope)
	b.below(g, scope)
	b.route(g, scope)
	b.frame()
	return b
}

func (b *block) sizeOf(n *bpmn.Node) bpmn.Rect {
	switch {
	case n.Kind.IsEvent():
		return bpmn.Rect{Width: 36, Height: 36}
	case n.Kind.IsGateway():
		return bpmn.Rect{Width: 50, Height: 50}
	case n.Kind.IsScope():
		inner := arrange(n)
		b.inner[n] = inner
		return bpmn.Rect{
			Width:  math.Max(math.Max(inner.size.X+2*padding, 140), border(n)),
			Height: math.Max(inner.size.Y+heading+padding+10, 115),
		}
	}
	return bpmn.Rect{Width: math.Max(110, border(n)), Height: 80}
}

// Boundary events stand side by side, this far apart.
const apart = 44.0

// border returns how much room the boundary events of an activity take.
func border(n *bpmn.Node) float64 { return float64(len(n.Boundary))*apart + 12 }

// attach puts boundary events on the lower borders of their activities.
func (b *block) attach(scope *bpmn.Node) {
	for _, n := range scope.Children {
		host := b.boxes[n]
		for i, e := range n.Boundary {
			r := b.boxes[e]
			r.X = host.X + 10 + float64(i)*apart
			r.Y = host.Y + host.Height - r.Height/2
			b.boxes[e] = r
		}
	}
}

// below puts what no flow leads to under the rest: handlers of compensation and event
// sub-processes.
func (b *block) below(g *grid, scope *bpmn.Node) {
	x, y := 0.0, g.bottom()
	if len(g.cells) > 0 {
		y += gapY + 30
	}
	for _, n := range slices.Concat(scope.Children, scope.Events) {
		if !aside(n) {
			continue
		}
		r := b.boxes[n]
		r.X, r.Y = x, y
		b.boxes[n] = r
		x += r.Width + gapX
	}
}

// aside reports whether a node stands outside of the flow.
func aside(n *bpmn.Node) bool {
	return n.Kind == bpmn.EventSubProcess || n.ForCompensation && len(n.In) == 0 && len(n.Out) == 0
}

// frame moves the block to its origin and measures it.
func (b *block) frame() {
	low := bpmn.Point{X: math.Inf(1), Y: math.Inf(1)}
	high := bpmn.Point{X: math.Inf(-1), Y: math.Inf(-1)}
	grow := func(x, y float64) {
		low.X, low.Y = math.Min(low.X, x), math.Min(low.Y, y)
		high.X, high.Y = math.Max(high.X, x), math.Max(high.Y, y)
	}
	for n, r := range b.boxes {
		grow(r.X, r.Y)
		bottom := r.Y + r.Height
		if (n.Kind.IsEvent() || n.Kind.IsGateway()) && n.Name != "" {
			bottom += 28 // for the name
		}
		grow(r.X+r.Width, bottom)
	}
	for _, e := range b.lines {
		for _, q := range e.Points {
			grow(q.X, q.Y)
		}
	}
	if len(b.boxes) == 0 {
		return
	}
	for n, r := range b.boxes {
		r.X, r.Y = r.X-low.X, r.Y-low.Y
		b.boxes[n] = r
	}
	for _, e := range b.lines {
		for i := range e.Points {
			e.Points[i].X, e.Points[i].Y = e.Points[i].X-low.X, e.Points[i].Y-low.Y
		}
	}
	b.size = bpmn.Point{X: high.X - low.X, Y: high.Y - low.Y}
}
