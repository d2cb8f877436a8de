package engine

import (
	"context"
	"slices"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// The kinds of links that a task's own columns hold.
const (
	AsAssignee = "assignee"
	AsOwner    = "owner"
)

// HandOver is Assign as APS does it: who worked on the task until now and who hands it over
// stay involved in it.
func (e *Engine) HandOver(ctx context.Context, actor Actor, id, user string) error {
	return e.change(ctx, actor, id, toAssign, func(c *command, t *task) error {
		for _, one := range []string{t.Assignee, actor.UserID} {
			if one != "" && one != user {
				c.link(Link{TaskID: t.ID, Kind: Participant, UserID: one})
			}
		}
		return c.assigned(t, user)
	})
}

// linkTask links somebody to a task. The assignee and the owner are the task's own.
func (c *command) linkTask(t *task, l Link) error {
	switch {
	case l.Kind == AsAssignee && l.UserID != "":
		t.changed = true
		return c.assigned(t, l.UserID)
	case l.Kind == AsOwner && l.UserID != "":
		t.Owner, t.changed = l.UserID, true
		c.involve(t, l.UserID)
		return nil
	}
	c.link(l)
	return nil
}

// unlinkTask is the inverse of linkTask.
func (c *command) unlinkTask(t *task, l Link) error {
	switch {
	case l.Kind == AsAssignee && l.UserID == t.Assignee && l.UserID != "":
		c.assign(t, "")
	case l.Kind == AsOwner && l.UserID == t.Owner && l.UserID != "":
		t.Owner, t.changed = "", true
	}
	c.unlink(l)
	return nil
}

// linkRight is what a link of a task needs: the assignee and the owner are changed by who
// may hand the task over.
func linkRight(l Link) right {
	if l.Kind == AsAssignee || l.Kind == AsOwner {
		return toAssign
	}
	return toInvolve
}

// global is where the variables of a task's process are. Errors: Invalid for a task of its
// own.
func (c *command) global(t *task) (place, error) {
	if t.x == nil {
		return place{}, fault.New(fault.Invalid, "The task %q is part of no process: it has local variables alone.", shown(t.ID))
	}
	return c.at(t.x), nil
}

// AddTaskVariables makes variables at a task, or in its process unless local. Errors:
// Conflict when one is there already, Invalid for those of a process that there is not.
func (e *Engine) AddTaskVariables(ctx context.Context, actor Actor, id string, values map[string]any, local bool) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		here, find := place{c: c, x: t.x, t: t}, place.local
		if !local {
			var err error
			if here, err = c.global(t); err != nil {
				return err
			}
			find = place.find
		}
		for _, name := range sorted(values) {
			v, err := find(here, name)
			if err != nil {
				return err
			}
			if v != nil {
				return fault.New(fault.Conflict, "The variable %q is there already.", shown(name))
			}
		}
		return here.setAll(values, local)
	})
}

// ChangeTaskVariable gives a variable that is there another value. Errors: NotFound,
// Invalid for one of a process that there is not.
func (e *Engine) ChangeTaskVariable(ctx context.Context, actor Actor, id, name string, value any, local bool) error {
	return e.atTaskVariable(ctx, actor, id, name, local, func(p place, v *variable) error { return p.assign(v, value) })
}

// RemoveTaskVariable takes a variable of a task, or unless local of its process, away.
// Errors: NotFound, Invalid for one of a process that there is not.
func (e *Engine) RemoveTaskVariable(ctx context.Context, actor Actor, id, name string, local bool) error {
	return e.atTaskVariable(ctx, actor, id, name, local, func(p place, v *variable) error {
		p.remove(v)
		return nil
	})
}

func (e *Engine) atTaskVariable(ctx context.Context, actor Actor, id, name string, local bool, do func(place, *variable) error) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		here, find := place{c: c, x: t.x, t: t}, place.local
		if !local {
			var err error
			if here, err = c.global(t); err != nil {
				return err
			}
			find = place.find
		}
		v, err := find(here, name)
		if err != nil {
			return err
		}
		if v == nil {
			return fault.New(fault.NotFound, "The task %q has no variable %q there.", shown(id), shown(name))
		}
		return do(here, v)
	})
}

// ClearTaskVariables takes all variables away that belong to the task alone.
func (e *Engine) ClearTaskVariables(ctx context.Context, actor Actor, id string) error {
	return e.change(ctx, actor, id, toUpdate, func(c *command, t *task) error {
		here := place{c: c, x: t.x, t: t}
		vars, err := here.vars()
		if err != nil {
			return err
		}
		for _, v := range vars.scopes[t.ID] {
			here.remove(v)
		}
		return nil
	})
}

// Checklist returns a page of the sub-tasks of a task that the actor may see, open and
// ended ones: in the order that somebody gave them, the others behind in the order in
// which they were made.
func (e *Engine) Checklist(ctx context.Context, actor Actor, id string, p Page) ([]Task, int, error) {
	if _, err := e.Task(ctx, actor, id); err != nil {
		return nil, 0, err
	}
	q := &query{}
	q.Add(`t.parent_id = ? AND t.parent_id <> ''`, id)
	return list(ctx, e, q, of("t", taskColumns), `FROM tasks t LEFT JOIN checklist_places k ON k.task_id = t.id`,
		` ORDER BY CASE WHEN k.position IS NULL THEN 1 ELSE 0 END, k.position, t.created_at, t.id`, p, scanInto((*Task).fields))
}

// OrderChecklist puts the sub-tasks of an open task in an order. Those that are not named
// stay behind. Errors: Invalid for what is none of its sub-tasks and for one that is named
// twice.
func (e *Engine) OrderChecklist(ctx context.Context, actor Actor, id string, order []string) error {
	if len(order) > MaxPage {
		return fault.New(fault.Invalid, "A checklist of %d tasks is too long; %d are allowed.", len(order), MaxPage)
	}
	return e.change(ctx, actor, id, toUpdate, func(c *command, _ *task) error {
		own := map[string]bool{}
		err := c.tx.Query(ctx, func(row store.Row) error {
			var sub string
			err := row.Scan(&sub)
			own[sub] = true
			return err
		}, `SELECT id FROM tasks WHERE parent_id = $1 AND parent_id <> ''`, id)
		if err != nil {
			return err
		}
		rows := make([][]any, len(order))
		for i, sub := range order {
			if !own[sub] || slices.Contains(order[:i], sub) {
				return fault.New(fault.Invalid, "The task %q is not on the checklist of %q, or is named twice.", shown(sub), shown(id))
			}
			rows[i] = []any{sub, i}
		}
		if _, err := c.tx.Exec(ctx, `DELETE FROM checklist_places WHERE task_id IN (SELECT id FROM tasks WHERE parent_id = $1 AND parent_id <> '')`, id); err != nil {
			return err
		}
		return c.insert("checklist_places", `task_id, position`, rows, "")
	})
}
