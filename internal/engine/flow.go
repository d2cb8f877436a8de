package engine

import (
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// skipEnabled is the variable that makes skip expressions count.
const skipEnabled = "_ACTIVITI_SKIP_EXPRESSION_ENABLED"

// proceed takes an execution along its flow to the next node.
func (c *command) proceed(x *execution) error {
	f := x.flow
	if err := c.listen(x, f.Listeners, "start", "take", "end"); err != nil {
		return err
	}
	x.node, x.flow, x.entered, x.held = f.To, nil, false, false
	return c.arrive(x)
}

// arrive begins the node that an execution stands at, now or in a job.
func (c *command) arrive(x *execution) error {
	n := x.node
	x.inst.changed = true
	if n.Loop != nil && !n.Loop.Standard && !x.inner() {
		return c.beginLoop(x)
	}
	if skip, err := c.skipsLoop(x); err != nil || skip {
		return err
	}
	if n.AsyncBefore {
		return c.later(x, jobEnter)
	}
	return c.enter(x)
}

// skipsLoop goes on from a standard loop that need not run even once.
func (c *command) skipsLoop(x *execution) (bool, error) {
	l := x.node.Loop
	if l == nil || !l.Standard || !l.TestBefore || l.Condition == nil {
		return false, nil
	}
	ok, err := c.at(x).truth(l.Condition)
	if err != nil || ok {
		return false, err
	}
	return true, c.goOn(x)
}

// enter begins the node that an execution stands at.
func (c *command) enter(x *execution) error {
	n := x.node
	x.entered = true
	c.visit(x)
	if err := c.listen(x, n.Listeners, "start"); err != nil {
		return err
	}
	if !x.inner() {
		if err := c.attach(x); err != nil {
			return err
		}
	}
	if skip, err := c.skips(x); err != nil || skip {
		c.plan(x, (*command).leave)
		return err
	}
	return c.behave(x)
}

// skips reports whether the activity's skip expression says that it is passed over.
func (c *command) skips(x *execution) (bool, error) {
	if x.node.Skip == nil || !c.skipping(x) {
		return false, nil
	}
	return c.at(x).truth(x.node.Skip)
}

// skipping reports whether skip expressions count in this instance.
func (c *command) skipping(x *execution) bool {
	v, ok, err := c.at(x).get(skipEnabled)
	return err == nil && ok && v == true
}

// behave does what a node is there for.
func (c *command) behave(x *execution) error {
	switch x.node.Kind {
	case bpmn.EndEvent:
		return c.endEvent(x)
	case bpmn.ThrowEvent:
		return c.throwEvent(x)
	case bpmn.CatchEvent, bpmn.ReceiveTask:
		return c.watch(x)
	case bpmn.UserTask:
		return c.createTask(x)
	case bpmn.ServiceTask:
		return c.work(x)
	case bpmn.ScriptTask:
		return c.runScript(x)
	case bpmn.BusinessRuleTask:
		return c.decide(x)
	case bpmn.CallActivity:
		return c.call(x)
	case bpmn.SubProcess, bpmn.Transaction, bpmn.AdHocSubProcess:
		return c.beginScope(x)
	case bpmn.ExclusiveGateway, bpmn.ParallelGateway, bpmn.InclusiveGateway, bpmn.EventGateway, bpmn.ComplexGateway:
		return c.gateway(x)
	}
	c.plan(x, (*command).leave)
	return nil
}

// leave ends the node that an execution stands at and goes on from it.
func (c *command) leave(x *execution) error {
	n := x.node
	if x.scope {
		var err error
		if x, err = c.endScope(x); err != nil {
			return err
		}
	}
	c.release(x)
	if err := c.dropWatchers(x); err != nil {
		return err
	}
	if n.Compensation != nil {
		c.remember(x)
	}
	if err := c.listen(x, n.Listeners, "end"); err != nil {
		return err
	}
	c.depart(x, "")
	switch {
	case x.inner():
		return c.nextInstance(x)
	case n.Loop != nil && n.Loop.Standard:
		again, err := c.again(x)
		if err != nil || again {
			return err
		}
	}
	return c.goOn(x)
}

// goOn decides where an execution goes whose node has ended.
func (c *command) goOn(x *execution) error {
	n := x.node
	if n.ForCompensation {
		return c.finish(x)
	}
	if n.AsyncAfter {
		return c.later(x, jobOut)
	}
	return c.out(x)
}

// out takes the flows that lead on; without any the token ends here.
func (c *command) out(x *execution) error {
	if x.parent != nil && x.parent.node != nil && x.parent.node.Kind == bpmn.AdHocSubProcess {
		return c.outAdHoc(x)
	}
	return c.outFlows(x)
}

func (c *command) outFlows(x *execution) error {
	flows, err := c.choose(x)
	if err != nil {
		return err
	}
	if len(flows) == 0 {
		if len(x.node.Out) > 0 {
			return c.failure(x, errors.New("no outgoing sequence flow could be selected"))
		}
		c.plan(x, (*command).finish)
		return nil
	}
	c.split(x, flows)
	return nil
}

// split sends the execution along the first flow and a new one along each other.
func (c *command) split(x *execution, flows []*bpmn.Flow) {
	all := []*execution{x}
	for range flows[1:] {
		all = append(all, c.spawn(x.parent, x.node))
	}
	for i, y := range all {
		y.active, y.flow = true, flows[i]
		c.plan(y, (*command).proceed)
	}
}

// choose returns the flows that are taken from the node where an execution stands.
func (c *command) choose(x *execution) ([]*bpmn.Flow, error) {
	n := x.node
	if n.Kind == bpmn.ParallelGateway || n.Kind == bpmn.EventGateway {
		return n.Out, nil
	}
	var taken []*bpmn.Flow
	for _, f := range n.Out {
		ok, err := c.open(x, f)
		if err != nil {
			return nil, err
		}
		if ok {
			taken = append(taken, f)
			if n.Kind == bpmn.ExclusiveGateway {
				return taken, nil
			}
		}
	}
	if len(taken) == 0 && n.Default != nil {
		taken = append(taken, n.Default)
	}
	return taken, nil
}

// open reports whether a flow is taken by itself, that is not as the default one.
func (c *command) open(x *execution, f *bpmn.Flow) (bool, error) {
	if f.Skip != nil && c.skipping(x) {
		if len(x.node.Out) == 1 {
			return true, nil
		}
		return c.at(x).truth(f.Skip)
	}
	if f == x.node.Default {
		return false, nil
	}
	return c.holds(x, f.Condition)
}

// holds reports whether a condition is true; none is.
func (c *command) holds(x *execution, cond *bpmn.Condition) (bool, error) {
	if cond == nil {
		return true, nil
	}
	if cond.Script == nil {
		return c.at(x).truth(cond.Expression)
	}
	v, err := c.script(c.at(x), cond.Script)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, c.failure(x, errors.New("the condition's script does not give true or false"))
	}
	return b, nil
}

// finish ends a token.
func (c *command) finish(x *execution) error {
	parent, last := x.parent, x.node
	if err := c.drop(x, ""); err != nil {
		return err
	}
	return c.emptied(parent, last)
}

// emptied looks whether something ends because nothing is under way in it any more.
func (c *command) emptied(p *execution, last *bpmn.Node) error {
	if p.ended || p.busy() {
		return nil
	}
	switch {
	case p.parent == nil:
		return c.complete(p.inst, last)
	case p.eventScope, p.node.Kind == bpmn.EventSubProcess:
		return c.finish(p)
	case p.node.Kind == bpmn.AdHocSubProcess && p.node.AdHoc != nil && p.node.AdHoc.Completion == nil:
		return nil // it waits for the next activity, or to be completed
	}
	c.plan(p, (*command).leave)
	return nil
}

// drop removes an execution with everything below it.
func (c *command) drop(x *execution, reason string) error {
	if x.parent != nil {
		kept := x.parent.children[:0:0]
		for _, y := range x.parent.children {
			if y != x {
				kept = append(kept, y)
			}
		}
		x.parent.children = kept
	}
	var errs []error
	x.each(func(y *execution) {
		if err := c.discard(y, reason); err != nil {
			errs = append(errs, err)
		}
	})
	return errors.Join(errs...)
}

// discard ends one execution with its rows.
func (c *command) discard(x *execution, reason string) error {
	if x.ended {
		return nil
	}
	x.ended, x.active = true, false
	x.inst.changed = true
	c.depart(x, reason)
	c.release(x)
	for _, r := range x.records {
		c.rows.subsGone = append(c.rows.subsGone, r.id)
	}
	x.records = nil
	if x.locals && x.parent != nil {
		c.rows.scopes = append(c.rows.scopes, x)
	}
	if x.task != "" {
		if err := c.cancelTask(x, reason); err != nil {
			return err
		}
	}
	if called := x.called; called != "" {
		x.called = ""
		return c.deleteCalled(called, reason)
	}
	return nil
}

// release gives up what an execution has waited for.
func (c *command) release(x *execution) {
	for _, w := range x.waits {
		if w.kind == waitJob || w.kind == waitTimer {
			c.rows.jobsGone = append(c.rows.jobsGone, w.id)
		} else {
			c.rows.subsGone = append(c.rows.subsGone, w.id)
		}
		x.inst.changed = true
	}
	x.waits = nil
}

// dropWatchers removes the events that waited beside an activity.
func (c *command) dropWatchers(x *execution) error {
	for _, y := range x.children {
		if y.watching {
			if err := c.drop(y, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace puts a new execution where another one stands; the old one's scope ends.
func (c *command) replace(x *execution) *execution {
	y := c.spawn(x.parent, x.node)
	y.visit, x.visit = x.visit, ""
	y.rounds, y.entered = x.rounds, true
	return y
}

// begin starts the scope of the instance itself.
func (c *command) begin(inst *instance, start *bpmn.Node) error {
	root := inst.root
	if err := c.openScope(root, inst.def.process.Root); err != nil {
		return err
	}
	x := c.spawn(root, start)
	c.plan(x, (*command).arrive)
	return nil
}

// openScope gives a scope its data objects and its event sub-processes.
func (c *command) openScope(x *execution, node *bpmn.Node) error {
	for _, d := range node.Data {
		if v, err := c.at(x).local(d.Name); err != nil {
			return err
		} else if v != nil {
			continue // given by whoever started the process
		}
		value := d.Value
		if n, ok := value.(int64); ok && d.Type == "int" {
			value = int32(n)
		}
		if err := c.at(x).setLocal(d.Name, value); err != nil {
			return err
		}
	}
	for _, sub := range node.Events {
		for _, start := range sub.Starts {
			y := c.spawn(x, start)
			// Who throws an error looks for it; it waits for nothing itself.
			y.watching, y.active = true, start.Event == nil || start.Event.Kind != bpmn.ErrorEvent
			if err := c.watch(y); err != nil {
				return err
			}
		}
	}
	return nil
}

// beginScope starts a sub-process.
func (c *command) beginScope(x *execution) error {
	x.scope = true
	if err := c.openScope(x, x.node); err != nil {
		return err
	}
	if x.node.Kind == bpmn.AdHocSubProcess {
		return nil // what happens in it is decided from outside
	}
	start := noneStart(x.node)
	if start == nil {
		return c.failure(x, fmt.Errorf("the sub-process has no start event"))
	}
	c.plan(c.spawn(x, start), (*command).arrive)
	return nil
}

// noneStart returns the start event of a scope that waits for nothing.
func noneStart(scope *bpmn.Node) *bpmn.Node {
	for _, s := range scope.Starts {
		if s.Event == nil || s.Event.Kind == bpmn.NoneEvent {
			return s
		}
	}
	return nil
}

// firstStart returns where a process begins that is started by hand: at the start event
// that waits for nothing, or else, as in Activiti, at the first one.
func firstStart(p *bpmn.Process) *bpmn.Node {
	if start := noneStart(p.Root); start != nil || len(p.Root.Starts) == 0 {
		return start
	}
	return p.Root.Starts[0]
}

// endScope ends a sub-process; what can be compensated of it stays as an event scope.
// It returns the execution that goes on.
func (c *command) endScope(x *execution) (*execution, error) {
	y := c.replace(x)
	c.release(x)
	for _, child := range x.children {
		if !child.eventScope {
			if err := c.drop(child, ""); err != nil {
				return nil, err
			}
		}
	}
	if len(x.records) == 0 && len(x.children) == 0 {
		return y, c.drop(x, "")
	}
	x.scope, x.active, x.eventScope = false, false, true
	if up := x.scopeOf(); up != x.parent {
		c.move(x, up)
	}
	return y, nil
}

// move hangs an execution under another parent.
func (c *command) move(x, parent *execution) {
	kept := x.parent.children[:0:0]
	for _, y := range x.parent.children {
		if y != x {
			kept = append(kept, y)
		}
	}
	x.parent.children = kept
	x.parent = parent
	parent.children = append(parent.children, x)
	x.inst.changed = true
}
