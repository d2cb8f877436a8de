package sluice

import (
	"io"
	"log/slog"
	"sync"
)

// newLog makes the log that cfg asks for.
func newLog(cfg Config, out io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cfg.LogLevel)) // Validate has checked it
	options := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewTextHandler(out, options)
	if cfg.LogFormat == "json" {
		h = slog.NewJSONHandler(out, options)
	}
	return slog.New(withRequestID{h})
}

// maxLogPending is how much of the log may wait; then those who log wait as well.
const maxLogPending = 1 << 20

// logWriter writes lines that come together by one call to the system. A line that
// comes alone is written at once.
type logWriter struct {
	out     io.Writer
	mu      sync.Mutex
	changed sync.Cond // something was written
	pending []byte
	spare   []byte // what pending was before: its memory is used again
	writing bool
	failed  error // of the last write
}

func newLogWriter(out io.Writer) *logWriter {
	w := &logWriter{out: out}
	w.changed.L = &w.mu
	return w
}

// Write takes one line. Its error is one of an earlier line.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > maxLogPending {
		w.changed.Wait()
	}
	w.pending = append(w.pending, line...)
	if !w.writing {
		w.writing = true
		go w.drain()
	}
	return len(line), w.failed
}

// drain writes until nothing waits.
func (w *logWriter) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.pending) > 0 {
		lines := w.pending
		w.pending = w.spare[:0]
		w.mu.Unlock()
		_, err := w.out.Write(lines)
		w.mu.Lock()
		w.spare, w.failed = lines, err
		w.changed.Broadcast()
	}
	w.writing = false
	w.changed.Broadcast()
}

// flush waits until everything is written.
func (w *logWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.writing {
		w.changed.Wait()
	}
}
