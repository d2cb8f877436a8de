package identity

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/fault"
)

func claims(t *testing.T, text string) json.RawMessage {
	t.Helper()
	if !json.Valid([]byte(text)) {
		t.Fatalf("%s is no JSON", text)
	}
	return json.RawMessage(text)
}

func withToken(t *bearer.Token) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	return r.WithContext(bearer.NewContext(r.Context(), t))
}

func TestServiceUser(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *Config) { c.ServiceUser = "robot" })
	robot := create(t, s, NewUser{Email: "robot"})
	create(t, s, NewUser{Email: "kermit"})
	for name, c := range map[string]struct {
		token bearer.Token
		who   string
	}{
		"a client alone":                {bearer.Token{ClientID: "app"}, "robot"},
		"its subject is the client":     {bearer.Token{ClientID: "app", Subject: "app"}, "robot"},
		"as Sluice says it":             {bearer.Token{ClientID: "app", Subject: "client:app"}, "robot"},
		"a user":                        {bearer.Token{ClientID: "app", Username: "kermit"}, "kermit"},
		"an unknown user":               {bearer.Token{ClientID: "app", Username: "app"}, ""},
		"a user whom nobody names":      {bearer.Token{ClientID: "app", Subject: "1001"}, ""},
		"neither client nor user":       {bearer.Token{}, ""},
		"a subject without client":      {bearer.Token{Subject: "client:"}, ""},
		"another client in the subject": {bearer.Token{ClientID: "app", Subject: "client:app2"}, ""},
	} {
		who, err := call(s.RequireToken, withToken(&c.token))
		if who != c.who || (c.who == "") != fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %q %v", name, who, err)
		}
	}
	if _, err := s.Update(t.Context(), robot.ID, UserUpdate{Status: ptr(Inactive)}); err != nil {
		t.Fatal(err)
	}
	if _, err := call(s.RequireToken, withToken(&bearer.Token{ClientID: "app"})); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an inactive service user: %v", err)
	}
}

func groupsOf(t *testing.T, s *Service, login string) []string {
	t.Helper()
	u, err := s.Lookup(t.Context(), login)
	if err != nil {
		t.Fatal(err)
	}
	groups, _, err := s.Groups(t.Context(), GroupQuery{UserID: u.ID})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, g := range groups {
		names = append(names, g.Name)
	}
	return names
}

func group(t *testing.T, s *Service, g Group) {
	t.Helper()
	if _, err := s.CreateGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
}

// A claim makes a user and lets him join what exists; it never gives capabilities.
func TestUserAtFirstSight(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *Config) { c.CreateUsers, c.GroupsClaim = true, "realm_access.roles" })
	create(t, s, NewUser{Email: "root", Admin: true})
	create(t, s, NewUser{Email: "gone", Inactive: true})
	group(t, s, Group{Name: "sales", Kind: Functional})
	group(t, s, Group{Name: "Marketing", ExternalID: "mkt", Kind: Functional})
	token := func(name, text string) *bearer.Token { return &bearer.Token{Username: name, Claims: claims(t, text)} }
	frog := token("kermit@example.com", `{"given_name":"Kermit","family_name":"the Frog","email":"other@example.com",
		"realm_access":{"roles":["sales","mkt","Administrators","unknown"]}}`)
	for range 2 {
		if who, err := call(s.RequireToken, withToken(frog)); err != nil || who != "kermit@example.com" {
			t.Fatalf("%q %v", who, err)
		}
	}
	u, err := s.Lookup(t.Context(), "kermit@example.com")
	if err != nil || u.FullName() != "Kermit the Frog" || u.Admin || !u.Active() || u.passwordHash != "" {
		t.Errorf("%+v %v", u, err)
	}
	if got := groupsOf(t, s, "kermit@example.com"); !slices.Equal(got, []string{"Marketing", "sales"}) {
		t.Errorf("groups %v", got)
	}
	for name, c := range map[string]*bearer.Token{
		"an inactive user":           token("gone", `{}`),
		"differs from one by case":   token("ROOT", `{}`),
		"no login":                   token("a b", `{}`),
		"a long one":                 token(strings.Repeat("x", 201), `{}`),
		"a name with a control byte": token("piggy", `{"given_name":"a\u0000b"}`),
		"a client alone":             {ClientID: "app", Claims: claims(t, `{}`)},
	} {
		if who, err := call(s.RequireToken, withToken(c)); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %q %v", name, who, err)
		}
	}
	if _, total, err := s.List(t.Context(), UserQuery{}); total != 3 || err != nil {
		t.Errorf("%d users, %v", total, err)
	}
}

func TestUserAtFirstSightByExternalID(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *Config) { c.CreateUsers, c.UseExternalID, c.GroupsClaim = true, true, "groups" })
	group(t, s, Group{Name: "sales", Kind: Functional})
	create(t, s, NewUser{Email: "taken@example.com", ExternalID: "t1"})
	if who, err := call(s.RequireToken, withToken(&bearer.Token{Username: "k1", Claims: claims(t, `{"email":"kermit@example.com","name":"Kermit","groups":"sales x"}`)})); err != nil || who != "kermit@example.com" {
		t.Errorf("%q %v", who, err)
	}
	if got := groupsOf(t, s, "k1"); !slices.Equal(got, []string{"sales"}) {
		t.Errorf("groups %v", got)
	}
	// Another's address does not make one that other.
	if who, err := call(s.RequireToken, withToken(&bearer.Token{Username: "k2", Claims: claims(t, `{"email":"taken@example.com"}`)})); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an address that is taken: %q %v", who, err)
	}
}

func TestFirstSightsAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *Config) { c.CreateUsers = true })
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if who, err := call(s.RequireToken, withToken(&bearer.Token{Username: "kermit"})); err != nil || who != "kermit" {
				t.Errorf("%q %v", who, err)
			}
		})
	}
	wg.Wait()
	if _, total, err := s.List(t.Context(), UserQuery{}); total != 1 || err != nil {
		t.Errorf("%d users, %v", total, err)
	}
}

func TestActiveGroupsOfAUser(t *testing.T) {
	t.Parallel()
	s := setup(t, nil)
	create(t, s, NewUser{Email: "root", Admin: true})
	u, other := create(t, s, NewUser{Email: "kermit"}), create(t, s, NewUser{Email: "fozzie"})
	want := map[string]int64{}
	for i, name := range []string{"sales", "closed", "theirs", "Buyers"} {
		g, err := s.CreateGroup(t.Context(), Group{Name: name, Kind: Functional})
		if err != nil {
			t.Fatal(err)
		}
		member := u
		if name == "theirs" {
			member = other
		}
		if err := s.AddMember(t.Context(), g.ID, member.ID); err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0, 3:
			want[name] = g.ID
		case 1:
			if err := s.DeleteGroup(t.Context(), g.ID); err != nil { // a group of people rests first
				t.Fatal(err)
			}
		}
	}
	got, err := s.ActiveGroups(t.Context(), u.ID)
	if err != nil || len(got) != len(want) {
		t.Fatal(got, err)
	}
	for _, g := range got {
		if want[g.Name] != g.ID {
			t.Errorf("%+v", g)
		}
	}
}
