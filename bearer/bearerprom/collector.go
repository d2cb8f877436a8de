// Package bearerprom tells Prometheus what a bearer.Server does: how requests end,
// what its caches know, and how its validators answer. It is a package of its own,
// so that programs without Prometheus do not need its libraries.
//
//	prometheus.MustRegister(bearerprom.New(check, ""))
package bearerprom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/bearer"
)

// Collector is a prometheus.Collector of one bearer.Server. It reads counters when
// it is asked and costs nothing in between.
type Collector struct {
	srv *bearer.Server

	requests, lookups, refreshes, busy, failures, tokens, open, duration *prometheus.Desc
}

// New returns a Collector of srv. The names begin with namespace and an underscore,
// if it is not empty, and "bearer_".
func New(srv *bearer.Server, namespace string) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "bearer", name), help, labels, nil)
	}
	return &Collector{srv: srv,
		requests:  desc("requests_total", "Requests by how their check ended: accepted, no_token, or an error code of RFC 6750.", "result"),
		lookups:   desc("cache_lookups_total", "Looks into the cache by what was found: facts, a remembered refusal, nothing.", "cache", "found"),
		refreshes: desc("cache_refreshes_total", "Facts that were asked anew in the background.", "cache"),
		busy:      desc("validator_spared_total", "Questions that were not asked: the breaker was open, or too many were under way.", "cache"),
		failures:  desc("validator_failures_total", "Questions without a definite answer.", "cache"),
		tokens:    desc("cache_tokens", "Tokens whose facts are held.", "cache"),
		open:      desc("breaker_open", "1 while the breaker is open.", "cache"),
		duration:  desc("validator_duration_seconds", "How long the validator took to answer.", "cache"),
	}
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.requests, c.lookups, c.refreshes, c.busy, c.failures, c.tokens, c.open, c.duration} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, n uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for result, n := range c.srv.Stats() {
		count(c.requests, n, result)
	}
	for name, s := range c.srv.Caches() {
		count(c.lookups, s.Hits, name, "facts")
		count(c.lookups, s.Refusals, name, "refusal")
		count(c.lookups, s.Misses, name, "nothing")
		count(c.refreshes, s.Refreshes, name)
		count(c.busy, s.Busy, name)
		count(c.failures, s.Failed, name)
		to <- prometheus.MustNewConstMetric(c.tokens, prometheus.GaugeValue, float64(s.Size), name)
		to <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, number(s.Open), name)
		buckets := map[float64]uint64{}
		for _, b := range s.Asked.Buckets {
			buckets[b.UpTo.Seconds()] = b.Count
		}
		to <- prometheus.MustNewConstHistogram(c.duration, s.Asked.Count, s.Asked.Sum.Seconds(), buckets, name)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
