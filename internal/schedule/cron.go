package schedule

import (
	"fmt"
	"strings"
	"time"
)

// The years that Quartz's year field knows.
const (
	firstCronYear = 1970
	lastCronYear  = 2099
)

// cron is a Quartz cron expression: for each field what it allows.
type cron struct {
	seconds, minutes, hours, months, years set
	everyHour                              bool
	days                                   days
}

// parseCron reads a Quartz cron expression of six or seven fields.
func parseCron(text string) (*cron, error) {
	fields := strings.Fields(strings.ToUpper(text))
	if n := len(fields); n != 6 && n != 7 {
		return nil, fmt.Errorf("timer %q is neither a repeat such as R3/PT10S nor a cron of six or seven fields (seconds first), it has %d", text, n)
	}
	if len(fields) == 6 {
		fields = append(fields, "*")
	}
	c, err := new(cron), error(nil)
	read := func(f field, text string) (s set) {
		if err == nil {
			s, err = f.read(text)
		}
		return s
	}
	c.seconds, c.minutes, c.hours = read(seconds, fields[0]), read(minutes, fields[1]), read(hours, fields[2])
	c.months, c.years = read(months, fields[4]), read(years, fields[6])
	if err == nil {
		c.days, err = parseDays(fields[3], fields[5])
	}
	if err != nil {
		return nil, fmt.Errorf("timer %q: %w", text, err)
	}
	c.everyHour = c.hours == hours.all()
	if _, ok := c.match(time.Date(firstCronYear, 1, 1, 0, 0, 0, 0, time.UTC)); !ok {
		return nil, fmt.Errorf("timer %q is never due: no month has such a day", text)
	}
	return c, nil
}

// next returns the first moment after after at which c is due, in after's zone.
//
// It goes through the spans between two changes of the zone's clocks, within which
// clock and time run alike. Where a change puts clocks forward over a time that is
// due, the change itself is due. Where it puts them back, what was due is not due
// again. A cron of every hour knows neither: it goes on as time does.
func (c *cron) next(after time.Time) (time.Time, bool) {
	from := wallOf(after).Truncate(time.Second).Add(time.Second)
	if start, _ := after.ZoneBounds(); !c.everyHour && !start.IsZero() {
		from = later(from, wallOf(start.Add(-time.Millisecond)).Add(time.Millisecond))
	}
	for span := after; ; {
		wall, ok := c.match(from)
		if !ok {
			return time.Time{}, false
		}
		_, offset := span.Zone()
		due := time.Unix(wall.Unix()-int64(offset), 0).In(after.Location())
		end := changeAfter(span)
		if end.IsZero() || due.Before(end) {
			return due, true
		}
		old, now := wallOf(end.Add(-time.Millisecond)).Add(time.Millisecond), wallOf(end)
		switch {
		case c.everyHour:
			from = now
		case wall.Before(now): // old ≤ wall < now: the clocks never show it
			return end, true
		default:
			from = later(old, now)
		}
		span = end
	}
}

// changeAfter returns when clocks change for the next time, zero for never. It may
// name a moment at which nothing changes. (time.ZoneBounds takes every year to have
// 365 days once its table ends, and on the last day of a leap year names a moment
// that is past; no zone changes its clocks around New Year by rule.)
func changeAfter(t time.Time) time.Time {
	_, end := t.ZoneBounds()
	if !end.IsZero() && !end.After(t) {
		return t.Add(24 * time.Hour)
	}
	return end
}

// match returns the first time at or after wall that the fields allow. Only what
// clocks show counts here.
func (c *cron) match(wall time.Time) (time.Time, bool) {
	year, month := wall.Year(), int(wall.Month())
	for ; year <= lastCronYear; year, month = year+1, 1 {
		if year < firstCronYear || !c.years.has(year-firstCronYear) {
			continue
		}
		for month = c.months.from(month); month > 0; month = c.months.from(month + 1) {
			if due, ok := c.matchMonth(year, time.Month(month), wall); ok {
				return due, true
			}
		}
	}
	return time.Time{}, false
}

// matchMonth returns the first time in a month at or after wall.
func (c *cron) matchMonth(year int, month time.Month, wall time.Time) (time.Time, bool) {
	allowed, day := c.days.in(year, month), 1
	for day = allowed.from(day); day > 0; day = allowed.from(day + 1) {
		midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		switch since := wall.Sub(midnight); {
		case since <= 0:
			return c.matchDay(midnight, 0)
		case since < 24*time.Hour:
			if due, ok := c.matchDay(midnight, int(since/time.Second)); ok {
				return due, true
			}
		}
	}
	return time.Time{}, false
}

// matchDay returns the first time of a day that is at or after a second of it.
func (c *cron) matchDay(midnight time.Time, second int) (time.Time, bool) {
	hour, minute, second := second/3600, second/60%60, second%60
	for h := c.hours.from(hour); h >= 0; h = c.hours.from(h + 1) {
		if h > hour {
			minute, second = 0, 0
		}
		for m := c.minutes.from(minute); m >= 0; m = c.minutes.from(m + 1) {
			if h > hour || m > minute {
				second = 0
			}
			if s := c.seconds.from(second); s >= 0 {
				return midnight.Add(time.Duration(h*3600+m*60+s) * time.Second), true
			}
		}
	}
	return time.Time{}, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
