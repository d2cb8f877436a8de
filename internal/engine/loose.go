package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// OverQuota is a TooLarge fault that says which limit is meant.
type OverQuota struct {
	error
	Quota int64 // contents or bytes
}

// Unwrap returns the fault.
func (q *OverQuota) Unwrap() error { return q.error }

// loose reports whether a content belongs to nothing yet: somebody's upload that no task,
// instance or form has taken. Of those everybody has a number and an amount, since nobody
// but their owner knows of them.
func (a *Attachment) loose() bool { return a.TaskID == "" && a.InstanceID == "" && a.UserID != "" }

// looseOf are how many of them somebody has, those that are still coming among them, and
// their bytes.
func looseOf(ctx context.Context, tx *store.Tx, user string) (n, bytes int64, err error) {
	err = tx.QueryRow(ctx, []any{&n, &bytes}, `SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN size > 0 THEN size ELSE 0 END), 0) AS BIGINT)
		FROM attachments WHERE task_id = '' AND instance_id = '' AND user_id = $1`, user)
	return n, bytes, err
}

// claimLoose checks that there is room for one more, and returns for how many bytes. The
// transaction has taken a number of contents before, so that no other one counts meanwhile.
func (e *Engine) claimLoose(ctx context.Context, tx *store.Tx, user string) (left int64, err error) {
	n, bytes, err := looseOf(ctx, tx, user)
	switch {
	case err != nil:
		return 0, err
	case n >= e.cfg.MaxLoose:
		return 0, &OverQuota{fault.New(fault.TooLarge, "You have %d contents that no task, process or form has taken, and %d are allowed. Delete some, or submit what they are for.", n, e.cfg.MaxLoose), e.cfg.MaxLoose}
	case bytes >= e.cfg.MaxLooseBytes:
		return 0, e.overLoose()
	}
	return e.cfg.MaxLooseBytes - bytes, nil
}

func (e *Engine) overLoose() error {
	return &OverQuota{fault.New(fault.TooLarge, "Your contents that no task, process or form has taken may have %d bytes together. Delete some, or submit what they are for.", e.cfg.MaxLooseBytes), e.cfg.MaxLooseBytes}
}

// limitOf is how many bytes a content may have, and what says so.
func (e *Engine) limitOf(a *Attachment, left int64) (limit int64, over error) {
	if a.loose() && left < e.cfg.MaxContent {
		return left, e.overLoose()
	}
	return e.cfg.MaxContent, &OverQuota{fault.New(fault.TooLarge, "The content is larger than %d bytes.", e.cfg.MaxContent), e.cfg.MaxContent}
}

// show makes a content visible that is whole. Several that came at once have each seen the
// same room, so it is counted again.
func (e *Engine) show(ctx context.Context, a *Attachment) error {
	const done = `UPDATE attachments SET size = $1, media_type = $2 WHERE id = $3`
	if !a.loose() || a.Size == 0 {
		_, err := e.db.Exec(ctx, done, a.Size, a.MediaType, a.ID)
		return err
	}
	return e.db.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE sequences SET value = value WHERE name = 'content'`); err != nil { // one at a time
			return err
		}
		_, bytes, err := looseOf(ctx, tx, a.UserID)
		if err != nil {
			return err
		}
		if bytes+a.Size > e.cfg.MaxLooseBytes {
			return e.overLoose()
		}
		_, err = tx.Exec(ctx, done, a.Size, a.MediaType, a.ID)
		return err
	})
}
