package identity

import (
	"crypto/subtle"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/internal/fault"
)

// RegisterApp adds the addresses at which clients of APS sign in and out with a
// cookie. deny answers refusals in the API's own form.
func (s *Service) RegisterApp(mux *http.ServeMux, deny Deny) {
	mux.HandleFunc("POST /activiti-app/app/authentication", func(w http.ResponseWriter, r *http.Request) {
		if err := s.signInApp(w, r); err != nil {
			deny(w, r, err)
		}
	})
	mux.HandleFunc("GET /activiti-app/app/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := s.signOutApp(w, r); err != nil {
			deny(w, r, err)
		}
	})
}

// maxSignIn is the largest form of a sign-in.
const maxSignIn = 16 << 10

// signInApp takes j_username and j_password, as APS's page sends them. With
// _spring_security_remember_me the browser keeps the cookie when it is closed.
func (s *Service) signInApp(w http.ResponseWriter, r *http.Request) error {
	if err := s.checkPair(r); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxSignIn)
	var large *http.MaxBytesError
	if err := r.ParseForm(); errors.As(err, &large) {
		return fault.New(fault.TooLarge, "The form is larger than 16 KiB.")
	} else if err != nil {
		return fault.New(fault.Invalid, "The form cannot be read.")
	}
	login := r.PostForm.Get("j_username")
	u, err := s.Authenticate(r.Context(), login, r.PostForm.Get("j_password"))
	if err != nil {
		s.RecordRefused(r.Context(), login, "app", "", err)
		return err
	}
	d := s.appDoor()
	d.keep = r.PostForm.Get("_spring_security_remember_me") == "true"
	if !d.keep {
		d.ttl = min(d.ttl, s.cfg.SessionTTL)
	}
	if err := s.startSession(w, r, u, d); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// signOutApp ends the cookie's session. It is a GET, as in APS, so it looks at where
// the browser says that it comes from: another site's link or image ends nothing.
func (s *Service) signOutApp(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "cors" {
		return fault.New(fault.Forbidden, "Another site cannot sign you out.")
	}
	if err := s.endSession(w, r, s.appDoor()); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// RequireCookie runs a call as the user whose cookie comes along: that of signInApp,
// or of the sign-in page. What changes something needs APS's pair besides.
func (s *Service) RequireCookie(next http.Handler, deny Deny) http.Handler {
	return s.require(next, deny, s.cookieUser)
}

func (s *Service) cookieUser(r *http.Request) (*User, error) {
	for _, d := range []door{s.appDoor(), s.pageDoor()} {
		session, err := s.session(r, d)
		if err != nil {
			return nil, err
		}
		if session == nil {
			continue
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if err := s.checkPair(r); err != nil {
				return nil, err
			}
		}
		return session.User, nil
	}
	return nil, fault.New(fault.Unauthorized, "A sign-in is needed.")
}

// The names of APS's pair: a client makes a value up and sends it both ways, which
// another site's page cannot.
const (
	pairCookie = "CSRF-TOKEN"
	pairHeader = "X-CSRF-TOKEN"
)

// checkPair refuses a request that a page of another site may have made. A program
// that is no browser tells no origin, and is taken without the pair: nobody but
// itself makes it send its cookie.
func (s *Service) checkPair(r *http.Request) error {
	if s.cfg.NoPair || (r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == "") {
		return nil
	}
	c, err := r.Cookie(pairCookie)
	if err == nil && c.Value != "" && subtle.ConstantTimeCompare([]byte(c.Value), []byte(r.Header.Get(pairHeader))) == 1 {
		return nil
	}
	s.cfg.Log.InfoContext(r.Context(), "call refused: the CSRF pair is missing or does not match", "path", r.URL.Path)
	return fault.New(fault.Forbidden, "The header X-CSRF-TOKEN must hold the same as the cookie CSRF-TOKEN.")
}
