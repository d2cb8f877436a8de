package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// command is one change: what it has loaded, what is left to do and what it will
// write. It lives as long as its transaction.
type command struct {
	e     *Engine
	ctx   context.Context
	tx    *store.Tx
	actor Actor
	now   time.Time

	instances []*instance // loaded or made, in that order
	tasks     []*task
	alone     map[string]*variables // of tasks without an instance, by task
	agenda    []step
	head      int
	steps     int
	rows      writes
	batch     []store.Statement // of flush; nil before
	stuck     *incident         // the last activity that could not be run
}

// step is one thing that is left to do at an execution.
type step struct {
	x  *execution
	do func(*command, *execution) error
}

// instance is a process that a command works on.
type instance struct {
	Instance
	rev      int64
	fresh    bool // made by this command
	changed  bool
	def      *definition
	root     *execution // nil when it had ended before
	vars     *variables // nil until somebody asks
	numbered int        // the last number that an execution was given
	recheck  bool       // conditions of waiting events are to be looked at
}

// errStale says that somebody else changed an instance between its reading and its
// writing. The command is tried again.
var errStale = errors.New("the instance has changed meanwhile")

// tries is how often a command is run when others change the same instance.
const tries = 4

// do runs a command in a transaction: fn says what is to be done, the agenda does it.
// fn may be called more than once and must begin anew each time.
func (e *Engine) do(ctx context.Context, actor Actor, fn func(*command) error) error {
	var err error
	for range tries {
		err = e.db.Write(ctx, func(tx *store.Tx) error {
			c := &command{e: e, ctx: ctx, tx: tx, actor: actor, now: e.now()}
			if err := fn(c); err != nil {
				return err
			}
			if err := c.run(); err != nil {
				return err
			}
			return c.flush()
		})
		if !errors.Is(err, errStale) && !errors.Is(err, store.ErrMissed) && !deadlocked(err) {
			return err
		}
	}
	return fault.Wrap(fault.Conflict, err, "Others are changing the same process instance. Try again.")
}

// deadlocked reports whether PostgreSQL gave this transaction up for another one.
func deadlocked(err error) bool {
	var pg interface{ SQLState() string }
	return errors.As(err, &pg) && (pg.SQLState() == "40P01" || pg.SQLState() == "40001")
}

// plan puts a step at the end of the agenda.
func (c *command) plan(x *execution, do func(*command, *execution) error) {
	c.agenda = append(c.agenda, step{x, do})
}

// run works the agenda off until every token waits.
func (c *command) run() error {
	for {
		for c.head < len(c.agenda) {
			s := c.agenda[c.head]
			c.agenda[c.head] = step{}
			c.head++
			if s.x.ended {
				continue
			}
			if c.steps++; c.steps > c.e.cfg.MaxSteps {
				return c.failure(s.x, fmt.Errorf("it took more than %d steps without coming to a wait; it may run in circles", c.e.cfg.MaxSteps))
			}
			if err := c.guarded(s); err != nil {
				return err
			}
		}
		c.agenda, c.head = c.agenda[:0], 0
		if again, err := c.settle(); err != nil || !again {
			return err
		}
	}
}

// guarded runs a step; a BPMN error that it ends with is thrown where it happened.
func (c *command) guarded(s step) error {
	err := s.do(c, s.x)
	var thrown *Error
	if errors.As(err, &thrown) {
		return c.throw(s.x, thrown)
	}
	return err
}

// settle looks, when every token waits, for what waits for others: inclusive joins and
// conditional events. It reports whether there is something to do again.
func (c *command) settle() (bool, error) {
	for i := 0; i < len(c.instances); i++ {
		inst := c.instances[i]
		if inst.root == nil || inst.root.ended {
			continue
		}
		if err := c.conditions(inst); err != nil {
			return false, err
		}
		if c.head == len(c.agenda) && inst.changed {
			c.joins(inst)
		}
	}
	return c.head < len(c.agenda), nil
}

// failure is the error of a process that cannot go on where an execution stands.
func (c *command) failure(x *execution, err error) error {
	if err == nil || fault.KindOf(err) != fault.Internal {
		return err
	}
	var thrown *Error
	if errors.As(err, &thrown) {
		return err
	}
	where := ""
	switch {
	case x.node != nil:
		where = fmt.Sprintf(" at %q", x.node.ID)
	case x.flow != nil:
		where = fmt.Sprintf(" at %q", x.flow.ID)
	}
	return &stuck{fault.New(fault.Invalid, "The process %q cannot go on%s: %s.", x.inst.def.Key, where, err), err}
}

// stuck is a fault that says why a process cannot go on, with the reason itself.
type stuck struct{ shown, cause error }

// Error returns what may be shown, which holds the reason.
func (s *stuck) Error() string { return s.shown.Error() }

// Unwrap returns both.
func (s *stuck) Unwrap() []error { return []error{s.shown, s.cause} }

// instance returns an instance, loaded once. It is locked against other commands.
func (c *command) instance(id string) (*instance, error) {
	for _, inst := range c.instances {
		if inst.ID == id {
			return inst, nil
		}
	}
	inst := &instance{}
	var state []byte
	r := c.reading(inst, &state, `$1`, id)
	if err := c.tx.Query(c.ctx, r.Scan, r.Query, r.Args...); err != nil {
		return nil, err
	}
	if inst.ID == "" {
		return nil, fault.New(fault.NotFound, "There is no process instance %q.", shown(id))
	}
	return c.revived(inst, state)
}

// reading is the statement that reads an instance with its state and locks it: on
// PostgreSQL others wait there rather than fail at the end; SQLite has one writer. which is
// its id, as SQL.
func (c *command) reading(inst *instance, state *[]byte, which string, args ...any) store.Read {
	query := `SELECT ` + instanceColumns + `, rev, state FROM instances WHERE id = ` + which
	if c.e.db.Name() == "postgres" {
		query += ` FOR UPDATE`
	}
	return store.Read{Query: query, Args: args, Scan: func(row store.Row) error {
		return row.Scan(append(inst.fields(), &inst.rev, state)...)
	}}
}

// revived gives an instance that was read its definition and its tree. One that the
// command has read before stays as it is.
func (c *command) revived(inst *instance, state []byte) (*instance, error) {
	for _, known := range c.instances {
		if known.ID == inst.ID {
			return known, nil
		}
	}
	return inst, c.revive(inst, state)
}

// revive gives an instance its definition and its tree.
func (c *command) revive(inst *instance, state []byte) error {
	var err error
	if inst.def, err = c.e.definition(c.ctx, c.tx, inst.DefinitionID); err != nil {
		return err
	}
	if len(state) > 0 {
		if inst.root, err = decodeState(state, inst, inst.def.process); err != nil {
			return fmt.Errorf("reading instance %s: %w", inst.ID, err)
		}
	}
	c.instances = append(c.instances, inst)
	return nil
}

// unended is instance for commands that need one that has not ended.
func (c *command) unended(id string) (*instance, error) {
	inst, err := c.instance(id)
	if err == nil && (inst.root == nil || inst.root.ended) {
		err = fault.New(fault.NotFound, "The process instance %q has ended.", shown(id))
	}
	return inst, err
}

// running is unended for commands that need one that is not suspended either.
func (c *command) running(id string) (*instance, error) {
	inst, err := c.unended(id)
	switch {
	case err != nil:
		return nil, err
	case inst.Suspended:
		return nil, suspendedInstance(id)
	}
	return inst, nil
}

func suspendedInstance(id string) error {
	return fault.New(fault.Conflict, "The process instance %q is suspended.", shown(id))
}

// find returns an execution of the instance that has not ended.
func (i *instance) find(id string) *execution {
	if i.root == nil {
		return nil
	}
	var found *execution
	i.root.each(func(x *execution) {
		if x.id == id && !x.ended {
			found = x
		}
	})
	return found
}

// spawn makes an execution below parent, standing at a node.
func (c *command) spawn(parent *execution, node *bpmn.Node) *execution {
	inst := parent.inst
	inst.numbered++
	x := &execution{id: executionID(inst.ID, inst.numbered), number: inst.numbered, inst: inst, parent: parent, node: node, active: true}
	parent.children = append(parent.children, x)
	inst.changed = true
	return x
}

// shown shortens what a caller sent for a message.
func shown(text string) string {
	const most = 100
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
