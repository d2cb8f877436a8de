package bench

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice"
	"github.com/sluicehq/sluice/sluicetest"
)

// clients is how many ask at once.
const clients = 16

func server(b *testing.B, options ...sluicetest.Option) *sluicetest.Server {
	b.Helper()
	client := sluice.Client{ID: "app", GrantTypes: []string{"password", "client_credentials", "refresh_token"}, Scopes: []string{"read"}, Introspect: true}
	jwt := client
	jwt.ID, jwt.TokenFormat = "jwt", "jwt"
	return sluicetest.NewServer(b, append([]sluicetest.Option{sluicetest.User("kermit@example.com", "green"),
		sluicetest.Client(sluice.NewClient{Client: client, Secret: "app secret"}),
		sluicetest.Client(sluice.NewClient{Client: jwt, Secret: "app secret"})}, options...)...)
}

var transport = &http.Transport{MaxIdleConnsPerHost: 4 * clients, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext}

// load sends one request over and over from all clients and reports requests/s.
func load(b *testing.B, method, address string, form url.Values, header, value string) {
	b.Helper()
	client := &http.Client{Transport: transport}
	body := form.Encode()
	b.SetParallelism(clients / 2) // times GOMAXPROCS, which is 2 on the reference machine
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequest(method, address, strings.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(header, value)
			resp, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				b.Errorf("status %d", resp.StatusCode)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

const basic = "Basic YXBwOmFwcCtzZWNyZXQ="

func BenchmarkClientCredentials(b *testing.B) {
	srv := server(b)
	load(b, http.MethodPost, srv.URL+"/oauth/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", basic)
}

func BenchmarkClientCredentialsJWT(b *testing.B) {
	srv := server(b)
	load(b, http.MethodPost, srv.URL+"/oauth/token", url.Values{"grant_type": {"client_credentials"}}, "Authorization", "Basic and0OmFwcCtzZWNyZXQ=")
}

func token(b *testing.B, srv *sluicetest.Server) string {
	b.Helper()
	return srv.Token(b, "app", "app secret", url.Values{"grant_type": {"password"}, "username": {"kermit@example.com"}, "password": {"green"}})
}

func BenchmarkIntrospection(b *testing.B) {
	srv := server(b)
	load(b, http.MethodPost, srv.URL+"/oauth/introspect", url.Values{"token": {token(b, srv)}}, "Authorization", basic)
}

const version = "/activiti-app/api/enterprise/app-version"

// replay answers every request from memory with what the server answers to one at
// address: the same headers and the same bytes.
func replay(b *testing.B, address, authorization string) http.Handler {
	b.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
	resp.Header.Del("Date") // net/http's own
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), resp.Header)
		_, _ = w.Write(body)
	})
}

// The same answer behind the check in process, behind introspection at another
// server, and with no check at all.
func BenchmarkAPICall(b *testing.B) {
	srv := server(b)
	bearer := "Bearer " + token(b, srv)
	b.Run("in process", func(b *testing.B) { load(b, http.MethodGet, srv.URL+version, nil, "Authorization", bearer) })
	other := sluicetest.NewServer(b, sluicetest.User("kermit@example.com", "x"), sluicetest.Config(func(c *sluice.Config) {
		c.Bearer.CheckToken, c.Bearer.ClientID, c.Bearer.ClientSecret = srv.URL+"/oauth/introspect", "app", "app secret"
	}))
	b.Run("introspection", func(b *testing.B) { load(b, http.MethodGet, other.URL+version, nil, "Authorization", bearer) })
	b.Run("no check", func(b *testing.B) {
		plain := &http.Server{ReadHeaderTimeout: time.Second, Handler: replay(b, srv.URL+version, bearer)}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		go func() { _ = plain.Serve(l) }()
		b.Cleanup(func() { _ = plain.Close() })
		load(b, http.MethodGet, "http://"+l.Addr().String()+version, nil, "Authorization", bearer)
	})
}
