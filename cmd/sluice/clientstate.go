package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

type clientDisable struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run stops a client.
func (c *clientDisable) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.SetClientActive(ctx, c.ID, false) })
}

type clientEnable struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run lets a client come back.
func (c *clientEnable) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.SetClientActive(ctx, c.ID, true) })
}

// newSecret is the client and the secret that it is to have.
type newSecret struct {
	settings
	output
	ID     string `arg:"" help:"The client_id."`
	Secret string `help:"The new secret; without it one is made and printed once." placeholder:"S"`
}

func (c *newSecret) change(ctx context.Context, env *environment, change func(*sluice.Admin) (made string, err error)) error {
	if strings.TrimSpace(c.Secret) != c.Secret {
		return errors.New("the secret begins or ends with a space")
	}
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		made, err := change(a)
		if err != nil {
			return err
		}
		return c.show(env, secretOf{c.ID, made}, secretOf{c.ID, made})
	})
}

type clientSecret struct {
	newSecret
}

// Run changes a secret.
func (c *clientSecret) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, func(a *sluice.Admin) (string, error) { return a.SetClientSecret(ctx, c.ID, c.Secret) })
}

type secretRotate struct {
	newSecret
	Overlap time.Duration `help:"How long the old secret is good besides the new one, at most 2160h." default:"24h"`
}

// Run changes a secret with an overlap.
func (c *secretRotate) Run(ctx context.Context, env *environment) error {
	return c.change(ctx, env, func(a *sluice.Admin) (string, error) {
		return a.RotateClientSecret(ctx, c.ID, c.Secret, c.Overlap)
	})
}

type secretRevokeOld struct {
	settings
	ID string `arg:"" help:"The client_id."`
}

// Run ends the old secret.
func (c *secretRevokeOld) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.EndOldClientSecret(ctx, c.ID) })
}
