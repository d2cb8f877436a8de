package api

import (
	"errors"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func (p *Processes) registerHistory() {
	for path, op := range map[string]func(*visit) (any, error){"process-instances": p.historicInstances, "task-instances": p.historicTasks, "activity-instances": p.historicActivities,
		"variable-instances": p.historicVariables, "detail": p.historicDetails} {
		p.handle("GET history/historic-"+path, op)
		p.handle("POST query/historic-"+path, op)
	}
	p.handle("GET history/historic-process-instances/{id}", p.historicInstance)
	p.with(manageCapability, "DELETE history/historic-process-instances/{id}", p.deleteHistory)
	p.handle("GET history/historic-process-instances/{id}/identitylinks", p.instanceLinks)
	p.handle("GET history/historic-process-instances/{id}/comments", p.instanceComments)
	p.handle("GET history/historic-process-instances/{id}/variables/{name}/data", p.instanceData)
	p.handle("GET history/historic-task-instances/{id}", p.historicTask)
	p.handle("GET history/historic-task-instances/{id}/variables/{name}/data", p.historicTaskData)
	p.handle("GET history/historic-variable-instances/{id}/data", p.historicData)
	p.handle("GET history/historic-detail/{id}/data", p.detailData)
}

// state reads finished: absent means both.
func (r *reader) state() engine.State {
	finished := r.truth("finished")
	switch {
	case finished == nil:
		return engine.AnyState
	case *finished:
		return engine.Ended
	}
	return engine.Running
}

type restHistoricInstance struct {
	ID                   string         `json:"id"`
	URL                  string         `json:"url"`
	Name                 *string        `json:"name"`
	BusinessKey          *string        `json:"businessKey"`
	ProcessDefinitionID  string         `json:"processDefinitionId"`
	ProcessDefinitionURL string         `json:"processDefinitionUrl"`
	StartTime            stamp          `json:"startTime"`
	EndTime              stamp          `json:"endTime"`
	DurationInMillis     *int64         `json:"durationInMillis"`
	StartUserID          *string        `json:"startUserId"`
	StartActivityID      string         `json:"startActivityId"`
	EndActivityID        *string        `json:"endActivityId"`
	DeleteReason         *string        `json:"deleteReason"`
	SuperInstanceID      *string        `json:"superProcessInstanceId"`
	Variables            []restVariable `json:"variables"`
	TenantID             string         `json:"tenantId"`
}

func (v *visit) historicInstance(i *engine.Instance) restHistoricInstance {
	return restHistoricInstance{ID: i.ID, URL: v.address("history", "historic-process-instances", i.ID), Name: orNil(i.Name), BusinessKey: orNil(i.BusinessKey), ProcessDefinitionID: i.DefinitionID,
		ProcessDefinitionURL: v.address("repository", "process-definitions", i.DefinitionID), StartTime: stamp(i.StartedAt), EndTime: stamp(i.EndedAt), DurationInMillis: lasted(i.StartedAt, i.EndedAt),
		StartUserID: orNil(i.StartedBy), StartActivityID: i.StartActivity, EndActivityID: orNil(i.EndActivity), DeleteReason: orNil(i.DeleteReason), SuperInstanceID: orNil(i.ParentID),
		Variables: []restVariable{}, TenantID: i.TenantID}
}

func (p *Processes) historicInstances(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := v.instanceQuery(r, l)
	q.State = r.state()
	if q.Order, err = l.sorted(instanceSorts, "processInstanceId"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Instances(v.Context(), q)
	if err != nil {
		return nil, err
	}
	return tellWith(p, v, r, l, all, total, v.historicInstance, v.shelfOfHistoricInstance)
}

func (p *Processes) historicInstance(v *visit) (any, error) {
	i, err := p.engine.Instance(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.historicInstance(i), nil
}

func (p *Processes) deleteHistory(v *visit) (any, error) {
	return gone{}, p.engine.DeleteHistory(v.Context(), v.actor, v.PathValue("id"))
}

func (p *Processes) instanceComments(v *visit) (any, error) {
	return p.commentsOn(v, "", v.PathValue("id"))
}

type restHistoricTask struct {
	ID                  string         `json:"id"`
	URL                 string         `json:"url"`
	ProcessDefinitionID *string        `json:"processDefinitionId"`
	ProcessInstanceID   *string        `json:"processInstanceId"`
	ExecutionID         *string        `json:"executionId"`
	Name                string         `json:"name"`
	Description         *string        `json:"description"`
	DeleteReason        *string        `json:"deleteReason"`
	Owner               *string        `json:"owner"`
	Assignee            *string        `json:"assignee"`
	StartTime           stamp          `json:"startTime"`
	EndTime             stamp          `json:"endTime"`
	ClaimTime           stamp          `json:"claimTime"`
	DurationInMillis    *int64         `json:"durationInMillis"`
	WorkTimeInMillis    *int64         `json:"workTimeInMillis"`
	TaskDefinitionKey   *string        `json:"taskDefinitionKey"`
	FormKey             *string        `json:"formKey"`
	Priority            int            `json:"priority"`
	DueDate             stamp          `json:"dueDate"`
	ParentTaskID        *string        `json:"parentTaskId"`
	Variables           []restVariable `json:"variables"`
	TenantID            string         `json:"tenantId"`
	Category            *string        `json:"category"`
}

func (v *visit) historicTask(t *engine.Task) restHistoricTask {
	h := restHistoricTask{ID: t.ID, URL: v.address("history", "historic-task-instances", t.ID), ProcessDefinitionID: orNil(t.DefinitionID), ProcessInstanceID: orNil(t.InstanceID), ExecutionID: orNil(t.ExecutionID),
		Name: t.Name, Description: orNil(t.Description), DeleteReason: orNil(t.DeleteReason), Owner: orNil(t.Owner), Assignee: orNil(t.Assignee), StartTime: stamp(t.CreatedAt), EndTime: stamp(t.EndedAt),
		ClaimTime: stamp(t.ClaimedAt), DurationInMillis: lasted(t.CreatedAt, t.EndedAt), TaskDefinitionKey: orNil(t.Key), FormKey: orNil(t.FormKey), Priority: t.Priority, DueDate: stamp(t.DueAt),
		ParentTaskID: orNil(t.ParentID), Variables: []restVariable{}, TenantID: t.TenantID, Category: orNil(t.Category)}
	if !t.ClaimedAt.IsZero() {
		h.WorkTimeInMillis = lasted(t.ClaimedAt, t.EndedAt)
	}
	return h
}

var historicTaskSorts = map[string]string{"deleteReason": "id", "duration": "duration", "endTime": "ended", "executionId": "execution", "taskInstanceId": "id", "processDefinitionId": "definition",
	"processInstanceId": "instance", "startTime": "created", "assignee": "assignee", "taskDefinitionKey": "key", "description": "description", "dueDate": "due", "name": "name", "owner": "owner",
	"priority": "priority", "tenantId": "tenant"}

func (p *Processes) historicTasks(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := p.taskQuery(v, r, l)
	q.State, q.Finished = r.state(), r.between("taskCompletedAfter", "taskCompletedBefore")
	if q.Order, err = l.sorted(historicTaskSorts, "taskInstanceId"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Tasks(v.Context(), q)
	if err != nil {
		return nil, err
	}
	return tellWith(p, v, r, l, all, total, v.historicTask, v.shelfOfHistoricTask)
}

func (p *Processes) historicTask(v *visit) (any, error) {
	t, err := p.engine.Task(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.historicTask(t), nil
}

type restActivity struct {
	ID                  string  `json:"id"`
	ActivityID          string  `json:"activityId"`
	ActivityName        *string `json:"activityName"`
	ActivityType        string  `json:"activityType"`
	ProcessDefinitionID string  `json:"processDefinitionId"`
	ProcessInstanceID   string  `json:"processInstanceId"`
	ExecutionID         string  `json:"executionId"`
	TaskID              *string `json:"taskId"`
	CalledInstanceID    *string `json:"calledProcessInstanceId"`
	Assignee            *string `json:"assignee"`
	StartTime           stamp   `json:"startTime"`
	EndTime             stamp   `json:"endTime"`
	DurationInMillis    *int64  `json:"durationInMillis"`
	DeleteReason        *string `json:"deleteReason"`
	TenantID            string  `json:"tenantId"`
}

func newActivity(a *engine.Activity) restActivity {
	return restActivity{ID: a.ID, ActivityID: a.ActivityID, ActivityName: orNil(a.Name), ActivityType: a.Type, ProcessDefinitionID: a.DefinitionID, ProcessInstanceID: a.InstanceID, ExecutionID: a.ExecutionID,
		TaskID: orNil(a.TaskID), CalledInstanceID: orNil(a.CalledID), Assignee: orNil(a.Assignee), StartTime: stamp(a.StartedAt), EndTime: stamp(a.EndedAt), DurationInMillis: lasted(a.StartedAt, a.EndedAt),
		DeleteReason: orNil(a.DeleteReason), TenantID: a.TenantID}
}

func (p *Processes) historicActivities(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := engine.ActivityQuery{For: v.seen(), ID: w.text("activityInstanceId"), ActivityID: w.text("activityId"), Name: w.text("activityName"), Type: w.text("activityType"), ExecutionID: w.text("executionId"),
		InstanceID: w.text("processInstanceId"), DefinitionID: w.text("processDefinitionId"), Assignee: w.text("taskAssignee"), Tenant: r.tenant(), Page: l.page()}
	if finished := r.truth("finished"); finished != nil {
		q.Open = !*finished
		if *finished {
			q.State = engine.Ended
		}
	}
	q.Order, err = l.sorted(map[string]string{"activityId": "activity", "activityName": "name", "activityType": "type", "duration": "duration", "endTime": "ended", "executionId": "execution", "activityInstanceId": "id",
		"processDefinitionId": "definition", "processInstanceId": "instance", "startTime": "started", "tenantId": "tenant"}, "startTime")
	if err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Activities(v.Context(), q)
	return tell(l, all, total, newActivity), err
}

type restHistoricVariable struct {
	ID                 string       `json:"id"`
	ProcessInstanceID  *string      `json:"processInstanceId"`
	ProcessInstanceURL *string      `json:"processInstanceUrl"`
	TaskID             *string      `json:"taskId"`
	Variable           restVariable `json:"variable"`
}

func (p *Processes) historicVariables(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := engine.VariableQuery{For: v.seen(), InstanceID: w.text("processInstanceId"), TaskID: w.text("taskId"), Name: w.text("variableName"), NameLike: w.text("variableNameLike"), NoTasks: r.is("excludeTaskVariables"), NoBytes: true, Page: l.page()}
	if filters := r.filters("variables"); len(filters) > 0 {
		q.Value = &filters[0]
	}
	if q.Order, err = l.sorted(map[string]string{"variableName": "name", "processInstanceId": "instance"}, "variableName"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.AllVariables(v.Context(), q)
	return tell(l, all, total, func(x *engine.Variable) restHistoricVariable {
		h := restHistoricVariable{ID: historicID(x), ProcessInstanceID: orNil(x.InstanceID), ProcessInstanceURL: v.link(x.InstanceID, "history", "historic-process-instances"),
			TaskID: orNil(x.TaskID), Variable: newVariable(x, map[bool]string{true: "global", false: "local"}[x.ExecutionID == x.InstanceID && x.TaskID == ""], "")}
		if h.Variable.ValueURL != "" {
			h.Variable.ValueURL = v.address("history", "historic-variable-instances", h.ID, "data")
		}
		return h
	}), err
}

type restDetail struct {
	ID                 string       `json:"id"`
	ProcessInstanceID  string       `json:"processInstanceId"`
	ExecutionID        *string      `json:"executionId"`
	ActivityInstanceID *string      `json:"activityInstanceId"`
	TaskID             *string      `json:"taskId"`
	Time               stamp        `json:"time"`
	DetailType         string       `json:"detailType"`
	Revision           int          `json:"revision"`
	Variable           restVariable `json:"variable"`
}

// historicDetails lists the values that variables have had, at history level full.
func (p *Processes) historicDetails(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	if r := (&reader{words: w}); r.is("selectOnlyFormProperties") || r.err != nil {
		return nil, errors.Join(r.err, fault.New(fault.Invalid, "Form properties are kept with submitted forms, not as details."))
	}
	if l.Sort == "" {
		l.Sort = "time"
	}
	all, total, err := p.engine.Updates(v.Context(), engine.UpdateQuery{For: v.seen(), InstanceID: w.text("processInstanceId"), ExecutionID: w.text("executionId"), TaskID: w.text("taskId"), Visit: w.text("activityInstanceId"), Page: l.page()})
	return tell(l, all, total, func(u *engine.Update) restDetail {
		d := restDetail{ID: u.ID, ProcessInstanceID: u.InstanceID, ExecutionID: orNil(u.ExecutionID), ActivityInstanceID: orNil(u.ActivityID), TaskID: orNil(u.TaskID), Time: stamp(u.At),
			DetailType: "variableUpdate", Revision: u.Revision, Variable: newVariable(&u.Variable, "", "")}
		if d.Variable.ValueURL != "" {
			d.Variable.ValueURL = v.address("history", "historic-detail", u.ID, "data")
		}
		return d
	}), err
}
