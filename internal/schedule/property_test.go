package schedule_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/schedule"
)

var zones = []string{"UTC", "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu"}

// moments draws a time, often one close to where clocks change.
func moments(t *rapid.T) time.Time {
	z := zone(t, rapid.SampledFrom(zones).Draw(t, "zone"))
	at := time.UnixMilli(rapid.Int64Range(200_000_000, 4_000_000_000_000).Draw(t, "at")).In(z)
	if _, change := at.ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near a change") {
		at = change.Add(time.Duration(rapid.IntRange(-90, 90).Draw(t, "minutes"))*time.Minute + 500*time.Millisecond)
	}
	return at
}

// oracle is a cron expression as what it allows, and the naive way to tell what
// it allows.
type oracle struct {
	seconds, minutes, hours, months [60]bool
	everyHour                       bool
	text                            string
	day                             func(time.Time) bool
}

// numbers draws a field's text together with what it means.
func numbers(t *rapid.T, name string, low, high int) (text string, all [60]bool) {
	var texts []string
	for i := range rapid.IntRange(1, 3).Draw(t, name+" items") {
		label := fmt.Sprint(name, i)
		from, to := rapid.IntRange(low, high).Draw(t, label+" from"), rapid.IntRange(low, high).Draw(t, label+" to")
		step := rapid.IntRange(1, max(high-1, 1)).Draw(t, label+" step")
		form := rapid.IntRange(0, 4).Draw(t, label+" form")
		text := [...]string{"*", strconv.Itoa(from), fmt.Sprintf("%d-%d", from, to), fmt.Sprintf("%d/%d", from, step), fmt.Sprintf("%d-%d/%d", from, to, step)}[form]
		switch form {
		case 0:
			from, to, step = low, high, 1
		case 1:
			to, step = from, 1
		case 2:
			step = 1
		case 3:
			to = high
		}
		texts = append(texts, text)
		for n, steps := from, 0; ; steps++ {
			if steps%step == 0 {
				all[n] = true
			}
			if n == to {
				break
			}
			if n++; n > high {
				n = low
			}
		}
	}
	return strings.Join(texts, ","), all
}

func lastDay(at time.Time) int { return at.AddDate(0, 1, -at.Day()).Day() }

func isWorking(at time.Time) bool {
	return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday
}

// closest says whether at is the working day closest to a day of its month.
func closest(at time.Time, day int) bool {
	best, distance := 0, 99
	for _, shift := range []int{0, -1, 1, -2, 2} {
		other := at.AddDate(0, 0, day+shift-at.Day())
		if other.Month() == at.Month() && isWorking(other) && max(shift, -shift) < distance {
			best, distance = other.Day(), max(shift, -shift)
		}
	}
	return day <= lastDay(at) && at.Day() == best
}

func oracles(t *rapid.T) (o oracle) {
	var fields [6]string
	fields[0], o.seconds = numbers(t, "seconds", 0, 59)
	fields[1], o.minutes = numbers(t, "minutes", 0, 59)
	fields[2], o.hours = numbers(t, "hours", 0, 23)
	o.everyHour = !slices.Contains(o.hours[:24], false)
	fields[4], o.months = numbers(t, "months", 1, 12)
	fields[3], fields[5] = "?", "?"
	n, weekday := rapid.IntRange(1, 28).Draw(t, "day"), rapid.IntRange(1, 7).Draw(t, "weekday")
	switch rapid.IntRange(0, 7).Draw(t, "days") {
	case 0:
		text, days := numbers(t, "days", 1, 31)
		fields[3], o.day = text, func(at time.Time) bool { return days[at.Day()] }
	case 1:
		text, days := numbers(t, "weekdays", 1, 7)
		fields[5], o.day = text, func(at time.Time) bool { return days[int(at.Weekday())+1] }
	case 2:
		fields[3], o.day = "L", func(at time.Time) bool { return at.Day() == lastDay(at) }
	case 3:
		fields[3], o.day = fmt.Sprintf("L-%d", n-1), func(at time.Time) bool { return at.Day() == lastDay(at)-n+1 }
	case 4:
		fields[3], o.day = "LW", func(at time.Time) bool { return closest(at, lastDay(at)) }
	case 5:
		fields[3], o.day = fmt.Sprintf("%dW", n), func(at time.Time) bool { return closest(at, n) }
	case 6:
		fields[5], o.day = fmt.Sprintf("%dL", weekday), func(at time.Time) bool {
			return int(at.Weekday())+1 == weekday && at.AddDate(0, 0, 7).Month() != at.Month()
		}
	case 7:
		fields[5], o.day = fmt.Sprintf("%d#%d", weekday, n%5+1), func(at time.Time) bool {
			return int(at.Weekday())+1 == weekday && (at.Day()-1)/7 == n%5
		}
	}
	o.text = strings.Join(fields[:], " ")
	return o
}

// clock says whether o allows what clocks show; only the fields of wall count.
func (o oracle) clock(wall time.Time) bool {
	return o.seconds[wall.Second()] && o.minutes[wall.Minute()] && o.hours[wall.Hour()] && o.months[wall.Month()] && o.day(wall)
}

// shown writes what clocks show at a time as a time in UTC.
func shown(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), 0, time.UTC)
}

// due says whether o is due at a moment, second by second and from what clocks show
// alone.
func (o oracle) due(at time.Time) bool {
	before, now := shown(at.Add(-time.Second)), shown(at)
	if o.everyHour {
		return o.clock(now)
	}
	for skipped := before.Add(time.Second); skipped.Before(now); skipped = skipped.Add(time.Second) {
		if o.clock(skipped) {
			return true
		}
	}
	if !o.clock(now) {
		return false
	}
	for back := time.Duration(1); back <= 2; back++ { // half hours: no zone goes back further
		if shown(at.Add(-back * 30 * time.Minute)).Equal(now) {
			return false // it was shown before
		}
	}
	return true
}

// TestCronAgainstCounting compares every moment of a few hours, or every day of a
// long while, with the naive way.
func TestCronAgainstCounting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o, after := oracles(t), moments(t)
		timer, err := schedule.ParseCycle(o.text)
		if err != nil {
			if strings.Contains(err.Error(), "never due") {
				t.Skip()
			}
			t.Fatalf("%s: %v", o.text, err)
		}
		due, remaining, ok := timer.Next(after, 0)
		if ok && (!due.After(after) || remaining != -1 || due.Location() != after.Location() || !o.due(due)) {
			t.Fatalf("%s after %s: %s is not due then", o.text, after, due)
		}
		at := after.Truncate(time.Second).Add(time.Second)
		for range 2 * 3600 {
			if ok && at.Equal(due) {
				return
			}
			if o.due(at) {
				t.Fatalf("%s after %s: due at %s already, not at %s", o.text, after, at, due)
			}
			at = at.Add(time.Second)
		}
		// From here on, whole days that must have none.
		last := shown(due)
		if !ok {
			last = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
		}
		for day := shown(at).AddDate(0, 0, 1); day.Before(last.AddDate(0, 0, -1)); day = day.AddDate(0, 0, 1) {
			if o.months[day.Month()] && o.day(day) {
				t.Fatalf("%s after %s: due on %s already, not at %s", o.text, after, day, due)
			}
		}
	})
}

// TestCyclesGoForward lets any cycle fire and asks that time passes.
func TestCyclesGoForward(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		after := moments(t)
		text := fmt.Sprintf("R%d/P%dM%dDT%dM%d.%03dS", rapid.IntRange(1, 20).Draw(t, "repeats"), rapid.IntRange(0, 30).Draw(t, "months"), rapid.IntRange(0, 40).Draw(t, "days"),
			rapid.IntRange(0, 1000).Draw(t, "minutes"), rapid.IntRange(0, 1000).Draw(t, "seconds"), rapid.IntRange(1, 999).Draw(t, "millis"))
		timer, err := schedule.ParseCycle(text)
		if err != nil {
			t.Fatal(err)
		}
		timer = timer.From(after)
		at := after
		for done := range timer.Repeats() {
			due, remaining, ok := timer.Next(at, done)
			if !ok || !due.After(at) || remaining != timer.Repeats()-done-1 {
				t.Fatalf("%s from %s: firing %d after %s is %s, %d remain, %t", text, after, done, at, due, remaining, ok)
			}
			// The same from any moment in between.
			between := at.Add(time.Duration(rapid.Int64Range(0, int64(due.Sub(at))-1).Draw(t, "between")))
			if again, _, _ := timer.Next(between, done); !again.Equal(due) {
				t.Fatalf("%s: after %s it is due %s, after %s only %s", timer, at, due, between, again)
			}
			at = due
		}
		if _, _, ok := timer.Next(at, timer.Repeats()); ok {
			t.Fatalf("%s fires once too often", text)
		}
	})
}

// TestDatesAreWhatClocksShow reads dates without a zone back off the clock.
func TestDatesAreWhatClocksShow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		after := moments(t)
		wall := shown(after).Add(time.Duration(rapid.IntRange(-7200, 7200).Draw(t, "shift")) * time.Second)
		timer, err := schedule.ParseDate(wall.Format("2006-01-02T15:04:05"))
		if err != nil {
			t.Fatal(err)
		}
		due, _, _ := timer.Next(after, 0)
		before := due.Add(-time.Second)
		skipped := shown(before).Before(wall) && shown(due).After(wall)
		if !shown(due).Equal(wall) && !skipped {
			t.Fatalf("%s in %s is due %s", wall, after.Location(), due)
		}
		if shown(due.Add(-time.Hour)).Equal(wall) || shown(due.Add(-30*time.Minute)).Equal(wall) {
			t.Fatalf("%s in %s is due %s, the second time that clocks show it", wall, after.Location(), due)
		}
	})
}

// FuzzTimer reads any text by every parser: no panic, no endless search, and what
// was read reads the same again.
func FuzzTimer(f *testing.F) {
	for _, seed := range []string{
		"PT5M", "P1Y2M3W4DT5H6M7.5S", "-P1M", "2026-12-31T18:00:00.5+01:00", "2026-W53-5", "R3/PT10S", "R/2026-01-31T00:00:00/P1M/2027-01-01", "R2/2026-01-01/2026-01-02",
		"0 0/5 * * * ?", "0 0 12 ? * 6#3,FRIL", "0 0 12 LW,15W,L-3 NOV-FEB ? 2026-2099/7", "0 0 0 29 2 ?", "PT1M,PT5M", "Thu Dec 31 18:00:00 UTC 2026",
	} {
		f.Add(seed, int64(1_774_745_999_999))
	}
	vienna := zone(f, "Europe/Vienna")
	f.Fuzz(func(t *testing.T, text string, millis int64) {
		after := time.UnixMilli(millis % 253_402_300_800_000).In(vienna)
		retry := func(text string) (schedule.Timer, error) {
			count, wait, err := schedule.ParseRetry(text)
			if err == nil && count == 0 {
				t.Errorf("%q is never tried", text)
			}
			return wait, err
		}
		for i, parse := range []parser{schedule.ParseDate, schedule.ParseDuration, schedule.ParseCycle, retry} {
			timer, err := parse(text)
			if err != nil {
				continue
			}
			again, err := parse(timer.From(after).String())
			if err != nil {
				t.Fatalf("%q became %q: %v", text, timer.From(after), err)
			}
			due, remaining, ok := timer.From(after).Next(after, 0)
			due2, remaining2, ok2 := again.Next(after, 0)
			if !due.Equal(due2) || remaining != remaining2 || ok != ok2 {
				t.Errorf("%q is due %s and, read again, %s", text, due, due2)
			}
			if ok && i == 2 && !due.After(after) {
				t.Errorf("%q after %s is due %s", text, after, due)
			}
		}
	})
}
