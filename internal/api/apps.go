package api

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/model"
)

// registerApps adds the models of apps: what is imported, changed, published, exported.
func (a *API) registerApps() {
	one, result := appDefinition{}, updateResult{}
	a.process("POST app-definitions/import", a.importApp).about(multipartBody{}, one)
	a.process("POST app-definitions/publish-app", a.publishArchive).about(multipartBody{}, result)
	a.process("POST app-definitions/{modelId}/import", a.reimportApp).about(multipartBody{}, one)
	a.process("POST app-definitions/{modelId}/publish", a.publishApp).about(publishBody{}, result)
	a.process("GET app-definitions/{modelId}", a.appDefinition).about(nil, one)
	a.process("PUT app-definitions/{modelId}", a.updateApp).about(appBody{}, result)
	a.process("DELETE app-definitions/{appDefinitionId}", a.deleteApp)
	a.process("GET app-definitions/{modelId}/export", a.exportApp).about(nil, file{})
}

// appDefinition is APS's AppDefinitionRepresentation: of an app's model, or of an app on the
// landing page.
type appDefinition struct {
	ID           *int64      `json:"id"`
	DefaultAppID *string     `json:"defaultAppId"`
	Name         *string     `json:"name"`
	Description  *string     `json:"description"`
	ModelID      *int64      `json:"modelId"`
	Theme        *string     `json:"theme"`
	Icon         *string     `json:"icon"`
	DeploymentID *string     `json:"deploymentId"`
	TenantID     *int64      `json:"tenantId"`
	Definition   *appContent `json:"definition,omitempty"` // of a model alone
}

// appContent is APS's AppDefinition: what an app is made of and how it is shown.
type appContent struct {
	Models []appModel `json:"models"`
	Theme  *string    `json:"theme"`
	Icon   *string    `json:"icon"`
	Access any        `json:"publishIdentityInfo"`
}

// appModel is APS's AppModelDefinition.
type appModel struct {
	ID           int64   `json:"id"`
	Name         string  `json:"name"`
	Version      int     `json:"version"`
	ModelType    int     `json:"modelType"`
	Description  *string `json:"description"`
	StencilSetID int64   `json:"stencilSetId"`
}

// updateResult is APS's AppDefinitionUpdateResultRepresentation: an app that cannot be
// deployed is told in it, with status 200.
type updateResult struct {
	AppDefinition    *appDefinition      `json:"appDefinition"`
	CustomData       map[string][]string `json:"customData"`
	Error            bool                `json:"error"`
	ErrorDescription *string             `json:"errorDescription"`
	ErrorType        int                 `json:"errorType"`
	Message          *string             `json:"message"`
	MessageKey       *string             `json:"messageKey"`
}

// validationErrors is the errorType of an app whose models are wrong.
const validationErrors = 2

// publishBody is APS's AppDefinitionPublishRepresentation.
type publishBody struct {
	Comment *string `json:"comment"`
	Force   *bool   `json:"force"` // says nothing here: nothing stands in the way that could be forced
}

// appBody is APS's AppDefinitionSaveRepresentation.
type appBody struct {
	AppDefinition *struct {
		Name        *string `json:"name"`
		Description *string `json:"description"`
		Theme       *string `json:"theme"`
		Icon        *string `json:"icon"`
		Definition  *struct {
			Models *[]struct {
				ID digits `json:"id"`
			} `json:"models"`
			Theme  *string         `json:"theme"`
			Icon   *string         `json:"icon"`
			Access json.RawMessage `json:"publishIdentityInfo"`
		} `json:"definition"`
	} `json:"appDefinition"`
	Publish *bool `json:"publish"`
	Force   *bool `json:"force"`
}

// modeler is the caller as the room of models knows him.
func (a *API) modeler(v *visit) (model.Actor, error) {
	have, err := a.users.UserCapabilities(v.Context(), v.user.ID)
	return model.Actor{UserID: v.user.ID, TenantID: v.tenant(), Admin: v.user.Admin, Reader: slices.Contains(have, "access-all-models-in-tenant"),
		Editor: slices.Contains(have, "access-editor"), Publisher: slices.Contains(have, deployCapability)}, err
}

// publisher refuses whoever may not put apps where others see them.
func (a *API) publisher(v *visit) error { return require(v, a.users, deployCapability) }

// uploaded is the file that was sent, as an app.
func (a *API) uploaded(v *visit) (name string, data []byte, err error) {
	return v.upload(maxArchive(a.cfg.Limits))
}

// maxArchive is the largest file that may be deployed.
func maxArchive(l app.Limits) int64 {
	if l.Archive > 0 {
		return l.Archive
	}
	return 64 << 20
}

// brought is who sends a file to become a model, and the file.
func (a *API) brought(v *visit) (by model.Actor, name string, data []byte, err error) {
	if by, err = a.modeler(v); err == nil {
		name, data, err = a.uploaded(v)
	}
	return by, name, data, err
}

func (a *API) importApp(v *visit) (any, error) {
	by, name, data, err := a.brought(v)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.Import(v.Context(), by, name, data)
	if err != nil {
		return nil, err
	}
	return a.tellApp(v, by, m.ID)
}

// publishArchive imports an app, publishes it and puts it on the landing page: the one call
// by which a server is filled.
func (a *API) publishArchive(v *visit) (any, error) {
	if err := a.publisher(v); err != nil {
		return nil, err
	}
	by, name, data, err := a.brought(v)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.Import(v.Context(), by, name, data)
	if err != nil {
		return nil, err
	}
	return a.publish(v, by, m.ID, model.Publishing{Shown: true})
}

func (a *API) reimportApp(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	name, data, err := a.uploaded(v)
	if err != nil {
		return nil, err
	}
	if _, err := a.cfg.Models.Reimport(v.Context(), by, id, name, data); err != nil {
		return nil, err
	}
	return a.tellApp(v, by, id)
}

// modelAsked is the caller and the number of a model in the path.
func (a *API) modelAsked(v *visit, parameter string) (model.Actor, int64, error) {
	id, err := v.pathNumber(parameter)
	if err != nil {
		return model.Actor{}, 0, err
	}
	by, err := a.modeler(v)
	return by, id, err
}

func (a *API) publishApp(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	var body publishBody
	if v.ContentLength != 0 {
		if err := v.decode(&body); err != nil {
			return nil, err
		}
	}
	return a.publish(v, by, id, model.Publishing{Comment: value(body.Comment)})
}

func (a *API) publish(v *visit, by model.Actor, id int64, p model.Publishing) (any, error) {
	p.Readers = func(ctx context.Context, app *app.App) ([]engine.Reader, error) { return AppReaders(ctx, a.users, app) }
	done, err := a.cfg.Models.Publish(v.Context(), by, id, p)
	if err != nil {
		return nil, err
	}
	told, err := a.tellApp(v, by, id)
	if err != nil {
		return nil, err
	}
	result := updateResult{AppDefinition: told}
	if done.Wrong != "" {
		key := "GENERAL.ERROR.BAD-REQUEST"
		result.Error, result.ErrorType, result.ErrorDescription, result.Message, result.MessageKey = true, validationErrors, &done.Wrong, &done.Wrong, &key
	}
	if len(done.Warnings) > 0 {
		result.CustomData = map[string][]string{"warnings": done.Warnings}
	}
	return result, nil
}

func (a *API) appDefinition(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	return a.tellApp(v, by, id)
}

// tellApp is an app's model as clients see it, with the newest of its deployments.
func (a *API) tellApp(v *visit, by model.Actor, id int64) (*appDefinition, error) {
	m, d, err := a.cfg.Models.Definition(v.Context(), by, id)
	if err != nil {
		return nil, err
	}
	published, _, err := a.cfg.Engine.Apps(v.Context(), engine.AppQuery{ModelID: id})
	if err != nil {
		return nil, err
	}
	told := &appDefinition{ID: &m.ID, ModelID: &m.ID, Name: &m.Name, Description: &m.Description, Theme: orNil(d.Theme), Icon: orNil(d.Icon), TenantID: tenantNumber(m.TenantID),
		Definition: &appContent{Models: []appModel{}, Theme: orNil(d.Theme), Icon: orNil(d.Icon), Access: []any{}}}
	if len(d.Access) > 0 {
		told.Definition.Access = d.Access
	}
	if len(published) > 0 {
		told.DeploymentID = orNil(published[0].DeploymentID)
	}
	for _, p := range d.Models {
		told.Definition.Models = append(told.Definition.Models, appModel{ID: p.ID, Name: p.Name, Version: p.Version, Description: orNil(p.Description)})
	}
	return told, nil
}

// tenantNumber is a tenant's number by its name; the default tenant is 1.
func tenantNumber(name string) *int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(name, "tenant_"), 10, 64)
	if name != "" && err != nil {
		return nil
	}
	if name == "" {
		n = 1
	}
	return &n
}

func (a *API) updateApp(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	var body appBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	if body.AppDefinition == nil {
		return nil, fault.New(fault.Invalid, "The member appDefinition is missing.")
	}
	if _, err := a.cfg.Models.UpdateApp(v.Context(), by, id, body.change()); err != nil {
		return nil, err
	}
	if value(body.Publish) {
		return a.publish(v, by, id, model.Publishing{})
	}
	told, err := a.tellApp(v, by, id)
	return updateResult{AppDefinition: told}, err
}

// change is what a body says; of two places for one thing, the definition's counts.
func (b *appBody) change() model.AppChange {
	d := b.AppDefinition
	c := model.AppChange{Name: d.Name, Description: d.Description, Theme: d.Theme, Icon: d.Icon}
	if d.Definition == nil {
		return c
	}
	if d.Definition.Theme != nil {
		c.Theme = d.Definition.Theme
	}
	if d.Definition.Icon != nil {
		c.Icon = d.Definition.Icon
	}
	if string(d.Definition.Access) != "null" {
		c.Access = d.Definition.Access
	}
	if d.Definition.Models != nil {
		ids := make([]int64, len(*d.Definition.Models))
		for i, m := range *d.Definition.Models {
			ids[i] = int64(m.ID)
		}
		c.Processes = &ids
	}
	return c
}

func (a *API) deleteApp(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "appDefinitionId")
	if err != nil {
		return nil, err
	}
	if _, err := a.cfg.Models.GetKind(v.Context(), by, id, model.App); err != nil {
		return nil, err
	}
	return nil, a.cfg.Models.Delete(v.Context(), by, id, false)
}

func (a *API) exportApp(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	name, data, err := a.cfg.Models.Export(v.Context(), by, id)
	if err != nil {
		return nil, err
	}
	return zipped(name, data), nil
}

// zipped is an archive to keep.
func zipped(name string, data []byte) stream {
	return stream{kind: "application/zip", name: name, size: int64(len(data)), to: func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}}
}
