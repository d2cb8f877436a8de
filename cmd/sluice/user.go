package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

// password is how a command learns a password without it standing in the shell's
// history.
type password struct {
	Password      string `help:"The password. Other programs on this machine can read it; --password-stdin is better." placeholder:"P"`
	PasswordStdin bool   `help:"Read the password from the first line of standard input."`
}

func (p *password) read(env *environment) (string, error) {
	if !p.PasswordStdin {
		return p.Password, nil
	}
	if p.Password != "" {
		return "", errors.New("--password and --password-stdin exclude each other")
	}
	line, err := bufio.NewReader(io.LimitReader(env.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("standard input holds no password")
	}
	return line, nil
}

type userCreate struct {
	settings
	output
	password
	Email      string `required:"" help:"The login." placeholder:"E"`
	FirstName  string `help:"First name." placeholder:"F"`
	LastName   string `help:"Last name." placeholder:"L"`
	ExternalID string `name:"external-id" help:"Id in a directory." placeholder:"X"`
	Admin      bool   `help:"Make an administrator."`
}

// Run makes a user.
func (c *userCreate) Run(ctx context.Context, env *environment) error {
	secret, err := c.read(env)
	if err != nil {
		return err
	}
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		u, err := a.CreateUser(ctx, sluice.NewUser{Email: c.Email, FirstName: c.FirstName, LastName: c.LastName, ExternalID: c.ExternalID,
			Password: secret, Admin: c.Admin})
		if err != nil {
			return err
		}
		if secret == "" {
			_, _ = fmt.Fprintln(env.err, "note: the user has no password and cannot sign in by one")
		}
		return c.show(env, u, users{u})
	})
}

type userList struct {
	settings
	output
	paged
	Filter string `help:"Part of the name or login." placeholder:"TEXT"`
}

// Run lists users.
func (c *userList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, total, err := a.Users(ctx, c.Filter, c.Offset, c.Limit)
		if err != nil {
			return err
		}
		if len(list) < total {
			_, _ = fmt.Fprintf(env.err, "%d of %d users; --offset shows more\n", len(list), total)
		}
		return c.show(env, notNil(list), users(list))
	})
}

// users is a table of them.
type users []sluice.User

func (u users) table() (head []string, rows [][]string) {
	for _, x := range u {
		role := ""
		if x.Admin {
			role = "administrator"
		}
		rows = append(rows, []string{fmt.Sprint(x.ID), x.Email, strings.TrimSpace(x.FirstName + " " + x.LastName), x.ExternalID, x.Status, role})
	}
	return []string{"ID", "LOGIN", "NAME", "EXTERNAL ID", "STATUS", "ROLE"}, rows
}

type userShow struct {
	settings
	output
	Email string `arg:"" help:"The login."`
}

// Run shows a user, and who has failed to sign in as him.
func (c *userShow) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		u, err := a.User(ctx, c.Email)
		if err != nil {
			return err
		}
		failed, err := a.UserAttempts(ctx, c.Email)
		if err != nil {
			return err
		}
		shown := shownUser{u, failed}
		return c.show(env, shown, shown)
	})
}

// shownUser is all of a user.
type shownUser struct {
	sluice.User
	Attempts []sluice.Attempts `json:"attempts"`
}

func (u shownUser) table() (head []string, rows [][]string) {
	head, list := users{u.User}.table()
	for i, value := range list[0] {
		rows = append(rows, []string{head[i], value})
	}
	for _, a := range u.Attempts {
		where, wait := "elsewhere", ""
		if a.Known {
			where = "a known network"
		}
		if !a.Until.IsZero() {
			wait = ", nothing is looked at until " + a.Until.Format(time.RFC3339)
		}
		rows = append(rows, []string{"FAILED", fmt.Sprintf("%d from %s%s", a.Failures, where, wait)})
	}
	return []string{"CREATED", u.Created.Format(time.RFC3339)}, rows
}

type userUnlock struct {
	settings
	Email string `arg:"" help:"The login."`
}

// Run ends the wait that failed sign-ins have brought.
func (c *userUnlock) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		if err := a.UnlockUser(ctx, c.Email); err != nil {
			return err
		}
		u, err := a.User(ctx, c.Email)
		if err == nil && u.Status != "active" {
			_, _ = fmt.Fprintln(env.err, "note: the user is disabled; sluice user enable lets him sign in again")
		}
		return err
	})
}

type userDisable struct {
	settings
	Email string `arg:"" help:"The login."`
}

// Run stops a user.
func (c *userDisable) Run(ctx context.Context, env *environment) error {
	return c.setActive(ctx, env, c.Email, false)
}

type userEnable struct {
	settings
	Email string `arg:"" help:"The login."`
}

// Run lets a user in again.
func (c *userEnable) Run(ctx context.Context, env *environment) error {
	return c.setActive(ctx, env, c.Email, true)
}

func (s *settings) setActive(ctx context.Context, env *environment, email string, active bool) error {
	return s.administer(ctx, env, func(a *sluice.Admin) error { return a.SetUserActive(ctx, email, active) })
}

type userPassword struct {
	settings
	password
	Email string `arg:"" help:"The login."`
}

// Run sets a password.
func (c *userPassword) Run(ctx context.Context, env *environment) error {
	secret, err := c.read(env)
	if err != nil {
		return err
	}
	if secret == "" {
		return errors.New("a password is needed: --password-stdin or --password")
	}
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.SetPassword(ctx, c.Email, secret) })
}
