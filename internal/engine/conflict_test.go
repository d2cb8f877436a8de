package engine_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
)

// TestOneCompletionWins: ten people complete the same task at once.
func TestOneCompletionWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, engine.Config{})
	w.deploy(process(taskThenEnd))
	for range 5 {
		w.start("p", nil)
		id := w.find("work").id
		errs := together(10, func(int) error {
			return w.e.Complete(context.Background(), engine.Actor{UserID: "kermit"}, id, engine.CompleteOptions{})
		})
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Conflict):
				t.Errorf("error %v, want not found or conflict", err)
			}
		}
		if won != 1 {
			t.Fatalf("%d completions won, want 1", won)
		}
		if got := w.finished()["end"]; got != 1.0 {
			t.Fatalf("the end was reached %v times", got)
		}
	}
}

// together runs fn n times at once.
func together(n int, fn func(int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = fn(i) })
	}
	all.Wait()
	return errs
}

// TestManyIntoOneJoin: fifty tasks that lead into one parallel join are completed at once.
func TestManyIntoOneJoin(t *testing.T) {
	t.Parallel()
	const n = 50
	w := newWorld(t, engine.Config{})
	var b strings.Builder
	b.WriteString(`<startEvent id="start"/><parallelGateway id="fork"/><parallelGateway id="join"/><userTask id="after" name="after"/>
		<sequenceFlow id="s" sourceRef="start" targetRef="fork"/><sequenceFlow id="e" sourceRef="join" targetRef="after"/>`)
	for i := range n {
		id := strconv.Itoa(i)
		b.WriteString(`<userTask id="t` + id + `" name="branch"/><sequenceFlow id="a` + id + `" sourceRef="fork" targetRef="t` + id + `"/><sequenceFlow id="b` + id + `" sourceRef="t` + id + `" targetRef="join"/>`)
	}
	w.deploy(process(b.String()))
	w.start("p", nil)
	tasks := w.openTasks()
	if len(tasks) != n {
		t.Fatalf("%d tasks, want %d", len(tasks), n)
	}
	for i, err := range together(n, func(i int) error {
		for {
			err := w.e.Complete(context.Background(), admin, tasks[i].id, engine.CompleteOptions{Variables: map[string]any{"v" + strconv.Itoa(i): int32(i)}})
			if !fault.Is(err, fault.Conflict) {
				return err
			}
		}
	}) {
		if err != nil {
			t.Errorf("completing task %d: %v", i, err)
		}
	}
	if got := w.state()["tasks"]; !cmp.Equal(got, []any{"after"}) {
		t.Fatalf("open tasks %v, want one after the join", got)
	}
	if got := w.finished()["join"]; got != float64(n) {
		t.Errorf("%v tokens came to the join, want %d", got, n)
	}
	if got := len(w.vars()); got != n {
		t.Errorf("%d variables, want %d", got, n)
	}
}

// bean is an object whose method fails.
type bean struct{ err error }

func (bean) Property(string) (any, bool, error) { return nil, false, nil }
func (b bean) Call(string, []any) (any, error)  { return nil, b.err }

// TestFailureLeavesNothing: whatever fails, the rows are as they were before the command.
func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	after := `<sequenceFlow id="f3" sourceRef="x" targetRef="end"/>`
	for name, x := range map[string]string{
		"delegate":           `<serviceTask id="x" activiti:class="testFail"/>` + after,
		"expression":         `<serviceTask id="x" activiti:expression="${nobody.knows}"/>` + after,
		"bean":               `<serviceTask id="x" activiti:expression="${failing.do()}"/>` + after,
		"script":             `<scriptTask id="x" scriptFormat="juel"><script>${1 / nobody}</script></scriptTask>` + after,
		"script's language":  `<scriptTask id="x" scriptFormat="cobol"><script>STOP RUN</script></scriptTask>` + after,
		"uncaught error":     `<endEvent id="x"><errorEventDefinition errorRef="e"/></endEvent>`,
		"condition":          `<exclusiveGateway id="x"/><sequenceFlow id="f3" sourceRef="x" targetRef="end"><conditionExpression>${a > 1}</conditionExpression></sequenceFlow><sequenceFlow id="f4" sourceRef="x" targetRef="end"><conditionExpression>${a > 2}</conditionExpression></sequenceFlow>`,
		"no flow":            `<exclusiveGateway id="x"/><sequenceFlow id="f3" sourceRef="x" targetRef="end"><conditionExpression>${done > 1}</conditionExpression></sequenceFlow><sequenceFlow id="f4" sourceRef="x" targetRef="end"><conditionExpression>${done > 2}</conditionExpression></sequenceFlow>`,
		"execution listener": `<userTask id="x"><extensionElements><activiti:executionListener event="start" class="testFail"/></extensionElements></userTask>` + after,
		"task listener":      `<userTask id="x"><extensionElements><activiti:taskListener event="create" class="testFail"/></extensionElements></userTask>` + after,
		"unknown listener":   `<userTask id="x"><extensionElements><activiti:taskListener event="create" class="com.example.Nobody"/></extensionElements></userTask>` + after,
		"called process":     `<callActivity id="x" calledElement="nobody"/>` + after,
		"collection":         `<userTask id="x"><multiInstanceLoopCharacteristics isSequential="false" activiti:collection="nobody"/></userTask>` + after,
		"due date":           `<userTask id="x" activiti:dueDate="soon"/>` + after,
		"timer":              `<intermediateCatchEvent id="x"><timerEventDefinition><timeDuration>${text}</timeDuration></timerEventDefinition></intermediateCatchEvent>` + after,
		"circle":             `<serviceTask id="x" activiti:expression="${true}"/><sequenceFlow id="f3" sourceRef="x" targetRef="y"/><manualTask id="y"/><sequenceFlow id="f4" sourceRef="y" targetRef="x"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, engine.Config{Delegates: delegates, Beans: map[string]juel.Object{"failing": bean{err: context.DeadlineExceeded}}, MaxSteps: 1000})
			w.deploy(process(`<startEvent id="start"/><sequenceFlow id="f1" sourceRef="start" targetRef="work"/><userTask id="work" name="work" activiti:assignee="kermit">
				<extensionElements><activiti:taskListener event="complete" expression="${task.setVariable('seen', true)}"/></extensionElements></userTask>
				<sequenceFlow id="f2" sourceRef="work" targetRef="x"/><endEvent id="end"/>` + x))
			w.start("p", map[string]any{"text": "never ever", "done": int32(0)})
			before := w.dump()
			err := w.e.Complete(context.Background(), admin, w.find("work").id, engine.CompleteOptions{Variables: map[string]any{"done": int32(1)}})
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("error %v, want an invalid one", err)
			}
			if msg := fault.Message(err); !strings.Contains(msg, `"x"`) && !strings.Contains(msg, `"y"`) {
				t.Errorf("the message %q does not say where it happened", msg)
			}
			if diff := cmp.Diff(before, w.dump()); diff != "" {
				t.Errorf("rows have changed (-before +after):\n%s", diff)
			}
		})
	}
}
