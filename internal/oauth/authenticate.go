package oauth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
)

// claim is what a request says about its client.
type claim struct {
	id, secret string
	basic      bool   // it came by the Authorization header
	assertion  string // signed by the client's key (RFC 7523 §2.2)
	path       string // the endpoint that was called
}

// authenticate settles which client is calling (RFC 6749 §2.3): one method, and
// the same answer for an unknown client, a wrong secret and a disabled client. A request that names
// no client gives nil, which only a refresh may accept.
func (s *Service) authenticate(ctx context.Context, r *http.Request, f form) (*Client, error) {
	return s.authenticateOf(ctx, r, f, s.Client)
}

// authenticateOf is authenticate with the clients that find knows.
func (s *Service) authenticateOf(ctx context.Context, r *http.Request, f form, find finder) (*Client, error) {
	claim, err := s.claim(r, f)
	if err != nil || claim.id == "" {
		return nil, err
	}
	c, err := find(ctx, claim.id)
	if fault.Is(err, fault.NotFound) {
		return nil, s.proveBySecret(ctx, claim, nil)
	}
	if err == nil {
		err = s.prove(ctx, r, c, claim)
	}
	if err == nil && c.Disabled {
		err = invalidClient(claim.basic) // after the proof: it takes the same time
	}
	if err != nil {
		if c != nil {
			s.clientRefused(ctx, c, err)
		}
		return nil, err
	}
	return c, nil
}

// prove checks that the request comes from the client that it names, in the way
// that the client is registered for.
func (s *Service) prove(ctx context.Context, r *http.Request, c *Client, claim claim) error {
	switch {
	case c.byKey() && claim.secret != "":
		return s.proveBySecret(ctx, claim, nil)
	case c.AuthMethod != authKey && claim.assertion != "":
		return invalidClient(claim.basic)
	case c.AuthMethod == authKey:
		return s.proveByKey(ctx, c, claim)
	case c.byKey():
		return s.proveByCertificate(ctx, r, c)
	case c.Public():
		if claim.secret != "" && !s.cfg.IgnorePublicSecret {
			return s.proveBySecret(ctx, claim, nil)
		}
		return nil
	}
	if err := s.proveBySecret(ctx, claim, c.secretForms(s.now())); err != nil {
		return err
	}
	// Only who knows the secret learns that it came in the wrong way. Libraries that
	// try one after the other are not counted as guessing.
	if c.AuthMethod == authBasic && !claim.basic || c.AuthMethod == authPost && claim.basic {
		return invalidClient(claim.basic)
	}
	return nil
}

// proveBySecret is client_secret_basic and client_secret_post (RFC 6749 §2.3.1).
// Whether the client exists and has a secret at all (it has no forms when not) shows
// neither in the answer nor in its time.
func (s *Service) proveBySecret(ctx context.Context, claim claim, forms []string) error {
	if claim.secret == "" {
		return invalidClient(claim.basic)
	}
	right, err := s.secretIsRight(ctx, claim.id, forms, claim.secret)
	if err == nil && !right {
		err = invalidClient(claim.basic)
	}
	return err
}

// confidential is authenticate for endpoints that only a client with a secret
// may call.
func (s *Service) confidential(ctx context.Context, r *http.Request, f form, find finder) (*Client, error) {
	c, err := s.authenticateOf(ctx, r, f, find)
	if err == nil && (c == nil || c.Public()) {
		return nil, invalidClient(true)
	}
	return c, err
}

// claim reads the client's credentials from the one place they are in.
func (s *Service) claim(r *http.Request, f form) (claim, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return claim{}, invalidRequest("more than one Authorization header")
	}
	body, err := bodyClaim(r, f)
	if err != nil || len(headers) == 0 {
		return body, err
	}
	scheme, value, _ := strings.Cut(headers[0], " ")
	if strings.EqualFold(scheme, "Bearer") && s.cfg.IgnoreBearer {
		return body, nil // js-api 10 sends its old access token along; it proves nothing here
	}
	if !strings.EqualFold(scheme, "Basic") {
		return claim{}, invalidClient(true)
	}
	header, err := s.basic(value)
	switch {
	case err != nil:
		return claim{}, err
	case body.secret != "" || body.assertion != "":
		return claim{}, invalidRequest("the client authenticates in two ways at once")
	case body.id != "" && body.id != header.id:
		return claim{}, invalidRequest("client_id and the Authorization header name different clients")
	}
	return header, nil
}

// bodyClaim reads the client's credentials from the form.
func bodyClaim(r *http.Request, f form) (claim, error) {
	body := claim{id: f["client_id"], secret: f["client_secret"], assertion: f["client_assertion"], path: r.URL.Path}
	if body.assertion == "" {
		if f["client_assertion_type"] != "" {
			return claim{}, invalidRequest("client_assertion is missing")
		}
		return body, nil
	}
	named, ok := claimedClient(body.assertion)
	switch {
	case f["client_assertion_type"] != assertionType:
		return claim{}, invalidRequest("client_assertion_type must be " + assertionType)
	case body.secret != "":
		return claim{}, invalidRequest("the client authenticates in two ways at once")
	case !ok || (body.id != "" && body.id != named):
		return claim{}, invalidClient(false)
	}
	body.id = named
	return body, nil
}

// basic decodes Basic credentials; id and secret are form-encoded in them (RFC
// 6749 §2.3.1).
func (s *Service) basic(value string) (claim, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil || !clean(string(raw)) {
		return claim{}, invalidClient(true)
	}
	id, secret, colon := strings.Cut(string(raw), ":")
	if !colon && !s.cfg.BasicWithoutColon {
		return claim{}, invalidClient(true)
	}
	if id, err = url.QueryUnescape(id); err != nil {
		return claim{}, invalidClient(true)
	}
	if secret, err = url.QueryUnescape(secret); err != nil || id == "" || !clean(id) || !clean(secret) {
		return claim{}, invalidClient(true)
	}
	return claim{id: id, secret: secret, basic: true}, nil
}
