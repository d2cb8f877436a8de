package oauth

import (
	"context"
	"errors"
	"strings"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/store"
)

// Which issued tokens the audit record tells of. A client's own tokens are issued in
// one statement; a line would make them two, and the token's row tells the same.
const (
	AuditAll    = "all"
	AuditPeople = "people"
	AuditNone   = "none"
)

// record writes the line of a change, in its transaction.
func (s *Service) record(ctx context.Context, tx *store.Tx, e audit.Event) error {
	return s.cfg.Audit.Write(ctx, tx, e)
}

// recordClient writes the line of a change of a client.
func (s *Service) recordClient(ctx context.Context, tx *store.Tx, event, id string, details audit.Details) error {
	return s.record(ctx, tx, audit.Event{Name: event, Subject: audit.Client(id), Details: details})
}

// tells reports whether the record tells of this issue.
func (s *Service) tells(i *issue) bool {
	return s.cfg.AuditTokens == AuditAll || (s.cfg.AuditTokens == AuditPeople && i.grant != nil)
}

// event is the line of an issue; the actor is the client, which asked.
func (i *issue) event() audit.Event {
	details := audit.Details{"grant_type": i.grantType, "scope": i.answer.Scope}
	e := audit.Event{Name: "token.issue", Actor: audit.Client(i.client.ID), ActorName: i.client.Title(), ClientID: i.client.ID, Details: details}
	if i.grant != nil {
		details["grant"] = i.grant.id
		e.Subject = audit.User(i.grant.userID)
	}
	return e
}

// commit keeps tokens that nothing else has to be kept with: by one statement when
// the record does not tell of them.
func (s *Service) commit(ctx context.Context, i *issue) error {
	if i.record == nil && i.refresh.IsZero() {
		access, err := i.accessStatement()
		if err != nil {
			return err
		}
		rows, err := s.db.Share(ctx, access.Query, access.Args...)
		if err != nil {
			return err
		}
		return stillThere(rows)
	}
	return s.db.Write(ctx, func(tx *store.Tx) error { return i.insert(ctx, tx) })
}

// personDid is the line of what a user did about a client's request at a page.
func (v *visit) personDid(event, outcome string) audit.Event {
	user := v.session.User
	return audit.Event{Name: event, Outcome: outcome, Actor: audit.User(user.ID), ActorName: user.Email, ClientID: v.client.ID, Subject: audit.Client(v.client.ID),
		Details: audit.Details{"scope": strings.Join(v.request.Scope, " ")}}
}

// recordGrant writes down what a user's agreement has begun.
func (s *Service) recordGrant(ctx context.Context, tx *store.Tx, v *visit, g *signIn) error {
	if s.cfg.AuditTokens == AuditNone {
		return nil
	}
	e := v.personDid("grant.begin", audit.Success)
	e.Details["grant"], e.Details["grant_type"] = g.id, g.kind
	return s.record(ctx, tx, e)
}

// clientRefused writes down, as well as can be, that somebody did not prove to be
// the client that he named.
func (s *Service) clientRefused(ctx context.Context, c *Client, err error) {
	var f *Failure
	if errors.As(err, &f) {
		s.cfg.Audit.Try(ctx, audit.Event{Name: "client.authenticate", Outcome: audit.Failure, ClientID: c.ID, Subject: audit.Client(c.ID)})
	}
}
