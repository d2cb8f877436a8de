package engine

import (
	"context"

	"github.com/sluicehq/sluice/internal/store"
)

// JobQuery says which jobs are meant. The zero value means all of every queue.
type JobQuery struct {
	For *Actor // those of instances that the actor may see; nil means everything

	ID                                    string
	Queue                                 string // Ready, Timer, Suspended or Dead
	InstanceID, ExecutionID, DefinitionID string
	ActivityID                            string
	Timers                                bool // those that wait, or waited, for a time
	NoTimers                              bool
	Failed                                bool   // with a message
	Message                               string // of the last failure
	RetriesLeft, NoRetriesLeft            bool
	Executable                            bool // due, with retries left
	Due                                   Between
	Tenant                                Tenant

	Order Order // id (the default), due, execution, instance, retries, tenant
	Page  Page
}

var jobOrders = columnOrder{"id": "id", "due": "due_at", "execution": "execution_id", "instance": "instance_id", "retries": "retries", "tenant": "tenant_id"}

// queueCondition says which queue, in the words by which the indexes of the jobs were made.
func queueCondition(queue string) string {
	switch queue {
	case Ready, Timer:
		return `queue IN ('ready', 'timer') AND queue = '` + queue + `'`
	case Suspended, Dead:
		return `queue IN ('suspended', 'dead') AND queue = '` + queue + `'`
	}
	return `1 = 0`
}

// Jobs returns a page of jobs and how many there are.
func (e *Engine) Jobs(ctx context.Context, jq JobQuery) ([]Job, int, error) {
	q := &query{}
	q.equal("id", jq.ID, "instance_id", jq.InstanceID, "execution_id", jq.ExecutionID, "definition_id", jq.DefinitionID, "activity_id", jq.ActivityID, "message", jq.Message)
	if jq.Queue != "" {
		q.Add(queueCondition(jq.Queue))
	}
	q.between("due_at", jq.Due)
	q.tenant("tenant_id", jq.Tenant)
	if jq.For != nil {
		jq.For.seen(q, "tenant_id")
		ofVisible(q, "instance_id", *jq.For)
	}
	for condition, on := range map[string]bool{`kind IN ('timer', 'start')`: jq.Timers, `kind NOT IN ('timer', 'start')`: jq.NoTimers, `message <> ''`: jq.Failed, `retries > 0`: jq.RetriesLeft || jq.Executable,
		`retries <= 0`: jq.NoRetriesLeft} {
		if on {
			q.Add(condition)
		}
	}
	if jq.Executable {
		q.Add(`queue IN ('ready', 'timer') AND due_at <= ?`, e.now().UnixMilli())
	}
	return list(ctx, e, q, jobColumns, `FROM jobs`, jq.Order.clause(q, jobOrders, `id`, "id"), jq.Page, scanInto((*Job).fields))
}

// SubscriptionQuery says which subscriptions to messages and signals are meant.
type SubscriptionQuery struct {
	For *Actor // those of instances that the actor may see; nil means everything

	ID, Kind, Name                                    string
	InstanceID, ExecutionID, DefinitionID, ActivityID string
	Tenant                                            Tenant
	Page                                              Page
}

// Subscriptions returns a page of subscriptions, the oldest first, and how many there are.
func (e *Engine) Subscriptions(ctx context.Context, sq SubscriptionQuery) ([]Subscription, int, error) {
	q := &query{}
	q.equal("id", sq.ID, "kind", sq.Kind, "name", sq.Name, "instance_id", sq.InstanceID, "execution_id", sq.ExecutionID, "definition_id", sq.DefinitionID, "activity_id", sq.ActivityID)
	q.tenant("tenant_id", sq.Tenant)
	if sq.For != nil {
		sq.For.seen(q, "tenant_id")
		ofVisible(q, "instance_id", *sq.For)
	}
	return list(ctx, e, q, subscriptionColumns, `FROM subscriptions`, ` ORDER BY id`, sq.Page, scanInto((*Subscription).fields))
}

// ActivityQuery says which visits of activities are meant. The zero value means all, ended
// or not, sequence flows excepted.
type ActivityQuery struct {
	For *Actor // what that actor may see: the visits of his instances; nil means everything

	ID, InstanceID, ExecutionID, DefinitionID string
	ActivityID, Name, Type                    string
	Assignee, TaskID, CalledID                string
	State                                     State // the zero value means both here
	Open                                      bool  // only those that have not ended
	Flows                                     bool  // sequence flows too
	Started, Finished                         Between
	Tenant                                    Tenant

	Order Order // started (the default, oldest first), ended, id, activity, name, type, instance, execution, definition, tenant, duration
	Page  Page
}

var activityOrders = columnOrder{"started": "a.started_at", "ended": "a.ended_at", "id": "a.id", "activity": "a.activity_id", "name": "a.name", "type": "a.type", "instance": "a.instance_id",
	"execution": "a.execution_id", "definition": "a.definition_id", "tenant": "a.tenant_id", "duration": "a.ended_at - a.started_at"}

// Activities returns a page of what instances have been through and how much there is.
func (e *Engine) Activities(ctx context.Context, aq ActivityQuery) ([]Activity, int, error) {
	q := &query{}
	q.equal("a.id", aq.ID, "a.instance_id", aq.InstanceID, "a.execution_id", aq.ExecutionID, "a.definition_id", aq.DefinitionID, "a.activity_id", aq.ActivityID, "a.name", aq.Name, "a.type", aq.Type,
		"a.assignee", aq.Assignee, "a.task_id", aq.TaskID, "a.called_id", aq.CalledID)
	q.between("a.started_at", aq.Started)
	q.between("a.ended_at", aq.Finished)
	q.tenant("a.tenant_id", aq.Tenant)
	if aq.State != Running {
		q.state("a.", aq.State)
	}
	if aq.Open {
		q.Add(`a.ended_at IS NULL`)
	}
	if !aq.Flows {
		q.Add(`a.type <> 'sequenceFlow'`)
	}
	if aq.For != nil {
		aq.For.seen(q, "a.tenant_id")
		ofVisible(q, "a.instance_id", *aq.For)
	}
	return list(ctx, e, q, of("a", activityColumns), `FROM activities a`, aq.Order.clause(q, activityOrders, `a.started_at, a.id`, "a.id"), aq.Page, scanInto((*Activity).fields))
}

func (a *Activity) fields() []any {
	return []any{&a.ID, &a.InstanceID, &a.DefinitionID, &a.ExecutionID, &a.ActivityID, &a.Name, &a.Type, &a.TaskID, &a.Assignee, &a.CalledID,
		store.Time(&a.StartedAt), store.Time(&a.EndedAt), &a.DeleteReason, &a.TenantID}
}
