// Package audit keeps the record of who did what, from where, and how it ended:
// sign-ins, grants, revocations and every administrative change.
//
// A change and its line are one transaction, so that neither is without the other.
// What changed nothing, such as a refused sign-in, is written as well as can be and
// within bounds, so that nobody fills the record by being refused.
//
// It owns the table audit_events, serves no URL, and must not know what the events
// of the other rooms mean. Nothing that opens anything may be given to it.
package audit
