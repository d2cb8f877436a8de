package oauth_test

import (
	"net/url"
	"testing"
)

// However a sign-in ends, the answer says once who answers.
func TestIssIsInEveryAnswer(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	// Requirement R200, RFC 9207 §2 MUST: iss is the metadata's issuer
	issuer := srv.Get(t, "/.well-known/oauth-authorization-server").Text("issuer")
	b := srv.Browser(t)
	b.SignIn(t, kermit, password)
	for _, c := range []struct {
		name, kind, decision string
	}{{"denied", "code", "deny"}, {"denied, implicit", "token", "deny"}, {"code", "code", "allow"}, {"implicit", "token", ""}, {"unknown type", "magic", ""}} {
		// Requirement R203, RFC 9207 §4 own: iss in a request changes nothing
		away := b.Open(t, authorize("client_id", "web", "response_type", c.kind, "scope", "read", "iss", "https://evil.example.com"))
		if away == nil && c.decision != "" {
			away = b.Submit(t, "decision", c.decision)
		}
		if away == nil {
			t.Errorf("%s: a page: %s", c.name, b.At)
			continue
		}
		values := away.Query()
		if c.kind == "token" {
			values, _ = url.ParseQuery(away.Fragment)
		}
		// Requirement R199, RFC 9207 §2 MUST: iss stands once in every answer of the authorization endpoint, errors too
		if got := values["iss"]; issuer != srv.URL || len(got) != 1 || got[0] != issuer || values.Has("error") != (c.decision == "deny" || c.kind == "magic") {
			t.Errorf("%s: %s", c.name, away)
		}
	}
}
