package api

import (
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerSubmitted adds the operations on what was submitted in forms.
func (a *API) registerSubmitted() {
	list := page[submittedForm]{}
	a.process("GET form-submitted-forms/{formId}", a.formSubmissions).about(nil, list)
	a.process("GET process-submitted-forms/{processId}", a.instanceSubmissions).about(nil, list)
	a.process("GET submitted-forms/{submittedFormId}", a.submission).about(nil, submittedForm{})
	a.process("GET task-submitted-form/{taskId}", a.taskSubmission).about(nil, submittedForm{})
}

// submittedForm is APS's SubmittedFormRepresentation.
type submittedForm struct {
	ID          int64      `json:"id"`
	Name        string     `json:"name"`
	FormID      int64      `json:"formId"` // 0: the form is not deployed any more
	TaskID      *string    `json:"taskId"`
	InstanceID  *string    `json:"processId"`
	Submitted   date       `json:"submitted"`
	SubmittedBy *lightUser `json:"submittedBy"`
	Form        any        `json:"form"` // a formDefinition with what was submitted; null in lists
}

// showSubmissions are submitted forms as lists show them.
func (a *API) showSubmissions(v *visit, all []engine.Submitted) ([]submittedForm, map[string]*engine.DeployedForm, error) {
	forms, err := a.cfg.Engine.FormsOf(v.Context(), all)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(all))
	for i := range all {
		ids[i] = all[i].UserID
	}
	people, err := a.people(v.Context(), ids...)
	if err != nil {
		return nil, nil, err
	}
	list := make([]submittedForm, len(all))
	for i, s := range all {
		list[i] = submittedForm{ID: s.ID, Name: s.FormName, TaskID: orNil(s.TaskID), InstanceID: orNil(s.InstanceID), Submitted: date(s.At), SubmittedBy: people[s.UserID]}
		if f := forms[s.FormID]; f != nil {
			list[i].FormID = f.Number
		}
	}
	return list, forms, nil
}

func (a *API) submissions(v *visit, sq engine.SubmittedQuery) (any, error) {
	offset, limit, err := v.span()
	if err != nil {
		return nil, err
	}
	sq.Page = engine.Page{Offset: offset, Limit: limit}
	all, total, err := a.cfg.Engine.Submissions(v.Context(), sq)
	if err != nil {
		return nil, err
	}
	list, _, err := a.showSubmissions(v, all)
	return newPage(list, total, offset), err
}

// formSubmissions lists what was submitted in a form, as far as the caller may see it.
func (a *API) formSubmissions(v *visit) (any, error) {
	number, err := v.pathNumber("formId")
	if err != nil {
		return nil, err
	}
	if _, err := a.cfg.Engine.Form(v.Context(), v.tenant(), number); err != nil {
		return nil, err
	}
	var by int64
	if err := v.numbers(map[string]*int64{"submittedBy": &by}); err != nil {
		return nil, err
	}
	return a.submissions(v, engine.SubmittedQuery{FormNumber: number, UserID: v.URL.Query().Get("submittedBy"), For: v.seen()})
}

func (a *API) instanceSubmissions(v *visit) (any, error) {
	i, err := a.cfg.Engine.Instance(v.Context(), v.actor, v.PathValue("processId"))
	if err != nil {
		return nil, err
	}
	return a.submissions(v, engine.SubmittedQuery{InstanceID: i.ID})
}

func (a *API) submission(v *visit) (any, error) {
	number, err := v.pathNumber("submittedFormId")
	if err != nil {
		return nil, err
	}
	s, err := a.cfg.Engine.Submission(v.Context(), v.actor, v.ofTenant(), number)
	if err != nil {
		return nil, err
	}
	return a.showSubmission(v, s)
}

// taskSubmission is what was submitted in a task last.
func (a *API) taskSubmission(v *visit) (any, error) {
	id := v.PathValue("taskId")
	all, _, err := a.cfg.Engine.SubmittedForms(v.Context(), v.actor, id, "", engine.Page{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.New(fault.NotFound, "Nothing was submitted in the task with id: %s.", id)
	}
	return a.showSubmission(v, &all[0])
}

// showSubmission is one submitted form, with the form.
func (a *API) showSubmission(v *visit, s *engine.Submitted) (any, error) {
	list, forms, err := a.showSubmissions(v, []engine.Submitted{*s})
	if err != nil {
		return nil, err
	}
	if f := forms[s.FormID]; f != nil {
		data := &engine.FormData{DeployedForm: *f, Values: s.Values, Outcome: s.Outcome}
		if s.TaskID != "" {
			data.Task = &engine.Task{ID: s.TaskID, Name: s.TaskName}
		}
		if list[0].Form, err = a.showForm(v, data); err != nil {
			return nil, err
		}
	}
	return list[0], nil
}
