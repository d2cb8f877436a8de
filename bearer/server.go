package bearer

import (
	"context"
	"errors"
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
	// Log receives one event for each request at level debug, and at level warn,
	// once a second at most, why tokens cannot be checked; never a token. Nil means
	// slog.Default().
	Log *slog.Logger
	// Observe is told how each request ended, before it is answered. It must be
	// quick. Nil means nobody is.
	Observe func(ctx context.Context, e Event)
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Server checks requests. It is safe for concurrent use.
type Server struct {
	cfg      Config
	metadata string        // the address of the RFC 9728 document
	dpop     *dpop         // nil: refused
	certs    *certificates // nil: refused
	cache    *Cache        // the validator, when it is one that keeps the same time
	clock    clock
	outcomes outcomes
	troubles troubles
}

// checker is a validator that knows what is wrong with its configuration.
type checker interface{ Check() error }

// expiryLeeway is how long a token outlives its end, for clocks that differ.
const expiryLeeway = 5 * time.Second

// New checks cfg, listing every problem, and returns a Server.
func New(cfg Config) (*Server, error) {
	var problems []error
	if cfg.Validator == nil {
		problems = append(problems, errors.New("bearer: Config.Validator is missing"))
	}
	if v, ok := cfg.Validator.(checker); ok {
		problems = append(problems, v.Check())
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
	if cfg.Body == nil {
		cfg.Body = writeBody
	}
	s := &Server{cfg: cfg}
	if cache, ok := cfg.Validator.(*Cache); ok && cfg.Now == nil && cache.cfg.Now == nil {
		s.cache = cache
	}
	s.clock.now = cfg.Now
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
		s.dpop, err = newDPoP(*cfg.DPoP, cfg.Resource, s.clock.time)
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
		token, refused := s.settle(r, need)
		if refused != nil {
			s.Deny(w, r, refused)
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
	t, refused := s.settle(r, &noNeeds)
	if refused != nil {
		return nil, refused
	}
	return t, nil
}

var noNeeds route

// settle decides about a request and tells those who watch.
func (s *Server) settle(r *http.Request, need *route) (t *Token, refused *Error) {
	watch := s.watch(r.Context())
	how, raw, refused := s.credentials(r)
	if refused == nil {
		t, refused = s.authenticate(r.Context(), r, how, raw, need, &watch)
	}
	s.settled(r.Context(), &watch, t, refused)
	return t, refused
}

// AuthenticateToken is Authenticate for callers without an HTTP request, such as
// gRPC: raw is the token alone. A token that is bound to a key or a certificate is
// refused, since nothing here can prove that the caller holds it.
func (s *Server) AuthenticateToken(ctx context.Context, raw string) (*Token, error) {
	watch := s.watch(ctx)
	t, refused := (*Token)(nil), (*Error)(nil)
	switch {
	case raw == "":
		refused = errNoToken
	case len(raw) > maxToken:
		refused = errForm
	default:
		t, refused = s.authenticate(ctx, nil, bearerScheme, raw, &noNeeds, &watch)
	}
	s.settled(ctx, &watch, t, refused)
	if refused != nil {
		return nil, refused
	}
	return t, nil
}

// authenticate asks the validator and checks what holds on every route, and what
// this one needs. r is nil when there is no request.
func (s *Server) authenticate(ctx context.Context, r *http.Request, how scheme, raw string, need *route, watch *watch) (*Token, *Error) {
	t, now, refused := s.facts(ctx, r, raw, watch)
	if refused != nil {
		return nil, refused
	}
	if refused := s.stands(t, how, now); refused != nil {
		return nil, refused
	}
	if err := s.bound(r, how, raw, t); err != nil {
		return nil, s.told(ctx, err)
	}
	if refused := need.check(t, now); refused != nil {
		return nil, refused
	}
	return t, nil
}

// facts remembers or asks what the token is, if it has the form of one, and tells
// when it looked. What is remembered has the form; what is not, and has not, costs
// no look at the clock.
func (s *Server) facts(ctx context.Context, r *http.Request, raw string, watch *watch) (t *Token, now int64, refused *Error) {
	if s.cache == nil {
		return s.unremembered(ctx, r, raw)
	}
	d := s.cache.key.of(raw)
	seen := s.cache.seen(d)
	if seen.empty() && !b64token(raw) {
		return nil, 0, errForm
	}
	now = s.clock.nano()
	t, known, err := seen.at(s.cache, raw, d, now)
	switch {
	case known && err == nil:
		watch.cached = true
		return t, now, nil
	case known:
		watch.cached = true
		return nil, now, errInvalidToken
	}
	t, err = s.cache.wait(ctx, raw, d, now)
	t, refused = s.answer(ctx, t, err)
	return t, now, refused
}

// unremembered asks a validator that is no cache.
func (s *Server) unremembered(ctx context.Context, r *http.Request, raw string) (*Token, int64, *Error) {
	if !b64token(raw) {
		return nil, 0, errForm
	}
	now := s.clock.nano()
	t, err := s.ask(ctx, r, raw)
	t, refused := s.answer(ctx, t, err)
	return t, now, refused
}

// answer gives what a validator returned the form that callers know.
func (s *Server) answer(ctx context.Context, t *Token, err error) (*Token, *Error) {
	if err == nil && t == nil {
		err = errNothingSaid
	}
	if err != nil {
		return nil, s.told(ctx, err)
	}
	return t, nil
}

// told gives an error the form that Deny knows.
func (s *Server) told(ctx context.Context, err error) *Error {
	var e *Error
	switch {
	case errors.Is(err, ErrInvalid):
		return errInvalidToken
	case errors.As(err, &e) && e.Status >= http.StatusBadRequest && e.Status != http.StatusServiceUnavailable:
		return e
	}
	s.trouble(ctx, err)
	if e != nil && e.RetryAfter > 0 {
		return tryAgain(e.RetryAfter)
	}
	return errUnavailable
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
func (s *Server) credentials(r *http.Request) (how scheme, token string, refused *Error) {
	headers := r.Header["Authorization"]
	switch {
	case len(headers) == 0:
		return noScheme, "", errNoToken
	case len(headers) > 1:
		return noScheme, "", errTwoHeaders
	case r.URL.RawQuery != "" && strings.Contains(r.URL.RawQuery, "access_token") && r.URL.Query().Has("access_token"):
		return noScheme, "", errTwoWays
	}
	how, token, found := split(headers[0])
	if how == noScheme || (how == dpopScheme && s.dpop == nil) {
		return noScheme, "", errNoToken // also for "Bearer<token>", which is a scheme nobody knows
	}
	if !found {
		return how, "", errNothing
	}
	if len(token) > maxToken {
		return how, "", errForm
	}
	return how, token, nil
}

// split reads an Authorization header; found is false when nothing is behind the
// scheme.
func split(header string) (how scheme, token string, found bool) {
	const usual = "Bearer "
	if len(header) > len(usual) && header[:len(usual)] == usual {
		how, token = bearerScheme, header[len(usual):]
	} else {
		how = schemeOf(header)
		_, token, _ = strings.Cut(header, " ")
	}
	if token != "" && (token[0] == ' ' || token[len(token)-1] == ' ') {
		token = strings.Trim(token, " ")
	}
	return how, token, token != ""
}

// notInToken tells the characters that no b64token has, but for its padding.
var notInToken = func() (set [256]byte) {
	for c := range set {
		if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/", rune(c)) {
			set[c] = 1
		}
	}
	return set
}()

// b64token follows RFC 6750 §2.1. It looks at eight characters at a time, without a
// branch, since a flood of malformed tokens costs little else.
func b64token(s string) bool {
	for s != "" && s[len(s)-1] == '=' {
		s = s[:len(s)-1]
	}
	if s == "" {
		return false
	}
	var wrong byte
	for ; len(s) >= 8; s = s[8:] {
		wrong |= notInToken[s[0]] | notInToken[s[1]] | notInToken[s[2]] | notInToken[s[3]] |
			notInToken[s[4]] | notInToken[s[5]] | notInToken[s[6]] | notInToken[s[7]]
	}
	for i := range len(s) {
		wrong |= notInToken[s[i]]
	}
	return wrong == 0
}
