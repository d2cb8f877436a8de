package sluice

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
)

// ThrottleConfig is how guessing at passwords, at clients' secrets and at the codes
// that devices show is slowed down; docs/abuse.md tells what is counted where.
type ThrottleConfig struct {
	// Enabled counts failed attempts. sluice.throttle.enabled. Default true.
	Enabled bool
	// FreeAttempts is how many failures an account (a user, a client) has before it
	// must wait, and a network that types device codes. sluice.throttle.free-attempts.
	// Default 5.
	FreeAttempts int
	// BaseDelay is the first wait; every further failure doubles it, up to MaxDelay.
	// sluice.throttle.base-delay, sluice.throttle.max-delay. Default 1s and 15m.
	BaseDelay, MaxDelay time.Duration
	// ForgetAfter is in which time one failure of an account is forgotten: longer
	// than MaxDelay. sluice.throttle.forget-after. Default 1h.
	ForgetAfter time.Duration
	// AddressFreeAttempts is how many failures, of whatever accounts, may come from
	// one IPv4 address, or one /64 of IPv6, before it must wait.
	// sluice.throttle.address-free-attempts. Default 50.
	AddressFreeAttempts int
	// AddressForgetAfter is in which time one of those is forgotten: the rate of
	// failures at which an address is left alone.
	// sluice.throttle.address-forget-after. Default 1m.
	AddressForgetAfter time.Duration
	// ExemptAddresses are not counted: those of servers that sign many users in by
	// password grants. Accounts are counted from there too.
	// sluice.throttle.exempt-addresses, with commas. Default none.
	ExemptAddresses []string
}

func defaultThrottle() ThrottleConfig {
	return ThrottleConfig{Enabled: true, FreeAttempts: 5, BaseDelay: time.Second, MaxDelay: 15 * time.Minute, ForgetAfter: time.Hour,
		AddressFreeAttempts: 50, AddressForgetAfter: time.Minute}
}

func (c Config) validateThrottle(p *problems) {
	t := c.Throttle
	_, err := origin.Prefixes(t.ExemptAddresses)
	p.add(err != nil, "sluice.throttle.exempt-addresses", "%v", err)
	p.add(t.FreeAttempts < 1 || t.FreeAttempts > 1000, "sluice.throttle.free-attempts", "%d is not from 1 to 1000", t.FreeAttempts)
	p.add(t.BaseDelay < 100*time.Millisecond || t.BaseDelay > t.MaxDelay, "sluice.throttle.base-delay", "%s is not between 100ms and sluice.throttle.max-delay", t.BaseDelay)
	p.add(t.MaxDelay > 24*time.Hour, "sluice.throttle.max-delay", "%s is longer than 24h", t.MaxDelay)
	p.add(t.ForgetAfter <= t.MaxDelay, "sluice.throttle.forget-after", "%s must be longer than sluice.throttle.max-delay, or the delay does not grow to it", t.ForgetAfter)
	p.add(t.AddressFreeAttempts < t.FreeAttempts || t.AddressFreeAttempts > 1_000_000, "sluice.throttle.address-free-attempts",
		"%d is not between sluice.throttle.free-attempts and 1000000", t.AddressFreeAttempts)
	p.add(t.AddressForgetAfter < time.Second || t.AddressForgetAfter > 24*time.Hour, "sluice.throttle.address-forget-after", "%s is not between 1s and 24h", t.AddressForgetAfter)
}

// guard makes the counters that t asks for.
func (t ThrottleConfig) guard(db *store.DB, log *slog.Logger, now func() time.Time) (*throttle.Guard, error) {
	exempt, err := origin.Prefixes(t.ExemptAddresses)
	if err != nil {
		return nil, err
	}
	return throttle.New(db, throttle.Config{Enabled: t.Enabled, Free: t.FreeAttempts, Base: t.BaseDelay, Max: t.MaxDelay, Forget: t.ForgetAfter,
		AddressFree: t.AddressFreeAttempts, AddressForget: t.AddressForgetAfter, Exempt: exempt, Log: log, Now: now}), nil
}

// Attempts are failures to prove a user or a client, from one of the networks that he
// was proved from before, or from everywhere else together.
type Attempts struct {
	Known    bool      `json:"known_network"`
	Failures int       `json:"failures"`       // that are not forgotten yet
	Until    time.Time `json:"until,omitzero"` // nothing is looked at before; zero: at once
}

// User returns the user with that login.
func (a *Admin) User(ctx context.Context, email string) (User, error) {
	u, err := a.users.ByEmail(ctx, email)
	if err != nil {
		return User{}, err
	}
	return newUser(u), nil
}

// UserAttempts tells who has failed to sign in as a user, and until when they must
// wait; nobody gives an empty list.
func (a *Admin) UserAttempts(ctx context.Context, email string) ([]Attempts, error) {
	u, err := a.users.ByEmail(ctx, email)
	if err != nil {
		return nil, err
	}
	return attempts(a.users.Standings(ctx, u))
}

// ClientAttempts is UserAttempts for a client.
func (a *Admin) ClientAttempts(ctx context.Context, id string) ([]Attempts, error) {
	if _, err := a.auth.Client(ctx, id); err != nil {
		return nil, err
	}
	return attempts(a.guard.Standings(ctx, throttle.Client, id))
}

func attempts(found []throttle.Standing, err error) ([]Attempts, error) {
	list := []Attempts{}
	for _, s := range found {
		list = append(list, Attempts(s))
	}
	return list, err
}

// UnlockUser forgets the failures to sign in as a user, so that he need not wait. A
// user who is disabled stays so.
func (a *Admin) UnlockUser(ctx context.Context, email string) error {
	u, err := a.users.ByEmail(ctx, email)
	if err != nil {
		return err
	}
	return a.users.Unlock(ctx, u)
}

// UnlockClient is UnlockUser for a client.
func (a *Admin) UnlockClient(ctx context.Context, id string) error {
	if _, err := a.auth.Client(ctx, id); err != nil {
		return err
	}
	return a.guard.Unlock(ctx, throttle.Client, id)
}

// UnlockAddress forgets the failures that came from an address: an IPv4 address, or
// all of the /64 of an IPv6 address.
func (a *Admin) UnlockAddress(ctx context.Context, address string) error {
	parsed, err := netip.ParseAddr(address)
	if err != nil {
		return fault.New(fault.Invalid, "%q is no IP address", address)
	}
	return a.guard.UnlockAddress(ctx, parsed)
}
