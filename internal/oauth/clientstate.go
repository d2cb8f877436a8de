package oauth

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// The states of a client.
const (
	clientActive   = "active"
	clientDisabled = "disabled"
)

// changeClient writes columns of one client: every change of a client that exists
// goes through this one statement. The parameters of set begin at $3.
func (s *Service) changeClient(ctx context.Context, tx *store.Tx, id, set string, args ...any) error {
	n, err := tx.Exec(ctx, `UPDATE clients SET version = version + 1, updated_at = $2, `+set+` WHERE id = $1`, append([]any{id, store.Millis(s.now())}, args...)...)
	if err == nil && n == 0 {
		err = noClient(id)
	}
	return err
}

func noClient(id string) error { return fault.New(fault.NotFound, "there is no client %q", id) }

// SetClientActive disables a client and ends everything of it at once, or lets it
// come back. Nothing that it had before comes back with it. A client that is so
// already stays as it is.
func (s *Service) SetClientActive(ctx context.Context, id string, active bool) error {
	if active {
		return s.enableClient(ctx, id)
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if was, err := clientStatus(ctx, tx, id); err != nil || was == clientDisabled {
			return err
		}
		if err := s.changeClient(ctx, tx, id, `status = $3`, clientDisabled); err != nil {
			return err
		}
		if err := s.endClient(ctx, tx, id); err != nil {
			return err
		}
		if err := s.recordClient(ctx, tx, "client.disable", id, nil); err != nil {
			return err
		}
		return s.tell(ctx, tx, tokensEnded{ClientID: id})
	})
}

func clientStatus(ctx context.Context, q store.Querier, id string) (status string, err error) {
	err = q.QueryRow(ctx, []any{&status}, `SELECT status FROM clients WHERE id = $1`, id)
	if errors.Is(err, store.ErrNoRow) {
		err = noClient(id)
	}
	return status, err
}

// endClient ends what a client has: its grants, with all codes and tokens, and what
// its users and devices have begun. Tokens without a grant are dead by the client's
// state; see enableClient.
func (s *Service) endClient(ctx context.Context, tx *store.Tx, id string) error {
	_, err := tx.Exec(ctx, `UPDATE grants SET revoked_at = $2 WHERE client_id = $1 AND revoked_at IS NULL`, id, store.Millis(s.now()))
	for _, table := range []string{"authorization_requests", "pushed_requests", "device_codes"} {
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM `+table+` WHERE client_id = $1`, id)
		}
	}
	if err != nil {
		return fmt.Errorf("ending what the client has: %w", err)
	}
	return nil
}

// enableClient lets a client come back. Its old tokens leave before, in small
// steps, while they are dead by its state; what a request that was under way when
// the client was disabled has left behind ends as well.
func (s *Service) enableClient(ctx context.Context, id string) error {
	if was, err := clientStatus(ctx, s.db, id); err != nil || was == clientActive {
		return err
	}
	if err := s.dropClientTokens(ctx, id); err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if was, err := clientStatus(ctx, tx, id); err != nil || was == clientActive {
			return err
		}
		if err := s.endClient(ctx, tx, id); err != nil {
			return err
		}
		if err := s.changeClient(ctx, tx, id, `status = $3`, clientActive); err != nil {
			return err
		}
		return s.recordClient(ctx, tx, "client.enable", id, nil)
	})
}

// dropClientTokens goes through all tokens once, in the order of their hashes, and
// drops the client's. It looks for them without holding up other writes.
func (s *Service) dropClientTokens(ctx context.Context, id string) error {
	return dropPages(ctx, s.db, `SELECT hash FROM access_tokens WHERE hash > $1 AND client_id = $2 ORDER BY hash LIMIT $3`,
		`DELETE FROM access_tokens WHERE hash IN `+oneOfMany, []byte{}, id)
}

// dropClientGrants drops the client's grants with all that came of them.
func (s *Service) dropClientGrants(ctx context.Context, id string) error {
	return dropPages(ctx, s.db, `SELECT id FROM grants WHERE id > $1 AND client_id = $2 ORDER BY id LIMIT $3`,
		`DELETE FROM grants WHERE id IN `+oneOfMany, "", id)
}

// dropPages drops rows of a client in small steps: page selects the keys after the
// one that is given first, drop drops those that are listed.
func dropPages[K []byte | string](ctx context.Context, db *store.DB, page, drop string, last K, id string) error {
	for {
		var keys []any
		err := db.Query(ctx, func(r store.Row) error {
			var key K
			err := r.Scan(&key)
			keys, last = append(keys, key), key
			return err
		}, page, last, id, MaxSweep)
		if err != nil || len(keys) == 0 {
			return err
		}
		if _, err := db.Exec(ctx, drop, filled(keys)...); err != nil {
			return err
		}
	}
}
