package api

import (
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerIdentity adds what every user may call: himself and the directory.
func (a *API) registerIdentity() {
	a.handle("GET profile", a.profile).about(nil, user{})
	a.handle("POST profile", a.updateProfile).about(userBody{}, user{})
	a.handle("POST profile-password", a.changePassword).about(passwordBody{}, nil)
	a.handle("GET users", a.listUsers).about(nil, page[lightUser]{})
	a.handle("GET users/{userId}", a.user).about(nil, user{})
	a.handle("PUT users/{userId}", a.changeUser).about(userBody{}, user{})
	a.handle("POST users/{userId}", a.userAction).about(actionBody{}, nil)
	a.handle("GET groups", a.listGroups).about(nil, page[lightGroup]{})
	a.handle("GET groups/{groupId}/users", a.groupUsers).about(nil, page[lightUser]{})
}

// within narrows a query to the caller's tenant. Who belongs to none sees all.
func (c *call) within(tenant *int64) {
	if c.user.TenantID != 0 {
		*tenant = c.user.TenantID
	}
}

// pathUser returns the user whom the path names, as long as the caller may know of
// him.
func (a *API) pathUser(c *call) (*identity.User, error) {
	id, err := c.pathNumber("userId")
	if err != nil {
		return nil, err
	}
	u, err := a.users.ByID(c.Context(), id)
	if err == nil && !c.user.Sees(u.TenantID) {
		err = fault.New(fault.NotFound, "There is no such user.")
	}
	return u, err
}

// pathGroup returns the group that a parameter of the path names, as long as the
// caller may know of it.
func (a *API) pathGroup(c *call, parameter string) (*identity.Group, error) {
	id, err := c.pathNumber(parameter)
	if err != nil {
		return nil, err
	}
	g, err := a.users.Group(c.Context(), id)
	if err == nil && !c.user.Sees(g.TenantID) {
		err = fault.New(fault.NotFound, "There is no such group.")
	}
	return g, err
}

func (a *API) profile(c *call) (any, error) { return a.full(c.Context(), c.user) }

// userBody is what a client may say about a user; absent members stay as they
// are.
type userBody struct {
	Email        *string `json:"email"`
	FirstName    *string `json:"firstName"`
	LastName     *string `json:"lastName"`
	ExternalID   *string `json:"externalId"`
	Company      *string `json:"company"`
	Status       *string `json:"status"`
	Type         *string `json:"type"`
	TenantID     *digits `json:"tenantId"`
	Password     *string `json:"password"`
	PrimaryGroup *struct {
		ID digits `json:"id"`
	} `json:"primaryGroup"`
}

// update is what the body changes.
func (b *userBody) update() identity.UserUpdate {
	u := identity.UserUpdate{Email: b.Email, FirstName: b.FirstName, LastName: b.LastName, ExternalID: b.ExternalID, Company: b.Company,
		Status: b.Status, AccountType: b.Type, Password: b.Password, TenantID: (*int64)(b.TenantID)}
	if b.PrimaryGroup != nil {
		u.PrimaryGroupID = (*int64)(&b.PrimaryGroup.ID)
	}
	return u
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
	g, err := a.pathGroup(c, "groupId")
	if err != nil {
		return nil, err
	}
	return a.lightUsers(c, identity.UserQuery{GroupID: g.ID, Status: identity.Active})
}

func (a *API) directory(c *call, query identity.UserQuery) (any, error) {
	if err := c.numbers(map[string]*int64{"groupId": &query.GroupID, "tenantId": &query.TenantID}); err != nil {
		return nil, err
	}
	return a.lightUsers(c, query)
}

func (a *API) lightUsers(c *call, query identity.UserQuery) (any, error) {
	c.within(&query.TenantID)
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
	u, err := a.pathUser(c)
	if err != nil {
		return nil, err
	}
	if c.user.Administers(u.TenantID) || c.user.ID == u.ID {
		return a.full(c.Context(), u)
	}
	return newLightUser(u), nil
}

// changeUser is the profile's update for oneself and the administrators' for them.
func (a *API) changeUser(c *call) (any, error) {
	u, err := a.pathUser(c)
	switch {
	case err != nil:
		return nil, err
	case c.user.Administers(u.TenantID):
		return a.updateUser(c)
	case c.user.ID == u.ID:
		return a.updateProfile(c)
	}
	return nil, fault.New(fault.Forbidden, "Only an administrator may change another user.")
}

// actionBody is APS's UserActionRepresentation.
type actionBody struct {
	Action string `json:"action"`
	passwordBody
}

// userAction carries out changePassword, the one action there is: with the old
// password for oneself, without it for administrators and others.
func (a *API) userAction(c *call) (any, error) {
	u, err := a.pathUser(c)
	if err != nil {
		return nil, err
	}
	var body actionBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	switch {
	case body.Action != "changePassword":
		return nil, fault.New(fault.Invalid, "The action must be changePassword.")
	case u.ID == c.user.ID:
		return nil, a.users.ChangePassword(c.Context(), u, body.Old, body.New)
	case c.user.Administers(u.TenantID):
		_, err := a.users.Update(c.Context(), u.ID, identity.UserUpdate{Password: &body.New})
		return nil, err
	}
	return nil, fault.New(fault.Forbidden, "Only an administrator may do this to another user.")
}

func (a *API) listGroups(c *call) (any, error) {
	q := c.URL.Query()
	kind := identity.Functional
	query := identity.GroupQuery{Filter: q.Get("filter"), ExternalID: q.Get("externalId"), FoldID: q.Get("externalIdCaseInsensitive"),
		Kind: &kind, Status: identity.Active}
	if err := c.numbers(map[string]*int64{"groupId": &query.ID, "tenantId": &query.TenantID}); err != nil {
		return nil, err
	}
	c.within(&query.TenantID)
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
