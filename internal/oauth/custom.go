package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/sluicehq/sluice/internal/fault"
)

// CustomGrant answers a grant_type of the operator's own (RFC 6749 §4.5). The
// client has been authenticated and is registered for it. It returns a *Failure to
// refuse, which the client is told, and any other error when it cannot know, which
// becomes 503.
type CustomGrant func(ctx context.Context, r GrantRequest) (GrantResult, error)

// GrantRequest is what a custom grant has to decide by.
type GrantRequest struct {
	GrantType  string
	ClientID   string
	Scope      []string          // what the client asks for and is registered for
	Parameters map[string]string // the others of the request, without the client's credentials
}

// GrantResult is whom the tokens speak for.
type GrantResult struct {
	// Username is a user as tokens name him (see security.authentication.use-externalid);
	// empty for the client itself.
	Username string
	// Scope narrows what the client gets; nil means all that it asked for.
	Scope []string
}

// ExternalToken is the grant by a token of another authorization server, as old
// documentation of APS names it.
const ExternalToken = "external_token"

// customGrants are the grants that the program or its configuration adds.
func (s *Service) customGrants() []string { return slices.Sorted(maps.Keys(s.cfg.CustomGrants)) }

// addCustomGrants puts the operator's grants beside this server's own.
func (s *Service) addCustomGrants() error {
	for name, g := range s.cfg.CustomGrants {
		if _, ours := s.grants[name]; ours || name == "" || len(name) > 200 || !validClientID(strings.ReplaceAll(name, "/", "")) {
			return fmt.Errorf("the custom grant %q has a name that is taken or cannot be a grant_type", name)
		}
		s.grants[name] = s.custom(g)
	}
	return nil
}

// custom makes a CustomGrant part of the pipeline.
func (s *Service) custom(g CustomGrant) grant {
	return func(ctx context.Context, c *call) (*answer, error) {
		scope, err := c.client.scope(c.form["scope"])
		if err != nil {
			return nil, err
		}
		result, err := g(ctx, GrantRequest{GrantType: c.form["grant_type"], ClientID: c.client.ID, Scope: scope, Parameters: c.parameters()})
		var refused *Failure
		if errors.As(err, &refused) {
			return nil, refused
		}
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "whoever decides about this grant cannot be asked now")
		}
		if result.Scope != nil {
			if err := within(result.Scope, scope); err != nil {
				return nil, fault.Wrap(fault.Internal, err, "a custom grant gave more than was asked for")
			}
			scope = unique(result.Scope)
		}
		return s.customTokens(ctx, c, result.Username, scope)
	}
}

// parameters are those of the request that are not the client's own.
func (c *call) parameters() map[string]string {
	p := maps.Clone(c.form)
	for _, name := range []string{"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"} {
		delete(p, name)
	}
	return p
}

func (s *Service) customTokens(ctx context.Context, c *call, username string, scope []string) (*answer, error) {
	if username == "" {
		if c.client.Public() {
			return nil, unauthorizedClient("a token of the client's own needs a client with a secret")
		}
		i, err := s.newIssue(c, nil, nil, scope)
		if err != nil {
			return nil, err
		}
		return i.answer, s.commit(ctx, i)
	}
	user, err := s.activeUserNamed(ctx, username, "the user is no active user here")
	if err != nil {
		return nil, err
	}
	g, err := newSignIn(c.client, user, c.form["grant_type"], scope, c.now)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, c, g, user)
}

// HTTPGrant asks an endpoint of the operator's own about a custom grant. The
// endpoint gets the grant_type, the client's id, the scope and all other parameters
// as a form by POST, and answers 200 with JSON: username, and grant_scope if the scope
// is to be narrowed. An answer of RFC 7662 will do, so that an introspection endpoint
// can be named for external_token; its "scope", which is another server's, gives and
// takes nothing. Or it refuses with 400 and an error as RFC 6749 §5.2 has it.
// Everything else means that it cannot be known.
type HTTPGrant struct {
	// URL of the endpoint.
	URL string
	// ClientID and Secret authenticate this server there by HTTP Basic; without
	// ClientID, Secret is sent as a bearer token. Both may be empty.
	ClientID, Secret string
}

const (
	customTimeout = 5 * time.Second
	customAnswer  = 64 << 10
)

// customClient follows no redirects: the request holds credentials.
var customClient = &http.Client{
	Timeout:       customTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Ask is a CustomGrant.
func (h HTTPGrant) Ask(ctx context.Context, r GrantRequest) (GrantResult, error) {
	values := url.Values{"grant_type": {r.GrantType}, "client_id": {r.ClientID}, "scope": {strings.Join(r.Scope, " ")}}
	for name, value := range r.Parameters {
		values.Set(name, value)
	}
	if token := r.Parameters[ExternalToken]; r.GrantType == ExternalToken && token != "" && !values.Has("token") {
		values.Set("token", token)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, strings.NewReader(values.Encode()))
	if err != nil {
		return GrantResult{}, errors.New("the grant's address is wrong")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	switch {
	case h.ClientID != "":
		req.SetBasicAuth(url.QueryEscape(h.ClientID), url.QueryEscape(h.Secret))
	case h.Secret != "":
		req.Header.Set("Authorization", "Bearer "+h.Secret)
	}
	resp, err := customClient.Do(req)
	if err != nil {
		return GrantResult{}, fmt.Errorf("asking the grant's endpoint: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, customAnswer+1))
	if err != nil || len(body) > customAnswer {
		return GrantResult{}, errors.New("the grant's endpoint answered too much, or not to the end")
	}
	return readGrantAnswer(resp.StatusCode, body)
}

// refusals are the errors that a grant's endpoint may tell the client.
var refusals = []string{"invalid_request", "invalid_grant", "invalid_scope", "unauthorized_client", "access_denied", "invalid_target"}

func readGrantAnswer(status int, body []byte) (GrantResult, error) {
	var a struct {
		Active      *bool  `json:"active"`
		Username    string `json:"username"`
		Scope       string `json:"grant_scope"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	err := json.UnmarshalRead(bytes.NewReader(body), &a)
	switch {
	case err != nil:
		return GrantResult{}, fmt.Errorf("the grant's endpoint answered %d, and no JSON that can be read", status)
	case status == http.StatusBadRequest && slices.Contains(refusals, a.Error):
		return GrantResult{}, &Failure{Code: a.Error, Description: a.Description[:min(len(a.Description), 500)]}
	case status != http.StatusOK:
		return GrantResult{}, fmt.Errorf("the grant's endpoint answered %d", status)
	case a.Active != nil && !*a.Active:
		return GrantResult{}, invalidGrant("what was presented is not valid")
	case a.Username == "":
		return GrantResult{}, invalidGrant("what was presented speaks for no user")
	}
	result := GrantResult{Username: a.Username}
	if a.Scope != "" {
		result.Scope = strings.Fields(a.Scope)
	}
	return result, nil
}
