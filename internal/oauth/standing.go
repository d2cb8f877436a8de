package oauth

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// What stands, as operators see it and end it: grants, remembered consents, and what
// other servers have still to be told.

// Selection is a part of a list. Its zero value selects nothing: Limit is how many.
type Selection struct {
	UserID   int64  // of that user; 0 means everybody
	ClientID string // of that client; empty means all
	Offset   int
	Limit    int
}

// where are the conditions on a table that has both columns.
func (q Selection) where(table string) *store.Where {
	w := &store.Where{}
	if q.UserID != 0 {
		w.Add(table+`.user_id = ?`, q.UserID)
	}
	if q.ClientID != "" {
		w.Add(table+`.client_id = ?`, q.ClientID)
	}
	return w
}

// Grant is what one user has given one client by one sign-in, as operators see it.
type Grant struct {
	ID       string // names it; opens nothing
	ClientID string
	UserID   int64
	Login    string // the user's
	Kind     string // the grant type, or Implicit
	Scope    []string
	Session  string // the browser session that it came of; empty: none
	AuthTime time.Time
	Created  time.Time
}

// Grants returns grants that are not revoked, the newest first. One whose tokens have
// expired stays until the sweep.
func (s *Service) Grants(ctx context.Context, q Selection) (list []Grant, err error) {
	w := q.where("g")
	w.Add(`g.revoked_at IS NULL`)
	statement := `SELECT g.id, g.client_id, g.user_id, u.email, g.kind, g.scope, g.session_id, g.auth_at, g.created_at
		FROM grants g JOIN users u ON u.id = g.user_id` + w.String() + ` ORDER BY g.id DESC` + w.Page(q.Offset, q.Limit)
	err = s.db.Query(ctx, func(r store.Row) error {
		var g Grant
		err := r.Scan(&g.ID, &g.ClientID, &g.UserID, &g.Login, &g.Kind, wordList{&g.Scope}, &g.Session, store.Time(&g.AuthTime), store.Time(&g.Created))
		list = append(list, g)
		return err
	}, statement, w.Args...)
	return list, err
}

// RevokeGrant ends a grant with all its codes and tokens. One that has ended already
// stays as it is.
func (s *Service) RevokeGrant(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		var one int
		err := tx.QueryRow(ctx, []any{&one}, `SELECT 1 FROM grants WHERE id = $1`, id)
		if errors.Is(err, store.ErrNoRow) {
			return fault.New(fault.NotFound, "there is no grant %q", id)
		}
		if err != nil {
			return err
		}
		return s.revokeGrant(ctx, tx, id, s.now(), "an administrator ended it")
	})
}

// Consent is a user's remembered yes to a client.
type Consent struct {
	UserID   int64
	Login    string // the user's
	ClientID string
	Scope    []string  // all that he has agreed to
	Created  time.Time // when he agreed last
}

// Consents returns remembered consents in the order of their users.
func (s *Service) Consents(ctx context.Context, q Selection) (list []Consent, err error) {
	w := q.where("c")
	statement := `SELECT c.user_id, u.email, c.client_id, c.scope, c.created_at FROM consents c JOIN users u ON u.id = c.user_id` +
		w.String() + ` ORDER BY c.user_id, c.client_id` + w.Page(q.Offset, q.Limit)
	err = s.db.Query(ctx, func(r store.Row) error {
		var c Consent
		err := r.Scan(&c.UserID, &c.Login, &c.ClientID, wordList{&c.Scope}, store.Time(&c.Created))
		list = append(list, c)
		return err
	}, statement, w.Args...)
	return list, err
}

// RevokeConsent forgets a user's yes to a client and ends what rests on one: every
// grant of his to that client that began at a page, by a browser or for a device. The
// yes for a device is not remembered, but its grant ends.
// What he was never asked about, such as a password grant, stays.
func (s *Service) RevokeConsent(ctx context.Context, userID int64, clientID string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		// The consent goes first: a grant that is being made on it is waited for, and ends too.
		forgotten, err := tx.Exec(ctx, `DELETE FROM consents WHERE user_id = $1 AND client_id = $2`, userID, clientID)
		if err != nil {
			return err
		}
		ended, err := s.revokeGrants(ctx, tx, s.now(), "the consent was withdrawn", `user_id = $2 AND client_id = $3 AND kind IN ($4, $5, $6)`,
			userID, clientID, AuthorizationCode, Implicit, DeviceCode)
		if err == nil && forgotten == 0 && ended == 0 {
			err = fault.New(fault.NotFound, "the user has not agreed to the client %q, or not any more", clientID)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, audit.Event{Name: "consent.revoke", ClientID: clientID, Subject: audit.User(userID)})
	})
}

// Waiting is something that another server has not been told yet. What it is to be
// told is not shown.
type Waiting struct {
	ID        string
	Kind      string // backchannel_logout or revocation
	ClientID  string // whom it is for; empty: a receiver of revocations
	Host      string // where it goes; empty: the client does not say any more
	Attempts  int64  // that have failed, or are under way
	Next      time.Time
	LastError string // empty: none yet
	Created   time.Time
}

// Outbox returns what waits, the next to be sent first.
func (s *Service) Outbox(ctx context.Context, offset, limit int) (list []Waiting, err error) {
	err = s.db.Query(ctx, func(r store.Row) error {
		var w Waiting
		var target string
		var m Metadata
		if err := r.Scan(&w.ID, &w.Kind, &target, &w.Attempts, store.Time(&w.Next), &w.LastError, store.Time(&w.Created), jsonColumn{&m}); err != nil {
			return err
		}
		if w.Kind == kindLogout {
			w.ClientID, target = target, m.BackchannelLogoutURI
		}
		w.Host = hostOf(target)
		list = append(list, w)
		return nil
	}, `SELECT o.id, o.kind, o.target, o.attempts, o.next_at, o.last_error, o.created_at, COALESCE(c.metadata, '{}')
		FROM outbox o LEFT JOIN clients c ON c.id = o.target AND o.kind = $1 ORDER BY o.next_at, o.id LIMIT $2 OFFSET $3`, kindLogout, limit, offset)
	return list, err
}

// hostOf is what may be told of an address: its path and query may hold a secret.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Host)
}
