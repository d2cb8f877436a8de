// Package fault holds the kinds of error that a caller may be shown.
//
// A room returns a fault when the caller can do something about it, and any
// other error when not. Whoever presents an error asks KindOf and Message;
// everything else about it belongs in the log.
//
// It knows no room, no HTTP status and no wire format.
package fault
