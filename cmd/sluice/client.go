package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

type clientCreate struct {
	settings
	output
	ID          string        `required:"" help:"The client_id." placeholder:"ID"`
	Secret      string        `help:"The secret; without it one is made and printed once." placeholder:"S" xor:"secret"`
	Public      bool          `help:"A client without a secret: a browser or mobile app." xor:"secret"`
	Grant       []string      `required:"" help:"authorization_code,password,client_credentials,implicit,refresh_token" placeholder:"GRANT,…"`
	RedirectURI []string      `name:"redirect-uri" help:"Where browsers may be sent; may be repeated." placeholder:"URI" sep:"none"`
	Scope       string        `help:"What it may ask for, separated by spaces." placeholder:"SCOPES"`
	TokenFormat string        `help:"opaque or jwt." placeholder:"FORMAT"`
	AccessTTL   time.Duration `name:"access-ttl" help:"How long access tokens live." placeholder:"10m"`
	RefreshTTL  time.Duration `name:"refresh-ttl" help:"How long refresh tokens live unused." placeholder:"720h"`
	SkipConsent bool          `help:"Do not ask users: for your own applications."`
	Introspect  bool          `help:"May introspect every token: a resource server."`
	Name        string        `help:"What users see." placeholder:"N"`
}

// Run registers a client.
func (c *clientCreate) Run(ctx context.Context, env *environment) error {
	n := sluice.NewClient{Client: sluice.Client{ID: c.ID, Name: c.Name, GrantTypes: c.Grant, RedirectURIs: c.RedirectURI,
		Scopes: strings.Fields(c.Scope), TokenFormat: c.TokenFormat, AccessTTL: c.AccessTTL, RefreshTTL: c.RefreshTTL,
		SkipConsent: c.SkipConsent, Introspect: c.Introspect}, Secret: c.Secret, GenerateSecret: c.Secret == "" && !c.Public}
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		made, err := a.CreateClient(ctx, n)
		if err != nil {
			return err
		}
		return c.show(env, secretOf{c.ID, made}, secretOf{c.ID, made})
	})
}

// secretOf shows a secret once.
type secretOf struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret,omitempty"`
}

func (s secretOf) table() (head []string, rows [][]string) {
	if s.Secret == "" {
		return []string{"CLIENT"}, [][]string{{s.ID}}
	}
	return []string{"CLIENT", "SECRET (shown once)"}, [][]string{{s.ID, s.Secret}}
}

type clientList struct {
	settings
	output
	Offset int `help:"How many to leave out." default:"0"`
	Limit  int `help:"How many to show at most." default:"100"`
}

// Run lists clients.
func (c *clientList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, err := a.Clients(ctx, c.Offset, c.Limit)
		if err != nil {
			return err
		}
		return c.show(env, notNil(list), clients(list))
	})
}

// clients is a table of them.
type clients []sluice.Client

func (c clients) table() (head []string, rows [][]string) {
	for _, x := range c {
		kind := "confidential"
		if x.Public {
			kind = "public"
		}
		rows = append(rows, []string{x.ID, x.Name, kind, strings.Join(x.GrantTypes, " "), strings.Join(x.Scopes, " "), strings.Join(x.RedirectURIs, " ")})
	}
	return []string{"CLIENT", "NAME", "KIND", "GRANTS", "SCOPE", "REDIRECT URIS"}, rows
}

type clientDelete struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run removes a client.
func (c *clientDelete) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.DeleteClient(ctx, c.ID) })
}

type clientSecret struct {
	settings
	output
	ID     string `arg:"" help:"The client_id."`
	Secret string `help:"The new secret; without it one is made and printed once." placeholder:"S"`
}

// Run changes a secret.
func (c *clientSecret) Run(ctx context.Context, env *environment) error {
	if strings.TrimSpace(c.Secret) != c.Secret {
		return errors.New("the secret begins or ends with a space")
	}
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		made, err := a.SetClientSecret(ctx, c.ID, c.Secret)
		if err != nil {
			return err
		}
		return c.show(env, secretOf{c.ID, made}, secretOf{c.ID, made})
	})
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
