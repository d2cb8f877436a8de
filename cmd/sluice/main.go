// Command sluice runs the server and administers its users and clients.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"os/user"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/sluicehq/sluice"
)

func main() {
	ctx, stop := signal.NotifyContext(sluice.WithActor(context.Background(), "cli", operator()), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &environment{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ()})
	stop()
	os.Exit(code)
}

// operator is whom the system knows as the one who runs the command; empty when it
// does not say.
func operator() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// environment is what a command may touch of the outside.
type environment struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
}

// commands is the whole command line.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server."`
	Migrate migrateCommand `cmd:"" help:"Bring the database up to date; serve does so by itself."`
	User    struct {
		Create   userCreate   `cmd:"" help:"Make a user."`
		List     userList     `cmd:"" help:"List users."`
		Show     userShow     `cmd:"" help:"Show a user, and who has failed to sign in as him."`
		Disable  userDisable  `cmd:"" aliases:"lock" help:"Stop a user from signing in and end his sessions and tokens."`
		Enable   userEnable   `cmd:"" help:"Let a user sign in again."`
		Unlock   userUnlock   `cmd:"" help:"Forget failed sign-ins, so that the user need not wait. A disabled user stays so."`
		Password userPassword `cmd:"" help:"Give a user a new password."`
	} `cmd:"" help:"Users."`
	Client struct {
		Create  clientCreate  `cmd:"" help:"Register a client."`
		List    clientList    `cmd:"" help:"List clients."`
		Show    clientShow    `cmd:"" help:"Show everything that is registered of a client."`
		Update  clientUpdate  `cmd:"" help:"Change what is registered of a client; what is not named stays."`
		Delete  clientDelete  `cmd:"" help:"Remove a client and everything that was issued to it."`
		Disable clientDisable `cmd:"" help:"Let a client get nothing and end everything that it got."`
		Enable  clientEnable  `cmd:"" help:"Let a client come back, without what it had before."`
		Secret  struct {
			Set       clientSecret    `cmd:"" default:"withargs" help:"Give a client another secret; the old one ends at once. The word set may be left out."`
			Rotate    secretRotate    `cmd:"" help:"Give a client another secret and let the old one be good for a while."`
			RevokeOld secretRevokeOld `cmd:"" help:"End the secret from before the last rotation now."`
		} `cmd:"" help:"Secrets of clients."`
		Unlock clientUnlock `cmd:"" help:"Forget wrong secrets, so that the client need not wait."`
		Token  struct {
			Create tokenCreate `cmd:"" help:"Make a token that registers clients."`
			List   tokenList   `cmd:"" help:"List the tokens."`
			Revoke tokenRevoke `cmd:"" help:"End a token; the clients that registered with it stay."`
		} `cmd:"" help:"Initial access tokens: whoever holds one may register clients (RFC 7591)."`
	} `cmd:"" help:"Clients: the applications that ask for tokens."`
	Grant struct {
		List   grantList   `cmd:"" help:"List grants that stand, the newest first."`
		Revoke grantRevoke `cmd:"" help:"End a grant with all its tokens."`
	} `cmd:"" help:"Grants: what users have given clients, each with the tokens that came of it."`
	Consent struct {
		List   consentList   `cmd:"" help:"List what users have agreed to."`
		Revoke consentRevoke `cmd:"" help:"Withdraw a user's yes to a client and end the grants that rest on it."`
	} `cmd:"" help:"Consents: what users need not be asked again."`
	Session struct {
		List   sessionList   `cmd:"" help:"List browsers that users are signed in with."`
		Revoke sessionRevoke `cmd:"" help:"Sign one browser, or all of a user, out from here."`
	} `cmd:"" help:"Sessions of browsers."`
	Outbox struct {
		List outboxList `cmd:"" help:"Show what waits, the next one first."`
	} `cmd:"" help:"What other servers have still to be told."`
	App struct {
		Deploy appDeploy `cmd:"" help:"Deploy apps or BPMN files; what is deployed in the same form stays."`
		List   appList   `cmd:"" help:"List deployments with their processes, the newest first."`
		Delete appDelete `cmd:"" help:"Take a deployment away."`
	} `cmd:"" help:"Apps: processes with their forms and decision tables."`
	Key struct {
		List      keyList      `cmd:"" help:"List signing keys."`
		Rotate    keyRotate    `cmd:"" help:"Make the next signing keys; serve does so by itself."`
		Revoke    keyRevoke    `cmd:"" help:"End a signing key that others may have: nothing that it signed is believed any more."`
		Reencrypt keyReencrypt `cmd:"" help:"Encrypt the signing keys by sluice.key; serve does so at its start."`
	} `cmd:"" help:"Signing keys."`
	Address struct {
		Unlock addressUnlock `cmd:"" help:"Forget failures from an address, so that nobody there need wait."`
	} `cmd:"" help:"Addresses that requests come from."`
	Audit struct {
		List   auditList   `cmd:"" help:"Show a page of the record, the newest line first."`
		Export auditExport `cmd:"" help:"Print all lines as JSON, one a line, the oldest first."`
	} `cmd:"" help:"The record of who did what."`
	Housekeeping struct {
		Run housekeepingRun `cmd:"" help:"Drop it now; serve does so by itself."`
	} `cmd:"" help:"What has expired."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// run parses and carries out one command and returns the exit code: 0 done, 1
// failed, 2 not understood.
func run(ctx context.Context, args []string, env *environment) int {
	var c commands
	exited := -1
	parser := kong.Must(&c, kong.Name("sluice"), kong.Writers(env.out, env.err), kong.UsageOnError(),
		kong.Description("Process services with OAuth 2 built in."), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(env))
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		_, _ = fmt.Fprintln(env.err, "sluice:", err)
		return 2
	}
	if err := command.Run(); err != nil {
		_, _ = fmt.Fprintln(env.err, "sluice:", err)
		return 1
	}
	return 0
}

// settings are the flags that every command takes.
type settings struct {
	Data     string   `help:"Folder of the SQLite database (./data)." placeholder:"DIR"`
	Database string   `help:"PostgreSQL URL instead of SQLite." placeholder:"URL"`
	Config   []string `help:"Property file, read after activiti-app.properties and application.properties; may be repeated." placeholder:"FILE" sep:"none"`
	Set      []string `help:"One setting; may be repeated." placeholder:"KEY=VALUE" sep:"none"`
}

// load reads the configuration; more are settings that stand after all others.
func (s *settings) load(env *environment, more ...string) (sluice.Config, error) {
	set := append([]string{}, s.Set...)
	if s.Data != "" {
		set = append(set, "sluice.data="+s.Data)
	}
	if s.Database != "" {
		set = append(set, "sluice.database="+s.Database)
	}
	cfg, warnings, err := sluice.LoadConfig(sluice.LoadOptions{Files: s.Config, Environ: env.environ, Set: append(set, more...)})
	for _, w := range warnings {
		_, _ = fmt.Fprintln(env.err, "warning:", w)
	}
	if err != nil {
		return cfg, fmt.Errorf("the configuration has problems:\n%w", err)
	}
	return cfg, nil
}

// administer opens the database and runs fn on it.
func (s *settings) administer(ctx context.Context, env *environment, fn func(*sluice.Admin) error) error {
	// What an administrative command prints is its answer; the log keeps to trouble.
	cfg, err := s.load(env, "sluice.demo=false")
	if err != nil {
		return err
	}
	cfg.LogLevel = "warn"
	admin, err := sluice.OpenAdmin(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(admin), admin.Close())
}

type migrateCommand struct {
	settings
}

// Run brings the database up to date.
func (c *migrateCommand) Run(ctx context.Context, env *environment) error {
	cfg, err := c.load(env)
	if err != nil {
		return err
	}
	steps, err := sluice.Migrate(ctx, cfg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.out, "the database is up to date (%d steps taken)\n", steps)
	return err
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(env *environment) error {
	_, err := fmt.Fprintln(env.out, "sluice", sluice.Version)
	return err
}
