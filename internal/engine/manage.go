package engine

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// JobError is the failure of a job that somebody ran: the process is as it was before, but
// for the job.
type JobError struct {
	Job     string // its id
	Left    int    // how often it will still be tried; 0 when it is dead
	Dead    string // the id of the dead job that is left: this one, or a new one of the activity that cannot be run
	Message string // what happened, as the job keeps it
}

// Error says what happened and what has become of the job.
func (e *JobError) Error() string {
	if e.Dead != "" {
		return fmt.Sprintf("Job %s failed: %s. The dead-letter job %s is left.", e.Job, e.Message, e.Dead)
	}
	return fmt.Sprintf("Job %s failed: %s. It is tried %d times more.", e.Job, e.Message, e.Left)
}

// ExecuteJob runs a job now, due or not. Its failure counts as any other. Errors: a
// *JobError when it fails, or dies at once because its activity needs what this server does
// not have; NotFound; Conflict when it is being worked on or its instance is suspended.
func (e *Engine) ExecuteJob(ctx context.Context, actor Actor, id string) error {
	if err := e.mayWork(ctx, actor, id); err != nil {
		return err
	}
	j := &Job{}
	now := e.now()
	err := e.db.Write(ctx, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, j.fields(), `UPDATE jobs SET lease_owner = $1, lease_until = $2, rev = rev + 1 WHERE id = $3 AND lease_until < $4 AND queue <> 'suspended' RETURNING `+jobColumns,
			e.id, now.Add(e.cfg.Lease).UnixMilli(), id, now.UnixMilli())
		if errors.Is(err, store.ErrNoRow) {
			c := &command{e: e, ctx: ctx, tx: tx, now: now}
			if _, err := c.loadJob(id); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "The job %q is being worked on, or its instance is suspended.", shown(id))
		}
		return err
	})
	if err != nil {
		return err
	}
	cause, err := e.attempt(ctx, j)
	switch {
	case err != nil || cause == nil:
		return err
	case fault.Is(cause, fault.Unavailable) || fault.Is(cause, fault.Conflict):
		return cause // nothing of the job's
	}
	return e.outcome(ctx, j, cause)
}

// outcome says what has become of a job that failed.
func (e *Engine) outcome(ctx context.Context, j *Job, cause error) error {
	failure := &JobError{Job: j.ID, Message: jobMessage(cause)}
	var stuck *incident
	if errors.As(cause, &stuck) {
		failure.Dead, failure.Message = stuck.job, stuck.cause.Error()
		return failure
	}
	after := &Job{}
	err := e.db.QueryRow(ctx, after.fields(), `SELECT `+jobColumns+` FROM jobs WHERE id = $1`, j.ID)
	if err != nil && !errors.Is(err, store.ErrNoRow) {
		return err
	}
	failure.Left = after.Retries
	if after.Queue == Dead {
		failure.Dead, failure.Left = j.ID, 0
	}
	return failure
}

// MoveJob makes a dead job, or a timer that is not due, ready to be run, with as many
// tries as a new one.
func (e *Engine) MoveJob(ctx context.Context, actor Actor, id string) error {
	err := e.changeJob(ctx, actor, id, `UPDATE jobs SET queue = 'ready', retries = $1, due_at = $2, rev = rev + 1 WHERE id = $3 AND lease_until < $2 AND queue <> 'suspended'`,
		e.cfg.Retries, e.now().UnixMilli(), id)
	if err == nil {
		e.news()
	}
	return err
}

// SetRetries sets how often a job is still tried.
func (e *Engine) SetRetries(ctx context.Context, actor Actor, id string, retries int) error {
	if retries < 1 || retries > 1000 {
		return fault.New(fault.Invalid, "A job is tried 1 to 1000 times.")
	}
	return e.changeJob(ctx, actor, id, `UPDATE jobs SET retries = $1, rev = rev + 1 WHERE id = $2`, retries, id)
}

// DeleteJob takes a job away. An execution that waits for it alone waits for ever.
func (e *Engine) DeleteJob(ctx context.Context, actor Actor, id string) error {
	return e.changeJob(ctx, actor, id, `DELETE FROM jobs WHERE id = $1 AND lease_until < $2`, id, e.now().UnixMilli())
}

// changeJob runs a guarded statement on one job.
func (e *Engine) changeJob(ctx context.Context, actor Actor, id, statement string, args ...any) error {
	if err := e.mayWork(ctx, actor, id); err != nil {
		return err
	}
	n, err := e.db.Exec(ctx, statement, args...)
	if err != nil || n == 1 {
		return err
	}
	return fault.New(fault.Conflict, "The job %q is being worked on, or its instance is suspended.", shown(id))
}

// SuspendInstance stops an instance and what it called: its tasks cannot be completed
// and its jobs are not run. on false lets it go on. An administrator may. Errors: NotFound,
// Forbidden, Conflict when it is so already.
func (e *Engine) SuspendInstance(ctx context.Context, actor Actor, id string, on bool) error {
	return e.do(ctx, actor, func(c *command) error {
		if _, err := c.permittedInstance(id, toAdminister); err != nil {
			return err
		}
		inst, err := c.unended(id)
		if err != nil {
			return err
		}
		if inst.Suspended == on {
			return fault.New(fault.Conflict, "The process instance %q is %s already.", shown(id), map[bool]string{true: "suspended", false: "active"}[on])
		}
		return c.suspend(inst, on)
	})
}

// suspend changes an instance with its rows, and the instances that it called.
func (c *command) suspend(inst *instance, on bool) error {
	inst.Suspended, inst.changed = on, true
	statements := []string{`UPDATE tasks SET suspended = TRUE, rev = rev + 1 WHERE instance_id = $1 AND ended_at IS NULL`,
		`UPDATE jobs SET queue = 'suspended', rev = rev + 1 WHERE instance_id = $1 AND queue IN ('ready', 'timer')`}
	if !on {
		statements = []string{`UPDATE tasks SET suspended = FALSE, rev = rev + 1 WHERE instance_id = $1 AND ended_at IS NULL`,
			`UPDATE jobs SET queue = CASE WHEN kind = 'timer' THEN 'timer' ELSE 'ready' END, rev = rev + 1 WHERE instance_id = $1 AND queue = 'suspended'`}
		c.rows.due = true
	}
	for _, s := range statements {
		if _, err := c.tx.Exec(c.ctx, s, inst.ID); err != nil {
			return err
		}
	}
	var called []string
	inst.root.each(func(x *execution) {
		if x.called != "" {
			called = append(called, x.called)
		}
	})
	for _, id := range called {
		child, err := c.instance(id)
		if err != nil {
			return err
		}
		if child.root == nil || child.Suspended == on {
			continue
		}
		if err := c.suspend(child, on); err != nil {
			return err
		}
	}
	return nil
}

// SuspendDefinition says whether a definition can be started. Its instances go on. An
// administrator may. Errors: NotFound, Forbidden, Conflict when it is so already.
func (e *Engine) SuspendDefinition(ctx context.Context, actor Actor, id string, on bool) error {
	return e.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := administered(ctx, tx, actor, id); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE definitions SET suspended = $1 WHERE id = $2 AND suspended <> $1`, on, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Conflict, "The process definition %q is %s already.", shown(id), map[bool]string{true: "suspended", false: "active"}[on])
		}
		query := `UPDATE jobs SET queue = 'suspended', rev = rev + 1 WHERE definition_id = $1 AND instance_id = '' AND queue IN ('ready', 'timer')`
		if !on {
			query = `UPDATE jobs SET queue = CASE WHEN kind = 'start' THEN 'timer' ELSE 'ready' END, rev = rev + 1 WHERE definition_id = $1 AND instance_id = '' AND queue = 'suspended'`
			tx.AfterCommit(e.nudge)
		}
		_, err = tx.Exec(ctx, query, id)
		return err
	})
}

// RenameInstance gives an instance a name. Who started it may, and an administrator.
func (e *Engine) RenameInstance(ctx context.Context, actor Actor, id, name string) error {
	if utf8.RuneCountInString(name) > maxName {
		return fault.New(fault.Invalid, "A name has %d characters at most.", maxName)
	}
	return e.do(ctx, actor, func(c *command) error {
		inst, err := c.runs(id, toChange)
		if err == nil {
			inst.Name, inst.changed = name, true
		}
		return err
	})
}

// Migrate has an instance go on as one of another definition. activities says where its
// tokens stand then, by the ids of both; one that is not named keeps its id. An
// administrator may. Errors: Invalid when a token's activity is not there, of another kind, or in another scope.
func (e *Engine) Migrate(ctx context.Context, actor Actor, id, definition string, activities map[string]string) error {
	return e.do(ctx, actor, func(c *command) error {
		inst, err := c.runs(id, toAdminister)
		if err != nil {
			return err
		}
		to, err := c.e.definition(c.ctx, c.tx, definition)
		if err != nil {
			return err
		}
		if to.TenantID != inst.TenantID {
			return fault.New(fault.Invalid, "The process definition %q belongs to another tenant.", shown(definition))
		}
		nodes, err := targets(inst, to, activities)
		if err != nil {
			return err
		}
		return c.migrate(inst, to, nodes, activities)
	})
}

// targets finds the node at which each execution will stand, and lists all that are wrong.
func targets(inst *instance, to *definition, activities map[string]string) (map[*execution]*bpmn.Node, error) {
	nodes := map[*execution]*bpmn.Node{inst.root: to.process.Root}
	var wrong []error
	inst.root.each(func(x *execution) {
		if x.node == nil {
			return
		}
		n := to.process.Nodes[or(activities[x.node.ID], x.node.ID)]
		switch {
		case n == nil:
			wrong = append(wrong, fmt.Errorf("%q has no activity to go to", x.node.ID))
		case n.Kind != x.node.Kind || eventOf(n) != eventOf(x.node):
			wrong = append(wrong, fmt.Errorf("%q is of another kind than %q", n.ID, x.node.ID))
		default:
			nodes[x] = n
		}
	})
	for x, n := range nodes {
		if x.parent == nil || nodes[x.parent] == nil {
			continue
		}
		if up := nodes[x.parent]; n != up && n.Scope != up && n.AttachedTo != up && !x.eventScope && (!x.watching || n.Scope.Scope != up) {
			wrong = append(wrong, fmt.Errorf("%q stands in another scope than %q", n.ID, x.node.ID))
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "The instance cannot migrate: %s.", errors.Join(wrong...))
	}
	return nodes, nil
}

func eventOf(n *bpmn.Node) bpmn.EventKind {
	if n.Event == nil {
		return bpmn.NoneEvent
	}
	return n.Event.Kind
}

// migrate moves the tree and its rows to another definition.
func (c *command) migrate(inst *instance, to *definition, nodes map[*execution]*bpmn.Node, activities map[string]string) error {
	inst.root.each(func(x *execution) {
		if x.node != nil {
			x.node = nodes[x]
		}
		for i, r := range x.records {
			x.records[i].activity, x.records[i].handler = or(activities[r.activity], r.activity), or(activities[r.handler], r.handler)
		}
	})
	inst.def, inst.DefinitionID, inst.changed = to, to.ID, true
	for _, s := range []string{`UPDATE tasks SET definition_id = $1, rev = rev + 1 WHERE instance_id = $2 AND ended_at IS NULL`,
		`UPDATE jobs SET definition_id = $1, rev = rev + 1 WHERE instance_id = $2`, `UPDATE subscriptions SET definition_id = $1 WHERE instance_id = $2`} {
		if _, err := c.tx.Exec(c.ctx, s, to.ID, inst.ID); err != nil {
			return err
		}
	}
	for from, into := range activities {
		for _, s := range []string{`UPDATE tasks SET key = $1 WHERE key = $2 AND instance_id = $3 AND ended_at IS NULL`,
			`UPDATE jobs SET activity_id = $1 WHERE activity_id = $2 AND instance_id = $3`, `UPDATE subscriptions SET activity_id = $1 WHERE activity_id = $2 AND instance_id = $3`,
			`UPDATE activities SET activity_id = $1 WHERE activity_id = $2 AND instance_id = $3 AND ended_at IS NULL`} {
			if _, err := c.tx.Exec(c.ctx, s, into, from, inst.ID); err != nil {
				return err
			}
		}
	}
	return nil
}
