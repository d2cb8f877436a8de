package api

import (
	"context"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// eachVariable reads variables page by page, without the bytes of binary ones. Errors:
// Invalid when there are more than maxListed.
func eachVariable(ctx context.Context, e *engine.Engine, q engine.VariableQuery, each func(*engine.Variable)) error {
	q.NoBytes = true
	for q.Page.Limit = engine.MaxPage; ; q.Page.Offset += engine.MaxPage {
		found, total, err := e.AllVariables(ctx, q)
		switch {
		case err != nil:
			return err
		case total > maxListed:
			return fault.New(fault.Invalid, "What is asked for has %d variables; a list shows %d at most. Ask for fewer things.", total, maxListed)
		}
		for i := range found {
			each(&found[i])
		}
		if q.Page.Offset+len(found) >= total || len(found) == 0 {
			return nil
		}
	}
}

// shelf is where the variables of a listed thing are put.
type shelf struct {
	task, instance string
	at             string // the path of its variables
	onto           *[]restVariable
}

// include adds the variables that a list asks for by includeProcessVariables and
// includeTaskLocalVariables to what it lists.
func (p *Processes) include(v *visit, r *reader, shelves []shelf) error {
	processes, locals := r.is("includeProcessVariables"), r.is("includeTaskLocalVariables")
	if r.err != nil {
		return r.err
	}
	if locals {
		if err := p.fill(v, shelves, func(s shelf) string { return s.task }, engine.VariableQuery{}, "local"); err != nil {
			return err
		}
	}
	if processes {
		return p.includeProcesses(v, shelves)
	}
	return nil
}

// includeProcesses adds the processes' own variables: local to instances, global to tasks.
func (p *Processes) includeProcesses(v *visit, shelves []shelf) error {
	scope := "local"
	if len(shelves) > 0 && shelves[0].task != "" {
		scope = "global"
	}
	return p.fill(v, shelves, func(s shelf) string { return s.instance }, engine.VariableQuery{Instances: true}, scope)
}

// fill reads the variables of all that is listed, and gives each to the shelves with the
// task or the instance that it belongs to.
func (p *Processes) fill(v *visit, shelves []shelf, key func(shelf) string, q engine.VariableQuery, scope string) error {
	by := map[string][]shelf{}
	var ids []string
	for _, s := range shelves {
		id := key(s)
		if id != "" && by[id] == nil {
			ids = append(ids, id)
		}
		by[id] = append(by[id], s)
	}
	if len(ids) == 0 {
		return nil
	}
	if q.Instances {
		q.InstanceIDs = ids
	} else {
		q.TaskIDs = ids
	}
	return eachVariable(v.Context(), p.engine, q, func(x *engine.Variable) {
		id := x.TaskID
		if q.Instances {
			id = x.InstanceID
		}
		for _, s := range by[id] {
			*s.onto = append(*s.onto, newVariable(x, scope, s.at))
		}
	})
}

func (v *visit) shelfOfInstance(i *restInstance) shelf {
	return shelf{instance: i.ID, at: v.address("runtime", "process-instances", i.ID, "variables"), onto: &i.Variables}
}

func (v *visit) shelfOfTask(t *restTask) shelf {
	return shelf{task: t.ID, instance: value(t.ProcessInstanceID), at: v.address("runtime", "tasks", t.ID, "variables"), onto: &t.Variables}
}

func (v *visit) shelfOfHistoricInstance(i *restHistoricInstance) shelf {
	return shelf{instance: i.ID, at: v.address("history", "historic-process-instances", i.ID, "variables"), onto: &i.Variables}
}

func (v *visit) shelfOfHistoricTask(t *restHistoricTask) shelf {
	return shelf{task: t.ID, instance: value(t.ProcessInstanceID), at: v.address("history", "historic-task-instances", t.ID, "variables"), onto: &t.Variables}
}

// tellWith is tell for lists of things that can be shown with their variables.
func tellWith[From, To any](p *Processes, v *visit, r *reader, l *listing, all []From, total int, one func(*From) To, of func(*To) shelf) (any, error) {
	list := make([]To, len(all))
	shelves := make([]shelf, len(all))
	for i := range all {
		list[i] = one(&all[i])
		shelves[i] = of(&list[i])
	}
	if err := p.include(v, r, shelves); err != nil {
		return nil, err
	}
	return engineList{Data: list, Total: total, Start: l.page().Offset, Sort: l.Sort, Order: l.Order, Size: len(list)}, nil
}
