package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/internal/api"
	"github.com/sluicehq/sluice/sluicetest"
)

// badIDs are what stands in a path where an id does; as bytes, which are escaped.
var badIDs = []string{"none", "-1", "0", "1.5", "1e3", "0x10", "9223372036854775807", "9223372036854775808", "99999999999999999999999", "null", "\x00", "\xff", "../admin", "a'b\"c", "%", "\U0001F600", strings.Repeat("x", 2000)}

// badQueries are parameters that mean something somewhere, with values that mean nothing.
var badQueries = []string{
	"?filter=%FF&email=%FF&externalId=%FF&text=%FF&deploymentId=%FF&processDefinitionId=%FF&key=%FF&nameLike=%FF&tenantId=%FF",
	"?filter=%00&externalId=%00&deploymentId=%00&name=%00&sort=%00", "?start=x&size=-1&page=9223372036854775808", "?appId=1.5&appDefinitionId=%FF&groupId=none&latest=maybe", "?%zz=1;a",
}

// badBodies are what stands where a JSON object does.
var badBodies = []string{
	"", "{", "null", "true", "7", `"text"`, "[]", "[null]", `[{"name":null}]`, "{}", `{"unknown":{"a":[1]}}`, "\xff\xfe", "{\"name\":\"\xff\"}",
	strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), strings.Repeat(`{"values":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	`{"name":1e999,"size":1e999,"page":-1}`, `{"name":"a\u0000b","value":"a\u0000b","message":"a\u0000b","values":{"a\u0000b":"a\u0000b"}}`, `{"name":"x","name":5,"name":{}}`,
	`{"name":"\ud800","message":"\ud800"}`,
}

// badMembers are values that members which clients send do not have.
var badMembers = []string{"null", "true", "-1", "1.5", "9223372036854775808", `""`, `"x"`, "[]", "{}", "[null]", `[{"id":{}}]`}

// members are those that a body may have.
const members = "name description message values outcome formId userId assignee user userIds groupId group users dueDate priority category parentTaskId email variables processDefinitionId " +
	"appDefinitionId page size start sort state text filter appId order id type value scope action tenantId capabilities modelType query status formKey"

var fills = regexp.MustCompile(`\{([^}]*)\}`)

// bytesAlone are the operations that answer files: what is not there has an empty body in APS.
var bytesAlone = regexp.MustCompile(`/(raw|picture|profile-picture|thumbnail|logo|rendition/[^/]*)$`)

// Whatever is sent to whichever operation: it is understood or refused as APS refuses, and
// never a failure of the server.
func TestBadInputOfEveryOperation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	instance, task := w.started(t)
	known := map[string]string{"taskId": task, "processInstanceId": instance}
	surface := api.New(nil, api.Config{})
	operations := map[string]bool{}
	var all sync.WaitGroup
	room := make(chan struct{}, 4)
	for _, o := range api.Surface() {
		if !surface.Built(o) || operations[o.Method+o.Path] {
			continue
		}
		operations[o.Method+o.Path] = true
		turn := len(operations)
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			for _, id := range badIDs {
				if strings.Contains(o.Path, "{") {
					w.bad(t, o, fills.ReplaceAllLiteralString(o.Path, url.PathEscape(id)), "{}")
				}
			}
			for _, query := range badQueries {
				w.bad(t, o, fills.ReplaceAllLiteralString(o.Path, "1")+query, "{}")
			}
			if o.Method != http.MethodPost && o.Method != http.MethodPut {
				return
			}
			path := fills.ReplaceAllStringFunc(o.Path, func(name string) string {
				if id := known[strings.Trim(name, "{}")]; id != "" {
					return id
				}
				return "1"
			})
			for _, body := range badBodies {
				w.bad(t, o, path, body)
			}
			var together strings.Builder
			for i, member := range strings.Fields(members) { // each member meets each value at some operation
				value := badMembers[(turn+i)%len(badMembers)]
				w.bad(t, o, path, `{"`+member+`":`+value+`}`)
				together.WriteString(`,"` + member + `":` + value)
			}
			w.bad(t, o, path, "{"+together.String()[1:]+"}")
		})
	}
	all.Wait()
	if len(operations) < 150 {
		t.Errorf("only %d operations", len(operations))
	}
}

// bad sends a body to an operation as an administrator, who is stopped by no rule.
func (w world) bad(t *testing.T, o api.Operation, path, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), o.Method, w.URL+"/activiti-app"+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+w.admin)
	r.Header.Set("Content-Type", "application/json")
	a := w.Do(t, r)
	if wrong := notAPS(a, bytesAlone.MatchString(o.Path)); wrong != "" {
		t.Errorf("%s %.120s with %.120q: %s: %d %.300s", o.Method, path, body, wrong, a.Status, a.Body)
	}
}

// notAPS says what is wrong with an answer to something wrong; empty for nothing.
func notAPS(a sluicetest.Answer, bytes bool) string {
	if a.Status >= 500 {
		return "a failure of the server"
	}
	if a.Status < 400 || bytes && a.Status == 404 && a.Body == "" || a.Status == 400 && strings.HasPrefix(a.Body, "This address can be read in more than one way.") { // the last before it is known whose address it is
		return ""
	}
	var told struct {
		Message    *string `json:"message"`
		MessageKey string  `json:"messageKey"`
	}
	if err := json.Unmarshal([]byte(a.Body), &told); err != nil || told.Message == nil || *told.Message == "" || !strings.HasPrefix(told.MessageKey, "GENERAL.ERROR.") ||
		a.Header.Get("Content-Type") != "application/json;charset=UTF-8" {
		return "not APS's error body"
	}
	return ""
}

// Of changes that come at once one wins, and a second end is refused.
func TestStaleChanges(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, task := w.started(t)
	expect(t, "assign", w.Call(t, w.user, "PUT", "tasks/"+task+"/action/assign", map[string]any{"assignee": "1001"}), 200, nil)
	statuses := make(chan int, 8)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { statuses <- w.Call(t, w.user, "PUT", "tasks/"+task+"/action/complete", nil).Status })
	}
	all.Wait()
	close(statuses)
	got := map[int]int{}
	for status := range statuses {
		got[status]++
	}
	if got[200] != 1 || got[200]+got[404]+got[409] != 8 {
		t.Errorf("%v", got)
	}
	refused(t, "changed after its end", w.Call(t, w.user, "PUT", "tasks/"+task, map[string]any{"name": "late"}), 404, "GENERAL.ERROR.NOT-FOUND")
}

// What looks like a page is kept as it was written and told as JSON.
func TestPagesInComments(t *testing.T) {
	t.Parallel()
	w := setup(t)
	_, task := w.started(t)
	const evil = `<script>alert("1")</script>&amp;<img src=x onerror=alert(1)>`
	a := w.Call(t, w.user, "POST", "tasks/"+task+"/comments", map[string]any{"message": evil})
	if a.Status != 200 || a.Text("message") != evil {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	a = w.Call(t, w.user, "GET", "tasks/"+task+"/comments", nil)
	if first(t, a)["message"] != evil || strings.Contains(a.Body, "<script") || a.Header.Get("Content-Type") != "application/json;charset=UTF-8" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v %s", a.Header, a.Body)
	}
}
