package bpmn

import (
	"fmt"
	"strings"
)

// maxProblems bounds the errors and the warnings that are kept of one document.
const maxProblems = 200

// Problems is the error of Parse: all that is wrong with a document.
type Problems struct {
	Document string    // the name that Parse was given
	List     []Problem // in the order of the file, 200 errors and 200 warnings at most
	More     int       // how many there were beyond those
}

// Error returns every error on a line of its own, warnings left out.
func (p *Problems) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "parsing BPMN document %q:", p.Document)
	for _, one := range p.List {
		if !one.Warning {
			b.WriteString("\n\t" + one.String())
		}
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n\tand %d more problems", p.More)
	}
	return b.String()
}

// String returns place, name and message: "12:5: activiti-seq-flow-invalid-target: …".
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", p.Line, p.Column)
	}
	b.WriteString(p.Name + ": " + p.Message)
	switch {
	case p.Element != "" && p.Process != "" && p.Element != p.Process:
		fmt.Fprintf(&b, " (element %q of process %q)", p.Element, p.Process)
	case p.Element != "" || p.Process != "":
		fmt.Fprintf(&b, " (%q)", p.Element+strings.TrimPrefix(p.Process, p.Element))
	}
	return b.String()
}

// findings collects problems up to the limit.
type findings struct {
	list             []Problem
	errors, warnings int
	more             int
}

func (f *findings) add(p Problem) {
	count := &f.errors
	if p.Warning {
		count = &f.warnings
	}
	*count++
	if *count > maxProblems {
		f.more++
		return
	}
	f.list = append(f.list, p)
}
