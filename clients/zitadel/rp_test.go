package zitadel

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/client/rs"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	kermit   = "kermit@example.com"
	password = "green"
	redirect = "http://127.0.0.1:5999/callback"
	bye      = "http://127.0.0.1:5999/bye"
	device   = "urn:ietf:params:oauth:grant-type:device_code"
)

var scopes = []string{"openid", "profile", "email"}

// setup starts a server with a confidential client, a public one and one that
// proves itself by a key, which is returned as PEM.
func setup(t *testing.T) (*sluicetest.Server, []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Use: "sig", Algorithm: "RS256"}}})
	if err != nil {
		t.Fatal(err)
	}
	client := func(id, secret, method string, keys json.RawMessage) sluicetest.Option {
		return sluicetest.Client(sluice.NewClient{Secret: secret, Client: sluice.Client{ID: id, RedirectURIs: []string{redirect}, Scopes: scopes, SkipConsent: true,
			GrantTypes: []string{"authorization_code", "refresh_token", device}, Introspect: method != "none", TokenFormat: "jwt",
			ClientMetadata: sluice.ClientMetadata{AuthMethod: method, JWKS: keys, PostLogoutRedirectURIs: []string{bye}, IDTokenAlg: "ES256"}}})
	}
	srv := sluicetest.NewServer(t, sluicetest.User(kermit, password), client("web", "a:b c%", "", nil), // the library sends the secret by Basic for codes and in the body for refreshes
		client("app", "", "none", nil), client("key", "", "private_key_jwt", jwks))
	return srv, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

// later marks what comes after the sign-in: a refreshed id_token has no nonce
// (OpenID Connect Core §12.2).
type later struct{}

func nonce(ctx context.Context) string {
	if ctx.Value(later{}) != nil {
		return ""
	}
	return "n-1"
}

func party(t *testing.T, srv *sluicetest.Server, id, secret string, options ...rp.Option) rp.RelyingParty {
	t.Helper()
	cookies := httphelper.NewCookieHandler([]byte("0123456789abcdef0123456789abcdef"), []byte("0123456789abcdef"), httphelper.WithUnsecure())
	options = append([]rp.Option{rp.WithPKCE(cookies), rp.WithSigningAlgsFromDiscovery(),
		rp.WithVerifierOpts(rp.WithIssuedAtMaxAge(time.Minute), rp.WithNonce(nonce))}, options...)
	p, err := rp.NewRelyingPartyOIDC(t.Context(), srv.URL, id, secret, redirect, scopes, options...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// signIn lets the library's own handlers begin and end the sign-in.
func signIn(t *testing.T, srv *sluicetest.Server, p rp.RelyingParty) (*oidc.Tokens[*oidc.IDTokenClaims], *oidc.UserInfo) {
	t.Helper()
	begin := httptest.NewRecorder()
	rp.AuthURLHandler(func() string { return "state-1" }, p, rp.WithURLParam("nonce", "n-1"))(begin, httptest.NewRequest(http.MethodGet, "/login", nil))
	b := srv.Browser(t)
	away := b.Open(t, begin.Header().Get("Location"))
	if away == nil {
		away = b.SignIn(t, kermit, password)
	}
	end := httptest.NewRequest(http.MethodGet, away.String(), nil)
	for _, c := range begin.Result().Cookies() {
		end.AddCookie(c)
	}
	var tokens *oidc.Tokens[*oidc.IDTokenClaims]
	var info *oidc.UserInfo
	w := httptest.NewRecorder()
	rp.CodeExchangeHandler(rp.UserinfoCallback(func(_ http.ResponseWriter, _ *http.Request, got *oidc.Tokens[*oidc.IDTokenClaims], state string, _ rp.RelyingParty, user *oidc.UserInfo) {
		tokens, info = got, user
		if state != "state-1" {
			t.Errorf("state %q", state)
		}
	}), p)(w, end)
	if tokens == nil || info == nil {
		t.Fatalf("sign-in: %d %s", w.Code, w.Body)
	}
	return tokens, info
}

func TestRelyingParty(t *testing.T) {
	t.Parallel()
	srv, key := setup(t)
	for id, p := range map[string]rp.RelyingParty{
		"web": party(t, srv, "web", "a:b c%"),
		"app": party(t, srv, "app", ""),
		"key": party(t, srv, "key", "", rp.WithJWTProfile(rp.SignerFromKeyAndKeyID(key, "k1"))),
	} {
		tokens, info := signIn(t, srv, p)
		claims := tokens.IDTokenClaims
		if claims.Subject != "1" || claims.Issuer != srv.URL || claims.PreferredUsername != kermit || claims.Nonce != "n-1" || claims.GetAudience()[0] != id || claims.AccessTokenHash == "" {
			t.Errorf("%s: id_token %+v", id, claims)
		}
		if info.Subject != "1" || info.Email != kermit {
			t.Errorf("%s: userinfo %+v", id, info)
		}
		assertion, kind := "", ""
		if p.Signer() != nil {
			assertion, kind = assertionOf(t, srv, p, id), oidc.ClientAssertionTypeJWTAssertion
		}
		next, err := rp.RefreshTokens[*oidc.IDTokenClaims](context.WithValue(t.Context(), later{}, true), p, tokens.RefreshToken, assertion, kind)
		if err != nil || next.AccessToken == tokens.AccessToken || next.RefreshToken == tokens.RefreshToken || next.IDTokenClaims.Subject != "1" {
			t.Fatalf("%s: refresh %+v, %v", id, next, err)
		}
		if a := srv.Call(t, next.AccessToken, http.MethodGet, "profile", nil); a.Status != 200 || a.Text("email") != kermit {
			t.Errorf("%s: the API says %d %s", id, a.Status, a.Body)
		}
		if id == "key" {
			continue // the library revokes by secret alone
		}
		if err := rp.RevokeToken(t.Context(), p, next.RefreshToken, "refresh_token"); err != nil {
			t.Errorf("%s: revocation %v", id, err)
		}
		if _, err := rp.RefreshTokens[*oidc.IDTokenClaims](context.WithValue(t.Context(), later{}, true), p, next.RefreshToken, "", ""); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			t.Errorf("%s: a revoked token is refreshed: %v", id, err)
		}
		away, err := rp.EndSession(t.Context(), p, next.IDToken, bye, "s", "", nil)
		if err != nil {
			t.Fatalf("%s: logout %v", id, err)
		}
		if out := srv.Browser(t).Open(t, away.String()); out == nil || out.String() != bye+"?state=s" {
			t.Errorf("%s: logout leads to %v", id, out)
		}
	}
}

// assertionOf makes the assertion of RFC 7523 §2.2 by the library's signer.
func assertionOf(t *testing.T, srv *sluicetest.Server, p rp.RelyingParty, id string) string {
	t.Helper()
	now := time.Now()
	text, err := json.Marshal(map[string]any{"iss": id, "sub": id, "aud": srv.URL, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": now.String()})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := p.Signer().Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

func TestResourceServer(t *testing.T) {
	t.Parallel()
	srv, key := setup(t)
	tokens, _ := signIn(t, srv, party(t, srv, "app", ""))
	bySecret, err := rs.NewResourceServerClientCredentials(t.Context(), srv.URL, "web", "a:b c%")
	if err != nil {
		t.Fatal(err)
	}
	byKey, err := rs.NewResourceServerJWTProfile(t.Context(), srv.URL, "key", "k1", key)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]rs.ResourceServer{"secret": bySecret, "key": byKey} {
		facts, err := rs.Introspect[*oidc.IntrospectionResponse](t.Context(), s, tokens.AccessToken)
		if err != nil || !facts.Active || facts.Username != kermit || facts.ClientID != "app" || facts.Subject != "1" || strings.Join(facts.Scope, " ") != "openid profile email" {
			t.Errorf("by %s: %+v, %v", name, facts, err)
		}
		dead, err := rs.Introspect[*oidc.IntrospectionResponse](t.Context(), s, "nonsense")
		if err != nil || dead.Active {
			t.Errorf("by %s: a dead token %+v, %v", name, dead, err)
		}
	}
}

func TestDevice(t *testing.T) {
	t.Parallel()
	srv, _ := setup(t)
	p := party(t, srv, "app", "")
	begun, err := rp.DeviceAuthorization(t.Context(), scopes, p, nil)
	if err != nil || begun.UserCode == "" || !strings.HasPrefix(begun.VerificationURI, srv.URL) {
		t.Fatalf("%+v, %v", begun, err)
	}
	b := srv.Browser(t)
	b.Open(t, begun.VerificationURIComplete)
	b.Submit(t, "user_code", begun.UserCode)
	b.SignIn(t, kermit, password)
	for strings.Contains(b.Page.Body, `name="decision"`) {
		b.Submit(t, "decision", "allow")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	answer, err := rp.DeviceAccessToken(ctx, begun.DeviceCode, time.Duration(begun.Interval)*time.Second, p)
	if err != nil || answer.AccessToken == "" || answer.IDToken == "" || answer.RefreshToken == "" {
		t.Fatalf("%+v, %v", answer, err)
	}
	claims, err := rp.VerifyTokens[*oidc.IDTokenClaims](ctx, answer.AccessToken, answer.IDToken, rp.NewIDTokenVerifier(srv.URL, "app", rp.NewRemoteKeySet(http.DefaultClient, srv.URL+"/oauth/jwks"), rp.WithSupportedSigningAlgorithms("ES256")))
	if err != nil || claims.Subject != "1" {
		t.Errorf("id_token %+v, %v", claims, err)
	}
}

// A stranger's id_token passes nowhere: the library and the server agree.
func TestForeignHint(t *testing.T) {
	t.Parallel()
	srv, _ := setup(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"iss":"` + srv.URL + `","sub":"1","aud":"app","exp":9999999999,"iat":1}`))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	p := party(t, srv, "app", "")
	if _, err := rp.VerifyIDToken[*oidc.IDTokenClaims](t.Context(), forged, p.IDTokenVerifier()); err == nil {
		t.Error("the library takes a forged id_token")
	}
	if a := srv.Get(t, "/oauth/logout?"+url.Values{"id_token_hint": {forged}, "post_logout_redirect_uri": {"https://evil.example.com/"}}.Encode()); a.Status != 400 {
		t.Errorf("a forged hint leads to %d", a.Status)
	}
}
