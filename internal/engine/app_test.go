package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// single is an app of one process with that key.
func single(name, key string) *app.App {
	r := process(taskThenEnd)
	text := []byte(fmt.Sprintf(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><process id=%q isExecutable="true">%s</process></definitions>`, key, taskThenEnd))
	return &app.App{Name: name, Theme: "theme-2", Icon: "glyphicon-file", Description: "about " + name, Processes: []app.File{{Name: r.Name, Bytes: text}}}
}

// deployed deploys an app and returns its number.
func (w *world) deployed(a *app.App, o engine.AppOptions) (int64, *engine.Deployed) {
	w.t.Helper()
	done, err := w.e.DeployApp(context.Background(), engine.Actor{UserID: "7", Admin: true, AllTenants: true}, a, o)
	w.must(err)
	of, err := w.e.AppDeployment(context.Background(), engine.AppDeploymentQuery{DeploymentID: done.Deployment.ID})
	w.must(err)
	return of.App.ID, done
}

// An app keeps its number when it is deployed again, and what is asked of it is that of
// all its deployments but for definitions.
func TestAppsKeepTheirNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	shown := engine.AppOptions{Of: &engine.AppOf{Shown: true}}
	first, d1 := w.deployed(single("One", "p"), shown)
	old := w.start("p", nil)
	again, d2 := w.deployed(single("One", "p"), shown)
	other, _ := w.deployed(single("Other", "q"), shown)
	elsewhere, _ := w.deployed(single("One", "p"), engine.AppOptions{TenantID: "tenant_2", Of: &engine.AppOf{Shown: true}})
	if again != first || other == first || elsewhere == first || d1.Deployment.ID == d2.Deployment.ID {
		t.Fatalf("%d %d %d %d", first, again, other, elsewhere)
	}
	now := w.start("p", nil)
	w.start("q", nil)
	task, err := w.e.NewTask(ctx, admin, engine.Task{Name: "own", Category: fmt.Sprint(first)})
	w.must(err)
	instances, n, err := w.e.Instances(ctx, engine.InstanceQuery{AppID: first})
	w.must(err)
	if n != 2 || instances[0].ID != now || instances[1].ID != old {
		t.Errorf("instances %v", instances)
	}
	tasks, n, err := w.e.Tasks(ctx, engine.TaskQuery{AppID: first})
	w.must(err)
	if n != 3 || tasks[0].ID != task.ID {
		t.Errorf("tasks %v", tasks)
	}
	definitions, n, err := w.e.Definitions(ctx, engine.DefinitionQuery{AppID: first, Latest: true})
	w.must(err)
	if n != 1 || definitions[0].Version != 2 {
		t.Errorf("definitions %v", definitions)
	}
	// A process that another app brings too is in both.
	w.deployed(single("Third", "p"), shown)
	if definitions, _, err = w.e.Definitions(ctx, engine.DefinitionQuery{AppID: first, Latest: true}); err != nil || len(definitions) != 1 || definitions[0].Version != 2 {
		t.Errorf("definitions %v %v", definitions, err)
	}
	got, err := w.e.App(ctx, engine.Actor{UserID: "8"}, "", first)
	w.must(err)
	want := engine.App{ID: first, Name: "One", Description: "about One", Theme: "theme-2", Icon: "glyphicon-file", Shown: true, DeploymentID: d2.Deployment.ID}
	if *got != want {
		t.Errorf("%+v, want %+v", *got, want)
	}
	_, err = w.e.App(ctx, admin, "tenant_2", first)
	w.wants(fault.NotFound, err)
	_, err = w.e.App(ctx, admin, "", 0)
	w.wants(fault.NotFound, err)
}

// The same files again are no new version, and become an app's when they were none.
func TestAppOfTheSameFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	done, err := w.e.DeployApp(ctx, admin, single("One", "p"), engine.AppOptions{})
	w.must(err)
	_, err = w.e.AppDeployment(ctx, engine.AppDeploymentQuery{DeploymentID: done.Deployment.ID})
	w.wants(fault.NotFound, err)
	_, err = w.e.AppDeployment(ctx, engine.AppDeploymentQuery{})
	w.wants(fault.NotFound, err)
	id, same := w.deployed(single("One", "p"), engine.AppOptions{SkipSame: true, Of: &engine.AppOf{}})
	twice, _ := w.deployed(single("One", "p"), engine.AppOptions{SkipSame: true, Of: &engine.AppOf{}})
	if same.Deployment.ID != done.Deployment.ID || id != twice || w.count(`SELECT COUNT(*) FROM app_deployments`) != 1 {
		t.Errorf("%v %d %d", same, id, twice)
	}
}

// Who may see an app, and what puts it on the landing page.
func TestLandingPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	everybody, _ := w.deployed(single("Everybody's", "p"), engine.AppOptions{Of: &engine.AppOf{ModelID: 900}})
	few, _ := w.deployed(single("Few's", "q"), engine.AppOptions{Of: &engine.AppOf{Shown: true, Readers: []engine.Reader{{UserID: "3"}, {GroupID: "Band"}}}})
	landing := func(a engine.Actor) string {
		yes := true
		all, total, err := w.e.Apps(ctx, engine.AppQuery{For: &a, Shown: &yes, Tenant: engine.Tenant{None: true}})
		w.must(err)
		var names []string
		for _, one := range all {
			names = append(names, one.Name)
		}
		return fmt.Sprint(total, names)
	}
	piggy := engine.Actor{UserID: "3"}
	if got := landing(piggy); got != "1 [Few's]" {
		t.Errorf("before it is shown: %s", got)
	}
	w.must(w.e.ShowApps(ctx, "", []int64{900}))
	for name, c := range map[string]struct {
		actor engine.Actor
		want  string
	}{
		"a reader": {piggy, "2 [Everybody's Few's]"}, "one of a group": {engine.Actor{UserID: "4", Groups: []string{"12", "Band"}}, "2 [Everybody's Few's]"},
		"another": {engine.Actor{UserID: "4", Groups: []string{"12"}}, "1 [Everybody's]"}, "nobody": {engine.Actor{}, "1 [Everybody's]"}, "an administrator": {admin, "2 [Everybody's Few's]"},
	} {
		if got := landing(c.actor); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	_, err := w.e.App(ctx, engine.Actor{UserID: "4"}, "", few)
	w.wants(fault.NotFound, err)
	w.wants(fault.NotFound, w.e.ShowApps(ctx, "", []int64{everybody, 77}))
	w.wants(fault.NotFound, w.e.ShowApps(ctx, "tenant_2", []int64{everybody}))
	w.wants(fault.NotFound, w.e.ShowApps(ctx, "", []int64{0}))
	// Nobody is named any more.
	w.deployed(single("Few's", "q"), engine.AppOptions{Of: &engine.AppOf{}})
	if got := landing(engine.Actor{UserID: "4"}); got != "2 [Everybody's Few's]" {
		t.Errorf("after that: %s", got)
	}
}

// Deployments of apps, and what is left when they go.
func TestAppDeployments(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	_, a1 := w.deployed(single("Apples", "p"), engine.AppOptions{Of: &engine.AppOf{}})
	id, a2 := w.deployed(single("Apples", "p"), engine.AppOptions{Of: &engine.AppOf{}})
	_, b := w.deployed(single("Pears 100%", "q"), engine.AppOptions{Of: &engine.AppOf{}})
	w.deployed(single("Apples", "p"), engine.AppOptions{TenantID: "tenant_2", Of: &engine.AppOf{}})
	here := engine.Tenant{None: true}
	for name, c := range map[string]struct {
		q    engine.AppDeploymentQuery
		want []string
	}{
		"all":    {engine.AppDeploymentQuery{Tenant: here}, []string{b.Deployment.ID, a2.Deployment.ID, a1.Deployment.ID}},
		"newest": {engine.AppDeploymentQuery{Tenant: here, Newest: true, Order: engine.Order{By: "name"}}, []string{a2.Deployment.ID, b.Deployment.ID}},
		"name":   {engine.AppDeploymentQuery{Tenant: here, NameContains: "S 100%"}, []string{b.Deployment.ID}},
		"app":    {engine.AppDeploymentQuery{AppID: id, Order: engine.Order{By: "id"}}, []string{a1.Deployment.ID, a2.Deployment.ID}},
	} {
		all, total, err := w.e.AppDeployments(ctx, c.q)
		w.must(err)
		var got []string
		for _, d := range all {
			got = append(got, d.ID)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) || total != len(c.want) {
			t.Errorf("%s: %d %v, want %v", name, total, got, c.want)
		}
	}
	one, err := w.e.AppDeployment(ctx, engine.AppDeploymentQuery{DeploymentID: a1.Deployment.ID, Tenant: here})
	w.must(err)
	if one.CreatedBy != "7" || one.App.Name != "Apples" || one.App.DeploymentID != a2.Deployment.ID || one.DeployedAt.IsZero() {
		t.Errorf("%+v", one)
	}
	same, err := w.e.AppDeployment(ctx, engine.AppDeploymentQuery{Number: one.Number, Tenant: here})
	w.must(err)
	if same.ID != a1.Deployment.ID {
		t.Errorf("%+v", same)
	}
	_, err = w.e.AppDeployment(ctx, engine.AppDeploymentQuery{Number: one.Number, Tenant: engine.Tenant{ID: "tenant_2"}})
	w.wants(fault.NotFound, err)
	files, err := w.e.Files(ctx, a1.Deployment.ID)
	w.must(err)
	if len(files) != 1 || files[0].Name != "p.bpmn" {
		t.Errorf("%v", files)
	}
	w.must(w.e.DeleteDeployment(ctx, admin, a2.Deployment.ID, true))
	left, err := w.e.App(ctx, admin, "", id)
	w.must(err)
	if left.DeploymentID != a1.Deployment.ID {
		t.Errorf("%+v", left)
	}
	w.must(w.e.DeleteDeployment(ctx, admin, a1.Deployment.ID, true))
	_, err = w.e.App(ctx, admin, "", id)
	w.wants(fault.NotFound, err)
	_, err = w.e.Files(ctx, a1.Deployment.ID)
	w.wants(fault.NotFound, err)
}
