package oauth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/page"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/throttle"
)

// The states of a device code.
const (
	devicePending  = "pending"
	deviceApproved = "approved"
	deviceDenied   = "denied"
	deviceRedeemed = "redeemed"
)

const (
	devicePrefix = "slc_dc_"
	devicePause  = 5 * time.Second // between two polls, and what every hasty one adds (RFC 8628 §3.5)

	// userCodeLetters are 20 that are not mistaken for one another and make no words
	// (RFC 8628 §6.1).
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"
	userCodeLength  = 8
)

// deviceAuthorization is the endpoint of RFC 8628 §3.1.
func (s *Service) deviceAuthorization(w http.ResponseWriter, r *http.Request, f form) {
	ctx := r.Context()
	client, err := s.deviceClient(ctx, r, f)
	var req *request
	if err == nil {
		req, err = client.deviceRequest(f, s.cfg.Audience, s.now())
	}
	var code, userCode string
	if err == nil {
		code, userCode, err = s.insertDevice(ctx, req)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.cfg.Log.InfoContext(ctx, "device sign-in begun", "client", client.ID, "scope", strings.Join(req.Scope, " "))
	page := s.endpoint("/device")
	writeJSON(w, http.StatusOK, struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		URI        string `json:"verification_uri"`
		Complete   string `json:"verification_uri_complete"`
		ExpiresIn  int64  `json:"expires_in"`
		Interval   int64  `json:"interval"`
	}{code, userCode, page, page + "?" + url.Values{"user_code": {userCode}}.Encode(), int64(s.cfg.DeviceTTL / time.Second), int64(devicePause / time.Second)})
}

// deviceClient authenticates the client, or takes its word where that is allowed:
// the code is of no use without its secret.
func (s *Service) deviceClient(ctx context.Context, r *http.Request, f form) (*Client, error) {
	if s.cfg.DeviceWithoutSecret && f["client_id"] != "" && f["client_secret"] == "" && f["client_assertion"] == "" && r.Header.Get("Authorization") == "" {
		c, err := s.Client(ctx, f["client_id"])
		if fault.Is(err, fault.NotFound) || (err == nil && c.Disabled) {
			err = invalidClient(false)
		}
		return c, err
	}
	return s.known(ctx, r, f)
}

// deviceRequest checks what a device asks for.
func (c *Client) deviceRequest(f form, audience string, now time.Time) (*request, error) {
	if !c.may(DeviceCode) {
		return nil, unauthorizedClient("the client is not registered for the device grant")
	}
	r := &request{ClientID: c.ID, Begun: now.Truncate(time.Millisecond), audience: audience}
	var err error
	if r.Scope, err = c.scope(f["scope"]); err != nil {
		return nil, err
	}
	return r, r.checkTarget(c, f)
}

// insertDevice keeps the request under two new codes. Two devices that draw the
// same user code are as good as impossible, but harmless: the second one draws
// again.
func (s *Service) insertDevice(ctx context.Context, req *request) (code, userCode string, err error) {
	text, err := json.Marshal(req)
	if err != nil {
		return "", "", err
	}
	for range 3 {
		code, userCode = newSecret(devicePrefix), newUserCode()
		_, err = s.db.Exec(ctx, `INSERT INTO device_codes (hash, user_code, client_id, parameters, status, pause, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, hash(code), hash(userCode), req.ClientID, string(text), devicePending,
			devicePause.Milliseconds(), store.Millis(s.now().Add(s.cfg.DeviceTTL)))
		if !fault.Is(err, fault.Conflict) {
			break
		}
	}
	return code, shownCode(userCode), err
}

// shownCode is a user code as people read it.
func shownCode(code string) string { return code[:userCodeLength/2] + "-" + code[userCodeLength/2:] }

// newUserCode draws letters without favouring any.
func newUserCode() string {
	var code []byte
	for len(code) < userCodeLength {
		var b [16]byte
		_, _ = rand.Read(b[:]) // never fails
		for _, x := range b {
			if int(x) < 256-256%len(userCodeLetters) && len(code) < userCodeLength {
				code = append(code, userCodeLetters[int(x)%len(userCodeLetters)])
			}
		}
	}
	return string(code)
}

// typedCode is a user code as somebody may type it: in small letters, with spaces,
// with another hyphen or none.
func typedCode(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToUpper(text))
}

// showDevice asks for the code. One in the address is filled in, never taken: the
// user has to compare it (RFC 8628 §3.3.1, §5.4).
func (s *Service) showDevice(w http.ResponseWriter, r *http.Request) {
	code := typedCode(r.URL.Query().Get("user_code"))
	if len(code) != userCodeLength {
		code = ""
	} else {
		code = shownCode(code)
	}
	s.pages.Write(w, r, http.StatusOK, page.Device{Code: code})
}

// enterUserCode takes the code and goes on to sign-in and consent, as for an
// application.
func (s *Service) enterUserCode(w http.ResponseWriter, r *http.Request) {
	typed := r.PostFormValue("user_code")
	v, err := s.guessedDevice(r.Context(), typedCode(typed))
	switch {
	case fault.Is(err, fault.NotFound):
		s.pages.Write(w, r, http.StatusBadRequest, page.Device{Code: typed, Message: fault.Message(err)})
	case fault.Is(err, fault.TooMany):
		s.pages.Slow(w, r, err, page.Device{Code: typed, Message: fault.Message(err)})
	case err != nil:
		s.pages.Fault(w, r, err)
	default:
		v.request.Locales = page.Locales(r)
		s.dispatch(w, r, v)
	}
}

// guessedDevice is device for a code that somebody types: it is counted before it is
// looked up, since codes that people can type can be guessed (RFC 8628 §5.1). What
// cannot be a code is no guess, and a guess is looked up once.
func (s *Service) guessedDevice(ctx context.Context, code string) (v *visit, err error) {
	if len(code) != userCodeLength {
		return nil, unknownCode()
	}
	known, err := s.cfg.Guard.Check(ctx, throttle.Attempt{Kind: throttle.UserCode, Secret: code}, func(ctx context.Context) (bool, error) {
		v, err = s.device(ctx, code)
		if fault.Is(err, fault.NotFound) {
			return false, nil
		}
		return err == nil, err
	})
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, unknownCode()
	case v == nil: // another request was looking already
		return s.device(ctx, code)
	}
	return v, nil
}

func unknownCode() error {
	return fault.New(fault.NotFound, "This code is not known. Compare it with your device. If it is right, it has expired: start again on the device.")
}

// device finds the device that shows a code and waits.
func (s *Service) device(ctx context.Context, code string) (*visit, error) {
	v := &visit{request: &request{}}
	var id []byte
	err := s.db.QueryRow(ctx, []any{&id, jsonColumn{v.request}}, `SELECT hash, parameters FROM device_codes
		WHERE user_code = $1 AND status = $2 AND expires_at > $3`, hash(code), devicePending, store.Millis(s.now()))
	if errors.Is(err, store.ErrNoRow) {
		return nil, unknownCode()
	}
	if err != nil {
		return nil, err
	}
	v.request.Device, v.request.UserCode = id, shownCode(code)
	v.request.Begun = s.now().Truncate(time.Millisecond)
	if v.client, err = s.Client(ctx, v.request.ClientID); err == nil && v.client.Disabled {
		return nil, unknownCode()
	}
	return v, err
}

// allowDevice makes the grant that the device's next poll finds.
func (s *Service) allowDevice(w http.ResponseWriter, r *http.Request, v *visit) {
	ctx, now := r.Context(), s.now()
	g, err := newSignIn(v.client, v.session.User, DeviceCode, v.request.Scope, now)
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	g.authTime, g.session = v.session.AuthTime, v.session.State()
	g.context = grantContext{ACR: acrOf(v.session), AMR: v.session.AMR, Resources: v.request.Resources, Details: v.request.Details}
	err = s.settleDevice(ctx, v, deviceApproved, g)
	if err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.cfg.Log.InfoContext(ctx, "device allowed", "client", v.client.ID, "user", v.session.User.ID)
	s.pages.Write(w, r, http.StatusOK, page.DeviceDone{Client: v.client.Title(), Allowed: true})
}

func (s *Service) denyDevice(w http.ResponseWriter, r *http.Request, v *visit) {
	if err := s.settleDevice(r.Context(), v, deviceDenied, nil); err != nil {
		s.pages.Fault(w, r, err)
		return
	}
	s.cfg.Log.InfoContext(r.Context(), "device denied", "client", v.client.ID, "user", v.session.User.ID)
	s.pages.Write(w, r, http.StatusOK, page.DeviceDone{Client: v.client.Title()})
}

// settleDevice writes the user's answer down, once.
func (s *Service) settleDevice(ctx context.Context, v *visit, status string, g *signIn) error {
	return s.db.Write(ctx, func(tx *store.Tx) error {
		if err := v.finish(ctx, tx); err != nil {
			return err
		}
		var grantID any
		if g != nil {
			if err := g.insert(ctx, tx); err != nil {
				return err
			}
			grantID = g.id
		}
		n, err := tx.Exec(ctx, `UPDATE device_codes SET status = $1, grant_id = $2 WHERE hash = $3 AND status = $4 AND expires_at > $5`,
			status, grantID, v.request.Device, devicePending, store.Millis(s.now()))
		if err == nil && n == 0 {
			err = fault.New(fault.Conflict, "This device has its answer already, or its code has expired. Start again on the device.")
		}
		switch {
		case err != nil:
			return err
		case g == nil:
			return s.record(ctx, tx, v.personDid("consent.give", audit.Denied))
		}
		return s.recordGrant(ctx, tx, v, g)
	})
}

// deviceRow is a row of device_codes.
type deviceRow struct {
	hash     []byte
	clientID string
	status   string
	grantID  *string
	pause    time.Duration
	polled   time.Time
	expires  time.Time
}

// redeemDeviceCode is RFC 8628 §3.4 and §3.5.
func (s *Service) redeemDeviceCode(ctx context.Context, c *call) (*answer, error) {
	if c.form["device_code"] == "" {
		return nil, invalidRequest("device_code is missing")
	}
	row := deviceRow{hash: hash(c.form["device_code"])}
	err := s.db.QueryRow(ctx, []any{&row.clientID, &row.status, &row.grantID, millis{&row.pause}, store.Time(&row.polled), store.Time(&row.expires)},
		`SELECT client_id, status, grant_id, pause, polled_at, expires_at FROM device_codes WHERE hash = $1`, row.hash)
	unknown := invalidGrant("the device_code is unknown or used")
	switch {
	case errors.Is(err, store.ErrNoRow):
		return nil, unknown
	case err != nil:
		return nil, err
	case row.clientID != c.client.ID:
		return nil, invalidGrant("the device_code was issued to another client")
	case !c.now.Before(row.expires):
		return nil, &Failure{Code: "expired_token", Description: "the device_code has expired; begin again"}
	case row.status == deviceDenied:
		return nil, &Failure{Code: "access_denied", Description: "the user said no"}
	case row.status == devicePending:
		return nil, s.wait(ctx, c, &row)
	case row.status != deviceApproved || row.grantID == nil:
		return nil, unknown
	}
	return s.deviceTokens(ctx, c, &row)
}

// wait tells a device to ask again, and less often when it is hasty.
func (s *Service) wait(ctx context.Context, c *call, row *deviceRow) error {
	pending := &Failure{Code: "authorization_pending", Description: "the user has not answered yet"}
	if !row.polled.IsZero() && c.now.Sub(row.polled) < row.pause {
		pending = &Failure{Code: "slow_down", Description: "the device asks too often; wait five seconds longer between two polls"}
		row.pause += devicePause
	}
	_, err := s.db.Exec(ctx, `UPDATE device_codes SET polled_at = $1, pause = $2 WHERE hash = $3`,
		store.Millis(c.now), row.pause.Milliseconds(), row.hash)
	if err != nil {
		return err
	}
	return pending
}

// deviceTokens gives the tokens once; the guarded UPDATE decides.
func (s *Service) deviceTokens(ctx context.Context, c *call, row *deviceRow) (*answer, error) {
	g, err := s.readGrant(ctx, *row.grantID)
	if err != nil {
		return nil, err
	}
	if !g.revoked.IsZero() {
		return nil, invalidGrant("the user has taken the permission back")
	}
	user, err := g.activeUser()
	if err != nil {
		return nil, err
	}
	i, err := s.newIssue(c, g, user, g.scope)
	if err != nil {
		return nil, err
	}
	s.withRefresh(i)
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE device_codes SET status = $1 WHERE hash = $2 AND status = $3`, deviceRedeemed, row.hash, deviceApproved)
		if err == nil && n == 0 {
			err = invalidGrant("the device_code is unknown or used")
		}
		if err != nil {
			return err
		}
		return i.insert(ctx, tx)
	})
	return i.answer, err
}
