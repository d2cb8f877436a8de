package api

import (
	"github.com/sluicehq/sluice/internal/engine"
)

// registerChecklists adds the operations on the sub-tasks of a task.
func (a *API) registerChecklists() {
	const checklist = "tasks/{taskId}/checklist"
	a.process("GET "+checklist, a.checklist).about(nil, page[task]{})
	a.process("POST "+checklist, a.addToChecklist).about(taskBody{}, task{})
	a.process("PUT "+checklist, a.orderChecklist).about(checklistOrder{}, nil)
}

// checklistOrder is APS's ChecklistOrderRepresentation.
type checklistOrder struct {
	Order []string `json:"order"`
}

// checklist answers the sub-tasks, open and done: all that a page can hold when the caller
// says nothing of pages, as APS.
func (a *API) checklist(v *visit) (any, error) {
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	if !v.URL.Query().Has("size") {
		limit = engine.MaxPage
	}
	found, total, err := a.cfg.Engine.Checklist(v.Context(), v.actor, v.PathValue("taskId"), engine.Page{Offset: offset, Limit: limit})
	if err != nil {
		return nil, err
	}
	shown, err := a.showTasks(v, found)
	return newPage(shown, total, offset), err
}

func (a *API) addToChecklist(v *visit) (any, error) {
	var body taskBody
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	body.ParentID = v.PathValue("taskId")
	return a.makeTask(v, &body)
}

func (a *API) orderChecklist(v *visit) (any, error) {
	var body checklistOrder
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.OrderChecklist(v.Context(), v.actor, v.PathValue("taskId"), body.Order)
}
