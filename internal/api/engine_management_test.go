package api_test

import (
	"strings"
	"testing"
)

// TestAsyncSignal: 202 at once, and a job for who waits; nothing with variables, and nothing
// for who may not.
func TestAsyncSignal(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id, task := w.started(t)
	w.own(t, w.user, "POST", "runtime/tasks/"+task, map[string]any{"action": "complete"})
	engineRefused(t, "with variables", w.own(t, w.admin, "POST", "runtime/signals", map[string]any{"signalName": "bell", "async": true, "variables": []map[string]any{{"name": "a", "value": 1}}}), 400)
	engineRefused(t, "without a name", w.own(t, w.admin, "POST", "runtime/signals", map[string]any{"async": true}), 400)
	engineRefused(t, "by a user", w.own(t, w.user, "POST", "runtime/signals", map[string]any{"signalName": "bell", "async": true}), 403)
	if a := w.own(t, w.admin, "POST", "runtime/signals", map[string]any{"signalName": "bell", "async": true, "tenantId": "nobody"}); a.Status != 202 {
		t.Errorf("another tenant: %d %s", a.Status, a.Body)
	}
	// The server's own loop runs no jobs in these tests.
	expect(t, "none for another tenant", w.own(t, w.admin, "GET", "management/jobs?processInstanceId="+id, nil), 200, map[string]any{"total": 0})
	if a := w.own(t, w.admin, "POST", "runtime/signals", map[string]any{"signalName": "bell", "async": true}); a.Status != 202 || a.Body != "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	job := first(t, w.own(t, w.admin, "GET", "management/jobs?processInstanceId="+id, nil))
	if job["jobType"] != "signal" || job["elementId"] != "wait" || job["processInstanceId"] != id {
		t.Errorf("%v", job)
	}
	expect(t, "waits", w.own(t, w.user, "GET", "runtime/executions?signalEventSubscriptionName=bell", nil), 200, map[string]any{"total": 1})
	if a := w.own(t, w.admin, "POST", "management/jobs/"+job["id"].(string), map[string]any{"action": "execute"}); a.Status != 204 {
		t.Errorf("execute: %d %s", a.Status, a.Body)
	}
	expect(t, "went on", w.own(t, w.user, "GET", "runtime/executions?signalEventSubscriptionName=bell", nil), 200, map[string]any{"total": 0})
}

// TestEngineProperties: administrators see what the engine is; nobody sees its tables.
func TestEngineProperties(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.own(t, w.admin, "GET", "management/properties", nil)
	expect(t, "properties", a, 200, map[string]any{"history.level": "audit"})
	if len(a.Text("schema.version")) < 3 || !strings.Contains("sqlite postgres", a.Text("database.type")) || len(a.JSON) != 3 {
		t.Errorf("%s", a.Body)
	}
	expect(t, "engine", w.own(t, w.admin, "GET", "management/engine", nil), 200, map[string]any{"version": "6.0.0", "name": "default"})
	for _, path := range []string{"properties", "engine", "tables", "tables/users", "tables/users/columns", "tables/users/data"} {
		engineRefused(t, path, w.own(t, w.user, "GET", "management/"+path, nil), 403)
		if strings.HasPrefix(path, "tables") {
			engineRefused(t, path, w.own(t, w.admin, "GET", "management/"+path, nil), 404)
		}
	}
}

// TestExecutionsOfMany: lists of executions count those of all instances, page by page.
func TestExecutionsOfMany(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.started(t)
	const instances = 120
	for range instances - 1 {
		w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review"})
	}
	expect(t, "all", w.own(t, w.user, "GET", "runtime/executions", nil), 200, map[string]any{"total": 2 * instances, "size": 10, "start": 0, "sort": "processInstanceId"})
	last := w.own(t, w.user, "GET", "runtime/executions?start=235&size=100&order=desc", nil)
	expect(t, "last page", last, 200, map[string]any{"total": 2 * instances, "size": 5, "start": 235})
	expect(t, "at an activity", w.own(t, w.user, "POST", "query/executions", map[string]any{"activityId": "write", "size": 3}), 200, map[string]any{"total": instances, "size": 3})
	if row := last.JSON["data"].([]any)[4].(map[string]any); row["activityId"] != "write" || row["parentId"] != row["processInstanceId"] || row["parentUrl"] == nil {
		t.Errorf("%v", row)
	}
	engineRefused(t, "sort", w.own(t, w.user, "GET", "runtime/executions?sort=colour", nil), 400)
	expect(t, "in any case", w.own(t, w.user, "GET", "runtime/tasks?nameLikeIgnoreCase=WRI%25&size=1", nil), 200, map[string]any{"total": instances})
	expect(t, "in this case", w.own(t, w.user, "GET", "runtime/tasks?nameLike=WRI%25", nil), 200, map[string]any{"total": 0})
}
