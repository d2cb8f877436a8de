package oauth

import (
	"encoding/json"
	"slices"

	"github.com/sluicehq/sluice/internal/identity"
)

// passwordACR is the authentication context class of a sign-in by password: one
// factor. It is the only one this server has.
const passwordACR = "1"

// acrOf is the class of a session's sign-in; empty when another server has seen to it.
func acrOf(session *identity.Session) string {
	if slices.Contains(session.AMR, "pwd") {
		return passwordACR
	}
	return ""
}

// claimsRequest is the claims parameter (OpenID Connect Core §5.5).
type claimsRequest struct {
	UserInfo map[string]*claimRequest `json:"userinfo,omitempty"`
	IDToken  map[string]*claimRequest `json:"id_token,omitempty"`
}

// claimRequest is one claim asked for; nil asks for it in the default manner.
type claimRequest struct {
	Essential bool  `json:"essential,omitempty"`
	Value     any   `json:"value,omitempty"`
	Values    []any `json:"values,omitempty"`
}

// readClaims parses the claims parameter; unknown claims in it are ignored.
func readClaims(text string) (*claimsRequest, error) {
	if text == "" {
		return nil, nil
	}
	var c claimsRequest
	if len(text) > maxState || json.Unmarshal([]byte(text), &c) != nil {
		return nil, invalidRequest("claims must be a JSON object of at most 2000 bytes (OpenID Connect Core §5.5)")
	}
	return &c, nil
}

// wanted returns the values that a claim of the id_token must have; nil means
// any.
func (c *claimsRequest) wanted(name string) (values []any, essential bool) {
	if c == nil {
		return nil, false
	}
	for _, list := range []map[string]*claimRequest{c.IDToken, c.UserInfo} {
		r := list[name]
		if r == nil {
			continue
		}
		if r.Value != nil {
			return []any{r.Value}, r.Essential
		}
		return r.Values, r.Essential
	}
	return nil, false
}

// checkACR refuses an essential acr that this server cannot give (OpenID Connect
// Core §5.5.1.1, Unmet Authentication Requirements).
func (c *claimsRequest) checkACR() error {
	values, essential := c.wanted("acr")
	if essential && len(values) > 0 && !slices.Contains(values, any(passwordACR)) {
		return &Failure{Code: "unmet_authentication_requirements", Description: "this server cannot sign users in at the acr that is asked for"}
	}
	return nil
}

// isFor reports whether a request that asks for one user by sub may be answered
// about this one.
func (c *claimsRequest) isFor(sub string) bool {
	values, _ := c.wanted("sub")
	return len(values) == 0 || slices.Contains(values, any(sub))
}
