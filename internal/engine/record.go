package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// The events that Config.Record is told of.
const (
	DeploymentMade    = "deployment.create"
	DeploymentDeleted = "deployment.delete"
)

// Record is what an administrator may want to know later: that something was deployed or
// taken away, or that somebody wanted to.
type Record struct {
	Event      string
	Deployment string // its id; empty when it was not made
	Name       string
	TenantID   string
	// Definitions are the ids of what the deployment made or had, the first few.
	Definitions []string
	Processes   int  // how many there are
	Cascade     bool // instances went too
}

// recorded is how many definitions a record names.
const recorded = 10

func deploymentRecord(event string, d Deployment, definitions []Definition) Record {
	r := Record{Event: event, Deployment: d.ID, Name: d.Name, TenantID: d.TenantID, Processes: len(definitions)}
	for i := range definitions[:min(len(definitions), recorded)] {
		r.Definitions = append(r.Definitions, definitions[i].ID)
	}
	return r
}

// record writes a record in the command's transaction.
func (c *command) record(r Record) error {
	if c.e.cfg.Record == nil {
		return nil
	}
	return c.e.cfg.Record(c.ctx, c.tx, r)
}

// refused notes that something was refused, unless it failed for a reason that is not the
// caller's, and returns why.
func (e *Engine) refused(ctx context.Context, r Record, cause error) error {
	if cause == nil || e.cfg.Refused == nil {
		return cause
	}
	switch kind := fault.KindOf(cause); kind {
	case fault.Internal, fault.Unavailable:
	default:
		e.cfg.Refused(ctx, r, kind.String())
	}
	return cause
}

// Recorder writes a record beside what it tells of; its error undoes that.
type Recorder func(ctx context.Context, tx *store.Tx, r Record) error
