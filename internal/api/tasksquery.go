package api

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/filter"
)

// registerTaskQueries adds the searches for tasks.
func (a *API) registerTaskQueries() {
	a.process("POST tasks/query", a.queryTasks).about(taskQuery{}, page[task]{})
	a.process("POST tasks/filter", a.filterTasks).about(taskFilterRequest{}, page[task]{})
	a.process("POST historic-tasks/query", a.queryHistoricTasks).about(historicTaskQuery{}, page[task]{})
}

// included says which variables a list shows.
type included struct {
	Local   bool `json:"includeTaskLocalVariables"`
	Process bool `json:"includeProcessVariables"`
}

// taskQuery is APS's TaskQueryRepresentation.
type taskQuery struct {
	paging
	included
	AppID        digits `json:"appDefinitionId"`
	InstanceID   string `json:"processInstanceId"`
	DefinitionID string `json:"processDefinitionId"`
	TaskID       string `json:"taskId"`
	Assignment   string `json:"assignment"` // assignee, candidate, group_7; anything else means involved
	State        string `json:"state"`      // completed, all; anything else means open
	Sort         string `json:"sort"`       // created-desc, created-asc, due-desc, due-asc
	Text         string `json:"text"`       // part of the name
	DueBefore    date   `json:"dueBefore"`
	DueAfter     date   `json:"dueAfter"`
	// IncludeInstance is APS's wish for the instance's name, which is always told.
	IncludeInstance bool `json:"includeProcessInstance"`
}

func (a *API) queryTasks(v *visit) (any, error) {
	var body taskQuery
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	return a.tasksOf(v, &body, "")
}

// taskFilterRequest is APS's TaskFilterRequestRepresentation.
type taskFilterRequest struct {
	paging
	AppID    digits      `json:"appDefinitionId"`
	FilterID digits      `json:"filterId"`
	Filter   *taskFilter `json:"filter"`
}

// filterTasks searches by a filter that is sent or one that was kept.
func (a *API) filterTasks(v *visit) (any, error) {
	var body taskFilterRequest
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	search := body.Filter
	switch {
	case body.FilterID != 0:
		kept, err := a.cfg.Filters.Get(v.Context(), v.user.ID, filter.Task, int64(body.FilterID))
		if err != nil {
			return nil, err
		}
		search = &taskFilter{}
		if err := json.Unmarshal([]byte(kept.Query), search); err != nil {
			return nil, err
		}
		if body.AppID == 0 {
			body.AppID = digits(kept.AppID)
		}
	case search == nil:
		return nil, fault.New(fault.Invalid, "A valid filterId or filter params must be provided")
	}
	return a.tasksOf(v, search.query(body.paging, body.AppID), value(search.DefinitionKey))
}

// query is the search that a filter means.
func (f *taskFilter) query(p paging, app digits) *taskQuery {
	sort := value(f.Sort)
	if f.Asc != nil && !strings.Contains(sort, "-") { // created, due
		sort += map[bool]string{true: "-asc", false: "-desc"}[*f.Asc]
	}
	return &taskQuery{paging: p, AppID: app, DefinitionID: value(f.DefinitionID), Assignment: value(f.Assignment), State: value(f.State), Sort: sort, Text: value(f.Name),
		DueBefore: f.DueBefore, DueAfter: f.DueAfter}
}

// tasksOf answers a search.
func (a *API) tasksOf(v *visit, body *taskQuery, definitionKey string) (any, error) {
	q := engine.TaskQuery{AppID: int64(body.AppID), InstanceID: body.InstanceID, DefinitionID: body.DefinitionID, DefinitionKey: definitionKey, ID: body.TaskID, NameContains: body.Text,
		Due: engine.Between{After: time.Time(body.DueAfter), Before: time.Time(body.DueBefore)}, State: taskStates[body.State], Order: taskOrders[body.Sort]}
	if err := assign(v, &q, body.Assignment); err != nil {
		return nil, err
	}
	if !v.actor.AllTenants { // groups of two tenants may have one name
		q.Tenant = v.ofTenant()
	}
	return a.taskPage(v, q, body.paging, body.included)
}

// taskStates are APS's words for what is searched; any other one means open tasks.
var taskStates = map[string]engine.State{"completed": engine.Ended, "all": engine.AnyState}

// taskOrders are APS's words for orders; any other one means the newest first.
var taskOrders = map[string]engine.Order{"created-asc": {By: "created"}, "due-desc": {By: "due", Desc: true}, "due-asc": {By: "due"}}

// assign restricts a search to what APS's word means for the caller. One for an instance or
// a task that says nothing gives whatever of it he may see; any other that says nothing
// gives what he is involved in, whoever he is.
func assign(v *visit, q *engine.TaskQuery, word string) error {
	group, ofGroup := strings.CutPrefix(word, "group_")
	switch {
	case word == "assignee":
		q.Assignee = v.actor.UserID
	case word == "candidate":
		q.Candidate = &engine.Actor{UserID: v.actor.UserID, Groups: v.actor.Groups}
	case ofGroup:
		if _, err := strconv.ParseUint(group, 10, 63); err != nil {
			return fault.New(fault.Invalid, "Invalid group id")
		}
		q.Candidate, q.For = &engine.Actor{Groups: v.sameGroup(group)}, v.seen()
	case word == "" && (q.InstanceID != "" || q.ID != ""):
		q.For = v.seen()
	default:
		q.Involved = v.actor.UserID
	}
	return nil
}

// sameGroup is a group of the caller's by number and by name, as models may name it.
func (v *visit) sameGroup(number string) []string {
	for pair := range slices.Chunk(v.actor.Groups, 2) { // as actorOf makes them
		if pair[0] == number {
			return pair
		}
	}
	return []string{number}
}

// taskPage answers a page of tasks.
func (a *API) taskPage(v *visit, q engine.TaskQuery, p paging, with included) (any, error) {
	q.Page.Offset, q.Page.Limit = p.span()
	found, total, err := a.cfg.Engine.Tasks(v.Context(), q)
	if err != nil {
		return nil, err
	}
	shown, err := a.showTasks(v, found)
	if err != nil {
		return nil, err
	}
	return newPage(shown, total, q.Page.Offset), a.addVariables(v, shown, with)
}

// maxListed is how many variables a list of tasks shows at most.
const maxListed = 20_000

// addVariables adds the variables that are to be included, those of the tasks before those
// of their instances.
func (a *API) addVariables(v *visit, shown []task, with included) error {
	byTask, byInstance := map[string][]*task{}, map[string][]*task{}
	for i := range shown {
		t := &shown[i]
		byTask[t.ID] = append(byTask[t.ID], t)
		if t.InstanceID != nil {
			byInstance[*t.InstanceID] = append(byInstance[*t.InstanceID], t)
		}
	}
	if with.Local && len(byTask) > 0 {
		err := eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{TaskIDs: keys(byTask)}, func(x *engine.Variable) {
			for _, t := range byTask[x.TaskID] {
				t.Variables = append(t.Variables, newAPSVariable(x, "local"))
			}
		})
		if err != nil {
			return err
		}
	}
	if !with.Process || len(byInstance) == 0 {
		return nil
	}
	return eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{InstanceIDs: keys(byInstance), Instances: true}, func(x *engine.Variable) {
		for _, t := range byInstance[x.InstanceID] {
			t.Variables = append(t.Variables, newAPSVariable(x, "global"))
		}
	})
}

func keys[V any](m map[string]V) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// newAPSVariable is a variable as APS's clients read it: dates have APS's form.
func newAPSVariable(x *engine.Variable, scope string) restVariable {
	shown := newVariable(x, scope, "")
	if at, ok := x.Value.(time.Time); ok {
		shown.Value, _ = date(at).MarshalJSON() // of a date it gives no error
	}
	return shown
}
