package sluice_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing that a test began is left running, but for what the reader of properties
// leaves behind when it refuses a file, which a program does at its start alone.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/magiconair/properties.(*lexer).emit"))
}
