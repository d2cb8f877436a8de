package engine

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sluicehq/sluice/internal/store"
)

// Actor is who gives a command.
type Actor struct {
	UserID string // empty: nobody, as for the engine's own jobs
	Groups []string
	Admin  bool // may act on what belongs to others
	// TenantID is whose he is: empty for the default tenant. Of what belongs to another
	// tenant he knows nothing, unless AllTenants, and then Admin says what he may do there.
	TenantID   string
	AllTenants bool
}

// Deployment is a set of resources that were deployed together.
type Deployment struct {
	ID         string // made by Deploy
	Name       string
	Category   string
	Key        string // what who deploys it calls it; may be empty. Of which app it is says AppOf
	TenantID   string
	DeployedAt time.Time
	Resources  []Resource // given to Deploy alone
}

// Resource is one file of a deployment.
type Resource struct {
	Name  string // path inside the deployment
	Bytes []byte
}

// Definition is one version of a process that can be started.
type Definition struct {
	ID           string // key:version:unique part
	Key          string
	Version      int
	Name         string
	Description  string
	Category     string
	DeploymentID string
	Resource     string
	StartForm    bool
	Diagram      bool
	Suspended    bool
	History      string // empty: the engine's level
	TenantID     string
	DeployedAt   time.Time
}

// Instance is a process that runs or has run.
type Instance struct {
	ID              string
	DefinitionID    string
	BusinessKey     string
	Name            string
	ParentID        string // the instance that called it
	ParentExecution string
	RootID          string
	StartedBy       string
	StartActivity   string
	StartedAt       time.Time
	EndedAt         time.Time // zero while it runs
	EndActivity     string
	DeleteReason    string
	Suspended       bool
	TenantID        string
}

// Task is something a person has to do, or has done.
type Task struct {
	ID           string
	InstanceID   string // empty: a task of its own
	ExecutionID  string
	DefinitionID string
	Key          string // the user task's id in the process
	ParentID     string
	Name         string
	Description  string
	Category     string
	Assignee     string
	Owner        string
	Delegation   string // empty, pending or resolved
	Priority     int
	FormKey      string
	CreatedAt    time.Time
	ClaimedAt    time.Time
	DueAt        time.Time
	EndedAt      time.Time
	EndedBy      string
	DeleteReason string
	Suspended    bool
	TenantID     string
}

// The states of a delegated task.
const (
	Pending  = "pending"
	Resolved = "resolved"
)

// Moment is a time that may be none.
type Moment struct{ At time.Time }

// Link says who has to do with a task, an instance or a definition.
type Link struct {
	TaskID       string
	InstanceID   string
	DefinitionID string
	Kind         string
	UserID       string
	GroupID      string
}

// The kinds of links that mean something here; there may be others.
const (
	Candidate   = "candidate"
	Participant = "participant"
	Starter     = "starter"
)

// Variable is a value with its name and scope.
type Variable struct {
	InstanceID  string
	ExecutionID string // the instance's id for the process itself
	TaskID      string // set for variables local to a task
	Name        string
	Type        string
	Value       any
	CreatedAt   time.Time
	UpdatedAt   time.Time
	EndedAt     time.Time
}

// Job is work for later: a timer, an asynchronous continuation, a call to the outside.
type Job struct {
	ID           string
	Queue        string // ready, timer, suspended or dead
	Kind         string
	InstanceID   string
	ExecutionID  string
	DefinitionID string
	ActivityID   string
	Payload      string
	DueAt        time.Time
	Repeat       string
	Done         int
	Retries      int
	Exclusive    bool
	LeaseOwner   string
	LeaseUntil   time.Time
	Message      string
	Trace        string
	CreatedAt    time.Time
	TenantID     string

	rev int64
}

// The queues of jobs.
const (
	Ready     = "ready"
	Timer     = "timer"
	Suspended = "suspended"
	Dead      = "dead"
)

// Subscription says that an execution, or a definition's start, waits for a message or
// a signal. One of kind compensate stands for an activity that can be undone.
type Subscription struct {
	ID           string
	Kind         string
	Name         string
	InstanceID   string
	ExecutionID  string
	DefinitionID string
	ActivityID   string
	CreatedAt    time.Time
	TenantID     string
}

// The kinds of subscriptions.
const (
	OfMessage    = "message"
	OfSignal     = "signal"
	OfCompensate = "compensate"
)

// Activity is one visit of an activity by an instance.
type Activity struct {
	ID           string
	InstanceID   string
	DefinitionID string
	ExecutionID  string
	ActivityID   string
	Name         string
	Type         string
	TaskID       string
	Assignee     string
	CalledID     string
	StartedAt    time.Time
	EndedAt      time.Time
	DeleteReason string
	TenantID     string
}

var historyLevels = []string{"none", "activity", "audit", "full"}

// newID returns an identifier that sorts by the time it was made.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// The columns of each record, in the order in which its scan function reads them.
const (
	definitionColumns   = `id, key, version, name, description, category, deployment_id, resource, start_form, diagram, suspended, history, tenant_id, deployed_at`
	instanceColumns     = `id, definition_id, business_key, name, parent_id, parent_execution, root_id, started_by, start_activity, started_at, ended_at, end_activity, delete_reason, suspended, tenant_id`
	taskColumns         = `id, instance_id, execution_id, definition_id, key, parent_id, name, description, category, assignee, owner, delegation, priority, form_key, created_at, claimed_at, due_at, ended_at, ended_by, delete_reason, suspended, tenant_id`
	jobColumns          = `id, queue, kind, instance_id, execution_id, definition_id, activity_id, payload, due_at, repeat, done, retries, exclusive, lease_owner, lease_until, message, trace, created_at, tenant_id, rev`
	subscriptionColumns = `id, kind, name, instance_id, execution_id, definition_id, activity_id, created_at, tenant_id`
	activityColumns     = `id, instance_id, definition_id, execution_id, activity_id, name, type, task_id, assignee, called_id, started_at, ended_at, delete_reason, tenant_id`
	linkColumns         = `task_id, instance_id, definition_id, kind, user_id, group_id`
)

func (d *Definition) fields() []any {
	return []any{&d.ID, &d.Key, &d.Version, &d.Name, &d.Description, &d.Category, &d.DeploymentID, &d.Resource, &d.StartForm, &d.Diagram, &d.Suspended, &d.History,
		&d.TenantID, store.Time(&d.DeployedAt)}
}

func (i *Instance) fields() []any {
	return []any{&i.ID, &i.DefinitionID, &i.BusinessKey, &i.Name, &i.ParentID, &i.ParentExecution, &i.RootID, &i.StartedBy, &i.StartActivity,
		store.Time(&i.StartedAt), store.Time(&i.EndedAt), &i.EndActivity, &i.DeleteReason, &i.Suspended, &i.TenantID}
}

func (t *Task) fields() []any {
	return []any{&t.ID, &t.InstanceID, &t.ExecutionID, &t.DefinitionID, &t.Key, &t.ParentID, &t.Name, &t.Description, &t.Category, &t.Assignee, &t.Owner,
		&t.Delegation, &t.Priority, &t.FormKey, store.Time(&t.CreatedAt), store.Time(&t.ClaimedAt), store.Time(&t.DueAt), store.Time(&t.EndedAt), &t.EndedBy,
		&t.DeleteReason, &t.Suspended, &t.TenantID}
}

func (j *Job) fields() []any {
	return []any{&j.ID, &j.Queue, &j.Kind, &j.InstanceID, &j.ExecutionID, &j.DefinitionID, &j.ActivityID, &j.Payload, store.Time(&j.DueAt), &j.Repeat, &j.Done,
		&j.Retries, &j.Exclusive, &j.LeaseOwner, store.Time(&j.LeaseUntil), &j.Message, &j.Trace, store.Time(&j.CreatedAt), &j.TenantID, &j.rev}
}

func (s *Subscription) fields() []any {
	return []any{&s.ID, &s.Kind, &s.Name, &s.InstanceID, &s.ExecutionID, &s.DefinitionID, &s.ActivityID, store.Time(&s.CreatedAt), &s.TenantID}
}

func (l *Link) fields() []any {
	return []any{&l.TaskID, &l.InstanceID, &l.DefinitionID, &l.Kind, &l.UserID, &l.GroupID}
}

// of puts a table's name before each of its columns.
func of(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}
