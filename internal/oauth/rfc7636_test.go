package oauth_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// shown are the members of an answer by redirect.
func shown(t *testing.T, srv *sluicetest.Server, pairs ...string) []string {
	t.Helper()
	away := srv.Browser(t).Authorize(t, form(append([]string{"response_type", "code"}, pairs...)...), kermit, password)
	return slices.Sorted(maps.Keys(away.Query()))
}

// Requirement R109, RFC 7636 §4.4 MUST: the answer tells nothing of challenge and method
func TestAnswersDoNotTellTheChallenge(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	if got := shown(t, srv, "client_id", "web", "state", "s", "code_challenge", challenge(verifier), "code_challenge_method", "S256"); !slices.Equal(got, []string{"code", "iss", "state"}) {
		t.Errorf("%q", got)
	}
}

// Each verifier is the one whose digest was sent, so that nothing but its form is
// wrong.
func TestTheFormOfVerifiers(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for v, fine := range map[string]bool{
		// Requirement R106, RFC 7636 §4.1 MUST: a verifier of another length or alphabet is refused
		"short": false, strings.Repeat("a", 42): false, strings.Repeat("a", 129): false, strings.Repeat("a", 42) + " ": false, strings.Repeat("a", 42) + "+": false,
		strings.Repeat("a", 42) + "=": false, strings.Repeat("a", 42) + "é": false, strings.Repeat("a", 43): true, strings.Repeat("~", 128): true, "-._~" + strings.Repeat("Z9", 30): true,
		// Requirement R107, RFC 7636 §4.2 MUST: S256 is as the specification's own example, and without padding
		"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk": true,
	} {
		k := code(t, srv, "client_id", "web", "code_challenge", challenge(v), "code_challenge_method", "S256")
		a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "authorization_code", "code", k, "code_verifier", v))
		if (a.Status == 200) != fine || !fine && (a.Status != 400 || a.Text("error") != "invalid_grant") {
			t.Errorf("%q: %d %s", v, a.Status, a.Body)
		}
	}
}
