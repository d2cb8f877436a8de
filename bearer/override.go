package bearer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// RequestValidator is a Validator that looks at the request too. A Server whose
// Config.Validator is one calls ValidateRequest for HTTP requests, and Validate
// where there is none (AuthenticateToken). What it answers is true of that request
// and no other, so no Cache stands in front of it: one that does asks Validate,
// with the token alone.
type RequestValidator interface {
	Validator
	// ValidateRequest is Validate for a token that came with r, which it must not
	// change. It may return an *Error to say how the request is refused.
	ValidateRequest(r *http.Request, token string) (*Token, error)
}

// ask puts the question to the validator. r is nil when there is no request.
func (s *Server) ask(ctx context.Context, r *http.Request, raw string) (*Token, error) {
	if v, ok := s.cfg.Validator.(RequestValidator); ok && r != nil {
		return v.ValidateRequest(r, raw)
	}
	return s.cfg.Validator.Validate(ctx, raw)
}

// HTTPConfig is how an HTTPValidator asks.
type HTTPConfig struct {
	// URL is the endpoint: https, or http on this machine. Needed.
	URL string
	// InsecureHTTP allows plain http to another machine, where everybody between can
	// read tokens and answer in the endpoint's place.
	InsecureHTTP bool
	// Headers are the request headers that the endpoint sees. Nil means none.
	// Authorization and DPoP are refused: the token is sent as such, and a proof is
	// good for one request, this one.
	Headers []string
	// ClientID and ClientSecret authenticate this program there by HTTP Basic; both
	// empty means that it sends no credentials.
	ClientID, ClientSecret string
	// UsernameMembers are the members of the answer that may name the user; the
	// first one present counts. Nil means username, then user_name.
	UsernameMembers []string
	// Timeout bounds one question in whole. 0 means 1.8 s.
	Timeout time.Duration
	// InFlight is the most questions under way at once; more are refused at once,
	// as "cannot know". 0 means 256.
	InFlight int
	// Failures in a row open the breaker: for Pause nobody asks, and everybody is
	// told "cannot know" at once; then one question probes. 0 means 10 and 500 ms.
	Failures int
	Pause    time.Duration
	// Client replaces the HTTP client; it must not follow redirects. Nil means one
	// of its own.
	Client *http.Client
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// HTTPValidator is a RequestValidator that leaves the decision to an endpoint of
// the operator's own, which then can do what no standard says, without this
// program being built anew. It posts JSON,
//
//	{"token": "…", "method": "GET", "path": "/tasks", "headers": {"X-Tenant": ["a"]}}
//
// and takes an introspection answer (RFC 7662 §2.2) with the status 200. Asked for
// a token alone, it sends the token alone. Whatever else comes back, or nothing,
// means "cannot know". The path is as the caller wrote it, without the query. It is
// safe for concurrent use.
type HTTPValidator struct {
	cfg    HTTPConfig
	places chan struct{}

	mu      sync.Mutex
	breaker breaker
}

// NewHTTPValidator checks cfg, listing every problem.
func NewHTTPValidator(cfg HTTPConfig) (*HTTPValidator, error) {
	var problems []error
	problems = append(problems, checkAddress("HTTPConfig.URL", cfg.URL, cfg.InsecureHTTP))
	if (cfg.ClientID == "") != (cfg.ClientSecret == "") {
		problems = append(problems, errors.New("bearer: HTTPConfig needs both ClientID and ClientSecret, or neither"))
	}
	cfg.Headers = slices.Clone(cfg.Headers)
	for i, name := range cfg.Headers {
		cfg.Headers[i] = http.CanonicalHeaderKey(name)
		if !headerName(name) || cfg.Headers[i] == "Authorization" || cfg.Headers[i] == "Dpop" {
			problems = append(problems, fmt.Errorf("bearer: HTTPConfig.Headers: %q is no header that can be sent along", name))
		}
	}
	cfg.defaults()
	return &HTTPValidator{cfg: cfg, places: make(chan struct{}, max(cfg.InFlight, 1)), breaker: breaker{limit: cfg.Failures, pause: cfg.Pause}},
		errors.Join(problems...)
}

func (c *HTTPConfig) defaults() {
	if c.Timeout == 0 {
		c.Timeout = 1800 * time.Millisecond
	}
	if c.InFlight == 0 {
		c.InFlight = 256
	}
	if c.Failures == 0 {
		c.Failures = 10
	}
	if c.Pause == 0 {
		c.Pause = 500 * time.Millisecond
	}
	if c.Client == nil {
		c.Client = newClient()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// headerName follows the token of RFC 9110 §5.6.2.
func headerName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// question is what the endpoint reads.
type question struct {
	Token   string              `json:"token"`
	Method  string              `json:"method,omitempty"`
	Path    string              `json:"path,omitempty"`
	Headers map[string][]string `json:"headers,omitempty"`
}

// Validate asks about the token alone.
func (v *HTTPValidator) Validate(ctx context.Context, token string) (*Token, error) {
	return v.ask(ctx, question{Token: token})
}

// ValidateRequest asks about the token in this request.
func (v *HTTPValidator) ValidateRequest(r *http.Request, token string) (*Token, error) {
	q := question{Token: token, Method: r.Method, Path: sentPath(r)}
	for _, name := range v.cfg.Headers {
		values := r.Header[name]
		if name == "Host" { // net/http keeps it elsewhere
			values = []string{r.Host}
		}
		if len(values) == 0 {
			continue
		}
		if q.Headers == nil {
			q.Headers = map[string][]string{}
		}
		q.Headers[name] = values
	}
	return v.ask(r.Context(), q)
}

// sentPath is the path as the caller wrote it, before any prefix was cut off here.
func sentPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	return r.URL.EscapedPath()
}

// ask keeps to the limits and reports to the breaker how it went.
func (v *HTTPValidator) ask(ctx context.Context, q question) (*Token, error) {
	body, err := json.Marshal(q)
	if err != nil { // no endpoint could tell what it was
		return nil, invalidRequest("the path or a header of the request is not UTF-8 text")
	}
	select {
	case v.places <- struct{}{}:
	default:
		return nil, ErrBusy
	}
	defer func() { <-v.places }()
	v.mu.Lock()
	probe, ok := v.breaker.allow(v.cfg.Now())
	v.mu.Unlock()
	if !ok {
		return nil, ErrBusy
	}
	t, err := v.post(ctx, body)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil && ctx.Err() != nil { // the caller has left: that says nothing of the endpoint
		v.breaker.forget(probe)
		return nil, err
	}
	v.breaker.report(probe, err == nil || errors.Is(err, ErrInvalid), v.cfg.Now())
	return t, err
}

func (v *HTTPValidator) post(ctx context.Context, body []byte) (*Token, error) {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("validation endpoint: the address is wrong")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if v.cfg.ClientID != "" {
		req.SetBasicAuth(url.QueryEscape(v.cfg.ClientID), url.QueryEscape(v.cfg.ClientSecret))
	}
	resp, err := v.cfg.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("validation endpoint: %w", withoutAddress(err))
	}
	defer resp.Body.Close()
	return v.read(resp)
}

// read takes nothing for an answer but what is one.
func (v *HTTPValidator) read(resp *http.Response) (*Token, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("validation endpoint: reading the answer: %w", err)
	}
	switch {
	case len(body) > maxAnswer:
		return nil, errors.New("validation endpoint: the answer is larger than 64 KiB")
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("validation endpoint: it answered %d", resp.StatusCode)
	case !jsonType(resp.Header.Get("Content-Type")):
		return nil, errors.New("validation endpoint: the answer is not JSON")
	}
	return ParseIntrospection(body, v.cfg.UsernameMembers...)
}
