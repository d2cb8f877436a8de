package bpmn

// checkProcess checks the nodes of the process that is being compiled, when it is
// connected.
func (p *parser) checkProcess() {
	p.checkStarts()
	for _, n := range p.process.Order {
		e := p.work.elems[n]
		switch n.Kind {
		case StartEvent:
			p.checkStart(e, n)
		case EndEvent:
			p.checkEnd(e, n)
		case CatchEvent:
			p.checkCatch(e, n)
		case ThrowEvent:
			p.checkThrow(e, n)
		case BoundaryEvent:
			p.checkBoundary(e, n)
		case ExclusiveGateway:
			p.checkExclusive(e, n)
		case EventGateway:
			p.checkEventGateway(e, n)
		case SubProcess, Transaction:
			p.checkSubProcess(e, n)
		case EventSubProcess:
			p.checkEventSubProcess(e, n)
		}
		if n.Kind.IsActivity() {
			p.checkActivity(e, n)
		}
		if n.Event != nil && n.Event.Kind == CompensationEvent {
			p.checkCompensation(e, n)
		}
		if n.Event != nil && n.Event.Kind == ConditionalEvent && n.Event.Condition == nil {
			p.fail(e, "bpmn-conditional-event-missing-condition", "the conditional event has no condition")
		}
	}
}

// kindOf returns what an event is about.
func kindOf(n *Node) EventKind {
	if n.Event == nil {
		return NoneEvent
	}
	return n.Event.Kind
}

// checkStarts checks how many starts the process has: one that waits for nothing, and
// any number of others, as in Activiti.
func (p *parser) checkStarts() {
	var plain []*Node
	for _, n := range p.process.Root.Starts {
		if n.Event == nil {
			plain = append(plain, n)
		}
	}
	if len(plain) > 1 {
		for _, n := range plain {
			p.fail(p.work.elems[n], "activiti-start-event-multiple-found", "the process has %d start events that wait for nothing; one is allowed", len(plain))
		}
	}
	if len(p.process.Root.Starts) == 0 && len(p.process.Order) > 0 {
		p.warn(p.work.elem, "bpmn-process-no-start-event", "the process has no start event and cannot be started")
	}
}

func (p *parser) checkStart(e *elem, n *Node) {
	if n.Scope.Kind != ProcessRoot {
		return // checked with its sub-process
	}
	switch kindOf(n) {
	case NoneEvent, MessageEvent, TimerEvent, SignalEvent:
	case ErrorEvent:
		// Activiti refuses it; nothing throws an error at a definition, so that it harms nobody.
		p.warn(e, "activiti-start-event-invalid-event-definition", "an error starts event sub-processes, and no process")
	default:
		p.fail(e, "activiti-start-event-invalid-event-definition", "a process starts by itself, by a message, a timer or a signal")
	}
}

func (p *parser) checkEnd(e *elem, n *Node) {
	switch kindOf(n) {
	case CancelEvent:
		if n.Scope.Kind != Transaction {
			p.fail(e, "activiti-end-event-cancel-only-inside-transaction", "an end event that cancels stands in a transaction alone")
		}
	case ErrorEvent:
		if n.Event.Code == "" {
			p.warn(e, "activiti-event-missing-error-code", "the error that is thrown has no code; only what catches all errors catches it")
		}
	case TimerEvent, ConditionalEvent, LinkEvent:
		p.fail(e, "bpmn-end-event-invalid-event-definition", "an end event throws; it cannot wait or go on elsewhere")
	}
}

func (p *parser) checkCatch(e *elem, n *Node) {
	switch kindOf(n) {
	case NoneEvent:
		p.fail(e, "activiti-intermediate-catch-event-no-eventdefinition", "the catching event does not say what it waits for")
	case TimerEvent, SignalEvent, MessageEvent, ConditionalEvent, LinkEvent:
	default:
		p.fail(e, "activiti-intermediate-catch-event-invalid-eventdefinition", "a catching event waits for a timer, signal, message, condition or link")
	}
}

func (p *parser) checkThrow(e *elem, n *Node) {
	switch kindOf(n) {
	case NoneEvent, SignalEvent, CompensationEvent, MessageEvent, EscalationEvent, LinkEvent:
	default:
		p.fail(e, "activiti-throw-event-invalid-eventdefinition", "a throwing event throws a signal, message, escalation or compensation, or is a link")
	}
}

func (p *parser) checkBoundary(e *elem, n *Node) {
	switch kindOf(n) {
	case NoneEvent:
		p.fail(e, "activiti-boundary-event-no-event-definition", "the boundary event does not say what it waits for")
	case TimerEvent, ErrorEvent, SignalEvent, EscalationEvent, ConditionalEvent, MessageEvent, CompensationEvent:
	case CancelEvent:
		if n.AttachedTo != nil && n.AttachedTo.Kind != Transaction {
			p.fail(e, "activiti-boundary-event-cancel-only-on-transaction", "a boundary event that catches a cancellation stands at a transaction alone")
		}
	default:
		p.fail(e, "activiti-boundary-event-invalid-event-definition", "a boundary event cannot catch this")
	}
	if len(n.In) > 0 {
		p.warn(e, "bpmn-boundary-event-incoming", "a sequence flow leads to the boundary event; events at a boundary are not reached so")
	}
}

// checkBoundaryMessages checks that an activity's boundary events wait for different
// messages.
func (p *parser) checkBoundaryMessages(n *Node) {
	waiting := map[string]int{}
	for _, b := range n.Boundary {
		if kindOf(b) == MessageEvent && b.Event.Ref != "" {
			waiting[b.Event.Ref]++
		}
	}
	for _, b := range n.Boundary {
		if kindOf(b) == MessageEvent && waiting[b.Event.Ref] > 1 {
			p.fail(p.work.elems[b], "activiti-message-event-multiple-on-boundary-same-message-id", "two boundary events of %q wait for the message %q", n.ID, b.Event.Ref)
		}
	}
}

// checkActivity checks what any activity may have.
func (p *parser) checkActivity(e *elem, n *Node) {
	p.checkBoundaryMessages(n)
	cancels, compensations := 0, 0
	for _, b := range n.Boundary {
		switch kindOf(b) {
		case CancelEvent:
			cancels++
		case CompensationEvent:
			compensations++
		}
	}
	if cancels > 1 && n.Kind == Transaction {
		p.fail(e, "activiti-boundary-event-multiple-cancel-on-transaction", "the transaction has %d boundary events that catch its cancellation; one is allowed", cancels)
	}
	if compensations > 1 {
		p.fail(e, "activiti-compensate-event-multiple-on-boundary", "the activity has %d compensation boundary events; one is allowed", compensations)
	}
	if l := n.Loop; l != nil && !l.Standard && l.Cardinality == nil && l.Collection == nil {
		p.fail(e, "activiti-multi-instance-missing-collection", "the multi-instance activity has neither loopCardinality nor a collection")
	}
	for _, c := range e.children {
		if (c.is("dataInputAssociation") || c.is("dataOutputAssociation")) && c.childText("targetRef") == "" {
			p.fail(e, "activiti-data-association-missing-targetref", "<%s> has no targetRef", c.name)
		}
	}
}

func (p *parser) checkCompensation(e *elem, n *Node) {
	if n.Event.Activity != "" {
		if to := p.process.Nodes[n.Event.Activity]; to == nil || !to.Kind.IsActivity() {
			p.fail(e, "activiti-compensate-event-invalid-activity-ref", "activityRef %q: the process has no activity of that id", n.Event.Activity)
		}
	}
	if n.Kind == BoundaryEvent && n.AttachedTo != nil && n.AttachedTo.Compensation == nil {
		p.warn(e, "bpmn-compensation-no-handler", "no association leads from the compensation event to an activity; nothing is undone")
	}
}

func (p *parser) checkExclusive(e *elem, n *Node) {
	if len(n.Out) == 0 {
		p.fail(e, "activiti-exclusive-gateway-no-outgoing-seq-flow", "no sequence flow leaves the exclusive gateway")
		return
	}
	if len(n.Out) == 1 {
		if n.Out[0].Condition != nil {
			p.fail(e, "activiti-exclusive-gateway-condition-not-allowed-on-single-seq-flow", "the only sequence flow %q that leaves the exclusive gateway has a condition", n.Out[0].ID)
		}
		return
	}
	without := false
	for _, f := range n.Out {
		if f == n.Default && f.Condition != nil {
			p.fail(e, "activiti-exclusive-gateway-condition-on-seq-flow", "the default flow %q has a condition", f.ID)
		}
		without = without || f != n.Default && f.Condition == nil
	}
	if without {
		p.warn(e, "activiti-exclusive-gateway-seq-flow-without-conditions", "a sequence flow that is not the default leaves the exclusive gateway without a condition")
	}
}

func (p *parser) checkEventGateway(e *elem, n *Node) {
	for _, f := range n.Out {
		if f.To.Kind != CatchEvent {
			p.fail(e, "activiti-event-gateway-only-connected-to-intermediate-events", "the sequence flow %q leads to <%s>; only catching events may follow", f.ID, p.work.elems[f.To].name)
		}
	}
}

func (p *parser) checkSubProcess(e *elem, n *Node) {
	if len(n.Starts) > 1 {
		p.fail(e, "activiti-subprocess-multiple-start-event", "the sub-process has %d start events; one is allowed", len(n.Starts))
	}
	for _, s := range n.Starts {
		if s.Event != nil {
			p.fail(p.work.elems[s], "activiti-subprocess-start-event-event-definition-not-allowed", "the start event of a sub-process waits for nothing, unless it is an event sub-process")
		}
	}
	if len(n.Starts) == 0 {
		p.warn(e, "bpmn-subprocess-no-start-event", "the sub-process has no start event")
	}
}

func (p *parser) checkEventSubProcess(e *elem, n *Node) {
	if len(n.In) > 0 || len(n.Out) > 0 {
		p.fail(e, "bpmn-event-subprocess-connected", "sequence flows lead to or from the event sub-process; its start event alone starts it")
	}
	if len(n.Starts) == 0 {
		p.fail(e, "bpmn-event-subprocess-no-start-event", "the event sub-process has no start event")
	}
	for _, s := range n.Starts {
		switch kindOf(s) {
		case ErrorEvent, MessageEvent, SignalEvent, TimerEvent, EscalationEvent, ConditionalEvent, CompensationEvent:
		default:
			p.fail(e, "activiti-event-subprocess-invalid-start-event-definition", "the start event of an event sub-process waits for an error, message, signal, timer, escalation, condition or compensation")
		}
	}
}
