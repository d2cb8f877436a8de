package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// App is an application as people see it on their landing page. It is what its deployments
// have in common: its number is the appDefinitionId of APS and stays when it is deployed
// again. Asked for by that number, instances and tasks are those of all its deployments,
// since what was started runs on; definitions are those of the newest.
type App struct {
	ID           int64
	Name         string
	Description  string
	Theme, Icon  string // APS's words
	ModelID      int64  // the model that it was published from; 0: none
	TenantID     string
	Shown        bool   // on the landing page
	DeploymentID string // the newest; empty: none
}

// AppOf says of which app a deployment is.
type AppOf struct {
	// ModelID is the app's model, by whose number the app is found again. Without one it
	// is found by its name, among the apps without a model.
	ModelID int64
	// Shown puts the app on the landing page. One that is there stays there.
	Shown bool
	// Readers are who may see it; none: everybody of its tenant.
	Readers []Reader
}

// Reader is a user or a group that may see an app.
type Reader struct {
	UserID  string
	GroupID string // number or name
}

// place makes a deployment one of an app, which it makes or brings up to date.
func (c *command) place(d *Deployment, a *app.App, of AppOf) error {
	id, err := c.tx.Next(c.ctx, AppSequence)
	if err != nil {
		return err
	}
	same := `(tenant_id, name) WHERE model_id = 0`
	if of.ModelID != 0 {
		same = `(model_id) WHERE model_id <> 0`
	}
	err = c.tx.QueryRow(c.ctx, []any{&id}, `INSERT INTO apps (id, name, description, theme, icon, model_id, tenant_id, shown) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT `+same+` DO UPDATE SET name = excluded.name, description = excluded.description, theme = excluded.theme, icon = excluded.icon, shown = apps.shown OR excluded.shown
		RETURNING id`, id, d.Name, a.Description, a.Theme, a.Icon, of.ModelID, d.TenantID, of.Shown)
	if err != nil {
		return err
	}
	if _, err := c.tx.Exec(c.ctx, `DELETE FROM app_readers WHERE app_id = $1`, id); err != nil {
		return err
	}
	for _, r := range of.Readers {
		if _, err := c.tx.Exec(c.ctx, `INSERT INTO app_readers (app_id, user_id, group_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, id, r.UserID, r.GroupID); err != nil {
			return err
		}
	}
	return c.placeDeployment(id, d.ID)
}

func (c *command) placeDeployment(app int64, deployment string) error {
	number, err := c.tx.Next(c.ctx, "app-deployment")
	if err != nil {
		return err
	}
	_, err = c.tx.Exec(c.ctx, `INSERT INTO app_deployments (id, app_id, deployment_id, created_by) VALUES ($1, $2, $3, $4) ON CONFLICT (deployment_id) DO NOTHING`,
		number, app, deployment, c.actor.UserID)
	return err
}

// AppSequence numbers apps and models together: APS's clients name either where an app is
// meant, and a number means one thing only.
const AppSequence = "model"

// emptyApps takes apps away that have no deployment any more.
func (c *command) emptyApps() error {
	_, err := c.tx.Exec(c.ctx, `DELETE FROM apps WHERE NOT EXISTS (SELECT 1 FROM app_deployments o WHERE o.app_id = apps.id)`)
	return err
}

// ShowApps puts apps of a tenant on the landing page. An app is named by its own number or
// by that of the model that it was published from. Errors: NotFound, and then none is put.
func (e *Engine) ShowApps(ctx context.Context, tenantID string, ids []int64) error {
	return e.db.Write(ctx, func(tx *store.Tx) error {
		for _, id := range ids {
			n, err := tx.Exec(ctx, `UPDATE apps SET shown = TRUE WHERE (id = $1 OR model_id = $1 AND model_id <> 0) AND tenant_id = $2`, id, tenantID)
			if err != nil {
				return err
			}
			if n == 0 {
				return noApp(id)
			}
		}
		return nil
	})
}

func noApp(id int64) error {
	return fault.New(fault.NotFound, "There is no app with the number %d that was published.", id)
}

// AppQuery says which apps are meant. The zero value means all.
type AppQuery struct {
	ID      int64
	ModelID int64
	Tenant  Tenant
	Shown   *bool
	// For restricts the list to what that actor may see; nil means everything.
	For *Actor

	Page Page
}

const appColumns = `a.id, a.name, a.description, a.theme, a.icon, a.model_id, a.tenant_id, a.shown`

func (a *App) fields() []any {
	return []any{&a.ID, &a.Name, &a.Description, &a.Theme, &a.Icon, &a.ModelID, &a.TenantID, &a.Shown}
}

const newestOfApp = `(SELECT n.deployment_id FROM app_deployments n WHERE n.app_id = a.id ORDER BY n.id DESC LIMIT 1)`

// Apps returns a page of apps, by name, and how many there are.
func (e *Engine) Apps(ctx context.Context, aq AppQuery) ([]App, int, error) {
	q := &query{}
	if aq.ID != 0 {
		q.Add(`a.id = ?`, aq.ID)
	}
	if aq.ModelID != 0 {
		q.Add(`a.model_id = ?`, aq.ModelID)
	}
	q.is("a.shown", aq.Shown)
	q.tenant("a.tenant_id", aq.Tenant)
	if aq.For != nil {
		visibleApps(q, *aq.For)
	}
	return list(ctx, e, q, appColumns+`, COALESCE(`+newestOfApp+`, '')`, `FROM apps a`, ` ORDER BY a.name, a.id`, aq.Page,
		scanInto(func(a *App) []any { return append(a.fields(), &a.DeploymentID) }))
}

// visibleApps adds the condition that an actor may see an app a.
func visibleApps(q *query, a Actor) {
	a.seen(q, "a.tenant_id")
	if a.Admin {
		return
	}
	groups, args := "", []any{a.UserID}
	if len(a.Groups) > 0 {
		groups = ` OR r.group_id <> '' AND r.group_id IN (` + marks(len(a.Groups)) + `)`
		args = append(args, anys(a.Groups)...)
	}
	q.Add(`(NOT EXISTS (SELECT 1 FROM app_readers r WHERE r.app_id = a.id)
		OR EXISTS (SELECT 1 FROM app_readers r WHERE r.app_id = a.id AND (r.user_id <> '' AND r.user_id = ?`+groups+`)))`, args...)
}

// App returns an app by its number, as an actor may see it. Errors: NotFound.
func (e *Engine) App(ctx context.Context, actor Actor, tenantID string, id int64) (*App, error) {
	all, _, err := e.Apps(ctx, AppQuery{ID: id, Tenant: ofTenant(tenantID), For: &actor})
	if err == nil && (len(all) == 0 || id == 0) {
		err = noApp(id)
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// ofTenant asks for the rows of a tenant; the default one's name is empty.
func ofTenant(id string) Tenant { return Tenant{ID: id, None: id == ""} }

// AppDeployment is a deployment of an app.
type AppDeployment struct {
	Deployment
	App       App // its DeploymentID is the newest's
	Number    int64
	CreatedBy string // empty: by the command line
}

// AppDeploymentQuery says which deployments of apps are meant. The zero value means all.
type AppDeploymentQuery struct {
	Number       int64
	AppID        int64
	DeploymentID string
	NameContains string // of the app, in any case
	Newest       bool   // of each app
	Tenant       Tenant
	// For restricts the list to apps that that actor may see; nil means everything.
	For *Actor

	Order Order // created (the default, newest first), id, name
	Page  Page
}

var appDeploymentOrders = columnOrder{"id": "ad.id", "name": "a.name", "created": "d.deployed_at"}

// AppDeployments returns a page of deployments of apps, and how many there are.
func (e *Engine) AppDeployments(ctx context.Context, dq AppDeploymentQuery) ([]AppDeployment, int, error) {
	q := &query{}
	if dq.Number != 0 {
		q.Add(`ad.id = ?`, dq.Number)
	}
	if dq.AppID != 0 {
		q.Add(`ad.app_id = ?`, dq.AppID)
	}
	q.equal("ad.deployment_id", dq.DeploymentID)
	q.contains("a.name", dq.NameContains)
	q.tenant("a.tenant_id", dq.Tenant)
	if dq.For != nil {
		visibleApps(q, *dq.For)
	}
	if dq.Newest {
		q.Add(`ad.deployment_id = ` + newestOfApp)
	}
	return list(ctx, e, q, of("d", deploymentColumns)+`, `+appColumns+`, `+newestOfApp+`, ad.id, ad.created_by`,
		`FROM app_deployments ad JOIN apps a ON a.id = ad.app_id JOIN deployments d ON d.id = ad.deployment_id`,
		dq.Order.clause(q, appDeploymentOrders, `ad.id DESC`, "ad.id"), dq.Page, scanInto((*AppDeployment).fields))
}

func (d *AppDeployment) fields() []any {
	return append(append(d.Deployment.fields(), d.App.fields()...), &d.App.DeploymentID, &d.Number, &d.CreatedBy)
}

// AppDeployment returns the one deployment of an app that a query asks for by its number or
// by the deployment's id. Errors: NotFound, also for a deployment that is of no app.
func (e *Engine) AppDeployment(ctx context.Context, dq AppDeploymentQuery) (*AppDeployment, error) {
	all, _, err := e.AppDeployments(ctx, dq)
	if err == nil && (len(all) == 0 || dq.Number == 0 && dq.DeploymentID == "") {
		err = fault.New(fault.NotFound, "There is no such deployment of an app.")
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// Files returns a deployment's files. Errors: NotFound.
func (e *Engine) Files(ctx context.Context, deploymentID string) ([]Resource, error) {
	var all []Resource
	err := e.db.Query(ctx, func(row store.Row) error {
		var r Resource
		err := row.Scan(&r.Name, &r.Bytes)
		all = append(all, r)
		return err
	}, `SELECT name, bytes FROM resources WHERE deployment_id = $1 ORDER BY name`, deploymentID)
	if err == nil && all == nil {
		err = fault.New(fault.NotFound, "There is no deployment %q.", shown(deploymentID))
	}
	return all, err
}

// appDefinitions is a SELECT of the ids of the definitions of all deployments of an app.
const appDefinitions = `SELECT o.id FROM definitions o JOIN app_deployments ad ON ad.deployment_id = o.deployment_id WHERE ad.app_id = ?`
