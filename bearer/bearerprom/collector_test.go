package bearerprom_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/bearer/bearerprom"
	"github.com/sluicehq/sluice/bearer/bearertest"
)

func TestCollector(t *testing.T) {
	t.Parallel()
	opaque := bearer.Cached(bearertest.Tokens{"t0ken-good": {Username: "kermit"}, "t0ken-down": nil})
	list := bearer.NewRevocationList(bearer.RevocationListConfig{Validator: bearer.Cached(bearertest.Tokens{})})
	srv, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler),
		Validator: bearer.ByIssuer{Opaque: opaque, Issuers: map[string]bearer.Validator{"https://id.example.com": list}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"t0ken-good", "t0ken-good", "t0ken-bad", "t0ken-bad", "t0ken-down", ""} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		_, _ = srv.Authenticate(r)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(bearerprom.New(srv, "shop"))
	text := `
# HELP shop_bearer_requests_total Requests by how their check ended: accepted, no_token, or an error code of RFC 6750.
# TYPE shop_bearer_requests_total counter
shop_bearer_requests_total{result="accepted"} 2
shop_bearer_requests_total{result="insufficient_scope"} 0
shop_bearer_requests_total{result="insufficient_user_authentication"} 0
shop_bearer_requests_total{result="invalid_dpop_proof"} 0
shop_bearer_requests_total{result="invalid_request"} 0
shop_bearer_requests_total{result="invalid_token"} 2
shop_bearer_requests_total{result="no_token"} 1
shop_bearer_requests_total{result="other"} 0
shop_bearer_requests_total{result="temporarily_unavailable"} 1
shop_bearer_requests_total{result="use_dpop_nonce"} 0
# HELP shop_bearer_cache_lookups_total Looks into the cache by what was found: facts, a remembered refusal, nothing.
# TYPE shop_bearer_cache_lookups_total counter
shop_bearer_cache_lookups_total{cache="https://id.example.com",found="facts"} 0
shop_bearer_cache_lookups_total{cache="https://id.example.com",found="nothing"} 0
shop_bearer_cache_lookups_total{cache="https://id.example.com",found="refusal"} 0
shop_bearer_cache_lookups_total{cache="opaque",found="facts"} 1
shop_bearer_cache_lookups_total{cache="opaque",found="nothing"} 3
shop_bearer_cache_lookups_total{cache="opaque",found="refusal"} 1
# HELP shop_bearer_cache_tokens Tokens whose facts are held.
# TYPE shop_bearer_cache_tokens gauge
shop_bearer_cache_tokens{cache="https://id.example.com"} 0
shop_bearer_cache_tokens{cache="opaque"} 1
# HELP shop_bearer_validator_failures_total Questions without a definite answer.
# TYPE shop_bearer_validator_failures_total counter
shop_bearer_validator_failures_total{cache="https://id.example.com"} 0
shop_bearer_validator_failures_total{cache="opaque"} 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(text), "shop_bearer_requests_total", "shop_bearer_cache_lookups_total",
		"shop_bearer_cache_tokens", "shop_bearer_validator_failures_total"); err != nil {
		t.Error(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 8 {
		t.Errorf("%d families, %v", len(families), err)
	}
	for _, f := range families {
		if strings.Contains(f.String(), "t0ken") {
			t.Errorf("a token came out: %s", f)
		}
		if f.GetName() == "shop_bearer_validator_duration_seconds" && f.Metric[1].Histogram.GetSampleCount() != 3 {
			t.Errorf("%s", f)
		}
	}
}
