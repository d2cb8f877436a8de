package api_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// token signs somebody in whom an administrator has made.
func (w world) token(t *testing.T, email, password string) string {
	t.Helper()
	return w.Token(t, "app", "secret", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
}

// make has an administrator make something, and returns its number.
func (w world) make(t *testing.T, token, operation string, body map[string]any) string {
	t.Helper()
	a := w.Call(t, token, "POST", operation, body)
	if a.Status != 200 || a.JSON["id"] == nil {
		t.Fatalf("%s %v: %d %s", operation, body, a.Status, a.Body)
	}
	return fmt.Sprint(a.JSON["id"])
}

// empty checks that an action was taken and answers nothing.
func empty(t *testing.T, name string, a sluicetest.Answer) {
	t.Helper()
	if a.Status != 200 || a.Body != "" {
		t.Errorf("%s: %d %q", name, a.Status, a.Body)
	}
}

// upload sends a file as a form of a page does.
func (w world) upload(t *testing.T, token, operation, part, name string, content []byte) sluicetest.Answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile(part, name)
	if err != nil {
		t.Fatal(err)
	}
	file.Write(content)
	form.Close()
	return w.sendForm(t, token, operation, form.FormDataContentType(), &body)
}

// sendForm posts a multipart body to an operation.
func (w world) sendForm(t *testing.T, token, operation, mediaType string, body io.Reader) sluicetest.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", w.URL+"/activiti-app/api/enterprise/"+operation, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", mediaType)
	return w.Do(t, r)
}

func TestPictures(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if a := w.Call(t, w.user, "GET", "profile-picture", nil); a.Status != 404 || a.Body != "" {
		t.Errorf("before: %d %q", a.Status, a.Body)
	}
	img := image.NewPaletted(image.Rect(0, 0, 600, 300), color.Palette{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 0, 255, 255}})
	var b bytes.Buffer
	gif.Encode(&b, img, nil)
	polyglot := append(b.Bytes(), "<script>alert(1)</script>"...)
	a := w.upload(t, w.user, "profile-picture", "file", "../../me.html", polyglot)
	if a.Status != 200 || a.Text("name") != "me.html" || a.JSON["userId"] != 1001.0 || !apsDate.MatchString(a.Text("created")) {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	id := a.JSON["id"]
	for _, address := range []string{"api/enterprise/profile-picture", "api/enterprise/users/1001/picture"} {
		a := w.Get(t, "/activiti-app/"+address, "Authorization", "Bearer "+w.user)
		got, err := png.Decode(strings.NewReader(a.Body))
		if err != nil || got.Bounds().Max != image.Pt(512, 256) || a.Header.Get("Content-Type") != "image/png" || strings.Contains(a.Body, "script") ||
			a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Content-Security-Policy") != "default-src 'none'; sandbox" {
			t.Fatalf("%s: %d %v %v %v", address, a.Status, a.Header, got, err)
		}
		if r, g, bl, _ := got.At(100, 100).RGBA(); r>>8 != 255 || g != 0 || bl != 0 {
			t.Errorf("%s: another colour", address)
		}
	}
	if a := w.Call(t, w.user, "GET", "profile", nil); a.JSON["pictureId"] != id {
		t.Errorf("profile: %s", a.Body)
	}
	for name, a := range map[string]sluicetest.Answer{
		"HTML":         w.upload(t, w.user, "profile-picture", "file", "x.png", []byte("<html><script>")),
		"SVG":          w.upload(t, w.user, "profile-picture", "file", "x.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`)),
		"half a PNG":   w.upload(t, w.user, "profile-picture", "file", "x.png", []byte("\x89PNG\r\n\x1a\n")),
		"another part": w.upload(t, w.user, "profile-picture", "picture", "x.gif", b.Bytes()),
		"JSON":         w.Call(t, w.user, "POST", "profile-picture", map[string]any{}),
	} {
		refused(t, name, a, 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "too large", w.upload(t, w.user, "profile-picture", "file", "x.gif", append(b.Bytes(), make([]byte, 5<<20)...)), 413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED")
	if a := w.Call(t, w.user, "GET", "users/1/picture", nil); a.Status != 404 || a.Body != "" {
		t.Errorf("nobody's: %d %q", a.Status, a.Body)
	}
	if a := w.Call(t, w.user, "GET", "users/77/picture", nil); a.Status != 404 || a.Body != "" {
		t.Errorf("no user: %d %q", a.Status, a.Body)
	}
}

func TestOneUserByOthers(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	if a := w.Call(t, w.user, "PUT", "users/1001", map[string]any{"lastName": "Frog", "status": "inactive"}); a.Text("lastName") != "Frog" || a.Text("status") != "active" {
		t.Errorf("oneself: %d %s", a.Status, a.Body)
	}
	refused(t, "another", w.Call(t, w.user, "PUT", "users/1002", map[string]any{"lastName": "x"}), 403, "GENERAL.ERROR.FORBIDDEN")
	if a := w.Call(t, w.admin, "PUT", "users/1002", map[string]any{"email": "bear@example.com"}); a.Text("email") != "bear@example.com" {
		t.Errorf("an administrator: %d %s", a.Status, a.Body)
	}
	action := func(old, password, name string) map[string]any {
		return map[string]any{"action": name, "oldPassword": old, "newPassword": password}
	}
	refused(t, "another's password", w.Call(t, w.user, "POST", "users/1002", action("x", "y", "changePassword")), 403, "GENERAL.ERROR.FORBIDDEN")
	refused(t, "a wrong old one", w.Call(t, w.user, "POST", "users/1001", action("blue", "y", "changePassword")), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "another action", w.Call(t, w.user, "POST", "users/1001", action("green", "y", "explode")), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "an administrator's", w.Call(t, w.admin, "POST", "users/1002", action("", "y", "changePassword")))
	w.token(t, "bear@example.com", "y")
	empty(t, "one's own", w.Call(t, w.user, "POST", "users/1001", action("green", "z", "changePassword")))
	w.token(t, "kermit@example.com", "z")
}

func TestManyUsersAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t, sluicetest.User("fozzie@example.com", "x"))
	group := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Band", "type": 1})
	empty(t, "all of it", w.Call(t, w.admin, "PUT", "admin/users", map[string]any{"users": []any{1001, "1002"}, "accountType": "trial", "password": "new",
		"primaryGroupId": group, "tenantId": 1, "sendNotifications": true}))
	for id, email := range map[string]string{"1001": "kermit@example.com", "1002": "fozzie@example.com"} {
		a := w.Call(t, w.admin, "GET", "admin/users/"+id, nil)
		primary, _ := a.JSON["primaryGroup"].(map[string]any)
		if a.Text("type") != "trial" || a.JSON["tenantId"] != 1.0 || a.Text("tenantName") != "Default tenant" || fmt.Sprint(primary["id"]) != group {
			t.Errorf("%s: %s", id, a.Body)
		}
		w.token(t, email, "new")
	}
	for query, want := range map[string]float64{"?accountType=trial": 2, "?accountType=enterprise": 1, "?tenantId=1": 2} {
		if a := w.Call(t, w.admin, "GET", "admin/users"+query, nil); a.JSON["total"] != want {
			t.Errorf("admin/users%s: %s", query, a.Body)
		}
	}
	refused(t, "one does not exist", w.Call(t, w.admin, "PUT", "admin/users", map[string]any{"users": []int{1001, 77}, "status": "inactive"}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "one is the last administrator", w.Call(t, w.admin, "PUT", "admin/users", map[string]any{"users": []int{1001, 1}, "status": "inactive"}), 403, "GENERAL.ERROR.FORBIDDEN")
	if a := w.Call(t, w.admin, "GET", "admin/users/1001", nil); a.Text("status") != "active" {
		t.Errorf("half of a refused change: %s", a.Body)
	}
	for name, body := range map[string]map[string]any{"nobody": {"users": []int{}}, "no such type": {"users": []int{1001}, "accountType": "gold"}, "no such status": {"users": []int{1001}, "status": "x"}} {
		refused(t, name, w.Call(t, w.admin, "PUT", "admin/users", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "no such tenant", w.Call(t, w.admin, "PUT", "admin/users", map[string]any{"users": []int{1001}, "tenantId": 9}), 404, "GENERAL.ERROR.NOT-FOUND")
}

func TestLifeOfAGroup(t *testing.T) {
	t.Parallel()
	w := setup(t)
	parent := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Muppets", "type": 1})
	group := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Band", "type": "1", "parentGroupId": parent, "manager": map[string]any{"id": 1001}})
	a := w.Call(t, w.admin, "PUT", "admin/groups/"+group, map[string]any{"name": "The Band", "externalId": "band", "type": 0})
	manager, _ := a.JSON["manager"].(map[string]any)
	if a.Text("name") != "The Band" || a.Text("externalId") != "band" || a.JSON["type"] != 1.0 || manager["email"] != "kermit@example.com" || fmt.Sprint(a.JSON["parentGroupId"]) != parent {
		t.Errorf("update: %d %s", a.Status, a.Body)
	}
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+parent, nil); !strings.Contains(a.Body, `"name":"The Band"`) {
		t.Errorf("the group below: %s", a.Body)
	}
	refused(t, "a circle", w.Call(t, w.admin, "PUT", "admin/groups/"+parent, map[string]any{"parentGroupId": group}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "itself", w.Call(t, w.admin, "PUT", "admin/groups/"+parent, map[string]any{"parentGroupId": parent}), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "no name", w.Call(t, w.admin, "PUT", "admin/groups/"+parent, map[string]any{"name": ""}), 400, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "everybody", w.Call(t, w.admin, "POST", "admin/groups/"+group+"/add-all-users", nil))
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+group+"/users?page=1&pageSize=1", nil); a.JSON["total"] != 2.0 || a.JSON["start"] != 1.0 || a.JSON["size"] != 1.0 {
		t.Errorf("members: %s", a.Body)
	}
	// The first deletion makes it inactive, the second one ends it.
	empty(t, "delete", w.Call(t, w.admin, "DELETE", "admin/groups/"+group, nil))
	if a := w.Call(t, w.user, "GET", "groups?filter=band", nil); a.JSON["total"] != 0.0 {
		t.Errorf("an inactive group in the directory: %s", a.Body)
	}
	empty(t, "activate", w.Call(t, w.admin, "POST", "admin/groups/"+group+"/action/activate", nil))
	if a := w.Call(t, w.user, "GET", "groups?filter=band", nil); a.JSON["total"] != 1.0 {
		t.Errorf("an active group: %s", a.Body)
	}
	empty(t, "delete the parent", w.Call(t, w.admin, "DELETE", "admin/groups/"+parent, nil))
	refused(t, "groups below", w.Call(t, w.admin, "DELETE", "admin/groups/"+parent, nil), 409, "GENERAL.ERROR.BAD-REQUEST")
	empty(t, "delete", w.Call(t, w.admin, "DELETE", "admin/groups/"+group, nil))
	empty(t, "delete again", w.Call(t, w.admin, "DELETE", "admin/groups/"+group, nil))
	refused(t, "gone", w.Call(t, w.admin, "GET", "admin/groups/"+group, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "the administrators", w.Call(t, w.admin, "DELETE", "admin/groups/1", nil), 403, "GENERAL.ERROR.FORBIDDEN")
}

func TestRelatedGroups(t *testing.T) {
	t.Parallel()
	w := setup(t)
	one, two := w.make(t, w.admin, "admin/groups", map[string]any{"name": "One", "type": 1}), w.make(t, w.admin, "admin/groups", map[string]any{"name": "Two", "type": 1})
	path := "admin/groups/" + one + "/related-groups/"
	refused(t, "no type", w.Call(t, w.admin, "POST", path+two, nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "itself", w.Call(t, w.admin, "POST", path+one+"?type=x", nil), 400, "GENERAL.ERROR.BAD-REQUEST")
	refused(t, "no such group", w.Call(t, w.admin, "POST", path+"77?type=x", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	empty(t, "relate", w.Call(t, w.admin, "POST", path+two+"?type=sister", nil))
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+one+"/related-groups", nil); !strings.HasPrefix(a.Body, `[{"id":`+two+`,"name":"Two"`) {
		t.Errorf("related: %s", a.Body)
	}
	empty(t, "unrelate", w.Call(t, w.admin, "DELETE", path+two, nil))
	refused(t, "unrelate again", w.Call(t, w.admin, "DELETE", path+two, nil), 404, "GENERAL.ERROR.NOT-FOUND")
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+one+"/related-groups", nil); a.Body != "[]\n" {
		t.Errorf("related: %s", a.Body)
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Deployers"})
	path := "admin/groups/" + group
	if a := w.Call(t, w.admin, "GET", path+"/potential-capabilities", nil); !strings.Contains(a.Body, `"access-all-models-in-tenant"`) || !strings.Contains(a.Body, `"tenant-admin"`) {
		t.Errorf("potential: %s", a.Body)
	}
	empty(t, "add", w.Call(t, w.admin, "POST", path+"/capabilities", map[string]any{"capabilities": []string{"access-reports", "tenant-admin", "access-reports"}}))
	refused(t, "no such one", w.Call(t, w.admin, "POST", path+"/capabilities", map[string]any{"capabilities": []string{"fly"}}), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.admin, "GET", path+"/potential-capabilities", nil); strings.Contains(a.Body, `"tenant-admin"`) || strings.Contains(a.Body, "access-reports") {
		t.Errorf("potential: %s", a.Body)
	}
	empty(t, "a member", w.Call(t, w.admin, "POST", path+"/members/1001", nil))
	if a := w.Call(t, w.user, "GET", "profile", nil); fmt.Sprint(a.JSON["capabilities"]) != "[access-reports tenant-admin]" {
		t.Errorf("profile: %s", a.Body)
	}
	if a := w.Call(t, w.user, "GET", "admin/tenants", nil); a.Status != 200 {
		t.Errorf("a new administrator: %d", a.Status)
	}
	capabilities := w.Call(t, w.admin, "GET", path, nil).JSON["capabilities"].([]any)
	for _, one := range capabilities {
		empty(t, "take", w.Call(t, w.admin, "DELETE", fmt.Sprintf("%s/capabilities/%v", path, one.(map[string]any)["id"]), nil))
	}
	refused(t, "take again", w.Call(t, w.admin, "DELETE", fmt.Sprintf("%s/capabilities/%v", path, capabilities[0].(map[string]any)["id"]), nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "an administrator no more", w.Call(t, w.user, "GET", "admin/tenants", nil), 403, "GENERAL.ERROR.FORBIDDEN")
	own := w.Call(t, w.admin, "GET", "admin/groups/1", nil).JSON["capabilities"].([]any)[0].(map[string]any)["id"]
	refused(t, "the last administrators'", w.Call(t, w.admin, "DELETE", fmt.Sprintf("admin/groups/1/capabilities/%v", own), nil), 403, "GENERAL.ERROR.FORBIDDEN")
	functional := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Band", "type": 1})
	refused(t, "a functional group", w.Call(t, w.admin, "POST", "admin/groups/"+functional+"/capabilities", map[string]any{"capabilities": []string{"tenant-admin"}}), 400, "GENERAL.ERROR.BAD-REQUEST")
	if a := w.Call(t, w.admin, "GET", "admin/groups/"+functional+"/potential-capabilities", nil); a.Body != "[]\n" {
		t.Errorf("potential of a functional group: %s", a.Body)
	}
}

func TestSystem(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for operation, want := range map[string]string{
		"system/properties":                                     `{"allowInvolveByEmail":false,"disableJavaScriptEventsInFormEditor":true,"logoutDisabled":false,"authConfiguration":null}`,
		"system/properties/global-date-format/1":                `{"globalDateFormat":"D-M-YYYY"}`,
		"system/properties/password-validation-constraints/1":   `{"minLength":1,"regularExpression":"^.{1,1000}$","passwordCriteriaMessage":"A password has 1 to 1000 bytes."}`,
		"account/integration":                                   `{"size":0,"total":0,"start":0,"data":[]}`,
		"profile/accounts/alfresco?includeAccounts=true&page=2": `{"size":0,"total":0,"start":0,"data":[]}`,
	} {
		if a := w.Call(t, w.user, "GET", operation, nil); a.Status != 200 || strings.TrimSpace(a.Body) != want {
			t.Errorf("%s: %d %s", operation, a.Status, a.Body)
		}
	}
	refused(t, "no such tenant", w.Call(t, w.user, "GET", "system/properties/global-date-format/9", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "what is not built", w.Call(t, w.user, "POST", "idm/passwords", map[string]any{"email": "x"}), 501, "GENERAL.ERROR.NOT-IMPLEMENTED")
}

// Every change of people leaves its line, with who made it and what it was made to.
func TestChangesOfPeopleAreRecorded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	group := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Band", "type": 1})
	rights := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Rights"})
	w.make(t, w.admin, "admin/tenants", map[string]any{"name": "Muppets"})
	for _, op := range []struct {
		method, operation string
		body              any
	}{
		{"PUT", "admin/groups/" + group, map[string]any{"name": "The Band"}},
		{"POST", "admin/groups/" + group + "/add-all-users", nil},
		{"POST", "admin/groups/" + group + "/related-groups/" + rights + "?type=x", nil},
		{"DELETE", "admin/groups/" + group + "/related-groups/" + rights, nil},
		{"POST", "admin/groups/" + rights + "/capabilities", map[string]any{"capabilities": []string{"access-reports"}}},
		{"DELETE", "admin/groups/" + rights + "/capabilities/2", nil},
		{"DELETE", "admin/groups/" + group, nil},
		{"POST", "admin/groups/" + group + "/action/activate", nil},
		{"DELETE", "admin/groups/" + rights, nil},
		{"PUT", "admin/users", map[string]any{"users": []int{1001}, "accountType": "trial"}},
		{"PUT", "admin/tenants/2", map[string]any{"name": "The Muppets"}},
	} {
		empty := w.Call(t, w.admin, op.method, op.operation, op.body)
		if empty.Status != 200 {
			t.Fatalf("%s %s: %d %s", op.method, op.operation, empty.Status, empty.Body)
		}
	}
	var got []string
	for e, err := range w.Admin.AuditAll(t.Context(), sluice.AuditQuery{Actor: "user:1"}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Subject != "" || strings.HasPrefix(e.Name, "tenant.") {
			got = append(got, e.Name+" "+e.Subject)
		}
	}
	slices.Reverse(got)
	want := []string{"group.create group:" + group, "group.create group:" + rights, "tenant.create ", "group.change group:" + group, "group.join_all group:" + group,
		"group.relate group:" + group, "group.unrelate group:" + group, "group.capability group:" + rights, "group.capability_end group:" + rights,
		"group.disable group:" + group, "group.enable group:" + group, "group.delete group:" + rights, "user.change user:1001", "tenant.change "}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
