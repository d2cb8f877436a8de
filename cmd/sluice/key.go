package main

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice"
)

type keyList struct {
	settings
	output
}

// Run lists signing keys.
func (c *keyList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return showKeys(ctx, env, a, &c.output) })
}

func showKeys(ctx context.Context, env *environment, a *sluice.Admin, o *output) error {
	list, err := a.Keys(ctx)
	if err != nil {
		return err
	}
	return o.show(env, notNil(list), signingKeys(list))
}

// signingKeys is a table of them.
type signingKeys []sluice.Key

func (k signingKeys) table() (head []string, rows [][]string) {
	for _, x := range k {
		encrypted := x.Encrypted
		if encrypted == "" {
			encrypted = "no"
		}
		rows = append(rows, []string{x.ID, x.Algorithm, x.State, moment(x.SignsFrom), moment(x.SignsTo), moment(x.GoneFrom), encrypted})
	}
	return []string{"KID", "ALG", "STATE", "SIGNS FROM", "TO", "PUBLISHED TO", "ENCRYPTED BY"}, rows
}

// moment is a time in UTC, or a dash.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

type keyRotate struct {
	settings
	output
	Now bool     `help:"Let the new keys sign at once instead of after sluice.oauth.key-overlap."`
	Alg []string `help:"RS256 or ES256; both when left out." placeholder:"ALG"`
}

// Run makes the next signing keys.
func (c *keyRotate) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		if err := a.RotateKeys(ctx, c.Now, c.Alg...); err != nil {
			return err
		}
		return showKeys(ctx, env, a, &c.output)
	})
}

type keyRevoke struct {
	settings
	output
	KID string `arg:"" help:"The key's id."`
}

// Run ends a signing key.
func (c *keyRevoke) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		if err := a.RevokeKey(ctx, c.KID); err != nil {
			return err
		}
		return showKeys(ctx, env, a, &c.output)
	})
}

type keyReencrypt struct {
	settings
	output
}

// encrypted is how many keys were encrypted anew.
type encrypted struct {
	Keys int `json:"keys"`
}

func (e encrypted) table() (head []string, rows [][]string) {
	return []string{"ENCRYPTED ANEW"}, [][]string{{fmt.Sprint(e.Keys)}}
}

// Run encrypts the signing keys by sluice.key.
func (c *keyReencrypt) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		n, err := a.ReencryptKeys(ctx)
		if err != nil {
			return err
		}
		return c.show(env, encrypted{n}, encrypted{n})
	})
}
