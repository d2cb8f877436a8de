package delegate

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// Group is what expressions may know of a group.
type Group struct {
	ID, Name, ExternalID string
	ParentID, ManagerID  string // of a group and of a user; empty: none
}

// Directory finds the active people and functional groups of one tenant. It changes
// nothing.
type Directory interface {
	UserByEmail(ctx context.Context, tenant, email string) (User, bool, error)
	Group(ctx context.Context, tenant, id string) (Group, bool, error)
	GroupsNamed(ctx context.Context, tenant, name string) ([]Group, error)
	Members(ctx context.Context, tenant, groupID string) ([]User, error)
}

// managersOf begins the id of the group that holds a group's manager: in APS the
// managers of a group are a group of their own.
const managersOf = "managers-of-"

// people answer APS's Java services userService and groupServiceImpl, of the tenant of
// the process that asks.
type people struct {
	methodsOnly
	users     Users
	directory Directory
	service   string
}

// Call implements juel.Object.
func (p people) Call(string, []any) (any, error) {
	return nil, errors.New(p.service + " works within a process only")
}

// Bind implements engine.Binder.
func (p people) Bind(x *engine.Execution) juel.Object {
	a := asking{people: p, x: x, tenant: x.Instance().TenantID}
	if p.service == "userService" {
		return bound{call: a.userService}
	}
	return bound{call: a.groupService}
}

// asking are people as one process sees them.
type asking struct {
	people
	x      *engine.Execution
	tenant string
}

func (a asking) userService(method string, args []any) (any, error) {
	id, err := idOf(first(args))
	if err != nil || len(args) != 1 {
		return nil, errors.Join(err, unless(len(args) == 1))
	}
	switch method {
	case "findUserByEmail":
		if a.directory == nil {
			return nil, errNoDirectory
		}
		u, ok, err := a.directory.UserByEmail(a.x.Context(), a.tenant, id)
		return record(ok, a.user(u)), err
	case "findUser", "findActiveUser", "getUser":
		u, err := a.users.find(a.x.Context(), a.tenant, id)
		return record(u.ID != "", a.user(u)), err
	}
	return nil, juel.ErrNoMethod
}

func (a asking) groupService(method string, args []any) (any, error) {
	if a.directory == nil {
		return nil, errNoDirectory
	}
	text, err := idOf(first(args))
	if err != nil {
		return nil, err
	}
	switch {
	case method == "getGroup" && (len(args) == 1 || len(args) == 2):
		return a.group(text)
	// The second argument is the tenant's number in APS; a process sees its own only.
	case method == "getFunctionalGroupsByNameAndTenantId" && len(args) == 2, method == "getFunctionalGroupsByName" && len(args) == 1:
		found, err := a.directory.GroupsNamed(a.x.Context(), a.tenant, text)
		all := make([]any, len(found))
		for i, g := range found {
			all[i] = a.groupObject(g)
		}
		return all, err
	}
	return nil, juel.ErrNoMethod
}

// group is a group as expressions see it, null when there is none.
func (a asking) group(id string) (any, error) {
	of, managers := strings.CutPrefix(id, managersOf)
	g, ok, err := a.directory.Group(a.x.Context(), a.tenant, of)
	if err != nil || !ok {
		return nil, err
	}
	if !managers {
		return a.groupObject(g), nil
	}
	if g.ManagerID == "" {
		return nil, nil
	}
	return object{
		"id": given(id), "name": given("Managers of " + g.Name), "parentGroupId": given(number(g.ID)), "parent": func() (any, error) { return a.group(g.ID) },
		"users": func() (any, error) {
			u, err := a.users.find(a.x.Context(), a.tenant, g.ManagerID)
			if err != nil || u.ID == "" {
				return []any{}, err
			}
			return []any{a.user(u)}, nil
		},
	}, nil
}

func (a asking) groupObject(g Group) object {
	managers := any(nil)
	if g.ManagerID != "" {
		managers = managersOf + g.ID
	}
	return object{
		"id": given(number(g.ID)), "name": given(g.Name), "externalId": given(g.ExternalID), "parentGroupId": given(number(g.ParentID)),
		"managerGroupId": given(managers),
		"parent": func() (any, error) {
			if g.ParentID == "" {
				return nil, nil
			}
			return a.group(g.ParentID)
		},
		"users": func() (any, error) {
			members, err := a.directory.Members(a.x.Context(), a.tenant, g.ID)
			all := make([]any, len(members))
			for i, u := range members {
				all[i] = a.user(u)
			}
			return all, err
		},
	}
}

func (a asking) user(u User) object {
	return object{
		"id": given(number(u.ID)), "firstName": given(u.FirstName), "lastName": given(u.LastName), "email": given(u.Email), "fullName": given(u.fullName()),
	}
}

// object has properties, and their getters, and nothing else. It cannot be kept in a
// variable.
type object map[string]func() (any, error)

// Property implements juel.Object.
func (o object) Property(name string) (any, bool, error) {
	read := o[name]
	if read == nil {
		return nil, false, nil
	}
	v, err := read()
	return v, true, err
}

// Call implements juel.Object.
func (object) Call(string, []any) (any, error) { return nil, juel.ErrNoMethod }

func given(v any) func() (any, error) { return func() (any, error) { return v, nil } }

// record is an object, null where there is none.
func record(ok bool, o object) any {
	if !ok {
		return nil
	}
	return o
}

// number is an id as APS's services have it: a Long; null for none.
func number(id string) any {
	if id == "" {
		return nil
	}
	if n, err := strconv.ParseInt(id, 10, 64); err == nil {
		return n
	}
	return id
}

func first(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

func unless(fits bool) error {
	if fits {
		return nil
	}
	return juel.ErrNoMethod
}

var errNoDirectory = errors.New("this server knows no groups")

// contentListener is what APS runs where a process copies files from elsewhere into
// itself. Here a file that was handed in is kept by the server at once, so that nothing
// is left to copy.
func contentListener(context.Context, *engine.Execution) error { return nil }
