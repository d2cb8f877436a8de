package oauth

import (
	"context"
	jsontext "encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/go-json-experiment/json"

	"github.com/sluicehq/sluice/internal/store"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	maxSigned    = 16 << 10         // longer than any signed text of a client's
	maxAssertion = time.Hour        // how far in the future an assertion may end
	clockLeeway  = 30 * time.Second // how far a client's clock may be off
	maxID        = 256              // the longest jti
)

// statement are the claims of a signed text of a client's or an issuer's.
type statement struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	Expiry    *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
}

// parseSigned reads a compact JWS as far as that is possible without its key. only,
// when not empty, is the one algorithm that may have signed it. A header that asks
// for an extension is refused (RFC 7515 §4.1.11); b64 would change what was signed.
func parseSigned(text, only string) (*jose.JSONWebSignature, bool) {
	if len(text) > maxSigned || strings.Count(text, ".") != 2 {
		return nil, false
	}
	algorithms := clientAlgorithms
	if only != "" {
		algorithms = []jose.SignatureAlgorithm{jose.SignatureAlgorithm(only)}
	}
	signed, err := jose.ParseSignedCompact(text, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, false
	}
	for _, name := range []jose.HeaderKey{"crit", "b64", "zip"} {
		if _, has := signed.Signatures[0].Protected.ExtraHeaders[name]; has {
			return nil, false
		}
	}
	return signed, true
}

// typeOf is the "typ" of a JWS in lower case, without application/.
func typeOf(signed *jose.JSONWebSignature) string {
	typ, _ := signed.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// verifySigned returns what one of the registered keys has signed; ok is false when
// none has.
func (s *Service) verifySigned(ctx context.Context, signed *jose.JSONWebSignature, jwks jsontext.RawMessage, uri string) (payload []byte, ok bool, err error) {
	header := signed.Signatures[0].Protected
	keys, err := s.publicKeysOf(ctx, jwks, uri, header.KeyID)
	if err != nil {
		return nil, false, err
	}
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key); err == nil {
			return payload, true, nil
		}
	}
	return nil, false, nil
}

// readStatement reads claims strictly: no name twice, no other case.
func readStatement(payload []byte) (*statement, bool) {
	var st statement
	if json.Unmarshal(payload, &st) != nil {
		return nil, false
	}
	return &st, true
}

// inTime reports whether a statement holds now; one without an end never does.
func (st *statement) inTime(now time.Time) bool {
	early, late := now.Add(clockLeeway), now.Add(-clockLeeway)
	return st.Expiry != nil && st.Expiry.Time().After(late) && !st.Expiry.Time().After(now.Add(maxAssertion+clockLeeway)) &&
		(st.NotBefore == nil || !st.NotBefore.Time().After(early)) && (st.IssuedAt == nil || !st.IssuedAt.Time().After(early))
}

// forUs reports whether a statement is meant for this server: by its name, or by
// the address of the token endpoint, as RFC 7523 §3 has it, or of the endpoint that
// was called.
func (s *Service) forUs(st *statement, path string) bool {
	return slices.ContainsFunc(st.Audience, func(a string) bool {
		return a == s.cfg.Issuer || a == s.endpoint("/oauth/token") || (path != "" && a == s.endpoint(path))
	})
}

// endpoint is the address of a path of ours.
func (s *Service) endpoint(path string) string { return strings.TrimSuffix(s.cfg.Issuer, "/") + path }

// once lets an id through a single time until it expires, on every process that
// shares the database. kind and owner keep ids of different makers apart.
func once(ctx context.Context, q store.Querier, kind, owner, id string, until time.Time) (first bool, err error) {
	return newOnceID(kind, owner, id, until).use(ctx, q)
}

// Remember lets a DPoP proof's id through once, for every process on this database;
// it serves as bearer.DPoPConfig.Remember.
func (s *Service) Remember(ctx context.Context, id string, until time.Time) (first bool, err error) {
	return once(ctx, s.db, "dpop", "", id, until.Add(clockLeeway))
}

// claimedClient is the client that an assertion is about; it proves nothing yet.
func claimedClient(assertion string) (string, bool) {
	signed, ok := parseSigned(assertion, "")
	if !ok {
		return "", false
	}
	st, ok := readStatement(signed.UnsafePayloadWithoutVerification())
	if !ok || st.Subject == "" || !validClientID(st.Subject) {
		return "", false
	}
	return st.Subject, true
}

// proveByKey is private_key_jwt (RFC 7523 §2.2, §3; OpenID Connect Core §9): the
// assertion must be signed by the client's key, about itself, for this server, and
// be used once.
func (s *Service) proveByKey(ctx context.Context, c *Client, cl claim) error {
	signed, ok := parseSigned(cl.assertion, c.AuthAlg)
	if !ok || !slices.Contains([]string{"", "jwt", "client-authentication+jwt"}, typeOf(signed)) {
		return invalidClient(false)
	}
	payload, ok, err := s.verifySigned(ctx, signed, c.JWKS, c.JWKSURI)
	if err != nil {
		return err
	}
	st, read := readStatement(payload)
	switch {
	case !ok || !read || st.Issuer != c.ID || st.Subject != c.ID || !s.forUs(st, cl.path):
		return invalidClient(false)
	case !st.inTime(s.now()) || st.ID == "" || len(st.ID) > maxID:
		return invalidClient(false)
	}
	first, err := once(ctx, s.db, "assertion", c.ID, st.ID, st.Expiry.Time().Add(clockLeeway))
	if err == nil && !first {
		s.cfg.Log.WarnContext(ctx, "client assertion used a second time", "client", c.ID)
		err = invalidClient(false)
	}
	return err
}
