package bearer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// JWTConfig is how a JWT validator checks tokens of one issuer.
type JWTConfig struct {
	// Issuer is the "iss" that a token must have, byte for byte. Needed.
	Issuer string
	// Audience must be in a token's "aud". Needed: a token for another service
	// must not work here (RFC 9068 §4).
	Audience string
	// JWKS is the address of the issuer's keys; a file:///path is read anew by the
	// same rules as an https address. Empty means that it is found by the issuer's
	// metadata (RFC 8414, OpenID Connect Discovery), whose issuer must be Issuer.
	JWKS string
	// Keys are the issuer's keys, when they are not to be fetched: the content of a
	// JWK Set.
	Keys []byte
	// Algorithms are accepted. Nil means RS256, PS256, ES256 and EdDSA. "none" and
	// symmetric ones never are.
	Algorithms []string
	// AnyType accepts tokens whose typ is JWT or absent, as issuers before RFC 9068
	// make them. Then an id_token of the same audience passes too, so it is off by
	// default.
	AnyType bool
	// UsernameMembers are the claims that may name the user; the first one present
	// counts. Nil means preferred_username, username, user_name, email.
	UsernameMembers []string
	// Leeway is how far clocks may differ for nbf and iat; 0 means 30 s. exp has
	// 5 s at most.
	Leeway time.Duration
	// Client fetches metadata and keys. Nil means one of its own, with a deadline
	// and without redirects.
	Client *http.Client
	// InsecureHTTP allows keys to be fetched by plain http from another machine, where
	// everybody between can replace them.
	InsecureHTTP bool
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// JWT is a Validator of signed access tokens (RFC 9068), which it checks here with
// the issuer's published keys. It is safe for concurrent use.
type JWT struct {
	cfg        JWTConfig
	algorithms []jose.SignatureAlgorithm
	keys       *keySet
	shares     shares
}

var asymmetric = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// NewJWT checks cfg, listing every problem, and returns a JWT. Keys are fetched
// when the first token comes.
func NewJWT(cfg JWTConfig) (*JWT, error) {
	var problems []error
	if cfg.Issuer == "" {
		problems = append(problems, errors.New("bearer: JWTConfig.Issuer is missing"))
	}
	if cfg.Audience == "" {
		problems = append(problems, errors.New("bearer: JWTConfig.Audience is missing"))
	}
	if cfg.Algorithms == nil {
		cfg.Algorithms = []string{"RS256", "PS256", "ES256", "EdDSA"}
	}
	if cfg.UsernameMembers == nil {
		cfg.UsernameMembers = []string{"preferred_username", "username", "user_name", "email"}
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = 30 * time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	v := &JWT{}
	for _, a := range cfg.Algorithms {
		if !slices.Contains(asymmetric, a) {
			problems = append(problems, fmt.Errorf("bearer: JWTConfig.Algorithms: %q is not an asymmetric algorithm", a))
		}
		v.algorithms = append(v.algorithms, jose.SignatureAlgorithm(a))
	}
	keys, err := newKeySet(cfg)
	if err != nil {
		problems = append(problems, err)
	}
	v.cfg, v.keys = cfg, keys
	return v, errors.Join(problems...)
}

// prompt: keys are fetched by a goroutine, and whoever waits for them may leave.
func (v *JWT) prompt() bool { return true }

// Validate checks the signature first and then every claim that RFC 9068 §4 names.
func (v *JWT) Validate(ctx context.Context, token string) (*Token, error) {
	payload, err := v.verify(ctx, token)
	if err != nil {
		return nil, err
	}
	all, err := readMembers(payload)
	if err != nil {
		return nil, ErrInvalid
	}
	r := &reader{members: all, shares: &v.shares}
	t := r.token(v.cfg.UsernameMembers)
	// A JWT's type is in its header; a claim of that name says nothing.
	t.Type = ""
	if r.err != nil || !v.stands(t) {
		return nil, ErrInvalid
	}
	return t, nil
}

// stands checks the claims.
func (v *JWT) stands(t *Token) bool {
	now := v.cfg.Now()
	return t.Issuer == v.cfg.Issuer && slices.Contains(t.Audience, v.cfg.Audience) && t.Subject != "" &&
		!t.Expiry.IsZero() && !now.After(t.Expiry.Add(expiryLeeway)) &&
		!t.NotBefore.After(now.Add(v.cfg.Leeway)) && !t.IssuedAt.After(now.Add(v.cfg.Leeway))
}

// maxKeyID is longer than any real key id.
const maxKeyID = 256

// verify returns the payload of a token that one of the issuer's keys signed.
func (v *JWT) verify(ctx context.Context, token string) ([]byte, error) {
	if len(token) > maxToken {
		return nil, ErrInvalid
	}
	signed, ok := parseSigned(token, v.algorithms)
	if !ok {
		return nil, ErrInvalid
	}
	header := signed.Signatures[0].Protected
	if len(header.KeyID) > maxKeyID || !v.rightType(header) {
		return nil, ErrInvalid
	}
	keys, err := v.keys.find(ctx, header.KeyID, signed.UnsafePayloadWithoutVerification())
	if err != nil {
		return nil, err
	}
	if payload, ok := verifiedBy(keys, signed); ok {
		return payload, nil
	}
	return nil, ErrInvalid
}

// parseSigned reads a compact JWS as far as that is possible without its key. What
// its header asks for besides is refused, not skipped: no token of ours needs an
// extension, and b64 would change what was signed (RFC 7515 §4.1.11, RFC 7797 §7).
func parseSigned(text string, algorithms []jose.SignatureAlgorithm) (*jose.JSONWebSignature, bool) {
	if strings.Count(text, ".") != 2 {
		return nil, false
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

// verifiedBy returns what one of the keys has signed.
func verifiedBy(keys []jose.JSONWebKey, signed *jose.JSONWebSignature) (payload []byte, ok bool) {
	for _, k := range keys {
		if k.Algorithm != "" && k.Algorithm != signed.Signatures[0].Protected.Algorithm {
			continue
		}
		if payload, err := signed.Verify(k.Key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// typeOf is a JWT's "typ" in lower case, without application/ (RFC 7515 §4.1.9).
func typeOf(header jose.Header) string {
	typ, _ := header.ExtraHeaders[jose.HeaderType].(string)
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// issuedAt reads "iat" without trusting it: it decides only whether a token whose
// key is unknown is bad, or may be newer than the keys.
func issuedAt(payload []byte) time.Time {
	all, err := readMembers(payload)
	if err != nil {
		return time.Time{}
	}
	return (&reader{members: all}).time("iat")
}

// rightType keeps other JWTs of the same issuer, such as id_tokens, from passing
// as access tokens (RFC 9068 §4, RFC 8725 §3.11).
func (v *JWT) rightType(header jose.Header) bool {
	typ := typeOf(header)
	return typ == "at+jwt" || (v.cfg.AnyType && (typ == "jwt" || typ == ""))
}

// ByIssuer sends each token to the validator of its issuer: JWTs by their "iss",
// everything else to Opaque.
type ByIssuer struct {
	// Issuers are the validators of JWTs, by "iss".
	Issuers map[string]Validator
	// Opaque validates what is no JWT, and JWTs of other issuers; nil refuses them.
	Opaque Validator
}

// Validate reads the issuer without trusting it, only to choose who checks.
func (b ByIssuer) Validate(ctx context.Context, token string) (*Token, error) {
	v := b.Issuers[unverifiedIssuer(token)]
	if v == nil {
		v = b.Opaque
	}
	if v == nil {
		return nil, ErrInvalid
	}
	return v.Validate(ctx, token)
}

// prompt is true when every validator behind is.
func (b ByIssuer) prompt() bool {
	for _, v := range b.Issuers {
		if !isPrompt(v) {
			return false
		}
	}
	return b.Opaque == nil || isPrompt(b.Opaque)
}

// Check lists what is wrong with the configurations of the validators.
func (b ByIssuer) Check() error {
	var problems []error
	for _, v := range append(slices.Collect(maps.Values(b.Issuers)), b.Opaque) {
		if c, ok := v.(checker); ok {
			problems = append(problems, c.Check())
		}
	}
	return errors.Join(problems...)
}

// Revoke tells every validator that remembers.
func (b ByIssuer) Revoke(r Revocation) {
	for _, v := range b.Issuers {
		if known, ok := v.(Revoker); ok {
			known.Revoke(r)
		}
	}
	if known, ok := b.Opaque.(Revoker); ok {
		known.Revoke(r)
	}
}
