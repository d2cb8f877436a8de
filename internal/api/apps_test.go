package api_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/sluicetest"
)

// packed is a directory of an app's files as an archive; with other than nil, its own file
// is that.
func packed(t *testing.T, dir string, own []byte) string {
	t.Helper()
	a, err := app.ReadFS(filepath.Base(dir), os.DirFS(dir), app.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	files := a.Files()
	for i := range files {
		if files[i].Name == a.Own && own != nil {
			files[i].Bytes = own
		}
	}
	var b bytes.Buffer
	if err := app.WriteZip(&b, files); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// visitApp is an app that everybody may see.
func visitApp(t *testing.T) string {
	return packed(t, "../engine/testdata/visit", []byte(`{"name":"Visit","description":"A patient comes","definition":{"models":[{"id":7,"name":"Visit","modelType":0}],"theme":"theme-2","icon":"glyphicon-heart","publishIdentityInfo":[]}}`))
}

func (w world) sendApp(t *testing.T, token, path, archive string) sluicetest.Answer {
	t.Helper()
	return w.sendFile(t, token, "enterprise/"+path, "visit.zip", archive)
}

// object is a member of an answer that is an object.
func object(a map[string]any, member string) map[string]any {
	found, _ := a[member].(map[string]any)
	return found
}

func (w world) landing(t *testing.T, token string) string {
	t.Helper()
	a := w.Call(t, token, "GET", "runtime-app-definitions", nil)
	list, _ := a.JSON["data"].([]any)
	if a.Status != 200 || a.JSON["total"] != float64(len(list)) || a.JSON["size"] != float64(len(list)) || a.JSON["start"] != 0.0 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	var names []string
	for _, one := range list {
		names = append(names, fmt.Sprint(one.(map[string]any)["name"]))
	}
	return strings.Join(names, " ")
}

// An app is imported, published, put on the landing page, started and exported.
func TestAppFromImportToTask(t *testing.T) {
	t.Parallel()
	w := setup(t)
	in := visitApp(t)
	a := w.sendApp(t, w.admin, "app-definitions/import", in)
	expect(t, "import", a, 200, map[string]any{"name": "Visit", "description": "A patient comes", "theme": "theme-2", "icon": "glyphicon-heart", "tenantId": 1, "defaultAppId": nil, "deploymentId": nil})
	id := fmt.Sprint(a.JSON["id"])
	models, _ := object(a.JSON, "definition")["models"].([]any)
	if a.JSON["modelId"] != a.JSON["id"] || len(models) != 1 || models[0].(map[string]any)["name"] != "Visit" {
		t.Errorf("%s", a.Body)
	}
	a = w.Call(t, w.admin, "POST", "app-definitions/"+id+"/publish", map[string]any{"comment": "first", "force": nil, "more": 1})
	expect(t, "publish", a, 200, map[string]any{"error": false, "errorDescription": nil, "messageKey": nil, "customData": nil})
	if published := object(a.JSON, "appDefinition"); fmt.Sprint(published["id"]) != id || published["deploymentId"] == nil {
		t.Errorf("%s", a.Body)
	}
	if got := w.landing(t, w.user); got != "<nil>" {
		t.Errorf("before it is deployed: %s", got)
	}
	if a := w.Call(t, w.admin, "POST", "runtime-app-definitions", map[string]any{"appDefinitions": []any{map[string]any{"id": id}}}); a.Status != 200 || a.Body != "" {
		t.Errorf("deploy: %d %q", a.Status, a.Body)
	}
	a = w.Call(t, w.user, "GET", "runtime-app-definitions", nil)
	tasks, visit := first(t, a), a.JSON["data"].([]any)[1].(map[string]any)
	if tasks["defaultAppId"] != "tasks" || tasks["id"] != nil || tasks["deploymentId"] != nil || len(tasks) != 9 {
		t.Errorf("%v", tasks)
	}
	if visit["name"] != "Visit" || visit["deploymentId"] == nil || fmt.Sprint(visit["modelId"]) != id || fmt.Sprint(visit["id"]) == id || visit["tenantId"] != 1.0 || visit["defaultAppId"] != nil {
		t.Errorf("%v", visit)
	}
	number := fmt.Sprint(visit["id"])
	expect(t, "one", w.Call(t, w.user, "GET", "runtime-app-definitions/"+number, nil), 200, visit)
	// By the app's own number too, and twice is once.
	if a := w.Call(t, w.admin, "POST", "runtime-app-definitions", map[string]any{"appDefinitions": []any{map[string]any{"id": visit["id"]}}}); a.Status != 200 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	definition := first(t, w.Call(t, w.user, "GET", "process-definitions?latest=true&appDefinitionId="+number, nil))
	if definition["key"] != "visit" || definition["deploymentId"] != visit["deploymentId"] {
		t.Errorf("%v", definition)
	}
	expect(t, "start", w.Call(t, w.user, "POST", "process-instances", map[string]any{"processDefinitionId": definition["id"], "name": "One", "values": map[string]any{"patient": "Ann"}}), 200, map[string]any{"name": "One"})
	task := first(t, w.Call(t, w.user, "POST", "tasks/query", map[string]any{"appDefinitionId": number}))
	data := w.own(t, w.admin, "GET", "form/form-data?taskId="+task["id"].(string), nil)
	expect(t, "its form", data, 200, map[string]any{"formKey": task["formKey"], "deploymentId": visit["deploymentId"]})
	if task["formKey"] == nil {
		t.Errorf("%v", task)
	}
	expect(t, "of another app", w.Call(t, w.user, "POST", "tasks/query", map[string]any{"appDefinitionId": 999}), 200, map[string]any{"total": 0})

	out := w.Call(t, w.admin, "GET", "app-definitions/"+id+"/export", nil)
	if out.Status != 200 || out.Header.Get("Content-Type") != "application/zip" || out.Header.Get("Content-Disposition") != `attachment; filename="Visit.zip"; filename*=UTF-8''Visit.zip` || out.Body != in {
		t.Errorf("export: %d %v %d bytes, want %d", out.Status, out.Header, len(out.Body), len(in))
	}
	deployed := w.Call(t, w.user, "GET", "export-app-deployment/"+visit["deploymentId"].(string), nil)
	if deployed.Status != 200 || deployed.Body != in {
		t.Errorf("%d %s", deployed.Status, deployed.Header)
	}
	expect(t, "exported and imported", w.sendApp(t, w.admin, "app-definitions/publish-app", deployed.Body), 200, map[string]any{"error": false})
	if got := w.landing(t, w.user); got != "<nil> Visit Visit" {
		t.Errorf("published in one call: %s", got)
	}
}

// What is wrong with an app is told with status 200, as in APS.
func TestAppThatCannotBePublished(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, _ := z.Create("bpmn-models/Broken-5.bpmn20.xml")
	_, _ = io.WriteString(f, `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><process id="p" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="nowhere"/></process></definitions>`)
	_ = z.Close()
	a := w.sendApp(t, w.admin, "app-definitions/publish-app", b.String())
	expect(t, "publish", a, 200, map[string]any{"error": true, "errorType": 2, "messageKey": "GENERAL.ERROR.BAD-REQUEST"})
	if !strings.Contains(a.Text("errorDescription"), "nowhere") || object(a.JSON, "appDefinition")["name"] != "visit" || object(a.JSON, "appDefinition")["deploymentId"] != nil {
		t.Errorf("%s", a.Body)
	}
	if got := w.landing(t, w.admin); got != "<nil>" {
		t.Errorf("%s", got)
	}
	for name, text := range map[string]string{"no archive": "hello", "empty": "", "cut off": visitApp(t)[:300]} {
		refused(t, name, w.sendApp(t, w.admin, "app-definitions/import", text), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "no multipart", w.Call(t, w.admin, "POST", "app-definitions/import", map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
}

func TestAppDefinitionsAreChanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.sendApp(t, w.admin, "app-definitions/import", visitApp(t))
	id := fmt.Sprint(a.JSON["id"])
	a = w.Call(t, w.admin, "PUT", "app-definitions/"+id, map[string]any{"appDefinition": map[string]any{"name": "Visits", "description": nil, "definition": map[string]any{"theme": "theme-5", "models": nil}}, "publish": true})
	expect(t, "update", a, 200, map[string]any{"error": false})
	if d := object(a.JSON, "appDefinition"); d["name"] != "Visits" || d["description"] != "A patient comes" || d["theme"] != "theme-5" || d["icon"] != "glyphicon-heart" || d["deploymentId"] == nil {
		t.Errorf("%s", a.Body)
	}
	expect(t, "one", w.Call(t, w.admin, "GET", "app-definitions/"+id, nil), 200, map[string]any{"name": "Visits", "id": id})
	refused(t, "nothing", w.Call(t, w.admin, "PUT", "app-definitions/"+id, map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "wrong type", w.Call(t, w.admin, "PUT", "app-definitions/"+id, map[string]any{"appDefinition": 5}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "unknown", w.Call(t, w.admin, "PUT", "app-definitions/999", map[string]any{"appDefinition": map[string]any{}}), 404, "GENERAL.ERROR.NOT-FOUND")

	expect(t, "a new version", w.sendApp(t, w.admin, "app-definitions/"+id+"/import", visitApp(t)), 200, map[string]any{"id": id, "name": "Visit"})
	expect(t, "its version", w.Call(t, w.admin, "GET", "models/"+id, nil), 200, map[string]any{"version": 3, "modelType": 3, "comment": "App definition import"})
	refused(t, "into nothing", w.sendApp(t, w.admin, "app-definitions/999/import", visitApp(t)), 404, "GENERAL.ERROR.NOT-FOUND")
	a = w.Call(t, w.admin, "DELETE", "app-definitions/"+id, nil)
	if a.Status != 200 || a.Body != "" {
		t.Errorf("delete: %d %q", a.Status, a.Body)
	}
	refused(t, "gone", w.Call(t, w.admin, "GET", "app-definitions/"+id, nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

// Who may do what with apps; a user with the capability may what an administrator may, with
// his own.
func TestAppsAreForThoseWhoMay(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("piggy@example.com", "x"))
	a := w.Call(t, w.admin, "POST", "admin/groups", map[string]any{"name": "Publishers", "type": 0})
	group := fmt.Sprint(a.JSON["id"])
	w.Call(t, w.admin, "POST", "admin/groups/"+group+"/capabilities", map[string]any{"capabilities": []string{"publish-app-to-dashboard"}})
	if a := w.Call(t, w.admin, "POST", "admin/groups/"+group+"/members/1002", nil); a.Status != 200 {
		t.Fatal(a.Body)
	}
	piggy := w.token(t, "piggy@example.com", "x")
	a = w.sendApp(t, w.admin, "app-definitions/publish-app", visitApp(t))
	theirs := fmt.Sprint(object(a.JSON, "appDefinition")["id"])
	deployment := fmt.Sprint(first(t, w.Call(t, w.admin, "GET", "runtime-app-deployments", nil))["id"])
	for _, op := range []string{"POST app-definitions/import", "POST app-definitions/publish-app", "POST app-definitions/" + theirs + "/import"} {
		_, path, _ := strings.Cut(op, " ")
		refused(t, op, w.sendApp(t, w.user, path, visitApp(t)), 403, "GENERAL.ERROR.FORBIDDEN")
	}
	ops := []string{"POST app-definitions/" + theirs + "/publish", "GET app-definitions/" + theirs, "PUT app-definitions/" + theirs, "DELETE app-definitions/" + theirs, "GET app-definitions/" + theirs + "/export",
		"POST runtime-app-definitions", "DELETE runtime-app-deployments/" + deployment}
	body := map[string]any{"appDefinition": map[string]any{}, "appDefinitions": []any{map[string]any{"id": theirs}}}
	for _, op := range ops {
		method, path, _ := strings.Cut(op, " ")
		refused(t, op, w.Call(t, w.user, method, path, body), 403, "GENERAL.ERROR.FORBIDDEN")
		if strings.Contains(path, "app-definitions/"+theirs) {
			refused(t, op+" of another", w.Call(t, piggy, method, path, body), 403, "GENERAL.ERROR.FORBIDDEN")
		}
	}
	a = w.sendApp(t, piggy, "app-definitions/import", visitApp(t))
	own := fmt.Sprint(a.JSON["id"])
	expect(t, "her own", w.Call(t, piggy, "POST", "app-definitions/"+own+"/publish", nil), 200, map[string]any{"error": false})
	expect(t, "on the landing page", w.Call(t, piggy, "POST", "runtime-app-definitions", map[string]any{"appDefinitions": []any{map[string]any{"id": own}}}), 200, nil)
	for _, op := range []string{"GET app-definitions/999", "POST app-definitions/999/publish", "GET app-definitions/999/export", "DELETE app-definitions/999", "GET runtime-app-definitions/999",
		"GET runtime-app-deployments/999", "DELETE runtime-app-deployments/999", "GET runtime-app-deployment?deploymentId=x", "GET runtime-app-deployment", "GET export-app-deployment/x"} {
		method, path, _ := strings.Cut(op, " ")
		refused(t, op, w.Call(t, w.admin, method, path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	}
	for _, op := range []string{"GET app-definitions/x", "GET runtime-app-definitions/x", "GET runtime-app-deployments/-1", "GET runtime-app-deployments?latest=maybe", "GET runtime-app-deployments?sort=x",
		"GET runtime-app-deployments?order=x", "GET runtime-app-deployments?tenantId=x", "POST runtime-app-definitions"} {
		method, path, _ := strings.Cut(op, " ")
		var body any
		if method == "POST" {
			body = map[string]any{"appDefinitions": nil}
		}
		refused(t, op, w.Call(t, w.admin, method, path, body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "unknown app", w.Call(t, w.admin, "POST", "runtime-app-definitions", map[string]any{"appDefinitions": []any{map[string]any{"id": 999}}}), 404, "GENERAL.ERROR.NOT-FOUND")
}

// An app that names somebody is for him, and for administrators.
func TestAppForSome(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("piggy@example.com", "x"))
	own := `{"name":"%s","definition":{"models":[],"publishIdentityInfo":[{"type":"user","person":{"id":77,"email":"%s"}}]}}`
	for name, email := range map[string]string{"Kermits": "kermit@example.com", "Nobodys": "gone@example.com"} {
		a := w.sendApp(t, w.admin, "app-definitions/publish-app", packed(t, "../engine/testdata/visit", []byte(fmt.Sprintf(own, name, email))))
		expect(t, name, a, 200, map[string]any{"error": false})
	}
	piggy := w.token(t, "piggy@example.com", "x")
	for token, want := range map[string]string{w.user: "<nil> Kermits", piggy: "<nil>", w.admin: "<nil> Kermits Nobodys"} {
		if got := w.landing(t, token); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	all := w.Call(t, w.admin, "GET", "runtime-app-deployments?sort=name&order=desc", nil)
	hidden := first(t, all)
	if all.JSON["total"] != 2.0 || object(hidden, "appDefinition")["name"] != "Nobodys" {
		t.Fatalf("%s", all.Body)
	}
	if a := w.Call(t, w.user, "GET", "runtime-app-deployments", nil); a.JSON["total"] != 1.0 {
		t.Errorf("%s", a.Body)
	}
	for _, path := range []string{"runtime-app-definitions/" + fmt.Sprint(object(hidden, "appDefinition")["id"]), "runtime-app-deployments/" + fmt.Sprint(hidden["id"]),
		"runtime-app-deployment?deploymentId=" + hidden["deploymentId"].(string), "export-app-deployment/" + hidden["deploymentId"].(string)} {
		refused(t, path, w.Call(t, w.user, "GET", path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
		expect(t, path, w.Call(t, w.admin, "GET", path, nil), 200, nil)
	}
}

func TestAppDeploymentsAreListed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "review.bpmn20.xml"), []byte(review), 0o600); err != nil {
		t.Fatal(err)
	}
	// By the command line, which nobody has made.
	if _, err := w.Admin.DeployApp(t.Context(), filepath.Join(dir, "review.bpmn20.xml"), sluice.NewApp{}); err != nil {
		t.Fatal(err)
	}
	a := w.sendApp(t, w.admin, "app-definitions/publish-app", visitApp(t))
	id := fmt.Sprint(object(a.JSON, "appDefinition")["id"])
	w.Call(t, w.admin, "POST", "app-definitions/"+id+"/publish", nil)
	if got := w.landing(t, w.user); got != "<nil> Visit review" {
		t.Errorf("%s", got)
	}
	for query, want := range map[string]string{
		"": "3 3 Visit Visit review", "?latest=true": "2 2 Visit review", "?latest=true&sort=name&order=desc": "2 2 review Visit", "?nameLike=VIS": "2 2 Visit Visit",
		"?size=1": "1 3 Visit", "?start=2&size=5": "1 3 review", "?sort=created": "3 3 review Visit Visit", "?tenantId=1": "3 3 Visit Visit review",
	} {
		a := w.Call(t, w.user, "GET", "runtime-app-deployments"+query, nil)
		names := []string{fmt.Sprint(a.JSON["size"]), fmt.Sprint(a.JSON["total"])}
		list, _ := a.JSON["data"].([]any)
		for _, one := range list {
			names = append(names, object(one.(map[string]any), "appDefinition")["name"].(string))
		}
		if got := strings.Join(names, " "); a.Status != 200 || got != want {
			t.Errorf("%s: %d %s, want %s", query, a.Status, got, want)
		}
	}
	newest := first(t, w.Call(t, w.user, "GET", "runtime-app-deployments", nil))
	if object(newest, "createdBy")["email"] != "admin" || !apsDate.MatchString(newest["created"].(string)) || newest["dmnDeploymentId"] != nil {
		t.Errorf("%v", newest)
	}
	path := "runtime-app-deployments/" + fmt.Sprint(newest["id"])
	expect(t, "one", w.Call(t, w.user, "GET", path, nil), 200, map[string]any{"deploymentId": newest["deploymentId"]})
	expect(t, "by its deployment", w.Call(t, w.user, "GET", "runtime-app-deployment?deploymentId="+newest["deploymentId"].(string), nil), 200, map[string]any{"id": newest["id"]})
	expect(t, "start", w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "visit"}), 201, nil)
	if a := w.Call(t, w.admin, "DELETE", path, nil); a.Status != 200 || a.Body != "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "gone", w.Call(t, w.user, "GET", path, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	expect(t, "its instances", w.own(t, w.admin, "GET", "runtime/process-instances", nil), 200, map[string]any{"total": 0})
	expect(t, "delete with what was deployed", w.Call(t, w.admin, "DELETE", "models/"+id+"?deleteRuntimeApp=true&cascade=true", nil), 200, nil)
	if got := w.landing(t, w.user); got != "<nil> review" {
		t.Errorf("%s", got)
	}
	expect(t, "no models", w.Call(t, w.admin, "GET", "models", nil), 200, map[string]any{"total": 0})
}

// realApps is where real exports of apps are, on machines that have them.
const realApps = "../../../shared/aps/apps"

// Every app export that the folder of real ones holds works from import to its first task.
func TestRealApps(t *testing.T) {
	t.Parallel()
	found, err := os.ReadDir(realApps)
	if err != nil {
		t.Skip("the folder of real app exports is not there")
	}
	w, n := setup(t), 0
	for _, dir := range found {
		if !dir.IsDir() {
			continue
		}
		n++
		name := dir.Name()
		in := packed(t, filepath.Join(realApps, name), nil)
		a := w.sendFile(t, w.admin, "enterprise/app-definitions/import", name+".zip", in)
		if a.Status != 200 {
			t.Errorf("%s: import: %d %s", name, a.Status, a.Body)
			continue
		}
		id := fmt.Sprint(a.JSON["id"])
		a = w.Call(t, w.admin, "POST", "app-definitions/"+id+"/publish", map[string]any{"comment": "", "force": false})
		if a.Status != 200 || a.JSON["error"] != false {
			t.Errorf("%s: publish: %d %s", name, a.Status, a.Body)
			continue
		}
		deployment, _ := object(a.JSON, "appDefinition")["deploymentId"].(string)
		expect(t, name+": deploy", w.Call(t, w.admin, "POST", "runtime-app-definitions", map[string]any{"appDefinitions": []any{map[string]any{"id": id}}}), 200, nil)
		number := w.numberOf(t, id)
		definitions, _ := w.Call(t, w.admin, "GET", "process-definitions?latest=true&appDefinitionId="+number, nil).JSON["data"].([]any)
		if len(definitions) == 0 {
			t.Errorf("%s has no process", name)
		}
		for _, d := range definitions {
			w.firstTask(t, d.(map[string]any)["id"].(string), deployment, number)
		}
		out := w.Call(t, w.admin, "GET", "app-definitions/"+id+"/export", nil)
		back := w.sendFile(t, w.admin, "enterprise/app-definitions/publish-app", name+".zip", out.Body)
		expect(t, name+": again", back, 200, map[string]any{"error": false})
		if !slices.Equal(entries(t, out.Body, in), entries(t, in, in)) {
			t.Errorf("%s: it is not the same app again: %v", name, entries(t, out.Body, in))
		}
	}
	if n == 0 {
		t.Error("there is no app")
	}
}

// realStarts are the variables that a process of the real apps is started with, as its start
// form would give them, how many tasks it has then, and, where it calls code of its app's
// own that came with no app, what it stops at.
var realStarts = map[string]struct {
	variables map[string]any
	tasks     int
	stops     string
}{
	"sqs-start":                     {tasks: 1},
	"SSN-Stencil-Process":           {tasks: 1},
	"Signature-Stencil-Process":     {tasks: 1},
	"simple-text-input-stencil":     {tasks: 1},
	"multi-instance-advanced":       {variables: map[string]any{"reviewer1": "1", "reviewer2": "1001", "reviewer3": nil, "reviewer4": nil}, tasks: 2},
	"UserAssignmentRulesDeployment": {variables: map[string]any{"processName": "process-1", "environment": "prod"}}, // decides, and ends
	"GenerateDocwithSignature":      {variables: map[string]any{"sign": "data:image/png;base64,aGVsbG8="}},          // goes on with a job
	"OpportunityDiscountApproval":   {},                                                                             // begins with a job
	"bulk-user-upload-process":      {},                                                                             // begins with a job
	"admin-data-entry-process":      {},
	"HierarchicalApprovalProcess":   {stops: "the list has 0 items"}, // there is no group that its script looks for
	"DroolsTest":                    {stops: "com.alfresco.rules.CustomerRepresentation"},
	"UserLookupExample":             {stops: "dmnRuleService"},
	"variable-datamodel-mapping":    {stops: "variableToDataModelMapping"},
}

// numberOf is the number that a model's app has on the landing page.
func (w world) numberOf(t *testing.T, id string) string {
	t.Helper()
	list, _ := w.Call(t, w.admin, "GET", "runtime-app-definitions", nil).JSON["data"].([]any)
	for _, one := range list {
		if a := one.(map[string]any); fmt.Sprint(a["modelId"]) == id {
			return fmt.Sprint(a["id"])
		}
	}
	t.Fatalf("the app of the model %s is not on the landing page", id)
	return ""
}

// firstTask starts a process of a real app and looks for its first tasks, among those of the
// app; they have their forms.
func (w world) firstTask(t *testing.T, definition, deployment, number string) {
	t.Helper()
	key, _, _ := strings.Cut(definition, ":")
	want, known := realStarts[key]
	if !known {
		t.Errorf("nobody has said how %s starts", key)
	}
	variables := []any{}
	for name, value := range want.variables {
		variables = append(variables, map[string]any{"name": name, "value": value})
	}
	a := w.Call(t, w.admin, "POST", "process-instances", map[string]any{"processDefinitionId": definition, "name": key, "variables": variables})
	if want.stops != "" {
		if a.Status != 400 || !strings.Contains(a.Body, want.stops) {
			t.Errorf("%s: %d %s, want that it stops at %s", key, a.Status, a.Body, want.stops)
		}
		return
	}
	if a.Status != 200 {
		t.Errorf("%s: start: %d %s", key, a.Status, a.Body)
		return
	}
	a = w.Call(t, w.admin, "POST", "tasks/query", map[string]any{"processInstanceId": a.Text("id"), "appDefinitionId": number})
	list, _ := a.JSON["data"].([]any)
	if a.Status != 200 || len(list) != want.tasks {
		t.Errorf("%s: %d tasks, want %d: %s", key, len(list), want.tasks, a.Body)
	}
	for _, one := range list {
		task := one.(map[string]any)
		if task["formKey"] == nil {
			continue
		}
		data := w.own(t, w.admin, "GET", "form/form-data?taskId="+task["id"].(string), nil)
		expect(t, key+": its form", data, 200, map[string]any{"formKey": task["formKey"], "deploymentId": deployment})
	}
}

// entries are the files of an archive; but for the app's own file, which one without has
// got, with their contents.
func entries(t *testing.T, archive, of string) (all []string) {
	t.Helper()
	had := map[string]bool{}
	for pass, text := range []string{of, archive} {
		z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if pass == 0 {
				had[f.Name] = true
				continue
			}
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(r)
			_ = r.Close()
			if had[f.Name] {
				all = append(all, f.Name+" "+string(data))
			}
		}
	}
	return all
}
