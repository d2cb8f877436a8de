package sluice

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// TestDirectoryKeepsToATenant shows processes the active people and functional groups of
// their own tenant.
func TestDirectoryKeepsToATenant(t *testing.T) {
	t.Parallel()
	s := houseServer(t, storetest.Config(t), time.Now)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	other, err := s.users.CreateTenant(ctx, identity.Tenant{Name: "Other"})
	must(err)
	user := func(email string, tenant int64) *identity.User {
		u, err := s.users.Create(ctx, identity.NewUser{FirstName: "F", LastName: email, Email: email, Password: "a long password 1", TenantID: tenant})
		must(err)
		return u
	}
	group := func(name string, kind identity.GroupKind, tenant, parent int64) *identity.Group {
		g, err := s.users.CreateGroup(ctx, identity.Group{Name: name, Kind: kind, TenantID: tenant, ParentID: parent})
		must(err)
		return g
	}
	ann, bob := user("ann@example.com", 0), user("bob@example.com", other.ID)
	top := group("Sales", identity.Functional, 0, 0)
	below := group("Sales below", identity.Functional, 0, top.ID)
	theirs := group("Sales", identity.Functional, other.ID, 0)
	system := group("System", identity.System, 0, 0)
	must(s.users.AddMember(ctx, top.ID, ann.ID))
	must(s.users.AddMember(ctx, theirs.ID, bob.ID))
	d, there := directory{s.users}, identity.TenantName(other.ID)

	for _, c := range []struct {
		tenant, email string
		want          int64
	}{{"", "ann@example.com", ann.ID}, {"", "bob@example.com", 0}, {there, "bob@example.com", bob.ID}, {there, "ann@example.com", 0}, {"", "", 0}, {"", "nobody@example.com", 0}} {
		u, ok, err := d.UserByEmail(ctx, c.tenant, c.email)
		if err != nil || ok != (c.want != 0) || ok && (u.ID != idText(c.want) || u.Tenant != c.tenant) {
			t.Errorf("%q in %q is %+v, %v, %v", c.email, c.tenant, u, ok, err)
		}
	}
	for _, c := range []struct {
		tenant string
		id     string
		want   string
	}{{"", idText(top.ID), "Sales"}, {"", idText(below.ID), "Sales below"}, {"", idText(theirs.ID), ""}, {there, idText(theirs.ID), "Sales"}, {there, idText(top.ID), ""},
		{"", idText(system.ID), ""}, {"", "x", ""}, {"", "", ""}, {"", "-1", ""}} {
		g, ok, err := d.Group(ctx, c.tenant, c.id)
		if err != nil || ok != (c.want != "") || g.Name != c.want {
			t.Errorf("the group %s in %q is %+v, %v, %v", c.id, c.tenant, g, ok, err)
		}
	}
	named, err := d.GroupsNamed(ctx, "", "Sales")
	if want := []delegate.Group{{ID: idText(top.ID), Name: "Sales"}}; err != nil || !cmp.Equal(want, named) {
		t.Errorf("named Sales: %+v, %v; want %+v", named, err, want)
	}
	if g, _, _ := d.Group(ctx, "", idText(below.ID)); g.ParentID != idText(top.ID) {
		t.Errorf("the parent of %+v is not %d", g, top.ID)
	}
	for _, c := range []struct {
		tenant string
		id     int64
		want   int
	}{{"", top.ID, 1}, {there, theirs.ID, 1}, {"", theirs.ID, 0}, {there, top.ID, 0}, {"", below.ID, 0}} {
		if members, err := d.Members(ctx, c.tenant, idText(c.id)); err != nil || len(members) != c.want {
			t.Errorf("members of %d in %q: %+v, %v", c.id, c.tenant, members, err)
		}
	}
}
