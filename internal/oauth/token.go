package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// call is one request for tokens, with its client settled.
type call struct {
	client *Client
	form   form
	now    time.Time
	bound  *confirmation // the key that the request has proved to hold; nil: none
}

// grant fills in its part of the pipeline: it checks what it was given and
// returns the committed answer.
type grant func(ctx context.Context, c *call) (*answer, error)

// answer is the successful token answer of RFC 6749 §5.1.
type answer struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"`
	RefreshToken string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	// IssuedType is what a token exchange gave (RFC 8693 §2.2.1).
	IssuedType string `json:"issued_token_type,omitempty"`
	// Details are what was granted of RFC 9396's.
	Details json.RawMessage `json:"authorization_details,omitempty"`

	userID int64 // for the log
}

// token is the endpoint of RFC 6749 §3.2: authenticate the client, check that it
// may use the grant, run the grant, write.
func (s *Service) token(w http.ResponseWriter, r *http.Request, f form) {
	s.tellNonce(w, r)
	var client *Client
	var a *answer
	err := s.withRemembered(r, f, func(find finder) (err error) {
		client, a, err = s.answerToken(r, f, find)
		return err
	})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.cfg.Log.InfoContext(r.Context(), "token issued", "grant", f["grant_type"], "client", client.ID, "user", a.userID, "scope", a.Scope)
	writeJSON(w, http.StatusOK, a)
}

func (s *Service) answerToken(r *http.Request, f form, find finder) (*Client, *answer, error) {
	client, err := s.tokenClient(r.Context(), r, f, find)
	if err != nil {
		return nil, nil, err
	}
	bound, err := s.proved(r, client)
	if err != nil {
		return client, nil, err
	}
	a, err := s.run(r.Context(), f["grant_type"], &call{client: client, form: f, now: s.now(), bound: bound})
	return client, a, err
}

// tokenClient authenticates the client; a refresh may leave it out.
func (s *Service) tokenClient(ctx context.Context, r *http.Request, f form, find finder) (*Client, error) {
	client, err := s.authenticateOf(ctx, r, f, find)
	if err != nil || client != nil {
		return client, err
	}
	if f["grant_type"] == RefreshToken && f["refresh_token"] != "" && s.cfg.RefreshWithoutClientID {
		return s.publicClientOf(ctx, f["refresh_token"], find)
	}
	return nil, invalidClient(false)
}

func (s *Service) run(ctx context.Context, grantType string, c *call) (*answer, error) {
	if grantType == "" {
		return nil, invalidRequest("grant_type is missing")
	}
	g, ok := s.grants[grantType]
	if !ok {
		return nil, &Failure{Code: "unsupported_grant_type", Description: "this server does not know that grant_type"}
	}
	if !c.client.may(grantType) {
		return nil, unauthorizedClient("the client is not registered for this grant_type")
	}
	if grantType == ClientCredentials && c.client.Public() {
		return nil, unauthorizedClient("client_credentials needs a client with a secret")
	}
	return g(ctx, c)
}

// scope settles what is granted to a client that asks for something: what it
// asked, as far as it is registered for all of it, or the default, which is
// everything it is registered for but openid.
func (c *Client) scope(asked string) ([]string, error) {
	words := unique(strings.Fields(asked))
	if len(words) == 0 {
		return slices.DeleteFunc(slices.Clone(c.Scopes), func(w string) bool { return w == openid }), nil
	}
	return words, within(words, c.Scopes)
}

// within refuses a scope that is wider than allowed.
func within(words, allowed []string) error {
	for _, w := range words {
		if !slices.Contains(allowed, w) {
			return invalidScope("the client may not ask for one of these scopes, or it does not exist")
		}
	}
	return nil
}

func unique(words []string) []string {
	var list []string
	for _, w := range words {
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}
