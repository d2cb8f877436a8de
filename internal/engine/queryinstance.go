package engine

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// InstanceQuery says which process instances are meant. The zero value means all that
// run.
type InstanceQuery struct {
	State State
	// For restricts the list to what that actor may see: what he started or takes part
	// in. nil means everything.
	For *Actor

	ID                                string
	IDs                               []string
	BusinessKey                       string
	Name, NameLike, NameContains      string
	NameLikeFold, BusinessKeyLikeFold string // with SQL's wild cards, in any case
	DefinitionID, DefinitionKey       string
	DefinitionKeys                    []string
	DefinitionName, DefinitionKeyLike string
	Category                          string // of the definition
	DeploymentID, DeploymentKey       string
	AppID                             int64 // of all deployments of that app; 0: any
	StartedBy, Involved               string
	ParentID                          string // called by that instance
	CalledID                          string // the instance that called that one
	NoCalled                          bool   // only those that nobody called
	Suspended                         *bool
	Started, Finished                 Between
	Tenant                            Tenant
	Variables                         []VariableFilter

	Order Order // started (the default, newest first), ended, id, name, businessKey, definition, definitionKey, tenant, duration
	Page  Page
}

var instanceOrders = columnOrder{"id": "i.id", "started": "i.started_at", "ended": "i.ended_at", "name": "i.name", "businessKey": "i.business_key", "definition": "i.definition_id",
	"definitionKey": "(SELECT key FROM definitions d WHERE d.id = i.definition_id)", "tenant": "i.tenant_id", "duration": "i.ended_at - i.started_at"}

// Instances returns a page of process instances and how many there are.
func (e *Engine) Instances(ctx context.Context, iq InstanceQuery) ([]Instance, int, error) {
	q := &query{}
	iq.where(q)
	return list(ctx, e, q, of("i", instanceColumns), `FROM instances i`, iq.Order.clause(q, instanceOrders, `i.started_at DESC, i.id DESC`, "i.id"), iq.Page, scanInto((*Instance).fields))
}

func (iq *InstanceQuery) where(q *query) {
	q.state("i.", iq.State)
	q.equal("i.id", iq.ID, "i.business_key", iq.BusinessKey, "i.name", iq.Name, "i.definition_id", iq.DefinitionID, "i.started_by", iq.StartedBy, "i.parent_id", iq.ParentID)
	q.like("i.name", iq.NameLike)
	q.likeFold("i.name", iq.NameLikeFold, "i.business_key", iq.BusinessKeyLikeFold)
	q.contains("i.name", iq.NameContains)
	q.among("i.id", iq.IDs)
	q.is("i.suspended", iq.Suspended)
	q.between("i.started_at", iq.Started)
	q.between("i.ended_at", iq.Finished)
	q.tenant("i.tenant_id", iq.Tenant)
	if iq.NoCalled {
		q.Add(`i.parent_id = ''`)
	}
	q.when(iq.CalledID, `i.id IN (SELECT parent_id FROM instances WHERE id = ? AND parent_id <> '')`)
	q.when(iq.Involved, `i.id IN (SELECT instance_id FROM links WHERE user_id = ? AND instance_id <> '')`)
	const definition = `i.definition_id IN (SELECT id FROM definitions WHERE `
	q.when(iq.DefinitionKey, definition+`key = ?)`)
	q.when(iq.DefinitionKeyLike, definition+`key`+likes+`)`)
	q.when(iq.DefinitionName, definition+`name = ?)`)
	q.when(iq.Category, definition+`category = ?)`)
	q.when(iq.DeploymentID, definition+`deployment_id = ?)`)
	q.when(iq.DeploymentKey, definition+`deployment_id IN (SELECT id FROM deployments WHERE key = ?))`)
	if iq.AppID != 0 {
		q.Add(`i.definition_id IN (`+appDefinitions+`)`, iq.AppID)
	}
	if len(iq.DefinitionKeys) > 0 {
		q.Add(definition+`key IN (`+marks(len(iq.DefinitionKeys))+`))`, anys(iq.DefinitionKeys)...)
	}
	q.variables(`v.instance_id = i.id AND v.execution_id = i.id AND v.task_id = ''`, iq.Variables)
	if iq.For != nil {
		visibleInstances(q, *iq.For)
	}
}

// Instance returns a process instance, running or ended. Errors: NotFound, also when it is
// not the actor's to see, as in APS.
func (e *Engine) Instance(ctx context.Context, actor Actor, id string) (*Instance, error) {
	i := &Instance{}
	err := e.db.QueryRow(ctx, i.fields(), `SELECT `+instanceColumns+` FROM instances WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) || err == nil && !actor.sees(i.TenantID) {
		return nil, noInstance(id)
	}
	if err != nil {
		return nil, err
	}
	if actor.Admin {
		return i, nil
	}
	may, err := maySeeInstance(ctx, e.db, actor, id)
	if err == nil && !may {
		err = noInstance(id)
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

// DeleteHistory takes an instance that has ended away with everything that is kept of it.
// Who started it may, and an administrator. Errors: NotFound, Forbidden, Conflict while it
// runs.
func (e *Engine) DeleteHistory(ctx context.Context, actor Actor, id string) error {
	return e.db.Write(ctx, func(tx *store.Tx) error {
		c := &command{e: e, ctx: ctx, tx: tx, actor: actor, now: e.now()}
		inst, err := c.permittedInstance(id, toCancel)
		if err != nil {
			return err
		}
		if inst.EndedAt.IsZero() {
			return fault.New(fault.Conflict, "The process instance %q is still running.", shown(id))
		}
		return erase(ctx, tx, `SELECT id FROM instances WHERE id = $1`, id)
	})
}

// erase deletes instances, which a SELECT picks, with everything that is kept of them.
func erase(ctx context.Context, tx *store.Tx, instances string, args ...any) error {
	tasks := `SELECT id FROM tasks WHERE instance_id <> '' AND instance_id IN (` + instances + `)`
	for _, statement := range []string{
		`DELETE FROM links WHERE task_id <> '' AND task_id IN (` + tasks + `)`,
		`DELETE FROM comments WHERE task_id <> '' AND task_id IN (` + tasks + `)`,
		lostFiles + `task_id <> '' AND task_id IN (` + tasks + `)`,
		lostFiles + `instance_id <> '' AND instance_id IN (` + instances + `)`,
		`DELETE FROM attachments WHERE task_id <> '' AND task_id IN (` + tasks + `)`,
		`DELETE FROM form_drafts WHERE task_id IN (` + tasks + `)`,
		`DELETE FROM submitted_forms WHERE task_id <> '' AND task_id IN (` + tasks + `)`,
	} {
		if _, err := tx.Exec(ctx, statement, args...); err != nil {
			return err
		}
	}
	for _, table := range []string{"links", "comments", "attachments", "variables", "variable_updates", "activities", "jobs", "subscriptions", "decisions", "submitted_forms", "tasks"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE instance_id <> '' AND instance_id IN (`+instances+`)`, args...); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM instances WHERE id IN (`+instances+`)`, args...)
	return err
}
