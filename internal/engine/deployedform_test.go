package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// claims is an app whose process starts by a form with files and asks for more in a task.
func (w *world) claims() engine.Definition {
	w.t.Helper()
	form := func(required bool) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, `{"name":"Claim","editorJson":{"fields":[{"id":"what","name":"What","type":"text","required":%v},{"id":"papers","name":"Papers","type":"upload","params":{"multiple":true}}],"outcomes":[{"name":"Pay"},{"name":"Refuse"}]}}`, required)}
	}
	a, err := app.ReadFS("claims", fstest.MapFS{"form-models/Claim-5.json": form(true), "form-models/More-6.json": form(false), "bpmn-models/claim-4.bpmn20.xml": {Data: []byte(`<definitions
		xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><process id="claim" name="Claim" isExecutable="true">
		<startEvent id="s" activiti:formKey="5"/><sequenceFlow id="a" sourceRef="s" targetRef="check"/><userTask id="check" name="Check" activiti:assignee="kermit" activiti:formKey="6"/>
		<sequenceFlow id="b" sourceRef="check" targetRef="e"/><endEvent id="e"/></process></definitions>`)}}, app.Limits{})
	w.must(err)
	done, err := w.e.DeployApp(context.Background(), admin, a, engine.AppOptions{Of: &engine.AppOf{Shown: true}})
	w.must(err)
	return done.Definitions[0]
}

func (w *world) upload(actor engine.Actor, a engine.Attachment) int64 {
	w.t.Helper()
	if a.Name == "" {
		a.Name = "paper.txt"
	}
	done, err := w.e.AddAttachment(context.Background(), actor, a, strings.NewReader("paper"))
	w.must(err)
	return done.ID
}

func TestDeployedForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	def := w.claims()
	_, err := w.e.DeployApp(ctx, admin, visit(t), engine.AppOptions{})
	w.must(err)
	all, n, err := w.e.Forms(ctx, engine.FormQuery{NameContains: "CLAIM", Order: engine.Order{By: "id"}})
	if err != nil || n != 2 || all[0].Key != "5" || all[1].Number <= all[0].Number || all[0].AppID == 0 || all[0].AppNumber == 0 || all[0].JSON != nil {
		t.Fatalf("%d %+v %v", n, all, err)
	}
	numbers := w.column(`SELECT CAST(number AS TEXT) FROM forms UNION ALL SELECT CAST(id AS TEXT) FROM apps`)
	seen := map[string]bool{}
	for _, one := range numbers {
		if seen[one] || one == "0" {
			t.Errorf("%s is the number of two things: %v", one, numbers)
		}
		seen[one] = true
	}
	if _, n, err := w.e.Forms(ctx, engine.FormQuery{AppID: all[0].AppID}); err != nil || n != 2 {
		t.Errorf("of the app: %d %v", n, err)
	}
	if _, n, err := w.e.Forms(ctx, engine.FormQuery{DeploymentID: def.DeploymentID, Number: all[1].Number, Latest: true, Tenant: engine.Tenant{None: true}}); err != nil || n != 1 {
		t.Errorf("that one: %d %v", n, err)
	}
	f, err := w.e.Form(ctx, "", all[0].Number)
	if err != nil || f.Name != "Claim" || f.Form.Field("papers") == nil || !bytes.Contains(f.JSON, []byte("Papers")) {
		t.Errorf("%+v %v", f, err)
	}
	if _, err := w.e.Form(ctx, "tenant_2", all[0].Number); !fault.Is(err, fault.NotFound) {
		t.Errorf("of another tenant: %v", err)
	}
}

func TestAttachForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	w.claims()
	first, _, err := w.e.Forms(ctx, engine.FormQuery{Order: engine.Order{By: "id"}})
	w.must(err)
	w.claims() // the same keys again, newer
	task, err := w.e.NewTask(ctx, kermit, engine.Task{Name: "own", Assignee: "kermit"})
	w.must(err)
	for name, err := range map[string]error{"a stranger": w.e.AttachForm(ctx, fozzie, task.ID, first[0].Number)} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.wants(fault.NotFound, w.e.AttachForm(ctx, kermit, task.ID, 999))
	w.must(w.e.AttachForm(ctx, kermit, task.ID, first[0].Number))
	data, err := w.e.TaskForm(ctx, kermit, task.ID)
	if err != nil || data.Number != first[0].Number || data.Version != 1 {
		t.Errorf("%+v %v", data, err)
	}
	w.must(w.e.SaveForm(ctx, kermit, task.ID, map[string]any{"what": "draft"}))
	w.must(w.e.AttachForm(ctx, kermit, task.ID, 0))
	if data, err := w.e.TaskForm(ctx, kermit, task.ID); err != nil || data.Form != nil || data.Values["what"] != nil {
		t.Errorf("%+v %v", data, err)
	}
	w.must(w.e.AttachForm(ctx, kermit, task.ID, first[0].Number))
	w.wants(fault.Invalid, w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{}, "Pay"))
	w.must(w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{"what": "a hat"}, "Pay"))
	data, err = w.e.TaskForm(ctx, kermit, task.ID)
	if err != nil || data.Outcome != "Pay" || data.Values["what"] != "a hat" || data.Number != first[0].Number {
		t.Errorf("%+v %v", data, err)
	}
	if got := w.column(`SELECT name FROM variables WHERE name LIKE 'form%outcome'`); len(got) != 1 || got[0] != "form5outcome" {
		t.Errorf("%v", got)
	}
}

func TestContentsOfForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	def := w.claims()
	mine, second, others := w.upload(kermit, engine.Attachment{}), w.upload(kermit, engine.Attachment{Name: "b.txt"}), w.upload(fozzie, engine.Attachment{Name: "secret.txt"})
	for name, papers := range map[string]any{"somebody else's": fmt.Sprint(others), "none": "9999", "one of them": fmt.Sprintf("%d,%d", mine, others)} {
		if _, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x", "papers": papers}, ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, err := w.e.Attachment(ctx, kermit, mine); err != nil || a.InstanceID != "" {
		t.Errorf("taken by a form that was refused: %+v %v", a, err)
	}
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x", "papers": []any{map[string]any{"id": float64(mine)}}}, "")
	w.must(err)
	task := w.taskOf(inst.ID)
	a, err := w.e.Attachment(ctx, kermit, mine)
	if err != nil || a.InstanceID != inst.ID || a.TaskID != "" || a.Field != "papers" || a.FieldName != "Papers" || a.Related {
		t.Errorf("%+v %v", a, err)
	}
	w.must(w.e.SaveForm(ctx, kermit, task.ID, map[string]any{"papers": fmt.Sprint(second)}))
	w.wants(fault.Invalid, w.e.SaveForm(ctx, kermit, task.ID, map[string]any{"papers": fmt.Sprint(others)}))
	// What is the instance's already may be named again.
	w.must(w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{"papers": fmt.Sprintf("%d,%d", mine, second)}, "Pay"))
	if a, err := w.e.Attachment(ctx, kermit, second); err != nil || a.TaskID != task.ID || a.InstanceID != inst.ID {
		t.Errorf("%+v %v", a, err)
	}
	if _, n, err := w.e.Attachments(ctx, kermit, engine.AttachmentQuery{InstanceID: inst.ID, Fields: true}); err != nil || n != 2 {
		t.Errorf("%d %v", n, err)
	}
	if _, n, err := w.e.Attachments(ctx, kermit, engine.AttachmentQuery{IDs: []int64{mine, second, others}}); err != nil || n != 2 {
		t.Errorf("by number: %d %v", n, err)
	}
	for name, test := range map[string]struct {
		by   engine.Actor
		want int
	}{"an administrator of all": {admin, 3}, "of this tenant": {engine.Actor{UserID: "boss", Admin: true}, 2}, "of another": {engine.Actor{UserID: "boss", Admin: true, TenantID: "t"}, 0}} {
		if _, n, err := w.e.Attachments(ctx, test.by, engine.AttachmentQuery{IDs: []int64{mine, second, others}}); err != nil || n != test.want {
			t.Errorf("%s sees %d, want %d, %v", name, n, test.want, err)
		}
	}
	w.must(w.e.DeleteHistory(ctx, admin, inst.ID))
	for table, want := range map[string]float64{"attachments": 1, "attachment_pieces": 1, "submitted_forms": 0, "form_drafts": 0} {
		if n := w.count(`SELECT COUNT(*) FROM ` + table); n != want {
			t.Errorf("%v rows in %s, want %v", n, table, want)
		}
	}
}

func TestSubmissions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	def := w.claims()
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x"}, "")
	w.must(err)
	task := w.taskOf(inst.ID)
	w.must(w.e.CompleteForm(ctx, kermit, task.ID, map[string]any{"what": "y"}, "Refuse"))
	forms, _, err := w.e.Forms(ctx, engine.FormQuery{Order: engine.Order{By: "id"}})
	w.must(err)
	for name, test := range map[string]struct {
		q    engine.SubmittedQuery
		want int
	}{
		"all": {engine.SubmittedQuery{}, 2}, "of a form": {engine.SubmittedQuery{FormNumber: forms[0].Number}, 1}, "by kermit": {engine.SubmittedQuery{UserID: "kermit", For: &kermit}, 2},
		"seen by a stranger": {engine.SubmittedQuery{For: &fozzie}, 0}, "tenant": {engine.SubmittedQuery{Tenant: engine.Tenant{None: true}}, 2}, "another": {engine.SubmittedQuery{Tenant: engine.Tenant{ID: "t"}}, 0},
	} {
		if all, n, err := w.e.Submissions(ctx, test.q); err != nil || n != test.want || len(all) != n {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	all, _, err := w.e.Submissions(ctx, engine.SubmittedQuery{TaskID: task.ID})
	w.must(err)
	if s, err := w.e.Submission(ctx, kermit, engine.Tenant{}, all[0].ID); err != nil || s.Outcome != "Refuse" || s.Values["what"] != "y" {
		t.Errorf("%+v %v", s, err)
	}
	for kind, err := range map[fault.Kind]error{fault.Forbidden: second2(w.e.Submission(ctx, fozzie, engine.Tenant{}, all[0].ID)), fault.NotFound: second2(w.e.Submission(ctx, kermit, engine.Tenant{}, 99_999))} {
		w.wants(kind, err)
	}
	of, err := w.e.FormsOf(ctx, all)
	if err != nil || of[all[0].FormID].Number != forms[1].Number {
		t.Errorf("%+v %v", of, err)
	}
	start, err := w.e.InstanceStartForm(ctx, kermit, inst.ID)
	if err != nil || start.Values["what"] != "x" || start.Name != "Claim" {
		t.Errorf("%+v %v", start, err)
	}
	w.wants(fault.NotFound, second2(w.e.InstanceStartForm(ctx, fozzie, inst.ID)))
	// Started without its form, an instance shows its variables there.
	plain, err := w.e.Start(ctx, kermit, engine.StartOptions{Key: "claim", Variables: map[string]any{"what": "z"}})
	w.must(err)
	if start, err := w.e.InstanceStartForm(ctx, kermit, plain.ID); err != nil || start.Values["what"] != "z" {
		t.Errorf("%+v %v", start, err)
	}
}

// Without history nothing of a form stays, and drafts of tasks that are gone are swept.
func TestFormsWithoutHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{History: "none"})
	ctx := context.Background()
	def := w.claims()
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x"}, "")
	w.must(err)
	w.must(w.e.SaveForm(ctx, kermit, w.taskOf(inst.ID).ID, map[string]any{"what": "y"}))
	if n, err := w.e.SweepDrafts(ctx, 10); n != 0 || err != nil {
		t.Errorf("an open task's: %d %v", n, err)
	}
	w.must(w.e.DeleteInstance(ctx, admin, inst.ID, "enough"))
	if n, err := w.e.SweepDrafts(ctx, 10); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	if n := w.count(`SELECT COUNT(*) FROM submitted_forms`); n != 0 {
		t.Errorf("%v submitted forms", n)
	}
}

func TestContentsInAFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "contents")
	w := newWorld(t, engine.Config{ContentFolder: dir, MaxContent: 3 << 20})
	ctx := context.Background()
	files := func() (n int) {
		all, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		w.must(err)
		return len(all)
	}
	data := bytes.Repeat([]byte("abc"), 500_000)
	a, err := w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "../../etc/passwd"}, bytes.NewReader(data))
	w.must(err)
	a, err = w.e.Attachment(ctx, kermit, a.ID)
	w.must(err)
	var got bytes.Buffer
	w.must(w.e.Content(ctx, a, &got))
	if !bytes.Equal(got.Bytes(), data) || a.Name != "passwd" || a.Size != int64(len(data)) || files() != 1 || w.count(`SELECT COUNT(*) FROM attachment_pieces`) != 0 {
		t.Errorf("%d bytes, %d files, %+v", got.Len(), files(), a)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	_, err = w.e.AddAttachment(ctx, kermit, engine.Attachment{Name: "large"}, bytes.NewReader(make([]byte, 3<<20+1)))
	w.wants(fault.TooLarge, err)
	if n, err := w.e.SweepFiles(ctx, 10); n != 1 || err != nil || files() != 1 {
		t.Errorf("%d %v, %d files", n, err, files())
	}
	w.must(w.e.DeleteAttachment(ctx, kermit, a.ID))
	if n, err := w.e.SweepFiles(ctx, 10); n != 1 || err != nil || files() != 0 || w.count(`SELECT COUNT(*) FROM lost_files`) != 0 {
		t.Errorf("%d %v, %d files", n, err, files())
	}
	def := w.claims()
	paper := w.upload(kermit, engine.Attachment{})
	inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x", "papers": fmt.Sprint(paper)}, "")
	w.must(err)
	w.upload(kermit, engine.Attachment{TaskID: w.taskOf(inst.ID).ID})
	w.must(w.e.DeleteInstance(ctx, admin, inst.ID, "enough"))
	w.must(w.e.DeleteHistory(ctx, admin, inst.ID))
	if n, err := w.e.SweepFiles(ctx, 10); n != 2 || err != nil || files() != 0 {
		t.Errorf("with the history: %d %v, %d files", n, err, files())
	}
}

// What nothing has taken goes after a week.
func TestUntakenContents(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	ctx := context.Background()
	loose, taken := w.upload(kermit, engine.Attachment{}), w.upload(kermit, engine.Attachment{InstanceID: ids["one"]})
	w.now = w.now.Add(6 * 24 * time.Hour)
	if n, err := w.e.SweepUploads(ctx, 10); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	w.now = w.now.Add(25 * time.Hour)
	if n, err := w.e.SweepUploads(ctx, 10); n != 1 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	w.wants(fault.NotFound, second2(w.e.Attachment(ctx, kermit, loose)))
	if _, err := w.e.Attachment(ctx, kermit, taken); err != nil {
		t.Error(err)
	}
}

// Completing a task with a form takes few statements.
func TestStatementsOfForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	def := w.claims()
	var last int64
	for range 2 { // the first time the form is read and parsed
		inst, err := w.e.StartWithForm(ctx, kermit, engine.StartOptions{DefinitionID: def.ID}, map[string]any{"what": "x"}, "")
		w.must(err)
		task := w.taskOf(inst.ID).ID
		before := w.db.Statements()
		w.must(w.e.CompleteForm(ctx, kermit, task, map[string]any{"what": "y"}, "Pay"))
		last = w.db.Statements() - before
	}
	if last > 13 {
		t.Errorf("%d statements", last)
	}
}
