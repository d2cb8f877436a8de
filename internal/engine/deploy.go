package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// maxResources is how many files a deployment may have.
const maxResources = 1000

// Deployed is what a deployment has made.
type Deployed struct {
	Deployment  Deployment
	Definitions []Definition
	Problems    []bpmn.Problem // warnings
}

// Deploy stores resources and makes a definition of each executable process in them.
// Earlier versions of the same key stop starting by timer, message or signal. Errors:
// Invalid when a file is no process, with all that is wrong; Forbidden for another tenant.
func (e *Engine) Deploy(ctx context.Context, actor Actor, d Deployment) (*Deployed, error) {
	done, err := e.deployed(ctx, actor, d)
	return done, e.refused(ctx, deploymentRecord(DeploymentMade, d, nil), err)
}

func (e *Engine) deployed(ctx context.Context, actor Actor, d Deployment) (*Deployed, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	var err error
	if d.TenantID, err = actor.mayDeploy(d.TenantID); err != nil {
		return nil, err
	}
	parsed, err := d.parse()
	if err != nil {
		return nil, err
	}
	tables, wrong := d.decisionFiles()
	if len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "The deployment's decision tables cannot be used: %s.", strings.Join(wrong, "; "))
	}
	people, strangers, err := e.acquaint(ctx, d.TenantID, parsed)
	if err != nil {
		return nil, err
	}
	var done *Deployed
	err = e.do(ctx, actor, func(c *command) error {
		done = &Deployed{Deployment: d}
		if err := c.deploy(done, parsed); err != nil {
			return err
		}
		if err := c.introduce(done.Definitions, people); err != nil {
			return err
		}
		if err := c.decisionTables(&done.Deployment, tables); err != nil {
			return err
		}
		return c.record(deploymentRecord(DeploymentMade, done.Deployment, done.Definitions))
	})
	if err != nil {
		return nil, err
	}
	done.Problems = append(done.Problems, strangers...)
	return done, nil
}

func (d Deployment) check() error {
	switch {
	case len(d.Resources) == 0:
		return fault.New(fault.Invalid, "A deployment needs a file.")
	case len(d.Resources) > maxResources:
		return fault.New(fault.TooLarge, "A deployment may have %d files at most.", maxResources)
	case utf8.RuneCountInString(d.Name) > maxName:
		return fault.New(fault.Invalid, "A deployment's name has %d characters at most.", maxName)
	}
	seen := map[string]bool{}
	for _, r := range d.Resources {
		if r.Name == "" || utf8.RuneCountInString(r.Name) > maxName || seen[r.Name] {
			return fault.New(fault.Invalid, "Each file of a deployment needs a name of its own with at most %d characters.", maxName)
		}
		seen[r.Name] = true
	}
	return nil
}

// parsed is a BPMN file of a deployment.
type parsed struct {
	resource string
	document *bpmn.Document
}

// isProcess reports whether a file of that name holds processes.
func isProcess(name string) bool {
	return strings.HasSuffix(name, ".bpmn20.xml") || strings.HasSuffix(name, ".bpmn")
}

func (d Deployment) parse() ([]parsed, error) {
	var all []parsed
	keys := map[string]bool{}
	for _, r := range d.Resources {
		if !isProcess(r.Name) {
			continue
		}
		doc, err := bpmn.Parse(r.Bytes, r.Name)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, fmt.Sprintf("The file %q cannot be deployed: %s.", r.Name, err))
		}
		for _, p := range doc.Processes {
			if p.Executable && keys[p.ID] {
				return nil, fault.New(fault.Invalid, "The deployment has two processes with the id %q.", p.ID)
			}
			keys[p.ID] = p.Executable
		}
		all = append(all, parsed{r.Name, doc})
	}
	return all, nil
}

func (c *command) deploy(done *Deployed, files []parsed) error {
	d := &done.Deployment
	d.ID, d.DeployedAt = newID(), c.now
	if err := c.insert("deployments", `id, name, category, key, tenant_id, deployed_at`,
		[][]any{{d.ID, d.Name, d.Category, d.Key, d.TenantID, store.Millis(d.DeployedAt)}}, ""); err != nil {
		return err
	}
	for _, r := range d.Resources {
		if err := c.insert("resources", `deployment_id, name, bytes`, [][]any{{d.ID, r.Name, r.Bytes}}, ""); err != nil {
			return err
		}
	}
	for _, f := range files {
		done.Problems = append(done.Problems, f.document.Problems...)
		for _, p := range f.document.Processes {
			if !p.Executable {
				continue
			}
			done.Problems = append(done.Problems, checkScripts(p)...)
			def, err := c.define(d, f, p)
			if err != nil {
				return err
			}
			done.Definitions = append(done.Definitions, def)
		}
	}
	return nil
}

// define makes the next version of a process.
func (c *command) define(d *Deployment, f parsed, p *bpmn.Process) (Definition, error) {
	before, err := newest(c.ctx, c.tx, d.TenantID, p.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return before, err
	}
	def := Definition{Key: p.ID, Version: before.Version + 1, Name: p.Name, Description: p.Documentation, Category: or(d.Category, f.document.Namespace),
		DeploymentID: d.ID, Resource: f.resource, StartForm: startForm(p), Diagram: p.Diagram != nil, TenantID: d.TenantID, DeployedAt: c.now}
	def.ID = fmt.Sprintf("%s:%d:%s", def.Key, def.Version, newID())
	if err := c.insert("definitions", definitionColumns, [][]any{def.values()}, ""); err != nil {
		return def, err
	}
	if before.ID != "" {
		if err := c.retire(before.ID); err != nil {
			return def, err
		}
	}
	if err := c.starters(&def, p); err != nil {
		return def, err
	}
	return def, c.arm(&def, p)
}

func (d *Definition) values() []any {
	return []any{d.ID, d.Key, d.Version, d.Name, d.Description, d.Category, d.DeploymentID, d.Resource, d.StartForm, d.Diagram, d.Suspended, d.History,
		d.TenantID, store.Millis(d.DeployedAt)}
}

func startForm(p *bpmn.Process) bool {
	for _, start := range p.Root.Starts {
		if start.Form != nil {
			return true
		}
	}
	return false
}

// retire takes away what starts an older version by itself.
func (c *command) retire(id string) error {
	for _, table := range []string{"jobs", "subscriptions"} {
		if _, err := c.tx.Exec(c.ctx, `DELETE FROM `+table+` WHERE definition_id = $1 AND instance_id = ''`, id); err != nil {
			return err
		}
	}
	return nil
}

// starters keeps who may start the process, when it says.
func (c *command) starters(def *Definition, p *bpmn.Process) error {
	for _, u := range p.CandidateStarterUsers {
		c.rows.links = append(c.rows.links, Link{DefinitionID: def.ID, Kind: Candidate, UserID: u})
	}
	for _, g := range p.CandidateStarterGroups {
		c.rows.links = append(c.rows.links, Link{DefinitionID: def.ID, Kind: Candidate, GroupID: g})
	}
	return nil
}

// arm makes the timers and subscriptions by which the process starts by itself.
func (c *command) arm(def *Definition, p *bpmn.Process) error {
	for _, start := range p.Root.Starts {
		if start.Event == nil {
			continue
		}
		var err error
		switch start.Event.Kind {
		case bpmn.TimerEvent:
			err = c.startTimer(def, start, nil)
		case bpmn.MessageEvent:
			err = c.subscribeStart(def, start, OfMessage)
		case bpmn.SignalEvent:
			err = c.subscribeStart(def, start, OfSignal)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *command) subscribeStart(def *Definition, start *bpmn.Node, kind string) error {
	name, err := c.outside(start.Event.Name)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, fmt.Sprintf("The start event %q has no name that can be known before there is an instance.", start.ID))
	}
	if kind == OfMessage {
		var other string
		err := c.tx.QueryRow(c.ctx, []any{&other}, `SELECT definition_id FROM subscriptions WHERE kind = $1 AND name = $2 AND tenant_id = $3 AND instance_id = ''`, kind, name, def.TenantID)
		if err == nil {
			return fault.New(fault.Invalid, "The message %q starts the process definition %q already.", shown(name), other)
		}
		if !errors.Is(err, store.ErrNoRow) {
			return err
		}
	}
	s := &Subscription{ID: newID(), Kind: kind, Name: name, DefinitionID: def.ID, ActivityID: start.ID, CreatedAt: c.now, TenantID: def.TenantID}
	return c.insert("subscriptions", subscriptionColumns, [][]any{{s.ID, s.Kind, s.Name, "", "", s.DefinitionID, s.ActivityID, store.Millis(s.CreatedAt), s.TenantID}}, "")
}
