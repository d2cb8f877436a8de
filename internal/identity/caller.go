package identity

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
)

// Deny answers a refused request in the API's own form.
type Deny func(w http.ResponseWriter, r *http.Request, err error)

type callerKey struct{}

// NewContext returns a context in which u is calling.
func NewContext(ctx context.Context, u *User) context.Context {
	return context.WithValue(ctx, callerKey{}, u)
}

// FromContext returns who is calling, or nil.
func FromContext(ctx context.Context) *User {
	u, _ := ctx.Value(callerKey{}).(*User)
	return u
}

// RequireBasic checks HTTP Basic credentials and runs the call as their user.
func (s *Service) RequireBasic(next http.Handler, deny Deny) http.Handler {
	return s.require(next, deny, s.basicUser)
}

// basicTTL is how long Basic credentials that were right are taken without another
// slow hash: clients send them on every call.
const basicTTL = time.Minute

func (s *Service) basicUser(r *http.Request) (*User, error) {
	login, password, ok := r.BasicAuth()
	if !ok || len(r.Header.Values("Authorization")) > 1 {
		return nil, fault.New(fault.Unauthorized, "Credentials are needed.")
	}
	u, err := s.authenticate(r.Context(), login, password, basicTTL)
	if err != nil {
		s.RecordRefused(r.Context(), login, "basic", "", err)
	}
	return u, err
}

func (s *Service) require(next http.Handler, deny Deny, who func(*http.Request) (*User, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := who(r)
		var u *User
		if err == nil {
			u, err = s.impersonated(r, caller)
		}
		if err != nil {
			deny(w, r, err)
			return
		}
		// Whoever acts as another is who acts.
		ctx := audit.WithActor(r.Context(), audit.User(caller.ID), caller.Email)
		next.ServeHTTP(w, r.WithContext(NewContext(ctx, u)))
	})
}

// The headers of impersonation, as APS names them.
const (
	actAsHeader     = "activiti-user"
	actAsTypeHeader = "activiti-user-value-type"
)

// impersonated returns whom the caller wants to act as: himself, or, for an
// administrator, the user that the headers name.
func (s *Service) impersonated(r *http.Request, caller *User) (*User, error) {
	values := r.Header.Values(actAsHeader)
	if len(values) == 0 {
		return caller, nil
	}
	if !caller.Admin {
		return nil, fault.New(fault.Forbidden, "Only an administrator may act as another user.")
	}
	if len(values) > 1 {
		return nil, fault.New(fault.Invalid, "The header activiti-user was sent more than once.")
	}
	u, err := s.named(r.Context(), values[0], r.Header.Get(actAsTypeHeader))
	if fault.Is(err, fault.NotFound) || (err == nil && (!u.Active() || !caller.Administers(u.TenantID))) {
		return nil, fault.New(fault.Forbidden, "The user to act as is not an active user here.")
	}
	if err == nil {
		s.cfg.Log.InfoContext(r.Context(), "acting as another user", "administrator", caller.ID, "user", u.ID)
	}
	return u, err
}

func (s *Service) named(ctx context.Context, value, kind string) (*User, error) {
	switch kind {
	case "userIdType":
		id, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fault.New(fault.Invalid, "The header activiti-user must be a number for userIdType.")
		}
		return s.ByID(ctx, id)
	case "userEmailType":
		return s.ByEmail(ctx, value)
	case "userExternalIdType":
		return s.ByExternalID(ctx, value)
	}
	return nil, fault.New(fault.Invalid, "The header activiti-user-value-type must be userIdType, userEmailType or userExternalIdType.")
}
