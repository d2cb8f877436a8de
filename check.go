package sluice

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/api"
)

// resource is the REST API's own name (RFC 9728): the "aud" of our tokens.
func (s *Server) resource() string { return s.cfg.issuer() + "/activiti-app" }

// bearerServer is the check in front of the API and of the gateway.
func (s *Server) bearerServer(ctx context.Context) (*bearer.Server, error) {
	v, err := s.validator()
	if err != nil {
		return nil, err
	}
	proofs, err := s.proofs(ctx)
	if err != nil {
		return nil, err
	}
	var certificates *bearer.CertificateConfig // nil: nobody's certificate can be seen
	if seen := s.cfg.certificates(); s.cfg.TLS.ClientCertificates || seen.Header != "" {
		certificates = &seen
	}
	return bearer.New(bearer.Config{
		Validator: v, Realm: "sluice", Resource: s.resource(), AuthorizationServers: s.issuers(), Log: s.log, Now: s.clock,
		Audience: s.audience(), Certificates: certificates,
		DPoP: proofs,
		Body: func(w http.ResponseWriter, _ *http.Request, e *bearer.Error) {
			api.WriteErrorBody(w, e.Status, e.Description)
		},
	})
}

// proofs is how callers prove their keys. What processes on one database must know
// together is in it: the nonces' key, and which proofs were used, unless that is
// to be each process's own.
func (s *Server) proofs(ctx context.Context) (*bearer.DPoPConfig, error) {
	b := s.cfg.Bearer
	cfg := &bearer.DPoPConfig{Base: s.cfg.issuer(), Required: b.DPoPRequired, Nonces: b.DPoPNonces}
	if s.auth == nil {
		return cfg, nil
	}
	if b.DPoPMemory == dpopShared || (b.DPoPMemory == "" && s.db.Name() == "postgres") {
		cfg.Remember = s.auth.Remember
	}
	if !b.DPoPNonces {
		return cfg, nil
	}
	var err error
	cfg.NonceKey, err = s.auth.NonceKey(ctx)
	return cfg, err
}

// issuers are the authorization servers that callers may go to, as far as they
// are known by name.
func (s *Server) issuers() []string {
	b := s.cfg.Bearer
	if s.own != nil || (b.Enabled && b.Override.URL != "") {
		return nil
	}
	var list []string
	if s.auth != nil && (!b.Enabled || b.CheckToken == "") {
		list = append(list, s.cfg.issuer())
	}
	if b.Enabled {
		list = append(list, b.JWT.Issuers...)
	}
	return list
}

// validator is the check that the configuration asks for.
func (s *Server) validator() (bearer.Validator, error) {
	b := s.cfg.Bearer
	switch {
	case s.own != nil:
		return s.own, nil
	case b.Enabled && b.Override.URL != "":
		return s.override()
	case b.Enabled && len(b.JWT.Issuers) > 0:
		return s.byIssuer()
	}
	return s.opaque()
}

// override leaves the decision to the operator's endpoint.
func (s *Server) override() (bearer.Validator, error) {
	b := s.cfg.Bearer
	o := b.Override
	v, err := bearer.NewHTTPValidator(bearer.HTTPConfig{URL: o.URL, Headers: o.Headers, ClientID: o.ClientID, ClientSecret: o.ClientSecret,
		UsernameMembers: b.UsernameAttributes, InsecureHTTP: b.InsecureIntrospection})
	if err == nil && o.TokenOnly {
		return bearer.Cached(v), nil
	}
	return v, err
}

// byIssuer checks JWTs of the configured issuers here; the rest goes where opaque
// tokens go.
func (s *Server) byIssuer() (bearer.Validator, error) {
	b := s.cfg.Bearer
	opaque, err := s.opaque()
	if err != nil {
		return nil, err
	}
	chain := bearer.ByIssuer{Issuers: map[string]bearer.Validator{}, Opaque: opaque}
	if audience := s.opaqueAudience(); chain.Opaque != nil && audience != "" {
		chain.Opaque = forAudience{chain.Opaque, audience}
	}
	for i, issuer := range b.JWT.Issuers {
		cfg := bearer.JWTConfig{Issuer: issuer, Audience: b.JWT.Audience, Algorithms: b.JWT.Algorithms, AnyType: b.JWT.AnyType,
			UsernameMembers: b.UsernameAttributes, InsecureHTTP: b.InsecureIntrospection, Now: s.clock}
		if cfg.Audience == "" {
			cfg.Audience = s.resource()
		}
		if err := setKeys(&cfg, b.JWT.JWKS, i); err != nil {
			return nil, err
		}
		v, err := bearer.NewJWT(cfg)
		if err != nil {
			return nil, err
		}
		cached := bearer.NewCache(bearer.CacheConfig{Validator: v, Now: s.clock})
		chain.Issuers[issuer] = bearer.NewRevocationList(bearer.RevocationListConfig{Validator: cached, Now: s.now})
	}
	return chain, nil
}

// revocationsPath is where another authorization server tells of what it ended.
const revocationsPath = "/management/revocations"

// revocations takes what the configured issuer pushes; nil when there is none. What
// was pushed before this process began counts as well, where there is a database.
func (s *Server) revocations(ctx context.Context) (http.Handler, error) {
	r := s.cfg.Bearer.Revocations
	if !s.cfg.Bearer.Enabled || r.Issuer == "" || s.cfg.Role == RoleAuth {
		return nil, nil
	}
	cfg := bearer.ReceiverConfig{Issuer: r.Issuer, JWKS: r.JWKS, Audience: r.Audience, InsecureHTTP: s.cfg.Bearer.InsecureIntrospection, Revoke: s.check.Revoke, Log: s.log, Now: s.now}
	if cfg.Audience == "" {
		cfg.Audience = s.cfg.issuer() + revocationsPath
	}
	if s.auth != nil {
		cfg.Keep = s.auth.KeepRevocation
		if err := s.auth.RecallRevocations(ctx, s.check.Revoke); err != nil {
			return nil, err
		}
	}
	return bearer.NewRevocationReceiver(cfg)
}

// setKeys says where the keys of issuer i are: at an address, or in a file.
func setKeys(cfg *bearer.JWTConfig, places []string, i int) (err error) {
	switch {
	case len(places) == 0:
	case strings.Contains(places[i], "://"):
		cfg.JWKS = places[i]
	default:
		if cfg.Keys, err = os.ReadFile(places[i]); err != nil {
			return fmt.Errorf("reading the keys of %s: %w", cfg.Issuer, err)
		}
	}
	return nil
}

// opaque checks what only its issuer understands: at checkToken, or in process.
// Nil means that nobody vouches for such tokens.
func (s *Server) opaque() (bearer.Validator, error) {
	b := s.cfg.Bearer
	switch {
	case b.Enabled && b.CheckToken != "":
		i, err := b.introspection()
		return bearer.Cached(i), err
	case s.auth != nil:
		return s.auth, nil
	}
	return nil, nil
}

// opaqueAudience is who tokens must be meant for that opaque checks.
func (s *Server) opaqueAudience() string {
	if b := s.cfg.Bearer; b.Enabled && b.CheckToken != "" {
		return b.Audience
	}
	return s.resource()
}

// audience is who every token must be meant for; empty when that is settled
// elsewhere, or not looked at.
func (s *Server) audience() string {
	b := s.cfg.Bearer
	switch {
	case s.own != nil:
		return b.Audience
	case b.Enabled && b.Override.URL != "":
		return b.Audience
	case b.Enabled && len(b.JWT.Issuers) > 0:
		return "" // each link of the chain asks for its own
	}
	return s.opaqueAudience()
}

// forAudience refuses tokens that are for another service (RFC 9068 §4, RFC 8707
// §2), where a chain's links ask for different ones.
type forAudience struct {
	bearer.Validator
	audience string
}

// Validate looks at the audience of what the validator says.
func (f forAudience) Validate(ctx context.Context, token string) (*bearer.Token, error) {
	t, err := f.Validator.Validate(ctx, token)
	if err == nil && !slices.Contains(t.Audience, f.audience) {
		return nil, fmt.Errorf("%w: it is meant for another service", bearer.ErrInvalid)
	}
	return t, err
}

// Unwrap returns the validator behind.
func (f forAudience) Unwrap() bearer.Validator { return f.Validator }

// Revoke passes on.
func (f forAudience) Revoke(r bearer.Revocation) {
	if v, ok := f.Validator.(bearer.Revoker); ok {
		v.Revoke(r)
	}
}
