package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice"
)

// auditFilter says which lines are meant.
type auditFilter struct {
	From    string `help:"From this moment on: 2026-01-31, 2026-01-31T12:00:00Z, or 24h for a day ago." placeholder:"WHEN"`
	To      string `help:"Before this moment." placeholder:"WHEN"`
	Actor   string `help:"Who did it: user:1001, client:web, cli, program, system, or a login." placeholder:"A"`
	Client  string `help:"The client that was used." placeholder:"ID"`
	Subject string `help:"What it was done to: user:1001, client:web, key:KID." placeholder:"S"`
	Event   string `help:"The event, or its first word: user selects user.create and the like." placeholder:"E"`
	Outcome string `help:"success, failure, throttled or denied." placeholder:"O"`
}

func (f *auditFilter) query(now time.Time) (q sluice.AuditQuery, err error) {
	q = sluice.AuditQuery{Actor: f.Actor, ClientID: f.Client, Subject: f.Subject, Event: f.Event, Outcome: f.Outcome}
	if q.From, err = when("--from", f.From, now); err == nil {
		q.To, err = when("--to", f.To, now)
	}
	return q, err
}

// when reads a moment; empty is none.
func when(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s: %q is no moment such as 2026-01-31, 2026-01-31T12:00:00Z, or 24h for a day ago", flag, text)
}

type auditList struct {
	settings
	output
	auditFilter
	Limit  int    `help:"How many to show at most (1000)." default:"100"`
	Cursor string `help:"Where the page before ended." placeholder:"C"`
}

// auditPage is a page of the record.
type auditPage struct {
	Events []sluice.AuditEvent `json:"events"`
	Next   string              `json:"next,omitempty"`
}

func (p auditPage) table() (head []string, rows [][]string) {
	for _, e := range p.Events {
		actor := e.Actor
		if e.ActorName != "" {
			actor += " (" + e.ActorName + ")"
		}
		details := ""
		if text, err := json.Marshal(e.Details); err == nil && len(e.Details) > 0 {
			details = string(text)
		}
		rows = append(rows, []string{moment(e.At), e.Name, e.Outcome, actor, e.ClientID, e.Subject, e.Address, details})
	}
	return []string{"AT", "EVENT", "OUTCOME", "ACTOR", "CLIENT", "SUBJECT", "ADDRESS", "DETAILS"}, rows
}

// Run shows a page.
func (c *auditList) Run(ctx context.Context, env *environment) error {
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	q.Limit, q.Cursor = c.Limit, c.Cursor
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		list, next, err := a.Audit(ctx, q)
		if err != nil {
			return err
		}
		if next != "" && !c.JSON {
			_, _ = fmt.Fprintf(env.err, "there are more: --cursor %s\n", next)
		}
		page := auditPage{notNil(list), next}
		return c.show(env, page, page)
	})
}

type auditExport struct {
	settings
	auditFilter
	JSON bool `name:"json" help:"As it does without."`
}

// Run prints lines as they are read.
func (c *auditExport) Run(ctx context.Context, env *environment) error {
	q, err := c.query(time.Now())
	if err != nil {
		return err
	}
	q.Oldest = true
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		out := bufio.NewWriter(env.out)
		lines := json.NewEncoder(out)
		for e, err := range a.AuditAll(ctx, q) {
			if err == nil {
				err = lines.Encode(e)
			}
			if err != nil {
				return errors.Join(err, out.Flush())
			}
		}
		return out.Flush()
	})
}
