package delegate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/engine"
)

// request is a call that has been prepared. It holds no credentials of an endpoint.
type request struct {
	Method   string
	URL      string
	Headers  [][2]string `json:",omitempty"`
	Body     []byte      `json:",omitempty"`
	Endpoint string      `json:",omitempty"` // whose credentials it goes with
	Timeout  time.Duration
	Stay     bool // follow no redirect at all
	Quiet    bool // that nobody answers is no error
}

// answer is what came back.
type answer struct {
	Protocol string
	Status   int
	Reason   string
	Headers  [][2]string
	Body     []byte
	Problem  string // why there is no answer, when that is no error
}

// caller sends requests.
type caller struct {
	calls  Calls
	guard  *guard
	client *http.Client
}

func newCaller(c Calls) (*caller, error) {
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxAnswer == 0 {
		c.MaxAnswer = defaultMaxAnswer
	}
	g, err := newGuard(c)
	if err != nil {
		return nil, err
	}
	for name, e := range c.Endpoints {
		if u, err := url.Parse(e.URL); err != nil || u.Host == "" {
			return nil, fmt.Errorf("the endpoint %q has no URL", name)
		}
	}
	return &caller{c, g, g.client(c.Timeout)}, nil
}

// methods are those that a model may name.
var methods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true}

// prepared checks a request and gives it as text.
func (c *caller) prepared(r request) (string, error) {
	if !methods[r.Method] {
		return "", fmt.Errorf("the method %q is none that can be called", r.Method)
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return "", errors.New("the URL of the call cannot be read")
	}
	if err := c.guard.check(u); err != nil {
		return "", err
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20")
	r.URL = u.String()
	text, err := json.Marshal(r)
	return string(text), err
}

// Call sends a request and reads the answer. Its errors tell neither the URL's path nor
// anything of headers or body.
func (c *caller) Call(ctx context.Context, key, text string) (string, error) {
	var r request
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return "", fmt.Errorf("reading the prepared call: %w", err)
	}
	got, err := c.send(ctx, key, &r)
	if err != nil {
		if !r.Quiet {
			return "", err
		}
		got = &answer{Problem: err.Error()}
	}
	out, err := json.Marshal(got)
	return string(out), err
}

func (c *caller) send(ctx context.Context, key string, r *request) (*answer, error) {
	if r.Timeout > 0 && r.Timeout < c.calls.Timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.Timeout)
		defer cancel()
	}
	out, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(string(r.Body)))
	if err != nil {
		return nil, errors.New("the prepared call has no URL that can be read")
	}
	if err := c.guard.check(out.URL); err != nil { // the list may have changed since
		return nil, err
	}
	for _, h := range r.Headers {
		out.Header.Add(h[0], h[1])
	}
	if len(r.Body) > 0 && out.Header.Get("Content-Type") == "" {
		out.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		out.Header.Set("Idempotency-Key", key)
	}
	if e, ok := c.calls.Endpoints[r.Endpoint]; ok && e.User != "" {
		out.SetBasicAuth(e.User, e.Password)
	}
	client := *c.client
	if r.Stay {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	in, err := client.Do(out)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", out.URL.Host, bare(err))
	}
	defer func() { _ = in.Body.Close() }()
	return c.read(in)
}

// bare is an error without the URL, whose query may hold secrets.
func bare(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}

func (c *caller) read(in *http.Response) (*answer, error) {
	body, err := io.ReadAll(io.LimitReader(in.Body, c.calls.MaxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", in.Request.URL.Host, bare(err))
	}
	if int64(len(body)) > c.calls.MaxAnswer {
		return nil, fmt.Errorf("the answer of %s has more than %d bytes", in.Request.URL.Host, c.calls.MaxAnswer)
	}
	a := &answer{Protocol: in.Proto, Status: in.StatusCode, Reason: http.StatusText(in.StatusCode), Body: body}
	for name, values := range in.Header {
		for _, v := range values {
			a.Headers = append(a.Headers, [2]string{name, v})
		}
	}
	return a, nil
}

// statusError is an answer that is no success.
type statusError struct{ status int }

func (a *answer) failed() error { return &statusError{status: a.Status} }

// Error tells the status.
func (e *statusError) Error() string {
	return fmt.Sprintf("the call was answered with the status %d %s", e.status, http.StatusText(e.status))
}

// thrown is the BPMN error of a status, where a list such as "404,5XX" has it: HTTP404.
func (a *answer) thrown(list string) error {
	if !matches(list, a.Status) {
		return nil
	}
	return &engine.Error{Code: fmt.Sprintf("HTTP%d", a.Status), Message: a.failed().Error()}
}

// matches reports whether a list of statuses, in which X is any digit, has one.
func matches(list string, status int) bool {
	text := fmt.Sprint(status)
	for _, one := range strings.Split(list, ",") {
		one = strings.ToUpper(strings.TrimSpace(one))
		if len(one) != len(text) {
			continue
		}
		same := true
		for i := range one {
			same = same && (one[i] == 'X' || one[i] == text[i])
		}
		if same {
			return true
		}
	}
	return false
}
