package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// trouble is a way in which an authorization server fails.
type trouble struct {
	name     string
	answer   http.HandlerFunc // nil: nobody listens
	patience time.Duration    // that it asked for
}

var troubles = []trouble{
	{"down", nil, 0},
	{"hanging", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0},
	{"slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(3 * time.Second):
			say(w, http.StatusOK, `{"active":false}`)
		case <-r.Context().Done():
		}
	}, 0},
	{"failing", func(w http.ResponseWriter, _ *http.Request) {
		say(w, http.StatusInternalServerError, `{"active":false}`)
	}, 0},
	{"lying", lie, 0},
	{"limiting", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "2")
		say(w, http.StatusTooManyRequests, `{}`)
	}, 2 * time.Second},
}

// lies are answers with the status 200 that say nothing, or two things at once.
var lies = []string{`{"ACTIVE":true}`, `{"active":false,"active":true}`, `{"active":"true"}`, `{"active":true`, ``, `[]`, `null`, `{"Active":false}`,
	`{"active":true,"username":"` + strings.Repeat("x", 70_000) + `"}`}

var told atomic.Int64

func lie(w http.ResponseWriter, r *http.Request) {
	switch n := int(told.Add(1)) % (len(lies) + 2); n {
	case len(lies):
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	case len(lies) + 1:
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `{"active":false}`)
	default:
		say(w, http.StatusOK, lies[n])
	}
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, text)
}

// well is the server in order: tokens that begin with "good" are active.
func well(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.PostFormValue("token"), "good") {
		say(w, http.StatusOK, `{"active":false}`)
		return
	}
	say(w, http.StatusOK, `{"active":true,"username":"kermit","scope":"read"}`)
}

// script is an authorization server that fails as it is told.
type script struct {
	addr   string
	answer atomic.Pointer[http.HandlerFunc]
	mu     sync.Mutex
	server *http.Server // nil: nobody listens
}

func newScript() (*script, error) {
	s := &script{addr: "127.0.0.1:0"}
	s.end()
	if s.server == nil {
		return nil, fmt.Errorf("no address is free")
	}
	return s, nil
}

// begin makes trouble.
func (s *script) begin(t trouble) {
	if t.answer == nil {
		s.down()
		return
	}
	s.answer.Store(&t.answer)
}

// end puts the server in order.
func (s *script) end() {
	good := http.HandlerFunc(well)
	s.answer.Store(&good)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		return
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		fmt.Println("listening again:", err)
		return
	}
	s.addr = listener.Addr().String()
	s.server = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.answer.Load())(w, r) })}
	go func(server *http.Server) { _ = server.Serve(listener) }(s.server)
}

// down closes the address and every connection.
func (s *script) down() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server != nil {
		_ = s.server.Close()
		s.server = nil
	}
}
