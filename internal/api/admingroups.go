package api

import (
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerAdminGroups adds the administration of groups and what they give.
func (a *API) registerAdminGroups() {
	a.admin("GET admin/groups", a.adminGroups).about(nil, []lightGroup{})
	a.admin("POST admin/groups", a.createGroup).about(groupBody{}, group{})
	a.admin("GET admin/groups/{groupId}", a.adminGroup).about(nil, group{})
	a.admin("PUT admin/groups/{groupId}", a.updateGroup).about(groupBody{}, group{})
	a.admin("DELETE admin/groups/{groupId}", a.onGroup(func(c *call, g *identity.Group) error {
		return a.users.DeleteGroup(c.Context(), g.ID)
	}))
	a.admin("POST admin/groups/{groupId}/action/activate", a.onGroup(func(c *call, g *identity.Group) error {
		return a.users.ActivateGroup(c.Context(), g.ID)
	}))
	a.admin("POST admin/groups/{groupId}/add-all-users", a.onGroup(func(c *call, g *identity.Group) error {
		_, err := a.users.AddEveryone(c.Context(), g.ID)
		return err
	}))
	a.admin("GET admin/groups/{groupId}/users", a.adminGroupUsers).about(nil, page[lightUser]{})
	a.admin("POST admin/groups/{groupId}/members/{userId}", a.addMember)
	a.admin("DELETE admin/groups/{groupId}/members/{userId}", a.removeMember)
	a.admin("GET admin/groups/{groupId}/potential-capabilities", a.potentialCapabilities).about(nil, []string{})
	a.admin("POST admin/groups/{groupId}/capabilities", a.addCapabilities).about(capabilitiesBody{}, nil)
	a.admin("DELETE admin/groups/{groupId}/capabilities/{groupCapabilityId}", a.removeCapability)
	a.admin("GET admin/groups/{groupId}/related-groups", a.relatedGroups).about(nil, []lightGroup{})
	a.admin("POST admin/groups/{groupId}/related-groups/{relatedGroupId}", a.relate)
	a.admin("DELETE admin/groups/{groupId}/related-groups/{relatedGroupId}", a.unrelate)
}

// onGroup is an operation on the path's group that answers nothing.
func (a *API) onGroup(do func(*call, *identity.Group) error) operation {
	return func(c *call) (any, error) {
		g, err := a.pathGroup(c, "groupId")
		if err == nil {
			err = do(c, g)
		}
		if err == nil {
			a.cfg.Log.InfoContext(c.Context(), "group changed", "administrator", c.user.ID, "group", g.ID)
		}
		return nil, err
	}
}

// bareGroups is a list without paging, as APS has it; it is cut at MaxPage.
func (a *API) bareGroups(c *call, query identity.GroupQuery) ([]lightGroup, error) {
	query.Limit = identity.MaxPage
	c.within(&query.TenantID)
	groups, _, err := a.users.Groups(c.Context(), query)
	data := []lightGroup{}
	for _, g := range groups {
		data = append(data, newLightGroup(g))
	}
	return data, err
}

func (a *API) adminGroups(c *call) (any, error) {
	var query identity.GroupQuery
	if f := c.URL.Query().Get("functional"); f != "" {
		kind := identity.System
		if f == "true" {
			kind = identity.Functional
		}
		query.Kind = &kind
	}
	if err := c.numbers(map[string]*int64{"tenantId": &query.TenantID}); err != nil {
		return nil, err
	}
	return a.bareGroups(c, query)
}

// groupBody is what a client may say about a group; absent members stay as they are.
type groupBody struct {
	Name          *string `json:"name"`
	ExternalID    *string `json:"externalId"`
	Type          digits  `json:"type"`
	ParentGroupID *digits `json:"parentGroupId"`
	TenantID      digits  `json:"tenantId"`
	Manager       *struct {
		ID digits `json:"id"`
	} `json:"manager"`
}

// managerID is the manager whom the body names; nil for none.
func (b *groupBody) managerID() *int64 {
	if b.Manager == nil {
		return nil
	}
	return (*int64)(&b.Manager.ID)
}

// mayHave refuses a parent and a manager that the administrator may not know of.
func (a *API) mayHave(c *call, body *groupBody) error {
	if err := a.mayBeFirst(c, int64(value(body.ParentGroupID))); err != nil {
		return err
	}
	id := value(body.managerID())
	if id == 0 {
		return nil
	}
	u, err := a.users.ByID(c.Context(), id)
	if err == nil && !c.user.Sees(u.TenantID) {
		err = fault.New(fault.NotFound, "There is no such user.")
	}
	return err
}

func (a *API) createGroup(c *call) (any, error) {
	var body groupBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	tenant, err := c.tenantOf(int64(body.TenantID))
	if err != nil {
		return nil, err
	}
	if err := a.mayHave(c, &body); err != nil {
		return nil, err
	}
	g, err := a.users.CreateGroup(c.Context(), identity.Group{Name: value(body.Name), ExternalID: value(body.ExternalID), TenantID: tenant,
		Kind: identity.GroupKind(body.Type), ParentID: int64(value(body.ParentGroupID)), ManagerID: value(body.managerID())})
	if err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "group created", "administrator", c.user.ID, "group", g.ID)
	return a.fullGroup(c, g)
}

func (a *API) updateGroup(c *call) (any, error) {
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	var body groupBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := a.mayHave(c, &body); err != nil {
		return nil, err
	}
	g, err = a.users.UpdateGroup(c.Context(), g.ID, identity.GroupUpdate{Name: body.Name, ExternalID: body.ExternalID,
		ParentID: (*int64)(body.ParentGroupID), ManagerID: body.managerID()})
	if err != nil {
		return nil, err
	}
	return a.fullGroup(c, g)
}

// adminGroup tells about one group: all of it, or the short form (summary=true).
func (a *API) adminGroup(c *call) (any, error) {
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	if c.URL.Query().Get("summary") == "true" {
		return newLightGroup(g), nil
	}
	return a.fullGroup(c, g)
}

// fullGroup adds what stands around a group: its manager, what it gives, the groups
// below it and, with includeAllUsers=true, its members.
func (a *API) fullGroup(c *call, g *identity.Group) (*group, error) {
	full := newGroup(g)
	capabilities, err := a.users.Capabilities(c.Context(), g.ID)
	if err != nil {
		return nil, err
	}
	for _, k := range capabilities {
		full.Capabilities = append(full.Capabilities, capability{k.ID, k.Name})
	}
	if full.Groups, err = a.bareGroups(c, identity.GroupQuery{ParentID: g.ID}); err != nil {
		return nil, err
	}
	if g.ManagerID != 0 {
		u, err := a.users.ByID(c.Context(), g.ManagerID)
		if err != nil {
			return nil, err
		}
		full.Manager = orNil(newLightUser(u))
	}
	if c.URL.Query().Get("includeAllUsers") != "true" {
		return &full, nil
	}
	members, _, err := a.users.List(c.Context(), identity.UserQuery{GroupID: g.ID, Limit: identity.MaxPage})
	for _, u := range members {
		full.Users = append(full.Users, newLightUser(u))
	}
	return &full, err
}

func (a *API) adminGroupUsers(c *call) (any, error) {
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	return a.lightUsers(c, identity.UserQuery{GroupID: g.ID, Filter: c.URL.Query().Get("filter")})
}

// onMember is an operation on the path's group and user.
func (a *API) onMember(c *call, do func(*identity.Group, *identity.User) error) error {
	_, err := a.onGroup(func(c *call, g *identity.Group) error {
		u, err := a.pathUser(c)
		if err != nil {
			return err
		}
		return do(g, u)
	})(c)
	return err
}

func (a *API) addMember(c *call) (any, error) {
	return nil, a.onMember(c, func(g *identity.Group, u *identity.User) error { return a.users.AddMember(c.Context(), g.ID, u.ID) })
}

func (a *API) removeMember(c *call) (any, error) {
	return nil, a.onMember(c, func(g *identity.Group, u *identity.User) error { return a.users.RemoveMember(c.Context(), g.ID, u.ID) })
}

func (a *API) potentialCapabilities(c *call) (any, error) {
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	names, err := a.users.PotentialCapabilities(c.Context(), g.ID)
	if names == nil {
		names = []string{}
	}
	return names, err
}

// capabilitiesBody is APS's AddGroupCapabilitiesRepresentation.
type capabilitiesBody struct {
	Capabilities []string `json:"capabilities"`
}

func (a *API) addCapabilities(c *call) (any, error) {
	return a.onGroup(func(c *call, g *identity.Group) error {
		var body capabilitiesBody
		if err := c.decode(&body); err != nil {
			return err
		}
		return a.users.AddCapabilities(c.Context(), g.ID, body.Capabilities)
	})(c)
}

func (a *API) removeCapability(c *call) (any, error) {
	return a.onGroup(func(c *call, g *identity.Group) error {
		id, err := c.pathNumber("groupCapabilityId")
		if err != nil {
			return err
		}
		return a.users.RemoveCapability(c.Context(), g.ID, id)
	})(c)
}

func (a *API) relatedGroups(c *call) (any, error) {
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	return a.bareGroups(c, identity.GroupQuery{RelatedTo: g.ID})
}

// onRelated is an operation on the path's two groups.
func (a *API) onRelated(c *call, do func(group, related int64) error) (any, error) {
	return a.onGroup(func(c *call, g *identity.Group) error {
		related, err := a.pathGroup(c, "relatedGroupId")
		if err != nil {
			return err
		}
		return do(g.ID, related.ID)
	})(c)
}

func (a *API) relate(c *call) (any, error) {
	return a.onRelated(c, func(group, related int64) error {
		return a.users.Relate(c.Context(), group, related, c.URL.Query().Get("type"))
	})
}

func (a *API) unrelate(c *call) (any, error) {
	return a.onRelated(c, func(group, related int64) error { return a.users.Unrelate(c.Context(), group, related) })
}
