package delegate

import (
	"context"
	"errors"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// User is what expressions may know of a person.
type User struct {
	ID                         string
	FirstName, LastName, Email string
	// Tenant is how processes name the user's tenant, GroupID his first group; both may
	// be empty.
	Tenant, GroupID string
}

func (u User) fullName() string { return strings.TrimSpace(u.FirstName + " " + u.LastName) }

// Users finds people by their id, of any tenant; false when there is none.
type Users func(ctx context.Context, id string) (User, bool, error)

// methodsOnly is a bean without properties.
type methodsOnly struct{}

// Property implements juel.Object.
func (methodsOnly) Property(string) (any, bool, error) { return nil, false, nil }

// flowConditions is APS's activiti_flowConditionsBean: exists(execution, 'a.b') is whether
// there is a variable, and within it the path, that is not null.
type flowConditions struct{ methodsOnly }

// Call implements juel.Object.
func (flowConditions) Call(method string, args []any) (any, error) {
	if method != "exists" || len(args) != 2 {
		return nil, juel.ErrNoMethod
	}
	path, err := juel.Text(args[1])
	if err != nil {
		return nil, err
	}
	name, rest, deep := strings.Cut(path, ".")
	has, err := juel.Call(args[0], "hasVariable", []any{name})
	if err != nil || has != true {
		return false, err
	}
	if !deep {
		return true, nil
	}
	v, err := juel.Call(args[0], "getVariable", []any{name})
	if err != nil {
		return false, err
	}
	return follow(v, rest) != nil, nil
}

// follow is what a path leads to; nil when it leads nowhere.
func follow(v any, path string) any {
	for _, name := range strings.Split(path, ".") {
		next, err := juel.Property(v, name)
		if err != nil {
			return nil
		}
		v = next
	}
	return v
}

// userInfo is APS's userInfoBean.
type userInfo struct {
	methodsOnly
	users     Users
	directory Directory
}

// Call implements juel.Object: without an execution there is nobody who asks.
func (userInfo) Call(string, []any) (any, error) {
	return nil, errors.New("userInfoBean works within a process only")
}

// Bind implements engine.Binder.
func (b userInfo) Bind(x *engine.Execution) juel.Object {
	return bound{call: func(method string, args []any) (any, error) {
		return b.ask(asking{people: people{users: b.users, directory: b.directory}, x: x, tenant: x.Instance().TenantID}, method, args)
	}}
}

// bound is a bean at the place where it is asked.
type bound struct {
	methodsOnly
	call func(method string, args []any) (any, error)
}

// Call implements juel.Object.
func (b bound) Call(method string, args []any) (any, error) { return b.call(method, args) }

func (b userInfo) ask(a asking, method string, args []any) (any, error) {
	ctx := a.x.Context()
	if method == "getCurrentUser" && len(args) == 0 {
		return b.users.asMap(ctx, a.tenant, a.x.Actor().UserID)
	}
	if len(args) < 1 || len(args) > 2 {
		return nil, juel.ErrNoMethod
	}
	id, err := idOf(args[0])
	if err != nil {
		return nil, err
	}
	switch method {
	case "getUser":
		return b.users.asMap(ctx, a.tenant, id)
	case "getPrimaryGroup":
		u, err := b.users.find(ctx, a.tenant, id)
		if err != nil || u.GroupID == "" || b.directory == nil {
			return nil, err
		}
		return a.group(u.GroupID)
	case "getEmail", "getFirstName", "getLastName", "getFullName":
		u, err := b.users.find(ctx, a.tenant, id)
		return map[string]string{"getEmail": u.Email, "getFirstName": u.FirstName, "getLastName": u.LastName, "getFullName": u.fullName()}[method], err
	}
	return nil, juel.ErrNoMethod
}

func idOf(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	return juel.Text(v)
}

// find returns a user of a tenant; nobody, and one of another tenant, is an empty one.
func (find Users) find(ctx context.Context, tenant, id string) (User, error) {
	if find == nil {
		return User{}, errors.New("this server knows no users")
	}
	if id == "" {
		return User{}, nil
	}
	u, ok, err := find(ctx, id)
	if err != nil || !ok || u.Tenant != tenant {
		return User{}, err
	}
	return u, nil
}

// asMap is a user as expressions see it; null when there is none.
func (find Users) asMap(ctx context.Context, tenant, id string) (any, error) {
	u, err := find.find(ctx, tenant, id)
	if err != nil || u.ID == "" {
		return nil, err
	}
	return map[string]any{"id": u.ID, "firstName": u.FirstName, "lastName": u.LastName, "email": u.Email,
		"fullName": u.fullName()}, nil
}

// userEmail is APS's emailBean: getEmailByUserId(id, execution) and
// getProcessInitiator(execution).
type userEmail struct {
	methodsOnly
	users Users
}

// Call implements juel.Object.
func (userEmail) Call(string, []any) (any, error) {
	return nil, errors.New("emailBean works within a process only")
}

// Bind implements engine.Binder.
func (b userEmail) Bind(x *engine.Execution) juel.Object {
	return bound{call: func(method string, args []any) (any, error) {
		id := ""
		switch {
		case method == "getProcessInitiator" && len(args) == 1:
			id = x.Instance().StartedBy
		case method == "getEmailByUserId" && len(args) == 2:
			var err error
			if id, err = idOf(args[0]); err != nil {
				return nil, err
			}
		default:
			return nil, juel.ErrNoMethod
		}
		u, err := b.users.find(x.Context(), x.Instance().TenantID, id)
		return u.Email, err
	}}
}
