package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// SessionInfo is a session as operators see it. Nothing in it opens anything.
type SessionInfo struct {
	ID       string // its State
	UserID   int64
	Login    string // the user's
	Address  string // where he signed in from
	Agent    string // his browser, as it calls itself
	AuthTime time.Time
	Expires  time.Time
}

// Sessions returns the sessions that have not expired, the newest first: those of
// one user, or of everybody when userID is 0.
func (s *Service) Sessions(ctx context.Context, userID int64, offset, limit int) (list []SessionInfo, err error) {
	var w store.Where
	w.Add(`s.expires_at > ?`, store.Millis(s.cfg.Now()))
	if userID != 0 {
		w.Add(`s.user_id = ?`, userID)
	}
	statement := `SELECT s.hash, s.sid, s.user_id, u.email, s.address, s.agent, s.auth_at, s.expires_at
		FROM sessions s JOIN users u ON u.id = s.user_id` + w.String() + ` ORDER BY s.auth_at DESC, s.hash` + w.Page(offset, limit)
	err = s.db.Query(ctx, func(r store.Row) error {
		var i SessionInfo
		var hash []byte
		var stored string
		err := r.Scan(&hash, &stored, &i.UserID, &i.Login, &i.Address, &i.Agent, store.Time(&i.AuthTime), store.Time(&i.Expires))
		if err != nil {
			return err
		}
		i.ID = publicID(stored, hash)
		list = append(list, i)
		return nil
	}, statement, w.Args...)
	return list, err
}

// RevokeSession ends the session with that public id, and what came of it.
func (s *Service) RevokeSession(ctx context.Context, id string) error {
	first, last := hashesOf(id)
	n, err := s.revokeSessions(ctx, withPublicID, id, first, last)
	if err == nil && n == 0 {
		err = fault.New(fault.NotFound, "there is no session %q", id)
	}
	return err
}

// withPublicID is the condition of a session; both of its sides have an index.
const withPublicID = `(sid = $1 AND sid <> '') OR (sid = '' AND hash >= $2 AND hash <= $3)`

// hashesOf are the first and the last hash from which a public id may follow; there is
// none between them when it follows from no hash.
func hashesOf(id string) (first, last []byte) {
	prefix, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(prefix) != publicBytes {
		return []byte{1}, []byte{0}
	}
	return prefix, slices.Concat(prefix, bytes.Repeat([]byte{0xff}, sha256.Size-publicBytes))
}

// RevokeSessions ends all sessions of a user, with what came of them, and returns how
// many there were.
func (s *Service) RevokeSessions(ctx context.Context, userID int64) (int, error) {
	return s.revokeSessions(ctx, `user_id = $1`, userID)
}

func (s *Service) revokeSessions(ctx context.Context, condition string, args ...any) (n int, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		list, err := dropSessions(ctx, tx, condition, args...)
		if err != nil {
			return err
		}
		n = len(list)
		for _, e := range list {
			if err := s.record(ctx, tx, "session.end", e.UserID, audit.Details{"session": e.ID, "reason": "an administrator ended it"}); err != nil {
				return err
			}
		}
		return s.ended(ctx, tx, list)
	})
	return n, err
}
