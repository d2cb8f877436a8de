package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

const (
	reference = "sluice-sqlite"
	ceiling   = "bare"
)

// report prints everything as Markdown.
func report(out io.Writer, s *site, entries []*entry, o options, hash []sample) error {
	w := bufio.NewWriter(out)
	facts(w, s, o)
	for _, what := range scenarios {
		if chosen(o.scenarios, what.name) {
			table(w, what, entries, hash)
		}
	}
	if chosen(o.scenarios, starting) {
		starts(w, entries, o)
	}
	for _, e := range entries {
		if e.missing != nil {
			fmt.Fprintf(w, "\nNot measured: %s: %s\n", e.title, strings.ReplaceAll(e.missing.Error(), "\n", " "))
		}
		if e.wrong != nil {
			fmt.Fprintf(w, "\nStopped: %v\n", e.wrong)
		}
	}
	return w.Flush()
}

func facts(w io.Writer, s *site, o options) {
	fmt.Fprintf(w, "%d processors (%s), shared by the server and the load generator; %s, %s; a flush to disk takes %s.\n",
		runtime.NumCPU(), processor(), runtime.Version(), kernel(), round(s.flush))
	if s.postgres.version != "" {
		fmt.Fprintf(w, "%s.\n", s.postgres.version)
	}
	fmt.Fprintf(w, "%d connections, %d rounds of %s for each server, %d starts; medians.\n", o.connections, o.rounds, o.span, o.starts)
	if len(o.settings) > 0 {
		fmt.Fprintf(w, "Sluice with %s.\n", strings.Join(o.settings, ", "))
	}
}

func table(w io.Writer, what scenario, entries []*entry, hash []sample) {
	fmt.Fprintf(w, "\n### %s\n\n| server | %s/s | of Sluice | of bare | p50 | p99 | processor time each |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n", what.title, what.unit)
	rates := map[string]float64{}
	for _, e := range entries {
		if got := e.samples[what.name]; len(got) > 0 {
			rates[e.name] = median(got).rate
		}
	}
	for _, e := range entries {
		got := e.samples[what.name]
		if len(got) == 0 {
			continue
		}
		m := median(got)
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s |\n", e.title, grouped(m.rate), ratio(m.rate, rates[reference]), ratio(m.rate, rates[ceiling]),
			round(m.p50), round(m.p99), orDash(m.cpu > 0, round(m.cpu)))
	}
	for _, e := range entries {
		if reason := e.lacks[what.name]; reason != "" {
			fmt.Fprintf(w, "| %s | not asked: %s | | | | | |\n", e.title, reason)
		}
	}
	if what.name == "password" && len(hash) > 0 {
		m := median(hash)
		fmt.Fprintf(w, "| argon2id alone | %s | %s | | | | %s |\n", grouped(m.rate), ratio(m.rate, rates[reference]), orDash(m.cpu > 0, round(m.cpu)))
	}
}

func starts(w io.Writer, entries []*entry, o options) {
	fmt.Fprintf(w, "\n### Start and memory\n\n| server | a token is | first start | start | memory after %s | after the load |\n| --- | --- | ---: | ---: | ---: | ---: |\n", o.idle)
	for _, e := range entries {
		if e.missing != nil {
			continue
		}
		again := e.again
		if !e.durable {
			again = e.first
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", e.title, e.keeps, orDash(e.durable, round(e.first)), round(again), megabytes(e.idle), megabytes(e.loaded))
	}
}

func orDash(ok bool, text string) string {
	if ok {
		return text
	}
	return "–"
}

func ratio(a, b float64) string {
	if b <= 0 {
		return "–"
	}
	if a < b/10 {
		return fmt.Sprintf("%.3f", a/b)
	}
	return fmt.Sprintf("%.2f", a/b)
}

func megabytes(n int64) string { return orDash(n > 0, fmt.Sprintf("%d MB", n/1e6)) }

// round writes a time with three digits at most.
func round(d time.Duration) string {
	digits := time.Duration(1)
	for d/digits >= 1000 {
		digits *= 10
	}
	d = d.Round(digits)
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}

// grouped writes a rate with its thousands apart.
func grouped(rate float64) string {
	text := fmt.Sprintf("%.0f", rate)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + " " + text[i:]
	}
	return text
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + strings.TrimSpace(string(text))
}
