package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/page"
)

// send takes the browser back to the client with the answer, in the way that
// was asked for, with state and iss (RFC 9207 §2).
func (s *Service) send(w http.ResponseWriter, r *http.Request, req *request, values url.Values) {
	if req.State != "" {
		values.Set("state", req.State)
	}
	values.Set("iss", s.cfg.Issuer)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	w.Header().Set("Referrer-Policy", "no-referrer")
	switch req.ResponseMode {
	case "form_post":
		s.pages.Write(w, page.WithLocales(r, req.Locales), http.StatusOK, page.FormPost{Action: req.RedirectURI, Fields: fields(values)})
	case "fragment":
		w.Header().Set("Location", req.RedirectURI+"#"+values.Encode())
		w.WriteHeader(http.StatusSeeOther)
	default:
		w.Header().Set("Location", withQuery(req.RedirectURI, values))
		w.WriteHeader(http.StatusSeeOther)
	}
}

// withQuery adds the answer to a redirect URI, before its fragment, and leaves its
// own bytes alone.
func withQuery(uri string, values url.Values) string {
	if address, fragment, has := strings.Cut(uri, "#"); has {
		return withQuery(address, values) + "#" + fragment
	}
	switch {
	case !strings.Contains(uri, "?"):
		return uri + "?" + values.Encode()
	case strings.HasSuffix(uri, "?") || strings.HasSuffix(uri, "&"):
		return uri + values.Encode()
	default:
		return uri + "&" + values.Encode()
	}
}

func fields(values url.Values) []page.Field {
	var list []page.Field
	for _, name := range []string{"code", "access_token", "token_type", "expires_in", "scope", "id_token", "session_state", "state", "iss", "error", "error_description"} {
		if values.Has(name) {
			list = append(list, page.Field{Name: name, Value: values.Get(name)})
		}
	}
	return list
}

// sendError tells the client by redirect (RFC 6749 §4.1.2.1); req's address has
// been checked.
func (s *Service) sendError(w http.ResponseWriter, r *http.Request, req *request, err error) {
	if req.Device != nil { // there is no application to go back to
		s.showError(w, r, err)
		return
	}
	f := failure(err)
	if f.status >= http.StatusInternalServerError {
		s.cfg.Log.ErrorContext(r.Context(), "authorization failed", "client", req.ClientID, "code", f.Code, "error", err)
	} else {
		s.cfg.Log.InfoContext(r.Context(), "authorization refused", "client", req.ClientID, "code", f.Code, "reason", f.Description)
	}
	s.send(w, r, req, url.Values{"error": {f.Code}, "error_description": {f.told()}})
}

// showError tells the user, because there is no address to trust.
func (s *Service) showError(w http.ResponseWriter, r *http.Request, err error) {
	f := failure(err)
	status := f.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	level := s.cfg.Log.InfoContext
	if status >= http.StatusInternalServerError {
		level = s.cfg.Log.ErrorContext
	}
	level(r.Context(), "authorization refused on a page", "code", f.Code, "error", err)
	s.pages.Write(w, r, status, page.Error{Status: status, Title: "This sign-in link does not work",
		Message: "The application sent you here with a request that cannot be answered. Please tell the people who run it what is written here:",
		Detail:  f.Code + ": " + f.Description})
}

func (i *issue) expiresIn() string { return strconv.FormatInt(i.answer.ExpiresIn, 10) }

// sessionState is opaque to clients (OpenID Connect Session Management §3); js-api
// refuses an implicit answer without it.
func sessionState(v *visit) string {
	salt := newSecret("")[:16]
	origin := v.request.RedirectURI
	if u, err := url.Parse(origin); err == nil {
		origin = u.Scheme + "://" + u.Host
	}
	sum := sha256.Sum256([]byte(v.client.ID + " " + origin + " " + v.session.State() + " " + salt))
	return base64.RawURLEncoding.EncodeToString(sum[:]) + "." + salt
}
