package engine

import (
	"context"
	"slices"

	"github.com/sluicehq/sluice/internal/store"
)

// TaskContext is what people see of a task besides the task itself.
type TaskContext struct {
	Definition *Definition // nil for a task of its own
	Instance   *Instance   // nil likewise, and when no history of it is kept
	ParentName string
	// InitiatorMay says that whoever started the process may complete the task.
	InitiatorMay bool
	// What the actor is to the task: a candidate himself, by one of his groups, or by one
	// that he manages.
	CandidateUser, CandidateGroup, CandidateManager bool
}

// TaskContexts returns what is around tasks, by their ids, with as many statements for a
// page of them as for one; definitions that were not compiled yet are read besides.
// managed are the groups that the actor manages.
func (e *Engine) TaskContexts(ctx context.Context, actor Actor, managed []string, tasks []Task) (map[string]*TaskContext, error) {
	around := make(map[string]*TaskContext, len(tasks))
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		for i := range tasks {
			around[tasks[i].ID] = &TaskContext{}
		}
		g := &gatherer{ctx: ctx, tx: tx, tasks: tasks, around: around}
		for _, gather := range []func() error{g.definitions, g.instances, g.parents, func() error { return g.candidates(actor, managed) }} {
			if err := gather(); err != nil {
				return err
			}
		}
		return g.initiators(e)
	})
	return around, err
}

// gatherer reads what is around tasks.
type gatherer struct {
	ctx    context.Context
	tx     *store.Tx
	tasks  []Task
	around map[string]*TaskContext
}

// ids returns a member of the tasks, each value once, without the empty one.
func (g *gatherer) ids(of func(*Task) string) []string {
	var ids []string
	for i := range g.tasks {
		if id := of(&g.tasks[i]); id != "" {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// each reads the rows that a column names.
func (g *gatherer) each(ids []string, query, column string, scan func(store.Row) error) error {
	if len(ids) == 0 {
		return nil
	}
	w := &store.Where{}
	store.In(w, column, ids)
	return g.tx.Query(g.ctx, scan, query+w.String(), w.Args...)
}

func (g *gatherer) definitions() error {
	found := map[string]*Definition{}
	err := g.each(g.ids(func(t *Task) string { return t.DefinitionID }), `SELECT `+definitionColumns+` FROM definitions`, "id", func(row store.Row) error {
		d := &Definition{}
		err := row.Scan(d.fields()...)
		found[d.ID] = d
		return err
	})
	for i := range g.tasks {
		g.around[g.tasks[i].ID].Definition = found[g.tasks[i].DefinitionID]
	}
	return err
}

func (g *gatherer) instances() error {
	found := map[string]*Instance{}
	err := g.each(g.ids(func(t *Task) string { return t.InstanceID }), `SELECT `+instanceColumns+` FROM instances`, "id", func(row store.Row) error {
		i := &Instance{}
		err := row.Scan(i.fields()...)
		found[i.ID] = i
		return err
	})
	for i := range g.tasks {
		g.around[g.tasks[i].ID].Instance = found[g.tasks[i].InstanceID]
	}
	return err
}

func (g *gatherer) parents() error {
	found := map[string]string{}
	err := g.each(g.ids(func(t *Task) string { return t.ParentID }), `SELECT id, name FROM tasks`, "id", func(row store.Row) error {
		var id, name string
		err := row.Scan(&id, &name)
		found[id] = name
		return err
	})
	for i := range g.tasks {
		g.around[g.tasks[i].ID].ParentName = found[g.tasks[i].ParentID]
	}
	return err
}

// candidates reads those links alone that concern the actor, of which there are few.
func (g *gatherer) candidates(actor Actor, managed []string) error {
	ids, groups := g.ids(func(t *Task) string { return t.ID }), slices.Concat(actor.Groups, managed)
	if len(ids) == 0 || actor.UserID == "" {
		return nil
	}
	w := &store.Where{}
	store.In(w, "task_id", ids)
	w.Add(`kind = '` + Candidate + `'`)
	if len(groups) == 0 {
		w.Add(`user_id = ?`, actor.UserID)
	} else {
		w.Add(`(user_id = ? OR group_id IN (`+marks(len(groups))+`))`, append([]any{actor.UserID}, anys(groups)...)...)
	}
	return g.tx.Query(g.ctx, func(row store.Row) error {
		var id, user, group string
		if err := row.Scan(&id, &user, &group); err != nil {
			return err
		}
		c := g.around[id]
		c.CandidateUser = c.CandidateUser || user != ""
		c.CandidateGroup = c.CandidateGroup || group != "" && slices.Contains(actor.Groups, group)
		c.CandidateManager = c.CandidateManager || group != "" && slices.Contains(managed, group)
		return nil
	}, `SELECT task_id, user_id, group_id FROM links`+w.String(), w.Args...)
}

func (g *gatherer) initiators(e *Engine) error {
	for i := range g.tasks {
		t := &g.tasks[i]
		if g.around[t.ID].Definition == nil {
			continue
		}
		def, err := e.definition(g.ctx, g.tx, t.DefinitionID)
		if err != nil {
			return err
		}
		g.around[t.ID].InitiatorMay = initiatorMay(def.process.Nodes[t.Key])
	}
	return nil
}
