package api

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/pdf"
)

// registerAuditFiles adds the audits that people print.
func (a *API) registerAuditFiles() {
	a.process("GET /app/rest/process-instances/{processInstanceId}/audit", a.instanceAuditFile).about(nil, file{})
	a.process("GET /app/rest/tasks/{taskId}/audit", a.taskAuditFile).about(nil, file{})
}

// report is the text of an audit.
type report []pdf.Line

func (r *report) head(format string, args ...any) {
	*r = append(*r, pdf.Line{}, pdf.Line{Text: fmt.Sprintf(format, args...), Bold: true})
}

// tell adds a line of a name and a value, where there is one.
func (r *report) tell(name, text string) {
	if text != "" {
		*r = append(*r, pdf.Line{Text: name + ": " + text, Indent: 2})
	}
}

// told is a moment as an audit writes it; empty for none.
func (t auditTime) told() string {
	at := time.Time(t)
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(auditForm)
}

func (r *report) fields(outcome *string, fields []auditField) {
	for _, f := range fields {
		r.tell(f.Name, f.Value)
	}
	r.tell("Outcome", value(outcome))
}

func (r *report) file(title string) file {
	return file{kind: "application/pdf", bytes: pdf.Write(title, *r)}
}

// entryNames are what kinds of entries are called on paper.
var entryNames = map[string]string{"startForm": "Start form", "activityExecuted": "Activity", "taskCreated": "Task created", "taskCompleted": "Task completed"}

func (a *API) instanceAuditFile(v *visit) (any, error) {
	i, err := a.foundInstance(v)
	if err != nil {
		return nil, err
	}
	audit, err := a.auditOf(v, i)
	if err != nil {
		return nil, err
	}
	r := &report{{Text: "Process instance " + value(audit.Name), Bold: true}}
	r.tell("Id", audit.ID)
	r.tell("Process", value(audit.DefinitionName)+", version "+audit.DefinitionVersion)
	r.tell("Started by", value(audit.Initiator))
	r.tell("Started", audit.Started.told())
	r.tell("Ended", audit.Ended.told())
	for n := range audit.Entries {
		e := &audit.Entries[n]
		r.head("%d. %s %s", e.Index, entryNames[e.Type], value(e.ActivityName))
		r.tell("Time", e.Timestamp.told())
		r.tell("Element", value(e.ActivityID))
		r.tell("Type", value(e.ActivityType))
		r.tell("Assignee", value(e.TaskAssignee))
		r.fields(e.Outcome, e.FormData)
	}
	return r.file("Audit of " + audit.ID), nil
}

func (a *API) taskAuditFile(v *visit) (any, error) {
	answer, err := a.taskAudit(v)
	if err != nil {
		return nil, err
	}
	audit := answer.(*taskAudit)
	r := &report{{Text: "Task " + audit.TaskName, Bold: true}}
	r.tell("Id", audit.TaskID)
	r.tell("Process", value(audit.DefinitionName))
	r.tell("Assignee", value(audit.Assignee))
	r.tell("Created", audit.StartTime.told())
	r.tell("Ended", audit.EndTime.told())
	if len(audit.FormData) > 0 || audit.Outcome != nil {
		r.head("Form")
		r.fields(audit.Outcome, audit.FormData)
	}
	if len(audit.Comments) > 0 {
		r.head("Comments")
	}
	for _, c := range audit.Comments {
		r.tell(c.Author, c.Message)
	}
	return r.file("Audit of " + audit.TaskID), nil
}
