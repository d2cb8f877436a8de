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

// repeat sets a cycle's timer again after it has fired.
func (c *command) repeat(x *execution, fired *Job) error {
	if fired.Repeat == "" || !x.watching || x.node.Interrupting {
		return nil
	}
	timer, err := schedule.ParseCycle(fired.Repeat)
	if err != nil {
		return fmt.Errorf("reading timer %q: %w", fired.Repeat, err)
	}
	at, _, ok := timer.Next(c.local(), fired.Done+1)
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

// startTimer makes the job by which a process starts by itself. done is how often it has.
func (c *command) startTimer(def *Definition, start *bpmn.Node, repeat string, done int) error {
	var timer schedule.Timer
	var at time.Time
	var err error
	if repeat != "" {
		timer, err = schedule.ParseCycle(repeat)
	} else {
		timer, at, err = c.timer(start.Event, func(e *juel.Expression) (any, error) { return e.Eval(empty{c.e}) })
	}
	if err != nil {
		return fault.Wrap(fault.Invalid, err, fmt.Sprintf("The timer of the start event %q cannot be read: %s.", start.ID, err))
	}
	if at.IsZero() {
		due, _, ok := timer.Next(c.local(), done)
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
