package delegate_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/form"
)

const exports = "../../../shared/aps/apps"

// initiator is who starts the exports' processes.
var initiator = engine.Actor{UserID: "7", Admin: true}

// journey is a process of an export on its way from start to end.
type journey struct {
	*world
	id   string
	path []string // the tasks that were completed
}

// deployExport deploys an app and returns its definitions.
func (w *world) deployExport(name string) *engine.Deployed {
	w.t.Helper()
	a, err := app.ReadFS(name, os.DirFS(exports+"/"+name), app.Limits{})
	w.must(err)
	done, err := w.e.DeployApp(context.Background(), initiator, a, engine.AppOptions{})
	w.must(err)
	return done
}

// fill makes plausible values for a form's fields, unless given says what they are.
func fill(t *testing.T, source string, given map[string]any) (*form.Form, map[string]any) {
	t.Helper()
	f, err := form.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for _, field := range f.Fields {
		v := plausible(field)
		if g, ok := given[field.ID]; ok {
			v = g
		}
		values[field.ID] = v
	}
	return f, values
}

func plausible(f *form.Field) any {
	switch f.Type {
	case form.Integer, form.Amount, form.Decimal:
		return json.Number("20")
	case form.Boolean:
		return true
	case form.Date:
		return "2026-02-03"
	case form.DateTime:
		return "2026-02-03T10:00:00Z"
	case form.Dropdown, form.Radio:
		if n := len(f.Options); n > 0 {
			return map[string]any{"id": f.Options[n-1].ID, "name": f.Options[n-1].Name}
		}
		return nil
	case form.People:
		return map[string]any{"id": json.Number("7")}
	case form.FunctGroup, form.Upload, form.Table, form.Hyperlink, form.ReadOnly, form.ReadOnlyText:
		return nil
	}
	return "text of " + f.ID
}

// begin starts a process by its form.
func (w *world) begin(d engine.Definition, given map[string]any) (*journey, error) {
	w.t.Helper()
	data, err := w.e.StartForm(context.Background(), engine.Actor{Admin: true, AllTenants: true}, d.ID)
	w.must(err)
	values, outcome := given, ""
	if len(data.JSON) > 0 {
		var f *form.Form
		f, values = fill(w.t, string(data.JSON), given)
		if len(f.Outcomes) > 0 {
			outcome = f.Outcomes[0].Name
		}
	}
	inst, err := w.e.StartWithForm(context.Background(), initiator, engine.StartOptions{DefinitionID: d.ID}, values, outcome)
	if err != nil {
		return nil, err
	}
	return &journey{world: w, id: inst.ID}, nil
}

// travel completes tasks, runs jobs and lets time pass until the process ends or
// nothing moves it any more. It tells which.
func (j *journey) travel() string {
	j.t.Helper()
	for range 50 {
		_, err := j.e.RunDue(context.Background())
		j.must(err)
		inst, err := j.e.Instance(context.Background(), initiator, j.id)
		j.must(err)
		if !inst.EndedAt.IsZero() {
			return "ended"
		}
		if j.complete() || j.wait() {
			continue
		}
		if _, message := j.dead(); message != "" {
			return message
		}
		return "waits"
	}
	return "never ends"
}

// complete completes the first open task; false when there is none.
func (j *journey) complete() bool {
	j.t.Helper()
	tasks, _, err := j.e.Tasks(context.Background(), engine.TaskQuery{InstanceID: j.id})
	j.must(err)
	if len(tasks) == 0 {
		return false
	}
	data, err := j.e.TaskForm(context.Background(), initiator, tasks[0].ID)
	j.must(err)
	values, outcome := map[string]any{}, ""
	if len(data.JSON) > 0 {
		var f *form.Form
		f, values = fill(j.t, string(data.JSON), nil)
		if len(f.Outcomes) > 0 {
			outcome = f.Outcomes[0].Name
		}
	}
	j.must(j.e.CompleteForm(context.Background(), initiator, tasks[0].ID, values, outcome))
	j.path = append(j.path, tasks[0].Name)
	return true
}

// wait lets time pass until the next timer is due; false when there is none.
func (j *journey) wait() bool {
	jobs, _, err := j.e.Jobs(context.Background(), engine.JobQuery{InstanceID: j.id})
	j.must(err)
	for _, job := range jobs {
		if job.Queue != "dead" && job.DueAt.After(j.now) {
			j.now = job.DueAt.Add(time.Second)
			return true
		}
	}
	return false
}

// realEnds says how each process of the exports ends: with the tasks on its way, or where
// it stops, at what code of its own or a service of APS was to do.
var realEnds = map[string]struct {
	given  map[string]any
	before string // an app with what this one refers to
	path   string
	end    string
}{
	"sqs-start":                     {path: "Review Incoming Message", end: "ended"},
	"SSN-Stencil-Process":           {end: "ended"},
	"Signature-Stencil-Process":     {path: "Sign Here > View Sign", end: "ended"},
	"simple-text-input-stencil":     {end: "ended"},
	"multi-instance-advanced":       {path: "UserTask -3 > UserTask -2 > Show Approval Status", end: "ended"},
	"UserAssignmentRulesDeployment": {given: map[string]any{"processName": "process-1", "environment": "prod"}, end: "ended"},
	"GenerateDocwithSignature":      {given: map[string]any{"sign": "data:image/png;base64,aGVsbG8="}, end: "activiti_generateDocumentDelegate"},
	"OpportunityDiscountApproval":   {end: "there is no variable \"currentOpportunity\""},
	"bulk-user-upload-process":      {end: "Upload User Data (csv) is required"},
	"admin-data-entry-process":      {end: "activiti_storeEntityDelegate"},
	"HierarchicalApprovalProcess":   {path: "Approval by Manager of Level 4 > Approval by Manager of Level 3", end: "ended"},
	"DroolsTest":                    {end: "com.alfresco.rules.CustomerRepresentation"},
	"UserLookupExample": {given: map[string]any{"processName": "process-1", "environment": "prod"}, before: "DMN_Deployment",
		path: "User Task Based On Lookup", end: "ended"},
	"variable-datamodel-mapping": {end: "variableToDataModelMapping"},
}

func TestExportsRunToTheirEnd(t *testing.T) {
	t.Parallel()
	dirs, err := os.ReadDir(exports)
	if err != nil {
		t.Skip("the exports are not here")
	}
	met := 0
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		w := newWorld(t, delegate.Config{Users: users, Directory: staff{}})
		for _, def := range w.deployExport(d.Name()).Definitions {
			met++
			want, known := realEnds[def.Key]
			if want.before != "" {
				w.deployExport(want.before)
			}
			j, err := w.begin(def, want.given)
			end := fmt.Sprint(err)
			if err == nil {
				end = j.travel()
			}
			if !known || !strings.Contains(end, want.end) || err == nil && strings.Join(j.path, " > ") != want.path {
				t.Errorf("%s, %s: %s, want %+v", d.Name(), def.Key, end, want)
			}
			if err == nil && end != "ended" && want.end == "ended" {
				t.Errorf("%s, %s: it passed %s", d.Name(), def.Key, strings.Join(j.path, " > "))
			}
		}
	}
	if met != len(realEnds) {
		t.Errorf("%d processes, want %d", met, len(realEnds))
	}
}
