package diagram

import (
	"math"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// draws writes one shape, as a group that says in a title what it is.
func (d *drawing) draws(s *bpmn.Shape) {
	st := d.states[s.Element]
	class := s.Type
	if st != idle {
		class += " " + st.String()
	}
	d.start("g", attrs{"class", class, "data-element", s.Element})
	d.element("title", tooltip(s, st))
	n := d.process.Nodes[s.Element]
	switch {
	case n == nil:
		d.artifact(s)
	case n.Kind.IsEvent():
		d.event(s, n, st)
	case n.Kind.IsGateway():
		d.gateway(s, n, st)
	default:
		d.activity(s, n, st)
	}
	if lines, r := d.beside(s); len(lines) > 0 {
		d.text(lines, r.X+r.Width/2, r.Y+r.Height/2, labelSize, middle, ink, true)
	}
	if st == failed {
		d.alarm(s.Bounds)
	}
	d.end("g")
}

// tooltip names a shape: "userTask: Approve (active)".
func tooltip(s *bpmn.Shape, st state) string {
	out := s.Type
	if name := oneLine(s.Name); name != "" {
		out += ": " + name
	}
	if st != idle {
		out += " (" + st.String() + ")"
	}
	return out
}

// alarm is the sign at the corner of what failed.
func (d *drawing) alarm(r bpmn.Rect) {
	x, y := r.X+r.Width, r.Y
	d.circle(x, y, 8, pen{stroke: paper, fill: failedStroke, width: 1.5})
	d.line([]bpmn.Point{{X: x, Y: y - 4.5}, {X: x, Y: y + 1}}, pen{stroke: paper, width: 2})
	d.circle(x, y+4, 1.2, pen{stroke: "none", fill: paper})
}

func centre(r bpmn.Rect) (x, y float64) { return r.X + r.Width/2, r.Y + r.Height/2 }

// event draws an event: thin when it starts, double on the way, thick when it ends,
// dashed when it does not interrupt.
func (d *drawing) event(s *bpmn.Shape, n *bpmn.Node, st state) {
	x, y := centre(s.Bounds)
	radius := math.Min(s.Bounds.Width, s.Bounds.Height) / 2
	kind := bpmn.NoneEvent
	if n.Event != nil {
		kind = n.Event.Kind
	}
	width := 1.5
	if n.Kind == bpmn.EndEvent {
		width = 3.5
	}
	p := st.pen(width)
	waits := n.Kind == bpmn.BoundaryEvent || n.Kind == bpmn.StartEvent && n.Scope.Kind == bpmn.EventSubProcess
	if waits && !n.Interrupting {
		p.dash = "4 2.5"
	}
	d.circle(x, y, radius, p)
	inner := radius
	if n.Kind == bpmn.CatchEvent || n.Kind == bpmn.ThrowEvent || n.Kind == bpmn.BoundaryEvent {
		ring := p
		ring.fill, ring.width = "none", math.Min(p.width, 1.5)
		inner = radius * 0.8
		d.circle(x, y, inner, ring)
	}
	d.mark(kind, at{x, y, inner}, p, n.Kind == bpmn.EndEvent || n.Kind == bpmn.ThrowEvent)
}

func (d *drawing) gateway(s *bpmn.Shape, n *bpmn.Node, st state) {
	x, y := centre(s.Bounds)
	w, h := s.Bounds.Width/2, s.Bounds.Height/2
	p := st.pen(1.5)
	d.shape([]bpmn.Point{{X: x, Y: y - h}, {X: x + w, Y: y}, {X: x, Y: y + h}, {X: x - w, Y: y}}, p)
	d.gatewayMark(n.Kind, at{x, y, math.Min(w, h)}, p)
}

// activity draws a task, call activity or sub-process.
func (d *drawing) activity(s *bpmn.Shape, n *bpmn.Node, st state) {
	r := s.Bounds
	open := n.Kind.IsScope() && s.Expanded
	p := st.pen(1.5)
	switch n.Kind {
	case bpmn.CallActivity:
		p.width += 2.5
	case bpmn.EventSubProcess:
		p.dash = "2 3"
	}
	if open {
		p.fill = paper
	}
	d.rect(r, 8, p)
	if n.Kind == bpmn.Transaction {
		inner := p
		inner.fill, inner.width = "none", 1.2
		d.rect(bpmn.Rect{X: r.X + 4, Y: r.Y + 4, Width: math.Max(r.Width-8, 0), Height: math.Max(r.Height-8, 0)}, 5, inner)
	}
	marks := marksOf(n, open)
	if len(marks) > 0 {
		d.foot(marks, r.X+r.Width/2, r.Y+r.Height-11, p)
	}
	d.icon(s.Type, at{r.X + 14, r.Y + 14, 8.5}, p)
	d.activityName(s, open, len(marks) > 0)
}

func (d *drawing) activityName(s *bpmn.Shape, open, marked bool) {
	r := s.Bounds
	room := r.Width - 12
	if open {
		d.text(wrap(s.Name, room, fontSize, 1), r.X+10, r.Y+14, fontSize, left, ink, false)
		return
	}
	top, bottom := r.Y+4, r.Y+r.Height-4
	if marked {
		bottom -= 16
	}
	// An icon takes the place of the first line when there are many.
	text, size := fit(s.Name, room, bottom-top)
	if iconic(s.Type) && float64(len(text))*size*lineHeight > bottom-top-36 {
		top += 16
		text, size = fit(s.Name, room, bottom-top)
	}
	d.text(text, r.X+r.Width/2, (top+bottom)/2, size, middle, ink, false)
}

// fit sets a text in the largest of some sizes in which it fits into a box, and cuts
// it off in the smallest when it fits in none.
func fit(text string, width, height float64) ([]string, float64) {
	sizes := []float64{fontSize, 10.5, 9}
	for _, size := range sizes {
		lines := int(height / (size * lineHeight))
		if whole := wrap(text, width, size, maxText); len(whole) <= lines || size == sizes[len(sizes)-1] {
			return wrap(text, width, size, lines), size
		}
	}
	return nil, 0
}

func iconic(element string) bool {
	switch element {
	case "userTask", "serviceTask", "scriptTask", "sendTask", "receiveTask", "manualTask", "businessRuleTask":
		return true
	}
	return false
}

func marksOf(n *bpmn.Node, open bool) []string {
	var out []string
	if n.Loop != nil {
		switch {
		case n.Loop.Standard:
			out = append(out, markLoop)
		case n.Loop.Sequential:
			out = append(out, markSequential)
		default:
			out = append(out, markParallel)
		}
	}
	if n.ForCompensation {
		out = append(out, markCompensate)
	}
	if n.Kind.IsScope() && !open {
		out = append(out, markCollapsed)
	}
	if n.Kind == bpmn.AdHocSubProcess {
		out = append(out, markAdHoc)
	}
	return out
}

// artifact draws what is no node.
func (d *drawing) artifact(s *bpmn.Shape) {
	r := s.Bounds
	thin := pen{stroke: plain, fill: paper, width: 1.2}
	switch s.Type {
	case "participant":
		d.rect(r, 0, thin)
		d.band(s, 30, thin)
	case "lane":
		d.rect(r, 0, pen{stroke: soft, fill: "none", width: 1})
		d.band(s, 26, pen{})
	case "textAnnotation":
		lines, r := note(s)
		d.line([]bpmn.Point{{X: r.X + 12, Y: r.Y}, {X: r.X, Y: r.Y}, {X: r.X, Y: r.Y + r.Height}, {X: r.X + 12, Y: r.Y + r.Height}}, thin)
		d.text(lines, r.X+6, r.Y+r.Height/2, labelSize, left, ink, false)
	case "group":
		d.rect(r, 10, pen{stroke: soft, fill: "none", width: 1.5, dash: "8 3 2 3"})
	case "dataStoreReference":
		d.store(r, thin)
	default: // dataObject, dataObjectReference
		fold := math.Min(r.Width, r.Height) * 0.3
		d.shape([]bpmn.Point{{X: r.X, Y: r.Y}, {X: r.X + r.Width - fold, Y: r.Y}, {X: r.X + r.Width, Y: r.Y + fold}, {X: r.X + r.Width, Y: r.Y + r.Height}, {X: r.X, Y: r.Y + r.Height}}, thin)
		d.line([]bpmn.Point{{X: r.X + r.Width - fold, Y: r.Y}, {X: r.X + r.Width - fold, Y: r.Y + fold}, {X: r.X + r.Width, Y: r.Y + fold}}, thin)
	}
}

// note returns the lines of a text annotation and its bounds, which grow with them.
func note(s *bpmn.Shape) ([]string, bpmn.Rect) {
	r := s.Bounds
	r.Width = math.Max(r.Width, 60)
	lines := wrap(s.Name, r.Width-10, labelSize, 12)
	r.Height = math.Max(r.Height, float64(len(lines))*labelSize*lineHeight+6)
	return lines, r
}

// band writes the name of a pool or lane along its side, and a line beside it when
// the pen draws.
func (d *drawing) band(s *bpmn.Shape, width float64, p pen) {
	r := s.Bounds
	room := r.Height
	x, y := r.X+width/2, r.Y+r.Height/2
	if !s.Horizontal {
		room, x, y = r.Width, r.X+r.Width/2, r.Y+width/2
	}
	switch {
	case p.width == 0:
	case s.Horizontal:
		d.line([]bpmn.Point{{X: r.X + width, Y: r.Y}, {X: r.X + width, Y: r.Y + r.Height}}, p)
	default:
		d.line([]bpmn.Point{{X: r.X, Y: r.Y + width}, {X: r.X + r.Width, Y: r.Y + width}}, p)
	}
	lines, size := fit(s.Name, room-4, width)
	if len(lines) == 0 {
		return
	}
	if s.Horizontal {
		d.start("g", attrs{"transform", "rotate(-90 " + number(x) + " " + number(y) + ")"})
		d.text(lines, x, y, size, middle, ink, false)
		d.end("g")
		return
	}
	d.text(lines, x, y, size, middle, ink, false)
}

// store is a cylinder.
func (d *drawing) store(r bpmn.Rect, p pen) {
	rim := r.Height * 0.14
	radii := number(r.Width/2) + " " + number(rim)
	top := number(r.X) + " " + number(r.Y+rim)
	right := number(r.X+r.Width) + " " + number(r.Y+rim)
	d.path("M"+top+"A"+radii+" 0 0 1 "+right+"L"+number(r.X+r.Width)+" "+number(r.Y+r.Height-rim)+
		"A"+radii+" 0 0 1 "+number(r.X)+" "+number(r.Y+r.Height-rim)+"Z", p)
	p.fill = "none"
	d.path("M"+top+"A"+radii+" 0 0 0 "+right, p)
}

// beside returns the name of a shape that stands outside of it, and where.
func (d *drawing) beside(s *bpmn.Shape) ([]string, bpmn.Rect) {
	n := d.process.Nodes[s.Element]
	switch {
	case n != nil && (n.Kind.IsEvent() || n.Kind.IsGateway()):
	case n == nil && strings.HasPrefix(s.Type, "data"):
	default:
		return nil, bpmn.Rect{}
	}
	width := 100.0
	if s.Label != nil && s.Label.Width > width {
		width = s.Label.Width
	}
	lines := wrap(s.Name, width, labelSize, 4)
	if len(lines) == 0 {
		return nil, bpmn.Rect{}
	}
	x := s.Bounds.X + s.Bounds.Width/2
	box := around(lines, x, 0)
	if s.Label != nil && (s.Label.X != 0 || s.Label.Y != 0) {
		cx, cy := centre(*s.Label)
		return lines, around(lines, cx, cy)
	}
	return lines, d.free(s, box)
}

// free moves a name to where no flow meets its shape: below, above, or beside it.
func (d *drawing) free(s *bpmn.Shape, box bpmn.Rect) bpmn.Rect {
	const gap = 4
	below := s.Bounds.Y + s.Bounds.Height + gap
	above := s.Bounds.Y - gap - box.Height
	met := d.met[s.Element]
	switch {
	case !met.below:
		box.Y = below
	case s.Type == "boundaryEvent": // above is its activity
		box.X, box.Y = s.Bounds.X+s.Bounds.Width*0.75, s.Bounds.Y+s.Bounds.Height*0.75
	case !met.above:
		box.Y = above
	default:
		box.X, box.Y = s.Bounds.X+s.Bounds.Width*0.75, above+s.Bounds.Height*0.25
	}
	return box
}

// sides are the sides at which flows meet a shape.
type sides struct{ above, below bool }

// meet finds the sides at which flows meet the events and gateways.
func (d *drawing) meet() {
	d.met = map[string]sides{}
	for i := range d.diagram.Edges {
		e := &d.diagram.Edges[i]
		f := d.process.Flows[e.Element]
		if f == nil {
			continue
		}
		d.meets(f.From, e.Points[0], e.Points[1])
		d.meets(f.To, e.Points[len(e.Points)-1], e.Points[len(e.Points)-2])
	}
}

// meets notes a flow whose end is at a node and whose next point is further away.
func (d *drawing) meets(n *bpmn.Node, end, next bpmn.Point) {
	s := d.shapes[n.ID]
	if s == nil || !n.Kind.IsEvent() && !n.Kind.IsGateway() {
		return
	}
	if math.Abs(next.X-end.X) > math.Abs(next.Y-end.Y) {
		return
	}
	met := d.met[n.ID]
	if next.Y > end.Y {
		met.below = true
	} else {
		met.above = true
	}
	d.met[n.ID] = met
}

// around returns the rectangle of lines about a centre.
func around(lines []string, x, y float64) bpmn.Rect {
	var width float64
	for _, line := range lines {
		width = math.Max(width, widthOf(line, labelSize))
	}
	height := float64(len(lines)) * labelSize * lineHeight
	return bpmn.Rect{X: x - width/2, Y: y - height/2, Width: width, Height: height}
}
