package schedule_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of the tests, on any machine

	"github.com/sluicehq/sluice/internal/schedule"
)

// zone loads a zone.
func zone(t interface {
	Helper()
	Fatal(...any)
}, name string,
) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// when reads "2026-01-31 10:00:00" or "2026-01-31T10:00:00+01:00" as a time in z.
func when(t testing.TB, z *time.Location, text string) time.Time {
	t.Helper()
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.In(z)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04:05.999999999", text, z)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

type parser func(string) (schedule.Timer, error)

func TestOnce(t *testing.T) {
	t.Parallel()
	date, duration := parser(schedule.ParseDate), parser(schedule.ParseDuration)
	for _, c := range []struct {
		parse             parser
		text, after, want string
	}{
		// timeDate
		{date, "2026-12-31T18:00:00", "2026-01-01 00:00:00", "2026-12-31T18:00:00+01:00"},
		{date, " 2026-12-31T18:00:00Z\n", "2026-01-01 00:00:00", "2026-12-31T19:00:00+01:00"},
		{date, "2026-07-01T18:00:00.250-05:00", "2026-01-01 00:00:00", "2026-07-02T01:00:00.25+02:00"},
		{date, "2026-07-01T18:00+0530", "2026-01-01 00:00:00", "2026-07-01T14:30:00+02:00"},
		{date, "2026-07-01T18-01", "2026-01-01 00:00:00", "2026-07-01T21:00:00+02:00"},
		{date, "2026-07-01T18:30:15,1239", "2026-01-01 00:00:00", "2026-07-01T18:30:15.123+02:00"},
		{date, "2026-07-01", "2026-01-01 00:00:00", "2026-07-01T00:00:00+02:00"},
		{date, "2026-07", "2026-01-01 00:00:00", "2026-07-01T00:00:00+02:00"},
		{date, "2027", "2026-01-01 00:00:00", "2027-01-01T00:00:00+01:00"},
		{date, "2026-060", "2026-01-01 00:00:00", "2026-03-01T00:00:00+01:00"},
		{date, "2026-W53-5", "2026-01-01 00:00:00", "2027-01-01T00:00:00+01:00"},
		{date, "2026-W01T06:00", "2026-01-01 00:00:00", "2025-12-29T06:00:00+01:00"},
		{date, "Thu Dec 31 18:00:00 UTC 2026", "2026-01-01 00:00:00", "2026-12-31T19:00:00+01:00"},
		{date, "P1D", "2026-01-01 00:00:00", "2026-01-02T00:00:00+01:00"},
		{date, "2020-01-01T00:00:00Z", "2026-01-01 00:00:00", "2020-01-01T01:00:00+01:00"}, // past: at once
		// timeDuration
		{duration, "PT10S", "2026-01-01 00:00:00.5", "2026-01-01T00:00:10.5+01:00"},
		{duration, "PT0S", "2026-01-01 00:00:00", "2026-01-01T00:00:00+01:00"},
		{duration, "P1Y2M3W4DT5H6M7.5S", "2026-01-01 00:00:00", "2027-03-26T05:06:07.5+01:00"},
		{duration, "PT36H", "2026-01-01 00:00:00", "2026-01-02T12:00:00+01:00"},
		{duration, "P1M", "2026-01-31 10:00:00", "2026-02-28T10:00:00+01:00"},
		{duration, "P1M", "2028-01-31 10:00:00", "2028-02-29T10:00:00+01:00"},
		{duration, "P1Y", "2028-02-29 10:00:00", "2029-02-28T10:00:00+01:00"},
		{duration, "P14M", "2026-12-31 10:00:00", "2028-02-29T10:00:00+01:00"},
		{duration, "P1M1D", "2026-01-31 10:00:00", "2026-03-01T10:00:00+01:00"}, // months first
		{duration, "-P1M", "2026-03-31 10:00:00", "2026-02-28T10:00:00+01:00"},
		{duration, "-PT0.5S", "2026-03-01 10:00:00", "2026-03-01T09:59:59.5+01:00"},
		{duration, "P1DT-1H", "2026-03-01 10:00:00", "2026-03-02T09:00:00+01:00"},
		{duration, "P-1MT-0.25S", "2026-03-01 10:00:00", "2026-02-01T09:59:59.75+01:00"},
		{duration, "2026-01-01T00:00:00/PT1H", "2025-01-01 00:00:00", "2026-01-01T01:00:00+01:00"},
		{duration, "PT1H/2026-01-01", "2025-01-01 00:00:00", "2026-01-01T00:00:00+01:00"},
		{duration, "2026-01-01/2026-01-02", "2025-01-01 00:00:00", "2026-01-02T00:00:00+01:00"},
		{duration, "R3/PT10S", "2026-01-01 00:00:00", "2026-01-01T00:00:10+01:00"},
		{duration, "2026-07-01", "2026-01-01 00:00:00", "2026-07-01T00:00:00+02:00"},
		// Days go by clocks, hours by time.
		{duration, "P1D", "2026-03-28 12:00:00", "2026-03-29T12:00:00+02:00"},
		{duration, "PT24H", "2026-03-28 12:00:00", "2026-03-29T13:00:00+02:00"},
		{duration, "PT1H", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		{duration, "PT0S", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00"},
		// What clocks never show is due when they are put forward; what they show
		// twice, the first time.
		{duration, "P1D", "2026-03-28 02:30:00", "2026-03-29T03:00:00+02:00"},
		{date, "2026-03-29T02:30:00", "2026-03-01 00:00:00", "2026-03-29T03:00:00+02:00"},
		{date, "2026-03-29T02:00:00", "2026-03-01 00:00:00", "2026-03-29T03:00:00+02:00"},
		{date, "2026-03-29T03:00:00", "2026-03-01 00:00:00", "2026-03-29T03:00:00+02:00"},
		{date, "2026-10-25T02:30:00", "2026-03-01 00:00:00", "2026-10-25T02:30:00+02:00"},
		{date, "2026-10-25T03:00:00", "2026-03-01 00:00:00", "2026-10-25T03:00:00+01:00"},
	} {
		timer, err := c.parse(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		due, remaining, ok := timer.Next(when(t, zone(t, "Europe/Vienna"), c.after), 0)
		if got := due.Format(time.RFC3339Nano); got != c.want || remaining != 0 || !ok || timer.Repeats() != 1 {
			t.Errorf("%s after %s: %s, %d remain, %t; want %s, once", c.text, c.after, got, remaining, ok, c.want)
		}
		if _, _, ok := timer.Next(due, 1); ok {
			t.Errorf("%s: due again after it fired", c.text)
		}
	}
}

// TestRepeats lets timers fire on time until they are done.
func TestRepeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, after string
		want        []string // what is due, in Vienna
		more        bool     // and more to come
	}{
		{"R3/PT10S", "2026-01-01 00:00:00", []string{"01-01 00:00:10", "01-01 00:00:20", "01-01 00:00:30"}, false},
		{"R1/PT10S", "2026-01-01 00:00:00", []string{"01-01 00:00:10"}, false},
		{"R0/PT10S", "2026-01-01 00:00:00", []string{"01-01 00:00:10"}, false},
		{"R/PT1H", "2026-01-01 00:00:00", []string{"01-01 01:00:00", "01-01 02:00:00"}, true},
		{"R3/2026-01-01T00:00:00/PT1H", "2025-12-01 00:00:00", []string{"01-01 00:00:00", "01-01 01:00:00", "01-01 02:00:00"}, false},
		{"R3/2026-01-01T00:00:00/PT1H", "2026-01-01 00:00:00", []string{"01-01 01:00:00", "01-01 02:00:00", "01-01 03:00:00"}, false},
		{"R2/2026-01-01T00:00:00/PT1H", "2026-06-01 00:20:00", []string{"06-01 01:00:00", "06-01 02:00:00"}, false},
		{"R/1970-01-01T00:00:00Z/PT1S", "2026-06-01 00:20:00.3", []string{"06-01 00:20:01", "06-01 00:20:02"}, true},
		{"R/PT10H/2026-01-01T20:00:00", "2026-01-01 00:00:00", []string{"01-01 10:00:00", "01-01 20:00:00"}, false},
		{"R9/PT10H/2026-01-01T19:59:59", "2026-01-01 00:00:00", []string{"01-01 10:00:00"}, false},
		{"R/PT10H/2025-12-31", "2026-01-01 00:00:00", nil, false},
		{"R/2026-01-01/P1D/2026-01-03", "2025-01-01 00:00:00", []string{"01-01 00:00:00", "01-02 00:00:00", "01-03 00:00:00"}, false},
		{"R/2026-01-01T00:00/2026-01-01T01:00", "2025-01-01 00:00:00", []string{"01-01 00:00:00", "01-01 01:00:00"}, false},
		{"R4/2026-01-31T08:00:00/P1M", "2026-01-01 00:00:00", []string{"01-31 08:00:00", "02-28 08:00:00", "03-31 08:00:00", "04-30 08:00:00"}, false},
		{"R/2026-03-28T02:30:00/P1D", "2026-03-28 00:00:00", []string{"03-28 02:30:00", "03-29 03:00:00", "03-30 02:30:00"}, true},
		{"R/2026-10-24T02:30:00/P1D", "2026-10-24 00:00:00", []string{"10-24 02:30:00", "10-25 02:30:00", "10-26 02:30:00"}, true},
		// Quartz
		{"0 0/5 * * * ?", "2026-01-31 10:02:00", []string{"01-31 10:05:00", "01-31 10:10:00"}, true},
		{"0 /20 10 * * ?", "2026-01-31 10:02:00", []string{"01-31 10:20:00", "01-31 10:40:00", "02-01 10:00:00"}, true},
		{"0 5/20,50-55/5 * * * ?", "2026-01-31 10:02:00", []string{"01-31 10:05:00", "01-31 10:25:00", "01-31 10:45:00", "01-31 10:50:00", "01-31 10:55:00"}, true},
		{"0 0 22-2/2 * * ?", "2026-01-31 10:02:00", []string{"01-31 22:00:00", "02-01 00:00:00", "02-01 02:00:00", "02-01 22:00:00"}, true},
		{"0 0 12 ? * 1", "2026-01-31 12:00:00", []string{"02-01 12:00:00", "02-08 12:00:00"}, true}, // Sundays
		{"0 0 12 ? * mon-fri", "2026-01-31 12:00:00", []string{"02-02 12:00:00", "02-03 12:00:00"}, true},
		{"0 0 12 ? * FRI-MON", "2026-01-31 12:00:00", []string{"02-01 12:00:00", "02-02 12:00:00", "02-06 12:00:00"}, true},
		{"0 0 12 ? * 2-6/2", "2026-01-31 12:00:00", []string{"02-02 12:00:00", "02-04 12:00:00", "02-06 12:00:00", "02-09 12:00:00"}, true},
		{"0 0 12 * * FRI#3,2#1", "2026-01-31 12:00:00", []string{"02-02 12:00:00", "02-20 12:00:00", "03-02 12:00:00"}, true},
		{"0 0 12 ? * 6#5", "2026-01-31 12:00:00", []string{"05-29 12:00:00", "07-31 12:00:00"}, true},
		{"0 0 12 ? * 5L", "2026-01-31 12:00:00", []string{"02-26 12:00:00", "03-26 12:00:00"}, true}, // last Thursdays
		{"0 0 12 ? * FRIL", "2026-01-31 12:00:00", []string{"02-27 12:00:00", "03-27 12:00:00"}, true},
		{"0 0 12 ? * L", "2026-01-31 12:00:00", []string{"02-07 12:00:00", "02-14 12:00:00"}, true}, // Saturdays
		{"0 0 12 L * ?", "2026-01-31 12:00:00", []string{"02-28 12:00:00", "03-31 12:00:00"}, true},
		{"0 0 12 L-3 * ?", "2026-01-31 12:00:00", []string{"02-25 12:00:00", "03-28 12:00:00"}, true},
		{"0 0 12 LW * ?", "2026-01-31 12:00:00", []string{"02-27 12:00:00", "03-31 12:00:00", "04-30 12:00:00", "05-29 12:00:00"}, true},
		{"0 0 12 15W * ?", "2026-01-31 12:00:00", []string{"02-16 12:00:00", "03-16 12:00:00", "04-15 12:00:00", "05-15 12:00:00"}, true},
		{"0 0 12 1W * ?", "2026-07-31 12:00:00", []string{"08-03 12:00:00", "09-01 12:00:00"}, true}, // not back into July
		{"0 0 12 31W * ?", "2026-04-01 12:00:00", []string{"05-29 12:00:00", "07-31 12:00:00"}, true},
		{"0 0 12 1,L * *", "2026-01-31 12:00:00", []string{"02-01 12:00:00", "02-28 12:00:00", "03-01 12:00:00"}, true},
		{"0 0 12 30-2 * ?", "2026-01-29 12:00:00", []string{"01-30 12:00:00", "01-31 12:00:00", "02-01 12:00:00", "02-02 12:00:00", "03-01 12:00:00"}, true},
		{"0 0 0 1 NOV-FEB ?", "2026-01-29 12:00:00", []string{"02-01 00:00:00", "11-01 00:00:00", "12-01 00:00:00"}, true},
		{"0 15 10 ? 6 MON 2026", "2026-01-01 00:00:00", []string{"06-01 10:15:00", "06-08 10:15:00", "06-15 10:15:00", "06-22 10:15:00", "06-29 10:15:00"}, false},
		{"59  59 23 31 12 ? 2020-2026/2", "2026-01-01 00:00:00", []string{"12-31 23:59:59"}, false},
		{"0 0 12 * * ? 2025", "2026-01-01 00:00:00", nil, false},
		{"*/30 * * * * *", "2026-01-01 00:00:00.7", []string{"01-01 00:00:30", "01-01 00:01:00"}, true},
		// Clocks are put forward and back.
		{"0 30 2 * * ?", "2026-03-28 00:00:00", []string{"03-28 02:30:00", "03-29 03:00:00", "03-30 02:30:00"}, true},
		{"0 0/20 2 * * ?", "2026-03-29 01:00:00", []string{"03-29 03:00:00", "03-30 02:00:00"}, true},
		{"0 30 2 * * ?", "2026-10-24 12:00:00", []string{"10-25 02:30:00", "10-26 02:30:00"}, true},
		{"0 30 2 * * ?", "2026-10-25T02:10:00+01:00", []string{"10-26 02:30:00"}, true},
		{"0 30 2,3 * * ?", "2026-10-25T02:10:00+02:00", []string{"10-25 02:30:00", "10-25 03:30:00"}, true},
		{"0 30 2 * * ?", "2040-12-31 12:00:00", []string{"01-01 02:30:00"}, true}, // the last day of a leap year
		{"0 30 * * * ?", "2026-03-29 01:00:00", []string{"03-29 01:30:00", "03-29 03:30:00"}, true},
		{"0 30 * * * ?", "2026-10-25T01:40:00+02:00", []string{"10-25 02:30:00", "10-25 02:30:00", "10-25 03:30:00"}, true},
	} {
		timer, err := schedule.ParseCycle(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		at, done := when(t, zone(t, "Europe/Vienna"), c.after), 0
		for ; done < len(c.want); done++ {
			// What is kept over a restart is the text and the count.
			if timer, err = schedule.ParseCycle(timer.From(at).String()); err != nil {
				t.Fatalf("%s: what it became: %v", c.text, err)
			}
			due, _, ok := timer.Next(at, done)
			if got := due.Format("01-02 15:04:05"); !ok || got != c.want[done] || !due.After(at) {
				t.Errorf("%s after %s: firing %d is %s, %t; want %s", c.text, c.after, done, got, ok, c.want[done])
			}
			at = due
		}
		if due, _, ok := timer.Next(at, done); ok != c.more {
			t.Errorf("%s after %s: fires again %t at %s, want %t", c.text, c.after, ok, due, c.more)
		}
	}
}

func TestRemaining(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string][]int{"R3/PT1S": {2, 1, 0}, "R/PT1S": {-1, -1, -1, -1}, "* * * * * ?": {-1, -1}} {
		timer, err := schedule.ParseCycle(text)
		if err != nil {
			t.Fatal(err)
		}
		for done, remain := range want {
			if _, got, ok := timer.Next(at, done); !ok || got != remain {
				t.Errorf("%s, fired %d times: %d remain, %t; want %d", text, done, got, ok, remain)
			}
		}
		if _, _, ok := timer.Next(at, -1); ok {
			t.Errorf("%s: fires after less than nothing", text)
		}
	}
}

// TestFrom shows that firing late moves nothing, and that what was missed is
// neither lost nor made up for at once.
func TestFrom(t *testing.T) {
	t.Parallel()
	set := time.Date(2026, 1, 1, 0, 0, 0, 123_456_789, time.UTC)
	timer, err := schedule.ParseCycle("R4/PT10S/2026-01-01T00:02:00")
	if err != nil {
		t.Fatal(err)
	}
	timer = timer.From(set)
	if got := timer.String(); got != "R4/2026-01-01T00:00:00.123Z/PT10S/2026-01-01T00:02:00" {
		t.Fatal(got)
	}
	if timer, err = schedule.ParseCycle(timer.From(set.Add(time.Hour)).String()); err != nil {
		t.Fatal(err)
	}
	for done, c := range []struct{ fired, want time.Duration }{{0, 10}, {13, 20}, {20, 30}, {95, 100}} {
		due, _, ok := timer.Next(set.Add(c.fired*time.Second), done)
		if want := set.Truncate(time.Millisecond).Add(c.want * time.Second); !ok || !due.Equal(want) {
			t.Errorf("firing %d, the one before at %s: due %s, %t; want %s", done, c.fired*time.Second, due, ok, want)
		}
	}
	for _, text := range []string{"R3/2026-01-01/PT1H", "0 0 12 * * ?"} {
		if timer, err = schedule.ParseCycle(text); err != nil || timer.From(set).String() != text {
			t.Errorf("%s became %s, %v", text, timer.From(set), err)
		}
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	failed := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		text  string
		count int
		waits []time.Duration
	}{
		{"R5/PT5M", 5, []time.Duration{5 * time.Minute, 5 * time.Minute, 5 * time.Minute, 5 * time.Minute}},
		{"R1/PT5M", 1, nil},
		{"R2/PT0S", 2, []time.Duration{0}},
		{"PT5M", 2, []time.Duration{5 * time.Minute}},
		{"PT1M, PT5M,P1D", 4, []time.Duration{time.Minute, 5 * time.Minute, 24 * time.Hour}},
	} {
		count, wait, err := schedule.ParseRetry(c.text)
		if err != nil || count != c.count {
			t.Errorf("%s: %d tries, %v; want %d", c.text, count, err, c.count)
			continue
		}
		for done, want := range c.waits {
			if due, _, ok := wait.Next(failed, done); !ok || due.Sub(failed) != want {
				t.Errorf("%s: wait %d is %s, %t; want %s", c.text, done, due.Sub(failed), ok, want)
			}
		}
		if _, _, ok := wait.Next(failed, len(c.waits)); ok {
			t.Errorf("%s: one try too many", c.text)
		}
	}
	if count, wait, err := schedule.ParseRetry("R/PT1S"); count != -1 || wait.Repeats() != -1 || err != nil {
		t.Errorf("without end: %d, %d, %v", count, wait.Repeats(), err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	retry := func(text string) (schedule.Timer, error) {
		_, wait, err := schedule.ParseRetry(text)
		return wait, err
	}
	long := strings.Repeat("0,", 130) + "0 * * * * ?"
	for _, c := range []struct {
		parse    parser
		texts    []string
		complain string
	}{
		{schedule.ParseDate, []string{"", " ", "\n"}, "empty"},
		{schedule.ParseCycle, []string{long}, "at most 255"},
		{schedule.ParseDate, []string{"tomorrow", "pt1s", "2026-1-1", "26-01-01", "2026-01-01 10:00", "2026-01-01T1:00", "2026-01-01T10:00:00 Z", "31.12.2026", "2026-01-01T10:00:00.", "Thu Dec 31 18:00:00 XYZ 2026"}, "is no ISO 8601 date"},
		{schedule.ParseDate, []string{"2026-02-30", "2026-13-01", "2026-00-01", "2026-01-00", "2026-366", "2026-000", "2026-W54", "2026-W00", "2026-W10-8", "2026-01-01T24:00", "2026-01-01T23:60", "2026-01-01T23:59:60"}, "no such day or time"},
		{schedule.ParseDate, []string{"2026-01-01T00:00+19:00", "2026-01-01T00:00+01:60"}, "no such zone"},
		{schedule.ParseDate, []string{"2026-01-01/PT1H"}, "one date or one duration"},
		{schedule.ParseDuration, []string{"P", "PT", "P1", "P1DT", "P1H", "PT1D", "PT1.5H", "P1.5D", "PT1S1M", "--PT1S", "PT 1S", "P1DT1", "PT1234567890S"}, "is no ISO 8601 duration"},
		{schedule.ParseDuration, []string{"P1001Y", "P12001M", "P400000D", "PT9000000H"}, "longer than 1000 years"},
		{schedule.ParseDuration, []string{"2026/2027/2028", "PT1S/PT1S"}, "a timeDuration is"},
		{schedule.ParseCycle, []string{"R-1/PT1S", "R+1/PT1S", "R1.5/PT1S", "R2147483648/PT1S", "RX/PT1S"}, "after R comes a number"},
		{schedule.ParseCycle, []string{"R3", "R"}, "not when"},
		{schedule.ParseCycle, []string{"R3/2026-01-01", "R3/PT1S/PT1S", "R/2026/PT1S/2027/2028"}, "come a duration"},
		{schedule.ParseCycle, []string{"R3/PT0S", "R/-PT1S", "R/P1MT-1S", "R/PT0.0001S", "R/2026-01-01/2026-01-01"}, "has to take time"},
		{schedule.ParseCycle, []string{"R/2026-01-02/2026-01-01", "R/2026-01-02/PT1S/2026-01-01"}, "ends before it starts"},
		{schedule.ParseCycle, []string{"R/2026-01-02/2026-01-03T00:00Z"}, "both have a zone"},
		{schedule.ParseCycle, []string{"*/5 * * * *", "PT10S", "0 0 12 ? * MON 2026 extra"}, "neither a repeat"},
		{schedule.ParseCycle, []string{"0 0 0 30 2 ?", "0 0 0 31 4,6,9,11 ?", "0 0 0 29 2 ? 2025-2027", "0 0 0 31W FEB ?", "0 0 0 L-29 2 ?", "0 0 0 ? 2 2#5 2025"}, "never due"},
		{schedule.ParseCycle, []string{"60 * * * * ?", "-1 * * * * ?", "0 60 * * * ?", "0 0 24 * * ?", "0 0 0 0 * ?", "0 0 0 32 * ?", "0 0 0 1 13 ?", "0 0 0 1 FOO ?", "0 0 0 ? * 8", "0 0 0 * * 1 1969", "0 0 0 * * 1 2100", "+1 * * * * ?", "0 0 0 C * ?", "0 0 0 10-15W * ?", "? * * * * ?", "0,,1 * * * * ?", "0 1- * * * ?"}, "is not a number from"},
		{schedule.ParseCycle, []string{"0 0 0 ? * 0"}, "1 is Sunday"},
		{schedule.ParseCycle, []string{"0/0 * * * * ?", "0/60 * * * * ?", "0 0 0/24 * * ?", "0/x * * * * ?", "0/-1 * * * * ?"}, "a step is"},
		{schedule.ParseCycle, []string{"0 0 0 * * ? 2027-2026"}, "goes backward"},
		{schedule.ParseCycle, []string{"0 0 0 ? * 2#6", "0 0 0 ? * 2#0", "0 0 0 ? * 2#"}, "from 1 to 5"},
		{schedule.ParseCycle, []string{"0 0 0 L-31 * ?", "0 0 0 L- * ?"}, "up to 30"},
		{schedule.ParseCycle, []string{"0 0 0 1 * MON", "0 0 0 L * 2#1"}, "has to be ?"},
		{schedule.ParseCycle, []string{"0 0 0 ? * ?"}, "only one of"},
		{retry, []string{"3", "R3", "PT1M,", "R5/PT5M,PT1M"}, "timer"},
		{retry, []string{"-PT1M", "PT1M,PT-1M", "R3/-PT1M"}, "a wait goes forward"},
	} {
		for _, text := range c.texts {
			timer, err := c.parse(text)
			if err == nil || !strings.Contains(err.Error(), c.complain) {
				t.Errorf("%q: %v; want it to say %q", text, err, c.complain)
			}
			if _, _, ok := timer.Next(time.Unix(0, 0), 0); ok {
				t.Errorf("%q was refused and is due", text)
			}
		}
	}
}

func TestBeyondTheLastYear(t *testing.T) {
	t.Parallel()
	at := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for _, text := range []string{"R/PT48H", "R/0001-01-01/P1000Y", "0 0 0 * * ?", "R/P1M"} {
		timer, err := schedule.ParseCycle(text)
		if err != nil {
			t.Fatal(err)
		}
		if due, _, ok := timer.Next(at, 0); ok {
			t.Errorf("%s is due %s", text, due)
		}
	}
}
