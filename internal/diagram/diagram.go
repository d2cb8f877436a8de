package diagram

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// MaxElements bounds the shapes and edges of a diagram.
const MaxElements = 20_000

// Options say what a diagram shows beside the process itself. Elements are named by
// their ids; those that the process does not have are passed over.
type Options struct {
	Title  string          // what the diagram is called; default is the name of the process, or its id
	Active map[string]bool // nodes that hold a token now
	Done   map[string]bool // nodes that were left
	Flows  map[string]bool // sequence flows that were taken
	Failed map[string]bool // nodes with an incident; they count as active too
}

// Colours. Each state differs from the others by more than its colour: what is
// active has a thicker border, what failed a sign as well.
const (
	paper = "#ffffff"
	ink   = "#1f2933"
	plain = "#3e4c59"
	soft  = "#7b8794"

	doneStroke, doneFill     = "#1b7f4b", "#e8f6ee"
	activeStroke, activeFill = "#1259c3", "#e3eefc"
	failedStroke, failedFill = "#c02626", "#fdeaea"
)

// state is what a node is in; of several the last counts.
type state int

const (
	idle state = iota
	done
	active
	failed
)

func (s state) String() string { return [...]string{"", "done", "active", "failed"}[s] }

// pen returns how a node in a state is drawn, given the width of its border.
func (s state) pen(width float64) pen {
	switch s {
	case done:
		return pen{stroke: doneStroke, fill: doneFill, width: width}
	case active:
		return pen{stroke: activeStroke, fill: activeFill, width: width + 1.5}
	case failed:
		return pen{stroke: failedStroke, fill: failedFill, width: width + 1.5}
	case idle:
	}
	return pen{stroke: plain, fill: paper, width: width}
}

// drawing is one diagram while it is drawn.
type drawing struct {
	canvas
	process *bpmn.Process
	diagram *bpmn.Diagram
	options Options
	states  map[string]state
	shapes  map[string]*bpmn.Shape
	met     map[string]sides
}

// SVG draws a process. A process without a diagram in its document is laid out here.
// The error is that the diagram has more than MaxElements.
func SVG(p *bpmn.Process, o Options) ([]byte, error) {
	at, err := Place(p)
	if err != nil {
		return nil, err
	}
	d := &drawing{process: p, diagram: at, options: o, states: map[string]state{}, shapes: map[string]*bpmn.Shape{}}
	for i := range d.diagram.Shapes {
		s := &d.diagram.Shapes[i]
		d.shapes[s.Element] = s
	}
	d.spread()
	d.meet()
	d.draw()
	return []byte(d.b.String()), nil
}

func tooMany(n int) error {
	return fmt.Errorf("drawing a diagram: it has %d elements, %d are allowed", n, MaxElements)
}

// spread finds the state of each node. A sub-process that is shown without what is in
// it shows the states of that.
func (d *drawing) spread() {
	for _, n := range d.process.Order {
		s := idle
		switch {
		case d.options.Failed[n.ID]:
			s = failed
		case d.options.Active[n.ID]:
			s = active
		case d.options.Done[n.ID]:
			s = done
		}
		if s == idle {
			continue
		}
		d.states[n.ID] = max(d.states[n.ID], s)
		if hider := d.hider(n); hider != nil && s >= active {
			d.states[hider.ID] = max(d.states[hider.ID], s)
		}
	}
}

// hider returns the outermost sub-process around a node that is shown collapsed.
func (d *drawing) hider(n *bpmn.Node) *bpmn.Node {
	var out *bpmn.Node
	for scope := n.Scope; scope != nil; scope = scope.Scope {
		if s := d.shapes[scope.ID]; s != nil && !s.Expanded {
			out = scope
		}
	}
	return out
}

// hidden reports whether a shape or edge is within a collapsed sub-process.
func (d *drawing) hidden(element string) bool {
	if n := d.process.Nodes[element]; n != nil {
		return d.hider(n) != nil
	}
	if f := d.process.Flows[element]; f != nil {
		return d.hider(f.From) != nil
	}
	return false
}

// draw writes the document: what is behind first.
func (d *drawing) draw() {
	box := d.bounds()
	d.start("svg", attrs{
		"xmlns", "http://www.w3.org/2000/svg", "role", "img", "width", box.Width, "height", box.Height,
		"viewBox", number(box.X) + " " + number(box.Y) + " " + number(box.Width) + " " + number(box.Height),
		"font-family", "Helvetica, Arial, 'Noto Sans', sans-serif",
	})
	d.b.WriteString("\n")
	d.element("title", d.title())
	d.element("desc", d.description())
	d.rect(box, 0, pen{stroke: "none", fill: paper})
	layers := [4][]*bpmn.Shape{}
	for i := range d.diagram.Shapes {
		s := &d.diagram.Shapes[i]
		if !d.hidden(s.Element) {
			layer := d.layer(s)
			layers[layer] = append(layers[layer], s)
		}
	}
	slices.SortStableFunc(layers[1], func(a, b *bpmn.Shape) int { return d.depth(a) - d.depth(b) })
	for i, layer := range layers {
		if i == 2 {
			d.edges()
		}
		for _, s := range layer {
			d.draws(s)
		}
	}
	for i := range d.diagram.Edges {
		if e := &d.diagram.Edges[i]; !d.hidden(e.Element) {
			d.edgeLabel(e)
		}
	}
	d.end("svg")
}

func (d *drawing) edges() {
	// Flows that were taken lie above the others.
	for _, taken := range []bool{false, true} {
		for i := range d.diagram.Edges {
			if e := &d.diagram.Edges[i]; d.options.Flows[e.Element] == taken && !d.hidden(e.Element) {
				d.edge(e, taken)
			}
		}
	}
}

// layer returns 0 for pools and lanes, 1 for what holds others, 2 for nodes, 3 for
// what is attached to them.
func (d *drawing) layer(s *bpmn.Shape) int {
	switch s.Type {
	case "participant", "lane":
		return 0
	case "group":
		return 1
	case "boundaryEvent":
		return 3
	}
	if n := d.process.Nodes[s.Element]; n != nil && n.Kind.IsScope() && s.Expanded {
		return 1
	}
	return 2
}

// depth counts the scopes around a shape.
func (d *drawing) depth(s *bpmn.Shape) int {
	depth := 0
	if n := d.process.Nodes[s.Element]; n != nil {
		for scope := n.Scope; scope != nil; scope = scope.Scope {
			depth++
		}
	}
	return depth
}

func (d *drawing) title() string {
	for _, name := range []string{d.options.Title, d.process.Name, d.process.ID} {
		if name = oneLine(name); name != "" {
			return name
		}
	}
	return "Process"
}

// description says in words what the diagram shows.
func (d *drawing) description() string {
	const most = 20 // names of a state
	var b strings.Builder
	fmt.Fprintf(&b, "BPMN diagram with %d elements and %d sequence flows.", len(d.process.Order), len(d.process.Flows))
	for _, one := range []struct {
		what string
		is   state
	}{{"Failed", failed}, {"Active", active}, {"Done", done}} {
		var names []string
		count := 0
		for _, n := range d.process.Order {
			if d.states[n.ID] == one.is {
				count++
				if count <= most {
					names = append(names, nameOf(n))
				}
			}
		}
		if count > most {
			names = append(names, fmt.Sprintf("and %d more", count-most))
		}
		if len(names) > 0 {
			b.WriteString(" " + one.what + ": " + strings.Join(names, ", ") + ".")
		}
	}
	return b.String()
}

func nameOf(n *bpmn.Node) string {
	if name := oneLine(n.Name); name != "" {
		return name
	}
	return oneLine(n.ID)
}

// oneLine is a name as it stands in a sentence.
func oneLine(name string) string {
	name, cut := clean(name)
	name = strings.Join(strings.Fields(name), " ")
	if cut {
		name += "…"
	}
	return name
}

// bounds returns the rectangle around all that is drawn, with a margin.
func (d *drawing) bounds() bpmn.Rect {
	const margin = 20
	low := bpmn.Point{X: math.Inf(1), Y: math.Inf(1)}
	high := bpmn.Point{X: math.Inf(-1), Y: math.Inf(-1)}
	grow := func(r bpmn.Rect) {
		low.X, low.Y = math.Min(low.X, r.X), math.Min(low.Y, r.Y)
		high.X, high.Y = math.Max(high.X, r.X+r.Width), math.Max(high.Y, r.Y+r.Height)
	}
	for i := range d.diagram.Shapes {
		s := &d.diagram.Shapes[i]
		if d.hidden(s.Element) {
			continue
		}
		grow(s.Bounds)
		if s.Type == "textAnnotation" {
			_, r := note(s)
			grow(r)
		}
		if lines, r := d.beside(s); len(lines) > 0 {
			grow(r)
		}
	}
	for i := range d.diagram.Edges {
		e := &d.diagram.Edges[i]
		if d.hidden(e.Element) {
			continue
		}
		for _, q := range e.Points {
			grow(bpmn.Rect{X: q.X, Y: q.Y})
		}
		if lines, x, y := edgeText(e); len(lines) > 0 {
			grow(around(lines, x, y))
		}
	}
	if math.IsInf(low.X, 0) {
		low, high = bpmn.Point{}, bpmn.Point{X: 60, Y: 40}
	}
	low.X, low.Y = math.Floor(low.X)-margin, math.Floor(low.Y)-margin
	return bpmn.Rect{X: low.X, Y: low.Y, Width: math.Ceil(high.X) + margin - low.X, Height: math.Ceil(high.Y) + margin - low.Y}
}
