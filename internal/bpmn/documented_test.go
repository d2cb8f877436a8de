package bpmn_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every problem is documented, and has a document that shows it.
func TestProblemsAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/bpmn.md")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("problem_test.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile("parse_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`"((?:activiti|bpmn)-[a-z-]+[a-z])"`)
	found := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range name.FindAllStringSubmatch(string(source), -1) {
			found[m[1]] = true
		}
	}
	if len(found) < 90 {
		t.Fatalf("%d names were found in the source", len(found))
	}
	for n := range found {
		if !strings.Contains(string(page), "`"+n+"`") {
			t.Errorf("%s is not in docs/bpmn.md", n)
		}
		if !strings.Contains(string(tests)+string(more), `"`+n+`"`) {
			t.Errorf("%s is in no test", n)
		}
	}
	for _, m := range regexp.MustCompile("`((?:activiti|bpmn)-[a-z-]+[a-z])`").FindAllStringSubmatch(string(page), -1) {
		if !found[m[1]] {
			t.Errorf("docs/bpmn.md knows %s, the source does not", m[1])
		}
	}
}
