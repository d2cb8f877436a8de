package engine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// victimVariable holds where the database is, in a process that this test starts and kills.
const victimVariable = "SLUICE_ENGINE_VICTIM"

func TestMain(m *testing.M) {
	if place := os.Getenv(victimVariable); place != "" {
		if err := victim(place); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// A visit of each of its activities, and one of the timer's, is what an instance of it
// must have had at its end.
const crashed = `<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="fork"/><parallelGateway id="fork"/>
	<sequenceFlow id="f2" sourceRef="fork" targetRef="a"/><userTask id="a" activiti:assignee="kermit"/><sequenceFlow id="f3" sourceRef="a" targetRef="join"/>
	<sequenceFlow id="f4" sourceRef="fork" targetRef="b"/><userTask id="b" activiti:assignee="kermit"/><sequenceFlow id="f5" sourceRef="b" targetRef="join"/>
	<sequenceFlow id="f6" sourceRef="fork" targetRef="timer"/><intermediateCatchEvent id="timer"><timerEventDefinition><timeDuration>PT0.05S</timeDuration></timerEventDefinition></intermediateCatchEvent>
	<sequenceFlow id="f7" sourceRef="timer" targetRef="count"/><serviceTask id="count" activiti:expression="${execution.setVariable('fired', fired + 1)}"/><sequenceFlow id="f8" sourceRef="count" targetRef="join"/>
	<parallelGateway id="join"/><sequenceFlow id="f9" sourceRef="join" targetRef="c"/><userTask id="c" activiti:assignee="kermit"/>
	<sequenceFlow id="f10" sourceRef="c" targetRef="end"/><endEvent id="end"/>`

// victims are how many callers are at work when a process is killed.
const victims = 8

func openVictim(place string) (*store.DB, *engine.Engine, error) {
	var cfg store.Config
	if err := json.Unmarshal([]byte(place), &cfg); err != nil {
		return nil, nil, err
	}
	db, err := store.Open(context.Background(), cfg)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(db, engine.Config{Lease: 2 * time.Second, Poll: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	return db, e, err
}

// victim works until it is killed, and writes a line for each thing that was answered.
func victim(place string) error {
	db, e, err := openVictim(place)
	if err != nil {
		return err
	}
	go e.Run(context.Background())
	var mu sync.Mutex
	tell := func(words ...string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(strings.Join(words, " "))
	}
	tell("ready")
	var wg sync.WaitGroup
	errs := make(chan error, victims)
	for i := range victims {
		wg.Go(func() {
			for n := 0; ; n++ {
				if err := work(db, e, n%3 == i%3, tell); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	return <-errs
}

// work begins an instance and takes it on, or takes on what was left by somebody killed.
func work(db *store.DB, e *engine.Engine, fresh bool, tell func(...string)) error {
	if fresh {
		inst, err := e.Start(context.Background(), kermit, engine.StartOptions{Key: "p", Variables: map[string]any{"fired": int64(0)}})
		if err != nil {
			return err
		}
		tell("started", inst.ID)
	}
	tasks, err := openTasksOf(db, "", 20)
	if err != nil || len(tasks) == 0 {
		return err
	}
	t := tasks[rand.IntN(len(tasks))]
	value := rand.Int64()
	name := "v" + strconv.FormatInt(value, 36)
	err = e.SetVariables(context.Background(), engine.Actor{Admin: true}, t.instance, map[string]any{name: value}, false)
	if err == nil {
		tell("set", t.instance, name, strconv.FormatInt(value, 10))
		err = e.Complete(context.Background(), kermit, t.id, engine.CompleteOptions{})
	}
	if err == nil {
		tell("completed", t.id)
	}
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) {
		return nil // another caller was first
	}
	return err
}

type ownTask struct{ id, instance string }

func openTasksOf(db *store.DB, instance string, most int) (all []ownTask, err error) {
	err = db.Query(context.Background(), func(row store.Row) error {
		var t ownTask
		err := row.Scan(&t.id, &t.instance)
		all = append(all, t)
		return err
	}, `SELECT id, instance_id FROM tasks WHERE ended_at IS NULL AND (instance_id = $1 OR $1 = '') ORDER BY created_at, id LIMIT $2`, instance, most)
	return all, err
}

// answered is what processes that were killed had answered before.
type answered struct {
	mu        sync.Mutex
	started   map[string]bool
	completed map[string]int
	values    map[[2]string]string // by instance and variable; each is set once
	n         atomic.Int64
}

func (a *answered) take(line string) {
	words := strings.Fields(line)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case len(words) == 2 && words[0] == "started":
		a.started[words[1]] = true
	case len(words) == 2 && words[0] == "completed":
		a.completed[words[1]]++
	case len(words) == 4 && words[0] == "set":
		a.values[[2]string{words[1], words[2]}] = words[3]
	default:
		return
	}
	a.n.Add(1)
}

// killed runs a victim, kills it after some answers and takes what it answered. It
// returns how long the victim took until it was ready.
func (a *answered) killed(t *testing.T, place string) time.Duration {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+place)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	enough := a.n.Load() + 40 + rand.Int64N(160)
	var ready time.Duration
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if line := lines.Text(); line == "ready" {
			ready = time.Since(began)
		} else {
			a.take(line)
		}
		if a.n.Load() >= enough {
			_ = cmd.Process.Kill()
			enough = 1 << 60
		}
	}
	if err := cmd.Wait(); err == nil || said.Len() > 0 {
		t.Fatalf("the process ended by itself: %v\n%s", err, said.String())
	}
	return ready
}

// RELIABILITY F2: what was answered before kill -9 is there, once; timers that were due
// meanwhile fire once. On PostgreSQL two processes share the work, and both are killed.
// SLUICE_TEST_KILLS says how many kills.
func TestNothingAnsweredIsLostByKill(t *testing.T) {
	t.Parallel()
	kills := 3
	if text := os.Getenv("SLUICE_TEST_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		kills = n
	}
	cfg := storetest.Config(t)
	place, err := json.Marshal(store.Config{URL: cfg.URL, Path: cfg.Path, Connections: cfg.Connections})
	if err != nil {
		t.Fatal(err)
	}
	db, e := survivor(t, string(place))
	if _, err := e.Deploy(ctx, admin, engine.Deployment{Name: "p", Resources: []engine.Resource{process(crashed)}}); err != nil {
		t.Fatal(err)
	}
	a := &answered{started: map[string]bool{}, completed: map[string]int{}, values: map[[2]string]string{}}
	var slowest atomic.Int64
	for range kills {
		var wg sync.WaitGroup
		for range map[bool]int{true: 2, false: 1}[cfg.URL != ""] {
			wg.Go(func() {
				if took := int64(a.killed(t, string(place))); took > slowest.Load() {
					slowest.Store(took)
				}
			})
		}
		wg.Wait()
		consistent(t, db, e)
	}
	finish(t, db, e)
	consistent(t, db, e)
	a.check(t, db)
	t.Logf("%s: %d kills, %d answers, %d instances, ready after %s at most", db.Name(), kills, a.n.Load(), len(a.started), time.Duration(slowest.Load()).Round(time.Millisecond))
}

func survivor(t *testing.T, place string) (*store.DB, *engine.Engine) {
	t.Helper()
	db, e, err := openVictim(place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db, e
}

// consistent compares the documents of all running instances with the rows.
func consistent(t *testing.T, db *store.DB, e *engine.Engine) {
	t.Helper()
	w := &world{t: t, db: db, e: e}
	// PostgreSQL ends by itself what it was told to do before.
	for db.Name() == "postgres" && w.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'`) > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	for _, id := range w.column(`SELECT id FROM instances WHERE ended_at IS NULL`) {
		places, err := e.Executions(ctx, id)
		w.must(err)
		tokens, at := 0, map[string]string{}
		for _, p := range places {
			at[p.ID] = p.ActivityID
			if p.ActivityID != "" {
				tokens++
			}
		}
		if tokens == 0 {
			t.Fatalf("instance %s has no token", id)
		}
		rows := 0
		for _, table := range []string{`tasks WHERE ended_at IS NULL AND`, `jobs WHERE`} {
			for _, x := range w.column(`SELECT execution_id FROM `+table+` instance_id = $1`, id) {
				rows++
				if at[x] == "" {
					t.Fatalf("a row of %s belongs to the execution %s of instance %s, which is not there", table, x, id)
				}
			}
		}
		waiting := 0 // at a task or at the timer; the others have come to the join
		for _, activity := range at {
			if activity != "" && activity != "join" {
				waiting++
			}
		}
		if rows != waiting {
			t.Fatalf("instance %s waits at %d places and has %d rows: %v", id, waiting, rows, at)
		}
	}
	for _, table := range []string{"tasks", "activities", "variables", "jobs"} {
		condition := "r.ended_at IS NULL AND "
		if table == "jobs" {
			condition = ""
		}
		if n := w.count(`SELECT count(*) FROM ` + table + ` r WHERE ` + condition + `r.instance_id NOT IN (SELECT id FROM instances WHERE ended_at IS NULL)`); n != 0 {
			t.Fatalf("%v open rows of %s belong to no running instance", n, table)
		}
	}
}

// finish takes every instance to its end.
func finish(t *testing.T, db *store.DB, e *engine.Engine) {
	t.Helper()
	run, stop := context.WithCancel(ctx)
	defer stop()
	go e.Run(run)
	for deadline := time.Now().Add(2 * time.Minute); ; {
		tasks, err := openTasksOf(db, "", 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			if err := e.Complete(ctx, kermit, task.id, engine.CompleteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		w := &world{t: t, db: db}
		if len(tasks) == 0 && w.count(`SELECT count(*) FROM instances WHERE ended_at IS NULL`) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not everything came to its end: %v", w.column(`SELECT message FROM jobs`))
		}
		if len(tasks) == 0 {
			time.Sleep(20 * time.Millisecond) // the timers' turn
		}
	}
}

// check compares the database with what was answered.
func (a *answered) check(t *testing.T, db *store.DB) {
	t.Helper()
	w := &world{t: t, db: db}
	for id := range a.started {
		if w.count(`SELECT count(*) FROM instances WHERE id = $1 AND end_activity = 'end'`, id) != 1 {
			t.Errorf("instance %s was answered and has not ended", id)
		}
	}
	for id, n := range a.completed {
		if got := w.count(`SELECT count(*) FROM tasks WHERE id = $1 AND ended_by = 'kermit'`, id); n != 1 || got != 1 {
			t.Errorf("task %s was answered as completed %d times, %v rows say so", id, n, got)
		}
	}
	for key, told := range a.values {
		stored := w.column(`SELECT CAST(number AS TEXT) FROM variables WHERE instance_id = $1 AND name = $2`, key[0], key[1])
		if len(stored) != 1 || stored[0] != told {
			t.Errorf("variable %v was answered as %s and is stored as %v", key, told, stored)
		}
	}
	if n := w.count(`SELECT count(*) FROM instances i WHERE (SELECT number FROM variables v WHERE v.instance_id = i.id AND v.name = 'fired') <> 1`); n != 0 {
		t.Errorf("the timer of %v instances has not fired exactly once", n)
	}
	for activity, times := range map[string]int{"start": 1, "fork": 1, "a": 1, "b": 1, "timer": 1, "count": 1, "join": 3, "c": 1, "end": 1} {
		if n := w.count(`SELECT count(*) FROM instances i WHERE (SELECT count(*) FROM activities x WHERE x.instance_id = i.id AND x.activity_id = $1 AND x.ended_at IS NOT NULL) <> $2`, activity, times); n != 0 {
			t.Errorf("%v instances have not been %d times at %s", n, times, activity)
		}
	}
}
