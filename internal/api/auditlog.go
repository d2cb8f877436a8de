package api

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// maxAudited is how many visits of activities an audit tells of at most.
const maxAudited = 10_000

// instanceAudit is APS's ProcessInstanceAuditInfoRepresentation.
type instanceAudit struct {
	ID                string       `json:"processInstanceId"`
	Name              *string      `json:"processInstanceName"`
	DefinitionName    *string      `json:"processDefinitionName"`
	DefinitionVersion string       `json:"processDefinitionVersion"`
	Started           auditTime    `json:"processInstanceStartTime"`
	Ended             auditTime    `json:"processInstanceEndTime"`
	Duration          *int64       `json:"processInstanceDurationInMillis"`
	Initiator         *string      `json:"processInstanceInitiator"` // as people call him
	Entries           []auditEntry `json:"entries"`
	DecisionInfo      any          `json:"decisionInfo"`
}

// auditEntry is APS's AuditLogEntryRepresentation.
type auditEntry struct {
	Index        int          `json:"index"`
	Type         string       `json:"type"` // startForm, activityExecuted, taskCreated, taskCompleted
	Timestamp    auditTime    `json:"timestamp"`
	Outcome      *string      `json:"selectedOutcome"`
	FormData     []auditField `json:"formData"`
	TaskName     *string      `json:"taskName"`
	TaskAssignee *string      `json:"taskAssignee"`
	ActivityID   *string      `json:"activityId"`
	ActivityName *string      `json:"activityName"`
	ActivityType *string      `json:"activityType"`
	StartTime    auditTime    `json:"startTime"`
	EndTime      auditTime    `json:"endTime"`
	Duration     *int64       `json:"durationInMillis"`
}

// instanceAudit tells what an instance has been through, in its order.
func (a *API) instanceAudit(v *visit) (any, error) {
	i, err := a.foundInstance(v)
	if err != nil {
		return nil, err
	}
	return a.auditOf(v, i)
}

func (a *API) auditOf(v *visit, i *engine.Instance) (*instanceAudit, error) {
	d, err := a.cfg.Engine.Definition(v.Context(), v.actor, i.DefinitionID)
	if err != nil {
		return nil, err
	}
	told := &instanceAudit{ID: i.ID, Name: orNil(i.Name), DefinitionName: orNil(d.Name), DefinitionVersion: strconv.Itoa(d.Version), Started: auditTime(i.StartedAt), Ended: auditTime(i.EndedAt),
		Duration: lasted(i.StartedAt, i.EndedAt), Entries: []auditEntry{}}
	visits, err := a.visitsOf(v, i.ID)
	if err != nil {
		return nil, err
	}
	forms, err := a.submittedOf(v, i.ID)
	if err != nil {
		return nil, err
	}
	people := []string{i.StartedBy}
	for n := range visits {
		people = append(people, visits[n].Assignee)
	}
	names, err := a.names(v.Context(), people...)
	if err != nil {
		return nil, err
	}
	told.Initiator = orNil(names[i.StartedBy])
	if form := forms[""]; form != nil {
		told.Entries = append(told.Entries, (&auditEntry{Type: "startForm", Timestamp: auditTime(form.at)}).filled(form))
	}
	for n := range visits {
		told.Entries = append(told.Entries, entriesOf(&visits[n], orNil(names[visits[n].Assignee]), forms)...)
	}
	slices.SortStableFunc(told.Entries, func(x, y auditEntry) int { return time.Time(x.Timestamp).Compare(time.Time(y.Timestamp)) })
	for n := range told.Entries {
		told.Entries[n].Index = n + 1
	}
	return told, nil
}

// visitsOf reads all visits of activities of an instance, the oldest first.
func (a *API) visitsOf(v *visit, instance string) (all []engine.Activity, err error) {
	for {
		part, total, err := a.cfg.Engine.Activities(v.Context(), engine.ActivityQuery{InstanceID: instance, Page: engine.Page{Offset: len(all), Limit: engine.MaxPage}})
		switch all = append(all, part...); {
		case err != nil:
			return nil, err
		case total > maxAudited:
			return nil, fault.New(fault.Invalid, "The process instance has been through %d activities; an audit tells of %d at most.", total, maxAudited)
		case len(part) == 0 || len(all) >= total:
			return all, nil
		}
	}
}

// submission is a form that was submitted, as audits tell of it.
type submission struct {
	at      time.Time
	outcome *string
	fields  []auditField
}

// submittedOf returns the forms that were submitted in an instance by task, the start form
// by nothing.
func (a *API) submittedOf(v *visit, instance string) (map[string]*submission, error) {
	all, _, err := a.cfg.Engine.SubmittedForms(v.Context(), v.actor, "", instance, engine.Page{Limit: engine.MaxPage})
	if err != nil {
		return nil, err
	}
	told, err := a.audited(v, all)
	byTask := map[string]*submission{}
	for i := range slices.Backward(told) { // what was submitted last counts
		byTask[all[i].TaskID] = &told[i]
	}
	return byTask, err
}

// audited tells of submitted forms what was filled in, under the fields' names.
func (a *API) audited(v *visit, all []engine.Submitted) ([]submission, error) {
	forms, err := a.cfg.Engine.FormsOf(v.Context(), all)
	if err != nil {
		return nil, err
	}
	told := make([]submission, len(all))
	for i, s := range all {
		told[i] = submission{at: s.At, outcome: orNil(s.Outcome), fields: []auditField{}}
		for _, id := range keys(s.Values) {
			name := id
			if f := forms[s.FormID]; f != nil && f.Form != nil {
				if field := f.Form.Field(id); field != nil {
					name = cmp.Or(field.Name, id)
				}
			}
			told[i].fields = append(told[i].fields, auditField{ID: id, Name: name, Value: auditValue(s.Values[id])})
		}
	}
	return told, nil
}

// entriesOf is a visit of an activity in the audit: that of a task is its creation and its
// end.
func entriesOf(x *engine.Activity, assignee *string, forms map[string]*submission) []auditEntry {
	e := auditEntry{Type: "activityExecuted", Timestamp: auditTime(x.StartedAt), ActivityID: &x.ActivityID, ActivityName: orNil(x.Name), ActivityType: &x.Type, StartTime: auditTime(x.StartedAt),
		EndTime: auditTime(x.EndedAt), Duration: lasted(x.StartedAt, x.EndedAt), FormData: []auditField{}}
	if x.TaskID == "" {
		return []auditEntry{e}
	}
	e.TaskName, e.TaskAssignee = orNil(x.Name), assignee
	made, done := e, e
	made.Type, done.Type, done.Timestamp = "taskCreated", "taskCompleted", auditTime(x.EndedAt)
	if x.EndedAt.IsZero() || x.DeleteReason != "" {
		return []auditEntry{made}
	}
	if form := forms[x.TaskID]; form != nil {
		done = done.filled(form)
	}
	return []auditEntry{made, done}
}

// filled is an entry with what was submitted.
func (e *auditEntry) filled(form *submission) auditEntry {
	to := *e
	to.Outcome, to.FormData = form.outcome, form.fields
	return to
}
