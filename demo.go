package sluice

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/sluicehq/sluice/internal/api"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/page"
)

// demoUsers and demoClients are well known; --demo runs on loopback only.
var demoUsers = []NewUser{
	{Email: "admin@app.activiti.com", Password: "admin", FirstName: "Ada", LastName: "Administrator", Admin: true},
	{Email: "kermit@example.com", Password: "kermit", FirstName: "Kermit", LastName: "Frog"},
	{Email: "fozzie@example.com", Password: "fozzie", FirstName: "Fozzie", LastName: "Bear"},
}

var demoClients = []NewClient{
	{
		Client: Client{
			ID: "alfrescoapp", Name: "Alfresco App", GrantTypes: []string{"authorization_code", "password", "client_credentials", "implicit", "refresh_token"},
			RedirectURIs: []string{"http://localhost:8080/demo/callback", "http://127.0.0.1/callback"},
			Scopes:       []string{"openid", "profile", "email", "read", "write"}, Introspect: true,
		},
		Secret: "secret",
	},
	{
		Client: Client{
			ID: "alfresco", Name: "Alfresco", GrantTypes: []string{"authorization_code", "password", "implicit", "refresh_token"},
			RedirectURIs: []string{
				"http://localhost/callback", "http://localhost/view/authentication-confirmation",
				"http://localhost/assets/silent-refresh.html", "http://localhost/",
			},
			Scopes: []string{"openid", "profile", "email", "read", "write"}, TokenFormat: "jwt",
			ClientMetadata: ClientMetadata{PostLogoutRedirectURIs: []string{"http://localhost/"}},
		},
	},
}

// SetUpDemo adds the demo's users, clients and process; what exists stays as it is.
func (a *Admin) SetUpDemo(ctx context.Context) error {
	for _, u := range demoUsers {
		if _, err := a.CreateUser(ctx, u); err != nil && !fault.Is(err, fault.Conflict) {
			return fmt.Errorf("adding the demo's user %s: %w", u.Email, err)
		}
	}
	for _, c := range demoClients {
		if _, err := a.CreateClient(ctx, c); err != nil && !fault.Is(err, fault.Conflict) {
			return fmt.Errorf("adding the demo's client %s: %w", c.ID, err)
		}
	}
	if a.engine == nil {
		return nil
	}
	files, err := fs.Sub(demoFiles, "demo")
	if err != nil {
		return err
	}
	if _, err := a.DeployFS(ctx, "demo", files, NewApp{}); err != nil {
		return fmt.Errorf("deploying the demo's process: %w", err)
	}
	return nil
}

// demoFiles is the demo's process.
//
//go:embed demo
var demoFiles embed.FS

// DemoCurl returns lines that work when pasted, against a server at base.
func DemoCurl(base string) []string {
	return []string{
		"# a token by the password grant, and the API with it",
		"TOKEN=$(curl -s -u alfrescoapp:secret -d grant_type=password -d username=kermit@example.com -d password=kermit " + base +
			"/oauth/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')",
		"curl -s -H \"Authorization: Bearer $TOKEN\" " + base + "/activiti-app/api/enterprise/app-version",
		"curl -s -H \"Authorization: Bearer $TOKEN\" " + base + "/activiti-app/api/enterprise/profile",
		"# start a process, look for its task, and complete it",
		"curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '{\"processDefinitionKey\":\"expense\",\"variables\":[{\"name\":\"amount\",\"value\":80}]}' " +
			base + "/activiti-app/api/runtime/process-instances",
		"TASK=$(curl -s -H \"Authorization: Bearer $TOKEN\" " + base + "/activiti-app/api/runtime/tasks | sed 's/^{\"data\":\\[{\"id\":\"\\([^\"]*\\)\".*/\\1/')",
		"curl -s -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' -d '{\"action\":\"complete\",\"variables\":[{\"name\":\"reason\",\"value\":\"train\"}]}' " +
			base + "/activiti-app/api/runtime/tasks/$TASK",
		"# what the token is, asked as a resource server asks (RFC 7662)",
		"curl -s -u alfrescoapp:secret -d token=$TOKEN " + base + "/oauth/introspect",
		"# a token of the application's own",
		"curl -s -u alfrescoapp:secret -d grant_type=client_credentials " + base + "/oauth/token",
	}
}

// home says what runs here.
func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	view := page.Home{Version: Version, Issuer: s.cfg.issuer(), Demo: s.cfg.Demo, Links: []page.Link{
		{Href: "/management/health", Text: "Health", Note: "for load balancers"},
	}}
	if s.AuthServer != nil {
		view.Links = append(view.Links,
			page.Link{Href: "/.well-known/oauth-authorization-server", Text: "Metadata of the authorization server", Note: "RFC 8414"},
			page.Link{Href: "/.well-known/openid-configuration", Text: "OpenID configuration", Note: "OpenID Connect Discovery"},
			page.Link{Href: "/oauth/jwks", Text: "Signing keys", Note: "RFC 7517"})
		session, err := s.users.Session(r)
		if err != nil {
			s.pages.Fault(w, r, err)
			return
		}
		if session != nil {
			view.User = session.User.Email
		}
	}
	if s.explorer != nil {
		view.Links = append(view.Links, page.Link{Href: api.ExplorerPath, Text: "API explorer", Note: "the REST API, to look at and to try out"})
	}
	if s.API != nil {
		view.Links = append(view.Links, page.Link{Href: s.check.MetadataPath(), Text: "Metadata of the REST API", Note: "RFC 9728; the API itself is under /activiti-app/api"})
	}
	if s.cfg.Demo {
		s.demoHome(&view)
	}
	s.pages.Write(w, r, http.StatusOK, view)
}

func (s *Server) demoHome(view *page.Home) {
	for _, u := range demoUsers {
		role := "user"
		if u.Admin {
			role = "administrator"
		}
		view.Accounts = append(view.Accounts, page.Account{Email: u.Email, Password: u.Password, Role: role})
	}
	view.Curl = DemoCurl(s.cfg.issuer())
	query := url.Values{
		"client_id": {"alfrescoapp"}, "response_type": {"code"}, "scope": {"read write"}, "state": {"demo"},
		"redirect_uri": {"http://localhost:8080/demo/callback"},
	}
	view.Links = append([]page.Link{{Href: "/oauth/authorize?" + query.Encode(), Text: "Sign in as an application would send you",
		Note: "authorization code for alfrescoapp; works on port 8080"}}, view.Links...)
}

// demoCallback is the demo application's redirect URI.
func (s *Server) demoCallback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	view := page.DemoCallback{Code: q.Get("code"), State: q.Get("state"), Error: q.Get("error"), Description: q.Get("error_description")}
	if view.Code != "" {
		form := url.Values{"code": {view.Code}}
		view.Curl = "curl -s -u alfrescoapp:secret -d grant_type=authorization_code -d redirect_uri=http://localhost:8080/demo/callback -d '" +
			form.Encode() + "' " + s.cfg.issuer() + "/oauth/token"
	}
	s.pages.Write(w, r, http.StatusOK, view)
}
