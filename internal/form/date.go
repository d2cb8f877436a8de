package form

import (
	"errors"
	"strings"
	"time"
)

// isoMillis is how the value of a date field is written.
const isoMillis = "2006-01-02T15:04:05.000Z"

const (
	defaultDay    = "D-M-YYYY"
	defaultMoment = "D-M-YYYY hh:mm A"
)

// layouts are the words of moment.js in those of Go, longer ones first.
var layouts = strings.NewReplacer(
	"YYYY", "2006", "yyyy", "2006", "YY", "06", "yy", "06", "MMMM", "January", "MMM", "Jan", "MM", "01", "M", "1",
	"DD", "02", "dd", "02", "D", "2", "d", "2", "HH", "15", "H", "15", "hh", "03", "h", "3", "mm", "04", "m", "4", "ss", "05", "s", "5",
	"SSS", "000", "A", "PM", "a", "pm")

var errDate = errors.New("no date")

// parseDay reads a day: as ISO writes it, with or without a time, or in a field's own
// format.
func parseDay(s, format string) (time.Time, error) {
	if format == "" {
		format = defaultDay
	}
	if len(s) > 40 {
		return time.Time{}, errDate
	}
	for _, layout := range []string{"2006-01-02", "2006-1-2", layouts.Replace(format), layouts.Replace(defaultDay)} {
		if t, err := time.Parse(layout, s); err == nil {
			return sane(t)
		}
	}
	t, err := parseMoment(s, format)
	return t.Truncate(24 * time.Hour), err
}

// parseMoment reads a moment, as ISO writes it or in a field's own format.
func parseMoment(s, format string) (time.Time, error) {
	if format == "" {
		format = defaultMoment
	}
	if len(s) > 40 {
		return time.Time{}, errDate
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02", layouts.Replace(format)} {
		if t, err := time.Parse(layout, s); err == nil {
			return sane(t.UTC())
		}
	}
	return time.Time{}, errDate
}

// sane refuses years that nothing can keep.
func sane(t time.Time) (time.Time, error) {
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errDate
	}
	return t, nil
}
