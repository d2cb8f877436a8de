package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
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
		if err := s.recordClient(ctx, tx, "client.secret", id, audit.Details{"overlap": overlap.String()}); err != nil {
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
		if err := s.recordClient(ctx, tx, "client.secret.end_old", id, nil); err != nil {
			return err
		}
		return s.changeClient(ctx, tx, id, `old_secret_hash = '', old_secret_until = NULL`)
	})
}

// keepSecret is how long a chosen secret that was right is taken without another slow
// hash.
const keepSecret = time.Hour

// secretForms are the stored forms of the secrets that prove a client now: its own,
// and the one from before while that is good.
func (c *Client) secretForms(now time.Time) []string {
	switch {
	case c.Disabled || c.secret == "":
		return nil
	case c.oldSecret != "" && now.Before(c.OldSecretUntil):
		return []string{c.secret, c.oldSecret}
	}
	return []string{c.secret}
}

// secretIsRight checks a secret that a request presents for a client against its
// stored forms. Nobody guesses a generated one, so one that is right is not counted;
// everything else is counted before it is checked, and costs a slow hash. A client
// that is unknown has no stored form.
func (s *Service) secretIsRight(ctx context.Context, id string, forms []string, secret string) (bool, error) {
	if slices.ContainsFunc(forms, func(stored string) bool { return digestMatches(stored, secret) }) {
		return true, nil
	}
	attempt := throttle.Attempt{Kind: throttle.Client, Name: id, Stored: strings.Join(forms, " "), Secret: secret, Keep: keepSecret}
	return s.cfg.Guard.Check(ctx, attempt, func(ctx context.Context) (bool, error) { return s.chosen(ctx, forms, secret) })
}

// chosen checks a secret against the forms of those that a person has chosen, or, when
// there is none, against one that nothing matches.
func (s *Service) chosen(ctx context.Context, forms []string, secret string) (bool, error) {
	slow := slices.DeleteFunc(slices.Clone(forms), isDigest)
	if len(slow) == 0 {
		slow = []string{""}
	}
	for _, stored := range slow {
		if right, err := s.users.VerifyHash(ctx, stored, secret); right || err != nil {
			return right, err
		}
	}
	return false, nil
}
