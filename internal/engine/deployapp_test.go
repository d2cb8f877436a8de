package engine_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func visit(t *testing.T) *app.App {
	t.Helper()
	a, err := app.ReadFS("visit", os.DirFS("testdata/visit"), app.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestDeployApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	first, err := w.e.DeployApp(ctx, admin, visit(t), engine.AppOptions{Key: "3", SkipSame: true})
	w.must(err)
	if first.Deployment.Name != "Visit" || len(first.Definitions) != 1 || !first.Definitions[0].StartForm || first.Definitions[0].Version != 1 {
		t.Errorf("%+v", first)
	}
	if n := w.count(`SELECT COUNT(*) FROM forms`); n != 2 {
		t.Errorf("%v forms", n)
	}
	if got := w.column(`SELECT key || ' ' || model_id FROM decision_tables`); len(got) != 1 || got[0] != "urgency 12" {
		t.Errorf("%v", got)
	}
	again, err := w.e.DeployApp(ctx, admin, visit(t), engine.AppOptions{Key: "3", SkipSame: true})
	w.must(err)
	if again.Deployment.ID != first.Deployment.ID || len(again.Definitions) != 1 || again.Definitions[0].Version != 1 || w.count(`SELECT COUNT(*) FROM deployments`) != 1 {
		t.Errorf("the same again: %+v", again)
	}
	changed := visit(t)
	changed.Forms[0].Bytes = append(changed.Forms[0].Bytes, ' ')
	third, err := w.e.DeployApp(ctx, admin, changed, engine.AppOptions{Key: "3", SkipSame: true})
	w.must(err)
	if third.Definitions[0].Version != 2 || w.count(`SELECT MAX(version) FROM forms WHERE key = '9'`) != 2 {
		t.Errorf("changed: %+v", third)
	}
}

func TestDeployAppTellsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{Delegates: delegates})
	bad := visit(t)
	bad.Processes = append(bad.Processes, app.File{Name: "broken.bpmn", Bytes: []byte("<definitions")}, app.File{Name: "twice.bpmn", Bytes: bad.Processes[0].Bytes})
	bad.Forms[0].Bytes = []byte(`{"fields":[{"type":"text"}]}`)
	_, err := w.e.DeployApp(context.Background(), admin, bad, engine.AppOptions{})
	if !fault.Is(err, fault.Invalid) {
		t.Fatal(err)
	}
	for _, part := range []string{"broken.bpmn", `twice.bpmn: the process "visit" is in`, `has no id`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if n := w.count(`SELECT COUNT(*) FROM deployments`); n != 0 {
		t.Errorf("%v deployments", n)
	}
	source := `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="x"><process id="p" isExecutable="true"><startEvent id="s"/>
	<sequenceFlow id="f" sourceRef="s" targetRef="a"/><serviceTask id="a" activiti:delegateExpression="${nobody}"/><sequenceFlow id="g" sourceRef="a" targetRef="b"/><serviceTask id="b" activiti:class="testEcho"/>
	<sequenceFlow id="h" sourceRef="b" targetRef="c"/><userTask id="c" activiti:formKey="77"/></process></definitions>`
	done, err := w.e.DeployApp(context.Background(), admin, &app.App{Name: "p", Processes: []app.File{{Name: "p.bpmn", Bytes: []byte(source)}}}, engine.AppOptions{})
	w.must(err)
	var got []string
	for _, p := range done.Problems {
		if p.Warning && (p.Name == "delegate-unknown" || p.Name == "form-missing") {
			got = append(got, p.Name+" "+p.Element)
		}
	}
	if strings.Join(got, ", ") != "delegate-unknown a, form-missing c" {
		t.Errorf("%v", got)
	}
}

func TestDeleteDeployment(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	source := strings.Replace(two, `<startEvent id="s"/>`, `<startEvent id="s"/><startEvent id="m"><messageEventDefinition messageRef="go"/></startEvent><sequenceFlow id="z" sourceRef="m" targetRef="first"/>`, 1)
	source = strings.Replace(source, `<process`, `<message id="go" name="go"/><process`, 1)
	first := w.deploy(engine.Resource{Name: "two.bpmn", Bytes: []byte(source)})
	second := w.deploy(engine.Resource{Name: "two.bpmn", Bytes: []byte(source)})
	if inst, err := w.e.Start(ctx, kermit, engine.StartOptions{Message: "go"}); err != nil || inst.DefinitionID != second.Definitions[0].ID {
		t.Fatalf("%+v %v", inst, err)
	}
	if err := w.e.DeleteDeployment(ctx, admin, second.Deployment.ID, false); !fault.Is(err, fault.Conflict) {
		t.Errorf("with an instance: %v", err)
	}
	w.must(w.e.DeleteDeployment(ctx, admin, second.Deployment.ID, true))
	if n := w.count(`SELECT (SELECT COUNT(*) FROM instances) + (SELECT COUNT(*) FROM tasks) + (SELECT COUNT(*) FROM links) + (SELECT COUNT(*) FROM activities)`); n != 0 {
		t.Errorf("%v rows are left", n)
	}
	// The version before starts again.
	inst, err := w.e.Start(ctx, kermit, engine.StartOptions{Message: "go"})
	w.must(err)
	if inst.DefinitionID != first.Definitions[0].ID {
		t.Errorf("%s", inst.DefinitionID)
	}
	if err := w.e.DeleteDeployment(ctx, admin, second.Deployment.ID, true); !fault.Is(err, fault.NotFound) {
		t.Errorf("twice: %v", err)
	}
}

// The exports of a real APS, where they are at hand, can be deployed and started.
func TestRealAppsStart(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir("../../../shared/aps/apps")
	if err != nil {
		t.Skip("the exports are not here")
	}
	w := newWorld(t, engine.Config{})
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		a, err := app.ReadFS(d.Name(), os.DirFS("../../../shared/aps/apps/"+d.Name()), app.Limits{})
		w.must(err)
		done, err := w.e.DeployApp(context.Background(), admin, a, engine.AppOptions{})
		if err != nil {
			t.Errorf("%s: %v", d.Name(), err)
			continue
		}
		for _, def := range done.Definitions {
			_, err := w.e.Start(context.Background(), engine.Actor{UserID: "1", Admin: true}, engine.StartOptions{DefinitionID: def.ID})
			t.Logf("%s: %v", def.Key, err)
		}
	}
}
