package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice"
)

type appDeploy struct {
	settings
	output
	Path     []string `arg:"" name:"file" help:"An app's zip as APS exports it, a .bar, a BPMN file, or a directory of such files."`
	Name     string   `help:"The deployment's name; the app's own unless it is given." placeholder:"NAME"`
	Category string   `help:"The deployment's category." placeholder:"CATEGORY"`
	Key      string   `help:"What you call the deployment." placeholder:"KEY"`
	Tenant   string   `help:"Whose the processes are." placeholder:"TENANT"`
	Always   bool     `help:"Make new versions even of what is deployed in the same form."`
}

// Run deploys each file; one that cannot be deployed does not stop the others.
func (c *appDeploy) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		var done []sluice.App
		var failed []error
		for _, path := range c.Path {
			app, err := a.DeployApp(ctx, path, sluice.NewApp{Name: c.Name, Category: c.Category, Key: c.Key, TenantID: c.Tenant, Always: c.Always})
			if err != nil {
				failed = append(failed, err)
				continue
			}
			for _, w := range app.Warnings {
				_, _ = fmt.Fprintf(env.err, "warning: %s: %s\n", path, w)
			}
			done = append(done, *app)
		}
		return errors.Join(append(failed, c.show(env, notNil(done), apps(done)))...)
	})
}

// apps is a table of them.
type apps []sluice.App

func (a apps) table() (head []string, rows [][]string) {
	for _, x := range a {
		var processes []string
		for _, p := range x.Processes {
			processes = append(processes, fmt.Sprintf("%s:%d", p.Key, p.Version))
		}
		rows = append(rows, []string{x.ID, x.Name, x.DeployedAt.Format(time.RFC3339), strings.Join(processes, " ")})
	}
	return []string{"ID", "NAME", "DEPLOYED", "PROCESSES"}, rows
}

type appList struct {
	settings
	output
	Offset int `help:"How many to leave out." default:"0"`
	Limit  int `help:"How many to show at most." default:"100"`
}

// Run lists deployments.
func (c *appList) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, more, err := a.Apps(ctx, c.Offset, c.Limit)
		if err != nil {
			return err
		}
		if more {
			_, _ = fmt.Fprintf(env.err, "there are more: --offset %d\n", c.Offset+len(list))
		}
		return c.show(env, notNil(list), apps(list))
	})
}

type appDelete struct {
	settings
	ID      string `arg:"" help:"The deployment's id, as the list shows it."`
	Cascade bool   `help:"Delete the instances of its processes too, with all that is kept of them."`
}

// Run takes a deployment away.
func (c *appDelete) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error { return a.DeleteApp(ctx, c.ID, c.Cascade) })
}
