package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// fetch asks a running server: fetch STATUS METHOD PATH [user:password|Bearer=TOKEN] [body]. It
// waits until the server listens, and keeps the body in the file "answer".
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fetch STATUS METHOD PATH [credentials [body]]")
	}
	args = append(args, "", "")
	for deadline := time.Now().Add(20 * time.Second); ; {
		r, err := http.NewRequest(args[1], "http://"+ts.Getenv("ADDR")+args[2], strings.NewReader(args[4]))
		ts.Check(err)
		if args[4] != "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if id, secret, ok := strings.Cut(args[3], ":"); ok {
			r.SetBasicAuth(id, secret)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil && time.Now().Before(deadline) {
			time.Sleep(20 * time.Millisecond) // the process is still starting
			continue
		}
		ts.Check(err)
		body, err := io.ReadAll(resp.Body)
		ts.Check(err)
		ts.Check(resp.Body.Close())
		ts.Check(os.WriteFile(ts.MkAbs("answer"), body, 0o600))
		if resp.Status[:3] != args[0] {
			ts.Fatalf("%s %s: %s %s", args[1], args[2], resp.Status, body)
		}
		return
	}
}

// sendSignal sends SIGTERM to the background server.
func sendSignal(ts *testscript.TestScript, _ bool, _ []string) {
	commands := ts.BackgroundCmds()
	if len(commands) == 0 {
		ts.Fatalf("nothing runs in the background")
	}
	for _, c := range commands {
		ts.Check(terminate(c))
	}
}

func terminate(c *exec.Cmd) error { return c.Process.Signal(syscall.SIGTERM) }

// capture keeps in a variable what the group of a pattern matches in the last
// command's output: capture NAME PATTERN.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: capture NAME PATTERN")
	}
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%s is not in the output, or has not one group", args[1])
	}
	ts.Setenv(args[0], found[1])
}
