package schedule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// days is which days a cron expression allows: by their number, or by their weekday,
// each with what depends on the month.
type days struct {
	numbers     set   // 1 to 31
	fromEnd     []int // how many days before the month's last: L, L-3
	near        []int // weekdays nearest to a day: 15W
	lastWeekday bool  // LW

	weekdays set      // 1 (Sunday) to 7
	lasts    set      // the month's last such day: 6L
	nths     [][2]int // weekday and which of the month: 6#3
}

// parseDays reads the fields day of month and day of week, of which Quartz lets
// only one choose.
func parseDays(month, week string) (d days, err error) {
	free := func(text string) bool { return text == "?" || text == "*" }
	switch {
	case month == "?" && week == "?":
		return d, errors.New("only one of day of month and day of week can be ?")
	case free(month) && free(week):
		d.numbers = monthDays.all()
		return d, nil
	case free(week):
		err = each(month, d.monthItem)
	case free(month):
		err = each(week, d.weekItem)
	default:
		err = errors.New("one of day of month and day of week has to be ?, the two together are ambiguous")
	}
	return d, err
}

func each(list string, read func(item string) error) error {
	for item := range strings.SplitSeq(list, ",") {
		if err := read(item); err != nil {
			return err
		}
	}
	return nil
}

// monthItem reads one item of the field day of month.
func (d *days) monthItem(item string) error {
	near, weekday := strings.CutSuffix(item, "W")
	before, fromEnd := strings.CutPrefix(item, "L-")
	switch {
	case item == "LW" || item == "WL":
		d.lastWeekday = true
	case item == "L":
		d.fromEnd = append(d.fromEnd, 0)
	case fromEnd:
		n, err := strconv.Atoi(before)
		if err != nil || n < 0 || n > 30 {
			return fmt.Errorf("day of month %q: after L- comes a number up to 30", item)
		}
		d.fromEnd = append(d.fromEnd, n)
	case weekday:
		n, err := monthDays.number(near)
		if err != nil {
			return err
		}
		d.near = append(d.near, n)
	default:
		return monthDays.item(&d.numbers, item)
	}
	return nil
}

// weekItem reads one item of the field day of week. L alone is Saturday, as the
// week's last day.
func (d *days) weekItem(item string) error {
	day, nth, numbered := strings.Cut(item, "#")
	named, last := strings.CutSuffix(item, "L")
	switch {
	case item == "L":
		d.weekdays.add(7)
	case numbered:
		n, err := weekDays.number(day)
		if err != nil {
			return err
		}
		which, err := strconv.Atoi(nth)
		if err != nil || which < 1 || which > 5 {
			return fmt.Errorf("day of week %q: after # comes a number from 1 to 5", item)
		}
		d.nths = append(d.nths, [2]int{n, which})
	case last:
		n, err := weekDays.number(named)
		if err != nil {
			return err
		}
		d.lasts.add(n)
	default:
		return weekDays.item(&d.weekdays, item)
	}
	return nil
}

// in returns the days of one month.
func (d *days) in(year int, month time.Month) (s set) {
	length := daysIn(year, month)
	first := int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday())
	weekday := func(day int) int { return (first+day-1)%7 + 1 }
	for day := 1; day <= length; day++ {
		if w := weekday(day); d.numbers.has(day) || d.weekdays.has(w) || day+7 > length && d.lasts.has(w) {
			s.add(day)
		}
		for _, nth := range d.nths {
			if weekday(day) == nth[0] && (day+6)/7 == nth[1] {
				s.add(day)
			}
		}
	}
	for _, n := range d.fromEnd {
		if n < length {
			s.add(length - n)
		}
	}
	near := d.near
	if d.lastWeekday {
		near = append(near[:len(near):len(near)], length)
	}
	for _, day := range near {
		if day <= length {
			s.add(nearest(day, length, weekday(day)))
		}
	}
	return s
}

// nearest returns the working day that is nearest to a day, within its month.
func nearest(day, length, weekday int) int {
	switch {
	case weekday == 7 && day > 1:
		return day - 1
	case weekday == 7:
		return day + 2
	case weekday == 1 && day < length:
		return day + 1
	case weekday == 1:
		return day - 2
	}
	return day
}
