package api

import (
	"github.com/sluicehq/sluice/internal/engine"
)

// registerDefinitions adds the operations on process definitions.
func (a *API) registerDefinitions() {
	a.process("GET process-definitions", a.listDefinitions).about(nil, page[definition]{})
	a.linksOf("process-definitions/{processDefinitionId}", func(id string) engine.Link { return engine.Link{DefinitionID: id} }, "")
}

// definition is APS's ProcessDefinitionRepresentation.
type definition struct {
	ID           string  `json:"id"`
	Name         *string `json:"name"`
	Description  *string `json:"description"`
	Key          string  `json:"key"`
	Category     *string `json:"category"`
	Version      int     `json:"version"`
	DeploymentID string  `json:"deploymentId"`
	TenantID     string  `json:"tenantId"`
	HasStartForm bool    `json:"hasStartForm"`
	MetaData     []any   `json:"metaDataValues"`
}

func newDefinition(d *engine.Definition) definition {
	return definition{ID: d.ID, Name: orNil(d.Name), Description: orNil(d.Description), Key: d.Key, Category: orNil(d.Category), Version: d.Version, DeploymentID: d.DeploymentID,
		TenantID: tenantShown(d.TenantID), HasStartForm: d.StartForm, MetaData: []any{}}
}

// listDefinitions lists what the caller may start: all at once, as in APS, so at most
// engine.MaxPage.
func (a *API) listDefinitions(v *visit) (any, error) {
	var app int64
	if err := v.numbers(map[string]*int64{"appDefinitionId": &app}); err != nil {
		return nil, err
	}
	latest, err := truth("latest", v.URL.Query().Get("latest"))
	if err != nil {
		return nil, err
	}
	active := false
	q := engine.DefinitionQuery{StartableBy: &v.actor, Latest: latest, AppID: app, DeploymentID: v.URL.Query().Get("deploymentId"), Suspended: &active, Page: engine.Page{Limit: engine.MaxPage}}
	found, total, err := a.cfg.Engine.Definitions(v.Context(), q)
	if err != nil {
		return nil, err
	}
	shown := make([]definition, len(found))
	for i := range found {
		shown[i] = newDefinition(&found[i])
	}
	return newPage(shown, total, 0), nil
}
