package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/sluicetest"
)

// listed is the names of a page's tasks, its total, and where it starts.
func listed(t *testing.T, a sluicetest.Answer) string {
	t.Helper()
	data, ok := a.JSON["data"].([]any)
	if a.Status != 200 || !ok || a.JSON["size"] != float64(len(data)) {
		t.Errorf("no page: %d %s", a.Status, a.Body)
	}
	names := []string{}
	for _, one := range data {
		names = append(names, fmt.Sprint(one.(map[string]any)["name"]))
	}
	return fmt.Sprint(strings.Join(names, " "), "/", a.JSON["total"], "/", a.JSON["start"])
}

// mine makes a task of one's own and returns its id.
func (d desk) mine(t *testing.T, token, name string, members ...any) string {
	t.Helper()
	body := map[string]any{"name": name}
	for i := 0; i+1 < len(members); i += 2 {
		body[members[i].(string)] = members[i+1]
	}
	return d.make(t, token, "tasks", body)
}

func TestTaskQueryWords(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	instance, write := d.start(t)
	checkedInstance, check := d.checked(t)
	d.mine(t, d.user, "Buy 100% milk", "category", "7", "dueDate", "2026-03-01T00:00:00.000Z", "priority", 20)
	d.mine(t, d.user, "aardvark", "dueDate", "2026-01-01")
	definition := d.Call(t, d.user, "GET", "tasks/"+write, nil).Text("processDefinitionId")
	for _, test := range []struct {
		name, token, want string
		body              map[string]any
	}{
		{"involved", d.user, "aardvark Buy 100% milk Write/3/0", map[string]any{}},
		{"another word means involved too", d.user, "aardvark Buy 100% milk Write/3/0", map[string]any{"assignment": "involved", "state": "active", "sort": "whatever"}},
		{"nulls are absent", d.user, "aardvark Buy 100% milk Write/3/0", map[string]any{"assignment": nil, "state": nil, "text": nil, "page": nil, "size": nil, "dueBefore": nil, "appDefinitionId": nil, "unknown": 1}},
		{"assignee", d.user, "aardvark Buy 100% milk Write/3/0", map[string]any{"assignment": "assignee"}},
		{"nothing of others", d.piggy, "/0/0", map[string]any{"assignment": "assignee"}},
		{"candidate by a group", d.fozzie, "Check it/1/0", map[string]any{"assignment": "candidate"}},
		{"candidate by oneself", d.gonzo, "Check it/1/0", map[string]any{"assignment": "candidate"}},
		{"no candidate", d.user, "/0/0", map[string]any{"assignment": "candidate"}},
		{"a group of one's own", d.fozzie, "Check it/1/0", map[string]any{"assignment": "group_" + d.group}},
		{"another's group", d.piggy, "/0/0", map[string]any{"assignment": "group_" + d.group}},
		{"a group links, and does not involve", d.fozzie, "/0/0", map[string]any{}},
		{"an administrator is involved in nothing", d.admin, "/0/0", map[string]any{}},
		{"completed", d.user, "Write/1/0", map[string]any{"state": "completed"}},
		{"all", d.user, "aardvark Buy 100% milk Write Write/4/0", map[string]any{"state": "all"}},
		{"text in any case", d.user, "Buy 100% milk/1/0", map[string]any{"text": "BUY"}},
		{"text is no pattern", d.user, "Buy 100% milk/1/0", map[string]any{"text": "0%"}},
		{"text of nothing", d.user, "/0/0", map[string]any{"text": "_"}},
		{"an instance, to its initiator", d.user, "Check it/1/0", map[string]any{"processInstanceId": checkedInstance}},
		{"an instance and its history", d.user, "Check it Write/2/0", map[string]any{"processInstanceId": checkedInstance, "state": "all"}},
		{"an instance, to a stranger", d.piggy, "/0/0", map[string]any{"processInstanceId": instance}},
		{"an instance, to an administrator", d.admin, "Write/1/0", map[string]any{"processInstanceId": instance}},
		{"one's own of an instance", d.user, "/0/0", map[string]any{"processInstanceId": checkedInstance, "assignment": "assignee"}},
		{"a task", d.user, "Check it/1/0", map[string]any{"taskId": check}},
		{"a task, to a stranger", d.piggy, "/0/0", map[string]any{"taskId": check}},
		{"a definition", d.user, "Write/1/0", map[string]any{"processDefinitionId": definition}},
		{"another definition", d.user, "/0/0", map[string]any{"processDefinitionId": "other:1:1"}},
		{"an app", d.user, "Buy 100% milk/1/0", map[string]any{"appDefinitionId": 7}},
		{"an app as text", d.user, "Buy 100% milk/1/0", map[string]any{"appDefinitionId": "7"}},
		{"due before", d.user, "aardvark/1/0", map[string]any{"dueBefore": "2026-02-01"}},
		{"due after", d.user, "Buy 100% milk/1/0", map[string]any{"dueAfter": "2026-02-01T00:00:00.000+0000"}},
		{"oldest first", d.user, "Write Buy 100% milk aardvark/3/0", map[string]any{"sort": "created-asc"}},
		{"due first, none last", d.user, "aardvark Buy 100% milk Write/3/0", map[string]any{"sort": "due-asc"}},
		{"due last, none last", d.user, "Buy 100% milk aardvark Write/3/0", map[string]any{"sort": "due-desc"}},
		{"a page", d.user, "Buy 100% milk/3/1", map[string]any{"page": 1, "size": 1}},
		{"a start", d.user, "Write/3/2", map[string]any{"start": 2, "size": 2, "page": 5}},
		{"behind the end", d.user, "/3/50", map[string]any{"page": 2, "size": 25}},
	} {
		if got := listed(t, d.Call(t, test.token, "POST", "tasks/query", test.body)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	for name, body := range map[string]map[string]any{"a group of no number": {"assignment": "group_x"}, "a negative page": {"page": -1}, "a size of text": {"size": "x"}, "a date": {"dueBefore": "yesterday"},
		"a text of a number": {"text": 5}, "a state of a list": {"state": []int{}}} {
		refused(t, name, d.Call(t, d.user, "POST", "tasks/query", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
}

func TestTaskQueryShowsVariables(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a := d.own(t, d.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "office", "variables": []any{map[string]any{"name": "n", "value": 5, "type": "integer"},
		map[string]any{"name": "when", "value": "2026-01-20T22:03:05.123Z", "type": "date"}}})
	task := d.taskOf(t, a.Text("id"))
	a = d.Call(t, d.user, "POST", "tasks/"+task+"/variables", map[string]any{"name": "note", "value": "<b>"})
	expect(t, "local", a, 200, map[string]any{"name": "note", "value": "<b>", "scope": "local"})
	shown := func(body map[string]any) string {
		one := first(t, d.Call(t, d.user, "POST", "tasks/query", body))
		return fmt.Sprint(one["variables"])
	}
	local := `map[name:note scope:local type:string value:<b>]`
	global := `map[name:n scope:global type:integer value:5] map[name:when scope:global type:date value:2026-01-20T22:03:05.123+0000]`
	for want, body := range map[string]map[string]any{"[]": {}, "[" + local + "]": {"includeTaskLocalVariables": true}, "[" + global + "]": {"includeProcessVariables": true},
		"[" + local + " " + global + "]": {"includeProcessVariables": true, "includeTaskLocalVariables": true}} {
		if got := shown(body); got != want {
			t.Errorf("%v: %s, want %s", body, got, want)
		}
	}
}

func TestTaskFilterRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.start(t)
	d.mine(t, d.user, "Milk", "category", "7")
	keep := func(token string, app any, search map[string]any) string {
		return d.make(t, token, "filters/tasks", map[string]any{"name": "Mine", "appId": app, "filter": search})
	}
	filter := func(body map[string]any) sluicetest.Answer { return d.Call(t, d.user, "POST", "tasks/filter", body) }
	for _, test := range []struct {
		want string
		body map[string]any
	}{
		{"Milk Write/2/0", map[string]any{"filter": map[string]any{}}},
		{"Write Milk/2/0", map[string]any{"filter": map[string]any{"sort": "created", "asc": true}}},
		{"Milk Write/2/0", map[string]any{"filter": map[string]any{"sort": "created", "asc": false}}},
		{"Milk/1/0", map[string]any{"filter": map[string]any{"name": "mIL"}}},
		{"Write/1/0", map[string]any{"filter": map[string]any{"processDefinitionKey": "office", "assignment": "assignee"}}},
		{"/0/0", map[string]any{"filter": map[string]any{"state": "completed"}}},
		{"Milk/1/0", map[string]any{"filter": map[string]any{}, "appDefinitionId": "7"}},
		{"Write/2/1", map[string]any{"filter": map[string]any{}, "page": 1, "size": 1}},
		{"Write/1/0", map[string]any{"filterId": keep(d.user, nil, map[string]any{"name": "write"})}},
		{"Milk/1/0", map[string]any{"filterId": keep(d.user, 7, map[string]any{})}},
	} {
		if got := listed(t, filter(test.body)); got != test.want {
			t.Errorf("%v: %q, want %q", test.body, got, test.want)
		}
	}
	a := filter(map[string]any{})
	refused(t, "nothing", a, 400, "GENERAL.ERROR.BAD-REQUEST")
	if a.Text("message") != "A valid filterId or filter params must be provided" {
		t.Errorf("%s", a.Body)
	}
	refused(t, "no such filter", filter(map[string]any{"filterId": 99}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "another's filter", filter(map[string]any{"filterId": keep(d.piggy, nil, map[string]any{})}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "a filter of a number", filter(map[string]any{"filter": 5}), 400, "GENERAL.ERROR.BAD-REQUEST")
}

func TestHistoricTaskQuery(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	instance, check := d.checked(t)
	d.mine(t, d.user, "Milk", "description", "white", "priority", 20, "dueDate", "2026-03-01")
	day := time.Now().UTC().Truncate(24 * time.Hour).Format(time.DateOnly)
	definition := d.Call(t, d.user, "GET", "tasks/"+check, nil).Text("processDefinitionId")
	for _, test := range []struct {
		name, token, want string
		body              map[string]any
	}{
		{"all", d.user, "Write Check it Milk/3/0", map[string]any{}},
		{"finished", d.user, "Write/1/0", map[string]any{"finished": true}},
		{"unfinished", d.user, "Check it Milk/2/0", map[string]any{"finished": false}},
		{"an unfinished process", d.user, "Write Check it/2/0", map[string]any{"processFinished": false}},
		{"a finished process", d.user, "/0/0", map[string]any{"processFinished": true}},
		{"a task", d.user, "Check it/1/0", map[string]any{"taskId": check}},
		{"an instance", d.user, "Write Check it/2/0", map[string]any{"processInstanceId": instance}},
		{"a definition", d.user, "Write Check it/2/0", map[string]any{"processDefinitionId": definition}},
		{"its key", d.user, "Write Check it/2/0", map[string]any{"processDefinitionKey": "office"}},
		{"its key like", d.user, "Write Check it/2/0", map[string]any{"processDefinitionKeyLike": "off%"}},
		{"its name", d.user, "Write Check it/2/0", map[string]any{"processDefinitionName": "Office"}},
		{"its name like", d.user, "Write Check it/2/0", map[string]any{"processDefinitionNameLike": "Off%"}},
		{"a name", d.user, "Milk/1/0", map[string]any{"taskName": "Milk"}},
		{"a name like", d.user, "Milk/1/0", map[string]any{"taskNameLike": "Mi%"}},
		{"a description", d.user, "Milk/1/0", map[string]any{"taskDescription": "white"}},
		{"a key", d.user, "Check it/1/0", map[string]any{"taskDefinitionKey": "check"}},
		{"an assignee", d.user, "Write Milk/2/0", map[string]any{"taskAssignee": 1001}},
		{"an assignee as text", d.user, "Write Milk/2/0", map[string]any{"taskAssignee": "1001"}},
		{"an owner", d.user, "Milk/1/0", map[string]any{"taskOwner": "1001"}},
		{"involved", d.user, "Write Milk/2/0", map[string]any{"taskInvolvedUser": "1001"}},
		{"a candidate group", d.user, "Check it/1/0", map[string]any{"taskCandidateGroup": d.group}},
		{"a priority", d.user, "Check it/1/0", map[string]any{"taskPriority": 70}},
		{"at least", d.user, "Write Check it/2/0", map[string]any{"taskMinPriority": 50}},
		{"at most", d.user, "Milk/1/0", map[string]any{"taskMaxPriority": 49}},
		{"due on a day", d.user, "Milk/1/0", map[string]any{"dueDate": "2026-03-01"}},
		{"due at another time", d.user, "/0/0", map[string]any{"dueDate": "2026-03-01T00:00:01.000Z"}},
		{"due before", d.user, "Check it/1/0", map[string]any{"dueDateBefore": "2026-02-02"}},
		{"not due", d.user, "Write/1/0", map[string]any{"withoutDueDate": true}},
		{"completed on", d.user, "Write/1/0", map[string]any{"taskCompletedOn": day}},
		{"completed after", d.user, "Write/1/0", map[string]any{"taskCompletedAfter": "2016-06-16"}},
		{"completed before", d.user, "/0/0", map[string]any{"taskCompletedBefore": "2016-06-16"}},
		{"created before", d.user, "/0/0", map[string]any{"taskCreatedBefore": "2016-06-16"}},
		{"sorted", d.user, "Check it Milk Write/3/0", map[string]any{"sort": "name"}},
		{"sorted the other way", d.user, "Write Milk Check it/3/0", map[string]any{"sort": "name", "order": "desc"}},
		{"a part", d.user, "Check it/3/1", map[string]any{"start": 1, "size": 1}},
		{"a candidate's", d.fozzie, "Check it/1/0", map[string]any{}},
		{"a stranger's", d.piggy, "/0/0", map[string]any{}},
		{"an administrator's", d.admin, "Write Check it Milk/3/0", map[string]any{"tenantId": "tenant_1"}},
		{"another tenant's", d.admin, "/0/0", map[string]any{"tenantId": "tenant_2"}},
	} {
		if got := listed(t, d.Call(t, test.token, "POST", "historic-tasks/query", test.body)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	for name, body := range map[string]map[string]any{"a sort": {"sort": "x"}, "an order": {"order": "up"}, "a number": {"taskPriority": "x"}, "a truth": {"finished": "yes"},
		"an operation": {"taskVariables": []any{map[string]any{"name": "n", "operation": "is", "value": 1}}}} {
		refused(t, name, d.Call(t, d.user, "POST", "historic-tasks/query", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	done := first(t, d.Call(t, d.user, "POST", "historic-tasks/query", map[string]any{"finished": true}))
	if took, ok := done["duration"].(float64); !ok || took < 0 || !apsDate.MatchString(fmt.Sprint(done["endDate"])) {
		t.Errorf("%v", done)
	}
	d.Call(t, d.admin, "POST", "tasks/"+check+"/variables", map[string]any{"name": "n", "value": 5, "type": "integer"})
	d.Call(t, d.admin, "POST", "tasks/"+check+"/variables", map[string]any{"name": "g", "value": "Word", "scope": "global"})
	for want, body := range map[string]map[string]any{
		"Check it/1/0":       {"taskVariables": []any{map[string]any{"name": "n", "variableOperation": "GREATER_THAN_OR_EQUALS", "value": 5, "type": "integer"}}},
		"/0/0":               {"taskVariables": []any{map[string]any{"name": "n", "operation": "greaterThan", "value": 5, "type": "integer"}}},
		"Write Check it/2/0": {"processVariables": []any{map[string]any{"name": "g", "operation": "equalsIgnoreCase", "value": "WORD"}}},
	} {
		if got := listed(t, d.Call(t, d.user, "POST", "historic-tasks/query", body)); got != want {
			t.Errorf("%v: %q, want %q", body, got, want)
		}
	}
}
