package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running server.
type process struct {
	cmd   *exec.Cmd
	out   string // the file with what it says
	ended chan struct{}
	// began is how long it took from exec to the first good answer.
	began time.Duration
}

// said returns the end of what it said, for when it fails.
func (p *process) said() string {
	text, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return ending(text)
}

func ending(text []byte) string {
	const most = 2000
	return strings.TrimSpace(string(bytes.ToValidUTF8(text[max(0, len(text)-most):], nil)))
}

// startTime is how long a server may take to its first answer.
const startTime = 60 * time.Second

// start runs a program and waits until address answers 200.
func start(ctx context.Context, l launch, address string) (*process, error) {
	cmd := exec.CommandContext(ctx, l.program, l.args...)
	cmd.Dir, cmd.Env = l.dir, append(os.Environ(), l.env...)
	out, err := os.Create(filepath.Join(l.dir, "output"))
	if err != nil {
		return nil, fmt.Errorf("making the log: %w", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	p := &process{cmd: cmd, out: out.Name(), ended: make(chan struct{})}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 15 * time.Second
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}
	go func() {
		_ = cmd.Wait() // how it ended is told by what it said
		close(p.ended)
	}()
	if err := p.ready(ctx, address); err != nil {
		p.stop()
		return nil, err
	}
	p.began = time.Since(begin)
	return p, nil
}

// ready asks every millisecond until the answer is 200.
func (p *process) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return false
		}
		resp, err := client.Do(r)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	for !ask() {
		select {
		case <-p.ended:
			return fmt.Errorf("it ended before it answered: %s", p.said())
		case <-ctx.Done():
			return fmt.Errorf("no answer from %s within %s: %s", address, startTime, p.said())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// stop ends it, by force after ten seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
		return
	case <-time.After(10 * time.Second):
	}
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// resident is the memory of a process in bytes; 0: not known.
func resident(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}

// tick is the unit of processor times in /proc on every Linux of today.
const tick = 10 * time.Millisecond

// processorTime is what the processes and all below them have used.
func processorTime(roots ...int) time.Duration {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}
	parents, used := map[int]int{}, map[int]int64{}
	for _, name := range stats {
		pid, parent, ticks, err := readStat(name)
		if err == nil {
			parents[pid], used[pid] = parent, ticks
		}
	}
	var total int64
	for pid, ticks := range used {
		if below(pid, parents, roots) {
			total += ticks
		}
	}
	return time.Duration(total) * tick
}

func below(pid int, parents map[int]int, roots []int) bool {
	for range 100 {
		for _, root := range roots {
			if pid == root {
				return true
			}
		}
		if pid = parents[pid]; pid <= 1 {
			return false
		}
	}
	return false
}

// readStat reads /proc/PID/stat: user and system time, its own and that of its
// children that have ended.
func readStat(name string) (pid, parent int, ticks int64, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, 0, err
	}
	head, rest, ok := strings.Cut(string(text), " (")
	at := strings.LastIndex(rest, ") ")
	if !ok || at < 0 {
		return 0, 0, 0, errors.New("unknown form")
	}
	fields := strings.Fields(rest[at+2:])
	if len(fields) < 15 {
		return 0, 0, 0, errors.New("unknown form")
	}
	numbers := make([]int64, 0, 5)
	for _, field := range []string{fields[1], fields[11], fields[12], fields[13], fields[14]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, 0, err
		}
		numbers = append(numbers, n)
	}
	pid, err = strconv.Atoi(head)
	return pid, int(numbers[0]), numbers[1] + numbers[2] + numbers[3] + numbers[4], err
}

// freePort asks the system for one.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// execute runs a command to its end and returns what it printed.
func execute(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(name), firstOf(args), err, ending(said.Bytes()))
	}
	return out, nil
}

// firstOf names a command without the rest of its arguments, among which may be
// secrets.
func firstOf(args []string) string {
	return strings.Join(args[:min(2, len(args))], " ")
}
