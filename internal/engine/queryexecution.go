package engine

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/store"
)

// ExecutionQuery says which executions of running instances are meant. The zero value means
// all.
type ExecutionQuery struct {
	Instances InstanceQuery // of those; its State and its Page mean nothing here, its Order is theirs

	ID, ActivityID, ParentID string
	Message, Signal          string // that wait for one of that name
	Page                     Page
}

// ExecutionList returns a page of executions and how many there are: instance by instance, in
// each those above before those below. It reads the trees of all instances that are meant,
// one after the other: what it takes grows with their number, and no write pays for it.
func (e *Engine) ExecutionList(ctx context.Context, eq ExecutionQuery) ([]Place, int, error) {
	q := &query{}
	of := eq.Instances
	of.State = Running
	if eq.ID != "" {
		q.Add(`i.id = ?`, instanceOf(eq.ID))
	}
	for kind, name := range map[string]string{OfMessage: eq.Message, OfSignal: eq.Signal} {
		if name != "" {
			q.Add(`i.id IN (SELECT instance_id FROM subscriptions WHERE kind = ? AND name = ? AND instance_id <> '')`, kind, name)
		}
	}
	of.where(q)
	order := of.Order.clause(q, instanceOrders, `i.id`, "i.id")
	if q.err != nil {
		return nil, 0, q.err
	}
	found := &executionPage{eq: eq, nodes: map[string]*bpmn.Node{}, from: max(eq.Page.Offset, 0)}
	found.to = found.from + min(or(max(eq.Page.Limit, 0), 25), MaxPage)
	err := e.db.Read(ctx, func(tx *store.Tx) error {
		found.all, found.total = nil, 0
		return tx.Query(ctx, found.row, `SELECT i.id, i.tenant_id, i.suspended, i.state FROM instances i`+q.String()+order, q.Args...)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("reading executions: %w", err)
	}
	return found.all, found.total, nil
}

// executionPage counts executions and keeps those of a page.
type executionPage struct {
	eq       ExecutionQuery
	nodes    map[string]*bpmn.Node // stand-ins, by id: definitions are not needed here
	from, to int
	all      []Place
	total    int
}

// row takes the executions of one instance.
func (p *executionPage) row(row store.Row) error {
	inst := &instance{}
	var state []byte
	if err := row.Scan(&inst.ID, &inst.TenantID, &inst.Suspended, &state); err != nil {
		return err
	}
	root, err := decodeTree(state, inst, p.node)
	if err != nil {
		return fmt.Errorf("reading instance %s: %w", inst.ID, err)
	}
	p.take(root)
	return nil
}

func (p *executionPage) node(id string) *bpmn.Node {
	n := p.nodes[id]
	if n == nil {
		n = &bpmn.Node{ID: id}
		p.nodes[id] = n
	}
	return n
}

// take counts an execution and those below it, where they are meant.
func (p *executionPage) take(x *execution) {
	if p.meant(x) {
		if p.total >= p.from && p.total < p.to {
			p.all = append(p.all, x.shown())
		}
		p.total++
	}
	for _, child := range x.children {
		p.take(child)
	}
}

func (p *executionPage) meant(x *execution) bool {
	is := func(wanted, got string) bool { return wanted == "" || wanted == got }
	activity, parent := "", ""
	if x.node != nil {
		activity = x.node.ID
	}
	if x.parent != nil {
		parent = x.parent.id
	}
	return is(p.eq.ID, x.id) && is(p.eq.ActivityID, activity) && is(p.eq.ParentID, parent) &&
		(p.eq.Message == "" || x.awaits(waitMessage, p.eq.Message)) && (p.eq.Signal == "" || x.awaits(waitSignal, p.eq.Signal))
}
