package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scripted is a server that gives the same bytes as each answer. It counts the
// requests of each connection.
func scripted(t *testing.T, answers ...string) (addr string, connections chan int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = make(chan int, 100)
	go func() {
		for next := 0; ; {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			in, served := bufio.NewReader(conn), 0
			for next < len(answers) {
				r, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				_ = r.ParseForm() // to the end of the body
				_, _ = conn.Write([]byte(answers[next]))
				next, served = next+1, served+1
				if strings.Contains(answers[next-1], "close") || strings.HasPrefix(answers[next-1], "HTTP/1.0") {
					break
				}
			}
			conn.Close()
			connections <- served
		}
	}()
	return l.Addr().String(), connections
}

func connect(t *testing.T, addr string) *wire {
	t.Helper()
	w := dial(addr, time.Now().Add(time.Minute))
	t.Cleanup(w.close)
	return w
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

func TestWireReadsAnswersToTheirEnd(t *testing.T) {
	addr, connections := scripted(t,
		head+"Content-Length: 4\r\n\r\nbody",
		head+"transfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\nA;x=y\r\n\"12345678\"\r\n1\r\n}\r\n0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLOCATION: /next?a=b\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
		head+"Connection: close\r\nContent-Length: 3\r\n\r\none",
		"HTTP/1.0 200 OK\r\n\r\nup to the end",
		head+"Content-Length: 3\r\n\r\ntwo")
	w := connect(t, addr)
	for _, want := range []answer{{status: 200, body: []byte("body")}, {status: 200, body: []byte(`{"a":"12345678"}`)}, {status: 204},
		{status: 302, location: "/next?a=b", cookies: []string{"a=1; Path=/", "b=2"}}, {status: 200, body: []byte("one")},
		{status: 200, body: []byte("up to the end")}, {status: 200, body: []byte("two")}} {
		got, err := w.exchange(request("http://"+addr, "/x", nil, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got.status != want.status || string(got.body) != string(want.body) || got.location != want.location || strings.Join(got.cookies, "|") != strings.Join(want.cookies, "|") {
			t.Errorf("got %+v %q, want %+v %q", got, got.body, want, want.body)
		}
	}
	if first, second := <-connections, <-connections; first != 5 || second != 1 {
		t.Errorf("the first two connections carried %d and %d requests, want 5 and 1", first, second)
	}
}

func TestWireRefusesWhatIsNoAnswer(t *testing.T) {
	for name, text := range map[string]string{
		"no status line": "SSH-2.0-x\r\n\r\n", "no status": "HTTP/1.1 abc OK\r\n\r\n", "no header": "HTTP/1.1 200 OK\r\nhello\r\n\r\n",
		"no length": head + "Content-Length: many close\r\n\r\n", "no chunk": head + "Transfer-Encoding: chunked\r\nX: close\r\n\r\nxyz\r\n",
		"cut off": head + "Content-Length: 10\r\nX: close\r\n\r\nhalf"} {
		t.Run(name, func(t *testing.T) {
			addr, _ := scripted(t, text, text)
			if a, err := connect(t, addr).exchange(request("http://"+addr, "/x", nil, "", nil)); err == nil {
				t.Errorf("it was taken for %+v", a)
			}
		})
	}
}

func TestStepsCheckEveryAnswer(t *testing.T) {
	json := func(status, body string) string {
		return "HTTP/1.1 " + status + "\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body
	}
	tests := []struct{ name, answer, want string }{
		{"a token", json("200 OK", `{"access_token" : "abc","token_type":"Bearer"}`), ""},
		{"an error", json("401 Unauthorized", `{"error":"invalid_client"}`), `the token endpoint answered 401: {"error":"invalid_client"}`},
		{"no token", json("200 OK", `{"access_token":7}`), "without an access_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := scripted(t, tt.answer)
			made, err := asking(request("http://"+addr, "/token", &plain, "", map[string][]string{"a": {"b"}}))(connect(t, addr))
			if failed(err, tt.want) || (tt.want == "") != (made != 0 && err == nil) {
				t.Errorf("made %d, err = %v, want %q", made, err, tt.want)
			}
		})
	}
	for _, tt := range []struct{ name, answer, want string }{
		{"live", json("200 OK", `{"scope":"a","active": true}`), ""},
		{"dead", json("200 OK", `{"active":false}`), `introspection answered 200: {"active":false}`},
		{"refused", json("503 Service Unavailable", `{"active":true}`), "introspection answered 503"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := scripted(t, tt.answer)
			if err := introspected(connect(t, addr).exchange(request("http://"+addr, "/introspect", &plain, "", map[string][]string{"token": {"t"}}))); failed(err, tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func failed(err error, want string) bool {
	if want == "" {
		return err != nil
	}
	return err == nil || !strings.Contains(err.Error(), want)
}

func TestFlowFollowsRedirectsAndKeepsCookies(t *testing.T) {
	redirect := func(to, more string) string {
		return "HTTP/1.1 303 See Other\r\nLocation: " + to + "\r\n" + more + "Content-Length: 0\r\n\r\n"
	}
	good := `{"access_token":"at","id_token":"it"}`
	token := head + "Content-Length: " + itoa(len(good)) + "\r\n\r\n" + good
	tests := []struct {
		name    string
		answers []string
		want    string
	}{
		{"by way of a page", []string{redirect("/continue?x", "Set-Cookie: a=2\r\n"), redirect(callback+"?code=c&state=1", "Set-Cookie: b=; Max-Age=0\r\n"), token}, ""},
		{"an error", []string{redirect(callback+"?error=access_denied", "")}, "access_denied"},
		{"no code", []string{redirect(callback+"?state=1", "")}, errNoCode.Error()},
		{"elsewhere", []string{redirect("http://other.example.com/login", "")}, "redirected to http://other.example.com/login"},
		{"a page", []string{head + "Content-Length: 5\r\n\r\nlogin"}, "answered 200 without a redirect: login"},
		{"no id_token", []string{redirect(callback+"?code=c", ""), head + "Content-Length: 21\r\n\r\n" + `{"access_token":"at"}`}, "without an id_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr, _ := scripted(t, tt.answers...)
			d := door{base: "http://" + addr, authorize: "/authorize", token: "/token", client: plain}
			f := newFlow(d, []*http.Cookie{{Name: "a", Value: "1"}, {Name: "b", Value: "1"}})
			got, err := f.run(connect(t, addr))
			if failed(err, tt.want) {
				t.Fatalf("err = %v, want %q", err, tt.want)
			}
			if tt.want == "" && (string(got) != "at" || f.header != "a=2") {
				t.Errorf("token %q, cookies %q", got, f.header)
			}
		})
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
