package identity

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/page"
)

// Register adds the pages to mux, which stands behind page.Protect.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /login", s.showLogin)
	mux.HandleFunc("POST /login", s.login)
	if s.cfg.Elsewhere != nil {
		mux.HandleFunc("GET /login/elsewhere", s.leave)
		mux.HandleFunc("GET "+ElsewhereCallback, s.comeBack)
	}
	mux.HandleFunc("GET /logout", s.showLogout)
	mux.HandleFunc("POST /logout", s.logout)
}

// LoginURL is the address of the login page that comes back to next. hint is the
// login that is filled in already, locales the ui_locales of the request; both may
// be empty.
func (s *Service) LoginURL(next, hint, locales string) string {
	query := url.Values{"next": {next}}
	if hint != "" {
		query.Set("login_hint", cut(hint, maxText))
	}
	if locales != "" {
		query.Set("ui_locales", cut(locales, maxText))
	}
	return "/login?" + query.Encode()
}

// local returns next when it is an address on this server, and "/" when not: the
// login page must not send people elsewhere.
func local(next string) string {
	if len(next) < 1 || next[0] != '/' || strings.HasPrefix(next, "//") || len(next) > 2000 ||
		strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return "/"
	}
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return next
}

func (s *Service) showLogin(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	s.pages.Write(w, r, http.StatusOK, s.loginView(r, page.Login{Next: next, Email: r.URL.Query().Get("login_hint")}))
}

func (s *Service) purpose(r *http.Request, next string) string {
	if s.cfg.Purpose == nil {
		return ""
	}
	return s.cfg.Purpose(r.Context(), next)
}

// login answers a wrong password with 200 and the form again, as forms on the web
// do; 401 would need a challenge that browsers show as a dialogue of their own.
func (s *Service) login(w http.ResponseWriter, r *http.Request) {
	next := local(r.PostFormValue("next"))
	email := r.PostFormValue("email")
	u, err := s.Authenticate(r.Context(), email, r.PostFormValue("password"))
	if err != nil {
		s.RecordRefused(r.Context(), email, "page", "", err)
	} else {
		err = s.StartSession(w, r, u)
	}
	switch {
	case fault.Is(err, fault.Unauthorized):
		s.pages.Write(w, r, http.StatusOK, s.loginView(r, page.Login{Next: next, Email: email, Message: "The e-mail address or the password is wrong. Please try again."}))
	case fault.Is(err, fault.TooMany):
		s.pages.Slow(w, r, err, s.loginView(r, page.Login{Next: next, Email: email, Message: fault.Message(err)}))
	case err != nil:
		s.pages.Fault(w, r, err)
	default:
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

func (s *Service) showLogout(w http.ResponseWriter, r *http.Request) {
	session, err := s.Session(r)
	switch {
	case err != nil:
		s.pages.Fault(w, r, err)
	case session == nil:
		s.pages.Write(w, r, http.StatusOK, page.LoggedOut{})
	default:
		s.pages.Write(w, r, http.StatusOK, page.LogoutConfirm{Email: session.User.Email, Action: "/logout", Next: local(r.URL.Query().Get("next"))})
	}
}

func (s *Service) logout(w http.ResponseWriter, r *http.Request) {
	frames, err := s.LogoutFrames(r)
	if err == nil {
		err = s.EndSession(w, r)
	}
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.pages.Write(w, r, http.StatusOK, page.LoggedOut{Frames: frames})
}
