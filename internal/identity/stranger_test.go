package identity

import (
	"fmt"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bearer"
	"github.com/sluicehq/sluice/internal/fault"
)

// Who is unknown or inactive here is not looked up again for five seconds, and counts
// with the very next call once he is made or activated here.
func TestStrangers(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := setup(t, func(c *Config) { c.Now = func() time.Time { return now } })
	token := &bearer.Token{Username: "kermit", ClientID: "app"}
	ask := func(what string, known bool, statements bool) {
		t.Helper()
		before := s.db.Statements()
		_, err := call(s.RequireToken, withToken(token))
		if (err == nil) != known || (err != nil && !fault.Is(err, fault.Forbidden)) {
			t.Errorf("%s: %v", what, err)
		}
		if asked := s.db.Statements() != before; asked != statements {
			t.Errorf("%s: the database was asked: %v", what, asked)
		}
	}
	ask("unknown", false, true)
	ask("unknown, again", false, false)
	kermit := create(t, s, NewUser{Email: "kermit"})
	ask("made here", true, true)
	status := func(status string) {
		if _, err := s.Update(t.Context(), kermit.ID, UserUpdate{Status: ptr(status)}); err != nil {
			t.Fatal(err)
		}
	}
	status(Inactive)
	ask("disabled", false, true)
	ask("disabled, again", false, false)
	status(Active)
	ask("enabled", true, true)
	status(Inactive)
	ask("disabled once more", false, true)
	if _, err := s.db.Exec(t.Context(), `UPDATE users SET status = 'active'`); err != nil { // as another process does
		t.Fatal(err)
	}
	now = now.Add(strangerTTL - time.Millisecond)
	ask("enabled elsewhere, within five seconds", false, false)
	now = now.Add(time.Millisecond)
	ask("enabled elsewhere, after them", true, true)
}

// What was looked up before a change is not remembered after it, and a flood of names
// does not fill the memory.
func TestStrangersAreBounded(t *testing.T) {
	t.Parallel()
	s, now := &strangers{}, time.Now()
	changes, _ := s.known("kermit", now)
	s.forget()
	s.add("kermit", changes, now)
	if _, known := s.known("kermit", now); known {
		t.Error("what was looked up before a change is remembered after it")
	}
	changes, _ = s.known("", now)
	for n := range 3 * strangerLimit {
		s.add(fmt.Sprint(n), changes, now)
		if len(s.until) > strangerLimit {
			t.Fatalf("%d names", len(s.until))
		}
	}
	if _, known := s.known(fmt.Sprint(3*strangerLimit-1), now); !known {
		t.Error("the last name is not remembered")
	}
	s.add("", changes, now)
	if _, known := s.known("", now); known {
		t.Error("a token without a name is remembered")
	}
}
