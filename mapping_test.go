package sluice_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/sluicetest"
)

// asking makes a process server check its tokens at a scripted server.
func asking(auth *bearertest.Server, change func(*sluice.Config)) sluicetest.Option {
	return sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = auth.URL+"/introspect", bearertest.ClientID, bearertest.ClientSecret
		if change != nil {
			change(c)
		}
	})
}

func TestWhichMemberNamesTheUser(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	auth.Put("token", bearertest.Claims{"username": "somebody", "preferred_username": kermit, "sub": "7", "client_id": "app"})
	for name, c := range map[string]struct {
		change func(*sluice.Config)
		status int
	}{
		"by default":          {nil, 403},
		"another member":      {func(c *sluice.Config) { c.Bearer.UsernameAttributes = []string{"email", "preferred_username"} }, 200},
		"an absent one":       {func(c *sluice.Config) { c.Bearer.UsernameAttributes = []string{"email"} }, 403},
		"external id and sub": {func(c *sluice.Config) { c.Bearer.UsernameAttributes, c.Users.UseExternalID = []string{"sub"}, true }, 403},
	} {
		process := sluicetest.NewServer(t, sluicetest.User(kermit, password), asking(auth, c.change))
		if a := process.Call(t, "token", http.MethodGet, "profile", nil); a.Status != c.status || (c.status == 200 && a.Text("email") != kermit) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// A client that comes by itself acts as the service user, whoever issued the
// token; a user whom the answer does not name never does.
func TestServiceUserStory(t *testing.T) {
	t.Parallel()
	service := sluicetest.Config(func(c *sluice.Config) { c.Users.ServiceUser = "robot@example.com" })
	inside := newServer(t, service, sluicetest.User("robot@example.com", "x"))
	token := inside.Token(t, "app", "app secret", url.Values{"grant_type": {"client_credentials"}})
	if a := inside.Call(t, token, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != "robot@example.com" {
		t.Errorf("in process: %d %s", a.Status, a.Body)
	}
	auth := bearertest.NewServer(t)
	auth.Put("client", bearertest.Claims{"client_id": "app", "sub": "app"})
	auth.Put("nameless", bearertest.Claims{"client_id": "app", "sub": "1001"})
	process := sluicetest.NewServer(t, service, sluicetest.User("robot@example.com", "x"), asking(auth, nil))
	if a := process.Call(t, "client", http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != "robot@example.com" {
		t.Errorf("by introspection: %d %s", a.Status, a.Body)
	}
	if a := process.Call(t, "nameless", http.MethodGet, "profile", nil); a.Status != 403 {
		t.Errorf("a user without a name: %d %s", a.Status, a.Body)
	}
}

func TestFirstSightStory(t *testing.T) {
	t.Parallel()
	auth := bearertest.NewServer(t)
	auth.Put("token", bearertest.Claims{"username": "gonzo@example.com", "given_name": "Gonzo", "client_id": "app"})
	process := sluicetest.NewServer(t, asking(auth, func(c *sluice.Config) { c.Users.Create = true }))
	if a := process.Call(t, "token", http.MethodGet, "profile", nil); a.Status != 200 || a.Text("firstName") != "Gonzo" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if err := process.Admin.SetUserActive(t.Context(), "gonzo@example.com", false); err != nil {
		t.Fatal(err)
	}
	if a := process.Call(t, "token", http.MethodGet, "profile", nil); a.Status != 403 {
		t.Errorf("after he was disabled here: %d %s", a.Status, a.Body)
	}
}
