package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/page"
)

// logoutMetadata is what RP-Initiated Logout §2.1 and Back-Channel Logout §2.1 add
// to the metadata.
type logoutMetadata struct {
	EndSession         string   `json:"end_session_endpoint"`
	Backchannel        bool     `json:"backchannel_logout_supported"`
	BackchannelSession bool     `json:"backchannel_logout_session_supported"`
	Frontchannel       bool     `json:"frontchannel_logout_supported"`
	FrontchannelSID    bool     `json:"frontchannel_logout_session_supported"`
	Locales            []string `json:"ui_locales_supported"`
}

func newLogoutMetadata(base string) logoutMetadata {
	return logoutMetadata{EndSession: base + logoutPath, Backchannel: true, BackchannelSession: true, Frontchannel: true, FrontchannelSID: true, Locales: page.Languages}
}

const (
	logoutPath        = "/oauth/logout"
	logoutConfirmPath = "/oauth/logout/confirm"
)

// logout is a request to end the browser's session (OpenID Connect RP-Initiated
// Logout §2), checked.
type logout struct {
	client     *Client // nil: nobody knows who asks
	uri, state string  // where to go afterwards; empty: nowhere
	hint       *hint   // nil: none, or none that can be believed
}

// hint is what an id_token says of the session that is to end.
type hint struct {
	Audience jwt.Audience `json:"aud"`
	Issuer   string       `json:"iss"`
	Party    string       `json:"azp"`
	Subject  string       `json:"sub"`
	Session  string       `json:"sid"`
}

// endSession is the endpoint of RP-Initiated Logout. It ends the session at once
// when an id_token shows that the application speaks of this very session; else
// the user is asked, because any site can send a browser here.
func (s *Service) endSession(w http.ResponseWriter, r *http.Request) {
	f, twice, err := authorizeForm(r)
	if err == nil && len(twice) > 0 {
		err = invalidRequest("a parameter was sent more than once")
	}
	var l *logout
	if err == nil {
		l, err = s.readLogout(r.Context(), f)
	}
	if err != nil {
		s.showLogoutError(w, r, err)
		return
	}
	session, err := s.users.Session(r)
	switch {
	case err != nil:
		s.pages.Fault(w, r, err)
	case session == nil && r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") != "same-origin":
		// A form of another site comes without our cookie (SameSite=Lax); the same
		// request as a link brings it.
		again := url.Values{}
		for name, value := range f {
			again.Set(name, value)
		}
		http.Redirect(w, r, logoutPath+"?"+again.Encode(), http.StatusSeeOther)
	case session == nil:
		s.finishLogout(w, r, l)
	case !l.hint.speaksOf(session):
		s.pages.Write(w, r, http.StatusOK, l.question(session))
	default:
		s.endThenFinish(w, r, l)
	}
}

// readLogout checks the parameters. Only an address that the client has registered
// is ever gone to.
func (s *Service) readLogout(ctx context.Context, f form) (*logout, error) {
	l := &logout{hint: s.readHint(f["id_token_hint"])}
	id := f["client_id"]
	if l.hint != nil {
		if id != "" && id != l.hint.client() {
			return nil, invalidRequest("client_id is not whom id_token_hint was issued to")
		}
		id = l.hint.client()
	}
	if id != "" {
		client, err := s.Client(ctx, id)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
		if err == nil && !client.Disabled {
			l.client = client
		}
	}
	l.uri = f["post_logout_redirect_uri"]
	if l.uri == "" && s.cfg.LogoutRedirectURI {
		l.uri = f["redirect_uri"]
	}
	if l.uri == "" {
		return l, nil
	}
	if len(f["state"]) > maxState {
		return nil, invalidRequest("state may have 2000 bytes at most")
	}
	l.state = f["state"]
	if l.client == nil {
		return nil, invalidRequest("post_logout_redirect_uri needs an id_token_hint of ours or the client_id of a registered client")
	}
	if !listed(l.client.PostLogoutRedirectURIs, l.uri) {
		return nil, invalidRequest("post_logout_redirect_uri is not one that the client has registered")
	}
	return l, nil
}

// readHint returns what an id_token of ours says, be it expired or signed by a
// retired key (§2: the OP should accept it). Any other text gives nil.
func (s *Service) readHint(token string) *hint {
	if token == "" {
		return nil
	}
	claims, err := s.keys.verify(token, typeID)
	if err != nil {
		return nil
	}
	var h hint
	if json.Unmarshal(claims, &h) != nil || h.Issuer != s.cfg.Issuer || h.Subject == "" || h.client() == "" {
		return nil
	}
	return &h
}

// client is whom the id_token was issued to.
func (h *hint) client() string {
	if h.Party != "" {
		return h.Party
	}
	if len(h.Audience) == 1 {
		return h.Audience[0]
	}
	return ""
}

// speaksOf reports whether the id_token is of the browser's session: of its user,
// and of no other session of his.
func (h *hint) speaksOf(session *identity.Session) bool {
	return h != nil && h.Subject == subject(session.User.ID, "") && h.Session == session.State()
}

// question asks the user. The form says again what was checked, and it is checked
// again when it comes back.
func (l *logout) question(session *identity.Session) page.LogoutConfirm {
	view := page.LogoutConfirm{Email: session.User.Email, Action: logoutConfirmPath, Next: "/"}
	if l.client != nil {
		view.Client = l.client.Title()
		view.Fields = append(view.Fields, page.Field{Name: "client_id", Value: l.client.ID})
	}
	if l.uri != "" {
		view.Fields = append(view.Fields, page.Field{Name: "post_logout_redirect_uri", Value: l.uri}, page.Field{Name: "state", Value: l.state})
	}
	return view
}

// confirmLogout takes the user's yes; the form's own token proves that it is his.
func (s *Service) confirmLogout(w http.ResponseWriter, r *http.Request) {
	f := form{}
	for _, name := range []string{"client_id", "post_logout_redirect_uri", "state"} {
		f[name] = r.PostFormValue(name)
	}
	l, err := s.readLogout(r.Context(), f)
	if err != nil {
		s.showLogoutError(w, r, err)
		return
	}
	s.endThenFinish(w, r, l)
}

// endThenFinish ends the session. What its clients are to be framed for is read before.
func (s *Service) endThenFinish(w http.ResponseWriter, r *http.Request, l *logout) {
	frames, err := s.users.LogoutFrames(r)
	if err == nil {
		err = s.users.EndSession(w, r)
	}
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.finishLogout(w, r, l, frames...)
}

// finishLogout sends the browser on (§3), or says that the user is signed out. Where
// applications are framed, the page comes first and goes on by itself.
func (s *Service) finishLogout(w http.ResponseWriter, r *http.Request, l *logout, frames ...string) {
	target := l.uri
	if l.state != "" {
		target = withQuery(target, url.Values{"state": {l.state}})
	}
	if l.uri == "" || (len(frames) > 0 && webAddress(target)) { // no page links to a program's own scheme
		view := page.LoggedOut{Frames: frames, Next: target}
		if l.client != nil {
			view.Client, view.ClientURI = l.client.Title(), l.client.ClientURI
		}
		s.pages.Write(w, r, http.StatusOK, view)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
}

// showLogoutError tells the user, who can still sign out by himself.
func (s *Service) showLogoutError(w http.ResponseWriter, r *http.Request, err error) {
	f := failure(err)
	if f.status != 0 {
		s.pages.Fault(w, r, err)
		return
	}
	s.cfg.Log.InfoContext(r.Context(), "logout refused on a page", "code", f.Code, "reason", f.Description)
	s.pages.Write(w, r, http.StatusBadRequest, page.Error{Status: http.StatusBadRequest, Title: "This sign-out link does not work",
		Message: "The application sent you here with a request that cannot be followed, so nobody was signed out. You can do that here yourself.",
		Detail:  f.Code + ": " + f.Description, Link: page.Link{Href: "/logout", Text: "Sign out"}})
}
