package model

import (
	"context"
	"fmt"
	"strconv"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Publishing says how an app is published.
type Publishing struct {
	Comment string
	Shown   bool // put it on the landing page
	// Readers tells who may see an app whose file names somebody; nil: everybody may.
	Readers func(context.Context, *app.App) ([]engine.Reader, error)
}

// Published is an app that was published, or what speaks against it.
type Published struct {
	Model *Model
	App   *engine.App // nil when it was not published
	// Wrong tells everything that is wrong with any file; empty: it was published.
	Wrong    string
	Warnings []string // what was deployed and will not work
}

// Publish gives an app to the engine, which checks and deploys it, and begins a new version
// of the model. Errors: NotFound, Forbidden; what is wrong with the app itself is told in
// the answer.
func (s *Service) Publish(ctx context.Context, by Actor, id int64, p Publishing) (*Published, error) {
	if err := by.mayPublish(); err != nil {
		return nil, err
	}
	m, files, err := s.files(ctx, by, id)
	if err != nil {
		return nil, err
	}
	done := &Published{Model: m}
	deployed, err := s.deploy(ctx, by, m, files, p)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		done.Wrong = fault.Message(err)
		return done, nil
	}
	if err != nil {
		return nil, err
	}
	for _, w := range deployed.Problems {
		where := w.Element
		if where == "" {
			where = w.Process
		}
		done.Warnings = append(done.Warnings, fmt.Sprintf("%s: %s", where, w.Message))
	}
	of, err := s.engine.AppDeployment(ctx, engine.AppDeploymentQuery{DeploymentID: deployed.Deployment.ID})
	if err != nil {
		return nil, err
	}
	done.App = &of.App
	done.Model, err = s.begin(ctx, by, id, p.Comment)
	return done, err
}

func (s *Service) deploy(ctx context.Context, by Actor, m *Model, files []app.File, p Publishing) (*engine.Deployed, error) {
	a, err := app.New(m.Name, files)
	if err != nil {
		return nil, err
	}
	a.Name, a.Description = m.Name, m.Description
	of := &engine.AppOf{ModelID: m.ID, Shown: p.Shown}
	if p.Readers != nil {
		if of.Readers, err = p.Readers(ctx, a); err != nil {
			return nil, err
		}
	}
	return s.engine.DeployApp(ctx, by.deployer(), a, engine.AppOptions{Name: m.Name, TenantID: by.TenantID, Of: of})
}

// deployer is the actor for the engine, when it has been asked whether he may deploy.
func (a Actor) deployer() engine.Actor {
	return engine.Actor{UserID: strconv.FormatInt(a.UserID, 10), Admin: true, TenantID: a.TenantID}
}

// DeployForm gives a form model to the engine, so that it can be attached to a task, and
// returns the deployment's id: the same one as long as the form has not changed. The form
// is of no app. Errors: NotFound, Forbidden, Invalid for one that is not whole.
func (s *Service) DeployForm(ctx context.Context, by Actor, id int64) (string, error) {
	m, err := s.GetKind(ctx, by, id, Form)
	if err != nil {
		return "", err
	}
	name := "form " + strconv.FormatInt(id, 10)
	a, err := app.New(name, []app.File{{Name: dirs[Form] + "/" + app.Named(m.Name) + "-" + strconv.FormatInt(id, 10) + ends[Form], Bytes: m.Content}})
	if err != nil {
		return "", err
	}
	done, err := s.engine.DeployApp(ctx, by.deployer(), a, engine.AppOptions{Name: name, TenantID: by.TenantID, SkipSame: true})
	if err != nil {
		return "", err
	}
	return done.Deployment.ID, nil
}

// begin keeps what was published as a version.
func (s *Service) begin(ctx context.Context, by Actor, id int64, comment string) (m *Model, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = load(ctx, tx, id); err != nil {
			return err
		}
		m.Comment = comment
		return s.save(ctx, tx, by, m, true)
	})
	return m, err
}
