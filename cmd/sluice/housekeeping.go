package main

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice"
)

type housekeepingRun struct {
	settings
	output
}

// Run drops what has expired and says how much it was.
func (c *housekeepingRun) Run(ctx context.Context, env *environment) error {
	return c.administer(ctx, env, func(a *sluice.Admin) error {
		done, err := a.Housekeeping(ctx)
		if err != nil {
			return err
		}
		return c.show(env, done, dropped(done.Rows))
	})
}

// dropped is a table of how many rows went, by kind.
type dropped map[string]int64

func (d dropped) table() (head []string, rows [][]string) {
	for _, kind := range slices.Sorted(maps.Keys(d)) {
		rows = append(rows, []string{kind, strconv.FormatInt(d[kind], 10)})
	}
	return []string{"KIND", "ROWS"}, rows
}
