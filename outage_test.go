package sluice_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	osexec "os/exec"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/sluicetest"
)

// RELIABILITY F6: PostgreSQL dies, stays away and comes back while eight callers go on.
// Meanwhile every answer is 503, the process is alive and not ready; two seconds after
// the database's return at the latest everything works, and what was answered before is
// there. The server is not killed by anything that the test does.
//
//	SLUICE_TEST_POSTGRES=URL SLUICE_TEST_POSTGRES_DIR=DIR SLUICE_TEST_OUTAGE=60s go test . -v -run PostgreSQLStops
//
// DIR is what clients/postgres has started at URL; nobody else may use that server.
func TestPostgreSQLStops(t *testing.T) {
	dir := os.Getenv("SLUICE_TEST_POSTGRES_DIR")
	if dir == "" {
		t.Skip("needs a PostgreSQL that it may stop: SLUICE_TEST_POSTGRES_DIR")
	}
	outage := 3 * time.Second
	if text := os.Getenv("SLUICE_TEST_OUTAGE"); text != "" {
		var err error
		if outage, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	srv := newServer(t)
	u, err := url.Parse(srv.Config.Database)
	if err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) {
		t.Helper()
		if out, err := osexec.CommandContext(context.Background(), "clients/postgres", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	issued := byPassword(t, srv, kermit)
	command("halt", dir)
	end := time.Now().Add(outage)
	var callers sync.WaitGroup
	asked := make([]int, 8)
	for i := range asked {
		callers.Go(func() {
			for ; time.Now().Before(end); asked[i]++ {
				whileAway(t, srv, issued)
			}
		})
	}
	callers.Wait()
	command("resume", dir, u.Port())
	back := time.Now()
	for srv.Get(t, "/management/health/readiness").Status != http.StatusOK {
		if time.Since(back) > 2*time.Second {
			t.Fatal("not ready two seconds after the database's return")
		}
	}
	counts(t, srv, "issued before the outage", issued, true)
	counts(t, srv, "issued afterwards", byPassword(t, srv, kermit), true)
	if took := time.Since(back); took > 2*time.Second {
		t.Errorf("everything works after %s", took)
	}
	total := 0
	for _, n := range asked {
		total += n
	}
	t.Logf("%d rounds in %s; everything works %s after the database's return", total, outage, time.Since(back).Round(time.Millisecond))
	if total == 0 {
		t.Error("nobody asked")
	}
}

// whileAway asks everything once.
func whileAway(t *testing.T, srv *sluicetest.Server, issued sluicetest.Answer) {
	t.Helper()
	for path, form := range map[string]url.Values{
		"/oauth/introspect": {"token": {issued.Text("access_token")}}, "/oauth/revoke": {"token": {issued.Text("access_token")}},
		"/oauth/token":   {"grant_type": {"client_credentials"}},
		"/oauth/token?1": {"grant_type": {"refresh_token"}, "refresh_token": {issued.Text("refresh_token")}},
	} {
		begun := time.Now()
		a := srv.PostAs(t, "app", "app secret", path, form)
		if a.Status != 503 || a.Text("error") != "temporarily_unavailable" || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: answered after %s", path, took)
		}
	}
	if a := srv.Call(t, issued.Text("access_token"), http.MethodGet, "profile", nil); a.Status != 503 {
		t.Errorf("API: %d %s", a.Status, a.Body)
	}
	if ready, alive := srv.Get(t, "/management/health/readiness").Status, srv.Get(t, "/management/health/liveness").Status; ready != 503 || alive != 200 {
		t.Errorf("ready %d, alive %d", ready, alive)
	}
}
