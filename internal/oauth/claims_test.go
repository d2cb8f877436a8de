package oauth_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
)

// OAuth 2.0 Multiple Response Types §5, OpenID Connect Core §3.3: a hybrid answer
// comes in the fragment, and its id_token vouches for what comes with it.
//
// Requirement R255, OpenID Connect §3.2.2.9
func TestHybridAnswers(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("codeonly", "secret", func(c *sluice.Client) { c.GrantTypes = []string{"authorization_code"} }),
		client("narrow", "secret", func(c *sluice.Client) { c.ResponseTypes = []string{"code", "id_token code"} }))
	for _, types := range []string{"code id_token", "code token", "id_token token code"} {
		away := srv.Browser(t).Authorize(t, form("client_id", "web", "response_type", types, "scope", "openid read", "nonce", "n", "state", "a state"), kermit, password)
		values, err := url.ParseQuery(away.Fragment)
		if err != nil || away.RawQuery != "" || values.Get("code") == "" || values.Get("iss") != srv.URL {
			t.Errorf("%s: %s", types, away)
			continue
		}
		if has := values.Get("access_token") != ""; has != strings.Contains(" "+types, " token") {
			t.Errorf("%s: access_token %t", types, has)
		}
		if idToken := values.Get("id_token"); strings.Contains(types, "id_token") {
			claims := claimsOf(t, idToken)
			if claims["c_hash"] != halfHash(values.Get("code")) || claims["s_hash"] != halfHash("a state") || claims["nonce"] != "n" {
				t.Errorf("%s: %v", types, claims)
			}
			if at := values.Get("access_token"); at != "" && claims["at_hash"] != halfHash(at) {
				t.Errorf("%s: at_hash %v", types, claims["at_hash"])
			}
		} else if idToken != "" {
			t.Errorf("%s: an id_token", types)
		}
		a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", values.Get("code")))
		if a.Status != 200 || claimsOf(t, a.Text("id_token"))["nonce"] != "n" || claimsOf(t, a.Text("id_token"))["s_hash"] != nil {
			t.Errorf("%s: %d %s", types, a.Status, a.Body)
		}
	}
	for id, types := range map[string]string{"codeonly": "code token", "narrow": "code token"} {
		a := srv.Get(t, authorize("client_id", id, "response_type", types))
		if to := a.Header.Get("Location"); !strings.HasPrefix(to, callback+"#") || !strings.Contains(to, "unauthorized_client") {
			t.Errorf("%s: %s", id, to)
		}
	}
	if away := srv.Browser(t).Authorize(t, form("client_id", "narrow", "response_type", "code id_token", "scope", "openid", "nonce", "n"), kermit, password); !strings.Contains(away.Fragment, "code=") {
		t.Errorf("a registered type in another order: %s", away)
	}
}

// OpenID Connect Core §5.5: a user or an acr that cannot be had is an error, never
// another one's answer.
func TestClaimsParameter(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	ask := func(claims string, prompt string) url.Values {
		b := srv.Browser(t)
		b.SignIn(t, kermit, password)
		away := b.Authorize(t, form("client_id", "web", "response_type", "code", "scope", "openid", "claims", claims), kermit, password)
		if prompt == "" {
			return away.Query()
		}
		away = b.Open(t, authorize("client_id", "web", "response_type", "code", "scope", "openid", "claims", claims, "prompt", prompt))
		if away == nil {
			return url.Values{}
		}
		return away.Query()
	}
	if q := ask(`{"id_token":{"acr":{"essential":true,"values":["1"]}}}`, ""); q.Get("code") == "" {
		t.Errorf("%v", q)
	}
	for claims, code := range map[string]string{
		`{"id_token":{"acr":{"essential":true,"value":"9"}}}`: "unmet_authentication_requirements",
		`{`: "invalid_request", `[]`: "invalid_request",
	} {
		if to := srv.Get(t, authorize("client_id", "web", "response_type", "code", "scope", "openid", "claims", claims)).Header.Get("Location"); !strings.Contains(to, "error="+code) {
			t.Errorf("%s: %s", claims, to)
		}
	}
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	away := b.Open(t, authorize("client_id", "web", "response_type", "code", "scope", "openid", "prompt", "none", "claims", `{"id_token":{"sub":{"value":"987654"}}}`))
	if away == nil || away.Query().Get("error") != "login_required" {
		t.Errorf("another user: %v", away)
	}
}

// RFC 8707: a token is for what was asked and agreed to, and for nothing more.
//
// Requirement R175, RFC 9068 §3 MUST NOT: a resource that the client may not name gives no token
// Requirement R223, RFC 9700 §2.3
func TestResourceIndicators(t *testing.T) {
	t.Parallel()
	const archive = "https://archive.example.com"
	srv := setup(t, client("two", "secret", func(c *sluice.Client) { c.Resources = []string{elsewhere, archive} }))
	own := srv.URL + "/activiti-app"
	away := srv.Browser(t).Authorize(t, form("client_id", "two", "response_type", "code", "scope", "read", "resource", elsewhere, "resource", own), kermit, password)
	a := srv.PostAs(t, "two", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", away.Query().Get("code"), "resource", elsewhere))
	if a.Status != 200 || introspected(t, srv, a.Text("access_token"))["aud"] != elsewhere {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	refresh := func(token string, pairs ...string) (status int, next string, aud any, code string) {
		a := srv.PostAs(t, "two", "secret", "/oauth/token", form(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...))
		if a.Status != 200 {
			return a.Status, token, nil, a.Text("error")
		}
		return a.Status, a.Text("refresh_token"), introspected(t, srv, a.Text("access_token"))["aud"], ""
	}
	_, next, aud, _ := refresh(a.Text("refresh_token"))
	if want := []any{elsewhere, own}; !reflect.DeepEqual(aud, want) {
		t.Errorf("all that was granted: %v", aud)
	}
	_, next, aud, _ = refresh(next, "resource", own)
	if aud != own {
		t.Errorf("one of them: %v", aud)
	}
	if status, _, _, code := refresh(next, "resource", archive); status != 400 || code != "invalid_target" {
		t.Errorf("one that was not granted: %d %s", status, code)
	}
	for _, bad := range []string{"https://other.example.com", "no uri", elsewhere + "#x"} {
		if to := srv.Get(t, authorize("client_id", "two", "response_type", "code", "resource", bad)).Header.Get("Location"); !strings.Contains(to, "error=invalid_target") {
			t.Errorf("%s: %s", bad, to)
		}
	}
	a = srv.PostAs(t, "two", "secret", "/oauth/token", form("grant_type", "client_credentials", "resource", archive))
	if introspected(t, srv, a.Text("access_token"))["aud"] != archive {
		t.Errorf("client credentials: %s", a.Body)
	}
	if a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "client_credentials", "resource", archive)); a.Text("error") != "invalid_target" {
		t.Errorf("not registered: %s", a.Body)
	}
}

// RFC 9396: details are shown, agreed to each time, and told with the token.
func TestAuthorizationDetails(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("bank", "secret", func(c *sluice.Client) { c.DetailTypes = []string{"payment"} }))
	details := `[{"type":"payment","amount":"45 <b>EUR</b>","to":["Miss Piggy"]}]`
	b := srv.Browser(t)
	query := form("client_id", "bank", "response_type", "code", "scope", "read", "authorization_details", details)
	b.Open(t, "/oauth/authorize?"+query.Encode())
	b.SignIn(t, kermit, password)
	if !strings.Contains(b.Page.Body, "In particular: Payment<") || !strings.Contains(b.Page.Body, "45 &lt;b&gt;EUR") || !strings.Contains(b.Page.Body, "Miss Piggy") {
		t.Fatalf("%s", b.Page.Body)
	}
	away := b.Submit(t, "decision", "allow")
	a := srv.PostAs(t, "bank", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", away.Query().Get("code")))
	want := []any{map[string]any{"type": "payment", "amount": "45 <b>EUR</b>", "to": []any{"Miss Piggy"}}}
	if !reflect.DeepEqual(a.JSON["authorization_details"], want) || !reflect.DeepEqual(introspected(t, srv, a.Text("access_token"))["authorization_details"], want) {
		text, _ := json.Marshal(a.JSON)
		t.Errorf("%s", text)
	}
	if away := b.Open(t, "/oauth/authorize?"+query.Encode()); away != nil {
		t.Errorf("a yes to one payment was taken for the next: %s", away)
	}
	for name, text := range map[string]string{"another type": `[{"type":"gift"}]`, "no list": `{"type":"payment"}`, "no type": `[{}]`, "empty": `[]`, "nonsense": `x`,
		"a name twice": `[{"type":"payment","amount":"1","amount":"1000"}]`, "a name twice, deeper": `[{"type":"payment","to":{"iban":"a","iban":"b"}}]`,
		"another case": `[{"Type":"payment"}]`, "too deep": `[{"type":"payment","a":` + strings.Repeat("[", 7) + strings.Repeat("]", 7) + `}]`} {
		query.Set("authorization_details", text)
		if to := srv.Get(t, "/oauth/authorize?"+query.Encode()).Header.Get("Location"); !strings.Contains(to, "error=invalid_authorization_details") {
			t.Errorf("%s: %s", name, to)
		}
	}
}
