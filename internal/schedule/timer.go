package schedule

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Kind says by which element of a timer event a Timer was written.
type Kind int

// The kinds, after timeDate, timeDuration and timeCycle.
const (
	Date     Kind = iota // one moment
	Duration             // once, a while after the timer was set
	Cycle                // again and again: a repeat or a cron
)

// maxText bounds the bytes of a timer's text; Activiti's column for it holds 255.
const maxText = 255

// Timer is a timer's text, understood. It does not change, and many may use it at
// once. The zero Timer is never due.
type Timer struct {
	kind    Kind
	text    string
	repeats int // how often it fires; -1 without end

	grid   bool    // whole periods count from first
	first  *moment // when the first period begins; nil: when the caller says
	period period
	last   *moment // nothing is due after it
	cron   *cron
	waits  []period // a list of waits instead of one period
}

// ParseDate reads a timeDate: an ISO 8601 date, with or without time, seconds,
// fraction and zone, or a duration, which counts from when the timer is set. A
// date without a zone means the zone of the time that Next is given.
func ParseDate(text string) (Timer, error) {
	t, parts, err := parse(Date, text)
	if err != nil {
		return Timer{}, err
	}
	switch t.repeats = 1; parts.form {
	case "date":
		t.first = parts.dates[0]
	case "duration":
		t.period = parts.period
	default:
		return Timer{}, fmt.Errorf("timer %q: a timeDate is one date or one duration", t.text)
	}
	return t, nil
}

// ParseDuration reads a timeDuration: an ISO 8601 duration such as PT5M or
// P1Y2M3W4DT5H6M7.5S, which counts from when the timer is set. A sign before the P
// or before a number turns back in time; such a timer is due at once.
//
// As in Activiti it may be an interval: start/duration is due a duration after the
// start, start/end and duration/end are due at the end, and R3/PT10S is due once,
// as the first firing of that timeCycle. A bare date is due at that date.
func ParseDuration(text string) (Timer, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "R") {
		t, err := ParseCycle(text)
		if err == nil {
			t.kind, t.repeats = Duration, 1
		}
		return t, err
	}
	t, parts, err := parse(Duration, text)
	if err != nil {
		return Timer{}, err
	}
	switch t.repeats = 1; parts.form {
	case "duration":
		t.period = parts.period
	case "date/duration":
		t.first, t.period = parts.dates[0], parts.period
	case "date", "duration/date", "date/date":
		t.first = parts.dates[len(parts.dates)-1]
	default:
		return Timer{}, fmt.Errorf("timer %q: a timeDuration is a duration, or a start and a duration or an end", t.text)
	}
	return t, nil
}

// ParseCycle reads a timeCycle. It is a repeat or a cron.
//
// A repeat is R, how often (nothing: without end), and then a duration, a start and
// a duration, a duration and an end, all three, or a start and an end whose
// distance is the duration: R3/PT10S, R/2026-01-01T00:00:00/P1M. The start itself
// is the first firing when it is still to come; without a start the first firing is
// a duration after the timer was set. R0 fires once, as it does in Activiti.
//
// A cron has Quartz's six or seven fields: seconds, minutes, hours, day of month,
// month, day of week (1 is Sunday), year. Days of month know L, L-3, LW and 15W,
// days of week 6L and 6#3. One of the two day fields has to be ? or *.
func ParseCycle(text string) (Timer, error) {
	trim, err := trimmed(text)
	if err != nil {
		return Timer{}, err
	}
	if !strings.HasPrefix(trim, "R") {
		t := Timer{kind: Cycle, text: trim, repeats: -1}
		if t.cron, err = parseCron(trim); err != nil {
			return Timer{}, err
		}
		return t, nil
	}
	t, err := parseRepeat(trim)
	if err == nil && !t.period.forward() {
		err = fmt.Errorf("timer %q: what repeats has to take time", trim)
	}
	if err != nil {
		return Timer{}, err
	}
	return t, nil
}

// ParseRetry reads a failedJobRetryTimeCycle. count is how often a job is tried in
// all, the first time included, -1 without end; wait says when it is tried again:
// Next of the time of a failure, where done is how many failures went before it.
//
// R5/PT5M is five tries with five minutes between them. A list as Camunda has it,
// PT1M,PT5M, is a wait for each failure, and so one try more than it has waits;
// PT5M alone is a list of one. A wait may be PT0S.
func ParseRetry(text string) (count int, wait Timer, err error) {
	if text, err = trimmed(text); err != nil {
		return 0, Timer{}, err
	}
	if strings.HasPrefix(text, "R") {
		if wait, err = parseRepeat(text); err == nil && wait.period.backward() {
			err = fmt.Errorf("timer %q: a wait goes forward", text)
		}
		if err != nil {
			return 0, Timer{}, err
		}
		if count = wait.repeats; count > 0 {
			wait.repeats = count - 1
		}
		return count, wait, nil
	}
	wait = Timer{kind: Cycle, text: text}
	for part := range strings.SplitSeq(text, ",") {
		p, err := parsePeriod(strings.TrimSpace(part))
		if err == nil && p.backward() {
			err = fmt.Errorf("timer %q: a wait goes forward", text)
		}
		if err != nil {
			return 0, Timer{}, err
		}
		wait.waits = append(wait.waits, p)
	}
	wait.repeats = len(wait.waits)
	return wait.repeats + 1, wait, nil
}

// Kind says by which element the timer was written.
func (t Timer) Kind() Kind { return t.kind }

// String returns the text that makes this timer when it is parsed again.
func (t Timer) String() string { return t.text }

// Repeats says how often the timer fires in all, -1 without end.
func (t Timer) Repeats() int { return t.repeats }

// From returns the timer as it is once it was set at start: a repeat without a
// start gets this one, so that a firing that came late moves none that follow. Its
// String says so, and is what to keep. Other timers come back as they are.
func (t Timer) From(start time.Time) Timer {
	if !t.grid || t.first != nil {
		return t
	}
	count, rest, _ := strings.Cut(t.text, "/")
	t.first = &moment{fixed: true, wall: time.UnixMilli(start.UnixMilli()).UTC()}
	t.text = count + "/" + t.first.wall.Format("2006-01-02T15:04:05.000Z") + "/" + rest
	return t
}

// Next says when the timer fires for the next time, if it fired done times already,
// and how many firings remain after that one, -1 without end. It is not ok when the
// timer never fires again.
//
// For a date and a duration after is when the timer was set, and what is due may be
// before it: such a timer fires at once. A cycle is due strictly after after: give
// the time of the last firing, or the present to leave out what was missed.
func (t Timer) Next(after time.Time, done int) (due time.Time, remaining int, ok bool) {
	if done < 0 || t.repeats >= 0 && done >= t.repeats {
		return time.Time{}, 0, false
	}
	switch {
	case t.cron != nil:
		due, ok = t.cron.next(after)
	case t.waits != nil:
		due, ok = t.waits[done].from(after, 1)
	case t.grid:
		due, ok = t.repeat(after)
	case t.first != nil:
		due, ok = t.period.from(t.first.at(after.Location()), 1)
	default:
		due, ok = t.period.from(after, 1)
	}
	if !ok || t.last != nil && due.After(t.last.at(after.Location())) {
		return time.Time{}, 0, false
	}
	if t.repeats < 0 {
		return due, -1, true
	}
	return due, t.repeats - done - 1, true
}

// repeat returns the first whole number of periods from the start that lies after
// after. Counting them from the start keeps the day: from the 31st of January, a
// month on and two months on are the 28th of February and the 31st of March.
func (t Timer) repeat(after time.Time) (time.Time, bool) {
	if t.first == nil {
		return t.period.from(after, 1)
	}
	start := t.first.at(after.Location())
	if start.After(after) {
		return start, true
	}
	low, high := int64(0), (after.UnixMilli()-start.UnixMilli())/t.period.shortest()+2
	for high-low > 1 {
		middle := low + (high-low)/2
		if due, ok := t.period.from(start, middle); !ok || due.After(after) {
			high = middle
		} else {
			low = middle
		}
	}
	return t.period.from(start, high)
}

// parts is what stands between the slashes of a timer.
type parts struct {
	form   string // such as date/duration
	dates  []*moment
	period period
}

// parse reads a timer that is no cron and has no repeat before it.
func parse(kind Kind, text string) (Timer, parts, error) {
	text, err := trimmed(text)
	if err != nil {
		return Timer{}, parts{}, err
	}
	p, err := parseParts(text)
	return Timer{kind: kind, text: text}, p, err
}

func parseParts(text string) (p parts, err error) {
	var forms []string
	for part := range strings.SplitSeq(text, "/") {
		if strings.HasPrefix(strings.TrimLeft(part, "+-"), "P") {
			p.period, err = parsePeriod(part)
			forms = append(forms, "duration")
		} else {
			var date *moment
			date, err = parseMoment(part)
			p.dates = append(p.dates, date)
			forms = append(forms, "date")
		}
		if err != nil {
			return parts{}, err
		}
	}
	p.form = strings.Join(forms, "/")
	return p, nil
}

// parseRepeat reads R3/PT10S and its other forms.
func parseRepeat(text string) (Timer, error) {
	count, rest, ok := strings.Cut(text, "/")
	if !ok {
		return Timer{}, fmt.Errorf("timer %q says how often but not when: R3/PT10S", text)
	}
	t := Timer{kind: Cycle, text: text, grid: true}
	var err error
	if t.repeats, err = parseRepeats(count); err != nil {
		return Timer{}, err
	}
	p, err := parseParts(rest)
	if err != nil {
		return Timer{}, err
	}
	switch t.period = p.period; p.form {
	case "duration":
	case "date/duration":
		t.first = p.dates[0]
	case "duration/date":
		t.last = p.dates[0]
	case "date/duration/date":
		t.first, t.last = p.dates[0], p.dates[1]
	case "date/date":
		t.first, t.last = p.dates[0], p.dates[1]
		t.period = period{millis: t.last.wall.UnixMilli() - t.first.wall.UnixMilli()}
	default:
		return Timer{}, fmt.Errorf("timer %q: after R and its number come a duration, a start and a duration, or a duration and an end", text)
	}
	if t.first == nil || t.last == nil {
		return t, nil
	}
	alike := t.first.fixed == t.last.fixed
	if !alike && p.form == "date/date" {
		return Timer{}, fmt.Errorf("timer %q: its start and its end both have a zone, or neither has", text)
	}
	if alike && t.last.wall.Before(t.first.wall) {
		return Timer{}, fmt.Errorf("timer %q ends before it starts", text)
	}
	return t, nil
}

// parseRepeats reads R and R3.
func parseRepeats(text string) (int, error) {
	if text == "R" {
		return -1, nil
	}
	n, err := strconv.ParseUint(text[1:], 10, 31)
	if err != nil {
		return 0, fmt.Errorf("timer repeat %q: after R comes a number up to %d, or nothing for no end", text, math.MaxInt32)
	}
	return max(int(n), 1), nil
}

// trimmed returns text without the white space around it, if it has a fit length.
func trimmed(text string) (string, error) {
	switch text = strings.TrimSpace(text); {
	case text == "":
		return "", fmt.Errorf("the timer is empty")
	case len(text) > maxText:
		return "", fmt.Errorf("the timer has %d bytes, at most %d are allowed", len(text), maxText)
	}
	return text, nil
}
