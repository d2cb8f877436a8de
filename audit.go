package sluice

import (
	"context"
	"iter"

	"github.com/sluicehq/sluice/internal/audit"
)

// AuditEvent is a line of the record of who did what; docs/operations.md lists the
// events.
type AuditEvent = audit.Event

// AuditQuery selects lines of the record. The zero value selects the newest of all.
type AuditQuery = audit.Query

// WithActor names who changes something by an Admin, for the audit record: actor is a
// short word for what kind of thing acts, name what people call it. Without it the
// actor is "program".
func WithActor(ctx context.Context, actor, name string) context.Context {
	return audit.WithActor(ctx, actor, name)
}

// Audit returns a page of the record and the cursor of the next one, which is empty
// after the last. A cursor belongs to the query that it was returned for; any other
// is refused.
func (a *Admin) Audit(ctx context.Context, q AuditQuery) (list []AuditEvent, next string, err error) {
	return a.audit.Page(ctx, q)
}

// AuditAll goes through all lines that q selects, page after page, whatever its
// Limit. An error is the last that it yields.
func (a *Admin) AuditAll(ctx context.Context, q AuditQuery) iter.Seq2[AuditEvent, error] {
	return func(yield func(AuditEvent, error) bool) {
		for q.Limit = audit.MaxPage; ; {
			list, next, err := a.audit.Page(ctx, q)
			if err != nil {
				yield(AuditEvent{}, err)
				return
			}
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			if q.Cursor = next; next == "" {
				return
			}
		}
	}
}
