package api

import (
	"encoding/json"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/model"
)

// registerFormModels adds forms as they are drawn.
func (a *API) registerFormModels() {
	one, list := formModel{}, page[formModel]{}
	a.process("GET editor/form-models", a.listFormModels).about(nil, list)
	a.process("GET editor/form-models/values", a.someFormModels).about(nil, list)
	a.process("GET editor/form-models/{formId}", a.getFormModel).about(nil, one)
	a.process("PUT editor/form-models/{formId}", a.saveFormModel).about(formBody{}, one)
	a.process("GET editor/form-models/{formId}/history/{formHistoryId}", a.formModelVersion).about(nil, one)
}

// formModel is APS's FormRepresentation.
type formModel struct {
	ID              int64   `json:"id"`
	Name            string  `json:"name"`
	Description     *string `json:"description"`
	Version         int     `json:"version"`
	LastUpdatedBy   *int64  `json:"lastUpdatedBy"`
	LastUpdatedName *string `json:"lastUpdatedByFullName"`
	LastUpdated     date    `json:"lastUpdated"`
	StencilSetID    *int64  `json:"stencilSetId"`
	ReferenceID     *int64  `json:"referenceId"`
	Definition      any     `json:"formDefinition"`
}

// formBody is APS's FormSaveRepresentation.
type formBody struct {
	Comment    *string `json:"comment"`
	NewVersion *bool   `json:"newVersion"`
	Reusable   *bool   `json:"reusable"`
	Form       *struct {
		Name        *string         `json:"name"`
		Description *string         `json:"description"`
		Definition  json.RawMessage `json:"formDefinition"`
	} `json:"formRepresentation"`
}

// maxFormBody is the largest body that a form is saved by: the form, and the picture of it
// that the editor sends along.
const maxFormBody = 4 << 20

func (a *API) tellForms(v *visit, forms ...model.Model) ([]formModel, error) {
	names, err := a.fullNames(v, forms)
	if err != nil {
		return nil, err
	}
	told := make([]formModel, len(forms))
	for i, m := range forms {
		definition, err := m.FormDefinition()
		if err != nil {
			return nil, err
		}
		told[i] = formModel{ID: m.ID, Name: m.Name, Description: orNil(m.Description), Version: m.Version, LastUpdatedBy: orNil(m.UpdatedBy), LastUpdatedName: names[m.UpdatedBy],
			LastUpdated: date(m.UpdatedAt), ReferenceID: orNil(m.ReferenceID), Definition: definition}
	}
	return told, nil
}

func (a *API) tellForm(v *visit, m *model.Model) (any, error) {
	told, err := a.tellForms(v, *m)
	if err != nil {
		return nil, err
	}
	return told[0], nil
}

func (a *API) listFormModels(v *visit) (any, error) {
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	return a.formModels(v, model.Query{Offset: offset, Limit: limit})
}

func (a *API) formModels(v *visit, q model.Query) (any, error) {
	by, err := a.modeler(v)
	if err != nil {
		return nil, err
	}
	found, total, err := a.cfg.Models.Forms(v.Context(), by, q)
	if err != nil {
		return nil, err
	}
	told, err := a.tellForms(v, found...)
	return newPage(told, total, q.Offset), err
}

// someFormModels are the forms that the query names, as far as the caller may see them.
func (a *API) someFormModels(v *visit) (any, error) {
	ids := []int64{}
	for _, text := range v.URL.Query()["formId"] {
		id, err := number("formId", text)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return a.formModels(v, model.Query{IDs: ids})
}

func (a *API) getFormModel(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "formId")
	if err != nil {
		return nil, err
	}
	m, err := a.cfg.Models.GetKind(v.Context(), by, id, model.Form)
	if err != nil {
		return nil, err
	}
	return a.tellForm(v, m)
}

func (a *API) saveFormModel(v *visit) (any, error) {
	by, id, err := a.modelAsked(v, "formId")
	if err != nil {
		return nil, err
	}
	var body formBody
	if err := v.decodeUpTo(maxFormBody, "4 MiB", &body); err != nil {
		return nil, err
	}
	if body.Form == nil {
		return nil, fault.New(fault.Invalid, "The member formRepresentation is missing.")
	}
	save := model.FormSave{Name: body.Form.Name, Description: body.Form.Description, NewVersion: value(body.NewVersion), Comment: value(body.Comment), Reusable: value(body.Reusable)}
	if string(body.Form.Definition) != "null" {
		save.Definition = body.Form.Definition
	}
	m, err := a.cfg.Models.SaveForm(v.Context(), by, id, save)
	if err != nil {
		return nil, err
	}
	return a.tellForm(v, m)
}

func (a *API) formModelVersion(v *visit) (any, error) {
	m, err := a.versionOfPath(v, "formId", "formHistoryId")
	if err == nil && m.Kind != model.Form {
		err = fault.New(fault.NotFound, "There is no form with the id %d.", m.ID)
	}
	if err != nil {
		return nil, err
	}
	return a.tellForm(v, m)
}
