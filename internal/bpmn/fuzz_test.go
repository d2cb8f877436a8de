package bpmn_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
)

// FuzzParse looks for documents that break the parser or come out of it broken.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.bpmn*")
	if err != nil || len(files) == 0 {
		f.Fatal("there are no documents", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, c := range errorCases {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := bpmn.Parse(data, "fuzz")
		if err != nil {
			var all *bpmn.Problems
			if !errors.As(err, &all) || len(names(all.List, false)) == 0 {
				t.Fatalf("an error without a problem: %v", err)
			}
			return
		}
		for _, p := range doc.Processes {
			sound(t, p)
		}
	})
}

// sound checks what an engine relies on.
func sound(t *testing.T, p *bpmn.Process) {
	t.Helper()
	if p.ID == "" || p.Root == nil || len(p.Nodes) != len(p.Order) {
		t.Fatalf("process %q has %d nodes by id and %d in order", p.ID, len(p.Nodes), len(p.Order))
	}
	for i, n := range p.Order {
		if n.Index != i || p.Nodes[n.ID] != n || n.Scope == nil || !n.Scope.Kind.IsScope() || n.Process != p {
			t.Fatalf("node %q is misplaced", n.ID)
		}
		if n.Kind == bpmn.BoundaryEvent && (n.AttachedTo == nil || n.Event == nil || n.AttachedTo.Scope != n.Scope) {
			t.Fatalf("boundary event %q hangs in the air", n.ID)
		}
		if n.Kind == bpmn.CallActivity && n.Call.Element == nil || n.Kind == bpmn.ScriptTask && n.Script == nil || n.Kind == bpmn.UserTask && n.User == nil {
			t.Fatalf("%q lacks what its kind needs", n.ID)
		}
		p.Reaches(p.Order[0], n)
	}
	for id, f := range p.Flows {
		if f.ID != id || f.From == nil || f.To == nil || f.From.Scope != f.To.Scope {
			t.Fatalf("flow %q is not connected", id)
		}
	}
}

// large returns a document of n user tasks in rows, with its diagram.
func large(n int) []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn"
		xmlns:di="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:d="http://www.omg.org/spec/DD/20100524/DI" targetNamespace="t">
	<process id="large"><startEvent id="n0"/>`)
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "\n<sequenceFlow id=\"f%d\" sourceRef=\"n%d\" targetRef=\"n%d\"/>\n", i, i-1, i)
		fmt.Fprintf(&b, `<userTask id="n%d" name="Task %d of ${title}" activiti:assignee="${assignee}" activiti:candidateGroups="sales,staff"/>`, i, i)
	}
	b.WriteString("</process><di:BPMNDiagram><di:BPMNPlane bpmnElement=\"large\">")
	for i := range n {
		fmt.Fprintf(&b, "\n<di:BPMNShape bpmnElement=\"n%d\"><dc:Bounds x=\"%d\" y=\"%d\" width=\"100\" height=\"80\"/></di:BPMNShape>", i, i%20*150, i/20*120)
	}
	b.WriteString("</di:BPMNPlane></di:BPMNDiagram></definitions>")
	return []byte(b.String())
}

func TestLargeDocument(t *testing.T) {
	t.Parallel()
	const n = 5000
	doc := parsed(t, string(large(n)))
	p := doc.Processes[0]
	want(t, "size", []int{len(p.Order), len(p.Flows), len(p.Diagram.Shapes)}, []int{n, n - 1, n})
	if !p.Reaches(p.Order[0], p.Order[n-1]) || p.Reaches(p.Order[n-1], p.Order[0]) {
		t.Error("the ends do not reach each other as they should")
	}
}

func BenchmarkParse1000Nodes(b *testing.B) {
	data := large(1000)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := bpmn.Parse(data, "large"); err != nil {
			b.Fatal(err)
		}
	}
}
