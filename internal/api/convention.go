package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/identity"
)

// maxBody is the largest JSON body that is read.
const maxBody = 64 << 10

// decode reads a JSON body into v. Members that v does not have are ignored and
// null counts as absent, as in APS.
func (c *call) decode(v any) error { return c.decodeUpTo(maxBody, "64 KiB", v) }

// decodeUpTo is decode for a body of at most limit bytes, which shown tells in words.
func (c *call) decodeUpTo(limit int64, shown string, v any) error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return fault.New(fault.Invalid, "The body must be JSON with the content type application/json.")
	}
	body, err := c.bytes(limit, shown)
	if err != nil {
		return err
	}
	return decodeJSON(body, v)
}

// bytes reads a body of at most limit bytes, which shown tells in words.
func (c *call) bytes(limit int64, shown string) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, c.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.New(fault.TooLarge, "The body is larger than %s.", shown)
	case err != nil:
		return nil, fault.New(fault.Invalid, "The body could not be read.")
	}
	return body, nil
}

// decodeJSON reads one JSON value into v, and tells what is wrong with it.
func decodeJSON(body []byte, v any) error {
	if !utf8.Valid(body) {
		return fault.New(fault.Invalid, "The body is not JSON in UTF-8.")
	}
	if string(bytes.TrimSpace(body)) == "null" {
		return fault.New(fault.Invalid, "The body is null.")
	}
	err := json.Unmarshal(body, v)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong) && wrong.Field == "":
		return fault.New(fault.Invalid, "The body is JSON of the wrong type.")
	case errors.As(err, &wrong):
		return fault.New(fault.Invalid, "The member %s has the wrong type.", wrong.Field)
	case fault.Is(err, fault.Invalid):
		return err // a date or a number of ours
	case err != nil:
		return fault.New(fault.Invalid, "The body is not JSON.")
	}
	return nil
}

// date is APS's form of a moment: milliseconds and a zone without a colon, which
// js-api and the mobile apps read and nothing else.
type date time.Time

// MarshalJSON writes the moment in UTC, or null for none.
func (d date) MarshalJSON() ([]byte, error) {
	t := time.Time(d)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(t.UTC().Format(`"2006-01-02T15:04:05.000-0700"`)), nil
}

// dateForms are how clients write a moment: js-api ends in Z, the mobile apps in
// +0000, and some send a day alone.
var dateForms = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", time.DateOnly}

// UnmarshalJSON reads a moment, to the millisecond; null leaves none.
func (d *date) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var word string
	if json.Unmarshal(text, &word) == nil {
		for _, form := range dateForms {
			t, err := time.Parse(form, word)
			if t = t.UTC(); err == nil && t.Year() > 0 && t.Year() < 10_000 { // what can be written again
				*d = date(t.Truncate(time.Millisecond))
				return nil
			}
		}
	}
	return fault.New(fault.Invalid, "A date must be written as 2026-01-20T22:03:05.123+0000, with Z for +0000, or as 2026-01-20.")
}

// digits is a number that clients send as a number or as text: APS has users as
// numbers in objects and as text in requests.
type digits int64

// UnmarshalJSON reads 1001 and "1001"; null leaves 0.
func (n *digits) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	read, err := strconv.ParseInt(string(bytes.Trim(text, `"`)), 10, 64)
	if err != nil || read < 0 {
		return fault.New(fault.Invalid, "An id must be a number.")
	}
	*n = digits(read)
	return nil
}

// paging is which part of a list a query's body asks for: page (from 0) and size, or
// start and size. What start says counts, when it says anything.
type paging struct {
	Page  digits `json:"page"`
	Size  digits `json:"size"`
	Start digits `json:"start"`
}

// span returns it as an offset and a length: 25 when nobody says how many, and at
// most identity.MaxPage.
func (p paging) span() (offset, limit int) {
	size := int64(p.Size)
	if size == 0 {
		size = 25
	}
	size = min(size, identity.MaxPage)
	start := int64(p.Start)
	if start == 0 {
		start = min(int64(p.Page), 1<<31) * size
	}
	return int(min(start, 1<<40)), int(size)
}

// number reads a number of the path or the query; absent gives 0.
func number(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.New(fault.Invalid, "%s must be a number.", name)
	}
	return n, nil
}

func (c *call) pathNumber(name string) (int64, error) { return number(name, c.PathValue(name)) }

// numbers reads numbers of the query into the given places.
func (c *call) numbers(places map[string]*int64) error {
	for name, place := range places {
		n, err := number(name, c.URL.Query().Get(name))
		if err != nil {
			return err
		}
		*place = n
	}
	return nil
}

// span reads from the query which part of a list is asked for, as paging does from a
// body; some operations call the size pageSize.
func (c *call) span() (offset, limit int, err error) {
	var start, page, size, pageSize int64
	if err := c.numbers(map[string]*int64{"start": &start, "page": &page, "size": &size, "pageSize": &pageSize}); err != nil {
		return 0, 0, err
	}
	if size == 0 {
		size = pageSize
	}
	offset, limit = paging{Page: digits(page), Size: digits(size), Start: digits(start)}.span()
	return offset, limit, nil
}

// page is APS's list.
type page[T any] struct {
	Size  int `json:"size"`
	Total int `json:"total"`
	Start int `json:"start"`
	Data  []T `json:"data"`
}

func newPage[T any](data []T, total, start int) page[T] {
	if data == nil {
		data = []T{}
	}
	return page[T]{len(data), total, start, data}
}
