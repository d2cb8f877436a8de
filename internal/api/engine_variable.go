package api

import (
	"encoding/json"
	"net/url"
	"sort"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// restVariable is Activiti's variable.
type restVariable struct {
	Name     string          `json:"name"`
	Type     string          `json:"type,omitempty"`
	Value    json.RawMessage `json:"value"`
	ValueURL string          `json:"valueUrl,omitempty"` // where the bytes of a binary one are
	Scope    string          `json:"scope,omitempty"`    // local or global

	bytes []byte // of an upload
}

// typed is the value in the type that is named, or in that of JSON.
func (r *restVariable) typed() (any, error) {
	wrong := fault.New(fault.Invalid, "The variable %q has no value of the type %s.", r.Name, r.Type)
	if r.Name == "" {
		return nil, fault.New(fault.Invalid, "Variable name is required.")
	}
	switch {
	case r.bytes != nil:
		return r.bytes, nil
	case r.Type == binaryType:
		return nil, fault.New(fault.Invalid, "The bytes of the variable %q are sent as a file: a multipart/form-data body with name, type and scope.", r.Name)
	case r.Type == serializableType:
		return nil, errSerialized
	case len(r.Value) == 0 || string(r.Value) == "null":
		return nil, nil
	}
	text := strings.Trim(string(r.Value), `"`)
	number := json.Number(text)
	switch r.Type {
	case "string", "date", "boolean":
		return r.plain(wrong)
	case "short", "integer", "long":
		n, err := number.Int64()
		bits := map[string]int64{"short": 1 << 15, "integer": 1 << 31, "long": 1<<63 - 1}[r.Type]
		switch {
		case err != nil || n >= bits && r.Type != "long" || n < -bits:
			return nil, wrong
		case r.Type == "short":
			return int16(n), nil
		case r.Type == "integer":
			return int32(n), nil
		}
		return n, nil
	case "double":
		f, err := number.Float64()
		if err != nil {
			return nil, wrong
		}
		return f, nil
	case "json":
		return engine.JSON(r.Value), nil
	case "":
		return r.natural()
	}
	return nil, fault.New(fault.Invalid, "Variable %q has unsupported type: %q.", r.Name, r.Type)
}

func (r *restVariable) plain(wrong error) (any, error) {
	switch r.Type {
	case "boolean":
		var b bool
		if json.Unmarshal(r.Value, &b) != nil {
			return nil, wrong
		}
		return b, nil
	case "date":
		var s string
		if json.Unmarshal(r.Value, &s) != nil {
			return nil, wrong
		}
		return engineTime(s)
	}
	var s string
	if json.Unmarshal(r.Value, &s) != nil {
		return nil, wrong
	}
	return s, nil
}

// natural is the value as JSON has it: numbers are Integer, Long or Double, objects and
// lists are JSON.
func (r *restVariable) natural() (any, error) {
	switch r.Value[0] {
	case '{', '[':
		return engine.JSON(r.Value), nil
	case '"':
		var s string
		err := json.Unmarshal(r.Value, &s)
		return s, err
	case 't', 'f':
		return string(r.Value) == "true", nil
	}
	return json.Number(r.Value), nil
}

// values turns a list of variables into those of a command.
func values(list []restVariable) (map[string]any, error) {
	all := make(map[string]any, len(list))
	for i := range list {
		v, err := list[i].typed()
		if err != nil {
			return nil, err
		}
		if _, twice := all[list[i].Name]; twice {
			return nil, fault.New(fault.Invalid, "The variable %q is there twice.", list[i].Name)
		}
		all[list[i].Name] = v
	}
	return all, nil
}

// dataURL is where the bytes of a variable are, among the variables at a path.
func dataURL(at, name string) string { return at + "/" + url.PathEscape(name) + "/data" }

// newVariable is the engine's variable in Activiti's JSON. at is the path of the variables
// that it is among, for the address of its bytes.
func newVariable(v *engine.Variable, scope, at string) restVariable {
	if v.Type == "bytes" {
		return binary(v.Name, scope, at)
	}
	r := restVariable{Name: v.Name, Type: v.Type, Scope: scope, Value: json.RawMessage("null")}
	value := v.Value
	switch x := value.(type) {
	case time.Time:
		value = stamp(x)
	case engine.JSON:
		value = json.RawMessage(x)
	}
	if data, err := json.Marshal(value); err == nil {
		r.Value = data
	}
	if r.Type == "list" || r.Type == "map" {
		r.Type = serializableType
	}
	return r
}

// variableList is the answer of a list of variables, by name. local tells which are the
// asked scope's own; only keeps those of that scope; at is their path.
func variableList(all map[string]engine.Variable, local func(*engine.Variable) bool, only, at string) ([]restVariable, error) {
	if only != "" && only != "local" && only != "global" {
		return nil, fault.New(fault.Invalid, "Invalid variable scope: %q.", only)
	}
	list := []restVariable{}
	for _, v := range all {
		scope := "global"
		if local(&v) {
			scope = "local"
		}
		if only == "" || only == scope {
			list = append(list, newVariable(&v, scope, at))
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// variableFilter is a variable that a query asks for.
type variableFilter struct {
	restVariable
	Operation string `json:"operation"`
	Operator  string `json:"operator"`
}

// filters reads the variables that a query's body asks for.
func (r *reader) filters(name string) []engine.VariableFilter {
	data, err := json.Marshal(r.words[name])
	var list []variableFilter
	if err != nil || json.Unmarshal(data, &list) != nil {
		r.bad(name, "a list of variables")
		return nil
	}
	var all []engine.VariableFilter
	for _, f := range list {
		if f.Operation == "" {
			f.Operation = f.Operator
		}
		named := f.restVariable
		if named.Name == "" {
			named.Name = "any"
		}
		v, err := named.typed()
		if err != nil && r.err == nil {
			r.err = err
		}
		all = append(all, engine.VariableFilter{Name: f.Name, Op: f.Operation, Value: v})
	}
	return all
}
