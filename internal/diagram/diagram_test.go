package diagram_test

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/diagram"
)

var update = flag.Bool("update", false, "write the golden files anew")

// element is an element of an SVG.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

func (e *element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// count returns how many elements of a name are within.
func (e *element) count(name string) int {
	n := 0
	for i := range e.Children {
		if e.Children[i].XMLName.Local == name {
			n++
		}
		n += e.Children[i].count(name)
	}
	return n
}

// of returns the group of an element of the process.
func (e *element) of(t *testing.T, id string) *element {
	t.Helper()
	for i := range e.Children {
		if e.Children[i].attr("data-element") == id {
			return &e.Children[i]
		}
	}
	t.Fatalf("%q is not drawn", id)
	return nil
}

func (e *element) has(id string) bool {
	return slices.ContainsFunc(e.Children, func(c element) bool { return c.attr("data-element") == id })
}

// words returns all that is written in an element, without its titles.
func (e *element) words() string {
	var b strings.Builder
	for i := range e.Children {
		c := &e.Children[i]
		if c.XMLName.Local == "tspan" {
			b.WriteString(c.Text + " ")
		}
		if c.XMLName.Local != "title" {
			b.WriteString(c.words())
		}
	}
	return b.String()
}

func process(t testing.TB, name string) *bpmn.Process {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(data))
}

func parse(t testing.TB, text string) *bpmn.Process {
	t.Helper()
	doc, err := bpmn.Parse([]byte(text), "test")
	if err != nil {
		t.Fatal(err)
	}
	return doc.Processes[0]
}

// drawn draws a process and reads the result.
func drawn(t *testing.T, p *bpmn.Process, o diagram.Options) *element {
	t.Helper()
	svg, err := diagram.SVG(p, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := diagram.SVG(p, o)
	if err != nil || !bytes.Equal(svg, again) {
		t.Fatal("the same process is drawn in two ways")
	}
	var root element
	d := xml.NewDecoder(bytes.NewReader(svg))
	if err := d.Decode(&root); err != nil {
		t.Fatalf("the SVG is no XML: %v", err)
	}
	if rest := bytes.TrimSpace(svg[d.InputOffset():]); len(rest) > 0 {
		t.Fatalf("something follows the SVG: %s", rest)
	}
	return &root
}

func set(ids ...string) map[string]bool {
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out
}

func TestGolden(t *testing.T) {
	t.Parallel()
	p := process(t, "testdata/order.bpmn")
	svg, err := diagram.SVG(p, diagram.Options{Title: "Order 4711", Done: set("start", "check"), Active: set("ship"), Flows: set("f1", "f2"), Failed: set("bill")})
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/order.svg"
	if *update {
		if err := os.WriteFile(golden, svg, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(svg, want) {
		t.Error("the diagram differs from testdata/order.svg; look at it, and run the test with -update when it is right")
	}
}

// Each kind of node is told by what it is made of.
func TestShapes(t *testing.T) {
	t.Parallel()
	zoo := drawn(t, process(t, "testdata/zoo.bpmn"), diagram.Options{})
	events := drawn(t, process(t, "../bpmn/testdata/events.bpmn20.xml"), diagram.Options{})
	gateways := drawn(t, process(t, "../bpmn/testdata/gateways.bpmn20.xml"), diagram.Options{})
	for _, c := range []struct {
		in                   *element
		id, class            string
		rects, circles, path int
	}{
		{zoo, "begin", "startEvent", 0, 1, 0},
		{zoo, "user", "userTask", 1, 1, 1},
		{zoo, "service", "serviceTask", 1, 1, 1},
		{zoo, "script", "scriptTask", 2, 0, 4},
		{zoo, "send", "sendTask", 2, 0, 1},
		{zoo, "receive", "receiveTask", 2, 0, 1},
		{zoo, "manual", "manualTask", 1, 0, 4},
		{zoo, "rules", "businessRuleTask", 3, 0, 4}, // two of them are its loop
		{zoo, "any", "task", 1, 0, 0},
		{zoo, "adhoc", "adHocSubProcess", 1, 0, 4}, // three bars and a tilde
		{zoo, "end", "endEvent", 0, 1, 1},
		{zoo, "watch", "boundaryEvent", 1, 2, 4},
		{events, "byMessage", "startEvent", 1, 1, 1},
		{events, "timerOnce", "boundaryEvent", 0, 3, 13},
		{events, "onSignal", "boundaryEvent", 0, 2, 1},
		{events, "escalate", "intermediateThrowEvent", 0, 2, 1},
		{events, "fail", "endEvent", 0, 1, 1},
		{events, "jump", "intermediateThrowEvent", 0, 2, 1},
		{events, "undoAll", "intermediateThrowEvent", 0, 2, 2},
		{events, "cancel", "endEvent", 0, 1, 1},
		{events, "end", "endEvent", 0, 2, 0},
		{events, "deal", "transaction", 2, 0, 0},
		{events, "rescue", "subProcess", 1, 0, 0},
		{events, "unbook", "serviceTask", 1, 1, 3}, // a gear and the sign of compensation
		{gateways, "choose", "exclusiveGateway", 0, 0, 3},
		{gateways, "fork", "parallelGateway", 0, 0, 3},
		{gateways, "some", "inclusiveGateway", 0, 1, 1},
		{gateways, "race", "eventBasedGateway", 0, 2, 2},
		{gateways, "join", "complexGateway", 0, 0, 5},
	} {
		g := c.in.of(t, c.id)
		if got := [3]int{g.count("rect"), g.count("circle"), g.count("path")}; got != [3]int{c.rects, c.circles, c.path} || g.attr("class") != c.class {
			t.Errorf("%s (%s) has %v rectangles, circles and paths, want %v", c.id, g.attr("class"), got, [3]int{c.rects, c.circles, c.path})
		}
	}
	border := func(g *element) (stroke, dash string) {
		return g.Children[1].attr("stroke-width"), g.Children[1].attr("stroke-dasharray")
	}
	if width, _ := border(events.of(t, "end")); width != "3.5" {
		t.Errorf("the border of an end is %s wide", width)
	}
	if _, dash := border(events.of(t, "onSignal")); dash == "" {
		t.Error("a boundary event that does not interrupt has no dashes")
	}
	if _, dash := border(events.of(t, "onMessage")); dash != "" {
		t.Error("a boundary event that interrupts has dashes")
	}
	if _, dash := border(events.of(t, "rescue")); dash == "" {
		t.Error("an event sub-process has no dots")
	}
	call := drawn(t, parse(t, wrap(`<callActivity id="call" calledElement="x"/>`+closing)), diagram.Options{})
	if width, _ := border(call.of(t, "call")); width != "4" {
		t.Errorf("the border of a call activity is %s wide", width)
	}
}

// wrap begins a document with a process in it; closing ends both.
func wrap(inner string) string {
	return `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI"
		xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:d="http://www.omg.org/spec/DD/20100524/DI" targetNamespace="t">` +
		`<process id="p"><startEvent id="start"/>` + inner
}

func TestFlows(t *testing.T) {
	t.Parallel()
	root := drawn(t, process(t, "testdata/order.bpmn"), diagram.Options{Flows: set("f1")})
	taken, other := root.of(t, "f1"), root.of(t, "f2")
	if taken.attr("class") != "sequenceFlow taken" || other.attr("class") != "sequenceFlow" {
		t.Errorf("classes are %q and %q", taken.attr("class"), other.attr("class"))
	}
	if a, b := taken.Children[0].attr("stroke"), other.Children[0].attr("stroke"); a == b {
		t.Error("a flow that was taken looks like another")
	}
	// A line and a head; the stroke of a default, the diamond of a condition.
	for id, paths := range map[string]int{"f1": 2, "usual": 3, "rare": 3, "f2": 2} {
		if got := root.of(t, id).count("path"); got != paths {
			t.Errorf("%s has %d paths, want %d", id, got, paths)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	p := process(t, "testdata/order.bpmn")
	root := drawn(t, p, diagram.Options{Done: set("start", "check", "ship"), Active: set("ship", "nobody"), Failed: set("bill")})
	for id, class := range map[string]string{"start": "startEvent done", "ship": "userTask active", "bill": "serviceTask failed", "end": "endEvent"} {
		if got := root.of(t, id).attr("class"); got != class {
			t.Errorf("%s is %q, want %q", id, got, class)
		}
	}
	if got := root.of(t, "bill").Children[0].Text; got != "serviceTask: Send the bill (failed)" {
		t.Errorf("the title of what failed is %q", got)
	}
	if root.of(t, "bill").count("circle") != root.of(t, "check").count("circle")+2 {
		t.Error("what failed has no sign")
	}
	desc := root.Children[1].Text
	if want := "BPMN diagram with 6 elements and 6 sequence flows. Failed: Send the bill. Active: Ship. Done: start, Check the order."; desc != want {
		t.Errorf("the description is %q, want %q", desc, want)
	}
}

// A screen reader gets a name and a description; nothing can run.
func TestAccessibleAndSafe(t *testing.T) {
	t.Parallel()
	p := parse(t, wrap(`<userTask id="u" name="&lt;script&gt;alert(1)&lt;/script&gt; &amp;&quot;&#39;"/><sequenceFlow id="f" name="a&lt;b" sourceRef="start" targetRef="u"/>`+closing))
	svg, err := diagram.SVG(p, diagram.Options{Title: `"><script>x</script>`})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(svg, []byte("<script")) || bytes.Contains(svg, []byte(" id=")) || bytes.Contains(svg, []byte("<style")) {
		t.Errorf("a script, an id or a style sheet is in %s", svg)
	}
	root := drawn(t, p, diagram.Options{Title: `"><script>x</script>`})
	if root.attr("role") != "img" || root.Children[0].XMLName.Local != "title" || root.Children[0].Text != `"><script>x</script>` || root.Children[1].XMLName.Local != "desc" {
		t.Error("role, title or description is missing")
	}
	if got := strings.ReplaceAll(root.of(t, "u").words(), " ", ""); !strings.Contains(got, `<script>alert(1)</script>&"'`) {
		t.Errorf("the name is written as %q", got)
	}
}

const closing = `</process></definitions>`

func TestInterchange(t *testing.T) {
	t.Parallel()
	p := parse(t, strings.Replace(wrap(`
		<laneSet><lane id="lane" name="Office"><flowNodeRef>start</flowNodeRef></lane></laneSet>
		<subProcess id="sub" name="Folded"><startEvent id="in"/><userTask id="deep"/><sequenceFlow id="inner" sourceRef="in" targetRef="deep"/></subProcess>
		<textAnnotation id="note"><text>Mind this</text></textAnnotation><dataObjectReference id="data" name="Paper"/><dataStoreReference id="store" name="Archive"/>
		<group id="group"/><association id="a" sourceRef="start" targetRef="note"/><sequenceFlow id="f" sourceRef="start" targetRef="sub"/></process>
		<di:BPMNDiagram><di:BPMNPlane bpmnElement="c">`+
		shape("pool", 0, 0, 600, 300, "")+shape("lane", 30, 0, 570, 300, "")+shape("start", 60, 100, 30, 30, "")+shape("sub", 200, 80, 100, 80, ` isExpanded="false"`)+
		shape("in", 210, 90, 30, 30, "")+shape("deep", 250, 90, 30, 30, "")+shape("note", 60, 200, 80, 30, "")+shape("data", 350, 80, 36, 50, "")+shape("store", 420, 80, 50, 50, "")+
		shape("group", 340, 60, 150, 120, "")+edge("f", 75, 115, 250, 120)+edge("a", 75, 130, 80, 200)+edge("inner", 240, 100, 250, 100)+
		`</di:BPMNPlane></di:BPMNDiagram></definitions>`), `<process`, `<collaboration id="c"><participant id="pool" name="Firm" processRef="p"/></collaboration><process`, 1))
	root := drawn(t, p, diagram.Options{Active: set("deep")})
	if got := root.attr("viewBox"); got != "-20 -20 640 340" {
		t.Errorf("the viewBox is %q", got)
	}
	for _, id := range []string{"in", "deep", "inner"} {
		if root.has(id) {
			t.Errorf("%s is drawn, in a sub-process that is folded", id)
		}
	}
	if got := root.of(t, "sub").attr("class"); got != "subProcess active" {
		t.Errorf("a folded sub-process with a token is %q", got)
	}
	if got := root.of(t, "sub").count("rect"); got != 2 {
		t.Errorf("a folded sub-process has %d rectangles; the sign of the fold is missing", got)
	}
	for id, words := range map[string]string{"pool": "Firm ", "lane": "Office ", "note": "Mind this ", "data": "Paper ", "store": "Archive "} {
		if got := root.of(t, id).words(); got != words {
			t.Errorf("%s says %q, want %q", id, got, words)
		}
	}
	// The flow was drawn from centre to centre and is cut at the borders.
	if got := root.of(t, "f").Children[0].attr("d"); !strings.HasPrefix(got, "M89.9") || !strings.Contains(got, "L193") {
		t.Errorf("the flow goes %q", got)
	}
	if root.of(t, "a").Children[0].attr("stroke-dasharray") == "" {
		t.Error("an association has no dots")
	}
}

func shape(id string, x, y, width, height int, more string) string {
	return fmt.Sprintf(`<di:BPMNShape bpmnElement="%s"%s><dc:Bounds x="%d" y="%d" width="%d" height="%d"/></di:BPMNShape>`, id, more, x, y, width, height)
}

func edge(id string, x1, y1, x2, y2 int) string {
	return fmt.Sprintf(`<di:BPMNEdge bpmnElement="%s"><d:waypoint x="%d" y="%d"/><d:waypoint x="%d" y="%d"/></di:BPMNEdge>`, id, x1, y1, x2, y2)
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range diagram.MaxElements {
		fmt.Fprintf(&b, `<task id="t%d"/>`, i)
	}
	if _, err := diagram.SVG(parse(t, wrap(b.String()+closing)), diagram.Options{}); err == nil || !strings.Contains(err.Error(), "20001 elements") {
		t.Errorf("the error is %v", err)
	}
}

func TestEmptyProcess(t *testing.T) {
	t.Parallel()
	root := drawn(t, parse(t, strings.Replace(wrap(closing), `<startEvent id="start"/>`, "", 1)), diagram.Options{})
	if root.Children[0].Text != "p" || root.attr("viewBox") == "" {
		t.Error("an empty process has no diagram")
	}
}

// TestSharedDocuments draws what real programs wrote, where it is at hand: with their
// diagrams and without.
func TestSharedDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../../shared/*/*/*/*.bpmn*")
	deeper, err2 := filepath.Glob("../../../shared/aps/apps/*/bpmn-models/*.xml")
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if files = append(files, deeper...); len(files) == 0 {
		t.Skip("the folder of shared cases is not here")
	}
	for _, name := range files {
		p := process(t, name)
		for range 2 {
			root := drawn(t, p, diagram.Options{})
			for _, n := range p.Order {
				if !root.has(n.ID) && p.Diagram == nil {
					t.Errorf("%s: %s is not drawn", name, n.ID)
				}
			}
			p.Diagram = nil
		}
	}
}

// A description names 20 elements of a state, and long names are cut everywhere.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	done := map[string]bool{}
	for i := range 30 {
		fmt.Fprintf(&b, `<task id="t%d" name="%s"/>`, i, strings.Repeat("word ", 200))
		done[fmt.Sprintf("t%d", i)] = true
	}
	root := drawn(t, parse(t, wrap(b.String()+closing)), diagram.Options{Done: done})
	desc := root.Children[1].Text
	if !strings.HasSuffix(desc, "word…, and 10 more.") || strings.Count(desc, "…") != 20 {
		t.Errorf("the description is %q", desc)
	}
	if got := root.of(t, "t0").words(); !strings.HasSuffix(got, "… ") || len(got) > 200 {
		t.Errorf("a long name is written as %q", got)
	}
}
