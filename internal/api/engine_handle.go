package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// enginePrefix is where APS answers Activiti's own REST API.
const enginePrefix = base + "/api/"

// engineAreas are the first words of the paths of Activiti's own API below it.
var engineAreas = []string{"repository", "runtime", "history", "management", "query", "form"}

// The capabilities, as APS calls them, that give a user who is no administrator the
// right to deploy, and to manage what runs.
const (
	deployCapability = "publish-app-to-dashboard"
	manageCapability = "tenant-admin-api"
)

// The bounds of what is sent to Activiti's API: of JSON, of whole lists.
const (
	maxEngineBody = 16 << 20
	maxEngineText = 4000
)

// Processes is Activiti's own REST API beside that of APS: its JSON, lists, statuses and
// error bodies. It stands behind the same check.
type Processes struct {
	users  *identity.Service
	engine *engine.Engine
	limits app.Limits
	log    *slog.Logger
	mux    *http.ServeMux
}

// NewProcesses returns Activiti's REST API. limits bound what is deployed.
func NewProcesses(users *identity.Service, e *engine.Engine, limits app.Limits, log *slog.Logger) *Processes {
	p := &Processes{users: users, engine: e, limits: limits, log: log, mux: http.NewServeMux()}
	for _, register := range []func(){p.registerRepository, p.registerRuntime, p.registerTasks, p.registerHistory, p.registerManagement, p.registerForms} {
		register()
	}
	return p
}

// Answers reports whether a path belongs to Activiti's own API.
func (p *Processes) Answers(path string) bool {
	rest, ok := strings.CutPrefix(path, enginePrefix)
	area, _, _ := strings.Cut(rest, "/")
	return ok && slices.Contains(engineAreas, area)
}

// created is an answer with status 201.
type created struct{ body any }

// gone is the answer of what was deleted: 204.
type gone struct{}

// accepted is the answer of what a job will do: 202.
type accepted struct{}

// handle registers an operation by a path below /activiti-app/api/.
func (p *Processes) handle(pattern string, op func(v *visit) (any, error)) {
	method, path, _ := strings.Cut(pattern, " ")
	p.mux.HandleFunc(method+" "+enginePrefix+path, func(w http.ResponseWriter, r *http.Request) {
		var answer any
		v, err := newVisit(r, p.users)
		if err == nil {
			answer, err = op(v)
		}
		if err != nil {
			p.Refuse(w, r, err)
			return
		}
		respond(w, answer)
	})
}

// with is handle for what needs a capability.
func (p *Processes) with(capability, pattern string, op func(v *visit) (any, error)) {
	p.handle(pattern, func(v *visit) (any, error) {
		if err := p.require(v, capability); err != nil {
			return nil, err
		}
		return op(v)
	})
}

// require refuses whoever is no administrator and has not the capability.
func (p *Processes) require(v *visit, capability string) error {
	return require(v, p.users, capability)
}

func require(v *visit, users *identity.Service, capability string) error {
	if v.user.Admin {
		return nil
	}
	have, err := users.UserCapabilities(v.Context(), v.user.ID)
	if err != nil {
		return err
	}
	if !slices.Contains(have, capability) {
		return fault.New(fault.Forbidden, "Only an administrator, or a user with the capability %s, may do this.", capability)
	}
	v.actor.Admin = true
	return nil
}

// seen restricts a query to what the caller may see.
func (v *visit) seen() *engine.Actor { return &v.actor }

func respond(w http.ResponseWriter, answer any) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	switch a := answer.(type) {
	case gone:
		w.WriteHeader(http.StatusNoContent)
	case accepted:
		w.WriteHeader(http.StatusAccepted)
	case created:
		writeJSON(w, http.StatusCreated, a.body)
	default:
		write(w, answer)
	}
}

// stream is an answer that is written piece by piece, as a file to keep.
type stream struct {
	kind, name string
	size       int64
	to         func(io.Writer) error
}

func (s stream) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", s.kind)
	h.Set("Content-Disposition", attachment(s.name))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if s.size >= 0 {
		h.Set("Content-Length", strconv.FormatInt(s.size, 10))
	}
	w.WriteHeader(http.StatusOK)
	_ = s.to(w) // the length tells the caller that it was cut off
}

// attachment is the header that has a browser keep a file under a name (RFC 6266): for old
// ones in ASCII, for others as it is.
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\\%;/`, r) {
			return '_'
		}
		return r
	}, name)
	encoded := strings.NewReplacer("+", "%20", "'", "%27", "(", "%28", ")", "%29", "*", "%2A").Replace(url.QueryEscape(name))
	return `attachment; filename="` + plain + `"; filename*=UTF-8''` + encoded
}

// ServeHTTP answers a call.
func (p *Processes) ServeHTTP(w http.ResponseWriter, r *http.Request) { serve(p.mux, w, r, p.tell) }

// engineWords are what Activiti 6 calls its refusals.
var engineWords = map[int]string{
	http.StatusBadRequest: "Bad request", http.StatusUnauthorized: "Unauthorized", http.StatusForbidden: "Forbidden", http.StatusNotFound: "Not found",
	http.StatusConflict: "Conflict", http.StatusInternalServerError: "Internal server error", http.StatusMethodNotAllowed: "Method not allowed",
}

// tell writes Activiti's error body: a word for the status, and what happened.
func (p *Processes) tell(w http.ResponseWriter, status int, exception string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	word := engineWords[status]
	if word == "" {
		word = http.StatusText(status)
	}
	writeJSON(w, status, struct {
		Message   string `json:"message"`
		Exception string `json:"exception"`
	}{word, exception})
}

// Refuse answers err in Activiti's form and logs what the caller may not see.
func (p *Processes) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var job *engine.JobError
	if errors.As(err, &job) {
		p.tell(w, http.StatusInternalServerError, job.Error()) // as Activiti; the log has it from the engine
		return
	}
	status := statuses[fault.KindOf(err)]
	if status >= http.StatusInternalServerError {
		p.log.ErrorContext(r.Context(), "call failed", "path", r.URL.Path, "error", err)
	}
	if wait := fault.Wait(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	}
	if status == http.StatusUnauthorized && r.Header.Get("X-Requested-With") == "" && r.Header.Get("Sec-Fetch-Mode") == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="sluice", charset="UTF-8"`)
	}
	p.tell(w, status, fault.Message(err))
}

// body reads a JSON body of at most maxEngineBody; none at all leaves v as it is.
func (v *visit) body(into any) error {
	data, err := v.bytes(maxEngineBody, fmt.Sprintf("%d bytes", maxEngineBody))
	switch {
	case err != nil:
		return err
	case len(strings.TrimSpace(string(data))) == 0:
		return nil
	}
	return decodeJSON(data, into)
}

// engineList is Activiti's list.
type engineList struct {
	Data  any    `json:"data"`
	Total int    `json:"total"`
	Start int    `json:"start"`
	Sort  string `json:"sort"`
	Order string `json:"order"`
	Size  int    `json:"size"`
}

// listing is which part of a list is asked for, and how it is sorted.
type listing struct {
	Start *int   `json:"start"`
	Size  *int   `json:"size"`
	Sort  string `json:"sort"`
	Order string `json:"order"`
}

// ask reads it from the query where the body has not said it.
func (l *listing) ask(v *visit) error {
	q := v.URL.Query()
	for name, to := range map[string]**int{"start": &l.Start, "size": &l.Size} {
		if text := q.Get(name); text != "" && *to == nil {
			n, err := strconv.Atoi(text)
			if err != nil {
				return fault.New(fault.Invalid, "%s must be a number.", name)
			}
			*to = &n
		}
	}
	if l.Sort == "" {
		l.Sort = q.Get("sort")
	}
	if l.Order == "" {
		l.Order = q.Get("order")
	}
	if l.Order == "" {
		l.Order = "asc"
	}
	if l.Order != "asc" && l.Order != "desc" {
		return fault.New(fault.Invalid, "order must be asc or desc.")
	}
	for _, n := range []*int{l.Start, l.Size} {
		if n != nil && *n < 0 {
			return fault.New(fault.Invalid, "start and size must not be negative.")
		}
	}
	return nil
}

// page is the part as the engine knows it: 10 when nobody says how many, as in Activiti.
func (l *listing) page() engine.Page {
	p := engine.Page{Limit: 10}
	if l.Start != nil {
		p.Offset = *l.Start
	}
	if l.Size != nil && *l.Size > 0 {
		p.Limit = *l.Size
	}
	return p
}

// sorted is the order as the engine knows it: known are Activiti's words; otherwise is used when none
// is given.
func (l *listing) sorted(known map[string]string, otherwise string) (engine.Order, error) {
	if l.Sort == "" {
		l.Sort = otherwise
	}
	by, ok := known[l.Sort]
	if !ok {
		return engine.Order{}, fault.New(fault.Invalid, "Value for param 'sort' is not valid, %q is not a valid property.", l.Sort)
	}
	return engine.Order{By: by, Desc: l.Order == "desc"}, nil
}

// tell makes the list's answer.
func tell[From, To any](l *listing, all []From, total int, one func(*From) To) engineList {
	data := make([]To, len(all))
	for i := range all {
		data[i] = one(&all[i])
	}
	return engineList{Data: data, Total: total, Start: l.page().Offset, Sort: l.Sort, Order: l.Order, Size: len(data)}
}

// words are the parameters of a query, wherever they came from: the address, or a JSON
// body for POST.
type words map[string]any

// asked gathers parameters from the body of a POST and from the address, and the listing.
func (v *visit) asked() (words, *listing, error) {
	w, l := words{}, &listing{}
	if v.Method == http.MethodPost {
		var raw json.RawMessage
		if err := v.body(&raw); err != nil {
			return nil, nil, err
		}
		if len(raw) > 0 {
			if err := errors.Join(decodeJSON(raw, &w), decodeJSON(raw, l)); err != nil {
				return nil, nil, fault.New(fault.Invalid, "The query must be a JSON object with start and size as numbers.")
			}
		}
	}
	for name, values := range v.URL.Query() {
		w[name] = values[0]
	}
	return w, l, l.ask(v)
}

func (w words) text(name string) string {
	switch v := w[name].(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// reader reads parameters and remembers the first that is wrong.
type reader struct {
	words
	err error
}

func (r *reader) truth(name string) *bool {
	text := r.text(name)
	if text == "" {
		return nil
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		r.bad(name, "true or false")
	}
	return &b
}

func (r *reader) is(name string) bool {
	b := r.truth(name)
	return b != nil && *b
}

func (r *reader) number(name string) *int {
	text := r.text(name)
	if text == "" {
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		r.bad(name, "a number")
	}
	return &n
}

func (r *reader) moment(name string) time.Time {
	text := r.text(name)
	if text == "" {
		return time.Time{}
	}
	// A plus of a zone that was not escaped comes as a space.
	t, err := engineTime(strings.Replace(text, " ", "+", 1))
	if err != nil {
		r.bad(name, "a date as 2013-04-17T10:17:43.902Z")
	}
	return t
}

func (r *reader) between(after, before string) engine.Between {
	return engine.Between{After: r.moment(after), Before: r.moment(before)}
}

func (r *reader) list(name string) []string {
	switch v := r.words[name].(type) {
	case string:
		return strings.Split(v, ",")
	case []any:
		var all []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

func (r *reader) tenant() engine.Tenant {
	return engine.Tenant{ID: r.text("tenantId"), Like: r.text("tenantIdLike"), None: r.is("withoutTenantId")}
}

func (r *reader) bad(name, what string) {
	if r.err == nil {
		r.err = fault.New(fault.Invalid, "%s must be %s.", name, what)
	}
}

// engineTime reads a moment in the forms that Activiti takes.
func engineTime(text string) (time.Time, error) {
	for _, layout := range append([]string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.000"}, dateForms...) {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "A date must be written as 2013-04-17T10:17:43.902Z.")
}

// stamp is Activiti's form of a moment.
type stamp time.Time

// MarshalJSON writes the moment in UTC, or null for none.
func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000Z"`)), nil
}

// lasted is how many milliseconds something took; nil while it lasts.
func lasted(from, to time.Time) *int64 {
	if to.IsZero() {
		return nil
	}
	ms := to.Sub(from).Milliseconds()
	return &ms
}

// address is where a thing of this API is, for its url.
func (v *visit) address(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return enginePrefix + strings.Join(parts, "/")
}
