package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The outcomes of events.
const (
	Success   = "success"
	Failure   = "failure"   // refused: it was wrong
	Throttled = "throttled" // refused without a look: there were too many
	Denied    = "denied"    // a person said no
)

// Those who act without being a user or a client.
const (
	System  = "system"  // the server by itself
	Program = "program" // the program that it runs in, by the Go API
	CLI     = "cli"     // the command line
)

// Event is a line of the record.
type Event struct {
	ID      string    `json:"id"`      // unique; of one millisecond, the later has the higher one
	At      time.Time `json:"at"`      // in UTC, to the millisecond
	Name    string    `json:"event"`   // what happened: a noun and a verb, such as user.create
	Outcome string    `json:"outcome"` // Success, Failure, Throttled or Denied; empty means Success
	// Actor is who did it: User(id), Client(id), System, Program, CLI, or empty when
	// nobody is known. Empty on writing means whom the context names.
	Actor     string  `json:"actor"`
	ActorName string  `json:"actor_name,omitempty"` // what people call him, at that time
	ClientID  string  `json:"client_id,omitempty"`  // the application that was used; empty: none
	Subject   string  `json:"subject,omitempty"`    // what it was done to, in the form of Actor; empty: the actor
	Address   string  `json:"address,omitempty"`    // where the request came from; empty: no request
	Request   string  `json:"request,omitempty"`    // the request's id in the log
	Details   Details `json:"details,omitempty"`
}

// Details are the rarer facts of an event. They become JSON and must hold nothing
// that opens anything: no password, secret, token or code, nor what somebody has
// typed and nobody has recognised.
type Details map[string]any

// User names a user as Actor and Subject do.
func User(id int64) string { return "user:" + strconv.FormatInt(id, 10) }

// Client names a client as Actor and Subject do.
func Client(id string) string { return "client:" + id }

// The bounds of what a line holds, in bytes.
const (
	maxText    = 200
	maxDetails = 4 << 10
)

// line is the text of a column: bounded, and without what PostgreSQL cannot hold.
func line(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "")
	}
	return text
}

// text is the details' column.
func (d Details) text() (string, error) {
	if len(d) == 0 {
		return "{}", nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		return "", fmt.Errorf("writing the details of an event: %w", err)
	}
	if len(text) > maxDetails {
		return `{"cut":true}`, nil
	}
	return string(text), nil
}

// circumstances are what a context knows of who acts.
type circumstances struct {
	actor, name string
	request     string
	path        string
}

type key struct{}

func of(ctx context.Context) circumstances {
	c, _ := ctx.Value(key{}).(circumstances)
	return c
}

// WithActor returns a context in which that actor acts.
func WithActor(ctx context.Context, actor, name string) context.Context {
	c := of(ctx)
	c.actor, c.name = actor, name
	return context.WithValue(ctx, key{}, c)
}

// InRequest reports whether ctx is one of WithRequest's.
func InRequest(ctx context.Context) bool { return of(ctx).path != "" }

// WithRequest returns the context of a request in which nobody is known yet. A
// request that has an id already keeps it.
func WithRequest(ctx context.Context, id, path string) context.Context {
	if InRequest(ctx) {
		return ctx
	}
	return context.WithValue(ctx, key{}, circumstances{request: id, path: path})
}

// complete adds what the context knows.
func (e *Event) complete(ctx context.Context) {
	c := of(ctx)
	if e.Actor == "" {
		e.Actor, e.ActorName = c.actor, c.name
	}
	if e.Actor == "" && c.path == "" {
		e.Actor = Program
	}
	if e.Outcome == "" {
		e.Outcome = Success
	}
	e.Request = c.request
}
