package oauth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/store"
)

// errNoToken says that a request for which a bearer token is needed has none.
var errNoToken = errors.New("no bearer token")

// bearerToken returns the token of the one Authorization header; empty when there
// is none (RFC 6750 §2.1).
func bearerToken(r *http.Request) (string, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return "", invalidRequest("more than one Authorization header")
	}
	if len(headers) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return "", errInitialToken
	}
	return token, nil
}

// refuseBearer is refuse for endpoints that a bearer token opens (RFC 6750 §3).
func (s *Service) refuseBearer(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errNoToken):
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice"`)
		err = &Failure{Code: "invalid_token", Description: "a bearer token is needed here", status: http.StatusUnauthorized}
	case errors.Is(err, errInitialToken):
		w.Header().Set("WWW-Authenticate", `Bearer realm="sluice", error="invalid_token"`)
		err = &Failure{Code: "invalid_token", Description: "the token is unknown, expired or used up", status: http.StatusUnauthorized}
	}
	s.refuse(w, r, err)
}

func (s *Service) notAllowed(w http.ResponseWriter, r *http.Request, methods ...string) {
	w.Header().Set("Allow", strings.Join(methods, ", "))
	s.refuse(w, r, &Failure{Code: "invalid_request", Description: "only " + strings.Join(methods, ", ") + " is answered here", status: http.StatusMethodNotAllowed})
}

// managed is a client with what it manages itself by.
type managed struct {
	*Client
	policy RegistrationPolicy
	token  string // as presented
}

// manage is RFC 7592: a client that registered itself reads, changes or removes
// its registration by its registration access token.
func (s *Service) manage(w http.ResponseWriter, r *http.Request) {
	do := map[string]func(*http.Request, *managed) (*registered, error){
		http.MethodGet: s.readRegistered, http.MethodPut: s.replaceRegistered, http.MethodDelete: s.removeRegistered,
	}[r.Method]
	if do == nil {
		s.notAllowed(w, r, http.MethodGet, http.MethodPut, http.MethodDelete)
		return
	}
	m, err := s.managed(r)
	var a *registered
	if err == nil {
		a, err = do(r.WithContext(audit.WithActor(r.Context(), audit.Client(m.ID), m.Title())), m)
	}
	switch {
	case err != nil:
		s.refuseBearer(w, r, err)
	case a == nil:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusOK, a)
	}
}

// managed finds the client of the address by the token. An unknown client, a
// disabled one and a wrong token are told alike (RFC 7592 §2).
func (s *Service) managed(r *http.Request) (*managed, error) {
	token, err := bearerToken(r)
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, errNoToken
	}
	m := managed{Client: &Client{}, token: token}
	err = s.db.QueryRow(r.Context(), append(m.columns(), jsonColumn{&m.policy}), `SELECT `+clientColumns+`, r.policy
		FROM registrations r JOIN clients ON id = r.client_id WHERE r.client_id = $1 AND r.hash = $2`, r.PathValue("client"), hash(token))
	if errors.Is(err, store.ErrNoRow) || (err == nil && m.Disabled) {
		err = errInitialToken
	}
	return &m, err
}

func (s *Service) readRegistered(_ *http.Request, m *managed) (*registered, error) {
	a := s.registered(m.Client, "", m.token)
	return &a, nil
}

// replaceRegistered is RFC 7592 §2.2: what is left out goes back to its default.
// Every change gives a new registration access token; two changes at once by the
// same one cannot both count.
func (s *Service) replaceRegistered(r *http.Request, m *managed) (*registered, error) {
	ctx := r.Context()
	asked, err := readRegistration(r)
	if err != nil {
		return nil, err
	}
	if err := s.checkUpdate(ctx, m, asked); err != nil {
		return nil, err
	}
	had := m.secret
	secret, err := s.take(ctx, m.Client, asked, m.policy)
	if err != nil {
		return nil, err
	}
	token := newSecret(registrationPrefix)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE registrations SET hash = $1 WHERE client_id = $2 AND hash = $3`, hash(token), m.ID, hash(m.token))
		if err == nil && n == 0 {
			err = errInitialToken
		}
		if err != nil {
			return err
		}
		return s.updateClient(ctx, tx, m.Client, had)
	})
	if err != nil {
		return nil, err
	}
	s.cfg.Log.InfoContext(ctx, "client changed its registration", "client", m.ID)
	a := s.registered(m.Client, secret, token)
	return &a, nil
}

// checkUpdate wants the update to be about this client, and without what only
// this server says (RFC 7592 §2.2).
func (s *Service) checkUpdate(ctx context.Context, m *managed, asked *registration) error {
	if asked.ID != m.ID {
		return invalidRequest("client_id must be that of the client")
	}
	if len(asked.Token)+len(asked.URI)+len(asked.SecretExpires)+len(asked.IssuedAt) > 0 {
		return invalidRequest("registration_access_token, registration_client_uri, client_secret_expires_at and client_id_issued_at must not be sent")
	}
	if asked.Secret == "" {
		return nil
	}
	right := false
	if m.secret != "" {
		var err error
		if right, err = s.secretIsRight(ctx, m.ID, m.secretForms(s.now()), asked.Secret); err != nil {
			return err
		}
	}
	if !right {
		return invalidMetadata("client_secret is not the one that the client has; it cannot choose another")
	}
	return nil
}

func (s *Service) removeRegistered(r *http.Request, m *managed) (*registered, error) {
	if err := s.DeleteClient(r.Context(), m.ID); err != nil {
		return nil, err
	}
	s.cfg.Log.InfoContext(r.Context(), "client removed its registration", "client", m.ID)
	return nil, nil
}
