package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	span        time.Duration
	connections int
	rounds      int
	starts      int
	idle        time.Duration
	only        []string
	scenarios   []string
	settings    []string
	postgres    string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run returns the exit code: 0 measured, 1 something was wrong, 2 not understood.
func run(ctx context.Context, args []string) int {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		return 2
	}
	if err := measure(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "servers:", err)
		return 1
	}
	return 0
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("servers", flag.ContinueOnError)
	flags.DurationVar(&o.span, "for", 5*time.Second, "how long each scenario runs against each server in each round")
	flags.IntVar(&o.connections, "connections", 32, "how many ask at once")
	flags.IntVar(&o.rounds, "rounds", 3, "how often; medians are printed")
	flags.IntVar(&o.starts, "starts", 10, "how often the start is measured")
	flags.DurationVar(&o.idle, "idle", 5*time.Second, "how long after its start a server's memory is read")
	flags.StringVar(&o.postgres, "postgres", os.Getenv("SLUICE_TEST_POSTGRES"), "URL of a PostgreSQL server to use; without it one is started, if it is installed")
	list(flags, &o.only, "only", "the servers, with commas: "+strings.Join(names(contenders, func(c contender) string { return c.name }), ","))
	list(flags, &o.scenarios, "scenarios", "the scenarios, with commas: start,"+strings.Join(names(scenarios, func(s scenario) string { return s.name }), ","))
	flags.Func("set", "a setting KEY=VALUE of Sluice's; may be repeated", func(s string) error { o.settings = append(o.settings, s); return nil })
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, o.check(flags.Args())
}

func list(flags *flag.FlagSet, to *[]string, name, usage string) {
	flags.Func(name, usage, func(s string) error { *to = strings.Split(s, ","); return nil })
}

func names[T any](all []T, name func(T) string) []string {
	var out []string
	for _, x := range all {
		out = append(out, name(x))
	}
	return out
}

func (o options) check(rest []string) error {
	var errs []error
	if len(rest) > 0 {
		errs = append(errs, fmt.Errorf("arguments are not understood: %s", strings.Join(rest, " ")))
	}
	if o.span <= 0 || o.connections < 1 || o.rounds < 1 || o.starts < 1 || o.idle < 0 {
		errs = append(errs, errors.New("-for, -connections, -rounds and -starts are above zero, -idle not below"))
	}
	errs = append(errs, known("server", o.only, names(contenders, func(c contender) string { return c.name })),
		known("scenario", o.scenarios, append(names(scenarios, func(s scenario) string { return s.name }), starting)))
	return errors.Join(errs...)
}

func known(what string, chosen, all []string) error {
	var errs []error
	for _, name := range chosen {
		if !slices.Contains(all, name) {
			errs = append(errs, fmt.Errorf("there is no %s %q; there are %s", what, name, strings.Join(all, ", ")))
		}
	}
	return errors.Join(errs...)
}

// starting is the scenario that measures the start and the memory.
const starting = "start"

func chosen(names []string, name string) bool { return len(names) == 0 || slices.Contains(names, name) }
