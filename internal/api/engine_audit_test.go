package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sluicehq/sluice"
)

// deployments returns the audit's lines about deployments, the oldest first: event, outcome,
// actor, subject and details.
func (w world) deployments(t *testing.T) (list []string) {
	t.Helper()
	for e, err := range w.Admin.AuditAll(t.Context(), sluice.AuditQuery{Event: "deployment", Oldest: true}) {
		if err != nil {
			t.Fatal(err)
		}
		details := []string{}
		for name, value := range e.Details {
			if name != "definitions" && name != "tenant" { // ids
				details = append(details, fmt.Sprint(name, "=", value))
			}
		}
		slices.Sort(details)
		list = append(list, strings.Join(append([]string{e.Name, e.Outcome, e.Actor, e.Subject}, details...), " "))
	}
	return list
}

// TestDeploymentsAreRecorded: what is deployed and deleted, by either API, by Go and by the
// command line, has a line that says who, what and how it ended.
func TestDeploymentsAreRecorded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	who := "user:" + fmt.Sprint(w.Call(t, w.admin, "GET", "profile", nil).JSON["id"])
	var want []string
	line := func(parts ...string) { want = append(want, strings.Join(parts, " ")) }

	// Activiti's API.
	id := w.sendFile(t, w.admin, "repository/deployments", "review.bpmn20.xml", review).Text("id")
	line("deployment.create success", who, "deployment:"+id, "name=review processes=1")
	w.sendFile(t, w.admin, "repository/deployments", "review.bpmn20.xml", "<nothing>")
	line("deployment.create failure", who, "", "name=review reason=invalid")
	w.own(t, w.user, "POST", "runtime/process-instances", map[string]any{"processDefinitionKey": "review"})
	w.own(t, w.admin, "DELETE", "repository/deployments/"+id, nil)
	line("deployment.delete failure", who, "deployment:"+id, "name=review reason=conflict")
	w.own(t, w.admin, "DELETE", "repository/deployments/"+id+"?cascade=true", nil)
	line("deployment.delete success", who, "deployment:"+id, "cascade=true name=review processes=1")
	w.own(t, w.admin, "DELETE", "repository/deployments/"+id, nil)
	line("deployment.delete failure", who, "", "name= reason=not found")

	// Go, and the command line, which names itself so.
	ctx := sluice.WithActor(t.Context(), "cli", "root")
	files := fstest.MapFS{"review.bpmn20.xml": {Data: []byte(review)}}
	app, err := w.Admin.DeployFS(t.Context(), "by go", files, sluice.NewApp{})
	if err != nil {
		t.Fatal(err)
	}
	line("deployment.create success program", "deployment:"+app.ID, "name=by go processes=1")
	if _, err := w.Admin.DeployFS(t.Context(), "by go", files, sluice.NewApp{}); err != nil { // the same: nothing is deployed
		t.Fatal(err)
	}
	if err := w.Admin.DeleteApp(ctx, app.ID, false); err != nil {
		t.Fatal(err)
	}
	line("deployment.delete success cli", "deployment:"+app.ID, "name=by go processes=1")
	if got := w.deployments(t); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// APS's API.
	expect(t, "publish", w.sendApp(t, w.admin, "app-definitions/publish-app", visitApp(t)), 200, nil)
	got := w.deployments(t)[len(want):]
	if len(got) != 1 || !strings.HasPrefix(got[0], "deployment.create success "+who+" deployment:") || !strings.HasSuffix(got[0], "processes=1") {
		t.Errorf("%q", got)
	}
}
