package bench

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/sluicetest"
)

// handle sends one request over and over to the server's handler, without a network
// between, and reports the processor time of each: a busy machine changes it little.
func handle(b *testing.B, srv *sluicetest.Server, method, path string, form url.Values, authorization string) {
	b.Helper()
	handler, body := srv.Handler(), form.Encode()
	b.ReportAllocs()
	b.SetParallelism(clients / 2)
	before := processorTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := httptest.NewRequest(method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Authorization", authorization)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK {
				b.Errorf("%d %s", w.Code, w.Body)
				return
			}
		}
	})
	b.ReportMetric(float64(processorTime(b)-before)/1000/float64(b.N), "cpu-µs/op")
}

// processorTime is what this process has used so far, in nanoseconds.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkHandler(b *testing.B) {
	srv := server(b)
	token := token(b, srv)
	b.Run("client credentials", func(b *testing.B) {
		handle(b, srv, http.MethodPost, "/oauth/token", url.Values{"grant_type": {"client_credentials"}}, basic)
	})
	b.Run("introspection", func(b *testing.B) {
		handle(b, srv, http.MethodPost, "/oauth/introspect", url.Values{"token": {token}}, basic)
	})
	b.Run("app-version", func(b *testing.B) { handle(b, srv, http.MethodGet, version, nil, "Bearer "+token) })
}
