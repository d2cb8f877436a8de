package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/form"
	"github.com/sluicehq/sluice/internal/store"
)

// AppOptions say how an app is deployed.
type AppOptions struct {
	Name     string // empty: the app's
	Category string
	Key      string // by which the app's definitions are found; may be empty
	TenantID string // empty: that of who deploys it
	// SkipSame gives the newest deployment of that name when it has the same files,
	// instead of new versions of the same.
	SkipSame bool
	// Of says that the deployment is one of an app that people see on their landing page;
	// nil: of none.
	Of *AppOf
}

// DeployApp stores an app's files and makes definitions of its processes, forms and
// decision tables. Errors: Invalid with everything that is wrong in any file.
func (e *Engine) DeployApp(ctx context.Context, actor Actor, a *app.App, o AppOptions) (*Deployed, error) {
	d := Deployment{Name: or(o.Name, a.Name), Category: o.Category, Key: o.Key, TenantID: o.TenantID}
	done, err := e.deployedApp(ctx, actor, d, a, o)
	return done, e.refused(ctx, deploymentRecord(DeploymentMade, d, nil), err)
}

func (e *Engine) deployedApp(ctx context.Context, actor Actor, d Deployment, a *app.App, o AppOptions) (*Deployed, error) {
	for _, f := range a.Files() {
		d.Resources = append(d.Resources, Resource(f))
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	var err error
	if d.TenantID, err = actor.mayDeploy(d.TenantID); err != nil {
		return nil, err
	}
	tables, wrong := d.decisionFiles()
	files, err := checkFiles(a, wrong)
	if err != nil {
		return nil, err
	}
	people, strangers, err := e.acquaint(ctx, d.TenantID, files)
	if err != nil {
		return nil, err
	}
	var done *Deployed
	err = e.do(ctx, actor, func(c *command) error {
		if done, err = c.deployApp(d, a, files, tables, o); err != nil {
			return err
		}
		return c.introduce(done.Definitions, people)
	})
	if err != nil {
		return nil, err
	}
	done.Problems = append(append(done.Problems, strangers...), e.warnings(files, a)...)
	return done, nil
}

func (c *command) deployApp(d Deployment, a *app.App, files []parsed, tables []decisionFile, o AppOptions) (done *Deployed, err error) {
	if o.SkipSame {
		if done, err = c.same(d); err != nil {
			return nil, err
		}
	}
	if done == nil {
		done = &Deployed{Deployment: d}
		if err := c.deploy(done, files); err != nil {
			return nil, err
		}
		if err := c.forms(done, a); err != nil {
			return nil, err
		}
		if err := c.decisionTables(&done.Deployment, tables); err != nil {
			return nil, err
		}
		if err := c.record(deploymentRecord(DeploymentMade, done.Deployment, done.Definitions)); err != nil {
			return nil, err
		}
	}
	if o.Of == nil {
		return done, nil
	}
	return done, c.place(&done.Deployment, a, *o.Of)
}

// checkFiles reads every file, and tells of every problem of every file at once, together
// with those that are known to be wrong already.
func checkFiles(a *app.App, wrong []string) ([]parsed, error) {
	var files []parsed
	keys := map[string]string{}
	for _, f := range a.Processes {
		doc, err := bpmn.Parse(f.Bytes, f.Name)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		for _, p := range doc.Processes {
			if other, ok := keys[p.ID]; ok && p.Executable {
				wrong = append(wrong, fmt.Sprintf("%s: the process %q is in %s too", f.Name, p.ID, other))
			}
			if p.Executable {
				keys[p.ID] = f.Name
			}
		}
		files = append(files, parsed{f.Name, doc})
	}
	for _, f := range a.Forms {
		if _, err := form.Parse(f.Bytes); err != nil {
			wrong = append(wrong, f.File.Name+": "+fault.Message(err))
		}
	}
	if len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "%s cannot be deployed: %s", a.Name, strings.Join(wrong, "; "))
	}
	return files, nil
}

// same returns the newest deployment of that name when it has the same files; nil
// otherwise.
func (c *command) same(d Deployment) (*Deployed, error) {
	done := &Deployed{}
	err := c.tx.QueryRow(c.ctx, done.Deployment.fields(), `SELECT `+deploymentColumns+` FROM deployments WHERE tenant_id = $1 AND name = $2 ORDER BY deployed_at DESC, id DESC LIMIT 1`, d.TenantID, d.Name)
	if errors.Is(err, store.ErrNoRow) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	have, different := map[string]string{}, false
	for _, r := range d.Resources {
		have[r.Name] = string(r.Bytes)
	}
	n := 0
	err = c.tx.Query(c.ctx, func(row store.Row) error {
		var name string
		var data []byte
		if err := row.Scan(&name, &data); err != nil {
			return err
		}
		n++
		text, ok := have[name]
		different = different || !ok || text != string(data)
		return nil
	}, `SELECT name, bytes FROM resources WHERE deployment_id = $1`, done.Deployment.ID)
	if err != nil || different || n != len(have) {
		return nil, err
	}
	err = c.tx.Query(c.ctx, func(row store.Row) error {
		var def Definition
		err := row.Scan(def.fields()...)
		done.Definitions = append(done.Definitions, def)
		return err
	}, `SELECT `+definitionColumns+` FROM definitions WHERE deployment_id = $1 ORDER BY key`, done.Deployment.ID)
	return done, err
}

// forms makes the next version of each form.
func (c *command) forms(done *Deployed, a *app.App) error {
	d := done.Deployment
	for _, f := range a.Forms {
		version, err := c.nextVersion("forms", d.TenantID, f.Key)
		if err != nil {
			return err
		}
		number, err := c.tx.Next(c.ctx, AppSequence)
		if err != nil {
			return err
		}
		text := strings.TrimPrefix(string(f.Bytes), "\xef\xbb\xbf")
		if err := c.insert("forms", `id, number, key, version, name, deployment_id, tenant_id, json`, [][]any{{newID(), number, f.Key, version, f.Name, d.ID, d.TenantID, text}}, ""); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) nextVersion(table, tenant, key string) (int, error) {
	n := 0
	err := c.tx.QueryRow(c.ctx, []any{&n}, `SELECT COALESCE(MAX(version), 0) + 1 FROM `+table+` WHERE tenant_id = $1 AND key = $2`, tenant, key)
	return n, err
}

// warnings tell of what can be deployed and will not work: delegates that nobody has
// registered, and forms that are not in the app.
func (e *Engine) warnings(files []parsed, a *app.App) []bpmn.Problem {
	var all []bpmn.Problem
	have := map[string]bool{}
	for _, f := range a.Forms {
		have[f.Key] = true
		parsed, err := form.Parse(f.Bytes)
		if err != nil {
			continue
		}
		for _, w := range parsed.Warnings {
			all = append(all, bpmn.Problem{Name: "form-pattern", Message: f.File.Name + ": " + w, Warning: true})
		}
	}
	for _, f := range files {
		for _, p := range f.document.Processes {
			for _, n := range p.Order {
				all = append(all, e.nodeWarnings(n, have)...)
			}
		}
	}
	return all
}

func (e *Engine) nodeWarnings(n *bpmn.Node, forms map[string]bool) []bpmn.Problem {
	var all []bpmn.Problem
	warn := func(name, format string, args ...any) {
		all = append(all, bpmn.Problem{Name: name, Message: fmt.Sprintf(format, args...), Process: n.Process.ID, Element: n.ID, Line: n.Line, Column: n.Column, Warning: true})
	}
	if w := n.Work; w != nil {
		if name := unknownDelegate(e, w.Class, w.DelegateExpression); name != "" {
			warn("delegate-unknown", "the delegate %q is not registered with this server; reaching it makes a dead job", name)
		}
	}
	for _, l := range listenersAt(n) {
		if name := unknownDelegate(e, l.Class, l.DelegateExpression); name != "" {
			warn("delegate-unknown", "the listener %q is not registered with this server; telling it of %q fails", name, l.Event)
		}
	}
	if n.Form != nil && n.Form.Key != nil {
		if key, ok := n.Form.Key.Literal(); ok && key != "" && !forms[key] {
			warn("form-missing", "the form %q is not in the deployment", key)
		}
	}
	return all
}

// listenersAt are the listeners of a node, of its task and of the flows that leave it.
func listenersAt(n *bpmn.Node) []bpmn.Listener {
	all := slices.Clone(n.Listeners)
	if n.User != nil {
		all = append(all, n.User.Listeners...)
	}
	for _, f := range n.Out {
		all = append(all, f.Listeners...)
	}
	return all
}

// unknownDelegate returns the name of a delegate that is not registered; empty when it is,
// or when the model does not say which it is before it runs.
func unknownDelegate(e *Engine, class string, expression *bpmn.Text) string {
	if class == "" && expression != nil {
		for _, name := range expression.Variables() {
			if expression.Text() == "${"+name+"}" || expression.Text() == "#{"+name+"}" {
				class = name
			}
		}
	}
	if class == "" || e.cfg.delegate(class) != nil || e.cfg.Beans[class] != nil {
		return ""
	}
	return class
}
