package delegate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// restCall is APS's REST call task: the fields restUrl, httpMethod, baseEndpointName and
// requestMappingJSONTemplate, and the mappings of requests, responses and headers that
// its editor keeps beside them.
type restCall struct{ *caller }

// Run is never called: the engine sees an engine.Outside.
func (restCall) Run(context.Context, *engine.Execution) error {
	return errors.New("a REST call runs outside of the transaction")
}

// Prepare implements engine.Outside.
func (c restCall) Prepare(_ context.Context, x *engine.Execution) (string, error) {
	f := &fields{x: x}
	r := request{Method: strings.ToUpper(strings.TrimSpace(f.filled("httpMethod")))}
	if r.Method == "" {
		r.Method = "GET"
	}
	var err error
	if r.URL, r.Endpoint, err = c.address(f); err != nil {
		return "", err
	}
	for _, h := range mappings(x.Node(), "header") {
		r.Headers = append(r.Headers, [2]string{h.name(), f.fill(h.first("headervalue", "value"))})
	}
	if err := f.body(&r); err != nil {
		return "", err
	}
	if f.err != nil {
		return "", f.err
	}
	return c.prepared(r)
}

// address puts the base endpoint before the call's own path.
func (c restCall) address(f *fields) (address, endpoint string, err error) {
	path := f.filled("restUrl")
	name := f.filled("baseEndpointName")
	if name == "" && f.raw("baseEndpoint") == "" {
		return path, "", nil
	}
	if name == "" {
		name = f.filled("baseEndpoint")
	}
	e, ok := c.calls.Endpoints[name]
	if !ok {
		return "", "", fmt.Errorf("there is no endpoint %q; an operator configures it", name)
	}
	if path == "" {
		return e.URL, name, nil
	}
	return strings.TrimRight(e.URL, "/") + "/" + strings.TrimLeft(path, "/"), name, nil
}

// body makes the body: from the template, else from the request's mapping. Of a call
// without a body the mapping makes the query.
func (f *fields) body(r *request) error {
	if template := f.raw("requestMappingJSONTemplate"); strings.TrimSpace(template) != "" {
		r.Body = f.template(template)
		if !json.Valid(r.Body) && f.err == nil {
			return errors.New("the template of the request is no JSON once its variables are put in")
		}
		return f.err
	}
	values := map[string]any{}
	query := url.Values{}
	for _, m := range mappings(f.x.Node(), "request", "mapping") {
		v := f.mapped(m)
		values[m.name()] = v
		query.Set(m.name(), f.string(shown(v)))
	}
	if len(values) == 0 {
		return f.err
	}
	if r.Method == "GET" || r.Method == "DELETE" || r.Method == "HEAD" {
		mark := "?"
		if strings.Contains(r.URL, "?") {
			mark = "&"
		}
		r.URL += mark + query.Encode()
		return f.err
	}
	var err error
	r.Body, err = json.Marshal(plain(values))
	return errors.Join(f.err, err)
}

func (f *fields) mapped(m mapping) any {
	if path := m.first("variableid", "variablename", "variable", "processvariable", "formfieldid", "fieldid"); path != "" {
		return f.variable(path)
	}
	return f.fill(m.first("staticvalue", "fixedvalue", "value"))
}

// template puts variables into a JSON text: within quotes the value's text, escaped;
// elsewhere the value as JSON. What does not exist is null.
func (f *fields) template(text string) []byte {
	var out bytes.Buffer
	quoted := false
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted && i+1 < len(text):
			out.WriteString(text[i : i+2])
			i++
		case strings.HasPrefix(text[i:], "${") && strings.IndexByte(text[i:], '}') > 0:
			end := i + strings.IndexByte(text[i:], '}')
			f.put(&out, f.variable(strings.TrimSpace(text[i+2:end])), quoted)
			i = end
		default:
			if text[i] == '"' {
				quoted = !quoted
			}
			out.WriteByte(text[i])
		}
	}
	return out.Bytes()
}

func (f *fields) put(out *bytes.Buffer, v any, quoted bool) {
	v = plain(v)
	if quoted {
		v = f.string(shown(v))
	}
	data, err := json.Marshal(v)
	f.err = errors.Join(f.err, err)
	if quoted && len(data) > 1 {
		data = data[1 : len(data)-1]
	}
	out.Write(data)
}

// plain is a value as JSON holds it.
func plain(v any) any {
	switch v := v.(type) {
	case juel.JSON:
		return json.RawMessage(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, one := range v {
			m[name] = plain(one)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, one := range v {
			list[i] = plain(one)
		}
		return list
	}
	return v
}

// shown is a value as a text holds it: lists and maps as JSON.
func shown(v any) any {
	switch v := v.(type) {
	case json.RawMessage:
		return string(v)
	case map[string]any, []any:
		data, err := json.Marshal(plain(v))
		if err != nil {
			return nil
		}
		return string(data)
	case time.Time:
		return plain(v)
	}
	return v
}

// Apply implements engine.Outside: an answer that is no success is an error, or the BPMN
// error HTTP404 where the field handleStatusCodes has its status; else its parts become
// variables.
func (restCall) Apply(_ context.Context, x *engine.Execution, text string) error {
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	f := &fields{x: x}
	if err := a.thrown(f.text("handleStatusCodes")); err != nil {
		return err
	}
	if a.Status < 200 || a.Status > 299 {
		return a.failed()
	}
	wanted := mappings(x.Node(), "response", "mapping")
	if len(wanted) == 0 {
		return f.err
	}
	var body any
	if len(bytes.TrimSpace(a.Body)) > 0 {
		var err error
		if body, err = decode(a.Body); err != nil {
			return errors.New("the answer is no JSON, and the task maps parts of it")
		}
	}
	for _, m := range wanted {
		if err := x.Set(m.first("variablename", "variableid", "variable", "processvariable", "newvariablename", "target"), juel.Part(body, m.first("jsonproperty", "propertyname", "property", "responseproperty", "jsonpath", "path", "name", "key"))); err != nil {
			return err
		}
	}
	return f.err
}

// decode reads JSON with whole numbers as such.
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return numbered(v), nil
}

func numbered(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		if n, err := v.Float64(); err == nil {
			return n
		}
		return v.String()
	case []any:
		for i := range v {
			v[i] = numbered(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbered(v[name])
		}
	}
	return v
}

// mapping is an element of APS's modeler that maps one thing to another; attributes by
// name, in lower case and without hyphens.
type mapping map[string]string

func (m mapping) first(names ...string) string {
	for _, name := range names {
		if m[name] != "" {
			return m[name]
		}
	}
	return ""
}

func (m mapping) name() string {
	return m.first("headername", "propertyname", "property", "jsonproperty", "name", "key")
}

// mappings are the elements in a node's extensions, at any depth, whose name has all of
// these words; of several in one another the innermost.
func mappings(n *bpmn.Node, words ...string) []mapping {
	if n == nil {
		return nil
	}
	return inside(n.Extensions, words)
}

func inside(all []bpmn.Extension, words []string) []mapping {
	var found []mapping
	for _, e := range all {
		name := folded(e.Name)
		if below := inside(e.Children, words); len(below) > 0 {
			found = append(found, below...)
			continue
		}
		if len(e.Attributes) == 0 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) }) {
			continue
		}
		m := mapping{}
		for attribute, value := range e.Attributes {
			m[folded(attribute)] = value
		}
		found = append(found, m)
	}
	return found
}

func folded(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}
