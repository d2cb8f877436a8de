package engine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/diagram"
	"github.com/sluicehq/sluice/internal/juel"
)

// Point is a place in a drawing, in pixels.
type Point = bpmn.Point

// Box is a rectangle in a drawing, in pixels.
type Box = bpmn.Rect

// Drawing is a process as a client draws it himself; of an instance it tells how far it is.
type Drawing struct {
	Bounds   Box
	Pools    []DrawnPool
	Elements []DrawnElement
	Flows    []DrawnFlow
}

// DrawnPool is a pool with its lanes, which have none themselves.
type DrawnPool struct {
	ID, Name string
	Bounds   Box
	Lanes    []DrawnPool
}

// DrawnElement is a node. Of nodes that a document gives no place there is none.
type DrawnElement struct {
	ID, Name        string
	Type            string // userTask, startEvent and so on, as history shows them
	Task            string // of service tasks that have one: mail, http …
	Event           string // what an event waits for or throws: timer, message …; empty: nothing
	EventRef        string // the id of the message, signal or error, or when the timer is due
	Bounds          Box
	Incoming        []string // flows
	Properties      []DrawnProperty
	Done, Now, Dead bool
}

// DrawnProperty is something that a client shows of an element.
type DrawnProperty struct{ Name, Value string }

// DrawnFlow is a sequence flow.
type DrawnFlow struct {
	ID, Name, From, To string
	Condition          string // empty: none
	Points             []Point
	Done               bool
}

// DefinitionDrawing returns a definition of the actor's tenant as a client draws it. Errors:
// NotFound.
func (e *Engine) DefinitionDrawing(ctx context.Context, actor Actor, id string) (*Drawing, error) {
	if _, err := e.Definition(ctx, actor, id); err != nil {
		return nil, err
	}
	return e.drawing(ctx, id, diagram.Options{})
}

// InstanceDrawing returns an instance that the actor may see as a client draws it. Errors:
// NotFound, Forbidden.
func (e *Engine) InstanceDrawing(ctx context.Context, actor Actor, id string) (*Drawing, error) {
	inst, err := e.Instance(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	o, err := e.progress(ctx, inst)
	if err != nil {
		return nil, err
	}
	return e.drawing(ctx, inst.DefinitionID, o)
}

func (e *Engine) drawing(ctx context.Context, definition string, o diagram.Options) (*Drawing, error) {
	def, err := e.definition(ctx, e.db, definition)
	if err != nil {
		return nil, err
	}
	at, err := diagram.Place(def.process)
	if err != nil {
		return nil, err
	}
	d := &Drawing{Bounds: around(at)}
	d.pools(def.process, at)
	for i := range at.Shapes {
		if n := def.process.Nodes[at.Shapes[i].Element]; n != nil {
			d.Elements = append(d.Elements, drawnElement(n, at.Shapes[i].Bounds, o))
		}
	}
	for i := range at.Edges {
		if f := def.process.Flows[at.Edges[i].Element]; f != nil {
			flow := DrawnFlow{ID: f.ID, Name: f.Name, From: f.From.ID, To: f.To.ID, Points: at.Edges[i].Points, Done: passed(f, o)}
			if f.Condition != nil {
				flow.Condition = written(f.Condition.Expression)
			}
			d.Flows = append(d.Flows, flow)
		}
	}
	return d, nil
}

// passed reports whether an instance seems to have gone along a flow: it has left one end, and
// has been or is at the other. History keeps no flows, and Activiti's viewer guesses as much.
func passed(f *bpmn.Flow, o diagram.Options) bool {
	return o.Done[f.From.ID] && (o.Done[f.To.ID] || o.Active[f.To.ID])
}

// around is the rectangle around shapes and edges.
func around(at *bpmn.Diagram) Box {
	low, high := Point{X: math.Inf(1), Y: math.Inf(1)}, Point{X: math.Inf(-1), Y: math.Inf(-1)}
	grow := func(x, y float64) {
		low.X, low.Y, high.X, high.Y = min(low.X, x), min(low.Y, y), max(high.X, x), max(high.Y, y)
	}
	for i := range at.Shapes {
		r := at.Shapes[i].Bounds
		grow(r.X, r.Y)
		grow(r.X+r.Width, r.Y+r.Height)
	}
	for i := range at.Edges {
		for _, p := range at.Edges[i].Points {
			grow(p.X, p.Y)
		}
	}
	if high.X < low.X {
		return Box{}
	}
	return Box{X: low.X, Y: low.Y, Width: high.X - low.X, Height: high.Y - low.Y}
}

// pools finds the pools, and their lanes by where they stand.
func (d *Drawing) pools(p *bpmn.Process, at *bpmn.Diagram) {
	names := map[string]string{}
	for _, l := range p.Lanes {
		names[l.ID] = l.Name
	}
	var lanes []DrawnPool
	for i := range at.Shapes {
		s := &at.Shapes[i]
		switch one := (DrawnPool{ID: s.Element, Name: s.Name, Bounds: s.Bounds}); s.Type {
		case "participant":
			d.Pools = append(d.Pools, one)
		case "lane":
			one.Name = cmp.Or(names[s.Element], one.Name)
			lanes = append(lanes, one)
		}
	}
	for _, lane := range lanes {
		x, y := lane.Bounds.X+lane.Bounds.Width/2, lane.Bounds.Y+lane.Bounds.Height/2
		if i := slices.IndexFunc(d.Pools, func(pool DrawnPool) bool {
			b := pool.Bounds
			return b.X <= x && x <= b.X+b.Width && b.Y <= y && y <= b.Y+b.Height
		}); i >= 0 {
			d.Pools[i].Lanes = append(d.Pools[i].Lanes, lane)
		}
	}
}

func drawnElement(n *bpmn.Node, bounds Box, o diagram.Options) DrawnElement {
	one := DrawnElement{ID: n.ID, Name: n.Name, Type: n.Type, Bounds: bounds, Properties: propertiesOf(n), Done: o.Done[n.ID], Now: o.Active[n.ID], Dead: o.Failed[n.ID]}
	for _, f := range n.In {
		one.Incoming = append(one.Incoming, f.ID)
	}
	if n.Work != nil {
		one.Task = n.Work.Type
	}
	if n.Event != nil {
		one.Event = eventWords[n.Event.Kind]
		one.EventRef = cmp.Or(n.Event.Ref, written(n.Event.Duration), written(n.Event.Date), written(n.Event.Cycle))
	}
	return one
}

// eventWords are what clients call events.
var eventWords = map[bpmn.EventKind]string{bpmn.TimerEvent: "timer", bpmn.MessageEvent: "message", bpmn.SignalEvent: "signal", bpmn.ErrorEvent: "error", bpmn.EscalationEvent: "escalation",
	bpmn.CompensationEvent: "compensation", bpmn.CancelEvent: "cancel", bpmn.ConditionalEvent: "conditional", bpmn.LinkEvent: "link", bpmn.TerminateEvent: "terminate"}

// propertiesOf is what a client shows of a user task, as it was written.
func propertiesOf(n *bpmn.Node) (list []DrawnProperty) {
	add := func(name string, values ...*juel.Expression) {
		var texts []string
		for _, v := range values {
			if text := written(v); text != "" {
				texts = append(texts, text)
			}
		}
		if len(texts) > 0 {
			list = append(list, DrawnProperty{name, strings.Join(texts, ", ")})
		}
	}
	if u := n.User; u != nil {
		add("Assignee", u.Assignee)
		add("Candidate users", u.CandidateUsers...)
		add("Candidate groups", u.CandidateGroups...)
		add("Due date", u.DueDate)
		add("Priority", u.Priority)
	}
	if n.Documentation != "" {
		list = append(list, DrawnProperty{"Documentation", n.Documentation})
	}
	return list
}

// written is an expression as it stands in the document; empty for none.
func written(x *juel.Expression) string {
	if x == nil {
		return ""
	}
	return x.Text()
}
