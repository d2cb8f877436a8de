package model_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/model"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

var (
	ada    = model.Actor{UserID: 1, Admin: true}
	kermit = model.Actor{UserID: 1001}
	editor = model.Actor{UserID: 1002, Editor: true}
	piggy  = model.Actor{UserID: 1003, Publisher: true}
	reader = model.Actor{UserID: 1004, Reader: true}
	abroad = model.Actor{UserID: 2001, Admin: true, TenantID: "tenant_2"}
)

type world struct {
	*model.Service
	t      *testing.T
	db     *store.DB
	engine *engine.Engine
	now    time.Time
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, db: storetest.Open(t), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	e, err := engine.New(w.db, engine.Config{})
	w.must(err)
	w.engine = e
	w.Service = model.New(w.db, e, app.Limits{}, func() time.Time { w.now = w.now.Add(time.Minute); return w.now })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wants(kind fault.Kind, err error) {
	w.t.Helper()
	if !fault.Is(err, kind) {
		w.t.Fatalf("error %v, want a fault of kind %q", err, kind)
	}
}

// visit is an app of processes, forms, a decision table and other files as an archive.
func visit(t *testing.T) []byte {
	t.Helper()
	a, err := app.ReadFS("visit", os.DirFS("../app/testdata/visit"), app.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return archive(t, a.Files()...)
}

func archive(t *testing.T, files ...app.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := app.WriteZip(&b, files); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const bpmn = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t"><process id="%s" name="%s" isExecutable="true">
<documentation>words</documentation><startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="u"/><userTask id="u" activiti:formKey="%s"/></process></definitions>`

// An app that was imported is exported as the same archive, and imported again it is the
// same once more.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	in := visit(t)
	m, err := w.Import(ctx, piggy, "visit.zip", in)
	w.must(err)
	if m.Kind != model.App || m.Name != "Visit" || m.Version != 1 || m.CreatedBy != 1003 || m.CreatedAt.IsZero() {
		t.Errorf("%+v", m)
	}
	name, out, err := w.Export(ctx, piggy, m.ID)
	w.must(err)
	if name != "Visit.zip" || !bytes.Equal(in, out) {
		t.Errorf("%s: %d bytes, want %d", name, len(out), len(in))
	}
	again, err := w.Import(ctx, ada, "x.zip", out)
	w.must(err)
	_, third, err := w.Export(ctx, ada, again.ID)
	w.must(err)
	if again.ID == m.ID || !bytes.Equal(in, third) {
		t.Errorf("%d, %d bytes", again.ID, len(third))
	}
	processes := model.Process
	list, n, err := w.List(ctx, piggy, model.Query{Kind: &processes})
	w.must(err)
	if n != 1 || list[0].Key != "7" {
		t.Fatalf("%+v", list)
	}
	forms, n, err := w.Forms(ctx, piggy, model.Query{ReferenceID: list[0].ID})
	w.must(err)
	if n != 1 || forms[0].Name != "Patient" || forms[0].Key != "8" || !bytes.Contains(forms[0].Content, []byte("editorJson")) {
		t.Errorf("%+v", forms)
	}
	_, _, err = w.Export(ctx, piggy, list[0].ID)
	w.wants(fault.Invalid, err)
}

func TestArchivesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := app.File{Name: "bpmn-models/p-1.bpmn20.xml", Bytes: []byte("<x/>")}
	for name, data := range map[string][]byte{
		"no archive": []byte(fmt.Sprintf(bpmn, "p", "p", "")), "nothing": nil, "cut off": visit(t)[:200],
		"leads outside": archive(t, app.File{Name: "../x.bpmn"}), "nobody": archive(t, p, app.File{Name: "a.json", Bytes: []byte(`{"models":[],"publishIdentityInfo":[{}]}`)}),
	} {
		_, err := w.Import(context.Background(), ada, "x.zip", data)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, n, err := w.List(context.Background(), ada, model.Query{}); n != 0 || err != nil {
		t.Errorf("%d models are left, %v", n, err)
	}
}

// A published app is deployed with what it is made of, under a number that stays.
func TestPublish(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	m, err := w.Import(ctx, piggy, "visit.zip", visit(t))
	w.must(err)
	done, err := w.Publish(ctx, piggy, m.ID, model.Publishing{Comment: "first"})
	w.must(err)
	if done.Wrong != "" || done.App == nil || done.App.ModelID != m.ID || done.App.Shown || done.Model.Version != 2 || done.Model.Comment != "first" {
		t.Fatalf("%+v", done)
	}
	defs, n, err := w.engine.Definitions(ctx, engine.DefinitionQuery{AppID: done.App.ID})
	w.must(err)
	if n != 1 || defs[0].Version != 1 || !defs[0].StartForm {
		t.Errorf("%+v", defs)
	}
	again, err := w.Publish(ctx, piggy, m.ID, model.Publishing{Shown: true})
	w.must(err)
	if again.App.ID != done.App.ID || !again.App.Shown || again.App.DeploymentID == done.App.DeploymentID {
		t.Errorf("%+v", again.App)
	}
	deployed, _, err := w.engine.AppDeployments(ctx, engine.AppDeploymentQuery{AppID: done.App.ID})
	w.must(err)
	if len(deployed) != 2 || deployed[0].CreatedBy != "1003" {
		t.Errorf("%+v", deployed)
	}
	history, n, err := w.History(ctx, piggy, m.ID, 0, 0)
	w.must(err)
	if n != 2 || history[0].Version != 2 || history[1].Version != 1 || history[0].Comment != "first" {
		t.Errorf("%+v", history)
	}
	old, err := w.Version(ctx, piggy, m.ID, history[1].ID)
	w.must(err)
	if !bytes.Contains(old.Content, []byte("Visit")) {
		t.Errorf("%+v", old)
	}
	_, err = w.Version(ctx, piggy, m.ID, 999)
	w.wants(fault.NotFound, err)

	broken, err := w.Import(ctx, piggy, "b.zip", archive(t, app.File{Name: "bpmn-models/p-1.bpmn20.xml", Bytes: []byte(`<definitions><nothing`)}))
	w.must(err)
	wrong, err := w.Publish(ctx, piggy, broken.ID, model.Publishing{})
	w.must(err)
	if wrong.App != nil || !strings.Contains(wrong.Wrong, "p-1.bpmn20.xml") || wrong.Model.Version != 1 {
		t.Errorf("%+v", wrong)
	}
}

// An app of processes and forms that were made here.
func TestAppOfOnesOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	form, err := w.Create(ctx, piggy, model.Draft{Kind: model.Form, Name: "Ask / tell"})
	w.must(err)
	form, err = w.SaveForm(ctx, piggy, form.ID, model.FormSave{Definition: []byte(`{"fields":[{"id":"why","name":"Why","type":"text","required":true}],"outcomes":[]}`), NewVersion: true, Comment: "a field"})
	w.must(err)
	if form.Version != 2 || form.Comment != "a field" {
		t.Errorf("%+v", form)
	}
	process, err := w.ImportProcess(ctx, piggy, "Ask.bpmn20.xml", []byte(fmt.Sprintf(bpmn, "ask", "Ask somebody", fmt.Sprint(form.ID))))
	w.must(err)
	if process.Name != "Ask somebody" || process.Description != "words" || len(process.Thumbnail()) == 0 {
		t.Errorf("%+v", process)
	}
	made, err := w.Create(ctx, piggy, model.Draft{Kind: model.App, Name: "Questions", Description: "all of them"})
	w.must(err)
	empty, err := w.Publish(ctx, piggy, made.ID, model.Publishing{})
	w.must(err)
	if empty.Wrong == "" {
		t.Error("an app of nothing is published")
	}
	theme := "theme-3"
	_, err = w.UpdateApp(ctx, piggy, made.ID, model.AppChange{Theme: &theme, Processes: &[]int64{process.ID}})
	w.must(err)
	_, d, err := w.Definition(ctx, piggy, made.ID)
	w.must(err)
	if d.Theme != "theme-3" || d.Icon != "glyphicon-asterisk" || len(d.Models) != 1 || d.Models[0].ID != process.ID {
		t.Errorf("%+v", d)
	}
	done, err := w.Publish(ctx, piggy, made.ID, model.Publishing{Shown: true})
	w.must(err)
	if done.Wrong != "" || len(done.Warnings) != 0 || done.App.Theme != "theme-3" || done.App.Description != "all of them" {
		t.Fatalf("%+v", done)
	}
	_, err = w.engine.Start(ctx, engine.Actor{UserID: "1"}, engine.StartOptions{Key: "ask"})
	w.must(err)
	tasks, n, err := w.engine.Tasks(ctx, engine.TaskQuery{AppID: done.App.ID})
	w.must(err)
	if n != 1 {
		t.Fatalf("%d tasks", n)
	}
	data, err := w.engine.TaskForm(ctx, engine.Actor{Admin: true}, tasks[0].ID)
	w.must(err)
	if data.Form == nil || data.Form.Field("why") == nil {
		t.Errorf("%+v", data)
	}
	// What was made here is imported elsewhere.
	_, out, err := w.Export(ctx, piggy, made.ID)
	w.must(err)
	back, err := w.Import(ctx, ada, "q.zip", out)
	w.must(err)
	_, d, err = w.Definition(ctx, ada, back.ID)
	w.must(err)
	if d.Theme != "theme-3" || len(d.Models) != 1 || d.Models[0].Name != "Ask somebody" || back.Description != "all of them" {
		t.Errorf("%+v %+v", back, d)
	}
	if done, err = w.Publish(ctx, ada, back.ID, model.Publishing{}); err != nil || done.Wrong != "" {
		t.Errorf("%+v %v", done, err)
	}
	for name, ids := range map[string][]int64{"a form": {form.ID}, "twice": {process.ID, process.ID}} {
		if _, err := w.UpdateApp(ctx, piggy, made.ID, model.AppChange{Processes: &ids}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = w.UpdateApp(ctx, piggy, process.ID, model.AppChange{})
	w.wants(fault.NotFound, err)
	_, err = w.UpdateApp(ctx, piggy, made.ID, model.AppChange{Access: []byte(`[{}]`)})
	w.wants(fault.Invalid, err)
}

// A new archive makes new versions of the same models.
func TestReimport(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	file := func(name, key, title string) app.File {
		return app.File{Name: name, Bytes: []byte(fmt.Sprintf(bpmn, key, title, ""))}
	}
	m, err := w.Import(ctx, editor, "one.zip", archive(t, file("bpmn-models/Order-1.bpmn20.xml", "order", "1"), file("bpmn-models/Gone-2.bpmn20.xml", "gone", "2"),
		app.File{Name: "pictures/a.png", Bytes: []byte("1")}))
	w.must(err)
	_, before, err := w.Definition(ctx, editor, m.ID)
	w.must(err)
	next := archive(t, file("bpmn-models/Order-77.bpmn20.xml", "order", "changed"), file("bpmn-models/Fresh-3.bpmn20.xml", "fresh", "3"))
	again, err := w.Reimport(ctx, editor, m.ID, "two.zip", next)
	w.must(err)
	if again.ID != m.ID || again.Version != 2 || again.Comment != "App definition import" {
		t.Errorf("%+v", again)
	}
	_, after, err := w.Definition(ctx, editor, m.ID)
	w.must(err)
	order := before.Models[1]
	if len(after.Models) != 2 || after.Models[1].ID != order.ID || after.Models[1].Version != 2 || after.Models[0].Name != "Fresh" {
		t.Errorf("%+v, before %+v", after.Models, before.Models)
	}
	_, out, err := w.Export(ctx, editor, m.ID)
	w.must(err)
	a, err := app.Read("x.zip", out, app.Limits{})
	w.must(err)
	if len(a.Processes) != 2 || len(a.Others) != 1 {
		t.Errorf("%d processes, %d others", len(a.Processes), len(a.Others))
	}
	gone, err := w.Get(ctx, editor, before.Models[0].ID)
	w.must(err)
	if gone.Version != 1 {
		t.Errorf("%+v", gone)
	}
	_, err = w.Reimport(ctx, editor, order.ID, "x.zip", next)
	w.wants(fault.Invalid, err)
	_, err = w.Reimport(ctx, editor, 999, "x.zip", next)
	w.wants(fault.NotFound, err)
	_, err = w.Reimport(ctx, piggy, m.ID, "x.zip", next)
	w.wants(fault.Forbidden, err)
}

// Who may do what with whose model.
func TestAccess(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	m, err := w.Import(ctx, piggy, "visit.zip", visit(t))
	w.must(err)
	own, err := w.Create(ctx, kermit, model.Draft{Kind: model.Form, Name: "Kermit's"})
	w.must(err)
	data := []byte(fmt.Sprintf(bpmn, "p", "p", ""))
	ops := map[string]func(model.Actor) error{
		"read":   func(a model.Actor) error { _, err := w.Get(ctx, a, m.ID); return err },
		"export": func(a model.Actor) error { _, _, err := w.Export(ctx, a, m.ID); return err },
		"update": func(a model.Actor) error { _, err := w.Update(ctx, a, m.ID, model.Change{}); return err },
		"publish": func(a model.Actor) error {
			_, err := w.Publish(ctx, a, m.ID, model.Publishing{})
			return err
		},
		"history": func(a model.Actor) error { _, _, err := w.History(ctx, a, m.ID, 0, 1); return err },
		"import":  func(a model.Actor) error { _, err := w.ImportProcess(ctx, a, "p.bpmn", data); return err },
		"app": func(a model.Actor) error {
			_, err := w.Create(ctx, a, model.Draft{Kind: model.App, Name: "x"})
			return err
		},
		"form": func(a model.Actor) error {
			_, err := w.Create(ctx, a, model.Draft{Kind: model.Form, Name: "x"})
			return err
		},
		"clone": func(a model.Actor) error { _, err := w.Clone(ctx, a, m.ID, nil, nil); return err },
		"change another's form": func(a model.Actor) error {
			_, err := w.SaveForm(ctx, a, own.ID, model.FormSave{})
			return err
		},
	}
	for who, c := range map[string]struct {
		actor model.Actor
		may   string // of the operations, those that are not refused
	}{
		"an administrator":                {ada, "app change another's form clone export form history import publish read update"},
		"who has made it":                 {piggy, "app clone export form history import publish read update"},
		"a reader of everything":          {reader, "export form history read"},
		"an editor":                       {editor, "app form import"},
		"somebody else":                   {kermit, "change another's form form"},
		"another tenant's administrator":  {abroad, "app form import"},
		"a publisher of another's models": {model.Actor{UserID: 9, Publisher: true}, "app form import"},
		"nobody":                          {model.Actor{}, "form"},
	} {
		var may []string
		for name, op := range ops {
			err := op(c.actor)
			switch {
			case err == nil:
				may = append(may, name)
			case !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound):
				t.Errorf("%s, %s: %v", who, name, err)
			}
		}
		slices.Sort(may)
		if got := strings.Join(may, " "); got != c.may {
			t.Errorf("%s may: %s; want: %s", who, got, c.may)
		}
	}
	w.wants(fault.Forbidden, w.Delete(ctx, reader, m.ID, false))
	w.wants(fault.NotFound, w.Delete(ctx, abroad, m.ID, false))
	w.must(w.Delete(ctx, piggy, m.ID, false))
	_, err = w.Get(ctx, piggy, m.ID)
	w.wants(fault.NotFound, err)
}

func TestLists(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	for _, name := range []string{"b", "A", "c 100%"} {
		_, err := w.Create(ctx, kermit, model.Draft{Kind: model.Form, Name: name})
		w.must(err)
	}
	p, err := w.Create(ctx, ada, model.Draft{Kind: model.Process, Name: "P"})
	w.must(err)
	_, err = w.Create(ctx, ada, model.Draft{Kind: model.Form, Name: "of P", ReferenceID: p.ID})
	w.must(err)
	form := model.Form
	for name, c := range map[string]struct {
		by   model.Actor
		q    model.Query
		want string
	}{
		"his":       {kermit, model.Query{}, "3 [c 100% A b]"},
		"all":       {ada, model.Query{}, "5 [of P P c 100% A b]"},
		"by name":   {kermit, model.Query{Sort: "nameAsc"}, "3 [A b c 100%]"},
		"backwards": {kermit, model.Query{Sort: "nameDesc", Limit: 2}, "3 [c 100% b]"},
		"oldest":    {kermit, model.Query{Sort: "modifiedAsc", Offset: 1}, "3 [A c 100%]"},
		"mine":      {ada, model.Query{Mine: true, Kind: &form}, "1 [of P]"},
		"others'":   {ada, model.Query{Others: true}, "3 [c 100% A b]"},
		"reusable":  {ada, model.Query{Reusable: true, Kind: &form}, "3 [c 100% A b]"},
		"text":      {ada, model.Query{Text: "C 100%"}, "1 [c 100%]"},
		"reference": {ada, model.Query{ReferenceID: p.ID}, "1 [of P]"},
		"ids":       {kermit, model.Query{IDs: []int64{1, 2, p.ID}}, "2 [A b]"},
		"no ids":    {ada, model.Query{IDs: []int64{}}, "0 []"},
		"abroad":    {abroad, model.Query{}, "0 []"},
	} {
		list, n, err := w.List(ctx, c.by, c.q)
		w.must(err)
		var names []string
		for _, m := range list {
			names = append(names, m.Name)
		}
		if got := fmt.Sprint(n, names); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	_, _, err = w.List(ctx, ada, model.Query{Sort: "x"})
	w.wants(fault.Invalid, err)
	_, err = w.Create(ctx, kermit, model.Draft{Kind: model.Form, Name: "x", ReferenceID: p.ID})
	w.wants(fault.Forbidden, err)
	_, err = w.Create(ctx, ada, model.Draft{Kind: 9, Name: "x"})
	w.wants(fault.Invalid, err)
	for _, name := range []string{"", " ", strings.Repeat("x", 256), "a\x00b"} {
		if _, err := w.Create(ctx, ada, model.Draft{Kind: model.Form, Name: name}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Models from nothing are such as the engine takes.
func TestBlankModels(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	for _, name := range []string{"Order <1> & \"more\"", "Предмет", "7"} {
		p, err := w.Create(ctx, ada, model.Draft{Kind: model.Process, Name: name})
		w.must(err)
		for _, kind := range []model.Kind{model.Form, model.Decision} {
			_, err = w.Create(ctx, ada, model.Draft{Kind: kind, Name: name, ReferenceID: p.ID})
			w.must(err)
		}
		a, err := w.Create(ctx, ada, model.Draft{Kind: model.App, Name: name})
		w.must(err)
		_, err = w.UpdateApp(ctx, ada, a.ID, model.AppChange{Processes: &[]int64{p.ID}})
		w.must(err)
		done, err := w.Publish(ctx, ada, a.ID, model.Publishing{})
		w.must(err)
		if done.Wrong != "" || done.App.Name != name {
			t.Errorf("%s: %+v", name, done)
		}
	}
	p, err := w.Create(ctx, ada, model.Draft{Kind: model.Process, Name: "p"})
	w.must(err)
	twin, err := w.Clone(ctx, ada, p.ID, nil, nil)
	w.must(err)
	if twin.ID == p.ID || twin.Name != "p" || !bytes.Equal(twin.Content, p.Content) {
		t.Errorf("%+v", twin)
	}
	data := []byte(fmt.Sprintf(bpmn, "q", "q", ""))
	p, err = w.ImportVersion(ctx, ada, p.ID, "q.bpmn", data)
	w.must(err)
	if p.Version != 2 || !bytes.Equal(p.Content, data) {
		t.Errorf("%+v", p)
	}
	for name, file := range map[string]string{"q.txt": string(data), "q.bpmn": "<x", "r.bpmn": `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>`} {
		if _, err := w.ImportProcess(ctx, ada, name, []byte(file)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = w.SaveForm(ctx, ada, p.ID, model.FormSave{})
	w.wants(fault.NotFound, err)
	f, err := w.Create(ctx, ada, model.Draft{Kind: model.Form, Name: "f"})
	w.must(err)
	_, err = w.SaveForm(ctx, ada, f.ID, model.FormSave{Definition: []byte(`{"fields":[{"type":"text"}]}`)})
	w.wants(fault.Invalid, err)
	_, err = w.SaveForm(ctx, ada, f.ID, model.FormSave{Definition: bytes.Repeat([]byte(" "), 3<<20)})
	w.wants(fault.TooLarge, err)
}

// With cascade an app takes along what it alone is made of.
func TestDeleteWithParts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	one, err := w.Import(ctx, piggy, "visit.zip", visit(t))
	w.must(err)
	_, d, err := w.Definition(ctx, piggy, one.ID)
	w.must(err)
	two, err := w.Create(ctx, piggy, model.Draft{Kind: model.App, Name: "two"})
	w.must(err)
	_, err = w.UpdateApp(ctx, piggy, two.ID, model.AppChange{Processes: &[]int64{d.Models[0].ID}})
	w.must(err)
	w.must(w.Delete(ctx, piggy, one.ID, true))
	list, n, err := w.List(ctx, piggy, model.Query{Sort: "nameAsc"})
	w.must(err)
	if n != 2 || list[0].ID != two.ID || list[1].ID != d.Models[0].ID {
		t.Errorf("%+v", list)
	}
}

// A form that is attached is deployed once for each thing that it has been.
func TestDeployForm(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	m, err := w.Create(ctx, kermit, model.Draft{Kind: model.Form, Name: "Ask / tell"})
	w.must(err)
	first, err := w.DeployForm(ctx, kermit, m.ID)
	w.must(err)
	same, err := w.DeployForm(ctx, ada, m.ID)
	w.must(err)
	_, err = w.SaveForm(ctx, kermit, m.ID, model.FormSave{Definition: []byte(`{"fields":[{"id":"why","type":"text"}]}`)})
	w.must(err)
	other, err := w.DeployForm(ctx, kermit, m.ID)
	w.must(err)
	if same != first || other == first {
		t.Errorf("%s %s %s", first, same, other)
	}
	names, err := w.engine.ResourceNames(ctx, engine.Actor{Admin: true}, other)
	w.must(err)
	if len(names) != 1 || names[0] != fmt.Sprintf("form-models/Ask _ tell-%d.json", m.ID) {
		t.Errorf("%v", names)
	}
	for who, c := range map[string]struct {
		actor model.Actor
		id    int64
		kind  fault.Kind
	}{"somebody else": {piggy, m.ID, fault.Forbidden}, "another tenant's": {abroad, m.ID, fault.NotFound}, "none": {kermit, 999, fault.NotFound}} {
		if _, err := w.DeployForm(ctx, c.actor, c.id); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// A process that names another's form by its number does not get at it.
func TestNeededFormsAreOnesOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := context.Background()
	secret, err := w.Create(ctx, kermit, model.Draft{Kind: model.Form, Name: "Kermit's"})
	w.must(err)
	process, err := w.ImportProcess(ctx, piggy, "p.bpmn", []byte(fmt.Sprintf(bpmn, "p", "p", fmt.Sprint(secret.ID))))
	w.must(err)
	a, err := w.Create(ctx, piggy, model.Draft{Kind: model.App, Name: "a"})
	w.must(err)
	_, err = w.UpdateApp(ctx, piggy, a.ID, model.AppChange{Processes: &[]int64{process.ID}})
	w.must(err)
	for who, c := range map[string]struct {
		by    model.Actor
		forms int
	}{"piggy": {piggy, 0}, "an administrator": {ada, 1}} {
		_, out, err := w.Export(ctx, c.by, a.ID)
		w.must(err)
		read, err := app.Read("a.zip", out, app.Limits{})
		w.must(err)
		if len(read.Forms) != c.forms || len(read.Processes) != 1 {
			t.Errorf("%s: %d forms", who, len(read.Forms))
		}
	}
	done, err := w.Publish(ctx, piggy, a.ID, model.Publishing{})
	w.must(err)
	if done.Wrong != "" || len(done.Warnings) != 1 || !strings.Contains(done.Warnings[0], fmt.Sprintf("%d", secret.ID)) {
		t.Errorf("%+v", done)
	}
}
