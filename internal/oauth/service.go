package oauth

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
)

// Config is how the authorization server behaves. Every field is needed; the
// root package's configuration holds the defaults.
type Config struct {
	// Issuer is this server's name in tokens and metadata: a URL without query
	// and fragment (RFC 8414 §2). Endpoint addresses begin with it.
	Issuer string
	// Audience is the "aud" of access tokens: the API they are meant for.
	Audience string
	// AccessTTL and RefreshTTL are for clients that do not say otherwise.
	AccessTTL, RefreshTTL time.Duration
	// CodeTTL is how long an authorization code may be redeemed.
	CodeTTL time.Duration
	// PushedTTL is how long a pushed request may be used (RFC 9126 §2.2).
	PushedTTL time.Duration
	// DeviceTTL is how long a user may take to enter a device's code (RFC 8628
	// §3.2).
	DeviceTTL time.Duration
	// DeviceWithoutSecret lets a confidential client begin a device sign-in without
	// its secret.
	DeviceWithoutSecret bool
	// RequestTTL is how long a user may take to sign in and consent.
	RequestTTL time.Duration
	// RefreshGrace is how long after its use a refresh token may be repeated and
	// gives the same successor; 0 means never (RFC 9700 §4.14.2).
	RefreshGrace time.Duration
	// JWT makes JWT the access token format of clients that do not choose.
	JWT bool
	// QueryParameters accepts the token endpoint's parameters in the address,
	// where they end up in logs. Old documentation shows such calls.
	QueryParameters bool
	// UserinfoWithoutOpenID lets userinfo answer tokens without the scope openid.
	UserinfoWithoutOpenID bool
	// RefreshWithoutClientID takes a public client from its refresh token when
	// the request names none (RFC 6749 §6 allows it).
	RefreshWithoutClientID bool
	// BasicWithoutColon reads `Basic base64("id")` as a public client's id.
	BasicWithoutColon bool
	// IgnorePublicSecret lets a public client present a secret, which proves
	// nothing and is not looked at.
	IgnorePublicSecret bool
	// PasswordError401 answers 401 instead of 400 for a user's wrong password.
	PasswordError401 bool
	// IgnoreBearer does not look at a bearer token where clients authenticate.
	IgnoreBearer bool
	// FragmentURIs lets redirect URIs of web pages have a fragment, for ADF with its
	// hash router. RFC 6749 §3.1.2 forbids it.
	FragmentURIs bool
	// CertificateURL is where clients with certificates call instead (RFC 8705 §5),
	// without a slash at the end; empty: where all others do.
	CertificateURL string
	// ScopeTexts says what the operator's own scopes allow: a sentence for each language,
	// "" for all others.
	ScopeTexts map[string]map[string]string
	// OpenRegistrations is how many clients may be registered without a token in 24
	// hours; 0 sets no bound.
	OpenRegistrations int
	// OpenRegistration lets anybody register clients, within DefaultPolicy.
	OpenRegistration bool
	// PrivateHosts may have addresses of inner networks when the server fetches
	// what a registration names (jwks_uri and the like); others must be public.
	PrivateHosts []string
	// LoopbackFetch lets it fetch from this very machine, by http too.
	LoopbackFetch bool
	// SigningAlg signs JWT access tokens of clients that do not choose: RS256 or
	// ES256.
	SigningAlg string
	// KeyRotation is how long a signing key signs; 0 means until it is rotated by
	// hand. KeyOverlap is how long its successor is published before that.
	KeyRotation, KeyOverlap time.Duration
	// Key encrypts the signing keys at rest; nil leaves them open. PreviousKey is
	// what encrypted them until now; nil when there was none.
	Key, PreviousKey *MasterKey
	// Keyless makes a service that signs nothing and needs no signing keys: for
	// processes that only check tokens.
	Keyless bool
	// LogoutRedirectURI reads redirect_uri as post_logout_redirect_uri at the end
	// session endpoint, as Keycloak's older clients send it.
	LogoutRedirectURI bool
	// RevocationReceivers are the addresses of resource servers that are told at once
	// of what has ended; see bearer.RevocationReceiver.
	RevocationReceivers []string
	// CustomGrants are the operator's own, by their grant_type.
	CustomGrants map[string]CustomGrant
	// Certificates says where clients' TLS certificates are found (RFC 8705).
	Certificates bearer.CertificateConfig
	// AsksCertificates is whether this server itself asks callers for certificates.
	AsksCertificates bool
	// ClientCAs may sign the certificates of tls_client_auth; nil means nobody.
	ClientCAs *x509.CertPool
	// DPoPNonces makes clients put a value of ours into their proofs (RFC 9449 §8).
	DPoPNonces bool
	// Guard counts attempts to prove a client or a user code.
	Guard *throttle.Guard
	// Audit keeps the record of who did what; nil keeps none.
	Audit *audit.Log
	// AuditTokens is which issued tokens the record tells of: AuditAll, AuditPeople
	// (those that speak for a user) or AuditNone.
	AuditTokens string
	// Secure is true when browsers reach the server by https.
	Secure bool
	// Log receives an event for each sign-in, issue and refusal; never a secret.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Service is the authorization server. It is safe for concurrent use.
type Service struct {
	cfg     Config
	db      *store.DB
	users   *identity.Service
	pages   *page.Pages
	clients *clientCache
	fetcher *fetcher
	keySets *keySets
	origins *origins
	keys    *keyStore
	grants  map[string]grant
	issuer  *url.URL
	// deliverers send what the outbox holds, by kind.
	deliverers map[string]deliverer
	wake       chan struct{} // tells Deliver that there is something new
	userinfo   http.Handler
	certs      *bearer.ClientCertificates
	proofs     *bearer.Proofs
	nonceKey   []byte
}

// New returns the authorization server on a migrated database. It makes the
// first signing keys when there are none. Close it before the database.
func New(ctx context.Context, db *store.DB, users *identity.Service, pages *page.Pages, cfg Config) (*Service, error) {
	issuer, err := url.Parse(cfg.Issuer)
	if err != nil {
		return nil, err
	}
	s := &Service{cfg: cfg, db: db, users: users, pages: pages, issuer: issuer, clients: newClientCache(),
		fetcher: newFetcher(cfg.PrivateHosts, cfg.LoopbackFetch), wake: make(chan struct{}, 1)}
	s.keySets = newKeySets(cfg.Now, s.fetch)
	s.origins = &origins{read: s.readOrigins, now: cfg.Now}
	s.keys = newKeyStore(db, cfg)
	if s.certs, err = bearer.NewClientCertificates(cfg.Certificates); err != nil {
		return nil, err
	}
	if s.proofs, err = s.newProofs(ctx); err != nil {
		return nil, err
	}
	s.grants = map[string]grant{
		AuthorizationCode: s.redeemCode,
		RefreshToken:      s.refresh,
		Password:          s.password,
		ClientCredentials: s.clientCredentials,
		DeviceCode:        s.redeemDeviceCode,
		TokenExchange:     s.exchange,
		JWTBearer:         s.jwtBearer,
	}
	if err := s.addCustomGrants(); err != nil {
		return nil, err
	}
	s.deliverers = map[string]deliverer{kindLogout: s.deliverLogout, kindRevocation: s.deliverRevocation}
	if s.userinfo, err = s.userinfoHandler(); err != nil {
		return nil, err
	}
	if !cfg.Keyless {
		if err := s.keys.start(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Close waits for what the service began and still does on its database.
func (s *Service) Close() { s.keys.wait() }

// Register adds the endpoints for programs to mux; they carry no cookies.
func (s *Service) Register(mux *http.ServeMux) {
	mux.Handle("/oauth/token", s.post(s.token))
	mux.Handle("/oauth/par", s.post(s.pushRequest))
	mux.Handle("/oauth/device_authorization", s.post(s.deviceAuthorization))
	mux.Handle("/oauth/introspect", s.post(s.introspect))
	mux.Handle("/oauth/check_token", s.post(s.checkToken))
	mux.Handle("/oauth/revoke", s.post(s.revoke))
	mux.HandleFunc("/oauth/register", s.register)
	mux.HandleFunc("/oauth/register/{client}", s.manage)
	mux.Handle("GET /oauth/userinfo", s.userinfo)
	mux.Handle("POST /oauth/userinfo", s.userinfo)
	mux.HandleFunc("GET /oauth/jwks", s.jwks)
	for _, path := range s.metadataPaths() {
		mux.HandleFunc("GET "+path, s.metadata)
	}
}

// RegisterPages adds the endpoints for people's browsers to mux. The mux must
// stand behind page.Protect but for /oauth/authorize and /oauth/logout, which
// other sites call by design and which change nothing before the user has answered
// or an id_token has shown that his application asks.
func (s *Service) RegisterPages(open, protected *http.ServeMux) {
	open.HandleFunc("GET /oauth/authorize", s.authorize)
	open.HandleFunc("POST /oauth/authorize", s.authorize)
	protected.HandleFunc("GET /oauth/authorize/continue", s.resume)
	protected.HandleFunc("POST /oauth/consent", s.consent)
	open.HandleFunc("GET "+logoutPath, s.endSession)
	open.HandleFunc("POST "+logoutPath, s.endSession)
	protected.HandleFunc("POST "+logoutConfirmPath, s.confirmLogout)
	protected.HandleFunc("GET /device", s.showDevice)
	protected.HandleFunc("POST /device", s.enterUserCode)
}

func (s *Service) now() time.Time { return s.cfg.Now() }
