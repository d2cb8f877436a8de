package oauth

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// Failure is an answer of RFC 6749 §4.1.2.1 or §5.2: a code for the program and
// a sentence for its developer.
type Failure struct {
	Code        string
	Description string
	status      int  // 0 means 400
	challenge   bool // answer with WWW-Authenticate: Basic
}

// Error returns the code and the description.
func (f *Failure) Error() string { return f.Code + ": " + f.Description }

// told is the description in the characters that an error_description may have
// (RFC 6749 §5.2).
func (f *Failure) told() string {
	text := strings.NewReplacer("§", "section ", `"`, "'", `\`, "/").Replace(f.Description)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, text)
}

func invalidRequest(text string) *Failure {
	return &Failure{Code: "invalid_request", Description: text}
}

func invalidGrant(text string) *Failure {
	return &Failure{Code: "invalid_grant", Description: text}
}

func invalidScope(text string) *Failure {
	return &Failure{Code: "invalid_scope", Description: text}
}

// invalidTarget is RFC 8707 §2.
func invalidTarget(text string) *Failure {
	return &Failure{Code: "invalid_target", Description: text}
}

func unauthorizedClient(text string) *Failure {
	return &Failure{Code: "unauthorized_client", Description: text}
}

// invalidClient tells nothing about which part was wrong.
func invalidClient(basic bool) *Failure {
	return &Failure{Code: "invalid_client", Description: "the client is unknown or its authentication is wrong",
		status: http.StatusUnauthorized, challenge: basic}
}

// failure turns any error into one that may be told: the table from fault kinds
// to OAuth codes.
func failure(err error) *Failure {
	if f, ok := err.(*Failure); ok { //nolint:errorlint // a Failure is never wrapped
		return f
	}
	switch fault.KindOf(err) {
	case fault.TooMany: // RFC 6585 §4; RFC 6749 has no code of its own for it at the token endpoint
		return &Failure{Code: "temporarily_unavailable", Description: fault.Message(err), status: http.StatusTooManyRequests}
	case fault.Unavailable:
		return &Failure{Code: "temporarily_unavailable", Description: "the server cannot answer now; try again in a moment",
			status: http.StatusServiceUnavailable}
	case fault.TooLarge:
		return &Failure{Code: "invalid_request", Description: fault.Message(err), status: http.StatusRequestEntityTooLarge}
	case fault.Invalid:
		return invalidRequest(fault.Message(err))
	default:
		return &Failure{Code: "server_error", Description: "something went wrong in the server; it has been logged",
			status: http.StatusInternalServerError}
	}
}

// refuse writes err as RFC 6749 §5.2 says and logs what the caller may not see.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f := failure(err)
	status := f.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if status >= 500 {
		s.cfg.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "code", f.Code, "error", err)
	} else {
		s.cfg.Log.InfoContext(r.Context(), "request refused", "path", r.URL.Path, "code", f.Code, "reason", f.Description)
	}
	if wait := fault.Wait(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(wait, 10))
	}
	if f.challenge {
		w.Header().Set("WWW-Authenticate", `Basic realm="sluice"`)
	}
	writeJSON(w, status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{f.Code, f.told()})
}

// Values of headers that most answers have; nobody changes them.
var (
	noStore  = []string{"no-store"}
	noCache  = []string{"no-cache"}
	noSniff  = []string{"nosniff"}
	jsonType = []string{"application/json;charset=UTF-8"}
)

// writeJSON writes v so that no cache keeps it (RFC 6749 §5.1).
func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("oauth: an answer of ours is no JSON: " + err.Error())
	}
	h := w.Header()
	h["Content-Type"] = jsonType
	if h.Get("Cache-Control") == "" {
		h["Cache-Control"], h["Pragma"] = noStore, noCache
	}
	h["X-Content-Type-Options"] = noSniff
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone: nothing left to tell
}
