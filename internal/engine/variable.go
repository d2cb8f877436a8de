package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// variables are those of an instance, or of a task without one, by scope: the id of an
// execution or a task.
type variables struct {
	scopes map[string]map[string]*variable
}

// variable is a variable with what has happened to it in this command.
type variable struct {
	Variable
	stored  stored
	rev     int64
	changed bool
	removed bool
}

const variableColumns = `instance_id, execution_id, task_id, name, type, text, number, fraction, bytes, created_at, updated_at, ended_at`

func (v *variable) fields() []any {
	return []any{&v.InstanceID, &v.ExecutionID, &v.TaskID, &v.Name, &v.stored.kind, &v.stored.text, &v.stored.number, nullFloat{&v.stored.fraction}, &v.stored.bytes,
		store.Time(&v.CreatedAt), store.Time(&v.UpdatedAt), store.Time(&v.EndedAt)}
}

// nullFloat scans a column that may be NULL.
type nullFloat struct{ dest **float64 }

// Scan implements sql.Scanner.
func (n nullFloat) Scan(src any) error {
	*n.dest = nil
	switch v := src.(type) {
	case nil:
		return nil
	case float64:
		*n.dest = &v
		return nil
	case int64: // SQLite gives whole numbers of a REAL column so
		f := float64(v)
		*n.dest = &f
		return nil
	}
	return fmt.Errorf("a column of type %T is no number", src)
}

// scanVariable reads a row of variableColumns.
func scanVariable(row store.Row) (*variable, error) {
	v := &variable{}
	if err := row.Scan(v.fields()...); err != nil {
		return nil, err
	}
	var err error
	if v.Value, err = v.stored.value(); err != nil {
		return nil, fmt.Errorf("reading variable %q: %w", v.Name, err)
	}
	v.Type = v.stored.kind
	return v, nil
}

// scope is the id by which the variable's scope is known here.
func (v *variable) scope() string {
	if v.TaskID != "" {
		return v.TaskID
	}
	return v.ExecutionID
}

// load reads the variables that are still there.
func (c *command) load(condition string, arg string) (*variables, error) {
	vars := &variables{scopes: map[string]map[string]*variable{}}
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		v, err := scanVariable(row)
		if err == nil {
			vars.put(v)
		}
		return err
	}, `SELECT `+variableColumns+` FROM variables WHERE `+condition+` AND ended_at IS NULL`, arg)
	return vars, err
}

func (vs *variables) put(v *variable) {
	scope := vs.scopes[v.scope()]
	if scope == nil {
		scope = map[string]*variable{}
		vs.scopes[v.scope()] = scope
	}
	scope[v.Name] = v
}

func (vs *variables) get(scope, name string) *variable {
	if v := vs.scopes[scope][name]; v != nil && !v.removed {
		return v
	}
	return nil
}

// variables returns the variables of an instance, loaded once.
func (c *command) variables(inst *instance) (*variables, error) {
	if inst.vars != nil {
		return inst.vars, nil
	}
	var err error
	if inst.fresh {
		inst.vars = &variables{scopes: map[string]map[string]*variable{}}
	} else {
		inst.vars, err = c.load(`instance_id = $1`, inst.ID)
	}
	return inst.vars, err
}

// place is where variables are looked up and set: a task, if there is one, then an
// execution and all above it.
type place struct {
	c *command
	x *execution // nil for a task without an instance
	t *task      // nil outside tasks
}

func (c *command) at(x *execution) place { return place{c: c, x: x} }

// vars returns the variables that the place can see.
func (p place) vars() (*variables, error) {
	if p.x != nil {
		return p.c.variables(p.x.inst)
	}
	if vars := p.c.alone[p.t.ID]; vars != nil {
		return vars, nil
	}
	vars, err := p.c.load(`task_id = $1`, p.t.ID)
	if err == nil {
		if p.c.alone == nil {
			p.c.alone = map[string]*variables{}
		}
		p.c.alone[p.t.ID] = vars
	}
	return vars, err
}

// find returns the variable that a name means here, nil when there is none.
func (p place) find(name string) (*variable, error) {
	vars, err := p.vars()
	if err != nil {
		return nil, err
	}
	if p.t != nil {
		if v := vars.get(p.t.ID, name); v != nil {
			return v, nil
		}
	}
	for x := p.x; x != nil; x = x.parent {
		if v := vars.get(x.id, name); v != nil {
			return v, nil
		}
	}
	return nil, nil
}

// get returns a variable's value.
func (p place) get(name string) (value any, ok bool, err error) {
	v, err := p.find(name)
	if v == nil || err != nil {
		return nil, false, err
	}
	return v.Value, true, nil
}

// local returns the variable of the innermost scope alone.
func (p place) local(name string) (*variable, error) {
	vars, err := p.vars()
	if err != nil {
		return nil, err
	}
	return vars.get(p.scope(), name), nil
}

// scope is the innermost scope.
func (p place) scope() string {
	if p.t != nil {
		return p.t.ID
	}
	return p.x.id
}

// all returns what can be seen here by name, inner scopes before outer ones.
func (p place) all() (map[string]any, error) {
	vars, err := p.vars()
	if err != nil {
		return nil, err
	}
	scopes := []string{}
	if p.t != nil {
		scopes = append(scopes, p.t.ID)
	}
	for x := p.x; x != nil; x = x.parent {
		scopes = append(scopes, x.id)
	}
	values := map[string]any{}
	for _, scope := range slices.Backward(scopes) {
		for name, v := range vars.scopes[scope] {
			if !v.removed {
				values[name] = v.Value
			}
		}
	}
	return values, nil
}

// set gives a variable a value where it is, or to the instance when there is none yet.
func (p place) set(name string, value any) error {
	v, err := p.find(name)
	if err != nil {
		return err
	}
	if v != nil {
		return p.assign(v, value)
	}
	if p.x == nil {
		return p.setLocal(name, value)
	}
	root := p.x
	for root.parent != nil {
		root = root.parent
	}
	return p.c.at(root).setLocal(name, value)
}

// setLocal gives a variable of the innermost scope a value.
func (p place) setLocal(name string, value any) error {
	v, err := p.local(name)
	if err != nil {
		return err
	}
	if v == nil {
		v = &variable{Variable: Variable{Name: name, CreatedAt: p.c.now}}
		if p.x != nil {
			v.InstanceID = p.x.inst.ID
		}
		if p.t != nil {
			v.TaskID = p.t.ID
		} else {
			v.ExecutionID = p.x.id
		}
	}
	return p.assign(v, value)
}

// assign gives the variable its value and notes that it changed.
func (p place) assign(v *variable, value any) error {
	vars, err := p.vars()
	if err != nil {
		return err
	}
	value, columns, err := p.c.e.checked(v.Name, value)
	if err != nil {
		return err
	}
	if fresh := v.rev == 0 && !v.changed; fresh {
		vars.put(v)
	}
	v.Value, v.Type, v.stored, v.UpdatedAt = value, columns.kind, columns, p.c.now
	v.changed, v.removed = true, false
	v.rev++
	p.mark(v)
	p.c.note(p.x, v)
	return nil
}

// mark notes on the tree that there are variables, and that conditions may have changed.
func (p place) mark(v *variable) {
	if p.x == nil {
		return
	}
	p.x.inst.recheck = true
	if v.TaskID != "" && !p.x.taskLocals {
		p.x.taskLocals, p.x.inst.changed = true, true
	}
	for x := p.x; x != nil; x = x.parent {
		if (x.id == v.ExecutionID || x.parent == nil) && !x.locals {
			x.locals = true
			x.inst.changed = true
		}
	}
}

// remove takes a variable away, with its history.
func (p place) remove(v *variable) {
	v.removed, v.changed = true, true
	if p.x != nil {
		p.x.inst.recheck = true
	}
}

// setAll sets several variables in the order of their names.
func (p place) setAll(values map[string]any, local bool) error {
	if len(values) > maxVariables {
		return fault.New(fault.TooLarge, "A command may set %d variables at most.", maxVariables)
	}
	for _, name := range sorted(values) {
		set := p.set
		if local {
			set = p.setLocal
		}
		if err := set(name, values[name]); err != nil {
			return err
		}
	}
	return nil
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	return names
}
