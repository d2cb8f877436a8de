// Package schedule reads what BPMN timers are written in and says when they are
// due: ISO 8601 dates, durations and repeats, Quartz cron, and the waits between
// the attempts of a failed job.
//
// The reference is what Activiti 6 accepts. Where it errs, this room does not
// follow: fractions of seconds and weeks count, an end counts for the first
// firing too, repeats that were missed are neither lost nor made up for in one
// burst, and a text that can never be due is refused when it is read.
//
// All of it is pure. The caller brings the time, whose location is the zone that
// dates without one, days, months and cron mean. What he has to keep is the text
// (Timer.String) and how often the timer has fired.
//
// On the days when clocks change, a time that does not exist is due at the next
// moment that does, and one that exists twice is due the first time. Only a cron
// of every hour fires through both.
package schedule
