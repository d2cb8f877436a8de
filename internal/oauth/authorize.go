package oauth

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store"
)

// authorize is the endpoint of RFC 6749 §3.1. It checks the request and goes on
// to whatever the user has to do first.
func (s *Service) authorize(w http.ResponseWriter, r *http.Request) {
	f, twice, err := authorizeForm(r)
	if err != nil {
		s.showError(w, r, err)
		return
	}
	if slices.Contains(twice, "client_id") || slices.Contains(twice, "redirect_uri") {
		s.showError(w, r, invalidRequest("client_id or redirect_uri was sent more than once"))
		return
	}
	client, err := s.authorizeClient(r.Context(), f["client_id"])
	if err != nil {
		s.showError(w, r, err)
		return
	}
	a := &asking{Form: f, twice: twice}
	if err := s.unfold(r.Context(), client, a); err != nil {
		s.refuseFolded(w, r, client, a, err)
		return
	}
	req, err := client.beginRequest(a, s.cfg.Audience, s.now())
	if err != nil {
		s.showError(w, r, err)
		return
	}
	if err := req.complete(client, a); err != nil {
		s.sendError(w, r, req, err)
		return
	}
	s.dispatch(w, r, &visit{client: client, request: req})
}

// refuseFolded tells that a request object or a pushed request is not accepted: to
// the client when what stands beside it says where to, else to the user.
func (s *Service) refuseFolded(w http.ResponseWriter, r *http.Request, c *Client, a *asking, err error) {
	req, noAddress := c.beginRequest(a, s.cfg.Audience, s.now())
	if noAddress != nil || (a.Form["redirect_uri"] == "" && a.Form["response_type"] == "") {
		s.showError(w, r, err)
		return
	}
	s.sendError(w, r, req, err)
}

// authorizeForm reads the query, or the body of a POST.
func authorizeForm(r *http.Request) (form, []string, error) {
	encoded := r.URL.RawQuery
	if r.Method == http.MethodPost {
		body, err := readBody(r)
		if err != nil {
			return nil, nil, err
		}
		encoded = strings.Trim(encoded+"&"+body, "&")
	}
	return parseForm(encoded)
}

func (s *Service) authorizeClient(ctx context.Context, id string) (*Client, error) {
	if id == "" {
		return nil, invalidRequest("client_id is missing")
	}
	c, err := s.Client(ctx, id)
	if fault.Is(err, fault.NotFound) || (err == nil && c.Disabled) {
		return nil, invalidRequest("no application is registered under this client_id, or it is disabled")
	}
	return c, err
}

// visit is a browser on its way through sign-in and consent.
type visit struct {
	client  *Client
	request *request
	id      string // of the stored request; empty while it is not stored
	session *identity.Session
	agreed  bool // the user has said yes to this very request
}

// dispatch is the one place that decides what comes next: sign in, consent, or
// the answer. Login and consent know nothing of each other; both come back here.
func (s *Service) dispatch(w http.ResponseWriter, r *http.Request, v *visit) {
	session, err := s.users.Session(r)
	if err != nil {
		s.sendError(w, r, v.request, err)
		return
	}
	if !v.request.suits(session) {
		s.needLogin(w, r, v)
		return
	}
	if v.session = session; v.mustAsk() {
		s.needConsent(w, r, v)
		return
	}
	s.answer(w, r, v)
}

func (s *Service) needLogin(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.request.prompts("none") {
		s.sendError(w, r, v.request, &Failure{Code: "login_required", Description: "the user is not signed in"})
		return
	}
	if err := s.keep(w, r, v); err != nil {
		s.sendError(w, r, v.request, err)
		return
	}
	http.Redirect(w, r, s.users.LoginURL(v.address(), v.request.Hint, v.request.Locales), http.StatusSeeOther)
}

func (s *Service) needConsent(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.request.prompts("none") {
		s.sendError(w, r, v.request, &Failure{Code: "consent_required", Description: "the user has not agreed yet"})
		return
	}
	if err := s.keep(w, r, v); err != nil {
		s.sendError(w, r, v.request, err)
		return
	}
	view, err := s.question(v)
	if err != nil {
		s.sendError(w, r, v.request, err)
		return
	}
	s.pages.Write(w, page.WithLocales(r, v.request.Locales), http.StatusOK, view)
}

// question puts into words what the user is asked.
func (s *Service) question(v *visit) (view page.Consent, err error) {
	view = page.Consent{Client: v.client.Title(), ClientID: v.client.ID, User: v.session.User.FullName(), Email: v.session.User.Email,
		Request: v.id, UserCode: v.request.UserCode, Switch: s.users.LoginURL(v.address(), "", v.request.Locales), PolicyURI: v.client.PolicyURI, TermsURI: v.client.TermsURI}
	if u, err := url.Parse(v.request.RedirectURI); err == nil {
		view.RedirectHost = u.Host
		if u.Host == "" {
			view.RedirectHost = u.Scheme + ":"
		}
	}
	for _, scope := range v.request.Scope {
		view.Scopes = append(view.Scopes, page.ScopeText{Name: scope, Text: textOf(scope), Own: s.cfg.ScopeTexts[scope]})
	}
	view.Resources = slices.DeleteFunc(slices.Clone(v.request.Resources), func(r string) bool { return r == s.cfg.Audience })
	view.Details, err = detailTexts(v.request.Details)
	return view, err
}

// address is where login sends the browser back to.
func (v *visit) address() string {
	return "/oauth/authorize/continue?" + url.Values{"request": {v.id}}.Encode()
}

// browserCookie binds a stored request to the browser that began it: without it
// an attacker could have a victim finish the attacker's request, or the other
// way round.
func (s *Service) browserCookie() string {
	if s.cfg.Secure {
		return "__Host-sluice-browser"
	}
	return "sluice-browser"
}

// keep stores the request once.
func (s *Service) keep(w http.ResponseWriter, r *http.Request, v *visit) error {
	if v.id != "" {
		return nil
	}
	browser := s.browser(w, r)
	v.id = newSecret("")
	text, err := json.Marshal(v.request)
	if err != nil {
		return err
	}
	_, err = s.db.Exec(r.Context(), `INSERT INTO authorization_requests (hash, browser, client_id, parameters, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, hash(v.id), hash(browser), v.client.ID, string(text),
		store.Millis(v.request.Begun), store.Millis(v.request.Begun.Add(s.cfg.RequestTTL)))
	return err
}

// browser returns the browser's cookie and sets it when it has none.
func (s *Service) browser(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(s.browserCookie()); err == nil && len(c.Value) == len(newSecret("")) {
		return c.Value
	}
	value := newSecret("")
	http.SetCookie(w, &http.Cookie{Name: s.browserCookie(), Value: value, Path: "/", HttpOnly: true,
		Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode})
	return value
}

// recall reads a stored request back for the browser that began it.
func (s *Service) recall(r *http.Request, id string) (*visit, error) {
	gone := fault.New(fault.NotFound, "This sign-in has expired, is finished, or began in another browser. Go back to the application and start again.")
	var browser []byte
	var text string
	err := s.db.QueryRow(r.Context(), []any{&browser, &text},
		`SELECT browser, parameters FROM authorization_requests WHERE hash = $1 AND expires_at > $2`, hash(id), store.Millis(s.now()))
	if errors.Is(err, store.ErrNoRow) {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	c, err := r.Cookie(s.browserCookie())
	if err != nil || subtle.ConstantTimeCompare(hash(c.Value), browser) != 1 {
		return nil, gone
	}
	v := &visit{id: id, request: &request{}}
	if err := json.Unmarshal([]byte(text), v.request); err != nil {
		return nil, err
	}
	if v.client, err = s.Client(r.Context(), v.request.ClientID); err == nil && v.client.Disabled {
		return nil, gone
	}
	return v, err
}

// resume is where login comes back to.
func (s *Service) resume(w http.ResponseWriter, r *http.Request) {
	v, err := s.recall(r, r.URL.Query().Get("request"))
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.dispatch(w, r, v)
}

// consent takes the user's answer. Only the stored request counts: the form
// says nothing but which one and yes or no.
func (s *Service) consent(w http.ResponseWriter, r *http.Request) {
	v, err := s.recall(r, r.PostFormValue("request"))
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	v.session, err = s.users.Session(r)
	if err != nil {
		s.sendError(w, r, v.request, err)
		return
	}
	if !v.request.suits(v.session) {
		s.needLogin(w, r, v)
		return
	}
	if r.PostFormValue("decision") != "allow" {
		if v.request.Device != nil {
			s.denyDevice(w, r, v)
			return
		}
		s.forget(r.Context(), v)
		s.cfg.Audit.Try(r.Context(), v.personDid("consent.give", audit.Denied))
		s.sendError(w, r, v.request, &Failure{Code: "access_denied", Description: "the user said no"})
		return
	}
	if v.request.Device != nil {
		s.allowDevice(w, r, v)
		return
	}
	v.agreed = true
	s.answer(w, r, v)
}

// forget drops a stored request; one that stays expires by itself.
func (s *Service) forget(ctx context.Context, v *visit) {
	if v.id == "" {
		return
	}
	if _, err := s.db.Exec(ctx, `DELETE FROM authorization_requests WHERE hash = $1`, hash(v.id)); err != nil {
		s.cfg.Log.WarnContext(ctx, "dropping an authorization request", "error", err)
	}
}

// answer issues what was asked for and sends the browser back with it.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, v *visit) {
	values, err := s.issueAnswer(r.Context(), v)
	switch {
	case errors.Is(err, errNotAgreed):
		s.needConsent(w, r, v)
		return
	case fault.Is(err, fault.Conflict):
		s.pages.Fault(w, r, err)
		return
	case err != nil:
		s.sendError(w, r, v.request, err)
		return
	}
	s.cfg.Log.InfoContext(r.Context(), "authorization granted", "client", v.client.ID, "user", v.session.User.ID,
		"response_type", strings.Join(v.request.ResponseType, " "))
	s.send(w, r, v.request, values)
}

// finished is what a second answer to one stored request gives.
func finished() error {
	return fault.New(fault.Conflict, "This sign-in is finished already. Go back to the application and start again.")
}

func (s *Service) issueAnswer(ctx context.Context, v *visit) (url.Values, error) {
	req, now := v.request, s.now()
	kind := Implicit
	if slices.Contains(req.ResponseType, "code") {
		kind = AuthorizationCode
	}
	g, err := newSignIn(v.client, v.session.User, kind, req.Scope, now)
	if err != nil {
		return nil, err
	}
	g.nonce, g.authTime, g.session = req.Nonce, v.session.AuthTime, v.session.State()
	g.context = grantContext{ACR: acrOf(v.session), AMR: v.session.AMR, Claims: req.Claims, Resources: req.Resources, Details: req.Details, Key: req.Key}
	values := url.Values{}
	var inserts []func(*store.Tx) error
	if kind == AuthorizationCode {
		inserts = append(inserts, s.code(ctx, v, g, values, now))
	}
	if len(req.ResponseType) > 1 || kind == Implicit {
		insert, err := s.implicit(ctx, v, g, values, now)
		if err != nil {
			return nil, err
		}
		inserts = append(inserts, insert)
	}
	if slices.Contains(req.Scope, openid) {
		values.Set("session_state", sessionState(v))
	}
	return values, s.db.Write(ctx, func(tx *store.Tx) error {
		if err := v.finish(ctx, tx); err != nil {
			return err
		}
		if err := s.agree(ctx, tx, v); err != nil {
			return err
		}
		if err := g.insert(ctx, tx); err != nil {
			return err
		}
		if err := s.recordGrant(ctx, tx, v, g); err != nil {
			return err
		}
		for _, insert := range inserts {
			if err := insert(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// finish takes the request away: one that is stored, pushed or signed gives one
// answer.
func (v *visit) finish(ctx context.Context, tx *store.Tx) error {
	if v.id != "" {
		err := tx.Later(ctx, store.Statement{Query: `DELETE FROM authorization_requests WHERE hash = $1`, Args: []any{hash(v.id)}}, func(rows int64) error {
			if rows == 0 {
				return finished()
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return useOnce(ctx, tx, v.request.Once)
}

// code puts an authorization code into values and returns what keeps it.
func (s *Service) code(ctx context.Context, v *visit, g *signIn, values url.Values, now time.Time) func(*store.Tx) error {
	secret := newSecret(codePrefix)
	values.Set("code", secret)
	return func(tx *store.Tx) error {
		return tx.Later(ctx, store.Statement{Query: `INSERT INTO codes (hash, grant_id, redirect_uri, code_challenge, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			Args: []any{hash(secret), g.id, v.request.SentURI, v.request.Challenge, store.Millis(now.Add(s.cfg.CodeTTL))}}, nil)
	}
}

// implicit is RFC 6749 §4.2 and OpenID Connect Core §3.2 and §3.3: the tokens
// themselves, never a refresh token. It puts them into values and returns what
// keeps them.
func (s *Service) implicit(ctx context.Context, v *visit, g *signIn, values url.Values, now time.Time) (func(*store.Tx) error, error) {
	i, err := s.newTokens(&call{client: v.client, form: form{}, now: now}, g, v.session.User, g.scope)
	if err != nil {
		return nil, err
	}
	insert := func(*store.Tx) error { return nil }
	if slices.Contains(v.request.ResponseType, "token") {
		values.Set("access_token", i.answer.AccessToken)
		values.Set("token_type", i.answer.TokenType)
		values.Set("expires_in", i.expiresIn())
		values.Set("scope", i.answer.Scope)
		insert = func(tx *store.Tx) error { return i.insert(ctx, tx) }
	}
	if slices.Contains(v.request.ResponseType, "id_token") {
		idToken, err := s.idToken(i, v.session.User, halves{access: values.Get("access_token"), code: values.Get("code"), state: v.request.State})
		if err != nil {
			return nil, err
		}
		values.Set("id_token", idToken)
	}
	return insert, nil
}

// Purpose names the application that a sign-in at the given address is for, or
// nothing when the address is no stored request's.
func (s *Service) Purpose(ctx context.Context, next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Path != "/oauth/authorize/continue" {
		return ""
	}
	var c Client
	err = s.db.QueryRow(ctx, c.columns(), `SELECT `+clientColumns+` FROM clients WHERE id =
		(SELECT client_id FROM authorization_requests WHERE hash = $1)`, hash(u.Query().Get("request")))
	if err != nil {
		return ""
	}
	return c.Title()
}
