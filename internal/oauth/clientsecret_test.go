package oauth_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/sluicetest"
)

// counts reports whether a secret of the client web is taken.
func counts(t *testing.T, srv *sluicetest.Server, secret string) bool {
	t.Helper()
	a := srv.PostAs(t, "web", secret, "/oauth/token", form("grant_type", "client_credentials"))
	if a.Status != 200 && (a.Status != 401 || a.Text("error") != "invalid_client") {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a.Status == 200
}

// Two secrets are good for the overlap and not a moment longer, be they chosen or
// made here; a third one ends the oldest.
func TestRotationWithTwoSecrets(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	at := newClock()
	srv := setup(t, at.option())
	rotate := func(secret string, overlap time.Duration) string {
		t.Helper()
		made, err := srv.Admin.RotateClientSecret(ctx, "web", secret, overlap)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	expect := func(when string, want map[string]bool) {
		t.Helper()
		for secret, good := range want {
			if counts(t, srv, secret) != good {
				t.Errorf("%s: %.10s… is taken: %v", when, secret, !good)
			}
		}
	}
	made := rotate("", time.Hour)
	expect("after the rotation", map[string]bool{"secret": true, made: true, "wrong": false, "": false})
	at.Move(time.Hour - time.Millisecond)
	expect("before the end", map[string]bool{"secret": true, made: true})
	at.Move(time.Millisecond)
	expect("at the end", map[string]bool{"secret": false, made: true})

	second := rotate("", 24*time.Hour)
	expect("after the second", map[string]bool{"secret": false, made: true, second: true})
	third := rotate("chosen", 24*time.Hour)
	expect("after the third", map[string]bool{made: false, second: true, "chosen": true})
	if third != "" {
		t.Errorf("a secret was made: %q", third)
	}
	if err := srv.Admin.EndOldClientSecret(ctx, "web"); err != nil {
		t.Fatal(err)
	}
	expect("ended before its time", map[string]bool{second: false, "chosen": true})
	if err := srv.Admin.EndOldClientSecret(ctx, "web"); !fault.Is(err, fault.NotFound) {
		t.Errorf("there is none any more: %v", err)
	}
	rotate("", time.Hour)
	fifth := rotate("", 0)
	expect("without an overlap", map[string]bool{"chosen": false, fifth: true})
	rotate("", time.Hour)
	last, err := srv.Admin.SetClientSecret(ctx, "web", "")
	if err != nil {
		t.Fatal(err)
	}
	expect("another secret at once", map[string]bool{fifth: false, last: true})
	for id, overlap := range map[string]time.Duration{"web": 91 * 24 * time.Hour, "other": -time.Second} {
		if _, err := srv.Admin.RotateClientSecret(ctx, id, "", overlap); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", overlap, err)
		}
	}
	if _, err := srv.Admin.RotateClientSecret(ctx, "spa", "", time.Hour); !fault.Is(err, fault.NotFound) {
		t.Errorf("a client without a secret: %v", err)
	}
}

// Neither secret is kept in a readable form.
func TestSecretsAreHashed(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	made, err := srv.Admin.RotateClientSecret(ctx, "web", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var present, old string
	if err := tables(t, srv).QueryRow(ctx, []any{&present, &old}, `SELECT secret_hash, old_secret_hash FROM clients WHERE id = 'web'`); err != nil {
		t.Fatal(err)
	}
	if !contains(present, "sha256:") || !contains(old, "$argon2id$") || contains(present, made) || contains(old, "secret") {
		t.Errorf("%q %q", present, old)
	}
}

// A client that takes another way of authentication has no secret left, neither the
// present one nor the one before; one that comes back to a secret gets a new one.
func TestOldSecretEndsWithTheWayOfAuthentication(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	made, err := srv.Admin.RotateClientSecret(ctx, "web", "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c, err := srv.Admin.Client(ctx, "web")
	if err != nil || c.OldSecretUntil.IsZero() {
		t.Fatalf("%v %v", c.OldSecretUntil, err)
	}
	c.AuthMethod, c.GrantTypes = "none", []string{"authorization_code"}
	if _, err := srv.Admin.UpdateClient(ctx, c); err != nil {
		t.Fatal(err)
	}
	c.AuthMethod, c.GrantTypes = "client_secret_basic", everything
	newest, err := srv.Admin.UpdateClient(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if counts(t, srv, "secret") || counts(t, srv, made) || !counts(t, srv, newest) {
		t.Error("a secret from before is taken, or the new one is not")
	}
}

// RFC 7592 §2.2: a client may repeat its secret when it changes its registration;
// while two are good it may be either, and both stay.
func TestRegistrationUpdateDuringRotation(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	srv := setup(t)
	made := send(t, srv, http.MethodPost, "/oauth/register", initial(t, srv, sluice.NewInitialAccessToken{}), `{"redirect_uris": ["`+callback+`"]}`)
	id, token := made.Text("client_id"), made.Text("registration_access_token")
	second, err := srv.Admin.RotateClientSecret(ctx, id, "", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{made.Text("client_secret"), second} {
		a := send(t, srv, http.MethodPut, "/oauth/register/"+id, token,
			`{"client_id": "`+id+`", "client_secret": "`+secret+`", "redirect_uris": ["`+callback+`"]}`)
		if a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		token = a.Text("registration_access_token")
		if a := srv.PostAs(t, id, secret, "/oauth/token", form("grant_type", "authorization_code", "code", "x")); a.Text("error") != "invalid_grant" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
}
