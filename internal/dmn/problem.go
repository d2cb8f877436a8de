package dmn

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// Limits of a table. What is over one of them is refused.
const (
	MaxBytes   = 5 << 20 // of a document
	MaxColumns = 500     // inputs and outputs
	MaxRules   = 10_000
	MaxCells   = 200_000
	MaxText    = 20_000 // bytes of a cell
	maxDepth   = 100    // elements in one another
	maxList    = 200    // problems that are kept
)

// Problem is one thing that is wrong with a table.
type Problem struct {
	Place   string // "rule 3, input 2 (age)", "line 12"; "" for the whole
	Message string // what is wrong and what to do
}

// String returns place and message.
func (p Problem) String() string {
	if p.Place == "" {
		return p.Message
	}
	return p.Place + ": " + p.Message
}

// Problems is the error of Parse and ParseJSON: all that is wrong with a document. It
// is a fault of kind Invalid, or TooLarge when a limit is what is wrong.
type Problems struct {
	List []Problem // 200 at most
	More int       // how many there were beyond those

	kind fault.Kind
}

// Error returns every problem on a line of its own.
func (p *Problems) Error() string {
	var b strings.Builder
	b.WriteString("The decision table cannot be used:")
	for _, one := range p.List {
		b.WriteString("\n\t" + one.String())
	}
	if p.More > 0 {
		fmt.Fprintf(&b, "\n\tand %d more problems", p.More)
	}
	return b.String()
}

// Unwrap returns the fault that a caller may be shown.
func (p *Problems) Unwrap() error { return fault.New(p.kind, "%s", p.Error()) }

func (p *Problems) add(place, format string, args ...any) {
	if len(p.List) == maxList {
		p.More++
		return
	}
	p.List = append(p.List, Problem{Place: place, Message: fmt.Sprintf(format, args...)})
}

// err is the problems as an error, nil when there are none.
func (p *Problems) err() error {
	if len(p.List) == 0 {
		return nil
	}
	if p.kind == fault.Internal {
		p.kind = fault.Invalid
	}
	return p
}

// tooLarge is the error of a document that is not even looked at.
func tooLarge(format string, args ...any) error {
	p := &Problems{kind: fault.TooLarge}
	p.add("", format, args...)
	return p
}
