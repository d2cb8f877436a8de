package identity

import (
	"context"

	"github.com/sluicehq/sluice/internal/throttle"
)

// attempt names whose attempts are counted: the login, in one spelling, whether there
// is such a user or not.
func attempt(login string) throttle.Attempt {
	return throttle.Attempt{Kind: throttle.User, Name: fold(login)}
}

// Standings tells who has failed to sign in as a user, and how long they must wait.
func (s *Service) Standings(ctx context.Context, u *User) ([]throttle.Standing, error) {
	return s.cfg.Guard.Standings(ctx, throttle.User, fold(u.Email))
}

// Unlock forgets the failures to sign in as a user. It does not make an inactive one
// active.
func (s *Service) Unlock(ctx context.Context, u *User) error {
	return s.cfg.Guard.Unlock(ctx, throttle.User, fold(u.Email))
}
