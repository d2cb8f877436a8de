package engine_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// jobRow is what the tests look at of a job.
type jobRow struct {
	ID, Queue, Kind, Message string
	Retries                  int
	Due                      time.Time
}

func (w *world) jobs() []jobRow {
	w.t.Helper()
	var all []jobRow
	w.must(w.db.Query(context.Background(), func(row store.Row) error {
		var j jobRow
		err := row.Scan(&j.ID, &j.Queue, &j.Kind, &j.Message, &j.Retries, store.Time(&j.Due))
		all = append(all, j)
		return err
	}, `SELECT id, queue, kind, message, retries, due_at FROM jobs ORDER BY id`))
	return all
}

func (w *world) runDue() int {
	w.t.Helper()
	n, err := w.e.RunDue(context.Background())
	w.must(err)
	return n
}

// TestRetries: a failing job is tried as often as its activity says, with the wait that
// it says, then it is dead with the message; moving it tries it again.
func TestRetries(t *testing.T) {
	t.Parallel()
	var works atomic.Bool
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"testFail": engine.DelegateFunc(func(context.Context, *engine.Execution) error {
		if works.Load() {
			return nil
		}
		return errors.New("the disk is full")
	})}})
	w.deploy(file(t, "async.bpmn"))
	w.start("retries", nil)
	if got := w.runDue(); got != 1 {
		t.Fatalf("%d jobs run, want 1", got)
	}
	j := w.jobs()[0]
	if j.Queue != engine.Ready || j.Retries != 1 || !j.Due.Equal(w.now.Add(5*time.Minute)) || !strings.Contains(j.Message, "the disk is full") {
		t.Fatalf("after the first failure: %+v", j)
	}
	if got := w.runDue(); got != 0 {
		t.Fatalf("%d jobs run before their time", got)
	}
	w.now = w.now.Add(5 * time.Minute)
	w.runDue()
	if j = w.jobs()[0]; j.Queue != engine.Dead || j.Retries != 0 {
		t.Fatalf("after the last failure: %+v", j)
	}
	if got := w.state()["active"]; !cmp.Equal(got, []any{"a"}) {
		t.Errorf("the token is at %v", got)
	}
	works.Store(true)
	w.must(w.e.MoveJob(context.Background(), admin, j.ID))
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after"}) || len(w.jobs()) != 0 {
		t.Errorf("tasks %v, jobs %v", got, w.jobs())
	}
}

// TestRetriesByExpression: how often a job is tried, and how long it waits between, come from
// the instance's variables as they are then.
func TestRetriesByExpression(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"testFail": engine.DelegateFunc(func(context.Context, *engine.Execution) error { return errors.New("no") })}})
	w.deploy(process(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/>
		<serviceTask id="a" activiti:async="true" activiti:delegateExpression="${testFail}"><extensionElements><activiti:failedJobRetryTimeCycle>${again}</activiti:failedJobRetryTimeCycle></extensionElements></serviceTask>
		<sequenceFlow id="g" sourceRef="a" targetRef="e"/><endEvent id="e"/>`))
	id := w.start("p", map[string]any{"again": "R4/PT7M"})
	if j := w.jobs()[0]; j.Retries != 4 {
		t.Fatalf("the job is %+v", j)
	}
	w.runDue()
	if j := w.jobs()[0]; j.Retries != 3 || !j.Due.Equal(w.now.Add(7*time.Minute)) {
		t.Fatalf("after the first failure: %+v", j)
	}
	w.must(w.e.SetVariables(context.Background(), admin, id, map[string]any{"again": "R4/PT1H"}, false))
	w.now = w.now.Add(7 * time.Minute)
	w.runDue()
	if j := w.jobs()[0]; j.Retries != 2 || !j.Due.Equal(w.now.Add(time.Hour)) {
		t.Fatalf("after the second failure: %+v", j)
	}
	// One that cannot be read any more waits as jobs do whose activity says nothing.
	w.must(w.e.SetVariables(context.Background(), admin, id, map[string]any{"again": "often"}, false))
	w.now = w.now.Add(time.Hour)
	w.runDue()
	if j := w.jobs()[0]; j.Retries != 1 || !j.Due.Equal(w.now.Add(10*time.Second)) {
		t.Fatalf("after the third failure: %+v", j)
	}
}

// TestExecuteJobTells: who runs a job learns that it failed, and what is left of it.
func TestExecuteJobTells(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{Retries: 2, Delegates: map[string]engine.Delegate{"testFail": engine.DelegateFunc(func(context.Context, *engine.Execution) error { return errors.New("the disk is full") })}})
	w.deploy(process(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/><serviceTask id="a" activiti:async="true" activiti:delegateExpression="${who}"/>
		<sequenceFlow id="g" sourceRef="a" targetRef="e"/><endEvent id="e"/>`), process2(`<startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="a"/>
		<serviceTask id="a" activiti:async="true" activiti:class="testFail"/><sequenceFlow id="g" sourceRef="a" targetRef="e"/><endEvent id="e"/>`))
	w.start("q", nil)
	id := w.jobs()[0].ID
	var told *engine.JobError
	if err := w.e.ExecuteJob(ctx, admin, id); !errors.As(err, &told) || told.Job != id || told.Left != 1 || told.Dead != "" || !strings.Contains(told.Message, "the disk is full") {
		t.Fatalf("first failure: %v", err)
	}
	if err := w.e.ExecuteJob(ctx, admin, id); !errors.As(err, &told) || told.Left != 0 || told.Dead != id {
		t.Fatalf("last failure: %v", err)
	}
	w.must(w.e.DeleteJob(ctx, admin, id))
	w.start("p", map[string]any{"who": "a text"})
	id = w.jobs()[0].ID
	if err := w.e.ExecuteJob(ctx, admin, id); !errors.As(err, &told) || told.Job != id || told.Dead == id || told.Dead != w.jobs()[0].ID || w.jobs()[0].Queue != engine.Dead || !strings.Contains(err.Error(), "no delegate") {
		t.Fatalf("an incident: %v, %+v", err, w.jobs())
	}
}

// TestSignalLater: an asynchronous signal reaches each who waited when it was thrown, by a job
// of its own, and starts what it starts.
func TestSignalLater(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{})
	w.deploy(engine.Resource{Name: "s.bpmn", Bytes: []byte(`<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="t"><signal id="bell" name="bell"/>
		<process id="p" isExecutable="true"><startEvent id="s"/><sequenceFlow id="f" sourceRef="s" targetRef="w"/><intermediateCatchEvent id="w"><signalEventDefinition signalRef="bell"/></intermediateCatchEvent>
		<sequenceFlow id="g" sourceRef="w" targetRef="after"/><userTask id="after" name="after"/></process>
		<process id="q" isExecutable="true"><startEvent id="s2"><signalEventDefinition signalRef="bell"/></startEvent><sequenceFlow id="f2" sourceRef="s2" targetRef="started"/><userTask id="started" name="started"/></process></definitions>`)})
	w.start("p", nil)
	w.start("p", nil)
	gone := w.start("p", nil)
	w.wants(fault.Invalid, w.e.Signal(ctx, admin, engine.SignalOptions{Name: "bell", Async: true, Variables: map[string]any{"a": int32(1)}}))
	w.wants(fault.Forbidden, w.e.Signal(ctx, kermit, engine.SignalOptions{Name: "bell", Async: true}))
	w.must(w.e.Signal(ctx, admin, engine.SignalOptions{Name: "bell", Async: true}))
	if all := w.jobs(); len(all) != 4 || all[0].Kind != "signal" {
		t.Fatalf("%+v", all)
	}
	if _, n, err := w.e.Tasks(ctx, engine.TaskQuery{}); n != 0 || err != nil {
		t.Fatalf("%d tasks before the jobs have run, %v", n, err)
	}
	w.must(w.e.DeleteInstance(ctx, admin, gone, ""))
	w.runDue()
	for key, want := range map[string]int{"after": 2, "started": 1} {
		if _, n, err := w.e.Tasks(ctx, engine.TaskQuery{Key: key}); n != want || err != nil {
			t.Errorf("%d tasks %q, want %d, %v", n, key, want, err)
		}
	}
	if all := w.jobs(); len(all) != 0 {
		t.Errorf("%+v are left", all)
	}
}

// TestIncident: a delegate that nobody has registered leaves a dead job that says so,
// and the process goes on when it is moved after the delegate came.
func TestIncident(t *testing.T) {
	t.Parallel()
	known := map[string]engine.Delegate{}
	w := newWorld(t, engine.Config{Delegates: known})
	w.deploy(file(t, "service.bpmn"))
	w.start("unknown", nil)
	j := w.jobs()[0]
	if j.Queue != engine.Dead || !strings.Contains(j.Message, "com.example.Nobody") {
		t.Fatalf("the job is %+v", j)
	}
	w.must(w.e.MoveJob(context.Background(), admin, j.ID))
	w.runDue()
	if all := w.jobs(); len(all) != 1 || all[0].Queue != engine.Dead {
		t.Fatalf("the jobs are %+v, want one dead one", all)
	}
	known["com.example.Nobody"] = engine.DelegateFunc(echo)
	w.must(w.e.MoveJob(context.Background(), admin, w.jobs()[0].ID))
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after"}) {
		t.Errorf("tasks %v", got)
	}
	if got := w.finished()["a"]; got != 1.0 {
		t.Errorf("the activity was visited %v times", got)
	}
}

// caller works outside: it remembers the keys it was called with.
type caller struct {
	lock  sync.Mutex
	keys  []string
	fails int
	error error
}

func (c *caller) Run(context.Context, *engine.Execution) error { return errors.New("not this way") }

func (c *caller) Prepare(_ context.Context, x *engine.Execution) (string, error) {
	v, _, err := x.Field("question")
	s, _ := v.(string)
	return s, err
}

func (c *caller) Call(_ context.Context, key, request string) (string, error) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.keys = append(c.keys, key)
	if c.fails > 0 {
		c.fails--
		return "", errors.New("no connection")
	}
	return "answer to " + request, c.error
}

func (c *caller) Apply(_ context.Context, x *engine.Execution, answer string) error {
	return x.Set("answer", answer)
}

const outsideCall = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="call"/>
	<serviceTask id="call" activiti:class="outside"><extensionElements><activiti:field name="question"><activiti:expression>${q}</activiti:expression></activiti:field></extensionElements></serviceTask>
	<boundaryEvent id="refused" attachedToRef="call"><errorEventDefinition errorRef="no"/></boundaryEvent><userTask id="sorry" name="sorry"/><sequenceFlow id="f4" sourceRef="refused" targetRef="sorry"/>
	<sequenceFlow id="f2" sourceRef="call" targetRef="after"/><userTask id="after" name="after"/>`

// TestOutside: a call to the outside happens outside the transaction, again with the
// same key when it failed, and its answer is applied once.
func TestOutside(t *testing.T) {
	t.Parallel()
	c := &caller{fails: 1}
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"outside": c}, RetryWait: time.Minute})
	w.deploy(process(outsideCall))
	w.start("p", map[string]any{"q": "why?"})
	w.runDue()
	w.now = w.now.Add(time.Minute)
	w.runDue()
	if len(c.keys) != 2 || c.keys[0] != c.keys[1] || c.keys[0] == "" {
		t.Errorf("called with the keys %v", c.keys)
	}
	if got := w.vars()["answer"]; got != "answer to why?" {
		t.Errorf("the answer is %v", got)
	}
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after"}) {
		t.Errorf("tasks %v", got)
	}
}

// TestOutsideThrows: a BPMN error from outside is caught where the call stands.
func TestOutsideThrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"outside": &caller{error: &engine.Error{Code: "no"}}}})
	w.deploy(process(outsideCall))
	w.start("p", map[string]any{"q": "why?"})
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"sorry"}) || len(w.jobs()) != 0 {
		t.Errorf("tasks %v, jobs %v", got, w.jobs())
	}
}

// TestOneProcessHoldsAJob: two engines on one database run each of many jobs once.
func TestOneProcessHoldsAJob(t *testing.T) {
	t.Parallel()
	const n = 60
	var lock sync.Mutex
	ran := map[string]int{}
	count := map[string]engine.Delegate{"count": engine.DelegateFunc(func(_ context.Context, x *engine.Execution) error {
		lock.Lock()
		defer lock.Unlock()
		ran[x.Instance().ID]++
		return nil
	})}
	w := newWorld(t, engine.Config{Delegates: count})
	other, err := engine.New(w.db, engine.Config{Delegates: count, Now: func() time.Time { return w.now }})
	w.must(err)
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="x"/><serviceTask id="x" activiti:async="true" activiti:class="count"/>`))
	for range n {
		w.start("p", nil)
	}
	total := atomic.Int64{}
	for i, err := range together(4, func(i int) error {
		ran, err := []*engine.Engine{w.e, other}[i%2].RunDue(context.Background())
		total.Add(int64(ran))
		return err
	}) {
		if err != nil {
			t.Errorf("worker %d: %v", i, err)
		}
	}
	if total.Load() != n || len(ran) != n {
		t.Errorf("%d jobs run for %d instances, want %d", total.Load(), len(ran), n)
	}
	for id, times := range ran {
		if times != 1 {
			t.Errorf("the job of %s ran %d times", id, times)
		}
	}
}

// TestLeaseEnds: what a process held that is gone is taken by the next one, but not before.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{Lease: time.Minute})
	w.deploy(file(t, "async.bpmn"))
	w.start("async", nil)
	if _, err := w.db.Exec(context.Background(), `UPDATE jobs SET lease_owner = 'gone', lease_until = $1`, w.now.Add(time.Minute).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(59 * time.Second)
	if n := w.runDue(); n != 0 {
		t.Fatalf("%d jobs taken from another process", n)
	}
	w.wants(fault.Conflict, w.e.ExecuteJob(context.Background(), admin, w.jobs()[0].ID))
	w.now = w.now.Add(2 * time.Second)
	if n := w.runDue(); n != 1 {
		t.Fatalf("%d jobs run, want 1", n)
	}
}

// TestExclusive: of an instance's exclusive jobs one is taken at a time.
func TestExclusive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	body := `<startEvent id="start"/><sequenceFlow id="f" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>`
	for i := range 3 {
		id := strconv.Itoa(i)
		body += `<sequenceFlow id="f` + id + `" sourceRef="fork" targetRef="x` + id + `"/><serviceTask id="x` + id + `" activiti:async="true" activiti:expression="${true}"/>`
	}
	w.deploy(process(body))
	w.start("p", nil)
	// One is held by another process: the other two have to wait for it.
	if _, err := w.db.Exec(context.Background(), `UPDATE jobs SET lease_owner = 'other', lease_until = $1 WHERE activity_id = 'x1'`, w.now.Add(time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if n := w.runDue(); n != 0 {
		t.Fatalf("%d jobs run beside an exclusive one", n)
	}
	w.now = w.now.Add(2 * time.Hour)
	if n := w.runDue(); n != 3 || w.state()["ended"] != true {
		t.Fatalf("%d jobs run, the state is %v", n, w.state())
	}
}

// TestManageJobs: what operators do with jobs.
func TestManageJobs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{Delegates: delegates})
	w.deploy(file(t, "async.bpmn"))
	w.start("retries", nil)
	id := w.jobs()[0].ID
	w.must(w.e.SetRetries(ctx, admin, id, 7))
	w.wants(fault.Invalid, w.e.SetRetries(ctx, admin, id, 0))
	if err := w.e.ExecuteJob(ctx, admin, id); err == nil || !strings.Contains(err.Error(), "it went wrong") {
		t.Errorf("executing gave %v", err)
	}
	if j := w.jobs()[0]; j.Retries != 6 {
		t.Errorf("after the failure: %+v", j)
	}
	w.must(w.e.DeleteJob(ctx, admin, id))
	for _, err := range []error{w.e.DeleteJob(ctx, admin, id), w.e.MoveJob(ctx, admin, id), w.e.SetRetries(ctx, admin, id, 3), w.e.ExecuteJob(ctx, admin, id)} {
		w.wants(fault.NotFound, err)
	}
}

// TestSuspend: a suspended instance keeps its tasks and jobs from moving.
func TestSuspend(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newWorld(t, engine.Config{})
	w.deploy(file(t, "timer.bpmn"))
	id := w.start("cycle", nil)
	w.must(w.e.SuspendInstance(ctx, admin, id, true))
	w.wants(fault.Conflict, w.e.SuspendInstance(ctx, admin, id, true))
	w.wants(fault.Conflict, w.e.Complete(ctx, admin, w.find("work").id, engine.CompleteOptions{}))
	w.wants(fault.Conflict, w.e.SetVariables(ctx, admin, id, map[string]any{"a": int32(1)}, false))
	w.now = w.now.Add(90 * time.Minute)
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"started", "work"}) {
		t.Fatalf("tasks %v: the timer of a suspended instance has fired", got)
	}
	w.must(w.e.SuspendInstance(ctx, admin, id, false))
	w.runDue()
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"remind", "started", "work"}) {
		t.Fatalf("tasks %v: the timer has not fired afterwards", got)
	}
	w.last = id
	w.complete("work", nil)

	def := w.column(`SELECT definition_id FROM instances WHERE id = $1`, id)[0]
	w.must(w.e.SuspendDefinition(ctx, admin, def, true))
	_, err := w.e.Start(ctx, admin, engine.StartOptions{Key: "cycle"})
	w.wants(fault.Conflict, err)
	w.must(w.e.SuspendDefinition(ctx, admin, def, false))
	w.start("cycle", nil)
}

// TestRun: the loop runs what is made while it runs, and ends with the engine. That
// nothing is left behind is seen by TestMain.
func TestRun(t *testing.T) {
	done := make(chan string, 10)
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"tell": engine.DelegateFunc(func(_ context.Context, x *engine.Execution) error {
		done <- x.Instance().ID
		return nil
	})}})
	w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="x"/><serviceTask id="x" activiti:async="true" activiti:class="tell"/>`))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.e.Run(context.Background())
	}()
	for range 3 {
		id := w.start("p", nil)
		select {
		case got := <-done:
			if got != id {
				t.Errorf("the job of %s ran, want %s", got, id)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the job has not been run")
		}
	}
	w.must(w.e.Close())
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("Run has not ended")
	}
}

// TestLeasesAreHeld: work that takes longer than a lease is not taken by others.
func TestLeasesAreHeld(t *testing.T) {
	t.Parallel()
	d := slow{&caller{}, make(chan struct{}), make(chan struct{})}
	w := newWorld(t, engine.Config{Delegates: map[string]engine.Delegate{"outside": d}})
	one, err := engine.New(w.db, engine.Config{Lease: 300 * time.Millisecond, Delegates: map[string]engine.Delegate{"outside": d}})
	w.must(err)
	w.deploy(process(outsideCall))
	w.start("p", map[string]any{"q": "why?"})
	var all sync.WaitGroup
	all.Go(func() { _, _ = one.RunDue(context.Background()) })
	select {
	case <-d.began:
	case <-time.After(20 * time.Second):
		t.Fatal("the job has not begun")
	}
	until := func() time.Time {
		var at time.Time
		w.must(w.db.QueryRow(context.Background(), []any{store.Time(&at)}, `SELECT lease_until FROM jobs`))
		return at
	}
	first := until()
	for until().Equal(first) {
		time.Sleep(time.Millisecond) // the lease is held every third of it
	}
	// To another process the first lease has just run out.
	two, err := engine.New(w.db, engine.Config{Delegates: map[string]engine.Delegate{"outside": d}, Now: func() time.Time { return first.Add(time.Millisecond) }})
	w.must(err)
	if n, err := two.RunDue(context.Background()); n != 0 || err != nil {
		t.Errorf("another process took %d jobs, error %v", n, err)
	}
	close(d.goOn)
	all.Wait()
	if len(d.keys) != 1 {
		t.Errorf("called %d times", len(d.keys))
	}
}

// slow is a caller that waits to be told.
type slow struct {
	*caller
	began, goOn chan struct{}
}

func (s slow) Call(ctx context.Context, key, request string) (string, error) {
	close(s.began)
	<-s.goOn
	return s.caller.Call(ctx, key, request)
}
