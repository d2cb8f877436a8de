package api

import (
	"cmp"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// queryVariable is APS's QueryVariable.
type queryVariable struct {
	restVariable
	Operation         string `json:"operation"`         // equals, notEquals, like …
	VariableOperation string `json:"variableOperation"` // EQUALS, NOT_EQUALS, LIKE …
}

var variableOperations = map[string]string{"equals": "equals", "notequals": "notEquals", "equalsignorecase": "equalsIgnoreCase", "notequalsignorecase": "notEqualsIgnoreCase", "like": "like",
	"likeignorecase": "likeIgnoreCase", "greaterthan": "greaterThan", "greaterthanorequals": "greaterThanOrEquals", "lessthan": "lessThan", "lessthanorequals": "lessThanOrEquals"}

// variableFilters are the variables that a query asks for, as the engine knows them.
func variableFilters(asked []queryVariable) ([]engine.VariableFilter, error) {
	var filters []engine.VariableFilter
	for _, one := range asked {
		word := cmp.Or(one.VariableOperation, one.Operation, "equals")
		op, ok := variableOperations[strings.ToLower(strings.ReplaceAll(word, "_", ""))]
		if !ok {
			return nil, fault.New(fault.Invalid, "The operation on the variable %q is not known.", one.Name)
		}
		name := one.Name
		one.Name = cmp.Or(name, "any")
		given, err := one.typed()
		if err != nil {
			return nil, err
		}
		filters = append(filters, engine.VariableFilter{Name: name, Op: op, Value: given})
	}
	return filters, nil
}

// historicTaskQuery is APS's HistoricTaskInstanceQueryRepresentation. The words that end
// in On mean a moment, or the whole day when it is midnight.
type historicTaskQuery struct {
	paging
	included
	TaskID             string          `json:"taskId"`
	InstanceID         string          `json:"processInstanceId"`
	ExecutionID        string          `json:"executionId"`
	ParentID           string          `json:"parentTaskId"`
	BusinessKey        string          `json:"processBusinessKey"`
	BusinessKeyLike    string          `json:"processBusinessKeyLike"`
	DefinitionID       string          `json:"processDefinitionId"`
	DefinitionKey      string          `json:"processDefinitionKey"`
	DefinitionKeyLike  string          `json:"processDefinitionKeyLike"`
	DefinitionName     string          `json:"processDefinitionName"`
	DefinitionNameLike string          `json:"processDefinitionNameLike"`
	Finished           *bool           `json:"finished"`
	ProcessFinished    *bool           `json:"processFinished"`
	Name               string          `json:"taskName"`
	NameLike           string          `json:"taskNameLike"`
	Description        string          `json:"taskDescription"`
	DescriptionLike    string          `json:"taskDescriptionLike"`
	Key                string          `json:"taskDefinitionKey"`
	KeyLike            string          `json:"taskDefinitionKeyLike"`
	DeleteReason       string          `json:"taskDeleteReason"`
	DeleteReasonLike   string          `json:"taskDeleteReasonLike"`
	Assignee           person          `json:"taskAssignee"`
	AssigneeLike       string          `json:"taskAssigneeLike"`
	Owner              person          `json:"taskOwner"`
	OwnerLike          string          `json:"taskOwnerLike"`
	Involved           person          `json:"taskInvolvedUser"`
	CandidateGroup     person          `json:"taskCandidateGroup"`
	Priority           *int            `json:"taskPriority"`
	MinPriority        *int            `json:"taskMinPriority"`
	MaxPriority        *int            `json:"taskMaxPriority"`
	Due                date            `json:"dueDate"`
	DueAfter           date            `json:"dueDateAfter"`
	DueBefore          date            `json:"dueDateBefore"`
	WithoutDue         bool            `json:"withoutDueDate"`
	CreatedOn          date            `json:"taskCreatedOn"`
	CreatedAfter       date            `json:"taskCreatedAfter"`
	CreatedBefore      date            `json:"taskCreatedBefore"`
	CompletedOn        date            `json:"taskCompletedOn"`
	CompletedAfter     date            `json:"taskCompletedAfter"`
	CompletedBefore    date            `json:"taskCompletedBefore"`
	TaskVariables      []queryVariable `json:"taskVariables"`
	InstanceVariables  []queryVariable `json:"processVariables"`
	TenantID           string          `json:"tenantId"`
	TenantIDLike       string          `json:"tenantIdLike"`
	WithoutTenant      bool            `json:"withoutTenantId"`
	Sort               string          `json:"sort"`  // Activiti's words: startTime (the default), endTime, dueDate, name …
	Order              string          `json:"order"` // asc (the default) or desc
}

// within is the span that three words mean.
func within(on, after, before date) engine.Between {
	at := time.Time(on)
	if at.IsZero() {
		return engine.Between{After: time.Time(after), Before: time.Time(before)}
	}
	end := at.Add(time.Millisecond)
	if at.Equal(at.Truncate(24 * time.Hour)) {
		end = at.Add(24 * time.Hour)
	}
	return engine.Between{After: at.Add(-time.Millisecond), Before: end}
}

// state is what finished asks for; absent means both.
func (q *historicTaskQuery) state() engine.State {
	switch {
	case q.Finished == nil:
		return engine.AnyState
	case *q.Finished:
		return engine.Ended
	}
	return engine.Running
}

// tenant is whose tasks are asked for. APS calls the default tenant tenant_1, which is the
// engine's empty one.
func (q *historicTaskQuery) tenant() engine.Tenant {
	t := engine.Tenant{ID: q.TenantID, Like: q.TenantIDLike, None: q.WithoutTenant}
	if t.ID == defaultTenant {
		t.ID, t.None = "", true
	}
	return t
}

const defaultTenant = "tenant_1"

func (a *API) queryHistoricTasks(v *visit) (any, error) {
	var body historicTaskQuery
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	q, err := body.query()
	if err != nil {
		return nil, err
	}
	q.For = v.seen()
	return a.taskPage(v, q, body.paging, body.included)
}

func (q *historicTaskQuery) query() (engine.TaskQuery, error) {
	e := engine.TaskQuery{State: q.state(), ID: q.TaskID, InstanceID: q.InstanceID, ExecutionID: q.ExecutionID, ParentID: q.ParentID, BusinessKey: q.BusinessKey, BusinessKeyLike: q.BusinessKeyLike,
		DefinitionID: q.DefinitionID, DefinitionKey: q.DefinitionKey, DefinitionKeyLike: q.DefinitionKeyLike, DefinitionName: q.DefinitionName, DefinitionNameLike: q.DefinitionNameLike,
		InstanceEnded: q.ProcessFinished, Name: q.Name, NameLike: q.NameLike, Description: q.Description, DescriptionLike: q.DescriptionLike, Key: q.Key, KeyLike: q.KeyLike,
		DeleteReason: q.DeleteReason, DeleteReasonLike: q.DeleteReasonLike, Assignee: string(q.Assignee), AssigneeLike: q.AssigneeLike, Owner: string(q.Owner), OwnerLike: q.OwnerLike,
		Involved: string(q.Involved), Priority: q.Priority, MinPriority: q.MinPriority, MaxPriority: q.MaxPriority, Due: within(q.Due, q.DueAfter, q.DueBefore), WithoutDue: q.WithoutDue,
		Created: within(q.CreatedOn, q.CreatedAfter, q.CreatedBefore), Finished: within(q.CompletedOn, q.CompletedAfter, q.CompletedBefore), Tenant: q.tenant()}
	if q.CandidateGroup != "" {
		e.Candidate = &engine.Actor{Groups: []string{string(q.CandidateGroup)}}
	}
	var err error
	if e.Variables, err = variableFilters(q.TaskVariables); err != nil {
		return e, err
	}
	if e.InstanceVariables, err = variableFilters(q.InstanceVariables); err != nil {
		return e, err
	}
	l := &listing{Sort: q.Sort, Order: cmp.Or(q.Order, "asc")}
	if l.Order != "asc" && l.Order != "desc" {
		return e, fault.New(fault.Invalid, "order must be asc or desc.")
	}
	e.Order, err = l.sorted(historicTaskSorts, "startTime")
	return e, err
}

// person is a user or a group in a request: APS's clients send numbers or texts.
type person string

// UnmarshalJSON reads 1001 and "1001"; null leaves nothing.
func (p *person) UnmarshalJSON(text []byte) error {
	switch word := string(text); {
	case word == "null":
		return nil
	case strings.HasPrefix(word, `"`):
		return decodeJSON(text, (*string)(p))
	default:
		var n digits
		if err := n.UnmarshalJSON(text); err != nil {
			return err
		}
		*p = person(word)
		return nil
	}
}
