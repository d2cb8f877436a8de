package delegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// httpTask is Flowable's task of the type http, with its fields: requestMethod, requestUrl,
// requestHeaders, requestBody, requestTimeout (ms), disallowRedirects, failStatusCodes,
// handleStatusCodes, ignoreException, saveRequestVariables, saveResponseParameters,
// saveResponseVariableAsJson, responseVariableName, resultVariablePrefix.
type httpTask struct{ *caller }

// Run is never called: the engine sees an engine.Outside.
func (httpTask) Run(context.Context, *engine.Execution) error {
	return errors.New("an HTTP task runs outside of the transaction")
}

// Prepare implements engine.Outside.
func (c httpTask) Prepare(_ context.Context, x *engine.Execution) (string, error) {
	f := &fields{x: x}
	r := request{Method: strings.ToUpper(strings.TrimSpace(f.text("requestMethod"))), URL: strings.TrimSpace(f.text("requestUrl")),
		Body: []byte(f.text("requestBody")), Stay: f.yes("disallowRedirects"), Quiet: f.yes("ignoreException")}
	for _, line := range strings.Split(f.text("requestHeaders"), "\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok {
			r.Headers = append(r.Headers, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	if text := f.text("requestTimeout"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return "", fmt.Errorf("requestTimeout %q is no number of milliseconds", text)
		}
		r.Timeout = time.Duration(n) * time.Millisecond
	}
	if f.yes("saveRequestVariables") && f.err == nil {
		prefix := f.prefix()
		for name, value := range map[string]any{"RequestMethod": r.Method, "RequestUrl": r.URL, "RequestHeaders": f.text("requestHeaders"), "RequestBody": string(r.Body)} {
			f.err = errors.Join(f.err, x.Set(prefix+name, value))
		}
	}
	if f.err != nil {
		return "", f.err
	}
	return c.prepared(r)
}

// prefix stands before the names of variables: the task's id unless the model says
// otherwise.
func (f *fields) prefix() string {
	if text := f.text("resultVariablePrefix"); text != "" {
		return text
	}
	return f.x.Node().ID
}

// Apply implements engine.Outside.
func (httpTask) Apply(_ context.Context, x *engine.Execution, text string) error {
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	f := &fields{x: x}
	prefix := f.prefix()
	if a.Problem != "" {
		return errors.Join(f.err, x.Set(prefix+"ErrorMessage", a.Problem))
	}
	if err := f.response(&a, prefix); err != nil || f.err != nil {
		return errors.Join(err, f.err)
	}
	if err := a.thrown(f.text("handleStatusCodes")); err != nil {
		return err
	}
	if matches(f.text("failStatusCodes"), a.Status) {
		if f.yes("ignoreException") {
			return x.Set(prefix+"ErrorMessage", a.failed().Error())
		}
		return a.failed()
	}
	return f.err
}

// response gives variables the answer.
func (f *fields) response(a *answer, prefix string) error {
	name := f.text("responseVariableName")
	if name == "" {
		name = prefix + "ResponseBody"
	}
	var body any = string(a.Body)
	if f.yes("saveResponseVariableAsJson") && len(a.Body) > 0 {
		if !json.Valid(a.Body) {
			return errors.New("the answer is no JSON, and the task keeps it as such")
		}
		body = juel.JSON(a.Body)
	}
	if err := f.x.Set(name, body); err != nil || !f.yes("saveResponseParameters") {
		return err
	}
	var headers []string
	for _, h := range a.Headers {
		headers = append(headers, h[0]+": "+h[1])
	}
	for name, value := range map[string]any{"ResponseProtocol": a.Protocol, "ResponseStatusCode": a.Status, "ResponseReason": a.Reason, "ResponseHeaders": strings.Join(headers, "\n")} {
		if err := f.x.Set(prefix+name, value); err != nil {
			return err
		}
	}
	return nil
}
