package oauth_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/sluicehq/sluice/sluicetest"
)

func TestExchangesThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newClock()
	srv := setup(t, c.option(), broker(nil))
	late := tokens(t, srv).Text("access_token")
	c.Move(2 * time.Hour)
	good, revoked := tokens(t, srv).Text("access_token"), tokens(t, srv).Text("access_token")
	srv.PostAs(t, "web", "secret", "/oauth/revoke", form("token", revoked))
	encode := base64.RawURLEncoding.EncodeToString
	unsigned := encode([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + encode([]byte(`{"iss":"`+srv.URL+`","sub":"1","client_id":"web","aud":"`+srv.URL+`/activiti-app","scope":"read","exp":4102444800}`)) + "."
	ask := func(pairs ...string) sluicetest.Answer {
		return srv.PostAs(t, "broker", "secret", "/oauth/token", form(append([]string{"grant_type", exchangeGrant}, pairs...)...))
	}
	if a := ask("subject_token", good, "subject_token_type", accessType); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	for name, a := range map[string]sluicetest.Answer{
		// Requirement R163, RFC 8693 §2.1 REQUIRED: a subject token and its type have to be there
		"no subject":      ask("subject_token_type", accessType),
		"no subject type": ask("subject_token", good),
		// Requirement R164, RFC 8693 §2.1 MUST NOT: an actor's type without an actor is refused
		"an actor's type alone": ask("subject_token", good, "subject_token_type", accessType, "actor_token_type", accessType),
		// Requirement R165, RFC 8693 §2.1 MUST: a subject token that is not alive and ours is refused
		"expired":    ask("subject_token", late, "subject_token_type", accessType),
		"revoked":    ask("subject_token", revoked, "subject_token_type", accessType),
		"unsigned":   ask("subject_token", unsigned, "subject_token_type", accessType),
		"as a JWT":   ask("subject_token", unsigned, "subject_token_type", jwtType),
		"dead actor": ask("subject_token", good, "subject_token_type", accessType, "actor_token", revoked, "actor_token_type", accessType),
	} {
		if a.Status != 400 || a.Text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}
