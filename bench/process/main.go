// Command process measures the engine beside a program that does nothing but the
// statements that one completed task takes:
//
//	go run -C bench ./process -for 5s -clients 1,16 -rounds 3
//	go run -C bench ./process -only timers -timers 100000
//	go run -C bench ./process -only waiting -waiting 1000000
//
// SQLite is a fresh file, synchronous FULL; PostgreSQL is the server that
// SLUICE_TEST_POSTGRES names, with its own settings, in a database of its own. Every
// figure is a median over the rounds; each round goes through all contenders, so that
// what else the machine does meets all alike.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	span     time.Duration
	rounds   int
	clients  []int
	only     []string
	postgres string
	timers   int
	waiting  int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "process:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	s, err := newSite(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(s.measure(ctx), s.close())
}

func parse(args []string) (options, error) {
	o := options{clients: []int{1, 16}}
	flags := flag.NewFlagSet("process", flag.ContinueOnError)
	flags.DurationVar(&o.span, "for", 5*time.Second, "how long each process runs on each contender in each round")
	flags.IntVar(&o.rounds, "rounds", 3, "how often; medians are printed")
	flags.StringVar(&o.postgres, "postgres", os.Getenv("SLUICE_TEST_POSTGRES"), "URL of a PostgreSQL server; without it only SQLite is measured")
	flags.IntVar(&o.timers, "timers", 20_000, "how many due timers are drained")
	flags.IntVar(&o.waiting, "waiting", 100_000, "how many instances wait when start and task list are measured")
	flags.Func("clients", "how many act at once, with commas; 1,16 unless set", func(text string) error {
		o.clients = nil
		for part := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(part)
			if err != nil || n < 1 {
				return fmt.Errorf("%q is not a number of clients", part)
			}
			o.clients = append(o.clients, n)
		}
		return nil
	})
	flags.Func("only", "what is measured, with commas: "+strings.Join(measures(), ","), func(text string) error {
		o.only = strings.Split(text, ",")
		for _, name := range o.only {
			if !slices.Contains(measures(), name) {
				return fmt.Errorf("there is no %q; there are %s", name, strings.Join(measures(), ", "))
			}
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.span <= 0 || o.rounds < 1 || o.timers < 1 || o.waiting < 1 || flags.NArg() > 0 {
		return o, errors.New("-for, -rounds, -timers and -waiting are above zero, and nothing follows the flags")
	}
	return o, nil
}

// measures are the names that -only knows.
func measures() []string {
	out := []string{"timers", "waiting"}
	for _, f := range flows {
		out = append(out, f.name)
	}
	return out
}

func (o options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }
