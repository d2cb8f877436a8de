package main

import (
	"net"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the tests run this very program: scripts as `sluice`, others as
// the test's own binary with SLUICE_TEST_PROGRAM set.
func TestMain(m *testing.M) {
	if os.Getenv("SLUICE_TEST_PROGRAM") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"sluice": main})
}

func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			env.Setenv("ADDR", l.Addr().String())
			return l.Close()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"capture": capture, "fetch": fetch, "signal": sendSignal},
	})
}
