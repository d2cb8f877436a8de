package bpmn_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/bpmn"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	doc := file(t, "events.bpmn20.xml")
	p := doc.Processes[0]
	n := p.Nodes
	want(t, "starters", [][]string{p.CandidateStarterUsers, p.CandidateStarterGroups}, [][]string{{"ann", "bob"}, {"sales"}})
	want(t, "documentation", p.Documentation, "Every kind of event.")
	want(t, "starts", ids(p.Root.Starts), []string{"none", "byMessage"})
	want(t, "initiator", n["none"].Start.Initiator, "starter")
	want(t, "form", text(n["none"].Form.Key), "start-form")
	want(t, "message", []any{n["byMessage"].Event.Kind, n["byMessage"].Event.Ref, text(n["byMessage"].Event.Name)}, []any{bpmn.MessageEvent, "ordered", "ordered"})
	want(t, "boundary of work", ids(n["work"].Boundary), []string{"timerOnce", "timerAgain", "onSignal", "onMessage"})
	want(t, "attachment", n["onMessage"].AttachedTo.ID, "work")
	want(t, "interrupting", []bool{n["timerOnce"].Interrupting, n["timerAgain"].Interrupting}, []bool{true, false})
	want(t, "expression in a message's name", text(n["onMessage"].Event.Name), "payment-${orderId}")

	once := n["timerOnce"].Event
	if once.Timer == nil || once.Timer.String() != "PT5M" || text(once.Duration) != "PT5M" || once.Date != nil || once.Cycle != nil {
		t.Errorf("the timer is %+v", once)
	}
	again := n["timerAgain"].Event
	want(t, "cycle", []string{text(again.Cycle), text(again.EndDate), text(again.Calendar)}, []string{"R3/PT10S", "${until}", "holidays"})
	if wait := n["wait"].Event; text(wait.Date) != "${when}" || wait.Timer != nil {
		t.Errorf("the timer by expression is %+v", wait)
	}
	want(t, "signal", []any{text(n["onSignal"].Event.Name), n["onSignal"].Event.GlobalScope}, []any{"everything-stops", true})
	want(t, "signal within the instance", []any{text(n["rescueStart"].Event.Name), n["rescueStart"].Event.GlobalScope}, []any{"only-here", false})
	want(t, "asynchronous signal", n["tell"].Event.Async, true)
	want(t, "error", []string{n["onError"].Event.Code, n["onError"].Event.CodeVariable, n["fail"].Event.Code}, []string{"E42", "problem", "E42"})
	want(t, "escalation", []string{n["onEscalation"].Event.Code, n["escalate"].Event.Ref}, []string{"L1", "late"})
	want(t, "condition", text(n["onCondition"].Event.Condition), "${stock == 0}")
	want(t, "link", n["jump"].Event.Target.ID, "land")
	want(t, "terminate", []bool{n["end"].Event.TerminateAll, n["end"].Event.TerminateMultiInstance}, []bool{true, false})
	want(t, "thrown message", text(n["send"].Work.DelegateExpression), "${sender}")
	want(t, "history types", []string{n["tell"].Type, n["wait"].Type, n["rescue"].Type, n["deal"].Type}, []string{"throwEvent", "intermediateCatchEvent", "eventSubProcess", "transaction"})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	p := file(t, "events.bpmn20.xml").Processes[0]
	n := p.Nodes
	want(t, "children", ids(n["part"].Children), []string{"partStart", "wait", "escalate", "fail"})
	want(t, "event sub-processes", ids(n["part"].Events), []string{"rescue"})
	want(t, "starts", ids(n["part"].Starts), []string{"partStart"})
	want(t, "scope of the start", n["rescueStart"].Scope.ID, "rescue")
	want(t, "what the event sub-process would end", []any{n["rescueStart"].AttachedTo.ID, n["rescueStart"].Interrupting}, []any{"part", false})
	if p.Root.Scope != nil || p.Root.Index != -1 || n["part"].Scope != p.Root || n["work"].Process != p {
		t.Error("the root is not where it belongs")
	}
	for i, node := range p.Order {
		if node.Index != i || n[node.ID] != node {
			t.Errorf("node %s has index %d at position %d", node.ID, node.Index, i)
		}
	}
	want(t, "compensation", []any{n["book"].Compensation.ID, n["unbook"].ForCompensation, n["book"].ForCompensation}, []any{"unbook", true, false})
	want(t, "thrown compensation", []any{n["undoAll"].Event.Activity, n["undoAll"].Event.Wait, n["undoBook"].Event.Wait}, []any{"deal", false, true})
	want(t, "flow", []string{p.Flows["f3"].From.ID, p.Flows["f3"].To.ID, n["work"].Out[0].ID, n["part"].In[0].ID}, []string{"work", "part", "f3", "f3"})
}

func TestUserTask(t *testing.T) {
	t.Parallel()
	n := file(t, "activities.bpmn20.xml").Processes[0].Nodes["approve"]
	u := n.User
	want(t, "people", [][]string{{text(u.Assignee), text(u.Owner)}, texts(u.CandidateUsers), texts(u.CandidateGroups)},
		[][]string{{"${boss}", "ann"}, {"kermit", "${names.of('a', 'b')}", "gonzo", "fozzie"}, {"sales", "${group}", "${team}", "night"}})
	want(t, "texts", []string{text(u.Name), text(u.Description), text(u.DueDate), text(u.Priority), text(u.Category), text(u.BusinessCalendar), text(n.Form.Key), text(n.Skip)},
		[]string{"Approve ${title}", "Have a look at ${title}", "${due}", "70", "money", "cal", "f-${n}", "${skip}"})
	want(t, "execution", []any{n.AsyncBefore, n.AsyncAfter, n.Exclusive, text(n.Retry)}, []any{true, false, false, "R5/PT5M"})
	want(t, "links", []any{u.Links[0].Type, texts(u.Links[0].Users), texts(u.Links[0].Groups)}, []any{"administrator", []string{"root"}, []string{"admins"}})
	created, scripted := u.Listeners[0], u.Listeners[1]
	want(t, "listener", []string{created.Event, created.Class, scripted.Event, scripted.Script.Language, scripted.Script.Source, scripted.Class},
		[]string{"create", "org.example.Created", "complete", "javascript", "task.getName()", ""})
	for i, f := range []struct {
		name, value string
		text        bool
	}{{"text", "plain ${not}", true}, {"value", "${yes}", false}, {"body", " kept ", true}} {
		got := created.Fields[i]
		want(t, "field", []any{got.Name, got.String, got.Text, got.Value != nil}, []any{f.name, f.value, f.text, true})
	}
	want(t, "execution listener", []string{n.Listeners[0].Event, text(n.Listeners[0].Expression)}, []string{"end", "${bean.end(execution)}"})
	l := n.Loop
	want(t, "loop", []any{l.Standard, l.Sequential, text(l.Cardinality), l.CollectionName, l.Element, l.ElementIndex, text(l.Completion)},
		[]any{false, true, "${n}", "people", "person", "i", "${nrOfCompletedInstances > 2}"})
	performer := file(t, "activities.bpmn20.xml").Processes[0].Nodes["performer"].User
	want(t, "humanPerformer", text(performer.Assignee), "ann")
}

func TestActivities(t *testing.T) {
	t.Parallel()
	p := file(t, "activities.bpmn20.xml").Processes[0]
	n := p.Nodes
	if !p.Executable {
		t.Error("a process that does not say whether it is executable is")
	}
	want(t, "starters", [][]string{p.CandidateStarterUsers, p.CandidateStarterGroups}, [][]string{{"carl"}, {"staff", "board"}})
	want(t, "listeners of the process", p.Root.Listeners[0].Class, "org.example.Begin")
	mail := n["mail"]
	want(t, "mail", []any{mail.Work.Type, mail.Work.Triggerable, mail.Work.Fields[0].Name, text(mail.Work.Fields[1].Value)}, []any{"mail", true, "to", "<b>${title}</b>"})
	want(t, "exceptions", mail.Work.Exceptions, []bpmn.ExceptionMapping{{Exception: "java.io.IOException", Code: "E1", IncludeChildren: true}})
	want(t, "standard loop", []any{mail.Loop.Standard, mail.Loop.TestBefore, text(mail.Loop.Maximum), text(mail.Loop.Condition)}, []any{true, true, "3", "${again}"})
	s := n["script"].Script
	want(t, "script", []any{s.Language, s.Source, s.ResultVariable, s.AutoStoreVariables, s.Line}, []any{"javascript", "\n        1 + 1\n      ", "sum", true, 67})
	want(t, "kinds", []bpmn.Kind{n["receive"].Kind, n["manual"].Kind, n["untyped"].Kind}, []bpmn.Kind{bpmn.ReceiveTask, bpmn.ManualTask, bpmn.ManualTask})
	r := n["rules"].Rules
	want(t, "rules", []any{r.Input, r.Rules, r.Exclude, r.ResultVariable}, []any{[]string{"${a}", "${b}"}, []string{"r1", "r2"}, true, "out"})
	c := n["call"].Call
	want(t, "call", []any{text(c.Element), c.ByID, text(c.BusinessKey), c.InheritVariables, c.ProcessInstanceIDVariable}, []any{"${key}", true, "${k}", true, "child"})
	want(t, "mappings", []string{c.In[0].Source, c.In[0].Target, text(c.In[1].SourceExpression), c.In[1].Target, c.Out[0].Source, c.Out[0].Target}, []string{"x", "y", "${x + 1}", "z", "r", "s"})
	want(t, "collection", []string{text(n["call"].Loop.Collection), n["call"].Loop.CollectionName, n["call"].Loop.Element}, []string{"${list}", "", "item"})
	d := n["decide"]
	want(t, "decision", []string{text(d.Rules.DecisionKey), d.Rules.DecisionID, d.Work.ExtensionID, text(d.Work.DelegateExpression)}, []string{"Discount", "32052", "deciding", "${activiti_executeDecisionDelegate}"})
	want(t, "modeler data", []string{d.Modeler["editor-resource-id"], d.Extensions[0].Attributes["decisiontablereferencename"]}, []string{"sid-1", "Discount"})
	want(t, "ad-hoc", []any{n["adhoc"].AdHoc.Sequential, n["adhoc"].AdHoc.CancelRemaining, text(n["adhoc"].AdHoc.Completion), n["adhoc"].Type}, []any{true, false, "${enough}", "adhocSubProcess"})
}

func TestDataAndForms(t *testing.T) {
	t.Parallel()
	p := file(t, "activities.bpmn20.xml").Processes[0]
	expected := []any{" Hello ", int64(42), 9.5, true, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), nil, nil}
	if len(p.Data) != len(expected) {
		t.Fatalf("there are %d data objects, want %d: one without a type holds nothing", len(p.Data), len(expected))
	}
	for i, d := range p.Data {
		if d.Value != expected[i] {
			t.Errorf("%s is %#v, want %#v", d.Name, d.Value, expected[i])
		}
	}
	room, since := p.Nodes["start"].Form.Properties[0], p.Nodes["start"].Form.Properties[1]
	want(t, "enum", []any{room.ID, room.Name, room.Type, room.Variable, text(room.Default), room.Required, room.Readable, room.Writable, room.Values},
		[]any{"room", "Room", "enum", "roomNumber", "x", true, true, false, []bpmn.FormValue{{ID: "a", Name: "A"}, {ID: "b", Name: "B"}}})
	want(t, "date", []any{since.Type, since.DatePattern, since.Readable, since.Writable, text(since.Expression)}, []any{"date", "dd-MM-yyyy", false, true, "${today}"})
}

func TestGateways(t *testing.T) {
	t.Parallel()
	p := file(t, "gateways.bpmn20.xml").Processes[0]
	n := p.Nodes
	want(t, "default", []string{n["choose"].Default.ID, n["some"].Default.ID}, []string{"otherwise", "g4"})
	yes, scripted := p.Flows["yes"], p.Flows["scripted"]
	want(t, "condition", []string{text(yes.Condition.Expression), yes.Name, yes.Listeners[0].Event}, []string{"${a > 1}", "yes", "take"})
	want(t, "script", []string{scripted.Condition.Script.Language, scripted.Condition.Script.Source, text(scripted.Skip)}, []string{"groovy", "a == 3", "${s}"})
	want(t, "activation", text(n["join"].Activation), "${nrOfArrived > 1}")
	want(t, "lanes", p.Lanes, []bpmn.Lane{{ID: "upper", Name: "Upper", Nodes: []string{"start", "choose"}}, {ID: "inner", Name: "Inner", Parent: "upper", Nodes: []string{"start"}}, {ID: "lower", Name: "Lower", Nodes: []string{"left"}}})
	want(t, "a flow without an id", n["start"].Out[0].ID, "sequenceFlow#1")
	want(t, "history types", []string{n["race"].Type, n["choose"].Type}, []string{"eventGateway", "exclusiveGateway"})
}

// Other vendors' attributes are read whatever their prefixes are.
func TestVendors(t *testing.T) {
	t.Parallel()
	doc := file(t, "camunda.bpmn")
	n := doc.Processes[0].Nodes
	want(t, "exporter", doc.Exporter, "Somebody 1.0")
	amount := n["start"].Form.Properties[0]
	want(t, "form", []any{text(n["start"].Form.Key), amount.ID, amount.Name, amount.Type, text(amount.Default), amount.Required, amount.Writable},
		[]any{"embedded:app:forms/start.html", "amount", "Amount", "long", "5", true, false})
	want(t, "properties", n["start"].Extensions[0].Attributes, map[string]string{"name": "colour", "value": "blue"})
	want(t, "task", []any{n["task"].AsyncBefore, n["task"].AsyncAfter, text(n["task"].User.FollowUpDate), text(n["task"].Retry), n["task"].User.Listeners[0].Script.Source},
		[]any{true, true, "2026-01-01", "PT1M,PT5M", "1"})
	want(t, "flowable", []any{text(n["service"].Work.DelegateExpression), n["service"].AsyncBefore}, []any{"${bean}", true})
	c := n["call"].Call
	want(t, "call", []any{c.SameDeployment, text(c.BusinessKey), len(c.In), c.In[0].All, text(c.Out[0].SourceExpression)}, []any{true, "#{execution.processBusinessKey}", 1, true, "${r.value}"})
	want(t, "decision", []string{text(n["rules"].Rules.DecisionKey), n["rules"].Rules.ResultVariable}, []string{"discount", "d"})
}

func TestReaches(t *testing.T) {
	t.Parallel()
	p := file(t, "gateways.bpmn20.xml").Processes[0]
	events := file(t, "events.bpmn20.xml").Processes[0]
	for _, c := range []struct {
		process  *bpmn.Process
		from, to string
		reaches  bool
	}{
		{p, "start", "join", true},
		{p, "left", "join", true},
		{p, "left", "left", true}, // on a cycle
		{p, "join", "join", false},
		{p, "end", "join", false},
		{p, "first", "some", false},
		{events, "part", "end", true},       // by the link
		{events, "work", "end", true},       // by its boundary event
		{events, "timerOnce", "end", true},  // which stands there itself
		{events, "end", "work", false},      //
		{events, "wait", "end", false},      // another scope
		{events, "partStart", "fail", true}, //
		{events, "book", "unbook", false},   // compensation is no way
	} {
		if got := c.process.Reaches(c.process.Nodes[c.from], c.process.Nodes[c.to]); got != c.reaches {
			t.Errorf("%s reaches %s: %v, want %v", c.from, c.to, got, c.reaches)
		}
	}
	if p.Reaches(nil, p.Nodes["end"]) || p.Reaches(p.Root, p.Root) {
		t.Error("what is no node reaches something")
	}
}

func TestDiagramInterchange(t *testing.T) {
	t.Parallel()
	doc := parsed(t, `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI"
		xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:d="http://www.omg.org/spec/DD/20100524/DI" targetNamespace="t">
		<collaboration id="c"><participant id="pool" name="Us" processRef="p"/></collaboration>
		<process id="p"><startEvent id="s" name="Go"/><sequenceFlow id="f" name="on" sourceRef="s" targetRef="sub"/>
		<subProcess id="sub"><startEvent id="in"/></subProcess><textAnnotation id="note"><text>Mind this</text></textAnnotation></process>
		<process id="q"><startEvent id="other"/></process>
		<di:BPMNDiagram><di:BPMNPlane bpmnElement="c">
		<di:BPMNShape bpmnElement="pool"><dc:Bounds x="0" y="0" width="500" height="200"/></di:BPMNShape>
		<di:BPMNShape bpmnElement="s"><dc:Bounds x="10.5" y="20" width="30" height="30"/><di:BPMNLabel><dc:Bounds x="1" y="2" width="3" height="4"/></di:BPMNLabel></di:BPMNShape>
		<di:BPMNShape bpmnElement="sub" isExpanded="false"><dc:Bounds x="100" y="20" width="100" height="80"/></di:BPMNShape>
		<di:BPMNShape bpmnElement="note"><dc:Bounds x="100" y="20" width="NaN" height="80"/></di:BPMNShape>
		<di:BPMNEdge bpmnElement="f"><d:waypoint x="40" y="35"/><d:waypoint x="100" y="35"/></di:BPMNEdge>
		<di:BPMNShape bpmnElement="nobody"><dc:Bounds x="0" y="0" width="1" height="1"/></di:BPMNShape>
		<di:BPMNShape bpmnElement="f"><dc:Bounds x="0" y="0" width="1" height="1"/></di:BPMNShape>
		<di:BPMNEdge bpmnElement="s"><d:waypoint x="40" y="35"/><d:waypoint x="100" y="35"/></di:BPMNEdge>
		</di:BPMNPlane></di:BPMNDiagram></definitions>`)
	d := doc.Processes[0].Diagram
	if len(d.Shapes) != 3 || len(d.Edges) != 1 {
		t.Fatalf("there are %d shapes and %d edges", len(d.Shapes), len(d.Edges))
	}
	want(t, "pool", d.Shapes[0], bpmn.Shape{Element: "pool", Type: "participant", Name: "Us", Bounds: bpmn.Rect{Width: 500, Height: 200}, Expanded: true, Horizontal: true})
	want(t, "start", []any{d.Shapes[1].Name, d.Shapes[1].Bounds, *d.Shapes[1].Label}, []any{"Go", bpmn.Rect{X: 10.5, Y: 20, Width: 30, Height: 30}, bpmn.Rect{X: 1, Y: 2, Width: 3, Height: 4}})
	want(t, "collapsed", d.Shapes[2].Expanded, false)
	want(t, "edge", d.Edges[0], bpmn.Edge{Element: "f", Type: "sequenceFlow", Name: "on", Points: []bpmn.Point{{X: 40, Y: 35}, {X: 100, Y: 35}}})
	if doc.Processes[1].Diagram != nil {
		t.Error("a process that is not shown has a diagram")
	}
	got := names(doc.Problems, true)
	for _, name := range []string{"bpmn-di-invalid-bounds", "activiti-di-invalid-reference", "activiti-di-does-not-reference-flownode", "activiti-di-does-not-reference-seq-flow"} {
		if !slices.Contains(got, name) {
			t.Errorf("%s is missing in %v", name, got)
		}
	}
}

// The first releases of Activiti had another namespace, and prefixes on the attributes
// of their own elements.
func TestOldNamespace(t *testing.T) {
	t.Parallel()
	doc := parsed(t, `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:a="http://activiti.org/bpmn-extensions" targetNamespace="t">
		<process id="p"><startEvent id="s"/><userTask id="u" a:assignee="ann"/><serviceTask id="m" a:type="mail"><extensionElements>
		<a:field a:name="to" a:expression="${who}"/><a:field a:name="text" a:stringValue="hello"/></extensionElements></serviceTask></process></definitions>`)
	n := doc.Processes[0].Nodes
	want(t, "assignee", text(n["u"].User.Assignee), "ann")
	want(t, "fields", []string{text(n["m"].Work.Fields[0].Value), n["m"].Work.Fields[1].String}, []string{"${who}", "hello"})
}

// Data associations of a call activity that name no element name variables.
func TestDataOfCalls(t *testing.T) {
	t.Parallel()
	n := parsed(t, in(`<dataObjectReference id="paper"/><callActivity id="u" calledElement="x">
		<property id="placeholder"/>
		<dataInputAssociation><sourceRef>a</sourceRef><targetRef>b</targetRef></dataInputAssociation>
		<dataInputAssociation><sourceRef>paper</sourceRef><targetRef>placeholder</targetRef></dataInputAssociation>
		<dataOutputAssociation><sourceRef>c</sourceRef><targetRef>d</targetRef></dataOutputAssociation></callActivity>`)).Processes[0].Nodes["u"]
	want(t, "in", n.Call.In, []bpmn.Mapping{{Source: "a", Target: "b"}})
	want(t, "out", n.Call.Out, []bpmn.Mapping{{Source: "c", Target: "d"}})
}
