package model

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Definition is what an app's own file says of the app. Its models are processes, by the
// numbers that they have as models.
type Definition struct {
	Models      []app.Model     `json:"models"`
	Theme, Icon string          `json:"-"`
	Access      json.RawMessage `json:"-"` // publishIdentityInfo
}

func newDefinition() Definition {
	return Definition{Models: []app.Model{}, Theme: "theme-1", Icon: "glyphicon-asterisk", Access: json.RawMessage("[]")}
}

// write returns the app's own file. Members of the file before that are not known here stay.
func (d Definition) write(before []byte, name, description string) ([]byte, error) {
	top := map[string]any{}
	inner := map[string]any{}
	if before != nil {
		if err := json.Unmarshal(before, &top); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "The app's own file cannot be read.")
		}
		if was, ok := top["definition"].(map[string]any); ok {
			inner = was
		}
	}
	for _, member := range []string{"models", "theme", "icon", "publishIdentityInfo"} {
		delete(top, member) // APS 1.5 has them here
	}
	access := d.Access
	if access == nil {
		access = json.RawMessage("[]")
	}
	inner["models"], inner["theme"], inner["icon"], inner["publishIdentityInfo"] = d.Models, d.Theme, d.Icon, access
	top["name"], top["description"], top["definition"] = name, description, inner
	return json.Marshal(top)
}

// definition reads an app's own file.
func (m *Model) definition() (Definition, error) {
	a, err := app.ReadOwn(app.File{Name: m.Name + ".json", Bytes: m.Content})
	if err != nil {
		return Definition{}, err
	}
	return Definition{a.Models, a.Theme, a.Icon, a.Access}, nil
}

// Definition returns an app with what its own file says; its models are the processes that
// it is made of. Errors: NotFound, Forbidden.
func (s *Service) Definition(ctx context.Context, by Actor, id int64) (*Model, Definition, error) {
	m, err := s.GetKind(ctx, by, id, App)
	if err != nil {
		return nil, Definition{}, err
	}
	d, err := m.definition()
	if err != nil {
		return nil, d, err
	}
	parts, err := usedBy(ctx, s.db, id)
	d.Models = []app.Model{}
	for _, p := range parts {
		if p.Kind == Process {
			d.Models = append(d.Models, app.Model{ID: p.ID, Name: p.Name, Description: p.Description, Version: p.Version})
		}
	}
	return m, d, err
}

// AppChange changes an app; nil leaves a member as it is.
type AppChange struct {
	Name, Description, Theme, Icon *string
	Access                         json.RawMessage // publishIdentityInfo
	// Processes are what the app is made of from now on, by their numbers.
	Processes *[]int64
}

// UpdateApp changes an app and returns it as it is then. Errors: NotFound, Forbidden,
// Invalid.
func (s *Service) UpdateApp(ctx context.Context, by Actor, id int64, change AppChange) (m *Model, err error) {
	if err := by.mayMake(App); err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		if m, err = s.loadFor(ctx, tx, by, id, Actor.Owns); err != nil {
			return err
		}
		if m.Kind != App {
			return fault.New(fault.NotFound, "There is no app with the id %d.", id)
		}
		d, err := m.definition()
		if err != nil {
			return err
		}
		m.rename(change.Name, change.Description)
		change.apply(&d)
		if change.Processes != nil {
			if d.Models, err = s.compose(ctx, tx, by, id, *change.Processes); err != nil {
				return err
			}
		}
		if _, err := (&app.App{Access: d.Access}).Readers(); err != nil {
			return err
		}
		if m.Content, err = d.write(m.Content, m.Name, m.Description); err != nil {
			return err
		}
		return s.save(ctx, tx, by, m, false)
	})
	return m, err
}

func (c *AppChange) apply(d *Definition) {
	if c.Theme != nil {
		d.Theme = *c.Theme
	}
	if c.Icon != nil {
		d.Icon = *c.Icon
	}
	if c.Access != nil {
		d.Access = c.Access
	}
}

// compose makes an app of these processes and of what it had besides processes.
func (s *Service) compose(ctx context.Context, tx *store.Tx, by Actor, id int64, processes []int64) ([]app.Model, error) {
	if len(processes) > maxProcesses {
		return nil, fault.New(fault.Invalid, "An app is made of %d processes at most.", maxProcesses)
	}
	before, err := usedBy(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	var order []int64
	list := []app.Model{}
	for _, p := range processes {
		m, err := s.loadFor(ctx, tx, by, p, Actor.sees)
		if err != nil {
			return nil, err
		}
		if m.Kind != Process || slices.Contains(order, p) {
			return nil, fault.New(fault.Invalid, "The models of an app are processes, each named once; %d is not.", p)
		}
		order = append(order, p)
		number, _ := strconv.ParseInt(m.number(), 10, 64)
		list = append(list, app.Model{ID: number, Name: m.Name, Description: m.Description, Version: m.Version})
	}
	for _, m := range before {
		if m.Kind != Process && (m.ReferenceID == 0 || slices.Contains(order, m.ReferenceID)) {
			order = append(order, m.ID)
		}
	}
	if _, err := tx.Exec(ctx, `DELETE FROM model_uses WHERE app_id = $1`, id); err != nil {
		return nil, err
	}
	for i, model := range order {
		if err := use(ctx, tx, id, model, i); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// maxProcesses bounds the processes of an app that is put together here.
const maxProcesses = 200
