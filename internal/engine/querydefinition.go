package engine

import (
	"context"
	"errors"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// DefinitionQuery says which process definitions are meant. The zero value means all.
type DefinitionQuery struct {
	For *Actor // those of the actor's tenant; nil means everybody's

	ID                                  string
	IDs                                 []string
	Key, KeyLike                        string
	Name, NameLike, NameContains        string
	Category, CategoryLike, NotCategory string
	Resource, ResourceLike              string
	DeploymentID, DeploymentKey         string
	Version                             int // 0: any
	Latest                              bool
	// AppID asks for those of an app's newest deployment; 0: any. Latest says nothing then,
	// as in APS: a process that another app brings too is in both.
	AppID     int64
	Suspended *bool
	Tenant    Tenant
	// StartableBy asks for those that the actor may start: those that name nobody, and
	// those that name him or one of his groups.
	StartableBy *Actor

	Order Order // name (the default), id, key, category, deployment, version, tenant, deployed
	Page  Page
}

var definitionOrders = columnOrder{"id": "d.id", "key": "d.key", "name": "d.name", "category": "d.category", "deployment": "d.deployment_id", "version": "d.version", "tenant": "d.tenant_id", "deployed": "d.deployed_at"}

// Definitions returns a page of process definitions and how many there are.
func (e *Engine) Definitions(ctx context.Context, dq DefinitionQuery) ([]Definition, int, error) {
	q := &query{}
	q.equal("d.id", dq.ID, "d.key", dq.Key, "d.name", dq.Name, "d.category", dq.Category, "d.resource", dq.Resource, "d.deployment_id", dq.DeploymentID)
	q.like("d.key", dq.KeyLike, "d.name", dq.NameLike, "d.category", dq.CategoryLike, "d.resource", dq.ResourceLike)
	q.contains("d.name", dq.NameContains)
	q.among("d.id", dq.IDs)
	q.when(dq.NotCategory, `d.category <> ?`)
	q.when(dq.DeploymentKey, `d.deployment_id IN (SELECT id FROM deployments WHERE key = ?)`)
	q.is("d.suspended", dq.Suspended)
	q.tenant("d.tenant_id", dq.Tenant)
	if dq.For != nil {
		dq.For.seen(q, "d.tenant_id")
	}
	if dq.Version != 0 {
		q.Add(`d.version = ?`, dq.Version)
	}
	if dq.AppID != 0 {
		q.Add(`d.deployment_id = (SELECT deployment_id FROM app_deployments WHERE app_id = ? ORDER BY id DESC LIMIT 1)`, dq.AppID)
	}
	if dq.Latest && dq.AppID == 0 {
		q.Add(`NOT EXISTS (SELECT 1 FROM definitions o WHERE o.tenant_id = d.tenant_id AND o.key = d.key AND o.version > d.version)`)
	}
	if dq.StartableBy != nil {
		startable(q, *dq.StartableBy)
	}
	return list(ctx, e, q, of("d", definitionColumns), `FROM definitions d`, dq.Order.clause(q, definitionOrders, `d.name, d.key, d.version DESC, d.id`, "d.id"), dq.Page, scanInto((*Definition).fields))
}

// MayStart reports whether an actor may start a definition, as StartableBy has it.
func (e *Engine) MayStart(ctx context.Context, actor Actor, definitionID string) (bool, error) {
	_, n, err := e.Definitions(ctx, DefinitionQuery{ID: definitionID, StartableBy: &actor, Page: Page{Limit: 1}})
	return n > 0, err
}

// Definition returns a process definition of the actor's tenant by its id. Errors: NotFound.
func (e *Engine) Definition(ctx context.Context, actor Actor, id string) (*Definition, error) {
	d, err := row(ctx, e.db, id)
	if err == nil && !actor.sees(d.TenantID) {
		err = noDefinition(id)
	}
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// Newest returns the newest version of a key of the actor's tenant. Errors: NotFound.
func (e *Engine) Newest(ctx context.Context, actor Actor, key string) (*Definition, error) {
	d, err := newest(ctx, e.db, actor.TenantID, key)
	if err != nil {
		return nil, err
	}
	return &d, nil
}

// DeploymentQuery says which deployments are meant. The zero value means all.
type DeploymentQuery struct {
	For *Actor // those of the actor's tenant; nil means everybody's

	ID                         string
	Name, NameLike             string
	Category, NotCategory, Key string
	Tenant                     Tenant

	Order Order // deployed (the default, newest first), id, name, tenant
	Page  Page
}

const deploymentColumns = `id, name, category, key, tenant_id, deployed_at`

func (d *Deployment) fields() []any {
	return []any{&d.ID, &d.Name, &d.Category, &d.Key, &d.TenantID, store.Time(&d.DeployedAt)}
}

var deploymentOrders = columnOrder{"id": "id", "name": "name", "tenant": "tenant_id", "deployed": "deployed_at"}

// Deployments returns a page of deployments, without their files, and how many there are.
func (e *Engine) Deployments(ctx context.Context, dq DeploymentQuery) ([]Deployment, int, error) {
	q := &query{}
	q.equal("id", dq.ID, "name", dq.Name, "category", dq.Category, "key", dq.Key)
	q.like("name", dq.NameLike)
	q.when(dq.NotCategory, `category <> ?`)
	q.tenant("tenant_id", dq.Tenant)
	if dq.For != nil {
		dq.For.seen(q, "tenant_id")
	}
	return list(ctx, e, q, deploymentColumns, `FROM deployments`, dq.Order.clause(q, deploymentOrders, `deployed_at DESC, id DESC`, "id"), dq.Page, scanInto((*Deployment).fields))
}

// Deployment returns a deployment of the actor's tenant without its files. Errors:
// NotFound.
func (e *Engine) Deployment(ctx context.Context, actor Actor, id string) (*Deployment, error) {
	all, _, err := e.Deployments(ctx, DeploymentQuery{For: &actor, ID: id})
	if err == nil && len(all) == 0 || id == "" {
		err = fault.New(fault.NotFound, "There is no deployment %q.", shown(id))
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// ResourceNames returns the names of a deployment's files. Errors: NotFound.
func (e *Engine) ResourceNames(ctx context.Context, actor Actor, deploymentID string) ([]string, error) {
	if _, err := e.Deployment(ctx, actor, deploymentID); err != nil {
		return nil, err
	}
	var names []string
	err := e.db.Query(ctx, func(row store.Row) error {
		var name string
		err := row.Scan(&name)
		names = append(names, name)
		return err
	}, `SELECT name FROM resources WHERE deployment_id = $1 ORDER BY name`, deploymentID)
	return names, err
}

// Resource returns a file of a deployment. Errors: NotFound.
func (e *Engine) Resource(ctx context.Context, actor Actor, deploymentID, name string) ([]byte, error) {
	var data []byte
	var tenant string
	err := e.db.QueryRow(ctx, []any{&data, &tenant}, `SELECT r.bytes, d.tenant_id FROM resources r JOIN deployments d ON d.id = r.deployment_id WHERE r.deployment_id = $1 AND r.name = $2`, deploymentID, name)
	if errors.Is(err, store.ErrNoRow) || err == nil && !actor.sees(tenant) {
		return nil, fault.New(fault.NotFound, "The deployment %q has no file %q.", shown(deploymentID), shown(name))
	}
	return data, err
}
