package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/identity"
)

// visit is one request with its caller as the engine knows him.
type visit struct {
	call
	actor engine.Actor
}

// tenant is the caller's as the engine names it: empty for the default one.
func (v *visit) tenant() string { return v.actor.TenantID }

// ofTenant asks for what belongs to the caller's tenant.
func (v *visit) ofTenant() engine.Tenant {
	return engine.Tenant{ID: v.tenant(), None: v.tenant() == ""}
}

// newVisit settles who calls.
func newVisit(r *http.Request, users *identity.Service) (*visit, error) {
	v := &visit{call: call{Request: r, user: identity.FromContext(r.Context())}}
	actor, err := actorOf(r.Context(), users, v.user)
	v.actor = actor
	return v, err
}

// actorOf is a user as the engine knows him: by number, his groups by number and name, his
// tenant by its name. An administrator of no tenant administers all.
func actorOf(ctx context.Context, users *identity.Service, u *identity.User) (engine.Actor, error) {
	a := engine.Actor{UserID: strconv.FormatInt(u.ID, 10), Admin: u.Admin, TenantID: identity.TenantName(u.TenantID), AllTenants: u.Admin && u.TenantID == 0}
	groups, err := users.ActiveGroups(ctx, u.ID)
	for _, g := range groups {
		a.Groups = append(a.Groups, strconv.FormatInt(g.ID, 10), g.Name)
	}
	return a, err
}

// process registers an operation on processes, tasks or forms, which the engine carries
// out as the caller.
func (a *API) process(pattern string, op func(v *visit) (any, error)) *route {
	return a.handle(pattern, func(c *call) (any, error) {
		v, err := newVisit(c.Request, a.users)
		if err != nil {
			return nil, err
		}
		return op(v)
	})
}

// people returns the users with these numbers, as the engine writes them, by that number.
// What is no number of a user has no entry: APS shows no such person.
func (a *API) people(ctx context.Context, ids ...string) (map[string]*lightUser, error) {
	var numbers []int64
	known := map[string]*lightUser{}
	for _, id := range ids {
		n, err := strconv.ParseInt(id, 10, 64)
		if _, seen := known[id]; err != nil || seen {
			continue
		}
		known[id] = nil
		numbers = append(numbers, n)
	}
	for len(numbers) > 0 {
		part := numbers[:min(len(numbers), identity.MaxPage)]
		numbers = numbers[len(part):]
		list, _, err := a.users.List(ctx, identity.UserQuery{IDs: part, Limit: identity.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			light := newLightUser(u)
			known[strconv.FormatInt(u.ID, 10)] = &light
		}
	}
	return known, nil
}
