package api_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestOwnTasks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.Call(t, d.user, "POST", "tasks", map[string]any{"name": "Buy milk", "description": "white", "category": "7", "dueDate": "2026-01-11T22:59:59.000Z", "priority": nil, "formKey": "9", "unknown": 1})
	expect(t, "made", a, 200, map[string]any{"name": "Buy milk", "description": "white", "category": "7", "dueDate": "2026-01-11T22:59:59.000+0000", "priority": 50, "formKey": "9",
		"processInstanceId": nil, "processDefinitionId": nil, "initiatorCanCompleteTask": false, "adhocTaskCanBeReassigned": true})
	if who, _ := a.JSON["assignee"].(map[string]any); who["id"] != 1001.0 {
		t.Errorf("assignee: %s", a.Body)
	}
	id := a.Text("id")
	put := func(body map[string]any, want map[string]any) {
		t.Helper()
		expect(t, fmt.Sprint(body), d.Call(t, d.user, "PUT", "tasks/"+id, body), 200, want)
	}
	all := map[string]any{"name": "Milk", "description": "skimmed", "category": "8", "dueDate": "2026-02-01T00:00:00.000+0000", "priority": 10, "formKey": "100"}
	put(all, all)
	put(map[string]any{}, all)
	put(map[string]any{"nameSet": false, "name": "x", "descriptionSet": false, "description": nil, "prioritySet": true, "dueDateSet": false, "dueDate": nil}, all)
	put(map[string]any{"name": nil, "priority": nil}, all) // there is no task without
	put(map[string]any{"dueDate": nil}, map[string]any{"dueDate": nil, "description": "skimmed"})
	put(map[string]any{"descriptionSet": true, "categorySet": true, "formKeySet": true}, map[string]any{"description": nil, "category": nil, "formKey": nil, "name": "Milk", "priority": 10})
	sub := d.mine(t, d.user, "Sub", "parentTaskId", id)
	expect(t, "a parent", d.Call(t, d.user, "GET", "tasks/"+sub, nil), 200, map[string]any{"parentTaskId": id, "parentTaskName": "Milk"})
	expect(t, "no parent", d.Call(t, d.user, "PUT", "tasks/"+sub, map[string]any{"parentTaskIdSet": true}), 200, map[string]any{"parentTaskId": nil, "parentTaskName": nil})
	for name, body := range map[string]map[string]any{"no name": {"description": "x"}, "a name of a number": {"name": 5}, "a long name": {"name": strings.Repeat("x", 256)}, "a date": {"name": "x", "dueDate": "soon"},
		"an unknown assignee": {"name": "x", "assignee": map[string]any{"id": 77}}} {
		refused(t, name, d.Call(t, d.user, "POST", "tasks", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "an unknown parent", d.Call(t, d.user, "POST", "tasks", map[string]any{"name": "x", "parentTaskId": "none"}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "another's parent", d.Call(t, d.piggy, "POST", "tasks", map[string]any{"name": "x", "parentTaskId": id}), 403, "GENERAL.ERROR.FORBIDDEN")
	for name, body := range map[string]map[string]any{"a priority": {"priority": "high"}, "a name": {"name": []int{}}, "a date": {"dueDate": "soon"}, "a long text": {"description": strings.Repeat("x", 4001)}} {
		refused(t, "changed: "+name, d.Call(t, d.user, "PUT", "tasks/"+id, body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	for name, token := range map[string]string{"a stranger": d.piggy, "another": d.fozzie} {
		refused(t, name+" reads", d.Call(t, token, "GET", "tasks/"+id, nil), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, name+" changes", d.Call(t, token, "PUT", "tasks/"+id, map[string]any{"name": "x"}), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, name+" deletes", d.Call(t, token, "DELETE", "tasks/"+id, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	empty(t, "delete", d.Call(t, d.user, "DELETE", "tasks/"+id, nil))
	refused(t, "twice", d.Call(t, d.user, "DELETE", "tasks/"+id, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "changed after the end", d.Call(t, d.user, "PUT", "tasks/"+id, map[string]any{"name": "x"}), 404, "GENERAL.ERROR.NOT-FOUND")
	_, write := d.start(t)
	for name, token := range map[string]string{"its assignee": d.user, "an administrator": d.admin} {
		refused(t, name+" deletes a process's", d.Call(t, token, "DELETE", "tasks/"+write, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	expect(t, "and it is there", d.Call(t, d.user, "GET", "tasks/"+write, nil), 200, map[string]any{"endDate": nil})
}

// assignee is the e-mail address of who has a task.
func (d desk) assignee(t *testing.T, id string) string {
	t.Helper()
	who, _ := d.Call(t, d.admin, "GET", "tasks/"+id, nil).JSON["assignee"].(map[string]any)
	return fmt.Sprint(who["email"])
}

// involved are the e-mail addresses of who is involved in a task.
func (d desk) involved(t *testing.T, id, member, shown string) string {
	t.Helper()
	var all []string
	list, _ := d.Call(t, d.admin, "GET", "tasks/"+id, nil).JSON[member].([]any)
	for _, one := range list {
		all = append(all, fmt.Sprint(one.(map[string]any)[shown]))
	}
	return strings.Join(all, " ")
}

func TestTaskActions(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, check := d.checked(t)
	act := func(name string) string { return "tasks/" + check + "/action/" + name }
	forbidden := func(name, token, action string, body any) {
		t.Helper()
		refused(t, name, d.Call(t, token, "PUT", act(action), body), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	refused(t, "nobody's task", d.Call(t, d.user, "PUT", "tasks/none/action/claim", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	forbidden("a stranger claims", d.piggy, "claim", nil)
	forbidden("a candidate completes", d.fozzie, "complete", nil)
	empty(t, "claim", d.Call(t, d.fozzie, "PUT", act("claim"), nil))
	empty(t, "claim again", d.Call(t, d.fozzie, "PUT", act("claim"), nil))
	refused(t, "another claims", d.Call(t, d.gonzo, "PUT", act("claim"), nil), 409, "GENERAL.ERROR.BAD-REQUEST")
	if got := d.assignee(t, check); got != "fozzie@example.com" {
		t.Errorf("claimed by %s", got)
	}
	forbidden("another unclaims", d.gonzo, "unclaim", nil)
	empty(t, "unclaim", d.Call(t, d.fozzie, "PUT", act("unclaim"), nil))
	if got := d.assignee(t, check); got != "<nil>" {
		t.Errorf("unclaimed: %s", got)
	}
	empty(t, "claim once more", d.Call(t, d.fozzie, "PUT", act("claim"), nil))

	forbidden("a stranger assigns", d.piggy, "assign", map[string]any{"assignee": "1004"})
	forbidden("another candidate assigns", d.gonzo, "assign", map[string]any{"assignee": "1003"})
	for name, body := range map[string]any{"nobody": map[string]any{}, "null": map[string]any{"assignee": nil}, "an unknown number": map[string]any{"assignee": 77}, "an unknown login": map[string]any{"email": "x@example.com"},
		"a word": map[string]any{"assignee": "x"}} {
		refused(t, "assign "+name, d.Call(t, d.fozzie, "PUT", act("assign"), body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	a := d.Call(t, d.fozzie, "PUT", act("assign"), map[string]any{"assignee": "1004"})
	expect(t, "assign", a, 200, map[string]any{"id": check})
	if d.assignee(t, check) != "piggy@example.com" || !strings.Contains(fmt.Sprint(a.JSON["involvedPeople"]), "fozzie") {
		t.Errorf("who hands over stays involved: %s", a.Body)
	}
	expect(t, "assign by login", d.Call(t, d.piggy, "PUT", act("assign"), map[string]any{"email": "fozzie@example.com"}), 200, map[string]any{"id": check})

	before := d.involved(t, check, "involvedPeople", "email")
	if strings.Contains(before, "kermit") {
		t.Fatalf("%s", before)
	}
	forbidden("a stranger involves", d.gonzo, "involve", map[string]any{"userId": 1004})
	refused(t, "involve nobody", d.Call(t, d.fozzie, "PUT", act("involve"), map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "involve", d.Call(t, d.fozzie, "PUT", act("involve"), map[string]any{"userId": "1001"}))
	empty(t, "involve again", d.Call(t, d.fozzie, "PUT", act("involve"), map[string]any{"email": "kermit@example.com"}))
	if got := d.involved(t, check, "involvedPeople", "email"); strings.Count(got, "kermit") != 1 {
		t.Errorf("involved: %s", got)
	}
	empty(t, "remove", d.Call(t, d.fozzie, "PUT", act("remove-involved"), map[string]any{"email": "kermit@example.com"}))
	if got := d.involved(t, check, "involvedPeople", "email"); got != before {
		t.Errorf("removed: %s, want %s", got, before)
	}

	other := d.make(t, d.admin, "admin/groups", map[string]any{"name": "Readers", "type": 1})
	group := "tasks/" + check + "/groups/"
	refused(t, "a stranger's group", d.Call(t, d.gonzo, "POST", group+other, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "no group", d.Call(t, d.fozzie, "POST", group+"77", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "a group of letters", d.Call(t, d.fozzie, "POST", group+"x", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "a group", d.Call(t, d.fozzie, "POST", group+other, nil))
	if got := d.involved(t, check, "involvedGroups", "name"); got != "Checkers Readers" {
		t.Errorf("groups: %s", got)
	}
	empty(t, "no group any more", d.Call(t, d.fozzie, "DELETE", group+other, nil))
	if got := d.involved(t, check, "involvedGroups", "name"); got != "Checkers" {
		t.Errorf("groups: %s", got)
	}

	forbidden("a stranger delegates", d.gonzo, "delegate", map[string]any{"userId": "1004"})
	refused(t, "delegate to nobody", d.Call(t, d.fozzie, "PUT", act("delegate"), map[string]any{"userId": nil}), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "delegate", d.Call(t, d.fozzie, "PUT", act("delegate"), map[string]any{"userId": "1004"}))
	refused(t, "complete what was delegated", d.Call(t, d.piggy, "PUT", act("complete"), nil), 409, "GENERAL.ERROR.BAD-REQUEST")
	forbidden("a stranger resolves", d.gonzo, "resolve", nil)
	empty(t, "resolve", d.Call(t, d.piggy, "PUT", act("resolve"), nil))
	if got := d.assignee(t, check); got != "fozzie@example.com" {
		t.Errorf("resolved: %s", got)
	}
	empty(t, "the initiator completes", d.Call(t, d.user, "PUT", act("complete"), nil))
	refused(t, "complete twice", d.Call(t, d.fozzie, "PUT", act("complete"), nil), 404, "GENERAL.ERROR.NOT-FOUND")
	if a := d.Call(t, d.user, "GET", "tasks/"+check, nil); !apsDate.MatchString(a.Text("endDate")) {
		t.Errorf("%s", a.Body)
	}
	_, write := d.start(t)
	refused(t, "another completes", d.Call(t, d.fozzie, "PUT", "tasks/"+write+"/action/complete", nil), 403, "GENERAL.ERROR.FORBIDDEN")
}

func TestTaskIdentityLinks(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, check := d.checked(t)
	links := "tasks/" + check + "/identitylinks"
	group, gonzo := `{"group":"`+d.group+`","user":null,"type":"candidate"}`, `{"group":null,"user":"1003","type":"candidate"}`
	body := func(path string) string { return strings.TrimSpace(d.Call(t, d.fozzie, "GET", path, nil).Body) }
	for path, want := range map[string]string{"": "[" + group + "," + gonzo + "]", "/users": "[" + gonzo + "]", "/groups": "[" + group + "]",
		"/users/1003/candidate": gonzo, "/groups/" + d.group + "/candidate": group} {
		if got := body(links + path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, path := range []string{"/users/1003/owner", "/users/1001/candidate", "/groups/1003/candidate"} {
		refused(t, path, d.Call(t, d.fozzie, "GET", links+path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	refused(t, "a family", d.Call(t, d.fozzie, "GET", links+"/robots", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "a stranger", d.Call(t, d.piggy, "GET", links, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "no task", d.Call(t, d.user, "GET", "tasks/none/identitylinks", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	add := func(token string, body map[string]any) map[string]any {
		return d.Call(t, token, "POST", links, body).JSON
	}
	refused(t, "a candidate links", d.Call(t, d.fozzie, "POST", links, map[string]any{"user": "1004", "type": "customType"}), 403, "GENERAL.ERROR.FORBIDDEN")
	// The initiator of this task may do what its assignee may.
	if got := add(d.user, map[string]any{"user": 1004, "type": "customType", "group": nil}); fmt.Sprint(got) != "map[group:<nil> type:customType user:1004]" {
		t.Errorf("%v", got)
	}
	expect(t, "a link lets see", d.Call(t, d.piggy, "GET", "tasks/"+check, nil), 200, map[string]any{"id": check})
	add(d.user, map[string]any{"user": "1002", "type": "assignee"})
	add(d.user, map[string]any{"user": "1001", "type": "owner"})
	if got := d.assignee(t, check); got != "fozzie@example.com" || body(links+"/users/1001/owner") != `{"group":null,"user":"1001","type":"owner"}` {
		t.Errorf("%s, %s", got, body(links))
	}
	for name, b := range map[string]map[string]any{"no type": {"user": "1004"}, "nobody": {"type": "x"}, "both": {"user": "1004", "group": d.group, "type": "x"}, "an unknown user": {"user": "77", "type": "x"},
		"an unknown group": {"group": "77", "type": "x"}, "a user of letters": {"user": "kermit", "type": "x"}} {
		refused(t, name, d.Call(t, d.user, "POST", links, b), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "another's link", d.Call(t, d.piggy, "DELETE", links+"/users/1003/candidate", nil), 403, "GENERAL.ERROR.FORBIDDEN")
	for _, path := range []string{"/users/1004/customType", "/users/1002/assignee", "/users/1001/owner", "/groups/" + d.group + "/candidate"} {
		empty(t, "remove "+path, d.Call(t, d.user, "DELETE", links+path, nil))
		refused(t, "removed "+path, d.Call(t, d.user, "DELETE", links+path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	refused(t, "a member no more", d.Call(t, d.piggy, "GET", links, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	if got := strings.TrimSpace(d.Call(t, d.user, "GET", links, nil).Body); got != "["+gonzo+"]" || d.assignee(t, check) != "<nil>" {
		t.Errorf("%s", got)
	}
}

func TestTaskVariables(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.own(t, d.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "office", "variables": []any{map[string]any{"name": "n", "value": 5, "type": "integer"}}})
	task := d.taskOf(t, a.Text("id"))
	path := "tasks/" + task + "/variables"
	list := func(query string) string { return strings.TrimSpace(d.Call(t, d.user, "GET", path+query, nil).Body) }
	n := `{"name":"n","type":"integer","value":5,"scope":"global"}`
	expect(t, "make", d.Call(t, d.user, "POST", path, map[string]any{"name": "note", "type": "string", "value": "hi", "scope": "local"}), 200, map[string]any{"name": "note", "type": "string", "value": "hi", "scope": "local"})
	expect(t, "make a global one", d.Call(t, d.user, "POST", path, map[string]any{"name": "yes", "value": true, "scope": "global"}), 200, map[string]any{"scope": "global", "value": true})
	note, yes := `{"name":"note","type":"string","value":"hi","scope":"local"}`, `{"name":"yes","type":"boolean","value":true,"scope":"global"}`
	for query, want := range map[string]string{"": "[" + n + "," + note + "," + yes + "]", "?scope=both": "[" + n + "," + note + "," + yes + "]", "?scope=local": "[" + note + "]", "?scope=global": "[" + n + "," + yes + "]",
		"/n": n, "/n?scope=global": n, "/note?scope=local": note} {
		if got := list(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"/n?scope=local", "/note?scope=global", "/none"} {
		refused(t, query, d.Call(t, d.user, "GET", path+query, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	for _, query := range []string{"?scope=x", "/n?scope=x"} {
		refused(t, query, d.Call(t, d.user, "GET", path+query, nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "twice", d.Call(t, d.user, "POST", path, map[string]any{"name": "note", "value": "x"}), 409, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "twice in the process", d.Call(t, d.user, "POST", path, map[string]any{"name": "n", "value": 1, "scope": "global"}), 409, "GENERAL.ERROR.BAD-REQUEST")
	for name, body := range map[string]any{"no name": map[string]any{"value": 1}, "a type": map[string]any{"name": "x", "type": "colour", "value": "red"}, "a value": map[string]any{"name": "x", "type": "integer", "value": "many"},
		"a scope": map[string]any{"name": "x", "value": 1, "scope": "both"}, "a text": "x", "none": []any{}, "two scopes": []any{map[string]any{"name": "x", "value": 1}, map[string]any{"name": "y", "value": 1, "scope": "global"}}} {
		refused(t, name, d.Call(t, d.user, "POST", path, body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	if a := d.Call(t, d.user, "POST", path, []any{map[string]any{"name": "a", "value": 1}, map[string]any{"name": "b", "value": nil}}); a.Status != 200 ||
		strings.TrimSpace(a.Body) != `[{"name":"a","value":1,"scope":"local"},{"name":"b","value":null,"scope":"local"}]` {
		t.Errorf("several: %d %s", a.Status, a.Body)
	}
	expect(t, "change", d.Call(t, d.user, "PUT", path+"/note", map[string]any{"name": "note", "value": "<script>"}), 200, map[string]any{"name": "note", "value": "<script>", "scope": "local"})
	expect(t, "change a global one", d.Call(t, d.user, "PUT", path+"/n", map[string]any{"name": "n", "value": 6, "type": "integer", "scope": "global"}), 200, map[string]any{"value": 6})
	if got := list("/n") + list("/note"); !strings.Contains(got, `"value":6`) || !strings.Contains(got, `\u003cscript\u003e`) {
		t.Errorf("%s", got)
	}
	refused(t, "change none", d.Call(t, d.user, "PUT", path+"/none", map[string]any{"name": "none", "value": 1}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "change elsewhere", d.Call(t, d.user, "PUT", path+"/n", map[string]any{"name": "n", "value": 1, "scope": "local"}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "another name", d.Call(t, d.user, "PUT", path+"/n", map[string]any{"name": "m", "value": 1}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "remove elsewhere", d.Call(t, d.user, "DELETE", path+"/n", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	empty(t, "remove", d.Call(t, d.user, "DELETE", path+"/a", nil))
	empty(t, "remove a global one", d.Call(t, d.user, "DELETE", path+"/n?scope=global", nil))
	refused(t, "removed", d.Call(t, d.user, "GET", path+"/n", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	for method, body := range map[string]any{"GET": nil, "POST": map[string]any{"name": "x", "value": 1}, "DELETE": nil} {
		refused(t, "a stranger's "+method, d.Call(t, d.piggy, method, path, body), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, "no task's "+method, d.Call(t, d.user, method, "tasks/none/variables", body), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	empty(t, "clear", d.Call(t, d.user, "DELETE", path, nil))
	if got := list(""); got != "["+yes+"]" {
		t.Errorf("cleared: %s", got)
	}
	expect(t, "the last", d.Call(t, d.user, "POST", path, map[string]any{"name": "last", "value": 1}), 200, nil)
	empty(t, "complete", d.Call(t, d.user, "PUT", "tasks/"+task+"/action/complete", nil))
	if got := list("?scope=local"); got != `[{"name":"last","type":"integer","value":1,"scope":"local"}]` {
		t.Errorf("afterwards: %s", got)
	}
	own := d.mine(t, d.user, "Milk")
	refused(t, "no process", d.Call(t, d.user, "POST", "tasks/"+own+"/variables", map[string]any{"name": "x", "value": 1, "scope": "global"}), 400, "GENERAL.ERROR.BAD-REQUEST")
}

func TestChecklist(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	task := d.mine(t, d.user, "Shopping", "category", "7")
	path := "tasks/" + task + "/checklist"
	if a := d.Call(t, d.user, "GET", path, nil); strings.TrimSpace(a.Body) != `{"size":0,"total":0,"start":0,"data":[]}` {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	a := d.Call(t, d.user, "POST", path, map[string]any{"assignee": map[string]any{"id": 1004}, "name": "Milk", "parentTaskId": "none"})
	expect(t, "add", a, 200, map[string]any{"name": "Milk", "parentTaskId": task, "parentTaskName": "Shopping", "category": "7"})
	if who := fmt.Sprint(a.JSON["assignee"]); !strings.Contains(who, "piggy@example.com") {
		t.Errorf("%s", who)
	}
	milk, bread, eggs := a.Text("id"), d.make(t, d.user, path, map[string]any{"name": "Bread"}), d.make(t, d.user, path, map[string]any{"name": "Eggs"})
	list := func(query string) string { return listed(t, d.Call(t, d.user, "GET", path+query, nil)) }
	if got := list(""); got != "Milk Bread Eggs/3/0" {
		t.Errorf("%s", got)
	}
	empty(t, "order", d.Call(t, d.user, "PUT", path, map[string]any{"order": []any{eggs, milk}}))
	if got := list(""); got != "Eggs Milk Bread/3/0" {
		t.Errorf("ordered: %s", got)
	}
	empty(t, "order again", d.Call(t, d.user, "PUT", path, map[string]any{"order": []any{bread, milk, eggs}}))
	empty(t, "done is on it", d.Call(t, d.piggy, "PUT", "tasks/"+milk+"/action/complete", nil))
	if got := list("") + list("?start=1&size=1"); got != "Bread Milk Eggs/3/0Milk/3/1" {
		t.Errorf("ordered again: %s", got)
	}
	for name, order := range map[string]any{"another task": []any{task}, "twice": []any{milk, milk}, "unknown": []any{"none"}, "a text": "x"} {
		refused(t, name, d.Call(t, d.user, "PUT", path, map[string]any{"order": order}), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "no name", d.Call(t, d.user, "POST", path, map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	for method, body := range map[string]any{"GET": nil, "POST": map[string]any{"name": "x"}, "PUT": map[string]any{"order": []any{}}} {
		refused(t, "a stranger's "+method, d.Call(t, d.fozzie, method, path, body), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, "no task's "+method, d.Call(t, d.user, method, "tasks/none/checklist", body), 404, "GENERAL.ERROR.NOT-FOUND")
	}
}

func TestComments(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	instance, task := d.start(t)
	onTask, onInstance := "tasks/"+task+"/comments", "process-instances/"+instance+"/comments"
	html := `<img src=x onerror="alert(1)">`
	a := d.Call(t, d.user, "POST", onTask, map[string]any{"message": "  " + html + " "})
	expect(t, "say", a, 200, map[string]any{"id": 1, "message": html})
	if who, _ := a.JSON["createdBy"].(map[string]any); who["id"] != 1001.0 || !apsDate.MatchString(a.Text("created")) || strings.Contains(a.Body, "<img") {
		t.Errorf("%s", a.Body)
	}
	expect(t, "an administrator says", d.Call(t, d.admin, "POST", onInstance, map[string]any{"message": "Second"}), 200, map[string]any{"message": "Second"})
	said := func(token, path string) string {
		a := d.Call(t, token, "GET", path, nil)
		list, _ := a.JSON["data"].([]any)
		text := fmt.Sprint(a.JSON["total"], a.JSON["size"])
		for _, one := range list {
			c := one.(map[string]any)
			text += fmt.Sprintf(" %v by %v", c["id"], c["createdBy"].(map[string]any)["id"])
		}
		return text
	}
	for path, want := range map[string]string{onTask: "1 1 1 by 1001", onInstance: "2 2 2 by 1 1 by 1001", onInstance + "?latestFirst=true": "2 2 2 by 1 1 by 1001", onInstance + "?latestFirst=false": "2 2 1 by 1001 2 by 1",
		onInstance + "?size=1&start=1": "2 1 1 by 1001"} {
		if got := said(d.user, path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for name, message := range map[string]any{"nothing": nil, "blanks": "  ", "a number": 5, "too long": strings.Repeat("x", 4001), "NUL": "a\x00b"} {
		for _, path := range []string{onTask, onInstance} {
			refused(t, name, d.Call(t, d.user, "POST", path, map[string]any{"message": message}), 400, "GENERAL.ERROR.BAD-REQUEST")
		}
	}
	refused(t, "a word", d.Call(t, d.user, "GET", onTask+"?latestFirst=maybe", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	for _, method := range []string{"GET", "POST"} {
		var body any
		if method == "POST" {
			body = map[string]any{"message": "x"}
		}
		refused(t, "a stranger's "+method, d.Call(t, d.piggy, method, onTask, body), 403, "GENERAL.ERROR.FORBIDDEN")
		if a := d.Call(t, d.piggy, method, onInstance, body); a.Status != 403 && a.Status != 404 {
			t.Errorf("a stranger's %s on the instance: %d %s", method, a.Status, a.Body)
		}
		refused(t, "no task's "+method, d.Call(t, d.user, method, "tasks/none/comments", body), 404, "GENERAL.ERROR.NOT-FOUND")
		refused(t, "no instance's "+method, d.Call(t, d.user, method, "process-instances/none/comments", body), 404, "GENERAL.ERROR.NOT-FOUND")
	}
}

func TestTaskAudit(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	instance, task := d.start(t)
	d.Call(t, d.user, "POST", "profile", map[string]any{"firstName": "Kermit", "lastName": "Frog"})
	d.Call(t, d.user, "POST", "tasks/"+task+"/comments", map[string]any{"message": "First"})
	d.Call(t, d.admin, "POST", "tasks/"+task+"/comments", map[string]any{"message": "Second"})
	path := "tasks/" + task + "/audit"
	a := d.Call(t, d.user, "GET", path, nil)
	expect(t, "audit", a, 200, map[string]any{"taskId": task, "taskName": "Write", "processInstanceId": instance, "processDefinitionName": "Office", "processDefinitionVersion": 1,
		"assignee": "Kermit Frog", "endTime": nil, "formData": "[]", "selectedOutcome": nil})
	if comments := fmt.Sprint(a.JSON["comments"]); comments != "[map[author:Kermit Frog message:First] map[author:admin message:Second]]" && !strings.Contains(comments, "author:Kermit Frog message:First] map[author:") {
		t.Errorf("%s", comments)
	}
	form := regexp.MustCompile(`^[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}$`)
	if !form.MatchString(a.Text("startTime")) {
		t.Errorf("%s", a.Text("startTime"))
	}
	empty(t, "complete", d.Call(t, d.user, "PUT", "tasks/"+task+"/action/complete", nil))
	if a := d.Call(t, d.user, "GET", path, nil); !form.MatchString(a.Text("endTime")) {
		t.Errorf("%s", a.Body)
	}
	own := d.Call(t, d.user, "GET", "tasks/"+d.mine(t, d.user, "Milk")+"/audit", nil)
	expect(t, "one's own", own, 200, map[string]any{"processInstanceId": nil, "processDefinitionName": nil, "processDefinitionVersion": nil, "comments": "[]"})
	refused(t, "a stranger's", d.Call(t, d.piggy, "GET", path, nil), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "none's", d.Call(t, d.user, "GET", "tasks/none/audit", nil), 404, "GENERAL.ERROR.NOT-FOUND")
}
