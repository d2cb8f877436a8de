package bpmn_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sluicehq/sluice/internal/bpmn"
	"github.com/sluicehq/sluice/internal/juel"
)

// wrap makes a document of what stands in definitions.
func wrap(inner string) string {
	return `<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:activiti="http://activiti.org/bpmn" targetNamespace="t">` + inner + `</definitions>`
}

// in makes a document of what stands in a process with a start event.
func in(inner string) string {
	return wrap(`<process id="p"><startEvent id="start"/>` + inner + `</process>`)
}

// file parses a document of testdata.
func file(t *testing.T, name string) *bpmn.Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := bpmn.Parse(data, name)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// parsed parses a text that is right.
func parsed(t *testing.T, text string) *bpmn.Document {
	t.Helper()
	doc, err := bpmn.Parse([]byte(text), "inline")
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// problems parses a text and returns all its problems, warnings included.
func problems(t *testing.T, text string) []bpmn.Problem {
	t.Helper()
	doc, err := bpmn.Parse([]byte(text), "inline")
	if err == nil {
		return doc.Problems
	}
	var all *bpmn.Problems
	if !errors.As(err, &all) {
		t.Fatalf("the error is a %T", err)
	}
	return all.List
}

// text returns the text of an expression; "" of none.
func text(x *juel.Expression) string {
	if x == nil {
		return ""
	}
	return x.Text()
}

func texts(list []*juel.Expression) []string {
	var out []string
	for _, x := range list {
		out = append(out, text(x))
	}
	return out
}

func ids(nodes []*bpmn.Node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.ID)
	}
	return out
}

// want compares what is printed of two values.
func want(t *testing.T, what string, got, expected any) {
	t.Helper()
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", expected) {
		t.Errorf("%s is %+v, want %+v", what, got, expected)
	}
}

func names(list []bpmn.Problem, warnings bool) []string {
	var out []string
	for _, p := range list {
		if p.Warning == warnings {
			out = append(out, p.Name)
		}
	}
	slices.Sort(out)
	return out
}
