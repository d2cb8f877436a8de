package api

import (
	"context"

	"github.com/sluicehq/sluice/internal/identity"
)

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
		ExternalID: orNil(u.ExternalID), Company: orNil(u.Company), PictureID: orNil(u.PictureID)}
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
	Groups        []lightGroup `json:"groups"`
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
		TenantID: orNil(g.TenantID), Type: int64(g.Kind), UserCount: g.Users, Groups: []lightGroup{}, Capabilities: []capability{}}
}

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
	full := &user{lightUser: newLightUser(u), Fullname: u.FullName(), Type: u.AccountType, Status: u.Status, Created: date(u.Created),
		LastUpdate: date(u.LastUpdate), TenantID: orNil(u.TenantID), Groups: []group{}, Capabilities: capabilities, Apps: []any{}}
	if full.Capabilities == nil {
		full.Capabilities = []string{}
	}
	for _, g := range groups {
		full.Groups = append(full.Groups, newGroup(g))
	}
	return full, a.complete(ctx, u, full)
}

// complete adds a user's tenant and first group.
func (a *API) complete(ctx context.Context, u *identity.User, full *user) error {
	if u.TenantID != 0 {
		t, err := a.users.Tenant(ctx, u.TenantID)
		if err != nil {
			return err
		}
		full.TenantName = &t.Name
	}
	if u.PrimaryGroupID == 0 {
		return nil
	}
	g, err := a.users.Group(ctx, u.PrimaryGroupID)
	if err != nil {
		return err
	}
	primary := newGroup(g)
	full.PrimaryGroup = &primary
	return nil
}
