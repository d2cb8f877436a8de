package audit_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/audit"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// record is a Log with a clock.
type record struct {
	*audit.Log
	db *store.DB
	mu sync.Mutex
	at time.Time
}

func newRecord(t *testing.T) *record {
	t.Helper()
	r := &record{db: storetest.Open(t), at: noon}
	r.Log = audit.New(r.db, slog.New(slog.DiscardHandler), func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.at
	})
	return r
}

func (r *record) move(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func (r *record) put(t *testing.T, ctx context.Context, e audit.Event) { //nolint:revive // the test comes first
	t.Helper()
	if err := r.db.Write(ctx, func(tx *store.Tx) error { return r.Write(ctx, tx, e) }); err != nil {
		t.Fatal(err)
	}
}

// all goes through every page and returns the events' names.
func (r *record) all(t *testing.T, q audit.Query) (names []string) {
	t.Helper()
	for {
		list, next, err := r.Page(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			names = append(names, e.Name)
		}
		if q.Cursor = next; next == "" {
			return names
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := newRecord(t)
	ctx := context.Background()
	kermit := audit.WithActor(ctx, audit.User(1001), "kermit@example.com")
	r.put(t, kermit, audit.Event{Name: "user.create", Subject: audit.User(1002)})
	r.put(t, kermit, audit.Event{Name: "user.disable", Subject: audit.User(1002), Details: audit.Details{"why": "left"}})
	r.move(time.Second)
	r.put(t, ctx, audit.Event{Name: "token.issue", Actor: audit.Client("web"), ClientID: "web"})
	r.move(time.Second)
	r.put(t, audit.WithRequest(ctx, "r1", "/login"), audit.Event{Name: "sign_in", Outcome: audit.Failure})
	r.put(t, ctx, audit.Event{Name: "user_group.x", ClientID: "web\x00" + strings.Repeat("x", 300)})
	want := []string{"user.create", "user.disable", "token.issue", "sign_in", "user_group.x"}
	for _, limit := range []int{1, 2, 3, 100} {
		if got := r.all(t, audit.Query{Oldest: true, Limit: limit}); !slices.Equal(got, want) {
			t.Errorf("the oldest first, %d at a time: %q", limit, got)
		}
		newest := slices.Clone(want)
		slices.Reverse(newest)
		if got := r.all(t, audit.Query{Limit: limit}); !slices.Equal(got, newest) {
			t.Errorf("the newest first, %d at a time: %q", limit, got)
		}
	}
	for name, test := range map[string]struct {
		q    audit.Query
		want []string
	}{
		"by actor":       {audit.Query{Actor: "user:1001"}, want[:2]},
		"by login":       {audit.Query{Actor: "kermit@example.com"}, want[:2]},
		"by program":     {audit.Query{Actor: "program"}, want[4:]},
		"by client":      {audit.Query{ClientID: "web"}, want[2:3]},
		"by subject":     {audit.Query{Subject: "user:1002"}, want[:2]},
		"by event":       {audit.Query{Event: "user.disable"}, want[1:2]},
		"by noun":        {audit.Query{Event: "user"}, want[:2]},
		"by a wild card": {audit.Query{Event: "%"}, nil},
		"by outcome":     {audit.Query{Outcome: "failure"}, want[3:4]},
		"from":           {audit.Query{From: noon.Add(time.Second)}, want[2:]},
		"to":             {audit.Query{To: noon.Add(time.Second)}, want[:2]},
		"of a time":      {audit.Query{From: noon.Add(time.Second), To: noon.Add(2 * time.Second)}, want[2:3]},
	} {
		test.q.Oldest = true
		if got := r.all(t, test.q); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	list, _, err := r.Page(ctx, audit.Query{Oldest: true})
	if err != nil {
		t.Fatal(err)
	}
	if e := list[1]; !e.At.Equal(noon) || e.Outcome != "success" || e.ActorName != "kermit@example.com" || e.Details["why"] != "left" || e.ID == "" {
		t.Errorf("%+v", e)
	}
	if e := list[3]; e.Actor != "" || e.Request != "r1" {
		t.Errorf("nobody was known: %+v", e)
	}
	if e := list[4]; len(e.ClientID) != 200 || strings.Contains(e.ClientID, "\x00") {
		t.Errorf("unbounded: %q", e.ClientID)
	}
}

// A cursor counts for the query that it was given out for, on every process, and
// nothing else does.
func TestCursors(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRecord(t)
	for n := range 3 {
		r.put(t, ctx, audit.Event{Name: fmt.Sprint("event.", n)})
	}
	q := audit.Query{Limit: 1, Event: "event"}
	_, next, err := r.Page(ctx, q)
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(next)
	if err != nil {
		t.Fatal(err)
	}
	other := audit.New(r.db, slog.New(slog.DiscardHandler), time.Now)
	q.Cursor = next
	if list, _, err := other.Page(ctx, q); err != nil || len(list) != 1 || list[0].Name != "event.1" {
		t.Errorf("another process: %v %v", list, err)
	}
	raw[len(raw)-1] ^= 1
	for name, forged := range map[string]audit.Query{
		"another position": {Limit: 1, Event: "event", Cursor: base64.RawURLEncoding.EncodeToString(raw)},
		"another filter":   {Limit: 1, Event: "other", Cursor: next},
		"another order":    {Limit: 1, Event: "event", Oldest: true, Cursor: next},
		"made up":          {Cursor: "AAAA"},
		"no base64":        {Cursor: "' OR 1=1 --"},
	} {
		if list, _, err := r.Page(ctx, forged); !fault.Is(err, fault.Invalid) || list != nil {
			t.Errorf("%s: %v %v", name, list, err)
		}
	}
}

// A flood of refusals is written in part, the rest is counted, and changes are not
// touched by it.
func TestFlood(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRecord(t)
	const flood = 700
	for range flood {
		r.Try(ctx, audit.Event{Name: "sign_in", Outcome: audit.Failure})
	}
	if got := len(r.all(t, audit.Query{Event: "sign_in", Limit: 1000})); got != 500 {
		t.Errorf("%d lines of %d", got, flood)
	}
	r.put(t, ctx, audit.Event{Name: "user.create"})
	r.move(time.Second)
	for range 30 {
		r.Try(ctx, audit.Event{Name: "later", Details: audit.Details{"by": "page"}})
	}
	list, _, err := r.Page(ctx, audit.Query{Event: "later", Oldest: true, Limit: 1000})
	if err != nil || len(list) != 20 {
		t.Fatalf("%d lines a second later: %v", len(list), err)
	}
	if got := fmt.Sprint(list[0].Details); got != "map[by:page missing_before:200]" {
		t.Error(got)
	}
	if got := fmt.Sprint(list[1].Details); got != "map[by:page]" {
		t.Error(got)
	}
	if got := r.all(t, audit.Query{Event: "user"}); len(got) != 1 {
		t.Errorf("the change's line: %q", got)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	r := newRecord(t)
	err := r.db.Write(ctx, func(tx *store.Tx) error {
		for range 1203 {
			if err := r.Write(ctx, tx, audit.Event{Name: "old"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r.move(time.Hour)
	r.put(t, ctx, audit.Event{Name: "new"})
	if n, err := r.Sweep(ctx, 0, 500); n != 0 || err != nil {
		t.Errorf("for ever: %d went, %v", n, err)
	}
	if n, err := r.Sweep(ctx, time.Hour, 500); n != 0 || err != nil {
		t.Errorf("of just that age: %d went, %v", n, err)
	}
	for _, want := range []int64{500, 500, 203, 0} {
		if n, err := r.Sweep(ctx, time.Hour-time.Millisecond, 500); n != want || err != nil {
			t.Errorf("%d went, not %d; %v", n, want, err)
		}
	}
	if got := r.all(t, audit.Query{}); !slices.Equal(got, []string{"new"}) {
		t.Errorf("%q are left", got)
	}
}
