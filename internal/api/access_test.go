package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// caller is how somebody sends his requests.
type caller struct {
	token   string
	headers map[string]string
}

// accessCallers are the columns of accessTable: the administrator; kermit, who started the
// instance; fozzie, whose group may claim its task; gonzo, who may himself; piggy, who has
// nothing to do with it; a user and an administrator of another tenant; a user whose token
// was good until he was disabled; the administrator who acts as fozzie; kermit, who tries
// that; and nobody.
const accessCallers = "admin starter group candidate stranger foreign tenantadmin disabled actsas tries nobody"

func (d desk) callers(t *testing.T) map[string]caller {
	t.Helper()
	boss, _, _, _ := d.muppets(t)
	scooter := d.make(t, d.admin, "admin/users", map[string]any{"email": "scooter@example.com", "password": "x"})
	disabled := d.token(t, "scooter@example.com", "x")
	empty(t, "disable", d.Call(t, d.admin, "PUT", "admin/users", map[string]any{"users": []any{scooter}, "status": "inactive"}))
	asFozzie := map[string]string{"activiti-user": "1002", "activiti-user-value-type": "userIdType"}
	return map[string]caller{"admin": {token: d.admin}, "starter": {token: d.user}, "group": {token: d.fozzie}, "candidate": {token: d.gonzo}, "stranger": {token: d.piggy},
		"foreign": {token: d.token(t, "piggy@example.org", "moi")}, "tenantadmin": {token: boss}, "disabled": {token: disabled},
		"actsas": {token: d.admin, headers: asFozzie}, "tries": {token: d.user, headers: asFozzie}, "nobody": {}}
}

// do carries an operation out.
func (d desk) do(t *testing.T, c caller, operation string, body any) sluicetest.Answer {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	if !strings.HasPrefix(path, "/") {
		path = "/api/enterprise/" + path
	}
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, d.URL+"/activiti-app"+path, &sent)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range c.headers {
		r.Header.Set(name, value)
	}
	return d.Do(t, r)
}

type m = map[string]any

// accessTable says which status each operation gives to each caller, on an instance of
// which a task waits that kermit started. {instance}, {task}, {definition} and {group} are
// put in.
var accessTable = []struct {
	operation string
	body      any
	statuses  string
}{
	// admin starter group candidate stranger foreign tenantadmin disabled actsas tries nobody
	{"GET tasks/{task}", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"GET tasks/{task}/audit", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"PUT tasks/{task}", m{"name": "Other"}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"DELETE tasks/{task}", nil, "403 403 403 403 403 404 404 401 403 403 401"},
	{"PUT tasks/{task}/action/claim", nil, "200 403 200 200 403 404 404 401 200 403 401"},
	{"PUT tasks/{task}/action/unclaim", nil, "200 403 403 403 403 404 404 401 403 403 401"},
	{"PUT tasks/{task}/action/assign", m{"assignee": "1002"}, "200 200 403 403 403 400 400 401 403 403 401"},
	{"PUT tasks/{task}/action/complete", nil, "200 200 403 403 403 404 404 401 403 403 401"},
	{"PUT tasks/{task}/action/involve", m{"userId": 1004}, "200 200 403 403 403 400 400 401 403 403 401"},
	{"PUT tasks/{task}/action/remove-involved", m{"userId": 1003}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"POST tasks/{task}/groups/{group}", nil, "200 200 403 403 403 404 404 401 403 403 401"},
	{"PUT tasks/{task}/action/delegate", m{"userId": "1003"}, "200 200 403 403 403 400 400 401 403 403 401"},
	{"PUT tasks/{task}/action/resolve", nil, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET tasks/{task}/identitylinks", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"POST tasks/{task}/identitylinks", m{"user": "1004", "type": "participant"}, "200 200 403 403 403 400 400 401 403 403 401"},
	{"DELETE tasks/{task}/identitylinks/users/1003/candidate", nil, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET tasks/{task}/variables", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"POST tasks/{task}/variables", []m{{"name": "x", "value": "1", "scope": "local", "type": "string"}}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET tasks/{task}/comments", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"POST tasks/{task}/comments", m{"message": "x"}, "200 200 200 200 403 404 404 401 200 403 401"},
	{"GET tasks/{task}/checklist", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"POST tasks/{task}/checklist", m{"name": "x"}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET task-forms/{task}", nil, "404 404 404 404 403 404 404 401 404 403 401"},
	{"POST task-forms/{task}", m{"values": m{}}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"POST task-forms/{task}/save-form", m{"values": m{}}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET task-forms/{task}/variables", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"GET tasks/{task}/content", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"GET process-instances/{instance}", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"DELETE process-instances/{instance}", nil, "200 200 403 403 404 404 404 401 403 403 401"},
	{"GET process-instances/{instance}/variables", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"PUT process-instances/{instance}/variables", []m{{"name": "x", "value": "1", "type": "string"}}, "200 200 403 403 404 404 404 401 403 403 401"},
	{"PUT process-instances/{instance}/suspend", nil, "200 403 403 403 404 404 404 401 403 403 401"},
	{"PUT process-instances/{instance}/activate", nil, "409 403 403 403 404 404 404 401 403 403 401"},
	{"GET process-instances/{instance}/identitylinks", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"POST process-instances/{instance}/identitylinks", m{"user": "1004", "type": "participant"}, "200 200 403 403 404 400 400 401 403 403 401"},
	{"GET process-instances/{instance}/comments", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"POST process-instances/{instance}/comments", m{"message": "x"}, "200 200 200 200 404 404 404 401 200 403 401"},
	{"GET process-instances/{instance}/content", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"GET process-instances/{instance}/diagram", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"GET process-instances/{instance}/audit-log", nil, "200 200 200 200 404 404 404 401 200 403 401"},
	{"GET process-instances/{instance}/start-form", nil, "404 404 404 404 404 404 404 401 404 403 401"},
	{"POST process-instances", m{"processDefinitionKey": "office"}, "200 200 200 200 200 404 404 401 200 403 401"},
	{"GET process-definitions/{definition}/start-form", nil, "404 404 404 404 404 404 404 401 404 403 401"},
	{"GET process-definitions/{definition}/identitylinks", nil, "200 200 200 200 200 404 404 401 200 403 401"},
	{"POST tasks/query", m{}, "200 200 200 200 200 200 200 401 200 403 401"},
	{"POST process-instances/query", m{}, "200 200 200 200 200 200 200 401 200 403 401"},
	{"GET process-definitions", nil, "200 200 200 200 200 200 200 401 200 403 401"},
	{"GET runtime-app-definitions", nil, "200 200 200 200 200 200 200 401 200 403 401"},
	{"GET models", nil, "200 200 200 200 200 200 200 401 200 403 401"},
	{"GET admin/users", nil, "200 403 403 403 403 403 200 401 403 403 401"},
	{"GET admin/tenants", nil, "200 403 403 403 403 403 200 401 403 403 401"},
	{"GET runtime-app-deployments", nil, "200 200 200 200 200 200 200 401 200 403 401"},
	{"GET /api/runtime/tasks/{task}", nil, "200 200 200 200 403 404 404 401 200 403 401"},
	{"POST /api/runtime/tasks/{task}", m{"action": "complete"}, "200 200 403 403 403 404 404 401 403 403 401"},
	{"GET /api/management/jobs", nil, "200 403 403 403 403 403 200 401 403 403 401"},
	{"DELETE /api/runtime/process-instances/{instance}", nil, "204 204 403 403 404 404 404 401 403 403 401"},
}

// Who may do what, for every operation on what runs: on an instance of its own each time,
// so that no answer depends on the one before.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	callers := d.callers(t)
	names := strings.Fields(accessCallers)
	for _, row := range accessTable {
		var got []string
		for _, name := range names {
			instance, task := d.checked(t)
			definition := d.own(t, d.admin, "GET", "runtime/process-instances/"+url.PathEscape(instance), nil).Text("processDefinitionId")
			put := strings.NewReplacer("{instance}", url.PathEscape(instance), "{task}", url.PathEscape(task), "{definition}", url.PathEscape(definition), "{group}", d.group)
			a := d.do(t, callers[name], put.Replace(row.operation), row.body)
			got = append(got, fmt.Sprint(a.Status))
		}
		if told := strings.Join(got, " "); told != row.statuses {
			t.Errorf("%s\n\t%s\n\tgives %s\n\twant  %s", row.operation, accessCallers, told, row.statuses)
		}
	}
}
