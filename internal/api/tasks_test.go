package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// office has a task for whoever starts it, one for a group of that number, and one that
// the initiator may complete.
const office = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" xmlns:modeler="http://activiti.com/modeler" targetNamespace="cat">
  <process id="office" name="Office" isExecutable="true"><documentation>What an office does</documentation>
    <startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="write"/>
    <userTask id="write" name="Write" activiti:assignee="$INITIATOR" activiti:formKey="8"/><sequenceFlow id="b" sourceRef="write" targetRef="check"/>
    <userTask id="check" name="Check it" activiti:candidateGroups="GROUP" activiti:candidateUsers="1003" activiti:priority="70" activiti:dueDate="2026-02-01T00:00:00Z">
      <extensionElements><modeler:initiator-can-complete><![CDATA[true]]></modeler:initiator-can-complete></extensionElements>
    </userTask><sequenceFlow id="c" sourceRef="check" targetRef="e"/><endEvent id="e"/>
  </process></definitions>`

// desk is a world with the office deployed: kermit starts, fozzie is of the group that
// checks and gonzo is a candidate himself; piggy has nothing to do with it.
type desk struct {
	world
	group                string
	fozzie, gonzo, piggy string // tokens
}

func newDesk(t *testing.T) desk {
	t.Helper()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"), sluicetest.User("gonzo@example.com", "x"), sluicetest.User("piggy@example.com", "x"))
	d := desk{world: w, group: w.make(t, w.admin, "admin/groups", map[string]any{"name": "Checkers", "type": 1})}
	empty(t, "member", w.Call(t, w.admin, "POST", "admin/groups/"+d.group+"/members/1002", nil))
	d.fozzie, d.gonzo, d.piggy = w.token(t, "fozzie@example.com", "x"), w.token(t, "gonzo@example.com", "x"), w.token(t, "piggy@example.com", "x")
	expect(t, "deploy", w.sendFile(t, w.admin, "repository/deployments", "office.bpmn20.xml", strings.Replace(office, "GROUP", d.group, 1)), 201, nil)
	return d
}

// start begins an instance as kermit and returns its id and that of its task.
func (d desk) start(t *testing.T) (instance, task string) {
	t.Helper()
	a := d.own(t, d.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "office", "name": "No 1"})
	expect(t, "start", a, 201, nil)
	return a.Text("id"), d.taskOf(t, a.Text("id"))
}

// taskOf returns the id of an instance's only open task.
func (d desk) taskOf(t *testing.T, instance string) string {
	t.Helper()
	return fmt.Sprint(first(t, d.own(t, d.admin, "GET", "runtime/tasks?processInstanceId="+url.QueryEscape(instance), nil))["id"])
}

// checked completes kermit's task, so that the next one waits for the checkers.
func (d desk) checked(t *testing.T) (instance, task string) {
	t.Helper()
	instance, task = d.start(t)
	if a := d.own(t, d.user, "POST", "runtime/tasks/"+task, map[string]any{"action": "complete"}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return instance, d.taskOf(t, instance)
}

func TestTaskRepresentation(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	instance, write := d.start(t)
	a := d.Call(t, d.user, "GET", "tasks/"+write, nil)
	expect(t, "kermit's", a, 200, map[string]any{"id": write, "name": "Write", "description": nil, "category": nil, "priority": 50, "dueDate": nil, "endDate": nil, "duration": nil,
		"parentTaskId": nil, "parentTaskName": nil, "processInstanceId": instance, "processInstanceName": "No 1", "processInstanceStartUserId": "1001", "processDefinitionName": "Office",
		"processDefinitionKey": "office", "processDefinitionDescription": "What an office does", "processDefinitionCategory": "cat", "processDefinitionVersion": 1, "formKey": "8",
		"taskDefinitionKey": "write", "initiatorCanCompleteTask": false, "adhocTaskCanBeReassigned": false, "memberOfCandidateGroup": false, "memberOfCandidateUsers": false,
		"managerOfCandidateGroup": false, "involvedPeople": "[]", "involvedGroups": "[]", "variables": "[]"})
	assignee, _ := a.JSON["assignee"].(map[string]any)
	if assignee["id"] != 1001.0 || assignee["email"] != "kermit@example.com" || !apsDate.MatchString(a.Text("created")) || a.Text("executionId") == "" ||
		!strings.HasPrefix(a.Text("processDefinitionId"), "office:1:") || a.Text("processDefinitionDeploymentId") == "" || len(a.JSON) != 33 {
		t.Errorf("%d members: %s", len(a.JSON), a.Body)
	}
	refused(t, "a stranger", d.Call(t, d.piggy, "GET", "tasks/"+write, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "none", d.Call(t, d.user, "GET", "tasks/none", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	if a := d.Call(t, d.admin, "GET", "tasks/"+write, nil); a.Text("id") != write {
		t.Errorf("an administrator: %d %s", a.Status, a.Body)
	}

	_, check := d.checked(t)
	candidate := map[string]any{"assignee": nil, "priority": 70, "dueDate": "2026-02-01T00:00:00.000+0000", "initiatorCanCompleteTask": true, "memberOfCandidateGroup": true, "memberOfCandidateUsers": false}
	a = d.Call(t, d.fozzie, "GET", "tasks/"+check, nil)
	expect(t, "a member", a, 200, candidate)
	people, groups := fmt.Sprint(a.JSON["involvedPeople"]), fmt.Sprint(a.JSON["involvedGroups"])
	if !strings.Contains(people, "gonzo@example.com") || strings.Contains(people, "kermit") || !strings.Contains(groups, "Checkers") {
		t.Errorf("involved: %s %s", people, groups)
	}
	expect(t, "a candidate", d.Call(t, d.gonzo, "GET", "tasks/"+check, nil), 200, map[string]any{"memberOfCandidateGroup": false, "memberOfCandidateUsers": true, "managerOfCandidateGroup": false})
	expect(t, "manage", d.Call(t, d.admin, "PUT", "admin/groups/"+d.group, map[string]any{"name": "Checkers", "manager": map[string]any{"id": 1003}}), 200, nil)
	expect(t, "a manager", d.Call(t, d.gonzo, "GET", "tasks/"+check, nil), 200, map[string]any{"memberOfCandidateGroup": false, "memberOfCandidateUsers": true, "managerOfCandidateGroup": true})
	expect(t, "a member still", d.Call(t, d.fozzie, "GET", "tasks/"+check, nil), 200, map[string]any{"memberOfCandidateGroup": true, "managerOfCandidateGroup": false})
	refused(t, "a stranger to the group's", d.Call(t, d.piggy, "GET", "tasks/"+check, nil), 403, "GENERAL.ERROR.FORBIDDEN")
}
