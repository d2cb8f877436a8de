package oauth_test

import (
	"net/url"
	"strings"
	"testing"
)

// Requirement R194, RFC 9126 §2.3
// Requirement X13, RFC 7662 §2.1 own: what is larger than a form may be is refused
func TestPushingByOtherMeans(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	if a := srv.Get(t, "/oauth/par?response_type=code", "Authorization", basic("web", "secret")); a.Status != 405 || a.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", a.Status)
	}
	for path, more := range map[string]url.Values{"/oauth/par": form("response_type", "code"), "/oauth/token": form("grant_type", "client_credentials"), "/oauth/introspect": form("token", "x"), "/oauth/revoke": form("token", "x")} {
		more.Set("padding", strings.Repeat("x", 64<<10))
		if a := srv.PostAs(t, "web", "secret", path, more); a.Status != 413 || a.Text("error") != "invalid_request" {
			t.Errorf("%s, too large: %d %s", path, a.Status, a.Body)
		}
	}
}
