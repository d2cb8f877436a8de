package oauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// refreshRow is a row of refresh_tokens with its grant.
type refreshRow struct {
	hash      []byte
	grant     signIn
	issued    time.Time
	expires   time.Time
	used      time.Time
	successor []byte
	bound     *confirmation // the keys of a client that has no other proof of itself
}

func (s *Service) readRefresh(ctx context.Context, token string) (*refreshRow, error) {
	row := refreshRow{hash: hash(token)}
	err := s.db.QueryRow(ctx, append(row.grant.columns(), store.Time(&row.issued), store.Time(&row.expires), store.Time(&row.used), &row.successor, jsonColumn{&row.bound}),
		`SELECT `+grantColumns+`, r.issued_at, r.expires_at, r.used_at, r.successor, r.bound
		FROM refresh_tokens r JOIN grants g ON g.id = r.grant_id `+grantUser+` WHERE r.hash = $1`, row.hash)
	if errors.Is(err, store.ErrNoRow) {
		return nil, deadRefresh()
	}
	return &row, err
}

func deadRefresh() error {
	return invalidGrant("the refresh token is unknown, expired, used or revoked")
}

// publicClientOf returns the public client a refresh token was issued to.
func (s *Service) publicClientOf(ctx context.Context, token string, find finder) (*Client, error) {
	row, err := s.readRefresh(ctx, token)
	if err != nil {
		return nil, err
	}
	c, err := find(ctx, row.grant.clientID)
	if err != nil {
		return nil, err
	}
	if !c.Public() || c.Disabled {
		return nil, invalidClient(false)
	}
	return c, nil
}

// refresh is RFC 6749 §6 with rotation (RFC 9700 §4.14.2): each use gives a
// successor and ends the token. A token that was used already is repeated by an
// honest client within the grace window and gets the same successor; after it,
// or when the successor has been used, somebody has a copy and the whole grant
// ends.
func (s *Service) refresh(ctx context.Context, c *call) (*answer, error) {
	token := c.form["refresh_token"]
	if token == "" {
		return nil, invalidRequest("refresh_token is missing")
	}
	for range 3 {
		row, err := s.readRefresh(ctx, token)
		if err != nil {
			return nil, err
		}
		a, lost, err := s.rotate(ctx, c, row, token)
		if !lost {
			return a, err
		}
		// A parallel request was first: look again, now it is a repetition.
	}
	return nil, fault.New(fault.Unavailable, "too many parallel uses of one refresh token")
}

// rotate answers one look at the row. lost says that another request used the
// token between the look and the write.
func (s *Service) rotate(ctx context.Context, c *call, row *refreshRow, token string) (a *answer, lost bool, err error) {
	if row.grant.clientID != c.client.ID {
		return nil, false, invalidGrant("the refresh token was issued to another client")
	}
	if !row.grant.revoked.IsZero() || !c.now.Before(row.expires) {
		return nil, false, deadRefresh()
	}
	if !row.bound.heldBy(c.bound) {
		return nil, false, invalidGrant("the refresh token is bound to another key")
	}
	i, err := s.refreshIssue(c, row)
	if err != nil {
		return nil, false, err
	}
	if !row.used.IsZero() {
		a, err = s.repeat(ctx, c, row, token, i)
		return a, false, err
	}
	s.withRefresh(i)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE refresh_tokens SET used_at = $1, successor = $2 WHERE hash = $3 AND used_at IS NULL`,
			store.Millis(c.now), seal(token, i.answer.RefreshToken), row.hash)
		if lost = n == 0; err != nil || lost {
			return err
		}
		return i.insert(ctx, tx)
	})
	return i.answer, lost, err
}

// refreshIssue makes the new access token; the scope may be narrowed for it but
// never widened, and the grant keeps its own.
func (s *Service) refreshIssue(c *call, row *refreshRow) (*issue, error) {
	scope := row.grant.scope
	if asked := unique(strings.Fields(c.form["scope"])); len(asked) > 0 {
		if err := within(asked, scope); err != nil {
			return nil, err
		}
		scope = asked
	}
	user, err := row.grant.activeUser()
	if err != nil {
		return nil, err
	}
	g := row.grant
	g.nonce = "" // OpenID Connect Core §12.2: a refreshed id_token has none
	return s.newIssue(c, &g, user, scope)
}

// repeat answers a token that was used before.
func (s *Service) repeat(ctx context.Context, c *call, row *refreshRow, token string, i *issue) (*answer, error) {
	successor, err := unseal(token, row.successor)
	if err != nil {
		return nil, err
	}
	next, err := s.readRefresh(ctx, successor)
	if err != nil {
		return nil, err
	}
	// A parallel request may have used the token after this one began: without a
	// window even a negative age is too old.
	late := s.cfg.RefreshGrace == 0 || c.now.Sub(row.used) >= s.cfg.RefreshGrace
	if late || !next.used.IsZero() {
		s.cfg.Log.WarnContext(ctx, "refresh token reused: grant revoked", "client", c.client.ID, "user", row.grant.userID)
		if err := s.endGrant(ctx, row.grant.id, c.now, "a refresh token was used twice"); err != nil {
			return nil, err
		}
		return nil, deadRefresh()
	}
	i.answer.RefreshToken = successor
	return i.answer, s.commit(ctx, i)
}
