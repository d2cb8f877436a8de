package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

type tokenCreate struct {
	settings
	output
	Name       string        `help:"Whom it is given to." placeholder:"N"`
	Uses       int64         `help:"How many clients may be registered with it." default:"1"`
	TTL        time.Duration `name:"ttl" help:"How long it lives, at most 8784h." default:"24h"`
	Grant      []string      `help:"The grants its clients may have (authorization_code,refresh_token)." placeholder:"GRANT,…"`
	Scope      string        `help:"The scopes its clients may ask for, separated by spaces (openid profile email offline_access)." placeholder:"SCOPES"`
	DetailType []string      `help:"The authorization details types its clients may ask for." placeholder:"TYPE,…"`
}

// madeToken shows an initial access token once.
type madeToken struct {
	Token string `json:"token"`
	sluice.InitialAccessToken
}

func (m madeToken) table() (head []string, rows [][]string) {
	return []string{"ID", "TOKEN (shown once)"}, [][]string{{m.ID, m.Token}}
}

// Run makes an initial access token.
func (c *tokenCreate) Run(ctx context.Context, env *environment) error {
	policy := sluice.DefaultRegistrationPolicy()
	if len(c.Grant) > 0 {
		policy.GrantTypes = c.Grant
	}
	if c.Scope != "" {
		policy.Scopes = strings.Fields(c.Scope)
	}
	policy.DetailTypes = c.DetailType
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		token, made, err := a.CreateInitialAccessToken(ctx, sluice.NewInitialAccessToken{Name: c.Name, Uses: c.Uses, TTL: c.TTL, Policy: &policy})
		if err != nil {
			return err
		}
		m := madeToken{Token: token, InitialAccessToken: made}
		return c.show(env, m, m)
	})
}

type tokenList struct {
	settings
	output
	Offset int `help:"How many to leave out." default:"0"`
	Limit  int `help:"How many to show at most." default:"100"`
}

// Run lists initial access tokens.
func (c *tokenList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, err := a.InitialAccessTokens(ctx, c.Offset, c.Limit)
		if err != nil {
			return err
		}
		return c.show(env, notNil(list), initialTokens(list))
	})
}

// initialTokens is a table of them.
type initialTokens []sluice.InitialAccessToken

func (t initialTokens) table() (head []string, rows [][]string) {
	for _, x := range t {
		rows = append(rows, []string{x.ID, x.Name, strconv.FormatInt(x.UsesLeft, 10), x.Expires.Format(time.RFC3339),
			strings.Join(x.Policy.GrantTypes, " "), strings.Join(x.Policy.Scopes, " ")})
	}
	return []string{"ID", "NAME", "USES LEFT", "EXPIRES", "GRANTS", "SCOPE"}, rows
}

type tokenRevoke struct {
	settings
	ID string `arg:"" help:"The token's id, as the list shows it."`
}

// Run ends an initial access token.
func (c *tokenRevoke) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.RevokeInitialAccessToken(ctx, c.ID) })
}
