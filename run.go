package sluice

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
)

// The server's limits on a connection. A request's head must come within the
// first, the whole of it within the second, the answer within the third.
const (
	headTimeout  = 5 * time.Second
	readTimeout  = 30 * time.Second
	writeTimeout = 5 * time.Minute
	idleTimeout  = 2 * time.Minute
	maxHeader    = 16 << 10
)

// Run builds a Server and serves cfg.Addr until ctx ends; then it refuses new
// requests, lets those in flight finish within cfg.ShutdownTimeout and closes
// everything. prepare, when not nil, is called when the address is taken and
// before the first request is answered.
func Run(ctx context.Context, cfg Config, prepare func(context.Context, *Server) error, options ...Option) error {
	s, err := New(ctx, cfg, options...)
	if err != nil {
		return err
	}
	listeners, err := listenAll(ctx, cfg)
	if err != nil {
		return errors.Join(fmt.Errorf("listening: %w", err), s.Close())
	}
	if prepare != nil {
		if err := prepare(ctx, s); err != nil {
			return errors.Join(err, closeAll(listeners), s.Close())
		}
	}
	return errors.Join(s.serve(ctx, listeners...), s.Close())
}

// listenAll takes every address: where there is a second one, that one alone asks for
// certificates.
func listenAll(ctx context.Context, cfg Config) ([]net.Listener, error) {
	t := cfg.TLS
	first, err := listen(ctx, cfg.Addr, t, t.ClientCertificates && t.ClientCertificatesAddr == "")
	if err != nil || t.ClientCertificatesAddr == "" {
		return []net.Listener{first}, err
	}
	second, err := listen(ctx, t.ClientCertificatesAddr, t, true)
	if err != nil {
		return nil, errors.Join(err, first.Close())
	}
	return []net.Listener{first, second}, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// listen takes an address, with TLS when there is a certificate.
func listen(ctx context.Context, addr string, t TLSConfig, asks bool) (net.Listener, error) {
	settings, err := t.listener(asks)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil && settings != nil {
		listener = tls.NewListener(listener, settings)
	}
	return listener, err
}

func (s *Server) serve(ctx context.Context, listeners ...net.Listener) error {
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: headTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
	}
	background, stop := context.WithCancel(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { s.Background(background) })
	loops.Go(debug.FreeOSMemory) // the start took twice of what is needed from now on
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	var err error
	select {
	case err = <-failed:
		err = errors.Join(err, server.Close()) // the other address, when there is one
	case <-ctx.Done():
		s.log.Info("stopping: requests in flight may end")
		wait, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
		if err = server.Shutdown(wait); err != nil {
			err = fmt.Errorf("stopping: some requests were cut off: %w", errors.Join(err, server.Close()))
		}
		cancel()
	}
	stop()
	loops.Wait()
	return err
}

// Background does what has to be done beside the answering of requests, until ctx
// ends: it rotates signing keys, drops expired rows, tells clients that users signed
// out, and works on the jobs of processes. Run calls it; a program that mounts the handlers itself calls it too.
func (s *Server) Background(ctx context.Context) {
	if s.db == nil {
		return
	}
	ctx = audit.WithActor(ctx, audit.System, "")
	var loops sync.WaitGroup
	loops.Go(func() { s.rotateKeys(ctx) })
	loops.Go(func() { s.house.loop(ctx) })
	if s.API != nil && s.cfg.Process.Workers > 0 {
		loops.Go(func() { s.engine.Run(ctx) })
	}
	if s.AuthServer != nil {
		loops.Go(func() { s.auth.Deliver(ctx) })
	}
	loops.Wait()
}

// rotateKeys rotates signing keys when they are due, until ctx ends.
func (s *Server) rotateKeys(ctx context.Context) {
	every(ctx, time.Minute, func() {
		if err := s.auth.RotateDue(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("rotating the signing keys", "error", err)
		}
	})
}

// every calls fn each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, fn func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			fn()
		}
	}
}
