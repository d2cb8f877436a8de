// Command f5 puts a program that checks tokens under load while its authorization
// server is down, hangs, is slow, fails, lies or limits, and says what callers saw:
//
//	go run -C bench ./f5 -for 10m
//
// It ends with status 1 when a bad token was accepted, a good one was told as bad, a
// 503 came late or without Retry-After, or all was not well a second after the end
// of a trouble. How long routes take that check nothing is told beside it.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/bearer"
)

func main() {
	length := flag.Duration("for", 10*time.Minute, "how long the whole run takes")
	rate := flag.Int("rate", 200, "requests with a token in a second")
	flag.Parse()
	if err := run(*length, *rate); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(length time.Duration, rate int) error {
	server, err := newScript()
	if err != nil {
		return err
	}
	defer server.down()
	check, err := bearer.New(bearer.Config{Log: slog.New(slog.DiscardHandler),
		Validator: bearer.Cached(&bearer.Introspection{URL: "http://" + server.addr + "/introspect", ClientID: "f5", ClientSecret: "secret"})})
	if err != nil {
		return err
	}
	fine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	mux := http.NewServeMux()
	mux.Handle("/checked", check.Require(fine))
	mux.Handle("/open", fine)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	program := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = program.Serve(listener) }()
	defer func() { _ = program.Close() }()
	l := &load{address: "http://" + listener.Addr().String(), rate: rate,
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 2000}}}
	return l.story(server, length)
}

// story goes through the troubles, with calm before and after each.
func (l *load) story(server *script, length time.Duration) error {
	part := length / time.Duration(3*len(troubles)+1)
	fmt.Printf("%-10s %8s %6s %6s %6s %10s %10s %12s %10s\n", "", "requests", "200", "401", "503", "503 at", "recovery", "open route", "open p99")
	fmt.Printf("%-10s %8s %6s %6s %6s %10s %10s %12s %10s\n", "", "", "", "", "", "the latest", "", "p50", "")
	calm := l.run(part)
	calm.print("calm", 0)
	problems := calm.problems("calm", false)
	for _, t := range troubles {
		server.begin(t)
		seen := l.run(2 * part)
		server.end()
		ended := time.Now()
		after := l.run(part)
		recovery := after.lastBad.Sub(ended)
		seen.print(t.name, max(recovery, 0))
		after.print("  after", 0)
		problems = append(problems, seen.problems(t.name, true)...)
		problems = append(problems, after.problems("after "+t.name, false)...)
		problems = append(problems, seen.slower(t.name, calm, after)...)
		if recovery > time.Second+t.patience {
			problems = append(problems, fmt.Sprintf("%s: %v after its end a good token was not accepted", t.name, recovery))
		}
	}
	l.waiting.Wait()
	if len(problems) > 0 {
		return fmt.Errorf("%s", strings.Join(problems, "\n"))
	}
	return nil
}

// load asks for both routes at an even rate, whatever becomes of the answers.
type load struct {
	address string
	rate    int
	client  *http.Client
	waiting sync.WaitGroup
	n       int
}

// run asks for d and returns what was seen of the requests that began in it.
func (l *load) run(d time.Duration) *seen {
	s := &seen{}
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	var mine sync.WaitGroup
	ask := func(f func()) {
		l.waiting.Add(1)
		mine.Go(func() { defer l.waiting.Done(); f() })
	}
	begun := time.Now()
	for time.Since(begun) < d {
		<-tick.C
		l.n++
		n := l.n
		ask(func() { l.checked(s, n, begun) })
		if n%4 == 0 {
			ask(func() { l.open(s) })
		}
	}
	mine.Wait()
	return s
}

// checked sends one of the forty known tokens, or now and then one that nobody has
// seen: good or bad.
func (l *load) checked(s *seen, n int, phase time.Time) {
	token := fmt.Sprint("good-", n%40)
	switch n % 10 {
	case 8:
		token = fmt.Sprint("good-new-", n)
	case 9:
		token = fmt.Sprint("bad-", n)
	}
	r, err := http.NewRequest(http.MethodGet, l.address+"/checked", nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	begun := time.Now()
	resp, err := l.client.Do(r)
	took := time.Since(begun)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	s.note(resp, err, strings.HasPrefix(token, "good"), begun, took, begun.Sub(phase))
}

func (l *load) open(s *seen) {
	begun := time.Now()
	resp, err := l.client.Get(l.address + "/open")
	took := time.Since(begun)
	if err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = append(s.opened, took)
	if err != nil || resp.StatusCode != http.StatusOK {
		s.broken++
	}
}
