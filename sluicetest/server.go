package sluicetest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// Server is a running Sluice.
type Server struct {
	*sluice.Server
	// URL is where it answers, and its issuer.
	URL string
	// Admin makes users and clients on it.
	Admin *sluice.Admin
	// Config is what it runs with.
	Config sluice.Config
}

// Option changes a server before it starts.
type Option func(*setup)

type setup struct {
	cfg     sluice.Config
	options []sluice.Option
	users   []sluice.NewUser
	clients []sluice.NewClient
}

// User adds a user.
func User(email, password string) Option {
	return func(s *setup) { s.users = append(s.users, sluice.NewUser{Email: email, Password: password}) }
}

// Administrator adds an administrator.
func Administrator(email, password string) Option {
	return func(s *setup) {
		s.users = append(s.users, sluice.NewUser{Email: email, Password: password, Admin: true})
	}
}

// Client adds a client.
func Client(c sluice.NewClient) Option {
	return func(s *setup) { s.clients = append(s.clients, c) }
}

// Config changes the configuration.
func Config(change func(*sluice.Config)) Option {
	return func(s *setup) { change(&s.cfg) }
}

// With passes options of the front door on.
func With(options ...sluice.Option) Option {
	return func(s *setup) { s.options = append(s.options, options...) }
}

// NewServer starts a server that ends with the test and hashes passwords cheaply. Its log is discarded unless
// With(sluice.WithLog(…)) keeps it.
func NewServer(t testing.TB, options ...Option) *Server {
	t.Helper()
	listener := httptest.NewUnstartedServer(http.NotFoundHandler())
	t.Cleanup(listener.Close)
	where := storetest.Migrated(t)
	s := setup{cfg: sluice.DefaultConfig(), options: []sluice.Option{sluice.WithLog(slog.New(slog.DiscardHandler)), sluice.WithCheapPasswords()}}
	s.cfg.Addr = listener.Listener.Addr().String()
	s.cfg.Issuer = "http://" + s.cfg.Addr
	s.cfg.Database, s.cfg.Data = where.URL, filepath.Dir(where.Path)
	for _, o := range options {
		o(&s)
	}
	srv, err := sluice.New(context.Background(), s.cfg, s.options...)
	if err != nil {
		t.Fatal("starting a server:", err)
	}
	t.Cleanup(func() {
		listener.Close()
		if err := srv.Close(); err != nil {
			t.Error("closing the server:", err)
		}
	})
	server := &Server{Server: srv, URL: "http://" + s.cfg.Addr, Admin: srv.Admin(), Config: s.cfg}
	server.fill(t, s)
	listener.Config.Handler = srv.Handler()
	listener.Config.MaxHeaderBytes = 16 << 10
	listener.Start()
	return server
}

func (s *Server) fill(t testing.TB, from setup) {
	t.Helper()
	for _, u := range from.users {
		if _, err := s.Admin.CreateUser(context.Background(), u); err != nil {
			t.Fatal("adding a user:", err)
		}
	}
	for _, c := range from.clients {
		if _, err := s.Admin.CreateClient(context.Background(), c); err != nil {
			t.Fatal("adding a client:", err)
		}
	}
}

// Answer is an HTTP answer that was read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string
	// JSON is the body when it is a JSON object.
	JSON map[string]any
}

// Text returns a member of the JSON body that is text, or "".
func (a Answer) Text(member string) string {
	s, _ := a.JSON[member].(string)
	return s
}

// Do sends a request and reads the answer; redirects are not followed.
func (s *Server) Do(t testing.TB, r *http.Request) Answer {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return read(t, client, r)
}

func read(t testing.TB, client *http.Client, r *http.Request) Answer {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
	_ = json.Unmarshal(body, &a.JSON) // not every answer is JSON
	return a
}

// Post posts a form to a path. Headers are pairs of name and value.
func (s *Server) Post(t testing.TB, path string, form url.Values, headers ...string) Answer {
	t.Helper()
	return s.Do(t, request(t, http.MethodPost, s.URL+path, strings.NewReader(form.Encode()),
		append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)))
}

// PostAs is Post with HTTP Basic.
func (s *Server) PostAs(t testing.TB, id, secret, path string, form url.Values) Answer {
	t.Helper()
	r := request(t, http.MethodPost, s.URL+path, strings.NewReader(form.Encode()), []string{"Content-Type", "application/x-www-form-urlencoded"})
	r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	return s.Do(t, r)
}

// Get gets a path.
func (s *Server) Get(t testing.TB, path string, headers ...string) Answer {
	t.Helper()
	return s.Do(t, request(t, http.MethodGet, s.URL+path, nil, headers))
}

// Call calls an operation of the REST API with a bearer token; body is sent as
// JSON unless it is nil.
func (s *Server) Call(t testing.TB, token, method, operation string, body any) Answer {
	t.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		reader = strings.NewReader(string(text))
	}
	r := request(t, method, s.URL+"/activiti-app/api/enterprise/"+operation, reader, []string{"Authorization", "Bearer " + token})
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return s.Do(t, r)
}

func request(t testing.TB, method, address string, body io.Reader, headers []string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Token asks the token endpoint as a confidential client and returns the access
// token; anything but success ends the test.
func (s *Server) Token(t testing.TB, id, secret string, form url.Values) string {
	t.Helper()
	a := s.PostAs(t, id, secret, "/oauth/token", form)
	if a.Status != http.StatusOK || a.Text("access_token") == "" {
		t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	return a.Text("access_token")
}
