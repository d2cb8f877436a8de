package bpmn

import (
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/schedule"
)

// flow reads a sequence flow. It is connected when all nodes are known.
func (p *parser) flow(e *elem, scope *Node) {
	f := &Flow{
		ID: p.identify(e), Name: e.attr("name"), Line: e.line, Index: len(p.work.flows),
		Condition: p.condition(e),
		Skip:      p.trimmed(e, "skipExpression", e.ext("skipExpression")),
		Listeners: p.listeners(e, "executionListener"),
	}
	f.Modeler, f.Extensions = modeler(e)
	p.process.Flows[f.ID] = f
	p.work.flows = append(p.work.flows, &flowWork{elem: e, flow: f, scope: scope})
}

// condition reads conditionExpression; nil when there is none. One that names a
// language is a script.
func (p *parser) condition(e *elem) *Condition {
	c := e.child("conditionExpression")
	if c == nil || strings.TrimSpace(c.text) == "" {
		return nil
	}
	language := c.attr("language")
	switch strings.ToLower(language) {
	case "", "juel", "uel":
	default:
		if !strings.Contains(language, ":") { // a URI says no more than the document does
			return &Condition{Script: newScript(language, c.text, c.textLine)}
		}
	}
	x := p.trimmed(e, "conditionExpression", c.text)
	if x == nil {
		return nil // it has a problem, and the document with it
	}
	return &Condition{Expression: x}
}

// connect turns the references of a process into pointers.
func (p *parser) connect() {
	for _, w := range p.work.flows {
		p.connectFlow(w)
	}
	for _, n := range p.process.Order {
		if n.Kind == CatchEvent && kindOf(n) == LinkEvent {
			if at := (landing{n.Scope, n.Event.Ref}); p.work.landings[at] == nil {
				p.work.landings[at] = n
			}
		}
	}
	for _, n := range p.process.Order {
		e := p.work.elems[n]
		p.connectDefault(e, n)
		if n.Kind == BoundaryEvent {
			p.attach(e, n)
		}
		if n.Event != nil && n.Event.Kind == LinkEvent && n.Kind == ThrowEvent {
			p.connectLink(e, n)
		}
	}
	for _, e := range p.work.links {
		p.associate(e)
	}
	for _, n := range p.process.Order {
		if n.Kind == CallActivity {
			p.callData(p.work.elems[n], n.Call)
		}
	}
}

// callData reads data associations of a call activity that name variables, a shorter
// form of in and out. Those that name data objects are drawn and nothing more.
func (p *parser) callData(e *elem, call *Call) {
	own := dataOf(e)
	for _, c := range e.children {
		source, target := c.childText("sourceRef"), c.childText("targetRef")
		if source == "" || target == "" || own[source] || own[target] || p.isElement(source) || p.isElement(target) {
			continue
		}
		switch {
		case c.is("dataInputAssociation"):
			call.In = append(call.In, Mapping{Source: source, Target: target})
		case c.is("dataOutputAssociation"):
			call.Out = append(call.Out, Mapping{Source: source, Target: target})
		}
	}
}

// isElement reports whether an element of the process has the id.
func (p *parser) isElement(id string) bool {
	return p.work.drawn[id] != nil || p.process.Nodes[id] != nil
}

// dataOf returns the ids of an activity's own data.
func dataOf(e *elem) map[string]bool {
	out := map[string]bool{}
	for _, c := range e.children {
		if c.is("property") {
			out[c.attr("id")] = true
		}
		if c.is("ioSpecification") {
			for _, data := range c.children {
				out[data.attr("id")] = true
			}
		}
	}
	return out
}

func (p *parser) connectFlow(w *flowWork) {
	source, target := w.elem.attr("sourceRef"), w.elem.attr("targetRef")
	from, to := p.process.Nodes[source], p.process.Nodes[target]
	if from == nil {
		p.fail(w.elem, "activiti-seq-flow-invalid-src", "sourceRef %q: the process has no node of that id", source)
	}
	if to == nil {
		p.fail(w.elem, "activiti-seq-flow-invalid-target", "targetRef %q: the process has no node of that id", target)
	}
	if from == nil || to == nil {
		return
	}
	if from.Scope != to.Scope {
		p.fail(w.elem, "activiti-seq-flow-invalid-target", "targetRef %q: the target is not in the same scope as the source %q", target, source)
	}
	w.flow.From, w.flow.To = from, to
	from.Out, to.In = append(from.Out, w.flow), append(to.In, w.flow)
}

func (p *parser) connectDefault(e *elem, n *Node) {
	ref := e.attr("default")
	if ref == "" {
		return
	}
	f := p.process.Flows[ref]
	switch {
	case f == nil:
		p.fail(e, "bpmn-unknown-reference", "default %q: the process has no sequence flow of that id", ref)
	case f.From != n:
		p.warn(e, "bpmn-default-flow-elsewhere", "default %q: that sequence flow begins elsewhere; the node has no default", ref)
	default:
		n.Default = f
	}
}

func (p *parser) attach(e *elem, n *Node) {
	ref := e.attr("attachedToRef")
	to := p.process.Nodes[ref]
	if to == nil || !to.Kind.IsActivity() || to.Scope != n.Scope {
		p.fail(e, "bpmn-boundary-event-invalid-attached-to", "attachedToRef %q: there is no activity of that id in the scope of the boundary event", ref)
		return
	}
	n.AttachedTo = to
	to.Boundary = append(to.Boundary, n)
}

// connectLink finds the catching link of the same name in the same scope.
func (p *parser) connectLink(e *elem, n *Node) {
	to := p.work.landings[landing{n.Scope, n.Event.Ref}]
	if to == nil {
		p.fail(e, "bpmn-link-event-no-target", "there is no catching link event %q in the same scope", n.Event.Ref)
		return
	}
	n.Event.Target = to
	to.jumps = append(to.jumps, n)
}

// associate reads an association: from a compensation boundary event it names the
// handler; all others are drawn and nothing more.
func (p *parser) associate(e *elem) {
	source, target := e.attr("sourceRef"), e.attr("targetRef")
	p.checkAssociation(e)
	from, to := p.process.Nodes[source], p.process.Nodes[target]
	if from == nil || to == nil || from.Kind != BoundaryEvent || from.Event == nil || from.Event.Kind != CompensationEvent {
		return
	}
	if !to.Kind.IsActivity() {
		p.fail(e, "bpmn-compensation-invalid-handler", "targetRef %q: what undoes an activity is an activity", target)
		return
	}
	if !to.ForCompensation {
		p.warn(e, "bpmn-compensation-invalid-handler", "targetRef %q: the activity does not say isForCompensation", target)
		to.ForCompensation = true
	}
	if from.AttachedTo != nil {
		from.AttachedTo.Compensation = to
	}
}

// dataObject reads a data object. One without a type is drawn and holds nothing, as
// in Activiti.
func (p *parser) dataObject(e *elem, scope *Node) {
	p.drawable(e)
	ref := e.attr("itemSubjectRef")
	if structure, ok := p.items[ref]; ok {
		ref = structure
	}
	d := DataObject{ID: e.attr("id"), Name: e.attr("name"), Type: ref[strings.LastIndexByte(ref, ':')+1:]}
	if d.Type == "" {
		return
	}
	if d.Name == "" {
		p.fail(e, "activiti-data-object-missing-name", "the data object has no name; it is the name of a variable")
	}
	text, given := "", false
	for _, c := range e.extensions("value") {
		text, given = c.text, true
	}
	// An empty value is none, as in Activiti.
	if given && strings.TrimSpace(text) != "" {
		value, err := typed(d.Type, text)
		if err != nil {
			p.fail(e, "bpmn-data-object-invalid-value", "%q is no %s", text, d.Type)
		}
		d.Value = value
	}
	scope.Data = append(scope.Data, d)
}

// typed returns the value of a data object; of a type that is not known its text.
func typed(kind, text string) (any, error) {
	plain := strings.TrimSpace(text)
	switch kind {
	case "boolean":
		return strconv.ParseBool(strings.ToLower(plain))
	case "int", "integer", "long":
		return strconv.ParseInt(plain, 10, 64)
	case "double", "float":
		return strconv.ParseFloat(plain, 64)
	case "datetime", "date":
		timer, err := schedule.ParseDate(plain)
		if err != nil {
			return nil, err
		}
		due, _, _ := timer.Next(time.Unix(0, 0).UTC(), 0)
		return due.UTC(), nil
	}
	return text, nil
}
