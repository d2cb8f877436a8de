package api_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// begin starts the office as kermit through APS's API.
func (d desk) begin(t *testing.T, body map[string]any) sluicetest.Answer {
	t.Helper()
	a := d.Call(t, d.user, "POST", "process-instances", body)
	if a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a
}

// office is the only version of its process.
func (d desk) definition(t *testing.T) map[string]any {
	t.Helper()
	return first(t, d.Call(t, d.user, "GET", "process-definitions?latest=true", nil))
}

func TestStartInstance(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	def := d.definition(t)
	a := d.begin(t, map[string]any{"processDefinitionId": def["id"], "name": "No 1", "businessKey": "B", "values": map[string]any{"city": "Oslo"}, "outcome": nil,
		"variables": []map[string]any{{"name": "n", "type": "long", "value": 5}, {"name": "when", "type": "date", "value": "2026-01-20T22:03:05.123Z"}}, "unknown": 1})
	expect(t, "start", a, 200, map[string]any{"name": "No 1", "businessKey": "B", "processDefinitionId": def["id"], "tenantId": "tenant_1", "ended": nil, "processDefinitionName": "Office",
		"processDefinitionDescription": "What an office does", "processDefinitionKey": "office", "processDefinitionCategory": "cat", "processDefinitionVersion": 1,
		"processDefinitionDeploymentId": def["deploymentId"], "graphicalNotationDefined": false, "startFormDefined": false, "suspended": false})
	if by, _ := a.JSON["startedBy"].(map[string]any); by["id"] != 1001.0 || by["email"] != "kermit@example.com" || !apsDate.MatchString(a.Text("started")) {
		t.Errorf("%s", a.Body)
	}
	if got, want := fmt.Sprint(a.JSON["variables"]), "[map[name:city scope:local type:string value:Oslo] map[name:n scope:local type:long value:5] map[name:when scope:local type:date value:2026-01-20T22:03:05.123+0000]]"; got != want {
		t.Errorf("variables %s", got)
	}
	one := d.Call(t, d.user, "GET", "process-instances/"+a.Text("id"), nil)
	if one.Body != a.Body {
		t.Errorf("read again: %s", one.Body)
	}
	if a := d.begin(t, map[string]any{"processDefinitionKey": "office", "name": nil, "values": nil}); a.JSON["name"] != nil || a.JSON["businessKey"] != nil || fmt.Sprint(a.JSON["variables"]) != "[]" {
		t.Errorf("by key: %s", a.Body)
	}
	for name, body := range map[string]any{"nothing": map[string]any{}, "both": map[string]any{"processDefinitionId": "x", "processDefinitionKey": "y"}, "a number": map[string]any{"processDefinitionId": 5},
		"a wrong variable": map[string]any{"processDefinitionKey": "office", "variables": []map[string]any{{"name": "n", "type": "long", "value": "x"}}},
		"a long name":      map[string]any{"processDefinitionKey": "office", "name": strings.Repeat("x", 300)}, "a list": []int{1}, "values that are a list": map[string]any{"processDefinitionKey": "office", "values": []int{1}}} {
		refused(t, name, d.Call(t, d.user, "POST", "process-instances", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "no such definition", d.Call(t, d.user, "POST", "process-instances", map[string]any{"processDefinitionId": "x:1:y"}), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestInstanceQueries(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var ids []string
	for _, name := range []string{"Alpha", "beta 100%", "Gamma"} {
		ids = append(ids, d.begin(t, map[string]any{"processDefinitionKey": "office", "name": name, "values": map[string]any{"n": 1}}).Text("id"))
	}
	empty(t, "cancel", d.Call(t, d.user, "DELETE", "process-instances/"+ids[2], nil))
	def := fmt.Sprint(d.definition(t)["id"])
	names := func(operation, token string, body any) string {
		a := d.Call(t, token, "POST", operation, body)
		data, _ := a.JSON["data"].([]any)
		if a.Status != 200 || a.JSON["size"] != float64(len(data)) {
			return fmt.Sprint(a.Status, " ", a.Body)
		}
		var got []string
		for _, one := range data {
			i := one.(map[string]any)
			got = append(got, fmt.Sprint(i["name"]))
			if i["processDefinitionName"] != "Office" || i["startedBy"].(map[string]any)["id"] != 1001.0 {
				t.Errorf("%v", i)
			}
		}
		return fmt.Sprint(a.JSON["total"], " ", a.JSON["start"], " ", strings.Join(got, ","))
	}
	for _, c := range []struct {
		name, operation string
		token           string
		body            map[string]any
		want            string
	}{
		{"what runs", "process-instances/query", d.user, map[string]any{}, "2 0 beta 100%,Alpha"},
		{"nulls", "process-instances/query", d.user, map[string]any{"state": nil, "sort": nil, "appDefinitionId": nil, "text": nil, "page": nil, "size": nil, "start": nil}, "2 0 beta 100%,Alpha"},
		{"running", "process-instances/query", d.user, map[string]any{"state": "running", "sort": "created-asc"}, "2 0 Alpha,beta 100%"},
		{"completed", "process-instances/query", d.user, map[string]any{"state": "completed"}, "1 0 Gamma"},
		{"all", "process-instances/query", d.user, map[string]any{"state": "all", "sort": "created-desc"}, "3 0 Gamma,beta 100%,Alpha"},
		{"by their end", "process-instances/query", d.user, map[string]any{"state": "all", "sort": "ended-desc", "size": 1}, "3 0 Gamma"},
		{"a page", "process-instances/query", d.user, map[string]any{"state": "all", "page": 1, "size": 2}, "3 2 Alpha"},
		{"a start", "process-instances/query", d.user, map[string]any{"state": "all", "start": 1, "size": 1}, "3 1 beta 100%"},
		{"text", "process-instances/query", d.user, map[string]any{"text": "BETA 100%"}, "1 0 beta 100%"},
		{"text of none", "process-instances/query", d.user, map[string]any{"text": "%a"}, "0 0 "},
		{"key", "process-instances/query", d.user, map[string]any{"processDefinitionKey": "office"}, "2 0 beta 100%,Alpha"},
		{"another key", "process-instances/query", d.user, map[string]any{"processDefinitionKey": "x"}, "0 0 "},
		{"definition", "process-instances/query", d.user, map[string]any{"processDefinitionId": def}, "2 0 beta 100%,Alpha"},
		{"one", "process-instances/query", d.user, map[string]any{"processInstanceId": ids[0]}, "1 0 Alpha"},
		{"another app", "process-instances/query", d.user, map[string]any{"appDefinitionId": 77}, "0 0 "},
		{"a stranger's", "process-instances/query", d.piggy, map[string]any{"state": "all"}, "0 0 "},
		{"an administrator's", "process-instances/query", d.admin, map[string]any{"state": "all", "size": 1}, "3 0 Gamma"},
		{"a filter", "process-instances/filter", d.user, map[string]any{"filter": map[string]any{"state": "completed", "sort": "created-desc"}, "page": 0, "size": 5}, "1 0 Gamma"},
		{"a filter's order", "process-instances/filter", d.user, map[string]any{"filter": map[string]any{"sort": "created", "asc": true}}, "2 0 Alpha,beta 100%"},
		{"history", "historic-process-instances/query", d.user, map[string]any{"sort": "startTime"}, "3 0 Alpha,beta 100%,Gamma"},
		{"finished", "historic-process-instances/query", d.user, map[string]any{"finished": true, "startedBy": 1001}, "1 0 Gamma"},
		{"by id", "historic-process-instances/query", d.user, map[string]any{"processInstanceIds": []string{ids[0], ids[2]}, "sort": "startTime", "order": "desc"}, "2 0 Gamma,Alpha"},
		{"by a variable", "historic-process-instances/query", d.user, map[string]any{"variables": []map[string]any{{"name": "n", "operation": "equals", "value": 1}}, "size": 1, "sort": "startTime"}, "3 0 Alpha"},
		{"by another value", "historic-process-instances/query", d.user, map[string]any{"variables": []map[string]any{{"name": "n", "operation": "equals", "value": 2}}}, "0 0 "},
		{"later", "historic-process-instances/query", d.user, map[string]any{"startedAfter": "2999-01-01"}, "0 0 "},
		{"of the default tenant", "historic-process-instances/query", d.user, map[string]any{"tenantId": "tenant_1", "sort": "startTime", "size": 1}, "3 0 Alpha"},
		{"of another tenant", "historic-process-instances/query", d.user, map[string]any{"tenantId": "tenant_2"}, "0 0 "},
		{"a stranger's history", "historic-process-instances/query", d.piggy, map[string]any{}, "0 0 "},
	} {
		if got := names(c.operation, c.token, c.body); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	kept := d.make(t, d.user, "filters/processes", map[string]any{"name": "Done", "filter": map[string]any{"state": "completed"}})
	if got := names("process-instances/filter", d.user, map[string]any{"filterId": kept}); got != "1 0 Gamma" {
		t.Errorf("a kept filter: %s", got)
	}
	refused(t, "another's filter", d.Call(t, d.piggy, "POST", "process-instances/filter", map[string]any{"filterId": kept}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no filter", d.Call(t, d.user, "POST", "process-instances/filter", map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	for _, state := range []any{"open", "none", 5} {
		refused(t, fmt.Sprint("the state ", state), d.Call(t, d.user, "POST", "process-instances/query", map[string]any{"state": state}), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "an order", d.Call(t, d.user, "POST", "historic-process-instances/query", map[string]any{"sort": "x"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	a := d.Call(t, d.user, "POST", "historic-process-instances/query", map[string]any{"processInstanceId": ids[2], "includeProcessVariables": true})
	if got := first(t, a); fmt.Sprint(got["variables"]) != "[map[name:n scope:local type:integer value:1]]" || !apsDate.MatchString(fmt.Sprint(got["ended"])) {
		t.Errorf("%v", got)
	}
}

func TestInstanceRefusals(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, _ := d.start(t)
	at := "process-instances/" + id
	for _, op := range []string{"GET ", "DELETE ", "PUT /suspend", "PUT /activate", "GET /diagram", "GET /audit-log", "GET /variables", "PUT /variables", "GET /variables/x", "PUT /variables/x", "DELETE /variables/x",
		"GET /historic-variables", "GET /identitylinks", "GET /identitylinks/users", "GET /identitylinks/users/1001/starter", "POST /identitylinks", "DELETE /identitylinks/users/1001/starter"} {
		method, path, _ := strings.Cut(op, " ")
		var body any
		switch {
		case op == "PUT /variables":
			body = []map[string]any{{"name": "x", "value": 1}}
		case method == "PUT":
			body = map[string]any{"name": "x", "value": 1}
		case method == "POST":
			body = map[string]any{"user": "1003", "type": "participant"}
		}
		refused(t, op+" by a stranger", d.Call(t, d.piggy, method, at+path, body), 404, "GENERAL.ERROR.NOT-FOUND")
		refused(t, op+" of nothing", d.Call(t, d.admin, method, "process-instances/x"+path, body), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	// Who takes part may look, and do nothing else.
	if a := d.Call(t, d.user, "POST", at+"/identitylinks", map[string]any{"user": 1003, "type": "participant"}); a.Status != 200 || a.Text("user") != "1003" || a.JSON["group"] != nil {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := d.Call(t, d.gonzo, "GET", at, nil); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "cancel", d.Call(t, d.gonzo, "DELETE", at, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "variables", d.Call(t, d.gonzo, "PUT", at+"/variables", []map[string]any{{"name": "x", "value": 1}}), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "suspend", d.Call(t, d.user, "PUT", at+"/suspend", nil), 403, "GENERAL.ERROR.FORBIDDEN")
	expect(t, "suspend", d.Call(t, d.admin, "PUT", at+"/suspend", nil), 200, map[string]any{"suspended": true, "id": id})
	refused(t, "twice", d.Call(t, d.admin, "PUT", at+"/suspend", nil), 409, "GENERAL.ERROR.BAD-REQUEST")
	expect(t, "activate", d.Call(t, d.admin, "PUT", at+"/activate", nil), 200, map[string]any{"suspended": false, "id": id})
	empty(t, "cancel", d.Call(t, d.user, "DELETE", at, nil))
	if a := d.Call(t, d.user, "GET", at, nil); a.Status != 200 || !apsDate.MatchString(a.Text("ended")) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "suspend what has ended", d.Call(t, d.admin, "PUT", at+"/suspend", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "delete another's history", d.Call(t, d.gonzo, "DELETE", at, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	empty(t, "delete what is kept", d.Call(t, d.user, "DELETE", at, nil))
	refused(t, "it is gone", d.Call(t, d.user, "GET", at, nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestInstanceVariables(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, _ := d.start(t)
	at := "process-instances/" + id + "/variables"
	set := []map[string]any{{"name": "b", "type": "boolean", "value": true}, {"name": "a", "value": 1.5, "scope": "global"}, {"name": "none", "value": nil}}
	want := `[{"name":"a","type":"double","value":1.5,"scope":"local"},{"name":"b","type":"boolean","value":true,"scope":"local"},{"name":"none","type":"null","value":null,"scope":"local"}]` + "\n"
	if a := d.Call(t, d.user, "PUT", at, set); a.Status != 200 || a.Body != want {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := d.Call(t, d.user, "GET", at, nil); a.Body != want {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	expect(t, "change", d.Call(t, d.user, "PUT", at+"/a", map[string]any{"name": "a", "type": "string", "value": "x"}), 200, map[string]any{"name": "a", "type": "string", "value": "x"})
	expect(t, "one", d.Call(t, d.user, "GET", at+"/a", nil), 200, map[string]any{"value": "x", "scope": "local"})
	refused(t, "another name", d.Call(t, d.user, "PUT", at+"/a", map[string]any{"name": "b", "value": "x"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "a new one", d.Call(t, d.user, "PUT", at+"/new", map[string]any{"name": "new", "value": "x"}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "none", d.Call(t, d.user, "PUT", at, []any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "twice", d.Call(t, d.user, "PUT", at, []map[string]any{{"name": "a"}, {"name": "a"}}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "no list", d.Call(t, d.user, "PUT", at, map[string]any{"name": "a"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "remove", d.Call(t, d.user, "DELETE", at+"/b", nil))
	refused(t, "remove again", d.Call(t, d.user, "DELETE", at+"/b", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "it is gone", d.Call(t, d.user, "GET", at+"/b", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	empty(t, "cancel", d.Call(t, d.user, "DELETE", "process-instances/"+id, nil))
	if a := d.Call(t, d.user, "GET", "process-instances/"+id+"/historic-variables", nil); a.Body != `[{"id":"a","type":"string","value":"x"},{"id":"none","type":"null","value":null}]`+"\n" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "change what is kept", d.Call(t, d.user, "PUT", at, set), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestDefinitionsAndTheirLinks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	def := d.definition(t)
	for member, want := range map[string]any{"name": "Office", "description": "What an office does", "key": "office", "category": "cat", "version": 1.0, "tenantId": "tenant_1", "hasStartForm": false} {
		if def[member] != want {
			t.Errorf("%s is %v, want %v", member, def[member], want)
		}
	}
	expect(t, "again", d.sendFile(t, d.admin, "repository/deployments", "office.bpmn20.xml", office), 201, nil)
	total := func(token, query string) any {
		return d.Call(t, token, "GET", "process-definitions"+query, nil).JSON["total"]
	}
	for query, want := range map[string]float64{"": 2, "?latest=true": 1, "?latest=false": 2, "?deploymentId=" + fmt.Sprint(def["deploymentId"]): 1, "?deploymentId=x": 0, "?appDefinitionId=77": 0} {
		if got := total(d.user, query); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	refused(t, "an app", d.Call(t, d.user, "GET", "process-definitions?appDefinitionId=x", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "latest", d.Call(t, d.user, "GET", "process-definitions?latest=x", nil), 400, "GENERAL.ERROR.BAD-REQUEST")

	at := "process-definitions/" + url.PathEscape(fmt.Sprint(d.definition(t)["id"])) + "/identitylinks"
	refused(t, "by a user", d.Call(t, d.user, "POST", at, map[string]any{"user": "1001"}), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "of nobody", d.Call(t, d.admin, "POST", at, map[string]any{"type": "candidate"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "of a stranger", d.Call(t, d.admin, "POST", at, map[string]any{"user": "77"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "of nothing", d.Call(t, d.admin, "POST", "process-definitions/x/identitylinks", map[string]any{"user": "1001"}), 404, "GENERAL.ERROR.NOT-FOUND")
	expect(t, "a user", d.Call(t, d.admin, "POST", at, map[string]any{"user": 1001}), 200, map[string]any{"user": "1001", "group": nil, "type": "candidate"})
	expect(t, "a group", d.Call(t, d.admin, "POST", at, map[string]any{"group": d.group, "type": "candidate"}), 200, map[string]any{"user": nil, "group": d.group})
	for token, want := range map[string]float64{d.user: 1, d.fozzie: 1, d.piggy: 0, d.admin: 1} {
		if got := total(token, "?latest=true"); got != want {
			t.Errorf("who may start: %v, want %v", got, want)
		}
	}
	refused(t, "start", d.Call(t, d.piggy, "POST", "process-instances", map[string]any{"processDefinitionKey": "office"}), 403, "GENERAL.ERROR.FORBIDDEN")
	for path, want := range map[string]int{"": 2, "/users": 1, "/groups": 1} {
		if a := d.Call(t, d.piggy, "GET", at+path, nil); strings.Count(a.Body, `"type":"candidate"`) != want {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	refused(t, "a family", d.Call(t, d.user, "GET", at+"/cats", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	expect(t, "one", d.Call(t, d.user, "GET", at+"/users/1001", nil), 200, map[string]any{"user": "1001", "type": "candidate"})
	refused(t, "none", d.Call(t, d.user, "GET", at+"/users/1003", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "remove by a user", d.Call(t, d.user, "DELETE", at+"/users/1001", nil), 403, "GENERAL.ERROR.FORBIDDEN")
	empty(t, "remove", d.Call(t, d.admin, "DELETE", at+"/users/1001", nil))
	empty(t, "remove the group", d.Call(t, d.admin, "DELETE", at+"/groups/"+d.group, nil))
	if got := total(d.piggy, "?latest=true"); got != 1.0 {
		t.Errorf("everybody again: %v", got)
	}
}

func TestInstanceLinks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, _ := d.start(t)
	at := "process-instances/" + id + "/identitylinks"
	if a := d.Call(t, d.user, "GET", at, nil); a.Body != `[{"group":null,"user":"1001","type":"participant"},{"group":null,"user":"1001","type":"starter"}]`+"\n" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	expect(t, "a group", d.Call(t, d.user, "POST", at, map[string]any{"group": d.group, "type": "participant"}), 200, map[string]any{"group": d.group, "type": "participant"})
	if a := d.Call(t, d.fozzie, "GET", at+"/groups", nil); a.Body != `[{"group":"`+d.group+`","user":null,"type":"participant"}]`+"\n" {
		t.Errorf("one of the group: %d %s", a.Status, a.Body)
	}
	expect(t, "one", d.Call(t, d.user, "GET", at+"/users/1001/starter", nil), 200, map[string]any{"user": "1001", "type": "starter"})
	refused(t, "another kind", d.Call(t, d.user, "GET", at+"/users/1001/owner", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "another family", d.Call(t, d.user, "GET", at+"/groups/1001/starter", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no kind", d.Call(t, d.user, "POST", at, map[string]any{"user": "1003"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "remove", d.Call(t, d.user, "DELETE", at+"/groups/"+d.group+"/participant", nil))
	refused(t, "one of the group", d.Call(t, d.fozzie, "GET", at, nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

var auditDate = regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$`)

func TestInstanceAuditAndDiagram(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, write := d.start(t)
	if a := d.own(t, d.user, "POST", "runtime/tasks/"+write, map[string]any{"action": "complete"}); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	a := d.Call(t, d.user, "GET", "process-instances/"+id+"/audit-log", nil)
	expect(t, "audit", a, 200, map[string]any{"processInstanceId": id, "processInstanceName": "No 1", "processDefinitionName": "Office", "processDefinitionVersion": "1", "processInstanceEndTime": nil,
		"processInstanceInitiator": "kermit@example.com", "processInstanceDurationInMillis": nil, "decisionInfo": nil})
	if !auditDate.MatchString(a.Text("processInstanceStartTime")) {
		t.Errorf("%s", a.Body)
	}
	var got []string
	entries, _ := a.JSON["entries"].([]any)
	for _, one := range entries {
		e := one.(map[string]any)
		got = append(got, fmt.Sprintf("%v %v %v %v %v", e["index"], e["type"], e["activityId"], e["taskName"], e["taskAssignee"]))
		if !auditDate.MatchString(fmt.Sprint(e["startTime"])) || e["formData"] == nil {
			t.Errorf("%v", e)
		}
	}
	if strings.Join(got, "|") != "1 activityExecuted s <nil> <nil>|2 taskCreated write Write kermit@example.com|3 taskCompleted write Write kermit@example.com|4 taskCreated check Check it <nil>" {
		t.Errorf("%q", got)
	}
	for path, want := range map[string]string{"process-instances/" + id: "4. Task created Check it", "tasks/" + write: "Assignee: kermit@example.com"} {
		at := "/activiti-app/app/rest/" + path + "/audit"
		paper := d.Get(t, at, "Authorization", "Bearer "+d.user)
		if paper.Status != 200 || paper.Header.Get("Content-Type") != "application/pdf" || !strings.HasPrefix(paper.Body, "%PDF-") || !strings.Contains(paper.Body, want) {
			t.Errorf("%s: %d %v %.2000s", path, paper.Status, paper.Header, paper.Body)
		}
		if other := d.Get(t, at, "Authorization", "Bearer "+d.piggy); other.Status != 403 && other.Status != 404 {
			t.Errorf("%s for a stranger: %d", path, other.Status)
		}
	}
	svg := d.Call(t, d.user, "GET", "process-instances/"+id+"/diagram", nil)
	if svg.Status != 200 || svg.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg.Header.Get("Content-Security-Policy"), "sandbox") || !strings.Contains(svg.Body, "<svg") {
		t.Errorf("%d %v %.100s", svg.Status, svg.Header, svg.Body)
	}
}

// Nothing of one tenant is there for another's people, whatever they are.
func TestProcessesOfTenants(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id, task := d.start(t)
	boss, _, _, _ := d.muppets(t)
	piggy := d.token(t, "piggy@example.org", "moi")
	def := url.PathEscape(fmt.Sprint(d.definition(t)["id"]))
	for _, token := range []string{boss, piggy} {
		for _, path := range []string{"process-instances/" + id, "process-instances/" + id + "/variables", "process-instances/" + id + "/audit-log", "process-definitions/" + def + "/identitylinks", "tasks/" + task} {
			refused(t, path, d.Call(t, token, "GET", path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
		}
		for _, path := range []string{"runtime/process-instances/" + id, "repository/process-definitions/" + def, "history/historic-process-instances/" + id, "runtime/tasks/" + task} {
			engineRefused(t, path, d.own(t, token, "GET", path, nil), 404)
		}
		for _, path := range []string{"runtime/process-instances", "repository/process-definitions", "repository/deployments", "runtime/tasks", "history/historic-activity-instances", "history/historic-variable-instances"} {
			if a := d.own(t, token, "GET", path, nil); a.Status != 200 || a.JSON["total"] != 0.0 {
				t.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		}
		refused(t, "start", d.Call(t, token, "POST", "process-instances", map[string]any{"processDefinitionKey": "office"}), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	refused(t, "suspend", d.Call(t, boss, "PUT", "process-instances/"+id+"/suspend", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	expect(t, "his own", d.sendFile(t, boss, "repository/deployments", "office.bpmn20.xml", office), 201, map[string]any{"tenantId": "tenant_2"})
	engineRefused(t, "for another", d.sendFile(t, boss, "repository/deployments", "office.bpmn20.xml", office, "tenantId", "tenant_3"), 403)
	a := d.Call(t, piggy, "POST", "process-instances", map[string]any{"processDefinitionKey": "office"})
	expect(t, "start his own", a, 200, map[string]any{"tenantId": "tenant_2", "processDefinitionVersion": 1})
	refused(t, "another's", d.Call(t, d.user, "GET", "process-instances/"+a.Text("id"), nil), 404, "GENERAL.ERROR.NOT-FOUND")
	if one := d.Call(t, d.admin, "GET", "process-instances/"+a.Text("id"), nil); one.Status != 200 {
		t.Errorf("an administrator of all: %d %s", one.Status, one.Body)
	}
	if one := d.Call(t, boss, "DELETE", "process-instances/"+a.Text("id"), nil); one.Status != 200 {
		t.Errorf("his administrator: %d %s", one.Status, one.Body)
	}
}
