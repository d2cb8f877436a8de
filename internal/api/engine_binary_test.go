package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

const ping = "\x00\x01<script>alert(1)</script>\xff"

// sentBytes checks that an answer is the bytes, as a file that no browser opens.
func sentBytes(t *testing.T, name string, a sluicetest.Answer) {
	t.Helper()
	h := a.Header
	if a.Status != 200 || a.Body != ping || h.Get("Content-Type") != "application/octet-stream" || h.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(h.Get("Content-Disposition"), "attachment") || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%s: %d %q %v", name, a.Status, a.Body, h)
	}
}

// variableOf returns the variable with that name of an answer that lists or holds some.
func variableOf(t *testing.T, list any, name string) map[string]any {
	t.Helper()
	all, _ := list.([]any)
	for _, one := range all {
		if v, _ := one.(map[string]any); v["name"] == name {
			return v
		}
	}
	t.Fatalf("no variable %q among %v", name, list)
	return nil
}

// rowsOf returns an answer that is a JSON list.
func rowsOf(t *testing.T, a sluicetest.Answer) []any {
	t.Helper()
	var all []any
	if err := json.Unmarshal([]byte(a.Body), &all); err != nil || a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return all
}

// TestBinaryVariables: bytes come in as files, are shown by their address, and go out as
// files, of instances, executions and tasks, and of history.
func TestBinaryVariables(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	other := w.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"fozzie@example.com"}, "password": {"x"}})
	id, task := w.started(t)
	const base = "/activiti-app/api/"
	for _, place := range []struct{ at, name, scope string }{
		{"runtime/process-instances/" + id, "of instance", "local"}, {"runtime/executions/" + id, "ofexecution", ""}, {"runtime/tasks/" + task, "oftask", "local"}, {"runtime/tasks/" + task, "ofprocess", "global"},
	} {
		at := place.at + "/variables"
		where := base + at + "/" + url.PathEscape(place.name) + "/data"
		fields := []string{"type", "binary", "name", place.name, "scope", place.scope}
		a := w.sendFile(t, w.user, at, "x.bin", ping, fields...)
		expect(t, at, a, 201, map[string]any{"name": place.name, "type": "binary", "valueUrl": where, "value": nil})
		one := w.own(t, w.user, "GET", at+"/"+url.PathEscape(place.name), nil)
		expect(t, at, one, 200, map[string]any{"type": "binary", "valueUrl": where, "value": nil})
		if v := variableOf(t, any(rowsOf(t, w.own(t, w.user, "GET", at, nil))), place.name); v["valueUrl"] != where || v["type"] != "binary" {
			t.Errorf("%v", v)
		}
		sentBytes(t, where, w.own(t, w.user, "GET", strings.TrimPrefix(where, base), nil))
		if a := w.own(t, other, "GET", strings.TrimPrefix(where, base), nil); a.Status != 404 && a.Status != 403 || strings.Contains(a.Body, "script") {
			t.Errorf("another reads %s: %d", where, a.Status)
		}
		engineRefused(t, "no bytes", w.own(t, w.user, "GET", at+"/n/data", nil), 404)
		engineRefused(t, "serialized", w.sendFile(t, w.user, at, "x.ser", "\xac\xed\x00\x05", "name", "ser", "type", "serializable"), 400)
		engineRefused(t, "a type of JSON", w.sendFile(t, w.user, at, "x", "1", "name", "ser", "type", "integer"), 400)
		engineRefused(t, "no name", w.sendFile(t, w.user, at, "x", "1", "type", "binary"), 400)
		engineRefused(t, "scope", w.sendFile(t, w.user, at, "x", "1", "name", "s", "scope", "galaxy"), 400)
		engineRefused(t, "as JSON", w.own(t, w.user, "POST", at, []map[string]any{{"name": "b", "type": "binary", "value": "aGk="}}), 400)
		engineRefused(t, "serialized as JSON", w.own(t, w.user, "POST", at, []map[string]any{{"name": "b", "type": "serializable", "value": "x"}}), 400)
		engineRefused(t, "too large", w.sendFile(t, w.user, at, "x", strings.Repeat("x", 8<<20+1), "name", "large"), 413)
	}
	engineRefused(t, "there already", w.sendFile(t, w.user, "runtime/process-instances/"+id+"/variables", "x", ping, "name", "of instance"), 409)
	if names := fmt.Sprint(rowsOf(t, w.own(t, w.user, "GET", "runtime/tasks/"+task+"/variables?scope=local", nil))); !strings.Contains(names, "oftask") || strings.Contains(names, "ofprocess") {
		t.Errorf("the task's own: %s", names)
	}

	history := w.own(t, w.user, "GET", "history/historic-variable-instances?processInstanceId="+id+"&size=50", nil)
	for _, row := range history.JSON["data"].([]any) {
		r := row.(map[string]any)
		v := r["variable"].(map[string]any)
		at := "history/historic-variable-instances/" + url.PathEscape(r["id"].(string)) + "/data"
		if v["type"] != "binary" {
			if v["valueUrl"] != nil {
				t.Errorf("%v", r)
			}
			engineRefused(t, "history without bytes", w.own(t, w.user, "GET", at, nil), 404)
			continue
		}
		if v["valueUrl"] != base+at || v["value"] != nil {
			t.Errorf("%v, want %s", v, base+at)
		}
		sentBytes(t, at, w.own(t, w.user, "GET", at, nil))
		engineRefused(t, "history of another", w.own(t, other, "GET", at, nil), 404)
	}
	engineRefused(t, "no such history", w.own(t, w.user, "GET", "history/historic-variable-instances/x/data", nil), 404)

	// What lists show with variables, of what runs and of history.
	for list, want := range map[string][2]string{
		"runtime/process-instances?includeProcessVariables=true": {"of instance", "runtime/process-instances/" + id}, "runtime/tasks?includeProcessVariables=true": {"ofprocess", "runtime/tasks/" + task},
		"runtime/tasks?includeTaskLocalVariables=true":                    {"oftask", "runtime/tasks/" + task},
		"history/historic-process-instances?includeProcessVariables=true": {"of instance", "history/historic-process-instances/" + id},
		"history/historic-task-instances?includeTaskLocalVariables=true":  {"oftask", "history/historic-task-instances/" + task},
		"history/historic-task-instances?includeProcessVariables=true":    {"of instance", "history/historic-task-instances/" + task},
	} {
		row := first(t, w.own(t, w.user, "GET", list, nil))
		v := variableOf(t, row["variables"], want[0])
		at := want[1] + "/variables/" + url.PathEscape(want[0]) + "/data"
		if v["type"] != "binary" || v["valueUrl"] != base+at {
			t.Errorf("%s: %v, want %s", list, v, at)
		}
		sentBytes(t, at, w.own(t, w.user, "GET", at, nil))
		if a := w.own(t, other, "GET", at, nil); a.Status != 404 && a.Status != 403 {
			t.Errorf("another reads %s: %d", at, a.Status)
		}
	}
}

// TestIncludedVariables: lists show variables only when they are asked for, each with the
// thing it belongs to.
func TestIncludedVariables(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.started(t)
	second := w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review", "businessKey": "S-2", "variables": []map[string]any{{"name": "n", "value": 2}}})
	task := first(t, w.own(t, w.user, "GET", "runtime/tasks?processInstanceId="+second.Text("id"), nil))
	w.own(t, w.user, "POST", "runtime/tasks/"+task["id"].(string)+"/variables", []map[string]any{{"name": "own", "value": "x", "scope": "local"}})
	names := func(a sluicetest.Answer) string {
		t.Helper()
		var all []string
		for _, row := range a.JSON["data"].([]any) {
			var some []string
			for _, v := range row.(map[string]any)["variables"].([]any) {
				v := v.(map[string]any)
				if v["name"] == "n" || v["name"] == "own" {
					some = append(some, fmt.Sprint(v["scope"], ":", v["name"], "=", v["value"]))
				}
			}
			all = append(all, strings.Join(some, " "))
		}
		return strings.Join(all, "|")
	}
	for _, test := range []struct {
		path string
		body map[string]any
		want string
	}{
		{"query/tasks", map[string]any{}, "|"},
		{"query/tasks", map[string]any{"includeProcessVariables": true}, "global:n=5|global:n=2"},
		{"query/tasks", map[string]any{"includeTaskLocalVariables": true}, "|local:own=x"},
		{"query/tasks", map[string]any{"includeTaskLocalVariables": true, "includeProcessVariables": true}, "global:n=5|local:own=x global:n=2"},
		{"query/process-instances", map[string]any{}, "|"},
		{"query/process-instances", map[string]any{"includeProcessVariables": true}, "local:n=5|local:n=2"},
		{"query/historic-process-instances", map[string]any{"includeProcessVariables": true}, "local:n=5|local:n=2"},
		{"query/historic-task-instances", map[string]any{"includeProcessVariables": true}, "global:n=5|global:n=2"},
		{"query/historic-task-instances", map[string]any{"includeTaskLocalVariables": true}, "|local:own=x"},
	} {
		test.body["sort"] = "startTime"
		if test.path == "query/tasks" {
			test.body["sort"] = "createTime"
		}
		if strings.HasPrefix(test.path, "query/process") {
			test.body["sort"] = "businessKey"
		}
		a := w.own(t, w.user, "POST", test.path, test.body)
		if a.Status != 200 {
			t.Fatalf("%s: %d %s", test.path, a.Status, a.Body)
		}
		if got := names(a); got != test.want {
			t.Errorf("%s %v: %s, want %s", test.path, test.body, got, test.want)
		}
	}
	engineRefused(t, "no truth", w.own(t, w.user, "GET", "runtime/tasks?includeProcessVariables=perhaps", nil), 400)
}
