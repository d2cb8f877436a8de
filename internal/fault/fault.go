package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says which sort of trouble a fault is. Each presentation (OAuth JSON,
// APS JSON, page) has one table from kinds to its own statuses and codes.
type Kind int

// The kinds. Internal is the zero value: an error nobody classified.
const (
	Internal     Kind = iota // a defect of ours; details stay in the log
	Invalid                  // the request cannot be understood or is not allowed as it stands
	Unauthorized             // credentials are missing or wrong
	Forbidden                // the caller is known and may not do this
	NotFound                 // there is no such thing, or the caller may not know of it
	Conflict                 // the thing is not in a state that allows this
	TooLarge                 // the request is over a limit
	TooMany                  // the caller must slow down
	Unavailable              // we cannot know now; trying again later may help
)

// String returns the kind's name for logs.
func (k Kind) String() string {
	return [...]string{"internal", "invalid", "unauthorized", "forbidden", "not found", "conflict", "too large", "too many", "unavailable"}[k]
}

// Error is an error whose message may be shown to the caller.
type Error struct {
	Kind    Kind
	Message string // safe to show: no secret, no SQL, no path
	Cause   error  // for the log only; may be nil

	// Wait is how long the caller should wait before he tries again; 0 means that
	// nobody can say.
	Wait time.Duration
}

// Error returns the message and, for the log, the cause.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New returns a fault of the given kind whose formatted message may be shown.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns a fault of the given kind with a message that may be shown and
// a cause that may not. A nil cause gives nil.
func Wrap(kind Kind, cause error, message string) error {
	if cause == nil {
		return nil
	}
	return &Error{Kind: kind, Message: message, Cause: cause}
}

// Later returns a TooMany fault for a caller who has to wait.
func Later(wait time.Duration, format string, args ...any) error {
	return &Error{Kind: TooMany, Message: fmt.Sprintf(format, args...), Wait: wait}
}

// Wait returns after how many seconds the caller may try again: what the outermost
// fault says, rounded up; 2 when it says nothing but may pass by itself; 0 when
// waiting does not help.
func Wait(err error) int64 {
	var f *Error
	switch {
	case !errors.As(err, &f):
		return 0
	case f.Wait > 0:
		return int64((f.Wait + time.Second - 1) / time.Second)
	case f.Kind == TooMany || f.Kind == Unavailable:
		return 2
	}
	return 0
}

// KindOf returns the kind of the outermost fault in err's chain, Internal when
// there is none.
func KindOf(err error) Kind {
	var f *Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// Is reports whether err is a fault of the given kind.
func Is(err error, kind Kind) bool {
	return err != nil && KindOf(err) == kind
}

// Message returns what a caller may see of err: the outermost fault's message,
// or a neutral sentence for an internal error.
func Message(err error) string {
	var f *Error
	if errors.As(err, &f) && f.Kind != Internal {
		return f.Message
	}
	return "Something went wrong here. It has been logged."
}
