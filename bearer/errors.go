package bearer

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is a refusal as RFC 6750 §3 tells it.
type Error struct {
	// Status is the HTTP status: 400, 401, 403 or 503.
	Status int
	// Code is the error code; empty when the request carried no token at all.
	Code string
	// Description is a sentence for the client's developer.
	Description string
	// Scope is what the route asks for, with insufficient_scope.
	Scope string
	// ACRValues and MaxAge are what the route asks of the sign-in, with
	// insufficient_user_authentication (RFC 9470 §3).
	ACRValues []string
	MaxAge    time.Duration
	// RetryAfter is when a 503 may be tried again.
	RetryAfter time.Duration

	alone bool // says nothing of the validator, only of this token
}

// Error returns the code and the description.
func (e *Error) Error() string {
	if e.Code == "" {
		return e.Description
	}
	return e.Code + ": " + e.Description
}

// The refusals that a flood of bad requests meets are made once.
var (
	errNoToken      = &Error{Status: http.StatusUnauthorized, Description: "a bearer token is needed"}
	errTwoHeaders   = invalidRequest("more than one Authorization header")
	errTwoWays      = invalidRequest("the token was sent in two ways")
	errNothing      = invalidRequest("the token is missing after the scheme")
	errForm         = invalidToken("the token has a form that no token has")
	errUnavailable  = tryAgain(2 * time.Second)
	errInvalidToken = invalidToken("the token is unknown, expired or revoked")
)

// tryAgain is a 503 with the time that a server asked for.
func tryAgain(d time.Duration) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
		Description: "the token cannot be checked now; try again in a moment", RetryAfter: d}
}

func invalidToken(text string) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "invalid_token", Description: text}
}

func invalidRequest(text string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: text}
}

// Deny answers a request with err, which Authenticate returned; any error that is
// no *Error becomes a 503.
func (s *Server) Deny(w http.ResponseWriter, r *http.Request, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = s.told(r.Context(), err)
	}
	h := w.Header()
	if e.Status != http.StatusServiceUnavailable {
		s.challenge(h, schemeOf(r.Header.Get("Authorization")), e)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((e.RetryAfter+time.Second-1)/time.Second), 10))
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	s.cfg.Body(w, r, e)
}

// challenge adds the WWW-Authenticate headers: what is wrong is told with the
// scheme that was used; a plain bearer token that is not enough learns of DPoP too.
func (s *Server) challenge(h http.Header, how scheme, e *Error) {
	if how == dpopScheme && s.dpop != nil && e.Code != "" {
		h["Www-Authenticate"] = []string{s.dpopChallenge(e)}
		s.tellNonce(h)
		return
	}
	h["Www-Authenticate"] = []string{s.bearerChallenge(e)}
	if s.dpop != nil {
		h.Add("WWW-Authenticate", s.dpopChallenge(&Error{}))
	}
}

// bearerChallenge is RFC 6750 §3 and RFC 9728 §5.1.
func (s *Server) bearerChallenge(e *Error) string { return "Bearer " + s.parameters(e, "") }

// dpopChallenge is RFC 9449 §7.1.
func (s *Server) dpopChallenge(e *Error) string {
	return "DPoP " + s.parameters(e, strings.Join(s.dpop.cfg.Algorithms, " "))
}

// quoted escapes for a quoted-string (RFC 9110 §5.6.4).
var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// parameters are those of a challenge. Most texts are ours, or checked by New, and
// need no escaping.
func (s *Server) parameters(e *Error, algorithms string) string {
	parts := []string{`realm="` + s.cfg.Realm + `"`}
	add := func(name, value string) {
		if value != "" {
			parts = append(parts, name+`="`+value+`"`)
		}
	}
	add("error", e.Code)
	if e.Code != "" {
		add("error_description", e.Description)
	}
	add("scope", quoted.Replace(e.Scope))
	add("acr_values", quoted.Replace(strings.Join(e.ACRValues, " ")))
	if e.MaxAge > 0 {
		add("max_age", strconv.Itoa(int(e.MaxAge/time.Second)))
	}
	add("algs", algorithms)
	add("resource_metadata", s.metadata)
	return strings.Join(parts, ", ")
}

// tellNonce gives a client that proves its key the nonce for its next proofs.
func (s *Server) tellNonce(h http.Header) {
	if s.dpop != nil && s.dpop.cfg.Nonces {
		h.Set("DPoP-Nonce", s.dpop.nonce())
	}
}

func writeBody(w http.ResponseWriter, _ *http.Request, e *Error) {
	code := e.Code
	if code == "" {
		code = "unauthorized"
	}
	_ = json.NewEncoder(w).Encode(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, e.Description})
}
