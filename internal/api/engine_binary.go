package api

import (
	"errors"
	"io"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// The types of variables whose values Activiti keeps apart from its JSON.
const (
	binaryType       = "binary"
	serializableType = "serializable"
)

// maxFormParts bounds how many parts a multipart body of a variable may have.
const maxFormParts = 20

// errSerialized refuses Java's serialized objects, which run code where they are read.
var errSerialized = fault.New(fault.Invalid, "Java's serialized objects are not taken: send the value as JSON with the type json, or as bytes with the type binary.")

// sent reads the variables of a request: a JSON list, or one JSON object where the path
// names one, or a multipart body with the bytes of one.
func (p *Processes) sent(v *visit) ([]restVariable, error) {
	if strings.HasPrefix(v.Header.Get("Content-Type"), "multipart/form-data") {
		one, err := p.uploaded(v)
		return []restVariable{one}, err
	}
	named := v.PathValue("name")
	if named == "" {
		var list []restVariable
		if err := v.body(&list); err != nil {
			return nil, err
		}
		if len(list) == 0 {
			return nil, fault.New(fault.Invalid, "Did not find any variables in the body.")
		}
		return list, nil
	}
	var one restVariable
	err := v.body(&one)
	return []restVariable{one}, err
}

// setVariables sets what a request sends by put, at a thing whose variables are at the
// given path, and answers as Activiti: the list, or the only one.
func (p *Processes) setVariables(v *visit, list []restVariable, at string, put func(map[string]any) error) (any, error) {
	named := v.PathValue("name")
	if named != "" && list[0].Name != named {
		return nil, fault.New(fault.Invalid, "Variable name in the body should be equal to the name used in the requested URL.")
	}
	given, err := values(list)
	if err != nil {
		return nil, err
	}
	if err := put(given); err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].bytes != nil {
			list[i] = binary(list[i].Name, list[i].Scope, at)
		}
	}
	switch {
	case named != "":
		return list[0], nil
	case list[0].Type == binaryType && len(list) == 1:
		return created{list[0]}, nil
	}
	return created{list}, nil
}

// binary is a variable of bytes as it is shown: with the address of its bytes instead of a
// value. at is the path of the variables that it is among.
func binary(name, scope, at string) restVariable {
	return restVariable{Name: name, Type: binaryType, Scope: scope, ValueURL: dataURL(at, name), Value: []byte("null")}
}

// uploaded reads a variable from a multipart body: the fields name, type and scope, in any
// order beside the file, which may be as large as variables are.
func (p *Processes) uploaded(v *visit) (restVariable, error) {
	one := restVariable{Type: binaryType}
	parts, err := v.MultipartReader()
	if err != nil {
		return one, unread(err)
	}
	fields := map[string]*string{"name": &one.Name, "type": &one.Type, "scope": &one.Scope}
	for range maxFormParts {
		part, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return one, one.whole()
		case err != nil:
			return one, unread(err)
		}
		field, most := fields[strings.ToLower(part.FormName())], maxEngineText
		switch {
		case part.FileName() != "" && one.bytes == nil:
			field, most = nil, p.engine.MaxValue()
		case field == nil || part.FileName() != "":
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part, int64(most)+1))
		switch {
		case err != nil:
			return one, unread(err)
		case len(data) > most:
			return one, fault.New(fault.TooLarge, "The part %q has more than %d bytes.", part.FormName(), most)
		case field != nil:
			*field = string(data)
		default:
			one.bytes = data
		}
	}
	return one, fault.New(fault.Invalid, "The body has more than %d parts.", maxFormParts)
}

// whole checks that a multipart body has said everything.
func (r *restVariable) whole() error {
	switch {
	case r.bytes == nil:
		return fault.New(fault.Invalid, "No file content was found in request body.")
	case r.Name == "":
		return fault.New(fault.Invalid, "No variable name was found in request body.")
	case r.Type == serializableType:
		return errSerialized
	case r.Type != binaryType:
		return fault.New(fault.Invalid, "Only the type 'binary' is sent as a file.")
	case r.Scope != "" && r.Scope != "local" && r.Scope != "global":
		return fault.New(fault.Invalid, "Invalid variable scope: %q.", r.Scope)
	}
	return nil
}

// variableBytes answers the bytes of a variable, as a file that no browser opens.
func variableBytes(x *engine.Variable) (any, error) {
	data, ok := x.Value.([]byte)
	if !ok {
		return nil, fault.New(fault.NotFound, "The variable %q does not have a binary data stream.", x.Name)
	}
	return bytesOf(x.Name, "application/octet-stream", data), nil
}

// seenBytes answers the bytes of one of the variables that can be seen somewhere.
func seenBytes(all map[string]engine.Variable, name string) (any, error) {
	x, ok := all[name]
	if !ok {
		return nil, fault.New(fault.NotFound, "There is no variable with the name %q.", name)
	}
	return variableBytes(&x)
}

func (p *Processes) executionVariableData(v *visit) (any, error) {
	all, err := p.seenVariables(v)
	if err != nil {
		return nil, err
	}
	return seenBytes(all, v.PathValue("name"))
}

func (p *Processes) taskVariableData(v *visit) (any, error) {
	all, err := p.taskVariablesSeen(v)
	if err != nil {
		return nil, err
	}
	return seenBytes(all, v.PathValue("name"))
}

// historicID is the id of a variable in history: where it belongs and its name.
func historicID(x *engine.Variable) string {
	return x.InstanceID + "." + x.ExecutionID + x.TaskID + "." + x.Name
}

// detailData answers the bytes that a variable had, of a value in its history.
func (p *Processes) detailData(v *visit) (any, error) {
	all, _, err := p.engine.Updates(v.Context(), engine.UpdateQuery{For: v.seen(), ID: v.PathValue("id"), Page: engine.Page{Limit: 1}})
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, fault.New(fault.NotFound, "Historic detail %q couldn't be found.", v.PathValue("id"))
	}
	return variableBytes(&all[0].Variable)
}

// historicData answers the bytes that a variable of history has.
func (p *Processes) historicData(v *visit) (any, error) {
	id := v.PathValue("id")
	missing := fault.New(fault.NotFound, "Historic variable instance %q couldn't be found.", id)
	instance, rest, _ := strings.Cut(id, ".")
	scope, name, _ := strings.Cut(rest, ".")
	if scope == "" || name == "" {
		return nil, missing
	}
	q := engine.VariableQuery{For: v.seen(), InstanceID: instance, TaskID: scope, Name: name}
	if engine.InstanceOf(scope) == instance {
		q.ExecutionID, q.TaskID = scope, ""
	}
	x, err := p.historicVariable(v, q)
	switch {
	case err != nil:
		return nil, err
	case x == nil:
		return nil, missing
	}
	return variableBytes(x)
}

// instanceData answers the bytes of a variable of an instance, running or ended.
func (p *Processes) instanceData(v *visit) (any, error) {
	i, err := p.engine.Instance(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return p.firstBytes(v, engine.VariableQuery{InstanceID: i.ID, ExecutionID: i.ID})
}

// historicTaskData answers the bytes of a variable that can be seen at a task, open or
// ended: its own before that of its instance, unless the scope says which.
func (p *Processes) historicTaskData(v *visit) (any, error) {
	t, err := p.engine.Task(v.Context(), v.actor, v.PathValue("id"))
	if err != nil {
		return nil, err
	}
	own, process := engine.VariableQuery{TaskID: t.ID}, engine.VariableQuery{InstanceID: t.InstanceID, ExecutionID: t.InstanceID}
	switch scope := v.URL.Query().Get("scope"); {
	case scope == "local" || t.InstanceID == "":
		return p.firstBytes(v, own)
	case scope == "global":
		return p.firstBytes(v, process)
	}
	return p.firstBytes(v, own, process)
}

// firstBytes answers the bytes of the variable that the path names in the first place that
// has it, of places that the caller may see.
func (p *Processes) firstBytes(v *visit, places ...engine.VariableQuery) (any, error) {
	for _, q := range places {
		q.Name = v.PathValue("name")
		x, err := p.historicVariable(v, q)
		if err != nil {
			return nil, err
		}
		if x != nil {
			return variableBytes(x)
		}
	}
	return nil, fault.New(fault.NotFound, "There is no variable with the name %q.", v.PathValue("name"))
}

// historicVariable returns the only variable that a query means, nil when there is none.
func (p *Processes) historicVariable(v *visit, q engine.VariableQuery) (*engine.Variable, error) {
	q.Page = engine.Page{Limit: 1}
	all, _, err := p.engine.AllVariables(v.Context(), q)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}
