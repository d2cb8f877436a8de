package oauth_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// ADF with its hash router has a fragment in its redirect URI, which RFC 6749
// §3.1.2 forbids: only a switch allows it, and the answer goes before it.
func TestFragmentRedirectURIs(t *testing.T) {
	t.Parallel()
	const hashed = "https://app.example.com/#/view/authentication-confirmation/?"
	adf := sluice.NewClient{Client: sluice.Client{ID: "adf", GrantTypes: []string{"authorization_code", "implicit"}, RedirectURIs: []string{hashed},
		Scopes: []string{"openid"}, SkipConsent: true}}
	strict := setup(t)
	if _, err := strict.Admin.CreateClient(context.Background(), adf); err == nil || !strings.Contains(err.Error(), "# are not allowed") {
		t.Errorf("without the switch: %v", err)
	}
	srv := setup(t, sluicetest.Client(adf), sluicetest.Config(func(c *sluice.Config) { c.OAuth.FragmentRedirectURIs = true }))
	away := srv.Browser(t).Authorize(t, form("response_type", "code", "client_id", "adf", "redirect_uri", hashed, "scope", "openid", "state", "s",
		"code_challenge", challenge(verifier), "code_challenge_method", "S256"), kermit, password)
	if away.Fragment != "/view/authentication-confirmation/?" || away.Path != "/" || away.Query().Get("state") != "s" || away.Query().Get("iss") != srv.URL {
		t.Fatalf("the answer goes to %s", away)
	}
	a := srv.Post(t, "/oauth/token", form("grant_type", "authorization_code", "client_id", "adf", "code", away.Query().Get("code"), "redirect_uri", hashed, "code_verifier", verifier))
	if a.Status != 200 || a.Text("id_token") == "" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	for _, more := range [][]string{{"response_type", "id_token token", "nonce", "n"}, {"response_type", "code", "response_mode", "fragment"}} {
		away := srv.Browser(t).Open(t, srv.URL+"/oauth/authorize?"+form(append(more, "client_id", "adf", "redirect_uri", hashed, "scope", "openid")...).Encode())
		if away == nil || away.Query().Get("error") != "invalid_request" || strings.Contains(away.Fragment, "token") {
			t.Errorf("%v: %v", more, away)
		}
	}
	for _, uri := range []string{"https://app.example.com/#a#b", "https://app.example.com/#*", "com.example:/cb#x", "http://evil.example.com/#x", "https://u@app.example.com/#x"} {
		c := adf
		c.ID, c.RedirectURIs = "bad", []string{uri}
		if _, err := srv.Admin.CreateClient(context.Background(), c); err == nil {
			t.Errorf("%s was registered", uri)
		}
	}
}
