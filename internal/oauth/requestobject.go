package oauth

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// openRequestObject reads a signed request object (RFC 9101 §6). Its parameters
// alone count then; what stands beside it in the address may have been changed.
func (s *Service) openRequestObject(ctx context.Context, c *Client, a *asking, object string) error {
	signed, ok := parseSigned(object, c.RequestAlg)
	if !ok || !slices.Contains([]string{"", "jwt", "oauth-authz-req+jwt"}, typeOf(signed)) {
		return badObject("it must be a JWT, signed by an algorithm that this server knows and the client is registered for")
	}
	payload, ok, err := s.verifySigned(ctx, signed, c.JWKS, c.JWKSURI)
	if err != nil {
		return err
	}
	if !ok {
		return badObject("none of the client's keys has signed it")
	}
	st, ok := readStatement(payload)
	switch {
	case !ok:
		return badObject("its claims cannot be read")
	case st.Issuer != c.ID:
		return badObject("iss must be the client_id")
	case !s.forUs(st, ""):
		return badObject("aud must be this server's issuer")
	case !st.inTime(s.now()):
		return badObject("it has no exp, or one that is past or more than an hour away")
	}
	inside, err := objectForm(payload, c.ID)
	if err != nil {
		return err
	}
	a.Form, a.Signed, a.twice = inside, true, nil
	id := st.ID
	if id == "" || len(id) > maxID {
		id = object
	}
	a.Once = append(a.Once, newOnceID("request object", c.ID, id, st.Expiry.Time().Add(clockLeeway)))
	return nil
}

func badObject(why string) error {
	return &Failure{Code: "invalid_request_object", Description: "the request object is not accepted: " + why}
}

// objectForm turns a request object's claims into parameters: text as it is, a list
// of resources into words, everything else as JSON.
func objectForm(payload []byte, clientID string) (form, error) {
	claims := map[string]jsontext.Value{}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, badObject("its claims cannot be read")
	}
	f := form{}
	for name, value := range claims {
		switch name {
		case "iss", "aud", "exp", "nbf", "iat", "jti", "sub":
			continue
		case "request", "request_uri":
			return nil, badObject("it must not hold another one (RFC 9101 §4)")
		}
		text, ok := parameterOf(name, value)
		if !ok || !clean(name) || !clean(text) {
			return nil, badObject("one of its claims is no parameter")
		}
		if text != "" {
			f[name] = text
		}
	}
	if f["client_id"] != clientID {
		return nil, badObject("its client_id must be the one beside it (RFC 9101 §5)")
	}
	return f, nil
}

func parameterOf(name string, value jsontext.Value) (text string, ok bool) {
	var words []string
	switch {
	case value.Kind() == '"':
		ok = json.Unmarshal(value, &text) == nil
		return text, ok
	case slices.Contains(lists, name) && json.Unmarshal(value, &words) == nil:
		return strings.Join(words, " "), true
	case value.Kind() == 'n':
		return "", true
	}
	return string(value), true
}
