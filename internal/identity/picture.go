package identity

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Picture is what a user looks like.
type Picture struct {
	ID      int64
	UserID  int64
	Kind    string // image/png or image/jpeg
	Bytes   []byte // empty where only the rest is asked for
	Created time.Time
}

// Picture returns a user's picture, or a NotFound fault.
func (s *Service) Picture(ctx context.Context, userID int64) (*Picture, error) {
	p := Picture{UserID: userID}
	err := s.db.QueryRow(ctx, []any{&p.ID, &p.Kind, &p.Bytes, store.Time(&p.Created)},
		`SELECT id, kind, bytes, created_at FROM pictures WHERE user_id = $1`, userID)
	if errors.Is(err, store.ErrNoRow) {
		return nil, fault.New(fault.NotFound, "The user has no picture.")
	}
	return &p, err
}

// SetPicture gives a user a picture instead of the one that he had. What is kept is
// drawn anew from raw, a PNG, JPEG or GIF of at most MaxPicture bytes, so that nothing
// else of the file stays: no place where it was taken, no script behind it.
func (s *Service) SetPicture(ctx context.Context, userID int64, raw []byte) (*Picture, error) {
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "Too many pictures at once. Try again in a moment.")
	}
	kind, drawn, err := redraw(raw)
	if err != nil {
		return nil, err
	}
	p := Picture{UserID: userID, Kind: kind, Created: s.cfg.Now().UTC()}
	err = s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if _, err := userWhere(ctx, tx, `u.id = $1`, userID); err != nil {
			return err
		}
		if p.ID, err = tx.Next(ctx, "picture"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM pictures WHERE user_id = $1`, userID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO pictures (id, user_id, kind, bytes, created_at) VALUES ($1, $2, $3, $4, $5)`,
			p.ID, userID, kind, drawn, store.Millis(p.Created))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE users SET picture_id = $1 WHERE id = $2`, p.ID, userID); err != nil {
			return err
		}
		return s.record(ctx, tx, "user.picture", userID, nil)
	})
	return &p, err
}
