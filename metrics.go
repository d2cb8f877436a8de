package sluice

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluicehq/sluice/bearer/bearerprom"
)

// Who may read the metrics without a token.
const (
	metricsLocal = "local"
	metricsAll   = "all"
	metricsNone  = "none"
)

// metrics answers in Prometheus's format. Whoever may not read it sees what he
// would see at any address where there is nothing.
func (s *Server) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), bearerprom.New(s.check, "sluice"))
	if s.db != nil {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sluice_store_statements_total",
			Help: "Statements run on the database, without those that begin and end transactions."},
			func() float64 { return float64(s.db.Statements()) }), s.house.dropped)
	}
	if s.users != nil {
		registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "sluice_identity_hashes_total",
			Help: "Slow hashes of passwords and client secrets."}, func() float64 { return float64(s.users.Hashes()) }))
	}
	answer := promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
	elsewhere := s.elsewhere()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.mayReadMetrics(r) {
			elsewhere.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		answer.ServeHTTP(w, r)
	})
}

func (s *Server) mayReadMetrics(r *http.Request) bool {
	token, sent := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case s.cfg.MetricsToken != "" && sent && subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.MetricsToken)) == 1:
		return true
	case s.cfg.Metrics == metricsLocal:
		return local(r)
	}
	return s.cfg.Metrics == metricsAll
}

// local reports whether a request comes from this machine. Behind a proxy that
// runs here every request does, so one that a proxy has passed on is none.
func local(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	ip := net.ParseIP(host)
	return err == nil && ip != nil && ip.IsLoopback()
}
