package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/store"
	"github.com/sluicehq/sluice/internal/store/storetest"
)

// fill makes n instances with one open task each: a quarter is the chief's, a quarter is
// shared among a thousand users, a quarter waits for everybody and a quarter for one of
// twenty groups. Tasks of users are known to their instances, as the engine does it.
func fill(tb testing.TB, db *store.DB, n int) {
	tb.Helper()
	numbers := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT `, n)
	assignee := `CASE i % 4 WHEN 0 THEN 'chief' WHEN 1 THEN CAST(i % 1000 AS TEXT) ELSE '' END`
	for _, statement := range []string{
		`INSERT INTO deployments (id, name, category, key, tenant_id, deployed_at) VALUES ('d', 'd', '', '', '', 1)`,
		`INSERT INTO definitions (id, key, version, name, description, category, deployment_id, resource, start_form, diagram, tenant_id, deployed_at)
			VALUES ('p:1:x', 'p', 1, 'P', '', '', 'd', 'p.bpmn', FALSE, FALSE, '', 1)`,
		`INSERT INTO instances (id, definition_id, business_key, name, parent_id, parent_execution, root_id, started_by, start_activity, started_at, tenant_id, rev)
			` + numbers + `'i' || i, 'p:1:x', '', 'No ' || i, '', '', 'i' || i, CAST((i / 4) % 1000 AS TEXT), 's', 1000000 + i, '', 1 FROM n`,
		`INSERT INTO tasks (id, instance_id, execution_id, definition_id, key, parent_id, name, description, category, assignee, owner, delegation, priority, form_key, created_at, due_at, tenant_id, rev)
			` + numbers + `'t' || i, 'i' || i, 'x' || i, 'p:1:x', 'k', '', 'Task ' || i, '', '', ` + assignee + `, '', '', 50, '', 1000000 + i, CASE WHEN i % 3 = 0 THEN 2000000 + i END, '', 1 FROM n`,
		`INSERT INTO links (task_id, instance_id, definition_id, kind, user_id, group_id)
			` + numbers + `'t' || i, '', '', 'candidate', '', CASE i % 4 WHEN 2 THEN 'all' ELSE 'g' || ((i / 4) % 20) END FROM n WHERE i % 4 > 1`,
		`INSERT INTO links (task_id, instance_id, definition_id, kind, user_id, group_id) ` + numbers + `'', 'i' || i, '', 'participant', ` + assignee + `, '' FROM n WHERE i % 4 < 2`,
		`ANALYZE`,
	} {
		if _, err := db.Exec(context.Background(), statement); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
	}
}

// taskLists are the lists that people open, and how many tasks each has of 100 000.
var taskLists = map[string]struct {
	q    TaskQuery
	want int
}{
	"assigned to one of many":       {TaskQuery{Assignee: "41"}, 100},
	"assigned to the chief":         {TaskQuery{Assignee: "chief"}, 25_000},
	"candidate by one of 20 groups": {TaskQuery{Candidate: &Actor{UserID: "41", Groups: []string{"g1", "writers"}}}, 1250},
	"candidate by everybody":        {TaskQuery{Candidate: &Actor{UserID: "41", Groups: []string{"all"}}}, 25_000},
	"involved, one of many":         {TaskQuery{Involved: "41"}, 100},
	"involved, the chief":           {TaskQuery{Involved: "chief"}, 25_000},
	"text, one of many":             {TaskQuery{Involved: "41", NameContains: "41"}, 100},
	"text, the chief":               {TaskQuery{Involved: "chief", NameContains: "999"}, 43},
	"due, the chief":                {TaskQuery{Assignee: "chief", Order: Order{By: "due"}}, 25_000},
	"oldest first, the chief":       {TaskQuery{Assignee: "chief", Order: Order{By: "created"}}, 25_000},
	"what one of many may see":      {TaskQuery{For: &Actor{UserID: "41", Groups: []string{"g1"}}}, 1425},
	"of an instance":                {TaskQuery{For: &Actor{UserID: "41", Groups: []string{"g1"}}, InstanceID: "i41"}, 1},
	"ended, involved":               {TaskQuery{Involved: "41", State: Ended}, 0},
	"of any state, involved":        {TaskQuery{Involved: "41", State: AnyState}, 100},
}

// BenchmarkTaskLists reads the first page of each list and its total, with 100 000 open
// tasks.
func BenchmarkTaskLists(b *testing.B) {
	db := storetest.Open(b)
	e, err := New(db, Config{})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, db, 100_000)
	for name, list := range taskLists {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			for b.Loop() {
				tasks, total, err := e.Tasks(b.Context(), list.q)
				if err != nil || total != list.want || len(tasks) != min(list.want, 25) {
					b.Fatalf("%d of %d tasks, want %d: %v", len(tasks), total, list.want, err)
				}
			}
		})
	}
}

// No list walks all tasks, whatever it asks for. (PostgreSQL plans by the size of a table,
// which is nothing here.)
func TestTaskListsWalkNotAllTasks(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	if db.Name() != "sqlite" {
		t.Skip("SQLite's planner is asked")
	}
	fill(t, db, 4000)
	for name, list := range taskLists {
		q := &query{}
		from := list.q.where(q)
		statement := `EXPLAIN QUERY PLAN SELECT t.name ` + from + q.String() + list.q.Order.clause(q, taskOrders, `t.created_at DESC, t.id DESC`, "t.id")
		var plan strings.Builder
		err := db.Query(t.Context(), func(row store.Row) error {
			var id, parent, unused int64
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			plan.WriteString(detail + "\n")
			return err
		}, statement, q.Args...)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		for line := range strings.Lines(plan.String()) {
			if strings.HasPrefix(line, "SCAN t") || strings.HasPrefix(line, "SCAN o") || strings.HasPrefix(line, "SCAN links") || strings.HasPrefix(line, "SCAN i") {
				t.Errorf("%s: %s\nis planned as\n%s", name, statement, plan.String())
			}
		}
	}
}
