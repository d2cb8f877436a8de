package diagram_test

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/diagram"
)

// box is where a node stands.
type box struct{ x, y, width, height float64 }

func (b box) overlaps(o box) bool {
	return b.x < o.x+o.width && o.x < b.x+b.width && b.y < o.y+o.height && o.y < b.y+b.height
}

func (b box) contains(o box) bool {
	return o.x >= b.x && o.y >= b.y && o.x+o.width <= b.x+b.width && o.y+o.height <= b.y+b.height
}

// boxes reads where the first figure of each node stands.
func boxes(t *testing.T, root *element, p *bpmn.Process) map[*bpmn.Node]box {
	t.Helper()
	number := func(e *element, name string) float64 {
		v, err := strconv.ParseFloat(e.attr(name), 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	out := map[*bpmn.Node]box{}
	for _, n := range p.Order {
		switch e := &root.of(t, n.ID).Children[1]; e.XMLName.Local {
		case "rect":
			out[n] = box{number(e, "x"), number(e, "y"), number(e, "width"), number(e, "height")}
		case "circle":
			r := number(e, "r")
			out[n] = box{number(e, "cx") - r, number(e, "cy") - r, 2 * r, 2 * r}
		case "path":
			var x, y [4]float64
			if _, err := fmt.Sscanf(e.attr("d"), "M%f %fL%f %fL%f %fL%f %fZ", &x[0], &y[0], &x[1], &y[1], &x[2], &y[2], &x[3], &y[3]); err != nil {
				t.Fatal(err)
			}
			out[n] = box{x[3], y[0], x[1] - x[3], y[2] - y[0]}
		}
	}
	return out
}

// random writes a process of nodes, nested scopes, boundary events and any flows.
type random struct {
	*rand.Rand
	b     strings.Builder
	count int
}

func (r *random) scope(depth int) {
	var ids, sources []string
	for range 1 + r.Intn(8) {
		r.count++
		id := fmt.Sprintf("n%d", r.count)
		ids, sources = append(ids, id), append(sources, id)
		switch kind := r.Intn(6); {
		case kind == 0:
			fmt.Fprintf(&r.b, `<parallelGateway id="%s"/>`, id)
		case kind == 1:
			fmt.Fprintf(&r.b, `<intermediateThrowEvent id="%s" name="thrown"/>`, id)
		case kind == 2 && depth < 3:
			fmt.Fprintf(&r.b, `<subProcess id="%s" name="part">`, id)
			r.scope(depth + 1)
			r.b.WriteString(`</subProcess>`)
		default:
			fmt.Fprintf(&r.b, `<task id="%s"/>`, id)
			for i := range r.Intn(4) {
				fmt.Fprintf(&r.b, `<boundaryEvent id="%s_%d" attachedToRef="%s"><errorEventDefinition/></boundaryEvent>`, id, i, id)
				sources = append(sources, fmt.Sprintf("%s_%d", id, i))
			}
		}
	}
	for range r.Intn(2 * len(ids)) {
		r.count++
		fmt.Fprintf(&r.b, `<sequenceFlow id="f%d" sourceRef="%s" targetRef="%s"/>`, r.count, sources[r.Intn(len(sources))], ids[r.Intn(len(ids))])
	}
}

// Whatever a process looks like, its nodes do not lie on each other, stand within
// their sub-processes, and every flow is drawn.
func TestLayout(t *testing.T) {
	t.Parallel()
	for seed := range int64(60) {
		r := &random{Rand: rand.New(rand.NewSource(seed))}
		r.scope(0)
		p := parse(t, wrap(r.b.String()+closing))
		root := drawn(t, p, diagram.Options{})
		at := boxes(t, root, p)
		for i, a := range p.Order {
			for _, b := range p.Order[i+1:] {
				attached := a.AttachedTo == b || b.AttachedTo == a
				if a.Scope == b.Scope && !attached && at[a].overlaps(at[b]) {
					t.Fatalf("seed %d: %s %v lies on %s %v", seed, a.ID, at[a], b.ID, at[b])
				}
			}
			if a.Scope != p.Root && !at[a.Scope].contains(at[a]) {
				t.Fatalf("seed %d: %s %v is not within %s %v", seed, a.ID, at[a], a.Scope.ID, at[a.Scope])
			}
		}
		for id := range p.Flows {
			if !root.has(id) {
				t.Fatalf("seed %d: flow %s is not drawn", seed, id)
			}
		}
	}
}

// A process goes from left to right, whatever the order of the file.
func TestLayoutGoesRight(t *testing.T) {
	t.Parallel()
	p := parse(t, wrap(`<endEvent id="end"/><task id="b"/><task id="a"/><sequenceFlow id="f3" sourceRef="b" targetRef="end"/>
		<sequenceFlow id="f1" sourceRef="start" targetRef="a"/><sequenceFlow id="f2" sourceRef="a" targetRef="b"/><sequenceFlow id="back" sourceRef="b" targetRef="a"/>`+closing))
	at := boxes(t, drawn(t, p, diagram.Options{}), p)
	last := -1.0
	for _, id := range []string{"start", "a", "b", "end"} {
		if x := at[p.Nodes[id]].x; x <= last {
			t.Errorf("%s stands at %v, not right of %v", id, x, last)
		} else {
			last = x
		}
	}
}

// Many nodes, long flows and deep nesting are drawn all the same.
func TestLayoutOfMuch(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	const n = 3000
	for i := range n {
		fmt.Fprintf(&b, `<task id="t%d"/><sequenceFlow id="f%d" sourceRef="t%d" targetRef="t%d"/><sequenceFlow id="long%d" sourceRef="t0" targetRef="t%d"/>`, i, i, i, (i+1)%n, i, i)
	}
	p := parse(t, wrap(b.String()+closing))
	root := drawn(t, p, diagram.Options{})
	if got := strings.Count(fmt.Sprint(root.Children), "sequenceFlow"); got < 2*n {
		t.Errorf("%d flows are drawn, want %d", got, 2*n)
	}
	deep := strings.Repeat(`<subProcess id="x"><startEvent/>`, 90) + strings.Repeat(`</subProcess>`, 90)
	for i := 0; strings.Contains(deep, `id="x"`); i++ {
		deep = strings.Replace(deep, `id="x"`, fmt.Sprintf(`id="s%d"`, i), 1)
	}
	drawn(t, parse(t, wrap(deep+closing)), diagram.Options{})
}
