package oauth

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/store"
)

// keepRevocation is how long another server's revocation is kept: as long as the
// memory that it is for remembers (bearer.RevocationListConfig.Keep).
const keepRevocation = 24 * time.Hour

// revocationMembers are those of a revocation that another server may name, in the order
// in which every process locks their rows.
func revocationMembers(r bearer.Revocation) [][2]string {
	return [][2]string{{"token_hash", r.TokenHash}, {"sub", r.Subject}, {"client_id", r.ClientID}}
}

// KeepRevocation stores what another server has ended, for RecallRevocations. It
// serves as bearer.ReceiverConfig.Keep.
func (s *Service) KeepRevocation(ctx context.Context, r bearer.Revocation) error {
	err := s.db.Write(ctx, func(tx *store.Tx) error {
		for _, m := range revocationMembers(r) {
			member, name := m[0], m[1]
			if name == "" {
				continue
			}
			_, err := tx.Exec(ctx, `INSERT INTO foreign_revocations (member, name, ended_at, expires_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (member, name) DO UPDATE SET expires_at = excluded.expires_at,
				ended_at = CASE WHEN excluded.ended_at > foreign_revocations.ended_at THEN excluded.ended_at ELSE foreign_revocations.ended_at END`,
				member, name, store.Millis(r.At), store.Millis(s.now().Add(keepRevocation)))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keeping a revocation: %w", err)
	}
	return nil
}

// RecallRevocations calls tell for everything that KeepRevocation has stored and that
// still counts, the oldest first.
func (s *Service) RecallRevocations(ctx context.Context, tell func(bearer.Revocation)) error {
	err := s.db.Query(ctx, func(r store.Row) error {
		var member, name string
		var ended bearer.Revocation
		if err := r.Scan(&member, &name, store.Time(&ended.At)); err != nil {
			return err
		}
		switch member {
		case "token_hash":
			ended.TokenHash = name
		case "sub":
			ended.Subject = name
		case "client_id":
			ended.ClientID = name
		}
		tell(ended)
		return nil
	}, `SELECT member, name, ended_at FROM foreign_revocations WHERE expires_at > $1 ORDER BY ended_at, member, name`, store.Millis(s.now()))
	if err != nil {
		return fmt.Errorf("recalling revocations: %w", err)
	}
	return nil
}
