package api

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// object is a JSON object of the description.
type object = map[string]any

// OpenAPI returns the description of what is built, in OpenAPI 3.1. issuer is the
// authorization server at which callers get their tokens.
func (a *API) OpenAPI(version, issuer string) map[string]any {
	d := describer{schemas: object{}, taken: map[reflect.Type]bool{}}
	for _, built := range a.routes {
		d.take(reflect.TypeOf(built.takes))
	}
	paths := object{}
	for _, o := range Surface() {
		built := a.routes[o.key()]
		if built == nil {
			continue
		}
		path, ok := paths[o.Path].(object)
		if !ok {
			path = object{}
			paths[o.Path] = path
		}
		if method := strings.ToLower(o.Method); path[method] == nil {
			path[method] = d.operation(&o, built)
		}
	}
	d.of(reflect.TypeFor[errorBody]())
	return object{
		"openapi":  "3.1.0",
		"info":     object{"title": "Sluice: the REST API of Alfresco Process Services", "version": version, "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers":  []any{object{"url": base}},
		"security": []any{object{"oauth2": []string{}}, object{"basic": []string{}}},
		"paths":    paths,
		"components": object{"schemas": d.schemas, "securitySchemes": object{
			"oauth2": object{"type": "oauth2", "flows": object{"authorizationCode": object{
				"authorizationUrl": issuer + "/oauth/authorize", "tokenUrl": issuer + "/oauth/token", "scopes": object{}}}},
			"basic": object{"type": "http", "scheme": "basic"},
		}},
	}
}

// describer collects the schemas that are named.
type describer struct {
	schemas object
	// taken are the types that callers send. Of those no member is required; what is only
	// given has all that it has always.
	taken map[reflect.Type]bool
}

// take notes a type that callers send, with all that it holds.
func (d *describer) take(t reflect.Type) {
	if t == nil || d.taken[t] {
		return
	}
	d.taken[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		d.take(t.Elem())
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			d.take(f.Type)
		}
	}
}

func (d *describer) operation(o *Operation, built *route) object {
	told := object{"operationId": o.Client, "summary": o.Summary, "tags": []string{o.Area}, "responses": d.responses(built.gives)}
	var parameters []any
	for _, name := range parameter.FindAllString(o.Path, -1) {
		name = strings.Trim(name, "{}")
		kind := "string"
		if slices.Contains(o.Numbers, name) {
			kind = "integer"
		}
		parameters = append(parameters, object{"name": name, "in": "path", "required": true, "schema": object{"type": kind}})
	}
	for _, q := range o.Query {
		name, kind, _ := strings.Cut(q, ":")
		if kind == "number" {
			kind = "integer"
		}
		name, needed := strings.CutSuffix(name, "!")
		parameters = append(parameters, object{"name": name, "in": "query", "required": needed, "schema": object{"type": kind}})
	}
	if parameters != nil {
		told["parameters"] = parameters
	}
	if built.takes != nil {
		told["requestBody"] = object{"required": true, "content": d.content(built.takes)}
	}
	return told
}

func (d *describer) content(body any) object {
	switch body.(type) {
	case multipartBody:
		part := object{"type": "object", "required": []string{"file"}, "properties": object{"file": object{"type": "string", "format": "binary"}}}
		return object{"multipart/form-data": object{"schema": part}}
	case file:
		return object{"*/*": object{"schema": object{"type": "string", "format": "binary"}}}
	}
	return object{"application/json": object{"schema": d.of(reflect.TypeOf(body))}}
}

// responses tells of success and of APS's error body; a file that is not there is
// 404 with nothing.
func (d *describer) responses(gives any) object {
	success := object{"description": "It was done."}
	if gives != nil {
		success["content"] = d.content(gives)
	}
	all := object{"200": success, "default": object{"description": "It was refused, or it failed.",
		"content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/ErrorBody"}}}}}
	if _, binary := gives.(file); binary {
		all["404"] = object{"description": "There is none."}
	}
	return all
}

// written are the schemas of types that write and read themselves.
var written = map[reflect.Type]object{
	reflect.TypeFor[date]():            {"type": []string{"string", "null"}, "description": "2026-01-20T22:03:05.123+0000"},
	reflect.TypeFor[auditTime]():       {"type": []string{"string", "null"}, "description": "Wed Jan 20 22:03:05 UTC 2026"},
	reflect.TypeFor[digits]():          {"type": []string{"integer", "string", "null"}},
	reflect.TypeFor[person]():          {"type": []string{"integer", "string", "null"}},
	reflect.TypeFor[json.RawMessage](): {"description": "anything"},
}

// member is a told of any type.
type member interface{ holds() reflect.Type }

// of returns the schema of a type as encoding/json writes and reads it.
func (d *describer) of(t reflect.Type) object {
	if known := written[t]; known != nil {
		return known
	}
	if m, ok := reflect.Zero(t).Interface().(member); ok {
		return object{"anyOf": []any{d.of(m.holds()), object{"type": "null"}}}
	}
	switch {
	case t.Kind() == reflect.Pointer:
		return object{"anyOf": []any{d.of(t.Elem()), object{"type": "null"}}}
	case t.Kind() == reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": d.of(t.Elem())}
	case t.Kind() == reflect.Struct && t.Name() != "" && !strings.Contains(t.Name(), "["):
		name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
		if d.schemas[name] == nil {
			d.schemas[name] = object{} // a type may hold itself
			d.schemas[name] = d.members(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	case t.Kind() == reflect.Struct:
		return d.members(t)
	}
	return plain(t.Kind())
}

// plain is the schema of a type without parts; an any may be anything.
func plain(kind reflect.Kind) object {
	switch kind {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	}
	return object{}
}

// members is the schema of a struct; what it embeds counts as its own.
func (d *describer) members(t reflect.Type) object {
	properties := object{}
	var always []string
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		properties[name] = d.of(f.Type)
		if !d.taken[t] && !strings.Contains(options, "omit") {
			always = append(always, name)
		}
	}
	told := object{"type": "object", "properties": properties}
	if always != nil {
		slices.Sort(always)
		told["required"] = slices.Compact(always)
	}
	return told
}
