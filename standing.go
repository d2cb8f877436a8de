package sluice

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/oauth"
)

// Selection is a page of what stands: grants, consents or sessions. Its zero value
// selects the first hundred of all.
type Selection struct {
	User     string // the login; empty means everybody
	ClientID string // empty means every client; sessions are of none and are not asked
	Offset   int    // how many to leave out
	Limit    int    // how many at most: 0 means 100; never more than 1000
}

const maxPage = 1000

func (q Selection) limit() int {
	if q.Limit <= 0 {
		return 100
	}
	return min(q.Limit, maxPage)
}

// room is q as the rooms know it. One more is asked for, to know whether there are more.
func (a *Admin) room(ctx context.Context, q Selection) (oauth.Selection, error) {
	r := oauth.Selection{ClientID: q.ClientID, Offset: max(q.Offset, 0), Limit: q.limit() + 1}
	if q.User == "" {
		return r, nil
	}
	u, err := a.users.ByEmail(ctx, q.User)
	if err == nil {
		r.UserID = u.ID
	}
	return r, err
}

// cutPage cuts off the one that shows that there are more.
func cutPage[From, To any](found []From, limit int, tell func(From) To) (list []To, more bool) {
	if more = len(found) > limit; more {
		found = found[:limit]
	}
	for _, f := range found {
		list = append(list, tell(f))
	}
	return list, more
}

// UserGrant is what a user has given a client by one sign-in: the family of all codes and
// tokens that came of it.
type UserGrant struct {
	ID        string    `json:"id"` // names it; opens nothing
	ClientID  string    `json:"client_id"`
	UserID    int64     `json:"user_id"`
	User      string    `json:"user"`              // the login
	GrantType string    `json:"grant_type"`        // or implicit
	Scopes    []string  `json:"scopes"`            // that were granted
	Session   string    `json:"session,omitempty"` // the browser session that it came of; empty: none
	AuthTime  time.Time `json:"auth_time"`         // when the user proved himself, in UTC
	Created   time.Time `json:"created"`           // in UTC
}

// Grants returns the grants that nobody has revoked, the newest first, and whether
// there are more. One whose tokens have expired is among them for some minutes.
func (a *Admin) Grants(ctx context.Context, q Selection) (list []UserGrant, more bool, err error) {
	r, err := a.room(ctx, q)
	if err != nil {
		return nil, false, err
	}
	found, err := a.auth.Grants(ctx, r)
	list, more = cutPage(found, q.limit(), func(g oauth.Grant) UserGrant {
		return UserGrant{ID: g.ID, ClientID: g.ClientID, UserID: g.UserID, User: g.Login, GrantType: g.Kind, Scopes: g.Scope, Session: g.Session,
			AuthTime: g.AuthTime.UTC(), Created: g.Created.UTC()}
	})
	return list, more, err
}

// RevokeGrant ends a grant with all its codes and tokens, which count no more with
// the next request; those who keep tokens are told. One that has ended already stays
// as it is.
func (a *Admin) RevokeGrant(ctx context.Context, id string) error { return a.auth.RevokeGrant(ctx, id) }

// Consent is a user's remembered yes to a client.
type Consent struct {
	UserID   int64     `json:"user_id"`
	User     string    `json:"user"` // the login
	ClientID string    `json:"client_id"`
	Scopes   []string  `json:"scopes"`  // all that he has agreed to
	Created  time.Time `json:"created"` // when he agreed last, in UTC
}

// Consents returns remembered consents, in the order of their users' numbers, and
// whether there are more.
func (a *Admin) Consents(ctx context.Context, q Selection) (list []Consent, more bool, err error) {
	r, err := a.room(ctx, q)
	if err != nil {
		return nil, false, err
	}
	found, err := a.auth.Consents(ctx, r)
	list, more = cutPage(found, q.limit(), func(c oauth.Consent) Consent {
		return Consent{UserID: c.UserID, User: c.Login, ClientID: c.ClientID, Scopes: c.Scope, Created: c.Created.UTC()}
	})
	return list, more, err
}

// RevokeConsent withdraws a user's yes to a client: he will be asked again, and every
// grant of his to that client that began at a page, by a browser or for a device,
// ends with its tokens. Grants that he was never asked about, such as the password
// grant's, stay.
func (a *Admin) RevokeConsent(ctx context.Context, user, clientID string) error {
	u, err := a.users.ByEmail(ctx, user)
	if err != nil {
		return err
	}
	return a.auth.RevokeConsent(ctx, u.ID, clientID)
}

// Session is a browser that a user is signed in with.
type Session struct {
	ID       string    `json:"sid"` // as in id_tokens; it opens nothing
	UserID   int64     `json:"user_id"`
	User     string    `json:"user"`              // the login
	Address  string    `json:"address,omitempty"` // where he signed in from
	Agent    string    `json:"agent,omitempty"`   // the browser, as it calls itself
	AuthTime time.Time `json:"auth_time"`         // in UTC
	Expires  time.Time `json:"expires"`           // in UTC
}

// Sessions returns the sessions that have not expired, the newest first, and whether
// there are more. The ClientID of q is not looked at.
func (a *Admin) Sessions(ctx context.Context, q Selection) (list []Session, more bool, err error) {
	r, err := a.room(ctx, q)
	if err != nil {
		return nil, false, err
	}
	found, err := a.users.Sessions(ctx, r.UserID, r.Offset, r.Limit)
	list, more = cutPage(found, q.limit(), func(s identity.SessionInfo) Session {
		return Session{ID: s.ID, UserID: s.UserID, User: s.Login, Address: s.Address, Agent: s.Agent, AuthTime: s.AuthTime.UTC(), Expires: s.Expires.UTC()}
	})
	return list, more, err
}

// RevokeSession signs a browser out from here, as if its user had done so: what came
// of the session ends too, and clients are told that registered for it.
func (a *Admin) RevokeSession(ctx context.Context, sid string) error {
	return a.users.RevokeSession(ctx, sid)
}

// RevokeSessions is RevokeSession for all browsers of a user; it returns how many
// there were.
func (a *Admin) RevokeSessions(ctx context.Context, user string) (int, error) {
	u, err := a.users.ByEmail(ctx, user)
	if err != nil {
		return 0, err
	}
	return a.users.RevokeSessions(ctx, u.ID)
}

// Delivery is something that another server has not been told yet: that a session or
// a token has ended. Whose it was is not shown.
type Delivery struct {
	ID        string    `json:"id"`
	Kind      string    `json:"kind"`                // backchannel_logout or revocation
	ClientID  string    `json:"client_id,omitempty"` // whom it is for; empty: a receiver of revocations
	Host      string    `json:"host,omitempty"`      // where it goes; empty: the client does not say any more
	Attempts  int64     `json:"attempts"`            // that have failed, or are under way
	Next      time.Time `json:"next"`                // when it is tried again, in UTC
	LastError string    `json:"last_error,omitempty"`
	Created   time.Time `json:"created"` // in UTC
}

// Outbox returns at most limit deliveries that wait, from offset on, the next one
// first, and whether there are more. A limit of 0 means 100; more than 1000 means 1000.
func (a *Admin) Outbox(ctx context.Context, offset, limit int) (list []Delivery, more bool, err error) {
	q := Selection{Offset: offset, Limit: limit}
	found, err := a.auth.Outbox(ctx, max(offset, 0), q.limit()+1)
	list, more = cutPage(found, q.limit(), func(w oauth.Waiting) Delivery {
		return Delivery{ID: w.ID, Kind: w.Kind, ClientID: w.ClientID, Host: w.Host, Attempts: w.Attempts, Next: w.Next.UTC(), LastError: w.LastError, Created: w.Created.UTC()}
	})
	return list, more, err
}
