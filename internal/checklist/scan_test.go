package checklist

import (
	"fmt"
	"go/ast"
	"go/build/constraint"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// rule is one line of the checklist: a requirement of a specification, or a lesson.
type rule struct {
	id      string // R031, or X.. for what goes beyond the list, or L.. for a lesson
	source  string // "RFC 6749", or what the lesson comes from
	section string // empty for lessons
	level   string
	text    string
	proofs  []proof
	apart   *exception
}

// proof is a test that fails when its rule is broken.
type proof struct {
	file string // from the module's root, with slashes
	test string
	row  string // of the test's table, or its sub-test; empty: the whole test
}

var (
	requirementLine = regexp.MustCompile(`^Requirement ([RX]\d{2,3}), (.+?) §(.+?)(?: (MUST NOT|MUST|SHOULD NOT|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL|own): (.+))?$`)
	lessonLine      = regexp.MustCompile(`^Lesson (L\d{2}), ([^:]+)(?:: (.+))?$`)
)

// read parses a line of a comment; ok is false for any other line.
func read(line string) (r rule, ok bool) {
	if m := requirementLine.FindStringSubmatch(line); m != nil {
		return rule{id: m[1], source: m[2], section: m[3], level: m[4], text: m[5]}, true
	}
	if m := lessonLine.FindStringSubmatch(line); m != nil {
		return rule{id: m[1], source: m[2], text: m[3]}, true
	}
	return rule{}, false
}

// scan reads every test of the module, and what stands apart.
func scan(t *testing.T) map[string]*rule {
	t.Helper()
	s := scanner{t: t, rules: map[string]*rule{}}
	for _, e := range apart {
		s.add(rule{id: e.id, source: e.source, section: e.section, level: e.level, text: e.text, apart: &e})
	}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (err == nil || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(name, "_test.go") {
			s.file(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, r := range s.rules {
		if r.text == "" {
			t.Errorf("%s is proved by %v, but nothing states it", id, r.proofs)
		}
	}
	return s.rules
}

type scanner struct {
	t     *testing.T
	rules map[string]*rule
}

// add merges what one line says into what is known of its rule.
func (s *scanner) add(r rule) {
	s.t.Helper()
	known, ok := s.rules[r.id]
	if !ok {
		s.rules[r.id] = &r
		return
	}
	if known.source != r.source || known.section != r.section {
		s.t.Errorf("%s is of %s §%s and of %s §%s", r.id, known.source, known.section, r.source, r.section)
	}
	if known.text != "" && r.text != "" {
		s.t.Errorf("%s is stated twice: %q and %q", r.id, known.text, r.text)
	}
	if r.text != "" {
		known.level, known.text = r.level, r.text
	}
	known.proofs = append(known.proofs, r.proofs...)
}

// file reads the lines of one file.
func (s *scanner) file(name string) {
	s.t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		s.t.Fatal(err)
	}
	clean := path.Clean(strings.TrimPrefix(filepath.ToSlash(name), root+"/"))
	p := place{set: set, file: file, lines: strings.Split(string(text), "\n"), name: clean}
	for _, group := range file.Comments {
		for _, comment := range group.List {
			line := strings.TrimSpace(strings.TrimPrefix(comment.Text, "//"))
			r, ok := read(line)
			if !ok && strings.HasPrefix(line, "Requirement R") {
				s.t.Errorf("%s: %q is not of the form of a requirement", p.at(comment.Pos()), line)
			}
			if !ok || path.Dir(clean) == "internal/checklist" {
				continue
			}
			proof, problem := p.find(group, comment)
			if problem != "" {
				s.t.Errorf("%s: %s %s", p.at(comment.Pos()), r.id, problem)
				continue
			}
			r.proofs = append(r.proofs, proof)
			s.add(r)
		}
	}
}

// place finds out which test a comment belongs to.
type place struct {
	set   *token.FileSet
	file  *ast.File
	lines []string
	name  string
}

func (p *place) at(pos token.Pos) string { return fmt.Sprint(p.name, ":", p.line(pos)) }

func (p *place) line(pos token.Pos) int { return p.set.Position(pos).Line }

// find returns the test that a comment is about, or what is wrong with it.
func (p *place) find(group *ast.CommentGroup, comment *ast.Comment) (proof, string) {
	for _, c := range p.file.Comments {
		for _, line := range c.List {
			if constraint.IsGoBuild(line.Text) {
				return proof{}, "stands in a file that is not always built"
			}
		}
	}
	for _, decl := range p.file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || (f.Doc != group && (comment.Pos() < f.Pos() || comment.Pos() > f.End())) {
			continue
		}
		name := f.Name.Name
		if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
			return proof{}, "stands in " + name + ", which is no test"
		}
		if skips(f) {
			return proof{}, "is proved by " + name + ", which may be skipped"
		}
		return proof{file: p.name, test: name, row: p.row(f, group, comment)}, ""
	}
	return proof{}, "stands outside of every test"
}

// skips reports whether a function may end its test as skipped.
func skips(f *ast.FuncDecl) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, s.Sel.Name) {
			found = true
		}
		return true
	})
	return found
}

// row names the row of a table that begins below the comment's group or ends
// before the comment on its line; or the sub-test around it.
func (p *place) row(f *ast.FuncDecl, group *ast.CommentGroup, comment *ast.Comment) string {
	name := ""
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Run" && n.Pos() < comment.Pos() && comment.End() < n.End() {
				name = first(name, text(n.Args[0]))
			}
		case *ast.CompositeLit:
			for _, element := range n.Elts {
				if p.startsLine(element) && (p.line(element.Pos()) == p.line(group.End())+1 || p.line(element.End()) == p.line(comment.Pos())) {
					name = first(rowName(element), name)
				}
			}
		}
		return true
	})
	return name
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// rowName is a row's key, or its first field.
func rowName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.KeyValueExpr:
		return text(e.Key)
	case *ast.CompositeLit:
		if len(e.Elts) > 0 {
			return text(e.Elts[0])
		}
	}
	return ""
}

// text is the value of a string literal, or nothing.
func text(e ast.Expr) string {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return ""
	}
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		return ""
	}
	return value
}

// startsLine reports whether nothing stands before a node on its line.
func (p *place) startsLine(n ast.Node) bool {
	at := p.set.Position(n.Pos())
	return strings.TrimSpace(p.lines[at.Line-1][:at.Column-1]) == ""
}
