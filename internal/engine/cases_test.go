package engine_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/schedule"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// casesDir holds cases with what a real Activiti 6 recorded; they run where it exists.
const casesDir = "../../../shared/process/cases"

// testCase is one of them.
type testCase struct {
	ID        string           `json:"id"`
	Files     []string         `json:"files"`
	Steps     []map[string]any `json:"steps"`
	Expected  []map[string]any `json:"expected"`
	Activiti6 []map[string]any `json:"activiti6"`
}

func TestCasesOfActiviti(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(casesDir); err != nil {
		t.Skip("the cases are not here")
	}
	runCases(t, casesDir, "index.json")
}

// TestRecorded runs random processes and holds every state against what a real
// Activiti 6 recorded of them (clients/activiti).
func TestRecorded(t *testing.T) {
	t.Parallel()
	runCases(t, "testdata/recorded", "index.json")
}

// TestConstructs runs the cases of testdata, in the same language.
func TestConstructs(t *testing.T) {
	t.Parallel()
	runCases(t, "testdata", "cases.json")
}

func runCases(t *testing.T, dir, index string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, index))
	if err != nil {
		t.Fatal(err)
	}
	var cases []testCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		t.Run(tc.ID, func(t *testing.T) {
			t.Parallel()
			runCase(t, tc, dir)
		})
	}
}

// echo keeps the values of its fields in variables.
func echo(_ context.Context, x *engine.Execution) error {
	for _, name := range x.Fields() {
		v, _, err := x.Field(name)
		if err != nil {
			return err
		}
		if err := x.Set("echo."+name, v); err != nil {
			return err
		}
	}
	return nil
}

// exception is a failure with the name of a Java exception.
type exception string

func (e exception) Error() string     { return "it went wrong" }
func (e exception) Exception() string { return string(e) }

var delegates = map[string]engine.Delegate{
	"testEcho": engine.DelegateFunc(echo),
	"testFail": engine.DelegateFunc(func(context.Context, *engine.Execution) error { return exception("java.lang.RuntimeException") }),
	"testError": engine.DelegateFunc(func(_ context.Context, x *engine.Execution) error {
		code, _, err := x.Field("code")
		if err != nil {
			return err
		}
		return &engine.Error{Code: code.(string), Message: "on purpose"}
	}),
}

func runCase(t *testing.T, tc testCase, dir string) {
	w := newWorld(t, engine.Config{Delegates: delegates})
	var files []engine.Resource
	for _, name := range tc.Files {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, engine.Resource{Name: filepath.Base(name), Bytes: data})
	}
	// One after the other, as in the recorded runs: two files may have the same key.
	for _, f := range files {
		w.deploy(f)
	}
	for i, step := range tc.Steps {
		w.step(step)
		got := w.state()
		if tc.Activiti6 != nil {
			if diff := cmp.Diff(recorded(tc.Activiti6[i]), got); diff != "" {
				t.Errorf("step %d %v: not what Activiti 6 recorded (-want +got):\n%s", i, step, diff)
			}
		}
		if tc.Expected != nil {
			w.expect(i, tc.Expected[i], got)
		}
	}
}

// recorded is a recorded state in the form of state.
func recorded(a map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range a {
		out[k] = v
	}
	if tasks, ok := out["tasks"].([]any); ok {
		for i, name := range tasks {
			if name == nil {
				tasks[i] = ""
			}
		}
	}
	return out
}

// world is an engine with a clock for tests, and what its last instance was.
type world struct {
	t    *testing.T
	db   *store.DB
	e    *engine.Engine
	now  time.Time
	last string
}

var admin = engine.Actor{UserID: "", Admin: true, AllTenants: true}

func newWorld(t *testing.T, cfg engine.Config) *world {
	t.Helper()
	w := &world{t: t, db: storetest.Open(t), now: time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)}
	cfg.Now = func() time.Time { return w.now }
	cfg.Log = slog.New(slog.DiscardHandler)
	e, err := engine.New(w.db, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	w.e = e
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) deploy(files ...engine.Resource) *engine.Deployed {
	w.t.Helper()
	d, err := w.e.Deploy(context.Background(), admin, engine.Deployment{Name: files[0].Name, Resources: files})
	w.must(err)
	return d
}

func text(step map[string]any, key string) string {
	s, _ := step[key].(string)
	return s
}

// values turns numbers of JSON into what REST makes of them.
func values(v any) map[string]any {
	m, _ := v.(map[string]any)
	out := map[string]any{}
	for k, v := range m {
		if f, ok := v.(float64); ok && f == float64(int32(f)) {
			v = int32(f)
		}
		out[k] = v
	}
	return out
}

// step does one step of a case.
func (w *world) step(s map[string]any) {
	w.t.Helper()
	ctx := context.Background()
	vars := values(s["vars"])
	switch s["do"] {
	case "start", "startByMessage":
		actor := engine.Actor{UserID: text(s, "user"), Admin: true}
		inst, err := w.e.Start(ctx, actor, engine.StartOptions{Key: text(s, "key"), Message: text(s, "message"), BusinessKey: text(s, "businessKey"), Variables: vars})
		w.must(err)
		w.last = inst.ID
	case "complete":
		w.complete(text(s, "task"), vars)
	case "completeAny":
		w.must(w.e.Complete(ctx, admin, w.openTasks()[0].id, engine.CompleteOptions{Variables: vars}))
	case "completeAll":
		for {
			tasks := w.openTasks()
			if len(tasks) == 0 {
				break
			}
			w.must(w.e.Complete(ctx, admin, tasks[0].id, engine.CompleteOptions{Variables: vars}))
		}
	case "claim":
		w.must(w.e.ClaimFor(ctx, admin, w.find(text(s, "task")).id, text(s, "user")))
	case "signal":
		w.must(w.e.Signal(ctx, admin, engine.SignalOptions{Name: text(s, "name"), Variables: vars}))
	case "message":
		w.must(w.e.Message(ctx, admin, engine.MessageOptions{Name: text(s, "name"), Variables: vars}))
	case "trigger":
		w.trigger(text(s, "activity"))
	case "jobs":
		_, err := w.e.RunDue(ctx)
		w.must(err)
	case "advance":
		w.advance(text(s, "by"))
	case "delete":
		w.must(w.e.DeleteInstance(ctx, admin, w.last, ""))
	case "setVars":
		w.must(w.e.SetVariables(ctx, admin, w.last, vars, false))
	case "deploy":
	default:
		w.t.Fatalf("step %v is not known", s)
	}
}

func (w *world) complete(name string, vars map[string]any) {
	w.t.Helper()
	w.must(w.e.Complete(context.Background(), admin, w.find(name).id, engine.CompleteOptions{Variables: vars}))
}

func (w *world) trigger(activity string) {
	w.t.Helper()
	places, err := w.e.Executions(context.Background(), w.last)
	w.must(err)
	for _, p := range places {
		if p.ActivityID == activity && p.Active {
			w.must(w.e.Trigger(context.Background(), admin, p.ID, nil))
			return
		}
	}
	w.t.Fatalf("no execution at %q", activity)
}

// advance moves the clock and runs what is due.
func (w *world) advance(by string) {
	w.t.Helper()
	d, err := schedule.ParseDuration(by)
	w.must(err)
	at, _, _ := d.Next(w.now, 0)
	w.now = at
	_, err = w.e.RunDue(context.Background())
	w.must(err)
}

type openTask struct{ id, name, key, assignee string }

func (w *world) openTasks() []openTask {
	w.t.Helper()
	var all []openTask
	w.must(w.db.Query(context.Background(), func(row store.Row) error {
		var t openTask
		err := row.Scan(&t.id, &t.name, &t.key, &t.assignee)
		all = append(all, t)
		return err
	}, `SELECT id, name, key, assignee FROM tasks WHERE ended_at IS NULL ORDER BY id`))
	return all
}

// find returns the first open task of that name or key.
func (w *world) find(name string) openTask {
	w.t.Helper()
	all := w.openTasks()
	for _, t := range all {
		if t.name == name || t.key == name {
			return t
		}
	}
	w.t.Fatalf("no open task %q among %v", name, all)
	return openTask{}
}

func (w *world) count(query string, args ...any) float64 {
	w.t.Helper()
	n := 0
	w.must(w.db.QueryRow(context.Background(), []any{&n}, query, args...))
	return float64(n)
}

// state is what the cases compare.
func (w *world) state() map[string]any {
	w.t.Helper()
	tasks, assignees, active := []string{}, []string{}, []string{}
	for _, t := range w.openTasks() {
		tasks = append(tasks, t.name)
		if t.assignee != "" {
			assignees = append(assignees, t.assignee)
		}
	}
	for _, id := range w.column(`SELECT id FROM instances WHERE ended_at IS NULL`) {
		ids, err := w.e.ActiveActivities(context.Background(), id)
		w.must(err)
		active = append(active, ids...)
	}
	s := map[string]any{"tasks": list(tasks), "taskCount": float64(len(tasks)), "assignees": list(assignees), "active": list(active),
		"running":       w.count(`SELECT count(*) FROM instances WHERE ended_at IS NULL AND parent_id = ''`),
		"children":      w.count(`SELECT count(*) FROM instances WHERE ended_at IS NULL AND parent_id <> ''`),
		"timers":        w.count(`SELECT count(*) FROM jobs WHERE queue = 'timer'`),
		"jobs":          w.count(`SELECT count(*) FROM jobs WHERE queue = 'ready'`),
		"subscriptions": w.count(`SELECT count(*) FROM subscriptions WHERE instance_id <> ''`)}
	if w.last != "" {
		s["ended"] = w.count(`SELECT count(*) FROM instances WHERE id = $1 AND ended_at IS NOT NULL`, w.last) == 1
		s["vars"], s["finishedActivities"] = w.vars(), w.finished()
		if reason := w.column(`SELECT delete_reason FROM instances WHERE id = $1 AND delete_reason <> ''`, w.last); len(reason) > 0 {
			s["deleteReason"] = reason[0]
		}
	}
	return s
}

func list(names []string) []any {
	sort.Strings(names)
	out := []any{}
	for _, n := range names {
		out = append(out, n)
	}
	return out
}

func (w *world) column(query string, args ...any) []string {
	w.t.Helper()
	var all []string
	w.must(w.db.Query(context.Background(), func(row store.Row) error {
		var s string
		err := row.Scan(&s)
		all = append(all, s)
		return err
	}, query, args...))
	return all
}

// vars are the variables of the last instance, ended scopes too, the last of a name.
func (w *world) vars() map[string]any {
	w.t.Helper()
	out := map[string]any{}
	w.must(w.db.Query(context.Background(), func(row store.Row) error {
		var name, kind string
		var text *string
		var number *int64
		err := row.Scan(&name, &kind, &text, &number)
		switch {
		case kind == "boolean":
			out[name] = *number == 1
		case text != nil:
			out[name] = *text
		case number != nil:
			out[name] = float64(*number)
		default:
			out[name] = nil
		}
		return err
	}, `SELECT name, type, text, number FROM variables WHERE instance_id = $1 ORDER BY created_at, length(execution_id), execution_id`, w.last))
	return out
}

func (w *world) finished() map[string]any {
	w.t.Helper()
	out := map[string]any{}
	for _, id := range w.column(`SELECT activity_id FROM activities WHERE instance_id = $1 AND ended_at IS NOT NULL`, w.last) {
		n, _ := out[id].(float64)
		out[id] = n + 1
	}
	return out
}

// expect holds the state against what a case says it must be.
func (w *world) expect(step int, want, got map[string]any) {
	w.t.Helper()
	for key, v := range want {
		switch key {
		case "task":
			w.expectTask(step, v.(map[string]any))
		case "var":
			for name, v := range v.(map[string]any) {
				if diff := cmp.Diff(v, got["vars"].(map[string]any)[name]); diff != "" {
					w.t.Errorf("step %d: variable %s (-want +got):\n%s", step, name, diff)
				}
			}
		case "hasActive":
			if !slices.Contains(got["active"].([]any), v) {
				w.t.Errorf("step %d: %v is not active: %v", step, v, got["active"])
			}
		default:
			if diff := cmp.Diff(v, got[key]); diff != "" {
				w.t.Errorf("step %d: %s (-want +got):\n%s", step, key, diff)
			}
		}
	}
}

func (w *world) expectTask(step int, want map[string]any) {
	w.t.Helper()
	t := w.openTasks()[0]
	for key, v := range want {
		var got any
		switch key {
		case "definitionKey":
			got = t.key
		case "name":
			got = t.name
		case "assignee":
			if got = t.assignee; t.assignee == "" {
				got = nil
			}
		case "candidateGroups":
			got = list(w.column(`SELECT group_id FROM links WHERE task_id = $1 AND kind = 'candidate' AND group_id <> ''`, t.id))
		case "due":
			var due time.Time
			w.must(w.db.QueryRow(context.Background(), []any{store.Time(&due)}, `SELECT due_at FROM tasks WHERE id = $1`, t.id))
			got = strings.Replace(due.Format(time.RFC3339), "+00:00", "Z", 1)
		default:
			w.t.Fatalf("expectation %q is not known", key)
		}
		if diff := cmp.Diff(v, got); diff != "" {
			w.t.Errorf("step %d: the task's %s (-want +got):\n%s", step, key, diff)
		}
	}
}
