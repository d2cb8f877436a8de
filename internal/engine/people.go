package engine

import (
	"context"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/store"
)

// Finder finds whom a tenant has by what he is known by on other servers too; empty when
// there is nobody.
type Finder func(ctx context.Context, tenantID, known string) (id string, err error)

// stranger is a user or group whom a model names by the number of the server that it was
// drawn on, and what tells him apart on any: APS's modeler writes a user's e-mail address
// and a group's name beside the number.
type stranger struct {
	kind   string // user or group
	number string
}

const (
	userKind  = "user"
	groupKind = "group"
)

// strangersOf returns the people of a user task with what each is known by.
func strangersOf(n *bpmn.Node) map[stranger]string {
	var all map[stranger]string
	put := func(kind, number, known string) {
		if number == "" || known == "" {
			return
		}
		if all == nil {
			all = map[stranger]string{}
		}
		all[stranger{kind, number}] = known
	}
	if n.User == nil {
		return nil
	}
	if n.User.Assignee != nil {
		if number, ok := n.User.Assignee.Literal(); ok && number != initiator {
			put(userKind, number, n.Modeler["assignee-info-email"])
		}
	}
	for name, text := range n.Modeler {
		if number, ok := strings.CutPrefix(name, "user-info-email-"); ok {
			put(userKind, number, text)
		}
		if number, ok := strings.CutPrefix(name, "group-info-name-"); ok {
			put(groupKind, number, text)
		}
	}
	return all
}

// acquaintance is what the models of a deployment call their people, and who they are
// here, by the key of the process.
type acquaintance map[string]map[stranger]string

// acquaint finds the people of all models. It asks before the deployment's transaction
// begins. Who is not found keeps his number, which a warning tells of.
func (e *Engine) acquaint(ctx context.Context, tenant string, files []parsed) (acquaintance, []bpmn.Problem, error) {
	all := acquaintance{}
	var warnings []bpmn.Problem
	asked := map[[2]string]string{}
	for _, f := range files {
		for _, p := range f.document.Processes {
			found := map[stranger]string{}
			for _, n := range p.Order {
				for s, known := range strangersOf(n) {
					id, err := e.find(ctx, tenant, s.kind, known, asked)
					if err != nil {
						return nil, nil, err
					}
					if id == "" {
						warnings = append(warnings, bpmn.Problem{Name: s.kind + "-unknown", Message: fmt.Sprintf("nobody here is known as %q: the %s stays the number %s", known, s.kind, s.number),
							Process: p.ID, Element: n.ID, Line: n.Line, Column: n.Column, Warning: true})
						continue
					}
					found[s] = id
				}
			}
			all[p.ID] = found
		}
	}
	return all, warnings, nil
}

// find asks for each once.
func (e *Engine) find(ctx context.Context, tenant, kind, known string, asked map[[2]string]string) (string, error) {
	finder := e.cfg.UserByEmail
	if kind == groupKind {
		finder = e.cfg.GroupByName
	}
	key := [2]string{kind, known}
	if id, ok := asked[key]; ok || finder == nil {
		return id, nil
	}
	id, err := finder(ctx, tenant, known)
	if err != nil {
		return "", fmt.Errorf("finding the %s of a model: %w", kind, err)
	}
	asked[key] = id
	return id, nil
}

// introduce keeps who the people of a deployment's models are here, in place of what was
// known of them before.
func (c *command) introduce(definitions []Definition, people acquaintance) error {
	for _, d := range definitions {
		if _, err := c.tx.Exec(c.ctx, `DELETE FROM definition_people WHERE definition_id = $1`, d.ID); err != nil {
			return err
		}
		var rows [][]any
		for s, id := range people[d.Key] {
			rows = append(rows, []any{d.ID, s.kind, s.number, id})
		}
		if err := c.insert("definition_people", `definition_id, kind, named, id`, rows, ""); err != nil {
			return err
		}
	}
	return nil
}

// acquainted are the people of a user task as they are here. Only a model that names
// people of another server costs a statement.
func (c *command) acquainted(x *execution) (map[stranger]string, error) {
	if len(strangersOf(x.node)) == 0 {
		return nil, nil
	}
	found := map[stranger]string{}
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		var s stranger
		var id string
		err := row.Scan(&s.kind, &s.number, &id)
		found[s] = id
		return err
	}, `SELECT kind, named, id FROM definition_people WHERE definition_id = $1`, x.inst.DefinitionID)
	return found, err
}
