package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/sluicehq/sluice"
)

type serveCommand struct {
	settings
	Addr string `help:"Where to listen (127.0.0.1:8080)." placeholder:"HOST:PORT"`
	Role string `help:"all, auth, process or gateway (all)." placeholder:"ROLE"`
	Demo bool   `help:"Add well-known users and clients; on loopback addresses only."`
}

// Run serves until the process is told to stop.
func (c *serveCommand) Run(ctx context.Context, env *environment) error {
	var more []string
	if c.Addr != "" {
		more = append(more, "sluice.addr="+c.Addr)
	}
	if c.Role != "" {
		more = append(more, "sluice.role="+c.Role)
	}
	if c.Demo {
		more = append(more, "sluice.demo=true")
	}
	cfg, err := c.load(env, more...)
	if err != nil {
		return err
	}
	if cfg, err = fixPort(ctx, cfg); err != nil {
		return err
	}
	prepare := func(ctx context.Context, s *sluice.Server) error { return welcome(ctx, env, cfg, s) }
	return sluice.Run(ctx, cfg, prepare)
}

// fixPort settles port 0 before anything names the issuer.
func fixPort(ctx context.Context, cfg sluice.Config) (sluice.Config, error) {
	if !strings.HasSuffix(cfg.Addr, ":0") {
		return cfg, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return cfg, fmt.Errorf("looking for a free port: %w", err)
	}
	cfg.Addr = l.Addr().String()
	return cfg, l.Close()
}

// welcome makes what a first start needs and says how to go on.
func welcome(ctx context.Context, env *environment, cfg sluice.Config, s *sluice.Server) error {
	admin := s.Admin()
	var lines []string
	if cfg.Demo {
		if err := admin.SetUpDemo(ctx); err != nil {
			return err
		}
		lines = append(lines, "", "Demo. Paste these into another terminal:", "")
		lines = append(lines, sluice.DemoCurl("http://"+cfg.Addr)...)
	} else if cfg.Role != sluice.RoleGateway {
		email, password, err := admin.Bootstrap(ctx)
		if err != nil {
			return err
		}
		if password != "" {
			lines = append(lines, "", "The database was empty. An administrator has been made; this is shown once:",
				"  login     "+email, "  password  "+password)
		}
	}
	if err := admin.SetUpExplorer(ctx, cfg); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.out, "Sluice %s listens on http://%s (%s)\n%s\n", sluice.Version, cfg.Addr, cfg, strings.Join(lines, "\n"))
	if f, ok := env.out.(*os.File); ok && err == nil {
		_ = f.Sync() // a pipe cannot; what was written is on its way
	}
	return err
}
