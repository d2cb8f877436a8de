package oauth

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/page"
)

// passwordACR is the authentication context class of a sign-in by password: one
// factor. It is the only one this server has.
const passwordACR = "1"

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

// checkDetails reads authorization_details (RFC 9396 §2): a list of objects, each
// with a type that the client is registered for.
func (c *Client) checkDetails(text string) (json.RawMessage, error) {
	if text == "" {
		return nil, nil
	}
	bad := func(why string) error {
		return &Failure{Code: "invalid_authorization_details", Description: why}
	}
	var list []struct {
		Type string `json:"type"`
	}
	if len(text) > maxDetails || json.Unmarshal([]byte(text), &list) != nil || len(list) == 0 {
		return nil, bad("authorization_details must be a list of JSON objects with a type, of at most 8 KiB")
	}
	for _, d := range list {
		if !slices.Contains(c.DetailTypes, d.Type) {
			return nil, bad("the client is not registered for one of these authorization details types")
		}
	}
	compact, err := json.Marshal(json.RawMessage(text)) // drops what only people need
	if err != nil {
		return nil, bad("authorization_details is no JSON")
	}
	return compact, nil
}

// maxDetails bounds what is stored with every token of a grant.
const maxDetails = 8 << 10

// detailTexts puts authorization details into lines for the consent page: the type
// and every member with its value, as they came.
func detailTexts(details json.RawMessage) []page.DetailText {
	var list []map[string]any
	if len(details) == 0 || json.Unmarshal(details, &list) != nil {
		return nil
	}
	var texts []page.DetailText
	for _, d := range list {
		kind, _ := d["type"].(string)
		text := page.DetailText{Type: kind}
		for _, name := range slices.Sorted(maps.Keys(d)) {
			if name != "type" {
				text.Members = append(text.Members, page.Field{Name: name, Value: plain(d[name])})
			}
		}
		texts = append(texts, text)
	}
	return texts
}

// plain writes a JSON value for people: words as they are, the rest as JSON.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		words := make([]string, len(v))
		for i := range v {
			words[i] = plain(v[i])
		}
		return strings.Join(words, ", ")
	}
	text, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(text)
}
