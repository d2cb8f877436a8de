package oauth

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/store"
)

// errNotAgreed says that the user has to be asked.
var errNotAgreed = errors.New("the user has not agreed, or not any more")

// mustAsk reports whether no earlier yes counts.
func (v *visit) mustAsk() bool {
	switch {
	case v.request.prompts("consent") || v.request.Device != nil:
		return true // somebody else may have begun a device's sign-in (RFC 8628 §5.4)
	case v.client.SkipConsent:
		return false
	}
	return len(v.request.Details) > 0 // details name one transaction: a yes to one is none to the next
}

// agree settles, in the transaction of the grant, that the user has agreed: now, which
// is kept, or before. It gives errNotAgreed when he has not. The operator's own clients
// need no yes.
func (s *Service) agree(ctx context.Context, tx *store.Tx, v *visit) error {
	if v.agreed {
		return s.remember(ctx, tx, v)
	}
	if v.client.SkipConsent {
		return nil
	}
	given, err := holdConsent(ctx, tx, v)
	for _, word := range v.request.asked() {
		if err == nil && !slices.Contains(given, word) {
			err = errNotAgreed
		}
	}
	return err
}

// holdConsent reads what the user has agreed to before, in words, and holds on to it
// until the transaction ends: who withdraws it meanwhile waits, and finds the grant. It
// gives errNotAgreed when there is nothing.
func holdConsent(ctx context.Context, tx *store.Tx, v *visit) (given []string, err error) {
	err = tx.QueryRow(ctx, []any{wordList{&given}}, `UPDATE consents SET scope = scope WHERE user_id = $1 AND client_id = $2 RETURNING scope`,
		v.session.User.ID, v.client.ID)
	if errors.Is(err, store.ErrNoRow) {
		err = errNotAgreed
	}
	return given, err
}

// remember keeps the user's yes, together with what he agreed to before.
func (s *Service) remember(ctx context.Context, tx *store.Tx, v *visit) error {
	given, err := holdConsent(ctx, tx, v)
	if err != nil && !errors.Is(err, errNotAgreed) {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO consents (user_id, client_id, scope, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, client_id) DO UPDATE SET scope = excluded.scope, created_at = excluded.created_at`,
		v.session.User.ID, v.client.ID, strings.Join(unique(append(given, v.request.asked()...)), " "), store.Millis(s.now()))
	if err != nil {
		return err
	}
	return s.record(ctx, tx, v.personDid("consent.give", audit.Success))
}
