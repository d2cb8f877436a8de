package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/engine"
)

// grower makes random processes whose parts are blocks: each has one way in and one out.
type grower struct {
	t     *rapid.T
	b     strings.Builder
	ids   int
	tasks int // how many tasks have to be completed until the process ends
}

func (g *grower) id(kind string) string {
	g.ids++
	return fmt.Sprintf("%s%d", kind, g.ids)
}

func (g *grower) flow(from, to, condition string) {
	fmt.Fprintf(&g.b, `<sequenceFlow id="%s" sourceRef="%s" targetRef="%s">`, g.id("f"), from, to)
	if condition != "" {
		g.b.WriteString("<conditionExpression>" + condition + "</conditionExpression>")
	}
	g.b.WriteString("</sequenceFlow>\n")
}

// block makes a part; times is how often it is run.
func (g *grower) block(depth, times int) (in, out string) {
	kinds := []string{"task", "service", "task"}
	if depth > 0 {
		kinds = append(kinds, "sequence", "parallel", "parallel", "exclusive", "inclusive", "scope", "many", "manyScopes")
	}
	switch kind := rapid.SampledFrom(kinds).Draw(g.t, "kind"); kind {
	case "sequence":
		in, out = g.block(depth-1, times)
		second, last := g.block(depth-1, times)
		g.flow(out, second, "")
		return in, last
	case "parallel", "exclusive", "inclusive":
		return g.branches(kind, depth, times)
	case "scope":
		return g.scope(depth, times, 0)
	case "manyScopes":
		return g.scope(depth, times, rapid.IntRange(1, 3).Draw(g.t, "n"))
	case "many":
		id, n := g.id("many"), rapid.IntRange(0, 3).Draw(g.t, "n")
		fmt.Fprintf(&g.b, `<userTask id="%s" name="t"><multiInstanceLoopCharacteristics isSequential="%v"><loopCardinality>%d</loopCardinality></multiInstanceLoopCharacteristics></userTask>`,
			id, rapid.Bool().Draw(g.t, "sequential"), n)
		g.tasks += times * n
		return id, id
	case "service":
		id := g.id("service")
		g.b.WriteString(`<serviceTask id="` + id + `" activiti:expression="${execution.setVariable('n', 1)}"/>`)
		return id, id
	}
	id := g.id("task")
	g.b.WriteString(`<userTask id="` + id + `" name="t"/>`)
	g.tasks += times
	return id, id
}

// branches makes a part that forks and joins.
func (g *grower) branches(kind string, depth, times int) (fork, join string) {
	fork, join = g.id("fork"), g.id("join")
	fmt.Fprintf(&g.b, `<%sGateway id="%s"/><%sGateway id="%s"/>`, kind, fork, kind, join)
	n := rapid.IntRange(2, 3).Draw(g.t, "branches")
	taken := rapid.IntRange(0, n-1).Draw(g.t, "taken")
	for i := range n {
		run, condition := times, ""
		switch kind {
		case "exclusive":
			condition = fmt.Sprintf("${%v}", i == taken)
			run = times * map[bool]int{true: 1}[i == taken]
		case "inclusive":
			condition = fmt.Sprintf("${%v}", i <= taken)
			run = times * map[bool]int{true: 1}[i <= taken]
		}
		in, out := g.block(depth-1, run)
		g.flow(fork, in, condition)
		g.flow(out, join, "")
	}
	return fork, join
}

// scope makes a sub-process; n > 0 makes that many instances of it.
func (g *grower) scope(depth, times, n int) (in, out string) {
	id, loop := g.id("scope"), ""
	if n > 0 {
		loop = fmt.Sprintf(`<multiInstanceLoopCharacteristics isSequential="%v"><loopCardinality>%d</loopCardinality></multiInstanceLoopCharacteristics>`, rapid.Bool().Draw(g.t, "sequential"), n)
	}
	start, end := g.id("in"), g.id("out")
	g.b.WriteString(`<subProcess id="` + id + `">` + loop + `<startEvent id="` + start + `"/><endEvent id="` + end + `"/>`)
	first, last := g.block(depth-1, times*max(n, 1))
	g.flow(start, first, "")
	g.flow(last, end, "")
	g.b.WriteString(`</subProcess>`)
	return id, id
}

// TestRandomProcesses: whatever a process is made of and in whichever order its tasks
// are completed, each token is accounted for at every moment, and the end is reached
// when all tasks are done, not before, with a whole history.
func TestRandomProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	rapid.Check(t, func(rt *rapid.T) {
		g := &grower{t: rt}
		in, out := g.block(3, 1)
		g.flow("start", in, "")
		g.flow(out, "end", "")
		w.deploy(process(`<startEvent id="start"/><endEvent id="end"/>` + g.b.String()))
		id := w.start("p", nil)
		done := 0
		for {
			w.accounted(rt, id)
			open := w.openTasks()
			if len(open) == 0 {
				break
			}
			w.must(w.e.Complete(ctx, admin, rapid.SampledFrom(open).Draw(rt, "task").id, engine.CompleteOptions{}))
			done++
		}
		if done != g.tasks || !w.ended(id) {
			rt.Fatalf("%d of %d tasks done, ended %v:\n%s", done, g.tasks, w.ended(id), g.b.String())
		}
		if n := w.count(`SELECT count(*) FROM activities WHERE instance_id = $1 AND type = 'userTask'`, id); n != float64(done) {
			rt.Fatalf("history shows %v tasks of %d", n, done)
		}
		if got := w.finished(); got["end"] != 1.0 || got["start"] != 1.0 {
			rt.Fatalf("start and end were passed %v and %v times", got["start"], got["end"])
		}
	})
}

func (w *world) ended(id string) bool {
	return w.count(`SELECT count(*) FROM instances WHERE id = $1 AND ended_at IS NOT NULL`, id) == 1
}

// accounted checks that rows and tree say the same.
func (w *world) accounted(t *rapid.T, id string) {
	open := w.count(`SELECT count(*) FROM tasks WHERE instance_id = $1 AND ended_at IS NULL`, id)
	visits := w.count(`SELECT count(*) FROM activities WHERE instance_id = $1 AND ended_at IS NULL AND type = 'userTask'`, id)
	if open != visits {
		t.Fatalf("%v open tasks and %v open visits of tasks", open, visits)
	}
	if n := w.count(`SELECT count(*) FROM tasks t WHERE t.instance_id = $1 AND t.ended_at IS NULL AND NOT EXISTS
		(SELECT 1 FROM activities a WHERE a.task_id = t.id AND a.execution_id = t.execution_id AND a.ended_at IS NULL)`, id); n != 0 {
		t.Fatalf("%v tasks without an open visit", n)
	}
	if w.ended(id) {
		for _, table := range []string{"tasks", "activities", "variables"} {
			if n := w.count(`SELECT count(*) FROM `+table+` WHERE instance_id = $1 AND ended_at IS NULL`, id); n != 0 {
				t.Fatalf("%v open rows of %s after the end", n, table)
			}
		}
		return
	}
	places, err := w.e.Executions(ctx, id)
	w.must(err)
	waiting, ids := 0.0, map[string]bool{}
	for _, p := range places {
		if ids[p.ID] {
			t.Fatalf("two executions %s", p.ID)
		}
		ids[p.ID] = true
		if p.ParentID != "" && !ids[p.ParentID] {
			t.Fatalf("execution %s has no parent", p.ID)
		}
	}
	for _, execution := range w.column(`SELECT execution_id FROM tasks WHERE instance_id = $1 AND ended_at IS NULL`, id) {
		if !ids[execution] {
			t.Fatalf("a task belongs to the execution %s, which is not there", execution)
		}
		waiting++
	}
	if waiting == 0 {
		t.Fatalf("the instance runs, but nothing is to be done: %v", w.state())
	}
}
