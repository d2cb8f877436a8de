package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// maxOverlap bounds how long a secret that is to go may still be good.
const maxOverlap = 90 * 24 * time.Hour

// setSecret puts a client's secret in the place of the one it has, which ends at
// once together with an older one. Empty: it has none.
func (s *Service) setSecret(ctx context.Context, tx *store.Tx, id, stored string) error {
	return s.changeClient(ctx, tx, id, `secret_hash = $3, old_secret_hash = '', old_secret_until = NULL`, stored)
}

// SetClientSecret gives a confidential client another secret; the old one ends
// at once. It returns the secret when it was made here.
func (s *Service) SetClientSecret(ctx context.Context, id, secret string) (generated string, err error) {
	return s.RotateClientSecret(ctx, id, secret, 0)
}

// RotateClientSecret gives a confidential client another secret and lets the present
// one be good for overlap, at most 90 days, besides. One that is still good from the
// rotation before ends at once: there are never more than two. It returns the secret
// when it was made here.
func (s *Service) RotateClientSecret(ctx context.Context, id, secret string, overlap time.Duration) (generated string, err error) {
	if overlap < 0 || overlap > maxOverlap {
		return "", fault.New(fault.Invalid, "the old secret may be good for 0 to 90 days besides the new one, not %s", overlap)
	}
	stored, generated, err := s.storedSecret(ctx, secret)
	if err != nil {
		return "", err
	}
	if stored == "" {
		return "", fault.New(fault.Invalid, "the secret must not be empty")
	}
	return generated, s.db.Write(ctx, func(tx *store.Tx) error {
		present, err := presentSecret(ctx, tx, id)
		if err != nil {
			return err
		}
		if overlap == 0 {
			return s.setSecret(ctx, tx, id, stored)
		}
		return s.changeClient(ctx, tx, id, `secret_hash = $3, old_secret_hash = $4, old_secret_until = $5`,
			stored, present, store.Millis(s.now().Add(overlap)))
	})
}

// presentSecret is what is kept of a confidential client's secret.
func presentSecret(ctx context.Context, tx *store.Tx, id string) (stored string, err error) {
	err = tx.QueryRow(ctx, []any{&stored}, `SELECT secret_hash FROM clients WHERE id = $1 AND secret_hash <> ''`, id)
	if errors.Is(err, store.ErrNoRow) {
		err = fault.New(fault.NotFound, "there is no confidential client %q", id)
	}
	return stored, err
}

// EndOldClientSecret ends the secret from before the last rotation.
func (s *Service) EndOldClientSecret(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		var until time.Time
		err := tx.QueryRow(ctx, []any{store.Time(&until)}, `SELECT old_secret_until FROM clients WHERE id = $1 AND old_secret_hash <> ''`, id)
		if errors.Is(err, store.ErrNoRow) || (err == nil && !s.now().Before(until)) {
			err = fault.New(fault.NotFound, "there is no client %q with an old secret", id)
		}
		if err != nil {
			return err
		}
		return s.changeClient(ctx, tx, id, `old_secret_hash = '', old_secret_until = NULL`)
	})
}

// secretIsRight checks a presented secret against the client's, and against the one
// from before while that is good. Either comparison takes the same time for every
// wrong secret.
func (s *Service) secretIsRight(ctx context.Context, c *Client, secret string) (bool, error) {
	right, err := s.secretMatches(ctx, c.secret, secret)
	if err != nil || right || c.oldSecret == "" || !s.now().Before(c.OldSecretUntil) {
		return right, err
	}
	return s.secretMatches(ctx, c.oldSecret, secret)
}

// secretMatches checks a presented secret against a stored form.
func (s *Service) secretMatches(ctx context.Context, stored, secret string) (bool, error) {
	if isDigest(stored) {
		return digestMatches(stored, secret), nil
	}
	if s.secrets.known(stored, secret) {
		return true, nil
	}
	right, err := s.users.VerifyHash(ctx, stored, secret)
	if right && err == nil {
		s.secrets.remember(stored, secret)
	}
	return right, err
}
