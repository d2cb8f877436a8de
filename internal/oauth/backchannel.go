package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store"
)

// kindLogout is the outbox's kind of OpenID Connect Back-Channel Logout; its target
// is a client's id.
const kindLogout = "backchannel_logout"

// logoutEvent is the member of "events" that makes a JWT a logout token (§2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutTokenTTL is short, as §4 advises; every attempt signs a token of its own.
const logoutTokenTTL = 2 * time.Minute

// loggedOut is what the outbox keeps of a client's session that has ended.
type loggedOut struct {
	Subject string `json:"sub"`
	Session string `json:"sid"`
}

// SessionsEnded does what the end of browser sessions means here, in the same
// transaction: the sign-ins that came of them end with all their tokens, unless
// they were granted offline_access (Back-Channel Logout §2.7), and the clients
// that registered for it are to be told. Plain OAuth grants, without openid, are
// no part of a session.
func (s *Service) SessionsEnded(ctx context.Context, tx *store.Tx, list []identity.EndedSession) error {
	for _, ended := range list {
		if err := s.tellClients(ctx, tx, ended); err != nil {
			return err
		}
		_, err := s.revokeGrants(ctx, tx, s.now(), "the session has ended", `session_id = $2
			AND ' ' || scope || ' ' LIKE '% openid %' AND ' ' || scope || ' ' NOT LIKE '% offline!_access %' ESCAPE '!'`, ended.ID)
		if err != nil {
			return fmt.Errorf("ending a session's grants: %w", err)
		}
	}
	return nil
}

// tellClients puts a delivery into the outbox for every client that the session
// signed in at and that wants to know.
func (s *Service) tellClients(ctx context.Context, tx *store.Tx, ended identity.EndedSession) error {
	var clients []string
	err := tx.Query(ctx, func(r store.Row) error {
		var c Client
		if err := r.Scan(&c.ID, jsonColumn{&c.Metadata}); err != nil {
			return err
		}
		if c.BackchannelLogoutURI != "" {
			clients = append(clients, c.ID)
		}
		return nil
	}, `SELECT id, metadata FROM clients WHERE id IN
		(SELECT client_id FROM grants WHERE session_id = $1 AND ' ' || scope || ' ' LIKE '% openid %')`, ended.ID)
	if err != nil {
		return fmt.Errorf("finding a session's clients: %w", err)
	}
	for _, id := range clients {
		if err := s.enqueue(ctx, tx, kindLogout, id, loggedOut{Subject: subject(ended.UserID, ""), Session: ended.ID}); err != nil {
			return err
		}
	}
	return nil
}

// logoutClaims are those of a logout token (§2.4); there is never a nonce.
type logoutClaims struct {
	jwt.Claims
	Session string              `json:"sid"`
	Events  map[string]struct{} `json:"events"`
}

// deliverLogout posts a logout token to the client (§2.5).
func (s *Service) deliverLogout(ctx context.Context, d *delivery) error {
	var ended loggedOut
	if err := json.Unmarshal(d.payload, &ended); err != nil {
		return fmt.Errorf("reading a delivery: %w", errGiveUp)
	}
	client, err := s.Client(ctx, d.target)
	if fault.Is(err, fault.NotFound) || (err == nil && client.BackchannelLogoutURI == "") {
		return fmt.Errorf("the client does not want to know any more: %w", errGiveUp)
	}
	if err != nil {
		return err
	}
	now := s.now().Truncate(time.Second)
	claims := logoutClaims{Session: ended.Session, Events: map[string]struct{}{logoutEvent: {}}}
	claims.Claims = jwt.Claims{Issuer: s.cfg.Issuer, Subject: ended.Subject, Audience: jwt.Audience{client.ID}, ID: newSecret(""),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(logoutTokenTTL))}
	token, err := s.keys.sign(client.idTokenAlg(), typeLogout, claims)
	if err != nil {
		return err
	}
	return s.fetcher.deliver(ctx, client.BackchannelLogoutURI, url.Values{"logout_token": {token}})
}

// deliver posts a form to an address that a registration names, through the guard.
// Only the status counts, and no redirect is followed.
func (f *fetcher) deliver(ctx context.Context, address string, values url.Values) error {
	u, err := url.Parse(address)
	if err != nil || !webAddress(address) || (u.Scheme == "http" && !f.loopback) {
		return fmt.Errorf("the address is no https URL: %w", errGiveUp)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(values.Encode()))
	if err != nil {
		return fmt.Errorf("the address is no https URL: %w", errGiveUp)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Sluice")
	resp, err := f.client.Do(req)
	if err != nil {
		return fmt.Errorf("posting to %s: %w", u.Host, withoutAddress(err))
	}
	defer resp.Body.Close()
	return outcome(u.Host, resp.StatusCode)
}

// withoutAddress takes the address out of an error of net/http: it may hold a secret
// of the client's.
func withoutAddress(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// outcome reads a status: a client that understood and refused (§2.8: 400) will
// refuse again; one that is busy, slow or broken may not.
func outcome(host string, status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		return fmt.Errorf("%s answered %d", host, status)
	default:
		return fmt.Errorf("%s answered %d: %w", host, status, errGiveUp)
	}
}
