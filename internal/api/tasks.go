package api

import (
	"context"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerTasks adds the operations on tasks themselves.
func (a *API) registerTasks() {
	a.process("POST tasks", a.newTask).about(taskBody{}, task{})
	a.process("GET tasks/{taskId}", a.getTask).about(nil, task{})
	a.process("PUT tasks/{taskId}", a.updateTask).about(taskUpdate{}, task{})
	a.process("DELETE tasks/{taskId}", a.deleteTask)
	a.process("GET tasks/{taskId}/audit", a.taskAudit).about(nil, taskAudit{})
	a.linksOf("tasks/{taskId}", func(id string) engine.Link { return engine.Link{TaskID: id} }, "/{type}")
	for _, register := range []func(){a.registerTaskQueries, a.registerTaskActions, a.registerTaskVariables, a.registerChecklists, a.registerComments} {
		register()
	}
}

// task is APS's TaskRepresentation.
type task struct {
	ID                    string         `json:"id"`
	Name                  string         `json:"name"`
	Description           *string        `json:"description"`
	Category              *string        `json:"category"`
	Assignee              *lightUser     `json:"assignee"`
	Created               date           `json:"created"`
	DueDate               date           `json:"dueDate"`
	EndDate               date           `json:"endDate"`
	Duration              *int64         `json:"duration"` // milliseconds
	Priority              int            `json:"priority"`
	ParentTaskID          *string        `json:"parentTaskId"`
	ParentTaskName        *string        `json:"parentTaskName"`
	InstanceID            *string        `json:"processInstanceId"`
	InstanceName          *string        `json:"processInstanceName"`
	InstanceStartUser     *string        `json:"processInstanceStartUserId"`
	DefinitionID          *string        `json:"processDefinitionId"`
	DefinitionName        *string        `json:"processDefinitionName"`
	DefinitionDescription *string        `json:"processDefinitionDescription"`
	DefinitionKey         *string        `json:"processDefinitionKey"`
	DefinitionCategory    *string        `json:"processDefinitionCategory"`
	DefinitionVersion     *int           `json:"processDefinitionVersion"`
	DeploymentID          *string        `json:"processDefinitionDeploymentId"`
	FormKey               *string        `json:"formKey"`
	Key                   *string        `json:"taskDefinitionKey"`
	ExecutionID           *string        `json:"executionId"`
	InitiatorMay          bool           `json:"initiatorCanCompleteTask"`
	Reassignable          bool           `json:"adhocTaskCanBeReassigned"`
	CandidateGroup        bool           `json:"memberOfCandidateGroup"`
	CandidateUser         bool           `json:"memberOfCandidateUsers"`
	CandidateManager      bool           `json:"managerOfCandidateGroup"`
	InvolvedPeople        []lightUser    `json:"involvedPeople"`
	InvolvedGroups        []lightGroup   `json:"involvedGroups"`
	Variables             []restVariable `json:"variables"`
}

// showTasks is tasks as clients see them in a list, with a bounded number of statements.
// As in APS, lists do not tell who is involved: showTask does.
func (a *API) showTasks(v *visit, tasks []engine.Task) ([]task, error) {
	ctx := v.Context()
	managed, err := a.managed(ctx, v.user)
	if err != nil {
		return nil, err
	}
	around, err := a.cfg.Engine.TaskContexts(ctx, v.actor, managed, tasks)
	if err != nil {
		return nil, err
	}
	var ids []string
	for i := range tasks {
		ids = append(ids, tasks[i].Assignee)
	}
	people, err := a.people(ctx, ids...)
	if err != nil {
		return nil, err
	}
	shown := make([]task, len(tasks))
	for i := range tasks {
		shown[i] = newTask(&tasks[i], around[tasks[i].ID])
		shown[i].Assignee = people[tasks[i].Assignee]
		shown[i].Reassignable = tasks[i].InstanceID == "" && tasks[i].EndedAt.IsZero() && slices.Contains([]string{tasks[i].Assignee, tasks[i].Owner}, v.actor.UserID)
	}
	return shown, nil
}

// managed returns the numbers and names of the groups that a user manages.
func (a *API) managed(ctx context.Context, u *identity.User) ([]string, error) {
	groups, _, err := a.users.Groups(ctx, identity.GroupQuery{ManagerID: u.ID, Status: identity.Active, Limit: identity.MaxPage})
	var names []string
	for _, g := range groups {
		names = append(names, strconv.FormatInt(g.ID, 10), g.Name)
	}
	return names, err
}

func newTask(t *engine.Task, around *engine.TaskContext) task {
	shown := task{ID: t.ID, Name: t.Name, Description: orNil(t.Description), Category: orNil(t.Category), Created: date(t.CreatedAt), DueDate: date(t.DueAt), EndDate: date(t.EndedAt),
		Priority: t.Priority, ParentTaskID: orNil(t.ParentID), ParentTaskName: orNil(around.ParentName), InstanceID: orNil(t.InstanceID), DefinitionID: orNil(t.DefinitionID),
		FormKey: orNil(t.FormKey), Key: orNil(t.Key), ExecutionID: orNil(t.ExecutionID), InitiatorMay: around.InitiatorMay, CandidateGroup: around.CandidateGroup,
		CandidateUser: around.CandidateUser, CandidateManager: around.CandidateManager, InvolvedPeople: []lightUser{}, InvolvedGroups: []lightGroup{}, Variables: []restVariable{}}
	if !t.EndedAt.IsZero() {
		took := t.EndedAt.Sub(t.CreatedAt).Milliseconds()
		shown.Duration = &took
	}
	if i := around.Instance; i != nil {
		shown.InstanceName, shown.InstanceStartUser = orNil(i.Name), orNil(i.StartedBy)
	}
	if d := around.Definition; d != nil {
		shown.DefinitionName, shown.DefinitionDescription, shown.DefinitionKey = orNil(d.Name), orNil(d.Description), orNil(d.Key)
		shown.DefinitionCategory, shown.DefinitionVersion, shown.DeploymentID = orNil(d.Category), orNil(d.Version), orNil(d.DeploymentID)
	}
	return shown
}

// showTask is one task as clients see it, with who is involved.
func (a *API) showTask(v *visit, t *engine.Task) (*task, error) {
	all, err := a.showTasks(v, []engine.Task{*t})
	if err != nil {
		return nil, err
	}
	links, err := a.cfg.Engine.Links(v.Context(), t.ID, "", "")
	if err != nil {
		return nil, err
	}
	all[0].InvolvedPeople, all[0].InvolvedGroups, err = a.involved(v.Context(), links)
	return &all[0], err
}

// involved returns the people and groups of links, each once. Assignee and owner are told
// elsewhere.
func (a *API) involved(ctx context.Context, links []engine.Link) ([]lightUser, []lightGroup, error) {
	var ids, names []string
	for _, l := range links {
		switch {
		case l.Kind == "assignee" || l.Kind == "owner":
		case l.UserID != "" && !slices.Contains(ids, l.UserID):
			ids = append(ids, l.UserID)
		case l.GroupID != "" && len(names) < identity.MaxPage:
			names = append(names, l.GroupID)
		}
	}
	known, err := a.people(ctx, ids...)
	if err != nil {
		return nil, nil, err
	}
	people, groups := []lightUser{}, []lightGroup{}
	for _, id := range ids {
		if u := known[id]; u != nil {
			people = append(people, *u)
		}
	}
	if len(names) == 0 {
		return people, groups, nil
	}
	found, _, err := a.users.Groups(ctx, identity.GroupQuery{Named: names, Limit: identity.MaxPage})
	for _, g := range found {
		groups = append(groups, newLightGroup(g))
	}
	return people, groups, err
}

func (a *API) getTask(v *visit) (any, error) {
	t, err := a.cfg.Engine.Task(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	return a.showTask(v, t)
}
