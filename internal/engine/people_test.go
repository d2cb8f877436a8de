package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// drawnElsewhere has people of another server: 5 and 9 are users there, 40 and 41 groups.
const drawnElsewhere = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="one"/>
	<userTask id="one" activiti:assignee="5"><extensionElements><modeler:assignee-info-email><![CDATA[joe@example.org]]></modeler:assignee-info-email></extensionElements></userTask>
	<sequenceFlow id="f2" sourceRef="one" targetRef="two"/>
	<userTask id="two" activiti:candidateUsers="5,9" activiti:candidateGroups="40,41,staff"><extensionElements>
		<modeler:user-info-email-5>joe@example.org</modeler:user-info-email-5><modeler:user-info-email-9>gone@example.org</modeler:user-info-email-9>
		<modeler:group-info-name-40>Clerks</modeler:group-info-name-40><modeler:group-info-name-41>Ghosts</modeler:group-info-name-41></extensionElements></userTask>
	<sequenceFlow id="f3" sourceRef="two" targetRef="three"/><userTask id="three" activiti:assignee="5"/>`

// directory are those whom this server knows.
type directory map[string]string

func (d directory) find(_ context.Context, tenant, known string) (string, error) {
	return d[tenant+"/"+known], nil
}

func TestPeopleOfAnotherServer(t *testing.T) {
	t.Parallel()
	known := directory{"/joe@example.org": "1012", "/Clerks": "77"}
	w := newWorld(t, engine.Config{UserByEmail: known.find, GroupByName: known.find})
	ctx := context.Background()
	done := w.deploy(process(drawnElsewhere))
	var warned []string
	for _, p := range done.Problems {
		if strings.HasSuffix(p.Name, "-unknown") {
			warned = append(warned, p.Element+" "+p.Message)
		}
	}
	slices.Sort(warned)
	want := []string{`two nobody here is known as "Ghosts": the group stays the number 41`, `two nobody here is known as "gone@example.org": the user stays the number 9`}
	if diff := cmp.Diff(want, warned); diff != "" {
		t.Error(diff)
	}
	w.start("p", nil)
	joe := engine.Actor{UserID: "1012"}
	task := w.openTask()
	if task.Key != "one" || task.Assignee != "1012" {
		t.Fatalf("%s is %s's", task.Key, task.Assignee)
	}
	w.must(w.e.Complete(ctx, joe, task.ID, engine.CompleteOptions{}))
	task = w.openTask()
	links, err := w.e.Links(ctx, task.ID, "", "")
	w.must(err)
	var got []string
	for _, l := range links {
		got = append(got, l.UserID+l.GroupID)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"1012", "41", "77", "9", "staff"}, got); diff != "" {
		t.Error(diff)
	}
	w.must(w.e.Complete(ctx, admin, task.ID, engine.CompleteOptions{}))
	// A number with nothing beside it is this server's own.
	if task = w.openTask(); task.Assignee != "5" {
		t.Errorf("three is %s's", task.Assignee)
	}
	w.must(w.e.DeleteDeployment(ctx, admin, done.Deployment.ID, true))
	if n := w.count(`SELECT COUNT(*) FROM definition_people`); n != 0 {
		t.Errorf("%v rows are left", n)
	}
}

// openTask is the one open task.
func (w *world) openTask() engine.Task {
	w.t.Helper()
	tasks, total, err := w.e.Tasks(context.Background(), engine.TaskQuery{})
	w.must(err)
	if total != 1 {
		w.t.Fatalf("%d open tasks", total)
	}
	return tasks[0]
}

// Deploying the same again finds those who have come since.
func TestPeopleWhoComeLater(t *testing.T) {
	t.Parallel()
	known := directory{}
	w := newWorld(t, engine.Config{UserByEmail: known.find, GroupByName: known.find})
	ctx := context.Background()
	a := visit(t)
	a.Processes[0].Bytes = process(drawnElsewhere).Bytes
	_, err := w.e.DeployApp(ctx, admin, a, engine.AppOptions{SkipSame: true})
	w.must(err)
	w.start("p", nil)
	first := w.openTask()
	if first.Assignee != "5" {
		t.Errorf("%s", first.Assignee)
	}
	w.must(w.e.DeleteInstance(ctx, admin, w.last, ""))
	known["/joe@example.org"] = "1012"
	again, err := w.e.DeployApp(ctx, admin, a, engine.AppOptions{SkipSame: true})
	w.must(err)
	if again.Definitions[0].Version != 1 {
		t.Errorf("version %d", again.Definitions[0].Version)
	}
	w.start("p", nil)
	if task := w.openTask(); task.Assignee != "1012" {
		t.Errorf("%s", task.Assignee)
	}
}

func TestPeopleOfOtherTenantsAreNotMeant(t *testing.T) {
	t.Parallel()
	known := directory{"/joe@example.org": "1012", "tenant_2/joe@example.org": "2001"}
	w := newWorld(t, engine.Config{UserByEmail: known.find})
	_, err := w.e.Deploy(context.Background(), admin, engine.Deployment{Name: "p", TenantID: "tenant_2", Resources: []engine.Resource{process(drawnElsewhere)}})
	w.must(err)
	_, err = w.e.Start(context.Background(), admin, engine.StartOptions{Key: "p", TenantID: "tenant_2"})
	w.must(err)
	if task := w.openTask(); task.Assignee != "2001" {
		t.Errorf("%s", task.Assignee)
	}
}

// What cannot be known is no reason to give a task to the wrong one.
func TestPeopleCannotBeAsked(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.Unavailable, "The directory does not answer.")
	w := newWorld(t, engine.Config{UserByEmail: func(context.Context, string, string) (string, error) { return "", down }})
	_, err := w.e.Deploy(context.Background(), admin, engine.Deployment{Name: "p", Resources: []engine.Resource{process(drawnElsewhere)}})
	if !errors.Is(err, down) || w.count(`SELECT COUNT(*) FROM definitions`) != 0 {
		t.Errorf("%v", err)
	}
}
