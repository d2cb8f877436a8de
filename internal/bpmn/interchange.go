package bpmn

import (
	"math"
	"strconv"
	"strings"
)

// owned is an element that a diagram may show, and the process it belongs to.
type owned struct {
	work       *processWork
	kind, name string
	edge       bool
}

// diagrams gives each process the first diagram of the document that shows any of it.
func (p *parser) diagrams() {
	all := p.owners()
	done := map[*processWork]bool{}
	for _, e := range p.root.children {
		if e.space != spaceDI || e.name != "BPMNDiagram" {
			continue
		}
		found := map[*processWork]*Diagram{}
		for _, plane := range e.children {
			for _, c := range plane.children {
				p.shown(c, all, found)
			}
		}
		for w, d := range found {
			if !done[w] {
				w.process.Diagram, done[w] = d, true
			}
		}
	}
}

// maxOwners bounds how many processes have a shape of one id in their diagrams.
const maxOwners = 20

// owners are what can be drawn, by id. Two processes may have elements of one id.
type owners map[string][]owned

func (o owners) add(id string, one owned) {
	if len(o[id]) < maxOwners {
		o[id] = append(o[id], one)
	}
}

func (p *parser) owners() owners {
	out := owners{}
	for _, w := range p.all {
		for id, n := range w.process.Nodes {
			out.add(id, owned{work: w, kind: w.elems[n].name, name: n.Name})
		}
		for id, f := range w.process.Flows {
			out.add(id, owned{work: w, kind: "sequenceFlow", name: f.Name, edge: true})
		}
		for id, e := range w.drawn {
			out.add(id, owned{work: w, kind: e.name, name: drawnName(e), edge: e.name == "association"})
		}
	}
	p.ownPools(out)
	if len(p.all) > 0 { // what stands between pools is shown with the first
		for _, e := range p.artifacts {
			id := e.attr("id")
			out.add(id, owned{work: p.all[0], kind: e.name, name: drawnName(e), edge: e.name == "association" || e.name == "messageFlow"})
		}
	}
	return out
}

// ownPools adds the pools of the processes.
func (p *parser) ownPools(out owners) {
	for id, e := range p.pools {
		ref := e.attr("processRef")
		w := p.byID[ref]
		if w == nil {
			w = p.byID[ref[strings.LastIndexByte(ref, ':')+1:]]
		}
		if w == nil && len(p.all) > 0 {
			w = p.all[0] // a pool of somebody else
		}
		if w != nil {
			out.add(id, owned{work: w, kind: "participant", name: e.attr("name")})
		}
	}
}

// drawnName is what stands at an element: its name, or an annotation's text.
func drawnName(e *elem) string {
	if e.name == "textAnnotation" {
		return e.childText("text")
	}
	return e.attr("name")
}

// shown reads a BPMNShape or BPMNEdge into the diagrams of its processes.
func (p *parser) shown(e *elem, all owners, found map[*processWork]*Diagram) {
	shape := e.name == "BPMNShape"
	if e.space != spaceDI || !shape && e.name != "BPMNEdge" {
		return
	}
	ref := e.attr("bpmnElement")
	list := all[ref]
	if list == nil {
		list = all[ref[strings.LastIndexByte(ref, ':')+1:]]
	}
	if len(list) == 0 {
		p.warn(e, "activiti-di-invalid-reference", "the diagram shows %q; there is no such element", ref)
		return
	}
	for _, o := range list {
		switch {
		case shape && o.edge:
			if o.kind == "sequenceFlow" { // Activiti's modeler shows associations both ways
				p.warn(e, "activiti-di-does-not-reference-flownode", "the diagram shows %q as a shape; it is a <%s>", ref, o.kind)
			}
			continue
		case !shape && !o.edge:
			p.warn(e, "activiti-di-does-not-reference-seq-flow", "the diagram shows %q as an edge; it is a <%s>", ref, o.kind)
			continue
		}
		d := found[o.work]
		if d == nil {
			d = &Diagram{}
			found[o.work] = d
		}
		p.draw(e, ref[strings.LastIndexByte(ref, ':')+1:], o, d)
	}
}

func (p *parser) draw(e *elem, id string, o owned, d *Diagram) {
	if e.name == "BPMNShape" {
		bounds, ok := boundsOf(e)
		if !ok {
			p.warn(e, "bpmn-di-invalid-bounds", "the diagram shows %q without usable bounds", id)
			return
		}
		d.Shapes = append(d.Shapes, Shape{
			Element: id, Type: o.kind, Name: o.name, Bounds: bounds, Label: labelOf(e),
			Expanded: expanded(e, bounds), Horizontal: unlessNo(e.attr("isHorizontal")),
		})
		return
	}
	edge := Edge{Element: id, Type: o.kind, Name: o.name, Label: labelOf(e)}
	for _, c := range e.children {
		if c.name != "waypoint" {
			continue
		}
		x, okX := coordinate(c.attr("x"))
		y, okY := coordinate(c.attr("y"))
		if okX && okY {
			edge.Points = append(edge.Points, Point{X: x, Y: y})
		}
	}
	if len(edge.Points) < 2 {
		p.warn(e, "bpmn-di-invalid-bounds", "the diagram shows %q with fewer than two points", id)
		return
	}
	d.Edges = append(d.Edges, edge)
}

// expanded reports whether a sub-process is shown with what is in it. Activiti's
// modelers do not say, or say no of large ones that show all: what is no larger than
// a task is not expanded.
func expanded(e *elem, bounds Rect) bool {
	return yes(e.attr("isExpanded")) || bounds.Width > 130 || bounds.Height > 110
}

func boundsOf(e *elem) (Rect, bool) {
	for _, c := range e.children {
		if c.space != spaceDI || c.name != "Bounds" {
			continue
		}
		var r Rect
		ok := true
		for _, one := range []struct {
			name string
			to   *float64
		}{{"x", &r.X}, {"y", &r.Y}, {"width", &r.Width}, {"height", &r.Height}} {
			v, good := coordinate(c.attr(one.name))
			*one.to, ok = v, ok && good
		}
		return r, ok && r.Width >= 0 && r.Height >= 0
	}
	return Rect{}, false
}

func labelOf(e *elem) *Rect {
	for _, c := range e.children {
		if c.space == spaceDI && c.name == "BPMNLabel" {
			if r, ok := boundsOf(c); ok {
				return &r
			}
		}
	}
	return nil
}

// coordinate reads a number of pixels.
func coordinate(text string) (float64, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return v, err == nil && math.Abs(v) <= 1e6
}
