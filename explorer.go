package sluice

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/api"
	"github.com/sluicehq/sluice/internal/fault"
)

// explorerClient is the client by which the page that shows the API signs people in.
const explorerClient = "sluice-api-explorer"

// explores reports whether the page is there: the role has the API and the authorization
// server that people sign in at.
func (c Config) explores() bool { return c.APIExplorer && c.Role == RoleAll }

// explorer is how the page signs people in. It stands beside the issuer, whatever path
// that has.
func (c Config) explorer() api.Explorer {
	x := api.Explorer{Issuer: c.issuer(), Client: explorerClient, Scope: "read write", Description: "/activiti-app/api/openapi.json"}
	if u, err := url.Parse(x.Issuer); err == nil {
		x.Redirect = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: api.ExplorerPath}).String()
	}
	return x
}

// SetUpExplorer registers the client of the page that shows the API, a public one that must
// use PKCE, or takes its address along when that has changed. It does nothing where there
// is no such page.
func (a *Admin) SetUpExplorer(ctx context.Context, cfg Config) error {
	if !cfg.explores() {
		return nil
	}
	redirect := cfg.explorer().Redirect
	c, err := a.Client(ctx, explorerClient)
	switch {
	case fault.Is(err, fault.NotFound):
		_, err = a.CreateClient(ctx, NewClient{Client: Client{ID: explorerClient, Name: "API explorer", GrantTypes: []string{"authorization_code"},
			RedirectURIs: []string{redirect}, Scopes: strings.Fields(cfg.explorer().Scope)}})
		if fault.Is(err, fault.Conflict) {
			err = nil // another process was first
		}
	case err == nil && !slices.Contains(c.RedirectURIs, redirect):
		c.RedirectURIs = []string{redirect}
		_, err = a.UpdateClient(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("setting up the API explorer: %w", err)
	}
	return nil
}
