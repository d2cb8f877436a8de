package bpmn

import (
	"fmt"
	"strings"
)

// kinds are the elements that are flow nodes.
var kinds = map[string]Kind{
	"startEvent":             StartEvent,
	"endEvent":               EndEvent,
	"intermediateCatchEvent": CatchEvent,
	"intermediateThrowEvent": ThrowEvent,
	"boundaryEvent":          BoundaryEvent,
	"userTask":               UserTask,
	"serviceTask":            ServiceTask,
	"sendTask":               ServiceTask,
	"scriptTask":             ScriptTask,
	"receiveTask":            ReceiveTask,
	"manualTask":             ManualTask,
	"task":                   ManualTask,
	"businessRuleTask":       BusinessRuleTask,
	"callActivity":           CallActivity,
	"subProcess":             SubProcess,
	"transaction":            Transaction,
	"adHocSubProcess":        AdHocSubProcess,
	"exclusiveGateway":       ExclusiveGateway,
	"parallelGateway":        ParallelGateway,
	"inclusiveGateway":       InclusiveGateway,
	"eventBasedGateway":      EventGateway,
	"complexGateway":         ComplexGateway,
}

// typeNames are the words of Activiti's history that differ from the XML's: it takes
// them from the names of its classes.
var typeNames = map[string]string{
	"intermediateThrowEvent": "throwEvent",
	"eventBasedGateway":      "eventGateway",
	"adHocSubProcess":        "adhocSubProcess",
}

// silent are BPMN elements within a process or sub-process that are read elsewhere or
// say nothing to an engine.
var silent = map[string]bool{
	"documentation": true, "extensionElements": true, "incoming": true, "outgoing": true, "laneSet": true,
	"ioSpecification": true, "property": true, "auditing": true, "monitoring": true, "dataInputAssociation": true,
	"dataOutputAssociation": true, "potentialOwner": true, "humanPerformer": true, "performer": true, "resourceRole": true,
	"completionCondition": true, "multiInstanceLoopCharacteristics": true, "standardLoopCharacteristics": true,
	"supportedInterfaceRef": true, "correlationSubscription": true, "supports": true, "category": true,
}

// IsScope reports whether nodes of the kind hold nodes of their own.
func (k Kind) IsScope() bool {
	switch k {
	case ProcessRoot, SubProcess, EventSubProcess, Transaction, AdHocSubProcess:
		return true
	}
	return false
}

// IsActivity reports whether nodes of the kind are tasks, call activities or
// sub-processes: what can loop, and what boundary events are attached to.
func (k Kind) IsActivity() bool { return k >= UserTask && k <= AdHocSubProcess }

// IsGateway reports whether nodes of the kind are gateways.
func (k Kind) IsGateway() bool { return k >= ExclusiveGateway }

// IsEvent reports whether nodes of the kind are events.
func (k Kind) IsEvent() bool { return k >= StartEvent && k <= BoundaryEvent }

// compileProcess compiles one process element.
func (p *parser) compileProcess(e *elem) {
	process := &Process{
		ID: e.attr("id"), Name: e.attr("name"), Documentation: e.childText("documentation"),
		Executable: unlessNo(e.attr("isExecutable")), Namespace: p.doc.Namespace,
		CandidateStarterUsers:  splitList(e.ext("candidateStarterUsers")),
		CandidateStarterGroups: splitList(e.ext("candidateStarterGroups")),
		Nodes:                  map[string]*Node{}, Flows: map[string]*Flow{},
	}
	p.process = process
	p.work = &processWork{elem: e, process: process, elems: map[*Node]*elem{}, drawn: map[string]*elem{}, landings: map[landing]*Node{}}
	defer func() { p.process, p.work = nil, nil }()
	if process.ID == "" {
		p.fail(e, "bpmn-process-missing-id", "a process has no id; it is the key by which it is started")
	}
	if p.byID[process.ID] != nil && process.ID != "" {
		p.fail(e, "bpmn-duplicate-id", "two processes have the id %q", process.ID)
	}
	p.byID[process.ID] = p.work
	p.potentialStarters(e)
	p.eventListeners(e)
	process.Root = &Node{
		ID: process.ID, Name: process.Name, Documentation: process.Documentation, Kind: ProcessRoot, Type: "process",
		Index: -1, Line: e.line, Column: e.column, Process: process, Exclusive: true,
	}
	process.Root.Listeners = p.listeners(e, "executionListener")
	process.Modeler, process.Extensions = modeler(e)
	process.Root.Modeler, process.Root.Extensions = process.Modeler, process.Extensions
	p.doc.Processes = append(p.doc.Processes, process)
	p.all = append(p.all, p.work)

	p.scope(e, process.Root)
	process.Data = process.Root.Data
	p.lanes(e, "")
	p.connect()
	p.checkProcess()
}

// potentialStarters reads activiti:potentialStarter, the longer form of the
// candidateStarter attributes.
func (p *parser) potentialStarters(e *elem) {
	for _, c := range e.extensions("potentialStarter") {
		users, groups := usersAndGroups(c)
		p.process.CandidateStarterUsers = append(p.process.CandidateStarterUsers, users...)
		p.process.CandidateStarterGroups = append(p.process.CandidateStarterGroups, groups...)
	}
}

// eventListeners checks activiti:eventListener, which hears the engine's own events.
// None of them is called.
func (p *parser) eventListeners(e *elem) {
	for _, c := range e.extensions("eventListener") {
		throw := c.attr("throwEvent")
		switch {
		case throw != "" && !contains([]string{"signal", "globalSignal", "message", "error"}, throw):
			p.fail(e, "activiti-event-listener-invalid-throw-event-type", "an event listener throws %q, which is none of signal, globalSignal, message, error", throw)
		case throw == "" && c.attr("class") == "" && c.attr("delegateExpression") == "":
			p.fail(e, "activiti-event-listener-implementation-missing", "an event listener has neither class, delegateExpression nor throwEvent")
		default:
			p.warn(e, "bpmn-event-listener-ignored", "event listeners of a process are not called")
		}
	}
}

// scope compiles the children of a process or sub-process.
func (p *parser) scope(e *elem, scope *Node) {
	for _, c := range e.children {
		if c.space != spaceBPMN {
			continue
		}
		kind, isNode := kinds[c.name]
		switch {
		case isNode:
			p.node(c, kind, scope)
		case c.name == "sequenceFlow":
			p.flow(c, scope)
		case c.name == "association":
			p.work.links = append(p.work.links, c)
			p.drawable(c)
		case c.name == "dataObject":
			p.dataObject(c, scope)
		case c.name == "textAnnotation", c.name == "group", c.name == "dataObjectReference", c.name == "dataStoreReference":
			p.drawable(c)
		case !silent[c.name]:
			p.warn(c, "bpmn-element-ignored", "<%s> means nothing here and is left out", c.name)
		}
	}
}

// drawable remembers an element that a diagram may show.
func (p *parser) drawable(e *elem) {
	if id := e.attr("id"); id != "" {
		p.work.drawn[id] = e
	}
}

// identify returns the id of an element, and one of our own when it has none.
// Documents without ids on their flows are common.
func (p *parser) identify(e *elem) string {
	id := e.attr("id")
	if id == "" {
		p.work.children++
		return fmt.Sprintf("%s#%d", e.name, p.work.children)
	}
	_, node := p.process.Nodes[id]
	_, flow := p.process.Flows[id]
	if node || flow {
		p.fail(e, "bpmn-duplicate-id", "two elements of the process have the id %q", id)
		p.work.children++
		return fmt.Sprintf("%s#%d", e.name, p.work.children)
	}
	if len(id) > maxID {
		p.fail(e, "activiti-flow-element-id-too-long", "an id has %d characters, %d are allowed", len(id), maxID)
	}
	return id
}

// node compiles a flow node and, when it is a scope, what is in it.
func (p *parser) node(e *elem, kind Kind, scope *Node) {
	if kind == SubProcess && yes(e.attr("triggeredByEvent")) {
		kind = EventSubProcess
	}
	n := &Node{
		ID: p.identify(e), Name: e.attr("name"), Documentation: e.childText("documentation"), Kind: kind, Type: e.name,
		Index: len(p.process.Order), Line: e.line, Column: e.column, Process: p.process, Scope: scope,
	}
	if t, ok := typeNames[e.name]; ok {
		n.Type = t
	}
	if kind == EventSubProcess {
		n.Type = "eventSubProcess"
	}
	p.process.Nodes[n.ID] = n
	p.process.Order = append(p.process.Order, n)
	p.work.elems[n] = e
	if kind == EventSubProcess {
		scope.Events = append(scope.Events, n)
	} else {
		scope.Children = append(scope.Children, n)
		if kind == StartEvent {
			scope.Starts = append(scope.Starts, n)
		}
	}
	p.common(e, n)
	p.details(e, n)
	if kind.IsScope() {
		p.scope(e, n)
	}
}

// common reads what every node may have.
func (p *parser) common(e *elem, n *Node) {
	n.AsyncBefore = yes(e.ext("async")) || yes(e.ext("asyncBefore"))
	n.AsyncAfter = yes(e.ext("asyncAfter")) || yes(e.ext("asyncLeave"))
	n.Exclusive = unlessNo(e.ext("exclusive"))
	n.Retry = p.retry(e)
	n.Skip = p.trimmed(e, "skipExpression", e.ext("skipExpression"))
	n.Listeners = p.listeners(e, "executionListener")
	n.Modeler, n.Extensions = modeler(e)
	if n.Kind.IsActivity() {
		n.ForCompensation = yes(e.attr("isForCompensation"))
		n.Loop = p.loop(e)
	}
}

// details reads what the kind of a node needs.
func (p *parser) details(e *elem, n *Node) {
	switch n.Kind {
	case StartEvent, EndEvent, CatchEvent, ThrowEvent, BoundaryEvent:
		p.event(e, n)
	case UserTask:
		n.User, n.Form = p.user(e), p.form(e)
	case ServiceTask:
		n.Work = p.serviceWork(e)
		n.Rules = decisionOf(n)
	case BusinessRuleTask:
		n.Work, n.Rules = p.workOf(e), p.rules(e, n)
	case ScriptTask:
		n.Script = p.script(e)
	case ReceiveTask:
		p.receive(e, n)
	case CallActivity:
		n.Call = p.call(e)
	case AdHocSubProcess:
		n.AdHoc = &AdHoc{
			Sequential:      strings.EqualFold(e.attr("ordering"), "Sequential"),
			CancelRemaining: unlessNo(e.attr("cancelRemainingInstances")),
			Completion:      p.trimmed(e, "completionCondition", e.childText("completionCondition")),
		}
	case ComplexGateway:
		n.Activation = p.trimmed(e, "activationCondition", e.childText("activationCondition"))
	}
}

// lanes reads lane sets, and those within lanes.
func (p *parser) lanes(e *elem, parent string) {
	for _, set := range e.children {
		if !set.is("laneSet") && !set.is("childLaneSet") {
			continue
		}
		for _, c := range set.children {
			if !c.is("lane") {
				continue
			}
			lane := Lane{ID: c.attr("id"), Name: c.attr("name"), Parent: parent}
			for _, ref := range c.children {
				if ref.is("flowNodeRef") {
					lane.Nodes = append(lane.Nodes, strings.TrimSpace(ref.text))
				}
			}
			p.process.Lanes = append(p.process.Lanes, lane)
			p.drawable(c)
			p.lanes(c, lane.ID)
		}
	}
}
