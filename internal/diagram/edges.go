package diagram

import (
	"math"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// edge draws a flow or an association.
func (d *drawing) edge(e *bpmn.Edge, taken bool) {
	points := e.Points
	f := d.process.Flows[e.Element]
	if f != nil {
		points = d.clip(points, f)
	}
	if len(points) < 2 {
		return
	}
	class := e.Type
	p := pen{stroke: plain, width: 1.5}
	if taken {
		class += " taken"
		p = pen{stroke: doneStroke, width: 2.5}
	}
	d.start("g", attrs{"class", class, "data-element", e.Element})
	if name := oneLine(e.Name); name != "" {
		d.element("title", e.Type+": "+name)
	}
	switch e.Type {
	case "association", "dataInputAssociation", "dataOutputAssociation":
		d.line(points, pen{stroke: soft, width: 1.3, dash: "1.5 4"})
	case "messageFlow":
		d.line(points, pen{stroke: plain, width: 1.3, dash: "6 4"})
		d.circle(points[0].X, points[0].Y, 3.5, pen{stroke: plain, fill: paper, width: 1.3})
		d.arrow(points, pen{stroke: plain, fill: paper, width: 1.3})
	default:
		d.line(shorten(points, 7), p)
		p.fill = p.stroke
		d.arrow(points, p)
		if f != nil {
			d.flowMark(f, points, p)
		}
	}
	d.end("g")
}

// direction returns the unit vector from a to b; right when they are one.
func direction(a, b bpmn.Point) (x, y float64) {
	length := math.Hypot(b.X-a.X, b.Y-a.Y)
	if length == 0 {
		return 1, 0
	}
	return (b.X - a.X) / length, (b.Y - a.Y) / length
}

// arrow draws the head at the end of a line.
func (d *drawing) arrow(points []bpmn.Point, p pen) {
	tip := points[len(points)-1]
	x, y := direction(points[len(points)-2], tip)
	const long, wide = 10, 4.5
	p.width = math.Min(p.width, 1.3)
	d.shape([]bpmn.Point{tip, {X: tip.X - long*x - wide*y, Y: tip.Y - long*y + wide*x}, {X: tip.X - long*x + wide*y, Y: tip.Y - long*y - wide*x}}, p)
}

// shorten ends a line within its arrow.
func shorten(points []bpmn.Point, by float64) []bpmn.Point {
	out := append([]bpmn.Point(nil), points...)
	last, before := out[len(out)-1], out[len(out)-2]
	by = math.Min(by, math.Hypot(last.X-before.X, last.Y-before.Y))
	x, y := direction(before, last)
	out[len(out)-1] = bpmn.Point{X: last.X - by*x, Y: last.Y - by*y}
	return out
}

// flowMark draws the stroke of a default flow, and the diamond of a conditional one
// that leaves an activity.
func (d *drawing) flowMark(f *bpmn.Flow, points []bpmn.Point, p pen) {
	x, y := direction(points[0], points[1])
	from := points[0]
	along := func(far, aside float64) bpmn.Point {
		return bpmn.Point{X: from.X + far*x - aside*y, Y: from.Y + far*y + aside*x}
	}
	switch {
	case f.From.Default == f:
		d.line([]bpmn.Point{along(7, 6), along(13, -6)}, pen{stroke: p.stroke, width: 1.5})
	case f.Condition != nil && f.From.Kind.IsActivity():
		d.shape([]bpmn.Point{along(0, 0), along(8, 5), along(16, 0), along(8, -5)}, pen{stroke: p.stroke, fill: paper, width: 1.3})
	}
}

// clip cuts off the ends of a flow that are within the shapes it joins: some tools
// draw from centre to centre.
func (d *drawing) clip(points []bpmn.Point, f *bpmn.Flow) []bpmn.Point {
	out := append([]bpmn.Point(nil), points...)
	out = d.clipStart(out, f.From)
	reverse(out)
	out = d.clipStart(out, f.To)
	reverse(out)
	return out
}

func reverse(points []bpmn.Point) {
	for i, j := 0, len(points)-1; i < j; i, j = i+1, j-1 {
		points[i], points[j] = points[j], points[i]
	}
}

// clipStart moves the first point to the border of a node's shape.
func (d *drawing) clipStart(points []bpmn.Point, n *bpmn.Node) []bpmn.Point {
	s := d.shapes[n.ID]
	if s == nil {
		return points
	}
	for len(points) > 2 && within(s, n, points[1]) {
		points = points[1:]
	}
	if !within(s, n, points[0]) || within(s, n, points[1]) {
		return points
	}
	inside, outside := points[0], points[1]
	for range 20 {
		half := bpmn.Point{X: (inside.X + outside.X) / 2, Y: (inside.Y + outside.Y) / 2}
		if within(s, n, half) {
			inside = half
		} else {
			outside = half
		}
	}
	points[0] = outside
	return points
}

// within reports whether a point is inside of a shape, its border excepted.
func within(s *bpmn.Shape, n *bpmn.Node, q bpmn.Point) bool {
	x, y := centre(s.Bounds)
	w, h := s.Bounds.Width/2, s.Bounds.Height/2
	if w <= 0 || h <= 0 {
		return false
	}
	dx, dy := math.Abs(q.X-x)/w, math.Abs(q.Y-y)/h
	const edge = 0.995
	switch {
	case n.Kind.IsEvent():
		return math.Hypot(dx, dy) < edge
	case n.Kind.IsGateway():
		return dx+dy < edge
	}
	return dx < edge && dy < edge
}

// edgeLabel writes the name of an edge.
func (d *drawing) edgeLabel(e *bpmn.Edge) {
	if lines, x, y := edgeText(e); len(lines) > 0 {
		d.text(lines, x, y, labelSize, middle, ink, true)
	}
}

// edgeText returns the name of an edge and the centre of where it stands: where the
// document says, or above the middle of the longest piece.
func edgeText(e *bpmn.Edge) (lines []string, x, y float64) {
	width := 110.0
	if e.Label != nil && e.Label.Width > width {
		width = e.Label.Width
	}
	lines = wrap(e.Name, width, labelSize, 3)
	if len(lines) == 0 {
		return nil, 0, 0
	}
	if e.Label != nil && (e.Label.X != 0 || e.Label.Y != 0) {
		x, y = centre(*e.Label)
		return lines, x, y
	}
	a, b := longest(e.Points, around(lines, 0, 0).Width)
	x, y = (a.X+b.X)/2, (a.Y+b.Y)/2
	if flat(a, b) {
		y -= 4 + float64(len(lines))*labelSize*lineHeight/2
	}
	return lines, x, y
}

// longest returns the longest piece of a line, and of those that are flat and wide
// enough for a name the longest when there is one. Of equals it is the last.
func longest(points []bpmn.Point, width float64) (a, b bpmn.Point) {
	best := -1.0
	for i := 0; i+1 < len(points); i++ {
		length := math.Hypot(points[i+1].X-points[i].X, points[i+1].Y-points[i].Y)
		if flat(points[i], points[i+1]) && length >= width {
			length += 1e7
		}
		if length >= best {
			best, a, b = length, points[i], points[i+1]
		}
	}
	return a, b
}

func flat(a, b bpmn.Point) bool { return math.Abs(b.X-a.X) > math.Abs(b.Y-a.Y) }
