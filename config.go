package sluice

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/oauth"
)

// Role is the part of Sluice that a process plays.
type Role string

// The roles.
const (
	RoleAll     Role = "all"     // everything on one address
	RoleAuth    Role = "auth"    // the authorization server and its pages
	RoleProcess Role = "process" // the REST API behind the bearer check
	RoleGateway Role = "gateway" // the bearer check in front of other services
)

// Config is everything that can be set. DefaultConfig holds the defaults;
// LoadConfig reads files, environment and flags over them. The name behind each
// field is its key in activiti-app.properties and application.properties.
type Config struct {
	// Addr is where the server listens, host:port. sluice.addr, or Server.port and
	// server.address. Default 127.0.0.1:8080.
	Addr string
	// Data is the folder of the SQLite database. sluice.data. Default ./data.
	Data string
	// Database is a PostgreSQL URL (postgres://…); empty means SQLite in Data. It
	// may hold a password and is never shown. sluice.database.
	Database string
	// DatabaseConnections is the most connections to PostgreSQL that this process
	// holds, from 2 to 1000. sluice.database-connections. Default 32.
	DatabaseConnections int
	// HousekeepingInterval is how often what has expired is dropped, from 1s to 24h.
	// sluice.housekeeping.interval. Default 1m.
	HousekeepingInterval time.Duration
	// Role is the part this process plays. sluice.role. Default all.
	Role Role
	// Demo adds well-known users and clients; on loopback addresses only.
	// sluice.demo. Default false.
	Demo bool
	// Issuer is the authorization server's name and the beginning of its
	// endpoints' addresses: a URL without query, fragment or slash at the end.
	// sluice.issuer. Empty means http://localhost:<port>.
	Issuer string
	// InsecureHTTP allows an issuer with plain http on other hosts than this one.
	// sluice.insecure-http. Default false.
	InsecureHTTP bool
	// LogLevel is debug, info, warn or error. sluice.log-level. Default info.
	LogLevel string
	// LogFormat is text or json. sluice.log-format. Default text.
	LogFormat string
	// ShutdownTimeout is how long requests in flight may take to end after
	// SIGTERM. sluice.shutdown-timeout. Default 20s.
	ShutdownTimeout time.Duration
	// Metrics is who may read GET /management/prometheus without a token: local
	// (this machine, not through a proxy), all or none. sluice.metrics. Default local.
	Metrics string
	// MetricsToken lets whoever sends it as a bearer token read the metrics from
	// anywhere: 16 characters or more. It is never shown. sluice.metrics-token, or
	// sluice.metrics-token-file. Empty means that nobody may by that.
	MetricsToken string
	// APIExplorer shows the REST API at /activiti-app/api-explorer.html, where the role has
	// an authorization server to sign in at. sluice.api-explorer. Default true.
	APIExplorer bool
	// TrustedProxies are the addresses of proxies in front, as ranges (10.0.0.0/8) or
	// single ones. Their X-Forwarded-For says where a request comes from, and TLS.
	// ClientCertificateHeader counts from them; from everybody else both are
	// ignored. sluice.trusted-proxies, with commas. Empty means none.
	TrustedProxies []string
	// SessionTTL is how long a browser stays signed in. sluice.session-ttl.
	// Default 12h.
	SessionTTL time.Duration
	// Key encrypts the signing keys in the database: 32 random bytes in base64 or
	// hex, such as `openssl rand -base64 32` prints. It is never shown. sluice.key,
	// or sluice.key-file. Empty leaves them open, with a warning at every start.
	Key string
	// PreviousKey is what Key was before, until every process has been restarted
	// with the new one. sluice.key-previous, or sluice.key-previous-file.
	PreviousKey string
	// PasswordConcurrency is how many password hashes (19 MiB each) are computed
	// at once. sluice.password-concurrency. Default: the number of processors.
	PasswordConcurrency int

	Audit    AuditConfig
	TLS      TLSConfig
	Throttle ThrottleConfig
	// Mail and RestCall are how processes reach out.
	Mail     MailConfig
	RestCall RestCallConfig
	// Process is how processes are run.
	Process ProcessConfig
	OAuth   OAuthConfig
	Bearer  BearerConfig
	Users   UsersConfig
	CORS    CORSConfig
	// Routes are what the gateway forwards. zuul.routes.{name}.{path,url,stripPrefix},
	// sluice.gateway.routes.{name}.{path,url,strip-path}.
	Routes []RouteConfig
}

// AuditConfig is what the record of who did what holds.
type AuditConfig struct {
	// Tokens is which issued tokens it tells of: people (those that speak for a user),
	// all, which costs a client's own tokens a second statement, or none.
	// sluice.audit.tokens. Default people.
	Tokens string
	// Retention is how long its lines are kept; 0 means for ever.
	// sluice.audit.retention. Default 2160h.
	Retention time.Duration
}

// OAuthConfig is how the authorization server behaves.
type OAuthConfig struct {
	// CodeTTL is how long an authorization code may be redeemed.
	// sluice.oauth.code-ttl. Default 60s, at most 10m (RFC 6749 §4.1.2).
	CodeTTL time.Duration
	// AccessTTL is how long access tokens live, for clients that do not say.
	// authentication.oauth.tokenValidityInSeconds, in seconds. Default 3600.
	AccessTTL time.Duration
	// RefreshTTL is how long a refresh token may lie unused, for clients that do
	// not say. sluice.oauth.refresh-ttl. Default 720h.
	RefreshTTL time.Duration
	// RefreshGrace is how long a used refresh token may be repeated and gives the
	// same successor; 0 turns it off. sluice.oauth.refresh-grace. Default 10s.
	RefreshGrace time.Duration
	// PushedTTL is how long a pushed authorization request may be begun (RFC 9126
	// §2.2). sluice.oauth.pushed-request-ttl. Default 90s.
	PushedTTL time.Duration
	// DeviceTTL is how long a user may take to enter a device's code (RFC 8628
	// §3.2). sluice.oauth.device-code-ttl. Default 10m.
	DeviceTTL time.Duration
	// DeviceWithoutSecret lets a confidential client begin a device sign-in without
	// its secret, as golang.org/x/oauth2 does; the code is redeemed with it all the
	// same. sluice.oauth.device-without-client-secret. Default false.
	DeviceWithoutSecret bool
	// DPoPNonces makes clients put a value of this server's into their DPoP proofs
	// (RFC 9449 §8). sluice.oauth.dpop-nonces. Default false.
	DPoPNonces bool
	// Grants are grants of the operator's own, decided by HTTP endpoints.
	// sluice.oauth.grants.{name}.{type,url,client-id,secret}.
	Grants []GrantConfig
	// RequestTTL is how long a user may take to sign in and consent.
	// sluice.oauth.authorization-request-ttl. Default 30m.
	RequestTTL time.Duration
	// JWT makes JWT the format of access tokens for clients that do not choose.
	// authentication.oauth.jwt. Default false: opaque.
	JWT bool
	// SigningAlg signs JWT access tokens of clients that do not choose: RS256, which
	// every resource server reads, or ES256, which is some 25 times faster.
	// sluice.oauth.signing-alg. Default RS256.
	SigningAlg string
	// KeyRotation is how long a signing key signs before the next one does; 0 leaves
	// that to `sluice key rotate`. sluice.oauth.key-rotation. Default 2160h, at
	// least 1h.
	KeyRotation time.Duration
	// KeyOverlap is how long the next signing key is published before it signs, and
	// what a retired one stays published beyond the longest life of a token.
	// sluice.oauth.key-overlap. Default 24h, at least 15m and at most half of
	// KeyRotation.
	KeyOverlap time.Duration
	// RevocationReceivers are resource servers that are told at once, by signed
	// events, of tokens that were revoked, users that were disabled and clients that
	// were disabled or deleted (RFC 8935). sluice.oauth.revocation-receivers, addresses with
	// commas. Empty means none.
	RevocationReceivers []string
	// CORSFilter applies the cors.* settings to the endpoints that browsers need of
	// the authorization server as well: token, revocation, userinfo, keys, metadata.
	// authentication.oauth.corsFilter. Default false.
	CORSFilter bool
	// TokenParametersInQuery accepts the token endpoint's parameters in the
	// address, as old documentation shows; they end up in logs then.
	// sluice.oauth.token-parameters-in-query. Default false.
	TokenParametersInQuery bool
	// RefreshWithoutClientID takes a public client from its refresh token when the
	// request names none, as js-api 10 does. sluice.oauth.refresh-without-client-id.
	// Default true.
	RefreshWithoutClientID bool
	// UserinfoWithoutOpenID lets userinfo answer tokens that were asked for without
	// the scope openid: js-api's sign-in by password names no scope and asks userinfo
	// afterwards, and so do Spring's old userInfoUri clients. OpenID Connect Core
	// §5.3 is for tokens of its own requests; without the switch others get 403.
	// sluice.oauth.userinfo-without-openid. Default true.
	UserinfoWithoutOpenID bool
	// BasicWithoutColon reads Basic credentials without a colon as a public
	// client's id, as js-api 9.3 sends them. sluice.oauth.basic-without-colon.
	// Default true.
	BasicWithoutColon bool
	// IgnorePublicClientSecret lets a public client present a secret, as ADF does;
	// it is not looked at. sluice.oauth.ignore-public-client-secret. Default true.
	IgnorePublicClientSecret bool
	// PasswordError401 answers a wrong password of the password grant with 401
	// instead of RFC 6749's 400. sluice.oauth.password-error-401. Default false.
	PasswordError401 bool
	// LogoutRedirectURI reads redirect_uri as post_logout_redirect_uri when a user
	// signs out, as Keycloak's older clients send it; it must be registered all the
	// same. sluice.oauth.logout-redirect-uri. Default false.
	LogoutRedirectURI bool
	// IgnoreBearerAtToken does not look at a bearer token that comes along with a
	// token request, as js-api 10 sends its old one; it proves nothing there.
	// sluice.oauth.ignore-bearer-at-token. Default true.
	IgnoreBearerAtToken bool
	// FragmentRedirectURIs lets redirect URIs of web pages have a fragment, which RFC
	// 6749 §3.1.2 forbids, as ADF's hash router needs it. They are answered in the
	// query alone. sluice.oauth.fragment-redirect-uris. Default false.
	FragmentRedirectURIs bool
	// KeycloakRealm makes the endpoints answer at Keycloak's addresses of that realm
	// too: /auth/realms/{realm}/protocol/openid-connect/… and the same without
	// /auth. Clients that compare the issuer with such an address need Issuer to be
	// it. sluice.oauth.keycloak-realm. Empty means none.
	KeycloakRealm string
	// CORSClientOrigins lets pages call the endpoints that browsers need from the
	// origins at which clients without a secret have redirect URIs, and from those
	// in any client's allowed_cors_origins. sluice.oauth.cors-client-origins.
	// Default true.
	CORSClientOrigins bool
	// FetchPrivateHosts are the hosts, with or without :port, that may have
	// addresses of inner networks when the server fetches what a client has
	// registered: jwks_uri, sector_identifier_uri. All others must be public.
	// sluice.oauth.fetch-private-hosts, with commas. Empty means none.
	FetchPrivateHosts []string
	// InsecureOpenRegistration lets anybody register clients that sign users in,
	// without an initial access token. sluice.insecure-open-registration. Default
	// false.
	InsecureOpenRegistration bool
	// OpenRegistrations is how many clients may be registered without a token within 24
	// hours; more are answered 429. sluice.oauth.open-registrations-per-day. Default
	// 100; 0 sets no bound.
	OpenRegistrations int
	// ScopeTexts says on the consent page what the operator's own scopes allow: by scope
	// and language (en, de, es, fr; "" for all others).
	// sluice.scope.NAME.description, sluice.scope.NAME.description.de.
	ScopeTexts map[string]map[string]string
	// InsecureLoopbackFetch lets it fetch from this very machine, by http too. Who
	// may register clients can make the server call what listens there.
	// sluice.insecure-loopback-fetch. Default false.
	InsecureLoopbackFetch bool
}

// UsersConfig is how the user that a token names is found.
type UsersConfig struct {
	// UseExternalID matches the external id instead of the e-mail address.
	// security.authentication.use-externalid. Default false.
	UseExternalID bool
	// CaseSensitive compares names byte for byte.
	// security.authentication.casesensitive. Default true.
	CaseSensitive bool
	// Create makes a user whom a token of another authorization server names and
	// nobody here knows. sluice.users.create. Default false: such calls are refused.
	Create bool
	// GroupsClaim is the member of CheckToken's answer with the groups that such a
	// user joins: the functional ones that exist, by external id or name. A path
	// such as realm_access.roles will do. sluice.users.groups-claim. Empty means
	// none.
	GroupsClaim string
	// ServiceUser is the login of the user as whom clients act that come by
	// themselves, without a user (client credentials). sluice.users.service-user.
	// Empty refuses them.
	ServiceUser string
	// RememberTTL is how long a client stays signed in that signed in at
	// /activiti-app/app/authentication and asked to be remembered.
	// security.cookie.max-age, in seconds. Default 2678400, 31 days.
	RememberTTL time.Duration
	// CSRFDisabled takes the cookies of such clients without APS's pair of the header
	// X-CSRF-TOKEN and the cookie CSRF-TOKEN. security.csrf.disabled. Default false.
	CSRFDisabled bool
}

// CORSConfig is which other sites' pages may call the API from a browser.
type CORSConfig struct {
	// Enabled turns it on. cors.enabled. Default false.
	Enabled bool
	// Origins are allowed origins; * allows all. cors.allowed.origins, with commas.
	Origins []string
	// OriginPatterns are allowed origins in which * stands for any part of a host
	// name or port. cors.allowed.origin.patterns, with commas.
	OriginPatterns []string
	// Methods are the allowed methods. cors.allowed.methods, with commas.
	Methods []string
	// Headers are the allowed request headers. cors.allowed.headers, with commas.
	Headers []string
	// Exposed are the answer's headers that pages may read.
	// cors.exposed.headers, with commas.
	Exposed []string
	// Credentials allows cookies and the like to be sent along.
	// cors.support.credentials. Default true.
	Credentials bool
	// MaxAge is how long a browser may remember the permission.
	// cors.preflight.maxage, in seconds. Default 10.
	MaxAge time.Duration
}

// RouteConfig is one route of the gateway.
type RouteConfig struct {
	Name      string // what stands in the key
	Path      string // the prefix that selects it, such as /bpm
	URL       string // the upstream
	StripPath bool   // whether Path is cut off; default true, as in Zuul
}

// GrantConfig is a grant that an HTTP endpoint decides; docs/oauth.md describes what
// it is asked and may answer.
type GrantConfig struct {
	Name             string // what stands in the key
	Type             string // the grant_type; empty means Name
	URL              string // the endpoint: https, or http to this machine
	ClientID, Secret string // how this server authenticates there: Basic, or Secret alone as a bearer token
}

// grantType is Type or its default.
func (g GrantConfig) grantType() string {
	if g.Type != "" {
		return g.Type
	}
	return g.Name
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config {
	return Config{
		Addr: "127.0.0.1:8080", Data: "./data", Role: RoleAll, LogLevel: "info", LogFormat: "text",
		ShutdownTimeout: 20 * time.Second, Metrics: metricsLocal, SessionTTL: 12 * time.Hour, DatabaseConnections: 32, HousekeepingInterval: time.Minute, PasswordConcurrency: runtime.NumCPU(),
		APIExplorer: true, Throttle: defaultThrottle(), Process: defaultProcess(), Mail: defaultMail(), RestCall: defaultRestCall(),
		OAuth: OAuthConfig{
			CodeTTL: time.Minute, AccessTTL: time.Hour, RefreshTTL: 720 * time.Hour, RefreshGrace: 10 * time.Second,
			RequestTTL: 30 * time.Minute, SigningAlg: "RS256", KeyRotation: 90 * 24 * time.Hour, KeyOverlap: 24 * time.Hour,
			PushedTTL: 90 * time.Second, DeviceTTL: 10 * time.Minute,
			OpenRegistrations: 100, RefreshWithoutClientID: true, UserinfoWithoutOpenID: true, BasicWithoutColon: true, IgnorePublicClientSecret: true,
			CORSClientOrigins: true, IgnoreBearerAtToken: true,
		},
		Audit:  AuditConfig{Tokens: oauth.AuditPeople, Retention: 90 * 24 * time.Hour},
		Bearer: BearerConfig{Enabled: true},
		Users:  UsersConfig{CaseSensitive: true, RememberTTL: 31 * 24 * time.Hour},
		CORS: CORSConfig{
			Methods: []string{"GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE"},
			Headers: []string{
				"Authorization", "Content-Type", "Cache-Control", "X-Requested-With", "Accept", "Origin",
				"Access-Control-Request-Method", "Access-Control-Request-Headers", "X-CSRF-Token",
			},
			Credentials: true, MaxAge: 10 * time.Second,
		},
	}
}

// issuer returns Issuer or its default.
func (c Config) issuer() string {
	if c.Issuer != "" {
		return c.Issuer
	}
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil || port == "" {
		return "http://localhost:8080"
	}
	return "http://localhost:" + port
}

// problems collects what is wrong, each with its key and what to do.
type problems []error

func (p *problems) add(bad bool, key, format string, args ...any) {
	if bad {
		*p = append(*p, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
}

// Validate returns every problem of the configuration at once, joined, or nil.
// No message holds a secret.
func (c Config) Validate() error {
	var p problems
	c.validateServer(&p)
	c.validateTLS(&p)
	c.validateThrottle(&p)
	c.validateProcess(&p)
	c.validateOutside(&p)
	c.validateOAuth(&p)
	c.validateKeys(&p)
	c.validateBearer(&p)
	c.validateCORS(&p)
	return errors.Join(p...)
}

func (c Config) validateServer(p *problems) {
	host, port, err := net.SplitHostPort(c.Addr)
	n, portErr := strconv.Atoi(port)
	p.add(err != nil || portErr != nil || n < 0 || n > 65535, "sluice.addr", "%q is no host:port with a port from 0 to 65535", c.Addr)
	p.add(c.Demo && !loopbackHost(host), "sluice.demo", "the demo has well-known passwords and runs on a loopback address only; sluice.addr is %q", c.Addr)
	switch c.Role {
	case RoleAll, RoleAuth, RoleProcess, RoleGateway:
	default:
		p.add(true, "sluice.role", "%q is not all, auth, process or gateway", c.Role)
	}
	p.add(c.Role == RoleGateway && len(c.Routes) == 0, "sluice.role", "the gateway needs at least one route (sluice.gateway.routes.NAME.path and .url)")
	if c.Database != "" {
		u, err := url.Parse(c.Database)
		p.add(err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "", "sluice.database",
			"it must be postgres://user:password@host:port/name, or empty for SQLite")
	} else {
		p.add(c.Data == "", "sluice.data", "a folder is needed for the SQLite database")
	}
	if problem := checkIssuer(c.issuer(), c.InsecureHTTP); problem != "" {
		p.add(true, "sluice.issuer", "%q: %s", c.issuer(), problem)
	}
	var level slog.Level
	p.add(level.UnmarshalText([]byte(c.LogLevel)) != nil, "sluice.log-level", "%q is not debug, info, warn or error", c.LogLevel)
	p.add(c.LogFormat != "text" && c.LogFormat != "json", "sluice.log-format", "%q is not text or json", c.LogFormat)
	p.add(c.ShutdownTimeout <= 0, "sluice.shutdown-timeout", "it must be longer than 0")
	p.add(c.Metrics != metricsLocal && c.Metrics != metricsAll && c.Metrics != metricsNone, "sluice.metrics", "%q is not local, all or none", c.Metrics)
	p.add(c.MetricsToken != "" && len(c.MetricsToken) < 16, "sluice.metrics-token", "it must have 16 characters or more")
	p.add(c.Audit.Tokens != oauth.AuditPeople && c.Audit.Tokens != oauth.AuditAll && c.Audit.Tokens != oauth.AuditNone,
		"sluice.audit.tokens", "%q is not people, all or none", c.Audit.Tokens)
	p.add(c.Audit.Retention < 0 || (c.Audit.Retention > 0 && c.Audit.Retention < time.Hour), "sluice.audit.retention", "%s is shorter than 1h; 0 keeps everything", c.Audit.Retention)
	p.add(c.SessionTTL < time.Minute, "sluice.session-ttl", "it must be a minute or more")
	p.add(c.Users.RememberTTL < time.Minute, "security.cookie.max-age", "it must be 60 seconds or more")
	p.add(c.HousekeepingInterval < time.Second || c.HousekeepingInterval > 24*time.Hour, "sluice.housekeeping.interval", "%s is not from 1s to 24h", c.HousekeepingInterval)
	p.add(c.DatabaseConnections < 2 || c.DatabaseConnections > 1000, "sluice.database-connections", "%d is not from 2 to 1000", c.DatabaseConnections)
	p.add(c.PasswordConcurrency < 1 || c.PasswordConcurrency > 1000, "sluice.password-concurrency", "%d is not from 1 to 1000", c.PasswordConcurrency)
}

func checkIssuer(issuer string, insecure bool) string {
	u, err := url.Parse(issuer)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "it must be a URL with http or https"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.User != nil || strings.HasSuffix(issuer, "/") || strings.Contains(issuer, "#"):
		return "it must have no query, fragment, user or slash at the end (RFC 8414 §2)"
	case u.Scheme == "http" && !loopbackHost(u.Hostname()) && !insecure:
		return "plain http is for localhost; use https, or set sluice.insecure-http=true for a closed network"
	}
	return ""
}

// checkEndpoint tells what is wrong with an address that this server will call: it
// is bad unless it is an http(s) URL without user and fragment; what is sent to an
// open one can be read on the way.
func checkEndpoint(address string) (host string, bad, open bool) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Fragment != "" {
		return "", true, false
	}
	return u.Host, false, u.Scheme == "http" && !loopbackHost(u.Hostname())
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (c Config) validateOAuth(p *problems) {
	o := c.OAuth
	p.add(o.CodeTTL <= 0 || o.CodeTTL > 10*time.Minute, "sluice.oauth.code-ttl", "%s is not between 0 and 10m", o.CodeTTL)
	p.add(o.AccessTTL < time.Second || o.AccessTTL > 24*time.Hour, "authentication.oauth.tokenValidityInSeconds", "%d is not from 1 to 86400", int64(o.AccessTTL/time.Second))
	p.add(o.RefreshTTL < time.Second, "sluice.oauth.refresh-ttl", "it must be a second or more")
	p.add(o.RefreshGrace < 0 || o.RefreshGrace > 5*time.Minute, "sluice.oauth.refresh-grace", "%s is not between 0 and 5m", o.RefreshGrace)
	p.add(!validRealm(o.KeycloakRealm), "sluice.oauth.keycloak-realm", "%q must be letters, digits and - . _ ~", o.KeycloakRealm)
	for _, host := range o.FetchPrivateHosts {
		p.add(strings.ContainsAny(host, "/@?#* "), "sluice.oauth.fetch-private-hosts", "%q is no host or host:port", host)
	}
	for i, address := range o.RevocationReceivers {
		_, bad, open := checkEndpoint(address)
		p.add(bad, "sluice.oauth.revocation-receivers", "%q must be an http(s) URL without user and fragment", address)
		p.add(open && !c.InsecureHTTP, "sluice.oauth.revocation-receivers",
			"%q: plain http is for localhost; use https, or set sluice.insecure-http=true for a closed network", address)
		p.add(slices.Contains(o.RevocationReceivers[:i], address), "sluice.oauth.revocation-receivers", "%q is there twice", address)
	}
	for _, g := range o.Grants {
		_, bad, open := checkEndpoint(g.URL)
		p.add(bad, "sluice.oauth.grants."+g.Name+".url", "it must be the http(s) URL of an endpoint, without user and fragment")
		p.add(open && !c.InsecureHTTP, "sluice.oauth.grants."+g.Name+".url",
			"what users present would cross the network in the clear; use https, or set sluice.insecure-http=true for a closed network")
		p.add(g.ClientID != "" && g.Secret == "", "sluice.oauth.grants."+g.Name+".secret", "it is needed with client-id")
	}
	p.add(o.PushedTTL < 5*time.Second || o.PushedTTL > 10*time.Minute, "sluice.oauth.pushed-request-ttl", "%s is not between 5s and 10m", o.PushedTTL)
	p.add(o.DeviceTTL < time.Minute || o.DeviceTTL > time.Hour, "sluice.oauth.device-code-ttl", "%s is not between 1m and 1h", o.DeviceTTL)
	p.add(o.RequestTTL < time.Minute || o.RequestTTL > 24*time.Hour, "sluice.oauth.authorization-request-ttl", "%s is not between 1m and 24h", o.RequestTTL)
}

func (c Config) validateKeys(p *problems) {
	o := c.OAuth
	p.add(o.SigningAlg != "RS256" && o.SigningAlg != "ES256", "sluice.oauth.signing-alg", "%q is not RS256 or ES256", o.SigningAlg)
	p.add(o.KeyRotation != 0 && o.KeyRotation < time.Hour, "sluice.oauth.key-rotation", "%s is shorter than 1h; 0 turns rotation off", o.KeyRotation)
	p.add(o.KeyOverlap < 15*time.Minute, "sluice.oauth.key-overlap", "%s is shorter than 15m, which verifiers may go without looking for new keys", o.KeyOverlap)
	p.add(o.KeyRotation != 0 && o.KeyOverlap > o.KeyRotation/2, "sluice.oauth.key-overlap", "%s is more than half of sluice.oauth.key-rotation", o.KeyOverlap)
	_, err := masterKey(c.Key)
	p.add(err != nil, "sluice.key", "%v", err)
	_, err = masterKey(c.PreviousKey)
	p.add(err != nil, "sluice.key-previous", "%v", err)
	p.add(c.Key == "" && c.PreviousKey != "", "sluice.key-previous", "it goes with sluice.key, which is not set")
}

// masterKey parses a key; empty text gives nil.
func masterKey(text string) (*oauth.MasterKey, error) {
	if text == "" {
		return nil, nil
	}
	return oauth.ParseMasterKey(text)
}

func (c Config) validateCORS(p *problems) {
	p.add(c.CORS.Enabled && len(c.CORS.Origins)+len(c.CORS.OriginPatterns) == 0, "cors.allowed.origins", "cors.enabled is true, but no origin is allowed")
	for _, pattern := range c.CORS.OriginPatterns {
		_, err := originPattern(pattern)
		p.add(err != nil, "cors.allowed.origin.patterns", "%q must be scheme://host[:port] with * for a part", pattern)
	}
	p.add(c.CORS.MaxAge < 0, "cors.preflight.maxage", "it must not be negative")
}

// String shows the configuration without its secrets.
func (c Config) String() string {
	return fmt.Sprintf("role %s on %s, issuer %s, database %s", c.Role, c.Addr, c.issuer(), c.databaseKind())
}

// GoString keeps secrets out of %#v.
func (c Config) GoString() string { return "sluice.Config{" + c.String() + "}" }

// LogValue keeps secrets out of logs.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c Config) databaseKind() string {
	if c.Database != "" {
		return "PostgreSQL"
	}
	return "SQLite in " + c.Data
}
