package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// TestMigrate: a waiting instance goes on in another version, its timer and its task too.
func TestMigrate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	body := func(task, after string) engine.Resource {
		return process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="sub"/><subProcess id="sub"><startEvent id="in"/><sequenceFlow id="f2" sourceRef="in" targetRef="` + task + `"/>
			<userTask id="` + task + `" name="` + task + `"/></subProcess><boundaryEvent id="late" attachedToRef="sub"><timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition></boundaryEvent>
			<sequenceFlow id="f3" sourceRef="sub" targetRef="` + after + `"/><userTask id="` + after + `" name="` + after + `"/><sequenceFlow id="f4" sourceRef="late" targetRef="escalated"/><userTask id="escalated" name="escalated"/>`)
	}
	w.deploy(body("work", "old"))
	one, two := w.start("p", nil), w.start("p", nil)
	def := w.deploy(body("labour", "new")).Definitions[0].ID
	err := w.e.Migrate(ctx, admin, one, def, nil)
	w.wants(fault.Invalid, err)
	if msg := fault.Message(err); !strings.Contains(msg, `"work"`) {
		t.Errorf("the message %q does not name the activity", msg)
	}
	w.wants(fault.Invalid, w.e.Migrate(ctx, admin, one, def, map[string]string{"work": "escalated"}))
	w.wants(fault.Invalid, w.e.Migrate(ctx, admin, one, def, map[string]string{"work": "in"}))
	for _, id := range []string{one, two} {
		w.must(w.e.Migrate(ctx, admin, id, def, map[string]string{"work": "labour"}))
	}
	w.must(w.e.Complete(ctx, admin, w.find("labour").id, engine.CompleteOptions{}))
	w.now = w.now.Add(2 * time.Hour)
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"escalated", "new"}) {
		t.Errorf("tasks %v", got)
	}
}

// TestAdHoc: what happens in an ad-hoc sub-process is decided from outside.
func TestAdHoc(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="any"/><adHocSubProcess id="any" ordering="Parallel"><userTask id="a" name="a"/><userTask id="b" name="b"/>
		<sequenceFlow id="f2" sourceRef="b" targetRef="c"/><userTask id="c" name="c"/><completionCondition>${done == true}</completionCondition></adHocSubProcess>
		<sequenceFlow id="f3" sourceRef="any" targetRef="after"/><userTask id="after" name="after"/>`))
	id := w.start("p", map[string]any{"done": false})
	sub := ""
	places, err := w.e.Executions(ctx, id)
	w.must(err)
	for _, p := range places {
		if p.ActivityID == "any" {
			sub = p.ID
		}
	}
	can, err := w.e.AdHocActivities(ctx, admin, id, sub)
	w.must(err)
	if !cmp.Equal(can, []string{"a", "b"}) {
		t.Errorf("%v can be begun", can)
	}
	w.wants(fault.NotFound, w.e.ExecuteActivity(ctx, admin, id, sub, "c"))
	w.wants(fault.NotFound, w.e.ExecuteActivity(ctx, admin, id, id, "a"))
	w.must(w.e.ExecuteActivity(ctx, admin, id, sub, "a"))
	w.must(w.e.ExecuteActivity(ctx, admin, id, sub, "b"))
	w.wants(fault.Conflict, w.e.CompleteAdHoc(ctx, admin, id, sub))
	w.complete("b", nil)
	w.complete("a", nil)
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"c"}) {
		t.Fatalf("tasks %v", got)
	}
	w.complete("c", map[string]any{"done": true})
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after"}) {
		t.Errorf("tasks %v after the completion condition held", got)
	}
	second := w.start("p", map[string]any{"done": false})
	places, err = w.e.Executions(ctx, second)
	w.must(err)
	w.must(w.e.CompleteAdHoc(ctx, admin, second, places[1].ID))
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after", "after"}) {
		t.Errorf("tasks %v", got)
	}
}

// TestDepth: processes that call themselves end in an error, and nothing is left.
func TestDepth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{MaxDepth: 10})
	w.deploy(file(t, "call.bpmn"))
	_, err := w.e.Start(ctx, admin, engine.StartOptions{Key: "endless"})
	w.wants(fault.Invalid, err)
	if !strings.Contains(err.Error(), "10 processes") || w.count(`SELECT count(*) FROM instances`) != 0 {
		t.Errorf("error %v, %v instances", err, w.count(`SELECT count(*) FROM instances`))
	}
}

// TestVersions: the newest version starts by key and by itself; instances keep theirs.
func TestVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	body := func(task string) engine.Resource {
		return process(`<startEvent id="timed"><timerEventDefinition><timeCycle>R/PT1H</timeCycle></timerEventDefinition></startEvent>
			<sequenceFlow id="f2" sourceRef="timed" targetRef="t"/><userTask id="t" name="` + task + `"/>`)
	}
	first := w.deploy(body("one")).Definitions[0]
	w.start("p", nil)
	second := w.deploy(body("two")).Definitions[0]
	if first.Version != 1 || second.Version != 2 {
		t.Errorf("versions %d and %d", first.Version, second.Version)
	}
	w.start("p", nil)
	_, err := w.e.Start(ctx, admin, engine.StartOptions{DefinitionID: first.ID})
	w.must(err)
	w.now = w.now.Add(3*time.Hour + time.Minute)
	w.runDue() // one that is late, then on time again
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"one", "one", "two", "two"}) {
		t.Errorf("tasks %v", got)
	}
	if jobs := w.jobs(); len(jobs) != 1 || !jobs[0].Due.Equal(time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("jobs %+v, want the next at 12", jobs)
	}
	_, err = w.e.Start(ctx, admin, engine.StartOptions{Key: "nobody"})
	w.wants(fault.NotFound, err)
	_, err = w.e.Start(ctx, admin, engine.StartOptions{Key: "p", TenantID: "other"})
	w.wants(fault.NotFound, err)
	_, err = w.e.Start(ctx, admin, engine.StartOptions{Key: "p", Message: "m"})
	w.wants(fault.Invalid, err)
}

// TestScriptsAreChecked: a deployment says which scripts cannot be run, and why.
func TestScriptsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	d := w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="a"/><scriptTask id="a" scriptFormat="javascript"><script>var = 1</script></scriptTask>
		<sequenceFlow id="f2" sourceRef="a" targetRef="b"/><scriptTask id="b" scriptFormat="cobol"><script>STOP RUN</script></scriptTask>
		<sequenceFlow id="f3" sourceRef="b" targetRef="c"/><scriptTask id="c" scriptFormat="javascript"><script>1</script></scriptTask>`))
	var at []string
	for _, p := range d.Problems {
		if p.Name == "sluice-script" && p.Warning && p.Message != "" {
			at = append(at, p.Element)
		}
	}
	if !cmp.Equal(at, []string{"a", "b"}) {
		t.Errorf("problems %+v, want one at a and one at b", d.Problems)
	}
}

// TestDeployRefuses: what cannot be run is refused whole.
func TestDeployRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	for name, d := range map[string]engine.Deployment{
		"nothing":          {},
		"no XML":           {Resources: []engine.Resource{{Name: "a.bpmn", Bytes: []byte("hello")}}},
		"a broken process": {Resources: []engine.Resource{process(`<startEvent id="start"/><sequenceFlow id="f" sourceRef="start" targetRef="nowhere"/>`)}},
		"a name twice":     {Resources: []engine.Resource{process(taskThenEnd), process(taskThenEnd)}},
		"no name":          {Resources: []engine.Resource{{Bytes: []byte("x")}}},
	} {
		_, err := w.e.Deploy(ctx, admin, d)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if n := w.count(`SELECT count(*) FROM deployments`) + w.count(`SELECT count(*) FROM resources`); n != 0 {
		t.Errorf("%v rows are left", n)
	}
}
