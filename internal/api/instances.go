package api

import (
	"cmp"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerInstances adds the operations on process instances. Who may do what, and what is
// an instance's state, is the engine's business.
func (a *API) registerInstances() {
	const one = "process-instances/{processInstanceId}"
	a.process("POST process-instances", a.startInstance).about(instanceStart{}, instance{})
	a.process("GET "+one, a.getInstance).about(nil, instance{})
	a.process("DELETE "+one, a.removeInstance)
	a.process("PUT "+one+"/suspend", a.suspendInstance).about(nil, instance{})
	a.process("PUT "+one+"/activate", a.activateInstance).about(nil, instance{})
	a.process("GET "+one+"/diagram", a.instanceDiagram).about(nil, file{})
	a.process("GET "+one+"/audit-log", a.instanceAudit).about(nil, instanceAudit{})
	a.registerAuditFiles()
	a.registerInstanceQueries()
	a.registerInstanceVariables()
	a.linksOf(one, func(id string) engine.Link { return engine.Link{InstanceID: id} }, "/{type}")
}

// instance is APS's ProcessInstanceRepresentation.
type instance struct {
	ID                     string         `json:"id"`
	Name                   *string        `json:"name"`
	BusinessKey            *string        `json:"businessKey"`
	DefinitionID           string         `json:"processDefinitionId"`
	TenantID               string         `json:"tenantId"`
	Started                date           `json:"started"`
	Ended                  date           `json:"ended"`
	StartedBy              *lightUser     `json:"startedBy"`
	DefinitionName         *string        `json:"processDefinitionName"`
	DefinitionDescription  *string        `json:"processDefinitionDescription"`
	DefinitionKey          string         `json:"processDefinitionKey"`
	DefinitionCategory     *string        `json:"processDefinitionCategory"`
	DefinitionVersion      int            `json:"processDefinitionVersion"`
	DefinitionDeploymentID *string        `json:"processDefinitionDeploymentId"`
	GraphicalNotation      bool           `json:"graphicalNotationDefined"`
	StartForm              bool           `json:"startFormDefined"`
	Suspended              bool           `json:"suspended"`
	Variables              []restVariable `json:"variables"`
}

// tenantShown is how APS's JSON names the tenant of a definition or an instance.
func tenantShown(name string) string { return cmp.Or(name, defaultTenant) }

// showInstances is process instances as clients see them, with a bounded number of
// statements; with their variables when that is asked for.
func (a *API) showInstances(v *visit, found []engine.Instance, variables bool) ([]instance, error) {
	shown := make([]instance, len(found))
	if len(found) == 0 {
		return shown, nil
	}
	var ids, people []string
	byID, definitions := map[string]*instance{}, map[string]*engine.Definition{}
	for i := range found {
		ids, people = append(ids, found[i].ID), append(people, found[i].StartedBy)
		definitions[found[i].DefinitionID] = nil
	}
	all, _, err := a.cfg.Engine.Definitions(v.Context(), engine.DefinitionQuery{IDs: keys(definitions), Page: engine.Page{Limit: engine.MaxPage}})
	if err != nil {
		return nil, err
	}
	for i := range all {
		definitions[all[i].ID] = &all[i]
	}
	known, err := a.people(v.Context(), people...)
	if err != nil {
		return nil, err
	}
	for i := range found {
		shown[i] = newInstance(&found[i], definitions[found[i].DefinitionID])
		shown[i].StartedBy = known[found[i].StartedBy]
		byID[found[i].ID] = &shown[i]
	}
	if !variables {
		return shown, nil
	}
	return shown, eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{InstanceIDs: ids, Instances: true}, func(x *engine.Variable) {
		to := byID[x.InstanceID]
		to.Variables = append(to.Variables, newAPSVariable(x, "local"))
	})
}

func newInstance(i *engine.Instance, d *engine.Definition) instance {
	shown := instance{ID: i.ID, Name: orNil(i.Name), BusinessKey: orNil(i.BusinessKey), DefinitionID: i.DefinitionID, TenantID: tenantShown(i.TenantID), Started: date(i.StartedAt),
		Ended: date(i.EndedAt), DefinitionKey: keyOfDefinition(i.DefinitionID), Suspended: i.Suspended, Variables: []restVariable{}}
	if d != nil {
		shown.DefinitionName, shown.DefinitionDescription, shown.DefinitionCategory = orNil(d.Name), orNil(d.Description), orNil(d.Category)
		shown.DefinitionVersion, shown.DefinitionDeploymentID = d.Version, orNil(d.DeploymentID)
		shown.GraphicalNotation, shown.StartForm = d.Diagram, d.StartForm
	}
	return shown
}

// showInstance is showInstances for one, with its variables.
func (a *API) showInstance(v *visit, i *engine.Instance) (any, error) {
	shown, err := a.showInstances(v, []engine.Instance{*i}, true)
	if err != nil {
		return nil, err
	}
	return shown[0], nil
}

// instanceStart is APS's CreateProcessInstanceRepresentation.
type instanceStart struct {
	Name          string         `json:"name"`
	DefinitionID  string         `json:"processDefinitionId"`
	DefinitionKey string         `json:"processDefinitionKey"`
	BusinessKey   string         `json:"businessKey"`
	Values        formValues     `json:"values"`  // of the start form
	Outcome       string         `json:"outcome"` // of the start form
	Variables     []restVariable `json:"variables"`
}

// startInstance starts a process: by the form that it begins with, or else with the values
// as variables. Those that are typed come under them.
func (a *API) startInstance(v *visit) (any, error) {
	var body instanceStart
	if err := v.body(&body); err != nil {
		return nil, err
	}
	given, err := values(body.Variables)
	if err != nil {
		return nil, err
	}
	o := engine.StartOptions{DefinitionID: body.DefinitionID, Key: body.DefinitionKey, Name: body.Name, BusinessKey: body.BusinessKey, Variables: given}
	var i *engine.Instance
	if body.Values == nil && body.Outcome == "" && body.Variables != nil {
		i, err = a.cfg.Engine.Start(v.Context(), v.actor, o) // typed variables are no form
	} else {
		i, err = a.cfg.Engine.StartWithForm(v.Context(), v.actor, o, body.Values, body.Outcome)
	}
	if err != nil {
		return nil, err
	}
	return a.showInstance(v, i)
}

// found is the instance that the path names, running or ended.
func (a *API) foundInstance(v *visit) (*engine.Instance, error) {
	return a.cfg.Engine.Instance(v.Context(), v.actor, v.PathValue("processInstanceId"))
}

func (a *API) getInstance(v *visit) (any, error) {
	i, err := a.foundInstance(v)
	if err != nil {
		return nil, err
	}
	return a.showInstance(v, i)
}

// removeInstance cancels an instance that runs, and deletes what is kept of one that has
// ended.
func (a *API) removeInstance(v *visit) (any, error) {
	i, err := a.foundInstance(v)
	switch {
	case err != nil:
		return nil, err
	case i.EndedAt.IsZero():
		return nil, a.cfg.Engine.DeleteInstance(v.Context(), v.actor, i.ID, "Cancelled by "+v.actor.UserID)
	}
	return nil, a.cfg.Engine.DeleteHistory(v.Context(), v.actor, i.ID)
}

func (a *API) suspendInstance(v *visit) (any, error)  { return a.suspend(v, true) }
func (a *API) activateInstance(v *visit) (any, error) { return a.suspend(v, false) }

func (a *API) suspend(v *visit, on bool) (any, error) {
	if err := a.cfg.Engine.SuspendInstance(v.Context(), v.actor, v.PathValue("processInstanceId"), on); err != nil {
		return nil, err
	}
	return a.getInstance(v)
}

// instanceDiagram is a drawing. APS gives a PNG; this is an SVG, which a browser shows in
// the same places, and which runs nothing.
func (a *API) instanceDiagram(v *visit) (any, error) {
	svg, err := a.cfg.Engine.InstanceDiagram(v.Context(), v.actor, v.PathValue("processInstanceId"))
	return file{kind: "image/svg+xml", bytes: svg}, err
}

// registerInstanceVariables adds the operations on an instance's own variables.
func (a *API) registerInstanceVariables() {
	const variables = "process-instances/{processInstanceId}/variables"
	a.process("GET "+variables, a.instanceVariables).about(nil, []restVariable{})
	a.process("PUT "+variables, a.setInstanceVariables).about([]restVariable{}, []restVariable{})
	a.process("GET "+variables+"/{variableName}", a.instanceVariable).about(nil, restVariable{})
	a.process("PUT "+variables+"/{variableName}", a.setInstanceVariable).about(restVariable{}, restVariable{})
	a.process("DELETE "+variables+"/{variableName}", a.removeInstanceVariable)
	a.process("GET process-instances/{processInstanceId}/historic-variables", a.historicVariables).about(nil, []historicVariable{})
}

// variablesOf returns an instance's own variables, or what is kept of them, by name.
func (a *API) variablesOf(v *visit) ([]restVariable, error) {
	i, err := a.foundInstance(v)
	if err != nil {
		return nil, err
	}
	shown := []restVariable{}
	err = eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{InstanceID: i.ID, Instances: true}, func(x *engine.Variable) { shown = append(shown, newAPSVariable(x, "local")) })
	return shown, err
}

func (a *API) instanceVariables(v *visit) (any, error) { return a.variablesOf(v) }

func (a *API) instanceVariable(v *visit) (any, error) {
	all, err := a.variablesOf(v)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.Name == v.PathValue("variableName") {
			return one, nil
		}
	}
	return nil, fault.New(fault.NotFound, "The process instance has no variable of that name.")
}

func (a *API) setInstanceVariables(v *visit) (any, error) {
	var list []restVariable
	if err := v.body(&list); err != nil {
		return nil, err
	}
	return a.setVariables(v, list)
}

// setVariables makes or changes variables and tells what they are then.
func (a *API) setVariables(v *visit, list []restVariable) ([]restVariable, error) {
	given, err := values(list)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Invalid, "There are no variables in the body.")
	}
	if err := a.cfg.Engine.SetVariables(v.Context(), v.actor, v.PathValue("processInstanceId"), given, true); err != nil {
		return nil, err
	}
	all, err := a.variablesOf(v)
	shown := []restVariable{}
	for _, one := range all {
		if _, set := given[one.Name]; set {
			shown = append(shown, one)
		}
	}
	return shown, err
}

func (a *API) setInstanceVariable(v *visit) (any, error) {
	var one restVariable
	if err := v.body(&one); err != nil {
		return nil, err
	}
	if one.Name = cmp.Or(one.Name, v.PathValue("variableName")); one.Name != v.PathValue("variableName") {
		return nil, fault.New(fault.Invalid, "The variable's name in the body must be the one in the address.")
	}
	if _, err := a.instanceVariable(v); err != nil {
		return nil, err
	}
	if _, err := a.setVariables(v, []restVariable{one}); err != nil {
		return nil, err
	}
	return a.instanceVariable(v)
}

func (a *API) removeInstanceVariable(v *visit) (any, error) {
	return nil, a.cfg.Engine.RemoveVariables(v.Context(), v.actor, v.PathValue("processInstanceId"), v.PathValue("variableName"))
}

// historicVariable is APS's ProcessInstanceVariableRepresentation.
type historicVariable struct {
	ID    string          `json:"id"` // its name
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

func (a *API) historicVariables(v *visit) (any, error) {
	all, err := a.variablesOf(v)
	if err != nil {
		return nil, err
	}
	shown := make([]historicVariable, len(all))
	for i, x := range all {
		shown[i] = historicVariable{ID: x.Name, Type: x.Type, Value: x.Value}
	}
	return shown, nil
}
