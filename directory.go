package sluice

import (
	"context"
	"strconv"

	"github.com/sluicehq/sluice/internal/delegate"
	"github.com/sluicehq/sluice/internal/identity"
)

// directory shows processes the active people and functional groups of their tenant.
type directory struct{ users *identity.Service }

// UserByEmail implements delegate.Directory.
func (d directory) UserByEmail(ctx context.Context, tenant, email string) (delegate.User, bool, error) {
	if email == "" {
		return delegate.User{}, false, nil
	}
	found, _, err := d.users.List(ctx, identity.UserQuery{Email: email, Status: identity.Active, Limit: identity.MaxPage})
	for _, u := range found {
		if identity.TenantName(u.TenantID) == tenant {
			return personOf(u), true, nil
		}
	}
	return delegate.User{}, false, err
}

// Group implements delegate.Directory.
func (d directory) Group(ctx context.Context, tenant, id string) (delegate.Group, bool, error) {
	n, _ := strconv.ParseInt(id, 10, 64)
	if n <= 0 {
		return delegate.Group{}, false, nil
	}
	found, err := d.groups(ctx, tenant, identity.GroupQuery{ID: n})
	if len(found) == 0 {
		return delegate.Group{}, false, err
	}
	return found[0], true, err
}

// GroupsNamed implements delegate.Directory.
func (d directory) GroupsNamed(ctx context.Context, tenant, name string) ([]delegate.Group, error) {
	found, err := d.groups(ctx, tenant, identity.GroupQuery{Named: []string{name}})
	named := found[:0]
	for _, g := range found {
		if g.Name == name {
			named = append(named, g)
		}
	}
	return named, err
}

func (d directory) groups(ctx context.Context, tenant string, q identity.GroupQuery) ([]delegate.Group, error) {
	kind := identity.Functional
	q.Kind, q.Status, q.Limit = &kind, identity.Active, identity.MaxPage
	found, _, err := d.users.Groups(ctx, q)
	var all []delegate.Group
	for _, g := range found {
		if identity.TenantName(g.TenantID) == tenant {
			all = append(all, delegate.Group{ID: idText(g.ID), Name: g.Name, ExternalID: g.ExternalID, ParentID: idText(g.ParentID), ManagerID: idText(g.ManagerID)})
		}
	}
	return all, err
}

// Members implements delegate.Directory.
func (d directory) Members(ctx context.Context, tenant, groupID string) ([]delegate.User, error) {
	if _, ok, err := d.Group(ctx, tenant, groupID); !ok {
		return nil, err
	}
	n, err := strconv.ParseInt(groupID, 10, 64)
	if err != nil {
		return nil, err
	}
	found, _, err := d.users.List(ctx, identity.UserQuery{GroupID: n, Status: identity.Active, Limit: identity.MaxPage})
	var all []delegate.User
	for _, u := range found {
		if identity.TenantName(u.TenantID) == tenant {
			all = append(all, personOf(u))
		}
	}
	return all, err
}

// idText is a number as a text; 0, which is none, is empty.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
