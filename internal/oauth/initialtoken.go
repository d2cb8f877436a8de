package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// RegistrationPolicy is what clients that register themselves may get (RFC 7591
// §5). What is not in it they do not get.
type RegistrationPolicy struct {
	// GrantTypes are the grants they may have.
	GrantTypes []string `json:"grant_types"`
	// Scopes are what they may ask for, and what those get that name no scope.
	Scopes []string `json:"scopes"`
	// DetailTypes are the authorization details types they may ask for.
	DetailTypes []string `json:"authorization_details_types,omitempty"`
}

// DefaultPolicy lets clients sign users in and nothing else.
func DefaultPolicy() RegistrationPolicy {
	return RegistrationPolicy{GrantTypes: []string{AuthorizationCode, RefreshToken}, Scopes: []string{openid, "profile", "email", "offline_access"}}
}

// InitialToken is what may be told of an initial access token (RFC 7591 §1.2).
type InitialToken struct {
	ID       string // names it; no secret
	Name     string // whom it was given to; at most 200 characters
	Policy   RegistrationPolicy
	UsesLeft int64 // how many clients may still be registered with it
	Created  time.Time
	Expires  time.Time
}

const (
	initialPrefix = "slc_ia_"
	// maxUses and maxInitialTTL bound what a lost token can do.
	maxUses       = 1_000_000
	maxInitialTTL = 366 * 24 * time.Hour
)

// CreateInitialToken makes an initial access token that registers uses clients
// within ttl. It returns the token, which cannot be read again.
func (s *Service) CreateInitialToken(ctx context.Context, name string, uses int64, ttl time.Duration, policy RegistrationPolicy) (string, InitialToken, error) {
	now := s.now()
	t := InitialToken{Name: name, Policy: policy, UsesLeft: uses, Created: now.Truncate(time.Millisecond), Expires: now.Add(ttl).Truncate(time.Millisecond)}
	if err := t.check(ttl, s.customGrants()); err != nil {
		return "", t, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", t, fmt.Errorf("making an initial access token's id: %w", err)
	}
	text, err := json.Marshal(policy)
	if err != nil {
		return "", t, fmt.Errorf("writing a registration policy: %w", err)
	}
	t.ID = id.String()
	token := newSecret(initialPrefix)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO initial_access_tokens (id, hash, name, policy, uses_left, created_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, t.ID, hash(token), t.Name, string(text), t.UsesLeft, store.Millis(t.Created), store.Millis(t.Expires))
		if err != nil {
			return err
		}
		return s.record(ctx, tx, audit.Event{Name: "initial_token.create", Subject: "initial_token:" + t.ID, Details: audit.Details{"name": t.Name, "uses": uses}})
	})
	return token, t, err
}

// check lists what is wrong with it.
func (t *InitialToken) check(ttl time.Duration, custom []string) error {
	var problems []string
	add := func(bad bool, text string) {
		if bad {
			problems = append(problems, text)
		}
	}
	add(len(t.Name) > 200 || strings.ContainsFunc(t.Name, unicode.IsControl), "the name must be at most 200 characters of text")
	add(t.UsesLeft < 1 || t.UsesLeft > maxUses, fmt.Sprintf("it must be good for 1 to %d clients", maxUses))
	add(ttl < time.Second || ttl > maxInitialTTL, "it must live from one second to 366 days")
	add(len(t.Policy.GrantTypes) == 0, "its clients need at least one grant")
	known := append(slices.Clone(GrantTypes), custom...)
	for _, g := range t.Policy.GrantTypes {
		add(!slices.Contains(known, g), "unknown grant "+g+" (known: "+strings.Join(known, ", ")+")")
	}
	for _, scope := range t.Policy.Scopes {
		add(!validScope(scope), "the scope "+scope+" has characters that RFC 6749 §3.3 does not allow")
	}
	if len(problems) > 0 {
		return fault.New(fault.Invalid, "initial access token: %s", strings.Join(problems, "; "))
	}
	return nil
}

const initialColumns = `id, name, policy, uses_left, created_at, expires_at`

func (t *InitialToken) columns() []any {
	return []any{&t.ID, &t.Name, jsonColumn{&t.Policy}, &t.UsesLeft, store.Time(&t.Created), store.Time(&t.Expires)}
}

// InitialTokens returns a page of the initial access tokens, the newest first.
func (s *Service) InitialTokens(ctx context.Context, offset, limit int) ([]InitialToken, error) {
	var list []InitialToken
	err := s.db.Query(ctx, func(r store.Row) error {
		var t InitialToken
		if err := r.Scan(t.columns()...); err != nil {
			return err
		}
		list = append(list, t)
		return nil
	}, `SELECT `+initialColumns+` FROM initial_access_tokens ORDER BY created_at DESC, id DESC LIMIT $1 OFFSET $2`, limit, offset)
	return list, err
}

// RevokeInitialToken ends an initial access token; the clients that registered
// with it stay.
func (s *Service) RevokeInitialToken(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `DELETE FROM initial_access_tokens WHERE id = $1`, id)
		if err == nil && n == 0 {
			err = fault.New(fault.NotFound, "there is no initial access token %q", id)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, audit.Event{Name: "initial_token.revoke", Subject: "initial_token:" + id})
	})
}

// errInitialToken tells nothing about which part was wrong.
var errInitialToken = errors.New("no initial access token that counts")

// initialToken returns a presented token while it counts, or errInitialToken.
func (s *Service) initialToken(ctx context.Context, token string) (*InitialToken, error) {
	var t InitialToken
	err := s.db.QueryRow(ctx, t.columns(), `SELECT `+initialColumns+` FROM initial_access_tokens WHERE hash = $1 AND uses_left > 0 AND expires_at > $2`,
		hash(token), store.Millis(s.now()))
	if errors.Is(err, store.ErrNoRow) {
		return nil, errInitialToken
	}
	return &t, err
}

// use takes one use away, or returns errInitialToken when none is left.
func (t *InitialToken) use(ctx context.Context, tx *store.Tx, now time.Time) error {
	n, err := tx.Exec(ctx, `UPDATE initial_access_tokens SET uses_left = uses_left - 1 WHERE id = $1 AND uses_left > 0 AND expires_at > $2`,
		t.ID, store.Millis(now))
	if err == nil && n == 0 {
		err = errInitialToken
	}
	return err
}
