package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/juel"
)

// Binder is a bean that wants to know where it is asked: who gave the command, and in
// which instance.
type Binder interface {
	juel.Object
	// Bind returns what an expression sees. x is valid until the expression has been
	// evaluated.
	Bind(x *Execution) juel.Object
}

// bean returns a bean as expressions see it at a place; nil when there is none.
func (p place) bean(name string) juel.Object {
	bean := p.c.e.cfg.Beans[name]
	if bean == nil && name == decisionService && p.x != nil {
		return decisionBean{p}
	}
	if b, ok := bean.(Binder); ok && p.x != nil {
		return b.Bind(&Execution{place: p})
	}
	return bean
}

// Context returns the command's context.
func (x *Execution) Context() context.Context { return x.place.c.ctx }
