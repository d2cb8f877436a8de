package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/store"
)

var (
	ctx    = context.Background()
	kermit = engine.Actor{UserID: "kermit"}
	fozzie = engine.Actor{UserID: "fozzie", Groups: []string{"bears"}}
	gonzo  = engine.Actor{UserID: "gonzo"}
)

// taskRow reads what the tests look at of a task.
func (w *world) taskRow(id string) engine.Task {
	w.t.Helper()
	var t engine.Task
	w.must(w.db.QueryRow(ctx, []any{&t.Name, &t.Assignee, &t.Owner, &t.Delegation, &t.Priority, store.Time(&t.DueAt), store.Time(&t.ClaimedAt), store.Time(&t.EndedAt), &t.EndedBy, &t.DeleteReason},
		`SELECT name, assignee, owner, delegation, priority, due_at, claimed_at, ended_at, ended_by, delete_reason FROM tasks WHERE id = $1`, id))
	return t
}

// TestLifeOfATask: claimed, given back, delegated, resolved, completed, each by who may.
func TestLifeOfATask(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(strings.Replace(taskThenEnd, `activiti:assignee="kermit"`, `activiti:candidateGroups="bears" activiti:candidateUsers="kermit"`, 1)))
	w.start("p", nil)
	id := w.find("work").id

	w.wants(fault.Forbidden, w.e.Claim(ctx, gonzo, id))
	w.must(w.e.Claim(ctx, fozzie, id))
	w.must(w.e.Claim(ctx, fozzie, id))
	w.wants(fault.Conflict, w.e.Claim(ctx, kermit, id))
	if row := w.taskRow(id); row.Assignee != "fozzie" || !row.ClaimedAt.Equal(w.now) {
		t.Errorf("claimed: %+v", row)
	}
	w.wants(fault.Forbidden, w.e.Unclaim(ctx, kermit, id))
	w.must(w.e.Unclaim(ctx, fozzie, id))
	if row := w.taskRow(id); row.Assignee != "" || !row.ClaimedAt.IsZero() {
		t.Errorf("given back: %+v", row)
	}
	w.wants(fault.Forbidden, w.e.Complete(ctx, kermit, id, engine.CompleteOptions{}))
	w.must(w.e.Claim(ctx, kermit, id))
	w.must(w.e.Delegate(ctx, kermit, id, "gonzo"))
	if row := w.taskRow(id); row.Assignee != "gonzo" || row.Owner != "kermit" || row.Delegation != engine.Pending {
		t.Errorf("delegated: %+v", row)
	}
	w.wants(fault.Conflict, w.e.Complete(ctx, gonzo, id, engine.CompleteOptions{}))
	w.must(w.e.Resolve(ctx, gonzo, id, map[string]any{"looked": true}))
	if row := w.taskRow(id); row.Assignee != "kermit" || row.Delegation != engine.Resolved {
		t.Errorf("resolved: %+v", row)
	}
	w.must(w.e.Complete(ctx, kermit, id, engine.CompleteOptions{Outcome: "Approve"}))
	if row := w.taskRow(id); !row.EndedAt.Equal(w.now) || row.EndedBy != "kermit" {
		t.Errorf("completed: %+v", row)
	}
	w.wants(fault.NotFound, w.e.Complete(ctx, kermit, id, engine.CompleteOptions{}))
	if got := w.vars(); !cmp.Equal(got, map[string]any{"looked": true, "formoutcome": "Approve"}) {
		t.Errorf("variables %v", got)
	}
	if got := w.column(`SELECT DISTINCT user_id FROM links WHERE instance_id = $1 AND kind = 'participant' ORDER BY 1`, w.last); !cmp.Equal(got, []string{"fozzie", "gonzo", "kermit"}) {
		t.Errorf("participants %v", got)
	}
	if got := w.column(`SELECT assignee FROM activities WHERE instance_id = $1 AND activity_id = 'work'`, w.last); !cmp.Equal(got, []string{"kermit"}) {
		t.Errorf("the visit shows the assignee %v", got)
	}
}

// TestTaskOfItsOwn: a task without a process has variables, links and an end of its own.
func TestTaskOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	made, err := w.e.NewTask(ctx, kermit, engine.Task{Name: "shop", Assignee: "kermit", DueAt: w.now.Add(time.Hour)})
	w.must(err)
	name, priority := "shop for two", 80
	w.must(w.e.UpdateTask(ctx, kermit, made.ID, engine.TaskChange{Name: &name, Priority: &priority, DueAt: &engine.Moment{}}))
	long := strings.Repeat("x", 256)
	w.wants(fault.Invalid, w.e.UpdateTask(ctx, kermit, made.ID, engine.TaskChange{Name: &long}))
	w.wants(fault.Forbidden, w.e.UpdateTask(ctx, fozzie, made.ID, engine.TaskChange{Name: &name}))
	if row := w.taskRow(made.ID); row.Name != name || row.Priority != 80 || !row.DueAt.IsZero() {
		t.Errorf("changed: %+v", row)
	}
	w.must(w.e.AddLink(ctx, kermit, engine.Link{TaskID: made.ID, Kind: engine.Participant, UserID: "fozzie"}))
	w.must(w.e.UpdateTask(ctx, fozzie, made.ID, engine.TaskChange{Name: &name}))
	w.must(w.e.RemoveLink(ctx, kermit, engine.Link{TaskID: made.ID, Kind: engine.Participant, UserID: "fozzie"}))
	w.wants(fault.Forbidden, w.e.UpdateTask(ctx, fozzie, made.ID, engine.TaskChange{Name: &name}))
	w.wants(fault.Invalid, w.e.AddLink(ctx, kermit, engine.Link{TaskID: made.ID, Kind: engine.Participant}))

	w.must(w.e.SetTaskVariables(ctx, kermit, made.ID, map[string]any{"milk": int32(2)}, true))
	sub, err := w.e.NewTask(ctx, kermit, engine.Task{Name: "milk", Assignee: "kermit", ParentID: made.ID})
	w.must(err)
	_, err = w.e.NewTask(ctx, fozzie, engine.Task{Name: "mine", ParentID: made.ID})
	w.wants(fault.Forbidden, err)
	w.must(w.e.Complete(ctx, kermit, made.ID, engine.CompleteOptions{Variables: map[string]any{"eggs": int32(6)}}))
	if got := w.column(`SELECT name FROM variables WHERE task_id = $1 AND ended_at IS NOT NULL ORDER BY name`, made.ID); !cmp.Equal(got, []string{"eggs", "milk"}) {
		t.Errorf("ended variables %v", got)
	}
	w.must(w.e.DeleteTask(ctx, kermit, sub.ID, "enough"))
	if row := w.taskRow(sub.ID); row.DeleteReason != "enough" {
		t.Errorf("deleted: %+v", row)
	}
	w.deploy(process(taskThenEnd))
	w.start("p", nil)
	w.wants(fault.Forbidden, w.e.DeleteTask(ctx, kermit, w.find("work").id, ""))
}

// TestVariables: each type comes back as it was, whatever its size; scopes hide and end.
func TestVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{MaxValue: 5000})
	w.deploy(process(taskThenEnd))
	when := time.Date(2026, 2, 3, 4, 5, 6, 7_000_000, time.UTC)
	values := map[string]any{"null": nil, "text": "ä${x}", "long text": strings.Repeat("ü", 2000), "zero byte": "a\x00b", "not utf-8": "a\xff", "integer": int32(-5), "long": int64(1) << 40, "short": int16(7),
		"double": 2.5, "whole double": 3.0, "yes": true, "no": false, "date": when, "bytes": []byte{0, 1, 255}, "list": []any{"a", int32(1), 2.5, nil, []any{true}},
		"map": map[string]any{"k": map[string]any{"n": int64(1) << 40}}, "json": juel.JSON(`{"a":[1,2]}`)}
	id := w.start("p", values)
	got, err := w.e.Variables(ctx, id)
	w.must(err)
	if diff := cmp.Diff(values, got); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	for name, bad := range map[string]map[string]any{"without a name": {"": "x"}, "a long name": {strings.Repeat("n", 256): "x"}, "of no type": {"x": struct{}{}}, "bad JSON": {"x": juel.JSON("{")},
		"a channel": {"x": []any{make(chan int)}}} {
		if err := w.e.SetVariables(ctx, admin, id, bad, false); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	w.wants(fault.TooLarge, w.e.SetVariables(ctx, admin, id, map[string]any{"x": strings.Repeat("x", 5001)}, false))

	task := w.find("work").id
	w.must(w.e.SetTaskVariables(ctx, kermit, task, map[string]any{"text": "local"}, true))
	w.must(w.e.SetTaskVariables(ctx, kermit, task, map[string]any{"shared": "s"}, false))
	w.must(w.e.RemoveVariables(ctx, admin, id, "map", "json"))
	w.wants(fault.NotFound, w.e.RemoveVariables(ctx, admin, id, "map"))
	w.wants(fault.NotFound, w.e.RemoveTaskVariables(ctx, kermit, task, "shared"))
	got, err = w.e.Variables(ctx, id)
	w.must(err)
	if got["text"] != "ä${x}" || got["shared"] != "s" || got["map"] != nil {
		t.Errorf("variables %v", got)
	}
	w.must(w.e.Complete(ctx, kermit, task, engine.CompleteOptions{Variables: map[string]any{"mine": int32(1)}, Local: true}))
	if n := w.count(`SELECT count(*) FROM variables WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%v variables have not ended", n)
	}
	if n := w.count(`SELECT count(*) FROM variables WHERE task_id = $1`, task); n != 2 {
		t.Errorf("%v variables of the task, want 2", n)
	}
}

// TestValuesAreNotExpressions: what a variable holds is never evaluated.
func TestValuesAreNotExpressions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{Delegates: delegates})
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="s"/><serviceTask id="s" activiti:class="testEcho"><extensionElements>
		<activiti:field name="f"><activiti:expression>${evil}</activiti:expression></activiti:field></extensionElements></serviceTask><sequenceFlow id="f2" sourceRef="s" targetRef="work"/>
		<userTask id="work" name="${evil}" activiti:assignee="${evil}" activiti:candidateGroups="${evil}"><documentation>for ${evil}</documentation></userTask>`))
	evil := "${execution.setVariable('hit', 1)}"
	w.start("p", map[string]any{"evil": evil})
	task := w.openTasks()[0]
	if task.name != evil || task.assignee != evil || w.vars()["echo.f"] != evil || w.vars()["hit"] != nil {
		t.Errorf("task %+v, variables %v", task, w.vars())
	}
}

// TestHistoryLevels: what is left of an instance that has ended.
func TestHistoryLevels(t *testing.T) {
	t.Parallel()
	for level, want := range map[string][]float64{ // instances, tasks, activities, variables, values they had
		"none": {0, 0, 0, 0, 0}, "activity": {1, 1, 3, 0, 0}, "audit": {1, 1, 3, 2, 0}, "full": {1, 1, 3, 2, 3},
	} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine.Config{History: level})
			w.deploy(process(taskThenEnd))
			w.start("p", map[string]any{"a": "x"})
			if n := w.count(`SELECT count(*) FROM tasks WHERE ended_at IS NULL`); n != 1 {
				t.Errorf("%v open tasks", n)
			}
			w.must(w.e.Complete(ctx, kermit, w.find("work").id, engine.CompleteOptions{Variables: map[string]any{"a": "y", "b": int32(1)}}))
			var got []float64
			for _, table := range []string{"instances", "tasks", "activities", "variables", "variable_updates"} {
				got = append(got, w.count(`SELECT count(*) FROM `+table))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if n := w.count(`SELECT count(*) FROM links WHERE task_id <> ''`); n != 0 {
				t.Errorf("%v links of tasks", n)
			}
		})
	}
	if _, err := engine.New(nil, engine.Config{History: "some", MaxSteps: -1}); err == nil || !strings.Contains(err.Error(), "some") || !strings.Contains(err.Error(), "steps") {
		t.Errorf("error %v, want one that lists both problems", err)
	}
}
