package checklist

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestLinesAreRead(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]rule{
		"Requirement R031, RFC 6749 §4.1.2 MUST NOT: once: and no more": {id: "R031", source: "RFC 6749", section: "4.1.2", level: "MUST NOT", text: "once: and no more"},
		"Requirement R077, RFC 6749 §App. B":                            {id: "R077", source: "RFC 6749", section: "App. B"},
		"Requirement X01, OAuth 2.1 §own own: ours":                     {id: "X01", source: "OAuth 2.1", section: "own", level: "own", text: "ours"},
		"Lesson L05, CVE-2018-15758: the stored request":                {id: "L05", source: "CVE-2018-15758", text: "the stored request"},
		"Requirement R31, whatever":                                     {},
		"a Requirement R031, RFC 6749 §4.1.2":                           {},
	} {
		got, ok := read(line)
		if ok != (want.id != "") || got.id != want.id || got.source != want.source || got.section != want.section || got.level != want.level || got.text != want.text {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

// Which test a line belongs to, and where none may stand.
func TestLinesBelongToTests(t *testing.T) {
	t.Parallel()
	const source = `package x

// about: the function
func TestWhole(t *testing.T) {
	for name, c := range map[string]int{
		"first": 1,
		// about: the row below
		"second": 2,
		"third": 3, // about: its own row
	} {
		// about: the body
	}
	for _, c := range []struct{ name string }{
		// about: the element
		{"fourth"},
	} {
	}
	t.Run("sub", func(t *testing.T) {
		// about: the sub-test
	})
}

func TestSkipped(t *testing.T) {
	// about: what is skipped
	t.Skip("no reason")
}

func helper() {
	// about: a helper
}

// about: nothing

var x int
`
	want := map[string]string{"the function": "TestWhole", "the row below": "TestWhole/second", "its own row": "TestWhole/third", "the body": "TestWhole",
		"the element": "TestWhole/fourth", "the sub-test": "TestWhole/sub", "what is skipped": "may be skipped", "a helper": "is no test", "nothing": "outside of every test"}
	for _, head := range []string{"", "//go:build never\n\n"} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "x_test.go", head+source, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		p := place{set: set, file: file, lines: strings.Split(head+source, "\n"), name: "x_test.go"}
		for _, group := range file.Comments {
			_, about, ok := strings.Cut(strings.TrimSpace(group.Text()), "about: ")
			if !ok {
				continue
			}
			proof, problem := p.find(group, group.List[0])
			got := strings.TrimSuffix(proof.test+"/"+proof.row, "/")
			if head != "" {
				if !strings.Contains(problem, "not always built") {
					t.Errorf("in a file with a constraint: %q %s", got, problem)
				}
			} else if got != want[about] && (problem == "" || !strings.Contains(problem, want[about])) {
				t.Errorf("%s: %q %s", about, got, problem)
			}
		}
	}
}
