package sluice

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/oauth"
)

// RegistrationPolicy is what clients that register themselves may get.
type RegistrationPolicy = oauth.RegistrationPolicy

// DefaultRegistrationPolicy lets them sign users in and nothing else: the grants
// authorization_code and refresh_token, the scopes openid, profile, email and
// offline_access.
func DefaultRegistrationPolicy() RegistrationPolicy { return oauth.DefaultPolicy() }

// InitialAccessToken lets its holder register clients at /oauth/register (RFC 7591
// §1.2).
type InitialAccessToken struct {
	ID       string             `json:"id"`        // names it; no secret
	Name     string             `json:"name"`      // whom it was given to
	Policy   RegistrationPolicy `json:"policy"`    // what its clients may get
	UsesLeft int64              `json:"uses_left"` // how many clients may still be registered with it
	Created  time.Time          `json:"created"`   // in UTC
	Expires  time.Time          `json:"expires"`   // in UTC
}

// NewInitialAccessToken is what makes one.
type NewInitialAccessToken struct {
	// Name says whom it is given to: at most 200 characters. May be empty.
	Name string
	// Uses is how many clients may be registered with it; 0 means 1.
	Uses int64
	// TTL is how long it lives, at most 366 days; 0 means 24 hours.
	TTL time.Duration
	// Policy is what its clients may get; nil means DefaultRegistrationPolicy.
	Policy *RegistrationPolicy
}

// CreateInitialAccessToken makes a token; it cannot be read again.
func (a *Admin) CreateInitialAccessToken(ctx context.Context, n NewInitialAccessToken) (token string, made InitialAccessToken, err error) {
	if n.Uses == 0 {
		n.Uses = 1
	}
	if n.TTL == 0 {
		n.TTL = 24 * time.Hour
	}
	policy := DefaultRegistrationPolicy()
	if n.Policy != nil {
		policy = *n.Policy
	}
	token, t, err := a.auth.CreateInitialToken(ctx, n.Name, n.Uses, n.TTL, policy)
	return token, newInitialToken(t), err
}

func newInitialToken(t oauth.InitialToken) InitialAccessToken {
	return InitialAccessToken{ID: t.ID, Name: t.Name, Policy: t.Policy, UsesLeft: t.UsesLeft, Created: t.Created.UTC(), Expires: t.Expires.UTC()}
}

// InitialAccessTokens returns at most limit of them from offset on, the newest
// first.
func (a *Admin) InitialAccessTokens(ctx context.Context, offset, limit int) ([]InitialAccessToken, error) {
	found, err := a.auth.InitialTokens(ctx, offset, limit)
	list := make([]InitialAccessToken, len(found))
	for i, t := range found {
		list[i] = newInitialToken(t)
	}
	return list, err
}

// RevokeInitialAccessToken ends one; the clients that registered with it stay.
func (a *Admin) RevokeInitialAccessToken(ctx context.Context, id string) error {
	return a.auth.RevokeInitialToken(ctx, id)
}
