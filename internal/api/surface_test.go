package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/identity"
)

var update = flag.Bool("update", false, "write docs/aps-compatibility.md anew")

// beside are the operations that are built and are none of js-api's: the addresses
// that clients put together themselves.
var beside = []string{
	"GET /api/enterprise/users/{}/picture",
	"GET /app/rest/users/{}/picture",
	"GET /app/rest/admin/profile-picture",
}

// bare is the API without its rooms, which tells what it would carry out.
func bare() *API { return New(nil, Config{Log: slog.New(slog.DiscardHandler)}) }

func TestEveryOperationOfAPSIsKnown(t *testing.T) {
	t.Parallel()
	a := bare()
	if n := len(Surface()); n != 261 {
		t.Errorf("%d operations, want 261", n)
	}
	perRing := map[int]int{}
	for _, o := range Surface() {
		perRing[o.Ring]++
		if o.Client == "" || o.Summary == "" || o.Area == "" || !strings.HasPrefix(o.Path, "/") {
			t.Errorf("%+v: incomplete", o)
		}
		path := parameter.ReplaceAllString(o.Path, "7")
		r := httptest.NewRequestWithContext(t.Context(), o.Method, base+path, nil)
		if _, pattern := a.mux.Handler(r); pattern == "" || keyOf(o.Method, strings.TrimPrefix(strings.TrimPrefix(pattern, o.Method+" "), base)) != o.key() {
			t.Errorf("%s %s is answered by %q", o.Method, o.Path, pattern)
		}
	}
	if perRing[1] != 62 || perRing[2] != 109 || perRing[3] != 71 || perRing[0] != 19 {
		t.Errorf("rings: %v", perRing)
	}
}

// What is built is APS's, or is told to be something of its own.
func TestNothingIsBuiltThatNobodyKnows(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, o := range Surface() {
		known[o.key()] = true
	}
	for key := range bare().routes {
		if !known[key] && !slices.Contains(beside, key) {
			t.Errorf("%s is no operation of APS's and not among beside", key)
		}
	}
}

func TestWhatIsNotBuiltSaysSo(t *testing.T) {
	t.Parallel()
	a := bare()
	for _, o := range Surface() {
		if a.Built(o) {
			continue
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), o.Method, base+parameter.ReplaceAllString(o.Path, "7"), nil)
		a.ServeHTTP(w, r.WithContext(identity.NewContext(r.Context(), &identity.User{ID: 1})))
		var body struct{ Message, MessageKey string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusNotImplemented || body.MessageKey != "GENERAL.ERROR.NOT-IMPLEMENTED" {
			t.Errorf("%s %s: %d %s", o.Method, o.Path, w.Code, w.Body)
		}
		want := "it is not planned"
		if o.Ring > 0 {
			want = fmt.Sprintf("it is of ring %d", o.Ring)
		}
		if !strings.Contains(body.Message, want) {
			t.Errorf("%s: %q does not say %q", o.Client, body.Message, want)
		}
	}
}

// Whatever is called admin is closed to everybody else, before anything is looked at.
func TestAdministrationIsClosed(t *testing.T) {
	t.Parallel()
	a, n := bare(), 0
	for _, route := range a.routes {
		if !strings.HasPrefix(route.path, prefix+"admin/") {
			continue
		}
		n++
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), route.method, base+parameter.ReplaceAllString(route.path, "7"), strings.NewReader("{}"))
		a.ServeHTTP(w, r.WithContext(identity.NewContext(r.Context(), &identity.User{ID: 7})))
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"messageKey":"GENERAL.ERROR.FORBIDDEN"`) {
			t.Errorf("%s %s: %d %s", route.method, route.path, w.Code, w.Body)
		}
	}
	if n < 25 {
		t.Errorf("only %d operations of administrators", n)
	}
}

const compatibility = "../../docs/aps-compatibility.md"

// The page about what is built is what is built.
func TestCompatibilityPage(t *testing.T) {
	t.Parallel()
	want := compatibilityPage(bare())
	if *update {
		if err := os.WriteFile(compatibility, want, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(compatibility)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("docs/aps-compatibility.md is not what is built: go test ./internal/api -update (%v)", err)
	}
}

const compatibilityIntro = `# Compatibility with APS

The operations of Alfresco Process Services' REST API as js-api 10.0.0 knows them, and whether Sluice has them. The code makes this page
(` + "`go test ./internal/api -update`" + `); a test fails when it is not true. Paths are below ` + "`/activiti-app`" + `. An operation that is not built
answers 501 with APS's error body and ` + "`GENERAL.ERROR.NOT-IMPLEMENTED`" + `; an address that APS does not have, 404.

Rings: 1 is what a process service needs first, 2 the rest that ADF and the mobile apps call and the rest of run time, 3 the editor,
reports, decisions and tenants; – is not planned. Callers: **A** a component of ADF 9, **a** a service of ADF alone, **D** the Android app,
**I** the iOS app, **doc** APS's published guide.

`

func compatibilityPage(a *API) []byte {
	var b bytes.Buffer
	b.WriteString(compatibilityIntro)
	b.WriteString("| ring | operations | built | called by ADF or an app | of these built |\n| --- | --- | --- | --- | --- |\n")
	for _, ring := range []int{1, 2, 3, 0} {
		var n [4]int
		for _, o := range Surface() {
			if o.Ring == ring {
				count(&n, a.Built(o), o.Callers != "")
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", ringName(ring), n[0], n[1], n[2], n[3])
	}
	area := ""
	for _, o := range Surface() {
		if o.Area != area {
			area = o.Area
			fmt.Fprintf(&b, "\n## %s\n\n| operation | js-api | what it does | ring | callers | built |\n| --- | --- | --- | --- | --- | --- |\n", strings.ToUpper(area[:1])+area[1:])
		}
		callers := o.Callers
		if o.Documented {
			callers = strings.TrimSpace(callers + " doc")
		}
		fmt.Fprintf(&b, "| `%s %s` | %s | %s | %s | %s | %s |\n", o.Method, o.Path, o.Client, o.Summary, ringName(o.Ring), callers, map[bool]string{true: "yes", false: "no"}[a.Built(o)])
	}
	return b.Bytes()
}

// count adds an operation to all, built, called, and called and built.
func count(n *[4]int, built, called bool) {
	for i, yes := range []bool{true, built, called, called && built} {
		if yes {
			n[i]++
		}
	}
}

func ringName(ring int) string {
	if ring == 0 {
		return "–"
	}
	return fmt.Sprint(ring)
}
