package api

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
)

func (p *Processes) registerTasks() {
	p.handle("GET runtime/tasks", p.listTasks)
	p.handle("POST runtime/tasks", p.newTask)
	p.handle("POST query/tasks", p.listTasks)
	p.handle("GET runtime/tasks/{id}", p.task)
	p.handle("PUT runtime/tasks/{id}", p.updateTask)
	p.handle("POST runtime/tasks/{id}", p.actOnTask)
	p.handle("DELETE runtime/tasks/{id}", p.deleteTask)
	p.handle("GET runtime/tasks/{id}/variables", p.taskVariables)
	p.handle("POST runtime/tasks/{id}/variables", p.setTaskVariables)
	p.handle("GET runtime/tasks/{id}/variables/{name}", p.taskVariable)
	p.handle("PUT runtime/tasks/{id}/variables/{name}", p.setTaskVariables)
	p.handle("GET runtime/tasks/{id}/variables/{name}/data", p.taskVariableData)
	p.handle("DELETE runtime/tasks/{id}/variables/{name}", p.deleteTaskVariable)
	p.handle("GET runtime/tasks/{id}/identitylinks", p.taskLinks)
	p.handle("POST runtime/tasks/{id}/identitylinks", p.addTaskLink)
	p.handle("DELETE runtime/tasks/{id}/identitylinks/{family}/{who}/{type}", p.deleteTaskLink)
	p.handle("GET runtime/tasks/{id}/comments", p.comments)
	p.handle("POST runtime/tasks/{id}/comments", p.addComment)
	p.handle("GET runtime/tasks/{id}/comments/{comment}", p.comment)
	p.handle("DELETE runtime/tasks/{id}/comments/{comment}", p.deleteComment)
	p.handle("GET runtime/tasks/{id}/attachments", p.attachments)
	p.handle("POST runtime/tasks/{id}/attachments", p.addAttachment)
	p.handle("GET runtime/tasks/{id}/attachments/{attachment}", p.attachment)
	p.handle("GET runtime/tasks/{id}/attachments/{attachment}/content", p.attachmentContent)
	p.handle("DELETE runtime/tasks/{id}/attachments/{attachment}", p.deleteAttachment)
}

type restTask struct {
	ID                   string         `json:"id"`
	URL                  string         `json:"url"`
	Owner                *string        `json:"owner"`
	Assignee             *string        `json:"assignee"`
	DelegationState      *string        `json:"delegationState"`
	Name                 string         `json:"name"`
	Description          *string        `json:"description"`
	CreateTime           stamp          `json:"createTime"`
	DueDate              stamp          `json:"dueDate"`
	Priority             int            `json:"priority"`
	Suspended            bool           `json:"suspended"`
	ClaimTime            stamp          `json:"claimTime"`
	TaskDefinitionKey    *string        `json:"taskDefinitionKey"`
	TenantID             string         `json:"tenantId"`
	Category             *string        `json:"category"`
	FormKey              *string        `json:"formKey"`
	ParentTaskID         *string        `json:"parentTaskId"`
	ParentTaskURL        *string        `json:"parentTaskUrl"`
	ExecutionID          *string        `json:"executionId"`
	ExecutionURL         *string        `json:"executionUrl"`
	ProcessInstanceID    *string        `json:"processInstanceId"`
	ProcessInstanceURL   *string        `json:"processInstanceUrl"`
	ProcessDefinitionID  *string        `json:"processDefinitionId"`
	ProcessDefinitionURL *string        `json:"processDefinitionUrl"`
	Variables            []restVariable `json:"variables"`
}

// link is the address of a thing, nil when there is none.
func (v *visit) link(id string, parts ...string) *string {
	if id == "" {
		return nil
	}
	a := v.address(append(parts, id)...)
	return &a
}

func (v *visit) task(t *engine.Task) restTask {
	return restTask{ID: t.ID, URL: v.address("runtime", "tasks", t.ID), Owner: orNil(t.Owner), Assignee: orNil(t.Assignee), DelegationState: orNil(t.Delegation), Name: t.Name,
		Description: orNil(t.Description), CreateTime: stamp(t.CreatedAt), DueDate: stamp(t.DueAt), Priority: t.Priority, Suspended: t.Suspended, ClaimTime: stamp(t.ClaimedAt),
		TaskDefinitionKey: orNil(t.Key), TenantID: t.TenantID, Category: orNil(t.Category), FormKey: orNil(t.FormKey), ParentTaskID: orNil(t.ParentID),
		ParentTaskURL: v.link(t.ParentID, "runtime", "tasks"), ExecutionID: orNil(t.ExecutionID), ExecutionURL: v.link(t.ExecutionID, "runtime", "executions"),
		ProcessInstanceID: orNil(t.InstanceID), ProcessInstanceURL: v.link(t.InstanceID, "runtime", "process-instances"), ProcessDefinitionID: orNil(t.DefinitionID),
		ProcessDefinitionURL: v.link(t.DefinitionID, "repository", "process-definitions"), Variables: []restVariable{}}
}

// taskQuery reads what both lists of tasks, open and of history, have in common; those of
// history put task before some words.
func (p *Processes) taskQuery(v *visit, r *reader, l *listing) engine.TaskQuery {
	w := r.words
	first := func(names ...string) string {
		for _, n := range names {
			if t := w.text(n); t != "" {
				return t
			}
		}
		return ""
	}
	q := engine.TaskQuery{For: v.seen(), ID: w.text("taskId"), Name: first("name", "taskName"), NameLike: first("nameLike", "taskNameLike"), Description: first("description", "taskDescription"),
		DescriptionLike: first("descriptionLike", "taskDescriptionLike"), Key: first("taskDefinitionKey"), KeyLike: first("taskDefinitionKeyLike"), Category: first("category", "taskCategory"),
		Assignee: first("assignee", "taskAssignee"), AssigneeLike: first("assigneeLike", "taskAssigneeLike"), Owner: first("owner", "taskOwner"), OwnerLike: first("ownerLike", "taskOwnerLike"),
		Unassigned: r.is("unassigned"), Delegation: w.text("delegationState"), Involved: first("involvedUser", "taskInvolvedUser"), ExecutionID: w.text("executionId"), InstanceID: w.text("processInstanceId"),
		InstanceIDs: r.list("processInstanceIdIn"), BusinessKey: first("processInstanceBusinessKey", "processBusinessKey"), BusinessKeyLike: first("processInstanceBusinessKeyLike", "processBusinessKeyLike"),
		DefinitionID: w.text("processDefinitionId"), DefinitionKey: w.text("processDefinitionKey"), DefinitionKeyLike: w.text("processDefinitionKeyLike"), DefinitionName: w.text("processDefinitionName"),
		DeploymentID: w.text("deploymentId"), ParentID: w.text("parentTaskId"), NoSubtasks: r.is("excludeSubTasks"), Priority: r.number("priority"), MinPriority: r.number("minimumPriority"), MaxPriority: r.number("maximumPriority"),
		Created: r.between("createdAfter", "createdBefore"), Due: r.between("dueAfter", "dueBefore"), WithoutDue: r.is("withoutDueDate"), Tenant: r.tenant(),
		Variables: r.filters("taskVariables"), InstanceVariables: r.filters("processInstanceVariables"), Page: l.page()}
	q.NameLikeFold, q.DescriptionLikeFold = first("nameLikeIgnoreCase", "taskNameLikeIgnoreCase"), first("descriptionLikeIgnoreCase", "taskDescriptionLikeIgnoreCase")
	q.AssigneeLikeFold, q.OwnerLikeFold = first("assigneeLikeIgnoreCase", "taskAssigneeLikeIgnoreCase"), first("ownerLikeIgnoreCase", "taskOwnerLikeIgnoreCase")
	q.BusinessKeyLikeFold, q.DefinitionKeyLikeFold = first("processInstanceBusinessKeyLikeIgnoreCase", "processBusinessKeyLikeIgnoreCase"), w.text("processDefinitionKeyLikeIgnoreCase")
	if active := r.truth("active"); active != nil {
		suspended := !*active
		q.Suspended = &suspended
	}
	p.candidates(v, r, &q)
	return q
}

// candidates reads who may claim. A user's own groups count with him; of another user
// only an administrator may ask, and gets what names that user alone.
func (p *Processes) candidates(v *visit, r *reader, q *engine.TaskQuery) {
	of := func(user string) *engine.Actor {
		if user == v.actor.UserID {
			return &engine.Actor{UserID: user, Groups: v.actor.Groups}
		}
		return &engine.Actor{UserID: user}
	}
	if user := r.text("candidateUser"); user != "" {
		q.Candidate = of(user)
	}
	if groups := r.list("candidateGroups"); len(groups) > 0 {
		q.Candidate = &engine.Actor{Groups: groups}
	}
	if group := r.text("candidateGroup"); group != "" {
		q.Candidate = &engine.Actor{Groups: []string{group}}
	}
	if user := r.text("candidateOrAssigned"); user != "" {
		q.CandidateOrAssigned = of(user)
	}
}

var taskSorts = map[string]string{"id": "id", "name": "name", "description": "description", "dueDate": "due", "createTime": "created", "priority": "priority", "executionId": "execution",
	"processInstanceId": "instance", "tenantId": "tenant"}

func (p *Processes) listTasks(v *visit) (any, error) {
	w, l, err := v.asked()
	if err != nil {
		return nil, err
	}
	r := &reader{words: w}
	q := p.taskQuery(v, r, l)
	if q.Order, err = l.sorted(taskSorts, "id"); err != nil || r.err != nil {
		return nil, errors.Join(err, r.err)
	}
	all, total, err := p.engine.Tasks(v.Context(), q)
	if err != nil {
		return nil, err
	}
	return tellWith(p, v, r, l, all, total, v.task, v.shelfOfTask)
}

// open returns an open task that the caller may see.
func (p *Processes) open(v *visit) (*engine.Task, error) {
	t, err := p.engine.Task(v.Context(), v.actor, v.PathValue("id"))
	if err == nil && !t.EndedAt.IsZero() {
		err = fault.New(fault.NotFound, "Could not find a task with id %q.", v.PathValue("id"))
	}
	return t, err
}

func (p *Processes) task(v *visit) (any, error) {
	t, err := p.open(v)
	if err != nil {
		return nil, err
	}
	return v.task(t), nil
}

// taskRequest is what a task is made of, or changed to; what is not there stays.
type taskRequest struct {
	Name, Description, Owner, Assignee, Category, ParentTaskID, TenantID, FormKey *string
	Priority                                                                      *int
	DueDate                                                                       *string
	DelegationState                                                               *string
}

func (b *taskRequest) due() (*engine.Moment, error) {
	if b.DueDate == nil {
		return nil, nil
	}
	at, err := engineTime(*b.DueDate)
	return &engine.Moment{At: at}, err
}

func (p *Processes) newTask(v *visit) (any, error) {
	var body taskRequest
	if err := v.body(&body); err != nil {
		return nil, err
	}
	due, err := body.due()
	if err != nil {
		return nil, err
	}
	from := engine.Task{Name: value(body.Name), Description: value(body.Description), Owner: value(body.Owner), Assignee: value(body.Assignee), Category: value(body.Category),
		ParentID: value(body.ParentTaskID), TenantID: value(body.TenantID), FormKey: value(body.FormKey)}
	if body.Priority != nil {
		from.Priority = *body.Priority
	}
	if due != nil {
		from.DueAt = due.At
	}
	if from.Owner == "" {
		from.Owner = v.actor.UserID // or nobody could do anything with it
	}
	t, err := p.engine.NewTask(v.Context(), v.actor, from)
	if err != nil {
		return nil, err
	}
	return created{v.task(t)}, nil
}

func (p *Processes) updateTask(v *visit) (any, error) {
	var body taskRequest
	if err := v.body(&body); err != nil {
		return nil, err
	}
	due, err := body.due()
	if err != nil {
		return nil, err
	}
	id := v.PathValue("id")
	if body.Assignee != nil {
		if err := p.engine.Assign(v.Context(), v.actor, id, *body.Assignee); err != nil {
			return nil, err
		}
	}
	err = p.engine.UpdateTask(v.Context(), v.actor, id, engine.TaskChange{Name: body.Name, Description: body.Description, Category: body.Category, Owner: body.Owner, FormKey: body.FormKey,
		ParentID: body.ParentTaskID, Priority: body.Priority, DueAt: due})
	if err != nil {
		return nil, err
	}
	return p.task(v)
}

// actOnTask completes, claims, delegates or resolves a task.
func (p *Processes) actOnTask(v *visit) (any, error) {
	var body struct {
		Action    string
		Assignee  *string
		Outcome   string
		Variables []restVariable
	}
	if err := v.body(&body); err != nil {
		return nil, err
	}
	given, err := values(body.Variables)
	if err != nil {
		return nil, err
	}
	id, ctx := v.PathValue("id"), v.Context()
	switch body.Action {
	case "complete":
		err = p.engine.Complete(ctx, v.actor, id, engine.CompleteOptions{Variables: given, Outcome: body.Outcome})
	case "claim":
		if value(body.Assignee) == "" {
			err = p.engine.Unclaim(ctx, v.actor, id) // as Activiti: claimed by nobody
		} else {
			err = p.engine.ClaimFor(ctx, v.actor, id, *body.Assignee)
		}
	case "delegate":
		if value(body.Assignee) == "" {
			return nil, fault.New(fault.Invalid, "An assignee is required when delegating a task.")
		}
		err = p.engine.Delegate(ctx, v.actor, id, *body.Assignee)
	case "resolve":
		err = p.engine.Resolve(ctx, v.actor, id, given)
	default:
		err = fault.New(fault.Invalid, "Invalid action: %q.", body.Action)
	}
	return nil, err
}

func (p *Processes) deleteTask(v *visit) (any, error) {
	return gone{}, p.engine.DeleteTask(v.Context(), v.actor, v.PathValue("id"), v.URL.Query().Get("deleteReason"))
}

func (p *Processes) taskVariablesSeen(v *visit) (map[string]engine.Variable, error) {
	if _, err := p.open(v); err != nil {
		return nil, err
	}
	return p.engine.TaskVariables(v.Context(), v.PathValue("id"))
}

func ofTask(x *engine.Variable) bool { return x.TaskID != "" }

// ofTask is the path of the variables of the task that the path names.
func (v *visit) ofTask() string {
	return v.address("runtime", "tasks", v.PathValue("id"), "variables")
}

func (p *Processes) taskVariables(v *visit) (any, error) {
	all, err := p.taskVariablesSeen(v)
	if err != nil {
		return nil, err
	}
	return variableList(all, ofTask, v.URL.Query().Get("scope"), v.ofTask())
}

func (p *Processes) taskVariable(v *visit) (any, error) {
	all, err := p.taskVariablesSeen(v)
	if err != nil {
		return nil, err
	}
	return oneVariable(all, v.PathValue("name"), ofTask, v.ofTask())
}

func (p *Processes) setTaskVariables(v *visit) (any, error) {
	list, err := p.sent(v)
	if err != nil {
		return nil, err
	}
	return p.setVariables(v, list, v.ofTask(), func(given map[string]any) error {
		return p.engine.SetTaskVariables(v.Context(), v.actor, v.PathValue("id"), given, list[0].Scope != "global")
	})
}

func (p *Processes) deleteTaskVariable(v *visit) (any, error) {
	return gone{}, p.engine.RemoveTaskVariables(v.Context(), v.actor, v.PathValue("id"), v.PathValue("name"))
}

func (p *Processes) taskLinks(v *visit) (any, error) {
	if _, err := p.open(v); err != nil {
		return nil, err
	}
	links, err := p.engine.Links(v.Context(), v.PathValue("id"), "", "")
	return restLinks(links), err
}

type restLinkRequest struct{ User, Group, Type string }

func (p *Processes) addTaskLink(v *visit) (any, error) {
	var body restLinkRequest
	if err := v.body(&body); err != nil {
		return nil, err
	}
	l := engine.Link{TaskID: v.PathValue("id"), Kind: body.Type, UserID: body.User, GroupID: body.Group}
	if err := p.engine.AddLink(v.Context(), v.actor, l); err != nil {
		return nil, err
	}
	return created{restLinks([]engine.Link{l})[0]}, nil
}

func (p *Processes) deleteTaskLink(v *visit) (any, error) {
	l := engine.Link{TaskID: v.PathValue("id"), Kind: v.PathValue("type")}
	switch v.PathValue("family") {
	case "users":
		l.UserID = v.PathValue("who")
	case "groups":
		l.GroupID = v.PathValue("who")
	default:
		return nil, fault.New(fault.Invalid, "Identity link family should be 'users' or 'groups'.")
	}
	return gone{}, p.engine.RemoveLink(v.Context(), v.actor, l)
}

type restComment struct {
	ID                 string  `json:"id"`
	Author             string  `json:"author"`
	Message            string  `json:"message"`
	Time               stamp   `json:"time"`
	TaskID             *string `json:"taskId"`
	TaskURL            *string `json:"taskUrl"`
	ProcessInstanceID  *string `json:"processInstanceId"`
	ProcessInstanceURL *string `json:"processInstanceUrl"`
}

func (v *visit) comment(c *engine.Comment) restComment {
	return restComment{ID: strconv.FormatInt(c.ID, 10), Author: c.UserID, Message: c.Message, Time: stamp(c.At), TaskID: orNil(c.TaskID), TaskURL: v.link(c.TaskID, "runtime", "tasks"),
		ProcessInstanceID: orNil(c.InstanceID), ProcessInstanceURL: v.link(c.InstanceID, "runtime", "process-instances")}
}

func (p *Processes) comments(v *visit) (any, error) {
	return p.commentsOn(v, v.PathValue("id"), "")
}

// commentsOn lists the comments on a task or on an instance.
func (p *Processes) commentsOn(v *visit, task, instance string) (any, error) {
	all, _, err := p.engine.Comments(v.Context(), v.actor, engine.CommentQuery{TaskID: task, InstanceID: instance, Page: engine.Page{Limit: engine.MaxPage}})
	list := make([]restComment, len(all))
	for i := range all {
		list[i] = v.comment(&all[i])
	}
	return list, err
}

func (p *Processes) addComment(v *visit) (any, error) {
	var body struct{ Message string }
	if err := v.body(&body); err != nil {
		return nil, err
	}
	c, err := p.engine.AddComment(v.Context(), v.actor, v.PathValue("id"), "", body.Message)
	if err != nil {
		return nil, err
	}
	return created{v.comment(c)}, nil
}

// ofThis returns the comment that the path names, when it is the task's.
func (p *Processes) ofThis(v *visit) (*engine.Comment, error) {
	id, err := v.pathNumber("comment")
	if err != nil {
		return nil, err
	}
	c, err := p.engine.Comment(v.Context(), v.actor, id)
	if err == nil && c.TaskID != v.PathValue("id") {
		err = fault.New(fault.NotFound, "Task %q doesn't have a comment with id %d.", v.PathValue("id"), id)
	}
	return c, err
}

func (p *Processes) comment(v *visit) (any, error) {
	c, err := p.ofThis(v)
	if err != nil {
		return nil, err
	}
	return v.comment(c), nil
}

func (p *Processes) deleteComment(v *visit) (any, error) {
	c, err := p.ofThis(v)
	if err != nil {
		return nil, err
	}
	return gone{}, p.engine.DeleteComment(v.Context(), v.actor, c.ID)
}

type restAttachment struct {
	ID          string  `json:"id"`
	URL         string  `json:"url"`
	Name        string  `json:"name"`
	UserID      string  `json:"userId"`
	Description *string `json:"description"`
	Type        string  `json:"type"`
	TaskURL     *string `json:"taskUrl"`
	InstanceURL *string `json:"processInstanceUrl"`
	ExternalURL *string `json:"externalUrl"`
	ContentURL  *string `json:"contentUrl"`
	Time        stamp   `json:"time"`
}

func (v *visit) attachment(a *engine.Attachment) restAttachment {
	id := strconv.FormatInt(a.ID, 10)
	r := restAttachment{ID: id, URL: v.address("runtime", "tasks", a.TaskID, "attachments", id), Name: a.Name, UserID: a.UserID, Description: orNil(a.Description), Type: a.MediaType,
		TaskURL: v.link(a.TaskID, "runtime", "tasks"), InstanceURL: v.link(a.InstanceID, "runtime", "process-instances"), ExternalURL: orNil(a.URL), Time: stamp(a.At)}
	if a.URL == "" {
		content := r.URL + "/content"
		r.ContentURL = &content
	}
	return r
}

func (p *Processes) attachments(v *visit) (any, error) {
	all, _, err := p.engine.Attachments(v.Context(), v.actor, engine.AttachmentQuery{TaskID: v.PathValue("id"), Page: engine.Page{Limit: engine.MaxPage}})
	list := make([]restAttachment, len(all))
	for i := range all {
		list[i] = v.attachment(&all[i])
	}
	return list, err
}

// addAttachment takes the address of a content as JSON, or the content itself as a
// multipart body: name, description and type first, then the file.
func (p *Processes) addAttachment(v *visit) (any, error) {
	a := engine.Attachment{TaskID: v.PathValue("id"), Related: true}
	if !strings.HasPrefix(v.Header.Get("Content-Type"), "multipart/form-data") {
		var body struct{ Name, Description, Type, ExternalURL string }
		if err := v.body(&body); err != nil {
			return nil, err
		}
		a.Name, a.Description, a.MediaType, a.URL = body.Name, body.Description, body.Type, body.ExternalURL
		return p.kept(v, a, nil)
	}
	parts, err := v.MultipartReader()
	if err != nil {
		return nil, unread(err)
	}
	for range 50 {
		part, err := parts.NextPart()
		if err != nil {
			break
		}
		if part.FileName() != "" {
			if a.Name == "" {
				a.Name = part.FileName()
			}
			if a.MediaType == "" {
				a.MediaType = part.Header.Get("Content-Type")
			}
			return p.kept(v, a, part)
		}
		text, err := io.ReadAll(io.LimitReader(part, maxEngineText))
		if err != nil {
			return nil, unread(err)
		}
		switch part.FormName() {
		case "name":
			a.Name = string(text)
		case "description":
			a.Description = string(text)
		case "type":
			a.MediaType = string(text)
		}
	}
	return nil, fault.New(fault.Invalid, "Attachment content is required.")
}

func (p *Processes) kept(v *visit, a engine.Attachment, r io.Reader) (any, error) {
	done, err := p.engine.AddAttachment(v.Context(), v.actor, a, r)
	if err != nil {
		return nil, err
	}
	return created{v.attachment(done)}, nil
}

// attached returns the content that the path names, when it is the task's.
func (p *Processes) attached(v *visit) (*engine.Attachment, error) {
	id, err := v.pathNumber("attachment")
	if err != nil {
		return nil, err
	}
	a, err := p.engine.Attachment(v.Context(), v.actor, id)
	if err == nil && a.TaskID != v.PathValue("id") {
		err = fault.New(fault.NotFound, "Task %q doesn't have an attachment with id %d.", v.PathValue("id"), id)
	}
	return a, err
}

func (p *Processes) attachment(v *visit) (any, error) {
	a, err := p.attached(v)
	if err != nil {
		return nil, err
	}
	return v.attachment(a), nil
}

func (p *Processes) attachmentContent(v *visit) (any, error) {
	a, err := p.attached(v)
	if err != nil {
		return nil, err
	}
	if a.URL != "" {
		return nil, fault.New(fault.NotFound, "The attachment %d has an address, and no content here.", a.ID)
	}
	return stream{kind: a.MediaType, name: a.Name, size: a.Size, to: func(w io.Writer) error { return p.engine.Content(v.Context(), a, w) }}, nil
}

func (p *Processes) deleteAttachment(v *visit) (any, error) {
	a, err := p.attached(v)
	if err != nil {
		return nil, err
	}
	return gone{}, p.engine.DeleteAttachment(v.Context(), v.actor, a.ID)
}
