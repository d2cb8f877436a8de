package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

type world struct {
	*sluicetest.Server
	admin, user string // tokens
}

func setup(t *testing.T, options ...sluicetest.Option) world {
	t.Helper()
	srv := sluicetest.NewServer(t, append([]sluicetest.Option{
		sluicetest.Administrator("admin", "admin"), sluicetest.User("kermit@example.com", "green"),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "app", GrantTypes: []string{"password"}}, Secret: "secret"}),
	}, options...)...)
	token := func(name, password string) string {
		return srv.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {name}, "password": {password}})
	}
	return world{srv, token("admin", "admin"), token("kermit@example.com", "green")}
}

// refused checks status, messageKey and that both members of APS's error body are
// there.
func refused(t *testing.T, name string, a sluicetest.Answer, status int, key string) {
	t.Helper()
	if _, ok := a.JSON["message"]; a.Status != status || a.Text("messageKey") != key || !ok || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Errorf("%s: %d %s; want %d %s", name, a.Status, a.Body, status, key)
	}
}

var apsDate = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$`)

func TestAppVersion(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Call(t, w.user, "GET", "app-version", nil)
	for _, member := range []string{"edition", "majorVersion", "minorVersion", "revisionVersion", "type"} {
		if a.Text(member) == "" {
			t.Errorf("%s is missing: %s", member, a.Body)
		}
	}
}

func TestProfile(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Call(t, w.user, "GET", "profile", nil)
	want := map[string]any{"id": 1001.0, "email": "kermit@example.com", "firstName": nil, "fullname": "kermit@example.com", "status": "active", "type": "enterprise", "externalId": nil}
	for name, value := range want {
		got, ok := a.JSON[name]
		if !ok || got != value {
			t.Errorf("%s = %v, want %v", name, got, value)
		}
	}
	if !apsDate.MatchString(a.Text("created")) || !apsDate.MatchString(a.Text("lastUpdate")) || a.JSON["password"] != nil {
		t.Errorf("%s", a.Body)
	}
	a = w.Call(t, w.user, "POST", "profile", map[string]any{"firstName": "Kermit", "lastName": "Frog", "company": nil, "unknown": 1, "status": "inactive", "id": 1, "password": "x"})
	if a.Status != 200 || a.Text("fullname") != "Kermit Frog" || a.Text("status") != "active" || a.JSON["id"] != 1001.0 {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "another login", w.Call(t, w.user, "POST", "profile", map[string]any{"email": "admin2"}), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "a name too long", w.Call(t, w.user, "POST", "profile", map[string]any{"firstName": strings.Repeat("x", 300)}), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.admin, "GET", "profile", nil); fmt.Sprint(a.JSON["capabilities"]) != "[tenant-admin]" || len(a.JSON["groups"].([]any)) != 1 {
		t.Errorf("%s", a.Body)
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := setup(t)
	refused(t, "wrong old one", w.Call(t, w.user, "POST", "profile-password", map[string]string{"oldPassword": "x", "newPassword": "y"}), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.user, "POST", "profile-password", map[string]string{"oldPassword": "green", "newPassword": "blue"}); a.Status != 200 || a.Body != "" {
		t.Errorf("%d %q", a.Status, a.Body)
	}
	w.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"kermit@example.com"}, "password": {"blue"}})
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	for query, want := range map[string]string{
		"": "3 3 0", "?filter=EXAMPLE": "2 2 0", "?size=1": "1 3 0", "?size=1&page=1": "1 3 1", "?start=2": "1 3 2", "?email=Fozzie@example.com": "1 1 0",
		"?filter=nobody": "0 0 0", "?externalId=x": "0 0 0", "?page=99999999999999": "0 3",
	} {
		a := w.Call(t, w.user, "GET", "users"+query, nil)
		data, ok := a.JSON["data"].([]any)
		if got := fmt.Sprint(a.JSON["size"], a.JSON["total"], a.JSON["start"]); a.Status != 200 || !ok || !strings.HasPrefix(got, want) || float64(len(data)) != a.JSON["size"] {
			t.Errorf("users%s: %d %s, want %s", query, a.Status, a.Body, want)
		}
	}
	for _, query := range []string{"?size=x", "?page=-1", "?start=9999999999999999999", "?groupId=x"} {
		refused(t, query, w.Call(t, w.user, "GET", "users"+query, nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	if err := w.Admin.SetUserActive(t.Context(), "fozzie@example.com", false); err != nil {
		t.Fatal(err)
	}
	if a := w.Call(t, w.user, "GET", "users?filter=fozzie", nil); a.JSON["total"] != 0.0 {
		t.Errorf("an inactive user in the directory: %s", a.Body)
	}
	if a := w.Call(t, w.user, "GET", "users/1", nil); a.Text("email") != "admin" || a.JSON["capabilities"] != nil {
		t.Errorf("another user: %s", a.Body)
	}
	refused(t, "no such user", w.Call(t, w.user, "GET", "users/77", nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestAdministratorsManageUsers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Call(t, w.admin, "POST", "admin/users", map[string]any{"email": "piggy@example.com", "firstName": "Miss", "lastName": "Piggy", "password": "kermie",
		"externalId": "p1", "company": "Muppets", "tenantId": 1, "type": "enterprise", "groups": nil})
	if a.Status != 200 || a.JSON["id"] != 1002.0 || a.Text("fullname") != "Miss Piggy" || a.Text("externalId") != "p1" || a.JSON["tenantId"] != 1.0 || a.JSON["password"] != nil {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	w.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {"piggy@example.com"}, "password": {"kermie"}})
	refused(t, "the same again", w.Call(t, w.admin, "POST", "admin/users", map[string]any{"email": "piggy@example.com"}), 409, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "no login", w.Call(t, w.admin, "POST", "admin/users", map[string]any{}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "wrong type", w.Call(t, w.admin, "POST", "admin/users", map[string]any{"email": 5}), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.admin, "PUT", "admin/users/1002", map[string]any{"lastName": "Pig", "externalId": nil}); a.Status != 200 || a.Text("lastName") != "Pig" || a.Text("externalId") != "p1" {
		t.Errorf("update: %d %s", a.Status, a.Body)
	}
	if a := w.Call(t, w.admin, "PUT", "admin/users/1002", map[string]any{"status": "inactive"}); a.Text("status") != "inactive" {
		t.Errorf("disable: %d %s", a.Status, a.Body)
	}
	refused(t, "the last administrator", w.Call(t, w.admin, "PUT", "admin/users/1", map[string]any{"status": "inactive"}), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "no such user", w.Call(t, w.admin, "PUT", "admin/users/77", map[string]any{}), 404, "GENERAL.ERROR.NOT-FOUND")
	for query, want := range map[string]float64{"?status=inactive": 1, "?status=active": 2, "?status=pending": 0, "?company=mupp": 1, "?filter=pig&summary=true": 1, "?sort=emailDesc": 3} {
		if a := w.Call(t, w.admin, "GET", "admin/users"+query, nil); a.JSON["total"] != want {
			t.Errorf("admin/users%s: %s", query, a.Body)
		}
	}
}

func TestAdministratorsManageGroups(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Call(t, w.admin, "POST", "admin/groups", map[string]any{"name": "Band", "type": 1, "externalId": "band", "tenantId": 1})
	if a.Status != 200 || a.Text("name") != "Band" || a.JSON["type"] != 1.0 || a.Text("status") != "active" {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	group := fmt.Sprint(a.JSON["id"])
	if a := w.Call(t, w.admin, "POST", "admin/groups/"+group+"/members/1001", nil); a.Status != 200 || a.Body != "" {
		t.Errorf("add: %d %q", a.Status, a.Body)
	}
	if a := w.Call(t, w.admin, "POST", "admin/groups/"+group+"/members/1001", nil); a.Status != 200 {
		t.Errorf("add again: %d", a.Status)
	}
	refused(t, "no such user", w.Call(t, w.admin, "POST", "admin/groups/"+group+"/members/77", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no such group", w.Call(t, w.admin, "POST", "admin/groups/77/members/1001", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "no number", w.Call(t, w.admin, "POST", "admin/groups/x/members/1001", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.admin, "GET", "admin/groups", nil); !strings.HasPrefix(a.Body, "[") || strings.Count(a.Body, `"name"`) != 2 {
		t.Errorf("list: %s", a.Body)
	}
	if a := w.Call(t, w.admin, "GET", "admin/groups?functional=true", nil); strings.Count(a.Body, `"name"`) != 1 {
		t.Errorf("functional: %s", a.Body)
	}
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+group+"?includeAllUsers=true", nil); a.JSON["userCount"] != 1.0 || !strings.Contains(a.Body, "kermit@example.com") {
		t.Errorf("one: %s", a.Body)
	}
	for _, path := range []string{"groups/" + group + "/users", "admin/groups/" + group + "/users", "users?groupId=" + group} {
		if a := w.Call(t, w.admin, "GET", path, nil); a.JSON["total"] != 1.0 {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if a := w.Call(t, w.user, "GET", "groups?filter=BAN", nil); a.JSON["total"] != 1.0 {
		t.Errorf("groups: %s", a.Body)
	}
	if a := w.Call(t, w.user, "GET", "profile", nil); !strings.Contains(a.Body, `"name":"Band"`) {
		t.Errorf("profile: %s", a.Body)
	}
	if a := w.Call(t, w.admin, "DELETE", "admin/groups/"+group+"/members/1001", nil); a.Status != 200 {
		t.Errorf("remove: %d %s", a.Status, a.Body)
	}
	refused(t, "remove again", w.Call(t, w.admin, "DELETE", "admin/groups/"+group+"/members/1001", nil), 404, "GENERAL.ERROR.NOT-FOUND")
}

// Every administrative operation is closed to everybody else.
func TestAdministrationIsForAdministrators(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, op := range []string{"GET admin/users", "POST admin/users", "GET admin/users/1", "PUT admin/users/1001", "GET admin/groups", "POST admin/groups", "GET admin/groups/1",
		"GET admin/groups/1/users", "POST admin/groups/1/members/1001", "DELETE admin/groups/1/members/1"} {
		method, path, _ := strings.Cut(op, " ")
		refused(t, op, w.Call(t, w.user, method, path, map[string]any{"email": "x"}), 403, "GENERAL.ERROR.FORBIDDEN")
		refused(t, op+" without a token", w.Do(t, bare(t, method, w.URL+"/activiti-app/api/enterprise/"+path)), 401, "GENERAL.ERROR.UNAUTHORIZED")
	}
}

func bare(t *testing.T, method, address string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnknownOperationsAndBodies(t *testing.T) {
	t.Parallel()
	w := setup(t)
	refused(t, "unknown path", w.Call(t, w.user, "GET", "nothing", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	a := w.Call(t, w.user, "DELETE", "profile", nil)
	refused(t, "unknown method", a, 405, "GENERAL.ERROR.METHOD-NOT-ALLOWED")
	if a.Header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
	if a := w.Call(t, w.user, "GET", "app-version/", nil); a.Status != 200 {
		t.Errorf("a slash at the end: %d", a.Status)
	}
	send := func(kind, body string) sluicetest.Answer {
		r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/activiti-app/api/enterprise/profile", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "bearer "+w.user)
		r.Header.Set("Content-Type", kind)
		return w.Do(t, r)
	}
	refused(t, "no JSON", send("application/json", "{"), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "not UTF-8", send("application/json", "{\"firstName\":\"\xff\"}"), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "a form", send("application/x-www-form-urlencoded", "firstName=x"), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "huge", send("application/json", `{"x":"`+strings.Repeat("x", 70_000)+`"}`), 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED")
	if a := send("application/json; charset=utf-8", `{"firstName":"<b>é"}`); a.Status != 200 || a.Text("firstName") != "<b>é" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestBasicAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	yes := true
	for name, c := range map[string]struct {
		change func(*sluice.Config)
		status int
	}{
		"by default":   {func(*sluice.Config) {}, 401},
		"when enabled": {func(c *sluice.Config) { c.Bearer.BasicAuth = &yes }, 200},
		"OAuth 2 off":  {func(c *sluice.Config) { c.Bearer.Enabled = false }, 200},
	} {
		w := setup(t, sluicetest.Config(c.change))
		call := func(password string) sluicetest.Answer {
			r := bare(t, "GET", w.URL+"/activiti-app/api/enterprise/profile")
			r.SetBasicAuth("kermit@example.com", password)
			return w.Do(t, r)
		}
		if a := call("green"); a.Status != c.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		a := call("blue")
		refused(t, name+", wrong password", a, 401, "GENERAL.ERROR.UNAUTHORIZED")
		if a := w.Call(t, w.user, "GET", "profile", nil); a.Status != 200 {
			t.Errorf("%s: a bearer token: %d", name, a.Status)
		}
	}
}

func TestImpersonation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	as := func(token string) sluicetest.Answer {
		return w.Get(t, "/activiti-app/api/enterprise/profile", "Authorization", "Bearer "+token, "activiti-user", "kermit@example.com", "activiti-user-value-type", "userEmailType")
	}
	if a := as(w.admin); a.Text("email") != "kermit@example.com" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	refused(t, "by a plain user", as(w.user), 403, "GENERAL.ERROR.FORBIDDEN")
}

func TestDescriptionIsOpen(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := w.Get(t, "/activiti-app/api/openapi.json")
	if paths, _ := a.JSON["paths"].(map[string]any); a.Status != 200 || a.Text("openapi") != "3.1.0" || paths["/api/enterprise/profile"] == nil ||
		!strings.Contains(a.Body, w.URL+"/oauth/authorize") {
		t.Errorf("%d %.300s", a.Status, a.Body)
	}
}
