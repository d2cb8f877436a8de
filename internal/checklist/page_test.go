package checklist

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/security-checklist.md anew")

// count is how many requirements there are; their ids run from R001.
const count = 268

// specifications are the chapters, in their order on the page.
var specifications = []struct{ name, title string }{
	{"RFC 6749", "OAuth 2.0"},
	{"RFC 6750", "bearer tokens"},
	{"RFC 7009", "revocation"},
	{"RFC 7523", "assertions"},
	{"RFC 7636", "PKCE"},
	{"RFC 7662", "introspection"},
	{"RFC 8252", "native apps"},
	{"RFC 8414", "metadata"},
	{"RFC 8628", "devices"},
	{"RFC 8693", "token exchange"},
	{"RFC 8705", "certificates"},
	{"RFC 9068", "JWT access tokens"},
	{"RFC 9101", "request objects"},
	{"RFC 9126", "pushed requests"},
	{"RFC 9207", "iss"},
	{"RFC 9449", "DPoP"},
	{"RFC 9700", "security best practice"},
	{"RFC 9728", "protected resource metadata"},
	{"OAuth 2.1", "draft"},
	{"OpenID Connect", "Core, Discovery, Session Management"},
	{"APS", "what clients of Alfresco Process Services rely on"},
}

const intro = `# Security checklist

The tests make this page: each line below names the tests that fail when its rule is broken, and a test keeps the page true
(` + "`go test ./internal/checklist -update`" + ` writes it). The requirements are told in our own words; the level is the word of the
specification, *own* where the rule is ours.

`

// page writes the checklist.
func page(rules map[string]*rule) []byte {
	var b bytes.Buffer
	b.WriteString(intro)
	b.WriteString("| specification | rules | proved | deviations | not offered |\n| --- | --- | --- | --- | --- |\n")
	chapters := map[string][]*rule{}
	for _, id := range ids(rules) {
		r := rules[id]
		name := r.source
		if strings.HasPrefix(id, "L") {
			name = "lessons"
		}
		chapters[name] = append(chapters[name], r)
	}
	for _, s := range specifications {
		if list := chapters[s.name]; len(list) > 0 {
			n := tally(list)
			fmt.Fprintf(&b, "| [%s](#%s) %s | %d | %d | %d | %d |\n", s.name, anchor(s.name), s.title, len(list), n[""], n[otherwise], n[notOffered])
		}
	}
	fmt.Fprintf(&b, "| [Lessons](#lessons) from others' defects | %d | %d | | |\n", len(chapters["lessons"]), len(chapters["lessons"]))
	writeApart(&b, rules)
	for _, s := range specifications {
		if list := chapters[s.name]; len(list) > 0 {
			fmt.Fprintf(&b, "\n## %s\n\n| | § | level | rule | proof |\n| --- | --- | --- | --- | --- |\n", s.name)
			for _, r := range list {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.id, r.section, emphasis(r.level), cell(r.text), r.proof())
			}
		}
	}
	b.WriteString("\n## Lessons\n\nDefects of other servers and libraries, each turned into a test.\n\n| | from | rule | proof |\n| --- | --- | --- | --- |\n")
	for _, r := range chapters["lessons"] {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, cell(r.source), cell(r.text), r.proof())
	}
	return b.Bytes()
}

func writeApart(b *bytes.Buffer, rules map[string]*rule) {
	b.WriteString("\n## Deliberate deviations\n\n| | rule | what is done instead, and why |\n| --- | --- | --- |\n")
	for _, id := range ids(rules) {
		if r := rules[id]; r.apart != nil && r.apart.kind == otherwise {
			fmt.Fprintf(b, "| %s | %s §%s: %s | %s |\n", r.id, r.source, r.section, cell(r.text), cell(r.apart.reason))
		}
	}
}

func tally(list []*rule) map[string]int {
	n := map[string]int{}
	for _, r := range list {
		kind := ""
		if r.apart != nil {
			kind = r.apart.kind
		}
		n[kind]++
	}
	return n
}

// ids are the rules' ids in their order.
func ids(rules map[string]*rule) []string {
	var list []string
	for id := range rules {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

func anchor(name string) string {
	return strings.NewReplacer(" ", "-", ".", "").Replace(strings.ToLower(name))
}

func emphasis(level string) string {
	if level == "own" {
		return "*own*"
	}
	return level
}

// cell keeps a text in its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// proof is the last column: the tests, and why a rule stands apart.
func (r *rule) proof() string {
	var parts []string
	if r.apart != nil {
		parts = append(parts, "**"+r.apart.kind+"**: "+cell(r.apart.reason))
	}
	slices.SortFunc(r.proofs, func(a, b proof) int {
		return cmp.Or(strings.Compare(a.file, b.file), strings.Compare(a.test, b.test), strings.Compare(a.row, b.row))
	})
	for _, p := range slices.Compact(r.proofs) {
		link := fmt.Sprintf("[%s](../%s)", p.test, p.file)
		if p.row != "" {
			link += " “" + cell(p.row) + "”"
		}
		parts = append(parts, link)
	}
	return strings.Join(parts, ", ")
}

func TestThePageIsWhatTheTestsSay(t *testing.T) {
	t.Parallel()
	const name = root + "/docs/security-checklist.md"
	want := page(scan(t))
	if *update {
		if err := os.WriteFile(name, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/security-checklist.md is not what the tests say: go test ./internal/checklist -update")
	}
}

func TestEveryRequirementIsSettled(t *testing.T) {
	t.Parallel()
	rules := scan(t)
	for n := 1; n <= count; n++ {
		if id := fmt.Sprintf("R%03d", n); rules[id] == nil {
			t.Errorf("%s is settled nowhere", id)
		}
	}
	for id, r := range rules {
		if strings.HasPrefix(id, "R") && (len(id) != 4 || id > fmt.Sprintf("R%03d", count)) {
			t.Errorf("there is no %s", id)
		}
		if r.apart == nil && len(r.proofs) == 0 {
			t.Errorf("%s has no test", id)
		}
		if r.apart != nil && (r.apart.reason == "" || !slices.Contains([]string{otherwise, notOffered}, r.apart.kind)) {
			t.Errorf("%s stands apart without a reason", id)
		}
		if r.section != "" && !slices.ContainsFunc(specifications, func(s struct{ name, title string }) bool { return s.name == r.source }) {
			t.Errorf("%s: there is no chapter %q", id, r.source)
		}
	}
}

// Where the list that the requirements were taken from is at hand, specification
// and section must be the same.
func TestRequirementsAreTheListed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/../shared/oauth-requirements.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the list is not at hand")
	}
	var list struct {
		Requirements []struct{ ID, Spec, Section string }
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil || len(list.Requirements) != count {
		t.Fatalf("%v, %d requirements", err, len(list.Requirements))
	}
	rules := scan(t)
	for _, want := range list.Requirements {
		r := rules[want.ID]
		if r == nil {
			t.Errorf("%s is settled nowhere", want.ID)
			continue
		}
		if !strings.HasPrefix(want.Spec, r.source) || r.section != want.Section {
			t.Errorf("%s is of %s §%s, not of %s §%s", r.id, want.Spec, want.Section, r.source, r.section)
		}
	}
}

// The tests' log, as go test -v writes it, tells whether each named test ran.
func TestNamedTestsRan(t *testing.T) {
	t.Parallel()
	name := os.Getenv("SLUICE_TEST_LOG")
	if name == "" {
		t.Skip("CI names the log of all tests by SLUICE_TEST_LOG")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	passed := passed(string(text))
	for _, r := range scan(t) {
		for _, p := range r.proofs {
			if !passed[path.Dir(p.file)][p.test] {
				t.Errorf("%s is to be proved by %s in %s, which did not run", r.id, p.test, p.file)
			}
		}
	}
}

// passed reads which tests of which folder ended well: the line about a package
// comes behind those about its tests.
func passed(log string) map[string]map[string]bool {
	all, tests := map[string]map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(log) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 2 && fields[0] == "---" && fields[1] == "PASS:" && strings.HasPrefix(line, "---"):
			tests[fields[2]] = true
		case len(fields) > 1 && (fields[0] == "ok" || fields[0] == "FAIL"):
			_, folder, inside := strings.Cut(fields[1]+"/", "sluicehq/sluice/")
			if inside {
				all[cmp.Or(strings.TrimSuffix(folder, "/"), ".")] = tests
			}
			tests = map[string]bool{}
		}
	}
	return all
}

func TestALogIsRead(t *testing.T) {
	t.Parallel()
	got := passed("=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/x (0.00s)\n--- SKIP: TestB (0.00s)\nPASS\nok  \tgithub.com/sluicehq/sluice\t0.1s\n" +
		"--- PASS: TestC (0.00s)\n--- FAIL: TestD (0.00s)\nFAIL\nFAIL\tgithub.com/sluicehq/sluice/internal/oauth\t0.1s\n")
	for _, c := range []struct {
		folder, test string
		want         bool
	}{{".", "TestA", true}, {".", "TestB", false}, {"internal/oauth", "TestA", false}, {"internal/oauth", "TestC", true}, {"internal/oauth", "TestD", false}} {
		if got[c.folder][c.test] != c.want {
			t.Errorf("%s in %s: %v", c.test, c.folder, got)
		}
	}
}
