package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
)

// site is the place of one run: its folder, its databases and what was measured.
type site struct {
	o     options
	dir   string
	on    []*contender
	admin *pgx.Conn // nil without PostgreSQL
}

// contender is a database with an engine on it.
type contender struct {
	name   string // sqlite, postgres
	db     *store.DB
	cfg    store.Config
	engine *engine.Engine
	raw    *raw // nil on SQLite
}

var boss = engine.Actor{UserID: "kermit", Admin: true}

func newSite(ctx context.Context, o options) (*site, error) {
	dir, err := os.MkdirTemp("", "process-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	s := &site{o: o, dir: dir}
	if err := s.open(ctx, "sqlite", store.Config{Path: filepath.Join(dir, "sluice.db")}); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if o.postgres == "" {
		s.progress("PostgreSQL is not measured: -postgres and SLUICE_TEST_POSTGRES are empty")
		return s, nil
	}
	u, err := s.database(ctx)
	if err == nil {
		err = s.open(ctx, "postgres", store.Config{URL: u, Connections: 32})
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// database makes the run's own database on the server.
func (s *site) database(ctx context.Context) (string, error) {
	u, err := url.Parse(s.o.postgres)
	if err != nil {
		return "", errors.New("-postgres is not a URL")
	}
	if s.admin, err = pgx.Connect(ctx, s.o.postgres); err != nil {
		return "", err
	}
	for _, statement := range []string{"DROP DATABASE IF EXISTS sluice_process", "CREATE DATABASE sluice_process"} {
		if _, err := s.admin.Exec(ctx, statement); err != nil {
			return "", err
		}
	}
	u.Path = "/sluice_process"
	return u.String(), nil
}

func (s *site) open(ctx context.Context, name string, cfg store.Config) error {
	c := &contender{name: name, cfg: cfg}
	s.on = append(s.on, c)
	var err error
	if c.db, err = store.Open(ctx, cfg); err != nil {
		return err
	}
	if _, err := c.db.Migrate(ctx); err != nil {
		return err
	}
	if c.engine, err = newEngine(c.db); err != nil {
		return err
	}
	for _, f := range append(flows, flow{name: "timer", bpmn: process("timer", waiting)}, flow{name: "desk", bpmn: process("desk", desk)}) {
		d := engine.Deployment{Name: f.name, Resources: []engine.Resource{{Name: f.name + ".bpmn20.xml", Bytes: []byte(f.bpmn)}}}
		if _, err := c.engine.Deploy(ctx, boss, d); err != nil {
			return fmt.Errorf("deploying %s: %w", f.name, err)
		}
	}
	if cfg.URL != "" {
		c.raw, err = newRaw(ctx, cfg.URL, 32)
	}
	return err
}

func newEngine(db *store.DB) (*engine.Engine, error) {
	return engine.New(db, engine.Config{Workers: 8, Poll: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
}

func (s *site) close() error {
	var errs []error
	for _, c := range s.on {
		if c.raw != nil {
			c.raw.pool.Close()
		}
		if c.engine != nil {
			errs = append(errs, c.engine.Close())
		}
		if c.db != nil {
			errs = append(errs, c.db.Close())
		}
	}
	if s.admin != nil {
		_, err := s.admin.Exec(context.Background(), "DROP DATABASE IF EXISTS sluice_process")
		errs = append(errs, err, s.admin.Close(context.Background()))
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// progress tells on standard error how far it is; the report is on the other.
func (s *site) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (s *site) measure(ctx context.Context) error {
	fmt.Printf("%d processors shared by everything, %s; %d rounds of %s, medians; history audit.\n", runtime.NumCPU(), runtime.Version(), s.o.rounds, s.o.span)
	for _, f := range flows {
		if s.o.wants(f.name) {
			if err := s.throughput(ctx, f); err != nil {
				return err
			}
		}
	}
	if s.o.wants("timers") {
		if err := s.drain(ctx); err != nil {
			return err
		}
	}
	if s.o.wants("waiting") {
		return s.waiting(ctx)
	}
	return nil
}
