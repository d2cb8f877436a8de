package api

import (
	"errors"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func (p *Processes) registerRuntime() {
	p.handle("GET runtime/process-instances", p.listInstances)
	p.handle("POST runtime/process-instances", p.start)
	p.handle("POST query/process-instances", p.listInstances)
	p.handle("GET runtime/process-instances/{id}", p.instance)
	p.handle("PUT runtime/process-instances/{id}", p.changeInstance)
	p.handle("DELETE runtime/process-instances/{id}", p.deleteInstance)
	p.handle("GET runtime/process-instances/{id}/diagram", p.instanceDiagram)
	p.handle("GET runtime/process-instances/{id}/identitylinks", p.instanceLinks)
	p.handle("POST runtime/process-instances/{id}/identitylinks", p.addInstanceLink)
	for _, place := range []string{"process-instances", "executions"} {
		p.handle("GET runtime/"+place+"/{id}/variables", p.executionVariables)
		p.handle("GET runtime/"+place+"/{id}/variables/{name}", p.executionVariable)
		p.handle("POST runtime/"+place+"/{id}/variables", p.setExecutionVariables)
		p.handle("PUT runtime/"+place+"/{id}/variables", p.setExecutionVariables)
		p.handle("PUT runtime/"+place+"/{id}/variables/{name}", p.setExecutionVariables)
		p.handle("GET runtime/"+place+"/{id}/variables/{name}/data", p.executionVariableData)
		p.handle("DELETE runtime/"+place+"/{id}/variables/{name}", p.deleteExecutionVariable)
	}
	p.handle("GET runtime/executions", p.listExecutions)
	p.handle("POST query/executions", p.listExecutions)
	p.handle("GET runtime/executions/{id}", p.execution)
	p.handle("PUT runtime/executions/{id}", p.actOnExecution)
	p.handle("GET runtime/executions/{id}/activities", p.activeActivities)
	p.with(manageCapability, "POST runtime/signals", p.signal)
}

type restInstance struct {
	ID                   string         `json:"id"`
	URL                  string         `json:"url"`
	Name                 *string        `json:"name"`
	BusinessKey          *string        `json:"businessKey"`
	Suspended            bool           `json:"suspended"`
	Ended                bool           `json:"ended"`
	ProcessDefinitionID  string         `json:"processDefinitionId"`
	ProcessDefinitionURL string         `json:"processDefinitionUrl"`
	ProcessDefinitionKey string         `json:"processDefinitionKey"`
	ActivityID           *string        `json:"activityId"`
	StartUserID          *string        `json:"startUserId"`
	StartTime            stamp          `json:"startTime"`
	SuperInstanceID      *string        `json:"superProcessInstanceId"`
	Variables            []restVariable `json:"variables"`
	TenantID             string         `json:"tenantId"`
	Completed            bool           `json:"completed"`
}

func (v *visit) instance(i *engine.Instance) restInstance {
	return restInstance{ID: i.ID, URL: v.address("runtime", "process-instances", i.ID), Name: orNil(i.Name), BusinessKey: orNil(i.BusinessKey), Suspended: i.Suspended, Ended: !i.EndedAt.IsZero(),
		ProcessDefinitionID: i.DefinitionID, ProcessDefinitionURL: v.address("repository", "process-definitions", i.DefinitionID), ProcessDefinitionKey: keyOfDefinition(i.DefinitionID),
		StartUserID: orNil(i.StartedBy), StartTime: stamp(i.StartedAt), SuperInstanceID: orNil(i.ParentID), Variables: []restVariable{}, TenantID: i.TenantID, Completed: !i.EndedAt.IsZero()}
}

// instanceQuery reads what both lists of instances, running and of history, have in
// common.
func (v *visit) instanceQuery(r *reader, l *listing) engine.InstanceQuery {
	w := r.words
	key := w.text("businessKey")
	if key == "" {
		key = w.text("processBusinessKey")
	}
	id := w.text("id")
	if id == "" {
		id = w.text("processInstanceId")
	}
	return engine.InstanceQuery{For: v.seen(), ID: id, IDs: r.list("processInstanceIds"), BusinessKey: key, Name: w.text("processInstanceName"), NameLike: w.text("processInstanceNameLike"),
		NameLikeFold: w.text("processInstanceNameLikeIgnoreCase"), BusinessKeyLikeFold: w.text("businessKeyLikeIgnoreCase"),
		DefinitionID: w.text("processDefinitionId"), DefinitionKey: w.text("processDefinitionKey"), DefinitionKeys: r.list("processDefinitionKeyIn"), DefinitionName: w.text("processDefinitionName"),
		Category: w.text("processDefinitionCategory"), DeploymentID: w.text("deploymentId"), StartedBy: w.text("startedBy"), Involved: w.text("involvedUser"), ParentID: w.text("superProcessInstanceId"),
		CalledID: w.text("subProcessInstanceId"), NoCalled: r.is("excludeSubprocesses"), Suspended: r.truth("suspended"), Started: r.between("startedAfter", "startedBefore"),
		Finished: r.between("finishedAfter", "finishedBefore"), Tenant: r.tenant(), Variables: r.filters("variables"), Page: l.page()}
}

var instanceSorts = map[string]string{"id": "id", "processDefinitionId": "definition", "processDefinitionKey": "definitionKey", "tenantId": "tenant", "processInstanceId": "id", "businessKey": "businessKey",
	"startTime": "started", "endTime": "ended", "duration": "duration"}

func (p *Processes) listInstances(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := v.instanceQuery(r, l)
	if q.Order, err = l.sorted(instanceSorts, "id"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Instances(v.Context(), q)
	if err != nil {
		return nil, err
	}
	return tellWith(p, v, r, l, all, total, v.instance, v.shelfOfInstance)
}

// start starts a process by its definition, its key or a message.
func (p *Processes) start(v *visit) (any, error) {
	var body struct {
		ProcessDefinitionID, ProcessDefinitionKey, Message, BusinessKey, TenantID, Name string
		Variables                                                                       []restVariable
		ReturnVariables                                                                 bool
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	given, err := values(body.Variables)
	if err != nil {
		return nil, err
	}
	o := engine.StartOptions{DefinitionID: body.ProcessDefinitionID, Key: body.ProcessDefinitionKey, Message: body.Message, BusinessKey: body.BusinessKey, TenantID: body.TenantID, Name: body.Name, Variables: given}
	i, err := p.engine.Start(v.Context(), v.actor, o)
	if err != nil {
		return nil, err
	}
	answer := v.instance(i)
	if body.ReturnVariables {
		err = p.includeProcesses(v, []shelf{v.shelfOfInstance(&answer)})
	}
	return created{answer}, err
}

// running returns an instance that runs and that the caller may see.
func (p *Processes) running(v *visit, id string) (*engine.Instance, error) {
	i, err := p.engine.Instance(v.Context(), v.actor, id)
	if err == nil && !i.EndedAt.IsZero() {
		err = fault.New(fault.NotFound, "Could not find a process instance with id %q.", id)
	}
	return i, err
}

func (p *Processes) instance(v *visit) (any, error) {
	i, err := p.running(v, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.instance(i), nil
}

func (p *Processes) changeInstance(v *visit) (any, error) {
	var body struct{ Action string }
	if err := errors.Join(v.body(&body), p.require(v, manageCapability)); err != nil {
		return nil, err
	}
	if body.Action != "suspend" && body.Action != "activate" {
		return nil, fault.New(fault.Invalid, "Invalid action: %q.", body.Action)
	}
	if err := p.engine.SuspendInstance(v.Context(), v.actor, v.PathValue("id"), body.Action == "suspend"); err != nil {
		return nil, err
	}
	return p.instance(v)
}

func (p *Processes) deleteInstance(v *visit) (any, error) {
	return gone{}, p.engine.DeleteInstance(v.Context(), v.actor, v.PathValue("id"), v.URL.Query().Get("deleteReason"))
}

func (p *Processes) instanceDiagram(v *visit) (any, error) {
	svg, err := p.engine.InstanceDiagram(v.Context(), v.actor, v.PathValue("id"))
	return file{kind: "image/svg+xml", bytes: svg}, err
}

func (p *Processes) instanceLinks(v *visit) (any, error) {
	if _, err := p.engine.Instance(v.Context(), v.actor, v.PathValue("id")); err != nil {
		return nil, err
	}
	links, err := p.engine.Links(v.Context(), "", v.PathValue("id"), "")
	return restLinks(links), err
}

func (p *Processes) addInstanceLink(v *visit) (any, error) {
	var body restLinkRequest
	if err := v.body(&body); err != nil {
		return nil, err
	}
	l := engine.Link{InstanceID: v.PathValue("id"), Kind: body.Type, UserID: body.User, GroupID: body.Group}
	if err := p.engine.AddLink(v.Context(), v.actor, l); err != nil {
		return nil, err
	}
	return created{restLinks([]engine.Link{l})[0]}, nil
}

// seenVariables returns the variables at an execution of an instance that the caller may
// see.
func (p *Processes) seenVariables(v *visit) (map[string]engine.Variable, error) {
	id := v.PathValue("id")
	if _, err := p.running(v, engine.InstanceOf(id)); err != nil {
		return nil, err
	}
	return p.engine.ExecutionVariables(v.Context(), id)
}

func (p *Processes) executionVariables(v *visit) (any, error) {
	all, err := p.seenVariables(v)
	if err != nil {
		return nil, err
	}
	return variableList(all, func(x *engine.Variable) bool { return x.ExecutionID == v.PathValue("id") }, v.URL.Query().Get("scope"), v.variablesOf())
}

func (p *Processes) executionVariable(v *visit) (any, error) {
	all, err := p.seenVariables(v)
	if err != nil {
		return nil, err
	}
	return oneVariable(all, v.PathValue("name"), func(x *engine.Variable) bool { return x.ExecutionID == v.PathValue("id") }, v.variablesOf())
}

func oneVariable(all map[string]engine.Variable, name string, local func(*engine.Variable) bool, at string) (any, error) {
	x, ok := all[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no variable with the name %q.", name)
	}
	scope := "global"
	if local(&x) {
		scope = "local"
	}
	return newVariable(&x, scope, at), nil
}

// variablesOf is the path of the variables of an execution or an instance, as it was asked
// for.
func (v *visit) variablesOf() string {
	place := "executions"
	if strings.HasPrefix(v.URL.Path, enginePrefix+"runtime/process-instances/") {
		place = "process-instances"
	}
	return v.address("runtime", place, v.PathValue("id"), "variables")
}

// setExecutionVariables takes variables; POST is for ones that are not there yet.
func (p *Processes) setExecutionVariables(v *visit) (any, error) {
	list, err := p.sent(v)
	if err != nil {
		return nil, err
	}
	id := v.PathValue("id")
	return p.setVariables(v, list, v.variablesOf(), func(given map[string]any) error {
		if v.Method == "POST" {
			if err := p.absent(v, id, given); err != nil {
				return err
			}
		}
		return p.engine.SetVariables(v.Context(), v.actor, id, given, list[0].Scope == "local")
	})
}

// absent checks that an execution has none of the variables.
func (p *Processes) absent(v *visit, id string, given map[string]any) error {
	have, err := p.seenVariables(v)
	if err != nil {
		return err
	}
	for name := range given {
		if x, there := have[name]; there && x.ExecutionID == id {
			return fault.New(fault.Conflict, "Variable %q is already present on execution %q.", name, id)
		}
	}
	return nil
}

func (p *Processes) deleteExecutionVariable(v *visit) (any, error) {
	return gone{}, p.engine.RemoveVariables(v.Context(), v.actor, v.PathValue("id"), v.PathValue("name"))
}

type restExecution struct {
	ID                 string  `json:"id"`
	URL                string  `json:"url"`
	ParentID           *string `json:"parentId"`
	ParentURL          *string `json:"parentUrl"`
	ProcessInstanceID  string  `json:"processInstanceId"`
	ProcessInstanceURL string  `json:"processInstanceUrl"`
	Suspended          bool    `json:"suspended"`
	ActivityID         *string `json:"activityId"`
	TenantID           string  `json:"tenantId"`
}

func (v *visit) execution(x *engine.Place) restExecution {
	return restExecution{ID: x.ID, URL: v.address("runtime", "executions", x.ID), ParentID: orNil(x.ParentID), ParentURL: v.link(x.ParentID, "runtime", "executions"), ProcessInstanceID: x.InstanceID,
		ProcessInstanceURL: v.address("runtime", "process-instances", x.InstanceID), Suspended: x.Suspended, ActivityID: orNil(x.ActivityID), TenantID: x.TenantID}
}

var executionSorts = map[string]string{"processInstanceId": "id", "processDefinitionId": "definition", "processDefinitionKey": "definitionKey", "tenantId": "tenant"}

// listExecutions lists the executions of the instances that a query means, or those that
// wait for a message or a signal.
func (p *Processes) listExecutions(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := engine.ExecutionQuery{ID: w.text("id"), ActivityID: w.text("activityId"), ParentID: w.text("parentId"), Message: w.text("messageEventSubscriptionName"),
		Signal: w.text("signalEventSubscriptionName"), Page: l.page(),
		Instances: engine.InstanceQuery{For: v.seen(), ID: w.text("processInstanceId"), DefinitionKey: w.text("processDefinitionKey"), DefinitionID: w.text("processDefinitionId"),
			BusinessKey: w.text("processBusinessKey"), Tenant: r.tenant(), Variables: r.filters("processInstanceVariables")}}
	if q.Instances.Order, err = l.sorted(executionSorts, "processInstanceId"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.ExecutionList(v.Context(), q)
	return tell(l, all, total, v.execution), err
}

// place finds an execution of an instance that the caller may see.
func (p *Processes) place(v *visit, id string) (*engine.Place, error) {
	i, err := p.running(v, engine.InstanceOf(id))
	if err != nil {
		return nil, err
	}
	all, err := p.engine.Executions(v.Context(), i.ID)
	for j := range all {
		if all[j].ID == id {
			return &all[j], nil
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, "Could not find an execution with id %q.", id)
	}
	return nil, err
}

func (p *Processes) execution(v *visit) (any, error) {
	x, err := p.place(v, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return v.execution(x), nil
}

// activeActivities lists where the tokens below an execution are.
func (p *Processes) activeActivities(v *visit) (any, error) {
	if _, err := p.place(v, v.PathValue("id")); err != nil {
		return nil, err
	}
	ids, err := p.engine.ActiveActivities(v.Context(), engine.InstanceOf(v.PathValue("id")))
	if ids == nil {
		ids = []string{}
	}
	return ids, err
}

// actOnExecution triggers an execution, or tells it of a message or signal.
func (p *Processes) actOnExecution(v *visit) (any, error) {
	var body struct {
		Action, SignalName, MessageName string
		Variables                       []restVariable
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	id := v.PathValue("id")
	given, err := values(body.Variables)
	if err != nil {
		return nil, err
	}
	switch body.Action {
	case "signal", "trigger":
		err = p.engine.Trigger(v.Context(), v.actor, id, given)
	case "signalEventReceived":
		err = p.engine.Signal(v.Context(), v.actor, engine.SignalOptions{Name: body.SignalName, ExecutionID: id, Variables: given})
	case "messageEventReceived":
		err = p.engine.Message(v.Context(), v.actor, engine.MessageOptions{Name: body.MessageName, ExecutionID: id, Variables: given})
	default:
		err = fault.New(fault.Invalid, "Invalid action: %q.", body.Action)
	}
	if err != nil {
		return nil, err
	}
	if x, err := p.place(v, id); err == nil {
		return v.execution(x), nil
	}
	return gone{}, nil // it has gone on, and is there no more
}

// signal throws a signal for everybody.
func (p *Processes) signal(v *visit) (any, error) {
	var body struct {
		SignalName, TenantID string
		Async                bool
		Variables            []restVariable
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	given, err := values(body.Variables)
	switch {
	case err != nil:
		return nil, err
	case body.SignalName == "":
		return nil, fault.New(fault.Invalid, "signalName is required.")
	case body.Async && len(given) > 0:
		return nil, fault.New(fault.Invalid, "Async signals cannot take variables as payload.")
	}
	err = p.engine.Signal(v.Context(), v.actor, engine.SignalOptions{Name: body.SignalName, TenantID: body.TenantID, Async: body.Async, Variables: given})
	if body.Async {
		return accepted{}, err
	}
	return gone{}, err
}
