package bearer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// RevocationEvent is the member of "events" in the security event tokens (RFC 8417)
// by which an authorization server tells of revocations. Its value has the members
// token_hashes (a list, each by TokenHash), sub and client_id; what is absent is
// not meant. "toe" is when they ended.
const RevocationEvent = "urn:sluice:event:tokens-revoked"

// ReceiverConfig is how a RevocationReceiver knows who speaks to it.
type ReceiverConfig struct {
	// Issuer is the authorization server that tells of its revocations. Needed.
	Issuer string
	// Audience is this receiver's name there: the address it is reached by. Needed,
	// so that what was told to another one cannot be repeated here.
	Audience string
	// Revoke is called for each revocation; Server.Revoke is one. Needed.
	Revoke func(Revocation)
	// Keep stores each revocation before it is heeded, for a program whose memory must
	// outlast it: it calls Revoke with what it has stored when it begins anew. One that
	// comes again may be stored again. An error is answered with 503, so that the issuer
	// tells it once more. Nil keeps nothing.
	Keep func(ctx context.Context, r Revocation) error
	// JWKS, Keys, Algorithms and Client are those of JWTConfig: where the issuer's
	// keys are, and how it may sign.
	JWKS       string
	Keys       []byte
	Algorithms []string
	Client     *http.Client
	// InsecureHTTP allows keys to be fetched by plain http from another machine, where
	// everybody between can replace them.
	InsecureHTTP bool
	// Window is how far in the past or the future an event may have been signed.
	// 0 means 60 s.
	Window time.Duration
	// Log receives what was refused. Nil means slog.Default().
	Log *slog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// RevocationReceiver is the endpoint that an authorization server tells of
// revocations, by push of signed events (RFC 8935), so that they count here at
// once. It answers 202 when the event has been heeded, now or before; 400 with a
// reason (RFC 8935 §2.4) when it is refused; and 503 when it cannot be checked now.
type RevocationReceiver struct {
	cfg  ReceiverConfig
	jwt  *JWT
	seen *proofs
}

// NewRevocationReceiver checks cfg, listing every problem.
func NewRevocationReceiver(cfg ReceiverConfig) (*RevocationReceiver, error) {
	var problems []error
	if cfg.Revoke == nil {
		problems = append(problems, errors.New("bearer: ReceiverConfig.Revoke is missing"))
	}
	if cfg.Window == 0 {
		cfg.Window = time.Minute
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	v, err := NewJWT(JWTConfig{Issuer: cfg.Issuer, Audience: cfg.Audience, JWKS: cfg.JWKS, Keys: cfg.Keys, Algorithms: cfg.Algorithms,
		Client: cfg.Client, InsecureHTTP: cfg.InsecureHTTP, Now: cfg.Now})
	problems = append(problems, err)
	return &RevocationReceiver{cfg: cfg, jwt: v, seen: &proofs{now: cfg.Now, keep: 2 * cfg.Window, size: 100_000}}, errors.Join(problems...)
}

// eventClaims are the claims of RFC 8417 §2.2 that matter here.
type eventClaims struct {
	Issuer   string `json:"iss"`
	ID       string `json:"jti"`
	Issued   int64  `json:"iat"`
	Happened int64  `json:"toe"`
	Events   map[string]struct {
		TokenHashes []string `json:"token_hashes"`
		Subject     string   `json:"sub"`
		ClientID    string   `json:"client_id"`
	} `json:"events"`
}

// eventError is a refusal with its code of RFC 8935 §2.4.
type eventError struct{ code, text string }

func (e *eventError) Error() string { return e.code + ": " + e.text }

var (
	errEventForm     = &eventError{"invalid_request", "it is no security event token with jti, iat and events"}
	errEventTime     = &eventError{"invalid_request", "it was signed too long ago, or in the future"}
	errEventKey      = &eventError{"invalid_key", "none of the issuer's keys has signed it"}
	errEventIssuer   = &eventError{"invalid_issuer", "it is from another issuer"}
	errEventAudience = &eventError{"invalid_audience", "it is meant for another receiver"}
)

// ServeHTTP takes one event (RFC 8935 §2).
func (h *RevocationReceiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	err := h.take(r)
	var refused *eventError
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &refused):
		h.cfg.Log.WarnContext(r.Context(), "revocation event refused", "error", err)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		text, _ := json.Marshal(struct { // two texts
			Code        string `json:"err"`
			Description string `json:"description"`
		}{refused.code, refused.text})
		_, _ = w.Write(text)
	default:
		h.cfg.Log.WarnContext(r.Context(), "revocation event not checked", "error", err)
		w.Header().Set("Retry-After", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// take verifies an event and does what it says. One that has been heeded before is
// as good as a new one to its sender, who may not have seen the answer.
func (h *RevocationReceiver) take(r *http.Request) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	text, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil || len(text) > maxAnswer || kind != "application/secevent+jwt" {
		return errEventForm
	}
	claims, err := h.verify(r.Context(), strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	ended := claims.revocations()
	for _, e := range ended {
		if h.cfg.Keep == nil {
			break
		}
		if err := h.cfg.Keep(r.Context(), e); err != nil {
			return err
		}
	}
	if first, err := h.seen.remember(r.Context(), claims.ID, time.Time{}); err == nil && !first {
		return nil
	}
	for _, e := range ended {
		h.cfg.Revoke(e)
	}
	return nil
}

// revocations are what an event tells of.
func (c *eventClaims) revocations() (list []Revocation) {
	event := c.Events[RevocationEvent]
	at := time.Unix(max(c.Happened, 0), 0)
	if c.Happened == 0 {
		at = time.Unix(c.Issued, 0)
	}
	if event.Subject != "" || event.ClientID != "" {
		list = append(list, Revocation{Subject: event.Subject, ClientID: event.ClientID, At: at})
	}
	for _, hash := range event.TokenHashes {
		list = append(list, Revocation{TokenHash: hash, At: at})
	}
	return list
}

// verify returns the claims of an event that the issuer has signed for us.
func (h *RevocationReceiver) verify(ctx context.Context, token string) (*eventClaims, error) {
	signed, ok := parseSigned(token, h.jwt.algorithms)
	if !ok {
		return nil, errEventForm
	}
	header := signed.Signatures[0].Protected
	if typeOf(header) != "secevent+jwt" || len(header.KeyID) > maxKeyID {
		return nil, errEventForm
	}
	payload, err := h.payload(ctx, signed, header)
	if err != nil {
		return nil, err
	}
	return h.claims(payload)
}

func (h *RevocationReceiver) payload(ctx context.Context, signed *jose.JSONWebSignature, header jose.Header) ([]byte, error) {
	keys, err := h.jwt.keys.find(ctx, header.KeyID, signed.UnsafePayloadWithoutVerification())
	if errors.Is(err, ErrInvalid) {
		return nil, errEventKey
	}
	if err != nil {
		return nil, fmt.Errorf("the issuer's keys: %w", err)
	}
	if payload, ok := verifiedBy(keys, signed); ok {
		return payload, nil
	}
	return nil, errEventKey
}

func (h *RevocationReceiver) claims(payload []byte) (*eventClaims, error) {
	var c eventClaims
	all, err := readMembers(payload)
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return nil, errEventForm
	}
	r := reader{members: all}
	audience := r.list("aud")
	now, issued := h.cfg.Now(), time.Unix(c.Issued, 0)
	_, ours := c.Events[RevocationEvent]
	switch {
	case c.Issuer != h.cfg.Issuer:
		return nil, errEventIssuer
	case !slices.Contains(audience, h.cfg.Audience):
		return nil, errEventAudience
	case c.ID == "" || len(c.ID) > maxProofID || !ours || c.Issued <= 0 || c.Issued > lastSecond || c.Happened > c.Issued+int64(h.cfg.Window/time.Second):
		return nil, errEventForm
	case now.Sub(issued) > h.cfg.Window || issued.Sub(now) > h.cfg.Window:
		return nil, errEventTime
	}
	return &c, nil
}
