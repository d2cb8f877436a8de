package identity

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// RequireToken stands behind bearer.Require: it finds the user that the token
// speaks for and runs the call as that user. A user who is unknown or inactive
// here, and a token without a user, are refused with Forbidden: the token is
// good, so signing in again would not help.
func (s *Service) RequireToken(next http.Handler, deny Deny) http.Handler {
	return s.require(next, deny, s.tokenUser)
}

func (s *Service) tokenUser(r *http.Request) (*User, error) {
	t := bearer.FromContext(r.Context())
	if t == nil {
		return nil, fault.New(fault.Unauthorized, "A bearer token is needed.")
	}
	name := strangerName(t)
	changes, stranger := s.strangers.known(name, s.cfg.Now())
	if stranger {
		return nil, notActive()
	}
	u, err := s.OfToken(r.Context(), t)
	if fault.Is(err, fault.NotFound) || (err == nil && !u.Active()) {
		s.strangers.add(name, changes, s.cfg.Now())
		s.cfg.Log.InfoContext(r.Context(), "call refused: the token's user is unknown or inactive here", "client", t.ClientID)
		return nil, notActive()
	}
	return u, err
}

func notActive() error {
	return fault.New(fault.Forbidden, "The user of this token is not an active user here.")
}

// OfToken returns the user that a checked token speaks for, active or not, or a
// NotFound fault; a Forbidden one when it speaks for nobody.
func (s *Service) OfToken(ctx context.Context, t *bearer.Token) (*User, error) {
	u, known := t.Principal.(*User) // the authorization server in this process has just read it
	switch {
	case known:
		return u, nil
	case t.UserID != 0:
		return s.ByID(ctx, t.UserID)
	case t.Username != "":
		u, err := s.Lookup(ctx, t.Username)
		if fault.Is(err, fault.NotFound) && s.cfg.CreateUsers {
			return s.atFirstSight(ctx, t)
		}
		return u, err
	case s.cfg.ServiceUser != "" && clientAlone(t):
		return s.ByEmail(ctx, s.cfg.ServiceUser)
	}
	return nil, fault.New(fault.Forbidden, "The token speaks for no user.")
}

// clientAlone reports whether a token is of a client's own. One whose subject is
// somebody else belongs to a user whom the answer only does not name: he must not
// become the service user.
func clientAlone(t *bearer.Token) bool {
	return t.ClientID != "" && (t.Subject == "" || t.Subject == t.ClientID || t.Subject == "client:"+t.ClientID)
}

// atFirstSight makes the user whom a token of another authorization server names.
// Groups are joined, never made, and only functional ones: a claim gives nobody
// capabilities. When somebody else was quicker, that user is taken.
func (s *Service) atFirstSight(ctx context.Context, t *bearer.Token) (*User, error) {
	n := NewUser{Email: t.Username, FirstName: claimText(t, "given_name"), LastName: claimText(t, "family_name")}
	if n.FirstName == "" && n.LastName == "" {
		n.LastName = claimText(t, "name")
	}
	if s.cfg.UseExternalID {
		n.ExternalID = t.Username
		if email := claimText(t, "email"); email != "" {
			n.Email = email
		}
	}
	if err := n.check(); err != nil {
		s.cfg.Log.WarnContext(ctx, "a user was not made at first sight: the token's claims make no user", "client", t.ClientID)
		return nil, fault.New(fault.NotFound, "There is no such user.")
	}
	var u *User
	err := s.db.Write(ctx, func(tx *store.Tx) (err error) {
		if u, err = s.insert(ctx, tx, n); err != nil {
			return err
		}
		return s.joinGroups(ctx, tx, u.ID, claimWords(t, s.cfg.GroupsClaim))
	})
	if fault.Is(err, fault.Conflict) {
		return s.Lookup(ctx, t.Username)
	}
	if err == nil {
		s.cfg.Log.InfoContext(ctx, "user made at first sight", "user", u.ID, "issuer", t.Issuer, "client", t.ClientID)
	}
	return u, err
}

// maxClaimedGroups is the most groups that a claim may name.
const maxClaimedGroups = 100

// joinGroups adds a user to the active functional groups that have these external
// ids or names.
func (s *Service) joinGroups(ctx context.Context, tx *store.Tx, userID int64, names []string) error {
	for _, name := range names[:min(len(names), maxClaimedGroups)] {
		var id int64
		err := tx.QueryRow(ctx, []any{&id}, `SELECT id FROM user_groups WHERE (external_id = $1 OR name = $1) AND kind = $2 AND status = 'active'
			ORDER BY CASE WHEN external_id = $1 THEN 0 ELSE 1 END, id LIMIT 1`, name, int64(Functional))
		if errors.Is(err, store.ErrNoRow) {
			continue
		}
		if err == nil {
			err = s.addMember(ctx, tx, id, userID)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// claimText reads a claim that is text; anything else is none.
func claimText(t *bearer.Token, name string) (text string) {
	t.Claim(name, &text)
	return text
}

// claimWords reads a claim that is a list of texts or one text with spaces. A name
// with dots that is no claim itself is a path, such as realm_access.roles.
func claimWords(t *bearer.Token, name string) []string {
	var raw json.RawMessage
	if !t.Claim(name, &raw) {
		raw = claimAt(t.Claims, name)
	}
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var text string
	_ = json.Unmarshal(raw, &text)
	return strings.Fields(text)
}

func claimAt(object json.RawMessage, path string) json.RawMessage {
	first, rest, nested := strings.Cut(path, ".")
	members := map[string]json.RawMessage{}
	if json.Unmarshal(object, &members) != nil || !nested {
		return members[first]
	}
	return claimAt(members[first], rest)
}
