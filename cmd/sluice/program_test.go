package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
	"github.com/sluicehq/sluice/sluicetest"
)

const (
	frog       = "frog@example.com"
	frogSecret = "green"
	comeBack   = "http://127.0.0.1:5999/callback"
)

// often is how many times a test repeats what it does: n, or what the environment
// variable says.
func often(t *testing.T, variable string, n int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number above 0, not %q", variable, text)
	}
	return n
}

// place is a database with a user and the tests' clients on it, for real processes.
type place struct {
	where  store.Config
	issuer string
	secret string // of the client "app"
}

// newPlace prepares a fresh database. The issuer is the address of the first
// process that will run on it.
func newPlace(t *testing.T, issuer string) *place {
	t.Helper()
	p := &place{where: storetest.Config(t), issuer: issuer}
	cfg := sluice.DefaultConfig()
	cfg.Issuer, cfg.Database, cfg.Data, cfg.LogLevel = issuer, p.where.URL, p.data(), "error"
	admin, err := sluice.OpenAdmin(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.CreateUser(context.Background(), sluice.NewUser{Email: frog, Password: frogSecret}); err != nil {
		t.Fatal(err)
	}
	p.secret, err = admin.CreateClient(context.Background(), sluice.NewClient{GenerateSecret: true, Client: sluice.Client{
		ID: "app", GrantTypes: []string{"authorization_code", "password", "client_credentials", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"},
		RedirectURIs: []string{comeBack}, Scopes: []string{"read", "write"}, SkipConsent: true, Introspect: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// database names the kind.
func (p *place) database() string {
	if p.where.URL != "" {
		return "PostgreSQL"
	}
	return "SQLite"
}

func (p *place) data() string {
	if p.where.URL != "" {
		return ""
	}
	return filepath.Dir(p.where.Path)
}

// program is a running process of the real program.
type program struct {
	*sluicetest.Server // speaks to it
	command            *exec.Cmd
	ready              time.Duration // from its start to its first good answer
	said               *speech
	ended              sync.Once
}

// speech keeps what a process writes.
type speech struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write keeps more.
func (o *speech) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns what was written until now.
func (o *speech) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// run starts a process on the place and waits until it is ready.
func (p *place) run(t *testing.T, addr string, settings ...string) *program {
	t.Helper()
	args := []string{"serve", "--addr", addr, "--set", "sluice.issuer=" + p.issuer, "--set", "sluice.log-level=error"}
	if p.where.URL != "" {
		args = append(args, "--database", p.where.URL)
	} else {
		args = append(args, "--data", p.data())
	}
	for _, s := range settings {
		args = append(args, "--set", s)
	}
	c := exec.CommandContext(context.Background(), os.Args[0], args...)
	c.Env = append(os.Environ(), "SLUICE_TEST_PROGRAM=1")
	c.Dir = t.TempDir() // no settings of somebody else's
	running := &program{Server: &sluicetest.Server{URL: "http://" + addr}, command: c, said: &speech{}}
	c.Stdout, c.Stderr = running.said, running.said
	begun := time.Now()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(running.kill)
	running.waitUntilReady(t, begun)
	return running
}

func (p *program) waitUntilReady(t *testing.T, begun time.Time) {
	t.Helper()
	for time.Since(begun) < 30*time.Second {
		if resp, err := http.Get(p.URL + "/management/health"); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				p.ready = time.Since(begun)
				return
			}
		}
		time.Sleep(2 * time.Millisecond) // the process is starting
	}
	t.Fatalf("the server did not start: %s", p.said)
}

// kill is kill -9, and waits until the process is gone.
func (p *program) kill() {
	p.ended.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGKILL) // gone already: as good
		_ = p.command.Wait()
	})
}
