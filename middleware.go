package sluice

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
)

// requestIDHeader names the request in answers and logs.
const requestIDHeader = "X-Request-Id"

// recorder remembers what was answered, for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach flushing and hijacking.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logged gives every request an id and writes one event for it. The path is
// logged without its query, which may carry what must not be in a log.
func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, begun := rand.Text()[:16], time.Now()
		rec := &recorder{ResponseWriter: w}
		w.Header().Set(requestIDHeader, id)
		r = r.WithContext(audit.WithRequest(context.WithValue(r.Context(), requestIDKey{}, id), id, r.URL.Path))
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
					panic(p)
				}
				log.ErrorContext(r.Context(), "panic", "error", fmt.Sprint(p), "stack", string(debug.Stack()))
				if rec.status == 0 {
					http.Error(rec, "Something went wrong here. It has been logged as "+id+".", http.StatusInternalServerError)
				}
			}
			log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", r.Method), slog.String("path", r.URL.Path),
				slog.Int("status", rec.status), slog.Duration("took", time.Since(begun)))
		}()
		next.ServeHTTP(rec, r)
	})
}

// unknown begins a request in which nobody acts yet, for handlers that another
// program mounts by themselves.
func unknown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !audit.InRequest(r.Context()) {
			r = r.WithContext(audit.WithRequest(r.Context(), "", r.URL.Path))
		}
		next.ServeHTTP(w, r)
	})
}

type requestIDKey struct{}

// withRequestID adds the request's id to every event that is logged for it.
type withRequestID struct{ slog.Handler }

// Handle implements slog.Handler.
func (h withRequestID) Handle(ctx context.Context, r slog.Record) error {
	if id, ok := ctx.Value(requestIDKey{}).(string); ok {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h withRequestID) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withRequestID{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h withRequestID) WithGroup(name string) slog.Handler {
	return withRequestID{h.Handler.WithGroup(name)}
}
