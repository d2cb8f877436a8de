package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// wire is one persistent HTTP/1.1 connection of the load generator. It sends
// prepared bytes and reads no more of an answer than the scenarios look at, so that
// it leaves the processors to the server.
type wire struct {
	addr string // host:port
	end  time.Time
	conn net.Conn
	in   *bufio.Reader
	body []byte
}

// answer is what came back. Its body is good until the next exchange.
type answer struct {
	status   int
	location string
	cookies  []string // as Set-Cookie has them
	body     []byte

	length  int // -1: not told
	chunked bool
	last    bool // the connection ends with it
}

// dial connects to addr; every exchange must be over by end.
func dial(addr string, end time.Time) *wire { return &wire{addr: addr, end: end} }

func (w *wire) open() error {
	conn, err := (&net.Dialer{Deadline: w.end}).DialContext(context.Background(), "tcp", w.addr)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	w.conn, w.in = conn, bufio.NewReaderSize(conn, 16<<10)
	return conn.SetDeadline(w.end)
}

func (w *wire) close() {
	if w.conn != nil {
		w.conn.Close()
		w.conn = nil
	}
}

// exchange sends a request and reads the answer to its end.
func (w *wire) exchange(request []byte) (answer, error) {
	if w.conn == nil {
		if err := w.open(); err != nil {
			return answer{}, err
		}
	}
	if _, err := w.conn.Write(request); err != nil {
		w.close()
		return answer{}, fmt.Errorf("sending the request: %w", err)
	}
	a, err := w.read()
	if err != nil {
		w.close()
		return a, fmt.Errorf("reading the answer: %w", err)
	}
	if a.last {
		w.close()
	}
	return a, nil
}

func (w *wire) read() (answer, error) {
	a := answer{length: -1}
	line, err := w.line()
	if err != nil {
		return a, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		return a, fmt.Errorf("%q is no status line", line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("%q is no status line", line)
	}
	for {
		if line, err = w.line(); err != nil {
			return a, err
		}
		if len(line) == 0 {
			break
		}
		if err := a.header(line); err != nil {
			return a, err
		}
	}
	a.body, err = w.content(&a)
	return a, err
}

// line reads up to the end of a line, which it leaves away.
func (w *wire) line() ([]byte, error) {
	line, err := w.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

func (a *answer) header(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		return fmt.Errorf("%q is no header", line)
	}
	value = bytes.TrimSpace(value)
	is := func(s string) bool { return len(name) == len(s) && bytes.EqualFold(name, []byte(s)) }
	switch {
	case is("Content-Length"):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no length", line)
		}
		a.length = n
	case is("Transfer-Encoding"):
		a.chunked = bytes.EqualFold(value, []byte("chunked"))
	case is("Connection"):
		a.last = bytes.EqualFold(value, []byte("close"))
	case is("Location"):
		a.location = string(value)
	case is("Set-Cookie"):
		a.cookies = append(a.cookies, string(value))
	}
	return nil
}

func (w *wire) content(a *answer) ([]byte, error) {
	w.body = w.body[:0]
	switch {
	case a.status == 204 || a.status == 304:
		return nil, nil
	case a.chunked:
		return w.chunks()
	case a.length >= 0:
		return w.body, w.take(a.length)
	}
	a.last = true
	rest, err := io.ReadAll(w.in)
	return rest, err
}

// take appends the next n bytes to the body.
func (w *wire) take(n int) error {
	had := len(w.body)
	w.body = append(w.body, make([]byte, n)...)
	_, err := io.ReadFull(w.in, w.body[had:])
	return err
}

func (w *wire) chunks() ([]byte, error) {
	for {
		line, err := w.line()
		if err != nil {
			return nil, err
		}
		size, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("%q is no chunk", line)
		}
		if err := w.take(int(n)); err != nil {
			return nil, err
		}
		if line, err = w.line(); err != nil { // after the data, or instead of trailers
			return nil, err
		}
		if len(line) != 0 {
			return nil, fmt.Errorf("%q after a chunk", line)
		}
		if n == 0 {
			return w.body, nil
		}
	}
}

// member returns the text that a JSON object has under name, without unescaping:
// tokens and codes have nothing to escape.
func member(body []byte, name string) []byte {
	rest, ok := value(body, name)
	if !ok || len(rest) == 0 || rest[0] != '"' {
		return nil
	}
	text, _, ok := bytes.Cut(rest[1:], []byte(`"`))
	if !ok {
		return nil
	}
	return text
}

// value returns what follows `"name":` in body.
func value(body []byte, name string) ([]byte, bool) {
	_, rest, ok := bytes.Cut(body, []byte(`"`+name+`"`))
	if !ok {
		return nil, false
	}
	rest = bytes.TrimLeft(rest, " \n\t")
	if len(rest) == 0 || rest[0] != ':' {
		return nil, false
	}
	return bytes.TrimLeft(rest[1:], " \n\t"), true
}

// active reports whether an introspection answer says so.
func active(body []byte) bool {
	rest, ok := value(body, "active")
	return ok && bytes.HasPrefix(rest, []byte("true"))
}

// tail shortens a body for an error message. Bodies of errors hold no secret; those
// of successes are never shown.
func tail(body []byte) string {
	const most = 300
	if len(body) > most {
		body = body[:most]
	}
	return strings.TrimSpace(string(body))
}

var errNoCode = errors.New("the redirect brings no code")

// codeOf reads the code out of a redirect to the callback.
func codeOf(location string) (string, error) {
	u, err := url.Parse(location)
	if err != nil {
		return "", fmt.Errorf("reading the redirect: %w", err)
	}
	q := u.Query()
	if q.Get("error") != "" {
		return "", fmt.Errorf("the redirect brings %s: %s", q.Get("error"), q.Get("error_description"))
	}
	if q.Get("code") == "" {
		return "", errNoCode
	}
	return q.Get("code"), nil
}
