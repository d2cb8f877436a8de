package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/schedule"
	"github.com/sluicehq/sluice/internal/store"
)

// The kinds of jobs.
const (
	jobEnter   = "enter"   // begin the activity at which the execution stands
	jobWork    = "work"    // do what the activity is there for, which could not be done before
	jobOut     = "out"     // go on from it
	jobTimer   = "timer"   // trigger a waiting event
	jobStart   = "start"   // start an instance by a timer
	jobSignal  = "signal"  // deliver a signal that was thrown asynchronously
	jobOutside = "outside" // call something outside, then go on
)

// maxMessage bounds what a job remembers of its failure.
const maxMessage = 4000

// newJob makes a job of an execution that is not kept yet.
func (c *command) newJob(x *execution, kind, queue string) *Job {
	return &Job{ID: newID(), Queue: queue, Kind: kind, InstanceID: x.inst.ID, ExecutionID: x.id, DefinitionID: x.inst.DefinitionID, ActivityID: x.node.ID, DueAt: c.now,
		Retries: c.e.cfg.Retries, Exclusive: x.node.Exclusive, CreatedAt: c.now, TenantID: x.inst.TenantID}
}

// addJob keeps a job that its execution waits for.
func (c *command) addJob(x *execution, j *Job, kind byte) {
	if x.inst.Suspended && j.Queue != Dead {
		j.Queue = Suspended
	}
	c.rows.jobs = append(c.rows.jobs, j)
	x.waits = append(x.waits, wait{kind: kind, id: j.ID})
	x.inst.changed = true
}

// later makes a job by which an execution goes on.
func (c *command) later(x *execution, kind string) error { return c.job(x, kind, "") }

func (c *command) job(x *execution, kind, payload string) error {
	count, _, err := c.retry(x)
	if err != nil {
		return err
	}
	j := c.newJob(x, kind, Ready)
	j.Payload, j.Retries = payload, count
	c.addJob(x, j, waitJob)
	return nil
}

// jobFor makes a job that concerns an execution which waits for something else too.
func (c *command) jobFor(x *execution, kind, payload string) error {
	j := c.newJob(x, kind, Ready)
	j.Payload = payload
	if x.inst.Suspended {
		j.Queue = Suspended
	}
	c.rows.jobs = append(c.rows.jobs, j)
	return nil
}

// retry returns how often the activity's job is tried and how long it waits between.
func (c *command) retry(x *execution) (int, *schedule.Timer, error) {
	if x.node.Retry == nil {
		return c.e.cfg.Retries, nil, nil
	}
	text, err := c.at(x).text(x.node.Retry)
	if err != nil {
		return 0, nil, err
	}
	count, wait, err := schedule.ParseRetry(text)
	if err != nil {
		return 0, nil, c.failure(x, err)
	}
	return count, &wait, nil
}

// loadJob reads a job.
func (c *command) loadJob(id string) (*Job, error) {
	j := &Job{}
	err := c.tx.QueryRow(c.ctx, j.fields(), `SELECT `+jobColumns+` FROM jobs WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "There is no job %q.", shown(id))
	}
	return j, err
}

// performJob does what a job is there for. answer is what its call to the outside gave.
func (c *command) performJob(j *Job, answer string) error {
	c.rows.jobDone = j.ID
	if j.InstanceID == "" {
		return c.startBy(j)
	}
	inst, err := c.instance(j.InstanceID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if inst.Suspended {
		return fault.New(fault.Conflict, "The process instance %q is suspended.", inst.ID)
	}
	x := inst.find(j.ExecutionID)
	if x == nil {
		return nil
	}
	x.forget(j.ID)
	inst.changed = true
	switch j.Kind {
	case jobEnter:
		c.plan(x, (*command).enter)
	case jobWork:
		c.plan(x, (*command).behave)
	case jobOut:
		c.plan(x, (*command).out)
	case jobTimer:
		if err := c.repeat(x, j); err != nil {
			return err
		}
		c.plan(x, (*command).trigger)
	case jobSignal:
		if x.awaits(waitSignal, j.Payload) {
			c.plan(x, (*command).trigger)
		}
	case jobOutside:
		return c.apply(x, answer)
	default:
		return fmt.Errorf("job %s has the unknown kind %q", j.ID, j.Kind)
	}
	return nil
}

// forget takes a job off the list of what an execution waits for.
func (x *execution) forget(id string) {
	kept := x.waits[:0:0]
	for _, w := range x.waits {
		if w.id != id {
			kept = append(kept, w)
		}
	}
	x.waits = kept
}

// apply tells the process of the answer from outside and lets it go on.
func (c *command) apply(x *execution, answer string) error {
	o, err := c.outsideOf(x)
	if err == nil {
		err = o.Apply(c.ctx, &Execution{place: c.at(x), fields: x.node.Work.Fields}, answer)
	}
	if err != nil {
		return c.thrown(x, mapped(x.node, err))
	}
	if !x.node.Work.Triggerable {
		c.plan(x, (*command).leave)
	}
	return nil
}

// thrown is failure for errors outside a step: a BPMN error is thrown.
func (c *command) thrown(x *execution, err error) error {
	var e *Error
	if errors.As(err, &e) {
		return c.throw(x, e)
	}
	return c.failure(x, err)
}

// startBy starts an instance by a timer or an asynchronous signal.
func (c *command) startBy(j *Job) error {
	d, err := row(c.ctx, c.tx, j.DefinitionID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	def, err := c.e.definition(c.ctx, c.tx, d.ID)
	if err != nil {
		return err
	}
	if j.Kind == jobStart && j.Repeat != "" {
		if start := def.process.Nodes[j.ActivityID]; start != nil {
			if err := c.startTimer(&d, start, j); err != nil {
				return err
			}
		}
	}
	_, err = c.start(d, j.ActivityID, StartOptions{})
	return err
}

// execute runs a job that this process holds the lease of, and notes its failure.
func (e *Engine) execute(ctx context.Context, j *Job) error {
	_, err := e.attempt(ctx, j)
	return err
}

// attempt is execute that also tells why the job failed.
func (e *Engine) attempt(ctx context.Context, j *Job) (cause, err error) {
	answer := ""
	if j.Kind == jobOutside {
		stop := e.hold(ctx)
		answer, cause = e.callOutside(ctx, j)
		stop()
	}
	var stuck *incident
	if cause == nil {
		cause = e.guard(func() (err error) {
			stuck, err = e.settleJob(ctx, j, answer)
			return err
		})
	}
	switch {
	case cause != nil:
		return cause, e.failed(ctx, j, cause)
	case stuck != nil:
		return stuck, nil // the dead job that it made says so
	}
	return nil, nil
}

// settleJob does what is left of a job in one transaction, if it is still ours. It returns
// what came to an activity that this server cannot run.
func (e *Engine) settleJob(ctx context.Context, j *Job, answer string) (*incident, error) {
	first := true
	var last *command
	err := e.do(ctx, Actor{}, func(c *command) error {
		last = c
		// The row that is deleted in the end says whose the job is: only when it was
		// somebody else's it is read.
		if !first {
			held, err := c.loadJob(j.ID)
			if fault.Is(err, fault.NotFound) || err == nil && held.LeaseOwner != e.id {
				return nil
			}
			if err != nil {
				return err
			}
		}
		first = false
		return c.performJob(j, answer)
	})
	if err != nil || last == nil {
		return nil, err
	}
	return last.stuck, nil
}

// guard turns a panic into an error, so that one job cannot end the others.
func (e *Engine) guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the job panicked: %v", p)
		}
	}()
	return fn()
}

// callOutside does what a job does outside the transaction.
func (e *Engine) callOutside(ctx context.Context, j *Job) (string, error) {
	var o Outside
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		inst, err := c.read(j.InstanceID)
		if err != nil {
			return err
		}
		x := inst.find(j.ExecutionID)
		if x == nil {
			return nil
		}
		o, err = c.outsideOf(x)
		return err
	})
	if err != nil || o == nil {
		return "", err
	}
	var answer string
	err = e.guard(func() error {
		var err error
		answer, err = o.Call(ctx, j.ID, j.Payload)
		return err
	})
	var thrown *Error
	if errors.As(err, &thrown) {
		return "", e.do(ctx, Actor{}, func(c *command) error { return c.throwFrom(j, thrown) })
	}
	return answer, err
}

// throwFrom throws a BPMN error that came from outside where the job's execution stands.
func (c *command) throwFrom(j *Job, thrown *Error) error {
	c.rows.jobsGone = append(c.rows.jobsGone, j.ID)
	inst, err := c.running(j.InstanceID)
	if err != nil {
		return err
	}
	x := inst.find(j.ExecutionID)
	if x == nil {
		return nil
	}
	x.forget(j.ID)
	return c.throw(x, thrown)
}

// failed notes a job's failure: it is tried again later, or goes to the dead ones.
// Trouble that has nothing to do with the job costs it no try.
func (e *Engine) failed(ctx context.Context, j *Job, cause error) error {
	now := e.now()
	if fault.Is(cause, fault.Unavailable) || fault.Is(cause, fault.Conflict) {
		_, err := e.db.Exec(context.WithoutCancel(ctx), `UPDATE jobs SET lease_owner = '', lease_until = 0, due_at = $1, rev = rev + 1 WHERE id = $2 AND lease_owner = $3`,
			now.Add(e.cfg.RetryWait).UnixMilli(), j.ID, e.id)
		return errors.Join(err, e.loggedOnly(j, cause))
	}
	left, due, queue := j.Retries-1, now.Add(e.cfg.RetryWait), j.Queue
	if j.Retries < 0 {
		left = -1
	}
	if text := e.retryText(ctx, j); text != "" {
		if count, wait, err := schedule.ParseRetry(text); err == nil {
			if at, _, ok := wait.Next(now, max(count-j.Retries, 0)); ok {
				due = at
			}
		}
	}
	if left == 0 || errors.Is(cause, errUnknown) {
		left, queue = 0, Dead
	}
	message := jobMessage(cause)
	_, err := e.db.Exec(context.WithoutCancel(ctx), `UPDATE jobs SET lease_owner = '', lease_until = 0, queue = $1, retries = $2, due_at = $3, message = $4, trace = $5, rev = rev + 1
		WHERE id = $6 AND lease_owner = $7`, queue, left, due.UnixMilli(), message, clip(cause.Error(), maxMessage), j.ID, e.id)
	return errors.Join(err, e.loggedOnly(j, cause))
}

// jobMessage is what a job keeps of its failure.
func jobMessage(cause error) string {
	if fault.Is(cause, fault.Internal) {
		return clip(cause.Error(), maxMessage)
	}
	return clip(fault.Message(cause), maxMessage)
}

// loggedOnly tells the log of a job's failure.
func (e *Engine) loggedOnly(j *Job, cause error) error {
	e.cfg.Log.Warn("job failed", "job", j.ID, "kind", j.Kind, "instance", j.InstanceID, "activity", j.ActivityID, "error", cause)
	return nil
}

func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && text[most]&0xC0 == 0x80 {
		most--
	}
	return text[:most]
}

// retryText returns what the job's activity says about trying again, by its instance's
// variables; nothing when that cannot be known.
func (e *Engine) retryText(ctx context.Context, j *Job) string {
	def, err := e.definition(ctx, e.db, j.DefinitionID)
	if err != nil {
		return ""
	}
	n := def.process.Nodes[j.ActivityID]
	if n == nil || n.Retry == nil {
		return ""
	}
	if text, ok := n.Retry.Literal(); ok || j.InstanceID == "" {
		return text
	}
	text := ""
	err = e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		inst, err := c.read(j.InstanceID)
		if err != nil {
			return err
		}
		if x := inst.find(j.ExecutionID); x != nil {
			text, err = c.at(x).text(n.Retry)
		}
		return err
	})
	if err != nil {
		e.cfg.Log.Warn("how often a job is tried cannot be known", "job", j.ID, "activity", j.ActivityID, "error", err)
	}
	return text
}

// acquire takes the lease of up to n jobs that are due. Of an instance's exclusive jobs
// it takes one, and none while another one is held.
func (e *Engine) acquire(ctx context.Context, n int) ([]*Job, error) {
	var got []*Job
	err := e.db.Write(ctx, func(tx *store.Tx) error {
		now := e.now()
		got = nil
		ids, err := e.candidates(ctx, tx, now, n)
		if err != nil || len(ids) == 0 {
			return err
		}
		var b strings.Builder
		b.WriteString(`UPDATE jobs SET lease_owner = $1, lease_until = $2, rev = rev + 1 WHERE lease_until < $3 AND id IN (`)
		parameters(&b, 3, len(ids))
		b.WriteString(`) RETURNING ` + jobColumns)
		args := []any{e.id, now.Add(e.cfg.Lease).UnixMilli(), now.UnixMilli()}
		for _, id := range ids {
			args = append(args, id)
		}
		return tx.Query(ctx, func(row store.Row) error {
			j := &Job{}
			err := row.Scan(j.fields()...)
			got = append(got, j)
			return err
		}, b.String(), args...)
	})
	slices.SortFunc(got, func(a, b *Job) int { return cmp.Or(a.DueAt.Compare(b.DueAt), strings.Compare(a.ID, b.ID)) })
	return got, err
}

// dueJobs finds the jobs that are due and free, the oldest first.
const dueJobs = `SELECT id, instance_id, exclusive FROM jobs j WHERE queue IN ('ready', 'timer') AND due_at <= $1 AND lease_until < $1
	AND NOT (exclusive AND instance_id <> '' AND EXISTS (SELECT 1 FROM jobs o WHERE o.instance_id = j.instance_id AND o.instance_id <> '' AND o.exclusive AND o.lease_until >= $1))
	ORDER BY due_at, id LIMIT $2`

// candidates returns the ids of jobs that are due and free.
func (e *Engine) candidates(ctx context.Context, tx *store.Tx, now time.Time, n int) ([]string, error) {
	query := dueJobs
	// On PostgreSQL several processes take different jobs at once; SQLite has one writer.
	if e.db.Name() == "postgres" {
		query += ` FOR UPDATE SKIP LOCKED`
	}
	var ids []string
	taken := map[string]bool{}
	err := tx.Query(ctx, func(row store.Row) error {
		var id, instance string
		var exclusive bool
		if err := row.Scan(&id, &instance, &exclusive); err != nil {
			return err
		}
		if exclusive && instance != "" {
			if taken[instance] {
				return nil
			}
			taken[instance] = true
		}
		ids = append(ids, id)
		return nil
	}, query, now.UnixMilli(), n)
	return ids, err
}

// hold keeps the leases of this process while it works. The function ends that.
func (e *Engine) hold(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(max(e.cfg.Lease/3, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if _, err := e.db.Exec(ctx, `UPDATE jobs SET lease_until = $1 WHERE lease_owner = $2 AND lease_owner <> ''`, e.now().Add(e.cfg.Lease).UnixMilli(), e.id); err != nil && ctx.Err() == nil {
					e.cfg.Log.Warn("holding the leases of jobs", "error", err)
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// release gives jobs back that were taken and not begun.
func (e *Engine) release(jobs []*Job) {
	ctx := context.Background()
	for _, j := range jobs {
		if _, err := e.db.Exec(ctx, `UPDATE jobs SET lease_owner = '', lease_until = 0 WHERE id = $1 AND lease_owner = $2`, j.ID, e.id); err != nil {
			e.cfg.Log.Warn("giving a job back", "job", j.ID, "error", err)
		}
	}
}

// RunDue runs all jobs that are due, and those that they make due, on the caller's
// goroutine. It returns how many it ran.
func (e *Engine) RunDue(ctx context.Context) (int, error) {
	ran := 0
	for {
		jobs, err := e.acquire(ctx, chunk)
		if err != nil || len(jobs) == 0 {
			return ran, err
		}
		for _, j := range jobs {
			if err := e.execute(ctx, j); err != nil {
				return ran, err
			}
			ran++
		}
	}
}

// nudge wakes Run.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}
