package sluice_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sluicehq/sluice"

// imports is who may import whom, as ARCHITECTURE.md shows it. Tests are free but
// for what only tests may import.
var imports = map[string][]string{
	"bearer":                   {},
	"bearer/bearertest":        {"bearer"},
	"bearer/bearerprom":        {"bearer"},
	"internal/fault":           {},
	"internal/origin":          {},
	"internal/juel":            {},
	"internal/app":             {"internal/fault"},
	"internal/form":            {"internal/fault", "internal/juel"},
	"internal/schedule":        {},
	"internal/script":          {"internal/juel"},
	"internal/dmn":             {"internal/fault", "internal/juel"},
	"internal/bpmn":            {"internal/fault", "internal/juel", "internal/schedule"},
	"internal/diagram":         {"internal/bpmn"},
	"internal/pdf":             {},
	"internal/store":           {"internal/fault"},
	"internal/page":            {"internal/fault"},
	"internal/throttle":        {"internal/fault", "internal/origin", "internal/store"},
	"internal/gateway":         {"bearer"},
	"internal/audit":           {"internal/fault", "internal/origin", "internal/store"},
	"internal/identity":        {"bearer", "internal/audit", "internal/fault", "internal/origin", "internal/page", "internal/store", "internal/throttle"},
	"internal/oauth":           {"bearer", "internal/audit", "internal/fault", "internal/identity", "internal/page", "internal/store", "internal/throttle"},
	"internal/engine":          {"internal/app", "internal/bpmn", "internal/content", "internal/diagram", "internal/dmn", "internal/fault", "internal/form", "internal/juel", "internal/schedule", "internal/script", "internal/store"},
	"internal/filter":          {"internal/fault", "internal/store"},
	"internal/content":         {"internal/fault", "internal/store"},
	"internal/model":           {"internal/app", "internal/bpmn", "internal/diagram", "internal/engine", "internal/fault", "internal/form", "internal/store"},
	"internal/delegate":        {"internal/bpmn", "internal/engine", "internal/fault", "internal/juel"},
	"internal/api":             {"internal/app", "internal/engine", "internal/fault", "internal/filter", "internal/form", "internal/identity", "internal/model", "internal/pdf"},
	"":                         {"bearer", "bearer/bearerprom", "internal/audit", "internal/fault", "internal/origin", "internal/store", "internal/page", "internal/throttle", "internal/filter", "internal/model", "internal/gateway", "internal/identity", "internal/oauth", "internal/api", "internal/app", "internal/engine", "internal/delegate", "internal/juel"},
	"cmd/sluice":               {""},
	"sluicetest":               {"", "internal/store/storetest"},
	"internal/store/storetest": {"internal/store"},
	"internal/checklist":       {},
	"clients/golang":           {},
}

// light is what bearer may need from outside the standard library, since other
// people's programs take it along.
var light = []string{"github.com/go-jose/go-jose/v4", "github.com/go-json-experiment/json"}

// sources calls fn for each Go file of this module.
func sources(t *testing.T, fn func(path, pkg string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); path != "." && (err == nil || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			pkg := filepath.ToSlash(filepath.Dir(path))
			fn(path, strings.TrimPrefix(pkg, "."))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestImportTable(t *testing.T) {
	t.Parallel()
	sources(t, func(path, pkg string) {
		allowed, known := imports[pkg]
		if !known {
			t.Errorf("%s: the package %q is not in the import table", path, pkg)
		}
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			ours, inside := strings.CutPrefix(name+"/", module+"/")
			if ours = strings.TrimSuffix(ours, "/"); inside && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %q, which the import table does not allow", path, name)
			}
			foreign := !inside && strings.Contains(strings.Split(name, "/")[0], ".")
			if foreign && pkg == "bearer" && !slices.ContainsFunc(light, func(l string) bool { return name == l || strings.HasPrefix(name, l+"/") }) {
				t.Errorf("%s imports %q: bearer must stay light", path, name)
			}
		}
	})
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	said := map[string]bool{}
	sources(t, func(path, pkg string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := said[pkg]; !ok {
			said[pkg] = false
		}
		if file.Doc != nil && len(file.Doc.Text()) > 40 {
			said[pkg] = true
		}
	})
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %q has no package comment", pkg)
		}
	}
}

func TestFilesStayShort(t *testing.T) {
	t.Parallel()
	sources(t, func(path, _ string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), "\n"); n > 600 {
			t.Errorf("%s has %d lines; split it by noun", path, n)
		}
	})
}

// modernc.org/sqlite is generated against one version of its libc; another one
// corrupts memory.
func TestLibcIsTheOneSQLiteWasMadeFor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"modernc.org/sqlite v1.62.0", "modernc.org/libc v1.80.1"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("go.mod lacks %s", line)
		}
	}
}
