package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// Delegate is the code of a service task or listener. It runs inside the command's
// transaction, so it must be quick and must not wait for anything: what leaves the
// process is an Outside. An *Error that it returns is a BPMN error; any other error
// leaves the instance as it was before the command.
type Delegate interface {
	Run(ctx context.Context, x *Execution) error
}

// DelegateFunc is a function as a Delegate.
type DelegateFunc func(ctx context.Context, x *Execution) error

// Run calls the function.
func (f DelegateFunc) Run(ctx context.Context, x *Execution) error { return f(ctx, x) }

// Outside is work that leaves the process, as a call of a REST service or a mail. Its
// activity becomes a job: Prepare runs in the transaction that reaches the activity,
// Call outside any, Apply in the transaction by which the process goes on. Call may
// happen again when the process dies before Apply; key is the same each time.
type Outside interface {
	// Prepare returns what Call needs, as text.
	Prepare(ctx context.Context, x *Execution) (request string, err error)
	// Call does the work. Its error makes the job be tried again.
	Call(ctx context.Context, key, request string) (answer string, err error)
	// Apply tells the process of the answer.
	Apply(ctx context.Context, x *Execution, answer string) error
}

// errUnknown is a delegate that nobody has registered. Trying again does not help.
var errUnknown = errors.New("no such delegate is registered with this server")

// Execution is what a delegate sees of the process. It is valid until Run returns.
type Execution struct {
	place  place
	fields []bpmn.Field
	event  string
}

// ID returns the execution's id.
func (x *Execution) ID() string { return x.place.x.id }

// Instance returns the process instance.
func (x *Execution) Instance() Instance { return x.place.x.inst.Instance }

// Definition returns the process definition.
func (x *Execution) Definition() Definition { return x.place.x.inst.def.Definition }

// Node returns the activity that the execution stands at; nil for the process itself.
func (x *Execution) Node() *bpmn.Node { return x.place.x.node }

// Event returns which event a listener is told of; empty for an activity.
func (x *Execution) Event() string { return x.event }

// Actor returns who gave the command.
func (x *Execution) Actor() Actor { return x.place.c.actor }

// Task returns the task of a task listener; nil elsewhere.
func (x *Execution) Task() *Task {
	if x.place.t == nil {
		return nil
	}
	return &x.place.t.Task
}

// Variable returns the value of a variable that can be seen here.
func (x *Execution) Variable(name string) (value any, ok bool, err error) { return x.place.get(name) }

// Variables returns all variables that can be seen here.
func (x *Execution) Variables() (map[string]any, error) { return x.place.all() }

// Set gives a variable a value where it is, or in the instance when it is new.
func (x *Execution) Set(name string, value any) error { return x.place.set(name, value) }

// SetLocal gives a variable of this execution, or of the task, a value.
func (x *Execution) SetLocal(name string, value any) error { return x.place.setLocal(name, value) }

// Field returns the value of an injected field; false when the model has none.
func (x *Execution) Field(name string) (any, bool, error) {
	for _, f := range x.fields {
		if f.Name != name {
			continue
		}
		if f.Text {
			return f.String, true, nil
		}
		v, err := x.place.eval(f.Value)
		return v, true, err
	}
	return nil, false, nil
}

// Fields returns the names of the injected fields.
func (x *Execution) Fields() []string {
	names := make([]string, len(x.fields))
	for i, f := range x.fields {
		names[i] = f.Name
	}
	return names
}

// Eval evaluates an expression of the model.
func (x *Execution) Eval(e *juel.Expression) (any, error) { return x.place.eval(e) }

// Object returns the execution as expressions see it.
func (x *Execution) Object() juel.Object {
	return &executionObject{place: place{c: x.place.c, x: x.place.x}, event: x.event}
}

// typePrefix stands before the types of service tasks (mail, http) in the names of
// delegates, so that no expression can mean one.
const typePrefix = "type:"

// named returns the name of the delegate that a service task's class or type is.
func named(w *bpmn.Work) string {
	if w.Class != "" {
		return w.Class
	}
	return typePrefix + strings.ToLower(w.Type)
}

// delegate finds the delegate of that name.
func (c *command) delegate(name string) (Delegate, error) {
	d := c.e.cfg.delegate(name)
	if d == nil {
		return nil, fmt.Errorf("delegate %q: %w", name, errUnknown)
	}
	return d, nil
}

// delegateFrom finds the delegate that an expression gives: a bean's name or the object
// itself.
func (c *command) delegateFrom(p place, e *juel.Expression) (Delegate, error) {
	for _, name := range e.Variables() {
		if e.Text() == "${"+name+"}" || e.Text() == "#{"+name+"}" {
			if _, ok, err := p.get(name); err == nil && !ok && c.e.cfg.Beans[name] == nil {
				return c.delegate(name)
			}
		}
	}
	v, err := p.eval(e)
	if err != nil {
		return nil, err
	}
	d, ok := v.(Delegate)
	if !ok {
		return nil, fmt.Errorf("delegate expression %q gives no delegate: %w", e.Text(), errUnknown)
	}
	return d, nil
}

// run runs a delegate; its panic is an error.
func (c *command) runDelegate(d Delegate, x *Execution) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the delegate panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return d.Run(c.ctx, x)
}

// work does what a service task is there for.
func (c *command) work(x *execution) error {
	w := x.node.Work
	if w == nil {
		c.plan(x, (*command).leave)
		return nil
	}
	outside, err := c.perform(x, w)
	if errors.Is(err, errUnknown) {
		return c.incident(x, err)
	}
	if err != nil {
		return c.failure(x, mapped(x.node, err))
	}
	if !outside && !w.Triggerable {
		c.plan(x, (*command).leave)
	}
	return nil
}

// incident is an activity that this server cannot run, with the dead job that says so.
type incident struct {
	job   string
	cause error
}

// Error returns the reason.
func (i *incident) Error() string { return i.cause.Error() }

// incident leaves an execution at an activity that cannot be run by this server, with a
// dead job that says why. When the job is moved, the activity is tried again.
func (c *command) incident(x *execution, err error) error {
	return c.incidentAt(x, jobWork, err)
}

// incidentAt is incident for a step of the activity: the kind of job that takes it again.
func (c *command) incidentAt(x *execution, kind string, err error) error {
	j := c.newJob(x, kind, Dead)
	j.Retries, j.Message, j.Trace = 0, clip(err.Error(), maxMessage), clip(err.Error(), maxMessage)
	c.addJob(x, j, waitJob)
	c.stuck = &incident{j.ID, err}
	c.e.cfg.Log.Warn("incident", "job", j.ID, "instance", j.InstanceID, "activity", j.ActivityID, "error", err)
	return nil
}

// perform runs a service task; it reports whether a job does the rest.
func (c *command) perform(x *execution, w *bpmn.Work) (outside bool, err error) {
	here := c.at(x)
	if w.Expression != nil {
		v, err := here.eval(w.Expression)
		if err != nil {
			return false, err
		}
		return false, c.result(here, w.ResultVariable, w.UseLocalScope, v)
	}
	var d Delegate
	switch {
	case w.DelegateExpression != nil:
		d, err = c.delegateFrom(here, w.DelegateExpression)
	default:
		d, err = c.delegate(named(w))
	}
	if err != nil {
		return false, err
	}
	view := &Execution{place: here, fields: w.Fields}
	if o, ok := d.(Outside); ok {
		return true, c.prepare(x, o, view)
	}
	return false, c.runDelegate(d, view)
}

// prepare makes the job by which a call to the outside happens.
func (c *command) prepare(x *execution, o Outside, view *Execution) error {
	request, err := o.Prepare(c.ctx, view)
	if err != nil {
		return err
	}
	return c.job(x, jobOutside, request)
}

// outsideOf returns the outside work of the activity at which an execution stands.
func (c *command) outsideOf(x *execution) (Outside, error) {
	w := x.node.Work
	if w == nil {
		return nil, errUnknown
	}
	var d Delegate
	var err error
	switch {
	case w.DelegateExpression != nil:
		d, err = c.delegateFrom(c.at(x), w.DelegateExpression)
	default:
		d, err = c.delegate(named(w))
	}
	if err != nil {
		return nil, err
	}
	o, ok := d.(Outside)
	if !ok {
		return nil, fmt.Errorf("the delegate of %q does not work outside: %w", x.node.ID, errUnknown)
	}
	return o, nil
}

// result keeps what an expression or a script gave, where the model wants it.
func (c *command) result(p place, name string, local bool, v any) error {
	switch {
	case name == "":
		return nil
	case local:
		return p.setLocal(name, v)
	}
	return p.set(name, v)
}

// decide runs a business rule task: its delegate, or the decision table that it names.
func (c *command) decide(x *execution) error {
	if x.node.Work == nil && x.node.Rules != nil {
		d, err := c.delegate(decisionDelegate)
		if err == nil {
			err = c.runDelegate(d, &Execution{place: c.at(x)})
		}
		if errors.Is(err, errUnknown) {
			return c.incident(x, err)
		}
		if err != nil {
			return c.failure(x, mapped(x.node, err))
		}
		c.plan(x, (*command).leave)
		return nil
	}
	return c.work(x)
}

// listen tells execution listeners of events.
func (c *command) listen(x *execution, listeners []bpmn.Listener, events ...string) error {
	for _, event := range events {
		for i := range listeners {
			if listeners[i].Event != event {
				continue
			}
			if err := c.notify(place{c: c, x: x}, &listeners[i], event); err != nil {
				return c.failure(x, err)
			}
		}
	}
	return nil
}

// listenTask tells the listeners of a task of an event.
func (c *command) listenTask(t *task, event string) error {
	if t.x == nil || !listens(t.x.node, event) {
		return nil
	}
	listeners := t.x.node.User.Listeners
	for i := range listeners {
		if listeners[i].Event != event && listeners[i].Event != "all" {
			continue
		}
		before := t.Assignee
		if err := c.notify(place{c: c, x: t.x, t: t}, &listeners[i], event); err != nil {
			return c.failure(t.x, err)
		}
		if t.Assignee != before && event != "assignment" {
			if err := c.listenTask(t, "assignment"); err != nil {
				return err
			}
		}
	}
	return nil
}

// notify runs one listener.
func (c *command) notify(p place, l *bpmn.Listener, event string) error {
	var d Delegate
	var err error
	switch {
	case l.Expression != nil:
		_, err := l.Expression.Eval(listening{p, event})
		return err
	case l.Script != nil:
		_, err := c.scriptFor(listening{p, event}, l.Script)
		return err
	case l.DelegateExpression != nil:
		d, err = c.delegateFrom(p, l.DelegateExpression)
	default:
		d, err = c.delegate(l.Class)
	}
	if err != nil {
		return err
	}
	return c.runDelegate(d, &Execution{place: p, fields: l.Fields, event: event})
}

// listening is a place at which execution and task know which event a listener hears.
type listening struct {
	place
	event string
}

// Lookup implements juel.Scope.
func (s listening) Lookup(name string) (any, bool) {
	switch {
	case name == "execution" && s.x != nil:
		return &executionObject{place: place{c: s.c, x: s.x}, event: s.event}, true
	case name == "task" && s.t != nil:
		return &taskObject{place: s.place, event: s.event}, true
	}
	return s.place.Lookup(name)
}
