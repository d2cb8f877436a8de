package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/store"
)

// Query selects lines. The zero value selects the newest of all.
type Query struct {
	From, To time.Time // from From on, before To; zero means open
	Actor    string    // as Event.Actor has it, or the whole Event.ActorName
	ClientID string    // the whole id
	Subject  string    // as Event.Subject has it
	Event    string    // the name, or its noun: "user" selects user.create and the like
	Outcome  string
	Oldest   bool   // begin with the oldest
	Limit    int    // 0 means 100; at most MaxPage
	Cursor   string // where the page before ended, as Page returned it
}

// MaxPage is the longest page.
const MaxPage = 1000

// Page returns the lines that q selects and the cursor of the next page, which is
// empty after the last. A cursor that was not given out for this very query is an
// Invalid fault.
func (l *Log) Page(ctx context.Context, q Query) (list []Event, next string, err error) {
	mac, err := l.db.SharedKey(ctx, "audit cursor")
	if err != nil {
		return nil, "", err
	}
	w, err := q.where(mac)
	if err != nil {
		return nil, "", err
	}
	order := " ORDER BY at DESC, id DESC"
	if q.Oldest {
		order = " ORDER BY at, id"
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, MaxPage)
	err = l.db.Query(ctx, func(r store.Row) error {
		var e Event
		var details []byte
		if err := r.Scan(store.Time(&e.At), &e.ID, &e.Name, &e.Outcome, &e.Actor, &e.ActorName, &e.ClientID, &e.Subject, &e.Address, &e.Request, &details); err != nil {
			return err
		}
		list = append(list, e)
		return json.Unmarshal(details, &list[len(list)-1].Details)
	}, `SELECT at, id, event, outcome, actor, actor_name, client_id, subject, address, request, details FROM audit_events`+
		w.String()+order+w.Page(0, limit+1), w.Args...)
	if err == nil && len(list) > limit {
		list = list[:limit]
		next = q.cursor(mac, &list[limit-1])
	}
	return list, next, err
}

// where are the conditions.
func (q *Query) where(mac []byte) (*store.Where, error) {
	w := &store.Where{}
	if !q.From.IsZero() {
		w.Add(`at >= ?`, store.Millis(q.From))
	}
	if !q.To.IsZero() {
		w.Add(`at < ?`, store.Millis(q.To))
	}
	if q.Actor != "" {
		w.Add(`(actor = ? OR actor_name = ?)`, q.Actor)
	}
	for _, c := range []struct{ column, value string }{{"client_id", q.ClientID}, {"subject", q.Subject}, {"outcome", q.Outcome}} {
		if c.value != "" {
			w.Add(c.column+` = ?`, c.value)
		}
	}
	if q.Event != "" {
		w.Add(`(event = ? OR event LIKE ? ESCAPE '!')`, q.Event, strings.TrimPrefix(store.Contains(q.Event+"."), "%"))
	}
	if q.Cursor == "" {
		return w, nil
	}
	at, id, err := q.position(mac)
	if q.Oldest {
		w.Add(`(at, id) > (?, ?)`, at, id)
	} else {
		w.Add(`(at, id) < (?, ?)`, at, id)
	}
	return w, err
}

// A cursor is a position and a keyed digest over it and the query that it was given
// out for.
const macLength = 16

func (q *Query) digest(mac, position []byte) []byte {
	m := hmac.New(sha256.New, mac)
	_, _ = fmt.Fprintf(m, "%q %d %d %q %q %q %q %q %t", position, q.From.UnixMilli(), q.To.UnixMilli(), q.Actor, q.ClientID, q.Subject, q.Event, q.Outcome, q.Oldest)
	return m.Sum(nil)[:macLength]
}

func (q *Query) cursor(mac []byte, last *Event) string {
	position := append(binary.BigEndian.AppendUint64(nil, uint64(last.At.UnixMilli())), last.ID...)
	return base64.RawURLEncoding.EncodeToString(append(q.digest(mac, position), position...))
}

func (q *Query) position(mac []byte) (at int64, id string, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(raw) < macLength+8 || !hmac.Equal(raw[:macLength], q.digest(mac, raw[macLength:])) {
		return 0, "", fault.New(fault.Invalid, "the cursor is not one that this list gave out for these filters")
	}
	raw = raw[macLength:]
	return int64(binary.BigEndian.Uint64(raw)), string(bytes.Clone(raw[8:])), nil
}
