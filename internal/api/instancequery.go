package api

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/filter"
)

// registerInstanceQueries adds the searches for process instances.
func (a *API) registerInstanceQueries() {
	a.process("POST process-instances/query", a.queryInstances).about(instanceQuery{}, page[instance]{})
	a.process("POST process-instances/filter", a.filterInstances).about(instanceFilterRequest{}, page[instance]{})
	a.process("POST historic-process-instances/query", a.queryHistoricInstances).about(historicInstanceQuery{}, page[instance]{})
}

// instanceQuery is APS's ProcessInstanceQueryRepresentation.
type instanceQuery struct {
	paging
	AppID         digits `json:"appDefinitionId"`
	DefinitionID  string `json:"processDefinitionId"`
	DefinitionKey string `json:"processDefinitionKey"`
	InstanceID    string `json:"processInstanceId"`
	State         string `json:"state"` // running (the default), completed, all
	Sort          string `json:"sort"`  // created-desc (the default), created-asc, ended-desc, ended-asc
	Text          string `json:"text"`  // of the name, anywhere in it, in any case
	Variables     bool   `json:"includeProcessVariables"`
}

// instanceStates and instanceSorted are APS's words; of orders any other one means the
// newest first.
var (
	instanceStates = map[string]engine.State{"": engine.Running, "running": engine.Running, "completed": engine.Ended, "all": engine.AnyState}
	instanceSorted = map[string]engine.Order{"created-asc": {By: "started"}, "ended-asc": {By: "ended"}, "ended-desc": {By: "ended", Desc: true}}
)

func (a *API) queryInstances(v *visit) (any, error) {
	var body instanceQuery
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	return a.instancesOf(v, &body)
}

// instancesOf answers a search.
func (a *API) instancesOf(v *visit, body *instanceQuery) (any, error) {
	state, ok := instanceStates[body.State]
	if !ok {
		return nil, fault.New(fault.Invalid, "Illegal state filter value passed, only 'running', 'completed' or 'all' are supported")
	}
	return a.instancePage(v, engine.InstanceQuery{State: state, AppID: int64(body.AppID), ID: body.InstanceID, DefinitionID: body.DefinitionID, DefinitionKey: body.DefinitionKey,
		NameContains: body.Text, Order: instanceSorted[body.Sort]}, body.paging, body.Variables)
}

// instancePage answers a page of what the caller may see.
func (a *API) instancePage(v *visit, q engine.InstanceQuery, p paging, variables bool) (any, error) {
	q.For = v.seen()
	q.Page.Offset, q.Page.Limit = p.span()
	found, total, err := a.cfg.Engine.Instances(v.Context(), q)
	if err != nil {
		return nil, err
	}
	shown, err := a.showInstances(v, found, variables)
	return newPage(shown, total, q.Page.Offset), err
}

// instanceFilterRequest is APS's ProcessInstanceFilterRequestRepresentation.
type instanceFilterRequest struct {
	paging
	AppID    digits         `json:"appDefinitionId"`
	FilterID digits         `json:"filterId"`
	Filter   *processFilter `json:"filter"`
}

// filterInstances searches by a filter that is sent or one that was kept.
func (a *API) filterInstances(v *visit) (any, error) {
	var body instanceFilterRequest
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	f := body.Filter
	switch {
	case body.FilterID != 0:
		kept, err := a.cfg.Filters.Get(v.Context(), v.user.ID, filter.Process, int64(body.FilterID))
		if err != nil {
			return nil, err
		}
		f = &processFilter{}
		if err := json.Unmarshal([]byte(kept.Query), f); err != nil {
			return nil, err
		}
		body.AppID = cmp.Or(body.AppID, digits(kept.AppID))
	case f == nil:
		return nil, fault.New(fault.Invalid, "A valid filterId or filter params must be provided")
	}
	return a.instancesOf(v, &instanceQuery{paging: body.paging, AppID: body.AppID, DefinitionID: value(f.DefinitionID), DefinitionKey: value(f.DefinitionKey),
		State: value(f.State), Sort: sortWord(value(f.Sort), f.Asc), Text: value(f.Name)})
}

// sortWord is a filter's order in the words of a search: a filter may say created and asc.
func sortWord(sort string, asc *bool) string {
	if asc == nil || sort != "created" && sort != "ended" {
		return sort
	}
	return sort + map[bool]string{true: "-asc", false: "-desc"}[*asc]
}

// historicInstanceQuery is APS's HistoricProcessInstanceQueryRepresentation.
type historicInstanceQuery struct {
	paging
	Sort           string          `json:"sort"`  // one of instanceSorts
	Order          string          `json:"order"` // asc (the default), desc
	InstanceID     string          `json:"processInstanceId"`
	InstanceIDs    []string        `json:"processInstanceIds"`
	BusinessKey    string          `json:"processBusinessKey"`
	DefinitionID   string          `json:"processDefinitionId"`
	DefinitionKey  string          `json:"processDefinitionKey"`
	ParentID       string          `json:"superProcessInstanceId"`
	NoCalled       bool            `json:"excludeSubprocesses"`
	Finished       *bool           `json:"finished"` // absent: both
	Involved       person          `json:"involvedUser"`
	StartedBy      person          `json:"startedBy"`
	StartedAfter   date            `json:"startedAfter"`
	StartedBefore  date            `json:"startedBefore"`
	FinishedAfter  date            `json:"finishedAfter"`
	FinishedBefore date            `json:"finishedBefore"`
	WithVariables  bool            `json:"includeProcessVariables"`
	Variables      []queryVariable `json:"variables"`
	TenantID       string          `json:"tenantId"`
	TenantIDLike   string          `json:"tenantIdLike"`
	WithoutTenant  bool            `json:"withoutTenantId"`
}

func (a *API) queryHistoricInstances(v *visit) (any, error) {
	var body historicInstanceQuery
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	q, err := body.query()
	if err != nil {
		return nil, err
	}
	return a.instancePage(v, q, body.paging, body.WithVariables)
}

func (q *historicInstanceQuery) query() (engine.InstanceQuery, error) {
	states := historicTaskQuery{Finished: q.Finished, TenantID: q.TenantID, TenantIDLike: q.TenantIDLike, WithoutTenant: q.WithoutTenant}
	e := engine.InstanceQuery{State: states.state(), ID: q.InstanceID, IDs: q.InstanceIDs, BusinessKey: q.BusinessKey, DefinitionID: q.DefinitionID, DefinitionKey: q.DefinitionKey, ParentID: q.ParentID,
		NoCalled: q.NoCalled, Involved: string(q.Involved), StartedBy: string(q.StartedBy), Started: engine.Between{After: time.Time(q.StartedAfter), Before: time.Time(q.StartedBefore)},
		Finished: engine.Between{After: time.Time(q.FinishedAfter), Before: time.Time(q.FinishedBefore)}, Tenant: states.tenant()}
	var err error
	if e.Variables, err = variableFilters(q.Variables); err != nil {
		return e, err
	}
	l := &listing{Sort: q.Sort, Order: cmp.Or(q.Order, "asc")}
	if l.Order != "asc" && l.Order != "desc" {
		return e, fault.New(fault.Invalid, "order must be asc or desc.")
	}
	e.Order, err = l.sorted(instanceSorts, "processInstanceId")
	return e, err
}
