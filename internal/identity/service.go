package identity

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
)

// Config is how users are found and how long they stay signed in.
type Config struct {
	// UseExternalID matches a token's user name against the external id instead
	// of the e-mail (security.authentication.use-externalid).
	UseExternalID bool
	// CaseSensitive compares names byte for byte
	// (security.authentication.casesensitive).
	CaseSensitive bool
	// CreateUsers makes users whom a token of another authorization server names
	// and whom nobody here knows (sluice.users.create).
	CreateUsers bool
	// GroupsClaim names the claim with the groups that such users join; empty means
	// none (sluice.users.groups-claim).
	GroupsClaim string
	// ServiceUser is the login of the user as whom tokens of a client's own act;
	// empty refuses them (sluice.users.service-user).
	ServiceUser string
	// SessionTTL is how long a browser stays signed in.
	SessionTTL time.Duration
	// RememberTTL is how long a client of APS that wants to be remembered stays
	// signed in (security.cookie.max-age).
	RememberTTL time.Duration
	// NoPair takes cookies of APS's clients without its CSRF pair
	// (security.csrf.disabled).
	NoPair bool
	// PasswordConcurrency is how many slow hashes run at once; 0 means 1.
	PasswordConcurrency int
	// CheapPasswords hashes at a cost that is for tests alone.
	CheapPasswords bool
	// Guard counts attempts to sign in; nil means that none are counted.
	Guard *throttle.Guard
	// Secure is true when browsers reach the server by https.
	Secure bool
	// Frames are what the browser loads in frames when its session ends; nil: nothing.
	Frames func(ctx context.Context, session *Session) ([]string, error)
	// Elsewhere is another server at which people may sign in; nil: there is none.
	Elsewhere *Elsewhere
	// Purpose tells the login page which application sends the user; nil means
	// that it is not told.
	Purpose func(ctx context.Context, next string) string
	// StatusChanged is called in the transaction that disables a user or lets him come
	// back; nil means that nobody has to know. Its error keeps him as he was.
	StatusChanged func(ctx context.Context, tx *store.Tx, userID int64) error
	// PasswordChanged is called in the transaction that gives a user a new password;
	// nil means that nobody has to know. Its error keeps the old one.
	PasswordChanged func(ctx context.Context, tx *store.Tx, userID int64) error
	// Ended is called in the transaction that ends sessions before their time; nil
	// means that nobody has to know. Its error keeps them.
	Ended func(ctx context.Context, tx *store.Tx, ended []EndedSession) error
	// Audit keeps the record of who did what; nil keeps none.
	Audit *audit.Log
	// Log receives sign-ins and refusals; never a password.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Service is the room's door. It is safe for concurrent use.
type Service struct {
	cfg    Config
	db     *store.DB
	pages  *page.Pages
	costs  argon         // of new hashes
	hashes chan struct{} // a place per slow hash that may run
	queued chan struct{} // a place per slow hash that may wait or run
	hashed atomic.Int64  // slow hashes that were begun

	drawing chan struct{} // a place per picture that is being drawn

	strangers strangers
}

// hashQueue is how many sign-ins may wait for a slow hash; more are told to come
// back, so that a flood of logins cannot hold memory or starve the rest.
const hashQueue = 200

// New returns the room on a migrated database.
func New(db *store.DB, pages *page.Pages, cfg Config) *Service {
	if cfg.Guard == nil {
		cfg.Guard = throttle.New(db, throttle.Config{Now: cfg.Now})
	}
	costs := argonDefault
	if cfg.CheapPasswords {
		costs = argonCheap
	}
	return &Service{cfg: cfg, db: db, pages: pages, costs: costs, hashes: make(chan struct{}, max(cfg.PasswordConcurrency, 1)),
		queued: make(chan struct{}, hashQueue), drawing: make(chan struct{}, 2)}
}

// Hashes returns how many slow hashes were begun, of passwords and of client secrets.
func (s *Service) Hashes() int64 { return s.hashed.Load() }
