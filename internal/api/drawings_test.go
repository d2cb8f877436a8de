package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// drawn reads the drawing of a process, which stands under /app.
func (w world) drawn(t *testing.T, token, path string) sluicetest.Answer {
	t.Helper()
	return w.app(t, "GET", "rest/"+path+"/model-json", nil, "Authorization", "Bearer "+token)
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	const order = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:omgdc="http://www.omg.org/spec/DD/20100524/DC"
	xmlns:omgdi="http://www.omg.org/spec/DD/20100524/DI" targetNamespace="t"><collaboration id="c"><participant id="pool" name="Shop" processRef="order"/></collaboration>
	<process id="order" name="Order"><laneSet><lane id="lane" name="Desk"><flowNodeRef>s</flowNodeRef><flowNodeRef>pack</flowNodeRef></lane></laneSet><startEvent id="s"/>
	<sequenceFlow id="a" sourceRef="s" targetRef="pack"/><userTask id="pack" name="Pack" activiti:assignee="$INITIATOR" activiti:candidateGroups="clerks,packers"/>
	<boundaryEvent id="late" attachedToRef="pack"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
	<sequenceFlow id="b" sourceRef="pack" targetRef="e"/><sequenceFlow id="d" sourceRef="late" targetRef="e"/><endEvent id="e"/></process>
	<bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement="c"><bpmndi:BPMNShape bpmnElement="pool"><omgdc:Bounds x="10" y="20" width="600" height="300"/></bpmndi:BPMNShape>
	<bpmndi:BPMNShape bpmnElement="lane"><omgdc:Bounds x="40" y="20" width="570" height="300"/></bpmndi:BPMNShape>
	<bpmndi:BPMNShape bpmnElement="s"><omgdc:Bounds x="60" y="100" width="30" height="30"/></bpmndi:BPMNShape><bpmndi:BPMNShape bpmnElement="pack"><omgdc:Bounds x="200" y="80" width="100" height="80"/></bpmndi:BPMNShape>
	<bpmndi:BPMNShape bpmnElement="late"><omgdc:Bounds x="230" y="145" width="30" height="30"/></bpmndi:BPMNShape>
	<bpmndi:BPMNShape bpmnElement="e"><omgdc:Bounds x="400" y="100" width="28" height="28"/></bpmndi:BPMNShape>
	<bpmndi:BPMNEdge bpmnElement="a"><omgdi:waypoint x="90" y="115"/><omgdi:waypoint x="200" y="120"/></bpmndi:BPMNEdge></bpmndi:BPMNPlane></bpmndi:BPMNDiagram></definitions>`
	expect(t, "deploy", w.sendFile(t, w.admin, "repository/deployments", "order.bpmn20.xml", order), 201, nil)
	a := w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "order"})
	instance, definition := a.Text("id"), a.Text("processDefinitionId")

	a = w.drawn(t, w.user, "process-definitions/"+url.PathEscape(definition))
	expect(t, "definition", a, 200, map[string]any{"diagramBeginX": 10.0, "diagramBeginY": 20.0, "diagramWidth": 610.0, "diagramHeight": 320.0, "completedActivities": nil, "currentActivities": nil})
	if got, want := shape(a.JSON["pools"]), `[{"height":300,"id":"pool","lanes":[{"height":300,"id":"lane","name":"Desk","width":570,"x":40,"y":20}],"name":"Shop","width":600,"x":10,"y":20}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	elements := byID(a.JSON["elements"])
	for id, want := range map[string]string{
		"s":    `{"height":30,"id":"s","incomingFlows":[],"name":null,"properties":[],"type":"StartEvent","width":30,"x":60,"y":100}`,
		"pack": `{"height":80,"id":"pack","incomingFlows":["a"],"name":"Pack","properties":[{"name":"Assignee","value":"$INITIATOR"},{"name":"Candidate groups","value":"clerks, packers"}],"type":"UserTask","width":100,"x":200,"y":80}`,
		"late": `{"eventDefinition":{"ref":"PT1H","type":"timer"},"height":30,"id":"late","incomingFlows":[],"name":null,"properties":[],"type":"BoundaryEvent","width":30,"x":230,"y":145}`,
	} {
		if got := shape(elements[id]); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if got, want := shape(a.JSON["flows"]), `[{"id":"a","name":null,"properties":[],"sourceRef":"s","targetRef":"pack","type":"sequenceFlow","waypoints":[{"x":90,"y":115},{"x":200,"y":120}]}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}

	a = w.drawn(t, w.user, "process-instances/"+instance)
	elements = byID(a.JSON["elements"])
	if elements["s"]["completed"] != true || elements["pack"]["current"] != true || elements["pack"]["completed"] != nil || elements["e"]["completed"] != nil || byID(a.JSON["flows"])["a"]["completed"] != true ||
		fmt.Sprint(a.JSON["completedActivities"], a.JSON["currentActivities"], a.JSON["completedSequenceFlows"]) != "[s] [pack late] [a]" {
		t.Errorf("%s", a.Body)
	}
	refused(t, "another's instance", w.drawn(t, w.token(t, "fozzie@example.com", "x"), "process-instances/"+instance), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no instance", w.drawn(t, w.user, "process-instances/none"), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no definition", w.drawn(t, w.user, "process-definitions/none"), 404, "GENERAL.ERROR.NOT-FOUND")
	boss, _, _, _ := w.muppets(t)
	for _, path := range []string{"process-definitions/" + url.PathEscape(definition), "process-instances/" + instance} {
		refused(t, "another tenant's "+path, w.drawn(t, boss, path), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	// A process without coordinates is laid out.
	_, _ = w.started(t)
	a = w.drawn(t, w.user, "process-definitions/"+url.PathEscape(fmt.Sprint(first(t, w.own(t, w.user, "GET", "repository/process-definitions?key=review&latest=true", nil))["id"])))
	if elements := a.JSON["elements"].([]any); a.Status != 200 || len(elements) < 3 || !strings.Contains(a.Body, `"type":"UserTask"`) || a.JSON["diagramWidth"].(float64) < 100 {
		t.Errorf("%s", a.Body)
	}
}

func byID(list any) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, one := range list.([]any) {
		all[fmt.Sprint(one.(map[string]any)["id"])] = one.(map[string]any)
	}
	return all
}
