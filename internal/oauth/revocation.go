package oauth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/store"
)

// Resource servers remember tokens for a while. Those that the configuration names
// are told at once what has ended, by security event tokens (RFC 8417) that are
// pushed to them (RFC 8935): written in the transaction that ends it, signed when
// they are sent, and sent until they are taken.

// kindRevocation is the outbox's kind of such an event; its target is the
// receiver's address.
const kindRevocation = "revocation"

// typeEvent is the "typ" of RFC 8417 §2.3.
const typeEvent = "secevent+jwt"

// tokensEnded is the event, as the outbox keeps it and as bearer.RevocationEvent
// describes it. No token is in it.
type tokensEnded struct {
	TokenHashes []string `json:"token_hashes,omitempty"`
	Subject     string   `json:"sub,omitempty"`
	ClientID    string   `json:"client_id,omitempty"`
}

// maxHashes bounds one event's size.
const maxHashes = 100

// tell puts an event for every receiver into the outbox.
func (s *Service) tell(ctx context.Context, tx *store.Tx, e tokensEnded) error {
	for _, receiver := range s.cfg.RevocationReceivers {
		if err := s.enqueue(ctx, tx, kindRevocation, receiver, e); err != nil {
			return fmt.Errorf("telling of a revocation: %w", err)
		}
	}
	return nil
}

// UserEnded ends every grant of a user with all codes and tokens, in the transaction
// that disables him or lets him come back: what he had before stays dead.
func (s *Service) UserEnded(ctx context.Context, tx *store.Tx, userID int64) error {
	_, err := tx.Exec(ctx, `UPDATE grants SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL`, store.Millis(s.now()), userID)
	if err != nil {
		return fmt.Errorf("ending a user's grants: %w", err)
	}
	return s.tell(ctx, tx, tokensEnded{Subject: subject(userID, "")})
}

// PasswordChanged ends what a user's old password has opened, in the transaction
// that changes it: the grants by it, and those of browser sessions and devices that
// he allowed, with offline_access too. What another server vouched for stays.
func (s *Service) PasswordChanged(ctx context.Context, tx *store.Tx, userID int64) error {
	_, err := s.revokeGrants(ctx, tx, s.now(), "the user has a new password", `user_id = $2 AND kind IN ($3, $4, $5, $6)`, userID, AuthorizationCode, Implicit, Password, DeviceCode)
	if err != nil {
		return fmt.Errorf("ending the grants of an old password: %w", err)
	}
	return nil
}

// revokeToken ends one access token.
func (s *Service) revokeToken(ctx context.Context, hash []byte, l *live) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE access_tokens SET revoked_at = $1 WHERE hash = $2 AND revoked_at IS NULL`, store.Millis(s.now()), hash)
		if err != nil || n == 0 {
			return err
		}
		e := audit.Event{Name: "token.revoke", ClientID: l.clientID, Subject: audit.Client(l.clientID), Details: audit.Details{"grant": l.grantID}}
		if l.user != nil {
			e.Subject = audit.User(l.user.ID)
		}
		if err := s.record(ctx, tx, e); err != nil {
			return err
		}
		return s.tell(ctx, tx, tokensEnded{TokenHashes: []string{base64.RawURLEncoding.EncodeToString(hash)}})
	})
}

// revokeGrant ends a grant and with it every code and token that came of it, and
// writes down why.
func (s *Service) revokeGrant(ctx context.Context, tx *store.Tx, id string, now time.Time, why string) error {
	_, err := s.revokeGrants(ctx, tx, now, why, `id = $2`, id)
	return err
}

// endGrant is revokeGrant in a transaction of its own.
func (s *Service) endGrant(ctx context.Context, id string, now time.Time, why string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error { return s.revokeGrant(ctx, tx, id, now, why) })
}

// revokeGrants ends the grants for which a condition holds, whose parameters begin
// at $2, and returns how many there were.
func (s *Service) revokeGrants(ctx context.Context, tx *store.Tx, now time.Time, why, condition string, args ...any) (int, error) {
	var ended []*signIn
	err := tx.Query(ctx, func(r store.Row) error {
		g := &signIn{}
		ended = append(ended, g)
		return r.Scan(&g.id, &g.clientID, &g.userID)
	}, `UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL AND `+condition+` RETURNING id, client_id, user_id`, append([]any{store.Millis(now)}, args...)...)
	if err != nil {
		return 0, err
	}
	for _, g := range ended {
		err := s.record(ctx, tx, audit.Event{Name: "grant.revoke", ClientID: g.clientID, Subject: audit.User(g.userID),
			Details: audit.Details{"grant": g.id, "reason": why}})
		if err == nil {
			err = s.tellGrant(ctx, tx, g.id, now)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(ended), nil
}

// tellGrant tells the receivers which tokens ended with a grant.
func (s *Service) tellGrant(ctx context.Context, tx *store.Tx, id string, now time.Time) error {
	if len(s.cfg.RevocationReceivers) == 0 {
		return nil
	}
	hashes, err := liveHashes(ctx, tx, id, now)
	for part := range slices.Chunk(hashes, maxHashes) {
		if err == nil {
			err = s.tell(ctx, tx, tokensEnded{TokenHashes: part})
		}
	}
	return err
}

// liveHashes names a grant's access tokens that somebody may still take for good.
func liveHashes(ctx context.Context, tx *store.Tx, grantID string, now time.Time) (list []string, err error) {
	err = tx.Query(ctx, func(r store.Row) error {
		var hash []byte
		err := r.Scan(&hash)
		list = append(list, base64.RawURLEncoding.EncodeToString(hash))
		return err
	}, `SELECT hash FROM access_tokens WHERE grant_id = $1 AND revoked_at IS NULL AND expires_at > $2`, grantID, store.Millis(now))
	return list, err
}

// eventClaims are those of RFC 8417 §2.2.
type eventClaims struct {
	jwt.Claims
	Happened *jwt.NumericDate       `json:"toe"`
	Events   map[string]tokensEnded `json:"events"`
}

// deliverRevocation pushes one event. A receiver that refuses may have been set up
// wrongly, so that it is tried again until the event is too old to matter.
func (s *Service) deliverRevocation(ctx context.Context, d *delivery) error {
	var e tokensEnded
	if err := json.Unmarshal(d.payload, &e); err != nil || !slices.Contains(s.cfg.RevocationReceivers, d.target) {
		return fmt.Errorf("nobody wants to know any more: %w", errGiveUp)
	}
	claims := eventClaims{Happened: jwt.NewNumericDate(d.created), Events: map[string]tokensEnded{bearer.RevocationEvent: e}}
	claims.Claims = jwt.Claims{Issuer: s.cfg.Issuer, Audience: jwt.Audience{d.target}, ID: d.id, IssuedAt: jwt.NewNumericDate(s.now())}
	token, err := s.keys.sign(s.cfg.SigningAlg, typeEvent, claims)
	if err != nil {
		return err
	}
	return s.push(ctx, d.target, token)
}

// pushClient keeps its connections, so that the next event is there at once, and
// follows no redirect. Its addresses are the operator's own.
var pushClient = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: outboxSenders, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: fetchTimeout, ForceAttemptHTTP2: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (s *Service) push(ctx context.Context, address, token string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(token))
	if err != nil {
		return errors.New("the receiver's address is wrong")
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	req.Header.Set("Accept", "application/json")
	resp, err := pushClient.Do(req)
	if err != nil {
		return fmt.Errorf("posting to %s: %w", req.URL.Host, withoutAddress(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d", req.URL.Host, resp.StatusCode)
	}
	return nil
}
