package api

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

func TestDatesOut(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("", 5*3600+1800)
	for want, at := range map[string]time.Time{
		`"2026-01-20T22:03:05.123+0000"`: time.Date(2026, 1, 20, 22, 3, 5, 123_456_789, time.UTC),
		`"2026-01-20T22:03:05.000+0000"`: time.Date(2026, 1, 21, 3, 33, 5, 0, zone),
		`null`:                           {},
	} {
		if got, err := json.Marshal(date(at)); err != nil || string(got) != want {
			t.Errorf("%v: %s, %v; want %s", at, got, err, want)
		}
	}
}

func TestDatesIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"2026-01-20T22:03:05.123Z"`:      `"2026-01-20T22:03:05.123+0000"`,
		`"2026-01-20T22:03:05.123+0000"`:  `"2026-01-20T22:03:05.123+0000"`,
		`"2026-01-20T22:03:05Z"`:          `"2026-01-20T22:03:05.000+0000"`,
		`"2026-01-21T03:33:05.000+0530"`:  `"2026-01-20T22:03:05.000+0000"`,
		`"2026-01-21T03:33:05.000+05:30"`: `"2026-01-20T22:03:05.000+0000"`,
		`"2026-01-20T22:03:05.123456Z"`:   `"2026-01-20T22:03:05.123+0000"`,
		`"2016-06-16"`:                    `"2016-06-16T00:00:00.000+0000"`,
		`null`:                            `null`,
	} {
		var d date
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err := json.Marshal(d); err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`"yesterday"`, `""`, `5`, `true`, `{}`, `"2026-13-01"`, `"0000-01-01"`, `"0001-01-01T00:00:00+05:00"`, `"Wed Jan 20 22:03:05 EET 2016"`} {
		var d date
		if err := json.Unmarshal([]byte(text), &d); !fault.Is(err, fault.Invalid) || !time.Time(d).IsZero() {
			t.Errorf("%s: %v, %v", text, time.Time(d), err)
		}
	}
}

func TestIDsAsNumbersAndText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]digits{`1001`: 1001, `"1001"`: 1001, `null`: 0, `0`: 0} {
		var n digits
		if err := json.Unmarshal([]byte(text), &n); err != nil || n != want {
			t.Errorf("%s: %d, %v; want %d", text, n, err, want)
		}
	}
	for _, text := range []string{`"x"`, `""`, `-1`, `1.5`, `1e3`, `true`, `[]`, `99999999999999999999`} {
		var n digits
		if err := json.Unmarshal([]byte(text), &n); !fault.Is(err, fault.Invalid) || n != 0 {
			t.Errorf("%s: %d, %v", text, n, err)
		}
	}
}

func TestBothWaysOfPaging(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int{
		`{}`:                             {0, 25},
		`{"page":null,"size":null}`:      {0, 25},
		`{"page":2,"size":10}`:           {20, 10},
		`{"page":"2","size":"10"}`:       {20, 10},
		`{"start":7,"size":10}`:          {7, 10},
		`{"start":7,"page":3,"size":10}`: {7, 10},
		`{"page":0,"start":0}`:           {0, 25},
		`{"size":5000}`:                  {0, identity.MaxPage},
		`{"page":9223372036854775807}`:   {25 << 31, 25},
		`{"start":9223372036854775807}`:  {1 << 40, 25},
	} {
		var p paging
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if offset, limit := p.span(); offset != want[0] || limit != want[1] {
			t.Errorf("%s: %d %d, want %v", text, offset, limit, want)
		}
	}
	for query, want := range map[string][2]int{"": {0, 25}, "?page=1&pageSize=5": {5, 5}, "?start=3&size=4": {3, 4}, "?page=1&size=2&pageSize=9": {2, 2}} {
		c := &call{Request: httptest.NewRequestWithContext(t.Context(), "GET", "/"+query, nil)}
		if offset, limit, err := c.span(); err != nil || offset != want[0] || limit != want[1] {
			t.Errorf("%q: %d %d %v, want %v", query, offset, limit, err, want)
		}
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for kind, want := range map[fault.Kind]struct {
		status int
		key    string
	}{
		fault.Invalid: {400, "GENERAL.ERROR.BAD-REQUEST"}, fault.Unauthorized: {401, "GENERAL.ERROR.UNAUTHORIZED"},
		fault.Forbidden: {403, "GENERAL.ERROR.FORBIDDEN"}, fault.NotFound: {404, "GENERAL.ERROR.NOT-FOUND"},
		fault.Conflict: {409, "GENERAL.ERROR.BAD-REQUEST"}, fault.TooLarge: {413, "GENERAL.ERROR.UPLOAD-LIMIT-EXCEEDED"},
		fault.TooMany: {429, "GENERAL.ERROR.TOO-MANY-REQUESTS"}, fault.Unavailable: {503, "GENERAL.ERROR.SERVICE-UNAVAILABLE"},
	} {
		w := httptest.NewRecorder()
		bare().Refuse(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), fault.New(kind, "Why <so>?"))
		if got, want := strings.TrimSpace(w.Body.String()), `{"message":"Why \u003cso\u003e?","messageKey":"`+want.key+`"}`; got != want {
			t.Errorf("%v: %s, want %s", kind, got, want)
		}
		if w.Code != want.status || w.Header().Get("Content-Type") != "application/json;charset=UTF-8" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v: %d %v", kind, w.Code, w.Header())
		}
	}
}

// The challenge that opens a browser's own dialogue is for programs alone.
func TestNoBasicChallengeForPages(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{"": true, "X-Requested-With": false, "Sec-Fetch-Mode": false} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		if header != "" {
			r.Header.Set(header, "cors")
		}
		w := httptest.NewRecorder()
		bare().Refuse(w, r, fault.New(fault.Unauthorized, "No."))
		if got := w.Header().Get("WWW-Authenticate") != ""; got != want {
			t.Errorf("with %q: a challenge: %v, want %v", header, got, want)
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer       any
		status       int
		kind, body   string
		policy, disp string
	}{
		"nothing":   {nil, 200, "", "", "", ""},
		"a list":    {newPage[int](nil, 7, 3), 200, "application/json;charset=UTF-8", `{"size":0,"total":7,"start":3,"data":[]}` + "\n", "", ""},
		"a file":    {file{"image/png", []byte("x")}, 200, "image/png", "x", "default-src 'none'; sandbox", "inline"},
		"no file":   {file{}, 404, "", "", "", ""},
		"text only": {"x", 200, "application/json;charset=UTF-8", "\"x\"\n", "", ""},
	} {
		w := httptest.NewRecorder()
		write(w, c.answer)
		h := w.Header()
		if w.Code != c.status || h.Get("Content-Type") != c.kind || w.Body.String() != c.body || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Content-Security-Policy") != c.policy || h.Get("Content-Disposition") != c.disp {
			t.Errorf("%s: %d %v %q", name, w.Code, h, w.Body)
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	type target struct {
		Name *string `json:"name"`
		ID   digits  `json:"id"`
		At   date    `json:"at"`
	}
	for body, want := range map[string]string{
		`{"name":null,"unknown":{"a":[1]},"id":"7"}`: "", `{"name":5}`: "The member name has the wrong type.", `[]`: "The body is JSON of the wrong type.",
		`null`: "The body is null.", ` null `: "The body is null.", `{"name":`: "The body is not JSON.", ``: "The body is not JSON.",
		"{\"name\":\"\xff\"}": "The body is not JSON in UTF-8.", `{"id":"x"}`: "An id must be a number.", `{} {}`: "The body is not JSON.",
		`{"at":"x"}`: "A date must be written as 2026-01-20T22:03:05.123+0000, with Z for +0000, or as 2026-01-20.",
	} {
		var v target
		err := decodeJSON([]byte(body), &v)
		if (want == "") != (err == nil) || (err != nil && (!fault.Is(err, fault.Invalid) || fault.Message(err) != want)) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
}

// Whatever comes as a query's body: it is read or refused with a fault, and what was
// read can be asked of a database and written again.
func FuzzQueryBody(f *testing.F) {
	for _, body := range []string{`{}`, `{"page":1,"size":"10","start":null}`, `{"dueAfter":"2016-06-16","text":"x","assignee":1001}`, `{"dueAfter":"9999-12-31T23:59:59-05:00"}`, `null`, `[1]`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var q struct {
			paging
			Text     *string `json:"text"`
			DueAfter date    `json:"dueAfter"`
			Assignee digits  `json:"assignee"`
		}
		err := decodeJSON(body, &q)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if offset, limit := q.span(); offset < 0 || limit < 1 || limit > identity.MaxPage || q.Assignee < 0 {
			t.Fatalf("%q: offset %d, limit %d, assignee %d", body, offset, limit, q.Assignee)
		}
		text, err := json.Marshal(q.DueAfter)
		var again date
		if err != nil || json.Unmarshal(text, &again) != nil || !time.Time(again).Equal(time.Time(q.DueAfter)) {
			t.Fatalf("%q: %s %v", body, text, err)
		}
	})
}
