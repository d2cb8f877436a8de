package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// chunk is the most rows of one statement. It bounds the parameters, and how many
// texts of statements there are.
const chunk = 40

// writes collects the rows that a command changes.
type writes struct {
	links      []Link
	unlinks    []Link
	visits     []*Activity         // new ones
	ended      map[string][]string // open ones of before that have ended, by reason
	assigned   []*task             // whose visit shows another assignee
	jobs       []*Job              // new ones
	jobsGone   []string
	jobDone    string          // the job that this command is
	subs       []*Subscription // new ones
	subsGone   []string
	taskScopes []string            // cancelled tasks that had variables
	scopes     []*execution        // that have ended and had variables
	updates    []*update           // history level full
	decisions  [][]any             // rows of what decision tables decided
	due        bool                // a job can be run now
	next       time.Time           // when the first of the new jobs is due
	doneTasks  []string            // history level none: rows to delete
	cancelled  map[string][]string // tasks of removed executions that nobody has loaded, by reason
	others     []store.Statement   // that travel with the rest
}

// update is a value that a variable has had.
type update struct {
	v        variable
	activity string
}

// flush writes everything that the command changed. Its statements travel together.
func (c *command) flush() error {
	c.batch = []store.Statement{}
	steps := []func() error{c.writeInstances, c.writeTasks, c.writeLinks, c.writeVisits, c.writeVariables, c.writeJobs, c.writeSubscriptions, c.writeDecisions}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	c.batch = append(c.batch, c.rows.others...)
	switch next := c.rows.next; {
	case c.rows.due:
		c.tx.AfterCommit(c.e.news)
	case !next.IsZero():
		c.tx.AfterCommit(func() { c.e.expect(next) })
	}
	return c.send()
}

// along has a statement travel with those of flush.
func (c *command) along(query string, args ...any) {
	c.rows.others = append(c.rows.others, store.Statement{Query: query, Args: args})
}

// exec runs a statement, at the end of flush when that is under way.
func (c *command) exec(query string, args ...any) error {
	if c.batch != nil {
		c.batch = append(c.batch, store.Statement{Query: query, Args: args})
		return nil
	}
	_, err := c.tx.Exec(c.ctx, query, args...)
	return err
}

// execOne is exec for a statement of flush that must change exactly one row; that it
// does not makes the command begin anew.
func (c *command) execOne(query string, args ...any) error {
	c.batch = append(c.batch, store.Statement{Query: query, Args: args, One: true})
	return nil
}

// send has the statements of flush run, as the last ones of the command.
func (c *command) send() error {
	for _, s := range c.batch {
		if err := c.tx.Later(c.ctx, s, nil); err != nil {
			return fmt.Errorf("writing what a command changed: %w", err)
		}
	}
	return nil
}

// insert writes rows with as few statements as their number allows.
func (c *command) insert(table, columns string, rows [][]any, suffix string) error {
	for part := range slices.Chunk(rows, chunk) {
		var b strings.Builder
		b.Grow(64 + len(table) + len(columns) + 5*len(part)*len(part[0]) + len(suffix))
		b.WriteString("INSERT INTO " + table + " (" + columns + ") VALUES ")
		args := make([]any, 0, len(part)*len(part[0]))
		for i, row := range part {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(")
			parameters(&b, len(args), len(row))
			b.WriteString(")")
			args = append(args, row...)
		}
		b.WriteString(suffix)
		if err := c.exec(b.String(), args...); err != nil {
			return fmt.Errorf("writing %s: %w", table, err)
		}
	}
	return nil
}

// parameters writes n placeholders, the first of which has the number after before.
func parameters(b *strings.Builder, before, n int) {
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(before + i + 1))
	}
}

// among runs a statement that ends before a list of ids, in pieces.
func (c *command) among(statement string, ids []string, suffix string, args ...any) error {
	for part := range slices.Chunk(ids, chunk) {
		var b strings.Builder
		b.WriteString(statement + " (")
		parameters(&b, len(args), len(part))
		b.WriteString(")" + suffix)
		all := slices.Clone(args)
		for _, id := range part {
			all = append(all, id)
		}
		if err := c.exec(b.String(), all...); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) writeInstances() error {
	for _, inst := range c.instances {
		if !inst.changed {
			continue
		}
		var state []byte
		if inst.EndedAt.IsZero() {
			if state = inst.root.encode(); len(state) > c.e.cfg.MaxState {
				return fault.New(fault.TooLarge, "The process instance %q would have a state of %d bytes; %d are allowed.", inst.ID, len(state), c.e.cfg.MaxState)
			}
		}
		if err := c.writeInstance(inst, state); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) writeInstance(inst *instance, state []byte) error {
	gone := !inst.EndedAt.IsZero() && !inst.def.keeps("activity")
	switch {
	case inst.fresh && gone:
		c.rows.links = slices.DeleteFunc(c.rows.links, func(l Link) bool { return l.InstanceID == inst.ID })
		return nil
	case inst.fresh:
		return c.insert("instances", instanceColumns+", rev, state", [][]any{append(inst.values(), 1, state)}, "")
	}
	query := `UPDATE instances SET business_key = $1, name = $2, ended_at = $3, end_activity = $4, delete_reason = $5, suspended = $6, definition_id = $7, state = $8, rev = rev + 1
		WHERE id = $9 AND rev = $10`
	args := []any{inst.BusinessKey, inst.Name, store.Millis(inst.EndedAt), inst.EndActivity, inst.DeleteReason, inst.Suspended, inst.DefinitionID, state, inst.ID, inst.rev}
	if gone {
		query, args = `DELETE FROM instances WHERE id = $1 AND rev = $2`, []any{inst.ID, inst.rev}
		c.rows.links = slices.DeleteFunc(c.rows.links, func(l Link) bool { return l.InstanceID == inst.ID })
		if err := c.exec(`DELETE FROM links WHERE instance_id = $1 AND instance_id <> ''`, inst.ID); err != nil {
			return err
		}
	}
	return c.execOne(query, args...)
}

func (i *Instance) values() []any {
	return []any{i.ID, i.DefinitionID, i.BusinessKey, i.Name, i.ParentID, i.ParentExecution, i.RootID, i.StartedBy, i.StartActivity,
		store.Millis(i.StartedAt), store.Millis(i.EndedAt), i.EndActivity, i.DeleteReason, i.Suspended, i.TenantID}
}

func (t *Task) values() []any {
	return []any{t.ID, t.InstanceID, t.ExecutionID, t.DefinitionID, t.Key, t.ParentID, t.Name, t.Description, t.Category, t.Assignee, t.Owner,
		t.Delegation, t.Priority, t.FormKey, store.Millis(t.CreatedAt), store.Millis(t.ClaimedAt), store.Millis(t.DueAt), store.Millis(t.EndedAt), t.EndedBy,
		t.DeleteReason, t.Suspended, t.TenantID}
}

func (c *command) writeTasks() error {
	var fresh [][]any
	for _, t := range c.tasks {
		keep := t.EndedAt.IsZero() || t.keeps(c.e)
		switch {
		case t.fresh && keep:
			fresh = append(fresh, append(t.values(), 1))
		case !keep && !t.fresh:
			c.rows.doneTasks = append(c.rows.doneTasks, t.ID)
		case t.changed && !t.fresh:
			if err := c.updateTask(t); err != nil {
				return err
			}
		}
	}
	if err := c.insert("tasks", taskColumns+", rev", fresh, ""); err != nil {
		return err
	}
	for _, reason := range sorted(c.rows.cancelled) {
		ids, at := c.rows.cancelled[reason], c.now.UnixMilli()
		if err := c.among(`UPDATE tasks SET ended_at = $1, delete_reason = $2, rev = rev + 1 WHERE ended_at IS NULL AND id IN`, ids, "", at, reason); err != nil {
			return err
		}
	}
	if err := c.among(`UPDATE variables SET ended_at = $1 WHERE ended_at IS NULL AND task_id <> '' AND task_id IN`, c.rows.taskScopes, "", c.now.UnixMilli()); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM links WHERE task_id IN`, `DELETE FROM tasks WHERE id IN`} {
		if err := c.among(statement, c.rows.doneTasks, ""); err != nil {
			return err
		}
	}
	return nil
}

// updateTask writes a task that was there before; one that somebody else changed
// meanwhile makes the command begin anew.
func (c *command) updateTask(t *task) error {
	return c.execOne(`UPDATE tasks SET name = $1, description = $2, category = $3, assignee = $4, owner = $5, delegation = $6, priority = $7, form_key = $8,
		claimed_at = $9, due_at = $10, ended_at = $11, ended_by = $12, delete_reason = $13, suspended = $14, parent_id = $15, definition_id = $16, key = $17, rev = rev + 1
		WHERE id = $18 AND rev = $19`,
		t.Name, t.Description, t.Category, t.Assignee, t.Owner, t.Delegation, t.Priority, t.FormKey, store.Millis(t.ClaimedAt), store.Millis(t.DueAt),
		store.Millis(t.EndedAt), t.EndedBy, t.DeleteReason, t.Suspended, t.ParentID, t.DefinitionID, t.Key, t.ID, t.rev)
}

func (c *command) writeLinks() error {
	for _, l := range c.rows.unlinks {
		if err := c.exec(`DELETE FROM links WHERE task_id = $1 AND instance_id = $2 AND definition_id = $3 AND kind = $4 AND user_id = $5 AND group_id = $6`,
			l.TaskID, l.InstanceID, l.DefinitionID, l.Kind, l.UserID, l.GroupID); err != nil {
			return err
		}
	}
	var rows [][]any
	for _, l := range c.rows.links {
		if slices.Contains(c.rows.doneTasks, l.TaskID) {
			continue
		}
		rows = append(rows, []any{l.TaskID, l.InstanceID, l.DefinitionID, l.Kind, l.UserID, l.GroupID})
	}
	return c.insert("links", linkColumns, rows, " ON CONFLICT DO NOTHING")
}

func (c *command) writeVisits() error {
	rows := make([][]any, len(c.rows.visits))
	for i, a := range c.rows.visits {
		rows[i] = []any{a.ID, a.InstanceID, a.DefinitionID, a.ExecutionID, a.ActivityID, a.Name, a.Type, a.TaskID, a.Assignee, a.CalledID,
			store.Millis(a.StartedAt), store.Millis(a.EndedAt), a.DeleteReason, a.TenantID}
	}
	if err := c.insert("activities", activityColumns, rows, ""); err != nil {
		return err
	}
	for _, reason := range sorted(c.rows.ended) {
		if err := c.among(`UPDATE activities SET ended_at = $1, delete_reason = $2 WHERE id IN`, c.rows.ended[reason], "", c.now.UnixMilli(), reason); err != nil {
			return err
		}
	}
	for _, t := range c.rows.assigned {
		if err := c.exec(`UPDATE activities SET assignee = $1 WHERE id = $2`, t.Assignee, t.x.visit); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) writeVariables() error {
	var rows [][]any
	for _, vars := range c.allVariables() {
		for _, scope := range sorted(vars.scopes) {
			for _, name := range sorted(vars.scopes[scope]) {
				v := vars.scopes[scope][name]
				switch {
				case !v.changed:
				case v.removed:
					if err := c.deleteVariable(v); err != nil {
						return err
					}
				default:
					rows = append(rows, append(v.values(), nil, 1))
				}
			}
		}
	}
	if err := c.insert("variables", variableColumns+", rev", rows, ` ON CONFLICT (instance_id, execution_id, task_id, name) DO UPDATE SET type = excluded.type,
		text = excluded.text, number = excluded.number, fraction = excluded.fraction, bytes = excluded.bytes, updated_at = excluded.updated_at,
		ended_at = excluded.ended_at, rev = variables.rev + 1`); err != nil {
		return err
	}
	if err := c.endVariables(); err != nil {
		return err
	}
	return c.writeUpdates()
}

func (c *command) allVariables() []*variables {
	var all []*variables
	for _, inst := range c.instances {
		if inst.vars != nil {
			all = append(all, inst.vars)
		}
	}
	for _, id := range sorted(c.alone) {
		all = append(all, c.alone[id])
	}
	return all
}

func (v *variable) values() []any {
	return []any{v.InstanceID, v.ExecutionID, v.TaskID, v.Name, v.Type, v.stored.text, v.stored.number, v.stored.fraction, v.stored.bytes,
		store.Millis(v.CreatedAt), store.Millis(v.UpdatedAt)}
}

func (c *command) deleteVariable(v *variable) error {
	return c.exec(`DELETE FROM variables WHERE instance_id = $1 AND execution_id = $2 AND task_id = $3 AND name = $4`, v.InstanceID, v.ExecutionID, v.TaskID, v.Name)
}

// endVariables ends the variables of scopes that have ended, or deletes them where no
// history of variables is kept.
func (c *command) endVariables() error {
	for _, inst := range c.instances {
		if inst.root == nil || !inst.changed {
			continue
		}
		statement, args := `UPDATE variables SET ended_at = $1 WHERE ended_at IS NULL AND instance_id = $2`, []any{c.now.UnixMilli(), inst.ID}
		if !inst.def.keeps("audit") {
			statement, args = `DELETE FROM variables WHERE instance_id = $1`, []any{inst.ID}
		}
		if !inst.EndedAt.IsZero() {
			if inst.root.locals {
				if err := c.exec(statement, args...); err != nil {
					return err
				}
			}
			continue
		}
		var ids []string
		for _, x := range c.rows.scopes {
			if x.inst == inst {
				ids = append(ids, x.id)
			}
		}
		if err := c.among(statement+` AND execution_id IN`, ids, "", args...); err != nil {
			return err
		}
	}
	return c.endTaskVariables()
}

// endTaskVariables does the same for the variables of tasks that have ended, where the
// instance itself goes on.
func (c *command) endTaskVariables() error {
	for _, t := range c.tasks {
		if t.EndedAt.IsZero() || t.fresh || t.x != nil && !t.x.taskLocals {
			continue
		}
		statement, args := `UPDATE variables SET ended_at = $1 WHERE task_id = $2 AND task_id <> '' AND ended_at IS NULL`, []any{c.now.UnixMilli(), t.ID}
		if !t.keeps(c.e) {
			statement, args = `DELETE FROM variables WHERE task_id = $1 AND task_id <> ''`, []any{t.ID}
		}
		if err := c.exec(statement, args...); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) writeUpdates() error {
	rows := make([][]any, len(c.rows.updates))
	for i, u := range c.rows.updates {
		v := u.v
		rows[i] = []any{newID(), v.InstanceID, v.ExecutionID, v.TaskID, u.activity, v.Name, v.Type, v.stored.text, v.stored.number, v.stored.fraction, v.stored.bytes,
			c.now.UnixMilli(), v.rev}
	}
	return c.insert("variable_updates", `id, instance_id, execution_id, task_id, activity, name, type, text, number, fraction, bytes, at, rev`, rows, "")
}

// note keeps the value of a variable that was set, at history level full.
func (c *command) note(x *execution, v *variable) {
	if x == nil || !x.inst.def.keeps("full") {
		return
	}
	c.rows.updates = append(c.rows.updates, &update{*v, x.visit})
}

func (c *command) writeJobs() error {
	if id := c.rows.jobDone; id != "" {
		if err := c.execOne(`DELETE FROM jobs WHERE id = $1 AND lease_owner = $2`, id, c.e.id); err != nil {
			return err
		}
	}
	if err := c.among(`DELETE FROM jobs WHERE id IN`, c.rows.jobsGone, ""); err != nil {
		return err
	}
	var rows [][]any
	for _, j := range c.rows.jobs {
		if !slices.Contains(c.rows.jobsGone, j.ID) {
			rows = append(rows, j.values())
			c.rows.due = c.rows.due || !j.DueAt.After(c.now)
			if c.rows.next.IsZero() || j.DueAt.Before(c.rows.next) {
				c.rows.next = j.DueAt
			}
		}
	}
	return c.insert("jobs", jobColumns, rows, "")
}

func (j *Job) values() []any {
	leased := int64(0)
	if !j.LeaseUntil.IsZero() {
		leased = j.LeaseUntil.UnixMilli()
	}
	return []any{j.ID, j.Queue, j.Kind, j.InstanceID, j.ExecutionID, j.DefinitionID, j.ActivityID, j.Payload, store.Millis(j.DueAt), j.Repeat, j.Done,
		j.Retries, j.Exclusive, j.LeaseOwner, leased, j.Message, j.Trace, store.Millis(j.CreatedAt), j.TenantID, 1}
}

func (c *command) writeSubscriptions() error {
	if err := c.among(`DELETE FROM subscriptions WHERE id IN`, c.rows.subsGone, ""); err != nil {
		return err
	}
	var rows [][]any
	for _, s := range c.rows.subs {
		if !slices.Contains(c.rows.subsGone, s.ID) {
			rows = append(rows, []any{s.ID, s.Kind, s.Name, s.InstanceID, s.ExecutionID, s.DefinitionID, s.ActivityID, store.Millis(s.CreatedAt), s.TenantID})
		}
	}
	return c.insert("subscriptions", subscriptionColumns, rows, "")
}

// visit opens the row of activities for the visit of a node.
func (c *command) visit(x *execution) *Activity {
	x.inst.changed = true
	if !x.inst.def.keeps("activity") || x.node == nil {
		return nil
	}
	a := &Activity{ID: newID(), InstanceID: x.inst.ID, DefinitionID: x.inst.DefinitionID, ExecutionID: x.id, ActivityID: x.node.ID, Name: x.node.Name, Type: x.node.Type,
		StartedAt: c.now, TenantID: x.inst.TenantID}
	c.rows.visits = append(c.rows.visits, a)
	x.visit = a.ID
	return a
}

// depart closes the row of activities that is open.
func (c *command) depart(x *execution, reason string) {
	if x.visit == "" {
		return
	}
	x.inst.changed = true
	if a := c.opened(x.visit); a != nil {
		a.EndedAt, a.DeleteReason = c.now, reason
	} else {
		if c.rows.ended == nil {
			c.rows.ended = map[string][]string{}
		}
		c.rows.ended[reason] = append(c.rows.ended[reason], x.visit)
	}
	x.visit = ""
}

// opened returns the row of a visit that this command began.
func (c *command) opened(id string) *Activity {
	for i := len(c.rows.visits) - 1; i >= 0; i-- {
		if c.rows.visits[i].ID == id {
			return c.rows.visits[i]
		}
	}
	return nil
}
