package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/store"
)

// Session is a browser that a user signed in with.
type Session struct {
	User     *User
	AuthTime time.Time

	hash []byte
}

// State is a value that changes with every session and tells nothing about its
// cookie.
func (s *Session) State() string { return base64.RawURLEncoding.EncodeToString(s.hash[:12]) }

func (s *Service) cookieName() string {
	if s.cfg.Secure {
		return "__Host-sluice-session"
	}
	return "sluice-session"
}

func digest(secret string) []byte {
	h := sha256.Sum256([]byte(secret))
	return h[:]
}

// Session returns the session of the request's cookie while it and its user
// stand, or nil. An error means that it could not be looked up.
func (s *Service) Session(r *http.Request) (*Session, error) {
	c, err := r.Cookie(s.cookieName())
	if err != nil || c.Value == "" {
		return nil, nil
	}
	session := &Session{User: &User{}, hash: digest(c.Value)}
	dest := append(session.User.columns(), store.Time(&session.AuthTime))
	err = s.db.QueryRow(r.Context(), dest, `SELECT `+userColumns+`, s.auth_at FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.hash = $1 AND s.expires_at > $2`, session.hash, store.Millis(s.cfg.Now()))
	if errors.Is(err, store.ErrNoRow) || (err == nil && !session.User.Active()) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return session, nil
}

// StartSession signs the browser in under a new id and ends the session it had.
func (s *Service) StartSession(w http.ResponseWriter, r *http.Request, u *User) error {
	value := rand.Text() + rand.Text()
	now := s.cfg.Now()
	err := s.db.Write(r.Context(), func(tx *store.Tx) error {
		if c, err := r.Cookie(s.cookieName()); err == nil {
			if _, err := tx.Exec(r.Context(), `DELETE FROM sessions WHERE hash = $1`, digest(c.Value)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(r.Context(), `INSERT INTO sessions (hash, user_id, auth_at, amr, address, agent, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			digest(value), u.ID, store.Millis(now), "pwd", address(r), cut(r.UserAgent(), maxText), store.Millis(now.Add(s.cfg.SessionTTL)))
		return err
	})
	if err != nil {
		return err
	}
	s.setCookie(w, value, int(s.cfg.SessionTTL/time.Second))
	s.cfg.Log.InfoContext(r.Context(), "signed in", "user", u.ID)
	return nil
}

func (s *Service) setCookie(w http.ResponseWriter, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{Name: s.cookieName(), Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true,
		Secure: s.cfg.Secure, SameSite: http.SameSiteLaxMode})
}

// EndSession signs the browser out.
func (s *Service) EndSession(w http.ResponseWriter, r *http.Request) error {
	c, err := r.Cookie(s.cookieName())
	if err != nil {
		return nil //nolint:nilerr // no cookie: signed out already
	}
	if _, err := s.db.Exec(r.Context(), `DELETE FROM sessions WHERE hash = $1`, digest(c.Value)); err != nil {
		return err
	}
	s.setCookie(w, "", -1)
	return nil
}

// Sweep drops expired sessions and returns how many went.
func (s *Service) Sweep(ctx context.Context) (int64, error) {
	return s.db.Exec(ctx, `DELETE FROM sessions WHERE expires_at < $1`, store.Millis(s.cfg.Now()))
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// cut shortens text to n bytes of whole characters.
func cut(text string, n int) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) > n {
		text = strings.ToValidUTF8(text[:n], "")
	}
	return strings.ReplaceAll(text, "\x00", "")
}
