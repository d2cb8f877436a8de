package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// period is an ISO 8601 duration: months and days by the calendar, the rest by the
// clock. Days are 23 or 25 hours long when clocks change.
type period struct {
	months, days, millis int64
}

// longest is how many years, of any sort, a duration may have.
const longest = 1000

// lastYear is the last year in which a timer may be due.
const lastYear = 9999

const (
	hourMillis = 3600 * 1000
	dayMillis  = 24 * hourMillis
)

// A number may have its own sign (as Joda reads it), all of them may have one
// before the P (as XML Schema does), and the seconds may have a fraction.
var periodForm = regexp.MustCompile(`^([+-]?)P(?:([+-]?\d{1,9})Y)?(?:([+-]?\d{1,9})M)?(?:([+-]?\d{1,9})W)?(?:([+-]?\d{1,9})D)?` +
	`(?:T(?:([+-]?\d{1,9})H)?(?:([+-]?\d{1,9})M)?(?:([+-]?\d{1,9})(?:[.,](\d{1,9}))?S)?)?$`)

// parsePeriod reads an ISO 8601 duration. Fractions finer than a millisecond are
// dropped.
func parsePeriod(text string) (period, error) {
	m := periodForm.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return period{}, fmt.Errorf("timer %q is no ISO 8601 duration such as PT5M or P1DT12H", text)
	}
	var n [7]int64
	for i := range n {
		if m[i+2] != "" {
			n[i], _ = strconv.ParseInt(m[i+2], 10, 64)
		}
	}
	fraction, _ := strconv.ParseInt((m[9] + "000")[:3], 10, 64)
	if strings.HasPrefix(m[8], "-") {
		fraction = -fraction
	}
	p := period{
		months: 12*n[0] + n[1],
		days:   7*n[2] + n[3],
		millis: n[4]*hourMillis + n[5]*60*1000 + n[6]*1000 + fraction,
	}
	if m[1] == "-" {
		p = period{-p.months, -p.days, -p.millis}
	}
	if abs(p.months) > longest*12 || abs(p.days) > longest*366 || abs(p.millis) > longest*366*dayMillis {
		return period{}, fmt.Errorf("timer %q is longer than %d years", text, longest)
	}
	return p, nil
}

// from returns the moment n periods after t, in t's zone: months first, kept within
// their month, then days, then the clock, as java.time and Joda do.
func (p period) from(t time.Time, n int64) (time.Time, bool) {
	zone, millis := t.Location(), t.UnixMilli()
	if p.months != 0 || p.days != 0 {
		millis = at(addMonths(wallOf(t), n*p.months).AddDate(0, 0, int(n*p.days)), zone).UnixMilli()
	}
	due := time.UnixMilli(millis + n*p.millis).In(zone)
	return due, due.Year() >= 0 && due.Year() <= lastYear
}

// forward reports whether every period leads to a later time.
func (p period) forward() bool {
	return p.months >= 0 && p.days >= 0 && p.millis >= 0 && p != period{}
}

// backward reports whether some part of p leads to an earlier time.
func (p period) backward() bool { return p.months < 0 || p.days < 0 || p.millis < 0 }

// shortest returns milliseconds that a period which goes forward takes at least,
// over any number of them; half of what it has is left to months and clocks.
func (p period) shortest() int64 {
	return max((p.months*28*dayMillis+p.days*dayMillis+p.millis)/2, 1)
}

func abs(n int64) int64 { return max(n, -n) }

// addMonths moves a date by months and keeps it within the month it comes to.
func addMonths(wall time.Time, months int64) time.Time {
	first := time.Date(wall.Year(), wall.Month()+time.Month(months), 1, wall.Hour(), wall.Minute(), wall.Second(), wall.Nanosecond(), time.UTC)
	return first.AddDate(0, 0, min(wall.Day(), daysIn(first.Year(), first.Month()))-1)
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
