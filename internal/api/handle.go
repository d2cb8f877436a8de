package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/filter"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/model"
)

// Version is what GET app-version tells (APS: BpmProductVersionModel).
type Version struct {
	Edition  string `json:"edition"`
	Major    string `json:"majorVersion"`
	Revision string `json:"revisionVersion"`
	Minor    string `json:"minorVersion"`
	Type     string `json:"type"`
}

// Config is what the room needs besides the rooms it calls.
type Config struct {
	Version Version
	// Filters are the searches that users keep.
	Filters *filter.Service
	// Models are what people draw before it is deployed.
	Models *model.Service
	// Engine is what runs the processes; Limits bound the apps that are given to it.
	Engine *engine.Engine
	Limits app.Limits
	// Fetch reads what a service answers whose address a form's field names, within limits of
	// place, time and size.
	Fetch func(ctx context.Context, address string) ([]byte, error)
	Log   *slog.Logger
}

// API is the REST API; it stands behind identity.RequireToken or RequireBasic.
type API struct {
	users *identity.Service
	cfg   Config
	mux   *http.ServeMux
	// version is the answer that never changes.
	version rendered
	// routes are the operations that are built, by keyOf.
	routes map[string]*route
}

// New returns the REST API.
func New(users *identity.Service, cfg Config) *API {
	a := &API{users: users, cfg: cfg, mux: http.NewServeMux(), routes: map[string]*route{}, version: render(cfg.Version)}
	for _, register := range []func(){
		a.registerSystem, a.registerIdentity, a.registerPictures, a.registerAdminUsers, a.registerAdminGroups, a.registerTenants, a.registerFilters,
		a.registerTasks, a.registerDefinitions, a.registerDrawings, a.registerInstances, a.registerForms, a.registerSubmitted, a.registerContents,
		a.registerApps, a.registerRuntimeApps, a.registerModels, a.registerFormModels,
		a.registerUnbuilt,
	} {
		register()
	}
	return a
}

// prefix is the path of the public REST API in APS.
const prefix = "/api/enterprise/"

// call is one request with its caller.
type call struct {
	*http.Request
	user *identity.User
}

// operation is a handler: its answer is written as JSON, a file as it is, and nil as
// an empty body.
type operation func(c *call) (any, error)

// route is an operation that is built, with what the description tells of it.
type route struct {
	method, path string // below /activiti-app
	takes, gives any    // values of the types of the bodies; nil: none
}

// about notes of which types the bodies are that an operation takes and gives; nil
// for none.
func (r *route) about(takes, gives any) { r.takes, r.gives = takes, gives }

// handle registers an operation: "GET users/{userId}", or, when it is none of the
// public API, "GET /app/rest/users/{userId}/picture".
func (a *API) handle(pattern string, op operation) *route {
	method, path, _ := strings.Cut(pattern, " ")
	if !strings.HasPrefix(path, "/") {
		path = prefix + path
	}
	built := &route{method: method, path: path}
	a.routes[keyOf(method, path)] = built
	a.mux.HandleFunc(method+" "+base+path, func(w http.ResponseWriter, r *http.Request) {
		answer, err := op(&call{Request: r, user: identity.FromContext(r.Context())})
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		write(w, answer)
	})
	return built
}

// admin registers an operation for administrators alone.
func (a *API) admin(pattern string, op operation) *route {
	return a.handle(pattern, func(c *call) (any, error) {
		if !c.user.Admin {
			return nil, fault.New(fault.Forbidden, "Only an administrator may do this.")
		}
		return op(c)
	})
}

// file is an answer that is no JSON. One without bytes is not there: 404 with an
// empty body, which is how APS answers for pictures and contents.
type file struct {
	kind  string // the media type, of a kind that runs nothing
	bytes []byte
}

// rendered is an answer that is JSON already.
type rendered []byte

func render(v any) rendered {
	text, err := json.Marshal(v)
	if err != nil {
		panic("api: an answer of ours is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// Values of headers that every answer has; nobody changes them.
var (
	noStore  = []string{"no-store"}
	noSniff  = []string{"nosniff"}
	jsonType = []string{"application/json;charset=UTF-8"}
)

func write(w http.ResponseWriter, answer any) {
	h := w.Header()
	h["Cache-Control"], h["X-Content-Type-Options"] = noStore, noSniff
	if text, ok := answer.(rendered); ok {
		h["Content-Type"] = jsonType
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(text) // the caller is gone: nothing left to tell
		return
	}
	f, binary := answer.(file)
	kept, piecewise := answer.(stream)
	switch {
	case piecewise:
		kept.write(w)
	case answer == nil:
		w.WriteHeader(http.StatusOK)
	case !binary:
		writeJSON(w, http.StatusOK, answer)
	case f.bytes == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		h.Set("Content-Type", f.kind)
		h.Set("Content-Length", strconv.Itoa(len(f.bytes)))
		h.Set("Content-Disposition", "inline")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(f.bytes) // the caller is gone: nothing left to tell
	}
}

// ServeHTTP answers a call.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { serve(a.mux, w, r, WriteError) }

// serve answers a call by a mux; a slash at the end is ignored, as APS does. What the mux
// does not know is refused: 405 when the path exists for another method, 404 otherwise.
func serve(mux *http.ServeMux, w http.ResponseWriter, r *http.Request, refuse func(http.ResponseWriter, int, string)) {
	if trimmed := strings.TrimSuffix(r.URL.Path, "/"); trimmed != r.URL.Path && trimmed != "" {
		r2 := r.Clone(r.Context())
		r2.URL.Path, r2.URL.RawPath = trimmed, strings.TrimSuffix(r.URL.RawPath, "/")
		r = r2
	}
	if h, pattern := mux.Handler(r); pattern != "" {
		if strings.Contains(pattern, "{") {
			mux.ServeHTTP(w, r) // it fills in the path's values
			return
		}
		h.ServeHTTP(w, r)
		return
	}
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		r2 := r.Clone(r.Context())
		r2.Method = method
		if _, pattern := mux.Handler(r2); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		refuse(w, http.StatusNotFound, "There is no such operation.")
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	refuse(w, http.StatusMethodNotAllowed, "This operation does not exist with this method.")
}
