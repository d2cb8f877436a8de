package model_test

import (
	"testing"

	"go.uber.org/goleak"
)

// Nothing that a test began is left running.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
