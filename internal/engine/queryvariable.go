package engine

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// VariableQuery says which variables are meant, those that are there and those whose
// scope has ended. The zero value means all.
type VariableQuery struct {
	For *Actor // those of instances and tasks that the actor may see; nil means everything

	InstanceID, ExecutionID, TaskID string
	InstanceIDs, TaskIDs            []string
	Name, NameLike, Type            string
	NoTasks                         bool // without those of tasks alone
	Instances                       bool // only those of the process itself
	Live                            bool // without those whose scope has ended
	NoBytes                         bool // without the values of binary ones
	Value                           *VariableFilter

	Order Order // name (the default), instance
	Page  Page
}

var variableOrders = columnOrder{"name": "v.name", "instance": "v.instance_id"}

// AllVariables returns a page of variables with their scopes and how many there are.
func (e *Engine) AllVariables(ctx context.Context, vq VariableQuery) ([]Variable, int, error) {
	q := &query{}
	q.equal("v.instance_id", vq.InstanceID, "v.execution_id", vq.ExecutionID, "v.task_id", vq.TaskID, "v.name", vq.Name, "v.type", vq.Type)
	q.like("v.name", vq.NameLike)
	q.among("v.instance_id", vq.InstanceIDs)
	if len(vq.TaskIDs) > 0 {
		q.Add(`v.task_id <> ''`) // which the index is for
	}
	q.among("v.task_id", vq.TaskIDs)
	for condition, on := range map[string]bool{`v.task_id = ''`: vq.NoTasks || vq.Instances, `v.execution_id = v.instance_id`: vq.Instances, `v.ended_at IS NULL`: vq.Live} {
		if on {
			q.Add(condition)
		}
	}
	if vq.Value != nil {
		condition, args := vq.Value.condition(q)
		if q.err == nil {
			q.Add(condition, args...)
			q.equal("v.name", vq.Value.Name)
		}
	}
	if vq.For != nil {
		visibleVariables(q, "v", *vq.For)
	}
	columns := of("v", variableColumns)
	if vq.NoBytes {
		columns = strings.Replace(columns, `v.bytes`, `CASE WHEN v.type <> 'bytes' THEN v.bytes END`, 1)
	}
	return list(ctx, e, q, columns, `FROM variables v`, vq.Order.clause(q, variableOrders, `v.name, v.instance_id, v.execution_id, v.task_id`, "v.execution_id"), vq.Page,
		func(row store.Row) (Variable, error) {
			v, err := scanVariable(row)
			if err != nil {
				return Variable{}, err
			}
			return v.Variable, nil
		})
}

// TaskVariables returns the variables that can be seen at an open task, its own before
// those of its process, with their scopes.
func (e *Engine) TaskVariables(ctx context.Context, id string) (map[string]Variable, error) {
	return e.seen(ctx, func(c *command) (place, error) {
		t := &task{}
		err := c.tx.QueryRow(ctx, t.fields(), `SELECT `+taskColumns+` FROM tasks WHERE id = $1`, id)
		if errors.Is(err, store.ErrNoRow) || err == nil && !t.EndedAt.IsZero() {
			return place{}, fault.New(fault.NotFound, "There is no open task %q.", shown(id))
		}
		if err != nil || t.InstanceID == "" {
			return place{c: c, t: t}, err
		}
		inst, err := c.read(t.InstanceID)
		if err != nil {
			return place{}, err
		}
		return place{c: c, t: t, x: inst.find(t.ExecutionID)}, nil
	})
}

// ExecutionVariables returns the variables that can be seen at an execution, with their
// scopes.
func (e *Engine) ExecutionVariables(ctx context.Context, execution string) (map[string]Variable, error) {
	return e.seen(ctx, func(c *command) (place, error) {
		inst, err := c.read(instanceOf(execution))
		if err != nil {
			return place{}, err
		}
		x := inst.find(execution)
		if x == nil {
			return place{}, fault.New(fault.NotFound, "There is no execution %q.", shown(execution))
		}
		return c.at(x), nil
	})
}

// seen gathers the variables that can be seen from a place.
func (e *Engine) seen(ctx context.Context, find func(*command) (place, error)) (map[string]Variable, error) {
	var all map[string]Variable
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, now: e.now()}
		p, err := find(c)
		if err != nil {
			return err
		}
		names, err := p.all()
		if err != nil {
			return err
		}
		all = make(map[string]Variable, len(names))
		for name := range names {
			v, err := p.find(name)
			if err != nil {
				return err
			}
			all[name] = v.Variable
		}
		return nil
	})
	return all, err
}

// Update is a value that a variable has had, at history level full.
type Update struct {
	ID         string
	ActivityID string // the visit of an activity during which it was set; may be empty
	At         time.Time
	Revision   int
	Variable
}

// UpdateQuery says which values that variables have had are meant.
type UpdateQuery struct {
	For                                    *Actor
	ID                                     string
	InstanceID, ExecutionID, TaskID, Visit string
	Name                                   string
	Page                                   Page
}

// Updates returns a page of the values that variables have had, the oldest first.
func (e *Engine) Updates(ctx context.Context, uq UpdateQuery) ([]Update, int, error) {
	q := &query{}
	q.equal("u.id", uq.ID, "u.instance_id", uq.InstanceID, "u.execution_id", uq.ExecutionID, "u.task_id", uq.TaskID, "u.activity", uq.Visit, "u.name", uq.Name)
	if uq.For != nil {
		visibleVariables(q, "u", *uq.For)
	}
	return list(ctx, e, q, `u.id, u.activity, u.at, u.rev, u.instance_id, u.execution_id, u.task_id, u.name, u.type, u.text, u.number, u.fraction, u.bytes`, `FROM variable_updates u`, ` ORDER BY u.at, u.id`, uq.Page,
		func(row store.Row) (Update, error) {
			var u Update
			var s stored
			err := row.Scan(&u.ID, &u.ActivityID, store.Time(&u.At), &u.Revision, &u.InstanceID, &u.ExecutionID, &u.TaskID, &u.Name, &s.kind, &s.text, &s.number, nullFloat{&s.fraction}, &s.bytes)
			if err == nil {
				u.Value, err = s.value()
			}
			u.Type = s.kind
			return u, err
		})
}
