package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

// clientFlags are the members that have flags of their own.
type clientFlags struct {
	members
	Grant       []string      `help:"authorization_code,password,client_credentials,implicit,refresh_token,…" placeholder:"GRANT,…"`
	RedirectURI []string      `name:"redirect-uri" help:"Where browsers may be sent; may be repeated." placeholder:"URI" sep:"none"`
	Scope       string        `help:"What it may ask for, separated by spaces." placeholder:"SCOPES"`
	TokenFormat string        `help:"opaque or jwt." placeholder:"FORMAT"`
	AccessTTL   time.Duration `name:"access-ttl" help:"How long access tokens live." placeholder:"10m"`
	RefreshTTL  time.Duration `name:"refresh-ttl" help:"How long refresh tokens live unused." placeholder:"720h"`
	SkipConsent *bool         `help:"Do not ask users: for your own applications." negatable:""`
	Introspect  *bool         `help:"May introspect every token: a resource server." negatable:""`
	Name        string        `help:"What users see." placeholder:"N"`
}

// apply puts what the flags say over d: the file first, then the members, then
// the flags.
func (f *clientFlags) apply(env *environment, d *document) error {
	if err := f.read(env, d); err != nil {
		return err
	}
	for _, s := range []struct {
		to    *string
		value string
	}{{&d.Name, f.Name}, {&d.Scope, f.Scope}, {&d.TokenFormat, f.TokenFormat}} {
		if s.value != "" {
			*s.to = s.value
		}
	}
	if len(f.Grant) > 0 {
		d.GrantTypes = f.Grant
	}
	if len(f.RedirectURI) > 0 {
		d.RedirectURIs = f.RedirectURI
	}
	if f.AccessTTL != 0 {
		d.AccessTTL = f.AccessTTL.String()
	}
	if f.RefreshTTL != 0 {
		d.RefreshTTL = f.RefreshTTL.String()
	}
	if f.SkipConsent != nil {
		d.SkipConsent = *f.SkipConsent
	}
	if f.Introspect != nil {
		d.Introspect = *f.Introspect
	}
	return nil
}

type clientCreate struct {
	settings
	output
	clientFlags
	ID     string `help:"The client_id." placeholder:"ID"`
	Secret string `help:"The secret; without it one is made, if one is needed, and printed once." placeholder:"S" xor:"secret"`
	Public bool   `help:"A client without a secret: a browser or mobile app." xor:"secret"`
}

// Run registers a client.
func (c *clientCreate) Run(ctx context.Context, env *environment) error {
	d := document{ID: c.ID}
	if err := c.apply(env, &d); err != nil {
		return err
	}
	if c.ID != "" && d.ID != c.ID {
		return fmt.Errorf("--id says %s, the metadata says %s", c.ID, d.ID)
	}
	room, err := d.client()
	if err != nil {
		return err
	}
	n := sluice.NewClient{Client: room, Secret: d.Secret}
	if c.Secret != "" {
		n.Secret = c.Secret
	}
	method := d.AuthMethod
	n.GenerateSecret = n.Secret == "" && !c.Public && (method == "" || strings.HasPrefix(method, "client_secret_"))
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		made, err := a.CreateClient(ctx, n)
		if err != nil {
			return err
		}
		return c.show(env, secretOf{d.ID, made}, secretOf{d.ID, made})
	})
}

type clientUpdate struct {
	settings
	output
	clientFlags
	ID string `arg:"" help:"The client_id."`
}

// Run changes what is named and leaves the rest.
func (c *clientUpdate) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		old, err := a.Client(ctx, c.ID)
		if err != nil {
			return err
		}
		d := documentOf(old)
		if err := c.apply(env, &d); err != nil {
			return err
		}
		if d.ID != c.ID {
			return errors.New("a client's id does not change")
		}
		if d.Secret != "" {
			return errors.New("use sluice client secret to change the secret")
		}
		changed, err := d.client()
		if err != nil {
			return err
		}
		made, err := a.UpdateClient(ctx, changed)
		if err != nil {
			return err
		}
		return c.show(env, secretOf{c.ID, made}, secretOf{c.ID, made})
	})
}

type clientShow struct {
	settings
	output
	ID string `arg:"" help:"The client_id."`
}

// Run shows everything that is registered of a client, but its secret. Its JSON
// may be given to client create and client update again.
func (c *clientShow) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		found, err := a.Client(ctx, c.ID)
		if err != nil {
			return err
		}
		d := documentOf(found)
		return c.show(env, d, d)
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
		kind, status := "confidential", "active"
		if x.Public {
			kind = "public"
		}
		if x.Disabled {
			status = "disabled"
		}
		rows = append(rows, []string{x.ID, x.Name, kind, status, strings.Join(x.GrantTypes, " "), strings.Join(x.Scopes, " "), strings.Join(x.RedirectURIs, " ")})
	}
	return []string{"CLIENT", "NAME", "KIND", "STATUS", "GRANTS", "SCOPE", "REDIRECT URIS"}, rows
}

type clientDelete struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run removes a client.
func (c *clientDelete) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.DeleteClient(ctx, c.ID) })
}

type clientUnlock struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run ends the wait that wrong secrets have brought.
func (c *clientUnlock) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.UnlockClient(ctx, c.ID) })
}

type addressUnlock struct {
	settings
	Address string `arg:"" help:"An IPv4 address; an IPv6 address stands for its /64."`
}

// Run ends the wait that failures from an address have brought.
func (c *addressUnlock) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.UnlockAddress(ctx, c.Address) })
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
