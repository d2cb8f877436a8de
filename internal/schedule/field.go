package schedule

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// set holds numbers from 0 to 191.
type set [3]uint64

func (s *set) add(n int) { s[n/64] |= 1 << (n % 64) }

func (s *set) has(n int) bool { return n >= 0 && n < 192 && s[n/64]>>(n%64)&1 == 1 }

// from returns the smallest member that is at least n, -1 when there is none.
func (s *set) from(n int) int {
	for word := n / 64; word < len(s); word++ {
		if rest := s[word] &^ (1<<(max(n-64*word, 0)) - 1); rest != 0 {
			return 64*word + bits.TrailingZeros64(rest)
		}
	}
	return -1
}

// field is one field of a cron expression: its name, the numbers it may have, and
// the names that some of them have.
type field struct {
	name     string
	min, max int
	names    []string // of min, min+1 …
	base     int      // what a set counts from
}

var (
	seconds   = field{name: "seconds", max: 59}
	minutes   = field{name: "minutes", max: 59}
	hours     = field{name: "hours", max: 23}
	monthDays = field{name: "day of month", min: 1, max: 31}
	months    = field{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekDays  = field{name: "day of week", min: 1, max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT")}
	years     = field{name: "year", min: firstCronYear, max: lastCronYear, base: firstCronYear}
)

// all returns the set of everything that the field may be.
func (f field) all() (s set) {
	for n := f.min; n <= f.max; n++ {
		s.add(n - f.base)
	}
	return s
}

// read returns the numbers that a field's text allows.
func (f field) read(text string) (s set, err error) {
	for item := range strings.SplitSeq(text, ",") {
		if err := f.item(&s, item); err != nil {
			return set{}, err
		}
	}
	return s, nil
}

// item adds the numbers of one item: *, 5, 5-9 and 22-2 (which goes on from the
// field's first number after its last), each perhaps with a step.
func (f field) item(s *set, text string) error {
	span, stepText, stepped := strings.Cut(text, "/")
	step, err := 1, error(nil)
	if stepped {
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > f.max-f.base {
			return fmt.Errorf("%s %q: a step is a number from 1 to %d", f.name, text, f.max-f.base)
		}
	}
	first, last := f.min, f.max
	if low, high, ranged := strings.Cut(span, "-"); span != "*" && (span != "" || !stepped) {
		if first, err = f.number(low); err != nil {
			return err
		}
		if ranged {
			if last, err = f.number(high); err != nil {
				return err
			}
		} else if !stepped {
			last = first
		}
	}
	if last < first {
		if f.base != 0 {
			return fmt.Errorf("%s %q: the range goes backward", f.name, text)
		}
		last += f.max - f.min + 1
	}
	for n := first; n <= last; n += step {
		s.add((n-f.min)%(f.max-f.min+1) + f.min - f.base)
	}
	return nil
}

// number reads one number or name.
func (f field) number(text string) (int, error) {
	if i := slices.Index(f.names, text); i >= 0 {
		return f.min + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || text[0] == '+' {
		hint := ""
		if f.name == weekDays.name {
			hint = ", where 1 is Sunday"
		}
		return 0, fmt.Errorf("%s %q is not a number from %d to %d%s, nor what else Quartz allows there", f.name, text, f.min, f.max, hint)
	}
	return n, nil
}
