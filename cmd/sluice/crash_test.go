package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// start runs the real program on a data folder and waits until it answers.
func start(t *testing.T, dir, addr string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(context.Background(), os.Args[0], "serve", "--demo", "--addr", addr, "--data", dir)
	c.Env = append(os.Environ(), "SLUICE_TEST_PROGRAM=1")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for range 400 {
		if resp, err := http.Get("http://" + addr + "/management/health"); err == nil {
			_ = resp.Body.Close()
			return c
		}
		time.Sleep(25 * time.Millisecond) // the process is starting
	}
	t.Fatal("the server did not start")
	return nil
}

// post sends a form as the demo's client; an error means that no whole answer
// came.
func post(addr, path string, form url.Values) (map[string]any, error) {
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth("alfrescoapp", "secret")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var answer map[string]any
	return answer, json.Unmarshal(body, &answer)
}

// Every token that was answered before a kill -9 is valid after the restart, and
// every revocation that was answered holds.
func TestNothingAnsweredIsLostByKill(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := l.Addr().String(), t.TempDir()
	_ = l.Close()
	issued, revoked := map[string]bool{}, map[string]bool{}
	for round := range 3 {
		server := start(t, dir, addr)
		var mu sync.Mutex
		var wg sync.WaitGroup
		var once sync.Once
		enough := make(chan struct{})
		for range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					a, err := post(addr, "/oauth/token", url.Values{"grant_type": {"client_credentials"}})
					if err != nil {
						return // killed
					}
					token, _ := a["access_token"].(string)
					mu.Lock()
					issued[token] = true
					if len(issued) >= 200*(round+1) {
						once.Do(func() { close(enough) })
					}
					mu.Unlock()
					if n%3 != 0 {
						continue
					}
					if _, err := post(addr, "/oauth/revoke", url.Values{"token": {token}}); err == nil {
						mu.Lock()
						revoked[token] = true
						mu.Unlock()
					} else {
						mu.Lock()
						delete(issued, token) // revoked or not: nobody was told
						mu.Unlock()
						return
					}
				}
			})
		}
		<-enough
		if err := server.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_ = server.Wait()
	}
	start(t, dir, addr)
	for token := range issued {
		a, err := post(addr, "/oauth/introspect", url.Values{"token": {token}})
		if err != nil || a["active"] != !revoked[token] {
			t.Fatalf("of %d tokens, %d revoked, one is told as %v (revoked: %v) %v", len(issued), len(revoked), a["active"], revoked[token], err)
		}
	}
}
