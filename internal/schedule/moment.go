package schedule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// moment is a date and time as it was written: fixed when it has a zone, else what
// clocks show in a zone that is known later.
type moment struct {
	fixed bool
	wall  time.Time // in UTC: the moment when fixed, else what clocks show
}

// What Joda reads as a date: a day of a month, of a year or of a week, a month, a
// year; then perhaps a time down to hours, and a zone.
var (
	momentForm = regexp.MustCompile(`^(\d{4})(?:-(\d\d)(?:-(\d\d))?|-(\d{3})|-W(\d\d)(?:-(\d))?)?` +
		`(?:T(?:(\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$`)

	// What java.util.Date writes, as it gets into a text by an expression.
	javaForm = "Mon Jan _2 15:04:05 2006"
	javaZone = regexp.MustCompile(` (UTC|GMT|Z) (\d{4})$`)
)

// parseMoment reads an ISO 8601 date with or without time and zone. Fractions finer
// than a millisecond are dropped.
func parseMoment(text string) (*moment, error) {
	if javaZone.MatchString(text) {
		if wall, err := time.Parse(javaForm, javaZone.ReplaceAllString(text, " $2")); err == nil {
			return &moment{fixed: true, wall: wall}, nil
		}
	}
	wrong := fmt.Errorf("timer %q is no ISO 8601 date such as 2026-12-31, 2026-12-31T18:00:00 or 2026-12-31T18:00:00Z", text)
	m := momentForm.FindStringSubmatch(text)
	if m == nil {
		return nil, wrong
	}
	day, ok := dayOf(m)
	hour, minute, second := number(m[7], 0), number(m[8], 0), number(m[9], 0)
	if !ok || hour > 23 || minute > 59 || second > 59 {
		return nil, fmt.Errorf("%w: there is no such day or time", wrong)
	}
	wall := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second +
		time.Duration(number((m[10] + "000")[:3], 0))*time.Millisecond)
	if m[11] == "" {
		return &moment{wall: wall}, nil
	}
	offset, ok := offsetOf(m[11])
	if !ok {
		return nil, fmt.Errorf("%w: there is no such zone", wrong)
	}
	return &moment{fixed: true, wall: wall.Add(-offset)}, nil
}

// dayOf returns the day that the parts of momentForm name.
func dayOf(m []string) (time.Time, bool) {
	year := number(m[1], 0)
	switch {
	case m[4] != "":
		day := time.Date(year, 1, number(m[4], 1), 0, 0, 0, 0, time.UTC)
		return day, day.Year() == year && m[4] != "000"
	case m[5] != "":
		week, weekday := number(m[5], 1), number(m[6], 1)
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC) // always in the first week
		day := fourth.AddDate(0, 0, 7*(week-1)+weekday-1-(int(fourth.Weekday())+6)%7)
		y, w := day.ISOWeek()
		return day, y == year && w == week && weekday >= 1 && weekday <= 7
	}
	month, date := number(m[2], 1), number(m[3], 1)
	day := time.Date(year, time.Month(month), date, 0, 0, 0, 0, time.UTC)
	return day, int(day.Month()) == month && day.Day() == date
}

// offsetOf reads Z, +01, +0100 and +01:00.
func offsetOf(text string) (time.Duration, bool) {
	if text == "Z" {
		return 0, true
	}
	digits := strings.ReplaceAll(text[1:], ":", "") + "00"
	hours, minutes := number(digits[:2], 0), number(digits[2:4], 0)
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, hours <= 18 && minutes <= 59
}

// number returns the number that text is, and otherwise when text is empty.
func number(text string, otherwise int) int {
	if text == "" {
		return otherwise
	}
	n, _ := strconv.Atoi(text)
	return n
}

// at returns the moment, in zone.
func (m *moment) at(zone *time.Location) time.Time {
	if m.fixed {
		return m.wall.In(zone)
	}
	return at(m.wall, zone)
}

// wallOf returns what clocks show at t, written as a time in UTC.
func wallOf(t time.Time) time.Time {
	_, offset := t.Zone()
	return time.UnixMilli(t.UnixMilli() + int64(offset)*1000).UTC()
}

// at returns when clocks in zone show wall: the first time if they show it twice,
// and the moment when they are put forward over it if they never do.
func at(wall time.Time, zone *time.Location) time.Time {
	const far = 18 * hourMillis // more than any offset, less than between two changes
	millis := wall.UnixMilli()
	early, late := time.UnixMilli(millis-far).In(zone), time.UnixMilli(millis+far).In(zone)
	_, before := early.Zone()
	_, after := late.Zone()
	first := time.UnixMilli(millis - int64(before)*1000).In(zone)
	if wallOf(first).Equal(wall) {
		return first
	}
	second := time.UnixMilli(millis - int64(after)*1000).In(zone)
	if wallOf(second).Equal(wall) {
		return second
	}
	change, _ := first.ZoneBounds()
	return change
}
