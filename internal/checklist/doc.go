// Package checklist makes docs/security-checklist.md out of the tests. It has no
// code of its own outside them.
//
// A test says in one line which rule it proves, above its function, above or
// behind a row of its table, or anywhere in its body:
//
//	// Requirement R031, RFC 6749 §4.1.2 MUST NOT: a code is redeemed once
//
// The first line about a rule states it; a second test that proves the same rule
// repeats the line up to the section. Lessons from other people's defects are told
// alike:
//
//	// Lesson L05, CVE-2018-15758: consent reads the stored request alone
//
// What is deliberately done otherwise, or not offered, stands in a table of this
// package (apart_test.go) with its reason. The tests here fail when a rule is
// settled nowhere or twice, when a named test is skipped, and when the page is not
// what the tests say; then
//
//	go test ./internal/checklist -update
//
// writes it anew.
package checklist
