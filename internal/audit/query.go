package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
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
	mac, err := l.cursorKey(ctx)
	if err != nil {
		return nil, "", err
	}
	where, args, err := q.where(mac)
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
	args = append(args, limit+1)
	err = l.db.Query(ctx, func(r store.Row) error {
		var e Event
		var details []byte
		if err := r.Scan(store.Time(&e.At), &e.ID, &e.Name, &e.Outcome, &e.Actor, &e.ActorName, &e.ClientID, &e.Subject, &e.Address, &e.Request, &details); err != nil {
			return err
		}
		list = append(list, e)
		return json.Unmarshal(details, &list[len(list)-1].Details)
	}, `SELECT at, id, event, outcome, actor, actor_name, client_id, subject, address, request, details FROM audit_events`+
		where+order+fmt.Sprintf(" LIMIT $%d", len(args)), args...)
	if err == nil && len(list) > limit {
		list = list[:limit]
		next = q.cursor(mac, &list[limit-1])
	}
	return list, next, err
}

// where is the condition with its arguments.
func (q *Query) where(mac []byte) (string, []any, error) {
	var conditions []string
	var args []any
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions = append(conditions, condition)
	}
	if !q.From.IsZero() {
		add(`at >= ?`, store.Millis(q.From))
	}
	if !q.To.IsZero() {
		add(`at < ?`, store.Millis(q.To))
	}
	if q.Actor != "" {
		add(`(actor = ? OR actor_name = ?)`, q.Actor, q.Actor)
	}
	for column, value := range map[string]string{"client_id": q.ClientID, "subject": q.Subject, "outcome": q.Outcome} {
		if value != "" {
			add(column+` = ?`, value)
		}
	}
	if q.Event != "" {
		add(`(event = ? OR event LIKE ? ESCAPE '!')`, q.Event, strings.TrimPrefix(store.Contains(q.Event+"."), "%"))
	}
	if q.Cursor != "" {
		at, id, err := q.position(mac)
		if err != nil {
			return "", nil, err
		}
		if q.Oldest {
			add(`(at, id) > (?, ?)`, at, id)
		} else {
			add(`(at, id) < (?, ?)`, at, id)
		}
	}
	if len(conditions) == 0 {
		return "", args, nil
	}
	return " WHERE " + strings.Join(conditions, " AND "), args, nil
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

// cursorKey is the key that all processes on the database have; the first one makes
// it.
func (l *Log) cursorKey(ctx context.Context) ([]byte, error) {
	const read = `SELECT value FROM shared_keys WHERE name = 'audit cursor'`
	var key []byte
	err := l.db.QueryRow(ctx, []any{&key}, read)
	if !errors.Is(err, store.ErrNoRow) {
		return key, err
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if _, err = l.db.Exec(ctx, `INSERT INTO shared_keys (name, value) VALUES ('audit cursor', $1) ON CONFLICT (name) DO NOTHING`, key); err != nil {
		return nil, err
	}
	return key, l.db.QueryRow(ctx, []any{&key}, read)
}
