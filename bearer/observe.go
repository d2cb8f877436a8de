package bearer

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Event is how one request ended. It never holds a token.
type Event struct {
	// Status is what the caller is answered with: 200 when the token was accepted,
	// else the Error's.
	Status int
	// Code is the Error's code; empty when the token was accepted and when there
	// was none.
	Code string
	// Reason is the Error's description; empty when the token was accepted.
	Reason string
	// Cached tells that a Cache knew the answer.
	Cached bool
	// Latency is how long it took to decide.
	Latency time.Duration
	// Subject and ClientID are those of an accepted token.
	Subject, ClientID string
}

// watch is what an Event needs to know from the beginning.
type watch struct {
	on     bool
	begun  time.Time
	cached bool
}

// watch reads the time when somebody wants to know how long it took.
func (s *Server) watch(ctx context.Context) watch {
	if s.cfg.Observe == nil && !s.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		return watch{}
	}
	return watch{on: true, begun: time.Now()}
}

// settled counts how a request ended, and tells those who want to know.
func (s *Server) settled(ctx context.Context, w *watch, t *Token, refused *Error) {
	if refused == nil {
		s.outcomes[0].Add(1)
	} else {
		s.outcomes.refused(refused)
	}
	if w.on {
		s.report(ctx, w, t, refused)
	}
}

func (s *Server) report(ctx context.Context, w *watch, t *Token, refused *Error) {
	e := Event{Status: http.StatusOK, Cached: w.cached, Latency: time.Since(w.begun)}
	if refused != nil {
		e.Status, e.Code, e.Reason = refused.Status, refused.Code, refused.Description
	}
	if t != nil {
		e.Subject, e.ClientID = t.Subject, t.ClientID
	}
	if s.cfg.Observe != nil {
		s.cfg.Observe(ctx, e)
	}
	s.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "token checked", slog.Int("status", e.Status), slog.String("code", e.Code), slog.String("reason", e.Reason),
		slog.Bool("cached", e.Cached), slog.Duration("latency", e.Latency), slog.String("subject", e.Subject), slog.String("client", e.ClientID))
}

// The outcomes that are counted, by code; "" is a request without a token.
var codes = [...]string{"accepted", "no_token", "invalid_request", "invalid_token", "insufficient_scope", "insufficient_user_authentication",
	"invalid_dpop_proof", "use_dpop_nonce", "temporarily_unavailable", "other"}

type outcomes [len(codes)]atomic.Uint64

func (o *outcomes) refused(e *Error) {
	if e.Code == "" {
		o[1].Add(1)
		return
	}
	i := 2
	for i < len(codes)-1 && codes[i] != e.Code {
		i++
	}
	o[i].Add(1)
}

// Stats counts the requests since the start by how they ended: "accepted",
// "no_token", "other", or an Error's code. All of them are there from the start.
func (s *Server) Stats() map[string]uint64 {
	m := make(map[string]uint64, len(codes))
	for i, code := range codes {
		m[code] = s.outcomes[i].Load()
	}
	return m
}

// Caches returns the counts of the caches that Config.Validator consists of, by
// name: empty for the only one, and in a ByIssuer the issuer, or "opaque". A
// validator that wraps another one is looked through by its method
// Unwrap() Validator.
func (s *Server) Caches() map[string]CacheStats {
	all := map[string]CacheStats{}
	walk("", s.cfg.Validator, func(name string, c *Cache) { all[name] = c.Stats() })
	return all
}

func walk(name string, v Validator, visit func(name string, c *Cache)) {
	switch v := v.(type) {
	case *Cache:
		visit(name, v)
	case ByIssuer:
		for issuer, next := range v.Issuers {
			walk(issuer, next, visit)
		}
		walk("opaque", v.Opaque, visit)
	case interface{ Unwrap() Validator }:
		walk(name, v.Unwrap(), visit)
	}
}

// troubles keeps a validator that is down from filling the log.
type troubles struct {
	last    atomic.Int64 // Unix nanoseconds
	skipped atomic.Int64
}

// trouble logs why a token cannot be checked, once a second at most.
func (s *Server) trouble(ctx context.Context, err error) {
	now, last := s.clock.nano(), s.troubles.last.Load()
	if (last != 0 && now-last < int64(time.Second)) || !s.troubles.last.CompareAndSwap(last, now) {
		s.troubles.skipped.Add(1)
		return
	}
	s.cfg.Log.WarnContext(ctx, "tokens cannot be checked", "error", err, "skipped", s.troubles.skipped.Swap(0))
}
