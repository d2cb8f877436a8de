package bearer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says what a Server checks with and how it answers.
type Config struct {
	// Validator tells what a token is. Needed.
	Validator Validator
	// Realm is named in challenges. Empty means "api".
	Realm string
	// Resource is this API's own identifier (RFC 9728 §2): an absolute URL
	// without fragment. When set, challenges carry resource_metadata and Metadata
	// answers. It is never taken from a request.
	Resource string
	// AuthorizationServers are the issuers named in the metadata.
	AuthorizationServers []string
	// Audience, when set, must be in a token's audience (RFC 9068 §4). A token
	// that names no audience is refused then.
	Audience string
	// Scopes are the scopes that the metadata names; nothing is checked by them.
	Scopes []string
	// DPoP takes tokens that are bound to a key of the caller's (RFC 9449). Nil
	// refuses them.
	DPoP *DPoPConfig
	// Certificates takes tokens that are bound to a TLS client certificate
	// (RFC 8705 §3). Nil refuses them.
	Certificates *CertificateConfig
	// Leeway is how far clocks may differ for a token's beginning. 0 means 30 s.
	// A token's end has a leeway of 5 s at most.
	Leeway time.Duration
	// Body writes the body of a refusal, after status and headers are set. Nil
	// means a short JSON object with error and error_description.
	Body func(w http.ResponseWriter, r *http.Request, e *Error)
	// Log receives refusals and failures, never a token. Nil means
	// slog.Default().
	Log *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Server checks requests. It is safe for concurrent use.
type Server struct {
	cfg      Config
	metadata string        // the address of the RFC 9728 document
	dpop     *dpop         // nil: refused
	certs    *certificates // nil: refused
}

// expiryLeeway is how long a token outlives its end, for clocks that differ.
const expiryLeeway = 5 * time.Second

// New checks cfg, listing every problem, and returns a Server.
func New(cfg Config) (*Server, error) {
	var problems []error
	if cfg.Validator == nil {
		problems = append(problems, errors.New("bearer: Config.Validator is missing"))
	}
	if strings.ContainsAny(cfg.Realm, "\"\\\r\n") {
		problems = append(problems, errors.New("bearer: Config.Realm has a quote, a backslash or a line break"))
	}
	if cfg.Realm == "" {
		cfg.Realm = "api"
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = 30 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Body == nil {
		cfg.Body = writeBody
	}
	s := &Server{cfg: cfg}
	if cfg.Resource != "" {
		u, err := url.Parse(cfg.Resource)
		if err != nil || u.Host == "" || u.Fragment != "" {
			problems = append(problems, errors.New("bearer: Config.Resource must be an absolute URL without fragment"))
		} else {
			s.metadata = u.Scheme + "://" + u.Host + metadataPath(u)
		}
	}
	var err error
	if cfg.DPoP != nil {
		s.dpop, err = newDPoP(*cfg.DPoP, cfg.Resource, cfg.Now)
		problems = append(problems, err)
	}
	if cfg.Certificates != nil {
		s.certs, err = newCertificates(*cfg.Certificates)
		problems = append(problems, err)
	}
	return s, errors.Join(problems...)
}

// Require lets a request through to next when it carries a valid token that has
// what the options ask for; FromContext gives the token there.
func (s *Server) Require(next http.Handler, options ...Option) http.Handler {
	need := newRoute(options)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := s.Authenticate(r)
		if err == nil {
			err = need.check(token, s.cfg.Now())
		}
		if err != nil {
			s.Deny(w, r, err)
			return
		}
		if s.dpop != nil && schemeOf(r.Header.Get("Authorization")) == dpopScheme {
			s.tellNonce(w.Header())
		}
		next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), token)))
	})
}

// Authenticate returns the request's token, or an *Error.
func (s *Server) Authenticate(r *http.Request) (*Token, error) {
	how, raw, err := s.credentials(r)
	if err != nil {
		return nil, err
	}
	return s.authenticate(r.Context(), r, how, raw)
}

// AuthenticateToken is Authenticate for callers without an HTTP request, such as
// gRPC: raw is the token alone. A token that is bound to a key or a certificate is
// refused, since nothing here can prove that the caller holds it.
func (s *Server) AuthenticateToken(ctx context.Context, raw string) (*Token, error) {
	switch {
	case raw == "":
		return nil, errNoToken
	case len(raw) > maxToken || !b64token(raw):
		return nil, errForm
	}
	return s.authenticate(ctx, nil, bearerScheme, raw)
}

// authenticate asks the validator and checks what holds on every route. r is nil
// when there is no request.
func (s *Server) authenticate(ctx context.Context, r *http.Request, how scheme, raw string) (*Token, error) {
	t, err := s.ask(ctx, r, raw)
	if err == nil && t == nil {
		err = errors.New("bearer: the validator returned neither token nor error")
	}
	if err != nil {
		return nil, s.told(ctx, err)
	}
	if err := s.stands(t, how); err != nil {
		return nil, err
	}
	if err := s.bound(r, how, raw, t); err != nil {
		return nil, s.told(ctx, err)
	}
	return t, nil
}

// told gives an error the form that Deny knows.
func (s *Server) told(ctx context.Context, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status >= http.StatusBadRequest {
		return e
	}
	return s.refusal(ctx, err)
}

// refusal turns a validator's error into one for the caller.
func (s *Server) refusal(ctx context.Context, err error) *Error {
	if errors.Is(err, ErrInvalid) {
		return errInvalidToken
	}
	s.cfg.Log.WarnContext(ctx, "token not checked", "error", err)
	return &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable",
		Description: "the token cannot be checked now; try again in a moment", RetryAfter: 2 * time.Second}
}

// HasBearer reports whether the request's Authorization header is of the Bearer
// scheme, for programs that also take another one.
func HasBearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// maxToken is the longest token that is looked at.
const maxToken = 8 << 10

// credentials takes the token out of the Authorization header, the only place
// where it is read (RFC 6750 §2: one method per request; §2.3 warns of queries).
func (s *Server) credentials(r *http.Request) (how scheme, token string, err error) {
	headers := r.Header["Authorization"]
	switch {
	case len(headers) == 0:
		return noScheme, "", errNoToken
	case len(headers) > 1:
		return noScheme, "", errTwoHeaders
	case r.URL.RawQuery != "" && strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token"):
		return noScheme, "", errTwoWays
	}
	_, token, found := strings.Cut(headers[0], " ")
	how = schemeOf(headers[0])
	if how == noScheme || (how == dpopScheme && s.dpop == nil) {
		return noScheme, "", errNoToken // also for "Bearer<token>", which is a scheme nobody knows
	}
	token = strings.Trim(token, " ")
	if !found || token == "" {
		return how, "", errNothing
	}
	if len(token) > maxToken || !b64token(token) {
		return how, "", errForm
	}
	return how, token, nil
}

// inToken are the characters of a b64token, but for its padding.
var inToken = func() (set [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") {
		set[c] = true
	}
	return set
}()

// b64token follows RFC 6750 §2.1.
func b64token(s string) bool {
	end := len(s)
	for end > 0 && s[end-1] == '=' {
		end--
	}
	for i := range end {
		if !inToken[s[i]] {
			return false
		}
	}
	return end > 0
}

// String keeps what a token says about itself out of logs by accident: it names
// the subject and the client only.
func (t *Token) String() string {
	return fmt.Sprintf("token of %s for client %s", t.Subject, t.ClientID)
}
