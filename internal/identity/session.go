package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
)

// Session is a browser that a user signed in with.
type Session struct {
	User     *User
	AuthTime time.Time

	// AMR is how the user was recognised (RFC 8176); empty: another server has done it,
	// and did not say.
	AMR []string

	hash []byte
	id   string
}

// A signInWay is how somebody signed in: what his session says of it, and the record.
type signInWay struct{ amr, by string }

var (
	passwordSignIn  = signInWay{amr: "pwd", by: "page"}
	elsewhereSignIn = signInWay{by: "elsewhere"}
	appSignIn       = signInWay{amr: "pwd", by: "app"}
)

// State is the session's public id. It tells nothing about its cookie, and stays
// when the same user signs in again in the same browser.
func (s *Session) State() string { return publicID(s.id, s.hash) }

// publicBytes is how much of a hash an old session's public id tells.
const publicBytes = 12

// publicID is what is stored, or, for a session older than that, what follows from
// its hash.
func publicID(stored string, hash []byte) string {
	if stored != "" {
		return stored
	}
	return base64.RawURLEncoding.EncodeToString(hash[:publicBytes])
}

// EndedSession is a session that was ended before its time: by signing out, by
// another user's signing in, with the user's password or with the user.
type EndedSession struct {
	ID     string // its State
	UserID int64
}

// door is a way in that has a cookie of its own, which opens nothing else.
type door struct {
	kind, cookie, path string
	ttl                time.Duration
	keep               bool // by the browser, when it is closed
	way                signInWay
}

// pageDoor is the sign-in page's.
func (s *Service) pageDoor() door {
	d := door{kind: "page", cookie: "sluice-session", path: "/", ttl: s.cfg.SessionTTL, keep: true, way: passwordSignIn}
	if s.cfg.Secure {
		d.cookie = "__Host-sluice-session"
	}
	return d
}

// appDoor is that of APS's clients, which know the cookie by this name.
func (s *Service) appDoor() door {
	return door{kind: "app", cookie: "ACTIVITI_REMEMBER_ME", path: "/activiti-app", ttl: s.cfg.RememberTTL, way: appSignIn}
}

func digest(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// Session returns the session of the request's cookie while it and its user
// stand, or nil. An error means that it could not be looked up.
func (s *Service) Session(r *http.Request) (*Session, error) { return s.session(r, s.pageDoor()) }

func (s *Service) session(r *http.Request, d door) (*Session, error) {
	c, err := r.Cookie(d.cookie)
	if err != nil || c.Value == "" {
		return nil, nil
	}
	session := &Session{User: &User{}, hash: digest(c.Value)}
	var amr string
	dest := append(session.User.Columns(), store.Time(&session.AuthTime), &session.id, &amr)
	err = s.db.QueryRow(r.Context(), dest, `SELECT `+UserColumns+`, s.auth_at, s.sid, s.amr FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.hash = $1 AND s.expires_at > $2 AND s.kind = $3`, session.hash, store.Millis(s.cfg.Now()), d.kind)
	if errors.Is(err, store.ErrNoRow) || (err == nil && !session.User.Active()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	session.AMR = strings.Fields(amr)
	return session, nil
}

// StartSession signs the browser in by a password that was checked.
func (s *Service) StartSession(w http.ResponseWriter, r *http.Request, u *User) error {
	return s.startSession(w, r, u, s.pageDoor())
}

// startSession signs the browser in under a new cookie and ends the session it
// had; the public id stays when that was the same user's.
func (s *Service) startSession(w http.ResponseWriter, r *http.Request, u *User, d door) error {
	value := rand.Text() + rand.Text()
	now := s.cfg.Now()
	err := s.db.Write(r.Context(), func(tx *store.Tx) error {
		id, err := s.replaceSession(r, tx, u, d)
		if err != nil {
			return err
		}
		_, err = tx.Exec(r.Context(), `INSERT INTO sessions (hash, sid, user_id, auth_at, amr, address, agent, expires_at, kind)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, digest(value), id, u.ID, store.Millis(now), d.way.amr, origin.Text(r.Context()),
			cut(r.UserAgent(), maxText), store.Millis(now.Add(d.ttl)), d.kind)
		if err != nil {
			return err
		}
		return s.cfg.Audit.Write(r.Context(), tx, audit.Event{Name: "sign_in", Actor: audit.User(u.ID), ActorName: u.Email, Details: audit.Details{"by": d.way.by}})
	})
	if err != nil {
		return err
	}
	maxAge := 0
	if d.keep {
		maxAge = int(d.ttl / time.Second)
	}
	s.setCookie(w, d, value, maxAge)
	s.cfg.Log.InfoContext(r.Context(), "signed in", "user", u.ID)
	return nil
}

func (s *Service) setCookie(w http.ResponseWriter, d door, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: d.cookie, Value: value, Path: d.path, MaxAge: maxAge, HttpOnly: true,
		Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode})
}

// replaceSession drops the session that the browser had and returns the public id
// of the new one.
func (s *Service) replaceSession(r *http.Request, tx *store.Tx, u *User, d door) (id string, err error) {
	var had []EndedSession
	if c, err := r.Cookie(d.cookie); err == nil {
		if had, err = dropSessions(r.Context(), tx, `hash = $1 AND kind = $2`, digest(c.Value), d.kind); err != nil {
			return "", err
		}
	}
	for _, old := range had {
		if old.UserID == u.ID {
			return old.ID, nil
		}
	}
	if err := s.recordEnded(r.Context(), tx, "session.end", had, audit.Details{"reason": "somebody else signed in"}); err != nil {
		return "", err
	}
	return rand.Text(), s.ended(r.Context(), tx, had)
}

// dropSessions deletes sessions and returns which.
func dropSessions(ctx context.Context, tx *store.Tx, where string, args ...any) ([]EndedSession, error) {
	var list []EndedSession
	err := tx.Query(ctx, func(row store.Row) error {
		var hash []byte
		var stored string
		var e EndedSession
		if err := row.Scan(&hash, &stored, &e.UserID); err != nil {
			return err
		}
		e.ID = publicID(stored, hash)
		list = append(list, e)
		return nil
	}, `DELETE FROM sessions WHERE `+where+` RETURNING hash, sid, user_id`, args...)
	return list, err
}

// recordEnded writes a line for each session that ends by its user's own doing.
func (s *Service) recordEnded(ctx context.Context, tx *store.Tx, event string, list []EndedSession, details audit.Details) error {
	for _, e := range list {
		if err := s.cfg.Audit.Write(ctx, tx, audit.Event{Name: event, Actor: audit.User(e.UserID), Details: details}); err != nil {
			return err
		}
	}
	return nil
}

// RecordRefused writes down, as well as can be, that somebody was not let in by his
// password; err is why. What he typed as his name is told only when it is somebody's.
func (s *Service) RecordRefused(ctx context.Context, login, by, clientID string, err error) {
	e := audit.Event{Name: "sign_in", Outcome: audit.Failure, ClientID: clientID, Details: audit.Details{"by": by}}
	switch {
	case fault.Is(err, fault.TooMany):
		e.Outcome = audit.Throttled
	case !fault.Is(err, fault.Unauthorized):
		return // nobody was refused: it could not be checked
	}
	if u, err := s.byLogin(ctx, login); err == nil {
		e.Subject, e.Details["login"] = audit.User(u.ID), u.Email
	}
	s.cfg.Audit.Try(ctx, e)
}

// ended tells whoever must act when sessions end, in the same transaction.
func (s *Service) ended(ctx context.Context, tx *store.Tx, list []EndedSession) error {
	if len(list) == 0 || s.cfg.Ended == nil {
		return nil
	}
	return s.cfg.Ended(ctx, tx, list)
}

// LogoutFrames are what the browser is to load in frames when its session has ended.
func (s *Service) LogoutFrames(r *http.Request) ([]string, error) {
	session, err := s.Session(r)
	if err != nil || session == nil || s.cfg.Frames == nil {
		return nil, err
	}
	return s.cfg.Frames(r.Context(), session)
}

// EndSession signs the browser out.
func (s *Service) EndSession(w http.ResponseWriter, r *http.Request) error {
	return s.endSession(w, r, s.pageDoor())
}

func (s *Service) endSession(w http.ResponseWriter, r *http.Request, d door) error {
	c, err := r.Cookie(d.cookie)
	if err != nil {
		return nil //nolint:nilerr // no cookie: signed out already
	}
	err = s.db.Write(r.Context(), func(tx *store.Tx) error {
		list, err := dropSessions(r.Context(), tx, `hash = $1 AND kind = $2`, digest(c.Value), d.kind)
		if err == nil {
			err = s.recordEnded(r.Context(), tx, "sign_out", list, nil)
		}
		if err != nil {
			return err
		}
		return s.ended(r.Context(), tx, list)
	})
	if err != nil {
		return err
	}
	s.setCookie(w, d, "", -1)
	return nil
}

// Sweep drops at most limit expired sessions and returns how many went.
func (s *Service) Sweep(ctx context.Context, limit int) (int64, error) {
	return s.db.Exec(ctx, `DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE expires_at < $1 LIMIT $2)`, store.Millis(s.cfg.Now()), limit)
}

// cut shortens text to n bytes of whole characters.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return strings.ReplaceAll(text, "\x00", "")
}
