package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// A process that was imported as BPMN becomes an app and is started.
func TestModelsBecomeAnApp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.sendFile(t, w.admin, "enterprise/process-models/import", "review.bpmn20.xml", review)
	expect(t, "import", a, 200, map[string]any{"name": "Review", "modelType": 0, "version": 1, "latestVersion": true, "createdBy": 1, "createdByFullName": "admin", "tenantId": 1, "referenceId": nil, "favorite": false})
	process := a.JSON["id"]
	path := "models/" + fmt.Sprint(process)
	if got := w.Call(t, w.admin, "GET", path+"/bpmn20", nil); got.Body != review || got.Header.Get("Content-Type") != "application/xml" || !strings.HasPrefix(got.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d %v", got.Status, got.Header)
	}
	if got := w.Call(t, w.admin, "GET", path+"/thumbnail", nil); got.Status != 200 || got.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(got.Body, "Write") {
		t.Errorf("%d %v", got.Status, got.Header)
	}
	refused(t, "no editor's JSON", w.Call(t, w.admin, "GET", path+"/editor/json", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	expect(t, "an app", w.Call(t, w.admin, "GET", "models-for-app-definition", nil), 200, map[string]any{"total": 1})
	a = w.Call(t, w.admin, "POST", "models", map[string]any{"name": "Reviews", "description": "all", "modelType": 3, "stencilSet": nil})
	expect(t, "an app", a, 200, map[string]any{"name": "Reviews", "modelType": 3})
	id := fmt.Sprint(a.JSON["id"])
	a = w.Call(t, w.admin, "PUT", "app-definitions/"+id, map[string]any{"publish": true, "appDefinition": map[string]any{"definition": map[string]any{"models": []any{map[string]any{"id": process}}}}})
	expect(t, "publish", a, 200, map[string]any{"error": false})
	if warnings := fmt.Sprint(object(a.JSON, "customData")["warnings"]); !strings.Contains(warnings, "com.example.Nobody") {
		t.Errorf("%s", a.Body)
	}
	expect(t, "start", w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review"}), 201, nil)

	a = w.sendFile(t, w.admin, "enterprise/"+path+"/newversion", "review.bpmn", strings.ReplaceAll(review, `name="Write"`, `name="Rewrite"`))
	expect(t, "a new version", a, 200, map[string]any{"version": 2, "id": process})
	history := w.Call(t, w.admin, "GET", path+"/history?includeLatestVersion=true", nil)
	expect(t, "history", history, 200, map[string]any{"total": 2, "size": 2})
	list := history.JSON["data"].([]any)
	old := list[1].(map[string]any)
	if list[0].(map[string]any)["latestVersion"] != true || old["latestVersion"] != false || old["version"] != 1.0 {
		t.Errorf("%s", history.Body)
	}
	version := path + "/history/" + fmt.Sprint(old["id"])
	expect(t, "a version", w.Call(t, w.admin, "GET", version, nil), 200, map[string]any{"version": 1, "latestVersion": false})
	if got := w.Call(t, w.admin, "GET", version+"/bpmn20", nil); got.Body != review {
		t.Errorf("%d", got.Status)
	}
	expect(t, "history", w.Call(t, w.admin, "GET", path+"/history", nil), 200, map[string]any{"total": 1})
	twin := w.Call(t, w.admin, "POST", path+"/clone", map[string]any{"name": "Twin"})
	expect(t, "clone", twin, 200, map[string]any{"name": "Twin", "version": 1, "modelType": 0})
	expect(t, "rename", w.Call(t, w.admin, "PUT", path, map[string]any{"name": "Views", "description": nil}), 200, map[string]any{"name": "Views", "version": 2})
	if a := w.Call(t, w.admin, "DELETE", path, nil); a.Status != 200 || a.Body != "" {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	for name, file := range map[string][2]string{"not BPMN": {"x.bpmn", "<x/>"}, "another name": {"x.xml", review}, "broken": {"x.bpmn", review[:500]}} {
		refused(t, name, w.sendFile(t, w.admin, "enterprise/process-models/import", file[0], file[1]), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "as a user", w.sendFile(t, w.user, "enterprise/process-models/import", "review.bpmn", review), 403, "GENERAL.ERROR.FORBIDDEN")
}

// A form is drawn as ADF does it: created, saved, and found among those that can be used
// again.
func TestFormModels(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Call(t, w.user, "POST", "models", map[string]any{"name": "Ask", "description": "x", "modelType": 2, "stencilSet": 0})
	expect(t, "create", a, 200, map[string]any{"name": "Ask", "modelType": 2, "createdBy": 1001, "createdByFullName": "kermit@example.com"})
	id := fmt.Sprint(a.JSON["id"])
	path := "editor/form-models/" + id
	a = w.Call(t, w.user, "GET", path, nil)
	expect(t, "empty", a, 200, map[string]any{"id": id, "name": "Ask", "version": 1, "referenceId": nil})
	if fields, ok := object(a.JSON, "formDefinition")["fields"].([]any); !ok || len(fields) != 0 {
		t.Errorf("%s", a.Body)
	}
	field := map[string]any{"id": "why", "name": "Why", "type": "text", "fieldType": "FormFieldRepresentation"}
	save := map[string]any{"reusable": true, "newVersion": true, "comment": "a field", "formImageBase64": "data:" + strings.Repeat("x", 100_000), "processScopeIdentifiers": nil,
		"formRepresentation": map[string]any{"id": 1, "name": "Ask more", "description": nil, "version": 9, "formDefinition": map[string]any{"fields": []any{field}, "tabs": []any{}}}}
	a = w.Call(t, w.user, "PUT", path, save)
	expect(t, "save", a, 200, map[string]any{"id": id, "name": "Ask more", "description": "x", "version": 2, "lastUpdatedBy": 1001, "lastUpdatedByFullName": "kermit@example.com"})
	if !apsDate.MatchString(a.Text("lastUpdated")) || !strings.Contains(fmt.Sprint(object(a.JSON, "formDefinition")["fields"]), "Why") {
		t.Errorf("%s", a.Body)
	}
	expect(t, "saved", w.Call(t, w.user, "GET", path, nil), 200, map[string]any{"version": 2})
	old := first(t, w.Call(t, w.user, "GET", "models/"+id+"/history", nil))
	expect(t, "before", w.Call(t, w.user, "GET", path+"/history/"+fmt.Sprint(old["id"]), nil), 200, map[string]any{"version": 1, "name": "Ask"})
	refused(t, "wrong", w.Call(t, w.user, "PUT", path, map[string]any{"formRepresentation": map[string]any{"formDefinition": map[string]any{"fields": []any{map[string]any{"type": "text"}}}}}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "nothing", w.Call(t, w.user, "PUT", path, map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	for _, other := range []string{"GET", "PUT"} {
		refused(t, other+" unknown", w.Call(t, w.user, other, "editor/form-models/999", save), 404, "GENERAL.ERROR.NOT-FOUND")
		refused(t, other+" no number", w.Call(t, w.user, other, "editor/form-models/x", save), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	w.Call(t, w.admin, "POST", "models", map[string]any{"name": "Another", "modelType": 2})
	for query, want := range map[string]string{
		"models?filter=myReusableForms&modelType=2&sort=modifiedDesc": "1 Ask more", "models?filter=myReusableForms&filterText=MORE&modelType=2": "1 Ask more", "models?modelType=0": "0",
		"models?filter=sharedWithMe": "0", "models": "1 Ask more", "models?referenceId=77": "0", "models?filter=favorite": "0",
		"editor/form-models": "1 Ask more", "editor/form-models/values?formId=" + id + "&formId=77": "1 Ask more", "editor/form-models/values": "0",
	} {
		a := w.Call(t, w.user, "GET", query, nil)
		got := fmt.Sprint(a.JSON["total"])
		list, ok := a.JSON["data"].([]any)
		for _, one := range list {
			got += " " + one.(map[string]any)["name"].(string)
		}
		if a.Status != 200 || !ok || got != want {
			t.Errorf("%s: %d %s, want %s", query, a.Status, a.Body, want)
		}
	}
	if a := w.Call(t, w.admin, "GET", "models?modelType=2&sort=nameDesc&size=1", nil); a.JSON["total"] != 2.0 || a.JSON["size"] != 1.0 || first(t, a)["name"] != "Ask more" {
		t.Errorf("%s", a.Body)
	}
	for _, query := range []string{"models?sort=x", "models?filter=x", "models?modelType=x", "models?size=x", "editor/form-models/values?formId=x", "models/" + id + "?includePermissions=x", "models/x"} {
		refused(t, query, w.Call(t, w.user, "GET", query, nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	expect(t, "his right", w.Call(t, w.user, "GET", "models/"+id+"?includePermissions=true", nil), 200, map[string]any{"permission": "write"})
	expect(t, "without", w.Call(t, w.user, "GET", "models/"+id, nil), 200, map[string]any{"permission": nil})
}

// A form model is attached to a task by its number, as ADF does; another's is not.
func TestFormModelsAreAttached(t *testing.T) {
	t.Parallel()
	w := setup(t)
	model := func(token string) string {
		id := w.make(t, token, "models", map[string]any{"name": "Ask", "modelType": 2})
		field := map[string]any{"id": "why", "name": "Why", "type": "text"}
		expect(t, "save", w.Call(t, token, "PUT", "editor/form-models/"+id, map[string]any{"formRepresentation": map[string]any{"name": "Ask",
			"formDefinition": map[string]any{"fields": []any{field}, "tabs": []any{}}}}), 200, nil)
		return id
	}
	mine, others := model(w.user), model(w.admin)
	task := w.Call(t, w.user, "POST", "tasks", map[string]any{"name": "Think"}).Text("id")
	for range 2 { // the same one the second time
		empty(t, "attach", w.Call(t, w.user, "PUT", "tasks/"+task+"/action/attach-form", map[string]any{"formId": mine}))
	}
	a := w.Call(t, w.user, "GET", "task-forms/"+task, nil)
	if a.Status != 200 || a.Text("name") != "Ask" || !strings.Contains(a.Body, `"id":"why"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if n := w.Call(t, w.user, "GET", "forms", nil).JSON["total"]; n != 1.0 {
		t.Errorf("%v forms were deployed, want 1", n)
	}
	if a := w.Call(t, w.user, "PUT", "tasks/"+task+"/action/attach-form", map[string]any{"formId": others}); a.Status != 403 && a.Status != 404 {
		t.Errorf("another's: %d %s", a.Status, a.Body)
	}
}

// Whose a model is not, does not get at it.
func TestModelsAreTheirMakers(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("piggy@example.com", "x"))
	piggy := w.token(t, "piggy@example.com", "x")
	id := fmt.Sprint(w.Call(t, w.user, "POST", "models", map[string]any{"name": "Ask", "modelType": 2}).JSON["id"])
	for _, op := range []string{"GET models/{}", "PUT models/{}", "DELETE models/{}", "POST models/{}/clone", "GET models/{}/editor/json", "GET models/{}/thumbnail", "GET models/{}/history", "GET models/{}/history/1",
		"GET models/{}/bpmn20", "GET models/{}/history/1/bpmn20", "GET editor/form-models/{}", "PUT editor/form-models/{}", "GET editor/form-models/{}/history/1"} {
		method, path, _ := strings.Cut(op, " ")
		body := map[string]any{"formRepresentation": map[string]any{}}
		refused(t, op, w.Call(t, piggy, method, strings.Replace(path, "{}", id, 1), body), 403, "GENERAL.ERROR.FORBIDDEN")
		answer := w.Call(t, w.user, method, strings.Replace(path, "{}", "999", 1), body)
		if strings.HasSuffix(path, "thumbnail") {
			if answer.Status != http.StatusNotFound || answer.Body != "" {
				t.Errorf("%s: %d %q", op, answer.Status, answer.Body)
			}
			continue
		}
		refused(t, op+" of none", answer, 404, "GENERAL.ERROR.NOT-FOUND")
	}
	if a := w.Call(t, w.user, "GET", "models/"+id+"/thumbnail", nil); a.Status != 404 || a.Body != "" {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	refused(t, "no process", w.Call(t, w.user, "GET", "models/"+id+"/bpmn20", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "deployed things", w.Call(t, w.user, "DELETE", "models/"+id+"?deleteRuntimeApp=true", nil), 403, "GENERAL.ERROR.FORBIDDEN")
	for _, kind := range []any{0, 3, 4} {
		refused(t, fmt.Sprint("kind ", kind), w.Call(t, w.user, "POST", "models", map[string]any{"name": "x", "modelType": kind}), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	for name, body := range map[string]any{"no name": map[string]any{"modelType": 2}, "another kind": map[string]any{"name": "x", "modelType": 7}, "wrong type": map[string]any{"name": 5, "modelType": 2}, "wrong kind": map[string]any{"name": "x", "modelType": "form"}} {
		refused(t, name, w.Call(t, w.user, "POST", "models", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	if got := w.Call(t, piggy, "GET", "editor/form-models/values?formId="+id, nil); got.JSON["total"] != 0.0 {
		t.Errorf("%s", got.Body)
	}
}
