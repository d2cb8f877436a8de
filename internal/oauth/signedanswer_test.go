package oauth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// RFC 9701 §4, §5.
func TestSignedIntrospection(t *testing.T) {
	t.Parallel()
	srv := setup(t, client("es", "es secret", func(c *sluice.Client) {
		c.GrantTypes, c.RedirectURIs, c.Introspect, c.IntrospectionAlg = []string{"client_credentials"}, nil, true, "ES256"
	}))
	token := tokens(t, srv).Text("access_token")
	ask := func(id, secret, token, accept string) sluicetest.Answer {
		t.Helper()
		basic := base64.StdEncoding.EncodeToString([]byte(id + ":" + url.QueryEscape(secret)))
		return srv.Post(t, "/oauth/introspect", form("token", token), "Authorization", "Basic "+basic, "Accept", accept)
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(srv.Get(t, "/oauth/jwks").Body), &keys); err != nil {
		t.Fatal(err)
	}
	if m := srv.Get(t, "/.well-known/oauth-authorization-server").JSON["introspection_signing_alg_values_supported"]; fmt.Sprint(m) != "[RS256 ES256]" {
		t.Errorf("metadata: %v", m)
	}
	const media = "application/token-introspection+jwt"
	for id, alg := range map[string]string{"rs": "RS256", "es": "ES256"} {
		for token, live := range map[string]bool{token: true, "unknown": false} {
			a := ask(id, id+" secret", token, media)
			if a.Status != 200 || a.Header.Get("Content-Type") != media || a.Header.Get("Cache-Control") != "no-store" || !strings.Contains(a.Header.Get("Vary"), "Accept") {
				t.Fatalf("%s: %d %v %s", id, a.Status, a.Header, a.Body)
			}
			signed, err := jose.ParseSignedCompact(a.Body, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
			if err != nil {
				t.Fatal(err)
			}
			header := signed.Signatures[0].Protected
			if header.ExtraHeaders[jose.HeaderType] != "token-introspection+jwt" {
				t.Errorf("typ %v", header.ExtraHeaders)
			}
			text, err := signed.Verify(keys.Key(header.KeyID)[0])
			if err != nil {
				t.Fatal(err)
			}
			var claims map[string]any
			if err := json.Unmarshal(text, &claims); err != nil {
				t.Fatal(err)
			}
			said, _ := claims["token_introspection"].(map[string]any)
			at, _ := claims["iat"].(float64)
			if claims["iss"] != srv.URL || claims["aud"] != id || time.Since(time.Unix(int64(at), 0)).Abs() > time.Minute || claims["sub"] != nil || claims["exp"] != nil || said["active"] != live {
				t.Errorf("%s: %s", id, text)
			}
			if live && (said["username"] != kermit || said["client_id"] != "web") || !live && len(said) != 1 {
				t.Errorf("%s: %s", id, text)
			}
		}
	}
	for accept, want := range map[string]bool{
		media: true, media + ", application/json": true, media + ";q=0.5, application/json;q=0.4": true, "text/html, " + strings.ToUpper(media): true,
		media + ";q=0": false, media + ";q=0.1, application/json": false, "application/json": false, "*/*": false, "application/*": false, "": false, ";;,": false,
	} {
		a := ask("rs", "rs secret", token, accept)
		if got := a.Header.Get("Content-Type") == media; a.Status != 200 || got != want || (!want && a.JSON["active"] != true) {
			t.Errorf("Accept %q: %d %s", accept, a.Status, a.Header.Get("Content-Type"))
		}
	}
	if a := ask("rs", "wrong", token, media); a.Status != 401 || a.Text("error") != "invalid_client" {
		t.Errorf("a wrong secret: %d %s", a.Status, a.Body)
	}
	if a := ask("other", odd, token, media); a.Status == 200 && strings.Contains(a.Body, kermit) {
		t.Error("another client is told")
	}
}
