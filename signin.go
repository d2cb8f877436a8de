package sluice

import (
	"net/url"

	"golang.org/x/oauth2"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/identity"
)

// SignInConfig lets people sign in at another authorization server, by the same names
// as in APS. All three addresses are needed; clientId and clientSecret are those of
// BearerConfig. Who that server names must be a user here, as with tokens.
type SignInConfig struct {
	// AuthorizationURL is where people are sent.
	// security.oauth2.client.userAuthorizationUri. Empty means nowhere.
	AuthorizationURL string
	// TokenURL is where the code is redeemed. security.oauth2.client.accessTokenUri.
	TokenURL string
	// UserInfoURL says whom a token speaks for.
	// security.oauth2.client.userInfoUri.
	UserInfoURL string
	// Scopes are asked for, with commas. security.oauth2.client.scope. Empty asks for
	// none, which gives what the client is registered for there.
	Scopes []string
	// Issuer is the "iss" that its answers must have (RFC 9207 §2.4).
	// security.oauth2.client.issuer. Empty does not look at it: old servers send none,
	// and there is no second server here that one could be taken for.
	Issuer string
	// Title is what the login page calls that server. sluice.sign-in.title. Empty means
	// the host of AuthorizationURL.
	Title string
}

// signsInElsewhere reports whether people may sign in elsewhere.
func (b BearerConfig) signsInElsewhere() bool {
	i := b.SignIn
	return b.Enabled && i.AuthorizationURL != "" && i.TokenURL != "" && i.UserInfoURL != ""
}

// half reports whether some of the addresses are there and others are not.
func (i SignInConfig) half() bool {
	any := i.AuthorizationURL != "" || i.TokenURL != "" || i.UserInfoURL != ""
	return any && (i.AuthorizationURL == "" || i.TokenURL == "" || i.UserInfoURL == "")
}

func (b BearerConfig) validateSignIn(p *problems) {
	if !b.signsInElsewhere() {
		return
	}
	const key = "security.oauth2.client."
	b.validateAddress(p, key+"userAuthorizationUri", b.SignIn.AuthorizationURL)
	b.validateAddress(p, key+"accessTokenUri", b.SignIn.TokenURL)
	b.validateAddress(p, key+"userInfoUri", b.SignIn.UserInfoURL)
	p.add(b.ClientID == "", key+"clientId", "it is needed to sign people in at another server")
}

// elsewhere is where people may sign in besides here; nil: nowhere.
func (c Config) elsewhere() (*identity.Elsewhere, error) {
	b := c.Bearer
	if !b.signsInElsewhere() {
		return nil, nil
	}
	here, err := url.Parse(c.issuer())
	if err != nil {
		return nil, err
	}
	style := oauth2.AuthStyleInHeader
	if b.ClientSecret == "" {
		style = oauth2.AuthStyleInParams // a public client names itself
	}
	e := &identity.Elsewhere{Title: b.SignIn.Title, Issuer: b.SignIn.Issuer, OAuth: oauth2.Config{ClientID: b.ClientID, ClientSecret: b.ClientSecret, Scopes: b.SignIn.Scopes,
		RedirectURL: here.Scheme + "://" + here.Host + identity.ElsewhereCallback,
		Endpoint:    oauth2.Endpoint{AuthURL: b.SignIn.AuthorizationURL, TokenURL: b.SignIn.TokenURL, AuthStyle: style}}}
	if e.Title == "" {
		if there, err := url.Parse(b.SignIn.AuthorizationURL); err == nil {
			e.Title = there.Host
		}
	}
	check := &bearer.Introspection{URL: b.SignIn.UserInfoURL, Dialect: bearer.UserInfo,
		UsernameMembers: b.UsernameAttributes, InsecureHTTP: b.InsecureIntrospection}
	e.Check = check
	return e, check.Check()
}
