package golang

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	kermit   = "kermit@example.com"
	password = "green"
	redirect = "http://127.0.0.1:5999/callback"
)

var grants = []string{"authorization_code", "password", "client_credentials", "refresh_token", "implicit"}

func setup(t *testing.T) *sluicetest.Server {
	t.Helper()
	return sluicetest.NewServer(t, sluicetest.User(kermit, password),
		sluicetest.Client(sluice.NewClient{Secret: "a:b c%", Client: sluice.Client{ID: "web", GrantTypes: grants, RedirectURIs: []string{redirect},
			Scopes: []string{"openid", "read"}}}),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "app", GrantTypes: []string{"authorization_code", "password", "refresh_token"},
			RedirectURIs: []string{"http://127.0.0.1/callback"}, Scopes: []string{"openid", "read"}, TokenFormat: "jwt"}}),
		sluicetest.Client(sluice.NewClient{Client: sluice.Client{ID: "tv", GrantTypes: []string{"urn:ietf:params:oauth:grant-type:device_code", "refresh_token"},
			Scopes: []string{"openid", "read"}}}))
}

func config(srv *sluicetest.Server, id, secret string, style oauth2.AuthStyle) *oauth2.Config {
	return &oauth2.Config{ClientID: id, ClientSecret: secret, RedirectURL: redirect, Scopes: []string{"openid", "read"},
		Endpoint: oauth2.Endpoint{AuthURL: srv.URL + "/oauth/authorize", TokenURL: srv.URL + "/oauth/token", AuthStyle: style}}
}

// profile calls the API by the library's own HTTP client.
func profile(t *testing.T, srv *sluicetest.Server, client *http.Client) string {
	t.Helper()
	resp, err := client.Get(srv.URL + "/activiti-app/api/enterprise/profile")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("profile: %d %s %v", resp.StatusCode, body, err)
	}
	var user struct{ Email string }
	if err := json.Unmarshal(body, &user); err != nil {
		t.Fatal(err)
	}
	return user.Email
}

// Every way in which the library authenticates, through every grant.
func TestOAuth2(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for name, c := range map[string]*oauth2.Config{
		"header":     config(srv, "web", "a:b c%", oauth2.AuthStyleInHeader),
		"body":       config(srv, "web", "a:b c%", oauth2.AuthStyleInParams),
		"found out":  config(srv, "web", "a:b c%", oauth2.AuthStyleAutoDetect),
		"no secret":  config(srv, "app", "", oauth2.AuthStyleInParams),
		"no secret!": config(srv, "app", "", oauth2.AuthStyleAutoDetect),
	} {
		t.Run("code, "+name, func(t *testing.T) {
			t.Parallel()
			verifier := oauth2.GenerateVerifier()
			address, err := url.Parse(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
			if err != nil {
				t.Fatal(err)
			}
			away := srv.Browser(t).Authorize(t, address.Query(), kermit, password)
			if away.Query().Get("state") != "state" {
				t.Fatalf("sent back to %s", away)
			}
			token, err := c.Exchange(t.Context(), away.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			refreshed(t, srv, c, token)
		})
		t.Run("password, "+name, func(t *testing.T) {
			t.Parallel()
			token, err := c.PasswordCredentialsToken(t.Context(), kermit, password)
			if err != nil {
				t.Fatal(err)
			}
			refreshed(t, srv, c, token)
			var refusal *oauth2.RetrieveError
			if _, err := c.PasswordCredentialsToken(t.Context(), kermit, "wrong"); !errors.As(err, &refusal) || refusal.ErrorCode != "invalid_grant" {
				t.Errorf("wrong password: %v", err)
			}
		})
	}
}

// refreshed uses a token, and one that the library fetches by refreshing.
func refreshed(t *testing.T, srv *sluicetest.Server, c *oauth2.Config, token *oauth2.Token) {
	t.Helper()
	if token.TokenType != "Bearer" || token.RefreshToken == "" || token.Expiry.IsZero() || token.Extra("id_token") == nil {
		t.Fatalf("%+v", token)
	}
	if got := profile(t, srv, c.Client(t.Context(), token)); got != kermit {
		t.Errorf("profile of %q", got)
	}
	// A token without an access token must be refreshed; each answer feeds the next.
	for range 3 {
		source := c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken})
		next, err := source.Token()
		if err != nil {
			t.Fatal(err)
		}
		if next.RefreshToken == token.RefreshToken || next.AccessToken == token.AccessToken {
			t.Error("refreshing gave the same token again")
		}
		if again, err := source.Token(); err != nil || again.AccessToken != next.AccessToken {
			t.Errorf("the source does not keep a token that is still good: %v", err)
		}
		token = next
	}
	if got := profile(t, srv, c.Client(t.Context(), token)); got != kermit {
		t.Errorf("profile of %q after refreshing", got)
	}
}

// What the library gets back when its user, its verifier or its secret is wrong.
func TestRefusals(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	web, app := config(srv, "web", "a:b c%", oauth2.AuthStyleInHeader), config(srv, "app", "", oauth2.AuthStyleInParams)
	code := func(t *testing.T, c *oauth2.Config) (code, verifier string) {
		t.Helper()
		verifier = oauth2.GenerateVerifier()
		address, err := url.Parse(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier)))
		if err != nil {
			t.Fatal(err)
		}
		return srv.Browser(t).Authorize(t, address.Query(), kermit, password).Query().Get("code"), verifier
	}
	for name, c := range map[string]struct {
		exchange func(t *testing.T) error
		status   int
		want     string
	}{
		"another verifier": {func(t *testing.T) error {
			value, _ := code(t, app)
			_, err := app.Exchange(t.Context(), value, oauth2.VerifierOption(oauth2.GenerateVerifier()))
			return err
		}, 400, "invalid_grant"},
		"no verifier": {func(t *testing.T) error {
			value, _ := code(t, web)
			_, err := web.Exchange(t.Context(), value)
			return err
		}, 400, "invalid_grant"},
		"the code of another client": {func(t *testing.T) error {
			value, verifier := code(t, app)
			_, err := web.Exchange(t.Context(), value, oauth2.VerifierOption(verifier))
			return err
		}, 400, "invalid_grant"},
		"a code twice": {func(t *testing.T) error {
			value, verifier := code(t, web)
			if _, err := web.Exchange(t.Context(), value, oauth2.VerifierOption(verifier)); err != nil {
				t.Error(err)
			}
			_, err := web.Exchange(t.Context(), value, oauth2.VerifierOption(verifier))
			return err
		}, 400, "invalid_grant"},
		"a wrong secret": {func(t *testing.T) error {
			_, err := config(srv, "web", "wrong", oauth2.AuthStyleInHeader).PasswordCredentialsToken(t.Context(), kermit, password)
			return err
		}, 401, "invalid_client"},
		"a wrong secret, found out": {func(t *testing.T) error {
			_, err := config(srv, "web", "wrong", oauth2.AuthStyleAutoDetect).PasswordCredentialsToken(t.Context(), kermit, password)
			return err
		}, 401, "invalid_client"},
		"a refresh token that is none": {func(t *testing.T) error {
			_, err := app.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "none"}).Token()
			return err
		}, 400, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var refusal *oauth2.RetrieveError
			if err := c.exchange(t); !errors.As(err, &refusal) || refusal.Response.StatusCode != c.status || refusal.ErrorCode != c.want {
				t.Errorf("%v, want %d %s", err, c.status, c.want)
			}
		})
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	for _, style := range []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams, oauth2.AuthStyleAutoDetect} {
		c := clientcredentials.Config{ClientID: "web", ClientSecret: "a:b c%", TokenURL: srv.URL + "/oauth/token", Scopes: []string{"read"}, AuthStyle: style}
		token, err := c.Token(t.Context())
		if err != nil || token.RefreshToken != "" || token.Extra("scope") != "read" {
			t.Errorf("style %d: %+v %v", style, token, err)
		}
	}
}

// The library's own device flow (RFC 8628): one user says yes, another no.
func TestDevice(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	c := config(srv, "tv", "", oauth2.AuthStyleInParams)
	c.Endpoint.DeviceAuthURL = srv.URL + "/oauth/device_authorization"
	decided := func(t *testing.T, decision string) (*oauth2.Token, error) {
		t.Helper()
		begun, err := c.DeviceAuth(t.Context())
		if err != nil || begun.VerificationURI != srv.URL+"/device" || begun.Interval != 5 || begun.Expiry.IsZero() {
			t.Fatalf("%+v, %v", begun, err)
		}
		b := srv.Browser(t)
		b.Open(t, begun.VerificationURIComplete)
		b.Submit(t, "user_code", begun.UserCode)
		b.SignIn(t, kermit, password)
		b.Submit(t, "decision", decision)
		begun.Interval = 1 // it is answered already: the first poll may come at once
		return c.DeviceAccessToken(t.Context(), begun)
	}
	t.Run("yes", func(t *testing.T) {
		t.Parallel()
		token, err := decided(t, "allow")
		if err != nil {
			t.Fatal(err)
		}
		refreshed(t, srv, c, token)
	})
	t.Run("no", func(t *testing.T) {
		t.Parallel()
		var refusal *oauth2.RetrieveError
		if _, err := decided(t, "deny"); !errors.As(err, &refusal) || refusal.ErrorCode != "access_denied" {
			t.Errorf("%v, want access_denied", err)
		}
	})
}

// go-oidc takes nothing on trust: issuer, keys, audience, expiry, nonce, at_hash.
func TestOIDC(t *testing.T) {
	t.Parallel()
	srv := setup(t)
	provider, err := oidc.NewProvider(context.Background(), srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := config(srv, "app", "", oauth2.AuthStyleInParams)
	c.Endpoint = provider.Endpoint()
	verifier := oauth2.GenerateVerifier()
	address, err := url.Parse(c.AuthCodeURL("state", oauth2.S256ChallengeOption(verifier), oidc.Nonce("nonce")))
	if err != nil {
		t.Fatal(err)
	}
	away := srv.Browser(t).Authorize(t, address.Query(), kermit, password)
	token, err := c.Exchange(t.Context(), away.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: "app"}).Verify(t.Context(), raw)
	if err != nil || id.Nonce != "nonce" || id.Subject == "" {
		t.Fatalf("%+v %v", id, err)
	}
	if err := id.VerifyAccessToken(token.AccessToken); err != nil {
		t.Error(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "other"}).Verify(t.Context(), raw); err == nil {
		t.Error("another client accepts the id_token")
	}
	info, err := provider.UserInfo(t.Context(), c.TokenSource(t.Context(), token))
	if err != nil || info.Subject != id.Subject || info.Email != kermit {
		t.Errorf("%+v %v", info, err)
	}
	// An id_token is no access token, and the API must see that.
	if a := srv.Call(t, raw, http.MethodGet, "profile", nil); a.Status != http.StatusUnauthorized {
		t.Errorf("an id_token at the API: %d", a.Status)
	}
	// A JWT access token verifies by the published keys as well.
	if _, err := provider.Verifier(&oidc.Config{ClientID: srv.URL + "/activiti-app"}).Verify(t.Context(), token.AccessToken); err != nil {
		t.Error(err)
	}
	if _, err := provider.Verifier(&oidc.Config{ClientID: "app"}).Verify(t.Context(), token.AccessToken); err == nil {
		t.Error("the client takes an access token for an id_token")
	}
}
