package api

import (
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// registerTenants adds the administration of tenants. Android's app takes the status
// of the list for an answer to "am I an administrator?".
func (a *API) registerTenants() {
	a.admin("GET admin/tenants", a.tenants).about(nil, []lightTenant{})
	a.admin("POST admin/tenants", a.createTenant).about(tenantBody{}, lightTenant{})
	a.admin("GET admin/tenants/{tenantId}", a.tenant).about(nil, tenant{})
	a.admin("PUT admin/tenants/{tenantId}", a.updateTenant).about(tenantBody{}, tenant{})
}

// lightTenant is APS's LightTenantRepresentation.
type lightTenant struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// tenant is APS's TenantRepresentation.
type tenant struct {
	lightTenant
	Domain     *string `json:"domain"`
	Active     bool    `json:"active"`
	MaxUsers   *int64  `json:"maxUsers"`
	LogoID     *int64  `json:"logoId"`
	Created    date    `json:"created"`
	LastUpdate date    `json:"lastUpdate"`
}

func newTenant(t *identity.Tenant) tenant {
	return tenant{lightTenant: lightTenant{t.ID, t.Name}, Domain: orNil(t.Domain), Active: t.Active, MaxUsers: orNil(t.MaxUsers),
		Created: date(t.Created), LastUpdate: date(t.LastUpdate)}
}

// tenants is a bare list, as APS has it: an administrator of a tenant sees his own.
func (a *API) tenants(c *call) (any, error) {
	list, err := a.users.Tenants(c.Context())
	data := []lightTenant{}
	for _, t := range list {
		if c.user.Sees(t.ID) {
			data = append(data, lightTenant{t.ID, t.Name})
		}
	}
	return data, err
}

// pathTenant returns the path's tenant, as long as the caller may know of it.
func (a *API) pathTenant(c *call) (*identity.Tenant, error) {
	id, err := c.pathNumber("tenantId")
	if err == nil && !c.user.Sees(id) {
		err = fault.New(fault.NotFound, "There is no such tenant.")
	}
	if err != nil {
		return nil, err
	}
	return a.users.Tenant(c.Context(), id)
}

func (a *API) tenant(c *call) (any, error) {
	t, err := a.pathTenant(c)
	if err != nil {
		return nil, err
	}
	return newTenant(t), nil
}

// tenantBody is APS's CreateTenantRepresentation; its configuration is not kept.
type tenantBody struct {
	Name     *string `json:"name"`
	Domain   *string `json:"domain"`
	Active   *bool   `json:"active"`
	MaxUsers *digits `json:"maxUsers"`
}

func (b *tenantBody) apply(t *identity.Tenant) {
	if b.Name != nil {
		t.Name = *b.Name
	}
	if b.Domain != nil {
		t.Domain = *b.Domain
	}
	if b.Active != nil {
		t.Active = *b.Active
	}
	if b.MaxUsers != nil {
		t.MaxUsers = int64(*b.MaxUsers)
	}
}

// manages refuses whoever belongs to a tenant: tenants are made and changed from
// outside of them.
func (c *call) manages() error {
	if c.user.TenantID != 0 {
		return fault.New(fault.Forbidden, "Only an administrator of all tenants may do this.")
	}
	return nil
}

func (a *API) createTenant(c *call) (any, error) {
	var body tenantBody
	if err := c.manages(); err != nil {
		return nil, err
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	t := identity.Tenant{Active: true}
	body.apply(&t)
	made, err := a.users.CreateTenant(c.Context(), t)
	if err != nil {
		return nil, err
	}
	return lightTenant{made.ID, made.Name}, nil
}

func (a *API) updateTenant(c *call) (any, error) {
	var body tenantBody
	if err := c.manages(); err != nil {
		return nil, err
	}
	t, err := a.pathTenant(c)
	if err != nil {
		return nil, err
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	body.apply(t)
	if t, err = a.users.UpdateTenant(c.Context(), *t); err != nil {
		return nil, err
	}
	return newTenant(t), nil
}
