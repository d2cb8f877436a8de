package api

import (
	"bytes"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerRuntimeApps adds the landing page, and the deployments of apps.
func (a *API) registerRuntimeApps() {
	one, deployment := appDefinition{}, appDeployment{}
	a.process("GET runtime-app-definitions", a.landingPage).about(nil, page[appDefinition]{})
	a.process("POST runtime-app-definitions", a.showApps).about(showBody{}, nil)
	a.process("GET runtime-app-definitions/{appDefinitionId}", a.runtimeApp).about(nil, one)
	a.process("GET runtime-app-deployments", a.appDeployments).about(nil, page[appDeployment]{})
	a.process("GET runtime-app-deployments/{appDeploymentId}", a.appDeployment).about(nil, deployment)
	a.process("DELETE runtime-app-deployments/{appDeploymentId}", a.deleteAppDeployment)
	a.process("GET runtime-app-deployment", a.appDeploymentOf).about(nil, deployment)
	a.process("GET export-app-deployment/{deploymentId}", a.exportAppDeployment).about(nil, file{})
}

// showBody is APS's RuntimeAppDefinitionSaveRepresentation.
type showBody struct {
	AppDefinitions []struct {
		ID digits `json:"id"`
	} `json:"appDefinitions"`
}

// appDeployment is APS's AppDeploymentRepresentation.
type appDeployment struct {
	ID              int64         `json:"id"`
	AppDefinition   appDefinition `json:"appDefinition"`
	Created         date          `json:"created"`
	CreatedBy       *lightUser    `json:"createdBy"`
	DeploymentID    string        `json:"deploymentId"`
	DMNDeploymentID *int64        `json:"dmnDeploymentId"` // decision tables are part of the one deployment
}

// tasksApp is the app that APS always has: it stands for the tasks and processes of all
// apps, and has no number. APS's others are its own pages, which are not here.
const tasksApp = "tasks"

func newRuntimeApp(a *engine.App) appDefinition {
	return appDefinition{ID: &a.ID, Name: &a.Name, Description: orNil(a.Description), ModelID: orNil(a.ModelID), Theme: orNil(a.Theme), Icon: orNil(a.Icon),
		DeploymentID: orNil(a.DeploymentID), TenantID: tenantNumber(a.TenantID)}
}

// landingPage tells which apps the caller may open, at most engine.MaxPage.
func (a *API) landingPage(v *visit) (any, error) {
	yes, everything := true, tasksApp
	apps, _, err := a.cfg.Engine.Apps(v.Context(), engine.AppQuery{Tenant: v.ofTenant(), Shown: &yes, For: &v.actor, Page: engine.Page{Limit: engine.MaxPage}})
	if err != nil {
		return nil, err
	}
	data := []appDefinition{{DefaultAppID: &everything}}
	for i := range apps {
		data = append(data, newRuntimeApp(&apps[i]))
	}
	return newPage(data, len(data), 0), nil
}

// showApps puts apps on the landing page of those who may see them. An app is named by its
// own number, or by its model's, which publishing tells.
func (a *API) showApps(v *visit) (any, error) {
	if err := a.publisher(v); err != nil {
		return nil, err
	}
	var body showBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	if n := len(body.AppDefinitions); n == 0 || n > engine.MaxPage {
		return nil, fault.New(fault.Invalid, "The member appDefinitions must name 1 to %d apps.", engine.MaxPage)
	}
	var ids []int64
	for _, one := range body.AppDefinitions {
		ids = append(ids, int64(one.ID))
	}
	return nil, a.cfg.Engine.ShowApps(v.Context(), v.tenant(), ids)
}

func (a *API) runtimeApp(v *visit) (any, error) {
	id, err := v.pathNumber("appDefinitionId")
	if err != nil {
		return nil, err
	}
	found, err := a.cfg.Engine.App(v.Context(), v.actor, v.tenant(), id)
	if err != nil {
		return nil, err
	}
	return newRuntimeApp(found), nil
}

// deploymentsWanted are those of apps that the caller may see.
func (v *visit) deploymentsWanted() engine.AppDeploymentQuery {
	return engine.AppDeploymentQuery{Tenant: v.ofTenant(), For: &v.actor}
}

func (a *API) appDeployments(v *visit) (any, error) {
	words, q := v.URL.Query(), v.deploymentsWanted()
	start, size, err := v.span()
	if err != nil {
		return nil, err
	}
	tenant, err := number("tenantId", words.Get("tenantId"))
	if err != nil {
		return nil, err
	}
	if tenant != 0 && !v.user.Sees(tenant) {
		return nil, fault.New(fault.Forbidden, "You may not ask for that tenant.")
	}
	if q.Newest, err = truth("latest", words.Get("latest")); err != nil {
		return nil, err
	}
	q.NameContains, q.Order.By = words.Get("nameLike"), words.Get("sort")
	switch words.Get("order") {
	case "", "asc":
	case "desc":
		q.Order.Desc = true
	default:
		return nil, fault.New(fault.Invalid, "The order is asc or desc.")
	}
	q.Page = engine.Page{Offset: start, Limit: size}
	found, total, err := a.cfg.Engine.AppDeployments(v.Context(), q)
	if err != nil {
		return nil, err
	}
	told, err := a.tellDeployments(v, found)
	return newPage(told, total, start), err
}

// truth reads true or false of the query; absent is false.
func truth(name, text string) (bool, error) {
	switch text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fault.New(fault.Invalid, "%s must be true or false.", name)
}

func (a *API) tellDeployments(v *visit, found []engine.AppDeployment) ([]appDeployment, error) {
	var makers []string
	for i := range found {
		makers = append(makers, found[i].CreatedBy)
	}
	known, err := a.people(v.Context(), makers...)
	if err != nil {
		return nil, err
	}
	var told []appDeployment
	for i := range found {
		d := &found[i]
		told = append(told, appDeployment{ID: d.Number, AppDefinition: newRuntimeApp(&d.App), Created: date(d.DeployedAt), CreatedBy: known[d.CreatedBy], DeploymentID: d.ID})
	}
	return told, nil
}

func (a *API) tellDeployment(v *visit, q engine.AppDeploymentQuery) (any, error) {
	d, err := a.cfg.Engine.AppDeployment(v.Context(), q)
	if err != nil {
		return nil, err
	}
	told, err := a.tellDeployments(v, []engine.AppDeployment{*d})
	if err != nil {
		return nil, err
	}
	return told[0], nil
}

// pathDeployment is the deployment that the path names.
func (v *visit) pathDeployment() (q engine.AppDeploymentQuery, err error) {
	q = v.deploymentsWanted()
	q.Number, err = v.pathNumber("appDeploymentId")
	return q, err
}

func (a *API) appDeployment(v *visit) (any, error) {
	q, err := v.pathDeployment()
	if err != nil {
		return nil, err
	}
	return a.tellDeployment(v, q)
}

func (a *API) appDeploymentOf(v *visit) (any, error) {
	q := v.deploymentsWanted()
	q.DeploymentID = v.URL.Query().Get("deploymentId")
	return a.tellDeployment(v, q)
}

// deleteAppDeployment takes a deployment away with the instances of its processes, as APS
// does.
func (a *API) deleteAppDeployment(v *visit) (any, error) {
	if err := a.publisher(v); err != nil {
		return nil, err
	}
	q, err := v.pathDeployment()
	if err != nil {
		return nil, err
	}
	d, err := a.cfg.Engine.AppDeployment(v.Context(), q)
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.DeleteDeployment(v.Context(), v.actor, d.ID, true)
}

func (a *API) exportAppDeployment(v *visit) (any, error) {
	q := v.deploymentsWanted()
	q.DeploymentID = v.PathValue("deploymentId")
	d, err := a.cfg.Engine.AppDeployment(v.Context(), q)
	if err != nil {
		return nil, err
	}
	found, err := a.cfg.Engine.Files(v.Context(), d.ID)
	if err != nil {
		return nil, err
	}
	files := make([]app.File, len(found))
	for i, f := range found {
		files[i] = app.File(f)
	}
	var b bytes.Buffer
	if err := app.WriteZip(&b, files); err != nil {
		return nil, err
	}
	return zipped(app.Named(d.App.Name)+".zip", b.Bytes()), nil
}
