package bpmn

import (
	"strings"

	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/schedule"
)

// definitions are the elements that say what an event is about.
var definitions = map[string]EventKind{
	"timerEventDefinition":       TimerEvent,
	"messageEventDefinition":     MessageEvent,
	"signalEventDefinition":      SignalEvent,
	"errorEventDefinition":       ErrorEvent,
	"escalationEventDefinition":  EscalationEvent,
	"compensateEventDefinition":  CompensationEvent,
	"cancelEventDefinition":      CancelEvent,
	"conditionalEventDefinition": ConditionalEvent,
	"linkEventDefinition":        LinkEvent,
	"terminateEventDefinition":   TerminateEvent,
}

// event reads an event node.
func (p *parser) event(e *elem, n *Node) {
	found := p.eventDefinitions(e)
	if len(found) > 1 {
		p.warn(e, "bpmn-event-multiple-definitions", "the event has %d definitions; the first, <%s>, counts", len(found), found[0].name)
	}
	if len(found) > 0 {
		n.Event = p.definition(e, found[0])
		if w := p.workOf(found[0]); w != nil && (n.Kind == ThrowEvent || n.Kind == EndEvent) {
			n.Work = w
		}
	}
	switch n.Kind {
	case StartEvent:
		n.Start = &Start{Initiator: e.ext("initiator")}
		n.Form = p.form(e)
		n.Interrupting = unlessNo(e.attr("isInterrupting"))
		if n.Scope.Kind == EventSubProcess {
			n.AttachedTo = n.Scope.Scope
		}
	case BoundaryEvent:
		n.Interrupting = unlessNo(e.attr("cancelActivity"))
	case ThrowEvent, EndEvent:
		if w := p.workOf(e); w != nil && n.Work == nil {
			n.Work = w
		}
	}
}

// eventDefinitions returns the definitions of an event, those included that it refers
// to in the document.
func (p *parser) eventDefinitions(e *elem) []*elem {
	var out []*elem
	for _, c := range e.children {
		if c.space != spaceBPMN {
			continue
		}
		if _, ok := definitions[c.name]; ok {
			out = append(out, c)
			continue
		}
		if c.name != "eventDefinitionRef" {
			continue
		}
		ref := strings.TrimSpace(c.text)
		found := p.definitions[ref[strings.LastIndexByte(ref, ':')+1:]]
		if found == nil {
			p.fail(e, "bpmn-unknown-reference", "eventDefinitionRef %q: the document has no event definition of that id", ref)
			continue
		}
		out = append(out, found)
	}
	return out
}

// definition compiles an event definition d of the event e.
func (p *parser) definition(e, d *elem) *Event {
	event := &Event{Kind: definitions[d.name], Async: yes(d.ext("async")), GlobalScope: true}
	event.CodeVariable = d.ext("errorCodeVariable", "errorVariableName", "escalationCodeVariable")
	event.MessageVariable = d.ext("errorMessageVariable")
	event.In, event.Out = p.mappings(d, "in"), p.mappings(d, "out")
	switch event.Kind {
	case TimerEvent:
		p.timer(e, d, event)
	case MessageEvent:
		p.message(e, d.attr("messageRef"), d.ext("messageExpression"), event)
	case SignalEvent:
		p.signal(e, d, event)
	case ErrorEvent:
		p.errorCode(d, event)
	case EscalationEvent:
		p.escalation(e, d, event)
	case CompensationEvent:
		event.Activity, event.Wait = d.attr("activityRef"), unlessNo(d.attr("waitForCompletion"))
	case ConditionalEvent:
		event.Condition = p.trimmed(e, "condition", d.childText("condition"))
		event.ConditionVariable = d.ext("variableName")
	case LinkEvent:
		event.Ref = d.attr("name")
		event.Name = literal(event.Ref)
	case TerminateEvent:
		event.TerminateAll = yes(d.ext("terminateAll"))
		event.TerminateMultiInstance = yes(d.ext("terminateMultiInstance"))
	case NoneEvent, CancelEvent:
	}
	return event
}

// timer reads a timer. One of timeDate, timeDuration and timeCycle is expected; of
// several the first in that order counts, as in Activiti.
func (p *parser) timer(e, d *elem, event *Event) {
	event.Calendar = p.trimmed(e, "businessCalendarName", d.ext("businessCalendarName"))
	for _, form := range []struct {
		name  string
		to    **juel.Expression
		parse func(string) (schedule.Timer, error)
	}{
		{"timeDate", &event.Date, schedule.ParseDate},
		{"timeDuration", &event.Duration, schedule.ParseDuration},
		{"timeCycle", &event.Cycle, schedule.ParseCycle},
	} {
		text := d.childText(form.name)
		if text == "" {
			continue
		}
		x := p.expression(e, form.name, text)
		if form.name == "timeCycle" {
			event.EndDate = p.trimmed(e, "endDate", d.child(form.name).ext("endDate"))
		}
		*form.to = x
		// With a calendar of its own the text may be in a form of its own.
		if x == nil || event.Calendar != nil {
			return
		}
		if plain, ok := x.Literal(); ok {
			timer, err := form.parse(plain)
			if err != nil {
				p.fail(e, "bpmn-timer-invalid", "%s: %v", form.name, err)
			}
			event.Timer = &timer
		}
		return
	}
	p.fail(e, "activiti-event-timer-missing-configuration", "the timer has neither timeDate, nor timeDuration, nor timeCycle")
}

// message resolves a message by reference, or by an expression for its name.
func (p *parser) message(e *elem, ref, expression string, event *Event) {
	event.Ref = ref
	if event.Name = p.trimmed(e, "messageExpression", expression); event.Name != nil {
		return
	}
	g := lookup(p.messages, ref)
	switch {
	case ref == "":
		p.fail(e, "activiti-message-event-missing-message-ref", "the message event has no messageRef")
	case g == nil:
		p.fail(e, "activiti-message-event-invalid-message-ref", "messageRef %q: the document has no message of that id", ref)
	case g.name == "":
		p.fail(e, "activiti-message-missing-name", "messageRef %q: the message has no name, by which it would be delivered", ref)
	default:
		event.Ref = g.id
		event.Name = p.trimmed(g.elem, "name of the message", g.name)
	}
}

// signal resolves a signal by reference, or by an expression for its name.
func (p *parser) signal(e, d *elem, event *Event) {
	event.Ref = d.attr("signalRef")
	if event.Name = p.trimmed(e, "signalExpression", d.ext("signalExpression")); event.Name != nil {
		return
	}
	g := lookup(p.signals, event.Ref)
	switch {
	case event.Ref == "":
		p.fail(e, "activiti-signal-event-missing-signal-ref", "the signal event has no signalRef")
	case g == nil:
		p.fail(e, "activiti-signal-event-invalid-signal-ref", "signalRef %q: the document has no signal of that id", event.Ref)
	default:
		event.Ref, event.GlobalScope = g.id, g.scope != "processInstance"
		event.Name = p.trimmed(g.elem, "name of the signal", g.name)
	}
}

// errorCode resolves an error. A reference that names no error is the code itself,
// as in Activiti.
func (p *parser) errorCode(d *elem, event *Event) {
	event.Ref = d.attr("errorRef")
	event.Code = event.Ref
	if g := lookup(p.errors, event.Ref); g != nil && event.Ref != "" {
		event.Ref, event.Code = g.id, g.code
		event.Name = p.loose(g.elem, "name of the error", g.name)
	}
}

func (p *parser) escalation(e, d *elem, event *Event) {
	event.Ref = d.attr("escalationRef")
	if event.Ref == "" {
		return // catches all
	}
	g := lookup(p.escalations, event.Ref)
	if g == nil {
		p.fail(e, "bpmn-unknown-reference", "escalationRef %q: the document has no escalation of that id", event.Ref)
		return
	}
	event.Ref, event.Code = g.id, g.code
	event.Name = p.loose(g.elem, "name of the escalation", g.name)
}

// receive reads a receive task. One with a message waits for it as a catching event
// does; without one it waits for whoever triggers it.
func (p *parser) receive(e *elem, n *Node) {
	if ref := e.attr("messageRef"); ref != "" {
		n.Event = &Event{Kind: MessageEvent, GlobalScope: true}
		p.message(e, ref, "", n.Event)
	}
}
