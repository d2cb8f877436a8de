package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// two is a process with a task for a group and then one for its initiator.
const two = `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="cat">
  <process id="two" name="Two steps" isExecutable="true">
    <startEvent id="s"/><sequenceFlow id="a" sourceRef="s" targetRef="first"/>
    <userTask id="first" name="First 100%" activiti:candidateGroups="press" activiti:candidateUsers="gonzo" activiti:priority="70"/><sequenceFlow id="b" sourceRef="first" targetRef="second"/>
    <userTask id="second" name="Second" activiti:assignee="$INITIATOR" activiti:dueDate="2026-02-01T00:00:00Z"/><sequenceFlow id="c" sourceRef="second" targetRef="e"/><endEvent id="e"/>
  </process></definitions>`

var piggy = engine.Actor{UserID: "piggy", Groups: []string{"press", "stars"}}

// queried is a world with an instance of kermit's at its first task, one at its second,
// one that has ended, and fozzie's own at its first.
func queried(t *testing.T) (*world, map[string]string) {
	t.Helper()
	w := newWorld(t, engine.Config{History: "full"})
	w.deploy(engine.Resource{Name: "two.bpmn", Bytes: []byte(two)})
	ids := map[string]string{}
	for i, name := range []string{"one", "two", "three", "four"} {
		actor := kermit
		if name == "four" {
			actor = fozzie
		}
		inst, err := w.e.Start(context.Background(), actor, engine.StartOptions{Key: "two", BusinessKey: "B-" + name, Name: "No " + name,
			Variables: map[string]any{"n": int32(i), "name": name, "big": strings.Repeat("x", 2000), "yes": true, "part": 1.5, "none": nil}})
		w.must(err)
		ids[name] = inst.ID
		w.now = w.now.Add(time.Hour)
	}
	for _, name := range []string{"two", "three"} {
		task := w.taskOf(ids[name])
		w.must(w.e.Claim(context.Background(), piggy, task.ID))
		w.must(w.e.Complete(context.Background(), piggy, task.ID, engine.CompleteOptions{Variables: map[string]any{"n": int32(10)}}))
	}
	w.must(w.e.Complete(context.Background(), kermit, w.taskOf(ids["three"]).ID, engine.CompleteOptions{}))
	return w, ids
}

func (w *world) taskOf(instance string) engine.Task {
	w.t.Helper()
	tasks, _, err := w.e.Tasks(context.Background(), engine.TaskQuery{InstanceID: instance})
	w.must(err)
	if len(tasks) != 1 {
		w.t.Fatalf("%d open tasks", len(tasks))
	}
	return tasks[0]
}

func eq(name, op string, v any) []engine.VariableFilter {
	return []engine.VariableFilter{{Name: name, Op: op, Value: v}}
}

func TestTaskQuery(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	yes, no, seventy, fifty := true, false, 70, 50
	second := w.taskOf(ids["two"])
	noon := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	names := map[string]string{}
	for name, id := range ids {
		names[id] = name
	}
	for name, test := range map[string]struct {
		q    engine.TaskQuery
		want string // the instances, oldest task first
	}{
		"all":                    {engine.TaskQuery{}, "one four two"},
		"ended":                  {engine.TaskQuery{State: engine.Ended}, "two three three"},
		"both":                   {engine.TaskQuery{State: engine.AnyState}, "one two three four two three"},
		"one":                    {engine.TaskQuery{ID: second.ID}, "two"},
		"instance":               {engine.TaskQuery{InstanceID: ids["one"]}, "one"},
		"instances":              {engine.TaskQuery{InstanceIDs: []string{ids["one"], ids["four"], "x"}}, "one four"},
		"execution":              {engine.TaskQuery{ExecutionID: second.ExecutionID}, "two"},
		"name":                   {engine.TaskQuery{Name: "Second"}, "two"},
		"name like":              {engine.TaskQuery{NameLike: "Sec%"}, "two"},
		"name like minds case":   {engine.TaskQuery{NameLike: "sec%"}, ""},
		"name like, any case":    {engine.TaskQuery{NameLikeFold: "sEC%"}, "two"},
		"name like, one letter":  {engine.TaskQuery{NameLikeFold: "sEC_"}, ""},
		"assignee in any case":   {engine.TaskQuery{AssigneeLikeFold: "KER%"}, "two"},
		"owner in any case":      {engine.TaskQuery{OwnerLikeFold: "KER%"}, ""},
		"definition in any case": {engine.TaskQuery{DefinitionKeyLikeFold: "TW_", Assigned: true}, "two"},
		"definition minds case":  {engine.TaskQuery{DefinitionKeyLike: "TW_"}, ""},
		"business in any case":   {engine.TaskQuery{BusinessKeyLikeFold: "b-F%"}, "four"},
		"business minds case":    {engine.TaskQuery{BusinessKeyLike: "b-F%"}, ""},
		"variable minds case":    {engine.TaskQuery{InstanceVariables: eq("name", "like", "%NE")}, ""},
		"name contains":          {engine.TaskQuery{NameContains: "0%"}, "one four"},
		"name contains in case":  {engine.TaskQuery{NameContains: "SECOND"}, "two"},
		"key":                    {engine.TaskQuery{Key: "first"}, "one four"},
		"assignee":               {engine.TaskQuery{Assignee: "kermit"}, "two"},
		"assignee like":          {engine.TaskQuery{AssigneeLike: "ker%"}, "two"},
		"unassigned":             {engine.TaskQuery{Unassigned: true}, "one four"},
		"assigned":               {engine.TaskQuery{Assigned: true}, "two"},
		"candidate by group":     {engine.TaskQuery{Candidate: &piggy}, "one four"},
		"candidate by user":      {engine.TaskQuery{Candidate: &gonzo}, "one four"},
		"candidate of a group":   {engine.TaskQuery{Candidate: &engine.Actor{Groups: []string{"press"}}}, "one four"},
		"candidate of another":   {engine.TaskQuery{Candidate: &engine.Actor{Groups: []string{"stars"}}}, ""},
		"candidate of nothing":   {engine.TaskQuery{Candidate: &engine.Actor{}}, ""},
		"candidate or assigned":  {engine.TaskQuery{CandidateOrAssigned: &kermit}, "two"},
		"candidate or assigned2": {engine.TaskQuery{CandidateOrAssigned: &gonzo}, "one four"},
		"involved":               {engine.TaskQuery{Involved: "gonzo"}, "one four"},
		"involved, ended":        {engine.TaskQuery{Involved: "piggy", State: engine.Ended}, "two three"},
		"for the initiator":      {engine.TaskQuery{For: &kermit}, "one two"},
		"for a group":            {engine.TaskQuery{For: &piggy}, "one four two"}, // a participant of two
		"for another tenant":     {engine.TaskQuery{For: &engine.Actor{UserID: "kermit", TenantID: "tenant_2"}}, ""},
		"one for another tenant": {engine.TaskQuery{For: &engine.Actor{UserID: "kermit", TenantID: "tenant_2"}, InstanceID: ids["one"]}, ""},
		"for nobody":             {engine.TaskQuery{For: &engine.Actor{}}, ""},
		"for a stranger":         {engine.TaskQuery{For: &engine.Actor{UserID: "x", Groups: []string{"y"}}}, ""},
		"for an administrator":   {engine.TaskQuery{For: &engine.Actor{Admin: true}}, "one four two"},
		"ended, for another":     {engine.TaskQuery{For: &fozzie, State: engine.AnyState}, "four"},
		"priority":               {engine.TaskQuery{Priority: &seventy}, "one four"},
		"at most":                {engine.TaskQuery{MaxPriority: &fifty}, "two"},
		"at least":               {engine.TaskQuery{MinPriority: &seventy}, "one four"},
		"due":                    {engine.TaskQuery{Due: engine.Between{After: noon}}, "two"},
		"due before":             {engine.TaskQuery{Due: engine.Between{Before: noon}}, ""},
		"not due":                {engine.TaskQuery{WithoutDue: true}, "one four"},
		"created":                {engine.TaskQuery{Created: engine.Between{After: noon, Before: noon.Add(4 * time.Hour)}}, "four"},
		"suspended":              {engine.TaskQuery{Suspended: &yes}, ""},
		"active":                 {engine.TaskQuery{Suspended: &no}, "one four two"},
		"definition key":         {engine.TaskQuery{DefinitionKey: "two", Assigned: true}, "two"},
		"definition keys":        {engine.TaskQuery{DefinitionKeys: []string{"x", "two"}, Assigned: true}, "two"},
		"definition name":        {engine.TaskQuery{DefinitionName: "Two steps", Assigned: true}, "two"},
		"definition like":        {engine.TaskQuery{DefinitionKeyLike: "x%"}, ""},
		"business key":           {engine.TaskQuery{BusinessKey: "B-one"}, "one"},
		"business key like":      {engine.TaskQuery{BusinessKeyLike: "B-f%"}, "four"},
		"deployment":             {engine.TaskQuery{DeploymentID: "x"}, ""},
		"tenant":                 {engine.TaskQuery{Tenant: engine.Tenant{ID: "t"}}, ""},
		"no tenant":              {engine.TaskQuery{Tenant: engine.Tenant{None: true}, Assigned: true}, "two"},
		"variable":               {engine.TaskQuery{InstanceVariables: eq("name", "equals", "one")}, "one"},
		"variable not":           {engine.TaskQuery{InstanceVariables: eq("name", "notEquals", "one")}, "four two"},
		"variable case":          {engine.TaskQuery{InstanceVariables: eq("name", "equalsIgnoreCase", "ONE")}, "one"},
		"variable like":          {engine.TaskQuery{InstanceVariables: eq("name", "like", "%o%")}, "one four two"},
		"variable like case":     {engine.TaskQuery{InstanceVariables: eq("name", "likeIgnoreCase", "%NE")}, "one"},
		"number":                 {engine.TaskQuery{InstanceVariables: eq("n", "greaterThan", 2)}, "four two"},
		"number at most":         {engine.TaskQuery{InstanceVariables: eq("n", "lessThanOrEquals", int64(3))}, "one four"},
		"double":                 {engine.TaskQuery{InstanceVariables: eq("part", "lessThan", 1.6), Assigned: true}, "two"},
		"true":                   {engine.TaskQuery{InstanceVariables: eq("yes", "equals", true), Assigned: true}, "two"},
		"null":                   {engine.TaskQuery{InstanceVariables: eq("none", "equals", nil), Assigned: true}, "two"},
		"any name":               {engine.TaskQuery{InstanceVariables: eq("", "equals", "one")}, "one"},
		"two variables":          {engine.TaskQuery{InstanceVariables: append(eq("name", "equals", "one"), eq("n", "equals", 0)...)}, "one"},
		"of the task alone":      {engine.TaskQuery{Variables: eq("name", "equals", "one")}, ""},
		"a page":                 {engine.TaskQuery{Page: engine.Page{Offset: 1, Limit: 1}}, "four"},
		"injection":              {engine.TaskQuery{Name: "' OR 1=1 --"}, ""},
	} {
		q := test.q
		q.Order = engine.Order{By: "created"}
		tasks, total, err := w.e.Tasks(context.Background(), q)
		w.must(err)
		var got []string
		for _, task := range tasks {
			got = append(got, names[task.InstanceID])
		}
		slices.SortStableFunc(got, func(a, b string) int { return 0 })
		if s := strings.Join(got, " "); s != test.want && !sameWords(s, test.want) || q.Page == (engine.Page{}) && total != len(got) {
			t.Errorf("%s: %q (%d), want %q", name, s, total, test.want)
		}
	}
	if tasks, total, err := w.e.Tasks(context.Background(), engine.TaskQuery{Page: engine.Page{Limit: 2}}); err != nil || len(tasks) != 2 || total != 3 || tasks[0].ID != second.ID {
		t.Errorf("the newest first: %d of %d, %v", len(tasks), total, err)
	}
	for name, q := range map[string]engine.TaskQuery{
		"order": {Order: engine.Order{By: "x; DROP TABLE tasks"}}, "state": {State: "x"}, "comparison": {InstanceVariables: eq("n", "near", 1)},
		"type": {InstanceVariables: eq("n", "equals", []any{1})}, "nameless": {InstanceVariables: eq("", "lessThan", 1)}, "long": {InstanceVariables: eq("n", "equals", strings.Repeat("x", 2000))},
		"many": {InstanceIDs: make([]string, 1001)},
	} {
		if _, _, err := w.e.Tasks(context.Background(), q); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, by := range []string{"id", "name", "description", "priority", "assignee", "owner", "created", "due", "ended", "instance", "execution", "definition", "key", "tenant", "duration"} {
		for _, desc := range []bool{false, true} {
			if tasks, _, err := w.e.Tasks(context.Background(), engine.TaskQuery{Order: engine.Order{By: by, Desc: desc}}); err != nil || len(tasks) != 3 || by == "due" && tasks[0].ID != second.ID {
				t.Errorf("by %s: %d %v", by, len(tasks), err)
			}
		}
	}
}

func sameWords(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

func TestInstanceQuery(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	names := map[string]string{}
	for name, id := range ids {
		names[id] = name
	}
	no := false
	begin := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		q    engine.InstanceQuery
		want string
	}{
		"running":         {engine.InstanceQuery{}, "one two four"},
		"ended":           {engine.InstanceQuery{State: engine.Ended}, "three"},
		"both":            {engine.InstanceQuery{State: engine.AnyState}, "one two three four"},
		"one":             {engine.InstanceQuery{ID: ids["one"]}, "one"},
		"several":         {engine.InstanceQuery{IDs: []string{ids["one"], ids["two"]}}, "one two"},
		"business key":    {engine.InstanceQuery{BusinessKey: "B-two"}, "two"},
		"name":            {engine.InstanceQuery{Name: "No one"}, "one"},
		"name like":       {engine.InstanceQuery{NameLike: "% four"}, "four"},
		"like minds case": {engine.InstanceQuery{NameLike: "% FOUR"}, ""},
		"like, any case":  {engine.InstanceQuery{NameLikeFold: "% FOUR"}, "four"},
		"key, any case":   {engine.InstanceQuery{BusinessKeyLikeFold: "b-F%"}, "four"},
		"name contains":   {engine.InstanceQuery{NameContains: "NO T"}, "two"},
		"key":             {engine.InstanceQuery{DefinitionKey: "two"}, "one two four"},
		"other key":       {engine.InstanceQuery{DefinitionKeys: []string{"x"}}, ""},
		"category":        {engine.InstanceQuery{Category: "cat"}, "one two four"},
		"started by":      {engine.InstanceQuery{StartedBy: "fozzie"}, "four"},
		"involved":        {engine.InstanceQuery{Involved: "piggy"}, "two"},
		"involved, ended": {engine.InstanceQuery{Involved: "piggy", State: engine.AnyState}, "two three"},
		"for the starter": {engine.InstanceQuery{For: &fozzie}, "four"},
		"for candidates":  {engine.InstanceQuery{For: &gonzo}, "one two four"},
		"for a group":     {engine.InstanceQuery{For: &engine.Actor{UserID: "x", Groups: []string{"press"}}, State: engine.Ended}, "three"},
		"for a stranger":  {engine.InstanceQuery{For: &engine.Actor{UserID: "x"}}, ""},
		"for nobody":      {engine.InstanceQuery{For: &engine.Actor{}}, ""},
		"not called":      {engine.InstanceQuery{NoCalled: true}, "one two four"},
		"called by":       {engine.InstanceQuery{ParentID: ids["one"]}, ""},
		"active":          {engine.InstanceQuery{Suspended: &no}, "one two four"},
		"started":         {engine.InstanceQuery{Started: engine.Between{After: begin, Before: begin.Add(2 * time.Hour)}}, "two"},
		"finished":        {engine.InstanceQuery{State: engine.Ended, Finished: engine.Between{Before: begin}}, ""},
		"variable":        {engine.InstanceQuery{Variables: eq("n", "equals", 10)}, "two"},
		"page":            {engine.InstanceQuery{Page: engine.Page{Offset: 2}}, "one"},
	} {
		all, total, err := w.e.Instances(context.Background(), test.q)
		w.must(err)
		var got []string
		for _, i := range all {
			got = append(got, names[i.ID])
		}
		if !sameWords(strings.Join(got, " "), test.want) || test.q.Page == (engine.Page{}) && total != len(got) {
			t.Errorf("%s: %v (%d), want %q", name, got, total, test.want)
		}
	}
	for actor, want := range map[*engine.Actor]fault.Kind{&kermit: -1, &gonzo: -1, &fozzie: fault.NotFound, {}: fault.NotFound, {Admin: true}: -1, {Admin: true, TenantID: "t1"}: fault.NotFound} {
		if _, err := w.e.Instance(context.Background(), *actor, ids["one"]); want < 0 && err != nil || want >= 0 && !fault.Is(err, want) {
			t.Errorf("%+v: %v", actor, err)
		}
		if want >= 0 && actor.TenantID == "" {
			want = fault.Forbidden // as in APS, which tells of tasks but not of instances
		}
		if _, err := w.e.Task(context.Background(), *actor, w.taskOf(ids["one"]).ID); want < 0 && err != nil || want >= 0 && !fault.Is(err, want) {
			t.Errorf("%+v: the task: %v", actor, err)
		}
	}
	if _, err := w.e.Instance(context.Background(), kermit, "x"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestHistoryQueries(t *testing.T) {
	t.Parallel()
	w, ids := queried(t)
	ctx := context.Background()
	visits, total, err := w.e.Activities(ctx, engine.ActivityQuery{InstanceID: ids["three"]})
	w.must(err)
	var got []string
	for _, a := range visits {
		got = append(got, a.ActivityID)
	}
	if strings.Join(got, " ") != "s first second e" && !sameWords(strings.Join(got, " "), "s first second e") || total != 4 {
		t.Errorf("%v %d", got, total)
	}
	for name, test := range map[string]struct {
		q    engine.ActivityQuery
		want int
	}{
		"open": {engine.ActivityQuery{Open: true}, 3}, "ended": {engine.ActivityQuery{State: engine.Ended, Type: "userTask"}, 3}, "by assignee": {engine.ActivityQuery{Assignee: "piggy"}, 2},
		"for fozzie": {engine.ActivityQuery{For: &fozzie}, 2}, "for nobody": {engine.ActivityQuery{For: &engine.Actor{}}, 0}, "by name": {engine.ActivityQuery{Name: "Second"}, 2},
	} {
		if _, n, err := w.e.Activities(ctx, test.q); err != nil || n != test.want {
			t.Errorf("%s: %d %v, want %d", name, n, err, test.want)
		}
	}
	vars, total, err := w.e.AllVariables(ctx, engine.VariableQuery{InstanceID: ids["three"], Instances: true})
	w.must(err)
	values := map[string]any{}
	for _, v := range vars {
		values[v.Name] = v.Value
	}
	if total != 6 || values["n"] != int32(10) || values["big"] != strings.Repeat("x", 2000) || values["yes"] != true || values["part"] != 1.5 || values["none"] != nil || vars[0].EndedAt.IsZero() {
		t.Errorf("%d %v", total, values)
	}
	if _, n, err := w.e.AllVariables(ctx, engine.VariableQuery{Name: "n", Live: true}); err != nil || n != 3 {
		t.Errorf("live: %d %v", n, err)
	}
	if _, n, err := w.e.AllVariables(ctx, engine.VariableQuery{For: &fozzie}); err != nil || n != 6 {
		t.Errorf("for fozzie: %d %v", n, err)
	}
	if _, n, err := w.e.AllVariables(ctx, engine.VariableQuery{Value: &engine.VariableFilter{Name: "name", Op: "like", Value: "t%"}}); err != nil || n != 2 {
		t.Errorf("by value: %d %v", n, err)
	}
	updates, n, err := w.e.Updates(ctx, engine.UpdateQuery{InstanceID: ids["two"], Name: "n"})
	if err != nil || n != 2 || updates[0].Value != int32(1) || updates[1].Value != int32(10) {
		t.Errorf("%d %v %v", n, updates, err)
	}
	seen, err := w.e.TaskVariables(ctx, w.taskOf(ids["two"]).ID)
	if err != nil || seen["n"].Value != int32(10) || seen["n"].ExecutionID != ids["two"] {
		t.Errorf("%v %v", seen, err)
	}
	if err := w.e.DeleteHistory(ctx, admin, ids["one"]); !fault.Is(err, fault.Conflict) {
		t.Errorf("running: %v", err)
	}
	w.must(w.e.DeleteHistory(ctx, admin, ids["three"]))
	if left := w.count(`SELECT (SELECT COUNT(*) FROM tasks WHERE instance_id = $1) + (SELECT COUNT(*) FROM variables WHERE instance_id = $1) + (SELECT COUNT(*) FROM activities WHERE instance_id = $1)
		+ (SELECT COUNT(*) FROM instances WHERE id = $1) + (SELECT COUNT(*) FROM links WHERE instance_id = $1) + (SELECT COUNT(*) FROM variable_updates WHERE instance_id = $1)`, ids["three"]); left != 0 {
		t.Errorf("%v rows are left", left)
	}
	if err := w.e.DeleteHistory(ctx, admin, ids["three"]); !fault.Is(err, fault.NotFound) {
		t.Errorf("twice: %v", err)
	}
}

func TestDefinitionQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	ctx := context.Background()
	w.deploy(engine.Resource{Name: "two.bpmn", Bytes: []byte(two)})
	w.now = w.now.Add(time.Minute)
	second := w.deploy(engine.Resource{Name: "two.bpmn", Bytes: []byte(two)})
	closed := strings.NewReplacer(`id="two"`, `id="closed"`, `name="Two steps"`, `name="Closed" activiti:candidateStarterUsers="gonzo" activiti:candidateStarterGroups="press"`).Replace(two)
	_, err := w.e.Deploy(ctx, admin, engine.Deployment{Name: "other", Key: "42", Category: "c", TenantID: "t1", Resources: []engine.Resource{{Name: "closed.bpmn", Bytes: []byte(closed)}}})
	w.must(err)
	no := false
	for name, test := range map[string]struct {
		q    engine.DefinitionQuery
		want string
	}{
		"all": {engine.DefinitionQuery{}, "closed:1 two:2 two:1"}, "latest": {engine.DefinitionQuery{Latest: true}, "closed:1 two:2"}, "version": {engine.DefinitionQuery{Version: 1, Key: "two"}, "two:1"},
		"key like": {engine.DefinitionQuery{KeyLike: "t%"}, "two:2 two:1"}, "name": {engine.DefinitionQuery{NameContains: "CLO"}, "closed:1"}, "category": {engine.DefinitionQuery{Category: "cat"}, "two:2 two:1"},
		"not category": {engine.DefinitionQuery{NotCategory: "cat"}, "closed:1"}, "deployment": {engine.DefinitionQuery{DeploymentID: second.Deployment.ID}, "two:2"}, "app": {engine.DefinitionQuery{DeploymentKey: "42"}, "closed:1"},
		"tenant": {engine.DefinitionQuery{Tenant: engine.Tenant{ID: "t1"}}, "closed:1"}, "none": {engine.DefinitionQuery{Tenant: engine.Tenant{None: true}, Latest: true}, "two:2"},
		"active": {engine.DefinitionQuery{Suspended: &no, Latest: true}, "closed:1 two:2"}, "resource": {engine.DefinitionQuery{Resource: "closed.bpmn"}, "closed:1"},
		"gonzo": {engine.DefinitionQuery{StartableBy: &engine.Actor{UserID: "gonzo", TenantID: "t1"}, Latest: true}, "closed:1"}, "gonzo elsewhere": {engine.DefinitionQuery{StartableBy: &gonzo, Latest: true}, "two:2"},
		"one of the group":       {engine.DefinitionQuery{StartableBy: &engine.Actor{UserID: "piggy", Groups: piggy.Groups, TenantID: "t1"}, Latest: true}, "closed:1"},
		"somebody of the tenant": {engine.DefinitionQuery{StartableBy: &engine.Actor{UserID: "fozzie", TenantID: "t1"}, Latest: true}, ""},
		"of a tenant":            {engine.DefinitionQuery{For: &engine.Actor{UserID: "fozzie", TenantID: "t1"}}, "closed:1"},
		"fozzie":                 {engine.DefinitionQuery{StartableBy: &fozzie, Latest: true}, "two:2"}, "by version": {engine.DefinitionQuery{Order: engine.Order{By: "version", Desc: true}, Key: "two"}, "two:2 two:1"},
	} {
		all, total, err := w.e.Definitions(ctx, test.q)
		w.must(err)
		var got []string
		for _, d := range all {
			got = append(got, fmt.Sprintf("%s:%d", d.Key, d.Version))
		}
		if strings.Join(got, " ") != test.want || total != len(got) {
			t.Errorf("%s: %v, want %s", name, got, test.want)
		}
	}
	if d, err := w.e.Newest(ctx, admin, "two"); err != nil || d.Version != 2 {
		t.Errorf("%+v %v", d, err)
	}
	if may, err := w.e.MayStart(ctx, fozzie, second.Definitions[0].ID); err != nil || !may {
		t.Errorf("%v %v", may, err)
	}
	deployments, n, err := w.e.Deployments(ctx, engine.DeploymentQuery{Order: engine.Order{By: "name"}})
	if err != nil || n != 3 || deployments[0].Name != "other" || deployments[0].Key != "42" {
		t.Errorf("%d %v %v", n, deployments, err)
	}
	if names, err := w.e.ResourceNames(ctx, admin, second.Deployment.ID); err != nil || !slices.Equal(names, []string{"two.bpmn"}) {
		t.Errorf("%v %v", names, err)
	}
	if data, err := w.e.Resource(ctx, admin, second.Deployment.ID, "two.bpmn"); err != nil || string(data) != two {
		t.Errorf("%v", err)
	}
	for _, err := range []error{second2(w.e.Resource(ctx, admin, second.Deployment.ID, "x")), second2(w.e.ResourceNames(ctx, admin, "x")), second2(w.e.Definition(ctx, admin, "x")), second2(w.e.Newest(ctx, engine.Actor{TenantID: "t2"}, "two"))} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
	}
}

func second2[T any](_ T, err error) error { return err }

// TestExecutionList: the executions of many instances are counted and paged as one list, and
// each page holds what comes next.
func TestExecutionList(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{})
	w.deploy(engine.Resource{Name: "m.bpmn", Bytes: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><signal id="bell" name="bell"/><message id="go" name="go"/>
		<process id="p" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="both"/><parallelGateway id="both"/>
		<sequenceFlow id="g" sourceRef="both" targetRef="left"/><userTask id="left"/><sequenceFlow id="h" sourceRef="both" targetRef="right"/>
		<intermediateCatchEvent id="right"><signalEventDefinition signalRef="bell"/></intermediateCatchEvent></process></definitions>`)})
	const instances = 230
	ids := make([]string, instances)
	for i := range ids {
		ids[i] = w.start("p", map[string]any{"n": int32(i % 10)})
	}
	seen := map[string]int{}
	list := func(q engine.ExecutionQuery) []engine.Place {
		t.Helper()
		var got []engine.Place
		for q.Page.Limit = 97; ; q.Page.Offset += q.Page.Limit {
			part, total, err := w.e.ExecutionList(ctx, q)
			w.must(err)
			got = append(got, part...)
			if len(got) > total || len(part) == 0 && len(got) < total {
				t.Fatalf("%d of %d at %d", len(got), total, q.Page.Offset)
			}
			if len(got) == total {
				return got
			}
		}
	}
	all := list(engine.ExecutionQuery{})
	for i, x := range all {
		seen[x.ID]++
		if i > 0 && all[i-1].InstanceID > x.InstanceID || x.ParentID != "" && seen[x.ParentID] == 0 {
			t.Fatalf("%v stands after %v", x, all[i-1])
		}
	}
	if len(all) != 3*instances || len(seen) != 3*instances {
		t.Errorf("%d executions, %d different ones", len(all), len(seen))
	}
	for name, test := range map[string]struct {
		q    engine.ExecutionQuery
		want int
	}{
		"at an activity": {engine.ExecutionQuery{ActivityID: "left"}, instances}, "nowhere": {engine.ExecutionQuery{ActivityID: "s"}, 0},
		"below one": {engine.ExecutionQuery{ParentID: ids[200]}, 2}, "one": {engine.ExecutionQuery{ID: ids[200]}, 1},
		"that wait": {engine.ExecutionQuery{Signal: "bell"}, instances}, "for another": {engine.ExecutionQuery{Signal: "ball"}, 0}, "for a message": {engine.ExecutionQuery{Message: "bell"}, 0},
		"of some instances": {engine.ExecutionQuery{Instances: engine.InstanceQuery{Variables: eq("n", "equals", int32(3))}}, 3 * instances / 10},
		"for a stranger":    {engine.ExecutionQuery{Instances: engine.InstanceQuery{For: &fozzie}}, 0},
	} {
		if got := len(list(test.q)); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	w.must(w.e.DeleteInstance(ctx, admin, ids[0], ""))
	w.must(w.e.SuspendInstance(ctx, admin, ids[1], true))
	if one := list(engine.ExecutionQuery{Instances: engine.InstanceQuery{IDs: ids[:2]}}); len(one) != 3 || !one[0].Suspended || one[0].InstanceID != ids[1] || one[0].ParentID != "" {
		t.Errorf("%+v", one)
	}
	_, _, err := w.e.ExecutionList(ctx, engine.ExecutionQuery{Instances: engine.InstanceQuery{Order: engine.Order{By: "colour"}}})
	w.wants(fault.Invalid, err)
}
