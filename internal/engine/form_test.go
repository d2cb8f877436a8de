package engine_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func TestForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	done, err := w.e.DeployApp(ctx, admin, visit(t), engine.AppOptions{})
	w.must(err)
	def := done.Definitions[0].ID
	start, err := w.e.StartForm(ctx, admin, def)
	w.must(err)
	if start.Key != "8" || start.Name != "Patient" || start.Form.Field("patient") == nil || start.Version != 1 {
		t.Errorf("%+v", start)
	}
	if _, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def}, map[string]any{"age": -1.0}, ""); !fault.Is(err, fault.Invalid) ||
		!strings.Contains(err.Error(), "Patient (patient) is required") || !strings.Contains(err.Error(), "Age (age) must be at least 0") {
		t.Errorf("%v", err)
	}
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def}, map[string]any{"patient": "Rowlf", "age": 30.0, "other": 1}, "")
	w.must(err)
	task := w.taskOf(inst.ID)
	data, err := w.e.TaskForm(ctx, kermit, task.ID)
	w.must(err)
	if data.Key != "9" || data.Values["patient"] != "Rowlf" || data.Values["age"] != int64(30) || data.Values["other"] != nil || len(data.Form.Outcomes) != 2 {
		t.Errorf("%+v", data)
	}
	w.must(w.e.SaveForm(ctx, kermit, task.ID, map[string]any{"finding": "fl"}))
	w.must(w.e.SaveForm(ctx, kermit, task.ID, map[string]any{"finding": "flu", "patient": "x"}))
	if data, err = w.e.TaskForm(ctx, kermit, task.ID); err != nil || data.Values["finding"] != "flu" {
		t.Errorf("%+v %v", data.Values, err)
	}
	for name, err := range map[string]error{
		"reading": second2(w.e.TaskForm(ctx, fozzie, task.ID)), "saving": w.e.SaveForm(ctx, fozzie, task.ID, nil), "completing": w.e.CompleteForm(ctx, fozzie, task.ID, map[string]any{"finding": "x"}, ""),
	} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{"finding": "flu"}, "Dead"); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Adult (adult) is required") || !strings.Contains(err.Error(), `"Dead"`) {
		t.Errorf("%v", err)
	}
	w.must(w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{"finding": "flu", "adult": "yes", "patient": "changed"}, "Ill"))
	vars, err := w.e.Variables(ctx, inst.ID)
	w.must(err)
	if vars["finding"] != "flu" || vars["form9outcome"] != "Ill" || vars["patient"] != "Rowlf" || vars["adult"] != "yes" {
		t.Errorf("%v", vars)
	}
	all, n, err := w.e.SubmittedForms(ctx, kermit, "", inst.ID, engine.Page{})
	if err != nil || n != 2 {
		t.Fatalf("%d %v", n, err)
	}
	if s := all[0]; s.TaskName != "Examine" || s.FormKey != "9" || s.FormName != "Finding" || s.Outcome != "Ill" || s.UserID != "kermit" || fmt.Sprint(s.Values) != "map[adult:yes finding:flu]" {
		t.Errorf("%+v", s)
	}
	if s := all[1]; s.TaskID != "" || s.FormName != "Patient" || fmt.Sprint(s.Values) != "map[age:30 patient:Rowlf]" {
		t.Errorf("%+v", s)
	}
	if n := w.count(`SELECT COUNT(*) FROM form_drafts`); n != 0 {
		t.Errorf("%v drafts", n)
	}
	// The ended task shows its form still.
	if data, err := w.e.TaskForm(ctx, kermit, task.ID); err != nil || data.Name != "Finding" {
		t.Errorf("%+v %v", data, err)
	}
}

func TestFormProperties(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	done, err := w.e.DeployApp(ctx, admin, visit(t), engine.AppOptions{})
	w.must(err)
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: done.Definitions[0].ID}, map[string]any{"patient": "Rowlf"}, "")
	w.must(err)
	w.must(w.e.CompleteForm(ctx, kermit, w.taskOf(inst.ID).ID, map[string]any{"finding": "none"}, "Healthy"))
	bill := w.taskOf(inst.ID)
	clerk := engine.Actor{UserID: "clerk", Groups: []string{"accounting"}}
	data, err := w.e.TaskForm(ctx, clerk, bill.ID)
	w.must(err)
	if len(data.Properties) != 3 || data.Properties[1].Value != "Rowlf" || data.Properties[1].Writable || data.Properties[2].Values[1].Name != "Public" {
		t.Errorf("%+v", data.Properties)
	}
	w.must(w.e.Claim(ctx, clerk, bill.ID))
	for name, values := range map[string]map[string]string{"missing": {}, "empty": {"total": ""}, "no number": {"total": "x"}, "read-only": {"total": "1", "who": "x"}, "no value of it": {"total": "1", "kind": "x"}} {
		if _, err := w.e.SubmitProperties(ctx, clerk, bill.ID, engine.StartOptions{}, values); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = w.e.SubmitProperties(ctx, clerk, bill.ID, engine.StartOptions{}, map[string]string{"total": "12", "kind": "private", "note": "n"})
	w.must(err)
	vars, _, err := w.e.AllVariables(ctx, engine.VariableQuery{InstanceID: inst.ID, Page: engine.Page{Limit: 100}})
	w.must(err)
	got := map[string]any{}
	for _, v := range vars {
		got[v.Name] = v.Value
	}
	if got["total"] != int64(12) || got["kind"] != "private" || got["note"] != "n" || got["patient"] != "Rowlf" {
		t.Errorf("%v", got)
	}
}
