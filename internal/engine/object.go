package engine

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/juel"
)

// executionObject is what expressions and scripts see as "execution": the members of
// DelegateExecution that do no harm.
type executionObject struct {
	place
	event string // of the listener that runs
}

// Property implements juel.Object.
func (o *executionObject) Property(name string) (any, bool, error) {
	x := o.x
	switch name {
	case "id":
		return x.id, true, nil
	case "processInstanceId":
		return x.inst.ID, true, nil
	case "rootProcessInstanceId":
		return x.inst.RootID, true, nil
	case "processDefinitionId":
		return x.inst.DefinitionID, true, nil
	case "processInstanceBusinessKey", "processBusinessKey", "businessKey":
		return null(x.inst.BusinessKey), true, nil
	case "tenantId":
		return x.inst.TenantID, true, nil
	case "superExecutionId":
		return null(x.inst.ParentExecution), true, nil
	case "eventName":
		return null(o.event), true, nil
	}
	return o.structure(name)
}

// structure are the properties of the tree.
func (o *executionObject) structure(name string) (any, bool, error) {
	x := o.x
	switch name {
	case "parentId":
		if x.parent == nil {
			return nil, true, nil
		}
		return x.parent.id, true, nil
	case "parent":
		if x.parent == nil {
			return nil, true, nil
		}
		return &executionObject{place: o.c.at(x.parent)}, true, nil
	case "currentActivityId", "activityId":
		if x.node == nil {
			return nil, true, nil
		}
		return x.node.ID, true, nil
	case "currentActivityName":
		if x.node == nil {
			return nil, true, nil
		}
		return null(x.node.Name), true, nil
	case "active":
		return x.active, true, nil
	case "ended":
		return x.ended, true, nil
	case "scope":
		return x.scope, true, nil
	}
	return o.variableProperty(name)
}

// Call implements juel.Object.
func (o *executionObject) Call(method string, args []any) (any, error) {
	if method == "setBusinessKey" || method == "updateProcessBusinessKey" || method == "setProcessBusinessKey" {
		text, err := textArgument(args)
		if err == nil {
			o.x.inst.BusinessKey, o.x.inst.changed = text, true
		}
		return nil, err
	}
	return o.variableCall(method, args)
}

// variableProperty are the properties that every scope of variables has.
func (p place) variableProperty(name string) (any, bool, error) {
	switch name {
	case "variables":
		v, err := p.all()
		return v, true, err
	case "variablesLocal":
		v, err := p.locals()
		return v, true, err
	case "variableNames":
		v, err := p.all()
		return names(v), true, err
	case "variableNamesLocal":
		v, err := p.locals()
		return names(v), true, err
	}
	return nil, false, nil
}

func names(m map[string]any) []any {
	list := make([]any, 0, len(m))
	for _, name := range sorted(m) {
		list = append(list, name)
	}
	return list
}

// locals returns the variables of the innermost scope.
func (p place) locals() (map[string]any, error) {
	vars, err := p.vars()
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for name, v := range vars.scopes[p.scope()] {
		if !v.removed {
			values[name] = v.Value
		}
	}
	return values, nil
}

// variableCall are the methods that every scope of variables has.
func (p place) variableCall(method string, args []any) (any, error) {
	switch fmt.Sprintf("%s/%d", method, len(args)) {
	case "hasVariables/0":
		v, err := p.all()
		return len(v) > 0, err
	case "hasVariablesLocal/0":
		v, err := p.locals()
		return len(v) > 0, err
	case "setVariables/1", "setVariablesLocal/1":
		m, ok := args[0].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s wants a map", method)
		}
		return nil, p.setAll(m, method == "setVariablesLocal")
	case "getVariable/1", "getVariableLocal/1", "hasVariable/1", "hasVariableLocal/1", "removeVariable/1", "removeVariableLocal/1",
		"setVariable/2", "setVariableLocal/2", "getVariable/2":
		name, err := juel.Text(args[0])
		if err != nil {
			return nil, err
		}
		return p.namedCall(method, name, args[1:])
	}
	return nil, juel.ErrNoMethod
}

func (p place) namedCall(method, name string, args []any) (any, error) {
	find := p.find
	switch method {
	case "setVariable":
		return nil, p.set(name, args[0])
	case "setVariableLocal":
		return nil, p.setLocal(name, args[0])
	case "getVariableLocal", "hasVariableLocal", "removeVariableLocal":
		find = p.local
	}
	v, err := find(name)
	if err != nil {
		return nil, err
	}
	switch method {
	case "hasVariable", "hasVariableLocal":
		return v != nil, nil
	case "removeVariable", "removeVariableLocal":
		if v != nil {
			p.remove(v)
		}
		return nil, nil
	}
	if v == nil {
		return nil, nil
	}
	return v.Value, nil
}

func textArgument(args []any) (string, error) {
	if len(args) != 1 {
		return "", juel.ErrNoMethod
	}
	if args[0] == nil {
		return "", nil
	}
	return juel.Text(args[0])
}

// taskObject is what expressions and scripts see as "task": the members of DelegateTask
// that do no harm.
type taskObject struct {
	place
	event string // of the listener that runs
}

// Property implements juel.Object.
func (o *taskObject) Property(name string) (any, bool, error) {
	t := o.t
	switch name {
	case "id":
		return t.ID, true, nil
	case "name":
		return null(t.Name), true, nil
	case "description":
		return null(t.Description), true, nil
	case "assignee":
		return null(t.Assignee), true, nil
	case "owner":
		return null(t.Owner), true, nil
	case "priority":
		return int32(t.Priority), true, nil
	case "category":
		return null(t.Category), true, nil
	case "formKey":
		return null(t.FormKey), true, nil
	case "dueDate":
		return date(t.DueAt), true, nil
	case "createTime":
		return date(t.CreatedAt), true, nil
	case "eventName":
		return null(o.event), true, nil
	}
	return o.whereabouts(name)
}

func date(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t
}

// whereabouts are the properties that say where the task belongs.
func (o *taskObject) whereabouts(name string) (any, bool, error) {
	t := o.t
	switch name {
	case "taskDefinitionKey":
		return null(t.Key), true, nil
	case "processInstanceId":
		return null(t.InstanceID), true, nil
	case "processDefinitionId":
		return null(t.DefinitionID), true, nil
	case "executionId":
		return null(t.ExecutionID), true, nil
	case "tenantId":
		return t.TenantID, true, nil
	case "suspended":
		return t.Suspended, true, nil
	case "execution":
		if o.x == nil {
			return nil, true, nil
		}
		return &executionObject{place: o.c.at(o.x)}, true, nil
	}
	return o.variableProperty(name)
}

// Call implements juel.Object.
func (o *taskObject) Call(method string, args []any) (any, error) {
	switch method {
	case "setName", "setDescription", "setAssignee", "setOwner", "setCategory", "setFormKey",
		"addCandidateUser", "addCandidateGroup", "deleteCandidateUser", "deleteCandidateGroup":
		text, err := textArgument(args)
		if err != nil {
			return nil, err
		}
		o.textCall(method, text)
		return nil, nil
	case "setPriority":
		if len(args) != 1 {
			return nil, juel.ErrNoMethod
		}
		n, err := juel.Integer(args[0])
		o.t.Priority, o.t.changed = int(n), true
		return nil, err
	case "setDueDate":
		if len(args) != 1 {
			return nil, juel.ErrNoMethod
		}
		due, err := o.c.moment(args[0])
		o.t.DueAt, o.t.changed = due, true
		return nil, err
	case "addCandidateUsers", "addCandidateGroups":
		return nil, o.candidates(method, args)
	}
	return o.variableCall(method, args)
}

func (o *taskObject) textCall(method, text string) {
	t := o.t
	t.changed = true
	switch method {
	case "setName":
		t.Name = text
	case "setDescription":
		t.Description = text
	case "setAssignee":
		o.c.assign(t, text)
	case "setOwner":
		t.Owner = text
	case "setCategory":
		t.Category = text
	case "setFormKey":
		t.FormKey = text
	case "addCandidateUser":
		o.c.link(Link{TaskID: t.ID, Kind: Candidate, UserID: text})
	case "addCandidateGroup":
		o.c.link(Link{TaskID: t.ID, Kind: Candidate, GroupID: text})
	case "deleteCandidateUser":
		o.c.unlink(Link{TaskID: t.ID, Kind: Candidate, UserID: text})
	case "deleteCandidateGroup":
		o.c.unlink(Link{TaskID: t.ID, Kind: Candidate, GroupID: text})
	}
}

func (o *taskObject) candidates(method string, args []any) error {
	if len(args) != 1 {
		return juel.ErrNoMethod
	}
	list, err := texts(args[0])
	if err != nil {
		return err
	}
	single := map[string]string{"addCandidateUsers": "addCandidateUser", "addCandidateGroups": "addCandidateGroup"}[method]
	for _, text := range list {
		o.textCall(single, text)
	}
	return nil
}
