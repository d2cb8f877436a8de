package api

import (
	"encoding/json"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// registerTaskVariables adds the operations on the variables of a task: its own are local,
// those of its process global. What says neither means both where it reads, and local
// where it writes.
func (a *API) registerTaskVariables() {
	const variables = "tasks/{taskId}/variables"
	a.process("GET "+variables, a.taskVariables).about(nil, []restVariable{})
	a.process("POST "+variables, a.addTaskVariables).about(restVariable{}, restVariable{})
	a.process("DELETE "+variables, a.clearTaskVariables)
	a.process("GET "+variables+"/{variableName}", a.taskVariable).about(nil, restVariable{})
	a.process("PUT "+variables+"/{variableName}", a.changeTaskVariable).about(restVariable{}, restVariable{})
	a.process("DELETE "+variables+"/{variableName}", a.removeTaskVariable)
}

// isLocal reads a scope of something that is written.
func isLocal(scope string) (bool, error) {
	switch scope {
	case "", "local":
		return true, nil
	case "global":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "The scope of a variable must be local or global.")
}

// variablesSeen returns the variables at a task that the caller may see: those that are
// seen there while it is open, and what is kept of them afterwards.
func (a *API) variablesSeen(v *visit) ([]restVariable, error) {
	scope := v.URL.Query().Get("scope")
	switch scope {
	case "both":
		scope = ""
	case "", "local", "global":
	default:
		return nil, fault.New(fault.Invalid, "The scope of a variable must be local, global or both.")
	}
	t, err := a.cfg.Engine.Task(v.Context(), v.actor, v.PathValue("taskId"))
	if err != nil {
		return nil, err
	}
	all, err := a.atTask(v, t)
	if err != nil {
		return nil, err
	}
	shown := []restVariable{}
	for _, name := range keys(all) {
		x := all[name]
		is := "global"
		if x.TaskID != "" {
			is = "local"
		}
		if scope == "" || scope == is {
			shown = append(shown, newAPSVariable(&x, is))
		}
	}
	return shown, nil
}

// atTask returns the variables at a task by name, its own before those of its process.
func (a *API) atTask(v *visit, t *engine.Task) (map[string]engine.Variable, error) {
	if t.EndedAt.IsZero() {
		return a.cfg.Engine.TaskVariables(v.Context(), t.ID)
	}
	all := map[string]engine.Variable{}
	add := func(x *engine.Variable) { all[x.Name] = *x }
	if t.InstanceID != "" {
		if err := eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{InstanceID: t.InstanceID, Instances: true}, add); err != nil {
			return nil, err
		}
	}
	return all, eachVariable(v.Context(), a.cfg.Engine, engine.VariableQuery{TaskIDs: []string{t.ID}}, add)
}

func (a *API) taskVariables(v *visit) (any, error) { return a.variablesSeen(v) }

func (a *API) taskVariable(v *visit) (any, error) {
	all, err := a.variablesSeen(v)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.Name == v.PathValue("variableName") {
			return one, nil
		}
	}
	return nil, fault.New(fault.NotFound, "The task has no variable of that name.")
}

// addTaskVariables makes one variable, or several of one scope: a list answers a list.
func (a *API) addTaskVariables(v *visit) (any, error) {
	var raw json.RawMessage
	if err := v.decode(&raw); err != nil {
		return nil, err
	}
	list := make([]restVariable, 1)
	several := strings.HasPrefix(strings.TrimSpace(string(raw)), "[")
	if several {
		if err := decodeJSON(raw, &list); err != nil {
			return nil, err
		}
	} else if err := decodeJSON(raw, &list[0]); err != nil {
		return nil, err
	}
	if err := a.addVariablesTo(v, list); err != nil {
		return nil, err
	}
	if several {
		return list, nil
	}
	return list[0], nil
}

func (a *API) addVariablesTo(v *visit, list []restVariable) error {
	given, err := values(list)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.New(fault.Invalid, "There are no variables in the body.")
	}
	local, err := isLocal(list[0].Scope)
	if err != nil {
		return err
	}
	for i := range list {
		if is, err := isLocal(list[i].Scope); err != nil || is != local {
			return fault.New(fault.Invalid, "The variables of one call must have the same scope, local or global.")
		}
		list[i].Scope = map[bool]string{true: "local", false: "global"}[local]
	}
	return a.cfg.Engine.AddTaskVariables(v.Context(), v.actor, v.PathValue("taskId"), given, local)
}

func (a *API) changeTaskVariable(v *visit) (any, error) {
	var body restVariable
	if err := v.decode(&body); err != nil {
		return nil, err
	}
	if body.Name != v.PathValue("variableName") {
		return nil, fault.New(fault.Invalid, "The variable's name in the body must be the one in the address.")
	}
	local, err := isLocal(body.Scope)
	if err != nil {
		return nil, err
	}
	given, err := body.typed()
	if err != nil {
		return nil, err
	}
	body.Scope = map[bool]string{true: "local", false: "global"}[local]
	return body, a.cfg.Engine.ChangeTaskVariable(v.Context(), v.actor, v.PathValue("taskId"), body.Name, given, local)
}

func (a *API) removeTaskVariable(v *visit) (any, error) {
	local, err := isLocal(v.URL.Query().Get("scope"))
	if err != nil {
		return nil, err
	}
	return nil, a.cfg.Engine.RemoveTaskVariable(v.Context(), v.actor, v.PathValue("taskId"), v.PathValue("variableName"), local)
}

func (a *API) clearTaskVariables(v *visit) (any, error) {
	return nil, a.cfg.Engine.ClearTaskVariables(v.Context(), v.actor, v.PathValue("taskId"))
}
