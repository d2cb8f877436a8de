package sluice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/api"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/filter"
	"github.com/sluicehq/sluice/internal/gateway"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/model"
	"github.com/sluicehq/sluice/internal/oauth"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
)

// Version is this program's version.
const Version = "0.1.0"

// Server is a whole Sluice: the rooms on one database. Its handlers may be mounted
// in another program one by one, or all together by Handler.
type Server struct {
	// AuthServer answers /oauth/…, /login, /logout and the metadata. Nil when the
	// role leaves it out, as are the others.
	AuthServer http.Handler
	// API answers /activiti-app/api/… behind the bearer check.
	API http.Handler
	// Gateway answers the configured routes behind the bearer check.
	Gateway http.Handler

	cfg    Config
	log    *slog.Logger
	out    *logWriter // under the log, unless that was replaced
	db     *store.DB  // nil for a gateway that introspects elsewhere
	guard  *throttle.Guard
	audit  *audit.Log
	users  *identity.Service
	auth   *oauth.Service
	pages  *page.Pages
	admin  bool             // made for administration: serves nothing and signs nothing
	own    bearer.Validator // replaces the configured check when set
	grants map[string]Grant // the program's own
	engine *engine.Engine   // nil where there are no processes
	// delegates are the program's own, by name.
	delegates map[string]Delegate
	beans     map[string]Bean
	check     *bearer.Server
	told      http.Handler // takes revocations from another server; nil: none
	base      http.Handler
	// origins settles where requests come from.
	origins *origin.Addresses
	cheap   bool // passwords are hashed for tests
	now     func() time.Time
	house   *housekeeping
	// explorer shows the API; nil where there is no such page.
	explorer http.Handler
	// described is the API's OpenAPI description.
	described map[string]any
	clock     func() time.Time // nil: the machine's, which bearer reads in a cheaper way
}

// Option changes a Server as it is made.
type Option func(*Server) error

// WithValidator replaces the check of tokens by the program's own: the Go way of
// APS's replaceable Oauth2RequestHeaderService. The tokens' user names are matched
// with the users of this server as usual.
func WithValidator(v bearer.Validator) Option {
	return func(s *Server) error {
		s.own = v
		return nil
	}
}

// Grant decides about a grant_type of the program's own (RFC 6749 §4.5): it says
// which user the tokens speak for. The client has been authenticated and is
// registered for the grant. It returns a *GrantError to refuse; any other error
// means that it cannot know and is answered with 503.
type Grant = oauth.CustomGrant

// GrantRequest is what a Grant decides by.
type GrantRequest = oauth.GrantRequest

// GrantResult is what a Grant gives.
type GrantResult = oauth.GrantResult

// GrantError is a refusal that the client is told (RFC 6749 §5.2).
type GrantError = oauth.Failure

// WithGrant adds a grant; clients may be registered for its grant_type then.
func WithGrant(grantType string, g Grant) Option {
	return func(s *Server) error {
		if _, twice := s.grants[grantType]; twice || g == nil {
			return fmt.Errorf("WithGrant: %q is there twice, or has no function", grantType)
		}
		if s.grants == nil {
			s.grants = map[string]Grant{}
		}
		s.grants[grantType] = g
		return nil
	}
}

// customGrants are the program's own grants and those that the configuration names.
func (s *Server) customGrants() map[string]Grant {
	all := map[string]Grant{}
	for _, g := range s.cfg.OAuth.Grants {
		all[g.grantType()] = oauth.HTTPGrant{URL: g.URL, ClientID: g.ClientID, Secret: g.Secret}.Ask
	}
	maps.Copy(all, s.grants)
	return all
}

// WithClock replaces the clock, for tests.
func WithClock(now func() time.Time) Option {
	return func(s *Server) error {
		s.now, s.clock = now, now
		return nil
	}
}

// WithCheapPasswords hashes passwords and chosen client secrets at a cost that is fit
// for tests alone: whoever reads such a database finds them by trying.
func WithCheapPasswords() Option {
	return func(s *Server) error {
		s.cheap = true
		return nil
	}
}

// WithLog replaces the log, which otherwise goes to standard error as cfg says.
func WithLog(log *slog.Logger) Option {
	return func(s *Server) error {
		s.log = slog.New(withRequestID{log.Handler()})
		return nil
	}
}

// New checks cfg, opens the database, brings it up to date and builds the rooms.
// Close ends what it began.
func New(ctx context.Context, cfg Config, options ...Option) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	out := newLogWriter(os.Stderr)
	s := &Server{cfg: cfg, log: newLog(cfg, out), out: out, now: time.Now}
	if err := s.build(audit.WithActor(ctx, audit.System, ""), options); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) build(ctx context.Context, options []Option) error {
	for _, o := range options {
		if err := o(s); err != nil {
			return err
		}
	}
	var err error
	if s.origins, err = origin.New(s.cfg.TrustedProxies, s.log); err != nil {
		return err
	}
	if err := s.openRooms(ctx); err != nil {
		return err
	}
	if err := s.openEngine(); err != nil {
		return err
	}
	s.house = s.newHousekeeping()
	if s.check, err = s.bearerServer(ctx); err != nil {
		return err
	}
	if s.told, err = s.revocations(ctx); err != nil {
		return err
	}
	if err := s.mount(); err != nil {
		return err
	}
	s.base = s.routes()
	return nil
}

// openRooms opens the database and what lives on it. A gateway that asks another
// authorization server needs none.
func (s *Server) openRooms(ctx context.Context) (err error) {
	secure := strings.HasPrefix(s.cfg.issuer(), "https:")
	if s.pages, err = page.New(page.Config{Secure: secure, Log: s.log}); err != nil {
		return err
	}
	if s.cfg.Role == RoleGateway && (s.cfg.Bearer.elsewhere() || s.own != nil) {
		return nil
	}
	if s.db, err = openStore(ctx, s.cfg, s.log); err != nil {
		return err
	}
	if s.guard, err = s.cfg.Throttle.guard(s.db, s.log, s.now); err != nil {
		return err
	}
	s.audit = audit.New(s.db, s.log, s.now)
	elsewhere, err := s.cfg.elsewhere()
	if err != nil {
		return err
	}
	s.users = identity.New(s.db, s.pages, identity.Config{
		Audit: s.audit, Elsewhere: elsewhere,
		Frames: func(ctx context.Context, session *identity.Session) ([]string, error) {
			return s.auth.LogoutFrames(ctx, session)
		},
		UseExternalID: s.cfg.Users.UseExternalID, CaseSensitive: s.cfg.Users.CaseSensitive, SessionTTL: s.cfg.SessionTTL,
		CreateUsers: s.cfg.Users.Create, GroupsClaim: s.cfg.Users.GroupsClaim, ServiceUser: s.cfg.Users.ServiceUser,
		RememberTTL: s.cfg.Users.RememberTTL, NoPair: s.cfg.Users.CSRFDisabled,
		PasswordConcurrency: s.cfg.PasswordConcurrency, CheapPasswords: s.cheap, Guard: s.guard, Secure: secure, Log: s.log, Now: s.now,
		Purpose:       func(ctx context.Context, next string) string { return s.auth.Purpose(ctx, next) },
		StatusChanged: func(ctx context.Context, tx *store.Tx, userID int64) error { return s.auth.UserEnded(ctx, tx, userID) },
		PasswordChanged: func(ctx context.Context, tx *store.Tx, userID int64) error {
			return s.auth.PasswordChanged(ctx, tx, userID)
		},
		Ended: func(ctx context.Context, tx *store.Tx, ended []identity.EndedSession) error {
			return s.auth.SessionsEnded(ctx, tx, ended)
		},
	})
	authorities, err := s.cfg.TLS.authorities()
	if err != nil {
		return err
	}
	o := s.cfg.OAuth
	master, err := masterKey(s.cfg.Key)
	if err != nil {
		return err
	}
	previous, err := masterKey(s.cfg.PreviousKey)
	if err != nil {
		return err
	}
	s.auth, err = oauth.New(ctx, s.db, s.users, s.pages, oauth.Config{
		Audit: s.audit, AuditTokens: s.cfg.Audit.Tokens, SigningAlg: o.SigningAlg, KeyRotation: o.KeyRotation, KeyOverlap: o.KeyOverlap, Key: master, PreviousKey: previous,
		Keyless: s.admin || (s.cfg.Role != RoleAll && s.cfg.Role != RoleAuth),
		Issuer:  s.cfg.issuer(), Audience: s.resource(), AccessTTL: o.AccessTTL, RefreshTTL: o.RefreshTTL, CodeTTL: o.CodeTTL,
		CustomGrants: s.customGrants(), PushedTTL: o.PushedTTL, DeviceTTL: o.DeviceTTL, DeviceWithoutSecret: o.DeviceWithoutSecret, DPoPNonces: o.DPoPNonces,
		Certificates: s.cfg.certificates(), AsksCertificates: s.cfg.TLS.ClientCertificates, ClientCAs: authorities,
		RequestTTL: o.RequestTTL, RefreshGrace: o.RefreshGrace, JWT: o.JWT, QueryParameters: o.TokenParametersInQuery, UserinfoWithoutOpenID: o.UserinfoWithoutOpenID,
		RefreshWithoutClientID: o.RefreshWithoutClientID, BasicWithoutColon: o.BasicWithoutColon,
		IgnorePublicSecret: o.IgnorePublicClientSecret, PasswordError401: o.PasswordError401, LogoutRedirectURI: o.LogoutRedirectURI,
		IgnoreBearer: o.IgnoreBearerAtToken, FragmentURIs: o.FragmentRedirectURIs, RevocationReceivers: o.RevocationReceivers, OpenRegistration: o.InsecureOpenRegistration, OpenRegistrations: o.OpenRegistrations, ScopeTexts: o.ScopeTexts, CertificateURL: s.cfg.TLS.ClientCertificatesURL, PrivateHosts: o.FetchPrivateHosts, LoopbackFetch: o.InsecureLoopbackFetch,
		Guard: s.guard, Secure: secure, Log: s.log, Now: s.now,
	})
	return err
}

// openStore opens the configured database and brings it up to date.
func openStore(ctx context.Context, cfg Config, log *slog.Logger) (*store.DB, error) {
	db, err := openUnmigrated(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	if _, err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openUnmigrated(ctx context.Context, cfg Config, log *slog.Logger) (*store.DB, error) {
	return store.Open(ctx, store.Config{URL: cfg.Database, Path: filepath.Join(cfg.Data, "sluice.db"),
		Connections: cfg.DatabaseConnections, Log: log})
}

// mount builds the handlers that the role asks for.
func (s *Server) mount() error {
	role := s.cfg.Role
	if role == RoleAll || role == RoleAuth {
		s.AuthServer = unknown(s.origins.Settle(s.authHandler()))
	}
	if role == RoleAll || role == RoleProcess {
		s.API = unknown(s.origins.Settle(s.apiHandler()))
	}
	if s.cfg.explores() {
		explorer, err := api.NewExplorer(s.cfg.explorer())
		if err != nil {
			return err
		}
		s.explorer = explorer
	}
	if role == RoleGateway || (role == RoleAll && len(s.cfg.Routes) > 0) {
		g, err := s.gatewayHandler()
		if err != nil {
			return err
		}
		s.Gateway = s.origins.Settle(g)
	}
	return nil
}

// authHandler puts the programs' endpoints and the pages on two muxes: CORS on
// the one, form protection on the other.
func (s *Server) authHandler() http.Handler {
	programs, open, protected := http.NewServeMux(), http.NewServeMux(), http.NewServeMux()
	s.auth.Register(programs)
	s.auth.RegisterPages(open, protected)
	s.users.Register(protected)
	calls := s.crossSite(programs)
	guarded := s.pages.Protect(protected)
	busy := unshared([]string{"/oauth/token", "/oauth/introspect", "/oauth/check_token", "/oauth/revoke", "/oauth/userinfo"}, open, protected)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if busy[r.URL.Path] {
			calls.ServeHTTP(w, r)
			return
		}
		if matches(open, r) {
			open.ServeHTTP(w, r)
			return
		}
		if matches(protected, r) {
			guarded.ServeHTTP(w, r)
			return
		}
		calls.ServeHTTP(w, r)
	})
}

func matches(mux *http.ServeMux, r *http.Request) bool {
	_, pattern := mux.Handler(r)
	return pattern != ""
}

// unshared are those of the paths that none of the muxes has anything for, whatever the
// method: the requests that come most need not be looked for there.
func unshared(paths []string, muxes ...*http.ServeMux) map[string]bool {
	alone := map[string]bool{}
	for _, path := range paths {
		alone[path] = !slices.ContainsFunc(muxes, func(mux *http.ServeMux) bool {
			return slices.ContainsFunc([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions},
				func(method string) bool {
					return matches(mux, &http.Request{Method: method, URL: &url.URL{Path: path}})
				})
		})
	}
	return alone
}

// apiHandler settles who is calling before any operation runs.
func (s *Server) apiHandler() http.Handler {
	rest := api.New(s.users, api.Config{Version: apsVersion, Filters: filter.New(s.db), Engine: s.engine, Models: model.New(s.db, s.engine, s.deploymentLimits(), s.now), Limits: s.deploymentLimits(), Fetch: s.fetcher(), Log: s.log})
	s.described = rest.OpenAPI(Version, s.cfg.issuer())
	processes := api.NewProcesses(s.users, s.engine, s.deploymentLimits(), s.log)
	enterprise, own := s.behindCheck(rest, rest.Refuse), s.behindCheck(processes, processes.Refuse)
	byCookie := http.NewServeMux()
	byCookie.Handle(appPath, s.users.RequireCookie(rest, rest.Refuse))
	s.users.RegisterApp(byCookie, rest.Refuse)
	return cors(s.cfg.CORS, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _, sent := strings.Cut(r.Header.Get("Authorization"), " ")
		signs := ""
		if strings.HasPrefix(r.URL.Path, strings.TrimSuffix(appPath, "/")) {
			_, signs = byCookie.Handler(r)
		}
		switch {
		case signs == appPath && !sent || signs != "" && signs != appPath:
			byCookie.ServeHTTP(w, r)
		case processes.Answers(r.URL.Path):
			own.ServeHTTP(w, r)
		default:
			enterprise.ServeHTTP(w, r)
		}
	}))
}

// behindCheck settles who is calling, by token or password, before next runs.
func (s *Server) behindCheck(next http.Handler, deny identity.Deny) http.Handler {
	byToken := s.check.Require(s.users.RequireToken(next, deny))
	byPassword := s.users.RequireBasic(next, deny)
	basic := s.cfg.Bearer.Basic()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if basic && strings.EqualFold(scheme, "Basic") {
			byPassword.ServeHTTP(w, r)
			return
		}
		byToken.ServeHTTP(w, r)
	})
}

// describe answers the description of the API, which holds nothing that is secret.
func (s *Server) describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.described) // the caller is gone: nothing left to tell
}

// appPath is where the addresses of APS's own pages stand, which take cookies too.
const appPath = "/activiti-app/app/"

// apsVersion is the version of APS whose API this is.
var apsVersion = api.Version{Edition: "Sluice " + Version, Major: "24", Minor: "1", Revision: "0", Type: "bpmSuite"}

func (s *Server) gatewayHandler() (http.Handler, error) {
	cfg := gateway.Config{Log: s.log, Guard: func(next http.Handler) http.Handler { return s.check.Require(next) }}
	for _, r := range s.cfg.Routes {
		cfg.Routes = append(cfg.Routes, gateway.Route(r))
	}
	return gateway.New(cfg)
}

// Handler returns everything the role serves on one address.
func (s *Server) Handler() http.Handler { return s.base }

// routes puts the rooms side by side.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /management/health", s.health)
	mux.HandleFunc("GET /management/health/readiness", s.health)
	mux.HandleFunc("GET /management/health/liveness", func(w http.ResponseWriter, _ *http.Request) { tellHealth(w, http.StatusOK, "UP") })
	mux.Handle("GET /management/prometheus", s.metrics())
	mux.Handle("GET /static/", s.pages.Static())
	mux.HandleFunc("GET /{$}", s.home)
	mux.Handle("GET "+s.check.MetadataPath(), s.check.Metadata())
	if s.told != nil {
		mux.Handle(revocationsPath, s.told)
	}
	if s.AuthServer != nil {
		for _, path := range []string{"/oauth/", "/login", "/login/", "/logout", "/device", "/.well-known/"} {
			mux.Handle(path, s.AuthServer)
		}
		// APS's documentation calls these two without /oauth before them.
		mux.Handle("/authorize", renamed("/oauth/authorize", s.AuthServer))
		mux.Handle("/introspect", renamed("/oauth/introspect", s.AuthServer))
		s.mountBelowIssuer(mux)
		s.mountRealm(mux)
	}
	if s.API != nil {
		mux.Handle("/activiti-app/api/", s.API)
		mux.Handle(appPath, s.API)
		mux.HandleFunc("GET /activiti-app/api/openapi.json", s.describe)
		if s.explorer != nil {
			mux.Handle("GET "+api.ExplorerPath, s.explorer)
			mux.Handle("GET "+api.ExplorerFiles, s.explorer)
		}
	}
	if s.cfg.Demo {
		mux.HandleFunc("GET /demo/callback", s.demoCallback)
	}
	mux.Handle("/", s.elsewhere())
	return s.origins.Settle(limited(logged(s.log, mux)))
}

// mountBelowIssuer answers below the issuer's own path too, for proxies that pass
// it on.
func (s *Server) mountBelowIssuer(mux *http.ServeMux) {
	u, err := url.Parse(s.cfg.issuer())
	if err == nil && u.Path != "" {
		mux.Handle(u.Path+"/oauth/", http.StripPrefix(u.Path, s.AuthServer))
		mux.Handle(u.Path+"/.well-known/", s.AuthServer)
	}
}

// elsewhere is the gateway's, or a page that says that there is nothing.
func (s *Server) elsewhere() http.Handler {
	if s.Gateway != nil {
		return s.Gateway
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.pages.Write(w, r, http.StatusNotFound, page.Error{Status: http.StatusNotFound, Title: "There is nothing here",
			Message: "This address does not exist.", Link: page.Link{Href: "/", Text: "Go to the first page"}})
	})
}

// limited refuses paths that the mux would repair by a redirect: a repaired path
// is not what the caller wrote.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if strings.Contains(path, "//") || strings.Contains(path, "/../") || strings.Contains(path, "/./") ||
			strings.HasSuffix(path, "/..") || strings.ContainsAny(path, "\\\x00") {
			http.Error(w, "This address can be read in more than one way.", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// health tells a load balancer whether this process can answer. That it lives is told
// apart: a new one would not help while the database is away.
func (s *Server) health(w http.ResponseWriter, r *http.Request) {
	status, word := http.StatusOK, "UP"
	if s.db != nil {
		if err := s.db.Ping(r.Context()); err != nil {
			s.log.ErrorContext(r.Context(), "health: the database does not answer", "error", err)
			status, word = http.StatusServiceUnavailable, "DOWN"
		}
	}
	tellHealth(w, status, word)
}

func tellHealth(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "{\"status\":%q}\n", word)
}

// Close ends background work and closes the database.
func (s *Server) Close() error {
	defer s.out.flush()
	if s.db == nil {
		return nil
	}
	if s.auth != nil {
		s.auth.Close()
	}
	if s.engine != nil {
		if err := s.engine.Close(); err != nil {
			return errors.Join(err, s.db.Close())
		}
	}
	return s.db.Close()
}
