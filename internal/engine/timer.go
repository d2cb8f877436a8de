package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/schedule"
)

// setTimer makes the job of a timer event.
func (c *command) setTimer(x *execution) error {
	ev := x.node.Event
	timer, at, err := c.timer(ev, func(e *juel.Expression) (any, error) { return c.at(x).eval(e) })
	if err != nil {
		return c.failure(x, err)
	}
	j := c.newJob(x, jobTimer, Timer)
	if at.IsZero() {
		due, _, ok := timer.Next(c.local(), 0)
		if !ok {
			return nil // it never comes
		}
		at = due
		if ev.Cycle != nil {
			j.Repeat = timer.From(c.local()).String()
		}
	}
	if late, err := c.over(x, at); err != nil || late {
		return err
	}
	j.DueAt = at
	c.addJob(x, j, waitTimer)
	return nil
}

// over reports whether a cycle's end date comes before its next time.
func (c *command) over(x *execution, at time.Time) (bool, error) {
	if x.node.Event.EndDate == nil {
		return false, nil
	}
	v, err := c.at(x).eval(x.node.Event.EndDate)
	if err != nil {
		return false, err
	}
	end, err := c.moment(v)
	if err != nil {
		return false, c.failure(x, err)
	}
	return !end.IsZero() && at.After(end), nil
}

// local is now in the zone of dates that have none.
func (c *command) local() time.Time { return c.now.In(c.e.cfg.Location) }

// timer reads a timer event. Where the model names a Date itself, at is that.
func (c *command) timer(ev *bpmn.Event, eval func(*juel.Expression) (any, error)) (timer schedule.Timer, at time.Time, err error) {
	if ev.Timer != nil {
		return *ev.Timer, at, nil
	}
	e, parse := ev.Date, schedule.ParseDate
	switch {
	case ev.Duration != nil:
		e, parse = ev.Duration, schedule.ParseDuration
	case ev.Cycle != nil:
		e, parse = ev.Cycle, schedule.ParseCycle
	}
	v, err := eval(e)
	if err != nil {
		return timer, at, err
	}
	if date, ok := v.(time.Time); ok {
		return timer, date, nil
	}
	if v == nil {
		return timer, at, errors.New("the timer has no time")
	}
	text, err := juel.Text(v)
	if err != nil {
		return timer, at, err
	}
	timer, err = parse(text)
	return timer, at, err
}

// due reads a date or a duration from now.
func (e *Engine) due(text string, now time.Time) (time.Time, error) {
	timer, err := schedule.ParseDate(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no date and no duration: %w", shown(text), err)
	}
	at, _, ok := timer.Next(now.In(e.cfg.Location), 0)
	if !ok {
		return time.Time{}, fmt.Errorf("%q never comes", shown(text))
	}
	return at.UTC(), nil
}

// after says from when on a cycle's next time is looked for: one with a number of
// repeats fires that often, and catches up on what was missed while nobody could run it;
// one without end leaves it out. That is as Activiti has it.
func (c *command) after(t schedule.Timer, due time.Time) time.Time {
	if t.Repeats() < 0 || due.IsZero() || due.After(c.now) {
		return c.local()
	}
	return due.In(c.e.cfg.Location)
}

// repeat sets a cycle's timer again after it has fired.
func (c *command) repeat(x *execution, fired *Job) error {
	if fired.Repeat == "" || !x.watching || x.node.Interrupting {
		return nil
	}
	timer, err := schedule.ParseCycle(fired.Repeat)
	if err != nil {
		return fmt.Errorf("reading timer %q: %w", fired.Repeat, err)
	}
	at, _, ok := timer.Next(c.after(timer, fired.DueAt), fired.Done+1)
	if !ok {
		return nil
	}
	if late, err := c.over(x, at); err != nil || late {
		return err
	}
	j := c.newJob(x, jobTimer, Timer)
	j.Repeat, j.Done, j.DueAt = fired.Repeat, fired.Done+1, at
	c.addJob(x, j, waitTimer)
	return nil
}

// startTimer makes the job by which a process starts by itself; fired is the one before.
func (c *command) startTimer(def *Definition, start *bpmn.Node, fired *Job) error {
	var timer schedule.Timer
	var at time.Time
	var err error
	repeat, done, after := "", 0, c.local()
	if fired != nil {
		repeat, done = fired.Repeat, fired.Done+1
		timer, err = schedule.ParseCycle(repeat)
		after = c.after(timer, fired.DueAt)
	} else {
		timer, at, err = c.timer(start.Event, func(e *juel.Expression) (any, error) { return e.Eval(empty{c.e}) })
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, fmt.Sprintf("The timer of the start event %q cannot be read: %s.", start.ID, err))
	}
	if at.IsZero() {
		due, _, ok := timer.Next(after, done)
		if !ok {
			return nil
		}
		at = due
	}
	j := &Job{ID: newID(), Queue: Timer, Kind: jobStart, DefinitionID: def.ID, ActivityID: start.ID, DueAt: at, Done: done, Retries: c.e.cfg.Retries,
		Exclusive: true, CreatedAt: c.now, TenantID: def.TenantID}
	if start.Event.Cycle != nil {
		j.Repeat = or(repeat, timer.From(c.local()).String())
	}
	c.rows.jobs = append(c.rows.jobs, j)
	return nil
}
