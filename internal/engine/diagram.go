package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/diagram"
	"github.com/sluicehq/sluice/internal/store"
)

// DefinitionDiagram draws a definition of the actor's tenant as SVG. Errors: NotFound.
func (e *Engine) DefinitionDiagram(ctx context.Context, actor Actor, id string) ([]byte, error) {
	if _, err := e.Definition(ctx, actor, id); err != nil {
		return nil, err
	}
	def, err := e.definition(ctx, e.db, id)
	if err != nil {
		return nil, err
	}
	return diagram.SVG(def.process, diagram.Options{})
}

// InstanceDiagram draws the definition of an instance as SVG, and on it where the instance
// is, where it has been and where it has failed.
func (e *Engine) InstanceDiagram(ctx context.Context, actor Actor, id string) ([]byte, error) {
	inst, err := e.Instance(ctx, actor, id)
	if err != nil {
		return nil, err
	}
	def, err := e.definition(ctx, e.db, inst.DefinitionID)
	if err != nil {
		return nil, err
	}
	o, err := e.progress(ctx, inst)
	if err != nil {
		return nil, err
	}
	return diagram.SVG(def.process, o)
}

// progress is where an instance is, where it has been and where it has failed.
func (e *Engine) progress(ctx context.Context, inst *Instance) (diagram.Options, error) {
	o := diagram.Options{Title: inst.Name, Active: map[string]bool{}, Done: map[string]bool{}, Flows: map[string]bool{}, Failed: map[string]bool{}}
	active, err := e.ActiveActivities(ctx, inst.ID)
	if err != nil {
		return o, err
	}
	for _, a := range active {
		o.Active[a] = true
	}
	into := func(set map[string]bool) func(store.Row) error {
		return func(row store.Row) error {
			var activity string
			err := row.Scan(&activity)
			set[activity] = true
			return err
		}
	}
	for query, set := range map[string]map[string]bool{
		`SELECT DISTINCT activity_id FROM activities WHERE instance_id = $1 AND type <> 'sequenceFlow' AND ended_at IS NOT NULL`: o.Done,
		`SELECT DISTINCT activity_id FROM activities WHERE instance_id = $1 AND type = 'sequenceFlow'`:                           o.Flows,
		`SELECT DISTINCT activity_id FROM jobs WHERE instance_id = $1 AND queue = 'dead'`:                                        o.Failed,
	} {
		if err := e.db.Query(ctx, into(set), query, inst.ID); err != nil {
			return o, err
		}
	}
	return o, nil
}
