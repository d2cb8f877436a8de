package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// waits is a process that waits for a task of gonzo's, a message, a signal, and to be
// triggered.
const waits = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>
	<sequenceFlow id="f2" sourceRef="fork" targetRef="work"/><userTask id="work" name="work" activiti:candidateUsers="gonzo"/>
	<sequenceFlow id="f3" sourceRef="fork" targetRef="await"/><receiveTask id="await"/>
	<sequenceFlow id="f4" sourceRef="fork" targetRef="told"/><intermediateCatchEvent id="told"><messageEventDefinition messageRef="go"/></intermediateCatchEvent>
	<sequenceFlow id="f5" sourceRef="fork" targetRef="rung"/><intermediateCatchEvent id="rung"><signalEventDefinition signalRef="bell"/></intermediateCatchEvent>`

func waiting() engine.Resource {
	return engine.Resource{Name: "waits.bpmn", Bytes: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t">
		<message id="go" name="go"/><signal id="bell" name="bell"/><process id="waits" name="Waits" isExecutable="true">` + waits + `</process></definitions>`)}
}

// place is the execution of an instance that stands at an activity.
func (w *world) placeAt(instance, activity string) string {
	w.t.Helper()
	all, err := w.e.Executions(context.Background(), instance)
	w.must(err)
	for _, x := range all {
		if x.ActivityID == activity {
			return x.ID
		}
	}
	w.t.Fatalf("nothing of %s stands at %s", instance, activity)
	return ""
}

// people are those whom the rules tell apart, in the order of the letters of a rule.
var people = []struct {
	name  string
	actor engine.Actor
}{
	{"who started it", engine.Actor{UserID: "kermit"}},
	{"who takes part", engine.Actor{UserID: "piggy"}},
	{"who has a task of it", engine.Actor{UserID: "gonzo"}},
	{"a stranger", engine.Actor{UserID: "fozzie"}},
	{"nobody", engine.Actor{}},
	{"an administrator", engine.Actor{UserID: "boss", Admin: true}},
	{"his namesake of another tenant", engine.Actor{UserID: "kermit", TenantID: "tenant_2"}},
	{"an administrator of another tenant", engine.Actor{UserID: "chief", Admin: true, TenantID: "tenant_2"}},
	{"an administrator of all", engine.Actor{UserID: "root", Admin: true, AllTenants: true, TenantID: "tenant_2"}},
}

// TestWhoMayDoWhatWithAnInstance has a letter for each of people: y he may, n he may not,
// and - he does not know of it.
func TestWhoMayDoWhatWithAnInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	def := w.deploy(waiting()).Definitions[0].ID
	to := w.deploy(waiting()).Definitions[0].ID
	for name, rule := range map[string]struct {
		may string
		do  func(a engine.Actor, id string) error
	}{
		"read":    {"yyy--y--y", func(a engine.Actor, id string) error { return second2(w.e.Instance(ctx, a, id)) }},
		"draw":    {"yyy--y--y", func(a engine.Actor, id string) error { return second2(w.e.InstanceDiagram(ctx, a, id)) }},
		"comment": {"yyy--y--y", func(a engine.Actor, id string) error { return second2(w.e.AddComment(ctx, a, "", id, "hi")) }},
		"cancel":  {"ynn--y--y", func(a engine.Actor, id string) error { return w.e.DeleteInstance(ctx, a, id, "") }},
		"rename":  {"ynn--y--y", func(a engine.Actor, id string) error { return w.e.RenameInstance(ctx, a, id, "n") }},
		"set variables": {"ynn--y--y", func(a engine.Actor, id string) error {
			return w.e.SetVariables(ctx, a, id, map[string]any{"x": true}, false)
		}},
		"set at a place": {"ynn--y--y", func(a engine.Actor, id string) error {
			return w.e.SetVariables(ctx, a, w.placeAt(id, "await"), map[string]any{"x": true}, true)
		}},
		"remove variables": {"ynn--y--y", func(a engine.Actor, id string) error { return w.e.RemoveVariables(ctx, a, id, "v") }},
		"trigger":          {"ynn--y--y", func(a engine.Actor, id string) error { return w.e.Trigger(ctx, a, w.placeAt(id, "await"), nil) }},
		"message": {"ynn--y--y", func(a engine.Actor, id string) error {
			return w.e.Message(ctx, a, engine.MessageOptions{Name: "go", ExecutionID: w.placeAt(id, "told")})
		}},
		"signal": {"ynn--y--y", func(a engine.Actor, id string) error {
			return w.e.Signal(ctx, a, engine.SignalOptions{Name: "bell", ExecutionID: w.placeAt(id, "rung")})
		}},
		"suspend": {"nnn--y--y", func(a engine.Actor, id string) error { return w.e.SuspendInstance(ctx, a, id, true) }},
		"migrate": {"nnn--y--y", func(a engine.Actor, id string) error { return w.e.Migrate(ctx, a, id, to, nil) }},
		"involve": {"yyn--y--y", func(a engine.Actor, id string) error {
			return w.e.AddLink(ctx, a, engine.Link{InstanceID: id, Kind: engine.Participant, UserID: "rowlf"})
		}},
		"delete what is kept": {"ynn--y--y", func(a engine.Actor, id string) error {
			w.must(w.e.DeleteInstance(ctx, admin, id, ""))
			return w.e.DeleteHistory(ctx, a, id)
		}},
	} {
		for i, who := range people {
			inst, err := w.e.Start(ctx, kermit, engine.StartOptions{DefinitionID: def, Variables: map[string]any{"v": true}})
			w.must(err)
			w.must(w.e.AddLink(ctx, kermit, engine.Link{InstanceID: inst.ID, Kind: engine.Participant, UserID: "piggy"}))
			if got := outcome(rule.do(who.actor, inst.ID)); got != rule.may[i:i+1] {
				t.Errorf("%s by %s: %s, want %c", name, who.name, got, rule.may[i])
			}
		}
	}
}

// outcome is the letter of what came of something that may be forbidden.
func outcome(err error) string {
	switch {
	case err == nil:
		return "y"
	case fault.Is(err, fault.Forbidden):
		return "n"
	case fault.Is(err, fault.NotFound):
		return "-"
	}
	return err.Error()
}

// The same for what is not about one instance.
func TestWhoMayDoWhatWithADefinition(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	for name, rule := range map[string]struct {
		may string
		do  func(a engine.Actor, d *engine.Deployed) error
	}{
		"see": {"yyyyyy--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.Definition(ctx, a, d.Definitions[0].ID))
		}},
		"draw": {"yyyyyy--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.DefinitionDiagram(ctx, a, d.Definitions[0].ID))
		}},
		"its files": {"yyyyyy--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.ResourceNames(ctx, a, d.Deployment.ID))
		}},
		"its file": {"yyyyyy--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.Resource(ctx, a, d.Deployment.ID, "waits.bpmn"))
		}},
		"start": {"yyyyny--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.Start(ctx, a, engine.StartOptions{DefinitionID: d.Definitions[0].ID}))
		}},
		"start it by its form": {"yyyyny--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.StartWithForm(ctx, a, engine.StartOptions{DefinitionID: d.Definitions[0].ID}, nil, ""))
		}},
		"see its form": {"yyyyny--y", func(a engine.Actor, d *engine.Deployed) error {
			return second2(w.e.StartForm(ctx, a, d.Definitions[0].ID))
		}},
		"suspend": {"nnnnny--y", func(a engine.Actor, d *engine.Deployed) error {
			return w.e.SuspendDefinition(ctx, a, d.Definitions[0].ID, true)
		}},
		"undeploy": {"yyyyyy--y", func(a engine.Actor, d *engine.Deployed) error {
			return w.e.DeleteDeployment(ctx, a, d.Deployment.ID, true)
		}},
		"name who may start it": {"nnnnny--y", func(a engine.Actor, d *engine.Deployed) error {
			return w.e.AddLink(ctx, a, engine.Link{DefinitionID: d.Definitions[0].ID, Kind: engine.Candidate, UserID: "rowlf"})
		}},
		"throw a signal": {"nnnnnynny", func(a engine.Actor, _ *engine.Deployed) error {
			return w.e.Signal(ctx, a, engine.SignalOptions{Name: "bell", TenantID: "default"})
		}},
	} {
		for i, who := range people {
			d := w.deploy(waiting())
			if name == "throw a signal" {
				who.actor.TenantID = map[string]string{"": "default"}[who.actor.TenantID]
			}
			if got := outcome(rule.do(who.actor, d)); got != rule.may[i:i+1] {
				t.Errorf("%s by %s: %s, want %c", name, who.name, got, rule.may[i])
			}
		}
	}
}

// Who is named may start, and nobody else but administrators.
func TestCandidateStarters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	closed := process(taskThenEnd)
	closed.Bytes = []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><message id="go" name="go"/>
		<process id="p" isExecutable="true" activiti:candidateStarterUsers="kermit" activiti:candidateStarterGroups="press">` +
		taskThenEnd + `<startEvent id="m"><messageEventDefinition messageRef="go"/></startEvent><sequenceFlow id="f9" sourceRef="m" targetRef="work"/></process></definitions>`)
	def := w.deploy(closed).Definitions[0].ID
	for name, c := range map[string]struct {
		actor engine.Actor
		want  string
	}{
		"who is named": {kermit, "y"}, "one of a named group": {piggy, "y"}, "another": {fozzie, "n"}, "nobody": {engine.Actor{}, "n"}, "one with a group without a name": {engine.Actor{UserID: "x", Groups: []string{""}}, "n"},
		"an administrator": {engine.Actor{Admin: true}, "y"}, "his namesake elsewhere": {engine.Actor{UserID: "kermit", TenantID: "tenant_2"}, "-"},
	} {
		for how, o := range map[string]engine.StartOptions{"by id": {DefinitionID: def}, "by key": {Key: "p"}, "by message": {Message: "go"}} {
			if got := outcome(second2(w.e.Start(ctx, c.actor, o))); got != c.want {
				t.Errorf("%s %s: %s, want %s", name, how, got, c.want)
			}
		}
		may, err := w.e.MayStart(ctx, c.actor, def)
		w.must(err)
		if may != (c.want == "y") && c.actor.UserID != "" {
			t.Errorf("%s may start: %v", name, may)
		}
	}
}

// A tenant's lists show nothing of another's, and what it starts and makes is its own.
func TestTenantsHaveListsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{History: "full"})
	ctx := context.Background()
	chief := engine.Actor{UserID: "kermit", Admin: true, TenantID: "tenant_2"}
	boss := engine.Actor{UserID: "boss", Admin: true}
	ids := map[string]string{}
	for _, a := range []engine.Actor{boss, chief} {
		_, err := w.e.Deploy(ctx, a, engine.Deployment{Name: "d", Resources: []engine.Resource{waiting(), process(taskThenEnd)}})
		w.must(err)
		inst, err := w.e.Start(ctx, engine.Actor{UserID: "kermit", TenantID: a.TenantID}, engine.StartOptions{Key: "waits", Variables: map[string]any{"x": true}})
		w.must(err)
		ids[a.TenantID] = inst.ID
		if inst.TenantID != a.TenantID {
			t.Errorf("an instance of %q belongs to %q", a.TenantID, inst.TenantID)
		}
		made, err := w.e.NewTask(ctx, engine.Actor{UserID: "kermit", TenantID: a.TenantID}, engine.Task{Name: "n", Assignee: "kermit"})
		w.must(err)
		if made.TenantID != a.TenantID {
			t.Errorf("a task of %q belongs to %q", a.TenantID, made.TenantID)
		}
		w.must(w.e.SetTaskVariables(ctx, a, made.ID, map[string]any{"y": true}, true))
	}
	_, err := w.e.Deploy(ctx, boss, engine.Deployment{Name: "d", TenantID: "tenant_2", Resources: []engine.Resource{waiting()}})
	w.wants(fault.Forbidden, err)
	_, err = w.e.NewTask(ctx, boss, engine.Task{Name: "n", TenantID: "tenant_2"})
	w.wants(fault.Forbidden, err)
	_, err = w.e.Start(ctx, kermit, engine.StartOptions{Key: "waits", TenantID: "tenant_2"})
	w.wants(fault.NotFound, err)
	count := func(a *engine.Actor) (got []int) {
		note := func(n int, err error) { w.must(err); got = append(got, n) }
		_, n, err := w.e.Tasks(ctx, engine.TaskQuery{For: a})
		note(n, err)
		_, n, err = w.e.Instances(ctx, engine.InstanceQuery{For: a})
		note(n, err)
		_, n, err = w.e.Definitions(ctx, engine.DefinitionQuery{For: a})
		note(n, err)
		_, n, err = w.e.Deployments(ctx, engine.DeploymentQuery{For: a})
		note(n, err)
		_, n, err = w.e.Activities(ctx, engine.ActivityQuery{For: a})
		note(n, err)
		_, n, err = w.e.AllVariables(ctx, engine.VariableQuery{For: a})
		note(n, err)
		_, n, err = w.e.Updates(ctx, engine.UpdateQuery{For: a})
		note(n, err)
		_, n, err = w.e.Subscriptions(ctx, engine.SubscriptionQuery{For: a})
		note(n, err)
		_, n, err = w.e.Jobs(ctx, engine.JobQuery{For: a})
		note(n, err)
		return got
	}
	w.must(w.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO jobs (id, queue, kind, instance_id, execution_id, definition_id, activity_id, payload, due_at, repeat, done, retries, exclusive, created_at, tenant_id, rev)
			SELECT 'j' || tenant_id, 'dead', 'continue', id, id, definition_id, 'await', '', 0, '', 0, 0, FALSE, 0, tenant_id, 1 FROM instances`)
		return err
	}))
	all := count(nil)
	for _, a := range []engine.Actor{boss, chief} {
		for i, n := range count(&a) {
			if n == 0 || 2*n != all[i] {
				t.Errorf("list %d of %q: %d of %d", i, a.TenantID, n, all[i])
			}
		}
	}
	// The one with the number of another tenant's user sees what is his here alone.
	if got := count(&engine.Actor{UserID: "kermit", TenantID: "tenant_2"}); fmt.Sprint(got) != "[2 1 2 1 6 2 1 2 1]" {
		t.Errorf("a user of tenant 2: %v", got)
	}
	if got := count(&admin); !slices.Equal(got, all) {
		t.Errorf("an administrator of all: %v of %v", got, all)
	}
	for _, work := range []func(engine.Actor) error{
		func(a engine.Actor) error { return w.e.SetRetries(ctx, a, "jtenant_2", 2) },
		func(a engine.Actor) error { return w.e.MoveJob(ctx, a, "jtenant_2") },
		func(a engine.Actor) error { return w.e.DeleteJob(ctx, a, "jtenant_2") },
	} {
		w.wants(fault.NotFound, work(boss))
		w.wants(fault.Forbidden, work(engine.Actor{UserID: "kermit", TenantID: "tenant_2"}))
		w.must(work(chief))
	}
	w.wants(fault.NotFound, w.e.ExecuteJob(ctx, boss, "j"+"tenant_2"))
}

// A message without a named execution tells nobody of instances that are not his.
func TestMessageToTheOnlyOneThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	w.deploy(waiting())
	id := w.start("waits", nil)
	for _, a := range []engine.Actor{fozzie, {UserID: "chief", Admin: true, TenantID: "tenant_2"}} {
		err := w.e.Message(ctx, a, engine.MessageOptions{Name: "go"})
		if w.wants(fault.NotFound, err); fault.Message(err) != `Nobody waits for the message "go".` {
			t.Errorf("it tells: %v", err)
		}
	}
	w.must(w.e.Message(ctx, engine.Actor{Admin: true}, engine.MessageOptions{Name: "go"}))
	if active, err := w.e.ActiveActivities(ctx, id); err != nil || slices.Contains(active, "told") {
		t.Errorf("%v %v", active, err)
	}
}

// A task is another tenant's business as its instance is.
func TestTasksOfAnotherTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	w.deploy(process(taskThenEnd))
	id := w.taskOf(w.start("p", nil)).ID
	name := "n"
	for _, a := range []engine.Actor{{UserID: "kermit", TenantID: "tenant_2"}, {UserID: "chief", Admin: true, TenantID: "tenant_2"}} {
		for what, err := range map[string]error{
			"read": second2(w.e.Task(ctx, a, id)), "form": second2(w.e.TaskForm(ctx, a, id)), "claim": w.e.Claim(ctx, a, id), "update": w.e.UpdateTask(ctx, a, id, engine.TaskChange{Name: &name}),
			"complete": w.e.Complete(ctx, a, id, engine.CompleteOptions{}), "comment": second2(w.e.AddComment(ctx, a, id, "", "hi")), "variables": w.e.SetTaskVariables(ctx, a, id, map[string]any{"x": true}, false),
			"involve": w.e.AddLink(ctx, a, engine.Link{TaskID: id, Kind: engine.Participant, UserID: "rowlf"}), "delete": w.e.DeleteTask(ctx, a, id, ""),
			"content": second2(w.e.AddAttachment(ctx, a, engine.Attachment{TaskID: id, Name: "x", URL: "https://example.com"}, nil)),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s by %s of %s: %v", what, a.UserID, a.TenantID, err)
			}
		}
	}
	mine, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{TaskID: id, Name: "x", URL: "https://example.com"}, nil)
	w.must(err)
	w.wants(fault.NotFound, second2(w.e.Attachment(ctx, engine.Actor{UserID: "chief", Admin: true, TenantID: "tenant_2"}, mine.ID)))
	w.must(second2(w.e.Attachment(ctx, engine.Actor{UserID: "boss", Admin: true}, mine.ID)))
	w.must(w.e.Complete(ctx, kermit, id, engine.CompleteOptions{}))
}

// TestVariablesOfTasksAlone: the variables of a task without an instance are for those whom the
// task concerns, and a link to one such task shows nothing of another.
func TestVariablesOfTasksAlone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{})
	for _, user := range []string{"kermit", "fozzie"} {
		made, err := w.e.NewTask(ctx, admin, engine.Task{Name: user, TenantID: admin.TenantID})
		w.must(err)
		w.must(w.e.AddLink(ctx, admin, engine.Link{TaskID: made.ID, Kind: engine.Candidate, UserID: user}))
		w.must(w.e.SetTaskVariables(ctx, admin, made.ID, map[string]any{"of": user}, true))
	}
	for _, a := range []engine.Actor{kermit, fozzie} {
		all, n, err := w.e.AllVariables(ctx, engine.VariableQuery{For: &a})
		w.must(err)
		if n != 1 || all[0].Value != a.UserID {
			t.Errorf("%s sees %v", a.UserID, all)
		}
	}
}
