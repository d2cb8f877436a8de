package throttle

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/bearer/bearertest"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/origin"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// newGuard returns a guard as the server has it by default.
func newGuard(db *store.DB, c *bearertest.Clock) *Guard {
	return New(db, Config{Enabled: true, Free: 5, Base: time.Second, Max: 15 * time.Minute, Forget: time.Hour,
		AddressFree: 50, AddressForget: time.Minute, Exempt: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Now: c.Now})
}

func setup(t *testing.T) (*Guard, *bearertest.Clock) {
	t.Helper()
	c := bearertest.NewClock()
	return newGuard(storetest.Open(t), c), c
}

// from is a request from an address.
func from(t *testing.T, address string) context.Context {
	t.Helper()
	return origin.With(t.Context(), netip.MustParseAddr(address))
}

const (
	near = "203.0.113.7"
	far  = "198.51.100.9"
)

var guesses atomic.Int64

// outcome tries a secret of a user and tells what came of it: right, wrong, or for
// how many seconds nothing is checked.
func outcome(ctx context.Context, g *Guard, name, secret string) string {
	return tried(ctx, g, Attempt{Kind: User, Name: name, Stored: "right", Secret: secret})
}

func tried(ctx context.Context, g *Guard, a Attempt) string {
	right, err := g.Check(ctx, a, func(context.Context) (bool, error) { return a.Secret == "right", nil })
	switch {
	case fault.Is(err, fault.TooMany):
		return fmt.Sprint(fault.Wait(err))
	case err != nil:
		return err.Error()
	case right:
		return "right"
	}
	return "wrong"
}

// wrong makes n guesses, none like another, and returns the outcome of the last.
func wrong(ctx context.Context, g *Guard, name string, n int) (last string) {
	for range n {
		last = outcome(ctx, g, name, fmt.Sprint("guess ", guesses.Add(1)))
	}
	return last
}

func want(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// Five failures are free; each further one doubles the delay from a second to a
// quarter of an hour, and nothing is checked within it.
func TestDelayGrows(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	ctx := from(t, near)
	want(t, "the fifth", wrong(ctx, g, "kermit", 5), "wrong")
	for _, delay := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900} {
		want(t, "within the delay", wrong(ctx, g, "kermit", 1), fmt.Sprint(delay))
		want(t, "the right one within the delay", outcome(ctx, g, "kermit", "right"), fmt.Sprint(delay))
		c.Move(time.Duration(delay)*time.Second - time.Millisecond)
		want(t, "just before its end", outcome(ctx, g, "kermit", "right"), "1")
		c.Move(time.Millisecond)
		want(t, "at its end", wrong(ctx, g, "kermit", 1), "wrong")
	}
	want(t, "somebody else", outcome(ctx, g, "fozzie", "right"), "right")
	c.Move(15 * time.Minute)
	want(t, "the right one at last", outcome(ctx, g, "kermit", "right"), "right")
	want(t, "five free ones again", wrong(ctx, g, "kermit", 5), "wrong")
	want(t, "and then a second", wrong(ctx, g, "kermit", 1), "1")
}

// Failures are forgotten one by one.
func TestFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	ctx := from(t, near)
	wrong(ctx, g, "kermit", 5)
	c.Move(2 * time.Hour)
	want(t, "two are forgotten", wrong(ctx, g, "kermit", 2), "wrong")
	want(t, "not three", wrong(ctx, g, "kermit", 1), "1")
	for range 40 { // a long attack
		wrong(ctx, g, "kermit", 1)
		c.Move(15 * time.Minute)
	}
	c.Move(15 * time.Hour)
	want(t, "the next day", wrong(ctx, g, "kermit", 5), "wrong")
}

// However many come at once, five are checked, on every process of the database
// together.
//
// Lesson L09, CVE-2024-4629: a guess is counted before it is checked, also when many come at once
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	c := bearertest.NewClock()
	nodes := []*Guard{newGuard(db, c), newGuard(db, c)}
	var checks, refused atomic.Int64
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			ctx := from(t, fmt.Sprintf("198.51.100.%d", i)) // and from wherever they come
			_, err := nodes[i%2].Check(ctx, Attempt{Kind: User, Name: "kermit", Secret: fmt.Sprint(i)}, func(context.Context) (bool, error) {
				checks.Add(1)
				return false, nil
			})
			switch {
			case fault.Is(err, fault.TooMany):
				refused.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if checks.Load() != 5 || refused.Load() != 95 {
		t.Errorf("%d were checked, %d refused", checks.Load(), refused.Load())
	}
}

// A hundred who know the secret all come in, however few failures are free.
func TestParallelProofs(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	var wait sync.WaitGroup
	for i := range 100 {
		wait.Go(func() {
			want(t, "one of many", outcome(from(t, fmt.Sprintf("203.0.113.%d", i)), g, "kermit", "right"), "right")
		})
	}
	wait.Wait()
	want(t, "guesses after that", wrong(from(t, far), g, "kermit", 5), "wrong")
}

// The check of a secret outlives the caller who began it, because others wait for it;
// they wait no longer than they want to.
func TestCheckOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		what := m.mark("kermit", "right")
		finish := make(chan struct{})
		check := func(ctx context.Context) (bool, error) {
			<-finish
			return ctx.Err() == nil, ctx.Err()
		}
		results := make(chan string, 3)
		begin := func(fn func(context.Context) (bool, error)) context.CancelFunc {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				right, err := m.once(ctx, what, fn)
				results <- fmt.Sprint(right, fault.Is(err, fault.Unavailable))
			}()
			synctest.Wait()
			return cancel
		}
		twice := func(context.Context) (bool, error) { return false, errors.New("checked twice") }
		first, second, third := begin(check), begin(twice), begin(twice)
		first()
		third()
		want(t, "who does not wait", <-results, "false true")
		close(finish)
		want(t, "one", <-results, "true false")
		want(t, "the other", <-results, "true false")
		second()
		want(t, "who comes later", func() string {
			_, err := m.once(t.Context(), what, twice)
			return fmt.Sprint(err)
		}(), "checked twice")
	})
}

// An address has fifty failures, of whatever accounts; what comes in between does not
// clear it.
func TestAddress(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	ctx := from(t, near)
	for i := range 50 {
		want(t, "free", wrong(ctx, g, fmt.Sprint("user ", i), 1), "wrong")
		if i < 49 {
			want(t, "his own in between", outcome(ctx, g, "owner", "right"), "right")
		}
	}
	want(t, "the next account", wrong(ctx, g, "another", 1), "1")
	want(t, "even the right one", outcome(ctx, g, "owner", "right"), "1")
	want(t, "from elsewhere", outcome(from(t, far), g, "another", "right"), "right")
	for i := range 50 {
		wrong(from(t, "2001:db8::1"), g, fmt.Sprint("user6 ", i), 1)
	}
	want(t, "the same /64", wrong(from(t, "2001:db8::ffff:1"), g, "another", 1), "1")
	want(t, "the next /64", wrong(from(t, "2001:db8:0:1::1"), g, "another", 1), "wrong")
	for i := range 60 {
		want(t, "an exempt address", wrong(from(t, "10.1.2.3"), g, fmt.Sprint("user10 ", i), 1), "wrong")
	}
	c.Move(time.Second)
	want(t, "after the delay", outcome(ctx, g, "owner", "right"), "right")
	want(t, "which took back only itself", wrong(ctx, g, "yet another", 1), "wrong")
	want(t, "so that the delay grows", wrong(ctx, g, "yet another", 1), "2")
	c.Move(10 * time.Minute)
	for i := range 9 {
		want(t, "ten minutes forget ten of 51", wrong(ctx, g, fmt.Sprint("later user ", i), 1), "wrong")
	}
	want(t, "and not more", wrong(ctx, g, "one more", 1), "1")
}

// Strangers cannot keep the owner out where he came in before, and he does not clear
// their failures.
func TestKnownNetwork(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	home, away := from(t, near), from(t, far)
	want(t, "at home", outcome(home, g, "kermit", "right"), "right")
	wrong(away, g, "kermit", 5)
	want(t, "the stranger", wrong(away, g, "kermit", 1), "1")
	want(t, "the owner on the road", outcome(from(t, "192.0.2.1"), g, "kermit", "right"), "1")
	want(t, "the owner at home", outcome(home, g, "kermit", "right"), "right")
	want(t, "the stranger after that", outcome(away, g, "kermit", "right"), "1")
	want(t, "a guest at home", wrong(home, g, "kermit", 5), "wrong")
	want(t, "has his own limit", wrong(home, g, "kermit", 1), "1")
	want(t, "and not that of another account", outcome(home, g, "fozzie", "right"), "right")
	c.Move(91 * 24 * time.Hour)
	wrong(away, g, "kermit", 5)
	want(t, "the owner at home a quarter of a year later", outcome(home, g, "kermit", "right"), "1")
}

// What is remembered is never an answer for somebody who guesses.
func TestMemory(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	var checks int
	attempt := func(address, secret string) string {
		a := Attempt{Kind: Client, Name: "web", Stored: "right", Secret: secret, Keep: time.Minute}
		right, err := g.Check(from(t, address), a, func(context.Context) (bool, error) {
			checks++
			return secret == "right", nil
		})
		if fault.Is(err, fault.TooMany) {
			return fmt.Sprint(fault.Wait(err))
		}
		return fmt.Sprint(right)
	}
	for range 10 {
		want(t, "the owner", attempt(near, "right"), "true")
	}
	if checks != 1 {
		t.Errorf("%d checks", checks)
	}
	for i := range 5 {
		attempt(far, fmt.Sprint("guess", i))
	}
	want(t, "the right guess within the delay", attempt(far, "right"), "1")
	want(t, "the owner meanwhile", attempt(near, "right"), "true")
	if checks != 6 {
		t.Errorf("%d checks with five guesses", checks)
	}
	attempt(near, "a guess from the owner's network")
	if attempt(near, "right"); checks != 8 {
		t.Errorf("%d checks: the memory did not forget after a guess", checks)
	}
	c.Move(time.Minute)
	if attempt(near, "right"); checks != 9 {
		t.Errorf("%d checks: the memory did not end", checks)
	}
}

// Who has to wait does not join the check of somebody who has not.
func TestNobodyJoinsWithinTheDelay(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	home, away := from(t, near), from(t, far)
	outcome(home, g, "kermit", "right")
	wrong(away, g, "kermit", 5)
	begun, finish, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	a := Attempt{Kind: User, Name: "kermit", Stored: "right", Secret: "right"}
	go func() {
		defer close(done)
		_, _ = g.Check(home, a, func(context.Context) (bool, error) {
			close(begun)
			<-finish
			return true, nil
		})
	}()
	<-begun
	want(t, "the stranger with the right secret", tried(away, g, a), "1")
	close(finish)
	<-done
}

// What cannot be checked is no failure, and no success.
func TestTrouble(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	ctx := from(t, near)
	trouble := fault.New(fault.Unavailable, "no place for the hash")
	for i := range 60 {
		right, err := g.Check(ctx, Attempt{Kind: User, Name: "kermit", Secret: fmt.Sprint(i)}, func(context.Context) (bool, error) { return true, trouble })
		if right || !errors.Is(err, trouble) {
			t.Fatalf("%v %v", right, err)
		}
	}
	want(t, "afterwards", wrong(ctx, g, "kermit", 5), "wrong")
}

// When attempts cannot be counted, none is checked.
func TestDatabaseInTrouble(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	c := bearertest.NewClock()
	g := newGuard(db, c)
	if db.Name() == "sqlite" {
		if _, err := db.Exec(t.Context(), `CREATE TRIGGER full_disk BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'no'); END`); err != nil {
			t.Fatal(err)
		}
	} else if _, err := db.Exec(t.Context(), `ALTER TABLE attempts ADD CONSTRAINT full_disk CHECK (key IS NULL)`); err != nil {
		t.Fatal(err)
	}
	checked := false
	right, err := g.Check(from(t, near), Attempt{Kind: User, Name: "kermit", Secret: "right"}, func(context.Context) (bool, error) {
		checked = true
		return true, nil
	})
	if right || err == nil || checked {
		t.Errorf("%v %v, checked %v", right, err, checked)
	}
}

func TestUserCodes(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	ctx := from(t, near)
	code := func(secret string) string { return tried(ctx, g, Attempt{Kind: UserCode, Secret: secret}) }
	for i := range 4 {
		want(t, "a guess", code(fmt.Sprint(i)), "wrong")
		want(t, "one's own code in between", code("right"), "right")
	}
	want(t, "the fifth", code("fifth"), "wrong")
	want(t, "then", code("right"), "1")
	want(t, "from elsewhere", tried(from(t, far), g, Attempt{Kind: UserCode, Secret: "x"}), "wrong")
	want(t, "signing in is something else", outcome(ctx, g, "kermit", "right"), "right")
	c.Move(time.Second)
	want(t, "after the delay", code("right"), "right")
}

// User codes belong to no account: whatever one network guesses, another one is not
// held up by it. Those from nowhere are counted together, not let through.
func TestUserCodesOfOneNetworkHoldUpNoOther(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	guess := func(ctx context.Context) string {
		return tried(ctx, g, Attempt{Kind: UserCode, Secret: fmt.Sprint("code ", guesses.Add(1))})
	}
	for range 5 {
		want(t, "near", guess(from(t, near)), "wrong")
		want(t, "from nowhere", guess(t.Context()), "wrong")
	}
	want(t, "near, then", guess(from(t, near)), "1")
	want(t, "from nowhere, then", guess(t.Context()), "1")
	for range 5 {
		want(t, "far", guess(from(t, far)), "wrong")
	}
}

func TestUnlock(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	home, away := from(t, near), from(t, far)
	outcome(home, g, "kermit", "right")
	wrong(away, g, "kermit", 5)
	wrong(home, g, "kermit", 3)
	list, err := g.Standings(t.Context(), User, "kermit")
	if err != nil || len(list) != 2 || list[0].Known || list[0].Failures != 5 || !list[0].Until.Equal(g.now().Add(time.Second)) ||
		!list[1].Known || list[1].Failures != 3 || !list[1].Until.IsZero() {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := g.Standings(t.Context(), Client, "kermit"); err != nil || len(list) != 0 {
		t.Errorf("a client of the same name: %+v %v", list, err)
	}
	if err := g.Unlock(t.Context(), User, "kermit"); err != nil {
		t.Fatal(err)
	}
	want(t, "unlocked", wrong(away, g, "kermit", 5), "wrong")
	want(t, "unlocked at home", wrong(home, g, "kermit", 5), "wrong")
	want(t, "home is known still", wrong(home, g, "kermit", 1), "1")
	for i := range 50 {
		wrong(from(t, "192.0.2.7"), g, fmt.Sprint("user ", i), 1)
	}
	want(t, "the address", wrong(from(t, "192.0.2.7"), g, "one more", 1), "1")
	if err := g.UnlockAddress(t.Context(), netip.MustParseAddr("192.0.2.7")); err != nil {
		t.Fatal(err)
	}
	want(t, "the address unlocked", wrong(from(t, "192.0.2.7"), g, "one more", 1), "wrong")
	c.Move(time.Hour)
}

// Unlocking forgets failures; what else is known of the account stays: the sweep after
// it does not make its owner a stranger at home.
func TestUnlockKeepsKnownNetworks(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	home, away := from(t, near), from(t, far)
	want(t, "at home", outcome(home, g, "kermit", "right"), "right")
	wrong(home, g, "kermit", 3)
	if err := g.Unlock(t.Context(), User, "kermit"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Sweep(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	wrong(away, g, "kermit", 5)
	want(t, "a stranger", wrong(away, g, "kermit", 1), "1")
	want(t, "the owner at home", outcome(home, g, "kermit", "right"), "right")
}

// Unlocking an address lets it try user codes again.
func TestUnlockAddressForUserCodes(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	guess := func() string {
		return tried(from(t, near), g, Attempt{Kind: UserCode, Secret: fmt.Sprint("code ", guesses.Add(1))})
	}
	for range 5 {
		want(t, "free", guess(), "wrong")
	}
	want(t, "then", guess(), "1")
	if err := g.UnlockAddress(t.Context(), netip.MustParseAddr(near)); err != nil {
		t.Fatal(err)
	}
	want(t, "unlocked", guess(), "wrong")
}

func TestSweep(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	for i := range 20 {
		wrong(from(t, near), g, fmt.Sprint("user ", i), 1)
	}
	outcome(from(t, far), g, "kermit", "right")
	sweep := func(limit int) int64 {
		n, err := g.Sweep(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := sweep(100); n != 0 {
		t.Errorf("%d rows went before their time", n)
	}
	c.Move(2 * time.Hour)
	first, rest, none := sweep(5), sweep(100), sweep(100)
	if first != 5 || first+rest != 22 || none != 0 { // 20 accounts and 2 networks; the known one stays
		t.Errorf("%d, then %d, then %d", first, rest, none)
	}
	c.Move(90 * 24 * time.Hour)
	if n := sweep(100); n != 1 {
		t.Errorf("%d known networks went", n)
	}
}

// A clock that was a day ahead does not lock anybody out for a day.
func TestClockWasWrong(t *testing.T) {
	t.Parallel()
	g, c := setup(t)
	ctx := from(t, near)
	c.Move(24 * time.Hour)
	wrong(ctx, g, "kermit", 5)
	c.Move(-24 * time.Hour)
	want(t, "set right again", outcome(ctx, g, "kermit", "right"), "right")
	want(t, "and counting again", wrong(ctx, g, "kermit", 5), "wrong")
	want(t, "with delays", wrong(ctx, g, "kermit", 1), "1")
}

func TestOff(t *testing.T) {
	t.Parallel()
	g := New(storetest.Open(t), Config{})
	want(t, "the hundredth guess", wrong(from(t, near), g, "kermit", 100), "wrong")
	want(t, "the right one", outcome(from(t, near), g, "kermit", "right"), "right")
}

func TestInWords(t *testing.T) {
	t.Parallel()
	for d, text := range map[time.Duration]string{
		time.Millisecond: "a second", time.Second: "a second", 1001 * time.Millisecond: "2 seconds", time.Minute: "60 seconds",
		61 * time.Second: "2 minutes", 15 * time.Minute: "15 minutes",
	} {
		want(t, d.String(), inWords(d), text)
	}
}

// What was right is remembered for those who ask for that alone: a sign-in is checked
// each time, also while the same password is remembered for calls.
func TestWithoutKeepItIsChecked(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	ctx := from(t, near)
	var checks int
	for _, keep := range []time.Duration{time.Hour, time.Hour, 0, 0} {
		a := Attempt{Kind: User, Name: "kermit", Stored: "right", Secret: "right", Keep: keep}
		right, err := g.Check(ctx, a, func(context.Context) (bool, error) { checks++; return true, nil })
		if !right || err != nil {
			t.Fatalf("keep %s: %v, %v", keep, right, err)
		}
	}
	if checks != 3 {
		t.Errorf("%d checks, want 3: one is remembered, and two must not be", checks)
	}
}

// What is remembered was right for what is stored: after a change the same secret is
// checked again.
func TestAnotherStoredFormIsChecked(t *testing.T) {
	t.Parallel()
	g, _ := setup(t)
	ctx := from(t, near)
	for stored, want := range map[string]bool{"first": true, "second": false} {
		a := Attempt{Kind: Client, Name: "app", Stored: "first", Secret: "secret", Keep: time.Hour}
		if right, err := g.Check(ctx, a, func(context.Context) (bool, error) { return true, nil }); !right || err != nil {
			t.Fatalf("the first form: %v, %v", right, err)
		}
		a.Stored = stored
		if right, err := g.Check(ctx, a, func(context.Context) (bool, error) { return false, nil }); right != want || err != nil {
			t.Errorf("stored %s: %v, %v, want %v", stored, right, err, want)
		}
	}
}

// What is remembered of secrets that were right has a bound, however many there are.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newMemory()
	until := time.Now().Add(time.Hour)
	for i := range mostRemembered + 1 {
		var who mark
		who[0], who[1] = byte(i), byte(i>>8)
		m.remember(who, who, until)
	}
	if len(m.right) != 1 {
		t.Errorf("%d are remembered after %d, want 1: over the bound it starts anew", len(m.right), mostRemembered+1)
	}
}

// A failure that is taken back takes its own delay along, and leaves that of a later one.
func TestUndoLeavesALaterDelay(t *testing.T) {
	t.Parallel()
	r := rule{free: 1, base: time.Second, max: time.Minute, forget: time.Hour}
	now := time.UnixMilli(1_800_000_000_000)
	one := r.count(state{}, now)
	two := r.count(one, now)
	if wait := r.wait(r.undo(one, one, now), now); wait != 0 {
		t.Errorf("the only failure taken back: a delay of %s, want none", wait)
	}
	if wait := r.wait(r.undo(two, one, now), now); wait != 2*time.Second {
		t.Errorf("the first of two taken back: a delay of %s, want the second's, 2s", wait)
	}
}
