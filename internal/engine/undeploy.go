package engine

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// DeleteDeployment takes a deployment away with its definitions, forms and decision
// tables; with cascade its instances too, running ones and what is kept of ended ones.
// What was the newest version before starts by its timers, messages and signals again.
// Errors: NotFound; Conflict when there are instances and cascade is false.
func (e *Engine) DeleteDeployment(ctx context.Context, actor Actor, id string, cascade bool) error {
	var d Deployment
	err := e.do(ctx, actor, func(c *command) error {
		d = Deployment{ID: id}
		err := c.tx.QueryRow(ctx, []any{&d.Name, &d.TenantID}, `SELECT name, tenant_id FROM deployments WHERE id = $1`, id)
		if errors.Is(err, store.ErrNoRow) || err == nil && !actor.sees(d.TenantID) {
			d = Deployment{} // not to be known of
			return fault.New(fault.NotFound, "There is no deployment %q.", shown(id))
		}
		if err != nil {
			return err
		}
		definitions, err := c.definitionsOf(id)
		if err != nil {
			return err
		}
		for _, d := range definitions {
			if err := c.undefine(d, cascade); err != nil {
				return err
			}
		}
		if _, err := c.tx.Exec(ctx, `DELETE FROM deployments WHERE id = $1`, id); err != nil {
			return err
		}
		if err := c.emptyApps(); err != nil {
			return err
		}
		for _, d := range definitions {
			if err := c.rearm(d); err != nil {
				return err
			}
		}
		r := deploymentRecord(DeploymentDeleted, d, definitions)
		r.Cascade = cascade
		return c.record(r)
	})
	return e.refused(ctx, deploymentRecord(DeploymentDeleted, d, nil), err)
}

func (c *command) definitionsOf(deployment string) ([]Definition, error) {
	var all []Definition
	err := c.tx.Query(c.ctx, func(row store.Row) error {
		var d Definition
		err := row.Scan(d.fields()...)
		all = append(all, d)
		return err
	}, `SELECT `+definitionColumns+` FROM definitions WHERE deployment_id = $1 ORDER BY key, version`, deployment)
	return all, err
}

// undefine takes what belongs to a definition away.
func (c *command) undefine(d Definition, cascade bool) error {
	var running, all int
	if err := c.tx.QueryRow(c.ctx, []any{&running, &all}, `SELECT COUNT(*) - COUNT(ended_at), COUNT(*) FROM instances WHERE definition_id = $1`, d.ID); err != nil {
		return err
	}
	if all > 0 && !cascade {
		return fault.New(fault.Conflict, "The process definition %q has %d running and %d ended instances. Delete the deployment with cascade to delete them too.", d.ID, running, all-running)
	}
	// With an instance goes what it has called, of whatever definition.
	if err := erase(c.ctx, c.tx, `SELECT id FROM instances WHERE root_id IN (SELECT root_id FROM instances WHERE definition_id = $1)`, d.ID); err != nil {
		return err
	}
	if err := c.retire(d.ID); err != nil {
		return err
	}
	c.tx.AfterCommit(func() { c.e.definitions.drop(d.ID) })
	_, err := c.tx.Exec(c.ctx, `DELETE FROM links WHERE definition_id = $1 AND definition_id <> ''`, d.ID)
	return err
}

// rearm lets the version before a deleted one start by itself, when that was the newest.
func (c *command) rearm(deleted Definition) error {
	before, err := newest(c.ctx, c.tx, deleted.TenantID, deleted.Key)
	if fault.Is(err, fault.NotFound) || err == nil && before.Version > deleted.Version {
		return nil
	}
	if err != nil {
		return err
	}
	def, err := c.e.definition(c.ctx, c.tx, before.ID)
	if err != nil {
		return err
	}
	if err := c.retire(before.ID); err != nil {
		return err
	}
	return c.arm(&before, def.process)
}

// drop forgets what has been deleted.
func (s *shelf[T]) drop(id string) {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.byID, id)
}
