package api

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
)

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
	http.StatusNotImplemented:        "GENERAL.ERROR.NOT-IMPLEMENTED",
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
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeJSON(w, status, errorBody{Message: fault.Message(err), MessageKey: messageKeys[status], Data: details(err)})
}

// details is what an error tells besides its message; nil when it is nothing.
func details(err error) map[string]any {
	var more *detailed
	if errors.As(err, &more) {
		return more.data
	}
	var refused *form.Refusal
	if !errors.As(err, &refused) {
		return nil
	}
	fields := []fieldProblem{}
	for _, p := range refused.Problems {
		fields = append(fields, fieldProblem{orNil(p.Field), orNil(p.Name), p.Message})
	}
	return map[string]any{"fields": fields}
}

// fieldProblem is what is wrong with a field of a form that was refused, or, without a
// field, with the form.
type fieldProblem struct {
	ID      *string `json:"id"`
	Name    *string `json:"name"`
	Message string  `json:"message"`
}

// detailed is an error that tells more than its message, as APS's customData.
type detailed struct {
	error
	data map[string]any
}

// Unwrap returns the error.
func (d *detailed) Unwrap() error { return d.error }

// errorBody is APS's ErrorInfo.
type errorBody struct {
	Message    string         `json:"message"`
	MessageKey string         `json:"messageKey"`
	Data       map[string]any `json:"customData,omitempty"`
}

// WriteError writes status and APS's error body.
func WriteError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeJSON(w, status, errorBody{Message: message, MessageKey: messageKeys[status]})
}

// WriteErrorBody writes APS's error body behind a status that was written.
func WriteErrorBody(w http.ResponseWriter, status int, message string) {
	_ = json.NewEncoder(w).Encode(errorBody{Message: message, MessageKey: messageKeys[status]})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller is gone: nothing left to tell
}
