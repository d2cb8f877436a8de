package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// maxBody is the largest JSON body that is read.
const maxBody = 64 << 10

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
	Log     *slog.Logger
}

// API is the REST API; it stands behind identity.RequireToken or RequireBasic.
type API struct {
	users *identity.Service
	cfg   Config
	mux   *http.ServeMux
}

// New returns the REST API.
func New(users *identity.Service, cfg Config) *API {
	a := &API{users: users, cfg: cfg, mux: http.NewServeMux()}
	a.register()
	return a
}

// prefix is the path of the public REST API in APS.
const prefix = "/activiti-app/api/enterprise/"

// call is one request with its caller.
type call struct {
	*http.Request
	user *identity.User
}

// operation is a handler: its answer is written as JSON, nil as an empty body.
type operation func(c *call) (any, error)

// handle registers an operation: "GET users/{userId}".
func (a *API) handle(pattern string, op operation) {
	method, path, _ := strings.Cut(pattern, " ")
	a.mux.HandleFunc(method+" "+prefix+path, func(w http.ResponseWriter, r *http.Request) {
		answer, err := op(&call{Request: r, user: identity.FromContext(r.Context())})
		if err != nil {
			a.Refuse(w, r, err)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if answer == nil {
			w.WriteHeader(http.StatusOK)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	})
}

// admin registers an operation for administrators alone.
func (a *API) admin(pattern string, op operation) {
	a.handle(pattern, func(c *call) (any, error) {
		if !c.user.Admin {
			return nil, fault.New(fault.Forbidden, "Only an administrator may do this.")
		}
		return op(c)
	})
}

// ServeHTTP answers a call; a slash at the end is ignored, as APS does.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if trimmed := strings.TrimSuffix(r.URL.Path, "/"); trimmed != r.URL.Path && trimmed != "" {
		r2 := r.Clone(r.Context())
		r2.URL.Path, r2.URL.RawPath = trimmed, strings.TrimSuffix(r.URL.RawPath, "/")
		r = r2
	}
	if _, pattern := a.mux.Handler(r); pattern == "" {
		a.unknown(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// unknown answers 405 when the path exists for another method, and 404 otherwise.
func (a *API) unknown(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		r2 := r.Clone(r.Context())
		r2.Method = method
		if _, pattern := a.mux.Handler(r2); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		WriteError(w, http.StatusNotFound, "There is no such operation.")
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	WriteError(w, http.StatusMethodNotAllowed, "This operation does not exist with this method.")
}

// statuses is the table from fault kinds to HTTP statuses.
var statuses = map[fault.Kind]int{
	fault.Internal:     http.StatusInternalServerError,
	fault.Invalid:      http.StatusBadRequest,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.TooMany:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
}

// messageKeys are APS's words for statuses.
var messageKeys = map[int]string{
	http.StatusBadRequest:            "GENERAL.ERROR.BAD-REQUEST",
	http.StatusUnauthorized:          "GENERAL.ERROR.UNAUTHORIZED",
	http.StatusForbidden:             "GENERAL.ERROR.FORBIDDEN",
	http.StatusNotFound:              "GENERAL.ERROR.NOT-FOUND",
	http.StatusMethodNotAllowed:      "GENERAL.ERROR.METHOD-NOT-ALLOWED",
	http.StatusConflict:              "GENERAL.ERROR.BAD-REQUEST",
	http.StatusRequestEntityTooLarge: "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED",
	http.StatusUnsupportedMediaType:  "GENERAL.ERROR.BAD-REQUEST",
	http.StatusTooManyRequests:       "GENERAL.ERROR.TOO-MANY-REQUESTS",
	http.StatusServiceUnavailable:    "GENERAL.ERROR.SERVICE-UNAVAILABLE",
	http.StatusInternalServerError:   "GENERAL.ERROR.INTERNAL-SERVER_ERROR",
}

// Refuse answers err in APS's form and logs what the caller may not see.
func (a *API) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statuses[fault.KindOf(err)]
	if status >= http.StatusInternalServerError {
		a.cfg.Log.ErrorContext(r.Context(), "call failed", "path", r.URL.Path, "error", err)
	}
	if wait := fault.Wait(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	}
	if status == http.StatusUnauthorized && r.Header.Get("X-Requested-With") == "" && r.Header.Get("Sec-Fetch-Mode") == "" {
		// Not for pages' scripts: the browser would open a dialogue of its own.
		w.Header().Set("WWW-Authenticate", `Basic realm="sluice", charset="UTF-8"`)
	}
	WriteError(w, status, fault.Message(err))
}

// errorBody is APS's ErrorInfo.
type errorBody struct {
	Message    string `json:"message"`
	MessageKey string `json:"messageKey"`
}

// WriteError writes status and APS's error body.
func WriteError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeJSON(w, status, errorBody{message, messageKeys[status]})
}

// WriteErrorBody writes APS's error body behind a status that was written.
func WriteErrorBody(w http.ResponseWriter, status int, message string) {
	_ = json.NewEncoder(w).Encode(errorBody{message, messageKeys[status]})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone: nothing left to tell
}

// decode reads a JSON body into v. Members that v does not have are ignored and
// null counts as absent, as in APS.
func (c *call) decode(v any) error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return fault.New(fault.Invalid, "The body must be JSON with the content type application/json.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault.New(fault.TooLarge, "The body is larger than 64 KiB.")
	case err != nil || !utf8.Valid(body):
		return fault.New(fault.Invalid, "The body is not JSON in UTF-8.")
	}
	var wrong *json.UnmarshalTypeError
	if err := json.Unmarshal(body, v); errors.As(err, &wrong) {
		return fault.New(fault.Invalid, "The member %s has the wrong type.", wrong.Field)
	} else if err != nil {
		return fault.New(fault.Invalid, "The body is not JSON.")
	}
	return nil
}

// number reads a number of the path or the query; absent gives 0.
func number(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "%s must be a number.", name)
	}
	return n, nil
}

func (c *call) pathNumber(name string) (int64, error) { return number(name, c.PathValue(name)) }

// numbers reads numbers of the query into the given places.
func (c *call) numbers(places map[string]*int64) error {
	for name, place := range places {
		n, err := number(name, c.URL.Query().Get(name))
		if err != nil {
			return err
		}
		*place = n
	}
	return nil
}

// span reads which part of a list is asked for. APS's operations say it in
// several ways: start and size; page (from 0) and size or pageSize.
func (c *call) span() (offset, limit int, err error) {
	var start, page, size, pageSize int64
	if err := c.numbers(map[string]*int64{"start": &start, "page": &page, "size": &size, "pageSize": &pageSize}); err != nil {
		return 0, 0, err
	}
	if size == 0 {
		size = pageSize
	}
	if size == 0 {
		size = 25
	}
	size = min(size, identity.MaxPage)
	if start == 0 {
		start = min(page, 1<<31) * size
	}
	return int(min(start, 1<<40)), int(size), nil
}

// page is APS's list.
type page[T any] struct {
	Size  int `json:"size"`
	Total int `json:"total"`
	Start int `json:"start"`
	Data  []T `json:"data"`
}

func newPage[T any](data []T, total, start int) page[T] {
	if data == nil {
		data = []T{}
	}
	return page[T]{len(data), total, start, data}
}
