package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// signInSite signs in by a page, asks on another one, and has a session in a cookie.
func signInSite(t *testing.T, password string) door {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if _, err := r.Cookie("session"); err == nil {
			http.Redirect(w, r, callback+"?code=c-"+r.URL.Query().Get("state"), http.StatusFound)
			return
		}
		_, _ = fmt.Fprint(w, `<form method="post" action="/login?a=1&amp;b=2"><input type="hidden" name="form_token" value="t&amp;t">`+
			`<input type="text" name="email" value=""><input type="password" name="password"></form>`)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "a=1&b=2" || r.FormValue("form_token") != "t&t" || r.FormValue("email") != user.id || r.FormValue("password") != password {
			http.Error(w, "wrong", http.StatusForbidden)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s", Path: "/"})
		http.Redirect(w, r, "/authorize", http.StatusSeeOther)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return door{base: srv.URL, authorize: "/authorize", token: "/token", client: plain, user: user}
}

func TestSignInGoesThroughThePages(t *testing.T) {
	cookies, err := signIn(context.Background(), signInSite(t, user.secret))
	if err != nil || len(cookies) != 1 || cookies[0].Name != "session" || cookies[0].Value != "s" {
		t.Errorf("cookies %v, err = %v", cookies, err)
	}
	if _, err := signIn(context.Background(), signInSite(t, "another")); err == nil || !strings.Contains(err.Error(), "/login answered 403: wrong") {
		t.Errorf("err = %v", err)
	}
}

func TestScenariosThatAreNotOffered(t *testing.T) {
	if _, _, err := preparePassword(context.Background(), door{}, 4); !errors.Is(err, errNotOffered) {
		t.Errorf("password: err = %v", err)
	}
	if _, _, err := prepareES256(context.Background(), door{}, 4); !errors.Is(err, errNotOffered) {
		t.Errorf("ES256: err = %v", err)
	}
	people := []credential{{"a", "x"}, {"b", "x"}}
	_, steps, err := preparePassword(context.Background(), door{base: "http://127.0.0.1:1", people: people}, 32)
	if err != nil || len(steps) != 2 {
		t.Errorf("%d connections sign in, err = %v", len(steps), err)
	}
}

// A wrong answer takes a server out of the run and fails it; the others go on.
func TestAWrongAnswerEndsOneServerAlone(t *testing.T) {
	e := &entry{contender: contender{name: "x"}, samples: map[string][]sample{}, without: map[string]bool{}}
	calls := 0
	what := scenario{name: "broken", prepare: func(context.Context, door, int) (string, []step, error) {
		calls++
		return "", nil, errNoCode
	}}
	s := &site{postgres: &postgres{}}
	e.take(t.Context(), s, what, options{})
	e.take(t.Context(), s, what, options{})
	if calls != 1 || e.wrong == nil || !strings.Contains(e.wrong.Error(), "x: broken: "+errNoCode.Error()) {
		t.Errorf("asked %d times, wrong = %v", calls, e.wrong)
	}
	lacking := &entry{contender: contender{lacks: map[string]string{"broken": "reason"}}, without: map[string]bool{"other": true}}
	lacking.take(t.Context(), s, what, options{})
	lacking.take(t.Context(), s, scenario{name: "other", prepare: what.prepare}, options{})
	if calls != 1 || lacking.wrong != nil {
		t.Errorf("a server was asked for what it lacks")
	}
}

func TestHashAloneIsTimed(t *testing.T) {
	got := hashAlone(time.Millisecond)
	if got.rate <= 0 || got.cpu < time.Millisecond {
		t.Errorf("got %+v: a hash of 19 MiB takes longer", got)
	}
}

func TestOwnProcessIsRead(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	if n := resident(os.Getpid()); n < 1<<20 {
		t.Errorf("this process has %d bytes", n)
	}
	pid, parent, _, err := readStat("/proc/self/stat")
	if err != nil || pid != os.Getpid() || parent != os.Getppid() {
		t.Errorf("pid %d, parent %d, err = %v", pid, parent, err)
	}
	if resident(-1) != 0 || processorTime(-1) != 0 {
		t.Error("a process that is not there has memory or time")
	}
}
