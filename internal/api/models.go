package api

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/model"
)

// registerModels adds what people draw before it is deployed.
func (a *API) registerModels() {
	one, list := modelShown{}, page[modelShown]{}
	a.process("GET models", a.listModels).about(nil, list)
	a.process("POST models", a.createModel).about(modelBody{}, one)
	a.process("GET models-for-app-definition", a.modelsForApps).about(nil, list)
	a.process("GET models/{modelId}", a.getModel).about(nil, one)
	a.process("PUT models/{modelId}", a.updateModel).about(modelBody{}, one)
	a.process("DELETE models/{modelId}", a.deleteModel)
	a.process("POST models/{modelId}/clone", a.cloneModel).about(modelBody{}, one)
	a.process("POST models/{modelId}/newversion", a.newModelVersion).about(multipartBody{}, one)
	a.process("GET models/{modelId}/editor/json", a.modelJSON).about(nil, map[string]any{})
	a.process("GET models/{modelId}/thumbnail", a.modelThumbnail).about(nil, file{})
	a.process("GET models/{modelId}/history", a.modelHistory).about(nil, list)
	a.process("GET models/{modelId}/history/{modelHistoryId}", a.modelVersion).about(nil, one)
	a.process("GET models/{processModelId}/bpmn20", a.modelBPMN).about(nil, file{})
	a.process("GET models/{processModelId}/history/{processModelHistoryId}/bpmn20", a.versionBPMN).about(nil, file{})
	a.process("POST process-models/import", a.importProcess).about(multipartBody{}, one)
}

// modelShown is APS's ModelRepresentation.
type modelShown struct {
	ID              int64   `json:"id"`
	Name            string  `json:"name"`
	Description     *string `json:"description"`
	CreatedBy       *int64  `json:"createdBy"`
	CreatedByName   *string `json:"createdByFullName"`
	LastUpdated     date    `json:"lastUpdated"`
	LastUpdatedBy   *int64  `json:"lastUpdatedBy"`
	LastUpdatedName *string `json:"lastUpdatedByFullName"`
	LatestVersion   bool    `json:"latestVersion"`
	Version         int     `json:"version"`
	Comment         *string `json:"comment"`
	ModelType       int     `json:"modelType"`
	StencilSet      *int64  `json:"stencilSet"`
	ReferenceID     *int64  `json:"referenceId"`
	Favorite        bool    `json:"favorite"`
	Permission      *string `json:"permission"` // when it is asked for: write or read
	TenantID        *int64  `json:"tenantId"`
}

// modelBody is what a client says of a model; absent members stay as they are.
type modelBody struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	ModelType   *int64  `json:"modelType"`
	ReferenceID *digits `json:"referenceId"`
}

// tellModels is models as clients see them.
func (a *API) tellModels(v *visit, models ...model.Model) ([]modelShown, error) {
	names, err := a.fullNames(v, models)
	if err != nil {
		return nil, err
	}
	told := make([]modelShown, len(models))
	for i, m := range models {
		told[i] = modelShown{ID: m.ID, Name: m.Name, Description: orNil(m.Description), CreatedBy: orNil(m.CreatedBy), CreatedByName: names[m.CreatedBy], LastUpdated: date(m.UpdatedAt),
			LastUpdatedBy: orNil(m.UpdatedBy), LastUpdatedName: names[m.UpdatedBy], LatestVersion: true, Version: m.Version, Comment: orNil(m.Comment), ModelType: int(m.Kind),
			ReferenceID: orNil(m.ReferenceID), TenantID: tenantNumber(m.TenantID)}
	}
	return told, nil
}

// fullNames are what the people who made or changed models are called.
func (a *API) fullNames(v *visit, models []model.Model) (map[int64]*string, error) {
	var ids []string
	for _, m := range models {
		ids = append(ids, strconv.FormatInt(m.CreatedBy, 10), strconv.FormatInt(m.UpdatedBy, 10))
	}
	people, err := a.people(v.Context(), ids...)
	names := map[int64]*string{}
	for _, p := range people {
		if p != nil {
			name := strings.TrimSpace(value(p.FirstName) + " " + value(p.LastName))
			if name == "" {
				name = p.Email
			}
			names[p.ID] = &name
		}
	}
	return names, err
}

func (a *API) tellModel(v *visit, m *model.Model) (any, error) {
	told, err := a.tellModels(v, *m)
	if err != nil {
		return nil, err
	}
	return told[0], nil
}

// modelFilter turns APS's words for lists of models into a query: my…, …Reusable…, those
// shared with me and by me, favorite and all. Nobody shares models here or marks them: what
// is shared with somebody is what others have made and he may see.
func modelFilter(word string, q *model.Query) error {
	lower := strings.ToLower(word)
	switch {
	case word == "", lower == "all":
	case strings.HasPrefix(lower, "my"):
		q.Mine = true
	case strings.HasSuffix(lower, "sharedwithme"):
		q.Others = true
	case strings.HasSuffix(lower, "sharedwithothers"), strings.HasPrefix(lower, "favorite"):
		q.IDs = []int64{}
	default:
		return fault.New(fault.Invalid, "The filter is not known. Filters are all, myProcesses, myReusableForms, myDecisionTables, sharedWithMe, sharedWithOthers and favorite.")
	}
	q.Reusable = strings.Contains(lower, "reusable")
	return nil
}

func (a *API) listModels(v *visit) (any, error) {
	words := v.URL.Query()
	q := model.Query{Text: words.Get("filterText"), Sort: words.Get("sort")}
	err := v.numbers(map[string]*int64{"referenceId": &q.ReferenceID})
	if err == nil {
		err = modelFilter(words.Get("filter"), &q)
	}
	if err != nil {
		return nil, err
	}
	if words.Has("modelType") {
		kind, err := number("modelType", words.Get("modelType"))
		if err != nil {
			return nil, err
		}
		q.Kind = (*model.Kind)(new(int(kind)))
	}
	return a.tellList(v, q)
}

// tellList is a page of models; all that fit into one, when nobody says how many.
func (a *API) tellList(v *visit, q model.Query) (any, error) {
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	q.Offset, q.Limit = offset, limit
	if !v.URL.Query().Has("size") {
		q.Limit = model.MaxPage
	}
	by, err := a.modeler(v)
	if err != nil {
		return nil, err
	}
	found, total, err := a.cfg.Models.List(v.Context(), by, q)
	if err != nil {
		return nil, err
	}
	told, err := a.tellModels(v, found...)
	return newPage(told, total, offset), err
}

func (a *API) modelsForApps(v *visit) (any, error) {
	kind := model.Process
	return a.tellList(v, model.Query{Kind: &kind})
}

func (a *API) createModel(v *visit) (any, error) {
	by, err := a.modeler(v)
	if err != nil {
		return nil, err
	}
	var body modelBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.Create(v.Context(), by, model.Draft{Kind: model.Kind(value(body.ModelType)), Name: value(body.Name), Description: value(body.Description),
		ReferenceID: int64(value(body.ReferenceID))})
	if err != nil {
		return nil, err
	}
	return a.tellModel(v, m)
}

// modelOfPath is the model that the path names by that parameter.
func (a *API) modelOfPath(v *visit, parameter string) (*model.Model, model.Actor, error) {
	by, id, err := a.modelAsked(v, parameter)
	if err != nil {
		return nil, by, err
	}
	m, err := a.cfg.Models.Get(v.Context(), by, id)
	return m, by, err
}

func (a *API) getModel(v *visit) (any, error) {
	m, by, err := a.modelOfPath(v, "modelId")
	if err != nil {
		return nil, err
	}
	wanted, err := truth("includePermissions", v.URL.Query().Get("includePermissions"))
	if err != nil {
		return nil, err
	}
	told, err := a.tellModels(v, *m)
	if err != nil {
		return nil, err
	}
	if wanted {
		right := map[bool]string{true: "write", false: "read"}[by.Owns(m)]
		told[0].Permission = &right
	}
	return told[0], nil
}

func (a *API) updateModel(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	var body modelBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.Update(v.Context(), by, id, model.Change{Name: body.Name, Description: body.Description, ReferenceID: (*int64)(body.ReferenceID)})
	if err != nil {
		return nil, err
	}
	return a.tellModel(v, m)
}

// deleteModel takes a model away, and what it was deployed as when that is asked for.
func (a *API) deleteModel(v *visit) (any, error) {
	m, by, err := a.modelOfPath(v, "modelId")
	if err != nil {
		return nil, err
	}
	cascade, err := truth("cascade", v.URL.Query().Get("cascade"))
	if err != nil {
		return nil, err
	}
	runtime, err := truth("deleteRuntimeApp", v.URL.Query().Get("deleteRuntimeApp"))
	if err != nil {
		return nil, err
	}
	if runtime {
		if err := a.publisher(v); err != nil {
			return nil, err
		}
	}
	if err := a.cfg.Models.Delete(v.Context(), by, m.ID, cascade); err != nil || !runtime {
		return nil, err
	}
	return nil, a.deleteRuntimeApp(v, m.ID)
}

func (a *API) deleteRuntimeApp(v *visit, id int64) error {
	apps, _, err := a.cfg.Engine.Apps(v.Context(), engine.AppQuery{ModelID: id})
	if err != nil || len(apps) == 0 {
		return err
	}
	deployments, _, err := a.cfg.Engine.AppDeployments(v.Context(), engine.AppDeploymentQuery{AppID: apps[0].ID, Page: engine.Page{Limit: engine.MaxPage}})
	for _, d := range deployments {
		if err := a.cfg.Engine.DeleteDeployment(v.Context(), v.actor, d.ID, true); err != nil {
			return err
		}
	}
	return err
}

func (a *API) cloneModel(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	var body modelBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.Clone(v.Context(), by, id, body.Name, body.Description)
	if err != nil {
		return nil, err
	}
	return a.tellModel(v, m)
}

func (a *API) importProcess(v *visit) (any, error) {
	by, name, data, err := a.brought(v)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.ImportProcess(v.Context(), by, name, data)
	if err != nil {
		return nil, err
	}
	return a.tellModel(v, m)
}

func (a *API) newModelVersion(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "modelId")
	if err != nil {
		return nil, err
	}
	name, data, err := a.uploaded(v)
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.ImportVersion(v.Context(), by, id, name, data)
	if err != nil {
		return nil, err
	}
	return a.tellModel(v, m)
}

// modelJSON is what APS's editor works on; a process that came as BPMN has none.
func (a *API) modelJSON(v *visit) (any, error) {
	m, _, err := a.modelOfPath(v, "modelId")
	if err != nil {
		return nil, err
	}
	text := m.Content
	if m.Kind == model.Process {
		text = m.Editor
	}
	if !json.Valid(text) {
		return nil, fault.New(fault.NotFound, "The model %d has no JSON of an editor.", m.ID)
	}
	return json.RawMessage(text), nil
}

// modelThumbnail is a process as a drawing.
func (a *API) modelThumbnail(v *visit) (any, error) {
	m, _, err := a.modelOfPath(v, "modelId")
	if fault.Is(err, fault.NotFound) {
		return file{}, nil
	}
	if err != nil {
		return nil, err
	}
	return file{kind: "image/svg+xml", bytes: m.Thumbnail()}, nil
}

func (a *API) modelBPMN(v *visit) (any, error) {
	m, _, err := a.modelOfPath(v, "processModelId")
	if err != nil {
		return nil, err
	}
	return bpmnOf(m)
}

func bpmnOf(m *model.Model) (any, error) {
	if m.Kind != model.Process {
		return nil, fault.New(fault.Invalid, "The model %d is no process.", m.ID)
	}
	return bytesOf(m.Name+".bpmn20.xml", "application/xml", m.Content), nil
}

func (a *API) modelHistory(v *visit) (any, error) {
	m, by, err := a.modelOfPath(v, "modelId")
	if err != nil {
		return nil, err
	}
	latest, err := truth("includeLatestVersion", v.URL.Query().Get("includeLatestVersion"))
	if err != nil {
		return nil, err
	}
	old, total, err := a.cfg.Models.History(v.Context(), by, m.ID, 0, model.MaxPage)
	if err != nil {
		return nil, err
	}
	if latest {
		old, total = append([]model.Model{*m}, old...), total+1
	}
	told, err := a.tellModels(v, old...)
	for i := range told {
		told[i].LatestVersion = latest && i == 0
	}
	return newPage(told, total, 0), err
}

// versionOfPath is the version of a model that the path names by these parameters.
func (a *API) versionOfPath(v *visit, of, parameter string) (*model.Model, error) {
	by, id, err := a.modelAsked(v, of)
	if err != nil {
		return nil, err
	}
	version, err := v.pathNumber(parameter)
	if err != nil {
		return nil, err
	}
	return a.cfg.Models.Version(v.Context(), by, id, version)
}

func (a *API) modelVersion(v *visit) (any, error) {
	m, err := a.versionOfPath(v, "modelId", "modelHistoryId")
	if err != nil {
		return nil, err
	}
	told, err := a.tellModels(v, *m)
	if err != nil {
		return nil, err
	}
	told[0].LatestVersion = false
	return told[0], nil
}

func (a *API) versionBPMN(v *visit) (any, error) {
	m, err := a.versionOfPath(v, "processModelId", "processModelHistoryId")
	if err != nil {
		return nil, err
	}
	return bpmnOf(m)
}
