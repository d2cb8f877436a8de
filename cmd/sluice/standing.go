package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice"
)

// paged says which part of a list is meant.
type paged struct {
	Offset int `help:"How many to leave out." default:"0"`
	Limit  int `help:"How many to show at most (1000)." default:"100"`
}

// listed shows a page, and says where the next one begins.
func listed[T any](env *environment, o *output, p paged, list []T, more bool, people tabular) error {
	if more && !o.JSON {
		_, _ = fmt.Fprintf(env.err, "there are more: --offset %d\n", max(p.Offset, 0)+len(list))
	}
	return o.show(env, notNil(list), people)
}

type grantList struct {
	settings
	output
	paged
	User   string `help:"Those of the user with that login." placeholder:"EMAIL"`
	Client string `help:"Those of that client." placeholder:"ID"`
}

// Run lists grants.
func (c *grantList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, more, err := a.Grants(ctx, sluice.Selection{User: c.User, ClientID: c.Client, Offset: c.Offset, Limit: c.Limit})
		if err != nil {
			return err
		}
		return listed(env, &c.output, c.paged, list, more, grants(list))
	})
}

// grants is a table of them.
type grants []sluice.UserGrant

func (g grants) table() (head []string, rows [][]string) {
	for _, x := range g {
		rows = append(rows, []string{x.ID, x.User, x.ClientID, x.GrantType, strings.Join(x.Scopes, " "), moment(x.Created), x.Session})
	}
	return []string{"ID", "USER", "CLIENT", "GRANT", "SCOPE", "CREATED", "SESSION"}, rows
}

type grantRevoke struct {
	settings
	ID string `arg:"" help:"The grant's id, as the list shows it."`
}

// Run ends a grant.
func (c *grantRevoke) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.RevokeGrant(ctx, c.ID) })
}

type consentList struct {
	settings
	output
	paged
	User   string `help:"Those of the user with that login." placeholder:"EMAIL"`
	Client string `help:"Those to that client." placeholder:"ID"`
}

// Run lists consents.
func (c *consentList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, more, err := a.Consents(ctx, sluice.Selection{User: c.User, ClientID: c.Client, Offset: c.Offset, Limit: c.Limit})
		if err != nil {
			return err
		}
		return listed(env, &c.output, c.paged, list, more, consents(list))
	})
}

// consents is a table of them.
type consents []sluice.Consent

func (c consents) table() (head []string, rows [][]string) {
	for _, x := range c {
		rows = append(rows, []string{x.User, x.ClientID, strings.Join(x.Scopes, " "), moment(x.Created)})
	}
	return []string{"USER", "CLIENT", "SCOPE", "AGREED"}, rows
}

type consentRevoke struct {
	settings
	User   string `required:"" help:"The user's login." placeholder:"EMAIL"`
	Client string `required:"" help:"The client that he agreed to." placeholder:"ID"`
}

// Run withdraws a consent.
func (c *consentRevoke) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.RevokeConsent(ctx, c.User, c.Client) })
}

type sessionList struct {
	settings
	output
	paged
	User string `help:"Those of the user with that login." placeholder:"EMAIL"`
}

// Run lists sessions.
func (c *sessionList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, more, err := a.Sessions(ctx, sluice.Selection{User: c.User, Offset: c.Offset, Limit: c.Limit})
		if err != nil {
			return err
		}
		return listed(env, &c.output, c.paged, list, more, sessions(list))
	})
}

// sessions is a table of them.
type sessions []sluice.Session

func (s sessions) table() (head []string, rows [][]string) {
	for _, x := range s {
		rows = append(rows, []string{x.ID, x.User, moment(x.AuthTime), moment(x.Expires), x.Address, printable(x.Agent)})
	}
	return []string{"SID", "USER", "SIGNED IN", "EXPIRES", "ADDRESS", "BROWSER"}, rows
}

// printable is what others have sent, without what would move a terminal's cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

type sessionRevoke struct {
	settings
	SID  string `arg:"" optional:"" name:"sid" help:"The session, as the list shows it."`
	User string `help:"All sessions of the user with that login." placeholder:"EMAIL"`
}

// Run ends sessions.
func (c *sessionRevoke) Run(ctx context.Context, env *environment) error {
	if (c.SID == "") == (c.User == "") {
		return errors.New("name one session by its sid, or a user by --user")
	}
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		if c.User == "" {
			return a.RevokeSession(ctx, c.SID)
		}
		n, err := a.RevokeSessions(ctx, c.User)
		if err == nil {
			_, err = fmt.Fprintf(env.out, "%d sessions ended\n", n)
		}
		return err
	})
}

type outboxList struct {
	settings
	output
	paged
}

// Run lists what other servers have still to be told.
func (c *outboxList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, more, err := a.Outbox(ctx, c.Offset, c.Limit)
		if err != nil {
			return err
		}
		return listed(env, &c.output, c.paged, list, more, deliveries(list))
	})
}

// deliveries is a table of them.
type deliveries []sluice.Delivery

func (d deliveries) table() (head []string, rows [][]string) {
	for _, x := range d {
		rows = append(rows, []string{x.Kind, x.ClientID, x.Host, strconv.FormatInt(x.Attempts, 10), moment(x.Created), moment(x.Next), printable(x.LastError)})
	}
	return []string{"KIND", "CLIENT", "HOST", "ATTEMPTS", "SINCE", "NEXT", "LAST ERROR"}, rows
}
