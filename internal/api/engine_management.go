package api

import (
	"errors"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

// jobQueues are the paths of jobs.
var jobQueues = map[string]string{"jobs": engine.Ready, "timer-jobs": engine.Timer, "suspended-jobs": engine.Suspended, "deadletter-jobs": engine.Dead}

func (p *Processes) registerManagement() {
	for path, queue := range jobQueues {
		p.with(manageCapability, "GET management/"+path, func(v *visit) (any, error) { return p.listJobs(v, queue) })
		p.with(manageCapability, "GET management/"+path+"/{id}", func(v *visit) (any, error) { return p.job(v, queue) })
		p.with(manageCapability, "POST management/"+path+"/{id}", func(v *visit) (any, error) { return p.actOnJob(v, queue) })
		p.with(manageCapability, "DELETE management/"+path+"/{id}", func(v *visit) (any, error) { return p.deleteJob(v, queue) })
		p.with(manageCapability, "GET management/"+path+"/{id}/exception-stacktrace", func(v *visit) (any, error) { return p.jobTrace(v, queue) })
	}
	p.with(manageCapability, "GET management/engine", func(*visit) (any, error) {
		return struct {
			Name        string  `json:"name"`
			ResourceURL *string `json:"resourceUrl"`
			Exception   *string `json:"exception"`
			Version     string  `json:"version"`
		}{Name: "default", Version: activitiVersion}, nil
	})
	p.with(manageCapability, "GET management/properties", p.properties)
	for _, path := range []string{"tables", "tables/{name}", "tables/{name}/columns", "tables/{name}/data"} {
		p.with(manageCapability, "GET management/"+path, noTables)
	}
}

// activitiVersion is the version of Activiti whose API this is.
const activitiVersion = "6.0.0"

// properties tells of the engine what is so: the version of its schema, which is this
// server's own, and the history that it keeps.
func (p *Processes) properties(v *visit) (any, error) {
	return p.engine.Properties(v.Context())
}

// noTables refuses to show tables: their names and columns are this server's own and no
// promise, other than Activiti's, and they hold what belongs to all tenants.
func noTables(*visit) (any, error) {
	return nil, fault.New(fault.NotFound, "The tables of this server are its own, not Activiti's, and are not shown: use the other operations of this API.")
}

type restJob struct {
	ID                   string  `json:"id"`
	URL                  string  `json:"url"`
	ProcessInstanceID    *string `json:"processInstanceId"`
	ProcessInstanceURL   *string `json:"processInstanceUrl"`
	ProcessDefinitionID  *string `json:"processDefinitionId"`
	ProcessDefinitionURL *string `json:"processDefinitionUrl"`
	ExecutionID          *string `json:"executionId"`
	ExecutionURL         *string `json:"executionUrl"`
	ElementID            *string `json:"elementId"`
	Type                 string  `json:"jobType"`
	Retries              int     `json:"retries"`
	ExceptionMessage     *string `json:"exceptionMessage"`
	DueDate              stamp   `json:"dueDate"`
	CreateTime           stamp   `json:"createTime"`
	TenantID             string  `json:"tenantId"`
}

func (v *visit) job(j *engine.Job, path string) restJob {
	return restJob{ID: j.ID, URL: v.address("management", path, j.ID), ProcessInstanceID: orNil(j.InstanceID), ProcessInstanceURL: v.link(j.InstanceID, "runtime", "process-instances"),
		ProcessDefinitionID: orNil(j.DefinitionID), ProcessDefinitionURL: v.link(j.DefinitionID, "repository", "process-definitions"), ExecutionID: orNil(j.ExecutionID),
		ExecutionURL: v.link(j.ExecutionID, "runtime", "executions"), ElementID: orNil(j.ActivityID), Type: j.Kind, Retries: j.Retries, ExceptionMessage: orNil(j.Message), DueDate: stamp(j.DueAt),
		CreateTime: stamp(j.CreatedAt), TenantID: j.TenantID}
}

// pathOf is the path that a request's jobs have.
func (v *visit) pathOf() string {
	path, _, _ := strings.Cut(strings.TrimPrefix(v.URL.Path, enginePrefix+"management/"), "/")
	return path
}

func (p *Processes) listJobs(v *visit, queue string) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := engine.JobQuery{For: v.seen(), Queue: queue, ID: w.text("id"), InstanceID: w.text("processInstanceId"), ExecutionID: w.text("executionId"), DefinitionID: w.text("processDefinitionId"), RetriesLeft: r.is("withRetriesLeft"),
		Executable: r.is("executable"), Timers: r.is("timersOnly"), NoTimers: r.is("messagesOnly"), Failed: r.is("withException"), Message: w.text("exceptionMessage"),
		Due: r.between("dueAfter", "dueBefore"), Tenant: r.tenant(), Page: l.page()}
	if q.Timers && q.NoTimers {
		return nil, fault.New(fault.Invalid, "Only one of 'timersOnly' or 'messagesOnly' can be provided.")
	}
	q.Order, err = l.sorted(map[string]string{"id": "id", "dueDate": "due", "executionId": "execution", "processInstanceId": "instance", "retries": "retries", "tenantId": "tenant"}, "id")
	if err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Jobs(v.Context(), q)
	return tell(l, all, total, func(j *engine.Job) restJob { return v.job(j, v.pathOf()) }), err
}

// found returns the job that the path names, when it is in that queue.
func (p *Processes) found(v *visit, queue string) (*engine.Job, error) {
	id := v.PathValue("id")
	all, _, err := p.engine.Jobs(v.Context(), engine.JobQuery{For: v.seen(), ID: id, Queue: queue})
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "Could not find a job with id %q.", id)
	}
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

func (p *Processes) job(v *visit, queue string) (any, error) {
	j, err := p.found(v, queue)
	if err != nil {
		return nil, err
	}
	return v.job(j, v.pathOf()), nil
}

// actOnJob runs a job now, or moves it to those that are ready.
func (p *Processes) actOnJob(v *visit, queue string) (any, error) {
	var body struct{ Action string }
	if err := v.body(&body); err != nil {
		return nil, err
	}
	j, err := p.found(v, queue)
	if err != nil {
		return nil, err
	}
	switch {
	case body.Action == "execute":
		err = p.engine.ExecuteJob(v.Context(), v.actor, j.ID)
	case body.Action == "move" && (queue == engine.Dead || queue == engine.Timer):
		err = p.engine.MoveJob(v.Context(), v.actor, j.ID)
	default:
		err = fault.New(fault.Invalid, "Invalid action: %q.", body.Action)
	}
	return gone{}, err
}

func (p *Processes) deleteJob(v *visit, queue string) (any, error) {
	j, err := p.found(v, queue)
	if err != nil {
		return nil, err
	}
	return gone{}, p.engine.DeleteJob(v.Context(), v.actor, j.ID)
}

func (p *Processes) jobTrace(v *visit, queue string) (any, error) {
	j, err := p.found(v, queue)
	if err != nil {
		return nil, err
	}
	if j.Trace == "" {
		return nil, fault.New(fault.NotFound, "Job with id %q doesn't have an exception stacktrace.", j.ID)
	}
	return file{kind: "text/plain; charset=UTF-8", bytes: []byte(j.Trace)}, nil
}
