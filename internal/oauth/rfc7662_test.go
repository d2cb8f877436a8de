package oauth_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

func TestTheTypesOfIntrospection(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), client("two", "secret", func(c *sluice.Client) { c.Resources = []string{elsewhere} }), client("jwt", "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	for _, id := range []string{"web", "jwt"} {
		a := srv.PostAs(t, id, "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password))
		facts := introspected(t, srv, a.Text("access_token"))
		// Requirement R121, RFC 7662 §2.2 REQUIRED: active is a JSON boolean
		if facts["active"] != true {
			t.Fatalf("%v", facts)
		}
		// Requirement R126, RFC 7662 §2.2 OPTIONAL: times are whole numbers, scope is text, aud is text or a list
		for _, name := range []string{"exp", "iat", "nbf", "auth_time"} {
			if n, ok := facts[name].(float64); !ok || n != math.Trunc(n) || n < 1e9 {
				t.Errorf("%s is %v", name, facts[name])
			}
		}
		if facts["scope"] != "read write" || facts["aud"] != srv.URL+"/activiti-app" {
			t.Errorf("%v", facts)
		}
		// Requirement R127, RFC 7662 §2.2 MUST: exp and expires_in agree
		life, _ := a.JSON["expires_in"].(float64)
		if exp, _ := facts["exp"].(float64); math.Abs(exp-float64(c.Now().Unix())-life) > 1 {
			t.Errorf("exp %v, expires_in %v", facts["exp"], life)
		}
		// Requirement R124, RFC 7662 §2.2 OPTIONAL: username is the name by which the process services know the user
		if facts["username"] != kermit {
			t.Errorf("username %v", facts["username"])
		}
	}
	both := srv.PostAs(t, "two", "secret", "/oauth/token", form("grant_type", "client_credentials", "resource", elsewhere, "resource", srv.URL+"/activiti-app"))
	if list, ok := introspected(t, srv, both.Text("access_token"))["aud"].([]any); !ok || len(list) != 2 {
		t.Errorf("aud of two: %s", both.Body)
	}
}

// Whatever ends a token, nothing but that is told.
//
// Requirement R123, RFC 7662 §2.2
// Requirement R129, RFC 7662 §4
func TestEveryEndIsTold(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*testing.T, *sluicetest.Server, *clock, sluicetest.Answer){
		"its time": func(_ *testing.T, _ *sluicetest.Server, c *clock, _ sluicetest.Answer) { c.Move(time.Hour) },
		"revoked": func(t *testing.T, srv *sluicetest.Server, _ *clock, a sluicetest.Answer) {
			srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", a.Text("access_token")))
		},
		"its grant revoked": func(t *testing.T, srv *sluicetest.Server, _ *clock, a sluicetest.Answer) {
			srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", a.Text("refresh_token")))
		},
		"its user disabled": func(t *testing.T, srv *sluicetest.Server, _ *clock, _ sluicetest.Answer) {
			if err := srv.Admin.SetUserActive(t.Context(), kermit, false); err != nil {
				t.Fatal(err)
			}
		},
		"its client deleted": func(t *testing.T, srv *sluicetest.Server, _ *clock, _ sluicetest.Answer) {
			if err := srv.Admin.DeleteClient(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			srv := setup(t, c.option())
			a := tokens(t, srv)
			if !active(t, srv, a.Text("access_token")) {
				t.Fatal("dead from the start")
			}
			end(t, srv, c, a)
			b := srv.PostAs(t, "rs", "rs secret", "/oauth/introspect", form("token", a.Text("access_token")))
			if b.Status != 200 || strings.TrimSpace(b.Body) != `{"active":false}` {
				t.Errorf("%d %s", b.Status, b.Body)
			}
			if d := srv.Call(t, a.Text("access_token"), "GET", "app-version", nil); d.Status != 401 {
				t.Errorf("the API: %d", d.Status)
			}
		})
	}
}

func TestWhoAsksByBasic(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	token := tokens(t, srv).Text("access_token")
	// Requirement R128, RFC 7662 §2.3 MUST: a caller's wrong secret is 401 invalid_client
	if a := srv.PostAs(t, "rs", "wrong", "/oauth/introspect", form("token", token)); a.Status != 401 || a.Text("error") != "invalid_client" || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Basic realm=") {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	// Requirement R131, RFC 7662 §4
	for n := range 200 {
		guess := token[:len(token)-3] + string([]byte{'a' + byte(n%26), 'a' + byte(n/26), '_'})
		if guess != token && active(t, srv, guess) {
			t.Fatalf("guess %d is a token", n)
		}
	}
	if !active(t, srv, token) {
		t.Error("the good token suffers from it")
	}
}
