package diagram_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/diagram"
)

// FuzzSVG looks for documents whose diagrams are no XML, or never come.
func FuzzSVG(f *testing.F) {
	for _, pattern := range []string{"testdata/*.bpmn", "../bpmn/testdata/*.bpmn*"} {
		files, err := filepath.Glob(pattern)
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
	}
	f.Add([]byte(wrap(`<userTask id="u" name="&lt;&amp;&#x9;𝄞"/><sequenceFlow id="f" sourceRef="u" targetRef="u"/></process><di:BPMNDiagram><di:BPMNPlane>` +
		shape("u", -5, -5, 0, 0, "") + edge("f", 1, 1, 1, 1) + `</di:BPMNPlane></di:BPMNDiagram></definitions>`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := bpmn.Parse(data, "fuzz")
		if err != nil {
			return
		}
		for _, p := range doc.Processes {
			for range 2 {
				svg, err := diagram.SVG(p, diagram.Options{Title: p.Name})
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(svg), "NaN") && !strings.Contains(string(data), "NaN") || strings.Contains(string(svg), "Inf ") {
					t.Fatalf("a coordinate is no number in %s", svg)
				}
				wellFormed(t, svg)
				p.Diagram = nil
			}
		}
	})
}

func wellFormed(t *testing.T, svg []byte) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(string(svg)))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the SVG is no XML: %v in %s", err, svg)
		}
	}
}
