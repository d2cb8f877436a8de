package oauth_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/sluicetest"
)

// header returns a JWT's head.
func header(t *testing.T, token string) (h struct{ Alg, Kid, Typ string }) {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil || json.Unmarshal(text, &h) != nil {
		t.Fatalf("no JWT: %q", token)
	}
	return h
}

// counted counts what is fetched.
type counted struct{ n atomic.Int32 }

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// resourceServer checks our JWTs by the published keys alone, as a stranger's
// service does.
func resourceServer(t *testing.T, srv *sluicetest.Server, now func() time.Time) (*bearer.JWT, *counted) {
	t.Helper()
	c := &counted{}
	v, err := bearer.NewJWT(bearer.JWTConfig{Issuer: srv.URL, Audience: srv.URL + "/activiti-app", JWKS: srv.URL + "/oauth/jwks",
		Client: &http.Client{Transport: c, Timeout: 10 * time.Second}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return v, c
}

// OpenID Connect Registration §2, RFC 9068 §2.1: each client has its algorithm, the
// default is RS256, and both verify by the published keys.
//
// Requirement R170, RFC 9068 §2.1
// Requirement R171, RFC 9068 §2.1
// Requirement R182, RFC 9068 §5 MUST: no other kind of JWT passes as an access token
func TestAlgorithmsAreChosenPerClient(t *testing.T) {
	t.Parallel()
	at := newClock()
	srv := setup(t, at.option(), client("fast", "secret", func(c *sluice.Client) {
		c.TokenFormat, c.IDTokenAlg, c.AccessTokenAlg = "jwt", "ES256", "ES256"
	}), client("plain", "secret", func(c *sluice.Client) { c.TokenFormat = "jwt" }))
	rs, _ := resourceServer(t, srv, at.Now)
	for id, alg := range map[string]string{"fast": "ES256", "plain": "RS256"} {
		a := srv.PostAs(t, id, "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password, "scope", "openid read"))
		access, idToken := header(t, a.Text("access_token")), header(t, a.Text("id_token"))
		if access.Alg != alg || access.Typ != "at+jwt" || idToken.Alg != alg || idToken.Typ != "JWT" || access.Kid == "" {
			t.Errorf("%s: %+v %+v", id, access, idToken)
		}
		if got, err := rs.Validate(context.Background(), a.Text("access_token")); err != nil || got.Username != kermit {
			t.Errorf("%s: %v", id, err)
		}
		if _, err := rs.Validate(context.Background(), a.Text("id_token")); err == nil {
			t.Errorf("%s: an id_token passes as an access token", id)
		}
	}
	if got := srv.Get(t, "/.well-known/openid-configuration").JSON["id_token_signing_alg_values_supported"].([]any); len(got) != 2 || got[0] != "RS256" || got[1] != "ES256" {
		t.Errorf("announced: %v", got)
	}
	if _, err := srv.Admin.CreateClient(context.Background(), sluice.NewClient{Client: sluice.Client{ID: "x", GrantTypes: []string{"password"},
		ClientMetadata: sluice.ClientMetadata{AccessTokenAlg: "none"}}}); err == nil {
		t.Error("access_token_signed_response_alg none was taken")
	}
}

func TestTheServersAlgorithmIsForClientsThatDoNotChoose(t *testing.T) {
	t.Parallel()
	srv := setup(t, sluicetest.Config(func(c *sluice.Config) { c.OAuth.JWT, c.OAuth.SigningAlg = true, "ES256" }))
	a := srv.PostAs(t, "web", "secret", "/oauth/token", form("grant_type", "password", "username", kermit, "password", password, "scope", "openid"))
	if got := header(t, a.Text("access_token")).Alg + " " + header(t, a.Text("id_token")).Alg; got != "ES256 RS256" {
		t.Error(got)
	}
}

// RFC 7517: only public keys are published, each with kid, alg and use, and caches
// may keep them.
func TestPublishedKeysArePublic(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	a := srv.Get(t, "/oauth/jwks")
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.Body), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s", a.Body)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.KeyID == "" || k.Use != "sig" || k.Algorithm == "" {
			t.Errorf("%+v", k.KeyID)
		}
	}
	for _, member := range []string{`"d"`, `"p"`, `"q"`, `"dp"`, `"dq"`, `"qi"`} {
		if strings.Contains(a.Body, member+":") {
			t.Errorf("it has %s", member)
		}
	}
	if got := a.Header.Get("Cache-Control"); got != "public, max-age=300" {
		t.Errorf("Cache-Control %q", got)
	}
}

// F16: keys rotate at every step while tokens are issued, checked by the published
// keys alone, and refreshed, and forged key ids pour in. No valid token is refused,
// no forged one passes, and the flood costs at most one fetch in ten seconds.
//
// Requirement R185, RFC 9068 §own
func TestRotationUnderLoadRefusesNoValidToken(t *testing.T) {
	t.Parallel()
	const step, steps = time.Minute, 25
	at := newClock()
	srv := setup(t, at.option(), client("fast", "secret", func(c *sluice.Client) {
		c.TokenFormat, c.AccessTokenAlg, c.IDTokenAlg, c.AccessTTL = "jwt", "ES256", "ES256", 20*step
	}))
	ctx := context.Background()
	rs, fetches := resourceServer(t, srv, at.Now)
	kids := map[string]bool{}
	type issued struct {
		token string
		until time.Time
	}
	var live []issued
	for n := range steps {
		token := srv.Token(t, "fast", "secret", form("grant_type", "client_credentials"))
		kids[header(t, token).Kid] = true
		live = append(live, issued{token, at.Now().Add(20 * step)})
		if _, err := rs.Validate(ctx, token); err != nil {
			t.Fatalf("step %d: a fresh token is refused: %v", n, err)
		}
		var wg sync.WaitGroup
		for range 4 { // the flood
			wg.Go(func() {
				for range 50 {
					if _, err := rs.Validate(ctx, forged(token)); err == nil {
						t.Error("a forged token passes")
					}
				}
			})
		}
		for _, l := range live { // the load
			if at.Now().Before(l.until) {
				wg.Go(func() {
					if _, err := rs.Validate(ctx, l.token); err != nil {
						t.Errorf("step %d: a valid token is refused: %v", n, err)
					}
				})
			}
		}
		wg.Wait()
		if err := srv.Admin.RotateKeys(ctx, true, "ES256"); err != nil {
			t.Fatal(err)
		}
		at.Move(step)
	}
	if len(kids) != steps {
		t.Errorf("%d keys signed in %d steps", len(kids), steps)
	}
	if got := int(fetches.n.Load()); got > steps*int(step/(10*time.Second)) || got > 2*steps {
		t.Errorf("%d fetches in %d steps of %s", got, steps, step)
	}
}

// forged is the token under a key id that nobody has.
func forged(token string) string {
	parts := strings.Split(token, ".")
	head := `{"alg":"ES256","typ":"at+jwt","kid":"` + rand.Text() + `"}`
	return base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + parts[1] + "." + parts[2]
}

// A key that waits is published before it signs: a verifier that a flood keeps from
// looking has it when its first token comes.
func TestScheduledRotationOutlastsAFlood(t *testing.T) {
	t.Parallel()
	at := newClock()
	srv := setup(t, at.option(), client("fast", "secret", func(c *sluice.Client) { c.TokenFormat, c.AccessTokenAlg = "jwt", "ES256" }))
	ctx := context.Background()
	rs, _ := resourceServer(t, srv, at.Now)
	before := header(t, srv.Token(t, "fast", "secret", form("grant_type", "client_credentials"))).Kid
	if err := srv.Admin.RotateKeys(ctx, false, "ES256"); err != nil {
		t.Fatal(err)
	}
	validate := func() {
		t.Helper()
		token := srv.Token(t, "fast", "secret", form("grant_type", "client_credentials"))
		if _, err := rs.Validate(ctx, token); err != nil {
			t.Fatalf("a valid token is refused: %v", err)
		}
	}
	validate()
	at.Move(24*time.Hour - 2*time.Second)
	_, _ = rs.Validate(ctx, forged(srv.Token(t, "fast", "secret", form("grant_type", "client_credentials")))) // spends the fetch of these ten seconds
	validate()
	at.Move(3 * time.Second)
	validate()
	if after := header(t, srv.Token(t, "fast", "secret", form("grant_type", "client_credentials"))).Kid; after == before {
		t.Error("the next key does not sign")
	}
	list, err := srv.Admin.Keys(ctx)
	if err != nil || len(list) != 3 || list[1].State != "active" || list[2].State != "retired" || list[2].ID != before || list[2].SignsTo.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
}
