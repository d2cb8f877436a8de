package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestFilters(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"filters/tasks", "filters/processes"} {
		w := setup(t)
		if a := w.Call(t, w.user, "GET", path, nil); a.Status != 200 || strings.TrimSpace(a.Body) != `{"size":0,"total":0,"start":0,"data":[]}` {
			t.Errorf("%s at first: %d %s", path, a.Status, a.Body)
		}
		a := w.Call(t, w.user, "POST", path, map[string]any{"name": "Mine", "icon": "glyphicon-inbox", "recent": false, "appId": nil, "id": 99, "unknown": 1,
			"filter": map[string]any{"state": "open", "sort": "created-desc", "assignment": "involved", "dueBefore": "2016-06-16", "asc": nil, "unknown": 1}})
		search, _ := a.JSON["filter"].(map[string]any)
		if a.Status != 200 || a.Text("name") != "Mine" || a.Text("icon") != "glyphicon-inbox" || a.JSON["index"] != 0.0 || a.JSON["appId"] != nil ||
			a.JSON["id"] != 1.0 || search["state"] != "open" || search["sort"] != "created-desc" || search["asc"] != nil {
			t.Fatalf("%s create: %d %s", path, a.Status, a.Body)
		}
		if want := map[string]any{"filters/tasks": "2016-06-16T00:00:00.000+0000", "filters/processes": nil}[path]; search["dueBefore"] != want {
			t.Errorf("%s: dueBefore is %v, want %v", path, search["dueBefore"], want)
		}
		second := w.make(t, w.user, path, map[string]any{"name": "Second", "filter": map[string]any{}})
		third := w.make(t, w.user, path, map[string]any{"name": "Third", "filter": map[string]any{}})
		elsewhere := w.make(t, w.user, path, map[string]any{"name": "App", "appId": "7", "filter": map[string]any{}})
		names := func(query string) string {
			var list []string
			for _, f := range w.Call(t, w.user, "GET", path+query, nil).JSON["data"].([]any) {
				list = append(list, fmt.Sprint(f.(map[string]any)["name"]))
			}
			return strings.Join(list, " ")
		}
		if names("") != "Mine Second Third" || names("?appId=7") != "App" || names("?appId=8") != "" {
			t.Errorf("%s: %q, %q", path, names(""), names("?appId=7"))
		}
		empty(t, "order", w.Call(t, w.user, "PUT", path, map[string]any{"appId": nil, "order": []any{3, second}}))
		if names("") != "Third Second Mine" {
			t.Errorf("%s ordered: %q", path, names(""))
		}
		refused(t, "another app's", w.Call(t, w.user, "PUT", path, map[string]any{"order": []any{elsewhere}}), 400, "GENERAL.ERROR.BAD-REQUEST")
		refused(t, "twice", w.Call(t, w.user, "PUT", path, map[string]any{"order": []any{third, third}}), 400, "GENERAL.ERROR.BAD-REQUEST")
		a = w.Call(t, w.user, "PUT", path+"/"+second, map[string]any{"name": "2nd", "appId": 7, "filter": map[string]any{"name": "x"}})
		search, _ = a.JSON["filter"].(map[string]any)
		if a.Text("name") != "2nd" || a.JSON["appId"] != nil || a.JSON["index"] != 1.0 || search["name"] != "x" {
			t.Errorf("%s update: %d %s", path, a.Status, a.Body)
		}
		if a := w.Call(t, w.user, "GET", path+"/"+second, nil); a.Text("name") != "2nd" {
			t.Errorf("%s get: %d %s", path, a.Status, a.Body)
		}
		// They are nobody else's, and of one kind.
		for _, op := range []string{"GET " + path + "/" + second, "PUT " + path + "/" + second, "DELETE " + path + "/" + second} {
			method, operation, _ := strings.Cut(op, " ")
			refused(t, op, w.Call(t, w.admin, method, operation, map[string]any{"name": "stolen"}), 404, "GENERAL.ERROR.NOT-FOUND")
		}
		other := map[string]string{"filters/tasks": "filters/processes/", "filters/processes": "filters/tasks/"}[path]
		refused(t, "of the other kind", w.Call(t, w.user, "GET", other+second, nil), 404, "GENERAL.ERROR.NOT-FOUND")
		refused(t, "order another's", w.Call(t, w.admin, "PUT", path, map[string]any{"order": []any{second}}), 400, "GENERAL.ERROR.BAD-REQUEST")
		empty(t, "delete", w.Call(t, w.user, "DELETE", path+"/"+second, nil))
		refused(t, "delete again", w.Call(t, w.user, "DELETE", path+"/"+second, nil), 404, "GENERAL.ERROR.NOT-FOUND")
		if names("") != "Third Mine" {
			t.Errorf("%s in the end: %q", path, names(""))
		}
		for name, body := range map[string]map[string]any{"no name": {"filter": map[string]any{}}, "no filter": {"name": "x"}, "a long name": {"name": strings.Repeat("x", 201), "filter": map[string]any{}},
			"a wrong type": {"name": "x", "filter": []int{}}, "a control character": {"name": "x\x00", "filter": map[string]any{}}, "a huge search": {"name": "x", "filter": map[string]any{"name": strings.Repeat("x", 9000)}}} {
			refused(t, path+" "+name, w.Call(t, w.user, "POST", path, body), 400, "GENERAL.ERROR.BAD-REQUEST")
		}
	}
}

// A user's list stays short enough to be one page.
func TestFiltersHaveALimit(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var last int
	for n := range 201 {
		last = w.Call(t, w.user, "POST", "filters/tasks", map[string]any{"name": fmt.Sprint(n), "filter": map[string]any{}}).Status
		if last != 200 && n < 200 {
			t.Fatalf("filter %d: %d", n, last)
		}
	}
	if last != 400 {
		t.Errorf("the 201st: %d", last)
	}
}
