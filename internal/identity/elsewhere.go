package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/page"
)

// Elsewhere is another authorization server at which people may sign in, as APS lets
// them: the authorization code grant with PKCE, then the user's name from its userinfo.
type Elsewhere struct {
	// Title is what the login page calls it.
	Title string
	// Issuer must be the "iss" of its answers (RFC 9207 §2.4); empty: it is not looked at.
	Issuer string
	// OAuth are its endpoints and what it knows this server as. Its redirect URI ends
	// with ElsewhereCallback.
	OAuth oauth2.Config
	// Check says for whom an access token of it speaks.
	Check bearer.Validator
}

// ElsewhereCallback is where the other server sends people back to.
const ElsewhereCallback = "/login/elsewhere/callback"

// tripTTL is how long somebody may take to sign in elsewhere, callTimeout how long each
// of the other server's answers may take.
const (
	tripTTL     = 10 * time.Minute
	callTimeout = 3 * time.Second
)

// trip is what the browser that went away keeps until it comes back: nobody else's
// browser has it, so that nobody can make somebody else finish his sign-in.
type trip struct {
	State    string `json:"state"`
	Verifier string `json:"verifier"`
	Next     string `json:"next"`
}

func (s *Service) tripCookie() string {
	if s.cfg.Secure {
		return "__Host-sluice-elsewhere"
	}
	return "sluice-elsewhere"
}

func (s *Service) setTrip(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: s.tripCookie(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true,
		Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode})
}

// leave sends the browser to the other server. Who is signed in here already is here
// because that does not suffice, so that he is to sign in there anew as well.
func (s *Service) leave(w http.ResponseWriter, r *http.Request) {
	session, err := s.Session(r)
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	t := trip{State: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: local(r.URL.Query().Get("next"))}
	text, err := json.Marshal(t)
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(t.Verifier)}
	if session != nil {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	s.setTrip(w, base64.RawURLEncoding.EncodeToString(text), int(tripTTL/time.Second))
	http.Redirect(w, r, s.cfg.Elsewhere.OAuth.AuthCodeURL(t.State, options...), http.StatusSeeOther)
}

// trip is what the browser took along, when state is that of it.
func (s *Service) trip(r *http.Request, state string) (*trip, error) {
	gone := fault.New(fault.Invalid, "This sign-in has expired or began in another browser. Please start again.")
	c, err := r.Cookie(s.tripCookie())
	if err != nil {
		return nil, gone
	}
	text, err := base64.RawURLEncoding.DecodeString(c.Value)
	var t trip
	if err != nil || json.Unmarshal(text, &t) != nil || t.State == "" || subtle.ConstantTimeCompare([]byte(t.State), []byte(state)) != 1 {
		return nil, gone
	}
	return &t, nil
}

// comeBack signs in who comes back from the other server.
func (s *Service) comeBack(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	t, err := s.trip(r, query.Get("state"))
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.setTrip(w, "", -1) // it counts once
	next := local(t.Next)
	u, err := s.vouchedElsewhere(r.Context(), query, t.Verifier)
	if err == nil {
		d := s.pageDoor()
		d.way = elsewhereSignIn
		err = s.startSession(w, r, u, d)
	}
	switch {
	case fault.Is(err, fault.Unauthorized):
		s.cfg.Audit.Try(r.Context(), audit.Event{Name: "sign_in", Outcome: audit.Failure, Details: audit.Details{"by": elsewhereSignIn.by}})
		s.pages.Write(w, r, http.StatusOK, s.loginView(r, page.Login{Next: next, Message: fault.Message(err)}))
	case err != nil:
		s.pages.Fault(w, r, err)
	default:
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

// vouchedElsewhere is the user for whom the other server has answered. What it answers
// is never shown.
func (s *Service) vouchedElsewhere(ctx context.Context, query url.Values, verifier string) (*User, error) {
	refused := fault.New(fault.Unauthorized, "The other server did not sign you in. Please try again.")
	if issuer := s.cfg.Elsewhere.Issuer; issuer != "" && query.Get("iss") != issuer {
		return nil, refused
	}
	if query.Get("error") != "" || query.Get("code") == "" {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, elsewhereClient), 2*callTimeout)
	defer cancel()
	token, err := s.cfg.Elsewhere.OAuth.Exchange(ctx, query.Get("code"), oauth2.VerifierOption(verifier))
	var told *oauth2.RetrieveError
	switch {
	case errors.As(err, &told) && told.ErrorCode == "invalid_grant":
		return nil, refused
	case err != nil:
		return nil, s.cannotKnow(ctx, "the code", err)
	}
	about, err := s.cfg.Elsewhere.Check.Validate(ctx, token.AccessToken)
	switch {
	case errors.Is(err, bearer.ErrInvalid):
		return nil, refused
	case err != nil:
		return nil, s.cannotKnow(ctx, "userinfo", err)
	}
	return s.ofElsewhere(ctx, about)
}

// cannotKnow logs what went wrong at the other server, as far as it holds no secret.
func (s *Service) cannotKnow(ctx context.Context, what string, err error) error {
	var told *oauth2.RetrieveError
	reason := err.Error()
	if errors.As(err, &told) {
		reason = told.ErrorCode // its text repeats the answer
		if told.Response != nil {
			reason = told.Response.Status + " " + reason
		}
	}
	s.cfg.Log.ErrorContext(ctx, "sign-in elsewhere", "asking_for", what, "error", reason)
	return fault.New(fault.Unavailable, "The other server does not answer now. Please try again in a moment.")
}

// ofElsewhere is the active user here whom the other server names.
func (s *Service) ofElsewhere(ctx context.Context, about *bearer.Token) (*User, error) {
	nobody := fault.New(fault.Forbidden, "You are signed in at the other server, but you have no active account here.")
	if about.Username == "" {
		return nil, nobody
	}
	u, err := s.OfToken(ctx, &bearer.Token{Username: about.Username, Issuer: about.Issuer, Claims: about.Claims})
	if fault.Is(err, fault.NotFound) || (err == nil && !u.Active()) {
		s.cfg.Audit.Try(ctx, audit.Event{Name: "sign_in", Outcome: audit.Failure, Details: audit.Details{"by": elsewhereSignIn.by, "reason": "no active user here"}})
		return nil, nobody
	}
	return u, err
}

// elsewhereClient follows no redirect: an access token's endpoint that moves is not the
// one that the operator has named.
var elsewhereClient = &http.Client{
	Timeout:       callTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// loginView adds to the login page what is the same whatever happened before.
func (s *Service) loginView(r *http.Request, v page.Login) page.Login {
	v.Client, v.Email = s.purpose(r, v.Next), cut(v.Email, maxText)
	if s.cfg.Elsewhere != nil {
		v.Elsewhere, v.ElsewhereURL = s.cfg.Elsewhere.Title, "/login/elsewhere?"+url.Values{"next": {v.Next}}.Encode()
	}
	return v
}
