package oauth

import (
	"context"
	jsontext "encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// registration is the body of a registration (RFC 7591 §2, §3.1). Members that it
// does not know are left alone, as the RFC says.
type registration struct {
	RedirectURIs []string `json:"redirect_uris"`
	GrantTypes   []string `json:"grant_types"`
	Scope        string   `json:"scope"`
	Name         string   `json:"client_name"`
	Statement    string   `json:"software_statement"`
	SectorURI    string   `json:"sector_identifier_uri"`
	SubjectType  string   `json:"subject_type"`
	Metadata
	sealed

	// What an update says of itself (RFC 7592 §2.2).
	ID            string              `json:"client_id"`
	Secret        string              `json:"client_secret"`
	Token         jsontext.RawMessage `json:"registration_access_token"`
	URI           jsontext.RawMessage `json:"registration_client_uri"`
	SecretExpires jsontext.RawMessage `json:"client_secret_expires_at"`
	IssuedAt      jsontext.RawMessage `json:"client_id_issued_at"`
}

// sealed asks for answers that this server does not give. A client that expects
// one could not read what it gets, so it is told.
type sealed struct {
	IDTokenEncryption       string `json:"id_token_encrypted_response_alg"`
	UserInfoSigning         string `json:"userinfo_signed_response_alg"`
	UserInfoEncryption      string `json:"userinfo_encrypted_response_alg"`
	IntrospectionEncryption string `json:"introspection_encrypted_response_alg"`
	RequestEncryption       string `json:"request_object_encryption_alg"`
	AuthorizationSigning    string `json:"authorization_signed_response_alg"`
}

func (r *registration) unsupported() (name string) {
	for name, value := range map[string]string{
		"id_token_encrypted_response_alg": r.IDTokenEncryption, "userinfo_signed_response_alg": r.UserInfoSigning,
		"userinfo_encrypted_response_alg": r.UserInfoEncryption, "introspection_encrypted_response_alg": r.IntrospectionEncryption,
		"request_object_encryption_alg": r.RequestEncryption, "authorization_signed_response_alg": r.AuthorizationSigning,
	} {
		if value != "" {
			return name
		}
	}
	return ""
}

func invalidMetadata(text string) *Failure {
	return &Failure{Code: "invalid_client_metadata", Description: text}
}

func invalidRedirect(text string) *Failure {
	return &Failure{Code: "invalid_redirect_uri", Description: text}
}

// registered is the answer to whoever manages the client (RFC 7591 §3.2.1, RFC
// 7592 §3).
type registered struct {
	ID            string   `json:"client_id"`
	IssuedAt      int64    `json:"client_id_issued_at"`
	Secret        string   `json:"client_secret,omitempty"`
	SecretExpires *int64   `json:"client_secret_expires_at,omitempty"` // 0: never; with a secret only
	Token         string   `json:"registration_access_token"`
	URI           string   `json:"registration_client_uri"`
	Name          string   `json:"client_name,omitempty"`
	RedirectURIs  []string `json:"redirect_uris,omitempty"`
	GrantTypes    []string `json:"grant_types"`
	Scope         string   `json:"scope,omitempty"`
	Metadata
}

func (s *Service) registered(c *Client, secret, token string) registered {
	a := registered{ID: c.ID, IssuedAt: c.Created.Unix(), Secret: secret, Token: token, URI: s.registrationEndpoint() + "/" + url.PathEscape(c.ID),
		Name: c.Name, RedirectURIs: c.RedirectURIs, GrantTypes: c.GrantTypes, Scope: strings.Join(c.Scopes, " "), Metadata: c.Metadata}
	if secret != "" {
		a.SecretExpires = new(int64)
	}
	return a
}

func (s *Service) registrationEndpoint() string {
	return strings.TrimSuffix(s.cfg.Issuer, "/") + "/oauth/register"
}

const registrationPrefix = "slc_rg_"

// register is RFC 7591 §3: whoever holds an initial access token registers a
// client, within what the token allows. Without one registration is closed unless
// the operator has opened it.
func (s *Service) register(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		s.notAllowed(w, r, http.MethodPost)
		return
	}
	a, err := s.newRegistration(r)
	if err != nil {
		s.refuseBearer(w, r, err)
		return
	}
	writeJSON(w, http.StatusCreated, a)
}

func (s *Service) newRegistration(r *http.Request) (*registered, error) {
	ctx := r.Context()
	by, err := s.registrar(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := readRegistration(r)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return nil, fmt.Errorf("making a client's id: %w", err)
	}
	now := s.now()
	c := &Client{ID: id.String(), Created: now}
	var secret string
	if secret, err = s.take(ctx, c, m, by.Policy); err != nil {
		return nil, err
	}
	token := newSecret(registrationPrefix)
	if err := s.keepRegistration(ctx, c, by, token, now); err != nil {
		return nil, err
	}
	s.cfg.Log.InfoContext(ctx, "client registered", "client", c.ID, "initial_token", by.ID)
	a := s.registered(c, secret, token)
	return &a, nil
}

// registrar settles who registers: the initial access token, or the empty one of
// open registration.
func (s *Service) registrar(ctx context.Context, r *http.Request) (*InitialToken, error) {
	token, err := bearerToken(r)
	if err != nil {
		return nil, err
	}
	if token == "" && s.cfg.OpenRegistration {
		return &InitialToken{Policy: DefaultPolicy()}, nil
	}
	if token == "" {
		return nil, errNoToken
	}
	return s.initialToken(ctx, token)
}

// keepRegistration takes one use of the token and makes the client, or neither.
func (s *Service) keepRegistration(ctx context.Context, c *Client, by *InitialToken, token string, now time.Time) error {
	policy, err := jsontext.Marshal(by.Policy)
	if err != nil {
		return fmt.Errorf("writing a registration policy: %w", err)
	}
	return s.db.Write(ctx, func(tx *store.Tx) error {
		take := by.use
		if by.ID == "" {
			take = s.withinQuota
		}
		if err := take(ctx, tx, now); err != nil {
			return err
		}
		details := audit.Details{"registration": true, "initial_token": by.ID}
		if err := s.insertClient(audit.WithActor(ctx, audit.Client(c.ID), c.Title()), tx, c, details); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO registrations (client_id, hash, token_id, policy) VALUES ($1, $2, $3, $4)`,
			c.ID, hash(token), by.ID, string(policy))
		return err
	})
}

// withinQuota refuses when too many clients have come without a token. Those that are
// registered at the same moment may not see one another.
func (s *Service) withinQuota(ctx context.Context, tx *store.Tx, now time.Time) error {
	if s.cfg.OpenRegistrations == 0 {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, []any{&n}, `SELECT COUNT(*) FROM registrations r JOIN clients c ON c.id = r.client_id WHERE r.token_id = '' AND c.created_at > $1`,
		store.Millis(now.Add(-24*time.Hour)))
	if err == nil && n >= s.cfg.OpenRegistrations {
		err = fault.New(fault.TooMany, "too many clients have been registered without a token since yesterday; try again later, or ask the operator for a token")
	}
	return err
}

// readRegistration reads the body: JSON without repeated names (RFC 7591 §3.1).
func readRegistration(r *http.Request) (*registration, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, invalidMetadata("the content type must be application/json")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fault.New(fault.TooLarge, "the body is larger than 64 KiB")
	}
	if err != nil {
		return nil, invalidMetadata("the body could not be read")
	}
	var m registration
	err = json.Unmarshal(body, &m)
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &semantic) && semantic.JSONPointer != "":
		return nil, invalidMetadata("the value of " + string(semantic.JSONPointer) + " is of a wrong kind")
	case err != nil:
		return nil, invalidMetadata("the body must be one JSON object without repeated names")
	}
	if string(m.JWKS) == "null" {
		m.JWKS = nil // RFC 7592 §2.2: as if left out
	}
	return &m, nil
}

// take fills c with what m asks for, within the policy and what c has already. It
// returns the secret when c gets one.
func (s *Service) take(ctx context.Context, c *Client, m *registration, policy RegistrationPolicy) (secret string, err error) {
	policy.GrantTypes = append(slices.Clone(policy.GrantTypes), c.GrantTypes...)
	policy.Scopes = append(slices.Clone(policy.Scopes), c.Scopes...)
	policy.DetailTypes = append(slices.Clone(policy.DetailTypes), c.DetailTypes...)
	c.fragments = s.cfg.FragmentURIs
	if err := m.checkAlone(c); err != nil {
		return "", err
	}
	c.fill(m, policy)
	if err := c.checkRegistered(policy); err != nil {
		return "", err
	}
	secret = c.renewSecret()
	if err := c.check(s.customGrants()...); err != nil {
		if fault.Is(err, fault.Invalid) {
			err = invalidMetadata(fault.Message(err))
		}
		return "", err
	}
	if m.SectorURI != "" {
		err = s.checkSector(ctx, m.SectorURI, c.RedirectURIs)
	}
	return secret, err
}

// checkAlone refuses what this server does not do.
func (r *registration) checkAlone(c *Client) error {
	if r.Statement != "" {
		return &Failure{Code: "unapproved_software_statement", Description: "this server trusts no issuer of software statements"}
	}
	if name := r.unsupported(); name != "" {
		return invalidMetadata("this server does not support " + name)
	}
	if r.SubjectType != "" && r.SubjectType != "public" {
		return invalidMetadata("subject_type must be public")
	}
	for _, u := range r.RedirectURIs {
		if err := c.checkRedirect(u); err != nil {
			return invalidRedirect("redirect URI " + u + ": " + err.Error())
		}
	}
	return nil
}

// fill puts the metadata with the defaults of RFC 7591 §2 into the client. The
// members of our own are the operator's: what a client says of them is not looked
// at.
func (c *Client) fill(m *registration, policy RegistrationPolicy) {
	own := c.Metadata
	c.Name, c.RedirectURIs, c.GrantTypes, c.Scopes, c.Metadata = m.Name, unique(m.RedirectURIs), unique(m.GrantTypes), unique(strings.Fields(m.Scope)), m.Metadata
	c.Resources, c.ExchangeFrom, c.AssertionIssuers, c.Roles = own.Resources, own.ExchangeFrom, own.AssertionIssuers, own.Roles
	c.AllowedOrigins = own.AllowedOrigins
	if len(c.GrantTypes) == 0 {
		c.GrantTypes = []string{AuthorizationCode}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = unique(policy.Scopes)
	}
	if c.AuthMethod == "" {
		c.AuthMethod = authBasic
	}
	if len(c.ResponseTypes) == 0 && c.may(AuthorizationCode) {
		c.ResponseTypes = []string{"code"}
	}
}

// checkRegistered checks what the policy and the specifications ask of clients
// that register themselves.
func (c *Client) checkRegistered(policy RegistrationPolicy) error {
	for _, g := range c.GrantTypes {
		if !slices.Contains(policy.GrantTypes, g) {
			return invalidMetadata("the grant type " + g + " may not be registered here (allowed: " + strings.Join(unique(policy.GrantTypes), ", ") + ")")
		}
	}
	for _, scope := range c.Scopes {
		if !slices.Contains(policy.Scopes, scope) {
			return invalidMetadata("the scope " + scope + " may not be registered here")
		}
	}
	for _, t := range c.DetailTypes {
		if !slices.Contains(policy.DetailTypes, t) {
			return invalidMetadata("the authorization details type " + t + " may not be registered here")
		}
	}
	if (c.may(AuthorizationCode) || c.may(Implicit)) && len(c.RedirectURIs) == 0 {
		return invalidRedirect("redirect_uris is needed for the grant types authorization_code and implicit")
	}
	if c.may(Implicit) && c.ApplicationType != "native" && slices.ContainsFunc(c.RedirectURIs, func(u string) bool { return !strings.HasPrefix(u, "https://") }) {
		return invalidRedirect("web applications with the implicit grant need https redirect URIs (OpenID Connect Registration §2)")
	}
	return c.checkResponseTypes()
}

// checkResponseTypes wants grant types and response types to go together (RFC 7591
// §2.1).
func (c *Client) checkResponseTypes() error {
	for _, t := range c.ResponseTypes {
		words := strings.Fields(t)
		slices.Sort(words)
		for _, g := range responseTypes[strings.Join(words, " ")] {
			if !c.may(g) {
				return invalidMetadata("the response type " + t + " needs the grant type " + g)
			}
		}
	}
	return nil
}

// renewSecret gives the client a secret when its way of authentication needs one
// that it does not have, and takes it away when none is needed.
func (c *Client) renewSecret() (secret string) {
	needs := c.AuthMethod == authBasic || c.AuthMethod == authPost
	switch {
	case c.AuthMethod == authNone || c.byKey():
		c.secret = ""
	case needs && c.secret == "":
		secret = newSecret(secretPrefix)
		c.secret = digestSecret(secret)
	}
	return secret
}

// checkSector wants every redirect URI in the list that sector_identifier_uri
// names (OpenID Connect Registration §5). All failures are answered alike, so that
// nobody learns by them what the server can reach.
func (s *Service) checkSector(ctx context.Context, address string, uris []string) error {
	bad := invalidMetadata("sector_identifier_uri must name a JSON list on an https server with all redirect URIs in it")
	text, err := s.fetch(ctx, address)
	if err != nil {
		s.cfg.Log.InfoContext(ctx, "sector identifier not fetched", "error", err)
		return bad
	}
	var list []string
	if json.Unmarshal(text, &list) != nil || slices.ContainsFunc(uris, func(u string) bool { return !slices.Contains(list, u) }) {
		return bad
	}
	return nil
}
