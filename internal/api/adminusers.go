package api

import (
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerAdminUsers adds the administration of users.
func (a *API) registerAdminUsers() {
	a.admin("GET admin/users", a.adminUsers).about(nil, page[user]{})
	a.admin("POST admin/users", a.createUser).about(userBody{}, user{})
	a.admin("PUT admin/users", a.bulkUpdate).about(bulkBody{}, nil)
	a.admin("GET admin/users/{userId}", a.adminUser).about(nil, user{})
	a.admin("PUT admin/users/{userId}", a.updateUser).about(userBody{}, user{})
}

// adminUsers lists users of every status; summary=true gives the short form.
func (a *API) adminUsers(c *call) (any, error) {
	q := c.URL.Query()
	query := identity.UserQuery{Filter: q.Get("filter"), Status: q.Get("status"), Company: q.Get("company"), Sort: q.Get("sort"), Account: q.Get("accountType")}
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
	c.within(&query.TenantID)
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

func (a *API) adminUser(c *call) (any, error) {
	u, err := a.pathUser(c)
	if err != nil {
		return nil, err
	}
	if c.URL.Query().Get("summary") == "true" {
		return newLightUser(u), nil
	}
	return a.full(c.Context(), u)
}

// tenantOf is the tenant in which an administrator makes something: the one that he
// names, and his own when he has one.
func (c *call) tenantOf(named int64) (int64, error) {
	if named != 0 && !c.user.Sees(named) {
		return 0, fault.New(fault.Forbidden, "An administrator of a tenant may do nothing in others.")
	}
	c.within(&named)
	return named, nil
}

func (a *API) createUser(c *call) (any, error) {
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	change := body.update()
	tenant, err := c.tenantOf(value(change.TenantID))
	if err != nil {
		return nil, err
	}
	if err := a.mayBeFirst(c, value(change.PrimaryGroupID)); err != nil {
		return nil, err
	}
	u, err := a.users.Create(c.Context(), identity.NewUser{Email: value(body.Email), FirstName: value(body.FirstName), LastName: value(body.LastName),
		ExternalID: value(body.ExternalID), Company: value(body.Company), Password: value(body.Password), AccountType: value(body.Type),
		Inactive: value(body.Status) == identity.Inactive, TenantID: tenant, PrimaryGroupID: value(change.PrimaryGroupID)})
	if err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "user created", "administrator", c.user.ID, "user", u.ID)
	return a.full(c.Context(), u)
}

// mayBeFirst refuses a first group that the administrator may not know of; 0 is none.
func (a *API) mayBeFirst(c *call, groupID int64) error {
	if groupID == 0 || c.user.TenantID == 0 {
		return nil
	}
	g, err := a.users.Group(c.Context(), groupID)
	if err == nil && !c.user.Sees(g.TenantID) {
		err = fault.New(fault.NotFound, "There is no such group.")
	}
	return err
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// mayChange refuses what an administrator of a tenant may not say of a user in it.
func (a *API) mayChange(c *call, change identity.UserUpdate) error {
	if change.TenantID != nil && !c.user.Sees(*change.TenantID) {
		return fault.New(fault.Forbidden, "An administrator of a tenant may do nothing in others.")
	}
	return a.mayBeFirst(c, value(change.PrimaryGroupID))
}

func (a *API) updateUser(c *call) (any, error) {
	u, err := a.pathUser(c)
	if err != nil {
		return nil, err
	}
	var body userBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := a.mayChange(c, body.update()); err != nil {
		return nil, err
	}
	if u, err = a.users.Update(c.Context(), u.ID, body.update()); err != nil {
		return nil, err
	}
	a.cfg.Log.InfoContext(c.Context(), "user changed", "administrator", c.user.ID, "user", u.ID, "status", u.Status)
	return a.full(c.Context(), u)
}

// bulkBody is APS's BulkUserUpdateRepresentation. sendNotifications has no effect:
// nobody is sent mail.
type bulkBody struct {
	Users        []digits `json:"users"`
	Status       *string  `json:"status"`
	AccountType  *string  `json:"accountType"`
	Password     *string  `json:"password"`
	PrimaryGroup *digits  `json:"primaryGroupId"`
	TenantID     *digits  `json:"tenantId"`
}

// bulkUpdate changes many users alike: all of them or none.
func (a *API) bulkUpdate(c *call) (any, error) {
	var body bulkBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if len(body.Users) == 0 || len(body.Users) > identity.MaxPage {
		return nil, fault.New(fault.Invalid, "users must name 1 to %d users.", identity.MaxPage)
	}
	change := identity.UserUpdate{Status: body.Status, AccountType: body.AccountType, Password: body.Password,
		PrimaryGroupID: (*int64)(body.PrimaryGroup), TenantID: (*int64)(body.TenantID)}
	if err := a.mayChange(c, change); err != nil {
		return nil, err
	}
	ids := make([]int64, len(body.Users))
	for i, id := range body.Users {
		ids[i] = int64(id)
		u, err := a.users.ByID(c.Context(), ids[i])
		if err != nil {
			return nil, err
		}
		if !c.user.Sees(u.TenantID) {
			return nil, fault.New(fault.NotFound, "There is no such user.")
		}
	}
	_, err := a.users.UpdateMany(c.Context(), ids, change)
	return nil, err
}
