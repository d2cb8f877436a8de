package diagram

import (
	"math"
	"slices"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// maxPassing bounds the cells that long flows take up; beyond it they go straight.
const maxPassing = 20_000

// cell is a node in a layer, or a place that a long flow passes.
type cell struct {
	node          *bpmn.Node // nil: a passing flow
	layer         int
	before, after []*cell
	width, height float64
	x, y          float64 // its centre
}

// link is a flow between two cells of the grid.
type link struct {
	flow     *bpmn.Flow
	from, to *cell
	back     bool
	path     []*cell // the cells it passes
}

// grid places the nodes of a scope in layers, after Sugiyama: cycles are cut, each
// node goes right of those before it, and layers are sorted so that few flows cross.
type grid struct {
	cells  []*cell
	byNode map[*bpmn.Node]*cell
	links  []*link
	rows   [][]*cell // by layer, from the top
}

func newGrid(scope *bpmn.Node, b *block) *grid {
	g := &grid{byNode: map[*bpmn.Node]*cell{}}
	for _, n := range scope.Children {
		if n.Kind == bpmn.BoundaryEvent || aside(n) {
			continue
		}
		r := b.boxes[n]
		c := &cell{node: n, width: r.Width, height: r.Height}
		if len(n.Boundary) > 0 {
			c.height += 2 * 36 // keeps room below; above too, so that the middle stays
		}
		g.cells = append(g.cells, c)
		g.byNode[n] = c
	}
	for _, c := range g.cells {
		g.link(c, c.node)
		for _, e := range c.node.Boundary {
			g.link(c, e)
		}
	}
	return g
}

// link adds the flows that leave a node, which stands in a cell or at its border.
func (g *grid) link(c *cell, n *bpmn.Node) {
	for _, f := range n.Out {
		if to := g.byNode[f.To]; to != nil {
			g.links = append(g.links, &link{flow: f, from: c, to: to})
		}
	}
}

// layers cuts cycles where a walk from the beginning comes back, and gives each cell
// the layer after its last predecessor.
func (g *grid) layers() {
	out := map[*cell][]*link{}
	for _, l := range g.links {
		out[l.from] = append(out[l.from], l)
	}
	done := g.walk(out)
	for i := len(done) - 1; i >= 0; i-- { // predecessors first
		for _, l := range out[done[i]] {
			if !l.back {
				l.to.layer = max(l.to.layer, done[i].layer+1)
			}
		}
	}
}

// walk visits the cells in depth, marks the links that lead back, and returns the
// cells in the order in which they were left.
func (g *grid) walk(out map[*cell][]*link) []*cell {
	const (
		open = 1
		left = 2
	)
	state := map[*cell]int{}
	next := map[*cell]int{}
	var done, stack []*cell
	starts := slices.Clone(g.cells)
	slices.SortStableFunc(starts, func(a, b *cell) int { return first(a) - first(b) })
	for _, start := range starts {
		if state[start] != 0 {
			continue
		}
		stack = append(stack, start)
		state[start] = open
		for len(stack) > 0 {
			c := stack[len(stack)-1]
			if next[c] == len(out[c]) {
				state[c] = left
				done = append(done, c)
				stack = stack[:len(stack)-1]
				continue
			}
			l := out[c][next[c]]
			next[c]++
			switch state[l.to] {
			case open:
				l.back = true
			case 0:
				state[l.to] = open
				stack = append(stack, l.to)
			}
		}
	}
	return done
}

// first sorts start events before what no flow leads to, and that before the rest.
func first(c *cell) int {
	switch {
	case c.node.Kind == bpmn.StartEvent:
		return 0
	case len(c.node.In) == 0:
		return 1
	}
	return 2
}

// passes gives long flows a cell in each layer that they pass.
func (g *grid) passes() {
	count := 0
	for _, l := range g.links {
		if l.back {
			continue
		}
		last := l.from
		for layer := l.from.layer + 1; layer < l.to.layer && count < maxPassing; layer++ {
			count++
			c := &cell{layer: layer, height: spare}
			join(last, c)
			l.path = append(l.path, c)
			g.cells = append(g.cells, c)
			last = c
		}
		join(last, l.to)
	}
	for _, c := range g.cells {
		for len(g.rows) <= c.layer {
			g.rows = append(g.rows, nil)
		}
		g.rows[c.layer] = append(g.rows[c.layer], c)
	}
}

func join(a, b *cell) {
	a.after = append(a.after, b)
	b.before = append(b.before, a)
}

// order sorts each layer by the middle of the neighbours, forth and back a few times.
func (g *grid) order() {
	place := map[*cell]float64{}
	for _, row := range g.rows {
		for i, c := range row {
			place[c] = float64(i)
		}
	}
	sweep := func(row []*cell, near func(*cell) []*cell) {
		want := map[*cell]float64{}
		for _, c := range row {
			want[c] = mean(near(c), place, place[c])
		}
		slices.SortStableFunc(row, func(a, b *cell) int {
			switch {
			case want[a] < want[b]:
				return -1
			case want[a] > want[b]:
				return 1
			}
			return 0
		})
		for i, c := range row {
			place[c] = float64(i)
		}
	}
	for range 4 {
		for _, row := range g.rows {
			sweep(row, func(c *cell) []*cell { return c.before })
		}
		for i := len(g.rows) - 1; i >= 0; i-- {
			sweep(g.rows[i], func(c *cell) []*cell { return c.after })
		}
	}
}

func mean(cells []*cell, place map[*cell]float64, otherwise float64) float64 {
	if len(cells) == 0 {
		return otherwise
	}
	var sum float64
	for _, c := range cells {
		sum += place[c]
	}
	return sum / float64(len(cells))
}

// across gives each layer its place from left to right.
func (g *grid) across() {
	x := 0.0
	for _, row := range g.rows {
		var width float64
		for _, c := range row {
			width = math.Max(width, c.width)
		}
		for _, c := range row {
			c.x = x + width/2
		}
		x += width + gapX
	}
}

// down stacks each layer.
func (g *grid) down() {
	for _, row := range g.rows {
		var height float64
		for _, c := range row {
			height += c.height + gapY
		}
		y := -(height - gapY) / 2
		for _, c := range row {
			c.y = y + c.height/2
			y += c.height + gapY
		}
	}
}

// settle moves cells to the height of their neighbours, as far as others let them.
func (g *grid) settle() {
	for round := range 8 {
		for i := range g.rows {
			row, near := g.rows[i], func(c *cell) []*cell { return c.before }
			if round%2 == 1 {
				row, near = g.rows[len(g.rows)-1-i], func(c *cell) []*cell { return c.after }
			}
			level(row, near)
		}
	}
}

// level moves the cells of a row towards their neighbours and keeps their order and
// distance: first all downwards from the top, then half of what that was too much.
func level(row []*cell, near func(*cell) []*cell) {
	want := make([]float64, len(row))
	for i, c := range row {
		want[i] = c.y
		if cells := near(c); len(cells) > 0 {
			want[i] = 0
			for _, other := range cells {
				want[i] += other.y / float64(len(cells))
			}
		}
	}
	down, up := make([]float64, len(row)), make([]float64, len(row))
	for i, c := range row {
		down[i] = want[i]
		if i > 0 {
			down[i] = math.Max(want[i], down[i-1]+(row[i-1].height+c.height)/2+gapY)
		}
	}
	for i := len(row) - 1; i >= 0; i-- {
		up[i] = want[i]
		if i < len(row)-1 {
			up[i] = math.Min(want[i], up[i+1]-(row[i+1].height+row[i].height)/2-gapY)
		}
	}
	for i, c := range row { // both keep the distance, and so does their middle
		c.y = math.Round((down[i] + up[i]) / 2)
	}
}

// bottom returns the lower end of the grid.
func (g *grid) bottom() float64 {
	var y float64
	for _, c := range g.cells {
		y = math.Max(y, c.y+c.height/2)
	}
	return y
}
