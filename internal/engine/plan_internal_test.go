package engine

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// What is asked for every handful of jobs walks an index from the oldest on, however many
// wait. (PostgreSQL plans by the size of a table, which is nothing here.)
func TestStatementsOfJobsWalkTheirIndexes(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if db.Name() != "sqlite" {
		t.Skip("SQLite's planner is asked")
	}
	for query, index := range map[string]string{
		dueJobs: "jobs_due",
		`SELECT id FROM jobs WHERE ` + queueCondition(Ready) + ` AND due_at > $1 ORDER BY due_at LIMIT $2`: "jobs_due",
		`SELECT id FROM jobs WHERE ` + queueCondition(Dead) + ` ORDER BY id LIMIT $1 OFFSET $2`:            "jobs_aside",
	} {
		var plan strings.Builder
		err := db.Query(t.Context(), func(row store.Row) error {
			var id, parent, unused int64
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			plan.WriteString(detail + "\n")
			return err
		}, `EXPLAIN QUERY PLAN `+query, int64(1), int64(1))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan.String(), index) || strings.Contains(plan.String(), "ORDER BY") || strings.Contains(plan.String(), "SCAN") {
			t.Errorf("%s\nis planned as\n%s", query, plan.String())
		}
	}
}
