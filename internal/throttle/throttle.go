package throttle

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
)

// checkTimeout bounds a check together with its counting.
const checkTimeout = 20 * time.Second

// knownFor is how long a network is remembered from which an account was proved.
const knownFor = 90 * 24 * time.Hour

// Config is how much guessing is let through.
type Config struct {
	// Enabled turns counting on.
	Enabled bool
	// Free is how many failures an account has before there is a delay, and a
	// network for device codes.
	Free int
	// Base is the first delay; every failure doubles it, up to Max.
	Base, Max time.Duration
	// Forget is in which time one failure of an account is forgotten. Longer than
	// Max, or the delay would stop growing before it.
	Forget time.Duration
	// AddressFree and AddressForget are the same for all failures from one network.
	AddressFree   int
	AddressForget time.Duration
	// Exempt are addresses that are not counted; accounts are, from there too.
	Exempt []netip.Prefix
	// Log receives what is slowed down; never a name or a secret.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Kind is what an attempt is about.
type Kind string

// The kinds.
const (
	User     Kind = "user"      // a person's password
	Client   Kind = "client"    // a client's secret (RFC 6749 §2.3)
	UserCode Kind = "user code" // what a device shows (RFC 8628 §5.1); it belongs to nobody whom one could name
)

// Attempt is somebody's try to prove something.
type Attempt struct {
	Kind Kind
	// Name is whose secret it is, in one spelling; whether he exists does not matter.
	Name string
	// Stored is what the secret is compared with. The same secret for the same
	// Stored is checked once at a time, however many present it.
	Stored string
	Secret string
	// Keep is how long a secret that was right is taken from the same network
	// without another check; 0 means not at all.
	Keep time.Duration
}

// Guard counts attempts. It is safe for concurrent use, and every process on the
// same database knows the same.
type Guard struct {
	cfg              Config
	db               *store.DB
	memory           *memory
	account, address rule
}

// New returns a Guard on a migrated database. The zero Config counts nothing.
func New(db *store.DB, cfg Config) *Guard {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Guard{cfg: cfg, db: db, memory: newMemory(),
		account: rule{free: cfg.Free, base: cfg.Base, max: cfg.Max, forget: cfg.Forget},
		address: rule{free: cfg.AddressFree, base: cfg.Base, max: cfg.Max, forget: cfg.AddressForget}}
}

// Check runs check, which tells whether the attempt's secret is right, unless the
// account or the network has to wait: that is a TooMany fault, and check has not
// run. The attempt is counted as a failure before and given back when it was right,
// or could not be checked.
func (g *Guard) Check(ctx context.Context, a Attempt, check func(context.Context) (bool, error)) (bool, error) {
	place := origin.Network(origin.From(ctx))
	who, what := g.memory.mark(string(a.Kind), a.Name, place), g.memory.mark(string(a.Kind), a.Name, a.Stored, a.Secret)
	if a.Keep > 0 && g.memory.knows(who, what, g.cfg.Now()) {
		return true, nil
	}
	right, err := g.counted(ctx, a, what, check)
	switch {
	case fault.Is(err, fault.TooMany):
		g.cfg.Log.InfoContext(ctx, "attempt not checked: too many failures", "kind", string(a.Kind), "address", origin.Text(ctx))
		fallthrough
	case !right || err != nil:
		// Who guesses from there must not find the secret by what is remembered.
		g.memory.forget(who)
	case a.Keep > 0:
		g.memory.remember(who, what, g.cfg.Now().Add(a.Keep))
	}
	return right, err
}

// counted looks whether there is a delay before it joins the check of the same
// secret, or begins one.
func (g *Guard) counted(ctx context.Context, a Attempt, what mark, check func(context.Context) (bool, error)) (bool, error) {
	if !g.cfg.Enabled {
		return g.memory.once(ctx, what, check)
	}
	t, err := g.tally(ctx, a)
	if err != nil {
		return false, err
	}
	return g.memory.once(ctx, what, func(ctx context.Context) (bool, error) {
		if err := g.begin(ctx, t); err != nil {
			return false, err
		}
		right, err := check(ctx)
		switch {
		case err != nil:
			if failed := g.giveBack(ctx, t); failed != nil {
				g.cfg.Log.WarnContext(ctx, "giving an attempt back", "error", failed)
			}
		case right:
			err = g.settle(ctx, a, t)
		}
		return right && err == nil, err
	})
}

// now is the clock in the database's milliseconds.
func (g *Guard) now() time.Time { return g.cfg.Now().UTC().Truncate(time.Millisecond) }

// inWords is how long to wait, as people say it.
func inWords(d time.Duration) string {
	switch {
	case d <= time.Second:
		return "a second"
	case d <= time.Minute:
		return fmt.Sprintf("%d seconds", (d+time.Second-1)/time.Second)
	default:
		return fmt.Sprintf("%d minutes", (d+time.Minute-1)/time.Minute)
	}
}
