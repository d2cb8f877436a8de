package bpmn

// Reaches reports whether a token that is at one node of a scope can come to another
// node of the same scope by flows, by links, and by the boundary events of what it
// passes. A node reaches itself when it is on a cycle. Nodes of different scopes
// reach each other never: ask for the sub-process that holds the token.
//
// Who reaches a node is computed when it is first asked for, in time linear in the
// scope, and kept as one bit for each node of the process.
func (p *Process) Reaches(from, to *Node) bool {
	if from == nil || to == nil || from.Scope != to.Scope || from.Index < 0 || to.Index < 0 {
		return false
	}
	to.upstream.once.Do(func() { to.upstream.set = p.sources(to) })
	return to.upstream.set[from.Index/64]&(1<<(from.Index%64)) != 0
}

// sources walks back from a node.
func (p *Process) sources(to *Node) []uint64 {
	set := make([]uint64, (len(p.Order)+63)/64)
	pending := before(to)
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		bit := uint64(1) << (n.Index % 64)
		if set[n.Index/64]&bit != 0 {
			continue
		}
		set[n.Index/64] |= bit
		pending = append(pending, before(n)...)
	}
	return set
}

// before returns from where a token comes to a node in one step.
func before(n *Node) []*Node {
	var out []*Node
	for _, f := range n.In {
		if f.From.Scope == n.Scope {
			out = append(out, f.From)
		}
	}
	switch {
	case n.Kind == BoundaryEvent && n.AttachedTo != nil && kindOf(n) != CompensationEvent:
		out = append(out, n.AttachedTo)
	case n.Kind == CatchEvent && kindOf(n) == LinkEvent:
		out = append(out, n.jumps...)
	}
	return out
}
