package sluice

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluicehq/sluice/internal/api"
	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/store"
)

// ProcessConfig is how processes are run; docs/process.md tells what they can do.
type ProcessConfig struct {
	// History is the level of what is kept of instances: none, activity, audit or full.
	// sluice.process.history. Default audit.
	History string
	// Workers is how many jobs this process works on at once; 0 leaves them to other
	// processes. sluice.process.job-workers. Default 4.
	Workers int
	// Poll is how often jobs are looked for that another process has made.
	// sluice.process.job-poll. Default 5s.
	Poll time.Duration
	// Lease is after how long another process takes a job over whose own has died.
	// sluice.process.job-lease. Default 5m.
	Lease time.Duration
	// Retries is how often a failing job is tried, and RetryWait how long it waits
	// between, unless its activity says otherwise. sluice.process.job-retries,
	// sluice.process.job-retry-wait. Default 3 and 10s.
	Retries   int
	RetryWait time.Duration
	// MaxSteps bounds the steps of one command, so that a process that runs in circles
	// ends. sluice.process.max-steps. Default 100000.
	MaxSteps int
	// MaxVariable, MaxContent and MaxDeployment bound bytes: of one variable, of one
	// uploaded content, of one deployment's file. sluice.process.max-variable-bytes,
	// .max-content-bytes, .max-deployment-bytes. Default 8, 100 and 64 MiB.
	MaxVariable, MaxContent, MaxDeployment int
	// MaxLooseContents and MaxLooseBytes bound the uploads of one user that no task, process
	// or form has taken yet: their number and their bytes together. A week after it came such
	// an upload is taken away. sluice.process.max-loose-contents, .max-loose-bytes. Default
	// 200 and 1 GiB.
	MaxLooseContents, MaxLooseBytes int
	// ContentFolder is the folder in which the bytes of uploaded contents are kept; all
	// servers on a database need the same one. Empty means the database. What was kept before
	// it was set stays where it is. sluice.process.content-folder. Default none.
	ContentFolder string
}

func defaultProcess() ProcessConfig {
	return ProcessConfig{History: "audit", Workers: 4, Poll: 5 * time.Second, Lease: 5 * time.Minute, Retries: 3, RetryWait: 10 * time.Second, MaxSteps: 100_000,
		MaxVariable: 8 << 20, MaxContent: 100 << 20, MaxDeployment: 64 << 20, MaxLooseContents: 200, MaxLooseBytes: 1 << 30}
}

func (c Config) validateProcess(p *problems) {
	c2 := c.Process
	p.add(!slices.Contains([]string{"none", "activity", "audit", "full"}, c2.History), "sluice.process.history", "%q is not none, activity, audit or full", c2.History)
	p.add(c2.Workers < 0 || c2.Workers > 1000, "sluice.process.job-workers", "%d is not from 0 to 1000", c2.Workers)
	p.add(c2.Poll < 100*time.Millisecond || c2.Poll > time.Hour, "sluice.process.job-poll", "%s is not from 100ms to 1h", c2.Poll)
	p.add(c2.Lease < 10*time.Second || c2.Lease > 24*time.Hour, "sluice.process.job-lease", "%s is not from 10s to 24h", c2.Lease)
	p.add(c2.Retries < 1 || c2.Retries > 1000, "sluice.process.job-retries", "%d is not from 1 to 1000", c2.Retries)
	p.add(c2.RetryWait < time.Second || c2.RetryWait > 24*time.Hour, "sluice.process.job-retry-wait", "%s is not from 1s to 24h", c2.RetryWait)
	p.add(c2.MaxSteps < 100 || c2.MaxSteps > 100_000_000, "sluice.process.max-steps", "%d is not from 100 to 100000000", c2.MaxSteps)
	const gib = 1 << 30
	p.add(c2.MaxVariable < 1024 || c2.MaxVariable > gib, "sluice.process.max-variable-bytes", "%d is not from 1024 to %d", c2.MaxVariable, gib)
	p.add(c2.MaxContent < 1024 || c2.MaxContent > 100*gib, "sluice.process.max-content-bytes", "%d is not from 1024 to %d", c2.MaxContent, 100*gib)
	p.add(c2.MaxLooseContents < 1 || c2.MaxLooseContents > 1_000_000, "sluice.process.max-loose-contents", "%d is not from 1 to 1000000", c2.MaxLooseContents)
	p.add(c2.MaxLooseBytes < 1024 || c2.MaxLooseBytes > 1024*gib, "sluice.process.max-loose-bytes", "%d is not from 1024 to %d", c2.MaxLooseBytes, 1024*gib)
	p.add(c2.MaxDeployment < 1024 || c2.MaxDeployment > gib, "sluice.process.max-deployment-bytes", "%d is not from 1024 to %d", c2.MaxDeployment, gib)
}

// Delegate is the code of service tasks and listeners that name it by class or delegate
// expression. It runs inside a transaction: what leaves the process is an OutsideDelegate.
type Delegate = engine.Delegate

// DelegateFunc is a function as a Delegate.
type DelegateFunc = engine.DelegateFunc

// OutsideDelegate is work that leaves the process, as a call of a service. A Delegate that
// has its methods too is run as one: as a job, outside of any transaction.
type OutsideDelegate = engine.Outside

// Execution is what a Delegate sees of the process.
type Execution = engine.Execution

// BPMNError is what a Delegate returns to throw a BPMN error.
type BPMNError = engine.Error

// WithDelegate registers a delegate by the name that processes call it by: a Java class,
// or the name in ${…} of a delegate expression.
func WithDelegate(name string, d Delegate) Option {
	return func(s *Server) error {
		if _, twice := s.delegates[name]; twice || d == nil || name == "" {
			return fmt.Errorf("WithDelegate: %q is there twice, or has no code", name)
		}
		if s.delegates == nil {
			s.delegates = map[string]Delegate{}
		}
		s.delegates[name] = d
		return nil
	}
}

// openEngine makes the room of processes where the role asks for it.
func (s *Server) openEngine() (err error) {
	if s.cfg.Role != RoleAll && s.cfg.Role != RoleProcess {
		return nil
	}
	p := s.cfg.Process
	delegates, beans, err := s.known()
	if err != nil {
		return err
	}
	s.engine, err = engine.New(s.db, engine.Config{
		History: p.History, Delegates: delegates, Beans: beans, MaxSteps: p.MaxSteps, MaxValue: p.MaxVariable, MaxContent: int64(p.MaxContent),
		MaxLoose: int64(p.MaxLooseContents), MaxLooseBytes: int64(p.MaxLooseBytes), ContentFolder: p.ContentFolder, Retries: p.Retries, RetryWait: p.RetryWait,
		Lease: p.Lease, Workers: p.Workers, Poll: p.Poll, Now: s.now, Log: s.log, UserByEmail: s.userByEmail, GroupByName: s.groupByName,
		Record: s.recordDeployment, Refused: s.refusedDeployment,
	})
	return err
}

// recordDeployment writes the audit line of what was deployed or deleted.
func (s *Server) recordDeployment(ctx context.Context, tx *store.Tx, r engine.Record) error {
	return s.audit.Write(ctx, tx, deploymentEvent(r))
}

// refusedDeployment writes the audit line of what was refused of that.
func (s *Server) refusedDeployment(ctx context.Context, r engine.Record, kind string) {
	e := deploymentEvent(r)
	e.Outcome, e.Details["reason"] = audit.Failure, kind
	s.audit.Try(ctx, e)
}

func deploymentEvent(r engine.Record) audit.Event {
	e := audit.Event{Name: r.Event, Details: audit.Details{"name": r.Name}}
	if r.Deployment != "" {
		e.Subject = "deployment:" + r.Deployment
	}
	if r.TenantID != "" {
		e.Details["tenant"] = r.TenantID
	}
	if r.Processes > 0 {
		e.Details["processes"], e.Details["definitions"] = r.Processes, r.Definitions
	}
	if r.Cascade {
		e.Details["cascade"] = true
	}
	return e
}

// deploymentLimits bound what is deployed.
func (s *Server) deploymentLimits() app.Limits {
	return app.Limits{Archive: int64(s.cfg.Process.MaxDeployment)}
}

// operator is who acts by the command line or by Go: nobody whom a process would know, with
// every right.
var operator = engine.Actor{Admin: true, AllTenants: true}

// NewApp says what is deployed, and how.
type NewApp struct {
	// Name is the deployment's; empty: the app's own, or the file's.
	Name     string
	Category string
	// Key is what you call the deployment; may be empty.
	Key      string
	TenantID string
	// Always makes new versions even of what is deployed in the same form.
	Always bool
}

// App is a deployment: the files of an app, with the processes in them.
type App struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Category   string            `json:"category,omitempty"`
	Key        string            `json:"key,omitempty"`
	TenantID   string            `json:"tenantId,omitempty"`
	DeployedAt time.Time         `json:"deployedAt"` // in UTC
	Processes  []DeployedProcess `json:"processes"`
	// Warnings tell what was deployed and will not work; of DeployApp alone.
	Warnings []string `json:"warnings,omitempty"`
}

// DeployedProcess is one version of a process.
type DeployedProcess struct {
	ID      string `json:"id"` // key:version:unique part
	Key     string `json:"key"`
	Version int    `json:"version"`
	Name    string `json:"name"`
}

// DeployApp deploys what is at a path: an app's zip as APS exports it, a .bar, a BPMN
// file, or a directory of such files. What is deployed in the same form already stays,
// unless n.Always says otherwise. It is an app on the landing page, found again by its
// name.
func (a *Admin) DeployApp(ctx context.Context, path string, n NewApp) (*App, error) {
	read, err := readApp(path, a.limits)
	if err != nil {
		return nil, err
	}
	return a.deploy(ctx, read, n)
}

// readApp reads an app from a file or a directory.
func readApp(path string, limits app.Limits) (*app.App, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		absolute, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		return app.ReadFS(filepath.Base(absolute), os.DirFS(path), limits)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return app.Read(filepath.Base(path), data, limits)
}

// DeployFS is DeployApp for files that a program holds.
func (a *Admin) DeployFS(ctx context.Context, name string, files fs.FS, n NewApp) (*App, error) {
	read, err := app.ReadFS(name, files, a.limits)
	if err != nil {
		return nil, err
	}
	return a.deploy(ctx, read, n)
}

func (a *Admin) deploy(ctx context.Context, read *app.App, n NewApp) (*App, error) {
	readers, err := api.AppReaders(ctx, a.users, read)
	if err != nil {
		return nil, err
	}
	done, err := a.engine.DeployApp(ctx, operator, read, engine.AppOptions{Name: n.Name, Category: n.Category, Key: n.Key, TenantID: n.TenantID, SkipSame: !n.Always,
		Of: &engine.AppOf{Shown: true, Readers: readers}})
	if err != nil {
		return nil, err
	}
	deployed := tellApp(done.Deployment, done.Definitions)
	for _, p := range done.Problems {
		where := p.Element
		if where == "" {
			where = p.Process
		}
		deployed.Warnings = append(deployed.Warnings, fmt.Sprintf("%s: %s", where, p.Message))
	}
	a.audit.Try(ctx, audit.Event{Name: "app.deploy", Subject: deployed.ID, Details: audit.Details{"name": deployed.Name}})
	return deployed, nil
}

func tellApp(d engine.Deployment, definitions []engine.Definition) *App {
	deployed := &App{ID: d.ID, Name: d.Name, Category: d.Category, Key: d.Key, TenantID: d.TenantID, DeployedAt: d.DeployedAt, Processes: []DeployedProcess{}}
	for _, def := range definitions {
		deployed.Processes = append(deployed.Processes, DeployedProcess{ID: def.ID, Key: def.Key, Version: def.Version, Name: def.Name})
	}
	return deployed
}

// Apps returns deployments with their processes, the newest first, and whether there are
// more: limit at most, 0 means 100, never more than 1000.
func (a *Admin) Apps(ctx context.Context, offset, limit int) (list []App, more bool, err error) {
	q := Selection{Offset: max(offset, 0), Limit: limit}
	found, total, err := a.engine.Deployments(ctx, engine.DeploymentQuery{Page: engine.Page{Offset: q.Offset, Limit: q.limit()}})
	if err != nil {
		return nil, false, err
	}
	for _, d := range found {
		definitions, _, err := a.engine.Definitions(ctx, engine.DefinitionQuery{DeploymentID: d.ID, Page: engine.Page{Limit: engine.MaxPage}})
		if err != nil {
			return nil, false, err
		}
		list = append(list, *tellApp(d, definitions))
	}
	return list, q.Offset+len(found) < total, nil
}

// DeleteApp takes a deployment away. It is an error when there are instances of its
// processes, unless cascade says that they go too, with all that is kept of them.
func (a *Admin) DeleteApp(ctx context.Context, id string, cascade bool) error {
	if err := a.engine.DeleteDeployment(ctx, operator, id, cascade); err != nil {
		return err
	}
	a.audit.Try(ctx, audit.Event{Name: "app.delete", Subject: id, Details: audit.Details{"cascade": cascade}})
	return nil
}
