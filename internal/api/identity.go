package api

import (
	"context"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

func (a *API) register() {
	a.handle("GET app-version", a.appVersion).about(nil, Version{})
	a.handle("GET profile", a.profile).about(nil, user{})
	a.handle("POST profile", a.updateProfile).about(userBody{}, user{})
	a.handle("POST profile-password", a.changePassword).about(passwordBody{}, nil)
	a.handle("GET users", a.listUsers).about(nil, page[lightUser]{})
	a.handle("GET users/{userId}", a.user).about(nil, user{})
	a.handle("GET groups", a.listGroups).about(nil, page[lightGroup]{})
	a.handle("GET groups/{groupId}/users", a.groupUsers).about(nil, page[lightUser]{})
	a.admin("GET admin/users", a.adminUsers).about(nil, page[user]{})
	a.admin("POST admin/users", a.createUser).about(userBody{}, user{})
	a.admin("GET admin/users/{userId}", a.user).about(nil, user{})
	a.admin("PUT admin/users/{userId}", a.updateUser).about(userBody{}, user{})
	a.admin("GET admin/groups", a.adminGroups).about(nil, []lightGroup{})
	a.admin("POST admin/groups", a.createGroup).about(groupBody{}, group{})
	a.admin("GET admin/groups/{groupId}", a.adminGroup).about(nil, group{})
	a.admin("GET admin/groups/{groupId}/users", a.adminGroupUsers).about(nil, page[lightUser]{})
	a.admin("POST admin/groups/{groupId}/members/{userId}", a.addMember)
	a.admin("DELETE admin/groups/{groupId}/members/{userId}", a.removeMember)
}

// lightUser is APS's LightUserRepresentation.
type lightUser struct {
	ID         int64   `json:"id"`
	FirstName  *string `json:"firstName"`
	LastName   *string `json:"lastName"`
	Email      string  `json:"email"`
	ExternalID *string `json:"externalId"`
	Company    *string `json:"company"`
	PictureID  *int64  `json:"pictureId"`
}

func newLightUser(u *identity.User) lightUser {
	return lightUser{ID: u.ID, FirstName: orNil(u.FirstName), LastName: orNil(u.LastName), Email: u.Email,
		ExternalID: orNil(u.ExternalID), Company: orNil(u.Company)}
}

// user is APS's UserRepresentation. It has no password: none is ever told.
type user struct {
	lightUser
	Fullname     string   `json:"fullname"`
	Type         string   `json:"type"`
	Status       string   `json:"status"`
	Created      date     `json:"created"`
	LastUpdate   date     `json:"lastUpdate"`
	TenantID     *int64   `json:"tenantId"`
	TenantName   *string  `json:"tenantName"`
	Groups       []group  `json:"groups"`
	Capabilities []string `json:"capabilities"`
	Apps         []any    `json:"apps"`
	PrimaryGroup *group   `json:"primaryGroup"`
}

// group is APS's GroupRepresentation.
type group struct {
	ID            int64        `json:"id"`
	Name          string       `json:"name"`
	ExternalID    *string      `json:"externalId"`
	Status        string       `json:"status"`
	ParentGroupID *int64       `json:"parentGroupId"`
	TenantID      *int64       `json:"tenantId"`
	Type          int64        `json:"type"`
	UserCount     int          `json:"userCount"`
	Users         []lightUser  `json:"users"`
	Groups        []any        `json:"groups"`
	Capabilities  []capability `json:"capabilities"`
	Manager       *lightUser   `json:"manager"`
	LastUpdate    date         `json:"lastSyncTimeStamp"`
}

type capability struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// lightGroup is APS's LightGroupRepresentation.
type lightGroup struct {
	ID         int64   `json:"id"`
	Name       string  `json:"name"`
	ExternalID *string `json:"externalId"`
	Status     string  `json:"status"`
	Groups     []any   `json:"groups"`
}

func orNil[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func newLightGroup(g *identity.Group) lightGroup {
	return lightGroup{ID: g.ID, Name: g.Name, ExternalID: orNil(g.ExternalID), Status: g.Status, Groups: []any{}}
}

func newGroup(g *identity.Group) group {
	return group{ID: g.ID, Name: g.Name, ExternalID: orNil(g.ExternalID), Status: g.Status, ParentGroupID: orNil(g.ParentID),
		TenantID: orNil(g.TenantID), Type: int64(g.Kind), UserCount: g.Users, Groups: []any{}, Capabilities: []capability{}}
}

func (a *API) appVersion(*call) (any, error) { return a.cfg.Version, nil }

// full adds a user's groups and capabilities.
func (a *API) full(ctx context.Context, u *identity.User) (*user, error) {
	groups, _, err := a.users.Groups(ctx, identity.GroupQuery{UserID: u.ID, Limit: identity.MaxPage})
	if err != nil {
		return nil, err
	}
	capabilities, err := a.users.UserCapabilities(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	full := &user{lightUser: newLightUser(u), Fullname: u.FullName(), Type: "enterprise", Status: u.Status, Created: date(u.Created),
		LastUpdate: date(u.LastUpdate), TenantID: orNil(u.TenantID), Groups: []group{}, Capabilities: capabilities, Apps: []any{}}
	if full.Capabilities == nil {
		full.Capabilities = []string{}
	}
	for _, g := range groups {
		full.Groups = append(full.Groups, newGroup(g))
	}
	return full, nil
}

func (a *API) profile(c *call) (any, error) { return a.full(c.Context(), c.user) }

// userBody is what a client may say about a user; absent members stay as they
// are.
type userBody struct {
	Email      *string `json:"email"`
	FirstName  *string `json:"firstName"`
	LastName   *string `json:"lastName"`
	ExternalID *string `json:"externalId"`
	Company    *string `json:"company"`
	Status     *string `json:"status"`
	TenantID   *int64  `json:"tenantId"`
	Password   *string `json:"password"`
}

// updateProfile changes what users may change about themselves: their name and
// company. Their login is how tokens find them and is an administrator's matter.
func (a *API) updateProfile(c *call) (any, error) {
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.Email != nil && *body.Email != c.user.Email {
		return nil, fault.New(fault.Forbidden, "Only an administrator may change the e-mail address.")
	}
	u, err := a.users.Update(c.Context(), c.user.ID, identity.UserUpdate{FirstName: body.FirstName, LastName: body.LastName, Company: body.Company})
	if err != nil {
		return nil, err
	}
	return a.full(c.Context(), u)
}

// passwordBody is APS's ChangePasswordRepresentation.
type passwordBody struct {
	Old string `json:"oldPassword"`
	New string `json:"newPassword"`
}

func (a *API) changePassword(c *call) (any, error) {
	var body passwordBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return nil, a.users.ChangePassword(c.Context(), c.user, body.Old, body.New)
}

// listUsers is the directory for pickers: active users only, as people see them.
func (a *API) listUsers(c *call) (any, error) {
	q := c.URL.Query()
	query := identity.UserQuery{Filter: q.Get("filter"), Email: q.Get("email"), ExternalID: q.Get("externalId"),
		FoldID: q.Get("externalIdCaseInsensitive"), Status: identity.Active}
	return a.directory(c, query)
}

func (a *API) groupUsers(c *call) (any, error) {
	id, err := a.existingGroup(c)
	if err != nil {
		return nil, err
	}
	return a.lightUsers(c, identity.UserQuery{GroupID: id, Status: identity.Active})
}

func (a *API) directory(c *call, query identity.UserQuery) (any, error) {
	if err := c.numbers(map[string]*int64{"groupId": &query.GroupID, "tenantId": &query.TenantID}); err != nil {
		return nil, err
	}
	return a.lightUsers(c, query)
}

func (a *API) lightUsers(c *call, query identity.UserQuery) (any, error) {
	var err error
	if query.Offset, query.Limit, err = c.span(); err != nil {
		return nil, err
	}
	users, total, err := a.users.List(c.Context(), query)
	if err != nil {
		return nil, err
	}
	var data []lightUser
	for _, u := range users {
		data = append(data, newLightUser(u))
	}
	return newPage(data, total, query.Offset), nil
}

// user tells about one user: everything to himself and administrators, the
// directory's entry to others.
func (a *API) user(c *call) (any, error) {
	id, err := c.pathNumber("userId")
	if err != nil {
		return nil, err
	}
	u, err := a.users.ByID(c.Context(), id)
	if err != nil {
		return nil, err
	}
	if c.user.Admin || c.user.ID == u.ID {
		return a.full(c.Context(), u)
	}
	return newLightUser(u), nil
}

func (a *API) listGroups(c *call) (any, error) {
	q := c.URL.Query()
	kind := identity.Functional
	query := identity.GroupQuery{Filter: q.Get("filter"), ExternalID: q.Get("externalId"), FoldID: q.Get("externalIdCaseInsensitive"),
		Kind: &kind, Status: identity.Active}
	if err := c.numbers(map[string]*int64{"groupId": &query.ID, "tenantId": &query.TenantID}); err != nil {
		return nil, err
	}
	var err error
	if query.Offset, query.Limit, err = c.span(); err != nil {
		return nil, err
	}
	groups, total, err := a.users.Groups(c.Context(), query)
	if err != nil {
		return nil, err
	}
	var data []lightGroup
	for _, g := range groups {
		data = append(data, newLightGroup(g))
	}
	return newPage(data, total, query.Offset), nil
}

// adminUsers lists users of every status; summary=true gives the short form.
func (a *API) adminUsers(c *call) (any, error) {
	q := c.URL.Query()
	query := identity.UserQuery{Filter: q.Get("filter"), Status: q.Get("status"), Company: q.Get("company"), Sort: q.Get("sort")}
	if query.Status != "" && query.Status != identity.Active && query.Status != identity.Inactive {
		return newPage[any](nil, 0, 0), nil // APS knows pending and deleted users, of which there are none here
	}
	if q.Get("summary") == "true" {
		return a.directory(c, query)
	}
	err := c.numbers(map[string]*int64{"groupId": &query.GroupID, "tenantId": &query.TenantID})
	if err != nil {
		return nil, err
	}
	if query.Offset, query.Limit, err = c.span(); err != nil {
		return nil, err
	}
	users, total, err := a.users.List(c.Context(), query)
	if err != nil {
		return nil, err
	}
	var data []*user
	for _, u := range users {
		full, err := a.full(c.Context(), u)
		if err != nil {
			return nil, err
		}
		data = append(data, full)
	}
	return newPage(data, total, query.Offset), nil
}

func (a *API) createUser(c *call) (any, error) {
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	n := identity.NewUser{Email: value(body.Email), FirstName: value(body.FirstName), LastName: value(body.LastName),
		ExternalID: value(body.ExternalID), Company: value(body.Company), TenantID: value(body.TenantID), Password: value(body.Password),
		Inactive: value(body.Status) == identity.Inactive}
	u, err := a.users.Create(c.Context(), n)
	if err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "user created", "administrator", c.user.ID, "user", u.ID)
	return a.full(c.Context(), u)
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (a *API) updateUser(c *call) (any, error) {
	id, err := c.pathNumber("userId")
	if err != nil {
		return nil, err
	}
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	u, err := a.users.Update(c.Context(), id, identity.UserUpdate(body))
	if err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "user changed", "administrator", c.user.ID, "user", u.ID, "status", u.Status)
	return a.full(c.Context(), u)
}

// adminGroups is a bare list in APS, without paging; it is cut at MaxPage.
func (a *API) adminGroups(c *call) (any, error) {
	query := identity.GroupQuery{Limit: identity.MaxPage}
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
	groups, _, err := a.users.Groups(c.Context(), query)
	data := []lightGroup{}
	for _, g := range groups {
		data = append(data, newLightGroup(g))
	}
	return data, err
}

// groupBody is what a client may say about a group.
type groupBody struct {
	Name          string `json:"name"`
	ExternalID    string `json:"externalId"`
	Type          int64  `json:"type"`
	ParentGroupID int64  `json:"parentGroupId"`
	TenantID      int64  `json:"tenantId"`
	Manager       struct {
		ID int64 `json:"id"`
	} `json:"manager"`
}

func (a *API) createGroup(c *call) (any, error) {
	var body groupBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	g, err := a.users.CreateGroup(c.Context(), identity.Group{Name: body.Name, ExternalID: body.ExternalID,
		Kind: identity.GroupKind(body.Type), ParentID: body.ParentGroupID, TenantID: body.TenantID, ManagerID: body.Manager.ID})
	if err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "group created", "administrator", c.user.ID, "group", g.ID)
	return newGroup(g), nil
}

func (a *API) existingGroup(c *call) (int64, error) {
	id, err := c.pathNumber("groupId")
	if err != nil {
		return 0, err
	}
	_, err = a.users.Group(c.Context(), id)
	return id, err
}

// adminGroup tells about one group; includeAllUsers=true lists its members.
func (a *API) adminGroup(c *call) (any, error) {
	id, err := c.pathNumber("groupId")
	if err != nil {
		return nil, err
	}
	g, err := a.users.Group(c.Context(), id)
	if err != nil {
		return nil, err
	}
	full := newGroup(g)
	capabilities, err := a.users.Capabilities(c.Context(), id)
	if err != nil {
		return nil, err
	}
	for _, k := range capabilities {
		full.Capabilities = append(full.Capabilities, capability{k.ID, k.Name})
	}
	if c.URL.Query().Get("includeAllUsers") == "true" {
		members, _, err := a.users.List(c.Context(), identity.UserQuery{GroupID: id, Limit: identity.MaxPage})
		if err != nil {
			return nil, err
		}
		for _, u := range members {
			full.Users = append(full.Users, newLightUser(u))
		}
	}
	return full, nil
}

func (a *API) adminGroupUsers(c *call) (any, error) {
	id, err := a.existingGroup(c)
	if err != nil {
		return nil, err
	}
	return a.lightUsers(c, identity.UserQuery{GroupID: id, Filter: c.URL.Query().Get("filter")})
}

func (a *API) addMember(c *call) (any, error) { return nil, a.membership(c, a.users.AddMember) }

func (a *API) removeMember(c *call) (any, error) { return nil, a.membership(c, a.users.RemoveMember) }

func (a *API) membership(c *call, change func(context.Context, int64, int64) error) error {
	groupID, err := c.pathNumber("groupId")
	if err != nil {
		return err
	}
	userID, err := c.pathNumber("userId")
	if err != nil {
		return err
	}
	if err := change(c.Context(), groupID, userID); err != nil {
		return err
	}
	a.cfg.Log.InfoContext(c.Context(), "group membership changed", "administrator", c.user.ID, "group", groupID, "user", userID)
	return nil
}
