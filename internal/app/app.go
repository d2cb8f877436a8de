package app

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// App is an application: the files of one deployment, sorted by what they are.
type App struct {
	// Name is what the app's own file says; without one, the archive's name.
	Name        string
	Description string
	Theme, Icon string // APS's words, such as theme-1 and glyphicon-asterisk
	// Models are what the app's own file lists; empty without one.
	Models []Model
	// Access is publishIdentityInfo of the app's own file, as it came: who may see the
	// app. nil when there is none.
	Access json.RawMessage
	// Own is the name of the app's own file; empty without one.
	Own string

	Processes []File // BPMN
	Forms     []Form
	Decisions []Decision
	Stencils  []File
	// Others are the rest: data models, document templates, images, the editor's JSON,
	// the app's own file, rules.
	Others []File
}

// File is a file of a deployment.
type File struct {
	Name  string // the path inside the deployment, with slashes
	Bytes []byte // as they came
}

// Number is the model's number, which ends the name of a file of APS; 0 without one.
func (f File) Number() int64 { return number(f.Name) }

// Title is the file's name as people read it: without directory, number and kind.
func (f File) Title() string { return title(f.Name) }

// Base is the file's name without directory and kind, which the files of one model share.
func (f File) Base() string { return baseName(strings.TrimSuffix(path.Base(f.Name), ".json")) }

// Model is what an APS app says of one of its models.
type Model struct {
	ID           int64  `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Version      int    `json:"version"`
	Kind         int    `json:"modelType"` // 0 process, 2 form, 3 app, 4 decision table
	StencilSetID int64  `json:"stencilSetId"`
}

// Form is a form's file.
type Form struct {
	File
	// ID is the model's number, which ends the name of a file of APS; 0 without one.
	ID int64
	// Key is what a formKey in a process names: the number, or the key that the form
	// gives itself (Activiti's .form).
	Key string
	// ReferenceID is the process model that the form was made for; 0: it is shared.
	ReferenceID       int64
	Name, Description string
}

// Decision is a decision table's file, in APS's JSON or DMN's XML.
type Decision struct {
	File
	ID   int64  // as Form.ID
	Key  string // empty for DMN, whose room reads it
	Name string
	JSON bool // APS's JSON; otherwise XML
}

// Files returns every file, in the order of kinds.
func (a *App) Files() []File {
	files := append([]File(nil), a.Processes...)
	for _, f := range a.Forms {
		files = append(files, f.File)
	}
	for _, d := range a.Decisions {
		files = append(files, d.File)
	}
	return append(append(files, a.Stencils...), a.Others...)
}

// Problem is something wrong with a file; with the whole when File is empty.
type Problem struct {
	File    string
	Message string
}

// String is what people read.
func (p Problem) String() string {
	if p.File == "" {
		return p.Message
	}
	return p.File + ": " + p.Message
}

// problems collects what is wrong.
type problems struct {
	list  []Problem
	large bool // one of them is a limit
}

func (p *problems) add(file, format string, args ...any) {
	p.list = append(p.list, Problem{printable(file), fmt.Sprintf(format, args...)})
}

func (p *problems) limit(file, format string, args ...any) {
	p.large = true
	p.add(file, format, args...)
}

// shown is how many problems a message lists.
const shown = 50

// err is nil without problems; else a fault that lists them, TooLarge when one of them is
// a limit and Invalid otherwise.
func (p *problems) err(name string) error {
	if len(p.list) == 0 {
		return nil
	}
	lines := make([]string, 0, len(p.list))
	for _, problem := range p.list {
		lines = append(lines, problem.String())
	}
	if more := len(lines) - shown; more > 0 {
		lines = append(lines[:shown], fmt.Sprintf("and %d more", more))
	}
	kind := fault.Invalid
	if p.large {
		kind = fault.TooLarge
	}
	return fault.New(kind, "%s cannot be deployed: %s", printable(name), strings.Join(lines, "; "))
}

// printable is a name as it may be shown: bounded and on one line.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(name, "?"))
	if runes := []rune(name); len(runes) > 120 {
		return string(runes[:120]) + "…"
	}
	return name
}
