package api_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// muppets makes a tenant with an administrator, a user and a group of its own, and
// returns the administrator's token and the numbers.
func (w world) muppets(t *testing.T) (token, tenant, user, group string) {
	t.Helper()
	tenant = w.make(t, w.admin, "admin/tenants", map[string]any{"name": "Muppets", "domain": "example.org", "configuration": "{}"})
	boss := w.make(t, w.admin, "admin/users", map[string]any{"email": "boss@example.org", "password": "boss", "tenantId": tenant})
	user = w.make(t, w.admin, "admin/users", map[string]any{"email": "piggy@example.org", "password": "moi", "tenantId": tenant})
	admins := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Bosses", "tenantId": tenant})
	group = w.make(t, w.admin, "admin/groups", map[string]any{"name": "Pigs", "type": 1, "tenantId": tenant})
	empty(t, "capability", w.Call(t, w.admin, "POST", "admin/groups/"+admins+"/capabilities", map[string]any{"capabilities": []string{"tenant-admin"}}))
	empty(t, "member", w.Call(t, w.admin, "POST", "admin/groups/"+admins+"/members/"+boss, nil))
	return w.token(t, "boss@example.org", "boss"), tenant, user, group
}

// An administrator of a tenant administers that tenant, and knows of no other.
func TestTenantsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	w := setup(t)
	boss, tenant, piggy, pigs := w.muppets(t)
	other := w.make(t, w.admin, "admin/groups", map[string]any{"name": "Outside", "type": 1})
	for _, c := range []struct {
		name, method, operation string
		body                    any
		status                  int
	}{
		{"his own user", "GET", "admin/users/" + piggy, nil, 200},
		{"his own user's name", "PUT", "admin/users/" + piggy, map[string]any{"lastName": "Piggy", "tenantId": tenant}, 200},
		{"his own group", "GET", "admin/groups/" + pigs, nil, 200},
		{"his own member", "POST", "admin/groups/" + pigs + "/members/" + piggy, nil, 200},
		{"his own tenant", "GET", "admin/tenants/" + tenant, nil, 200},
		{"another's user", "GET", "admin/users/1001", nil, 404},
		{"another's user by the directory", "GET", "users/1001", nil, 404},
		{"another's picture", "GET", "users/1001/picture", nil, 404},
		{"another's name", "PUT", "admin/users/1001", map[string]any{"lastName": "x"}, 404},
		{"another's name by the other address", "PUT", "users/1001", map[string]any{"lastName": "x"}, 404},
		{"another's password", "POST", "users/1001", map[string]any{"action": "changePassword", "newPassword": "x"}, 404},
		{"others among many", "PUT", "admin/users", map[string]any{"users": []any{piggy, 1001}, "status": "inactive"}, 404},
		{"another's group", "GET", "admin/groups/" + other, nil, 404},
		{"another's members", "GET", "groups/" + other + "/users", nil, 404},
		{"the administrators' group", "POST", "admin/groups/1/members/" + piggy, nil, 404},
		{"their capability", "POST", "admin/groups/1/capabilities", map[string]any{"capabilities": []string{"tenant-admin"}}, 404},
		{"another's member", "POST", "admin/groups/" + pigs + "/members/1001", nil, 404},
		{"a relation", "POST", "admin/groups/" + pigs + "/related-groups/" + other + "?type=x", nil, 404},
		{"a parent", "PUT", "admin/groups/" + pigs, map[string]any{"parentGroupId": other}, 404},
		{"a manager", "PUT", "admin/groups/" + pigs, map[string]any{"manager": map[string]any{"id": 1001}}, 404},
		{"a first group", "PUT", "admin/users/" + piggy, map[string]any{"primaryGroup": map[string]any{"id": other}}, 404},
		{"a way out", "PUT", "admin/users/" + piggy, map[string]any{"tenantId": 0}, 403},
		{"a way out for many", "PUT", "admin/users", map[string]any{"users": []any{piggy}, "tenantId": 1}, 403},
		{"a user elsewhere", "POST", "admin/users", map[string]any{"email": "spy@example.org", "tenantId": 1}, 403},
		{"a group elsewhere", "POST", "admin/groups", map[string]any{"name": "Spies", "tenantId": 1}, 403},
		{"another's tenant", "GET", "admin/tenants/1", nil, 404},
		{"a new tenant", "POST", "admin/tenants", map[string]any{"name": "x"}, 403},
		{"another name of his own", "PUT", "admin/tenants/" + tenant, map[string]any{"name": "x"}, 403},
		{"another's settings", "GET", "system/properties/global-date-format/1", nil, 404},
	} {
		if a := w.Call(t, boss, c.method, c.operation, c.body); a.Status != c.status {
			t.Errorf("%s: %s %s: %d %s, want %d", c.name, c.method, c.operation, a.Status, a.Body, c.status)
		}
	}
	for operation, want := range map[string]float64{"admin/users": 2, "admin/users?tenantId=1": 2, "users": 2, "users?filter=kermit": 0, "groups": 1, "admin/users?summary=true": 2} {
		if a := w.Call(t, boss, "GET", operation, nil); a.JSON["total"] != want {
			t.Errorf("%s: %s", operation, a.Body)
		}
	}
	if a := w.Call(t, boss, "GET", "admin/groups", nil); strings.Contains(a.Body, "Administrators") || !strings.Contains(a.Body, "Pigs") {
		t.Errorf("groups: %s", a.Body)
	}
	if a := w.Call(t, boss, "GET", "admin/tenants", nil); a.Body != `[{"id":`+tenant+`,"name":"Muppets"}]`+"\n" {
		t.Errorf("tenants: %s", a.Body)
	}
	as := func(email string) sluicetest.Answer {
		return w.Get(t, "/activiti-app/api/enterprise/profile", "Authorization", "Bearer "+boss, "activiti-user", email, "activiti-user-value-type", "userEmailType")
	}
	if a := as("piggy@example.org"); a.Status != 200 || a.Text("email") != "piggy@example.org" {
		t.Errorf("acting as his own user: %d %s", a.Status, a.Body)
	}
	refused(t, "acting as another's", as("kermit@example.com"), 403, "GENERAL.ERROR.FORBIDDEN")
	made := w.Call(t, boss, "POST", "admin/users", map[string]any{"email": "gonzo@example.org"})
	if got := made.JSON["tenantId"]; got != w.Call(t, boss, "GET", "profile", nil).JSON["tenantId"] {
		t.Errorf("whom he makes belongs to %v", got)
	}
}

func TestTenants(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if a := w.Call(t, w.admin, "GET", "admin/tenants", nil); a.Body != `[{"id":1,"name":"Default tenant"}]`+"\n" {
		t.Errorf("at first: %s", a.Body)
	}
	a := w.Call(t, w.admin, "POST", "admin/tenants", map[string]any{"name": "Muppets", "maxUsers": 5, "active": false})
	if a.Status != 200 || a.Body != `{"id":2,"name":"Muppets"}`+"\n" {
		t.Fatalf("create: %d %s", a.Status, a.Body)
	}
	if a := w.Call(t, w.admin, "PUT", "admin/tenants/2", map[string]any{"domain": "example.org", "active": true}); a.Text("name") != "Muppets" || a.Text("domain") != "example.org" ||
		a.JSON["active"] != true || a.JSON["maxUsers"] != 5.0 || !apsDate.MatchString(a.Text("created")) || !apsDate.MatchString(a.Text("lastUpdate")) {
		t.Errorf("update: %d %s", a.Status, a.Body)
	}
	if a := w.Call(t, w.admin, "GET", "admin/tenants/2", nil); a.Text("domain") != "example.org" {
		t.Errorf("one: %s", a.Body)
	}
	for name, body := range map[string]map[string]any{"no name": {}, "an empty one": {"name": ""}, "fewer than none": {"name": "x", "maxUsers": -1}} {
		refused(t, name, w.Call(t, w.admin, "POST", "admin/tenants", body), 400, "GENERAL.ERROR.BAD-REQUEST")
	}
	refused(t, "no such tenant", w.Call(t, w.admin, "GET", "admin/tenants/9", nil), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "a user of no tenant", w.Call(t, w.admin, "POST", "admin/users", map[string]any{"email": "x@example.org", "tenantId": 9}), 404, "GENERAL.ERROR.NOT-FOUND")
	refused(t, "a user", w.Call(t, w.user, "GET", "admin/tenants", nil), 403, "GENERAL.ERROR.FORBIDDEN")
}
