package model

import (
	"context"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Actor is who works with models.
type Actor struct {
	UserID   int64
	TenantID string
	Admin    bool // of the tenant
	Reader   bool // may see every model of the tenant
	Editor   bool // may make models of every kind
	// Publisher may publish what he may see, and make models of every kind.
	Publisher bool
}

// sees reports whether the actor may see a model of his tenant: his own, or any as
// somebody with that right.
func (a Actor) sees(m *Model) bool {
	return a.Admin || a.Reader || a.UserID != 0 && m.CreatedBy == a.UserID
}

// Owns reports whether the actor may change or delete a model.
func (a Actor) Owns(m *Model) bool { return a.Admin || a.UserID != 0 && m.CreatedBy == a.UserID }

// mayMake refuses what the actor may not make. Everybody may make forms: they attach them
// to their tasks. What is deployed is for those who may deploy or draw.
func (a Actor) mayMake(kind Kind) error {
	if a.Admin || a.Editor || a.Publisher || kind == Form {
		return nil
	}
	return fault.New(fault.Forbidden, "Only an administrator, or a user with the capability access-editor or publish-app-to-dashboard, may do this.")
}

func (a Actor) mayPublish() error {
	if a.Admin || a.Publisher {
		return nil
	}
	return fault.New(fault.Forbidden, "Only an administrator, or a user with the capability publish-app-to-dashboard, may do this.")
}

// room refuses one more model of somebody who has made too many.
func (a Actor) room(ctx context.Context, tx *store.Tx) error {
	n := 0
	err := tx.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM models WHERE created_by = $1`, a.UserID)
	if err == nil && n >= maxModels {
		err = fault.New(fault.Invalid, "A user may keep at most %d models.", maxModels)
	}
	return err
}
