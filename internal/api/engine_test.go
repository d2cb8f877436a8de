package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

const review = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="cat">
  <message id="go" name="go"/><signal id="bell" name="bell"/>
  <process id="review" name="Review" isExecutable="true">
    <startEvent id="s"/><startEvent id="m"><messageEventDefinition messageRef="go"/></startEvent>
    <sequenceFlow id="a" sourceRef="s" targetRef="write"/><sequenceFlow id="z" sourceRef="m" targetRef="write"/>
    <userTask id="write" name="Write" activiti:assignee="$INITIATOR"/><sequenceFlow id="b" sourceRef="write" targetRef="wait"/>
    <intermediateCatchEvent id="wait"><signalEventDefinition signalRef="bell"/></intermediateCatchEvent><sequenceFlow id="c" sourceRef="wait" targetRef="fail"/>
    <serviceTask id="fail" activiti:async="true" activiti:class="com.example.Nobody"/><sequenceFlow id="d" sourceRef="fail" targetRef="e"/><endEvent id="e"/>
  </process></definitions>`

// own calls Activiti's own API.
func (w world) own(t *testing.T, token, method, path string, body any) sluicetest.Answer {
	t.Helper()
	var r io.Reader = http.NoBody
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	q, err := http.NewRequestWithContext(t.Context(), method, w.URL+"/activiti-app/api/"+path, r)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	return w.Do(t, q)
}

// sendFile posts a file as a multipart body, after its fields.
func (w world) sendFile(t *testing.T, token, path, name, text string, fields ...string) sluicetest.Answer {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = m.WriteField(fields[i], fields[i+1])
	}
	f, err := m.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.Write([]byte(text))
	_ = m.Close()
	q, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/activiti-app/api/"+path, &b)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+token)
	q.Header.Set("Content-Type", m.FormDataContentType())
	return w.Do(t, q)
}

// engineRefused checks status and Activiti's error body.
func engineRefused(t *testing.T, name string, a sluicetest.Answer, status int) {
	t.Helper()
	word := map[int]string{400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 404: "Not found", 405: "Method not allowed", 409: "Conflict", 413: "Request Entity Too Large", 500: "Internal server error"}[status]
	if a.Status != status || a.Text("message") != word || a.Text("exception") == "" || len(a.JSON) != 2 {
		t.Errorf("%s: %d %s, want %d %s", name, a.Status, a.Body, status, word)
	}
}

func first(t *testing.T, a sluicetest.Answer) map[string]any {
	t.Helper()
	list, _ := a.JSON["data"].([]any)
	if a.Status != 200 || len(list) == 0 {
		t.Fatalf("no rows: %d %s", a.Status, a.Body)
	}
	return list[0].(map[string]any)
}

func expect(t *testing.T, name string, a sluicetest.Answer, status int, want map[string]any) {
	t.Helper()
	if a.Status != status {
		t.Errorf("%s: %d %s", name, a.Status, a.Body)
	}
	for member, value := range want {
		if got := a.JSON[member]; fmt.Sprint(got) != fmt.Sprint(value) {
			t.Errorf("%s: %s is %v, want %v", name, member, got, value)
		}
	}
}

func TestRepository(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.sendFile(t, w.admin, "repository/deployments", "review.bpmn20.xml", review, "category", "office")
	expect(t, "deploy", a, 201, map[string]any{"name": "review", "category": "office", "tenantId": ""})
	id := a.Text("id")
	expect(t, "one", w.own(t, w.user, "GET", "repository/deployments/"+id, nil), 200, map[string]any{"id": id, "url": "/activiti-app/api/repository/deployments/" + id})
	a = w.own(t, w.user, "GET", "repository/deployments?nameLike=rev%25&sort=name&order=desc&size=5", nil)
	expect(t, "list", a, 200, map[string]any{"total": 1, "start": 0, "sort": "name", "order": "desc", "size": 1})
	if a := w.own(t, w.user, "GET", "repository/deployments/"+id+"/resources", nil); !strings.Contains(a.Body, `"id":"review.bpmn20.xml"`) || !strings.Contains(a.Body, `"type":"processDefinition"`) {
		t.Errorf("%s", a.Body)
	}
	if a := w.own(t, w.user, "GET", "repository/deployments/"+id+"/resourcedata/review.bpmn20.xml", nil); a.Body != review || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	def := first(t, w.own(t, w.user, "GET", "repository/process-definitions?key=review&latest=true", nil))
	if def["version"] != 1.0 || def["name"] != "Review" || def["suspended"] != false || def["deploymentId"] != id || def["startFormDefined"] != false {
		t.Errorf("%v", def)
	}
	path := "repository/process-definitions/" + url.PathEscape(def["id"].(string))
	expect(t, "definition", w.own(t, w.user, "GET", path, nil), 200, map[string]any{"key": "review"})
	if a := w.own(t, w.user, "GET", path+"/resourcedata", nil); a.Body != review {
		t.Errorf("%d", a.Status)
	}
	if a := w.own(t, w.user, "GET", path+"/image", nil); a.Status != 200 || a.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(a.Body, "Write") {
		t.Errorf("%d %s", a.Status, a.Header)
	}
	expect(t, "suspend", w.own(t, w.admin, "PUT", path, map[string]any{"action": "suspend"}), 200, map[string]any{"suspended": true})
	engineRefused(t, "twice", w.own(t, w.admin, "PUT", path, map[string]any{"action": "suspend"}), 409)
	engineRefused(t, "start", w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review"}), 409)
	expect(t, "activate", w.own(t, w.admin, "PUT", path, map[string]any{"action": "activate"}), 200, map[string]any{"suspended": false})

	engineRefused(t, "deploy as a user", w.sendFile(t, w.user, "repository/deployments", "review.bpmn", review), 403)
	engineRefused(t, "delete as a user", w.own(t, w.user, "DELETE", "repository/deployments/"+id, nil), 403)
	engineRefused(t, "suspend as a user", w.own(t, w.user, "PUT", path, map[string]any{"action": "suspend"}), 403)
	engineRefused(t, "broken", w.sendFile(t, w.admin, "repository/deployments", "x.bpmn", "<definitions"), 400)
	engineRefused(t, "neither", w.sendFile(t, w.admin, "repository/deployments", "x.bpmn", "hello"), 400)
	engineRefused(t, "no multipart", w.own(t, w.admin, "POST", "repository/deployments", map[string]any{}), 400)
	engineRefused(t, "unknown", w.own(t, w.user, "GET", "repository/deployments/x", nil), 404)
	engineRefused(t, "no file", w.own(t, w.user, "GET", "repository/deployments/"+id+"/resources/nothing.bpmn", nil), 404)
	engineRefused(t, "sort", w.own(t, w.user, "GET", "repository/deployments?sort=x", nil), 400)
	engineRefused(t, "method", w.own(t, w.user, "PUT", "repository/deployments", nil), 405)
	engineRefused(t, "path", w.own(t, w.user, "GET", "repository/nothing", nil), 404)
	if a := w.Do(t, bare(t, "GET", w.URL+"/activiti-app/api/repository/deployments")); a.Status != 401 {
		t.Errorf("without a token: %d %s", a.Status, a.Body)
	}
	if a := w.own(t, w.admin, "DELETE", "repository/deployments/"+id, nil); a.Status != 204 || a.Body != "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func (w world) started(t *testing.T) (id, task string) {
	t.Helper()
	if a := w.sendFile(t, w.admin, "repository/deployments", "review.bpmn20.xml", review); a.Status != 201 {
		t.Fatal(a.Body)
	}
	a := w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review", "businessKey": "R-1", "returnVariables": true,
		"variables": []map[string]any{{"name": "n", "value": 5}, {"name": "when", "type": "date", "value": "2026-01-02T03:04:05.000Z"}, {"name": "l", "type": "long", "value": 7}, {"name": "o", "value": map[string]any{"a": 1}}}})
	expect(t, "start", a, 201, map[string]any{"businessKey": "R-1", "startUserId": "1001", "suspended": false, "ended": false, "processDefinitionKey": "review"})
	if got := fmt.Sprint(a.JSON["variables"]); !strings.Contains(got, "name:n scope:local type:integer value:5") || !strings.Contains(got, "type:date value:2026-01-02T03:04:05.000Z") ||
		!strings.Contains(got, "type:long value:7") || !strings.Contains(got, "type:json value:map[a:1]") {
		t.Errorf("%s", got)
	}
	id = a.Text("id")
	task = first(t, w.own(t, w.user, "GET", "runtime/tasks?processInstanceId="+id, nil))["id"].(string)
	return id, task
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	other := w.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"fozzie@example.com"}, "password": {"x"}})
	id, task := w.started(t)
	at := "runtime/tasks/" + task
	expect(t, "task", w.own(t, w.user, "GET", at, nil), 200, map[string]any{"name": "Write", "assignee": "1001", "taskDefinitionKey": "write", "priority": 50, "processInstanceId": id, "delegationState": nil})
	expect(t, "update", w.own(t, w.user, "PUT", at, map[string]any{"priority": 70, "dueDate": "2026-02-01T00:00:00.000+0000", "unknown": 1}), 200, map[string]any{"priority": 70, "dueDate": "2026-02-01T00:00:00.000Z"})
	expect(t, "query", w.own(t, w.user, "POST", "query/tasks", map[string]any{"minimumPriority": 60, "processInstanceVariables": []map[string]any{{"name": "n", "operation": "equals", "value": 5}}}), 200, map[string]any{"total": 1})
	expect(t, "other value", w.own(t, w.user, "POST", "query/tasks", map[string]any{"processInstanceVariables": []map[string]any{{"name": "n", "operation": "equals", "value": 6}}}), 200, map[string]any{"total": 0})

	// Somebody else sees nothing of it and can do nothing with it.
	for _, list := range []string{"runtime/tasks", "runtime/process-instances", "runtime/executions", "history/historic-process-instances", "history/historic-task-instances", "history/historic-activity-instances",
		"history/historic-variable-instances"} {
		expect(t, list+" of another", w.own(t, other, "GET", list, nil), 200, map[string]any{"total": 0, "size": 0})
	}
	for _, op := range []string{"GET " + at, "POST " + at, "PUT " + at, "GET " + at + "/variables", "GET " + at + "/identitylinks", "GET " + at + "/comments", "POST " + at + "/variables",
		"GET runtime/process-instances/" + id, "DELETE runtime/process-instances/" + id, "GET runtime/process-instances/" + id + "/variables", "PUT runtime/process-instances/" + id + "/variables",
		"GET runtime/process-instances/" + id + "/diagram", "PUT runtime/process-instances/" + id, "PUT runtime/executions/" + id, "GET history/historic-process-instances/" + id, "POST runtime/signals",
		"GET management/jobs", "GET management/deadletter-jobs", "DELETE history/historic-process-instances/" + id} {
		method, path, _ := strings.Cut(op, " ")
		var body any
		switch {
		case strings.HasSuffix(path, "/variables") && method != "GET":
			body = []map[string]any{{"name": "x", "value": 1}}
		case method == "POST" || method == "PUT":
			body = map[string]any{"action": "complete", "signalName": "bell"}
			if method == "PUT" {
				body = map[string]any{"action": "suspend", "priority": 1}
			}
			if strings.HasPrefix(path, "runtime/executions") {
				body = map[string]any{"action": "trigger"}
			}
		}
		status := 403
		if strings.Contains(path, "process-instances/"+id) || strings.Contains(path, "executions/"+id) {
			status = 404 // he does not even know of it
		}
		if op == "PUT runtime/process-instances/"+id || op == "DELETE history/historic-process-instances/"+id {
			status = 403 // of nobody but administrators
		}
		engineRefused(t, op+" by another", w.own(t, other, method, path, body), status)
	}

	if a := w.own(t, w.user, "POST", at+"/comments", map[string]any{"message": "<b>hi</b>"}); a.Status != 201 || a.Text("message") != "<b>hi</b>" || a.Text("author") != "1001" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	a := w.sendFile(t, w.user, at+"/attachments", "../page.html", "<script>alert(1)</script>", "description", "d")
	expect(t, "attach", a, 201, map[string]any{"name": "page.html", "description": "d", "userId": "1001"})
	if a := w.own(t, w.user, "GET", at+"/attachments/"+a.Text("id")+"/content", nil); a.Body != "<script>alert(1)</script>" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") ||
		a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v", a.Status, a.Header)
	}
	engineRefused(t, "an attachment of another", w.own(t, other, "GET", at+"/attachments/"+a.Text("id"), nil), 403)
	if a := w.own(t, w.user, "GET", at+"/identitylinks", nil); !strings.Contains(a.Body, `{"user":"1001","group":null,"type":"assignee"}`) {
		t.Errorf("%s", a.Body)
	}
	expect(t, "new variable", w.own(t, w.user, "POST", "runtime/process-instances/"+id+"/variables", []map[string]any{{"name": "x", "value": "y"}}), 201, nil)
	engineRefused(t, "there already", w.own(t, w.user, "POST", "runtime/process-instances/"+id+"/variables", []map[string]any{{"name": "x", "value": "y"}}), 409)
	expect(t, "variable", w.own(t, w.user, "GET", at+"/variables/x", nil), 200, map[string]any{"value": "y", "type": "string", "scope": "global"})
	engineRefused(t, "no such variable", w.own(t, w.user, "GET", at+"/variables/none", nil), 404)
	engineRefused(t, "wrong type", w.own(t, w.user, "PUT", at+"/variables/x", map[string]any{"name": "x", "type": "integer", "value": "many"}), 400)

	engineRefused(t, "no such action", w.own(t, w.user, "POST", at, map[string]any{"action": "explode"}), 400)
	if a := w.own(t, w.user, "POST", at, map[string]any{"action": "complete", "variables": []map[string]any{{"name": "n", "value": 6}}}); a.Status != 200 || a.Body != "" {
		t.Errorf("complete: %d %s", a.Status, a.Body)
	}
	engineRefused(t, "completed twice", w.own(t, w.user, "POST", at, map[string]any{"action": "complete"}), 404)

	waits := first(t, w.own(t, w.user, "GET", "runtime/executions?signalEventSubscriptionName=bell", nil))
	if waits["activityId"] != "wait" || waits["processInstanceId"] != id {
		t.Errorf("%v", waits)
	}
	if a := w.own(t, w.user, "GET", "runtime/process-instances/"+id+"/diagram", nil); a.Status != 200 || !strings.HasPrefix(a.Body, "<") {
		t.Errorf("%d %s", a.Status, a.Body[:min(len(a.Body), 200)])
	}
	if a := w.own(t, w.admin, "POST", "runtime/signals", map[string]any{"signalName": "bell"}); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	job := first(t, w.own(t, w.admin, "GET", "management/jobs?processInstanceId="+id, nil))
	if job["elementId"] != "fail" || job["retries"] != 3.0 {
		t.Errorf("%v", job)
	}
	a = w.own(t, w.admin, "POST", "management/jobs/"+job["id"].(string), map[string]any{"action": "execute"})
	engineRefused(t, "execute", a, 500)
	dead := first(t, w.own(t, w.admin, "GET", "management/deadletter-jobs?withException=true", nil))
	if !strings.Contains(dead["exceptionMessage"].(string), "com.example.Nobody") {
		t.Errorf("%v", dead)
	}
	if text := a.Text("exception"); !strings.Contains(text, "com.example.Nobody") || !strings.Contains(text, dead["id"].(string)) || !strings.Contains(text, job["id"].(string)) {
		t.Errorf("the failure is told as %q", text)
	}
	if a := w.own(t, w.admin, "POST", "management/deadletter-jobs/"+dead["id"].(string), map[string]any{"action": "move"}); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	expect(t, "moved", w.own(t, w.admin, "GET", "management/deadletter-jobs", nil), 200, map[string]any{"total": 0})
	if a := w.own(t, w.user, "DELETE", "runtime/process-instances/"+id+"?deleteReason=enough", nil); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	expect(t, "history", w.own(t, w.user, "GET", "history/historic-process-instances/"+id, nil), 200, map[string]any{"deleteReason": "enough", "startUserId": "1001", "startActivityId": "s"})
	done := first(t, w.own(t, w.user, "GET", "history/historic-task-instances?finished=true", nil))
	if done["id"] != task || done["endTime"] == nil || done["durationInMillis"] == nil {
		t.Errorf("%v", done)
	}
	expect(t, "variables", w.own(t, w.user, "GET", "history/historic-variable-instances?variableName=n", nil), 200, map[string]any{"total": 1})
	expect(t, "activities", w.own(t, w.user, "GET", "history/historic-activity-instances?activityType=userTask", nil), 200, map[string]any{"total": 1})
}

func TestRuntimeBadInput(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, task := w.started(t)
	for op, body := range map[string]any{
		"POST runtime/process-instances":         map[string]any{},
		"POST runtime/process-instances?2":       map[string]any{"processDefinitionKey": "review", "message": "go"},
		"POST runtime/process-instances?3":       map[string]any{"processDefinitionKey": "review", "variables": []map[string]any{{"value": 1}}},
		"POST runtime/process-instances?4":       map[string]any{"processDefinitionKey": "review", "variables": []map[string]any{{"name": "a", "type": "x", "value": 1}}},
		"POST runtime/process-instances?5":       []int{1},
		"POST query/tasks":                       map[string]any{"start": "x"},
		"POST query/tasks?2":                     map[string]any{"processInstanceVariables": "x"},
		"POST query/tasks?3":                     map[string]any{"taskVariables": []map[string]any{{"name": "a", "operation": "near", "value": 1}}},
		"GET runtime/tasks?createdBefore=monday": nil, "GET runtime/tasks?unassigned=perhaps": nil, "GET runtime/tasks?size=-1": nil, "GET runtime/tasks?priority=high": nil, "GET runtime/tasks?order=up": nil,
		"GET runtime/tasks?start=99999999999999999999": nil, "PUT runtime/tasks/" + task: map[string]any{"dueDate": "x"}, "POST runtime/tasks/" + task: map[string]any{"action": "delegate"},
		"GET form/form-data": nil,
	} {
		method, path, _ := strings.Cut(op, " ")
		engineRefused(t, op, w.own(t, w.user, method, path, body), 400)
	}
	engineRefused(t, "unknown key", w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "nothing"}), 404)
	expect(t, "by message", w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"message": "go"}), 201, map[string]any{"processDefinitionKey": "review"})
	expect(t, "claimed by nobody", w.own(t, w.user, "POST", "runtime/tasks/"+task, map[string]any{"action": "claim", "assignee": nil}), 200, nil)
	a := w.own(t, w.user, "POST", "runtime/tasks", map[string]any{"name": "Mine"})
	expect(t, "a task of one's own", a, 201, map[string]any{"name": "Mine", "owner": "1001", "processInstanceId": nil})
	if a := w.own(t, w.user, "DELETE", "runtime/tasks/"+a.Text("id"), nil); a.Status != 204 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	expect(t, "form", w.own(t, w.admin, "GET", "form/form-data?taskId="+task, nil), 200, map[string]any{"taskId": task, "formProperties": "[]"})
}
